/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ways that packets take through the lab, and what the analyser says of them. */
#ifndef EINAT_TEST_SOUND_ASK_H
#define EINAT_TEST_SOUND_ASK_H

#include "sound_gen_xt.h"
#include "sound_net.h"

enum { PATHS = 6 };

/* Who may send to whom, and the way it takes. */
static const struct way {
	const char *name;
	enum walk_path path;
	uint8_t family;
	int in, out;
	const char *src, *dst; /* "%u" is 2 to 5 */
} ways[PATHS] = {
	{ "outwards", WALK_OUTWARDS, NFPROTO_IPV4, LAN, WAN, "10.0.0.%u", "198.51.100.%u" },
	{ "inwards", WALK_INWARDS, NFPROTO_IPV4, WAN, LAN, "198.51.100.%u", "10.0.0.%u" },
	{ "inbound", WALK_INBOUND, NFPROTO_IPV4, WAN, -1, "198.51.100.%u", "192.0.2.1" },
	{ "output", WALK_OUTPUT, NFPROTO_IPV4, -1, WAN, "192.0.2.1", "198.51.100.%u" },
	{ "outwards, IPv6", WALK_OUTWARDS, NFPROTO_IPV6, LAN, WAN, "fd00::%u", "2001:db8::%u" },
	{ "inwards, IPv6", WALK_INWARDS, NFPROTO_IPV6, WAN, LAN, "2001:db8::%u", "fd00::%u" },
};

static inline struct net_addr random_addr(const char *pattern)
{
	struct net_addr a;
	char text[64];

	snprintf(text, sizeof(text), pattern, 2 + rnd(4));
	assert_int_equal(net_addr_parse(text, &a), 0);
	return a;
}

static inline struct flight random_packet(const struct way *w)
{
	static const uint8_t protos[] = { IPPROTO_UDP, IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMP };
	struct flight f = { .family = w->family,
			    .in = w->in,
			    .out = w->out,
			    .src = random_addr(w->src),
			    .dst = random_addr(w->dst),
			    .proto = protos[rnd(4)],
			    .sport = (uint16_t)(1000 + rnd(4)),
			    .dport = (uint16_t)(80 + rnd(4)) };

	if (f.proto == IPPROTO_ICMP) {
		f.proto = f.family == NFPROTO_IPV6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
		f.dport = 0;
	}
	return f;
}

/* ---- what the analyser says ---------------------------------------------------------------- */

struct note {
	enum walk_what what;
	const struct fw_rule *rule;
	const struct fw_chain *base;
	const struct fw_op *op;
	struct region packets;
	bool will;
};

struct notes {
	struct space *s;
	struct note *v;
	size_t n;
};

static inline int note(struct walk *w, const struct walk_meeting *m)
{
	struct notes *k = w->data;
	struct note *v;

	assert_int_equal(fw_grow(&k->v, k->n, sizeof(*k->v)), 0);
	v = &k->v[k->n++];
	*v = (struct note){ m->what, m->rule, m->base, m->op, { 0 }, m->will };
	region_copy(k->s, &v->packets, m->packets);
	return 0;
}

static inline void notes_clear(struct notes *k)
{
	for (size_t i = 0; i < k->n; i++)
		region_clear(&k->v[i].packets);
	free(k->v);
	*k = (struct notes){ 0 };
}

static inline bool stops(enum walk_what what)
{
	return what == WALK_DROP || what == WALK_REJECT || what == WALK_POLICY || what == WALK_FWD;
}

static inline bool may_stop(enum walk_what what)
{
	return stops(what) || what == WALK_QUEUE || what == WALK_TPROXY || what == WALK_UNKNOWN ||
	       what == WALK_LIMIT;
}

static inline bool is_nat(enum walk_what what)
{
	return what == WALK_SNAT || what == WALK_DNAT || what == WALK_REDIRECT;
}

