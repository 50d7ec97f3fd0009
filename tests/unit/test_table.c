// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "src/log.h"
#include "src/text_table.h"

static char *print(const struct text_table *t)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	text_table_print(t, f);
	fclose(f);
	return text;
}

static void expect(struct text_table *t, const char *wanted)
{
	char *text = print(t);

	assert_string_equal(text, wanted);
	free(text);
	text_table_free(t);
}

static void test_aligned(void **state)
{
	struct text_table *t = text_table_new("NAME|>PORT|WHERE");

	(void)state;
	text_table_cell(t, "%s", "udp");
	text_table_cell(t, "%u", 20000u);
	text_table_cell(t, "here");
	text_table_cell(t, "icmp-long");
	text_table_cell(t, "%d", 7);
	text_table_cell(t, "there, far away");
	expect(t, "NAME        PORT  WHERE\n"
		  "udp        20000  here\n"
		  "icmp-long      7  there, far away\n");
}

static void test_empty_cells(void **state)
{
	struct text_table *t = text_table_new(">A|B");

	(void)state;
	text_table_cell(t, "%s", "");
	text_table_cell(t, "x");
	text_table_cell(t, "12"); /* the row is cut short */
	expect(t, " A  B\n -  x\n12  -\n");
}

static void test_no_rows(void **state)
{
	(void)state;
	expect(text_table_new("ONE|TWO"), "ONE  TWO\n");
	expect(text_table_new("ONE"), "ONE\n");
}

static void test_utf8(void **state)
{
	struct text_table *t = text_table_new("A|B");

	(void)state;
	text_table_cell(t, "\xc3\xa4\xc3\xb6"); /* two letters of two bytes */
	text_table_cell(t, "1");
	text_table_cell(t, "xyz");
	text_table_cell(t, "2");
	expect(t, "A    B\n\xc3\xa4\xc3\xb6   1\nxyz  2\n");
}

static void test_no_trailing_blanks(void **state)
{
	struct text_table *t = text_table_new("LONG HEAD|LONG HEAD TOO");
	char *text;

	(void)state;
	for (int i = 0; i < 40; i++)
		text_table_cell(t, "%.*s", i % 3, "xx");
	text = print(t);
	assert_null(strstr(text, " \n"));
	free(text);
	text_table_free(t);
}

static void test_null(void **state)
{
	(void)state;
	text_table_cell(NULL, "x");
	text_table_print(NULL, stdout);
	text_table_free(NULL);
}

/* What a terminal would get. */
static void print_to_terminal(char *buf, size_t size)
{
	struct text_table *t = text_table_new("HEAD");
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
	FILE *f;
	ssize_t n;

	if (master < 0 || grantpt(master) || unlockpt(master))
		skip();
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	f = fdopen(slave, "w");
	assert_non_null(f);
	text_table_cell(t, "cell");
	text_table_print(t, f);
	fflush(f);
	n = read(master, buf, size - 1);
	assert_true(n > 0);
	buf[n] = '\0';
	fclose(f);
	close(master);
	text_table_free(t);
}

static void test_bold(void **state)
{
	char buf[256];

	(void)state;
	unsetenv("NO_COLOR");
	print_to_terminal(buf, sizeof(buf));
	assert_non_null(strstr(buf, "\033[1mHEAD\033[0m"));
	setenv("NO_COLOR", "1", 1);
	print_to_terminal(buf, sizeof(buf));
	assert_null(strchr(buf, '\033'));
	unsetenv("NO_COLOR");
}

static void test_log(void **state)
{
	char path[] = "/tmp/einat-log-XXXXXX", buf[512] = "";
	int fd = mkstemp(path), saved = dup(STDERR_FILENO);

	(void)state;
	assert_true(fd >= 0);
	unlink(path);
	dup2(fd, STDERR_FILENO);
	log_set_level(LOG_INFO_);
	log_error("bad %d", 1);
	log_warn("hm");
	log_info("two\nlines\n");
	log_debug("hidden");
	log_set_level(LOG_DEBUG_);
	log_debug("shown");
	log_set_level(LOG_ERROR_);
	log_warn("hidden");
	log_set_level(LOG_INFO_);
	dup2(saved, STDERR_FILENO);
	close(saved);
	assert_true(pread(fd, buf, sizeof(buf) - 1, 0) > 0);
	close(fd);
	assert_string_equal(buf, "einat: error: bad 1\neinat: warn: hm\neinat: two lines\n"
				 "einat: debug: shown\n");
	assert_int_equal(log_level_parse("debug"), LOG_DEBUG_);
	assert_true(log_level_parse("loud") < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_aligned),
		cmocka_unit_test(test_empty_cells),
		cmocka_unit_test(test_no_rows),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_no_trailing_blanks),
		cmocka_unit_test(test_null),
		cmocka_unit_test(test_bold),
		cmocka_unit_test(test_log),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
