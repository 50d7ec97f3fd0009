/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Networks that other interfaces lead to. One that comes while einat runs takes claimed flows with
 * it, as a default route that moves does: a VPN's narrow route, a routing daemon's. What a network
 * that was there before has of un-NATed flows was never claimed.
 */
#ifndef EINAT_NETWORKS_H
#define EINAT_NETWORKS_H

#include "lib/err.h"
#include "lib/net.h"

/** struct networks - zero-initialised: none has been looked for. */
struct networks {
	struct net_prefix *known; /* other interfaces alone lead there; ascending */
	size_t n;
	bool looked;
	struct net_list fresh; /* have come, and flows into them are yet to be looked for */
};

/**
 * networks_look() - read the routes of all tables; what has come since the last look, and is not
 * part of a network that was there, is added to n->fresh. A way to the Internet is no network; one
 * to which the interface @ifindex leads as well has not come yet. With more routes than
 * NETWORKS_MAX (a router that has the Internet's whole table) none is told. Returns 0 or -errno.
 */
int networks_look(struct networks *n, int ifindex, struct err *err);
#define NETWORKS_MAX 32768
/** networks_seen() - flows into n->fresh have been looked for. */
void networks_seen(struct networks *n);
void networks_free(struct networks *n);

#endif
