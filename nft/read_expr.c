// SPDX-License-Identifier: GPL-2.0-or-later
/* Lowering of one nf_tables rule: loads, arithmetic, statements. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>

#include "read_attr.h"
#include "read_lower.h"

static void forget(struct lower *l)
{
	memset(l->reg, 0, sizeof(l->reg));
}

/* A value that is not understood, @len bytes long. */
static int load_unknown(struct lower *l, uint32_t dreg, size_t len)
{
	struct val *v = lower_load(l, dreg, len);

	if (v)
		*v = (struct val){ 0 };
	else
		forget(l);
	return 0;
}

static int load_field(struct lower *l, uint32_t dreg, enum fw_field f, size_t len, bool host)
{
	struct val *v = lower_load(l, dreg, len);

	if (!v) {
		forget(l);
		return 0;
	}
	v->kind = VAL_FIELD;
	v->field = f;
	v->host = host;
	return 0;
}

/* Whether a write can change addresses or ports, which later rules would then see. */
static bool writes_tuple(uint32_t base, uint32_t off, uint32_t len)
{
	if (base == NFT_PAYLOAD_TRANSPORT_HEADER)
		return off < 4;
	return base == NFT_PAYLOAD_NETWORK_HEADER && off < 40 && (uint64_t)off + len > 10 &&
	       !(off == 10 && len == 2); /* the IPv4 checksum */
}

static int lower_payload(struct lower *l, const struct nlattr *data)
{
	ATTRS(tb, NFTA_PAYLOAD_MAX);
	uint32_t base, off, len;
	struct val *v;

	attrs_parse(data, &tb);
	base = attr_be32(tb.tb[NFTA_PAYLOAD_BASE], ~0u);
	off = attr_be32(tb.tb[NFTA_PAYLOAD_OFFSET], ~0u);
	len = attr_be32(tb.tb[NFTA_PAYLOAD_LEN], 0);
	if (tb.tb[NFTA_PAYLOAD_SREG])
		return !writes_tuple(base, off, len) || fw_op_add(l->rule, FW_UNKNOWN) ? 0
										       : -ENOMEM;
	v = lower_load(l, attr_be32(tb.tb[NFTA_PAYLOAD_DREG], 0), len);
	if (!v) {
		forget(l);
		return 0;
	}
	if ((base == NFT_PAYLOAD_NETWORK_HEADER || base == NFT_PAYLOAD_TRANSPORT_HEADER) &&
	    off <= UINT8_MAX - VAL_MAX) {
		v->kind = VAL_PAYLOAD;
		v->base = (uint8_t)base;
		v->off = (uint8_t)off;
	}
	return 0;
}

/* new mark = (mark & keep) ^ xor */
static int set_mark(struct lower *l, const struct val *v)
{
	struct fw_op *op = fw_op_add(l->rule, FW_SETMARK);

	if (!op)
		return -ENOMEM;
	op->setmark = (struct fw_setmark){ .unknown = ~0u };
	if (v && v->kind == VAL_CONST && v->len >= 4) {
		memcpy(&op->setmark.xor, v->data, 4); /* the register holds a u32 */
		op->setmark.unknown = 0;
	} else if (v && v->kind == VAL_FIELD && v->field == FW_F_MARK && v->host) {
		memcpy(&op->setmark.keep, v->mask, 4);
		memcpy(&op->setmark.xor, v->xor, 4);
		op->setmark.unknown = 0;
	} else if (v && v->len == 4 && v->host) {
		/* another value, masked: bits outside of the mask are those of xor */
		memcpy(&op->setmark.unknown, v->mask, 4);
		memcpy(&op->setmark.xor, v->xor, 4);
	}
	return 0;
}

