// SPDX-License-Identifier: GPL-2.0-or-later
/* Ports that rest after their binding (RFC 6888 REQ-8), and limits for each host (REQ-4). */
#include "tests/bpf/lab_sweep.h"

#define R(x) REASON_##x
#define HOLD T_REST
#define OUT(a, b)                                                                                  \
	{                                                                                          \
		OUT_, a, R(TRANSLATED), b                                                          \
	}
#define NO(a)                                                                                      \
	{                                                                                          \
		OUT_, a, R(HOST_LIMIT)                                                             \
	}
#define AT(s)                                                                                      \
	{                                                                                          \
		CLOCK, .arg = s                                                                    \
	}

/* Two ports of one class and parity. */
static void two_ports(struct lab *lab)
{
	for (unsigned proto = 0; proto < EINAT_PROTO_COUNT; proto++) {
		lab_ports(lab, 0, proto, 1, 65535, false);
		lab_ports(lab, 0, proto, 20000, 20000, true);
		lab_ports(lab, 0, proto, 20002, 20002, true);
	}
}

static void limit_two(struct lab *lab)
{
	lab->cfg.max_per_host[EINAT_PROTO_UDP] = 2;
	lab->cfg.max_per_host[EINAT_PROTO_ICMP] = 1;
	lab_apply(lab);
}

static void ten_minutes(struct lab *lab)
{
	two_ports(lab);
	lab->cfg.t_rest = 600;
	lab_apply(lab);
}

static const struct test_case cases[] = {
	{ "the port of an expired binding rests: another host gets another port",
	  two_ports,
	  { OUT(UDP(LAN_A, 20000, REMOTE, 53), UDP(EXT, 20000, REMOTE, 53)),
	    AT(T_UDP + HOLD),
	    OUT(UDP(LAN_B, 20000, REMOTE, 53), UDP(EXT, 20002, REMOTE, 53)),
	    { BINDINGS, .arg = 2 } } },
	{ "another endpoint of the same host gets another port, too",
	  two_ports,
	  { OUT(TCP(F_SYN, LAN_A, 20000, REMOTE, 53), TCP(F_SYN, EXT, 20000, REMOTE, 53)),
	    AT(T_TCP_SYN + 1),
	    OUT(TCP(F_SYN, LAN_A, 20002, REMOTE, 53), TCP(F_SYN, EXT, 20002, REMOTE, 53)),
	    AT(T_TCP_SYN + HOLD),
	    OUT(TCP(F_SYN, LAN_A, 20000, REMOTE, 53), TCP(F_SYN, EXT, 20000, REMOTE, 53)) } },
	{ "its own endpoint gets it back while it rests",
	  two_ports,
	  { OUT(PING(LAN_A, REMOTE, 20000), PING(EXT, REMOTE, 20000)),
	    AT(T_ICMP + HOLD),
	    { IN_, PONG(REMOTE, EXT, 20000), R(NO_BINDING) },
	    OUT(PING(LAN_A, REMOTE2, 20000), PING(EXT, REMOTE2, 20000)),
	    { BINDINGS, .arg = 1 } } },
	{ "after two minutes the port is anyone's",
	  two_ports,
	  { OUT(UDP(LAN_A, 20000, REMOTE, 53), UDP(EXT, 20000, REMOTE, 53)),
	    AT(T_UDP + HOLD + 1),
	    OUT(UDP(LAN_B, 20000, REMOTE, 53), UDP(EXT, 20000, REMOTE, 53)),
	    { BINDINGS, .arg = 1 } } },
	{ "ten minutes instead of two, if asked for",
	  ten_minutes,
	  { OUT(UDP(LAN_A, 20000, REMOTE, 53), UDP(EXT, 20000, REMOTE, 53)),
	    AT(T_UDP + 600),
	    OUT(UDP(LAN_B, 20000, REMOTE, 53), UDP(EXT, 20002, REMOTE, 53)),
	    { BINDINGS, .arg = 2 },
	    AT(T_UDP + 601),
	    OUT(UDP(LAN_B, 20004, REMOTE, 53), UDP(EXT, 20000, REMOTE, 53)),
	    { BINDINGS, .arg = 2 } } },
	{ "a port that rests is better than none",
	  two_ports,
	  { OUT(UDP(LAN_A, 20000, REMOTE, 53), UDP(EXT, 20000, REMOTE, 53)),
	    OUT(UDP(LAN_A, 20002, REMOTE, 53), UDP(EXT, 20002, REMOTE, 53)),
	    AT(T_UDP),
	    OUT(UDP(LAN_A, 20002, REMOTE, 53), UDP(EXT, 20002, REMOTE, 53)),
	    AT(T_UDP + 1),
	    OUT(UDP(LAN_B, 20002, REMOTE, 53), UDP(EXT, 20000, REMOTE, 53)),
	    { OUT_, UDP(LAN_B, 20000, REMOTE, 53), R(FULL) },
	    OUT(UDP(LAN_A, 20002, REMOTE, 53), UDP(EXT, 20002, REMOTE, 53)) } },
	{ "limit: of one protocol, for one host",
	  limit_two,
	  { OUT(UDP(LAN_A, 20000, REMOTE, 53), UDP(EXT, 20000, REMOTE, 53)),
	    OUT(UDP(LAN_A, 20001, REMOTE, 53), UDP(EXT, 20001, REMOTE, 53)),
	    NO(UDP(LAN_A, 20002, REMOTE, 53)),
	    OUT(UDP(LAN_A, 20001, REMOTE2, 53), UDP(EXT, 20001, REMOTE2, 53)),
	    OUT(UDP(LAN_B, 20002, REMOTE, 53), UDP(EXT, 20002, REMOTE, 53)),
	    OUT(TCP(F_SYN, LAN_A, 20002, REMOTE, 53), TCP(F_SYN, EXT, 20002, REMOTE, 53)),
	    OUT(PING(LAN_A, REMOTE, 20002), PING(EXT, REMOTE, 20002)),
	    NO(PING(LAN_A, REMOTE, 20003)),
	    { BINDINGS, .arg = 5 } } },
	{ "limit: a port counts until it has rested, its endpoint has it all the while",
	  limit_two,
	  { OUT(PING(LAN_A, REMOTE, 20000), PING(EXT, REMOTE, 20000)), AT(T_ICMP + HOLD),
	    NO(PING(LAN_A, REMOTE, 20001)),
	    OUT(PING(LAN_A, REMOTE, 20000), PING(EXT, REMOTE, 20000)) } },
};

