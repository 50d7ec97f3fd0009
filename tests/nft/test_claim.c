// SPDX-License-Identifier: GPL-2.0-or-later
/* The claim, static forwards and the leak guard, with real packets (root). */
#include "tests/nft/wanlab.h"

/* ---- claim ------------------------------------------------------------------------------- */

static void test_claim_precedes_masquerade(void **state)
{
	struct lab *l = *state;
	struct test_spec t;

	need_root();
	foreign_masquerade();
	is_peer(seen(l, LAN, HOST, 5001), EXT, 5001); /* without a claim */
	for (int rest = NFT_REST_OWN; rest <= NFT_REST_NONE; rest++) {
		wan_spec(&t, (enum nft_rest)rest);
		apply(&t);
		is_peer(seen(l, LAN, HOST, (uint16_t)(5002 + rest)), HOST, (uint16_t)(5002 + rest));
		is_peer(seen(l, LAN, HOST, (uint16_t)(25000 + rest)), HOST,
			(uint16_t)(25000 + rest));
		assert_int_equal(counted("claim", "claim of slice 0"), 2);
		spec_free(&t);
	}
}

/* Each condition of a claim, one after the other. */
static void test_claim_conditions(void **state)
{
	struct lab *l = *state;
	struct nft_slice *s;
	struct test_spec t;
	uint16_t port = 5000;

	need_root();
	wan_spec(&t, NFT_REST_OWN);
	s = &t.slices[0];
	apply(&t);
	keeps_port(l, HOST, ++port, HOST);

	s->protos = PROTO_TCP | PROTO_ICMP;
	apply(&t);
	keeps_port(l, HOST, ++port, EXT);
	s->protos = 0; /* suspended */
	apply(&t);
	keeps_port(l, HOST, ++port, EXT);
	s->protos = PROTO_UDP;

	spec_prefix(&s->not_internal, HOST "/32");
	apply(&t);
	keeps_port(l, HOST, ++port, EXT);
	keeps_port(l, HOST2, port, HOST2);
	net_list_free(&s->not_internal);

	net_list_free(&s->internal);
	spec_prefix(&s->internal, HOST2 "/32");
	apply(&t);
	keeps_port(l, HOST, ++port, EXT);
	keeps_port(l, HOST2, port, HOST2);

	spec_prefix(&s->exclude_dest, REMOTE "/32");
	apply(&t);
	keeps_port(l, HOST2, ++port, EXT);
	net_list_free(&s->exclude_dest);

	s->mark = 0x30;
	s->mark_mask = 0xf0;
	apply(&t);
	keeps_port(l, HOST2, ++port, EXT);
	do_run("nft 'table ip marker { chain f { type filter hook forward priority 0; "
	       "mark set 0x35; }; }'");
	keeps_port(l, HOST2, ++port, HOST2);
	spec_free(&t);
}

/* ---- forwards ---------------------------------------------------------------------------- */

static void test_forwards(void **state)
{
	struct lab *l = *state;
	struct test_spec t;
	int server, client;
	struct peer p;

	need_root();
	wan_spec(&t, NFT_REST_OWN);
	spec_forward(&t, PROTO_UDP, 500, HOST, 6000);
	spec_forward(&t, PROTO_TCP, 501, HOST, 6001);
	apply(&t);
	server = udp(l, LAN, HOST, 6000);
	client = udp(l, REMOTE_NS, REMOTE, 7100);
	send_to(client, EXT, 500);
	p = recv_from(server);
	is_peer(p, REMOTE, 7100);
	send_to(server, p.addr, p.port);
	is_peer(recv_from(client), EXT, 500);
	assert_int_equal(counted("forward_in", "static forwards"), 1);
	/* the second external address, and a port that is not forwarded */
	close(client);
	client = udp(l, REMOTE_NS, REMOTE, 7101);
	send_to(client, EXT2, 500);
	is_peer(recv_from(server), REMOTE, 7101);
	close(server);
	server = udp(l, ROUTER, EXT, 501);
	send_to(client, EXT, 501);
	is_peer(recv_from(server), REMOTE, 7101);
	close(server);
	close(client);
	spec_free(&t);
}

/* ---- an interface that is made again ----------------------------------------------------- */

static void wait_counted(const char *comment, unsigned want)
{
	for (int i = 0; i < WAIT_MS / 10 && counted("leak", comment) != want; i++)
		usleep(10000);
	assert_int_equal(counted("leak", comment), want);
}

