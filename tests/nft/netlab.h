/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests as root: a network namespace of one's own, and what `ip` says in it. */
#ifndef EINAT_TEST_NETLAB_H
#define EINAT_TEST_NETLAB_H

#include <sched.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <string.h>
#include <sys/mount.h>

#include <cmocka.h>

/* Runs a shell command; returns its exit status. */
static inline int sh_try(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static inline int sh_try(const char *fmt, ...)
{
	char cmd[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	return system(cmd);
}

#define sh(...) assert_int_equal(sh_try(__VA_ARGS__), 0)

/* The output of a shell command, malloc'd. */
static inline char *sh_out(const char *cmd)
{
	char *buf = calloc(1, 65536);
	FILE *f = popen(cmd, "r");

	assert_non_null(f);
	assert_non_null(buf);
	assert_in_range(fread(buf, 1, 65535, f), 0, 65534);
	pclose(f);
	return buf;
}

static inline void lab_open(void)
{
	assert_int_equal(unshare(CLONE_NEWNET | CLONE_NEWNS), 0);
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	sh("ip link set lo up");
}

#endif
