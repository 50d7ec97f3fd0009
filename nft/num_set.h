/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of 128-bit numbers as sorted ranges, shared by counting references. */
#ifndef EINAT_NFT_NUM_SET_H
#define EINAT_NFT_NUM_SET_H

#include "space.h"

/* Not changed while it has more than one reference; @cap 0: static, never freed. */
struct num_set {
	uint32_t refs, n, cap;
	struct num_range r[];
};

/* Where memory came to its end and how much was looked at is noted here. */
struct num_ctx {
	int err; /* 0 or -ENOMEM */
	uint64_t work;
	/* the last large difference: many boxes share their sets, and so would its result */
	struct num_set *last_a, *last_b, *last_minus;
};

static inline int num_cmp(struct num a, struct num b)
{
	if (a.hi != b.hi)
		return a.hi < b.hi ? -1 : 1;
	return a.lo < b.lo ? -1 : a.lo > b.lo;
}

static inline struct num num_next(struct num a)
{
	return (struct num){ a.hi + (a.lo == UINT64_MAX), a.lo + 1 };
}

static inline struct num num_prev(struct num a)
{
	return (struct num){ a.hi - !a.lo, a.lo - 1 };
}

/** num_set_make() - sorts and joins @r in place, then copies; NULL if there is no memory. */
struct num_set *num_set_make(struct num_ctx *c, struct num_range *r, size_t n);
struct num_set *num_set_range(struct num_ctx *c, struct num lo, struct num hi);
struct num_set *num_set_empty(void);
struct num_set *num_set_ref(struct num_set *a);
void num_set_unref(struct num_set *a); /* NULL allowed */
void num_set_forget(struct num_ctx *c); /* the last difference */

/* Each returns a reference of its own; on lack of memory the first operand. */
struct num_set *num_set_and(struct num_ctx *c, struct num_set *a, struct num_set *b);
struct num_set *num_set_minus(struct num_ctx *c, struct num_set *a, struct num_set *b);
struct num_set *num_set_or(struct num_ctx *c, struct num_set *a, struct num_set *b);
/** num_set_join() - @a, whose reference is taken over, and @b; in place where it is not shared. */
struct num_set *num_set_join(struct num_ctx *c, struct num_set *a, struct num_set *b);
/** num_set_slice() - the ranges of @a from @from on, @n of them; a reference of its own. */
struct num_set *num_set_slice(struct num_ctx *c, struct num_set *a, size_t from, size_t n);
/** num_set_find() - position of the first range of @a that does not end in front of @v. */
size_t num_set_find(const struct num_set *a, struct num v);
/** num_set_cut() - *@a becomes *@a minus @b, in place where it is not shared. */
void num_set_cut(struct num_ctx *c, struct num_set **a, struct num_set *b);

bool num_set_meets(const struct num_set *a, const struct num_set *b);
bool num_set_meets_range(const struct num_set *a, const struct num_range *r);
bool num_set_covers(struct num_ctx *c, const struct num_set *a, const struct num_set *b);
bool num_set_eq(const struct num_set *a, const struct num_set *b);
/** num_set_alike() - the same as far as a look at some ranges of large sets tells: for guesses. */
bool num_set_alike(const struct num_set *a, const struct num_set *b);

#endif
