// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The elements of a set, made ready once: those of one field as sets of numbers (one for each
 * verdict of a verdict map), those of several fields as a list in which the ranges of each
 * field can be compared with a box quickly.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "space_impl.h"

static void canonical(uint8_t *dst, const uint8_t *src, size_t len, bool host)
{
	if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
		host = false;
	for (size_t i = 0; i < len; i++)
		dst[i] = host ? src[len - 1 - i] : src[i];
}

bool sel_range(const struct fw_sel *sel, const struct fw_elem *e, struct fw_range *ret)
{
	const uint8_t *lo = e->lo + sel->key_off, *hi = e->hi + sel->key_off;

	if (e->catchall || (sel->host && memcmp(lo, hi, sel->len)))
		return false;
	memset(ret, 0, sizeof(*ret));
	canonical(ret->lo + sel->off, lo, sel->len, sel->host);
	canonical(ret->hi + sel->off, hi, sel->len, sel->host);
	return true;
}

bool set_elem_doubtful(const struct fw_set *set, const struct fw_elem *e)
{
	return e->maybe || (set->flags & NFT_SET_TIMEOUT);
}

static void group_clear(struct group *g)
{
	for (int i = 0; i < 2; i++)
		if (g->have[i]) {
			ready_clear(&g->ready[i]);
			ready_clear(&g->ready_maybe[i]);
		}
	free(g->sure.r);
	free(g->maybe.r);
}

void index_free(struct space *s)
{
	for (size_t i = 0; i < s->n_index; i++)
		for (struct set_index *x = s->index[i], *next; x; x = next) {
			next = x->next;
			for (size_t j = 0; j < x->n_groups; j++)
				group_clear(&x->groups[j]);
			free(x->groups);
			free(x->quick);
			free(x->is_quick);
			free(x);
		}
	free(s->index);
	s->index = NULL;
	s->n_index = 0;
}

int fw_verdict_cmp(const struct fw_verdict *a, const struct fw_verdict *b)
{
	if (a->code != b->code)
		return a->code < b->code ? -1 : 1;
	return a->chain == b->chain ? 0 : (uintptr_t)a->chain < (uintptr_t)b->chain ? -1 : 1;
}

static int by_verdict(const void *a, const void *b)
{
	const struct fw_elem *const *x = a, *const *y = b;

	return fw_verdict_cmp(&(*x)->verdict, &(*y)->verdict);
}

void sel_match(struct fw_match *m, const struct fw_sel *sel)
{
	*m = (struct fw_match){ .field = sel->field };
	memcpy(m->mask, sel->mask, sizeof(m->mask));
}

static struct group *group_add(struct space *s, struct set_index *x, const struct fw_elem *e)
{
	struct group *g;

	if (x->n_groups &&
	    (!x->vmap || !fw_verdict_cmp(&x->groups[x->n_groups - 1].verdict, &e->verdict)))
		return &x->groups[x->n_groups - 1];
	if (fw_grow(&x->groups, x->n_groups, sizeof(*x->groups))) {
		s->ctx.err = -ENOMEM;
		return NULL;
	}
	g = &x->groups[x->n_groups++];
	*g = (struct group){ .verdict = e->verdict };
	sel_match(&g->sure, x->sel);
	sel_match(&g->maybe, x->sel);
	return g;
}

static void group_elem(struct space *s, struct set_index *x, const struct fw_elem *e)
{
	struct fw_range r;
	struct group *g;

	if (e->catchall)
		return;
	if (!sel_range(x->sel, e, &r)) {
		x->vague = true;
		return;
	}
	g = group_add(s, x, e);
	if (!g)
		return;
	if (fw_match_range(set_elem_doubtful(x->set, e) ? &g->maybe : &g->sure, r.lo, r.hi))
		s->ctx.err = -ENOMEM;
}

static void make_groups(struct space *s, struct set_index *x)
{
	const struct fw_set *set = x->set;
	const struct fw_elem **list = malloc((set->n_elems + 1) * sizeof(*list));

	if (!list) {
		s->ctx.err = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < set->n_elems; i++)
		list[i] = &set->elems[i];
	if (x->vmap)
		qsort(list, set->n_elems, sizeof(*list), by_verdict);
	for (size_t i = 0; i < set->n_elems && !s->ctx.err; i++)
		group_elem(s, x, list[i]);
	free(list);
}

