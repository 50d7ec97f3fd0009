// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The chains and rules of a table: one function per rule, headed by the rule in nft syntax.
 * WAN is the interface's name, INDEX its index, "ipv4" stands for `meta nfproto ipv4`. Of IPv6
 * there are the same rules with ipv6, ip6 and icmpv6, whose sets of addresses have a 6 at their
 * end.
 */
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nft/table_rules.h"

#define PRIO_CLAIM (NF_IP_PRI_NAT_SRC - 1)
#define PRIO_REST  NF_IP_PRI_NAT_SRC
#define PRIO_DNAT  NF_IP_PRI_NAT_DST
/* after source NAT and after conntrack's last own hook but one */
#define PRIO_LEAK (NF_IP_PRI_NAT_SRC + 200)

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

struct rule *rule_begin(const struct family *f, const char *comment)
{
	struct table *t = f->t;
	struct chain *c = &t->chain[t->n_chains - 1];
	struct rule *r = t->failed ? NULL : realloc(c->rule, (c->n + 1) * sizeof(*r));

	if (!r) {
		t->failed = true;
		return NULL;
	}
	c->rule = r;
	r += c->n++;
	rule_init(r, comment);
	match_nfproto(r, f->ipv6 ? NFPROTO_IPV6 : NFPROTO_IPV4);
	return r;
}

void rule_end(const struct family *f, struct rule *r, const char *comment)
{
	rule_finish(r, comment);
	if (r->failed)
		f->t->failed = true;
}

/* A set of addresses, by the name that IPv4's has. */
static void match_addrs(struct rule *r, enum match_side side, const char *name, bool negate)
{
	char full[NAME_SIZE + 1];

	snprintf(full, sizeof(full), "%s%s", name, r->nfproto == NFPROTO_IPV6 ? "6" : "");
	match_ip_set(r, side, full, negate);
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
	match_addrs(r, MATCH_SRC, name, false);
	snprintf(name, sizeof(name), NAME_S_NOT_INTERNAL, i);
	match_addrs(r, MATCH_SRC, name, true);
	match_addrs(r, MATCH_SRC, NAME_EXTERNAL, true);
	snprintf(name, sizeof(name), NAME_S_EXCLUDE_DEST, i);
	match_addrs(r, MATCH_DST, name, true);
}

/* ipv4 oif INDEX SLICE counter snat ip to ip saddr */
static void rule_claim(const struct family *f, size_t i)
{
	char comment[64], protos[NAME_SIZE];
	struct rule *r;

	snprintf(comment, sizeof(comment), "claim of slice %zu: einat translates these", i);
	snprintf(protos, sizeof(protos), NAME_S_PROTOS, i);
	r = rule_begin(f, comment);
	if (!r)
		return;
	match_oif(r, f->spec->ifindex, false);
	match_slice(r, &f->spec->slices[i], i, protos);
	do_counter(r);
	do_snat_identity(r);
	rule_end(f, r, comment);
}

/* ---- host -------------------------------------------------------------------------------- */

/* ipv4 oifname WAN ip saddr @external counter goto host */
static void rule_goto_host(const struct family *f)
{
	const char *comment = "flows of this host keep their address";
	struct rule *r = rule_begin(f, comment);

	if (!r)
		return;
	match_oifname(r, f->spec->ifname);
	match_addrs(r, MATCH_SRC, NAME_EXTERNAL, false);
	do_counter(r);
	do_goto(r, NAME_HOST);
	rule_end(f, r, comment);
}

/* ipv4 meta l4proto . th sport @local_ports counter return */
static void rule_local_ports(const struct family *f)
{
	const char *comment = "a socket of this host owns the port";
	struct rule *r = rule_begin(f, comment);

	if (!r)
		return;
	match_proto_sport_set(r, NAME_LOCAL_PORTS);
	do_counter(r);
	do_return(r);
	rule_end(f, r, comment);
}

