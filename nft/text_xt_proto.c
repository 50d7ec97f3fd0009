// SPDX-License-Identifier: GPL-2.0-or-later
/* The text of x_tables matches: headers of the packet. */
#include <string.h>
#include <netinet/in.h>
#include <linux/netfilter/xt_dccp.h>
#include <linux/netfilter/xt_dscp.h>
#include <linux/netfilter/xt_ecn.h>
#include <linux/netfilter/xt_esp.h>
#include <linux/netfilter/xt_length.h>
#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter/xt_sctp.h>
#include <linux/netfilter/xt_tcpmss.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv4/ipt_ttl.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <linux/netfilter_ipv6/ip6t_frag.h>
#include <linux/netfilter_ipv6/ip6t_hl.h>
#include <linux/netfilter_ipv6/ip6t_rt.h>

#include "text_xt.h"

static void ports(struct tbuf *b, const char *opt, const uint16_t p[2], bool inv)
{
	if (!p[0] && p[1] == 0xffff && !inv)
		return;
	xt_inv(b, inv);
	tb_fmt(b, " --%s ", opt);
	xt_range(b, p[0], p[1]);
}

static void tcp_flags(struct tbuf *b, uint8_t flags)
{
	static const struct symbol names[] = {
		{ 0x01, "FIN" }, { 0x02, "SYN" }, { 0x04, "RST" }, { 0x08, "PSH" },
		{ 0x10, "ACK" }, { 0x20, "URG" }, { 0 },
	};

	if (flags)
		xt_bits(b, flags, names);
	else
		tb_str(b, "NONE");
}

static bool match_tcp(struct tbuf *b, const struct xt_view *x)
{
	struct xt_tcp i;

	xt_get(x, &i, sizeof(i));
	ports(b, "sport", i.spts, i.invflags & XT_TCP_INV_SRCPT);
	ports(b, "dport", i.dpts, i.invflags & XT_TCP_INV_DSTPT);
	if (i.option || (i.invflags & XT_TCP_INV_OPTION)) {
		xt_inv(b, i.invflags & XT_TCP_INV_OPTION);
		tb_fmt(b, " --tcp-option %u", i.option);
	}
	if (i.flg_mask || (i.invflags & XT_TCP_INV_FLAGS)) {
		xt_inv(b, i.invflags & XT_TCP_INV_FLAGS);
		tb_str(b, " --tcp-flags ");
		tcp_flags(b, i.flg_mask);
		tb_str(b, " ");
		tcp_flags(b, i.flg_cmp);
	}
	return true;
}

static bool match_udp(struct tbuf *b, const struct xt_view *x)
{
	struct xt_udp i;

	xt_get(x, &i, sizeof(i));
	ports(b, "sport", i.spts, i.invflags & XT_UDP_INV_SRCPT);
	ports(b, "dport", i.dpts, i.invflags & XT_UDP_INV_DSTPT);
	return true;
}

static bool match_sctp(struct tbuf *b, const struct xt_view *x)
{
	struct xt_sctp_info i;

	xt_get(x, &i, sizeof(i));
	if (i.flags & XT_SCTP_SRC_PORTS)
		ports(b, "sport", i.spts, i.invflags & XT_SCTP_SRC_PORTS);
	if (i.flags & XT_SCTP_DEST_PORTS)
		ports(b, "dport", i.dpts, i.invflags & XT_SCTP_DEST_PORTS);
	return !(i.flags & XT_SCTP_CHUNK_TYPES);
}

static bool match_dccp(struct tbuf *b, const struct xt_view *x)
{
	struct xt_dccp_info i;

	xt_get(x, &i, sizeof(i));
	if (i.flags & XT_DCCP_SRC_PORTS)
		ports(b, "sport", i.spts, i.invflags & XT_DCCP_SRC_PORTS);
	if (i.flags & XT_DCCP_DEST_PORTS)
		ports(b, "dport", i.dpts, i.invflags & XT_DCCP_DEST_PORTS);
	return !(i.flags & ~(XT_DCCP_SRC_PORTS | XT_DCCP_DEST_PORTS));
}

static void port_list(struct tbuf *b, unsigned flags, unsigned count, const uint16_t *port,
		      const uint8_t *range_follows, bool inv)
{
	static const char *const opts[] = { "sports", "dports", "ports" };

	xt_inv(b, inv);
	tb_fmt(b, " --%s ", flags < 3 ? opts[flags] : "?");
	for (unsigned i = 0; i < count && i < XT_MULTI_PORTS; i++) {
		tb_fmt(b, "%s%u", i ? "," : "", port[i]);
		if (range_follows && range_follows[i] && i + 1 < XT_MULTI_PORTS)
			tb_fmt(b, ":%u", port[++i]);
	}
}

