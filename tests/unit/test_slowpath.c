// SPDX-License-Identifier: GPL-2.0-or-later
/* Limits of the slow path: what is held of late fragments, how often a host is refused. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "src/late.h"
#include "src/refuse.h"

static struct einat_frag_key key_of(uint32_t source, uint16_t id)
{
	return (struct einat_frag_key){ .saddr = { .w = { 0, 0, htonl(0xffff), htonl(source) } },
					.id = id,
					.proto = 17 };
}

struct seen {
	uint16_t ready; /* id; 0: none */
	unsigned n, last;
};

static bool ready(const struct einat_frag_key *key, void *data)
{
	const struct seen *s = data;

	return s->ready && key->id == s->ready;
}

static void sent(const void *packet, size_t len, void *data)
{
	struct seen *s = data;

	s->n++;
	assert_int_equal(len, 100);
	assert_true(*(const uint8_t *)packet > s->last); /* in the order they came */
	s->last = *(const uint8_t *)packet;
}

static void add(struct late *l, uint32_t source, uint16_t id, uint8_t mark, size_t len,
		uint64_t now)
{
	static uint8_t packet[LATE_PACKET_MAX];
	struct einat_frag_key key = key_of(source, id);

	packet[0] = mark;
	assert_true(late_add(l, &key, packet, len, now));
}

static void released_once_ready(void **state)
{
	struct seen s = { 0 };
	struct late *l = late_new();

	(void)state;
	add(l, 1, 7, 1, 100, 1000);
	add(l, 1, 8, 9, 100, 1000);
	add(l, 1, 7, 2, 100, 1001);
	late_release(l, 1002, ready, sent, &s);
	assert_int_equal(s.n, 0);
	s.ready = 7;
	late_release(l, 1003, ready, sent, &s);
	assert_int_equal(s.n, 2);
	assert_int_equal(late_count(l), 1);
	late_release(l, 1004, ready, sent, &s);
	assert_int_equal(s.n, 2);
	late_free(l);
}

static void too_old_is_never_sent(void **state)
{
	struct seen s = { .ready = 7 };
	struct late *l = late_new();

	(void)state;
	add(l, 1, 7, 1, 100, 1000);
	add(l, 1, 7, 2, 100, 1500);
	late_release(l, 1000 + LATE_LIFE_MS, ready, sent, &s);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.last, 2);
	assert_int_equal(late_count(l), 0);
	assert_int_equal(late_bytes(l), 0);
	late_free(l);
}

static void limits_hold(void **state)
{
	struct late *l = late_new();
	struct einat_frag_key key = key_of(1, 1);
	static const uint8_t large[LATE_PACKET_MAX + 1];
	struct seen s = { .ready = 4242 };

	(void)state;
	assert_false(late_add(l, &key, large, sizeof(large), 0));
	for (unsigned i = 0; i < 1000; i++)
		add(l, 1, (uint16_t)i, 1, 100, 1);
	assert_int_equal(late_count(l), LATE_MAX);
	for (uint32_t i = 0; i < 10000; i++)
		add(l, i, 1, 1, 100, 1);
	assert_int_equal(late_count(l), LATE_ALL);
	for (uint32_t i = 0; i < 10000; i++) {
		add(l, i, 1, 1, i % 2 ? 1500 : LATE_PACKET_MAX, 1);
		assert_true(late_bytes(l) <= LATE_ALL_BYTES);
	}
	/* in a flood a new one still finds room */
	add(l, 77, 4242, 1, 100, 2);
	late_release(l, 3, ready, sent, &s);
	assert_int_equal(s.n, 1);
	late_free(l);
}

static void one_host_does_not_push_out_others(void **state)
{
	struct late *l = late_new();
	struct seen s = { .ready = 4242 };

	(void)state;
	add(l, 77, 4242, 1, 100, 1);
	for (unsigned i = 0; i < 10000; i++)
		add(l, 1, (uint16_t)(i % 4000), 1, i % 3 ? 1500 : LATE_PACKET_MAX, 1);
	assert_true(late_bytes(l) <= 100 + LATE_MAX_BYTES);
	late_release(l, 2, ready, sent, &s);
	assert_int_equal(s.n, 1);
	late_free(l);
}

static unsigned allowed(struct refuse_limit *r, uint32_t host, unsigned tries, uint64_t now)
{
	const struct net_addr addr = net_addr_from4(host);
	unsigned n = 0;

	while (tries--)
		n += refuse_allowed(r, &addr, now);
	return n;
}

