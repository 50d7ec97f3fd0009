/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of walk.h: one base chain, and what statements do to packets. */
#ifndef EINAT_NFT_WALK_IMPL_H
#define EINAT_NFT_WALK_IMPL_H

#include "space_impl.h"
#include "walk.h"

/* What a base chain did, for chains whose order is not known. */
struct effects {
	bool on; /* collect them */
	bool silent; /* and do not report meetings */
	struct region touched; /* packets that were dropped, NATed or otherwise changed */
	uint32_t mark; /* bits that were set */
	bool notrack, unknown;
};

struct walk_state {
	enum fw_hook hook;
	const struct fw_chain *base;
	struct region accepted; /* by the base chain, without NAT */
	struct region dropped; /* by the base chain, if the walk shows all to all */
	struct region natted; /* by a NAT rule of this hook: no other is asked */
	struct effects fx;
	unsigned depth;
	size_t base_steps; /* of this base chain */
	uint64_t base_work, end_ms;
	bool nat_done; /* the connection has its NAT: no chain is asked again */
	bool stop; /* a limit was hit in this base chain */
};

/** walk_chain() - @in (emptied) through @c; what comes back to the caller is added to @ret_out. */
int walk_chain(struct walk *w, const struct fw_chain *c, struct region *in, struct region *ret_out);
/** walk_run_hook() - all base chains of @hook: of family bridge, or all others. */
int walk_run_hook(struct walk *w, enum fw_hook hook, bool bridge, struct region *r);
/** walk_unsure() - for each of an ordered list: whether its place in its group is not known. */
void walk_unsure(const struct fw_chain *const *list, size_t n, bool *ret_same);
/** walk_meet() - report @r's meeting with @op, if there are packets. */
int walk_meet(struct walk *w, enum walk_what what, const struct fw_rule *rule,
	      const struct fw_op *op, const struct region *r);

/* Statements: @r is what they do to it. */
/** effect_names() - a rule has matched @r and acts on it, or has not. */
void effect_names(struct region *r, bool matched);
/** effect_mark() - a new connection begins without a mark; later packets of it may have one. */
void effect_mark(struct space *s, struct region *r, const struct fw_setmark *m);
/** effect_ctmark() - the connection's mark has been set. */
void effect_ctmark(struct space *s, struct region *r);
void effect_notrack(struct space *s, struct region *r);
void effect_zone(struct space *s, struct region *r);
void effect_nat(struct space *s, struct region *r, const struct fw_op *op, bool dst, bool rerouted);
/** effect_anything() - headers, marks and connection can have become anything. */
void effect_anything(struct space *s, struct region *r);
/** effect_scramble() - perhaps bits @mark of the mark were set, perhaps it is untracked. */
void effect_scramble(struct space *s, struct region *r, uint32_t mark, bool notrack);
/** effect_conntrack() - the connection has been looked up: its state is known from now on. */
void effect_conntrack(struct space *s, struct region *r);

uint64_t walk_now_ms(void);

#endif
