// SPDX-License-Identifier: GPL-2.0-or-later
/* The text of x_tables matches: rates, counts and times. */
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/xt_hashlimit.h>
#include <linux/netfilter/xt_limit.h>
#include <linux/netfilter/xt_quota.h>
#include <linux/netfilter/xt_recent.h>
#include <linux/netfilter/xt_statistic.h>
#include <linux/netfilter/xt_time.h>

#include "text_xt.h"

static bool match_limit(struct tbuf *b, const struct xt_view *x)
{
	struct xt_rateinfo i;

	xt_get(x, &i, sizeof(i));
	tb_str(b, " --limit");
	xt_rate(b, i.avg, XT_LIMIT_SCALE);
	if (i.burst != 5)
		tb_fmt(b, " --limit-burst %u", i.burst);
	return true;
}

static void hash_mode(struct tbuf *b, uint32_t mode)
{
	static const struct symbol names[] = { { XT_HASHLIMIT_HASH_SIP, "srcip" },
					       { XT_HASHLIMIT_HASH_SPT, "srcport" },
					       { XT_HASHLIMIT_HASH_DIP, "dstip" },
					       { XT_HASHLIMIT_HASH_DPT, "dstport" },
					       { 0 } };

	mode &= XT_HASHLIMIT_HASH_SIP | XT_HASHLIMIT_HASH_SPT | XT_HASHLIMIT_HASH_DIP |
		XT_HASHLIMIT_HASH_DPT;
	if (!mode)
		return;
	tb_str(b, " --hashlimit-mode ");
	xt_bits(b, mode, names);
}

#define GC_INTERVAL 1000 /* what iptables does not write */

/* @scale: ticks of @c->avg a second. A rate of bytes is left to the fallback. */
static bool hashlimit(struct tbuf *b, const struct xt_view *x, const char *name, size_t name_len,
		      const struct hashlimit_cfg3 *c, uint64_t scale)
{
	uint32_t unit, full = x->v6 ? 128 : 32;

	if (c->mode & (XT_HASHLIMIT_BYTES | XT_HASHLIMIT_RATE_MATCH))
		return false;
	tb_str(b, c->mode & XT_HASHLIMIT_INVERT ? " --hashlimit-above" : " --hashlimit-upto");
	unit = xt_rate(b, c->avg, scale);
	tb_fmt(b, " --hashlimit-burst %llu", (unsigned long long)c->burst);
	hash_mode(b, c->mode);
	tb_str(b, " --hashlimit-name ");
	tb_name(b, name, name_len);
	if (c->size)
		tb_fmt(b, " --hashlimit-htable-size %u", c->size);
	if (c->max)
		tb_fmt(b, " --hashlimit-htable-max %u", c->max);
	if (c->gc_interval != GC_INTERVAL)
		tb_fmt(b, " --hashlimit-htable-gcinterval %u", c->gc_interval);
	if (c->expire != unit)
		tb_fmt(b, " --hashlimit-htable-expire %u", c->expire);
	if (c->srcmask != full)
		tb_fmt(b, " --hashlimit-srcmask %u", c->srcmask);
	if (c->dstmask != full)
		tb_fmt(b, " --hashlimit-dstmask %u", c->dstmask);
	return true;
}

static bool match_hashlimit1(struct tbuf *b, const struct xt_view *x)
{
	struct xt_hashlimit_mtinfo1 i;

	xt_get(x, &i, sizeof(i));
	return hashlimit(b, x, i.name, sizeof(i.name),
			 &(struct hashlimit_cfg3){ .avg = i.cfg.avg,
						   .burst = i.cfg.burst,
						   .mode = i.cfg.mode,
						   .size = i.cfg.size,
						   .max = i.cfg.max,
						   .gc_interval = i.cfg.gc_interval,
						   .expire = i.cfg.expire,
						   .srcmask = i.cfg.srcmask,
						   .dstmask = i.cfg.dstmask },
			 XT_HASHLIMIT_SCALE);
}

static bool match_hashlimit2(struct tbuf *b, const struct xt_view *x)
{
	struct xt_hashlimit_mtinfo2 i;

	xt_get(x, &i, sizeof(i));
	return hashlimit(b, x, i.name, sizeof(i.name),
			 &(struct hashlimit_cfg3){ .avg = i.cfg.avg,
						   .burst = i.cfg.burst,
						   .mode = i.cfg.mode,
						   .size = i.cfg.size,
						   .max = i.cfg.max,
						   .gc_interval = i.cfg.gc_interval,
						   .expire = i.cfg.expire,
						   .srcmask = i.cfg.srcmask,
						   .dstmask = i.cfg.dstmask },
			 XT_HASHLIMIT_SCALE_v2);
}

static bool match_hashlimit3(struct tbuf *b, const struct xt_view *x)
{
	struct xt_hashlimit_mtinfo3 i;

	xt_get(x, &i, sizeof(i));
	return hashlimit(b, x, i.name, sizeof(i.name), &i.cfg, XT_HASHLIMIT_SCALE_v2);
}

