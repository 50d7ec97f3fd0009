/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A batch of nf_tables commands: the kernel carries out all of them or none. Each command is
 * kept with words that name it, so that an error is told as "what failed, why".
 */
#ifndef EINAT_NFT_BATCH_H
#define EINAT_NFT_BATCH_H

#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>

#include "lib/err.h"

struct batch;

/** batch_new() - an empty batch about one table; NULL if out of memory. */
struct batch *batch_new(const char *table);
void batch_free(struct batch *b);

/* Adders copy what they are given. Running out of memory is remembered, batch_send() tells. */
void batch_add_table(struct batch *b);
void batch_del_table(struct batch *b);
void batch_add_chain(struct batch *b, const struct nftnl_chain *c);
void batch_add_set(struct batch *b, const struct nftnl_set *s);
void batch_flush_set(struct batch *b, const char *set);
/** batch_add_elems() - as many messages as the elements of @s need. */
void batch_add_elems(struct batch *b, const struct nftnl_set *s);
/** batch_add_rule() - @text: the rule in nft syntax, for error messages. */
void batch_add_rule(struct batch *b, struct nftnl_rule *r, const char *text);

/**
 * batch_send() - close the batch, hand it to the kernel and wait for the answer.
 * Returns 0 or the -errno of the first command that failed, then nothing has been changed:
 * -EPERM (no CAP_NET_ADMIN), -EOPNOTSUPP (the kernel lacks what @err names), -ENOENT (table or set
 * is not there), -ENOMEM, or what the kernel says.
 */
int batch_send(struct batch *b, struct err *err);

/** batch_foreach() - call @fn for each message of the closed batch, in order (tests). */
void batch_foreach(struct batch *b, void (*fn)(const struct nlmsghdr *nlh, void *arg), void *arg);

/** batch_table_exists() - ask the kernel for the table: 1, 0 or -errno with @err. */
int batch_table_exists(const char *table, struct err *err);

#endif
