// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The nftables table as messages (tests/nft/golden, no root; GOLDEN_WRITE=1 writes them anew) and
 * as the kernel and nft see it (root, each test in a network namespace of its own).
 * Run from the top of the source tree.
 */
#include "tests/nft/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sched.h>
#include <unistd.h>

#include <libnftnl/expr.h>

#include "nft/batch_int.h"
#include "nft/table_model.h"

/* ---- golden: messages as text -------------------------------------------------------------- */

static void dump_attrs(FILE *out, const char *data, size_t len, int depth);

static void dump_value(FILE *out, const struct nlattr *a, int depth)
{
	const uint8_t *p = mnl_attr_get_payload(a);
	size_t len = mnl_attr_get_payload_len(a), text = 0;

	if (a->nla_type & NLA_F_NESTED) {
		fputc('{', out);
		dump_attrs(out, (const char *)p, len, depth + 1);
		fputs(depth < 1 ? "\n\t}" : " }", out);
		return;
	}
	while (text < len && p[text] >= 0x20 && p[text] < 0x7f)
		text++;
	if (text && text + 1 == len && !p[text]) {
		fprintf(out, "\"%s\"", (const char *)p);
		return;
	}
	for (size_t i = 0; i < len; i++)
		fprintf(out, "%02x", p[i]);
}

/* By type, since their order has no meaning and differs between versions of libnftnl. */
static void dump_attrs(FILE *out, const char *data, size_t len, int depth)
{
	static const char *const indent[] = { "\n\t", "\n\t\t" };
	int done = -1, next;

	do {
		next = -1;
		for (size_t at = 0; at + sizeof(struct nlattr) <= len;) {
			const struct nlattr *a = (const struct nlattr *)(data + at);
			int type = mnl_attr_get_type(a);

			at += MNL_ALIGN(a->nla_len);
			if (type > done && (next < 0 || type < next))
				next = type;
		}
		for (size_t at = 0; next >= 0 && at + sizeof(struct nlattr) <= len;) {
			const struct nlattr *a = (const struct nlattr *)(data + at);

			at += MNL_ALIGN(a->nla_len);
			if (mnl_attr_get_type(a) != next)
				continue;
			fprintf(out, "%s%d ", depth < 2 ? indent[depth] : " ", next);
			dump_value(out, a, depth);
		}
		done = next;
	} while (next >= 0);
}

static void dump_msg(const struct nlmsghdr *nlh, void *arg)
{
	static const char *const names[] = {
		[NFT_MSG_NEWTABLE] = "NEWTABLE",     [NFT_MSG_DELTABLE] = "DELTABLE",
		[NFT_MSG_NEWCHAIN] = "NEWCHAIN",     [NFT_MSG_NEWRULE] = "NEWRULE",
		[NFT_MSG_NEWSET] = "NEWSET",	     [NFT_MSG_NEWSETELEM] = "NEWSETELEM",
		[NFT_MSG_DELSETELEM] = "DELSETELEM",
	};
	unsigned type = nlh->nlmsg_type & 0xff;
	FILE *out = arg;

	if (nlh->nlmsg_type < 0x100)
		fprintf(out, "%s", type == NFNL_MSG_BATCH_BEGIN ? "BATCH_BEGIN" : "BATCH_END");
	else
		fprintf(out, "%s seq %u flags %x", names[type], nlh->nlmsg_seq, nlh->nlmsg_flags);
	dump_attrs(out, mnl_nlmsg_get_payload_offset(nlh, 4), mnl_nlmsg_get_payload_len(nlh) - 4,
		   0);
	fputc('\n', out);
}

static char *file_text(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;

	if (!f)
		return strdup("");
	if (getdelim(&text, &size, 0, f) < 0) {
		free(text);
		text = strdup("");
	}
	fclose(f);
	return text;
}

static void golden_check(const char *name, const char *got)
{
	char path[128];
	char *want;

	snprintf(path, sizeof(path), "tests/nft/golden/%s", name);
	if (getenv("GOLDEN_WRITE")) {
		FILE *f = fopen(path, "w");

		assert_non_null(f);
		fputs(got, f);
		fclose(f);
	}
	want = file_text(path);
	if (strcmp(want, got))
		print_error("%s differs (GOLDEN_WRITE=1 writes it anew); now:\n%s", path, got);
	assert_string_equal(want, got);
	free(want);
}

