// SPDX-License-Identifier: GPL-2.0-or-later
/* The text of a rule: meta, ct, fib and the other expressions that load a value. */
#include <string.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "text_int.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

struct key {
	const char *name;
	enum dtype type;
	uint8_t len; /* bytes */
};

static const struct key meta_keys[] = {
	[NFT_META_LEN] = { "meta length", DT_HOSTNUM, 4 },
	[NFT_META_PROTOCOL] = { "meta protocol", DT_ETHERTYPE, 2 },
	[NFT_META_PRIORITY] = { "meta priority", DT_CLASSID, 4 },
	[NFT_META_MARK] = { "meta mark", DT_MARK, 4 },
	[NFT_META_IIF] = { "iif", DT_IFINDEX, 4 },
	[NFT_META_OIF] = { "oif", DT_IFINDEX, 4 },
	[NFT_META_IIFNAME] = { "iifname", DT_IFNAME, 16 },
	[NFT_META_OIFNAME] = { "oifname", DT_IFNAME, 16 },
	[NFT_META_IIFTYPE] = { "meta iiftype", DT_ARPHRD, 2 },
	[NFT_META_OIFTYPE] = { "meta oiftype", DT_ARPHRD, 2 },
	[NFT_META_SKUID] = { "meta skuid", DT_UID, 4 },
	[NFT_META_SKGID] = { "meta skgid", DT_UID, 4 },
	[NFT_META_NFTRACE] = { "meta nftrace", DT_NUM, 1 },
	[NFT_META_RTCLASSID] = { "meta rtclassid", DT_REALM, 4 },
	[NFT_META_SECMARK] = { "meta secmark", DT_HOSTNUM, 4 },
	[NFT_META_NFPROTO] = { "meta nfproto", DT_NFPROTO, 1 },
	[NFT_META_L4PROTO] = { "meta l4proto", DT_INETPROTO, 1 },
	[NFT_META_BRI_IIFNAME] = { "meta ibrname", DT_IFNAME, 16 },
	[NFT_META_BRI_OIFNAME] = { "meta obrname", DT_IFNAME, 16 },
	[NFT_META_PKTTYPE] = { "meta pkttype", DT_PKTTYPE, 1 },
	[NFT_META_CPU] = { "meta cpu", DT_HOSTNUM, 4 },
	[NFT_META_IIFGROUP] = { "iifgroup", DT_DEVGROUP, 4 },
	[NFT_META_OIFGROUP] = { "oifgroup", DT_DEVGROUP, 4 },
	[NFT_META_CGROUP] = { "meta cgroup", DT_HOSTNUM, 4 },
	[NFT_META_PRANDOM] = { "meta random", DT_NUM, 4 },
	[NFT_META_SECPATH] = { "meta ipsec", DT_BOOL, 1 },
	[NFT_META_IIFKIND] = { "meta iifkind", DT_IFNAME, 16 },
	[NFT_META_OIFKIND] = { "meta oifkind", DT_IFNAME, 16 },
	[NFT_META_BRI_IIFPVID] = { "meta ibrpvid", DT_HOSTNUM, 2 },
	[NFT_META_BRI_IIFVPROTO] = { "meta ibrvproto", DT_ETHERTYPE, 2 },
	[NFT_META_TIME_NS] = { "meta time", DT_DATE, 8 },
	[NFT_META_TIME_DAY] = { "meta day", DT_DAY, 1 },
	[NFT_META_TIME_HOUR] = { "meta hour", DT_HOUR, 4 },
	[NFT_META_SDIF] = { "meta sdif", DT_IFINDEX, 4 },
	[NFT_META_SDIFNAME] = { "meta sdifname", DT_IFNAME, 16 },
};