static unsigned sweep_udp(const struct lab *lab)
{
	return lab_sweep(lab, (struct einat_sweep){ .first = 20000, .count = SWEEP_MAX }).freed;
}

static uint32_t lab_slot_of(const struct lab *lab, uint32_t addr, uint16_t port)
{
	struct einat_endpoint ep = { .addr = addr6(addr), .port = htons(port) };
	uint32_t slot;

	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(lab->sk->maps.by_internal), &ep, &slot),
			 0);
	return slot;
}

static bool held(const struct lab *lab, uint32_t slot)
{
	return lab->held[slot / 64] >> slot % 64 & 1;
}

static uint16_t sent(struct lab *lab, uint32_t src, uint16_t port)
{
	struct spec s = UDP(src, port, REMOTE, 53);
	struct frame f = build(&s);
	struct run r = run_frame(lab, EINAT_OUT, &f, 0, 0);

	return r.verdict == -1 ? r.out.b[34] << 8 | r.out.b[35] : 0;
}

#define FIRST 20480 /* three blocks of the search */
#define N     3072

/* A full slice with one port that rests, anywhere: the sweep has noted it, so it is found. */
static void one_rests_among_thousands(void **state)
{
	struct lab *lab = &the_lab;

	(void)state;
	lab_reset(lab);
	lab_ports(lab, 0, EINAT_PROTO_UDP, 1, 65535, false);
	lab_ports(lab, 0, EINAT_PROTO_UDP, FIRST, FIRST + N - 1, true);
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(sent(lab, LAN_A, FIRST + i), FIRST + i);
	for (unsigned round = 0; round < 12; round++) {
		uint32_t t = lab->ctl->now_override;
		unsigned rests = FIRST + 997 * round % N;

		lab->ctl->now_override = t + T_UDP;
		for (uint32_t n = FIRST; n < FIRST + N; n++)
			lab->slots[n].last_out = t + T_UDP;
		lab->slots[rests].last_out = t;
		lab->ctl->now_override = t + T_UDP + 1;
		assert_int_equal(sweep_udp(lab), 0);
		for (unsigned i = 0; i < N; i++)
			assert_int_equal(held(lab, FIRST + i), FIRST + i == rests);
		assert_int_equal(sent(lab, LAN_B, 1000 + round), rests);
		assert_false(held(lab, rests));
		assert_int_equal(sent(lab, LAN_B, 2000 + round), 0);
	}
	check_consistent(lab);
}

