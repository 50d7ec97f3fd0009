// SPDX-License-Identifier: GPL-2.0-or-later
/* An interface's life: start, another configuration, a new interface of the name, stop. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "nft/handover.h"
#include "nft/open.h"
#include "src/flows.h"
#include "src/instance_impl.h"
#include "src/log.h"

/* Hairpin flows in conntrack look like the host's own, but their port has a live binding. */
static bool port_bound(unsigned proto, const struct net_addr *ext, uint16_t port, void *data)
{
	const struct instance *inst = data;
	struct binding b;

	return inst->engine &&
	       !dataplane_find_external(engine_dataplane(inst->engine), 1u << proto, ext, port, &b);
}

/* A masqueraded flow that took a bound port would lose its replies to the binding: move it. */
static void evict_flow(struct instance *inst, const struct ct_flow *flow)
{
	bool masqueraded = !net_addr_eq(&flow->src, &flow->rdst) || flow->sport != flow->rdport;

	if (!masqueraded ||
	    !port_bound((unsigned)__builtin_ctz(flow->proto), &flow->rdst, flow->rdport, inst))
		return;
	if (!ct_del(inst->ct, flow, NULL))
		log_info("%s: masquerade had put a new %s flow on port %u, which has a binding; "
			 "it gets another port",
			 inst->cif->name, proto_name(flow->proto), flow->rdport);
}

static void on_flow(enum ct_event ev, const struct ct_flow *flow, void *data)
{
	struct instance *inst = data;

	switch (ev) {
	case CT_NEW:
		evict_flow(inst, flow);
		if (owners_flow_add(inst->owners, flow, inst->link.addr, inst->link.n_addr) < 0)
			inst->ct_lost = true;
		break;
	case CT_DESTROY:
		owners_flow_del(inst->owners, flow);
		break;
	}
}

/*
 * Fresh start: the port split first, without a claim, so that masquerade stays out of the slice
 * from here on; then conntrack shows for good which ports it holds; then the claim.
 */
static int start_rules(struct instance *inst, struct err *err)
{
	bool fresh = !engine_taken_over(inst->engine);
	int ret = 0;

	if (fresh) {
		instance_suspend(inst, true);
		ret = instance_apply(inst, err);
		instance_suspend(inst, false);
	}
	if (!ret)
		ret = observe_flows(&inst->link, inst->ct, inst->owners, err);
	if (!ret)
		ret = instance_apply(inst, err);
	if (!ret && fresh)
		ret = flows_purge_stray(inst->ct, engine_dataplane(inst->engine), inst->plan,
					&inst->link, PROTO_ALL, err);
	return ret < 0 ? ret : 0;
}

/* All that is claimed now. */
static struct flows_scope claimed_scope(const struct instance *inst)
{
	return (struct flows_scope){ .dp = engine_dataplane(inst->engine),
				     .prefixes = inst->plan ? &inst->plan->nft.npt_internal : NULL,
				     .keep = instance_npt_keep(inst),
				     .fresh = &inst->networks.fresh };
}

void instance_purge_claimed(struct instance *inst)
{
	struct flows_scope of;
	struct err ignored;

	networks_look(&inst->networks, inst->link.ifindex, &ignored);
	of = claimed_scope(inst);
	flows_purge_bound(inst->ct, &of, &inst->link, &ignored);
	if (!inst->plan)
		return;
	flows_purge_stray(inst->ct, engine_dataplane(inst->engine), inst->plan, &inst->link,
			  PROTO_ALL, &ignored);
	flows_purge_prefixes(inst->ct, &of, &inst->link, &ignored);
}

/*
 * Twice, since until the programs are off they translate answers that were on their way, and such
 * an answer makes an entry without NAT, in which the host's next packet would leave.
 */
static void release_all(struct instance *inst)
{
	struct err ignored;

	instance_purge_claimed(inst);
	engine_detach(inst->engine, &ignored);
	instance_purge_claimed(inst);
}

static void undo_start(struct instance *inst)
{
	struct err ignored;

	if (inst->engine && engine_taken_over(inst->engine)) {
		log_warn("%s: the data plane of the earlier einat stays in charge",
			 inst->cif->name);
		return;
	}
	if (!inst->engine)
		return; /* nothing was written yet */
	hairpin_remove(inst->cif->name, &ignored);
	nft_table_remove(inst->cif->name, &ignored);
	release_all(inst);
}