static int lower_meta(struct lower *l, const struct nlattr *data)
{
	ATTRS(tb, NFTA_META_MAX);
	uint32_t key, dreg;

	attrs_parse(data, &tb);
	key = attr_be32(tb.tb[NFTA_META_KEY], ~0u);
	dreg = attr_be32(tb.tb[NFTA_META_DREG], ~0u);
	if (tb.tb[NFTA_META_SREG])
		return key == NFT_META_MARK
			       ? set_mark(l, lower_reg(l, attr_be32(tb.tb[NFTA_META_SREG], 0)))
			       : 0;
	switch (key) {
	case NFT_META_PROTOCOL:
		return load_field(l, dreg, FW_F_ETHERTYPE, 2, false);
	case NFT_META_NFPROTO:
		return load_field(l, dreg, FW_F_NFPROTO, 1, false);
	case NFT_META_L4PROTO:
		return load_field(l, dreg, FW_F_L4PROTO, 1, false);
	case NFT_META_MARK:
		return load_field(l, dreg, FW_F_MARK, 4, true);
	case NFT_META_IIF:
		return load_field(l, dreg, FW_F_IIF, 4, true);
	case NFT_META_OIF:
		return load_field(l, dreg, FW_F_OIF, 4, true);
	case NFT_META_IIFNAME:
		return load_field(l, dreg, FW_F_IIFNAME, 16, false);
	case NFT_META_OIFNAME:
		return load_field(l, dreg, FW_F_OIFNAME, 16, false);
	case NFT_META_BRI_IIFNAME:
	case NFT_META_BRI_OIFNAME:
	case NFT_META_IIFKIND:
	case NFT_META_OIFKIND:
	case NFT_META_SDIFNAME:
		return load_unknown(l, dreg, 16);
	case NFT_META_TIME_NS:
		return load_unknown(l, dreg, 8);
	}
	return load_unknown(l, dreg, 4);
}

static int lower_ct(struct lower *l, const struct nlattr *data)
{
	ATTRS(tb, NFTA_CT_MAX);
	uint32_t dreg;

	attrs_parse(data, &tb);
	if (tb.tb[NFTA_CT_SREG]) /* sets something of the connection, not of the packet */
		return 0;
	dreg = attr_be32(tb.tb[NFTA_CT_DREG], ~0u);
	switch (attr_be32(tb.tb[NFTA_CT_KEY], ~0u)) {
	case NFT_CT_STATE:
		return load_field(l, dreg, FW_F_CTSTATE, 4, true);
	case NFT_CT_STATUS:
		return load_field(l, dreg, FW_F_CTSTATUS, 4, true);
	case NFT_CT_DIRECTION:
		return load_field(l, dreg, FW_F_CTDIR, 1, false);
	case NFT_CT_MARK:
		return load_field(l, dreg, FW_F_UNKNOWN, 4, true);
	case NFT_CT_HELPER:
	case NFT_CT_LABELS:
	case NFT_CT_SRC:
	case NFT_CT_DST:
	case NFT_CT_SRC_IP6:
	case NFT_CT_DST_IP6:
		return load_unknown(l, dreg, 16);
	case NFT_CT_PKTS:
	case NFT_CT_BYTES:
	case NFT_CT_AVGPKT:
		return load_unknown(l, dreg, 8);
	}
	return load_unknown(l, dreg, 4);
}

static int lower_fib(struct lower *l, const struct nlattr *data)
{
	ATTRS(tb, NFTA_FIB_MAX);
	uint32_t dreg, result, flags;

	attrs_parse(data, &tb);
	dreg = attr_be32(tb.tb[NFTA_FIB_DREG], ~0u);
	result = attr_be32(tb.tb[NFTA_FIB_RESULT], 0);
	flags = attr_be32(tb.tb[NFTA_FIB_FLAGS], 0);
	if (result == NFT_FIB_RESULT_ADDRTYPE && flags == NFTA_FIB_F_DADDR)
		return load_field(l, dreg, FW_F_DADDRTYPE, 4, true);
	if (result == NFT_FIB_RESULT_ADDRTYPE && flags == NFTA_FIB_F_SADDR)
		return load_field(l, dreg, FW_F_SADDRTYPE, 4, true);
	return load_unknown(l, dreg, result == NFT_FIB_RESULT_OIFNAME ? 16 : 4);
}

