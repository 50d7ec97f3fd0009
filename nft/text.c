// SPDX-License-Identifier: GPL-2.0-or-later
/* The text of a rule: whose words to use, and where the rule stands. */
#include <stdlib.h>
#include <string.h>
#include <linux/netfilter.h>

#include "text.h"
#include "text_int.h"

#define TEXT_MAX 4096

const char *family_text(int family)
{
	switch (family) {
	case NFPROTO_IPV4:
		return "ip";
	case NFPROTO_IPV6:
		return "ip6";
	case NFPROTO_INET:
		return "inet";
	case NFPROTO_ARP:
		return "arp";
	case NFPROTO_BRIDGE:
		return "bridge";
	case NFPROTO_NETDEV:
		return "netdev";
	}
	return "?";
}

static const char *builtin_of(enum fw_hook hook)
{
	switch (hook) {
	case FW_PREROUTING:
		return "PREROUTING";
	case FW_INPUT:
		return "INPUT";
	case FW_FORWARD:
		return "FORWARD";
	case FW_OUTPUT:
		return "OUTPUT";
	case FW_POSTROUTING:
		return "POSTROUTING";
	case FW_HOOK_NONE:
	case FW_INGRESS:
	case FW_EGRESS:
		break;
	}
	return NULL;
}

/* The names that iptables-nft gives: its tables, and base chains named by their hooks. */
static bool iptables_names(const struct fw_snapshot *s, const struct fw_table *t)
{
	static const char *const names[] = { "filter", "nat", "mangle", "raw", "security" };
	bool known = false, any = false;

	if (t->legacy || (t->family != NFPROTO_IPV4 && t->family != NFPROTO_IPV6))
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		known = known || !strcmp(t->name, names[i]);
	for (size_t i = 0; i < s->n_chains && known; i++) {
		const struct fw_chain *c = s->chains[i];

		if (c->table != t || !c->hook)
			continue;
		any = true;
		known = builtin_of(c->hook) && !strcmp(c->name, builtin_of(c->hook));
	}
	return known && any;
}

/* As iptables itself decides: it refuses a table with a rule that it could not have written. */
static bool iptables_table(const struct fw_snapshot *s, const struct fw_table *t)
{
	if (!iptables_names(s, t))
		return false;
	for (size_t i = 0; i < s->n_chains; i++)
		for (size_t j = 0; s->chains[i]->table == t && j < s->chains[i]->n_rules; j++)
			if (!ipt_nft_text(NULL, s, &s->chains[i]->rules[j], NULL))
				return false;
	return true;
}

enum text_tool table_tool(const struct fw_snapshot *s, const struct fw_table *t)
{
	enum text_tool tool = TEXT_NFT;

	if (t->tool)
		return (enum text_tool)(t->tool - 1);
	if (t->legacy)
		tool = TEXT_LEGACY;
	else if (iptables_table(s, t))
		tool = TEXT_IPTABLES;
	/* every rule of the table was looked at: once is enough */
	for (size_t i = 0; i < s->n_tables; i++)
		if (s->tables[i] == t)
			s->tables[i]->tool = (uint8_t)(tool + 1);
	return tool;
}

/* The string, with " ..." if it was cut; NULL without memory. */
static char *finish(struct tbuf *b)
{
	if (b->cut) {
		b->cut = false;
		b->max = b->n + 4;
		/* not in the middle of a character */
		while (b->n && ((uint8_t)b->s[b->n - 1] & 0xc0) == 0x80)
			b->n--;
		if (b->n && (uint8_t)b->s[b->n - 1] >= 0xc0)
			b->n--;
		tb_str(b, " ...");
	}
	if (!b->nomem)
		tb_str(b, "");
	if (!b->nomem)
		return b->s;
	free(b->s);
	return NULL;
}

char *text_clean(const char *s, bool lines)
{
	struct tbuf b = { .max = 4 * strlen(s) + 1 };

	while (*s) {
		size_t n = lines ? strcspn(s, "\n") : strlen(s);

		tb_name(&b, s, n);
		s += n;
		if (*s)
			tb_add(&b, s++, 1);
	}
	return finish(&b);
}

char *rule_text(const struct fw_snapshot *s, const struct fw_rule *r, size_t max)
{
	struct tbuf b = { .max = max ? max : TEXT_MAX };
	bool xt = false;

	if (r->chain->table->legacy) {
		ipt_entry_text(&b, r);
		return finish(&b);
	}
	/* nft has no words for extensions, even where it alone can change the table */
	if (ipt_nft_text(NULL, s, r, &xt) &&
	    (xt || table_tool(s, r->chain->table) == TEXT_IPTABLES))
		ipt_nft_text(&b, s, r, NULL);
	else
		nft_rule_text(&b, s, r);
	return finish(&b);
}

char *chain_place(const struct fw_snapshot *s, const struct fw_chain *c, const struct fw_rule *r)
{
	enum text_tool tool = table_tool(s, c->table);
	struct tbuf b = { .max = TEXT_MAX };

	if (tool == TEXT_NFT)
		tb_fmt(&b, "%s ", family_text(c->table->family));
	else
		tb_fmt(&b, "%s%s -t ", c->table->family == NFPROTO_IPV6 ? "ip6tables" : "iptables",
		       tool == TEXT_LEGACY ? "-legacy" : "");
	tb_name(&b, c->table->name, strlen(c->table->name));
	tb_str(&b, " ");
	tb_name(&b, c->name, strlen(c->name));
	if (r && tool == TEXT_NFT)
		tb_fmt(&b, " handle %llu", (unsigned long long)r->handle);
	else if (r)
		tb_fmt(&b, ", rule %zu", (size_t)(r - c->rules) + 1);
	return finish(&b);
}
