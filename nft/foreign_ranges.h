/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of 32-bit numbers (IPv4 addresses, ports) as sorted ranges. */
#ifndef EINAT_NFT_FOREIGN_RANGES_H
#define EINAT_NFT_FOREIGN_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/net.h"
#include "lib/ports.h"

struct rrange {
	uint32_t lo, hi; /* inclusive, host byte order */
};

/* Sorted, disjoint, not adjacent once rset_sort() ran. Zero-initialised is empty. */
struct rset {
	struct rrange *r;
	size_t n;
};

int rset_push(struct rset *s, uint32_t lo, uint32_t hi); /* at the end, unsorted */
void rset_sort(struct rset *s);
int rset_copy(struct rset *dst, const struct rset *src); /* dst is replaced */
int rset_union(struct rset *dst, const struct rset *src);
int rset_intersect(struct rset *dst, const struct rset *src);
int rset_subtract(struct rset *dst, const struct rset *src);
bool rset_eq(const struct rset *a, const struct rset *b);
bool rset_is(const struct rset *s, uint32_t lo, uint32_t hi); /* exactly this one range */
void rset_free(struct rset *s);
int rset_to_prefixes(const struct rset *s, struct net_list *ret_list); /* IPv4, appended */
int rset_to_ports(const struct rset *s, struct port_set *ret_ports); /* added */

#endif
