// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A rule of iptables-nft in iptables-save syntax. Besides x_tables extensions it holds the
 * nf_tables expressions that iptables-nft writes itself; anything else is not its rule.
 */
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/xt_NFLOG.h>
#include <linux/netfilter/xt_limit.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter/xt_tcpudp.h>

#include "text_ipt.h"

#define REGS 24 /* NFT_REG_ numbers */

struct reg {
	enum { R_NONE, R_META, R_NET, R_TH } kind;
	uint32_t key; /* R_META; offset of R_NET and R_TH */
	uint32_t len;
	bool masked;
	uint8_t mask[16];
};

struct ipt {
	const struct fw_snapshot *snap;
	const struct fw_table *table;
	bool v6, counter, xt, l4_used;
	struct ipt_head head;
	struct reg reg[REGS];
	struct xt_tcp l4; /* ports and flags that are not an extension, until they are written */
	struct tbuf match, target;
};

/* All give false for what iptables-nft does not write. */
typedef bool ipt_fn(struct ipt *t, const struct nlattr *data);

/* Native comparisons of ports: the match that was asked for by -p. */
static void flush_l4(struct ipt *t)
{
	const char *name = l4proto_name(t->head.proto);
	struct xt_view x = { .name = t->head.proto == IPPROTO_TCP ? "tcp" : "udp",
			     .info = (const uint8_t *)&t->l4,
			     .len = sizeof(t->l4) };
	struct xt_udp udp = { .spts = { t->l4.spts[0], t->l4.spts[1] },
			      .dpts = { t->l4.dpts[0], t->l4.dpts[1] },
			      .invflags = t->l4.invflags };

	if (!t->l4_used)
		return;
	t->l4_used = false;
	if (t->head.proto != IPPROTO_TCP) {
		x.info = (const uint8_t *)&udp;
		x.len = sizeof(udp);
		x.name = name && t->head.proto == IPPROTO_UDPLITE ? name : "udp";
	}
	xt_match_text(&t->match, &x);
}

static void l4_start(struct ipt *t)
{
	if (t->l4_used)
		return;
	t->l4_used = true;
	t->l4 = (struct xt_tcp){ .spts = { 0, 0xffff }, .dpts = { 0, 0xffff } };
}

static struct reg *reg_at(struct ipt *t, uint32_t n)
{
	return n < REGS ? &t->reg[n] : NULL;
}

static bool ipt_meta(struct ipt *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_META_MAX);
	struct reg *r;

	attrs_parse(data, &tb);
	if (tb.tb[NFTA_META_SREG]) { /* its way to write TRACE */
		if (attr_be32(tb.tb[NFTA_META_KEY], ~0u) != NFT_META_NFTRACE || t->target.n)
			return false;
		tb_str(&t->target, " -j TRACE");
		return true;
	}
	r = reg_at(t, attr_be32(tb.tb[NFTA_META_DREG], ~0u));
	if (!r)
		return false;
	*r = (struct reg){ .kind = R_META, .key = attr_be32(tb.tb[NFTA_META_KEY], ~0u) };
	return true;
}

static bool ipt_payload(struct ipt *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_PAYLOAD_MAX);
	uint32_t base;
	struct reg *r;

	attrs_parse(data, &tb);
	r = reg_at(t, attr_be32(tb.tb[NFTA_PAYLOAD_DREG], ~0u));
	base = attr_be32(tb.tb[NFTA_PAYLOAD_BASE], ~0u);
	if (!r || tb.tb[NFTA_PAYLOAD_SREG] ||
	    (base != NFT_PAYLOAD_NETWORK_HEADER && base != NFT_PAYLOAD_TRANSPORT_HEADER))
		return false;
	*r = (struct reg){ .kind = base == NFT_PAYLOAD_NETWORK_HEADER ? R_NET : R_TH,
			   .key = attr_be32(tb.tb[NFTA_PAYLOAD_OFFSET], ~0u),
			   .len = attr_be32(tb.tb[NFTA_PAYLOAD_LEN], 0) };
	return true;
}

static const uint8_t *bytes_of(const struct nlattr *attr, size_t *ret_len)
{
	ATTRS(tb, NFTA_DATA_MAX);

	attrs_parse(attr, &tb);
	if (!tb.tb[NFTA_DATA_VALUE])
		return NULL;
	*ret_len = mnl_attr_get_payload_len(tb.tb[NFTA_DATA_VALUE]);
	return mnl_attr_get_payload(tb.tb[NFTA_DATA_VALUE]);
}

