// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The chains and rules of a table: one function per rule, headed by the rule in nft syntax.
 * WAN is the interface's name, INDEX its index, "ipv4" stands for `meta nfproto ipv4`.
 */
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nft/table_model.h"

#define PRIO_CLAIM (NF_IP_PRI_NAT_SRC - 1)
#define PRIO_REST  NF_IP_PRI_NAT_SRC
#define PRIO_DNAT  NF_IP_PRI_NAT_DST
/* after source NAT and after conntrack's last own hook but one */
#define PRIO_LEAK (NF_IP_PRI_NAT_SRC + 200)

/* A masquerade rule of its own for that many gaps between slice ports; the largest serve. */
#define GAPS_MAX 16

static struct chain *add_chain(struct table *t, const struct chain *c)
{
	struct chain *n = realloc(t->chain, (t->n_chains + 1) * sizeof(*n));

	if (!n) {
		t->failed = true;
		return NULL;
	}
	t->chain = n;
	n += t->n_chains++;
	*n = *c;
	return n;
}

/* Starts a rule at the end of the last chain; every rule is about IPv4. */
static struct rule *rule_begin(struct table *t, const char *comment)
{
	struct chain *c = &t->chain[t->n_chains - 1];
	struct rule *r = t->failed ? NULL : realloc(c->rule, (c->n + 1) * sizeof(*r));

	if (!r) {
		t->failed = true;
		return NULL;
	}
	c->rule = r;
	r += c->n++;
	rule_init(r, comment);
	match_nfproto(r, NFPROTO_IPV4);
	return r;
}

static void rule_end(struct table *t, struct rule *r, const char *comment)
{
	rule_finish(r, comment);
	if (r->failed)
		t->failed = true;
}

/* ---- claim ------------------------------------------------------------------------------ */

/*
 * [meta mark & MASK == VALUE] meta l4proto @PROTOS ip saddr @s0_internal
 * ip saddr != @s0_not_internal ip saddr != @external ip daddr != @s0_exclude_dest
 */
static void match_slice(struct rule *r, const struct nft_slice *slice, size_t i, const char *protos)
{
	char name[NAME_SIZE];

	if (slice->mark_mask)
		match_mark(r, slice->mark & slice->mark_mask, slice->mark_mask);
	match_l4proto_set(r, protos);
	snprintf(name, sizeof(name), NAME_S_INTERNAL, i);
	match_ip_set(r, MATCH_SRC, name, false);
	snprintf(name, sizeof(name), NAME_S_NOT_INTERNAL, i);
	match_ip_set(r, MATCH_SRC, name, true);
	match_ip_set(r, MATCH_SRC, NAME_EXTERNAL, true);
	snprintf(name, sizeof(name), NAME_S_EXCLUDE_DEST, i);
	match_ip_set(r, MATCH_DST, name, true);
}

/* ipv4 oif INDEX SLICE counter snat ip to ip saddr */
static void rule_claim(struct table *t, const struct nft_spec *spec, size_t i)
{
	char comment[64], protos[NAME_SIZE];
	struct rule *r;

	snprintf(comment, sizeof(comment), "claim of slice %zu: einat translates these", i);
	snprintf(protos, sizeof(protos), NAME_S_PROTOS, i);
	r = rule_begin(t, comment);
	if (!r)
		return;
	match_oif(r, spec->ifindex, false);
	match_slice(r, &spec->slices[i], i, protos);
	do_counter(r);
	do_snat_identity(r);
	rule_end(t, r, comment);
}

/* ---- moving ports out of the slice ------------------------------------------------------- */

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
static struct port_set largest_gaps(struct table *t, const struct nft_spec *spec, int proto)
{
	struct port_set gaps = { 0 };

	if (port_set_gaps(&spec->kept[proto], &gaps))
		t->failed = true;
	if (gaps.n)
		qsort(gaps.r, gaps.n, sizeof(*gaps.r), larger_first);
	if (gaps.n > GAPS_MAX)
		gaps.n = GAPS_MAX;
	return gaps;
}

