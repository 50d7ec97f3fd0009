// SPDX-License-Identifier: GPL-2.0-or-later
/* Sets and maps: declarations, elements, and the pairing of interval ends. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "read.h"
#include "read_attr.h"

#define KEY_MAX 64 /* NFT_DATA_VALUE_MAXLEN */

int fw_set_parse(struct fw_snapshot *s, const struct nlmsghdr *nlh)
{
	const struct nfgenmsg *g = mnl_nlmsg_get_payload(nlh);
	ATTRS(tb, NFTA_SET_MAX);
	const char *table, *name;
	const struct fw_table *t;
	struct fw_set *set;

	attrs_parse_msg(nlh, &tb);
	table = attr_str(tb.tb[NFTA_SET_TABLE]);
	name = attr_str(tb.tb[NFTA_SET_NAME]);
	t = table ? fw_table_find(s, g->nfgen_family, table) : NULL;
	if (!t || !name)
		return 0;
	if (fw_grow(&s->sets, s->n_sets, sizeof(*s->sets)))
		return -ENOMEM;
	set = calloc(1, sizeof(*set));
	if (!set)
		return -ENOMEM;
	set->table = t;
	set->name = strdup(name);
	if (!set->name) {
		free(set);
		return -ENOMEM;
	}
	set->flags = attr_be32(tb.tb[NFTA_SET_FLAGS], 0);
	set->key_len = attr_be32(tb.tb[NFTA_SET_KEY_LEN], 0);
	set->key_type = attr_be32(tb.tb[NFTA_SET_KEY_TYPE], 0);
	set->handle = attr_be64(tb.tb[NFTA_SET_HANDLE]);
	set->raw = nlh;
	set->raw_len = nlh->nlmsg_len;
	set->vmap = (set->flags & NFT_SET_MAP) &&
		    attr_be32(tb.tb[NFTA_SET_DATA_TYPE], 0) == NFT_DATA_VERDICT;
	if (set->key_len > KEY_MAX)
		set->key_len = 0; /* not understood: its look-ups can be anything */
	if ((set->flags & NFT_SET_MAP) && !set->vmap) {
		set->data_type = attr_be32(tb.tb[NFTA_SET_DATA_TYPE], 0);
		set->data_len = attr_be32(tb.tb[NFTA_SET_DATA_LEN], 0);
		if (set->data_len > KEY_MAX)
			set->data_len = 0;
	}
	s->sets[s->n_sets++] = set;
	return 0;
}

void fw_verdict_parse(const struct fw_snapshot *s, const struct fw_table *t,
		      const struct nlattr *attr, struct fw_verdict *ret_verdict)
{
	ATTRS(tb, NFTA_VERDICT_MAX);
	struct fw_verdict v = { .code = FW_QUEUE };
	const char *chain;
	int code;

	attrs_parse(attr, &tb);
	code = (int)attr_be32(tb.tb[NFTA_VERDICT_CODE], NF_QUEUE);
	chain = attr_str(tb.tb[NFTA_VERDICT_CHAIN]);
	if (code == NFT_JUMP || code == NFT_GOTO) {
		v.code = code == NFT_JUMP ? FW_JUMP : FW_GOTO;
		v.chain = chain ? fw_chain_find(s, t, chain) : NULL;
	} else if (code == NFT_RETURN) {
		v.code = FW_RETURN;
	} else if (code == NFT_CONTINUE || code == NFT_BREAK) {
		v.code = FW_CONTINUE;
	} else if ((code & NF_VERDICT_MASK) == NF_ACCEPT) {
		v.code = FW_ACCEPT;
	} else if ((code & NF_VERDICT_MASK) == NF_DROP) {
		v.code = FW_DROP;
	}
	*ret_verdict = v;
}

/* Key bytes of a nested NFTA_DATA_VALUE into @buf, exactly @len of them. */
static bool key_bytes(const struct nlattr *attr, uint8_t *buf, size_t len)
{
	ATTRS(tb, NFTA_DATA_MAX);

	attrs_parse(attr, &tb);
	if (!tb.tb[NFTA_DATA_VALUE] || mnl_attr_get_payload_len(tb.tb[NFTA_DATA_VALUE]) != len)
		return false;
	memcpy(buf, mnl_attr_get_payload(tb.tb[NFTA_DATA_VALUE]), len);
	return true;
}

static bool is_condition(const struct nlattr *expr)
{
	ATTRS(tb, NFTA_EXPR_MAX);
	const char *name;

	attrs_parse(expr, &tb);
	name = attr_str(tb.tb[NFTA_EXPR_NAME]);
	return !name || (strcmp(name, "counter") && strcmp(name, "last"));
}

/* An element with a limit or a quota of its own is found only within it. */
static bool has_condition(const struct nlattr *expr, const struct nlattr *list)
{
	const struct nlattr *attr;

	if (expr && is_condition(expr))
		return true;
	if (list)
		mnl_attr_for_each_nested (attr, list)
			if (is_condition(attr))
				return true;
	return false;
}

