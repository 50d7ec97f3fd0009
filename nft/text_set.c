// SPDX-License-Identifier: GPL-2.0-or-later
/* The text of a rule: look-ups in sets and maps, anonymous ones written out. */
#include <stdlib.h>
#include <string.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "text_int.h"

size_t tx_keys(struct tx *t, uint32_t sreg, size_t len, struct treg **key, size_t max)
{
	struct treg *r = tx_reg(t, sreg);
	size_t n = 0, at = 0, i;

	if (!r)
		return 0;
	for (i = (size_t)(r - t->reg); i < TREG_WORDS && at < len && n < max;) {
		if (t->reg[i].kind == TR_NONE || !t->reg[i].len)
			return 0;
		key[n++] = &t->reg[i];
		at += tx_words(t->reg[i].len) * 4;
		i += tx_words(t->reg[i].len);
	}
	return n;
}

const char *keys_text(struct tx *t, struct treg **key, size_t n)
{
	struct tbuf b = tx_buf(t);

	if (!n)
		return "?";
	for (size_t i = 0; i < n; i++) {
		tb_str(&b, i ? " . " : "");
		tb_str(&b, treg_text(t, key[i]));
	}
	return tx_keep(t, &b);
}

void verdict_text(struct tbuf *b, const struct fw_verdict *v)
{
	static const char *const words[] = {
		[FW_ACCEPT] = "accept", [FW_DROP] = "drop", [FW_CONTINUE] = "continue",
		[FW_RETURN] = "return", [FW_JUMP] = "jump", [FW_GOTO] = "goto",
		[FW_QUEUE] = "queue",
	};

	tb_str(b, words[v->code]);
	if (v->code != FW_JUMP && v->code != FW_GOTO)
		return;
	tb_str(b, " ");
	if (v->chain)
		tb_name(b, v->chain->name, strlen(v->chain->name));
	else
		tb_str(b, "?");
}

static size_t dtype_len(enum dtype type)
{
	switch (type) {
	case DT_IP4:
	case DT_MARK:
	case DT_IFINDEX:
	case DT_CLASSID:
		return 4;
	case DT_IP6:
	case DT_IFNAME:
		return 16;
	case DT_ETHER:
		return 6;
	case DT_PORT:
	case DT_ETHERTYPE:
		return 2;
	default:
		return 1;
	}
}

#define TYPE_BITS 6 /* of each component of a concatenation */
#define TYPE_MASK ((1u << TYPE_BITS) - 1)

void data_text(struct tbuf *b, const struct tx *t, const struct fw_set *set, const uint8_t *data)
{
	enum dtype type = dtype_of_set(set->data_type);
	size_t len = set->data_len, at = 0;
	const char *sep = "";

	if (set->data_type <= TYPE_MASK) {
		if (len == 2 * dtype_len(type) && len <= VAL_LEN)
			range_text(b, t->snap, type, data, data + len / 2, len / 2,
				   dtype_host(type));
		else
			value_text(b, t->snap, type, data, len, dtype_host(type), " | ");
		return;
	}
	for (int shift = 30 - TYPE_BITS; shift >= 0; shift -= TYPE_BITS) {
		uint32_t part = set->data_type >> shift & TYPE_MASK;

		if (!part)
			continue;
		type = dtype_of_set(part);
		tb_str(b, sep);
		sep = " . ";
		if (at + dtype_len(type) > len) {
			tb_str(b, "?");
			return;
		}
		value_text(b, t->snap, type, data + at, dtype_len(type), dtype_host(type), " | ");
		at += tx_words(dtype_len(type)) * 4;
	}
}

/* How nft sorts the elements: as numbers, concatenations and names from their last byte on. */
struct order {
	size_t len;
	bool reverse, lowest_bit;
};

static int lowest_bit(const uint8_t *v, size_t len)
{
	for (size_t bit = 0; bit < len * 8; bit++)
		if (v[bit / 8] & 1 << bit % 8)
			return (int)bit;
	return -1;
}

static int elem_order(const void *a, const void *b, void *arg)
{
	const struct fw_elem *x = *(const struct fw_elem *const *)a;
	const struct fw_elem *y = *(const struct fw_elem *const *)b;
	const struct order *o = arg;
	int c = 0;

	if (x->catchall || y->catchall)
		c = x->catchall - y->catchall;
	else if (o->lowest_bit)
		c = lowest_bit(x->lo, o->len) - lowest_bit(y->lo, o->len);
	else if (!o->reverse)
		c = memcmp(x->lo, y->lo, o->len);
	else
		for (size_t i = o->len; i-- && !c;)
			c = x->lo[i] - y->lo[i];
	/* in one array; nft turns the order of what is equal around */
	return c ? c : (x < y) - (x > y);
}