static const struct key ct_keys[] = {
	[NFT_CT_STATE] = { "state", DT_CTSTATE, 4 },
	[NFT_CT_DIRECTION] = { "direction", DT_CTDIR, 1 },
	[NFT_CT_STATUS] = { "status", DT_CTSTATUS, 4 },
	[NFT_CT_MARK] = { "mark", DT_MARK, 4 },
	[NFT_CT_SECMARK] = { "secmark", DT_HOSTNUM, 4 },
	[NFT_CT_EXPIRATION] = { "expiration", DT_TIME, 4 },
	[NFT_CT_HELPER] = { "helper", DT_STRING, 16 },
	[NFT_CT_L3PROTOCOL] = { "l3proto", DT_NFPROTO, 1 },
	[NFT_CT_SRC] = { "saddr", DT_RAW, 16 },
	[NFT_CT_DST] = { "daddr", DT_RAW, 16 },
	[NFT_CT_PROTOCOL] = { "protocol", DT_INETPROTO, 1 },
	[NFT_CT_PROTO_SRC] = { "proto-src", DT_PORT, 2 },
	[NFT_CT_PROTO_DST] = { "proto-dst", DT_PORT, 2 },
	[NFT_CT_LABELS] = { "label", DT_CTLABEL, 16 },
	[NFT_CT_PKTS] = { "packets", DT_HOSTNUM, 8 },
	[NFT_CT_BYTES] = { "bytes", DT_HOSTNUM, 8 },
	[NFT_CT_AVGPKT] = { "avgpkt", DT_HOSTNUM, 8 },
	[NFT_CT_ZONE] = { "zone", DT_HOSTNUM, 2 },
	[NFT_CT_EVENTMASK] = { "event", DT_CTEVENT, 4 },
	[NFT_CT_SRC_IP] = { "ip saddr", DT_IP4, 4 },
	[NFT_CT_DST_IP] = { "ip daddr", DT_IP4, 4 },
	[NFT_CT_SRC_IP6] = { "ip6 saddr", DT_IP6, 16 },
	[NFT_CT_DST_IP6] = { "ip6 daddr", DT_IP6, 16 },
	[NFT_CT_ID] = { "id", DT_NUM, 4 },
};

static const struct key *key_at(const struct key *keys, size_t n, uint32_t key)
{
	return key < n && keys[key].name ? &keys[key] : NULL;
}

/* Puts "@text" of a type into @dreg. */
static struct treg *load(struct tx *t, uint32_t dreg, struct tbuf *b, enum dtype type, size_t len)
{
	const char *text = tx_keep(t, b);
	struct treg *r = tx_load(t, dreg, len);

	if (!r) {
		struct tbuf miss = tx_buf(t);

		tb_fmt(&miss, "[%s]", text);
		TX_EMIT(t, &miss);
		tx_forget(t);
		return NULL;
	}
	r->text = text;
	r->type = type;
	return r;
}

/* "KEY set VALUE" */
static void set(struct tx *t, struct tbuf *b, uint32_t sreg, enum dtype type)
{
	struct treg *r = tx_reg(t, sreg);

	tb_str(b, " set ");
	tb_str(b, r ? treg_value(t, r, type) : "?");
	TX_EMIT(t, b);
}

void text_meta(struct tx *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_META_MAX);
	struct tbuf b = tx_buf(t);
	const struct key *k;
	struct treg *r;
	uint32_t key;

	attrs_parse(data, &tb);
	key = attr_be32(tb.tb[NFTA_META_KEY], ~0u);
	k = key_at(meta_keys, COUNT(meta_keys), key);
	if (k)
		tb_str(&b, k->name);
	else
		tb_fmt(&b, "meta %u", key);
	if (tb.tb[NFTA_META_SREG]) {
		set(t, &b, attr_be32(tb.tb[NFTA_META_SREG], 0), k ? k->type : DT_RAW);
		return;
	}
	r = load(t, attr_be32(tb.tb[NFTA_META_DREG], 0), &b, k ? k->type : DT_RAW, k ? k->len : 4);
	if (r) {
		r->src = SRC_META;
		r->key = key;
	}
}

void text_ct(struct tx *t, const struct nlattr *data)
{
	static const char *const dirs[] = { "original ", "reply " };
	ATTRS(tb, NFTA_CT_MAX);
	struct tbuf b = tx_buf(t);
	enum dtype type = DT_RAW;
	const struct key *k;
	struct treg *r;
	uint32_t key, dir = 2;
	size_t len = 4;

	attrs_parse(data, &tb);
	key = attr_be32(tb.tb[NFTA_CT_KEY], ~0u);
	k = key_at(ct_keys, COUNT(ct_keys), key);
	if (tb.tb[NFTA_CT_DIRECTION] && mnl_attr_get_payload_len(tb.tb[NFTA_CT_DIRECTION]))
		dir = mnl_attr_get_u8(tb.tb[NFTA_CT_DIRECTION]);
	tb_fmt(&b, "ct %s", dir < COUNT(dirs) ? dirs[dir] : "");
	if (k) {
		type = k->type;
		len = k->len;
	}
	/* the family is known from the table only */
	if ((key == NFT_CT_SRC || key == NFT_CT_DST) && t->table->family == NFPROTO_IPV4) {
		type = DT_IP4;
		len = 4;
		tb_str(&b, "ip ");
	} else if ((key == NFT_CT_SRC || key == NFT_CT_DST) && t->table->family == NFPROTO_IPV6) {
		type = DT_IP6;
		tb_str(&b, "ip6 ");
	}
	if (k)
		tb_str(&b, k->name);
	else
		tb_fmt(&b, "%u", key);
	if (tb.tb[NFTA_CT_SREG]) {
		set(t, &b, attr_be32(tb.tb[NFTA_CT_SREG], 0), type);
		return;
	}
	r = load(t, attr_be32(tb.tb[NFTA_CT_DREG], 0), &b, type, len);
	if (r) {
		r->src = SRC_CT;
		r->key = key;
	}
}

