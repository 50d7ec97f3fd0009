// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <stdio.h>
#include <string.h>

#include "nft/handover.h"
#include "nft/table_model.h"

static void handover_name(const char *ifname, char buf[NAME_SIZE])
{
	char own[NAME_SIZE];

	snprintf(buf, NAME_SIZE, NAME_TABLE_PREFIX "handover_%.32s",
		 table_name(ifname, own) + strlen(NAME_TABLE_PREFIX));
}

/* [ipv6] iifname WAN fib daddr type unicast counter notrack */
static void answers_rule(struct rule *r, const char *ifname, bool ipv6_only)
{
	const char *comment = "flows are being handed back to masquerade";

	rule_init(r, comment);
	if (ipv6_only)
		match_nfproto(r, NFPROTO_IPV6);
	match_iifname(r, ifname);
	match_daddr_unicast(r);
	do_counter(r);
	do_notrack(r);
	rule_finish(r, comment);
}

int nft_handover_begin(const char *ifname, bool ipv6_only, struct err *err)
{
	struct rule rule;
	struct chain chain = { .name = "answers",
			       .type = "filter",
			       .hook = NF_INET_PRE_ROUTING,
			       .prio = NF_IP_PRI_RAW,
			       .rule = &rule,
			       .n = 1 };
	struct table t = { .chain = &chain, .n_chains = 1 };
	int ret;

	handover_name(ifname, t.name);
	answers_rule(&rule, ifname, ipv6_only);
	ret = rule.failed ? err_sys(err, ENOMEM, "nftables table %s", t.name) : table_send(&t, err);
	rule_free(&rule);
	return ret;
}

int nft_handover_end(const char *ifname, struct err *err)
{
	char name[NAME_SIZE];

	handover_name(ifname, name);
	return table_delete(name, err);
}
