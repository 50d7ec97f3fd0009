// SPDX-License-Identifier: GPL-2.0-or-later
/* Set look-ups: which elements a box can match, and what they leave of it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "space_impl.h"

#define EXACT_MAX 32 /* elements of several fields that are taken out of a box one by one */

/* Whether the components compare the whole key: else an element may or may not match. */
static bool complete(const struct fw_lookup *l)
{
	size_t bytes = 0;

	for (size_t i = 0; i < l->n_sel; i++)
		bytes += (l->sel[i].len + 3u) & ~3u;
	return l->n_sel && bytes >= l->set->key_len;
}

/* Elements that can come and go by themselves, or that a packet can add. */
static bool changes(const struct fw_set *set)
{
	return set->flags & NFT_SET_EVAL;
}

/* ---- one field -------------------------------------------------------------------------- */

/* The packets of @r (emptied) that the group's elements match; the others to @no. */
static void split_group(struct space *s, struct region *r, struct group *g, struct region *yes,
			struct region *no)
{
	for (size_t i = 0; i < r->n; i++) {
		struct region perhaps = { .widened = r->widened }, rest = { .widened = r->widened };
		bool six = is6(&r->b[i]);

		group_ready(s, g, r->b[i].family);
		box_split(s, &r->b[i], &g->ready[six], false, yes, &rest);
		if (!g->maybe.n) {
			region_move(s, no, &rest);
			continue;
		}
		perhaps.widened |= rest.widened;
		for (size_t j = 0; j < rest.n; j++)
			box_split(s, &rest.b[j], &g->ready_maybe[six], false, &perhaps, no);
		free(rest.b);
		region_doubt(&perhaps);
		region_join(s, yes, &perhaps);
		region_move(s, no, &perhaps);
	}
	free(r->b);
	*r = (struct region){ 0 };
}

/* ---- several fields --------------------------------------------------------------------- */

/* False only if the element cannot match any packet of the box. */
static bool quick_meets(struct space *s, const struct set_index *x, size_t elem,
			const struct box *b)
{
	for (size_t j = 0; j < x->n_sel; j++) {
		enum dim d;
		uint8_t family;

		if (!x->is_quick[j])
			continue;
		quick_field(&x->sel[j], &d, &family);
		if (family && family != b->family)
			continue; /* bytes of another header */
		if ((d == DIM_SPORT || d == DIM_DPORT) &&
		    !num_set_covers(&s->ctx, s->with_ports, b->dim[DIM_PROTO]))
			continue; /* what stands there is not known */
		if (!num_set_meets_range(b->dim[d], &x->quick[elem * x->n_sel + j]))
			return false;
	}
	return true;
}

/* One element: what it matches of @r (emptied) to @yes, the rest to @no. */
static void split_elem(struct space *s, struct region *r, const struct set_index *x,
		       const struct fw_elem *e, struct region *yes, struct region *no)
{
	struct region part = { 0 };

	region_move(s, &part, r);
	for (size_t j = 0; j < x->n_sel && part.n; j++) {
		struct region in = { 0 };
		struct fw_range range;
		struct fw_match m;

		sel_match(&m, &x->sel[j]);
		m.r = &range;
		m.n = 1;
		if (!sel_range(&x->sel[j], e, &range)) {
			region_doubt(&part);
			region_join(s, no, &part);
			continue;
		}
		region_split(s, &part, &m, &in, no);
		part = in;
	}
	if (set_elem_doubtful(x->set, e)) {
		region_doubt(&part);
		region_join(s, no, &part);
	}
	region_move(s, yes, &part);
}

struct map_walk {
	struct space *s;
	const struct set_index *index;
	region_verdict_fn each;
	void *data;
	struct region *yes, *no;
};

static int give(struct map_walk *w, const struct fw_verdict *v, struct region *part)
{
	int ret = 0;

	if (!part->n)
		return 0;
	if (w->each)
		ret = w->each(w->data, v, part);
	else
		region_move(w->s, w->yes, part);
	region_clear(part);
	return ret;
}

/* Too many elements of a plain set to tell apart: the box that holds them all, doubtful. */
static void hull_of(struct map_walk *w, const struct box *b, const size_t *hit, size_t n)
{
	const struct set_index *x = w->index;
	struct num_range *r = malloc(n * sizeof(*r));
	struct box c;

	if (!r) {
		w->s->ctx.err = -ENOMEM;
		return;
	}
	box_copy(&c, b);
	c.certain = false;
	for (size_t j = 0; j < x->n_sel; j++) {
		struct num_set *any;
		uint8_t family;
		enum dim d;

		if (!x->is_quick[j])
			continue;
		quick_field(&x->sel[j], &d, &family);
		if ((family && family != b->family) || d == DIM_SPORT || d == DIM_DPORT)
			continue;
		for (size_t i = 0; i < n; i++)
			r[i] = x->quick[hit[i] * x->n_sel + j];
		any = num_set_make(&w->s->ctx, r, n);
		box_put(&c, d, num_set_and(&w->s->ctx, c.dim[d], any));
		num_set_unref(any);
		c.naming |= (uint16_t)(1u << d);
	}
	free(r);
	w->yes->widened = true;
	region_add(w->s, w->yes, &c);
}

/* Each element takes its part of what is left of the box. */
static int split_exact(struct map_walk *w, struct region *left, const size_t *hit, size_t n)
{
	int ret = 0;

	for (size_t i = 0; i < n && !ret && left->n; i++) {
		const struct fw_elem *e = &w->index->set->elems[hit[i]];
		struct region part = { 0 }, next = { 0 };

		split_elem(w->s, left, w->index, e, &part, &next);
		*left = next;
		ret = give(w, &e->verdict, &part);
	}
	return ret;
}

