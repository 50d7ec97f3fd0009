// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Truncated and damaged input for the decoders of x_tables structures, of iptables-legacy
 * tables and of nf_tables rules: no crash (run it under ASan), and doubt only ever widens.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter_ipv4/ip_tables.h>

#include "foreign_lab.h"
#include "nft/read.h"

struct scratch {
	struct fw_snapshot *snap;
	struct fw_chain *chain;
};

static struct scratch scratch_new(void)
{
	struct scratch s = { .snap = calloc(1, sizeof(*s.snap)) };

	s.chain = fw_chain_add(s.snap, fw_table_add(s.snap, NFPROTO_IPV4, "filter"), "FORWARD");
	s.chain->hook = FW_FORWARD;
	return s;
}

/* The operations that one extension gives, its data in a buffer of exactly @len bytes. */
static const struct fw_rule *decode(struct scratch *s, bool target, const char *name, unsigned rev,
				    const void *data, size_t len)
{
	struct fw_rule *r = fw_rule_add(s->chain, s->chain->n_rules + 1);
	void *exact = malloc(len ? len : 1);

	if (data)
		memcpy(exact, data, len);
	else
		for (size_t i = 0; i < len; i++)
			((uint8_t *)exact)[i] = (uint8_t)random();
	assert_int_equal(target ? xt_target(r, name, rev, exact, len)
				: xt_match(r, name, rev, exact, len),
			 0);
	free(exact);
	return r;
}

static const struct fw_op *only(const struct fw_rule *r, enum fw_kind kind)
{
	assert_int_equal(r->n_ops, 1);
	assert_int_equal(r->ops[0].kind, kind);
	return &r->ops[0];
}

static void test_truncated(void **state)
{
	static const char *const nats[] = { "SNAT", "MASQUERADE", "DNAT", "REDIRECT" };
	static const enum fw_kind kinds[] = { FW_SNAT, FW_SNAT, FW_DNAT, FW_REDIRECT };
	static const char *const matches[] = { "tcp",	   "udp",     "mark", "state",
					       "addrtype", "iprange", "set",  "no-such-match" };
	struct scratch s = scratch_new();
	const struct fw_op *op;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		for (unsigned rev = 0; rev < 4; rev++)
			only(decode(&s, true, nats[i], rev, NULL, 3), kinds[i]);
	for (size_t i = 0; i < sizeof(matches) / sizeof(*matches); i++)
		for (unsigned rev = 0; rev < 3; rev++)
			only(decode(&s, false, matches[i], rev, NULL, 2), FW_MAYBE);
	op = only(decode(&s, true, "MARK", 2, NULL, 5), FW_SETMARK);
	assert_int_equal(op->setmark.unknown, ~0u);
	only(decode(&s, true, "no-such-target", 0, NULL, 8), FW_UNKNOWN);
	op = only(decode(&s, true, "NFQUEUE", 3, NULL, 0), FW_VERDICT);
	assert_int_equal(op->verdict.code, FW_QUEUE);
	only(decode(&s, true, "REJECT", 0, NULL, 0), FW_REJECT);
	fw_snapshot_free(s.snap);
}

static void test_values(void **state)
{
	struct xt_conntrack_mtinfo3 ct = { .match_flags = XT_CONNTRACK_STATE,
					   .state_mask = XT_CONNTRACK_STATE_DNAT | 8 };
	struct xt_multiport_v1 mp = { .flags = XT_MULTIPORT_DESTINATION, .count = 200 };
	static const uint8_t want[4] = { 0x80, 0, 0, 8 };
	struct scratch s = scratch_new();
	const struct fw_op *op;

	(void)state;
	op = only(decode(&s, false, "conntrack", 3, &ct, sizeof(ct)), FW_MATCH);
	assert_int_equal(op->match.field, FW_F_CTSTATE);
	assert_true(op->match.neg);
	assert_memory_equal(op->match.mask, want, 4);
	only(decode(&s, false, "conntrack", 4, &ct, sizeof(ct)), FW_MAYBE);
	ct.match_flags = XT_CONNTRACK_ORIGSRC;
	only(decode(&s, false, "conntrack", 3, &ct, sizeof(ct)), FW_MAYBE);
	only(decode(&s, false, "multiport", 1, &mp, sizeof(mp)), FW_MAYBE);
	mp.count = 3;
	mp.flags = XT_MULTIPORT_EITHER;
	only(decode(&s, false, "multiport", 1, &mp, sizeof(mp)), FW_MAYBE);
	/* the last port is said to begin a range that does not follow */
	mp = (struct xt_multiport_v1){ .flags = XT_MULTIPORT_DESTINATION,
				       .count = 2,
				       .ports = { 80, 90 },
				       .pflags = { 0, 1 } };
	op = only(decode(&s, false, "multiport", 1, &mp, sizeof(mp)), FW_MATCH);
	assert_int_equal(op->match.n, 2);
	fw_snapshot_free(s.snap);
}

