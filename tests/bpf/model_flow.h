/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_model.c: packets of flows, and what becomes of new ones. */
#ifndef EINAT_TESTS_BPF_MODEL_FLOW_H
#define EINAT_TESTS_BPF_MODEL_FLOW_H

#include "tests/bpf/model_play.h"

/* Worst to best: other class, other parity, both kept (RFC 4787 REQ-3a and REQ-4). */
static int port_fit(uint16_t internal, uint16_t external)
{
	return ((internal < 1024) == (external < 1024)) * 2 + (internal % 2 == external % 2);
}

/*
 * A binding was made: is its port one that was allowed, and as good as any that was there for the
 * taking (@best, -1: none) or even the internal port?
 */
static void check_choice(struct play *p, int slice, unsigned proto, unsigned ext, uint16_t own,
			 uint16_t got, int best, bool own_allowed, int revive, bool rested)
{
	if (rested && best >= 0 && revive < 0)
		fail_msg("%s: port %u rests, others are free", p->what, got);
	if (!m_allowed(p->m, slice, proto, ext, got) && got != revive)
		fail_msg("%s: port %u is not to be had", p->what, got);
	if (revive >= 0 && got != revive)
		fail_msg("%s: port %u, the endpoint's own was %d", p->what, got, revive);
	if (revive < 0 && own_allowed && got != own)
		fail_msg("%s: port %u, the internal one was free", p->what, got);
	if (revive < 0 && got != own && port_fit(own, got) < best)
		fail_msg("%s: port %u for %u, a better one was free", p->what, got, own);
}

struct choice {
	bool allowed[M_EXT]; /* some port of that address may be given */
	bool certain[M_EXT]; /* and is free without any clearing up */
	bool own[M_EXT];
	int best[M_EXT];
	bool rests[M_EXT][65536]; /* is given only if there is no other */
};

static struct choice choices(struct play *p, int slice, unsigned proto, uint16_t own)
{
	struct choice c = { .best = { -1, -1 } };
	struct m_binding *rests;

	for (unsigned e = 0; e < M_EXT; e++)
		for (unsigned port = 1; m_usable(p->m, e) && port < 65536; port++) {
			if (!p->m->slice[slice].port[proto][port] ||
			    !m_allowed(p->m, slice, proto, e, port))
				continue;
			c.allowed[e] = true;
			rests = m_external(p->m, proto, e, port);
			c.rests[e][port] = rests && m_rests(p->m, rests);
			c.own[e] |= port == own && !c.rests[e][port];
			if (used_bit(p, slot_no(e, proto, port)))
				continue;
			c.certain[e] = true;
			if (port_fit(own, port) > c.best[e])
				c.best[e] = port_fit(own, port);
		}
	return c;
}

static bool pair_there(const struct model *m, uint32_t gen)
{
	for (unsigned e = 0; e < M_EXT; e++)
		if (m_usable(m, e) && gen == m->ext_gen[e])
			return true;
	return false;
}

