// SPDX-License-Identifier: GPL-2.0-or-later
/* The text of x_tables targets other than NAT. */
#include <stddef.h>
#include <string.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/xt_AUDIT.h>
#include <linux/netfilter/xt_CHECKSUM.h>
#include <linux/netfilter/xt_CLASSIFY.h>
#include <linux/netfilter/xt_CT.h>
#include <linux/netfilter/xt_DSCP.h>
#include <linux/netfilter/xt_LOG.h>
#include <linux/netfilter/xt_NFLOG.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <linux/netfilter/xt_TCPMSS.h>
#include <linux/netfilter/xt_TEE.h>
#include <linux/netfilter/xt_TPROXY.h>
#include <linux/netfilter/xt_connmark.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter/xt_set.h>
#include <linux/netfilter_ipv4/ipt_REJECT.h>
#include <linux/netfilter_ipv4/ipt_TTL.h>
#include <linux/netfilter_ipv6/ip6t_HL.h>
#include <linux/netfilter_ipv6/ip6t_REJECT.h>

#include "text_xt.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static bool target_nothing(struct tbuf *b, const struct xt_view *x)
{
	(void)b;
	(void)x;
	return true;
}

static bool target_mark(struct tbuf *b, const struct xt_view *x)
{
	struct xt_mark_tginfo2 i;

	xt_get(x, &i, sizeof(i));
	tb_fmt(b, " --set-xmark 0x%x/0x%x", i.mark, i.mask);
	return true;
}

static bool connmark(struct tbuf *b, const struct xt_connmark_tginfo2 *i)
{
	switch (i->mode) {
	case XT_CONNMARK_SET:
		tb_fmt(b, " --set-xmark 0x%x/0x%x", i->ctmark, i->ctmask);
		break;
	case XT_CONNMARK_SAVE:
		tb_fmt(b, " --save-mark --nfmask 0x%x --ctmask 0x%x", i->nfmask, i->ctmask);
		break;
	case XT_CONNMARK_RESTORE:
		tb_fmt(b, " --restore-mark --nfmask 0x%x --ctmask 0x%x", i->nfmask, i->ctmask);
		break;
	default:
		return false;
	}
	if (i->shift_bits)
		tb_fmt(b, " --%s-shift-mark %u", i->shift_dir == D_SHIFT_RIGHT ? "right" : "left",
		       i->shift_bits);
	return true;
}

static bool target_connmark1(struct tbuf *b, const struct xt_view *x)
{
	struct xt_connmark_tginfo1 i;

	xt_get(x, &i, sizeof(i));
	return connmark(b, &(struct xt_connmark_tginfo2){ .ctmark = i.ctmark,
							  .ctmask = i.ctmask,
							  .nfmask = i.nfmask,
							  .mode = i.mode });
}

static bool target_connmark2(struct tbuf *b, const struct xt_view *x)
{
	struct xt_connmark_tginfo2 i;

	xt_get(x, &i, sizeof(i));
	return connmark(b, &i);
}

static bool target_reject(struct tbuf *b, const struct xt_view *x)
{
	static const char *const v4[] = {
		[IPT_ICMP_NET_UNREACHABLE] = "icmp-net-unreachable",
		[IPT_ICMP_HOST_UNREACHABLE] = "icmp-host-unreachable",
		[IPT_ICMP_PROT_UNREACHABLE] = "icmp-proto-unreachable",
		[IPT_ICMP_PORT_UNREACHABLE] = "icmp-port-unreachable",
		[IPT_ICMP_ECHOREPLY] = "echo-reply",
		[IPT_ICMP_NET_PROHIBITED] = "icmp-net-prohibited",
		[IPT_ICMP_HOST_PROHIBITED] = "icmp-host-prohibited",
		[IPT_TCP_RESET] = "tcp-reset",
		[IPT_ICMP_ADMIN_PROHIBITED] = "icmp-admin-prohibited",
	};
	static const char *const v6[] = {
		[IP6T_ICMP6_NO_ROUTE] = "icmp6-no-route",
		[IP6T_ICMP6_ADM_PROHIBITED] = "icmp6-adm-prohibited",
		[IP6T_ICMP6_NOT_NEIGHBOUR] = "icmp6-not-neighbour",
		[IP6T_ICMP6_ADDR_UNREACH] = "icmp6-addr-unreachable",
		[IP6T_ICMP6_PORT_UNREACH] = "icmp6-port-unreachable",
		[IP6T_ICMP6_ECHOREPLY] = "echo-reply",
		[IP6T_TCP_RESET] = "tcp-reset",
		[IP6T_ICMP6_POLICY_FAIL] = "icmp6-policy-fail",
		[IP6T_ICMP6_REJECT_ROUTE] = "icmp6-reject-route",
	};
	uint32_t with;

	xt_get(x, &with, sizeof(with));
	if (with >= (x->v6 ? COUNT(v6) : COUNT(v4)))
		return false;
	tb_fmt(b, " --reject-with %s", x->v6 ? v6[with] : v4[with]);
	return true;
}

