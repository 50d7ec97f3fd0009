/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration file: libconfig's syntax, the option table's names. See docs/config.md. */
#ifndef EINAT_CONFIG_FILE_H
#define EINAT_CONFIG_FILE_H

#include "src/config.h"

/**
 * config_file_read() - append the interfaces of the file @path to @c, and set its global options.
 * @seen: opt_ctx.seen of the command line: a global option given there stays as it is; those that
 *         the file sets are added
 * 0; -EINVAL with "FILE:LINE:COLUMN: NAME: what" in @err; another -errno if it cannot be read.
 * On failure @c may hold part of the file.
 */
int config_file_read(const char *path, struct conf *c, uint64_t *seen, struct err *err);

/** config_text_read() - the same from @len bytes at @text, called @name in messages. */
int config_text_read(const char *name, const char *text, size_t len, struct conf *c, uint64_t *seen,
		     struct err *err);

#endif
