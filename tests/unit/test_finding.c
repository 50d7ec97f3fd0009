// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <linux/netfilter.h>

#include "check/finding.h"
#include "check/owner.h"
#include "nft/text.h"

static char *print(void (*fn)(FILE *out))
{
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	fn(f);
	fclose(f);
	return text;
}

static void test_codes(void **state)
{
	(void)state;
	assert_true(n_codes > 20);
	for (size_t i = 0; i < n_codes; i++) {
		const struct code *c = &codes[i];

		assert_ptr_equal(code_find(c->name), c); /* so no name stands there twice */
		for (const char *p = c->name; *p; p++)
			assert_true(islower((unsigned char)*p) || isdigit((unsigned char)*p) ||
				    *p == '-');
		assert_true(strlen(c->title) > 10 && strlen(c->why) > 20 && strlen(c->story) > 40);
		assert_int_not_equal(c->title[strlen(c->title) - 1], '.');
		assert_int_equal(c->why[strlen(c->why) - 1], '.');
		assert_null(strstr(c->story, "\n\n\n"));
	}
	assert_null(code_find("no-such-code"));
}

/* docs/findings.md is printed from the table: make it anew with `einat check --explain all`. */
static void test_document(void **state)
{
	char *want = print(codes_markdown), *got;
	FILE *f = fopen("docs/findings.md", "r");
	size_t n;

	(void)state;
	assert_non_null(f);
	got = calloc(1, strlen(want) + 4096);
	n = fread(got, 1, strlen(want) + 4095, f);
	fclose(f);
	assert_true(n > 0);
	if (strcmp(got, want))
		fail_msg("docs/findings.md is not what the table of codes says");
	free(got);
	free(want);
}

static struct finding *add(struct findings *fs, const char *code, const char *where, bool will)
{
	struct finding *f = finding_add(fs, code);

	finding_set(fs, &f->where, "%s", where);
	f->will = will;
	return f;
}

static void test_order(void **state)
{
	struct findings fs = { 0 };

	(void)state;
	assert_int_equal(findings_worst(&fs), SEV_NOTE);
	findings_sort(&fs);
	add(&fs, "subnet-left-out", "a", true);
	add(&fs, "drop-inbound", "b", false);
	add(&fs, "drop-inbound", "b", true); /* the same thing, and certain */
	add(&fs, "drop-inbound", "a", true);
	assert_int_equal(findings_worst(&fs), SEV_WARNING);
	add(&fs, "snat-before-claim", "z", true);
	assert_int_equal(findings_worst(&fs), SEV_CONFLICT);
	findings_sort(&fs);
	assert_int_equal(fs.n, 4);
	assert_string_equal(fs.f[0].code->name, "snat-before-claim");
	assert_string_equal(fs.f[1].where, "a");
	assert_string_equal(fs.f[2].where, "b");
	assert_true(fs.f[2].will);
	assert_string_equal(fs.f[3].code->name, "subnet-left-out");
	findings_keep(&fs, 4);
	assert_int_equal(fs.omitted, 0);
	findings_keep(&fs, 3);
	assert_int_equal(fs.n, 3);
	assert_int_equal(fs.omitted, 1);
	assert_string_equal(fs.f[2].where, "b");
	findings_clear(&fs);
	assert_int_equal(fs.n, 0);
}

static void test_lighter(void **state)
{
	struct findings fs = { 0 };

	(void)state;
	add(&fs, "snat-before-claim", "z", true)->severity = SEV_NOTE;
	assert_int_equal(findings_worst(&fs), SEV_NOTE);
	findings_clear(&fs);
}

static const char *text(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static void test_json(void **state)
{
	struct findings fs = { .n_chains = 3 };
	struct finding *f = add(&fs, "drop-inbound", "inet fw forward, handle 7", false);
	const json_t *o, *rule;
	json_t *root;

	(void)state;
	finding_set(&fs, &f->chain, "forward");
	finding_set(&fs, &f->table, "fw");
	finding_set(&fs, &f->family, "inet");
	finding_set(&fs, &f->mend, "one\ntwo");
	f->handle = 7;
	root = findings_json(&fs, "wan");
	assert_string_equal(text(root, "interface"), "wan");
	assert_string_equal(text(root, "worst"), "warning");
	o = json_array_get(json_object_get(root, "findings"), 0);
	assert_string_equal(text(o, "code"), "drop-inbound");
	assert_string_equal(text(o, "certainty"), "may");
	assert_string_equal(text(o, "mend"), "one\ntwo");
	assert_null(json_object_get(o, "owner"));
	rule = json_object_get(o, "rule");
	assert_string_equal(text(rule, "chain"), "forward");
	assert_int_equal(json_integer_value(json_object_get(rule, "handle")), 7);
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(root, "examined"), "chains")),
		3);
	json_decref(root);
	findings_clear(&fs);
	root = findings_json(&fs, "wan");
	assert_string_equal(text(root, "worst"), "none");
	json_decref(root);
}

