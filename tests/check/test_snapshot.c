// SPDX-License-Identifier: GPL-2.0-or-later
/* fw_capture() and fw_snapshot_parse(): what is kept of rules, files, changes meanwhile, size. */
#include <dirent.h>
#include <net/if.h> /* before linux/if.h, which then leaves its part out */
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "host_lab.h"

#include <linux/netfilter_ipv6/ip6_tables.h>

#include "snapshot_text.h"

static struct capture *rules_take(void)
{
	struct capture *c = capture_new("test");
	struct err err = { 0 };

	if (fw_capture(c, &err))
		fail_msg("%s", err.text);
	return c;
}

static struct fw_snapshot *rules_parse(const struct capture *c)
{
	struct fw_snapshot *s = NULL;
	struct err err = { 0 };

	if (fw_snapshot_parse(c, &s, &err))
		fail_msg("%s", err.text);
	return s;
}

static void feed(const char *command, const char *text)
{
	FILE *p = popen(command, "w");

	assert_non_null(p);
	fputs(text, p);
	assert_int_equal(pclose(p), 0);
}

static const struct fw_chain *chain_of(const struct fw_snapshot *s, int family, bool legacy,
				       const char *table, const char *name)
{
	for (size_t i = 0; i < s->n_chains; i++) {
		const struct fw_chain *c = s->chains[i];

		if (c->table->family == family && c->table->legacy == legacy &&
		    !strcmp(c->table->name, table) && !strcmp(c->name, name))
			return c;
	}
	fail_msg("no chain %s %s", table, name);
	return NULL;
}

/* Each rule keeps its own message, comment and handle; chains and tables what they are. */
static void test_kept(void **state)
{
	const struct fw_chain *c;
	struct capture *cap;
	struct fw_snapshot *s;

	(void)state;
	lab_open();
	sh("mount -t tmpfs none /run");
	sh("ip link add wan type veth peer name out");
	feed("nft -f -",
	     "table inet t {\n counter hits { }\n quota q { over 5 mbytes; }\n"
	     " ct helper h { type \"ftp\" protocol tcp; }\n"
	     " map m { type inet_service : ipv4_addr; elements = { 80 : 10.0.0.1 }; }\n"
	     " chain c {\n type filter hook forward priority 5; policy drop;\n"
	     " tcp dport 80 accept comment \"web server\"\n counter name hits\n }\n}\n"
	     "table netdev n {\n chain i {\n type filter hook ingress device \"wan\" priority -9;\n"
	     " }\n}\ntable ip off { flags dormant; }\n");
	feed("iptables-nft-restore",
	     "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -i wan -m comment --comment \"from "
	     "outside\" -j ACCEPT\nCOMMIT\n");
	cap = rules_take();
	s = rules_parse(cap);
	c = chain_of(s, NFPROTO_INET, false, "t", "c");
	assert_int_equal(c->hook, FW_FORWARD);
	assert_int_equal(c->priority, 5);
	assert_true(c->policy_drop);
	assert_true(c->handle && c->table->handle);
	assert_int_equal(c->n_rules, 2);
	assert_string_equal(c->rules[0].comment, "web server");
	assert_null(c->rules[1].comment);
	for (size_t i = 0; i < 2; i++) {
		const struct nlmsghdr *raw = c->rules[i].raw;
		const struct nlattr *a;
		uint64_t handle = 0;

		assert_int_equal(raw->nlmsg_len, c->rules[i].raw_len);
		mnl_attr_for_each (a, raw, sizeof(struct nfgenmsg))
			if (mnl_attr_get_type(a) == NFTA_RULE_HANDLE)
				memcpy(&handle, mnl_attr_get_payload(a), sizeof(handle));
		assert_int_equal(be64toh(handle), c->rules[i].handle);
	}
	assert_string_equal(chain_of(s, NFPROTO_IPV4, false, "filter", "FORWARD")->rules[0].comment,
			    "from outside");
	c = chain_of(s, NFPROTO_NETDEV, false, "n", "i");
	assert_int_equal(c->hook, FW_INGRESS);
	assert_int_equal(c->n_dev, 1);
	assert_string_equal(c->dev[0], "wan");
	assert_true(fw_table_find(s, NFPROTO_IPV4, "off")->dormant);
	assert_int_equal(s->n_objects, 3);
	for (size_t i = 0; i < 3; i++) {
		const struct fw_object *o = &s->objects[i];

		assert_string_equal(o->table->name, "t");
		assert_int_equal(o->type, *o->name == 'h' && o->name[1] ? NFT_OBJECT_COUNTER
					  : *o->name == 'h'		? NFT_OBJECT_CT_HELPER
									: NFT_OBJECT_QUOTA);
		assert_true(o->raw_len > 0);
	}
	assert_int_equal(s->n_sets, 1);
	assert_int_equal(s->sets[0]->data_len, 4);
	assert_memory_equal(s->sets[0]->elems[0].data, "\x0a\0\0\x01", 4);
	assert_memory_equal(s->sets[0]->elems[0].lo, "\0\x50", 2);
	assert_int_equal(s->n_links, 3);
	fw_snapshot_free(s);
	capture_free(cap);
}