static int start_link(struct instance *inst, struct err *err)
{
	int ret = 0;

	if (!inst->foreign) /* else they are followed */
		ret = observe_foreign(inst->cif, &inst->link, inst->owners, &inst->foreign, err);
	if (!ret)
		ret = observe_sockets(&inst->link, inst->owners, err);
	if (!ret)
		ret = observe_flows(&inst->link, inst->ct, inst->owners, err);
	/* what is there before anything is claimed; without it none is known to have come */
	if (!ret && networks_look(&inst->networks, inst->link.ifindex, err))
		log_warn("%s: %s", inst->cif->name, err->text);
	if (!ret)
		ret = instance_start_engine(inst, err);
	if (!ret)
		ret = start_rules(inst, err);
	if (!ret && engine_taken_over(inst->engine)) /* flows may have moved meanwhile */
		instance_on_link(inst, LINK_EV_ROUTE);
	return ret;
}

void instance_close_engine(struct instance *inst)
{
	struct err ignored;

	if (!inst->engine) {
		instance_handover_end(inst, &ignored); /* of one that could not be started */
		return;
	}
	if (instance_unclaim(inst, &ignored))
		nft_table_remove(inst->cif->name, &ignored);
	release_all(inst);
	instance_handover_end(inst, &ignored);
	instance_slow_close(inst);
	engine_close(inst->engine);
	inst->engine = NULL;
	net_list_free(&inst->npt_claimed);
	networks_free(&inst->networks);
	inst->npt_elsewhere = inst->npt_looked = inst->moved = false;
}

int instance_reopen(struct instance *inst, struct err *err)
{
	int ret;

	instance_suspend(inst, false);
	ret = start_link(inst, err);
	if (ret)
		instance_close_engine(inst);
	return ret;
}

static int set_operator_ports(struct instance *inst)
{
	int ret = 0;

	for (unsigned p = 0; p < PROTO_COUNT && !ret; p++) {
		struct port_set ports = { 0 };

		for (size_t i = 0; i < inst->cif->n_slices && !ret; i++)
			ret = port_set_union(&ports, &inst->cif->slices[i].exclude_ports[p]);
		if (!ret)
			ret = owners_set(inst->owners, OWNER_OPERATOR, p, &ports);
		port_set_free(&ports);
	}
	return ret;
}

/* A reload has turned IPv6 on or off. */
static int change_family(struct instance *inst, struct err *err)
{
	int ret;

	ct_set_ipv6(inst->ct, conf_uses_ipv6(inst->cif));
	ret = observe_link(inst->cif, &inst->link, err);
	return ret ? ret : observe_flows(&inst->link, inst->ct, inst->owners, err);
}

int instance_reload(struct instance *inst, const struct conf *conf, const struct conf_if *cif,
		    struct err *err)
{
	struct engine *old = inst->engine;
	bool family;
	int ret = 0;

	/* nothing is claimed while the data plane goes from one set of slices to the other */
	if (old)
		ret = instance_unclaim(inst, err);
	family = cif->ipv6 != inst->cif->ipv6 || !cif->n_npts != !inst->cif->n_npts;
	instance_check_reload(inst, cif);
	inst->conf = conf;
	inst->cif = cif;
	instance_suspend(inst, false);
	if (!ret && family)
		ret = change_family(inst, err);
	if (!ret && set_operator_ports(inst))
		ret = err_sys(err, ENOMEM, "cannot reload %s", cif->name);
	if (!ret && !old)
		return 0; /* the interface is absent: link_back() will use the new one */
	if (!ret)
		ret = instance_start_engine(inst, err);
	if (!ret)
		engine_close(old);
	if (!ret)
		ret = instance_apply(inst, err);
	if (!ret && !cif->n_hairpin_ifs)
		ret = hairpin_remove(cif->name, err);
	if (ret)
		instance_handover_end(inst, NULL);
	inst->retry = ret != 0;
	return ret;
}

int instance_start(const struct conf *conf, const struct conf_if *cif, struct instance **ret_inst,
		   struct err *err)
{
	struct instance *inst = calloc(1, sizeof(*inst));
	int ret = -ENOMEM;

	if (inst) {
		inst->conf = conf;
		inst->cif = cif;
		inst->owners = owners_new(port_bound, inst);
		inst->edits = nft_edits_new();
		inst->slow_fd = epoll_create1(EPOLL_CLOEXEC);
	}
	if (!inst || !inst->owners || !inst->edits || inst->slow_fd < 0 ||
	    set_operator_ports(inst)) {
		instance_free(inst);
		return err_sys(err, ENOMEM, "cannot start on %s", cif->name);
	}
	ret = observe_link(cif, &inst->link, err);
	if (!ret && !inst->link.ifindex && conf->n_ifs == 1)
		ret = observe_absent(cif, err);
	if (!ret)
		ret = recheck_open(&inst->recheck, err);
	if (!ret)
		ret = ct_open(&inst->ct, err);
	if (!ret && conf_uses_ipv6(cif))
		ct_set_ipv6(inst->ct, true);
	if (!ret)
		ret = ct_events_start(inst->ct, on_flow, inst, err);
	if (!ret && !inst->link.ifindex)
		log_warn("%s: there is no such interface yet; waiting for it", cif->name);
	/* of one that was killed just while it stopped; what follows tells if there are no
	 * nf_tables */
	if (!ret)
		nft_handover_remove(cif->name, NULL);
	if (!ret && inst->link.ifindex)
		ret = start_link(inst, err);
	/* rules of an earlier einat that was killed */
	if (!ret && !cif->n_hairpin_ifs)
		ret = hairpin_remove(cif->name, err);
	if (ret) {
		undo_start(inst);
		instance_free(inst);
		return ret;
	}
	instance_check_begin(inst);
	*ret_inst = inst;
	return 0;
}

