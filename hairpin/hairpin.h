/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hairpin routing: ip rules scoped to the slice, a route, a neighbour. See docs/hairpin.md. */
#ifndef EINAT_HAIRPIN_H
#define EINAT_HAIRPIN_H

#include <stdio.h>

#include "lib/err.h"
#include "lib/net.h"
#include "lib/ports.h"

/* What tells hairpin's own objects from all others. */
#define HAIRPIN_TABLE_BASE  0x65690000u /* routing tables BASE..BASE + 0xffff, one an interface */
#define HAIRPIN_NEIGH_PROTO 101 /* NDA_PROTOCOL of the neighbour entries */
#define HAIRPIN_LOCAL_MARK                                                                         \
	0x65696e61u /* suppress_ifgroup of the moved `local` rule: without effect */

struct hairpin_spec {
	const char *ifname;
	int ifindex;
	uint8_t mac[6];
	bool has_mac; /* the device has Ethernet headers, so it needs a neighbour entry */
	const struct net_addr *external; /* each family has rules of its own */
	size_t n_external;
	char **in_ifs; /* names; "lo" for this host itself; they need not exist yet */
	size_t n_in_ifs;
	unsigned protos; /* PROTO_ mask; ICMP gets no rule */
	struct port_set ports[PROTO_COUNT]; /* external ports that are turned around */
};

/** hairpin_apply() - make the kernel's state that of @spec, adding before deleting. On failure
 * nothing is changed. Nothing to turn around (no in_ifs, no ports) equals hairpin_remove(). */
int hairpin_apply(const struct hairpin_spec *spec, struct err *err);
/** hairpin_check() - 1: all is as hairpin_apply() would leave it, 0: something differs, or -errno.
 */
int hairpin_check(const struct hairpin_spec *spec, struct err *err);
/** hairpin_remove() - delete all that was written for @ifname, which need not exist any more; with
 * the last interface's rules the `local` rule goes back to 0. 0 also if there was nothing. */
int hairpin_remove(const char *ifname, struct err *err);
/** hairpin_print() - what apply would write to a system without it, as ip commands; changes
 * nothing. */
int hairpin_print(const struct hairpin_spec *spec, FILE *out);

/** hairpin_table() - the routing table of @ifname; hairpin_owns_table() - whether it is such a
 * table. */
uint32_t hairpin_table(const char *ifname);
bool hairpin_owns_table(uint32_t table);

#endif
