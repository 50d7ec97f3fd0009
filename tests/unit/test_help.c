// SPDX-License-Identifier: GPL-2.0-or-later
/* Help, completion, manual page and docs/config.md agree with the option table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "src/options.h"

static char *help_text(const struct command *cmd)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	help_print(f, cmd);
	fclose(f);
	return text;
}

static char *file_text(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = calloc(1, 65536);

	if (!f)
		fail_msg("cannot open %s", path);
	assert_true(fread(text, 1, 65535, f) > 0);
	fclose(f);
	return text;
}

/* Is @word in @text, with no letter, digit or dash around it? */
static bool has_word(const char *text, const char *word)
{
	static const char around[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	size_t n = strlen(word);

	for (const char *p = text; (p = strstr(p, word)); p++)
		if ((p == text || !strchr(around, p[-1])) && !(p[n] && strchr(around, p[n])))
			return true;
	return false;
}

static void test_help_lists_all(void **state)
{
	char *text = help_text(NULL), word[64];

	(void)state;
	for (size_t i = 0; i < n_options; i++) {
		bool later = options[i].flags & OPT_LATER;

		snprintf(word, sizeof(word), "--%s", options[i].name);
		if (has_word(text, word) == later)
			fail_msg("%s is %s --help", word, later ? "in" : "not in");
	}
	for (size_t i = 0; i < n_commands; i++) {
		snprintf(word, sizeof(word), "\n  %s ", commands[i].name);
		assert_int_equal(!!strstr(text, word), commands[i].command >= 0);
	}
	for (const char *p = text; *p; p += strcspn(p, "\n") + 1)
		if (strcspn(p, "\n") > 79 || p[strcspn(p, "\n") - 1] == ' ')
			fail_msg("line too long, or blank at its end: %.90s", p);
	free(text);
}

static void test_help_of_commands(void **state)
{
	char word[64];

	(void)state;
	for (size_t c = 0; c < n_commands; c++) {
		char *text;

		if (commands[c].command < 0)
			continue;
		text = help_text(&commands[c]);
		for (size_t i = 0; i < n_options; i++) {
			const struct opt *o = &options[i];

			if (!o->help)
				continue;
			snprintf(word, sizeof(word), " --%s", o->name);
			if (!!(o->commands & 1u << commands[c].command) != has_word(text, word))
				fail_msg("help of %s:%s", commands[c].name, word);
		}
		free(text);
	}
}

/* troff writes a dash as \- */
static void test_manual_page(void **state)
{
	char *text = file_text("docs/einat.8"), word[64], *from, *to;

	(void)state;
	for (from = to = text; *from; from++)
		if (from[0] != '\\' || from[1] != '-')
			*to++ = *from;
	*to = '\0';
	for (size_t i = 0; i < n_options; i++) {
		snprintf(word, sizeof(word), "--%s", options[i].name);
		if (has_word(text, word) == !!(options[i].flags & OPT_LATER))
			fail_msg("%s and docs/einat.8", word);
		if (options[i].def && !strstr(text, options[i].def))
			fail_msg("default %s of %s is not in docs/einat.8", options[i].def, word);
	}
	for (size_t i = 0; i < n_commands; i++)
		if (commands[i].command >= 0 && !has_word(text, commands[i].name))
			fail_msg("command %s is not in docs/einat.8", commands[i].name);
	free(text);
}

static void test_config_doc(void **state)
{
	char *text = file_text("docs/config.md"), row[128];
	static const char *const places[] = { NULL, "top", "interface", "slice" };

	(void)state;
	for (size_t i = 0; i < n_options; i++) {
		const struct opt *o = &options[i];

		if (o->scope == OPT_CLI || (o->flags & OPT_LATER) || o->alias_of)
			continue;
		snprintf(row, sizeof(row), "| %s | `%s`", places[o->scope], o->name);
		if (!strstr(text, row))
			fail_msg("docs/config.md lacks: %s", row);
		snprintf(row, sizeof(row), "| `%s` |\n", o->def ? o->def : "");
		if (o->def && !strstr(text, row))
			fail_msg("docs/config.md lacks the default %s of %s", o->def, o->name);
	}
	free(text);
}

static void test_table_is_sound(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_options; i++) {
		const struct opt *o = &options[i];

		assert_ptr_equal(opt_find(o->name, strlen(o->name)),
				 o->alias_of ? opt_find(o->alias_of, strlen(o->alias_of)) : o);
		assert_true(o->set || o->alias_of || (o->flags & OPT_LATER));
		assert_true(!o->short_name || opt_find_short(o->short_name) == o);
		assert_true(!o->def || o->arg);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(o->name, options[j].name);
	}
	assert_null(opt_find("port", 4));
	assert_null(opt_find_short('\0'));
}

