// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What only IPv6 has: extension headers, fragments of its own, what stays on the link, two families
 * in one set of maps. All that both families have is run over IPv6 by the other tables.
 */
#include <net/if.h>

#include "tests/bpf/lab_sweep.h"

#define R(x) REASON_##x
#define MF   0x2000

/* A name for each extension header list. */

#define CHAIN(list)                                                                                \
	{                                                                                          \
		"extension headers " list, lab_one_port,                                           \
		{                                                                                  \
			{ OUT_, UDP(LAN_A, 5001, REMOTE, 53, .ext = list, .id = 9), R(TRANSLATED), \
			  UDP(EXT, 20101, REMOTE, 53, .ext = list, .id = 9) },                     \
				{ IN_, UDP(REMOTE, 53, EXT, 20101, .ext = list, .id = 9),          \
				  R(TRANSLATED),                                                   \
				  UDP(REMOTE, 53, LAN_A, 5001, .ext = list, .id = 9) },            \
				{ OUT_,                                                            \
				  TCP(F_SYN, LAN_A, 5001, REMOTE, 53, .ext = list, .len = 33),     \
				  R(TRANSLATED),                                                   \
				  TCP(F_SYN, EXT, 20101, REMOTE, 53, .ext = list, .len = 33) },    \
				{ IN_, TCP(F_SYN | F_ACK, REMOTE, 53, EXT, 20101, .ext = list),    \
				  R(TRANSLATED),                                                   \
				  TCP(F_SYN | F_ACK, REMOTE, 53, LAN_A, 5001, .ext = list) },      \
				{ OUT_, PING(LAN_A, REMOTE, 5001, .ext = list), R(TRANSLATED),     \
				  PING(EXT, REMOTE, 20101, .ext = list) },                         \
				{ IN_, PONG(REMOTE, EXT, 20101, .ext = list), R(TRANSLATED),       \
				  PONG(REMOTE, LAN_A, 5001, .ext = list) },                        \
				{ FRAGS, .arg = 0 },                                               \
			{                                                                          \
				BINDINGS, .arg = 3                                                 \
			}                                                                          \
		}                                                                                  \
	}

/* Not to be translated: from inside it is dropped, from outside left to netfilter. */
#define BAD_CHAIN(list)                                                                            \
	{                                                                                          \
		"bad extension headers " list, lab_one_port,                                       \
		{                                                                                  \
			{ OUT_, UDP(LAN_A, 5001, REMOTE, 53), R(TRANSLATED),                       \
			  UDP(EXT, 20101, REMOTE, 53) },                                           \
				{ OUT_, UDP(LAN_A, 5001, REMOTE, 53, .ext = list),                 \
				  R(MALFORMED_DROP) },                                             \
				{ OUT_, UDP(LAN_OUTSIDE, 5001, REMOTE, 53, .ext = list),           \
				  R(MALFORMED) },                                                  \
				{ OUT_, UDP(EXT, 20101, REMOTE, 53, .ext = list), R(MALFORMED) },  \
			{                                                                          \
				IN_, UDP(REMOTE, 53, EXT, 20101, .ext = list), R(MALFORMED)        \
			}                                                                          \
		}                                                                                  \
	}

#define FRAG_UDP(s, sp, d, dp, f, ...) UDP(s, sp, d, dp, .frag = f, .id = 7, __VA_ARGS__)

