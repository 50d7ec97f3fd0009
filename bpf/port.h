/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Choice of an external port: a candidate is a port that user space has made available to the
 * slice and whose slot is not in use. The functions without "static": see classify.h.
 */
#ifndef EINAT_BPF_PORT_H
#define EINAT_BPF_PORT_H

#include "bpf/slot.h"

/*
 * The bitmaps are searched in blocks of 16 words, 1024 ports: block 0 is the class of
 * well-known ports, and two short loops verify faster than one of 1024 rounds.
 */
#define BLOCK_WORDS 16
#define BLOCKS	    (EINAT_PORT_WORDS / BLOCK_WORDS)

/* How well a port fits, in the upper half of what the search answers; 0 is best. */
#define FIT_PARITY (1 << 16) /* parity differs */
#define FIT_CLASS  (2 << 16) /* class (below 1024 or not) differs */
#define FIT_NONE   (4 << 16)

/* Full slices: how many blocks with slots in use one allocation looks through. */
#define RECLAIM_BLOCKS 1
/* Groups of 16 slots that one allocation skips at most to find one that is in use. */
#define SWEEP_GROUPS 16
#define TAKE_TRIES   4 /* candidates that other CPUs may take before us */

/*
 * Index of the lowest bit of @x, which is not 0: the number of ones below it. Without branches,
 * which would multiply the paths that the verifier walks; there is no instruction for it.
 */
static __always_inline __u32 bit_lowest(__u64 x)
{
	x = (x & -x) - 1;
	x -= x >> 1 & 0x5555555555555555ull;
	x = (x & 0x3333333333333333ull) + (x >> 2 & 0x3333333333333333ull);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0full;
	return x * 0x0101010101010101ull >> 56 & 63;
}

/*
 * The smaller one, for numbers below 2^63; without branches, see bit_lowest(). The mask is hidden
 * from the compiler: clang 19 knows this way to write a minimum and makes a branch of it, with
 * which Linux 5.10's verifier never comes to an end of port_find().
 */
static __always_inline __u64 min_u63(__u64 a, __u64 b)
{
	__s64 d = b - a;
	__s64 mask = d >> 63;

	barrier_var(mask);
	return a + (d & mask);
}

static __always_inline __u64 avail_word(__u32 avail_base, __u32 word)
{
	__u32 key = avail_base + word;
	__u64 *v = bpf_map_lookup_elem(&avail, &key);

	return v ? READ_ONCE(*v) : 0;
}

static __always_inline __u64 used_word(__u32 plane, __u32 word)
{
	__u32 key = plane * EINAT_PORT_WORDS + word;
	__u64 *v = bpf_map_lookup_elem(&used, &key);

	return v ? READ_ONCE(*v) : ~0ull;
}

static __always_inline __u64 held_word(__u32 plane, __u32 word)
{
	__u32 key = plane * EINAT_PORT_WORDS + word;
	__u64 *v = bpf_map_lookup_elem(&held, &key);

	return v ? READ_ONCE(*v) : 0;
}

static __always_inline __u32 avail_base(__u32 slice, __u32 proto)
{
	return (slice * EINAT_PROTO_COUNT + proto) * EINAT_PORT_WORDS;
}

static __always_inline bool port_available(__u32 base, __u16 port)
{
	return avail_word(base, port / 64) >> (port & 63) & 1;
}

/* Beside a plane: candidates are the ports that rest. */
#define PLANE_HELD (1u << 31)

/*
 * The candidate of word @w that comes next after @start: FIT_ | port.
 * @plane:     of "used"; with PLANE_HELD of "held"
 * @own_start: internal port << 16 | port where to begin
 */
