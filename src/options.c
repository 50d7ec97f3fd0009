// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "src/option_set.h"
#include "src/options.h"
#include "src/pin.h"

#define C_RUN	 (1u << CMD_RUN)
#define C_CHECK	 (1u << CMD_CHECK)
#define C_PLAN	 (1u << CMD_RUN | 1u << CMD_PLAN | 1u << CMD_CHECK)
#define C_SHOW	 (1u << CMD_STATUS | 1u << CMD_BINDINGS | 1u << CMD_STATS)
#define C_STOP	 (1u << CMD_STOP)
#define C_ALL	 (C_PLAN | C_SHOW | C_STOP)
#define SLICE(f) C_PLAN, OPT_SLICE, OPT_SEC_SLICE, f, NULL
#define IF_S(f)	 C_PLAN, OPT_IFACE, OPT_SEC_SLICE, f, NULL
#define IF_R(f)	 C_PLAN, OPT_IFACE, OPT_SEC_RUN, f, NULL
#define LATER	 C_PLAN, OPT_IFACE, OPT_SEC_RUN, OPT_LATER, NULL, NULL

/* clang-format off */
const struct opt options[] = {
	{ "interface", 'i', "IF", "external interface (also --ifname)", NULL,
	  C_ALL, OPT_IFACE, OPT_SEC_SLICE, 0, NULL, set_interface },
	{ "ifname", 0, "IF", NULL, NULL,
	  C_ALL, OPT_IFACE, OPT_SEC_SLICE, 0, "interface", NULL },
	{ "proto", 0, "LIST", "protocols of the slice: udp, tcp, icmp in a comma list, or all",
	  "all", SLICE(OPT_LIST), set_proto },
	{ "ports", 0, "RANGES", "external ports of the slice, such as 20000-29999,40000",
	  "20000-29999", SLICE(OPT_LIST), set_ports },
	{ "internal", 0, "CIDR,...", "only these internal sources; without it, every source that "
	  "is neither external nor named by a foreign masquerade rule",
	  NULL, SLICE(OPT_LIST), set_internal },
	{ "exclude-dest", 0, "CIDR,...", "no einat NAT towards these destinations",
	  NULL, SLICE(OPT_LIST), set_exclude_dest },
	{ "exclude-ports", 0, "[PROTO:]RANGES", "external ports to leave out of the slice",
	  NULL, SLICE(OPT_LIST), set_exclude_ports },
	{ "mark", 0, "VALUE[/MASK]", "only packets that carry this fwmark",
	  NULL, SLICE(0), set_mark },
	{ "inbound-mark", 0, "VALUE[/MASK]", "mark for packets that einat has translated inwards, "
	  "so that a firewall rule can accept them", NULL, IF_S(0), set_inbound_mark },
	{ "forward", 0, "PROTO:PORT=ADDR[:PORT]", "static forward: a static binding inside the "
	  "slice, DNAT outside", NULL, IF_S(OPT_LIST), set_forward },

	{ "hairpin-if", 0, "IF,...", "hairpin for traffic that enters here (lo: this host itself)",
	  NULL, IF_R(OPT_LIST), set_hairpin_if },
	{ "rest", 0, "auto|own|guard|none", "who NATs the rest: einat's own masquerade, others' "
	  "guarded, nobody, or own unless others already do", "auto", IF_R(0), set_rest },
	{ "guard", 0, "slice|strict", "leak guard: drop what the slice claims and cannot be "
	  "translated, or every private source", "slice", IF_R(0), set_guard },
	{ "when-full", 0, "masquerade|refuse", "new flows of a full slice: leave them to "
	  "masquerade, or answer with ICMP code 13", "masquerade", IF_R(0), set_when_full },
	{ "max-ports-per-host", 0, "[PROTO:]N,...", "external ports that one internal host may have "
	  "of a protocol; 0: any number", NULL, IF_R(OPT_LIST), set_max_ports_per_host },
	{ "attach", 0, "auto|tcx|clsact", "how the programs are attached", "auto",
	  IF_R(0), set_attach },
	{ "udp-timeout", 0, "TIME", "idle UDP binding; at least 120s", "300s",
	  IF_R(0), set_udp_timeout },
	{ "icmp-timeout", 0, "TIME", "idle ICMP binding; at least 60s", "60s",
	  IF_R(0), set_icmp_timeout },
	{ "tcp-open-timeout", 0, "TIME", "idle established TCP session; at least 7440s", "7440s",
	  IF_R(0), set_tcp_open_timeout },
	{ "tcp-syn-timeout", 0, "TIME", "TCP session that is opening; at least 240s; without it, "
	  "that of --tcp-close-timeout", NULL, IF_R(0), set_tcp_syn_timeout },
	{ "tcp-close-timeout", 0, "TIME", "TCP session that is closing or was reset; at least 240s",
	  "240s", IF_R(0), set_tcp_close_timeout },
	{ "reuse-after", 0, "TIME", "how long the port of an expired binding rests before another one "
	  "gets it; 120s to 1h", "120s", IF_R(0), set_reuse_after },
	{ "ipv6", 0, NULL, "translate IPv6 as well (NAT66); without --internal, of fc00::/7 alone",
	  NULL, IF_R(0), set_ipv6 },
	{ "nptv6", 0, "INTERNAL/LEN=EXTERNAL/LEN", "translate this IPv6 prefix without state (RFC "
	  "6296); EXTERNAL auto: the prefix of the interface", NULL,
	  IF_R(OPT_LIST), set_nptv6 },
	{ "dry-run", 0, NULL, "the same as the command plan", NULL,
	  C_PLAN & ~C_CHECK, OPT_CLI, OPT_SEC_RUN, 0, NULL, set_dry_run },
	{ "force", 0, NULL, "start in spite of conflicts that check finds", NULL,
	  C_RUN, OPT_CLI, OPT_SEC_RUN, 0, NULL, set_force },
	{ "open", 0, NULL, "insert a rule that accepts the inbound mark into each nftables chain that "
	  "would drop what einat translates inwards; removed on stop", NULL,
	  IF_R(0), set_open },
	{ "notrack", 0, NULL, NULL, NULL, LATER },
	{ "fast", 0, NULL, NULL, NULL, LATER },
	{ "order", 0, "first|last", NULL, NULL, LATER },

	{ "config", 0, "FILE", "read interfaces and slices from a file", NULL,
	  C_ALL, OPT_CLI, OPT_SEC_GENERAL, 0, NULL, set_config },
	{ "pin", 0, "DIR", "where the links of the programs are pinned", PIN_DEFAULT_DIR,
	  C_ALL, OPT_GLOBAL, OPT_SEC_GENERAL, 0, NULL, set_pin },
	{ "log-level", 0, "error|warn|info|debug", "how much is logged", "info",
	  C_ALL, OPT_GLOBAL, OPT_SEC_GENERAL, 0, NULL, set_log_level },
	{ "json", 0, NULL, "print JSON", NULL,
	  C_SHOW | C_CHECK, OPT_CLI, OPT_SEC_GENERAL, 0, NULL, set_json },
	{ "save", 0, "FILE", "write the snapshot of this host to a file (- for standard output), to "
	  "be analysed elsewhere", NULL,
	  C_CHECK, OPT_CLI, OPT_SEC_GENERAL, 0, NULL, set_save },
	{ "from", 0, "FILE", "analyse such a file instead of this host", NULL,
	  C_CHECK, OPT_CLI, OPT_SEC_GENERAL, 0, NULL, set_from },
	{ "list", 0, NULL, "list all codes of findings", NULL,
	  C_CHECK, OPT_CLI, OPT_SEC_GENERAL, 0, NULL, set_list },
	{ "explain", 0, "CODE", "the long story of a finding's code", NULL,
	  C_CHECK, OPT_CLI, OPT_SEC_GENERAL, 0, NULL, set_explain },
	{ "purge", 0, NULL, "also remove what an einat that was killed earlier left behind", NULL,
	  C_STOP, OPT_CLI, OPT_SEC_GENERAL, 0, NULL, set_purge },
	{ "version", 0, NULL, "print the version", NULL,
	  C_ALL, OPT_CLI, OPT_SEC_GENERAL, 0, NULL, set_version },
	{ "help", 'h', NULL, "print this help; after a command, that of the command", NULL,
	  C_ALL, OPT_CLI, OPT_SEC_GENERAL, 0, NULL, set_help },
};
const size_t n_options = sizeof(options) / sizeof(options[0]);

