// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The nftables table as messages and as text (tests/nft/golden; GOLDEN_WRITE=1 writes them anew),
 * and the model behind it. No root is needed. Run from the top of the source tree.
 */
#include "tests/nft/spec.h"

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

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

static void golden(const char *name, enum nft_rest rest, bool full)
{
	struct test_spec t;

	if (full)
		spec_full(&t, rest);
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

static void golden6(const char *name, enum nft_rest rest, enum nft_rest rest6)
{
	struct test_spec t;

	spec_full6(&t, rest, rest6);
	golden_spec(name, &t.s);
	spec_free(&t);
}

/* Prefixes, without IPv6 otherwise. */
static void test_golden_npt(void **state)
{
	struct test_spec t;

	(void)state;
	spec_init(&t, 7, NFT_REST_OWN);
	spec_nptv6(&t, "fd00:1::/48");
	golden_spec("own-npt", &t.s);
	spec_free(&t);
}

static void test_golden_ipv6(void **state)
{
	(void)state;
	golden6("own-ipv6", NFT_REST_OWN, NFT_REST_OWN);
	golden6("guard-ipv6", NFT_REST_GUARD, NFT_REST_GUARD);
	golden6("mixed-ipv6", NFT_REST_GUARD, NFT_REST_OWN);
}

/* Without the switch, whatever else is of IPv6 changes nothing. */
static void test_ipv6_is_off(void **state)
{
	char *text[2] = { NULL };
	struct test_spec t;
	size_t size;
	FILE *out;

	(void)state;
	for (int i = 0; i < 2; i++) {
		spec_full(&t, NFT_REST_GUARD);
		if (i)
			spec_ipv6(&t, NFT_REST_OWN);
		t.s.ipv6 = false;
		out = open_memstream(&text[i], &size);
		assert_int_equal(nft_table_print(&t.s, out), 0);
		fclose(out);
		spec_free(&t);
	}
	assert_string_equal(text[0], text[1]);
	assert_null(strstr(text[1], "ipv6"));
	assert_null(strstr(text[1], "ip6"));
	free(text[0]);
	free(text[1]);
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

static int table_check(const struct nft_spec *spec)
{
	struct table *t;
	int ret = table_build(spec, &t, NULL);

	if (!ret)
		table_free(t);
	return ret;
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
	/* one of each family is no contradiction, a second one is */
	spec_init(&t, 7, NFT_REST_OWN);
	spec_ipv6(&t, NFT_REST_OWN);
	spec_forward(&t, PROTO_TCP, 80, "192.168.1.5", 80);
	spec_forward(&t, PROTO_TCP, 80, "fd00:1::5", 80);
	assert_int_equal(table_check(&t.s), 0);
	spec_forward(&t, PROTO_TCP, 80, "fd00:1::6", 80);
	refused(&t, "two forwards");
	spec_init(&t, 7, NFT_REST_NONE);
	spec_ipv6(&t, NFT_REST_OWN);
	spec_ports(&t.s.kept[0], "1-65535");
	refused(&t, "every udp port");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_own),
		cmocka_unit_test(test_golden_own_full),
		cmocka_unit_test(test_golden_guard_full),
		cmocka_unit_test(test_golden_none),
		cmocka_unit_test(test_golden_ipv6),
		cmocka_unit_test(test_golden_npt),
		cmocka_unit_test(test_ipv6_is_off),
		cmocka_unit_test(test_table_names),
		cmocka_unit_test(test_bad_specs),
		cmocka_unit_test(test_unprintable_name),
		cmocka_unit_test(test_prefixes_are_merged),
		cmocka_unit_test(test_many_gaps),
		cmocka_unit_test(test_missing_feature_is_named),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
