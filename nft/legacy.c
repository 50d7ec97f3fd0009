// SPDX-License-Identifier: GPL-2.0-or-later
/* The snapshot: iptables-legacy, from the kernel's own table blobs, IPv4 and IPv6. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <net/if.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include "read.h"

struct parse {
	struct fw_snapshot *snap;
	struct fw_table *table;
	bool v6;
	const uint8_t *blob;
	size_t size;
	/* start of every chain: a sorted list, offsets ascend */
	struct head {
		size_t offset;
		struct fw_chain *chain;
	} * heads;
	size_t n_heads;
	struct fw_rule *last;
};

static const struct {
	const char *name;
	enum fw_hook hook;
} hooks[NF_INET_NUMHOOKS] = {
	[NF_INET_PRE_ROUTING] = { "PREROUTING", FW_PREROUTING },
	[NF_INET_LOCAL_IN] = { "INPUT", FW_INPUT },
	[NF_INET_FORWARD] = { "FORWARD", FW_FORWARD },
	[NF_INET_LOCAL_OUT] = { "OUTPUT", FW_OUTPUT },
	[NF_INET_POST_ROUTING] = { "POSTROUTING", FW_POSTROUTING },
};

static int priority_of(const char *table, enum fw_hook hook)
{
	if (!strcmp(table, "raw"))
		return -300;
	if (!strcmp(table, "mangle"))
		return -150;
	if (!strcmp(table, "nat"))
		return hook == FW_PREROUTING || hook == FW_OUTPUT ? -100 : 100;
	return strcmp(table, "security") ? 0 : 50;
}

/* A rule's entry: what both families have. Its matches begin at @head, all from its first byte. */
struct entry {
	size_t head, target, next;
	bool is_goto;
	union {
		struct ipt_entry v4;
		struct ip6t_entry v6;
	};
};

/* Copies the entry at @off if it and its target lie inside the blob. */
static bool entry_at(const struct parse *p, size_t off, struct entry *e)
{
	e->head = p->v6 ? sizeof(e->v6) : sizeof(e->v4);
	if (off > p->size || p->size - off < e->head)
		return false;
	memcpy(p->v6 ? (void *)&e->v6 : (void *)&e->v4, p->blob + off, e->head);
	e->target = p->v6 ? e->v6.target_offset : e->v4.target_offset;
	e->next = p->v6 ? e->v6.next_offset : e->v4.next_offset;
	e->is_goto = p->v6 ? e->v6.ipv6.flags & IP6T_F_GOTO : e->v4.ip.flags & IPT_F_GOTO;
	return e->next <= p->size - off && e->target >= e->head && e->target <= e->next &&
	       e->next - e->target >= sizeof(struct xt_entry_target);
}

struct target {
	char name[XT_EXTENSION_MAXNAMELEN];
	unsigned rev;
	const uint8_t *data;
	size_t len;
};

static bool target_of(const struct parse *p, size_t off, const struct entry *e, struct target *t)
{
	const uint8_t *at = p->blob + off + e->target;
	struct xt_entry_target head;

	memcpy(&head, at, sizeof(head));
	if (head.u.user.target_size < sizeof(head) ||
	    head.u.user.target_size > e->next - e->target ||
	    !memchr(head.u.user.name, 0, sizeof(head.u.user.name)))
		return false;
	memcpy(t->name, head.u.user.name, sizeof(head.u.user.name));
	t->rev = head.u.user.revision;
	t->data = at + sizeof(head);
	t->len = head.u.user.target_size - sizeof(head);
	return true;
}

static int head_add(struct parse *p, size_t off, const char *name, enum fw_hook hook)
{
	struct fw_chain *c = fw_chain_add(p->snap, p->table, name);

	if (!c || fw_grow(&p->heads, p->n_heads, sizeof(*p->heads)))
		return -ENOMEM;
	c->hook = hook;
	if (hook) {
		c->nat = !strcmp(p->table->name, "nat");
		c->priority = priority_of(p->table->name, hook);
	}
	p->heads[p->n_heads++] = (struct head){ off, c };
	return 0;
}

