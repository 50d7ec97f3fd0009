/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text tables for people: aligned columns, header in bold on a terminal unless NO_COLOR is set. */
#ifndef EINAT_TEXT_TABLE_H
#define EINAT_TEXT_TABLE_H

#include <stdio.h>

struct text_table;
/** text_table_new() - @spec: heads separated by '|'; a head that starts with '>' aligns right. */
struct text_table *text_table_new(const char *spec);
/** text_table_cell() - the next cell; cells fill row by row. Out of memory: the cell is empty. */
void text_table_cell(struct text_table *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void text_table_print(const struct text_table *t, FILE *out);
void text_table_free(struct text_table *t);

#endif
