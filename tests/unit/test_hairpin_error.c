// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ICMP errors about hairpinned packets: what is translated, to the byte, what is not, and that
 * nothing behind the end of a message is read. Messages lie before a page without access.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/hairpin_lab.h"

/* ---- the translation, at the end of a page ----------------------------------------------- */

static uint8_t *page_end;

static int make_page(void **state)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *p =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	if (p == MAP_FAILED || mprotect(p + page, page, PROT_NONE))
		return -1;
	page_end = p + page;
	return 0;
}

struct result {
	bool ok;
	uint8_t msg[MAX];
	struct net_addr from, to;
};

static struct result translate_as(const uint8_t *msg, size_t n, const char *dst, bool own)
{
	const struct net_addr to = addr(dst);
	uint8_t *at = page_end - n;
	struct result r = { 0 };

	memcpy(at, msg, n);
	r.ok = hairpin_error_translate(at, n, &to, own, &lookup, &r.from, &r.to);
	memcpy(r.msg, at, n);
	if (!r.ok)
		assert_memory_equal(at, msg, n); /* nothing is changed then */
	return r;
}

static struct result translate(const uint8_t *msg, size_t n, const char *dst)
{
	return translate_as(msg, n, dst, false);
}

static void assert_addr(const struct net_addr *a, const char *s)
{
	const struct net_addr b = addr(s);

	assert_true(net_addr_eq(a, &b));
}

/* Whole, it becomes what the error about h1's own packet would be. */
static void translated(bool ipv6, const struct layout *l)
{
	const struct flow *f = ipv6 ? &inside6 : &inside4, *want = ipv6 ? &sent6 : &sent4;
	uint8_t msg[MAX], expected[MAX];
	size_t n = put_error(msg, ipv6, f, l);
	struct result r;

	put_error(expected, ipv6, want, l);
	if (ipv6)
		put16(msg, 2, 0x1111); /* the kernel has looked at it, and reckons it anew */
	r = translate(msg, n, f->src);
	assert_true(r.ok);
	assert_memory_equal(r.msg, expected, n);
	assert_addr(&r.from, want->dst);
	assert_addr(&r.to, want->src);
}

/* Dropped, whichever of both protocols, with one byte of it changed. */
static void refused(bool ipv6, const struct layout *l, size_t at, uint8_t value)
{
	const struct flow *f = ipv6 ? &inside6 : &inside4;
	uint8_t msg[MAX];
	size_t n = put_error(msg, ipv6, f, l);

	msg[at] = value;
	if (!ipv6)
		outer_checksum(msg, n);
	assert_false(translate(msg, n, f->src).ok);
}

/* ---- IPv4 -------------------------------------------------------------------------------- */

/*
 * Port unreachable about "hello" from 203.0.113.2:25013 to 192.168.1.3:4010, and about the same
 * from 192.168.1.2:5013 to 203.0.113.9:25010; reckoned by another program than the functions above.
 */
static void bytes_of_udp(void **state)
{
	static const uint8_t in[] = {
		0x03, 0x03, 0xfa, 0xc9, 0x00, 0x00, 0x00, 0x00, 0x45, 0x00, 0x00, 0x21, 0xab, 0xcd,
		0x40, 0x00, 0x3e, 0x11, 0x93, 0x50, 0xcb, 0x00, 0x71, 0x02, 0xc0, 0xa8, 0x01, 0x03,
		0x61, 0xb5, 0x0f, 0xaa, 0x00, 0x0d, 0x4c, 0xf4, 0x68, 0x65, 0x6c, 0x6c, 0x6f,
	};
	static const uint8_t out[] = {
		0x03, 0x03, 0xfa, 0xcf, 0x00, 0x00, 0x00, 0x00, 0x45, 0x00, 0x00, 0x21, 0xab, 0xcd,
		0x40, 0x00, 0x3e, 0x11, 0x93, 0x4a, 0xc0, 0xa8, 0x01, 0x02, 0xcb, 0x00, 0x71, 0x09,
		0x13, 0x95, 0x61, 0xb2, 0x00, 0x0d, 0x49, 0x06, 0x68, 0x65, 0x6c, 0x6c, 0x6f,
	};
	struct result r = translate(in, sizeof(in), "203.0.113.2");

	(void)state;
	assert_true(r.ok);
	assert_memory_equal(r.msg, out, sizeof(out));
}