static bool ipt_bitwise(struct ipt *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_BITWISE_MAX);
	const uint8_t *mask, *xor;
	size_t len = 0, xor_len = 0;
	struct reg *src, *dst, v;

	attrs_parse(data, &tb);
	src = reg_at(t, attr_be32(tb.tb[NFTA_BITWISE_SREG], ~0u));
	dst = reg_at(t, attr_be32(tb.tb[NFTA_BITWISE_DREG], ~0u));
	mask = bytes_of(tb.tb[NFTA_BITWISE_MASK], &len);
	xor = bytes_of(tb.tb[NFTA_BITWISE_XOR], &xor_len);
	if (!src || !dst || src->kind == R_NONE || src->masked || !mask || !xor ||
	    len > sizeof(v.mask) || xor_len != len ||
	    attr_be32(tb.tb[NFTA_BITWISE_OP], NFT_BITWISE_BOOL) != NFT_BITWISE_BOOL)
		return false;
	for (size_t i = 0; i < len; i++)
		if (xor[i])
			return false;
	v = *src;
	v.masked = true;
	v.len = (uint32_t)len;
	memcpy(v.mask, mask, len);
	*dst = v;
	return true;
}

static void iface(struct ipt_iface *i, const uint8_t *v, size_t len, bool inv)
{
	size_t n = strnlen((const char *)v, len < IFNAMSIZ ? len : IFNAMSIZ);

	i->len = (uint8_t)n;
	i->wild = n == len && n < IFNAMSIZ;
	i->inv = inv;
	memcpy(i->name, v, n);
}

static bool cmp_meta(struct ipt *t, const struct reg *r, const uint8_t *v, size_t len, bool inv)
{
	struct xt_mark_mtinfo1 m = { .mask = ~0u, .invert = inv };

	switch (r->key) {
	case NFT_META_IIFNAME:
		iface(&t->head.in, v, len, inv);
		return !r->masked;
	case NFT_META_OIFNAME:
		iface(&t->head.out, v, len, inv);
		return !r->masked;
	case NFT_META_L4PROTO:
		t->head.proto = v[0];
		t->head.proto_inv = inv;
		return !r->masked;
	case NFT_META_MARK:
		if (len != 4)
			return false;
		memcpy(&m.mark, v, 4);
		if (r->masked)
			memcpy(&m.mask, r->mask, 4);
		flush_l4(t);
		xt_match_text(&t->match, &(struct xt_view){ .name = "mark",
							    .rev = 1,
							    .info = (const uint8_t *)&m,
							    .len = sizeof(m) });
		return true;
	}
	return false;
}

static bool cmp_addr(struct ipt_addr *a, const struct reg *r, const uint8_t *v, size_t len,
		     size_t full, bool inv)
{
	if (len > full || (r->masked && len != r->len))
		return false;
	memset(a, 0, sizeof(*a));
	memcpy(a->addr, v, len);
	if (r->masked)
		memcpy(a->mask, r->mask, len);
	else
		memset(a->mask, 0xff, len);
	a->inv = inv;
	return true;
}

static bool cmp_net(struct ipt *t, const struct reg *r, const uint8_t *v, size_t len, bool inv)
{
	size_t full = t->v6 ? 16 : 4;

	if (r->key == (t->v6 ? 8 : 12))
		return cmp_addr(&t->head.src, r, v, len, full, inv);
	if (r->key == (t->v6 ? 24 : 16))
		return cmp_addr(&t->head.dst, r, v, len, full, inv);
	if (r->key == (t->v6 ? 6 : 9) && len == 1 && !r->masked) {
		t->head.proto = v[0];
		t->head.proto_inv = inv;
		return true;
	}
	/* a fragment but the first: the offset is not zero */
	if (!t->v6 && r->key == 6 && len == 2 && r->masked && !v[0] && !v[1]) {
		t->head.frag = true;
		t->head.frag_inv = !inv;
		return true;
	}
	return false;
}

static bool set_ports(struct ipt *t, uint32_t off, uint16_t lo, uint16_t hi, bool inv)
{
	uint16_t *p = off == 0 ? t->l4.spts : t->l4.dpts;

	l4_start(t);
	p[0] = lo;
	p[1] = hi;
	if (inv) /* the same bits for UDP */
		t->l4.invflags |= off == 0 ? XT_TCP_INV_SRCPT : XT_TCP_INV_DSTPT;
	return true;
}

static uint16_t port_at(const uint8_t *v)
{
	return (uint16_t)(v[0] << 8 | v[1]);
}

