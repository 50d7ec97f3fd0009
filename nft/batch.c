// SPDX-License-Identifier: GPL-2.0-or-later
/* Building a batch; batch_send.c hands it to the kernel. */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <libnftnl/common.h>

#include "nft/batch_int.h"

/* A message may be as long as an attribute's 16-bit length allows. */
#define MSG_MAX	 (UINT16_MAX + 4096)
#define PAGE_LEN (128 * 1024)

struct batch *batch_new(const char *table)
{
	struct batch *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	snprintf(b->table, sizeof(b->table), "%s", table);
	b->nl = nftnl_batch_alloc(PAGE_LEN, MSG_MAX);
	if (!b->nl) {
		free(b);
		return NULL;
	}
	nftnl_batch_begin(nftnl_batch_buffer(b->nl), BATCH_SEQ_BEGIN);
	b->failed = nftnl_batch_update(b->nl) < 0;
	return b;
}

void batch_free(struct batch *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->n; i++)
		free(b->cmd[i].text);
	free(b->cmd);
	nftnl_batch_free(b->nl);
	free(b);
}

/*
 * Room for one more message, with its header put, or NULL; batch_end() follows. Commands are
 * numbered from BATCH_SEQ_FIRST: that is how an error finds its command.
 */
static struct nlmsghdr *msg_begin(struct batch *b, enum batch_cmd_kind kind, const char *text,
				  uint16_t type, uint16_t flags)
{
	struct batch_cmd *cmd = b->failed ? NULL : realloc(b->cmd, (b->n + 1) * sizeof(*cmd));
	char *copy = cmd ? strdup(text) : NULL;

	if (cmd)
		b->cmd = cmd;
	if (!copy) {
		b->failed = true;
		return NULL;
	}
	b->cmd[b->n] = (struct batch_cmd){ .kind = kind, .text = copy };
	return nftnl_nlmsg_build_hdr(nftnl_batch_buffer(b->nl), type, NFPROTO_INET, flags,
				     BATCH_SEQ_FIRST + (uint32_t)b->n++);
}

static void msg_end(struct batch *b)
{
	if (nftnl_batch_update(b->nl) < 0)
		b->failed = true;
}

static void table_msg(struct batch *b, enum batch_cmd_kind kind, uint16_t type, uint16_t flags)
{
	struct nftnl_table *t = nftnl_table_alloc();
	struct nlmsghdr *nlh = t ? msg_begin(b, kind, b->table, type, flags) : NULL;

	if (nlh) {
		nftnl_table_set_u32(t, NFTNL_TABLE_FAMILY, NFPROTO_INET);
		nftnl_table_set_str(t, NFTNL_TABLE_NAME, b->table);
		nftnl_table_nlmsg_build_payload(nlh, t);
		msg_end(b);
	} else {
		b->failed = true;
	}
	if (t)
		nftnl_table_free(t);
}

void batch_add_table(struct batch *b)
{
	table_msg(b, CMD_TABLE_ADD, NFT_MSG_NEWTABLE, NLM_F_CREATE);
}

void batch_del_table(struct batch *b)
{
	table_msg(b, CMD_TABLE_DEL, NFT_MSG_DELTABLE, 0);
}

void batch_add_chain(struct batch *b, const struct nftnl_chain *c)
{
	struct nlmsghdr *nlh =
		c ? msg_begin(b, CMD_CHAIN_ADD, nftnl_chain_get_str(c, NFTNL_CHAIN_NAME),
			      NFT_MSG_NEWCHAIN, NLM_F_CREATE)
		  : NULL;

	if (!nlh) {
		b->failed = true;
		return;
	}
	nftnl_chain_nlmsg_build_payload(nlh, c);
	msg_end(b);
}

void batch_add_set(struct batch *b, const struct nftnl_set *s)
{
	struct nlmsghdr *nlh = s ? msg_begin(b, CMD_SET_ADD, nftnl_set_get_str(s, NFTNL_SET_NAME),
					     NFT_MSG_NEWSET, NLM_F_CREATE)
				 : NULL;

	if (!nlh) {
		b->failed = true;
		return;
	}
	nftnl_set_nlmsg_build_payload(nlh, (struct nftnl_set *)s);
	msg_end(b);
}

/* Without a list of elements the kernel deletes all of them. */
void batch_flush_set(struct batch *b, const char *set)
{
	struct nlmsghdr *nlh = msg_begin(b, CMD_SET_FLUSH, set, NFT_MSG_DELSETELEM, 0);

	if (!nlh)
		return;
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, b->table);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, set);
	msg_end(b);
}

void batch_add_elems(struct batch *b, const struct nftnl_set *s)
{
	struct nftnl_set_elems_iter *iter = s ? nftnl_set_elems_iter_create(s) : NULL;
	int more = 1;

	if (!iter) {
		b->failed = true;
		return;
	}
	/* the list attribute of one message holds 64 KiB at most */
	while (more > 0) {
		struct nlmsghdr *nlh =
			msg_begin(b, CMD_ELEM_ADD, nftnl_set_get_str(s, NFTNL_SET_NAME),
				  NFT_MSG_NEWSETELEM, NLM_F_CREATE);

		if (!nlh)
			break;
		more = nftnl_set_elems_nlmsg_build_payload_iter(nlh, iter);
		msg_end(b);
	}
	if (more < 0)
		b->failed = true;
	nftnl_set_elems_iter_destroy(iter);
}

void batch_add_rule(struct batch *b, struct nftnl_rule *r, const char *text)
{
	struct nlmsghdr *nlh =
		msg_begin(b, CMD_RULE_ADD, text, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);

	if (!nlh)
		return;
	nftnl_rule_nlmsg_build_payload(nlh, r);
	msg_end(b);
}

int batch_close(struct batch *b)
{
	if (b->failed)
		return -ENOMEM;
	if (b->closed)
		return 0;
	nftnl_batch_end(nftnl_batch_buffer(b->nl), BATCH_SEQ_FIRST + (uint32_t)b->n);
	if (nftnl_batch_update(b->nl) < 0)
		return -ENOMEM;
	b->closed = true;
	return 0;
}

int batch_iovec(struct batch *b, struct iovec **ret_iov)
{
	int n = nftnl_batch_iovec_len(b->nl);
	struct iovec *iov = calloc((size_t)n, sizeof(*iov));

	if (!iov)
		return -ENOMEM;
	nftnl_batch_iovec(b->nl, iov, (uint32_t)n);
	*ret_iov = iov;
	return n;
}

void batch_foreach(struct batch *b, void (*fn)(const struct nlmsghdr *nlh, void *arg), void *arg)
{
	struct iovec *iov;
	int n;

	if (batch_close(b))
		return;
	n = batch_iovec(b, &iov);
	for (int i = 0; i < n; i++) {
		const struct nlmsghdr *nlh = iov[i].iov_base;
		int len = (int)iov[i].iov_len;

		for (; mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len))
			fn(nlh, arg);
	}
	if (n >= 0)
		free(iov);
}
