/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a flow leaves, as routing has it now, and whether another einat serves it there. */
#ifndef EINAT_WAY_H
#define EINAT_WAY_H

#include "src/conntrack.h"
#include "src/dataplane.h"
#include "src/link.h"

/** enum way - WAY_SELF: nowhere, it is to this host, or to an external address as hairpin does. */
enum way { WAY_LINK, WAY_SELF, WAY_OTHER, WAY_NONE };

/* Another interface, and the data plane on it if einat runs there, too. */
struct way_other {
	int oif;
	struct dataplane *dp;
	struct net_list npt; /* internal prefixes that it translates */
};

/** struct ways - who is asked: routing, and what einats on other interfaces have. */
struct ways {
	const struct link_info *link;
	struct route_query *rq;
	struct way_other other[8];
	size_t n_other;
};

/** ways_open() - seen from @link, which must outlive @w; ways_close() also after a failure. */
int ways_open(struct ways *w, const struct link_info *link, struct err *err);
void ways_close(struct ways *w);
/** way_of() - of what is sent to @dst. */
enum way way_of(const struct ways *w, const struct net_addr *dst);
/**
 * way_moved() - does a flow (@inside: seen from inside) leave by another interface, where no einat
 * translates it?
 */
bool way_moved(struct ways *w, const struct ct_flow *inside);
/** way_is_internet() - does a way to the Internet lead to @dst, and not a route to a network? */
bool way_is_internet(const struct ways *w, const struct net_addr *dst);

#endif