/* A rule about packets that leave on WAN; in chain "host" that has been matched before. */
static struct rule *leaving_begin(struct table *t, const struct nft_spec *spec, enum nat_kind kind,
				  const char *comment)
{
	struct rule *r = rule_begin(t, comment);

	if (r && kind == NAT_MASQUERADE)
		match_oifname(r, spec->ifname);
	return r;
}

/*
 * ipv4 oifname WAN meta l4proto udp [udp sport PORTS] counter masquerade to :TO
 * ipv4 meta l4proto udp [udp sport PORTS] counter snat ip to ip saddr:TO	(chain host)
 */
static void rule_move(struct table *t, const struct nft_spec *spec, enum nat_kind kind, int proto,
		      const struct port_range *ports, struct port_range to)
{
	uint8_t ipproto = proto_number(1u << proto);
	const char *comment = ports ? "the port is kept, or moved within its gap"
				    : "moved to the largest gap of the slice";
	struct rule *r = leaving_begin(t, spec, kind, comment);

	if (!r)
		return;
	match_l4proto(r, ipproto);
	if (ports)
		match_sport(r, ipproto, *ports);
	do_counter(r);
	do_nat(r, kind, &to);
	rule_end(t, r, comment);
}

/*
 * ipv4 oifname WAN meta l4proto udp udp sport @kept_udp counter masquerade to :TO
 * ipv4 meta l4proto udp udp sport @kept_udp counter snat ip to ip saddr:TO	(chain host)
 */
static void rule_move_kept(struct table *t, const struct nft_spec *spec, enum nat_kind kind,
			   int proto, struct port_range to)
{
	const char *comment = "moved to the largest gap of the slice";
	uint8_t ipproto = proto_number(1u << proto);
	struct rule *r = leaving_begin(t, spec, kind, comment);
	char name[NAME_SIZE];

	if (!r)
		return;
	snprintf(name, sizeof(name), NAME_KEPT_PORTS, proto_name(1u << proto));
	match_l4proto(r, ipproto);
	match_sport_set(r, ipproto, name);
	do_counter(r);
	do_nat(r, kind, &to);
	rule_end(t, r, comment);
}

/*
 * ipv4 oifname WAN meta l4proto icmp icmp type echo-request icmp id IDS counter masquerade to :TO
 * ipv4 meta l4proto icmp icmp type echo-request icmp id IDS counter snat ip to ip saddr:TO
 */
static void rule_move_echo(struct table *t, const struct nft_spec *spec, enum nat_kind kind,
			   struct port_range ids, struct port_range to)
{
	const char *comment = "moved to the largest gap of the slice";
	struct rule *r = leaving_begin(t, spec, kind, comment);

	if (!r)
		return;
	match_l4proto(r, IPPROTO_ICMP);
	match_echo_id(r, ids);
	do_counter(r);
	do_nat(r, kind, &to);
	rule_end(t, r, comment);
}

/* Own masquerade: each gap keeps its ports to itself, all else goes to the largest gap. */
static void move_all(struct table *t, const struct nft_spec *spec, enum nat_kind kind)
{
	for (int p = 0; p < PROTO_COUNT; p++) {
		struct port_set gaps;

		if (!(spec->kept_protos & 1u << p))
			continue;
		gaps = largest_gaps(t, spec, p);
		/* an ICMP identifier means nothing: one rule moves them all */
		for (size_t i = 1; 1u << p != PROTO_ICMP && i < gaps.n; i++)
			rule_move(t, spec, kind, p, &gaps.r[i], gaps.r[i]);
		if (gaps.n)
			rule_move(t, spec, kind, p, NULL, gaps.r[0]);
		port_set_free(&gaps);
	}
}

