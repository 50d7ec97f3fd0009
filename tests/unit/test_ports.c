// SPDX-License-Identifier: GPL-2.0-or-later
/* Port sets against a plain bitmap, and their text. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/ports.h"

#define PORTS 65536u

/* What a set should hold: one byte a port. */
struct model {
	bool has[PORTS];
};

static void model_put(struct model *m, unsigned lo, unsigned hi, bool has)
{
	memset(m->has + lo, has, hi - lo + 1);
}

/* Same ports, and the form that the header promises: sorted, disjoint, not adjacent. */
static void same(const struct port_set *s, const struct model *m)
{
	unsigned port = 0, count = 0;

	for (size_t i = 0; i < s->n; i++) {
		assert_true(s->r[i].lo <= s->r[i].hi);
		assert_true(!i || s->r[i - 1].hi + 1u < s->r[i].lo);
		for (; port < s->r[i].lo; port++)
			assert_false(m->has[port]);
		for (; port <= s->r[i].hi; port++, count++)
			assert_true(m->has[port]);
	}
	for (; port < PORTS; port++)
		assert_false(m->has[port]);
	assert_int_equal(port_set_count(s), count);
}

static uint32_t rnd(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* Edges often, anything else sometimes. */
static unsigned rnd_port(uint32_t *seed)
{
	static const unsigned edges[] = { 0, 1, 2, 1022, 1023, 1024, 1025, 65533, 65534, 65535 };
	uint32_t r = rnd(seed);

	if (r % 3 == 0)
		return edges[rnd(seed) % (sizeof(edges) / sizeof(edges[0]))];
	return r % 3 == 1 ? rnd(seed) % 64 : rnd(seed) % PORTS;
}

static void rnd_range(uint32_t *seed, unsigned *lo, unsigned *hi)
{
	unsigned a = rnd_port(seed), b = rnd_port(seed);

	*lo = a < b ? a : b;
	*hi = a < b ? b : a;
	if (rnd(seed) % 4 == 0)
		*hi = *lo;
}

static void test_add_and_del_like_a_bitmap(void **state)
{
	struct model *m = calloc(1, sizeof(*m));
	uint32_t seed = 1;
	unsigned lo, hi;

	(void)state;
	assert_non_null(m);
	for (int round = 0; round < 60; round++) {
		struct port_set s = { 0 };

		memset(m, 0, sizeof(*m));
		for (int i = 0; i < 40; i++) {
			bool add = rnd(&seed) % 5 < 3;

			rnd_range(&seed, &lo, &hi);
			if (add)
				assert_int_equal(port_set_add(&s, (uint16_t)lo, (uint16_t)hi), 0);
			else
				assert_int_equal(port_set_del(&s, (uint16_t)lo, (uint16_t)hi), 0);
			model_put(m, lo, hi, add);
			same(&s, m);
		}
		for (unsigned p = 0; p < PORTS; p += 1 + rnd(&seed) % 500)
			assert_int_equal(port_set_contains(&s, (uint16_t)p), m->has[p]);
		for (int i = 0; i < 20; i++) {
			bool any;

			rnd_range(&seed, &lo, &hi);
			any = memchr(m->has + lo, true, hi - lo + 1) != NULL;
			assert_int_equal(port_set_overlaps(&s, (uint16_t)lo, (uint16_t)hi), any);
		}
		port_set_free(&s);
	}
	free(m);
}

/* Every pair of ranges over a few ports at both ends of the port space. */
static void test_all_small_pairs(void **state)
{
	static const unsigned bases[] = { 0, 1020, 65530 };
	struct model *m = calloc(1, sizeof(*m));

	(void)state;
	assert_non_null(m);
	for (unsigned b = 0; b < 3; b++)
		for (unsigned n = 0; n < 6 * 6 * 6 * 6 * 2; n++) {
			unsigned base = bases[b], x = n / 2;
			uint16_t lo1 = (uint16_t)(base + x % 6), hi1 = (uint16_t)(base + x / 6 % 6);
			uint16_t lo2 = (uint16_t)(base + x / 36 % 6),
				 hi2 = (uint16_t)(base + x / 216);
			struct port_set s = { 0 };

			if (lo1 > hi1 || lo2 > hi2)
				continue;
			assert_int_equal(port_set_add(&s, lo1, hi1), 0);
			model_put(m, lo1, hi1, true);
			if (n % 2)
				assert_int_equal(port_set_add(&s, lo2, hi2), 0);
			else
				assert_int_equal(port_set_del(&s, lo2, hi2), 0);
			model_put(m, lo2, hi2, n % 2);
			same(&s, m);
			model_put(m, base, base + 5, false);
			port_set_free(&s);
		}
	free(m);
}

static void test_full_and_empty(void **state)
{
	struct port_set s = { 0 };
	char *text;

	(void)state;
	assert_false(port_set_contains(&s, 0));
	assert_false(port_set_overlaps(&s, 0, 65535));
	assert_int_equal(port_set_count(&s), 0);
	assert_int_equal(port_set_del(&s, 0, 65535), 0);
	text = port_set_format(&s);
	assert_string_equal(text, "");
	free(text);
	assert_int_equal(port_set_add(&s, 0, 65535), 0);
	assert_int_equal(port_set_count(&s), 65536);
	assert_int_equal(port_set_add(&s, 65535, 65535), 0);
	assert_int_equal(port_set_add(&s, 0, 0), 0);
	assert_int_equal(s.n, 1);
	assert_int_equal(port_set_del(&s, 0, 0), 0);
	assert_int_equal(port_set_del(&s, 65535, 65535), 0);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.r[0].lo, 1);
	assert_int_equal(s.r[0].hi, 65534);
	assert_int_equal(port_set_del(&s, 0, 65535), 0);
	assert_int_equal(s.n, 0);
	port_set_free(&s);
	port_set_free(&s); /* twice is fine */
}

