// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "num_set.h"

static const struct num_set nothing = { .refs = 1 };

/* Never written to: its capacity is 0. */
struct num_set *num_set_empty(void)
{
	return (struct num_set *)&nothing;
}

static struct num_set *alloc(struct num_ctx *c, size_t cap)
{
	struct num_set *s = malloc(sizeof(*s) + (cap ? cap : 1) * sizeof(*s->r));

	if (!s) {
		c->err = -ENOMEM;
		return NULL;
	}
	*s = (struct num_set){ .refs = 1, .cap = (uint32_t)(cap ? cap : 1) };
	return s;
}

struct num_set *num_set_ref(struct num_set *a)
{
	if (a->cap)
		a->refs++;
	return a;
}

void num_set_unref(struct num_set *a)
{
	if (a && a->cap && !--a->refs)
		free(a);
}

static int order(const void *a, const void *b)
{
	const struct num_range *x = a, *y = b;

	return num_cmp(x->lo, y->lo);
}

/* Whether a range that ends at @hi touches one that begins at @lo. */
static bool touches(struct num hi, struct num lo)
{
	return num_cmp(lo, hi) <= 0 || !num_cmp(lo, num_next(hi));
}

/* Append in ascending order, joined with the last one if they touch. */
static void push(struct num_set *s, struct num lo, struct num hi)
{
	struct num_range *last = s->n ? &s->r[s->n - 1] : NULL;

	if (last && touches(last->hi, lo)) {
		if (num_cmp(hi, last->hi) > 0)
			last->hi = hi;
		return;
	}
	s->r[s->n++] = (struct num_range){ lo, hi };
}

struct num_set *num_set_make(struct num_ctx *c, struct num_range *r, size_t n)
{
	struct num_set *s;
	bool sorted = true;

	if (!n)
		return num_set_empty();
	for (size_t i = 1; i < n && sorted; i++)
		sorted = order(&r[i - 1], &r[i]) <= 0;
	if (!sorted)
		qsort(r, n, sizeof(*r), order);
	s = alloc(c, n);
	for (size_t i = 0; s && i < n; i++)
		push(s, r[i].lo, r[i].hi);
	c->work += n;
	return s ? s : num_set_empty();
}

struct num_set *num_set_range(struct num_ctx *c, struct num lo, struct num hi)
{
	struct num_range r = { lo, hi };

	return num_set_make(c, &r, 1);
}

