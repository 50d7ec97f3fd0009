// SPDX-License-Identifier: GPL-2.0-or-later
/* The ledger of port owners against a naive model. SEED: where to begin. */
#include "tests/unit/owners_lab.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_model) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("owners model", tests, NULL, NULL);
}
