// SPDX-License-Identifier: GPL-2.0-or-later
/* The text of a rule: types and their values. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <net/if.h>

#include "text_int.h"

bool dtype_host(enum dtype t)
{
	return t >= DT_HOSTNUM && t < DT_HOSTEND;
}

bool dtype_bitmask(enum dtype t)
{
	return t == DT_TCPFLAG || t == DT_CTSTATE || t == DT_CTSTATUS || t == DT_CTEVENT ||
	       t == DT_CTLABEL;
}

bool dtype_prefix(enum dtype t)
{
	return t == DT_IP4 || t == DT_IP6 || t == DT_DEVGROUP;
}

bool dtype_string(enum dtype t)
{
	return t == DT_IFNAME || t == DT_STRING;
}

/* nftables' enum datatypes: numbers that only user space gives a meaning */
enum dtype dtype_of_set(uint32_t num)
{
	static const uint8_t types[] = {
		[2] = DT_NFPROTO,    [4] = DT_NUM,	  [5] = DT_STRING,     [7] = DT_IP4,
		[8] = DT_IP6,	     [9] = DT_ETHER,	  [10] = DT_ETHERTYPE, [11] = DT_ARPOP,
		[12] = DT_INETPROTO, [13] = DT_PORT,	  [14] = DT_ICMPTYPE,  [15] = DT_TCPFLAG,
		[16] = DT_DCCPTYPE,  [17] = DT_MHTYPE,	  [18] = DT_TIME,      [19] = DT_MARK,
		[20] = DT_IFINDEX,   [21] = DT_ARPHRD,	  [22] = DT_REALM,     [23] = DT_CLASSID,
		[24] = DT_UID,	     [25] = DT_UID,	  [26] = DT_CTSTATE,   [27] = DT_CTDIR,
		[28] = DT_CTSTATUS,  [29] = DT_ICMP6TYPE, [30] = DT_CTLABEL,   [31] = DT_PKTTYPE,
		[32] = DT_ICMPCODE,  [33] = DT_ICMP6CODE, [34] = DT_ICMPXCODE, [35] = DT_DEVGROUP,
		[36] = DT_DSCP,	     [37] = DT_ECN,	  [38] = DT_ADDRTYPE,  [39] = DT_BOOL,
		[40] = DT_CTEVENT,   [41] = DT_IFNAME,	  [42] = DT_IGMPTYPE,  [43] = DT_DATE,
		[44] = DT_HOUR,	     [45] = DT_DAY,	  [46] = DT_HOSTNUM,
	};

	return num < sizeof(types) ? (enum dtype)types[num] : DT_RAW;
}

static uint64_t number(const uint8_t *be, size_t len)
{
	uint64_t v = 0;

	for (size_t i = len > 8 ? len - 8 : 0; i < len; i++)
		v = v << 8 | be[i];
	return v;
}

static void hex_text(struct tbuf *b, const uint8_t *be, size_t len)
{
	size_t i = 0;

	while (i + 1 < len && !be[i])
		i++;
	tb_fmt(b, "0x%x", len ? be[i] : 0);
	while (++i < len)
		tb_fmt(b, "%02x", be[i]);
}

static const char *symbol(enum dtype t, uint64_t v)
{
	const struct symbol *s = dtype_symbols(t);

	for (; s && s->name; s++)
		if (s->value == v)
			return s->name;
	return NULL;
}

const char *l4proto_name(unsigned proto)
{
	return symbol(DT_INETPROTO, proto);
}

const char *loglevel_name(unsigned level)
{
	static const char *const names[] = { "emerg",  "alert", "crit",	 "err",	 "warn",
					     "notice", "info",	"debug", "audit" };

	return level < sizeof(names) / sizeof(*names) ? names[level] : NULL;
}

