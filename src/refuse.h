/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The answer to a flow that finds no port: ICMP destination unreachable, code 13 (RFC 5508 REQ-8);
 * for IPv6 code 1, into which RFC 7915 section 4.2 translates it. Rate-limited as RFC 1812 section
 * 4.3.2.8 and RFC 4443 section 2.4 (f) ask.
 */
#ifndef EINAT_REFUSE_H
#define EINAT_REFUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/net.h"

#define REFUSE_RATE_ALL	   10 /* messages a second, and at most so many at once */
#define REFUSE_RATE_SOURCE 2 /* the same for one internal host */
#define REFUSE_SOURCES	   256 /* hosts whose rate is known; another one takes the longest unused */

struct refuse_bucket {
	struct net_addr addr;
	uint32_t milli; /* thousandths of a message that may be sent now */
	uint64_t at_ms;
};

/* Zeroed: nothing was sent yet, at the rates of above. */
struct refuse_limit {
	uint32_t rate_all, rate_source; /* other ones, as REFUSE_RATE_; 0: those */
	struct refuse_bucket all;
	struct refuse_bucket source[REFUSE_SOURCES];
};

/** refuse_allowed() - may a message be sent to @addr now? Then it counts. */
bool refuse_allowed(struct refuse_limit *r, const struct net_addr *addr, uint64_t now_ms);

/* The longest message: IPv6 has it fill the least MTU, 1280 bytes with its IP header. */
#define REFUSE_MAX 1240

/**
 * refuse_build() - the ICMP message about @packet (@len bytes from its IP header on) as it came
 * from the host: the TTL or hop limit that forwarding took is given back if @forwarded. Of IPv4 the
 * header and 8 bytes are quoted, of IPv6 what there is room for. The checksum of ICMPv6 is left 0.
 * @ret_to: its receiver. Returns the length of the message, or 0 if none may be sent about such a
 * packet (RFC 1122 section 3.2.2, RFC 4443 section 2.4 (e)).
 */
size_t refuse_build(const void *packet, size_t len, bool forwarded, uint8_t ret_msg[REFUSE_MAX],
		    struct net_addr *ret_to);

/**
 * refuse_unmapped() - makes @msg, which refuse_build() has built about an IPv6 packet, that of
 * NPTv6: the source, or @inwards the destination, has no counterpart. A parameter problem that
 * points to the address if its interface identifier is all zeros or all ones (RFC 6296 section
 * 3.7), destination unreachable otherwise (sections 3.2 and 3.3).
 */
void refuse_unmapped(uint8_t *msg, bool inwards);

#endif
