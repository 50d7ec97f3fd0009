// SPDX-License-Identifier: GPL-2.0-or-later
/* Packets for an external address at egress: turned around to ingress. Fragments. Malformed. */
#include "tests/bpf/harness.h"

#define R(x) REASON_##x
#define MF   0x2000

static const struct spec hair_in = UDP(EXT, 20200, LAN_A, 20100); /* to A, from B's binding */
static const struct spec hair_in_wan = UDP(EXT, 20200, EXT, 20100);
static const struct spec hair_out = UDP(LAN_B, 20200, EXT, 20100); /* as B sent it */

static const struct spec own_in = UDP(REMOTE, 53, EXT, 40000); /* to this host, as it came */
static const struct spec own_hair = UDP(EXT, 20100, EXT, 40000); /* the same, from A */
static const struct spec own_hair_wan = UDP(EXT, 20100, EXT, 20000);

/* A has a binding on 20100 that B knows: UDP and TCP. */
static void peer(struct lab *lab)
{
	struct spec s = UDP(LAN_A, 20100, REMOTE, 53);
	struct frame f = build(&s);

	assert_int_equal(run_frame(lab, EINAT_OUT, &f, 0, 0).verdict, -1);
	s = (struct spec)TCP(F_SYN, LAN_A, 20100, REMOTE, 53);
	f = build(&s);
	assert_int_equal(run_frame(lab, EINAT_OUT, &f, 0, 0).verdict, -1);
}

/* As peer(), and one port is left for a source whose own port is not of the slice. */
static void peer_few(struct lab *lab)
{
	lab_ports(lab, 0, EINAT_PROTO_UDP, 1, 65535, false);
	lab_ports(lab, 0, EINAT_PROTO_UDP, 20000, 20000, true);
	lab_ports(lab, 0, EINAT_PROTO_UDP, 20100, 20100, true);
	lab_ports(lab, 0, EINAT_PROTO_UDP, 20300, 20300, true);
	peer(lab);
}