/* Flowtables need a kernel with CONFIG_NF_FLOW_TABLE. */
static void test_flowtable(void **state)
{
	struct capture *cap;
	struct fw_snapshot *s;

	(void)state;
	lab_open();
	sh("ip link add wan type veth peer name out");
	if (sh_try("nft 'add table inet t; add flowtable inet t f { hook ingress priority 3; "
		   "devices = { wan, out }; }' 2>/dev/null")) {
		print_message("# this kernel has no flowtables\n");
		skip();
	}
	cap = rules_take();
	s = rules_parse(cap);
	assert_int_equal(s->n_flowtables, 1);
	assert_string_equal(s->flowtables[0].name, "f");
	assert_int_equal(s->flowtables[0].priority, 3);
	assert_int_equal(s->flowtables[0].n_dev, 2);
	assert_false(s->flowtables[0].offload);
	fw_snapshot_free(s);
	capture_free(cap);
}

static const struct fw_op *op_on(const struct fw_rule *r, enum fw_field f)
{
	for (size_t i = 0; i < r->n_ops; i++)
		if (r->ops[i].kind == FW_MATCH && r->ops[i].match.field == f)
			return &r->ops[i];
	fail_msg("no match of field %d", f);
	return NULL;
}

static void test_legacy6(void **state)
{
	static const uint8_t net[16] = { 0x20, 0x01, 0x0d, 0xb8, 0, 1 };
	static const uint8_t mask[16] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	const struct fw_chain *c;
	const struct fw_match *m;
	const struct fw_rule *r;
	struct capture *cap;
	struct fw_snapshot *s;

	(void)state;
	lab_open();
	sh("mount -t tmpfs none /run");
	feed("ip6tables-legacy-restore",
	     "*filter\n:FORWARD DROP [0:0]\n:OTHER - [0:0]\n"
	     "-A FORWARD -s 2001:db8:1::/48 ! -d 2001:db8::7 -i lan+ ! -o wan -p tcp -m tcp "
	     "--dport 80 -m comment --comment six -j OTHER\n"
	     "-A FORWARD -p ipv6-icmp -g OTHER\n-A FORWARD -j ACCEPT\n-A OTHER -j DROP\nCOMMIT\n");
	feed("iptables-legacy-restore",
	     "*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -s 10.0.0.0/8 -m comment --comment "
	     "four -j MASQUERADE\nCOMMIT\n");
	cap = rules_take();
	s = rules_parse(cap);
	c = chain_of(s, NFPROTO_IPV6, true, "filter", "FORWARD");
	assert_true(c->policy_drop);
	assert_int_equal(c->hook, FW_FORWARD);
	assert_int_equal(c->n_rules, 3);
	r = &c->rules[0];
	assert_string_equal(r->comment, "six");
	assert_int_equal((uintptr_t)r->raw % 8, 0);
	assert_int_equal(((const struct ip6t_entry *)r->raw)->next_offset, r->raw_len);
	m = &op_on(r, FW_F_SADDR6)->match;
	assert_memory_equal(m->mask, mask, 16);
	assert_memory_equal(m->r[0].lo, net, 16);
	assert_false(m->neg);
	assert_true(op_on(r, FW_F_DADDR6)->match.neg);
	assert_memory_equal(op_on(r, FW_F_IIFNAME)->match.mask, "\xff\xff\xff\0", 4);
	assert_true(op_on(r, FW_F_OIFNAME)->match.neg);
	assert_int_equal(op_on(r, FW_F_L4PROTO)->match.r[0].lo[0], IPPROTO_TCP);
	assert_memory_equal(op_on(r, FW_F_DPORT)->match.r[0].lo, "\0\x50", 2);
	assert_int_equal(r->ops[r->n_ops - 1].verdict.code, FW_JUMP);
	assert_string_equal(r->ops[r->n_ops - 1].verdict.chain->name, "OTHER");
	assert_int_equal(op_on(&c->rules[1], FW_F_L4PROTO)->match.r[0].lo[0], IPPROTO_ICMPV6);
	assert_int_equal(c->rules[1].ops[c->rules[1].n_ops - 1].verdict.code, FW_GOTO);
	assert_int_equal(c->rules[2].n_ops, 1); /* no protocol: none is asked for */
	assert_int_equal(chain_of(s, NFPROTO_IPV6, true, "filter", "OTHER")->n_rules, 1);
	c = chain_of(s, NFPROTO_IPV4, true, "nat", "POSTROUTING");
	assert_string_equal(c->rules[0].comment, "four");
	assert_true(c->nat);
	fw_snapshot_free(s);
	capture_free(cap);
}

