// SPDX-License-Identifier: GPL-2.0-or-later
/* The text of a rule: comparisons, and what they tell of the packet's protocols. */
#include <arpa/inet.h>
#include <string.h>
#include <netinet/in.h>
#include <linux/if_arp.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "text_int.h"

static const char *const ops[] = {
	[NFT_CMP_EQ] = "==",  [NFT_CMP_NEQ] = "!=", [NFT_CMP_LT] = "<",
	[NFT_CMP_LTE] = "<=", [NFT_CMP_GT] = ">",   [NFT_CMP_GTE] = ">=",
};

/* "name op value"; nft writes "==" only where a bare value would mean something else. */
static void emit_cmp(struct tx *t, const char *name, enum dtype type, uint32_t op, bool show_eq,
		     const uint8_t *v, size_t len, bool host)
{
	struct tbuf b = tx_buf(t);

	tb_str(&b, name);
	if (op != NFT_CMP_EQ || show_eq || dtype_bitmask(type))
		tb_fmt(&b, " %s", op <= NFT_CMP_GTE ? ops[op] : "?");
	tb_str(&b, " ");
	value_text(&b, t->snap, type, v, len, host, ",");
	TX_EMIT(t, &b);
}

static void emit_prefix(struct tx *t, const char *name, enum dtype type, uint32_t op,
			const uint8_t *v, size_t len, unsigned bits, bool host)
{
	struct tbuf b = tx_buf(t);

	tb_fmt(&b, "%s %s", name, op == NFT_CMP_NEQ ? "!= " : "");
	value_text(&b, t->snap, type, v, len, host, ",");
	tb_fmt(&b, "/%u", bits);
	TX_EMIT(t, &b);
}

static void depend(struct tx *t, enum dep_slot slot, bool payload)
{
	t->dep[slot] = (struct dep){ .item = t->n_items, .payload = payload };
}

static void learn_l4proto(struct tx *t, unsigned proto, bool payload)
{
	t->icmp_type = -1;
	t->trans = hdr_of_l4proto(proto);
	depend(t, DEP_TRANS, payload);
}

static void learn_net(struct tx *t, enum header net)
{
	t->net = net;
	if (net == HDR_VLAN) {
		t->net = HDR_NONE;
		t->ll = HDR_VLAN;
	}
	depend(t, DEP_NET, false);
}

/* A meta value that says which protocol follows; @v as a number. */
static void learn_meta(struct tx *t, uint32_t key, uint32_t v)
{
	switch (key) {
	case NFT_META_NFPROTO:
		learn_net(t, v == NFPROTO_IPV4 ? HDR_IP : v == NFPROTO_IPV6 ? HDR_IP6 : HDR_NONE);
		break;
	case NFT_META_PROTOCOL:
		learn_net(t, hdr_of_ethertype(v));
		break;
	case NFT_META_IIFTYPE:
		t->ll = v == ARPHRD_ETHER ? HDR_ETHER : HDR_NONE;
		depend(t, DEP_LL, false);
		break;
	case NFT_META_L4PROTO:
		if ((v == IPPROTO_ICMP && t->net == HDR_IP) ||
		    (v == IPPROTO_ICMPV6 && t->net == HDR_IP6))
			dep_hide(t, DEP_NET);
		learn_l4proto(t, v, false);
		break;
	}
}

static void learn_icmp(struct tx *t, uint8_t type)
{
	t->icmp_type = type;
	depend(t, DEP_ICMP, true);
}

static void learn_field(struct tx *t, const struct hdr_field *f, const uint8_t *v)
{
	if (f->type == DT_INETPROTO && (f->hdr == HDR_IP || f->hdr == HDR_IP6))
		learn_l4proto(t, v[0], true);
	else if (f->type == DT_ICMPTYPE || f->type == DT_ICMP6TYPE)
		learn_icmp(t, v[0]);
	else if (f->type == DT_ETHERTYPE && (f->hdr == HDR_ETHER || f->hdr == HDR_VLAN))
		learn_net(t, hdr_of_ethertype((unsigned)(v[0] << 8 | v[1])));
}

static uint32_t small_number(const uint8_t *v, size_t len, bool host)
{
	uint32_t n = 0;

	for (size_t i = 0; i < len && i < 4; i++)
		n = n << 8 | v[host && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? len - 1 - i : i];
	return n;
}

