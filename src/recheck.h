/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Others' rules, and `einat check`, again while einat runs. The work is done in a child process:
 * however many rules there are, and whatever is in them, the event loop goes on, and the NAT with
 * it.
 */
#ifndef EINAT_RECHECK_H
#define EINAT_RECHECK_H

#include <jansson.h>

#include "lib/err.h"
#include "nft/foreign.h"
#include "src/config.h"

struct recheck;

/** recheck_open() - 0, or -errno with @err. recheck_close() takes NULL. */
int recheck_open(struct recheck **ret_r, struct err *err);
void recheck_close(struct recheck *r);
int recheck_fd(const struct recheck *r); /* readable: call recheck_ready() */
/**
 * recheck_want() - something has changed. A check starts once it is quiet for 50 ms, and 120 ms
 * after the first change of a burst at the latest; a check under way is followed by another.
 */
void recheck_want(struct recheck *r);
/** recheck_anew() - the same, and a check under way counts for nothing: it is of another config. */
void recheck_anew(struct recheck *r);
#define RECHECK_RULES_NEW    1u /* recheck_take_rules() has something */
#define RECHECK_FINDINGS_NEW 2u /* recheck_findings() has changed */
/** recheck_ready() - go on; @cif is what is checked. Returns a mask of these. */
unsigned recheck_ready(struct recheck *r, const struct conf_if *cif);
/** recheck_take_rules() - others' rules as they are now, the caller's; NULL: as they were. */
struct foreign *recheck_take_rules(struct recheck *r);
/** recheck_wanted() - something has changed since the check began that recheck_findings() tells of.
 */
bool recheck_wanted(const struct recheck *r);
/** recheck_settled() - no check is under way or due. */
bool recheck_settled(const struct recheck *r);
/**
 * recheck_findings() - those of the last check that succeeded, as findings_json() makes them, with
 * the "generation" of the rules if these stood still meanwhile; NULL before the first. Of very many
 * the heaviest, see "omitted". Borrowed.
 */
const json_t *recheck_findings(const struct recheck *r);
/** recheck_answer() - have a child check anew and write the findings to @fd, which is closed. */
void recheck_answer(const struct conf_if *cif, int fd);

#endif