/* ipv4 oifname WAN ip saddr != @guarded counter return */
static void rule_not_guarded(const struct family *f)
{
	const char *comment = "routed without NAT, not ours to change";
	struct rule *r = rule_begin(f, comment);

	if (!r)
		return;
	match_oifname(r, f->spec->ifname);
	match_addrs(r, MATCH_SRC, NAME_GUARDED, true);
	do_counter(r);
	do_return(r);
	rule_end(f, r, comment);
}

/* ---- rest, forwards, leak ---------------------------------------------------------------- */

/* ipv4 oifname WAN counter masquerade */
static void rule_masquerade(const struct family *f)
{
	const char *comment = "protocols without a slice";
	struct rule *r = rule_begin(f, comment);

	if (!r)
		return;
	match_oifname(r, f->spec->ifname);
	do_counter(r);
	do_nat(r, NAT_MASQUERADE, NULL);
	rule_end(f, r, comment);
}

/*
 * ipv6 oifname WAN ip6 saddr @s0_internal6 ip6 saddr != @s0_not_internal6
 * counter goto rest6
 */
static void rule_goto_rest6(const struct family *f, size_t i)
{
	char name[NAME_SIZE], comment[64];
	struct rule *r;

	snprintf(comment, sizeof(comment), "slice %zu: what was not claimed", i);
	r = rule_begin(f, comment);
	if (!r)
		return;
	match_oifname(r, f->spec->ifname);
	snprintf(name, sizeof(name), NAME_S_INTERNAL, i);
	match_addrs(r, MATCH_SRC, name, false);
	snprintf(name, sizeof(name), NAME_S_NOT_INTERNAL, i);
	match_addrs(r, MATCH_SRC, name, true);
	do_counter(r);
	do_goto(r, NAME_REST6);
	rule_end(f, r, comment);
}

/* ipv4 iifname WAN ip daddr @external counter dnat ip to meta l4proto . th dport map @forwards */
static void rule_forward(const struct family *f)
{
	const char *comment = "static forwards outside the slice";
	struct rule *r = rule_begin(f, comment);

	if (!r)
		return;
	match_iifname(r, f->spec->ifname);
	match_addrs(r, MATCH_DST, NAME_EXTERNAL, false);
	do_counter(r);
	do_dnat_map(r, f->ipv6 ? NAME_FORWARDS "6" : NAME_FORWARDS);
	rule_end(f, r, comment);
}

/*
 * ipv4 oifname WAN oif != INDEX SLICE ct status & snat == 0 fib saddr type != local counter drop
 * ipv4 oifname WAN oif != INDEX SLICE ct state invalid,untracked fib saddr type != local counter
 * drop
 *
 * The interface was made again under the same name: a connection that was claimed on the old
 * one is past its NAT decision and would leave with its private source.
 */
static void rule_leak(const struct family *f, size_t i, bool tracked)
{
	struct rule *r;
	char comment[96];

	snprintf(comment, sizeof(comment), "slice %zu: %s", i,
		 tracked ? "claimed before the interface was made again"
			 : "no connection, so no NAT");
	r = rule_begin(f, comment);
	if (!r)
		return;
	match_oifname(r, f->spec->ifname);
	match_oif(r, f->spec->ifindex, true);
	match_slice(r, &f->spec->slices[i], i, NAME_KEPT_PROTOS);
	if (tracked)
		match_no_source_nat(r);
	else
		match_no_connection(r);
	match_saddr_not_local(r);
	do_counter(r);
	do_drop(r);
	rule_end(f, r, comment);
}

/* ---- chains ------------------------------------------------------------------------------ */

/* The families that rules are written for. */
struct families {
	struct family f[2];
	size_t n;
};

static struct families families(struct table *t, const struct nft_spec *spec)
{
	return (struct families){ { { t, spec, false }, { t, spec, true } }, spec->ipv6 ? 2 : 1 };
}