static struct port_set parsed(const char *text)
{
	struct port_set s = { 0 };

	assert_int_equal(port_set_parse(text, &s), 0);
	return s;
}

static void is(struct port_set *s, const char *want)
{
	char *text = port_set_format(s);

	assert_non_null(text);
	assert_string_equal(text, want);
	free(text);
	port_set_free(s);
}

static void test_copy_union_subtract(void **state)
{
	struct port_set a = parsed("10-20,30-40"), b = parsed("5-12,20-29,65535"), c = { 0 };

	(void)state;
	assert_int_equal(port_set_copy(&c, &a), 0);
	assert_true(port_set_eq(&c, &a));
	assert_true(c.r != a.r);
	assert_int_equal(port_set_union(&c, &b), 0);
	assert_false(port_set_eq(&c, &a));
	is(&c, "5-40,65535");
	assert_int_equal(port_set_copy(&c, &a), 0);
	assert_int_equal(port_set_subtract(&c, &b), 0);
	is(&c, "13-19,30-40");
	assert_int_equal(port_set_copy(&c, &b), 0);
	assert_int_equal(port_set_copy(&c, &a), 0); /* replaces */
	assert_true(port_set_eq(&c, &a));
	assert_int_equal(port_set_copy(&c, &c), 0); /* of itself */
	assert_int_equal(port_set_union(&c, &c), 0);
	assert_true(port_set_eq(&c, &a));
	assert_int_equal(port_set_subtract(&c, &c), 0);
	assert_int_equal(port_set_count(&c), 0);
	assert_true(port_set_eq(&c, &(struct port_set){ 0 }));
	port_set_free(&c);
	port_set_free(&a);
	assert_int_equal(port_set_copy(&b, &a), 0); /* of an empty one */
	assert_int_equal(b.n, 0);
	assert_null(b.r);
}