/* Guard: only ports of the slice are moved, to the largest gap. */
static void move_kept(struct table *t, const struct nft_spec *spec, enum nat_kind kind)
{
	for (int p = 0; p < PROTO_COUNT; p++) {
		const struct port_set *kept = &spec->kept[p];
		struct port_set gaps;

		if (!(spec->kept_protos & 1u << p))
			continue;
		gaps = largest_gaps(t, spec, p);
		if (gaps.n && 1u << p != PROTO_ICMP)
			rule_move_kept(t, spec, kind, p, gaps.r[0]);
		for (size_t i = 0; gaps.n && 1u << p == PROTO_ICMP && i < kept->n; i++)
			rule_move_echo(t, spec, kind, kept->r[i], gaps.r[0]);
		port_set_free(&gaps);
	}
}

static void move(struct table *t, const struct nft_spec *spec, enum nat_kind kind)
{
	if (spec->rest == NFT_REST_OWN)
		move_all(t, spec, kind);
	else if (spec->rest == NFT_REST_GUARD)
		move_kept(t, spec, kind);
}

/* ---- host -------------------------------------------------------------------------------- */

/* ipv4 oifname WAN ip saddr @external counter goto host */
static void rule_goto_host(struct table *t, const struct nft_spec *spec)
{
	const char *comment = "flows of this host keep their address";
	struct rule *r = rule_begin(t, comment);

	if (!r)
		return;
	match_oifname(r, spec->ifname);
	match_ip_set(r, MATCH_SRC, NAME_EXTERNAL, false);
	do_counter(r);
	do_goto(r, NAME_HOST);
	rule_end(t, r, comment);
}

/* ipv4 meta l4proto . th sport @local_ports counter return */
static void rule_local_ports(struct table *t)
{
	const char *comment = "a socket of this host owns the port";
	struct rule *r = rule_begin(t, comment);

	if (!r)
		return;
	match_proto_sport_set(r, NAME_LOCAL_PORTS);
	do_counter(r);
	do_return(r);
	rule_end(t, r, comment);
}

/* ipv4 oifname WAN ip saddr != @guarded counter return */
static void rule_not_guarded(struct table *t, const struct nft_spec *spec)
{
	const char *comment = "routed without NAT, not ours to change";
	struct rule *r = rule_begin(t, comment);

	if (!r)
		return;
	match_oifname(r, spec->ifname);
	match_ip_set(r, MATCH_SRC, NAME_GUARDED, true);
	do_counter(r);
	do_return(r);
	rule_end(t, r, comment);
}

/* ---- rest, forwards, leak ---------------------------------------------------------------- */

/* ipv4 oifname WAN counter masquerade */
static void rule_masquerade(struct table *t, const struct nft_spec *spec)
{
	const char *comment = "protocols without a slice";
	struct rule *r = rule_begin(t, comment);

	if (!r)
		return;
	match_oifname(r, spec->ifname);
	do_counter(r);
	do_nat(r, NAT_MASQUERADE, NULL);
	rule_end(t, r, comment);
}

/* ipv4 iifname WAN ip daddr @external counter dnat ip to meta l4proto . th dport map @forwards */
static void rule_forward(struct table *t, const struct nft_spec *spec)
{
	const char *comment = "static forwards outside the slice";
	struct rule *r = rule_begin(t, comment);

	if (!r)
		return;
	match_iifname(r, spec->ifname);
	match_ip_set(r, MATCH_DST, NAME_EXTERNAL, false);
	do_counter(r);
	do_dnat_map(r, NAME_FORWARDS);
	rule_end(t, r, comment);
}

/*
 * ipv4 oifname WAN oif != INDEX SLICE ct status & snat == 0 fib saddr type != local counter drop
 * ipv4 oifname WAN oif != INDEX SLICE ct state invalid,untracked fib saddr type != local counter
 * drop
 *
 * The interface was made again under the same name: a connection that was claimed on the old
 * one is past its NAT decision and would leave with its private source.
 */
