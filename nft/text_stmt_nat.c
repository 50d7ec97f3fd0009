// SPDX-License-Identifier: GPL-2.0-or-later
/* The text of a rule: nat, masquerade, redirect, tproxy, with what their registers hold. */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "text_int.h"

static const struct {
	uint32_t flag;
	const char *name;
} nat_flags[] = { { NF_NAT_RANGE_PROTO_RANDOM, "random" },
		  { NF_NAT_RANGE_PROTO_RANDOM_FULLY, "fully-random" },
		  { NF_NAT_RANGE_PERSISTENT, "persistent" } };

static void flags_text(struct tbuf *b, uint32_t flags)
{
	const char *sep = " ";

	for (size_t i = 0; i < sizeof(nat_flags) / sizeof(*nat_flags); i++)
		if (flags & nat_flags[i].flag) {
			tb_fmt(b, "%s%s", sep, nat_flags[i].name);
			sep = ",";
		}
}

static struct treg *reg_of(struct tx *t, const struct nlattr *a)
{
	struct treg *r = a ? tx_reg(t, attr_be32(a, 0)) : NULL;

	return r && r->kind != TR_NONE ? r : NULL;
}

/* "LO" or "LO-HI"; @brackets around IPv6 addresses that a port follows. */
static void pair_text(struct tbuf *b, struct tx *t, struct treg *lo, struct treg *hi,
		      enum dtype type, bool brackets)
{
	const char *left = brackets ? "[" : "", *right = brackets ? "]" : "";

	tb_fmt(b, "%s%s%s", left, treg_value(t, lo, type), right);
	if (hi && hi != lo &&
	    (hi->kind != TR_CONST || lo->kind != TR_CONST || memcmp(lo->data, hi->data, VAL_LEN)))
		tb_fmt(b, "-%s%s%s", left, treg_value(t, hi, type), right);
}

static bool prefix_text(struct tbuf *b, struct tx *t, struct treg *lo, struct treg *hi,
			enum dtype type)
{
	if (!hi || lo->kind != TR_CONST || hi->kind != TR_CONST || lo->len != hi->len)
		return false;
	range_text(b, t->snap, type, lo->data, hi->data, lo->len, false);
	return true;
}

static void ports_text(struct tbuf *b, struct tx *t, const struct nlattr *lo,
		       const struct nlattr *hi)
{
	struct treg *r = reg_of(t, lo);

	if (!lo)
		return;
	tb_str(b, ":");
	if (r)
		pair_text(b, t, r, reg_of(t, hi), DT_PORT, false);
	else
		tb_str(b, "?");
}

/* A map whose data goes on into the port's register: "dnat to ... map { x : addr . port }". */
static bool covers(const struct treg *addr, const struct treg *port)
{
	return addr->src == SRC_MAP && port > addr && (size_t)(port - addr) < tx_words(addr->len);
}

/* Registers that a map has filled beyond its first one are empty slots here. */
static struct treg *slot_of(struct tx *t, const struct nlattr *a)
{
	return a ? tx_reg(t, attr_be32(a, 0)) : NULL;
}

static void address_text(struct tbuf *b, struct tx *t, const struct attr_table *tb, enum dtype type,
			 uint32_t flags)
{
	struct treg *lo = reg_of(t, tb->tb[NFTA_NAT_REG_ADDR_MIN]);
	struct treg *hi = reg_of(t, tb->tb[NFTA_NAT_REG_ADDR_MAX]);
	const struct nlattr *port = tb->tb[NFTA_NAT_REG_PROTO_MIN];

	if (!lo) {
		tb_str(b, "?");
		return;
	}
	if (port && slot_of(t, port) && covers(lo, slot_of(t, port))) {
		tb_str(b, treg_text(t, lo));
		return;
	}
	if (!(flags & NF_NAT_RANGE_NETMAP) || !prefix_text(b, t, lo, hi, type))
		pair_text(b, t, lo, hi, type, port && type == DT_IP6);
	ports_text(b, t, port, tb->tb[NFTA_NAT_REG_PROTO_MAX]);
}

