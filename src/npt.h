/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stateless prefix translation (RFC 6296): the arithmetic, as bpf/npt.h does it for packets. */
#ifndef EINAT_NPT_H
#define EINAT_NPT_H

#include "bpf/abi.h"
#include "lib/net.h"

/* Of one length, 1..64. */
struct npt_pair {
	struct net_prefix internal, external;
};

/** npt_pair() - the shorter prefix is extended with zeroes to the length of the longer. */
struct npt_pair npt_pair(const struct net_prefix *internal, const struct net_prefix *external);
/** npt_entry() - what the data plane is told, for addresses of @from, which become those of @to. */
struct einat_npt npt_entry(const struct net_prefix *from, const struct net_prefix *to,
			   unsigned flags);
/** npt_map() - the counterpart in @to of @a, which is in @from; false: it has none. */
bool npt_map(const struct net_prefix *from, const struct net_prefix *to, const struct net_addr *a,
	     struct net_addr *ret_addr);

/** npt_overlap() - whether any address is in both. */
bool npt_overlap(const struct net_prefix *a, const struct net_prefix *b);
/**
 * npt_keep() - destinations towards which nothing is translated, added to @list: link-local and
 * multicast addresses, and unique local ones if @ula. 0 or -ENOMEM.
 */
int npt_keep(struct net_list *list, bool ula);
/** npt_is_ula() - unique local addresses, RFC 4193. */
bool npt_is_ula(const struct net_prefix *p);

#endif
