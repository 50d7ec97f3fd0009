/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of an instance share; for instance*.c alone. */
#ifndef EINAT_INSTANCE_IMPL_H
#define EINAT_INSTANCE_IMPL_H

#include "src/backoff.h"
#include "src/engine.h"
#include "src/flows.h"
#include "src/instance.h"
#include "src/networks.h"
#include "src/observe.h"
#include "src/recheck.h"
#include "src/slowpath.h"

/* A firewall whose rules never stay the same must not fill the memory. */
#define MAX_TOLD 64
/* Chains that drop are opened one by one; beyond this something is wrong. */
#define MAX_OPENED 16

/* What of einat's own others may remove. */
enum restore_kind { RESTORE_TABLE, RESTORE_HAIRPIN, RESTORE_ATTACH, RESTORE_OPEN, RESTORE_COUNT };

struct restore {
	struct backoff backoff;
	char by[16]; /* name of the process that did it the last time; empty: not known */
};

struct instance {
	const struct conf *conf;
	const struct conf_if *cif;
	struct link_info link;
	struct ct *ct;
	struct owners *owners;
	struct foreign *foreign;
	struct engine *engine; /* NULL while the interface is absent */
	struct plan *plan; /* in force; NULL before the first */
	struct slowpath *slow; /* NULL: no engine, or it could not be opened */
	int slow_fd; /* epoll: what @slow waits for; stays the same while @slow comes and goes */
	bool full_seen; /* by this run of @slow: the watermarks were looked at */
	unsigned suspended[EINAT_MAX_SLICES]; /* PROTO_ masks: full, not claimed now */
	struct net_list handover; /* whose flows are being handed back: the table of a stop */
	bool npt_suspended; /* prefixes are not claimed now */
	struct net_list npt_claimed; /* prefixes whose flows may have been claimed */
	bool npt_elsewhere; /* another interface leads to the Internet of IPv6: nothing is to move
			     */
	bool npt_looked; /* so it was when what had moved was last looked for */
	struct networks networks; /* that other interfaces lead to */
	bool networks_due; /* they are to be looked at once a second has passed since networks_tick
			    */
	unsigned networks_tick; /* of the last look; 0: none */
	struct flow_ends left; /* had bindings at the last look, and may be of no slice */
	bool detached; /* the programs are not in place: nothing may be claimed */
	bool ct_lost; /* conntrack events were lost: resync */
	bool retry; /* the last attempt to follow a change failed */
	uint64_t owners_seen; /* generation of the ledger that the plan was made from */
	unsigned ticks, link_tick; /* link_tick: of the last change of the link */
	bool moved; /* flows have moved to another interface, and answers may still come by this one
		     */
	unsigned moved_tick, answered_tick; /* of the last of the one and of the other */
	struct restore restore[RESTORE_COUNT];
	struct nft_edits *edits; /* of users, in the sets of the table */
	struct recheck *recheck;
	unsigned untold; /* checks in a row whose findings were not logged */
	char *told[MAX_TOLD]; /* warnings that were logged */
	size_t n_told; /* ever; the latest MAX_TOLD are kept */
	char *opened[MAX_OPENED]; /* by --open: "family table chain" */
	size_t n_opened;
};

/** instance_apply() - make a plan from what is known now and bring the system in line. */
int instance_apply(struct instance *inst, struct err *err);
/** instance_unclaim() - new flows go to masquerade; bindings that exist are served. */
int instance_unclaim(struct instance *inst, struct err *err);
/** instance_suspend() - whether plans claim nothing from now on, for any slice. */
void instance_suspend(struct instance *inst, bool suspended);
/** instance_start_engine() - load, configure and attach; inst->engine is another one then. */
int instance_start_engine(struct instance *inst, struct err *err);
/** instance_resume() - the next plan claims again. */
void instance_resume(struct instance *inst);
/**
 * instance_close_engine() - claim nothing any more, release the flows and take the programs away;
 * the table stays for the rest's sake.
 */
