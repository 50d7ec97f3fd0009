// SPDX-License-Identifier: GPL-2.0-or-later
/* The ledger of port owners: its rules case by case, then everything against a naive model. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "src/flow_table.h"
#include "src/owners.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static struct net_addr addr(const char *s)
{
	struct net_addr a;

	assert_int_equal(net_addr_parse(s, &a), 0);
	return a;
}

/* Addresses by role. */
#define EXT    "198.51.100.1"
#define EXT2   "198.51.100.2"
#define REMOTE "203.0.113.9"
#define HOST_A "192.168.1.10"
#define HOST_B "192.168.1.20"

struct flow_case {
	const char *name;
	unsigned proto;
	const char *src, *dst, *rsrc, *rdst;
	uint16_t sport, dport, rsport, rdport;
	bool bound; /* einat has a binding at the reply's destination */
	uint16_t uses[2];
};

static const struct flow_case flow_cases[] = {
	{ "masqueraded",
	  PROTO_UDP,
	  HOST_A,
	  REMOTE,
	  REMOTE,
	  EXT,
	  5000,
	  53,
	  53,
	  20001,
	  false,
	  { 20001 } },
	{ "masqueraded, port kept",
	  PROTO_TCP,
	  HOST_A,
	  REMOTE,
	  REMOTE,
	  EXT,
	  20002,
	  80,
	  80,
	  20002,
	  false,
	  { 20002 } },
	{ "masqueraded onto a port where a binding is",
	  PROTO_UDP,
	  HOST_A,
	  REMOTE,
	  REMOTE,
	  EXT,
	  5000,
	  53,
	  53,
	  20001,
	  true,
	  { 20001 } },
	{ "the host's own",
	  PROTO_TCP,
	  EXT,
	  REMOTE,
	  REMOTE,
	  EXT,
	  40000,
	  443,
	  443,
	  40000,
	  false,
	  { 40000 } },
	{ "the host's own, source-NATed",
	  PROTO_TCP,
	  EXT,
	  REMOTE,
	  REMOTE,
	  EXT,
	  40000,
	  443,
	  443,
	  40001,
	  false,
	  { 40001 } },
	{ "the host's own, from a bound port to which netfilter moved it",
	  PROTO_TCP,
	  EXT,
	  REMOTE,
	  REMOTE,
	  EXT,
	  40000,
	  443,
	  443,
	  40001,
	  true,
	  { 40001 } },
	{ "DNATed inbound",
	  PROTO_TCP,
	  REMOTE,
	  EXT,
	  HOST_B,
	  REMOTE,
	  1234,
	  8080,
	  80,
	  1234,
	  false,
	  { 8080 } },
	{ "DNATed inbound, redirected port only",
	  PROTO_TCP,
	  REMOTE,
	  EXT,
	  EXT,
	  REMOTE,
	  1234,
	  8080,
	  80,
	  1234,
	  false,
	  { 8080 } },
	{ "inbound to this host",
	  PROTO_TCP,
	  REMOTE,
	  EXT,
	  EXT,
	  REMOTE,
	  1234,
	  22,
	  22,
	  1234,
	  false,
	  { 0 } },
	{ "netfilter's hairpin: both ends",
	  PROTO_UDP,
	  HOST_A,
	  EXT,
	  HOST_B,
	  EXT,
	  5000,
	  8080,
	  80,
	  20003,
	  false,
	  { 8080, 20003 } },
	{ "both ends on one port",
	  PROTO_UDP,
	  HOST_A,
	  EXT,
	  HOST_B,
	  EXT,
	  5000,
	  8080,
	  80,
	  8080,
	  false,
	  { 8080 } },
	{ "translated by einat",
	  PROTO_UDP,
	  HOST_A,
	  REMOTE,
	  REMOTE,
	  HOST_A,
	  5000,
	  53,
	  53,
	  5000,
	  false,
	  { 0 } },
	{ "translated by einat, inbound",
	  PROTO_UDP,
	  REMOTE,
	  HOST_A,
	  HOST_A,
	  REMOTE,
	  53,
	  5000,
	  5000,
	  53,
	  false,
	  { 0 } },
	{ "einat's hairpin, first pass",
	  PROTO_UDP,
	  HOST_A,
	  EXT,
	  EXT,
	  HOST_A,
	  5000,
	  20005,
	  20005,
	  5000,
	  false,
	  { 0 } },
	{ "einat's hairpin, second pass",
	  PROTO_UDP,
	  EXT,
	  HOST_B,
	  HOST_B,
	  EXT,
	  20004,
	  6000,
	  6000,
	  20004,
	  true,
	  { 0 } },
	{ "the same without a binding",
	  PROTO_UDP,
	  EXT,
	  HOST_B,
	  HOST_B,
	  EXT,
	  20004,
	  6000,
	  6000,
	  20004,
	  false,
	  { 20004 } },
	{ "ping, masqueraded",
	  PROTO_ICMP,
	  HOST_A,
	  REMOTE,
	  REMOTE,
	  EXT,
	  77,
	  0x800,
	  0,
	  20006,
	  false,
	  { 20006 } },
	{ "ping from this host",
	  PROTO_ICMP,
	  EXT,
	  REMOTE,
	  REMOTE,
	  EXT,
	  78,
	  0x800,
	  0,
	  78,
	  false,
	  { 78 } },
	{ "ping to this host",
	  PROTO_ICMP,
	  REMOTE,
	  EXT,
	  EXT,
	  REMOTE,
	  79,
	  0x800,
	  0,
	  79,
	  false,
	  { 0 } },
	{ "ping DNATed inwards",
	  PROTO_ICMP,
	  REMOTE,
	  EXT,
	  HOST_B,
	  REMOTE,
	  79,
	  0x800,
	  0,
	  79,
	  false,
	  { 0 } },
	{ "onto the second external address",
	  PROTO_UDP,
	  HOST_A,
	  REMOTE,
	  REMOTE,
	  EXT2,
	  5000,
	  53,
	  53,
	  20007,
	  false,
	  { 20007 } },
	{ "onto another interface's address",
	  PROTO_UDP,
	  HOST_A,
	  REMOTE,
	  REMOTE,
	  "10.9.9.9",
	  5000,
	  53,
	  53,
	  20008,
	  false,
	  { 0 } },
};

