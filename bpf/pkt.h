/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is known of a packet, and the words for it. */
#ifndef EINAT_BPF_PKT_H
#define EINAT_BPF_PKT_H

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

#define HOP_LIMIT_MAX 255

enum pkt_kind {
	PKT_FLOW, /* UDP, TCP, or an ICMP query in the direction that bindings serve */
	PKT_FRAGMENT, /* a later fragment: no ports */
	PKT_ICMP_ERROR,
	PKT_ICMP_OTHER,
	PKT_OTHER_PROTO,
};

/* Only "zeroed" is cleared for each packet; the rest is what parse() and packet_out() set. */
struct pkt {
	union {
		__u64 zeroed;
		struct {
			__be16 sport; /* ICMP: the identifier, in the port that is translated */
			__be16 dport;
			__u8 kind; /* enum pkt_kind */
			__u8 more; /* first fragment: later ones follow */
			__u8 tcp_flags;
			__u8 ipproto; /* of the fragment key: IPPROTO_, 0 for IPv6 */
		};
	};
	union ip saddr;
	union ip daddr;
	__u32 now; /* seconds */
	__u32 active; /* index of the configuration in force */
	__be32 id; /* of the datagram */
	__u32 end; /* of the datagram: what follows is padding */
	__u16 l3; /* offsets from the start of the packet */
	__u16 l4;
	__sum16 ip_csum; /* IPv4 */
	__sum16 udp_csum; /* UDP; 0: there is none */
	__be16 eth; /* ETH_P_ of the IP version */
	__u8 proto; /* enum einat_proto */
	__u8 hop_limit; /* IPv6 */
	/* at egress */
	__s32 to_ext; /* index of the external address that it goes to, or -1 */
	__u8 from_ext; /* the source is an external address */
	__u8 pad[7];
};

/*
 * Is the packet IPv6? Read from memory each time, where the verifier does not know it: else it
 * would walk all that follows once for each version.
 */
static __always_inline bool is6(const struct pkt *p)
{
	return ipv6 && READ_ONCE(p->eth) == bpf_htons(ETH_P_IPV6);
}

enum icmp_class { ICMP_REQUEST, ICMP_REPLY, ICMP_ERROR, ICMP_NONE };

static __always_inline enum icmp_class icmp6_classify(__u8 type)
{
	if (type == 128)
		return ICMP_REQUEST;
	if (type == 129)
		return ICMP_REPLY;
	return type >= 1 && type <= 4 ? ICMP_ERROR : ICMP_NONE;
}

/*
 * Queries as RFC 5508 section 3, errors as its section 4. Not among them: a redirect (5), which
 * speaks of a link that the receiver is not on; source quench (4) and information queries (15, 16),
 * which a NAT should not support (REQ-10 c; RFC 6633 and RFC 6918 have deprecated them since).
 */
static __always_inline enum icmp_class icmp_classify(__u8 type)
{
	const __u32 requests = 1 << 8 | 1 << 13 | 1 << 17;
	const __u32 replies = 1 << 0 | 1 << 14 | 1 << 18;
	const __u32 errors = 1 << 3 | 1 << 11 | 1 << 12;

	if (type >= 32)
		return ICMP_NONE;
	if (requests >> type & 1)
		return ICMP_REQUEST;
	if (replies >> type & 1)
		return ICMP_REPLY;
	return errors >> type & 1 ? ICMP_ERROR : ICMP_NONE;
}

static __always_inline enum icmp_class icmp_class(const struct pkt *p, __u8 type)
{
	return is6(p) ? icmp6_classify(type) : icmp_classify(type);
}

static __always_inline __u8 proto_of(__u8 ipproto, __u8 icmp)
{
	if (ipproto == IPPROTO_UDP)
		return EINAT_PROTO_UDP;
	if (ipproto == IPPROTO_TCP)
		return EINAT_PROTO_TCP;
	return ipproto == icmp ? EINAT_PROTO_ICMP : EINAT_PROTO_COUNT;
}

#endif