/* One comparison of several neighbouring fields ("tcp sport 1 tcp dport 2"), or a part of one. */
static bool cmp_fields(struct tx *t, const struct treg *r, uint32_t op, const uint8_t *v,
		       size_t len)
{
	enum header h = payload_header(t, r->key, r->off);
	const struct hdr_field *f[VAL_LEN];
	size_t n = 0, at = 0;

	while (at < len) {
		f[n] = hdr_field_at(h, (r->off + (unsigned)at) * 8, 0);
		if (!f[n] || f[n]->bits % 8 || (n && op != NFT_CMP_EQ) ||
		    (f[n]->bits > (len - at) * 8 &&
		     (!dtype_prefix(f[n]->type) || op > NFT_CMP_NEQ)))
			return false;
		at += f[n++]->bits / 8;
	}
	at = 0;
	for (size_t i = 0; i < n; i++) {
		uint8_t whole[16] = { 0 };
		size_t bytes = f[i]->bits / 8;

		payload_used(t, r->key, h);
		if (bytes > len - at) {
			memcpy(whole, v + at, len - at);
			emit_prefix(t, f[i]->name, f[i]->type, op, whole, bytes,
				    (unsigned)(len - at) * 8, false);
			return true;
		}
		emit_cmp(t, f[i]->name, f[i]->type, op, false, v + at, bytes, false);
		if (op == NFT_CMP_EQ)
			learn_field(t, f[i], v + at);
		at += bytes;
	}
	return true;
}

static bool zero(const uint8_t *v, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (v[i])
			return false;
	return true;
}

static bool one_bit(const uint8_t *v, size_t len)
{
	int bits = 0;

	for (size_t i = 0; i < len; i++)
		bits += __builtin_popcount(v[i]);
	return bits == 1;
}

/* (value & mask) compared. */
static void cmp_masked(struct tx *t, struct treg *r, uint32_t op, const uint8_t *v, size_t len)
{
	const struct hdr_field *f = payload_field(t, r);
	struct treg plain = *r;
	enum dtype type = treg_type(t, r);
	bool host = dtype_host(type) && !r->swapped, equal = op <= NFT_CMP_NEQ;
	struct tbuf b = tx_buf(t);
	uint8_t mask[VAL_LEN];
	int bits;

	if (f && f->bits < r->len * 8u && len == r->len && zero(r->xor, len)) {
		uint8_t be[VAL_LEN];

		emit_cmp(t, f->name, f->type, op, false, be, field_bits(r, f, v, be), false);
		return;
	}
	plain.masked = false;
	for (size_t i = 0; i < len; i++)
		mask[host && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? len - 1 - i : i] =
			r->mask[i];
	bits = prefix_len(mask, len);
	if (!zero(r->xor, len) || !equal ||
	    (dtype_bitmask(type) && one_bit(r->mask, len) && !zero(v, len))) {
		emit_cmp(t, treg_text(t, r), type, op, true, v, len, host);
	} else if (dtype_bitmask(type)) {
		tb_fmt(&b, "%s ", treg_text(t, &plain));
		if (!zero(v, len)) {
			tb_str(&b, op == NFT_CMP_NEQ ? "!= " : "");
			value_text(&b, t->snap, type, v, len, host, ",");
			tb_str(&b, " / ");
		} else if (op == NFT_CMP_EQ) {
			tb_str(&b, "! ");
		}
		value_text(&b, t->snap, type, r->mask, len, host, ",");
		TX_EMIT(t, &b);
	} else if (dtype_prefix(type) && bits >= 0) {
		emit_prefix(t, treg_text(t, &plain), type, op, v, len, (unsigned)bits, host);
	} else {
		emit_cmp(t, treg_text(t, r), type, op, true, v, len, host);
	}
}

