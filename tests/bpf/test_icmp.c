// SPDX-License-Identifier: GPL-2.0-or-later
/* ICMP errors both ways, with the packet that they quote (RFC 5508 section 4). */
#include "tests/bpf/harness.h"

#define R(x) REASON_##x
#define MF   0x2000

/* What went out, as the inside and as the outside knows it; then the same inwards. */
#define PAIR(name, ctor, in_args, out_args)                                                        \
	static const struct spec name##_lan = ctor in_args, name##_wan = ctor out_args

PAIR(udp_out, UDP, (LAN_A, 5001, REMOTE, 53), (EXT, 20101, REMOTE, 53));
PAIR(udp_in, UDP, (REMOTE, 53, LAN_A, 5001), (REMOTE, 53, EXT, 20101));
PAIR(udp_nocsum, UDP, (LAN_A, 5001, REMOTE, 53, .no_csum = true),
     (EXT, 20101, REMOTE, 53, .no_csum = true));
PAIR(tcp_out, TCP, (F_SYN, LAN_A, 5001, REMOTE, 80), (F_SYN, EXT, 20101, REMOTE, 80));
PAIR(tcp_in, TCP, (F_ACK, REMOTE, 80, LAN_A, 5001, .len = 100),
     (F_ACK, REMOTE, 80, EXT, 20101, .len = 100));
PAIR(tcp_est_out, TCP, (F_ACK, LAN_A, 5001, REMOTE, 53), (F_ACK, EXT, 20101, REMOTE, 53));
PAIR(tcp_est_in, TCP, (F_ACK, REMOTE, 53, LAN_A, 5001), (F_ACK, REMOTE, 53, EXT, 20101));
PAIR(tcp_opt, TCP, (F_SYN, LAN_A, 5001, REMOTE, 80, .options = 8),
     (F_SYN, EXT, 20101, REMOTE, 80, .options = 8));
PAIR(ping, PING, (LAN_A, REMOTE, 5001), (EXT, REMOTE, 20101));
PAIR(pong, PONG, (REMOTE, LAN_A, 5001), (REMOTE, EXT, 20101));
static const struct spec udp_later = UDP(EXT, 20101, REMOTE, 53, .frag = 10);
/* this host's answer to somebody's echo request, of the identifier that a binding has */
static const struct spec own_pong = PONG(EXT, REMOTE, 20101);
static const struct spec gre = { .proto = 47, .src = EXT, .dst = REMOTE, .len = 20 };
static const struct spec unbound = UDP(EXT, 25555, REMOTE, 53);
static const struct spec unbound_in = UDP(REMOTE, 53, LAN_A, 5555);
static const struct spec masqueraded_in = UDP(REMOTE, 53, EXT, 40000);
static const struct spec udp_later_in = UDP(REMOTE, 53, LAN_A, 5001, .frag = 9);
static const struct spec tcp_later_in = TCP(0, REMOTE, 53, LAN_A, 5001, .frag = 9);
static const struct spec own_later_in = UDP(REMOTE, 53, EXT, 20101, .frag = 9);
static const struct spec routed_later_in = UDP(REMOTE, 53, LAN_OUTSIDE, 53, .frag = 9);
static const struct spec routed_in = UDP(REMOTE, 53, LAN_OUTSIDE, 5001);

/* The internal port is not the external one, so that ports change too. */
static void bound(struct lab *lab)
{
	static const struct {
		uint8_t proto, bpf;
	} protos[] = {
		{ IPPROTO_UDP, EINAT_PROTO_UDP },
		{ IPPROTO_TCP, EINAT_PROTO_TCP },
		{ IPPROTO_ICMP, EINAT_PROTO_ICMP },
	};
	struct spec s = {
		.flags = F_SYN, .type = 8, .src = LAN_A, .dst = REMOTE, .sport = 5001, .dport = 53
	};

	lab->cfg.inbound_mark = lab->cfg.inbound_mask = 0x40;
	lab_apply(lab);
	for (size_t i = 0; i < 3; i++) {
		struct frame f;

		lab_ports(lab, 0, protos[i].bpf, 1, 65535, false);
		lab_ports(lab, 0, protos[i].bpf, 20101, 20101, true);
		s.proto = protos[i].proto;
		s.sport = 5001;
		s.dport = s.proto == IPPROTO_ICMP ? 0 : 53;
		f = build(&s);
		assert_int_equal(run_frame(lab, EINAT_OUT, &f, 0, 0).verdict, -1);
	}
}

