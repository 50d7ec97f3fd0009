// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>

#include "lib/rtnl.h"
#include "link.h"
#include "src/route.h"

#define MSG_BUF 256

/* The kernel looks for alternative names too (5.5); rules that name an interface do not. */
static int on_link(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[IFLA_IFNAME + 1];
	struct link_info *info = arg;

	if (nlh->nlmsg_type != RTM_NEWLINK)
		return 0;
	rtnl_attrs(nlh, sizeof(*ifi), tb, IFLA_IFNAME);
	if (!tb[IFLA_IFNAME] || strcmp(mnl_attr_get_str(tb[IFLA_IFNAME]), info->name))
		return 0;
	info->ifindex = ifi->ifi_index;
	info->up = ifi->ifi_flags & IFF_UP;
	info->running = ifi->ifi_flags & IFF_RUNNING;
	info->ether = ifi->ifi_type == ARPHRD_ETHER;
	if (info->ether && tb[IFLA_ADDRESS] &&
	    mnl_attr_get_payload_len(tb[IFLA_ADDRESS]) == sizeof(info->mac))
		memcpy(info->mac, mnl_attr_get_payload(tb[IFLA_ADDRESS]), sizeof(info->mac));
	return 0;
}

struct addr_dump {
	int ifindex;
	struct addr_list {
		struct net_addr v[LINK_MAX_ADDRS + LINK_MAX_OWN];
		bool deprecated[LINK_MAX_ADDRS + LINK_MAX_OWN];
		size_t n;
	} primary, secondary;
};

static void addr_append(struct addr_list *l, const struct net_addr *a, bool deprecated)
{
	for (size_t i = 0; i < l->n; i++)
		if (net_addr_eq(&l->v[i], a)) /* it may stand there with several lengths */
			return;
	if (l->n == sizeof(l->v) / sizeof(l->v[0]))
		return;
	l->deprecated[l->n] = deprecated;
	l->v[l->n++] = *a;
}

/*
 * On a point-to-point interface IFA_ADDRESS is the peer and IFA_LOCAL is this host; without a peer
 * IPv4 carries both, equal.
 */
static int on_addr(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[IFA_FLAGS + 1], *local;
	const struct ifaddrmsg *ifa;
	struct addr_dump *d = arg;
	struct net_addr a;
	uint32_t flags;

	if (!nlh) {
		d->primary.n = d->secondary.n = 0;
		return 0;
	}
	ifa = mnl_nlmsg_get_payload(nlh);
	if (nlh->nlmsg_type != RTM_NEWADDR || ifa->ifa_family != AF_INET ||
	    (int)ifa->ifa_index != d->ifindex || ifa->ifa_scope != RT_SCOPE_UNIVERSE)
		return 0;
	rtnl_attrs(nlh, sizeof(*ifa), tb, IFA_FLAGS);
	local = tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS];
	if (!local || mnl_attr_get_payload_len(local) != sizeof(uint32_t))
		return 0;
	flags = tb[IFA_FLAGS] ? mnl_attr_get_u32(tb[IFA_FLAGS]) : ifa->ifa_flags;
	a = net_addr_from4(mnl_attr_get_u32(local));
	addr_append(flags & IFA_F_SECONDARY ? &d->secondary : &d->primary, &a,
		    flags & IFA_F_DEPRECATED);
	return 0;
}

static void own_append(struct link_info *info, const struct net_addr *a)
{
	if (info->n_own < LINK_MAX_OWN)
		info->own[info->n_own++] = *a;
}

static int read_addrs(struct rtnl *r, struct link_info *info)
{
	char buf[MSG_BUF] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct addr_dump d = { .ifindex = info->ifindex };
	struct ifaddrmsg *ifa;
	int ret;

	nlh->nlmsg_type = RTM_GETADDR;
	ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
	ifa->ifa_family = AF_INET;
	ifa->ifa_index = (uint32_t)info->ifindex;
	ret = rtnl_dump(r, nlh, on_addr, &d);
	if (ret)
		return ret;
	for (size_t i = 0; i < d.secondary.n; i++)
		addr_append(&d.primary, &d.secondary.v[i], d.secondary.deprecated[i]);
	memcpy(info->addr, d.primary.v, sizeof(info->addr));
	memcpy(info->deprecated, d.primary.deprecated, sizeof(info->deprecated));
	info->n_addr = d.primary.n < LINK_MAX_ADDRS ? d.primary.n : LINK_MAX_ADDRS;
	for (size_t i = info->n_addr; i < d.primary.n; i++)
		own_append(info, &d.primary.v[i]);
	return 0;
}

