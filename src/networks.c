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

struct network {
	struct net_prefix p;
	bool here, elsewhere; /* which interfaces lead there */
};

struct dump {
	struct network *net;
	size_t n, n_before; /* n_before: of the other family */
	int ifindex;
};

static int prefix_cmp(const void *a, const void *b)
{
	const struct net_prefix *p = a, *q = b;
	int ret = memcmp(&p->addr, &q->addr, sizeof(p->addr));

	return ret ? ret : p->len - q->len;
}

static int network_cmp(const void *a, const void *b)
{
	return prefix_cmp(&((const struct network *)a)->p, &((const struct network *)b)->p);
}

static int on_route(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[RTA_VIA + 1];
	struct network net = { 0 }, *grown;
	struct dump *d = arg;
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
	if (!route_network(rtm, tb[RTA_DST], &net.p))
		return 0;
	net.elsewhere = route_elsewhere(tb, d->ifindex);
	net.here = !net.elsewhere;
	if (d->n == NETWORKS_MAX)
		return -ECANCELED;
	grown = array_room(d->net, d->n, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	d->net = grown;
	d->net[d->n++] = net;
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

/* The networks to which other interfaces alone lead, each once, ascending. */
static struct net_prefix *only_elsewhere(struct dump *d, size_t *ret_n)
{
	struct net_prefix *p = calloc(d->n + 1, sizeof(*p));

	*ret_n = 0;
	if (!p || !d->n)
		return p;
	qsort(d->net, d->n, sizeof(*d->net), network_cmp);
	for (size_t i = 0, next; i < d->n; i = next) {
		bool here = false;

		for (next = i; next < d->n && !network_cmp(&d->net[i], &d->net[next]); next++)
			here |= d->net[next].here;
		if (!here)
			p[(*ret_n)++] = d->net[i].p;
	}
	return p;
}

/* Is @p one of the known networks, or part of one? */
static bool is_known(const struct networks *n, const struct net_prefix *p)
{
	const unsigned least = net_addr_is4(&p->addr) ? 96 : 0;

	for (unsigned len = p->len; len > least; len--) {
		struct net_prefix at = net_prefix_of(&p->addr, (uint8_t)len);

		if (bsearch(&at, n->known, n->n, sizeof(*n->known), prefix_cmp))
			return true;
	}
	return false;
}

static int add_fresh(struct networks *n, const struct net_prefix *p, size_t count)
{
	int ret = 0;

	for (size_t i = 0; i < count && !ret; i++)
		if (!is_known(n, &p[i]))
			ret = net_list_add(&n->fresh, &p[i]);
	return ret;
}

static int take(struct networks *n, struct dump *d, struct err *err)
{
	size_t count;
	struct net_prefix *p = only_elsewhere(d, &count);

	if (!p || (n->looked && add_fresh(n, p, count))) {
		free(p);
		return err_sys(err, ENOMEM, "routes to networks");
	}
	free(n->known);
	n->known = p;
	n->n = count;
	n->looked = true;
	return 0;
}

int networks_look(struct networks *n, int ifindex, struct err *err)
{
	struct dump d = { .ifindex = ifindex };
	int ret = dump_family(&d, AF_INET, err);

	if (!ret)
		ret = dump_family(&d, AF_INET6, err);
	if (!ret)
		ret = take(n, &d, err);
	free(d.net);
	if (ret != -ECANCELED)
		return ret;
	free(n->known);
	*n = (struct networks){ .fresh = n->fresh };
	return 0;
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
