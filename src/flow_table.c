// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "src/flow_table.h"

#define FIRST_SIZE 64u /* power of two */
#define MAX_SIZE   (1u << 30)
#define FREE_PROTO 0xff /* key.proto of a free entry */

_Static_assert(sizeof(struct flow_key) == 44, "flow_key is hashed and compared as bytes");

void flow_table_init(struct flow_table *t)
{
	memset(t, 0, sizeof(*t));
	t->free = FLOW_NONE;
	if (getrandom(&t->seed, sizeof(t->seed), GRND_NONBLOCK) != sizeof(t->seed))
		t->seed = (uintptr_t)t * 0x9e3779b97f4a7c15ull;
}

void flow_table_fini(struct flow_table *t)
{
	free(t->entry);
	free(t->bucket);
}

static uint64_t mix(uint64_t h, uint64_t word)
{
	unsigned __int128 p = (unsigned __int128)(h ^ word) * 0x9e3779b97f4a7c15ull;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static uint32_t hash(const struct flow_table *t, const struct flow_key *key)
{
	uint64_t word[(sizeof(*key) + 7) / 8] = { 0 }, h = t->seed;

	memcpy(word, key, sizeof(*key));
	for (size_t i = 0; i < sizeof(word) / sizeof(word[0]); i++)
		h = mix(h, word[i] + t->seed);
	return h & t->mask;
}

/* Twice the room. On failure the table is as it was. */
static bool grow(struct flow_table *t)
{
	uint32_t size = t->n_alloc ? t->n_alloc * 2 : FIRST_SIZE;
	struct flow_entry *entry;
	uint32_t *bucket;

	if (size > MAX_SIZE)
		return false;
	bucket = malloc(size * sizeof(*bucket));
	entry = realloc(t->entry, size * sizeof(*entry));
	if (entry)
		t->entry = entry; /* the old one is gone, even if bucket failed */
	if (!bucket || !entry) {
		free(bucket);
		return false;
	}
	free(t->bucket);
	t->bucket = bucket;
	t->mask = size - 1;
	memset(bucket, 0xff, size * sizeof(*bucket)); /* FLOW_NONE */
	/* it grows only when full: all old entries hold a flow, all new ones are free */
	for (uint32_t i = 0; i < size; i++) {
		uint32_t *head = &t->free;

		if (i < t->n_alloc)
			head = &t->bucket[hash(t, &entry[i].key)];
		else
			entry[i].key.proto = FREE_PROTO;
		entry[i].next = *head;
		*head = i;
	}
	t->n_alloc = size;
	return true;
}

struct flow_entry *flow_table_find(const struct flow_table *t, const struct flow_key *key)
{
	uint32_t i = t->n_alloc ? t->bucket[hash(t, key)] : FLOW_NONE;

	while (i != FLOW_NONE && memcmp(&t->entry[i].key, key, sizeof(*key)))
		i = t->entry[i].next;
	return i == FLOW_NONE ? NULL : &t->entry[i];
}

struct flow_entry *flow_table_add(struct flow_table *t, const struct flow_key *key)
{
	struct flow_entry *e;
	uint32_t i, *head;

	if (t->free == FLOW_NONE && !grow(t))
		return NULL;
	i = t->free;
	e = &t->entry[i];
	t->free = e->next;
	head = &t->bucket[hash(t, key)];
	memset(e, 0, sizeof(*e));
	e->key = *key;
	e->next = *head;
	*head = i;
	t->n_used++;
	return e;
}

void flow_table_del(struct flow_table *t, const struct flow_key *key)
{
	uint32_t *link, i;

	if (!t->n_alloc)
		return;
	link = &t->bucket[hash(t, key)];
	while (*link != FLOW_NONE && memcmp(&t->entry[*link].key, key, sizeof(*key)))
		link = &t->entry[*link].next;
	i = *link;
	if (i == FLOW_NONE)
		return;
	*link = t->entry[i].next;
	t->entry[i].key.proto = FREE_PROTO;
	t->entry[i].next = t->free;
	t->free = i;
	t->n_used--;
}

struct flow_entry *flow_table_at(const struct flow_table *t, uint32_t i)
{
	return t->entry[i].key.proto == FREE_PROTO ? NULL : &t->entry[i];
}
