// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ICMPv6 errors: extension headers of the error and of what it quotes, quotations cut short, types.
 * What they share with ICMP is run over IPv6 by test_icmp and test_hairpin.
 */
#include "tests/bpf/harness.h"

#define R(x) REASON_##x
#define MF   0x2000

/* LAN_A's 5001 is 20101 outside, in every protocol. */
static void bound(struct lab *lab)
{
	static const struct spec first[] = {
		UDP(LAN_A, 5001, REMOTE, 53),
		TCP(F_SYN, LAN_A, 5001, REMOTE, 80),
		PING(LAN_A, REMOTE, 5001),
	};

	for (unsigned proto = 0; proto < EINAT_PROTO_COUNT; proto++) {
		struct frame f = build(&first[proto]);

		lab_ports(lab, 0, proto, 1, 65535, false);
		lab_ports(lab, 0, proto, 20101, 20101, true);
		assert_int_equal(run_frame(lab, EINAT_OUT, &f, 0, 0).verdict, -1);
	}
}

/* A packet with the extension headers @list as the inside and the outside know it, both ways. */
#define QUOTED(name, list)                                                                         \
	__attribute__((unused)) static const struct spec                                           \
		name##_out = UDP(LAN_A, 5001, REMOTE, 53, .ext = list),                            \
		name##_out_x = UDP(EXT, 20101, REMOTE, 53, .ext = list),                           \
		name##_in = TCP(F_ACK, REMOTE, 80, LAN_A, 5001, .ext = list),                      \
		name##_in_x = TCP(F_ACK, REMOTE, 80, EXT, 20101, .ext = list),                     \
		name##_ping = PING(LAN_A, REMOTE, 5001, .ext = list),                              \
		name##_ping_x = PING(EXT, REMOTE, 20101, .ext = list),                             \
		name##_pong = PONG(REMOTE, LAN_A, 5001, .ext = list),                              \
		name##_pong_x = PONG(REMOTE, EXT, 20101, .ext = list)

QUOTED(none, "");
QUOTED(hop, "h");
QUOTED(all, "hDra");
QUOTED(odd, "adhr");
QUOTED(bad, "h0");

