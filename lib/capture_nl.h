/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records of netlink messages, each as the kernel sent it, one behind the other. */
#ifndef EINAT_CAPTURE_NL_H
#define EINAT_CAPTURE_NL_H

#include "lib/capture.h"
#include "lib/rtnl.h"

/* Writes what is to be kept of @nlh into @r: 0, or -errno, which ends the dump. */
typedef int (*capture_nl_fn)(struct capture_record *r, const struct nlmsghdr *nlh, void *arg);

struct capture_nl {
	size_t max; /* messages; 0: all */
	bool once; /* a disturbed dump is not begun anew but ends with -EINTR */
	capture_nl_fn keep; /* NULL: keep all as they are */
	void *arg;
};

/**
 * capture_dump() - send the dump request @nlh, append to @r what is answered.
 * @how: NULL for all
 * Returns 0; 1 if there were more than @how->max messages and the rest was not read, in which
 * case @nl can only be closed; or -errno, see rtnl_reason(): @r is then as it was.
 */
int capture_dump(struct capture_record *r, struct rtnl *nl, struct nlmsghdr *nlh,
		 const struct capture_nl *how);

/**
 * capture_links() - the record "link" of all interfaces (RTM_NEWLINK), unless @c has one.
 * Statistics are left out. 0 or -errno with @err.
 */
int capture_links(struct capture *c, struct err *err);

/** capture_put_msg() - append @nlh; its sequence number and port are left out. */
int capture_put_msg(struct capture_record *r, const struct nlmsghdr *nlh);

/**
 * capture_msg() - the message at *@at (0 at first) of @r; NULL at the end, or where the bytes are
 * no message with at least @hdr bytes of payload (*@at is then below @r->len).
 */
const struct nlmsghdr *capture_msg(const struct capture_record *r, size_t hdr, size_t *at);

#endif
