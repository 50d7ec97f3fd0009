/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The life of one slot: FREE -> RESERVED -> LIVE -> FREEING -> FREE.
 *
 * "state", "seq" and the slot's bits in "used" and "held" change only under the slot's lock, which
 * guards the 64 slots of one word of "used". No helper is called under a lock. Whoever makes the
 * transition to RESERVED or FREEING owns the slot until the next one, and may fill it or delete
 * its by_internal entry meanwhile. A reader takes no lock: it compares seq and state afterwards.
 *
 * The functions without "static": see classify.h.
 */
#ifndef EINAT_BPF_SLOT_H
#define EINAT_BPF_SLOT_H

#include "bpf/host.h"

struct slot_ref {
	struct einat_slot *s;
	__u64 *word; /* of "used" */
	__u64 *held;
	__u64 bit;
	struct lock *lock;
};

static __always_inline bool slot_ref(__u32 slot, struct slot_ref *r)
{
	__u32 word = slot / 64, lock = word % EINAT_LOCKS;

	r->bit = 1ull << (slot & 63);
	r->s = slot_get(slot);
	if (!r->s)
		return false;
	r->word = bpf_map_lookup_elem(&used, &word);
	r->held = bpf_map_lookup_elem(&held, &word);
	if (!r->word || !r->held)
		return false;
	r->lock = bpf_map_lookup_elem(&locks, &lock);
	return r->lock;
}

/** slot_reserve() - FREE -> RESERVED; 0, or -EBUSY if another was faster. */
__noinline int slot_reserve(__u32 slot)
{
	struct slot_ref r;
	int err = -EBUSY;

	if (!slot_ref(slot, &r))
		return -EINVAL;
	bpf_spin_lock(&r.lock->lock);
	if (r.s->state == SLOT_FREE && !(*r.word & r.bit)) {
		*r.word |= r.bit;
		r.s->state = SLOT_RESERVED;
		r.s->seq++;
		err = 0;
	}
	bpf_spin_unlock(&r.lock->lock);
	return err;
}

static __always_inline void slot_clear(const struct slot_ref *r)
{
	bpf_spin_lock(&r->lock->lock);
	r->s->state = SLOT_FREE;
	*r->word &= ~r->bit;
	*r->held &= ~r->bit;
	bpf_spin_unlock(&r->lock->lock);
}

/** slot_release() - RESERVED -> FREE, by its owner. */
__noinline int slot_release(__u32 slot)
{
	struct slot_ref r;

	if (!slot_ref(slot, &r))
		return -EINVAL;
	slot_clear(&r);
	return 0;
}

/* What slot_publish() is told of a binding beside its address. */
#define SLOT_WORD(closed, flags, proto, port, gen)                                                 \
	((__u64)(closed) << 48 | (__u64)(flags) << 40 | (__u64)(proto) << 32 |                     \
	 (__u32)(port) << 16 | (gen))

/**
 * slot_publish() - a reserved slot becomes the binding of an internal endpoint, by its owner.
 * @hi, @lo: internal address, see union ip
 * @word:    SLOT_WORD: einat_slot.closed, SLOT_F_, protocol, internal port (network byte order),
 * generation Returns the slot's seq; or -EEXIST (another CPU has just made a binding of the
 * endpoint) or the error of the map, and the slot is free again.
 */
__noinline int slot_publish(__u32 slot, __u64 hi, __u64 lo, __u64 word, __u32 last_out)
{
	union endpoint_key key = endpoint_key(hi, lo, word >> 16, word >> 32);
	struct slot_ref r;
	int err, seq;

	if (!slot_ref(slot, &r))
		return -EINVAL;
	r.s->addr = key.ep.addr;
	r.s->port = key.ep.port;
	r.s->gen = word;
	r.s->last_out = last_out;
	r.s->flags = word >> 40;
	r.s->tcp_open = 0;
	r.s->closed = word >> 48;
	err = bpf_map_update_elem(&by_internal, &key, &slot, BPF_NOEXIST);
	if (err) {
		slot_clear(&r);
		return err;
	}
	bpf_spin_lock(&r.lock->lock);
	r.s->state = SLOT_LIVE;
	seq = r.s->seq;
	bpf_spin_unlock(&r.lock->lock);
	count(COUNT_BINDING_NEW);
	return seq;
}