struct default_dump {
	int ifindex;
	uint8_t family;
	bool found, has_src;
	uint32_t metric;
	struct net_addr src;
};

static int on_default(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[RTA_TABLE + 1];
	struct default_dump *d = arg;
	const struct rtmsg *rtm;
	uint32_t table, metric;

	if (!nlh) {
		*d = (struct default_dump){ .ifindex = d->ifindex, .family = d->family };
		return 0;
	}
	rtm = mnl_nlmsg_get_payload(nlh);
	if (nlh->nlmsg_type != RTM_NEWROUTE || rtm->rtm_family != d->family || rtm->rtm_dst_len ||
	    rtm->rtm_type != RTN_UNICAST || (rtm->rtm_flags & RTM_F_CLONED))
		return 0;
	rtnl_attrs(nlh, sizeof(*rtm), tb, RTA_TABLE);
	table = tb[RTA_TABLE] ? mnl_attr_get_u32(tb[RTA_TABLE]) : rtm->rtm_table;
	metric = tb[RTA_PRIORITY] ? mnl_attr_get_u32(tb[RTA_PRIORITY]) : 0;
	if (table != RT_TABLE_MAIN || !tb[RTA_OIF] ||
	    (int)mnl_attr_get_u32(tb[RTA_OIF]) != d->ifindex || (d->found && d->metric <= metric))
		return 0;
	d->found = true;
	d->metric = metric;
	d->has_src = tb[RTA_PREFSRC];
	if (!d->has_src)
		return 0;
	if (d->family == AF_INET)
		d->src = net_addr_from4(mnl_attr_get_u32(tb[RTA_PREFSRC]));
	else if (mnl_attr_get_payload_len(tb[RTA_PREFSRC]) == sizeof(d->src))
		memcpy(&d->src, mnl_attr_get_payload(tb[RTA_PREFSRC]), sizeof(d->src));
	return 0;
}

/* What the best default route of @family names, if it is one of the @n addresses @addr. */
static int read_prefsrc(struct rtnl *r, int ifindex, uint8_t family, const struct net_addr *addr,
			size_t n, struct net_addr *ret_src, bool *ret_has)
{
	char buf[MSG_BUF] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct default_dump d = { .ifindex = ifindex, .family = family };
	struct rtmsg *rtm;
	int ret;

	if (n < 2) /* there is no choice */
		return 0;

	nlh->nlmsg_type = RTM_GETROUTE;
	rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	rtm->rtm_family = family;
	rtm->rtm_type = RTN_UNICAST;
	rtm->rtm_table = RT_TABLE_MAIN;
	mnl_attr_put_u32(nlh, RTA_TABLE, RT_TABLE_MAIN);
	ret = rtnl_dump(r, nlh, on_default, &d);
	for (size_t i = 0; !ret && d.has_src && i < n; i++)
		*ret_has |= net_addr_eq(&addr[i], &d.src);
	if (*ret_has)
		*ret_src = d.src;
	return ret;
}

/* Lower is better; ADDR6_OWN: never external, ADDR6_UNUSABLE: not even a source of this host. */
enum addr6_rank { ADDR6_GLOBAL, ADDR6_DEPRECATED, ADDR6_LOCAL, ADDR6_OWN, ADDR6_UNUSABLE };

struct addr6_dump {
	int ifindex;
	struct {
		struct net_addr addr;
		uint8_t len;
		enum addr6_rank rank;
	} v[LINK_MAX_ADDRS + LINK_MAX_OWN];
	size_t n;
};

