/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of one external interface as sets, chains and rules, made from a struct nft_spec.
 * table_write() turns it into a batch, table_print() into nft syntax; both walk the same model.
 */
#ifndef EINAT_NFT_TABLE_MODEL_H
#define EINAT_NFT_TABLE_MODEL_H

#include "nft/batch.h"
#include "nft/expr.h"
#include "nft/table.h"

/* ---- every name that is written; docs/nftables.md explains them ------------------------ */
#define NAME_TABLE_PREFIX "einat_" /* + interface, see table_name() */

#define NAME_CLAIM   "claim" /* nat postrouting, srcnat - 1 */
#define NAME_REST    "rest" /* nat postrouting, srcnat */
#define NAME_HOST    "host" /* this host's own flows; entered from claim or rest */
#define NAME_REST6   "rest6" /* IPv6 sources of a slice; entered from rest */
#define NAME_FORWARD "forward_in" /* nat prerouting, dstnat */
#define NAME_LEAK    "leak" /* filter postrouting, srcnat + 200 */

/* Sets of addresses: those of IPv6 have a 6 at their end, as external6. */
#define NAME_EXTERNAL	 "external"
#define NAME_LOCAL_PORTS "local_ports"
#define NAME_KEPT_PROTOS "kept_protos"
#define NAME_KEPT_PORTS	 "kept_%s" /* udp or tcp */
#define NAME_GUARDED	 "guarded"
#define NAME_FORWARDS	 "forwards"

#define NAME_S_PROTOS	    "s%zu_protos" /* number of the slice */
#define NAME_S_INTERNAL	    "s%zu_internal"
#define NAME_S_NOT_INTERNAL "s%zu_not_internal"
#define NAME_S_EXCLUDE_DEST "s%zu_exclude_dest"

#define NAME_NPT_CLAIM	  "npt_claim6"
#define NAME_NPT_INTERNAL "npt_internal6"
#define NAME_NPT_KEEP	  "npt_keep6"

#define NAME_SIZE 48 /* room for any of them */

/* ---- sets ---------------------------------------------------------------------------- */
enum set_type {
	SET_ADDR, /* ipv4_addr or ipv6_addr, see struct set */
	SET_ADDR_RANGES, /* the same, interval */
	SET_PROTO, /* inet_proto */
	SET_PORT_RANGES, /* inet_service, interval */
	SET_PROTO_PORT, /* inet_proto . inet_service */
	MAP_PROTO_PORT_TO, /* inet_proto . inet_service : address . inet_service */
};

/* Which fields count depends on the type; the others are zero. */
struct set_elem {
	struct net_addr lo, hi; /* inclusive; lo == hi in SET_ADDR */
	struct net_addr to;
	struct port_range ports; /* lo == hi in SET_PROTO_PORT */
	uint16_t to_port;
	uint8_t ipproto;
};

/* What becomes of a user's edits: those of a kind that is not named are not kept. */
enum { SET_MAY_GROW = 1 << 0, SET_MAY_SHRINK = 1 << 1 };

/* Elements are sorted, disjoint and not adjacent. */
struct set {
	char name[NAME_SIZE];
	enum set_type type;
	bool ipv6; /* its addresses are */
	unsigned edits; /* SET_MAY_ */
	const char *comment;
	struct set_elem *elem;
	size_t n;
};

/* ---- chains -------------------------------------------------------------------------- */
struct chain {
	const char *name;
	const char *type; /* NULL: not a base chain */
	uint32_t hook; /* NF_INET_ */
	int prio;
	const char *prio_text; /* as nft prints it */
	const char *comment; /* for readers of the printed table */
	struct rule *rule;
	size_t n;
};

struct table {
	char name[NAME_SIZE];
	struct set *set;
	size_t n_sets;
	struct chain *chain;
	size_t n_chains;
	bool failed; /* out of memory */
};

/** table_has_rest() - whether any family's ports are to be kept out of the slice. */
static inline bool table_has_rest(const struct nft_spec *spec)
{
	return spec->rest != NFT_REST_NONE || (spec->ipv6 && spec->rest6 != NFT_REST_NONE);
}

/** table_has_guard() - whether others masquerade, of any family. */
static inline bool table_has_guard(const struct nft_spec *spec)
{
	return spec->rest == NFT_REST_GUARD || (spec->ipv6 && spec->rest6 == NFT_REST_GUARD);
}

/** table_name() - the table of an interface into @buf (NAME_SIZE); returns @buf. */
char *table_name(const char *ifname, char *buf);
/** table_build() - 0, -EINVAL or -ENOMEM with @err; the table is the caller's: table_free(). */
int table_build(const struct nft_spec *spec, struct table **ret_table, struct err *err);
void table_free(struct table *t);
void table_clear_sets(struct table *t);
/** table_send() - write the whole table into the kernel; an older one is replaced. 0 or -errno. */
int table_send(const struct table *t, struct err *err);
/** table_delete() - 0 also if there is no table @name, else -errno. */
int table_delete(const char *name, struct err *err);

/* table_sets.c and table_rules.c: they set t->failed when memory runs out. */
void table_add_sets(struct table *t, const struct nft_spec *spec);
void table_add_chains(struct table *t, const struct nft_spec *spec);
/** table_add_ranges() - an interval set of what @list has of one family. */
void table_add_ranges(struct table *t, const char *name, bool ipv6, const char *comment,
		      const struct net_list *list);
bool table_has_forwards(const struct nft_spec *spec, bool ipv6);

/* table_edits.c */
void table_apply_edits(struct table *t, const struct nft_edits *edits);

/* set_ops.c: those that give a bool give false when memory runs out. */
bool set_eq(const struct set *a, const struct set *b);
int set_elem_cmp(const void *a, const void *b); /* for qsort(): by key */
bool set_add(struct set *s, const struct set_elem *e); /* at the end, unsorted */
void set_sort(struct set *s);
void set_merge(struct set *s); /* sorts intervals and joins those that overlap or touch */
bool set_add_all(struct set *dst, const struct set *src);
void set_addr_previous(struct net_addr *a);
/** set_subtract() - @by_key: also elements that have their key in @minus, but another value. */
bool set_subtract(struct set *s, const struct set *minus, bool by_key);

/* table_write.c */
void table_write(const struct table *t, struct batch *b);
void set_write(const struct table *t, const struct set *s, uint32_t id, struct batch *b);
void set_write_elems(const struct table *t, const struct set *s, struct batch *b);
/* table_print.c */
void table_print(const struct table *t, FILE *out);

#endif
