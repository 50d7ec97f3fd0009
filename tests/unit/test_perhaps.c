// SPDX-License-Identifier: GPL-2.0-or-later
/* Matches without an answer: what can be said of the packets that they leave all the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_connmark.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_physdev.h>
#include <linux/netfilter/xt_recent.h>
#include <linux/netfilter/xt_set.h>
#include <linux/netfilter/xt_statistic.h>
#include <linux/netfilter/xt_tcpmss.h>

#include <cmocka.h>

#include "nft/walk.h"

/* What a walk met, of each kind: how often, whether certain, whether a sender's list was named. */
struct met {
	unsigned n, certain, named;
};

struct lab {
	struct fw_snapshot *snap;
	struct fw_chain *base, *side;
	struct met met[WALK_WHAT_COUNT];
};

static int start(void **state)
{
	struct lab *l = calloc(1, sizeof(*l));
	struct fw_table *t;

	l->snap = calloc(1, sizeof(*l->snap));
	t = fw_table_add(l->snap, NFPROTO_IPV4, "filter");
	l->base = fw_chain_add(l->snap, t, "FORWARD");
	l->base->hook = FW_FORWARD;
	l->side = fw_chain_add(l->snap, t, "LOGDROP");
	*state = l;
	return 0;
}

static int stop(void **state)
{
	struct lab *l = *state;

	fw_snapshot_free(l->snap);
	free(l);
	return 0;
}

static int meet(struct walk *w, const struct walk_meeting *m)
{
	struct lab *l = w->data;

	l->met[m->what].n++;
	l->met[m->what].certain += m->will;
	for (size_t i = 0; i < m->packets->n; i++)
		l->met[m->what].named += m->packets->b[i].named >> DIM_SADDR & 1;
	return 0;
}

static void go(struct lab *l, bool apart)
{
	struct space *s = space_new(l->snap, NULL);
	struct walk w = { .space = s, .snap = l->snap, .meet = meet, .data = l, .apart = apart };
	struct region r = { 0 };

	memset(l->met, 0, sizeof(l->met));
	region_all(s, &r, NFPROTO_IPV4);
	assert_int_equal(walk_hook(&w, FW_FORWARD, &r), 0);
	region_clear(&r);
	space_free(s);
}

static struct fw_rule *rule(struct fw_chain *c)
{
	struct fw_rule *r = fw_rule_add(c, c->n_rules + 1);

	assert_non_null(r);
	return r;
}

static void verdict(struct fw_rule *r, enum fw_code code, const struct fw_chain *to)
{
	struct fw_op *op = fw_op_add(r, FW_VERDICT);

	assert_non_null(op);
	op->verdict = (struct fw_verdict){ .code = code, .chain = to };
}

#define XT(r, name, rev, info) assert_int_equal(xt_match(r, name, rev, &(info), sizeof(info)), 0)

static void from_set(struct fw_rule *r, unsigned flags)
{
	struct xt_set_info_match_v4 i = { .match_set = { .index = 3, .dim = 1, .flags = flags } };

	XT(r, "set", 4, i);
}

/* A block list takes senders; who is not on it, is judged as if there were none. */
static void list_of_senders(void **state)
{
	struct lab *l = *state;
	struct fw_rule *r = rule(l->base);

	from_set(r, IPSET_DIM_ONE_SRC);
	verdict(r, FW_DROP, NULL);
	l->base->policy_drop = true;
	go(l, true);
	assert_int_equal(l->met[WALK_DROP].n, 1);
	assert_int_equal(l->met[WALK_DROP].certain, 0);
	assert_int_equal(l->met[WALK_DROP].named, 1);
	assert_int_equal(l->met[WALK_POLICY].certain, 1);
	assert_int_equal(l->met[WALK_POLICY].named, 0);
	/* where what was dropped counts, nothing behind it is certain */
	go(l, false);
	assert_int_equal(l->met[WALK_POLICY].n, 1);
	assert_int_equal(l->met[WALK_POLICY].certain, 0);
}

/* The other way round it lets only some in; and a list of destinations is none of senders. */
static void other_lists(void **state)
{
	static const unsigned flags[] = { IPSET_DIM_ONE_SRC | IPSET_INV_MATCH, 0 };
	struct lab *l = *state;

	for (size_t i = 0; i < 2; i++) {
		struct fw_rule *r = rule(l->base);

		from_set(r, flags[i]);
		verdict(r, FW_DROP, NULL);
	}
	go(l, true);
	assert_int_equal(l->met[WALK_DROP].n, 2);
	assert_int_equal(l->met[WALK_DROP].named, 0);
}

