// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The text of a rule: registers that hold header fields, masks, and the matches that nft adds
 * by itself ("meta l4proto tcp" before "tcp dport 22") and does not print.
 */
#include <string.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "text_int.h"

/* What the second word of an ICMP message holds. */
static enum header icmp_variant(const struct tx *t)
{
	if (t->trans == HDR_ICMP && t->icmp_type == 3)
		return HDR_ICMP_MTU;
	if (t->trans == HDR_ICMP && t->icmp_type == 5)
		return HDR_ICMP_GATEWAY;
	if (t->trans == HDR_ICMP6 && t->icmp_type == 2)
		return HDR_ICMP6_MTU;
	return t->trans ? t->trans : HDR_TH;
}

enum header payload_header(const struct tx *t, uint32_t base, uint32_t off)
{
	switch (base) {
	case NFT_PAYLOAD_LL_HEADER:
		return t->ll == HDR_VLAN && off >= 14 ? HDR_VLAN : t->ll ? HDR_ETHER : HDR_NONE;
	case NFT_PAYLOAD_NETWORK_HEADER:
		return t->net;
	case NFT_PAYLOAD_TRANSPORT_HEADER:
		return off >= 4 ? icmp_variant(t) : t->trans ? t->trans : HDR_TH;
	}
	return HDR_NONE;
}

void dep_hide(struct tx *t, enum dep_slot slot)
{
	if (t->dep[slot].item)
		t->items[t->dep[slot].item - 1].hidden = true;
	t->dep[slot] = (struct dep){ 0 };
}

void payload_used(struct tx *t, uint32_t base, enum header h)
{
	int family = t->table->family;
	const struct dep *d = &t->dep[DEP_TRANS];

	if (base == NFT_PAYLOAD_LL_HEADER) {
		dep_hide(t, DEP_LL);
		if (h == HDR_VLAN)
			dep_hide(t, DEP_NET);
	} else if (base == NFT_PAYLOAD_NETWORK_HEADER) {
		dep_hide(t, DEP_NET);
	} else if (base == NFT_PAYLOAD_TRANSPORT_HEADER) {
		/* "ip protocol" also says that it is IPv4, where that is not known otherwise */
		if (h == HDR_TH || (d->payload && family != NFPROTO_IPV4 && family != NFPROTO_IPV6))
			t->dep[DEP_TRANS] = (struct dep){ 0 };
		else
			dep_hide(t, DEP_TRANS);
		if (h == HDR_ICMP_MTU || h == HDR_ICMP_GATEWAY || h == HDR_ICMP6_MTU)
			dep_hide(t, DEP_ICMP);
	}
}

const struct hdr_field *payload_field(struct tx *t, const struct treg *r)
{
	const struct hdr_field *f;
	unsigned bit = r->off * 8, bits = r->len * 8u;
	enum header h;

	if ((r->src != SRC_PAYLOAD && r->src != SRC_FRAG) || r->off > 0xfff)
		return NULL;
	h = r->src == SRC_FRAG ? HDR_FRAG : payload_header(t, r->key, r->off);
	f = hdr_field_at(h, bit, bits);
	/* a field that is not made of whole bytes: its mask tells which */
	for (unsigned i = 0; !f && r->masked && i < bits; i++) {
		uint8_t want[VAL_LEN] = { 0 };

		f = hdr_field_at(h, bit + i, 0);
		if (!f || i + f->bits > bits) {
			f = NULL;
			continue;
		}
		for (unsigned j = i; j < i + f->bits; j++)
			want[j / 8] |= (uint8_t)(0x80 >> j % 8);
		if (memcmp(want, r->mask, r->len))
			f = NULL;
	}
	if (f && h != HDR_FRAG)
		payload_used(t, r->key, h);
	return f;
}

size_t field_bits(const struct treg *r, const struct hdr_field *f, const uint8_t *v, uint8_t *be)
{
	unsigned from = f->bit - r->off * 8, last = f->bits - 1u;
	size_t bytes = last / 8 + 1;

	memset(be, 0, bytes);
	for (unsigned i = 0; i <= last; i++)
		if (v[(from + i) / 8] & 0x80 >> (from + i) % 8)
			be[bytes - 1 - (last - i) / 8] |= (uint8_t)(1 << (last - i) % 8);
	return bytes;
}

static void raw_payload(struct tbuf *b, const struct treg *r)
{
	static const char *const bases[] = { "ll", "nh", "th", "ih" };

	tb_fmt(b, "@%s,%u,%u", r->key < 4 ? bases[r->key] : "?", r->off * 8, r->len * 8u);
}

enum dtype treg_type(struct tx *t, const struct treg *r)
{
	const struct hdr_field *f = payload_field(t, r);