static bool cmp_th(struct ipt *t, const struct reg *r, uint32_t op, const uint8_t *v, size_t len)
{
	bool inv = op == NFT_CMP_NEQ;

	if (r->key == 13 && len == 1 && (op == NFT_CMP_EQ || inv)) {
		l4_start(t);
		t->l4.flg_mask = r->masked ? r->mask[0] : 0xff;
		t->l4.flg_cmp = v[0];
		t->l4.invflags |= inv ? XT_TCP_INV_FLAGS : 0;
		return true;
	}
	/* both ports in one comparison */
	if (r->key == 0 && len == 4 && op == NFT_CMP_EQ && !r->masked)
		return set_ports(t, 0, port_at(v), port_at(v), false) &&
		       set_ports(t, 2, port_at(v + 2), port_at(v + 2), false);
	if ((r->key != 0 && r->key != 2) || len != 2 || r->masked)
		return false;
	switch (op) {
	case NFT_CMP_EQ:
	case NFT_CMP_NEQ:
		return set_ports(t, r->key, port_at(v), port_at(v), inv);
	case NFT_CMP_GTE:
		return set_ports(t, r->key, port_at(v), 0xffff, false);
	case NFT_CMP_LTE:
		l4_start(t);
		(r->key ? t->l4.dpts : t->l4.spts)[1] = port_at(v);
		return true;
	}
	return false;
}

static bool ipt_cmp(struct ipt *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_CMP_MAX);
	const struct reg *r;
	const uint8_t *v;
	size_t len = 0;
	uint32_t op;

	attrs_parse(data, &tb);
	r = reg_at(t, attr_be32(tb.tb[NFTA_CMP_SREG], ~0u));
	op = attr_be32(tb.tb[NFTA_CMP_OP], ~0u);
	v = bytes_of(tb.tb[NFTA_CMP_DATA], &len);
	if (!r || !v || !len)
		return false;
	if (r->kind == R_TH)
		return cmp_th(t, r, op, v, len);
	if (op != NFT_CMP_EQ && op != NFT_CMP_NEQ)
		return false;
	return r->kind == R_META  ? cmp_meta(t, r, v, len, op == NFT_CMP_NEQ)
	       : r->kind == R_NET ? cmp_net(t, r, v, len, op == NFT_CMP_NEQ)
				  : false;
}

static bool ipt_range(struct ipt *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_RANGE_MAX);
	const uint8_t *lo, *hi;
	size_t len = 0, len_hi = 0;
	const struct reg *r;

	attrs_parse(data, &tb);
	r = reg_at(t, attr_be32(tb.tb[NFTA_RANGE_SREG], ~0u));
	lo = bytes_of(tb.tb[NFTA_RANGE_FROM_DATA], &len);
	hi = bytes_of(tb.tb[NFTA_RANGE_TO_DATA], &len_hi);
	if (!r || !lo || !hi || len != 2 || len_hi != 2 || r->kind != R_TH || r->masked ||
	    (r->key != 0 && r->key != 2))
		return false;
	return set_ports(t, r->key, port_at(lo), port_at(hi),
			 attr_be32(tb.tb[NFTA_RANGE_OP], 0) == NFT_RANGE_NEQ);
}

static bool ipt_limit(struct ipt *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_LIMIT_MAX);
	struct xt_rateinfo i = { 0 };
	uint64_t rate;

	attrs_parse(data, &tb);
	rate = attr_be64(tb.tb[NFTA_LIMIT_RATE]);
	if (!rate || attr_be32(tb.tb[NFTA_LIMIT_FLAGS], 0) ||
	    attr_be32(tb.tb[NFTA_LIMIT_TYPE], 0) != NFT_LIMIT_PKTS)
		return false;
	i.avg = (uint32_t)(XT_LIMIT_SCALE * attr_be64(tb.tb[NFTA_LIMIT_UNIT]) / rate);
	i.burst = attr_be32(tb.tb[NFTA_LIMIT_BURST], 5);
	flush_l4(t);
	xt_match_text(&t->match, &(struct xt_view){ .name = "limit",
						    .info = (const uint8_t *)&i,
						    .len = sizeof(i) });
	return true;
}

static bool ipt_counter(struct ipt *t, const struct nlattr *data)
{
	(void)data;
	t->counter = true;
	return true;
}

static bool ipt_immediate(struct ipt *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_IMMEDIATE_MAX);
	ATTRS(val, NFTA_DATA_MAX);
	struct fw_verdict v;

	attrs_parse(data, &tb);
	attrs_parse(tb.tb[NFTA_IMMEDIATE_DATA], &val);
	/* a number in a register is of use to TRACE only: what else uses it is refused */
	if (val.tb[NFTA_DATA_VALUE])
		return true;
	if (!val.tb[NFTA_DATA_VERDICT] || t->target.n)
		return false;
	fw_verdict_parse(t->snap, t->table, val.tb[NFTA_DATA_VERDICT], &v);
	ipt_verdict_text(&t->target, &v);
	return true;
}

static unsigned be16_of(const struct nlattr *a)
{
	uint16_t v = 0;

	if (a && mnl_attr_get_payload_len(a) >= sizeof(v))
		memcpy(&v, mnl_attr_get_payload(a), sizeof(v));
	return ntohs(v);
}

