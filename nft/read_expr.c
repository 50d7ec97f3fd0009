// SPDX-License-Identifier: GPL-2.0-or-later
/* Lowering of one nf_tables rule: its statements. */
#include <errno.h>
#include <string.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>

#include "read_attr.h"
#include "read_lower.h"

static int add_verdict(struct lower *l, struct fw_verdict v)
{
	struct fw_op *op = fw_op_add(l->rule, FW_VERDICT);

	if (!op)
		return -ENOMEM;
	op->verdict = v;
	return 0;
}

static int lower_immediate(struct lower *l, const struct nlattr *data)
{
	ATTRS(tb, NFTA_IMMEDIATE_MAX);
	ATTRS(val, NFTA_DATA_MAX);
	uint8_t bytes[VAL_MAX];
	struct fw_verdict verdict;
	struct val *v;
	size_t len;

	attrs_parse(data, &tb);
	attrs_parse(tb.tb[NFTA_IMMEDIATE_DATA], &val);
	if (val.tb[NFTA_DATA_VERDICT]) {
		fw_verdict_parse(l->snap, l->rule->chain->table, val.tb[NFTA_DATA_VERDICT],
				 &verdict);
		return add_verdict(l, verdict);
	}
	len = lower_bytes(tb.tb[NFTA_IMMEDIATE_DATA], bytes, sizeof(bytes));
	v = lower_load(l, attr_be32(tb.tb[NFTA_IMMEDIATE_DREG], 0), len);
	if (!v) {
		lower_forget(l);
		return 0;
	}
	v->kind = VAL_CONST;
	memcpy(v->data, bytes, len);
	return 0;
}

/* The least (or with @most the greatest) port that the elements of a map give; 0: not known. */
static uint16_t mapped_port(const struct val *v, bool most)
{
	uint16_t found = 0;

	if (v->map->flags & NFT_SET_EVAL)
		return 0;
	for (size_t i = 0; i < v->map->n_elems; i++) {
		const uint8_t *d = v->map->elems[i].data;
		uint16_t port = d && v->off + 2u <= v->map->data_len
					? (uint16_t)(d[v->off] << 8 | d[v->off + 1])
					: 0;

		if (!port)
			return 0;
		if (!found || (most ? port > found : port < found))
			found = port;
	}
	return found;
}

static uint16_t port_in(struct lower *l, const struct nlattr *reg, bool most)
{
	const struct val *v = reg ? lower_reg(l, attr_be32(reg, 0)) : NULL;

	if (v && v->kind == VAL_MAPPED)
		return mapped_port(v, most);
	return v && v->kind == VAL_CONST && v->len >= 2 ? (uint16_t)(v->data[0] << 8 | v->data[1])
							: 0;
}

#define NAT_RANDOM (NF_NAT_RANGE_PROTO_RANDOM | NF_NAT_RANGE_PROTO_RANDOM_FULLY)

static int add_nat(struct lower *l, enum fw_kind kind, const struct nlattr *lo,
		   const struct nlattr *hi, uint32_t flags, struct fw_op **ret_op)
{
	struct fw_op *op = fw_op_add(l->rule, kind);

	if (!op)
		return -ENOMEM;
	op->nat.port_lo = port_in(l, lo, false);
	op->nat.port_hi = port_in(l, hi ? hi : lo, true);
	if (!op->nat.port_lo || op->nat.port_hi < op->nat.port_lo)
		op->nat = (struct fw_nat){ .port_any = lo };
	op->nat.random = flags & NAT_RANDOM;
	if (ret_op)
		*ret_op = op;
	return 0;
}

/* The packet's own address, in front of the statement. */
static bool is_own(const struct lower *l, const struct val *v, bool src)
{
	struct piece p;
	bool all;

	for (size_t i = 0; i < v->len; i++)
		if (v->mask[i] != 0xff || v->xor [i])
			return false;
	if (lower_pieces(l, v, v->len, &p, 1, &all) != 1 || !all)
		return false;
	return src ? p.field == FW_F_SADDR4 || p.field == FW_F_SADDR6
		   : p.field == FW_F_DADDR4 || p.field == FW_F_DADDR6;
}

