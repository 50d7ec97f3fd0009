// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#include "lib/ct_msg.h"

/* ---- parsing --------------------------------------------------------------------------- */

#define ATTR_TOP 32 /* attribute numbers from here on are unknown to us and skipped */

struct attr_table {
	const struct nlattr *tb[ATTR_TOP];
};

static int note_attr(const struct nlattr *attr, void *data)
{
	struct attr_table *t = data;
	unsigned type = mnl_attr_get_type(attr);

	if (type < ATTR_TOP)
		t->tb[type] = attr;
	return MNL_CB_OK;
}

static bool has(const struct attr_table *t, unsigned type, size_t len)
{
	return t->tb[type] && mnl_attr_get_payload_len(t->tb[type]) >= len;
}

static uint8_t get8(const struct attr_table *t, unsigned type)
{
	return has(t, type, 1) ? mnl_attr_get_u8(t->tb[type]) : 0;
}

static uint16_t get_be16(const struct attr_table *t, unsigned type)
{
	return has(t, type, 2) ? ntohs(mnl_attr_get_u16(t->tb[type])) : 0;
}

static uint32_t get_be32(const struct attr_table *t, unsigned type)
{
	return has(t, type, 4) ? ntohl(mnl_attr_get_u32(t->tb[type])) : 0;
}

static bool nested(const struct attr_table *t, unsigned type, struct attr_table *ret)
{
	memset(ret, 0, sizeof(*ret));
	return t->tb[type] && mnl_attr_parse_nested(t->tb[type], note_attr, ret) >= 0;
}

/* The addresses of a tuple; false: it has none of @family. */
static bool parse_addrs(const struct attr_table *ip, uint8_t family, struct net_addr *src,
			struct net_addr *dst)
{
	if (family == AF_INET6) {
		if (!has(ip, CTA_IP_V6_SRC, 16) || !has(ip, CTA_IP_V6_DST, 16))
			return false;
		memcpy(src, mnl_attr_get_payload(ip->tb[CTA_IP_V6_SRC]), sizeof(*src));
		memcpy(dst, mnl_attr_get_payload(ip->tb[CTA_IP_V6_DST]), sizeof(*dst));
		/* a v4-mapped address on the wire (RFC 4291 2.5.5.2) is not IPv4 */
		return !net_addr_is4(src) && !net_addr_is4(dst);
	}
	if (!has(ip, CTA_IP_V4_SRC, 4) || !has(ip, CTA_IP_V4_DST, 4))
		return false;
	*src = net_addr_from4(mnl_attr_get_u32(ip->tb[CTA_IP_V4_SRC]));
	*dst = net_addr_from4(mnl_attr_get_u32(ip->tb[CTA_IP_V4_DST]));
	return true;
}

/* The PROTO_ bit of a protocol; ICMP and ICMPv6 each belong to their family. */
static unsigned flow_proto(uint8_t family, uint8_t ipproto)
{
	if (family == AF_INET6 && (ipproto == IPPROTO_ICMP || ipproto == IPPROTO_ICMPV6))
		return ipproto == IPPROTO_ICMPV6 ? PROTO_ICMP : 0;
	return proto_bit(ipproto);
}

/* Where ctnetlink has identifier, type and code of an ICMP query. */
struct icmp_attrs {
	uint16_t id, type, code;
};

static struct icmp_attrs icmp_attrs(bool ipv6)
{
	if (ipv6)
		return (struct icmp_attrs){ CTA_PROTO_ICMPV6_ID, CTA_PROTO_ICMPV6_TYPE,
					    CTA_PROTO_ICMPV6_CODE };
	return (struct icmp_attrs){ CTA_PROTO_ICMP_ID, CTA_PROTO_ICMP_TYPE, CTA_PROTO_ICMP_CODE };
}

