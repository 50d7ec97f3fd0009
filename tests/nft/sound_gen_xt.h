/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random rules, as text for iptables-restore. */
#ifndef EINAT_TEST_SOUND_GEN_XT_H
#define EINAT_TEST_SOUND_GEN_XT_H

#include "sound_gen.h"

static inline void gen_xt_match(FILE *o, const char *chain, bool *ports)
{
	bool in = strcmp(chain, "OUTPUT") && strcmp(chain, "POSTROUTING");
	const char *no = rnd(4) ? "" : "! ";

	switch (rnd(8)) {
	case 0:
		fprintf(o, "%s-s %s ", no, PICK("10.0.0.0/24", "10.0.0.2", "198.51.100.0/30"));
		break;
	case 1:
		fprintf(o, "%s-d %s ", no, PICK("198.51.100.0/24", "10.0.0.3", "192.0.2.1"));
		break;
	case 2:
		if (in)
			fprintf(o, "%s-i %s ", no, PICK("wan", "lan", "l+"));
		break;
	case 3:
		if (!*ports)
			fprintf(o, "-p %s -m multiport %s--dports 80,82:83 ", PICK("udp", "tcp"),
				no);
		*ports = true;
		break;
	case 4:
		if (!*ports)
			fprintf(o, "-p %s %s--dport %u ", PICK("udp", "tcp"), no, 80 + rnd(4));
		*ports = true;
		break;
	case 5:
		fprintf(o, "-m conntrack %s--ctstate %s ", no,
			PICK("NEW", "ESTABLISHED,RELATED", "INVALID", "DNAT", "NEW,UNTRACKED"));
		break;
	case 6:
		fprintf(o, "-m mark %s--mark 0x%x/0x%x ", no, rnd(4), 1 + rnd(3));
		break;
	default:
		fprintf(o, "-m addrtype %s--dst-type %s ", no, PICK("LOCAL", "UNICAST"));
		break;
	}
}

static inline void gen_xt_target(FILE *o, const char *table, const char *chain, unsigned depth)
{
	if (!strcmp(table, "nat") && rnd(3)) {
		if (!strcmp(chain, "POSTROUTING"))
			fprintf(o, "-j %s", PICK("MASQUERADE", "SNAT --to-source 192.0.2.1"));
		else
			fprintf(o, "-j %s",
				PICK("DNAT --to-destination 10.0.0.4", "REDIRECT",
				     "DNAT --to-destination 10.1.0.2"));
		return;
	}
	if (!strcmp(table, "mangle") && rnd(2)) {
		fprintf(o, "-j %s",
			PICK("MARK --set-xmark 0x1/0x1", "MARK --set-xmark 0x2/0x3",
			     "CONNMARK --save-mark", "CONNMARK --restore-mark"));
		return;
	}
	if (!strcmp(table, "raw") && rnd(3) == 0) {
		fprintf(o, "-j CT --notrack");
		return;
	}
	if (depth < 2 && rnd(3) == 0)
		fprintf(o, "-%c U%u", rnd(2) ? 'j' : 'g', depth);
	else
		fprintf(o, "-j %s",
			PICK("ACCEPT", strstr(table, "nat") ? "ACCEPT" : "DROP", "RETURN",
			     "ACCEPT"));
}

static inline void gen_xt_rule(FILE *o, const char *table, const char *chain, const char *base,
			       unsigned depth)
{
	bool ports = false;

	fprintf(o, "-A %s ", chain);
	for (unsigned n = rnd(3); n; n--)
		gen_xt_match(o, base, &ports);
	gen_xt_target(o, table, base, depth);
	fputc('\n', o);
}

/* One or two tables for iptables-restore. */
static inline void gen_iptables(FILE *o)
{
	static const struct {
		const char *table;
		const char *chain[5];
	} tables[] = { { "raw", { "PREROUTING", "OUTPUT" } },
		       { "mangle", { "PREROUTING", "FORWARD", "POSTROUTING", "OUTPUT", "INPUT" } },
		       { "filter", { "FORWARD", "INPUT", "OUTPUT" } },
		       { "nat", { "PREROUTING", "POSTROUTING", "OUTPUT" } } };

	for (unsigned t = 0; t < 4; t++) {
		if (rnd(2))
			continue;
		fprintf(o, "*%s\n", tables[t].table);
		for (unsigned c = 0; c < 5 && tables[t].chain[c]; c++)
			fprintf(o, ":%s %s [0:0]\n", tables[t].chain[c],
				t == 2 && rnd(4) == 0 ? "DROP" : "ACCEPT");
		fprintf(o, ":U0 - [0:0]\n:U1 - [0:0]\n");
		for (unsigned c = 0; c < 5 && tables[t].chain[c]; c++)
			for (unsigned n = rnd(3); n; n--)
				gen_xt_rule(o, tables[t].table, tables[t].chain[c],
					    tables[t].chain[c], 0);
		/* user chains are called from any base chain: no NAT, no interface */
		for (unsigned u = 0; u < 2; u++)
			for (unsigned n = 1 + rnd(2); n; n--)
				gen_xt_rule(o, t == 3 ? "user-nat" : "user", u ? "U1" : "U0",
					    "POSTROUTING", u + 1);
		fprintf(o, "COMMIT\n");
	}
}

#endif
