// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Stateless prefix translation, RFC 6296: each pair of prefixes in both directions, errors and what
 * they quote, hairpin, what has no counterpart, what is never touched.
 */
#include <time.h>

#include "tests/bpf/npt_packet.h"

#define R(x)  REASON_##x
#define GO_ON (-1) /* as bpf/verdict.h */

/* Roles. S48: the hosts of RFC 6296 section 3.6. */
#define S48	"fd01:203:405:1::1234"
#define X48	"2001:db8:1:d550::1234"
#define FFFF48	"fd01:203:405:ffff::1"
#define S56	"fd02::33:1:2:3:4"
#define X56	"2001:db8:2:33:cf48:2:3:4"
#define S64	"fd03:0:0:1:0:0:0:5"
#define X64	"2001:db8:3:7:cf41::5"
#define REM	"2001:4860::8"
#define OWN	"2001:db8:3:7::2" /* of the router, in the external prefix of S64 */
#define OWNTWIN "fd03:0:0:1:30be::2" /* whose counterpart OWN would be */
#define HOP	"2001:db8:ffff::1" /* on the path outside */
#define INNER	"fd99::1" /* inside, of no prefix */
#define MARK	0x1000

static const struct pair {
	const char *internal, *external;
} pairs[] = {
	{ "fd01:203:405::/48", "2001:db8:1::/48" }, { "fd02::/56", "2001:db8:2::/56" },
	{ "fd03:0:0:1::/64", "2001:db8:3:7::/64" }, { "fd04::/48", "2001:db8:4:5::/64" },
	{ "fd05::/64", "2001:db8:5::/48" },
};

static void reset(struct lab *lab)
{
	lab_reset(lab);
	map_clear(lab->sk->maps.npt_out);
	map_clear(lab->sk->maps.npt_in);
	lab->cfg.inbound_mark = lab->cfg.inbound_mask = MARK;
	lab_apply(lab);
	for (size_t i = 0; i < COUNT_OF(pairs); i++) {
		struct net_prefix in = prefix(pairs[i].internal), ex = prefix(pairs[i].external);

		put_pair(lab, &in, &ex);
	}
	put_flag(lab->sk->maps.npt_in, OWN "/128", NPT_F_KEEP);
	put_flag(lab->sk->maps.npt_out, OWNTWIN "/128", NPT_F_NONE);
}

struct row {
	enum einat_dir dir;
	struct p6 in;
	int reason; /* GO_ON: passed, as by programs without NAT66 */
	struct p6 out; /* src NULL: unchanged */
	uint32_t iif;
};

struct npt_case {
	const char *name;
	struct row rows[12];
	bool strict; /* the guard is */
};

/* One packet there and one back. */
#define BOTH(s, x, p, ...)                                                                         \
	{ EINAT_OUT, P6(p, s, REM, __VA_ARGS__), R(NPT), P6(p, x, REM, __VA_ARGS__) },             \
	{                                                                                          \
		EINAT_IN, P6(p, REM, x, __VA_ARGS__), R(NPT), P6(p, REM, s, __VA_ARGS__)           \
	}

