// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const uint8_t *data, size_t len)
{
	char *text = malloc((len + 2) / 3 * 4 + 1), *p = text;

	if (!text)
		return NULL;
	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t v = (uint32_t)data[i] << 16;

		v |= n > 1 ? (uint32_t)data[i + 1] << 8 : 0;
		v |= n > 2 ? data[i + 2] : 0;
		*p++ = digits[v >> 18];
		*p++ = digits[v >> 12 & 63];
		*p++ = n > 1 ? digits[v >> 6 & 63] : '=';
		*p++ = n > 2 ? digits[v & 63] : '=';
	}
	*p = '\0';
	return text;
}

static void fill(uint8_t value[256])
{
	memset(value, 0xff, 256);
	for (uint8_t i = 0; i < 64; i++)
		value[(uint8_t)digits[i]] = i;
}

int base64_decode(const char *text, size_t len, uint8_t **ret_data, size_t *ret_len)
{
	size_t pad = !len ? 0 : len < 4 || text[len - 1] != '=' ? 0 : text[len - 2] == '=' ? 2 : 1;
	uint8_t value[256], *data, *p;

	if (len % 4)
		return -EBADMSG;
	p = data = malloc(len / 4 * 3 + 1);
	if (!data)
		return -ENOMEM;
	fill(value);
	for (size_t i = 0; i < len; i += 4) {
		size_t n = i + 4 < len ? 4 : 4 - pad;
		uint32_t v = 0;
		uint8_t bad = 0;

		for (size_t j = 0; j < n; j++) {
			uint8_t d = value[(uint8_t)text[i + j]];

			bad |= d & 0x80;
			v |= (uint32_t)(d & 63) << (18 - 6 * j);
		}
		/* what padding leaves over must be zero: one text for the same bytes */
		if (bad || (n < 4 && (v & (n == 3 ? 0xff : 0xffff)))) {
			free(data);
			return -EBADMSG;
		}
		for (size_t j = 0; j < n - 1; j++)
			*p++ = (uint8_t)(v >> (16 - 8 * j));
	}
	*ret_data = data;
	*ret_len = (size_t)(p - data);
	return 0;
}
