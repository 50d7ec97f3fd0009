/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What must hold of each packet, whatever it was; written after the RFCs, not the data plane. */
#ifndef EINAT_TESTS_FUZZ_CHECK_H
#define EINAT_TESTS_FUZZ_CHECK_H

#include "tests/bpf/harness.h"

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

/* What a packet says of itself; offsets from its IP header on. */
struct view {
	bool six;
	bool frag, later; /* a fragment; and not the first one */
	bool odd; /* a routing header of type 0 or with segments left, two of fragments, headers
		   * beyond the end, or more than eight: nothing is sure of what follows */
	uint8_t proto; /* of layer 4, IPPROTO_ */
	size_t l4, end; /* end: of the datagram; it may lie beyond the packet */
};

static inline bool view4(const uint8_t *ip, size_t n, struct view *v)
{
	size_t hlen = n ? (ip[0] & 15) * 4 : 0;

	if (n < 20 || ip[0] >> 4 != 4 || hlen < 20 || hlen > n)
		return false;
	*v = (struct view){ .proto = ip[9], .l4 = hlen, .end = get16(ip + 2) };
	v->frag = get16(ip + 6) & 0x3fff;
	v->later = get16(ip + 6) & 0x1fff;
	return true;
}

/* RFC 8200 section 4: to the header of the upper layer, or to the end of what there is. */
static inline bool view6(const uint8_t *ip, size_t n, struct view *v)
{
	unsigned fragments = 0;

	if (n < 40 || ip[0] >> 4 != 6)
		return false;
	*v = (struct view){ .six = true, .proto = ip[6], .l4 = 40, .end = 40 + get16(ip + 4) };
	for (unsigned i = 0;
	     !v->later && (v->proto == IPPROTO_HOPOPTS || v->proto == IPPROTO_DSTOPTS ||
			   v->proto == IPPROTO_ROUTING || v->proto == IPPROTO_FRAGMENT);
	     i++) {
		const uint8_t *h = ip + v->l4;
		bool frag = v->proto == IPPROTO_FRAGMENT;

		if (v->l4 + 8 > n)
			return false;
		if (frag) {
			v->frag |= get16(h + 2) & 0xfff9;
			v->later = get16(h + 2) & 0xfff8;
		}
		v->odd |= i == 8 || v->l4 + 8 > v->end || (frag && fragments++) ||
			  (v->proto == IPPROTO_ROUTING && (!h[2] || h[3]));
		v->l4 += frag ? 8 : 8 + h[1] * 8;
		v->proto = h[0];
	}
	return true;
}

/* Of the family that its version says: a packet, or one that is quoted. */
static inline bool view(const uint8_t *ip, size_t n, struct view *v)
{
	return n && ip[0] >> 4 == 6 ? view6(ip, n, v) : view4(ip, n, v);
}

