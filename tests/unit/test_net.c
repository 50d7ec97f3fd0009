// SPDX-License-Identifier: GPL-2.0-or-later
/* Addresses, prefixes and protocols. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/net.h"

static struct net_addr addr(const char *s)
{
	struct net_addr a;

	assert_int_equal(net_addr_parse(s, &a), 0);
	return a;
}

static struct net_prefix prefix(const char *s)
{
	struct net_prefix p;

	if (net_prefix_parse(s, &p))
		fail_msg("\"%s\" was refused", s);
	return p;
}

static void test_addr_text(void **state)
{
	static const struct {
		const char *text, *want; /* want NULL: refused */
		bool is4;
	} t[] = {
		{ "0.0.0.0", "0.0.0.0", true },
		{ "255.255.255.255", "255.255.255.255", true },
		{ "203.0.113.1", "203.0.113.1", true },
		{ "::ffff:203.0.113.1", "203.0.113.1", true },
		{ "::", "::", false },
		{ "::1", "::1", false },
		{ "2001:DB8::0:1", "2001:db8::1", false },
		{ "::1.2.3.4", "::1.2.3.4", false },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false },
		{ "", NULL, false },
		{ "1.2.3", NULL, false },
		{ "1.2.3.4.5", NULL, false },
		{ "1.2.3.256", NULL, false },
		{ "1.2.3.4 ", NULL, false },
		{ " 1.2.3.4", NULL, false },
		{ "01.2.3.4", NULL, false },
		{ "1.2.3.4/32", NULL, false },
		{ "0x7f.1", NULL, false },
		{ "fe80::1%lan", NULL, false },
		{ ":::", NULL, false },
		{ "1:2:3:4:5:6:7:8:9", NULL, false },
		{ "localhost", NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		char buf[NET_ADDR_STRLEN];
		struct net_addr a, was;
		int ret;

		memset(&was, 0x5a, sizeof(was));
		a = was;
		ret = net_addr_parse(t[i].text, &a);
		if (ret != (t[i].want ? 0 : -EINVAL))
			fail_msg("\"%s\": %d", t[i].text, ret);
		if (ret) {
			assert_memory_equal(&a, &was, sizeof(a));
			continue;
		}
		assert_string_equal(net_addr_format(&a, buf), t[i].want);
		assert_ptr_equal(net_addr_format(&a, buf), buf);
		assert_int_equal(net_addr_is4(&a), t[i].is4);
	}
}

static void test_addr4_bytes(void **state)
{
	static const uint8_t want[16] = { [10] = 0xff, [11] = 0xff, 192, 0, 2, 33 };
	struct net_addr a = net_addr_from4(htonl(0xc0000221)), b = addr("192.0.2.33");
	struct net_addr c = addr("192.0.2.34");

	(void)state;
	assert_memory_equal(a.b, want, 16);
	assert_true(net_addr_eq(&a, &b));
	assert_null(net_addr_inner(&a));
	for (size_t i = 0; i < 5; i++) {
		static const char *const inner[] = { "10.255.0.1", "172.31.0.1", "192.168.0.1",
						     "100.127.0.1", "192.0.0.2" };

		b = addr(inner[i]);
		assert_non_null(net_addr_inner(&b));
	}
	for (size_t i = 0; i < 5; i++) {
		static const char *const outer[] = { "172.32.0.1", "100.128.0.1", "192.0.0.8",
						     "192.169.0.1", "fd00::a00:1" };

		b = addr(outer[i]);
		assert_null(net_addr_inner(&b));
	}
	b = addr("192.0.2.33");
	assert_false(net_addr_eq(&a, &c));
	assert_int_equal(net_addr_to4(&a), htonl(0xc0000221));
	c = addr("::192.0.2.33");
	assert_false(net_addr_eq(&a, &c));
}

