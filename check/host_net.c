// SPDX-License-Identifier: GPL-2.0-or-later
/* ip rules, routes, links and addresses: rtnetlink. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "check/host_priv.h"

#define ROUTES_MAX 200000 /* of a family */

/* Since Linux 6.15; the headers of Debian 12 do not have them. */
#define FRA_SPORT_MASK_ 28
#define FRA_DPORT_MASK_ 29
#define RULE_ATTR_MAX	40

/* ---- capture ---------------------------------------------------------------------------- */

/* Without IPv6 the kernel answers a request for it with all families: @arg is the one wanted, 0
 * for all. All messages have their family first. */
static int keep(struct capture_record *r, const struct nlmsghdr *nlh, void *arg)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	uint8_t want = *(const uint8_t *)arg;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*rtm) && nlh->nlmsg_type == RTM_NEWROUTE)
		return 0;
	if (want && rtm->rtm_family != want)
		return 0;
	if (nlh->nlmsg_type == RTM_NEWROUTE && (rtm->rtm_flags & RTM_F_CLONED))
		return 0;
	return capture_put_msg(r, nlh);
}

/* A dump whose request is @hdr zero bytes after the family: all have it first. */
static int dump(struct capture *c, const char *kind, uint8_t family, uint16_t type, size_t hdr,
		size_t max, struct err *err)
{
	const struct capture_nl how = { .max = max, .keep = keep, .arg = &family };
	const char *name = family == AF_INET ? "ipv4" : family == AF_INET6 ? "ipv6" : "";
	char buf[128];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct capture_record *r;
	struct rtnl *nl;
	int ret = rtnl_open(&nl, err);

	if (ret)
		return ret;
	nlh->nlmsg_type = type;
	*(uint8_t *)mnl_nlmsg_put_extra_header(nlh, hdr) = family;
	r = capture_add(c, kind, name);
	ret = r ? capture_dump(r, nl, nlh, &how) : -ENOMEM;
	if (ret == -EAFNOSUPPORT || ret == -EOPNOTSUPP) { /* a kernel without IPv6 */
		ret = 0;
	} else if (ret < 0) {
		err_set(err, -ret, "cannot read the %s records of %s: %s", kind,
			*name ? name : "IP", r ? rtnl_reason(nl) : "out of memory");
	} else if (ret) {
		ret = host_gap_add(c, kind, 0, "only %zu of %s are read: there are more", max,
				   name);
		if (ret)
			err_sys(err, ENOMEM, "cannot read the %s records", kind);
	}
	rtnl_close(nl);
	return ret;
}

int host_capture_net(struct capture *c, struct err *err)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	int ret = capture_links(c, err);

	if (!ret)
		ret = dump(c, REC_ADDR, AF_UNSPEC, RTM_GETADDR, sizeof(struct ifaddrmsg), 0, err);
	for (unsigned i = 0; i < 2 && !ret; i++) {
		ret = dump(c, REC_RULE, families[i], RTM_GETRULE, sizeof(struct fib_rule_hdr), 0,
			   err);
		if (!ret)
			ret = dump(c, REC_ROUTE, families[i], RTM_GETROUTE, sizeof(struct rtmsg),
				   ROUTES_MAX, err);
	}
	return ret;
}

/* ---- parse ------------------------------------------------------------------------------ */

static void port_range(const struct nlattr *a, uint16_t *ret_lo, uint16_t *ret_hi)
{
	struct fib_rule_port_range range;

	if (!a || mnl_attr_get_payload_len(a) < sizeof(range))
		return;
	memcpy(&range, mnl_attr_get_payload(a), sizeof(range));
	*ret_lo = range.start;
	*ret_hi = range.end;
}

/* Selectors of newer kernels; a port mask of all ones says nothing more than the port. */
static bool has_unknown(const struct nlattr *const *tb)
{
	if (tb[FRA_TUN_ID])
		return true;
	for (unsigned i = FRA_MAX + 1; i <= RULE_ATTR_MAX; i++)
		if (tb[i] &&
		    !((i == FRA_SPORT_MASK_ || i == FRA_DPORT_MASK_) && nl_u16(tb[i], 0) == 0xffff))
			return true;
	return false;
}