static struct fw_chain *head_at(const struct parse *p, size_t off)
{
	size_t lo = 0, hi = p->n_heads;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (p->heads[mid].offset == off)
			return p->heads[mid].chain;
		if (p->heads[mid].offset < off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

/* First pass: every chain and where it starts. */
static int find_heads(struct parse *p, const struct ipt_getinfo *info)
{
	struct entry e;
	int ret = 0;

	for (size_t off = 0; off < p->size && !ret; off += e.next) {
		struct target t;

		if (!entry_at(p, off, &e) || !target_of(p, off, &e, &t))
			return -EBADMSG;
		for (unsigned h = 0; h < NF_INET_NUMHOOKS && !ret; h++)
			if ((info->valid_hooks & 1u << h) && info->hook_entry[h] == off)
				ret = head_add(p, off, hooks[h].name, hooks[h].hook);
		if (!ret && !strcmp(t.name, XT_ERROR_TARGET) && off + e.next < p->size) {
			if (!t.len || !memchr(t.data, 0, t.len))
				return -EBADMSG;
			ret = head_add(p, off + e.next, (const char *)t.data, FW_HOOK_NONE);
		}
	}
	return ret;
}

static int lower_addr(struct fw_rule *r, enum fw_field f, struct in_addr addr, struct in_addr mask,
		      bool neg)
{
	if (!mask.s_addr && !neg)
		return 0;
	return fw_match_u32(r, f, neg, ntohl(mask.s_addr), ntohl(addr.s_addr), ntohl(addr.s_addr));
}

static int lower_ifname(struct fw_rule *r, enum fw_field f, const char *name,
			const unsigned char *mask, bool neg)
{
	struct fw_match *m;
	uint8_t want[IFNAMSIZ];
	bool any = true;

	for (size_t i = 0; i < IFNAMSIZ; i++) {
		want[i] = (uint8_t)name[i] & mask[i];
		any = any && !mask[i];
	}
	if (any && !neg)
		return 0;
	m = fw_match_add(r, f, neg);
	if (!m)
		return -ENOMEM;
	memcpy(m->mask, mask, IFNAMSIZ);
	return fw_match_range(m, want, want);
}

static int lower_ip(struct fw_rule *r, const struct ipt_ip *ip)
{
	int ret = lower_addr(r, FW_F_SADDR4, ip->src, ip->smsk, ip->invflags & IPT_INV_SRCIP);

	if (!ret)
		ret = lower_addr(r, FW_F_DADDR4, ip->dst, ip->dmsk, ip->invflags & IPT_INV_DSTIP);
	if (!ret)
		ret = lower_ifname(r, FW_F_IIFNAME, ip->iniface, ip->iniface_mask,
				   ip->invflags & IPT_INV_VIA_IN);
	if (!ret)
		ret = lower_ifname(r, FW_F_OIFNAME, ip->outiface, ip->outiface_mask,
				   ip->invflags & IPT_INV_VIA_OUT);
	if (!ret && ip->proto)
		ret = fw_match_u32(r, FW_F_L4PROTO, ip->invflags & IPT_INV_PROTO, 0xff, ip->proto,
				   ip->proto);
	/* conntrack has put fragments together before: -f is never true, ! -f always */
	if (!ret && (ip->flags & IPT_F_FRAG) && !(ip->invflags & IPT_INV_FRAG))
		ret = fw_match_add(r, FW_F_L4PROTO, false) ? 0 : -ENOMEM;
	return ret;
}

static int lower_addr6(struct fw_rule *r, enum fw_field f, const struct in6_addr *addr,
		       const struct in6_addr *mask, bool neg)
{
	static const struct in6_addr none;
	struct fw_match *m;
	uint8_t want[16];

	if (!memcmp(mask, &none, sizeof(none)) && !neg)
		return 0;
	m = fw_match_add(r, f, neg);
	if (!m)
		return -ENOMEM;
	memcpy(m->mask, mask, sizeof(want));
	for (size_t i = 0; i < sizeof(want); i++)
		want[i] = addr->s6_addr[i] & mask->s6_addr[i];
	return fw_match_range(m, want, want);
}

static int lower_ip6(struct fw_rule *r, const struct ip6t_ip6 *ip)
{
	int ret = lower_addr6(r, FW_F_SADDR6, &ip->src, &ip->smsk, ip->invflags & IP6T_INV_SRCIP);

	if (!ret)
		ret = lower_addr6(r, FW_F_DADDR6, &ip->dst, &ip->dmsk,
				  ip->invflags & IP6T_INV_DSTIP);
	if (!ret)
		ret = lower_ifname(r, FW_F_IIFNAME, ip->iniface, ip->iniface_mask,
				   ip->invflags & IP6T_INV_VIA_IN);
	if (!ret)
		ret = lower_ifname(r, FW_F_OIFNAME, ip->outiface, ip->outiface_mask,
				   ip->invflags & IP6T_INV_VIA_OUT);
	/* no ip6tables sets IP6T_F_TOS; 0 with IP6T_F_PROTO is an extension header */
	if (!ret && (ip->flags & IP6T_F_TOS))
		ret = fw_maybe(r);
	if (!ret && (ip->flags & IP6T_F_PROTO))
		ret = ip->proto ? fw_match_u32(r, FW_F_L4PROTO, ip->invflags & IP6T_INV_PROTO, 0xff,
					       ip->proto, ip->proto)
				: fw_maybe(r);
	return ret;
}

static int lower_matches(const struct parse *p, struct fw_rule *r, size_t off,
			 const struct entry *e)
{
	size_t at = e->head;
	int ret = 0;

	while (at < e->target && !ret) {
		const uint8_t *m = p->blob + off + at;
		struct xt_entry_match head;

		if (e->target - at < sizeof(head))
			return -EBADMSG;
		memcpy(&head, m, sizeof(head));
		if (head.u.user.match_size < sizeof(head) ||
		    head.u.user.match_size > e->target - at ||
		    !memchr(head.u.user.name, 0, sizeof(head.u.user.name)))
			return -EBADMSG;
		ret = xt_match(r, head.u.user.name, head.u.user.revision, m + sizeof(head),
			       head.u.user.match_size - sizeof(head));
		at += head.u.user.match_size;
	}
	return ret;
}

/* A standard target: a verdict, or the offset of a chain (of the next rule: no target). */
static int lower_standard(const struct parse *p, struct fw_rule *r, const struct target *t,
			  bool is_goto, size_t next)
{
	struct fw_op *op;
	int v;

	if (t->len < sizeof(v))
		return -EBADMSG;
	memcpy(&v, t->data, sizeof(v));
	if (v >= 0 && (size_t)v == next && !head_at(p, (size_t)v))
		return 0;
	op = fw_op_add(r, FW_VERDICT);
	if (!op)
		return -ENOMEM;
	if (v >= 0) {
		op->verdict.code = is_goto ? FW_GOTO : FW_JUMP;
		op->verdict.chain = head_at(p, (size_t)v);
		return op->verdict.chain ? 0 : -EBADMSG;
	}
	op->verdict.code = v == XT_RETURN	 ? FW_RETURN
			   : v == -NF_DROP - 1	 ? FW_DROP
			   : v == -NF_ACCEPT - 1 ? FW_ACCEPT
						 : FW_QUEUE;
	return 0;
}

static int lower_entry(const struct parse *p, struct fw_chain *c, size_t off, const struct entry *e,
		       const struct target *t)
{
	struct fw_rule *r = fw_rule_add(c, c->n_rules + 1);
	int ret;

	if (!r)
		return -ENOMEM;
	r->raw = p->blob + off;
	r->raw_len = (uint32_t)e->next;
	ret = p->v6 ? lower_ip6(r, &e->v6.ipv6) : lower_ip(r, &e->v4.ip);
	if (!ret)
		ret = lower_matches(p, r, off, e);
	if (ret)
		return ret;
	if (!strcmp(t->name, XT_STANDARD_TARGET))
		return lower_standard(p, r, t, e->is_goto, off + e->next);
	return xt_target(r, t->name, t->rev, t->data, t->len);
}

/* A chain's last entry, which iptables does not show: before the next chain's head, a return. */
static bool is_foot(const struct parse *p, size_t off, const struct entry *e,
		    const struct target *t)
{
	struct entry next;
	struct target head;
	int v;

	if (strcmp(t->name, XT_STANDARD_TARGET) || t->len < sizeof(v) || e->target != e->head)
		return false;
	memcpy(&v, t->data, sizeof(v));
	return v == XT_RETURN && entry_at(p, off + e->next, &next) &&
	       target_of(p, off + e->next, &next, &head) && !strcmp(head.name, XT_ERROR_TARGET);
}

/* Second pass: the rules. A base chain's last one (its underflow) is the policy. */
static int lower_rules(struct parse *p, const struct ipt_getinfo *info)
{
	struct fw_chain *chain = NULL;
	struct entry e;

	for (size_t off = 0; off < p->size; off += e.next) {
		struct fw_chain *start = head_at(p, off);
		bool policy = false;
		struct target t;
		int ret, v = 0;

		if (!entry_at(p, off, &e) || !target_of(p, off, &e, &t))
			return -EBADMSG;
		chain = start ? start : chain;
		if (!strcmp(t.name, XT_ERROR_TARGET))
			continue;
		if (!chain)
			return -EBADMSG;
		for (unsigned h = 0; h < NF_INET_NUMHOOKS; h++)
			if ((info->valid_hooks & 1u << h) && info->underflow[h] == off &&
			    chain->hook == hooks[h].hook)
				policy = true;
		if (policy && t.len >= sizeof(v)) {
			memcpy(&v, t.data, sizeof(v));
			chain->policy_drop = v == -NF_DROP - 1;
			continue;
		}
		if (!chain->hook && is_foot(p, off, &e, &t))
			continue;
		ret = lower_entry(p, chain, off, &e, &t);
		if (ret)
			return ret;
	}
	return 0;
}

int legacy_parse(struct fw_snapshot *s, int family, const struct ipt_getinfo *info,
		 const void *blob, size_t size)
{
	struct parse p = { .snap = s, .v6 = family == NFPROTO_IPV6, .blob = blob, .size = size };
	int ret;

	if (!memchr(info->name, 0, sizeof(info->name)))
		return -EBADMSG;
	p.table = fw_table_add(s, family, info->name);
	if (!p.table)
		return -ENOMEM;
	p.table->legacy = true;
	ret = find_heads(&p, info);
	if (!ret)
		ret = lower_rules(&p, info);
	free(p.heads);
	return ret;
}
