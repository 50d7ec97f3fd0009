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

/** struct flows_scope - which claimed flows one looks for; any of it may be NULL. */
struct flows_scope {
	const struct dataplane *dp; /* those that have a binding there, or had one that it knows */
	const struct net_list *prefixes; /* those of these internal prefixes */
	const struct net_list *keep; /* destinations towards which no prefix is claimed */
	const struct net_list *fresh; /* networks that were not there before: see networks.h */
};

/**
 * flows_purge_bound() - delete the entries of flows of @of->dp, but for those that leave by another
 * interface to where nobody has moved them: see way.h. Returns how many.
 */
int flows_purge_bound(struct ct *ct, const struct flows_scope *of, const struct link_info *link,
		      struct err *err);
/**
 * flows_purge_moved() - delete the entries of flows that routing now sends out by another
 * interface, to the Internet or to a fresh network: there nobody translates them. Of @of->prefixes
 * none that is to one of the prefixes, to @of->keep, to the link's network or this host. A flow
 * with a mark is left, since its mark may choose the route, and one that another einat serves
 * there. Returns how many.
 */
int flows_purge_moved(struct ct *ct, const struct flows_scope *of, const struct link_info *link,
		      struct err *err);
/**
 * flows_purge_answered() - of those the ones that the remote side has begun. An answer that was on
 * its way when flows_purge_moved() deleted an entry is translated still, and makes a new one.
 */
int flows_purge_answered(struct ct *ct, const struct flows_scope *of, const struct link_info *link,
			 struct err *err);
/** struct flow_end - the internal side of a flow; compared as bytes. */
struct flow_end {
	struct net_addr addr;
	uint16_t port;
	uint8_t proto; /* PROTO_ bit */
	uint8_t pad; /* 0 */
};

/** struct flow_ends - ascending by flow_end_cmp(). */
struct flow_ends {
	struct flow_end *p;
	size_t n;
};

int flow_end_cmp(const void *a, const void *b);

/**
 * flows_may_leave() - without a binding, might a claimed flow of @src be of no slice of @plan? Its
 * host is in none, or its destination or its packets' mark decide.
 */
bool flows_may_leave(const struct plan *plan, unsigned proto, const struct net_addr *src);
/**
 * flows_purge_stray() - delete un-NATed entries towards @link, or nowhere, from sources of the
 * plan's slices, to what these do not exclude, that have no binding, for @protos (PROTO_ mask)
 * only. Returns how many.
 */
int flows_purge_stray(struct ct *ct, const struct dataplane *dp, const struct plan *plan,
		      const struct link_info *link, unsigned protos, struct err *err);
/**
 * flows_purge_unplanned() - the same of the slices that the data plane's maps have: of an einat
 * that was killed no more is known.
 */
int flows_purge_unplanned(struct ct *ct, const struct dataplane *dp, const struct link_info *link,
			  struct err *err);
/**
 * flows_purge_left() - the same from @ends, which had bindings, as far as no slice of @plan is sure
 * to take them: what conntrack knows as claimed outlives a binding.
 */
int flows_purge_left(struct ct *ct, const struct dataplane *dp, const struct flow_ends *ends,
		     const struct plan *plan, const struct link_info *link, struct err *err);
/**
 * flows_purge_dropped() - the same of what the slices of @old may have claimed and those of @now
 * are not sure to take; @old NULL: what that was is not known. To be called when @old's claim is
 * withdrawn.
 */
int flows_purge_dropped(struct ct *ct, const struct dataplane *dp, const struct plan *old,
			const struct plan *now, const struct link_info *link, struct err *err);
/**
 * flows_end_ipv6() - IPv6 is translated no more: its flows that have a binding are handed back as
 * by flows_hand_back() if others @masquerade it, else deleted. Returns how many.
 */
int flows_end_ipv6(struct ct *ct, const struct dataplane *dp, const struct link_info *link,
		   bool masquerade, struct err *err);
/**
 * flows_purge_prefixes() - delete un-NATed entries towards @link, or nowhere, whose internal side
 * is in @of->prefixes; with @of->keep also those that have moved, as by flows_purge_moved().
 * Returns how many.
 */
int flows_purge_prefixes(struct ct *ct, const struct flows_scope *of, const struct link_info *link,
			 struct err *err);
/** flows_hosts() - internal hosts that have bindings, added to @list. 0 or -ENOMEM. */
int flows_hosts(const struct dataplane *dp, bool ipv6_only, struct net_list *list);
/**
 * flows_hand_back() - turn bindings into masqueraded flows: each entry of a claimed flow is made
 * again with source NAT to the binding's external address and port. Returns how many.
 */
int flows_hand_back(struct ct *ct, const struct flows_scope *of, const struct link_info *link,
		    struct err *err);

#endif
