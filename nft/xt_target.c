// SPDX-License-Identifier: GPL-2.0-or-later
/* x_tables targets, from their raw kernel structures. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/xt_CONNMARK.h>
#include <linux/netfilter/xt_CT.h>
#include <linux/netfilter/xt_MARK.h>
#include <linux/netfilter/xt_TPROXY.h>

#include "read.h"

static int add_nat(struct fw_rule *r, enum fw_kind kind, bool masquerade, unsigned flags,
		   uint16_t lo, uint16_t hi, struct fw_nat **ret_nat)
{
	struct fw_op *op = fw_op_add(r, kind);

	if (!op)
		return -ENOMEM;
	if ((flags & NF_NAT_RANGE_PROTO_SPECIFIED) && lo && ntohs(hi) >= ntohs(lo))
		op->nat = (struct fw_nat){ .port_lo = ntohs(lo), .port_hi = ntohs(hi) };
	else if (flags & NF_NAT_RANGE_PROTO_SPECIFIED)
		op->nat.port_any = true;
	op->nat.random = flags & (NF_NAT_RANGE_PROTO_RANDOM | NF_NAT_RANGE_PROTO_RANDOM_FULLY);
	op->nat.masquerade = masquerade;
	*ret_nat = &op->nat;
	return 0;
}

static void nat_addr(struct fw_nat *n, bool named, unsigned flags, uint8_t family, const void *lo,
		     const void *hi)
{
	size_t len = family == NFPROTO_IPV6 ? 16 : 4;

	/* SNAT and DNAT to a port alone; MASQUERADE and REDIRECT find an address themselves */
	n->same = named && !(flags & NF_NAT_RANGE_MAP_IPS);
	if (!(flags & NF_NAT_RANGE_MAP_IPS))
		return;
	n->family = family;
	memcpy(n->addr_lo, lo, len);
	memcpy(n->addr_hi, hi, len);
}

static bool names_addr(const char *name)
{
	return !strcmp(name, "SNAT") || !strcmp(name, "DNAT");
}

static enum fw_kind nat_kind(const char *name)
{
	if (!strcmp(name, "MASQUERADE") || !strcmp(name, "SNAT"))
		return FW_SNAT;
	if (!strcmp(name, "REDIRECT"))
		return FW_REDIRECT;
	return strcmp(name, "NETMAP") ? FW_DNAT : FW_NETMAP;
}

static int target_nat4(struct fw_rule *r, const char *name, const void *data)
{
	struct nf_nat_ipv4_multi_range_compat mr;
	struct fw_nat *n;
	int ret;

	memcpy(&mr, data, sizeof(mr));
	ret = add_nat(r, nat_kind(name), !strcmp(name, "MASQUERADE"), mr.range[0].flags,
		      mr.range[0].min.all, mr.range[0].max.all, &n);
	if (ret)
		return ret;
	if (mr.rangesize == 1)
		nat_addr(n, names_addr(name), mr.range[0].flags, NFPROTO_IPV4, &mr.range[0].min_ip,
			 &mr.range[0].max_ip);
	else /* several ranges are not judged */
		*n = (struct fw_nat){ .port_any = true };
	return 0;
}

static int target_nat(struct fw_rule *r, const char *name, const void *data)
{
	struct nf_nat_range range;
	struct fw_nat *n;
	int ret;

	memcpy(&range, data, sizeof(range));
	ret = add_nat(r, nat_kind(name), !strcmp(name, "MASQUERADE"), range.flags,
		      range.min_proto.all, range.max_proto.all, &n);
	if (!ret)
		nat_addr(n, names_addr(name), range.flags, (uint8_t)r->chain->table->family,
			 &range.min_addr, &range.max_addr);
	return ret;
}

/* OpenWrt's out-of-tree full-cone module: SNAT and DNAT by hook, like NETMAP. */
static int target_fullcone(struct fw_rule *r, const char *name, const void *data)
{
	(void)name;
	(void)data;
	return fw_op_add(r, FW_NETMAP) ? 0 : -ENOMEM;
}