static const struct test_case cases[] = {
	CHAIN("h"),
	CHAIN("d"),
	CHAIN("D"),
	CHAIN("r"),
	CHAIN("a"),
	CHAIN("hd"),
	CHAIN("hdr"),
	CHAIN("hdra"),
	CHAIN("hdrad"),
	CHAIN("had"),
	CHAIN("hDrD"),
	CHAIN("rhda"),
	CHAIN("adhr"),
	CHAIN("darh"),
	CHAIN("hhhhdddd"),
	BAD_CHAIN("0"),
	BAD_CHAIN("h0d"),
	BAD_CHAIN("s"),
	BAD_CHAIN("as"),
	BAD_CHAIN("aa"),
	BAD_CHAIN("hddddddddd"),
	{ "no next header, and protocols that are not translated",
	  NULL,
	  { { OUT_, UDP(LAN_A, 1, REMOTE, 2, .ext = "n"), R(OTHER_PROTO) },
	    { OUT_, UDP(LAN_A, 1, REMOTE, 2, .ext = "hn"), R(OTHER_PROTO) },
	    { OUT_, { .proto = 50, .src = LAN_A, .dst = REMOTE, .len = 20 }, R(OTHER_PROTO) },
	    { OUT_, { .proto = 51, .src = LAN_A, .dst = REMOTE, .len = 20 }, R(OTHER_PROTO) },
	    { IN_, { .proto = 50, .src = REMOTE, .dst = EXT, .len = 20 }, R(OTHER_PROTO) } } },
	{ "fragments with headers before and behind the fragment header",
	  lab_one_port,
	  { { OUT_, FRAG_UDP(LAN_A, 5001, REMOTE, 53, MF, .ext = "hrfd"), R(TRANSLATED),
	      FRAG_UDP(EXT, 20101, REMOTE, 53, MF, .ext = "hrfd") },
	    { OUT_, FRAG_UDP(LAN_A, 0, REMOTE, 0, MF | 5, .ext = "hrf"), R(FRAGMENT),
	      FRAG_UDP(EXT, 0, REMOTE, 0, MF | 5, .ext = "hrf") },
	    { OUT_, FRAG_UDP(LAN_A, 0, REMOTE, 0, 9, .ext = "hrfd"), R(FRAGMENT),
	      FRAG_UDP(EXT, 0, REMOTE, 0, 9, .ext = "hrfd") },
	    { IN_, FRAG_UDP(REMOTE, 53, EXT, 20101, MF, .ext = "df"), R(TRANSLATED),
	      FRAG_UDP(REMOTE, 53, LAN_A, 5001, MF, .ext = "df") },
	    { IN_, FRAG_UDP(REMOTE, 0, EXT, 0, 9, .ext = "df"), R(FRAGMENT),
	      FRAG_UDP(REMOTE, 0, LAN_A, 0, 9, .ext = "df") },
	    { IN_, UDP(REMOTE, 0, EXT, 0, .frag = 9, .id = 8), R(FRAG_UNKNOWN) },
	    { FRAGS, .arg = 2 } } },
	{ "a later fragment that hides its protocol does not leave unseen",
	  NULL,
	  { { OUT_, FRAG_UDP(LAN_A, 0, REMOTE, 0, 9, .ext = "fd"), R(FRAG_GUARD) },
	    { OUT_, FRAG_UDP(LAN_OUTSIDE, 0, REMOTE, 0, 9, .ext = "fd"), R(FRAG_UNKNOWN) },
	    { OUT_, FRAG_UDP(EXT, 0, REMOTE, 0, 9, .ext = "fd"), R(EXTERNAL_SOURCE) } } },
	{ "a zero checksum (RFC 6936) stays zero",
	  lab_one_port,
	  { { OUT_, UDP(LAN_A, 5001, REMOTE, 53, .no_csum = true), R(TRANSLATED),
	      UDP(EXT, 20101, REMOTE, 53, .no_csum = true) } } },
	{ "hairpin with extension headers",
	  NULL,
	  { { OUT_, UDP(LAN_A, 20100, REMOTE, 53), R(TRANSLATED), UDP(EXT, 20100, REMOTE, 53) },
	    { OUT_, UDP(LAN_B, 20200, EXT, 20100, .ext = "hd"), R(HAIRPIN),
	      UDP(EXT, 20200, EXT, 20100, .ext = "hd") },
	    { IN_, UDP(EXT, 20200, EXT, 20100, .ext = "hd"), R(TRANSLATED),
	      UDP(EXT, 20200, LAN_A, 20100, .ext = "hd") } } },
};

static struct frame with_addr(const struct spec *s, const char *src, const char *dst)
{
	struct frame f = build(s);

	if (src)
		assert_int_equal(inet_pton(AF_INET6, src, f.b + 14 + 8), 1);
	if (dst)
		assert_int_equal(inet_pton(AF_INET6, dst, f.b + 14 + 24), 1);
	return f;
}

/* The slice covers every source and the guard is strict: what stays on the link passes even then.
 */
