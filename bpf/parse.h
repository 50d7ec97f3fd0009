/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a packet is: offsets are found here once and used everywhere. */
#ifndef EINAT_BPF_PARSE_H
#define EINAT_BPF_PARSE_H

#include "bpf/clock.h"
#include "bpf/verdict.h"

#define IP_MF	      0x2000
#define IP_FRAG_OFF   0x1fff
#define TCP_F_FIN     0x01
#define TCP_F_SYN     0x02
#define TCP_F_RST     0x04
#define TCP_F_ACK     0x10
#define L4_MIN	      8 /* UDP header, ICMP query, and the part of TCP with the ports */
#define TCP_HLEN_MIN  20
#define ICMP_CSUM     2
#define ICMP_ID	      4
#define UDP_CSUM      6
#define TCP_CSUM      16
#define ICMP_ERR_HLEN 8

enum pkt_kind {
	PKT_FLOW, /* UDP, TCP, or an ICMP query in the direction that bindings serve */
	PKT_FRAGMENT, /* a later fragment: no ports */
	PKT_ICMP_ERROR,
	PKT_ICMP_OTHER,
	PKT_OTHER_PROTO,
};

struct pkt {
	__u32 now; /* seconds */
	__u32 active; /* index of the configuration in force */
	__be32 saddr;
	__be32 daddr;
	__be16 sport; /* ICMP: the identifier, in the port of the side that is translated */
	__be16 dport;
	__be16 id; /* of the datagram */
	__sum16 ip_csum;
	__u16 l3; /* offsets from the start of the packet */
	__u16 l4;
	__u32 end; /* of the datagram: what follows is padding */
	__u8 ipproto;
	__u8 proto; /* enum einat_proto */
	__u8 kind; /* enum pkt_kind */
	__u8 more; /* first fragment: later ones follow */
	__u8 tcp_flags;
	__u8 pad[3];
};

enum icmp_class { ICMP_REQUEST, ICMP_REPLY, ICMP_ERROR, ICMP_NONE };

/*
 * Queries as RFC 5508 section 3, errors as its section 4. A redirect (5) is not among them: it
 * speaks of a link that the receiver is not on.
 */
static __always_inline enum icmp_class icmp_classify(__u8 type)
{
	const __u32 requests = 1 << 8 | 1 << 13 | 1 << 15 | 1 << 17;
	const __u32 replies = 1 << 0 | 1 << 14 | 1 << 16 | 1 << 18;
	const __u32 errors = 1 << 3 | 1 << 4 | 1 << 11 | 1 << 12;

	if (type >= 32)
		return ICMP_NONE;
	if (requests >> type & 1)
		return ICMP_REQUEST;
	if (replies >> type & 1)
		return ICMP_REPLY;
	return errors >> type & 1 ? ICMP_ERROR : ICMP_NONE;
}

/* The layer 4 header: at least L4_MIN bytes of it lie in the packet. */
static __always_inline int parse_l4(struct __sk_buff *skb, struct pkt *p, enum einat_dir dir)
{
	__be16 h[L4_MIN / 2];
	__u8 flags[2];
	enum icmp_class class;

	if (p->l4 + L4_MIN > p->end || bpf_skb_load_bytes(skb, p->l4, h, sizeof(h)))
		return REASON_MALFORMED;
	p->kind = PKT_FLOW;
	p->sport = h[0];
	p->dport = h[1];
	if (p->ipproto == IPPROTO_UDP) {
		p->proto = EINAT_PROTO_UDP;
		return GO_ON;
	}
	if (p->ipproto == IPPROTO_TCP) {
		if (p->l4 + TCP_HLEN_MIN > p->end ||
		    bpf_skb_load_bytes(skb, p->l4 + 12, flags, sizeof(flags)))
			return REASON_MALFORMED;
		p->proto = EINAT_PROTO_TCP;
		p->tcp_flags = flags[1];
		return flags[0] >> 4 < TCP_HLEN_MIN / 4 ? REASON_MALFORMED : GO_ON;
	}
	p->proto = EINAT_PROTO_ICMP;
	p->sport = p->dport = 0;
	class = icmp_classify(*(__u8 *)h);
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

/* p->saddr is valid on REASON_MALFORMED too, and 0 if the packet has none. */
static __always_inline int parse(struct __sk_buff *skb, struct pkt *p, enum einat_dir dir)
{
	struct iphdr ip;
	__u32 frag, hlen, len;

	/* A tag means an upper VLAN interface; priority tags (VLAN 0) are the interface's own. */
	if (skb->vlan_present && skb->vlan_tci & 0x0fff)
		return REASON_NOT_IP;
	if (skb->protocol == bpf_htons(ETH_P_IPV6))
		return REASON_IPV6;
	if (skb->protocol != bpf_htons(ETH_P_IP))
		return REASON_NOT_IP;
	p->l3 = l2_len;
	if (bpf_skb_load_bytes(skb, l2_len, &ip, sizeof(ip)))
		return REASON_MALFORMED;
	p->saddr = ip.saddr;
	p->daddr = ip.daddr;
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

	if (ip.protocol == IPPROTO_UDP)
		p->proto = EINAT_PROTO_UDP;
	else if (ip.protocol == IPPROTO_TCP)
		p->proto = EINAT_PROTO_TCP;
	else if (ip.protocol == IPPROTO_ICMP)
		p->proto = EINAT_PROTO_ICMP;
	else
		p->proto = EINAT_PROTO_COUNT;
	frag = bpf_ntohs(ip.frag_off);
	p->more = !!(frag & IP_MF);
	if (p->proto == EINAT_PROTO_COUNT) {
		p->kind = PKT_OTHER_PROTO;
		return GO_ON;
	}
	if (frag & IP_FRAG_OFF) {
		p->kind = PKT_FRAGMENT;
		return GO_ON;
	}
	return parse_l4(skb, p, dir);
}

/* Begin: the clock and the configuration in force, both read once for a packet. */
static __always_inline const struct einat_cfg *pkt_init(struct pkt *p)
{
	__u32 zero = 0;
	const struct einat_ctl *c = bpf_map_lookup_elem(&ctl, &zero);

	__builtin_memset(p, 0, sizeof(*p));
	if (!c)
		return NULL;
	p->now = clock_now(c);
	p->active = READ_ONCE(c->active);
	return cfg_get(p->active);
}

#endif
