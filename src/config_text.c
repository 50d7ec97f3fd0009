// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "src/config_text.h"

#define MAX_DEPTH 32

struct scan {
	const char *at, *end, *line_start;
	unsigned line;
	const char *name; /* of the text */
};

static struct text_pos pos_of(const struct scan *s, const char *at)
{
	return (struct text_pos){ s->line, (unsigned)(at - s->line_start) + 1 };
}

static void new_line(struct scan *s)
{
	s->line++;
	s->line_start = s->at + 1;
}

static int fail(const struct scan *s, struct text_pos pos, const char *what, struct err *err)
{
	return err_set(err, EINVAL, "%s:%u:%u: %s", s->name, pos.line, pos.column, what);
}

/* Stand on the next byte that is neither blank nor comment. */
static int skip_blank(struct scan *s, struct err *err)
{
	for (; s->at < s->end; s->at++) {
		size_t left = (size_t)(s->end - s->at);

		if (*s->at == '\n') {
			new_line(s);
		} else if (*s->at == '#' || (left > 1 && !memcmp(s->at, "//", 2))) {
			while (s->at + 1 < s->end && s->at[1] != '\n')
				s->at++;
		} else if (left > 1 && !memcmp(s->at, "/*", 2)) {
			struct text_pos start = pos_of(s, s->at);

			for (s->at += 2; s->at + 1 < s->end && memcmp(s->at, "*/", 2); s->at++)
				if (*s->at == '\n')
					new_line(s);
			if (s->at + 1 >= s->end)
				return fail(s, start, "this comment is not closed; add */", err);
			s->at++;
		} else if (!strchr(" \t\r\f\v", *s->at)) {
			break;
		}
	}
	return 0;
}

static int scan_string(struct scan *s, struct text_pos start, struct err *err)
{
	for (s->at++; s->at < s->end && *s->at != '"'; s->at++) {
		if (*s->at == '\n')
			new_line(s);
		else if (*s->at == '\\' && s->at + 1 < s->end && s->at[1] != '\n')
			s->at++;
	}
	if (s->at >= s->end)
		return fail(s, start, "this string is not closed; add \"", err);
	s->at++;
	return 0;
}

static bool is_word(char c)
{
	return c && (isalnum((unsigned char)c) || strchr("_*.+-", c));
}

/* The next token; a length of 0 at the end of the text. */
static void skip_digits(struct scan *s)
{
	while (s->at < s->end && isdigit((unsigned char)*s->at))
		s->at++;
}

/* Exactly as far as libconfig's lexer takes it: in "1proto" a name follows without a blank. */
static void scan_number(struct scan *s)
{
	const char *exp;

	if (s->end - s->at > 2 && s->at[0] == '0' && strchr("xX", s->at[1]) &&
	    isxdigit((unsigned char)s->at[2])) {
		for (s->at += 2; s->at < s->end && isxdigit((unsigned char)*s->at);)
			s->at++;
	} else {
		if (strchr("+-", *s->at))
			s->at++;
		skip_digits(s);
		if (s->at < s->end && *s->at == '.') {
			s->at++;
			skip_digits(s);
		}
		exp = s->at;
		if (s->at < s->end && strchr("eE", *s->at)) {
			s->at++;
			if (s->at < s->end && strchr("+-", *s->at))
				s->at++;
			if (s->at < s->end && isdigit((unsigned char)*s->at))
				skip_digits(s);
			else
				s->at = exp;
		}
	}
	for (int l = 0; l < 2 && s->at < s->end && *s->at == 'L'; l++)
		s->at++;
}

static void scan_name(struct scan *s)
{
	while (s->at < s->end && (isalnum((unsigned char)*s->at) || strchr("_*-", *s->at)))
		s->at++;
}

static int next_token(struct scan *s, struct text_token *ret_token, struct err *err)
{
	struct text_token t;
	int ret = skip_blank(s, err);

	if (ret)
		return ret;
	t = (struct text_token){ .at = s->at, .pos = pos_of(s, s->at) };
	if (s->at < s->end && *s->at == '"') {
		ret = scan_string(s, t.pos, err);
		if (ret)
			return ret;
	} else if (s->at < s->end && (isalpha((unsigned char)*s->at) || *s->at == '*')) {
		scan_name(s);
	} else if (s->at < s->end && is_word(*s->at)) {
		scan_number(s);
		if (s->at == t.at)
			s->at++;
	} else if (s->at < s->end) {
		s->at++;
	}
	t.len = (size_t)(s->at - t.at);
	t.end_line = s->line;
	if (t.len == 1 && *t.at == '@')
		return fail(s, t.pos, "@include is not supported; write all into one file", err);
	*ret_token = t;
	return 0;
}

static int add_token(struct config_text *t, const struct text_token *tok, struct err *err)
{
	struct text_token *n = array_room(t->tokens, t->n_tokens, sizeof(*n));

	if (!n)
		return err_set(err, ENOMEM, "out of memory");
	t->tokens = n;
	n[t->n_tokens++] = *tok;
	return 0;
}

static int add_entry(struct config_text *t, struct text_pos name, const struct text_token *value,
		     struct err *err)
{
	struct text_entry *n = array_room(t->entries, t->n_entries, sizeof(*n));

	if (!n)
		return err_set(err, ENOMEM, "out of memory");
	t->entries = n;
	n[t->n_entries++] = (struct text_entry){ name, *value };
	return 0;
}