static const struct npt_case cases[] = {
	{ "RFC 6296 section 3.6: the example",
	  { BOTH(S48, X48, IPPROTO_UDP), BOTH(S48, X48, IPPROTO_TCP) } },
	{ "a /56 and a /64: the interface identifier is adjusted",
	  { BOTH(S56, X56, IPPROTO_UDP), BOTH(S64, X64, IPPROTO_TCP) } },
	{ "every protocol: its header is not looked at",
	  { BOTH(S48, X48, IPPROTO_ICMPV6, .type = 128),
	    BOTH(S64, X64, IPPROTO_ICMPV6, .type = 129), BOTH(S48, X48, 132), BOTH(S56, X56, 50),
	    BOTH(S64, X64, 47) } },
	{ "a UDP checksum of zero stays zero", { BOTH(S48, X48, IPPROTO_UDP, .no_csum = true) } },
	{ "fragments, in any order",
	  { BOTH(S64, X64, IPPROTO_UDP, .ext = "l"), BOTH(S64, X64, IPPROTO_UDP, .ext = "f"),
	    BOTH(S48, X48, IPPROTO_ICMPV6, .type = 1, .ext = "l") } },
	{ "extension headers, also those that bindings refuse",
	  { BOTH(S48, X48, IPPROTO_TCP, .ext = "d"), BOTH(S48, X48, IPPROTO_TCP, .ext = "dddddddd"),
	    BOTH(S56, X56, IPPROTO_UDP, .ext = "s") } },
	{ "first words of 0xffff are left, the next one is adjusted",
	  { BOTH("fd03:0:0:1:ffff::5", "2001:db8:3:7:ffff:cf41::5", IPPROTO_UDP),
	    BOTH("fd03:0:0:1:ffff:ffff:ffff:5", "2001:db8:3:7:ffff:ffff:ffff:cf46",
		 IPPROTO_UDP) } },
	{ "what would become 0xffff becomes zero",
	  { BOTH("fd01:203:405:2ab0::1", "2001:db8:1::1", IPPROTO_UDP),
	    BOTH("fd03:0:0:1:30be::5", "2001:db8:3:7::5", IPPROTO_TCP) } },
	{ "no counterpart: subnet 0xffff",
	  { { EINAT_OUT, UDP6(FFFF48, REM), R(NPT_UNMAPPED) },
	    { EINAT_IN, UDP6(REM, "2001:db8:1:ffff::1"), R(NPT_UNMAPPED) } } },
	{ "no counterpart: interface identifiers of all zeros or ones",
	  { { EINAT_OUT, UDP6("fd03:0:0:1::", REM), R(NPT_UNMAPPED) },
	    { EINAT_OUT, UDP6("fd03:0:0:1:30be::", REM), R(NPT_UNMAPPED) },
	    { EINAT_OUT, UDP6("fd03:0:0:1:ffff:ffff:ffff:ffff", REM), R(NPT_UNMAPPED) },
	    { EINAT_IN, UDP6(REM, "2001:db8:3:7::"), R(NPT_UNMAPPED) },
	    { EINAT_IN, UDP6(REM, "2001:db8:3:7:cf41::"), R(NPT_UNMAPPED) },
	    { EINAT_IN, UDP6(REM, "2001:db8:3:7:ffff:ffff:ffff:ffff"), R(NPT_UNMAPPED) } } },
	{ "lengths that differ: the shorter prefix is extended with zeroes",
	  { BOTH("fd04::1:2:3:4", "2001:db8:4:5:cf43:2:3:4", IPPROTO_UDP),
	    { EINAT_OUT, UDP6("fd04:0:0:1::4", REM), R(NPT_UNMAPPED) },
	    BOTH("fd05::1:2:3:4", "2001:db8:5:0:cf48:2:3:4", IPPROTO_UDP),
	    { EINAT_OUT, UDP6("fd05:0:0:1::4", REM), GO_ON },
	    { EINAT_IN, UDP6(REM, "2001:db8:5:1::4"), GO_ON } } },
	{ "the router's own addresses are left as they are",
	  { { EINAT_OUT, UDP6(OWN, REM), GO_ON },
	    { EINAT_IN, UDP6(REM, OWN), GO_ON },
	    { EINAT_OUT, UDP6(OWNTWIN, REM), R(NPT_UNMAPPED) } } },
	{ "sources and destinations of no pair are left as they are",
	  { { EINAT_OUT, UDP6("fd77::1", REM), GO_ON },
	    { EINAT_OUT, UDP6("2001:db8:77::1", REM), GO_ON },
	    { EINAT_IN, UDP6(REM, "2001:db8:77::1"), GO_ON },
	    { EINAT_IN, UDP6(S48, OWN), GO_ON },
	    { EINAT_IN, UDP6(REM, S48), GO_ON } } },
	{ "link-local, multicast and no source",
	  { { EINAT_OUT, UDP6("fe80::1", REM), GO_ON },
	    { EINAT_OUT, UDP6(S48, "fe80::1"), GO_ON },
	    { EINAT_OUT, UDP6(S48, "ff02::1"), GO_ON },
	    { EINAT_OUT, UDP6("::", REM), GO_ON },
	    { EINAT_IN, UDP6("fe80::1", X48), GO_ON } } },
	{ "unique local destinations of unique local sources",
	  { { EINAT_OUT, UDP6(S48, "fd99::1"), GO_ON },
	    { EINAT_OUT, UDP6(FFFF48, "fc00::1"), GO_ON },
	    { EINAT_OUT, UDP6(S48, "fe00::1"), R(NPT), UDP6(X48, "fe00::1") } } },
	{ "neighbour discovery",
	  { { EINAT_OUT, P6(IPPROTO_ICMPV6, S48, REM, .type = 135, .hop = 255), GO_ON },
	    { EINAT_IN, P6(IPPROTO_ICMPV6, REM, X48, .type = 136, .hop = 255), GO_ON },
	    { EINAT_OUT, P6(IPPROTO_ICMPV6, S48, REM, .type = 135, .hop = 254), R(NPT),
	      P6(IPPROTO_ICMPV6, X48, REM, .type = 135, .hop = 254) },
	    { EINAT_OUT, P6(IPPROTO_ICMPV6, S48, REM, .type = 138, .hop = 255), R(NPT),
	      P6(IPPROTO_ICMPV6, X48, REM, .type = 138, .hop = 255) } } },
	{ "hairpin: to the external prefix of another host, and of the same",
	  { { EINAT_OUT, UDP6(S48, X64), R(HAIRPIN), UDP6(X48, X64) },
	    { EINAT_IN, UDP6(X48, X64), R(NPT), UDP6(X48, S64) },
	    { EINAT_OUT, UDP6(S64, X48), R(HAIRPIN), UDP6(X64, X48) },
	    { EINAT_IN, UDP6(X64, X48), R(NPT), UDP6(X64, S48) },
	    { EINAT_OUT, UDP6(S48, "2001:db8:1:d551::9"), R(HAIRPIN),
	      UDP6(X48, "2001:db8:1:d551::9") } } },
	{ "hairpin: what came in here and would go out to ourselves goes round in circles",
	  { { EINAT_OUT, UDP6(S48, X64), R(TTL), .iif = 1 } } },
	{ "errors from outside: the quoted source too",
	  { { EINAT_IN, ERR6(1, REM, X48, Q(UDP6(X48, REM))), R(NPT),
	      ERR6(1, REM, S48, Q(UDP6(S48, REM))) },
	    { EINAT_IN, ERR6(2, HOP, X64, Q(P6(IPPROTO_TCP, X64, REM))), R(NPT),
	      ERR6(2, HOP, S64, Q(P6(IPPROTO_TCP, S64, REM))) },
	    { EINAT_IN, ERR6(3, HOP, X48, Q(P6(IPPROTO_ICMPV6, X48, REM, .type = 128))), R(NPT),
	      ERR6(3, HOP, S48, Q(P6(IPPROTO_ICMPV6, S48, REM, .type = 128))) },
	    { EINAT_IN, ERR6(4, HOP, X56, Q(P6(132, X56, REM)), .ext = "d"), R(NPT),
	      ERR6(4, HOP, S56, Q(P6(132, S56, REM)), .ext = "d") },
	    { EINAT_IN, ERR6(3, HOP, X48, Q(UDP6(X48, REM, .ext = "l"))), R(NPT),
	      ERR6(3, HOP, S48, Q(UDP6(S48, REM, .ext = "l"))) } } },
	{ "errors from inside and from this router: the quoted destination too",
	  { { EINAT_OUT, ERR6(1, S48, REM, Q(UDP6(REM, S48))), R(NPT),
	      ERR6(1, X48, REM, Q(UDP6(REM, X48))) },
	    { EINAT_OUT, ERR6(2, OWN, REM, Q(P6(IPPROTO_TCP, REM, S64))), R(NPT),
	      ERR6(2, OWN, REM, Q(P6(IPPROTO_TCP, REM, X64))) },
	    { EINAT_OUT, ERR6(3, S56, REM, Q(UDP6(REM, S48))), R(NPT),
	      ERR6(3, X56, REM, Q(UDP6(REM, X48))) },
	    /* of a packet that was not translated */
	    { EINAT_OUT, ERR6(1, S48, REM, Q(UDP6(REM, "fd77::1"))), R(NPT),
	      ERR6(1, X48, REM, Q(UDP6(REM, "fd77::1"))) },
	    { EINAT_OUT, ERR6(1, OWN, REM, Q(UDP6(REM, OWN))), GO_ON } } },
	{ "errors that quote little: the header alone, or less than it",
	  { { EINAT_IN, ERR6(1, REM, X48, Q(UDP6(X48, REM)), .cut = 40), R(NPT),
	      ERR6(1, REM, S48, Q(UDP6(S48, REM)), .cut = 40) },
	    { EINAT_IN, ERR6(1, REM, X48, Q(UDP6(X48, REM)), .cut = 39), R(NPT),
	      ERR6(1, REM, S48, Q(UDP6(X48, REM)), .cut = 39) },
	    { EINAT_OUT, ERR6(1, S48, REM, Q(UDP6(REM, S48)), .cut = 40), R(NPT),
	      ERR6(1, X48, REM, Q(UDP6(REM, X48)), .cut = 40) },
	    /* what is there of the quoted destination would leave as it is */
	    { EINAT_OUT, ERR6(1, S48, REM, Q(UDP6(REM, S48)), .cut = 39), R(MALFORMED_DROP) },
	    { EINAT_OUT, ERR6(1, S48, X64, Q(UDP6(X64, S48)), .cut = 32), R(MALFORMED_DROP) },
	    { EINAT_OUT, ERR6(1, OWN, REM, Q(UDP6(REM, S48)), .cut = 39), GO_ON },
	    { EINAT_OUT, P6(IPPROTO_ICMPV6, S48, REM, .type = 100), R(NPT),
	      P6(IPPROTO_ICMPV6, X48, REM, .type = 100) } } },
	{ "hairpinned errors: all three addresses, in two steps",
	  { /* from S64, about what S48 sent to X64 */
	    { EINAT_OUT, ERR6(1, S64, X48, Q(UDP6(X48, S64))), R(HAIRPIN),
	      ERR6(1, X64, X48, Q(UDP6(X48, X64))) },
	    { EINAT_IN, ERR6(1, X64, X48, Q(UDP6(X48, X64))), R(NPT),
	      ERR6(1, X64, S48, Q(UDP6(S48, X64))) },
	    /* made by the router on the way in */
	    { EINAT_OUT, ERR6(2, OWN, X48, Q(UDP6(X48, S64))), R(HAIRPIN),
	      ERR6(2, OWN, X48, Q(UDP6(X48, X64))) },
	    { EINAT_IN, ERR6(2, OWN, X48, Q(UDP6(X48, X64))), R(NPT),
	      ERR6(2, OWN, S48, Q(UDP6(S48, X64))) } } },
	{ "strict guard: an error of a router inside of no prefix stays inside",
	  { { EINAT_OUT, ERR6(3, INNER, REM, Q(UDP6(REM, S48))), R(GUARD) },
	    { EINAT_OUT, ERR6(3, INNER, X64, Q(UDP6(X64, S48))), R(HAIRPIN),
	      ERR6(3, INNER, X64, Q(UDP6(X64, X48))) },
	    { EINAT_IN, ERR6(3, INNER, X64, Q(UDP6(X64, X48))), R(NPT),
	      ERR6(3, INNER, S64, Q(UDP6(S64, X48))) },
	    { EINAT_OUT, ERR6(3, OWN, REM, Q(UDP6(REM, S48))), R(NPT),
	      ERR6(3, OWN, REM, Q(UDP6(REM, X48))) } },
	  .strict = true },
};

