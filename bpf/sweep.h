/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What user space asks of the data plane: einat_sweep, see abi.h. */
#ifndef EINAT_BPF_SWEEP_H
#define EINAT_BPF_SWEEP_H

#include "bpf/binding.h"

/* SWEEP_EXPIRED and SWEEP_FORCE, word by word. */
static __always_inline void sweep_range(struct einat_sweep *w, __u32 active, __u32 now)
{
	__u32 first = w->first, end = first + w->count;
	__u32 i;

	for (i = 0; i <= SWEEP_MAX / 64; i++) {
		__u32 word = first / 64 + i;
		__u64 mask = ~0ull;
		__u32 sum;

		if (word * 64 >= end)
			break;
		if (!i)
			mask <<= first & 63;
		if (end - word * 64 < 64)
			mask &= ~(~0ull << (end & 63));
		sum = slots_sweep(word, mask, w->op == SWEEP_FORCE ? END_ANY : END_RESTED, active,
				  now);
		w->freed += sum & 0xffff;
		w->live += sum >> 16;
	}
}

/* SWEEP_ADD; 0 or -errno. An expired binding in the way is freed first. */
static __always_inline int sweep_add(const struct einat_sweep *w, const struct pkt *p,
				     const struct einat_cfg *c)
{
	int i = ext_of_plane(p->active, w->first / EINAT_PORTS);
	union ip addr = { .a = w->ep.addr };
	__u16 closed = w->ended ? (__u16)(p->now + 1 - w->ended) ?: 1 : 0;
	__u32 *n, gen;
	int seq;

	if (i < 0 || PROTO_OF(i) != w->ep.proto ||
	    ip_is4(&addr) != ip_is4(ip_of(&ext_get(c, EXT_OF(i))->addr)))
		return -EINVAL;
	gen = ext_get(c, EXT_OF(i))->gen;
	if (!gen)
		return -EADDRNOTAVAIL;
	n = bpf_map_lookup_elem(&by_internal, &w->ep);
	if (n)
		slot_expire(*n, plane_gen(p->active, *n / EINAT_PORTS), p->active, END_ABSENT,
			    p->now);
	if (slot_take(w->first, p->active, END_ABSENT, p->now))
		return -EEXIST;
	seq = slot_publish(w->first, addr.d[0], addr.d[1],
			   SLOT_WORD(closed, (__u8)w->flags, w->ep.proto, w->ep.port, gen),
			   p->now - w->age);
	if (seq < 0)
		return seq;
	if (!(w->flags & SLOT_F_STATIC)) /* counted, whatever the limit */
		host_add(addr.d[0], addr.d[1], w->ep.proto, 0);
	return 0;
}

/** sweep() - carry out the order in the first bytes of the packet, and write the answer there. */
static __always_inline int sweep(struct __sk_buff *skb)
{
	struct einat_sweep w;
	struct einat_ctl *ct;
	const struct einat_cfg *c;
	__u32 sweeper = WORK_SWEEP;
	struct pkt *p = bpf_map_lookup_elem(&work, &sweeper);
	__u32 zero = 0;

	c = pkt_init(p);
	ct = bpf_map_lookup_elem(&ctl, &zero);
	if (!c || !ct || bpf_skb_load_bytes(skb, 0, &w, sizeof(w)))
		return TC_ACT_SHOT;
	WRITE_ONCE(ct->now, p->now);
	w.freed = w.live = w.error = 0;
	if (w.op == SWEEP_ADD)
		w.error = sweep_add(&w, p, c);
	else if (w.op > SWEEP_ADD || w.count > SWEEP_MAX)
		w.error = -EINVAL;
	else
		sweep_range(&w, p->active, p->now);
	return bpf_skb_store_bytes(skb, 0, &w, sizeof(w), 0) ? TC_ACT_SHOT : TC_ACT_OK;
}

#endif