static void rule_selectors(struct host_rule *r, const struct fib_rule_hdr *frh,
			   const struct nlattr *const *tb)
{
	struct fib_rule_uid_range uid;

	nl_string(tb[FRA_IIFNAME], r->iif, sizeof(r->iif));
	nl_string(tb[FRA_OIFNAME], r->oif, sizeof(r->oif));
	r->from = nl_prefix(tb[FRA_SRC], frh->family, frh->src_len);
	r->to = nl_prefix(tb[FRA_DST], frh->family, frh->dst_len);
	r->fwmark = nl_u32(tb[FRA_FWMARK], 0);
	r->fwmask = nl_u32(tb[FRA_FWMASK], r->fwmark ? ~0u : 0);
	r->ipproto = nl_u8(tb[FRA_IP_PROTO], 0);
	r->tos = frh->tos;
	port_range(tb[FRA_SPORT_RANGE], &r->sport_lo, &r->sport_hi);
	port_range(tb[FRA_DPORT_RANGE], &r->dport_lo, &r->dport_hi);
	if (tb[FRA_UID_RANGE] && mnl_attr_get_payload_len(tb[FRA_UID_RANGE]) >= sizeof(uid)) {
		memcpy(&uid, mnl_attr_get_payload(tb[FRA_UID_RANGE]), sizeof(uid));
		r->has_uid = true;
		r->uid_lo = uid.start;
		r->uid_hi = uid.end;
	}
	r->unknown = has_unknown(tb);
}

static int on_rule(struct host *h, const struct nlmsghdr *nlh)
{
	const struct fib_rule_hdr *frh = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[RULE_ATTR_MAX + 1];
	struct host_rule *r;

	if (frh->family != AF_INET && frh->family != AF_INET6)
		return 0;
	r = HOST_ADD(&h->rules, &h->n_rules);
	if (!r)
		return -ENOMEM;
	rtnl_attrs(nlh, sizeof(*frh), tb, RULE_ATTR_MAX);
	r->family = frh->family;
	r->priority = nl_u32(tb[FRA_PRIORITY], 0);
	r->invert = frh->flags & FIB_RULE_INVERT;
	rule_selectors(r, frh, tb);
	r->suppress_prefixlen = (int)nl_u32(tb[FRA_SUPPRESS_PREFIXLEN], ~0u);
	r->suppress_ifgroup = (int)nl_u32(tb[FRA_SUPPRESS_IFGROUP], ~0u);
	r->l3mdev = nl_u8(tb[FRA_L3MDEV], 0);
	r->action = frh->action;
	r->table = nl_u32(tb[FRA_TABLE], frh->table);
	r->target = nl_u32(tb[FRA_GOTO], 0);
	r->protocol = nl_u8(tb[FRA_PROTOCOL], 0);
	return 0;
}

/* The gateway may be of the other family (RTA_VIA, RFC 5549). */
static struct net_addr gateway(const struct nlattr *const *tb, int family)
{
	const struct rtvia *via;
	struct net_addr addr = { 0 };
	size_t len;
	uint32_t v4;

	if (!tb[RTA_VIA] || mnl_attr_get_payload_len(tb[RTA_VIA]) < sizeof(*via))
		return nl_addr(tb[RTA_GATEWAY], family);
	via = mnl_attr_get_payload(tb[RTA_VIA]);
	len = mnl_attr_get_payload_len(tb[RTA_VIA]) - sizeof(*via);
	if (via->rtvia_family == AF_INET6 && len >= sizeof(addr.b)) {
		memcpy(addr.b, via->rtvia_addr, sizeof(addr.b));
	} else if (via->rtvia_family == AF_INET && len >= sizeof(v4)) {
		memcpy(&v4, via->rtvia_addr, sizeof(v4));
		addr = net_addr_from4(v4);
	}
	return addr;
}

static int on_route(struct host *h, const struct nlmsghdr *nlh)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[RTA_MAX + 1];
	struct host_route *r;

	if (rtm->rtm_family != AF_INET && rtm->rtm_family != AF_INET6)
		return 0;
	r = HOST_ADD(&h->routes, &h->n_routes);
	if (!r)
		return -ENOMEM;
	rtnl_attrs(nlh, sizeof(*rtm), tb, RTA_MAX);
	*r = (struct host_route){
		.family = rtm->rtm_family,
		.table = nl_u32(tb[RTA_TABLE], rtm->rtm_table),
		.dst = nl_prefix(tb[RTA_DST], rtm->rtm_family, rtm->rtm_dst_len),
		.src = nl_prefix(tb[RTA_SRC], rtm->rtm_family, rtm->rtm_src_len),
		.type = rtm->rtm_type,
		.protocol = rtm->rtm_protocol,
		.scope = rtm->rtm_scope,
		.metric = nl_u32(tb[RTA_PRIORITY], 0),
		.oif = (int)nl_u32(tb[RTA_OIF], 0),
		.gateway = gateway(tb, rtm->rtm_family),
		.prefsrc = nl_addr(tb[RTA_PREFSRC], rtm->rtm_family),
		.multipath = tb[RTA_MULTIPATH] || (tb[RTA_NH_ID] && !tb[RTA_OIF]),
	};
	return 0;
}

