/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sets of packets: a region is a union of boxes, a box one set of numbers in each dimension.
 *
 * A region holds at least the packets that are meant, never fewer. A box is *certain* if every
 * packet of it is meant, else only possible. Operations are exact as long as the number of
 * boxes stays within the limit; beyond it they widen: certainty is lost, soundness is not.
 * Memory that ran out is remembered: space_error() says so, and the regions are worth nothing.
 */
#ifndef EINAT_NFT_SPACE_H
#define EINAT_NFT_SPACE_H

#include "lib/net.h"
#include "lib/ports.h"
#include "read.h"

/* Numbers of up to 128 bits, and sets of them: sorted, disjoint, not adjacent ranges. */
struct num {
	uint64_t hi, lo;
};

struct num_range {
	struct num lo, hi; /* inclusive */
};

struct num_set;

/* All values are plain numbers: host byte order, IPv4 addresses as 32 bits. */
enum dim {
	DIM_IIF, /* identities of names: space_ifid() */
	DIM_OIF,
	DIM_SADDR, /* of the box's family */
	DIM_DADDR,
	DIM_PROTO, /* IPPROTO_ */
	DIM_SPORT, /* means nothing unless the protocol has ports */
	DIM_DPORT,
	DIM_ICMPTYPE, /* means nothing unless it is ICMP or ICMPv6 */
	DIM_ICMPCODE,
	DIM_TCPFLAGS,
	DIM_CTSTATE, /* number of the bit: SPACE_NEW ... */
	DIM_CTDIR, /* 0 original, 1 reply */
	DIM_PKTTYPE, /* PACKET_ of linux/if_packet.h */
	/* what is not known yet where the packet is, and what it will be: used by walks */
	DIM_OIF_LATER,
	DIM_CTSTATE_LATER,
	DIM_COUNT
};

enum { /* DIM_CTSTATE; without a connection: invalid or untracked */
       SPACE_INVALID = 0,
       SPACE_ESTABLISHED = 1,
       SPACE_RELATED = 2,
       SPACE_NEW = 3,
       SPACE_UNTRACKED = 6,
};

/* 32 bits: those of @known have the value @val; those of @fuzzy have one that nobody knows. */
struct bits {
	uint32_t val, known, fuzzy;
};

struct box {
	uint8_t family; /* NFPROTO_IPV4 or NFPROTO_IPV6 */
	bool certain;
	uint16_t fuzzy; /* 1 << DIM_: what is in here is not known; to narrow it loses certainty */
	uint16_t named; /* 1 << DIM_: a rule on the way here matched on it, and not by negation */
	uint16_t naming; /* the same of the rule that is being looked at */
	struct num_set *dim[DIM_COUNT];
	struct bits mark;
	struct bits status; /* of the connection, IPS_ */
	bool ctmarked; /* a rule may have set the connection's mark: else a new one has none */
};

struct space;

/* Zero-initialised is empty; region_clear() releases it. */
struct region {
	struct box *b;
	size_t n;
	bool widened; /* the number of boxes was at its limit: some were joined */
};

/* What the host's addresses tell of packets; all borrowed. */
struct space_host {
	const struct net_addr *local; /* every local address; loopback need not be named */
	size_t n_local;
	bool known; /* the list is complete: else a match on address types may or may not match */
	bool all; /* any address is taken for local: all packets are to (or from) this host */
	bool routed; /* what is neither local nor multicast nor broadcast to all has a route */
	bool back[2]; /* IPv4, IPv6: the way to each sender is the interface it comes in by */
};

#define SPACE_BOXES 64 /* default limit of boxes in a region */

/**
 * space_new() - names, indices and addresses that rules of @snap can tell apart.
 * @snap: may be NULL; borrowed for the life of the space
 * @host: may be NULL: the host's addresses are not known; copied
 * Returns NULL if there is no memory.
 */
struct space *space_new(const struct fw_snapshot *snap, const struct space_host *host);
void space_free(struct space *s);
int space_error(const struct space *s); /* 0 or -ENOMEM */
void space_limit(struct space *s, size_t boxes);
/** space_work() - ranges and boxes looked at so far: what an analysis has cost. */
uint64_t space_work(const struct space *s);

/**
 * space_ifid() - the identity of interface @name in DIM_IIF and DIM_OIF, a new one if no rule
 * and no call before named it. Ask for the names of interest before making regions: what is
 * not named is in one class with all other names of the same longest wildcard.
 */
uint32_t space_ifid(struct space *s, const char *name);
/** space_outside() - examples of what enters on @name alone have a sender from outside. */
void space_outside(struct space *s, const char *name);
enum { SPACE_IF_NONE = 0, SPACE_IF_OTHER = 1 }; /* no interface; those that no rule names */
uint32_t space_ifid_top(const struct space *s); /* greatest identity */
bool space_ifclass(const struct space *s, uint32_t id); /* stands for several names */
const char *space_ifname(const struct space *s, uint32_t id); /* an example of a class */

/* ---- regions ---------------------------------------------------------------------------- */

/** region_all() - add all packets of @family, certain: mark 0, no status, original direction,
 * new, for this host's link address; the rest can be anything. */
