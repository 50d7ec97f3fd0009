// SPDX-License-Identifier: GPL-2.0-or-later
/* Captures: records, their file, and files that are refused in words. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base64.h"
#include "lib/capture_nl.h"

static struct capture *sample(void)
{
	struct capture *c = capture_new("1.2.3");
	struct capture_record *r;
	uint8_t bytes[1000];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	r = capture_add(c, "nft", "rules");
	assert_int_equal(capture_put(r, bytes, sizeof(bytes)), 0);
	r = capture_add(c, "sysctl", "");
	assert_int_equal(capture_printf(r, "a=1\nb=\"%s\"\n", "\xc3\xa4"), 0);
	r = capture_add(c, "owner", "");
	assert_int_equal(capture_put(r, "1 2 \xff\xfe\n", 7), 0);
	capture_add(c, "empty", "x");
	return c;
}

static const char *const kinds[] = { "nft", "sysctl", "owner", "empty" };

static void assert_same(const struct capture *a, const struct capture *b)
{
	for (size_t i = 0; i < 4; i++) {
		const struct capture_record *x = capture_next(a, kinds[i], NULL);
		const struct capture_record *y = capture_next(b, kinds[i], NULL);

		assert_non_null(x);
		assert_non_null(y);
		assert_string_equal(x->name, y->name);
		assert_int_equal(x->len, y->len);
		if (x->len)
			assert_memory_equal(x->data, y->data, x->len);
		assert_null(capture_next(b, kinds[i], y));
	}
}

static void test_base64(void **state)
{
	/* RFC 4648 section 10 */
	static const char *const vectors[][2] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
	};
	static const char *const bad[] = { "Z",	   "Zg=",  "Zg",   "Zh==",  "Zm9=",
					   "Z===", "====", "Z=9v", "Zm9\n", "Zg==Zg==" };
	uint8_t *data;
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
		const char *plain = vectors[i][0], *coded = vectors[i][1];
		char *text = base64_encode((const uint8_t *)plain, strlen(plain));

		assert_string_equal(text, coded);
		assert_int_equal(base64_decode(coded, strlen(coded), &data, &len), 0);
		assert_int_equal(len, strlen(plain));
		assert_memory_equal(data, plain, len);
		free(data);
		free(text);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(base64_decode(bad[i], strlen(bad[i]), &data, &len), -EBADMSG);
}

static void test_records(void **state)
{
	struct capture *c = sample();
	struct capture_record *r = capture_add(c, "nft", "sets");
	const struct capture_record *found;
	char line[6];
	size_t at = 0;

	(void)state;
	assert_ptr_equal(capture_find(c, "nft", "sets"), r);
	assert_null(capture_find(c, "nft", "chains"));
	found = capture_find(c, "nft", "rules");
	assert_ptr_equal(capture_next(c, "nft", found), r);
	assert_int_equal(capture_put(r, "long line\nb\0d\n\nend", 18), 0);
	assert_true(capture_line(r, &at, line, sizeof(line)));
	assert_string_equal(line, "long ");
	assert_true(capture_line(r, &at, line, sizeof(line)));
	assert_string_equal(line, "b?d");
	assert_true(capture_line(r, &at, line, sizeof(line)));
	assert_string_equal(line, "");
	assert_true(capture_line(r, &at, line, sizeof(line)));
	assert_string_equal(line, "end");
	assert_false(capture_line(r, &at, line, sizeof(line)));
	capture_del(c, r);
	assert_null(capture_find(c, "nft", "sets"));
	capture_drop(c, "nft");
	assert_null(capture_next(c, "nft", NULL));
	assert_non_null(capture_next(c, "sysctl", NULL));
	capture_free(c);
	capture_free(NULL);
}

/* Messages that end within the record, and no others. */
static void test_messages(void **state)
{
	struct nlmsghdr good = { .nlmsg_len = sizeof(good) + 4, .nlmsg_type = 17 };
	struct capture *c = capture_new("");
	struct capture_record *r = capture_add(c, "x", "");
	size_t at = 0;

	(void)state;
	assert_null(capture_msg(r, 0, &at));
	assert_int_equal(capture_put(r, &good, sizeof(good)), 0);
	assert_null(capture_msg(r, 0, &at)); /* four bytes are missing */
	assert_int_equal(at, 0);
	assert_int_equal(capture_put(r, "abcd", 4), 0);
	assert_null(capture_msg(r, 8, &at)); /* not room for that header */
	assert_int_equal(capture_msg(r, 4, &at)->nlmsg_type, 17);
	assert_int_equal(at, r->len);
	good.nlmsg_len = 8; /* less than a header */
	assert_int_equal(capture_put(r, &good, sizeof(good)), 0);
	assert_null(capture_msg(r, 0, &at));
	assert_true(at < r->len);
	capture_free(c);

	/* libmnl would read up to the next multiple of 4 */
	c = capture_new("");
	r = capture_add(c, "x", "");
	at = 0;
	good.nlmsg_len = sizeof(good) + 1;
	assert_int_equal(capture_put(r, &good, sizeof(good)), 0);
	assert_int_equal(capture_put(r, "a", 1), 0);
	assert_null(capture_msg(r, 0, &at));
	assert_int_equal(capture_put(r, "\0\0", 3), 0);
	assert_non_null(capture_msg(r, 0, &at));
	assert_int_equal(at, r->len);
	capture_free(c);
}

