/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Malformed packets for both programs, and what must hold whatever comes. An input is
 *
 *   byte 0   bit 0: ingress; bit 1: strict guard; bits 2 and 3: IPv4, IPv4, IPv6, ARP
 *   byte 1   0xf0 and above: the clock goes on by 40 s for each of the low bits
 *   then     the packet from its IP header on
 *
 * State lives on from run to run: bindings, sessions and notes about fragments.
 */
#ifndef EINAT_TESTS_FUZZ_H
#define EINAT_TESTS_FUZZ_H

#include "tests/bpf/harness.h"

#define FUZZ_HEAD  2
#define FUZZ_MAX   (FUZZ_HEAD + 512)
#define FUZZ_PORT  20100 /* and the next seven: kept by the hosts that use them */
#define FUZZ_SCAN  8192 /* runs between two looks at every slot */
#define FUZZ_CODES 256

struct fuzz {
	struct lab lab;
	unsigned long runs, translated, dropped;
	unsigned code; /* kind of the last run, for the fuzzer's feedback */
};

static inline uint16_t get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static inline uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

enum csum { CSUM_UNKNOWN, CSUM_WRONG, CSUM_RIGHT };

/* Nothing but zeros is neither: 0 and 0xffff are one number here. */
static inline enum csum sums_up(const uint8_t *p, size_t n, uint32_t sum)
{
	sum = sum16(p, n, sum);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return !sum ? CSUM_UNKNOWN : sum == 0xffff ? CSUM_RIGHT : CSUM_WRONG;
}

/* A whole IPv4 header of a packet of @n bytes? Then its length, else 0. */
static inline size_t ip_header(const uint8_t *ip, size_t n)
{
	size_t hlen = n ? (ip[0] & 15) * 4 : 0;

	return n >= 20 && ip[0] >> 4 == 4 && hlen >= 20 && hlen <= n ? hlen : 0;
}

static inline enum csum ip_csum(const uint8_t *ip, size_t n)
{
	size_t hlen = ip_header(ip, n);

	return hlen ? sums_up(ip, hlen, 0) : CSUM_UNKNOWN;
}

/* Of a datagram that is whole and no fragment. */
static inline enum csum l4_csum(const uint8_t *ip, size_t n)
{
	size_t hlen = ip_header(ip, n), len = hlen ? get16(ip + 2) : 0;
	const uint8_t *l4 = ip + hlen;
	uint32_t pseudo;

	if (!hlen || len < hlen + 8 || len > n || get16(ip + 6) & 0x3fff)
		return CSUM_UNKNOWN;
	len -= hlen;
	pseudo = sum16(ip + 12, 8, ip[9]);
	if (ip[9] == IPPROTO_ICMP)
		return sums_up(l4, len, 0);
	if (ip[9] == IPPROTO_TCP)
		return len < 20 ? CSUM_UNKNOWN : sums_up(l4, len, pseudo + len);
	if (ip[9] != IPPROTO_UDP || !get16(l4 + 6) || get16(l4 + 4) < 8 || get16(l4 + 4) > len)
		return CSUM_UNKNOWN;
	len = get16(l4 + 4);
	return sums_up(l4, len, pseudo + len);
}

/* The packet that an ICMP error quotes, or NULL; its bytes in @ret_n. */
static inline const uint8_t *quoted_ip(const uint8_t *ip, size_t n, size_t *ret_n)
{
	const uint32_t errors = 1 << 3 | 1 << 4 | 1 << 11 | 1 << 12;
	size_t hlen = ip_header(ip, n), len = hlen ? get16(ip + 2) : 0;

	if (!hlen || ip[9] != IPPROTO_ICMP || get16(ip + 6) & 0x1fff || len > n ||
	    len < hlen + 8 + 20 || ip[hlen] > 31 || !(errors >> ip[hlen] & 1))
		return NULL;
	*ret_n = len - hlen - 8;
	return ip + hlen + 8;
}