/* A saved capture of each real ruleset gives the same snapshot. */
static void test_file(void **state)
{
	struct dirent **dirs;
	int n = scandir("tests/rulesets", &dirs, NULL, alphasort), seen = 0;

	(void)state;
	assert_true(n > 2);
	for (int i = 0; i < n; i++) {
		const char *d = dirs[i]->d_name, *legacy = strstr(d, "legacy") ? "legacy" : "nft";
		struct capture *cap;
		struct fw_snapshot *s;
		char *before, *after;

		if (*d == '.') {
			free(dirs[i]);
			continue;
		}
		lab_open();
		sh("mount -t tmpfs none /run");
		sh("ip link add wan type veth peer name lan"); /* that rules name as devices */
		sh("cd tests/rulesets/%s && for f in ruleset.nft ruleset-native.nft; do "
		   "[ ! -f $f ] || nft -f $f 2>/dev/null; done; true",
		   d);
		for (int j = 0; j < 2; j++)
			sh("f=tests/rulesets/%s/ip%stables-save.txt; [ ! -f $f ] || "
			   "ip%stables-%s-restore <$f 2>/dev/null; true",
			   d, j ? "6" : "", j ? "6" : "", legacy);
		cap = rules_take();
		s = rules_parse(cap);
		before = snapshot_text(s);
		assert_true(s->n_chains > 0);
		fw_snapshot_free(s);
		cap = through_file(cap);
		s = rules_parse(cap);
		after = snapshot_text(s);
		if (strcmp(before, after))
			fail_msg("%s: not the same from a file", d);
		fw_snapshot_free(s);
		capture_free(cap);
		free(before);
		free(after);
		free(dirs[i]);
		seen++;
	}
	free(dirs);
	assert_true(seen >= 5);
}