/* Whom a list lets in or masquerades, it does not name: nobody owns what is on it. */
static void lists_that_do_not_drop(void **state)
{
	struct lab *l = *state;
	struct fw_rule *r = rule(l->base);

	from_set(r, IPSET_DIM_ONE_SRC);
	assert_non_null(fw_op_add(r, FW_SNAT));
	r = rule(l->base);
	from_set(r, IPSET_DIM_ONE_SRC);
	verdict(r, FW_ACCEPT, NULL);
	l->base->policy_drop = true;
	go(l, true);
	assert_int_equal(l->met[WALK_SNAT].n, 1);
	assert_int_equal(l->met[WALK_SNAT].named, 0);
	assert_int_equal(l->met[WALK_POLICY].n, 1);
	assert_int_equal(l->met[WALK_POLICY].certain, 0); /* all may have been let in */
}

/* A chain that counts or logs, and drops, is a drop; one that lets something through is not. */
static void chain_that_drops(void **state)
{
	struct lab *l = *state;
	struct fw_rule *r = rule(l->base);

	from_set(r, IPSET_DIM_ONE_SRC);
	verdict(r, FW_JUMP, l->side);
	assert_int_equal(fw_maybe(rule(l->side)), 0); /* --limit 3/min -j LOG */
	r = rule(l->side);
	verdict(r, FW_DROP, NULL);
	l->base->policy_drop = true;
	go(l, true);
	assert_int_equal(l->met[WALK_DROP].named, 1);
	assert_int_equal(l->met[WALK_POLICY].certain, 1);
	verdict(&l->side->rules[0], FW_RETURN, NULL);
	go(l, true);
	assert_int_equal(l->met[WALK_DROP].named, 0);
	assert_true(l->met[WALK_POLICY].n);
	assert_int_equal(l->met[WALK_POLICY].certain, 0);
}

static void recent(struct lab *l, unsigned check, bool inverted)
{
	struct xt_recent_mtinfo_v1 i = { .check_set = (uint8_t)check,
					 .invert = inverted,
					 .side = XT_RECENT_SOURCE };
	struct fw_rule *r = rule(l->base);

	XT(r, "recent", 1, i);
	verdict(r, FW_DROP, NULL);
}

static void list_of_recent(void **state)
{
	struct lab *l = *state;

	recent(l, XT_RECENT_UPDATE, false);
	go(l, true);
	assert_int_equal(l->met[WALK_DROP].named, 1);
	assert_int_equal(l->met[WALK_DROP].certain, 0);
	recent(l, XT_RECENT_CHECK, true);
	go(l, true);
	assert_int_equal(l->met[WALK_DROP].n, 2);
	assert_int_equal(l->met[WALK_DROP].named, 1);
	/* to put a sender on the list is no question */
	recent(l, XT_RECENT_SET, false);
	go(l, true);
	assert_int_equal(l->met[WALK_DROP].certain, 1);
}

/* Two rules, of which the first takes a share. */
static void share(struct lab *l, uint32_t probability)
{
	struct xt_statistic_info i = { .mode = XT_STATISTIC_MODE_RANDOM,
				       .u.random.probability = probability };
	struct fw_rule *r = rule(l->base);

	XT(r, "statistic", 0, i);
	assert_non_null(fw_op_add(r, FW_DNAT));
	assert_non_null(fw_op_add(rule(l->base), FW_DNAT));
	go(l, true);
	assert_int_equal(l->met[WALK_DNAT].n, 2);
}

/* A die: some packets go here and some there, for certain. */
static void die(void **state)
{
	struct lab *l = *state;

	share(l, 0x40000000);
	assert_int_equal(l->met[WALK_DNAT].certain, 2);
}

/* Written so that all are the same: not looked into. */
static void loaded_die(void **state)
{
	struct lab *l = *state;

	share(l, 0x80000000);
	assert_int_equal(l->met[WALK_DNAT].certain, 0);
}

static void mss(struct lab *l, uint16_t lo, uint16_t hi, bool inverted)
{
	struct xt_tcpmss_match_info i = { .mss_min = lo, .mss_max = hi, .invert = inverted };
	struct fw_rule *r = rule(l->base);

	XT(r, "tcpmss", 0, i);
	verdict(r, FW_DROP, NULL);
}

/* No host sends another MSS than one of these; of a narrower range it is not known. */
static void usual_mss(void **state)
{
	struct lab *l = *state;

	mss(l, 536, 65535, true);
	go(l, true);
	assert_int_equal(l->met[WALK_DROP].n, 0);
	mss(l, 1300, 65535, true);
	go(l, true);
	assert_int_equal(l->met[WALK_DROP].n, 1);
	assert_int_equal(l->met[WALK_DROP].certain, 0);
}

/* A match that is understood, but not for all addresses: the same. */
static void sender_of_some_type(void **state)
{
	struct xt_addrtype_info_v1 i = { .source = XT_ADDRTYPE_BROADCAST };
	struct lab *l = *state;
	struct fw_rule *r = rule(l->base);

	XT(r, "addrtype", 1, i);
	verdict(r, FW_DROP, NULL);
	l->base->policy_drop = true;
	go(l, true);
	assert_int_equal(l->met[WALK_DROP].n, 1);
	assert_int_equal(l->met[WALK_POLICY].certain, 1);
	go(l, false);
	assert_int_equal(l->met[WALK_POLICY].certain, 1); /* 0.0.0.1, say, is no broadcast */
}

