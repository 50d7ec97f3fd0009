/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A region: the packets that can be at some point of the rules, never fewer than there are.
 * Only IPv4 UDP, TCP and ICMP are followed.
 */
#ifndef EINAT_NFT_FOREIGN_REGION_H
#define EINAT_NFT_FOREIGN_REGION_H

#include <net/if.h>

#include "foreign_ranges.h"
#include "read.h"

#define IFSET_MAX 32
#define PORTS_LO  1u
#define PORTS_HI  65535u
#define ADDR_TOP  0xffffffffu

/* Interface names: these, or with @except all but these. */
struct ifset {
	bool except;
	size_t n;
	char name[IFSET_MAX][IFNAMSIZ];
};

struct region {
	unsigned protos; /* PROTO_ mask; 0: empty */
	struct rset ports[2]; /* destination ports of UDP and TCP */
	struct rset src, dst; /* IPv4 addresses */
	struct ifset oif; /* forward and postrouting of forwarded packets */
	uint32_t mark, mark_known;
	uint32_t states; /* ct states it can have; 0: not known */
	bool names_iface; /* some match named our interface as output */
	bool names_dest; /* some match named destinations, addresses or ports */
	bool names_src;
	bool names_ports; /* some match named destination ports */
};

/* What is asked about, and what is known of every packet that is asked about. */
enum purpose { FOR_SNAT, FOR_DNAT, FOR_DROP };

struct packets {
	enum purpose purpose;
	const struct fw_snapshot *snap;
	const char *ifname; /* FOR_SNAT: it leaves here; else it enters here */
	int ifindex; /* 0: there is no such interface now */
	bool oif_known; /* a forwarded packet's hook: region.oif applies */
	struct rset never_dst; /* addresses that no such packet is sent to */
};

/* Which dimensions a match narrowed; 0: it is true for the whole region. */
enum {
	NARROW_PORTS = 1 << 0, /* protocols and ports, exactly */
	NARROW_STATE = 1 << 1, /* exactly */
	NARROW_OIF = 1 << 2, /* exactly */
	NARROW_OTHER = 1 << 3, /* not known exactly */
};
#define MATCH_NEVER (-1)

int region_init(struct region *r);
int region_copy(struct region *dst, const struct region *src); /* dst is replaced */
int region_join(struct region *dst, const struct region *src);
/** region_subtract() - @r minus what @narrowed says that @m is; a superset if not exact. */
int region_subtract(struct region *r, const struct region *m, unsigned narrowed);
void region_clear(struct region *r); /* empty it; frees */
static inline bool region_empty(const struct region *r)
{
	return !r->protos;
}

bool ifset_matches(const struct ifset *s, const char *name);

/**
 * region_match() - narrow @r to what can match. Returns NARROW_ bits, MATCH_NEVER (then @r is
 * of no more use) or -ENOMEM (below MATCH_NEVER).
 */
int region_match(const struct packets *p, struct region *r, const struct fw_match *m);
/** region_match_elem() - the same for one element of a look-up. */
int region_match_elem(const struct packets *p, struct region *r, const struct fw_lookup *l,
		      const struct fw_elem *e);
/** region_lookup() - the same for a look-up that is not a verdict map. */
int region_lookup(const struct packets *p, struct region *r, const struct fw_lookup *l);

#endif