static bool is_concat(struct tx *t, const struct attr_table *tb)
{
	struct treg *lo = reg_of(t, tb->tb[NFTA_NAT_REG_ADDR_MIN]);
	struct treg *port = slot_of(t, tb->tb[NFTA_NAT_REG_PROTO_MIN]);

	return lo && port && covers(lo, port);
}

void text_nat(struct tx *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_NAT_MAX);
	struct tbuf b = tx_buf(t);
	uint32_t family, flags;
	enum dtype type;

	attrs_parse(data, &tb);
	family = attr_be32(tb.tb[NFTA_NAT_FAMILY], 0);
	flags = attr_be32(tb.tb[NFTA_NAT_FLAGS], 0);
	type = family == NFPROTO_IPV6 ? DT_IP6 : DT_IP4;
	tb_str(&b, attr_be32(tb.tb[NFTA_NAT_TYPE], 0) == NFT_NAT_SNAT ? "snat" : "dnat");
	if ((t->table->family == NFPROTO_INET || is_concat(t, &tb) ||
	     (flags & NF_NAT_RANGE_NETMAP)) &&
	    (family == NFPROTO_IPV4 || family == NFPROTO_IPV6))
		tb_str(&b, family == NFPROTO_IPV4 ? " ip" : " ip6");
	if (flags & NF_NAT_RANGE_NETMAP)
		tb_str(&b, " prefix");
	if (tb.tb[NFTA_NAT_REG_ADDR_MIN] || tb.tb[NFTA_NAT_REG_PROTO_MIN])
		tb_str(&b, " to ");
	if (tb.tb[NFTA_NAT_REG_ADDR_MIN])
		address_text(&b, t, &tb, type, flags);
	else
		ports_text(&b, t, tb.tb[NFTA_NAT_REG_PROTO_MIN], tb.tb[NFTA_NAT_REG_PROTO_MAX]);
	flags_text(&b, flags);
	TX_EMIT(t, &b);
}

/* masquerade and redirect: ports only */
static void local_nat(struct tx *t, const char *word, const struct nlattr *lo,
		      const struct nlattr *hi, uint32_t flags)
{
	struct tbuf b = tx_buf(t);

	tb_str(&b, word);
	if (lo)
		tb_str(&b, " to ");
	ports_text(&b, t, lo, hi);
	flags_text(&b, flags);
	TX_EMIT(t, &b);
}

void text_masq(struct tx *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_MASQ_MAX);

	attrs_parse(data, &tb);
	local_nat(t, "masquerade", tb.tb[NFTA_MASQ_REG_PROTO_MIN], tb.tb[NFTA_MASQ_REG_PROTO_MAX],
		  attr_be32(tb.tb[NFTA_MASQ_FLAGS], 0));
}

void text_redir(struct tx *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_REDIR_MAX);

	attrs_parse(data, &tb);
	local_nat(t, "redirect", tb.tb[NFTA_REDIR_REG_PROTO_MIN], tb.tb[NFTA_REDIR_REG_PROTO_MAX],
		  attr_be32(tb.tb[NFTA_REDIR_FLAGS], 0));
}

void text_tproxy(struct tx *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_TPROXY_MAX);
	struct tbuf b = tx_buf(t);
	uint32_t family;
	struct treg *r;

	attrs_parse(data, &tb);
	family = attr_be32(tb.tb[NFTA_TPROXY_FAMILY], 0);
	tb_str(&b, "tproxy");
	if (t->table->family == NFPROTO_INET && (family == NFPROTO_IPV4 || family == NFPROTO_IPV6))
		tb_str(&b, family == NFPROTO_IPV4 ? " ip" : " ip6");
	tb_str(&b, " to ");
	if (tb.tb[NFTA_TPROXY_REG_ADDR]) {
		r = reg_of(t, tb.tb[NFTA_TPROXY_REG_ADDR]);
		if (r)
			pair_text(&b, t, r, NULL, family == NFPROTO_IPV6 ? DT_IP6 : DT_IP4,
				  family == NFPROTO_IPV6 && tb.tb[NFTA_TPROXY_REG_PORT]);
		else
			tb_str(&b, "?");
	}
	ports_text(&b, t, tb.tb[NFTA_TPROXY_REG_PORT], NULL);
	TX_EMIT(t, &b);
}