static unsigned index_of(unsigned bit)
{
	return bit == PROTO_UDP ? 0 : bit == PROTO_TCP ? 1 : 2;
}

static struct ct_flow make_flow(const struct flow_case *c)
{
	return (struct ct_flow){ .proto = c->proto,
				 .src = addr(c->src),
				 .dst = addr(c->dst),
				 .rsrc = addr(c->rsrc),
				 .rdst = addr(c->rdst),
				 .sport = c->sport,
				 .dport = c->dport,
				 .rsport = c->rsport,
				 .rdport = c->rdport,
				 .id = 1 };
}

static bool always(unsigned proto, const struct net_addr *ext, uint16_t port, void *data)
{
	(void)proto;
	(void)ext;
	(void)port;
	return *(bool *)data;
}

static void test_rules(void **state)
{
	struct net_addr ext[] = { addr(EXT), addr(EXT2) };

	(void)state;
	for (size_t i = 0; i < LEN(flow_cases); i++) {
		const struct flow_case *c = &flow_cases[i];
		unsigned proto = index_of(c->proto), n = !!c->uses[0] + !!c->uses[1];
		struct ct_flow f = make_flow(c);
		bool bound = c->bound;
		struct owners *o = owners_new(always, &bound);

		assert_non_null(o);
		if (owners_flow_add(o, &f, ext, LEN(ext)) != (n > 0))
			fail_msg("%s: is %scounted", c->name, n ? "not " : "");
		for (unsigned port = 0; port < 65536; port++) {
			bool want = port && (port == c->uses[0] || port == c->uses[1]);

			if (owners_taken(o, proto, port) != (want ? 1u << OWNER_NETFILTER : 0))
				fail_msg("%s: port %u: %s", c->name, port, want ? "free" : "taken");
			assert_int_equal(owners_taken(o, (proto + 1) % PROTO_COUNT, port), 0);
		}
		owners_flow_del(o, &f);
		for (unsigned port = 0; port < 65536; port++)
			assert_int_equal(owners_taken(o, proto, port), 0);
		assert_int_equal(owners_flow_count(o), 0);
		owners_free(o);
	}
}

static void test_one_port_many_flows(void **state)
{
	struct net_addr ext = addr(EXT);
	struct ct_flow f = make_flow(&flow_cases[0]), g = f, again = f;
	struct owners *o = owners_new(NULL, NULL);
	uint64_t gen;

	(void)state;
	g.dport = g.rsport = 54;
	again.id = 2; /* same tuple, another time */
	assert_int_equal(owners_flow_add(o, &f, &ext, 1), 1);
	gen = owners_generation(o);
	assert_int_equal(owners_flow_add(o, &f, &ext, 1), 1); /* dump and event */
	assert_int_equal(owners_flow_add(o, &g, &ext, 1), 1);
	assert_int_equal(owners_flow_count(o), 2);
	assert_int_equal(owners_generation(o), gen);
	owners_flow_del(o, &again); /* late event of an earlier flow */
	owners_flow_del(o, &f);
	owners_flow_del(o, &f);
	assert_int_equal(owners_taken(o, 0, 20001), 1 << OWNER_NETFILTER);
	assert_int_equal(owners_generation(o), gen);
	owners_flow_del(o, &g);
	assert_int_equal(owners_taken(o, 0, 20001), 0);
	assert_true(owners_generation(o) != gen);
	owners_free(o);
}

