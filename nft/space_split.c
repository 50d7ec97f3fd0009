// SPDX-License-Identifier: GPL-2.0-or-later
/* Splitting boxes by a match that was made ready. */
#include <stdlib.h>
#include <string.h>

#include "space_impl.h"

#define CUBES_MAX 16 /* values of a mark that are told apart; more: a perhaps */

/* Both may be. */
static void doubt(struct space *s, struct box *b, struct region *yes, struct region *no)
{
	b->certain = false;
	region_add_copy(s, yes, b, false);
	region_add(s, no, b);
}

/* The part of @b in which @d lies in @set goes to @out; the rest stays in @b. */
static void carve(struct space *s, struct box *b, enum dim d, struct num_set *set,
		  struct region *out, bool certain, bool names)
{
	struct num_set *in = num_set_and(&s->ctx, b->dim[d], set);
	struct box c;

	if (!in->n) {
		num_set_unref(in);
		return;
	}
	box_copy(&c, b);
	box_put(&c, d, num_set_ref(in));
	if (num_set_eq(in, b->dim[d])) {
		box_put(b, d, num_set_empty());
	} else {
		if (b->fuzzy & 1u << d)
			b->certain = c.certain = false;
		num_set_cut(&s->ctx, &b->dim[d], in);
	}
	if (names && !num_set_eq(set, full_set(s, b, d)))
		c.naming |= (uint16_t)(1u << d);
	num_set_unref(in);
	c.certain = c.certain && certain;
	region_add(s, out, &c);
}

/*
 * To cut a little out of very many ranges would move them all, each time: what is far from the
 * cut goes to @no at once, as boxes of their own.
 */
static void isolate(struct space *s, struct box *b, enum dim d, const struct num_set *by,
		    struct region *no)
{
	struct num_set *set = b->dim[d];
	size_t from, to;
	struct box c;

	if (set->n <= LARGE_DIM || !by->n || by->n > 4)
		return;
	from = num_set_find(set, by->r[0].lo);
	to = num_set_find(set, by->r[by->n - 1].hi);
	if (to - from > LARGE_DIM / 4)
		return;
	from = from > LARGE_DIM / 4 ? from - LARGE_DIM / 4 : 0;
	to = to + LARGE_DIM / 4 < set->n ? to + LARGE_DIM / 4 : set->n;
	if (from) {
		box_copy(&c, b);
		box_put(&c, d, num_set_slice(&s->ctx, set, 0, from));
		region_push(s, no, &c);
	}
	if (to < set->n) {
		box_copy(&c, b);
		box_put(&c, d, num_set_slice(&s->ctx, set, to, set->n - to));
		region_push(s, no, &c);
	}
	box_put(b, d, num_set_slice(&s->ctx, set, from, to - from));
}

static void split_dim(struct space *s, struct box *b, const struct ready *m, bool neg,
		      struct region *yes, struct region *no)
{
	bool fuzzy = b->fuzzy & 1u << m->dim;

	if (!fuzzy && (!m->maybe || !m->maybe->n))
		isolate(s, b, m->dim, m->yes, no);
	/* of what is not known, the parts are doubtful, whichever is split off first */
	if (fuzzy && !num_set_covers(&s->ctx, m->yes, b->dim[m->dim]) &&
	    num_set_meets(m->yes, b->dim[m->dim]))
		b->certain = false;
	if (m->maybe && num_set_meets(m->maybe, b->dim[m->dim])) {
		struct region part = { 0 };

		carve(s, b, m->dim, m->maybe, &part, false, false);
		region_join(s, yes, &part);
		region_move(s, no, &part);
	}
	carve(s, b, m->dim, m->yes, yes, true,
	      !neg && m->match->field != FW_F_SADDRTYPE && m->match->field != FW_F_DADDRTYPE);
	region_add(s, no, b);
}

static void with_bits(struct space *s, struct region *out, const struct box *b, bool status,
		      uint32_t mask, uint32_t val)
{
	struct box c;
	struct bits *bits;
	uint32_t open;

	box_copy(&c, b);
	bits = status ? &c.status : &c.mark;
	open = mask & ~bits->known;
	if (open & bits->fuzzy)
		c.certain = false;
	bits->fuzzy &= ~open;
	bits->val = (bits->val & ~open) | (val & open);
	bits->known |= open;
	region_add(s, out, &c);
}

