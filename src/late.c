// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "src/late.h"

struct held {
	TAILQ_ENTRY(held) link;
	struct einat_frag_key key;
	uint64_t until_ms;
	size_t len;
	unsigned char packet[];
};

TAILQ_HEAD(held_list, held);

struct late {
	struct held_list list; /* the oldest first */
	size_t n, bytes;
};

struct late *late_new(void)
{
	struct late *l = calloc(1, sizeof(*l));

	if (l)
		TAILQ_INIT(&l->list);
	return l;
}

static void drop(struct late *l, struct held *h)
{
	TAILQ_REMOVE(&l->list, h, link);
	l->n--;
	l->bytes -= h->len;
	free(h);
}

void late_free(struct late *l)
{
	if (!l)
		return;
	while (!TAILQ_EMPTY(&l->list))
		drop(l, TAILQ_FIRST(&l->list));
	free(l);
}

/* The oldest one of @source that has to give way for @len bytes more, or NULL. */
static struct held *in_the_way(const struct late *l, const struct einat_addr *source, size_t len)
{
	struct held *h, *oldest = NULL;
	size_t n = 0, bytes = 0;

	TAILQ_FOREACH(h, &l->list, link)
	{
		if (memcmp(&h->key.saddr, source, sizeof(*source)))
			continue;
		if (!oldest)
			oldest = h;
		n++;
		bytes += h->len;
	}
	return n >= LATE_MAX || bytes + len > LATE_MAX_BYTES ? oldest : NULL;
}

static void make_room(struct late *l, const struct einat_frag_key *key, size_t len)
{
	struct held *h;

	while ((h = in_the_way(l, &key->saddr, len)))
		drop(l, h);
	while (l->n && (l->n >= LATE_ALL || l->bytes + len > LATE_ALL_BYTES))
		drop(l, TAILQ_FIRST(&l->list));
}

bool late_add(struct late *l, const struct einat_frag_key *key, const void *packet, size_t len,
	      uint64_t now_ms)
{
	struct held *h;

	if (len > LATE_PACKET_MAX)
		return false;
	make_room(l, key, len);
	h = malloc(sizeof(*h) + len);
	if (!h)
		return false;
	h->key = *key;
	h->until_ms = now_ms + LATE_LIFE_MS;
	h->len = len;
	memcpy(h->packet, packet, len);
	TAILQ_INSERT_TAIL(&l->list, h, link);
	l->n++;
	l->bytes += len;
	return true;
}

void late_release(struct late *l, uint64_t now_ms, late_ready_fn ready, late_send_fn send,
		  void *data)
{
	struct held *h, *next;

	for (h = TAILQ_FIRST(&l->list); h; h = next) {
		next = TAILQ_NEXT(h, link);
		if (now_ms >= h->until_ms) {
			drop(l, h);
		} else if (ready(&h->key, data)) {
			send(h->packet, h->len, data);
			drop(l, h);
		}
	}
}

size_t late_count(const struct late *l)
{
	return l->n;
}

size_t late_bytes(const struct late *l)
{
	return l->bytes;
}