static char *printed(const struct findings *fs)
{
	json_t *root = findings_json(fs, "wan");
	char *out;
	size_t len;
	FILE *f = open_memstream(&out, &len);

	findings_print(root, f);
	fclose(f);
	json_decref(root);
	return out;
}

static void test_text(void **state)
{
	struct findings fs = { 0 };
	struct finding *f;
	char *out = printed(&fs);

	(void)state;
	assert_non_null(strstr(out, "wan: clean\n"));
	assert_null(strstr(out, "\033["));
	free(out);
	/* two rules of one chain are one block */
	for (int i = 0; i < 2; i++) {
		f = add(&fs, "dnat-slice-port", i ? "second place" : "first place", true);
		finding_set(&fs, &f->what, "port %d", 25000 + i);
		finding_set(&fs, &f->chain, "DOCKER");
		finding_set(&fs, &f->table, "nat");
		finding_set(&fs, &f->family, "ip");
	}
	f = add(&fs, "drop-inbound", "elsewhere", true);
	finding_set(&fs, &f->mend, "a command\n  its second line");
	findings_sort(&fs);
	out = printed(&fs);
	assert_non_null(strstr(out, "  also    port 25001\n"));
	assert_null(strstr(strstr(out, "dnat-slice-port") + 1, "dnat-slice-port"));
	assert_non_null(strstr(out, "  mend    a command\n            its second line\n"));
	assert_non_null(strstr(out, "wan: 0 conflicts, 3 warnings, 0 notes"));
	free(out);
	findings_clear(&fs);
}

/* Names in a capture that someone sent may be any bytes. */
static void test_hostile_names(void **state)
{
	struct findings fs = { 0 };
	struct finding *f = add(&fs, "drop-inbound", "inet \033]0;title\007 c", true);
	json_t *root;
	char *out;

	(void)state;
	finding_set(&fs, &f->what, "%s",
		    "broken \xff UTF-8,\nanother line, \xc2\x9b"
		    "1m");
	finding_set(&fs, &f->family, "inet");
	finding_set(&fs, &f->table, "\xfe\xff");
	finding_set(&fs, &f->chain, "c");
	finding_set(&fs, &f->mend, "first\nsecond \033[2J");
	root = findings_json(&fs, "w\xff");
	assert_non_null(root);
	assert_string_equal(text(root, "interface"), "w\\xff");
	assert_non_null(
		json_object_get(json_array_get(json_object_get(root, "findings"), 0), "rule"));
	json_decref(root);
	out = printed(&fs);
	for (const char *p = out; *p; p++)
		assert_true(*p == '\n' || (*p >= ' ' && *p <= '~'));
	assert_non_null(strstr(out, "broken \\xff UTF-8,\\x0aanother line, \\xc2\\x9b1m"));
	assert_non_null(strstr(out, "  mend    first\n          second \\x1b[2J\n"));
	free(out);
	findings_clear(&fs);
}

/* What mends is pasted into a shell: a name in it is one word. */
static void test_hostile_mend(void **state)
{
	struct fw_table t = { .name = "a; reboot", .family = NFPROTO_INET, .tool = TEXT_NFT + 1 };
	struct fw_chain c = { .name = "it's $(reboot)\n\033", .table = &t };
	struct fw_snapshot snap = { 0 };
	struct mend_ask ask = {
		.snap = &snap, .chain = &c, .ifname = "wan", .handle = 7, .mark = 16, .mask = 16
	};
	char *mend = mend_accept(&ask);

	(void)state;
	assert_non_null(strstr(mend, "insert rule inet 'a; reboot' 'it'\\''s $(reboot)?\?' "
				     "position 7 meta mark"));
	free(mend);
	t.name = "filter";
	c.name = "cali-from:wl_1";
	mend = mend_accept(&ask);
	assert_non_null(strstr(mend, "inet filter cali-from:wl_1 position"));
	free(mend);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_codes),	      cmocka_unit_test(test_document),
		cmocka_unit_test(test_order),	      cmocka_unit_test(test_lighter),
		cmocka_unit_test(test_json),	      cmocka_unit_test(test_text),
		cmocka_unit_test(test_hostile_names), cmocka_unit_test(test_hostile_mend),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
