/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a packet is: offsets are found here once and used everywhere. */
#ifndef EINAT_BPF_PARSE_H
#define EINAT_BPF_PARSE_H

#include "bpf/parse6.h"

/* The layer 4 header: at least L4_MIN bytes of it lie in the packet. */
static __always_inline int parse_l4(struct __sk_buff *skb, struct pkt *p, enum einat_dir dir)
{
	__be16 h[L4_MIN / 2];
	__u8 flags[2];
	enum icmp_class class;

	if (p->l4 + L4_MIN > p->end || bpf_skb_load_bytes(skb, p->l4, h, sizeof(h)))
		return REASON_MALFORMED;
	p->sport = h[0];
	p->dport = h[1];
	p->udp_csum = h[UDP_CSUM / 2];
	if (p->proto == EINAT_PROTO_UDP)
		return GO_ON;
	if (p->proto == EINAT_PROTO_TCP) {
		if (p->l4 + TCP_HLEN_MIN > p->end ||
		    bpf_skb_load_bytes(skb, p->l4 + 12, flags, sizeof(flags)))
			return REASON_MALFORMED;
		p->tcp_flags = flags[1];
		return flags[0] >> 4 < TCP_HLEN_MIN / 4 ? REASON_MALFORMED : GO_ON;
	}
	p->sport = p->dport = 0;
	class = icmp_class(p, *(__u8 *)h);
	/* Neighbour discovery of this host; it is never forwarded (RFC 4861 section 6.1, 7.1). */
	if (is6(p) && *(__u8 *)h >= 133 && *(__u8 *)h <= 137 && p->hop_limit == HOP_LIMIT_MAX)
		return REASON_IPV6;
	if (class == ICMP_ERROR)
		p->kind = PKT_ICMP_ERROR;
	else if (dir == EINAT_OUT && class == ICMP_REQUEST)
		p->sport = h[ICMP_ID / 2];
	else if (dir == EINAT_IN && class == ICMP_REPLY)
		p->dport = h[ICMP_ID / 2];
	else
		p->kind = PKT_ICMP_OTHER;
	return GO_ON;
}

static __always_inline int parse_ip4(struct __sk_buff *skb, struct pkt *p)
{
	struct iphdr ip;
	__u32 frag, hlen, len;

	if (bpf_skb_load_bytes(skb, l2_len, &ip, sizeof(ip))) {
		p->saddr = ip_from4(0);
		return REASON_MALFORMED;
	}
	p->saddr = ip_from4(ip.saddr);
	p->daddr = ip_from4(ip.daddr);
	p->id = ip.id;
	p->ip_csum = ip.check;
	p->ipproto = ip.protocol;
	hlen = ip.ihl * 4;
	len = bpf_ntohs(ip.tot_len);
	if (!len && skb->gso_size) /* BIG TCP: longer than the field can say */
		len = skb->len - l2_len;
	p->l4 = p->l3 + hlen;
	p->end = p->l3 + len;
	if (ip.version != 4 || hlen < sizeof(ip) || len < hlen || p->end > skb->len)
		return REASON_MALFORMED;
	p->proto = proto_of(ip.protocol, IPPROTO_ICMP);
	frag = bpf_ntohs(ip.frag_off);
	p->more = !!(frag & IP_MF);
	if (p->proto == EINAT_PROTO_COUNT)
		p->kind = PKT_OTHER_PROTO;
	else if (frag & IP_FRAG_OFF)
		p->kind = PKT_FRAGMENT;
	return GO_ON;
}

/* p->saddr is valid on REASON_MALFORMED too, and 0 if the packet has none. */
static __always_inline int parse(struct __sk_buff *skb, struct pkt *p, enum einat_dir dir)
{
	int reason;

	/* A tag means an upper VLAN interface; priority tags (VLAN 0) are the interface's own. */
	if (skb->vlan_present && skb->vlan_tci & 0x0fff)
		return REASON_NOT_IP;
	p->l3 = l2_len;
	p->eth = skb->protocol;
	if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		if (!ipv6)
			return REASON_IPV6;
		reason = parse_ip6(skb, p);
	} else if (skb->protocol == bpf_htons(ETH_P_IP)) {
		reason = parse_ip4(skb, p);
	} else {
		return REASON_NOT_IP;
	}
	if (reason >= 0 || p->kind != PKT_FLOW)
		return reason;
	return parse_l4(skb, p, dir);
}

/* Begin: the clock and the configuration in force, both read once for a packet. */
static __always_inline const struct einat_cfg *pkt_init(struct pkt *p)
{
	__u32 zero = 0;
	const struct einat_ctl *c = bpf_map_lookup_elem(&ctl, &zero);

	if (!p || !c)
		return NULL;
	p->zeroed = 0;
	p->now = clock_now(c);
	p->active = READ_ONCE(c->active);
	return cfg_get(p->active);
}

#endif
