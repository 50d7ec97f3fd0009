/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one table of commands and options: parsing, help, completion and the file's names use it. */
#ifndef EINAT_OPTIONS_H
#define EINAT_OPTIONS_H

#include "src/config.h"

struct opt;

/* What an option's value is written to. Pointers that a scope does not need may be NULL. */
struct opt_ctx {
	struct conf *conf;
	struct conf_if *cif;
	struct conf_slice *slice;
	uint64_t seen; /* bit n: options[n] was given */
	bool help, version;
};

/* A setter stores @arg (NULL for flags). Its message does not repeat the option's name. */
typedef int (*opt_set_fn)(struct opt_ctx *x, const struct opt *o, const char *arg, struct err *err);

enum opt_scope { /* where the configuration file may hold the option */
		 OPT_CLI, /* nowhere: command line only */
		 OPT_GLOBAL,
		 OPT_IFACE,
		 OPT_SLICE,
};

enum opt_section { OPT_SEC_SLICE, OPT_SEC_RUN, OPT_SEC_GENERAL, OPT_SEC_COUNT };

#define OPT_LIST  (1u << 0) /* may be repeated; in a file: a string or a list of strings */
#define OPT_LATER (1u << 1) /* known, but not available in this version */

struct opt {
	const char *name;
	char short_name;
	const char *arg; /* word for the argument, "a|b" for a choice; NULL: a flag */
	const char *help; /* NULL: not shown */
	const char *def; /* default: text for people, and what the setter gets; NULL: none */
	unsigned commands; /* mask of 1 << enum conf_command */
	enum opt_scope scope;
	enum opt_section section;
	unsigned flags;
	const char *alias_of;
	opt_set_fn set;
};

struct command {
	const char *name;
	int command; /* enum conf_command; -1: not available in this version */
	const char *args; /* after the name, in the usage */
	const char *help;
};

extern const struct opt options[];
extern const size_t n_options;
extern const struct command commands[];
extern const size_t n_commands;

/** opt_find() - by its exact name of @len characters, aliases resolved; NULL if there is none. */
const struct opt *opt_find(const char *name, size_t len);
const struct opt *opt_find_short(char c);
uint64_t opt_bit(const struct opt *o);
const struct command *command_find(const char *name);
const struct command *command_of(enum conf_command cmd);

/**
 * opt_apply() - hand @arg to the setter of @o; a second value of an option that takes one, and an
 * option of a later version, are errors. The message starts without naming where.
 */
int opt_apply(struct opt_ctx *x, const struct opt *o, const char *arg, struct err *err);
/** opt_defaults() - give the default to every option of @scope that was not given. */
int opt_defaults(struct opt_ctx *x, enum opt_scope scope, struct err *err);

/** edit_distance() - Damerau-Levenshtein (adjacent swaps count one); 99 for overlong words. */
unsigned edit_distance(const char *a, const char *b);
/** edit_is_near() - is @distance small enough for a suggestion in place of @word? */
bool edit_is_near(const char *word, unsigned distance);

/** help_print() - the help of everything, or of @cmd alone (NULL: everything). */
void help_print(FILE *out, const struct command *cmd);
/**
 * complete_print() - candidates for the last of @words (what follows "einat" up to the cursor), one
 * a line; @interface, @file and @directory stand for what the shell can list itself.
 */
void complete_print(FILE *out, int n_words, char **words);

#endif
