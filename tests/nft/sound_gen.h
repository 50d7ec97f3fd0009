/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random rules, as text for nft. Everything is drawn from a small world
 * (sound_net.h), so that most rules meet some packet.
 */
#ifndef EINAT_TEST_SOUND_GEN_H
#define EINAT_TEST_SOUND_GEN_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline unsigned rnd(unsigned n)
{
	return (unsigned)random() % n;
}

#define PICK(...)                                                                                  \
	(((const char *const[]){ __VA_ARGS__ })[rnd(sizeof((const char *const[]){ __VA_ARGS__ }) / \
						    sizeof(char *))])

struct gen {
	FILE *o;
	int family; /* 4, 6, 0: inet; 2: netdev */
	unsigned n_chains; /* regular chains of the table: c0, c1, ... */
	const char *type, *hook;
	int prio;
	/* of the rule: nft refuses one that contradicts itself */
	bool six;
	const char *l4; /* udp, tcp or icmp */
	unsigned depth; /* of the chain that is written: it may jump to later ones */
};

static inline const char *gen_iface(void)
{
	return PICK("wan", "lan", "dmz", "\"l*\"", "\"w*\"", "eth9");
}

static inline void gen_addr4(FILE *o)
{
	static const char *const nets[] = { "10.0.0", "10.1.0", "198.51.100" };
	const char *net = nets[rnd(3)];

	switch (rnd(5)) {
	case 0:
		fprintf(o, "%s.%u", net, 2 + rnd(3));
		break;
	case 1:
		fprintf(o, "%s.0/%u", net, rnd(2) ? 24 : 30);
		break;
	case 2:
		fprintf(o, "%s.2-%s.%u", net, net, 3 + rnd(3));
		break;
	case 3:
		fprintf(o, "192.0.2.1");
		break;
	default:
		fprintf(o, "%s.0/24", net);
		break;
	}
}

static inline void gen_addr6(FILE *o)
{
	const char *net = rnd(2) ? "fd00::" : "2001:db8::";

	switch (rnd(3)) {
	case 0:
		fprintf(o, "%s%u", net, 2 + rnd(3));
		break;
	case 1:
		fprintf(o, "%s/%u", net, rnd(2) ? 64 : 126);
		break;
	default:
		fprintf(o, "%s2-%s%u", net, net, 3 + rnd(3));
		break;
	}
}

static inline void gen_addr(const struct gen *g, bool six)
{
	(void)(six ? gen_addr6(g->o) : gen_addr4(g->o));
}

static inline void gen_ports(FILE *o)
{
	switch (rnd(3)) {
	case 0:
		fprintf(o, "%u", 80 + rnd(4));
		break;
	case 1:
		fprintf(o, "%u-%u", 79 + rnd(3), 82 + rnd(2));
		break;
	default:
		fprintf(o, "{ %u, %u }", 80 + rnd(2), 82 + rnd(2));
		break;
	}
}

/* Addresses of a set must not overlap: single ones of different networks. */
static inline void gen_addr_set(FILE *o, bool six)
{
	if (six)
		fprintf(o, "{ fd00::%u, 2001:db8::%u-2001:db8::%u }", 2 + rnd(3), 2 + rnd(2),
			4 + rnd(2));
	else
		fprintf(o, "{ 10.0.0.%u, 198.51.100.%u-198.51.100.%u, 10.1.0.0/30 }", 2 + rnd(3),
			2 + rnd(2), 4 + rnd(2));
}

static inline bool gen_six(const struct gen *g)
{
	return g->six;
}

static inline bool is_icmp(const struct gen *g)
{
	return !strcmp(g->l4, "icmp");
}

static inline const char *neq(void)
{
	return rnd(4) ? "" : "!= ";
}

static inline void gen_match_addr(const struct gen *g)
{
	bool six = gen_six(g);

	fprintf(g->o, "%s %s %s", six ? "ip6" : "ip", PICK("saddr", "daddr"), neq());
	switch (rnd(3)) {
	case 0:
		gen_addr_set(g->o, six);
		break;
	case 1:
		fprintf(g->o, "@%s", six ? "a6" : "a4");
		break;
	default:
		gen_addr(g, six);
		break;
	}
}

