/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EINAT_RECHECK_CHILD_H
#define EINAT_RECHECK_CHILD_H

#include <sys/types.h>

#include "src/config.h"

/* RECHECK_FINDINGS: for a user, complete. RECHECK_ALL: for einat itself, others' rules first. */
enum recheck_task { RECHECK_FINDINGS, RECHECK_ALL };

/* Findings that einat keeps of one check, the heaviest; `einat check` shows all of them. */
#define RECHECK_KEEP 1000

/**
 * recheck_child() - start a process that looks at this host for @cif and writes to @fd, a line of
 * JSON each: with RECHECK_ALL {"rules": foreign_to_json()}, or {"rules": {"error": why}}; then what
 * findings_json() makes, with the "generation" of the rules if these stood still meanwhile. Where
 * nothing can be read, {"error": why} is all, and {"again": true} while the rules change without
 * end. The kernel reaps it. Returns its pid; -1: errno.
 */
pid_t recheck_child(const struct conf_if *cif, enum recheck_task task, int fd);

#endif
