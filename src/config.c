// SPDX-License-Identifier: GPL-2.0-or-later
/* The command line. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "src/config.h"
#include "src/config_file.h"
#include "src/option_set.h"
#include "src/options.h"

/* "@where: " in front of the message that is in @err. */
static int fail_at(struct err *err, int ret, const char *where)
{
	struct err old;

	if (!err)
		return ret;
	old = *err;
	return err_set(err, -ret, "%s: %s", where, old.text);
}

static int unknown_command(const char *word, struct err *err)
{
	const char *near = NULL;
	unsigned best = 99;

	for (size_t i = 0; i < n_commands; i++) {
		unsigned d = edit_distance(word, commands[i].name);

		if (commands[i].command >= 0 && d < best && edit_is_near(word, d)) {
			best = d;
			near = commands[i].name;
		}
	}
	if (near)
		return err_set(err, EINVAL, "unknown command '%s'; did you mean '%s'?", word, near);
	return err_set(err, EINVAL, "unknown command '%s'; 'einat help' lists the commands", word);
}

static int find_command(const char *word, const struct command **ret_cmd, struct err *err)
{
	const struct command *cmd = command_find(word);

	if (!cmd)
		return unknown_command(word, err);
	if (cmd->command < 0)
		return err_set(err, EINVAL, "einat %s is not available in this version", word);
	*ret_cmd = cmd;
	return 0;
}

/* @name may be cut short or mistyped: getopt's abbreviations would change meaning later. */
static int unknown_option(const char *name, size_t len, const struct command *cmd, struct err *err)
{
	const char *near = NULL, *longer = NULL;
	char word[64];
	unsigned best = 99;

	snprintf(word, sizeof(word), "%.*s", (int)len, name);
	for (size_t i = 0; i < n_options; i++) {
		const struct opt *o = opt_find(options[i].name, strlen(options[i].name));
		unsigned d = edit_distance(word, options[i].name);

		if ((o->flags & OPT_LATER) || !(o->commands & 1u << cmd->command))
			continue;
		if (len && !strncmp(options[i].name, word, len) && !longer)
			longer = options[i].name;
		if (d < best && edit_is_near(word, d)) {
			best = d;
			near = options[i].name;
		}
	}
	if (near || longer)
		return err_set(err, EINVAL, "unknown option --%s; did you mean --%s?", word,
			       near ? near : longer);
	return err_set(err, EINVAL, "unknown option --%s; 'einat help %s' lists the options", word,
		       cmd->name);
}

static int check_belongs(const struct opt *o, const char *shown, const struct command *cmd,
			 struct err *err)
{
	char list[128] = "";

	if (o->flags & OPT_LATER)
		return err_set(err, EINVAL, "%s is not available in this version", shown);
	if (o->commands & 1u << cmd->command)
		return 0;
	for (size_t i = 0; i < n_commands; i++) {
		size_t n = strlen(list);

		if (commands[i].command >= 0 && (o->commands & 1u << commands[i].command))
			snprintf(list + n, sizeof(list) - n, "%s%s", n ? ", " : "",
				 commands[i].name);
	}
	return err_set(err, EINVAL, "%s does not belong to 'einat %s'; it belongs to: %s", shown,
		       cmd->name, list);
}

/*
 * Look at the words before getopt does: it would complete abbreviations, and take an option for
 * the argument of the one before it. Short options are few, so only "-x", "-xVALUE" occur.
 */
static int check_words(int argc, char **argv, const struct command *cmd, struct err *err)
{
	for (int i = 1; i < argc; i++) {
		const char *w = argv[i], *name = w + 2;
		size_t len = strcspn(w, "=");
		const struct opt *o;
		char shown[48];
		int ret;

		if (*w != '-' || !w[1] || !strcmp(w, "--"))
			continue;
		if (w[1] != '-') {
			if (len > 2 && opt_find(w + 1, len - 1))
				return err_set(err, EINVAL, "%s: a long option has two dashes: -%s",
					       w, w);
			o = opt_find_short(w[1]);
			if (!o)
				return err_set(
					err, EINVAL,
					"unknown option -%c; 'einat help %s' lists the options",
					w[1], cmd->name);
			len = w[2] ? len : strlen(w);
		} else {
			o = opt_find(name, len - 2);
			if (!o)
				return unknown_option(name, len - 2, cmd, err);
		}
		snprintf(shown, sizeof(shown), "%.*s", w[1] == '-' ? (int)len : 2, w);
		ret = check_belongs(o, shown, cmd, err);
		if (ret)
			return ret;
		if (!o->arg && w[1] == '-' && w[len])
			return err_set(err, EINVAL, "%s takes no argument; write it without '%s'",
				       shown, w + len);
		if (!o->arg || (w[1] == '-' ? w[len] : w[2]))
			continue;
		if (i + 1 >= argc)
			return err_set(err, EINVAL, "%s needs an argument: %s", shown, o->arg);
		if (argv[i + 1][0] == '-' && argv[i + 1][1])
			return err_set(err, EINVAL, "%s needs an argument: %s, but '%s' follows",
				       shown, o->arg, argv[i + 1]);
		i++;
	}
	return 0;
}

