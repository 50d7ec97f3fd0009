// SPDX-License-Identifier: GPL-2.0-or-later
/* Walks through rules made by hand: order, limits, what is not understood. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <linux/netfilter.h>

#include <cmocka.h>

#include "nft/walk.h"

struct rules {
	struct fw_snapshot *snap;
	struct space *s;
	/* what was met, in order */
	struct {
		enum walk_what what;
		const struct fw_chain *base;
		bool will;
	} met[64];
	size_t n;
};

static struct fw_table *table(struct rules *r, const char *name, uint64_t handle)
{
	struct fw_table *t = fw_table_add(r->snap, NFPROTO_INET, name);

	assert_non_null(t);
	t->handle = handle;
	return t;
}

static struct fw_chain *chain(struct rules *r, struct fw_table *t, enum fw_hook hook, int priority,
			      uint64_t handle)
{
	struct fw_chain *c = fw_chain_add(r->snap, t, "c");

	assert_non_null(c);
	c->hook = hook;
	c->priority = priority;
	c->handle = handle;
	return c;
}

/* udp dport LO-HI, or any packet; the statement is the caller's. */
static struct fw_op *rule(struct fw_chain *c, uint16_t lo, uint16_t hi, enum fw_kind kind)
{
	struct fw_rule *r = fw_rule_add(c, c->n_rules + 1);
	struct fw_op *op;

	assert_non_null(r);
	if (lo) {
		assert_int_equal(fw_match_u32(r, FW_F_L4PROTO, false, 0xff, 17, 17), 0);
		assert_int_equal(fw_match_u32(r, FW_F_DPORT, false, 0xffff, lo, hi), 0);
	}
	op = fw_op_add(r, kind);
	assert_non_null(op);
	return op;
}

static void drop(struct fw_chain *c, uint16_t lo, uint16_t hi)
{
	rule(c, lo, hi, FW_VERDICT)->verdict.code = FW_DROP;
}

static int meet(struct walk *w, const struct walk_meeting *m)
{
	struct rules *r = w->data;

	assert_true(r->n < 64);
	r->met[r->n].what = m->what;
	r->met[r->n].base = m->base;
	r->met[r->n++].will = m->will;
	return 0;
}

static int start(void **state)
{
	struct rules *r = calloc(1, sizeof(*r));

	r->snap = calloc(1, sizeof(*r->snap));
	*state = r;
	return 0;
}

static int stop(void **state)
{
	struct rules *r = *state;

	space_free(r->s);
	fw_snapshot_free(r->snap);
	free(r);
	return 0;
}

/* All IPv4 UDP through @hook; what is left of it. */
static void go(struct rules *r, enum fw_hook hook, size_t max_steps, struct region *left,
	       struct walk *w)
{
	*w = (struct walk){ .snap = r->snap, .meet = meet, .data = r, .max_steps = max_steps };
	w->space = r->s = space_new(r->snap, NULL);
	assert_non_null(r->s);
	region_all(r->s, left, NFPROTO_IPV4);
	region_keep_u32(r->s, left, DIM_PROTO, IPPROTO_UDP, IPPROTO_UDP);
	assert_int_equal(walk_hook(w, hook, left), 0);
}

static bool has(const struct rules *r, enum walk_what what, const struct fw_chain *base, bool will)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->met[i].what == what && r->met[i].base == base && r->met[i].will == will)
			return true;
	return false;
}

/* A chain that calls itself: told, and from then on nothing is certain, but nothing is lost. */
static void depth_is_limited(void **state)
{
	struct rules *r = *state;
	struct fw_table *t = table(r, "t", 1);
	struct fw_chain *a = chain(r, t, FW_FORWARD, 0, 1), *b = chain(r, t, FW_FORWARD, 1, 2);
	struct region left = { 0 };
	struct walk w;

	rule(a, 0, 0, FW_VERDICT)->verdict = (struct fw_verdict){ FW_JUMP, a };
	drop(b, 5, 5);
	go(r, FW_FORWARD, 0, &left, &w);
	assert_int_equal(w.limit, WALK_LIMIT_DEPTH);
	assert_true(has(r, WALK_LIMIT, a, false));
	assert_true(has(r, WALK_DROP, b, false));
	assert_false(region_empty(&left) || region_certain(&left));
	region_clear(&left);
}