	return f ? f->type : r->type;
}

static bool any(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i])
			return true;
	return false;
}

void mask_text(struct tbuf *b, const struct tx *t, enum dtype type, const uint8_t *mask,
	       const uint8_t * xor, size_t len, bool host)
{
	uint8_t and[VAL_LEN], or [VAL_LEN], flip[VAL_LEN], ones = 0xff;

	/* nft's way of telling "&", "^" and "|" apart in (x & mask) ^ xor */
	for (size_t i = 0; i < len; i++) {
		or [i] = xor[i] & (uint8_t)~mask[i];
		flip[i] = xor[i] & mask[i];
		and[i] = mask[i] | or [i];
		ones &= and[i];
	}
	if (dtype_string(type))
		type = DT_RAW;
	if (ones != 0xff) {
		tb_str(b, " & ");
		value_text(b, t->snap, type, and, len, host, " | ");
	}
	if (any(flip, len)) {
		tb_str(b, " ^ ");
		value_text(b, t->snap, type, flip, len, host, " | ");
	}
	if (any(or, len)) {
		tb_str(b, " | ");
		value_text(b, t->snap, type, or, len, host, " | ");
	}
}

/* The name of what the register holds, without masks. */
static const char *plain_text(struct tx *t, struct treg *r)
{
	const struct hdr_field *f;
	struct treg whole = *r;
	struct tbuf b;

	if (r->kind != TR_EXPR)
		return "?";
	if (r->text)
		return r->text;
	whole.masked = false;
	f = payload_field(t, &whole);
	if (f)
		return f->name;
	payload_used(t, r->key, HDR_TH);
	b = tx_buf(t);
	raw_payload(&b, r);
	return tx_keep(t, &b);
}

const char *treg_text(struct tx *t, struct treg *r)
{
	const struct hdr_field *f = r->masked ? payload_field(t, r) : NULL;
	struct tbuf b;

	if (r->kind == TR_CONST)
		return treg_value(t, r, r->type);
	if (!r->masked)
		return plain_text(t, r);
	if (f && f->bits < r->len * 8u && !any(r->xor, r->len))
		return f->name;
	b = tx_buf(t);
	tb_str(&b, plain_text(t, r));
	mask_text(&b, t, treg_type(t, r), r->mask, r->xor, r->len,
		  dtype_host(treg_type(t, r)) && !r->swapped);
	return tx_keep(t, &b);
}

const char *treg_value(struct tx *t, struct treg *r, enum dtype type)
{
	struct tbuf b;

	if (r->kind != TR_CONST)
		return treg_text(t, r);
	b = tx_buf(t);
	value_text(&b, t->snap, type, r->data, r->len, dtype_host(type), ",");
	return tx_keep(t, &b);
}

/* Bytes of a masked value that a write of the same place leaves as they were. */
static bool write_bits(struct tx *t, const struct treg *r, uint32_t base, uint32_t off,
		       uint32_t len, struct tbuf *b)
{
	struct treg field = *r;
	const struct hdr_field *f = NULL;
	uint8_t be[VAL_LEN];
	size_t bytes;

	if (r->kind != TR_EXPR || !r->masked || r->src != SRC_PAYLOAD || r->key != base ||
	    r->off != off || r->len != len)
		return false;
	for (size_t i = 0; i < len; i++)
		field.mask[i] = (uint8_t)~r->mask[i];
	f = payload_field(t, &field);
	if (!f)
		return false;
	bytes = field_bits(&field, f, r->xor, be);
	tb_fmt(b, "%s set ", f->name);
	value_text(b, t->snap, f->type, be, bytes, false, ",");
	return true;
}

static void payload_write(struct tx *t, uint32_t sreg, uint32_t base, uint32_t off, uint32_t len)
{
	struct treg *r = tx_reg(t, sreg);
	struct treg place = { .kind = TR_EXPR, .src = SRC_PAYLOAD, .key = base, .off = off };
	struct tbuf b = tx_buf(t);

	place.len = (uint8_t)(len <= VAL_LEN ? len : VAL_LEN);
	if (!r || !write_bits(t, r, base, off, len, &b)) {
		tb_fmt(&b, "%s set ", treg_text(t, &place));
		tb_str(&b, r ? treg_value(t, r, treg_type(t, &place)) : "?");
	}
	TX_EMIT(t, &b);
}