static void test_prefix_text(void **state)
{
	static const struct {
		const char *text;
		int ret;
		const char *want;
		unsigned len;
	} t[] = {
		{ "0.0.0.0/0", 0, "0.0.0.0/0", 96 },
		{ "10.0.0.0/8", 0, "10.0.0.0/8", 104 },
		{ "192.168.1.0/24", 0, "192.168.1.0/24", 120 },
		{ "192.168.1.128/25", 0, "192.168.1.128/25", 121 },
		{ "128.0.0.0/1", 0, "128.0.0.0/1", 97 },
		{ "203.0.113.1", 0, "203.0.113.1/32", 128 },
		{ "203.0.113.1/32", 0, "203.0.113.1/32", 128 },
		{ "::/0", 0, "::/0", 0 },
		{ "8000::/1", 0, "8000::/1", 1 },
		{ "2001:db8::/32", 0, "2001:db8::/32", 32 },
		{ "2001:db8::1", 0, "2001:db8::1/128", 128 },
		{ "::ffff:0:0/96", 0, "0.0.0.0/0", 96 },
		{ "::ffff:10.0.0.0/104", 0, "10.0.0.0/8", 104 },
		{ "::ffff:10.0.0.1", 0, "10.0.0.1/32", 128 },
		{ "10.0.0.1/8", -ERANGE, NULL, 0 },
		{ "192.168.1.1/31", -ERANGE, NULL, 0 },
		{ "0.0.0.1/0", -ERANGE, NULL, 0 },
		{ "2001:db8::1/127", -ERANGE, NULL, 0 },
		{ "::1/0", -ERANGE, NULL, 0 },
		{ "::ffff:10.0.0.0/8", -ERANGE, NULL, 0 }, /* /8 of an IPv6 address */
		{ "10.0.0.0/33", -EINVAL, NULL, 0 },
		{ "::/129", -EINVAL, NULL, 0 },
		{ "10.0.0.0/18446744073709551624", -EINVAL, NULL, 0 },
		{ "10.0.0.0/", -EINVAL, NULL, 0 },
		{ "10.0.0.0/-1", -EINVAL, NULL, 0 },
		{ "10.0.0.0/+8", -EINVAL, NULL, 0 },
		{ "10.0.0.0/ 8", -EINVAL, NULL, 0 },
		{ "10.0.0.0/8 ", -EINVAL, NULL, 0 },
		{ "10.0.0.0/8/8", -EINVAL, NULL, 0 },
		{ "10.0.0.0/255.0.0.0", -EINVAL, NULL, 0 },
		{ "/8", -EINVAL, NULL, 0 },
		{ "", -EINVAL, NULL, 0 },
		{ "10.0.0/8", -EINVAL, NULL, 0 },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/8",
		  -EINVAL, NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		char buf[NET_ADDR_STRLEN];
		struct net_prefix p, was;
		int ret;

		memset(&was, 0x5a, sizeof(was));
		p = was;
		ret = net_prefix_parse(t[i].text, &p);
		if (ret != t[i].ret)
			fail_msg("\"%s\": %d, not %d", t[i].text, ret, t[i].ret);
		if (ret) {
			assert_memory_equal(&p, &was, sizeof(p));
			continue;
		}
		assert_int_equal(p.len, t[i].len);
		assert_string_equal(net_prefix_format(&p, buf), t[i].want);
	}
}

