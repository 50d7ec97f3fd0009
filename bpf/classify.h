/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whose packet it is: external addresses, and the slice that takes a new flow. */
#ifndef EINAT_BPF_CLASSIFY_H
#define EINAT_BPF_CLASSIFY_H

#include "bpf/parse.h"

/*
 * Functions without "static" are verified by themselves, once, whatever calls them: the result
 * is an unknown number to the caller, so a loop here does not multiply the caller's paths.
 * They take numbers alone: a kernel before 5.12 knows no other pointer there than the context, and
 * one without BTF of its own not even that.
 */

/** ext_find() - index into cfg.ext of the external address @hi:@lo (union ip), or -1. */
__noinline int ext_find(__u32 active, __u64 hi, __u64 lo)
{
	const struct einat_cfg *c = cfg_get(active);
	__u32 i;

	if (!c)
		return -1;
	for (i = 0; i < EINAT_MAX_EXT && i < c->n_ext; i++) {
		const union ip *addr = ip_of(&c->ext[i].addr);

		if (addr->d[1] == lo && addr->d[0] == hi && c->ext[i].gen)
			return i;
	}
	return -1;
}

/*
 * An index into cfg.ext or ext.plane, masked where the compiler cannot see it: it would drop a mask
 * that it knows to be idle, and the verifier needs it at just that place.
 */
static __always_inline __u64 index_mask(__u64 i, const __u64 mask)
{
	asm volatile("%0 &= %1" : "+r"(i) : "i"(mask));
	return i;
}

static __always_inline const struct einat_ext *ext_get(const struct einat_cfg *c, __u32 e)
{
	return &c->ext[index_mask(e, EINAT_MAX_EXT - 1)];
}

static __always_inline __u32 ext_plane(const struct einat_cfg *c, __u32 e, __u32 proto)
{
	if (proto >= EINAT_PROTO_COUNT)
		return EINAT_NO_PLANE;
	return ext_get(c, e)->plane[index_mask(proto, 3)];
}

/* What ext_of_plane() answers. */
#define EXT_OF(i)   ((__u32)(i) >> 2)
#define PROTO_OF(i) ((__u32)(i)&3)

/** ext_of_plane() - address (EXT_OF) and protocol (PROTO_OF) that have @plane, or -1. */
__noinline int ext_of_plane(__u32 active, __u32 plane)
{
	const struct einat_cfg *c = cfg_get(active);
	__u32 i, proto;

	if (!c)
		return -1;
	for (i = 0; i < EINAT_MAX_EXT && i < c->n_ext; i++) {
		for (proto = 0; proto < EINAT_PROTO_COUNT; proto++)
			if (c->ext[i].plane[proto] == plane)
				return i << 2 | proto;
	}
	return -1;
}

/*
 * ext_choose() - index of the external address for a new binding of @hi:@lo, or -1: of the same
 * family, and the same one for all that an internal host sends ("paired" pooling, RFC 4787 REQ-2).
 * It is the one that "hosts" remembers, also when others come, as long as it is there and routing
 * has not chosen another one for what is new; else the highest of what the host's address gives
 * with each index, so that only the hosts of an address that is lost get another one.
 */
__noinline int ext_choose(__u32 active, __u64 hi, __u64 lo, __u32 proto)
{
	const struct einat_cfg *c = cfg_get(active);
	union ip addr = ip_from(hi, lo);
	__u64 hash = (hi ^ lo ^ lo >> 32) * 0x9e3779b97f4a7c15ull;
	__u32 *known = bpf_map_lookup_elem(&hosts, &addr);
	__u32 best = 0, i, gen = 0;
	int found = -1;

	if (!c)
		return -1;
	for (i = 0; i < EINAT_MAX_EXT && i < c->n_ext; i++) {
		__u32 weight = (hash ^ hash >> 32 ^ i * 0x85ebca6bu) * 0x2c1b3c6du >> 8 | 1;

		if (!c->ext[i].gen || ext_plane(c, i, proto) == EINAT_NO_PLANE ||
		    ip_is4(ip_of(&c->ext[i].addr)) != ip_is4(&addr) ||
		    c->flags >> (CFG_NOT_NEW_SHIFT + i) & 1)
			continue;
		if (known && *known == c->ext[i].gen)
			return i;
		if (weight > best) {
			best = weight;
			found = i;
			gen = c->ext[i].gen;
		}
	}
	if (found >= 0)
		bpf_map_update_elem(&hosts, &addr, &gen, BPF_ANY);
	return found;
}

