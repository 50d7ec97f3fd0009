// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "log.h"

static const char *const names[] = { "error", "warn", "info", "debug" };
static enum log_level max_level = LOG_INFO_;

int log_level_parse(const char *s)
{
	for (int i = 0; i <= LOG_DEBUG_; i++)
		if (!strcmp(s, names[i]))
			return i;
	return -EINVAL;
}

void log_set_level(enum log_level level)
{
	max_level = level;
}

void log_msg(enum log_level level, const char *fmt, ...)
{
	char line[1200];
	va_list ap;

	if (level > max_level)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	/* messages of libraries end in a newline, or hold some */
	for (size_t n = strlen(line); n && line[n - 1] == '\n'; n--)
		line[n - 1] = '\0';
	for (char *p = strchr(line, '\n'); p; p = strchr(p, '\n'))
		*p = ' ';
	fprintf(stderr, "einat: %s%s%s\n", level == LOG_INFO_ ? "" : names[level],
		level == LOG_INFO_ ? "" : ": ", line);
}
