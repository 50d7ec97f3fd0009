/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reader: what other programs' rules (nf_tables, iptables-nft, iptables-legacy) do here. */
#ifndef EINAT_NFT_FOREIGN_H
#define EINAT_NFT_FOREIGN_H

#include "lib/err.h"
#include "lib/net.h"
#include "lib/ports.h"

/* A masquerade or SNAT rule of postrouting that can apply to what leaves on the interface. */
struct foreign_snat {
	char *where;	     /* "ip nat POSTROUTING handle 7", "iptables-legacy nat POSTROUTING #2" */
	struct net_list src; /* source prefixes it names; empty: any source */
	bool names_iface;    /* it (or a jump to it) names the interface as its output */
	unsigned protos;     /* PROTO_ mask it can meet */
};

/* A DNAT or redirect rule that can meet packets entering on the interface. */
struct foreign_dnat {
	char *where;
	unsigned protos;
	struct port_set ports; /* destination ports it can meet; all if it names none */
};

/* A forward or raw/mangle prerouting chain that can drop what is translated inwards. */
struct foreign_drop {
	char *where;
	bool xtables;	   /* owned by an iptables back end: nft syntax would not fit */
	bool mark_accepts; /* a rule on the inbound mark accepts before the drop */
};

struct foreign {
	struct foreign_snat *snat;
	size_t n_snat;
	struct foreign_dnat *dnat;
	size_t n_dnat;
	struct foreign_drop *drop;
	size_t n_drop;
};

int foreign_read(const char *ifname, uint32_t inbound_mark, uint32_t inbound_mask,
		 struct foreign **ret_foreign, struct err *err);
void foreign_free(struct foreign *f);

#endif
