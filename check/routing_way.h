/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which way the routing rules and tables send a forwarded packet. check/ alone. */
#ifndef EINAT_CHECK_ROUTING_WAY_H
#define EINAT_CHECK_ROUTING_WAY_H

#include "check/check_impl.h"

struct packet_way {
	int family; /* AF_INET, AF_INET6 */
	struct net_prefix dst; /* all of it; length 0 (IPv4: 96): what only default routes reach */
	uint32_t mark; /* host byte order */
	const char *iif; /* where it enters; NULL: none that a rule names */
};

/**
 * packet_way() - the rule that decides about it, NULL: none does.
 * @ret_oif: the interface it leaves on, 0: it is dropped, or several next hops share it
 * Rules that ask for more than packet_way tells do not match, but for those with a mark.
 */
const struct host_rule *packet_way(const struct host *h, const struct packet_way *p, int *ret_oif);
/** packet_route() - the route of the rule's table for it; NULL: the table has none. */
const struct host_route *packet_route(const struct host *h, const struct host_rule *r,
				      const struct packet_way *p);
/** mend_interface() - if that is the way out that is meant: run einat on @l. */
void mend_interface(struct check *x, struct finding *f, const struct host_link *l);
bool rule_takes_mark(const struct host_rule *r, uint32_t mark); /* its other selectors aside */
bool rule_is_plain(const struct host_rule *r); /* it asks for mark, iif and destination at most */
/** rule_is_from_here() - it is for what this host sends itself: nothing forwarded has that source.
 */
bool rule_is_from_here(const struct host *h, const struct host_rule *r);
bool prefix_is_any(const struct net_prefix *p, int family);
/** route_is_default() - what has no route of its own, and no mark, leaves on the external
 * interface. */
bool route_is_default(const struct check *x, int family);
/** route_leads_inside() - would hosts of the inside be reached by it? Not by default routes. */
bool route_leads_inside(const struct check *x, const struct host_route *t);

#endif
