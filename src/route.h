/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EINAT_ROUTE_H
#define EINAT_ROUTE_H

#include <stdbool.h>

#include "lib/ct_msg.h"
#include "lib/err.h"
#include "lib/net.h"

struct route_query;
int route_query_open(struct route_query **ret_rq, struct err *err);
void route_query_close(struct route_query *rq);
#define ROUTE_LOOPBACK 1 /* index of lo, in each network namespace */

/**
 * route_to_host() - index of the interface that the kernel would send @dst to now; 0 if none, or
 * what is sent there is refused, and if @dst is this host itself, or nobody to be reached.
 */
int route_to_host(struct route_query *rq, const struct net_addr *dst);
/**
 * route_flow() - the same of what @f's source sends and this host forwards: rules may choose by the
 * source, by the interface that leads to it, by protocol, ports and the mark, which is taken to be
 * that of @f. ROUTE_LOOPBACK: to this host. A question that the kernel refuses is asked of the
 * destination alone.
 */
int route_flow(struct route_query *rq, const struct ct_flow *f);

struct nlattr;
struct rtmsg;
/**
 * route_is_way() - is a route a way to the Internet, or to a part of it as 0.0.0.0/1 and 2000::/3
 * are (shorter than any network: IPv4 /8, IPv6 /16), and not to a network? @dst: RTA_DST, or NULL.
 */
bool route_is_way(const struct rtmsg *rtm, const struct nlattr *dst);
/** route_network() - the destination of one that is no such way; false: it is one, or has none. */
bool route_network(const struct rtmsg *rtm, const struct nlattr *dst, struct net_prefix *ret_p);
/** route_elsewhere() - does any next hop lead to another interface? @tb: up to RTA_MULTIPATH. */
bool route_elsewhere(const struct nlattr **tb, int ifindex);
/**
 * route_by_way() - does @f, as for route_flow(), leave by such a route, and not by that of a
 * network? Also true if the kernel does not say.
 */
bool route_by_way(struct route_query *rq, const struct ct_flow *f);

#endif
