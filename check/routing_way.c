// SPDX-License-Identifier: GPL-2.0-or-later
/* Which way would a forwarded packet go? The routing rules in order, then the longest prefix. */
#include <string.h>
#include <sys/socket.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "check/check_impl.h"
#include "check/routing_way.h"
#include "hairpin/hairpin.h"

bool prefix_is_any(const struct net_prefix *p, int family)
{
	return p->len == (family == AF_INET ? 96 : 0);
}

bool rule_takes_mark(const struct host_rule *r, uint32_t mark)
{
	return ((mark & r->fwmask) == r->fwmark) != r->invert;
}

bool rule_is_plain(const struct host_rule *r)
{
	return prefix_is_any(&r->from, r->family) && !r->ipproto && !r->tos && !r->sport_hi &&
	       !r->dport_hi && !r->has_uid && !r->unknown && !*r->oif;
}

bool rule_is_from_here(const struct host *h, const struct host_rule *r)
{
	if (r->from.len != 128 || r->invert)
		return false;
	for (size_t i = 0; i < h->n_addrs; i++)
		if (net_addr_eq(&h->addrs[i].addr, &r->from.addr))
			return true;
	return false;
}

static bool matches(const struct host_rule *r, const struct packet_way *p)
{
	bool any_to = prefix_is_any(&r->to, r->family), hit;

	if (r->family != p->family || r->l3mdev)
		return false;
	/* what cannot be told: only a rule that looks at the mark is taken to match */
	if (!rule_is_plain(r) && !r->fwmask)
		return false;
	hit = (p->mark & r->fwmask) == r->fwmark &&
	      (!*r->iif || (p->iif && !strcmp(r->iif, p->iif))) &&
	      (any_to || (r->to.len <= p->dst.len && net_prefix_contains(&r->to, &p->dst.addr)));
	return hit != r->invert;
}

const struct host_route *packet_route(const struct host *h, const struct host_rule *r,
				      const struct packet_way *p)
{
	const struct host_route *best = NULL;

	for (size_t i = 0; i < h->n_routes; i++) {
		const struct host_route *t = &h->routes[i];

		if (t->family != p->family || t->table != r->table || t->dst.len > p->dst.len ||
		    (!prefix_is_any(&t->dst, t->family) &&
		     !net_prefix_contains(&t->dst, &p->dst.addr)))
			continue;
		if (!best || t->dst.len > best->dst.len ||
		    (t->dst.len == best->dst.len && t->metric < best->metric))
			best = t;
	}
	return best;
}

/* -1: not by this rule; 0: nowhere; else the interface. */
static int way_by(const struct host *h, const struct host_rule *r, const struct packet_way *p)
{
	const struct host_route *t;
	int depth;

	if (r->action != FR_ACT_TO_TBL)
		return 0;
	t = packet_route(h, r, p);
	/* of table local only what is this host's: no internal network lies in there */
	if (!t || t->type == RTN_THROW || r->table == RT_TABLE_LOCAL)
		return -1;
	depth = t->dst.len - (t->family == AF_INET ? 96 : 0);
	if (r->suppress_prefixlen >= 0 && depth <= r->suppress_prefixlen)
		return -1;
	/* "local default dev lo" of a transparent proxy: to this host itself */
	return t->type == RTN_UNICAST || t->type == RTN_LOCAL ? t->oif : 0;
}

const struct host_rule *packet_way(const struct host *h, const struct packet_way *p, int *ret_oif)
{
	uint32_t from = 0;

	*ret_oif = 0;
	for (size_t i = 0; i < h->n_rules; i++) {
		const struct host_rule *r = &h->rules[i];

		if (r->priority < from || !matches(r, p))
			continue;
		if (r->action == FR_ACT_GOTO) {
			from = r->target;
			continue;
		}
		if (r->action == FR_ACT_NOP)
			continue;
		*ret_oif = way_by(h, r, p);
		if (*ret_oif >= 0)
			return r;
	}
	*ret_oif = 0;
	return NULL;
}

bool route_is_default(const struct check *x, int family)
{
	struct packet_way any = { .family = family, .dst = { .len = family == AF_INET ? 96 : 0 } };
	int oif;

	return x->link && packet_way(x->host, &any, &oif) && oif == x->link->ifindex;
}

bool route_leads_inside(const struct check *x, const struct host_route *t)
{
	const struct host_link *l = host_link(x->host, t->oif);

	if (t->table == RT_TABLE_LOCAL || hairpin_owns_table(t->table) || t->type != RTN_UNICAST)
		return false;
	if (prefix_is_any(&t->dst, t->family))
		return false;
	return l && strcmp(l->name, "lo") && l != x->link;
}
