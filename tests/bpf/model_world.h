/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_model.c: time, configuration and sweeps; the state after each step. */
#ifndef EINAT_TESTS_BPF_MODEL_WORLD_H
#define EINAT_TESTS_BPF_MODEL_WORLD_H

#include "tests/bpf/lab_sweep.h"
#include "tests/bpf/model_play.h"

/* ---- time, configuration, sweeps ---- */

static void step_clock(struct play *p)
{
	struct m_binding *b = rnd(p, 2) ? any_binding(p) : NULL;
	uint32_t to = p->m->now + rnd(p, rnd(p, 20) ? 40 : 4000);

	/* just before or just after something expires */
	if (b && !b->is_static && m_live(p->m, b) && m_deadline(p->m, b) < p->m->now + 8000)
		to = m_deadline(p->m, b) + 1 - rnd(p, rnd(p, 2) ? 2 : 200);
	if ((int32_t)(to - p->m->now) < 0)
		return;
	p->m->now = p->lab->ctl->now_override = to;
}

static void step_ports(struct play *p)
{
	unsigned slice = rnd(p, M_SLICES), proto = rnd(p, 3);
	uint16_t port = rnd(p, 2) ? 20000 + rnd(p, 40) : PICK(p, iport);

	set_port(p, slice, proto, port, rnd(p, 2));
}

static void step_config(struct play *p)
{
	struct model *m = p->m;
	unsigned e = rnd(p, M_EXT);

	switch (rnd(p, 4)) {
	case 0:
		m->n_slices = 1 + rnd(p, M_SLICES);
		break;
	case 1:
		random_slice(p, &m->slice[rnd(p, M_SLICES)]);
		break;
	case 2:
	case 3: /* an address goes, or comes as one that was never there */
		m->ext_gen[e] = m->ext_gen[e] && rnd(p, 2) ? 0 : ++p->last_gen;
		break;
	}
	configure(p);
}

/* A range of one plane: what has expired goes, what lives stays; now and then all goes. */
static void step_sweep(struct play *p)
{
	struct model *m = p->m;
	bool force = !rnd(p, 20);
	unsigned e = rnd(p, M_EXT), proto = rnd(p, 3), live = 0, dead = 0;
	unsigned first = rnd(p, 2) ? 19000 : 20000 + rnd(p, 40), count = rnd(p, 2) ? 4096 : 30;
	struct einat_sweep w;

	snprintf(p->what, sizeof(p->what), "step %lu: sweep%s of %u, %u", p->step,
		 force ? " by force" : "", e, first);
	for (unsigned i = 0; i < M_BINDINGS; i++) {
		struct m_binding *b = &m->b[i];

		if (!b->there || b->ext != e || b->proto != proto || b->eport < first ||
		    b->eport >= first + count)
			continue;
		if (!force && (m_live(m, b) || m_rests(m, b))) {
			live++;
		} else {
			dead += used_bit(p, slot_no(e, proto, b->eport));
			b->there = false;
		}
	}
	w = lab_sweep(p->lab, (struct einat_sweep){ .op = force ? SWEEP_FORCE : SWEEP_EXPIRED,
						    .first = slot_no(e, proto, first),
						    .count = count });
	if (w.live != live || w.freed != dead)
		fail_msg("%s: %u freed, %u live; expected %u, %u", p->what, w.freed, w.live, dead,
			 live);
}

/* A static binding, or one of a flow that is taken over. */
static void step_add(struct play *p)
{
	struct model *m = p->m;
	unsigned e = rnd(p, M_EXT), proto = rnd(p, 3), h = rnd(p, COUNT_OF(host));
	uint16_t in = PICK(p, iport), out = 20000 + rnd(p, 60);
	bool is_static = rnd(p, 2);
	struct m_binding *at = m_external(m, proto, e, out), *b;
	int want = 0;
	struct einat_sweep w = {
		.op = SWEEP_ADD,
		.first = slot_no(e, proto, out),
		.count = 1,
		.ep = { .addr = addr6(host[h]), .port = htons(in), .proto = proto },
		.flags = is_static ? SLOT_F_STATIC : 0,
		.age = is_static ? 0 : rnd(p, 50)
	};

	snprintf(p->what, sizeof(p->what), "step %lu: add %08x:%u at %u", p->step, host[h], in,
		 out);
	if (m->ext_six[e] != as_ip6)
		want = -EINVAL;
	else if (!m->ext_gen[e])
		want = e < p->lab->cfg.n_ext ? -EADDRNOTAVAIL : -EINVAL;
	else if ((at && m_live(m, at)) || m_out(m, proto, host[h], in))
		want = -EEXIST;
	w = lab_sweep(p->lab, w);
	if (w.error != want)
		fail_msg("%s: error %d, expected %d", p->what, w.error, want);
	if (want)
		return;
	b = m_make(m, proto, host[h], in, e, out);
	b->is_static = is_static;
	b->last_out = m->now - w.age;
}

/* ---- the state after a step ---- */

/* Every slot in use is a binding of the model's, and every live binding has its slot. */
static void check_state(struct play *p)
{
	struct model *m = p->m;

	for (uint32_t w = 0; w < LAB_PLANES * EINAT_PORT_WORDS; w++)
		for (uint64_t bits = p->lab->used[w]; bits; bits &= bits - 1) {
			uint32_t n = w * 64 + __builtin_ctzll(bits), plane = n / EINAT_PORTS;
			const struct einat_slot *s = &p->lab->slots[n];
			struct m_binding *b = m_external(m, plane % 3, plane / 3, n % EINAT_PORTS);
			struct einat_addr addr;

			as_ip6 = b && b->six;
			addr = addr6(b ? b->iaddr : 0);
			if (!b || s->state != SLOT_LIVE || memcmp(&s->addr, &addr, sizeof(addr)) ||
			    htons(b->iport) != s->port)
				fail_msg("%s: slot %u holds what the model does not know", p->what,
					 n);
		}
	for (unsigned i = 0; i < M_BINDINGS; i++) {
		struct m_binding *b = &m->b[i];
		bool held = b->there && used_bit(p, slot_no(b->ext, b->proto, b->eport));

		if (b->there && !held && m_live(m, b))
			fail_msg("%s: a live binding of %08x:%u is gone", p->what, b->iaddr,
				 b->iport);
		if (b->there && !held) /* cleared away on the side, as it may be */
			b->there = false;
	}
}

#endif
