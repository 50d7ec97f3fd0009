// SPDX-License-Identifier: GPL-2.0-or-later
/* The text of a rule: statements other than NAT. */
#include <endian.h>
#include <string.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_log.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>

#include "text_int.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static unsigned be16_of(const struct nlattr *a)
{
	uint16_t v = 0;

	if (a && mnl_attr_get_payload_len(a) >= sizeof(v))
		memcpy(&v, mnl_attr_get_payload(a), sizeof(v));
	return be16toh(v);
}

static void emit_str(struct tx *t, const char *s)
{
	struct tbuf b = tx_buf(t);

	tb_str(&b, s);
	TX_EMIT(t, &b);
}

static void verdict_attr_text(struct tbuf *b, const struct nlattr *attr)
{
	static const struct symbol words[] = {
		{ (uint32_t)NFT_CONTINUE, "continue" },
		{ (uint32_t)NFT_BREAK, "break" },
		{ (uint32_t)NFT_JUMP, "jump" },
		{ (uint32_t)NFT_GOTO, "goto" },
		{ (uint32_t)NFT_RETURN, "return" },
		{ NF_DROP, "drop" },
		{ NF_ACCEPT, "accept" },
		{ NF_QUEUE, "queue" },
	};
	ATTRS(tb, NFTA_VERDICT_MAX);
	const char *chain;
	uint32_t code;

	attrs_parse(attr, &tb);
	code = attr_be32(tb.tb[NFTA_VERDICT_CODE], ~0u);
	chain = attr_str(tb.tb[NFTA_VERDICT_CHAIN]);
	if ((int32_t)code >= 0)
		code &= NF_VERDICT_MASK;
	for (size_t i = 0; i < COUNT(words); i++)
		if (words[i].value == code) {
			tb_str(b, words[i].name);
			if (code == (uint32_t)NFT_JUMP || code == (uint32_t)NFT_GOTO) {
				tb_str(b, " ");
				tb_name(b, chain ? chain : "?", NFT_NAME_MAXLEN);
			}
			return;
		}
	tb_fmt(b, "[verdict %d]", (int32_t)code);
}

void text_immediate(struct tx *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_IMMEDIATE_MAX);
	ATTRS(val, NFTA_DATA_MAX);
	struct treg *r = NULL;
	struct tbuf b;
	size_t len = 0;

	attrs_parse(data, &tb);
	attrs_parse(tb.tb[NFTA_IMMEDIATE_DATA], &val);
	if (val.tb[NFTA_DATA_VERDICT]) {
		b = tx_buf(t);
		verdict_attr_text(&b, val.tb[NFTA_DATA_VERDICT]);
		TX_EMIT(t, &b);
		return;
	}
	if (val.tb[NFTA_DATA_VALUE]) {
		len = mnl_attr_get_payload_len(val.tb[NFTA_DATA_VALUE]);
		r = tx_load(t, attr_be32(tb.tb[NFTA_IMMEDIATE_DREG], 0), len);
	}
	if (!r) {
		emit_str(t, "[immediate]");
		tx_forget(t);
		return;
	}
	r->kind = TR_CONST;
	memcpy(r->data, mnl_attr_get_payload(val.tb[NFTA_DATA_VALUE]), len);
}

void text_counter(struct tx *t, const struct nlattr *data)
{
	(void)data;
	emit_str(t, "counter");
}

void text_notrack(struct tx *t, const struct nlattr *data)
{
	(void)data;
	emit_str(t, "notrack");
}

void text_last(struct tx *t, const struct nlattr *data)
{
	(void)data;
	emit_str(t, "last");
}

/* 10485760 -> 10 mbytes, as far as it divides */
static const char *byte_unit(uint64_t *n)
{
	static const char *const units[] = { "bytes", "kbytes", "mbytes" };
	size_t i = 0;

	while (i + 1 < COUNT(units) && *n && *n % 1024 == 0) {
		*n /= 1024;
		i++;
	}
	return units[i];
}