/* For IPv6 the flag of a secondary address means a temporary one (RFC 8981). */
static enum addr6_rank addr6_rank(const struct net_addr *a, uint32_t flags)
{
	if (flags & (IFA_F_DADFAILED | IFA_F_TENTATIVE) && !(flags & IFA_F_OPTIMISTIC))
		return ADDR6_UNUSABLE;
	if (flags & IFA_F_TEMPORARY)
		return ADDR6_OWN;
	if ((a->b[0] & 0xfe) == 0xfc) /* RFC 4193 */
		return ADDR6_LOCAL;
	return flags & IFA_F_DEPRECATED ? ADDR6_DEPRECATED : ADDR6_GLOBAL;
}

static int on_addr6(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[IFA_FLAGS + 1], *local;
	const struct ifaddrmsg *ifa;
	struct addr6_dump *d = arg;
	struct net_addr a;
	enum addr6_rank rank;

	if (!nlh) {
		d->n = 0;
		return 0;
	}
	ifa = mnl_nlmsg_get_payload(nlh);
	if (nlh->nlmsg_type != RTM_NEWADDR || ifa->ifa_family != AF_INET6 ||
	    (int)ifa->ifa_index != d->ifindex || ifa->ifa_scope != RT_SCOPE_UNIVERSE)
		return 0;
	rtnl_attrs(nlh, sizeof(*ifa), tb, IFA_FLAGS);
	local = tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS];
	if (!local || mnl_attr_get_payload_len(local) != sizeof(a))
		return 0;
	memcpy(&a, mnl_attr_get_payload(local), sizeof(a));
	rank = addr6_rank(&a, tb[IFA_FLAGS] ? mnl_attr_get_u32(tb[IFA_FLAGS]) : ifa->ifa_flags);
	if (rank == ADDR6_UNUSABLE || d->n == sizeof(d->v) / sizeof(d->v[0]))
		return 0;
	d->v[d->n].addr = a;
	d->v[d->n].len = ifa->ifa_prefixlen;
	d->v[d->n++].rank = rank;
	return 0;
}

static int addr6_cmp(const void *a, const void *b)
{
	const __typeof__(((struct addr6_dump *)0)->v[0]) *x = a, *y = b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return memcmp(&x->addr, &y->addr, sizeof(x->addr));
}

static int read_addrs6(struct rtnl *r, struct link_info *info)
{
	char buf[MSG_BUF] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct addr6_dump d = { .ifindex = info->ifindex };
	struct link_addr6 *six = &info->six;
	struct ifaddrmsg *ifa;
	bool global;
	int ret;

	nlh->nlmsg_type = RTM_GETADDR;
	ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
	ifa->ifa_family = AF_INET6;
	ifa->ifa_index = (uint32_t)info->ifindex;
	ret = rtnl_dump(r, nlh, on_addr6, &d);
	if (ret)
		return ret;
	qsort(d.v, d.n, sizeof(d.v[0]), addr6_cmp);
	global = d.n && d.v[0].rank < ADDR6_LOCAL;
	for (size_t i = 0; i < d.n && !six->prefix.len; i++)
		if (d.v[i].rank < ADDR6_LOCAL && d.v[i].len && d.v[i].len <= 64)
			six->prefix = net_prefix_of(&d.v[i].addr, d.v[i].len);
	for (size_t i = 0; i < d.n; i++) {
		bool may = d.v[i].rank < ADDR6_LOCAL || (d.v[i].rank == ADDR6_LOCAL && !global);

		if (may && six->n_ext < LINK_MAX_ADDRS) {
			six->ext[six->n_ext++] = d.v[i].addr;
			six->n_preferred += d.v[i].rank != ADDR6_DEPRECATED;
		} else if (six->n_own < LINK_MAX_OWN) {
			six->own[six->n_own++] = d.v[i].addr;
		}
	}
	return 0;
}

