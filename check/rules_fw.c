// SPDX-License-Identifier: GPL-2.0-or-later
/* The packet filter rules of everyone: prepare the questions, ask them. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "check/routing_way.h"
#include "check/rules_fw.h"

/* Subnets that foreign rules own, as src/plan.c takes them. */
static int left_out(struct fwx *fw)
{
	const struct foreign *o = fw->foreign;
	int ret = 0;

	for (size_t i = 0; i < o->n_snat && !ret; i++)
		for (size_t j = 0; foreign_owns_subnet(&o->snat[i]) && j < o->snat[i].src.n && !ret;
		     j++)
			ret = net_list_add(&fw->left_out, &o->snat[i].src.p[j]);
	return ret;
}

/* Networks that are attached to other interfaces; a single address is no network. */
static int attached(struct fwx *fw)
{
	const struct host *h = fw->x->host;
	int ret = 0;

	for (size_t i = 0; i < h->n_addrs && !ret; i++) {
		const struct host_addr *a = &h->addrs[i];
		struct net_prefix p = net_prefix_of(&a->addr, a->len);

		if (a->len >= 128 || (fw->x->link && a->ifindex == fw->x->link->ifindex))
			continue;
		ret = net_list_add(&fw->attached, &p);
	}
	return ret;
}

static struct net_addr *addresses(const struct host *h)
{
	struct net_addr *local = calloc(h->n_addrs + 1, sizeof(*local));

	for (size_t i = 0; local && i < h->n_addrs; i++)
		local[i] = h->addrs[i].addr;
	return local;
}

/* Which subnets others own; rules that are too much to follow own none that is known. */
static int read_owners(struct fwx *fw, const struct net_addr *local)
{
	struct check *x = fw->x;
	struct finding *f;
	int ret = foreign_snats(x->fw, x->conf->name, local, x->host->n_addrs, &fw->foreign, NULL);

	if (ret != -E2BIG && ret != -ELOOP)
		return ret ? ret : left_out(fw);
	f = finding_add(x->fs, "limit");
	finding_set(x->fs, &f->where, "hook postrouting");
	f->will = false;
	return 0;
}

static struct space *make_space(struct check *x, const struct net_addr *local)
{
	struct space_host host = { .local = local,
				   .n_local = x->host->n_addrs,
				   .known = true,
				   .routed = true,
				   .back = { route_is_default(x, AF_INET),
					     route_is_default(x, AF_INET6) } };
	struct space *s = space_new(x->fw, &host);

	/* the names that the questions are about come before any region */
	for (size_t i = 0; s && i < x->host->n_links; i++)
		space_ifid(s, x->host->links[i].name);
	if (s)
		space_outside(s, x->conf->name);
	return s;
}

int check_rules(struct check *x)
{
	struct net_addr *local = addresses(x->host);
	struct fwx fw = { .x = x };
	int ret = local ? read_owners(&fw, local) : -ENOMEM;

	if (!ret)
		ret = attached(&fw);
	if (!ret) {
		fw.space = make_space(x, local);
		ret = fw.space ? 0 : -ENOMEM;
	}
	if (!ret)
		ret = fw_check_nat(&fw);
	if (!ret)
		ret = fw_check_marks(&fw);
	if (!ret)
		ret = fw_check_drops(&fw);
	net_list_free(&fw.left_out);
	net_list_free(&fw.attached);
	foreign_free(fw.foreign);
	space_free(fw.space);
	free(local);
	return ret;
}