static const char *per_unit(uint64_t seconds)
{
	static const struct {
		uint32_t seconds;
		const char *name;
	} units[] = { { 1, "second" },
		      { 60, "minute" },
		      { 3600, "hour" },
		      { 86400, "day" },
		      { 604800, "week" } };

	for (size_t i = 0; i < COUNT(units); i++)
		if (units[i].seconds == seconds)
			return units[i].name;
	return NULL;
}

static void limit_text(struct tbuf *b, const struct nlattr *data)
{
	ATTRS(tb, NFTA_LIMIT_MAX);
	uint64_t rate, burst, unit;
	const char *per, *bytes;

	attrs_parse(data, &tb);
	rate = attr_be64(tb.tb[NFTA_LIMIT_RATE]);
	unit = attr_be64(tb.tb[NFTA_LIMIT_UNIT]);
	burst = attr_be32(tb.tb[NFTA_LIMIT_BURST], 0);
	per = per_unit(unit);
	tb_fmt(b, "limit rate %s",
	       attr_be32(tb.tb[NFTA_LIMIT_FLAGS], 0) & NFT_LIMIT_F_INV ? "over " : "");
	if (attr_be32(tb.tb[NFTA_LIMIT_TYPE], 0) == NFT_LIMIT_PKT_BYTES) {
		bytes = byte_unit(&rate);
		tb_fmt(b, "%llu %s/%s", (unsigned long long)rate, bytes, per ? per : "?");
		if (burst) {
			bytes = byte_unit(&burst);
			tb_fmt(b, " burst %llu %s", (unsigned long long)burst, bytes);
		}
	} else {
		tb_fmt(b, "%llu/%s", (unsigned long long)rate, per ? per : "?");
		if (burst && burst != 5)
			tb_fmt(b, " burst %llu packets", (unsigned long long)burst);
	}
	if (!per)
		tb_fmt(b, " [unit %llu s]", (unsigned long long)unit);
}

void text_limit(struct tx *t, const struct nlattr *data)
{
	struct tbuf b = tx_buf(t);

	limit_text(&b, data);
	TX_EMIT(t, &b);
}

void text_quota(struct tx *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_QUOTA_MAX);
	struct tbuf b = tx_buf(t);
	const char *unit;
	uint64_t bytes;

	attrs_parse(data, &tb);
	bytes = attr_be64(tb.tb[NFTA_QUOTA_BYTES]);
	unit = byte_unit(&bytes);
	tb_fmt(&b, "quota %s%llu %s",
	       attr_be32(tb.tb[NFTA_QUOTA_FLAGS], 0) & NFT_QUOTA_F_INV ? "over " : "",
	       (unsigned long long)bytes, unit);
	TX_EMIT(t, &b);
}

void text_connlimit(struct tx *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_CONNLIMIT_MAX);
	struct tbuf b = tx_buf(t);

	attrs_parse(data, &tb);
	tb_fmt(&b, "ct count %s%u",
	       attr_be32(tb.tb[NFTA_CONNLIMIT_FLAGS], 0) & NFT_CONNLIMIT_F_INV ? "over " : "",
	       attr_be32(tb.tb[NFTA_CONNLIMIT_COUNT], 0));
	TX_EMIT(t, &b);
}

static void log_flags(struct tbuf *b, uint32_t flags)
{
	if ((flags & NF_LOG_MASK) == NF_LOG_MASK) {
		tb_str(b, " flags all");
		return;
	}
	if (flags & (NF_LOG_TCPSEQ | NF_LOG_TCPOPT))
		tb_fmt(b, " flags tcp %s%s%s", flags & NF_LOG_TCPSEQ ? "sequence" : "",
		       (flags & NF_LOG_TCPSEQ) && (flags & NF_LOG_TCPOPT) ? "," : "",
		       flags & NF_LOG_TCPOPT ? "options" : "");
	if (flags & NF_LOG_IPOPT)
		tb_str(b, " flags ip options");
	if (flags & NF_LOG_UID)
		tb_str(b, " flags skuid");
	if (flags & NF_LOG_MACDECODE)
		tb_str(b, " flags ether");
}