/* As ext_find(), without a call for the usual single address. */
static __always_inline int ext_index(const struct einat_cfg *c, __u32 active, const union ip *addr)
{
	const struct einat_ext *first = &c->ext[0];

	if (ip_equal(ip_of(&first->addr), addr) && first->gen)
		return 0;
	return c->n_ext > 1 ? ext_find(active, addr->d[0], addr->d[1]) : -1;
}

/* Index of the address whose @proto has @plane, or -1; without a call for the first address. */
static __always_inline int ext_of(const struct einat_cfg *c, __u32 active, __u32 plane, __u32 proto)
{
	int i;

	if (ext_plane(c, 0, proto) == plane)
		return 0;
	i = ext_of_plane(active, plane);
	return i < 0 ? -1 : (int)EXT_OF(i);
}

static __always_inline __u32 lpm_src(const union ip *addr)
{
	struct einat_lpm_key key = { .prefixlen = 128, .addr = addr->a };
	__u32 *mask = bpf_map_lookup_elem(&src, &key);

	return mask ? *mask : 0;
}

static __always_inline __u32 lpm_exdst(const union ip *addr)
{
	struct einat_lpm_key key = { .prefixlen = 128, .addr = addr->a };
	__u32 *mask = bpf_map_lookup_elem(&exdst, &key);

	return mask ? *mask : 0;
}

/**
 * slice_choose() - lowest slice in @mask that has one of @protos (PROTO_BIT) and whose mark
 * matches, or -1. @care: the bits of the mark that count; 0: slices of any mark.
 */
__noinline int slice_choose(__u32 active, __u32 mask, __u32 protos, __u32 mark, __u32 care)
{
	const struct einat_cfg *c = cfg_get(active);
	__u32 i;

	if (!c)
		return -1;
	for (i = 0; i < EINAT_MAX_SLICES && i < c->n_slices; i++) {
		const struct einat_cfg_slice *s = &c->slices[i];

		if (mask >> i & 1 && s->protos & protos &&
		    !(((mark & s->mark_mask) ^ s->mark) & care))
			return i;
	}
	return -1;
}

#define PROTO_BIT(proto) (1u << ((proto)&7))
#define PROTO_BITS_ALL	 (PROTO_BIT(EINAT_PROTO_COUNT) - 1)

/*
 * The slice that takes a new flow of @p, were it of one of @protos, or -1. @own: the source is an
 * external address, so that "src" does not know it: hairpin from this host itself.
 */
static __noinline int classify_as(struct __sk_buff *skb, const struct pkt *p, __u32 protos,
				  bool own)
{
	__u32 mask = own ? ~0u : lpm_src(&p->saddr);

	if (mask)
		mask &= ~lpm_exdst(&p->daddr);
	return mask ? slice_choose(p->active, mask, protos, skb->mark, ~0u) : -1;
}

static __always_inline int classify(struct __sk_buff *skb, const struct pkt *p, bool own)
{
	return classify_as(skb, p, PROTO_BIT(p->proto), own);
}

/* RFC 1918 and RFC 6598; for IPv6 RFC 4193. */
static __always_inline bool source_is_private(const struct pkt *p)
{
	__u32 a = bpf_ntohl(p->saddr.w[3]);

	if (is6(p))
		return (p->saddr.w[0] & bpf_htonl(0xfe000000)) == bpf_htonl(0xfc000000);
	return a >> 24 == 10 || a >> 20 == 0xac1 || a >> 16 == 0xc0a8 || a >> 22 == 0x191;
}

/* Pass for @reason, unless the strict guard holds back what has a private source. */
static __always_inline int guard_strict(const struct pkt *p, const struct einat_cfg *c, int reason)
{
	return c->flags & CFG_F_GUARD_STRICT && source_is_private(p) ? REASON_GUARD : reason;
}

/* Outbound packet that no binding can serve: the slice's own never leave (leak guard). */
static __always_inline int guard_slice(struct __sk_buff *skb, const struct pkt *p,
				       const struct einat_cfg *c, int reason)
{
	return classify(skb, p, false) >= 0 ? REASON_GUARD : guard_strict(p, c, reason);
}

/* Outbound and malformed: the protocol may be unreadable, so any slice of the source counts. */
static __noinline int guard_malformed(const struct pkt *p, const struct einat_cfg *c)
{
	if (ext_index(c, p->active, &p->saddr) >= 0 || !lpm_src(&p->saddr))
		return guard_strict(p, c, REASON_MALFORMED);
	return REASON_MALFORMED_DROP;
}

#endif
