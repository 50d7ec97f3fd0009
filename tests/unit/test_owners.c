// SPDX-License-Identifier: GPL-2.0-or-later
/* The ledger of port owners: its rules case by case. Against a model: test_owners_model.c. */
#include "src/flow_table.h"
#include "tests/unit/owners_flows.h"

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
		cmocka_unit_test(test_rules),  cmocka_unit_test(test_one_port_many_flows),
		cmocka_unit_test(test_resync), cmocka_unit_test(test_snapshots),
		cmocka_unit_test(test_many),   cmocka_unit_test(test_table_reuses_room),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("owners", tests, NULL, NULL);
}
