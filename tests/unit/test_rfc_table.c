// SPDX-License-Identifier: GPL-2.0-or-later
/* docs/rfc.md: no requirement is left out, and each test that it names is in the tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CELLS 4

struct table {
	char *text;
	char *cell[256][CELLS]; /* requirement, asks for, einat, test */
	size_t rows;
};

static char *file_read(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;
	ssize_t n;

	if (!f)
		return NULL;
	n = getdelim(&text, &size, '\0', f);
	fclose(f);
	if (n < 0) {
		free(text);
		return NULL;
	}
	return text;
}

static char *trim(char *s)
{
	size_t n;

	s += strspn(s, " ");
	n = strlen(s);
	while (n && s[n - 1] == ' ')
		s[--n] = '\0';
	return s;
}

/* Cuts a line of a table into its cells; false if it has another number of them. */
static bool cut(char *line, char **cell)
{
	int n = 0;

	for (char *s = strtok(line + 1, "|"); s; s = strtok(NULL, "|")) {
		if (n == CELLS)
			return false;
		cell[n++] = trim(s);
	}
	return n == CELLS;
}

static int setup(void **state)
{
	struct table *t = calloc(1, sizeof(*t));
	char *next;

	t->text = file_read("docs/rfc.md");
	assert_non_null(t->text);
	for (char *line = t->text; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (line[0] != '|' || line[2] < '0' || line[2] > '9')
			continue;
		assert_true(t->rows < 256);
		if (!cut(line, t->cell[t->rows++]))
			fail_msg("row %zu has not %d cells", t->rows, CELLS);
	}
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct table *t = *state;

	free(t->text);
	free(t);
	return 0;
}

static bool has_row(const struct table *t, const char *name)
{
	for (size_t i = 0; i < t->rows; i++)
		if (!strcmp(t->cell[i][0], name))
			return true;
	return false;
}

/* Numbers of the last requirements, and parts of which the RFCs make more than one sentence. */
static void complete(void **state)
{
	static const struct {
		const char *format;
		int first, last;
	} series[] = {
		{ "4787 REQ-%d", 1, 14 },	 { "5382 REQ-%d", 1, 10 },
		{ "5508 REQ-%d", 1, 11 },	 { "6888 REQ-%d", 1, 15 },
		{ "7857 section %d", 2, 12 },	 { "7857 section 2.%d", 1, 2 },
		{ "7857 section 7.%d", 1, 1 },	 { "6296 section 3.%d", 1, 7 },
		{ "6296 section 4.%d", 1, 3 },	 { "6146 section 3.5.%d", 1, 1 },
		{ "6146 section 3.5.%d", 3, 3 },
	};
	static const char *const parts[] = {
		"4787 REQ-3a",
		"4787 REQ-5a",
		"4787 REQ-5b",
		"4787 REQ-5c",
		"4787 REQ-6a",
		"4787 REQ-8a",
		"4787 REQ-9a",
		"4787 REQ-10a",
		"4787 REQ-12a",
		"4787 REQ-12b",
		"4787 REQ-13a",
		"4787 REQ-14a",
		"5382 REQ-2a",
		"5382 REQ-3a",
		"5382 REQ-3b",
		"5382 REQ-4a",
		"5382 REQ-5a",
		"5382 REQ-8a",
		"5508 REQ-1a",
		"5508 REQ-2a",
		"5508 REQ-3a",
		"5508 REQ-3b",
		"5508 REQ-3c",
		"5508 REQ-3d",
		"5508 REQ-4a",
		"5508 REQ-4b",
		"5508 REQ-4c",
		"5508 REQ-5a",
		"5508 REQ-5b",
		"5508 REQ-5c",
		"5508 REQ-7a",
		"5508 REQ-10a",
		"5508 REQ-10b",
		"5508 REQ-10c",
		"5508 REQ-10d",
		"5508 REQ-10e",
		"5508 REQ-10f",
		"6888 REQ-4A",
		"6888 REQ-4B",
		"6888 REQ-4C",
		"6888 REQ-8A",
		"6888 REQ-8B",
		"6888 REQ-8C",
		"6888 REQ-11A",
		"6888 REQ-11B",
		"6888 REQ-11C",
		"6888 REQ-11D",
		"6146 CLOSED, V6 SYN",
		"6146 CLOSED, V4 SYN",
		"6146 CLOSED, other",
		"6146 V4 INIT",
		"6146 V4 INIT, time-out",
		"6146 V6 INIT",
		"6146 ESTABLISHED",
		"6146 ESTABLISHED, time-out",
		"6146 V4 FIN RCV",
		"6146 V6 FIN RCV",
		"6146 V4 FIN + V6 FIN RCV",
		"6146 TRANS",
		"6146 section 3.5.1.1",
		"6146 section 3.5.2.3",
	};
	char name[64];

	for (size_t i = 0; i < sizeof(series) / sizeof(series[0]); i++)
		for (int n = series[i].first; n <= series[i].last; n++) {
			snprintf(name, sizeof(name), series[i].format, n);
			if (!has_row(*state, name))
				fail_msg("no row for %s", name);
		}
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (!has_row(*state, parts[i]))
			fail_msg("no row for %s", parts[i]);
}

