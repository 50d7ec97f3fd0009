// SPDX-License-Identifier: GPL-2.0-or-later
/* Lowering of nf_tables' matching expressions: cmp, range, lookup. */
#include <errno.h>
#include <string.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "read_attr.h"
#include "read_lower.h"

struct val *lower_reg(struct lower *l, uint32_t nft_reg)
{
	/* NFT_REG_1 to 4 are 16 bytes each, the same storage as NFT_REG32_00 to 15 */
	if (nft_reg >= NFT_REG_1 && nft_reg <= NFT_REG_4)
		return &l->reg[(nft_reg - NFT_REG_1) * 4];
	if (nft_reg >= NFT_REG32_00 && nft_reg <= NFT_REG32_15)
		return &l->reg[nft_reg - NFT_REG32_00];
	return NULL;
}

struct val *lower_load(struct lower *l, uint32_t nft_reg, size_t len)
{
	struct val *v = lower_reg(l, nft_reg);
	size_t first;

	if (!v || !len || len > VAL_MAX)
		return NULL;
	first = (size_t)(v - l->reg);
	for (size_t w = 0; w < REG_WORDS; w++) {
		size_t end = w + (l->reg[w].len + 3u) / 4;

		if (w < first + (len + 3) / 4 && (end > first || w >= first))
			l->reg[w] = (struct val){ 0 };
	}
	v->len = (uint8_t)len;
	memset(v->mask, 0xff, len);
	return v;
}

/* @l4proto: the place is this only in that protocol, or with 0 unless it is ICMP. */
struct place {
	uint8_t nfproto, l4proto, base, off, len;
	enum fw_field field;
};

static const struct place places[] = {
	{ 0, 0, NFT_PAYLOAD_NETWORK_HEADER, 0, 1, FW_F_IPHEAD },
	{ NFPROTO_IPV4, 0, NFT_PAYLOAD_NETWORK_HEADER, 6, 2, FW_F_FRAG4 },
	{ NFPROTO_IPV4, 0, NFT_PAYLOAD_NETWORK_HEADER, 9, 1, FW_F_L4PROTO },
	{ NFPROTO_IPV4, 0, NFT_PAYLOAD_NETWORK_HEADER, 12, 4, FW_F_SADDR4 },
	{ NFPROTO_IPV4, 0, NFT_PAYLOAD_NETWORK_HEADER, 16, 4, FW_F_DADDR4 },
	{ NFPROTO_IPV6, 0, NFT_PAYLOAD_NETWORK_HEADER, 8, 16, FW_F_SADDR6 },
	{ NFPROTO_IPV6, 0, NFT_PAYLOAD_NETWORK_HEADER, 24, 16, FW_F_DADDR6 },
	{ 0, 0, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2, FW_F_SPORT },
	{ 0, 0, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, FW_F_DPORT },
	{ 0, 0, NFT_PAYLOAD_TRANSPORT_HEADER, 13, 1, FW_F_TCPFLAGS },
	{ 0, IPPROTO_ICMP, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, FW_F_ICMPTYPE },
	{ 0, IPPROTO_ICMP, NFT_PAYLOAD_TRANSPORT_HEADER, 1, 1, FW_F_ICMPCODE },
};

static bool is_there(const struct lower *l, const struct place *pl)
{
	bool icmp = l->l4proto == IPPROTO_ICMP || l->l4proto == IPPROTO_ICMPV6;

	if (pl->nfproto && pl->nfproto != l->nfproto)
		return false;
	return pl->base != NFT_PAYLOAD_TRANSPORT_HEADER || (pl->l4proto == IPPROTO_ICMP) == icmp;
}

size_t lower_pieces(const struct lower *l, const struct val *v, size_t len, struct piece *p,
		    size_t max, bool *ret_all)
{
	size_t n = 0, covered = 0;

	*ret_all = false;
	if (v->kind == VAL_FIELD && v->field && max && len <= fw_field_len(v->field)) {
		p[0] = (struct piece){ .field = v->field, .len = (uint8_t)len };
		*ret_all = true;
		return 1;
	}
	if (v->kind != VAL_PAYLOAD)
		return 0;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places) && n < max; i++) {
		const struct place *pl = &places[i];
		size_t lo = pl->off > v->off ? pl->off : v->off;
		size_t hi = pl->off + pl->len < v->off + len ? (size_t)(pl->off + pl->len)
							     : v->off + len;

		if (pl->base != v->base || !is_there(l, pl) || lo >= hi)
			continue;
		p[n++] = (struct piece){ pl->field, (uint8_t)(lo - pl->off), (uint8_t)(lo - v->off),
					 (uint8_t)(hi - lo) };
		covered += hi - lo;
	}
	*ret_all = covered == len;
	return n;
}

