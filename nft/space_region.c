// SPDX-License-Identifier: GPL-2.0-or-later
/* Regions: unions of boxes, and what can be done with them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>

#include "space_impl.h"

void box_copy(struct box *dst, const struct box *src)
{
	*dst = *src;
	for (unsigned d = 0; d < DIM_COUNT; d++)
		num_set_ref(dst->dim[d]);
}

void box_clear(struct box *b)
{
	for (unsigned d = 0; d < DIM_COUNT; d++)
		num_set_unref(b->dim[d]);
	memset(b, 0, sizeof(*b));
}

void box_put(struct box *b, enum dim d, struct num_set *set)
{
	num_set_unref(b->dim[d]);
	b->dim[d] = set;
}

static bool bits_eq(const struct bits *a, const struct bits *b)
{
	return a->known == b->known && a->fuzzy == b->fuzzy && !((a->val ^ b->val) & a->known);
}

static bool bits_cover(const struct bits *a, const struct bits *b)
{
	return !(a->known & ~b->known) && !((a->val ^ b->val) & a->known);
}

/* Whether @b adds nothing to @a. */
#define CHEAP 8 /* ranges of a set */

static bool covers(struct space *s, const struct box *a, const struct box *b)
{
	if (a->family != b->family || !bits_cover(&a->mark, &b->mark) ||
	    !bits_cover(&a->status, &b->status) ||
	    (a->ctmarked != b->ctmarked && (b->ctmarked || b->certain)))
		return false;
	if (b->certain &&
	    (!a->certain || (a->fuzzy & ~b->fuzzy) || (a->mark.fuzzy & ~b->mark.fuzzy) ||
	     (a->status.fuzzy & ~b->status.fuzzy)))
		return false;
	/* what costs little comes first: it is mostly enough */
	for (unsigned d = 0; d < DIM_COUNT; d++)
		if (b->dim[d]->n <= CHEAP && !num_set_covers(&s->ctx, a->dim[d], b->dim[d]))
			return false;
	for (unsigned d = 0; d < DIM_COUNT; d++)
		if (b->dim[d]->n > CHEAP && !num_set_covers(&s->ctx, a->dim[d], b->dim[d]))
			return false;
	return true;
}

/* The only dimension in which they differ; DIM_COUNT: more than one. */
static unsigned only_difference(const struct box *a, const struct box *b)
{
	unsigned found = DIM_COUNT;

	if (a->family != b->family || a->certain != b->certain || a->fuzzy != b->fuzzy ||
	    a->named != b->named || a->naming != b->naming || !bits_eq(&a->mark, &b->mark) ||
	    !bits_eq(&a->status, &b->status) || a->ctmarked != b->ctmarked)
		return DIM_COUNT;
	for (int large = 0; large < 2; large++)
		for (unsigned d = 0; d < DIM_COUNT; d++) {
			if ((b->dim[d]->n > CHEAP) != large || num_set_eq(a->dim[d], b->dim[d]))
				continue;
			if (found != DIM_COUNT)
				return DIM_COUNT;
			found = d;
		}
	return found;
}

static void bits_hull(struct bits *a, const struct bits *b)
{
	a->fuzzy |= b->fuzzy;
	a->known &= b->known & ~(a->val ^ b->val);
	a->val &= a->known;
}

/* @a becomes a box that holds both: no packet of it is certain any more. */
static void hull(struct space *s, struct box *a, const struct box *b)
{
	for (unsigned d = 0; d < DIM_COUNT; d++)
		box_put(a, d, num_set_or(&s->ctx, a->dim[d], b->dim[d]));
	bits_hull(&a->mark, &b->mark);
	bits_hull(&a->status, &b->status);
	a->fuzzy |= b->fuzzy;
	a->named &= b->named;
	a->naming &= b->naming;
	a->ctmarked |= b->ctmarked;
	a->certain = false;
}

/*
 * What a hull of both would cost: the fewer dimensions differ, the less it adds. What is certain
 * is worth keeping, and large sets are work.
 */
static unsigned distance(const struct box *a, const struct box *b)
{
	unsigned n = a->certain ? 12 : 0;

	if (a->family != b->family)
		return ~0u;
	for (unsigned d = 0; d < DIM_COUNT; d++)
		if (!num_set_alike(a->dim[d], b->dim[d]))
			n += a->dim[d]->n > LARGE_DIM / 8 ? 20 : 4;
	return n + 2 * !bits_eq(&a->mark, &b->mark);
}

static void widen(struct space *s, struct region *r, struct box *b)
{
	size_t best = r->n;
	unsigned least = ~0u;

	for (size_t i = 0; i < r->n; i++) {
		unsigned d = distance(&r->b[i], b);

		if (d < least) {
			least = d;
			best = i;
		}
	}
	r->widened = true;
	if (best == r->n) /* the first of its family: always room for that */
		best = 0;
	hull(s, &r->b[best], b);
	box_clear(b);
}

