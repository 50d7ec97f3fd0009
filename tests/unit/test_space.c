// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Regions of packets against enumeration: random boxes in a small world, every operation
 * compared with what it does to each of the world's packets.
 */
#include "space_world.h"

static void test_algebra(void **state)
{
	struct world w = world_new();
	struct both a, b;
	bool want[WORLD];

	(void)state;
	for (unsigned round = 0; round < rounds(80); round++) {
		struct region out = { 0 };

		fill(&w, &a);
		fill(&w, &b);
		icmp_any_port(a.is);
		icmp_any_port(b.is);
		compare(&w, &a.r, a.is, a.is, false, "made");
		region_copy(w.s, &out, &a.r);
		region_join(w.s, &out, &b.r);
		for (unsigned i = 0; i < WORLD; i++)
			want[i] = a.is[i] || b.is[i];
		compare(&w, &out, want, want, false, "join");
		region_copy(w.s, &out, &a.r);
		region_intersect(w.s, &out, &b.r);
		assert_int_equal(region_empty(&out), !region_overlaps(&a.r, &b.r));
		region_clear(&out);
		region_clear(&a.r);
		region_clear(&b.r);
	}
	world_free(&w);
}

static void test_subtract(void **state)
{
	struct world w = world_new();
	struct both a, b;
	bool less[WORLD], both[WORLD];

	(void)state;
	for (unsigned round = 0; round < rounds(250); round++) {
		size_t limit = rnd(4) ? 128 : 1 + rnd(6);
		struct region out = { 0 };

		space_limit(w.s, 128);
		fill(&w, &a);
		fill(&w, &b);
		no_icmp(&w, &a);
		no_icmp(&w, &b);
		for (unsigned i = 0; i < WORLD; i++) {
			less[i] = a.is[i] && !b.is[i];
			both[i] = a.is[i] && b.is[i];
		}
		space_limit(w.s, limit);
		region_copy(w.s, &out, &a.r);
		region_subtract(w.s, &out, &b.r);
		compare(&w, &out, less, less, out.widened, "subtract");
		region_clear(&out);
		region_copy(w.s, &out, &a.r);
		region_intersect(w.s, &out, &b.r);
		compare(&w, &out, both, both, out.widened, "intersect");
		region_clear(&out);
		/* a doubtful subtrahend takes nothing away */
		region_copy(w.s, &out, &a.r);
		region_doubt(&b.r);
		region_subtract(w.s, &out, &b.r);
		compare(&w, &out, a.is, less, true, "subtract a perhaps");
		region_clear(&out);
		region_clear(&a.r);
		region_clear(&b.r);
	}
	world_free(&w);
}

/* ---- matches ------------------------------------------------------------------------------- */

static void put(uint8_t *p, size_t len, uint32_t v)
{
	memset(p, 0, FW_FIELD_MAX);
	for (size_t i = 0; i < len && i < 4; i++)
		p[len - 1 - i] = (uint8_t)(v >> (8 * i));
}

static const enum fw_field fields[] = { FW_F_SADDR4, FW_F_DADDR4,  FW_F_L4PROTO, FW_F_DPORT,
					FW_F_MARK,   FW_F_IIFNAME, FW_F_CTSTATE };

static uint32_t field_value(enum fw_field f, const struct point *p)
{
	switch ((int)f) {
	case FW_F_SADDR4:
		return addr(p->saddr);
	case FW_F_DADDR4:
		return addr(p->daddr);
	case FW_F_L4PROTO:
		return protos[p->proto];
	case FW_F_DPORT:
		return 100 + p->port;
	case FW_F_MARK:
		return p->mark;
	case FW_F_CTSTATE:
		return 1u << states[p->state];
	}
	return 0;
}

static void random_range(enum fw_field f, struct fw_match *m, struct fw_range *r)
{
	size_t len = fw_field_len(f);
	struct point p = point(rnd(WORLD));
	uint32_t v = field_value(f, &p), hi = v;

	if (f == FW_F_IIFNAME) {
		static const char *const names[] = { "wan", "lan", "docker", "other" };
		unsigned i = rnd(4);

		memset(r, 0, sizeof(*r));
		memcpy(r->lo, names[i], strlen(names[i]));
		memcpy(r->hi, r->lo, sizeof(r->hi));
		memset(m->mask, 0, sizeof(m->mask));
		memset(m->mask, 0xff, i == 2 ? 6 : 16);
		return;
	}
	if (f == FW_F_MARK && rnd(2))
		put(m->mask, len, rnd(4));
	else if (f == FW_F_CTSTATE)
		put(m->mask, len, 0xff);
	else if ((f == FW_F_SADDR4 || f == FW_F_DADDR4) && rnd(2))
		put(m->mask, len, ~0u << rnd(3));
	else if (rnd(2) && f != FW_F_MARK)
		hi = v + rnd(3);
	if (f == FW_F_MARK)
		v = hi = rnd(4);
	put(r->lo, len, v);
	put(r->hi, len, hi);
}

