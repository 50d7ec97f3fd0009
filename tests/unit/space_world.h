/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small world of packets, in which regions are compared with the enumeration of all of them.
 * EINAT_SEED: seed, default 1; EINAT_ROUNDS: so many times as many rounds, default 1.
 */
#ifndef EINAT_TEST_SPACE_WORLD_H
#define EINAT_TEST_SPACE_WORLD_H

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <cmocka.h>

#include "nft/space.h"

/* The world: every combination of these. */
enum { ADDRS = 4, PROTOS = 3, PORTS = 5, MARKS = 4, IFS = 4, STATES = 2 };
static const uint8_t protos[PROTOS] = { IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMP };
static const char *const ifs[IFS] = { "wan", "lan", "docker7", "eth3" };
static const uint32_t states[STATES] = { SPACE_NEW, SPACE_ESTABLISHED };
#define WORLD (ADDRS * ADDRS * PROTOS * PORTS * MARKS * IFS * STATES)

struct point {
	unsigned saddr, daddr, proto, port, mark, iif, state;
};

static inline struct point point(unsigned i)
{
	struct point p;

	p.saddr = i % ADDRS, i /= ADDRS;
	p.daddr = i % ADDRS, i /= ADDRS;
	p.proto = i % PROTOS, i /= PROTOS;
	p.port = i % PORTS, i /= PORTS;
	p.mark = i % MARKS, i /= MARKS;
	p.iif = i % IFS, i /= IFS;
	p.state = i;
	return p;
}

static inline uint32_t addr(unsigned a)
{
	return 0x0a000000 + a;
}

static inline struct packet_example packet(const struct point *p)
{
	return (struct packet_example){ .family = NFPROTO_IPV4,
					.proto = protos[p->proto],
					.iif = ifs[p->iif],
					.oif = "",
					.saddr = net_addr_from4(htonl(addr(p->saddr))),
					.daddr = net_addr_from4(htonl(addr(p->daddr))),
					.sport = 9,
					.dport = (uint16_t)(100 + p->port),
					.mark = p->mark,
					.ctstate = states[p->state] };
}

static inline unsigned rounds(unsigned n)
{
	const char *times = getenv("EINAT_ROUNDS");

	return n * (times ? (unsigned)atoi(times) : 1);
}

static inline unsigned rnd(unsigned n)
{
	return (unsigned)random() % n;
}

/* One box: a mask of values in each dimension. */
struct spec {
	unsigned saddr, daddr, proto, port, mark, iif, state;
};

static inline unsigned mask(unsigned n)
{
	unsigned m = rnd(3) ? (1u << n) - 1 : 0;

	return m ? m : 1 + rnd((1u << n) - 1);
}

static inline struct spec spec(void)
{
	return (struct spec){ mask(ADDRS), mask(ADDRS), mask(PROTOS), mask(PORTS),
			      mask(MARKS), mask(IFS),	mask(STATES) };
}

static inline bool in_spec(const struct spec *s, const struct point *p)
{
	return s->saddr >> p->saddr & s->daddr >> p->daddr & s->proto >> p->proto &
	       s->port >> p->port & s->mark >> p->mark & s->iif >> p->iif & s->state >> p->state &
	       1;
}

struct world {
	struct fw_snapshot *snap;
	struct space *s;
	const struct fw_chain *chain; /* names of interfaces that rules name */
};

static inline void name_rule(struct fw_chain *c, const char *name, size_t compared)
{
	struct fw_match *m = fw_match_add(fw_rule_add(c, 1), FW_F_IIFNAME, false);
	uint8_t v[16] = { 0 };

	memcpy(v, name, strlen(name));
	memset(m->mask, 0, sizeof(m->mask));
	memset(m->mask, 0xff, compared);
	assert_int_equal(fw_match_range(m, v, v), 0);
}

/* wan and lan are named by rules, docker* as a wildcard, eth3 by none. */
static inline struct world world_new(void)
{
	struct world w = { .snap = calloc(1, sizeof(*w.snap)) };
	struct fw_chain *c = fw_chain_add(w.snap, fw_table_add(w.snap, NFPROTO_IPV4, "t"), "names");

	name_rule(c, "wan", 16);
	name_rule(c, "lan", 16);
	name_rule(c, "docker", 6);
	w.chain = c;
	w.s = space_new(w.snap, NULL);
	assert_non_null(w.s);
	return w;
}

static inline void world_free(struct world *w)
{
	assert_int_equal(space_error(w->s), 0);
	space_free(w->s);
	fw_snapshot_free(w->snap);
}

static inline void keep(struct space *s, struct region *r, enum dim d, unsigned mask, uint32_t base)
{
	struct num_range v[8];
	size_t n = 0;

	for (unsigned i = 0; i < 8; i++)
		if (mask >> i & 1)
			v[n++] = (struct num_range){ num32(base + i), num32(base + i) };
	region_keep(s, r, d, v, n);
}