#define LOG_WARN 4 /* the level that is not written */

void text_log(struct tx *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_LOG_MAX);
	struct tbuf b = tx_buf(t);
	const char *prefix, *name;
	uint32_t level;

	attrs_parse(data, &tb);
	prefix = attr_str(tb.tb[NFTA_LOG_PREFIX]);
	tb_str(&b, "log");
	if (prefix && *prefix) {
		tb_str(&b, " prefix ");
		tb_quoted(&b, prefix, NF_LOG_PREFIXLEN, false);
	}
	if (tb.tb[NFTA_LOG_GROUP])
		tb_fmt(&b, " group %u", be16_of(tb.tb[NFTA_LOG_GROUP]));
	if (tb.tb[NFTA_LOG_SNAPLEN])
		tb_fmt(&b, " snaplen %u", attr_be32(tb.tb[NFTA_LOG_SNAPLEN], 0));
	if (tb.tb[NFTA_LOG_QTHRESHOLD])
		tb_fmt(&b, " queue-threshold %u", be16_of(tb.tb[NFTA_LOG_QTHRESHOLD]));
	level = attr_be32(tb.tb[NFTA_LOG_LEVEL], LOG_WARN);
	name = loglevel_name(level);
	if (level != LOG_WARN && name)
		tb_fmt(&b, " level %s", name);
	else if (!name)
		tb_fmt(&b, " level %u", level);
	log_flags(&b, attr_be32(tb.tb[NFTA_LOG_FLAGS], 0));
	TX_EMIT(t, &b);
}

static uint8_t u8_of(const struct nlattr *a)
{
	return a && mnl_attr_get_payload_len(a) ? mnl_attr_get_u8(a) : 0;
}

void text_reject(struct tx *t, const struct nlattr *data)
{
	bool one_family = t->table->family == NFPROTO_IPV4 || t->table->family == NFPROTO_IPV6;
	enum dtype type = t->net == HDR_IP6 ? DT_ICMP6CODE : DT_ICMPCODE;
	ATTRS(tb, NFTA_REJECT_MAX);
	struct tbuf b = tx_buf(t);
	uint8_t code;

	attrs_parse(data, &tb);
	code = u8_of(tb.tb[NFTA_REJECT_ICMP_CODE]);
	tb_str(&b, "reject");
	switch (attr_be32(tb.tb[NFTA_REJECT_TYPE], ~0u)) {
	case NFT_REJECT_TCP_RST:
		tb_str(&b, " with tcp reset");
		if (one_family)
			dep_hide(t, DEP_TRANS);
		break;
	case NFT_REJECT_ICMPX_UNREACH:
		if (code == NFT_REJECT_ICMPX_PORT_UNREACH)
			break;
		tb_str(&b, " with icmpx ");
		value_text(&b, t->snap, DT_ICMPXCODE, &code, 1, false, "");
		break;
	case NFT_REJECT_ICMP_UNREACH:
		dep_hide(t, DEP_NET);
		if (one_family && code == (type == DT_ICMP6CODE ? 4 : 3)) /* port unreachable */
			break;
		tb_str(&b, type == DT_ICMP6CODE ? " with icmpv6 " : " with icmp ");
		value_text(&b, t->snap, type, &code, 1, false, "");
		break;
	default:
		tb_fmt(&b, " [type %u]", attr_be32(tb.tb[NFTA_REJECT_TYPE], ~0u));
	}
	TX_EMIT(t, &b);
}