static void test_random_extensions(void **state)
{
	static const char *const names[] = {
		"tcp",	    "udp",     "multiport", "mark",	"conntrack",  "state",
		"addrtype", "iprange", "comment",   "SNAT",	"DNAT",	      "MARK",
		"CONNMARK", "CT",      "NETMAP",    "REDIRECT", "MASQUERADE", "TPROXY",
	};

	(void)state;
	srandom(1);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct scratch s = scratch_new();

		for (size_t len = 0; len < 260; len++)
			decode(&s, random() & 1, names[i], (unsigned)random() % 5, NULL, len);
		fw_snapshot_free(s.snap);
	}
}

/* Any answer but a crash; jumps that a damaged table makes into a loop are found. */
static void analyse(struct fw_snapshot *s)
{
	struct foreign *f;
	struct err err;
	int ret = foreign_analyse(s, "wan", 1, 1, &f, &err);

	if (!ret)
		foreign_free(f);
	else
		assert_true(ret == -ELOOP || ret == -E2BIG);
}

static void load(const char *text, const char *command)
{
	FILE *p = popen(command, "w");

	assert_non_null(p);
	fputs(text, p);
	assert_int_equal(pclose(p), 0);
}

#define LEGACY_RULES                                                                               \
	"*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n:A - [0:0]\n:B - [0:0]\n"      \
	"-A PREROUTING -i wan -m addrtype --dst-type LOCAL -j A\n"                                 \
	"-A A -p tcp -m multiport --dports 1,5:9 -g B\n-A A -m mark --mark 0x1/0x3 -j RETURN\n"    \
	"-A B -p tcp --dport 80 -j DNAT --to 10.0.0.1\n"                                           \
	"-A POSTROUTING -s 10.0.0.0/8 -o wan -m conntrack --ctstate NEW -j MASQUERADE\nCOMMIT\n"

static void test_damaged_legacy(void **state)
{
	struct ipt_getinfo info = { .name = "nat" };
	struct ipt_get_entries *e;
	socklen_t len = sizeof(info);
	int fd, good = 0;
	uint8_t *blob;

	(void)state;
	lab_open();
	sh("mount -t tmpfs none /run");
	load(LEGACY_RULES, "iptables-legacy-restore");
	fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	assert_int_equal(getsockopt(fd, IPPROTO_IP, IPT_SO_GET_INFO, &info, &len), 0);
	len = (socklen_t)(sizeof(*e) + info.size);
	e = calloc(1, len);
	strcpy(e->name, "nat");
	e->size = info.size;
	assert_int_equal(getsockopt(fd, IPPROTO_IP, IPT_SO_GET_ENTRIES, e, &len), 0);
	close(fd);
	srandom(2);
	for (unsigned i = 0; i < 9000; i++) {
		struct fw_snapshot *s = calloc(1, sizeof(*s));
		/* every length once, then whole tables with a few bytes changed */
		size_t size = i < info.size ? i : info.size;
		int ret;

		blob = malloc(size ? size : 1);
		memcpy(blob, e->entrytable, size);
		for (unsigned j = 0; i > info.size && j < 1 + i % 4; j++)
			blob[(size_t)random() % size] = (uint8_t)random();
		ret = legacy_parse(s, NFPROTO_IPV4, &info, blob, size);
		assert_true(!ret || ret == -EBADMSG);
		if (!ret && i == info.size)
			assert_true(s->n_chains >= 4);
		if (!ret)
			analyse(s);
		good += !ret;
		free(blob);
		fw_snapshot_free(s);
	}
	assert_true(good > 300); /* else nothing was tested behind the first check */
	free(e);
}

/* The expressions of every rule of the namespace, one after the other. */
struct rules {
	uint8_t *expr[64];
	size_t n;
};

static int collect(const struct nlmsghdr *nlh, void *data)
{
	struct rules *r = data;
	const struct nlattr *a;

	mnl_attr_for_each (a, nlh, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(a) != NFTA_RULE_EXPRESSIONS || r->n == 64)
			continue;
		r->expr[r->n] = malloc(a->nla_len);
		memcpy(r->expr[r->n++], a, a->nla_len);
	}
	return MNL_CB_OK;
}

