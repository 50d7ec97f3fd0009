/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ctnetlink wire format, apart from sockets. Written with libmnl alone: the attribute
 * getters of libnetfilter_conntrack 1.0.9 give only the original direction's ICMP identifier (a
 * NATed ping's external one is out of reach), and its builder knows no CTA_ID.
 */
#ifndef EINAT_CT_MSG_H
#define EINAT_CT_MSG_H

#include <libmnl/libmnl.h>

#include "lib/net.h"

/* Ports in host byte order. ICMP, of either family: dport, rsport hold type << 8 | code; 0 is taken
 * for an echo. */
struct ct_flow {
	unsigned proto; /* one PROTO_ bit */
	struct net_addr src, dst; /* original direction */
	uint16_t sport, dport; /* ICMP: sport is the query identifier */
	struct net_addr rsrc, rdst; /* reply direction */
	uint16_t rsport, rdport; /* ICMP: rdport is the reply's identifier */
	uint32_t id, mark, timeout; /* timeout: seconds left; id 0: not known */
	uint16_t zone;
	uint8_t tcp_state; /* TCP_CONNTRACK_ of the kernel, 0 for others */
	bool seen_reply, assured, dying;
};

#define CT_MSG_MAX 1024 /* bytes that one built message may need, with room to spare */

/**
 * ct_msg_parse() - a conntrack message to @ret_flow.
 * Returns 1, 0 if it is none of UDP, TCP or ICMP (ICMPv6 in IPv6), or -EBADMSG.
 */
int ct_msg_parse(const struct nlmsghdr *nlh, struct ct_flow *ret_flow);

/* Each builds one message at @buf (CT_MSG_MAX bytes) and returns it; the caller sets nlmsg_seq. */
/** ct_msg_dump() - @family AF_UNSPEC: both. */
struct nlmsghdr *ct_msg_dump(void *buf, uint8_t family);
/** ct_msg_del() - delete the entry of @flow's original tuple; @by_id: only if the id agrees. */
struct nlmsghdr *ct_msg_del(void *buf, const struct ct_flow *flow, bool by_id);
/** ct_msg_add_snat() - see ct_add_snat(). */
struct nlmsghdr *ct_msg_add_snat(void *buf, const struct ct_flow *flow, const struct net_addr *ext,
				 uint16_t ext_port);

#endif
