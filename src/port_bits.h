/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A set of ports as a bitmap: cheap to fill in any order, then turned into a port_set. */
#ifndef EINAT_PORT_BITS_H
#define EINAT_PORT_BITS_H

#include "lib/ports.h"

#define PORT_BITS_WORDS (65536 / 64)

struct port_bits {
	uint64_t w[PORT_BITS_WORDS]; /* bit port % 64 of word port / 64 */
};

static inline void port_bits_add(struct port_bits *b, uint16_t port)
{
	b->w[port / 64] |= 1ull << port % 64;
}

static inline bool port_bits_has(const struct port_bits *b, unsigned port)
{
	return b->w[port / 64] >> port % 64 & 1;
}

/** port_bits_to_set() - in linear time; what @ret_set held is released. 0 or -ENOMEM. */
int port_bits_to_set(const struct port_bits *b, struct port_set *ret_set);

#endif