static void udp_and_tcp(void **state)
{
	(void)state;
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		translated(ipv6, &(struct layout){ .proto = UDP });
		translated(ipv6, &(struct layout){ .proto = TCP });
		translated(ipv6, &(struct layout){ .proto = UDP, .no_csum = true });
	}
	translated(false, &(struct layout){ .proto = UDP, .options = 4 });
	translated(false, &(struct layout){ .proto = TCP, .options = 40 });
}

/* Among all payloads are those whose checksum becomes 0 or 0xffff. */
static void every_checksum(void **state)
{
	(void)state;
	for (unsigned word = 0; word < 0x10000; word++) {
		const struct layout l = { .proto = UDP, .word = (uint16_t)word };

		translated(false, &l);
		translated(true, &l);
	}
}

/* A wrong checksum inside stays wrong by as much; one of the IP header too. */
static void wrong_checksums_inside(void **state)
{
	const struct layout l = { .proto = TCP };
	uint8_t msg[MAX], expected[MAX];
	size_t n = put_error(msg, false, &inside4, &l);
	struct result r;

	(void)state;
	put_error(expected, false, &sent4, &l);
	for (int i = 0; i < 2; i++) {
		const size_t at = i ? 8 + 10 : 8 + 20 + 16;

		assert_in_range(msg[at], 0, 0xfe);
		assert_in_range(expected[at], 0, 0xfe);
		msg[at]++;
		expected[at]++;
	}
	outer_checksum(msg, n);
	outer_checksum(expected, n);
	r = translate(msg, n, inside4.src);
	assert_true(r.ok);
	assert_memory_equal(r.msg, expected, n);
}

static void wrong_checksum_outside(void **state)
{
	const struct layout l = { .proto = UDP };
	uint8_t msg[MAX];
	size_t n = put_error(msg, false, &inside4, &l);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		msg[i] ^= 0x10;
		assert_false(translate(msg, n, inside4.src).ok);
		msg[i] ^= 0x10;
	}
	assert_true(translate(msg, n, inside4.src).ok);
}

static void what_is_no_error_about_a_hairpinned_packet(void **state)
{
	const struct layout udp = { .proto = UDP };
	uint8_t msg[MAX];
	size_t n = put_error(msg, false, &inside4, &udp);

	(void)state;
	assert_true(translate(msg, n, "203.0.113.2").ok);
	assert_false(translate(msg, n, "203.0.113.9").ok); /* to another than who sent it */
	for (unsigned type = 0; type < 256; type++)
		if (type != 3 && type != 11 && type != 12)
			refused(false, &udp, 0, (uint8_t)type);
	refused(false, &udp, 8, 0x44); /* no IP header */
	refused(false, &udp, 8, 0x65);
	refused(false, &udp, 8, 0x4f); /* options beyond the end */
	refused(false, &udp, 8 + 7, 1); /* later fragment */
	refused(false, &udp, 8 + 9, ICMP); /* a query is not turned around */
	refused(false, &udp, 8 + 9, ICMPV6);
	refused(false, &udp, 8 + 9, 132);
	refused(false, &udp, 8 + 19, 4); /* to another host */
	refused(false, &udp, 8 + 20, 1); /* from a port without a binding */
	refused(false, &udp, 8 + 22, 1); /* to one */
	bound = PROTO_TCP;
	refused(false, &udp, 0, 3);
	translated(false, &(struct layout){ .proto = TCP });
	bound = PROTO_UDP;
	refused(false, &(struct layout){ .proto = TCP }, 0, 3);
	bound = PROTO_UDP | PROTO_TCP;
}