/* Out of @b (taken over) all whose @mask bits are @val: bit by bit. */
static void without_bits(struct space *s, struct region *out, struct box *b, bool status,
			 uint32_t mask, uint32_t val)
{
	struct bits *bits = status ? &b->status : &b->mark;
	uint32_t open = mask & ~bits->known;

	if (open & bits->fuzzy) { /* nothing is certain there: no use to tell bits apart */
		b->certain = false;
		region_add(s, out, b);
		return;
	}
	for (; open; open &= open - 1) {
		uint32_t bit = open & -open;

		with_bits(s, out, b, status, bit, ~val);
		bits->known |= bit;
		bits->val = (bits->val & ~bit) | (val & bit);
	}
	box_clear(b);
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Can (bits & mask) lie in the range, with the bits that are known? Must it? */
static void range_of_bits(const struct bits *b, uint32_t mask, uint32_t lo, uint32_t hi,
			  bool *ret_can, bool *ret_must)
{
	uint32_t open = mask & ~b->known, least = b->val & b->known & mask, most = least | open;

	if (lo == hi) {
		*ret_can = !((lo ^ least) & b->known & mask) && !(lo & ~mask);
		*ret_must = *ret_can && !open;
	} else {
		*ret_can = most >= lo && least <= hi;
		*ret_must = least >= lo && most <= hi;
	}
}

static void split_bits(struct space *s, struct box *b, const struct ready *m, bool status,
		       struct region *yes, struct region *no)
{
	struct region left = { 0 };
	const struct fw_match *f = m->match;
	size_t singles = 0, wide = 0;

	for (size_t i = 0; i < f->n; i++) {
		bool can, must;

		range_of_bits(status ? &b->status : &b->mark, m->mask, be32(f->r[i].lo),
			      be32(f->r[i].hi), &can, &must);
		if (must) {
			region_add(s, yes, b);
			return;
		}
		singles += can && !memcmp(f->r[i].lo, f->r[i].hi, 4);
		wide += can && memcmp(f->r[i].lo, f->r[i].hi, 4);
	}
	if (!singles && !wide) {
		region_add(s, no, b);
		return;
	}
	if (wide || singles > CUBES_MAX) {
		doubt(s, b, yes, no);
		return;
	}
	region_add(s, &left, b);
	for (size_t i = 0; i < f->n; i++) {
		uint32_t val = be32(f->r[i].lo);
		struct region next = { 0 };

		for (size_t j = 0; j < left.n; j++) {
			struct box *x = &left.b[j];
			bool can, must;

			range_of_bits(status ? &x->status : &x->mark, m->mask, val, val, &can,
				      &must);
			if (!can) {
				region_add(s, &next, x);
				continue;
			}
			with_bits(s, yes, x, status, m->mask, val);
			without_bits(s, &next, x, status, m->mask, val);
		}
		free(left.b);
		next.widened |= left.widened;
		left = next;
	}
	region_move(s, no, &left);
}

/* Split @b by whether @d lies in @set; what does not is in doubt. Returns whether any is left. */
static bool confine(struct space *s, struct box *b, enum dim d, struct num_set *set,
		    struct region *yes, struct region *no)
{
	struct num_set *out;
	struct box c;

	if (num_set_covers(&s->ctx, set, b->dim[d]))
		return true;
	out = num_set_minus(&s->ctx, b->dim[d], set);
	if (b->fuzzy & 1u << d)
		b->certain = false;
	box_copy(&c, b);
	box_put(&c, d, num_set_ref(out));
	doubt(s, &c, yes, no);
	num_set_cut(&s->ctx, &b->dim[d], out);
	num_set_unref(out);
	if (b->dim[d]->n)
		return true;
	box_clear(b);
	return false;
}

/* Those without a connection have no status and no direction. */
static bool with_connection(struct space *s, struct box *b, struct region *yes, struct region *no)
{
	struct num_set *conn = num_set_minus(&s->ctx, s->full[DIM_CTSTATE], s->no_ct);
	bool left = confine(s, b, DIM_CTSTATE, conn, yes, no);

	num_set_unref(conn);
	return left;
}

static bool ready_takes_zero(const struct ready *m)
{
	for (size_t i = 0; i < m->match->n; i++)
		if (!be32(m->match->r[i].lo))
			return true;
	return false;
}

void box_split(struct space *s, struct box *b, const struct ready *m, bool neg, struct region *yes,
	       struct region *no)
{
	struct region *t = yes;
	bool all;

	if (neg) {
		yes = no;
		no = t;
	}
	switch (m->kind) {
	case READY_ALL:
		region_add(s, yes, b);
		return;
	case READY_NONE:
		region_add(s, no, b);
		return;
	case READY_MAYBE:
		doubt(s, b, yes, no);
		return;
	case READY_MARK:
		split_bits(s, b, m, false, yes, no);
		return;
	case READY_CTMARK:
		if (!confine(s, b, DIM_CTSTATE, s->is_new, yes, no))
			return;
		if (b->ctmarked)
			doubt(s, b, yes, no);
		else
			region_add(s, ready_takes_zero(m) ? yes : no, b);
		return;
	case READY_STATUS:
		/* what is known of the status is so for new connections only */
		if (confine(s, b, DIM_CTSTATE, s->is_new, yes, no))
			split_bits(s, b, m, true, yes, no);
		return;
	case READY_DIM:
		break;
	}
	if (m->dim == DIM_CTSTATE && m->maybe && m->maybe->n && state_of_new(b, m->match, &all)) {
		region_add(s, all ? yes : no, b);
		return;
	}
	if (m->dim == DIM_CTDIR ? !with_connection(s, b, yes, no)
				: m->only && !confine(s, b, DIM_PROTO, m->only, yes, no))
		return;
	split_dim(s, b, m, neg, yes, no);
}

static bool bits_miss(struct space *s, const struct box *b, const struct ready *m, bool neg)
{
	bool status = m->kind == READY_STATUS, any_can = false, any_must = false;

	if (status && !num_set_covers(&s->ctx, s->is_new, b->dim[DIM_CTSTATE]))
		return false;
	for (size_t i = 0; i < m->match->n; i++) {
		bool can, must;

		range_of_bits(status ? &b->status : &b->mark, m->mask, be32(m->match->r[i].lo),
			      be32(m->match->r[i].hi), &can, &must);
		any_can |= can;
		any_must |= must;
	}
	return neg ? any_must : !any_can;
}

bool box_misses(struct space *s, const struct box *b, const struct ready *m, bool neg)
{
	if (m->kind == READY_ALL || m->kind == READY_NONE)
		return (m->kind == READY_ALL) == neg;
	if (m->kind == READY_MARK || m->kind == READY_STATUS)
		return bits_miss(s, b, m, neg);
	if (m->kind != READY_DIM || neg || m->dim == DIM_CTDIR)
		return false;
	/* protocols without the field may match */
	if (m->only && !num_set_covers(&s->ctx, m->only, b->dim[DIM_PROTO]))
		return false;
	return !num_set_meets(b->dim[m->dim], m->yes) &&
	       !(m->maybe && num_set_meets(b->dim[m->dim], m->maybe));
}

void region_split(struct space *s, struct region *r, const struct fw_match *m,
		  struct region *ret_yes, struct region *ret_no)
{
	struct ready ready[2];
	bool have[2] = { false, false };

	ret_yes->widened |= r->widened;
	ret_no->widened |= r->widened;
	for (size_t i = 0; i < r->n; i++) {
		bool six = is6(&r->b[i]);

		if (!have[six])
			ready_match(s, m, r->b[i].family, &ready[six]);
		have[six] = true;
		box_split(s, &r->b[i], &ready[six], m->neg, ret_yes, ret_no);
	}
	for (int i = 0; i < 2; i++)
		if (have[i])
			ready_clear(&ready[i]);
	free(r->b);
	*r = (struct region){ 0 };
}
