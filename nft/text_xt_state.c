// SPDX-License-Identifier: GPL-2.0-or-later
/* The text of x_tables matches: connections and marks. */
#include <stddef.h>
#include <string.h>
#include <netinet/in.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/xt_connbytes.h>
#include <linux/netfilter/xt_connlabel.h>
#include <linux/netfilter/xt_connlimit.h>
#include <linux/netfilter/xt_connmark.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_helper.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter/xt_socket.h>
#include <linux/netfilter/xt_state.h>

#include "text_xt.h"

static const struct symbol states[] = {
	{ XT_CONNTRACK_STATE_INVALID, "INVALID" },
	{ XT_CONNTRACK_STATE_BIT(IP_CT_NEW), "NEW" },
	{ XT_CONNTRACK_STATE_BIT(IP_CT_RELATED), "RELATED" },
	{ XT_CONNTRACK_STATE_BIT(IP_CT_ESTABLISHED), "ESTABLISHED" },
	{ XT_CONNTRACK_STATE_UNTRACKED, "UNTRACKED" },
	{ XT_CONNTRACK_STATE_SNAT, "SNAT" },
	{ XT_CONNTRACK_STATE_DNAT, "DNAT" },
	{ 0 },
};

static const struct symbol statuses[] = {
	{ IPS_EXPECTED, "EXPECTED" },
	{ IPS_SEEN_REPLY, "SEEN_REPLY" },
	{ IPS_ASSURED, "ASSURED" },
	{ IPS_CONFIRMED, "CONFIRMED" },
	{ 0 },
};

static bool match_state(struct tbuf *b, const struct xt_view *x)
{
	struct xt_state_info i;

	xt_get(x, &i, sizeof(i));
	tb_str(b, " --state ");
	xt_bits(b, i.statemask, states);
	return true;
}

struct ct {
	uint16_t flags, invert, state, status, l4proto;
	uint32_t expires_min, expires_max;
	const union nf_inet_addr *addr[8]; /* origsrc, mask, origdst, replsrc, repldst */
	uint16_t port[4], port_high[4];
	bool ranges;
};

static void ct_addrs(struct tbuf *b, const struct ct *c, bool v6)
{
	static const struct symbol opts[] = { { XT_CONNTRACK_ORIGSRC, "ctorigsrc" },
					      { XT_CONNTRACK_ORIGDST, "ctorigdst" },
					      { XT_CONNTRACK_REPLSRC, "ctreplsrc" },
					      { XT_CONNTRACK_REPLDST, "ctrepldst" } };

	for (size_t i = 0; i < 4; i++) {
		if (!(c->flags & opts[i].value))
			continue;
		xt_inv(b, c->invert & opts[i].value);
		tb_fmt(b, " --%s ", opts[i].name);
		tb_addr(b, c->addr[2 * i], v6 ? 16 : 4);
		xt_mask(b, c->addr[2 * i + 1], v6 ? 16 : 4);
	}
}

static void ct_ports(struct tbuf *b, const struct ct *c)
{
	static const struct symbol opts[] = { { XT_CONNTRACK_ORIGSRC_PORT, "ctorigsrcport" },
					      { XT_CONNTRACK_ORIGDST_PORT, "ctorigdstport" },
					      { XT_CONNTRACK_REPLSRC_PORT, "ctreplsrcport" },
					      { XT_CONNTRACK_REPLDST_PORT, "ctrepldstport" } };

	for (size_t i = 0; i < 4; i++) {
		uint16_t lo = c->ranges ? c->port[i] : ntohs(c->port[i]);

		if (!(c->flags & opts[i].value))
			continue;
		xt_inv(b, c->invert & opts[i].value);
		tb_fmt(b, " --%s ", opts[i].name);
		xt_range(b, lo, c->ranges && c->port_high[i] ? c->port_high[i] : lo);
	}
}