void text_queue(struct tx *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_QUEUE_MAX);
	struct tbuf b = tx_buf(t);
	unsigned num, total, flags;

	attrs_parse(data, &tb);
	num = be16_of(tb.tb[NFTA_QUEUE_NUM]);
	total = be16_of(tb.tb[NFTA_QUEUE_TOTAL]);
	flags = be16_of(tb.tb[NFTA_QUEUE_FLAGS]);
	tb_str(&b, "queue");
	if (flags)
		tb_fmt(&b, " flags %s%s%s", flags & NFT_QUEUE_FLAG_BYPASS ? "bypass" : "",
		       (flags & 3) == 3 ? "," : "",
		       flags & NFT_QUEUE_FLAG_CPU_FANOUT ? "fanout" : "");
	if (tb.tb[NFTA_QUEUE_SREG_QNUM]) {
		struct treg *r = tx_reg(t, attr_be32(tb.tb[NFTA_QUEUE_SREG_QNUM], 0));

		tb_str(&b, " to ");
		tb_str(&b, r ? treg_value(t, r, DT_HOSTNUM) : "?");
	} else if (num || total > 1 || flags) {
		tb_fmt(&b, " to %u", num);
		if (total > 1)
			tb_fmt(&b, "-%u", num + total - 1);
	} else {
		tb_str(&b, " to 0");
	}
	TX_EMIT(t, &b);
}

/* The type of a map's objects. */
static uint32_t object_type(const struct fw_set *set)
{
	const struct nlmsghdr *nlh = set->raw;
	ATTRS(tb, NFTA_SET_MAX);

	if (!nlh || set->raw_len < sizeof(*nlh) || nlh->nlmsg_len > set->raw_len)
		return 0;
	attrs_parse_msg(nlh, &tb);
	return attr_be32(tb.tb[NFTA_SET_OBJ_TYPE], 0);
}

void text_objref(struct tx *t, const struct nlattr *data)
{
	static const char *const words[] = {
		[NFT_OBJECT_COUNTER] = "counter name",
		[NFT_OBJECT_QUOTA] = "quota name",
		[NFT_OBJECT_CT_HELPER] = "ct helper set",
		[NFT_OBJECT_LIMIT] = "limit name",
		[NFT_OBJECT_CONNLIMIT] = "ct count name",
		[NFT_OBJECT_TUNNEL] = "tunnel name",
		[NFT_OBJECT_CT_TIMEOUT] = "ct timeout set",
		[NFT_OBJECT_SECMARK] = "meta secmark set",
		[NFT_OBJECT_CT_EXPECT] = "ct expectation set",
		[NFT_OBJECT_SYNPROXY] = "synproxy name",
	};
	ATTRS(tb, NFTA_OBJREF_MAX);
	struct treg *key[TREG_WORDS];
	const struct fw_set *set = NULL;
	const char *name;
	struct tbuf b;
	uint32_t type;
	size_t n;

	attrs_parse(data, &tb);
	type = attr_be32(tb.tb[NFTA_OBJREF_IMM_TYPE], 0);
	name = attr_str(tb.tb[NFTA_OBJREF_IMM_NAME]);
	b = tx_buf(t);
	if (tb.tb[NFTA_OBJREF_SET_SREG]) {
		name = attr_str(tb.tb[NFTA_OBJREF_SET_NAME]);
		set = name ? fw_set_find(t->snap, t->table, name) : NULL;
		type = set ? object_type(set) : 0;
	}
	if (type < COUNT(words) && words[type])
		tb_fmt(&b, "%s ", words[type]);
	else
		tb_fmt(&b, "[object %u] ", type);
	if (!tb.tb[NFTA_OBJREF_SET_SREG]) {
		tb_quoted(&b, name ? name : "?", NFT_OBJ_MAXNAMELEN, false);
	} else {
		n = tx_keys(t, attr_be32(tb.tb[NFTA_OBJREF_SET_SREG], 0),
			    set && set->key_len ? set->key_len : 1, key, TREG_WORDS);
		tb_str(&b, keys_text(t, key, n));
		tb_str(&b, " map ");
		if (set)
			set_text(&b, t, set, key, n);
		else
			tb_name(&b, name ? name : "?", NFT_NAME_MAXLEN);
	}
	TX_EMIT(t, &b);
}

