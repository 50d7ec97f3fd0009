/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many ports each internal address has (RFC 6888 REQ-4): always counted, so that a limit may
 * come and go. Touched when a binding is made or freed, and by no other packet.
 *
 * A hash table with its lock in each bucket, since the kernel's own has none: an entry that is
 * deleted at zero and made again at the same time would lose a count. Entries whose counts are all
 * zero are free. An address that finds its bucket full is not counted and has no limit.
 *
 * The functions without "static": see classify.h.
 */
#ifndef EINAT_BPF_HOST_H
#define EINAT_BPF_HOST_H

#include "bpf/classify.h"

#define HOST_BITS    11
#define HOST_BUCKETS (1 << HOST_BITS)
#define HOST_ENTRIES 8 /* of one bucket */

struct host_count {
	union ip addr;
	__u32 n[EINAT_PROTO_COUNT + 1]; /* of each protocol; the last one is padding */
};

struct host_bucket {
	struct bpf_spin_lock lock;
	__u32 pad;
	struct host_count h[HOST_ENTRIES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, HOST_BUCKETS);
	__type(key, __u32);
	__type(value, struct host_bucket);
} host_ports SEC(".maps");

static __always_inline struct host_bucket *host_bucket(__u64 hi, __u64 lo)
{
	__u64 hash = (hi ^ (lo << 7 | lo >> 57)) * 0x9e3779b97f4a7c15ull;
	__u32 key =
		hash >> (64 - HOST_BITS); /* only the highest bits depend on all of the address */

	return bpf_map_lookup_elem(&host_ports, &key);
}

static __always_inline bool host_is(const struct host_count *h, __u64 hi, __u64 lo)
{
	return h->addr.d[1] == lo && h->addr.d[0] == hi && (h->n[0] | h->n[1] | h->n[2]);
}

/** host_add() - one more port of @proto for @hi:@lo (union ip); -EDQUOT if it has @max already. */
__noinline int host_add(__u64 hi, __u64 lo, __u32 proto, __u32 max)
{
	struct host_bucket *b = host_bucket(hi, lo);
	struct host_count *at = NULL;
	__u64 p = index_mask(proto, 3);
	int ret = 0, i;

	if (!b)
		return 0;
	bpf_spin_lock(&b->lock);
#pragma unroll
	for (i = 0; i < HOST_ENTRIES; i++) {
		struct host_count *h = &b->h[i];

		if (host_is(h, hi, lo)) {
			at = h;
			break;
		}
		if (!at && !(h->n[0] | h->n[1] | h->n[2]))
			at = h;
	}
	if (at && max && host_is(at, hi, lo) && at->n[p] >= max) {
		ret = -EDQUOT;
	} else if (at) {
		at->addr = ip_from(hi, lo);
		at->n[p]++;
	}
	bpf_spin_unlock(&b->lock);
	return ret;
}

/** host_del() - one port less. */
__noinline int host_del(__u64 hi, __u64 lo, __u32 proto)
{
	struct host_bucket *b = host_bucket(hi, lo);
	__u64 p = index_mask(proto, 3);
	int i;

	if (!b)
		return 0;
	bpf_spin_lock(&b->lock);
#pragma unroll
	for (i = 0; i < HOST_ENTRIES; i++) {
		struct host_count *h = &b->h[i];

		if (!host_is(h, hi, lo))
			continue;
		if (h->n[p])
			h->n[p]--;
		break;
	}
	bpf_spin_unlock(&b->lock);
	return 0;
}

#endif
