/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All of a snapshot as text: two that say the same are the same, wherever their parts lie. */
#ifndef EINAT_TEST_SNAPSHOT_TEXT_H
#define EINAT_TEST_SNAPSHOT_TEXT_H

#include <stdio.h>
#include <stdlib.h>

#include "nft/read.h"

static inline void put_bytes(FILE *f, const void *data, size_t len)
{
	for (size_t i = 0; data && i < len; i++)
		fprintf(f, "%02x", ((const uint8_t *)data)[i]);
	fputs(data ? " " : "- ", f);
}

static inline void put_verdict(FILE *f, const struct fw_verdict *v)
{
	fprintf(f, "verdict %d %s ", v->code, v->chain ? v->chain->name : "-");
}

static inline void put_match(FILE *f, const struct fw_match *m)
{
	fprintf(f, "field %d neg %d ", m->field, m->neg);
	put_bytes(f, m->mask, fw_field_len(m->field));
	for (size_t i = 0; i < m->n; i++) {
		put_bytes(f, m->r[i].lo, fw_field_len(m->field));
		put_bytes(f, m->r[i].hi, fw_field_len(m->field));
	}
}

static inline void put_lookup(FILE *f, const struct fw_lookup *l)
{
	fprintf(f, "set %s neg %d vmap %d ", l->set ? l->set->name : "-", l->neg, l->vmap);
	for (size_t i = 0; i < l->n_sel; i++) {
		fprintf(f, "%d %d %u+%u %u ", l->sel[i].field, l->sel[i].host, l->sel[i].key_off,
			l->sel[i].len, l->sel[i].off);
		put_bytes(f, l->sel[i].mask, fw_field_len(l->sel[i].field));
	}
}

static inline void put_op(FILE *f, const struct fw_op *op)
{
	fprintf(f, "  op %d ", op->kind);
	switch (op->kind) {
	case FW_MATCH:
		put_match(f, &op->match);
		break;
	case FW_LOOKUP:
		put_lookup(f, &op->lookup);
		break;
	case FW_VERDICT:
		put_verdict(f, &op->verdict);
		break;
	case FW_SETMARK:
		fprintf(f, "%x %x %x", op->setmark.keep, op->setmark.xor, op->setmark.unknown);
		break;
	case FW_SNAT:
	case FW_DNAT:
	case FW_REDIRECT:
	case FW_NETMAP:
		fprintf(f, "%u-%u %d %d %d ", op->nat.port_lo, op->nat.port_hi, op->nat.port_any,
			op->nat.masquerade, op->nat.family);
		put_bytes(f, op->nat.addr_lo, 16);
		put_bytes(f, op->nat.addr_hi, 16);
		break;
	default:
		break;
	}
	fputc('\n', f);
}

static inline void put_chain(FILE *f, const struct fw_chain *c)
{
	fprintf(f, "chain %u %s hook %d prio %d nat %d drop %d offload %d handle %llu",
		c->table->index, c->name, c->hook, c->priority, c->nat, c->policy_drop, c->offload,
		(unsigned long long)c->handle);
	for (size_t i = 0; i < c->n_dev; i++)
		fprintf(f, " %s", c->dev[i]);
	fputc('\n', f);
	for (size_t i = 0; i < c->n_rules; i++) {
		const struct fw_rule *r = &c->rules[i];

		fprintf(f, " rule %llu \"%s\" ", (unsigned long long)r->handle,
			r->comment ? r->comment : "");
		put_bytes(f, r->raw, r->raw_len);
		fputc('\n', f);
		for (size_t j = 0; j < r->n_ops; j++)
			put_op(f, &r->ops[j]);
	}
}

static inline void put_set(FILE *f, const struct fw_set *s)
{
	fprintf(f, "set %u %s flags %x key %u/%x data %u/%x vmap %d handle %llu\n", s->table->index,
		s->name, s->flags, s->key_len, s->key_type, s->data_len, s->data_type, s->vmap,
		(unsigned long long)s->handle);
	for (size_t i = 0; i < s->n_elems; i++) {
		const struct fw_elem *e = &s->elems[i];

		fprintf(f, " elem %d %d ", e->catchall, e->maybe);
		put_bytes(f, e->lo, s->key_len);
		put_bytes(f, e->hi, s->key_len);
		put_bytes(f, e->data, s->data_len);
		put_verdict(f, &e->verdict);
		fputc('\n', f);
	}
}

/* malloc'd */
static inline char *snapshot_text(const struct fw_snapshot *s)
{
	size_t len;
	char *text;
	FILE *f = open_memstream(&text, &len);

	for (size_t i = 0; i < s->n_tables; i++) {
		const struct fw_table *t = s->tables[i];

		fprintf(f, "table %u %d %s legacy %d dormant %d owned %d handle %llu\n", t->index,
			t->family, t->name, t->legacy, t->dormant, t->owned,
			(unsigned long long)t->handle);
	}
	for (size_t i = 0; i < s->n_chains; i++)
		put_chain(f, s->chains[i]);
	for (size_t i = 0; i < s->n_sets; i++)
		put_set(f, s->sets[i]);
	for (size_t i = 0; i < s->n_objects; i++)
		fprintf(f, "object %u %s %u %llu\n", s->objects[i].table->index, s->objects[i].name,
			s->objects[i].type, (unsigned long long)s->objects[i].handle);
	for (size_t i = 0; i < s->n_flowtables; i++) {
		const struct fw_flowtable *t = &s->flowtables[i];

		fprintf(f, "flowtable %u %s prio %d offload %d", t->table->index, t->name,
			t->priority, t->offload);
		for (size_t j = 0; j < t->n_dev; j++)
			fprintf(f, " %s", t->dev[j]);
		fputc('\n', f);
	}
	for (size_t i = 0; i < s->n_links; i++)
		fprintf(f, "link %d %s\n", s->links[i].ifindex, s->links[i].name);
	fclose(f);
	return text;
}

#endif