static size_t const_bytes(const struct nlattr *attr, uint8_t *buf, size_t max)
{
	ATTRS(tb, NFTA_DATA_MAX);
	size_t len;

	attrs_parse(attr, &tb);
	if (!tb.tb[NFTA_DATA_VALUE])
		return 0;
	len = mnl_attr_get_payload_len(tb.tb[NFTA_DATA_VALUE]);
	if (len > max)
		return 0;
	memcpy(buf, mnl_attr_get_payload(tb.tb[NFTA_DATA_VALUE]), len);
	return len;
}

static int lower_bitwise(struct lower *l, const struct nlattr *data)
{
	ATTRS(tb, NFTA_BITWISE_MAX);
	uint8_t mask[VAL_MAX], xor[VAL_MAX];
	struct val *src, v;
	uint32_t len, dreg;

	attrs_parse(data, &tb);
	src = lower_reg(l, attr_be32(tb.tb[NFTA_BITWISE_SREG], 0));
	dreg = attr_be32(tb.tb[NFTA_BITWISE_DREG], 0);
	len = attr_be32(tb.tb[NFTA_BITWISE_LEN], 0);
	if (!src || src->kind == VAL_NONE || src->kind == VAL_CONST || src->len != len ||
	    attr_be32(tb.tb[NFTA_BITWISE_OP], 0) != NFT_BITWISE_MASK_XOR ||
	    const_bytes(tb.tb[NFTA_BITWISE_MASK], mask, len) != len ||
	    const_bytes(tb.tb[NFTA_BITWISE_XOR], xor, len) != len)
		return load_unknown(l, dreg, len);
	v = *src;
	for (size_t i = 0; i < len; i++) {
		v.mask[i] &= mask[i];
		v.xor [i] = (v.xor [i] & mask[i]) ^ xor[i];
	}
	src = lower_load(l, dreg, len);
	if (src)
		*src = v;
	else
		forget(l);
	return 0;
}

static void swap_bytes(uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len / 2; i++) {
		uint8_t t = p[i];

		p[i] = p[len - 1 - i];
		p[len - 1 - i] = t;
	}
}

static int lower_byteorder(struct lower *l, const struct nlattr *data)
{
	ATTRS(tb, NFTA_BYTEORDER_MAX);
	uint32_t len, size, dreg;
	struct val *src, v;

	attrs_parse(data, &tb);
	src = lower_reg(l, attr_be32(tb.tb[NFTA_BYTEORDER_SREG], 0));
	dreg = attr_be32(tb.tb[NFTA_BYTEORDER_DREG], 0);
	len = attr_be32(tb.tb[NFTA_BYTEORDER_LEN], 0);
	size = attr_be32(tb.tb[NFTA_BYTEORDER_SIZE], 0);
	if (!src || src->kind != VAL_FIELD || src->len != len || size != len)
		return load_unknown(l, dreg, len);
	v = *src;
	v.host = !v.host;
	if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) {
		swap_bytes(v.mask, len);
		swap_bytes(v.xor, len);
	}
	src = lower_load(l, dreg, len);
	if (src)
		*src = v;
	else
		forget(l);
	return 0;
}

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
	len = const_bytes(tb.tb[NFTA_IMMEDIATE_DATA], bytes, sizeof(bytes));
	v = lower_load(l, attr_be32(tb.tb[NFTA_IMMEDIATE_DREG], 0), len);
	if (!v) {
		forget(l);
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

/* Loads whose value is not understood, of a length that is not either. */
static int lower_load_any(struct lower *l, const struct nlattr *data)
{
	(void)data;
	forget(l);
	return 0;
}

/* exthdr: with a source register it writes a TCP option; a load ends the rule if there is none */
static int lower_exthdr(struct lower *l, const struct nlattr *data)
{
	ATTRS(tb, NFTA_EXTHDR_MAX);

	attrs_parse(data, &tb);
	if (tb.tb[NFTA_EXTHDR_SREG])
		return 0;
	forget(l);
	return fw_maybe(l->rule);
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
	forget(l);
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
