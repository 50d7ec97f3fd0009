// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <libnftnl/expr.h>
#include <libnftnl/udata.h>

#include "lib/net.h"
#include "nft/expr.h"

/* Offsets in an IPv4, an IPv6, a transport and an ICMP header (of either family). */
#define IP_SADDR  12
#define IP_DADDR  16
#define IP6_SADDR 8
#define IP6_DADDR 24
#define TH_SPORT  0
#define TH_DPORT  2
#define ICMP_TYPE 0
#define ICMP_ID	  4

/* The second 32-bit word of register 1: nft puts the second field of a concatenation there. */
#define REG_1_WORD_1 NFT_REG32_01
/* What follows an IPv6 address in register 1. */
#define REG_1_WORD_4 NFT_REG32_04

static __attribute__((format(printf, 2, 3))) void say(struct rule *r, const char *fmt, ...)
{
	size_t n = strlen(r->text);
	va_list ap;
	int len;

	if (n && n + 1 < sizeof(r->text))
		r->text[n++] = ' ';
	va_start(ap, fmt);
	len = vsnprintf(r->text + n, sizeof(r->text) - n, fmt, ap);
	va_end(ap);
	if (len < 0 || (size_t)len >= sizeof(r->text) - n)
		r->failed = true;
}

/* NULL if the rule has failed already, or fails now. */
static struct nftnl_expr *expr_new(struct rule *r, const char *name)
{
	struct nftnl_expr *e = r->failed ? NULL : nftnl_expr_alloc(name);

	if (e)
		nftnl_rule_add_expr(r->nl, e);
	else
		r->failed = true;
	return e;
}

/* [ meta load key => reg 1 ] */
static void load_meta(struct rule *r, uint32_t key)
{
	struct nftnl_expr *e = expr_new(r, "meta");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, NFT_REG_1);
}

/* [ ct load key => reg 1 ] */
static void load_ct(struct rule *r, uint32_t key)
{
	struct nftnl_expr *e = expr_new(r, "ct");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, NFT_REG_1);
}

/* [ payload load LEN @ base header + offset => reg ] */
static void load_payload(struct rule *r, uint32_t base, uint32_t offset, uint32_t len, uint32_t reg)
{
	struct nftnl_expr *e = expr_new(r, "payload");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, len);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, reg);
}

static bool is6(const struct rule *r)
{
	return r->nfproto == NFPROTO_IPV6;
}

/* The family in nft's addresses. */
static const char *ip_word(const struct rule *r)
{
	return is6(r) ? "ip6" : "ip";
}

static void load_addr(struct rule *r, enum match_side side)
{
	bool src = side == MATCH_SRC;

	if (is6(r))
		load_payload(r, NFT_PAYLOAD_NETWORK_HEADER, src ? IP6_SADDR : IP6_DADDR, 16,
			     NFT_REG_1);
	else
		load_payload(r, NFT_PAYLOAD_NETWORK_HEADER, src ? IP_SADDR : IP_DADDR, 4,
			     NFT_REG_1);
}

/* [ cmp OP reg 1 data ] */
static void cmp(struct rule *r, uint32_t op, const void *data, uint32_t len)
{
	struct nftnl_expr *e = expr_new(r, "cmp");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, op);
	nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, data, len);
}

/* [ bitwise reg 1 = ( reg 1 & mask ) ^ 0 ] */
static void and_mask(struct rule *r, uint32_t mask)
{
	struct nftnl_expr *e = expr_new(r, "bitwise");
	uint32_t zero = 0;

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, sizeof(mask));
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, &mask, sizeof(mask));
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, &zero, sizeof(zero));
}

/* [ lookup reg 1 set NAME ]; the kernel finds a named set of the same batch by its name */
static void lookup(struct rule *r, const char *set, bool negate)
{
	struct nftnl_expr *e = expr_new(r, "lookup");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
	nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, set);
	if (negate)
		nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
}