static bool target_log(struct tbuf *b, const struct xt_view *x)
{
	static const struct symbol flags[] = { { XT_LOG_TCPSEQ, " --log-tcp-sequence" },
					       { XT_LOG_TCPOPT, " --log-tcp-options" },
					       { XT_LOG_IPOPT, " --log-ip-options" },
					       { XT_LOG_UID, " --log-uid" },
					       { XT_LOG_MACDECODE, " --log-macdecode" } };
	struct xt_log_info i;

	xt_get(x, &i, sizeof(i));
	if (i.prefix[0]) {
		tb_str(b, " --log-prefix");
		xt_string(b, i.prefix, sizeof(i.prefix));
	}
	if (i.level != 4)
		tb_fmt(b, " --log-level %u", i.level);
	for (size_t n = 0; n < COUNT(flags); n++)
		if (i.logflags & flags[n].value)
			tb_str(b, flags[n].name);
	return true;
}

static bool target_nflog(struct tbuf *b, const struct xt_view *x)
{
	struct xt_nflog_info i;

	xt_get(x, &i, sizeof(i));
	if (i.prefix[0]) {
		tb_str(b, " --nflog-prefix");
		xt_string(b, i.prefix, sizeof(i.prefix));
	}
	if (i.group)
		tb_fmt(b, " --nflog-group %u", i.group);
	if (i.len && (i.flags & XT_NFLOG_F_COPY_LEN))
		tb_fmt(b, " --nflog-size %u", i.len);
	else if (i.len)
		tb_fmt(b, " --nflog-range %u", i.len);
	if (i.threshold != XT_NFLOG_DEFAULT_THRESHOLD)
		tb_fmt(b, " --nflog-threshold %u", i.threshold);
	return true;
}

static bool target_nfqueue(struct tbuf *b, const struct xt_view *x)
{
	struct xt_NFQ_info_v3 i;

	xt_get(x, &i, sizeof(i));
	if (x->rev >= 1 && i.queues_total > 1)
		tb_fmt(b, " --queue-balance %u:%u", i.queuenum, i.queuenum + i.queues_total - 1u);
	else
		tb_fmt(b, " --queue-num %u", i.queuenum);
	if (x->rev >= 2 && (i.flags & NFQ_FLAG_BYPASS))
		tb_str(b, " --queue-bypass");
	if (x->rev >= 3 && (i.flags & NFQ_FLAG_CPU_FANOUT))
		tb_str(b, " --queue-cpu-fanout");
	return true;
}

static bool target_tproxy0(struct tbuf *b, const struct xt_view *x)
{
	struct xt_tproxy_target_info i;

	xt_get(x, &i, sizeof(i));
	tb_fmt(b, " --on-port %u --on-ip ", ntohs(i.lport));
	tb_addr(b, &i.laddr, 4);
	tb_fmt(b, " --tproxy-mark 0x%x/0x%x", i.mark_value, i.mark_mask);
	return true;
}

static bool target_tproxy1(struct tbuf *b, const struct xt_view *x)
{
	struct xt_tproxy_target_info_v1 i;

	xt_get(x, &i, sizeof(i));
	tb_fmt(b, " --on-port %u --on-ip ", ntohs(i.lport));
	tb_addr(b, &i.laddr, x->v6 ? 16 : 4);
	tb_fmt(b, " --tproxy-mark 0x%x/0x%x", i.mark_value, i.mark_mask);
	return true;
}

static void ct_zone(struct tbuf *b, unsigned flags, unsigned zone)
{
	const char *opt = flags & XT_CT_ZONE_DIR_ORIG	? "zone-orig"
			  : flags & XT_CT_ZONE_DIR_REPL ? "zone-reply"
							: "zone";

	if (flags & XT_CT_ZONE_MARK)
		tb_fmt(b, " --%s mark", opt);
	else if (zone)
		tb_fmt(b, " --%s %u", opt, zone);
}

