// SPDX-License-Identifier: GPL-2.0-or-later
/* The IPv6 rules of the table, with real packets (root). */
#include "tests/nft/wanlab.h"

#include <netinet/icmp6.h>

static void wan6_spec(struct test_spec *t, enum nft_rest rest6)
{
	spec_init(t, (int)if_nametoindex("wan"), NFT_REST_OWN);
	spec_ipv6(t, rest6);
	spec_external(t, EXT6_2);
}

/* What others write. */
static void foreign_masquerade6(void)
{
	do_run("nft 'table ip6 other { chain post { type nat hook postrouting priority srcnat; "
	       "oifname wan counter masquerade; }; }'");
	do_run("ip6tables-nft -t nat -A POSTROUTING -o wan -j MASQUERADE");
}

/* Nothing of IPv6 is touched by a table without it. */
static void test_off(void **state)
{
	struct lab *l = *state;
	struct test_spec t;

	need_root();
	wan6_spec(&t, NFT_REST_OWN);
	t.s.ipv6 = false;
	apply(&t);
	keeps_port(l, HOST6, 25000, HOST6);
	is_peer(seen(l, ROUTER, EXT6, 25001), EXT6, 25001);
	foreign_masquerade6();
	is_peer(seen(l, LAN, HOST6, 25002), EXT6, 25002);
	spec_free(&t);
}

