// SPDX-License-Identifier: GPL-2.0-or-later
/* The rules that move ports out of the slice; how they are headed: see table_rules.c. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "nft/table_rules.h"

/* A masquerade rule of its own for that many gaps between slice ports; the largest serve. */
#define GAPS_MAX 16

static unsigned range_size(struct port_range p)
{
	return p.hi - p.lo + 1u;
}

static int larger_first(const void *a, const void *b)
{
	unsigned x = range_size(*(const struct port_range *)a);
	unsigned y = range_size(*(const struct port_range *)b);

	return x < y ? 1 : x > y ? -1 : 0;
}

/* The (at most GAPS_MAX) largest gaps between the slice's ports, largest first. */
static struct port_set largest_gaps(const struct family *f, int proto)
{
	struct port_set gaps = { 0 };

	if (port_set_gaps(&f->spec->kept[proto], &gaps))
		f->t->failed = true;
	if (gaps.n)
		qsort(gaps.r, gaps.n, sizeof(*gaps.r), larger_first);
	if (gaps.n > GAPS_MAX)
		gaps.n = GAPS_MAX;
	return gaps;
}

/* A rule about packets that leave on WAN; in chain "host" that has been matched before. */
static struct rule *leaving_begin(const struct family *f, enum nat_kind kind, const char *comment)
{
	struct rule *r = rule_begin(f, comment);

	if (r && kind == NAT_MASQUERADE)
		match_oifname(r, f->spec->ifname);
	return r;
}

/*
 * ipv4 oifname WAN meta l4proto udp [udp sport PORTS] counter masquerade to :TO
 * ipv4 meta l4proto udp [udp sport PORTS] counter snat ip to ip saddr:TO	(chain host)
 */
static void rule_move(const struct family *f, enum nat_kind kind, int proto,
		      const struct port_range *ports, struct port_range to)
{
	uint8_t ipproto = proto_number(1u << proto);
	const char *comment = ports ? "the port is kept, or moved within its gap"
				    : "moved to the largest gap of the slice";
	struct rule *r = leaving_begin(f, kind, comment);

	if (!r)
		return;
	match_l4proto(r, ipproto);
	if (ports)
		match_sport(r, ipproto, *ports);
	do_counter(r);
	do_nat(r, kind, &to);
	rule_end(f, r, comment);
}

/*
 * ipv4 oifname WAN meta l4proto udp udp sport @kept_udp counter masquerade to :TO
 * ipv4 meta l4proto udp udp sport @kept_udp counter snat ip to ip saddr:TO	(chain host)
 */
static void rule_move_kept(const struct family *f, enum nat_kind kind, int proto,
			   struct port_range to)
{
	const char *comment = "moved to the largest gap of the slice";
	uint8_t ipproto = proto_number(1u << proto);
	struct rule *r = leaving_begin(f, kind, comment);
	char name[NAME_SIZE];

	if (!r)
		return;
	snprintf(name, sizeof(name), NAME_KEPT_PORTS, proto_name(1u << proto));
	match_l4proto(r, ipproto);
	match_sport_set(r, ipproto, name);
	do_counter(r);
	do_nat(r, kind, &to);
	rule_end(f, r, comment);
}

/*
 * ipv4 oifname WAN meta l4proto icmp icmp type echo-request icmp id IDS counter masquerade to :TO
 * ipv4 meta l4proto icmp icmp type echo-request icmp id IDS counter snat ip to ip saddr:TO
 */
static void rule_move_echo(const struct family *f, enum nat_kind kind, struct port_range ids,
			   struct port_range to)
{
	const char *comment = "moved to the largest gap of the slice";
	struct rule *r = leaving_begin(f, kind, comment);

	if (!r)
		return;
	match_l4proto(r, IPPROTO_ICMP);
	match_echo_id(r, ids);
	do_counter(r);
	do_nat(r, kind, &to);
	rule_end(f, r, comment);
}

/* Own masquerade: each gap keeps its ports to itself, all else goes to the largest gap. */
static void move_all(const struct family *f, enum nat_kind kind)
{
	for (int p = 0; p < PROTO_COUNT; p++) {
		struct port_set gaps;

		if (!(f->spec->kept_protos & 1u << p))
			continue;
		gaps = largest_gaps(f, p);
		/* an ICMP identifier means nothing: one rule moves them all */
		for (size_t i = 1; 1u << p != PROTO_ICMP && i < gaps.n; i++)
			rule_move(f, kind, p, &gaps.r[i], gaps.r[i]);
		if (gaps.n)
			rule_move(f, kind, p, NULL, gaps.r[0]);
		port_set_free(&gaps);
	}
}

/* Guard: only ports of the slice are moved, to the largest gap. */
static void move_kept(const struct family *f, enum nat_kind kind)
{
	for (int p = 0; p < PROTO_COUNT; p++) {
		const struct port_set *kept = &f->spec->kept[p];
		struct port_set gaps;

		if (!(f->spec->kept_protos & 1u << p))
			continue;
		gaps = largest_gaps(f, p);
		if (gaps.n && 1u << p != PROTO_ICMP)
			rule_move_kept(f, kind, p, gaps.r[0]);
		for (size_t i = 0; gaps.n && 1u << p == PROTO_ICMP && i < kept->n; i++)
			rule_move_echo(f, kind, kept->r[i], gaps.r[0]);
		port_set_free(&gaps);
	}
}

void table_move(const struct family *f, enum nat_kind kind)
{
	switch (family_rest(f)) {
	case NFT_REST_OWN:
		move_all(f, kind);
		break;
	case NFT_REST_GUARD:
		move_kept(f, kind);
		break;
	case NFT_REST_NONE:
		break;
	}
}