__noinline __u32 port_of_word(__u32 base, __u32 plane, __u32 w, __u32 own_start)
{
	__u32 own = own_start >> 16;
	__u64 parity = own & 1 ? 0xaaaaaaaaaaaaaaaaull : 0x5555555555555555ull;
	__u64 after = ~0ull << (own_start & 63);
	__u64 free = avail_word(base, w);
	__u32 fit = 0;

	if (!free)
		return FIT_NONE;
	if (plane & PLANE_HELD)
		free &= held_word(plane & ~PLANE_HELD, w);
	else
		free &= ~used_word(plane, w);
	if (!free)
		return FIT_NONE;
	if ((w < 1024 / 64) != (own < 1024))
		fit |= FIT_CLASS;
	if (free & parity)
		free &= parity;
	else
		fit |= FIT_PARITY;
	if (free & after)
		free &= after;
	return fit | w << 6 | bit_lowest(free);
}

/* As port_of_word(), the best of one block. */
__noinline __u32 port_of_block(__u32 base, __u32 plane, __u32 block, __u32 own_start)
{
	__u64 best = FIT_NONE;
	__u32 i;

	for (i = 0; i < BLOCK_WORDS; i++) {
		__u32 w = ((own_start >> 6) + i) & (BLOCK_WORDS - 1);

		best = min_u63(best, port_of_word(base, plane, block * BLOCK_WORDS + w, own_start));
		if (best < FIT_PARITY)
			break;
	}
	return best;
}

/**
 * port_find() - a candidate: same class and parity as the internal port if there is one (RFC 4787
 * REQ-3 and REQ-4), else same class, else any; -1 if there is none. Looks at EINAT_PORT_WORDS
 * words at most.
 */
__noinline int port_find(__u32 base, __u32 plane, __u32 own_start)
{
	/*
	 * An odd stride visits each block once. In order, the first block of a slice would be met
	 * first from wherever in the empty ones the search begins, and all would go there.
	 */
	__u32 first = (own_start & 0xffff) / (BLOCK_WORDS * 64), stride = own_start | 1;
	__u64 best = FIT_NONE;
	__u32 i;

	for (i = 0; i < BLOCKS; i++) {
		__u32 block = (first + i * stride) & (BLOCKS - 1);

		best = min_u63(best, port_of_block(base, plane, block, own_start));
		if (best < FIT_PARITY)
			break;
	}
	return best < FIT_NONE ? (int)(best & 0xffff) : -1;
}

/*
 * slots_sweep() - look at the slots of one word of "used" that are in @mask and free those that
 * @end (enum slot_end) tells; one of them with END_ABSENT, which is for who needs a port, and the
 * others rest on. Returns the sum of SLOT_FREED and SLOT_STAYS.
 */
__noinline __u32 slots_sweep(__u32 word, __u64 mask, __u32 end, __u32 active, __u32 now)
{
	__u64 *v = bpf_map_lookup_elem(&used, &word);
	__u32 gen_proto;
	__u32 sum = 0;
	__u32 i;

	if (!v)
		return 0;
	mask &= READ_ONCE(*v);
	if (!mask)
		return 0;
	gen_proto = plane_gen(active, word / EINAT_PORT_WORDS);
	for (i = 0; i < 64 && mask; i++) {
		sum += slot_expire(word * 64 + bit_lowest(mask), gen_proto, active, end, now);
		mask &= mask - 1;
		if (end == END_ABSENT && sum & 0xffff)
			break;
	}
	return sum;
}

/* A candidate of one block that is taken by an expired binding: freed. As slots_sweep(). */
__noinline int reclaim_block(__u32 base, __u32 plane_block, __u32 active, __u32 now)
{
	__u32 plane = plane_block / BLOCKS, block = plane_block % BLOCKS;
	__u32 sum = 0;
	__u32 i;

	/* No branch on the mask, see loops in classify.h: an empty one costs a call. */
	for (i = 0; i < BLOCK_WORDS; i++) {
		__u32 w = block * BLOCK_WORDS + i;

		sum += slots_sweep(plane * EINAT_PORT_WORDS + w, avail_word(base, w), END_ABSENT,
				   active, now);
		if (sum & 0xffff)
			break;
	}
	return sum;
}

