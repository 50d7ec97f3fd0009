// SPDX-License-Identifier: GPL-2.0-or-later
/* The snapshot: iptables-legacy, from the kernel's own table blobs (IPv4). */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <net/if.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>

#include "read.h"

#define BLOB_MAX   (256u << 20)
#define READ_TRIES 20

struct parse {
	struct fw_snapshot *snap;
	struct fw_table *table;
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

/* Copies the entry at @off if it and its target lie inside the blob. */
static bool entry_at(const struct parse *p, size_t off, struct ipt_entry *e)
{
	if (off > p->size || p->size - off < sizeof(*e))
		return false;
	memcpy(e, p->blob + off, sizeof(*e));
	return e->next_offset <= p->size - off && e->target_offset >= sizeof(*e) &&
	       e->target_offset <= e->next_offset &&
	       e->next_offset - e->target_offset >= (int)sizeof(struct xt_entry_target);
}

struct target {
	char name[XT_EXTENSION_MAXNAMELEN];
	unsigned rev;
	const uint8_t *data;
	size_t len;
};

static bool target_of(const struct parse *p, size_t off, const struct ipt_entry *e,
		      struct target *t)
{
	const uint8_t *at = p->blob + off + e->target_offset;
	struct xt_entry_target head;

	memcpy(&head, at, sizeof(head));
	if (head.u.user.target_size < sizeof(head) ||
	    head.u.user.target_size > e->next_offset - e->target_offset ||
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
	struct ipt_entry e;
	int ret = 0;

	for (size_t off = 0; off < p->size && !ret; off += e.next_offset) {
		struct target t;

		if (!entry_at(p, off, &e) || !target_of(p, off, &e, &t))
			return -EBADMSG;
		for (unsigned h = 0; h < NF_INET_NUMHOOKS && !ret; h++)
			if ((info->valid_hooks & 1u << h) && info->hook_entry[h] == off)
				ret = head_add(p, off, hooks[h].name, hooks[h].hook);
		if (!ret && !strcmp(t.name, XT_ERROR_TARGET) && off + e.next_offset < p->size) {
			if (!t.len || !memchr(t.data, 0, t.len))
				return -EBADMSG;
			ret = head_add(p, off + e.next_offset, (const char *)t.data, FW_HOOK_NONE);
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
	if (!ret && (ip->flags & IPT_F_FRAG))
		ret = fw_maybe(r);
	return ret;
}

static int lower_matches(const struct parse *p, struct fw_rule *r, size_t off,
			 const struct ipt_entry *e)
{
	size_t at = sizeof(*e);
	int ret = 0;

	while (at < e->target_offset && !ret) {
		const uint8_t *m = p->blob + off + at;
		struct xt_entry_match head;

		if (e->target_offset - at < sizeof(head))
			return -EBADMSG;
		memcpy(&head, m, sizeof(head));
		if (head.u.user.match_size < sizeof(head) ||
		    head.u.user.match_size > e->target_offset - at ||
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

static int lower_entry(const struct parse *p, struct fw_chain *c, size_t off,
		       const struct ipt_entry *e, const struct target *t)
{
	struct fw_rule *r = fw_rule_add(c, c->n_rules + 1);
	int ret;

	if (!r)
		return -ENOMEM;
	ret = lower_ip(r, &e->ip);
	if (!ret)
		ret = lower_matches(p, r, off, e);
	if (ret)
		return ret;
	if (!strcmp(t->name, XT_STANDARD_TARGET))
		return lower_standard(p, r, t, e->ip.flags & IPT_F_GOTO, off + e->next_offset);
	return xt_target(r, t->name, t->rev, t->data, t->len);
}

/* Second pass: the rules. A base chain's last one (its underflow) is the policy. */
static int lower_rules(struct parse *p, const struct ipt_getinfo *info)
{
	struct fw_chain *chain = NULL;
	struct ipt_entry e;

	for (size_t off = 0; off < p->size; off += e.next_offset) {
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
		ret = lower_entry(p, chain, off, &e, &t);
		if (ret)
			return ret;
	}
	return 0;
}

int legacy_parse(struct fw_snapshot *s, const struct ipt_getinfo *info, const void *blob,
		 size_t size)
{
	struct parse p = { .snap = s, .blob = blob, .size = size };
	int ret;

	if (!memchr(info->name, 0, sizeof(info->name)))
		return -EBADMSG;
	p.table = fw_table_add(s, NFPROTO_IPV4, info->name);
	if (!p.table)
		return -ENOMEM;
	p.table->legacy = true;
	ret = find_heads(&p, info);
	if (!ret)
		ret = lower_rules(&p, info);
	free(p.heads);
	return ret;
}

/* -EAGAIN: the table changed between the two calls. */
static int read_table(struct fw_snapshot *s, int fd, const char *name)
{
	struct ipt_getinfo info = { 0 };
	struct ipt_get_entries *entries;
	socklen_t len = sizeof(info);
	int ret;

	if (strlen(name) >= sizeof(info.name))
		return -EBADMSG;
	strcpy(info.name, name);
	if (getsockopt(fd, IPPROTO_IP, IPT_SO_GET_INFO, &info, &len))
		return -errno;
	if (info.size > BLOB_MAX)
		return -E2BIG;
	len = (socklen_t)(sizeof(*entries) + info.size);
	entries = calloc(1, len);
	if (!entries)
		return -ENOMEM;
	strcpy(entries->name, name);
	entries->size = info.size;
	if (getsockopt(fd, IPPROTO_IP, IPT_SO_GET_ENTRIES, entries, &len))
		ret = -errno;
	else
		ret = legacy_parse(s, &info, entries->entrytable, info.size);
	free(entries);
	return ret;
}

int legacy_read(struct fw_snapshot *s, struct err *err)
{
	FILE *f = fopen("/proc/self/net/ip_tables_names", "re");
	char name[XT_TABLE_MAXNAMELEN + 2];
	int fd, ret = 0;

	if (!f) /* no ip_tables in this kernel, or not loaded: no rules */
		return errno == ENOENT
			       ? 0
			       : err_sys(err, errno, "cannot read /proc/net/ip_tables_names");
	fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (fd < 0)
		ret = err_sys(err, errno, "cannot open a raw socket to read iptables-legacy rules");
	while (!ret && fgets(name, sizeof(name), f)) {
		name[strcspn(name, "\n")] = '\0';
		ret = -EAGAIN;
		for (int i = 0; i < READ_TRIES && ret == -EAGAIN; i++)
			ret = read_table(s, fd, name);
		if (ret)
			err_sys(err, -ret, "cannot read the iptables-legacy table %s", name);
	}
	if (fd >= 0)
		close(fd);
	fclose(f);
	return ret;
}
