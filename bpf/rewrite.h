/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rewriting of addresses and ports. The layer 4 checksum goes through bpf_l4_csum_replace(),
 * which knows whether the packet carries a full one, only that of the pseudo header
 * (CHECKSUM_PARTIAL: offload and GSO), or has been summed by the device (CHECKSUM_COMPLETE). The IP
 * header sums up to the same before and after, so it needs none of that.
 */
#ifndef EINAT_BPF_REWRITE_H
#define EINAT_BPF_REWRITE_H

#include <stddef.h>

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

/* New addresses; @p stays as the packet came. 0 or -errno. */
static __always_inline int rewrite_ip(struct __sk_buff *skb, const struct pkt *p, __be32 saddr,
				      __be32 daddr)
{
	struct ip_tail t = { .saddr = saddr, .daddr = daddr };

	t.check = csum_update4(csum_update4(p->ip_csum, p->saddr, saddr), p->daddr, daddr);
	return bpf_skb_store_bytes(skb, p->l3 + offsetof(struct iphdr, check), &t, sizeof(t), 0);
}

/* UDP and TCP: the address belongs to the pseudo header. An absent UDP checksum stays absent. */
static __always_inline int rewrite_l4_csum(struct __sk_buff *skb, const struct pkt *p, __be32 from,
					   __be32 to, __be16 port_from, __be16 port_to)
{
	__u64 mangled = p->proto == EINAT_PROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;
	__u32 off = p->l4 + (p->proto == EINAT_PROTO_UDP ? UDP_CSUM : TCP_CSUM);
	int err;

	if (p->proto == EINAT_PROTO_ICMP)
		return bpf_l4_csum_replace(skb, p->l4 + ICMP_CSUM, port_from, port_to, 2);
	err = bpf_l4_csum_replace(skb, off, from, to, BPF_F_PSEUDO_HDR | mangled | 4);
	if (!err && port_from != port_to)
		err = bpf_l4_csum_replace(skb, off, port_from, port_to, mangled | 2);
	return err;
}

/** rewrite_source() - first fragment or whole packet: source becomes @addr:@port. 0 or -errno. */
static __always_inline int rewrite_source(struct __sk_buff *skb, const struct pkt *p, __be32 addr,
					  __be16 port)
{
	__u32 off = p->l4 + (p->proto == EINAT_PROTO_ICMP ? ICMP_ID : 0);
	int err = rewrite_l4_csum(skb, p, p->saddr, addr, p->sport, port);

	if (!err && port != p->sport)
		err = bpf_skb_store_bytes(skb, off, &port, sizeof(port), 0);
	return err ?: rewrite_ip(skb, p, addr, p->daddr);
}

/** rewrite_dest() - as rewrite_source(), for the destination. */
static __always_inline int rewrite_dest(struct __sk_buff *skb, const struct pkt *p, __be32 addr,
					__be16 port)
{
	__u32 off = p->l4 + (p->proto == EINAT_PROTO_ICMP ? ICMP_ID : 2);
	int err = rewrite_l4_csum(skb, p, p->daddr, addr, p->dport, port);

	if (!err && port != p->dport)
		err = bpf_skb_store_bytes(skb, off, &port, sizeof(port), 0);
	return err ?: rewrite_ip(skb, p, p->saddr, addr);
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
