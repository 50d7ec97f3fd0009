/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What other programs' rules (nf_tables, iptables-nft, iptables-legacy) do here to IPv4 and to
 * IPv6: a rule that concerns both is reported twice. einat's own tables (einat_*) are left out.
 * What is not understood widens what is reported.
 */
#ifndef EINAT_NFT_FOREIGN_H
#define EINAT_NFT_FOREIGN_H

#include "lib/err.h"
#include "lib/net.h"
#include "lib/ports.h"

struct fw_rule;
struct fw_snapshot;

/* A masquerade or SNAT rule of postrouting that can apply to what leaves on the interface. */
struct foreign_snat {
	bool ipv6;
	char *where; /* "ip nat POSTROUTING handle 7", "iptables-legacy nat POSTROUTING #2" */
	const struct fw_rule *rule; /* of the snapshot; NULL from foreign_read() */
	struct net_list src; /* source prefixes it names; empty: any source */
	bool names_iface; /* it (or a jump to it) names the interface as its output */
	bool names_dest; /* it is confined to some destination addresses or ports */
	unsigned protos; /* PROTO_ mask it can meet */
	uint16_t port_lo, port_hi; /* source ports it gives out; 0: it names none */
	bool own_address; /* SNAT to what the rule says, and no masquerade */
	struct net_addr to; /* that, if it is one address and known; else all zero */
};

/** foreign_owns_subnet() - a rule that names sources and nothing else: those hosts are its own. */
static inline bool foreign_owns_subnet(const struct foreign_snat *s)
{
	return s->src.n && !s->names_iface && !s->names_dest;
}

/* A DNAT or redirect rule that can meet packets entering on the interface. */
struct foreign_dnat {
	bool ipv6;
	char *where;
	unsigned protos;
	struct port_set ports; /* destination ports it can meet; all if it names none */
	struct net_list dst; /* destination prefixes it names; empty: any */
};

/* An ingress, prerouting, forward or postrouting base chain that can drop what is translated
 * inwards. */
struct foreign_drop {
	char *where; /* the base chain: "inet filter forward", "iptables-legacy filter FORWARD" */
	char *cause; /* "policy drop", or the first rule that drops */
	bool ipv6;
	bool xtables; /* owned by an iptables back end: nft syntax would not fit */
	bool mark_accepts; /* what carries the inbound mark is never dropped here */
	bool names_src; /* only packets from remote addresses that the rules name */
	struct net_list dst; /* only packets towards these; empty: any */
	char **oif; /* only packets leaving on these (with @oif_except: on all but these) */
	size_t n_oif;
	bool oif_except;
};

struct foreign {
	struct foreign_snat *snat;
	size_t n_snat;
	struct foreign_dnat *dnat;
	size_t n_dnat;
	struct foreign_drop *drop;
	size_t n_drop;
};

/**
 * foreign_read() - take a snapshot of this network namespace's rules and analyse it.
 * @ifname:       external interface; it need not exist
 * @inbound_mark: mark (host byte order) set on what is translated inwards; @inbound_mask 0:
 *                none is set. Bits outside of the mask are taken to be 0 on entry.
 * Returns 0, or -errno with @err filled: -EPERM, -EAGAIN (rules changed all the time), -E2BIG
 * (too many paths through the rules), -ELOOP, -ENOMEM, or what netlink said.
 */
int foreign_read(const char *ifname, uint32_t inbound_mark, uint32_t inbound_mask,
		 struct foreign **ret_foreign, struct err *err);
/** foreign_analyse() - the same on a snapshot of this host that exists already. */
int foreign_analyse(const struct fw_snapshot *snap, const char *ifname, uint32_t inbound_mark,
		    uint32_t inbound_mask, struct foreign **ret_foreign, struct err *err);
/**
 * foreign_snats() - only who translates on the way out (@snat of the result), for a host whose
 * addresses are @local: it need not be this one.
 */
int foreign_snats(const struct fw_snapshot *snap, const char *ifname, const struct net_addr *local,
		  size_t n_local, struct foreign **ret_foreign, struct err *err);
/** foreign_nats() - whether anyone NATs IPv4, or with @ipv6 either family, on the way out. */
bool foreign_nats(const struct foreign *f, bool ipv6);
void foreign_free(struct foreign *f);

#endif