/* Both the messages (NAME.txt) and the table in nft syntax (NAME.nft). */
static void golden_spec(const char *name, const struct nft_spec *spec)
{
	struct table *t;
	struct batch *b;
	char file[64], *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(table_build(spec, &t, NULL), 0);
	b = batch_new(t->name);
	table_write(t, b);
	batch_foreach(b, dump_msg, out);
	fclose(out);
	snprintf(file, sizeof(file), "%s.txt", name);
	golden_check(file, text);
	free(text);
	batch_free(b);
	table_free(t);

	out = open_memstream(&text, &size);
	assert_int_equal(nft_table_print(spec, out), 0);
	fclose(out);
	snprintf(file, sizeof(file), "%s.nft", name);
	golden_check(file, text);
	free(text);
}

/* Everything that a table can hold at once. */
static void full_spec(struct test_spec *t, enum nft_rest rest)
{
	struct nft_slice *s;

	spec_init(t, 7, rest);
	spec_external(t, "203.0.113.9");
	spec_prefix(&t->slices[0].not_internal, "172.17.0.0/16");
	spec_prefix(&t->slices[0].not_internal, "172.17.5.0/24");
	spec_prefix(&t->slices[0].not_internal, "172.18.0.0/16");
	spec_prefix(&t->slices[0].not_internal, "240.0.0.0/4");
	spec_prefix(&t->slices[0].exclude_dest, "10.0.0.0/8");
	s = spec_slice(t, PROTO_UDP | PROTO_TCP);
	s->mark = 0x30;
	s->mark_mask = 0xff;
	spec_prefix(&s->internal, "192.168.1.0/24");
	spec_prefix(&s->internal, "192.168.3.77/32");
	spec_prefix(&s->internal, "2001:db8::/32");
	for (int i = 0; i < PROTO_COUNT; i++)
		spec_ports(&t->s.kept[i], "20000-29999,40000");
	spec_ports(&t->s.local[0], "25000-25001");
	spec_ports(&t->s.local[1], "25000");
	spec_forward(t, PROTO_TCP, 443, "192.168.1.5", 8443);
	spec_forward(t, PROTO_UDP, 443, "192.168.1.5", 8443);
}

static void golden(const char *name, enum nft_rest rest, bool full)
{
	struct test_spec t;

	if (full)
		full_spec(&t, rest);
	else
		spec_init(&t, 7, rest);
	golden_spec(name, &t.s);
	spec_free(&t);
}

static void test_golden_own(void **state)
{
	(void)state;
	golden("own", NFT_REST_OWN, false);
}

static void test_golden_own_full(void **state)
{
	(void)state;
	golden("own-full", NFT_REST_OWN, true);
}

static void test_golden_guard_full(void **state)
{
	(void)state;
	golden("guard-full", NFT_REST_GUARD, true);
}

static void test_golden_none(void **state)
{
	(void)state;
	golden("none", NFT_REST_NONE, false);
}

/* ---- the model, without a kernel ------------------------------------------------------------ */

static void test_table_names(void **state)
{
	char a[NAME_SIZE], b[NAME_SIZE];

	(void)state;
	assert_string_equal(table_name("wan", a), "einat_wan");
	assert_string_equal(table_name("ppp0_x", a), "einat_ppp0_x");
	table_name("eth0.100", a);
	table_name("eth0-100", b);
	assert_int_equal(strncmp(a, "einat_eth0_100_", 15), 0);
	assert_int_equal(strlen(a), 15 + 8);
	assert_string_not_equal(a, b);
	assert_int_equal(strspn(a + 15, "0123456789abcdef"), 8);
}

static void refused(struct test_spec *t, const char *word)
{
	struct err e = { 0 };

	assert_int_equal(nft_table_apply(&t->s, &e), -EINVAL);
	if (!strstr(e.text, word))
		print_error("\"%s\" lacks \"%s\"\n", e.text, word);
	assert_non_null(strstr(e.text, word));
	assert_int_equal(nft_table_print(&t->s, stderr), -EINVAL);
	spec_free(t);
}

