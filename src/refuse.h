/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The answer to a flow that finds no port: ICMP destination unreachable, code 13 (RFC 5508 REQ-8),
 * rate-limited as RFC 1812 section 4.3.2.8 asks.
 */
#ifndef EINAT_REFUSE_H
#define EINAT_REFUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REFUSE_RATE_ALL	   10 /* messages a second, and at most so many at once */
#define REFUSE_RATE_SOURCE 2 /* the same for one internal host */
#define REFUSE_SOURCES	   256 /* hosts whose rate is known; another one takes the longest unused */

struct refuse_bucket {
	uint32_t addr; /* network byte order */
	uint32_t milli; /* thousandths of a message that may be sent now */
	uint64_t at_ms;
};

/* Zeroed: nothing was sent yet. */
struct refuse_limit {
	struct refuse_bucket all;
	struct refuse_bucket source[REFUSE_SOURCES];
};

/** refuse_allowed() - may a message be sent to @addr (network byte order) now? Then it counts. */
bool refuse_allowed(struct refuse_limit *r, uint32_t addr, uint64_t now_ms);

#define REFUSE_MAX (8 + 60 + 8) /* the longest message: ICMP header, IP header, 8 bytes */

/**
 * refuse_build() - the ICMP message about @packet (IPv4 header and what follows, @len bytes in
 * all) as it came from the host: the TTL that forwarding took is given back if @forwarded.
 * @ret_to: its receiver, network byte order. Returns the length of the message, or 0 if none may be
 * sent about such a packet (RFC 1122 section 3.2.2).
 */
size_t refuse_build(const void *packet, size_t len, bool forwarded, uint8_t ret_msg[REFUSE_MAX],
		    uint32_t *ret_to);

#endif
