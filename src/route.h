/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EINAT_ROUTE_H
#define EINAT_ROUTE_H

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

#endif