static int target_mark(struct fw_rule *r, const char *name, const void *data)
{
	struct xt_mark_tginfo2 i;
	struct fw_op *op = fw_op_add(r, FW_SETMARK);

	(void)name;
	if (!op)
		return -ENOMEM;
	memcpy(&i, data, sizeof(i));
	op->setmark = (struct fw_setmark){ .keep = ~i.mask, .xor = i.mark };
	return 0;
}

static int ctset(struct fw_rule *r, int key)
{
	struct fw_op *op = fw_op_add(r, FW_CTSET);

	if (!op)
		return -ENOMEM;
	op->ctset.key = key;
	return 0;
}

/* Only --restore-mark changes the packet's mark: (mark & ~nfmask) ^ (ctmark & ctmask). */
static int connmark(struct fw_rule *r, uint8_t mode, uint32_t nfmask, uint32_t from_ct)
{
	struct fw_op *op;

	if (mode == XT_CONNMARK_SET || mode == XT_CONNMARK_SAVE)
		return ctset(r, FW_CT_MARK);
	op = fw_op_add(r, FW_SETMARK);
	if (!op)
		return -ENOMEM;
	op->setmark = (struct fw_setmark){ .keep = ~nfmask, .unknown = from_ct, .ct = from_ct };
	return 0;
}

static int target_connmark(struct fw_rule *r, const char *name, const void *data)
{
	struct xt_connmark_tginfo1 i;

	(void)name;
	memcpy(&i, data, sizeof(i));
	return connmark(r, i.mode, i.nfmask, i.ctmask);
}

/* Revision 2 shifts the connection's mark as well. */
static int target_connmark2(struct fw_rule *r, const char *name, const void *data)
{
	struct xt_connmark_tginfo2 i;

	(void)name;
	memcpy(&i, data, sizeof(i));
	return connmark(r, i.mode, i.nfmask, i.shift_bits ? ~0u : i.ctmask);
}

static int target_setmark_any(struct fw_rule *r, const char *name, const void *data)
{
	struct fw_op *op = fw_op_add(r, FW_SETMARK);

	(void)name;
	(void)data;
	if (!op)
		return -ENOMEM;
	op->setmark = (struct fw_setmark){ .unknown = ~0u };
	return 0;
}

static int target_reject(struct fw_rule *r, const char *name, const void *data)
{
	(void)name;
	(void)data;
	return fw_op_add(r, FW_REJECT) ? 0 : -ENOMEM;
}

static int target_queue(struct fw_rule *r, const char *name, const void *data)
{
	struct fw_op *op = fw_op_add(r, FW_VERDICT);

	(void)name;
	(void)data;
	if (!op)
		return -ENOMEM;
	op->verdict = (struct fw_verdict){ .code = FW_QUEUE };
	return 0;
}

static int target_notrack(struct fw_rule *r, const char *name, const void *data)
{
	(void)name;
	(void)data;
	return fw_op_add(r, FW_NOTRACK) ? 0 : -ENOMEM;
}

static int target_ct(struct fw_rule *r, const char *name, const void *data)
{
	struct xt_ct_target_info i; /* the flags are first in every revision */

	memcpy(&i, data, sizeof(i.flags));
	return i.flags & XT_CT_NOTRACK ? target_notrack(r, name, data) : ctset(r, FW_CT_ZONE);
}

static int target_tproxy(struct fw_rule *r, const char *name, const void *data)
{
	(void)name;
	(void)data;
	return fw_op_add(r, FW_TPROXY) ? 0 : -ENOMEM;
}

static int target_tee(struct fw_rule *r, const char *name, const void *data)
{
	(void)name;
	(void)data;
	return fw_op_add(r, FW_DUP) ? 0 : -ENOMEM;
}

static int target_offload(struct fw_rule *r, const char *name, const void *data)
{
	(void)name;
	(void)data;
	return fw_op_add(r, FW_OFFLOAD) ? 0 : -ENOMEM;
}

static int target_nothing(struct fw_rule *r, const char *name, const void *data)
{
	(void)r;
	(void)name;
	(void)data;
	return 0;
}

#define ANY_REV ~0u
#define NAT4	sizeof(struct nf_nat_ipv4_multi_range_compat)

