/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets for the daemon, see "events" in abi.h. The limit for each CPU bounds what a flood can
 * cost: whatever comes beyond it is dealt with here alone.
 */
#ifndef EINAT_BPF_EVENT_H
#define EINAT_BPF_EVENT_H

#include "bpf/parse.h"

/* @cost: as how many of the @burst it counts */
static __always_inline bool event_allowed(__u32 kind, __u32 burst, __u32 cost)
{
	struct event_rate *r = bpf_map_lookup_elem(&event_rates, &kind);
	__u64 window = bpf_ktime_get_ns() >> EVENT_WINDOW_SHIFT;

	if (!r)
		return false;
	if (r->window != window) {
		r->window = window;
		r->n = 0;
	}
	r->n += cost;
	return r->n <= burst;
}

/*
 * Copy @len bytes of the packet, at most @max. The barriers keep the compiler from merging the two
 * comparisons, and from testing another register than the one that the helper gets: the verifier
 * would not know the bounds.
 */
static __always_inline int event_copy(struct __sk_buff *skb, __u32 off, void *to, __u64 len,
				      const __u32 max)
{
	asm volatile("" : "+r"(len));
	if (len > max)
		return -1;
	asm volatile("" : "+r"(len));
	if (len < sizeof(struct iphdr))
		return -1;
	asm volatile("" : "+r"(len));
	return bpf_skb_load_bytes(skb, off, to, len);
}

/* The first @len bytes of the packet from its IP header on, at most @max, with @key if there is
 * one. */
static __always_inline void event_put(struct __sk_buff *skb, const struct pkt *p, __u32 kind,
				      __u32 len, const struct einat_frag_key *key, const __u32 max)
{
	struct einat_event *e = bpf_ringbuf_reserve(&events, sizeof(*e) + max, 0);

	if (!e)
		return;
	e->kind = kind;
	e->len = len;
	e->ingress_ifindex = skb->ingress_ifindex;
	e->l4 = p->l4 - p->l3;
	e->proto = p->proto;
	e->pad = 0;
	if (key)
		e->key = *key;
	if (!event_copy(skb, p->l3, e + 1, len, max))
		bpf_ringbuf_submit(e, 0);
	else
		bpf_ringbuf_discard(e, 0);
}

/**
 * event_full() - there is no port for @p; returns the reason that it ends for.
 * @reason: REASON_FULL, or REASON_HOST_LIMIT: refused, since masquerade knows no limit
 */
static __noinline int event_full(struct __sk_buff *skb, const struct pkt *p,
				 const struct einat_cfg *c, int reason)
{
	bool refuse = reason == REASON_HOST_LIMIT || c->flags & CFG_F_WHEN_FULL_REFUSE;
	__u32 kind = refuse ? EVENT_REFUSED : EVENT_FULL;
	__u32 len = p->end - p->l3;

	if (refuse && reason == REASON_FULL)
		reason = REASON_REFUSED;
	if (!event_allowed(kind, EVENT_BURST_FULL, 1))
		return reason;
	if (is6(p))
		event_put(skb, p, kind, len < EVENT_HEAD6_MAX ? len : EVENT_HEAD6_MAX, NULL,
			  EVENT_HEAD6_MAX);
	else
		event_put(skb, p, kind, p->l4 + L4_MIN - p->l3, NULL, EVENT_HEAD_MAX);
	return reason;
}

static __always_inline __u32 event_cost(__u32 len)
{
	if (len <= EVENT_PACKET_SMALL)
		return 1;
	return len <= EVENT_PACKET_JUMBO ? EVENT_COST_JUMBO : EVENT_COST_MAX;
}

/** event_late_fragment() - hand over a copy of a whole inbound fragment. */
static __noinline int event_late_fragment(struct __sk_buff *skb, const struct pkt *p,
					  const struct einat_frag_key *key)
{
	const __u32 kind = EVENT_LATE_FRAGMENT;
	__u32 len = p->end - p->l3;

	if (!event_allowed(kind, EVENT_BURST_LATE, event_cost(len)))
		return 0;
	if (len <= EVENT_PACKET_SMALL)
		event_put(skb, p, kind, len, key, EVENT_PACKET_SMALL);
	else if (len <= EVENT_PACKET_JUMBO)
		event_put(skb, p, kind, len, key, EVENT_PACKET_JUMBO);
	else
		event_put(skb, p, kind, len, key, EVENT_PACKET_MAX);
	return 0;
}

#endif
