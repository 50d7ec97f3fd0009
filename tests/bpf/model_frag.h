/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_model.c: later fragments, of datagrams that are known and of others, in both directions. */
#ifndef EINAT_TESTS_BPF_MODEL_FRAG_H
#define EINAT_TESTS_BPF_MODEL_FRAG_H

#include "tests/bpf/model_play.h"

static bool note_fresh(const struct model *m, const struct m_note *n)
{
	return n && !n->over && m->now - n->at <= T_FRAG;
}

/* The binding of the note, if it is the same one still; it may have expired meanwhile. */
static struct m_binding *note_binding(const struct play *p, const struct m_note *n)
{
	if (!note_fresh(p->m, n) || !n->b || !n->b->there || n->b->use != n->use)
		return NULL;
	return n->b->ext < p->lab->cfg.n_ext ? n->b : NULL;
}

static unsigned host_number(uint32_t addr)
{
	unsigned h;

	for (h = 0; h < COUNT_OF(host); h++)
		if (host[h] == addr)
			break;
	return h;
}

static void fragment_out(struct play *p, const struct spec *in, unsigned proto)
{
	const uint32_t mark = ANY_MARK;
	struct model *m = p->m;
	bool from_ext = m_ext(m, in->src) >= 0, to_ext = m_ext(m, in->dst) >= 0;
	struct m_note *n = m_note(m, EINAT_OUT, proto, in->src, in->dst, in->id);
	struct m_note *late = m_note(m, EINAT_IN, proto, in->src, in->dst, in->id);
	struct m_binding *b = note_binding(p, n);
	struct spec out = *in;
	int reason;

	if (from_ext && !to_ext) {
		reason = R(EXTERNAL_SOURCE);
	} else if (note_fresh(m, n) && !n->b) {
		reason = R(HAIRPIN_LOCAL);
	} else if (b) {
		reason = to_ext ? R(HAIRPIN) : R(FRAGMENT);
		out.src = m->ext_addr[b->ext];
	} else if (to_ext && note_fresh(m, late)) {
		reason = R(LATE_FRAGMENT);
	} else {
		reason = m_slice(m, host_number(in->src), proto, mark, in->dst == EXCLUDED) >= 0
				 ? R(FRAG_GUARD)
				 : R(FRAG_UNKNOWN);
	}
	check_packet(p, EINAT_OUT, in, reason, &out, mark);
}

static void fragment_in(struct play *p, const struct spec *in, unsigned proto)
{
	struct model *m = p->m;
	struct m_note *n = m_note(m, EINAT_IN, proto, in->src, in->dst, in->id);
	struct m_binding *b =
		note_fresh(m, n) && n->b && n->b->there && n->b->use == n->use ? n->b : NULL;
	struct spec out = *in;

	if (m_ext(m, in->dst) < 0)
		b = NULL;
	if (b)
		out.dst = b->iaddr;
	check_packet(p, EINAT_IN, in,
		     m_ext(m, in->dst) < 0 ? R(OTHER_DEST)
		     : b		   ? R(FRAGMENT)
					   : R(FRAG_UNKNOWN),
		     &out, 1);
}

static void step_fragment(struct play *p)
{
	struct model *m = p->m;
	unsigned which = rnd(p, 2) && m->n_notes ? rnd(p, m->n_notes) : m->last_note;
	const struct m_note *n = m->n_notes && rnd(p, 8) ? &m->note[which] : NULL;
	unsigned proto = n ? n->proto : rnd(p, 3);
	/* now and then the other way, as what the daemon sends in again goes */
	bool out = n ? (n->dir == EINAT_OUT) == !!rnd(p, 4) : rnd(p, 2);
	struct spec in;

	if (n)
		as_ip6 = n->six;
	in = flow_spec(proto, n ? n->src : PICK(p, host), 0, n ? n->dst : PICK(p, remote), 0, 0);
	if (!n && !out) {
		in.src = REMOTE;
		in.dst = m->ext_addr[rnd(p, M_EXT)];
	}
	in.id = n && rnd(p, 10) ? n->id : PICK(p, datagram);
	in.frag = (rnd(p, 2) ? 0x2000 : 0) | (1 + rnd(p, 100));
	snprintf(p->what, sizeof(p->what), "step %lu: fragment %s, IPv%d, %u, %08x to %08x, %u",
		 p->step, out ? "out" : "in", as_ip6 ? 6 : 4, proto, in.src, in.dst, in.id);
	if (out)
		fragment_out(p, &in, proto);
	else
		fragment_in(p, &in, proto);
}

#endif
