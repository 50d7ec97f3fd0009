// SPDX-License-Identifier: GPL-2.0-or-later
/* Lowering of one nf_tables rule: its statements. */
#include <errno.h>
#include <string.h>
#include <linux/netfilter.h>
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

static uint16_t port_in(struct lower *l, const struct nlattr *reg)
{
	const struct val *v = reg ? lower_reg(l, attr_be32(reg, 0)) : NULL;

	return v && v->kind == VAL_CONST && v->len >= 2 ? (uint16_t)(v->data[0] << 8 | v->data[1])
							: 0;
}

static int add_nat(struct lower *l, enum fw_kind kind, const struct nlattr *lo,
		   const struct nlattr *hi)
{
	struct fw_op *op = fw_op_add(l->rule, kind);

	if (!op)
		return -ENOMEM;
	op->nat.port_lo = port_in(l, lo);
	op->nat.port_hi = hi ? port_in(l, hi) : op->nat.port_lo;
	if (!op->nat.port_lo || op->nat.port_hi < op->nat.port_lo)
		op->nat = (struct fw_nat){ 0 };
	return 0;
}

static int lower_nat(struct lower *l, const struct nlattr *data)
{
	ATTRS(tb, NFTA_NAT_MAX);
	uint32_t type;

	attrs_parse(data, &tb);
	type = attr_be32(tb.tb[NFTA_NAT_TYPE], ~0u);
	/* "dnat ip to" in an inet chain is never applied to the other family */
	if (l->nfproto == NFPROTO_UNSPEC && tb.tb[NFTA_NAT_FAMILY] &&
	    fw_match_u32(l->rule, FW_F_NFPROTO, false, 0xff, attr_be32(tb.tb[NFTA_NAT_FAMILY], 0),
			 attr_be32(tb.tb[NFTA_NAT_FAMILY], 0)))
		return -ENOMEM;
	return add_nat(l, type == NFT_NAT_SNAT ? FW_SNAT : FW_DNAT, tb.tb[NFTA_NAT_REG_PROTO_MIN],
		       tb.tb[NFTA_NAT_REG_PROTO_MAX]);
}

static int lower_masq(struct lower *l, const struct nlattr *data)
{
	ATTRS(tb, NFTA_MASQ_MAX);

	attrs_parse(data, &tb);
	return add_nat(l, FW_SNAT, tb.tb[NFTA_MASQ_REG_PROTO_MIN], tb.tb[NFTA_MASQ_REG_PROTO_MAX]);
}

static int lower_dnat(struct lower *l, const struct nlattr *data)
{
	(void)data;
	return add_nat(l, FW_DNAT, NULL, NULL);
}

static int lower_reject(struct lower *l, const struct nlattr *data)
{
	(void)data;
	return add_verdict(l, (struct fw_verdict){ .code = FW_DROP });
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

/* Named counters and helpers let every packet pass on; quotas and limits may not. */
static int lower_objref(struct lower *l, const struct nlattr *data)
{
	ATTRS(tb, NFTA_OBJREF_MAX);
	uint32_t type;

	attrs_parse(data, &tb);
	type = attr_be32(tb.tb[NFTA_OBJREF_IMM_TYPE], 0);
	return type == NFT_OBJECT_COUNTER || type == NFT_OBJECT_CT_HELPER ? 0 : fw_maybe(l->rule);
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
	{ "redir", lower_dnat },
	{ "tproxy", lower_dnat },
	{ "reject", lower_reject },
	{ "queue", lower_queue },
	{ "notrack", lower_notrack },
	{ "match", lower_compat_match },
	{ "target", lower_compat_target },
	{ "exthdr", lower_exthdr },
	/* these end the rule if their condition does not hold */
	{ "limit", lower_maybe },
	{ "quota", lower_maybe },
	{ "connlimit", lower_maybe },
	{ "objref", lower_objref },
	{ "dynset", lower_maybe },
	/* loads */
	{ "numgen", lower_load_any },
	{ "hash", lower_load_any },
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
	{ "dup", lower_nothing },
	{ "flow_offload", lower_nothing },
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