static inline void gen_match(const struct gen *g)
{
	FILE *o = g->o;
	bool post = !strcmp(g->hook, "postrouting") || !strcmp(g->hook, "forward") ||
		    !strcmp(g->hook, "egress");

	switch (rnd(g->family == 2 ? 7 : 19)) {
	case 0:
	case 1:
		gen_match_addr(g);
		break;
	case 2:
		fprintf(o, "%s %s %s", is_icmp(g) || rnd(3) == 0 ? "th" : g->l4,
			PICK("dport", "dport", "sport"), neq());
		gen_ports(o);
		break;
	case 3:
		fprintf(o, "meta l4proto %s",
			PICK(g->l4, g->l4, "{ tcp, udp }", "!= udp", "!= tcp", "!= icmp"));
		break;
	case 4:
		fprintf(o, "%s %s%s", post && rnd(2) ? "oifname" : "iifname", neq(), gen_iface());
		break;
	case 5:
		fprintf(o, "meta mark %s%s", neq(),
			PICK("0x1", "0x2", "0x3", "0x0", "{ 0x1, 0x2 }", "1-2"));
		break;
	case 6:
		if (!is_icmp(g))
			fprintf(o, "meta l4proto %s", g->l4);
		else
			fprintf(o, "%s type %s", g->six ? "icmpv6" : "icmp",
				PICK("echo-request", "!= echo-request", "echo-reply"));
		break;
	case 7:
		fprintf(o, "meta mark & 0x%x %s 0x%x", 1 + rnd(3), PICK("==", "!="), rnd(4));
		break;
	case 8:
		fprintf(o, "ct state %s",
			PICK("new", "established,related", "invalid", "!= new", "untracked",
			     "new,untracked"));
		break;
	case 9:
		fprintf(o, "ct status %s", PICK("dnat", "snat", "! dnat", "confirmed"));
		break;
	case 10:
		fprintf(o, "meta pkttype %s", PICK("host", "!= host", "multicast"));
		break;
	case 15:
		fprintf(o, "%s",
			strcmp(g->l4, "tcp")
				? "meta mark 0x0"
				: PICK("tcp flags syn", "tcp flags & (syn | ack) == ack",
				       "tcp flags != syn"));
		break;
	case 16:
		fprintf(o, "%s", is_icmp(g) ? g->six ? "icmpv6 code 0" : "icmp code 0" : "counter");
		break;
	case 17:
		fprintf(o, "%s", PICK("meta priority 1:1", "meta length 1-500", "ct mark 0x1"));
		break;
	case 18:
		if (g->six)
			fprintf(o, "%s", g->family ? "counter" : "meta nfproto ipv6");
		else
			fprintf(o, "ip saddr %s", PICK("@d4", "@e4", "!= @d4", "!= @e4"));
		break;
	case 11:
		fprintf(o, "ct direction %s", PICK("original", "reply", "!= reply"));
		break;
	case 12:
		fprintf(o, "fib daddr type %s", PICK("local", "!= local", "unicast", "multicast"));
		break;
	case 13:
		/* never reached: what is certain is so for a lone packet */
		fprintf(o, "limit rate %s100000/second burst 10000 packets", PICK("", "over "));
		break;
	default:
		fprintf(o, "%s %s", PICK("iif", "iif", "iifname"), PICK("wan", "lan", "dmz"));
		break;
	}
	fputc(' ', o);
}

/* A concatenation, as set, named set or verdict map. */
static inline void gen_match_concat(const struct gen *g)
{
	bool six = gen_six(g);

	switch (rnd(3)) {
	case 0:
		fprintf(g->o, "%s . th dport %s@%s ", six ? "ip6 daddr" : "ip daddr", neq(),
			six ? "p6" : "p4");
		break;
	case 1:
		fprintf(g->o, "meta l4proto . th dport %s{ tcp . %u, udp . %u, udp . %u } ", neq(),
			80 + rnd(4), 80 + rnd(2), 82 + rnd(2));
		break;
	default:
		fprintf(g->o, "iifname . meta mark %s{ wan . 0x%x, lan . 0x%x } ", neq(), rnd(3),
			rnd(3));
		break;
	}
}

static inline void gen_verdict(const struct gen *g)
{
	unsigned left = g->n_chains > g->depth ? g->n_chains - g->depth : 0;

	if (left && rnd(3) == 0) {
		fprintf(g->o, "%s c%u", rnd(3) ? "jump" : "goto", g->depth + rnd(left));
		return;
	}
	fputs(PICK("accept", "drop", "drop", "return", "continue"), g->o);
}

