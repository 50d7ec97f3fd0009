/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The writer: one nftables table (family inet) per external interface, see docs/nftables.md. */
#ifndef EINAT_NFT_TABLE_H
#define EINAT_NFT_TABLE_H

#include <stdio.h>

#include "lib/err.h"
#include "lib/net.h"
#include "lib/ports.h"

enum nft_rest {
	NFT_REST_OWN, /* our table masquerades the rest */
	NFT_REST_GUARD, /* others masquerade; only what would land on a slice port is moved */
	NFT_REST_NONE,
};

struct nft_slice {
	unsigned protos; /* PROTO_ mask that is claimed now; 0: claim suspended */
	struct net_list internal; /* sources; 0.0.0.0/0 and ::/0 for all */
	struct net_list not_internal; /* except these (subnets that a foreign rule owns) */
	struct net_list exclude_dest; /* no claim towards these */
	uint32_t mark, mark_mask; /* mask 0: any mark */
};

/* DNAT for a static forward outside the slice. Ports host byte order. */
struct nft_forward {
	unsigned proto; /* one PROTO_ bit, UDP or TCP */
	uint16_t port;
	struct net_addr to; /* its family is that of the packets */
	uint16_t to_port;
};

struct nft_spec {
	const char *ifname;
	int ifindex; /* the claim matches it by index */
	bool ipv6; /* rules for IPv6 too; false: IPv6 addresses and prefixes are passed over */
	struct net_addr *external; /* what packets of this host may have as their source */
	size_t n_external;
	struct nft_slice *slices;
	size_t n_slices;
	/* stateless prefix translation, whether or not IPv6 is on otherwise */
	bool nptv6;
	struct net_list npt_claim; /* prefixes whose sources are claimed now; empty: suspended */
	struct net_list npt_internal; /* the same when not suspended */
	struct net_list npt_keep; /* destinations towards which nothing is claimed */
	enum nft_rest rest,
		rest6; /* of IPv4, of IPv6: others may masquerade one and not the other */
	struct net_list
		guarded; /* guard: sources that others masquerade; 0.0.0.0/0, ::/0 for all */
	unsigned kept_protos; /* PROTO_ mask that has slice ports at all */
	struct port_set kept[PROTO_COUNT]; /* ports the masquerade must stay out of */
	struct port_set local[PROTO_COUNT]; /* ports of local sockets inside kept: not moved */
	struct nft_forward *forwards;
	size_t n_forwards;
	const struct nft_edits *edits; /* of others, put into the sets; NULL: none. Borrowed */
};

/*
 * All return 0 or -errno with @err (may be NULL), and write in one atomic batch: on failure the
 * kernel is as before. -EINVAL: the spec makes no sense; -EPERM: no CAP_NET_ADMIN; -EOPNOTSUPP: the
 * kernel lacks what @err names; -ENOMEM.
 */
/** nft_table_apply() - write the whole table; an older one is replaced. */
int nft_table_apply(const struct nft_spec *spec, struct err *err);
/**
 * nft_table_update() - from what apply() or update() has written to @to. Sets that do not differ
 * are left alone (with what a user has added there); if a rule differs, or the table is gone
 * when a set is changed, all is written anew. Nothing is sent when nothing differs.
 */
int nft_table_update(const struct nft_spec *from, const struct nft_spec *to, struct err *err);
/** nft_table_remove() - 0 also if there was none. */
int nft_table_remove(const char *ifname, struct err *err);
/** nft_table_is_own() - whether a table of that name is an einat's, of whichever interface. */
bool nft_table_is_own(const char *name);
/** nft_table_exists() - 1, 0 or -errno. */
int nft_table_exists(const char *ifname, struct err *err);
/** nft_table_print() - what apply() writes, for `nft -f`; -EINVAL also if nft cannot spell ifname.
 */
int nft_table_print(const struct nft_spec *spec, FILE *out);

/*
 * Edits: elements that others have added to sets that docs/nftables.md lets them edit, or removed.
 * Known by reading the sets and comparing them with what was written.
 */
struct nft_edits;
struct nft_edits *nft_edits_new(void); /* NULL: out of memory */
void nft_edits_free(struct nft_edits *e);
/**
 * nft_edits_read() - @written: what apply() or update() has written last; its edits are left out of
 * account. -ENOENT: the table is gone; then, and on any failure, what was known of a set stays.
 */
int nft_edits_read(struct nft_edits *e, const struct nft_spec *written, struct err *err);
/** nft_edits_count() - elements added and removed, an interval counted as one. */
size_t nft_edits_count(const struct nft_edits *e);

/**
 * nft_table_intact() - whether the table in the kernel is active and has as many rules as @spec
 * asks for. 1, 0, or -errno. Elements of sets are not looked at: users may edit them.
 */
int nft_table_intact(const struct nft_spec *spec, struct err *err);

#endif
