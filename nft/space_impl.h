/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of space.h: names, boxes, and matches made ready to split boxes. */
#ifndef EINAT_NFT_SPACE_IMPL_H
#define EINAT_NFT_SPACE_IMPL_H

#include <net/if.h>
#include <linux/netfilter.h>

#include "num_set.h"

/* A name, or the class of all names that begin like this and are not listed otherwise. */
struct atom {
	char name[IFNAMSIZ];
	bool class;
	int ifindex; /* 0: there is no such interface */
	char example[IFNAMSIZ];
};

struct set_index;

#define LARGE_DIM 8192 /* ranges of one dimension: beyond them a box is better in pieces */

struct space {
	struct num_ctx ctx;
	const struct fw_snapshot *snap;
	struct atom *atoms; /* the first is "no interface" */
	size_t n_atoms;
	uint32_t *slots; /* hash of names: position in atoms, from 1 */
	size_t n_slots;
	struct num_set *full[DIM_COUNT]; /* of IPv4 */
	struct num_set *full6; /* DIM_SADDR, DIM_DADDR of IPv6 */
	struct num_set *with_ports, *icmp, *tcp, *is_new, *no_ct; /* of DIM_PROTO, DIM_CTSTATE */
	struct num_set *local[2], *multicast[2], *broadcast4; /* [family is IPv6] */
	bool local_known, routed;
	bool back[2]; /* as in space_host */
	bool tracked[2]; /* some rule makes conntrack look at IPv4, at IPv6 */
	size_t max_boxes;
	uint32_t outside; /* interface: what enters there has a sender outside; 0: not told */
	struct set_index **index; /* hash by set */
	size_t n_index;
};

static inline bool is6(const struct box *b)
{
	return b->family == NFPROTO_IPV6;
}

static inline struct num_set *full_set(const struct space *s, const struct box *b, enum dim d)
{
	return (d == DIM_SADDR || d == DIM_DADDR) && is6(b) ? s->full6 : s->full[d];
}

/** space_name() - position of a listed name in atoms, or n_atoms. */
size_t space_name(const struct space *s, const char *name);
/** space_class() - position of the class of a name that is not listed. */
size_t space_class(const struct space *s, const char *name);

void box_copy(struct box *dst, const struct box *src); /* dst is not released */
void box_clear(struct box *b);
/** box_put() - replace a dimension; the reference @set is taken over. */
void box_put(struct box *b, enum dim d, struct num_set *set);
/** region_add() - @b is taken over: joined with another box where that is exact, or added. */
void region_add(struct space *s, struct region *r, struct box *b);
/** region_push() - the same without a look at the others: for boxes that stood apart before. */
void region_push(struct space *s, struct region *r, struct box *b);
/** region_add_copy() - the same with a copy. */
void region_add_copy(struct space *s, struct region *r, const struct box *b, bool certain);

/** state_of_new() - whether @m, of a connection's state, takes the new ones of @b; if known. */
bool state_of_new(const struct box *b, const struct fw_match *m, bool *ret_yes);

/* A match made ready: what of a dimension matches for certain, and what may match. */
struct ready {
	enum {
		READY_DIM,
		READY_MARK,
		READY_STATUS,
		READY_CTMARK,
		READY_ALL,
		READY_NONE,
		READY_MAYBE
	} kind;
	enum dim dim;
	struct num_set *yes, *maybe; /* READY_DIM; references */
	struct num_set
		*only; /* boxes of these protocols alone have the field; NULL: all; borrowed */
	uint32_t mask; /* READY_MARK, READY_STATUS */
	const struct fw_match *match;
};

/** ready_match() - @m (its negation apart) for boxes of @family. */
void ready_match(struct space *s, const struct fw_match *m, uint8_t family, struct ready *ret);
void ready_clear(struct ready *m);
/** box_misses() - whether @m (or with @neg its negation) is false for all of @b: a quick look. */
bool box_misses(struct space *s, const struct box *b, const struct ready *m, bool neg);
/** box_misses_set() - the same for a set look-up. */
bool box_misses_set(struct space *s, const struct box *b, const struct fw_lookup *l);
/** box_split() - @b is taken over; exact where it can be. */
void box_split(struct space *s, struct box *b, const struct ready *m, bool neg, struct region *yes,
	       struct region *no);

/** sel_range() - component @sel of element @e; false if it is an interval in host byte order. */
bool sel_range(const struct fw_sel *sel, const struct fw_elem *e, struct fw_range *ret);

/* All elements with one verdict; or all of a plain set. */
struct group {
	struct fw_verdict verdict;
	struct fw_match sure, maybe; /* their ranges */
	struct ready ready[2], ready_maybe[2]; /* by family */
	bool have[2];
};

struct set_index {
	struct set_index *next;
	const struct fw_set *set;
	struct fw_sel sel[FW_SEL_MAX];
	size_t n_sel;
	bool vmap;
	bool vague; /* some element could not be understood: any key may be in the set */
	/* one field */
	struct group *groups;
	size_t n_groups;
	/* several fields: what can be compared quickly, [element * n_sel + field] */
	struct num_range *quick;
	bool *is_quick; /* by field */
};

/** index_get() - made at the first call for a look-up; NULL if there is no memory. */
struct set_index *index_get(struct space *s, const struct fw_lookup *l);
void index_free(struct space *s);
/** group_ready() - @g for boxes of @family. */
void group_ready(struct space *s, struct group *g, uint8_t family);
int fw_verdict_cmp(const struct fw_verdict *a, const struct fw_verdict *b);
void sel_match(struct fw_match *m, const struct fw_sel *sel); /* without ranges */
/** quick_field() - whether an element's part is one range of a dimension (of one family). */
bool quick_field(const struct fw_sel *sel, enum dim *ret_dim, uint8_t *ret_family);
/** set_elem_doubtful() - it may have gone by itself, or has a condition of its own. */
bool set_elem_doubtful(const struct fw_set *set, const struct fw_elem *e);

#endif