/* One direction. ICMP: the identifier stands for the port of the side that asked. */
static int parse_tuple(const struct attr_table *msg, unsigned type, uint8_t family, bool reply,
		       unsigned *proto, struct net_addr *src, struct net_addr *dst, uint16_t *sport,
		       uint16_t *dport)
{
	struct icmp_attrs icmp = icmp_attrs(family == AF_INET6);
	struct attr_table tuple, ip, l4;
	uint16_t kind;

	if (!nested(msg, type, &tuple) || !nested(&tuple, CTA_TUPLE_IP, &ip) ||
	    !nested(&tuple, CTA_TUPLE_PROTO, &l4) || !has(&l4, CTA_PROTO_NUM, 1))
		return -EBADMSG;
	*proto = flow_proto(family, get8(&l4, CTA_PROTO_NUM));
	if (!*proto || !parse_addrs(&ip, family, src, dst))
		return 0;
	if (*proto != PROTO_ICMP) {
		*sport = get_be16(&l4, CTA_PROTO_SRC_PORT);
		*dport = get_be16(&l4, CTA_PROTO_DST_PORT);
		return 1;
	}
	kind = get8(&l4, icmp.type) << 8 | get8(&l4, icmp.code);
	*sport = reply ? kind : get_be16(&l4, icmp.id);
	*dport = reply ? get_be16(&l4, icmp.id) : kind;
	return 1;
}

int ct_msg_parse(const struct nlmsghdr *nlh, struct ct_flow *ret_flow)
{
	struct attr_table msg = { 0 }, info, tcp;
	const struct nfgenmsg *nfg;
	struct ct_flow f = { 0 };
	unsigned rproto;
	uint32_t status;
	int ret;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*nfg))
		return -EBADMSG;
	nfg = mnl_nlmsg_get_payload(nlh);
	if (nfg->nfgen_family != AF_INET && nfg->nfgen_family != AF_INET6)
		return 0;
	if (mnl_attr_parse(nlh, sizeof(*nfg), note_attr, &msg) < 0)
		return -EBADMSG;
	ret = parse_tuple(&msg, CTA_TUPLE_ORIG, nfg->nfgen_family, false, &f.proto, &f.src, &f.dst,
			  &f.sport, &f.dport);
	if (ret <= 0)
		return ret;
	ret = parse_tuple(&msg, CTA_TUPLE_REPLY, nfg->nfgen_family, true, &rproto, &f.rsrc, &f.rdst,
			  &f.rsport, &f.rdport);
	if (ret <= 0)
		return ret;
	status = get_be32(&msg, CTA_STATUS);
	f.seen_reply = status & IPS_SEEN_REPLY;
	f.assured = status & IPS_ASSURED;
	f.dying = status & IPS_DYING;
	f.id = get_be32(&msg, CTA_ID);
	f.mark = get_be32(&msg, CTA_MARK);
	f.timeout = get_be32(&msg, CTA_TIMEOUT);
	f.zone = get_be16(&msg, CTA_ZONE);
	if (nested(&msg, CTA_PROTOINFO, &info) && nested(&info, CTA_PROTOINFO_TCP, &tcp))
		f.tcp_state = get8(&tcp, CTA_PROTOINFO_TCP_STATE);
	*ret_flow = f;
	return 1;
}

/* ---- building -------------------------------------------------------------------------- */

static bool flow_is6(const struct ct_flow *f)
{
	return !net_addr_is4(&f->src);
}

static uint8_t flow_family(const struct ct_flow *f)
{
	return flow_is6(f) ? AF_INET6 : AF_INET;
}

static struct nlmsghdr *header(void *buf, uint8_t family, unsigned type, unsigned flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *nfg;

	nlh->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->nfgen_family = family;
	nfg->version = NFNETLINK_V0;
	nfg->res_id = 0;
	return nlh;
}

static void put_be16(struct nlmsghdr *nlh, unsigned type, uint16_t v)
{
	mnl_attr_put_u16(nlh, type, htons(v));
}

static void put_be32(struct nlmsghdr *nlh, unsigned type, uint32_t v)
{
	mnl_attr_put_u32(nlh, type, htonl(v));
}