static void test_bad_specs(void **state)
{
	struct test_spec t;

	(void)state;
	spec_init(&t, 0, NFT_REST_OWN);
	refused(&t, "index");
	spec_init(&t, 7, NFT_REST_OWN);
	t.s.ifname = "sixteen-letters-";
	refused(&t, "no name");
	spec_init(&t, 7, NFT_REST_OWN);
	t.slices[0].protos = 8;
	refused(&t, "unknown protocols");
	spec_init(&t, 7, NFT_REST_OWN);
	spec_forward(&t, PROTO_ICMP, 80, "192.168.1.5", 80);
	refused(&t, "udp or tcp");
	spec_init(&t, 7, NFT_REST_OWN);
	spec_forward(&t, PROTO_TCP, 80, "2001:db8::1", 80);
	refused(&t, "not IPv4");
	spec_init(&t, 7, NFT_REST_OWN);
	spec_forward(&t, PROTO_TCP, 80, "192.168.1.5", 80);
	spec_forward(&t, PROTO_TCP, 80, "192.168.1.6", 80);
	refused(&t, "two forwards");
	spec_init(&t, 7, NFT_REST_GUARD);
	spec_ports(&t.s.kept[0], "1-65535");
	refused(&t, "every udp port");
}

static void test_unprintable_name(void **state)
{
	struct test_spec t;

	(void)state;
	spec_init(&t, 7, NFT_REST_OWN);
	t.s.ifname = "a\"b";
	assert_int_equal(nft_table_print(&t.s, stderr), -EINVAL);
	spec_free(&t);
}

/* Whatever prefixes are given: sorted, apart from each other, and the same addresses inside. */
static void test_prefixes_are_merged(void **state)
{
	unsigned seed = 1;

	(void)state;
	for (int round = 0; round < 200; round++) {
		struct test_spec t;
		struct table *table;
		struct set *s = NULL;
		struct net_list *l;

		spec_init(&t, 7, NFT_REST_NONE);
		l = &t.slices[0].exclude_dest;
		for (int i = 0; i < 40; i++) {
			unsigned len = 20 + rand_r(&seed) % 13;
			uint32_t a = (0xfffff000u | rand_r(&seed) % 4096) & ~0u << (32 - len);
			struct net_prefix p = { net_addr_from4(__builtin_bswap32(a)),
						(uint8_t)(96 + len) };

			/* few of the longest, so that there is something left out */
			if (len > 24 || round % 8 == 0)
				assert_int_equal(net_list_add(l, &p), 0);
		}
		assert_int_equal(table_build(&t.s, &table, NULL), 0);
		for (size_t i = 0; i < table->n_sets; i++)
			if (!strcmp(table->set[i].name, "s0_exclude_dest"))
				s = &table->set[i];
		assert_non_null(s);
		for (uint32_t a = 0xffffefff; a; a++) {
			struct net_addr addr = net_addr_from4(__builtin_bswap32(a));
			bool in = false;

			for (size_t i = 0; i < s->n; i++)
				in |= memcmp(&addr, &s->elem[i].lo, 16) >= 0 &&
				      memcmp(&addr, &s->elem[i].hi, 16) <= 0;
			assert_int_equal(in, net_list_contains(l, &addr));
		}
		for (size_t i = 1; i < s->n; i++)
			assert_true(__builtin_bswap32(net_addr_to4(&s->elem[i].lo)) >
				    __builtin_bswap32(net_addr_to4(&s->elem[i - 1].hi)) + 1);
		table_free(table);
		spec_free(&t);
	}
}

/* Only the 16 largest gaps get a rule of their own, and the last rule leads to the largest. */
static void test_many_gaps(void **state)
{
	struct test_spec t;
	struct table *table;
	struct chain *rest = NULL;
	size_t udp = 0, last = 0;

	(void)state;
	spec_init(&t, 7, NFT_REST_OWN);
	for (uint16_t i = 0; i < 63; i++)
		port_set_add(&t.s.kept[0], (uint16_t)(30100 + 200 * i),
			     (uint16_t)(30115 + 200 * i));
	assert_int_equal(table_build(&t.s, &table, NULL), 0);
	for (size_t i = 0; i < table->n_chains; i++)
		if (!strcmp(table->chain[i].name, NAME_REST))
			rest = &table->chain[i];
	assert_non_null(rest);
	for (size_t i = 0; i < rest->n; i++)
		if (strstr(rest->rule[i].text, "l4proto udp")) {
			udp++;
			last = i;
		}
	assert_int_equal(udp, 16);
	assert_non_null(
		strstr(rest->rule[last].text, "l4proto udp counter masquerade to :42516-65535"));
	table_free(table);
	spec_free(&t);
}

