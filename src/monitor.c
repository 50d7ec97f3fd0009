// SPDX-License-Identifier: GPL-2.0-or-later
/* The event side of link.h. */
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "hairpin/hairpin.h"
#include "lib/rtnl.h"
#include "link.h"
#include "src/route.h"

/* A thousand routes that go at once must fit; the limit of net.core.rmem_max does not bind root. */
#define RCVBUF	 (4 << 20)
#define RECV_LEN 32768

struct link_monitor {
	struct mnl_socket *nl;
	char buf[RECV_LEN] __attribute__((aligned(NLMSG_ALIGNTO)));
};

static const unsigned groups[] = {
	RTNLGRP_LINK,	    RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_RULE,
	RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_RULE,
	RTNLGRP_IPV6_ROUTE, RTNLGRP_NEIGH,	 RTNLGRP_TC,
};

int link_monitor_open(struct link_monitor **ret_mon, struct err *err)
{
	struct link_monitor *mon = calloc(1, sizeof(*mon));
	int size = RCVBUF, ret = -ENOMEM;

	if (!mon)
		goto fail;
	mon->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!mon->nl)
		goto fail_errno;
	if (setsockopt(mnl_socket_get_fd(mon->nl), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(mnl_socket_get_fd(mon->nl), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (mnl_socket_bind(mon->nl, 0, MNL_SOCKET_AUTOPID) < 0)
		goto fail_errno;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (mnl_socket_setsockopt(mon->nl, NETLINK_ADD_MEMBERSHIP, (void *)&groups[i],
					  sizeof(groups[i])) < 0)
			goto fail_errno;
	*ret_mon = mon;
	return 0;
fail_errno:
	ret = -errno;
fail:
	link_monitor_close(mon);
	return err_sys(err, -ret, "could not watch interfaces and routes (NETLINK_ROUTE)");
}

int link_monitor_fd(const struct link_monitor *mon)
{
	return mnl_socket_get_fd(mon->nl);
}

void link_monitor_close(struct link_monitor *mon)
{
	if (!mon)
		return;
	if (mon->nl)
		mnl_socket_close(mon->nl);
	free(mon);
}

static int route_event(const struct nlmsghdr *nlh)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[RTA_TABLE + 1];
	struct net_prefix p;
	uint32_t table;
	int mask = 0;

	rtnl_attrs(nlh, sizeof(*rtm), tb, RTA_TABLE);
	table = tb[RTA_TABLE] ? mnl_attr_get_u32(tb[RTA_TABLE]) : rtm->rtm_table;
	if (hairpin_owns_table(table))
		return LINK_EV_RULE;
	if (route_is_way(rtm, tb[RTA_DST])) /* that of main may name the source address */
		return table == RT_TABLE_MAIN ? LINK_EV_LINK | LINK_EV_ROUTE : LINK_EV_ROUTE;
	if (rtm->rtm_type == RTN_UNICAST && route_network(rtm, tb[RTA_DST], &p))
		mask = LINK_EV_NETWORK;
	return table == RT_TABLE_MAIN && rtm->rtm_scope == RT_SCOPE_LINK ? mask | LINK_EV_LINK
									 : mask;
}

/* An interface that goes down takes its IPv4 routes with it, and no event tells of them. */
static int link_event(const struct nlmsghdr *nlh)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);

	return ifi->ifi_change & IFF_UP ? LINK_EV_LINK | LINK_EV_RULE | LINK_EV_NETWORK
					: LINK_EV_LINK;
}

/* Neighbours come and go all the time: only those that hairpin has marked count. */
static int neigh_event(const struct nlmsghdr *nlh)
{
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[NDA_PROTOCOL + 1];

	rtnl_attrs(nlh, sizeof(*ndm), tb, NDA_PROTOCOL);
	return (ndm->ndm_family == AF_INET || ndm->ndm_family == AF_INET6) && tb[NDA_PROTOCOL] &&
			       mnl_attr_get_u8(tb[NDA_PROTOCOL]) == HAIRPIN_NEIGH_PROTO
		       ? LINK_EV_RULE
		       : 0;
}

static int event(const struct nlmsghdr *nlh)
{
	switch (nlh->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return link_event(nlh);
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return LINK_EV_LINK;
	case RTM_NEWRULE:
	case RTM_DELRULE:
		return LINK_EV_RULE | LINK_EV_ROUTE;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return route_event(nlh);
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		return neigh_event(nlh);
	case RTM_DELQDISC:
	case RTM_DELTFILTER:
	case RTM_DELCHAIN:
		return LINK_EV_TC;
	default:
		return 0;
	}
}

int link_monitor_drain(struct link_monitor *mon)
{
	int mask = 0;

	for (;;) {
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)mon->buf;
		ssize_t n = mnl_socket_recvfrom(mon->nl, mon->buf, sizeof(mon->buf));
		int left = (int)n;

		if (n < 0 && errno == EAGAIN)
			return mask;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == ENOBUFS || errno == ENOSPC)) {
			mask = LINK_EV_ALL; /* ENOSPC: libmnl saw a message longer than the buffer
					     */
			continue;
		}
		if (n < 0)
			return -errno;
		for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
			mask |= event(nlh);
	}
}
