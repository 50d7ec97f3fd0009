/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The end of every packet's way: its reason is counted, and alone decides what happens to it. */
#ifndef EINAT_BPF_VERDICT_H
#define EINAT_BPF_VERDICT_H

#include "bpf/maps.h"

/* What a step answers when the next step is to be taken; otherwise an enum einat_reason. */
#define GO_ON (-1)

/*
 * @reason: 0 <= @reason < EINAT_REASON_COUNT. "Next" is TC_ACT_UNSPEC, so that other programs of
 * the same hook run (equal to TCX_NEXT).
 */
static __always_inline int verdict(struct __sk_buff *skb, enum einat_dir dir, int reason)
{
#define REASON_DROP_BIT(name, word, class, text) | ((__u64)((class) == 'D') << REASON_##name)
	const __u64 drops = 0 EINAT_REASONS(REASON_DROP_BIT);
#undef REASON_DROP_BIT
	__u32 key = dir * EINAT_REASON_COUNT + reason;
	struct einat_stat *st = bpf_map_lookup_elem(&stats, &key);

	if (st && preemptible) {
		__sync_fetch_and_add(&st->packets, 1);
		__sync_fetch_and_add(&st->bytes, skb->len);
	} else if (st) {
		st->packets++;
		st->bytes += skb->len;
	}
	if (reason == REASON_HAIRPIN || reason == REASON_HAIRPIN_LOCAL ||
	    reason == REASON_LATE_FRAGMENT)
		return bpf_redirect(skb->ifindex, BPF_F_INGRESS);
	if (drops >> (reason & 63) & 1)
		return TC_ACT_SHOT;
	return TC_ACT_UNSPEC;
}

_Static_assert(EINAT_REASON_COUNT <= 64, "the drop mask has 64 bits");

#endif
