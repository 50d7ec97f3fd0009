/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The records of packet filter rules: what writes them and what reads them agree on this. */
#ifndef EINAT_NFT_CAPTURE_PRIV_H
#define EINAT_NFT_CAPTURE_PRIV_H

#include <linux/netfilter.h>

#include "lib/capture_nl.h"

#define FW_REC_NFT	  "nft" /* netlink messages of nf_tables; the names: */
#define FW_REC_TABLES	  "tables"
#define FW_REC_CHAINS	  "chains"
#define FW_REC_SETS	  "sets"
#define FW_REC_ELEMENTS	  "elements"
#define FW_REC_OBJECTS	  "objects"
#define FW_REC_FLOWTABLES "flowtables"
#define FW_REC_RULES	  "rules"

/* Tables of iptables-legacy, by name: struct ipt_getinfo (ip6tables' is the same) in
 * FW_LEGACY_HEAD bytes, then the entries, which so keep their alignment. */
#define FW_REC_LEGACY4 "iptables-legacy"
#define FW_REC_LEGACY6 "ip6tables-legacy"
#define FW_LEGACY_HEAD ((sizeof(struct ipt_getinfo) + 15) & ~(size_t)15)

/** legacy_capture() - records of the tables of @family (NFPROTO_IPV4, NFPROTO_IPV6). */
int legacy_capture(struct capture *c, int family, struct err *err);

#endif