void text_payload(struct tx *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_PAYLOAD_MAX);
	uint32_t base, off, len;
	struct treg *r;

	attrs_parse(data, &tb);
	base = attr_be32(tb.tb[NFTA_PAYLOAD_BASE], ~0u);
	off = attr_be32(tb.tb[NFTA_PAYLOAD_OFFSET], 0);
	len = attr_be32(tb.tb[NFTA_PAYLOAD_LEN], 0);
	if (tb.tb[NFTA_PAYLOAD_SREG]) {
		payload_write(t, attr_be32(tb.tb[NFTA_PAYLOAD_SREG], 0), base, off, len);
		return;
	}
	r = tx_load(t, attr_be32(tb.tb[NFTA_PAYLOAD_DREG], 0), len);
	if (!r) {
		tx_emit(t, "[payload]");
		tx_forget(t);
		return;
	}
	r->src = SRC_PAYLOAD;
	r->key = base;
	r->off = off;
	r->text = NULL;
}

/* The register's bytes from a data attribute; false if the length does not fit. */
static bool data_bytes(const struct nlattr *attr, uint8_t *buf, size_t len)
{
	ATTRS(tb, NFTA_DATA_MAX);

	attrs_parse(attr, &tb);
	if (!tb.tb[NFTA_DATA_VALUE] || mnl_attr_get_payload_len(tb.tb[NFTA_DATA_VALUE]) != len)
		return false;
	memcpy(buf, mnl_attr_get_payload(tb.tb[NFTA_DATA_VALUE]), len);
	return true;
}

static bool shift(struct tx *t, struct treg *v, uint32_t op, const struct nlattr *data)
{
	const struct hdr_field *f = payload_field(t, v);
	struct tbuf b = tx_buf(t);
	uint32_t bits;

	if ((op != NFT_BITWISE_LSHIFT && op != NFT_BITWISE_RSHIFT) ||
	    !data_bytes(data, (uint8_t *)&bits, sizeof(bits)))
		return false;
	/* a field that is not made of whole bytes, moved to the right */
	if (f && v->masked && op == NFT_BITWISE_RSHIFT &&
	    bits + f->bits + f->bit == (v->off + v->len) * 8u) {
		*v = (struct treg){ .kind = TR_EXPR, .len = v->len, .type = f->type };
		v->text = f->name;
		return true;
	}
	tb_fmt(&b, "%s %s %u", treg_text(t, v), op == NFT_BITWISE_LSHIFT ? "<<" : ">>", bits);
	*v = (struct treg){ .kind = TR_EXPR, .len = v->len, .type = treg_type(t, v) };
	v->text = tx_keep(t, &b);
	v->binop = true;
	return true;
}

void text_bitwise(struct tx *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_BITWISE_MAX);
	uint32_t len, dreg, op;
	struct treg *src, v;

	attrs_parse(data, &tb);
	src = tx_reg(t, attr_be32(tb.tb[NFTA_BITWISE_SREG], 0));
	dreg = attr_be32(tb.tb[NFTA_BITWISE_DREG], 0);
	len = attr_be32(tb.tb[NFTA_BITWISE_LEN], 0);
	op = attr_be32(tb.tb[NFTA_BITWISE_OP], NFT_BITWISE_BOOL);
	if (!src || src->kind != TR_EXPR || src->len != len)
		goto unknown;
	v = *src;
	if (op == NFT_BITWISE_BOOL) {
		if (v.masked) {
			v.text = treg_text(t, &v);
			v.type = treg_type(t, src);
			v.src = SRC_OTHER;
			v.binop = true;
		}
		v.masked = data_bytes(tb.tb[NFTA_BITWISE_MASK], v.mask, len) &&
			   data_bytes(tb.tb[NFTA_BITWISE_XOR], v.xor, len);
		if (!v.masked)
			goto unknown;
	} else if (!shift(t, &v, op, tb.tb[NFTA_BITWISE_DATA])) {
		goto unknown;
	}
	src = tx_load(t, dreg, len);
	if (!src)
		goto unknown;
	*src = v;
	return;
unknown:
	tx_emit(t, "[bitwise]");
	tx_forget(t);
}

/* Numbers are compared in network byte order; each swap turns it. */
void text_byteorder(struct tx *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_BYTEORDER_MAX);
	struct treg *src, *dst, v;
	uint32_t len;

	attrs_parse(data, &tb);
	src = tx_reg(t, attr_be32(tb.tb[NFTA_BYTEORDER_SREG], 0));
	len = attr_be32(tb.tb[NFTA_BYTEORDER_LEN], 0);
	if (src && src->kind == TR_EXPR && src->len == len) {
		v = *src;
		if (v.masked) {
			v.text = treg_text(t, &v);
			v.masked = false;
			v.binop = true;
		}
		v.swapped = !v.swapped;
		dst = tx_load(t, attr_be32(tb.tb[NFTA_BYTEORDER_DREG], 0), len);
		if (dst) {
			*dst = v;
			return;
		}
	}
	tx_emit(t, "[byteorder]");
	tx_forget(t);
}
