/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tells that nftables rules of this network namespace have changed, and whose. */
#ifndef EINAT_NFT_EVENTS_H
#define EINAT_NFT_EVENTS_H

#include "lib/err.h"

struct nft_events;
int nft_events_open(struct nft_events **ret_ev, struct err *err);
int nft_events_fd(const struct nft_events *ev);
enum {
	NFT_EV_FOREIGN = 1 << 0, /* rules of others */
	NFT_EV_OURS =
		1 << 1, /* something is gone from one of einat's own tables, or its flags changed */
	NFT_EV_REPLACED = 1 << 2, /* another process has made a table of einat's name */
	NFT_EV_EDITED = 1 << 3, /* another process has changed elements of a set of einat's */
};
/** nft_events_drain() - read all that is pending: a mask of NFT_EV_. */
int nft_events_drain(struct nft_events *ev);
/**
 * nft_events_by() - the name of the other process that was the last to touch a table of einat's, as
 * the kernel tells it (15 characters); "" before that, or if the kernel does not tell.
 */
const char *nft_events_by(const struct nft_events *ev);
void nft_events_close(struct nft_events *ev);

#endif