static bool conntrack(struct tbuf *b, const struct ct *c, bool v6)
{
	bool alias = c->flags & XT_CONNTRACK_STATE_ALIAS;

	tb_str(b, alias ? "state" : "conntrack");
	if (c->flags & XT_CONNTRACK_STATE) {
		xt_inv(b, c->invert & XT_CONNTRACK_STATE);
		tb_str(b, alias ? " --state " : " --ctstate ");
		xt_bits(b, c->state, states);
	}
	if (c->flags & XT_CONNTRACK_PROTO) {
		xt_inv(b, c->invert & XT_CONNTRACK_PROTO);
		tb_fmt(b, " --ctproto %u", c->l4proto);
	}
	ct_addrs(b, c, v6);
	ct_ports(b, c);
	if (c->flags & XT_CONNTRACK_STATUS) {
		xt_inv(b, c->invert & XT_CONNTRACK_STATUS);
		tb_str(b, " --ctstatus ");
		if (c->status)
			xt_bits(b, c->status, statuses);
		else
			tb_str(b, "NONE");
	}
	if (c->flags & XT_CONNTRACK_EXPIRES) {
		xt_inv(b, c->invert & XT_CONNTRACK_EXPIRES);
		tb_str(b, " --ctexpire ");
		xt_range(b, c->expires_min, c->expires_max);
	}
	if (c->flags & XT_CONNTRACK_DIRECTION)
		tb_fmt(b, " --ctdir %s", c->invert & XT_CONNTRACK_DIRECTION ? "REPLY" : "ORIGINAL");
	return true;
}

/* The revisions hold the same fields, in other widths. */
#define CT_FROM(i)                                                                                 \
	{                                                                                          \
		.flags = (i).match_flags, .invert = (i).invert_flags, .state = (i).state_mask,     \
		.status = (i).status_mask, .l4proto = (i).l4proto, .expires_min = (i).expires_min, \
		.expires_max = (i).expires_max,                                                    \
		.addr = { &(i).origsrc_addr, &(i).origsrc_mask, &(i).origdst_addr,                 \
			  &(i).origdst_mask, &(i).replsrc_addr, &(i).replsrc_mask,                 \
			  &(i).repldst_addr, &(i).repldst_mask },                                  \
		.port = { (i).origsrc_port, (i).origdst_port, (i).replsrc_port,                    \
			  (i).repldst_port },                                                      \
	}

static bool match_conntrack1(struct tbuf *b, const struct xt_view *x)
{
	struct xt_conntrack_mtinfo1 i;

	xt_get(x, &i, sizeof(i));
	return conntrack(b, &(struct ct)CT_FROM(i), x->v6);
}

static bool match_conntrack2(struct tbuf *b, const struct xt_view *x)
{
	struct xt_conntrack_mtinfo2 i;

	xt_get(x, &i, sizeof(i));
	return conntrack(b, &(struct ct)CT_FROM(i), x->v6);
}

static bool match_conntrack3(struct tbuf *b, const struct xt_view *x)
{
	struct xt_conntrack_mtinfo3 i;

	xt_get(x, &i, sizeof(i));
	struct ct c = CT_FROM(i);

	c.ranges = true;
	c.port_high[0] = i.origsrc_port_high;
	c.port_high[1] = i.origdst_port_high;
	c.port_high[2] = i.replsrc_port_high;
	c.port_high[3] = i.repldst_port_high;
	return conntrack(b, &c, x->v6);
}

static bool match_mark(struct tbuf *b, const struct xt_view *x)
{
	struct xt_mark_mtinfo1 i;

	xt_get(x, &i, sizeof(i));
	xt_inv(b, i.invert);
	tb_str(b, " --mark");
	xt_mark(b, i.mark, i.mask);
	return true;
}

static bool match_connmark(struct tbuf *b, const struct xt_view *x)
{
	struct xt_connmark_mtinfo1 i;

	xt_get(x, &i, sizeof(i));
	xt_inv(b, i.invert);
	tb_str(b, " --mark");
	xt_mark(b, i.mark, i.mask);
	return true;
}

