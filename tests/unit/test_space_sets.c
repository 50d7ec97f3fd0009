// SPDX-License-Identifier: GPL-2.0-or-later
/* Look-ups in sets and verdict maps, against enumeration. */
#include "space_world.h"

struct random_set {
	struct fw_set set;
	struct fw_elem elem[40];
	uint8_t key[40][2][8];
	struct fw_lookup l;
};

/* A set of addresses, or of addresses and ports; elements do not overlap. */
static void random_set(struct random_set *s, const struct fw_table *t, unsigned n_verdicts)
{
	static const struct fw_chain *const none;
	bool concat = rnd(2), interval = rnd(2);

	memset(s, 0, sizeof(*s));
	s->set = (struct fw_set){
		.table = t, .key_len = concat ? 8 : 4, .vmap = n_verdicts, .elems = s->elem
	};
	s->set.flags = concat ? NFT_SET_CONCAT : 0;
	s->l = (struct fw_lookup){ .set = &s->set,
				   .vmap = n_verdicts,
				   .n_sel = concat ? 2 : 1,
				   .neg = !n_verdicts && rnd(3) == 0 };
	s->l.sel[0] = (struct fw_sel){ .field = FW_F_SADDR4, .len = 4 };
	memset(s->l.sel[0].mask, 0xff, 4);
	s->l.sel[1] = (struct fw_sel){ .field = FW_F_DPORT, .key_off = 4, .len = 2 };
	memset(s->l.sel[1].mask, 0xff, 2);
	for (unsigned a = 0; a < ADDRS; a += interval ? 2 : 1)
		for (unsigned p = 0; p < (concat ? PORTS : 1u); p++) {
			struct fw_elem *e = &s->elem[s->set.n_elems];
			uint32_t lo = htonl(addr(a)), hi = htonl(addr(a + (interval ? rnd(2) : 0)));
			uint16_t port = htons((uint16_t)(100 + p));

			if (rnd(2))
				continue;
			e->lo = s->key[s->set.n_elems][0];
			e->hi = s->key[s->set.n_elems][1];
			memcpy(e->lo, &lo, 4);
			memcpy(e->hi, &hi, 4);
			memcpy(e->lo + 4, &port, 2);
			memcpy(e->hi + 4, &port, 2);
			e->maybe = rnd(8) == 0;
			e->verdict.code = n_verdicts ? (enum fw_code)rnd(n_verdicts) : FW_CONTINUE;
			e->verdict.chain = none;
			s->set.n_elems++;
		}
	if (n_verdicts && rnd(3) == 0)
		s->elem[s->set.n_elems++] = (struct fw_elem){ .lo = s->key[39][0],
							      .hi = s->key[39][1],
							      .catchall = true,
							      .verdict.code = FW_DROP };
}

/* The element that a packet finds, or NULL. */
static const struct fw_elem *found(const struct random_set *s, const struct point *p)
{
	uint32_t a = htonl(addr(p->saddr));
	uint16_t port = htons((uint16_t)(100 + p->port));

	for (size_t i = 0; i < s->set.n_elems; i++) {
		const struct fw_elem *e = &s->elem[i];

		if (e->catchall || (memcmp(&a, e->lo, 4) >= 0 && memcmp(&a, e->hi, 4) <= 0 &&
				    (s->l.n_sel == 1 || !memcmp(&port, e->lo + 4, 2))))
			return e;
	}
	return NULL;
}

static void test_sets(void **state)
{
	struct world w = world_new();
	struct random_set s;
	struct both a;

	(void)state;
	for (unsigned round = 0; round < rounds(250); round++) {
		bool yes_must[WORLD], no_must[WORLD], yes_may[WORLD], no_may[WORLD];
		struct region in = { 0 }, out = { 0 };
		bool doubt = false;

		/* the index belongs to a space: sets live as long as it does */
		space_free(w.s);
		w.s = space_new(w.snap, NULL);
		space_limit(w.s, rnd(4) ? 128 : 1 + rnd(6));
		fill(&w, &a);
		no_icmp(&w, &a);
		random_set(&s, w.chain->table, 0);
		for (unsigned i = 0; i < WORLD; i++) {
			struct point p = point(i);
			const struct fw_elem *e = found(&s, &p);
			bool in_set = a.is[i] && e, not = a.is[i] && !e;
			bool perhaps = a.is[i] && e && e->maybe;

			doubt = doubt || perhaps;
			yes_may[i] = s.l.neg ? not || perhaps : in_set;
			no_may[i] = s.l.neg ? in_set : not || perhaps;
			yes_must[i] = s.l.neg ? not || perhaps : in_set;
			no_must[i] = s.l.neg ? in_set : not || perhaps;
		}
		doubt = doubt || a.r.widened;
		region_split_set(w.s, &a.r, &s.l, &in, &out);
		compare(&w, &in, yes_must, yes_may, doubt || in.widened, "set: in");
		compare(&w, &out, no_must, no_may, doubt || out.widened, "set: out");
		region_clear(&in);
		region_clear(&out);
	}
	world_free(&w);
}

