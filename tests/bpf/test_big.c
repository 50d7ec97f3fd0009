// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * BIG TCP: super-packets longer than their IP header can say. Its length field is zero, and IPv6
 * may have a jumbo payload option besides (Linux 5.19). Only the kernel makes such packets, so a
 * length of zero without GSO is malformed, and dropped if it comes from an internal host. The lab
 * sends real ones: tests/e2e/test_offload.sh.
 */
#include "tests/bpf/harness.h"

#define PAYLOAD 1400
#define OUT_TCP TCP(F_ACK, LAN_A, 5001, REMOTE, 443, .len = PAYLOAD)
#define OUT_X	TCP(F_ACK, EXT, 20101, REMOTE, 443, .len = PAYLOAD)
#define IN_TCP	TCP(F_ACK, REMOTE, 443, EXT, 20101, .len = PAYLOAD)
#define IN_X	TCP(F_ACK, REMOTE, 443, LAN_A, 5001, .len = PAYLOAD)

static struct frame big(struct spec s, bool jumbo)
{
	static const uint8_t option[6] = { 0xc2, 4, 0, 2, 0, 0 }; /* 128 KiB, RFC 2675 */
	struct frame f;

	if (jumbo)
		s.ext = "h";
	f = build(&s);
	if (as_ip6) {
		put16(f.b + 14 + 4, 0);
		if (jumbo)
			memcpy(f.b + 14 + 40 + 2, option, sizeof(option));
		return f;
	}
	put16(f.b + 14 + 2, 0);
	put16(f.b + 14 + 10, 0);
	put_csum(f.b + 14 + 10, sum16(f.b + 14, 20, 0));
	return f;
}

static void both_ways(struct lab *lab, bool jumbo)
{
	const struct __sk_buff gso = { .gso_size = PAYLOAD / 4, .gso_segs = 4 };
	const struct {
		enum einat_dir dir;
		struct spec in, out;
		int bare; /* the reason without GSO */
	} runs[] = { { EINAT_OUT, OUT_TCP, OUT_X, REASON_MALFORMED_DROP },
		     { EINAT_IN, IN_TCP, IN_X, REASON_MALFORMED } };
	struct spec syn = TCP(F_SYN, LAN_A, 5001, REMOTE, 443);
	struct frame first = build(&syn);

	lab_reset(lab);
	lab_one_port(lab);
	run_frame(lab, EINAT_OUT, &first, 0, 0);
	for (size_t i = 0; i < COUNT_OF(runs); i++) {
		struct frame f = big(runs[i].in, jumbo), want = big(runs[i].out, jumbo);
		struct run r;

		stats_read(lab, lab->before);
		r = run_frame_as(lab, runs[i].dir, &f, gso);
		check_reason(lab, runs[i].dir, REASON_TRANSLATED, f.n, "with GSO");
		assert_int_equal(r.verdict, reason_verdict(REASON_TRANSLATED));
		frame_diff(&r.out, &want, "with GSO");
		expect_frame(lab, runs[i].dir, &f, runs[i].bare, NULL, 0, 0, "without GSO");
	}
}

static void ipv4(void **state)
{
	(void)state;
	both_ways(&the_lab, false);
}

static void ipv6(void **state)
{
	(void)state;
	both_ways(&the_lab6, false);
}

static void ipv6_jumbo(void **state)
{
	(void)state;
	both_ways(&the_lab6, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv4),
		cmocka_unit_test_setup_teardown(ipv6, begin_ip6, end_ip6),
		cmocka_unit_test_setup_teardown(ipv6_jumbo, begin_ip6, end_ip6),
	};

	return run_table("big", NULL, 0, tests, COUNT_OF(tests));
}
