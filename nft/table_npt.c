// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Stateless prefix translation (NPTv6): conntrack and NAT must leave its packets as they are. No
 * protocol and no port counts, so the rules are fewer than those of a slice.
 */
#include "nft/table_rules.h"

void table_npt_sets(struct table *t, const struct nft_spec *spec)
{
	table_add_ranges(t, NAME_NPT_CLAIM, true, "prefixes claimed now; empty: claim suspended",
			 &spec->npt_claim);
	table_add_ranges(t, NAME_NPT_INTERNAL, true, "prefixes that einat translates",
			 &spec->npt_internal);
	table_add_ranges(t, NAME_NPT_KEEP, true, "destinations without prefix translation",
			 &spec->npt_keep);
}

/* ipv6 oif INDEX ip6 saddr @npt_claim6 ip6 daddr != @npt_keep6 counter snat ip6 to ip6 saddr */
void table_npt_claim(struct table *t, const struct nft_spec *spec)
{
	const struct family f = { t, spec, true };
	const char *comment = "claim of prefixes: einat translates these";
	struct rule *r = rule_begin(&f, comment);

	if (!r)
		return;
	match_oif(r, spec->ifindex, false);
	match_ip_set(r, MATCH_SRC, NAME_NPT_CLAIM, false);
	match_ip_set(r, MATCH_DST, NAME_NPT_KEEP, true);
	do_counter(r);
	do_snat_identity(r);
	rule_end(&f, r, comment);
}

/*
 * ipv6 oifname WAN oif != INDEX ip6 saddr @npt_internal6 ip6 daddr != @npt_keep6
 * ct status & snat == 0 fib saddr type != local counter drop
 * ipv6 oifname WAN oif != INDEX ip6 saddr @npt_internal6 ip6 daddr != @npt_keep6
 * ct state invalid,untracked fib saddr type != local counter drop
 *
 * As for a slice: see rule_leak().
 */
static void rule_leak(const struct family *f, bool tracked)
{
	const char *comment = tracked ? "prefixes: claimed before the interface was made again"
				      : "prefixes: no connection, so no NAT";
	struct rule *r = rule_begin(f, comment);

	if (!r)
		return;
	match_oifname(r, f->spec->ifname);
	match_oif(r, f->spec->ifindex, true);
	match_ip_set(r, MATCH_SRC, NAME_NPT_INTERNAL, false);
	match_ip_set(r, MATCH_DST, NAME_NPT_KEEP, true);
	if (tracked)
		match_no_source_nat(r);
	else
		match_no_connection(r);
	match_saddr_not_local(r);
	do_counter(r);
	do_drop(r);
	rule_end(f, r, comment);
}

void table_npt_leak(struct table *t, const struct nft_spec *spec)
{
	const struct family f = { t, spec, true };

	rule_leak(&f, true);
	rule_leak(&f, false);
}
