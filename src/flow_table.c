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
	/* early in boot there may be no randomness yet: better guessable than blocked */
	if (getrandom(t->seed, sizeof(t->seed), GRND_NONBLOCK) != sizeof(t->seed))
		t->seed[0] = (uintptr_t)t;
}

void flow_table_fini(struct flow_table *t)
{
	free(t->entry);
	free(t->bucket);
}

static uint64_t rotl(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

/* SipHash-1-3, as the kernel's hash tables use it, of a key of fixed length. */
static uint32_t hash(const struct flow_table *t, const struct flow_key *key)
{
	uint64_t v[4] = { t->seed[0] ^ 0x736f6d6570736575ull, t->seed[1] ^ 0x646f72616e646f6dull,
			  t->seed[0] ^ 0x6c7967656e657261ull, t->seed[1] ^ 0x7465646279746573ull };
	uint64_t word[(sizeof(*key) + 7) / 8] = { 0 };

	memcpy(word, key, sizeof(*key));
	for (size_t i = 0; i < sizeof(word) / sizeof(word[0]); i++) {
		v[3] ^= word[i];
		sip_round(v);
		v[0] ^= word[i];
	}
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return (v[0] ^ v[1] ^ v[2] ^ v[3]) & t->mask;
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