const struct command commands[] = {
	{ "run", CMD_RUN, "-i IF | --config FILE [slice options] [run options]",
	  "run in the foreground until SIGINT or SIGTERM (the default)" },
	{ "check", CMD_CHECK, "[-i IF | --config FILE] [slice options] [run options] [--json]",
	  "what would go wrong on this host, or has gone wrong; exit status 0: nothing, 1: warnings, "
	  "2: conflicts, 3: it could not be told" },
	{ "plan", CMD_PLAN, "-i IF | --config FILE [slice options] [run options]",
	  "print what would be written, as nft and ip syntax; changes nothing" },
	{ "status", CMD_STATUS, "[-i IF] [--json]", "what runs, and with which plan" },
	{ "bindings", CMD_BINDINGS, "[-i IF] [--json]", "the live bindings" },
	{ "stats", CMD_STATS, "[-i IF] [--json]", "packets by reason" },
	{ "stop", CMD_STOP, "-i IF | --config FILE [--purge]",
	  "hand live flows to masquerade, then remove all that einat wrote" },
	{ "help", CMD_HELP, "[COMMAND]", "print this help, or that of a command" },
	{ "metrics", -1, NULL, NULL },
	{ "migrate", -1, NULL, NULL },
};
const size_t n_commands = sizeof(commands) / sizeof(commands[0]);
/* clang-format on */

