// SPDX-License-Identifier: GPL-2.0-or-later
/* UDP, TCP and ICMP in both directions: mapping, filtering, port choice, the slice, expiry. */
#include "tests/bpf/harness.h"

#define R(x) REASON_##x

/* A port of the class and parity of 20001 that the test knows: all others are taken away. */
static void only_few_ports(struct lab *lab)
{
	for (unsigned proto = 0; proto < EINAT_PROTO_COUNT; proto++) {
		lab_ports(lab, 0, proto, 1, 65535, false);
		lab_ports(lab, 0, proto, 700, 701, true);
		lab_ports(lab, 0, proto, 20000, 20003, true);
	}
}

static void one_port(struct lab *lab)
{
	only_few_ports(lab);
	for (unsigned proto = 0; proto < EINAT_PROTO_COUNT; proto++) {
		lab_ports(lab, 0, proto, 700, 701, false);
		lab_ports(lab, 0, proto, 20001, 20003, false);
	}
}

static void refuse(struct lab *lab)
{
	one_port(lab);
	lab->cfg.flags = CFG_F_WHEN_FULL_REFUSE;
	lab_apply(lab);
}

static void marks(struct lab *lab)
{
	lab->cfg.slices[0].mark = 0x10;
	lab->cfg.slices[0].mark_mask = 0xf0;
	lab->cfg.inbound_mark = 0x0500;
	lab->cfg.inbound_mask = 0x0f00;
	lab_apply(lab);
}

/* Slice 0: UDP of LAN_A only, ports 20000-20063. Slice 1: all of the LAN, 21000-21063. */
static void two_slices(struct lab *lab)
{
	lab->cfg.n_slices = 2;
	lab->cfg.slices[0].protos = 1 << EINAT_PROTO_UDP;
	for (unsigned proto = 0; proto < EINAT_PROTO_COUNT; proto++) {
		lab_ports(lab, 0, proto, 1, 65535, false);
		lab_ports(lab, 0, proto, 20000, 20000, true);
		lab_ports(lab, 1, proto, 21000, 21000, true);
	}
	lab_prefix(lab->sk->maps.src, IP4(192, 168, 1, 0), 24, 1 << 1);
	lab_prefix(lab->sk->maps.src, LAN_A, 32, 1 << 0 | 1 << 1);
	lab_apply(lab);
}

static void udp_only(struct lab *lab)
{
	lab->cfg.slices[0].protos = 1 << EINAT_PROTO_UDP;
	lab_apply(lab);
}

static void strict(struct lab *lab)
{
	lab->cfg.flags = CFG_F_GUARD_STRICT;
	lab_apply(lab);
}

static void no_address(struct lab *lab)
{
	lab->cfg.ext[0].gen = 0;
	lab_apply(lab);
}

static void every_source(struct lab *lab)
{
	struct einat_lpm_key key = { .prefixlen = 0 };
	uint32_t mask = 1;

	assert_int_equal(bpf_map_update_elem(bpf_map__fd(lab->sk->maps.src), &key, &mask, 0), 0);
}

static void no_plane(struct lab *lab)
{
	lab->cfg.ext[0].plane[EINAT_PROTO_TCP] = EINAT_NO_PLANE;
	lab_apply(lab);
}

/* One segment there and one back. */
#define BOTH_TCP(f)                                                                                \
	{ OUT_, TCP(f, LAN_A, 20100, REMOTE, 80), R(TRANSLATED), TCP(f, EXT, 20100, REMOTE, 80) }, \
	{                                                                                          \
		IN_, TCP(f, REMOTE, 80, EXT, 20100), R(TRANSLATED),                                \
			TCP(f, REMOTE, 80, LAN_A, 20100)                                           \
	}