static void test_file(void **state)
{
	char path[] = "/tmp/einat-test-XXXXXX";
	struct capture *c = sample(), *again;
	struct err err = { 0 };
	struct stat st;

	(void)state;
	close(mkstemp(path));
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(capture_save(c, path, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(capture_load(path, &again, &err), 0);
	assert_same(c, again);
	assert_string_equal(capture_source(again)->einat, "1.2.3");
	assert_string_equal(capture_source(again)->kernel, capture_source(c)->kernel);
	assert_int_equal(capture_source(again)->time, capture_source(c)->time);
	unlink(path);
	capture_free(again);
	assert_int_equal(capture_load(path, &again, &err), -ENOENT);
	assert_non_null(strstr(err.text, path));
	assert_int_equal(capture_save(c, "/nowhere/file", &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nowhere/file"));
	/* a full device: said, and nothing is taken for saved */
	assert_int_equal(capture_save(c, "/dev/full", &err), -ENOSPC);
	capture_free(c);
}

static char *saved(size_t *ret_len)
{
	struct capture *c = sample();
	char path[] = "/tmp/einat-test-XXXXXX", *text = calloc(1, 65536);
	struct err err;
	FILE *f;

	close(mkstemp(path));
	assert_int_equal(capture_save(c, path, &err), 0);
	f = fopen(path, "r");
	*ret_len = fread(text, 1, 65535, f);
	fclose(f);
	unlink(path);
	capture_free(c);
	return text;
}

/* The saved text with @from replaced by @to is refused with @ret and these @words. */
static void refused(const char *from, const char *to, int ret, const char *words)
{
	struct capture *c = NULL;
	struct err err = { 0 };
	char text[65536], *at, *good;
	size_t len;

	good = saved(&len);
	at = strstr(good, from);
	assert_non_null(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
	assert_int_equal(capture_load_text(text, strlen(text), "F", &c, &err), ret);
	if (!strstr(err.text, words))
		fail_msg("\"%s\" is not in: %s", words, err.text);
	assert_null(c);
	free(good);
}

static void test_refused(void **state)
{
	bool big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
	char word[32];

	(void)state;
	snprintf(word, sizeof(word), "\"word\": %zu", 8 * sizeof(long));
	refused("einat-capture", "other", -EBADMSG, "F is no capture of einat");
	refused("\"version\": 1", "\"version\": 2", -EPROTO, "a newer einat (1.2.3)");
	refused("\"version\": 1", "\"version\": 0", -EBADMSG, "head is incomplete");
	refused("\"version\": 1", "\"version\": \"1\"", -EBADMSG, "head is incomplete");
	refused(big ? "\"big\"" : "\"little\"", big ? "\"little\"" : "\"big\"", -EPROTO,
		"byte order");
	refused(big ? "\"big\"" : "\"little\"", "\"middle\"", -EBADMSG, "head is incomplete");
	refused(word, "\"word\": 16", -EPROTO, "16 bits");
	refused("\"records\"", "\"recrds\"", -EBADMSG, "no list of records");
	refused("\"kind\"", "\"kid\"", -EBADMSG, "record 1 of F is damaged");
	refused("\"data\"", "\"date\"", -EBADMSG, "record 1 of F is damaged");
	refused("\"data\": \"", "\"data\": \"*", -EBADMSG, "record 1 of F is damaged");
	refused("\"text\"", "\"data\": \"\", \"text\"", -EBADMSG, "record 2 of F is damaged");
}

/* However short it is cut, and whatever byte is changed: an answer, no crash. */
static void test_damaged(void **state)
{
	struct capture *c;
	struct err err;
	size_t len;
	char *good = saved(&len), *text = malloc(len);

	(void)state;
	for (size_t i = 0; i + 2 < len; i++) {
		char *exact = malloc(i + 1);

		memcpy(exact, good, i);
		assert_int_equal(capture_load_text(exact, i, "F", &c, &err), -EBADMSG);
		assert_non_null(strstr(err.text, "F is no capture of einat"));
		free(exact);
	}
	srandom(4);
	for (unsigned i = 0; i < 5000; i++) {
		int ret;

		memcpy(text, good, len);
		for (unsigned j = 0; j < 1 + i % 3; j++)
			text[(size_t)random() % len] = (char)random();
		ret = capture_load_text(text, len, "F", &c, &err);
		assert_true(!ret || ret == -EBADMSG || ret == -EPROTO);
		if (!ret)
			capture_free(c);
	}
	free(text);
	free(good);
}

/* A few megabytes of brackets would take gigabytes as values. */
static void test_brackets(void **state)
{
	size_t len = 4 << 20;
	char *text = malloc(len);
	struct capture *c;
	struct err err;

	(void)state;
	for (size_t i = 0; i < len; i++)
		text[i] = "[],"[i % 3];
	text[0] = '[';
	assert_int_equal(capture_load_text(text, len, "F", &c, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "too many parts"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base64),	 cmocka_unit_test(test_records),
		cmocka_unit_test(test_messages), cmocka_unit_test(test_file),
		cmocka_unit_test(test_refused),	 cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_brackets),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
