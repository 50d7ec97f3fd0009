/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets described by struct spec, with role-named addresses, and built with full checksums that
 * are summed up from the bytes, unlike the data plane's, which it updates incrementally.
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
	const struct spec *quote; /* ICMP error about this one ... */
	uint16_t quote_l4; /* ... of which so many bytes after the IP header, 0: all */
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

/* IP packet into @p; its length. */
static inline size_t build_ip(const struct spec *s, uint8_t *p)
{
	size_t ihl = 20 + s->options, n, quoted;
	bool later = s->frag & 0x1fff;
	uint8_t *l4 = p + ihl;
	uint32_t pseudo;

	memset(p, 0, ihl + 40);
	n = later ? 0 : s->proto == IPPROTO_TCP ? 20 : 8;
	if (s->quote) {
		quoted = build_ip(s->quote, l4 + 8);
		if (s->quote_l4)
			quoted = 20 + s->quote->options + s->quote_l4;
		n += quoted;
	} else {
		for (unsigned i = 0; i < s->len; i++)
			l4[n + i] = i * 7 + 1;
		n += s->len;
	}
	if (!later && s->proto != IPPROTO_ICMP) {
		put16(l4, s->sport);
		put16(l4 + 2, s->dport);
	}
	pseudo = s->proto + n + (s->src >> 16) + (s->src & 0xffff) + (s->dst >> 16) +
		 (s->dst & 0xffff);
	if (later) {
		;
	} else if (s->proto == IPPROTO_UDP) {
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
		l4[0] = s->type;
		l4[1] = s->code;
		if (!s->quote)
			put16(l4 + 4, s->sport | s->dport);
		put_csum(l4 + 2, sum16(l4, n, 0));
	}
	p[0] = 0x40 | ihl / 4;
	put16(p + 2, ihl + n);
	put16(p + 4, s->id);
	put16(p + 6, s->frag);
	p[8] = 64;
	p[9] = s->proto;
	put_addr(p + 12, s->src);
	put_addr(p + 16, s->dst);
	memset(p + 20, 1, s->options); /* NOP */
	put_csum(p + 10, sum16(p, ihl, 0));
	return ihl + n;
}

struct frame {
	uint8_t b[2048];
	size_t n;
};

static inline struct frame build(const struct spec *s)
{
	static const uint8_t eth[14] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0 };
	struct frame f = {};

	memcpy(f.b, eth, 14);
	f.n = 14 + build_ip(s, f.b + 14);
	return f;
}

#endif