static bool has_family(const struct region *r, uint8_t family)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->b[i].family == family)
			return true;
	return false;
}

static void drop_box(struct region *r, size_t i)
{
	box_clear(&r->b[i]);
	memmove(&r->b[i], &r->b[i + 1], (--r->n - i) * sizeof(*r->b));
}

void region_push(struct space *s, struct region *r, struct box *b)
{
	if (r->n >= s->max_boxes && has_family(r, b->family)) {
		widen(s, r, b);
		return;
	}
	if (fw_grow(&r->b, r->n, sizeof(*r->b))) {
		s->ctx.err = -ENOMEM;
		box_clear(b);
		return;
	}
	r->b[r->n++] = *b;
}

/* Dimension @d of @b becomes that of both; the other's set may be used up. */
static void sum_dim(struct space *s, struct box *b, struct box *other, unsigned d)
{
	struct num_set *mine = b->dim[d];

	if (other->dim[d]->n >= mine->n) {
		b->dim[d] = num_set_join(&s->ctx, other->dim[d], mine);
		num_set_unref(mine);
	} else {
		b->dim[d] = num_set_join(&s->ctx, mine, other->dim[d]);
		num_set_unref(other->dim[d]);
	}
	other->dim[d] = num_set_empty();
}

void region_add(struct space *s, struct region *r, struct box *b)
{
	s->ctx.work += r->n + 1;
	for (unsigned d = 0; d < DIM_COUNT; d++)
		if (!b->dim[d]->n) {
			box_clear(b);
			return;
		}
	for (size_t i = 0; i < r->n; i++) {
		unsigned d;

		if (covers(s, &r->b[i], b)) {
			box_clear(b);
			return;
		}
		d = only_difference(&r->b[i], b);
		if (d != DIM_COUNT && r->b[i].dim[d]->n + b->dim[d]->n <= LARGE_DIM) {
			/* the sum may now fit to another box: start anew with it */
			sum_dim(s, b, &r->b[i], d);
			drop_box(r, i);
			i = (size_t)-1;
		}
	}
	region_push(s, r, b);
}

void region_add_copy(struct space *s, struct region *r, const struct box *b, bool certain)
{
	struct box c;

	box_copy(&c, b);
	c.certain = c.certain && certain;
	region_add(s, r, &c);
}

void region_clear(struct region *r)
{
	for (size_t i = 0; i < r->n; i++)
		box_clear(&r->b[i]);
	free(r->b);
	*r = (struct region){ 0 };
}

void region_copy(struct space *s, struct region *dst, const struct region *src)
{
	struct region n = { .widened = src->widened };

	for (size_t i = 0; i < src->n; i++) {
		if (fw_grow(&n.b, n.n, sizeof(*n.b))) {
			s->ctx.err = -ENOMEM;
			break;
		}
		box_copy(&n.b[n.n++], &src->b[i]);
	}
	region_clear(dst);
	*dst = n;
}

void region_join(struct space *s, struct region *dst, const struct region *src)
{
	if (!dst->n) {
		bool widened = dst->widened;

		region_copy(s, dst, src);
		dst->widened |= widened;
		return;
	}
	dst->widened |= src->widened;
	for (size_t i = 0; i < src->n; i++)
		region_add_copy(s, dst, &src->b[i], true);
}

void region_move(struct space *s, struct region *dst, struct region *src)
{
	if (!dst->n) {
		src->widened |= dst->widened;
		region_clear(dst);
		*dst = *src;
		*src = (struct region){ 0 };
		return;
	}
	dst->widened |= src->widened;
	for (size_t i = 0; i < src->n; i++)
		region_add(s, dst, &src->b[i]); /* taken over */
	free(src->b);
	*src = (struct region){ 0 };
}

static bool bits_meet(const struct bits *a, const struct bits *b)
{
	return !((a->val ^ b->val) & a->known & b->known);
}

static bool boxes_meet(const struct box *a, const struct box *b)
{
	if (a->family != b->family || !bits_meet(&a->mark, &b->mark) ||
	    !bits_meet(&a->status, &b->status))
		return false;
	for (unsigned d = 0; d < DIM_COUNT; d++)
		if (!num_set_meets(a->dim[d], b->dim[d]))
			return false;
	return true;
}

bool region_overlaps(const struct region *a, const struct region *b)
{
	for (size_t i = 0; i < a->n; i++)
		for (size_t j = 0; j < b->n; j++)
			if (boxes_meet(&a->b[i], &b->b[j]))
				return true;
	return false;
}

/*
 * Whether every packet of @b that lies in @m is one that @m holds: what is not known of it (its
 * fuzzy dimensions) must be no narrower there.
 */
