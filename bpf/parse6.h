/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IPv6 headers: the fixed one and the extension headers behind it (RFC 8200). */
#ifndef EINAT_BPF_PARSE6_H
#define EINAT_BPF_PARSE6_H

#include "bpf/pkt.h"

#define IP6_HLEN     40
#define IP6_SADDR    8 /* offset; the destination follows */
#define IP6_DADDR    24
#define IP6_MF	     0x0001
#define IP6_FRAG_OFF 0xfff8
#define IP6_EXT_MAX  8 /* extension headers in a row that are looked at */

/* The first 8 bytes of the fixed header. */
struct ip6_head {
	__u8 version; /* in the upper half */
	__u8 flow[3];
	__be16 len; /* of what follows the fixed header */
	__u8 next;
	__u8 hop_limit;
};

/* The first 8 bytes of an extension header; those of no other length are looked at. */
struct ip6_ext {
	__u8 next;
	__u8 len; /* in units of 8 bytes, without the first */
	union {
		__be16 frag;
		struct {
			__u8 type; /* routing */
			__u8 segments_left;
		};
	};
	__be32 id;
};

_Static_assert(sizeof(struct ip6_head) == 8, "layout of the IPv6 header");
_Static_assert(sizeof(struct ip6_ext) == 8, "layout of extension headers");

/* What ip6_walk() answers: identification << 32 | IP6_ flags << 24 | protocol << 16 | offset. */
#define IP6_BAD	      (1u << 24)
#define IP6_LATER     (1u << 25) /* later fragment */
#define IP6_MORE      (1u << 26) /* first fragment, later ones follow */
#define IP6_FRAGMENT  (1u << 27) /* has a fragment header */
#define IP6_OFFSET(w) ((__u16)(w))
#define IP6_PROTO(w)  ((__u8)((w) >> 16))
#define IP6_ID(w)     ((__be32)((w) >> 32))

/*
 * unknown() - @x, as a number that the verifier knows nothing of: however many paths lead there,
 * it walks what follows once.
 */
__noinline __u64 unknown(__u64 x)
{
	return x;
}

/*
 * From the header @proto at @off on to the one of the upper layer. A routing header with
 * segments left names another destination than the checksum speaks of, and type 0 is
 * forbidden (RFC 5095): bad, as is a second fragment header.
 */
static __noinline __u64 ip6_walk(struct __sk_buff *skb, __u32 off, __u32 end, __u8 proto)
{
	__u64 w = (__u64)proto << 16 | (__u16)off;
	int i;

	for (i = 0; i <= IP6_EXT_MAX; i++) {
		__u8 at = IP6_PROTO(w);
		struct ip6_ext h;

		off = IP6_OFFSET(w);
		if (at != IPPROTO_HOPOPTS && at != IPPROTO_DSTOPTS && at != IPPROTO_ROUTING &&
		    at != IPPROTO_FRAGMENT)
			return w;
		if (off + sizeof(h) > end || bpf_skb_load_bytes(skb, off, &h, sizeof(h)))
			break;
		if (at == IPPROTO_ROUTING && (!h.type || h.segments_left))
			break;
		w &= ~0xffffffull;
		w |= (__u64)h.next << 16;
		if (at == IPPROTO_FRAGMENT) {
			__u16 f = bpf_ntohs(h.frag);

			if (w & IP6_FRAGMENT)
				break;
			w |= (__u64)h.id << 32 | IP6_FRAGMENT | (__u16)(off + sizeof(h));
			if (f & IP6_FRAG_OFF)
				return w | IP6_LATER;
			if (f & IP6_MF)
				w |= IP6_MORE;
		} else {
			w |= (__u16)(off + sizeof(h) + h.len * 8);
		}
		w = unknown(w);
	}
	return IP6_BAD;
}

/* Never translated and never dropped: what stays on the link, or has no address yet. */
static __always_inline bool ip6_is_local(const union ip *ip)
{
	return (ip->w[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);
}

static __always_inline bool ip6_stays(const struct pkt *p)
{
	return ip6_is_local(&p->saddr) || ip6_is_local(&p->daddr) ||
	       (p->daddr.w[0] & bpf_htonl(0xff000000)) == bpf_htonl(0xff000000) ||
	       !(p->saddr.d[0] | p->saddr.d[1]);
}

/* As parse_ip4(). An address that reads as an IPv4 one must never meet the bindings of that one. */
static __noinline int parse_ip6(struct __sk_buff *skb, struct pkt *p)
{
	struct ip6_head h;
	__u32 len;
	__u64 w;

	if (bpf_skb_load_bytes(skb, l2_len, &h, sizeof(h)) ||
	    bpf_skb_load_bytes(skb, l2_len + IP6_SADDR, &p->saddr, 2 * sizeof(p->saddr)))
		return REASON_MALFORMED;
	if (h.version >> 4 == 6 && ip6_stays(p))
		return REASON_IPV6;
	len = bpf_ntohs(h.len);
	if (!len && skb->gso_size) /* BIG TCP */
		len = skb->len - l2_len - IP6_HLEN;
	p->end = l2_len + IP6_HLEN + len;
	if (h.version >> 4 != 6 || p->end > skb->len || ip_is4(&p->saddr) || ip_is4(&p->daddr))
		return REASON_MALFORMED;
	w = unknown(ip6_walk(skb, l2_len + IP6_HLEN, p->end, h.next));
	if (w & IP6_BAD)
		return REASON_MALFORMED;
	p->hop_limit = h.hop_limit;
	p->id = IP6_ID(w);
	p->l4 = IP6_OFFSET(w);
	p->more = !!(w & IP6_MORE);
	p->proto = proto_of(IP6_PROTO(w), IPPROTO_ICMPV6);
	if (w & IP6_LATER)
		p->kind = PKT_FRAGMENT;
	else if (p->proto == EINAT_PROTO_COUNT)
		p->kind = PKT_OTHER_PROTO;
	return GO_ON;
}

_Static_assert(offsetof(struct pkt, daddr) == offsetof(struct pkt, saddr) + 16, "read in one");

#endif