/**
 * slot_revive() - an expired binding serves its endpoint again, as a new use of the slot, so that
 * sessions of the earlier one no longer match. The new seq, or -EBUSY if @seq is over.
 */
__noinline int slot_revive(__u32 slot, __u32 seq, __u32 now)
{
	struct slot_ref r;
	int ret = -EBUSY;

	if (!slot_ref(slot, &r))
		return -EINVAL;
	bpf_spin_lock(&r.lock->lock);
	if (r.s->state == SLOT_LIVE && r.s->seq == (__u16)seq) {
		ret = (__u16)(r.s->seq + 1);
		r.s->seq = ret;
		r.s->last_out = now;
		r.s->flags &= SLOT_F_STATIC;
		r.s->tcp_open = 0;
		r.s->closed = 0;
		*r.held &= ~r.bit;
	}
	bpf_spin_unlock(&r.lock->lock);
	return ret;
}

/*
 * How long a binding lives after its last outbound packet. TCP without an established session: that
 * of opening ones, or of closing ones (RFC 7857 section 2.1), or the longer one if there may be
 * both.
 */
static __always_inline __u32 slot_timeout(const struct einat_slot *s, const struct einat_cfg *c,
					  __u32 proto, bool tcp_open)
{
	if (proto == EINAT_PROTO_UDP)
		return c->t_udp;
	if (proto == EINAT_PROTO_ICMP)
		return c->t_icmp;
	if (tcp_open)
		return c->t_tcp_open;
	if (!(s->flags & SLOT_F_TCP_SYN))
		return c->t_tcp_close;
	return s->closed && c->t_tcp_close > c->t_tcp_syn ? c->t_tcp_close : c->t_tcp_syn;
}

/*
 * A binding whose last open session has ended: its closing time begins then (RFC 7857 section
 * 2.2), since its last outbound packet may be hours ago. No end lengthens what it would have lived
 * without. The clock's low half is enough: after a day nothing else keeps such a binding.
 */
static __always_inline bool slot_closing(const struct einat_slot *s, const struct einat_cfg *c,
					 __u32 now)
{
	return s->closed && (__u16)(now - s->closed) <= c->t_tcp_close &&
	       !clock_expired(now, s->last_out, c->t_tcp_open);
}

/** slot_absent() - is the binding of another generation than @gen, or expired? */
static __always_inline bool slot_absent(const struct einat_slot *s, const struct einat_cfg *c,
					__u16 gen, __u32 proto, __u32 now)
{
	bool open = s->tcp_open || s->flags & SLOT_F_TCP_OPEN;

	if (s->gen != gen)
		return true;
	return !(s->flags & SLOT_F_STATIC) &&
	       clock_expired(now, s->last_out, slot_timeout(s, c, proto, open)) &&
	       (proto != EINAT_PROTO_TCP || open || !slot_closing(s, c, now));
}

/* FREEING -> LIVE, by its owner. */
static __always_inline void slot_keep(const struct slot_ref *r)
{
	bpf_spin_lock(&r->lock->lock);
	r->s->state = SLOT_LIVE;
	bpf_spin_unlock(&r->lock->lock);
}

/*
 * LIVE -> FREEING -> FREE; false if it was used anew or refreshed since @seq and @last_out, or if
 * the kernel does not delete its by_internal entry now: it tells -EBUSY where it was interrupted
 * while it changed that map (5.11 to 6.6), and later ones -ETIMEDOUT. The entry of a free slot
 * would keep its endpoint from ever having a binding again; so the slot is left to the next sweep.
 */
