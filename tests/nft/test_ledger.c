// SPDX-License-Identifier: GPL-2.0-or-later
/* The ledger fed with what a real kernel tells: events first, then a dump, then the ends. */
#include "src/owners.h"
#include "tests/nft/ct_lab.h"

#define MASQ   20500
#define OWN    20600
#define DNAT   20700
#define SCAN   20800
#define ECHOID 20900

struct ledger {
	struct owners *o;
	struct net_addr ext;
};

static void on_event(enum ct_event ev, const struct ct_flow *flow, void *data)
{
	struct ledger *l = data;

	switch (ev) {
	case CT_NEW:
		assert_true(owners_flow_add(l->o, flow, &l->ext, 1) >= 0);
		break;
	case CT_DESTROY:
		owners_flow_del(l->o, flow);
		break;
	}
}

static int on_flow(const struct ct_flow *flow, void *data)
{
	on_event(CT_NEW, flow, data);
	return 0;
}

static int delete_it(const struct ct_flow *flow, void *data)
{
	struct err err;
	int ret = ct_del(data, flow, &err);

	return ret == -ENOENT ? 0 : ret;
}

/* Ports that the ledger holds back are exactly these; protocol by protocol. */
static void expect(const struct ledger *l, const char *udp, const char *tcp, const char *icmp)
{
	const char *want[PROTO_COUNT] = { udp, tcp, icmp };

	for (unsigned i = 0; i < PROTO_COUNT; i++) {
		struct port_set s = { 0 };
		char *text;

		assert_int_equal(owners_foreign_ports(l->o, i, &s), 0);
		text = port_set_format(&s);
		assert_non_null(text);
		assert_string_equal(text, want[i]);
		free(text);
		port_set_free(&s);
	}
}

/* The kernel queues an event before the packet goes on, so what has arrived has been told of. */
static void drain(struct ct *ct)
{
	assert_int_equal(ct_events_drain(ct), 0);
}

static void test_ledger(void **state)
{
	int host = sock(LAN, SOCK_DGRAM, 0, HOST, 5000), peer = sock(WAN, SOCK_DGRAM, 0, PEER, 53);
	int own = sock(ROUTER, SOCK_DGRAM, 0, EXT, OWN), other = sock(LAN, SOCK_DGRAM, 0, HOST, 80);
	struct ledger l = { .o = owners_new(NULL, NULL), .ext = addr(EXT) };
	struct ct_flow f;
	uint64_t gen;
	struct err err;

	(void)state;
	assert_int_equal(rules("ip saddr 192.168.1.0/24 ip protocol udp snat to " EXT ":20500\n"
			       "ip saddr 192.168.1.0/24 ip protocol icmp snat to " EXT ":20900\n}\n"
			       "chain pre { type nat hook prerouting priority -100;"
			       " ip daddr " EXT " udp dport 20700 dnat to " HOST ":80"),
			 0);
	assert_int_equal(ct_events_start(lab.ct, on_event, &l, &err), 0);
	udp_send(host, PEER, 53);
	udp_expect(peer, EXT, MASQ);
	drain(lab.ct);
	expect(&l, "20500", "", "");
	udp_send(own, PEER, 53);
	udp_expect(peer, EXT, OWN);
	udp_send(peer, EXT, DNAT);
	udp_expect(other, PEER, 53);
	udp_send(peer, EXT, SCAN); /* conntrack has an entry for it; no port may be lost to it */
	udp_send(peer, EXT, MASQ); /* behind it on the way: when this is here, the scan is over */
	udp_expect(host, PEER, 53);
	assert_int_equal(find(PROTO_UDP, PEER, 53, &f), 2); /* DNATed one and scan */
	go(LAN);
	assert_int_equal(sh("ping -q -c 1 -W 3 " PEER " >/dev/null"), 0);
	go(ROUTER);
	drain(lab.ct);
	expect(&l, "20500,20600,20700", "", "20900");
	assert_int_equal(owners_taken(l.o, 0, OWN), 1 << OWNER_NETFILTER);

	gen = owners_generation(l.o);
	owners_resync_begin(l.o);
	assert_int_equal(ct_dump(lab.ct, on_flow, &l, &err), 0);
	owners_resync_end(l.o);
	assert_int_equal(owners_generation(l.o), gen); /* dump and events agree */
	owners_flow_reset(l.o);
	assert_int_equal(ct_dump(lab.ct, on_flow, &l, &err), 0);
	expect(&l, "20500,20600,20700", "", "20900");

	assert_int_equal(ct_dump(lab.ct, delete_it, lab.ct, &err), 0);
	drain(lab.ct);
	expect(&l, "", "", "");
	owners_free(l.o);
	close(host);
	close(peer);
	close(own);
	close(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_ledger) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("ledger", tests, setup, teardown);
}