void link_use_ipv6(struct link_info *info)
{
	const struct link_addr6 *six = &info->six;
	size_t half = LINK_MAX_ADDRS / 2, n6 = six->n_ext < half ? six->n_ext : half;

	info->ipv6 = true;
	while (info->n_addr > LINK_MAX_ADDRS - n6)
		own_append(info, &info->addr[--info->n_addr]);
	for (size_t i = 0; i < six->n_ext; i++) {
		if (info->n_addr == LINK_MAX_ADDRS) {
			own_append(info, &six->ext[i]);
			continue;
		}
		info->deprecated[info->n_addr] = i >= six->n_preferred;
		info->addr[info->n_addr++] = six->ext[i];
	}
	for (size_t i = 0; i < six->n_own; i++)
		own_append(info, &six->own[i]);
}

/* Lower is better; -1: of another family. */
static int rank_for_new(const struct link_info *info, size_t i, bool is4)
{
	const struct net_addr *a = &info->addr[i];

	if (net_addr_is4(a) != is4)
		return -1;
	if (is4 ? info->has_prefsrc : info->has_prefsrc6)
		return !net_addr_eq(a, is4 ? &info->prefsrc : &info->prefsrc6);
	return 2 * !!net_addr_inner(a) + info->deprecated[i];
}

bool link_serves_new(const struct link_info *info, size_t i)
{
	bool is4 = net_addr_is4(&info->addr[i]);
	int own = rank_for_new(info, i, is4);

	for (size_t j = 0; j < info->n_addr; j++) {
		int other = rank_for_new(info, j, is4);

		if (other >= 0 && other < own)
			return false;
	}
	return true;
}

int link_read(const char *name, struct link_info *ret_info, struct err *err)
{
	char buf[MSG_BUF] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct link_info info;
	struct ifinfomsg *ifi;
	struct rtnl *r;
	int ret;

	memset(&info, 0, sizeof(info));
	if (!*name || strlen(name) >= sizeof(info.name))
		return err_set(err, EINVAL, "\"%s\" cannot be an interface: 1 to 15 characters",
			       name);
	strcpy(info.name, name);
	ret = rtnl_open(&r, err);
	if (ret)
		return ret;
	nlh->nlmsg_type = RTM_GETLINK;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_family = AF_UNSPEC;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	ret = rtnl_talk(r, nlh, on_link, &info);
	if (ret == -ENODEV)
		ret = 0;
	else if (!ret && info.ifindex)
		ret = read_addrs(r, &info);
	if (!ret && info.ifindex)
		ret = read_addrs6(r, &info);
	if (!ret)
		ret = read_prefsrc(r, info.ifindex, AF_INET, info.addr, info.n_addr, &info.prefsrc,
				   &info.has_prefsrc);
	if (!ret)
		ret = read_prefsrc(r, info.ifindex, AF_INET6, info.six.ext, info.six.n_ext,
				   &info.prefsrc6, &info.has_prefsrc6);
	if (ret == -ENODEV) /* gone since its link was read: the caller sees it absent next time */
		ret = 0;
	if (ret)
		err_set(err, -ret, "could not read interface %s: %s", name, rtnl_reason(r));
	else
		*ret_info = info;
	rtnl_close(r);
	return ret;
}

static bool addr6_eq(const struct link_addr6 *a, const struct link_addr6 *b)
{
	return a->n_ext == b->n_ext && a->n_own == b->n_own && a->n_preferred == b->n_preferred &&
	       !memcmp(a->ext, b->ext, a->n_ext * sizeof(*a->ext)) &&
	       !memcmp(a->own, b->own, a->n_own * sizeof(*a->own)) &&
	       a->prefix.len == b->prefix.len && net_addr_eq(&a->prefix.addr, &b->prefix.addr);
}