static void nat_addr(struct lower *l, struct fw_op *op, const struct nlattr *min,
		     const struct nlattr *max, bool src)
{
	const struct val *lo = min ? lower_reg(l, attr_be32(min, 0)) : NULL;
	const struct val *hi = max ? lower_reg(l, attr_be32(max, 0)) : lo;

	op->nat.same = !min || (lo && lo == hi && lo->kind == VAL_PAYLOAD && is_own(l, lo, src));
	if (!lo || !hi || lo->kind != VAL_CONST || hi->kind != VAL_CONST || lo->len != hi->len ||
	    (lo->len != 4 && lo->len != 16))
		return;
	op->nat.family = lo->len == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
	memcpy(op->nat.addr_lo, lo->data, lo->len);
	memcpy(op->nat.addr_hi, hi->data, hi->len);
}

static int lower_nat(struct lower *l, const struct nlattr *data)
{
	ATTRS(tb, NFTA_NAT_MAX);
	uint32_t type, flags;
	struct fw_op *op;
	int ret;

	attrs_parse(data, &tb);
	type = attr_be32(tb.tb[NFTA_NAT_TYPE], ~0u);
	/* "dnat ip to" in an inet chain is never applied to the other family */
	if (l->nfproto == NFPROTO_UNSPEC && tb.tb[NFTA_NAT_FAMILY] &&
	    fw_match_u32(l->rule, FW_F_NFPROTO, false, 0xff, attr_be32(tb.tb[NFTA_NAT_FAMILY], 0),
			 attr_be32(tb.tb[NFTA_NAT_FAMILY], 0)))
		return -ENOMEM;
	flags = attr_be32(tb.tb[NFTA_NAT_FLAGS], 0);
	ret = add_nat(l, type == NFT_NAT_SNAT ? FW_SNAT : FW_DNAT, tb.tb[NFTA_NAT_REG_PROTO_MIN],
		      tb.tb[NFTA_NAT_REG_PROTO_MAX], flags, &op);
	/* a prefix is mapped: the address lies in the range, but so does no other part of it */
	if (!ret && !(flags & NF_NAT_RANGE_NETMAP))
		nat_addr(l, op, tb.tb[NFTA_NAT_REG_ADDR_MIN], tb.tb[NFTA_NAT_REG_ADDR_MAX],
			 type == NFT_NAT_SNAT);
	return ret;
}

static int lower_masq(struct lower *l, const struct nlattr *data)
{
	ATTRS(tb, NFTA_MASQ_MAX);
	struct fw_op *op;
	int ret;

	attrs_parse(data, &tb);
	ret = add_nat(l, FW_SNAT, tb.tb[NFTA_MASQ_REG_PROTO_MIN], tb.tb[NFTA_MASQ_REG_PROTO_MAX],
		      attr_be32(tb.tb[NFTA_MASQ_FLAGS], 0), &op);
	if (!ret)
		op->nat.masquerade = true;
	return ret;
}

static int lower_redir(struct lower *l, const struct nlattr *data)
{
	ATTRS(tb, NFTA_REDIR_MAX);

	attrs_parse(data, &tb);
	return add_nat(l, FW_REDIRECT, tb.tb[NFTA_REDIR_REG_PROTO_MIN],
		       tb.tb[NFTA_REDIR_REG_PROTO_MAX], attr_be32(tb.tb[NFTA_REDIR_FLAGS], 0),
		       NULL);
}

static int lower_tproxy(struct lower *l, const struct nlattr *data)
{
	(void)data;
	return add_nat(l, FW_TPROXY, NULL, NULL, 0, NULL);
}

static int add_op(struct lower *l, enum fw_kind kind)
{
	return fw_op_add(l->rule, kind) ? 0 : -ENOMEM;
}

static int lower_reject(struct lower *l, const struct nlattr *data)
{
	(void)data;
	return add_op(l, FW_REJECT);
}

static int lower_offload(struct lower *l, const struct nlattr *data)
{
	(void)data;
	return add_op(l, FW_OFFLOAD);
}

static int lower_dup(struct lower *l, const struct nlattr *data)
{
	(void)data;
	return add_op(l, FW_DUP);
}

static int lower_fwd(struct lower *l, const struct nlattr *data)
{
	(void)data;
	return add_op(l, FW_FWD);
}

static int lower_queue(struct lower *l, const struct nlattr *data)
{
	(void)data;
	return add_verdict(l, (struct fw_verdict){ .code = FW_QUEUE });
}

