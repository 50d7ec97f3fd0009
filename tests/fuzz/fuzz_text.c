// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer target: the text of a rule made of any bytes. The first byte chooses the table's
 * family and tool; what follows is the content of NFTA_RULE_EXPRESSIONS, or an entry of
 * iptables-legacy. The sets are named __set0 and __map0 as the kernel names anonymous ones.
 */
#include <stdlib.h>
#include <string.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "nft/text.h"

#define TEXT_LEN 2048

static const uint8_t families[] = { NFPROTO_IPV4, NFPROTO_IPV6,	  NFPROTO_INET,
				    NFPROTO_ARP,  NFPROTO_BRIDGE, NFPROTO_NETDEV };

static void add_set(struct fw_snapshot *s, const struct fw_table *t, const char *name,
		    uint32_t flags, uint32_t key_len)
{
	struct fw_set *set = calloc(1, sizeof(*set));

	if (!set || fw_grow(&s->sets, s->n_sets, sizeof(*s->sets)))
		abort();
	set->table = t;
	set->name = strdup(name);
	set->flags = NFT_SET_ANONYMOUS | flags;
	set->key_len = key_len;
	set->data_type = 7 << 6 | 13; /* an address and a port */
	set->data_len = 8;
	for (uint8_t i = 0; i < 3; i++) {
		struct fw_elem *e;

		if (fw_grow(&set->elems, set->n_elems, sizeof(*e)))
			abort();
		e = &set->elems[set->n_elems++];
		*e = (struct fw_elem){ .lo = fw_alloc(s, 2 * key_len + 8) };
		e->hi = e->lo + key_len;
		memset(e->lo, i, key_len);
		memset(e->hi, i + (flags & NFT_SET_INTERVAL ? 3 : 0), key_len);
		e->data = flags & NFT_SET_MAP ? e->hi + key_len : NULL;
	}
	s->sets[s->n_sets++] = set;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t head = NLMSG_HDRLEN + sizeof(struct nfgenmsg) + NLA_HDRLEN;
	struct fw_snapshot *s = calloc(1, sizeof(*s));
	struct nlmsghdr *nlh = NULL;
	struct nlattr *list = NULL;
	struct fw_table *t;
	struct fw_chain *c;
	struct fw_rule *r;
	char *text;

	if (!size || size > 60000 || !s) {
		free(s);
		return 0;
	}
	t = fw_table_add(s, families[data[0] % sizeof(families)], "filter");
	t->legacy = data[0] & 0x80 && data[0] % sizeof(families) < 2;
	c = fw_chain_add(s, t, "FORWARD");
	c->hook = FW_FORWARD;
	fw_chains_sort(s);
	add_set(s, t, "__set0", NFT_SET_INTERVAL, data[0] & 0x40 ? 4 : 16);
	add_set(s, t, "__map0", NFT_SET_MAP, data[0] & 0x40 ? 2 : 12);
	fw_sets_sort(s);
	r = fw_rule_add(c, 1);
	r->raw = nlh = calloc(1, head + size);
	if (t->legacy) {
		memcpy(nlh, data + 1, size - 1);
		r->raw_len = (uint32_t)size - 1;
	} else {
		nlh->nlmsg_len = (uint32_t)(head + size - 1);
		list = mnl_nlmsg_get_payload_offset(nlh, sizeof(struct nfgenmsg));
		list->nla_type = NFTA_RULE_EXPRESSIONS | NLA_F_NESTED;
		list->nla_len = (uint16_t)(NLA_HDRLEN + size - 1);
		memcpy((char *)nlh + head, data + 1, size - 1);
		r->raw_len = nlh->nlmsg_len;
	}
	/* an element is made of the same bytes */
	for (size_t i = 0; i < s->n_sets && !t->legacy; i++)
		s->sets[i]->elems[0].raw = list;
	text = rule_text(s, r, TEXT_LEN);
	if (!text || strlen(text) > TEXT_LEN + 4)
		abort();
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			abort();
	free(text);
	free(nlh);
	r->raw = NULL;
	fw_snapshot_free(s);
	return 0;
}