/* "x >= 1" and then "x <= 5" of the same register: "x 1-5" */
static bool cmp_range_end(struct tx *t, struct treg *r, uint32_t sreg, const uint8_t *v, size_t len)
{
	enum dtype type = treg_type(t, r);
	bool host = dtype_host(type) && !r->swapped;
	struct tbuf b = tx_buf(t);

	if (t->gte.len != len || t->gte.reg != sreg || t->gte.item + 1 != t->n_items)
		return false;
	tb_fmt(&b, "%s ", treg_text(t, r));
	value_text(&b, t->snap, type, t->gte.lo, len, host, NULL);
	tb_str(&b, "-");
	value_text(&b, t->snap, type, v, len, host, NULL);
	t->items[t->gte.item].text = tx_keep(t, &b);
	t->gte.len = 0;
	return true;
}

static void cmp_plain(struct tx *t, struct treg *r, uint32_t op, const uint8_t *v, size_t len)
{
	enum dtype type = treg_type(t, r);
	bool host = dtype_host(type) && !r->swapped;

	emit_cmp(t, treg_text(t, r), type, op, r->binop, v, len, host);
	if (op == NFT_CMP_EQ && r->src == SRC_META && !r->binop && len <= 4)
		learn_meta(t, r->key, small_number(v, len, host));
}

static void bad(struct tx *t, const char *what)
{
	tx_emit(t, what);
	tx_forget(t);
}

void text_cmp(struct tx *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_CMP_MAX);
	ATTRS(val, NFTA_DATA_MAX);
	uint32_t op, sreg;
	const uint8_t *v;
	struct treg *r;
	size_t len;

	attrs_parse(data, &tb);
	attrs_parse(tb.tb[NFTA_CMP_DATA], &val);
	op = attr_be32(tb.tb[NFTA_CMP_OP], ~0u);
	sreg = attr_be32(tb.tb[NFTA_CMP_SREG], 0);
	r = tx_reg(t, sreg);
	len = val.tb[NFTA_DATA_VALUE] ? mnl_attr_get_payload_len(val.tb[NFTA_DATA_VALUE]) : 0;
	if (!r || r->kind != TR_EXPR || !len || len > r->len || op > NFT_CMP_GTE) {
		bad(t, "[cmp]");
		return;
	}
	v = mnl_attr_get_payload(val.tb[NFTA_DATA_VALUE]);
	if (op == NFT_CMP_LTE && cmp_range_end(t, r, sreg, v, len))
		return;
	if (r->masked)
		cmp_masked(t, r, op, v, len);
	else if (r->src != SRC_PAYLOAD || r->text || !cmp_fields(t, r, op, v, len))
		cmp_plain(t, r, op, v, len);
	if (op == NFT_CMP_GTE) {
		t->gte.item = t->n_items - 1;
		t->gte.reg = sreg;
		t->gte.len = len;
		memcpy(t->gte.lo, v, len);
	}
}

static const uint8_t *range_data(const struct nlattr *a, size_t *len)
{
	ATTRS(val, NFTA_DATA_MAX);

	attrs_parse(a, &val);
	if (!val.tb[NFTA_DATA_VALUE])
		return NULL;
	*len = mnl_attr_get_payload_len(val.tb[NFTA_DATA_VALUE]);
	return mnl_attr_get_payload(val.tb[NFTA_DATA_VALUE]);
}

void text_range(struct tx *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_RANGE_MAX);
	const uint8_t *lo, *hi;
	size_t len = 0, len_hi = 0;
	enum dtype type;
	struct tbuf b;
	struct treg *r;
	bool host;

	attrs_parse(data, &tb);
	r = tx_reg(t, attr_be32(tb.tb[NFTA_RANGE_SREG], 0));
	lo = range_data(tb.tb[NFTA_RANGE_FROM_DATA], &len);
	hi = range_data(tb.tb[NFTA_RANGE_TO_DATA], &len_hi);
	if (!r || r->kind != TR_EXPR || !lo || !hi || len != len_hi || len > r->len || !len) {
		bad(t, "[range]");
		return;
	}
	type = treg_type(t, r);
	host = dtype_host(type) && !r->swapped;
	b = tx_buf(t);
	tb_fmt(&b, "%s %s", treg_text(t, r),
	       attr_be32(tb.tb[NFTA_RANGE_OP], 0) == NFT_RANGE_NEQ ? "!= " : "");
	value_text(&b, t->snap, type, lo, len, host, NULL);
	tb_str(&b, "-");
	value_text(&b, t->snap, type, hi, len, host, NULL);
	TX_EMIT(t, &b);
}
