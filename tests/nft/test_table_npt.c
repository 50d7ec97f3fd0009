// SPDX-License-Identifier: GPL-2.0-or-later
/* The rules for prefixes (NPTv6), with real packets (root). IPv6 is off otherwise. */
#include "tests/nft/wanlab.h"

#define PREFIX "fd00:1::/48"

static void npt_spec(struct test_spec *t)
{
	spec_init(t, (int)if_nametoindex("wan"), NFT_REST_OWN);
	spec_nptv6(t, PREFIX);
}

/* What others write. */
static void foreign_masquerade6(void)
{
	do_run("nft 'table ip6 other { chain post { type nat hook postrouting priority srcnat; "
	       "oifname wan counter masquerade; }; }'");
	do_run("ip6tables-nft -t nat -A POSTROUTING -o wan -j MASQUERADE");
}

/* A source of the prefix keeps its address, and its port, also one that a slice would have. */
static void test_claim(void **state)
{
	struct lab *l = *state;
	struct test_spec t;

	need_root();
	foreign_masquerade6();
	assert_string_equal(seen(l, LAN, HOST6, 5001).addr, EXT6); /* without a claim */
	npt_spec(&t);
	apply(&t);
	keeps_port(l, HOST6, 5002, HOST6);
	keeps_port(l, HOST6_2, 25002, HOST6_2);
	assert_int_equal(counted("claim", "claim of prefixes"), 2);
	/* another source, the router itself, and IPv4 as ever */
	assert_string_equal(seen(l, LAN, GLOBAL6, 5003).addr, EXT6);
	is_peer(seen(l, ROUTER, EXT6, 5004), EXT6, 5004);
	keeps_port(l, HOST, 25003, HOST);
	assert_int_equal(counted("claim", "claim of prefixes"), 2);
	spec_free(&t);
}

static void test_claim_conditions(void **state)
{
	struct lab *l = *state;
	struct test_spec t, to;

	need_root();
	foreign_masquerade6();
	npt_spec(&t);
	apply(&t);
	npt_spec(&to);
	net_list_free(&to.s.npt_claim); /* suspended */
	assert_int_equal(nft_table_update(&t.s, &to.s, NULL), 0);
	assert_string_equal(seen(l, LAN, HOST6, 5001).addr, EXT6);
	assert_int_equal(nft_table_update(&to.s, &t.s, NULL), 0);
	keeps_port(l, HOST6, 5002, HOST6);
	/* another prefix */
	spec_prefix(&to.s.npt_claim, HOST6_2 "/128");
	assert_int_equal(nft_table_update(&t.s, &to.s, NULL), 0);
	assert_string_equal(seen(l, LAN, HOST6, 5003).addr, EXT6);
	keeps_port(l, HOST6_2, 5003, HOST6_2);
	/* a destination that is left alone */
	spec_prefix(&to.s.npt_claim, PREFIX);
	spec_prefix(&to.s.npt_keep, REMOTE6 "/128");
	assert_int_equal(nft_table_update(&t.s, &to.s, NULL), 0);
	assert_string_equal(seen(l, LAN, HOST6, 5004).addr, EXT6);
	/* on another interface of that name */
	spec_free(&to);
	npt_spec(&to);
	to.s.ifindex += 100;
	apply(&to);
	assert_string_equal(seen(l, LAN, HOST6, 5005).addr, EXT6);
	spec_free(&to);
	spec_free(&t);
}

/* A connection that was claimed on a wan that is gone must not leave the new one as it is. */
static void test_leak(void **state)
{
	struct lab *l = *state;
	struct test_spec t;
	int fd;

	need_root();
	foreign_masquerade6();
	npt_spec(&t);
	apply(&t);
	fd = udp(l, LAN, HOST6, 5000);
	send_to(fd, REMOTE6, 7000);
	is_peer(recv_from(l->remote6), HOST6, 5000);
	go(l, ROUTER);
	do_run("ip link del wan");
	make_wan(l);
	make_wan6(l);
	send_to(fd, REMOTE6, 7000);
	for (int i = 0; i < WAIT_MS / 10 && !counted("leak", "prefixes: claimed before"); i++)
		usleep(10000);
	assert_int_equal(counted("leak", "prefixes: claimed before"), 1);
	/* a new flow is masqueraded */
	is_peer(seen(l, LAN, HOST6, 5001), EXT6, 5001);
	close(fd);
	/* a packet without a connection */
	do_run("nft 'table ip6 raw { chain pre { type filter hook prerouting priority raw; "
	       "iifname lan udp sport 5002 notrack; }; }'");
	fd = udp(l, LAN, HOST6, 5002);
	send_to(fd, REMOTE6, 7000);
	for (int i = 0; i < WAIT_MS / 10 && !counted("leak", "prefixes: no connection"); i++)
		usleep(10000);
	assert_int_equal(counted("leak", "prefixes: no connection"), 1);
	close(fd);
	spec_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab6_test(test_claim),
		lab6_test(test_claim_conditions),
		lab6_test(test_leak),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
