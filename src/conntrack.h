/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Conntrack over ctnetlink: dump, events, deletion, hand-back; of UDP, TCP and ICMP queries. */
#ifndef EINAT_CONNTRACK_H
#define EINAT_CONNTRACK_H

#include "lib/ct_msg.h"
#include "lib/err.h"
#include "lib/net.h"

struct ct;
int ct_open(struct ct **ret_ct, struct err *err);
void ct_close(struct ct *ct);
/** ct_set_ipv6() - whether dumps and events give flows of IPv6 too. */
void ct_set_ipv6(struct ct *ct, bool ipv6);

typedef int (*ct_flow_fn)(const struct ct_flow *flow, void *data);
int ct_dump(struct ct *ct, ct_flow_fn fn, void *data, struct err *err);

enum ct_event { CT_NEW, CT_DESTROY };
typedef void (*ct_event_fn)(enum ct_event ev, const struct ct_flow *flow, void *data);
int ct_events_start(struct ct *ct, ct_event_fn fn, void *data, struct err *err);
int ct_events_fd(const struct ct *ct);
int ct_events_drain(struct ct *ct);

int ct_del(struct ct *ct, const struct ct_flow *flow, struct err *err);
int ct_add_snat(struct ct *ct, const struct ct_flow *flow, const struct net_addr *ext,
		uint16_t ext_port, struct err *err);
int ct_replace_snat(struct ct *ct, const struct ct_flow *flow, const struct net_addr *ext,
		    uint16_t ext_port, struct err *err);
#endif