static const struct test_case cases[] = {
	{ "hairpin: source translated, turned around, translated again",
	  peer,
	  { { OUT_, UDP(LAN_B, 20200, EXT, 20100), R(HAIRPIN), UDP(EXT, 20200, EXT, 20100) },
	    { IN_, UDP(EXT, 20200, EXT, 20100), R(TRANSLATED), UDP(EXT, 20200, LAN_A, 20100) },
	    { OUT_, UDP(LAN_A, 20100, EXT, 20200), R(HAIRPIN), UDP(EXT, 20100, EXT, 20200) },
	    { IN_, UDP(EXT, 20100, EXT, 20200), R(TRANSLATED), UDP(EXT, 20100, LAN_B, 20200) } } },
	{ "hairpin: tcp",
	  peer,
	  { { OUT_, TCP(F_SYN, LAN_B, 20200, EXT, 20100), R(HAIRPIN),
	      TCP(F_SYN, EXT, 20200, EXT, 20100) },
	    { IN_, TCP(F_SYN, EXT, 20200, EXT, 20100), R(TRANSLATED),
	      TCP(F_SYN, EXT, 20200, LAN_A, 20100) } } },
	{ "hairpin to itself",
	  peer,
	  { { OUT_, UDP(LAN_A, 20100, EXT, 20100), R(HAIRPIN), UDP(EXT, 20100, EXT, 20100) } } },
	{ "no binding at the destination: handed back unchanged, nothing is made",
	  peer,
	  { { OUT_, UDP(LAN_B, 20200, EXT, 20101), R(HAIRPIN_LOCAL) },
	    { OUT_, PING(LAN_B, EXT, 20100), R(HAIRPIN_LOCAL) },
	    { BINDINGS, .arg = 2 } } },
	{ "a query to ourselves is ours, whoever has bound its identifier",
	  NULL,
	  { { OUT_, PING(LAN_A, REMOTE, 20100), R(TRANSLATED), PING(EXT, REMOTE, 20100) },
	    { OUT_, PING(LAN_B, EXT, 20100), R(HAIRPIN_LOCAL) },
	    { IN_, PING(LAN_B, EXT, 20100), R(ICMP_OTHER) },
	    { BINDINGS, .arg = 1 },
	    { IN_, PONG(REMOTE, EXT, 20100), R(TRANSLATED), PONG(REMOTE, LAN_A, 20100) } } },
	{ "hairpin from this host: its own endpoint gets a binding",
	  peer_few,
	  { { OUT_, UDP(EXT, 20300, EXT, 20100), R(HAIRPIN), UDP(EXT, 20300, EXT, 20100) },
	    { OUT_, UDP(EXT, 40000, EXT, 20100), R(HAIRPIN), UDP(EXT, 20000, EXT, 20100) },
	    { OUT_, UDP(LAN_A, 20100, EXT, 20000), R(HAIRPIN), UDP(EXT, 20100, EXT, 20000) },
	    { IN_, UDP(EXT, 20100, EXT, 20000), R(TRANSLATED), UDP(EXT, 20100, EXT, 40000) },
	    { OUT_, UDP(EXT, 40000, EXT, 20101), R(HAIRPIN_LOCAL) } } },
	{ "icmp error of this host: its own endpoint has a binding for hairpin alone",
	  peer_few,
	  { { OUT_, UDP(EXT, 20300, EXT, 20100), R(HAIRPIN), UDP(EXT, 20300, EXT, 20100) },
	    { OUT_, UDP(EXT, 40000, EXT, 20100), R(HAIRPIN), UDP(EXT, 20000, EXT, 20100) },
	    { OUT_, ICMP_ERR(3, 3, EXT, REMOTE, &own_in), R(EXTERNAL_SOURCE) },
	    { OUT_, ICMP_ERR(3, 3, EXT, EXT, &own_hair), R(HAIRPIN),
	      ICMP_ERR(3, 3, EXT, EXT, &own_hair_wan) } } },
	{ "icmp error about a hairpinned packet",
	  peer,
	  { { OUT_, UDP(LAN_B, 20200, EXT, 20100), R(HAIRPIN), UDP(EXT, 20200, EXT, 20100) },
	    { OUT_, ICMP_ERR(3, 3, LAN_A, EXT, &hair_in), R(HAIRPIN),
	      ICMP_ERR(3, 3, EXT, EXT, &hair_in_wan) },
	    { IN_, ICMP_ERR(3, 3, EXT, EXT, &hair_in_wan), R(ICMP_ERROR),
	      ICMP_ERR(3, 3, EXT, LAN_B, &hair_out) } } },
	{ "icmp error of this router about a hairpinned packet",
	  peer,
	  { { OUT_, UDP(LAN_B, 20200, EXT, 20100), R(HAIRPIN), UDP(EXT, 20200, EXT, 20100) },
	    { OUT_, ICMP_ERR(3, 1, EXT, EXT, &hair_in, .quote_l4 = 8), R(HAIRPIN),
	      ICMP_ERR(3, 1, EXT, EXT, &hair_in_wan, .quote_l4 = 8) },
	    { IN_, ICMP_ERR(3, 1, EXT, EXT, &hair_in_wan, .quote_l4 = 8), R(ICMP_ERROR),
	      ICMP_ERR(3, 1, EXT, LAN_B, &hair_out, .quote_l4 = 8) } } },
	{ "a hairpin that comes round again is stopped",
	  peer,
	  { { OUT_, UDP(LAN_B, 20200, EXT, 20100), R(TTL), .iif = 1 },
	    { OUT_, UDP(LAN_B, 20200, REMOTE, 20100), R(TRANSLATED), UDP(EXT, 20200, REMOTE, 20100),
	      .iif = 1 } } },
	{ "fragments out and in",
	  NULL,
	  { { OUT_, UDP(LAN_A, 20100, REMOTE, 53, .frag = MF, .id = 7), R(TRANSLATED),
	      UDP(EXT, 20100, REMOTE, 53, .frag = MF, .id = 7) },
	    { OUT_, UDP(LAN_A, 0, REMOTE, 0, .frag = MF | 5, .id = 7), R(FRAGMENT),
	      UDP(EXT, 0, REMOTE, 0, .frag = MF | 5, .id = 7) },
	    { OUT_, UDP(LAN_A, 0, REMOTE, 0, .frag = 9, .id = 7), R(FRAGMENT),
	      UDP(EXT, 0, REMOTE, 0, .frag = 9, .id = 7) },
	    { IN_, UDP(REMOTE, 53, EXT, 20100, .frag = MF, .id = 7), R(TRANSLATED),
	      UDP(REMOTE, 53, LAN_A, 20100, .frag = MF, .id = 7) },
	    { IN_, UDP(REMOTE, 0, EXT, 0, .frag = 9, .id = 7), R(FRAGMENT),
	      UDP(REMOTE, 0, LAN_A, 0, .frag = 9, .id = 7) },
	    { FRAGS, .arg = 2 } } },
	{ "fragments of tcp and of a ping",
	  NULL,
	  { { OUT_, TCP(F_ACK, LAN_A, 20100, REMOTE, 53, .frag = MF, .id = 7), R(TRANSLATED),
	      TCP(F_ACK, EXT, 20100, REMOTE, 53, .frag = MF, .id = 7) },
	    { OUT_, TCP(0, LAN_A, 0, REMOTE, 0, .frag = 9, .id = 7, .len = 8), R(FRAGMENT),
	      TCP(0, EXT, 0, REMOTE, 0, .frag = 9, .id = 7, .len = 8) },
	    { OUT_, PING(LAN_A, REMOTE, 20100, .frag = MF, .id = 7), R(TRANSLATED),
	      PING(EXT, REMOTE, 20100, .frag = MF, .id = 7) },
	    { OUT_, PING(LAN_A, REMOTE, 0, .frag = 9, .id = 7), R(FRAGMENT),
	      PING(EXT, REMOTE, 0, .frag = 9, .id = 7) } } },
	{ "later fragment, first one not seen",
	  NULL,
	  { { OUT_, UDP(LAN_A, 0, REMOTE, 0, .frag = 9, .id = 7), R(FRAG_GUARD) },
	    { OUT_, UDP(LAN_A, 0, EXCLUDED, 0, .frag = 9, .id = 7), R(FRAG_UNKNOWN) },
	    { OUT_, UDP(LAN_OUTSIDE, 0, REMOTE, 0, .frag = 9, .id = 7), R(FRAG_UNKNOWN) },
	    { OUT_, UDP(EXT, 0, REMOTE, 0, .frag = 9, .id = 7), R(EXTERNAL_SOURCE) },
	    { IN_, UDP(REMOTE, 0, EXT, 0, .frag = 9, .id = 7), R(FRAG_UNKNOWN) } } },
	{ "a note is for one datagram and some seconds only",
	  NULL,
	  { { OUT_, UDP(LAN_A, 20100, REMOTE, 53, .frag = MF, .id = 7), R(TRANSLATED),
	      UDP(EXT, 20100, REMOTE, 53, .frag = MF, .id = 7) },
	    { OUT_, UDP(LAN_A, 0, REMOTE, 0, .frag = 9, .id = 8), R(FRAG_GUARD) },
	    { IN_, UDP(LAN_A, 0, REMOTE, 0, .frag = 9, .id = 7), R(OTHER_DEST) },
	    { CLOCK, .arg = T_FRAG + 1 },
	    { OUT_, UDP(LAN_A, 0, REMOTE, 0, .frag = 9, .id = 7), R(FRAG_GUARD) } } },
	{ "a first fragment without a binding ends the note of an earlier datagram of its number",
	  NULL,
	  { { OUT_, UDP(LAN_A, 20100, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20100, REMOTE, 53) },
	    { IN_, UDP(REMOTE, 53, EXT, 20100, .frag = MF, .id = 7), R(TRANSLATED),
	      UDP(REMOTE, 53, LAN_A, 20100, .frag = MF, .id = 7) },
	    { IN_, UDP(REMOTE, 53, EXT, 40000, .frag = MF, .id = 7), R(NO_BINDING) },
	    { IN_, UDP(REMOTE, 0, EXT, 0, .frag = 9, .id = 7), R(FRAG_UNKNOWN) } } },
	{ "the slot of a note is used anew: the note is void",
	  NULL,
	  { { OUT_, UDP(LAN_A, 20100, REMOTE, 53, .frag = MF, .id = 7), R(TRANSLATED),
	      UDP(EXT, 20100, REMOTE, 53, .frag = MF, .id = 7) },
	    { GEN, .arg = 2 },
	    { OUT_, UDP(LAN_A, 20100, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20100, REMOTE, 53) },
	    { OUT_, UDP(LAN_A, 0, REMOTE, 0, .frag = 9, .id = 7), R(FRAG_GUARD) } } },
	{ "hairpin fragments",
	  peer,
	  { { OUT_, UDP(LAN_B, 20200, EXT, 20100, .frag = MF, .id = 7), R(HAIRPIN),
	      UDP(EXT, 20200, EXT, 20100, .frag = MF, .id = 7) },
	    { OUT_, UDP(LAN_B, 0, EXT, 0, .frag = 9, .id = 7), R(HAIRPIN),
	      UDP(EXT, 0, EXT, 0, .frag = 9, .id = 7) },
	    { OUT_, UDP(LAN_B, 20200, EXT, 99, .frag = MF, .id = 8), R(HAIRPIN_LOCAL) },
	    { OUT_, UDP(LAN_B, 0, EXT, 0, .frag = 9, .id = 8), R(HAIRPIN_LOCAL) } } },
};