static inline void add_spec(struct space *s, struct region *r, const struct spec *b)
{
	const char *names[IFS];
	struct num_range v[8];
	size_t n = 0;

	for (unsigned mark = 0; mark < MARKS; mark++) {
		struct region one = { 0 };

		if (!(b->mark >> mark & 1))
			continue;
		region_all(s, &one, NFPROTO_IPV4);
		/* all marks at once: leave the two bits open */
		region_set_mark(&one, mark, b->mark == (1u << MARKS) - 1 ? ~3u : ~0u);
		keep(s, &one, DIM_SADDR, b->saddr, addr(0));
		keep(s, &one, DIM_DADDR, b->daddr, addr(0));
		keep(s, &one, DIM_DPORT, b->port, 100);
		n = 0;
		for (unsigned i = 0; i < PROTOS; i++)
			if (b->proto >> i & 1)
				v[n++] = (struct num_range){ num32(protos[i]), num32(protos[i]) };
		region_keep(s, &one, DIM_PROTO, v, n);
		n = 0;
		for (unsigned i = 0; i < IFS; i++)
			if (b->iif >> i & 1)
				names[n++] = ifs[i];
		region_keep_ifs(s, &one, DIM_IIF, names, n, false);
		region_set(s, &one, DIM_CTSTATE, num32(SPACE_INVALID), num32(6), false);
		n = 0;
		for (unsigned i = 0; i < STATES; i++)
			if (b->state >> i & 1)
				v[n++] = (struct num_range){ num32(states[i]), num32(states[i]) };
		region_keep(s, &one, DIM_CTSTATE, v, n);
		region_move(s, r, &one);
		if (b->mark == (1u << MARKS) - 1)
			break;
	}
}

/* A region and which of the world's packets it should hold. */
struct both {
	struct region r;
	bool is[WORLD];
};

static inline void fill(struct world *w, struct both *b)
{
	unsigned n = 1 + rnd(3);

	memset(b, 0, sizeof(*b));
	while (n--) {
		struct spec s = spec();

		add_spec(w->s, &b->r, &s);
		for (unsigned i = 0; i < WORLD; i++) {
			struct point p = point(i);

			b->is[i] = b->is[i] || in_spec(&s, &p);
		}
	}
}

/* Ports of ICMP mean nothing: such points stand for one packet. */
static inline bool same_packet(const struct point *p)
{
	return protos[p->proto] == IPPROTO_ICMP && p->port;
}

/*
 * What must be there, and what may. @lax: a packet that is there although it should not be is
 * allowed unless a certain box holds it.
 */
static inline void compare(struct world *w, const struct region *r, const bool *must,
			   const bool *may, bool lax, const char *what)
{
	for (unsigned i = 0; i < WORLD; i++) {
		struct point p = point(i);
		struct packet_example e = packet(&p);
		bool has, sure = false;

		if (same_packet(&p))
			continue;
		has = region_has(w->s, r, &e);
		for (size_t j = 0; j < r->n && !sure; j++)
			sure = r->b[j].certain &&
			       region_has(w->s, &(struct region){ &r->b[j], 1, false }, &e);
		if (must[i] && !has)
			fail_msg("%s: packet %u is lost", what, i);
		if (!may[i] && (sure || (has && !lax)))
			fail_msg("%s: packet %u is %s", what, i, sure ? "certain" : "there");
		/* what is there for certain must be known to be: nothing was widened */
		if (must[i] && may[i] && !lax && !sure)
			fail_msg("%s: packet %u is not certain", what, i);
	}
}

static inline void icmp_any_port(bool *is)
{
	/* a packet without a port is there if any port would be */
	for (unsigned i = 0; i < WORLD; i++) {
		struct point p = point(i);

		if (protos[p.proto] == IPPROTO_ICMP && is[i])
			is[i - p.port * ADDRS * ADDRS * PROTOS] = true;
	}
}

/* UDP and TCP only, so that every point is one packet. */
static inline void no_icmp(struct world *w, struct both *b)
{
	struct num_range v[] = { { num32(IPPROTO_TCP), num32(IPPROTO_TCP) },
				 { num32(IPPROTO_UDP), num32(IPPROTO_UDP) } };

	region_keep(w->s, &b->r, DIM_PROTO, v, 2);
	for (unsigned i = 0; i < WORLD; i++)
		if (protos[point(i).proto] == IPPROTO_ICMP)
			b->is[i] = false;
}

static inline void seed(void)
{
	const char *text = getenv("EINAT_SEED");

	srandom(text ? (unsigned)atoi(text) : 1);
}

#endif
