// SPDX-License-Identifier: GPL-2.0-or-later
/* x_tables matches, from their raw kernel structures. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_iprange.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter/xt_state.h>
#include <linux/netfilter/xt_physdev.h>
#include <linux/netfilter/xt_pkttype.h>
#include <linux/netfilter/xt_recent.h>
#include <linux/netfilter/xt_set.h>
#include <linux/netfilter/xt_statistic.h>
#include <linux/netfilter/xt_tcpmss.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter_ipv4/ip_tables.h>

#include "read.h"

/* The bits of @mask as one match: (field & mask) is, or is not, zero. */
static int any_bit(struct fw_rule *r, enum fw_field f, uint32_t mask, bool none)
{
	return fw_match_u32(r, f, !none, mask, 0, 0);
}

static int ports(struct fw_rule *r, enum fw_field f, const uint16_t range[2], bool neg)
{
	if (!range[0] && range[1] == 0xffff && !neg)
		return 0;
	return fw_match_u32(r, f, neg, 0xffff, range[0], range[1]);
}

static int match_tcp(struct fw_rule *r, const void *data)
{
	struct xt_tcp i;
	int ret;

	memcpy(&i, data, sizeof(i));
	ret = ports(r, FW_F_SPORT, i.spts, i.invflags & XT_TCP_INV_SRCPT);
	if (!ret)
		ret = ports(r, FW_F_DPORT, i.dpts, i.invflags & XT_TCP_INV_DSTPT);
	if (!ret && (i.flg_mask || (i.invflags & XT_TCP_INV_FLAGS)))
		ret = fw_match_u32(r, FW_F_TCPFLAGS, i.invflags & XT_TCP_INV_FLAGS, i.flg_mask,
				   i.flg_cmp, i.flg_cmp);
	if (!ret && i.option)
		ret = fw_maybe(r);
	return ret;
}

static int match_udp(struct fw_rule *r, const void *data)
{
	struct xt_udp i;
	int ret;

	memcpy(&i, data, sizeof(i));
	ret = ports(r, FW_F_SPORT, i.spts, i.invflags & XT_UDP_INV_SRCPT);
	if (!ret)
		ret = ports(r, FW_F_DPORT, i.dpts, i.invflags & XT_UDP_INV_DSTPT);
	return ret;
}

static int port_list(struct fw_rule *r, unsigned flags, unsigned count, const uint16_t *port,
		     const uint8_t *range_follows, bool neg)
{
	struct fw_match *m;
	int ret = 0;

	if (count > XT_MULTI_PORTS ||
	    (flags != XT_MULTIPORT_DESTINATION && flags != XT_MULTIPORT_SOURCE))
		return fw_maybe(r);
	m = fw_match_add(r, flags == XT_MULTIPORT_DESTINATION ? FW_F_DPORT : FW_F_SPORT, neg);
	if (!m)
		return -ENOMEM;
	for (unsigned i = 0; i < count && !ret; i++) {
		uint16_t lo = htons(port[i]), hi = lo;

		if (range_follows && range_follows[i] && i + 1 < count)
			hi = htons(port[++i]);
		ret = fw_match_range(m, &lo, &hi);
	}
	return ret;
}

static int match_multiport0(struct fw_rule *r, const void *data)
{
	struct xt_multiport i;

	memcpy(&i, data, sizeof(i));
	return port_list(r, i.flags, i.count, i.ports, NULL, false);
}

static int match_multiport1(struct fw_rule *r, const void *data)
{
	struct xt_multiport_v1 i;

	memcpy(&i, data, sizeof(i));
	return port_list(r, i.flags, i.count, i.ports, i.pflags, i.invert);
}

static int match_mark(struct fw_rule *r, const void *data)
{
	struct xt_mark_mtinfo1 i;

	memcpy(&i, data, sizeof(i));
	return fw_match_u32(r, FW_F_MARK, i.invert, i.mask, i.mark, i.mark);
}

/* iptables' bits for DNAT, SNAT and UNTRACKED are not those of nf_tables. */
static uint32_t state_bits(uint32_t xt)
{
	uint32_t bits =
		xt & (FW_STATE_INVALID | FW_STATE_ESTABLISHED | FW_STATE_RELATED | FW_STATE_NEW);

	if (xt & XT_CONNTRACK_STATE_SNAT)
		bits |= FW_STATE_SNAT;
	if (xt & XT_CONNTRACK_STATE_DNAT)
		bits |= FW_STATE_DNAT;
	if (xt & XT_CONNTRACK_STATE_UNTRACKED)
		bits |= FW_STATE_UNTRACKED;
	return bits;
}

