/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hairpin routing: ip rules scoped to the slice, a route, a neighbour. See docs/hairpin.md. */
#ifndef EINAT_HAIRPIN_H
#define EINAT_HAIRPIN_H

#include <stdio.h>

#include "lib/err.h"
#include "lib/net.h"
#include "lib/ports.h"

struct hairpin_spec {
	const char *ifname;
	int ifindex;
	uint8_t mac[6];
	bool has_mac; /* the device has Ethernet headers, so it needs a neighbour entry */
	const struct net_addr *external;
	size_t n_external;
	char **in_ifs; /* names; "lo" for this host itself */
	size_t n_in_ifs;
	unsigned protos;		   /* PROTO_ mask; ICMP gets no rule */
	struct port_set ports[PROTO_COUNT]; /* external ports that are turned around */
};

int hairpin_apply(const struct hairpin_spec *spec, struct err *err);
int hairpin_remove(const char *ifname, struct err *err);
int hairpin_print(const struct hairpin_spec *spec, FILE *out);

#endif
