// SPDX-License-Identifier: GPL-2.0-or-later
/* The nftables table as the kernel and nft see it (root, a network namespace for each test). */
#include "tests/nft/spec.h"

#include <errno.h>
#include <sched.h>
#include <unistd.h>

#include <libnftnl/expr.h>

#include "nft/table_model.h"

#define need_root()                                                                                \
	do {                                                                                       \
		if (geteuid() || unshare(CLONE_NEWNET))                                            \
			skip();                                                                    \
	} while (0)

/* `nft list` of the table; counters are reset by ruleset-independent text removal. */
static char *list(const char *opt)
{
	return run(
		"nft %s list ruleset | sed -E 's/packets [0-9]+ bytes [0-9]+/packets 0 bytes 0/'",
		opt);
}

static void apply(const struct nft_spec *s)
{
	struct err e = { 0 };
	int ret = nft_table_apply(s, &e);

	if (ret)
		print_error("%s\n", e.text);
	assert_int_equal(ret, 0);
}

static void same_text(char *a, char *b)
{
	assert_string_equal(a, b);
	free(a);
	free(b);
}

static void load_print(const struct nft_spec *s)
{
	char path[] = "/tmp/einat-test-XXXXXX";
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");

	assert_int_equal(nft_table_print(s, f), 0);
	fclose(f);
	do_run("nft -f %s", path);
	unlink(path);
}

/* What is printed and loaded by nft is what is written, whichever comes first. */
static void print_equals_apply(struct test_spec *t)
{
	char *applied, *loaded;

	apply(&t->s);
	applied = list("");
	assert_true(strlen(applied) > 500);
	do_run("nft flush ruleset");
	load_print(&t->s);
	loaded = list("");
	assert_string_equal(applied, loaded);
	apply(&t->s);
	same_text(list(""), applied);
	load_print(&t->s);
	same_text(list(""), loaded);
	do_run("nft flush ruleset");
	spec_free(t);
}

static void test_print_equals_apply(void **state)
{
	static const char *const names[] = {
		"wan", "eth0.100", "pppoe-wan", "wan*", "1", "a@b!c$d"
	};
	struct test_spec t;

	(void)state;
	need_root();
	for (int rest = NFT_REST_OWN; rest <= NFT_REST_NONE; rest++) {
		spec_init(&t, 1, (enum nft_rest)rest);
		print_equals_apply(&t);
		spec_full(&t, (enum nft_rest)rest);
		print_equals_apply(&t);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		spec_full(&t, NFT_REST_OWN);
		t.s.ifname = names[i];
		print_equals_apply(&t);
	}
	for (int i = 0; i < 9; i++) {
		spec_full6(&t, (enum nft_rest)(i / 3), (enum nft_rest)(i % 3));
		print_equals_apply(&t);
	}
	/* nothing but what must be there */
	spec_init(&t, 1, NFT_REST_GUARD);
	net_list_free(&t.slices[0].internal);
	t.s.n_slices = t.s.n_external = t.s.kept_protos = 0;
	print_equals_apply(&t);
}

static void test_apply_replaces(void **state)
{
	struct test_spec t;
	char *first;

	(void)state;
	need_root();
	spec_full(&t, NFT_REST_OWN);
	apply(&t.s);
	first = list("");
	apply(&t.s);
	same_text(list(""), first);
	spec_free(&t);

	/* another shape under the same name */
	spec_init(&t, 9, NFT_REST_NONE);
	apply(&t.s);
	first = list("");
	assert_null(strstr(first, "chain rest"));
	assert_non_null(strstr(first, "oif 9"));
	free(first);
	spec_free(&t);
}

static void test_exists_and_remove(void **state)
{
	struct test_spec t;
	struct err e = { 0 };
	char *left;

	(void)state;
	need_root();
	do_run("nft add table inet other");
	spec_full(&t, NFT_REST_GUARD);
	assert_int_equal(nft_table_exists("wan", &e), 0);
	assert_int_equal(nft_table_remove("wan", &e), 0);
	assert_string_equal(e.text, "");
	apply(&t.s);
	assert_int_equal(nft_table_exists("wan", &e), 1);
	assert_int_equal(nft_table_exists("wan.1", &e), 0);
	assert_int_equal(nft_table_remove("wan", &e), 0);
	assert_int_equal(nft_table_exists("wan", &e), 0);
	left = list("");
	assert_string_equal(left, "table inet other {\n}\n");
	free(left);
	spec_free(&t);
}