static const char *reg_value(struct tx *t, const struct nlattr *a, enum dtype type)
{
	struct treg *r = tx_reg(t, attr_be32(a, 0));

	return r ? treg_value(t, r, type) : "?";
}

void text_dup(struct tx *t, const struct nlattr *data)
{
	enum dtype type = t->net == HDR_IP6 ? DT_IP6 : DT_IP4;
	ATTRS(tb, NFTA_DUP_MAX);
	struct tbuf b = tx_buf(t);

	attrs_parse(data, &tb);
	tb_str(&b, "dup to");
	if (tb.tb[NFTA_DUP_SREG_ADDR])
		tb_fmt(&b, " %s%s", reg_value(t, tb.tb[NFTA_DUP_SREG_ADDR], type),
		       tb.tb[NFTA_DUP_SREG_DEV] ? " device" : "");
	if (tb.tb[NFTA_DUP_SREG_DEV])
		tb_fmt(&b, " %s", reg_value(t, tb.tb[NFTA_DUP_SREG_DEV], DT_IFINDEX));
	TX_EMIT(t, &b);
}

void text_fwd(struct tx *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_FWD_MAX);
	struct tbuf b = tx_buf(t);
	uint32_t family;

	attrs_parse(data, &tb);
	family = attr_be32(tb.tb[NFTA_FWD_NFPROTO], 0);
	tb_str(&b, "fwd");
	if (tb.tb[NFTA_FWD_SREG_ADDR])
		tb_fmt(&b, " %s to %s device", family == NFPROTO_IPV6 ? "ip6" : "ip",
		       reg_value(t, tb.tb[NFTA_FWD_SREG_ADDR],
				 family == NFPROTO_IPV6 ? DT_IP6 : DT_IP4));
	else
		tb_str(&b, " to");
	tb_fmt(&b, " %s", reg_value(t, tb.tb[NFTA_FWD_SREG_DEV], DT_IFINDEX));
	TX_EMIT(t, &b);
}

void text_flow(struct tx *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_FLOW_MAX);
	struct tbuf b = tx_buf(t);
	const char *name;

	attrs_parse(data, &tb);
	name = attr_str(tb.tb[NFTA_FLOW_TABLE_NAME]);
	tb_str(&b, "flow add @");
	tb_name(&b, name ? name : "?", NFT_NAME_MAXLEN);
	TX_EMIT(t, &b);
}

void text_synproxy(struct tx *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_SYNPROXY_MAX);
	struct tbuf b = tx_buf(t);
	uint32_t flags;

	attrs_parse(data, &tb);
	flags = attr_be32(tb.tb[NFTA_SYNPROXY_FLAGS], 0);
	tb_str(&b, "synproxy");
	if (flags & 0x03) /* NF_SYNPROXY_OPT_MSS, _WSCALE */
		tb_fmt(&b, " mss %u wscale %u", be16_of(tb.tb[NFTA_SYNPROXY_MSS]),
		       u8_of(tb.tb[NFTA_SYNPROXY_WSCALE]));
	if (flags & 0x08)
		tb_str(&b, " timestamp");
	if (flags & 0x04)
		tb_str(&b, " sack-perm");
	TX_EMIT(t, &b);
}

/* As nft does for an extension that it cannot translate. */
static void compat(struct tx *t, const char *what, const struct nlattr *name)
{
	struct tbuf b = tx_buf(t);
	const char *s = attr_str(name);

	tb_fmt(&b, "xt %s ", what);
	tb_quoted(&b, s ? s : "?", NFT_NAME_MAXLEN, false);
	TX_EMIT(t, &b);
}

void text_compat_match(struct tx *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_MATCH_MAX);

	attrs_parse(data, &tb);
	compat(t, "match", tb.tb[NFTA_MATCH_NAME]);
}

void text_compat_target(struct tx *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_TARGET_MAX);

	attrs_parse(data, &tb);
	compat(t, "target", tb.tb[NFTA_TARGET_NAME]);
}