/* A good UDP packet of @src with one byte changed, or cut to @cut bytes after Ethernet. */
struct broken {
	const char *name;
	uint32_t src;
	int at; /* offset in the IP packet, -1: none */
	uint8_t value;
	size_t cut; /* 0: whole */
	int reason; /* at egress */
};

static const struct broken broken[] = {
	{ "sound", LAN_A, -1, 0, 0, R(TRANSLATED) },
	{ "IP version 5", LAN_A, 0, 0x55, 0, R(MALFORMED_DROP) },
	{ "IP header of 16 bytes", LAN_A, 0, 0x44, 0, R(MALFORMED_DROP) },
	{ "IP header longer than the packet", LAN_A, 0, 0x4f, 24, R(MALFORMED_DROP) },
	{ "longer than the frame", LAN_A, 2, 0x40, 0, R(MALFORMED_DROP) },
	{ "UDP header cut", LAN_A, 3, 27, 0, R(MALFORMED_DROP) },
	{ "TCP header cut", LAN_A, 9, IPPROTO_TCP, 36, R(MALFORMED_DROP) },
	{ "TCP header length below 20", LAN_A, 9, IPPROTO_TCP, 0, R(MALFORMED_DROP) },
	{ "not of the slice", LAN_OUTSIDE, 0, 0x44, 0, R(MALFORMED) },
	{ "own", EXT, 0, 0x44, 0, R(MALFORMED) },
};

