/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EINAT_ROUTE_H
#define EINAT_ROUTE_H

#include <stdbool.h>

#include "lib/err.h"
#include "lib/net.h"

struct route_query;
int route_query_open(struct route_query **ret_rq, struct err *err);
void route_query_close(struct route_query *rq);
#define ROUTE_LOOPBACK 1 /* index of lo, in each network namespace */

/**
 * route_oif() - index of the interface that the kernel would send @dst to now; 0 if none, or what
 * is sent there is refused; ROUTE_LOOPBACK: this host.
 */
int route_oif(struct route_query *rq, const struct net_addr *dst);
/** route_to_host() - the same; 0 also if @dst is this host itself, or nobody to be reached. */
int route_to_host(struct route_query *rq, const struct net_addr *dst);

struct nlattr;
struct rtmsg;
/**
 * route_is_way() - is a route a way to the Internet, or to a part of it as 0.0.0.0/1 and 2000::/3
 * are (shorter than any network: IPv4 /8, IPv6 /16), and not to a network? @dst: RTA_DST, or NULL.
 */
bool route_is_way(const struct rtmsg *rtm, const struct nlattr *dst);
/**
 * route_by_way() - is @dst reached by such a route, and not by that of a network? Also true if the
 * kernel does not say.
 */
bool route_by_way(struct route_query *rq, const struct net_addr *dst);

#endif
