/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the walks met, rule by rule; in the end a struct foreign. */
#ifndef EINAT_NFT_FOREIGN_REPORT_H
#define EINAT_NFT_FOREIGN_REPORT_H

#include "foreign.h"
#include "foreign_region.h"

struct report_entry {
	const struct fw_rule *rule; /* drops: the first rule that drops, or NULL for the policy */
	const struct fw_op *op;
	const struct fw_chain *base; /* drops only */
	struct region sum; /* of all packets that were met there */
	bool mark_accepts;
};

struct report_list {
	struct report_entry *e;
	size_t n;
};

/* Zero-initialised is empty. */
struct report {
	struct report_list snat, dnat, drop;
};

int report_snat(struct report *rep, const struct fw_rule *rule, const struct fw_op *op,
		const struct region *r);
int report_dnat(struct report *rep, const struct fw_rule *rule, const struct region *r);
int report_drop(struct report *rep, const struct fw_chain *base, const struct fw_rule *rule,
		const struct region *r);
void report_mark_accepts(struct report *rep, const struct fw_chain *base);
int report_finish(const struct report *rep, struct foreign **ret_foreign);
void report_clear(struct report *rep);

#endif