static void test_resync(void **state)
{
	struct net_addr ext = addr(EXT), other = addr(EXT2);
	struct ct_flow f = make_flow(&flow_cases[0]), g = make_flow(&flow_cases[1]);
	struct owners *o = owners_new(NULL, NULL);
	uint64_t gen;

	(void)state;
	owners_flow_add(o, &f, &ext, 1);
	owners_flow_add(o, &g, &ext, 1);
	gen = owners_generation(o);
	owners_resync_begin(o);
	owners_flow_add(o, &f, &ext, 1);
	assert_int_equal(owners_taken(o, 1, 20002), 1); /* not shown as free meanwhile */
	owners_resync_begin(o); /* the dump failed; another attempt */
	owners_flow_add(o, &f, &ext, 1);
	owners_flow_add(o, &g, &ext, 1);
	owners_resync_end(o);
	assert_int_equal(owners_generation(o), gen);
	owners_resync_begin(o);
	owners_flow_add(o, &g, &ext, 1);
	owners_resync_end(o);
	assert_int_equal(owners_taken(o, 0, 20001), 0);
	assert_int_equal(owners_taken(o, 1, 20002), 1);
	/* the external address has changed: the flow is on nobody's port any more */
	assert_int_equal(owners_flow_add(o, &g, &other, 1), 0);
	assert_int_equal(owners_taken(o, 1, 20002), 0);
	owners_flow_add(o, &g, &ext, 1);
	owners_flow_reset(o);
	assert_int_equal(owners_flow_count(o), 0);
	assert_int_equal(owners_taken(o, 1, 20002), 0);
	owners_free(o);
}

static void test_snapshots(void **state)
{
	struct port_set s = { 0 }, got = { 0 };
	struct owners *o = owners_new(NULL, NULL);
	uint64_t gen = owners_generation(o);

	(void)state;
	assert_int_equal(port_set_add(&s, 100, 200), 0);
	assert_int_equal(owners_set(o, OWNER_NETFILTER, 0, &s), -EINVAL);
	assert_int_equal(owners_set(o, OWNER_SOCKET, PROTO_COUNT, &s), -EINVAL);
	assert_int_equal(owners_generation(o), gen);
	assert_int_equal(owners_set(o, OWNER_SOCKET, 1, &s), 0);
	assert_true(owners_generation(o) != gen);
	gen = owners_generation(o);
	assert_int_equal(owners_set(o, OWNER_SOCKET, 1, &s), 0);
	assert_int_equal(owners_generation(o), gen); /* nothing new */
	port_set_free(&s);
	memset(&s, 0, sizeof(s));
	assert_int_equal(port_set_add(&s, 0, 0), 0);
	assert_int_equal(port_set_add(&s, 150, 65535), 0);
	assert_int_equal(owners_set(o, OWNER_DNAT, 1, &s), 0);
	assert_int_equal(owners_taken(o, 1, 149), 1 << OWNER_SOCKET);
	assert_int_equal(owners_taken(o, 1, 150), 1 << OWNER_SOCKET | 1 << OWNER_DNAT);
	assert_int_equal(owners_taken(o, 1, 65535), 1 << OWNER_DNAT);
	assert_int_equal(owners_taken(o, 0, 150), 0);
	assert_int_equal(owners_foreign_ports(o, 1, &got), 0);
	assert_int_equal(got.n, 2);
	assert_true(port_set_contains(&got, 0) && port_set_contains(&got, 100));
	assert_true(port_set_contains(&got, 65535) && !port_set_contains(&got, 99));
	assert_int_equal(owners_foreign_ports(o, 0, &got), 0);
	assert_int_equal(got.n, 0);
	assert_int_equal(owners_foreign_ports(o, 7, &got), -EINVAL);
	port_set_free(&s);
	port_set_free(&got);
	owners_free(o);
	owners_free(NULL);
	assert_string_equal(owner_kind_name(OWNER_DNAT), "dnat");
}

/* ---- against a naive model ----------------------------------------------------------------- */

#define N_FLOWS 600
#define N_PORTS 48 /* ports that occur at all: 20000.. */
#define BASE	20000u

