/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EINAT_ERR_H
#define EINAT_ERR_H

/* An error message for people: what failed, on what object, why, and what to do. */
struct err {
	char text[768];
};

/**
 * err_set() - fill @e and return -@errnum, so that a caller may write `return err_set(...)`.
 * @e:      may be NULL: then only the number is returned
 * @errnum: positive errno value; strerror() of it is NOT added, use err_sys() for that
 */
int err_set(struct err *e, int errnum, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/** err_sys() - like err_set(), with ": " and strerror(@errnum) appended. */
int err_sys(struct err *e, int errnum, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/** err_hint() - append " (hint)" to a message: what the reader can do. Returns -@errnum. */
int err_hint(struct err *e, int errnum, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