void lower_canonical(uint8_t *dst, const void *src, size_t len, bool host)
{
	const uint8_t *s = src;

	if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
		host = false;
	for (size_t i = 0; i < len; i++)
		dst[i] = host ? s[len - 1 - i] : s[i];
}

static bool all_zero(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i])
			return false;
	return true;
}

/* The rule now knows the network protocol: that tells what header offsets mean. */
static void learn_proto(struct lower *l, const struct fw_match *m)
{
	uint16_t type;

	if (m->neg || m->n != 1)
		return;
	if (m->field == FW_F_L4PROTO && m->r->lo[0] == m->r->hi[0] && m->mask[0] == 0xff)
		l->l4proto = m->r->lo[0];
	if (m->field == FW_F_NFPROTO && m->r->lo[0] == m->r->hi[0] && m->mask[0] == 0xff)
		l->nfproto = m->r->lo[0];
	if (m->field != FW_F_ETHERTYPE || memcmp(m->r->lo, m->r->hi, 2))
		return;
	type = (uint16_t)(m->r->lo[0] << 8 | m->r->lo[1]);
	l->nfproto = type == 0x0800 ? NFPROTO_IPV4 : type == 0x86dd ? NFPROTO_IPV6 : 0;
}

/* A match of piece @p of @v: (field & mask) in [lo, hi], both in register order. */
static int add_piece(struct lower *l, const struct val *v, const struct piece *p, bool neg,
		     const uint8_t *lo, const uint8_t *hi)
{
	struct fw_match *m = fw_match_add(l->rule, p->field, neg);
	uint8_t from[FW_FIELD_MAX] = { 0 }, to[FW_FIELD_MAX] = { 0 };
	int ret;

	if (!m)
		return -ENOMEM;
	memset(m->mask, 0, sizeof(m->mask));
	lower_canonical(m->mask + p->off, v->mask + p->at, p->len, v->host);
	if (m->field == FW_F_CTSTATE)
		m->mask[0] &= (uint8_t) ~((FW_STATE_SNAT | FW_STATE_DNAT) >> 24);
	lower_canonical(from + p->off, lo + p->at, p->len, v->host);
	lower_canonical(to + p->off, hi + p->at, p->len, v->host);
	ret = fw_match_range(m, from, to);
	if (!ret)
		learn_proto(l, m);
	return ret;
}

static int cmp_equal(struct lower *l, const struct val *v, const uint8_t *data, size_t len,
		     bool neg)
{
	struct piece p[FW_SEL_MAX];
	uint8_t want[VAL_MAX];
	bool all;
	size_t n = lower_pieces(l, v, len, p, FW_SEL_MAX, &all);
	int ret = 0;

	if (v->host && len != v->len)
		return fw_maybe(l->rule);
	for (size_t i = 0; i < len; i++)
		want[i] = data[i] ^ v->xor [i];
	/* several fields compared at once: equal splits into one match each, unequal does not */
	if (!n || (neg && (n != 1 || !all)))
		return fw_maybe(l->rule);
	for (size_t i = 0; i < n && !ret; i++)
		ret = add_piece(l, v, &p[i], neg, want, want);
	return ret || all ? ret : fw_maybe(l->rule);
}

static int between(struct lower *l, const struct val *v, const uint8_t *lo, const uint8_t *hi,
		   size_t len, bool neg)
{
	struct piece p;
	bool all;

	if (v->host || len != v->len || !all_zero(v->xor, len) ||
	    lower_pieces(l, v, len, &p, 1, &all) != 1 || !all)
		return fw_maybe(l->rule);
	return add_piece(l, v, &p, neg, lo, hi);
}

/* Bytes of a nested NFTA_DATA_VALUE; returns their number, 0 if there are none or too many. */
static size_t data_value(const struct nlattr *attr, const uint8_t **ret_data)
{
	ATTRS(tb, NFTA_DATA_MAX);
	size_t len;

	attrs_parse(attr, &tb);
	if (!tb.tb[NFTA_DATA_VALUE])
		return 0;
	len = mnl_attr_get_payload_len(tb.tb[NFTA_DATA_VALUE]);
	*ret_data = mnl_attr_get_payload(tb.tb[NFTA_DATA_VALUE]);
	return len <= VAL_MAX ? len : 0;
}

