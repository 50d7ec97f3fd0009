// SPDX-License-Identifier: GPL-2.0-or-later
/* The data plane: one list of steps for each direction. The steps are in the headers. */
#include "bpf/maps.h"
#include "bpf/clock.h"
#include "bpf/verdict.h"
#include "bpf/work.h"
#include "bpf/parse.h"
#include "bpf/classify.h"
#include "bpf/binding.h"
#include "bpf/tcp.h"
#include "bpf/rewrite.h"
#include "bpf/event.h"
#include "bpf/fragment.h"
#include "bpf/icmp.h"
#include "bpf/npt.h"
#include "bpf/sweep.h"

/* TC egress: inside -> outside, and hairpin, which is turned around to ingress. */
static __always_inline int packet_out(struct __sk_buff *skb, struct pkt *p)
{
	const struct einat_cfg *c;
	struct bind b = {};
	int reason;

	c = pkt_init(p);
	if (!c)
		return REASON_INTERNAL;
	reason = npt_step(skb, p, c, EINAT_OUT);
	if (reason >= 0)
		return reason;
	reason = parse(skb, p, EINAT_OUT);
	if (reason == REASON_MALFORMED)
		return guard_malformed(p, c);
	if (reason >= 0)
		return reason;

	/* DHCP of this host, which has no address yet; a slice may well cover 0.0.0.0/0. */
	if (!is6(p) && !(p->saddr.w[3] & bpf_htonl(0xff000000)))
		return REASON_EXTERNAL_SOURCE;
	p->from_ext = ext_index(c, p->active, &p->saddr) >= 0;
	p->to_ext = ext_index(c, p->active, &p->daddr);
	if (p->more && p->kind != PKT_FRAGMENT)
		fragment_forget(p, EINAT_OUT);
	barrier(); /* for the verifier: what follows is walked once for all their values */
	/* What came in here and would go out to ourselves goes round in circles. */
	if (p->to_ext >= 0 && skb->ingress_ifindex == skb->ifindex)
		return REASON_TTL;
	if (p->kind == PKT_ICMP_ERROR)
		return icmp_error_out(skb, p, c);
	if (p->from_ext && p->to_ext < 0)
		return REASON_EXTERNAL_SOURCE;
	if (p->kind == PKT_OTHER_PROTO)
		return guard_strict(p, c, REASON_OTHER_PROTO);
	if (p->kind == PKT_FRAGMENT)
		return fragment_out(skb, p, c);
	/* A query of ours to ourselves: its identifier is not a binding of the destination. */
	if (p->to_ext >= 0 && (p->proto == EINAT_PROTO_ICMP ||
			       !binding_of_external(p, c, p->to_ext, p->proto, p->dport, &b))) {
		if (p->more)
			fragment_note(p, EINAT_OUT, FRAG_NO_SLOT, 0);
		return REASON_HAIRPIN_LOCAL;
	}
	if (p->kind == PKT_ICMP_OTHER)
		return guard_slice(skb, p, c, REASON_ICMP_OTHER);

	reason = binding_out(skb, p, c, &b);
	if (reason == REASON_FULL || reason == REASON_HOST_LIMIT)
		return event_full(skb, p, c, reason);
	if (reason >= 0)
		return reason;
	tcp_track(p, &b, EINAT_OUT);
	if (p->more)
		fragment_note(p, EINAT_OUT, b.slot, b.seq);
	if (rewrite_source(skb, p, &b.addr, b.port))
		return REASON_REWRITE_FAILED;
	return p->to_ext >= 0 ? REASON_HAIRPIN : REASON_TRANSLATED;
}

/* TC ingress: outside -> inside. Whatever no binding wants is passed on unchanged. */
static __always_inline int packet_in(struct __sk_buff *skb, struct pkt *p)
{
	const struct einat_cfg *c;
	struct bind b = {};
	int reason, e;

	c = pkt_init(p);
	if (!c)
		return REASON_INTERNAL;
	reason = npt_step(skb, p, c, EINAT_IN);
	if (reason >= 0)
		return reason;
	reason = parse(skb, p, EINAT_IN);
	if (reason == REASON_MALFORMED && p->more)
		fragment_forget(p, EINAT_IN);
	if (reason >= 0)
		return reason;

	e = ext_index(c, p->active, &p->daddr);
	if (e < 0)
		return REASON_OTHER_DEST;
	if (p->more && p->kind != PKT_FRAGMENT)
		fragment_forget(p, EINAT_IN);
	if (p->kind == PKT_OTHER_PROTO)
		return REASON_OTHER_PROTO;
	if (p->kind == PKT_FRAGMENT)
		return fragment_in(skb, p, c);
	if (p->kind == PKT_ICMP_ERROR)
		return icmp_error_in(skb, p, c);
	if (p->kind == PKT_ICMP_OTHER)
		return REASON_ICMP_OTHER;
	if (!binding_of_external(p, c, e, p->proto, p->dport, &b))
		return REASON_NO_BINDING;
	tcp_track(p, &b, EINAT_IN);
	if (p->more)
		fragment_note(p, EINAT_IN, b.slot, b.seq);
	if (rewrite_dest(skb, p, &b.addr, b.port))
		return REASON_REWRITE_FAILED;
	mark_inbound(skb, c);
	return REASON_TRANSLATED;
}

SEC("tc")
int einat_out(struct __sk_buff *skb)
{
	__u32 work = work_begin(EINAT_OUT);
	int reason = npt_turn(skb, work, packet_out(skb, work_pkt(work)));

	work_end(work);
	return verdict(skb, EINAT_OUT, reason);
}

SEC("tc")
int einat_in(struct __sk_buff *skb)
{
	__u32 work = work_begin(EINAT_IN);
	int reason = packet_in(skb, work_pkt(work));

	work_end(work);
	return verdict(skb, EINAT_IN, reason);
}

SEC("tc")
int einat_sweep(struct __sk_buff *skb)
{
	return sweep(skb);
}

char LICENSE[] SEC("license") = "GPL";
