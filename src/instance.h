/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One external interface while einat runs on it: start, follow what changes, stop. */
#ifndef EINAT_INSTANCE_H
#define EINAT_INSTANCE_H

#include <jansson.h>

#include "src/config.h"

struct instance;

/**
 * instance_start() - all or nothing: on failure every step that was done is undone, unless a
 * data plane of an earlier einat was found working: that one is left in charge.
 * @conf and @cif are borrowed until instance_free().
 */
int instance_start(const struct conf *conf, const struct conf_if *cif, struct instance **ret_inst,
		   struct err *err);
/**
 * instance_reload() - go over to another configuration of the same interface; bindings that
 * exist stay, also those that the new slices would not make. On failure the old one is in force,
 * as far as it can be. @conf and @cif are borrowed as by instance_start(), also on failure.
 */
int instance_reload(struct instance *inst, const struct conf *conf, const struct conf_if *cif,
		    struct err *err);
/** instance_stop() - hand back, then remove all that was written. */
int instance_stop(struct instance *inst, struct err *err);
/** instance_free() - frees memory; what is written stays in force. */
void instance_free(struct instance *inst);

/** instance_attached() - false while its interface is absent. */
bool instance_attached(const struct instance *inst);
/** instance_taken_over() - whether it goes on with the data plane of an earlier einat. */
bool instance_taken_over(const struct instance *inst);
const char *instance_name(const struct instance *inst);
int instance_events_fd(const struct instance *inst); /* conntrack events */
void instance_on_conntrack(struct instance *inst);
int instance_slow_fd(const struct instance *inst); /* packets from the data plane */
void instance_on_slow(struct instance *inst);
int instance_check_fd(const struct instance *inst); /* others' rules, and conflicts */
void instance_on_check(struct instance *inst);
/** instance_check_answer() - check anew and write the findings to @fd, which is closed. */
void instance_check_answer(const struct instance *inst, int fd);
void instance_on_link(struct instance *inst, int events); /* LINK_EV_ mask */
/** instance_on_rules() - NFT_EV_ mask; @by: as nft_events_by(). */
void instance_on_rules(struct instance *inst, int events, const char *by);
void instance_tick(struct instance *inst); /* every INSTANCE_TICK_MS */
#define INSTANCE_TICK_MS 250

json_t *instance_status(const struct instance *inst);
json_t *instance_bindings(const struct instance *inst);
json_t *instance_stats(const struct instance *inst);

/** instance_remove() - what instance_stop() does, for an interface on which no einat runs. */
int instance_remove(const struct conf *conf, const char *ifname, struct err *err);
/** instance_plan() - print what would be written; changes nothing. */
int instance_plan(const struct conf_if *cif, struct err *err);

#endif
