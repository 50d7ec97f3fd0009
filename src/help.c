// SPDX-License-Identifier: GPL-2.0-or-later
/* --help and the shell's completion, both made from the option table. */
#include <stdio.h>
#include <string.h>

#include "lib/wrap.h"
#include "src/option_set.h"
#include "src/options.h"

#define HELP_WIDTH  79
#define HELP_COLUMN 32

static void print_entry(FILE *out, const char *left, const char *right)
{
	size_t n = strlen(left);

	fputs(left, out);
	if (n + 2 > HELP_COLUMN) {
		fputc('\n', out);
		n = 0;
	}
	fprintf(out, "%*s", (int)(HELP_COLUMN - n), "");
	print_wrapped(out, right, HELP_COLUMN, HELP_COLUMN, HELP_WIDTH);
}

static void print_option(FILE *out, const struct opt *o)
{
	char left[80], right[256], sh[8] = "    ";

	if (o->short_name)
		snprintf(sh, sizeof(sh), "-%c, ", o->short_name);
	snprintf(left, sizeof(left), "  %s--%s%s%s", sh, o->name, o->arg ? " " : "",
		 o->arg ? o->arg : "");
	snprintf(right, sizeof(right), "%s%s%s%s%s", o->help,
		 o->flags & OPT_LIST ? "; repeatable" : "", o->def ? " (default " : "",
		 o->def ? o->def : "", o->def ? ")" : "");
	print_entry(out, left, right);
}

static bool is_shown(const struct opt *o, const struct command *cmd)
{
	return o->help && !(o->flags & OPT_LATER) &&
	       (!cmd || (cmd->command >= 0 && (o->commands & 1u << cmd->command)));
}

void help_print(FILE *out, const struct command *cmd)
{
	static const char *const heads[OPT_SEC_COUNT] = { "Slice options", "Run options",
							  "General options" };
	/* commands that take no slice have few options: one list */
	bool sections = !cmd || cmd->command == CMD_RUN || cmd->command == CMD_PLAN ||
			cmd->command == CMD_CHECK;
	bool head = false;
	char left[80];

	if (cmd) {
		fprintf(out, "Usage: einat %s", cmd->name);
		print_wrapped(out, cmd->args, 13 + strlen(cmd->name), 13, HELP_WIDTH);
		fputc('\n', out);
		print_wrapped(out, cmd->help, 0, 0, HELP_WIDTH);
	} else {
		fputs("Usage: einat [COMMAND] [OPTIONS]\n\n"
		      "Full-cone NAT for a slice of the traffic, beside nftables masquerade.\n\n"
		      "Commands:\n",
		      out);
		for (size_t i = 0; i < n_commands; i++) {
			snprintf(left, sizeof(left), "  %s", commands[i].name);
			if (commands[i].command >= 0)
				print_entry(out, left, commands[i].help);
		}
	}
	for (unsigned sec = 0; sec < OPT_SEC_COUNT; sec++) {
		head = head && !sections;
		for (size_t i = 0; i < n_options; i++) {
			if (options[i].section != sec || !is_shown(&options[i], cmd))
				continue;
			if (!head)
				fprintf(out, "\n%s:\n", sections ? heads[sec] : "Options");
			head = true;
			print_option(out, &options[i]);
		}
	}
	if (!cmd)
		fputs("\nMore: einat help COMMAND, and the manual page einat(8).\n", out);
}

static void candidate(FILE *out, const char *prefix, const char *word, size_t len)
{
	size_t n = strlen(prefix);

	if (*word == '@' || (n <= len && !memcmp(prefix, word, n)))
		fprintf(out, "%.*s\n", (int)len, word);
}

static void complete_argument(FILE *out, const struct opt *o, const char *cur)
{
	const char *word = o->arg;

	if (!strncmp(word, "IF", 2))
		word = "@interface";
	else if (!strcmp(word, "FILE"))
		word = "@file";
	else if (!strcmp(word, "DIR"))
		word = "@directory";
	else if (o->set == set_proto)
		word = "udp|tcp|icmp|all";
	else if (!strchr(word, '|'))
		return;
	for (;;) {
		size_t n = strcspn(word, "|");

		candidate(out, cur, word, n);
		if (!word[n])
			break;
		word += n + 1;
	}
}

static const struct opt *option_of_word(const char *w)
{
	if (w[0] == '-' && w[1] == '-')
		return opt_find(w + 2, strlen(w + 2));
	return w[0] == '-' && w[1] && !w[2] ? opt_find_short(w[1]) : NULL;
}

static void complete_options(FILE *out, const struct command *cmd, int n, char **words)
{
	uint64_t seen = 0;

	for (int i = 0; i < n - 1; i++) {
		const struct opt *o = option_of_word(words[i]);

		if (o && !(o->flags & OPT_LIST))
			seen |= opt_bit(o);
	}
	for (size_t i = 0; i < n_options; i++) {
		char word[48];

		if (!is_shown(&options[i], cmd) || (seen & opt_bit(&options[i])))
			continue;
		snprintf(word, sizeof(word), "--%s", options[i].name);
		candidate(out, words[n - 1], word, strlen(word));
	}
}

void complete_print(FILE *out, int n, char **words)
{
	const struct command *cmd = command_of(CMD_RUN);
	char *empty[] = { (char *)"" };
	const struct opt *o = NULL;
	bool named;
	const char *cur;

	if (n < 1) {
		n = 1;
		words = empty;
	}
	cur = words[n - 1];
	named = n > 1 && words[0][0] != '-';
	if (named)
		cmd = command_find(words[0]);
	if (!cmd)
		return;
	/* bash cuts "--rest=own" into three words */
	if (n > 1 && !strcmp(cur, "="))
		cur = "", o = option_of_word(words[n - 2]);
	else if (n > 2 && !strcmp(words[n - 2], "="))
		o = option_of_word(words[n - 3]);
	else if (n > 1)
		o = option_of_word(words[n - 2]);
	if (o && o->arg) {
		complete_argument(out, o, cur);
		return;
	}
	if (n == 1 || (cmd->command == CMD_HELP && n == 2))
		for (size_t i = 0; i < n_commands; i++)
			if (commands[i].command >= 0)
				candidate(out, cur, commands[i].name, strlen(commands[i].name));
	if (cmd->command != CMD_HELP)
		complete_options(out, cmd, n, words);
}