/* The places that may change: addresses, ports, checksums of one packet, in @may. */
static inline void may_change(const uint8_t *ip, size_t n, bool source, uint8_t *may)
{
	size_t hlen = ip_header(ip, n), l4 = hlen;
	size_t port = ip[9] == IPPROTO_ICMP ? 4 : source ? 0 : 2;
	size_t csum = ip[9] == IPPROTO_ICMP ? 2 : ip[9] == IPPROTO_TCP ? 16 : 6;

	if (!hlen)
		return;
	memset(may + 10, 1, 2);
	memset(may + (source ? 12 : 16), 1, 4);
	if (get16(ip + 6) & 0x1fff)
		return;
	for (size_t i = 0; i < 2; i++) {
		if (l4 + port + i < n)
			may[l4 + port + i] = 1;
		if (l4 + csum + i < n)
			may[l4 + csum + i] = 1;
	}
}

static inline void check_changes(const uint8_t *in, const uint8_t *out, size_t n, bool egress)
{
	uint8_t may[2048] = {};
	const uint8_t *q;
	size_t qn;

	may_change(in, n, egress, may);
	q = quoted_ip(in, n, &qn);
	if (q) {
		may[ip_header(in, n) + 4] = may[ip_header(in, n) + 5] = 0;
		may_change(q, qn, !egress, may + (q - in));
	}
	for (size_t i = 0; i < n; i++)
		if (in[i] != out[i] && !may[i])
			fail_msg("byte %zu was changed: %02x, before %02x", i, out[i], in[i]);
}

static inline void check_csum(enum csum before, enum csum after, const char *what)
{
	if (before == CSUM_RIGHT && after != CSUM_RIGHT)
		fail_msg("%s checksum was right and is wrong", what);
	if (before == CSUM_WRONG && after == CSUM_RIGHT)
		fail_msg("%s checksum was wrong and is right", what);
}

static inline bool is_private(uint32_t a)
{
	return a >> 24 == 10 || a >> 20 == 0xac1 || a >> 16 == 0xc0a8 || a >> 22 == 0x191;
}

/* A packet that was changed. @in and @out: @n bytes from the IP header on. */
static inline void check_translated(const uint8_t *in, const uint8_t *out, size_t n, bool egress)
{
	const uint8_t *q;
	size_t qn;

	check_changes(in, out, n, egress);
	check_csum(ip_csum(in, n), ip_csum(out, n), "IP");
	check_csum(l4_csum(in, n), l4_csum(out, n), "layer 4");
	if (egress && get32(out + 12) != EXT)
		fail_msg("left with the source %08x", get32(out + 12));
	if (!egress && !is_private(get32(out + 16)) && get32(out + 16) != EXT) /* this host's own */
		fail_msg("translated inwards to %08x", get32(out + 16));
	q = quoted_ip(in, n, &qn);
	if (!q)
		return;
	check_csum(ip_csum(q, qn), ip_csum(out + (q - in), qn), "quoted IP");
	check_csum(l4_csum(q, qn), l4_csum(out + (q - in), qn), "quoted layer 4");
	if (egress && is_private(get32(out + (q - in) + 16)))
		fail_msg("an internal address left in a quotation");
}

/* A packet that leaves unchanged: with the strict guard never one of a private source. */
static inline void check_passed(const uint8_t *ip, size_t n, bool strict)
{
	if (n < 20 || ip[0] >> 4 != 4)
		return;
	if (strict && is_private(get32(ip + 12)))
		fail_msg("left unchanged with the private source %08x", get32(ip + 12));
	/* the slice's protocols towards what is not excluded, whatever the guard */
	if (get32(ip + 12) >> 8 == IP4(192, 168, 1, 0) >> 8 && ip_header(ip, n) &&
	    get16(ip + 2) >= ip_header(ip, n) && get16(ip + 2) <= n &&
	    (ip[9] == IPPROTO_UDP || ip[9] == IPPROTO_TCP || ip[9] == IPPROTO_ICMP) &&
	    get32(ip + 16) >> 8 != EXCLUDED >> 8)
		fail_msg("one of the slice left unchanged, source %08x", get32(ip + 12));
}

