/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EINAT_BASE64_H
#define EINAT_BASE64_H

#include <stddef.h>
#include <stdint.h>

/** base64_encode() - @len bytes as text (RFC 4648 section 4, with padding), malloc'd; NULL: no
 * memory. */
char *base64_encode(const uint8_t *data, size_t len);
/**
 * base64_decode() - the bytes of @len characters of text, malloc'd (never NULL on success).
 * Returns 0, -ENOMEM, or -EBADMSG: another character, no padding, or bits behind the end.
 */
int base64_decode(const char *text, size_t len, uint8_t **ret_data, size_t *ret_len);

#endif
