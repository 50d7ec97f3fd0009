/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tells that nftables rules of this network namespace have changed; not which. */
#ifndef EINAT_NFT_EVENTS_H
#define EINAT_NFT_EVENTS_H

#include "lib/err.h"

struct nft_events;
int nft_events_open(struct nft_events **ret_ev, struct err *err);
int nft_events_fd(const struct nft_events *ev);
/** nft_events_drain() - read all that is pending: 1 if anything changed, 0 if not. */
int nft_events_drain(struct nft_events *ev);
void nft_events_close(struct nft_events *ev);

#endif