/* A new flow of the slice: runs it; the binding that was made, or NULL (dropped: full). */
static struct m_binding *new_flow(struct play *p, const struct spec *in, unsigned proto,
				  unsigned hostno, int slice, uint32_t mark, struct run *ret_run)
{
	struct model *m = p->m;
	struct m_binding *stale = m_internal(m, proto, in->src, in->sport), *b;
	struct choice c = choices(p, slice, proto, in->sport);
	struct frame f = build(in);
	uint32_t *paired = &m->paired_gen[as_ip6][hostno], slot, addr;
	int revive = -1, e;
	uint16_t port;

	/* not swept yet, its port still the slice's, its address there: it gets its port again */
	if (stale && stale->gen == m->ext_gen[stale->ext] &&
	    m->slice[slice].port[proto][stale->eport])
		revive = stale->eport;
	stats_read(p->lab, p->lab->before);
	*ret_run = run_frame(p->lab, EINAT_OUT, &f, mark, 0);
	if (ret_run->verdict == 2) {
		bool any = m_usable(m, 0) || m_usable(m, 1);
		bool room = any; /* whichever address it would have got */

		for (e = 0; e < M_EXT; e++)
			if (m_usable(m, e) && (!pair_there(m, *paired) || *paired == m->ext_gen[e]))
				room &= c.certain[e];
		check_reason(p->lab, EINAT_OUT, any ? R(FULL) : R(NO_ADDRESS), f.n, p->what);
		p->seen[as_ip6][EINAT_OUT][any ? R(FULL) : R(NO_ADDRESS)]++;
		if (room)
			fail_msg("%s: dropped, though a port was free", p->what);
		if (revive >= 0)
			fail_msg("%s: dropped, though it had a port", p->what);
		return NULL;
	}
	frame_source(&ret_run->out, proto, &addr, &port);
	e = m_ext(m, addr);
	if (e < 0)
		fail_msg("%s: left with an address that is not external", p->what);
	if (revive >= 0 && (unsigned)e != stale->ext)
		fail_msg("%s: another address than its own", p->what);
	if (revive < 0 && pair_there(m, *paired) && *paired != m->ext_gen[e])
		fail_msg("%s: the host's other bindings have another address", p->what);
	check_choice(p, slice, proto, e, in->sport, port, c.best[e], c.own[e], revive,
		     c.rests[e][port]);
	if (revive < 0)
		*paired = m->ext_gen[e];
	slot = slot_no(e, proto, port);
	if (!used_bit(p, slot) || p->lab->slots[slot].state != SLOT_LIVE)
		fail_msg("%s: no slot for it", p->what);
	b = m_make(m, proto, in->src, in->sport, e, port);
	return b;
}

/* A type of query; ICMPv6 has but echo. */
static unsigned query(struct play *p, unsigned echo, unsigned timestamp)
{
	return as_ip6 || rnd(p, 4) ? echo : timestamp;
}

/* One in four is the first fragment of a datagram. */
static void maybe_first(struct play *p, struct spec *s)
{
	if (rnd(p, 4))
		return;
	s->frag = 0x2000;
	s->id = PICK(p, datagram);
}

/* An outbound packet, and if it is turned around its way back in. */
static void step_out(struct play *p)
{
	struct model *m = p->m;
	unsigned proto = rnd(p, 3), hostno = rnd(p, COUNT_OF(host) + (rnd(p, 16) == 0));
	bool router = hostno == COUNT_OF(host);
	uint32_t src = router ? EXT : host[hostno], dst = PICK(p, remote);
	uint32_t mark = rnd(p, 2) ? 0x1017 : 0x7;
	uint16_t sport = PICK(p, iport), dport = PICK(p, rport);
	unsigned flags = proto == EINAT_PROTO_TCP ? PICK(p, segments) : query(p, 8, 13);
	struct m_binding *peer = rnd(p, 5) ? NULL : any_binding(p), *b;
	bool hairpin, from_ext = m_ext(m, src) >= 0, made = false;
	struct spec in, out, back;
	struct run r;
	int slice;

	if (peer) {
		proto = peer->proto;
		dst = m->ext_addr[peer->ext];
		dport = peer->eport;
		flags = proto == EINAT_PROTO_TCP ? PICK(p, segments) : 8;
	}
	if (proto == EINAT_PROTO_ICMP)
		dport = 0;
	hairpin = m_ext(m, dst) >= 0;
	in = flow_spec(proto, src, sport, dst, dport, flags);
	maybe_first(p, &in);
	out = in;
	snprintf(p->what, sizeof(p->what), "step %lu: out, protocol %u, %08x:%u to %08x:%u, %#x",
		 p->step, proto, src, sport, dst, dport, flags);
	if (in.frag)
		m_note_end(m, EINAT_OUT, proto, src, dst, in.id);
	if (from_ext && !hairpin) {
		check_packet(p, EINAT_OUT, &in, R(EXTERNAL_SOURCE), NULL, mark);
		return;
	}
	if (hairpin && (proto == EINAT_PROTO_ICMP || !m_in(m, proto, dst, dport))) {
		check_packet(p, EINAT_OUT, &in, R(HAIRPIN_LOCAL), NULL, mark);
		if (in.frag)
			m_note_add(m, EINAT_OUT, proto, src, dst, in.id, NULL);
		return;
	}
	b = m_out(m, proto, src, sport);
	slice = m_slice(m, router ? (from_ext ? M_HOSTS : COUNT_OF(host)) : hostno, proto, mark,
			dst == EXCLUDED);
	if (!b && slice < 0) {
		check_packet(p, EINAT_OUT, &in, R(NOT_IN_SLICE), NULL, mark);
		return;
	}
	if (!b && proto == EINAT_PROTO_TCP && flags & F_RST) {
		check_packet(p, EINAT_OUT, &in, R(GUARD), NULL, mark);
		return;
	}
	/* a first contact that asks for itself: the binding's place is taken by the asker's */
	if (!b) {
		b = new_flow(p, &in, proto, router ? M_HOSTS : hostno, slice, mark, &r);
		made = true;
		if (!b)
			return;
	}
	out.src = m->ext_addr[b->ext];
	out.sport = b->eport;
	if (made) {
		struct frame want = build(&out);

		if (r.verdict != (hairpin ? 7 : -1))
			fail_msg("%s: verdict %d", p->what, r.verdict);
		frame_diff(&r.out, &want, p->what);
	} else {
		check_packet(p, EINAT_OUT, &in, hairpin ? R(HAIRPIN) : R(TRANSLATED), &out, mark);
	}
	if (in.frag)
		m_note_add(m, EINAT_OUT, proto, src, dst, in.id, b);
	if (!(proto == EINAT_PROTO_TCP && flags & F_RST))
		b->last_out = m->now;
	if (proto == EINAT_PROTO_TCP)
		m_tcp(m, b, true, made, flags, dst, dport);
	if (!hairpin)
		return;
	if (in.frag)
		m_note_end(m, EINAT_IN, proto, out.src, dst, in.id);
	peer = m_in(m, proto, dst, dport);
	back = out;
	if (!peer) {
		check_packet(p, EINAT_IN, &out, R(NO_BINDING), NULL, mark);
		return;
	}
	back.dst = peer->iaddr;
	back.dport = peer->iport;
	check_packet(p, EINAT_IN, &out, R(TRANSLATED), &back, mark);
	if (in.frag)
		m_note_add(m, EINAT_IN, proto, out.src, dst, in.id, peer);
	if (proto == EINAT_PROTO_TCP)
		m_tcp(m, peer, false, false, flags, out.src, out.sport);
}

