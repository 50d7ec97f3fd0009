// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "rtnl.h"

/* The kernel fills at most 32 KiB of a dump at once; one link with many VFs can be larger. */
#define RTNL_BUF     65536
#define DUMP_RETRIES 64

struct rtnl {
	struct mnl_socket *nl;
	unsigned seq;
	char reason[384];
	char buf[RTNL_BUF] __attribute__((aligned(NLMSG_ALIGNTO)));
};

int rtnl_open(struct rtnl **ret_rtnl, struct err *err)
{
	return rtnl_open_other(NETLINK_ROUTE, "routing", ret_rtnl, err);
}

int rtnl_open_other(int family, const char *what, struct rtnl **ret_rtnl, struct err *err)
{
	struct rtnl *r = calloc(1, sizeof(*r));
	int on = 1, ret;

	if (!r)
		return err_sys(err, ENOMEM, "could not open a %s socket", what);
	r->nl = mnl_socket_open2(family, SOCK_CLOEXEC);
	if (!r->nl || mnl_socket_bind(r->nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		ret = err_sys(err, errno, "could not open a %s socket (netlink family %d)", what,
			      family);
		rtnl_close(r);
		return ret;
	}
	/* texts of errors since Linux 4.12, filters of dumps since 4.20: both only improve */
	mnl_socket_setsockopt(r->nl, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(r->nl, NETLINK_CAP_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(r->nl, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	*ret_rtnl = r;
	return 0;
}

void rtnl_close(struct rtnl *r)
{
	if (!r)
		return;
	if (r->nl)
		mnl_socket_close(r->nl);
	free(r);
}

const char *rtnl_reason(const struct rtnl *r)
{
	return r->reason;
}

void rtnl_attrs(const struct nlmsghdr *nlh, size_t hdr, const struct nlattr **tb, unsigned max)
{
	const struct nlattr *attr;

	memset(tb, 0, (max + 1) * sizeof(*tb));
	mnl_attr_for_each (attr, nlh, hdr)
		if (mnl_attr_get_type(attr) <= max)
			tb[mnl_attr_get_type(attr)] = attr;
}

/* The text in the attributes that follow @off bytes of @nlh's payload, or NULL. */
static const char *ext_text(const struct nlmsghdr *nlh, size_t off)
{
	const struct nlattr *attr;

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS) || off > mnl_nlmsg_get_payload_len(nlh))
		return NULL;
	mnl_attr_for_each (attr, nlh, off)
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			return mnl_attr_get_str(attr);
	return NULL;
}

static int fail(struct rtnl *r, int errnum, const char *ext)
{
	snprintf(r->reason, sizeof(r->reason), ext ? "%s (%s)" : "%s", strerror(errnum), ext);
	return -errnum;
}

/* The end of an answer: NLMSG_ERROR (also the acknowledgement) or a dump's NLMSG_DONE. */
static int answer_end(struct rtnl *r, const struct nlmsghdr *nlh)
{
	size_t len = mnl_nlmsg_get_payload_len(nlh), off = sizeof(int);
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
	int error = 0;

	if (nlh->nlmsg_type == NLMSG_ERROR) {
		if (len < sizeof(*e))
			return fail(r, EBADMSG, NULL);
		off = sizeof(*e);
		if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
			off += MNL_ALIGN(e->msg.nlmsg_len - MNL_NLMSG_HDRLEN);
	}
	if (len >= sizeof(int))
		memcpy(&error, mnl_nlmsg_get_payload(nlh), sizeof(error));
	return error < 0 ? fail(r, -error, ext_text(nlh, off)) : 0;
}

static ssize_t receive(struct rtnl *r)
{
	ssize_t n;

	do
		n = mnl_socket_recvfrom(r->nl, r->buf, sizeof(r->buf));
	while (n < 0 && errno == EINTR);
	return n < 0 ? fail(r, errno, NULL) : n;
}

/* @ret_intr: the dump was disturbed (NLM_F_DUMP_INTR), its parts may not fit together. */
static int answer(struct rtnl *r, rtnl_cb cb, void *arg, bool *ret_intr)
{
	int ret = 0;

	for (;;) {
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)r->buf;
		ssize_t n = receive(r);
		int left = (int)n;

		if (n < 0)
			return (int)n;
		for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
			if (nlh->nlmsg_seq != r->seq)
				continue;
			if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
				*ret_intr = true;
			if (nlh->nlmsg_type == NLMSG_ERROR || nlh->nlmsg_type == NLMSG_DONE) {
				int end = answer_end(r, nlh);

				return ret ? ret : end;
			}
			if (cb && !ret) {
				ret = cb(nlh, arg);
				if (ret == -ECANCELED)
					return ret;
				if (ret)
					fail(r, -ret, NULL);
			}
		}
	}
}

static int request(struct rtnl *r, struct nlmsghdr *nlh, unsigned flags, rtnl_cb cb, void *arg,
		   bool *ret_intr)
{
	*ret_intr = false;
	nlh->nlmsg_flags |= NLM_F_REQUEST | flags;
	nlh->nlmsg_pid = 0;
	nlh->nlmsg_seq = ++r->seq;
	if (mnl_socket_sendto(r->nl, nlh, nlh->nlmsg_len) < 0)
		return fail(r, errno, NULL);
	return answer(r, cb, arg, ret_intr);
}

int rtnl_talk(struct rtnl *r, struct nlmsghdr *nlh, rtnl_cb cb, void *arg)
{
	bool intr;

	return request(r, nlh, NLM_F_ACK, cb, arg, &intr);
}

int rtnl_dump_once(struct rtnl *r, struct nlmsghdr *nlh, rtnl_cb cb, void *arg)
{
	bool intr;
	int ret = cb(NULL, arg);

	if (ret)
		return fail(r, -ret, NULL);
	ret = request(r, nlh, NLM_F_DUMP, cb, arg, &intr);
	return !ret && intr ? fail(r, EINTR, NULL) : ret;
}

int rtnl_dump(struct rtnl *r, struct nlmsghdr *nlh, rtnl_cb cb, void *arg)
{
	for (unsigned i = 0; i < DUMP_RETRIES; i++) {
		int ret = rtnl_dump_once(r, nlh, cb, arg);

		if (ret != -EINTR)
			return ret;
	}
	return fail(r, EAGAIN, "it changes faster than it can be read");
}
