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
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>
#include <stddef.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/abi.h"

#define READ_ONCE(x) (*(const volatile typeof(x) *)&(x))
/* What is in memory has to be read again. */
#define barrier()	 asm volatile("" ::: "memory")
#define WRITE_ONCE(x, v) (*(volatile typeof(x) *)&(x) = (v))

const volatile __u8 l2_len = ETH_HLEN; /* length of the link-layer header: 14, or 0 */
const volatile __u8 have_coarse_clock = 0; /* the kernel has bpf_ktime_get_coarse_ns (5.11) */
const volatile __u8 ipv6 = 0; /* NAT66 too; if 0 its code is dead and never verified */
const volatile __u8 nptv6 = 0; /* prefix translation, likewise */
const volatile __u8 preemptible = 0; /* another packet may interrupt: see work.h */
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
	__uint(max_entries, EINAT_PORT_WORDS);
	__type(key, __u32);
	__type(value, __u64);
} held SEC(".maps");

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
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct einat_addr);
	__type(value, __u32);
} hosts SEC(".maps");

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
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024);
	__type(key, struct einat_lpm_key);
	__type(value, struct einat_npt);
} npt_out SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024);
	__type(key, struct einat_lpm_key);
	__type(value, struct einat_npt);
} npt_in SEC(".maps");

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

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, EVENT_RING);
} events SEC(".maps");

/* Private to a loaded data plane: what each CPU has put into "events" lately. */
struct event_rate {
	__u64 window;
	__u32 n;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, EINAT_EVENT_COUNT);
	__type(key, __u32);
	__type(value, struct event_rate);
} event_rates SEC(".maps");

/* An address as it is kept while a packet is worked on; d[] is what global functions take. */
union ip {
	struct einat_addr a;
	__be32 w[4];
	__u64 d[2];
};

/* The word of an IPv4 address that tells it from an IPv6 one. */
#define IP4_WORD bpf_htonl(0xffff)

/* In one piece: two halves could not be forwarded to a read of both while they are being stored. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define IP4_LO(addr) ((__u64)(addr) << 32 | IP4_WORD)
#else
#define IP4_LO(addr) ((__u64)IP4_WORD << 32 | (addr))
#endif

static __always_inline union ip ip_from4(__be32 addr)
{
	return (union ip){ .d = { 0, IP4_LO(addr) } };
}

static __always_inline union ip ip_from(__u64 hi, __u64 lo)
{
	return (union ip){ .d = { hi, lo } };
}

/* An address in a map, where all are aligned to 8 bytes. */
static __always_inline const union ip *ip_of(const struct einat_addr *a)
{
	return (const union ip *)a;
}

static __always_inline bool ip_is4(const union ip *ip)
{
	return !ip->d[0] && ip->w[2] == IP4_WORD;
}

static __always_inline bool ip_equal(const union ip *a, const union ip *b)
{
	return a->d[1] == b->d[1] && a->d[0] == b->d[0];
}

_Static_assert(offsetof(struct einat_slot, addr) % 8 == 0, "read as union ip");
_Static_assert(offsetof(struct einat_cfg, ext) % 8 == 0, "read as union ip");
_Static_assert(sizeof(struct einat_ext) % 8 == 0, "read as union ip");

/* A key of by_internal on the stack. */
union endpoint_key {
	struct einat_endpoint ep;
	__u64 d[3];
};

static __always_inline union endpoint_key endpoint_key(__u64 hi, __u64 lo, __be16 port, __u8 proto)
{
	union endpoint_key k = { .d = { hi, lo } };

	k.ep.port = port;
	k.ep.proto = proto;
	return k;
}

static __always_inline const struct einat_cfg *cfg_get(__u32 active)
{
	return bpf_map_lookup_elem(&cfg, &active);
}

static __always_inline struct einat_slot *slot_get(__u32 slot)
{
	return bpf_map_lookup_elem(&slots, &slot);
}

/* In one instruction: before 6.11 a packet may interrupt einat_sweep on its CPU. */
static __always_inline void count(enum einat_count what)
{
	__u32 key = what;
	__u64 *n = bpf_map_lookup_elem(&counts, &key);

	if (n)
		__sync_fetch_and_add(n, 1);
}

#endif