/* Fields of which an element is one range of a dimension. */
bool quick_field(const struct fw_sel *sel, enum dim *ret_dim, uint8_t *ret_family)
{
	size_t len = fw_field_len(sel->field);

	*ret_family = 0;
	for (size_t i = 0; i < len; i++)
		if (sel->mask[i] != 0xff)
			return false;
	switch ((int)sel->field) {
	case FW_F_SADDR4:
	case FW_F_DADDR4:
		*ret_family = NFPROTO_IPV4;
		*ret_dim = sel->field == FW_F_SADDR4 ? DIM_SADDR : DIM_DADDR;
		return true;
	case FW_F_SADDR6:
	case FW_F_DADDR6:
		*ret_family = NFPROTO_IPV6;
		*ret_dim = sel->field == FW_F_SADDR6 ? DIM_SADDR : DIM_DADDR;
		return true;
	case FW_F_L4PROTO:
		*ret_dim = DIM_PROTO;
		return true;
	case FW_F_SPORT:
		*ret_dim = DIM_SPORT;
		return true;
	case FW_F_DPORT:
		*ret_dim = DIM_DPORT;
		return true;
	}
	return false;
}

static struct num number(const uint8_t *p, size_t len)
{
	struct num v = { 0, 0 };

	for (size_t i = 0; i < len; i++)
		v = (struct num){ v.hi << 8 | v.lo >> 56, v.lo << 8 | p[i] };
	return v;
}

static void make_quick(struct space *s, struct set_index *x)
{
	const struct fw_set *set = x->set;

	x->quick = calloc(set->n_elems * x->n_sel + 1, sizeof(*x->quick));
	x->is_quick = calloc(x->n_sel + 1, sizeof(*x->is_quick));
	if (!x->quick || !x->is_quick) {
		s->ctx.err = -ENOMEM;
		return;
	}
	for (size_t j = 0; j < x->n_sel; j++) {
		size_t len = fw_field_len(x->sel[j].field);
		enum dim d;
		uint8_t family;

		x->is_quick[j] = quick_field(&x->sel[j], &d, &family);
		for (size_t i = 0; x->is_quick[j] && i < set->n_elems; i++) {
			struct num_range *q = &x->quick[i * x->n_sel + j];
			struct fw_range r;

			if (!sel_range(&x->sel[j], &set->elems[i], &r))
				continue;
			*q = (struct num_range){ number(r.lo, len), number(r.hi, len) };
		}
	}
	s->ctx.work += set->n_elems * x->n_sel;
}

static bool same_sels(const struct set_index *x, const struct fw_lookup *l)
{
	return x->set == l->set && x->vmap == l->vmap && x->n_sel == l->n_sel &&
	       !memcmp(x->sel, l->sel, l->n_sel * sizeof(*l->sel));
}

struct set_index *index_get(struct space *s, const struct fw_lookup *l)
{
	struct set_index *x;
	size_t slot;

	if (!s->index) {
		s->n_index = 256;
		s->index = calloc(s->n_index, sizeof(*s->index));
		if (!s->index) {
			s->n_index = 0;
			s->ctx.err = -ENOMEM;
			return NULL;
		}
	}
	slot = ((uintptr_t)l->set >> 5) % s->n_index;
	for (x = s->index[slot]; x; x = x->next)
		if (same_sels(x, l))
			return x;
	x = calloc(1, sizeof(*x));
	if (!x) {
		s->ctx.err = -ENOMEM;
		return NULL;
	}
	x->set = l->set;
	x->vmap = l->vmap;
	x->n_sel = l->n_sel;
	memcpy(x->sel, l->sel, sizeof(x->sel));
	x->next = s->index[slot];
	s->index[slot] = x;
	if (x->n_sel == 1)
		make_groups(s, x);
	else
		make_quick(s, x);
	return x;
}

void group_ready(struct space *s, struct group *g, uint8_t family)
{
	bool six = family == NFPROTO_IPV6;

	if (g->have[six])
		return;
	ready_match(s, &g->sure, family, &g->ready[six]);
	ready_match(s, &g->maybe, family, &g->ready_maybe[six]);
	g->have[six] = true;
}