static inline void fuzz_open(struct fuzz *z)
{
	memset(z, 0, sizeof(*z));
	lab_open_sized(&z->lab, LAB_BINDINGS, LAB_BINDINGS);
	lab_reset(&z->lab);
}

static inline void fuzz_close(struct fuzz *z)
{
	check_consistent(&z->lab);
	lab_close(&z->lab);
}

/* One input through its program; a violation is a failed assertion of cmocka's. */
static inline void fuzz_run(struct fuzz *z, const uint8_t *data, size_t size)
{
	static const uint16_t types[] = { 0x0800, 0x0800, 0x86dd, 0x0806 };
	bool egress, strict, changed;
	struct frame f = { .n = 14 };
	uint16_t type;
	struct run r;
	size_t n;

	if (size < FUZZ_HEAD)
		return;
	if (size > FUZZ_MAX)
		size = FUZZ_MAX;
	n = size - FUZZ_HEAD;
	egress = !(data[0] & 1);
	strict = data[0] & 2;
	type = types[data[0] >> 2 & 3];
	put16(f.b + 12, type);
	memcpy(f.b + 14, data + FUZZ_HEAD, n);
	f.n += n;
	/* newer kernels' BPF_PROG_RUN refuses less than an IP header */
	if ((type == 0x0800 && n < 20) || (type == 0x86dd && n < 40))
		return;
	if (data[1] >= 0xf0)
		z->lab.ctl->now_override += (data[1] & 15) * 40;
	if (strict != !!(z->lab.cfg.flags & CFG_F_GUARD_STRICT)) {
		z->lab.cfg.flags ^= CFG_F_GUARD_STRICT;
		lab_apply(&z->lab);
	}
	r = run_frame(&z->lab, egress ? EINAT_OUT : EINAT_IN, &f, 0, 0);
	if (r.verdict != -1 && r.verdict != 2 && r.verdict != 7)
		fail_msg("verdict %d", r.verdict);
	if (r.verdict == 7 && !egress)
		fail_msg("ingress redirects");
	changed = r.out.n != f.n || memcmp(r.out.b, f.b, f.n);
	if (r.verdict != 2 && r.out.n != f.n)
		fail_msg("%zu bytes became %zu", f.n, r.out.n);
	if (type == 0x0800 && r.verdict != 2 && changed)
		check_translated(f.b + 14, r.out.b + 14, n, egress);
	if (type == 0x0800 && r.verdict == -1 && !changed && egress)
		check_passed(f.b + 14, n, strict);
	z->code = data[0] & 1;
	z->code |= (r.verdict == 2) << 1 | (r.verdict == 7) << 2 | changed << 3;
	if (n >= 20) {
		z->code |= (f.b[14 + 9] & 3) << 4;
		z->code |= (f.b[14] > 0x45) << 6 | !!(get16(f.b + 20) & 0x3fff) << 7;
	}
	z->translated += r.verdict != 2 && changed;
	z->dropped += r.verdict == 2;
	if (++z->runs % FUZZ_SCAN == 0)
		check_consistent(&z->lab);
}

/* ---- inputs that get far ---- */

struct fuzz_rng {
	uint64_t s;
};

/* splitmix64 */
static inline uint32_t fuzz_rnd(struct fuzz_rng *g, uint32_t n)
{
	uint64_t z = g->s += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (z ^ z >> 31) % n;
}

static inline uint16_t fuzz_port(struct fuzz_rng *g)
{
	return fuzz_rnd(g, 8) ? FUZZ_PORT + fuzz_rnd(g, 8) : fuzz_rnd(g, 65536);
}

