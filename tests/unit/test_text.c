// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The text of rules that this kernel may not have, in tables of two tools, with names that are
 * no text, and of damaged bytes. tests/nft/test_foreign_text.c compares the rest to the tools.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include <cmocka.h>

#include "nft/text.h"

struct lab {
	struct fw_snapshot *snap;
	struct fw_table *table;
	struct fw_chain *chain;
	/* the rule being built */
	char buf[16384];
	struct nlmsghdr *nlh;
	struct nlattr *exprs, *elem, *data;
};

static void lab_begin(struct lab *l)
{
	struct nfgenmsg *g;

	memset(l->buf, 0, sizeof(l->buf));
	l->nlh = mnl_nlmsg_put_header(l->buf);
	g = mnl_nlmsg_put_extra_header(l->nlh, sizeof(*g));
	g->nfgen_family = (uint8_t)l->table->family;
	l->exprs = mnl_attr_nest_start(l->nlh, NFTA_RULE_EXPRESSIONS);
}

static void lab_new(struct lab *l, int family, const char *table, const char *chain,
		    enum fw_hook hook)
{
	memset(l, 0, sizeof(*l));
	l->snap = calloc(1, sizeof(*l->snap));
	assert_non_null(l->snap);
	l->table = fw_table_add(l->snap, family, table);
	l->chain = fw_chain_add(l->snap, l->table, chain);
	l->chain->hook = hook;
	lab_begin(l);
}

static void expr(struct lab *l, const char *name)
{
	l->elem = mnl_attr_nest_start(l->nlh, NFTA_LIST_ELEM);
	mnl_attr_put_strz(l->nlh, NFTA_EXPR_NAME, name);
	l->data = mnl_attr_nest_start(l->nlh, NFTA_EXPR_DATA);
}

static void u32(struct lab *l, uint16_t type, uint32_t v)
{
	mnl_attr_put_u32(l->nlh, type, htonl(v));
}

static void u16(struct lab *l, uint16_t type, uint16_t v)
{
	mnl_attr_put_u16(l->nlh, type, htons(v));
}

static void end(struct lab *l)
{
	mnl_attr_nest_end(l->nlh, l->data);
	mnl_attr_nest_end(l->nlh, l->elem);
}

static void immediate(struct lab *l, uint32_t reg, const void *v, size_t len)
{
	struct nlattr *nest;

	expr(l, "immediate");
	u32(l, NFTA_IMMEDIATE_DREG, reg);
	nest = mnl_attr_nest_start(l->nlh, NFTA_IMMEDIATE_DATA);
	mnl_attr_put(l->nlh, NFTA_DATA_VALUE, len, v);
	mnl_attr_nest_end(l->nlh, nest);
	end(l);
}

static void target(struct lab *l, const char *name, uint32_t rev, const void *info, size_t len)
{
	expr(l, "target");
	mnl_attr_put_strz(l->nlh, NFTA_TARGET_NAME, name);
	u32(l, NFTA_TARGET_REV, rev);
	mnl_attr_put(l->nlh, NFTA_TARGET_INFO, len, info);
	end(l);
}

/* The built rule; the next one begins. */
static struct fw_rule *rule(struct lab *l, const char *comment)
{
	struct fw_rule *r = fw_rule_add(l->chain, l->chain->n_rules + 7);
	void *raw;

	mnl_attr_nest_end(l->nlh, l->exprs);
	raw = fw_alloc(l->snap, l->nlh->nlmsg_len);
	memcpy(raw, l->nlh, l->nlh->nlmsg_len);
	r->raw = raw;
	r->raw_len = l->nlh->nlmsg_len;
	r->comment = comment;
	lab_begin(l);
	return r;
}

static void expect(struct lab *l, const struct fw_rule *r, const char *want)
{
	char *text = rule_text(l->snap, r, 0);

	assert_string_equal(text, want);
	free(text);
}

static void expect_place(struct lab *l, const struct fw_rule *r, const char *want)
{
	char *text = chain_place(l->snap, l->chain, r);

	assert_string_equal(text, want);
	free(text);
}