/* The kernel's inverse of an ICMP query: what type its reply has. */
static uint8_t icmp_inverse(uint8_t type)
{
	switch (type) {
	case ICMP_ECHO:
		return ICMP_ECHOREPLY;
	case ICMP_TIMESTAMP:
		return ICMP_TIMESTAMPREPLY;
	case ICMP_INFO_REQUEST:
		return ICMP_INFO_REPLY;
	case ICMP_ADDRESS:
		return ICMP_ADDRESSREPLY;
	}
	return type;
}

/* The same of ICMPv6: echo, and node information (RFC 4620), types 139 and 140. */
static uint8_t icmp6_inverse(uint8_t type)
{
	return type == ICMP6_ECHO_REQUEST || type == 139 ? type + 1 : type;
}

static void put_icmp(struct nlmsghdr *nlh, const struct ct_flow *f, bool reply)
{
	bool six = flow_is6(f);
	uint16_t kind = f->dport ? f->dport : (six ? ICMP6_ECHO_REQUEST : ICMP_ECHO) << 8;
	struct icmp_attrs attr = icmp_attrs(six);
	uint8_t type = kind >> 8;

	if (reply)
		type = six ? icmp6_inverse(type) : icmp_inverse(type);
	put_be16(nlh, attr.id, f->sport);
	mnl_attr_put_u8(nlh, attr.type, type);
	mnl_attr_put_u8(nlh, attr.code, kind & 0xff);
}

/* An address under the attribute number of its family. */
static void put_addr(struct nlmsghdr *nlh, unsigned v4, unsigned v6, const struct net_addr *a)
{
	if (net_addr_is4(a))
		mnl_attr_put_u32(nlh, v4, net_addr_to4(a));
	else
		mnl_attr_put(nlh, v6, sizeof(*a), a);
}

static void put_l4(struct nlmsghdr *nlh, const struct ct_flow *f, bool reply)
{
	uint8_t ipproto = proto_number(f->proto);
	struct nlattr *nest = mnl_attr_nest_start(nlh, CTA_TUPLE_PROTO);

	if (f->proto == PROTO_ICMP && flow_is6(f))
		ipproto = IPPROTO_ICMPV6;
	mnl_attr_put_u8(nlh, CTA_PROTO_NUM, ipproto);
	if (f->proto == PROTO_ICMP) {
		put_icmp(nlh, f, reply);
	} else {
		put_be16(nlh, CTA_PROTO_SRC_PORT, reply ? f->dport : f->sport);
		put_be16(nlh, CTA_PROTO_DST_PORT, reply ? f->sport : f->dport);
	}
	mnl_attr_nest_end(nlh, nest);
}

/* The original tuple, or (@reply) its inverse as it would be without NAT. */
static void put_tuple(struct nlmsghdr *nlh, const struct ct_flow *f, bool reply)
{
	struct nlattr *nest, *ip;

	nest = mnl_attr_nest_start(nlh, reply ? CTA_TUPLE_REPLY : CTA_TUPLE_ORIG);
	ip = mnl_attr_nest_start(nlh, CTA_TUPLE_IP);
	put_addr(nlh, CTA_IP_V4_SRC, CTA_IP_V6_SRC, reply ? &f->dst : &f->src);
	put_addr(nlh, CTA_IP_V4_DST, CTA_IP_V6_DST, reply ? &f->src : &f->dst);
	mnl_attr_nest_end(nlh, ip);
	put_l4(nlh, f, reply);
	mnl_attr_nest_end(nlh, nest);
}

/* @port: NULL leaves the port or identifier alone */
static void put_nat(struct nlmsghdr *nlh, unsigned type, const struct net_addr *addr,
		    const uint16_t *port)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, type), *proto;

	put_addr(nlh, CTA_NAT_V4_MINIP, CTA_NAT_V6_MINIP, addr);
	put_addr(nlh, CTA_NAT_V4_MAXIP, CTA_NAT_V6_MAXIP, addr);
	if (port) {
		proto = mnl_attr_nest_start(nlh, CTA_NAT_PROTO);
		put_be16(nlh, CTA_PROTONAT_PORT_MIN, *port);
		put_be16(nlh, CTA_PROTONAT_PORT_MAX, *port);
		mnl_attr_nest_end(nlh, proto);
	}
	mnl_attr_nest_end(nlh, nest);
}

