/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the groups of rules share; for check/ alone. */
#ifndef EINAT_CHECK_IMPL_H
#define EINAT_CHECK_IMPL_H

#include "check/check.h"
#include "check/host.h"
#include "nft/read.h"

struct check {
	const struct conf_if *conf;
	const struct fw_snapshot *fw;
	const struct host *host;
	const struct host_link *link; /* the external interface; NULL: there is none */
	struct net_list external; /* its addresses, as host prefixes */
	struct port_set slice[PROTO_COUNT]; /* ports of all slices, without the excluded ones */
	struct port_set taken[PROTO_COUNT]; /* of those: what belongs to someone else */
	struct findings *fs;
};

/* Each adds findings; 0 or -ENOMEM. */
int check_link(struct check *x); /* the interface, its addresses, programs on it */
int check_system(struct check *x); /* settings, sockets, connection tracking */
int check_routing(struct check *x); /* routing rules */
int check_way_out(struct check *x); /* routes */
int check_rules(struct check *x); /* packet filter rules */
int check_own(struct check *x); /* what a running einat has written */
int check_left(struct check *x); /* last: what is left of the slice */

/** port_set_longest() - the longest range of @s; returns its length, 0: there is none. */
int port_set_longest(const struct port_set *s, uint16_t *ret_lo, uint16_t *ret_hi);
/** check_take() - a port of the slice that is not einat's. */
int check_take(struct check *x, unsigned proto, uint16_t lo, uint16_t hi);

#endif