/* The same for many elements: what is left may as well have matched. */
static int split_many(struct map_walk *w, struct region *left, const size_t *hit, size_t n)
{
	int ret = 0;

	for (size_t i = 0; i < n && !ret; i++) {
		const struct fw_elem *e = &w->index->set->elems[hit[i]];
		struct region whole = { 0 }, part = { 0 }, next = { 0 };

		region_copy(w->s, &whole, left);
		split_elem(w->s, &whole, w->index, e, &part, &next);
		region_clear(&next);
		ret = give(w, &e->verdict, &part);
	}
	region_doubt(left);
	left->widened = true;
	return ret;
}

/* The elements that @b (taken over) can match. */
static int split_fields(struct map_walk *w, struct box *b)
{
	const struct set_index *x = w->index;
	size_t *hit = malloc((x->set->n_elems + 1) * sizeof(*hit)), n = 0;
	struct region left = { 0 };
	int ret = 0;

	if (!hit) {
		w->s->ctx.err = -ENOMEM;
		box_clear(b);
		return -ENOMEM;
	}
	for (size_t i = 0; i < x->set->n_elems; i++)
		if (!x->set->elems[i].catchall && quick_meets(w->s, x, i, b))
			hit[n++] = i;
	w->s->ctx.work += x->set->n_elems;
	if (n > EXACT_MAX && !w->each)
		hull_of(w, b, hit, n);
	left.widened = n > EXACT_MAX;
	region_add(w->s, &left, b);
	if (n > EXACT_MAX && !w->each)
		region_doubt(&left);
	else if (n > EXACT_MAX)
		ret = split_many(w, &left, hit, n);
	else
		ret = split_exact(w, &left, hit, n);
	free(hit);
	region_move(w->s, w->no, &left);
	return ret;
}

/* ---- both ------------------------------------------------------------------------------- */

/* Any key can be in the set, or not: every verdict there is, and none. */
static int split_vague(struct map_walk *w, struct region *r)
{
	const struct fw_set *set = w->index->set;
	int ret = 0;

	region_doubt(r);
	for (size_t i = 0; i < (w->each ? set->n_elems : 1) && !ret; i++) {
		struct region part = { 0 };
		bool seen = false;

		for (size_t j = 0; j < i && w->each && !seen; j++)
			seen = !fw_verdict_cmp(&set->elems[j].verdict, &set->elems[i].verdict);
		if (seen)
			continue;
		region_copy(w->s, &part, r);
		ret = give(w, w->each ? &set->elems[i].verdict : NULL, &part);
	}
	region_move(w->s, w->no, r);
	return ret;
}

static int split_groups(struct map_walk *w, struct region *r)
{
	struct set_index *x = (struct set_index *)w->index;
	int ret = 0;

	for (size_t i = 0; i < x->n_groups && r->n && !ret; i++) {
		struct region part = { 0 }, next = { 0 };

		split_group(w->s, r, &x->groups[i], &part, &next);
		*r = next;
		ret = give(w, &x->groups[i].verdict, &part);
	}
	region_move(w->s, w->no, r);
	return ret;
}

static const struct fw_elem *catchall(const struct fw_set *set)
{
	for (size_t i = 0; i < set->n_elems; i++)
		if (set->elems[i].catchall)
			return &set->elems[i];
	return NULL;
}

static int lookup(struct map_walk *w, struct region *r, const struct fw_lookup *l)
{
	const struct fw_elem *rest = catchall(l->set);
	struct region left = { 0 }, *no = w->no;
	int ret = 0;

	if (!w->index || w->index->vague || !complete(l) || changes(l->set)) {
		if (!w->index) {
			region_clear(r);
			return -ENOMEM;
		}
		return split_vague(w, r);
	}
	w->no = &left;
	if (l->n_sel == 1) {
		ret = split_groups(w, r);
	} else {
		left.widened = r->widened;
		for (size_t i = 0; i < r->n; i++)
			if (!ret)
				ret = split_fields(w, &r->b[i]);
			else
				box_clear(&r->b[i]);
		free(r->b);
		*r = (struct region){ 0 };
	}
	w->no = no;
	if (rest && !ret) {
		if (set_elem_doubtful(l->set, rest)) {
			region_doubt(&left);
			region_join(w->s, no, &left);
		}
		ret = give(w, &rest->verdict, &left);
	} else {
		region_move(w->s, no, &left);
	}
	return ret;
}

bool box_misses_set(struct space *s, const struct box *b, const struct fw_lookup *l)
{
	struct set_index *x;

	if (l->n_sel != 1 || !complete(l) || l->neg || l->vmap || changes(l->set) ||
	    catchall(l->set))
		return false;
	x = index_get(s, l);
	if (!x || x->vague)
		return false;
	if (!x->n_groups)
		return true;
	group_ready(s, x->groups, b->family);
	return !x->groups->maybe.n && box_misses(s, b, &x->groups->ready[is6(b)], false);
}

void region_split_set(struct space *s, struct region *r, const struct fw_lookup *l,
		      struct region *ret_yes, struct region *ret_no)
{
	struct map_walk w = { .s = s,
			      .index = index_get(s, l),
			      .yes = l->neg ? ret_no : ret_yes,
			      .no = l->neg ? ret_yes : ret_no };

	lookup(&w, r, l);
}

int region_split_map(struct space *s, struct region *r, const struct fw_lookup *l,
		     region_verdict_fn each, void *data, struct region *ret_no)
{
	struct map_walk w = {
		.s = s, .index = index_get(s, l), .each = each, .data = data, .no = ret_no
	};

	return lookup(&w, r, l);
}