/* A command that fails in the middle: nothing is changed, and the message names it. */
static void test_failure_changes_nothing(void **state)
{
	struct test_spec t;
	struct table *table;
	struct batch *b;
	struct err e = { 0 };
	char *before;

	(void)state;
	need_root();
	spec_full(&t, NFT_REST_OWN);
	assert_int_equal(table_build(&t.s, &table, NULL), 0);
	/* the rules look for a set by another name */
	strcpy(table->set[0].name, "elsewhere");
	for (int there = 0; there < 2; there++) {
		if (there)
			apply(&t.s);
		before = list("-a");
		b = batch_new(table->name);
		table_write(table, b);
		assert_int_equal(batch_send(b, &e), -ENOENT);
		batch_free(b);
		assert_non_null(strstr(e.text, "add the rule"));
		assert_non_null(strstr(e.text, "goto host") ?: strstr(e.text, "@external"));
		same_text(list("-a"), before);
	}
	table_free(table);
	spec_free(&t);
}

/* The kernel itself points to the expression that it does not know. */
static void test_kernel_names_expression(void **state)
{
	struct nftnl_chain *c = nftnl_chain_alloc();
	struct batch *b = batch_new("einat_wan");
	struct err e = { 0 };
	struct rule r;
	int ret;

	(void)state;
	need_root();
	nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, "einat_wan");
	nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, "c");
	rule_init(&r, NULL);
	nftnl_rule_set_str(r.nl, NFTNL_RULE_TABLE, "einat_wan");
	nftnl_rule_set_str(r.nl, NFTNL_RULE_CHAIN, "c");
	do_counter(&r);
	nftnl_rule_add_expr(r.nl, nftnl_expr_alloc("flow_offload"));
	batch_add_table(b);
	batch_add_chain(b, c);
	batch_add_rule(b, r.nl, "flow add @f");
	ret = batch_send(b, &e);
	assert_true(ret < 0);
	rule_free(&r);
	nftnl_chain_free(c);
	batch_free(b);
	if (ret != -EOPNOTSUPP || !strstr(e.text, "the kernel lacks nft_flow_offload")) {
		/* a kernel that has it misses the expression's attributes instead */
		assert_int_equal(ret, -EINVAL);
		skip();
	}
	assert_int_equal(nft_table_exists("wan", NULL), 0);
}

static void test_no_permission(void **state)
{
	struct test_spec t;
	pid_t pid;
	int status;

	(void)state;
	need_root();
	spec_init(&t, 7, NFT_REST_OWN);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct err e = { 0 };

		_exit(!(setuid(65534) == 0 && nft_table_apply(&t.s, &e) == -EPERM &&
			strstr(e.text, "CAP_NET_ADMIN")));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	spec_free(&t);
}

static void update(struct test_spec *from, struct test_spec *to)
{
	struct err e = { 0 };
	int ret = nft_table_update(&from->s, &to->s, &e);

	if (ret)
		print_error("%s\n", e.text);
	assert_int_equal(ret, 0);
}

/* The listing is that of apply(to), and chains and rules are the ones from before. */
static void test_update_changes_elements_only(void **state)
{
	struct test_spec from, to;
	char *handles, *updated;
	const char *cmd = "nft -a list ruleset | grep -E 'chain|counter|set|map' | "
			  "sed -E 's/packets [0-9]+ bytes [0-9]+//'";

	(void)state;
	need_root();
	spec_full(&from, NFT_REST_GUARD);
	spec_full(&to, NFT_REST_GUARD);
	to.slices[0].protos = 0;
	to.slices[1].protos = PROTO_ICMP;
	to.s.n_external = 1;
	spec_prefix(&to.slices[1].internal, "0.0.0.0/0");
	spec_prefix(&to.slices[1].exclude_dest, "1.0.0.0/8");
	net_list_free(&to.slices[0].not_internal);
	port_set_free(&to.s.local[0]);
	spec_ports(&to.s.local[1], "25000,26000-26010");
	to.forwards[0].to_port = 9443;
	apply(&from.s);
	handles = run("%s", cmd);
	update(&from, &to);
	same_text(run("%s", cmd), handles);
	updated = list("");
	apply(&to.s);
	same_text(list(""), updated);
	/* and back */
	update(&to, &from);
	updated = list("");
	apply(&from.s);
	same_text(list(""), updated);
	spec_free(&from);
	spec_free(&to);
}

