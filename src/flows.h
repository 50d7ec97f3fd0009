/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Conntrack entries of claimed flows. The claim leaves them un-NATed in conntrack, so whenever
 * einat stops translating them they must be deleted (the next packet is then masqueraded) or
 * handed back, else they would leave with an internal source.
 */
#ifndef EINAT_FLOWS_H
#define EINAT_FLOWS_H

#include "src/conntrack.h"
#include "src/dataplane.h"
#include "src/link.h"
#include "src/plan.h"

/**
 * flows_purge_bound() - delete the entries of flows that have a binding, or had one that
 * dataplane_knows(). Returns how many.
 */
int flows_purge_bound(struct ct *ct, const struct dataplane *dp, const struct link_info *link,
		      struct err *err);
/**
 * flows_purge_moved() - the same of flows alone that routing now sends out by another interface:
 * there nobody translates them. A flow with a mark is left, since its mark may choose the route.
 */
int flows_purge_moved(struct ct *ct, const struct dataplane *dp, const struct link_info *link,
		      struct err *err);
/** flows_in_slices() - may the plan's slices take what @src sends by @proto (PROTO_ bit)? */
bool flows_in_slices(const struct plan *plan, unsigned proto, const struct net_addr *src);
/**
 * flows_purge_stray() - delete un-NATed entries towards @link, or nowhere, from sources of the
 * plan's slices that have no binding, for @protos (PROTO_ mask) only. Returns how many.
 */
int flows_purge_stray(struct ct *ct, const struct dataplane *dp, const struct plan *plan,
		      const struct link_info *link, unsigned protos, struct err *err);
/**
 * flows_purge_left() - the same from @hosts, which once were in a slice and are in none of @plan's:
 * their bindings are served until they expire, and what conntrack knows as claimed lives longer.
 */
int flows_purge_left(struct ct *ct, const struct dataplane *dp, const struct net_list *hosts,
		     const struct plan *plan, const struct link_info *link, struct err *err);
/**
 * flows_purge_prefixes() - delete un-NATed entries towards @link, or nowhere, whose internal side
 * is in @prefixes. Returns how many.
 */
int flows_purge_prefixes(struct ct *ct, const struct net_list *prefixes,
			 const struct link_info *link, struct err *err);
/**
 * flows_hand_back() - turn bindings into masqueraded flows: each entry of a claimed flow is made
 * again with source NAT to the binding's external address and port. Returns how many.
 */
int flows_hand_back(struct ct *ct, const struct dataplane *dp, const struct link_info *link,
		    struct err *err);

#endif