static inline bool is_icmp(const struct view *v)
{
	return v->proto == (v->six ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
}

/* Has the protocol a checksum that is kept right, and does it cover the addresses? */
static inline bool csum_place(uint8_t proto)
{
	return proto == IPPROTO_UDP || proto == IPPROTO_TCP || proto == IPPROTO_ICMP ||
	       proto == IPPROTO_ICMPV6;
}

static inline uint32_t pseudo_sum(const uint8_t *ip, const struct view *v)
{
	if (v->six)
		return sum16(ip + 8, 32, v->proto) + (v->end - v->l4);
	if (v->proto == IPPROTO_ICMP)
		return 0;
	return sum16(ip + 12, 8, v->proto) + (v->end - v->l4);
}

static inline enum csum ip_csum(const uint8_t *ip, size_t n)
{
	struct view v;

	return view(ip, n, &v) && !v.six ? sums_up(ip, v.l4, 0) : CSUM_UNKNOWN;
}

/* Of a datagram that is whole and no fragment. */
static inline enum csum l4_csum(const uint8_t *ip, size_t n)
{
	const uint8_t *l4;
	struct view v;

	if (!view(ip, n, &v) || v.end < v.l4 + 8 || v.end > n || v.frag)
		return CSUM_UNKNOWN;
	l4 = ip + v.l4;
	if (v.proto == IPPROTO_TCP)
		return v.end - v.l4 < 20 ? CSUM_UNKNOWN
					 : sums_up(l4, v.end - v.l4, pseudo_sum(ip, &v));
	if (is_icmp(&v))
		return sums_up(l4, v.end - v.l4, pseudo_sum(ip, &v));
	if (v.proto != IPPROTO_UDP || !get16(l4 + 6) || get16(l4 + 4) < 8 ||
	    get16(l4 + 4) > v.end - v.l4)
		return CSUM_UNKNOWN;
	v.end = v.l4 + get16(l4 + 4);
	return sums_up(l4, v.end - v.l4, pseudo_sum(ip, &v));
}

static inline bool error_type(const struct view *v, uint8_t type)
{
	const uint32_t errors = 1 << 3 | 1 << 4 | 1 << 11 | 1 << 12;

	return v->six ? type >= 1 && type <= 4 : type < 32 && errors >> type & 1;
}

/*
 * The packet that an ICMP error quotes, or NULL; its bytes in @ret_n. @whole: of an error that is
 * there to its end; prefix translation asks for 40 bytes of a quoted header alone.
 */
static inline const uint8_t *quotation(const uint8_t *ip, size_t n, bool whole, size_t *ret_n)
{
	struct view v;

	if (!view(ip, n, &v))
		return NULL;
	if (!whole && v.end > n)
		v.end = n;
	if (!is_icmp(&v) || v.later || v.end > n || v.end < v.l4 + 8 + (v.six ? 40 : 20) ||
	    !error_type(&v, ip[v.l4]) || (whole && ip[v.l4 + 8] >> 4 != (v.six ? 6 : 4)))
		return NULL;
	*ret_n = v.end - v.l4 - 8;
	return ip + v.l4 + 8;
}

static inline const uint8_t *quoted_ip(const uint8_t *ip, size_t n, size_t *ret_n)
{
	return quotation(ip, n, true, ret_n);
}

/* The places that may change: addresses, ports, checksums of one packet, in @may. */
static inline void may_change(const uint8_t *ip, size_t n, bool source, uint8_t *may)
{
	size_t port, csum;
	struct view v;

	if (!view(ip, n, &v))
		return;
	port = is_icmp(&v) ? 4 : source ? 0 : 2;
	csum = is_icmp(&v) ? 2 : v.proto == IPPROTO_TCP ? 16 : 6;
	if (!v.six)
		memset(may + 10, 1, 2);
	memset(may + (v.six ? (source ? 8 : 24) : source ? 12 : 16), 1, v.six ? 16 : 4);
	if (v.later)
		return;
	for (size_t i = 0; i < 2; i++) {
		if (v.l4 + port + i < n)
			may[v.l4 + port + i] = 1;
		if (v.l4 + csum + i < n)
			may[v.l4 + csum + i] = 1;
	}
}

/* The source (@dest: the destination) of a packet that has one. */
static inline const uint8_t *addr_at(const uint8_t *ip, bool dest)
{
	return ip[0] >> 4 == 6 ? ip + (dest ? 24 : 8) : ip + (dest ? 16 : 12);
}

/* The prefix that a lab may translate, and what it becomes. */
#define FUZZ_INTERNAL "fd77:1::/48"
#define FUZZ_EXTERNAL "2001:db8:77::/48"

static inline bool is_external_host(const uint8_t *addr)
{
	static const uint8_t external[] = { 0x20, 0x01, 0x0d, 0xb8, 0, 0x77 };

	return !memcmp(addr, external, sizeof(external));
}

static inline bool in_external_prefix(const uint8_t *ip, bool dest)
{
	return ip[0] >> 4 == 6 && is_external_host(addr_at(ip, dest));
}

/* Translated by the prefix, and no binding. */
static inline bool of_prefix(const uint8_t *in, const uint8_t *out, bool egress)
{
	return egress ? in_external_prefix(out, false) : in_external_prefix(in, true);
}

/*
 * An error of a host or router inside that is not of the prefix, about a packet to one that is:
 * what it quotes is translated; the guard has the say over its source, as over that of any other
 * packet.
 */
static inline bool about_prefix(const uint8_t *in, const uint8_t *out, size_t n)
{
	size_t qn;
	const uint8_t *q = quotation(in, n, false, &qn);

	return q && !memcmp(addr_at(in, false), addr_at(out, false), 16) &&
	       is_external_host(out + (q - in) + 24);
}

static inline bool by_prefix(const uint8_t *in, const uint8_t *out, size_t n, bool egress)
{
	return of_prefix(in, out, egress) || (egress && about_prefix(in, out, n));
}

/* Has the address at @a a counterpart? Subnet 0xffff has none (RFC 6296 section 3.4). */
static inline bool has_counterpart(const uint8_t *a)
{
	static const uint8_t internal[] = { 0xfd, 0x77, 0, 1, 0, 0 };

	return !memcmp(a, internal, sizeof(internal)) && get16(a + 6) != 0xffff;
}

static inline void check_changes(const uint8_t *in, const uint8_t *out, size_t n, bool egress)
{
	uint8_t may[2048] = {};
	const uint8_t *q;
	size_t qn;

	may_change(in, n, egress, may);
	if (of_prefix(in, out, egress)) /* whatever follows the header */
		memset(may + (egress ? 8 : 24), 1, 16);
	q = quotation(in, n, !by_prefix(in, out, n, egress), &qn);
	if (q) { /* of the error itself no identifier, which it does not have */
		may[q - in - 4] = may[q - in - 3] = 0;
		may_change(q, qn, !egress, may + (q - in));
		if (by_prefix(in, out, n, egress))
			memset(may + (q - in) + (egress ? 24 : 8), 1, 16);
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

static inline bool is_private(const uint8_t *ip, bool dest)
{
	uint32_t a = get32(addr_at(ip, dest));

	if (ip[0] >> 4 == 6)
		return a >> 25 == 0xfc >> 1;
	return a >> 24 == 10 || a >> 20 == 0xac1 || a >> 16 == 0xc0a8 || a >> 22 == 0x191;
}

static inline bool is_ext(const uint8_t *ip, bool dest)
{
	uint8_t ext[16];

	if (ip[0] >> 4 != 6)
		return get32(addr_at(ip, dest)) == EXT;
	role6(EXT, ext);
	return !memcmp(addr_at(ip, dest), ext, 16);
}

/*
 * A packet that was changed. @in and @out: @n bytes from the IP header on; @strict: the guard is.
 */
static inline void check_translated(const uint8_t *in, const uint8_t *out, size_t n, bool egress,
				    bool strict)
{
	const uint8_t *q;
	struct view v;
	size_t qn;

	check_changes(in, out, n, egress);
	check_csum(ip_csum(in, n), ip_csum(out, n), "IP");
	check_csum(l4_csum(in, n), l4_csum(out, n), "layer 4");
	/* an error about a host of the prefix; to one of them it is turned around, and stays inside
	 */
	if (egress && !is_ext(out, false) && !in_external_prefix(out, false) &&
	    ((strict && is_private(out, false) && !in_external_prefix(out, true)) ||
	     !about_prefix(in, out, n)))
		fail_msg("left with the source %08x", get32(addr_at(out, false)));
	if (!egress && !is_private(out, true) && !is_ext(out, true)) /* this host's own */
		fail_msg("translated inwards to %08x", get32(addr_at(out, true)));
	q = quoted_ip(in, n, &qn);
	if (!q)
		return;
	check_csum(ip_csum(q, qn), ip_csum(out + (q - in), qn), "quoted IP");
	check_csum(l4_csum(q, qn), l4_csum(out + (q - in), qn), "quoted layer 4");
	if (!egress || !is_private(out + (q - in), true))
		return;
	/* a host of the prefix may quote what it likes, but no host of the prefix; behind a header
	 * of which the destination is not the last one, a quotation is not looked for */
	if (!in_external_prefix(out, false) ||
	    (has_counterpart(q + 24) && view(in, n, &v) && !v.odd))
		fail_msg("an internal address left in a quotation");
}

/* What no router passes on, so that it may have whatever source. */
static inline bool stays_on_link(const uint8_t *ip, const struct view *v)
{
	static const uint8_t nobody[16];
	uint32_t src = get32(ip + 8), dst = get32(ip + 24);

	return src >> 22 == 0xfe80 >> 6 || dst >> 22 == 0xfe80 >> 6 || dst >> 24 == 0xff ||
	       !memcmp(ip + 8, nobody, 16) ||
	       (v->proto == IPPROTO_ICMPV6 && !v->later && ip[7] == 255 && ip[v->l4] >= 133 &&
		ip[v->l4] <= 137);
}

/* Of the slice's hosts and protocols, whole, to where it takes them. */
static inline bool is_slice(const uint8_t *ip, const struct view *v, size_t n)
{
	uint8_t lan[16], excluded[16];

	if (v->end > n || v->l4 > v->end ||
	    (v->proto != IPPROTO_UDP && v->proto != IPPROTO_TCP && !is_icmp(v)))
		return false;
	if (!v->six)
		return get32(ip + 12) >> 8 == LAN_A >> 8 && get32(ip + 16) >> 8 != EXCLUDED >> 8;
	role6(LAN_A, lan);
	role6(EXCLUDED, excluded);
	return !memcmp(ip + 8, lan, 15) && memcmp(ip + 24, excluded, 15);
}

/* A packet that leaves unchanged: with the strict guard never one of a private source. */
static inline void check_passed(const uint8_t *ip, size_t n, bool strict)
{
	struct view v;

	if (!view(ip, n, &v) || (v.six && (v.l4 + 8 > n || stays_on_link(ip, &v))))
		return;
	if (strict && is_private(ip, false))
		fail_msg("left unchanged with the private source %08x", get32(addr_at(ip, false)));
	/* the slice's protocols towards what is not excluded, whatever the guard */
	if (is_slice(ip, &v, n))
		fail_msg("one of the slice left unchanged, IPv%d", v.six ? 6 : 4);
}

#endif