static void complete(const char *line, const char *wanted, bool whole)
{
	char *copy = strdup(line), *save = NULL, *words[10], *text = NULL;
	int n = 0;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		words[n++] = strcmp(w, "''") ? w : w + 2;
	complete_print(f, n, words);
	fclose(f);
	if (whole ? strcmp(text, wanted) != 0 : !strstr(text, wanted))
		fail_msg("'%s' completes to:\n%s", line, text);
	free(text);
	free(copy);
}

static void test_completion(void **state)
{
	(void)state;
	complete("sta", "status\nstats\n", true);
	complete("''", "run\ncheck\nplan\nstatus\n", false);
	complete("", "run\n", false);
	complete("ch", "check\n", true);
	complete("met", "", true); /* not available yet */
	complete("help b", "bindings\n", true);
	complete("--exclude", "--exclude-dest\n--exclude-ports\n", true);
	complete("run --exclude-d", "--exclude-dest\n", true);
	complete("stop --p", "--pin\n--purge\n", true);
	complete("status --p", "--pin\n", true);
	complete("run --rest ''", "auto\nown\nguard\nnone\n", true);
	complete("run --rest = g", "guard\n", true); /* as bash cuts --rest=g */
	complete("run --rest =", "auto\nown\nguard\nnone\n", true);
	complete("--proto t", "tcp\n", true);
	complete("-i ''", "@interface\n", true);
	complete("--hairpin-if ''", "@interface\n", true);
	complete("--config x", "@file\n", true);
	complete("--pin x", "@directory\n", true);
	complete("--ports 2", "", true);
	complete("-i wan --int", "--internal\n", true); /* --interface was given */
	complete("--ports 1 --por", "--ports\n", true); /* may be repeated */
	complete("nonsense --", "", true);
}

static void test_edit_distance(void **state)
{
	(void)state;
	assert_int_equal(edit_distance("ports", "ports"), 0);
	assert_int_equal(edit_distance("prots", "ports"), 1);
	assert_int_equal(edit_distance("port", "ports"), 1);
	assert_int_equal(edit_distance("", "abc"), 3);
	assert_int_equal(edit_distance("kitten", "sitting"), 3);
	assert_int_equal(edit_distance("x123456789012345678901234567890123456789012345", "x"), 99);
	assert_true(edit_is_near("ports", 2));
	assert_false(edit_is_near("x", 2));
}

/* What conf_parse() prints to standard output for @words. */
static char *printed_by(int argc, char **argv)
{
	char path[] = "/tmp/einat-help-XXXXXX", *text = calloc(1, 65536);
	int fd = mkstemp(path), saved = dup(STDOUT_FILENO), ret;
	struct conf *c = NULL;
	struct err err = { "" };

	assert_true(fd >= 0);
	unlink(path);
	fflush(stdout);
	dup2(fd, STDOUT_FILENO);
	ret = conf_parse(argc, argv, &c, &err);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	assert_int_equal(ret, 0);
	assert_int_equal(c->command, CMD_HELP);
	conf_free(c);
	assert_true(pread(fd, text, 65535, 0) > 0);
	close(fd);
	return text;
}

static void test_printed(void **state)
{
	static const struct {
		const char *words[4], *start;
	} cases[] = {
		{ { "einat", "--help" }, "Usage: einat [COMMAND]" },
		{ { "einat", "-h" }, "Usage: einat [COMMAND]" },
		{ { "einat", "--help", "me" }, "Usage: einat [COMMAND]" },
		{ { "einat", "help" }, "Usage: einat [COMMAND]" },
		{ { "einat", "help", "stop" }, "Usage: einat stop" },
		{ { "einat", "stop", "--help" }, "Usage: einat stop" },
		{ { "einat", "-iwan", "-h" }, "Usage: einat [COMMAND]" },
		{ { "einat", "--version" }, "einat " EINAT_VERSION "\n" },
		{ { "einat", "--complete", "sto" }, "stop\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int argc = 0;
		char *text;

		while (argc < 4 && cases[i].words[argc])
			argc++;
		text = printed_by(argc, (char **)cases[i].words);
		assert_memory_equal(text, cases[i].start, strlen(cases[i].start));
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_help_lists_all), cmocka_unit_test(test_help_of_commands),
		cmocka_unit_test(test_manual_page),    cmocka_unit_test(test_config_doc),
		cmocka_unit_test(test_table_is_sound), cmocka_unit_test(test_completion),
		cmocka_unit_test(test_edit_distance),  cmocka_unit_test(test_printed),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