static bool target_ct(struct tbuf *b, const struct xt_view *x)
{
	static const struct symbol events[] = {
		{ 1 << 0, "new" },
		{ 1 << 1, "related" },
		{ 1 << 2, "destroy" },
		{ 1 << 3, "reply" },
		{ 1 << 4, "assured" },
		{ 1 << 5, "protoinfo" },
		{ 1 << 6, "helper" },
		{ 1 << 7, "mark" },
		{ 1 << 8, "natseqinfo" },
		{ 1 << 9, "secmark" },
		{ 0 },
	};
	struct xt_ct_target_info_v1 i;

	xt_get(x, &i, sizeof(i));
	if (x->rev == 0)
		memset(i.timeout, 0, sizeof(i.timeout));
	if (i.flags & XT_CT_NOTRACK)
		tb_str(b, " --notrack");
	if (i.helper[0]) {
		tb_str(b, " --helper");
		xt_string(b, i.helper, sizeof(i.helper));
	}
	if (i.timeout[0]) {
		tb_str(b, " --timeout");
		xt_string(b, i.timeout, sizeof(i.timeout));
	}
	if (i.ct_events) {
		tb_str(b, " --ctevents ");
		xt_bits(b, i.ct_events, events);
	}
	if (i.exp_events)
		tb_fmt(b, " --expevents %s", i.exp_events == 1 ? "new" : "?");
	ct_zone(b, i.flags, i.zone);
	return true;
}

bool xt_is_notrack(const struct xt_view *x)
{
	struct xt_ct_target_info i;

	if (strcmp(x->name, "CT") || x->len < offsetof(struct xt_ct_target_info, ct))
		return false;
	xt_get(x, &i, sizeof(i));
	return i.flags & XT_CT_NOTRACK_ALIAS;
}

static bool target_tcpmss(struct tbuf *b, const struct xt_view *x)
{
	struct xt_tcpmss_info i;

	xt_get(x, &i, sizeof(i));
	if (i.mss == XT_TCPMSS_CLAMP_PMTU)
		tb_str(b, " --clamp-mss-to-pmtu");
	else
		tb_fmt(b, " --set-mss %u", i.mss);
	return true;
}

static bool target_checksum(struct tbuf *b, const struct xt_view *x)
{
	struct xt_CHECKSUM_info i;

	xt_get(x, &i, sizeof(i));
	tb_str(b, i.operation & XT_CHECKSUM_OP_FILL ? " --checksum-fill" : "");
	return !(i.operation & ~XT_CHECKSUM_OP_FILL);
}

static bool target_classify(struct tbuf *b, const struct xt_view *x)
{
	struct xt_classify_target_info i;

	xt_get(x, &i, sizeof(i));
	tb_fmt(b, " --set-class %04x:%04x", i.priority >> 16, i.priority & 0xffff);
	return true;
}

static bool target_dscp(struct tbuf *b, const struct xt_view *x)
{
	struct xt_DSCP_info i;

	xt_get(x, &i, sizeof(i));
	tb_fmt(b, " --set-dscp 0x%02x", i.dscp);
	return true;
}

static bool target_tos(struct tbuf *b, const struct xt_view *x)
{
	struct xt_tos_target_info i;

	xt_get(x, &i, sizeof(i));
	tb_fmt(b, " --set-tos 0x%02x/0x%02x", i.tos_value, i.tos_mask);
	return true;
}

static bool target_ttl(struct tbuf *b, const struct xt_view *x)
{
	static const char *const ops[] = { "set", "inc", "dec" };
	struct ipt_TTL_info i;

	xt_get(x, &i, sizeof(i));
	if (i.mode >= COUNT(ops))
		return false;
	tb_fmt(b, " --%s-%s %u", strcmp(x->name, "HL") ? "ttl" : "hl", ops[i.mode], i.ttl);
	return true;
}

static bool target_tee(struct tbuf *b, const struct xt_view *x)
{
	struct xt_tee_tginfo i;

	xt_get(x, &i, sizeof(i));
	tb_str(b, " --gateway ");
	tb_addr(b, &i.gw, x->v6 ? 16 : 4);
	if (i.oif[0]) {
		tb_str(b, " --oif ");
		tb_name(b, i.oif, sizeof(i.oif));
	}
	return true;
}

static void set_one(struct tbuf *b, const char *opt, const struct xt_set_info *s)
{
	if (s->index == 0xffff) /* IPSET_INVALID_ID */
		return;
	tb_fmt(b, " --%s [set %u] ", opt, s->index);
	for (unsigned n = 1; n <= s->dim && n <= IPSET_DIM_MAX; n++)
		tb_fmt(b, "%s%s", n > 1 ? "," : "", s->flags & 1u << n ? "src" : "dst");
}

static bool target_set1(struct tbuf *b, const struct xt_view *x)
{
	struct xt_set_info_target_v1 i;

	xt_get(x, &i, sizeof(i));
	set_one(b, "add-set", &i.add_set);
	set_one(b, "del-set", &i.del_set);
	return true;
}