static void test_statements(void **state)
{
	struct lab l;

	(void)state;
	lab_new(&l, NFPROTO_INET, "t", "c", FW_FORWARD);
	expr(&l, "queue");
	u16(&l, NFTA_QUEUE_NUM, 0);
	end(&l);
	expect(&l, rule(&l, NULL), "queue to 0");
	expr(&l, "queue");
	u16(&l, NFTA_QUEUE_NUM, 3);
	u16(&l, NFTA_QUEUE_TOTAL, 4);
	u16(&l, NFTA_QUEUE_FLAGS, NFT_QUEUE_FLAG_BYPASS | NFT_QUEUE_FLAG_CPU_FANOUT);
	end(&l);
	expect(&l, rule(&l, NULL), "queue flags bypass,fanout to 3-6");
	expr(&l, "flow_offload");
	mnl_attr_put_strz(l.nlh, NFTA_FLOW_TABLE_NAME, "ft");
	end(&l);
	expect(&l, rule(&l, NULL), "flow add @ft");
	expr(&l, "last");
	end(&l);
	expect(&l, rule(&l, "a comment"), "last comment \"a comment\"");
	expr(&l, "objref");
	u32(&l, NFTA_OBJREF_IMM_TYPE, NFT_OBJECT_CT_TIMEOUT);
	mnl_attr_put_strz(l.nlh, NFTA_OBJREF_IMM_NAME, "slow");
	end(&l);
	expect(&l, rule(&l, NULL), "ct timeout set \"slow\"");
	fw_snapshot_free(l.snap);
}

/* What is not known stands where it is, in brackets or as nft has it. */
static void test_unknown(void **state)
{
	struct lab l;

	(void)state;
	lab_new(&l, NFPROTO_INET, "t", "c", FW_FORWARD);
	expr(&l, "counter");
	end(&l);
	expr(&l, "no-such-thing");
	end(&l);
	expr(&l, "notrack");
	end(&l);
	expect(&l, rule(&l, NULL), "counter [no-such-thing] notrack");
	target(&l, "DNAT", 9, "x", 1);
	expect(&l, rule(&l, NULL), "xt target \"DNAT\"");
	expr(&l, "meta");
	u32(&l, NFTA_META_KEY, 200);
	u32(&l, NFTA_META_DREG, NFT_REG_1);
	end(&l);
	expr(&l, "cmp");
	u32(&l, NFTA_CMP_SREG, NFT_REG_2); /* never written */
	end(&l);
	expect(&l, rule(&l, NULL), "[cmp]");
	expect_place(&l, &l.chain->rules[1], "inet t c handle 8");
	expect_place(&l, NULL, "inet t c");
	fw_snapshot_free(l.snap);
}

/* iptables' words for its extensions, and a place that the tool in question can be given. */
static void test_two_tools(void **state)
{
	const uint32_t mark[2] = { 5, 0xff }; /* struct xt_mark_tginfo2 */
	struct fw_rule *r;
	struct lab l;

	(void)state;
	lab_new(&l, NFPROTO_IPV6, "mangle", "FORWARD", FW_FORWARD);
	expr(&l, "counter");
	end(&l);
	target(&l, "MARK", 2, mark, sizeof(mark));
	r = rule(&l, NULL);
	expect(&l, r, "-A FORWARD -j MARK --set-xmark 0x5/0xff");
	expect_place(&l, r, "ip6tables -t mangle FORWARD, rule 1");
	assert_int_equal(table_tool(l.snap, l.table), TEXT_IPTABLES);
	target(&l, "NOVEL", 3, mark, sizeof(mark));
	expr(&l, "counter");
	end(&l);
	r = rule(&l, NULL);
	expect(&l, r, "-A FORWARD -j NOVEL [revision 3, 8 bytes]");
	/* a rule that nft alone writes: from now on iptables refuses the table */
	expr(&l, "notrack");
	end(&l);
	r = rule(&l, NULL);
	l.table->tool = 0; /* a snapshot does not change, and remembers */
	expect(&l, r, "notrack");
	expect_place(&l, r, "ip6 mangle FORWARD handle 9");
	expect(&l, &l.chain->rules[0], "-A FORWARD -j MARK --set-xmark 0x5/0xff");
	expect_place(&l, &l.chain->rules[0], "ip6 mangle FORWARD handle 7");
	assert_int_equal(table_tool(l.snap, l.table), TEXT_NFT);
	fw_snapshot_free(l.snap);
}

