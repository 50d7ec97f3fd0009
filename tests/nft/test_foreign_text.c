// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * rule_text() and chain_place() against the tools themselves: every rule of every ruleset folder,
 * and of the lists in tests/nft/text, is read from the kernel and compared, with its handle or
 * number, to what `nft -s -a list ruleset` and the four iptables-save programs print.
 */
#include <dirent.h>
#include <string.h>
#include <unistd.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "netlab.h"
#include "nft/text.h"

#define LISTS "tests/nft/text"

/* What the tool prints and rule_text() does not, and why. */
static const struct {
	const char *part, *why;
} known[] = {
	{ " -m bpf ", "the program's code is not printed" },
	{ " -m u32 ", "the expression is not decompiled" },
	{ " -m osf ", "rare" },
	{ " -m cluster ", "rare" },
	{ " -m set ", "the bytes hold a set's number, not its name" },
	{ " -j SET ", "the same" },
};

/* Of all tests. */
static struct {
	size_t rules, same, listed;
} total;

struct lines {
	char **line;
	size_t n;
};

static void add(struct lines *l, char *line)
{
	l->line = realloc(l->line, (l->n + 1) * sizeof(*l->line));
	assert_non_null(l->line);
	assert_non_null(line);
	l->line[l->n++] = line;
}

static void lines_free(struct lines *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->line[i]);
	free(l->line);
}

static int order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *format(const char *place, const char *text)
{
	char *line = NULL;

	assert_true(asprintf(&line, "%s| %s", place, text) > 0);
	return line;
}

/* The rules of the tables that are nft's: "\t\tTEXT # handle N" within "\tchain NAME {". */
static void want_nft(struct lines *l, const struct fw_snapshot *s)
{
	char family[16] = "", table[128] = "", chain[160] = "", place[512], *line = NULL, *handle;
	FILE *f = popen("nft -s -a list ruleset 2>/dev/null", "r");
	bool mine = false;
	size_t size = 0;

	assert_non_null(f);
	while (getline(&line, &size, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "table %15s %127s", family, table) == 2) {
			mine = false;
			for (size_t i = 0; i < s->n_tables; i++)
				if (!strcmp(family_text(s->tables[i]->family), family) &&
				    !strcmp(s->tables[i]->name, table))
					mine |= table_tool(s, s->tables[i]) == TEXT_NFT;
		}
		if (sscanf(line, "\tchain %159s", chain) == 1 || !strcmp(line, "\t}"))
			continue;
		handle = strstr(line, " # handle ");
		if (!mine || strncmp(line, "\t\t", 2) || !handle ||
		    !strncmp(line, "\t\tcomment ", 10))
			continue;
		while (strstr(handle + 1, " # handle "))
			handle = strstr(handle + 1, " # handle ");
		*handle = '\0';
		snprintf(place, sizeof(place), "%s %s %s handle %s", family, table, chain,
			 handle + 10);
		add(l, format(place, line + 2));
	}
	free(line);
	pclose(f);
}

/*
 * The rules of one iptables-save program, numbered by their order. A table that iptables refuses
 * ("incompatible") ends without COMMIT.
 */
static void want_iptables(struct lines *l, const char *program, const char *name)
{
	char cmd[96], table[64] = "", chain[64], last[64] = "", place[256], *line = NULL;
	size_t size = 0, whole = l->n;
	unsigned number = 0;
	FILE *f;

	snprintf(cmd, sizeof(cmd), "%s-save 2>/dev/null", program);
	f = popen(cmd, "r");
	assert_non_null(f);
	while (getline(&line, &size, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "*%63s", table) == 1)
			last[0] = '\0';
		if (!strcmp(line, "COMMIT"))
			whole = l->n;
		if (sscanf(line, "-A %63s", chain) != 1)
			continue;
		number = strcmp(chain, last) ? 1 : number + 1;
		strcpy(last, chain);
		snprintf(place, sizeof(place), "%s -t %s %s, rule %u", name, table, chain, number);
		add(l, format(place, line));
	}
	while (l->n > whole)
		free(l->line[--l->n]);
	free(line);
	pclose(f);
}