struct find_expr {
	const char *name;
	uint32_t seq, offset;
};

static void find_expr(const struct nlmsghdr *nlh, void *arg)
{
	struct find_expr *f = arg;
	const struct nlattr *a, *e, *x;

	if (nlh->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE))
		return;
	mnl_attr_for_each (a, nlh, 4) {
		if (mnl_attr_get_type(a) != NFTA_RULE_EXPRESSIONS)
			continue;
		mnl_attr_for_each_nested (e, a)
			mnl_attr_for_each_nested (x, e)
				if (mnl_attr_get_type(x) == NFTA_EXPR_NAME &&
				    !strcmp(mnl_attr_get_str(x), f->name)) {
					f->seq = nlh->nlmsg_seq;
					f->offset = (uint32_t)((const char *)e - (const char *)nlh);
				}
	}
}

/* A missing feature of the kernel is told by its name. */
static void test_missing_feature_is_named(void **state)
{
	static const struct {
		const char *expr, *words;
	} cases[] = {
		{ "masq", "the kernel lacks nft_masq" },
		{ "fib", "the kernel lacks nft_fib_inet" },
		{ "ct", "the kernel lacks nft_ct" },
		{ "nat", "the kernel lacks nft_nat" },
	};
	struct test_spec t;
	struct table *table;
	struct batch *b;
	struct err e;

	(void)state;
	spec_init(&t, 7, NFT_REST_OWN);
	assert_int_equal(table_build(&t.s, &table, NULL), 0);
	b = batch_new(table->name);
	table_write(table, b);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct find_expr f = { .name = cases[i].expr };
		struct batch_failure fail = { .errnum = ENOENT };

		batch_foreach(b, find_expr, &f);
		assert_int_not_equal(f.seq, 0);
		fail.seq = f.seq;
		fail.offset = f.offset;
		assert_int_equal(batch_explain(b, &fail, &e), -EOPNOTSUPP);
		assert_non_null(strstr(e.text, cases[i].words));
		assert_non_null(strstr(e.text, "einat_wan"));
	}
	/* a set that is not there is no missing feature */
	{
		struct find_expr f = { .name = "lookup" };
		struct batch_failure fail = { .errnum = ENOENT };

		batch_foreach(b, find_expr, &f);
		fail.seq = f.seq;
		fail.offset = f.offset;
		assert_int_equal(batch_explain(b, &fail, &e), -ENOENT);
		assert_null(strstr(e.text, "lacks"));
	}
	batch_free(b);
	table_free(table);
	spec_free(&t);
}

/* ---- with the kernel ------------------------------------------------------------------------ */

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
		full_spec(&t, (enum nft_rest)rest);
		print_equals_apply(&t);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		full_spec(&t, NFT_REST_OWN);
		t.s.ifname = names[i];
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
	full_spec(&t, NFT_REST_OWN);
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
	full_spec(&t, NFT_REST_GUARD);
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
	full_spec(&t, NFT_REST_OWN);
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
	full_spec(&from, NFT_REST_GUARD);
	full_spec(&to, NFT_REST_GUARD);
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
	full_spec(&from, NFT_REST_GUARD);
	for (int i = 0; i < 6; i++) {
		full_spec(&to, i == 0 ? NFT_REST_OWN : NFT_REST_GUARD);
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
		cmocka_unit_test(test_golden_own),
		cmocka_unit_test(test_golden_own_full),
		cmocka_unit_test(test_golden_guard_full),
		cmocka_unit_test(test_golden_none),
		cmocka_unit_test(test_table_names),
		cmocka_unit_test(test_bad_specs),
		cmocka_unit_test(test_unprintable_name),
		cmocka_unit_test(test_prefixes_are_merged),
		cmocka_unit_test(test_many_gaps),
		cmocka_unit_test(test_missing_feature_is_named),
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
