// SPDX-License-Identifier: GPL-2.0-or-later
/* Sets of a table as sorted, disjoint elements: what is more, what is less, what differs. */
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "nft/table_model.h"

bool set_add(struct set *s, const struct set_elem *e)
{
	struct set_elem *n = array_room(s->elem, s->n, sizeof(*n));

	if (!n)
		return false;
	s->elem = n;
	s->elem[s->n++] = *e;
	return true;
}

int set_elem_cmp(const void *a, const void *b)
{
	const struct set_elem *x = a, *y = b;
	int c = memcmp(&x->lo, &y->lo, sizeof(x->lo));

	if (!c)
		c = memcmp(&x->hi, &y->hi, sizeof(x->hi));
	if (!c)
		c = x->ipproto - y->ipproto;
	return c ? c : x->ports.lo - y->ports.lo;
}

/* Not only the key: the rest of a port range, a forward's target. */
static bool elem_eq(const struct set_elem *x, const struct set_elem *y)
{
	/* field by field: padding has no value to compare */
	return !set_elem_cmp(x, y) && x->ports.hi == y->ports.hi && x->to_port == y->to_port &&
	       net_addr_eq(&x->to, &y->to);
}

bool set_eq(const struct set *a, const struct set *b)
{
	if (a->type != b->type || a->n != b->n || strcmp(a->name, b->name))
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!elem_eq(&a->elem[i], &b->elem[i]))
			return false;
	return true;
}

void set_sort(struct set *s)
{
	if (s->n)
		qsort(s->elem, s->n, sizeof(*s->elem), set_elem_cmp);
}

static bool addr_next(struct net_addr *a) /* false: it was the last address */
{
	for (int i = 15; i >= 0; i--)
		if (++a->b[i])
			return true;
	return false;
}

void set_addr_previous(struct net_addr *a)
{
	for (int i = 15; i >= 0; i--)
		if (a->b[i]--)
			return;
}

static int addr_cmp(const struct net_addr *a, const struct net_addr *b)
{
	return memcmp(a->b, b->b, sizeof(a->b));
}

/* The kernel refuses overlapping intervals; prefixes may nest, repeat and touch. */
void set_merge(struct set *s)
{
	size_t n = 0;

	set_sort(s);
	for (size_t i = 0; i < s->n; i++) {
		struct set_elem *last = n ? &s->elem[n - 1] : NULL;
		struct net_addr next;

		if (last) {
			next = last->hi;
			if (!addr_next(&next) || addr_cmp(&s->elem[i].lo, &next) <= 0) {
				if (addr_cmp(&s->elem[i].hi, &last->hi) > 0)
					last->hi = s->elem[i].hi;
				continue;
			}
		}
		s->elem[n++] = s->elem[i];
	}
	s->n = n;
}

bool set_add_all(struct set *dst, const struct set *src)
{
	for (size_t i = 0; i < src->n; i++)
		if (!set_add(dst, &src->elem[i]))
			return false;
	if (dst->type == SET_ADDR_RANGES)
		set_merge(dst);
	else
		set_sort(dst);
	return true;
}

/* What of the interval @x is outside of @minus. */
static bool add_rest(struct set *out, const struct set_elem *x, const struct set *minus)
{
	struct set_elem rest = *x;

	for (size_t i = 0; i < minus->n; i++) {
		const struct set_elem *y = &minus->elem[i];

		if (addr_cmp(&y->hi, &rest.lo) < 0)
			continue;
		if (addr_cmp(&y->lo, &x->hi) > 0)
			break;
		if (addr_cmp(&y->lo, &rest.lo) > 0) {
			rest.hi = y->lo;
			set_addr_previous(&rest.hi);
			if (!set_add(out, &rest))
				return false;
		}
		if (addr_cmp(&y->hi, &x->hi) >= 0)
			return true;
		rest.lo = y->hi;
		addr_next(&rest.lo);
	}
	rest.hi = x->hi;
	return set_add(out, &rest);
}

static bool has(const struct set *s, const struct set_elem *e, bool by_key)
{
	for (size_t i = 0; i < s->n; i++)
		if (by_key ? !set_elem_cmp(&s->elem[i], e) : elem_eq(&s->elem[i], e))
			return true;
	return false;
}

bool set_subtract(struct set *s, const struct set *minus, bool by_key)
{
	struct set out = *s;
	bool ok = true;

	out.elem = NULL;
	out.n = 0;
	for (size_t i = 0; ok && i < s->n; i++)
		if (s->type == SET_ADDR_RANGES)
			ok = add_rest(&out, &s->elem[i], minus);
		else if (!has(minus, &s->elem[i], by_key))
			ok = set_add(&out, &s->elem[i]);
	if (!ok) {
		free(out.elem);
		return false;
	}
	free(s->elem);
	*s = out;
	return true;
}
