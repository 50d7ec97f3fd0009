// SPDX-License-Identifier: GPL-2.0-or-later
/* The text of x_tables matches: addresses, interfaces, owners, and comments. */
#include <stddef.h>
#include <string.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_cgroup.h>
#include <linux/netfilter/xt_comment.h>
#include <linux/netfilter/xt_cpu.h>
#include <linux/netfilter/xt_devgroup.h>
#include <linux/netfilter/xt_iprange.h>
#include <linux/netfilter/xt_mac.h>
#include <linux/netfilter/xt_owner.h>
#include <linux/netfilter/xt_physdev.h>
#include <linux/netfilter/xt_pkttype.h>
#include <linux/netfilter/xt_policy.h>
#include <linux/netfilter/xt_realm.h>
#include <linux/netfilter/xt_rpfilter.h>
#include <linux/netfilter/xt_set.h>
#include <linux/netfilter/xt_string.h>

#include "text_xt.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static bool match_comment(struct tbuf *b, const struct xt_view *x)
{
	struct xt_comment_info i;

	xt_get(x, &i, sizeof(i));
	tb_str(b, " --comment");
	xt_string(b, i.comment, sizeof(i.comment));
	return true;
}

static void addr_types(struct tbuf *b, const char *opt, uint16_t types, bool inv)
{
	static const struct symbol names[] = {
		{ 1 << 0, "UNSPEC" },
		{ 1 << 1, "UNICAST" },
		{ 1 << 2, "LOCAL" },
		{ 1 << 3, "BROADCAST" },
		{ 1 << 4, "ANYCAST" },
		{ 1 << 5, "MULTICAST" },
		{ 1 << 6, "BLACKHOLE" },
		{ 1 << 7, "UNREACHABLE" },
		{ 1 << 8, "PROHIBIT" },
		{ 1 << 9, "THROW" },
		{ 1 << 10, "NAT" },
		{ 1 << 11, "XRESOLVE" },
		{ 0 },
	};

	if (!types)
		return;
	xt_inv(b, inv);
	tb_fmt(b, " --%s ", opt);
	xt_bits(b, types, names);
}

static bool match_addrtype0(struct tbuf *b, const struct xt_view *x)
{
	struct xt_addrtype_info i;

	xt_get(x, &i, sizeof(i));
	addr_types(b, "src-type", i.source, i.invert_source);
	addr_types(b, "dst-type", i.dest, i.invert_dest);
	return true;
}

static bool match_addrtype1(struct tbuf *b, const struct xt_view *x)
{
	struct xt_addrtype_info_v1 i;

	xt_get(x, &i, sizeof(i));
	addr_types(b, "src-type", i.source, i.flags & XT_ADDRTYPE_INVERT_SOURCE);
	addr_types(b, "dst-type", i.dest, i.flags & XT_ADDRTYPE_INVERT_DEST);
	if (i.flags & XT_ADDRTYPE_LIMIT_IFACE_IN)
		tb_str(b, " --limit-iface-in");
	if (i.flags & XT_ADDRTYPE_LIMIT_IFACE_OUT)
		tb_str(b, " --limit-iface-out");
	return true;
}

static bool match_iprange(struct tbuf *b, const struct xt_view *x)
{
	size_t len = x->v6 ? 16 : 4;
	struct xt_iprange_mtinfo i;

	xt_get(x, &i, sizeof(i));
	if (i.flags & IPRANGE_SRC) {
		xt_inv(b, i.flags & IPRANGE_SRC_INV);
		tb_str(b, " --src-range ");
		tb_addr(b, &i.src_min, len);
		tb_str(b, "-");
		tb_addr(b, &i.src_max, len);
	}
	if (i.flags & IPRANGE_DST) {
		xt_inv(b, i.flags & IPRANGE_DST_INV);
		tb_str(b, " --dst-range ");
		tb_addr(b, &i.dst_min, len);
		tb_str(b, "-");
		tb_addr(b, &i.dst_max, len);
	}
	return true;
}

static bool match_mac(struct tbuf *b, const struct xt_view *x)
{
	struct xt_mac_info i;

	xt_get(x, &i, sizeof(i));
	xt_inv(b, i.invert);
	tb_str(b, " --mac-source ");
	for (size_t n = 0; n < sizeof(i.srcaddr); n++)
		tb_fmt(b, "%s%02x", n ? ":" : "", i.srcaddr[n]);
	return true;
}