static void test_gaps(void **state)
{
	static const struct {
		const char *set, *gaps;
	} t[] = {
		{ "20000-29999", "1-1023,1024-19999,30000-65535" },
		{ "1-65535", "" },
		{ "2-65534", "1,65535" },
		{ "1024-65535", "1-1023" },
		{ "1-1023", "1024-65535" },
		{ "1-1022", "1023,1024-65535" },
		{ "1023", "1-1022,1024-65535" },
		{ "1024", "1-1023,1025-65535" },
		{ "1000-1100,65535", "1-999,1101-65534" },
	};
	struct port_set none = { 0 }, g = { 0 }, zero = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct port_set s = parsed(t[i].set);

		assert_int_equal(port_set_gaps(&s, &g), 0);
		is(&g, t[i].gaps);
		port_set_free(&s);
	}
	assert_int_equal(port_set_gaps(&none, &g), 0);
	is(&g, "1-1023,1024-65535");
	assert_int_equal(port_set_add(&zero, 0, 0), 0); /* 0 is never in a gap */
	assert_int_equal(port_set_gaps(&zero, &g), 0);
	is(&g, "1-1023,1024-65535");
	port_set_free(&zero);
}

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		int ret;
		const char *want;
	} t[] = {
		{ "20000-29999", 0, "20000-29999" },
		{ "1-65535", 0, "1-65535" },
		{ "1", 0, "1" },
		{ "65535", 0, "65535" },
		{ "7-7", 0, "7" },
		{ "30,10-20", 0, "10-20,30" },
		{ "10-20,21", 0, "10-21" }, /* adjacent ranges become one */
		{ "00080", 0, "80" },
		{ "", -EINVAL, NULL },
		{ ",", -EINVAL, NULL },
		{ "1,", -EINVAL, NULL },
		{ ",1", -EINVAL, NULL },
		{ "1-", -EINVAL, NULL },
		{ "-1", -EINVAL, NULL },
		{ "1-2-3", -EINVAL, NULL },
		{ "1 ", -EINVAL, NULL },
		{ " 1", -EINVAL, NULL },
		{ "1, 2", -EINVAL, NULL },
		{ "+1", -EINVAL, NULL },
		{ "1--2", -EINVAL, NULL },
		{ "0x10", -ERANGE, NULL }, /* a 0, which is out of range before the x is seen */
		{ "80x", -EINVAL, NULL },
		{ "http", -EINVAL, NULL },
		{ "0", -ERANGE, NULL },
		{ "0-5", -ERANGE, NULL },
		{ "65536", -ERANGE, NULL },
		{ "1-65536", -ERANGE, NULL },
		{ "65537-65540", -ERANGE, NULL },
		{ "18446744073709551617", -ERANGE, NULL },
		{ "5-18446744073709551621", -ERANGE, NULL },
		{ "5-3", -ERANGE, NULL },
		{ "1-10,10", -EEXIST, NULL },
		{ "10,1-65535", -EEXIST, NULL },
		{ "5,5", -EEXIST, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct port_set s = { 0 };
		int ret = port_set_parse(t[i].text, &s);

		if (ret != t[i].ret)
			fail_msg("\"%s\": %d, not %d", t[i].text, ret, t[i].ret);
		if (ret) {
			assert_null(s.r); /* untouched */
			assert_int_equal(s.n, 0);
		} else {
			is(&s, t[i].want);
		}
	}
}

static void test_format_longest(void **state)
{
	struct port_set s = { 0 };
	char *text, *again;

	(void)state;
	for (unsigned p = 10000; p < 65530; p += 4)
		assert_int_equal(port_set_add(&s, (uint16_t)p, (uint16_t)(p + 2)), 0);
	text = port_set_format(&s);
	assert_non_null(text);
	port_set_free(&s);
	s = parsed(text);
	again = port_set_format(&s);
	assert_string_equal(text, again);
	free(text);
	free(again);
	port_set_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add_and_del_like_a_bitmap),
		cmocka_unit_test(test_all_small_pairs),
		cmocka_unit_test(test_full_and_empty),
		cmocka_unit_test(test_copy_union_subtract),
		cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_format_longest),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("ports", tests, NULL, NULL);
}