struct by_code {
	struct space *s;
	struct region r[5];
};

static int collect(void *data, const struct fw_verdict *v, struct region *part)
{
	struct by_code *c = data;

	region_move(c->s, &c->r[v->code], part);
	return 0;
}

static void test_maps(void **state)
{
	struct world w = world_new();
	struct random_set s;
	struct both a;

	(void)state;
	for (unsigned round = 0; round < rounds(250); round++) {
		struct by_code c = { .s = NULL };
		bool want[5][WORLD] = { { false } }, doubt = false;
		struct region none = { 0 };

		space_free(w.s);
		c.s = w.s = space_new(w.snap, NULL);
		space_limit(w.s, rnd(4) ? 128 : 1 + rnd(6));
		fill(&w, &a);
		no_icmp(&w, &a);
		random_set(&s, w.chain->table, 3);
		for (unsigned i = 0; i < WORLD; i++) {
			struct point p = point(i);
			const struct fw_elem *e = found(&s, &p);
			const struct fw_elem *last = &s.elem[s.set.n_elems - 1];
			bool all = s.set.n_elems && last->catchall;

			if (!a.is[i])
				continue;
			want[e ? (int)e->verdict.code : 4][i] = true;
			if (!e || !e->maybe)
				continue;
			doubt = true;
			want[all ? (int)last->verdict.code : 4][i] = true;
		}
		doubt = doubt || a.r.widened;
		assert_int_equal(region_split_map(w.s, &a.r, &s.l, collect, &c, &none), 0);
		region_move(w.s, &c.r[4], &none);
		for (unsigned v = 0; v < 5; v++) {
			compare(&w, &c.r[v], want[v], want[v], doubt || c.r[v].widened, "map");
			region_clear(&c.r[v]);
		}
	}
	world_free(&w);
}

/* A member of 100,000: exact, and the work is that of one look. */
static void test_large_set(void **state)
{
	enum { N = 100000 };
	struct world w = world_new();
	struct fw_set set = { .table = w.chain->table, .key_len = 4, .n_elems = N };
	struct fw_lookup l = { .set = &set, .n_sel = 1 };
	struct region r = { 0 }, in = { 0 }, out = { 0 };
	struct packet_example e;
	uint32_t *keys = malloc(N * sizeof(*keys));

	(void)state;
	set.elems = calloc(N, sizeof(*set.elems));
	l.sel[0] = (struct fw_sel){ .field = FW_F_SADDR4, .len = 4 };
	memset(l.sel[0].mask, 0xff, 4);
	for (uint32_t i = 0; i < N; i++) {
		keys[i] = htonl(0x0a000000 + 2 * i);
		set.elems[i].lo = set.elems[i].hi = (uint8_t *)&keys[i];
	}
	region_all(w.s, &r, NFPROTO_IPV4);
	region_split_set(w.s, &r, &l, &in, &out);
	assert_int_equal(in.n, 1);
	assert_int_equal(out.n, 1);
	assert_true(in.b[0].certain && out.b[0].certain);
	assert_int_equal(num_set_size(in.b[0].dim[DIM_SADDR]), N);
	assert_int_equal(num_set_size(out.b[0].dim[DIM_SADDR]), N + 1);
	assert_true(space_work(w.s) < 10 * N);
	assert_true(region_example(w.s, &in, &e));
	assert_true(region_has(w.s, &in, &e));
	assert_false(region_has(w.s, &out, &e));
	region_clear(&in);
	region_clear(&out);
	free(set.elems);
	free(keys);
	world_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_maps),
		cmocka_unit_test(test_large_set),
	};

	seed();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