static void stays_on_the_link(void **state)
{
	static const struct {
		const char *src, *dst;
	} addrs[] = {
		{ "fe80::1", "2001:db8::1" },
		{ "fe80::1", "fe80::2" },
		{ "febf::1", "2001:db8::1" },
		{ "2001:db8::1", "fe80::1" },
		{ "fd12::1", "ff02::1" },
		{ "fd12::1", "ff0e::1" },
		{ "2001:db8::1", "ff02::1:ff00:1" },
		{ "::", "ff02::16" },
		{ "::", "2001:db8::1" },
	};
	struct lab *lab = &the_lab6;
	struct einat_lpm_key key = {};
	uint32_t mask = 1;

	(void)state;
	lab_reset(lab);
	lab->cfg.flags = CFG_F_GUARD_STRICT;
	lab_apply(lab);
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(lab->sk->maps.src), &key, &mask, 0), 0);
	for (size_t i = 0; i < COUNT_OF(addrs); i++) {
		struct spec s[] = { UDP(LAN_A, 20100, REMOTE, 53),
				    UDP(LAN_A, 1, REMOTE, 1, .ext = "h0"),
				    QUERY(135, LAN_A, REMOTE, 0),
				    QUERY(143, LAN_A, REMOTE, 0, .ext = "h") };

		for (size_t k = 0; k < COUNT_OF(s); k++) {
			struct frame f = with_addr(&s[k], addrs[i].src, addrs[i].dst);

			expect_frame(lab, EINAT_OUT, &f, R(IPV6), NULL, 0, 0, addrs[i].src);
			expect_frame(lab, EINAT_IN, &f, R(IPV6), NULL, 0, 0, addrs[i].src);
		}
	}
	assert_int_equal(map_count(lab->sk->maps.by_internal), 0);
}

/* Between global addresses too, as neighbour unreachability detection does it. */
static void neighbour_discovery(void **state)
{
	struct lab *lab = &the_lab6;

	(void)state;
	lab_reset(lab);
	lab->cfg.flags = CFG_F_GUARD_STRICT;
	lab_apply(lab);
	for (uint8_t type = 133; type <= 137; type++) {
		struct spec out = QUERY(type, LAN_A, REMOTE, 0, .hop_limit = 255);
		struct spec in = QUERY(type, REMOTE, EXT, 0, .hop_limit = 255);
		struct spec forwarded = QUERY(type, LAN_A, REMOTE, 0, .hop_limit = 254);

		expect(lab, EINAT_OUT, &out, R(IPV6), NULL, "ND out");
		expect(lab, EINAT_IN, &in, R(IPV6), NULL, "ND in");
		expect(lab, EINAT_OUT, &forwarded, R(GUARD), NULL, "no ND, it was forwarded");
	}
}

/* IPv6 packets whose addresses read as IPv4 ones never meet what is bound to these. */
static void mapped_addresses(void **state)
{
	struct lab *lab = &the_lab6;
	struct spec v4 = UDP(LAN_A, 20100, REMOTE, 53), v4_x = UDP(EXT, 20100, REMOTE, 53);
	struct spec s = UDP(LAN_A, 20100, REMOTE, 53);
	struct spec err = ICMP_ERR(3, 3, ROUTER, EXT, &s);
	struct frame f;

	(void)state;
	as_ip6 = false;
	lab_reset(lab);
	expect(lab, EINAT_OUT, &v4, R(TRANSLATED), &v4_x, "a binding of IPv4");
	as_ip6 = true;
	f = with_addr(&s, "::ffff:192.168.1.10", NULL);
	expect_frame(lab, EINAT_OUT, &f, R(MALFORMED_DROP), NULL, 0, 0, "mapped source");
	f = with_addr(&s, NULL, "::ffff:198.51.100.1");
	expect_frame(lab, EINAT_IN, &f, R(MALFORMED), NULL, 0, 0, "mapped destination");
	expect_frame(lab, EINAT_OUT, &f, R(MALFORMED), NULL, 0, 0, "mapped destination, out");
	/* and as what an error quotes */
	lab->cfg.n_ext = 2;
	lab->cfg.ext[1].addr = addr6(EXT);
	lab_apply(lab);
	f = build(&err);
	assert_int_equal(inet_pton(AF_INET6, "::ffff:198.51.100.1", f.b + 14 + 48 + 8), 1);
	expect_frame(lab, EINAT_IN, &f, R(ICMP_UNKNOWN), NULL, 0, 0, "quoted");
	check_consistent(lab);
}

