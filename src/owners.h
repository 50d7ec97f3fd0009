/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ledger of port owners of one external interface: which ports are not einat's, and why. */
#ifndef EINAT_OWNERS_H
#define EINAT_OWNERS_H

#include "lib/net.h"
#include "lib/ports.h"
#include "src/conntrack.h"

enum owner_kind {
	OWNER_NETFILTER, /* flows in conntrack, counted one by one */
	OWNER_SOCKET, /* the others are snapshots, see owners_set() */
	OWNER_DNAT,
	OWNER_OPERATOR, /* --exclude-ports */
	OWNER_KIND_COUNT,
};
const char *owner_kind_name(enum owner_kind kind);

/* Whether einat has a live binding at @ext:@port; @proto is an enum einat_proto, as below. */
typedef bool (*owners_bound_fn)(unsigned proto, const struct net_addr *ext, uint16_t port,
				void *data);
struct owners;
struct owners *owners_new(owners_bound_fn bound, void *data);
void owners_free(struct owners *o);

int owners_set(struct owners *o, enum owner_kind kind, unsigned proto,
	       const struct port_set *ports);
int owners_flow_add(struct owners *o, const struct ct_flow *flow, const struct net_addr *ext,
		    size_t n_ext);
void owners_flow_del(struct owners *o, const struct ct_flow *flow);
void owners_flow_reset(struct owners *o);
void owners_resync_begin(struct owners *o);
void owners_resync_end(struct owners *o);

unsigned owners_taken(const struct owners *o, unsigned proto, uint16_t port);
uint64_t owners_generation(const struct owners *o);
int owners_ports(const struct owners *o, enum owner_kind kind, unsigned proto,
		 struct port_set *ret_ports);
int owners_foreign_ports(const struct owners *o, unsigned proto, struct port_set *ret_ports);
size_t owners_flow_count(const struct owners *o);
#endif