/* The mark of a port that rests goes when its endpoint is back, or when the time-out is longer. */
static void revived_rests_no_more(void **state)
{
	struct lab *lab = &the_lab;

	(void)state;
	lab_reset(lab);
	two_ports(lab);
	sent(lab, LAN_A, 20000);
	sent(lab, LAN_A, 20002);
	lab->ctl->now_override = T0 + T_UDP + 1;
	assert_int_equal(sweep_udp(lab), 0);
	assert_true(held(lab, 20000) && held(lab, 20002));
	assert_int_equal(sent(lab, LAN_A, 20000), 20000);
	assert_false(held(lab, 20000));
	lab->cfg.t_udp = 10 * T_UDP;
	lab_apply(lab);
	assert_int_equal(sent(lab, LAN_B, 20000), 0);
	assert_int_equal(sweep_udp(lab), 0);
	assert_false(held(lab, 20002));
}

/* Counted from the end of a closed session too, which may come long after the last packet out. */
static void closed_then_rests(uint32_t rest)
{
	struct spec syn = TCP(F_SYN, LAN_A, 20000, REMOTE, 80),
		    syn_x = TCP(F_SYN, EXT, 20000, REMOTE, 80);
	struct spec ack = TCP(F_SYN | F_ACK, REMOTE, 80, EXT, 20000);
	struct spec ack_x = TCP(F_SYN | F_ACK, REMOTE, 80, LAN_A, 20000);
	struct spec rst = TCP(F_RST, REMOTE, 80, EXT, 20000),
		    rst_x = TCP(F_RST, REMOTE, 80, LAN_A, 20000);
	uint32_t slot = slot_no(0, EINAT_PROTO_TCP, 20000);
	const struct einat_sweep one = { .first = slot, .count = 1 };
	struct lab *lab = &the_lab;

	lab_reset(lab);
	lab->cfg.t_rest = rest;
	lab_apply(lab);
	expect(lab, EINAT_OUT, &syn, R(TRANSLATED), &syn_x, "syn");
	expect(lab, EINAT_IN, &ack, R(TRANSLATED), &ack_x, "answer");
	lab->ctl->now_override = T0 + 3000;
	expect(lab, EINAT_IN, &rst, R(TRANSLATED), &rst_x, "reset");
	/* alive, though it would not have been two minutes ago had it ended then */
	for (uint32_t t = 1; t <= T_TCP_CLOSE; t += 7) {
		lab->ctl->now_override = T0 + 3000 + t;
		assert_int_equal(lab_sweep(lab, one).freed, 0);
		assert_false(held(lab, slot));
	}
	for (uint32_t t = 1; t <= rest; t += 7) {
		lab->ctl->now_override = T0 + 3000 + T_TCP_CLOSE + t;
		assert_int_equal(lab_sweep(lab, one).freed, 0);
		assert_true(held(lab, slot));
	}
	lab->ctl->now_override = T0 + 3000 + T_TCP_CLOSE + rest;
	assert_int_equal(lab_sweep(lab, one).freed, 0);
	lab->ctl->now_override++;
	assert_int_equal(lab_sweep(lab, one).freed, 1);
	check_consistent(lab);
}

/* A rest that is longer than the closing time reaches back to before the end. */
static void closed_session(void **state)
{
	(void)state;
	closed_then_rests(T_REST);
	closed_then_rests(T_TCP_CLOSE + 1);
	closed_then_rests(EINAT_REST_MAX);
}

static void rested_counts_no_more(void **state)
{
	struct lab *lab = &the_lab;

	(void)state;
	lab_reset(lab);
	limit_two(lab);
	assert_true(sent(lab, LAN_A, 20000) && sent(lab, LAN_A, 20001) && !sent(lab, LAN_A, 20002));
	lab->ctl->now_override = T0 + T_UDP + HOLD + 1;
	assert_int_equal(sweep_udp(lab), 2);
	assert_true(sent(lab, LAN_A, 20002) && sent(lab, LAN_A, 20003) && !sent(lab, LAN_A, 20004));
	lab->cfg.max_per_host[EINAT_PROTO_UDP] = 0;
	lab_apply(lab);
	assert_true(sent(lab, LAN_A, 20004) && sent(lab, LAN_A, 20005));
	check_consistent(lab);
}

