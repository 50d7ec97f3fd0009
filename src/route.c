// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/rtnl.h"
#include "src/route.h"

struct route_query {
	struct rtnl *rtnl;
};

int route_query_open(struct route_query **ret_rq, struct err *err)
{
	struct route_query *rq = calloc(1, sizeof(*rq));
	int ret;

	if (!rq)
		return err_sys(err, ENOMEM, "route look-up");
	ret = rtnl_open(&rq->rtnl, err);
	if (ret) {
		free(rq);
		return ret;
	}
	*ret_rq = rq;
	return 0;
}

void route_query_close(struct route_query *rq)
{
	if (!rq)
		return;
	rtnl_close(rq->rtnl);
	free(rq);
}

bool route_is_way(const struct rtmsg *rtm, const struct nlattr *dst)
{
	uint8_t first = dst && mnl_attr_get_payload_len(dst)
				? *(const uint8_t *)mnl_attr_get_payload(dst)
				: 0;

	if (rtm->rtm_family == AF_INET)
		return rtm->rtm_dst_len < 8 &&
		       first < 224; /* multicast and what is above are not */
	return rtm->rtm_dst_len < 3 || (rtm->rtm_dst_len < 16 && first >> 5 == 1); /* 2000::/3 */
}

bool route_network(const struct rtmsg *rtm, const struct nlattr *dst, struct net_prefix *ret_p)
{
	bool six = rtm->rtm_family == AF_INET6;
	size_t size = six ? sizeof(ret_p->addr) : sizeof(uint32_t);

	if ((!six && rtm->rtm_family != AF_INET) || !dst || mnl_attr_get_payload_len(dst) != size ||
	    route_is_way(rtm, dst))
		return false;
	*ret_p = (struct net_prefix){ 0 };
	if (six)
		memcpy(&ret_p->addr, mnl_attr_get_payload(dst), size);
	else
		ret_p->addr = net_addr_from4(mnl_attr_get_u32(dst));
	ret_p->len = (uint8_t)(rtm->rtm_dst_len + (six ? 0 : 96));
	return true;
}

bool route_elsewhere(const struct nlattr **tb, int ifindex)
{
	const struct rtnexthop *nh;
	int left;

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

struct answer {
	int oif;
	uint8_t type; /* RTN_ */
	bool network; /* by a route to one */
};

static int on_route(const struct nlmsghdr *nlh, void *data)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[RTA_OIF + 1];
	struct answer *a = data;

	rtnl_attrs(nlh, sizeof(*rtm), tb, RTA_OIF);
	if (nlh->nlmsg_type != RTM_NEWROUTE)
		return 0;
	a->network = !route_is_way(rtm, tb[RTA_DST]);
	if (tb[RTA_OIF]) {
		a->oif = (int)mnl_attr_get_u32(tb[RTA_OIF]);
		a->type = rtm->rtm_type;
	}
	return 0;
}

static void put_addr(struct nlmsghdr *nlh, uint16_t attr, const struct net_addr *a)
{
	if (net_addr_is4(a))
		mnl_attr_put_u32(nlh, attr, net_addr_to4(a));
	else
		mnl_attr_put(nlh, attr, sizeof(*a), a);
}

/* @flags: RTM_F_FIB_MATCH for the route itself, instead of what is made of it for @dst */
static struct nlmsghdr *question(void *buf, const struct net_addr *dst, unsigned flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct rtmsg *rtm;

	nlh->nlmsg_type = RTM_GETROUTE;
	rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	rtm->rtm_flags = flags;
	rtm->rtm_family = net_addr_is4(dst) ? AF_INET : AF_INET6;
	rtm->rtm_dst_len = net_addr_is4(dst) ? 32 : 128;
	put_addr(nlh, RTA_DST, dst);
	return nlh;
}

static int ask(struct route_query *rq, struct nlmsghdr *nlh, struct answer *a)
{
	int ret = rtnl_talk(rq->rtnl, nlh, on_route, a);

	if (ret || a->type == RTN_UNREACHABLE || a->type == RTN_BLACKHOLE ||
	    a->type == RTN_PROHIBIT)
		a->oif = 0;
	return ret;
}

int route_to_host(struct route_query *rq, const struct net_addr *dst)
{
	char buf[MNL_SOCKET_BUFFER_SIZE];
	struct answer a = { 0 };

	ask(rq, question(buf, dst, 0), &a);
	return a.type == RTN_UNICAST ? a.oif : 0;
}

static void put_ports(struct nlmsghdr *nlh, const struct ct_flow *f)
{
	if (f->proto == PROTO_ICMP) { /* for which the kernel knows no ports */
		mnl_attr_put_u8(nlh, RTA_IP_PROTO,
				net_addr_is4(&f->dst) ? IPPROTO_ICMP : IPPROTO_ICMPV6);
		return;
	}
	mnl_attr_put_u8(nlh, RTA_IP_PROTO, proto_number(f->proto));
	mnl_attr_put_u16(nlh, RTA_SPORT, htons(f->sport));
	mnl_attr_put_u16(nlh, RTA_DPORT, htons(f->dport));
}

/*
 * -EINVAL, -EXDEV: IPv4 takes the source for impossible there (a martian, or by rp_filter), or it
 * is not this host's and no interface is known to lead to it. (Or the route is a blackhole.)
 */
static struct answer ask_flow(struct route_query *rq, const struct ct_flow *f, unsigned flags)
{
	char buf[MNL_SOCKET_BUFFER_SIZE];
	int iif = route_to_host(rq, &f->src);
	struct nlmsghdr *nlh = question(buf, &f->dst, flags);
	struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	struct answer a = { 0 };
	int ret;

	rtm->rtm_src_len = rtm->rtm_dst_len;
	put_addr(nlh, RTA_SRC, &f->src);
	if (iif)
		mnl_attr_put_u32(nlh, RTA_IIF, (uint32_t)iif);
	if (f->mark)
		mnl_attr_put_u32(nlh, RTA_MARK, f->mark);
	put_ports(nlh, f);
	ret = ask(rq, nlh, &a);
	if (net_addr_is4(&f->dst) && (ret == -EINVAL || ret == -EXDEV)) {
		a = (struct answer){ 0 };
		ask(rq, question(buf, &f->dst, flags), &a);
	}
	return a;
}

int route_flow(struct route_query *rq, const struct ct_flow *f)
{
	return ask_flow(rq, f, 0).oif;
}

bool route_by_way(struct route_query *rq, const struct ct_flow *f)
{
	return !ask_flow(rq, f, RTM_F_FIB_MATCH).network;
}