static void dump_rules(struct rules *r)
{
	struct mnl_socket *nl = mnl_socket_open(NETLINK_NETFILTER);
	struct nlmsghdr *nlh;
	char buf[65536];
	ssize_t n;

	nlh = mnl_nlmsg_put_header(buf);
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct nfgenmsg));
	nlh->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	assert_true(mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) > 0);
	do {
		n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		assert_true(n > 0);
	} while (mnl_cb_run(buf, (size_t)n, 0, 0, collect, r) > 0);
	mnl_socket_close(nl);
}

static void test_damaged_rules(void **state)
{
	struct rules r = { .n = 0 };

	(void)state;
	lab_open();
	load("table ip t {\n chain c {\n type filter hook forward priority 0;\n iifname wan ip "
	     "saddr "
	     "10.0.0.0/8 ip daddr 192.0.2.1 tcp dport 1-9 meta mark & 1 == 1 accept\n ct state "
	     "established,related drop\n meta mark set meta mark & 0xff00 | 0x17\n ip saddr . "
	     "tcp dport { 10.0.0.1 . 80 } limit rate 1/second drop\n}\n}\n",
	     "nft -f -");
	load("*filter\n:FORWARD DROP [0:0]\n-A FORWARD -p tcp -m multiport --dports 1,2 -m "
	     "addrtype "
	     "--dst-type LOCAL -j MARK --set-mark 5\nCOMMIT\n",
	     "iptables-nft-restore");
	dump_rules(&r);
	assert_true(r.n >= 5);
	srandom(3);
	for (unsigned i = 0; i < 10000; i++) {
		struct scratch s = scratch_new();
		struct nlattr *a;
		uint16_t len;

		memcpy(&len, r.expr[i % r.n], sizeof(len));
		a = malloc(len);
		memcpy(a, r.expr[i % r.n], len);
		for (unsigned j = 0; j < i % 5; j++)
			((uint8_t *)a)[4 + (size_t)random() % (len - 4u)] = (uint8_t)random();
		assert_int_equal(fw_lower_rule(s.snap, fw_rule_add(s.chain, 1), a), 0);
		analyse(s.snap);
		free(a);
		fw_snapshot_free(s.snap);
	}
	for (size_t i = 0; i < r.n; i++)
		free(r.expr[i]);
}

/* Chains that the kernel would not accept: a loop, and paths that multiply without end. */
static void test_endless(void **state)
{
	struct scratch s = scratch_new();
	struct fw_chain *a[24];
	struct foreign *f;
	struct err err;

	(void)state;
	fw_op_add(fw_rule_add(s.chain, 1), FW_VERDICT)->verdict =
		(struct fw_verdict){ FW_JUMP, s.chain };
	/* what only drops costs a warning; what translates must be known */
	assert_int_equal(foreign_analyse(s.snap, "wan", 0, 0, &f, &err), 0);
	foreign_free(f);
	s.chain->hook = FW_POSTROUTING;
	assert_int_equal(foreign_analyse(s.snap, "wan", 0, 0, &f, &err), -ELOOP);
	fw_snapshot_free(s.snap);
	s = scratch_new();
	a[0] = s.chain;
	for (int i = 1; i < 24; i++)
		a[i] = fw_chain_add(s.snap, s.chain->table, "c");
	for (int i = 0; i < 23; i++)
		for (int j = 0; j < 2; j++) {
			struct fw_rule *r = fw_rule_add(a[i], 1);

			fw_maybe(r);
			fw_op_add(r, FW_VERDICT)->verdict =
				(struct fw_verdict){ FW_JUMP, a[i + 1] };
		}
	assert_int_equal(foreign_analyse(s.snap, "wan", 0, 0, &f, &err), 0);
	foreign_free(f);
	s.chain->hook = FW_POSTROUTING;
	assert_int_equal(foreign_analyse(s.snap, "wan", 0, 0, &f, &err), -E2BIG);
	assert_non_null(strstr(err.text, "too many paths"));
	fw_snapshot_free(s.snap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_truncated),	  cmocka_unit_test(test_values),
		cmocka_unit_test(test_random_extensions), cmocka_unit_test(test_damaged_legacy),
		cmocka_unit_test(test_damaged_rules),	  cmocka_unit_test(test_endless),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