/* Whether any of them has that rest. */
static bool any_rest(const struct families *fs, enum nft_rest rest)
{
	for (size_t i = 0; i < fs->n; i++)
		if (family_rest(&fs->f[i]) == rest)
			return true;
	return false;
}

static void chain_host(struct table *t, const struct families *fs)
{
	static const struct chain host = {
		.name = NAME_HOST,
		.comment = "flows of this host: the source address stays",
	};

	if (!add_chain(t, &host))
		return;
	for (size_t i = 0; i < fs->n; i++) {
		if (family_rest(&fs->f[i]) == NFT_REST_NONE)
			continue;
		rule_local_ports(&fs->f[i]);
		table_move(&fs->f[i], NAT_KEEP_ADDRESS);
	}
}

static void chain_claim(struct table *t, const struct families *fs)
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
	if (fs->f[0].spec->nptv6)
		table_npt_claim(t, fs->f[0].spec);
	for (size_t i = 0; i < fs->n; i++) {
		const struct family *f = &fs->f[i];

		for (size_t j = 0; j < f->spec->n_slices; j++)
			rule_claim(f, j);
		if (family_rest(f) == NFT_REST_GUARD) {
			rule_goto_host(f);
			rule_not_guarded(f);
			table_move(f, NAT_MASQUERADE);
		}
	}
}

/* Of IPv6 only what a slice names is masqueraded: hosts with global addresses need no NAT. */
static void chain_rest6(struct table *t, const struct family *f)
{
	static const struct chain rest6 = {
		.name = NAME_REST6,
		.comment = "IPv6 sources of a slice, out of the slice's ports",
	};

	if (!add_chain(t, &rest6))
		return;
	table_move(f, NAT_MASQUERADE);
	rule_masquerade(f);
}

static void chain_rest(struct table *t, const struct families *fs)
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
	for (size_t i = 0; i < fs->n; i++) {
		const struct family *f = &fs->f[i];

		if (family_rest(f) != NFT_REST_OWN)
			continue;
		rule_goto_host(f);
		for (size_t j = 0; f->ipv6 && j < f->spec->n_slices; j++)
			rule_goto_rest6(f, j);
		if (f->ipv6)
			continue;
		table_move(f, NAT_MASQUERADE);
		rule_masquerade(f);
	}
}

static void chain_forward(struct table *t, const struct families *fs)
{
	static const struct chain forward = {
		.name = NAME_FORWARD,
		.type = "nat",
		.hook = NF_INET_PRE_ROUTING,
		.prio = PRIO_DNAT,
		.prio_text = "dstnat",
	};

	if (!add_chain(t, &forward))
		return;
	for (size_t i = 0; i < fs->n; i++)
		if (table_has_forwards(fs->f[i].spec, fs->f[i].ipv6))
			rule_forward(&fs->f[i]);
}

static void chain_leak(struct table *t, const struct families *fs)
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
	if (fs->f[0].spec->nptv6)
		table_npt_leak(t, fs->f[0].spec);
	for (size_t i = 0; i < fs->n; i++)
		for (size_t j = 0; j < fs->f[i].spec->n_slices; j++) {
			rule_leak(&fs->f[i], j, true);
			rule_leak(&fs->f[i], j, false);
		}
}

/* A chain stands after the chains that its rules go to. */
void table_add_chains(struct table *t, const struct nft_spec *spec)
{
	struct families fs = families(t, spec);

	if (table_has_rest(spec))
		chain_host(t, &fs);
	chain_claim(t, &fs);
	if (spec->ipv6 && spec->rest6 == NFT_REST_OWN)
		chain_rest6(t, &fs.f[1]);
	if (any_rest(&fs, NFT_REST_OWN))
		chain_rest(t, &fs);
	if (spec->n_forwards)
		chain_forward(t, &fs);
	chain_leak(t, &fs);
}
