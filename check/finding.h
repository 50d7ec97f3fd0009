/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Findings: what `einat check` says. Codes are stable; scripts and users refer to them. */
#ifndef EINAT_CHECK_FINDING_H
#define EINAT_CHECK_FINDING_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* In the order of their weight; the exit code of `einat check` is the heaviest one's. */
enum severity { SEV_NOTE, SEV_WARNING, SEV_CONFLICT };

/* One row of the table from which --list, --explain and docs/findings.md are made. */
struct code {
	const char *name; /* "dnat-slice-port" */
	enum severity severity;
	const char *title; /* "a DNAT rule owns ports of the slice" */
	const char *why; /* one sentence: why it matters */
	const char *story; /* paragraphs, parted by empty lines */
};

extern const struct code codes[];
extern const size_t n_codes;
const struct code *code_find(const char *name); /* NULL: there is none */
const char *severity_name(enum severity s); /* "note", "warning", "conflict" */

struct finding {
	const struct code *code;
	enum severity severity; /* the code's, or a lighter one where less is at stake */
	bool will; /* certain; else it may happen, for packets that could not be told apart */
	char *where; /* "ip nat POSTROUTING handle 7", "sysctl net.ipv4.ip_forward" */
	char *text; /* the rule, the program, the socket; NULL: nothing to show */
	char *what; /* one sentence: what was found here */
	char *mend; /* what to type or to set; NULL: nothing to be done */
	char *owner; /* the program that wrote it: "Docker"; NULL: not known */
	char *example; /* a packet that meets it; NULL: it is not about packets */
	char *family, *table, *chain; /* of a rule; NULL for anything else */
	const void *rule; /* of the snapshot, while it is analysed: to tell rules apart */
	unsigned long long handle; /* of a rule in nf_tables; its number with iptables-legacy */
	bool can_open; /* the rule of --open would help, and nft syntax fits there */
};

struct findings {
	struct finding *f;
	size_t n;
	struct finding scratch; /* given out when memory ran out */
	bool failed; /* out of memory: what is here is not all */
	size_t omitted; /* by findings_keep() */
	bool attached; /* einat's programs are on the interface: one runs, or has run */
	/* what was looked at, so that "clean" says something */
	size_t n_chains, n_rules, n_sets, n_routing_rules, n_sockets, n_programs;
};

/**
 * finding_add() - add a finding of @code (a name of the table; another one is a bug of the
 * caller) and return it, to be filled in. Memory that runs out sets @fs->failed, and what is
 * returned is a scratch object: callers need not look. The pointer is good until the next call.
 */
struct finding *finding_add(struct findings *fs, const char *code);
/**
 * finding_set() - printf into one of the strings of the finding that was added last; an older one
 * is freed. Names of tables, programs and the like may be any bytes: what no terminal should see
 * becomes \xNN; newlines stay in @mend alone.
 */
void finding_set(struct findings *fs, char **field, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** findings_sort() - heaviest first, then in the order of the table; drops exact repetitions. */
void findings_sort(struct findings *fs);
/** findings_keep() - of sorted findings the first @max, the heaviest. */
void findings_keep(struct findings *fs, size_t max);
void findings_clear(struct findings *fs);
/** findings_worst() - the heaviest severity; SEV_NOTE also if there is no finding. */
enum severity findings_worst(const struct findings *fs);
/** findings_same() - whether two findings are about one thing: same code, place and text. */
bool findings_same(const struct finding *a, const struct finding *b);

/** findings_json() - documented in docs/check.md; NULL: out of memory. */
json_t *findings_json(const struct findings *fs, const char *ifname);
/** findings_print() - text from that, for people; coloured on a terminal unless NO_COLOR is set. */
void findings_print(const json_t *findings, FILE *out);

/* What --list and --explain print. @markdown: the form of docs/findings.md. */
void codes_list(FILE *out);
void code_explain(const struct code *c, FILE *out);
void codes_markdown(FILE *out);

#endif