_Static_assert(sizeof(options) / sizeof(options[0]) <= 64, "opt_ctx.seen has 64 bits");

const struct opt *opt_find(const char *name, size_t len)
{
	for (size_t i = 0; i < n_options; i++) {
		const struct opt *o = &options[i];

		if (strlen(o->name) == len && !memcmp(o->name, name, len))
			return o->alias_of ? opt_find(o->alias_of, strlen(o->alias_of)) : o;
	}
	return NULL;
}

const struct opt *opt_find_short(char c)
{
	for (size_t i = 0; i < n_options; i++)
		if (c && options[i].short_name == c)
			return &options[i];
	return NULL;
}

uint64_t opt_bit(const struct opt *o)
{
	return 1ull << (o - options);
}

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < n_commands; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

const struct command *command_of(enum conf_command cmd)
{
	for (size_t i = 0; i < n_commands; i++)
		if (commands[i].command == (int)cmd)
			return &commands[i];
	return NULL;
}

int opt_apply(struct opt_ctx *x, const struct opt *o, const char *arg, struct err *err)
{
	int ret;

	if (o->flags & OPT_LATER)
		return err_set(err, EINVAL, "not available in this version");
	if ((x->seen & opt_bit(o)) && !(o->flags & OPT_LIST) && o->arg) {
		if (o->set == set_interface)
			return err_set(err, EINVAL,
				       "given twice; several interfaces go into a file, see "
				       "--config");
		return err_set(err, EINVAL, "given twice; give it once");
	}
	if (o->arg && !*arg)
		return err_set(err, EINVAL, "is empty; give %s", o->arg);
	ret = o->set(x, o, arg, err);
	if (!ret)
		x->seen |= opt_bit(o);
	return ret;
}

int opt_defaults(struct opt_ctx *x, enum opt_scope scope, struct err *err)
{
	for (size_t i = 0; i < n_options; i++) {
		const struct opt *o = &options[i];
		int ret;

		if (o->scope != scope || !o->def || (x->seen & opt_bit(o)))
			continue;
		ret = o->set(x, o, o->def, err);
		if (ret)
			return ret;
	}
	return 0;
}

#define EDIT_MAX 40

unsigned edit_distance(const char *a, const char *b)
{
	unsigned char d[EDIT_MAX + 1][EDIT_MAX + 1];
	size_t n = strlen(a), m = strlen(b);

	if (n > EDIT_MAX || m > EDIT_MAX)
		return 99;
	for (size_t i = 0; i <= n; i++)
		d[i][0] = (unsigned char)i;
	for (size_t j = 0; j <= m; j++)
		d[0][j] = (unsigned char)j;
	for (size_t i = 1; i <= n; i++) {
		for (size_t j = 1; j <= m; j++) {
			unsigned v = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

			if (d[i - 1][j] + 1u < v)
				v = d[i - 1][j] + 1u;
			if (d[i][j - 1] + 1u < v)
				v = d[i][j - 1] + 1u;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    d[i - 2][j - 2] + 1u < v)
				v = d[i - 2][j - 2] + 1u;
			d[i][j] = (unsigned char)v;
		}
	}
	return d[n][m];
}

bool edit_is_near(const char *word, unsigned distance)
{
	size_t limit = (strlen(word) + 2) / 3;

	return distance <= (limit > 3 ? 3 : limit);
}