static struct lab npt_lab;

static void run_row(struct lab *lab, const struct row *r, const char *what)
{
	struct frame f = p6_frame(&r->in), want = p6_frame(r->out.src ? &r->out : &r->in);
	int reason = r->reason < 0 ? R(IPV6) : r->reason;
	bool turned = reason == R(HAIRPIN); /* and addressed to the sender's own MAC */
	bool inwards = r->dir == EINAT_IN && (reason == R(NPT) || reason == R(TRANSLATED));
	struct run got;

	if (turned)
		memcpy(want.b, want.b + 6, 6);
	got = expect_frame(lab, r->dir, &f, reason, &want, 0x7, r->iif, what);

	if (got.mark != (inwards ? 0x7 | MARK : 0x7))
		fail_msg("%s: mark %#x", what, got.mark);
}

static void run_npt_case(void **state)
{
	const struct npt_case *c = *state;
	char what[128];

	reset(&npt_lab);
	if (c->strict)
		npt_lab.cfg.flags |= CFG_F_GUARD_STRICT;
	lab_apply(&npt_lab);
	for (size_t i = 0; i < COUNT_OF(c->rows) && c->rows[i].in.src; i++) {
		snprintf(what, sizeof(what), "%s, row %zu", c->name, i + 1);
		run_row(&npt_lab, &c->rows[i], what);
	}
}

