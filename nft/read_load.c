// SPDX-License-Identifier: GPL-2.0-or-later
/* Lowering of one nf_tables rule: what its expressions put into registers. */
#include <errno.h>
#include <string.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "read_attr.h"
#include "read_lower.h"

void lower_forget(struct lower *l)
{
	memset(l->reg, 0, sizeof(l->reg));
}

void lower_forget_from(struct lower *l, uint32_t nft_reg)
{
	struct val *first = lower_reg(l, nft_reg);

	if (!first) {
		lower_forget(l);
		return;
	}
	for (struct val *v = l->reg; v < l->reg + REG_WORDS; v++)
		if (v >= first || v + (v->len + 3) / 4 > first)
			*v = (struct val){ 0 };
}

/* A value that is not understood, @len bytes long. */
static int load_unknown(struct lower *l, uint32_t dreg, size_t len)
{
	struct val *v = lower_load(l, dreg, len);

	if (v)
		*v = (struct val){ 0 };
	else
		lower_forget(l);
	return 0;
}

static int load_field(struct lower *l, uint32_t dreg, enum fw_field f, size_t len, bool host)
{
	struct val *v = lower_load(l, dreg, len);

	if (!v) {
		lower_forget(l);
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

int lower_payload(struct lower *l, const struct nlattr *data)
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
		lower_forget(l);
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
		if (v->kind == VAL_FIELD && v->field == FW_F_CTMARK)
			op->setmark.ct = op->setmark.unknown;
	}
	return 0;
}