/* The big-endian number before or after @c; true if there is none. */
static bool step(uint8_t *dst, const uint8_t *c, size_t len, int by)
{
	uint8_t end = by > 0 ? 0xff : 0;
	size_t i = len;

	memcpy(dst, c, len);
	while (i-- > 0) {
		dst[i] = (uint8_t)(dst[i] + by);
		if (c[i] != end)
			return false;
	}
	return true;
}

int lower_cmp(struct lower *l, const struct nlattr *data)
{
	static const uint8_t zeros[VAL_MAX];
	uint8_t ones[VAL_MAX], bound[VAL_MAX];
	ATTRS(tb, NFTA_CMP_MAX);
	const struct val *v;
	const uint8_t *c;
	size_t len;

	attrs_parse(data, &tb);
	v = lower_reg(l, attr_be32(tb.tb[NFTA_CMP_SREG], 0));
	len = data_value(tb.tb[NFTA_CMP_DATA], &c);
	if (!v || v->kind == VAL_NONE || !len || len > v->len)
		return fw_maybe(l->rule);
	memset(ones, 0xff, sizeof(ones));
	switch (attr_be32(tb.tb[NFTA_CMP_OP], ~0u)) {
	case NFT_CMP_EQ:
		return cmp_equal(l, v, c, len, false);
	case NFT_CMP_NEQ:
		return cmp_equal(l, v, c, len, true);
	case NFT_CMP_LTE:
		return between(l, v, zeros, c, len, false);
	case NFT_CMP_GT:
		/* after the greatest number comes none: "not in all of them" */
		if (step(bound, c, len, 1))
			return between(l, v, zeros, ones, len, true);
		return between(l, v, bound, ones, len, false);
	case NFT_CMP_GTE:
		return between(l, v, c, ones, len, false);
	case NFT_CMP_LT:
		if (step(bound, c, len, -1))
			return between(l, v, zeros, ones, len, true);
		return between(l, v, zeros, bound, len, false);
	}
	return fw_maybe(l->rule);
}

int lower_range(struct lower *l, const struct nlattr *data)
{
	ATTRS(tb, NFTA_RANGE_MAX);
	const uint8_t *lo, *hi;
	const struct val *v;
	size_t len;
	uint32_t op;

	attrs_parse(data, &tb);
	v = lower_reg(l, attr_be32(tb.tb[NFTA_RANGE_SREG], 0));
	len = data_value(tb.tb[NFTA_RANGE_FROM_DATA], &lo);
	op = attr_be32(tb.tb[NFTA_RANGE_OP], ~0u);
	if (!v || v->kind == VAL_NONE || !len ||
	    data_value(tb.tb[NFTA_RANGE_TO_DATA], &hi) != len || op > NFT_RANGE_NEQ)
		return fw_maybe(l->rule);
	return between(l, v, lo, hi, len, op == NFT_RANGE_NEQ);
}

/* The components of a set's key, as far as the registers are understood. */
static size_t key_sels(struct lower *l, uint32_t sreg, const struct fw_set *set, struct fw_sel *sel)
{
	const struct val *v = lower_reg(l, sreg);
	size_t at = 0, n = 0;

	while (v && at < set->key_len && v < l->reg + REG_WORDS) {
		struct piece p;
		bool all;

		if (v->kind == VAL_NONE || v->len > set->key_len - at) {
			/* one unknown word; further ones may be known again */
			at += 4;
			v++;
			continue;
		}
		if (n < FW_SEL_MAX && all_zero(v->xor, v->len) &&
		    lower_pieces(l, v, v->len, &p, 1, &all) == 1 && all) {
			sel[n] = (struct fw_sel){ .field = p.field,
						  .host = v->host,
						  .key_off = (uint8_t)at,
						  .len = p.len,
						  .off = p.off };
			lower_canonical(sel[n].mask + p.off, v->mask, p.len, v->host);
			n++;
		}
		at += (v->len + 3u) & ~3u;
		v += (v->len + 3u) / 4;
	}
	return n;
}

static uint32_t key_number(const uint8_t *key)
{
	uint32_t v;

	memcpy(&v, key, sizeof(v)); /* integers in registers are in host byte order */
	return v;
}