/* ---- random pairs and addresses ---- */

static uint64_t seed;

static uint32_t rnd(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 32) % n;
}

/* An address in @p; words of all zeros and all ones are frequent. */
static struct net_addr random_addr(const struct net_prefix *p)
{
	struct net_addr a;

	for (unsigned i = 0; i < 16; i += 2) {
		uint32_t kind = rnd(4);

		put16(&a.b[i], kind == 0 ? 0 : kind == 1 ? 0xffff : rnd(0x10000));
	}
	for (unsigned bit = 0; bit < p->len; bit++) {
		a.b[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
		a.b[bit / 8] |= p->addr.b[bit / 8] & (0x80 >> bit % 8);
	}
	return a;
}

/* The first byte tells internal and external ones apart. */
static struct net_prefix random_prefix(uint8_t first)
{
	struct net_prefix any = { .addr = { { first } }, .len = 8 };
	struct net_addr a = random_addr(&any);
	uint8_t len = (uint8_t)(rnd(3) ? 8 + rnd(57) : (uint32_t[]){ 32, 48, 56, 64 }[rnd(4)]);

	return net_prefix_of(&a, len);
}

static uint32_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum % 0xffff; /* 0xffff and 0 are the same */
}

/*
 * One random host: what leaves has the counterpart that npt_map() says, with right checksums; what
 * comes back for that is for the host again.
 */
