/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What conntrack.c and ct_events.c share. */
#ifndef EINAT_CT_PRIV_H
#define EINAT_CT_PRIV_H

#include <libmnl/libmnl.h>

#include "src/conntrack.h"

#define NL_ALIGNED __attribute__((aligned(8))) /* for buffers that hold struct nlmsghdr */

struct ct {
	struct mnl_socket *query;
	unsigned seq;
	bool ipv6; /* flows of IPv6 count too */
	struct mnl_socket *events; /* NULL: not started */
	ct_event_fn fn;
	void *data;
};

/** ct_socket() - NETLINK_NETFILTER socket bound to @groups; NULL with errno and @err set. */
struct mnl_socket *ct_socket(int flags, unsigned groups, struct err *err);

/** ct_events_filter() - let the kernel give events of the wanted families alone. */
void ct_events_filter(const struct ct *ct);

#endif
