/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which program wrote a rule, and how that program wants to be told. */
#ifndef EINAT_CHECK_OWNER_H
#define EINAT_CHECK_OWNER_H

#include <stdint.h>

#include "nft/read.h"

enum owner {
	OWNER_NOBODY, /* the operator, or a program that is not known here */
	OWNER_DOCKER,
	OWNER_UFW,
	OWNER_FIREWALLD,
	OWNER_FW4,
	OWNER_TAILSCALE,
	OWNER_KUBE,
	OWNER_LIBVIRT,
	OWNER_PODMAN,
	OWNER_WG_QUICK,
	OWNER_MWAN3,
	OWNER_PBR,
	OWNER_UPNP,
	OWNER_NETWORKD,
	OWNER_CNI,
	OWNER_FLANNEL,
	OWNER_CALICO,
	OWNER_CILIUM,
	OWNER_LXD,
	OWNER_INCUS,
	OWNER_FAIL2BAN,
	OWNER_CROWDSEC,
	OWNER_NM,
	OWNER_MULLVAD,
	OWNER_BANIP,
	OWNER_COUNT,
};

/** owner_name() - "Docker"; NULL for OWNER_NOBODY. */
const char *owner_name(enum owner o);
/**
 * owner_of() - who wrote @rule of @chain; @rule NULL: the policy of a base chain. @text is the
 * rule's text, which may name an interface or carry a comment that tells. A guess from names.
 */
enum owner owner_of(const struct fw_snapshot *snap, const struct fw_chain *chain,
		    const struct fw_rule *rule, const char *text);

/* A bit that no program of those above uses: what is proposed while no inbound mark is set. */
#define FREE_MARK 0x10000000u

/* What a mend needs to know. Borrowed. */
struct mend_ask {
	const struct fw_snapshot *snap;
	const struct fw_chain *chain; /* the base or inner chain that drops */
	const struct fw_chain *base; /* the base chain; NULL: @chain itself */
	bool more; /* other rules of @base drop, too */
	uint64_t handle; /* the rule that drops; 0: the policy */
	enum owner owner;
	const char *ifname; /* external interface */
	bool behind_routing; /* @chain is at forward or postrouting: not before the routing decision
			      */
	bool redirect; /* the rule is a redirect to this host */
	bool any_iif; /* the rule asks for no interface */
	bool can_open; /* --open puts it there */
	uint32_t mark, mask; /* inbound mark, host byte order; mask 0: none is set yet */
};

/* Each returns a malloc'd text of one or more lines, or NULL (out of memory, nothing to say). */
/** mend_accept() - let in what carries the inbound mark, where it would be dropped. */
char *mend_accept(const struct mend_ask *a);
/**
 * mend_replies() - let replies reach a host that a rule shields from the outside; behind the
 * routing decision, whatever belongs to a known connection.
 */
char *mend_replies(const struct mend_ask *a);
/**
 * mend_ports() - keep a SNAT rule that gives out @ports of the slice from these; @other: a range
 * that it could give out instead, NULL: there is none.
 */
char *mend_ports(enum owner owner, const char *ports, const char *other);
/** mend_confine() - confine a DNAT rule to the external address @addr, or to what is inside. */
char *mend_confine(const struct mend_ask *a, const char *addr);
/** mend_dnat() - move a published or forwarded port out of the slice; @ports as --exclude-ports. */
char *mend_dnat(const struct mend_ask *a, const char *ports);

#endif