/*
 * The new entry has seen neither window nor window scale of the connection: "liberal" makes
 * nf_conntrack_tcp take packets that are outside of the window it then guesses.
 */
static void put_tcp(struct nlmsghdr *nlh, uint8_t state)
{
	struct nf_ct_tcp_flags flags = { .flags = IP_CT_TCP_FLAG_BE_LIBERAL,
					 .mask = IP_CT_TCP_FLAG_BE_LIBERAL };
	struct nlattr *nest = mnl_attr_nest_start(nlh, CTA_PROTOINFO);
	struct nlattr *tcp = mnl_attr_nest_start(nlh, CTA_PROTOINFO_TCP);

	mnl_attr_put_u8(nlh, CTA_PROTOINFO_TCP_STATE,
			state ? state : (uint8_t)TCP_CONNTRACK_ESTABLISHED);
	mnl_attr_put(nlh, CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, sizeof(flags), &flags);
	mnl_attr_put(nlh, CTA_PROTOINFO_TCP_FLAGS_REPLY, sizeof(flags), &flags);
	mnl_attr_nest_end(nlh, tcp);
	mnl_attr_nest_end(nlh, nest);
}

struct nlmsghdr *ct_msg_dump(void *buf, uint8_t family)
{
	return header(buf, family, IPCTNL_MSG_CT_GET, NLM_F_DUMP);
}

struct nlmsghdr *ct_msg_del(void *buf, const struct ct_flow *flow, bool by_id)
{
	struct nlmsghdr *nlh = header(buf, flow_family(flow), IPCTNL_MSG_CT_DELETE, NLM_F_ACK);

	put_tuple(nlh, flow, false);
	if (flow->zone)
		put_be16(nlh, CTA_ZONE, flow->zone);
	if (by_id && flow->id)
		put_be32(nlh, CTA_ID, flow->id);
	return nlh;
}

/* Whether the flow has its destination translated; a flow made up without reply tuple has not. */
static bool has_dnat(const struct ct_flow *f)
{
	static const struct net_addr unset;

	if (net_addr_eq(&f->rsrc, &unset))
		return false;
	return !net_addr_eq(&f->rsrc, &f->dst) || (f->proto != PROTO_ICMP && f->rsport != f->dport);
}

/*
 * The reply tuple is sent un-NATed: the kernel (ctnetlink_create_conntrack, nf_nat_setup_info)
 * sets IPS_SRC_NAT only when CTA_NAT_SRC makes it change that tuple.
 */
struct nlmsghdr *ct_msg_add_snat(void *buf, const struct ct_flow *flow, const struct net_addr *ext,
				 uint16_t ext_port)
{
	unsigned flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
	struct nlmsghdr *nlh = header(buf, flow_family(flow), IPCTNL_MSG_CT_NEW, flags);
	uint32_t status = IPS_CONFIRMED;

	if (flow->seen_reply)
		status |= IPS_SEEN_REPLY;
	if (flow->assured)
		status |= IPS_SEEN_REPLY | IPS_ASSURED;
	put_tuple(nlh, flow, false);
	put_tuple(nlh, flow, true);
	if (flow->zone)
		put_be16(nlh, CTA_ZONE, flow->zone);
	put_be32(nlh, CTA_STATUS, status);
	put_be32(nlh, CTA_TIMEOUT, flow->timeout ? flow->timeout : 1);
	if (flow->mark)
		put_be32(nlh, CTA_MARK, flow->mark);
	put_nat(nlh, CTA_NAT_SRC, ext, &ext_port);
	if (has_dnat(flow))
		put_nat(nlh, CTA_NAT_DST, &flow->rsrc,
			flow->proto == PROTO_ICMP ? NULL : &flow->rsport);
	if (flow->proto == PROTO_TCP)
		put_tcp(nlh, flow->tcp_state);
	return nlh;
}