static void steps_are_limited(void **state)
{
	struct rules *r = *state;
	struct fw_table *t = table(r, "t", 1);
	struct fw_chain *a = chain(r, t, FW_FORWARD, 0, 1), *b = chain(r, t, FW_FORWARD, 1, 2);
	struct region left = { 0 };
	struct walk w;

	for (uint16_t i = 1; i <= 40; i++)
		drop(a, i, i);
	drop(b, 1, 100);
	go(r, FW_FORWARD, 20, &left, &w);
	assert_int_equal(w.limit, WALK_LIMIT_STEPS);
	assert_int_equal(r->n, 22); /* 20 drops, the limit, and the other chain's drop */
	assert_true(has(r, WALK_LIMIT, a, false));
	assert_true(has(r, WALK_DROP, b, false));
	region_clear(&left);
}

/* In one table the chain that was made last comes first, and the other sees nothing. */
static void later_chains_come_first(void **state)
{
	struct rules *r = *state;
	struct fw_table *t = table(r, "t", 1);
	struct fw_chain *a = chain(r, t, FW_FORWARD, 0, 1), *b = chain(r, t, FW_FORWARD, 0, 2);
	struct region left = { 0 };
	struct walk w;

	drop(a, 0, 0);
	drop(b, 0, 0);
	go(r, FW_FORWARD, 0, &left, &w);
	assert_int_equal(r->n, 1);
	assert_true(has(r, WALK_DROP, b, true));
	assert_true(region_empty(&left));
}

/* Chains of different tables: any order, also if a third one's place among two is known. */
static void order_between_tables_is_not_known(void **state)
{
	struct rules *r = *state;
	struct fw_table *t = table(r, "t", 1), *u = table(r, "u", 2);
	struct fw_chain *a = chain(r, t, FW_FORWARD, 0, 1), *b = chain(r, u, FW_FORWARD, 0, 1),
			*c = chain(r, u, FW_FORWARD, 0, 2);
	struct region left = { 0 };
	struct walk w;

	drop(a, 10, 29);
	drop(b, 20, 39);
	drop(c, 50, 59);
	go(r, FW_FORWARD, 0, &left, &w);
	/* each is certain of what the others do not touch */
	assert_true(has(r, WALK_DROP, a, true) && has(r, WALK_DROP, b, true) &&
		    has(r, WALK_DROP, c, true));
	region_clear(&left);
	space_free(r->s);
	r->n = 0;
	drop(c, 1, 65535);
	go(r, FW_FORWARD, 0, &left, &w);
	assert_true(has(r, WALK_DROP, a, false));
	assert_false(has(r, WALK_DROP, a, true));
	region_clear(&left);
}

/* A mark that a chain of another table may have set by then can be met, and is not certain. */
static void marks_of_equal_priority(void **state)
{
	struct rules *r = *state;
	struct fw_table *t = table(r, "t", 1), *u = table(r, "u", 2);
	struct fw_chain *a = chain(r, t, FW_FORWARD, 0, 1), *b = chain(r, u, FW_FORWARD, 0, 1);
	struct region left = { 0 };
	struct fw_rule *drops;
	struct walk w;

	rule(a, 0, 0, FW_SETMARK)->setmark = (struct fw_setmark){ .keep = ~1u, .xor = 1 };
	drops = fw_rule_add(b, 1);
	assert_int_equal(fw_match_u32(drops, FW_F_MARK, false, 1, 1, 1), 0);
	fw_op_add(drops, FW_VERDICT)->verdict.code = FW_DROP;
	go(r, FW_FORWARD, 0, &left, &w);
	assert_true(has(r, WALK_DROP, b, false));
	assert_false(has(r, WALK_DROP, b, true));
	region_clear(&left);
}

/* The first NAT rule decides: a claim in front of a masquerade takes its packets away. */
static void first_nat_wins(void **state)
{
	struct rules *r = *state;
	struct fw_table *t = table(r, "t", 1);
	struct fw_chain *a = chain(r, t, FW_POSTROUTING, 99, 1),
			*b = chain(r, t, FW_POSTROUTING, 100, 2),
			*f = chain(r, t, FW_POSTROUTING, 99, 3);
	struct region left = { 0 };
	struct walk w;

	a->nat = b->nat = true;
	rule(a, 20000, 29999, FW_SNAT)->nat.same = true;
	rule(b, 25000, 25000, FW_SNAT)->nat.masquerade = true;
	rule(b, 80, 80, FW_SNAT)->nat.masquerade = true;
	/* NAT chains stand at 100, whatever their own priority: this one comes before */
	drop(f, 20000, 20000);
	go(r, FW_POSTROUTING, 0, &left, &w);
	assert_int_equal(r->n, 3);
	assert_int_equal(r->met[0].what, WALK_DROP);
	assert_true(has(r, WALK_SNAT, a, true));
	assert_true(has(r, WALK_SNAT, b, true)); /* port 80 */
	region_clear(&left);
}