/* A port or identifier in register 1 is within @p. */
static void cmp_ports(struct rule *r, struct port_range p)
{
	uint16_t lo = htons(p.lo), hi = htons(p.hi);

	if (lo == hi) {
		cmp(r, NFT_CMP_EQ, &lo, sizeof(lo));
		return;
	}
	cmp(r, NFT_CMP_GTE, &lo, sizeof(lo));
	cmp(r, NFT_CMP_LTE, &hi, sizeof(hi));
}

static char *ports_text(struct port_range p, char *buf)
{
	if (p.lo == p.hi)
		sprintf(buf, "%u", p.lo);
	else
		sprintf(buf, "%u-%u", p.lo, p.hi);
	return buf;
}

void rule_init(struct rule *r, const char *comment)
{
	struct nftnl_udata_buf *ud = nftnl_udata_buf_alloc(256);

	memset(r, 0, sizeof(*r));
	r->nl = nftnl_rule_alloc();
	if (!r->nl || !ud ||
	    (comment && !nftnl_udata_put_strz(ud, NFTNL_UDATA_RULE_COMMENT, comment)))
		r->failed = true;
	else if (comment)
		nftnl_rule_set_data(r->nl, NFTNL_RULE_USERDATA, nftnl_udata_buf_data(ud),
				    nftnl_udata_buf_len(ud));
	if (ud)
		nftnl_udata_buf_free(ud);
}

void rule_finish(struct rule *r, const char *comment)
{
	if (comment)
		say(r, "comment \"%s\"", comment);
}

void rule_free(struct rule *r)
{
	if (r->nl)
		nftnl_rule_free(r->nl);
	r->nl = NULL;
}

void match_nfproto(struct rule *r, uint8_t nfproto)
{
	r->nfproto = nfproto;
	load_meta(r, NFT_META_NFPROTO);
	cmp(r, NFT_CMP_EQ, &nfproto, sizeof(nfproto));
	say(r, "meta nfproto %s", nfproto == NFPROTO_IPV6 ? "ipv6" : "ipv4");
}

void match_oif(struct rule *r, int ifindex, bool negate)
{
	uint32_t index = (uint32_t)ifindex;

	load_meta(r, NFT_META_OIF);
	cmp(r, negate ? NFT_CMP_NEQ : NFT_CMP_EQ, &index, sizeof(index));
	say(r, "oif %s%u", negate ? "!= " : "", index);
}

static void match_ifname(struct rule *r, uint32_t key, const char *word, const char *ifname)
{
	char name[IFNAMSIZ] = { 0 }, quoted[IFNAMSIZ + 1];

	if (strlen(ifname) >= sizeof(name)) {
		r->failed = true;
		return;
	}
	memcpy(name, ifname, strlen(ifname));
	load_meta(r, key);
	cmp(r, NFT_CMP_EQ, name, sizeof(name));
	/* a name that nft cannot spell is refused by whoever prints the table */
	if (ifname_text(ifname, quoted, sizeof(quoted)))
		strcpy(quoted, "?");
	say(r, "%s \"%s\"", word, quoted);
}

void match_oifname(struct rule *r, const char *ifname)
{
	match_ifname(r, NFT_META_OIFNAME, "oifname", ifname);
}

void match_iifname(struct rule *r, const char *ifname)
{
	match_ifname(r, NFT_META_IIFNAME, "iifname", ifname);
}

void match_mark(struct rule *r, uint32_t value, uint32_t mask)
{
	load_meta(r, NFT_META_MARK);
	and_mask(r, mask);
	cmp(r, NFT_CMP_EQ, &value, sizeof(value));
	say(r, "meta mark & 0x%08x == 0x%08x", mask, value);
}

void match_l4proto(struct rule *r, uint8_t ipproto)
{
	if (is6(r) && ipproto == IPPROTO_ICMP)
		ipproto = IPPROTO_ICMPV6;
	load_meta(r, NFT_META_L4PROTO);
	cmp(r, NFT_CMP_EQ, &ipproto, sizeof(ipproto));
	say(r, "meta l4proto %s", l4proto_text(ipproto));
}

void match_l4proto_set(struct rule *r, const char *set)
{
	load_meta(r, NFT_META_L4PROTO);
	lookup(r, set, false);
	say(r, "meta l4proto @%s", set);
}

