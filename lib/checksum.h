/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The Internet checksum: RFC 1071, and its incremental update, RFC 1624. */
#ifndef EINAT_CHECKSUM_H
#define EINAT_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/**
 * checksum_sum() - one's complement sum of @n bytes as 16-bit words of network byte order, a last
 * odd byte padded with zero. 0xffff for what carries its own correct checksum.
 */
uint16_t checksum_sum(const void *data, size_t n);

/** checksum_of() - the checksum of @n bytes in network byte order, to be stored as it is. */
uint16_t checksum_of(const void *data, size_t n);

/**
 * checksum_update() - the checksum at @field, two bytes anywhere, after @n covered bytes (an even
 * number, at an even offset of what is covered) have changed from @before to @after. A wrong
 * checksum stays as wrong as it was. RFC 1624 equation 3.
 */
void checksum_update(void *field, const void *before, const void *after, size_t n);

#endif