static bool match_owner(struct tbuf *b, const struct xt_view *x)
{
	struct xt_owner_match_info i;

	xt_get(x, &i, sizeof(i));
	xt_inv(b, (i.match & XT_OWNER_SOCKET) && (i.invert & XT_OWNER_SOCKET));
	if (i.match & XT_OWNER_SOCKET)
		tb_str(b, " --socket-exists");
	if (i.match & XT_OWNER_UID) {
		xt_inv(b, i.invert & XT_OWNER_UID);
		tb_fmt(b, i.uid_min == i.uid_max ? " --uid-owner %u" : " --uid-owner %u-%u",
		       i.uid_min, i.uid_max);
	}
	if (i.match & XT_OWNER_GID) {
		xt_inv(b, i.invert & XT_OWNER_GID);
		tb_fmt(b, i.gid_min == i.gid_max ? " --gid-owner %u" : " --gid-owner %u-%u",
		       i.gid_min, i.gid_max);
	}
	if (i.match & XT_OWNER_SUPPL_GROUPS)
		tb_str(b, " --suppl-groups");
	return true;
}

static void physdev_name(struct tbuf *b, const char *opt, const char *name, bool inv)
{
	xt_inv(b, inv);
	tb_fmt(b, " --%s ", opt);
	tb_name(b, name, 16);
}

static bool match_physdev(struct tbuf *b, const struct xt_view *x)
{
	struct xt_physdev_info i;

	xt_get(x, &i, sizeof(i));
	if (i.bitmask & XT_PHYSDEV_OP_ISIN) {
		xt_inv(b, i.invert & XT_PHYSDEV_OP_ISIN);
		tb_str(b, " --physdev-is-in");
	}
	if (i.bitmask & XT_PHYSDEV_OP_IN)
		physdev_name(b, "physdev-in", i.physindev, i.invert & XT_PHYSDEV_OP_IN);
	if (i.bitmask & XT_PHYSDEV_OP_ISOUT) {
		xt_inv(b, i.invert & XT_PHYSDEV_OP_ISOUT);
		tb_str(b, " --physdev-is-out");
	}
	if (i.bitmask & XT_PHYSDEV_OP_OUT)
		physdev_name(b, "physdev-out", i.physoutdev, i.invert & XT_PHYSDEV_OP_OUT);
	if (i.bitmask & XT_PHYSDEV_OP_BRIDGED) {
		xt_inv(b, i.invert & XT_PHYSDEV_OP_BRIDGED);
		tb_str(b, " --physdev-is-bridged");
	}
	return true;
}

static bool match_pkttype(struct tbuf *b, const struct xt_view *x)
{
	static const char *const names[] = { "unicast", "broadcast", "multicast" };
	struct xt_pkttype_info i;

	xt_get(x, &i, sizeof(i));
	xt_inv(b, i.invert);
	if (i.pkttype >= 0 && (size_t)i.pkttype < COUNT(names))
		tb_fmt(b, " --pkt-type %s", names[i.pkttype]);
	else
		tb_fmt(b, " --pkt-type %d", i.pkttype);
	return true;
}

/* A set is named by its number, which the kernel alone can turn into its name. */
static void set_name(struct tbuf *b, const struct xt_set_info *s)
{
	xt_inv(b, s->flags & IPSET_INV_MATCH);
	tb_fmt(b, " --match-set [set %u] ", s->index);
	for (unsigned n = 1; n <= s->dim && n <= IPSET_DIM_MAX; n++)
		tb_fmt(b, "%s%s", n > 1 ? "," : "", s->flags & 1u << n ? "src" : "dst");
}

/* Revisions 1 and 2: the latter with one option among the flags. */
static bool match_set(struct tbuf *b, const struct xt_view *x)
{
	struct xt_set_info_match_v1 i;

	xt_get(x, &i, sizeof(i));
	set_name(b, &i.match_set);
	if (i.match_set.flags & IPSET_RETURN_NOMATCH)
		tb_str(b, " --return-nomatch");
	return true;
}

static void set_counter(struct tbuf *b, const char *what, unsigned op, unsigned long long v)
{
	static const char *const ops[] = { [IPSET_COUNTER_EQ] = " --%s-eq %llu",
					   [IPSET_COUNTER_NE] = " ! --%s-eq %llu",
					   [IPSET_COUNTER_LT] = " --%s-lt %llu",
					   [IPSET_COUNTER_GT] = " --%s-gt %llu" };

	if (op == IPSET_COUNTER_NONE)
		return;
	if (op < COUNT(ops))
		tb_fmt(b, ops[op], what, v);
	else
		tb_fmt(b, " --%s-[%u] %llu", what, op, v);
}