static int conntrack(struct fw_rule *r, unsigned flags, unsigned invert, uint32_t state,
		     uint32_t status)
{
	int ret = 0;

	if (flags & XT_CONNTRACK_STATE)
		ret = any_bit(r, FW_F_CTSTATE, state_bits(state), invert & XT_CONNTRACK_STATE);
	if (!ret && (flags & XT_CONNTRACK_STATUS))
		ret = any_bit(r, FW_F_CTSTATUS, status, invert & XT_CONNTRACK_STATUS);
	/* --ctdir is stored as the inversion alone: REPLY is inverted */
	if (!ret && (flags & XT_CONNTRACK_DIRECTION))
		ret = fw_match_u32(r, FW_F_CTDIR, invert & XT_CONNTRACK_DIRECTION, 0xff, 0, 0);
	if (!ret && (flags & ~(XT_CONNTRACK_STATE | XT_CONNTRACK_STATUS | XT_CONNTRACK_DIRECTION |
			       XT_CONNTRACK_STATE_ALIAS)))
		ret = fw_maybe(r);
	return ret;
}

static int match_conntrack1(struct fw_rule *r, const void *data)
{
	struct xt_conntrack_mtinfo1 i;

	memcpy(&i, data, sizeof(i));
	return conntrack(r, i.match_flags, i.invert_flags, i.state_mask, i.status_mask);
}

static int match_conntrack2(struct fw_rule *r, const void *data)
{
	struct xt_conntrack_mtinfo2 i;

	memcpy(&i, data, sizeof(i));
	return conntrack(r, i.match_flags, i.invert_flags, i.state_mask, i.status_mask);
}

static int match_conntrack3(struct fw_rule *r, const void *data)
{
	struct xt_conntrack_mtinfo3 i;

	memcpy(&i, data, sizeof(i));
	return conntrack(r, i.match_flags, i.invert_flags, i.state_mask, i.status_mask);
}

static int match_state(struct fw_rule *r, const void *data)
{
	struct xt_state_info i;
	uint32_t bits;

	memcpy(&i, data, sizeof(i));
	bits = i.statemask &
	       (FW_STATE_INVALID | FW_STATE_ESTABLISHED | FW_STATE_RELATED | FW_STATE_NEW);
	if (i.statemask & XT_STATE_UNTRACKED)
		bits |= FW_STATE_UNTRACKED;
	return any_bit(r, FW_F_CTSTATE, bits, false);
}

static int types(struct fw_rule *r, enum fw_field f, unsigned mask, bool neg)
{
	struct fw_match *m;
	int ret = 0;

	if (!mask)
		return 0;
	m = fw_match_add(r, f, neg);
	if (!m)
		return -ENOMEM;
	for (uint32_t t = 0; t < 16 && !ret; t++) {
		uint32_t be = htonl(t);

		if (mask & 1u << t)
			ret = fw_match_range(m, &be, &be);
	}
	return ret;
}

static int match_addrtype0(struct fw_rule *r, const void *data)
{
	struct xt_addrtype_info i;
	int ret;

	memcpy(&i, data, sizeof(i));
	ret = types(r, FW_F_SADDRTYPE, i.source, i.invert_source);
	return ret ? ret : types(r, FW_F_DADDRTYPE, i.dest, i.invert_dest);
}

static int match_addrtype1(struct fw_rule *r, const void *data)
{
	struct xt_addrtype_info_v1 i;
	int ret;

	memcpy(&i, data, sizeof(i));
	if (i.flags & (XT_ADDRTYPE_LIMIT_IFACE_IN | XT_ADDRTYPE_LIMIT_IFACE_OUT))
		return fw_maybe(r);
	ret = types(r, FW_F_SADDRTYPE, i.source, i.flags & XT_ADDRTYPE_INVERT_SOURCE);
	return ret ? ret : types(r, FW_F_DADDRTYPE, i.dest, i.flags & XT_ADDRTYPE_INVERT_DEST);
}