/* Ends of a packet at every length: nothing but whole headers is translated. */
static void truncated(void **state)
{
	static const char *const chains[] = { "", "h", "hdr", "a", "hDa" };
	struct lab *lab = &the_lab6;
	struct frame f;

	(void)state;
	lab_reset(lab);
	for (size_t i = 0; i < COUNT_OF(chains); i++) {
		struct spec s = TCP(F_ACK, LAN_A, 20100, REMOTE, 53, .ext = chains[i]);
		struct spec back = TCP(F_ACK, REMOTE, 53, EXT, 20100, .ext = chains[i]);
		struct frame whole = build(&s), in = build(&back);

		for (size_t n = 14 + 40; n < whole.n; n++) {
			f = whole;
			f.n = n;
			expect_frame(lab, EINAT_OUT, &f, R(MALFORMED_DROP), NULL, 0, 0,
				     "frame cut");
			put16(f.b + 14 + 4, n - 14 - 40);
			expect_frame(lab, EINAT_OUT, &f, R(MALFORMED_DROP), NULL, 0, 0, "cut");
			f = in;
			f.n = n;
			put16(f.b + 14 + 4, n - 14 - 40);
			expect_frame(lab, EINAT_IN, &f, R(MALFORMED), NULL, 0, 0, "cut, in");
		}
		/* a header that claims to be longer than the packet */
		if (*chains[i] == 'h') {
			whole.b[14 + 41] = 250;
			expect_frame(lab, EINAT_OUT, &whole, R(MALFORMED_DROP), NULL, 0, 0, "long");
		}
	}
	assert_int_equal(map_count(lab->sk->maps.by_internal), 0);
	/* a fragment header of which a part lies behind the packet, in padding */
	f = build(&(struct spec)FRAG_UDP(LAN_A, 0, REMOTE, 0, 9));
	put16(f.b + 14 + 4, 6);
	expect_frame(lab, EINAT_OUT, &f, R(MALFORMED_DROP), NULL, 0, 0, "in padding");
}

static void padding(void **state)
{
	struct lab *lab = &the_lab6;
	struct spec s = UDP(LAN_A, 5001, REMOTE, 53), x = UDP(EXT, 20101, REMOTE, 53);
	struct frame f, want;

	(void)state;
	lab_reset(lab);
	lab_one_port(lab);
	f = build(&s);
	want = build(&x);
	memset(f.b + f.n, 0xa5, 18);
	memset(want.b + want.n, 0xa5, 18);
	f.n += 18;
	want.n += 18;
	expect_frame(lab, EINAT_OUT, &f, R(TRANSLATED), &want, 0, 0, "padded");
}

/* Programs that were loaded for IPv4 alone. */
static void switched_off(void **state)
{
	struct spec s = UDP(LAN_A, 20100, REMOTE, 53);
	struct lab lab;

	(void)state;
	lab_open_sized(&lab, 64, 64);
	lab_reset(&lab);
	expect(&lab, EINAT_OUT, &s, R(IPV6), NULL, "out");
	expect(&lab, EINAT_IN, &s, R(IPV6), NULL, "in");
	lab_close(&lab);
}

/* Both families of addresses, in an order that a choice by number alone would get wrong. */
static void two_families(struct lab *lab)
{
	as_ip6 = false;
	lab_reset(lab);
	lab->cfg.n_ext = 2;
	as_ip6 = true;
	lab->cfg.ext[1].addr = addr6(EXT);
	lab_apply(lab);
	lab_prefix(lab->sk->maps.src, IP4(192, 168, 1, 0), 24, 1);
}

