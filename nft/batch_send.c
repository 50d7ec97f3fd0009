// SPDX-License-Identifier: GPL-2.0-or-later
/* Handing a batch to the kernel, and what its errors mean. */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libnftnl/common.h>

#include "nft/batch_int.h"

/* ---- errors in words --------------------------------------------------------------------- */

static const char *const cmd_words[] = {
	[CMD_TABLE_ADD] = "add table",	 [CMD_TABLE_DEL] = "delete table",
	[CMD_CHAIN_ADD] = "add chain",	 [CMD_SET_ADD] = "add set",
	[CMD_SET_FLUSH] = "empty set",	 [CMD_ELEM_ADD] = "add elements to set",
	[CMD_RULE_ADD] = "add the rule",
};

struct seek {
	uint32_t seq;
	const struct nlmsghdr *nlh;
};

static void seek_msg(const struct nlmsghdr *nlh, void *arg)
{
	struct seek *s = arg;

	if (nlh->nlmsg_seq == s->seq)
		s->nlh = nlh;
}

/* The name of the expression (a list element of the rule) that the kernel points to, or NULL. */
static const char *expr_at(struct batch *b, const struct batch_failure *f)
{
	struct seek s = { .seq = f->seq };
	const struct nlattr *at, *attr;

	batch_foreach(b, seek_msg, &s);
	if (!s.nlh || !f->offset || f->offset + sizeof(*at) > s.nlh->nlmsg_len)
		return NULL;
	at = (const struct nlattr *)((const char *)s.nlh + f->offset);
	if (f->offset + at->nla_len > s.nlh->nlmsg_len)
		return NULL;
	/* some kernels point to the name itself */
	if (mnl_attr_get_type(at) == NFTA_EXPR_NAME && !(at->nla_type & NLA_F_NESTED))
		return mnl_attr_get_str(at);
	mnl_attr_for_each_nested (attr, at)
		if (mnl_attr_get_type(attr) == NFTA_EXPR_NAME)
			return mnl_attr_get_str(attr);
	return NULL;
}

/* The kernel's module for an expression that can be missing; NULL: always there. */
static const char *expr_module(const char *expr)
{
	static const struct {
		const char *expr, *module;
	} list[] = {
		{ "masq", "nft_masq" },	      { "nat", "nft_nat" },
		{ "ct", "nft_ct" },	      { "fib", "nft_fib_inet" },
		{ "counter", "nft_counter" }, { "flow_offload", "nft_flow_offload" },
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++)
		if (!strcmp(expr, list[i].expr))
			return list[i].module;
	return NULL;
}

/* What the kernel lacks, if the failure says that it lacks something; else NULL. */
static const char *missing(struct batch *b, const struct batch_cmd *cmd,
			   const struct batch_failure *f)
{
	bool no_such = f->errnum == ENOENT, unsupported = f->errnum == EOPNOTSUPP ||
							  f->errnum == EAFNOSUPPORT ||
							  f->errnum == EPROTONOSUPPORT;
	const char *expr;

	if (!no_such && !unsupported)
		return NULL;
	switch (cmd->kind) {
	case CMD_TABLE_ADD:
		return "nf_tables for family inet (CONFIG_NF_TABLES_INET)";
	case CMD_CHAIN_ADD:
		/* the table was made just before: only the chain's type can be unknown */
		return "nft_chain_nat for family inet (Linux 5.2 or later)";
	case CMD_SET_ADD:
		return "this type of nf_tables set (nf_tables_set)";
	case CMD_RULE_ADD:
		expr = expr_at(b, f);
		if (expr)
			return expr_module(expr);
		return unsupported ? "an expression of this rule" : NULL;
	case CMD_TABLE_DEL:
	case CMD_SET_FLUSH:
	case CMD_ELEM_ADD:
		break;
	}
	return NULL;
}

int batch_explain(struct batch *b, const struct batch_failure *f, struct err *err)
{
	size_t i = f->seq - BATCH_SEQ_FIRST;
	const struct batch_cmd *cmd;
	const char *lacks;

	if (f->errnum == EPERM)
		return err_set(err, EPERM,
			       "cannot change nftables table inet %s: CAP_NET_ADMIN is needed "
			       "(run as root)",
			       b->table);
	/* an error about the batch as a whole carries the number of its first message */
	if (f->seq < BATCH_SEQ_FIRST || i >= b->n) {
		if (f->errnum == EOPNOTSUPP || f->errnum == EINVAL)
			return err_set(err, EOPNOTSUPP,
				       "cannot write nftables table inet %s: the kernel lacks "
				       "nf_tables",
				       b->table);
		return err_sys(err, f->errnum, "cannot write nftables table inet %s", b->table);
	}
	cmd = &b->cmd[i];
	lacks = missing(b, cmd, f);
	if (lacks)
		return err_set(err, EOPNOTSUPP,
			       "cannot %s `%s` (nftables table inet %s): the kernel lacks %s",
			       cmd_words[cmd->kind], cmd->text, b->table, lacks);
	err_sys(err, f->errnum, "cannot %s `%s` (nftables table inet %s)", cmd_words[cmd->kind],
		cmd->text, b->table);
	if (f->text[0])
		err_hint(err, f->errnum, "kernel: %s", f->text);
	return -f->errnum;
}

