/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ICMP errors (RFC 5508 section 4): the packet they quote is translated, and the outer header. */
#ifndef EINAT_BPF_ICMP_H
#define EINAT_BPF_ICMP_H

#include "bpf/fragment.h"

/* The quoted packet: offsets from the start of the packet, endpoint of the side that we own. */
struct quoted {
	union ip addr;
	__be16 port;
	__u16 addr_off;
	__u16 ip_csum_off; /* IPv4 */
	__u16 port_off;
	__u16 csum_off; /* 0: not in the quotation, or absent (UDP) */
	__u8 proto; /* enum einat_proto */
	__u8 protos; /* PROTO_BIT of what it may be, 0 if no slice has such a thing */
};

/*
 * The quoted IP header: where layer 4 begins and what it is; 0 if it is nothing for a binding. Of
 * a later fragment, which has no ports, the address and what it may be are told nevertheless.
 */
static __always_inline __u32 quoted_ip4(struct __sk_buff *skb, __u32 l3, __u32 end,
					enum einat_dir dir, struct quoted *q)
{
	struct iphdr ip;

	if (l3 + sizeof(ip) > end || bpf_skb_load_bytes(skb, l3, &ip, sizeof(ip)) ||
	    ip.version != 4 || ip.ihl < 5)
		return 0;
	q->ip_csum_off = l3 + offsetof(struct iphdr, check);
	q->addr_off = l3 + (dir == EINAT_OUT ? offsetof(struct iphdr, daddr)
					     : offsetof(struct iphdr, saddr));
	q->addr = ip_from4(dir == EINAT_OUT ? ip.daddr : ip.saddr);
	q->proto = proto_of(ip.protocol, IPPROTO_ICMP);
	q->protos = PROTO_BIT(q->proto) & PROTO_BITS_ALL;
	return ip.frag_off & bpf_htons(IP_FRAG_OFF) ? 0 : l3 + ip.ihl * 4;
}

static __always_inline __u32 quoted_ip6(struct __sk_buff *skb, __u32 l3, __u32 end,
					enum einat_dir dir, struct quoted *q)
{
	struct ip6_head h;
	__u64 w;

	q->addr_off = l3 + (dir == EINAT_OUT ? IP6_DADDR : IP6_SADDR);
	if (l3 + IP6_HLEN > end || bpf_skb_load_bytes(skb, l3, &h, sizeof(h)) ||
	    bpf_skb_load_bytes(skb, q->addr_off, &q->addr, sizeof(q->addr)) ||
	    h.version >> 4 != 6 || ip_is4(&q->addr))
		return 0;
	w = unknown(ip6_walk(skb, l3 + IP6_HLEN, end, h.next));
	if (w & IP6_BAD)
		return 0;
	q->proto = proto_of(IP6_PROTO(w), IPPROTO_ICMPV6);
	q->protos = PROTO_BIT(q->proto) & PROTO_BITS_ALL;
	if (!(w & IP6_LATER))
		return IP6_OFFSET(w);
	/* behind the fragment header may come others, and then what is unknown here */
	if (q->proto == EINAT_PROTO_COUNT)
		q->protos = PROTO_BITS_ALL;
	return 0;
}

/*
 * @dir: of the error; an error on its way out quotes a packet that came in, whose destination is
 * ours, and the other way round. False: not one that a binding can concern.
 */
static __always_inline bool quoted_parse(struct __sk_buff *skb, const struct pkt *p,
					 enum einat_dir dir, struct quoted *q)
{
	__u32 l3 = p->l4 + ICMP_ERR_HLEN;
	__be16 h[L4_MIN / 2];
	__u32 l4;

	l4 = is6(p) ? quoted_ip6(skb, l3, p->end, dir, q) : quoted_ip4(skb, l3, p->end, dir, q);
	if (!l4 || q->proto == EINAT_PROTO_COUNT || l4 + L4_MIN > p->end ||
	    bpf_skb_load_bytes(skb, l4, h, sizeof(h)))
		return false;
	q->port_off = l4 + (dir == EINAT_OUT ? 2 : 0);
	q->port = dir == EINAT_OUT ? h[1] : h[0];
	if (q->proto == EINAT_PROTO_UDP) {
		q->csum_off = h[UDP_CSUM / 2] ? l4 + UDP_CSUM : 0;
	} else if (q->proto == EINAT_PROTO_TCP) {
		q->csum_off = l4 + TCP_CSUM + 2 <= p->end ? l4 + TCP_CSUM : 0;
	} else {
		if (icmp_class(p, *(__u8 *)h) != (dir == EINAT_OUT ? ICMP_REPLY : ICMP_REQUEST))
			return false;
		q->csum_off = l4 + ICMP_CSUM;
		q->port_off = l4 + ICMP_ID;
		q->port = h[ICMP_ID / 2];
	}
	return true;
}

/*
 * A layer 4 checksum inside the quotation, whose change the outer ICMP checksum has to follow.
 * @diff: of the addresses
 */