static inline void gen_vmap(const struct gen *g)
{
	FILE *o = g->o;

	switch (rnd(5)) {
	case 4:
		fprintf(o, "th dport vmap { 81 : ");
		gen_verdict(g);
		fprintf(o, ", * : ");
		gen_verdict(g);
		break;
	case 0:
		fprintf(o, "th dport vmap { 80 : ");
		gen_verdict(g);
		fprintf(o, ", 81-82 : ");
		gen_verdict(g);
		break;
	case 1:
		fprintf(o, "iifname vmap { wan : ");
		gen_verdict(g);
		fprintf(o, ", \"l*\" : ");
		gen_verdict(g);
		break;
	case 2:
		fprintf(o, "meta l4proto . th dport vmap { udp . 81 : ");
		gen_verdict(g);
		fprintf(o, ", tcp . 80 : ");
		gen_verdict(g);
		fprintf(o, ", udp . 83 : ");
		gen_verdict(g);
		break;
	default:
		fprintf(o, "meta mark vmap { 0x1 : ");
		gen_verdict(g);
		fprintf(o, ", 0x0 : ");
		gen_verdict(g);
		break;
	}
	fprintf(o, " }");
}

static inline void gen_nat(const struct gen *g)
{
	bool six = gen_six(g), out = !strcmp(g->hook, "postrouting");
	FILE *o = g->o;
	const char *fam = g->family ? "" : six ? "ip6 " : "ip ";

	if (out || !strcmp(g->hook, "input")) {
		if (out && rnd(2)) {
			/* a port needs to know the protocol */
			if (rnd(2))
				fprintf(o, "meta l4proto %s masquerade to :%u-%u",
					is_icmp(g) ? "tcp" : g->l4, 5000, 5000 + rnd(100));
			else
				fprintf(o, "masquerade%s", PICK("", " random"));
		} else if (rnd(3) == 0) {
			fprintf(o, "snat %sto %s", fam, six ? "ip6 saddr" : "ip saddr");
		} else {
			fprintf(o, "snat %sto %s", fam, six ? "2001:db8:1::1" : "192.0.2.1");
		}
		return;
	}
	switch (rnd(six ? 2 : 4)) {
	case 0:
		fprintf(o, "redirect");
		break;
	case 1:
		fprintf(o, "dnat %sto %s", fam,
			six ? PICK("fd00::3", "2001:db8::3")
			    : PICK("10.0.0.3", "10.1.0.2", "198.51.100.3", "192.0.2.1"));
		break;
	case 2:
		fprintf(o, "meta l4proto %s dnat %sto %s:%u", is_icmp(g) ? "tcp" : g->l4, fam,
			PICK("10.0.0.4", "10.1.0.3"), 80 + rnd(4));
		break;
	default:
		fprintf(o, "dnat ip to th dport map { 80 : 10.0.0.2, 81-83 : 10.1.0.4 }");
		break;
	}
}

static inline void gen_statement(const struct gen *g)
{
	bool early =
		g->prio < -200 && (!strcmp(g->hook, "prerouting") || !strcmp(g->hook, "output"));
	FILE *o = g->o;

	if (!strcmp(g->type, "nat") && rnd(2)) {
		gen_nat(g);
		return;
	}
	switch (rnd(12)) {
	case 10:
		fprintf(o, "meta mark set %s",
			g->family == 2 ? "0x3"
				       : PICK("th dport map { 80 : 0x1, 81-82 : 0x2 }",
					      "numgen inc mod 2", "meta mark | 0x2"));
		break;
	case 11:
		if (g->family == 4)
			fprintf(o, "%s",
				PICK("add @e4 { ip saddr }", "ip saddr set 10.0.0.5",
				     strcmp(g->l4, "udp") ? "ip ttl set 50" : "udp dport set 83"));
		else
			fprintf(o, "counter");
		break;
	case 0:
	case 1:
		fprintf(o, "meta mark set %s",
			PICK("0x1", "0x2", "0x3", "meta mark | 0x1", "meta mark & 0x2",
			     "meta mark ^ 0x3"));
		break;
	case 2:
		if (g->family != 2) {
			fprintf(o, "%s",
				PICK("ct mark set 0x1", "meta mark set ct mark",
				     "ct mark set meta mark"));
			break;
		}
		/* fall through */
	case 3:
		if (early && g->family != 2) {
			fputs("notrack", o);
			break;
		}
		/* fall through */
	case 4:
		gen_vmap(g);
		break;
	case 5:
		if (g->family != 2 && strcmp(g->hook, "postrouting") && strcmp(g->type, "nat")) {
			fputs("reject", o);
			break;
		}
		/* fall through */
	default:
		gen_verdict(g);
		break;
	}
}

