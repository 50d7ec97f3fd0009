// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/attach.h"
#include "src/route.h"
#include "src/way.h"

/* @ret_oif: of WAY_OTHER alone */
static enum way way_by(const struct ways *w, const struct net_addr *dst, int *ret_oif)
{
	if (link_is_external(w->link, dst))
		return WAY_SELF;
	*ret_oif = route_oif(w->rq, dst);
	if (*ret_oif == ROUTE_LOOPBACK)
		return WAY_SELF;
	return !*ret_oif ? WAY_NONE : *ret_oif == w->link->ifindex ? WAY_LINK : WAY_OTHER;
}

enum way way_of(const struct ways *w, const struct net_addr *dst)
{
	int oif;

	return way_by(w, dst, &oif);
}

int ways_open(struct ways *w, const struct link_info *link, struct err *err)
{
	*w = (struct ways){ .link = link };
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
	    dataplane_npt(o->dp, &o->npt))
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

bool way_moved(struct ways *w, const struct ct_flow *inside)
{
	int oif;

	return way_by(w, &inside->dst, &oif) == WAY_OTHER && !is_served(w, oif, inside);
}

bool way_is_internet(const struct ways *w, const struct net_addr *dst)
{
	return route_by_way(w->rq, dst);
}
