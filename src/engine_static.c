// SPDX-License-Identifier: GPL-2.0-or-later
/* Static bindings: those of the plan are made, others ended, and what stands in their way. */
#include <errno.h>

#include "src/engine_impl.h"

#define STATIC_TRIES 8

static bool static_same(const struct plan_static *s, const struct binding *b)
{
	return s->proto == b->proto && s->port == b->eport && s->to_port == b->iport &&
	       net_addr_eq(&s->to, &b->internal);
}

struct statics {
	struct engine *e;
	const struct plan *plan;
	const struct link_info *link;
};

/* Of the family: one that gets new bindings, if there is any. */
static const struct net_addr *static_address(const struct link_info *link, bool is4)
{
	for (size_t i = 0; i < link->n_addr; i++)
		if (net_addr_is4(&link->addr[i]) == is4 && link_serves_new(link, i))
			return &link->addr[i];
	return NULL;
}

/* Ends static bindings that are no longer wanted and dynamic ones that stand in the way. */
static int clear_statics(const struct binding *b, void *data)
{
	const struct statics *st = data;
	bool wanted = false, in_way = false;

	for (size_t i = 0; i < st->plan->n_statics; i++) {
		const struct plan_static *s = &st->plan->statics[i];
		const struct net_addr *ext = static_address(st->link, net_addr_is4(&s->to));

		wanted |= static_same(s, b);
		in_way |= s->proto == b->proto && ext &&
			  ((s->port == b->eport && net_addr_eq(ext, &b->external)) ||
			   (s->to_port == b->iport && net_addr_eq(&s->to, &b->internal)));
	}
	if (b->is_static ? wanted : !in_way)
		return 0;
	return engine_free_slot(st->e, b->slot, NULL);
}

static bool is_static(const struct engine *e, const struct plan_static *s)
{
	struct binding b;

	return !dataplane_find(e->dp, s->proto, &s->to, s->to_port, &b) && b.is_static &&
	       static_same(s, &b);
}

/* -EEXIST: a packet has made a binding of that port or endpoint since they were cleared. */
static int add_statics(const struct statics *st, struct err *err)
{
	int again = 0;

	for (size_t i = 0; i < st->plan->n_statics; i++) {
		const struct plan_static *s = &st->plan->statics[i];
		const struct net_addr *ext = static_address(st->link, net_addr_is4(&s->to));
		struct binding b = {
			.proto = s->proto, .internal = s->to, .iport = s->to_port, .eport = s->port
		};
		int ret;

		if (!ext)
			continue; /* of that family there is none yet */
		b.external = *ext;
		ret = engine_add_binding(st->e, &b, SLOT_F_STATIC);
		if (ret == -EEXIST)
			again = is_static(st->e, s) ? again : ret;
		else if (ret)
			return err_sys(err, -ret, "cannot make the static binding of port %u",
				       s->port);
	}
	return again;
}

int engine_write_statics(struct engine *e, const struct plan *plan, const struct link_info *link,
			 struct err *err)
{
	struct statics st = { e, plan, link };
	int ret = -EEXIST;

	for (unsigned tries = 0; ret == -EEXIST && tries < STATIC_TRIES; tries++) {
		ret = dataplane_foreach(e->dp, clear_statics, &st);
		if (ret)
			return err_sys(err, -ret, "cannot end bindings in the way of static ones");
		ret = add_statics(&st, err);
	}
	if (ret == -EEXIST)
		err_set(err, EEXIST,
			"a static binding's port or host is busy: a new flow takes it "
			"each time that it is freed");
	return ret;
}
