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
};
/** nft_events_drain() - read all that is pending: a mask of NFT_EV_. */
int nft_events_drain(struct nft_events *ev);
void nft_events_close(struct nft_events *ev);

#endif
