/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of 16-bit ports (or ICMP query identifiers) as sorted ranges, host byte order. */
#ifndef EINAT_PORTS_H
#define EINAT_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct port_range {
	uint16_t lo, hi; /* inclusive */
};

/* Sorted, disjoint, not adjacent. Zero-initialised is empty; port_set_free() releases it. */
struct port_set {
	struct port_range *r;
	size_t n;
};

int port_set_add(struct port_set *s, uint16_t lo, uint16_t hi); /* 0 or -ENOMEM */
int port_set_del(struct port_set *s, uint16_t lo, uint16_t hi);
int port_set_copy(struct port_set *dst, const struct port_set *src); /* dst is replaced */
int port_set_union(struct port_set *dst, const struct port_set *src);
int port_set_subtract(struct port_set *dst, const struct port_set *src);
bool port_set_contains(const struct port_set *s, uint16_t port);
bool port_set_overlaps(const struct port_set *s, uint16_t lo, uint16_t hi);
bool port_set_eq(const struct port_set *a, const struct port_set *b);
unsigned port_set_count(const struct port_set *s);
/** port_set_gaps() - what is left of 1..65535, cut at 1024 so that no gap mixes port classes. */
int port_set_gaps(const struct port_set *s, struct port_set *ret_gaps);
/**
 * port_set_parse() - "20000-29999,40000" into @ret_set (must be empty).
 * Returns 0, -EINVAL (malformed), -ERANGE (lo > hi, 0 or above 65535), -EEXIST (overlap).
 */
int port_set_parse(const char *s, struct port_set *ret_set);
char *port_set_format(const struct port_set *s); /* malloc'd "a-b,c", or NULL */
void port_set_free(struct port_set *s);

#endif