struct model {
	struct ct_flow flow[N_FLOWS]; /* the world's flows */
	bool known[N_FLOWS], fresh[N_FLOWS];
	bool uses[N_FLOWS][N_PORTS]; /* as it was when last told of */
	bool set[OWNER_KIND_COUNT][PROTO_COUNT][N_PORTS];
	bool bound[PROTO_COUNT][2][N_PORTS];
	struct net_addr addr[4]; /* EXT, EXT2, HOST_A, REMOTE */
	size_t n_ext;
};

static bool model_bound(unsigned proto, const struct net_addr *ext, uint16_t port, void *data)
{
	const struct model *m = data;

	return m->bound[proto][net_addr_eq(ext, &m->addr[1])][port - BASE];
}

static bool model_ext(const struct model *m, const struct net_addr *a)
{
	return net_addr_eq(a, &m->addr[0]) || (m->n_ext > 1 && net_addr_eq(a, &m->addr[1]));
}

static void model_uses(struct model *m, unsigned i)
{
	const struct ct_flow *f = &m->flow[i];
	unsigned proto = index_of(f->proto);
	bool natted_src = !net_addr_eq(&f->rdst, &f->src) || f->rdport != f->sport;
	bool natted_dst = !net_addr_eq(&f->rsrc, &f->dst) || f->rsport != f->dport;

	memset(m->uses[i], 0, sizeof(m->uses[i]));
	if (model_ext(m, &f->rdst)) {
		if (natted_src || !model_bound(proto, &f->rdst, f->rdport, m))
			m->uses[i][f->rdport - BASE] = true;
	}
	if (model_ext(m, &f->dst) && natted_dst && f->proto != PROTO_ICMP)
		m->uses[i][f->dport - BASE] = true;
}

static unsigned model_taken(const struct model *m, unsigned proto, unsigned p)
{
	unsigned mask = 0;

	for (unsigned i = 0; i < N_FLOWS; i++)
		if (m->known[i] && index_of(m->flow[i].proto) == proto && m->uses[i][p])
			mask |= 1u << OWNER_NETFILTER;
	for (unsigned kind = 0; kind < OWNER_KIND_COUNT; kind++)
		if (m->set[kind][proto][p])
			mask |= 1u << kind;
	return mask;
}

static uint32_t rnd_state;

static unsigned rnd(unsigned n)
{
	rnd_state = rnd_state * 1664525u + 1013904223u;
	return (rnd_state >> 8) % n;
}

static void random_flow(struct model *m, unsigned i)
{
	struct ct_flow *f = &m->flow[i];

	*f = (struct ct_flow){ .proto = 1u << rnd(3), .id = i + 1, .zone = rnd(2) };
	f->src = m->addr[rnd(4)];
	f->dst = m->addr[rnd(4)];
	f->sport = BASE + rnd(N_PORTS);
	f->dport = BASE + rnd(N_PORTS);
	f->rsrc = rnd(2) ? f->dst : m->addr[rnd(4)];
	f->rdst = rnd(2) ? f->src : m->addr[rnd(4)];
	f->rsport = rnd(2) ? f->dport : BASE + rnd(N_PORTS);
	f->rdport = rnd(2) ? f->sport : BASE + rnd(N_PORTS);
}

static void tell(struct model *m, struct owners *o, unsigned i)
{
	int ret = owners_flow_add(o, &m->flow[i], m->addr, m->n_ext);
	bool any = false;

	model_uses(m, i);
	m->known[i] = m->fresh[i] = true;
	for (unsigned p = 0; p < N_PORTS; p++)
		any |= m->uses[i][p];
	assert_int_equal(ret, any);
}

static void resync(struct model *m, struct owners *o)
{
	memset(m->fresh, 0, sizeof(m->fresh));
	owners_resync_begin(o);
	for (unsigned i = 0; i < N_FLOWS; i++)
		if (rnd(3))
			tell(m, o, i);
	if (!rnd(4))
		return; /* the dump failed */
	owners_resync_end(o);
	memcpy(m->known, m->fresh, sizeof(m->known));
}

static void random_set(struct model *m, struct owners *o)
{
	enum owner_kind kind = OWNER_SOCKET + rnd(3);
	unsigned proto = rnd(PROTO_COUNT);
	struct port_set s = { 0 };

	for (unsigned p = 0; p < N_PORTS; p++) {
		m->set[kind][proto][p] = !rnd(5);
		if (m->set[kind][proto][p])
			assert_int_equal(port_set_add(&s, BASE + p, BASE + p), 0);
	}
	assert_int_equal(owners_set(o, kind, proto, &s), 0);
	port_set_free(&s);
}