/* The same in RECLAIM_BLOCKS blocks at most from a random one on; how many were freed. */
__noinline int reclaim_blocks(__u32 base_plane, __u32 active, __u32 now)
{
	__u32 base = base_plane & 0xffff, plane = base_plane >> 16;
	__u32 start = bpf_get_prandom_u32();
	__u32 looked = 0;
	__u32 i;

	for (i = 0; i < BLOCKS; i++) {
		__u32 block = (start + i) & (BLOCKS - 1);
		__u32 sum = reclaim_block(base, plane * BLOCKS + block, active, now);

		if (sum & 0xffff)
			return sum & 0xffff;
		if (sum && ++looked == RECLAIM_BLOCKS)
			break;
	}
	return 0;
}

/* The same among those that a sweep has noted. @own_start: see port_of_word(). */
__noinline int reclaim_held(__u32 base_plane, __u32 own_start, __u32 active, __u32 now)
{
	__u32 base = base_plane & 0xffff, plane = base_plane >> 16;
	__u32 i;

	for (i = 0; i < TAKE_TRIES; i++) {
		int port = port_find(base, plane | PLANE_HELD, own_start);

		if (port < 0)
			break;
		if (slot_expire(plane * EINAT_PORTS + (__u16)port, plane_gen(active, plane), active,
				END_ABSENT, now) == SLOT_FREED)
			return 1;
	}
	return 0;
}

/*
 * No candidate is left: end the rest of a port, since one that rests is better than none. Those
 * that a sweep has noted come first; without a sweep (no daemon), what is found. Inline, since
 * another function between would not fit on the stack, see tests/bpf/test_stack.c.
 */
static __always_inline bool port_reclaim(__u32 base_plane, __u32 own_start, __u32 active, __u32 now)
{
	return reclaim_held(base_plane, own_start, active, now) ||
	       reclaim_blocks(base_plane, active, now);
}

/**
 * port_take() - reserve a port for a new binding; its slot, or -1 if there is none.
 * @start: a port where to begin; above 0xffff: @own first, if it is available
 */
__noinline int port_take(__u32 base_plane, __u32 own, __u32 start, __u32 active, __u32 now)
{
	__u32 base = base_plane & 0xffff, plane = base_plane >> 16;
	__u32 i;

	own &= 0xffff;
	if (start > 0xffff && port_available(base, own) &&
	    !slot_take(plane * EINAT_PORTS + own, active, END_RESTED, now))
		return plane * EINAT_PORTS + own;
	for (i = 0; i < TAKE_TRIES; i++) {
		int port = port_find(base, plane, own << 16 | (start & 0xffff));

		if (port < 0)
			break;
		if (!slot_reserve(plane * EINAT_PORTS + (__u16)port))
			return plane * EINAT_PORTS + (__u16)port;
	}
	return -1;
}

/** sweep_ahead() - the share of the sweep that each allocation does: 16 slots in use at most. */
__noinline int sweep_ahead(__u32 active, __u32 now)
{
	__u32 groups = n_planes * (EINAT_PORTS / 16);
	__u32 zero = 0, hand, i;
	struct einat_ctl *c = bpf_map_lookup_elem(&ctl, &zero);

	if (!c || !groups)
		return 0;
	hand = READ_ONCE(c->hand);
	for (i = 0; i < SWEEP_GROUPS; i++) {
		__u32 word;
		__u64 mask, *v;

		hand = (hand + 1) % groups;
		word = hand / 4;
		mask = 0xffffull << (hand % 4 * 16);
		v = bpf_map_lookup_elem(&used, &word);
		if (!v || !(*v & mask))
			continue;
		slots_sweep(word, mask, END_RESTED, active, now);
		break;
	}
	/* Two CPUs may write the same place: then one group is looked at twice, which is harmless.
	 */
	WRITE_ONCE(c->hand, hand);
	return 0;
}

#endif
