// SPDX-License-Identifier: GPL-2.0-or-later
/* What is done for an interface on which no einat process runs: plan, removal. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "nft/handover.h"
#include "nft/open.h"
#include "src/flows.h"
#include "src/instance_impl.h"
#include "src/npt.h"
#include "src/pin.h"

int instance_plan(const struct conf_if *cif, struct err *err)
{
	struct instance inst = { .cif = cif };
	struct observed obs = { .read_link = link_read, .link = &inst.link };
	struct plan *plan = NULL;
	int ret = observe_link(cif, &inst.link, err);

	if (!ret && !inst.link.ifindex)
		ret = observe_absent(cif, err);
	if (!ret) {
		inst.owners = owners_new(NULL, NULL);
		ret = inst.owners ? ct_open(&inst.ct, err) : err_sys(err, ENOMEM, "plan");
	}
	if (!ret && conf_uses_ipv6(cif))
		ct_set_ipv6(inst.ct, true);
	if (!ret)
		ret = observe_foreign(cif, &inst.link, inst.owners, &inst.foreign, err);
	if (!ret)
		ret = observe_sockets(&inst.link, inst.owners, err);
	if (!ret)
		ret = observe_flows(&inst.link, inst.ct, inst.owners, err);
	obs.foreign = inst.foreign;
	obs.owners = inst.owners;
	obs.no_forwarding = !observe_forwarding();
	obs.no_forwarding6 = !observe_forwarding6();
	if (!ret)
		ret = plan_build(cif, &obs, &plan, err);
	if (!ret) {
		printf("# %s: TC programs einat_out (egress) and einat_in (ingress)\n", cif->name);
		for (size_t i = 0; i < plan->n_warnings; i++)
			printf("# warning: %s\n", plan->warnings[i]);
		plan_npt_print(&plan->npt, stdout);
		ret = nft_table_print(&plan->nft, stdout);
		if (!ret && plan->hairpin.n_in_ifs && plan->hairpin.n_external) {
			printf("\n# hairpin\n");
			ret = hairpin_print(&plan->hairpin, stdout);
		}
		if (ret)
			err_sys(err, -ret, "cannot print the plan");
	}
	plan_free(plan);
	foreign_free(inst.foreign);
	ct_close(inst.ct);
	owners_free(inst.owners);
	return ret;
}

static void release_flows(struct ct *ct, const struct dataplane *dp, const struct link_info *link)
{
	const struct flows_scope of = { .dp = dp };
	struct foreign *f = NULL;

	if (!foreign_read(link->name, 0, 0, &f, NULL) && foreign_nats(f, link->ipv6))
		flows_hand_back(ct, &of, link, NULL);
	else
		flows_purge_bound(ct, &of, link, NULL);
	foreign_free(f);
	flows_purge_unplanned(ct, dp, link, NULL);
}

static void release_prefixes(struct ct *ct, const struct dataplane *dp,
			     const struct link_info *link)
{
	struct net_list prefixes = { 0 }, keep = { 0 };
	bool no_ula;

	if (!dataplane_npt(dp, &prefixes, &no_ula) && prefixes.n && !npt_keep(&keep, no_ula)) {
		ct_set_ipv6(ct, true);
		flows_purge_prefixes(ct,
				     &(struct flows_scope){ .prefixes = &prefixes, .keep = &keep },
				     link, NULL);
	}
	net_list_free(&prefixes);
	net_list_free(&keep);
}

static bool translates_ipv6(const struct dataplane *dp)
{
	struct einat_cfg cfg;
	struct net_addr a;

	if (dataplane_cfg(dp, &cfg))
		return false;
	for (unsigned i = 0; i < EINAT_MAX_EXT; i++) {
		memcpy(&a, &cfg.ext[i].addr, sizeof(a));
		if (cfg.ext[i].gen && !net_addr_is4(&a))
			return true;
	}
	return false;
}

/* Before the programs are taken off and once more after it: see release_all() in instance.c. */
static void release(struct link_info *link, struct ct *ct, const struct dataplane *dp)
{
	if (translates_ipv6(dp)) {
		link_use_ipv6(link);
		ct_set_ipv6(ct, true);
	}
	release_flows(ct, dp, link);
	release_prefixes(ct, dp, link);
}

static void handover_begin(const char *ifname, const struct dataplane *dp)
{
	struct net_list hosts = { 0 };

	if (!flows_hosts(dp, false, &hosts) && !dataplane_npt(dp, &hosts, NULL))
		nft_handover_begin(ifname, &hosts, NULL);
	net_list_free(&hosts);
}

static int remove_dataplane(struct link_info *link, struct ct *ct, struct err *err)
{
	struct attachment at;
	struct dataplane *dp = NULL;
	bool made = false;
	int ret = attach_find(link->ifindex, &at, err);
	int step;

	if (ret)
		return ret;
	if (at.mode != ATTACHED_NONE &&
	    !dataplane_open_prog(at.out_prog ? at.out_prog : at.in_prog, &dp, NULL)) {
		made = dataplane_ctl(dp)->flags & CTL_F_MADE_CLSACT;
		handover_begin(link->name, dp);
		release(link, ct, dp);
	}
	attachment_close(&at);
	ret = attach_del(link->name, link->ifindex, made, err);
	step = nft_handover_end(link->name, ret ? NULL : err);
	ret = ret ? ret : step;
	if (dp) {
		release(link, ct, dp);
		dataplane_close(dp);
	}
	return ret;
}

/*
 * The table goes before the programs, so that what is claimed no more is masqueraded; flows
 * claimed earlier are released in between. Each step is tried whatever became of the others; the
 * first failure is told.
 */
int instance_remove(const struct conf *conf, const char *ifname, struct err *err)
{
	struct link_info link = { 0 };
	struct ct *ct = NULL;
	char pin[PATH_MAX];
	int ret = link_read(ifname, &link, err);
	int step;

	if (ret)
		return ret;
	ret = ct_open(&ct, err);
	step = hairpin_remove(ifname, ret ? NULL : err);
	ret = ret ? ret : step;
	step = nft_table_remove(ifname, ret ? NULL : err);
	ret = ret ? ret : step;
	step = nft_handover_remove(ifname, ret ? NULL : err); /* of one that was killed just then */
	ret = ret ? ret : step;
	step = nft_open_remove(ifname, 0, 0, ret ? NULL : err);
	ret = ret ? ret : step;
	pin_path(conf->pin_dir, ifname, pin, sizeof(pin));
	if (link.ifindex && ct) {
		step = remove_dataplane(&link, ct, ret ? NULL : err);
		ret = ret ? ret : step;
	}
	attach_del(ifname, 0, false, NULL);
	pin_remove(pin);
	ct_close(ct);
	return ret;
}
