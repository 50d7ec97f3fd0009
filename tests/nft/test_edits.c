// SPDX-License-Identifier: GPL-2.0-or-later
/* What a user adds to the sets of the table, or removes: read back, and put in again. */
#include "tests/nft/spec.h"

#include <errno.h>
#include <sched.h>
#include <unistd.h>

#include "nft/table_model.h"

#define need_root()                                                                                \
	do {                                                                                       \
		if (geteuid() || unshare(CLONE_NEWNET))                                            \
			skip();                                                                    \
	} while (0)

static struct set ranges(const char *const *pairs, size_t n)
{
	struct set s = { .type = SET_ADDR_RANGES };

	for (size_t i = 0; i < n; i++) {
		struct set_elem e = { .to_port = 0 };

		assert_int_equal(net_addr_parse(pairs[2 * i], &e.lo), 0);
		assert_int_equal(net_addr_parse(pairs[2 * i + 1], &e.hi), 0);
		assert_true(set_add(&s, &e));
	}
	return s;
}

#define RANGES(...)                                                                                \
	ranges((const char *const[]){ __VA_ARGS__ },                                               \
	       sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *) / 2)

/* a - b == want, all freed. */
static void check_difference(struct set a, struct set b, struct set want)
{
	assert_true(set_subtract(&a, &b, true));
	assert_true(set_eq(&a, &want));
	free(a.elem);
	free(b.elem);
	free(want.elem);
}