static int iprange(struct fw_rule *r, bool v6, enum fw_field f4, bool neg,
		   const union nf_inet_addr *lo, const union nf_inet_addr *hi)
{
	struct fw_match *m = fw_match_add(r, v6 ? f4 + (FW_F_SADDR6 - FW_F_SADDR4) : f4, neg);

	return m ? fw_match_range(m, lo, hi) : -ENOMEM;
}

static int match_iprange(struct fw_rule *r, const void *data)
{
	bool v6 = r->chain->table->family == NFPROTO_IPV6;
	struct xt_iprange_mtinfo i;
	int ret = 0;

	memcpy(&i, data, sizeof(i));
	if (i.flags & IPRANGE_SRC)
		ret = iprange(r, v6, FW_F_SADDR4, i.flags & IPRANGE_SRC_INV, &i.src_min,
			      &i.src_max);
	if (!ret && (i.flags & IPRANGE_DST))
		ret = iprange(r, v6, FW_F_DADDR4, i.flags & IPRANGE_DST_INV, &i.dst_min,
			      &i.dst_max);
	return ret;
}

static int range_u8(struct fw_rule *r, enum fw_field f, bool neg, uint8_t lo, uint8_t hi)
{
	return fw_match_u32(r, f, neg, 0xff, lo, hi);
}

/* struct ip6t_icmp is the same. Type 255: any. */
static int match_icmp(struct fw_rule *r, const void *data)
{
	struct ipt_icmp i;
	bool neg, codes;
	int ret = 0;

	memcpy(&i, data, sizeof(i));
	neg = i.invflags & IPT_ICMP_INV;
	codes = i.code[0] || i.code[1] != 0xff;
	if (neg && (codes || i.type == 0xff)) /* not (type and code): no single match */
		return fw_maybe(r);
	if (i.type != 0xff)
		ret = range_u8(r, FW_F_ICMPTYPE, neg, i.type, i.type);
	return !ret && codes ? range_u8(r, FW_F_ICMPCODE, false, i.code[0], i.code[1]) : ret;
}

static int match_pkttype(struct fw_rule *r, const void *data)
{
	struct xt_pkttype_info i;

	memcpy(&i, data, sizeof(i));
	if (i.pkttype < 0 || i.pkttype > 7)
		return fw_maybe(r);
	return range_u8(r, FW_F_PKTTYPE, i.invert, (uint8_t)i.pkttype, (uint8_t)i.pkttype);
}

static enum fw_field source_of(const struct fw_rule *r)
{
	return r->chain->table->family == NFPROTO_IPV6 ? FW_F_SADDR6 : FW_F_SADDR4;
}

/* Elements of an ipset are not read: a set of sources alone is still known to be that. */
static int match_set(struct fw_rule *r, const void *data)
{
	struct xt_set_info i; /* first in every revision but the oldest */
	bool sources;

	memcpy(&i, data, sizeof(i));
	sources = i.dim == 1 && (i.flags & IPSET_DIM_ONE_SRC) && !(i.flags & IPSET_INV_MATCH);
	return fw_perhaps(r, sources ? source_of(r) : FW_F_UNKNOWN, false);
}

/* A list that the traffic itself fills. --set alone adds to it, and matches always. */
static int match_recent(struct fw_rule *r, const void *data)
{
	struct xt_recent_mtinfo i; /* the later revision goes on with a mask */

	memcpy(&i, data, sizeof(i));
	if ((i.check_set & XT_RECENT_SET) && !i.invert)
		return 0;
	return fw_perhaps(r, i.side == XT_RECENT_SOURCE && !i.invert ? source_of(r) : FW_F_UNKNOWN,
			  false);
}

/* Module of its own (xtables-addons), which tells the country of one of the addresses. */
static int match_geoip(struct fw_rule *r, const void *data)
{
	enum { SOURCE = 1, INVERTED = 4 };
	uint8_t flags;

	memcpy(&flags, data, sizeof(flags));
	return fw_perhaps(r, (flags & (SOURCE | INVERTED)) == SOURCE ? source_of(r) : FW_F_UNKNOWN,
			  false);
}

/* A share of all packets, which is some and not all unless it is written so. */
static int match_statistic(struct fw_rule *r, const void *data)
{
	struct xt_statistic_info i;
	bool some;

	memcpy(&i, data, sizeof(i));
	if (i.mode == XT_STATISTIC_MODE_RANDOM)
		some = i.u.random.probability && i.u.random.probability < 0x80000000;
	else
		some = i.mode == XT_STATISTIC_MODE_NTH && i.u.nth.every;
	return fw_perhaps(r, FW_F_UNKNOWN, some);
}

