// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of a stop, with real packets (root): whom it keeps untracked, and whom it leaves alone.
 */
#include "nft/handover.h"
#include "tests/nft/wanlab.h"

#define TABLE "einat_handover_wan"

static void begin(const char *one, const char *two)
{
	struct net_list hosts = { 0 };
	struct err e = { 0 };
	int ret;

	spec_prefix(&hosts, one);
	spec_prefix(&hosts, two);
	ret = nft_handover_begin("wan", &hosts, &e);
	if (ret)
		print_error("%s\n", e.text);
	assert_int_equal(ret, 0);
	net_list_free(&hosts);
}

/* A datagram from the remote side to a host inside, as after translation: is it tracked? */
static bool tracked(struct lab *l, const char *host, uint16_t port)
{
	bool six = strchr(host, ':');
	int fd = udp(l, LAN, host, port);
	char *text;
	bool ret;

	send_to(six ? l->remote6 : l->remote, host, port);
	recv_from(fd);
	close(fd);
	text = run("conntrack -L %s -p udp --orig-dst %s --orig-port-dst %u 2>/dev/null",
		   six ? "-f ipv6" : "", host, port);
	ret = *text;
	free(text);
	return ret;
}

static void test_hosts(void **state)
{
	struct lab *l = *state;

	need_root();
	do_run("nft 'table inet firewall { chain forward { type filter hook forward priority 0; "
	       "ct state invalid drop; }; }'");
	assert_true(tracked(l, HOST, 5001));
	assert_true(tracked(l, HOST6, 5001));
	begin(HOST "/32", HOST6 "/128");
	assert_false(tracked(l, HOST, 5002));
	assert_false(tracked(l, HOST6, 5002));
	/* nothing of these is handed back */
	assert_true(tracked(l, HOST2, 5002));
	assert_true(tracked(l, HOST6_2, 5002));
	assert_true(tracked(l, GLOBAL6, 5002));
	/* others instead */
	begin(HOST2 "/32", "fd00:1::/48");
	assert_true(tracked(l, HOST, 5003));
	assert_false(tracked(l, HOST2, 5003));
	assert_false(tracked(l, HOST6_2, 5003));
	assert_true(tracked(l, GLOBAL6, 5003));
	assert_int_equal(nft_handover_end("wan", NULL), 0);
	assert_true(tracked(l, HOST2, 5004));
	assert_int_equal(nft_handover_end("wan", NULL), 0); /* there is none any more */
}

/* As docs/nftables.md shows it. */
static void test_text(void **state)
{
	char *text;

	(void)state;
	need_root();
	begin(HOST "/32", "192.168.1.3/32");
	text = run("nft list table inet " TABLE
		   " | sed 's/^[\t ]*//; s/packets [0-9]* bytes [0-9]* //'");
	assert_non_null(strstr(text, "\nelements = { 192.168.1.2/31 }\n"));
	assert_non_null(
		strstr(text, "\ntype filter hook prerouting priority raw; policy accept;\n"));
	assert_non_null(strstr(text, "\niifname \"wan\" ip daddr @hosts counter notrack comment "));
	assert_non_null(
		strstr(text, "\niifname \"wan\" ip6 daddr @hosts6 counter notrack comment "));
	assert_non_null(strstr(text, "\ntype filter hook output priority raw; policy accept;\n"));
	assert_non_null(strstr(text,
			       "\noifname \"wan\" meta l4proto tcp ip saddr @hosts counter drop "
			       "comment "));
	assert_non_null(strstr(text, "\noifname \"wan\" meta l4proto tcp ip6 saddr @hosts6 counter "
				     "drop comment "));
	free(text);
	assert_int_equal(nft_handover_end("wan", NULL), 0);
	text = run("nft list tables");
	assert_null(strstr(text, TABLE));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab6_test(test_hosts),
		lab6_test(test_text),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