static void malformed(void **state)
{
	struct lab *lab = &the_lab;

	(void)state;
	lab_reset(lab);
	for (size_t i = 0; i < COUNT_OF(broken); i++) {
		const struct broken *b = &broken[i];
		struct spec s = UDP(b->src, 20100, REMOTE, 53), x = UDP(EXT, 20100, REMOTE, 53);
		struct frame f = build(&s), want = build(b->reason == R(TRANSLATED) ? &x : &s);

		if (b->at >= 0)
			f.b[14 + b->at] = want.b[14 + b->at] = b->value;
		if (b->cut) {
			f.n = want.n = 14 + b->cut;
			put16(f.b + 16, b->cut);
			put16(want.b + 16, b->cut);
		}
		expect_frame(lab, EINAT_OUT, &f, b->reason, &want, 0, 0, b->name);
		if (b->reason == R(TRANSLATED))
			continue;
		put_addr(f.b + 14 + 12, REMOTE);
		put_addr(f.b + 14 + 16, EXT);
		expect_frame(lab, EINAT_IN, &f, R(MALFORMED), NULL, 0, 0, b->name);
	}
}

/* A first fragment that is passed on as malformed: its later ones are not those of an earlier one.
 */
static void malformed_first_fragment(void **state)
{
	const struct spec out = TCP(F_SYN, LAN_A, 20100, REMOTE, 53);
	const struct spec first = TCP(F_ACK, REMOTE, 53, EXT, 20100, .frag = MF, .id = 7);
	const struct spec in = TCP(F_ACK, REMOTE, 53, LAN_A, 20100, .frag = MF, .id = 7);
	const struct spec later = TCP(0, REMOTE, 0, EXT, 0, .frag = 9, .id = 7, .len = 8);
	struct lab *lab = &the_lab;
	struct frame f = build(&out), want = build(&in);

	(void)state;
	lab_reset(lab);
	run_frame(lab, EINAT_OUT, &f, 0, 0);
	f = build(&first);
	expect_frame(lab, EINAT_IN, &f, R(TRANSLATED), &want, 0, 0, "a first fragment");
	f.b[14 + 20 + 12] = 4 << 4; /* a header of 16 bytes */
	expect_frame(lab, EINAT_IN, &f, R(MALFORMED), NULL, 0, 0, "a malformed one");
	f = build(&later);
	expect_frame(lab, EINAT_IN, &f, R(FRAG_UNKNOWN), NULL, 0, 0, "a later one");
}

