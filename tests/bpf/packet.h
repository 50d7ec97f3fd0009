/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets described by struct spec, with role-named addresses, and built with full checksums that
 * are summed up from the bytes, unlike the data plane's, which it updates incrementally. With
 * as_ip6 set, the same specs become IPv6: each address its counterpart, ICMP its ICMPv6.
 */
#ifndef EINAT_TESTS_BPF_PACKET_H
#define EINAT_TESTS_BPF_PACKET_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define IP4(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d)) /* host byte order */
#define LAN_A		IP4(192, 168, 1, 10)
#define LAN_B		IP4(192, 168, 1, 20)
#define LAN_OUTSIDE	IP4(10, 9, 9, 9) /* private, but not of the slice */
#define PUBLIC_OWN	IP4(192, 0, 2, 7) /* routed public host behind the router */
#define EXT		IP4(198, 51, 100, 1)
#define EXT2		IP4(198, 51, 100, 2)
#define REMOTE		IP4(203, 0, 113, 5)
#define REMOTE2		IP4(203, 0, 113, 77)
#define ROUTER		IP4(203, 0, 113, 254) /* on the path outside */
#define EXCLUDED	IP4(203, 0, 114, 1)
#define INNER_ROUTER	IP4(192, 168, 1, 2)

enum { F_FIN = 1, F_SYN = 2, F_RST = 4, F_ACK = 16 };

struct spec {
	uint8_t proto; /* IPPROTO_ */
	uint8_t flags; /* TCP */
	uint8_t type, code; /* ICMP; a query's identifier is sport (request) or dport (reply) */
	uint32_t src, dst; /* host byte order, as all here */
	uint16_t sport, dport;
	uint16_t len; /* bytes of payload */
	uint16_t id;
	uint16_t frag; /* the IP header's field: 0x2000 more fragments, offset in 8 bytes */
	uint8_t options; /* bytes of IP options */
	bool no_csum; /* UDP without checksum */
	const char *ext; /* IPv6: extension headers in order, see put_ext() */
	uint8_t hop_limit; /* IPv6; 0: 64 */
	const struct spec *quote; /* ICMP error about this one ... */
	int16_t quote_l4; /* ... of which so many bytes after its headers (0: all), or fewer */
};

#define UDP(s, sp, d, dp, ...)                                                                     \
	{                                                                                          \
		.proto = IPPROTO_UDP, .src = s, .sport = sp, .dst = d, .dport = dp, .len = 32,     \
		__VA_ARGS__                                                                        \
	}
#define TCP(f, s, sp, d, dp, ...)                                                                  \
	{                                                                                          \
		.proto = IPPROTO_TCP, .flags = f, .src = s, .sport = sp, .dst = d, .dport = dp,    \
		__VA_ARGS__                                                                        \
	}
#define QUERY(t, s, d, ident, ...)                                                                 \
	{                                                                                          \
		.proto = IPPROTO_ICMP, .type = t, .src = s, .dst = d, .sport = ident, .len = 32,   \
		__VA_ARGS__                                                                        \
	}
#define REPLY(t, s, d, ident, ...)                                                                 \
	{                                                                                          \
		.proto = IPPROTO_ICMP, .type = t, .src = s, .dst = d, .dport = ident, .len = 32,   \
		__VA_ARGS__                                                                        \
	}
#define PING(s, d, ident, ...) QUERY(8, s, d, ident, __VA_ARGS__)
#define PONG(s, d, ident, ...) REPLY(0, s, d, ident, __VA_ARGS__)
#define ICMP_ERR(t, c, s, d, q, ...)                                                               \
	{                                                                                          \
		.proto = IPPROTO_ICMP, .type = t, .code = c, .src = s, .dst = d, .quote = q,       \
		__VA_ARGS__                                                                        \
	}

static inline uint32_t sum16(const uint8_t *p, size_t n, uint32_t sum)
{
	for (size_t i = 0; i < n; i++)
		sum += i & 1 ? p[i] : p[i] << 8;
	return sum;
}

static inline void put16(uint8_t *p, uint16_t v)
{
	p[0] = v >> 8;
	p[1] = v;
}

static inline void put_csum(uint8_t *p, uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	put16(p, ~sum);
}

static inline void put_addr(uint8_t *p, uint32_t a)
{
	put16(p, a >> 16);
	put16(p + 2, a);
}

static __thread bool as_ip6;

/* The counterpart of an IPv4 address: ULA for private ones; those of one prefix stay in one. */
static inline void role6(uint32_t a, uint8_t *p)
{
	bool private = a >> 24 == 10 || a >> 20 == 0xac1 || a >> 16 == 0xc0a8 || a >> 22 == 0x191;

	memset(p, 0, 16);
	if (a)
		put16(p, a >> 28 >= 14 ? 0xff02 : private ? 0xfd12 : 0x2001);
	if (a && !private && a >> 28 < 14)
		put16(p + 2, 0x0db8);
	put_addr(p + 12, a);
}

static inline uint8_t icmp6_type(const struct spec *s)
{
	switch (s->type) {
	case 0:
		return 129;
	case 3:
		return s->code == 4 ? 2 : 1;
	case 4:
		return 127; /* private experimentation: no such error */
	case 5:
		return 137;
	case 8:
		return 128;
	case 11:
		return 3;
	case 12:
		return 4;
	}
	return s->type;
}

/*
 * One extension header at @p, its length. h: hop-by-hop, d: destination options of 8 bytes, D: of
 * 40, r: routing type 2, all done, 0: routing type 0, s: routing with a segment left, f: fragment
 * by s->frag and s->id, a: atomic fragment, n: no next header.
 */
