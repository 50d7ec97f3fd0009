/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What table_rules.c and table_move.c share. */
#ifndef EINAT_NFT_TABLE_RULES_H
#define EINAT_NFT_TABLE_RULES_H

#include "nft/table_model.h"

/* The rules are the same for IPv4 and IPv6: what they are written for. */
struct family {
	struct table *t;
	const struct nft_spec *spec;
	bool ipv6;
};

static inline enum nft_rest family_rest(const struct family *f)
{
	return f->ipv6 ? f->spec->rest6 : f->spec->rest;
}

/** rule_begin() - starts a rule about the family at the end of the last chain. */
struct rule *rule_begin(const struct family *f, const char *comment);
void rule_end(const struct family *f, struct rule *r, const char *comment);

/** table_move() - the rules that move ports out of the slice, of the kind that the mode asks for.
 */
void table_move(const struct family *f, enum nat_kind kind);

/* table_npt.c: what stateless prefix translation adds to the sets and to two chains. */
void table_npt_sets(struct table *t, const struct nft_spec *spec);
void table_npt_claim(struct table *t, const struct nft_spec *spec);
void table_npt_leak(struct table *t, const struct nft_spec *spec);

#endif
