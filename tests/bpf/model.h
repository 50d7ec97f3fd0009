/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A reference NAT, written from the RFCs that docs/rfc.md lists and not from the data plane: lists
 * that are searched, a clock, no locks, no bitmaps. It decides all but which free port a binding
 * gets: it says which ones are allowed, and is told the choice. Addresses are roles, as in
 * packet.h: with as_ip6 set, that of the packet at hand is of IPv6, and so are the bindings that it
 * can meet.
 */
#ifndef EINAT_TESTS_BPF_MODEL_H
#define EINAT_TESTS_BPF_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "tests/bpf/harness.h"

#define M_BINDINGS 512
#define M_SESSIONS 16
#define M_EXT	   2
#define M_SLICES   3
#define M_HOSTS	   16
#define M_NOTES	   2048

/* RFC 6146 section 3.5.2.2; V6 is the inside. There is no record in CLOSED and V4 INIT. */
enum m_state { M_V6_INIT, M_ESTABLISHED, M_V4_FIN, M_V6_FIN, M_TRANS };

struct m_session {
	uint32_t raddr;
	uint16_t rport;
	enum m_state state;
};

struct m_binding {
	bool there; /* it was made, and nothing has taken its place; it may have expired */
	bool is_static;
	bool from_middle; /* not used for look-up: taken over with an age */
	bool six;
	uint8_t proto; /* enum einat_proto */
	uint32_t use; /* number of the binding, among all that ever were */
	uint32_t iaddr;
	uint16_t iport;
	unsigned ext;
	uint32_t gen;
	uint16_t eport;
	uint32_t last_out;
	bool opening; /* TCP: a session has begun and none is established since */
	uint32_t grace_end; /* TCP: it lives at least that long after its last session's end */
	struct m_session s[M_SESSIONS];
	unsigned n_s;
};

struct m_slice {
	unsigned protos; /* mask */
	uint32_t mark, mask;
	bool host[M_HOSTS]; /* sources, by index of the test's table */
	bool port[EINAT_PROTO_COUNT][65536];
};

/* What the first fragment of a datagram told (RFC 4787 REQ-14). */
struct m_note {
	bool six;
	uint8_t dir, proto;
	uint16_t id;
	uint32_t src, dst;
	uint32_t at;
	struct m_binding *b; /* NULL: of a datagram that is handed back */
	uint32_t use;
	bool over; /* another first fragment of its number has come */
};

struct model {
	uint32_t now;
	uint32_t t_udp, t_icmp, t_open, t_syn, t_close;
	uint32_t ext_addr[M_EXT];
	uint32_t ext_gen[M_EXT]; /* 0: not there */
	bool ext_six[M_EXT];
	unsigned n_slices;
	struct m_slice slice[M_SLICES];
	/* external address of a host, of each family; the last is the router */
	uint32_t paired_gen[2][M_HOSTS + 1];
	struct m_binding b[M_BINDINGS];
	uint32_t uses;
	struct m_note note[M_NOTES];
	unsigned n_notes, last_note; /* last_note: the one that was written last */
};

static inline bool m_open(const struct m_binding *b)
{
	for (unsigned i = 0; i < b->n_s; i++)
		if (b->s[i].state >= M_ESTABLISHED && b->s[i].state <= M_V6_FIN)
			return true;
	return false;
}

/* RFC 7857 section 2.1: opening and closing apart; the longer one where both may be. */
static inline uint32_t m_transitory(const struct model *m, const struct m_binding *b)
{
	if (!b->opening || (b->grace_end && m->t_close > m->t_syn))
		return m->t_close;
	return m->t_syn;
}

/* The last second of its life. */
static inline uint32_t m_deadline(const struct model *m, const struct m_binding *b)
{
	uint32_t end;

	if (b->proto == EINAT_PROTO_UDP)
		return b->last_out + m->t_udp;
	if (b->proto == EINAT_PROTO_ICMP)
		return b->last_out + m->t_icmp;
	if (m_open(b))
		return b->last_out + m->t_open;
	end = b->last_out + m_transitory(m, b);
	return end > b->grace_end ? end : b->grace_end;
}

