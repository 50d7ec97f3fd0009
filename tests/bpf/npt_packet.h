/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IPv6 packets with addresses as text, for the tests of prefix translation. Checksums are summed
 * up from the bytes each time: an expected packet that is built anew, with the addresses after
 * translation, proves that the mapping left them right.
 */
#ifndef EINAT_TESTS_BPF_NPT_PACKET_H
#define EINAT_TESTS_BPF_NPT_PACKET_H

#include "src/npt.h"
#include "tests/bpf/harness.h"

struct p6 {
	const char *src, *dst;
	uint8_t proto; /* UDP, TCP, ICMPv6 have a checksum; any other is bytes */
	uint8_t type; /* ICMPv6; it is a quotation exactly if .quote is set */
	uint8_t hop; /* 0: 64 */
	uint16_t sport, dport; /* 0: 4001, 53 */
	uint16_t len; /* bytes of payload */
	const char *ext; /* 'd' destination options, 'f' first, 'l' later fragment, 's' a routing
			  * header with a segment left */
	bool no_csum; /* UDP */
	uint16_t cut; /* of the quoted packet: so many bytes alone; 0: all */
	const struct p6 *quote;
};

static inline size_t p6_ext(const char *which, uint8_t *p, uint8_t *next)
{
	size_t at = 0;

	for (; which && *which; which++) {
		size_t n = *which == 's' ? 24 : 8;
		uint8_t *h = p + at;

		memset(h, 0, n);
		h[0] = *next;
		*next = *which == 'd' ? 60 : *which == 's' ? 43 : 44;
		next = h;
		if (*which == 'd') {
			put16(h + 2, 0x0104); /* PadN */
		} else if (*which == 's') {
			put_addr(h, (uint32_t)h[0] << 24 | 0x020401);
		} else {
			put16(h + 2, *which == 'f' ? 1 : 8);
			put_addr(h + 4, 0x12345678);
		}
		at += n;
	}
	return at;
}

static inline size_t p6_build(const struct p6 *s, uint8_t *p)
{
	uint8_t *next = p + 6, *l4;
	bool later = s->ext && strchr(s->ext, 'l');
	size_t hdr, n;
	uint32_t sum;
	int at;

	memset(p, 0, 40);
	p[0] = 0x60;
	p[7] = s->hop ?: 64;
	assert_int_equal(inet_pton(AF_INET6, s->src, p + 8), 1);
	assert_int_equal(inet_pton(AF_INET6, s->dst, p + 24), 1);
	*next = s->proto;
	hdr = 40 + p6_ext(s->ext, p + 40, next);
	l4 = p + hdr;
	n = s->proto == IPPROTO_TCP ? 20 : 8;
	memset(l4, 0, n);
	if (s->quote) {
		size_t quoted = p6_build(s->quote, l4 + n);

		n += s->cut ? s->cut : quoted;
	} else {
		for (unsigned i = 0; i < s->len; i++)
			l4[n + i] = i * 7 + 1;
		n += s->len;
	}
	put16(p + 4, hdr - 40 + n);
	if (s->proto == IPPROTO_ICMPV6) {
		l4[0] = s->type;
	} else {
		put16(l4, s->sport ?: 4001);
		put16(l4 + 2, s->dport ?: 53);
	}
	if (s->proto == IPPROTO_TCP)
		l4[12] = 5 << 4, l4[13] = F_ACK;
	if (s->proto == IPPROTO_UDP)
		put16(l4 + 4, n);
	at = s->proto == IPPROTO_UDP	  ? 6
	     : s->proto == IPPROTO_TCP	  ? 16
	     : s->proto == IPPROTO_ICMPV6 ? 2
					  : -1;
	if (at < 0 || later || s->no_csum)
		return hdr + n;
	sum = sum16(l4, n, sum16(p + 8, 32, n + s->proto));
	put_csum(l4 + at, sum);
	return hdr + n;
}

static inline struct frame p6_frame(const struct p6 *s)
{
	struct frame f = { .b = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd } };

	f.n = 14 + p6_build(s, f.b + 14);
	return f;
}

#define UDP6(s, d, ...)                                                                            \
	{                                                                                          \
		.src = s, .dst = d, .proto = IPPROTO_UDP, .len = 31, __VA_ARGS__                   \
	}
#define P6(p, s, d, ...)                                                                           \
	{                                                                                          \
		.src = s, .dst = d, .proto = p, .len = 40, __VA_ARGS__                             \
	}
#define ERR6(t, s, d, q, ...)                                                                      \
	{                                                                                          \
		.src = s, .dst = d, .proto = IPPROTO_ICMPV6, .type = t, .quote = q, __VA_ARGS__    \
	}
#define Q(...) (&(const struct p6)__VA_ARGS__)

/* ---- the maps ---- */

static inline struct net_prefix prefix(const char *text)
{
	struct net_prefix p;

	assert_int_equal(net_prefix_parse(text, &p), 0);
	return p;
}

static inline void put(struct bpf_map *map, const struct net_prefix *p, const struct einat_npt *n)
{
	struct einat_lpm_key key = { .prefixlen = p->len };

	memcpy(&key.addr, &p->addr, sizeof(key.addr));
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(map), &key, n, BPF_ANY), 0);
}

static inline void put_flag(struct bpf_map *map, const char *p, unsigned flags)
{
	struct net_prefix at = prefix(p);

	put(map, &at, &(struct einat_npt){ .flags = flags });
}

static inline void put_pair(struct lab *lab, const struct net_prefix *internal,
			    const struct net_prefix *external)
{
	struct npt_pair p = npt_pair(internal, external);
	struct einat_npt out = npt_entry(&p.internal, &p.external, NPT_F_NO_ULA);
	struct einat_npt in = npt_entry(&p.external, &p.internal, 0);

	if (p.internal.len != internal->len)
		put(lab->sk->maps.npt_out, internal, &(struct einat_npt){ .flags = NPT_F_NONE });
	put(lab->sk->maps.npt_out, &p.internal, &out);
	put(lab->sk->maps.npt_in, &p.external, &in);
}

#endif
