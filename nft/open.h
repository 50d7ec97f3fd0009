/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `--open`: the narrow accept rule in a chain of someone else that would drop what einat has
 * translated inwards. It matches the inbound mark and the external interface, so it opens nothing
 * but live bindings. It is recognised by its comment, also after a crash.
 */
#ifndef EINAT_NFT_OPEN_H
#define EINAT_NFT_OPEN_H

#include <stdint.h>

#include "lib/err.h"

struct open_place {
	int family; /* NFPROTO_INET, _IPV4, _IPV6 */
	const char *table, *chain;
	uint64_t handle; /* the rule that drops: ours goes before it; 0: the policy, ours goes last
			  */
	uint32_t generation; /* of the rules in which that was found; 0: insert it in any */
};

/** nft_generation() - the number of the rules as they are now; each change of any table adds one.
 */
int nft_generation(uint32_t *ret_generation, struct err *err);
/**
 * nft_open_add() - insert the rule; @mark under @mask in host byte order.
 * Returns 0 or -errno with @err: -ENOENT or -ERESTART (the rules have changed, the place may be
 * gone or another one), -EEXIST (there is one before that place, and it does not help), -EPERM (the
 * table belongs to a program that keeps it for itself), or what the kernel says.
 */
int nft_open_add(const char *ifname, const struct open_place *place, uint32_t mark, uint32_t mask,
		 struct err *err);
/**
 * nft_open_remove() - delete such rules of @ifname in every table, but those that accept exactly
 * @but_mark under @but_mask (mask 0: delete all). 0 also if there is none.
 */
int nft_open_remove(const char *ifname, uint32_t but_mark, uint32_t but_mask, struct err *err);

#endif
