/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The flows that owners.c counts: a hash table of conntrack flows and the ports they use. */
#ifndef EINAT_FLOW_TABLE_H
#define EINAT_FLOW_TABLE_H

#include "src/conntrack.h"

#define FLOW_PORTS 2 /* a flow may use one port by its source and one by its destination */

/* What tells a flow from every other one, earlier flows of the same tuple too. No padding. */
struct flow_key {
	struct net_addr src, dst;
	uint32_t id;
	uint16_t sport, dport, zone;
	uint8_t proto; /* enum einat_proto */
	uint8_t pad;
};

struct flow_use {
	uint16_t port[FLOW_PORTS]; /* host byte order */
	uint8_t n;
};

struct flow_entry {
	struct flow_key key;
	struct flow_use use;
	uint16_t epoch;
	uint32_t next; /* in the bucket or in the list of free entries */
};

struct flow_table {
	struct flow_entry *entry;
	uint32_t *bucket; /* index of the first entry, FLOW_NONE: empty */
	uint32_t n_alloc, n_used; /* entries there are; those that hold a flow */
	uint32_t free; /* first free entry */
	uint32_t mask; /* buckets - 1 */
	uint64_t seed[2]; /* tuples are chosen by strangers: no collisions on order */
};

#define FLOW_NONE UINT32_MAX

void flow_table_init(struct flow_table *t);
void flow_table_fini(struct flow_table *t);
struct flow_entry *flow_table_find(const struct flow_table *t, const struct flow_key *key);
/** flow_table_add() - an entry for @key, which must be absent; NULL: out of memory. */
struct flow_entry *flow_table_add(struct flow_table *t, const struct flow_key *key);
void flow_table_del(struct flow_table *t, const struct flow_key *key);
/** flow_table_at() - entry @i of [0, n_alloc), or NULL if it is free; for walks. */
struct flow_entry *flow_table_at(const struct flow_table *t, uint32_t i);

#endif