static void rule_leak(struct table *t, const struct nft_spec *spec, size_t i, bool tracked)
{
	struct rule *r;
	char comment[96];

	snprintf(comment, sizeof(comment), "slice %zu: %s", i,
		 tracked ? "claimed before the interface was made again"
			 : "no connection, so no NAT");
	r = rule_begin(t, comment);
	if (!r)
		return;
	match_oifname(r, spec->ifname);
	match_oif(r, spec->ifindex, true);
	match_slice(r, &spec->slices[i], i, NAME_KEPT_PROTOS);
	if (tracked)
		match_no_source_nat(r);
	else
		match_no_connection(r);
	match_saddr_not_local(r);
	do_counter(r);
	do_drop(r);
	rule_end(t, r, comment);
}

/* ---- chains ------------------------------------------------------------------------------ */

static void chain_host(struct table *t, const struct nft_spec *spec)
{
	static const struct chain host = {
		.name = NAME_HOST,
		.comment = "flows of this host: the source address stays",
	};

	if (!add_chain(t, &host))
		return;
	rule_local_ports(t);
	move(t, spec, NAT_KEEP_ADDRESS);
}

static void chain_claim(struct table *t, const struct nft_spec *spec)
{
	static const struct chain claim = {
		.name = NAME_CLAIM,
		.type = "nat",
		.hook = NF_INET_POST_ROUTING,
		.prio = PRIO_CLAIM,
		.prio_text = "srcnat - 1",
		.comment = "before every masquerade: the first NAT decision stands",
	};

	if (!add_chain(t, &claim))
		return;
	for (size_t i = 0; i < spec->n_slices; i++)
		rule_claim(t, spec, i);
	if (spec->rest == NFT_REST_GUARD) {
		rule_goto_host(t, spec);
		rule_not_guarded(t, spec);
		move(t, spec, NAT_MASQUERADE);
	}
}

static void chain_rest(struct table *t, const struct nft_spec *spec)
{
	static const struct chain rest = {
		.name = NAME_REST,
		.type = "nat",
		.hook = NF_INET_POST_ROUTING,
		.prio = PRIO_REST,
		.prio_text = "srcnat",
		.comment = "all that is not in the slice, out of the slice's ports",
	};

	if (!add_chain(t, &rest))
		return;
	rule_goto_host(t, spec);
	move(t, spec, NAT_MASQUERADE);
	rule_masquerade(t, spec);
}

static void chain_forward(struct table *t, const struct nft_spec *spec)
{
	static const struct chain forward = {
		.name = NAME_FORWARD,
		.type = "nat",
		.hook = NF_INET_PRE_ROUTING,
		.prio = PRIO_DNAT,
		.prio_text = "dstnat",
	};

	if (add_chain(t, &forward))
		rule_forward(t, spec);
}

static void chain_leak(struct table *t, const struct nft_spec *spec)
{
	static const struct chain leak = {
		.name = NAME_LEAK,
		.type = "filter",
		.hook = NF_INET_POST_ROUTING,
		.prio = PRIO_LEAK,
		.prio_text = "srcnat + 200",
		.comment = "no private source leaves on an interface that was made again",
	};

	if (!add_chain(t, &leak))
		return;
	for (size_t i = 0; i < spec->n_slices; i++) {
		rule_leak(t, spec, i, true);
		rule_leak(t, spec, i, false);
	}
}

/* A chain stands after the chains that its rules go to. */
void table_add_chains(struct table *t, const struct nft_spec *spec)
{
	if (spec->rest != NFT_REST_NONE)
		chain_host(t, spec);
	chain_claim(t, spec);
	if (spec->rest == NFT_REST_OWN)
		chain_rest(t, spec);
	if (spec->n_forwards)
		chain_forward(t, spec);
	chain_leak(t, spec);
}
