// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/attach.h"
#include "src/route.h"
#include "src/way.h"

int ways_open(struct ways *w, const struct link_info *link, const struct net_list *fresh,
	      struct err *err)
{
	*w = (struct ways){ .link = link, .fresh = fresh };
	return route_query_open(&w->rq, err);
}

static void other_close(struct way_other *o)
{
	dataplane_close(o->dp);
	net_list_free(&o->npt);
}

void ways_close(struct ways *w)
{
	while (w->n_other)
		other_close(&w->other[--w->n_other]);
	route_query_close(w->rq);
}

static const struct way_other *other_of(struct ways *w, int oif)
{
	struct attachment at;
	struct way_other *o;

	for (size_t i = 0; i < w->n_other; i++)
		if (w->other[i].oif == oif)
			return &w->other[i];
	if (w->n_other == sizeof(w->other) / sizeof(w->other[0]))
		other_close(&w->other[--w->n_other]);
	o = &w->other[w->n_other++];
	*o = (struct way_other){ .oif = oif };
	if (attach_find(oif, &at, NULL))
		return o;
	if (at.out_prog && !dataplane_open_prog(at.out_prog, &o->dp, NULL) &&
	    dataplane_npt(o->dp, &o->npt, NULL))
		net_list_free(&o->npt);
	attachment_close(&at);
	return o;
}

/* Whether it is translated where it leaves by @oif: un-NATed, as it must be, it is not ours. */
static bool is_served(struct ways *w, int oif, const struct ct_flow *inside)
{
	const struct way_other *o = other_of(w, oif);
	struct binding b;

	return o->dp && (net_list_contains(&o->npt, &inside->src) ||
			 !dataplane_find(o->dp, inside->proto, &inside->src, inside->sport, &b));
}

static enum way way_by(struct ways *w, const struct ct_flow *inside)
{
	int oif;

	if (link_is_external(w->link, &inside->dst))
		return WAY_SELF;
	oif = route_flow(w->rq, inside);
	if (oif == ROUTE_LOOPBACK)
		return WAY_SELF;
	if (!oif)
		return WAY_NONE;
	if (oif == w->link->ifindex)
		return WAY_LINK;
	if (is_served(w, oif, inside))
		return WAY_OTHERS;
	return (w->fresh && net_list_contains(w->fresh, &inside->dst)) ||
			       route_by_way(w->rq, inside)
		       ? WAY_MOVED
		       : WAY_OTHERS;
}

/*
 * The mark of the entry may be that of the packets, or something else: where that makes a
 * difference, the link is right, since what leaves there un-NATed is einat's, and nobody else is
 * presumed.
 */
enum way way_of(struct ways *w, const struct ct_flow *inside)
{
	enum way way = way_by(w, inside), other;
	struct ct_flow unmarked = *inside;

	if (!inside->mark || way == WAY_LINK)
		return way;
	unmarked.mark = 0;
	other = way_by(w, &unmarked);
	return other == WAY_LINK || way == WAY_OTHERS ? other : way;
}
