/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the steps of test_model.c share: the cast, random numbers, configuration, packets. */
#ifndef EINAT_TESTS_BPF_MODEL_PLAY_H
#define EINAT_TESTS_BPF_MODEL_PLAY_H

#include "tests/bpf/model.h"

#define R(x) REASON_##x

static const uint32_t host[] = { IP4(192, 168, 1, 10), IP4(192, 168, 1, 11), IP4(192, 168, 1, 12),
				 IP4(192, 168, 1, 13), IP4(192, 168, 1, 14), IP4(10, 9, 9, 9) };
static const uint16_t iport[] = { 20001, 20002, 700, 5000, 20130, 21007, 20003 };
static const uint32_t remote[] = { REMOTE, REMOTE2, EXCLUDED };
static const uint16_t rport[] = { 53, 8080 };
static const unsigned ipproto[] = { IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMP };
static const uint16_t datagram[] = { 1, 2, 3 }; /* identifications of what is fragmented */
static const unsigned segments[] = { F_SYN, F_SYN,	  F_SYN | F_ACK, F_SYN | F_ACK,
				     F_ACK, F_ACK,	  F_FIN | F_ACK, F_FIN | F_ACK,
				     F_RST, F_RST | F_ACK };

struct play {
	struct lab *lab;
	bool v4, v6; /* families of the episode */
	struct model *m;
	uint64_t rng;
	uint32_t last_gen;
	unsigned long step;
	unsigned long seen[2][EINAT_DIR_COUNT][EINAT_REASON_COUNT]; /* of each family */
	char what[160];
};

#define PICK(p, a) ((a)[rnd(p, COUNT_OF(a))])

#define ANY_MARK 0x17 /* of whatever slice; see random_slice() */

/* splitmix64 */
static uint32_t rnd(struct play *p, uint32_t n)
{
	uint64_t z = p->rng += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (z ^ z >> 31) % n;
}

static bool used_bit(const struct play *p, uint32_t slot)
{
	return p->lab->used[slot / 64] >> (slot % 64) & 1;
}

/* Whatever comes next is of its family. */
static struct m_binding *any_binding(struct play *p)
{
	for (int i = 0; i < 40; i++) {
		struct m_binding *b = &p->m->b[rnd(p, M_BINDINGS)];

		if (!b->there)
			continue;
		as_ip6 = b->six;
		return b;
	}
	return NULL;
}

/* ---- configuration ---- */

/* The slices of the model, and what is there of addresses, to the data plane. */
static void configure(struct play *p)
{
	struct lab *lab = p->lab;
	const struct model *m = p->m;

	lab->cfg.n_slices = m->n_slices;
	lab->cfg.n_ext = 0;
	for (unsigned e = 0; e < M_EXT; e++) {
		as_ip6 = m->ext_six[e];
		lab->cfg.ext[e].addr = addr6(m->ext_addr[e]);
		lab->cfg.ext[e].gen = m->ext_gen[e];
		if (m->ext_gen[e])
			lab->cfg.n_ext = e + 1;
	}
	for (unsigned i = 0; i < m->n_slices; i++)
		lab->cfg.slices[i] = (struct einat_cfg_slice){ .mark = m->slice[i].mark,
							       .mark_mask = m->slice[i].mask,
							       .protos = m->slice[i].protos };
	for (unsigned h = 0; h < COUNT_OF(host); h++) {
		uint32_t mask = 0;

		for (unsigned i = 0; i < M_SLICES; i++)
			mask |= (uint32_t)m->slice[i].host[h] << i;
		for (int six = !p->v4; six <= p->v6; six++) {
			as_ip6 = six;
			lab_prefix(lab->sk->maps.src, host[h], 32, mask);
		}
	}
	lab_apply(lab);
}

static void random_slice(struct play *p, struct m_slice *s)
{
	s->protos = rnd(p, 4) ? 7 : 1 + rnd(p, 7);
	s->mask = rnd(p, 3) ? 0 : 0xf0;
	s->mark = s->mask ? 0x10 : 0;
	for (unsigned h = 0; h < COUNT_OF(host) - 1; h++)
		s->host[h] = rnd(p, 4);
}

static void set_port(struct play *p, unsigned slice, unsigned proto, uint16_t port, bool on)
{
	p->m->slice[slice].port[proto][port] = on;
	lab_ports(p->lab, slice, proto, port, port, on);
}