void match_ip_set(struct rule *r, enum match_side side, const char *set, bool negate)
{
	load_addr(r, side);
	lookup(r, set, negate);
	say(r, "%s %s %s@%s", ip_word(r), side == MATCH_SRC ? "saddr" : "daddr",
	    negate ? "!= " : "", set);
}

void match_sport(struct rule *r, uint8_t ipproto, struct port_range ports)
{
	char buf[16];

	load_payload(r, NFT_PAYLOAD_TRANSPORT_HEADER, TH_SPORT, 2, NFT_REG_1);
	cmp_ports(r, ports);
	say(r, "%s sport %s", proto_name(proto_bit(ipproto)), ports_text(ports, buf));
}

void match_sport_set(struct rule *r, uint8_t ipproto, const char *set)
{
	load_payload(r, NFT_PAYLOAD_TRANSPORT_HEADER, TH_SPORT, 2, NFT_REG_1);
	lookup(r, set, false);
	say(r, "%s sport @%s", proto_name(proto_bit(ipproto)), set);
}

void match_proto_sport_set(struct rule *r, const char *set)
{
	load_meta(r, NFT_META_L4PROTO);
	load_payload(r, NFT_PAYLOAD_TRANSPORT_HEADER, TH_SPORT, 2, REG_1_WORD_1);
	lookup(r, set, false);
	say(r, "meta l4proto . th sport @%s", set);
}

void match_echo_id(struct rule *r, struct port_range ids)
{
	uint8_t type = is6(r) ? ICMP6_ECHO_REQUEST : ICMP_ECHO;
	const char *word = is6(r) ? "icmpv6" : "icmp";
	char buf[16];

	load_payload(r, NFT_PAYLOAD_TRANSPORT_HEADER, ICMP_TYPE, 1, NFT_REG_1);
	cmp(r, NFT_CMP_EQ, &type, sizeof(type));
	load_payload(r, NFT_PAYLOAD_TRANSPORT_HEADER, ICMP_ID, 2, NFT_REG_1);
	cmp_ports(r, ids);
	say(r, "%s type echo-request %s id %s", word, word, ports_text(ids, buf));
}

void match_no_source_nat(struct rule *r)
{
	uint32_t zero = 0;

	load_ct(r, NFT_CT_STATUS);
	and_mask(r, IPS_SRC_NAT);
	cmp(r, NFT_CMP_EQ, &zero, sizeof(zero));
	say(r, "ct status & snat == 0");
}

void match_no_connection(struct rule *r)
{
	uint32_t zero = 0;

	load_ct(r, NFT_CT_STATE);
	and_mask(r, NF_CT_STATE_INVALID_BIT | NF_CT_STATE_UNTRACKED_BIT);
	cmp(r, NFT_CMP_NEQ, &zero, sizeof(zero));
	say(r, "ct state invalid,untracked");
}

void match_saddr_not_local(struct rule *r)
{
	struct nftnl_expr *e = expr_new(r, "fib");
	uint32_t local = RTN_LOCAL;

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_FLAGS, NFTA_FIB_F_SADDR);
	nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_DREG, NFT_REG_1);
	cmp(r, NFT_CMP_NEQ, &local, sizeof(local));
	say(r, "fib saddr type != local");
}

void do_counter(struct rule *r)
{
	expr_new(r, "counter");
	say(r, "counter");
}

/* [ immediate reg data ] */
static void load_port(struct rule *r, uint32_t reg, uint16_t port)
{
	struct nftnl_expr *e = expr_new(r, "immediate");
	uint16_t be = htons(port);

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, reg);
	nftnl_expr_set(e, NFTNL_EXPR_IMM_DATA, &be, sizeof(be));
}

/* [ nat snat ip addr_min reg 1 ]; the address comes from the packet itself */
static struct nftnl_expr *nat_new(struct rule *r, uint32_t type)
{
	struct nftnl_expr *e = expr_new(r, "nat");

	if (!e)
		return NULL;
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_TYPE, type);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_FAMILY, r->nfproto);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_ADDR_MIN, NFT_REG_1);
	return e;
}