static bool matches(const struct fw_match *m, const struct point *p)
{
	size_t len = fw_field_len(m->field);
	uint8_t v[FW_FIELD_MAX];

	put(v, len, field_value(m->field, p));
	if (m->field == FW_F_IIFNAME) {
		memset(v, 0, sizeof(v));
		memcpy(v, ifs[p->iif], strlen(ifs[p->iif]));
	}
	for (size_t i = 0; i < len; i++)
		v[i] &= m->mask[i];
	for (size_t i = 0; i < m->n; i++)
		if (memcmp(v, m->r[i].lo, len) >= 0 && memcmp(v, m->r[i].hi, len) <= 0)
			return !m->neg;
	return m->neg;
}

static void random_match(struct fw_match *m, struct fw_range *r)
{
	*m = (struct fw_match){ .field = fields[rnd(7)], .neg = rnd(3) == 0, .r = r };
	m->n = m->field == FW_F_IIFNAME || m->field == FW_F_MARK ? 1 : 1 + rnd(3);
	memset(m->mask, 0xff, sizeof(m->mask));
	for (size_t i = 0; i < m->n; i++)
		random_range(m->field, m, &r[i]);
}

static void test_split(void **state)
{
	struct world w = world_new();
	struct both a;
	bool yes[WORLD], no[WORLD];

	(void)state;
	for (unsigned round = 0; round < rounds(400); round++) {
		struct region in = { 0 }, out = { 0 };
		struct fw_range ranges[4];
		struct fw_match m;

		space_limit(w.s, rnd(4) ? 128 : 1 + rnd(6));
		fill(&w, &a);
		no_icmp(&w, &a);
		if (a.r.widened) {
			region_clear(&a.r);
			continue;
		}
		random_match(&m, ranges);
		for (unsigned i = 0; i < WORLD; i++) {
			struct point p = point(i);
			bool hit = matches(&m, &p);

			yes[i] = a.is[i] && hit;
			no[i] = a.is[i] && !hit;
		}
		region_split(w.s, &a.r, &m, &in, &out);
		compare(&w, &in, yes, yes, in.widened, "split: yes");
		compare(&w, &out, no, no, out.widened, "split: no");
		region_clear(&in);
		region_clear(&out);
	}
	world_free(&w);
}

static void test_example(void **state)
{
	struct world w = world_new();
	struct packet_example e;
	struct net_list nets = { 0 };
	struct port_set ports = { 0 };
	struct net_prefix p;
	struct region r = { 0 };
	const char *wan = "wan";
	char text[160];

	(void)state;
	assert_false(region_example(w.s, &r, &e));
	region_all(w.s, &r, NFPROTO_IPV4);
	region_all(w.s, &r, NFPROTO_IPV6);
	assert_int_equal(net_prefix_parse("192.0.2.1", &p), 0);
	assert_int_equal(net_list_add(&nets, &p), 0);
	assert_int_equal(port_set_parse("20000-29999", &ports), 0);
	region_keep_nets(w.s, &r, DIM_DADDR, &nets);
	assert_int_equal(r.n, 1); /* no address of IPv6 is left */
	region_keep_ports(w.s, &r, DIM_DPORT, &ports);
	region_keep_u32(w.s, &r, DIM_PROTO, IPPROTO_UDP, IPPROTO_UDP);
	region_keep_ifs(w.s, &r, DIM_IIF, &wan, 1, false);
	region_set(w.s, &r, DIM_OIF, num32(0), num32(0), false);
	assert_true(region_example(w.s, &r, &e));
	assert_true(region_has(w.s, &r, &e));
	assert_true(e.certain);
	assert_string_equal(packet_text(&e, text, sizeof(text)),
			    "udp 192.168.1.10:40000 -> 192.0.2.1:20000 in wan");
	net_list_free(&nets);
	assert_int_equal(box_nets(&r.b[0], DIM_DADDR, &nets), 0);
	assert_int_equal(nets.n, 1);
	assert_int_equal(nets.p[0].len, 128);
	net_list_free(&nets);
	port_set_free(&ports);
	region_clear(&r);
	world_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_algebra),
		cmocka_unit_test(test_subtract),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_example),
	};

	seed();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
