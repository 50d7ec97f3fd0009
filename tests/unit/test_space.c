// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Regions of packets against enumeration: random boxes in a small world, every operation
 * compared with what it does to each of the world's packets. EINAT_SEED: seed, default 1;
 * EINAT_ROUNDS: so many times as many rounds, default 1.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <cmocka.h>

#include "nft/space.h"

/* The world: every combination of these. */
enum { ADDRS = 4, PROTOS = 3, PORTS = 5, MARKS = 4, IFS = 4, STATES = 2 };
static const uint8_t protos[PROTOS] = { IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMP };
static const char *const ifs[IFS] = { "wan", "lan", "docker7", "eth3" };
static const uint32_t states[STATES] = { SPACE_NEW, SPACE_ESTABLISHED };
#define WORLD (ADDRS * ADDRS * PROTOS * PORTS * MARKS * IFS * STATES)

struct point {
	unsigned saddr, daddr, proto, port, mark, iif, state;
};

static struct point point(unsigned i)
{
	struct point p;

	p.saddr = i % ADDRS, i /= ADDRS;
	p.daddr = i % ADDRS, i /= ADDRS;
	p.proto = i % PROTOS, i /= PROTOS;
	p.port = i % PORTS, i /= PORTS;
	p.mark = i % MARKS, i /= MARKS;
	p.iif = i % IFS, i /= IFS;
	p.state = i;
	return p;
}

static uint32_t addr(unsigned a)
{
	return 0x0a000000 + a;
}

static struct packet_example packet(const struct point *p)
{
	return (struct packet_example){ .family = NFPROTO_IPV4,
					.proto = protos[p->proto],
					.iif = ifs[p->iif],
					.oif = "",
					.saddr = net_addr_from4(htonl(addr(p->saddr))),
					.daddr = net_addr_from4(htonl(addr(p->daddr))),
					.sport = 9,
					.dport = (uint16_t)(100 + p->port),
					.mark = p->mark,
					.ctstate = states[p->state] };
}

static unsigned rounds(unsigned n)
{
	const char *times = getenv("EINAT_ROUNDS");

	return n * (times ? (unsigned)atoi(times) : 1);
}

static unsigned rnd(unsigned n)
{
	return (unsigned)random() % n;
}

/* One box: a mask of values in each dimension. */
struct spec {
	unsigned saddr, daddr, proto, port, mark, iif, state;
};

static unsigned mask(unsigned n)
{
	unsigned m = rnd(3) ? (1u << n) - 1 : 0;

	return m ? m : 1 + rnd((1u << n) - 1);
}

static struct spec spec(void)
{
	return (struct spec){ mask(ADDRS), mask(ADDRS), mask(PROTOS), mask(PORTS),
			      mask(MARKS), mask(IFS),	mask(STATES) };
}

static bool in_spec(const struct spec *s, const struct point *p)
{
	return s->saddr >> p->saddr & s->daddr >> p->daddr & s->proto >> p->proto &
	       s->port >> p->port & s->mark >> p->mark & s->iif >> p->iif & s->state >> p->state &
	       1;
}

struct world {
	struct fw_snapshot *snap;
	struct space *s;
	const struct fw_chain *chain; /* names of interfaces that rules name */
};

static void name_rule(struct fw_chain *c, const char *name, size_t compared)
{
	struct fw_match *m = fw_match_add(fw_rule_add(c, 1), FW_F_IIFNAME, false);
	uint8_t v[16] = { 0 };

	memcpy(v, name, strlen(name));
	memset(m->mask, 0, sizeof(m->mask));
	memset(m->mask, 0xff, compared);
	assert_int_equal(fw_match_range(m, v, v), 0);
}

/* wan and lan are named by rules, docker* as a wildcard, eth3 by none. */
static struct world world_new(void)
{
	struct world w = { .snap = calloc(1, sizeof(*w.snap)) };
	struct fw_chain *c = fw_chain_add(w.snap, fw_table_add(w.snap, NFPROTO_IPV4, "t"), "names");

	name_rule(c, "wan", 16);
	name_rule(c, "lan", 16);
	name_rule(c, "docker", 6);
	w.chain = c;
	w.s = space_new(w.snap, NULL);
	assert_non_null(w.s);
	return w;
}

static void world_free(struct world *w)
{
	assert_int_equal(space_error(w->s), 0);
	space_free(w->s);
	fw_snapshot_free(w->snap);
}

static void keep(struct space *s, struct region *r, enum dim d, unsigned mask, uint32_t base)
{
	struct num_range v[8];
	size_t n = 0;

	for (unsigned i = 0; i < 8; i++)
		if (mask >> i & 1)
			v[n++] = (struct num_range){ num32(base + i), num32(base + i) };
	region_keep(s, r, d, v, n);
}