static inline size_t put_ext(const struct spec *s, char which, uint8_t *p, uint8_t *ret_proto)
{
	size_t n = which == 'D' ? 40 : which == 'r' || which == '0' || which == 's' ? 24 : 8;

	memset(p, 0, n);
	p[1] = n / 8 - 1;
	switch (which) {
	case 'h':
	case 'd':
	case 'D':
		*ret_proto = which == 'h' ? IPPROTO_HOPOPTS : IPPROTO_DSTOPTS;
		p[2] = 1; /* PadN */
		p[3] = n - 4;
		break;
	case 'r':
	case '0':
	case 's':
		*ret_proto = IPPROTO_ROUTING;
		p[2] = which == '0' ? 0 : 2;
		p[3] = which == 's';
		break;
	case 'f':
	case 'a':
		*ret_proto = IPPROTO_FRAGMENT;
		p[1] = 0;
		if (which == 'f')
			put16(p + 2, (s->frag & 0x1fff) << 3 | !!(s->frag & 0x2000));
		put_addr(p + 4, 0x5a000000 | s->id);
		break;
	case 'n':
		*ret_proto = IPPROTO_NONE;
		return 0;
	}
	return n;
}

static inline size_t build_ip(const struct spec *s, uint8_t *p, size_t *ret_header);

/* Layer 4 into @l4; its length. @pseudo: sum of the addresses. */
static inline size_t build_l4(const struct spec *s, uint8_t *l4, uint32_t pseudo)
{
	bool later = s->frag & 0x1fff;
	size_t n = later ? 0 : s->proto == IPPROTO_TCP ? 20 : 8, quoted, header;

	memset(l4, 0, n);
	if (s->quote) {
		quoted = build_ip(s->quote, l4 + 8, &header);
		if (s->quote_l4)
			quoted = header + s->quote_l4;
		n += quoted;
	} else {
		for (unsigned i = 0; i < s->len; i++)
			l4[n + i] = i * 7 + 1;
		n += s->len;
	}
	if (later)
		return n;
	if (s->proto != IPPROTO_ICMP) {
		put16(l4, s->sport);
		put16(l4 + 2, s->dport);
	}
	pseudo += n + (as_ip6 && s->proto == IPPROTO_ICMP ? IPPROTO_ICMPV6 : s->proto);
	if (s->proto == IPPROTO_UDP) {
		put16(l4 + 4, n);
		if (!s->no_csum) {
			put_csum(l4 + 6, sum16(l4, n, pseudo));
			if (!l4[6] && !l4[7])
				put16(l4 + 6, 0xffff);
		}
	} else if (s->proto == IPPROTO_TCP) {
		put16(l4 + 4, 0x1234);
		l4[12] = 5 << 4;
		l4[13] = s->flags;
		put16(l4 + 14, 0xfaf0);
		put_csum(l4 + 16, sum16(l4, n, pseudo));
	} else if (s->proto == IPPROTO_ICMP) {
		l4[0] = as_ip6 ? icmp6_type(s) : s->type;
		l4[1] = as_ip6 && l4[0] == 2 ? 0 : s->code;
		if (!s->quote)
			put16(l4 + 4, s->sport | s->dport);
		put_csum(l4 + 2, sum16(l4, n, as_ip6 ? pseudo : 0));
	}
	return n;
}

static inline size_t build_ip4(const struct spec *s, uint8_t *p, size_t *ret_header)
{
	size_t ihl = 20 + s->options, n;

	memset(p, 0, ihl);
	p[0] = 0x40 | ihl / 4;
	put16(p + 4, s->id);
	put16(p + 6, s->frag);
	p[8] = 64;
	p[9] = s->proto;
	put_addr(p + 12, s->src);
	put_addr(p + 16, s->dst);
	memset(p + 20, 1, s->options); /* NOP */
	n = ihl + build_l4(s, p + ihl, sum16(p + 12, 8, 0));
	put16(p + 2, n);
	put_csum(p + 10, sum16(p, ihl, 0));
	*ret_header = ihl;
	return n;
}

/* Options become destination options; a fragment header is the last one if none is in s->ext. */
static inline size_t build_ip6(const struct spec *s, uint8_t *p, size_t *ret_header)
{
	const char *ext = s->ext ?: s->options ? (s->frag ? "df" : "d") : s->frag ? "f" : "";
	uint8_t *next = p + 6;
	size_t at = 40, n;

	memset(p, 0, 40);
	p[0] = 0x60;
	p[1] = 0x05; /* traffic class and flow label */
	p[3] = 0x77;
	p[7] = s->hop_limit ?: 64;
	role6(s->src, p + 8);
	role6(s->dst, p + 24);
	*next = s->proto == IPPROTO_ICMP ? IPPROTO_ICMPV6 : s->proto;
	for (; *ext; ext++) {
		uint8_t proto = *next, *self = p + at;

		n = put_ext(s, *ext, self, next);
		if (!n)
			break;
		self[0] = proto;
		next = self;
		at += n;
	}
	n = at + build_l4(s, p + at, sum16(p + 8, 32, 0));
	put16(p + 4, n - 40);
	*ret_header = at;
	return n;
}

/* IP packet into @p; its length, and that of what comes before layer 4. */
static inline size_t build_ip(const struct spec *s, uint8_t *p, size_t *ret_header)
{
	return as_ip6 ? build_ip6(s, p, ret_header) : build_ip4(s, p, ret_header);
}

struct frame {
	uint8_t b[2048];
	size_t n;
};

static inline struct frame build(const struct spec *s)
{
	static const uint8_t eth[14] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0 };
	struct frame f = {};
	size_t header;

	memcpy(f.b, eth, 14);
	if (as_ip6)
		put16(f.b + 12, 0x86dd);
	f.n = 14 + build_ip(s, f.b + 14, &header);
	return f;
}

#endif
