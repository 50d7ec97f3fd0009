// SPDX-License-Identifier: GPL-2.0-or-later
/* The text of a rule: nf_tables expressions, decompiled one by one into nft's items. */
#include <stdlib.h>
#include <string.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "text_int.h"

#define BUDGET (1u << 20) /* bytes of intermediate strings a rule may take */

struct tbuf tx_buf(const struct tx *t)
{
	return (struct tbuf){ .max = t->max < t->budget ? t->max : t->budget };
}

const char *tx_keep(struct tx *t, struct tbuf *b)
{
	t->nomem = t->nomem || b->nomem;
	if (!b->s)
		return "";
	if (fw_grow(&t->strings, t->n_strings, sizeof(*t->strings))) {
		t->nomem = true;
		free(b->s);
		return "";
	}
	t->budget -= b->n < t->budget ? b->n : t->budget;
	return t->strings[t->n_strings++] = b->s;
}

void tx_emit(struct tx *t, const char *text)
{
	t->gte.len = 0;
	if (fw_grow(&t->items, t->n_items, sizeof(*t->items))) {
		t->nomem = true;
		return;
	}
	t->items[t->n_items++] = (struct item){ .text = text };
}

struct treg *tx_reg(struct tx *t, uint32_t nft_reg)
{
	/* NFT_REG_1 to 4 are 16 bytes each, the same storage as NFT_REG32_00 to 15 */
	if (nft_reg >= NFT_REG_1 && nft_reg <= NFT_REG_4)
		return &t->reg[(nft_reg - NFT_REG_1) * 4];
	if (nft_reg >= NFT_REG32_00 && nft_reg <= NFT_REG32_15)
		return &t->reg[nft_reg - NFT_REG32_00];
	return NULL;
}

size_t tx_words(size_t len)
{
	return (len + 3) / 4;
}

struct treg *tx_load(struct tx *t, uint32_t nft_reg, size_t len)
{
	struct treg *r = tx_reg(t, nft_reg);
	size_t first;

	if (!r || !len || len > VAL_LEN || (size_t)(r - t->reg) + tx_words(len) > TREG_WORDS)
		return NULL;
	first = (size_t)(r - t->reg);
	for (size_t w = 0; w < TREG_WORDS; w++) {
		size_t end = w + tx_words(t->reg[w].len);

		if (w < first + tx_words(len) && (end > first || w >= first))
			t->reg[w] = (struct treg){ 0 };
	}
	r->len = (uint8_t)len;
	r->kind = TR_EXPR;
	r->text = "?";
	return r;
}

void tx_forget(struct tx *t)
{
	memset(t->reg, 0, sizeof(t->reg));
}

static const struct {
	const char *name;
	tx_fn *text;
} exprs[] = {
	{ "payload", text_payload },
	{ "meta", text_meta },
	{ "ct", text_ct },
	{ "fib", text_fib },
	{ "rt", text_rt },
	{ "socket", text_socket },
	{ "exthdr", text_exthdr },
	{ "numgen", text_numgen },
	{ "hash", text_hash },
	{ "osf", text_osf },
	{ "xfrm", text_xfrm },
	{ "tunnel", text_tunnel },
	{ "bitwise", text_bitwise },
	{ "byteorder", text_byteorder },
	{ "cmp", text_cmp },
	{ "range", text_range },
	{ "lookup", text_lookup },
	{ "dynset", text_dynset },
	{ "immediate", text_immediate },
	{ "counter", text_counter },
	{ "limit", text_limit },
	{ "quota", text_quota },
	{ "connlimit", text_connlimit },
	{ "log", text_log },
	{ "reject", text_reject },
	{ "queue", text_queue },
	{ "notrack", text_notrack },
	{ "objref", text_objref },
	{ "dup", text_dup },
	{ "fwd", text_fwd },
	{ "flow_offload", text_flow },
	{ "synproxy", text_synproxy },
	{ "last", text_last },
	{ "nat", text_nat },
	{ "masq", text_masq },
	{ "redir", text_redir },
	{ "tproxy", text_tproxy },
	{ "match", text_compat_match },
	{ "target", text_compat_target },
};

/* An expression that is not known may write any register. */
static void unknown(struct tx *t, const char *name)
{
	struct tbuf b = tx_buf(t);

	tb_str(&b, "[");
	tb_name(&b, name ? name : "?", NFT_NAME_MAXLEN);
	tb_str(&b, "]");
	TX_EMIT(t, &b);
	tx_forget(t);
}

void text_expr(struct tx *t, const struct nlattr *expr)
{
	ATTRS(tb, NFTA_EXPR_MAX);
	const char *name;

	attrs_parse(expr, &tb);
	name = attr_str(tb.tb[NFTA_EXPR_NAME]);
	for (size_t i = 0; name && i < sizeof(exprs) / sizeof(*exprs); i++)
		if (!strcmp(exprs[i].name, name)) {
			exprs[i].text(t, tb.tb[NFTA_EXPR_DATA]);
			return;
		}
	unknown(t, name);
}

static void items_text(struct tbuf *b, const struct tx *t)
{
	const char *sep = "";

	for (size_t i = 0; i < t->n_items; i++) {
		if (t->items[i].hidden)
			continue;
		tb_str(b, sep);
		tb_str(b, t->items[i].text);
		sep = " ";
	}
}

const struct nlattr *rule_exprs(const struct fw_rule *r)
{
	const struct nlmsghdr *nlh = r->raw;
	ATTRS(tb, NFTA_RULE_MAX);

	if (!nlh || r->raw_len < sizeof(*nlh) + sizeof(struct nfgenmsg) ||
	    nlh->nlmsg_len < sizeof(*nlh) + sizeof(struct nfgenmsg) ||
	    nlh->nlmsg_len > r->raw_len ||
	    MNL_ALIGN(nlh->nlmsg_len) > r->raw_len) /* libmnl reads that far */
		return NULL;
	attrs_parse_msg(nlh, &tb);
	return tb.tb[NFTA_RULE_EXPRESSIONS];
}

void nft_rule_text(struct tbuf *b, const struct fw_snapshot *s, const struct fw_rule *r)
{
	struct tx t = { .snap = s,
			.table = r->chain->table,
			.max = b->max,
			.budget = BUDGET,
			.icmp_type = -1 };
	const struct nlattr *exprs, *attr;

	if (t.table->family == NFPROTO_IPV4)
		t.net = HDR_IP;
	if (t.table->family == NFPROTO_IPV6)
		t.net = HDR_IP6;
	if (t.table->family == NFPROTO_ARP)
		t.net = HDR_ARP;
	if (t.table->family == NFPROTO_BRIDGE)
		t.ll = HDR_ETHER;
	exprs = rule_exprs(r);
	if (exprs)
		mnl_attr_for_each_nested (attr, exprs)
			text_expr(&t, attr);
	items_text(b, &t);
	if (r->comment) {
		tb_str(b, b->n ? " comment " : "comment ");
		tb_quoted(b, r->comment, strlen(r->comment), false);
	}
	b->nomem = b->nomem || t.nomem;
	for (size_t i = 0; i < t.n_strings; i++)
		free(t.strings[i]);
	free(t.strings);
	free(t.items);
}