static bool random_host(struct lab *lab, const struct npt_pair *pair, enum einat_dir first)
{
	static const uint8_t protos[] = { IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMPV6, 132 };
	const struct net_prefix *from = first == EINAT_OUT ? &pair->internal : &pair->external;
	const struct net_prefix *to = first == EINAT_OUT ? &pair->external : &pair->internal;
	struct net_addr host = random_addr(from), twin;
	char h[INET6_ADDRSTRLEN], t[INET6_ADDRSTRLEN], what[128];
	struct p6 there, there_x, back, back_x;
	bool mapped = npt_map(from, to, &host, &twin);

	inet_ntop(AF_INET6, host.b, h, sizeof(h));
	inet_ntop(AF_INET6, mapped ? twin.b : host.b, t, sizeof(t));
	snprintf(what, sizeof(what), "%s <-> %s", h, t);
	there = (struct p6){ .src = h, .dst = REM, .proto = protos[rnd(4)], .len = rnd(60) };
	there.type = 128;
	there_x = back = back_x = there;
	there_x.src = t;
	if (first == EINAT_IN) {
		there.src = there_x.src = REM;
		there.dst = h;
		there_x.dst = t;
	}
	back.src = there_x.dst;
	back.dst = there_x.src;
	back_x.src = there.dst;
	back_x.dst = there.src;
	run_row(lab, &(struct row){ first, there, mapped ? R(NPT) : R(NPT_UNMAPPED), there_x },
		what);
	if (!mapped)
		return false;
	assert_int_equal(fold(sum16(host.b, 16, 0)), fold(sum16(twin.b, 16, 0)));
	run_row(lab, &(struct row){ !first, back, R(NPT), back_x }, what);
	return true;
}

