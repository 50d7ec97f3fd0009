// SPDX-License-Identifier: GPL-2.0-or-later
/* Regions as sets: copying, joining, subtracting. */
#include <errno.h>
#include <string.h>

#include "foreign_region.h"

int region_init(struct region *r)
{
	struct region n = { .protos = PROTO_ALL, .oif = { .except = true } };

	if (rset_push(&n.ports[0], PORTS_LO, PORTS_HI) ||
	    rset_push(&n.ports[1], PORTS_LO, PORTS_HI) || rset_push(&n.src, 0, ADDR_TOP) ||
	    rset_push(&n.dst, 0, ADDR_TOP)) {
		region_clear(&n);
		return -ENOMEM;
	}
	*r = n;
	return 0;
}

void region_clear(struct region *r)
{
	rset_free(&r->ports[0]);
	rset_free(&r->ports[1]);
	rset_free(&r->src);
	rset_free(&r->dst);
	memset(r, 0, sizeof(*r));
}

int region_copy(struct region *dst, const struct region *src)
{
	struct region n = *src;

	n.ports[0] = n.ports[1] = n.src = n.dst = (struct rset){ 0 };
	if (rset_copy(&n.ports[0], &src->ports[0]) || rset_copy(&n.ports[1], &src->ports[1]) ||
	    rset_copy(&n.src, &src->src) || rset_copy(&n.dst, &src->dst)) {
		region_clear(&n);
		return -ENOMEM;
	}
	region_clear(dst);
	*dst = n;
	return 0;
}

bool ifset_matches(const struct ifset *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strncmp(s->name[i], name, IFNAMSIZ))
			return !s->except;
	return s->except;
}

/* All interfaces is the only superset that always has room. */
static void ifset_add(struct ifset *s, const char *name)
{
	if (s->n == IFSET_MAX) {
		*s = (struct ifset){ .except = true };
		return;
	}
	memcpy(s->name[s->n++], name, IFNAMSIZ);
}

/* Keep the names for which @in is (or is not) a match. */
static void ifset_filter(struct ifset *s, const struct ifset *in, bool keep)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		if (ifset_matches(in, s->name[i]) == keep)
			memmove(s->name[n++], s->name[i], IFNAMSIZ);
	s->n = n;
}

static void ifset_join(struct ifset *dst, const struct ifset *src)
{
	struct ifset other = *src;

	if (dst->except) {
		/* all but A, or (all but B | these B): what both leave out */
		ifset_filter(dst, src, false);
	} else if (src->except) {
		ifset_filter(&other, dst, false);
		*dst = other;
	} else {
		for (size_t i = 0; i < src->n && !dst->except; i++)
			if (!ifset_matches(dst, src->name[i]))
				ifset_add(dst, src->name[i]);
	}
}

static void ifset_subtract(struct ifset *s, const struct ifset *m)
{
	if (!s->except) {
		ifset_filter(s, m, false);
	} else if (!m->except) {
		for (size_t i = 0; i < m->n && s->n < IFSET_MAX; i++)
			if (ifset_matches(s, m->name[i]))
				ifset_add(s, m->name[i]);
	} else {
		/* all but A, minus all but B: what B names and A does not */
		struct ifset left = *m;

		left.except = false;
		ifset_filter(&left, s, true);
		*s = left;
	}
}

int region_join(struct region *dst, const struct region *src)
{
	if (region_empty(src))
		return 0;
	if (region_empty(dst))
		return region_copy(dst, src);
	for (unsigned i = 0; i < 2; i++) {
		/* ports of a protocol that is not in the region mean nothing */
		if (!(dst->protos & 1u << i))
			rset_free(&dst->ports[i]);
		if ((src->protos & 1u << i) && rset_union(&dst->ports[i], &src->ports[i]))
			return -ENOMEM;
	}
	if (rset_union(&dst->src, &src->src) || rset_union(&dst->dst, &src->dst))
		return -ENOMEM;
	dst->protos |= src->protos;
	ifset_join(&dst->oif, &src->oif);
	dst->mark_known &= src->mark_known & ~(dst->mark ^ src->mark);
	dst->mark &= dst->mark_known;
	dst->states = dst->states && src->states ? dst->states | src->states : 0;
	dst->names_iface = dst->names_iface && src->names_iface;
	dst->names_dest = dst->names_dest && src->names_dest;
	dst->names_src = dst->names_src && src->names_src;
	dst->names_ports = dst->names_ports && src->names_ports;
	return 0;
}

int region_subtract(struct region *r, const struct region *m, unsigned narrowed)
{
	switch (narrowed) {
	case 0:
		region_clear(r);
		return 0;
	case NARROW_PORTS:
		for (unsigned i = 0; i < 2; i++) {
			if (!(m->protos & 1u << i))
				continue;
			if (rset_subtract(&r->ports[i], &m->ports[i]))
				return -ENOMEM;
			if (!r->ports[i].n)
				r->protos &= ~(1u << i);
		}
		r->protos &= ~(m->protos & PROTO_ICMP);
		break;
	case NARROW_STATE:
		r->states &= ~m->states;
		if (!r->states)
			r->protos = 0;
		break;
	case NARROW_OIF:
		ifset_subtract(&r->oif, &m->oif);
		if (!r->oif.except && !r->oif.n)
			r->protos = 0;
		break;
	}
	if (region_empty(r))
		region_clear(r);
	return 0;
}
