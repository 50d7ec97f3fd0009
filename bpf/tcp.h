/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP sessions (RFC 6146 section 3.5.2.2), kept only so that a binding knows how long to live:
 * slot.tcp_open counts established ones, slot.closed tells when the last one ended. Looked at for
 * SYN, FIN and RST, and for data only once the binding has had a session in RST grace.
 *
 * Only outbound segments make a session: a SYN from outside to a live binding is translated
 * (endpoint-independent filtering), but takes no memory, so a flood cannot fill the table. The
 * answer from inside (SYN ACK) makes the session at once established, so V4 INIT
 * (TCP_S_IN_SYN) has no record of its own.
 */
#ifndef EINAT_BPF_TCP_H
#define EINAT_BPF_TCP_H

#include "bpf/binding.h"

#define TCP_F_TRACKED (TCP_F_SYN | TCP_F_FIN | TCP_F_RST)

static __always_inline bool tcp_state_open(__u8 state)
{
	return state == TCP_S_ESTABLISHED || state == TCP_S_OUT_FIN || state == TCP_S_IN_FIN;
}

/*
 * RFC 6146 section 3.5.2.2. An RST also ends the two states with one FIN, where that RFC would
 * keep the session for hours (RFC 7857 section 2.2).
 */
static __always_inline __u8 tcp_next(__u8 state, enum einat_dir dir, __u8 flags)
{
	__u8 own_fin = dir == EINAT_OUT ? TCP_S_OUT_FIN : TCP_S_IN_FIN;

	switch ((enum einat_tcp_state)state) {
	case TCP_S_OUT_SYN:
		return dir == EINAT_IN && flags & TCP_F_SYN ? TCP_S_ESTABLISHED : state;
	case TCP_S_IN_SYN:
		return dir == EINAT_OUT && flags & TCP_F_SYN ? TCP_S_ESTABLISHED : state;
	case TCP_S_ESTABLISHED:
		if (flags & TCP_F_RST)
			return TCP_S_TRANS;
		return flags & TCP_F_FIN ? own_fin : state;
	case TCP_S_OUT_FIN:
	case TCP_S_IN_FIN:
		if (flags & TCP_F_RST)
			return TCP_S_TRANS;
		return flags & TCP_F_FIN && state != own_fin ? TCP_S_BOTH_FIN : state;
	case TCP_S_BOTH_FIN:
		return state;
	case TCP_S_TRANS:
		return flags & TCP_F_RST ? state : TCP_S_ESTABLISHED;
	}
	return state;
}

/* A session of the slot's use @b->seq has come: an established one if @open; it sets @flags. */
static __always_inline void tcp_account(const struct bind *b, bool open, __u8 flags)
{
	struct slot_ref r;

	if (!slot_ref(b->slot, &r))
		return;
	bpf_spin_lock(&r.lock->lock);
	if (r.s->seq == b->seq && r.s->state == SLOT_LIVE) {
		if (open)
			r.s->flags &= ~SLOT_F_TCP_SYN;
		r.s->flags |= flags;
		if (open && r.s->tcp_open != 0xffff)
			r.s->tcp_open++;
	}
	bpf_spin_unlock(&r.lock->lock);
}

/*
 * A connection that is met in its middle (the binding was lost or has expired) counts as
 * established. Without room for the session, so does its binding from now on.
 */
static __always_inline void tcp_session_new(const struct pkt *p, const struct bind *b,
					    const struct einat_session_key *key)
{
	bool open = !(p->tcp_flags & TCP_F_SYN) || p->tcp_flags & TCP_F_ACK;
	struct einat_session s = {
		.state = open ? TCP_S_ESTABLISHED : TCP_S_OUT_SYN,
	};
	int err = bpf_map_update_elem(&sessions, key, &s, BPF_NOEXIST);

	if (err == -EEXIST)
		return;
	count(err ? COUNT_SESSION_FULL : COUNT_SESSION_NEW);
	if (err)
		tcp_account(b, false, SLOT_F_TCP_OPEN);
	else
		tcp_account(b, open, open ? 0 : SLOT_F_TCP_SYN);
}

/* The session leaves @before for @after; under the slot's lock. */
static __always_inline void tcp_change(struct einat_slot *slot, __u8 before, __u8 after, __u32 now)
{
	if (tcp_state_open(after) && !tcp_state_open(before)) {
		slot->flags &= ~SLOT_F_TCP_SYN;
		if (slot->tcp_open != 0xffff)
			slot->tcp_open++;
	}
	if (!tcp_state_open(after) && tcp_state_open(before) && slot->tcp_open && !--slot->tcp_open)
		slot->closed = (__u16)now ?: 1;
	if (after == TCP_S_TRANS)
		slot->flags |= SLOT_F_TCP_RST;
}

static __noinline void tcp_session(const struct pkt *p, const struct bind *b, enum einat_dir dir)
{
	bool fin_rst = p->tcp_flags & (TCP_F_FIN | TCP_F_RST);
	struct einat_session_key key = {
		.slot = b->slot,
		.seq = b->seq,
		.rport = dir == EINAT_OUT ? p->dport : p->sport,
		.raddr = dir == EINAT_OUT ? p->daddr.a : p->saddr.a,
	};
	struct einat_session *s = bpf_map_lookup_elem(&sessions, &key);
	struct slot_ref r;
	__u8 before, after;

	if (!s) {
		if (dir == EINAT_OUT && !fin_rst && (p->tcp_flags & TCP_F_SYN || b->made))
			tcp_session_new(p, b, &key);
		return;
	}
	/* The slot's lock makes the change of state and of the counters one step. */
	if (!slot_ref(b->slot, &r))
		return;
	bpf_spin_lock(&r.lock->lock);
	before = s->state;
	after = tcp_next(before, dir, p->tcp_flags);
	if (after != before && r.s->seq == b->seq && r.s->state == SLOT_LIVE) {
		s->state = after;
		tcp_change(r.s, before, after, p->now);
	}
	bpf_spin_unlock(&r.lock->lock);
	/* Gone at once: what still comes is translated, since the binding lives on. */
	if (after == TCP_S_BOTH_FIN)
		bpf_map_delete_elem(&sessions, &key);
}

static __always_inline void tcp_track(const struct pkt *p, const struct bind *b, enum einat_dir dir)
{
	if (p->proto == EINAT_PROTO_TCP && (p->tcp_flags & TCP_F_TRACKED || b->tcp_rst || b->made))
		tcp_session(p, b, dir);
}

#endif
