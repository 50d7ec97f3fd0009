/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of an instance share; for instance*.c alone. */
#ifndef EINAT_INSTANCE_IMPL_H
#define EINAT_INSTANCE_IMPL_H

#include "src/engine.h"
#include "src/instance.h"
#include "src/observe.h"

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
	bool rules_due; /* nftables changed: read again */
	bool retry; /* the last attempt to follow a change failed */
	uint64_t owners_seen; /* generation of the ledger that the plan was made from */
	unsigned ticks;
};

/** instance_apply() - make a plan from what is known now and bring the system in line. */
int instance_apply(struct instance *inst, struct err *err);
/** instance_reopen() - start anew on inst->link, a new interface of the same name. */
int instance_reopen(struct instance *inst, struct err *err);
/** instance_watermarks() - suspend or resume the claim; true if that changed. */
bool instance_watermarks(struct instance *inst);
/** fail_at() - for tests: -EIO if the environment's EINAT_FAIL_AT names @step. */
int fail_at(const char *step, struct err *err);

#endif