/* Is there a case of that name: "NAME" or "NAME (more)", or a cmocka test (NAME)? */
static bool has_case(const char *text, const char *name)
{
	size_t n = strlen(name);

	for (const char *at = text; (at = strstr(at, name)); at++) {
		char before = at == text ? '\0' : at[-1];

		if (before == '"' && (at[n] == '"' || !strncmp(at + n, " (", 2)))
			return true;
		if (before == '(' && at[n] == ')')
			return true;
	}
	return false;
}

/* `FILE: CASE`; cuts at the back quotes. */
static void check_test(char *quoted, const char *row)
{
	char *name = strstr(quoted, ": "), path[256], *text;

	if (!name)
		fail_msg("%s: \"%s\" is not FILE: CASE", row, quoted);
	*name = '\0';
	name += 2;
	snprintf(path, sizeof(path), "tests/%s", quoted);
	text = file_read(path);
	if (!text)
		fail_msg("%s: no file %s", row, path);
	if (!has_case(text, name))
		fail_msg("%s: %s has no case \"%s\"", row, path, name);
	free(text);
}

static void tests_exist(void **state)
{
	struct table *t = *state;

	for (size_t i = 0; i < t->rows; i++) {
		char *cell = t->cell[i][CELLS - 1], *end;
		int n = 0;

		if (!strncmp(cell, "none: ", 6))
			continue;
		for (char *at = cell; (at = strchr(at, '`')); at = end + 1) {
			end = strchr(++at, '`');
			assert_non_null(end);
			*end = '\0';
			check_test(at, t->cell[i][0]);
			n++;
		}
		if (!n)
			fail_msg("%s names no test", t->cell[i][0]);
	}
}

static void says_how(void **state)
{
	static const char *const words[] = { "**yes**", "**part**: ", "**no**: ", "**n/a**: " };
	struct table *t = *state;

	for (size_t i = 0; i < t->rows; i++) {
		bool found = false;

		for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++)
			found |= !strncmp(t->cell[i][2], words[w], strlen(words[w]));
		if (!found)
			fail_msg("%s: neither yes, part, no nor n/a", t->cell[i][0]);
		/* a claim needs a test */
		if (!strncmp(t->cell[i][3], "none", 4) && !strstr(t->cell[i][2], "n/a") &&
		    !strstr(t->cell[i][3], "nothing that could be tested"))
			fail_msg("%s: no test", t->cell[i][0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(complete, setup, teardown),
		cmocka_unit_test_setup_teardown(tests_exist, setup, teardown),
		cmocka_unit_test_setup_teardown(says_how, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("rfc table", tests, NULL, NULL);
}