void region_all(struct space *s, struct region *r, uint8_t family);
void region_clear(struct region *r);
void region_copy(struct space *s, struct region *dst, const struct region *src); /* replaced */
/** region_join() - @dst gets what @src holds. */
void region_join(struct space *s, struct region *dst, const struct region *src);
/** region_move() - the same, and @src is empty afterwards. */
void region_move(struct space *s, struct region *dst, struct region *src);
/** region_subtract() - @dst loses what @src holds for certain; what it may hold is doubted. */
void region_subtract(struct space *s, struct region *dst, const struct region *src);
void region_intersect(struct space *s, struct region *dst, const struct region *src);
bool region_overlaps(const struct region *a, const struct region *b);
/** region_doubt() - nothing in @r is certain any more. */
void region_doubt(struct region *r);
bool region_certain(const struct region *r); /* some box of it is */
static inline bool region_empty(const struct region *r)
{
	return !r->n;
}

/** region_keep() - keep of dimension @d what lies in @ranges (sorted or not), of every box. */
void region_keep(struct space *s, struct region *r, enum dim d, const struct num_range *ranges,
		 size_t n);
/** region_keep_u32() - the same for one range of small numbers. */
void region_keep_u32(struct space *s, struct region *r, enum dim d, uint32_t lo, uint32_t hi);
/** region_keep_nets() - addresses in @l only; boxes of a family that it does not name vanish. */
void region_keep_nets(struct space *s, struct region *r, enum dim d, const struct net_list *l);
/** region_drop_nets() - all but the addresses in @l. */
void region_drop_nets(struct space *s, struct region *r, enum dim d, const struct net_list *l);
/** region_only() - forget all but dimension @d: boxes that differ elsewhere become one. */
void region_only(struct space *s, struct region *r, enum dim d);
/** region_keep_ports() - ports in @p; protocols without ports stay. */
void region_keep_ports(struct space *s, struct region *r, enum dim d, const struct port_set *p);
/** region_keep_ifs() - these interfaces, or with @except all but these. */
void region_keep_ifs(struct space *s, struct region *r, enum dim d, const char *const *names,
		     size_t n, bool except);
/** region_set() - dimension @d becomes @lo..@hi whatever it was. */
void region_set(struct space *s, struct region *r, enum dim d, struct num lo, struct num hi,
		bool fuzzy);
void region_set_mark(struct region *r, uint32_t val, uint32_t known);

/**
 * region_split() - the packets of @r that @m matches, and those that it does not.
 * What is not understood goes to both, and is certain in neither.
 * @ret_yes, @ret_no: added to; @r is empty afterwards
 */
void region_split(struct space *s, struct region *r, const struct fw_match *m,
		  struct region *ret_yes, struct region *ret_no);
/** region_split_set() - the same for a set look-up that is no verdict map. */
void region_split_set(struct space *s, struct region *r, const struct fw_lookup *l,
		      struct region *ret_yes, struct region *ret_no);

/**
 * region_split_map() - the packets of @r by the verdict that map @l gives them.
 * @each: called with the packets of every verdict; it may empty @part
 * @ret_no: what no element matches, added
 */
typedef int (*region_verdict_fn)(void *data, const struct fw_verdict *v, struct region *part);
int region_split_map(struct space *s, struct region *r, const struct fw_lookup *l,
		     region_verdict_fn each, void *data, struct region *ret_no);

/* ---- looking into them ------------------------------------------------------------------ */

size_t num_set_size(const struct num_set *set); /* number of ranges */
struct num_range num_set_at(const struct num_set *set, size_t i);
bool num_set_has(const struct num_set *set, struct num v);
static inline struct num num32(uint32_t v)
{
	return (struct num){ 0, v };
}
struct num num_of_addr(const struct net_addr *a); /* IPv4: 32 bits */
struct net_addr num_to_addr(struct num v, uint8_t family);

bool box_full(const struct space *s, const struct box *b, enum dim d); /* any value */
/** box_nets() - addresses of @d as prefixes, appended. 0, -ENOMEM. */
int box_nets(const struct box *b, enum dim d, struct net_list *ret_list);
int box_ports(const struct box *b, enum dim d, struct port_set *ret_ports); /* added */
unsigned box_protos(const struct box *b); /* PROTO_ mask, ICMPv6 counts as PROTO_ICMP */

/* One concrete packet, for people and for tests. */
struct packet_example {
	uint8_t family, proto, icmp_type, icmp_code, tcp_flags;
	bool certain; /* taken from a certain box */
	bool icmp, ports; /* what of the above and below means something */
	const char *iif, *oif; /* the space's */
	struct net_addr saddr, daddr;
	uint16_t sport, dport;
	uint32_t mark, ctstate;
};

/**
 * region_example() - a packet of @r, of a certain box if there is one, with natural values.
 * Returns false if the region is empty.
 */
bool region_example(const struct space *s, const struct region *r,
		    struct packet_example *ret_example);
bool region_has(const struct space *s, const struct region *r, const struct packet_example *p);
/** packet_text() - "udp 198.51.100.7:40000 -> 192.0.2.1:20000 in wan" into @buf; returns it. */
char *packet_text(const struct packet_example *p, char *buf, size_t size);

#endif