static bool match_connbytes(struct tbuf *b, const struct xt_view *x)
{
	static const char *const modes[] = { "packets", "bytes", "avgpkt" };
	static const char *const dirs[] = { "original", "reply", "both" };
	struct xt_connbytes_info i;
	bool inv;

	xt_get(x, &i, sizeof(i));
	if (i.what > 2 || i.direction > 2)
		return false;
	inv = i.count.from > i.count.to; /* how it is stored */
	xt_inv(b, inv);
	tb_fmt(b, " --connbytes %llu", (unsigned long long)(inv ? i.count.to : i.count.from));
	if (inv || i.count.to < 0xffffffff)
		tb_fmt(b, ":%llu", (unsigned long long)(inv ? i.count.from : i.count.to));
	tb_fmt(b, " --connbytes-mode %s --connbytes-dir %s", modes[i.what], dirs[i.direction]);
	return true;
}

static bool match_connlimit(struct tbuf *b, const struct xt_view *x)
{
	size_t len = x->v6 ? 16 : 4;
	struct xt_connlimit_info i;
	int bits;

	xt_get(x, &i, sizeof(i));
	tb_fmt(b, " --connlimit-%s %u", i.flags & XT_CONNLIMIT_INVERT ? "upto" : "above", i.limit);
	bits = prefix_len((const uint8_t *)&i.mask, len);
	if (bits < 0)
		return false;
	tb_fmt(b, " --connlimit-mask %d --connlimit-%s", bits,
	       i.flags & XT_CONNLIMIT_DADDR ? "daddr" : "saddr");
	return true;
}

static bool match_connlabel(struct tbuf *b, const struct xt_view *x)
{
	struct xt_connlabel_mtinfo i;

	xt_get(x, &i, sizeof(i));
	xt_inv(b, i.options & XT_CONNLABEL_OP_INVERT);
	tb_fmt(b, " --label \"%u\"%s", i.bit, i.options & XT_CONNLABEL_OP_SET ? " --set" : "");
	return true;
}

static bool match_helper(struct tbuf *b, const struct xt_view *x)
{
	struct xt_helper_info i;

	xt_get(x, &i, sizeof(i));
	xt_inv(b, i.invert);
	tb_str(b, " --helper");
	xt_string(b, i.name, sizeof(i.name));
	return true;
}

static bool match_socket(struct tbuf *b, const struct xt_view *x)
{
	struct xt_socket_mtinfo1 i;

	xt_get(x, &i, sizeof(i));
	if (i.flags & XT_SOCKET_TRANSPARENT)
		tb_str(b, " --transparent");
	if (i.flags & XT_SOCKET_NOWILDCARD)
		tb_str(b, " --nowildcard");
	if (i.flags & XT_SOCKET_RESTORESKMARK)
		tb_str(b, " --restore-skmark");
	return true;
}

const struct xt_printer xt_state_matches[] = {
	{ "state", XT_ANY, sizeof(struct xt_state_info), match_state },
	{ "conntrack", 1, sizeof(struct xt_conntrack_mtinfo1), match_conntrack1 },
	{ "conntrack", 2, sizeof(struct xt_conntrack_mtinfo2), match_conntrack2 },
	{ "conntrack", 3, sizeof(struct xt_conntrack_mtinfo3), match_conntrack3 },
	{ "mark", 1, sizeof(struct xt_mark_mtinfo1), match_mark },
	{ "connmark", 1, sizeof(struct xt_connmark_mtinfo1), match_connmark },
	{ "connbytes", XT_ANY, sizeof(struct xt_connbytes_info), match_connbytes },
	{ "connlimit", XT_ANY, offsetof(struct xt_connlimit_info, data), match_connlimit },
	{ "connlabel", XT_ANY, sizeof(struct xt_connlabel_mtinfo), match_connlabel },
	{ "helper", XT_ANY, sizeof(struct xt_helper_info), match_helper },
	{ "socket", 1, sizeof(struct xt_socket_mtinfo1), match_socket },
	{ "socket", 2, sizeof(struct xt_socket_mtinfo1), match_socket },
	{ "socket", 3, sizeof(struct xt_socket_mtinfo1), match_socket },
	{ 0 },
};
