// SPDX-License-Identifier: GPL-2.0-or-later
/* The text of a rule: header fields, as data. */
#include <netinet/in.h>
#include <linux/netfilter/nf_tables.h>

#include "text_int.h"

static const struct hdr_field fields[] = {
	{ HDR_ETHER, 0, 48, DT_ETHER, "ether daddr" },
	{ HDR_ETHER, 48, 48, DT_ETHER, "ether saddr" },
	{ HDR_ETHER, 96, 16, DT_ETHERTYPE, "ether type" },
	/* behind the two addresses and the type 8021q: at byte 14 of the link layer */
	{ HDR_VLAN, 112, 3, DT_NUM, "vlan pcp" },
	{ HDR_VLAN, 115, 1, DT_NUM, "vlan dei" },
	{ HDR_VLAN, 116, 12, DT_NUM, "vlan id" },
	{ HDR_VLAN, 128, 16, DT_ETHERTYPE, "vlan type" },
	{ HDR_ARP, 0, 16, DT_NUM, "arp htype" },
	{ HDR_ARP, 16, 16, DT_ETHERTYPE, "arp ptype" },
	{ HDR_ARP, 32, 8, DT_NUM, "arp hlen" },
	{ HDR_ARP, 40, 8, DT_NUM, "arp plen" },
	{ HDR_ARP, 48, 16, DT_ARPOP, "arp operation" },
	{ HDR_ARP, 64, 48, DT_ETHER, "arp saddr ether" },
	{ HDR_ARP, 112, 32, DT_IP4, "arp saddr ip" },
	{ HDR_ARP, 144, 48, DT_ETHER, "arp daddr ether" },
	{ HDR_ARP, 192, 32, DT_IP4, "arp daddr ip" },
	{ HDR_IP, 0, 4, DT_NUM, "ip version" },
	{ HDR_IP, 4, 4, DT_NUM, "ip hdrlength" },
	{ HDR_IP, 8, 6, DT_DSCP, "ip dscp" },
	{ HDR_IP, 14, 2, DT_ECN, "ip ecn" },
	{ HDR_IP, 16, 16, DT_NUM, "ip length" },
	{ HDR_IP, 32, 16, DT_NUM, "ip id" },
	{ HDR_IP, 48, 16, DT_NUM, "ip frag-off" },
	{ HDR_IP, 64, 8, DT_NUM, "ip ttl" },
	{ HDR_IP, 72, 8, DT_INETPROTO, "ip protocol" },
	{ HDR_IP, 80, 16, DT_NUM, "ip checksum" },
	{ HDR_IP, 96, 32, DT_IP4, "ip saddr" },
	{ HDR_IP, 128, 32, DT_IP4, "ip daddr" },
	{ HDR_IP6, 0, 4, DT_NUM, "ip6 version" },
	{ HDR_IP6, 4, 6, DT_DSCP, "ip6 dscp" },
	{ HDR_IP6, 10, 2, DT_ECN, "ip6 ecn" },
	{ HDR_IP6, 12, 20, DT_NUM, "ip6 flowlabel" },
	{ HDR_IP6, 32, 16, DT_NUM, "ip6 length" },
	{ HDR_IP6, 48, 8, DT_INETPROTO, "ip6 nexthdr" },
	{ HDR_IP6, 56, 8, DT_NUM, "ip6 hoplimit" },
	{ HDR_IP6, 64, 128, DT_IP6, "ip6 saddr" },
	{ HDR_IP6, 192, 128, DT_IP6, "ip6 daddr" },
	{ HDR_TH, 0, 16, DT_PORT, "th sport" },
	{ HDR_TH, 16, 16, DT_PORT, "th dport" },
	{ HDR_TCP, 0, 16, DT_PORT, "tcp sport" },
	{ HDR_TCP, 16, 16, DT_PORT, "tcp dport" },
	{ HDR_TCP, 32, 32, DT_NUM, "tcp sequence" },
	{ HDR_TCP, 64, 32, DT_NUM, "tcp ackseq" },
	{ HDR_TCP, 96, 4, DT_NUM, "tcp doff" },
	{ HDR_TCP, 100, 4, DT_NUM, "tcp reserved" },
	{ HDR_TCP, 104, 8, DT_TCPFLAG, "tcp flags" },
	{ HDR_TCP, 112, 16, DT_NUM, "tcp window" },
	{ HDR_TCP, 128, 16, DT_NUM, "tcp checksum" },
	{ HDR_TCP, 144, 16, DT_NUM, "tcp urgptr" },
	{ HDR_UDP, 0, 16, DT_PORT, "udp sport" },
	{ HDR_UDP, 16, 16, DT_PORT, "udp dport" },
	{ HDR_UDP, 32, 16, DT_NUM, "udp length" },
	{ HDR_UDP, 48, 16, DT_NUM, "udp checksum" },
	{ HDR_UDPLITE, 0, 16, DT_PORT, "udplite sport" },
	{ HDR_UDPLITE, 16, 16, DT_PORT, "udplite dport" },
	{ HDR_UDPLITE, 32, 16, DT_NUM, "udplite csumcov" },
	{ HDR_UDPLITE, 48, 16, DT_NUM, "udplite checksum" },
	{ HDR_SCTP, 0, 16, DT_PORT, "sctp sport" },
	{ HDR_SCTP, 16, 16, DT_PORT, "sctp dport" },
	{ HDR_SCTP, 32, 32, DT_NUM, "sctp vtag" },
	{ HDR_SCTP, 64, 32, DT_NUM, "sctp checksum" },
	{ HDR_DCCP, 0, 16, DT_PORT, "dccp sport" },
	{ HDR_DCCP, 16, 16, DT_PORT, "dccp dport" },
	{ HDR_DCCP, 67, 4, DT_DCCPTYPE, "dccp type" },
	{ HDR_ICMP, 0, 8, DT_ICMPTYPE, "icmp type" },
	{ HDR_ICMP, 8, 8, DT_ICMPCODE, "icmp code" },
	{ HDR_ICMP, 16, 16, DT_NUM, "icmp checksum" },
	{ HDR_ICMP, 32, 16, DT_NUM, "icmp id" },
	{ HDR_ICMP, 48, 16, DT_NUM, "icmp sequence" },
	{ HDR_ICMP_MTU, 48, 16, DT_NUM, "icmp mtu" },
	{ HDR_ICMP_GATEWAY, 32, 32, DT_NUM, "icmp gateway" },
	{ HDR_ICMP6, 0, 8, DT_ICMP6TYPE, "icmpv6 type" },
	{ HDR_ICMP6, 8, 8, DT_ICMP6CODE, "icmpv6 code" },
	{ HDR_ICMP6, 16, 16, DT_NUM, "icmpv6 checksum" },
	{ HDR_ICMP6, 32, 16, DT_NUM, "icmpv6 id" },
	{ HDR_ICMP6, 48, 16, DT_NUM, "icmpv6 sequence" },
	{ HDR_ICMP6_MTU, 32, 32, DT_NUM, "icmpv6 mtu" },
	{ HDR_FRAG, 16, 13, DT_NUM, "frag frag-off" },
	{ HDR_FRAG, 31, 1, DT_NUM, "frag more-fragments" },
	{ HDR_IGMP, 0, 8, DT_IGMPTYPE, "igmp type" },
	{ HDR_IGMP, 8, 8, DT_NUM, "igmp mrt" },
	{ HDR_IGMP, 16, 16, DT_NUM, "igmp checksum" },
	{ HDR_IGMP, 32, 32, DT_IP4, "igmp group" },
	{ HDR_AH, 0, 8, DT_INETPROTO, "ah nexthdr" },
	{ HDR_AH, 8, 8, DT_NUM, "ah hdrlength" },
	{ HDR_AH, 16, 16, DT_NUM, "ah reserved" },
	{ HDR_AH, 32, 32, DT_NUM, "ah spi" },
	{ HDR_AH, 64, 32, DT_NUM, "ah sequence" },
	{ HDR_ESP, 0, 32, DT_NUM, "esp spi" },
	{ HDR_ESP, 32, 32, DT_NUM, "esp sequence" },
	{ HDR_COMP, 0, 8, DT_INETPROTO, "comp nexthdr" },
	{ HDR_COMP, 8, 8, DT_NUM, "comp flags" },
	{ HDR_COMP, 16, 16, DT_NUM, "comp cpi" },
};

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

