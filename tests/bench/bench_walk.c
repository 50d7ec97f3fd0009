// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How much processor time the analyser of rules takes, and how much memory, on rule sets of 10,000
 * rules and a set of 100,000 elements, made in memory. Needs no root. EINAT_SEED: default 1.
 */
#include <arpa/inet.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "nft/foreign.h"
#include "nft/walk.h"

#define RULES 10000
#define ELEMS 100000

static void die(void)
{
	fputs("out of memory\n", stderr);
	exit(1);
}

static uint32_t rnd(uint32_t n)
{
	return (uint32_t)random() % n;
}

struct rules {
	struct fw_snapshot *s;
	struct fw_table *t;
	struct fw_chain *forward, *post;
	uint32_t *keys;
	unsigned seq; /* names the chains that rules jump to */
};

static struct fw_chain *base(struct rules *r, const char *name, enum fw_hook hook)
{
	struct fw_chain *c = fw_chain_add(r->s, r->t, name);

	if (!c)
		die();
	c->hook = hook;
	c->priority = hook == FW_POSTROUTING ? 100 : 0;
	c->nat = hook == FW_POSTROUTING;
	return c;
}

static void rules_new(struct rules *r)
{
	*r = (struct rules){ .s = calloc(1, sizeof(*r->s)) };
	r->t = fw_table_add(r->s, NFPROTO_INET, "t");
	if (!r->s || !r->t)
		die();
	r->forward = base(r, "forward", FW_FORWARD);
	r->post = base(r, "post", FW_POSTROUTING);
}

static struct fw_rule *rule(struct fw_chain *c)
{
	struct fw_rule *r = fw_rule_add(c, c->n_rules + 1);

	if (!r || fw_match_u32(r, FW_F_NFPROTO, false, 0xff, NFPROTO_IPV4, NFPROTO_IPV4))
		die();
	return r;
}

static void match(struct fw_rule *r, enum fw_field f, uint32_t lo, uint32_t hi)
{
	if (fw_match_u32(r, f, false, ~0u, lo, hi))
		die();
}

static struct fw_op *op(struct fw_rule *r, enum fw_kind kind)
{
	struct fw_op *o = fw_op_add(r, kind);

	if (!o)
		die();
	return o;
}

static void verdict(struct fw_rule *r, enum fw_code code, const struct fw_chain *to)
{
	op(r, FW_VERDICT)->verdict = (struct fw_verdict){ code, to };
}

/* ip saddr @blocked drop */
static void add_set(struct rules *r)
{
	struct fw_set *set = calloc(1, sizeof(*set));
	struct fw_lookup *l;
	struct fw_rule *ru;

	r->keys = malloc(ELEMS * sizeof(*r->keys));
	if (!set || !r->keys || fw_grow(&r->s->sets, r->s->n_sets, sizeof(*r->s->sets)))
		die();
	*set = (struct fw_set){ .table = r->t, .name = strdup("blocked"), .key_len = 4 };
	set->elems = calloc(ELEMS, sizeof(*set->elems));
	set->n_elems = ELEMS;
	for (uint32_t i = 0; i < ELEMS; i++) {
		r->keys[i] = htonl(0x2d000000 + 7 * i + rnd(6));
		set->elems[i].lo = set->elems[i].hi = (uint8_t *)&r->keys[i];
	}
	r->s->sets[r->s->n_sets++] = set;
	ru = rule(r->forward);
	l = &op(ru, FW_LOOKUP)->lookup;
	*l = (struct fw_lookup){ .set = set, .n_sel = 1 };
	l->sel[0] = (struct fw_sel){ .field = FW_F_SADDR4, .len = 4 };
	memset(l->sel[0].mask, 0xff, 4);
	verdict(ru, FW_DROP, NULL);
}

/* ip saddr A drop */
static void sources(struct rules *r)
{
	for (int i = 0; i < RULES; i++) {
		struct fw_rule *ru = rule(r->forward);
		uint32_t a = 0x50000000 + rnd(1 << 24);

		match(ru, FW_F_SADDR4, a, a);
		verdict(ru, FW_DROP, NULL);
	}
}

/* ip saddr A tcp dport P drop: each cuts in several dimensions */
static void sources_and_ports(struct rules *r)
{
	for (int i = 0; i < RULES; i++) {
		struct fw_rule *ru = rule(r->forward);
		uint32_t a = 0x50000000 + rnd(1 << 24), p = 1 + rnd(65535);

		match(ru, FW_F_SADDR4, a, a);
		match(ru, FW_F_L4PROTO, IPPROTO_TCP, IPPROTO_TCP);
		match(ru, FW_F_DPORT, p, p);
		verdict(ru, FW_DROP, NULL);
	}
}

