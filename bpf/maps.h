/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The maps of the data plane and what is fixed at load time. Sizes are small defaults: user
 * space sets those of slots, used, avail, by_internal and sessions before loading.
 */
#ifndef EINAT_BPF_MAPS_H
#define EINAT_BPF_MAPS_H

#include <linux/bpf.h>
#include <linux/errno.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/abi.h"

#define READ_ONCE(x)	 (*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile typeof(x) *)&(x) = (v))

const volatile __u8 l2_len = ETH_HLEN; /* length of the link-layer header: 14, or 0 */
const volatile __u8 have_coarse_clock = 0; /* the kernel has bpf_ktime_get_coarse_ns (5.11) */
const volatile __u32 n_planes = 1; /* planes in "slots" and "used" */

struct lock {
	struct bpf_spin_lock lock;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct einat_cfg);
} cfg SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct einat_ctl);
} ctl SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, EINAT_PORTS);
	__type(key, __u32);
	__type(value, struct einat_slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, EINAT_PORT_WORDS);
	__type(key, __u32);
	__type(value, __u64);
} used SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, EINAT_PROTO_COUNT *EINAT_PORT_WORDS);
	__type(key, __u32);
	__type(value, __u64);
} avail SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct einat_endpoint);
	__type(value, __u32);
} by_internal SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct einat_session_key);
	__type(value, struct einat_session);
} sessions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct einat_frag_key);
	__type(value, struct einat_frag);
} frags SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024);
	__type(key, struct einat_lpm_key);
	__type(value, __u32);
} src SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024);
	__type(key, struct einat_lpm_key);
	__type(value, __u32);
} exdst SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, EINAT_LOCKS);
	__type(key, __u32);
	__type(value, struct lock);
} locks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, EINAT_DIR_COUNT *EINAT_REASON_COUNT);
	__type(key, __u32);
	__type(value, struct einat_stat);
} stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, EINAT_COUNT_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

static __always_inline struct einat_addr addr_from4(__be32 addr)
{
	return (struct einat_addr){ .w = { 0, 0, bpf_htonl(0xffff), addr } };
}

static __always_inline const struct einat_cfg *cfg_get(__u32 active)
{
	return bpf_map_lookup_elem(&cfg, &active);
}

static __always_inline struct einat_slot *slot_get(__u32 slot)
{
	return bpf_map_lookup_elem(&slots, &slot);
}

static __always_inline void count(enum einat_count what)
{
	__u32 key = what;
	__u64 *n = bpf_map_lookup_elem(&counts, &key);

	if (n)
		(*n)++;
}

#endif