static void test_differences_of_ranges(void **state)
{
	(void)state;
	check_difference(RANGES("10.0.0.0", "10.0.0.9"), RANGES("10.0.0.3", "10.0.0.4"),
			 RANGES("10.0.0.0", "10.0.0.2", "10.0.0.5", "10.0.0.9"));
	check_difference(RANGES("10.0.0.0", "10.0.0.9"), RANGES("9.0.0.0", "10.0.0.0"),
			 RANGES("10.0.0.1", "10.0.0.9"));
	check_difference(RANGES("10.0.0.0", "10.0.0.9"), RANGES("10.0.0.9", "11.0.0.0"),
			 RANGES("10.0.0.0", "10.0.0.8"));
	check_difference(RANGES("10.0.0.0", "10.0.0.9", "10.0.0.20", "10.0.0.29"),
			 RANGES("10.0.0.0", "10.0.0.21"), RANGES("10.0.0.22", "10.0.0.29"));
	check_difference(RANGES("0.0.0.0", "255.255.255.255"),
			 RANGES("255.255.255.255", "255.255.255.255"),
			 RANGES("0.0.0.0", "255.255.255.254"));
	check_difference(RANGES("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
			 RANGES("::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
			 RANGES("::", "::"));
	check_difference(RANGES("10.0.0.0", "10.0.0.9"), RANGES("10.0.0.0", "10.0.0.9"),
			 (struct set){ .type = SET_ADDR_RANGES });
}

static void apply(const struct nft_spec *s)
{
	struct err e = { "" };

	if (nft_table_apply(s, &e))
		fail_msg("%s", e.text);
}

static void read_edits(struct nft_edits *edits, const struct nft_spec *s, size_t want)
{
	struct err e = { "" };

	if (nft_edits_read(edits, s, &e))
		fail_msg("%s", e.text);
	assert_int_equal(nft_edits_count(edits), want);
}

static char *list(void)
{
	return run("nft list ruleset | sed -E '%s'",
		   "s/packets [0-9]+ bytes [0-9]+//; s/handle [0-9]+//");
}

static void same_after_rewrite(const struct nft_spec *s)
{
	char *before = list(), *after;

	do_run("nft flush %s", "ruleset");
	apply(s);
	after = list();
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void test_nothing_was_edited(void **state)
{
	struct nft_edits *edits = nft_edits_new();
	struct test_spec t;

	(void)state;
	need_root();
	spec_full(&t, NFT_REST_GUARD);
	spec_ipv6(&t, NFT_REST_GUARD);
	t.s.edits = edits;
	apply(&t.s);
	read_edits(edits, &t.s, 0);
	same_after_rewrite(&t.s);
	nft_edits_free(edits);
	spec_free(&t);
}

static void test_edits_of_both_families(void **state)
{
	struct nft_edits *edits = nft_edits_new();
	struct test_spec t;

	(void)state;
	need_root();
	spec_full(&t, NFT_REST_GUARD);
	spec_ipv6(&t, NFT_REST_GUARD);
	t.s.edits = edits;
	apply(&t.s);
	do_run("nft add element inet einat_wan %s",
	       "s0_not_internal { 192.168.9.0/24, 192.168.11.7 }");
	do_run("nft add element inet einat_wan %s", "s0_not_internal6 { 2001:db8:1::/64 }");
	do_run("nft add element inet einat_wan %s",
	       "s0_exclude_dest6 { 2001:db8:2::1-2001:db8:2::9 }");
	do_run("nft delete element inet einat_wan %s", "s1_protos { tcp }");
	do_run("nft add element inet einat_wan %s", "local_ports { udp . 20007 }");
	/* another target: one more, one less */
	do_run("nft delete element inet einat_wan %s", "forwards { tcp . 443 }");
	do_run("nft add element inet einat_wan %s", "forwards { tcp . 443 : 192.168.1.9 . 443 }");
	read_edits(edits, &t.s, 8);
	same_after_rewrite(&t.s);
	/* reading again, now that they are written: the same */
	read_edits(edits, &t.s, 8);
	nft_edits_free(edits);
	spec_free(&t);
}

/* What a user must not do is not kept: to claim more than the data plane takes. */
static void test_more_claims_are_not_kept(void **state)
{
	struct nft_edits *edits = nft_edits_new();
	struct test_spec t;

	(void)state;
	need_root();
	spec_full(&t, NFT_REST_GUARD);
	t.s.edits = edits;
	apply(&t.s);
	do_run("nft add element inet einat_wan %s", "s1_internal { 10.0.0.0/8 }");
	do_run("nft delete element inet einat_wan %s", "s0_exclude_dest { 10.0.0.0/8 }");
	do_run("nft add element inet einat_wan %s", "s1_protos { icmp }");
	do_run("nft add element inet einat_wan %s", "external { 198.51.100.1 }");
	read_edits(edits, &t.s, 0);
	nft_edits_free(edits);
	spec_free(&t);
}

static void test_update_keeps_edits(void **state)
{
	struct nft_edits *edits = nft_edits_new();
	struct test_spec t, u;
	struct err e;
	char *text;

	(void)state;
	need_root();
	spec_full(&t, NFT_REST_GUARD);
	spec_full(&u, NFT_REST_GUARD);
	t.s.edits = u.s.edits = edits;
	apply(&t.s);
	do_run("nft add element inet einat_wan %s", "s0_not_internal { 192.168.9.0/24 }");
	read_edits(edits, &t.s, 1);
	spec_prefix(&u.slices[0].not_internal, "10.7.0.0/16");
	assert_int_equal(nft_table_update(&t.s, &u.s, &e), 0);
	text = run("nft list set inet einat_wan %s", "s0_not_internal");
	assert_non_null(strstr(text, "192.168.9.0/24"));
	assert_non_null(strstr(text, "10.7.0.0/16"));
	free(text);
	/* without a table nothing is learned, and nothing forgotten */
	do_run("nft flush %s", "ruleset");
	assert_int_equal(nft_edits_read(edits, &u.s, &e), -ENOENT);
	assert_int_equal(nft_edits_count(edits), 1);
	/* taken back by the user */
	apply(&u.s);
	do_run("nft delete element inet einat_wan %s", "s0_not_internal { 192.168.9.0/24 }");
	read_edits(edits, &u.s, 0);
	nft_edits_free(edits);
	spec_free(&t);
	spec_free(&u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_differences_of_ranges),
		cmocka_unit_test(test_nothing_was_edited),
		cmocka_unit_test(test_edits_of_both_families),
		cmocka_unit_test(test_more_claims_are_not_kept),
		cmocka_unit_test(test_update_keeps_edits),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