/* Of this host about a packet to anywhere: the source alone. About a hairpinned one as ever. */
static void own_error(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		const bool ipv6 = i & 1;
		const struct layout l = { .proto = i & 2 ? TCP : UDP };
		struct flow f = ipv6 ? inside6 : inside4, want = ipv6 ? sent6 : sent4;
		uint8_t msg[MAX], expected[MAX];
		struct result r;
		size_t n;

		put_error(msg, ipv6, &f, &l);
		assert_true(translate_as(msg, put_error(msg, ipv6, &f, &l), f.src, true).ok);
		f.dst = want.dst = ipv6 ? "2001:db8:f::9" : "198.51.100.9";
		f.dport = want.dport = 53;
		n = put_error(msg, ipv6, &f, &l);
		put_error(expected, ipv6, &want, &l);
		assert_false(translate(msg, n, f.src).ok);
		r = translate_as(msg, n, f.src, true);
		assert_true(r.ok);
		assert_memory_equal(r.msg, expected, n);
		assert_addr(&r.from, f.src);
		assert_addr(&r.to, want.src);
		f.sport = 9; /* no binding */
		assert_false(translate_as(msg, put_error(msg, ipv6, &f, &l), f.src, true).ok);
	}
}

static bool anything(unsigned proto, struct hairpin_endpoint *ep, void *data)
{
	(void)proto;
	*ep = *(const struct hairpin_endpoint *)data;
	return true;
}

/* A header that is too short: its last address would be taken for ports. */
static void short_header(void **state)
{
	struct hairpin_endpoint ep = { addr("10.0.0.1"), 1 };
	const struct hairpin_lookup all = { anything, anything, &ep };
	const struct net_addr dst = addr(inside4.src);
	const struct layout l = { .proto = UDP };
	struct net_addr from, to;
	uint8_t msg[MAX];
	size_t n = put_error(msg, false, &inside4, &l);

	(void)state;
	assert_true(hairpin_error_translate(msg, n, &dst, false, &all, &from, &to));
	put_error(msg, false, &inside4, &l);
	msg[8] = 0x44;
	outer_checksum(msg, n);
	assert_false(hairpin_error_translate(msg, n, &dst, false, &all, &from, &to));
}

/* First fragments have their ports. */
static void first_fragment(void **state)
{
	const struct layout l = { .proto = UDP };
	uint8_t msg[MAX];
	size_t n = put_error(msg, false, &inside4, &l);

	(void)state;
	msg[8 + 6] = 0x20; /* more fragments */
	outer_checksum(msg, n);
	assert_true(translate(msg, n, inside4.src).ok);
}

/* A message that was sent on is none that would be translated again, wherever it went. */
static void never_twice(void **state)
{
	static const char *const everyone[] = { "192.168.1.2", "192.168.1.3", "203.0.113.2",
						"203.0.113.9" };
	const struct layout l = { .proto = UDP };
	uint8_t msg[MAX];
	size_t n = put_error(msg, false, &inside4, &l);
	struct result r = translate(msg, n, inside4.src);

	(void)state;
	assert_true(r.ok);
	for (int i = 0; i < 4; i++)
		assert_false(translate(r.msg, n, everyone[i]).ok);
}

/* ---- IPv6 -------------------------------------------------------------------------------- */

#define PADN 1, 4, 0, 0, 0, 0 /* fills an option header up to 8 bytes */

