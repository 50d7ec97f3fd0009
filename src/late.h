/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inbound fragments that came before the first one of their datagram (RFC 4787 REQ-14): held for
 * a while, within limits. Only memory and time; who sees and sends is slowpath.c.
 */
#ifndef EINAT_LATE_H
#define EINAT_LATE_H

#include <stdbool.h>
#include <stddef.h>

#include "bpf/abi.h"

/*
 * A 64 KB datagram in reverse order has 44 late fragments at MTU 1500. At a limit the oldest gives
 * way, of the same source or of all: in a flood what is held is young, and reordering in a network
 * is a matter of milliseconds.
 */
#define LATE_MAX	64 /* fragments of one source */
#define LATE_MAX_BYTES	(128 * 1024)
#define LATE_ALL	256 /* of all */
#define LATE_ALL_BYTES	(384 * 1024)
#define LATE_LIFE_MS	2000
#define LATE_PACKET_MAX EVENT_PACKET_MAX

struct late;
struct late *late_new(void); /* NULL: no memory */
void late_free(struct late *l);

/** late_add() - hold a copy of @packet. False: too large, or no memory. */
bool late_add(struct late *l, const struct einat_frag_key *key, const void *packet, size_t len,
	      uint64_t now_ms);

/* Whether the first fragment of @key's datagram has been seen. */
typedef bool (*late_ready_fn)(const struct einat_frag_key *key, void *data);
typedef void (*late_send_fn)(const void *packet, size_t len, void *data);
/** late_release() - send what is ready, in the order it came; drop what is too old. */
void late_release(struct late *l, uint64_t now_ms, late_ready_fn ready, late_send_fn send,
		  void *data);

size_t late_count(const struct late *l);
size_t late_bytes(const struct late *l);

#endif