void instance_close_engine(struct instance *inst);
/** instance_reopen() - start anew on inst->link, a new interface of the same name. */
int instance_reopen(struct instance *inst, struct err *err);
/** instance_try_apply() - as instance_apply(); a failure is logged, with @why, and tried again. */
void instance_try_apply(struct instance *inst, const char *why);
/** instance_watermarks() - suspend or resume claims as the slices fill; true if one changed. */
bool instance_watermarks(struct instance *inst);
/** instance_slow_open() - serve the events of inst->engine; without it, it is said and goes on. */
void instance_slow_open(struct instance *inst);
void instance_slow_close(struct instance *inst);
/** instance_rules_changed() - others' rules are @now, which inst owns from here on. */
void instance_rules_changed(struct instance *inst, struct foreign *now);
/**
 * instance_may_restore() - something of @kind is gone: whether it is to be restored now; false
 * while einat keeps out of a loop with another program, which is logged when it begins.
 */
bool instance_may_restore(struct instance *inst, enum restore_kind kind);
bool instance_restore_waits(const struct instance *inst, enum restore_kind kind);
void instance_check_hairpin(struct instance *inst);
void instance_restore_tick(struct instance *inst);
/** instance_contested() - for status: what others undo over and over. */
json_t *instance_contested(const struct instance *inst);
/** instance_purge_claimed() - entries of claimed flows must not outlive the translation. */
void instance_purge_claimed(struct instance *inst);
/** instance_claim_less_prefixes() - @both claims prefixes only if @old claims the same ones. */
void instance_claim_less_prefixes(struct plan *both, const struct plan *old);
/**
 * instance_forget_prefixes() - claimed flows of prefixes that @plan translates no more would leave
 * as they are. Called between the withdrawal of the claim and the change of the data plane, so that
 * their next packet is masqueraded; and once more when that is @done, since answers that were
 * on their way may have made entries again.
 */
void instance_forget_prefixes(struct instance *inst, const struct plan *plan, bool done);
/**
 * instance_npt_elsewhere() - where the Internet of IPv6 is: does another interface lead there?
 * While it does, as it did when what had moved was last looked for, what is of the prefixes leaves
 * there as it always did. Notes it if this one leads there. To be asked before one looks: what
 * moves later is for the next look.
 */
bool instance_npt_elsewhere(struct instance *inst);
/**
 * instance_npt_keep() - destinations towards which no prefix is claimed; NULL if prefixes' flows
 * that leave by another interface are none of ours, or there is no plan.
 */
const struct net_list *instance_npt_keep(const struct instance *inst);
/** enum handover_of - whose flows go over, besides those of prefixes: hosts with bindings. */
enum handover_of { HANDOVER_PREFIXES, HANDOVER_IPV6, HANDOVER_ALL };

/**
 * instance_handover_begin() - while their flows go over to masquerade, what comes in for these
 * hosts and for @prefixes (or NULL) is not tracked; added to those for which that is so.
 * Before the flows are looked through.
 */
void instance_handover_begin(struct instance *inst, enum handover_of which,
			     const struct net_list *prefixes);
/** instance_handover_end() - no more; when nothing is translated for them any longer. */
int instance_handover_end(struct instance *inst, struct err *err);
/** instance_note_left() - remember what has bindings now, and might be of no slice without. */
void instance_note_left(struct instance *inst);
/** instance_purge_left() - what has lost its binding since is masqueraded from now on. */
void instance_purge_left(struct instance *inst);
/**
 * instance_forget_dropped() - claimed flows that have no binding and are no slice's in @plan, as
 * they were in inst->plan, would leave as they are. Called as instance_forget_prefixes().
 */
void instance_forget_dropped(struct instance *inst, const struct plan *plan);
/** instance_forget_unknown() - the same after a take-over from an einat with other slices. */
void instance_forget_unknown(struct instance *inst, const struct plan *plan);
/** instance_told() - was this logged before? Remembers it. */
bool instance_told(struct instance *inst, const char *text);
void instance_check_begin(struct instance *inst);
void instance_check_want(struct instance *inst); /* something changed */
/**
 * instance_check_reload() - @now is to be the configuration: rules of --open that do not fit it are
 * removed. To be called while inst->cif is the old one.
 */
void instance_check_reload(struct instance *inst, const struct conf_if *now);
void instance_check_free(struct instance *inst);
void instance_check_tick(struct instance *inst);
json_t *instance_conflicts(const struct instance *inst);
/** fail_at() - for tests: -EIO if the environment's EINAT_FAIL_AT names @step. */
int fail_at(const char *step, struct err *err);

#endif
