// SPDX-License-Identifier: GPL-2.0-or-later
/* The rule of --open in chains of others: its place, its limits, its removal. */
#include <errno.h>
#include <linux/netfilter.h>
#include <unistd.h>

#include "netlab.h"
#include "nft/open.h"

#define MARK 0x10000000u

static int setup(void **state)
{
	(void)state;
	lab_open();
	sh("nft 'add table inet fw; add chain inet fw forward { type filter hook forward priority "
	   "0; "
	   "policy drop; }; add rule inet fw forward ct state established accept; add rule inet fw "
	   "forward ip daddr 192.0.2.1 drop; add rule inet fw forward iifname lan accept'");
	return 0;
}

static uint64_t handle_of(const char *what)
{
	char cmd[256];
	char *out;
	uint64_t h;

	snprintf(cmd, sizeof(cmd), "nft -a list ruleset | sed -n '/%s/s/.*# handle //p'", what);
	out = sh_out(cmd);
	h = strtoull(out, NULL, 10);
	free(out);
	return h;
}

static int add(uint64_t handle, uint32_t generation, uint32_t mark)
{
	struct open_place p = { NFPROTO_INET, "fw", "forward", handle, generation };
	struct err err = { "" };
	int ret = nft_open_add("wan", &p, mark, mark, &err);

	assert_int_equal(!ret, !*err.text);
	return ret;
}

static uint32_t generation(void)
{
	struct err err;
	uint32_t g;

	assert_int_equal(nft_generation(&g, &err), 0);
	return g;
}

/* The chain's rules as words: E(stablished) D(rop) L(an) O(pen), in their order. */
static void assert_chain(const char *want)
{
	char *out = sh_out("nft list chain inet fw forward | sed -n "
			   "'s/.*established.*/E/p;s/.*daddr.*/D/p;s/.*lan.*/L/p;s/.*--open.*/O/p' "
			   "| tr -d '\\n'");

	assert_string_equal(out, want);
	free(out);
}

static void test_place(void **state)
{
	(void)state;
	assert_int_equal(add(handle_of("drop$\\|192.0.2.1"), generation(), MARK), 0);
	assert_chain("EODL");
	assert_int_equal(sh_try("nft list chain inet fw forward | grep -q 'iifname \"wan\" meta "
				"mark & 0x10000000 == 0x10000000 counter packets 0 bytes 0 accept "
				"comment \"einat --open on wan\"'"),
			 0);
}

static void test_policy(void **state)
{
	(void)state;
	assert_int_equal(add(0, generation(), MARK), 0);
	assert_chain("EDLO");
}

/* Whatever goes on dropping behind it: a second one would change nothing. */
static void test_no_second(void **state)
{
	uint64_t lan = handle_of("iifname \"lan\""), drop = handle_of("192.0.2.1");

	(void)state;
	assert_int_equal(add(lan, 0, MARK), 0);
	assert_chain("EDOL");
	assert_int_equal(add(lan, 0, MARK), -EEXIST);
	assert_int_equal(add(0, 0, MARK), -EEXIST);
	assert_chain("EDOL");
	assert_int_equal(add(drop, 0, MARK), 0); /* before the first one */
	assert_chain("EODOL");
}

/* A reload between the look and the deed: the handle may be another rule's by then. */
static void test_generation(void **state)
{
	uint64_t drop = handle_of("192.0.2.1");
	uint32_t g = generation();

	(void)state;
	sh("nft 'flush ruleset; add table inet fw; add chain inet fw forward { type filter hook "
	   "forward priority 0; }; add rule inet fw forward iifname lan accept; add rule inet fw "
	   "forward ct state established accept'");
	assert_int_equal(handle_of("established"), drop); /* or this test shows nothing */
	assert_int_equal(add(drop, g, MARK), -ERESTART);
	assert_chain("LE");
	assert_int_equal(add(drop, generation(), MARK), 0);
	assert_chain("LOE");
	assert_int_equal(add(999, generation(), MARK), -EEXIST);
	sh("nft flush chain inet fw forward");
	assert_int_equal(add(999, generation(), MARK), -ENOENT);
	sh("nft delete table inet fw");
	assert_int_equal(add(0, generation(), MARK), -ENOENT);
}

/* nft keeps the table for itself as long as it runs. */
static void test_owned(void **state)
{
	FILE *nft;

	(void)state;
	if (sh_try("nft 'add table inet mine { flags owner; }' 2>/dev/null")) {
		print_message("# this kernel knows no owners of tables: before 5.12\n");
		skip();
	}
	nft = popen("nft -i >/dev/null", "w");
	fputs("add table inet mine { flags owner; }\nadd chain inet mine c { type filter hook "
	      "forward priority 0; policy drop; }\n",
	      nft);
	fflush(nft);
	for (int i = 0; i < 500 && sh_try("nft list chain inet mine c >/dev/null 2>&1"); i++)
		usleep(10000);
	struct open_place p = { NFPROTO_INET, "mine", "c", 0, 0 };
	struct err err = { "" };

	assert_int_equal(nft_open_add("wan", &p, MARK, MARK, &err), -EPERM);
	assert_non_null(strstr(err.text, "keeps it for itself"));
	pclose(nft);
}

static void test_remove(void **state)
{
	struct err err = { "" };

	(void)state;
	sh("nft 'add rule inet fw forward counter accept comment \"einat --open on wan2\"'");
	assert_int_equal(add(handle_of("192.0.2.1"), 0, MARK), 0);
	assert_int_equal(add(handle_of("established"), 0, 0x4), 0);
	assert_chain("OEODLO");
	/* those of an earlier mark */
	assert_int_equal(nft_open_remove("wan", MARK, MARK, &err), 0);
	assert_chain("EODLO");
	assert_int_equal(nft_open_remove("wan", MARK, MARK | 1, &err), 0);
	assert_chain("EDLO"); /* another interface's stays */
	assert_int_equal(nft_open_remove("wan", 0, 0, &err), 0);
	assert_chain("EDLO");
	sh("nft add table ip6 six; nft 'add chain ip6 six c { type filter hook forward priority 0; "
	   "}'");
	struct open_place p = { NFPROTO_IPV6, "six", "c", 0, 0 };

	assert_int_equal(nft_open_add("wan", &p, UINT32_MAX, UINT32_MAX, &err), 0);
	assert_int_equal(nft_open_remove("wan", UINT32_MAX, UINT32_MAX, &err), 0);
	assert_true(handle_of("on wan\\\"") > 0);
	assert_int_equal(nft_open_remove("wan", 0, 0, &err), 0);
	assert_int_equal(handle_of("on wan\\\""), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_place, setup),
		cmocka_unit_test_setup(test_policy, setup),
		cmocka_unit_test_setup(test_no_second, setup),
		cmocka_unit_test_setup(test_generation, setup),
		cmocka_unit_test_setup(test_owned, setup),
		cmocka_unit_test_setup(test_remove, setup),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