/* May do anything: what comes behind is met, by any packet, and for certain by none. */
/* A condition, then a verdict. */
static void limited(struct fw_chain *c, int usual, enum fw_code code)
{
	struct fw_op *op;

	rule(c, 0, 0, FW_MAYBE)->perhaps.usual = usual;
	op = fw_op_add(&c->rules[c->n_rules - 1], FW_VERDICT);
	assert_non_null(op);
	op->verdict.code = code;
}

/* "over 10/second drop" lets a lone packet pass, "10/second accept" takes it. */
static void limits_are_for_the_many(void **state)
{
	static const struct {
		int usual;
		enum fw_code code;
		bool first, second; /* certain drops: by the rule, by the one behind it */
	} cases[] = {
		{ FW_MISSES, FW_DROP, false, true },  { FW_HITS, FW_DROP, true, false },
		{ FW_HITS, FW_ACCEPT, false, false }, { FW_MISSES, FW_ACCEPT, false, true },
		{ FW_EITHER, FW_DROP, false, false }, { FW_EITHER, FW_ACCEPT, false, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct region left = { 0 };
		struct rules *r;
		struct fw_chain *c;
		size_t last;
		struct walk w;

		stop(state);
		start(state);
		r = *state;
		c = chain(r, table(r, "t", 1), FW_FORWARD, 0, 1);
		limited(c, cases[i].usual, cases[i].code);
		drop(c, 0, 0);
		go(r, FW_FORWARD, 0, &left, &w);
		assert_int_equal(r->n, cases[i].code == FW_DROP ? 2 : 1);
		last = r->n - 1;
		if (last)
			assert_int_equal(r->met[0].will, cases[i].first);
		assert_int_equal(r->met[last].will, cases[i].second);
		region_clear(&left);
	}
}

/* A new connection has no mark, until a rule sets one. */
static void connection_marks(void **state)
{
	for (int set = 0; set < 2; set++) {
		struct region left = { 0 };
		struct rules *r;
		struct fw_chain *c;
		struct walk w;

		stop(state);
		start(state);
		r = *state;
		c = chain(r, table(r, "t", 1), FW_FORWARD, 0, 1);
		if (set)
			rule(c, 0, 0, FW_CTSET)->ctset.key = FW_CT_MARK;
		fw_rule_add(c, 2);
		assert_int_equal(fw_match_u32(&c->rules[c->n_rules - 1], FW_F_CTMARK, false, 0xff00,
					      0x100, 0x100),
				 0);
		fw_op_add(&c->rules[c->n_rules - 1], FW_VERDICT)->verdict.code = FW_ACCEPT;
		drop(c, 0, 0);
		go(r, FW_FORWARD, 0, &left, &w);
		assert_int_equal(has(r, WALK_DROP, c, true), !set);
		assert_int_equal(has(r, WALK_DROP, c, false), set);
		assert_int_equal(region_empty(&left), !set);
		region_clear(&left);
	}
}

static void unknown_statements(void **state)
{
	struct rules *r = *state;
	struct fw_table *t = table(r, "t", 1);
	struct fw_chain *a = chain(r, t, FW_FORWARD, 0, 1), *b = chain(r, t, FW_FORWARD, 1, 2);
	struct region left = { 0 };
	struct walk w;

	rule(a, 1, 10, FW_UNKNOWN);
	drop(a, 1, 10);
	drop(b, 5, 5);
	drop(b, 20, 20);
	go(r, FW_FORWARD, 0, &left, &w);
	assert_true(has(r, WALK_UNKNOWN, a, true));
	assert_true(has(r, WALK_DROP, a, false));
	assert_true(has(r, WALK_DROP, b, false));
	assert_true(has(r, WALK_DROP, b, true)); /* port 20, which nothing unknown has met */
	region_clear(&left);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)
	const struct CMUnitTest tests[] = {
		T(depth_is_limited),	    T(steps_are_limited),
		T(later_chains_come_first), T(order_between_tables_is_not_known),
		T(marks_of_equal_priority), T(first_nat_wins),
		T(unknown_statements),	    T(limits_are_for_the_many),
		T(connection_marks),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