static bool match_multiport0(struct tbuf *b, const struct xt_view *x)
{
	struct xt_multiport i;

	xt_get(x, &i, sizeof(i));
	port_list(b, i.flags, i.count, i.ports, NULL, false);
	return true;
}

static bool match_multiport1(struct tbuf *b, const struct xt_view *x)
{
	struct xt_multiport_v1 i;

	xt_get(x, &i, sizeof(i));
	port_list(b, i.flags, i.count, i.ports, i.pflags, i.invert);
	return true;
}

static void icmp(struct tbuf *b, const char *opt, uint8_t type, const uint8_t code[2], bool inv)
{
	xt_inv(b, inv);
	tb_fmt(b, " --%s %u", opt, type);
	if (code[0] == code[1])
		tb_fmt(b, "/%u", code[0]);
	else if (code[0] || code[1] != 0xff)
		tb_fmt(b, "/%u-%u", code[0], code[1]);
}

static bool match_icmp(struct tbuf *b, const struct xt_view *x)
{
	struct ipt_icmp i;

	xt_get(x, &i, sizeof(i));
	if (i.type == 0xff) {
		xt_inv(b, i.invflags & IPT_ICMP_INV);
		tb_str(b, " --icmp-type any");
	} else {
		icmp(b, "icmp-type", i.type, i.code, i.invflags & IPT_ICMP_INV);
	}
	return true;
}

static bool match_icmp6(struct tbuf *b, const struct xt_view *x)
{
	struct ip6t_icmp i;

	xt_get(x, &i, sizeof(i));
	icmp(b, "icmpv6-type", i.type, i.code, i.invflags & IP6T_ICMP_INV);
	return true;
}

static bool match_ttl(struct tbuf *b, const struct xt_view *x)
{
	static const char *const ops[] = { " --ttl-eq", " ! --ttl-eq", " --ttl-lt", " --ttl-gt" };
	struct ipt_ttl_info i;

	xt_get(x, &i, sizeof(i));
	if (i.mode > IPT_TTL_GT)
		return false;
	tb_fmt(b, "%s %u", ops[i.mode], i.ttl);
	return true;
}

static bool match_hl(struct tbuf *b, const struct xt_view *x)
{
	static const char *const ops[] = { " --hl-eq", " ! --hl-eq", " --hl-lt", " --hl-gt" };
	struct ip6t_hl_info i;

	xt_get(x, &i, sizeof(i));
	if (i.mode > IP6T_HL_GT)
		return false;
	tb_fmt(b, "%s %u", ops[i.mode], i.hop_limit);
	return true;
}

static bool match_dscp(struct tbuf *b, const struct xt_view *x)
{
	struct xt_dscp_info i;

	xt_get(x, &i, sizeof(i));
	xt_inv(b, i.invert);
	tb_fmt(b, " --dscp 0x%02x", i.dscp);
	return true;
}

static bool match_tos(struct tbuf *b, const struct xt_view *x)
{
	struct xt_tos_match_info i;

	xt_get(x, &i, sizeof(i));
	xt_inv(b, i.invert);
	tb_fmt(b, " --tos 0x%02x/0x%02x", i.tos_value, i.tos_mask);
	return true;
}

static bool match_length(struct tbuf *b, const struct xt_view *x)
{
	struct xt_length_info i;

	xt_get(x, &i, sizeof(i));
	xt_inv(b, i.invert);
	tb_str(b, " --length ");
	xt_range(b, i.min, i.max);
	return true;
}

static bool match_tcpmss(struct tbuf *b, const struct xt_view *x)
{
	struct xt_tcpmss_match_info i;

	xt_get(x, &i, sizeof(i));
	xt_inv(b, i.invert);
	tb_str(b, " --mss ");
	xt_range(b, i.mss_min, i.mss_max);
	return true;
}

static bool match_ecn(struct tbuf *b, const struct xt_view *x)
{
	struct xt_ecn_info i;

	xt_get(x, &i, sizeof(i));
	if (i.operation & XT_ECN_OP_MATCH_ECE) {
		xt_inv(b, i.invert & XT_ECN_OP_MATCH_ECE);
		tb_str(b, " --ecn-tcp-ece");
	}
	if (i.operation & XT_ECN_OP_MATCH_CWR) {
		xt_inv(b, i.invert & XT_ECN_OP_MATCH_CWR);
		tb_str(b, " --ecn-tcp-cwr");
	}
	if (i.operation & XT_ECN_OP_MATCH_IP) {
		xt_inv(b, i.invert & XT_ECN_OP_MATCH_IP);
		tb_fmt(b, " --ecn-ip-ect %u", i.ip_ect);
	}
	return true;
}