/* With EINAT_CORPUS=DIR: what tests/fuzz/fuzz_text.c starts from, a file a rule. */
static void put_corpus(const struct fw_rule *r, const char *text)
{
	static const int families[] = { NFPROTO_IPV4, NFPROTO_IPV6,   NFPROTO_INET,
					NFPROTO_ARP,  NFPROTO_BRIDGE, NFPROTO_NETDEV };
	const struct fw_table *t = r->chain->table;
	const struct nlattr *attr;
	const char *dir = getenv("EINAT_CORPUS"), *raw = r->raw;
	size_t len = r->raw_len;
	char path[512], first = 0;
	unsigned hash = 5381;
	FILE *f;

	if (!dir)
		return;
	for (const char *p = text; *p; p++)
		hash = hash * 33 + (unsigned char)*p;
	snprintf(path, sizeof(path), "%s/%d-%08x", dir, t->legacy, hash);
	while (first < 5 && families[(int)first] != t->family)
		first++;
	if (!t->legacy)
		mnl_attr_for_each (attr, (const struct nlmsghdr *)r->raw, sizeof(struct nfgenmsg))
			if (mnl_attr_get_type(attr) == NFTA_RULE_EXPRESSIONS) {
				raw = mnl_attr_get_payload(attr);
				len = mnl_attr_get_payload_len(attr);
			}
	if (t->legacy)
		first = (char)(first + 132); /* divisible by 6, with the bit of iptables-legacy */
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fputc(first, f) == EOF, 0);
	assert_int_equal(fwrite(raw, 1, len, f), len);
	fclose(f);
}

static void got(struct lines *l, const struct fw_snapshot *s)
{
	for (size_t i = 0; i < s->n_chains; i++) {
		const struct fw_chain *c = s->chains[i];

		for (size_t j = 0; j < c->n_rules; j++) {
			char *text = rule_text(s, &c->rules[j], 1 << 20);
			char *place = chain_place(s, c, &c->rules[j]);

			assert_non_null(text);
			assert_non_null(place);
			put_corpus(&c->rules[j], text);
			add(l, format(place, text));
			free(text);
			free(place);
		}
	}
}

static bool is_known(const char *want)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strstr(want, known[i].part))
			return true;
	return false;
}

/* Both sorted: all of the one that the other has not is told. Returns what was not expected. */
static size_t compare(const struct lines *w, const struct lines *g, size_t *same, size_t *listed)
{
	size_t i = 0, j = 0, bad = 0;

	while (i < w->n || j < g->n) {
		int c = i == w->n ? 1 : j == g->n ? -1 : strcmp(w->line[i], g->line[j]);
		const char *line = c < 0 ? w->line[i] : c ? g->line[j] : NULL;

		*same += !c;
		if (line && is_known(line))
			*listed += c < 0;
		else if (line)
			print_message("# %s %s\n", c < 0 ? "want" : "got ", line);
		bad += line && !is_known(line);
		i += c <= 0;
		j += c >= 0;
	}
	return bad;
}

/* Compares all rules that are loaded now. */
static void check_all(size_t least)
{
	struct lines w = { 0 }, g = { 0 };
	size_t same = 0, listed = 0, bad;
	struct fw_snapshot *s;
	struct err err = { "" };

	if (fw_snapshot_read(&s, &err))
		fail_msg("%s", err.text);
	want_nft(&w, s);
	want_iptables(&w, "iptables-nft", "iptables");
	want_iptables(&w, "ip6tables-nft", "ip6tables");
	want_iptables(&w, "iptables-legacy", "iptables-legacy");
	want_iptables(&w, "ip6tables-legacy", "ip6tables-legacy");
	got(&g, s);
	fw_snapshot_free(s);
	qsort(w.line, w.n, sizeof(*w.line), order);
	qsort(g.line, g.n, sizeof(*g.line), order);
	bad = compare(&w, &g, &same, &listed);
	print_message("# %zu of %zu rules as the tools print them, %zu listed differences\n", same,
		      w.n, listed);
	total.rules += w.n;
	total.same += same;
	total.listed += listed;
	assert_in_range(same, least, SIZE_MAX);
	lines_free(&w);
	lines_free(&g);
	/* other versions have other words: the comparison is exact with these alone */
	if (bad && sh_try("nft --version | grep -q 'v1\\.0\\.6 ' && "
			  "iptables-nft -V | grep -q 'v1\\.8\\.9 '")) {
		print_message("# not nft 1.0.6 and iptables 1.8.9: %zu differences\n", bad);
		skip();
	}
	assert_int_equal(bad, 0);
}

/* A namespace of its own, with a file system for what a test writes (and iptables' lock). */
static void lab(void)
{
	lab_open();
	sh("mount -t tmpfs none /run");
}

/* Every line of the list is a rule; what this kernel or this nft refuses is left out, and said. */
static void test_nft_list(void **state)
{
	(void)state;
	lab();
	sh("cp " LISTS "/rules.nft /run/r && cd /run && for i in $(seq 99); do "
	   "out=$(nft -f r 2>&1) && exit 0; nft flush ruleset; "
	   "n=$(echo \"$out\" | sed -n 's/^r:\\([0-9]*\\):.*/\\1/p' | head -n 1); "
	   "[ -n \"$n\" ] || exit 1; echo \"# refused: $(sed -n ${n}p r)\"; "
	   "sed -i ${n}d r; done; exit 1");
	check_all(300);
}