void text_fib(struct tx *t, const struct nlattr *data)
{
	static const char *const flags[] = { "saddr", "daddr", "mark", "iif", "oif" };
	static const struct key results[] = {
		[NFT_FIB_RESULT_OIF] = { "oif", DT_IFINDEX, 4 },
		[NFT_FIB_RESULT_OIFNAME] = { "oifname", DT_IFNAME, 16 },
		[NFT_FIB_RESULT_ADDRTYPE] = { "type", DT_ADDRTYPE, 4 },
	};
	ATTRS(tb, NFTA_FIB_MAX);
	struct tbuf b = tx_buf(t);
	const struct key *k;
	const char *sep = "";
	uint32_t f, result;
	bool present;

	attrs_parse(data, &tb);
	f = attr_be32(tb.tb[NFTA_FIB_FLAGS], 0);
	result = attr_be32(tb.tb[NFTA_FIB_RESULT], 0);
	k = key_at(results, COUNT(results), result);
	present = f & NFTA_FIB_F_PRESENT;
	tb_str(&b, "fib ");
	for (size_t i = 0; i < COUNT(flags); i++)
		if (f & 1u << i) {
			tb_fmt(&b, "%s%s", sep, flags[i]);
			sep = " . ";
		}
	if (f & ~(uint32_t)(NFTA_FIB_F_PRESENT | 0x1f))
		tb_fmt(&b, "%s0x%x", sep, f);
	if (k)
		tb_fmt(&b, " %s", k->name);
	else
		tb_fmt(&b, " %u", result);
	load(t, attr_be32(tb.tb[NFTA_FIB_DREG], 0), &b,
	     present ? DT_BOOL
	     : k     ? k->type
		     : DT_RAW,
	     !present && k ? k->len : 4);
}

void text_rt(struct tx *t, const struct nlattr *data)
{
	static const struct key keys[] = {
		[NFT_RT_CLASSID] = { "rt classid", DT_REALM, 4 },
		[NFT_RT_NEXTHOP4] = { "rt ip nexthop", DT_IP4, 4 },
		[NFT_RT_NEXTHOP6] = { "rt ip6 nexthop", DT_IP6, 16 },
		[NFT_RT_TCPMSS] = { "rt mtu", DT_HOSTNUM, 2 },
		[NFT_RT_XFRM] = { "rt ipsec", DT_BOOL, 1 },
	};
	ATTRS(tb, NFTA_RT_MAX);
	struct tbuf b = tx_buf(t);
	const struct key *k;
	uint32_t key;

	attrs_parse(data, &tb);
	key = attr_be32(tb.tb[NFTA_RT_KEY], ~0u);
	k = key_at(keys, COUNT(keys), key);
	if (k)
		tb_str(&b, k->name);
	else
		tb_fmt(&b, "rt %u", key);
	load(t, attr_be32(tb.tb[NFTA_RT_DREG], 0), &b, k ? k->type : DT_RAW, k ? k->len : 4);
}

void text_socket(struct tx *t, const struct nlattr *data)
{
	static const struct key keys[] = {
		[NFT_SOCKET_TRANSPARENT] = { "socket transparent", DT_NUM, 1 },
		[NFT_SOCKET_MARK] = { "socket mark", DT_MARK, 4 },
		[NFT_SOCKET_WILDCARD] = { "socket wildcard", DT_NUM, 1 },
		[NFT_SOCKET_CGROUPV2] = { "socket cgroupv2 level", DT_HOSTNUM, 8 },
	};
	ATTRS(tb, NFTA_SOCKET_MAX);
	struct tbuf b = tx_buf(t);
	const struct key *k;
	uint32_t key;

	attrs_parse(data, &tb);
	key = attr_be32(tb.tb[NFTA_SOCKET_KEY], ~0u);
	k = key_at(keys, COUNT(keys), key);
	if (k)
		tb_str(&b, k->name);
	else
		tb_fmt(&b, "socket %u", key);
	if (key == NFT_SOCKET_CGROUPV2)
		tb_fmt(&b, " %u", attr_be32(tb.tb[NFTA_SOCKET_LEVEL], 0));
	load(t, attr_be32(tb.tb[NFTA_SOCKET_DREG], 0), &b, k ? k->type : DT_RAW, k ? k->len : 4);
}