static bool match_esp(struct tbuf *b, const struct xt_view *x)
{
	struct xt_esp i;

	xt_get(x, &i, sizeof(i));
	if (!i.spis[0] && i.spis[1] == 0xffffffff && !(i.invflags & XT_ESP_INV_SPI))
		return true;
	xt_inv(b, i.invflags & XT_ESP_INV_SPI);
	tb_str(b, " --espspi ");
	xt_range(b, i.spis[0], i.spis[1]);
	return true;
}

/* IPv6 routing header; addresses in it are left to the fallback. */
static bool match_rt(struct tbuf *b, const struct xt_view *x)
{
	struct ip6t_rt i;

	xt_get(x, &i, sizeof(i));
	if (i.flags & ~(IP6T_RT_TYP | IP6T_RT_SGS | IP6T_RT_LEN))
		return false;
	if (i.flags & IP6T_RT_TYP) {
		xt_inv(b, i.invflags & IP6T_RT_INV_TYP);
		tb_fmt(b, " --rt-type %u", i.rt_type);
	}
	if (i.flags & IP6T_RT_SGS) {
		xt_inv(b, i.invflags & IP6T_RT_INV_SGS);
		tb_str(b, " --rt-segsleft ");
		xt_range(b, i.segsleft[0], i.segsleft[1]);
	}
	if (i.flags & IP6T_RT_LEN) {
		xt_inv(b, i.invflags & IP6T_RT_INV_LEN);
		tb_fmt(b, " --rt-len %u", i.hdrlen);
	}
	return true;
}

static bool match_frag(struct tbuf *b, const struct xt_view *x)
{
	static const struct symbol flags[] = { { IP6T_FRAG_RES, " --fragres" },
					       { IP6T_FRAG_FST, " --fragfirst" },
					       { IP6T_FRAG_MF, " --fragmore" },
					       { IP6T_FRAG_NMF, " --fraglast" } };
	struct ip6t_frag i;

	xt_get(x, &i, sizeof(i));
	if (i.ids[0] || i.ids[1] != 0xffffffff) {
		xt_inv(b, i.invflags & IP6T_FRAG_INV_IDS);
		tb_str(b, " --fragid ");
		xt_range(b, i.ids[0], i.ids[1]);
	}
	if (i.flags & IP6T_FRAG_LEN) {
		xt_inv(b, i.invflags & IP6T_FRAG_INV_LEN);
		tb_fmt(b, " --fraglen %u", i.hdrlen);
	}
	for (size_t n = 0; n < sizeof(flags) / sizeof(*flags); n++)
		if (i.flags & flags[n].value)
			tb_str(b, flags[n].name);
	return true;
}

const struct xt_printer xt_proto_matches[] = {
	{ "tcp", XT_ANY, sizeof(struct xt_tcp), match_tcp },
	{ "udp", XT_ANY, sizeof(struct xt_udp), match_udp },
	{ "udplite", XT_ANY, sizeof(struct xt_udp), match_udp },
	{ "sctp", XT_ANY, sizeof(struct xt_sctp_info), match_sctp },
	{ "dccp", XT_ANY, sizeof(struct xt_dccp_info), match_dccp },
	{ "multiport", 0, sizeof(struct xt_multiport), match_multiport0 },
	{ "multiport", 1, sizeof(struct xt_multiport_v1), match_multiport1 },
	{ "icmp", XT_ANY, sizeof(struct ipt_icmp), match_icmp },
	{ "icmp6", XT_ANY, sizeof(struct ip6t_icmp), match_icmp6 },
	{ "ttl", XT_ANY, sizeof(struct ipt_ttl_info), match_ttl },
	{ "hl", XT_ANY, sizeof(struct ip6t_hl_info), match_hl },
	{ "dscp", XT_ANY, sizeof(struct xt_dscp_info), match_dscp },
	{ "tos", 1, sizeof(struct xt_tos_match_info), match_tos },
	{ "length", XT_ANY, sizeof(struct xt_length_info), match_length },
	{ "tcpmss", XT_ANY, sizeof(struct xt_tcpmss_match_info), match_tcpmss },
	{ "ecn", XT_ANY, sizeof(struct xt_ecn_info), match_ecn },
	{ "esp", XT_ANY, sizeof(struct xt_esp), match_esp },
	{ "rt", XT_ANY, sizeof(struct ip6t_rt), match_rt },
	{ "frag", XT_ANY, sizeof(struct ip6t_frag), match_frag },
	{ 0 },
};