/* One component of a key. */
static void part_text(struct tbuf *b, struct tx *t, const struct treg *r, const uint8_t *lo,
		      const uint8_t *hi, size_t len)
{
	const struct hdr_field *f = r->masked && len == r->len ? payload_field(t, r) : NULL;
	enum dtype type = treg_type(t, r);
	uint8_t from[VAL_LEN], to[VAL_LEN];

	/* a field that is not made of whole bytes is kept where it is in them */
	if (f && f->bits < len * 8u) {
		field_bits(r, f, lo, from);
		len = field_bits(r, f, hi, to);
		lo = from;
		hi = to;
	}
	range_text(b, t->snap, type, lo, hi, len, dtype_host(type) && !r->swapped);
}

/* The statement of an element: what its expression alone would print. */
static void elem_stmt(struct tbuf *b, struct tx *t, const struct nlattr *expr)
{
	struct dep dep[DEP_COUNT];
	size_t from = t->n_items;

	if (b->cut)
		return;
	if (t->nested) {
		tb_str(b, " [...]");
		return;
	}
	memcpy(dep, t->dep, sizeof(dep));
	t->nested = true;
	text_expr(t, expr);
	t->nested = false;
	memcpy(t->dep, dep, sizeof(dep));
	t->gte.len = 0;
	for (size_t i = from; i < t->n_items; i++) {
		tb_str(b, " ");
		tb_str(b, t->items[i].text);
	}
	t->n_items = t->n_items > from ? from : t->n_items;
}

static void elem_stmts(struct tbuf *b, struct tx *t, const struct nlattr *one,
		       const struct nlattr *list)
{
	const struct nlattr *expr;

	if (list) {
		mnl_attr_for_each_nested (expr, list)
			elem_stmt(b, t, expr);
	} else if (one) {
		elem_stmt(b, t, one);
	}
}

/* What an element has besides its key: " counter", " comment ...", and its object's name. */
static const char *elem_extras(struct tbuf *b, struct tx *t, const struct fw_elem *e)
{
	ATTRS(tb, NFTA_SET_ELEM_MAX);
	const char *comment;

	attrs_parse(e->raw, &tb);
	elem_stmts(b, t, tb.tb[NFTA_SET_ELEM_EXPR], tb.tb[NFTA_SET_ELEM_EXPRESSIONS]);
	if (attr_be64(tb.tb[NFTA_SET_ELEM_TIMEOUT])) {
		tb_str(b, " timeout ");
		time_text(b, attr_be64(tb.tb[NFTA_SET_ELEM_TIMEOUT]));
	}
	comment = attr_comment(tb.tb[NFTA_SET_ELEM_USERDATA]);
	if (comment) {
		tb_str(b, " comment ");
		tb_quoted(b, comment, strlen(comment), false);
	}
	return attr_str(tb.tb[NFTA_SET_ELEM_OBJREF]);
}

static void elem_text(struct tbuf *b, struct tx *t, const struct fw_set *set,
		      const struct fw_elem *e, struct treg **key, size_t n_key)
{
	const char *object;
	const uint8_t *hi = e->hi ? e->hi : e->lo;
	size_t at = 0;

	if (e->catchall) {
		tb_str(b, "*");
	} else if (!n_key) {
		value_text(b, t->snap, DT_RAW, e->lo, set->key_len, false, " | ");
	} else {
		for (size_t i = 0; i < n_key && at < set->key_len; i++) {
			size_t len = key[i]->len;

			if (len > set->key_len - at)
				len = set->key_len - at;
			tb_str(b, i ? " . " : "");
			part_text(b, t, key[i], e->lo + at, hi + at, len);
			at += tx_words(key[i]->len) * 4;
		}
	}
	object = elem_extras(b, t, e);
	if (set->vmap) {
		tb_str(b, " : ");
		verdict_text(b, &e->verdict);
	} else if (set->flags & NFT_SET_OBJECT) {
		tb_str(b, " : ");
		tb_quoted(b, object ? object : "?", NFT_OBJ_MAXNAMELEN, false);
	} else if (set->flags & NFT_SET_MAP) {
		tb_str(b, " : ");
		if (e->data)
			data_text(b, t, set, e->data);
		else
			tb_str(b, "?");
	}
}

void set_text(struct tbuf *b, struct tx *t, const struct fw_set *set, struct treg **key,
	      size_t n_key)
{
	bool interval = set->flags & NFT_SET_INTERVAL;
	struct order o = { .len = set->key_len };
	const struct fw_elem **e;

	b->cut = b->cut || b->n >= b->max;
	if (b->cut) /* sorting would be in vain */
		return;
	if (!(set->flags & NFT_SET_ANONYMOUS)) {
		tb_str(b, "@");
		tb_name(b, set->name, strlen(set->name));
		return;
	}
	e = calloc(set->n_elems ? set->n_elems : 1, sizeof(*e));
	if (!e) {
		t->nomem = true;
		return;
	}
	for (size_t i = 0; i < set->n_elems; i++)
		e[i] = &set->elems[i];
	if (n_key == 1) {
		enum dtype type = treg_type(t, key[0]);

		o.lowest_bit = dtype_bitmask(type);
		o.reverse =
			(dtype_host(type) && !key[0]->swapped) || (dtype_string(type) && !interval);
	} else {
		o.reverse = true;
	}
	if (n_key <= 1 || !interval)
		qsort_r(e, set->n_elems, sizeof(*e), elem_order, &o);
	tb_str(b, "{ ");
	for (size_t i = 0; i < set->n_elems && !b->cut; i++) {
		tb_str(b, i ? ", " : "");
		elem_text(b, t, set, e[i], key, n_key);
	}
	tb_str(b, " }");
	free(e);
}