static uint32_t u8_of(const struct nlattr *a)
{
	return a && mnl_attr_get_payload_len(a) ? mnl_attr_get_u8(a) : 0;
}

/* "tcp option sack-perm": what is looked for, whatever it holds. */
static void ext_name(struct tbuf *b, uint32_t op, uint32_t type)
{
	static const char *const words[] = { "exthdr", "tcp option", "ip option", "sctp chunk",
					     "dccp option" };
	static const struct symbol names[] = {
		{ 0, "hbh" },
		{ 43, "rt" },
		{ 44, "frag" },
		{ 60, "dst" },
		{ 135, "mh" },
		{ 0x100, "eol" },
		{ 0x101, "nop" },
		{ 0x102, "maxseg" },
		{ 0x103, "window" },
		{ 0x104, "sack-perm" },
		{ 0x105, "sack" },
		{ 0x108, "timestamp" },
		{ 0x200 + 131, "lsrr" },
		{ 0x207, "rr" },
		{ 0x200 + 137, "ssrr" },
		{ 0x200 + 148, "ra" },
		{ 0x300, "data" },
		{ 0x301, "init" },
	};

	tb_fmt(b, "%s ", op < COUNT(words) ? words[op] : "exthdr");
	for (size_t i = 0; i < COUNT(names); i++)
		if (names[i].value == (op << 8 | type)) {
			tb_str(b, names[i].name);
			return;
		}
	tb_fmt(b, "%u", type);
}

void text_exthdr(struct tx *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_EXTHDR_MAX);
	struct tbuf b = tx_buf(t);
	enum dtype dtype = DT_RAW;
	uint32_t op, type, off, len;
	struct treg *r;

	attrs_parse(data, &tb);
	op = attr_be32(tb.tb[NFTA_EXTHDR_OP], NFT_EXTHDR_OP_IPV6);
	type = u8_of(tb.tb[NFTA_EXTHDR_TYPE]);
	off = attr_be32(tb.tb[NFTA_EXTHDR_OFFSET], 0);
	len = attr_be32(tb.tb[NFTA_EXTHDR_LEN], 0);
	/* these exist in one family only: nft asks for that by itself */
	if (op == NFT_EXTHDR_OP_IPV6 || op == NFT_EXTHDR_OP_IPV4)
		dep_hide(t, DEP_NET);
	if (attr_be32(tb.tb[NFTA_EXTHDR_FLAGS], 0) & NFT_EXTHDR_F_PRESENT) {
		ext_name(&b, op, type);
		load(t, attr_be32(tb.tb[NFTA_EXTHDR_DREG], 0), &b, DT_BOOL, 1);
		return;
	}
	if (!exthdr_text(&b, op, type, off, len, &dtype)) {
		ext_name(&b, op, type);
		if (tb.tb[NFTA_EXTHDR_SREG] || tb.tb[NFTA_EXTHDR_DREG])
			tb_fmt(&b, " @%u,%u", off * 8, len * 8);
	}
	if (tb.tb[NFTA_EXTHDR_SREG]) {
		set(t, &b, attr_be32(tb.tb[NFTA_EXTHDR_SREG], 0), dtype);
	} else if (tb.tb[NFTA_EXTHDR_DREG]) {
		r = load(t, attr_be32(tb.tb[NFTA_EXTHDR_DREG], 0), &b, dtype, len);
		if (r && op == NFT_EXTHDR_OP_IPV6 && type == IPPROTO_FRAGMENT) {
			r->src = SRC_FRAG;
			r->off = off;
		}
	} else { /* the option is taken out */
		const char *name = tx_keep(t, &b);
		struct tbuf reset = tx_buf(t);

		tb_fmt(&reset, "reset %s", name);
		TX_EMIT(t, &reset);
	}
}

static void offset_text(struct tbuf *b, const struct nlattr *a)
{
	if (attr_be32(a, 0))
		tb_fmt(b, " offset %u", attr_be32(a, 0));
}

void text_numgen(struct tx *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_NG_MAX);
	struct tbuf b = tx_buf(t);

	attrs_parse(data, &tb);
	tb_fmt(&b, "numgen %s mod %u",
	       attr_be32(tb.tb[NFTA_NG_TYPE], 0) == NFT_NG_RANDOM ? "random" : "inc",
	       attr_be32(tb.tb[NFTA_NG_MODULUS], 0));
	offset_text(&b, tb.tb[NFTA_NG_OFFSET]);
	load(t, attr_be32(tb.tb[NFTA_NG_DREG], 0), &b, DT_HOSTNUM, 4);
}

