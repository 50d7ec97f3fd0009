// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/rtnetlink.h>

#include "check/check_impl.h"

int check_capture(const char *version, struct capture **ret_capture, struct err *err)
{
	struct capture *c = capture_new(version);
	int ret;

	if (!c)
		return err_sys(err, ENOMEM, "cannot take a snapshot of this host");
	ret = fw_capture(c, err);
	if (!ret)
		ret = host_capture(c, err);
	if (ret)
		capture_free(c);
	else
		*ret_capture = c;
	return ret;
}

int check_take(struct check *x, unsigned proto, uint16_t lo, uint16_t hi)
{
	return port_set_add(&x->taken[proto], lo, hi);
}

static int slice_ports(struct check *x)
{
	int ret = 0;

	for (size_t i = 0; i < x->conf->n_slices && !ret; i++)
		for (unsigned proto = 0; proto < PROTO_COUNT && !ret; proto++) {
			struct port_set one = { 0 };

			ret = conf_slice_ports(&x->conf->slices[i], proto, &one);
			if (!ret)
				ret = port_set_union(&x->slice[proto], &one);
			port_set_free(&one);
		}
	return ret;
}

static int external_addresses(struct check *x)
{
	int ret = 0;

	x->link = host_link_named(x->host, x->conf->name);
	for (size_t i = 0; x->link && i < x->host->n_addrs && !ret; i++) {
		const struct host_addr *a = &x->host->addrs[i];

		if (a->ifindex == x->link->ifindex && a->scope < RT_SCOPE_LINK)
			ret = net_list_add(&x->external, &(struct net_prefix){ a->addr, 128 });
	}
	return ret;
}

static void count_examined(struct check *x)
{
	struct findings *fs = x->fs;

	for (size_t i = 0; i < x->fw->n_chains; i++) {
		fs->n_chains += x->fw->chains[i]->hook != FW_HOOK_NONE;
		fs->n_rules += x->fw->chains[i]->n_rules;
	}
	fs->n_sets = x->fw->n_sets;
	fs->n_routing_rules = x->host->n_rules;
	fs->n_sockets = x->host->n_sockets;
	fs->n_programs = x->host->n_progs;
}

/* Slice that nobody can use: every port has another owner. */
int check_left(struct check *x)
{
	int ret = 0;

	for (unsigned proto = 0; proto < PROTO_COUNT && !ret; proto++) {
		struct port_set left = { 0 };

		if (!x->slice[proto].n)
			continue;
		ret = port_set_copy(&left, &x->slice[proto]);
		if (!ret)
			ret = port_set_subtract(&left, &x->taken[proto]);
		if (!ret && !left.n) {
			struct finding *f = finding_add(x->fs, "slice-empty");

			finding_set(x->fs, &f->where, "slice of %s", x->conf->name);
			finding_set(x->fs, &f->what,
				    "every %s port of the slice belongs to someone else",
				    proto_name(1u << proto));
			finding_set(x->fs, &f->mend, "--ports RANGES");
		}
		port_set_free(&left);
	}
	return ret;
}

static int run(struct check *x)
{
	static int (*const groups[])(struct check *) = { check_link,	check_system, check_routing,
							 check_way_out, check_rules,  check_own,
							 check_left };
	int ret = slice_ports(x);

	if (!ret)
		ret = external_addresses(x);
	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups) && !ret; i++)
		ret = groups[i](x);
	if (!ret && x->fs->failed)
		ret = -ENOMEM;
	return ret;
}

int check_run_parsed(const struct conf_if *conf, const struct capture *capture,
		     const struct fw_snapshot *fw, struct findings *ret_findings, struct err *err)
{
	struct findings fs = { 0 };
	struct check x = { .conf = conf, .fw = fw, .fs = &fs };
	struct host *host = NULL;
	int ret = host_parse(capture, &host, err);

	if (!ret) {
		x.host = host;
		count_examined(&x);
		ret = run(&x);
		if (ret)
			err_sys(err, -ret, "cannot analyse the snapshot of this host");
	}
	if (ret) {
		findings_clear(&fs);
	} else {
		findings_sort(&fs);
		*ret_findings = fs;
	}
	for (unsigned proto = 0; proto < PROTO_COUNT; proto++) {
		port_set_free(&x.slice[proto]);
		port_set_free(&x.taken[proto]);
	}
	net_list_free(&x.external);
	host_free(host);
	return ret;
}

int check_run(const struct conf_if *conf, const struct capture *capture,
	      struct findings *ret_findings, struct err *err)
{
	struct fw_snapshot *fw;
	int ret = fw_snapshot_parse(capture, &fw, err);

	if (ret)
		return ret;
	ret = check_run_parsed(conf, capture, fw, ret_findings, err);
	fw_snapshot_free(fw);
	return ret;
}