static inline struct spec fuzz_flow(struct fuzz_rng *g, bool egress)
{
	static const uint8_t protos[] = { IPPROTO_UDP, IPPROTO_UDP, IPPROTO_TCP, IPPROTO_TCP,
					  IPPROTO_ICMP };
	static const uint32_t in[] = { LAN_A, LAN_A, LAN_B, LAN_OUTSIDE, EXT };
	static const uint32_t out[] = { REMOTE, REMOTE, REMOTE, EXT, EXCLUDED };
	struct spec s = { .proto = protos[fuzz_rnd(g, 5)],
			  .flags = 1u << fuzz_rnd(g, 5) | (fuzz_rnd(g, 2) ? F_ACK : 0),
			  .src = egress ? in[fuzz_rnd(g, 5)] : REMOTE,
			  .dst = egress ? out[fuzz_rnd(g, 5)] : EXT,
			  .sport = egress ? fuzz_port(g) : 53,
			  .dport = egress && fuzz_rnd(g, 3) ? 53 : fuzz_port(g),
			  .len = fuzz_rnd(g, 40),
			  .id = fuzz_rnd(g, 4),
			  .options = fuzz_rnd(g, 4) ? 0 : fuzz_rnd(g, 11) * 4,
			  .no_csum = !fuzz_rnd(g, 8) };

	if (s.proto == IPPROTO_ICMP) {
		s.type = egress ? 8 : 0;
		*(egress ? &s.dport : &s.sport) = 0;
	}
	if (!fuzz_rnd(g, 6))
		s.frag = fuzz_rnd(g, 2) ? 0x2000 : fuzz_rnd(g, 40) | (fuzz_rnd(g, 2) << 13);
	return s;
}

/* A good packet; now and then an ICMP error, or an error about an error. */
static inline size_t fuzz_packet(struct fuzz_rng *g, bool egress, uint8_t *p)
{
	static const uint8_t errors[] = { 3, 3, 11, 12, 4, 5 };
	struct spec s = fuzz_flow(g, egress), q, e;
	size_t header;

	if (fuzz_rnd(g, 3))
		return build_ip4(&s, p, &header);
	q = fuzz_flow(g, !egress);
	if (egress) { /* about what came in, to the inside */
		q.dst = fuzz_rnd(g, 6) ? LAN_A : LAN_B;
		s.src = fuzz_rnd(g, 3) ? q.dst : fuzz_rnd(g, 2) ? EXT : LAN_B;
	} else {
		q.src = fuzz_rnd(g, 6) ? EXT : REMOTE;
		q.dst = REMOTE;
	}
	e = (struct spec){ .proto = IPPROTO_ICMP,
			   .type = errors[fuzz_rnd(g, 6)],
			   .code = fuzz_rnd(g, 5),
			   .src = s.src,
			   .dst = s.dst,
			   .options = s.options,
			   .quote = &q };
	if (fuzz_rnd(g, 3))
		e.quote_l4 = fuzz_rnd(g, 3) ? 8 : 8 + fuzz_rnd(g, 24);
	if (!fuzz_rnd(g, 8)) { /* an error about an error */
		struct spec nested = e;

		nested.options = 0;
		q = fuzz_flow(g, egress);
		nested.quote_l4 = 8;
		e.quote = &nested;
		e.quote_l4 = fuzz_rnd(g, 2) ? 0 : 8;
		return build_ip4(&e, p, &header);
	}
	return build_ip4(&e, p, &header);
}

/* Makes the checksums of what is there right again, as far as lengths allow. */
static inline void fuzz_mend(uint8_t *ip, size_t n)
{
	size_t hlen = ip_header(ip, n), len;

	if (!hlen)
		return;
	len = get16(ip + 2);
	put16(ip + 10, 0);
	put_csum(ip + 10, sum16(ip, hlen, 0));
	if (len < hlen + 8 || len > n)
		return;
	len -= hlen;
	ip += hlen;
	if (ip[9 - (int)hlen] == IPPROTO_ICMP) {
		put16(ip + 2, 0);
		put_csum(ip + 2, sum16(ip, len, 0));
	}
}

