/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EINAT_LOG_H
#define EINAT_LOG_H

enum log_level { LOG_ERROR_, LOG_WARN_, LOG_INFO_, LOG_DEBUG_ };

/** log_level_parse() - "error", "warn", "info", "debug"; -EINVAL otherwise. */
int log_level_parse(const char *s);
void log_set_level(enum log_level level);
/* To standard error, one line; prefixed "einat: " and, for errors and warnings, the level. */
void log_msg(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_msg(LOG_ERROR_, __VA_ARGS__)
#define log_warn(...)  log_msg(LOG_WARN_, __VA_ARGS__)
#define log_info(...)  log_msg(LOG_INFO_, __VA_ARGS__)
#define log_debug(...) log_msg(LOG_DEBUG_, __VA_ARGS__)

#endif
