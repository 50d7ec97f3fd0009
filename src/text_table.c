// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/array.h"
#include "text_table.h"

struct text_table {
	char *spec; /* the heads, cut up */
	char **heads;
	bool *right;
	size_t n_columns;
	char **cells; /* row by row; NULL: empty */
	size_t n_cells;
};

static int split_heads(struct text_table *t)
{
	char *at = t->spec;

	t->n_columns = 1;
	for (const char *p = at; *p; p++)
		t->n_columns += *p == '|';
	t->heads = calloc(t->n_columns, sizeof(*t->heads));
	t->right = calloc(t->n_columns, sizeof(*t->right));
	if (!t->heads || !t->right)
		return -1;
	for (size_t i = 0; i < t->n_columns; i++) {
		char *bar = strchr(at, '|');

		if (bar)
			*bar = '\0';
		t->right[i] = *at == '>';
		t->heads[i] = at + t->right[i];
		at = bar ? bar + 1 : at;
	}
	return 0;
}

struct text_table *text_table_new(const char *spec)
{
	struct text_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->spec = strdup(spec);
	if (!t->spec || split_heads(t)) {
		text_table_free(t);
		return NULL;
	}
	return t;
}

void text_table_cell(struct text_table *t, const char *fmt, ...)
{
	char *text = NULL, **n;
	va_list ap;

	if (!t)
		return;
	n = array_room(t->cells, t->n_cells, sizeof(*n));
	if (!n)
		return;
	t->cells = n;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	t->cells[t->n_cells++] = text;
}

static const char *cell_text(const struct text_table *t, size_t i)
{
	return i < t->n_cells && t->cells[i] && *t->cells[i] ? t->cells[i] : "-";
}

/* Characters of UTF-8 text; wide and combining ones count as one. */
static size_t width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static void print_cell(const struct text_table *t, FILE *out, size_t column, const char *text,
		       size_t max)
{
	int pad = (int)(max - width(text));

	if (column)
		fputs("  ", out);
	if (t->right[column])
		fprintf(out, "%*s%s", pad, "", text);
	else
		fprintf(out, "%s%*s", text, column + 1 < t->n_columns ? pad : 0, "");
}

static bool wants_bold(FILE *out)
{
	const char *no = getenv("NO_COLOR");
	int fd = fileno(out);

	return fd >= 0 && isatty(fd) && !(no && *no);
}

void text_table_print(const struct text_table *t, FILE *out)
{
	size_t *max, rows;
	bool bold;

	if (!t)
		return;
	max = calloc(t->n_columns, sizeof(*max));
	if (!max)
		return;
	bold = wants_bold(out);
	rows = (t->n_cells + t->n_columns - 1) / t->n_columns;
	for (size_t c = 0; c < t->n_columns; c++) {
		max[c] = width(t->heads[c]);
		for (size_t r = 0; r < rows; r++) {
			size_t w = width(cell_text(t, r * t->n_columns + c));

			max[c] = w > max[c] ? w : max[c];
		}
	}
	fputs(bold ? "\033[1m" : "", out);
	for (size_t c = 0; c < t->n_columns; c++)
		print_cell(t, out, c, t->heads[c], max[c]);
	fputs(bold ? "\033[0m\n" : "\n", out);
	for (size_t r = 0; r < rows; r++) {
		for (size_t c = 0; c < t->n_columns; c++)
			print_cell(t, out, c, cell_text(t, r * t->n_columns + c), max[c]);
		fputc('\n', out);
	}
	free(max);
}

void text_table_free(struct text_table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t->heads);
	free(t->right);
	free(t->spec);
	free(t);
}