static inline bool m_live(const struct model *m, const struct m_binding *b)
{
	return b->there && b->gen == m->ext_gen[b->ext] &&
	       (b->is_static || m->now <= m_deadline(m, b));
}

/* RFC 6888 REQ-8: expired, and for two minutes not to be given to another endpoint. */
static inline bool m_rests(const struct model *m, const struct m_binding *b)
{
	return b->there && b->gen == m->ext_gen[b->ext] && !m_live(m, b) &&
	       m->now <= m_deadline(m, b) + 120;
}

static inline struct m_binding *m_internal(struct model *m, unsigned proto, uint32_t addr,
					   uint16_t port)
{
	for (unsigned i = 0; i < M_BINDINGS; i++)
		if (m->b[i].there && m->b[i].six == as_ip6 && m->b[i].proto == proto &&
		    m->b[i].iaddr == addr && m->b[i].iport == port)
			return &m->b[i];
	return NULL;
}

static inline struct m_binding *m_external(struct model *m, unsigned proto, unsigned ext,
					   uint16_t port)
{
	for (unsigned i = 0; i < M_BINDINGS; i++)
		if (m->b[i].there && m->b[i].proto == proto && m->b[i].ext == ext &&
		    m->b[i].eport == port)
			return &m->b[i];
	return NULL;
}

/* Is it there, and of the packet's family? */
static inline bool m_usable(const struct model *m, unsigned e)
{
	return m->ext_gen[e] && m->ext_six[e] == as_ip6;
}

static inline int m_ext(const struct model *m, uint32_t addr)
{
	for (int e = 0; e < M_EXT; e++)
		if (m_usable(m, e) && m->ext_addr[e] == addr)
			return e;
	return -1;
}

/* The binding, live, that an external endpoint has, or NULL. */
static inline struct m_binding *m_in(struct model *m, unsigned proto, uint32_t addr, uint16_t port)
{
	int e = m_ext(m, addr);
	struct m_binding *b = e < 0 ? NULL : m_external(m, proto, e, port);

	return b && m_live(m, b) ? b : NULL;
}

static inline struct m_binding *m_out(struct model *m, unsigned proto, uint32_t addr, uint16_t port)
{
	struct m_binding *b = m_internal(m, proto, addr, port);

	return b && m_live(m, b) ? b : NULL;
}

/* The slice that takes a new flow of host number @host (M_HOSTS: the router itself), or -1. */
static inline int m_slice(const struct model *m, unsigned host, unsigned proto, uint32_t mark,
			  bool excluded)
{
	for (unsigned i = 0; i < m->n_slices && !excluded; i++) {
		const struct m_slice *s = &m->slice[i];

		if ((host == M_HOSTS || s->host[host]) && s->protos >> proto & 1 &&
		    (mark & s->mask) == s->mark)
			return i;
	}
	return -1;
}

/* May a new binding have it? What stands there must not be live. */
static inline bool m_allowed(struct model *m, int slice, unsigned proto, unsigned ext,
			     uint16_t port)
{
	struct m_binding *b = m_external(m, proto, ext, port);

	return m->slice[slice].port[proto][port] && !(b && m_live(m, b));
}

static inline struct m_binding *m_make(struct model *m, unsigned proto, uint32_t addr,
				       uint16_t port, unsigned ext, uint16_t eport)
{
	struct m_binding *old[] = { m_internal(m, proto, addr, port),
				    m_external(m, proto, ext, eport) };

	for (unsigned i = 0; i < 2; i++)
		if (old[i])
			old[i]->there = false;
	for (unsigned i = 0; i < M_BINDINGS; i++) {
		if (m->b[i].there)
			continue;
		m->b[i] = (struct m_binding){ .there = true,
					      .six = as_ip6,
					      .proto = proto,
					      .use = ++m->uses,
					      .iaddr = addr,
					      .iport = port,
					      .ext = ext,
					      .gen = m->ext_gen[ext],
					      .eport = eport,
					      .last_out = m->now };
		return &m->b[i];
	}
	fail_msg("the model is too small");
	return NULL;
}