static int lower_notrack(struct lower *l, const struct nlattr *data)
{
	(void)data;
	return fw_op_add(l->rule, FW_NOTRACK) ? 0 : -ENOMEM;
}

static int lower_maybe(struct lower *l, const struct nlattr *data)
{
	(void)data;
	return fw_maybe(l->rule);
}

/* "10/second": a lone packet is within it; "over" turns it round. */
static int limit_usual(const char *name, const struct nlattr *data)
{
	if (!strcmp(name, "limit")) {
		ATTRS(tb, NFTA_LIMIT_MAX);

		attrs_parse(data, &tb);
		return attr_be32(tb.tb[NFTA_LIMIT_FLAGS], 0) & NFT_LIMIT_F_INV ? FW_MISSES
									       : FW_HITS;
	}
	if (!strcmp(name, "connlimit")) {
		ATTRS(tb, NFTA_CONNLIMIT_MAX);

		attrs_parse(data, &tb);
		return attr_be32(tb.tb[NFTA_CONNLIMIT_FLAGS], 0) & NFT_CONNLIMIT_F_INV ? FW_MISSES
										       : FW_HITS;
	}
	return strcmp(name, "counter") && strcmp(name, "last") ? FW_EITHER : FW_HITS;
}

static int lower_limit(struct lower *l, const struct nlattr *data)
{
	return fw_perhaps_usually(l->rule, limit_usual("limit", data));
}

static int lower_connlimit(struct lower *l, const struct nlattr *data)
{
	return fw_perhaps_usually(l->rule, limit_usual("connlimit", data));
}

static int expr_usual(const struct nlattr *expr)
{
	ATTRS(tb, NFTA_EXPR_MAX);
	const char *name;

	attrs_parse(expr, &tb);
	name = attr_str(tb.tb[NFTA_EXPR_NAME]);
	return name ? limit_usual(name, tb.tb[NFTA_EXPR_DATA]) : FW_EITHER;
}

/* The rule goes on if the set has room, and if what stands in its element lets it. */
static int lower_dynset(struct lower *l, const struct nlattr *data)
{
	ATTRS(tb, NFTA_DYNSET_MAX);
	int usual = FW_HITS;
	const struct nlattr *attr;

	attrs_parse(data, &tb);
	if (tb.tb[NFTA_DYNSET_EXPR])
		usual = expr_usual(tb.tb[NFTA_DYNSET_EXPR]);
	if (tb.tb[NFTA_DYNSET_EXPRESSIONS])
		mnl_attr_for_each_nested (attr, tb.tb[NFTA_DYNSET_EXPRESSIONS])
			if (usual == FW_HITS)
				usual = expr_usual(attr);
	if (attr_be32(tb.tb[NFTA_DYNSET_FLAGS], 0) & NFT_DYNSET_F_INV)
		usual = FW_EITHER;
	return fw_perhaps_usually(l->rule, usual);
}

/* Counters let every packet pass on, helpers too; quotas and limits may not; others may do more. */
static int lower_objref(struct lower *l, const struct nlattr *data)
{
	ATTRS(tb, NFTA_OBJREF_MAX);
	struct fw_op *op;
	uint32_t type;

	attrs_parse(data, &tb);
	type = attr_be32(tb.tb[NFTA_OBJREF_IMM_TYPE], NFT_OBJECT_UNSPEC);
	switch (type) {
	case NFT_OBJECT_COUNTER:
	case NFT_OBJECT_SECMARK:
	case NFT_OBJECT_TUNNEL:
		return 0;
	case NFT_OBJECT_CT_HELPER:
	case NFT_OBJECT_CT_TIMEOUT:
	case NFT_OBJECT_CT_EXPECT:
		op = fw_op_add(l->rule, FW_CTSET);
		if (!op)
			return -ENOMEM;
		op->ctset.key = type == NFT_OBJECT_CT_HELPER ? FW_CT_HELPER : FW_CT_TIMEOUT;
		return 0;
	case NFT_OBJECT_QUOTA:
	case NFT_OBJECT_LIMIT:
	case NFT_OBJECT_CONNLIMIT:
		return fw_maybe(l->rule);
	}
	return add_op(l, FW_UNKNOWN); /* a synproxy, or whatever a map of objects names */
}

static int lower_nothing(struct lower *l, const struct nlattr *data)
{
	(void)l;
	(void)data;
	return 0;
}

