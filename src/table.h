/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text tables for people: aligned columns, header in bold on a terminal unless NO_COLOR is set. */
#ifndef EINAT_TABLE_H
#define EINAT_TABLE_H

#include <stdio.h>

struct table;
/** table_new() - @spec: column heads separated by '|'; a head that starts with '>' aligns right. */
struct table *table_new(const char *spec);
/** table_cell() - next cell, printf style; cells fill row by row. Out of memory: cell is empty. */
void table_cell(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void table_print(const struct table *t, FILE *out);
void table_free(struct table *t);

#endif
