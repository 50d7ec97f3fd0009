/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bindings: look-up from both sides, and making one for an outbound packet. */
#ifndef EINAT_BPF_BINDING_H
#define EINAT_BPF_BINDING_H

#include "bpf/port.h"

/* A binding as one packet sees it. */
struct bind {
	__u32 slot;
	__u16 seq;
	__u16 tcp_rst; /* it has or had a session in RST grace */
	union ip addr; /* outbound: external endpoint; inbound: internal endpoint */
	__be16 port;
	__u8 made; /* by this packet: new or revived */
	__u8 pad;
};

enum found {
	FOUND,
	FOUND_NONE,
	FOUND_STALE, /* expired or of a lost address: bind.slot and bind.seq tell which */
	FOUND_BUSY, /* another CPU is making or freeing it */
};

#define FIND_TRIES 16 /* looks at a slot that another CPU is changing */
#define MAKE_TRIES 4 /* rounds of look-up and making */
#define PORT_TRIES 4 /* candidate ports that a local socket may hold */

/* What endpoint_look() answers: kind << 56 | address << 49 | RST grace << 48 | seq << 32 | slot. */
#define FOUND_WORD(kind, e, trans, seq, slot)                                                      \
	((__u64)(kind) << 56 | (__u64)(e) << 49 | (__u64)(trans) << 48 | (__u64)(seq) << 32 |      \
	 (slot))

#define FIND_REFRESH (1u << 31) /* in port_proto: the packet keeps the binding alive */

/*
 * endpoint_look() - the binding of an internal endpoint.
 * @hi, @lo:    its address, see union ip
 * @port_proto: port (network byte order) << 8 | protocol | FIND_REFRESH
 *
 * What by_internal answers may be another endpoint's by now, since the kernel reuses the memory of
 * a deleted entry at once: so the slot is compared.
 *
 * Only outbound packets keep a binding alive (RFC 4787 REQ-6), but for RST and ICMP errors
 * (RFC 7857 section 2.2, RFC 5508 REQ-3), and with one write a second at most. A write that
 * races with the end of this use of the slot falls on a slot that was just filled or is free.
 */
__noinline __u64 endpoint_look(__u32 active, __u64 hi, __u64 lo, __u32 port_proto, __u32 now)
{
	union endpoint_key key = endpoint_key(hi, lo, port_proto >> 8, port_proto);
	const struct einat_cfg *c = cfg_get(active);
	__u32 *n = bpf_map_lookup_elem(&by_internal, &key);
	__u8 proto = port_proto;
	struct einat_slot *s;
	bool match, absent;
	__u32 slot;
	__u16 seq;
	int i;

	if (!n || !c)
		return FOUND_WORD(FOUND_NONE, 0, 0, 0, 0);
	slot = READ_ONCE(*n);
	s = slot_get(slot);
	if (!s)
		return FOUND_WORD(FOUND_NONE, 0, 0, 0, 0);
	seq = READ_ONCE(s->seq);
	if (READ_ONCE(s->state) != SLOT_LIVE)
		return FOUND_WORD(FOUND_BUSY, 0, 0, 0, 0);
	i = ext_of(c, active, slot / EINAT_PORTS, proto);
	match = ip_of(&s->addr)->d[1] == lo && ip_of(&s->addr)->d[0] == hi &&
		s->port == (__be16)(port_proto >> 8);
	absent = i < 0 || slot_absent(s, c, ext_get(c, i)->gen, proto, now);
	if (!match || READ_ONCE(s->seq) != seq || READ_ONCE(s->state) != SLOT_LIVE)
		return FOUND_WORD(FOUND_BUSY, 0, 0, 0, 0);
	if (absent)
		return FOUND_WORD(FOUND_STALE, 0, 0, seq, slot);
	if (port_proto & FIND_REFRESH && READ_ONCE(s->last_out) != now)
		WRITE_ONCE(s->last_out, now);
	return FOUND_WORD(FOUND, i, !!(s->flags & SLOT_F_TCP_RST), seq, slot);
}

/* As endpoint_look(); waits a little for a CPU that is making or freeing the binding. */
__noinline __u64 endpoint_wait(__u32 active, __u64 hi, __u64 lo, __u32 port_proto, __u32 now)
{
	__u64 r = 0;
	int i;

	for (i = 0; i < FIND_TRIES; i++) {
		r = endpoint_look(active, hi, lo, port_proto, now);
		if (r >> 56 != FOUND_BUSY)
			break;
	}
	return r;
}

/* External endpoint of the slot, which is of address @e. */
static __always_inline void bind_external(struct bind *b, const struct einat_cfg *c, __u32 e)
{
	b->addr = *ip_of(&ext_get(c, e)->addr);
	b->port = bpf_htons(b->slot % EINAT_PORTS);
}