/*
 * Entries from tokens. The grammar is checked by libconfig afterwards; a text that it refuses may
 * give nonsense here, which nobody reads.
 */
static int find_entries(struct config_text *t, const struct scan *s, struct err *err)
{
	char open[MAX_DEPTH] = { '{' }; /* the text itself is a group */
	unsigned depth = 0;

	for (size_t i = 0; i < t->n_tokens; i++) {
		const struct text_token *k = &t->tokens[i];
		bool after = i + 2 < t->n_tokens && strchr("=:", *k[1].at);
		bool joined = i && *k->at == '"' && *k[-1].at == '"';
		int ret = 0;

		if (open[depth] == '{' && is_word(*k->at) && after) {
			ret = add_entry(t, k->pos, &k[2], err);
			k = &t->tokens[i += 2];
		} else if (open[depth] != '{' && !strchr(")],;=:}", *k->at) && !joined) {
			ret = add_entry(t, k->pos, k, err);
		}
		if (ret)
			return ret;
		if (strchr("([{", *k->at)) {
			if (++depth == MAX_DEPTH)
				return fail(s, k->pos, "brackets are nested too deeply", err);
			open[depth] = *k->at;
		} else if (strchr(")]}", *k->at) && depth) {
			depth--;
		}
	}
	return 0;
}

int config_text_scan(struct config_text *t, const char *name, const char *text, size_t len,
		     struct err *err)
{
	struct scan s = { text, text + len, text, 1, name };
	const char *nul = memchr(text, '\0', len);
	int ret = 0;

	*t = (struct config_text){ .name = name };
	if (nul)
		s.end = nul;
	for (;;) {
		struct text_token tok;

		ret = next_token(&s, &tok, err);
		if (ret || !tok.len)
			break;
		ret = add_token(t, &tok, err);
		if (ret)
			break;
	}
	if (!ret && nul)
		ret = fail(&s, pos_of(&s, nul), "a NUL byte; this is not a text file", err);
	if (!ret)
		ret = find_entries(t, &s, err);
	if (ret)
		config_text_clear(t);
	return ret;
}

void config_text_clear(struct config_text *t)
{
	free(t->tokens);
	free(t->entries);
	t->tokens = NULL;
	t->entries = NULL;
	t->n_tokens = t->n_entries = 0;
}

static size_t bind_below(const struct config_text *t, config_setting_t *parent, size_t next)
{
	int n = config_setting_is_aggregate(parent) ? config_setting_length(parent) : 0;

	for (int i = 0; i < n && next < t->n_entries; i++) {
		config_setting_t *s = config_setting_get_elem(parent, (unsigned)i);

		config_setting_set_hook(s, &t->entries[next]);
		next = bind_below(t, s, next + 1);
	}
	return next;
}

void config_text_bind(const struct config_text *t, config_setting_t *root)
{
	bind_below(t, root, 0);
}

/* Does libconfig refuse the text up to and including @tok? A newline tells that from its end. */
static bool refuses(const char *text, const struct text_token *tok)
{
	size_t len = (size_t)(tok->at - text) + tok->len;
	char *copy = malloc(len + 2);
	config_t cfg;
	bool refused;

	if (!copy)
		return false;
	memcpy(copy, text, len);
	memcpy(copy + len, "\n", 2);
	config_init(&cfg);
	refused = !config_read_string(&cfg, copy) && config_error_line(&cfg) <= (int)tok->end_line;
	config_destroy(&cfg);
	free(copy);
	return refused;
}

static const char *hint_for(const char *libconfig_text)
{
	if (strstr(libconfig_text, "duplicate"))
		return "give it once";
	if (strstr(libconfig_text, "mismatched"))
		return "write all items of a list in quotes";
	return "values other than plain numbers need quotes, lists are [ \"a\", \"b\" ]";
}

/* What a reader takes for one word, 20000-29999 say, though libconfig sees two tokens in it. */
static struct text_token whole_word(const struct config_text *t, size_t i)
{
	struct text_token tok = t->tokens[i];
	const char *end = tok.at + tok.len;

	if (!is_word(*tok.at))
		return tok;
	while (i && t->tokens[i - 1].at + t->tokens[i - 1].len == tok.at &&
	       is_word(*t->tokens[i - 1].at))
		tok = t->tokens[--i];
	while (is_word(*end))
		end++;
	tok.len = (size_t)(end - tok.at);
	return tok;
}

int config_text_syntax(const struct config_text *t, const config_t *cfg, const char *text,
		       struct err *err)
{
	unsigned line = (unsigned)config_error_line(cfg);
	struct text_token tok;
	size_t lo = 0, hi = t->n_tokens;

	/* the first token that libconfig refuses: what is refused stays so with more text */
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (refuses(text, &t->tokens[mid]))
			hi = mid;
		else
			lo = mid + 1;
	}
	if (lo == t->n_tokens)
		return err_set(
			err, EINVAL,
			"%s:%u:1: the file ends too early; something opened by ( [ or { is not "
			"closed, or a value is missing",
			t->name, line);
	tok = whole_word(t, lo);
	return err_set(err, EINVAL, "%s:%u:%u: %s at '%.*s'; %s", t->name, tok.pos.line,
		       tok.pos.column, config_error_text(cfg), tok.len > 40 ? 40 : (int)tok.len,
		       tok.at, hint_for(config_error_text(cfg)));
}