/* Bytes behind the datagram belong to no checksum and stay. */
static void padding(void **state)
{
	struct lab *lab = &the_lab;
	struct spec s = UDP(LAN_A, 20100, REMOTE, 53), x = UDP(EXT, 20100, REMOTE, 53);
	struct spec q = TCP(F_SYN, EXT, 20100, REMOTE, 80), e = ICMP_ERR(3, 3, ROUTER, EXT, &q);
	struct frame f, want;

	(void)state;
	lab_reset(lab);
	f = build(&s);
	want = build(&x);
	memset(f.b + f.n, 0xa5, 18);
	memset(want.b + want.n, 0xa5, 18);
	f.n += 18;
	want.n += 18;
	expect_frame(lab, EINAT_OUT, &f, R(TRANSLATED), &want, 0, 0, "padded");
	/* a quotation that ends before the checksum, which padding would seem to hold */
	s = (struct spec)TCP(F_SYN, LAN_A, 20100, REMOTE, 80);
	f = build(&s);
	run_frame(lab, EINAT_OUT, &f, 0, 0);
	e.quote_l4 = 8;
	f = build(&e);
	q.src = LAN_A;
	e.dst = LAN_A;
	want = build(&e);
	memset(f.b + f.n, 0xa5, 18);
	memset(want.b + want.n, 0xa5, 18);
	f.n += 18;
	want.n += 18;
	expect_frame(lab, EINAT_IN, &f, R(ICMP_ERROR), &want, 0, 0, "padded quotation");
}

static void not_ip(void **state)
{
	static const struct {
		uint16_t type;
		int reason;
	} types[] = { { 0x0806, R(NOT_IP) }, { 0x86dd, R(IPV6) }, { 0x8864, R(NOT_IP) } };
	struct lab *lab = &the_lab;
	struct spec s = UDP(LAN_A, 20100, REMOTE, 53);

	(void)state;
	lab_reset(lab);
	for (size_t i = 0; i < 3; i++) {
		struct frame f = build(&s);

		put16(f.b + 12, types[i].type);
		expect_frame(lab, EINAT_OUT, &f, types[i].reason, NULL, 0, 0, "egress");
		expect_frame(lab, EINAT_IN, &f, types[i].reason, NULL, 0, 0, "ingress");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(malformed),
		cmocka_unit_test(malformed_first_fragment),
		cmocka_unit_test(padding),
		cmocka_unit_test(not_ip),
	};

	return run_table("hairpin, fragments, malformed", cases, COUNT_OF(cases), tests,
			 COUNT_OF(tests));
}
