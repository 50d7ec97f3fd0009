// SPDX-License-Identifier: GPL-2.0-or-later
/* What is done for an interface on which no einat process runs: plan, removal. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/flows.h"
#include "src/instance_impl.h"
#include "src/pin.h"

int instance_plan(const struct conf_if *cif, struct err *err)
{
	struct instance inst = { .cif = cif };
	struct observed obs = { .read_link = link_read, .link = &inst.link };
	struct plan *plan = NULL;
	int ret = link_read(cif->name, &inst.link, err);

	if (!ret && !inst.link.ifindex)
		ret = err_set(err, ENODEV, "there is no interface \"%s\"", cif->name);
	if (!ret) {
		inst.owners = owners_new(NULL, NULL);
		ret = inst.owners ? ct_open(&inst.ct, err) : err_sys(err, ENOMEM, "plan");
	}
	if (!ret)
		ret = observe_foreign(cif, &inst.link, inst.owners, &inst.foreign, err);
	if (!ret)
		ret = observe_sockets(&inst.link, inst.owners, err);
	if (!ret)
		ret = observe_flows(&inst.link, inst.ct, inst.owners, err);
	obs.foreign = inst.foreign;
	obs.owners = inst.owners;
	if (!ret)
		ret = plan_build(cif, &obs, &plan, err);
	if (!ret) {
		printf("# %s: TC programs einat_out (egress) and einat_in (ingress)\n", cif->name);
		for (size_t i = 0; i < plan->n_warnings; i++)
			printf("# warning: %s\n", plan->warnings[i]);
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

static int remove_dataplane(const struct conf *conf, const struct link_info *link, struct ct *ct,
			    struct err *err)
{
	struct attachment at;
	struct dataplane *dp = NULL;
	char pin[4096];
	bool made = false;
	int ret = attach_find(link->ifindex, &at, err);

	if (ret)
		return ret;
	pin_path(conf->pin_dir, link->name, pin, sizeof(pin));
	if (at.mode != ATTACHED_NONE &&
	    !dataplane_open_prog(at.out_prog ? at.out_prog : at.in_prog, &dp, NULL)) {
		made = dataplane_ctl(dp)->flags & CTL_F_MADE_CLSACT;
		flows_purge_bound(ct, dp, link, NULL);
		dataplane_close(dp);
	}
	attachment_close(&at);
	ret = attach_del(link->ifindex, pin, made, err);
	pin_remove(pin);
	return ret;
}

/*
 * The table goes before the programs, so that what is claimed no more is masqueraded; entries of
 * flows claimed earlier are deleted in between.
 */
int instance_remove(const struct conf *conf, const char *ifname, struct err *err)
{
	struct link_info link = { 0 };
	struct ct *ct = NULL;
	int ret = link_read(ifname, &link, err);
	int step;

	if (ret)
		return ret;
	ret = ct_open(&ct, err);
	if (!ret)
		ret = hairpin_remove(ifname, err);
	step = nft_table_remove(ifname, ret ? NULL : err);
	if (!ret)
		ret = step;
	if (link.ifindex && ct) {
		step = remove_dataplane(conf, &link, ct, ret ? NULL : err);
		if (!ret)
			ret = step;
	}
	ct_close(ct);
	return ret;
}