static void set_options(struct tbuf *b, uint32_t flags, uint32_t timeout)
{
	if (flags & IPSET_FLAG_EXIST)
		tb_str(b, " --exist");
	if (timeout != 0xffffffff)
		tb_fmt(b, " --timeout %u", timeout);
}

static bool target_set2(struct tbuf *b, const struct xt_view *x)
{
	struct xt_set_info_target_v2 i;

	xt_get(x, &i, sizeof(i));
	set_one(b, "add-set", &i.add_set);
	set_options(b, i.flags, i.timeout);
	set_one(b, "del-set", &i.del_set);
	return true;
}

static bool target_set3(struct tbuf *b, const struct xt_view *x)
{
	struct xt_set_info_target_v3 i;

	xt_get(x, &i, sizeof(i));
	set_one(b, "add-set", &i.add_set);
	set_options(b, i.flags, i.timeout);
	set_one(b, "del-set", &i.del_set);
	set_one(b, "map-set", &i.map_set);
	if (i.flags & IPSET_FLAG_MAP_SKBMARK)
		tb_str(b, " --map-mark");
	if (i.flags & IPSET_FLAG_MAP_SKBPRIO)
		tb_str(b, " --map-prio");
	if (i.flags & IPSET_FLAG_MAP_SKBQUEUE)
		tb_str(b, " --map-queue");
	return true;
}

static bool target_audit(struct tbuf *b, const struct xt_view *x)
{
	static const char *const types[] = { "accept", "drop", "reject" };
	struct xt_audit_info i;

	xt_get(x, &i, sizeof(i));
	if (i.type >= COUNT(types))
		return false;
	tb_fmt(b, " --type %s", types[i.type]);
	return true;
}

const struct xt_printer xt_targets[] = {
	{ "MARK", 2, sizeof(struct xt_mark_tginfo2), target_mark },
	{ "CONNMARK", 1, sizeof(struct xt_connmark_tginfo1), target_connmark1 },
	{ "CONNMARK", 2, sizeof(struct xt_connmark_tginfo2), target_connmark2 },
	{ "REJECT", XT_ANY, sizeof(uint32_t), target_reject },
	{ "LOG", XT_ANY, sizeof(struct xt_log_info), target_log },
	{ "NFLOG", XT_ANY, sizeof(struct xt_nflog_info), target_nflog },
	{ "NFQUEUE", 0, sizeof(struct xt_NFQ_info), target_nfqueue },
	{ "NFQUEUE", 1, sizeof(struct xt_NFQ_info_v1), target_nfqueue },
	{ "NFQUEUE", 2, sizeof(struct xt_NFQ_info_v2), target_nfqueue },
	{ "NFQUEUE", 3, sizeof(struct xt_NFQ_info_v3), target_nfqueue },
	{ "TPROXY", 0, sizeof(struct xt_tproxy_target_info), target_tproxy0 },
	{ "TPROXY", 1, sizeof(struct xt_tproxy_target_info_v1), target_tproxy1 },
	{ "CT", 0, offsetof(struct xt_ct_target_info, ct), target_ct },
	{ "CT", 1, offsetof(struct xt_ct_target_info_v1, ct), target_ct },
	{ "CT", 2, offsetof(struct xt_ct_target_info_v1, ct), target_ct },
	{ "NOTRACK", XT_ANY, 0, target_nothing },
	{ "TRACE", XT_ANY, 0, target_nothing },
	{ "TCPMSS", XT_ANY, sizeof(struct xt_tcpmss_info), target_tcpmss },
	{ "CHECKSUM", XT_ANY, sizeof(struct xt_CHECKSUM_info), target_checksum },
	{ "CLASSIFY", XT_ANY, sizeof(struct xt_classify_target_info), target_classify },
	{ "DSCP", XT_ANY, sizeof(struct xt_DSCP_info), target_dscp },
	{ "TOS", 1, sizeof(struct xt_tos_target_info), target_tos },
	{ "TTL", XT_ANY, sizeof(struct ipt_TTL_info), target_ttl },
	{ "HL", XT_ANY, sizeof(struct ip6t_HL_info), target_ttl },
	{ "TEE", 1, offsetof(struct xt_tee_tginfo, priv), target_tee },
	{ "SET", 1, sizeof(struct xt_set_info_target_v1), target_set1 },
	{ "SET", 2, sizeof(struct xt_set_info_target_v2), target_set2 },
	{ "SET", 3, sizeof(struct xt_set_info_target_v3), target_set3 },
	{ "AUDIT", XT_ANY, sizeof(struct xt_audit_info), target_audit },
	{ 0 },
};
