/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EINAT_LIB_WRAP_H
#define EINAT_LIB_WRAP_H

#include <stdio.h>

/**
 * print_wrapped() - the words of @text, and a newline.
 * @at: the column that @out is at
 * @indent: where later lines begin; no blank is put before a word there
 * @width: columns of a line, which one long word may exceed
 *
 * Blanks and newlines of @text are the same.
 */
void print_wrapped(FILE *out, const char *text, size_t at, size_t indent, size_t width);

#endif