static void test_claim(void **state)
{
	struct lab *l = *state;
	struct test_spec t;

	need_root();
	foreign_masquerade6();
	assert_string_equal(seen(l, LAN, HOST6, 5001).addr, EXT6); /* without a claim */
	for (int rest = NFT_REST_OWN; rest <= NFT_REST_NONE; rest++) {
		uint16_t n = (uint16_t)rest;

		wan6_spec(&t, (enum nft_rest)rest);
		apply(&t);
		keeps_port(l, HOST6, (uint16_t)(5002 + n), HOST6);
		keeps_port(l, HOST6, (uint16_t)(25000 + n), HOST6);
		assert_int_equal(counted("claim", "claim of slice 0"), 2);
		/* IPv4 as ever */
		keeps_port(l, HOST, (uint16_t)(25000 + n), HOST);
		assert_int_equal(counted("claim", "claim of slice 0"), 3);
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
	wan6_spec(&t, NFT_REST_OWN);
	s = &t.slices[0];
	apply(&t);
	keeps_port(l, HOST6, ++port, HOST6);
	s->protos = PROTO_TCP | PROTO_ICMP;
	apply(&t);
	keeps_port(l, HOST6, ++port, EXT6);
	s->protos = PROTO_UDP;

	spec_prefix(&s->not_internal, HOST6 "/128");
	apply(&t);
	keeps_port(l, HOST6_2, ++port, HOST6_2);
	/* named by nobody who masquerades: it is on its own */
	keeps_port(l, HOST6, port, HOST6);
	assert_int_equal(counted("claim", "claim of slice 0"), 1);
	net_list_free(&s->not_internal);

	net_list_free(&s->internal);
	spec_prefix(&s->internal, HOST6_2 "/128");
	apply(&t);
	keeps_port(l, HOST6_2, ++port, HOST6_2);
	keeps_port(l, HOST6, port, HOST6);
	assert_int_equal(counted("claim", "claim of slice 0"), 1);

	spec_prefix(&s->exclude_dest, REMOTE6 "/128");
	apply(&t);
	keeps_port(l, HOST6_2, ++port, EXT6);
	net_list_free(&s->exclude_dest);

	s->mark = 0x30;
	s->mark_mask = 0xf0;
	apply(&t);
	keeps_port(l, HOST6_2, ++port, EXT6);
	do_run("nft 'table ip6 marker { chain f { type filter hook forward priority 0; "
	       "mark set 0x35; }; }'");
	keeps_port(l, HOST6_2, ++port, HOST6_2);
	spec_free(&t);
}

/* Own masquerade: of unique local sources alone, and out of the slice. */
static void test_own(void **state)
{
	struct lab *l = *state;
	struct test_spec t;

	need_root();
	wan6_spec(&t, NFT_REST_OWN);
	t.slices[0].protos = 0;
	apply(&t);
	is_peer(seen(l, LAN, HOST6, 500), EXT6, 500);
	is_peer(seen(l, LAN, HOST6, 30000), EXT6, 30000);
	is_outside_slice(seen(l, LAN, HOST6, 20000), EXT6);
	is_outside_slice(seen(l, LAN, HOST6, 29999), EXT6);
	is_outside_slice(seen(l, LAN, HOST6_2, 29999), EXT6);
	is_peer(seen(l, LAN, GLOBAL6, 20000), GLOBAL6, 20000);
	is_outside_slice(seen(l, LAN, HOST, 25000), EXT);
	spec_free(&t);
}

static void host_flows(struct lab *l, enum nft_rest rest6)
{
	struct test_spec t;

	wan6_spec(&t, rest6);
	spec_prefix(&t.slices[0].internal, "::/0");
	spec_ports(&t.s.local[0], "25000");
	apply(&t);
	is_peer(seen(l, ROUTER, EXT6, 25000), EXT6, 25000);
	assert_int_equal(counted("host", "socket of this host"), 1);
	is_outside_slice(seen(l, ROUTER, EXT6, 25001), EXT6);
	is_peer(seen(l, ROUTER, EXT6, 5000), EXT6, 5000);
	/* masquerade would take the first address instead */
	is_outside_slice(seen(l, ROUTER, EXT6_2, 25001), EXT6_2);
	assert_int_equal(counted("claim", "claim of slice 0"), 0);
	spec_free(&t);
}

static void test_own_host_flows(void **state)
{
	need_root();
	host_flows(*state, NFT_REST_OWN);
}

static void test_guard(void **state)
{
	struct lab *l = *state;
	struct test_spec t;

	need_root();
	host_flows(l, NFT_REST_GUARD);
	foreign_masquerade6();
	wan6_spec(&t, NFT_REST_GUARD);
	t.slices[0].protos = 0;
	apply(&t);
	is_peer(seen(l, LAN, HOST6, 5001), EXT6, 5001); /* by the others */
	is_outside_slice(seen(l, LAN, HOST6, 25002), EXT6);
	assert_int_equal(counted("claim", "moved to the largest gap"), 1);
	/* what nobody masquerades is left alone */
	net_list_free(&t.s.guarded);
	spec_prefix(&t.s.guarded, HOST6_2 "/128");
	do_run("nft delete table ip6 other && ip6tables-nft -t nat -F POSTROUTING");
	apply(&t);
	is_peer(seen(l, LAN, HOST6, 25003), HOST6, 25003);
	is_outside_slice(seen(l, LAN, HOST6_2, 25003), EXT6);
	spec_free(&t);
}

static void test_forwards(void **state)
{
	struct lab *l = *state;
	int server, server4, client;
	struct test_spec t;
	struct peer p;

	need_root();
	wan6_spec(&t, NFT_REST_OWN);
	spec_forward(&t, PROTO_UDP, 500, HOST6, 6000);
	spec_forward(&t, PROTO_UDP, 500, HOST, 6002);
	apply(&t);
	server = udp(l, LAN, HOST6, 6000);
	server4 = udp(l, LAN, HOST, 6002);
	client = udp(l, REMOTE_NS, REMOTE6, 7100);
	send_to(client, EXT6, 500);
	p = recv_from(server);
	is_peer(p, REMOTE6, 7100);
	send_to(server, p.addr, p.port);
	is_peer(recv_from(client), EXT6, 500);
	close(client);
	client = udp(l, REMOTE_NS, REMOTE, 7100);
	send_to(client, EXT, 500);
	is_peer(recv_from(server4), REMOTE, 7100);
	assert_int_equal(counted("forward_in", "static forwards"), 2);
	close(server);
	close(server4);
	close(client);
	spec_free(&t);
}

/* A connection that was claimed on a wan that is gone must not leave the new one as it is. */
static void test_leak(void **state)
{
	struct lab *l = *state;
	struct test_spec t;
	int fd;

	need_root();
	wan6_spec(&t, NFT_REST_OWN);
	apply(&t);
	fd = udp(l, LAN, HOST6, 5000);
	send_to(fd, REMOTE6, 7000);
	is_peer(recv_from(l->remote6), HOST6, 5000);
	go(l, ROUTER);
	do_run("ip link del wan");
	make_wan(l);
	make_wan6(l);
	send_to(fd, REMOTE6, 7000);
	for (int i = 0; i < WAIT_MS / 10 && !counted("leak", "claimed before"); i++)
		usleep(10000);
	assert_int_equal(counted("leak", "claimed before"), 1);
	/* a new flow is masqueraded, and neighbours have been found all the while */
	is_peer(seen(l, LAN, HOST6, 5001), EXT6, 5001);
	assert_int_equal(counted("leak", "no connection"), 0);
	close(fd);
	spec_free(&t);
}

/* An echo request with identifier @id; returns the identifier that the remote sees. */
static unsigned seen_echo(struct lab *l, unsigned id)
{
	struct icmp6_hdr echo = { .icmp6_type = ICMP6_ECHO_REQUEST };
	struct sockaddr_storage from, to;
	struct icmp6_filter only;
	struct pollfd p = { .events = POLLIN };
	int fd;

	ICMP6_FILTER_SETBLOCKALL(&only);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REQUEST, &only);
	go(l, REMOTE_NS);
	p.fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);
	setsockopt(p.fd, IPPROTO_ICMPV6, ICMP6_FILTER, &only, sizeof(only));
	go(l, LAN);
	fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);
	assert_int_equal(bind(fd, (struct sockaddr *)&from, sock_addr(HOST6, 0, &from)), 0);
	echo.icmp6_id = htons((uint16_t)id);
	assert_int_equal(sendto(fd, &echo, sizeof(echo), 0, (struct sockaddr *)&to,
				sock_addr(REMOTE6, 0, &to)),
			 sizeof(echo));
	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	assert_int_equal(read(p.fd, &echo, sizeof(echo)), sizeof(echo));
	close(p.fd);
	close(fd);
	go(l, ROUTER);
	return ntohs(echo.icmp6_id);
}

static void test_echo(void **state)
{
	struct lab *l = *state;
	struct test_spec t;
	unsigned id;

	need_root();
	wan6_spec(&t, NFT_REST_OWN);
	apply(&t);
	assert_int_equal(seen_echo(l, 25000), 25000);
	assert_int_equal(counted("claim", "claim of slice 0"), 1);
	t.slices[0].protos = 0;
	apply(&t);
	id = seen_echo(l, 25001);
	assert_true(id < 20000 || id > 29999);
	spec_free(&t);
	foreign_masquerade6();
	wan6_spec(&t, NFT_REST_GUARD);
	t.slices[0].protos = 0;
	apply(&t);
	id = seen_echo(l, 25002);
	assert_true(id < 20000 || id > 29999);
	assert_int_equal(counted("claim", "moved to the largest gap"), 1);
	spec_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab6_test(test_off),
		lab6_test(test_claim),
		lab6_test(test_claim_conditions),
		lab6_test(test_own),
		lab6_test(test_own_host_flows),
		lab6_test(test_guard),
		lab6_test(test_forwards),
		lab6_test(test_leak),
		lab6_test(test_echo),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
