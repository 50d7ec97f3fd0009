// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "lib/wrap.h"

void print_wrapped(FILE *out, const char *text, size_t at, size_t indent, size_t width)
{
	while (*text) {
		size_t n = strcspn(text, " \n");

		if (at > indent && at + 1 + n > width) {
			fprintf(out, "\n%*s", (int)indent, "");
			at = indent;
		} else if (at > indent) {
			fputc(' ', out);
			at++;
		}
		fprintf(out, "%.*s", (int)n, text);
		at += n;
		text += n;
		text += strspn(text, " \n");
	}
	fputc('\n', out);
}