static void refusals_of_one_host(void **state)
{
	static struct refuse_limit r;
	unsigned n = 0;

	(void)state;
	memset(&r, 0, sizeof(r));
	assert_int_equal(allowed(&r, 1, 100, 5000), REFUSE_RATE_SOURCE);
	assert_int_equal(allowed(&r, 1, 100, 5000 + 1000), REFUSE_RATE_SOURCE);
	for (unsigned ms = 0; ms < 10000; ms++)
		n += allowed(&r, 1, 1, 7000 + ms);
	assert_in_range(n, 10 * REFUSE_RATE_SOURCE, 11 * REFUSE_RATE_SOURCE);
}

static void refusals_in_all(void **state)
{
	static struct refuse_limit r;
	unsigned n = 0;

	(void)state;
	memset(&r, 0, sizeof(r));
	for (uint32_t host = 1; host <= 1000; host++)
		n += allowed(&r, host, 5, 5000);
	assert_int_equal(n, REFUSE_RATE_ALL);
	n = 0;
	for (unsigned ms = 0; ms < 10000; ms++)
		n += allowed(&r, 1 + ms % 1000, 1, 6000 + ms);
	assert_in_range(n, 10 * REFUSE_RATE_ALL, 11 * REFUSE_RATE_ALL);
}

static void other_rates(void **state)
{
	struct refuse_limit r = { .rate_all = 30, .rate_source = 20 };

	(void)state;
	assert_int_equal(allowed(&r, 1, 100, 1000), 20);
	assert_int_equal(allowed(&r, 1, 100, 1100), 2);
	assert_int_equal(allowed(&r, 2, 100, 1100), 11);
	assert_int_equal(allowed(&r, 3, 100, 5000), 20);
	assert_int_equal(allowed(&r, 1, 100, 5000), 10);
}

static const uint8_t udp_packet[32] = {
	0x45, 0, 0,   60, 0x12, 0x34, 0,    0,	  63, 17, 0xa5, 0x8b, 192, 168, 1,   2,
	203,  0, 113, 10, 0x61, 0xa8, 0x1b, 0x58, 0,  40, 0xab, 0xcd, 'd', 'a', 't', 'a',
};