int lower_meta(struct lower *l, const struct nlattr *data)
{
	ATTRS(tb, NFTA_META_MAX);
	uint32_t key, dreg;

	attrs_parse(data, &tb);
	key = attr_be32(tb.tb[NFTA_META_KEY], ~0u);
	dreg = attr_be32(tb.tb[NFTA_META_DREG], ~0u);
	if (tb.tb[NFTA_META_SREG] && key == NFT_META_PKTTYPE)
		return fw_op_add(l->rule, FW_UNKNOWN) ? 0 : -ENOMEM;
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
	case NFT_META_PKTTYPE:
		return load_field(l, dreg, FW_F_PKTTYPE, 1, false);
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

/* Something of the connection, not of the packet. */
static int set_ct(struct lower *l, uint32_t key)
{
	struct fw_op *op = fw_op_add(l->rule, FW_CTSET);

	if (!op)
		return -ENOMEM;
	op->ctset.key = key == NFT_CT_MARK     ? FW_CT_MARK
			: key == NFT_CT_ZONE   ? FW_CT_ZONE
			: key == NFT_CT_HELPER ? FW_CT_HELPER
					       : FW_CT_OTHER;
	return 0;
}

int lower_ct(struct lower *l, const struct nlattr *data)
{
	ATTRS(tb, NFTA_CT_MAX);
	uint32_t dreg;

	attrs_parse(data, &tb);
	if (tb.tb[NFTA_CT_SREG])
		return set_ct(l, attr_be32(tb.tb[NFTA_CT_KEY], ~0u));
	dreg = attr_be32(tb.tb[NFTA_CT_DREG], ~0u);
	switch (attr_be32(tb.tb[NFTA_CT_KEY], ~0u)) {
	case NFT_CT_STATE:
		return load_field(l, dreg, FW_F_CTSTATE, 4, true);
	case NFT_CT_STATUS:
		return load_field(l, dreg, FW_F_CTSTATUS, 4, true);
	case NFT_CT_DIRECTION:
		return load_field(l, dreg, FW_F_CTDIR, 1, false);
	case NFT_CT_MARK:
		return load_field(l, dreg, FW_F_CTMARK, 4, true);
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

int lower_fib(struct lower *l, const struct nlattr *data)
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
	/* reverse path: "missing" and "exists", or its index against 0 */
	if (result == NFT_FIB_RESULT_OIF && (flags & ~(NFTA_FIB_F_MARK | NFTA_FIB_F_PRESENT)) ==
						    (NFTA_FIB_F_SADDR | NFTA_FIB_F_IIF))
		return flags & NFTA_FIB_F_PRESENT ? load_field(l, dreg, FW_F_BACK, 4, true)
						  : load_field(l, dreg, FW_F_BACKIF, 4, true);
	return load_unknown(l, dreg, result == NFT_FIB_RESULT_OIFNAME ? 16 : 4);
}

size_t lower_bytes(const struct nlattr *attr, uint8_t *buf, size_t max)
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

int lower_bitwise(struct lower *l, const struct nlattr *data)
{
	ATTRS(tb, NFTA_BITWISE_MAX);
	uint8_t mask[VAL_MAX], xor[VAL_MAX];
	struct val *src, v;
	uint32_t len, dreg;

	attrs_parse(data, &tb);
	src = lower_reg(l, attr_be32(tb.tb[NFTA_BITWISE_SREG], 0));
	dreg = attr_be32(tb.tb[NFTA_BITWISE_DREG], 0);
	len = attr_be32(tb.tb[NFTA_BITWISE_LEN], 0);
	if (!src || (src->kind != VAL_FIELD && src->kind != VAL_PAYLOAD) || src->len != len ||
	    attr_be32(tb.tb[NFTA_BITWISE_OP], 0) != NFT_BITWISE_BOOL ||
	    lower_bytes(tb.tb[NFTA_BITWISE_MASK], mask, len) != len ||
	    lower_bytes(tb.tb[NFTA_BITWISE_XOR], xor, len) != len)
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
		lower_forget(l);
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

int lower_byteorder(struct lower *l, const struct nlattr *data)
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
		lower_forget(l);
	return 0;
}

static bool is_option(const struct nlattr *type, uint8_t kind)
{
	return type && mnl_attr_get_payload_len(type) >= 1 && mnl_attr_get_u8(type) == kind;
}

/* exthdr: with a source register it writes a TCP option; a load ends the rule if there is none */
int lower_exthdr(struct lower *l, const struct nlattr *data)
{
	ATTRS(tb, NFTA_EXTHDR_MAX);
	uint32_t dreg, len;

	attrs_parse(data, &tb);
	if (tb.tb[NFTA_EXTHDR_SREG])
		return 0;
	/* "exists" is answered for all */
	if (attr_be32(tb.tb[NFTA_EXTHDR_FLAGS], 0) & NFT_EXTHDR_F_PRESENT) {
		lower_forget(l);
		return fw_maybe(l->rule);
	}
	dreg = attr_be32(tb.tb[NFTA_EXTHDR_DREG], 0);
	len = attr_be32(tb.tb[NFTA_EXTHDR_LEN], 0);
	if (attr_be32(tb.tb[NFTA_EXTHDR_OP], NFT_EXTHDR_OP_IPV6) == NFT_EXTHDR_OP_TCPOPT &&
	    is_option(tb.tb[NFTA_EXTHDR_TYPE], 2) && len == 2 &&
	    attr_be32(tb.tb[NFTA_EXTHDR_OFFSET], 0) == 2)
		load_field(l, dreg, FW_F_MSS, len, false);
	else
		lower_forget(l);
	/* packets without the option are common */
	return fw_perhaps_usually(l->rule, FW_MISSES);
}

static int load_chance(struct lower *l, const struct nlattr *dreg, const struct nlattr *modulus,
		       const struct nlattr *offset)
{
	uint32_t n = attr_be32(modulus, 0), first = attr_be32(offset, 0);
	struct val *v = lower_load(l, attr_be32(dreg, 0), 4);

	if (!v || !n || first > UINT32_MAX - (n - 1)) {
		lower_forget(l);
		return 0;
	}
	v->kind = VAL_CHANCE;
	v->chance_lo = first;
	v->chance_hi = first + (n - 1);
	return 0;
}

int lower_numgen(struct lower *l, const struct nlattr *data)
{
	ATTRS(tb, NFTA_NG_MAX);

	attrs_parse(data, &tb);
	return load_chance(l, tb.tb[NFTA_NG_DREG], tb.tb[NFTA_NG_MODULUS], tb.tb[NFTA_NG_OFFSET]);
}

int lower_hash(struct lower *l, const struct nlattr *data)
{
	ATTRS(tb, NFTA_HASH_MAX);

	attrs_parse(data, &tb);
	return load_chance(l, tb.tb[NFTA_HASH_DREG], tb.tb[NFTA_HASH_MODULUS],
			   tb.tb[NFTA_HASH_OFFSET]);
}

/* Loads whose value is not understood, of a length that is not either. */
int lower_load_any(struct lower *l, const struct nlattr *data)
{
	(void)data;
	lower_forget(l);
	return 0;
}