static void ext_headers(void **state)
{
	static const uint8_t hop_dst[24] = { 60, 0, PADN, [8] = UDP, 1 };
	static const uint8_t first[8] = { UDP, 0, 0, 1, 1, 2, 3, 4 };
	static const uint8_t routing[8] = { TCP, 0, 2, 0 };
	static const uint8_t eight[64] = { 60, 0, PADN, 60, 0, PADN, 60, 0, PADN, 60,  0, PADN,
					   60, 0, PADN, 60, 0, PADN, 60, 0, PADN, UDP, 0, PADN };

	(void)state;
	translated(true,
		   &(struct layout){ .proto = UDP, .options = 24, .ext = hop_dst, .next = 0 });
	translated(true, &(struct layout){ .proto = UDP, .options = 8, .ext = first, .next = 44 });
	translated(true,
		   &(struct layout){ .proto = TCP, .options = 8, .ext = routing, .next = 43 });
	translated(true, &(struct layout){ .proto = UDP, .options = 64, .ext = eight, .next = 60 });
}

static void ext_headers_that_are_refused(void **state)
{
	static const uint8_t hop[8] = { UDP, 0, PADN }, frag[8] = { UDP }, seg[8] = { UDP, 0, 2 };
	static const uint8_t nine[72] = { 60, 0, PADN, 60, 0, PADN, 60,	 0, PADN,
					  60, 0, PADN, 60, 0, PADN, 60,	 0, PADN,
					  60, 0, PADN, 60, 0, PADN, UDP, 0, PADN };
	const struct layout h = { .proto = UDP, .options = 8, .ext = hop };
	const struct layout f = { .proto = UDP, .options = 8, .ext = frag, .next = 44 };
	const struct layout r = { .proto = UDP, .options = 8, .ext = seg, .next = 43 };

	(void)state;
	translated(true, &f);
	refused(true, &f, 48 + 3, 8); /* later fragments */
	refused(true, &f, 48 + 2, 1);
	translated(true, &r);
	refused(true, &r, 48 + 3, 1); /* a segment is left */
	refused(true, &r, 48 + 2, 0); /* RFC 5095 */
	refused(true, &h, 48, 51); /* no header that is followed */
	refused(true, &h, 48 + 1, 255); /* beyond the end */
	refused(true, &(struct layout){ .proto = UDP, .options = 72, .ext = nine, .next = 60 }, 0,
		2);
}

static void errors_over_ipv6_that_are_none(void **state)
{
	const struct layout udp = { .proto = UDP };
	static const struct flow mapped = { "2001:db8::2", "::ffff:192.168.1.3", 25013, 4010 };
	uint8_t msg[MAX];
	size_t n = put_error(msg, true, &mapped, &udp);

	(void)state;
	assert_false(translate(msg, n, mapped.src).ok);
	for (unsigned type = 0; type < 256; type++)
		if (type < 1 || type > 4)
			refused(true, &udp, 0, (uint8_t)type);
	refused(true, &udp, 8, 0x40);
	refused(true, &udp, 8 + 6, ICMPV6);
	refused(true, &udp, 8 + 6, ICMP);
	refused(true, &udp, 8 + 8, 0x30); /* from another than it is addressed to */
}

/* ---- whatever the length, whatever the bytes --------------------------------------------- */

static void cut_at(bool ipv6, const struct layout *l, size_t n)
{
	const size_t l4 = 8 + (ipv6 ? 40 : 20) + l->options;
	const size_t csum = l4 + (l->proto == TCP ? 16 : 6);
	const struct flow *f = ipv6 ? &inside6 : &inside4, *want = ipv6 ? &sent6 : &sent4;
	uint8_t msg[MAX], expected[MAX];
	struct result r;

	put_error(msg, ipv6, f, l);
	put_error(expected, ipv6, want, l);
	if (n == csum + 1)
		expected[csum] = msg[csum]; /* half a checksum is none */
	if (!ipv6 && n >= 8) {
		outer_checksum(msg, n);
		outer_checksum(expected, n);
	}
	r = translate(msg, n, f->src);
	assert_int_equal(r.ok, n >= l4 + 8);
	if (r.ok)
		assert_memory_equal(r.msg, expected, n);
}

