/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Observation for one external interface: who owns which port, what others' rules do. */
#ifndef EINAT_OBSERVE_H
#define EINAT_OBSERVE_H

#include "nft/foreign.h"
#include "src/config.h"
#include "src/dataplane.h"
#include "src/link.h"
#include "src/owners.h"
#include "src/sockets.h"

/** observe_foreign() - read others' rules; their DNAT ports go into @owners. */
int observe_foreign(const struct conf_if *cif, const struct link_info *link, struct owners *owners,
		    struct foreign **ret_foreign, struct err *err);
/** observe_dnat() - the DNAT ports of @f that meet an address of @link, into @owners. */
int observe_dnat(const struct foreign *f, bool ipv6, const struct link_info *link,
		 struct owners *owners, struct err *err);
/** observe_legacy() - whether iptables-legacy has tables here: it tells nobody of changes. */
bool observe_legacy(void);
/** observe_forwarding() - net.ipv4.ip_forward; observe_forwarding6() - of IPv6. */
bool observe_forwarding(void);
bool observe_forwarding6(void);
/** observe_link() - link_read(), with the families that are translated. */
int observe_link(const struct conf_if *cif, struct link_info *ret_link, struct err *err);
/** observe_absent() - -ENODEV, with what to say of an interface that is not there. */
int observe_absent(const struct conf_if *cif, struct err *err);
/** observe_sockets() - local sockets into @owners. */
int observe_sockets(const struct link_info *link, struct owners *owners, struct err *err);
/** observe_flows() - conntrack into @owners, in place of what was known. */
int observe_flows(const struct link_info *link, struct ct *ct, struct owners *owners,
		  struct err *err);
/** observe_bound() - ports with live bindings, by protocol; added to @ret_bound. */
int observe_bound(const struct dataplane *dp, struct port_set ret_bound[PROTO_COUNT]);

#endif
