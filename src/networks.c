// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/array.h"
#include "lib/rtnl.h"
#include "src/networks.h"
#include "src/route.h"

struct dump {
	struct net_prefix *p;
	size_t n, n_before; /* n_before: of the other family */
	int ifindex;
};

static int prefix_cmp(const void *a, const void *b)
{
	const struct net_prefix *p = a, *q = b;
	int ret = memcmp(&p->addr, &q->addr, sizeof(p->addr));

	return ret ? ret : p->len - q->len;
}

static int on_route(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[RTA_VIA + 1];
	struct dump *d = arg;
	struct net_prefix p, *grown;
	const struct rtmsg *rtm;

	if (!nlh) {
		d->n = d->n_before;
		return 0;
	}
	rtm = mnl_nlmsg_get_payload(nlh);
	if (nlh->nlmsg_type != RTM_NEWROUTE || rtm->rtm_type != RTN_UNICAST ||
	    (rtm->rtm_flags & RTM_F_CLONED))
		return 0;
	rtnl_attrs(nlh, sizeof(*rtm), tb, RTA_VIA);
	if (!route_network(rtm, tb[RTA_DST], &p) || !route_elsewhere(tb, d->ifindex))
		return 0;
	if (d->n == NETWORKS_MAX)
		return -ECANCELED;
	grown = array_room(d->p, d->n, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	d->p = grown;
	d->p[d->n++] = p;
	return 0;
}

static int dump_family(struct dump *d, uint8_t family, struct err *err)
{
	char buf[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct rtmsg *rtm;
	struct rtnl *r;
	int ret = rtnl_open(&r, err);

	if (ret)
		return ret;
	nlh->nlmsg_type = RTM_GETROUTE;
	rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	rtm->rtm_family = family;
	d->n_before = d->n;
	ret = rtnl_dump(r, nlh, on_route, d);
	if (ret)
		err_set(err, -ret, "could not read the routes: %s", rtnl_reason(r));
	rtnl_close(r);
	return ret;
}

static int add_fresh(struct networks *n, const struct dump *d)
{
	int ret = 0;

	for (size_t i = 0; i < d->n && !ret; i++)
		if (!bsearch(&d->p[i], n->known, n->n, sizeof(*n->known), prefix_cmp))
			ret = net_list_add(&n->fresh, &d->p[i]);
	return ret;
}

int networks_look(struct networks *n, int ifindex, struct err *err)
{
	struct dump d = { .ifindex = ifindex };
	int ret = dump_family(&d, AF_INET, err);

	if (!ret)
		ret = dump_family(&d, AF_INET6, err);
	if (!ret && d.n)
		qsort(d.p, d.n, sizeof(*d.p), prefix_cmp);
	if (!ret && n->looked && add_fresh(n, &d))
		ret = err_sys(err, ENOMEM, "routes to networks");
	if (!ret || ret == -ECANCELED) {
		free(n->known);
		*n = (struct networks){ .fresh = n->fresh, .looked = !ret };
		if (!ret) {
			n->known = d.p;
			n->n = d.n;
			return 0;
		}
	}
	free(d.p);
	return ret == -ECANCELED ? 0 : ret;
}

void networks_seen(struct networks *n)
{
	net_list_free(&n->fresh);
}

void networks_free(struct networks *n)
{
	free(n->known);
	net_list_free(&n->fresh);
	*n = (struct networks){ 0 };
}