static const struct {
	const char *name;
	unsigned rev;
	size_t size;
	int (*lower)(struct fw_rule *r, const char *name, const void *data);
} targets[] = {
	{ "SNAT", 0, NAT4, target_nat4 },
	{ "SNAT", 1, sizeof(struct nf_nat_range), target_nat },
	{ "DNAT", 0, NAT4, target_nat4 },
	{ "DNAT", 1, sizeof(struct nf_nat_range), target_nat },
	{ "DNAT", 2, sizeof(struct nf_nat_range), target_nat },
	{ "FULLCONENAT", ANY_REV, 0, target_fullcone },
	{ "MARK", 2, sizeof(struct xt_mark_tginfo2), target_mark },
	{ "MARK", ANY_REV, 0, target_setmark_any },
	{ "HMARK", ANY_REV, 0, target_setmark_any },
	{ "CONNMARK", 1, sizeof(struct xt_connmark_tginfo1), target_connmark },
	{ "CONNMARK", 2, sizeof(struct xt_connmark_tginfo2), target_connmark2 },
	{ "CONNMARK", ANY_REV, 0, target_setmark_any },
	{ "REJECT", ANY_REV, 0, target_reject },
	{ "NFQUEUE", ANY_REV, 0, target_queue },
	{ "NOTRACK", ANY_REV, 0, target_notrack },
	{ "CT", ANY_REV, sizeof(uint16_t), target_ct },
	{ "TPROXY", ANY_REV, 0, target_tproxy },
	/* these change neither the packet's way nor its mark */
	{ "LOG", ANY_REV, 0, target_nothing },
	{ "NFLOG", ANY_REV, 0, target_nothing },
	{ "ULOG", ANY_REV, 0, target_nothing },
	{ "TRACE", ANY_REV, 0, target_nothing },
	{ "TCPMSS", ANY_REV, 0, target_nothing },
	{ "TCPOPTSTRIP", ANY_REV, 0, target_nothing },
	{ "CHECKSUM", ANY_REV, 0, target_nothing },
	{ "CLASSIFY", ANY_REV, 0, target_nothing },
	{ "DSCP", ANY_REV, 0, target_nothing },
	{ "TOS", ANY_REV, 0, target_nothing },
	{ "ECN", ANY_REV, 0, target_nothing },
	{ "TTL", ANY_REV, 0, target_nothing },
	{ "HL", ANY_REV, 0, target_nothing },
	{ "SET", ANY_REV, 0, target_nothing },
	{ "TEE", ANY_REV, 0, target_tee },
	{ "AUDIT", ANY_REV, 0, target_nothing },
	{ "IDLETIMER", ANY_REV, 0, target_nothing },
	{ "LED", ANY_REV, 0, target_nothing },
	{ "RATEEST", ANY_REV, 0, target_nothing },
	{ "SECMARK", ANY_REV, 0, target_nothing },
	{ "CONNSECMARK", ANY_REV, 0, target_nothing },
	{ "FLOWOFFLOAD", ANY_REV, 0, target_offload },
};

/* In the IPv6 tables the same names carry struct nf_nat_range in every revision. */
static int target_nat_by_family(struct fw_rule *r, const char *name, unsigned rev, const void *info,
				size_t len)
{
	bool v6 = r->chain->table->family == NFPROTO_IPV6;
	struct fw_op *op;

	if (v6 ? len >= sizeof(struct nf_nat_range) : rev == 0 && len >= NAT4)
		return v6 ? target_nat(r, name, info) : target_nat4(r, name, info);
	/* too short: still a NAT target, by its name */
	op = fw_op_add(r, nat_kind(name));
	if (op)
		op->nat.port_any = true;
	return op ? 0 : -ENOMEM;
}

int xt_target(struct fw_rule *r, const char *name, unsigned rev, const void *info, size_t len)
{
	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++)
		if (!strcmp(targets[i].name, name) &&
		    (targets[i].rev == ANY_REV || targets[i].rev == rev) && len >= targets[i].size)
			return targets[i].lower(r, name, info);
	if (!strcmp(name, "MASQUERADE") || !strcmp(name, "REDIRECT") || !strcmp(name, "NETMAP") ||
	    !strcmp(name, "SNAT") || !strcmp(name, "DNAT"))
		return target_nat_by_family(r, name, rev, info, len);
	return fw_op_add(r, FW_UNKNOWN) ? 0 : -ENOMEM;
}
