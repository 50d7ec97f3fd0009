// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "src/route.h"

struct route_query {
	struct mnl_socket *nl;
	unsigned seq;
};

int route_query_open(struct route_query **ret_rq, struct err *err)
{
	struct route_query *rq = calloc(1, sizeof(*rq));

	if (!rq)
		return err_sys(err, ENOMEM, "route look-up");
	rq->nl = mnl_socket_open(NETLINK_ROUTE);
	if (!rq->nl || mnl_socket_bind(rq->nl, 0, MNL_SOCKET_AUTOPID)) {
		int e = errno;

		route_query_close(rq);
		return err_sys(err, e, "cannot open a netlink socket for route look-ups");
	}
	*ret_rq = rq;
	return 0;
}

void route_query_close(struct route_query *rq)
{
	if (!rq)
		return;
	if (rq->nl)
		mnl_socket_close(rq->nl);
	free(rq);
}

static int on_route(const struct nlmsghdr *nlh, void *data)
{
	struct nlattr *attr;

	if (nlh->nlmsg_type != RTM_NEWROUTE)
		return MNL_CB_OK;
	mnl_attr_for_each (attr, nlh, sizeof(struct rtmsg))
		if (mnl_attr_get_type(attr) == RTA_OIF)
			*(int *)data = (int)mnl_attr_get_u32(attr);
	return MNL_CB_STOP;
}

int route_oif(struct route_query *rq, const struct net_addr *dst)
{
	char buf[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct rtmsg *rtm;
	ssize_t n;
	int oif = 0;

	if (!net_addr_is4(dst))
		return 0;
	nlh->nlmsg_type = RTM_GETROUTE;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	nlh->nlmsg_seq = ++rq->seq;
	rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	rtm->rtm_family = AF_INET;
	rtm->rtm_dst_len = 32;
	mnl_attr_put_u32(nlh, RTA_DST, net_addr_to4(dst));
	if (mnl_socket_sendto(rq->nl, nlh, nlh->nlmsg_len) < 0)
		return 0;
	n = mnl_socket_recvfrom(rq->nl, buf, sizeof(buf));
	if (n > 0)
		mnl_cb_run(buf, (size_t)n, rq->seq, mnl_socket_get_portid(rq->nl), on_route, &oif);
	return oif;
}