static void test_names(void **state)
{
	static const char *const t[][2] = {
		{ "tab\there", "tab\\x09here" },
		{ "\x1b[31mred", "\\x1b[31mred" },
		{ "k\xc3\xa4se \xe2\x82\xac", "k\xc3\xa4se \xe2\x82\xac" },
		{ "cut \xe2\x82", "cut \\xe2\\x82" },
		{ "long \xc0\xaf form", "long \\xc0\\xaf form" },
		{ "c1 \xc2\x9b here", "c1 \\xc2\\x9b here" },
		{ "turned \xe2\x80\xae round", "turned \\xe2\\x80\\xae round" },
	};
	char want[256], *text;
	struct lab l;

	(void)state;
	lab_new(&l, NFPROTO_INET, "t", "c", FW_FORWARD);
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		expr(&l, "counter");
		end(&l);
		snprintf(want, sizeof(want), "counter comment \"%s\"", t[i][1]);
		expect(&l, rule(&l, t[i][0]), want);
	}
	expr(&l, "counter");
	end(&l);
	text = rule_text(l.snap, rule(&l, "a comment of some length"), 20);
	assert_string_equal(text, "counter comment \"a c ...");
	free(text);
	fw_snapshot_free(l.snap);
}

static void expect_clean(const char *text, size_t max)
{
	assert_non_null(text);
	assert_in_range(strlen(text), 0, max + 4);
	for (; *text; text++)
		assert_true((unsigned char)*text >= 0x20 && *text != 0x7f);
}

static void text_of(struct lab *l, struct fw_rule *r, void *raw, size_t len)
{
	char *exact = malloc(len ? len : 1), *text;

	memcpy(exact, raw, len);
	r->raw = exact;
	r->raw_len = (uint32_t)len;
	text = rule_text(l->snap, r, 512);
	expect_clean(text, 512);
	free(text);
	free(exact);
	r->raw = NULL;
}

/* Every extension with every revision, cut short at every length and filled with anything. */
static void test_extensions(void **state)
{
	static const char *const names[] = {
		"tcp",	     "udp",	   "sctp",     "dccp",	    "multiport", "icmp",
		"icmp6",     "ttl",	   "hl",       "dscp",	    "tos",	 "length",
		"tcpmss",    "ecn",	   "esp",      "rt",	    "frag",	 "state",
		"conntrack", "mark",	   "connmark", "connbytes", "connlimit", "connlabel",
		"helper",    "socket",	   "limit",    "hashlimit", "recent",	 "statistic",
		"quota",     "time",	   "comment",  "addrtype",  "iprange",	 "mac",
		"owner",     "physdev",	   "pkttype",  "set",	    "rpfilter",	 "string",
		"policy",    "realm",	   "devgroup", "cpu",	    "cgroup",	 "DNAT",
		"SNAT",	     "MASQUERADE", "REDIRECT", "NETMAP",    "MARK",	 "CONNMARK",
		"REJECT",    "LOG",	   "NFLOG",    "NFQUEUE",   "TPROXY",	 "CT",
		"NOTRACK",   "TRACE",	   "TCPMSS",   "CHECKSUM",  "CLASSIFY",	 "DSCP",
		"TOS",	     "TTL",	   "HL",       "TEE",	    "SET",	 "AUDIT",
	};
	size_t n_names = sizeof(names) / sizeof(*names);
	uint8_t info[600];
	struct lab l;

	(void)state;
	srandom(20261123);
	lab_new(&l, NFPROTO_IPV4, "filter", "FORWARD", FW_FORWARD);
	for (size_t i = 0; i < n_names * 5; i++) {
		for (size_t len = 0; len < sizeof(info); len += 1 + (size_t)random() % 24) {
			struct fw_rule *r;

			for (size_t k = 0; k < len; k++)
				info[k] = (uint8_t)(random() % 3 ? random() : 0);
			l.table->family = len % 2 ? NFPROTO_IPV4 : NFPROTO_IPV6;
			expr(&l, "counter");
			end(&l);
			if (i / 5 >= 47) /* targets */ {
				target(&l, names[i / 5], i % 5, info, len);
			} else {
				expr(&l, "match");
				mnl_attr_put_strz(l.nlh, NFTA_MATCH_NAME, names[i / 5]);
				u32(&l, NFTA_MATCH_REV, i % 5);
				mnl_attr_put(l.nlh, NFTA_MATCH_INFO, len, info);
				end(&l);
			}
			l.chain->n_rules = 0;
			r = rule(&l, NULL);
			text_of(&l, r, (void *)r->raw, r->raw_len);
		}
	}
	fw_snapshot_free(l.snap);
}