static void test_missing(void **state)
{
	static const char *const names[] = { "tables",	"chains",     "sets", "elements",
					     "objects", "flowtables", "rules" };
	struct fw_snapshot *s;
	struct err err;

	(void)state;
	lab_open();
	sh("nft 'add table ip t; add chain ip t c; add rule ip t c accept'");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct capture *c = rules_take();
		struct capture_record *r;

		r = (struct capture_record *)capture_find(c, "nft", names[i]);
		assert_non_null(r);
		assert_int_equal(capture_put(r, "\x20\0\0\0\1\2\3\4\5\6\7\x8\x9\0\0\0\0\0\0\0", 20),
				 0);
		assert_int_equal(fw_snapshot_parse(c, &s, &err), -EBADMSG);
		assert_non_null(strstr(err.text, names[i]));
		assert_non_null(strstr(err.text, "is damaged"));
		capture_del(c, r);
		assert_int_equal(fw_snapshot_parse(c, &s, &err), -EBADMSG);
		assert_non_null(strstr(err.text, "is missing"));
		capture_free(c);
	}
}

/* ---- changes meanwhile ------------------------------------------------------------------ */

#define GROUP 400 /* rules of one transaction: more than one page of a dump */

/* A child that replaces the rules of chain c, all with one comment, and the one element of set s,
 * in one transaction, again and again with a pause between, until it is killed. */
static pid_t changer(void)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* also if the test fails */
	for (unsigned round = 1;; round = round % 60000 + 1) {
		FILE *p = popen("nft -f - 2>/dev/null", "w");

		fprintf(p, "flush chain ip t c\nflush set ip t s\nadd element ip t s { %u }\n",
			round);
		for (unsigned i = 0; i < GROUP; i++)
			fprintf(p, "add rule ip t c counter comment r%u\n", round);
		pclose(p);
		usleep(1000);
	}
}

/* The round that rules and element are of; 0 before the first. */
static unsigned round_of(const struct fw_snapshot *s)
{
	const struct fw_chain *c = chain_of(s, NFPROTO_IPV4, false, "t", "c");
	const struct fw_set *set = fw_set_find(s, c->table, "s");
	char want[16];

	if (!c->n_rules && !set->n_elems)
		return 0;
	assert_int_equal(c->n_rules, GROUP);
	assert_int_equal(set->n_elems, 1);
	snprintf(want, sizeof(want), "r%u", set->elems[0].lo[0] << 8 | set->elems[0].lo[1]);
	for (size_t i = 0; i < c->n_rules; i++)
		assert_string_equal(c->rules[i].comment, want);
	return (unsigned)atoi(want + 1);
}

/* Captures while others change the rules: so many are enough, and on a slow machine these seconds.
 */
#define CAPTURES 40
#define CHANGES	 10
#define MOST_SEC 20

