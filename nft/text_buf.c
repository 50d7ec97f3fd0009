// SPDX-License-Identifier: GPL-2.0-or-later
/* The text of a rule: a growing string with a limit. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text_int.h"

void tb_add(struct tbuf *b, const char *s, size_t n)
{
	size_t room = b->max - b->n;
	char *p;

	if (b->cut || b->nomem)
		return;
	if (n > room) {
		n = room;
		b->cut = true;
	}
	p = realloc(b->s, b->n + n + 1);
	if (!p) {
		b->nomem = true;
		return;
	}
	memcpy(p + b->n, s, n);
	b->n += n;
	p[b->n] = '\0';
	b->s = p;
}

void tb_str(struct tbuf *b, const char *s)
{
	tb_add(b, s, strlen(s));
}

void tb_fmt(struct tbuf *b, const char *fmt, ...)
{
	char line[512], *all;
	va_list ap;
	int n;

	if (b->cut || b->nomem)
		return;
	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n < sizeof(line)) {
		tb_add(b, line, n < 0 ? 0 : (size_t)n);
		return;
	}
	va_start(ap, fmt);
	n = vasprintf(&all, fmt, ap);
	va_end(ap);
	if (n < 0) {
		b->nomem = true;
		return;
	}
	tb_add(b, all, (size_t)n);
	free(all);
}

/* Bytes of one printable character at @s: ASCII, or UTF-8 above the control characters. */
static size_t printable(const uint8_t *s, size_t n)
{
	static const struct {
		uint8_t mask, lead;
		uint32_t least;
	} form[] = { { 0xe0, 0xc0, 0xa0 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 } };
	uint32_t c;

	if (*s < 0x80)
		return *s >= 0x20 && *s != 0x7f;
	for (size_t len = 2; len <= 4 && len <= n; len++) {
		if ((*s & form[len - 2].mask) != form[len - 2].lead)
			continue;
		c = *s & (uint8_t)~form[len - 2].mask;
		for (size_t i = 1; i < len; i++) {
			if ((s[i] & 0xc0) != 0x80)
				return 0;
			c = c << 6 | (s[i] & 0x3f);
		}
		/* surrogates, and what turns the direction or the line */
		if (c < form[len - 2].least || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ||
		    (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069))
			return 0;
		return len;
	}
	return 0;
}

static void add_clean(struct tbuf *b, const char *s, size_t n, bool esc)
{
	for (size_t i = 0; i < n && s[i] && !b->cut;) {
		size_t len = printable((const uint8_t *)s + i, n - i);

		if (!len) {
			tb_fmt(b, "\\x%02x", (uint8_t)s[i++]);
			continue;
		}
		if (esc && (s[i] == '"' || s[i] == '\\'))
			tb_add(b, "\\", 1);
		tb_add(b, s + i, len);
		i += len;
	}
}

void tb_name(struct tbuf *b, const char *s, size_t n)
{
	add_clean(b, s, n, false);
}

void tb_quoted(struct tbuf *b, const char *s, size_t n, bool esc)
{
	tb_str(b, "\"");
	add_clean(b, s, n, esc);
	tb_str(b, "\"");
}

void tb_addr(struct tbuf *b, const void *addr, size_t len)
{
	char buf[INET6_ADDRSTRLEN];

	if (inet_ntop(len == 4 ? AF_INET : AF_INET6, addr, buf, sizeof(buf)))
		tb_str(b, buf);
}

int prefix_len(const uint8_t *mask, size_t len)
{
	size_t n = 0;

	while (n < len * 8 && (mask[n / 8] & 0x80 >> n % 8))
		n++;
	for (size_t i = n; i < len * 8; i++)
		if (mask[i / 8] & 0x80 >> i % 8)
			return -1;
	return (int)n;
}