void instance_free(struct instance *inst)
{
	if (!inst)
		return;
	for (size_t i = 0; i < MAX_TOLD; i++)
		free(inst->told[i]);
	instance_check_free(inst);
	plan_free(inst->plan);
	nft_edits_free(inst->edits);
	instance_slow_close(inst);
	if (inst->slow_fd >= 0)
		close(inst->slow_fd);
	engine_close(inst->engine);
	net_list_free(&inst->npt_claimed);
	net_list_free(&inst->handover);
	networks_free(&inst->networks);
	free(inst->left.p);
	foreign_free(inst->foreign);
	ct_close(inst->ct);
	owners_free(inst->owners);
	free(inst);
}

/* Someone else's NAT takes over what is handed back; without it an entry would do nothing. */
static bool rest_remains(const struct instance *inst)
{
	return inst->foreign && foreign_nats(inst->foreign, inst->cif->ipv6);
}

/* Claimed once, their bindings have expired: the next packet is a new flow. */
static void stop_strays(struct instance *inst)
{
	struct err err;

	instance_purge_left(inst);
	if (inst->plan && flows_purge_stray(inst->ct, engine_dataplane(inst->engine), inst->plan,
					    &inst->link, PROTO_ALL, &err) < 0)
		log_warn("%s: flows without a binding: %s", inst->cif->name, err.text);
}

/* @off: the programs are; for what answers have made meanwhile, see release_all(). */
static void stop_flows(struct instance *inst, bool off)
{
	struct flows_scope of = claimed_scope(inst);
	struct err err;
	int n;

	if (rest_remains(inst))
		n = flows_hand_back(inst->ct, &of, &inst->link, &err);
	else
		n = flows_purge_bound(inst->ct, &of, &inst->link, &err);
	if (n >= 0 && rest_remains(inst) && !off)
		log_info("%s: %d flow%s handed back to masquerade", inst->cif->name, n,
			 n == 1 ? "" : "s");
	if (n >= 0 && inst->plan)
		n = flows_purge_prefixes(inst->ct, &of, &inst->link, &err);
	if (n < 0)
		log_warn("%s: flows could not be handed back: %s", inst->cif->name, err.text);
}

int instance_stop(struct instance *inst, struct err *err)
{
	struct err first = { "" }, e;
	int ret = 0, step;

	step = hairpin_remove(inst->cif->name, &e);
	if (step && !ret) {
		ret = step;
		first = e;
	}
	if (inst->engine) {
		if (instance_unclaim(inst, &e))
			log_warn("%s: %s", inst->cif->name, e.text);
		stop_strays(inst);
		if (networks_look(&inst->networks, inst->link.ifindex, &e))
			log_warn("%s: %s", inst->cif->name, e.text);
		if (inst->foreign && foreign_nats(inst->foreign, conf_uses_ipv6(inst->cif)))
			instance_handover_begin(inst, HANDOVER_ALL,
						inst->plan ? &inst->plan->nft.npt_internal : NULL);
		stop_flows(inst, false);
		step = engine_detach(inst->engine, &e);
		if (step && !ret) {
			ret = step;
			first = e;
		}
	}
	step = instance_handover_end(inst, &e);
	if (step && !ret) {
		ret = step;
		first = e;
	}
	if (inst->engine) {
		stop_flows(inst, true);
		stop_strays(inst);
	}
	step = nft_table_remove(inst->cif->name, &e);
	if (step && !ret) {
		ret = step;
		first = e;
	}
	step = nft_open_remove(inst->cif->name, 0, 0, &e);
	if (step && !ret) {
		ret = step;
		first = e;
	}
	if (ret)
		return err_set(err, -ret, "%s", first.text);
	return 0;
}

bool instance_attached(const struct instance *inst)
{
	return inst->engine;
}

bool instance_taken_over(const struct instance *inst)
{
	return inst->engine && engine_taken_over(inst->engine);
}

const char *instance_name(const struct instance *inst)
{
	return inst->cif->name;
}