/* Ends of intervals are elements of their own; concatenations have both keys in one. */
static bool has_ends(const struct fw_set *set)
{
	return (set->flags & NFT_SET_INTERVAL) && !(set->flags & NFT_SET_CONCAT);
}

/* An interval's end is kept as an element without @hi until fw_set_finish(). */
static int elem_parse(struct fw_snapshot *s, struct fw_set *set, const struct nlattr *attr)
{
	ATTRS(tb, NFTA_SET_ELEM_MAX);
	ATTRS(data, NFTA_DATA_MAX);
	uint32_t flags;
	struct fw_elem *e;
	uint8_t *key;

	attrs_parse(attr, &tb);
	flags = attr_be32(tb.tb[NFTA_SET_ELEM_FLAGS], 0);
	if (fw_grow(&set->elems, set->n_elems, sizeof(*set->elems)))
		return -ENOMEM;
	key = fw_alloc(s, 2 * set->key_len + set->data_len);
	if (!key)
		return -ENOMEM;
	e = &set->elems[set->n_elems];
	*e = (struct fw_elem){ .lo = key, .hi = key + set->key_len };
	e->catchall = flags & NFT_SET_ELEM_CATCHALL;
	e->maybe = has_condition(tb.tb[NFTA_SET_ELEM_EXPR], tb.tb[NFTA_SET_ELEM_EXPRESSIONS]);
	if (!e->catchall && !key_bytes(tb.tb[NFTA_SET_ELEM_KEY], e->lo, set->key_len)) {
		/* a key that is not understood stands for every key */
		e->catchall = true;
		e->maybe = true;
	}
	if (!key_bytes(tb.tb[NFTA_SET_ELEM_KEY_END], e->hi, set->key_len))
		memcpy(e->hi, e->lo, set->key_len);
	if (flags & NFT_SET_ELEM_INTERVAL_END) {
		if (has_ends(set))
			e->hi = NULL;
		else /* no kernel has such an end: a damaged capture */
			e->catchall = e->maybe = true;
	}
	attrs_parse(tb.tb[NFTA_SET_ELEM_DATA], &data);
	e->verdict.code = FW_QUEUE;
	if (data.tb[NFTA_DATA_VERDICT])
		fw_verdict_parse(s, set->table, data.tb[NFTA_DATA_VERDICT], &e->verdict);
	e->raw = attr;
	if (set->data_len &&
	    key_bytes(tb.tb[NFTA_SET_ELEM_DATA], key + 2 * set->key_len, set->data_len))
		e->data = key + 2 * set->key_len;
	set->n_elems++;
	return 0;
}

int fw_elems_parse(struct fw_snapshot *s, struct fw_set *set, const struct nlmsghdr *nlh)
{
	ATTRS(tb, NFTA_SET_ELEM_LIST_MAX);
	const struct nlattr *attr;
	int ret;

	attrs_parse_msg(nlh, &tb);
	if (!tb.tb[NFTA_SET_ELEM_LIST_ELEMENTS])
		return 0;
	mnl_attr_for_each_nested (attr, tb.tb[NFTA_SET_ELEM_LIST_ELEMENTS]) {
		ret = elem_parse(s, set, attr);
		if (ret)
			return ret;
	}
	return 0;
}

/* Ends sort before starts of the same key: intervals may touch. */
static int elem_order(const void *a, const void *b, void *len)
{
	const struct fw_elem *x = a, *y = b;
	int c;

	if (x->catchall != y->catchall)
		return x->catchall - y->catchall;
	c = memcmp(x->lo, y->lo, *(const uint32_t *)len);
	return c ? c : (x->hi != NULL) - (y->hi != NULL);
}

static void decrement(uint8_t *p, size_t len)
{
	while (len-- && p[len]-- == 0)
		;
}

int fw_set_finish(struct fw_set *set)
{
	size_t n = 0;

	if (!has_ends(set))
		return 0;
	if (set->n_elems)
		qsort_r(set->elems, set->n_elems, sizeof(*set->elems), elem_order, &set->key_len);
	for (size_t i = 0; i < set->n_elems; i++) {
		struct fw_elem *e = &set->elems[i];
		bool last = i + 1 == set->n_elems || e[1].catchall;

		if (!e->hi || e->catchall)
			continue;
		if (memcmp(e->hi, e->lo, set->key_len)) /* has a closing key of its own */
			continue;
		if (last) {
			memset(e->hi, 0xff, set->key_len);
		} else if (memcmp(e[1].lo, e->lo, set->key_len)) {
			memcpy(e->hi, e[1].lo, set->key_len);
			decrement(e->hi, set->key_len);
		}
	}
	for (size_t i = 0; i < set->n_elems; i++)
		if (set->elems[i].hi || set->elems[i].catchall)
			set->elems[n++] = set->elems[i];
	set->n_elems = n;
	return 0;
}