static int lower_compat_match(struct lower *l, const struct nlattr *data)
{
	ATTRS(tb, NFTA_MATCH_MAX);
	const char *name;

	attrs_parse(data, &tb);
	name = attr_str(tb.tb[NFTA_MATCH_NAME]);
	if (!name || !tb.tb[NFTA_MATCH_INFO])
		return fw_maybe(l->rule);
	return xt_match(l->rule, name, attr_be32(tb.tb[NFTA_MATCH_REV], 0),
			mnl_attr_get_payload(tb.tb[NFTA_MATCH_INFO]),
			mnl_attr_get_payload_len(tb.tb[NFTA_MATCH_INFO]));
}

static int lower_compat_target(struct lower *l, const struct nlattr *data)
{
	ATTRS(tb, NFTA_TARGET_MAX);
	const char *name;

	attrs_parse(data, &tb);
	name = attr_str(tb.tb[NFTA_TARGET_NAME]);
	if (!name || !tb.tb[NFTA_TARGET_INFO])
		return fw_op_add(l->rule, FW_UNKNOWN) ? 0 : -ENOMEM;
	return xt_target(l->rule, name, attr_be32(tb.tb[NFTA_TARGET_REV], 0),
			 mnl_attr_get_payload(tb.tb[NFTA_TARGET_INFO]),
			 mnl_attr_get_payload_len(tb.tb[NFTA_TARGET_INFO]));
}

static const struct {
	const char *name;
	int (*lower)(struct lower *l, const struct nlattr *data);
} exprs[] = {
	{ "payload", lower_payload },
	{ "meta", lower_meta },
	{ "ct", lower_ct },
	{ "fib", lower_fib },
	{ "bitwise", lower_bitwise },
	{ "byteorder", lower_byteorder },
	{ "immediate", lower_immediate },
	{ "cmp", lower_cmp },
	{ "range", lower_range },
	{ "lookup", lower_lookup },
	{ "nat", lower_nat },
	{ "masq", lower_masq },
	{ "redir", lower_redir },
	{ "tproxy", lower_tproxy },
	{ "reject", lower_reject },
	{ "queue", lower_queue },
	{ "notrack", lower_notrack },
	{ "match", lower_compat_match },
	{ "target", lower_compat_target },
	{ "exthdr", lower_exthdr },
	/* these end the rule if their condition does not hold */
	{ "limit", lower_limit },
	{ "quota", lower_maybe },
	{ "connlimit", lower_connlimit },
	{ "objref", lower_objref },
	{ "dynset", lower_dynset },
	/* loads */
	{ "numgen", lower_numgen },
	{ "hash", lower_hash },
	{ "rt", lower_load_any },
	{ "socket", lower_load_any },
	{ "osf", lower_load_any },
	{ "tunnel", lower_load_any },
	{ "xfrm", lower_load_any },
	{ "inner", lower_load_any },
	/* these change neither the packet's way nor what later rules see */
	{ "counter", lower_nothing },
	{ "log", lower_nothing },
	{ "last", lower_nothing },
	{ "dup", lower_dup },
	{ "fwd", lower_fwd },
	{ "flow_offload", lower_offload },
};

static int lower_expr(struct lower *l, const struct nlattr *attr)
{
	ATTRS(tb, NFTA_EXPR_MAX);
	const char *name;

	attrs_parse(attr, &tb);
	name = attr_str(tb.tb[NFTA_EXPR_NAME]);
	for (size_t i = 0; name && i < sizeof(exprs) / sizeof(*exprs); i++)
		if (!strcmp(exprs[i].name, name))
			return exprs[i].lower(l, tb.tb[NFTA_EXPR_DATA]);
	lower_forget(l);
	return fw_op_add(l->rule, FW_UNKNOWN) ? 0 : -ENOMEM;
}

int fw_lower_rule(const struct fw_snapshot *s, struct fw_rule *r, const struct nlattr *list)
{
	struct lower l = { .snap = s, .rule = r };
	const struct nlattr *attr;
	int ret;

	if (r->chain->table->family == NFPROTO_IPV4 || r->chain->table->family == NFPROTO_IPV6)
		l.nfproto = (uint8_t)r->chain->table->family;
	mnl_attr_for_each_nested (attr, list) {
		ret = lower_expr(&l, attr);
		if (ret)
			return ret;
	}
	return 0;
}