static inline void gen_rule(struct gen *g)
{
	g->six = g->family == 6 || (g->family != 4 && rnd(3) == 0);
	g->l4 = PICK("udp", "udp", "tcp", "icmp");
	fputs("  ", g->o);
	for (unsigned n = rnd(3); n; n--)
		if (rnd(4) == 0 && g->family != 2)
			gen_match_concat(g);
		else
			gen_match(g);
	gen_statement(g);
	fputc('\n', g->o);
}

static inline void gen_sets(const struct gen *g)
{
	FILE *o = g->o;

	fprintf(o,
		" set a4 { type ipv4_addr; flags interval; elements = { 10.0.0.%u, "
		"198.51.100.2-198.51.100.%u }\n }\n",
		2 + rnd(3), 3 + rnd(3));
	fprintf(o, " set a6 { type ipv6_addr; elements = { fd00::%u, 2001:db8::%u }\n }\n",
		2 + rnd(3), 2 + rnd(3));
	if (g->family == 2)
		return;
	fprintf(o,
		" set d4 { type ipv4_addr; flags timeout; elements = { 10.0.0.%u timeout 1h, "
		"198.51.100.%u timeout 2h }\n }\n",
		2 + rnd(3), 2 + rnd(3));
	fprintf(o, " set e4 { type ipv4_addr; flags dynamic; size 16; }\n");
	fprintf(o, " set p4 { type ipv4_addr . inet_service; flags interval; elements = { "
		   "10.0.0.0/30 . 80, 198.51.100.0-198.51.100.3 . 81-82, 192.0.2.1 . 80 }\n }\n");
	fprintf(o,
		" set p6 { type ipv6_addr . inet_service; elements = { fd00::%u . 80, "
		"2001:db8::%u . 81 }\n }\n",
		2 + rnd(3), 2 + rnd(3));
}

/* One table with its chains. */
static inline void gen_table(FILE *o, unsigned number)
{
	static const char *const families[] = { "ip", "ip", "inet", "ip6", "netdev" };
	static const int family_of[] = { 4, 4, 0, 6, 2 };
	static const int prios[] = { -300, -250, -201, -200, -199, -150, -100, -50, 0, 0, 50, 100 };
	static const int nat_in[] = { -110, -100, -100, -90 }, nat_out[] = { 90, 100, 100, 110 };
	unsigned f = rnd(5), bases = 1 + rnd(3);
	struct gen g = { .o = o, .family = family_of[f], .type = "filter", .l4 = "udp" };

	fprintf(o, "table %s t%u {\n", families[f], number);
	gen_sets(&g);
	g.n_chains = g.family == 2 ? 0 : rnd(4);
	/* declared first: rules may name them */
	for (unsigned i = 0; i < g.n_chains; i++)
		fprintf(o, " chain c%u { }\n", i);
	for (unsigned i = 0; i < bases; i++) {
		g.hook = g.family == 2 ? PICK("ingress", "ingress", "egress")
				       : PICK("prerouting", "forward", "postrouting", "input",
					      "output", "forward", "prerouting");
		g.type = g.family != 2 && strcmp(g.hook, "forward") && rnd(2) ? "nat" : "filter";
		g.prio = prios[rnd(sizeof(prios) / sizeof(*prios))];
		if (!strcmp(g.type, "nat"))
			g.prio = (!strcmp(g.hook, "prerouting") || !strcmp(g.hook, "output")
					  ? nat_in
					  : nat_out)[rnd(4)];
		fprintf(o, " chain b%u {\n  type %s hook %s ", i, g.type, g.hook);
		if (g.family == 2)
			fprintf(o, "device %s ", PICK("wan", "lan"));
		fprintf(o, "priority %d; policy %s;\n", g.prio,
			rnd(5) || !strcmp(g.type, "nat") ? "accept" : "drop");
		g.depth = 0;
		for (unsigned n = 1 + rnd(5); n; n--)
			gen_rule(&g);
		fprintf(o, " }\n");
	}
	/* rules of regular chains fit to any hook: no NAT, no early statements */
	g.type = "filter";
	g.hook = "none";
	g.prio = 0;
	for (unsigned i = 0; i < g.n_chains; i++) {
		g.depth = i + 1;
		fprintf(o, " chain c%u {\n", i);
		for (unsigned n = 1 + rnd(3); n; n--)
			gen_rule(&g);
		fprintf(o, " }\n");
	}
	fprintf(o, "}\n");
}

#endif
