// SPDX-License-Identifier: GPL-2.0-or-later
/* How a set look-up narrows a region. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "foreign_region.h"

static void canonical(uint8_t *dst, const uint8_t *src, size_t len, bool host)
{
	if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
		host = false;
	for (size_t i = 0; i < len; i++)
		dst[i] = host ? src[len - 1 - i] : src[i];
}

/* Whether the components compare the whole key: else an element may or may not match. */
static bool complete(const struct fw_lookup *l)
{
	size_t bytes = 0;

	for (size_t i = 0; i < l->n_sel; i++)
		bytes += (l->sel[i].len + 3u) & ~3u;
	return bytes >= l->set->key_len;
}

/* Component @s of element @e as a range; false if it is an interval in host byte order. */
static bool component(const struct fw_sel *s, const struct fw_elem *e, struct fw_range *ret)
{
	const uint8_t *lo = e->lo + s->key_off, *hi = e->hi + s->key_off;

	if (s->host && memcmp(lo, hi, s->len))
		return false;
	memset(ret, 0, sizeof(*ret));
	canonical(ret->lo + s->off, lo, s->len, s->host);
	canonical(ret->hi + s->off, hi, s->len, s->host);
	return true;
}

int region_match_elem(const struct packets *p, struct region *r, const struct fw_lookup *l,
		      const struct fw_elem *e)
{
	int narrowed = complete(l) ? 0 : NARROW_OTHER;

	if (e->catchall)
		return NARROW_OTHER; /* all that no other element matches */
	for (size_t i = 0; i < l->n_sel; i++) {
		struct fw_range range;
		struct fw_match m = { .field = l->sel[i].field, .r = &range, .n = 1 };
		int ret;

		if (!component(&l->sel[i], e, &range)) {
			narrowed |= NARROW_OTHER;
			continue;
		}
		memcpy(m.mask, l->sel[i].mask, sizeof(m.mask));
		ret = region_match(p, r, &m);
		if (ret < 0)
			return ret;
		narrowed |= ret;
	}
	return narrowed;
}

/* A key of one field: the elements are the ranges of one match. */
static int lookup_simple(const struct packets *p, struct region *r, const struct fw_lookup *l)
{
	struct fw_match m = { .field = l->sel[0].field, .neg = l->neg };
	int ret;

	memcpy(m.mask, l->sel[0].mask, sizeof(m.mask));
	m.r = calloc(l->set->n_elems ? l->set->n_elems : 1, sizeof(*m.r));
	if (!m.r)
		return -ENOMEM;
	for (size_t i = 0; i < l->set->n_elems; i++) {
		if (l->set->elems[i].catchall ||
		    !component(&l->sel[0], &l->set->elems[i], &m.r[i])) {
			free(m.r);
			return NARROW_OTHER;
		}
		m.n++;
	}
	ret = region_match(p, r, &m);
	free(m.r);
	return ret;
}

/* The join of what each element leaves. */
static int lookup_any(const struct packets *p, struct region *r, const struct fw_lookup *l)
{
	struct region sum = { 0 }, one = { 0 };
	int narrowed = 0, ret = MATCH_NEVER;

	for (size_t i = 0; i < l->set->n_elems && ret == MATCH_NEVER; i++) {
		ret = region_copy(&one, r);
		if (!ret)
			ret = region_match_elem(p, &one, l, &l->set->elems[i]);
		if (ret <= 0) /* no memory, or all of the region; never: go on */
			continue;
		narrowed |= ret;
		ret = region_join(&sum, &one) ? -ENOMEM : MATCH_NEVER;
	}
	region_clear(&one);
	if (ret != MATCH_NEVER || region_empty(&sum)) {
		region_clear(&sum);
		return ret;
	}
	region_clear(r);
	*r = sum;
	/* the join of several elements is exact in protocols and ports only */
	return narrowed == NARROW_PORTS ? narrowed : NARROW_OTHER;
}

int region_lookup(const struct packets *p, struct region *r, const struct fw_lookup *l)
{
	struct region probe = { 0 };
	int ret;

	if (l->n_sel == 1 && complete(l))
		return lookup_simple(p, r, l);
	if (!l->neg)
		return lookup_any(p, r, l);
	/* not in a set of several fields: only an empty or an all-matching set is certain */
	ret = region_copy(&probe, r);
	if (!ret)
		ret = lookup_any(p, &probe, l);
	region_clear(&probe);
	if (ret == -ENOMEM)
		return ret;
	return ret == MATCH_NEVER ? 0 : ret == 0 ? MATCH_NEVER : NARROW_OTHER;
}