/* Whether every number that can come up is a key of the set, and stays one. */
static bool holds_all(const struct fw_set *set, uint32_t lo, uint32_t hi)
{
	uint64_t found = 0;

	if (set->key_len != 4 || set->flags & (NFT_SET_EVAL | NFT_SET_TIMEOUT | NFT_SET_INTERVAL))
		return false;
	for (size_t i = 0; i < set->n_elems; i++) {
		const struct fw_elem *e = &set->elems[i];
		uint32_t key = e->lo && !e->catchall ? key_number(e->lo) : lo;

		if (e->catchall && !e->maybe)
			return true;
		found += !e->catchall && !e->maybe && e->lo && key >= lo && key <= hi;
	}
	return found == (uint64_t)hi - lo + 1;
}

/* Which element is chance, but it is one of them; ret_done: there is nothing else to add. */
static int lookup_by_chance(struct lower *l, const struct val *v, const struct fw_set *set,
			    bool vmap, bool *ret_done)
{
	struct fw_op *op;

	*ret_done = holds_all(set, v->chance_lo, v->chance_hi);
	if (!*ret_done || !vmap)
		return 0;
	*ret_done = set->n_elems == 1;
	if (!*ret_done)
		return 0;
	op = fw_op_add(l->rule, FW_VERDICT);
	if (!op)
		return -ENOMEM;
	op->verdict = set->elems[0].verdict;
	return 0;
}

/* What a map gives: each word of it is that word of some element's data. */
static void load_mapped(struct lower *l, uint32_t dreg, const struct fw_set *set)
{
	struct val *v;

	lower_forget_from(l, dreg);
	v = lower_reg(l, dreg);
	for (uint32_t at = 0; v && at < set->data_len && v < l->reg + REG_WORDS; at += 4, v++) {
		*v = (struct val){ .kind = VAL_MAPPED, .len = 4, .off = (uint8_t)at, .map = set };
		memset(v->mask, 0xff, 4);
	}
}

int lower_lookup(struct lower *l, const struct nlattr *data)
{
	ATTRS(tb, NFTA_LOOKUP_MAX);
	const char *name;
	const struct fw_set *set;
	const struct val *v;
	struct fw_op *op;
	bool vmap;

	attrs_parse(data, &tb);
	name = attr_str(tb.tb[NFTA_LOOKUP_SET]);
	set = name ? fw_set_find(l->snap, l->rule->chain->table, name) : NULL;
	if (!set || !set->key_len) {
		/* a verdict map that cannot be read may do anything */
		if (attr_be32(tb.tb[NFTA_LOOKUP_DREG], ~0u) == NFT_REG_VERDICT)
			return fw_op_add(l->rule, FW_UNKNOWN) ? 0 : -ENOMEM;
		if (tb.tb[NFTA_LOOKUP_DREG])
			lower_forget_from(l, attr_be32(tb.tb[NFTA_LOOKUP_DREG], 0));
		return fw_maybe(l->rule);
	}
	v = lower_reg(l, attr_be32(tb.tb[NFTA_LOOKUP_SREG], 0));
	vmap = tb.tb[NFTA_LOOKUP_DREG] && attr_be32(tb.tb[NFTA_LOOKUP_DREG], 0) == NFT_REG_VERDICT;
	if (v && v->kind == VAL_CHANCE && tb.tb[NFTA_LOOKUP_DREG]) {
		bool done;
		int ret = lookup_by_chance(l, v, set, vmap, &done);

		if (done && !vmap)
			load_mapped(l, attr_be32(tb.tb[NFTA_LOOKUP_DREG], 0), set);
		if (ret || done)
			return ret;
	}
	op = fw_op_add(l->rule, FW_LOOKUP);
	if (!op)
		return -ENOMEM;
	op->lookup.set = set;
	op->lookup.neg = attr_be32(tb.tb[NFTA_LOOKUP_FLAGS], 0) & NFT_LOOKUP_F_INV;
	op->lookup.vmap = vmap;
	op->lookup.n_sel = key_sels(l, attr_be32(tb.tb[NFTA_LOOKUP_SREG], 0), set, op->lookup.sel);
	/* only what a look-up compares completely is known not to match */
	if (tb.tb[NFTA_LOOKUP_DREG] && !op->lookup.vmap)
		load_mapped(l, attr_be32(tb.tb[NFTA_LOOKUP_DREG], 0), set);
	return 0;
}