static void set_flags(struct tbuf *b, uint32_t flags)
{
	if (flags & IPSET_FLAG_RETURN_NOMATCH)
		tb_str(b, " --return-nomatch");
	if (flags & IPSET_FLAG_SKIP_COUNTER_UPDATE)
		tb_str(b, " ! --update-counters");
	if (flags & IPSET_FLAG_SKIP_SUBCOUNTER_UPDATE)
		tb_str(b, " ! --update-subcounters");
}

static bool match_set3(struct tbuf *b, const struct xt_view *x)
{
	struct xt_set_info_match_v3 i;

	xt_get(x, &i, sizeof(i));
	set_name(b, &i.match_set);
	set_flags(b, i.flags);
	set_counter(b, "packets", i.packets.op, i.packets.value);
	set_counter(b, "bytes", i.bytes.op, i.bytes.value);
	return true;
}

static bool match_set4(struct tbuf *b, const struct xt_view *x)
{
	struct xt_set_info_match_v4 i;

	xt_get(x, &i, sizeof(i));
	set_name(b, &i.match_set);
	set_flags(b, i.flags);
	set_counter(b, "packets", i.packets.op, i.packets.value);
	set_counter(b, "bytes", i.bytes.op, i.bytes.value);
	return true;
}

static bool match_rpfilter(struct tbuf *b, const struct xt_view *x)
{
	struct xt_rpfilter_info i;

	xt_get(x, &i, sizeof(i));
	tb_fmt(b, "%s%s%s%s", i.flags & XT_RPFILTER_LOOSE ? " --loose" : "",
	       i.flags & XT_RPFILTER_VALID_MARK ? " --validmark" : "",
	       i.flags & XT_RPFILTER_ACCEPT_LOCAL ? " --accept-local" : "",
	       i.flags & XT_RPFILTER_INVERT ? " --invert" : "");
	return true;
}

static bool match_string(struct tbuf *b, const struct xt_view *x)
{
	struct xt_string_info i;
	uint8_t flags;
	bool text = true;

	xt_get(x, &i, sizeof(i));
	flags = x->rev ? i.u.v1.flags : i.u.v0.invert ? XT_STRING_FLAG_INVERT : 0;
	if (i.patlen > sizeof(i.pattern))
		return false;
	for (size_t n = 0; n < i.patlen; n++)
		text = text && i.pattern[n] >= 0x20 && i.pattern[n] < 0x7f;
	xt_inv(b, flags & XT_STRING_FLAG_INVERT);
	if (text) {
		tb_str(b, " --string ");
		tb_quoted(b, i.pattern, i.patlen, true);
	} else {
		tb_str(b, " --hex-string \"|");
		for (size_t n = 0; n < i.patlen; n++)
			tb_fmt(b, "%02x", (uint8_t)i.pattern[n]);
		tb_str(b, "|\"");
	}
	tb_str(b, " --algo ");
	tb_name(b, i.algo, sizeof(i.algo));
	if (i.from_offset)
		tb_fmt(b, " --from %u", i.from_offset);
	if (i.to_offset && i.to_offset != 0xffff)
		tb_fmt(b, " --to %u", i.to_offset);
	if (flags & XT_STRING_FLAG_IGNORECASE)
		tb_str(b, " --icase");
	return true;
}

static void policy_addr(struct tbuf *b, const char *opt, const union xt_policy_addr *a,
			const union xt_policy_addr *mask, bool v6, bool inv)
{
	xt_inv(b, inv);
	tb_fmt(b, " --%s ", opt);
	tb_addr(b, a, v6 ? 16 : 4);
	xt_mask(b, mask, v6 ? 16 : 4);
}

static void policy_elem(struct tbuf *b, const struct xt_policy_elem *e, bool v6)
{
	if (e->match.reqid) {
		xt_inv(b, e->invert.reqid);
		tb_fmt(b, " --reqid %u", e->reqid);
	}
	if (e->match.spi) {
		xt_inv(b, e->invert.spi);
		tb_fmt(b, " --spi 0x%x", e->spi);
	}
	if (e->match.proto) {
		const char *name = l4proto_name(e->proto);

		xt_inv(b, e->invert.proto);
		if (name)
			tb_fmt(b, " --proto %s", name);
		else
			tb_fmt(b, " --proto %u", e->proto);
	}
	if (e->match.mode) {
		xt_inv(b, e->invert.mode);
		tb_fmt(b, " --mode %s", e->mode == XT_POLICY_MODE_TUNNEL ? "tunnel" : "transport");
	}
	if (e->match.daddr)
		policy_addr(b, "tunnel-dst", &e->daddr, &e->dmask, v6, e->invert.daddr);
	if (e->match.saddr)
		policy_addr(b, "tunnel-src", &e->saddr, &e->smask, v6, e->invert.saddr);
}