static void remake_wan(struct lab *l)
{
	unsigned before = if_nametoindex("wan");

	close(l->remote);
	do_run("ip link del wan");
	make_wan(l);
	assert_int_not_equal(if_nametoindex("wan"), before);
	l->remote = udp(l, REMOTE_NS, REMOTE, 7000);
}

static bool silent(int fd)
{
	char buf[16];

	return recv(fd, buf, sizeof(buf), MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static void test_leak_guard(void **state)
{
	struct lab *l = *state;
	struct test_spec t;
	int fd;

	need_root();
	wan_spec(&t, NFT_REST_OWN);
	apply(&t);
	fd = udp(l, LAN, HOST, 5000);
	send_to(fd, REMOTE, 7000);
	is_peer(recv_from(l->remote), HOST, 5000); /* claimed */
	remake_wan(l);

	/* the old flow is dropped, by the rule; a suspended claim makes no difference */
	send_to(fd, REMOTE, 7000);
	wait_counted("claimed before", 1);
	t.slices[0].protos = 0;
	apply(&t);
	send_to(fd, REMOTE, 7000);
	wait_counted("claimed before", 1);
	assert_true(silent(l->remote));
	t.slices[0].protos = PROTO_ALL;
	apply(&t);

	/* new flows are masqueraded, the host's own ones untouched */
	is_peer(seen(l, LAN, HOST, 5001), EXT, 5001);
	is_outside_slice(seen(l, LAN, HOST, 25001), EXT);
	is_peer(seen(l, ROUTER, EXT, 5002), EXT, 5002);
	do_run("ip addr add 203.0.113.77/24 dev wan"); /* not in @external */
	is_outside_slice(seen(l, ROUTER, "203.0.113.77", 5003), EXT);
	assert_int_equal(counted("leak", "slice 0"), 0);
	assert_int_equal(counted("claim", "claim of slice 0"), 0);

	/* untracked packets know no NAT */
	do_run("nft 'table ip raw { chain pre { type filter hook prerouting priority raw; "
	       "udp sport 5009 notrack; }; }'");
	close(fd);
	fd = udp(l, LAN, HOST, 5009);
	send_to(fd, REMOTE, 7000);
	wait_counted("no connection", 1);
	assert_true(silent(l->remote));
	close(fd);

	/* the claim follows to the new interface, and the guard has nothing to do there */
	t.s.ifindex = (int)if_nametoindex("wan");
	apply(&t);
	is_peer(seen(l, LAN, HOST, 5004), HOST, 5004);
	spec_free(&t);
}

/* What is not a claimed flow passes the guard, even if nothing of ours has NATed it. */
static void test_leak_guard_spares(void **state)
{
	struct lab *l = *state;
	struct test_spec t;
	int fd;

	need_root();
	wan_spec(&t, NFT_REST_NONE);
	apply(&t);
	remake_wan(l);
	/* an address of this host that @external does not hold */
	do_run("ip addr add 203.0.113.77/24 dev wan");
	is_peer(seen(l, ROUTER, "203.0.113.77", 5003), "203.0.113.77", 5003);
	/* SNAT by others to an address that is not this host's */
	do_run("nft 'table ip other { chain post { type nat hook postrouting priority srcnat; "
	       "oifname wan snat to 203.0.113.50; }; }'");
	fd = udp(l, LAN, HOST, 5004);
	send_to(fd, REMOTE, 7000);
	is_peer(recv_from(l->remote), "203.0.113.50", 5004);
	close(fd);
	spec_free(&t);
}

/* The control: without the guard's rules such a packet does leave with its private source. */
static void test_leak_without_guard(void **state)
{
	struct lab *l = *state;
	struct test_spec t;
	int fd;

	need_root();
	wan_spec(&t, NFT_REST_OWN);
	apply(&t);
	fd = udp(l, LAN, HOST, 5000);
	send_to(fd, REMOTE, 7000);
	is_peer(recv_from(l->remote), HOST, 5000);
	remake_wan(l);
	do_run("nft flush chain inet einat_wan leak");
	send_to(fd, REMOTE, 7000);
	is_peer(recv_from(l->remote), HOST, 5000);
	close(fd);
	spec_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_claim_precedes_masquerade),
		lab_test(test_claim_conditions),
		lab_test(test_forwards),
		lab_test(test_leak_guard),
		lab_test(test_leak_guard_spares),
		lab_test(test_leak_without_guard),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