/* The same endpoints in both families are two bindings, each on an address of its family. */
static void families_apart(void **state)
{
	struct lab *lab = &the_lab6;
	struct einat_endpoint ep = { .port = htons(20100), .proto = EINAT_PROTO_UDP };
	uint32_t slot;

	(void)state;
	two_families(lab);
	for (int round = 0; round < 2; round++) {
		for (int v6 = 0; v6 < 2; v6++) {
			struct spec s[] = { UDP(LAN_A, 20100, REMOTE, 53),
					    TCP(F_SYN, LAN_A, 20100, REMOTE, 80),
					    PING(LAN_A, REMOTE, 20100) };
			struct spec x[] = { UDP(EXT, 20100, REMOTE, 53),
					    TCP(F_SYN, EXT, 20100, REMOTE, 80),
					    PING(EXT, REMOTE, 20100) };
			struct spec in = UDP(REMOTE2, 9, EXT, 20100);
			struct spec in_x = UDP(REMOTE2, 9, LAN_A, 20100);

			as_ip6 = v6;
			for (int i = 0; i < 3; i++)
				expect(lab, EINAT_OUT, &s[i], R(TRANSLATED), &x[i], "out");
			expect(lab, EINAT_IN, &in, R(TRANSLATED), &in_x, "in");
			ep.addr = addr6(LAN_A);
			assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(lab->sk->maps.by_internal),
							     &ep, &slot),
					 0);
			assert_int_equal(slot, slot_no(v6, EINAT_PROTO_UDP, 20100));
		}
	}
	check_consistent(lab);
	assert_int_equal(map_count(lab->sk->maps.by_internal), 6);
	/* without its own family's address a flow has none */
	lab->cfg.ext[1].gen = 0;
	lab_apply(lab);
	as_ip6 = true;
	expect(lab, EINAT_OUT, &(struct spec)UDP(LAN_B, 20300, REMOTE, 53), R(NO_ADDRESS), NULL,
	       "no IPv6 address");
	as_ip6 = false;
	expect(lab, EINAT_OUT, &(struct spec)UDP(LAN_B, 20300, REMOTE, 53), R(TRANSLATED),
	       &(struct spec)UDP(EXT, 20300, REMOTE, 53), "IPv4 goes on");
	check_consistent(lab);
}

/* Two addresses of each family: a host keeps to one of each, all are used. */
static void pooling(void **state)
{
	struct lab *lab = &the_lab6;
	unsigned used[2] = {};

	(void)state;
	lab_reset(lab);
	lab->cfg.n_ext = 4;
	as_ip6 = false;
	for (int i = 0; i < 2;
	     i++) /* without planes of their own, so that a wrong choice is seen */
		lab->cfg.ext[2 + i] = (struct einat_ext){ .addr = addr6(i ? EXT2 : EXT),
							  .gen = 1,
							  .plane = { EINAT_NO_PLANE, EINAT_NO_PLANE,
								     EINAT_NO_PLANE } };
	as_ip6 = true;
	lab_apply(lab);
	for (unsigned host = 1; host < 60; host++) {
		uint8_t first[16];

		for (unsigned i = 0; i < 3; i++) {
			struct spec s = UDP(IP4(192, 168, 1, host), 100 + i, REMOTE, 53);
			struct frame f = build(&s);
			struct run r = run_frame(lab, EINAT_OUT, &f, 0, 0);

			assert_int_equal(r.verdict, -1);
			if (!i)
				memcpy(first, r.out.b + 14 + 8, 16);
			assert_memory_equal(first, r.out.b + 14 + 8, 16);
		}
		assert_true(first[15] == 1 || first[15] == 2);
		used[first[15] - 1]++;
	}
	assert_true(used[0] > 10 && used[1] > 10);
	check_consistent(lab);
}

static int sweep_add(const struct lab *lab, unsigned ext, uint32_t addr, uint32_t flags)
{
	return lab_sweep(lab, (struct einat_sweep){ .op = SWEEP_ADD,
						    .first = slot_no(ext, EINAT_PROTO_TCP, 22222),
						    .count = 1,
						    .flags = flags,
						    .ep = { .addr = addr6(addr),
							    .port = htons(22),
							    .proto = EINAT_PROTO_TCP } })
		.error;
}