static void test_longest_prefix_fits(void **state)
{
	char buf[NET_ADDR_STRLEN];
	struct net_prefix p = { .len = 128 };

	(void)state;
	memset(p.addr.b, 0xff, 16);
	net_prefix_format(&p, buf);
	assert_string_equal(buf, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128");
}

/* Every length, with a bit flipped at every place: inside exactly if it is behind the prefix. */
static void test_contains_every_bit(void **state)
{
	static const char *const bases[] = { "0.0.0.0", "255.255.255.255", "170.85.170.85",
					     "4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" };

	(void)state;
	for (size_t n = 0; n < sizeof(bases) / sizeof(bases[0]); n++)
		for (unsigned len = 0; len <= 128; len++) {
			struct net_addr base = addr(bases[n]);
			struct net_prefix p = { .addr = base, .len = (uint8_t)len };

			for (unsigned i = len; i < 128; i++)
				p.addr.b[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
			/* no IPv6 prefix contains IPv4, however short it is */
			assert_int_equal(net_prefix_contains(&p, &base),
					 len >= 96 || !net_addr_is4(&base));
			if (len < 96 && net_addr_is4(&base))
				continue;
			assert_true(net_prefix_contains(&p, &p.addr));
			for (unsigned i = 0; i < 128; i++) {
				struct net_addr a = base;

				a.b[i / 8] ^= (uint8_t)(0x80 >> i % 8);
				assert_int_equal(net_prefix_contains(&p, &a),
						 i >= len && (len >= 96 || !net_addr_is4(&a)));
			}
		}
}

static void test_families_stay_apart(void **state)
{
	struct net_prefix all4 = prefix("0.0.0.0/0"), six = prefix("2000::/3");
	struct net_addr v4 = addr("203.0.113.1"), v6 = addr("2001:db8::1"),
			compat = addr("::1.2.3.4");

	(void)state;
	assert_true(net_prefix_contains(&all4, &v4));
	assert_false(net_prefix_contains(&all4, &v6));
	assert_false(net_prefix_contains(&all4, &compat));
	assert_false(net_prefix_contains(&six, &v4));
}

static void test_list(void **state)
{
	struct net_list l = { 0 };
	struct net_addr a = addr("10.1.2.3"), b = addr("192.168.1.1"), c = addr("11.0.0.0");
	struct net_prefix p = prefix("10.0.0.0/8"), q = prefix("10.0.0.0/16"), r;

	(void)state;
	assert_false(net_list_contains(&l, &a));
	assert_int_equal(net_list_add(&l, &p), 0);
	assert_int_equal(net_list_add(&l, &p), 0); /* a duplicate */
	assert_int_equal(l.n, 1);
	assert_int_equal(net_list_add(&l, &q), 0); /* another length */
	assert_int_equal(l.n, 2);
	assert_true(net_list_contains(&l, &a));
	assert_false(net_list_contains(&l, &b));
	assert_false(net_list_contains(&l, &c));
	for (unsigned i = 0; i < 1000; i++) {
		r = (struct net_prefix){ net_addr_from4(htonl(0xac100000 + i)), 128 };
		assert_int_equal(net_list_add(&l, &r), 0);
	}
	assert_int_equal(l.n, 1002);
	assert_true(net_list_contains(&l, &r.addr));
	net_list_free(&l);
	assert_null(l.p);
	assert_int_equal(l.n, 0);
	net_list_free(&l);
}

static void test_protocols(void **state)
{
	unsigned seen = 0;

	(void)state;
	assert_string_equal(proto_name(PROTO_UDP), "udp");
	assert_string_equal(proto_name(PROTO_TCP), "tcp");
	assert_string_equal(proto_name(PROTO_ICMP), "icmp");
	assert_int_equal(proto_number(PROTO_UDP), IPPROTO_UDP);
	assert_int_equal(proto_number(PROTO_TCP), IPPROTO_TCP);
	assert_int_equal(proto_number(PROTO_ICMP), IPPROTO_ICMP);
	assert_string_equal(proto_name(0), "?");
	assert_string_equal(proto_name(PROTO_ALL), "?"); /* one bit only */
	assert_int_equal(proto_number(PROTO_ALL), 0);
	for (unsigned i = 0; i < 256; i++) {
		unsigned bit = proto_bit((uint8_t)i);

		if (!bit)
			continue;
		assert_int_equal(proto_number(bit), i);
		seen |= bit;
	}
	assert_int_equal(seen, PROTO_ALL);
	assert_int_equal(proto_bit(0), 0);
}

static void test_proto_parse(void **state)
{
	static const struct {
		const char *text;
		int ret;
		unsigned mask;
	} t[] = {
		{ "udp", 0, PROTO_UDP },     { "tcp", 0, PROTO_TCP },
		{ "icmp", 0, PROTO_ICMP },   { "tcp,udp", 0, PROTO_UDP | PROTO_TCP },
		{ "udp,udp", 0, PROTO_UDP }, { "all", 0, PROTO_ALL },
		{ "udp,all", 0, PROTO_ALL }, { "", -EINVAL, 0 },
		{ ",", -EINVAL, 0 },	     { "udp,", -EINVAL, 0 },
		{ ",udp", -EINVAL, 0 },	     { "udp,,tcp", -EINVAL, 0 },
		{ "ud", -EINVAL, 0 },	     { "udpp", -EINVAL, 0 },
		{ "al", -EINVAL, 0 },	     { "alll", -EINVAL, 0 },
		{ "UDP", -EINVAL, 0 },	     { "udp tcp", -EINVAL, 0 },
		{ "udp,sctp", -EINVAL, 0 },  { "17", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		unsigned mask = 0x55;
		int ret = proto_parse(t[i].text, &mask);

		if (ret != t[i].ret)
			fail_msg("\"%s\": %d", t[i].text, ret);
		assert_int_equal(mask, ret ? 0x55 : t[i].mask);
	}
}

static void expect_list(const struct net_list *l, const char *want)
{
	char got[2048] = "", one[NET_ADDR_STRLEN];

	for (size_t i = 0; i < l->n; i++) {
		strcat(got, i ? " " : "");
		strcat(got, net_prefix_format(&l->p[i], one));
	}
	assert_string_equal(got, want);
}

static void without(struct net_list *l, const char *text)
{
	struct net_prefix p;

	assert_int_equal(net_prefix_parse(text, &p), 0);
	assert_int_equal(net_list_subtract(l, &p), 0);
}

static void test_list_subtract(void **state)
{
	struct net_list l = { 0 };
	struct net_prefix p;

	(void)state;
	without(&l, "10.0.0.0/8");
	expect_list(&l, "");
	assert_int_equal(net_prefix_parse("192.168.0.0/22", &p), 0);
	assert_int_equal(net_list_add(&l, &p), 0);
	assert_int_equal(net_prefix_parse("fd00::/62", &p), 0);
	assert_int_equal(net_list_add(&l, &p), 0);
	without(&l, "192.168.4.0/24"); /* it has none of that */
	without(&l, "::/0"); /* IPv6 alone */
	expect_list(&l, "192.168.0.0/22");
	without(&l, "192.168.1.0/24");
	expect_list(&l, "192.168.2.0/23 192.168.0.0/24");
	without(&l, "192.168.0.255");
	expect_list(&l, "192.168.2.0/23 192.168.0.0/25 192.168.0.128/26 192.168.0.192/27 "
			"192.168.0.224/28 192.168.0.240/29 192.168.0.248/30 192.168.0.252/31 "
			"192.168.0.254/32");
	without(&l, "192.168.0.0/16");
	expect_list(&l, "");
	net_list_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addr_text),
		cmocka_unit_test(test_addr4_bytes),
		cmocka_unit_test(test_prefix_text),
		cmocka_unit_test(test_longest_prefix_fits),
		cmocka_unit_test(test_contains_every_bit),
		cmocka_unit_test(test_families_stay_apart),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_list_subtract),
		cmocka_unit_test(test_protocols),
		cmocka_unit_test(test_proto_parse),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("net", tests, NULL, NULL);
}