static void flags_text(struct tbuf *b, enum dtype t, const uint8_t *be, size_t len, const char *sep)
{
	const char *between = "";
	uint64_t v = number(be, len);

	if (!sep) {
		hex_text(b, be, len);
		return;
	}

	for (size_t bit = 0; bit < len * 8 && bit < (t == DT_CTLABEL ? 128 : 64); bit++) {
		const char *name;

		if (!(be[len - 1 - bit / 8] & 1 << bit % 8))
			continue;
		tb_str(b, between);
		name = t == DT_CTLABEL ? NULL : symbol(t, 1ull << bit);
		if (name)
			tb_str(b, name);
		else if (t == DT_CTLABEL)
			tb_fmt(b, "%zu", bit);
		else
			tb_fmt(b, "0x%llx", 1ull << bit);
		between = sep;
	}
	if (!v && !*between)
		tb_str(b, "0x0");
}

static void string_text(struct tbuf *b, enum dtype t, const uint8_t *v, size_t len)
{
	size_t n = strnlen((const char *)v, len);
	struct tbuf tail = { .max = IFNAMSIZ + 2 };

	/* a name without its end is the beginning of one; a real "*" there gets a backslash */
	if (t == DT_IFNAME && n && v[n - 1] == '*' && n < len) {
		tb_add(&tail, (const char *)v, n - 1);
		tb_str(&tail, "\\*");
	} else if (t == DT_IFNAME && n == len && n < IFNAMSIZ) {
		tb_add(&tail, (const char *)v, n);
		tb_str(&tail, "*");
	}
	if (tail.s)
		tb_quoted(b, tail.s, tail.n, false);
	else
		tb_quoted(b, (const char *)v, n, false);
	b->nomem = b->nomem || tail.nomem;
	free(tail.s);
}

static void ifindex_text(struct tbuf *b, const struct fw_snapshot *s, uint32_t index)
{
	for (size_t i = 0; s && i < s->n_links; i++)
		if (s->links[i].ifindex == (int)index) {
			tb_quoted(b, s->links[i].name, sizeof(s->links[i].name), false);
			return;
		}
	tb_fmt(b, "%u", index);
}

void time_text(struct tbuf *b, uint64_t ms)
{
	static const struct {
		uint64_t ms;
		const char *unit;
	} units[] = {
		{ 86400000, "d" }, { 3600000, "h" }, { 60000, "m" }, { 1000, "s" }, { 1, "ms" }
	};
	bool any = false;

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (ms < units[i].ms)
			continue;
		tb_fmt(b, "%llu%s", (unsigned long long)(ms / units[i].ms), units[i].unit);
		ms %= units[i].ms;
		any = true;
	}
	if (!any)
		tb_str(b, "0s");
}

/* Seconds of the day, in UTC: shown in local time, as nft does. */
static void hour_text(struct tbuf *b, uint64_t sec)
{
	time_t now = time(NULL);
	struct tm tm;

	if (localtime_r(&now, &tm))
		sec = (uint64_t)((int64_t)(sec % 86400) + tm.tm_gmtoff + 86400) % 86400;
	tb_fmt(b, "\"%02u:%02u", (unsigned)(sec / 3600), (unsigned)(sec % 3600 / 60));
	tb_fmt(b, sec % 60 ? ":%02u\"" : "\"", (unsigned)(sec % 60));
}

static void date_text(struct tbuf *b, uint64_t ns)
{
	time_t sec = (time_t)(ns / 1000000000u);
	char buf[64];
	struct tm tm;

	if (localtime_r(&sec, &tm) && strftime(buf, sizeof(buf), "\"%F %T\"", &tm))
		tb_str(b, buf);
	else
		tb_fmt(b, "%llu", (unsigned long long)ns);
}

static void ether_text(struct tbuf *b, const uint8_t *v, size_t len)
{
	for (size_t i = 0; i < len; i++)
		tb_fmt(b, "%s%02x", i ? ":" : "", v[i]);
}

static void day_text(struct tbuf *b, uint64_t v)
{
	static const char *const names[] = { "Sunday",	 "Monday", "Tuesday", "Wednesday",
					     "Thursday", "Friday", "Saturday" };

	if (v < 7)
		tb_fmt(b, "\"%s\"", names[v]);
	else
		tb_fmt(b, "%llu", (unsigned long long)v);
}

