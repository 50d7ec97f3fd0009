// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <linux/membarrier.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "nft/handover.h"
#include "nft/table_model.h"

static void handover_name(const char *ifname, char buf[NAME_SIZE])
{
	char own[NAME_SIZE];

	snprintf(buf, NAME_SIZE, NAME_TABLE_PREFIX "handover_%.32s",
		 table_name(ifname, own) + strlen(NAME_TABLE_PREFIX));
}

#define NAME_HOSTS  "hosts"
#define NAME_HOSTS6 "hosts6"
#define RULES	    2 /* one for each family */

static const char comment[] = "flows are being handed back to masquerade";

/* IP iifname WAN IP daddr @hosts counter notrack */
static void answers_rule(struct rule *r, const char *ifname, bool ipv6)
{
	rule_init(r, comment);
	match_nfproto(r, ipv6 ? NFPROTO_IPV6 : NFPROTO_IPV4);
	match_iifname(r, ifname);
	match_ip_set(r, MATCH_DST, ipv6 ? NAME_HOSTS6 : NAME_HOSTS, false);
	do_counter(r);
	do_notrack(r);
	rule_finish(r, comment);
}

/* IP oifname WAN meta l4proto tcp IP saddr @hosts counter drop: by this router in their name */
static void resets_rule(struct rule *r, const char *ifname, bool ipv6)
{
	rule_init(r, comment);
	match_nfproto(r, ipv6 ? NFPROTO_IPV6 : NFPROTO_IPV4);
	match_oifname(r, ifname);
	match_l4proto(r, IPPROTO_TCP);
	match_ip_set(r, MATCH_SRC, ipv6 ? NAME_HOSTS6 : NAME_HOSTS, false);
	do_counter(r);
	do_drop(r);
	rule_finish(r, comment);
}

int nft_handover_begin(const char *ifname, const struct net_list *hosts, struct err *err)
{
	struct rule answers[RULES], resets[RULES];
	struct chain chain[] = { { .name = "answers",
				   .type = "filter",
				   .hook = NF_INET_PRE_ROUTING,
				   .prio = NF_IP_PRI_RAW,
				   .rule = answers,
				   .n = RULES },
				 { .name = "resets",
				   .type = "filter",
				   .hook = NF_INET_LOCAL_OUT,
				   .prio = NF_IP_PRI_RAW,
				   .rule = resets,
				   .n = RULES } };
	struct table t = { .chain = chain, .n_chains = 2 };
	int ret;

	handover_name(ifname, t.name);
	table_add_ranges(&t, NAME_HOSTS, false, "hosts whose flows are handed back", hosts);
	table_add_ranges(&t, NAME_HOSTS6, true, "hosts whose flows are handed back", hosts);
	for (size_t i = 0; i < RULES; i++) {
		answers_rule(&answers[i], ifname, i == 1);
		resets_rule(&resets[i], ifname, i == 1);
		t.failed |= answers[i].failed || resets[i].failed;
	}
	ret = t.failed ? err_sys(err, ENOMEM, "nftables table %s", t.name) : table_send(&t, err);
	for (size_t i = 0; i < RULES; i++) {
		rule_free(&answers[i]);
		rule_free(&resets[i]);
	}
	table_clear_sets(&t);
	return ret;
}

int nft_handover_remove(const char *ifname, struct err *err)
{
	char name[NAME_SIZE];

	handover_name(ifname, name);
	return table_delete(name, err);
}

/*
 * Until every packet is through that the programs have still translated: one that is between them
 * and conntrack just now must meet the rules. The command waits for a grace period of RCU, and
 * with it for each softirq that has begun (since Linux 4.20); not with nohz_full.
 */
static void wait_for_packets(void)
{
	if (syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		usleep(20000);
}

int nft_handover_end(const char *ifname, struct err *err)
{
	wait_for_packets();
	return nft_handover_remove(ifname, err);
}