static __always_inline bool slot_free(const struct slot_ref *r, __u32 slot, __u16 seq,
				      __u32 last_out, bool force)
{
	struct einat_endpoint ep = {};
	bool won = false, counted;
	int i;

	bpf_spin_lock(&r->lock->lock);
	if (r->s->state == SLOT_LIVE &&
	    (force || (r->s->seq == seq && r->s->last_out == last_out))) {
		r->s->state = SLOT_FREEING;
		won = true;
	}
	bpf_spin_unlock(&r->lock->lock);
	if (!won)
		return false;
	ep.addr = r->s->addr;
	ep.port = r->s->port;
	counted = !(r->s->flags & SLOT_F_STATIC);
	/* A plane without an address does not tell its protocol: the entry with our number is ours.
	 */
	for (i = 0; i < EINAT_PROTO_COUNT; i++) {
		__u32 *n;

		ep.proto = i;
		n = bpf_map_lookup_elem(&by_internal, &ep);
		if (!n || *n != slot)
			continue;
		if (bpf_map_delete_elem(&by_internal, &ep)) {
			slot_keep(r);
			return false;
		}
		if (counted)
			host_del(ip_of(&r->s->addr)->d[0], ip_of(&r->s->addr)->d[1], i);
	}
	slot_clear(r);
	count(COUNT_BINDING_FREED);
	return true;
}

/* The binding is absent, and its port rests (@resting) or serves again: noted in "held". */
static __always_inline void slot_hold(__u32 slot, __u16 seq, bool resting)
{
	struct slot_ref r;

	if (!slot_ref(slot, &r) || !!(READ_ONCE(*r.held) & r.bit) == resting)
		return;
	bpf_spin_lock(&r.lock->lock);
	if (r.s->state == SLOT_LIVE && r.s->seq == seq) {
		if (resting)
			*r.held |= r.bit;
		else
			*r.held &= ~r.bit;
	}
	bpf_spin_unlock(&r.lock->lock);
}

#define SLOT_FREED 1
#define SLOT_STAYS (1 << 16)

/* Which bindings slot_expire() ends. */
enum slot_end {
	END_RESTED, /* those that are absent and whose port has rested */
	END_ABSENT, /* those that are absent */
	END_ANY,
};

/*
 * Has the port of an absent binding rested? Then the binding was absent that long ago too: nothing
 * has changed since, unless its last open session has ended meanwhile.
 */
static __always_inline bool slot_rested(const struct einat_slot *s, const struct einat_cfg *c,
					__u32 gen_proto, __u32 now)
{
	if (s->gen == gen_proto >> 8 && s->closed && (__u16)(now - s->closed) < c->t_rest)
		return false;
	return slot_absent(s, c, gen_proto >> 8, gen_proto & 0xff, now - c->t_rest);
}

/**
 * slot_expire() - free the slot if its binding is one that @end (enum slot_end) tells.
 * @gen_proto: generation << 8 | protocol of its plane, see plane_gen()
 * Returns SLOT_FREED, or SLOT_STAYS: in use, or not this call's to free.
 */
__noinline int slot_expire(__u32 slot, __u32 gen_proto, __u32 active, __u32 end, __u32 now)
{
	const struct einat_cfg *c = cfg_get(active);
	struct einat_slot *s = slot_get(slot);
	__u32 last_out;
	struct slot_ref r;
	bool absent;
	__u16 seq;

	if (!c || !s)
		return SLOT_STAYS;
	seq = READ_ONCE(s->seq);
	last_out = READ_ONCE(s->last_out);
	absent = slot_absent(s, c, gen_proto >> 8, gen_proto & 0xff, now);
	if ((end != END_ANY && !absent) ||
	    (end == END_RESTED && !slot_rested(s, c, gen_proto, now))) {
		slot_hold(slot, seq, absent);
		return SLOT_STAYS;
	}
	if (!slot_ref(slot, &r))
		return SLOT_STAYS;
	return slot_free(&r, slot, seq, last_out, end == END_ANY) ? SLOT_FREED : SLOT_STAYS;
}

/** plane_gen() - generation << 8 | protocol of a plane; 0 if it has no address any more. */
__noinline __u32 plane_gen(__u32 active, __u32 plane)
{
	const struct einat_cfg *c = cfg_get(active);
	int i = ext_of_plane(active, plane);

	return c && i >= 0 ? (__u32)ext_get(c, EXT_OF(i))->gen << 8 | PROTO_OF(i) : 0;
}

/** slot_take() - reserve the slot, ending a binding that @end allows. 0 or -errno. */
__noinline int slot_take(__u32 slot, __u32 active, __u32 end, __u32 now)
{
	if (!slot_reserve(slot))
		return 0;
	slot_expire(slot, plane_gen(active, slot / EINAT_PORTS), active, end, now);
	return slot_reserve(slot);
}

#endif