/* ---- talking to the kernel ---------------------------------------------------------------- */

static struct mnl_socket *open_socket(struct err *err)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	int one = 1, e;

	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		e = errno;
		if (nl)
			mnl_socket_close(nl);
		if (e == EPROTONOSUPPORT || e == EAFNOSUPPORT)
			err_set(err, e, "the kernel lacks nfnetlink, so it has no nftables");
		else
			err_sys(err, e, "netlink socket for nftables");
		errno = e;
		return NULL;
	}
	/* both only make errors more telling: a kernel without them is served all the same */
	mnl_socket_setsockopt(nl, NETLINK_CAP_ACK, &one, sizeof(one));
	mnl_socket_setsockopt(nl, NETLINK_EXT_ACK, &one, sizeof(one));
	return nl;
}

/* A batch must reach the kernel as one datagram, however long. */
static int send_all(struct mnl_socket *nl, struct batch *b)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct msghdr msg = { .msg_name = &kernel, .msg_namelen = sizeof(kernel) };
	int n = batch_iovec(b, &msg.msg_iov), ret = 0, room = 0;

	if (n < 0)
		return n;
	msg.msg_iovlen = (size_t)n;
	for (int i = 0; i < n; i++)
		room += (int)msg.msg_iov[i].iov_len;
	/* the kernel doubles the value; the plain option serves where the forced one is refused */
	if (setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)))
		setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	while (sendmsg(mnl_socket_get_fd(nl), &msg, 0) < 0)
		if (errno != EINTR) {
			ret = -errno;
			break;
		}
	free(msg.msg_iov);
	return ret;
}

static int ext_ack_attr(const struct nlattr *attr, void *arg)
{
	struct batch_failure *f = arg;

	if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_OFFS && mnl_attr_get_payload_len(attr) == 4)
		f->offset = mnl_attr_get_u32(attr);
	if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
	    !mnl_attr_validate(attr, MNL_TYPE_NUL_STRING))
		snprintf(f->text, sizeof(f->text), "%s", mnl_attr_get_str(attr));
	return MNL_CB_OK;
}

/* The error of the first command in the batch counts: later ones may follow from it. */
static void take_error(const struct nlmsghdr *nlh, struct batch_failure *f)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
	size_t skip = sizeof(*e);

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*e) || !e->error ||
	    (f->errnum && f->seq <= nlh->nlmsg_seq))
		return;
	*f = (struct batch_failure){ .errnum = -e->error, .seq = nlh->nlmsg_seq };
	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	/* not capped: the kernel sends our message back before the attributes */
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		skip += mnl_nlmsg_get_payload_len(&e->msg);
	mnl_attr_parse(nlh, (unsigned)skip, ext_ack_attr, f);
}

/* The kernel works within sendmsg(): once that is back, all errors are there to be read. */
static int receive(struct mnl_socket *nl, struct batch_failure *f)
{
	char *buf = malloc(MNL_SOCKET_BUFFER_SIZE);
	int ret = 0;

	if (!buf)
		return -ENOMEM;
	for (;;) {
		ssize_t n = recv(mnl_socket_get_fd(nl), buf, (size_t)MNL_SOCKET_BUFFER_SIZE,
				 MSG_DONTWAIT);
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)buf;
		int len = (int)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			/* ENOBUFS: more errors than room, the first ones have been read */
			if (errno != EAGAIN && errno != ENOBUFS)
				ret = -errno;
			if (errno == ENOBUFS && !f->errnum)
				*f = (struct batch_failure){ .errnum = ENOBUFS };
			break;
		}
		for (; mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len))
			if (nlh->nlmsg_type == NLMSG_ERROR)
				take_error(nlh, f);
	}
	free(buf);
	return ret;
}

int batch_send(struct batch *b, struct err *err)
{
	struct batch_failure f = { 0 };
	struct mnl_socket *nl;
	int ret = batch_close(b);

	if (ret)
		return err_sys(err, -ret, "nftables table inet %s", b->table);
	nl = open_socket(err);
	if (!nl)
		return -errno;
	ret = send_all(nl, b);
	if (!ret)
		ret = receive(nl, &f);
	mnl_socket_close(nl);
	if (ret)
		return err_sys(err, -ret, "cannot send nftables table inet %s to the kernel",
			       b->table);
	return f.errnum ? batch_explain(b, &f, err) : 0;
}

int batch_table_exists(const char *table, struct err *err)
{
	char buf[MNL_SOCKET_BUFFER_SIZE];
	struct mnl_socket *nl = open_socket(err);
	struct nlmsghdr *nlh;
	ssize_t n;
	int ret;

	if (!nl)
		return -errno;
	nlh = nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETTABLE, NFPROTO_INET, 0, BATCH_SEQ_FIRST);
	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, table);
	n = mnl_socket_sendto(nl, nlh, nlh->nlmsg_len);
	if (n >= 0)
		n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
	ret = n < 0 ? -errno : mnl_cb_run(buf, (size_t)n, BATCH_SEQ_FIRST, 0, NULL, NULL);
	if (ret < 0 && n >= 0)
		ret = -errno;
	mnl_socket_close(nl);
	if (ret >= 0)
		return 1;
	if (ret == -ENOENT)
		return 0;
	return err_sys(err, -ret, "cannot ask the kernel for nftables table inet %s", table);
}