#define IN_ERR(q, ...)                                                                             \
	{                                                                                          \
		IN_, ICMP_ERR(3, 4, ROUTER, EXT, &q##_x, __VA_ARGS__), R(ICMP_ERROR),              \
			ICMP_ERR(3, 4, ROUTER, LAN_A, &q, __VA_ARGS__)                             \
	}
#define OUT_ERR(q, from, ...)                                                                      \
	{                                                                                          \
		OUT_, ICMP_ERR(3, 3, from, REMOTE, &q, __VA_ARGS__), R(ICMP_ERROR),                \
			ICMP_ERR(3, 3, EXT, REMOTE, &q##_x, __VA_ARGS__)                           \
	}
#define BOTH_WAYS(name, q, ...)                                                                    \
	{                                                                                          \
		name, bound,                                                                       \
		{                                                                                  \
			IN_ERR(q##_out, __VA_ARGS__), IN_ERR(q##_ping, __VA_ARGS__),               \
				OUT_ERR(q##_in, LAN_A, __VA_ARGS__),                               \
				OUT_ERR(q##_pong, LAN_A, __VA_ARGS__),                             \
				OUT_ERR(q##_in, INNER_ROUTER, __VA_ARGS__),                        \
				OUT_ERR(q##_in, EXT, __VA_ARGS__),                                 \
				IN_ERR(q##_out, .quote_l4 = 8, __VA_ARGS__),                       \
				OUT_ERR(q##_in, LAN_A, .quote_l4 = 8, __VA_ARGS__),                \
				OUT_ERR(q##_in, LAN_A, .quote_l4 = 16, __VA_ARGS__),               \
				OUT_ERR(q##_in, LAN_A, .quote_l4 = 18, __VA_ARGS__)                \
		}                                                                                  \
	}

static const struct spec frag_out = UDP(LAN_A, 5001, REMOTE, 53, .frag = MF, .id = 3);
static const struct spec frag_out_x = UDP(EXT, 20101, REMOTE, 53, .frag = MF, .id = 3);
static const struct spec later = UDP(EXT, 20101, REMOTE, 53, .frag = 9, .id = 3);
/* behind the fragment header something else than the upper layer */
static const struct spec later_in = UDP(REMOTE, 53, LAN_A, 5001, .frag = 9, .id = 3, .ext = "fd");
static const struct spec later_routed =
	UDP(REMOTE, 53, LAN_OUTSIDE, 5001, .frag = 9, .id = 3, .ext = "fd");
static const struct spec error_x = ICMP_ERR(3, 3, EXT, REMOTE, &none_in_x);
static const struct spec esp = { .proto = 50, .src = EXT, .dst = REMOTE, .len = 20 };

static const struct test_case cases[] = {
	BOTH_WAYS("nothing but the header", none),
	BOTH_WAYS("quoted: hop-by-hop", hop),
	BOTH_WAYS("quoted: every header", all),
	BOTH_WAYS("quoted: every header, odd order", odd),
	BOTH_WAYS("error with headers", none, .ext = "hd"),
	BOTH_WAYS("headers in both", odd, .ext = "hDra"),
	{ "a quoted first fragment", bound, { IN_ERR(frag_out) } },
	{ "errors, but no type that is translated",
	  bound,
	  { { IN_, ICMP_ERR(100, 0, ROUTER, EXT, &none_out_x), R(ICMP_OTHER) },
	    { IN_, ICMP_ERR(127, 0, ROUTER, EXT, &none_out_x), R(ICMP_OTHER) },
	    { OUT_, ICMP_ERR(100, 0, LAN_A, REMOTE, &none_in), R(GUARD) } } },
	{ "quotations that concern no binding pass, and do not leave from inside",
	  bound,
	  { { IN_, ICMP_ERR(3, 3, ROUTER, EXT, &later), R(ICMP_UNKNOWN) },
	    { IN_, ICMP_ERR(3, 3, ROUTER, EXT, &error_x), R(ICMP_UNKNOWN) },
	    { IN_, ICMP_ERR(3, 3, ROUTER, EXT, &esp), R(ICMP_UNKNOWN) },
	    { IN_, ICMP_ERR(3, 3, ROUTER, EXT, &bad_out_x), R(ICMP_UNKNOWN) },
	    { IN_, ICMP_ERR(3, 3, ROUTER, EXT, &none_pong_x), R(ICMP_UNKNOWN) },
	    { IN_, ICMP_ERR(3, 3, ROUTER, EXT, &none_out_x, .quote_l4 = 7), R(ICMP_UNKNOWN) },
	    { OUT_, ICMP_ERR(3, 3, LAN_A, REMOTE, &none_out), R(GUARD) },
	    { OUT_, ICMP_ERR(3, 3, LAN_OUTSIDE, REMOTE, &bad_in), R(ICMP_UNKNOWN) } } },
	{ "of this router, about a later fragment of whatever protocol",
	  bound,
	  { { OUT_, ICMP_ERR(3, 1, EXT, REMOTE, &later_in), R(GUARD) },
	    { OUT_, ICMP_ERR(3, 1, EXT, EXCLUDED, &later_in), R(EXTERNAL_SOURCE) },
	    { OUT_, ICMP_ERR(3, 1, EXT, REMOTE, &later_routed), R(EXTERNAL_SOURCE) },
	    { OUT_, ICMP_ERR(3, 1, EXT, REMOTE, &bad_in), R(EXTERNAL_SOURCE) } } },
	{ "no refresh by errors",
	  bound,
	  { { CLOCK, .arg = T_TCP_SYN },
	    OUT_ERR(none_in, LAN_A),
	    { CLOCK, .arg = T_TCP_SYN + 1 },
	    { IN_, TCP(F_ACK, REMOTE, 80, EXT, 20101), R(NO_BINDING) } } },
};

/* The quotation ends anywhere: translated with 8 bytes of layer 4 and more, else left alone. */
static void cut_anywhere(void **state)
{
	struct lab *lab = &the_lab6;
	size_t header;
	uint8_t buf[512];

	(void)state;
	lab_reset(lab);
	bound(lab);
	build_ip(&all_out, buf, &header);
	for (size_t n = 1; n < header + 40; n++) {
		struct spec err = ICMP_ERR(11, 0, ROUTER, EXT, &all_out_x, .quote_l4 = n - header);
		struct spec want = ICMP_ERR(11, 0, ROUTER, LAN_A, &all_out, .quote_l4 = n - header);
		struct frame f, w;

		if (n == header)
			continue; /* quote_l4 0 means all */
		f = build(&err);
		w = build(&want);
		assert_int_equal(f.n, 14 + 48 + n);
		if (n >= header + 8)
			expect_frame(lab, EINAT_IN, &f, R(ICMP_ERROR), &w, 0, 0, "long enough");
		else
			expect_frame(lab, EINAT_IN, &f, R(ICMP_UNKNOWN), NULL, 0, 0, "too short");
	}
}

/* The MTU of "packet too big" arrives, whatever is translated around it (RFC 4443 section 3.2). */
static void packet_too_big(void **state)
{
	struct lab *lab = &the_lab6;
	struct spec err = ICMP_ERR(3, 4, ROUTER, EXT, &none_out_x);
	struct spec want = ICMP_ERR(3, 4, ROUTER, LAN_A, &none_out);
	struct frame f, w;

	(void)state;
	lab_reset(lab);
	bound(lab);
	f = build(&err);
	w = build(&want);
	assert_int_equal(f.b[14 + 40], 2);
	for (int i = 0; i < 2; i++) {
		struct frame *p = i ? &w : &f;
		uint8_t *icmp = p->b + 14 + 40;

		put16(icmp + 2, 0);
		put16(icmp + 6, 1280);
		put_csum(icmp + 2, sum16(icmp, p->n - 54, sum16(p->b + 22, 32, 58 + p->n - 54)));
	}
	expect_frame(lab, EINAT_IN, &f, R(ICMP_ERROR), &w, 0, 0, "packet too big");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(packet_too_big),
	};

	return run_table6("icmp6", cases, COUNT_OF(cases), tests, COUNT_OF(tests));
}