static void step(struct model *m, struct owners *o)
{
	unsigned i = rnd(N_FLOWS), op = rnd(1000);

	if (op < 480) {
		tell(m, o, i);
	} else if (op < 950) {
		owners_flow_del(o, &m->flow[i]);
		m->known[i] = false;
		if (rnd(2))
			random_flow(m, i);
	} else if (op < 970) {
		random_set(m, o);
	} else if (op < 980) {
		m->bound[rnd(PROTO_COUNT)][rnd(2)][rnd(N_PORTS)] ^= true;
	} else if (op < 985) {
		m->n_ext = 1 + rnd(2);
	} else if (op < 998) {
		resync(m, o);
	} else {
		owners_flow_reset(o);
		memset(m->known, 0, sizeof(m->known));
	}
}

static void compare(const struct model *m, const struct owners *o,
		    unsigned char seen[PROTO_COUNT][N_PORTS], uint64_t *gen)
{
	struct port_set foreign = { 0 };
	bool changed = false;

	for (unsigned proto = 0; proto < PROTO_COUNT; proto++) {
		unsigned n = 0;

		assert_int_equal(owners_foreign_ports(o, proto, &foreign), 0);
		for (unsigned p = 0; p < N_PORTS; p++) {
			unsigned want = model_taken(m, proto, p);

			assert_int_equal(owners_taken(o, proto, BASE + p), want);
			assert_int_equal(port_set_contains(&foreign, BASE + p), want != 0);
			n += want != 0;
			changed |= seen[proto][p] != want;
			seen[proto][p] = want;
		}
		assert_int_equal(port_set_count(&foreign), n);
	}
	if (changed)
		assert_true(owners_generation(o) != *gen);
	*gen = owners_generation(o);
	port_set_free(&foreign);
}

static void test_model(void **state)
{
	const char *seed = getenv("SEED");

	(void)state;
	for (unsigned round = 0; round < 8; round++) {
		struct model *m = calloc(1, sizeof(*m));
		unsigned char seen[PROTO_COUNT][N_PORTS] = { 0 };
		struct owners *o = owners_new(model_bound, m);
		uint64_t gen = owners_generation(o);

		rnd_state = (seed ? strtoul(seed, NULL, 0) : 1) * 1000003u + round;
		m->addr[0] = addr(EXT);
		m->addr[1] = addr(EXT2);
		m->addr[2] = addr(HOST_A);
		m->addr[3] = addr(REMOTE);
		m->n_ext = 2;
		for (unsigned i = 0; i < N_FLOWS; i++)
			random_flow(m, i);
		for (unsigned i = 0; i < 300; i++) {
			for (unsigned j = rnd(12) ? 1 : 200; j; j--)
				step(m, o);
			compare(m, o, seen, &gen);
		}
		owners_free(o);
		free(m);
	}
}

static void test_many(void **state)
{
	struct net_addr ext = addr(EXT);
	struct ct_flow f = make_flow(&flow_cases[0]);
	struct owners *o = owners_new(NULL, NULL);

	(void)state;
	for (unsigned pass = 0; pass < 2; pass++) {
		for (uint32_t i = 0; i < 200000; i++) {
			f.id = i;
			f.dport = f.rsport = i;
			assert_int_equal(owners_flow_add(o, &f, &ext, 1), 1);
		}
		assert_int_equal(owners_flow_count(o), 200000);
		for (uint32_t i = 0; i < 200000; i++) {
			assert_int_equal(owners_taken(o, 0, 20001), 1);
			f.id = i;
			f.dport = f.rsport = i;
			owners_flow_del(o, &f);
		}
		assert_int_equal(owners_flow_count(o), 0);
		assert_int_equal(owners_taken(o, 0, 20001), 0);
	}
	owners_free(o);
}

static void test_table_reuses_room(void **state)
{
	struct flow_key key = { .id = 1 };
	struct flow_table t;
	uint32_t size;

	(void)state;
	flow_table_init(&t);
	assert_non_null(flow_table_add(&t, &key));
	size = t.n_alloc;
	for (uint32_t i = 2; i < 100000; i++) {
		struct flow_key next = { .id = i };

		assert_non_null(flow_table_add(&t, &next));
		assert_non_null(flow_table_find(&t, &key));
		flow_table_del(&t, &key);
		assert_null(flow_table_find(&t, &key));
		key = next;
	}
	assert_int_equal(t.n_alloc, size);
	assert_int_equal(t.n_used, 1);
	flow_table_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_one_port_many_flows),
		cmocka_unit_test(test_resync),
		cmocka_unit_test(test_snapshots),
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_table_reuses_room),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("owners", tests, NULL, NULL);
}