/* ip daddr D jump chain: a chain of four rules for each host, as container engines write */
static void chains(struct rules *r)
{
	for (int i = 0; i < RULES / 5; i++) {
		struct fw_rule *ru = rule(r->forward);
		uint32_t d = 0xc0a80000 + (uint32_t)i;
		struct fw_chain *c;
		char name[16];

		snprintf(name, sizeof(name), "c%u", r->seq++);
		c = fw_chain_add(r->s, r->t, name);
		if (!c)
			die();
		match(ru, FW_F_DADDR4, d, d);
		verdict(ru, FW_JUMP, c);
		for (int j = 0; j < 3; j++) {
			ru = rule(c);
			match(ru, FW_F_L4PROTO, j == 1 ? IPPROTO_TCP : IPPROTO_UDP,
			      j == 1 ? IPPROTO_TCP : IPPROTO_UDP);
			match(ru, FW_F_DPORT, 80 + (uint32_t)j, 80 + (uint32_t)j);
			verdict(ru, FW_ACCEPT, NULL);
		}
		verdict(rule(c), FW_DROP, NULL);
	}
}

static void name(struct fw_rule *r, enum fw_field f, bool neg, const char *ifname)
{
	struct fw_match *m = fw_match_add(r, f, neg);
	uint8_t v[16] = { 0 };

	memcpy(v, ifname, strlen(ifname));
	if (!m || fw_match_range(m, v, v))
		die();
}

/* ip saddr S oifname != "brI" masquerade */
static void subnets(struct rules *r)
{
	for (int i = 0; i < RULES; i++) {
		struct fw_rule *ru = rule(r->post);
		uint32_t s = 0x0a000000 + (uint32_t)i * 256;
		char ifname[16];

		snprintf(ifname, sizeof(ifname), "br%d", i);
		match(ru, FW_F_SADDR4, s, s + 255);
		name(ru, FW_F_OIFNAME, true, ifname);
		op(ru, FW_SNAT)->nat.masquerade = true;
	}
}

/* what is not understood: nothing can be taken away */
static void unknowns(struct rules *r)
{
	for (int i = 0; i < RULES; i++) {
		struct fw_rule *ru = rule(r->forward);
		uint32_t p = 1 + rnd(65535);

		match(ru, FW_F_L4PROTO, IPPROTO_UDP, IPPROTO_UDP);
		match(ru, FW_F_DPORT, p, p + rnd(10));
		if (fw_maybe(ru))
			die();
		op(ru, FW_SETMARK)->setmark =
			(struct fw_setmark){ .xor = 1u << rnd(32), .keep = ~0u };
	}
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1000 + (double)t.tv_nsec / 1e6;
}

static size_t meetings, certain;

static int meet(struct walk *w, const struct walk_meeting *m)
{
	(void)w;
	meetings++;
	certain += m->will;
	return 0;
}

/* All that einat could translate inwards, through everything. */
static void walk(const struct rules *r, const char *title)
{
	static const struct space_host host = { .known = true };
	struct mallinfo2 before = mallinfo2(), after;
	double start = now(), took;
	struct space *s = space_new(r->s, &host);
	struct walk w = { .space = s, .snap = r->s, .meet = meet };
	struct region in = { 0 };

	if (!s)
		die();
	meetings = certain = 0;
	region_all(s, &in, NFPROTO_IPV4);
	if (walk_path(&w, WALK_INWARDS, &in))
		die();
	took = now() - start;
	after = mallinfo2();
	printf("%-44s %8.1f ms %6.1f MiB %8zu meetings, %zu certain%s%s\n", title, took,
	       ((double)after.uordblks - (double)before.uordblks) / 1048576, meetings, certain,
	       w.limit ? ", gave up" : "", in.widened ? ", widened" : "");
	region_clear(&in);
	space_free(s);
}

static void analyse(const struct rules *r, const char *title)
{
	double start = now();
	struct foreign *f = NULL;
	struct err err;

	if (foreign_analyse(r->s, "wan", 0, 0, &f, &err))
		printf("%-44s %s\n", title, err.text);
	else
		printf("%-44s %8.1f ms\n", title, now() - start);
	foreign_free(f);
}

int main(void)
{
	static const struct {
		const char *title;
		void (*make)(struct rules *r);
	} cases[] = {
		{ "10,000 sources", sources },
		{ "10,000 sources and ports", sources_and_ports },
		{ "2,000 chains of 4 rules", chains },
		{ "10,000 subnets masqueraded", subnets },
		{ "10,000 rules with an unknown match", unknowns },
	};
	const char *seed = getenv("EINAT_SEED");

	srandom(seed ? (unsigned)atoi(seed) : 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct rules r;
		char title[80];

		rules_new(&r);
		cases[i].make(&r);
		snprintf(title, sizeof(title), "%s, inwards", cases[i].title);
		walk(&r, title);
		add_set(&r);
		snprintf(title, sizeof(title), "%s, a set of 100,000", cases[i].title);
		walk(&r, title);
		snprintf(title, sizeof(title), "%s, all three questions", cases[i].title);
		analyse(&r, title);
		fw_snapshot_free(r.s);
		free(r.keys);
	}
	return 0;
}
