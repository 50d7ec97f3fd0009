// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Thousands of random steps, each played on the data plane and on the reference NAT of model.h:
 * verdict, translated packet and the state afterwards must agree.
 *
 * EINAT_SEED: where to begin (printed when a step fails; default: the time). EINAT_STEPS: how many.
 */
#include <time.h>

#include "tests/bpf/model_play.h"

#define EPISODE	      3000 /* steps with one set of slices to begin with */
#define STEPS_DEFAULT 24000

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
		for (unsigned port = 1; p->m->ext_gen[e] && port < 65536; port++) {
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
	return gen && (gen == m->ext_gen[0] || gen == m->ext_gen[1]);
}

/* A new flow of the slice: runs it; the binding that was made, or NULL (dropped: full). */
static struct m_binding *new_flow(struct play *p, const struct spec *in, unsigned proto,
				  unsigned hostno, int slice, uint32_t mark, struct run *ret_run)
{
	struct model *m = p->m;
	struct m_binding *stale = m_internal(m, proto, in->src, in->sport), *b;
	struct choice c = choices(p, slice, proto, in->sport);
	struct frame f = build(in);
	uint32_t paired = m->paired_gen[hostno], slot = ~0u;
	int revive = -1, e;
	uint16_t port;

	/* not swept yet, its port still the slice's, its address there: it gets its port again */
	if (stale && stale->gen == m->ext_gen[stale->ext] &&
	    m->slice[slice].port[proto][stale->eport])
		revive = stale->eport;
	stats_read(p->lab, p->lab->before);
	*ret_run = run_frame(p->lab, EINAT_OUT, &f, mark, 0);
	if (ret_run->verdict == 2) {
		bool room =
			m->ext_gen[0] || m->ext_gen[1]; /* whichever address it would have got */

		for (e = 0; e < M_EXT; e++)
			if (m->ext_gen[e] && (!pair_there(m, paired) || paired == m->ext_gen[e]))
				room &= c.certain[e];
		check_reason(p->lab, EINAT_OUT,
			     m->ext_gen[0] || m->ext_gen[1] ? R(FULL) : R(NO_ADDRESS), f.n,
			     p->what);
		if (room)
			fail_msg("%s: dropped, though a port was free", p->what);
		if (revive >= 0)
			fail_msg("%s: dropped, though it had a port", p->what);
		return NULL;
	}
	e = m_ext(m, (uint32_t)ret_run->out.b[26] << 24 | ret_run->out.b[27] << 16 |
			     ret_run->out.b[28] << 8 | ret_run->out.b[29]);
	if (e < 0)
		fail_msg("%s: left with an address that is not external", p->what);
	port = proto == EINAT_PROTO_ICMP ? ret_run->out.b[38] << 8 | ret_run->out.b[39]
					 : ret_run->out.b[34] << 8 | ret_run->out.b[35];
	if (revive >= 0 && (unsigned)e != stale->ext)
		fail_msg("%s: another address than its own", p->what);
	if (revive < 0 && pair_there(m, paired) && paired != m->ext_gen[e])
		fail_msg("%s: the host's other bindings have another address", p->what);
	check_choice(p, slice, proto, e, in->sport, port, c.best[e], c.own[e], revive,
		     c.rests[e][port]);
	if (revive < 0)
		m->paired_gen[hostno] = m->ext_gen[e];
	slot = slot_no(e, proto, port);
	if (!used_bit(p, slot) || p->lab->slots[slot].state != SLOT_LIVE)
		fail_msg("%s: no slot for it", p->what);
	b = m_make(m, proto, in->src, in->sport, e, port);
	return b;
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
	unsigned flags = proto == EINAT_PROTO_TCP ? PICK(p, segments) : rnd(p, 4) ? 8 : 13;
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
	in = out = flow_spec(proto, src, sport, dst, dport, flags);
	snprintf(p->what, sizeof(p->what), "step %lu: out, protocol %u, %08x:%u to %08x:%u, %#x",
		 p->step, proto, src, sport, dst, dport, flags);
	if (from_ext && !hairpin) {
		check_packet(p, EINAT_OUT, &in, R(EXTERNAL_SOURCE), NULL, mark);
		return;
	}
	if (hairpin && (proto == EINAT_PROTO_ICMP || !m_in(m, proto, dst, dport))) {
		check_packet(p, EINAT_OUT, &in, R(HAIRPIN_LOCAL), NULL, mark);
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
	if (!(proto == EINAT_PROTO_TCP && flags & F_RST))
		b->last_out = m->now;
	if (proto == EINAT_PROTO_TCP)
		m_tcp(m, b, true, made, flags, dst, dport);
	if (!hairpin)
		return;
	peer = m_in(m, proto, dst, dport);
	back = out;
	if (!peer) {
		check_packet(p, EINAT_IN, &out, R(NO_BINDING), NULL, mark);
		return;
	}
	back.dst = peer->iaddr;
	back.dport = peer->iport;
	check_packet(p, EINAT_IN, &out, R(TRANSLATED), &back, mark);
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
	unsigned flags = proto == EINAT_PROTO_TCP ? PICK(p, segments) : rnd(p, 4) ? 0 : 14;
	struct spec in, out;

	if (proto == EINAT_PROTO_ICMP)
		sport = 0;
	if (aim && aim->n_s && rnd(p, 2)) { /* of a connection, not a stranger's */
		const struct m_session *s = &aim->s[rnd(p, aim->n_s)];

		src = s->raddr;
		sport = s->rport;
	}
	in = out = flow_spec(proto, src, sport, dst, dport, flags);
	snprintf(p->what, sizeof(p->what), "step %lu: in, protocol %u, %08x:%u to %08x:%u, %#x",
		 p->step, proto, src, sport, dst, dport, flags);
	if (m_ext(m, dst) < 0) {
		check_packet(p, EINAT_IN, &in, R(OTHER_DEST), NULL, 1);
		return;
	}
	b = m_in(m, proto, dst, dport);
	if (!b) {
		check_packet(p, EINAT_IN, &in, R(NO_BINDING), NULL, 1);
		return;
	}
	out.dst = b->iaddr;
	out.dport = b->iport;
	check_packet(p, EINAT_IN, &in, R(TRANSLATED), &out, 1);
	if (proto == EINAT_PROTO_TCP)
		m_tcp(m, b, false, false, flags, src, sport);
}

/* An ICMP error about a packet of a binding's, live or not, in either direction. */
static void step_error(struct play *p)
{
	static const uint8_t types[] = { 3, 4, 11, 12 };
	struct model *m = p->m;
	struct m_binding *b = any_binding(p);
	uint32_t ext, from = ROUTER;
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
	if (in) {
		was.src = b->iaddr;
		was.sport = b->iport;
	} else {
		was.dst = ext;
		was.dport = b->eport;
		from = rnd(p, 2) ? host[0] : b->iaddr;
	}
	err = (struct spec)ICMP_ERR(PICK(p, types), rnd(p, 5), from, in ? ext : REMOTE, &quote);
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
	if (live) {
		check_packet(p, EINAT_OUT, &err, R(ICMP_ERROR), &got, 1);
		return;
	}
	for (unsigned h = 0; h < COUNT_OF(host); h++)
		if (host[h] == from)
			check_packet(p, EINAT_OUT, &err,
				     m_slice(m, h, EINAT_PROTO_ICMP, 1, false) >= 0
					     ? R(GUARD)
					     : R(ICMP_UNKNOWN),
				     NULL, 1);
}

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

static struct einat_sweep sweep(struct play *p, struct einat_sweep w)
{
	uint8_t in[64] = {}, out[64] = {};
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = in, .data_size_in = sizeof(in),
		    .data_out = out, .data_size_out = sizeof(out));

	memcpy(in, &w, sizeof(w));
	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(p->lab->sk->progs.einat_sweep), &o),
			 0);
	assert_int_equal(o.retval, 0);
	memcpy(&w, out, sizeof(w));
	return w;
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
	w = sweep(p, (struct einat_sweep){ .op = force ? SWEEP_FORCE : SWEEP_EXPIRED,
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
	if (!m->ext_gen[e])
		want = e < p->lab->cfg.n_ext ? -EADDRNOTAVAIL : -EINVAL;
	else if ((at && m_live(m, at)) || m_out(m, proto, host[h], in))
		want = -EEXIST;
	w = sweep(p, w);
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

			if (!b || s->state != SLOT_LIVE || htonl(b->iaddr) != s->addr.w[3] ||
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

static void one_step(struct play *p)
{
	uint32_t what = rnd(p, 1000);

	if (what < 420)
		step_out(p);
	else if (what < 700)
		step_in(p);
	else if (what < 800)
		step_error(p);
	else if (what < 900)
		step_clock(p);
	else if (what < 940)
		step_ports(p);
	else if (what < 970)
		step_sweep(p);
	else if (what < 990)
		step_add(p);
	else
		step_config(p);
}

static void model(void **state)
{
	const char *seed = getenv("EINAT_SEED"), *steps = getenv("EINAT_STEPS");
	struct play p = { .lab = &the_lab, .m = calloc(1, sizeof(struct model)) };
	unsigned long n = steps ? strtoul(steps, NULL, 0) : STEPS_DEFAULT;

	(void)state;
	assert_non_null(p.m);
	p.rng = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
	for (p.step = 0; p.step < n; p.step++) {
		if (p.step % EPISODE == 0) {
			print_message("# EINAT_SEED=%#llx EINAT_STEPS=%lu\n",
				      (unsigned long long)p.rng, n - p.step);
			begin_episode(&p);
		}
		one_step(&p);
		check_state(&p);
		if (p.step % 500 == 499)
			check_consistent(p.lab);
	}
	free(p.m);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(model) };

	return run_table("model", NULL, 0, tests, 1);
}