static void add_and_sweep(void **state)
{
	struct lab *lab = &the_lab6;
	struct spec in = TCP(F_SYN, REMOTE, 99, EXT, 22222),
		    in_x = TCP(F_SYN, REMOTE, 99, LAN_B, 22);
	struct spec udp = UDP(LAN_A, 20100, REMOTE, 53), udp_x = UDP(EXT, 20100, REMOTE, 53);
	uint32_t slot = slot_no(1, EINAT_PROTO_TCP, 22222);
	struct einat_sweep w;

	(void)state;
	two_families(lab);
	assert_int_equal(sweep_add(lab, 0, LAN_B, 0), -EINVAL); /* a slot of IPv4 */
	as_ip6 = false;
	assert_int_equal(sweep_add(lab, 1, LAN_B, 0), -EINVAL); /* the other way round */
	as_ip6 = true;
	assert_int_equal(sweep_add(lab, 1, LAN_B, SLOT_F_STATIC), 0);
	assert_int_equal(sweep_add(lab, 1, LAN_A, 0), -EEXIST);
	expect(lab, EINAT_IN, &in, R(TRANSLATED), &in_x, "static");
	expect(lab, EINAT_OUT, &udp, R(TRANSLATED), &udp_x, "dynamic");
	lab->ctl->now_override = T0 + T_UDP + T_REST + 1;
	for (uint32_t first = slot_no(1, 0, 0); first < slot_no(2, 0, 0); first += SWEEP_MAX) {
		w = lab_sweep(lab, (struct einat_sweep){ .op = SWEEP_EXPIRED,
							 .first = first,
							 .count = SWEEP_MAX });
		assert_int_equal(w.freed, first == slot_no(1, 0, 16384));
	}
	check_consistent(lab);
	expect(lab, EINAT_IN, &in, R(TRANSLATED), &in_x, "static stays");
	w = lab_sweep(lab, (struct einat_sweep){ .op = SWEEP_FORCE, .first = slot, .count = 1 });
	assert_int_equal(w.freed, 1);
	assert_int_equal(map_count(lab->sk->maps.by_internal), 0);
}

static int bound_socket(int family, int type, uint16_t port, int only6)
{
	struct sockaddr_in6 s6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in s4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(family, type, 0);

	assert_true(fd >= 0);
	if (family == AF_INET) {
		assert_int_equal(bind(fd, (struct sockaddr *)&s4, sizeof(s4)), 0);
	} else {
		assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only6, sizeof(only6)),
				 0);
		assert_int_equal(bind(fd, (struct sockaddr *)&s6, sizeof(s6)), 0);
	}
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 1), 0);
	return fd;
}

/* IPv6 sockets hold IPv6 ports; dual-stack ones IPv4 ports too; IPv4 ones no IPv6 port. */
static void local_sockets(void **state)
{
	static const struct {
		int family, only6;
		bool holds4, holds6;
	} socks[] = {
		{ AF_INET, 0, true, false },
		{ AF_INET6, 1, false, true },
		{ AF_INET6, 0, true, true },
	};
	struct lab *lab = &the_lab6;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(socks); i++) {
		for (int tcp = 0; tcp < 2; tcp++) {
			int fd = bound_socket(socks[i].family, tcp ? SOCK_STREAM : SOCK_DGRAM,
					      20000, socks[i].only6);
			struct spec s = UDP(LAN_A, 20000, REMOTE, 53);
			struct spec x = UDP(EXT, 20000, REMOTE, 53);

			if (tcp) {
				s = (struct spec)TCP(F_SYN, LAN_A, 20000, REMOTE, 53);
				x = (struct spec)TCP(F_SYN, EXT, 20000, REMOTE, 53);
			}
			two_families(lab);
			lab_ports(lab, 0, tcp, 1, 65535, false);
			lab_ports(lab, 0, tcp, 20000, 20000, true);
			expect(lab, EINAT_OUT, &s, socks[i].holds6 ? R(FULL) : R(TRANSLATED),
			       socks[i].holds6 ? NULL : &x, "IPv6");
			as_ip6 = false;
			expect(lab, EINAT_OUT, &s, socks[i].holds4 ? R(FULL) : R(TRANSLATED),
			       socks[i].holds4 ? NULL : &x, "IPv4");
			as_ip6 = true;
			close(fd);
		}
	}
}