/* One thing goes wrong. @n bytes, at most @max; the new length. */
static inline size_t fuzz_break(struct fuzz_rng *g, uint8_t *ip, size_t n, size_t max)
{
	size_t at = n ? fuzz_rnd(g, n) : 0, more;

	switch (fuzz_rnd(g, 14)) {
	case 0: /* cut anywhere, or within the headers */
		return fuzz_rnd(g, 2) ? at : at % 60;
	case 1: /* padding behind the datagram */
		more = n + fuzz_rnd(g, 30);
		more = more < max ? more : max;
		for (size_t i = n; i < more; i++)
			ip[i] = fuzz_rnd(g, 256);
		return more;
	case 2: /* total length */
		if (n >= 20)
			put16(ip + 2, fuzz_rnd(g, 2) ? fuzz_rnd(g, 65536) : fuzz_rnd(g, n + 20));
		return n;
	case 3: /* header length, version */
		if (n)
			ip[0] = fuzz_rnd(g, 3) ? 0x40 | fuzz_rnd(g, 16) : fuzz_rnd(g, 256);
		return n;
	case 4: /* overlapping and other fragments */
		if (n >= 20)
			put16(ip + 6,
			      fuzz_rnd(g, 2) ? fuzz_rnd(g, 65536) : fuzz_rnd(g, 6) | 0x2000);
		return n;
	case 5: /* every protocol number */
		if (n >= 20)
			ip[9] = fuzz_rnd(g, 256);
		return n;
	case 6: /* addresses from anywhere */
		if (n >= 20)
			put_addr(ip + (fuzz_rnd(g, 2) ? 12 : 16),
				 fuzz_rnd(g, 65536) << 16 | fuzz_rnd(g, 65536));
		return n;
	case 7: /* length of UDP, header length of TCP, type of ICMP */
		if (ip_header(ip, n) && ip_header(ip, n) + 14 < n) {
			uint8_t *l4 = ip + ip_header(ip, n);

			l4[fuzz_rnd(g, 2) ? 12 : 5] = fuzz_rnd(g, 256);
			if (ip[9] == IPPROTO_ICMP)
				l4[0] = fuzz_rnd(g, 40);
		}
		return n;
	case 8: /* a quotation's header */
		if (n > 60)
			ip[28 + fuzz_rnd(g, 30)] = fuzz_rnd(g, 256);
		return n;
	case 9:
		fuzz_mend(ip, n);
		return n;
	default:
		if (n)
			ip[at] = fuzz_rnd(g, 2) ? ip[at] ^ 1u << fuzz_rnd(g, 8) : fuzz_rnd(g, 256);
		return n;
	}
}

/** fuzz_make() - a new input into @data (FUZZ_MAX bytes); its size. */
static inline size_t fuzz_make(struct fuzz_rng *g, uint8_t *data)
{
	uint8_t packet[1024];
	size_t n;

	data[0] = fuzz_rnd(g, 4) | (fuzz_rnd(g, 40) ? 0 : fuzz_rnd(g, 4) << 2);
	data[1] = fuzz_rnd(g, 200) ? 0 : 0xf0 | fuzz_rnd(g, 16);
	n = fuzz_packet(g, !(data[0] & 1), packet);
	for (unsigned k = fuzz_rnd(g, 4); k; k--)
		n = fuzz_break(g, packet, n, FUZZ_MAX - FUZZ_HEAD);
	if (n > FUZZ_MAX - FUZZ_HEAD)
		n = FUZZ_MAX - FUZZ_HEAD;
	memcpy(data + FUZZ_HEAD, packet, n);
	return FUZZ_HEAD + n;
}

#endif