/* Few ports, so that slices are full at times; of one block, or of several and both classes. */
static void random_ports(struct play *p)
{
	static const uint16_t from[] = { 20000, 700, 21000, 40000 };

	for (unsigned s = 0; s < M_SLICES; s++)
		for (unsigned proto = 0; proto < EINAT_PROTO_COUNT; proto++) {
			unsigned n = 1 + rnd(p, 24);
			bool scattered = rnd(p, 2);

			lab_ports(p->lab, s, proto, 0, 65535, false);
			memset(p->m->slice[s].port[proto], 0, 65536);
			for (unsigned i = 0; i < n; i++)
				set_port(p, s, proto, from[scattered ? rnd(p, 4) : 0] + rnd(p, 32),
					 true);
		}
}

/* IPv4 alone, IPv4 while IPv6 is translated too, IPv6, or both with one address each. */
static void choose_families(struct play *p)
{
	unsigned kind = rnd(p, 5);

	p->lab = kind ? &the_lab6 : &the_lab;
	p->v4 = kind < 2 || kind > 2;
	p->v6 = kind >= 2;
}

static void begin_episode(struct play *p)
{
	struct model *m = p->m;

	choose_families(p);
	as_ip6 = !p->v4;
	lab_reset(p->lab);
	memset(m, 0, sizeof(*m));
	m->now = T0 + rnd(p, 100000);
	p->lab->ctl->now_override = m->now;
	m->t_udp = T_UDP;
	m->t_icmp = T_ICMP;
	m->t_open = T_TCP_OPEN;
	m->t_syn = T_TCP_SYN;
	m->t_close = T_TCP_CLOSE;
	m->ext_addr[0] = EXT;
	m->ext_addr[1] = p->v4 && p->v6 && rnd(p, 2) ? EXT : EXT2;
	m->ext_six[0] = !p->v4;
	m->ext_six[1] = p->v6;
	m->ext_gen[0] = ++p->last_gen;
	m->ext_gen[1] = rnd(p, 2) ? ++p->last_gen : 0;
	m->n_slices = 1 + rnd(p, M_SLICES);
	for (unsigned i = 0; i < M_SLICES; i++)
		random_slice(p, &m->slice[i]);
	map_clear(p->lab->sk->maps.src);
	for (int six = !p->v4; six <= p->v6; six++) {
		as_ip6 = six;
		lab_prefix(p->lab->sk->maps.exdst, IP4(203, 0, 114, 0), 24, ~0u);
	}
	random_ports(p);
	p->lab->cfg.inbound_mark = p->lab->cfg.inbound_mask = 0x4000;
	configure(p);
}

/* ---- packets ---- */

static struct spec flow_spec(unsigned proto, uint32_t src, uint16_t sport, uint32_t dst,
			     uint16_t dport, unsigned flags)
{
	return (struct spec){ .proto = ipproto[proto],
			      .flags = flags,
			      .type = flags,
			      .src = src,
			      .dst = dst,
			      .sport = sport,
			      .dport = dport,
			      .len = 8 };
}

/* Where it comes from; ICMP: the identifier. */
static void frame_source(const struct frame *f, unsigned proto, uint32_t *ret_addr,
			 uint16_t *ret_port)
{
	const uint8_t *ip = f->b + 14, *a = ip + (as_ip6 ? 20 : 12);
	const uint8_t *l4 = ip + (as_ip6 ? (ip[6] == IPPROTO_FRAGMENT ? 48 : 40) : 20);

	l4 += proto == EINAT_PROTO_ICMP ? 4 : 0;
	*ret_addr = (uint32_t)a[0] << 24 | a[1] << 16 | a[2] << 8 | a[3];
	*ret_port = l4[0] << 8 | l4[1];
}

static void check_packet(struct play *p, enum einat_dir dir, const struct spec *in, int reason,
			 const struct spec *out, uint32_t mark)
{
	struct frame f = build(in), want = build(out ?: in);
	struct run r = expect_frame(p->lab, dir, &f, reason, &want, mark, 0, p->what);
	uint32_t marked = mark;

	p->seen[as_ip6][dir][reason]++;
	if (dir == EINAT_IN &&
	    (reason == R(TRANSLATED) || reason == R(ICMP_ERROR) || reason == R(FRAGMENT)))
		marked = (mark & ~0x4000) | 0x4000;
	if (r.mark != marked)
		fail_msg("%s: mark %#x, expected %#x", p->what, r.mark, marked);
}

#endif