/* A set that the snapshot does not hold: its name alone. */
static void set_or_name(struct tbuf *b, struct tx *t, const struct fw_set *set, const char *name,
			struct treg **key, size_t n_key)
{
	if (set) {
		set_text(b, t, set, key, n_key);
		return;
	}
	tb_str(b, "@");
	tb_name(b, name ? name : "?", NFT_NAME_MAXLEN);
}

void text_lookup(struct tx *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_LOOKUP_MAX);
	struct treg *key[TREG_WORDS], *r;
	const struct fw_set *set;
	const char *name, *left;
	uint32_t sreg, dreg;
	struct tbuf b;
	bool inv, binop;
	size_t n;

	attrs_parse(data, &tb);
	name = attr_str(tb.tb[NFTA_LOOKUP_SET]);
	set = name ? fw_set_find(t->snap, t->table, name) : NULL;
	sreg = attr_be32(tb.tb[NFTA_LOOKUP_SREG], 0);
	dreg = attr_be32(tb.tb[NFTA_LOOKUP_DREG], ~0u);
	inv = attr_be32(tb.tb[NFTA_LOOKUP_FLAGS], 0) & NFT_LOOKUP_F_INV;
	n = tx_keys(t, sreg, set && set->key_len ? set->key_len : 1, key, TREG_WORDS);
	left = keys_text(t, key, n);
	binop = n == 1 && (key[0]->binop || (key[0]->masked && !payload_field(t, key[0])));
	b = tx_buf(t);
	tb_str(&b, left);
	tb_str(&b, dreg == NFT_REG_VERDICT ? " vmap "
		   : dreg != ~0u	   ? " map "
		   : inv		   ? " != "
		   : binop		   ? " == "
					   : " ");
	set_or_name(&b, t, set, name, key, n);
	if (dreg == NFT_REG_VERDICT || dreg == ~0u) {
		TX_EMIT(t, &b);
		return;
	}
	left = tx_keep(t, &b);
	r = tx_load(t, dreg, set && set->data_len && set->data_len <= VAL_LEN ? set->data_len : 4);
	if (!r) {
		tx_emit(t, left);
		tx_forget(t);
		return;
	}
	r->text = left;
	r->src = SRC_MAP;
	r->type = set && set->data_type <= TYPE_MASK ? dtype_of_set(set->data_type) : DT_RAW;
}

void text_dynset(struct tx *t, const struct nlattr *data)
{
	static const char *const words[] = { "add", "update", "delete" };
	ATTRS(tb, NFTA_DYNSET_MAX);
	struct treg *key[TREG_WORDS], *r;
	const struct fw_set *set;
	const char *name, *left;
	uint64_t timeout;
	uint32_t op;
	struct tbuf b;
	size_t n;

	attrs_parse(data, &tb);
	name = attr_str(tb.tb[NFTA_DYNSET_SET_NAME]);
	set = name ? fw_set_find(t->snap, t->table, name) : NULL;
	op = attr_be32(tb.tb[NFTA_DYNSET_OP], ~0u);
	n = tx_keys(t, attr_be32(tb.tb[NFTA_DYNSET_SREG_KEY], 0),
		    set && set->key_len ? set->key_len : 1, key, TREG_WORDS);
	left = keys_text(t, key, n);
	b = tx_buf(t);
	tb_fmt(&b, "%s @", op < 3 ? words[op] : "dynset");
	tb_name(&b, name ? name : "?", NFT_NAME_MAXLEN);
	tb_str(&b, " { ");
	tb_str(&b, left);
	timeout = attr_be64(tb.tb[NFTA_DYNSET_TIMEOUT]);
	if (timeout) {
		tb_str(&b, " timeout ");
		time_text(&b, timeout);
	}
	elem_stmts(&b, t, tb.tb[NFTA_DYNSET_EXPR], tb.tb[NFTA_DYNSET_EXPRESSIONS]);
	r = tb.tb[NFTA_DYNSET_SREG_DATA] ? tx_reg(t, attr_be32(tb.tb[NFTA_DYNSET_SREG_DATA], 0))
					 : NULL;
	if (r) {
		tb_str(&b, " : ");
		tb_str(&b, treg_value(t, r, set ? dtype_of_set(set->data_type) : DT_RAW));
	}
	tb_str(&b, " }");
	TX_EMIT(t, &b);
}