const struct hdr_field *hdr_field_at(enum header h, unsigned bit, unsigned bits)
{
	for (size_t i = 0; i < COUNT(fields); i++)
		if (fields[i].hdr == h && fields[i].bit == bit && (!bits || fields[i].bits == bits))
			return &fields[i];
	return NULL;
}

enum header hdr_of_l4proto(unsigned proto)
{
	static const struct {
		uint8_t proto;
		enum header hdr;
	} map[] = {
		{ IPPROTO_TCP, HDR_TCP },	  { IPPROTO_UDP, HDR_UDP },
		{ IPPROTO_UDPLITE, HDR_UDPLITE }, { IPPROTO_SCTP, HDR_SCTP },
		{ IPPROTO_DCCP, HDR_DCCP },	  { IPPROTO_ICMP, HDR_ICMP },
		{ IPPROTO_ICMPV6, HDR_ICMP6 },	  { IPPROTO_IGMP, HDR_IGMP },
		{ IPPROTO_AH, HDR_AH },		  { IPPROTO_ESP, HDR_ESP },
		{ IPPROTO_COMP, HDR_COMP },
	};

	for (size_t i = 0; i < COUNT(map); i++)
		if (map[i].proto == proto)
			return map[i].hdr;
	return HDR_NONE;
}