struct getopt_tables {
	struct option longs[65];
	char shorts[64];
};

#define LONG_BASE 1000

static void make_tables(struct getopt_tables *t)
{
	size_t n = 0;

	memset(t, 0, sizeof(*t));
	t->shorts[n++] = ':';
	for (size_t i = 0; i < n_options; i++) {
		const struct opt *o = opt_find(options[i].name, strlen(options[i].name));

		t->longs[i] =
			(struct option){ options[i].name, o->arg ? required_argument : no_argument,
					 NULL, LONG_BASE + (int)(o - options) };
		if (options[i].short_name) {
			t->shorts[n++] = options[i].short_name;
			if (o->arg)
				t->shorts[n++] = ':';
		}
	}
}

static int read_words(int argc, char **argv, struct opt_ctx *x, struct err *err)
{
	struct getopt_tables t;
	int c;

	make_tables(&t);
	opterr = 0;
	optind = 0; /* glibc: start anew */
	while ((c = getopt_long(argc, argv, t.shorts, t.longs, NULL)) != -1) {
		const struct opt *o;
		char shown[48];
		int ret;

		if (c == '?' || c == ':')
			return err_set(err, EINVAL, "cannot read the option '%s'; see 'einat help'",
				       argv[optind - 1]);
		o = c >= LONG_BASE ? &options[c - LONG_BASE] : opt_find_short((char)c);
		snprintf(shown, sizeof(shown), "--%s", o->name);
		ret = opt_apply(x, o, optarg, err);
		if (ret)
			return fail_at(err, ret, shown);
		if (x->help || x->version)
			return 0;
	}
	if (optind < argc)
		return err_set(err, EINVAL,
			       "unexpected argument '%s'; options start with '-', see 'einat help'",
			       argv[optind]);
	return 0;
}

/* With a file, all that concerns an interface is in it: one place to look at. */
static int check_mixed(const struct opt_ctx *x, struct err *err)
{
	for (size_t i = 0; i < n_options; i++) {
		const struct opt *o = &options[i];

		if (!(x->seen & opt_bit(o)) || o->set == set_interface)
			continue;
		if (o->scope == OPT_SLICE || o->scope == OPT_IFACE)
			return err_set(
				err, EINVAL,
				"--%s cannot be combined with --config; write '%s' into %s, or "
				"leave --config out",
				o->name, o->name, x->conf->config_path);
	}
	return 0;
}

/* Keep only the interface @name. */
static int select_if(struct conf *c, const char *name, struct err *err)
{
	char list[256] = "";

	for (size_t i = 0; i < c->n_ifs; i++) {
		size_t n = strlen(list);

		if (!strcmp(c->ifs[i].name, name)) {
			struct conf_if keep = c->ifs[i];

			c->ifs[i] = c->ifs[0];
			c->ifs[0] = keep;
			while (c->n_ifs > 1)
				conf_if_clear(&c->ifs[--c->n_ifs]);
			return 0;
		}
		snprintf(list + n, sizeof(list) - n, "%s%s", n ? ", " : "", c->ifs[i].name);
	}
	return err_set(err, EINVAL, "--interface: '%s' is not in %s; that has: %s", name,
		       c->config_path, list);
}

static int finish_with_file(struct opt_ctx *x, struct err *err)
{
	struct conf *c = x->conf;
	char *name;
	int ret = check_mixed(x, err);

	if (ret)
		return ret;
	name = c->ifs[0].name;
	c->ifs[0].name = NULL;
	conf_if_clear(&c->ifs[0]);
	c->n_ifs = 0;
	ret = config_file_read(c->config_path, c, &x->seen, err);
	if (!ret && name)
		ret = select_if(c, name, err);
	free(name);
	return ret;
}

