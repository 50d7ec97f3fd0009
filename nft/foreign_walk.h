/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Walking a base chain with a region, through jumps, gotos and verdict maps. */
#ifndef EINAT_NFT_FOREIGN_WALK_H
#define EINAT_NFT_FOREIGN_WALK_H

#include "foreign.h"
#include "foreign_region.h"

enum hit {
	HIT_SNAT, /* a rule NATs the region; for a rule that is not understood: may */
	HIT_DNAT,
	HIT_DROP, /* a rule drops, rejects or queues it */
	HIT_POLICY, /* no rule: the policy drops it; @rule is NULL */
};

struct walk {
	const struct packets *packets;
	/** @hit: called for every meeting; 0 or -errno, which ends the walk */
	int (*hit)(struct walk *w, enum hit hit, const struct fw_rule *rule, const struct fw_op *op,
		   const struct region *r);
	void *data;
	bool notrack; /* out: some packet was made untracked */
	struct region accepted; /* out: what the base chain lets through */
	const struct fw_chain *base;
	size_t steps; /* rules met in all walks, bounded */
	unsigned depth;
};

/** walk_base() - walk @base with @in. 0, -ELOOP, -E2BIG, -ENOMEM or what @hit returned. */
int walk_base(struct walk *w, const struct fw_chain *base, const struct region *in);
void walk_clear(struct walk *w);

#endif
