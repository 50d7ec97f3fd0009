// SPDX-License-Identifier: GPL-2.0-or-later
/* What is not claimed: own masquerade, guard, flows of this host; with real packets (root). */
#include "tests/nft/wanlab.h"

#include <netinet/ip.h>
#include <netinet/ip_icmp.h>

/* ---- rest -------------------------------------------------------------------------------- */

/* Nobody is claimed: all is rest. */
static void rest_spec(struct test_spec *t, enum nft_rest rest)
{
	wan_spec(t, rest);
	t->slices[0].protos = 0;
}

static void test_own_keeps_out_of_slice(void **state)
{
	struct lab *l = *state;
	struct test_spec t;
	uint16_t used[21];

	need_root();
	rest_spec(&t, NFT_REST_OWN);
	apply(&t);
	is_peer(seen(l, LAN, HOST, 500), EXT, 500);
	is_peer(seen(l, LAN, HOST, 19999), EXT, 19999);
	is_peer(seen(l, LAN, HOST, 30000), EXT, 30000);
	is_peer(seen(l, LAN, HOST, 65535), EXT, 65535);
	is_outside_slice(seen(l, LAN, HOST, 20000), EXT);
	is_outside_slice(seen(l, LAN, HOST, 29999), EXT);

	/* twenty hosts on one source port to one remote: the clashes stay outside as well */
	for (int i = 2; i <= 21; i++) {
		char addr[32];
		struct peer p;

		snprintf(addr, sizeof(addr), "192.168.1.%d", i);
		p = seen(l, LAN, addr, 19998);
		is_outside_slice(p, EXT);
		if (i == 2)
			assert_int_equal(p.port, 19998);
		used[i - 2] = p.port;
		for (int j = 2; j < i; j++)
			assert_int_not_equal(p.port, used[j - 2]);
	}
	spec_free(&t);
}

/* TCP: the remote's accept() tells. */
static struct peer seen_tcp(struct lab *l, enum place p, const char *addr, uint16_t port)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(7001) };
	socklen_t len = sizeof(to);
	int listener, fd, got, one = 1;
	struct peer peer;

	inet_pton(AF_INET, addr, &here.sin_addr);
	inet_pton(AF_INET, REMOTE, &to.sin_addr);
	go(l, REMOTE_NS);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(bind(listener, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(listen(listener, 5), 0);
	go(l, p);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&here, sizeof(here)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	go(l, ROUTER);
	got = accept(listener, (struct sockaddr *)&to, &len);
	assert_true(got >= 0);
	inet_ntop(AF_INET, &to.sin_addr, peer.addr, sizeof(peer.addr));
	peer.port = ntohs(to.sin_port);
	close(got);
	close(fd);
	close(listener);
	return peer;
}

static void test_own_tcp(void **state)
{
	struct lab *l = *state;
	struct test_spec t;

	need_root();
	rest_spec(&t, NFT_REST_OWN);
	spec_ports(&t.s.local[1], "25005");
	apply(&t);
	is_peer(seen_tcp(l, LAN, HOST, 5001), EXT, 5001);
	is_outside_slice(seen_tcp(l, LAN, HOST, 25001), EXT);
	is_outside_slice(seen_tcp(l, LAN, HOST2, 25001), EXT);
	is_peer(seen_tcp(l, ROUTER, EXT, 25005), EXT, 25005);
	is_outside_slice(seen_tcp(l, ROUTER, EXT, 25006), EXT);
	spec_free(&t);
}

/* Flows of the router itself, whatever masquerade others have. */
static void own_host_flows(struct lab *l, enum nft_rest rest)
{
	struct test_spec t;

	wan_spec(&t, rest); /* the claim stands: it must leave the host's flows alone */
	spec_ports(&t.s.local[0], "25000");
	apply(&t);
	is_peer(seen(l, ROUTER, EXT, 25000), EXT, 25000);
	assert_int_equal(counted("host", "socket of this host"), 1);
	is_outside_slice(seen(l, ROUTER, EXT, 25001), EXT);
	is_peer(seen(l, ROUTER, EXT, 5000), EXT, 5000);
	/* masquerade would take the first address instead */
	is_outside_slice(seen(l, ROUTER, EXT2, 25001), EXT2);
	if (rest == NFT_REST_OWN)
		is_peer(seen(l, ROUTER, EXT2, 5000), EXT2, 5000);
	assert_int_equal(counted("claim", "claim of slice 0"), 0);
	spec_free(&t);
}

static void test_own_host_flows(void **state)
{
	need_root();
	own_host_flows(*state, NFT_REST_OWN);
}

static void test_guard_host_flows(void **state)
{
	need_root();
	foreign_masquerade();
	own_host_flows(*state, NFT_REST_GUARD);
}

/* A LAN host's flow has the port that a flow of the host, not in local_ports, wants to keep. */
static void test_own_host_clash(void **state)
{
	struct lab *l = *state;
	struct test_spec t;

	need_root();
	rest_spec(&t, NFT_REST_OWN);
	apply(&t);
	is_peer(seen(l, LAN, HOST, 19997), EXT, 19997);
	is_outside_slice(seen(l, ROUTER, EXT, 19997), EXT);
	spec_free(&t);
}

static void test_guard_moves_only_slice_ports(void **state)
{
	struct lab *l = *state;
	struct test_spec t;

	need_root();
	foreign_masquerade();
	rest_spec(&t, NFT_REST_GUARD);
	apply(&t);
	is_peer(seen(l, LAN, HOST, 19999), EXT, 19999);
	is_peer(seen(l, LAN, HOST, 30000), EXT, 30000);
	assert_int_equal(counted("claim", "moved"), 0);
	is_outside_slice(seen(l, LAN, HOST, 20000), EXT);
	is_outside_slice(seen(l, LAN, HOST, 29999), EXT);
	is_outside_slice(seen_tcp(l, LAN, HOST, 29999), EXT);
	assert_int_equal(counted("claim", "moved"), 3);
	spec_free(&t);
}

/* Foreign rules leave this host's network alone: so does the guard. */
static void test_guard_leaves_routed_networks(void **state)
{
	struct lab *l = *state;
	struct test_spec t;

	need_root();
	rest_spec(&t, NFT_REST_GUARD);
	net_list_free(&t.s.guarded);
	spec_prefix(&t.s.guarded, "172.17.0.0/16");
	apply(&t);
	is_peer(seen(l, LAN, HOST, 20000), HOST, 20000);
	assert_int_equal(counted("claim", "moved"), 0);
	spec_free(&t);
}

/* ---- ICMP -------------------------------------------------------------------------------- */

static uint16_t checksum(const void *data, size_t len)
{
	const uint16_t *p = data;
	uint32_t sum = 0;

	for (; len > 1; len -= 2)
		sum += *p++;
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

/* The echo message of that type and sequence number that arrives at a raw socket: its identifier.
 */
static uint16_t echo_id(int fd, uint8_t type, uint16_t seq)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		struct icmphdr *icmp;
		char buf[256];

		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
		assert_true(recv(fd, buf, sizeof(buf), 0) >= (ssize_t)(20 + sizeof(*icmp)));
		icmp = (struct icmphdr *)(buf + 4 * (buf[0] & 15));
		if (icmp->type == type && ntohs(icmp->un.echo.sequence) == seq)
			return ntohs(icmp->un.echo.id);
	}
}

