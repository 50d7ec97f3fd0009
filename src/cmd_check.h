/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command `einat check`. */
#ifndef EINAT_CMD_CHECK_H
#define EINAT_CMD_CHECK_H

#include "src/config.h"

/* Exit codes, as DESIGN.md has them: scripts rely on them. */
enum { CHECK_CLEAN = 0, CHECK_WARNINGS = 1, CHECK_CONFLICTS = 2, CHECK_FAILED = 3 };

/** cmd_check() - do what @conf asks and return the exit code; 64 for an unknown code. */
int cmd_check(const struct conf *conf);

/**
 * check_before_run() - look for conflicts before `einat run` changes anything, and log them.
 * Returns 0: start, or CHECK_CONFLICTS: refuse. It never refuses with --force, over what only
 * may happen, where an earlier einat's data plane is at work (nobody gains by its end), or
 * because the check itself could not be made.
 */
int check_before_run(const struct conf *conf);

/** check_plan_open() - print the rules that --open would insert, as nft commands. */
int check_plan_open(const struct conf_if *cif, struct err *err);

#endif
