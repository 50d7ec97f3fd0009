// SPDX-License-Identifier: GPL-2.0-or-later
/* The text of x_tables extensions: which printer, and what none knows. */
#include <string.h>
#include <linux/netfilter/x_tables.h>

#include "text_xt.h"

static const struct xt_printer *find(const struct xt_printer *const *tables, size_t n,
				     const struct xt_view *x)
{
	for (size_t i = 0; i < n; i++)
		for (const struct xt_printer *p = tables[i]; p->name; p++)
			if (!strcmp(p->name, x->name) && (p->rev == XT_ANY || p->rev == x->rev) &&
			    x->len >= p->size)
				return p;
	return NULL;
}

/* Tries the printer; what it wrote is taken back if it gave up. */
static void text(struct tbuf *b, const struct xt_printer *p, const struct xt_view *x)
{
	size_t n = b->n;

	if (p && p->print(b, x))
		return;
	if (b->s && !b->cut) {
		b->n = n;
		b->s[n] = '\0';
	}
	tb_fmt(b, " [revision %u, %zu bytes]", x->rev, x->len);
}

void xt_match_text(struct tbuf *b, const struct xt_view *x)
{
	static const struct xt_printer *const tables[] = { xt_proto_matches, xt_state_matches,
							   xt_rate_matches, xt_misc_matches };
	const struct xt_printer *p = find(tables, sizeof(tables) / sizeof(*tables), x);

	tb_str(b, " -m ");
	/* the one extension that iptables shows under two names prints its own */
	if (strcmp(x->name, "conntrack") || !p)
		tb_name(b, x->name, XT_EXTENSION_MAXNAMELEN);
	text(b, p, x);
}

void xt_target_text(struct tbuf *b, const struct xt_view *x)
{
	static const struct xt_printer *const tables[] = { xt_nat_targets, xt_targets };

	tb_str(b, " -j ");
	if (xt_is_notrack(x)) { /* the old name of one use of CT */
		tb_str(b, "NOTRACK");
		return;
	}
	tb_name(b, x->name, XT_EXTENSION_MAXNAMELEN);
	text(b, find(tables, sizeof(tables) / sizeof(*tables), x), x);
}

void xt_get(const struct xt_view *x, void *to, size_t size)
{
	memset(to, 0, size);
	memcpy(to, x->info, x->len < size ? x->len : size);
}

void xt_string(struct tbuf *b, const char *s, size_t n)
{
	static const char plain[] =
		"_-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	char esc[1024];
	size_t len = 0, at = 0;

	n = strnlen(s, n);
	while (len < n && strchr(plain, s[len]))
		len++;
	tb_str(b, " ");
	if (n && len == n) {
		tb_add(b, s, n);
		return;
	}
	for (size_t i = 0; i < n && at + 2 < sizeof(esc); i++) {
		if (strchr("\"\\'", s[i]))
			esc[at++] = '\\';
		esc[at++] = s[i];
	}
	tb_quoted(b, esc, at, false);
}

void xt_mark(struct tbuf *b, uint32_t mark, uint32_t mask)
{
	tb_fmt(b, " 0x%x", mark);
	if (mask != 0xffffffff)
		tb_fmt(b, "/0x%x", mask);
}

void xt_inv(struct tbuf *b, bool inv)
{
	if (inv)
		tb_str(b, " !");
}

void xt_range(struct tbuf *b, unsigned lo, unsigned hi)
{
	tb_fmt(b, lo == hi ? "%u" : "%u:%u", lo, hi);
}

void xt_bits(struct tbuf *b, uint32_t bits, const struct symbol *names)
{
	const char *sep = "";

	for (; names->name; names++)
		if (bits & names->value) {
			tb_fmt(b, "%s%s", sep, names->name);
			sep = ",";
			bits &= ~names->value;
		}
	if (bits)
		tb_fmt(b, "%s0x%x", sep, bits);
}

void xt_mask(struct tbuf *b, const void *mask, size_t len)
{
	int bits = prefix_len(mask, len);

	if (bits < 0) {
		tb_str(b, "/");
		tb_addr(b, mask, len);
	} else if ((size_t)bits < len * 8) {
		tb_fmt(b, "/%d", bits);
	}
}

uint32_t xt_rate(struct tbuf *b, uint64_t period, uint64_t scale)
{
	static const struct {
		const char *name;
		uint32_t seconds;
	} rates[] = { { "day", 86400 }, { "hour", 3600 }, { "min", 60 }, { "sec", 1 } };
	size_t i;

	if (!period) {
		tb_str(b, " 0/sec");
		return 1000;
	}
	for (i = 1; i < sizeof(rates) / sizeof(*rates); i++) {
		uint64_t mult = scale * rates[i].seconds;

		if (period > mult || mult / period < mult % period)
			break;
	}
	tb_fmt(b, " %llu/%s", (unsigned long long)(scale * rates[i - 1].seconds / period),
	       rates[i - 1].name);
	return rates[i - 1].seconds * 1000;
}
