/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where things stand in a libconfig text: libconfig itself tells lines only, and not of all. */
#ifndef EINAT_CONFIG_TEXT_H
#define EINAT_CONFIG_TEXT_H

#include <libconfig.h>
#include <stddef.h>

#include "lib/err.h"

/* Lines and columns count from 1, columns in bytes. */
struct text_pos {
	unsigned line, column;
};

struct text_token {
	const char *at; /* into the text */
	size_t len;
	struct text_pos pos;
	unsigned end_line;
};

/* One setting or list element, in the order of the text (libconfig's pre-order). */
struct text_entry {
	struct text_pos name; /* that of the value for an element */
	struct text_token value; /* its first token */
};

struct config_text {
	const char *name; /* for messages */
	struct text_token *tokens;
	size_t n_tokens;
	struct text_entry *entries;
	size_t n_entries;
};

/**
 * config_text_scan() - tokens and entries of @len bytes at @text, which must outlive @t.
 * Refuses what libconfig must not see: NUL bytes, open strings and comments, deep nesting,
 * @include. -EINVAL or -ENOMEM, nothing to free then.
 */
int config_text_scan(struct config_text *t, const char *name, const char *text, size_t len,
		     struct err *err);
void config_text_clear(struct config_text *t);

/** config_text_bind() - let the hook of each setting below @root point to its text_entry. */
void config_text_bind(const struct config_text *t, config_setting_t *root);
/** config_text_syntax() - the message for the parse error that is in @cfg. */
int config_text_syntax(const struct config_text *t, const config_t *cfg, const char *text,
		       struct err *err);

#endif
