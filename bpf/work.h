/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a program keeps the packet that it works on: not on the stack, which is small, and where
 * the verifier would walk all that follows once for every kind of packet that it knows of.
 *
 * The kernel runs one packet of a direction at a time on a CPU, since softirqs do not interrupt one
 * another, so each CPU has one place for each direction. Under PREEMPT_RT a lock does the same
 * until kernel 6.18, where it became a choice (CONFIG_PREEMPT_RT_NEEDS_BH_LOCK): from then on a
 * packet may interrupt another one. So on any PREEMPT_RT kernel ("preemptible") a packet claims a
 * place that is free, and gives it back.
 */
#ifndef EINAT_BPF_WORK_H
#define EINAT_BPF_WORK_H

#include "bpf/pkt.h"

#define WORK_SWEEP EINAT_DIR_COUNT /* runs in one task alone */

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, EINAT_DIR_COUNT + 1);
	__type(key, __u32);
	__type(value, struct pkt);
} work SEC(".maps");

#define PLACES	     256
#define PLACES_TRIED 32 /* by a packet: those of its CPU, which others share from the ninth on */

struct place {
	struct bpf_spin_lock lock; /* guards the claim */
	__u32 claimed;
	struct pkt pkt;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PLACES);
	__type(key, __u32);
	__type(value, struct place);
} places SEC(".maps");

/** work_claim() - a place that is now the caller's; PLACES if there is none. */
__noinline __u32 work_claim(__u32 cpu)
{
	__u32 i;

	for (i = 0; i < PLACES_TRIED; i++) {
		__u32 n = (cpu * PLACES_TRIED + i) % PLACES;
		struct place *w = bpf_map_lookup_elem(&places, &n);
		__u32 was;

		if (!w)
			break;
		bpf_spin_lock(&w->lock);
		was = w->claimed;
		w->claimed = 1;
		bpf_spin_unlock(&w->lock);
		if (!was)
			return n;
	}
	return PLACES;
}

/* Returns what work_pkt() and work_end() are to be called with. */
static __always_inline __u32 work_begin(enum einat_dir dir)
{
	return preemptible ? work_claim(bpf_get_smp_processor_id()) : dir;
}

static __always_inline struct pkt *work_pkt(__u32 which)
{
	struct place *w;

	if (!preemptible)
		return bpf_map_lookup_elem(&work, &which);
	w = bpf_map_lookup_elem(&places, &which);
	return w ? &w->pkt : NULL;
}

static __always_inline void work_end(__u32 which)
{
	struct place *w;

	if (!preemptible)
		return;
	w = bpf_map_lookup_elem(&places, &which);
	if (w)
		WRITE_ONCE(w->claimed, 0);
}

#endif