bool link_info_eq(const struct link_info *a, const struct link_info *b)
{
	if (strcmp(a->name, b->name) || a->ifindex != b->ifindex || a->up != b->up ||
	    a->running != b->running || a->ether != b->ether ||
	    memcmp(a->mac, b->mac, sizeof(a->mac)) || a->n_addr != b->n_addr ||
	    a->n_own != b->n_own || a->has_prefsrc != b->has_prefsrc ||
	    (a->has_prefsrc && !net_addr_eq(&a->prefsrc, &b->prefsrc)))
		return false;
	if (a->ipv6 && (a->has_prefsrc6 != b->has_prefsrc6 ||
			(a->has_prefsrc6 && !net_addr_eq(&a->prefsrc6, &b->prefsrc6))))
		return false;
	if (a->nptv6 != b->nptv6 || (a->nptv6 && !addr6_eq(&a->six, &b->six)))
		return false;
	for (size_t i = 0; i < a->n_own; i++)
		if (!net_addr_eq(&a->own[i], &b->own[i]))
			return false;
	for (size_t i = 0; i < a->n_addr; i++)
		if (!net_addr_eq(&a->addr[i], &b->addr[i]) || a->deprecated[i] != b->deprecated[i])
			return false;
	return true;
}

bool link_is_external(const struct link_info *link, const struct net_addr *a)
{
	for (size_t i = 0; i < link->n_addr; i++)
		if (net_addr_eq(&link->addr[i], a))
			return true;
	return false;
}

bool link_is_own(const struct link_info *link, const struct net_addr *a)
{
	for (size_t i = 0; i < link->n_own; i++)
		if (net_addr_eq(&link->own[i], a))
			return true;
	return link_is_external(link, a);
}

struct onlink_dump {
	int ifindex;
	uint8_t family;
	struct net_list list;
};

static int on_route(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[RTA_VIA + 1];
	struct onlink_dump *d = arg;
	struct net_prefix p;
	struct rtmsg *rtm;
	uint32_t table;

	if (!nlh) {
		net_list_free(&d->list);
		return 0;
	}
	rtm = mnl_nlmsg_get_payload(nlh);
	/* a route of IPv6 has no scope */
	if (nlh->nlmsg_type != RTM_NEWROUTE || rtm->rtm_family != d->family ||
	    (d->family == AF_INET && rtm->rtm_scope != RT_SCOPE_LINK) ||
	    rtm->rtm_type != RTN_UNICAST || (rtm->rtm_flags & RTM_F_CLONED))
		return 0;
	rtnl_attrs(nlh, sizeof(*rtm), tb, RTA_VIA);
	table = tb[RTA_TABLE] ? mnl_attr_get_u32(tb[RTA_TABLE]) : rtm->rtm_table;
	if (table != RT_TABLE_MAIN || tb[RTA_GATEWAY] || tb[RTA_VIA] ||
	    !route_network(rtm, tb[RTA_DST], &p) || !route_elsewhere(tb, d->ifindex))
		return 0;
	return net_list_add(&d->list, &p);
}

static int onlink(uint8_t family, int ifindex, struct net_list *ret_list, struct err *err)
{
	char buf[MSG_BUF] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct onlink_dump d = { .ifindex = ifindex, .family = family };
	struct rtmsg *rtm;
	struct rtnl *r;
	int ret;

	ret = rtnl_open(&r, err);
	if (ret)
		return ret;
	nlh->nlmsg_type = RTM_GETROUTE;
	rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	rtm->rtm_family = family;
	rtm->rtm_type = RTN_UNICAST;
	rtm->rtm_table = RT_TABLE_MAIN;
	mnl_attr_put_u32(nlh, RTA_TABLE, RT_TABLE_MAIN);
	ret = rtnl_dump(r, nlh, on_route, &d);
	if (ret) {
		err_set(err, -ret, "could not read the routes of table main: %s", rtnl_reason(r));
		net_list_free(&d.list);
	} else {
		*ret_list = d.list;
	}
	rtnl_close(r);
	return ret;
}

int link_onlink(int ifindex, struct net_list *ret_list, struct err *err)
{
	return onlink(AF_INET, ifindex, ret_list, err);
}

int link_onlink6(int ifindex, struct net_list *list, struct err *err)
{
	struct net_list six = { 0 };
	int ret = onlink(AF_INET6, ifindex, &six, err);

	for (size_t i = 0; i < six.n && !ret; i++)
		if (net_list_add(list, &six.p[i]))
			ret = err_sys(err, ENOMEM, "routes of table main");
	net_list_free(&six);
	return ret;
}
