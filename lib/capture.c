// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "lib/capture_priv.h"

struct capture *capture_new(const char *version)
{
	struct capture *c = calloc(1, sizeof(*c));
	struct utsname u;

	if (!c)
		return NULL;
	snprintf(c->source.einat, sizeof(c->source.einat), "%s", version);
	if (!uname(&u))
		snprintf(c->source.kernel, sizeof(c->source.kernel), "%s", u.release);
	c->source.time = time(NULL);
	c->source.big_endian = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
	c->source.word = 8 * sizeof(long);
	return c;
}

static void record_free(struct capture_record *r)
{
	free(r->kind);
	free(r->name);
	free(r->data);
	free(r);
}

void capture_free(struct capture *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++)
		record_free(c->rec[i]);
	free(c->rec);
	free(c);
}

const struct capture_source *capture_source(const struct capture *c)
{
	return &c->source;
}

struct capture_record *capture_add(struct capture *c, const char *kind, const char *name)
{
	struct capture_record *r = calloc(1, sizeof(*r)), **more;

	if (!r)
		return NULL;
	r->kind = strdup(kind);
	r->name = strdup(name);
	more = reallocarray(c->rec, c->n + 1, sizeof(*more));
	if (more)
		c->rec = more;
	if (!more || !r->kind || !r->name) {
		record_free(r);
		return NULL;
	}
	return c->rec[c->n++] = r;
}

int capture_put(struct capture_record *r, const void *data, size_t len)
{
	size_t room = r->room ? r->room : 256;
	uint8_t *more;

	if (!len)
		return 0;
	while (room - r->len < len) {
		if (room > SIZE_MAX / 2)
			return -ENOMEM;
		room *= 2;
	}
	if (room != r->room) {
		more = realloc(r->data, room);
		if (!more)
			return -ENOMEM;
		r->data = more;
		r->room = room;
	}
	memcpy(r->data + r->len, data, len);
	r->len += len;
	return 0;
}

int capture_printf(struct capture_record *r, const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n, ret;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	ret = capture_put(r, text, (size_t)n);
	free(text);
	return ret;
}

void capture_del(struct capture *c, struct capture_record *r)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->rec[i] == r) {
			memmove(&c->rec[i], &c->rec[i + 1], (--c->n - i) * sizeof(*c->rec));
			record_free(r);
			return;
		}
}

void capture_drop(struct capture *c, const char *kind)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++) {
		if (strcmp(c->rec[i]->kind, kind))
			c->rec[n++] = c->rec[i];
		else
			record_free(c->rec[i]);
	}
	c->n = n;
}

const struct capture_record *capture_next(const struct capture *c, const char *kind,
					  const struct capture_record *prev)
{
	bool after = !prev;

	for (size_t i = 0; i < c->n; i++) {
		if (after && !strcmp(c->rec[i]->kind, kind))
			return c->rec[i];
		after = after || c->rec[i] == prev;
	}
	return NULL;
}

const struct capture_record *capture_find(const struct capture *c, const char *kind,
					  const char *name)
{
	const struct capture_record *r = NULL;

	while ((r = capture_next(c, kind, r)))
		if (!strcmp(r->name, name))
			return r;
	return NULL;
}

bool capture_line(const struct capture_record *r, size_t *at, char *buf, size_t size)
{
	const char *start, *end;
	size_t len;

	if (*at >= r->len)
		return false;
	start = (const char *)r->data + *at;
	end = memchr(start, '\n', r->len - *at);
	len = end ? (size_t)(end - start) : r->len - *at;
	*at += len + 1;
	if (len >= size)
		len = size - 1;
	for (size_t i = 0; i < len; i++)
		buf[i] = start[i] ? start[i] : '?';
	buf[len] = '\0';
	return true;
}
