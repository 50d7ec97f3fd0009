// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>

#include "lib/rtnl.h"
#include "link.h"

#define MSG_BUF 256

static int on_link(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[IFLA_ADDRESS + 1];
	struct link_info *info = arg;

	if (nlh->nlmsg_type != RTM_NEWLINK)
		return 0;
	rtnl_attrs(nlh, sizeof(*ifi), tb, IFLA_ADDRESS);
	info->ifindex = ifi->ifi_index;
	info->up = ifi->ifi_flags & IFF_UP;
	info->ether = ifi->ifi_type == ARPHRD_ETHER;
	if (info->ether && tb[IFLA_ADDRESS] &&
	    mnl_attr_get_payload_len(tb[IFLA_ADDRESS]) == sizeof(info->mac))
		memcpy(info->mac, mnl_attr_get_payload(tb[IFLA_ADDRESS]), sizeof(info->mac));
	return 0;
}

struct addr_dump {
	int ifindex;
	struct net_addr primary[LINK_MAX_ADDRS], secondary[LINK_MAX_ADDRS];
	size_t n_primary, n_secondary;
};

static void addr_append(struct net_addr *v, size_t *n, const struct net_addr *a)
{
	for (size_t i = 0; i < *n; i++)
		if (net_addr_eq(&v[i], a)) /* one address may stand there with several lengths */
			return;
	if (*n < LINK_MAX_ADDRS)
		v[(*n)++] = *a;
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
		d->n_primary = d->n_secondary = 0;
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
	if (flags & IFA_F_SECONDARY)
		addr_append(d->secondary, &d->n_secondary, &a);
	else
		addr_append(d->primary, &d->n_primary, &a);
	return 0;
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
	if (ret ==
	    -ENODEV) { /* gone since its link was read: the caller sees it absent next time */
		return 0;
	} else if (ret) {
		return ret;
	}
	for (size_t i = 0; i < d.n_primary; i++)
		addr_append(info->addr, &info->n_addr, &d.primary[i]);
	for (size_t i = 0; i < d.n_secondary; i++)
		addr_append(info->addr, &info->n_addr, &d.secondary[i]);
	return 0;
}

struct default_dump {
	int ifindex;
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
		*d = (struct default_dump){ .ifindex = d->ifindex };
		return 0;
	}
	rtm = mnl_nlmsg_get_payload(nlh);
	if (nlh->nlmsg_type != RTM_NEWROUTE || rtm->rtm_family != AF_INET || rtm->rtm_dst_len ||
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
	if (d->has_src)
		d->src = net_addr_from4(mnl_attr_get_u32(tb[RTA_PREFSRC]));
	return 0;
}

static int read_prefsrc(struct rtnl *r, struct link_info *info)
{
	char buf[MSG_BUF] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct default_dump d = { .ifindex = info->ifindex };
	struct rtmsg *rtm;
	int ret;

	nlh->nlmsg_type = RTM_GETROUTE;
	rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	rtm->rtm_family = AF_INET;
	rtm->rtm_type = RTN_UNICAST;
	rtm->rtm_table = RT_TABLE_MAIN;
	mnl_attr_put_u32(nlh, RTA_TABLE, RT_TABLE_MAIN);
	ret = rtnl_dump(r, nlh, on_default, &d);
	for (size_t i = 0; !ret && d.has_src && i < info->n_addr; i++)
		info->has_prefsrc |= net_addr_eq(&info->addr[i], &d.src);
	if (info->has_prefsrc)
		info->prefsrc = d.src;
	return ret;
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
	else if (!ret)
		ret = read_addrs(r, &info);
	if (!ret && info.n_addr > 1) /* else there is no choice */
		ret = read_prefsrc(r, &info);
	if (ret)
		err_set(err, -ret, "could not read interface %s: %s", name, rtnl_reason(r));
	else
		*ret_info = info;
	rtnl_close(r);
	return ret;
}

bool link_info_eq(const struct link_info *a, const struct link_info *b)
{
	if (strcmp(a->name, b->name) || a->ifindex != b->ifindex || a->up != b->up ||
	    a->ether != b->ether || memcmp(a->mac, b->mac, sizeof(a->mac)) ||
	    a->n_addr != b->n_addr || a->has_prefsrc != b->has_prefsrc ||
	    (a->has_prefsrc && !net_addr_eq(&a->prefsrc, &b->prefsrc)))
		return false;
	for (size_t i = 0; i < a->n_addr; i++)
		if (!net_addr_eq(&a->addr[i], &b->addr[i]))
			return false;
	return true;
}

struct onlink_dump {
	int ifindex;
	struct net_list list;
};

/* A next hop of its own interface, without a gateway, on an interface other than the external one.
 */
static bool onlink_elsewhere(const struct nlattr **tb, int ifindex)
{
	const struct rtnexthop *nh;
	int left;

	if (tb[RTA_GATEWAY] || tb[RTA_VIA])
		return false;
	if (tb[RTA_OIF])
		return (int)mnl_attr_get_u32(tb[RTA_OIF]) != ifindex;
	if (!tb[RTA_MULTIPATH])
		return false;
	nh = mnl_attr_get_payload(tb[RTA_MULTIPATH]);
	left = mnl_attr_get_payload_len(tb[RTA_MULTIPATH]);
	for (; RTNH_OK(nh, left); left -= (int)RTNH_ALIGN(nh->rtnh_len), nh = RTNH_NEXT(nh))
		if (nh->rtnh_ifindex != ifindex)
			return true;
	return false;
}

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
	if (nlh->nlmsg_type != RTM_NEWROUTE || rtm->rtm_family != AF_INET || !rtm->rtm_dst_len ||
	    rtm->rtm_scope != RT_SCOPE_LINK || rtm->rtm_type != RTN_UNICAST ||
	    (rtm->rtm_flags & RTM_F_CLONED))
		return 0;
	rtnl_attrs(nlh, sizeof(*rtm), tb, RTA_VIA);
	table = tb[RTA_TABLE] ? mnl_attr_get_u32(tb[RTA_TABLE]) : rtm->rtm_table;
	if (table != RT_TABLE_MAIN || !tb[RTA_DST] || !onlink_elsewhere(tb, d->ifindex))
		return 0;
	p.addr = net_addr_from4(mnl_attr_get_u32(tb[RTA_DST]));
	p.len = (uint8_t)(96 + rtm->rtm_dst_len);
	return net_list_add(&d->list, &p);
}

int link_onlink(int ifindex, struct net_list *ret_list, struct err *err)
{
	char buf[MSG_BUF] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct onlink_dump d = { .ifindex = ifindex };
	struct rtmsg *rtm;
	struct rtnl *r;
	int ret;

	ret = rtnl_open(&r, err);
	if (ret)
		return ret;
	nlh->nlmsg_type = RTM_GETROUTE;
	rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	rtm->rtm_family = AF_INET;
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
