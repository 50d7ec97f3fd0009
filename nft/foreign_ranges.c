// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "foreign_ranges.h"
#include "read.h"

int rset_push(struct rset *s, uint32_t lo, uint32_t hi)
{
	if (fw_grow(&s->r, s->n, sizeof(*s->r)))
		return -ENOMEM;
	s->r[s->n++] = (struct rrange){ lo, hi };
	return 0;
}

static int order(const void *a, const void *b)
{
	const struct rrange *x = a, *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

void rset_sort(struct rset *s)
{
	size_t n = 0;

	if (!s->n)
		return;
	qsort(s->r, s->n, sizeof(*s->r), order);
	for (size_t i = 1; i < s->n; i++) {
		if (s->r[n].hi == UINT32_MAX || s->r[i].lo <= s->r[n].hi + 1) {
			if (s->r[i].hi > s->r[n].hi)
				s->r[n].hi = s->r[i].hi;
		} else {
			s->r[++n] = s->r[i];
		}
	}
	s->n = n + 1;
}

static void take(struct rset *dst, struct rset *from)
{
	free(dst->r);
	*dst = *from;
}

int rset_copy(struct rset *dst, const struct rset *src)
{
	struct rset c = { 0 };

	for (size_t i = 0; i < src->n; i++)
		if (rset_push(&c, src->r[i].lo, src->r[i].hi)) {
			free(c.r);
			return -ENOMEM;
		}
	take(dst, &c);
	return 0;
}

int rset_union(struct rset *dst, const struct rset *src)
{
	struct rset c = { 0 };
	int ret = rset_copy(&c, dst);

	for (size_t i = 0; i < src->n && !ret; i++)
		ret = rset_push(&c, src->r[i].lo, src->r[i].hi);
	if (ret) {
		free(c.r);
		return ret;
	}
	rset_sort(&c);
	take(dst, &c);
	return 0;
}

int rset_intersect(struct rset *dst, const struct rset *src)
{
	struct rset c = { 0 };
	size_t i = 0, j = 0;

	while (i < dst->n && j < src->n) {
		const struct rrange *a = &dst->r[i], *b = &src->r[j];
		uint32_t lo = a->lo > b->lo ? a->lo : b->lo;
		uint32_t hi = a->hi < b->hi ? a->hi : b->hi;

		if (lo <= hi && rset_push(&c, lo, hi)) {
			free(c.r);
			return -ENOMEM;
		}
		if (a->hi < b->hi)
			i++;
		else
			j++;
	}
	take(dst, &c);
	return 0;
}

int rset_subtract(struct rset *dst, const struct rset *src)
{
	struct rset gaps = { 0 };
	uint64_t from = 0;
	int ret = 0;

	for (size_t i = 0; i < src->n && !ret; i++) {
		if (src->r[i].lo > from)
			ret = rset_push(&gaps, (uint32_t)from, src->r[i].lo - 1);
		from = (uint64_t)src->r[i].hi + 1;
	}
	if (!ret && from <= UINT32_MAX)
		ret = rset_push(&gaps, (uint32_t)from, UINT32_MAX);
	if (!ret)
		ret = rset_intersect(dst, &gaps);
	free(gaps.r);
	return ret;
}

bool rset_eq(const struct rset *a, const struct rset *b)
{
	return a->n == b->n && (!a->n || !memcmp(a->r, b->r, a->n * sizeof(*a->r)));
}

bool rset_is(const struct rset *s, uint32_t lo, uint32_t hi)
{
	return s->n == 1 && s->r->lo == lo && s->r->hi == hi;
}

void rset_free(struct rset *s)
{
	free(s->r);
	*s = (struct rset){ 0 };
}

/* The largest aligned block that starts at lo and does not pass hi. */
static unsigned block_bits(uint32_t lo, uint32_t hi)
{
	unsigned bits = 0;

	while (bits < 32 && !(lo & (1ull << bits)) && (uint64_t)lo + (1ull << (bits + 1)) - 1 <= hi)
		bits++;
	return bits;
}

int rset_to_prefixes(const struct rset *s, struct net_list *ret_list)
{
	for (size_t i = 0; i < s->n; i++) {
		uint64_t lo = s->r[i].lo;

		while (lo <= s->r[i].hi) {
			unsigned bits = block_bits((uint32_t)lo, s->r[i].hi);
			struct net_prefix p = { .addr = net_addr_from4(htonl((uint32_t)lo)),
						.len = (uint8_t)(128 - bits) };

			if (net_list_add(ret_list, &p))
				return -ENOMEM;
			lo += 1ull << bits;
		}
	}
	return 0;
}

int rset_to_ports(const struct rset *s, struct port_set *ret_ports)
{
	int ret = 0;

	for (size_t i = 0; i < s->n && !ret; i++)
		ret = port_set_add(ret_ports, (uint16_t)s->r[i].lo, (uint16_t)s->r[i].hi);
	return ret;
}