/* Whatever is captured while rules are replaced is one generation: never parts of two. */
static void test_changes(void **state)
{
	unsigned taken = 0, refused = 0, rounds = 0, last = 0;
	time_t end;
	pid_t pid;

	(void)state;
	lab_open();
	sh("nft 'add table ip t; add chain ip t c; add set ip t s { type inet_service; }'");
	/* so that time passes between the elements of s and the rules */
	sh("for i in $(seq 300); do echo \"add set ip t x$i { type ipv4_addr; }\"; done | nft -f "
	   "-");
	pid = changer();
	end = time(NULL) + MOST_SEC;
	while ((taken < CAPTURES || rounds < CHANGES) && time(NULL) < end) {
		struct capture *cap = capture_new("");
		struct err err = { 0 };
		struct fw_snapshot *s;
		int ret = fw_capture(cap, &err);

		if (ret) {
			assert_int_equal(ret, -EAGAIN);
			assert_non_null(strstr(err.text, "they changed at every attempt"));
			refused++;
		} else {
			s = rules_parse(cap);
			taken++;
			rounds += round_of(s) != last;
			last = round_of(s);
			fw_snapshot_free(s);
		}
		capture_free(cap);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	print_message("# %u captures of %u rule sets, %u refused\n", taken, rounds, refused);
	assert_true(taken >= 10);
	assert_true(rounds >= 3);
}

/* Elements of a set while sets come and go: no attempt fails for a set that is gone. */
static void test_sets_go(void **state)
{
	unsigned taken = 0;
	time_t end;
	pid_t pid;

	(void)state;
	lab_open();
	sh("nft 'add table ip t; add set ip t fixed { type ipv4_addr; }; "
	   "add element ip t fixed { 10.0.0.1 }'");
	fflush(NULL);
	pid = fork();
	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!pid)
		for (;;) {
			sh_try("for i in $(seq 60); do echo \"add set ip t x$i { type ipv4_addr; "
			       "}\";"
			       "done | nft -f - 2>/dev/null");
			sh_try("for i in $(seq 60); do echo delete set ip t x$i; done |"
			       "nft -f - 2>/dev/null");
			usleep(3000);
		}
	end = time(NULL) + MOST_SEC;
	while (taken < CAPTURES && time(NULL) < end) {
		struct capture *cap = capture_new("");
		struct err err = { 0 };
		struct fw_snapshot *s;
		int ret = fw_capture(cap, &err);

		if (ret) {
			assert_int_equal(ret, -EAGAIN);
			capture_free(cap);
			continue;
		}
		s = rules_parse(cap);
		assert_true(s->n_sets == 1 || s->n_sets == 61);
		fw_snapshot_free(s);
		capture_free(cap);
		taken++;
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	print_message("# %u captures\n", taken);
	assert_true(taken >= 5);
}

/* ---- size ------------------------------------------------------------------------------- */

static double cpu_ms(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e3 +
	       (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e3;
}

/* 10,000 rules and a set of 100,000 elements, all there and in bounded memory; the time is told
 * here, and measured by make bench. */
static void test_size(void **state)
{
	double start;
	FILE *p = NULL;
	struct capture *cap;
	struct fw_snapshot *s;
	struct rusage r;
	long before;

	(void)state;
	lab_open();
	p = popen("nft -f -", "w");
	assert_non_null(p);
	fprintf(p, "table inet big {\n set s { type ipv4_addr; }\n chain f {\n"
		   " type filter hook forward priority 0;\n");
	for (unsigned i = 0; i < 10000; i++)
		fprintf(p,
			"iifname wan%u ip saddr 10.%u.%u.0/24 ip daddr @s tcp dport %u ct state "
			"new counter accept comment \"rule %u\"\n",
			i % 7, i % 250, i / 250, 1 + i % 60000, i);
	fprintf(p, "}\n set e {\n type ipv4_addr . inet_service\n elements = {\n");
	for (unsigned i = 0; i < 100000; i++)
		fprintf(p, "10.%u.%u.%u . %u,\n", i >> 16, i >> 8 & 255, i & 255, 1 + i % 60000);
	fprintf(p, "}\n}\n}\n");
	assert_int_equal(pclose(p), 0);
	getrusage(RUSAGE_SELF, &r);
	before = r.ru_maxrss;
	start = cpu_ms();
	cap = rules_take();
	print_message("# captured in %.0f ms of processor time\n", cpu_ms() - start);
	s = rules_parse(cap);
	getrusage(RUSAGE_SELF, &r);
	print_message("# captured and parsed in %.0f ms, %ld MB\n", cpu_ms() - start,
		      (r.ru_maxrss - before) / 1024);
	assert_true(r.ru_maxrss - before < 100 * 1024);
	assert_int_equal(chain_of(s, NFPROTO_INET, false, "big", "f")->n_rules, 10000);
	assert_int_equal(fw_set_find(s, fw_table_find(s, NFPROTO_INET, "big"), "e")->n_elems,
			 100000);
	fw_snapshot_free(s);
	capture_free(cap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept),	cmocka_unit_test(test_flowtable),
		cmocka_unit_test(test_legacy6), cmocka_unit_test(test_file),
		cmocka_unit_test(test_missing), cmocka_unit_test(test_changes),
		cmocka_unit_test(test_sets_go), cmocka_unit_test(test_size),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