/* Any bytes where an entry of iptables-legacy is expected. */
static void test_entries(void **state)
{
	uint8_t raw[512];
	struct fw_rule *r;
	struct lab l;

	(void)state;
	srandom(20261123);
	lab_new(&l, NFPROTO_IPV4, "filter", "FORWARD", FW_FORWARD);
	l.table->legacy = true;
	r = fw_rule_add(l.chain, 1);
	for (size_t i = 0; i < 20000; i++) {
		size_t len = (size_t)random() % sizeof(raw);
		bool v6 = random() % 2;

		l.table->family = v6 ? NFPROTO_IPV6 : NFPROTO_IPV4;
		for (size_t k = 0; k < len; k++)
			raw[k] = (uint8_t)random();
		if (v6 && len >= sizeof(struct ip6t_entry) && random() % 4) {
			((struct ip6t_entry *)raw)->next_offset = (uint16_t)len;
			((struct ip6t_entry *)raw)->target_offset = (uint16_t)(random() % 512);
		} else if (len >= sizeof(struct ipt_entry) && random() % 4) {
			((struct ipt_entry *)raw)->next_offset = (uint16_t)len;
			((struct ipt_entry *)raw)->target_offset = (uint16_t)(random() % 512);
		}
		text_of(&l, r, raw, len);
	}
	fw_snapshot_free(l.snap);
}

/* A rule of many expressions, bytes of which are changed or taken away. */
static void test_damaged(void **state)
{
	const uint8_t addr[16] = { 10, 1, 2, 3 };
	char raw[4096];
	struct fw_rule *r;
	struct lab l;
	size_t len;

	(void)state;
	srandom(20261123);
	lab_new(&l, NFPROTO_INET, "t", "c", FW_FORWARD);
	for (uint32_t key = 0; key < 12; key++) {
		expr(&l, "meta");
		u32(&l, NFTA_META_KEY, key);
		u32(&l, NFTA_META_DREG, NFT_REG_1);
		end(&l);
		expr(&l, "payload");
		u32(&l, NFTA_PAYLOAD_DREG, NFT_REG32_00 + key);
		u32(&l, NFTA_PAYLOAD_BASE, key % 3);
		u32(&l, NFTA_PAYLOAD_OFFSET, key);
		u32(&l, NFTA_PAYLOAD_LEN, 4);
		end(&l);
		immediate(&l, NFT_REG_1 + key % 4, addr, 4 + 4 * (key % 4));
		expr(&l, "nat");
		u32(&l, NFTA_NAT_TYPE, key % 2);
		u32(&l, NFTA_NAT_FAMILY, key % 3 ? NFPROTO_IPV4 : NFPROTO_IPV6);
		u32(&l, NFTA_NAT_REG_ADDR_MIN, NFT_REG_1 + key % 4);
		u32(&l, NFTA_NAT_REG_PROTO_MIN, NFT_REG_2);
		end(&l);
	}
	r = rule(&l, "x");
	len = r->raw_len;
	assert_in_range(len, 1, sizeof(raw));
	memcpy(raw, r->raw, len);
	for (size_t i = 0; i < 20000; i++) {
		char bytes[4096];
		size_t cut = i % 3 ? len : (size_t)random() % len;

		memcpy(bytes, raw, len);
		for (long n = random() % 4; n > 0; n--)
			bytes[16 + (size_t)random() % (len - 16)] = (char)random();
		if (i % 5 == 0)
			((struct nlmsghdr *)bytes)->nlmsg_len = (uint32_t)cut;
		text_of(&l, r, bytes, cut);
	}
	fw_snapshot_free(l.snap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statements), cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_two_tools),  cmocka_unit_test(test_names),
		cmocka_unit_test(test_extensions), cmocka_unit_test(test_entries),
		cmocka_unit_test(test_damaged),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
