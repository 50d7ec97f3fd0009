/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests to rtnetlink: send and wait for the answer, dump, and the kernel's own words on failure.
 */
#ifndef EINAT_RTNL_H
#define EINAT_RTNL_H

#include <libmnl/libmnl.h>

#include "lib/err.h"

struct rtnl;

/** rtnl_open() - a socket of this network namespace; release it with rtnl_close(). */
int rtnl_open(struct rtnl **ret_rtnl, struct err *err);
/** rtnl_open_other() - the same on another netlink family; @what names it in messages. */
int rtnl_open_other(int family, const char *what, struct rtnl **ret_rtnl, struct err *err);
void rtnl_close(struct rtnl *r);

/* What a request returns: 0 or -errno; the first -errno ends the call, after the answer is drained;
 * -ECANCELED ends it at once, and all that can be done with the socket then is to close it.
 */
typedef int (*rtnl_cb)(const struct nlmsghdr *nlh, void *arg);

/**
 * rtnl_talk() - send @nlh (its flags are added to NLM_F_REQUEST | NLM_F_ACK), wait for the answer.
 * @cb: called for each message before the acknowledgement; may be NULL
 * Returns 0 or -errno; rtnl_reason() then holds the text.
 */
int rtnl_talk(struct rtnl *r, struct nlmsghdr *nlh, rtnl_cb cb, void *arg);

/**
 * rtnl_dump() - a consistent dump: begun anew when the kernel says that it was disturbed.
 * @cb: called with NULL at each (new) beginning, to forget what was collected, then with each
 * message
 */
int rtnl_dump(struct rtnl *r, struct nlmsghdr *nlh, rtnl_cb cb, void *arg);

/** rtnl_dump_once() - the same, but a disturbed dump ends with -EINTR. */
int rtnl_dump_once(struct rtnl *r, struct nlmsghdr *nlh, rtnl_cb cb, void *arg);

/** rtnl_reason() - why the last call failed: strerror, and the kernel's extended text if any. */
const char *rtnl_reason(const struct rtnl *r);

/** rtnl_attrs() - @nlh's attributes after a header of @hdr bytes, by type, into @tb[0..@max]. */
void rtnl_attrs(const struct nlmsghdr *nlh, size_t hdr, const struct nlattr **tb, unsigned max);

#endif