static void step_in(struct play *p)
{
	struct model *m = p->m;
	struct m_binding *aim = rnd(p, 8) ? any_binding(p) : NULL, *b;
	unsigned proto = aim ? aim->proto : rnd(p, 3);
	uint32_t src = remote[rnd(p, 2)], dst = m->ext_addr[aim ? aim->ext : rnd(p, M_EXT)];
	uint16_t sport = PICK(p, rport);
	uint16_t dport = aim ? aim->eport : 20000 + rnd(p, 40);
	unsigned flags = proto == EINAT_PROTO_TCP ? PICK(p, segments) : query(p, 0, 14);
	struct spec in, out;

	if (proto == EINAT_PROTO_ICMP)
		sport = 0;
	if (aim && aim->n_s && rnd(p, 2)) { /* of a connection, not a stranger's */
		const struct m_session *s = &aim->s[rnd(p, aim->n_s)];

		src = s->raddr;
		sport = s->rport;
	}
	in = flow_spec(proto, src, sport, dst, dport, flags);
	maybe_first(p, &in);
	out = in;
	snprintf(p->what, sizeof(p->what), "step %lu: in, protocol %u, %08x:%u to %08x:%u, %#x",
		 p->step, proto, src, sport, dst, dport, flags);
	if (m_ext(m, dst) < 0) {
		check_packet(p, EINAT_IN, &in, R(OTHER_DEST), NULL, 1);
		return;
	}
	if (in.frag)
		m_note_end(m, EINAT_IN, proto, src, dst, in.id);
	b = m_in(m, proto, dst, dport);
	if (!b) {
		check_packet(p, EINAT_IN, &in, R(NO_BINDING), NULL, 1);
		return;
	}
	out.dst = b->iaddr;
	out.dport = b->iport;
	check_packet(p, EINAT_IN, &in, R(TRANSLATED), &out, 1);
	if (in.frag)
		m_note_add(m, EINAT_IN, proto, src, dst, in.id, b);
	if (proto == EINAT_PROTO_TCP)
		m_tcp(m, b, false, false, flags, src, sport);
}

#endif