static void recent(struct tbuf *b, const struct xt_recent_mtinfo *i)
{
	xt_inv(b, i->invert);
	if (i->check_set & XT_RECENT_SET)
		tb_str(b, " --set");
	if (i->check_set & XT_RECENT_CHECK)
		tb_str(b, " --rcheck");
	if (i->check_set & XT_RECENT_UPDATE)
		tb_str(b, " --update");
	if (i->check_set & XT_RECENT_REMOVE)
		tb_str(b, " --remove");
	if (i->seconds)
		tb_fmt(b, " --seconds %u", i->seconds);
	if (i->check_set & XT_RECENT_REAP)
		tb_str(b, " --reap");
	if (i->hit_count)
		tb_fmt(b, " --hitcount %u", i->hit_count);
	if (i->check_set & XT_RECENT_TTL)
		tb_str(b, " --rttl");
	tb_str(b, " --name ");
	tb_name(b, i->name, sizeof(i->name));
}

static bool match_recent0(struct tbuf *b, const struct xt_view *x)
{
	struct xt_recent_mtinfo i;

	xt_get(x, &i, sizeof(i));
	recent(b, &i);
	tb_str(b, i.side == XT_RECENT_DEST ? " --rdest" : " --rsource");
	return true;
}

static bool match_recent1(struct tbuf *b, const struct xt_view *x)
{
	struct xt_recent_mtinfo_v1 i;
	struct xt_recent_mtinfo head;

	xt_get(x, &i, sizeof(i));
	memcpy(&head, &i, sizeof(head));
	recent(b, &head);
	tb_str(b, " --mask ");
	tb_addr(b, &i.mask, x->v6 ? 16 : 4);
	tb_str(b, i.side == XT_RECENT_DEST ? " --rdest" : " --rsource");
	return true;
}

static bool match_statistic(struct tbuf *b, const struct xt_view *x)
{
	struct xt_statistic_info i;
	bool inv;

	xt_get(x, &i, sizeof(i));
	inv = i.flags & XT_STATISTIC_INVERT;
	if (i.mode == XT_STATISTIC_MODE_RANDOM) {
		tb_str(b, " --mode random");
		xt_inv(b, inv);
		tb_fmt(b, " --probability %.11f", 1.0 * i.u.random.probability / 0x80000000);
	} else if (i.mode == XT_STATISTIC_MODE_NTH) {
		tb_str(b, " --mode nth");
		xt_inv(b, inv);
		tb_fmt(b, " --every %llu --packet %u", i.u.nth.every + 1ull, i.u.nth.packet);
	} else {
		return false;
	}
	return true;
}

static bool match_quota(struct tbuf *b, const struct xt_view *x)
{
	struct xt_quota_info i;

	xt_get(x, &i, sizeof(i));
	xt_inv(b, i.flags & XT_QUOTA_INVERT);
	tb_fmt(b, " --quota %llu", (unsigned long long)i.quota);
	return true;
}

static void date(struct tbuf *b, const char *opt, uint32_t when)
{
	time_t t = when;
	struct tm tm;
	char buf[64];

	if (gmtime_r(&t, &tm) && strftime(buf, sizeof(buf), "%FT%T", &tm))
		tb_fmt(b, " --%s %s", opt, buf);
}

static void clock_time(struct tbuf *b, const char *opt, uint32_t sec)
{
	tb_fmt(b, " --%s %02u:%02u:%02u", opt, sec / 3600, sec / 60 % 60, sec % 60);
}

static bool match_time(struct tbuf *b, const struct xt_view *x)
{
	static const char *const days[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
	const char *sep = " --weekdays ";
	struct xt_time_info i;

	xt_get(x, &i, sizeof(i));
	if (i.daytime_start || i.daytime_stop != XT_TIME_MAX_DAYTIME) {
		clock_time(b, "timestart", i.daytime_start);
		clock_time(b, "timestop", i.daytime_stop);
	}
	if (i.monthdays_match != XT_TIME_ALL_MONTHDAYS) {
		const char *and = " --monthdays ";

		for (unsigned d = 1; d <= 31; d++)
			if (i.monthdays_match & 1u << d) {
				tb_fmt(b, "%s%u", and, d);
				and = ",";
			}
	}
	if (i.weekdays_match != XT_TIME_ALL_WEEKDAYS)
		for (unsigned d = 1; d <= 7; d++)
			if (i.weekdays_match & 1u << d) {
				tb_fmt(b, "%s%s", sep, days[d - 1]);
				sep = ",";
			}
	if (i.date_start)
		date(b, "datestart", i.date_start);
	if (i.date_stop != 0xffffffff) /* iptables writes its own "never", in 2038 */
		date(b, "datestop", i.date_stop);
	if (i.flags & XT_TIME_LOCAL_TZ)
		tb_str(b, " --kerneltz");
	if (i.flags & XT_TIME_CONTIGUOUS)
		tb_str(b, " --contiguous");
	return true;
}

const struct xt_printer xt_rate_matches[] = {
	{ "limit", XT_ANY, offsetof(struct xt_rateinfo, prev), match_limit },
	{ "hashlimit", 1, offsetof(struct xt_hashlimit_mtinfo1, hinfo), match_hashlimit1 },
	{ "hashlimit", 2, offsetof(struct xt_hashlimit_mtinfo2, hinfo), match_hashlimit2 },
	{ "hashlimit", 3, offsetof(struct xt_hashlimit_mtinfo3, hinfo), match_hashlimit3 },
	{ "recent", 0, sizeof(struct xt_recent_mtinfo), match_recent0 },
	{ "recent", 1, sizeof(struct xt_recent_mtinfo_v1), match_recent1 },
	{ "statistic", XT_ANY, offsetof(struct xt_statistic_info, master), match_statistic },
	{ "quota", XT_ANY, offsetof(struct xt_quota_info, master), match_quota },
	{ "time", XT_ANY, sizeof(struct xt_time_info), match_time },
	{ 0 },
};