/** binding_of_internal() - the live binding of an internal endpoint, outbound. */
static __always_inline enum found binding_of_internal(const struct pkt *p,
						      const struct einat_cfg *c,
						      const union ip *addr, __be16 port, __u8 proto,
						      __u32 refresh, struct bind *b)
{
	__u32 port_proto = (__u32)port << 8 | proto | refresh;
	__u64 r = endpoint_look(p->active, addr->d[0], addr->d[1], port_proto, p->now);

	if (r >> 56 == FOUND_BUSY)
		r = endpoint_wait(p->active, addr->d[0], addr->d[1], port_proto, p->now);
	b->slot = r;
	b->seq = r >> 32;
	b->tcp_rst = r >> 48 & 1;
	b->made = 0;
	bind_external(b, c, r >> 49);
	return r >> 56;
}

/* The live binding of the external endpoint (address @e of the configuration, @proto, @port). */
static __always_inline bool binding_of_external(const struct pkt *p, const struct einat_cfg *c,
						__u32 e, __u32 proto, __be16 port, struct bind *b)
{
	struct einat_slot *s;
	bool absent;
	__u32 plane;

	plane = ext_plane(c, e, proto);
	if (plane == EINAT_NO_PLANE)
		return false;
	b->slot = plane * EINAT_PORTS + bpf_ntohs(port);
	b->made = 0;
	s = slot_get(b->slot);
	if (!s)
		return false;
	b->seq = READ_ONCE(s->seq);
	if (READ_ONCE(s->state) != SLOT_LIVE)
		return false;
	absent = slot_absent(s, c, ext_get(c, e)->gen, proto, p->now);
	b->addr.d[0] = READ_ONCE(ip_of(&s->addr)->d[0]);
	b->addr.d[1] = READ_ONCE(ip_of(&s->addr)->d[1]);
	b->port = READ_ONCE(s->port);
	b->tcp_rst = !!(READ_ONCE(s->flags) & SLOT_F_TCP_RST);
	return !absent && READ_ONCE(s->seq) == b->seq && READ_ONCE(s->state) == SLOT_LIVE;
}

/*
 * Would a local socket get what comes from the packet's destination to the external endpoint?
 * The kernel's look-up knows wildcard, bound-to-device and dual-stack sockets.
 * Out of line, since the search for a port needs the stack too.
 */
static __noinline bool socket_holds(struct __sk_buff *skb, const struct pkt *p,
				    const struct bind *b)
{
	struct bpf_sock_tuple t = {};
	__u32 len = sizeof(t.ipv4);
	struct bpf_sock *sk;

	if (is6(p)) {
		len = sizeof(t.ipv6);
		__builtin_memcpy(t.ipv6.saddr, &p->daddr, sizeof(t.ipv6.saddr));
		__builtin_memcpy(t.ipv6.daddr, &b->addr, sizeof(t.ipv6.daddr));
		t.ipv6.sport = p->dport;
		t.ipv6.dport = b->port;
	} else {
		t.ipv4.saddr = p->daddr.w[3];
		t.ipv4.daddr = b->addr.w[3];
		t.ipv4.sport = p->dport;
		t.ipv4.dport = b->port;
	}
	if (p->proto == EINAT_PROTO_UDP)
		sk = bpf_sk_lookup_udp(skb, &t, len, BPF_F_CURRENT_NETNS, 0);
	else if (p->proto == EINAT_PROTO_TCP)
		sk = bpf_skc_lookup_tcp(skb, &t, len, BPF_F_CURRENT_NETNS, 0);
	else
		return false;
	if (!sk)
		return false;
	bpf_sk_release(sk);
	count(COUNT_SOCKET_MET);
	return true;
}

/* A port for @p in @slice at address @e: reserved, in b->slot, and b->port. False: full. */
static __always_inline bool binding_port(struct __sk_buff *skb, const struct pkt *p,
					 const struct einat_cfg *c, __u32 slice, int e,
					 struct bind *b)
{
	__u32 where = ext_plane(c, e, p->proto) << 16 | avail_base(slice, p->proto);
	__u32 own = bpf_ntohs(p->sport);
	__u32 start = bpf_get_prandom_u32() | 0x10000;
	int i, slot;

	for (i = 0; i < PORT_TRIES; i++) {
		slot = port_take(where, own, start, p->active, p->now);
		if (slot < 0 &&
		    port_reclaim(where, own << 16 | (start & 0xffff), p->active, p->now))
			slot = port_take(where, own, start, p->active, p->now);
		if (slot < 0)
			return false;
		b->slot = slot;
		bind_external(b, c, e);
		if (!socket_holds(skb, p, b))
			return true;
		slot_release(slot);
		start = (__u16)(slot + 1);
	}
	return false;
}

