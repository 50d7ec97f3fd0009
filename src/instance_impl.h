/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of an instance share; for instance*.c alone. */
#ifndef EINAT_INSTANCE_IMPL_H
#define EINAT_INSTANCE_IMPL_H

#include "src/engine.h"
#include "src/instance.h"
#include "src/observe.h"

/* A firewall whose rules never stay the same must not fill the memory. */
#define MAX_TOLD 64

struct instance {
	const struct conf *conf;
	const struct conf_if *cif;
	struct link_info link;
	struct ct *ct;
	struct owners *owners;
	struct foreign *foreign;
	struct engine *engine; /* NULL while the interface is absent */
	struct plan *plan; /* in force; NULL before the first */
	bool suspended[PROTO_COUNT];
	bool ct_lost; /* conntrack events were lost: resync */
	unsigned rules_due; /* nftables changed: tick by which it is read at the latest; 0: not */
	unsigned rules_quiet; /* ticks since the last event */
	bool retry; /* the last attempt to follow a change failed */
	uint64_t owners_seen; /* generation of the ledger that the plan was made from */
	unsigned ticks, link_tick; /* link_tick: of the last change of the link */
	char *told[MAX_TOLD]; /* warnings that were logged */
	size_t n_told;
};

/** instance_apply() - make a plan from what is known now and bring the system in line. */
int instance_apply(struct instance *inst, struct err *err);
/** instance_unclaim() - new flows go to masquerade; bindings that exist are served. */
int instance_unclaim(struct instance *inst, struct err *err);
/** instance_resume() - the next plan claims again. */
void instance_resume(struct instance *inst);
/** instance_reopen() - start anew on inst->link, a new interface of the same name. */
int instance_reopen(struct instance *inst, struct err *err);
/** instance_watermarks() - suspend or resume the claim; true if that changed. */
bool instance_watermarks(struct instance *inst);
/** fail_at() - for tests: -EIO if the environment's EINAT_FAIL_AT names @step. */
int fail_at(const char *step, struct err *err);

#endif