static int finish_without_file(struct opt_ctx *x, const struct command *cmd, struct err *err)
{
	struct conf *c = x->conf;
	bool planned = cmd->command == CMD_RUN || cmd->command == CMD_PLAN ||
		       (cmd->command == CMD_CHECK && !c->bare && !c->list && !c->explain);
	int ret;

	if (!x->cif->name) {
		if (planned || cmd->command == CMD_STOP)
			return err_set(err, EINVAL,
				       "einat %s needs an interface: give -i IF, or --config FILE",
				       cmd->name);
		conf_if_clear(&c->ifs[--c->n_ifs]);
		return 0;
	}
	ret = opt_defaults(x, OPT_IFACE, err);
	if (!ret)
		ret = opt_defaults(x, OPT_SLICE, err);
	if (!ret)
		ret = conf_check_slice(x->slice, err);
	if (!ret)
		ret = conf_check_if(x->cif, err);
	return ret;
}

/* No word about what an interface or a slice is to be: `einat check` asks the running einat. */
static bool is_bare(const struct opt_ctx *x)
{
	for (size_t i = 0; i < n_options; i++)
		if ((x->seen & opt_bit(&options[i])) && options[i].set != set_interface &&
		    (options[i].scope == OPT_IFACE || options[i].scope == OPT_SLICE))
			return false;
	return !x->conf->config_path && !x->conf->from_path;
}

/* @help_of: what --help is about, NULL for everything */
static int parse_options(int argc, char **argv, const struct command *cmd,
			 const struct command *help_of, struct conf *c, struct err *err)
{
	struct opt_ctx x = { .conf = c };
	int ret = check_words(argc, argv, cmd, err);

	if (ret)
		return ret;
	x.cif = conf_add_if(c);
	x.slice = x.cif ? conf_add_slice(x.cif) : NULL;
	if (!x.slice)
		return opt_nomem(err);
	ret = read_words(argc, argv, &x, err);
	if (ret)
		return ret;
	if (x.help || x.version) {
		c->command = CMD_HELP;
		if (x.version)
			printf("einat %s\n", EINAT_VERSION);
		else
			help_print(stdout, help_of);
		return 0;
	}
	c->bare = is_bare(&x);
	ret = c->config_path ? finish_with_file(&x, err) : finish_without_file(&x, cmd, err);
	if (!ret)
		ret = opt_defaults(&x, OPT_GLOBAL, err);
	if (c->dry_run)
		c->command = CMD_PLAN;
	c->dry_run = c->command == CMD_PLAN;
	return ret;
}

static int parse_help(int argc, char **argv, struct conf *c, struct err *err)
{
	const struct command *cmd = NULL;
	int ret = 0;

	c->command = CMD_HELP;
	if (argc > 1 && strcmp(argv[1], "-h") && strcmp(argv[1], "--help"))
		ret = find_command(argv[1], &cmd, err);
	if (!ret && argc > 2)
		ret = err_set(err, EINVAL, "unexpected argument '%s'; write 'einat help [COMMAND]'",
			      argv[2]);
	if (!ret)
		help_print(stdout, cmd);
	return ret;
}

/* @argv is ours to reorder, as getopt does. */
static int parse_line(int argc, char **argv, struct conf *c, struct err *err)
{
	const struct command *cmd = command_of(CMD_RUN);
	bool named = argc > 1 && argv[1][0] != '-';
	int ret;

	if (argc > 1 && !strcmp(argv[1], "--complete")) {
		c->command = CMD_HELP;
		complete_print(stdout, argc - 2, argv + 2);
		return 0;
	}
	if (named) {
		ret = find_command(argv[1], &cmd, err);
		if (ret)
			return ret;
		argc--;
		argv++;
	}
	c->command = (enum conf_command)cmd->command;
	if (c->command == CMD_HELP)
		return parse_help(argc, argv, c, err);
	return parse_options(argc, argv, cmd, named ? cmd : NULL, c, err);
}

int conf_parse(int argc, char **argv, struct conf **ret_conf, struct err *err)
{
	struct conf *c = calloc(1, sizeof(*c));
	char **words = calloc((size_t)argc + 2, sizeof(*words));
	int ret = -ENOMEM;

	if (!c || !words) {
		opt_nomem(err);
		goto out;
	}
	memcpy(words, argv, (size_t)argc * sizeof(*words));
	ret = parse_line(argc, words, c, err);
	if (!ret) {
		*ret_conf = c;
		c = NULL;
	}
out:
	free(words);
	conf_free(c);
	return ret;
}