/* All packets of a way. */
static inline void describe(struct space *s, const struct way *w, struct region *r)
{
	static const uint8_t icmp[] = { IPPROTO_ICMP, IPPROTO_ICMPV6 };
	bool six = w->family == NFPROTO_IPV6;
	struct num_range protos[] = { { num32(IPPROTO_UDP), num32(IPPROTO_UDP) },
				      { num32(IPPROTO_TCP), num32(IPPROTO_TCP) },
				      { num32(icmp[six]), num32(icmp[six]) } };
	const char *const ends[] = { w->src, w->dst };

	region_all(s, r, w->family);
	region_keep(s, r, DIM_PROTO, protos, 3);
	region_keep_u32(s, r, DIM_SPORT, 1000, 1003);
	region_keep_u32(s, r, DIM_DPORT, 80, 83);
	region_keep_u32(s, r, DIM_TCPFLAGS, 0x02, 0x02);
	region_keep_u32(s, r, DIM_ICMPTYPE, six ? ICMP6_ECHO_REQUEST : ICMP_ECHO,
			six ? ICMP6_ECHO_REQUEST : ICMP_ECHO);
	region_keep_u32(s, r, DIM_ICMPCODE, 0, 0);
	for (int i = 0; i < 2; i++) {
		struct num_range v[4];

		for (unsigned j = 0; j < 4; j++) {
			struct net_addr a;
			char text[64];

			snprintf(text, sizeof(text), ends[i], 2 + j);
			assert_int_equal(net_addr_parse(text, &a), 0);
			v[j] = (struct num_range){ num_of_addr(&a), num_of_addr(&a) };
		}
		region_keep(s, r, i ? DIM_DADDR : DIM_SADDR, v, 4);
	}
	if (w->in >= 0)
		region_keep_ifs(s, r, DIM_IIF, &link_names[w->in], 1, false);
	if (w->out >= 0)
		region_keep_ifs(s, r, DIM_OIF, &link_names[w->out], 1, false);
}

/* One packet of a way. */
static inline void describe_one(struct space *s, const struct way *w, const struct flight *f,
				struct region *r)
{
	struct num a;

	describe(s, w, r);
	a = num_of_addr(&f->src);
	region_keep(s, r, DIM_SADDR, &(struct num_range){ a, a }, 1);
	a = num_of_addr(&f->dst);
	region_keep(s, r, DIM_DADDR, &(struct num_range){ a, a }, 1);
	region_keep_u32(s, r, DIM_PROTO, f->proto, f->proto);
	if (f->proto == IPPROTO_UDP || f->proto == IPPROTO_TCP) {
		region_keep_u32(s, r, DIM_SPORT, f->sport, f->sport);
		region_keep_u32(s, r, DIM_DPORT, f->dport, f->dport);
	}
	assert_int_equal(r->n, 1);
}

static inline void ask(struct space *s, const struct fw_snapshot *snap, const struct way *w,
		       struct region *r, struct notes *k)
{
	struct walk walk = { .space = s, .snap = snap, .meet = note, .data = k };

	k->s = s;
	assert_int_equal(walk_path(&walk, w->path, r), 0);
}

/* Whether the region that comes through holds what was seen. */
static inline bool comes_through(const struct space *s, const struct region *r,
				 const struct flight *f)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct box *b = &r->b[i];
		const char *oif = f->out >= 0 ? link_names[f->out] : "";
		struct packet_example e = { .family = f->family,
					    .proto = f->proto,
					    .oif = oif,
					    .saddr = f->src,
					    .daddr = f->dst,
					    .sport = f->sport,
					    .dport = f->dport,
					    .mark = f->mark };
		struct region one = { &r->b[i], 1, false };

		e.tcp_flags = 0x02;
		e.icmp_type = f->family == NFPROTO_IPV6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO;
		/* where it came from and its state are not seen from outside */
		e.iif = space_ifname(s, (uint32_t)num_set_at(b->dim[DIM_IIF], 0).lo.lo);
		e.ctstate = (uint32_t)num_set_at(b->dim[DIM_CTSTATE], 0).lo.lo;
		if (region_has(s, &one, &e))
			return true;
	}
	return false;
}

#endif