static void number_text(struct tbuf *b, const struct fw_snapshot *s, enum dtype t,
			const uint8_t *be, size_t len, bool names)
{
	unsigned long long v = number(be, len);
	const char *name;

	if (t == DT_BOOL)
		v = !!v;
	name = names ? symbol(t, v) : NULL;
	/* names of the administrator's, in files: nft sets them in quotes */
	if (name && (t == DT_DEVGROUP || t == DT_REALM))
		tb_quoted(b, name, strlen(name), false);
	else if (name)
		tb_str(b, name);
	else if (t == DT_MARK)
		tb_fmt(b, "0x%08llx", v);
	else if (t == DT_IFINDEX)
		ifindex_text(b, s, (uint32_t)v);
	else if (t == DT_CLASSID && (!v || v == 0xffffffff))
		tb_str(b, v ? "root" : "none");
	else if (t == DT_CLASSID)
		tb_fmt(b, "%llx:%llx", v >> 16, v & 0xffff);
	else if (t == DT_TIME && !names)
		tb_fmt(b, "%llus", v / 1000);
	else if (t == DT_TIME)
		time_text(b, v);
	else if (t == DT_HOUR)
		hour_text(b, v);
	else if (t == DT_DATE)
		date_text(b, v);
	else if (t == DT_DAY)
		day_text(b, v);
	else if (t == DT_DSCP)
		tb_fmt(b, "0x%02llx", v);
	else if (t == DT_ETHERTYPE)
		tb_fmt(b, "0x%04llx", v);
	else if (t == DT_RAW || len > 8)
		hex_text(b, be, len);
	else
		tb_fmt(b, "%llu", v);
}

void value_text(struct tbuf *b, const struct fw_snapshot *s, enum dtype t, const uint8_t *v,
		size_t len, bool host, const char *sep)
{
	uint8_t be[VAL_LEN];

	if (!len || len > sizeof(be)) {
		tb_str(b, "?");
		return;
	}
	for (size_t i = 0; i < len; i++)
		be[i] = host && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? v[len - 1 - i] : v[i];
	if (dtype_string(t))
		string_text(b, t, v, len);
	else if ((t == DT_IP4 && len == 4) || (t == DT_IP6 && len == 16))
		tb_addr(b, be, len);
	else if (t == DT_ETHER)
		ether_text(b, be, len);
	else if (dtype_bitmask(t))
		flags_text(b, t, be, len, sep);
	else
		number_text(b, s, t, be, len, sep);
}

/* Bits that are the same in both, if the rest is all zeros in @lo and all ones in @hi; or -1. */
static int common_prefix(const uint8_t *lo, const uint8_t *hi, size_t len)
{
	uint8_t same[VAL_LEN];

	for (size_t i = 0; i < len; i++) {
		same[i] = (uint8_t) ~(lo[i] ^ hi[i]);
		if ((lo[i] & (uint8_t)~same[i]) || (hi[i] | same[i]) != 0xff)
			return -1;
	}
	return prefix_len(same, len);
}

void range_text(struct tbuf *b, const struct fw_snapshot *s, enum dtype t, const uint8_t *lo,
		const uint8_t *hi, size_t len, bool host)
{
	int bits = len <= VAL_LEN ? common_prefix(lo, hi, len) : -1;

	if (!memcmp(lo, hi, len)) {
		value_text(b, s, t, lo, len, host, " | ");
	} else if (dtype_string(t) && bits >= 0 && bits % 8 == 0) {
		value_text(b, s, t, lo, (size_t)bits / 8, host, "");
	} else {
		value_text(b, s, t, lo, len, host, NULL);
		if (dtype_prefix(t) && bits >= 0 && !host) {
			tb_fmt(b, "/%d", bits);
			return;
		}
		tb_str(b, "-");
		value_text(b, s, t, hi, len, host, NULL);
	}
}