static int on_addr(struct host *h, const struct nlmsghdr *nlh)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[IFA_FLAGS + 1];
	struct host_addr *a;

	if (ifa->ifa_family != AF_INET && ifa->ifa_family != AF_INET6)
		return 0;
	a = HOST_ADD(&h->addrs, &h->n_addrs);
	if (!a)
		return -ENOMEM;
	rtnl_attrs(nlh, sizeof(*ifa), tb, IFA_FLAGS);
	a->ifindex = (int)ifa->ifa_index;
	a->addr = nl_addr(tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS], ifa->ifa_family);
	if (tb[IFA_LOCAL] && tb[IFA_ADDRESS])
		a->peer = nl_addr(tb[IFA_ADDRESS], ifa->ifa_family);
	if (net_addr_eq(&a->peer, &a->addr)) /* IPv4 names it twice */
		a->peer = (struct net_addr){ 0 };
	a->len = nl_prefix(NULL, ifa->ifa_family, ifa->ifa_prefixlen).len;
	a->scope = ifa->ifa_scope;
	a->flags = nl_u32(tb[IFA_FLAGS], ifa->ifa_flags);
	return 0;
}

static void link_info(struct host_link *l, const struct nlattr *attr)
{
	const struct nlattr *info[IFLA_INFO_SLAVE_KIND + 1], *vrf[IFLA_VRF_TABLE + 1];

	nl_nested(attr, info, IFLA_INFO_SLAVE_KIND);
	nl_string(info[IFLA_INFO_KIND], l->kind, sizeof(l->kind));
	nl_string(info[IFLA_INFO_SLAVE_KIND], l->port_kind, sizeof(l->port_kind));
	if (!strcmp(l->kind, "vrf")) {
		nl_nested(info[IFLA_INFO_DATA], vrf, IFLA_VRF_TABLE);
		l->vrf_table = nl_u32(vrf[IFLA_VRF_TABLE], 0);
	}
}

static enum host_xdp xdp_mode(const struct nlattr *attr)
{
	const struct nlattr *xdp[IFLA_XDP_ATTACHED + 1];

	nl_nested(attr, xdp, IFLA_XDP_ATTACHED);
	switch (nl_u8(xdp[IFLA_XDP_ATTACHED], XDP_ATTACHED_NONE)) {
	case XDP_ATTACHED_NONE:
		return HOST_XDP_NONE;
	case XDP_ATTACHED_SKB:
		return HOST_XDP_SKB;
	case XDP_ATTACHED_HW:
		return HOST_XDP_HW;
	}
	return HOST_XDP_DRV;
}

static int on_link(struct host *h, const struct nlmsghdr *nlh)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[IFLA_XDP + 1];
	struct host_link *l = HOST_ADD(&h->links, &h->n_links);

	if (!l)
		return -ENOMEM;
	rtnl_attrs(nlh, sizeof(*ifi), tb, IFLA_XDP);
	l->ifindex = ifi->ifi_index;
	nl_string(tb[IFLA_IFNAME], l->name, sizeof(l->name));
	l->master = (int)nl_u32(tb[IFLA_MASTER], 0);
	/* an index of another network namespace means nothing here */
	l->lower = tb[IFLA_LINK_NETNSID] ? 0 : (int)nl_u32(tb[IFLA_LINK], 0);
	l->mtu = nl_u32(tb[IFLA_MTU], 0);
	l->flags = ifi->ifi_flags;
	l->type = ifi->ifi_type;
	link_info(l, tb[IFLA_LINKINFO]);
	l->xdp = xdp_mode(tb[IFLA_XDP]);
	return 0;
}

static int link_order(const void *a, const void *b)
{
	const struct host_link *x = a, *y = b;

	return x->ifindex < y->ifindex ? -1 : x->ifindex > y->ifindex;
}

int host_parse_net(struct host *h, const struct capture *c, struct err *err)
{
	int ret = host_each_msg(h, c, REC_LINK, sizeof(struct ifinfomsg), on_link, err);

	if (h->n_links)
		qsort(h->links, h->n_links, sizeof(*h->links), link_order);
	if (!ret)
		ret = host_each_msg(h, c, REC_ADDR, sizeof(struct ifaddrmsg), on_addr, err);
	if (!ret)
		ret = host_each_msg(h, c, REC_RULE, sizeof(struct fib_rule_hdr), on_rule, err);
	return ret ? ret : host_each_msg(h, c, REC_ROUTE, sizeof(struct rtmsg), on_route, err);
}