/* The one way of logging that iptables-nft does not leave to an extension. */
static bool ipt_log(struct ipt *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_LOG_MAX);
	struct xt_nflog_info i = { 0 };
	const char *prefix;

	attrs_parse(data, &tb);
	if (!tb.tb[NFTA_LOG_GROUP] || t->target.n)
		return false;
	prefix = attr_str(tb.tb[NFTA_LOG_PREFIX]);
	if (prefix)
		strncpy(i.prefix, prefix, sizeof(i.prefix) - 1);
	i.group = (uint16_t)be16_of(tb.tb[NFTA_LOG_GROUP]);
	i.len = attr_be32(tb.tb[NFTA_LOG_SNAPLEN], 0);
	i.flags = i.len ? XT_NFLOG_F_COPY_LEN : 0;
	i.threshold = (uint16_t)be16_of(tb.tb[NFTA_LOG_QTHRESHOLD]);
	xt_target_text(&t->target, &(struct xt_view){ .name = "NFLOG",
						      .info = (const uint8_t *)&i,
						      .len = sizeof(i) });
	return true;
}

static bool view_of(struct ipt *t, struct xt_view *x, const struct nlattr *name,
		    const struct nlattr *rev, const struct nlattr *info)
{
	if (!attr_str(name) || !info)
		return false;
	*x = (struct xt_view){ .name = attr_str(name),
			       .rev = attr_be32(rev, 0),
			       .info = mnl_attr_get_payload(info),
			       .len = mnl_attr_get_payload_len(info),
			       .v6 = t->v6 };
	return true;
}

static bool ipt_match(struct ipt *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_MATCH_MAX);
	struct xt_view x;

	attrs_parse(data, &tb);
	if (!view_of(t, &x, tb.tb[NFTA_MATCH_NAME], tb.tb[NFTA_MATCH_REV], tb.tb[NFTA_MATCH_INFO]))
		return false;
	t->xt = true;
	flush_l4(t);
	xt_match_text(&t->match, &x);
	return true;
}

static bool ipt_target(struct ipt *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_TARGET_MAX);
	struct xt_view x;

	attrs_parse(data, &tb);
	if (t->target.n || !view_of(t, &x, tb.tb[NFTA_TARGET_NAME], tb.tb[NFTA_TARGET_REV],
				    tb.tb[NFTA_TARGET_INFO]))
		return false;
	t->xt = true;
	xt_target_text(&t->target, &x);
	return true;
}

static const struct {
	const char *name;
	ipt_fn *read;
} exprs[] = {
	{ "meta", ipt_meta },	    { "payload", ipt_payload },	    { "bitwise", ipt_bitwise },
	{ "cmp", ipt_cmp },	    { "range", ipt_range },	    { "limit", ipt_limit },
	{ "counter", ipt_counter }, { "immediate", ipt_immediate }, { "log", ipt_log },
	{ "match", ipt_match },	    { "target", ipt_target },
};

static bool read_expr(struct ipt *t, const struct nlattr *attr)
{
	ATTRS(tb, NFTA_EXPR_MAX);
	const char *name;

	attrs_parse(attr, &tb);
	name = attr_str(tb.tb[NFTA_EXPR_NAME]);
	for (size_t i = 0; name && i < sizeof(exprs) / sizeof(*exprs); i++)
		if (!strcmp(exprs[i].name, name))
			return exprs[i].read(t, tb.tb[NFTA_EXPR_DATA]);
	return false;
}

bool ipt_nft_text(struct tbuf *b, const struct fw_snapshot *s, const struct fw_rule *r,
		  bool *ret_xt)
{
	const struct fw_table *table = r->chain->table;
	struct ipt t = { .snap = s,
			 .table = table,
			 .v6 = table->family == NFPROTO_IPV6,
			 /* nothing is written into a buffer that is cut */
			 .match = { .max = b ? b->max : 0, .cut = !b },
			 .target = { .max = b ? b->max : 0, .cut = !b } };
	const struct nlattr *list = rule_exprs(r), *attr;
	bool ok = true;

	t.head.addr_len = t.v6 ? 16 : 4;
	if (list)
		mnl_attr_for_each_nested (attr, list)
			ok = ok && read_expr(&t, attr);
	flush_l4(&t);
	ok = ok && t.counter;
	if (ret_xt)
		*ret_xt = t.xt;
	if (ok && b) {
		ipt_head_text(b, r->chain, &t.head);
		tb_str(b, t.match.s ? t.match.s : "");
		tb_str(b, t.target.s ? t.target.s : "");
	}
	if (b) {
		b->nomem = b->nomem || t.match.nomem || t.target.nomem;
		b->cut = b->cut || t.match.cut || t.target.cut;
	}
	free(t.match.s);
	free(t.target.s);
	return ok;
}
