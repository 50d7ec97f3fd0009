// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "src/flows.h"
#include "src/instance_impl.h"
#include "src/log.h"

int fail_at(const char *step, struct err *err)
{
	const char *at = getenv("EINAT_FAIL_AT");

	if (!at || strcmp(at, step))
		return 0;
	return err_set(err, EIO, "step \"%s\" fails because EINAT_FAIL_AT says so", step);
}

static void suspend_all(struct instance *inst, bool suspended)
{
	for (unsigned s = 0; s < EINAT_MAX_SLICES; s++)
		inst->suspended[s] = suspended ? PROTO_ALL : 0;
	inst->npt_suspended = suspended;
}

/* Hairpin flows in conntrack look like the host's own, but their port has a live binding. */
static bool port_bound(unsigned proto, const struct net_addr *ext, uint16_t port, void *data)
{
	const struct instance *inst = data;

	return inst->engine &&
	       dataplane_live(engine_dataplane(inst->engine), 1u << proto, ext, port);
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

static int make_plan(struct instance *inst, struct plan **ret_plan, struct err *err)
{
	struct port_set bound[PROTO_COUNT] = { 0 };
	struct observed obs = { .read_link = link_read,
				.link = &inst->link,
				.foreign = inst->foreign,
				.owners = inst->owners,
				.no_forwarding = !observe_forwarding(),
				.no_forwarding6 = !observe_forwarding6(),
				.bound = bound,
				.npt_suspended = inst->npt_suspended,
				.suspended = inst->suspended };
	int ret = 0;

	inst->owners_seen = owners_generation(inst->owners);
	if (inst->engine)
		ret = observe_bound(engine_dataplane(inst->engine), bound);
	if (ret)
		ret = err_sys(err, -ret, "cannot list the bindings of %s", inst->cif->name);
	else
		ret = plan_build(inst->cif, &obs, ret_plan, err);
	if (!ret)
		(*ret_plan)->nft.edits = inst->edits;
	for (unsigned p = 0; p < PROTO_COUNT; p++)
		port_set_free(&bound[p]);
	return ret;
}

/* Each warning is told once, also when its cause goes and comes back with a reload. */
static bool told(struct instance *inst, const char *text)
{
	for (size_t i = 0; i < inst->n_told; i++)
		if (!strcmp(inst->told[i], text))
			return true;
	if (inst->n_told < MAX_TOLD) {
		inst->told[inst->n_told] = strdup(text);
		inst->n_told += inst->told[inst->n_told] != NULL;
	}
	return false;
}

static void take_plan(struct instance *inst, struct plan *plan)
{
	for (size_t i = 0; i < plan->n_warnings; i++)
		if (!told(inst, plan->warnings[i]))
			log_warn("%s: %s", inst->cif->name, plan->warnings[i]);
	plan_free(inst->plan);
	inst->plan = plan;
}

static int list_union(struct net_list *dst, const struct net_list *src)
{
	int ret = 0;

	for (size_t i = 0; i < src->n && !ret; i++)
		ret = net_list_add(dst, &src->p[i]);
	return ret;
}

/*
 * Claims nothing that either the old or the new plan does not: in force while the data plane
 * changes from one to the other, so that nothing is ever claimed that it would not take.
 */
static int claim_less(struct plan *both, const struct plan *old)
{
	int ret = 0;

	for (size_t i = 0; i < both->nft.n_slices && !ret; i++) {
		struct nft_slice *s = &both->nft.slices[i];
		const struct nft_slice *o = &old->nft.slices[i];

		s->protos &= o->protos;
		ret = list_union(&s->not_internal, &o->not_internal);
		if (!ret)
			ret = list_union(&s->exclude_dest, &o->exclude_dest);
	}
	instance_claim_less_prefixes(both, old);
	return ret;
}

static int apply_between(struct instance *inst, struct err *err)
{
	struct plan *both = NULL;
	int ret;

	/* without a table nothing is claimed: there is no state in between */
	if (!inst->plan || nft_table_exists(inst->cif->name, NULL) != 1)
		return 0;
	/* after a reload: unclaimed already */
	if (inst->plan->nft.n_slices != inst->cif->n_slices)
		return 0;
	ret = make_plan(inst, &both, err);
	if (!ret && claim_less(both, inst->plan))
		ret = err_sys(err, ENOMEM, "plan");
	if (!ret)
		ret = nft_table_update(&inst->plan->nft, &both->nft, err);
	if (ret) {
		plan_free(both);
		return ret;
	}
	plan_free(inst->plan);
	inst->plan = both;
	return 0;
}

static int apply_nft(struct instance *inst, const struct plan *plan, struct err *err)
{
	int ret = fail_at("nft", err);

	if (ret)
		return ret;
	if (inst->plan && nft_table_exists(inst->cif->name, NULL) == 1)
		return nft_table_update(&inst->plan->nft, &plan->nft, err);
	if (instance_restore_waits(inst, RESTORE_TABLE))
		return 0; /* someone else keeps deleting it */
	return nft_table_apply(&plan->nft, err);
}

static int apply_hairpin(const struct instance *inst, const struct plan *plan, struct err *err)
{
	int ret = fail_at("hairpin", err);

	if (ret || !plan->hairpin.n_in_ifs)
		return ret;
	if (!plan->hairpin.n_external || !inst->link.up)
		return hairpin_remove(plan->hairpin.ifname, err);
	if (instance_restore_waits(inst, RESTORE_HAIRPIN))
		return 0;
	return hairpin_apply(&plan->hairpin, err);
}

void instance_resume(struct instance *inst)
{
	suspend_all(inst, false);
}

static int write_unclaimed(struct plan *plan, struct err *err)
{
	for (size_t i = 0; i < plan->nft.n_slices; i++)
		plan->nft.slices[i].protos = 0;
	net_list_free(&plan->nft.npt_claim);
	return nft_table_apply(&plan->nft, err);
}

/* The data plane comes first: nothing is claimed before it works. */
static int start_engine(struct instance *inst, struct err *err)
{
	struct plan *plan = NULL;
	struct engine *e = NULL;
	int ret = make_plan(inst, &plan, err);

	if (!ret)
		ret = fail_at("load", err);
	if (!ret)
		ret = engine_open(&inst->link, plan, inst->conf->pin_dir, inst->cif->attach, &e,
				  err);
	/* an earlier einat's table must not claim what the data plane takes no more */
	if (!ret && !inst->plan && engine_takes_over(e) && engine_differs(e, plan))
		ret = write_unclaimed(plan, err);
	if (!ret)
		instance_forget_prefixes(inst, plan);
	if (!ret)
		ret = engine_configure(e, plan, &inst->link, err);
	if (!ret)
		ret = fail_at("attach", err);
	if (!ret)
		ret = engine_attach(e, err);
	plan_free(plan);
	if (ret) {
		engine_close(e);
		return ret;
	}
	inst->engine = e;
	instance_slow_open(inst);
	return 0;
}

/* More addresses than the maps were made for: larger ones, bindings come along. */
static void enlarge(struct instance *inst, const struct plan *plan)
{
	struct engine *old = inst->engine;
	struct err err = { "" };

	if (engine_fits(old, plan, &inst->link))
		return;
	if (start_engine(inst, &err))
		log_error("%s: not all external addresses can be served: %s", inst->cif->name,
			  err.text);
	else
		engine_close(old);
}

int instance_apply(struct instance *inst, struct err *err)
{
	struct plan *plan = NULL;
	int ret = apply_between(inst, err);

	if (!ret)
		ret = make_plan(inst, &plan, err);
	if (!ret)
		enlarge(inst, plan);
	if (!ret)
		instance_forget_prefixes(inst, plan);
	if (!ret)
		ret = engine_configure(inst->engine, plan, &inst->link, err);
	if (!ret)
		ret = apply_nft(inst, plan, err);
	if (ret) {
		plan_free(plan);
		return ret;
	}
	take_plan(inst, plan); /* it is what the table holds now, whatever comes after */
	return apply_hairpin(inst, plan, err);
}

/* From here on new flows go to masquerade; bindings that exist are served. */
int instance_unclaim(struct instance *inst, struct err *err)
{
	struct plan *plan = NULL;
	int ret;

	if (!inst->plan)
		return 0; /* nothing was written yet */
	suspend_all(inst, true);
	ret = make_plan(inst, &plan, err);
	if (!ret && nft_table_exists(inst->cif->name, err) == 1)
		ret = nft_table_update(&inst->plan->nft, &plan->nft, err);
	if (ret) {
		plan_free(plan);
		return ret;
	}
	plan_free(inst->plan);
	inst->plan = plan;
	return 0;
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
		suspend_all(inst, true);
		ret = instance_apply(inst, err);
		suspend_all(inst, false);
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

/* Entries of claimed flows must not outlive the translation. */
static void purge_claimed(struct instance *inst)
{
	struct err ignored;

	flows_purge_bound(inst->ct, engine_dataplane(inst->engine), &inst->link, &ignored);
	if (inst->plan)
		flows_purge_prefixes(inst->ct, &inst->plan->nft.npt_internal, &inst->link,
				     &ignored);
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
	purge_claimed(inst);
	engine_detach(inst->engine, &ignored);
}

static int start_link(struct instance *inst, struct err *err)
{
	int ret = observe_foreign(inst->cif, &inst->link, inst->owners, &inst->foreign, err);

	if (!ret)
		ret = observe_sockets(&inst->link, inst->owners, err);
	if (!ret)
		ret = observe_flows(&inst->link, inst->ct, inst->owners, err);
	if (!ret)
		ret = start_engine(inst, err);
	if (!ret)
		ret = start_rules(inst, err);
	return ret;
}

/* The table stays for the rest's sake, but claims nothing on the new interface. */
static void undo_reopen(struct instance *inst)
{
	struct err ignored;

	if (!inst->engine)
		return;
	if (instance_unclaim(inst, &ignored))
		nft_table_remove(inst->cif->name, &ignored);
	purge_claimed(inst);
	engine_detach(inst->engine, &ignored);
	instance_slow_close(inst);
	engine_close(inst->engine);
	inst->engine = NULL;
}

int instance_reopen(struct instance *inst, struct err *err)
{
	struct foreign *old = inst->foreign;
	int ret;

	inst->foreign = NULL;
	suspend_all(inst, false);
	ret = start_link(inst, err);
	if (!ret) {
		foreign_free(old);
		return 0;
	}
	undo_reopen(inst);
	if (inst->foreign)
		foreign_free(old);
	else
		inst->foreign = old;
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
	inst->conf = conf;
	inst->cif = cif;
	suspend_all(inst, false);
	if (ret)
		return ret;
	if (family)
		ret = change_family(inst, err);
	if (ret)
		return ret;
	if (set_operator_ports(inst))
		return err_sys(err, ENOMEM, "cannot reload %s", cif->name);
	if (!old)
		return 0; /* the interface is absent: link_back() will use the new one */
	ret = start_engine(inst, err);
	if (!ret)
		engine_close(old);
	if (!ret)
		ret = instance_apply(inst, err);
	if (!ret && !cif->n_hairpin_ifs)
		ret = hairpin_remove(cif->name, err);
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
		ret = err_set(err, ENODEV,
			      "there is no interface \"%s\" (ip link shows those there "
			      "are); nothing was changed",
			      cif->name);
	if (!ret)
		ret = ct_open(&inst->ct, err);
	if (!ret && conf_uses_ipv6(cif))
		ct_set_ipv6(inst->ct, true);
	if (!ret)
		ret = ct_events_start(inst->ct, on_flow, inst, err);
	if (!ret && !inst->link.ifindex)
		log_warn("%s: there is no such interface yet; waiting for it", cif->name);
	else if (!ret)
		ret = start_link(inst, err);
	/* rules of an earlier einat that was killed */
	if (!ret && !cif->n_hairpin_ifs)
		ret = hairpin_remove(cif->name, err);
	if (ret) {
		undo_start(inst);
		instance_free(inst);
		return ret;
	}
	*ret_inst = inst;
	return 0;
}

void instance_free(struct instance *inst)
{
	if (!inst)
		return;
	for (size_t i = 0; i < inst->n_told; i++)
		free(inst->told[i]);
	plan_free(inst->plan);
	nft_edits_free(inst->edits);
	instance_slow_close(inst);
	if (inst->slow_fd >= 0)
		close(inst->slow_fd);
	engine_close(inst->engine);
	net_list_free(&inst->npt_claimed);
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

static void stop_flows(struct instance *inst)
{
	const struct dataplane *dp = engine_dataplane(inst->engine);
	struct err err;
	int n;

	if (rest_remains(inst))
		n = flows_hand_back(inst->ct, dp, &inst->link, &err);
	else
		n = flows_purge_bound(inst->ct, dp, &inst->link, &err);
	if (n >= 0 && rest_remains(inst))
		log_info("%s: %d flows handed back to masquerade", inst->cif->name, n);
	/* claimed once, their bindings have expired: the next packet is a new flow */
	if (n >= 0 && inst->plan)
		n = flows_purge_stray(inst->ct, dp, inst->plan, &inst->link, PROTO_ALL, &err);
	if (n >= 0 && inst->plan)
		n = flows_purge_prefixes(inst->ct, &inst->plan->nft.npt_internal, &inst->link,
					 &err);
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
		stop_flows(inst);
		step = engine_detach(inst->engine, &e);
		if (step && !ret) {
			ret = step;
			first = e;
		}
	}
	step = nft_table_remove(inst->cif->name, &e);
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