static void without_icmp(struct lab *lab)
{
	lab->cfg.slices[0].protos = 1 << EINAT_PROTO_UDP;
	lab_apply(lab);
}

/* UDP alone, of what is marked; the external address is among the sources, as by default. */
static void udp_marked(struct lab *lab)
{
	bound(lab);
	lab->cfg.slices[0].protos = 1 << EINAT_PROTO_UDP;
	lab->cfg.slices[0].mark = lab->cfg.slices[0].mark_mask = 0x10;
	lab_prefix(lab->sk->maps.src, EXT, 32, 1);
	lab_apply(lab);
}

#define INWARDS(t, c, q, ...)                                                                      \
	{                                                                                          \
		IN_, ICMP_ERR(t, c, ROUTER, EXT, &q##_wan, __VA_ARGS__), R(ICMP_ERROR),            \
			ICMP_ERR(t, c, ROUTER, LAN_A, &q##_lan, __VA_ARGS__), .mark_out = 0x40     \
	}
#define OUTWARDS(t, c, from, q, ...)                                                               \
	{                                                                                          \
		OUT_, ICMP_ERR(t, c, from, REMOTE, &q##_lan, __VA_ARGS__), R(ICMP_ERROR),          \
			ICMP_ERR(t, c, EXT, REMOTE, &q##_wan, __VA_ARGS__)                         \
	}

/* The later fragment of one. */
#define ERR_REST(s, d)                                                                             \
	{                                                                                          \
		.proto = IPPROTO_ICMP, .src = s, .dst = d, .frag = 9, .id = 7, .len = 40           \
	}

static const struct test_case cases[] = {
	{ "inwards: udp, whole quotation", bound, { INWARDS(3, 3, udp_out) } },
	{ "inwards: udp, 8 bytes quoted", bound, { INWARDS(3, 3, udp_out, .quote_l4 = 8) } },
	{ "inwards: udp without checksum", bound, { INWARDS(3, 3, udp_nocsum) } },
	{ "inwards: tcp, whole", bound, { INWARDS(3, 4, tcp_out) } },
	{ "inwards: tcp, checksum not quoted", bound, { INWARDS(11, 0, tcp_out, .quote_l4 = 8) } },
	{ "inwards: tcp, quoted up to the checksum",
	  bound,
	  { INWARDS(11, 0, tcp_out, .quote_l4 = 16) } },
	{ "inwards: tcp, checksum just quoted",
	  bound,
	  { INWARDS(11, 0, tcp_out, .quote_l4 = 18) } },
	{ "inwards: quoted packet with ip options",
	  bound,
	  { INWARDS(3, 4, tcp_opt), INWARDS(3, 4, tcp_opt, .quote_l4 = 8),
	    INWARDS(12, 0, tcp_opt, .options = 4) } },
	{ "inwards: query", bound, { INWARDS(3, 1, ping), INWARDS(11, 0, ping, .quote_l4 = 8) } },
	{ "source quench is not translated, and the slice's own does not leave",
	  bound,
	  { { IN_, ICMP_ERR(4, 0, ROUTER, EXT, &udp_out_wan), R(ICMP_OTHER) },
	    { OUT_, ICMP_ERR(4, 0, LAN_A, REMOTE, &udp_in_lan), R(GUARD) },
	    { OUT_, ICMP_ERR(4, 0, LAN_OUTSIDE, REMOTE, &udp_in_lan), R(ICMP_OTHER) } },
	  .ip4_only = true },
	{ "a redirect is not translated, and the slice's own does not leave",
	  bound,
	  { { IN_, ICMP_ERR(5, 0, ROUTER, EXT, &udp_out_wan), R(ICMP_OTHER) },
	    { OUT_, ICMP_ERR(5, 0, LAN_A, REMOTE, &udp_in_lan), R(GUARD) },
	    { OUT_, ICMP_ERR(5, 0, LAN_OUTSIDE, REMOTE, &udp_in_lan), R(ICMP_OTHER) } } },
	{ "inwards, unknown: passed on unchanged",
	  bound,
	  { { IN_, ICMP_ERR(3, 3, ROUTER, EXT, &unbound), R(ICMP_UNKNOWN) },
	    { IN_, ICMP_ERR(3, 3, ROUTER, EXT, &udp_in_wan), R(ICMP_UNKNOWN) },
	    { IN_, ICMP_ERR(3, 3, ROUTER, EXT, &pong_wan), R(ICMP_UNKNOWN) },
	    { IN_, ICMP_ERR(3, 3, ROUTER, EXT, &own_pong), R(ICMP_UNKNOWN) },
	    { IN_, ICMP_ERR(3, 3, ROUTER, EXT, &gre), R(ICMP_UNKNOWN) },
	    { IN_, ICMP_ERR(3, 3, ROUTER, EXT, &udp_later), R(ICMP_UNKNOWN) },
	    { IN_, ICMP_ERR(3, 3, ROUTER, EXT, &udp_out_wan, .quote_l4 = 7), R(ICMP_UNKNOWN) },
	    { IN_,
	      { .proto = IPPROTO_ICMP, .type = 3, .src = ROUTER, .dst = EXT, .len = 4 },
	      R(ICMP_UNKNOWN) } } },
	{ "inwards, binding expired",
	  bound,
	  { { CLOCK, .arg = T_UDP + 1 },
	    { IN_, ICMP_ERR(3, 3, ROUTER, EXT, &udp_out_wan), R(ICMP_UNKNOWN) } } },
	{ "outwards, from the host",
	  bound,
	  { OUTWARDS(3, 3, LAN_A, udp_in), OUTWARDS(3, 3, LAN_A, udp_in, .quote_l4 = 8),
	    OUTWARDS(3, 3, LAN_A, tcp_in), OUTWARDS(3, 3, LAN_A, tcp_in, .quote_l4 = 8),
	    OUTWARDS(3, 1, LAN_A, pong) } },
	{ "outwards, from a router inside", bound, { OUTWARDS(11, 0, INNER_ROUTER, udp_in) } },
	{ "outwards, made by this router about a translated packet",
	  bound,
	  { OUTWARDS(11, 0, EXT, udp_in), OUTWARDS(3, 4, EXT, tcp_in) } },
	{ "outwards, made by this router about its own or masqueraded traffic",
	  bound,
	  { { OUT_, ICMP_ERR(3, 3, EXT, REMOTE, &masqueraded_in), R(EXTERNAL_SOURCE) } } },
	{ "outwards, made by this router: no internal destination is quoted, ports or not",
	  udp_marked,
	  { { OUT_, ICMP_ERR(11, 1, EXT, REMOTE, &udp_later_in), R(GUARD) },
	    { OUT_, ICMP_ERR(11, 1, EXT, REMOTE, &udp_later_in, .quote_l4 = 4), R(GUARD) },
	    { OUT_, ICMP_ERR(3, 1, EXT, REMOTE, &unbound_in), R(GUARD) },
	    { OUT_, ICMP_ERR(11, 1, EXT, EXCLUDED, &udp_later_in), R(EXTERNAL_SOURCE) },
	    { OUT_, ICMP_ERR(11, 1, EXT, REMOTE, &tcp_later_in), R(EXTERNAL_SOURCE) },
	    { OUT_, ICMP_ERR(11, 1, EXT, REMOTE, &own_later_in), R(EXTERNAL_SOURCE) },
	    { OUT_, ICMP_ERR(3, 3, EXT, REMOTE, &masqueraded_in), R(EXTERNAL_SOURCE) },
	    { OUT_, ICMP_ERR(11, 1, EXT, REMOTE, &routed_later_in), R(EXTERNAL_SOURCE) },
	    { OUT_, ICMP_ERR(3, 1, EXT, REMOTE, &routed_in), R(EXTERNAL_SOURCE) },
	    { OUT_, ICMP_ERR(3, 1, EXT, REMOTE, &gre), R(EXTERNAL_SOURCE) } } },
	{ "outwards, unknown: the slice's own do not leave",
	  bound,
	  { { OUT_, ICMP_ERR(3, 3, LAN_A, REMOTE, &unbound_in), R(GUARD) },
	    { OUT_, ICMP_ERR(3, 3, LAN_OUTSIDE, REMOTE, &unbound_in), R(ICMP_UNKNOWN) } } },
	{ "outwards, unknown: of a slice by the protocol that the error is about",
	  without_icmp,
	  { { OUT_, ICMP_ERR(3, 3, LAN_A, REMOTE, &unbound_in), R(GUARD) },
	    { OUT_, ICMP_ERR(3, 3, LAN_A, REMOTE, &unbound_in, .quote_l4 = 7), R(GUARD) },
	    { OUT_, ICMP_ERR(3, 3, LAN_A, EXCLUDED, &unbound_in), R(ICMP_UNKNOWN) },
	    { OUT_, ICMP_ERR(11, 1, LAN_A, REMOTE, &udp_later_in), R(GUARD) },
	    { OUT_, ICMP_ERR(11, 1, LAN_A, REMOTE, &tcp_later_in), R(ICMP_UNKNOWN) },
	    { OUT_, ICMP_ERR(3, 3, LAN_A, REMOTE, &tcp_in_lan), R(ICMP_UNKNOWN) },
	    { OUT_, ICMP_ERR(3, 1, LAN_A, REMOTE, &pong_lan), R(ICMP_UNKNOWN) },
	    { OUT_, ICMP_ERR(3, 1, LAN_A, REMOTE, &gre), R(ICMP_UNKNOWN) },
	    { OUT_, ICMP_ERR(3, 3, LAN_OUTSIDE, REMOTE, &unbound_in), R(ICMP_UNKNOWN) } } },
	{ "errors inwards end no binding and refresh none",
	  bound,
	  { { CLOCK, .arg = T_ICMP },
	    INWARDS(3, 1, ping),
	    INWARDS(3, 3, udp_out),
	    INWARDS(3, 2, tcp_out),
	    INWARDS(11, 0, tcp_out),
	    { IN_, PONG(REMOTE, EXT, 20101), R(TRANSLATED), PONG(REMOTE, LAN_A, 5001),
	      .mark_out = 0x40 },
	    { CLOCK, .arg = T_ICMP + 1 },
	    { IN_, PONG(REMOTE, EXT, 20101), R(NO_BINDING) },
	    { CLOCK, .arg = T_TCP_SYN },
	    INWARDS(3, 3, tcp_out),
	    { IN_, TCP(F_SYN | F_ACK, REMOTE2, 80, EXT, 20101), R(TRANSLATED),
	      TCP(F_SYN | F_ACK, REMOTE2, 80, LAN_A, 5001), .mark_out = 0x40 },
	    { CLOCK, .arg = T_TCP_SYN + 1 },
	    { IN_, TCP(F_SYN | F_ACK, REMOTE2, 80, EXT, 20101), R(NO_BINDING) },
	    { CLOCK, .arg = T_UDP },
	    INWARDS(3, 3, udp_out),
	    { IN_, UDP(REMOTE, 53, EXT, 20101), R(TRANSLATED), UDP(REMOTE, 53, LAN_A, 5001),
	      .mark_out = 0x40 },
	    { CLOCK, .arg = T_UDP + 1 },
	    { IN_, UDP(REMOTE, 53, EXT, 20101), R(NO_BINDING) } } },
	{ "errors end no established connection and refresh none",
	  bound,
	  { { IN_, TCP(F_SYN | F_ACK, REMOTE, 53, EXT, 20101), R(TRANSLATED),
	      TCP(F_SYN | F_ACK, REMOTE, 53, LAN_A, 5001), .mark_out = 0x40 },
	    { CLOCK, .arg = T_TCP_CLOSE + 1 },
	    INWARDS(3, 2, tcp_est_out),
	    INWARDS(3, 3, tcp_est_out),
	    INWARDS(12, 0, tcp_est_out),
	    OUTWARDS(3, 3, LAN_A, tcp_est_in),
	    { CLOCK, .arg = T_TCP_OPEN },
	    { IN_, TCP(F_ACK, REMOTE, 53, EXT, 20101), R(TRANSLATED),
	      TCP(F_ACK, REMOTE, 53, LAN_A, 5001), .mark_out = 0x40 },
	    { CLOCK, .arg = T_TCP_OPEN + 1 },
	    { IN_, TCP(F_ACK, REMOTE, 53, EXT, 20101), R(NO_BINDING) } } },
	{ "errors outwards end no binding",
	  bound,
	  { OUTWARDS(3, 1, LAN_A, pong),
	    OUTWARDS(3, 3, LAN_A, udp_in),
	    OUTWARDS(3, 2, LAN_A, tcp_in),
	    { IN_, PONG(REMOTE, EXT, 20101), R(TRANSLATED), PONG(REMOTE, LAN_A, 5001),
	      .mark_out = 0x40 },
	    { IN_, UDP(REMOTE, 53, EXT, 20101), R(TRANSLATED), UDP(REMOTE, 53, LAN_A, 5001),
	      .mark_out = 0x40 } } },
	{ "an error about a binding comes from anyone",
	  bound,
	  { { IN_, ICMP_ERR(3, 4, REMOTE2, EXT, &udp_out_wan), R(ICMP_ERROR),
	      ICMP_ERR(3, 4, REMOTE2, LAN_A, &udp_out_lan), .mark_out = 0x40 } } },
	{ "an error in fragments",
	  bound,
	  { INWARDS(3, 4, tcp_out, .frag = MF, .id = 7),
	    { IN_, ERR_REST(ROUTER, EXT), R(FRAGMENT), ERR_REST(ROUTER, LAN_A), .mark_out = 0x40 },
	    OUTWARDS(11, 0, INNER_ROUTER, udp_in, .frag = MF, .id = 7),
	    { OUT_, ERR_REST(INNER_ROUTER, REMOTE), R(FRAGMENT), ERR_REST(EXT, REMOTE) },
	    { IN_, ICMP_ERR(3, 3, ROUTER, EXT, &unbound, .frag = MF, .id = 7), R(ICMP_UNKNOWN) },
	    { IN_, ERR_REST(ROUTER, EXT), R(FRAG_UNKNOWN) } } },
	{ "outwards, no refresh",
	  bound,
	  { { CLOCK, .arg = T_ICMP },
	    OUTWARDS(3, 1, LAN_A, pong),
	    { CLOCK, .arg = T_ICMP + 1 },
	    { IN_, PONG(REMOTE, EXT, 20101), R(NO_BINDING) },
	    { CLOCK, .arg = T_UDP },
	    OUTWARDS(3, 3, LAN_A, udp_in),
	    { CLOCK, .arg = T_UDP + 1 },
	    { IN_, UDP(REMOTE, 53, EXT, 20101), R(NO_BINDING) } } },
};

/* A checksum that is wrong stays wrong, by just as much: the receiver drops the error. */
static void wrong_checksums(void **state)
{
	static const size_t at[] = { 14 + 20 + 2 /* ICMP */, 14 + 28 + 10 /* IP, quoted */,
				     14 + 28 + 20 + 6 /* UDP, quoted */ };
	struct spec in = ICMP_ERR(3, 3, ROUTER, EXT, &udp_out_wan);
	struct spec out = ICMP_ERR(3, 3, ROUTER, LAN_A, &udp_out_lan);
	struct lab *lab = &the_lab;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(at); i++) {
		struct frame f = build(&in), want = build(&out);
		struct run r;
		uint32_t sum;

		lab_reset(lab);
		bound(lab);
		f.b[at[i]] ^= 0x15;
		r = run_frame(lab, EINAT_IN, &f, 0, 0);
		assert_int_equal(r.out.n, want.n);
		assert_memory_equal(r.out.b + 30, want.b + 30, 4); /* translated all the same */
		sum = sum16(r.out.b + 34, r.out.n - 34, 0);
		sum = (sum & 0xffff) + (sum >> 16);
		sum = (sum & 0xffff) + (sum >> 16);
		assert_int_not_equal(sum, 0xffff);
	}
}

/*
 * With a right outer checksum, the quoted ones are as wrong as they came, by just as much: each
 * place one more than the right one, before and after.
 */
static void wrong_checksums_inside(void **state)
{
	static const size_t at[] = { 14 + 28 + 11 /* IP, quoted */, 14 + 28 + 20 + 7 /* UDP */ };
	struct spec in = ICMP_ERR(3, 3, ROUTER, EXT, &udp_out_wan);
	struct spec out = ICMP_ERR(3, 3, ROUTER, LAN_A, &udp_out_lan);
	struct lab *lab = &the_lab;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(at); i++) {
		struct frame f = build(&in), want = build(&out), *both[] = { &f, &want };
		struct run r;

		lab_reset(lab);
		bound(lab);
		for (int j = 0; j < 2; j++) {
			assert_in_range(both[j]->b[at[i]], 0, 0xfe);
			both[j]->b[at[i]]++;
			put16(both[j]->b + 36, 0);
			put_csum(both[j]->b + 36, sum16(both[j]->b + 34, both[j]->n - 34, 0));
		}
		r = run_frame(lab, EINAT_IN, &f, 0, 0);
		assert_int_equal(r.out.n, want.n);
		assert_memory_equal(r.out.b + 14, want.b + 14, want.n - 14);
	}
}

/* Of an IPv4 error: the quotation padded to 128 bytes, then one ICMP extension (RFC 4884). */
static void extend(struct frame *f)
{
	static const uint8_t extension[12] = { 0x20, 0,	   0xd8, 0xea, 0,    8,
					       1,    0x01, 0x06, 0x40, 0x01, 0x05 };
	uint8_t *ip = f->b + 14, *icmp = ip + 20;

	memset(f->b + f->n, 0, icmp + 8 + 128 - (f->b + f->n));
	memcpy(icmp + 8 + 128, extension, sizeof(extension));
	f->n = 14 + 20 + 8 + 128 + sizeof(extension);
	put16(ip + 2, f->n - 14);
	put16(ip + 10, 0);
	put_csum(ip + 10, sum16(ip, 20, 0));
	icmp[5] = 128 / 4;
	put16(icmp + 2, 0);
	put_csum(icmp + 2, sum16(icmp, f->n - 34, 0));
}

/* The quotation is translated, padding and extension stay as they are. */
static void extensions(void **state)
{
	static const struct spec in[] = { ICMP_ERR(11, 0, ROUTER, EXT, &udp_out_wan),
					  ICMP_ERR(3, 1, ROUTER, EXT, &tcp_out_wan) };
	static const struct spec out[] = { ICMP_ERR(11, 0, ROUTER, LAN_A, &udp_out_lan),
					   ICMP_ERR(3, 1, ROUTER, LAN_A, &tcp_out_lan) };
	struct lab *lab = &the_lab;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(in); i++) {
		struct frame f = build(&in[i]), want = build(&out[i]);

		lab_reset(lab);
		bound(lab);
		extend(&f);
		extend(&want);
		expect_frame(lab, EINAT_IN, &f, R(ICMP_ERROR), &want, 0, 0, "extension");
	}
}

/* The remote port for which the checksum of @s comes out as zero, which is sent as all ones. */
static uint16_t port_of_zero(struct spec s)
{
	size_t at = 14 + (as_ip6 ? 40 : 20) + 6;

	for (s.dport = 1; s.dport; s.dport++) {
		struct frame f = build(&s);

		if (f.b[at] == 0xff && f.b[at + 1] == 0xff)
			return s.dport;
	}
	fail_msg("no port makes it zero");
	return 0;
}

/* Zero means that there is no checksum, and over IPv6 such a datagram is dropped by its receiver.
 */
static void checksums_of_zero(void **state)
{
	(void)state;
	for (unsigned six = 0; six < 2; six++) {
		struct lab *lab = six ? &the_lab6 : &the_lab;
		struct spec in = udp_out_lan, out = udp_out_wan;
		struct spec error = ICMP_ERR(3, 3, ROUTER, EXT, &out);
		struct spec told = ICMP_ERR(3, 3, ROUTER, LAN_A, &in);

		as_ip6 = six;
		lab_reset(lab);
		bound(lab);
		in.dport = out.dport = port_of_zero(out);
		expect(lab, EINAT_OUT, &in, R(TRANSLATED), &out, "a datagram");
		in.dport = out.dport = port_of_zero(in);
		expect(lab, EINAT_IN, &error, R(ICMP_ERROR), &told, "a quotation");
	}
	as_ip6 = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(wrong_checksums),
					    cmocka_unit_test(wrong_checksums_inside),
					    cmocka_unit_test(checksums_of_zero),
					    cmocka_unit_test(extensions) };

	return run_table("icmp errors", cases, COUNT_OF(cases), tests, COUNT_OF(tests));
}
