/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What batch.c and batch_send.c share. */
#ifndef EINAT_NFT_BATCH_INT_H
#define EINAT_NFT_BATCH_INT_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/uio.h>

#include <libnftnl/batch.h>

#include "nft/batch.h"

#define BATCH_SEQ_BEGIN 1u
#define BATCH_SEQ_FIRST 2u

enum batch_cmd_kind {
	CMD_TABLE_ADD,
	CMD_TABLE_DEL,
	CMD_CHAIN_ADD,
	CMD_SET_ADD,
	CMD_SET_FLUSH,
	CMD_ELEM_ADD,
	CMD_RULE_ADD,
};

struct batch_cmd {
	enum batch_cmd_kind kind;
	char *text; /* name of the table, chain or set; the rule in nft syntax */
};

struct batch {
	struct nftnl_batch *nl;
	char table[64];
	struct batch_cmd *cmd; /* command i has sequence number BATCH_SEQ_FIRST + i */
	size_t n;
	bool failed; /* out of memory */
	bool closed;
};

int batch_close(struct batch *b);
/** batch_iovec() - the number of pages, in a malloc'd array, or -ENOMEM. */
int batch_iovec(struct batch *b, struct iovec **ret_iov);

/* The first failure that the kernel reports. */
struct batch_failure {
	int errnum; /* positive; 0: none */
	uint32_t seq; /* of the message at fault */
	uint32_t offset; /* of the attribute at fault in that message; 0: not told */
	char text[128]; /* the kernel's own words, if any */
};

/** batch_explain() - @f in people's words; returns -errno as batch_send() does. */
int batch_explain(struct batch *b, const struct batch_failure *f, struct err *err);

#endif
