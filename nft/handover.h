/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * While flows are handed back to masquerade, packets come in that the programs still translate,
 * although conntrack translates their flow already. Conntrack would take each for a new flow, whose
 * reply direction is in use, and give it another source port: the host answers a TCP segment of
 * that kind with a reset, which ends the connection. So such packets are not tracked meanwhile.
 */
#ifndef EINAT_NFT_HANDOVER_H
#define EINAT_NFT_HANDOVER_H

#include <stdbool.h>

#include "lib/err.h"

/**
 * nft_handover_begin() - a table of its own (docs/nftables.md): what enters by @ifname and goes on
 * to another host is not tracked. For milliseconds, since a firewall that lets in what it knows
 * alone drops such packets. 0 or -errno: then all is as before.
 */
int nft_handover_begin(const char *ifname, bool ipv6_only, struct err *err);
/** nft_handover_end() - remove it; 0 also if there is none. */
int nft_handover_end(const char *ifname, struct err *err);

#endif
