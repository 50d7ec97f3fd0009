/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the walks met, rule by rule; in the end a struct foreign. */
#ifndef EINAT_NFT_FOREIGN_REPORT_H
#define EINAT_NFT_FOREIGN_REPORT_H

#include "foreign.h"
#include "walk.h"

struct report_entry {
	const struct fw_rule *rule; /* drops: the first rule that drops, or NULL for the policy */
	const struct fw_op *op;
	const struct fw_chain *base; /* drops only */
	struct region sum[2]; /* of all packets that were met there, [family is IPv6] */
	bool mark_accepts[2];
};

struct report_list {
	struct report_entry *e;
	size_t n;
};

/* Zero-initialised is empty. */
struct report {
	struct space *space;
	struct report_list snat, dnat, drop;
};

int report_nat(struct report *rep, struct report_list *l, const struct walk_meeting *m);
int report_drop(struct report *rep, const struct walk_meeting *m);
/** report_assume_mark() - before the walk of packets that carry the mark: all accept it, ... */
void report_assume_mark(struct report *rep);
/** report_mark() - ... but not the base chain that drops @m. */
void report_mark(struct report *rep, const struct walk_meeting *m);
int report_finish_drops(struct report *rep, const char *ifname, struct foreign *f);
int report_finish_snat(struct report *rep, struct foreign *f);
int report_finish_dnat(struct report *rep, struct foreign *f);
void report_clear(struct report *rep);

#endif
