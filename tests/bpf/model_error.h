/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_model.c: ICMP errors. */
#ifndef EINAT_TESTS_BPF_MODEL_ERROR_H
#define EINAT_TESTS_BPF_MODEL_ERROR_H

#include "tests/bpf/model_play.h"

/* Of the router itself, about what no live binding explains: what it NATs it does not quote. */
static int own_error(const struct model *m, const struct m_binding *b, uint32_t to)
{
	for (unsigned h = 0; h < COUNT_OF(host) && m_ext(m, b->iaddr) < 0; h++)
		if (host[h] == b->iaddr && m_slice(m, h, b->proto, ANY_MARK, to == EXCLUDED) >= 0)
			return R(GUARD);
	return R(EXTERNAL_SOURCE);
}

/*
 * An ICMP error about a packet of a binding's, live or not, in either direction. Outwards also
 * about a later fragment, which has no ports.
 */
static void step_error(struct play *p)
{
	static const uint8_t types[] = { 3, 11, 12 };
	struct model *m = p->m;
	struct m_binding *b = any_binding(p);
	uint32_t ext, from = ROUTER, to;
	bool in = rnd(p, 2), live;
	struct spec quote, was, err, got;
	unsigned query;

	if (!b)
		return;
	live = m_live(m, b);
	ext = m->ext_addr[b->ext];
	query = b->proto == EINAT_PROTO_TCP ? F_SYN : in ? 8 : 0;
	quote = was = in ? flow_spec(b->proto, ext, b->eport, REMOTE, rport[0], query)
			 : flow_spec(b->proto, REMOTE, rport[0], b->iaddr, b->iport, query);
	if (b->proto == EINAT_PROTO_ICMP)
		*(in ? &quote.dport : &quote.sport) = 0;
	was = quote;
	to = ext;
	if (in) {
		was.src = b->iaddr;
		was.sport = b->iport;
	} else {
		const uint32_t froms[] = { host[0], b->iaddr, m_ext(m, ext) < 0 ? host[1] : ext };

		was.dst = ext;
		was.dport = b->eport;
		from = PICK(p, froms);
		to = PICK(p, remote);
		if (!rnd(p, 4)) {
			quote.frag = 9;
			quote.len = 20;
			live = false;
		}
	}
	err = (struct spec)ICMP_ERR(types[rnd(p, 3)], rnd(p, 5), from, to, &quote);
	err.quote_l4 = rnd(p, 2) ? 8 : 0;
	got = err;
	got.quote = &was;
	snprintf(p->what, sizeof(p->what), "step %lu: error %s, protocol %u, %08x:%u", p->step,
		 in ? "in" : "out", b->proto, b->iaddr, b->iport);
	if (in) {
		got.dst = b->iaddr;
		check_packet(p, EINAT_IN, &err,
			     m_ext(m, ext) < 0 ? R(OTHER_DEST)
			     : live	       ? R(ICMP_ERROR)
					       : R(ICMP_UNKNOWN),
			     live ? &got : NULL, 1);
		return;
	}
	got.src = ext;
	/* what has an external address reaches the outside as it is: see packet_out() */
	live &= m_ext(m, b->iaddr) < 0;
	if (!live && m_ext(m, from) >= 0) {
		check_packet(p, EINAT_OUT, &err, own_error(m, b, to), NULL, 1);
		return;
	}
	if (live) {
		check_packet(p, EINAT_OUT, &err, R(ICMP_ERROR), &got, 1);
		return;
	}
	for (unsigned h = 0; h < COUNT_OF(host); h++)
		if (host[h] == from)
			check_packet(p, EINAT_OUT, &err,
				     m_slice(m, h, EINAT_PROTO_ICMP, 1, to == EXCLUDED) >= 0 ||
						     m_slice(m, h, b->proto, 1, to == EXCLUDED) >= 0
					     ? R(GUARD)
					     : R(ICMP_UNKNOWN),
				     NULL, 1);
}

#endif
