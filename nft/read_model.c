// SPDX-License-Identifier: GPL-2.0-or-later
/* The snapshot's data structure: building, finding, freeing. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/netfilter.h>

#include "read.h"

static const uint8_t field_len[FW_F_COUNT] = {
	[FW_F_NFPROTO] = 1,  [FW_F_ETHERTYPE] = 2, [FW_F_IIFNAME] = 16,	 [FW_F_OIFNAME] = 16,
	[FW_F_IIF] = 4,	     [FW_F_OIF] = 4,	   [FW_F_SADDR4] = 4,	 [FW_F_DADDR4] = 4,
	[FW_F_SADDR6] = 16,  [FW_F_DADDR6] = 16,   [FW_F_L4PROTO] = 1,	 [FW_F_SPORT] = 2,
	[FW_F_DPORT] = 2,    [FW_F_TCPFLAGS] = 1,  [FW_F_MARK] = 4,	 [FW_F_CTSTATE] = 4,
	[FW_F_CTSTATUS] = 4, [FW_F_CTDIR] = 1,	   [FW_F_SADDRTYPE] = 4, [FW_F_DADDRTYPE] = 4,
	[FW_F_ICMPTYPE] = 1, [FW_F_ICMPCODE] = 1,  [FW_F_PKTTYPE] = 1,	 [FW_F_CTMARK] = 4,
	[FW_F_IPHEAD] = 1,   [FW_F_FRAG4] = 2,	   [FW_F_BACK] = 4,	 [FW_F_BACKIF] = 4,
	[FW_F_MSS] = 2,
};

size_t fw_field_len(enum fw_field f)
{
	return field_len[f];
}

/* Capacity is the power of two at or above n: it need not be stored. */
int fw_grow(void *arr, size_t n, size_t size)
{
	void *p;

	if (n & (n - 1))
		return 0;
	memcpy(&p, arr, sizeof(p));
	p = reallocarray(p, n ? n * 2 : 1, size);
	if (!p)
		return -ENOMEM;
	memcpy(arr, &p, sizeof(p));
	return 0;
}

struct fw_table *fw_table_add(struct fw_snapshot *s, int family, const char *name)
{
	struct fw_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->family = family;
	t->index = (unsigned)s->n_tables;
	t->name = strdup(name);
	if (!t->name || fw_grow(&s->tables, s->n_tables, sizeof(*s->tables))) {
		free(t->name);
		free(t);
		return NULL;
	}
	return s->tables[s->n_tables++] = t;
}

struct fw_chain *fw_chain_add(struct fw_snapshot *s, const struct fw_table *t, const char *name)
{
	struct fw_chain *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->table = t;
	c->name = strdup(name);
	if (!c->name || fw_grow(&s->chains, s->n_chains, sizeof(*s->chains))) {
		free(c->name);
		free(c);
		return NULL;
	}
	return s->chains[s->n_chains++] = c;
}

struct fw_rule *fw_rule_add(struct fw_chain *c, uint64_t handle)
{
	struct fw_rule *r;

	if (fw_grow(&c->rules, c->n_rules, sizeof(*c->rules)))
		return NULL;
	r = &c->rules[c->n_rules++];
	memset(r, 0, sizeof(*r));
	r->chain = c;
	r->handle = handle;
	return r;
}

struct fw_op *fw_op_add(struct fw_rule *r, enum fw_kind kind)
{
	struct fw_op *op;

	if (fw_grow(&r->ops, r->n_ops, sizeof(*r->ops)))
		return NULL;
	op = &r->ops[r->n_ops++];
	memset(op, 0, sizeof(*op));
	op->kind = kind;
	return op;
}

int fw_maybe(struct fw_rule *r)
{
	return fw_perhaps(r, FW_F_UNKNOWN, false);
}

int fw_perhaps(struct fw_rule *r, enum fw_field f, bool both)
{
	struct fw_op *op = fw_op_add(r, FW_MAYBE);

	if (!op)
		return -ENOMEM;
	op->perhaps = (struct fw_perhaps){ .field = f, .both = both };
	return 0;
}

int fw_perhaps_usually(struct fw_rule *r, int usual)
{
	struct fw_op *op = fw_op_add(r, FW_MAYBE);

	if (!op)
		return -ENOMEM;
	op->perhaps.usual = usual;
	return 0;
}

struct fw_match *fw_match_add(struct fw_rule *r, enum fw_field f, bool neg)
{
	struct fw_op *op = fw_op_add(r, FW_MATCH);

	if (!op)
		return NULL;
	op->match.field = f;
	op->match.neg = neg;
	memset(op->match.mask, 0xff, field_len[f]);
	return &op->match;
}

int fw_match_range(struct fw_match *m, const void *lo, const void *hi)
{
	size_t len = field_len[m->field];

	if (fw_grow(&m->r, m->n, sizeof(*m->r)))
		return -ENOMEM;
	memset(&m->r[m->n], 0, sizeof(*m->r));
	memcpy(m->r[m->n].lo, lo, len);
	memcpy(m->r[m->n].hi, hi, len);
	m->n++;
	return 0;
}

static void put_be(uint8_t *p, size_t len, uint32_t v)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(v >> (8 * (len - 1 - i)));
}

