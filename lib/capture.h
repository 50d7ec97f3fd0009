/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A capture: what a host's kernel said about itself, byte for byte, to be analysed there or
 * elsewhere. It is a list of records; whoever wrote a kind of record is the one to read it.
 */
#ifndef EINAT_CAPTURE_H
#define EINAT_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

struct capture_record {
	char *kind; /* "nft", "route": whose bytes these are */
	char *name; /* which of that kind: "rules", "ipv4"; may be empty */
	uint8_t *data; /* aligned as malloc() does; NULL if @len is 0 */
	size_t len, room;
};

struct capture_source {
	char einat[32]; /* version */
	char kernel[72]; /* release */
	int64_t time; /* seconds since 1970 */
	bool big_endian;
	unsigned word; /* bits of a C long of the program that took it: x_tables' structures vary */
};

struct capture;

/** capture_new() - empty, its source this host and this moment. NULL: no memory. */
struct capture *capture_new(const char *version);
void capture_free(struct capture *c);
const struct capture_source *capture_source(const struct capture *c);

/** capture_add() - an empty record; it stays where it is until it is dropped. NULL: no memory. */
struct capture_record *capture_add(struct capture *c, const char *kind, const char *name);
/** capture_put() - append @len bytes; 0 or -ENOMEM. */
int capture_put(struct capture_record *r, const void *data, size_t len);
/** capture_printf() - append text; records of text are made of lines. 0 or -ENOMEM. */
int capture_printf(struct capture_record *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/** capture_del() - remove one record; capture_drop() - all records of @kind. */
void capture_del(struct capture *c, struct capture_record *r);
void capture_drop(struct capture *c, const char *kind);

/** capture_find() - the first record of that kind and name, or NULL. */
const struct capture_record *capture_find(const struct capture *c, const char *kind,
					  const char *name);
/** capture_next() - the record of @kind behind @prev, the first for NULL; NULL at the end. */
const struct capture_record *capture_next(const struct capture *c, const char *kind,
					  const struct capture_record *prev);
/**
 * capture_line() - the line at *@at (0 at first) of a record of text, without its end, cut to
 * @size - 1 bytes; bytes of value 0 become '?'. Returns false at the end.
 */
bool capture_line(const struct capture_record *r, size_t *at, char *buf, size_t size);

/**
 * capture_save() - write @c to @path (JSON, mode 0600), "-" for standard output. A file appears
 * whole or not at all.
 */
int capture_save(const struct capture *c, const char *path, struct err *err);
/**
 * capture_load() - read what capture_save() wrote, "-" for standard input. The file is not
 * trusted: it may be of any size and content.
 * Returns 0 or -errno with @err: -EBADMSG (not such a file, or damaged), -EPROTO (of a newer
 * einat, or of a machine whose byte order or word size this one cannot read), -EFBIG, -ENOMEM.
 */
int capture_load(const char *path, struct capture **ret_capture, struct err *err);
/** capture_load_text() - the same from @len bytes in memory; @name is for messages. */
int capture_load_text(const char *text, size_t len, const char *name, struct capture **ret_capture,
		      struct err *err);

#endif