static inline struct m_session *m_session(struct m_binding *b, uint32_t raddr, uint16_t rport)
{
	for (unsigned i = 0; i < b->n_s; i++)
		if (b->s[i].raddr == raddr && b->s[i].rport == rport)
			return &b->s[i];
	return NULL;
}

/* A segment of an existing session; false: both FINs were seen, the session is over. */
static inline bool m_segment(struct m_session *s, bool out, unsigned flags)
{
	bool rst = flags & F_RST, fin = flags & F_FIN, syn = flags & F_SYN;

	switch (s->state) {
	case M_V6_INIT:
		if (!out && syn)
			s->state = M_ESTABLISHED;
		break;
	case M_ESTABLISHED:
		if (rst)
			s->state = M_TRANS;
		else if (fin)
			s->state = out ? M_V6_FIN : M_V4_FIN;
		break;
	case M_V4_FIN:
	case M_V6_FIN:
		if (rst)
			s->state = M_TRANS;
		else if (fin && out == (s->state == M_V4_FIN))
			return false;
		break;
	case M_TRANS:
		if (!rst)
			s->state = M_ESTABLISHED;
		break;
	}
	return true;
}

/* @made: by this very packet */
static inline void m_tcp(struct model *m, struct m_binding *b, bool out, bool made, unsigned flags,
			 uint32_t raddr, uint16_t rport)
{
	struct m_session *s = m_session(b, raddr, rport);
	bool was_open = m_open(b);
	uint32_t end;

	if (s) {
		if (!m_segment(s, out, flags))
			*s = b->s[--b->n_s];
	} else if (out && !(flags & (F_FIN | F_RST)) && (flags & F_SYN || made)) {
		if (b->n_s == M_SESSIONS)
			fail_msg("the model has too few sessions");
		b->s[b->n_s++] = (struct m_session){
			.raddr = raddr,
			.rport = rport,
			.state = (flags & (F_SYN | F_ACK)) == F_SYN ? M_V6_INIT : M_ESTABLISHED,
		};
	}
	if (s || !out || (flags & (F_FIN | F_RST)))
		;
	else if ((flags & (F_SYN | F_ACK)) == F_SYN)
		b->opening = true;
	if (m_open(b) && (!was_open || made))
		b->opening = false;
	if (!was_open || m_open(b))
		return;
	/* RFC 7857 section 2.2; but no end lengthens a binding's life */
	end = m->now + m->t_close;
	if (end > b->last_out + m->t_open)
		end = b->last_out + m->t_open;
	b->grace_end = end;
}

/* The note of a datagram, also one that is too old; NULL: there is none. */
static inline struct m_note *m_note(struct model *m, unsigned dir, unsigned proto, uint32_t src,
				    uint32_t dst, uint16_t id)
{
	for (unsigned i = 0; i < m->n_notes; i++) {
		struct m_note *n = &m->note[i];

		if (n->six == as_ip6 && n->dir == dir && n->src == src && n->dst == dst &&
		    n->id == id && (as_ip6 || n->proto == proto))
			return n;
	}
	return NULL;
}

/* A first fragment has come: whatever becomes of it, an earlier datagram of its number is over. */
static inline void m_note_end(struct model *m, unsigned dir, unsigned proto, uint32_t src,
			      uint32_t dst, uint16_t id)
{
	struct m_note *n = m_note(m, dir, proto, src, dst, id);

	if (n)
		n->over = true;
}

/* A first fragment passed; by @b, or handed back (NULL). */
static inline void m_note_add(struct model *m, unsigned dir, unsigned proto, uint32_t src,
			      uint32_t dst, uint16_t id, struct m_binding *b)
{
	struct m_note *n = m_note(m, dir, proto, src, dst, id);

	if (!n && m->n_notes == M_NOTES)
		fail_msg("the model has too few notes");
	n = n ?: &m->note[m->n_notes++];
	m->last_note = n - m->note;
	*n = (struct m_note){ .six = as_ip6,
			      .dir = dir,
			      .proto = proto,
			      .id = id,
			      .src = src,
			      .dst = dst,
			      .at = m->now,
			      .b = b,
			      .use = b ? b->use : 0 };
}

#endif