static uint32_t sum(const uint8_t *p, size_t n)
{
	uint32_t s = 0;

	for (size_t i = 0; i < n; i++)
		s += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

static void refusal_quotes_what_the_host_sent(void **state)
{
	uint8_t msg[REFUSE_MAX];
	struct net_addr to;

	(void)state;
	assert_int_equal(refuse_build(udp_packet, sizeof(udp_packet), true, msg, &to), 36);
	assert_true(net_addr_is4(&to));
	assert_int_equal(net_addr_to4(&to), htonl(0xc0a80102));
	assert_int_equal(msg[0], 3);
	assert_int_equal(msg[1], 13);
	assert_int_equal(sum(msg, 36), 0xffff);
	assert_int_equal(sum(msg + 8, 20), 0xffff);
	assert_int_equal(msg[8 + 8], 64); /* TTL, before it was forwarded */
	assert_memory_equal(msg + 8, udp_packet, 8);
	assert_memory_equal(msg + 8 + 12, udp_packet + 12, 16);
	assert_int_equal(refuse_build(udp_packet, sizeof(udp_packet), false, msg, &to), 36);
	assert_int_equal(msg[8 + 8], 63);
}

static void no_refusal_of(size_t at, uint8_t value, size_t len)
{
	uint8_t packet[32], msg[REFUSE_MAX];
	struct net_addr to;

	memcpy(packet, udp_packet, sizeof(packet));
	packet[at] = value;
	assert_int_equal(refuse_build(packet, len, true, msg, &to), 0);
}

static void refusals_that_are_not_sent(void **state)
{
	(void)state;
	no_refusal_of(0, 0x45, 27); /* too short */
	no_refusal_of(0, 0x4f, 32); /* options beyond the end */
	no_refusal_of(0, 0x55, 32); /* no IP version */
	no_refusal_of(0, 0x65, 32); /* too short for IPv6 */
	no_refusal_of(7, 1, 32); /* later fragment */
	no_refusal_of(16, 224, 32); /* to a group */
}

/* fd00:1::2 to 2001:db8:f::10, UDP, behind extension headers as long as need be */
static size_t udp6_packet(uint8_t *p, size_t len)
{
	static const uint8_t head[40] = { 0x60, 0,    0,    0, 0,    0,		 0,
					  63,	0xfd, 0,    0, 1,    [23] = 2,	 [24] = 0x20,
					  1,	0x0d, 0xb8, 0, 0x0f, [39] = 0x10 };

	memcpy(p, head, sizeof(head));
	p[6] = 17;
	for (size_t i = sizeof(head); i < len; i++)
		p[i] = (uint8_t)(i * 7);
	return len;
}

static void refusal_over_ipv6(void **state)
{
	uint8_t packet[2000], msg[REFUSE_MAX];
	struct net_addr to, host;
	size_t n = udp6_packet(packet, 60);

	(void)state;
	assert_int_equal(net_addr_parse("fd00:1::2", &host), 0);
	assert_int_equal(refuse_build(packet, n, true, msg, &to), 68);
	assert_true(net_addr_eq(&to, &host));
	assert_int_equal(msg[0], 1);
	assert_int_equal(msg[1], 1);
	for (int i = 2; i < 8; i++)
		assert_int_equal(msg[i], 0);
	assert_int_equal(msg[8 + 7], 64); /* hop limit, before it was forwarded */
	packet[7] = 64;
	assert_memory_equal(msg + 8, packet, 60);
	assert_int_equal(refuse_build(packet, n, false, msg, &to), 68);
	assert_int_equal(msg[8 + 7], 64);
	packet[7] = 255;
	assert_int_equal(refuse_build(packet, n, true, msg, &to), 68);
	assert_int_equal(msg[8 + 7], 255);
	/* what is longer than the least MTU is cut */
	n = udp6_packet(packet, sizeof(packet));
	assert_int_equal(refuse_build(packet, n, true, msg, &to), 1280 - 40);
	assert_memory_equal(msg + 8 + 8, packet + 8, 1232 - 8);
}

static void no_refusal6_of(size_t at, uint8_t value, size_t n, size_t len)
{
	uint8_t packet[60], msg[REFUSE_MAX];
	struct net_addr to;

	udp6_packet(packet, sizeof(packet));
	for (size_t i = at; i < at + n; i++)
		packet[i] = value;
	assert_int_equal(refuse_build(packet, len, true, msg, &to), 0);
}

static void refusals_over_ipv6_that_are_not_sent(void **state)
{
	(void)state;
	no_refusal6_of(0, 0x60, 1, 39); /* too short */
	no_refusal6_of(24, 0xff, 1, 60); /* to a group */
	no_refusal6_of(8, 0xff, 1, 60); /* from a group */
	no_refusal6_of(8, 0, 16, 60); /* from nobody */
}

/* What is told of a packet from @src to @dst: type << 8 | code, and the pointer. */
static unsigned told_unmapped(const char *src, const char *dst, bool inwards, uint32_t pointer)
{
	uint8_t packet[60], msg[REFUSE_MAX];
	struct net_addr s, d, to;
	uint32_t got;

	udp6_packet(packet, sizeof(packet));
	assert_int_equal(net_addr_parse(src, &s), 0);
	assert_int_equal(net_addr_parse(dst, &d), 0);
	memcpy(packet + 8, &s, 16);
	memcpy(packet + 24, &d, 16);
	assert_int_equal(refuse_build(packet, sizeof(packet), false, msg, &to), 68);
	refuse_unmapped(msg, inwards);
	assert_memory_equal(msg + 8, packet, 60);
	memcpy(&got, msg + 4, 4);
	assert_int_equal(ntohl(got), pointer);
	return (unsigned)msg[0] << 8 | msg[1];
}

static void addresses_without_counterpart(void **state)
{
	const char *far = "2001:db8:f::10";

	(void)state;
	assert_int_equal(told_unmapped("fd00:1:0:ffff::2", far, false, 0), 0x105);
	assert_int_equal(told_unmapped("fd00:1:0:ffff::", far, false, 0), 0x105);
	assert_int_equal(told_unmapped("fd00:1:0:1::", far, false, 8), 0x400);
	assert_int_equal(told_unmapped("fd00:1:0:1:ffff:ffff:ffff:ffff", far, false, 8), 0x400);
	assert_int_equal(told_unmapped("fd00:1:0:1:ffff::", far, false, 0), 0x105);
	assert_int_equal(told_unmapped(far, "2001:db8:77:ffff::2", true, 0), 0x100);
	assert_int_equal(told_unmapped(far, "2001:db8:77:1::", true, 24), 0x400);
	assert_int_equal(told_unmapped("2001:db8:f::", "2001:db8:77:1::1", true, 0), 0x100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(released_once_ready),
		cmocka_unit_test(too_old_is_never_sent),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(one_host_does_not_push_out_others),
		cmocka_unit_test(refusals_of_one_host),
		cmocka_unit_test(refusals_in_all),
		cmocka_unit_test(other_rates),
		cmocka_unit_test(refusal_quotes_what_the_host_sent),
		cmocka_unit_test(refusals_that_are_not_sent),
		cmocka_unit_test(refusal_over_ipv6),
		cmocka_unit_test(refusals_over_ipv6_that_are_not_sent),
		cmocka_unit_test(addresses_without_counterpart),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("slowpath", tests, NULL, NULL);
}
