/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A rule in iptables-save syntax: the part that both variants print alike. */
#ifndef EINAT_NFT_TEXT_IPT_H
#define EINAT_NFT_TEXT_IPT_H

#include "text_int.h"

#define IPT_IFNAME 16

/* What stands before the matches. */
struct ipt_head {
	size_t addr_len; /* 4 or 16 */
	struct ipt_addr {
		uint8_t addr[16], mask[16];
		bool inv;
	} src, dst;
	struct ipt_iface {
		char name[IPT_IFNAME]; /* not terminated if it is wild or 16 long */
		uint8_t len; /* 0: any */
		bool wild, inv;
	} in, out;
	unsigned proto; /* 0: any */
	bool proto_inv;
	bool frag, frag_inv;
};

/** ipt_head_text() - "-A CHAIN -s ... -p tcp" */
void ipt_head_text(struct tbuf *b, const struct fw_chain *c, const struct ipt_head *h);
/** ipt_verdict_text() - " -j ACCEPT", " -g CHAIN" */
void ipt_verdict_text(struct tbuf *b, const struct fw_verdict *v);

#endif