static void test_update_of_structure(void **state)
{
	struct test_spec from, to;
	char *updated;

	(void)state;
	need_root();
	spec_full(&from, NFT_REST_GUARD);
	for (int i = 0; i < 6; i++) {
		spec_full(&to, i == 0 ? NFT_REST_OWN : NFT_REST_GUARD);
		if (i == 1)
			to.s.ifindex++;
		if (i == 2)
			to.s.n_forwards = 0;
		if (i == 3)
			to.slices[1].mark = 0x31;
		if (i == 4)
			spec_ports(&to.s.kept[2], "20000-20999");
		if (i == 5)
			to.s.n_slices = 1;
		do_run("nft flush ruleset");
		apply(&from.s);
		update(&from, &to);
		updated = list("");
		do_run("nft flush ruleset");
		apply(&to.s);
		same_text(list(""), updated);
		to.s.n_slices = 2;
		spec_free(&to);
	}
	spec_free(&from);
}

/* What a user has put into a set stays as long as einat has nothing to say about that set. */
static void test_update_spares_user_edits(void **state)
{
	struct test_spec from, to;
	char *text;

	(void)state;
	need_root();
	spec_init(&from, 7, NFT_REST_OWN);
	spec_init(&to, 7, NFT_REST_OWN);
	spec_external(&to, "203.0.113.9");
	apply(&from.s);
	do_run("nft add element inet einat_wan s0_not_internal { 192.168.1.7, 192.168.1.0/24 }");
	update(&from, &to);
	text = list("");
	assert_non_null(strstr(text, "192.168.1.0/24"));
	assert_non_null(strstr(text, "203.0.113.9"));
	free(text);
	spec_free(&from);
	spec_free(&to);
}

/* The table has been deleted by someone: an update writes it anew. */
static void test_update_mends(void **state)
{
	struct test_spec from, to;
	char *text;

	(void)state;
	need_root();
	spec_init(&from, 7, NFT_REST_OWN);
	spec_init(&to, 7, NFT_REST_OWN);
	to.slices[0].protos = 0;
	apply(&to.s);
	text = list("");
	do_run("nft flush ruleset");
	update(&from, &to);
	same_text(list(""), text);
	spec_free(&from);
	spec_free(&to);
}

/* Far more elements than one netlink message or one page of a batch holds. */
static void test_many_elements(void **state)
{
	struct test_spec t, to;
	struct net_prefix p = { .len = 128 };
	char *n;

	(void)state;
	need_root();
	spec_init(&t, 7, NFT_REST_OWN);
	for (uint32_t i = 0; i < 8000; i++) {
		p.addr = net_addr_from4(__builtin_bswap32(0x0a000000 + 2 * i));
		t.slices[0].exclude_dest.p =
			realloc(t.slices[0].exclude_dest.p, (i + 1) * sizeof(p));
		t.slices[0].exclude_dest.p[i] = p;
		t.slices[0].exclude_dest.n = i + 1;
	}
	spec_ports(&t.s.local[0], "20000-29999");
	apply(&t.s);
	n = run("nft list set inet einat_wan s0_exclude_dest | grep -o '10\\.0\\.' | wc -l");
	assert_string_equal(n, "8000\n");
	free(n);
	n = run("nft list set inet einat_wan local_ports | grep -o 'udp \\.' | wc -l");
	assert_string_equal(n, "10000\n");
	free(n);
	spec_init(&to, 7, NFT_REST_OWN);
	spec_ports(&to.s.local[0], "20000-24999");
	update(&t, &to);
	n = run("nft list set inet einat_wan local_ports | grep -o 'udp \\.' | wc -l");
	assert_string_equal(n, "5000\n");
	free(n);
	spec_free(&t);
	spec_free(&to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_print_equals_apply),
		cmocka_unit_test(test_apply_replaces),
		cmocka_unit_test(test_exists_and_remove),
		cmocka_unit_test(test_failure_changes_nothing),
		cmocka_unit_test(test_kernel_names_expression),
		cmocka_unit_test(test_no_permission),
		cmocka_unit_test(test_update_changes_elements_only),
		cmocka_unit_test(test_update_of_structure),
		cmocka_unit_test(test_update_spares_user_edits),
		cmocka_unit_test(test_update_mends),
		cmocka_unit_test(test_many_elements),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