void text_hash(struct tx *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_HASH_MAX);
	struct treg *key[TREG_WORDS];
	const char *of;
	struct tbuf b;
	size_t n;

	attrs_parse(data, &tb);
	b = tx_buf(t);
	if (attr_be32(tb.tb[NFTA_HASH_TYPE], NFT_HASH_JENKINS) == NFT_HASH_SYM) {
		tb_str(&b, "symhash");
	} else {
		n = tx_keys(t, attr_be32(tb.tb[NFTA_HASH_SREG], 0),
			    attr_be32(tb.tb[NFTA_HASH_LEN], 0), key, TREG_WORDS);
		of = keys_text(t, key, n);
		tb_fmt(&b, "jhash ");
		tb_str(&b, of);
	}
	tb_fmt(&b, " mod %u", attr_be32(tb.tb[NFTA_HASH_MODULUS], 0));
	if (tb.tb[NFTA_HASH_SEED])
		tb_fmt(&b, " seed 0x%x", attr_be32(tb.tb[NFTA_HASH_SEED], 0));
	offset_text(&b, tb.tb[NFTA_HASH_OFFSET]);
	load(t, attr_be32(tb.tb[NFTA_HASH_DREG], 0), &b, DT_HOSTNUM, 4);
}

void text_osf(struct tx *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_OSF_MAX);
	struct tbuf b = tx_buf(t);
	uint32_t ttl;

	attrs_parse(data, &tb);
	ttl = u8_of(tb.tb[NFTA_OSF_TTL]);
	tb_fmt(&b, "osf%s %s",
	       ttl == 1	  ? " ttl loose"
	       : ttl == 2 ? " ttl skip"
			  : "",
	       attr_be32(tb.tb[NFTA_OSF_FLAGS], 0) & NFT_OSF_F_VERSION ? "version" : "name");
	load(t, attr_be32(tb.tb[NFTA_OSF_DREG], 0), &b, DT_STRING, 16);
}

void text_xfrm(struct tx *t, const struct nlattr *data)
{
	static const struct key keys[] = {
		[NFT_XFRM_KEY_DADDR_IP4] = { "ip daddr", DT_IP4, 4 },
		[NFT_XFRM_KEY_DADDR_IP6] = { "ip6 daddr", DT_IP6, 16 },
		[NFT_XFRM_KEY_SADDR_IP4] = { "ip saddr", DT_IP4, 4 },
		[NFT_XFRM_KEY_SADDR_IP6] = { "ip6 saddr", DT_IP6, 16 },
		[NFT_XFRM_KEY_REQID] = { "reqid", DT_HOSTNUM, 4 },
		[NFT_XFRM_KEY_SPI] = { "spi", DT_NUM, 4 },
	};
	ATTRS(tb, NFTA_XFRM_MAX);
	struct tbuf b = tx_buf(t);
	const struct key *k;
	uint32_t key, spnum;

	attrs_parse(data, &tb);
	key = attr_be32(tb.tb[NFTA_XFRM_KEY], ~0u);
	spnum = attr_be32(tb.tb[NFTA_XFRM_SPNUM], 0);
	k = key_at(keys, COUNT(keys), key);
	tb_fmt(&b, "ipsec %s ", u8_of(tb.tb[NFTA_XFRM_DIR]) == 1 ? "out" : "in");
	if (spnum)
		tb_fmt(&b, "spnum %u ", spnum);
	if (k)
		tb_str(&b, k->name);
	else
		tb_fmt(&b, "%u", key);
	load(t, attr_be32(tb.tb[NFTA_XFRM_DREG], 0), &b, k ? k->type : DT_RAW, k ? k->len : 4);
}

void text_tunnel(struct tx *t, const struct nlattr *data)
{
	ATTRS(tb, NFTA_TUNNEL_MAX);
	struct tbuf b = tx_buf(t);
	bool id;

	attrs_parse(data, &tb);
	id = attr_be32(tb.tb[NFTA_TUNNEL_KEY], 0) == NFT_TUNNEL_ID;
	tb_fmt(&b, "tunnel %s", id ? "id" : "path");
	load(t, attr_be32(tb.tb[NFTA_TUNNEL_DREG], 0), &b, id ? DT_HOSTNUM : DT_BOOL, id ? 4 : 1);
}