/* What was dropped for certain is gone for the rest of the chain. */
static void dropped_for_certain(void **state)
{
	struct lab *l = *state;
	struct fw_rule *r = rule(l->base);

	assert_int_equal(fw_match_u32(r, FW_F_L4PROTO, false, 0xff, 17, 17), 0);
	verdict(r, FW_DROP, NULL);
	r = rule(l->base);
	from_set(r, IPSET_DIM_ONE_SRC);
	verdict(r, FW_DROP, NULL);
	r = rule(l->base);
	assert_int_equal(fw_match_u32(r, FW_F_L4PROTO, false, 0xff, 17, 17), 0);
	assert_non_null(fw_op_add(r, FW_REJECT));
	go(l, true);
	assert_int_equal(l->met[WALK_DROP].n, 2);
	assert_int_equal(l->met[WALK_REJECT].n, 0);
}

static void accept_state(struct lab *l, uint16_t mask)
{
	struct xt_conntrack_mtinfo3 i = { .match_flags =
						  XT_CONNTRACK_STATE | XT_CONNTRACK_STATE_ALIAS,
					  .state_mask = mask };
	struct fw_rule *r = rule(l->base);

	XT(r, "conntrack", 3, i);
	verdict(r, FW_ACCEPT, NULL);
	l->base->policy_drop = true;
	go(l, true);
}

/* "--ctstate DNAT": a new connection that no rule has sent elsewhere is known to be none. */
static void state_of_forwarded(void **state)
{
	struct lab *l = *state;

	accept_state(l, XT_CONNTRACK_STATE_DNAT | XT_CONNTRACK_STATE_BIT(IP_CT_ESTABLISHED));
	assert_int_equal(l->met[WALK_POLICY].certain, 1);
	accept_state(l, XT_CONNTRACK_STATE_DNAT | XT_CONNTRACK_STATE_BIT(IP_CT_NEW));
	assert_int_equal(l->met[WALK_POLICY].n, 0);
}

/* Packets that are routed are not bridged. */
static void not_bridged(void **state)
{
	struct xt_physdev_info i = { .bitmask = XT_PHYSDEV_OP_BRIDGED };
	struct lab *l = *state;
	struct fw_rule *r = rule(l->base);

	XT(r, "physdev", 0, i);
	verdict(r, FW_ACCEPT, NULL);
	l->base->policy_drop = true;
	go(l, true);
	assert_int_equal(l->met[WALK_POLICY].certain, 1);
	i.invert = XT_PHYSDEV_OP_BRIDGED;
	r = rule(l->base);
	XT(r, "physdev", 0, i);
	verdict(r, FW_ACCEPT, NULL);
	go(l, true);
	assert_int_equal(l->met[WALK_POLICY].n, 0);
}

/* After --set-mark and --save-mark a new connection has a mark, in either revision. */
static void connection_mark(void **state)
{
	static const unsigned modes[] = { XT_CONNMARK_SET, XT_CONNMARK_SAVE };
	struct lab *l = *state;

	for (size_t i = 0; i < 2; i++) {
		struct xt_connmark_tginfo1 one = { 1, 1, 1, (uint8_t)modes[i] };
		struct xt_connmark_tginfo2 two = { 1, 1, 1, 0, 0, (uint8_t)modes[i] };
		struct fw_rule *r = rule(l->base);

		assert_int_equal(xt_target(r, "CONNMARK", 1, &one, sizeof(one)), 0);
		assert_int_equal(xt_target(r, "CONNMARK", 2, &two, sizeof(two)), 0);
		assert_int_equal(r->n_ops, 2);
		for (size_t j = 0; j < 2; j++) {
			assert_int_equal(r->ops[j].kind, FW_CTSET);
			assert_int_equal(r->ops[j].ctset.key, FW_CT_MARK);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(list_of_senders, start, stop),
		cmocka_unit_test_setup_teardown(other_lists, start, stop),
		cmocka_unit_test_setup_teardown(lists_that_do_not_drop, start, stop),
		cmocka_unit_test_setup_teardown(chain_that_drops, start, stop),
		cmocka_unit_test_setup_teardown(list_of_recent, start, stop),
		cmocka_unit_test_setup_teardown(die, start, stop),
		cmocka_unit_test_setup_teardown(loaded_die, start, stop),
		cmocka_unit_test_setup_teardown(usual_mss, start, stop),
		cmocka_unit_test_setup_teardown(sender_of_some_type, start, stop),
		cmocka_unit_test_setup_teardown(dropped_for_certain, start, stop),
		cmocka_unit_test_setup_teardown(state_of_forwarded, start, stop),
		cmocka_unit_test_setup_teardown(not_bridged, start, stop),
		cmocka_unit_test_setup_teardown(connection_mark, start, stop),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