int fw_match_u32(struct fw_rule *r, enum fw_field f, bool neg, uint32_t mask, uint32_t lo,
		 uint32_t hi)
{
	struct fw_match *m = fw_match_add(r, f, neg);
	uint8_t l[4], h[4];

	if (!m)
		return -ENOMEM;
	put_be(m->mask, field_len[f], mask);
	put_be(l, field_len[f], lo);
	put_be(h, field_len[f], hi);
	return fw_match_range(m, l, h);
}

struct net_addr fw_nat_address(const struct fw_nat *n, bool last)
{
	const uint8_t *bytes = last ? n->addr_hi : n->addr_lo;
	struct net_addr a;
	uint32_t be;

	if (n->family == NFPROTO_IPV4) {
		memcpy(&be, bytes, sizeof(be));
		return net_addr_from4(be);
	}
	memcpy(&a, bytes, sizeof(a));
	return a;
}

struct fw_table *fw_table_find(const struct fw_snapshot *s, int family, const char *name)
{
	for (size_t i = 0; i < s->n_tables; i++)
		if (s->tables[i]->family == family && !s->tables[i]->legacy &&
		    !strcmp(s->tables[i]->name, name))
			return s->tables[i];
	return NULL;
}

static int place_cmp(const struct fw_table *t, const char *name, const struct fw_table *u,
		     const char *other)
{
	if (t != u)
		return t->index < u->index ? -1 : 1;
	return strcmp(name, other);
}

static int chain_order(const void *a, const void *b)
{
	const struct fw_chain *const *x = a, *const *y = b;

	return place_cmp((*x)->table, (*x)->name, (*y)->table, (*y)->name);
}

static int set_order(const void *a, const void *b)
{
	const struct fw_set *const *x = a, *const *y = b;

	return place_cmp((*x)->table, (*x)->name, (*y)->table, (*y)->name);
}

void fw_chains_sort(struct fw_snapshot *s)
{
	if (s->n_chains)
		qsort(s->chains, s->n_chains, sizeof(*s->chains), chain_order);
}

void fw_sets_sort(struct fw_snapshot *s)
{
	if (s->n_sets)
		qsort(s->sets, s->n_sets, sizeof(*s->sets), set_order);
}

struct fw_chain *fw_chain_find(const struct fw_snapshot *s, const struct fw_table *t,
			       const char *name)
{
	size_t lo = 0, hi = s->n_chains;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		struct fw_chain *c = s->chains[mid];
		int cmp = place_cmp(t, name, c->table, c->name);

		if (!cmp)
			return c;
		if (cmp < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

struct fw_set *fw_set_find(const struct fw_snapshot *s, const struct fw_table *t, const char *name)
{
	size_t lo = 0, hi = s->n_sets;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		struct fw_set *set = s->sets[mid];
		int cmp = place_cmp(t, name, set->table, set->name);

		if (!cmp)
			return set;
		if (cmp < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

#define CHUNK_MIN 65536

/* Chunks hold many small pieces: a set's keys are too many for a malloc() each. */
struct fw_chunk {
	struct fw_chunk *next;
	size_t used, size;
	uint8_t data[] __attribute__((aligned(16)));
};

void *fw_alloc(struct fw_snapshot *s, size_t len)
{
	struct fw_chunk *k = s->chunks;
	size_t size = len > CHUNK_MIN ? len : CHUNK_MIN;

	len = (len + 7) & ~(size_t)7;
	if (!k || k->size - k->used < len) {
		size = (size + 7) & ~(size_t)7;
		k = calloc(1, sizeof(*k) + size);
		if (!k)
			return NULL;
		k->next = s->chunks;
		k->size = size;
		s->chunks = k;
	}
	k->used += len;
	return k->data + k->used - len;
}

static void names_free(char **names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

static void chain_free(struct fw_chain *c)
{
	for (size_t i = 0; i < c->n_rules; i++) {
		for (size_t j = 0; j < c->rules[i].n_ops; j++)
			if (c->rules[i].ops[j].kind == FW_MATCH)
				free(c->rules[i].ops[j].match.r);
		free(c->rules[i].ops);
	}
	names_free(c->dev, c->n_dev);
	free(c->rules);
	free(c->name);
	free(c);
}

static void set_free(struct fw_set *set)
{
	free(set->elems);
	free(set->name);
	free(set);
}

void fw_snapshot_free(struct fw_snapshot *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_chains; i++)
		chain_free(s->chains[i]);
	for (size_t i = 0; i < s->n_sets; i++)
		set_free(s->sets[i]);
	for (size_t i = 0; i < s->n_objects; i++)
		free(s->objects[i].name);
	for (size_t i = 0; i < s->n_flowtables; i++) {
		free(s->flowtables[i].name);
		names_free(s->flowtables[i].dev, s->flowtables[i].n_dev);
	}
	for (size_t i = 0; i < s->n_tables; i++) {
		free(s->tables[i]->name);
		free(s->tables[i]);
	}
	while (s->chunks) {
		struct fw_chunk *next = s->chunks->next;

		free(s->chunks);
		s->chunks = next;
	}
	free(s->chains);
	free(s->sets);
	free(s->objects);
	free(s->flowtables);
	free(s->tables);
	free(s->links);
	capture_free(s->own);
	free(s);
}
