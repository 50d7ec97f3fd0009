// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
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

/* @flags: RTM_F_FIB_MATCH for the route itself, instead of what is made of it for @dst */
static struct answer ask(struct route_query *rq, const struct net_addr *dst, unsigned flags)
{
	char buf[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct answer a = { 0 };
	struct rtmsg *rtm;

	nlh->nlmsg_type = RTM_GETROUTE;
	rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	rtm->rtm_flags = flags;
	if (net_addr_is4(dst)) {
		rtm->rtm_family = AF_INET;
		rtm->rtm_dst_len = 32;
		mnl_attr_put_u32(nlh, RTA_DST, net_addr_to4(dst));
	} else {
		rtm->rtm_family = AF_INET6;
		rtm->rtm_dst_len = 128;
		mnl_attr_put(nlh, RTA_DST, sizeof(*dst), dst);
	}
	return rtnl_talk(rq->rtnl, nlh, on_route, &a) ? (struct answer){ 0 } : a;
}

int route_oif(struct route_query *rq, const struct net_addr *dst)
{
	struct answer a = ask(rq, dst, 0);

	return a.type == RTN_UNREACHABLE || a.type == RTN_BLACKHOLE || a.type == RTN_PROHIBIT
		       ? 0
		       : a.oif;
}

int route_to_host(struct route_query *rq, const struct net_addr *dst)
{
	struct answer a = ask(rq, dst, 0);

	return a.type == RTN_UNICAST ? a.oif : 0;
}

bool route_by_way(struct route_query *rq, const struct net_addr *dst)
{
	return !ask(rq, dst, RTM_F_FIB_MATCH).network;
}
