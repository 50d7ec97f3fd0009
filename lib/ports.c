// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ports.h"

static int insert_at(struct port_set *s, size_t i, uint16_t lo, uint16_t hi)
{
	struct port_range *r = realloc(s->r, (s->n + 1) * sizeof(*r));

	if (!r)
		return -ENOMEM;
	s->r = r;
	memmove(r + i + 1, r + i, (s->n - i) * sizeof(*r));
	r[i] = (struct port_range){ lo, hi };
	s->n++;
	return 0;
}

static void remove_at(struct port_set *s, size_t i, size_t count)
{
	memmove(s->r + i, s->r + i + count, (s->n - i - count) * sizeof(*s->r));
	s->n -= count;
}

int port_set_add(struct port_set *s, uint16_t lo, uint16_t hi)
{
	size_t i = 0, j;

	/* skip ranges that end before lo and do not touch it */
	while (i < s->n && s->r[i].hi + 1u < lo)
		i++;
	for (j = i; j < s->n && s->r[j].lo <= hi + 1u; j++) {
		if (s->r[j].lo < lo)
			lo = s->r[j].lo;
		if (s->r[j].hi > hi)
			hi = s->r[j].hi;
	}
	if (j == i)
		return insert_at(s, i, lo, hi);
	s->r[i] = (struct port_range){ lo, hi };
	remove_at(s, i + 1, j - i - 1);
	return 0;
}

int port_set_del(struct port_set *s, uint16_t lo, uint16_t hi)
{
	for (size_t i = 0; i < s->n;) {
		struct port_range *r = &s->r[i];

		if (r->hi < lo || r->lo > hi) {
			i++;
		} else if (r->lo < lo && r->hi > hi) {
			int ret = insert_at(s, i + 1, hi + 1, r->hi);

			if (!ret) /* insert_at() may have moved the ranges */
				s->r[i].hi = lo - 1;
			return ret;
		} else if (r->lo < lo) {
			r->hi = lo - 1;
			i++;
		} else if (r->hi > hi) {
			r->lo = hi + 1;
			i++;
		} else {
			remove_at(s, i, 1);
		}
	}
	return 0;
}

int port_set_copy(struct port_set *dst, const struct port_set *src)
{
	struct port_range *r = NULL;

	if (src->n) {
		r = malloc(src->n * sizeof(*r));
		if (!r)
			return -ENOMEM;
		memcpy(r, src->r, src->n * sizeof(*r));
	}
	free(dst->r);
	dst->r = r;
	dst->n = src->n;
	return 0;
}

int port_set_union(struct port_set *dst, const struct port_set *src)
{
	int ret = 0;

	for (size_t i = 0; i < src->n && !ret; i++)
		ret = port_set_add(dst, src->r[i].lo, src->r[i].hi);
	return ret;
}

int port_set_subtract(struct port_set *dst, const struct port_set *src)
{
	int ret = 0;

	if (dst == src)
		return port_set_del(dst, 0, 65535);
	for (size_t i = 0; i < src->n && !ret; i++)
		ret = port_set_del(dst, src->r[i].lo, src->r[i].hi);
	return ret;
}

bool port_set_overlaps(const struct port_set *s, uint16_t lo, uint16_t hi)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->r[i].lo <= hi && s->r[i].hi >= lo)
			return true;
	return false;
}

bool port_set_contains(const struct port_set *s, uint16_t port)
{
	return port_set_overlaps(s, port, port);
}

bool port_set_eq(const struct port_set *a, const struct port_set *b)
{
	return a->n == b->n && (!a->n || !memcmp(a->r, b->r, a->n * sizeof(*a->r)));
}

unsigned port_set_count(const struct port_set *s)
{
	unsigned n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->r[i].hi - s->r[i].lo + 1u;
	return n;
}

int port_set_gaps(const struct port_set *s, struct port_set *ret_gaps)
{
	struct port_set g = { 0 };
	int ret = port_set_add(&g, 1, 65535);

	if (!ret)
		ret = port_set_subtract(&g, s);
	for (size_t i = 0; i < g.n && !ret; i++)
		if (g.r[i].lo < 1024 && g.r[i].hi >= 1024) {
			uint16_t end = g.r[i].hi;

			g.r[i].hi = 1023;
			ret = insert_at(&g, i + 1, 1024, end);
		}
	if (ret) {
		port_set_free(&g);
		return ret;
	}
	*ret_gaps = g;
	return 0;
}

static int parse_port(const char **s, unsigned long *ret_port)
{
	char *end;

	if (**s < '0' || **s > '9')
		return -EINVAL;
	*ret_port = strtoul(*s, &end, 10);
	*s = end;
	return 0;
}

int port_set_parse(const char *s, struct port_set *ret_set)
{
	struct port_set set = { 0 };
	unsigned long lo, hi;
	int ret;

	for (;;) {
		ret = parse_port(&s, &lo);
		if (ret)
			goto fail;
		hi = lo;
		if (*s == '-') {
			s++;
			ret = parse_port(&s, &hi);
			if (ret)
				goto fail;
		}
		ret = -ERANGE;
		if (lo < 1 || hi > 65535 || lo > hi)
			goto fail;
		ret = -EEXIST;
		if (port_set_overlaps(&set, (uint16_t)lo, (uint16_t)hi))
			goto fail;
		ret = port_set_add(&set, (uint16_t)lo, (uint16_t)hi);
		if (ret)
			goto fail;
		if (!*s)
			break;
		ret = -EINVAL;
		if (*s++ != ',')
			goto fail;
	}
	*ret_set = set;
	return 0;
fail:
	port_set_free(&set);
	return ret;
}

char *port_set_format(const struct port_set *s)
{
	char *buf = malloc(s->n * 12 + 1);
	size_t at = 0;

	if (!buf)
		return NULL;
	buf[0] = '\0';
	for (size_t i = 0; i < s->n; i++) {
		at += (size_t)sprintf(buf + at, "%s%u", i ? "," : "", s->r[i].lo);
		if (s->r[i].hi != s->r[i].lo)
			at += (size_t)sprintf(buf + at, "-%u", s->r[i].hi);
	}
	return buf;
}

void port_set_free(struct port_set *s)
{
	free(s->r);
	s->r = NULL;
	s->n = 0;
}