static void cut_anywhere(void **state)
{
	static const uint8_t hop_dst[24] = { 60, 0, PADN, [8] = UDP, 1 };
	static const uint8_t hop_tcp[8] = { TCP, 0, PADN };
	static const struct {
		struct layout l;
		bool ipv6;
	} kinds[] = {
		{ { .proto = UDP }, false },
		{ { .proto = TCP }, false },
		{ { .proto = TCP, .options = 40 }, false },
		{ { .proto = UDP }, true },
		{ { .proto = TCP }, true },
		{ { .proto = UDP, .options = 24, .ext = hop_dst }, true },
		{ { .proto = TCP, .options = 8, .ext = hop_tcp }, true },
	};
	uint8_t msg[MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		const size_t all = put_error(msg, kinds[i].ipv6,
					     kinds[i].ipv6 ? &inside6 : &inside4, &kinds[i].l);

		for (size_t n = 0; n <= all; n++)
			cut_at(kinds[i].ipv6, &kinds[i].l, n);
	}
}

/* Damaged messages of all kinds, and any length of them; the page's end is what is watched. */
static void damaged(void **state)
{
	static const uint8_t ext[16] = { 44, 0, PADN, UDP, 0, 0, 1 };
	uint8_t msg[MAX];
	unsigned accepted = 0;

	(void)state;
	srandom(5508);
	for (unsigned i = 0; i < 200000; i++) {
		const bool ipv6 = random() & 1;
		const struct layout l = { .proto = random() & 1 ? UDP : TCP,
					  .options = random() & 1 ? 16 : 0,
					  .ext = ext };
		size_t n = put_error(msg, ipv6, ipv6 ? &inside6 : &inside4, &l);

		for (long bytes = random() % 4; bytes; bytes--)
			msg[(size_t)random() % n] = (uint8_t)random();
		n -= random() & 1 ? (size_t)random() % n : 0;
		if (!ipv6 && n >= 4)
			outer_checksum(msg, n);
		accepted += translate(msg, n, ipv6 ? inside6.src : inside4.src).ok;
	}
	assert_in_range(accepted, 20000, 180000);
}

/* ---- checksums --------------------------------------------------------------------------- */

static void checksums(void **state)
{
	/* RFC 1071 section 3; and the same with an odd byte */
	static const uint8_t rfc[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7, 0x12 };
	/* RFC 1624 section 4: 0xdd2f and a word that goes from 0x5555 to 0x3285 makes 0x0000 */
	static const uint8_t before[] = { 0x55, 0x55 }, after[] = { 0x32, 0x85 };
	uint8_t field[] = { 0xdd, 0x2f };

	(void)state;
	assert_int_equal(checksum_sum(rfc, 8), 0xddf2);
	assert_int_equal(checksum_sum(rfc, 9), 0xeff2);
	assert_int_equal(checksum_of(rfc, 8), htons(0x220d));
	assert_int_equal(checksum_sum(rfc, 0), 0);
	checksum_update(field, before, after, 2);
	assert_int_equal(field[0] << 8 | field[1], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksums),
		cmocka_unit_test(bytes_of_udp),
		cmocka_unit_test(udp_and_tcp),
		cmocka_unit_test(every_checksum),
		cmocka_unit_test(wrong_checksums_inside),
		cmocka_unit_test(wrong_checksum_outside),
		cmocka_unit_test(what_is_no_error_about_a_hairpinned_packet),
		cmocka_unit_test(short_header),
		cmocka_unit_test(own_error),
		cmocka_unit_test(first_fragment),
		cmocka_unit_test(never_twice),
		cmocka_unit_test(ext_headers),
		cmocka_unit_test(ext_headers_that_are_refused),
		cmocka_unit_test(errors_over_ipv6_that_are_none),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(damaged),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("hairpin_error", tests, make_page, NULL);
}
