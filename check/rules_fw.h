/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packet filter rules: the packets that are asked about, and what they meet. check/ alone. */
#ifndef EINAT_CHECK_RULES_FW_H
#define EINAT_CHECK_RULES_FW_H

#include "check/check_impl.h"
#include "nft/foreign.h"
#include "nft/walk.h"

#define PRI_CLAIM 99 /* srcnat - 1: where einat's claim stands */
#define PRI_REST  100 /* srcnat: where einat's masquerade of the rest stands */

/* One rule (or policy) that packets of one question meet. */
struct hit {
	const char *code;
	enum walk_what what;
	const struct fw_chain *base, *chain; /* @chain: where the rule stands */
	const struct fw_rule *rule; /* NULL: the policy of the base chain */
	const struct fw_op *op;
	bool will;
	uint16_t named; /* DIM_ bits that rules named on every way to it */
	struct port_set ports[PROTO_COUNT]; /* destination ports of what meets it */
	unsigned protos; /* PROTO_ mask */
	char example[192];
	const struct fw_rule *others[8]; /* of the same base chain, doing the same */
	unsigned more; /* how many of them */
};

struct fwx {
	struct check *x;
	struct space *space;
	struct foreign *foreign; /* who masquerades what: as the plan sees it */
	struct net_list left_out; /* subnets that foreign rules own */
	struct net_list attached; /* networks of other interfaces: nothing for them leaves here */
	struct hit *hit;
	size_t n_hit;
	bool reply; /* the packets belong to connections that are known */
	bool by_chain; /* group rules that drop by base chain */
	const char *(*code_of)(struct fwx *fw, const struct walk_meeting *m);
	bool (*box_counts)(const struct fwx *fw, const struct box *b); /* NULL: all do */
	/* what writes over the inbound mark that is given, or else the one that is proposed */
	const struct fw_rule *unmarks;
	const struct fw_chain *unmarks_base;
	bool failed; /* out of memory */
};

/* ---- rules_region.c: the packets --------------------------------------------------------- */

/** region_outwards() - forwarded packets that leave on the external interface, new flows. */
void fw_region_outwards(struct fwx *fw, struct region *r);
/** fw_region_slice() - of these: what slices and pairs of prefixes take. @r is empty at first. */
void fw_region_slice(struct fwx *fw, struct region *r);
/** fw_region_inbound() - from outside to the external address, on ports of the slice. */
void fw_region_inbound(struct fwx *fw, struct region *r);
/** fw_region_inwards() - what einat has translated inwards, new or (@reply) of a known flow. */
void fw_region_inwards(struct fwx *fw, struct region *r, bool reply);

/* ---- rules_hit.c: what they meet ------------------------------------------------------------ */

/** fw_walk() - walk @r along @path; meetings for which code_of() has a code become hits. */
int fw_walk(struct fwx *fw, enum walk_path path, struct region *r, bool apart);
bool walk_drops(enum walk_what what); /* by rule or by policy */
void fw_clear_hits(struct fwx *fw);
/** fw_hit_finding() - a finding with the place, the text and the owner of @h. */
struct finding *fw_hit_finding(struct fwx *fw, const struct hit *h);
/** box_picks_ports() - rules name the destination ports of @b, and they are less than a quarter. */
bool box_picks_ports(struct fwx *fw, const struct box *b);
/** fw_hit_few_ports() - less than a quarter of the ports (@of: of these, by protocol) meet the
 * rule. */
bool fw_hit_few_ports(const struct hit *h, const struct port_set *of);
/** fw_hit_owns_ports() - a DNAT rule that asks for ports, and so owns those of the slice. */
bool fw_hit_owns_ports(const struct fwx *fw, const struct hit *h);
bool fw_is_own(const struct fw_table *t); /* einat's own table */

/* ---- rules_sources.c: hosts that others translate in a way of their own ---------------------- */

/** fw_tell_left_out() - subnets that stay with masquerade. */
void fw_tell_left_out(struct fwx *fw);
/** fw_gives_other_address() - a SNAT to an address that einat would not give. */
bool fw_gives_other_address(const struct fwx *fw, const struct walk_meeting *m);
/** fw_tell_other_address() - what @f, the finding of such a rule, says. */
void fw_tell_other_address(struct fwx *fw, const struct hit *h, struct finding *f);

/* ---- rules_nat.c, rules_drop.c, rules_mark.c: 0 or -ENOMEM ----------------------------------- */
int fw_check_nat(struct fwx *fw);
int fw_check_drops(struct fwx *fw);
int fw_check_marks(struct fwx *fw);

#endif
