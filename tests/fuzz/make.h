/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inputs that get far: packets as they should be, of which some things go wrong. */
#ifndef EINAT_TESTS_FUZZ_MAKE_H
#define EINAT_TESTS_FUZZ_MAKE_H

#include "tests/fuzz/fuzz.h"

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
	static const char *const chains[] = { "h",  "d",  "hdrD",     "f",	  "a", "dfd",
					      "df", "r",  "0",	      "s",	  "n", "fn",
					      "ff", "hh", "dddddddd", "ddddddddd" };
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
	if (as_ip6 && !fuzz_rnd(g, 3))
		s.ext = chains[fuzz_rnd(g, sizeof(chains) / sizeof(chains[0]))];
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
		return build_ip(&s, p, &header);
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
		return build_ip(&e, p, &header);
	}
	return build_ip(&e, p, &header);
}

/* Makes the checksums of what is there right again, as far as lengths allow. */
static inline void fuzz_mend(uint8_t *ip, size_t n)
{
	struct view v;
	size_t at;

	if (!view(ip, n, &v))
		return;
	if (!v.six) {
		put16(ip + 10, 0);
		put_csum(ip + 10, sum16(ip, v.l4, 0));
	}
	at = v.proto == IPPROTO_TCP ? 16 : v.proto == IPPROTO_UDP ? 6 : 2;
	if (v.later || !csum_place(v.proto) || v.end > n || v.l4 + at + 2 > v.end)
		return;
	put16(ip + v.l4 + at, 0);
	put_csum(ip + v.l4 + at, sum16(ip + v.l4, v.end - v.l4, pseudo_sum(ip, &v)));
}

/* A packet of IPv6 becomes one of a host of the prefix, from or to it; and what it quotes. */
static inline void fuzz_of_prefix(struct fuzz_rng *g, bool egress, uint8_t *ip, size_t n)
{
	struct net_prefix in = prefix(FUZZ_INTERNAL), ex = prefix(FUZZ_EXTERNAL);
	struct net_addr host = in.addr;
	const uint8_t *q;
	size_t qn;

	host.b[7] = fuzz_rnd(g, 8) ? 1 : 0xff; /* subnet 0xffff has no counterpart */
	host.b[6] = host.b[7] == 1 ? 0 : 0xff;
	host.b[15] = 1 + fuzz_rnd(g, 4);
	if (!egress)
		npt_map(&in, &ex, &host, &host);
	memcpy(ip + (egress ? 8 : 24), &host, sizeof(host));
	q = quoted_ip(ip, n, &qn);
	if (q) {
		memcpy(ip + (q - ip) + (egress ? 24 : 8), &host, sizeof(host));
		fuzz_mend(ip + (q - ip), qn);
	}
	fuzz_mend(ip, n);
}

/* As fuzz_break(), of IPv6's own: @n of at least 40 bytes. */
static inline void fuzz_break6(struct fuzz_rng *g, uint8_t *ip, size_t n)
{
	switch (fuzz_rnd(g, 7)) {
	case 0: /* payload length */
		put16(ip + 4, fuzz_rnd(g, 2) ? fuzz_rnd(g, 65536) : fuzz_rnd(g, n));
		break;
	case 1: /* every protocol number */
		ip[6] = fuzz_rnd(g, 256);
		break;
	case 2: /* a header of that number behind the first one, and its length */
		if (n > 42)
			ip[40 + fuzz_rnd(g, 2)] = fuzz_rnd(g, 2) ? fuzz_rnd(g, 64) : 44;
		break;
	case 3: /* of a fragment or routing header */
		if (n > 48)
			ip[42 + fuzz_rnd(g, 2)] = fuzz_rnd(g, 256);
		break;
	case 4: /* from anywhere, to anywhere: link-local, multicast, mapped, unspecified ... */
		memset(ip + (fuzz_rnd(g, 2) ? 8 : 24), fuzz_rnd(g, 2) ? 0 : 0xff,
		       fuzz_rnd(g, 2) ? 16 : 12);
		if (fuzz_rnd(g, 2))
			put16(ip + (fuzz_rnd(g, 2) ? 8 : 24), 0xfe80);
		break;
	case 5: /* hop limit: neighbour discovery has 255 */
		ip[7] = fuzz_rnd(g, 2) ? 255 : 0;
		if (n > 40 && ip[6] == IPPROTO_ICMPV6)
			ip[40] = 130 + fuzz_rnd(g, 10);
		break;
	case 6:
		ip[0] = fuzz_rnd(g, 256);
		break;
	}
}

/* One thing goes wrong. @n bytes, at most @max; the new length. */
static inline size_t fuzz_break(struct fuzz_rng *g, uint8_t *ip, size_t n, size_t max)
{
	size_t at = n ? fuzz_rnd(g, n) : 0, more;
	struct view v;

	if (n >= 40 && ip[0] >> 4 == 6 && fuzz_rnd(g, 2)) {
		fuzz_break6(g, ip, n);
		return n;
	}
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
		if (view(ip, n, &v) && v.l4 + 14 < n) {
			ip[v.l4 + (fuzz_rnd(g, 2) ? 12 : 5)] = fuzz_rnd(g, 256);
			if (is_icmp(&v))
				ip[v.l4] = fuzz_rnd(g, 40);
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

	/* both families alike, and few of no or another kind */
	data[0] = fuzz_rnd(g, 4) | (fuzz_rnd(g, 40) ? fuzz_rnd(g, 2) * 2 : fuzz_rnd(g, 4)) << 2;
	as_ip6 = (data[0] >> 2 & 3) == 2;
	data[1] = fuzz_rnd(g, 200) ? 0 : 0xf0 | fuzz_rnd(g, 16);
	n = fuzz_packet(g, !(data[0] & 1), packet);
	if (!fuzz_rnd(g, 4))
		data[0] |= 1 << 4;
	if (data[0] >> 4 && as_ip6 && fuzz_rnd(g, 3))
		fuzz_of_prefix(g, !(data[0] & 1), packet, n);
	for (unsigned k = fuzz_rnd(g, 4); k; k--)
		n = fuzz_break(g, packet, n, FUZZ_MAX - FUZZ_HEAD);
	if (n > FUZZ_MAX - FUZZ_HEAD)
		n = FUZZ_MAX - FUZZ_HEAD;
	memcpy(data + FUZZ_HEAD, packet, n);
	return FUZZ_HEAD + n;
}

#endif