struct list {
	const char *program, *file;
};

/* The list's lines: TABLE CHAIN and what iptables is to add there. */
static void test_iptables_list(void **state)
{
	const struct list *l = *state;

	lab();
	sh_try("{ ipset create s1 hash:ip && ipset create s2 hash:ip,port; } 2>/dev/null");
	sh("for t in filter mangle nat raw; do %s -w -t $t -N UX || exit 1; done; "
	   "while read -r t c rule; do case $t in '#'* | '') continue;; esac; "
	   "eval \"%s -w -t $t -A $c $rule\" 2>/dev/null || echo \"# refused: $rule\"; done "
	   "< " LISTS "/%s; exit 0",
	   l->program, l->program, l->file);
	check_all(120);
}

static bool has(const char *dir, const char *file, const char *pattern)
{
	return !sh_try("grep -q '%s' %s/%s 2>/dev/null", pattern, dir, file);
}

static void make_links(const char *dir)
{
	sh("awk '!NF { exit } { sub(/@.*/, \"\", $1); if ($1 != \"lo\") print $1 }' %s/ip-addr.txt "
	   "| "
	   "while read -r i; do ip link add \"$i\" type bridge || exit 1; done",
	   dir);
}

/* A ruleset as its program loads it: rules of iptables if there is a whole dump of them. */
static void test_ruleset(void **state)
{
	const char *dir = *state, *variant = strstr(dir, "legacy") ? "legacy" : "nft";

	lab();
	make_links(dir);
	if (has(dir, "iptables-save.txt", "^-A") && has(dir, "iptables-save.txt", "^COMMIT")) {
		sh("iptables-%s-restore < %s/iptables-save.txt", variant, dir);
		if (has(dir, "ip6tables-save.txt", "^COMMIT"))
			sh("ip6tables-%s-restore < %s/ip6tables-save.txt", variant, dir);
	} else {
		sh("nft -f %s/ruleset.nft", dir);
	}
	check_all(1);
}

/* The same rules as nft alone would write them. */
static void test_native(void **state)
{
	const char *dir = *state;

	lab();
	make_links(dir);
	sh("nft -f %s/ruleset-native.nft", dir);
	check_all(1);
}

struct suite {
	struct CMUnitTest *test;
	size_t n;
};

static void suite_add(struct suite *s, char *name, CMUnitTestFunction f, void *state)
{
	s->test = realloc(s->test, (s->n + 1) * sizeof(*s->test));
	s->test[s->n++] =
		(struct CMUnitTest){ .name = name, .test_func = f, .initial_state = state };
}

static void suite_folder(struct suite *s, const char *place)
{
	struct dirent **entry;
	int n = scandir(place, &entry, NULL, alphasort);
	char *dir, *name, file[512];

	if (n < 0)
		print_message("# no folder %s: its rulesets are not compared\n", place);
	for (int i = 0; i < n; i++) {
		snprintf(file, sizeof(file), "%s/%s/ip-addr.txt", place, entry[i]->d_name);
		if (!access(file, R_OK)) {
			dir = name = NULL;
			if (asprintf(&dir, "%s/%s", place, entry[i]->d_name) > 0)
				suite_add(s, dir, test_ruleset, dir);
			snprintf(file, sizeof(file), "%s/ruleset-native.nft", dir);
			if (!access(file, R_OK) && asprintf(&name, "%s, native", dir) > 0)
				suite_add(s, name, test_native, dir);
		}
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
}

int main(void)
{
	static const struct list lists[] = { { "iptables-nft", "iptables.rules" },
					     { "iptables-legacy", "iptables.rules" },
					     { "ip6tables-nft", "ip6tables.rules" },
					     { "ip6tables-legacy", "ip6tables.rules" } };
	struct suite s = { 0 };
	int failed;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	suite_add(&s, "every expression of nft", test_nft_list, NULL);
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		suite_add(&s, (char *)lists[i].program, test_iptables_list, (void *)&lists[i]);
	suite_folder(&s, "tests/rulesets");
	suite_folder(&s, "../shared/rulesets");
	failed = _cmocka_run_group_tests("rule_text", s.test, s.n, NULL, NULL);
	printf("# together: %zu of %zu rules as the tools print them, %zu listed differences\n",
	       total.same, total.rules, total.listed);
	return failed;
}