static bool match_policy(struct tbuf *b, const struct xt_view *x)
{
	struct xt_policy_info i;

	xt_get(x, &i, sizeof(i));
	tb_fmt(b, " --dir %s", i.flags & XT_POLICY_MATCH_IN ? "in" : "out");
	tb_fmt(b, " --pol %s", i.flags & XT_POLICY_MATCH_NONE ? "none" : "ipsec");
	if (i.flags & XT_POLICY_MATCH_STRICT)
		tb_str(b, " --strict");
	for (unsigned n = 0; n < i.len && n < XT_POLICY_MAX_ELEM; n++) {
		if (n)
			tb_str(b, " --next");
		policy_elem(b, &i.pol[n], x->v6);
	}
	return true;
}

static bool match_realm(struct tbuf *b, const struct xt_view *x)
{
	struct xt_realm_info i;

	xt_get(x, &i, sizeof(i));
	xt_inv(b, i.invert);
	tb_fmt(b, i.mask == 0xffffffff ? " --realm 0x%x" : " --realm 0x%x/0x%x", i.id, i.mask);
	return true;
}

static bool match_devgroup(struct tbuf *b, const struct xt_view *x)
{
	struct xt_devgroup_info i;

	xt_get(x, &i, sizeof(i));
	if (i.flags & XT_DEVGROUP_MATCH_SRC) {
		xt_inv(b, i.flags & XT_DEVGROUP_INVERT_SRC);
		tb_str(b, " --src-group");
		xt_mark(b, i.src_group, i.src_mask);
	}
	if (i.flags & XT_DEVGROUP_MATCH_DST) {
		xt_inv(b, i.flags & XT_DEVGROUP_INVERT_DST);
		tb_str(b, " --dst-group");
		xt_mark(b, i.dst_group, i.dst_mask);
	}
	return true;
}

static bool match_cpu(struct tbuf *b, const struct xt_view *x)
{
	struct xt_cpu_info i;

	xt_get(x, &i, sizeof(i));
	xt_inv(b, i.invert);
	tb_fmt(b, " --cpu %u", i.cpu);
	return true;
}

static bool match_cgroup0(struct tbuf *b, const struct xt_view *x)
{
	struct xt_cgroup_info_v0 i;

	xt_get(x, &i, sizeof(i));
	xt_inv(b, i.invert);
	tb_fmt(b, " --cgroup %u", i.id);
	return true;
}

const struct xt_printer xt_misc_matches[] = {
	{ "comment", XT_ANY, 1, match_comment },
	{ "addrtype", 0, sizeof(struct xt_addrtype_info), match_addrtype0 },
	{ "addrtype", 1, sizeof(struct xt_addrtype_info_v1), match_addrtype1 },
	{ "iprange", 1, sizeof(struct xt_iprange_mtinfo), match_iprange },
	{ "mac", XT_ANY, sizeof(struct xt_mac_info), match_mac },
	{ "owner", 1, sizeof(struct xt_owner_match_info), match_owner },
	{ "physdev", XT_ANY, sizeof(struct xt_physdev_info), match_physdev },
	{ "pkttype", XT_ANY, sizeof(struct xt_pkttype_info), match_pkttype },
	{ "set", 1, sizeof(struct xt_set_info_match_v1), match_set },
	{ "set", 2, sizeof(struct xt_set_info_match_v1), match_set },
	{ "set", 3, sizeof(struct xt_set_info_match_v3), match_set3 },
	{ "set", 4, sizeof(struct xt_set_info_match_v4), match_set4 },
	{ "rpfilter", XT_ANY, sizeof(struct xt_rpfilter_info), match_rpfilter },
	{ "string", XT_ANY, offsetof(struct xt_string_info, config), match_string },
	{ "policy", XT_ANY, sizeof(struct xt_policy_info), match_policy },
	{ "realm", XT_ANY, sizeof(struct xt_realm_info), match_realm },
	{ "devgroup", XT_ANY, sizeof(struct xt_devgroup_info), match_devgroup },
	{ "cpu", XT_ANY, sizeof(struct xt_cpu_info), match_cpu },
	{ "cgroup", 0, sizeof(struct xt_cgroup_info_v0), match_cgroup0 },
	{ 0 },
};
