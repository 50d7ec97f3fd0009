/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rewriting of addresses and ports. The layer 4 checksum goes through bpf_l4_csum_replace(),
 * which knows whether the packet carries a full one, only that of the pseudo header
 * (CHECKSUM_PARTIAL: offload and GSO), or has been summed by the device (CHECKSUM_COMPLETE). The
 * IPv4 header sums up to the same before and after, so it needs none of that; IPv6 has no checksum.
 */
#ifndef EINAT_BPF_REWRITE_H
#define EINAT_BPF_REWRITE_H

#include "bpf/parse.h"

/* RFC 1624, equation 3. */
static __always_inline __sum16 csum_update4(__sum16 csum, __be32 from, __be32 to)
{
	__u32 sum = (__u16)~csum;

	sum += (__u16)~from + (__u16)(~from >> 16);
	sum += (__u16)to + (__u16)(to >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* The part of the IP header that changes, as it lies in the packet. */
struct ip_tail {
	__sum16 check;
	__be32 saddr;
	__be32 daddr;
} __attribute__((packed));

_Static_assert(offsetof(struct iphdr, daddr) - offsetof(struct iphdr, check) ==
		       offsetof(struct ip_tail, daddr),
	       "layout of the IP header");

enum ip_side { IP_SOURCE, IP_DEST };

/* Addresses in stack or map: the sums of 16 bytes differ by so much. */
static __always_inline __u32 ip_diff(const union ip *from, const union ip *to)
{
	return bpf_csum_diff((__be32 *)from, sizeof(*from), (__be32 *)to, sizeof(*to), 0);
}

/* The IP header alone gets a new address; @p stays as the packet came. 0 or -errno. */
static __always_inline int rewrite_ip(struct __sk_buff *skb, const struct pkt *p, enum ip_side side,
				      const union ip *to)
{
	const union ip *from = side == IP_SOURCE ? &p->saddr : &p->daddr;
	struct ip_tail t;

	if (is6(p))
		return bpf_skb_store_bytes(skb,
					   l2_len + (side == IP_SOURCE ? IP6_SADDR : IP6_DADDR), to,
					   sizeof(*to), 0);
	t.check = csum_update4(p->ip_csum, from->w[3], to->w[3]);
	t.saddr = side == IP_SOURCE ? to->w[3] : p->saddr.w[3];
	t.daddr = side == IP_SOURCE ? p->daddr.w[3] : to->w[3];
	return bpf_skb_store_bytes(skb, p->l3 + offsetof(struct iphdr, check), &t, sizeof(t), 0);
}

/*
 * IPv6: a new address in the checksum at @off. For a packet summed by the device, the helper
 * reckons with an IP header that makes up for the new address, as that of IPv4 does; here the layer
 * 4 checksum does, so its change of the sum is undone. (BPF_F_IPV6 would do that, but only kernels
 * of 2025 know it.)
 */
static __noinline int rewrite_pseudo6(struct __sk_buff *skb, __u32 off, const union ip *from,
				      const union ip *to, __u64 flags)
{
	__u32 diff = ip_diff(from, to);
	int err = bpf_l4_csum_replace(skb, off, 0, diff, BPF_F_PSEUDO_HDR | flags);

	if (!err)
		bpf_csum_update(skb, diff);
	return err;
}

/** rewrite_fragment() - a later fragment: its checksum is in another packet. 0 or -errno. */
static __always_inline int rewrite_fragment(struct __sk_buff *skb, const struct pkt *p,
					    enum ip_side side, const union ip *to)
{
	union ip addr = *to; /* in a map it may change meanwhile */

	if (is6(p))
		bpf_csum_update(skb, ip_diff(side == IP_SOURCE ? &p->saddr : &p->daddr, &addr));
	return rewrite_ip(skb, p, side, &addr);
}

/*
 * The address belongs to the pseudo header, except that of ICMP in IPv4. An absent UDP
 * checksum stays absent.
 */
static __always_inline int rewrite_l4_csum(struct __sk_buff *skb, const struct pkt *p,
					   const union ip *from, const union ip *to,
					   __be16 port_from, __be16 port_to)
{
	__u64 mangled = p->proto == EINAT_PROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;
	__u32 off = p->l4 + (p->proto == EINAT_PROTO_UDP   ? UDP_CSUM
			     : p->proto == EINAT_PROTO_TCP ? TCP_CSUM
							   : ICMP_CSUM);
	int err = 0;

	if (p->proto == EINAT_PROTO_UDP &&
	    !p->udp_csum) { /* nothing makes up for the changes in what a device has summed up */
		bpf_csum_update(skb, port_to + (__u16)~port_from);
		if (is6(p))
			bpf_csum_update(skb, ip_diff(from, to));
		return 0;
	}
	if (is6(p))
		err = rewrite_pseudo6(skb, off, from, to, mangled);
	else if (p->proto != EINAT_PROTO_ICMP)
		err = bpf_l4_csum_replace(skb, off, from->w[3], to->w[3],
					  BPF_F_PSEUDO_HDR | mangled | 4);
	if (!err && port_from != port_to)
		err = bpf_l4_csum_replace(skb, off, port_from, port_to, mangled | 2);
	return err;
}

/** rewrite_source() - first fragment or whole packet: source becomes @addr:@port. 0 or -errno. */
static __always_inline int rewrite_source(struct __sk_buff *skb, const struct pkt *p,
					  const union ip *addr, __be16 port)
{
	__u32 off = p->l4 + (p->proto == EINAT_PROTO_ICMP ? ICMP_ID : 0);
	int err = rewrite_l4_csum(skb, p, &p->saddr, addr, p->sport, port);

	if (!err && port != p->sport)
		err = bpf_skb_store_bytes(skb, off, &port, sizeof(port), 0);
	return err ?: rewrite_ip(skb, p, IP_SOURCE, addr);
}

/** rewrite_dest() - as rewrite_source(), for the destination. */
static __always_inline int rewrite_dest(struct __sk_buff *skb, const struct pkt *p,
					const union ip *addr, __be16 port)
{
	__u32 off = p->l4 + (p->proto == EINAT_PROTO_ICMP ? ICMP_ID : 2);
	int err = rewrite_l4_csum(skb, p, &p->daddr, addr, p->dport, port);

	if (!err && port != p->dport)
		err = bpf_skb_store_bytes(skb, off, &port, sizeof(port), 0);
	return err ?: rewrite_ip(skb, p, IP_DEST, addr);
}

/*
 * For the firewall: what was translated inwards. Set before anything can fail later on, since
 * the program's last act is to count.
 */
static __always_inline void mark_inbound(struct __sk_buff *skb, const struct einat_cfg *c)
{
	if (c->inbound_mask)
		skb->mark = (skb->mark & ~c->inbound_mask) | (c->inbound_mark & c->inbound_mask);
}

#endif