#ifndef BPF_F_TEST_SKB_CHECKSUM_COMPLETE
#define BPF_F_TEST_SKB_CHECKSUM_COMPLETE (1U << 2)
#endif

/* As from a device that summed the packet up: the kernel compares its sum afterwards. */
static bool run_complete(struct lab *lab, enum einat_dir dir, const struct spec *in,
			 const struct spec *want)
{
	struct frame f = build(in), w = build(want), out = {};
	struct __sk_buff ctx = { .ifindex = 1 };
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = f.b, .data_size_in = f.n, .data_out = out.b,
		    .data_size_out = sizeof(out.b), .ctx_in = &ctx, .ctx_size_in = sizeof(ctx),
		    .flags = BPF_F_TEST_SKB_CHECKSUM_COMPLETE);
	int err = bpf_prog_test_run_opts(prog_fd(lab, dir), &o);

	if (err == -EINVAL)
		return false;
	if (err)
		fail_msg("IPv%d, direction %d, protocol %d, flag %d %x: sum is wrong (%d)",
			 as_ip6 ? 6 : 4, dir, in->proto, in->no_csum, in->frag, err);
	out.n = o.data_size_out;
	frame_diff(&out, &w, "summed by the device");
	return true;
}

static void checksum_complete(void **state)
{
	struct lab *lab = &the_lab6;
	struct spec quoted = UDP(LAN_A, 5001, REMOTE, 53), quoted_x = UDP(EXT, 20101, REMOTE, 53);
	struct spec first = FRAG_UDP(LAN_A, 5001, REMOTE, 53, MF);
	const struct {
		enum einat_dir dir;
		struct spec in, out;
	} runs[] = {
		{ EINAT_OUT, UDP(LAN_A, 5001, REMOTE, 53), UDP(EXT, 20101, REMOTE, 53) },
		{ EINAT_OUT, UDP(LAN_A, 5001, REMOTE, 53, .no_csum = true),
		  UDP(EXT, 20101, REMOTE, 53, .no_csum = true) },
		{ EINAT_IN, UDP(REMOTE, 53, EXT, 20101), UDP(REMOTE, 53, LAN_A, 5001) },
		{ EINAT_OUT, TCP(F_SYN, LAN_A, 5001, REMOTE, 53),
		  TCP(F_SYN, EXT, 20101, REMOTE, 53) },
		{ EINAT_OUT, PING(LAN_A, REMOTE, 5001), PING(EXT, REMOTE, 20101) },
		{ EINAT_IN, PONG(REMOTE, EXT, 20101), PONG(REMOTE, LAN_A, 5001) },
		{ EINAT_OUT, FRAG_UDP(LAN_A, 0, REMOTE, 0, 9), FRAG_UDP(EXT, 0, REMOTE, 0, 9) },
		{ EINAT_IN, ICMP_ERR(3, 4, ROUTER, EXT, &quoted_x),
		  ICMP_ERR(3, 4, ROUTER, LAN_A, &quoted) },
	};

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		as_ip6 = v6;
		lab_reset(lab);
		lab_one_port(lab);
		if (!run_complete(lab, EINAT_OUT, &runs[0].in, &runs[0].out)) {
			print_message("# this kernel's BPF_PROG_RUN has no CHECKSUM_COMPLETE\n");
			skip();
		}
		first.src = LAN_A;
		for (size_t i = 0; i < COUNT_OF(runs); i++) {
			struct frame f = build(&first);

			run_frame(lab, EINAT_OUT, &f, 0, 0);
			assert_true(run_complete(lab, runs[i].dir, &runs[i].in, &runs[i].out));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stays_on_the_link), cmocka_unit_test(neighbour_discovery),
		cmocka_unit_test(mapped_addresses),  cmocka_unit_test(truncated),
		cmocka_unit_test(padding),	     cmocka_unit_test(switched_off),
		cmocka_unit_test(families_apart),    cmocka_unit_test(pooling),
		cmocka_unit_test(add_and_sweep),     cmocka_unit_test(local_sockets),
		cmocka_unit_test(checksum_complete),
	};

	return run_table6("nat6", cases, COUNT_OF(cases), tests, COUNT_OF(tests));
}
