/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a flow leaves, as routing has it now, and whether another einat serves it there. */
#ifndef EINAT_WAY_H
#define EINAT_WAY_H

#include "src/conntrack.h"
#include "src/dataplane.h"
#include "src/link.h"

/** enum way - where a flow leaves. */
enum way {
	WAY_LINK, /* by the interface from which it is seen */
	WAY_SELF, /* nowhere: it is to this host, or to an external address as hairpin does */
	WAY_NONE, /* nowhere, for want of a route */
	WAY_MOVED, /* by another interface, where no einat translates it, to the Internet or to a
		    * network that was not there before */
	WAY_OTHERS, /* by another interface to a network, or one where an einat translates it */
};

/* Another interface, and the data plane on it if einat runs there, too. */
struct way_other {
	int oif;
	struct dataplane *dp;
	struct net_list npt; /* internal prefixes that it translates */
};

/** struct ways - who is asked: routing, and what einats on other interfaces have. */
struct ways {
	const struct link_info *link;
	const struct net_list *fresh; /* networks that were not there before, or NULL */
	struct route_query *rq;
	struct way_other other[8];
	size_t n_other;
};

/** ways_open() - seen from @link, which must outlive @w as must @fresh; ways_close() also after a
 * failure. */
int ways_open(struct ways *w, const struct link_info *link, const struct net_list *fresh,
	      struct err *err);
void ways_close(struct ways *w);
/** way_of() - of a flow (@inside: seen from inside). */
enum way way_of(struct ways *w, const struct ct_flow *inside);

#endif
