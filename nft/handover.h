/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * While flows are handed back to masquerade, packets come in that the programs still translate,
 * although conntrack translates their flow already. Conntrack would take each for a new flow, whose
 * reply direction is in use, and give it another source port: the host answers a TCP segment of
 * that kind with a reset, which ends the connection. So such packets are not tracked meanwhile. A
 * firewall may reject what is not tracked: a reset that this router sends in a host's name then
 * (reject with tcp reset) would end the connection as well, and is dropped; TCP sends again.
 * Those of hosts that have nothing to be handed back are: others may NAT or filter them.
 */
#ifndef EINAT_NFT_HANDOVER_H
#define EINAT_NFT_HANDOVER_H

#include "lib/err.h"
#include "lib/net.h"

/**
 * nft_handover_begin() - a table of its own (docs/nftables.md): what enters by @ifname and has been
 * translated to one of @hosts (internal addresses or prefixes) is not tracked, and what this host
 * itself sends by TCP as one of them is dropped. For milliseconds, since a firewall that lets in
 * what it knows alone drops such packets. A table that is there gets these hosts instead. 0 or
 * -errno: then all is as before.
 */
int nft_handover_begin(const char *ifname, const struct net_list *hosts, struct err *err);
/** nft_handover_remove() - one that a killed einat has left; 0 also if there is none. */
int nft_handover_remove(const char *ifname, struct err *err);
/**
 * nft_handover_end() - the programs are off: remove it, once the packets are through that are
 * between them and conntrack now (some 10 ms); 0 also if there is none.
 */
int nft_handover_end(const char *ifname, struct err *err);

#endif