/* An echo with that identifier, there and back: the identifier that the remote has seen. */
static uint16_t ping(struct lab *l, enum place place, uint16_t id)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct icmphdr icmp = { .type = ICMP_ECHO };
	uint16_t got, seq = id ^ 0x5555;
	int here, there;

	go(l, REMOTE_NS);
	there = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	go(l, place);
	here = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	go(l, ROUTER);
	inet_pton(AF_INET, REMOTE, &to.sin_addr);
	icmp.un.echo.id = htons(id);
	icmp.un.echo.sequence = htons(seq);
	icmp.checksum = checksum(&icmp, sizeof(icmp));
	assert_int_equal(sendto(here, &icmp, sizeof(icmp), 0, (struct sockaddr *)&to, sizeof(to)),
			 sizeof(icmp));
	got = echo_id(there, ICMP_ECHO, seq);
	assert_int_equal(echo_id(here, ICMP_ECHOREPLY, seq), id);
	close(here);
	close(there);
	return got;
}

static void icmp_outside(struct lab *l, enum nft_rest rest)
{
	struct test_spec t;

	rest_spec(&t, rest);
	apply(&t);
	for (uint16_t id = 20000; id < 30000; id += 3333) {
		uint16_t got = ping(l, LAN, id);

		assert_true(got < 20000 || got > 29999);
		got = ping(l, ROUTER, id ^ 1);
		assert_true(got < 20000 || got > 29999);
	}
	if (rest == NFT_REST_GUARD) {
		assert_int_equal(counted("claim", "moved"), 4);
		assert_int_equal(counted("host", "moved"), 4);
		ping(l, LAN, 19999);
		ping(l, LAN, 30000);
		assert_int_equal(counted("claim", "moved"), 4);
	}
	/* claimed, the identifier is that of the sender */
	t.slices[0].protos = PROTO_ICMP;
	apply(&t);
	assert_int_equal(ping(l, LAN, 25555), 25555);
	spec_free(&t);
}

static void test_own_icmp(void **state)
{
	need_root();
	icmp_outside(*state, NFT_REST_OWN);
}

static void test_guard_icmp(void **state)
{
	need_root();
	foreign_masquerade();
	icmp_outside(*state, NFT_REST_GUARD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_own_keeps_out_of_slice),
		lab_test(test_own_tcp),
		lab_test(test_own_host_flows),
		lab_test(test_guard_host_flows),
		lab_test(test_own_host_clash),
		lab_test(test_guard_moves_only_slice_ports),
		lab_test(test_guard_leaves_routed_networks),
		lab_test(test_own_icmp),
		lab_test(test_guard_icmp),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