static void random_pairs(void **state)
{
	const char *given = getenv("EINAT_SEED");
	uint64_t start = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	unsigned mapped = 0, n = 0;

	(void)state;
	seed = start * 0x9e3779b97f4a7c15ull | 1;
	print_message("# EINAT_SEED=%llu\n", (unsigned long long)start);
	for (unsigned i = 0; i < 300; i++) {
		struct net_prefix in = random_prefix(0xfd), ex = random_prefix(0x24);
		struct npt_pair pair = npt_pair(&in, &ex);

		reset(&npt_lab);
		map_clear(npt_lab.sk->maps.npt_out);
		map_clear(npt_lab.sk->maps.npt_in);
		put_pair(&npt_lab, &in, &ex);
		for (unsigned k = 0; k < 10; k++, n++)
			mapped += random_host(&npt_lab, &pair, k & 1 ? EINAT_IN : EINAT_OUT);
	}
	print_message("# %u of %u addresses had a counterpart\n", mapped, n);
	assert_in_range(mapped, n / 2, n - 1);
}

/* ---- what the daemon is told ---- */

static int forget_event(void *data, void *record, size_t size)
{
	(void)data;
	(void)record;
	(void)size;
	return 0;
}

static int on_event(void *data, void *record, size_t size)
{
	const struct einat_event *e = record;
	const struct frame *f = data;

	assert_int_equal(e->kind, EVENT_UNMAPPED);
	assert_int_equal(e->len, f->n - 14);
	assert_in_range(size, sizeof(*e) + e->len, 1 << 16);
	assert_memory_equal(e + 1, f->b + 14, e->len);
	return 0;
}

static int consume(ring_buffer_sample_fn fn, void *data)
{
	struct ring_buffer *ring =
		ring_buffer__new(bpf_map__fd(npt_lab.sk->maps.events), fn, data, NULL);
	int n;

	assert_non_null(ring);
	n = ring_buffer__consume(ring);
	ring_buffer__free(ring);
	return n;
}

/* Events that @s makes in direction @dir. */
static int events_of(enum einat_dir dir, const struct p6 *s)
{
	struct frame f = p6_frame(s);

	expect_frame(&npt_lab, dir, &f, R(NPT_UNMAPPED), NULL, 0, 0, "event");
	return consume(on_event, &f);
}

/* No error about an error (RFC 4443 section 2.4 (e)), about one that quotes too little neither. */
static void senders_to_be_told(void **state)
{
	static const struct p6 udp = UDP6(FFFF48, REM), in = UDP6(REM, "2001:db8:1:ffff::1"),
			       echo = P6(IPPROTO_ICMPV6, FFFF48, REM, .type = 128),
			       error = ERR6(1, FFFF48, REM, &udp),
			       little = ERR6(1, FFFF48, REM, &udp, .cut = 20),
			       unknown = P6(IPPROTO_ICMPV6, FFFF48, REM, .type = 100),
			       redirect = P6(IPPROTO_ICMPV6, FFFF48, REM, .type = 137),
			       error_in = ERR6(1, REM, "2001:db8:1:ffff::1", &in);

	(void)state;
	reset(&npt_lab);
	consume(forget_event, NULL); /* those of the cases before */
	assert_int_equal(events_of(EINAT_OUT, &udp), 1);
	assert_int_equal(events_of(EINAT_OUT, &echo), 1);
	assert_int_equal(events_of(EINAT_IN, &in), 1);
	assert_int_equal(events_of(EINAT_OUT, &error), 0);
	assert_int_equal(events_of(EINAT_OUT, &little), 0);
	assert_int_equal(events_of(EINAT_OUT, &unknown), 0);
	assert_int_equal(events_of(EINAT_OUT, &redirect), 0);
	assert_int_equal(events_of(EINAT_IN, &error_in), 0);
}

/* ---- malformed ---- */