/* What the operator or an earlier einat gives a host counts, or not, but is never refused. */
static void added_bindings(void **state)
{
	struct lab *lab = &the_lab;
	struct einat_sweep w = { .op = SWEEP_ADD,
				 .count = 1,
				 .ep = { .addr = addr6(LAN_A), .proto = EINAT_PROTO_UDP } };

	(void)state;
	lab_reset(lab);
	limit_two(lab);
	for (unsigned i = 0; i < 8; i++) {
		w.first = 20000 + i;
		w.ep.port = htons(9000 + i);
		w.flags = i < 4 ? SLOT_F_STATIC : 0;
		assert_int_equal(lab_sweep(lab, w).error, 0);
		check_consistent(lab);
		assert_int_equal(!sent(lab, LAN_A, 100), i >= 5);
		if (i < 5) /* one of its own, for the question */
			lab_sweep(lab, (struct einat_sweep){ .op = SWEEP_FORCE,
							     .first = lab_slot_of(lab, LAN_A, 100),
							     .count = 1 });
	}
	w = lab_sweep(lab, (struct einat_sweep){ .op = SWEEP_FORCE, .first = 20000, .count = 8 });
	assert_int_equal(w.freed, 8);
	check_consistent(lab);
	assert_int_not_equal(sent(lab, LAN_A, 100), 0);
}

/* As host_bucket() of bpf/host.h. */
static unsigned bucket_of(uint32_t addr)
{
	struct einat_addr a = addr6(addr);
	uint64_t d[2], hash;

	memcpy(d, &a, sizeof(d));
	hash = (d[0] ^ (d[1] << 7 | d[1] >> 57)) * 0x9e3779b97f4a7c15ull;
	return hash >> 53;
}

/* More hosts than a bucket holds: those that find no room have no limit; the others keep theirs. */
static void crowded_bucket(void **state)
{
	struct lab *lab = &the_lab;
	uint32_t hosts[10], addr = IP4(10, 0, 0, 1);

	(void)state;
	lab_reset(lab);
	limit_two(lab);
	lab_prefix(lab->sk->maps.src, IP4(10, 0, 0, 0), 8, 1);
	for (unsigned i = 0; i < 10; addr++)
		if (bucket_of(addr) == bucket_of(IP4(10, 0, 0, 1)))
			hosts[i++] = addr;
	for (unsigned n = 0; n < 3; n++)
		for (unsigned i = 0; i < 10; i++)
			assert_int_equal(!sent(lab, hosts[i], 100 + n), n == 2 && i < 8);
	assert_int_equal(host_ports_sum(lab), 16);
	lab->ctl->now_override = T0 + T_UDP + HOLD + 1;
	for (unsigned at = 20000; at < 30000; at += SWEEP_MAX)
		lab_sweep(lab, (struct einat_sweep){ .first = at, .count = SWEEP_MAX });
	check_consistent(lab);
	assert_int_equal(host_ports_sum(lab), 0);
}

/* Few hosts of many networks, each with the same last byte: they are spread over the buckets. */
static void hosts_of_many_networks(void **state)
{
	struct lab *lab = &the_lab;
	unsigned unlimited = 0;

	(void)state;
	lab_reset(lab);
	limit_two(lab);
	lab_prefix(lab->sk->maps.src, IP4(10, 0, 0, 0), 8, 1);
	for (unsigned n = 0; n < 3; n++)
		for (unsigned net = 0; net < 20; net++)
			if (!!sent(lab, IP4(10, 0, net, 5), 100 + n) != (n < 2))
				unlimited++;
	print_message("# %u of 20 hosts have no limit\n", unlimited);
	assert_int_equal(unlimited, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_rests_among_thousands),
		cmocka_unit_test(revived_rests_no_more),
		cmocka_unit_test(closed_session),
		cmocka_unit_test(added_bindings),
		cmocka_unit_test(rested_counts_no_more),
		cmocka_unit_test(crowded_bucket),
		cmocka_unit_test(hosts_of_many_networks),
	};

	return run_table("hold", cases, COUNT_OF(cases), tests, COUNT_OF(tests));
}