static __always_inline int quoted_csum(struct __sk_buff *skb, const struct pkt *p,
				       const struct quoted *q, __u32 diff, __be16 port)
{
	__u64 mangled = q->proto == EINAT_PROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;
	__sum16 before, after;
	int err;

	err = bpf_skb_load_bytes(skb, q->csum_off, &before, sizeof(before));
	if (!err && (is6(p) || q->proto != EINAT_PROTO_ICMP))
		err = bpf_l4_csum_replace(skb, q->csum_off, 0, diff, mangled);
	if (!err)
		err = bpf_l4_csum_replace(skb, q->csum_off, q->port, port, mangled | 2);
	if (!err)
		err = bpf_skb_load_bytes(skb, q->csum_off, &after, sizeof(after));
	return err ?: bpf_l4_csum_replace(skb, p->l4 + ICMP_CSUM, before, after, 2);
}

/*
 * The quoted endpoint becomes @addr:@port. A quoted IPv4 header sums up to the same as before;
 * an address of IPv6 changes the sum.
 */
static __always_inline int quoted_rewrite(struct __sk_buff *skb, const struct pkt *p,
					  const struct quoted *q, const union ip *addr, __be16 port)
{
	__u32 csum = p->l4 + ICMP_CSUM, diff = ip_diff(&q->addr, addr);
	int err = q->csum_off ? quoted_csum(skb, p, q, diff, port) : 0;

	if (!err)
		err = bpf_l4_csum_replace(skb, csum, q->port, port, 2);
	if (!err)
		err = bpf_skb_store_bytes(skb, q->port_off, &port, sizeof(port), 0);
	if (err)
		return err;
	if (is6(p))
		return bpf_l4_csum_replace(skb, csum, 0, diff, 0)
			       ?: bpf_skb_store_bytes(skb, q->addr_off, addr, sizeof(*addr), 0);
	return bpf_l3_csum_replace(skb, q->ip_csum_off, 0, diff, 0)
		       ?: bpf_skb_store_bytes(skb, q->addr_off, &addr->w[3], 4, 0);
}

/* The quotation, and the address of the outer header, which ICMPv6 sums up too. 0 or -errno. */
static __always_inline int icmp_error_rewrite(struct __sk_buff *skb, const struct pkt *p,
					      const struct quoted *q, const struct bind *b,
					      enum ip_side side)
{
	int err = quoted_rewrite(skb, p, q, &b->addr, b->port);

	if (!err && is6(p))
		err = rewrite_pseudo6(skb, p->l4 + ICMP_CSUM,
				      side == IP_SOURCE ? &p->saddr : &p->daddr, &b->addr, 0);
	return err ?: rewrite_ip(skb, p, side, &b->addr);
}

/*
 * Does this router's own error quote a packet that came in and was translated? Its binding may have
 * ended, or it is a later fragment. What others NAT they have translated back in the quotation.
 */
static __always_inline bool quoted_internal(const struct pkt *p, const struct einat_cfg *c,
					    const struct quoted *q)
{
	__u32 mask = q->protos ? lpm_src(&q->addr) : 0;

	if (mask)
		mask &= ~lpm_exdst(&p->daddr);
	return mask && ext_index(c, p->active, &q->addr) < 0 &&
	       slice_choose(p->active, mask, q->protos, 0, 0) >= 0;
}

/**
 * icmp_error_out() - error from inside, or made by this router about a translated packet. The
 * outer source becomes the external address, whichever inner router sent it. Returns a reason.
 */
static __noinline int icmp_error_out(struct __sk_buff *skb, const struct pkt *p,
				     const struct einat_cfg *c)
{
	struct quoted q = {};
	struct bind b = {};

	if (!quoted_parse(skb, p, EINAT_OUT, &q))
		goto unknown;
	/* an endpoint of an external address has a binding for hairpin alone, see packet_out() */
	if (p->to_ext < 0 && ext_index(c, p->active, &q.addr) >= 0)
		goto unknown;
	if (binding_of_internal(p, c, &q.addr, q.port, q.proto, 0, &b) != FOUND)
		goto unknown;
	if (p->more)
		fragment_note(p, EINAT_OUT, b.slot, b.seq);
	if (icmp_error_rewrite(skb, p, &q, &b, IP_SOURCE))
		return REASON_REWRITE_FAILED;
	return p->to_ext >= 0 ? REASON_HAIRPIN : REASON_ICMP_ERROR;
unknown:
	if (p->from_ext)
		return quoted_internal(p, c, &q) ? REASON_GUARD : REASON_EXTERNAL_SOURCE;
	/* of the slice that has the protocol it is about, whether or not that one has ICMP */
	if (q.protos && classify_as(skb, p, q.protos, false) >= 0)
		return REASON_GUARD;
	return guard_slice(skb, p, c, REASON_ICMP_UNKNOWN);
}

/** icmp_error_in() - error from outside about a packet of binding's; returns a reason. */
static __noinline int icmp_error_in(struct __sk_buff *skb, const struct pkt *p,
				    const struct einat_cfg *c)
{
	struct quoted q = {};
	struct bind b = {};
	int e;

	if (!quoted_parse(skb, p, EINAT_IN, &q))
		return REASON_ICMP_UNKNOWN;
	e = ext_index(c, p->active, &q.addr);
	if (e < 0 || !binding_of_external(p, c, e, q.proto, q.port, &b))
		return REASON_ICMP_UNKNOWN;
	if (p->more)
		fragment_note(p, EINAT_IN, b.slot, b.seq);
	if (icmp_error_rewrite(skb, p, &q, &b, IP_DEST))
		return REASON_REWRITE_FAILED;
	mark_inbound(skb, c);
	return REASON_ICMP_ERROR;
}

#endif
