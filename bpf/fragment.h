/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fragments: the first one has the ports, is translated as any packet and leaves a note; later
 * ones follow the note. One that comes before its first one finds none. Outwards the leak guard
 * drops it if it is of the slice: conntrack has reassembled what is forwarded, and the kernel sends
 * its fragments in order. Inwards it is passed on, since masquerade or this host may be waiting for
 * it, and the daemon gets a copy: once there is a note, it sends the copy out of the external
 * interface, where fragment_out() turns it around, to be translated like any later fragment.
 *
 * Out of line, as all that few packets need: keys on the stack of the main path would add to the
 * 512 bytes that it shares with the making of a binding.
 */
#ifndef EINAT_BPF_FRAGMENT_H
#define EINAT_BPF_FRAGMENT_H

#include "bpf/binding.h"
#include "bpf/event.h"
#include "bpf/rewrite.h"

#define FRAG_NO_SLOT (~0u) /* hairpin to a port without a binding: turned around unchanged */

static __always_inline struct einat_frag_key fragment_key(const struct pkt *p, enum einat_dir dir)
{
	return (struct einat_frag_key){
		.saddr = p->saddr.a,
		.daddr = p->daddr.a,
		.id = p->id,
		.proto = p->ipproto,
		.dir = dir,
	};
}

/* Addresses are those of the packet as it came, which later fragments have too. */
static __noinline void fragment_note(const struct pkt *p, enum einat_dir dir, __u32 slot, __u16 seq)
{
	struct einat_frag_key key = fragment_key(p, dir);
	struct einat_frag f = { .slot = slot, .seq = seq, .rslot = ~0u, .at = p->now };

	bpf_map_update_elem(&frags, &key, &f, BPF_ANY);
}

/* Before what becomes of a first fragment is known: an earlier datagram had its identification. */
static __noinline void fragment_forget(const struct pkt *p, enum einat_dir dir)
{
	struct einat_frag_key key = fragment_key(p, dir);

	bpf_map_delete_elem(&frags, &key);
}

static __always_inline bool fragment_find(const struct pkt *p, const struct einat_cfg *c,
					  enum einat_dir dir, struct einat_frag *ret_frag)
{
	struct einat_frag_key key = fragment_key(p, dir);
	struct einat_frag *f = bpf_map_lookup_elem(&frags, &key);

	if (!f || clock_expired(p->now, f->at, c->t_frag))
		return false;
	*ret_frag = *f;
	return true;
}

/* The slot of a note, if its use is still the same. */
static __always_inline const struct einat_slot *fragment_slot(const struct einat_frag *f)
{
	const struct einat_slot *s = slot_get(f->slot);

	return s && READ_ONCE(s->state) == SLOT_LIVE && READ_ONCE(s->seq) == f->seq ? s : NULL;
}

/** fragment_out() - later fragment at egress; returns a reason. */
static __noinline int fragment_out(struct __sk_buff *skb, const struct pkt *p,
				   const struct einat_cfg *c)
{
	struct einat_frag f;
	int i;

	if (!fragment_find(p, c, EINAT_OUT, &f))
		goto unknown;
	if (f.slot == FRAG_NO_SLOT)
		return REASON_HAIRPIN_LOCAL;
	i = ext_of_plane(p->active, f.slot / EINAT_PORTS);
	if (i < 0 || !fragment_slot(&f))
		goto unknown;
	if (rewrite_fragment(skb, p, IP_SOURCE, ip_of(&ext_get(c, EXT_OF(i))->addr)))
		return REASON_REWRITE_FAILED;
	return p->to_ext >= 0 ? REASON_HAIRPIN : REASON_FRAGMENT;
unknown:
	/* Not forwarded, and to ourselves: nobody but the daemon sends such a thing this way. */
	if (p->to_ext >= 0 && !skb->ingress_ifindex && fragment_find(p, c, EINAT_IN, &f))
		return REASON_LATE_FRAGMENT;
	/* behind the fragment header of IPv6 may come others, and then what is unknown here */
	if (p->proto == EINAT_PROTO_COUNT ? lpm_src(&p->saddr) : classify(skb, p, false) >= 0)
		return REASON_FRAG_GUARD;
	return guard_strict(p, c, REASON_FRAG_UNKNOWN);
}

/** fragment_in() - later fragment at ingress; returns a reason. */
static __noinline int fragment_in(struct __sk_buff *skb, const struct pkt *p,
				  const struct einat_cfg *c)
{
	const struct einat_slot *s;
	struct einat_frag_key key;
	struct einat_frag f;

	if (!fragment_find(p, c, EINAT_IN, &f)) {
		key = fragment_key(p, EINAT_IN);
		event_late_fragment(skb, p, &key);
		return REASON_FRAG_UNKNOWN;
	}
	s = fragment_slot(&f);
	if (!s)
		return REASON_FRAG_UNKNOWN;
	if (rewrite_fragment(skb, p, IP_DEST, ip_of(&s->addr)))
		return REASON_REWRITE_FAILED;
	mark_inbound(skb, c);
	return REASON_FRAGMENT;
}

#endif