/* What is bridged passes none of the hooks for routed packets but by br_netfilter. */
static int match_physdev(struct fw_rule *r, const void *data)
{
	struct xt_physdev_info i;

	memcpy(&i, data, sizeof(i));
	if ((i.bitmask & XT_PHYSDEV_OP_BRIDGED) && !(i.invert & XT_PHYSDEV_OP_BRIDGED))
		return fw_match_add(r, FW_F_L4PROTO, false) ? 0 : -ENOMEM; /* none of all */
	return i.bitmask == XT_PHYSDEV_OP_BRIDGED ? 0 : fw_maybe(r);
}

/* Against what no host sends: the smallest MSS that has to work is 536 (RFC 9293, 3.7.1). */
static int match_tcpmss(struct fw_rule *r, const void *data)
{
	struct xt_tcpmss_match_info i;

	memcpy(&i, data, sizeof(i));
	if (i.mss_min > 536 || i.mss_max < 65495)
		return fw_maybe(r);
	/* without a range: never */
	return !i.invert || fw_match_add(r, FW_F_L4PROTO, false) ? 0 : -ENOMEM;
}

static int match_true(struct fw_rule *r, const void *data)
{
	(void)r;
	(void)data;
	return 0;
}

static const struct {
	const char *name;
	unsigned rev;
	size_t size;
	int (*lower)(struct fw_rule *r, const void *data);
} matches[] = {
	{ "tcp", 0, sizeof(struct xt_tcp), match_tcp },
	{ "udp", 0, sizeof(struct xt_udp), match_udp },
	{ "multiport", 0, sizeof(struct xt_multiport), match_multiport0 },
	{ "multiport", 1, sizeof(struct xt_multiport_v1), match_multiport1 },
	{ "mark", 1, sizeof(struct xt_mark_mtinfo1), match_mark },
	{ "conntrack", 1, sizeof(struct xt_conntrack_mtinfo1), match_conntrack1 },
	{ "conntrack", 2, sizeof(struct xt_conntrack_mtinfo2), match_conntrack2 },
	{ "conntrack", 3, sizeof(struct xt_conntrack_mtinfo3), match_conntrack3 },
	{ "state", 0, sizeof(struct xt_state_info), match_state },
	{ "addrtype", 0, sizeof(struct xt_addrtype_info), match_addrtype0 },
	{ "addrtype", 1, sizeof(struct xt_addrtype_info_v1), match_addrtype1 },
	{ "iprange", 1, sizeof(struct xt_iprange_mtinfo), match_iprange },
	{ "icmp", 0, sizeof(struct ipt_icmp), match_icmp },
	{ "icmp6", 0, sizeof(struct ipt_icmp), match_icmp },
	{ "pkttype", 0, sizeof(struct xt_pkttype_info), match_pkttype },
	{ "set", 1, sizeof(struct xt_set_info), match_set },
	{ "set", 2, sizeof(struct xt_set_info), match_set },
	{ "set", 3, sizeof(struct xt_set_info), match_set },
	{ "set", 4, sizeof(struct xt_set_info), match_set },
	{ "physdev", 0, sizeof(struct xt_physdev_info), match_physdev },
	{ "recent", 0, sizeof(struct xt_recent_mtinfo), match_recent },
	{ "recent", 1, sizeof(struct xt_recent_mtinfo), match_recent },
	{ "geoip", 1, sizeof(uint8_t), match_geoip },
	{ "statistic", 0, sizeof(struct xt_statistic_info), match_statistic },
	{ "tcpmss", 0, sizeof(struct xt_tcpmss_match_info), match_tcpmss },
	{ "comment", 0, 0, match_true },
};

int xt_match(struct fw_rule *r, const char *name, unsigned rev, const void *info, size_t len)
{
	if (!strcmp(name, "comment") && len && memchr(info, 0, len))
		r->comment = info;
	for (size_t i = 0; i < sizeof(matches) / sizeof(*matches); i++)
		if (!strcmp(matches[i].name, name) && matches[i].rev == rev &&
		    len >= matches[i].size)
			return matches[i].lower(r, info);
	return fw_maybe(r);
}