static const struct test_case cases[] = {
	{ "udp out and in, port kept",
	  NULL,
	  { { OUT_, UDP(LAN_A, 20100, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20100, REMOTE, 53) },
	    { IN_, UDP(REMOTE, 53, EXT, 20100), R(TRANSLATED), UDP(REMOTE, 53, LAN_A, 20100) },
	    { BINDINGS, .arg = 1 } } },
	{ "tcp out and in, port kept",
	  NULL,
	  { { OUT_, TCP(F_SYN, LAN_A, 20100, REMOTE, 80), R(TRANSLATED),
	      TCP(F_SYN, EXT, 20100, REMOTE, 80) },
	    { IN_, TCP(F_SYN | F_ACK, REMOTE, 80, EXT, 20100), R(TRANSLATED),
	      TCP(F_SYN | F_ACK, REMOTE, 80, LAN_A, 20100) } } },
	{ "ping out and in, identifier kept",
	  NULL,
	  { { OUT_, PING(LAN_A, REMOTE, 20100), R(TRANSLATED), PING(EXT, REMOTE, 20100) },
	    { IN_, PONG(REMOTE, EXT, 20100), R(TRANSLATED), PONG(REMOTE, LAN_A, 20100) } } },
	{ "ping: one identifier for all hosts, answers from all",
	  NULL,
	  { { OUT_, PING(LAN_A, REMOTE, 20100), R(TRANSLATED), PING(EXT, REMOTE, 20100) },
	    { OUT_, PING(LAN_A, REMOTE2, 20100), R(TRANSLATED), PING(EXT, REMOTE2, 20100) },
	    { IN_, PONG(ROUTER, EXT, 20100), R(TRANSLATED), PONG(ROUTER, LAN_A, 20100) },
	    { BINDINGS, .arg = 1 } } },
	{ "icmp timestamp query",
	  NULL,
	  { { OUT_, QUERY(13, LAN_A, REMOTE, 20100), R(TRANSLATED), QUERY(13, EXT, REMOTE, 20100) },
	    { IN_, REPLY(14, REMOTE, EXT, 20100), R(TRANSLATED),
	      REPLY(14, REMOTE, LAN_A, 20100) } },
	  .ip4_only = true },
	{ "icmp address mask query",
	  NULL,
	  { { OUT_, QUERY(17, LAN_A, REMOTE, 20100), R(TRANSLATED), QUERY(17, EXT, REMOTE, 20100) },
	    { IN_, REPLY(18, REMOTE, EXT, 20100), R(TRANSLATED),
	      REPLY(18, REMOTE, LAN_A, 20100) } },
	  .ip4_only = true },
	{ "icmp information queries are not translated, and the slice's own do not leave",
	  NULL,
	  { { OUT_, PING(LAN_A, REMOTE, 20100), R(TRANSLATED), PING(EXT, REMOTE, 20100) },
	    { OUT_, QUERY(15, LAN_A, REMOTE, 20100), R(GUARD) },
	    { OUT_, QUERY(15, LAN_OUTSIDE, REMOTE, 20100), R(ICMP_OTHER) },
	    { IN_, REPLY(16, REMOTE, EXT, 20100), R(ICMP_OTHER) } },
	  .ip4_only = true },
	{ "ping of the outside to us passes unchanged, even on a bound identifier",
	  NULL,
	  { { OUT_, PING(LAN_A, REMOTE, 20100), R(TRANSLATED), PING(EXT, REMOTE, 20100) },
	    { IN_, PING(REMOTE, EXT, 20100), R(ICMP_OTHER) } } },
	{ "echo reply from inside does not leave",
	  NULL,
	  { { OUT_, PONG(LAN_A, REMOTE, 20100), R(GUARD) },
	    { OUT_, PONG(LAN_OUTSIDE, REMOTE, 20100), R(ICMP_OTHER) } } },
	{ "endpoint-independent mapping and filtering",
	  NULL,
	  { { OUT_, UDP(LAN_A, 20100, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20100, REMOTE, 53) },
	    { OUT_, UDP(LAN_A, 20100, REMOTE2, 99), R(TRANSLATED), UDP(EXT, 20100, REMOTE2, 99) },
	    { IN_, UDP(ROUTER, 1, EXT, 20100), R(TRANSLATED), UDP(ROUTER, 1, LAN_A, 20100) },
	    { BINDINGS, .arg = 1 } } },
	{ "each protocol has its own ports",
	  NULL,
	  { { OUT_, UDP(LAN_A, 20100, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20100, REMOTE, 53) },
	    { OUT_, TCP(F_SYN, LAN_B, 20100, REMOTE, 53), R(TRANSLATED),
	      TCP(F_SYN, EXT, 20100, REMOTE, 53) },
	    { OUT_, PING(LAN_B, REMOTE, 20100), R(TRANSLATED), PING(EXT, REMOTE, 20100) },
	    { BINDINGS, .arg = 3 } } },
	{ "one endpoint, two protocols: mapped apart, and filtered apart",
	  only_few_ports,
	  { { OUT_, TCP(F_SYN, LAN_B, 20001, REMOTE, 80), R(TRANSLATED),
	      TCP(F_SYN, EXT, 20001, REMOTE, 80) },
	    { OUT_, UDP(LAN_A, 20001, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20001, REMOTE, 53) },
	    { IN_, TCP(F_SYN, REMOTE, 53, EXT, 20003), R(NO_BINDING) },
	    { OUT_, TCP(F_SYN, LAN_A, 20001, REMOTE, 53), R(TRANSLATED),
	      TCP(F_SYN, EXT, 20003, REMOTE, 53) },
	    { IN_, TCP(F_SYN, REMOTE2, 9, EXT, 20003), R(TRANSLATED),
	      TCP(F_SYN, REMOTE2, 9, LAN_A, 20001) },
	    { IN_, UDP(REMOTE, 53, EXT, 20003), R(NO_BINDING) },
	    { IN_, PONG(REMOTE, EXT, 20001), R(NO_BINDING) },
	    { BINDINGS, .arg = 3 } } },
	{ "tcp flags of all kinds: urgent, push, ECN, none, all",
	  NULL,
	  { BOTH_TCP(F_SYN | 0xc0),
	    BOTH_TCP(F_ACK | 0x28),
	    BOTH_TCP(0),
	    BOTH_TCP(0x29),
	    BOTH_TCP(0xff),
	    BOTH_TCP(F_SYN | F_FIN),
	    BOTH_TCP(F_SYN | F_RST),
	    BOTH_TCP(0x20),
	    { BINDINGS, .arg = 1 } } },
	{ "no binding: passed on unchanged",
	  NULL,
	  { { IN_, UDP(REMOTE, 53, EXT, 20100), R(NO_BINDING) },
	    { IN_, TCP(F_SYN, REMOTE, 53, EXT, 20100), R(NO_BINDING) },
	    { IN_, PONG(REMOTE, EXT, 20100), R(NO_BINDING) },
	    { IN_, UDP(REMOTE, 53, EXT, 80), R(NO_BINDING) } } },
	{ "other destinations and protocols pass",
	  NULL,
	  { { IN_, UDP(REMOTE, 53, EXT2, 20100), R(OTHER_DEST) },
	    { IN_, { .proto = 47, .src = REMOTE, .dst = EXT, .len = 20 }, R(OTHER_PROTO) },
	    { OUT_, { .proto = 47, .src = LAN_A, .dst = REMOTE, .len = 20 }, R(OTHER_PROTO) } } },
	{ "own and masqueraded traffic is not touched",
	  NULL,
	  { { OUT_, UDP(EXT, 20100, REMOTE, 53), R(EXTERNAL_SOURCE) },
	    { OUT_, PING(EXT, REMOTE, 20100), R(EXTERNAL_SOURCE) },
	    { OUT_, PONG(EXT, REMOTE, 20100), R(EXTERNAL_SOURCE) },
	    { BINDINGS, .arg = 0 } } },
	{ "dhcp of this host leaves, even if the slice covers every source",
	  every_source,
	  { { OUT_, UDP(0, 68, IP4(255, 255, 255, 255), 67), R(EXTERNAL_SOURCE) },
	    { OUT_, UDP(LAN_OUTSIDE, 20100, REMOTE, 53), R(TRANSLATED),
	      UDP(EXT, 20100, REMOTE, 53) } },
	  .ip4_only = true },
	{ "excluded destination, source outside the slice",
	  NULL,
	  { { OUT_, UDP(LAN_A, 20100, EXCLUDED, 53), R(NOT_IN_SLICE) },
	    { OUT_, UDP(LAN_OUTSIDE, 20100, REMOTE, 53), R(NOT_IN_SLICE) },
	    { OUT_, UDP(PUBLIC_OWN, 20100, REMOTE, 53), R(NOT_IN_SLICE) },
	    { BINDINGS, .arg = 0 } } },
	{ "a live binding serves an excluded destination",
	  NULL,
	  { { OUT_, UDP(LAN_A, 20100, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20100, REMOTE, 53) },
	    { OUT_, UDP(LAN_A, 20100, EXCLUDED, 53), R(TRANSLATED),
	      UDP(EXT, 20100, EXCLUDED, 53) } } },
	{ "protocol outside the slice",
	  udp_only,
	  { { OUT_, TCP(F_SYN, LAN_A, 20100, REMOTE, 80), R(NOT_IN_SLICE) },
	    { OUT_, PING(LAN_A, REMOTE, 20100), R(NOT_IN_SLICE) },
	    { OUT_, UDP(LAN_A, 20100, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20100, REMOTE, 53) } } },
	{ "strict guard: private sources are dropped, public ones are not",
	  strict,
	  { { OUT_, UDP(LAN_OUTSIDE, 20100, REMOTE, 53), R(GUARD) },
	    { OUT_, UDP(IP4(100, 127, 0, 1), 1, REMOTE, 53), R(GUARD) },
	    { OUT_, UDP(IP4(100, 128, 0, 1), 1, REMOTE, 53), R(NOT_IN_SLICE) },
	    { OUT_, UDP(IP4(172, 31, 0, 1), 1, REMOTE, 53), R(GUARD) },
	    { OUT_, UDP(IP4(172, 32, 0, 1), 1, REMOTE, 53), R(NOT_IN_SLICE) },
	    { OUT_, UDP(PUBLIC_OWN, 20100, REMOTE, 53), R(NOT_IN_SLICE) },
	    { OUT_, { .proto = 47, .src = LAN_A, .dst = REMOTE, .len = 20 }, R(GUARD) },
	    { OUT_, UDP(EXT, 20100, REMOTE, 53), R(EXTERNAL_SOURCE) } } },
	{ "mark chooses the slice, and is set inwards",
	  marks,
	  { { OUT_, UDP(LAN_A, 20100, REMOTE, 53), R(NOT_IN_SLICE) },
	    { OUT_, UDP(LAN_A, 20100, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20100, REMOTE, 53),
	      .mark = 0x7012 },
	    { OUT_, UDP(LAN_A, 20100, REMOTE2, 53), R(TRANSLATED), UDP(EXT, 20100, REMOTE2, 53) },
	    { IN_, UDP(REMOTE, 53, EXT, 20100), R(TRANSLATED), UDP(REMOTE, 53, LAN_A, 20100),
	      .mark = 0xfa21, .mark_out = 0xf521 },
	    { IN_, UDP(REMOTE, 53, EXT, 20101), R(NO_BINDING), .mark = 0xfa21 } } },
	{ "several slices: the lowest that takes the flow",
	  two_slices,
	  { { OUT_, UDP(LAN_A, 5, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20000, REMOTE, 53) },
	    { OUT_, UDP(LAN_B, 5, REMOTE, 53), R(TRANSLATED), UDP(EXT, 21000, REMOTE, 53) },
	    { OUT_, TCP(F_SYN, LAN_A, 5, REMOTE, 53), R(TRANSLATED),
	      TCP(F_SYN, EXT, 21000, REMOTE, 53) } } },
	{ "port taken: same parity, then other parity, then other class, then full",
	  only_few_ports,
	  { { OUT_, UDP(LAN_A, 20001, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20001, REMOTE, 53) },
	    { OUT_, UDP(LAN_B, 20001, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20003, REMOTE, 53) },
	    { OUT_, UDP(LAN_A, 700, REMOTE, 53), R(TRANSLATED), UDP(EXT, 700, REMOTE, 53) },
	    { OUT_, UDP(LAN_B, 700, REMOTE, 53), R(TRANSLATED), UDP(EXT, 701, REMOTE, 53) },
	    { OUT_, UDP(LAN_B, 20000, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20000, REMOTE, 53) },
	    { OUT_, UDP(LAN_A, 1, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20002, REMOTE, 53) },
	    { OUT_, UDP(LAN_A, 2, REMOTE, 53), R(FULL) } } },
	{ "two hosts on one port: both mappings and filters stay endpoint-independent",
	  only_few_ports,
	  { { OUT_, UDP(LAN_A, 20001, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20001, REMOTE, 53) },
	    { OUT_, UDP(LAN_B, 20001, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20003, REMOTE, 53) },
	    { OUT_, UDP(LAN_A, 20001, REMOTE2, 9), R(TRANSLATED), UDP(EXT, 20001, REMOTE2, 9) },
	    { OUT_, UDP(LAN_B, 20001, REMOTE2, 9), R(TRANSLATED), UDP(EXT, 20003, REMOTE2, 9) },
	    { IN_, UDP(ROUTER, 1, EXT, 20001), R(TRANSLATED), UDP(ROUTER, 1, LAN_A, 20001) },
	    { IN_, UDP(ROUTER, 1, EXT, 20003), R(TRANSLATED), UDP(ROUTER, 1, LAN_B, 20001) },
	    { CLOCK, .arg = T_UDP + 1 },
	    { OUT_, UDP(LAN_B, 20001, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20003, REMOTE, 53) },
	    { OUT_, UDP(LAN_A, 20001, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20001, REMOTE, 53) } } },
	{ "full slice: dropped, counted; live bindings serve on",
	  one_port,
	  { { OUT_, UDP(LAN_A, 5, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20000, REMOTE, 53) },
	    { OUT_, UDP(LAN_B, 5, REMOTE, 53), R(FULL) },
	    { OUT_, UDP(LAN_B, 20000, REMOTE, 53), R(FULL) },
	    { OUT_, UDP(LAN_A, 5, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20000, REMOTE, 53) },
	    { BINDINGS, .arg = 1 } } },
	{ "full slice: an expired binding gives way",
	  one_port,
	  { { OUT_, UDP(LAN_A, 5, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20000, REMOTE, 53) },
	    { CLOCK, .arg = T_UDP + 1 },
	    { OUT_, UDP(LAN_B, 5, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20000, REMOTE, 53) },
	    { IN_, UDP(REMOTE, 53, EXT, 20000), R(TRANSLATED), UDP(REMOTE, 53, LAN_B, 5) },
	    { OUT_, UDP(LAN_A, 5, REMOTE, 53), R(FULL) },
	    { BINDINGS, .arg = 1 } } },
	{ "full slice, own port of an expired binding",
	  one_port,
	  { { OUT_, UDP(LAN_A, 20000, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20000, REMOTE, 53) },
	    { CLOCK, .arg = T_UDP + 1 },
	    { OUT_, UDP(LAN_B, 20000, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20000, REMOTE, 53) },
	    { BINDINGS, .arg = 1 } } },
	{ "expiry: absent to the outside after the time-out, not before",
	  NULL,
	  { { OUT_, UDP(LAN_A, 20100, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20100, REMOTE, 53) },
	    { CLOCK, .arg = T_UDP },
	    { IN_, UDP(REMOTE, 53, EXT, 20100), R(TRANSLATED), UDP(REMOTE, 53, LAN_A, 20100) },
	    { CLOCK, .arg = T_UDP + 1 },
	    { IN_, UDP(REMOTE, 53, EXT, 20100), R(NO_BINDING) } } },
	{ "icmp has its own time-out",
	  NULL,
	  { { OUT_, PING(LAN_A, REMOTE, 20100), R(TRANSLATED), PING(EXT, REMOTE, 20100) },
	    { CLOCK, .arg = T_ICMP },
	    { IN_, PONG(REMOTE, EXT, 20100), R(TRANSLATED), PONG(REMOTE, LAN_A, 20100) },
	    { CLOCK, .arg = T_ICMP + 1 },
	    { IN_, PONG(REMOTE, EXT, 20100), R(NO_BINDING) } } },
	{ "outbound packets keep a binding alive, inbound ones do not",
	  NULL,
	  { { OUT_, UDP(LAN_A, 20100, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20100, REMOTE, 53) },
	    { CLOCK, .arg = 200 },
	    { OUT_, UDP(LAN_A, 20100, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20100, REMOTE, 53) },
	    { CLOCK, .arg = 200 + T_UDP },
	    { IN_, UDP(REMOTE, 53, EXT, 20100), R(TRANSLATED), UDP(REMOTE, 53, LAN_A, 20100) },
	    { CLOCK, .arg = 200 + T_UDP + 1 },
	    { IN_, UDP(REMOTE, 53, EXT, 20100), R(NO_BINDING) } } },
	{ "an expired binding is revived with its port",
	  NULL,
	  { { OUT_, UDP(LAN_B, 20100, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20100, REMOTE, 53) },
	    { CLOCK, .arg = T_UDP + 1 },
	    { OUT_, UDP(LAN_B, 20100, REMOTE2, 53), R(TRANSLATED), UDP(EXT, 20100, REMOTE2, 53) },
	    { IN_, UDP(REMOTE, 53, EXT, 20100), R(TRANSLATED), UDP(REMOTE, 53, LAN_B, 20100) },
	    { BINDINGS, .arg = 1 } } },
	{ "a port taken away: live binding served, not revived, not given",
	  one_port,
	  { { OUT_, UDP(LAN_A, 20000, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20000, REMOTE, 53) },
	    { AVAIL, .arg = 20000, .arg2 = 0 },
	    { OUT_, UDP(LAN_A, 20000, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20000, REMOTE, 53) },
	    { IN_, UDP(REMOTE, 53, EXT, 20000), R(TRANSLATED), UDP(REMOTE, 53, LAN_A, 20000) },
	    { CLOCK, .arg = T_UDP + 1 },
	    { OUT_, UDP(LAN_A, 20000, REMOTE, 53), R(FULL) },
	    { BINDINGS, .arg = 0 },
	    { AVAIL, .arg = 20002, .arg2 = 1 },
	    { OUT_, UDP(LAN_A, 20000, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20002, REMOTE, 53) } } },
	{ "when full, refuse: a drop with a reason of its own, until there is a port",
	  refuse,
	  { { OUT_, UDP(LAN_A, 20000, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20000, REMOTE, 53) },
	    { OUT_, UDP(LAN_B, 20000, REMOTE, 53), R(REFUSED) },
	    { OUT_, UDP(LAN_A, 20000, REMOTE2, 53), R(TRANSLATED), UDP(EXT, 20000, REMOTE2, 53) },
	    { CLOCK, .arg = T_UDP + 1 },
	    { OUT_, UDP(LAN_B, 20000, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20000, REMOTE, 53) } } },
	{ "new generation of the address: bindings are absent, then made anew",
	  NULL,
	  { { OUT_, UDP(LAN_A, 20100, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20100, REMOTE, 53) },
	    { GEN, .arg = 2 },
	    { IN_, UDP(REMOTE, 53, EXT, 20100), R(NO_BINDING) },
	    { OUT_, UDP(LAN_A, 20100, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20100, REMOTE, 53) },
	    { IN_, UDP(REMOTE, 53, EXT, 20100), R(TRANSLATED), UDP(REMOTE, 53, LAN_A, 20100) },
	    { BINDINGS, .arg = 1 } } },
	{ "no external address: the slice's own are dropped",
	  no_address,
	  { { OUT_, UDP(LAN_A, 20100, REMOTE, 53), R(NO_ADDRESS) },
	    { OUT_, UDP(LAN_OUTSIDE, 20100, REMOTE, 53), R(NOT_IN_SLICE) },
	    { IN_, UDP(REMOTE, 53, EXT, 20100), R(OTHER_DEST) } } },
	{ "no plane for the protocol",
	  no_plane,
	  { { OUT_, TCP(F_SYN, LAN_A, 20100, REMOTE, 53), R(NO_ADDRESS) },
	    { IN_, TCP(F_SYN, REMOTE, 53, EXT, 20100), R(NO_BINDING) } } },
	{ "absent udp checksum stays absent",
	  NULL,
	  { { OUT_, UDP(LAN_A, 20100, REMOTE, 53, .no_csum = true), R(TRANSLATED),
	      UDP(EXT, 20100, REMOTE, 53, .no_csum = true) },
	    { IN_, UDP(REMOTE, 53, EXT, 20100, .no_csum = true), R(TRANSLATED),
	      UDP(REMOTE, 53, LAN_A, 20100, .no_csum = true) } } },
	{ "ip options",
	  NULL,
	  { { OUT_, UDP(LAN_A, 20100, REMOTE, 53, .options = 40), R(TRANSLATED),
	      UDP(EXT, 20100, REMOTE, 53, .options = 40) },
	    { OUT_, TCP(F_SYN, LAN_A, 20100, REMOTE, 53, .options = 4), R(TRANSLATED),
	      TCP(F_SYN, EXT, 20100, REMOTE, 53, .options = 4) },
	    { IN_, PONG(REMOTE, EXT, 20100, .options = 12), R(NO_BINDING) },
	    { IN_, UDP(REMOTE, 53, EXT, 20100, .options = 12), R(TRANSLATED),
	      UDP(REMOTE, 53, LAN_A, 20100, .options = 12) } } },
};

int main(void)
{
	return run_table("nat", cases, COUNT_OF(cases), NULL, 0);
}