static void add_spec(struct space *s, struct region *r, const struct spec *b)
{
	const char *names[IFS];
	struct num_range v[8];
	size_t n = 0;

	for (unsigned mark = 0; mark < MARKS; mark++) {
		struct region one = { 0 };

		if (!(b->mark >> mark & 1))
			continue;
		region_all(s, &one, NFPROTO_IPV4);
		/* all marks at once: leave the two bits open */
		region_set_mark(&one, mark, b->mark == (1u << MARKS) - 1 ? ~3u : ~0u);
		keep(s, &one, DIM_SADDR, b->saddr, addr(0));
		keep(s, &one, DIM_DADDR, b->daddr, addr(0));
		keep(s, &one, DIM_DPORT, b->port, 100);
		n = 0;
		for (unsigned i = 0; i < PROTOS; i++)
			if (b->proto >> i & 1)
				v[n++] = (struct num_range){ num32(protos[i]), num32(protos[i]) };
		region_keep(s, &one, DIM_PROTO, v, n);
		n = 0;
		for (unsigned i = 0; i < IFS; i++)
			if (b->iif >> i & 1)
				names[n++] = ifs[i];
		region_keep_ifs(s, &one, DIM_IIF, names, n, false);
		region_set(s, &one, DIM_CTSTATE, num32(SPACE_INVALID), num32(6), false);
		n = 0;
		for (unsigned i = 0; i < STATES; i++)
			if (b->state >> i & 1)
				v[n++] = (struct num_range){ num32(states[i]), num32(states[i]) };
		region_keep(s, &one, DIM_CTSTATE, v, n);
		region_move(s, r, &one);
		if (b->mark == (1u << MARKS) - 1)
			break;
	}
}

/* A region and which of the world's packets it should hold. */
struct both {
	struct region r;
	bool is[WORLD];
};

static void fill(struct world *w, struct both *b)
{
	unsigned n = 1 + rnd(3);

	memset(b, 0, sizeof(*b));
	while (n--) {
		struct spec s = spec();

		add_spec(w->s, &b->r, &s);
		for (unsigned i = 0; i < WORLD; i++) {
			struct point p = point(i);

			b->is[i] = b->is[i] || in_spec(&s, &p);
		}
	}
}

/* Ports of ICMP mean nothing: such points stand for one packet. */
static bool same_packet(const struct point *p)
{
	return protos[p->proto] == IPPROTO_ICMP && p->port;
}

/*
 * What must be there, and what may. @lax: a packet that is there although it should not be is
 * allowed unless a certain box holds it.
 */
static void compare(struct world *w, const struct region *r, const bool *must, const bool *may,
		    bool lax, const char *what)
{
	for (unsigned i = 0; i < WORLD; i++) {
		struct point p = point(i);
		struct packet_example e = packet(&p);
		bool has, sure = false;

		if (same_packet(&p))
			continue;
		has = region_has(w->s, r, &e);
		for (size_t j = 0; j < r->n && !sure; j++)
			sure = r->b[j].certain &&
			       region_has(w->s, &(struct region){ &r->b[j], 1, false }, &e);
		if (must[i] && !has)
			fail_msg("%s: packet %u is lost", what, i);
		if (!may[i] && (sure || (has && !lax)))
			fail_msg("%s: packet %u is %s", what, i, sure ? "certain" : "there");
		/* what is there for certain must be known to be: nothing was widened */
		if (must[i] && may[i] && !lax && !sure)
			fail_msg("%s: packet %u is not certain", what, i);
	}
}

static void icmp_any_port(bool *is)
{
	/* a packet without a port is there if any port would be */
	for (unsigned i = 0; i < WORLD; i++) {
		struct point p = point(i);

		if (protos[p.proto] == IPPROTO_ICMP && is[i])
			is[i - p.port * ADDRS * ADDRS * PROTOS] = true;
	}
}

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

/* UDP and TCP only, so that every point is one packet. */
static void no_icmp(struct world *w, struct both *b)
{
	struct num_range v[] = { { num32(IPPROTO_TCP), num32(IPPROTO_TCP) },
				 { num32(IPPROTO_UDP), num32(IPPROTO_UDP) } };

	region_keep(w->s, &b->r, DIM_PROTO, v, 2);
	for (unsigned i = 0; i < WORLD; i++)
		if (protos[point(i).proto] == IPPROTO_ICMP)
			b->is[i] = false;
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

/* ---- sets ---------------------------------------------------------------------------------- */

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
		cmocka_unit_test(test_algebra), cmocka_unit_test(test_subtract),
		cmocka_unit_test(test_split),	cmocka_unit_test(test_sets),
		cmocka_unit_test(test_maps),	cmocka_unit_test(test_large_set),
		cmocka_unit_test(test_example),
	};
	const char *seed = getenv("EINAT_SEED");

	srandom(seed ? (unsigned)atoi(seed) : 1);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
