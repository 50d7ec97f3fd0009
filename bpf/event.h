/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets for the daemon, see "events" in abi.h. The limit for each CPU bounds what a flood can
 * cost: whatever comes beyond it is dealt with here alone.
 */
#ifndef EINAT_BPF_EVENT_H
#define EINAT_BPF_EVENT_H

#include "bpf/parse.h"

struct event_head {
	struct einat_event e;
	__u8 packet[EVENT_HEAD_MAX];
};

struct event_packet {
	struct einat_event e;
	__u8 packet[EVENT_PACKET_MAX];
};

static __always_inline bool event_allowed(__u32 kind, __u32 burst)
{
	struct event_rate *r = bpf_map_lookup_elem(&event_rates, &kind);
	__u64 window = bpf_ktime_get_ns() >> EVENT_WINDOW_SHIFT;

	if (!r)
		return false;
	if (r->window != window) {
		r->window = window;
		r->n = 0;
	}
	return r->n++ < burst;
}

static __always_inline void event_fill(struct einat_event *e, const struct __sk_buff *skb,
				       __u32 kind, __u32 len)
{
	e->kind = kind;
	e->len = len;
	e->ingress_ifindex = skb->ingress_ifindex;
	e->mark = skb->mark;
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

/** event_full() - the slice has no port for @p; returns the reason that it ends for. IPv4 only. */
static __noinline int event_full(struct __sk_buff *skb, const struct pkt *p,
				 const struct einat_cfg *c)
{
	bool refuse = c->flags & CFG_F_WHEN_FULL_REFUSE;
	int reason = refuse ? REASON_REFUSED : REASON_FULL;
	__u32 kind = refuse ? EVENT_REFUSED : EVENT_FULL;
	__u32 len = p->l4 + L4_MIN - p->l3;
	struct event_head *h;

	if (is6(p) || !event_allowed(kind, EVENT_BURST_FULL))
		return reason;
	h = bpf_ringbuf_reserve(&events, sizeof(*h), 0);
	if (!h)
		return reason;
	event_fill(&h->e, skb, kind, len);
	if (!event_copy(skb, p->l3, h->packet, len, sizeof(h->packet)))
		bpf_ringbuf_submit(h, 0);
	else
		bpf_ringbuf_discard(h, 0);
	return reason;
}

/** event_late_fragment() - hand over a copy of a whole inbound fragment. */
static __noinline int event_late_fragment(struct __sk_buff *skb, const struct pkt *p,
					  const struct einat_frag_key *key)
{
	__u32 len = p->end - p->l3;
	struct event_packet *k;

	if (len > EVENT_PACKET_MAX || !event_allowed(EVENT_LATE_FRAGMENT, EVENT_BURST_LATE))
		return 0;
	k = bpf_ringbuf_reserve(&events, sizeof(*k), 0);
	if (!k)
		return 0;
	event_fill(&k->e, skb, EVENT_LATE_FRAGMENT, len);
	k->e.key = *key;
	if (!event_copy(skb, p->l3, k->packet, len, sizeof(k->packet)))
		bpf_ringbuf_submit(k, 0);
	else
		bpf_ringbuf_discard(k, 0);
	return 0;
}

#endif