enum header hdr_of_ethertype(unsigned type)
{
	switch (type) {
	case 0x0800:
		return HDR_IP;
	case 0x86dd:
		return HDR_IP6;
	case 0x0806:
		return HDR_ARP;
	case 0x8100:
		return HDR_VLAN;
	}
	return HDR_NONE;
}

static const struct {
	uint8_t op, type; /* NFT_EXTHDR_OP_, header or option number */
	uint8_t off, len; /* bytes */
	enum dtype dtype;
	const char *name;
} ext[] = {
	{ NFT_EXTHDR_OP_IPV6, 0, 0, 1, DT_INETPROTO, "hbh nexthdr" },
	{ NFT_EXTHDR_OP_IPV6, 0, 1, 1, DT_NUM, "hbh hdrlength" },
	{ NFT_EXTHDR_OP_IPV6, 60, 0, 1, DT_INETPROTO, "dst nexthdr" },
	{ NFT_EXTHDR_OP_IPV6, 60, 1, 1, DT_NUM, "dst hdrlength" },
	{ NFT_EXTHDR_OP_IPV6, 43, 0, 1, DT_INETPROTO, "rt nexthdr" },
	{ NFT_EXTHDR_OP_IPV6, 43, 1, 1, DT_NUM, "rt hdrlength" },
	{ NFT_EXTHDR_OP_IPV6, 43, 2, 1, DT_NUM, "rt type" },
	{ NFT_EXTHDR_OP_IPV6, 43, 3, 1, DT_NUM, "rt seg-left" },
	{ NFT_EXTHDR_OP_IPV6, 44, 0, 1, DT_INETPROTO, "frag nexthdr" },
	{ NFT_EXTHDR_OP_IPV6, 44, 4, 4, DT_NUM, "frag id" },
	{ NFT_EXTHDR_OP_IPV6, 135, 0, 1, DT_INETPROTO, "mh nexthdr" },
	{ NFT_EXTHDR_OP_IPV6, 135, 1, 1, DT_NUM, "mh hdrlength" },
	{ NFT_EXTHDR_OP_IPV6, 135, 2, 1, DT_MHTYPE, "mh type" },
	{ NFT_EXTHDR_OP_IPV6, 135, 4, 2, DT_NUM, "mh checksum" },
	{ NFT_EXTHDR_OP_TCPOPT, 2, 2, 2, DT_NUM, "tcp option maxseg size" },
	{ NFT_EXTHDR_OP_TCPOPT, 2, 1, 1, DT_NUM, "tcp option maxseg length" },
	{ NFT_EXTHDR_OP_TCPOPT, 3, 1, 1, DT_NUM, "tcp option window length" },
	{ NFT_EXTHDR_OP_TCPOPT, 3, 2, 1, DT_NUM, "tcp option window count" },
	{ NFT_EXTHDR_OP_TCPOPT, 5, 2, 4, DT_NUM, "tcp option sack left" },
	{ NFT_EXTHDR_OP_TCPOPT, 5, 6, 4, DT_NUM, "tcp option sack right" },
	{ NFT_EXTHDR_OP_TCPOPT, 8, 2, 4, DT_NUM, "tcp option timestamp tsval" },
	{ NFT_EXTHDR_OP_TCPOPT, 8, 6, 4, DT_NUM, "tcp option timestamp tsecr" },
	{ NFT_EXTHDR_OP_IPV4, 131, 0, 1, DT_NUM, "ip option lsrr type" },
	{ NFT_EXTHDR_OP_IPV4, 7, 0, 1, DT_NUM, "ip option rr type" },
	{ NFT_EXTHDR_OP_IPV4, 137, 0, 1, DT_NUM, "ip option ssrr type" },
	{ NFT_EXTHDR_OP_IPV4, 148, 0, 1, DT_NUM, "ip option ra type" },
	{ NFT_EXTHDR_OP_IPV4, 148, 2, 2, DT_NUM, "ip option ra value" },
	{ NFT_EXTHDR_OP_SCTP, 0, 0, 1, DT_NUM, "sctp chunk data type" },
	{ NFT_EXTHDR_OP_SCTP, 1, 0, 1, DT_NUM, "sctp chunk init type" },
};

bool exthdr_text(struct tbuf *b, uint32_t op, uint32_t type, uint32_t off, uint32_t len,
		 enum dtype *ret_type)
{
	for (size_t i = 0; i < COUNT(ext); i++) {
		if (ext[i].op != op || ext[i].type != type || ext[i].off != off ||
		    ext[i].len != len)
			continue;
		tb_str(b, ext[i].name);
		*ret_type = ext[i].dtype;
		return true;
	}
	return false;
}