/* Cut at any length, in the frame and by its length field: translated as a whole, or not at all. */
static void truncated(void **state)
{
	const struct p6 whole[] = { ERR6(1, REM, X48, Q(UDP6(X48, REM)), .ext = "d"),
				    UDP6(REM, X48, .ext = "dlf") };

	(void)state;
	reset(&npt_lab);
	for (size_t i = 0; i < COUNT_OF(whole); i++)
		for (size_t n = p6_frame(&whole[i]).n; n >= 14 + 40; n--) {
			struct frame f = p6_frame(&whole[i]), want;
			struct net_addr in;
			size_t at = 14 + 48 + 8 + 8; /* the quoted source */

			f.n = n;
			if (n & 1)
				put16(f.b + 14 + 4, n - 14 - 40);
			want = f;
			assert_int_equal(net_addr_parse(S48, &in), 0);
			memcpy(want.b + 14 + 24, &in, 16);
			if (!i && n >= at - 8 + 40)
				memcpy(want.b + at, &in, 16);
			expect_frame(&npt_lab, EINAT_IN, &f, R(NPT), &want, 0, 0, "cut");
		}
}

/* ---- beside bindings ---- */

#define LAN6 "fd12::c0a8:10a" /* LAN_A over IPv6 */
#define EXT6 "2001:db8::c633:6401"

/* Prefixes first, a slice for the rest; hairpin from each to the other. */
static void beside_bindings(void **state)
{
	static const struct row rows[] = {
		{ EINAT_OUT, UDP6(S48, REM, .sport = 20100), R(NPT),
		  UDP6(X48, REM, .sport = 20100) },
		{ EINAT_OUT, UDP6(LAN6, REM, .sport = 20100), R(TRANSLATED),
		  UDP6(EXT6, REM, .sport = 20100) },
		{ EINAT_IN, UDP6(REM, EXT6, .dport = 20100), R(TRANSLATED),
		  UDP6(REM, LAN6, .dport = 20100) },
		{ EINAT_OUT, UDP6(FFFF48, REM), R(NPT_UNMAPPED) },
		/* a binding's host to a prefix's host, and the answer */
		{ EINAT_OUT, UDP6(LAN6, X48, .sport = 20100), R(HAIRPIN),
		  UDP6(EXT6, X48, .sport = 20100) },
		{ EINAT_IN, UDP6(EXT6, X48, .sport = 20100), R(NPT),
		  UDP6(EXT6, S48, .sport = 20100) },
		{ EINAT_OUT, UDP6(S48, EXT6, .dport = 20100), R(HAIRPIN),
		  UDP6(X48, EXT6, .dport = 20100) },
		{ EINAT_IN, UDP6(X48, EXT6, .dport = 20100), R(TRANSLATED),
		  UDP6(X48, LAN6, .dport = 20100) },
		{ EINAT_OUT, UDP6(EXT6, X48), R(EXTERNAL_SOURCE) },
	};
	struct lab lab;
	char what[32];

	(void)state;
	as_ip6 = true;
	lab_open_as(&lab, LAB_BINDINGS, LAB_BINDINGS, 14, true);
	reset(&lab);
	put_flag(lab.sk->maps.npt_in, EXT6 "/128", NPT_F_KEEP);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		snprintf(what, sizeof(what), "row %zu", i + 1);
		run_row(&lab, &rows[i], what);
	}
	check_consistent(&lab);
	lab_close(&lab);
	as_ip6 = false;
}

int main(void)
{
	const struct CMUnitTest more[] = {
		cmocka_unit_test(random_pairs),
		cmocka_unit_test(senders_to_be_told),
		cmocka_unit_test(truncated),
		cmocka_unit_test(beside_bindings),
	};
	struct CMUnitTest tests[COUNT_OF(cases) + COUNT_OF(more)];
	int failed;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	lab_nptv6 = true;
	lab_open_as(&npt_lab, 64, 64, 14, false);
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		tests[i] = (struct CMUnitTest){ .name = cases[i].name,
						.test_func = run_npt_case,
						.initial_state = (void *)&cases[i] };
	memcpy(&tests[COUNT_OF(cases)], more, sizeof(more));
	failed = cmocka_run_group_tests_name("prefix translation", tests, NULL, NULL);
	lab_close(&npt_lab);
	return failed;
}
