/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The engine: loads the BPF programs, takes over or makes their maps, attaches and configures. */
#ifndef EINAT_ENGINE_H
#define EINAT_ENGINE_H

#include "src/attach.h"
#include "src/config.h"
#include "src/dataplane.h"
#include "src/link.h"
#include "src/plan.h"

struct engine;

/**
 * engine_open() - load for @link. A data plane that is already attached there is taken over:
 * its maps are reused, or its bindings are copied where the new plan needs larger maps.
 * @last: the engine that serves the interface until now, or NULL: its data plane is taken over also
 *        if another program has taken that off the interface
 * @pin_dir: where TCX links are pinned, below it one folder per interface; NULL: the default
 * Nothing is attached or changed yet. -EPERM, or -EOPNOTSUPP naming what the kernel lacks.
 */
int engine_open(const struct link_info *link, const struct plan *plan, const struct engine *last,
		const char *pin_dir, enum conf_attach attach, struct engine **ret_engine,
		struct err *err);
/**
 * engine_keep_parked() - addresses that @old, which served the interface until now, keeps in case
 * they return are kept by @e too, unless that has new maps.
 */
void engine_keep_parked(struct engine *e, const struct engine *old);
/** engine_close() - frees memory and descriptors; what is attached stays. */
void engine_close(struct engine *e);

/** engine_configure() - bring the maps in line with @plan and the addresses of @link. */
int engine_configure(struct engine *e, const struct plan *plan, const struct link_info *link,
		     struct err *err);
/**
 * engine_fits() - whether the maps have room for all of @plan and the addresses of @link. If not,
 * what fits is served; another engine_open() makes larger maps and takes the bindings along.
 */
bool engine_fits(const struct engine *e, const struct plan *plan, const struct link_info *link);
/** engine_can() - whether the programs translate all that @plan claims; if not, other ones must. */
bool engine_can(const struct engine *e, const struct plan *plan);
int engine_attach(struct engine *e, struct err *err);
/** engine_detach() - take the programs, pins and the clsact qdisc (if made here) away. */
int engine_detach(struct engine *e, struct err *err);
/** engine_attached() - 1 if both programs are in place, 0 if someone removed one, or -errno. */
int engine_attached(struct engine *e);

const struct dataplane *engine_dataplane(const struct engine *e);
enum attach_mode engine_mode(const struct engine *e);
/** engine_differs() - whether the data plane in force takes other flows than @plan would. */
bool engine_differs(const struct engine *e, const struct plan *plan);
/** engine_takes_over() - before engine_attach(): whether another data plane is in place. */
bool engine_takes_over(const struct engine *e);
bool engine_taken_over(const struct engine *e);

/** engine_sweep() - free expired slots; @ret_live (may be NULL) counts those that stay. */
int engine_sweep(struct engine *e, unsigned *ret_live, struct err *err);
/** engine_free_slot() - end the binding in one slot. */
int engine_free_slot(struct engine *e, uint32_t slot, struct err *err);

#endif