size_t num_set_find(const struct num_set *a, struct num v)
{
	size_t lo = 0, hi = a->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (num_cmp(a->r[mid].hi, v) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool num_set_has(const struct num_set *set, struct num v)
{
	size_t i = num_set_find(set, v);

	return i < set->n && num_cmp(set->r[i].lo, v) <= 0;
}

bool num_set_meets_range(const struct num_set *a, const struct num_range *r)
{
	size_t i = num_set_find(a, r->lo);

	return i < a->n && num_cmp(a->r[i].lo, r->hi) <= 0;
}

bool num_set_meets(const struct num_set *a, const struct num_set *b)
{
	if (a == b)
		return a->n;
	if (a->n > b->n) {
		const struct num_set *t = a;

		a = b;
		b = t;
	}
	for (size_t i = 0; i < a->n; i++)
		if (num_set_meets_range(b, &a->r[i]))
			return true;
	return false;
}

bool num_set_eq(const struct num_set *a, const struct num_set *b)
{
	return a == b || (a->n == b->n && !memcmp(a->r, b->r, a->n * sizeof(*a->r)));
}

#define SIDE_BY_SIDE 256 /* ranges: side by side is cheaper than a search for each */
#define TASTE	     16 /* of a large set these are looked up first: most answers are no */

bool num_set_alike(const struct num_set *a, const struct num_set *b)
{
	if (a == b || a->n < SIDE_BY_SIDE || a->n != b->n)
		return num_set_eq(a, b);
	for (size_t i = 0; i < TASTE; i++)
		if (memcmp(&a->r[a->n / TASTE * i], &b->r[a->n / TASTE * i], sizeof(*a->r)))
			return false;
	return true;
}

static bool covers_range(const struct num_set *a, const struct num_range *r)
{
	size_t i = num_set_find(a, r->lo);

	return i < a->n && num_cmp(a->r[i].lo, r->lo) <= 0 && num_cmp(a->r[i].hi, r->hi) >= 0;
}

bool num_set_covers(struct num_ctx *c, const struct num_set *a, const struct num_set *b)
{
	size_t i = 0;

	if (a == b)
		return true;
	if (b->n > a->n && a->n > 1 && b->n > 4 * a->n)
		return false; /* possible, but not worth the look */
	if (b->n < SIDE_BY_SIDE || a->n / 8 > b->n) {
		for (size_t j = 0; j < b->n; j++, c->work++)
			if (!covers_range(a, &b->r[j]))
				return false;
		return true;
	}
	for (size_t j = 0; j < TASTE; j++, c->work++)
		if (!covers_range(a, &b->r[b->n / TASTE * j]))
			return false;
	for (size_t j = 0; j < b->n; j++, c->work++) {
		while (i < a->n && num_cmp(a->r[i].hi, b->r[j].hi) < 0)
			i++;
		if (i == a->n || num_cmp(a->r[i].lo, b->r[j].lo) > 0)
			return false;
	}
	return true;
}

/* Few ranges of @few against many: the parts of @many in each. */
static struct num_set *and_few(struct num_ctx *c, const struct num_set *few,
			       const struct num_set *many)
{
	struct num_set *s;
	size_t n = 0;

	for (size_t i = 0; i < few->n; i++)
		n += num_set_find(many, few->r[i].hi) - num_set_find(many, few->r[i].lo) + 1;
	if (!n)
		return num_set_empty();
	s = alloc(c, n);
	for (size_t i = 0; s && i < few->n; i++)
		for (size_t j = num_set_find(many, few->r[i].lo);
		     j < many->n && num_cmp(many->r[j].lo, few->r[i].hi) <= 0; j++) {
			const struct num_range *x = &few->r[i], *y = &many->r[j];

			push(s, num_cmp(x->lo, y->lo) > 0 ? x->lo : y->lo,
			     num_cmp(x->hi, y->hi) < 0 ? x->hi : y->hi);
		}
	c->work += n;
	return s;
}

struct num_set *num_set_and(struct num_ctx *c, struct num_set *a, struct num_set *b)
{
	struct num_set *s;

	if (a == b || !a->n)
		return num_set_ref(a);
	if (!b->n)
		return num_set_empty();
	/* one range that holds all of the other set: nothing to copy */
	if (b->n == 1 && num_cmp(b->r->lo, a->r->lo) <= 0 &&
	    num_cmp(b->r->hi, a->r[a->n - 1].hi) >= 0)
		return num_set_ref(a);
	if (a->n == 1 && num_cmp(a->r->lo, b->r->lo) <= 0 &&
	    num_cmp(a->r->hi, b->r[b->n - 1].hi) >= 0)
		return num_set_ref(b);
	s = a->n < b->n ? and_few(c, a, b) : and_few(c, b, a);
	if (!s)
		return num_set_ref(a);
	if (!s->n) {
		num_set_unref(s);
		return num_set_empty();
	}
	return s;
}

/* @a minus @b into @s, which has room for a->n + b->n ranges. */
static void minus_into(struct num_set *s, const struct num_set *a, const struct num_set *b)
{
	size_t j = 0;

	for (size_t i = 0; i < a->n; i++) {
		struct num from = a->r[i].lo;
		bool done = false;

		if (i == 0)
			j = num_set_find(b, from);
		while (j < b->n && num_cmp(b->r[j].hi, from) < 0)
			j++;
		for (size_t k = j; k < b->n && num_cmp(b->r[k].lo, a->r[i].hi) <= 0 && !done; k++) {
			if (num_cmp(b->r[k].lo, from) > 0)
				s->r[s->n++] = (struct num_range){ from, num_prev(b->r[k].lo) };
			done = num_cmp(b->r[k].hi, a->r[i].hi) >= 0;
			from = num_next(b->r[k].hi);
			j = k;
		}
		if (!done)
			s->r[s->n++] = (struct num_range){ from, a->r[i].hi };
	}
}

#define LARGE 64

void num_set_forget(struct num_ctx *c)
{
	num_set_unref(c->last_a);
	num_set_unref(c->last_b);
	num_set_unref(c->last_minus);
	c->last_a = c->last_b = c->last_minus = NULL;
}

static void remember(struct num_ctx *c, struct num_set *a, struct num_set *b, struct num_set *s)
{
	if (a->n + b->n < LARGE)
		return;
	num_set_forget(c);
	c->last_a = num_set_ref(a);
	c->last_b = num_set_ref(b);
	c->last_minus = num_set_ref(s);
}

struct num_set *num_set_minus(struct num_ctx *c, struct num_set *a, struct num_set *b)
{
	struct num_set *s;

	if (a == b)
		return num_set_empty();
	if (a == c->last_a && b == c->last_b)
		return num_set_ref(c->last_minus);
	if (!num_set_meets(a, b))
		return num_set_ref(a);
	s = alloc(c, (size_t)a->n + b->n);
	if (!s)
		return num_set_ref(a);
	c->work += (uint64_t)a->n + b->n;
	minus_into(s, a, b);
	if (!s->n) {
		num_set_unref(s);
		return num_set_empty();
	}
	remember(c, a, b, s);
	return s;
}

struct num_set *num_set_or(struct num_ctx *c, struct num_set *a, struct num_set *b)
{
	struct num_set *s;
	size_t i = 0, j = 0;

	if (num_set_covers(c, a, b))
		return num_set_ref(a);
	if (num_set_covers(c, b, a))
		return num_set_ref(b);
	s = alloc(c, (size_t)a->n + b->n);
	if (!s)
		return num_set_ref(a);
	c->work += (uint64_t)a->n + b->n;
	while (i < a->n || j < b->n) {
		bool left = j == b->n || (i < a->n && num_cmp(a->r[i].lo, b->r[j].lo) <= 0);
		const struct num_range *r = left ? &a->r[i++] : &b->r[j++];

		push(s, r->lo, r->hi);
	}
	return s;
}

#define FEW 4 /* more ranges than these are not worth taking out or in one by one */

/* Room for one more in @a, of which nobody else knows; NULL: none left. */
static struct num_set *room(struct num_ctx *c, struct num_set *a)
{
	size_t cap = (size_t)a->cap * 2;
	struct num_set *p;

	if (a->n < a->cap)
		return a;
	p = realloc(a, sizeof(*a) + cap * sizeof(*a->r));
	if (!p) {
		c->err = -ENOMEM;
		return NULL;
	}
	p->cap = (uint32_t)cap;
	return p;
}

/* Put @r into @a, which has room for it. */
static void insert_range(struct num_set *a, struct num_range r)
{
	size_t i = num_set_find(a, r.lo), j;

	if (i && touches(a->r[i - 1].hi, r.lo))
		i--;
	for (j = i; j < a->n && touches(r.hi, a->r[j].lo); j++) {
		if (num_cmp(a->r[j].lo, r.lo) < 0)
			r.lo = a->r[j].lo;
		if (num_cmp(a->r[j].hi, r.hi) > 0)
			r.hi = a->r[j].hi;
	}
	memmove(&a->r[i + 1], &a->r[j], (a->n - j) * sizeof(*a->r));
	a->n = (uint32_t)(a->n + i + 1 - j);
	a->r[i] = r;
}

struct num_set *num_set_join(struct num_ctx *c, struct num_set *a, struct num_set *b)
{
	struct num_set *sum;

	if (a->refs > 1 || !a->cap || b->n > FEW) {
		sum = num_set_or(c, a, b);
		num_set_unref(a);
		return sum;
	}
	for (size_t i = 0; i < b->n; i++) {
		struct num_set *p = room(c, a);

		if (!p)
			return a;
		a = p;
		insert_range(a, b->r[i]);
	}
	c->work += b->n;
	return a;
}

struct num_set *num_set_slice(struct num_ctx *c, struct num_set *a, size_t from, size_t n)
{
	struct num_set *s = n ? alloc(c, n) : num_set_empty();

	if (!s)
		return num_set_ref(a);
	if (n)
		memcpy(s->r, a->r + from, n * sizeof(*s->r));
	if (n)
		s->n = (uint32_t)n;
	c->work += n;
	return s;
}

/* Take @r out of @a, of which nobody else knows and that has room for one more. */
static void cut_range(struct num_set *a, const struct num_range *r)
{
	size_t i = num_set_find(a, r->lo), j;

	if (i == a->n || num_cmp(a->r[i].lo, r->hi) > 0)
		return;
	if (num_cmp(a->r[i].lo, r->lo) < 0) {
		struct num_range rest = { num_next(r->hi), a->r[i].hi };
		bool split = num_cmp(a->r[i].hi, r->hi) > 0;

		a->r[i].hi = num_prev(r->lo);
		i++;
		if (split) {
			memmove(&a->r[i + 1], &a->r[i], (a->n - i) * sizeof(*a->r));
			a->r[i] = rest;
			a->n++;
			return;
		}
	}
	for (j = i; j < a->n && num_cmp(a->r[j].hi, r->hi) <= 0; j++)
		;
	memmove(&a->r[i], &a->r[j], (a->n - j) * sizeof(*a->r));
	a->n -= (uint32_t)(j - i);
	if (i < a->n && num_cmp(a->r[i].lo, r->hi) <= 0)
		a->r[i].lo = num_next(r->hi);
}

void num_set_cut(struct num_ctx *c, struct num_set **a, struct num_set *b)
{
	struct num_set *s = *a;

	if (s->refs > 1 || !s->cap || b->n > FEW || s == b) {
		*a = num_set_minus(c, s, b);
		num_set_unref(s);
		return;
	}
	for (size_t i = 0; i < b->n; i++) {
		struct num_set *p = room(c, s);

		if (!p)
			return;
		s = *a = p;
		cut_range(s, &b->r[i]);
	}
	c->work += b->n;
	if (!s->n) {
		num_set_unref(s);
		*a = num_set_empty();
	}
}

size_t num_set_size(const struct num_set *set)
{
	return set->n;
}

struct num_range num_set_at(const struct num_set *set, size_t i)
{
	return set->r[i];
}