void do_snat_identity(struct rule *r)
{
	load_addr(r, MATCH_SRC);
	nat_new(r, NFT_NAT_SNAT);
	say(r, "snat %s to %s saddr", ip_word(r), ip_word(r));
}

void do_nat(struct rule *r, enum nat_kind kind, const struct port_range *to)
{
	bool masq = kind == NAT_MASQUERADE;
	char ports[16] = "";
	struct nftnl_expr *e;

	if (!masq)
		load_addr(r, MATCH_SRC);
	if (to) {
		load_port(r, NFT_REG_2, to->lo);
		if (to->hi != to->lo)
			load_port(r, NFT_REG_3, to->hi);
		ports_text(*to, ports);
	}
	e = masq ? expr_new(r, "masq") : nat_new(r, NFT_NAT_SNAT);
	if (!e)
		return;
	if (to) {
		nftnl_expr_set_u32(
			e, masq ? NFTNL_EXPR_MASQ_REG_PROTO_MIN : NFTNL_EXPR_NAT_REG_PROTO_MIN,
			NFT_REG_2);
		if (to->hi != to->lo)
			nftnl_expr_set_u32(e,
					   masq ? NFTNL_EXPR_MASQ_REG_PROTO_MAX
						: NFTNL_EXPR_NAT_REG_PROTO_MAX,
					   NFT_REG_3);
		nftnl_expr_set_u32(e, masq ? NFTNL_EXPR_MASQ_FLAGS : NFTNL_EXPR_NAT_FLAGS,
				   NF_NAT_RANGE_PROTO_SPECIFIED);
	}
	if (masq)
		say(r, to ? "masquerade to :%s" : "masquerade%s", ports);
	else
		say(r, to ? "snat %s to %s saddr:%s" : "snat %s to %s saddr%s", ip_word(r),
		    ip_word(r), ports);
}

void do_dnat_map(struct rule *r, const char *map)
{
	struct nftnl_expr *e;

	load_meta(r, NFT_META_L4PROTO);
	load_payload(r, NFT_PAYLOAD_TRANSPORT_HEADER, TH_DPORT, 2, REG_1_WORD_1);
	e = expr_new(r, "lookup");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_1);
	nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, map);
	e = nat_new(r, NFT_NAT_DNAT);
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_PROTO_MIN, is6(r) ? REG_1_WORD_4 : REG_1_WORD_1);
	say(r, "dnat %s to meta l4proto . th dport map @%s", ip_word(r), map);
}

static void verdict(struct rule *r, uint32_t code, const char *chain)
{
	struct nftnl_expr *e = expr_new(r, "immediate");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, code);
	if (chain)
		nftnl_expr_set_str(e, NFTNL_EXPR_IMM_CHAIN, chain);
}

void do_goto(struct rule *r, const char *chain)
{
	verdict(r, (uint32_t)NFT_GOTO, chain);
	say(r, "goto %s", chain);
}

void do_return(struct rule *r)
{
	verdict(r, (uint32_t)NFT_RETURN, NULL);
	say(r, "return");
}

void do_drop(struct rule *r)
{
	verdict(r, NF_DROP, NULL);
	say(r, "drop");
}

void do_accept(struct rule *r)
{
	verdict(r, NF_ACCEPT, NULL);
	say(r, "accept");
}

void do_notrack(struct rule *r)
{
	expr_new(r, "notrack");
	say(r, "notrack");
}

const char *l4proto_text(uint8_t ipproto)
{
	return ipproto == IPPROTO_ICMPV6 ? "ipv6-icmp" : proto_name(proto_bit(ipproto));
}

int ifname_text(const char *ifname, char *buf, size_t size)
{
	size_t n = strlen(ifname);

	/* nft has no escape for a quote; at the end, '*' is a wildcard unless escaped */
	if (!n || strchr(ifname, '"') || strchr(ifname, '\\'))
		return -EINVAL;
	if (ifname[n - 1] == '*')
		n = (size_t)snprintf(buf, size, "%.*s\\*", (int)n - 1, ifname);
	else
		n = (size_t)snprintf(buf, size, "%s", ifname);
	return n < size ? 0 : -EINVAL;
}