static bool holds(struct space *s, const struct box *m, const struct box *b)
{
	for (unsigned d = 0; d < DIM_COUNT; d++)
		if ((m->fuzzy & 1u << d) && !num_set_covers(&s->ctx, m->dim[d], b->dim[d]))
			return false;
	return m->certain;
}

/* The bits of @b that @minus fixes and @b leaves open: one box for each value that differs. */
static void subtract_bits(struct space *s, struct region *out, struct box *b, size_t at,
			  const struct bits *minus)
{
	struct bits *bits = (struct bits *)((char *)b + at);
	uint32_t open = minus->known & ~bits->known;

	for (; open; open &= open - 1) {
		uint32_t bit = open & -open;
		struct box c;
		struct bits *cb = (struct bits *)((char *)&c + at);

		box_copy(&c, b);
		c.certain = c.certain && !(bits->fuzzy & bit);
		cb->known |= bit;
		cb->fuzzy &= ~bit;
		cb->val = (cb->val & ~bit) | (~minus->val & bit);
		region_add(s, out, &c);
		b->certain = b->certain && !(bits->fuzzy & bit);
		bits->known |= bit;
		bits->fuzzy &= ~bit;
		bits->val = (bits->val & ~bit) | (minus->val & bit);
	}
}

/* @b (taken over) minus @m, which it meets: a box for each dimension that @m cuts. */
static void subtract_box(struct space *s, struct region *out, struct box *b, const struct box *m)
{
	if (!holds(s, m, b)) {
		b->certain = false;
		region_add(s, out, b);
		return;
	}
	for (unsigned d = 0; d < DIM_COUNT; d++) {
		struct box c;

		if (num_set_covers(&s->ctx, m->dim[d], b->dim[d]))
			continue;
		box_copy(&c, b);
		box_put(&c, d, num_set_minus(&s->ctx, b->dim[d], m->dim[d]));
		c.certain = c.certain && !(b->fuzzy & 1u << d);
		region_add(s, out, &c);
		box_put(b, d, num_set_and(&s->ctx, b->dim[d], m->dim[d]));
		b->certain = b->certain && !(b->fuzzy & 1u << d);
	}
	subtract_bits(s, out, b, offsetof(struct box, mark), &m->mark);
	subtract_bits(s, out, b, offsetof(struct box, status), &m->status);
	box_clear(b);
}

void region_subtract(struct space *s, struct region *dst, const struct region *src)
{
	for (size_t i = 0; i < src->n; i++) {
		struct region out = { .widened = dst->widened };

		for (size_t j = 0; j < dst->n; j++)
			if (boxes_meet(&dst->b[j], &src->b[i]))
				subtract_box(s, &out, &dst->b[j], &src->b[i]);
			else
				region_add(s, &out, &dst->b[j]);
		free(dst->b);
		*dst = out;
	}
}

static void bits_and(struct box *b, struct bits *a, const struct bits *m)
{
	uint32_t open = m->known & ~a->known;

	if (open & a->fuzzy)
		b->certain = false;
	a->fuzzy = (a->fuzzy | m->fuzzy) & ~open;
	a->val = (a->val & a->known) | (m->val & open);
	a->known |= open;
}

static void intersect_box(struct space *s, struct region *out, const struct box *a,
			  const struct box *m)
{
	struct box c;

	box_copy(&c, a);
	c.certain = a->certain && m->certain;
	for (unsigned d = 0; d < DIM_COUNT; d++) {
		box_put(&c, d, num_set_and(&s->ctx, a->dim[d], m->dim[d]));
		if ((a->fuzzy & 1u << d) && !num_set_eq(c.dim[d], a->dim[d]))
			c.certain = false;
		if ((m->fuzzy & 1u << d) && !num_set_eq(c.dim[d], m->dim[d]))
			c.certain = false;
	}
	if (m->mark.fuzzy & a->mark.known & ~m->mark.known)
		c.certain = false;
	if (m->status.fuzzy & a->status.known & ~m->status.known)
		c.certain = false;
	bits_and(&c, &c.mark, &m->mark);
	bits_and(&c, &c.status, &m->status);
	c.fuzzy |= m->fuzzy;
	c.named |= m->named;
	c.naming |= m->naming;
	region_add(s, out, &c);
}

void region_intersect(struct space *s, struct region *dst, const struct region *src)
{
	struct region out = { .widened = dst->widened };

	for (size_t i = 0; i < dst->n; i++)
		for (size_t j = 0; j < src->n; j++)
			if (boxes_meet(&dst->b[i], &src->b[j]))
				intersect_box(s, &out, &dst->b[i], &src->b[j]);
	region_clear(dst);
	*dst = out;
}

void region_doubt(struct region *r)
{
	for (size_t i = 0; i < r->n; i++)
		r->b[i].certain = false;
}

bool region_certain(const struct region *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->b[i].certain)
			return true;
	return false;
}