/* A new binding in @slice. GO_ON, -EEXIST, or a reason. */
static __always_inline int binding_new(struct __sk_buff *skb, const struct pkt *p,
				       const struct einat_cfg *c, __u32 slice, struct bind *b)
{
	int e = ext_choose(p->active, p->saddr.d[0], p->saddr.d[1], p->proto);
	int seq;

	if (e < 0)
		return REASON_NO_ADDRESS;
	sweep_ahead(p->active, p->now);
	if (host_add(p->saddr.d[0], p->saddr.d[1], p->proto,
		     c->max_per_host[index_mask(p->proto, 3)])) /* EINAT_PROTO_COUNT has no port */
		return REASON_HOST_LIMIT;
	if (!binding_port(skb, p, c, slice, e, b)) {
		host_del(p->saddr.d[0], p->saddr.d[1], p->proto);
		return REASON_FULL;
	}
	if (b->port == p->sport)
		count(COUNT_PORT_KEPT);
	seq = slot_publish(b->slot, p->saddr.d[0], p->saddr.d[1],
			   SLOT_WORD(0, 0, p->proto, p->sport, ext_get(c, e)->gen), p->now);
	b->seq = seq;
	b->made = 1;
	if (seq >= 0)
		return GO_ON;
	host_del(p->saddr.d[0], p->saddr.d[1], p->proto);
	return seq == -EEXIST ? -EEXIST : REASON_TABLE_FULL;
}

/** slot_revivable() - is the port of the expired slot still @slice's, and its address there? */
__noinline int slot_revivable(__u32 slot, __u32 base, __u32 active)
{
	const struct einat_cfg *c = cfg_get(active);
	int i = ext_of_plane(active, slot / EINAT_PORTS);
	struct einat_slot *s = slot_get(slot);

	if (!c || !s || i < 0 || s->gen != ext_get(c, EXT_OF(i))->gen ||
	    !port_available(base, slot % EINAT_PORTS))
		return -1;
	return EXT_OF(i);
}

/*
 * An expired binding of the packet's own endpoint serves on with its port, if the port is still
 * the slice's and no local socket has taken it meanwhile.
 */
static __always_inline bool binding_revive(struct __sk_buff *skb, const struct pkt *p,
					   const struct einat_cfg *c, __u32 slice, struct bind *b)
{
	int e = slot_revivable(b->slot, avail_base(slice, p->proto), p->active);
	int seq;

	if (e < 0)
		return false;
	bind_external(b, c, e);
	if (socket_holds(skb, p, b))
		return false;
	seq = slot_revive(b->slot, b->seq, p->now);
	b->seq = seq;
	b->made = 1;
	return seq >= 0;
}

/*
 * No live binding: revive or make one. Out of line, so that the path of most packets stays
 * short and its stack frame small.
 */
static __noinline int binding_make(struct __sk_buff *skb, const struct pkt *p,
				   const struct einat_cfg *c, __u32 slice, struct bind *b)
{
	enum found f;
	int i, ret;

	for (i = 0; i < MAKE_TRIES; i++) {
		f = binding_of_internal(p, c, &p->saddr, p->sport, p->proto, FIND_REFRESH, b);
		if (f == FOUND)
			return GO_ON;
		if (f == FOUND_BUSY)
			break;
		if (f == FOUND_STALE) {
			if (binding_revive(skb, p, c, slice, b))
				return GO_ON;
			slot_expire(b->slot, plane_gen(p->active, b->slot / EINAT_PORTS), p->active,
				    END_ABSENT, p->now);
		}
		ret = binding_new(skb, p, c, slice, b);
		if (ret != -EEXIST)
			return ret;
	}
	return REASON_CONTENTION;
}

/**
 * binding_out() - the binding of an outbound packet, made if need be.
 * Returns GO_ON with @b filled, or a reason.
 */
static __always_inline int binding_out(struct __sk_buff *skb, const struct pkt *p,
				       const struct einat_cfg *c, struct bind *b)
{
	bool rst = p->proto == EINAT_PROTO_TCP && p->tcp_flags & TCP_F_RST;
	int slice;

	if (binding_of_internal(p, c, &p->saddr, p->sport, p->proto, rst ? 0 : FIND_REFRESH, b) ==
	    FOUND)
		return GO_ON;
	slice = classify(skb, p, p->from_ext);
	if (slice < 0)
		return guard_strict(p, c, REASON_NOT_IN_SLICE);
	if (rst) /* makes no binding, and must not leave as it is */
		return REASON_GUARD;
	return binding_make(skb, p, c, slice, b);
}

#endif
