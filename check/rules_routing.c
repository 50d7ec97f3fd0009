// SPDX-License-Identifier: GPL-2.0-or-later
/* Routing rules: room for hairpin, marks, ways out that avoid the external interface. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "check/check_impl.h"
#include "hairpin/hairpin.h"

static bool is_any(const struct net_prefix *p, int family)
{
	return p->len == (family == AF_INET ? 96 : 0);
}

static void put(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void put(char *buf, size_t size, const char *fmt, ...)
{
	size_t n = strlen(buf);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf + n, size - n, fmt, ap);
	va_end(ap);
}

static void put_ports(char *buf, size_t size, const char *word, uint16_t lo, uint16_t hi)
{
	if (hi && lo == hi)
		put(buf, size, " %s %u", word, lo);
	else if (hi)
		put(buf, size, " %s %u-%u", word, lo, hi);
}

static void put_action(const struct host_rule *r, char *buf, size_t size)
{
	static const char *const words[] = { [FR_ACT_BLACKHOLE] = "blackhole",
					     [FR_ACT_UNREACHABLE] = "unreachable",
					     [FR_ACT_PROHIBIT] = "prohibit" };

	if (r->l3mdev)
		put(buf, size, " lookup [l3mdev-table]");
	else if (r->action == FR_ACT_TO_TBL && r->table == RT_TABLE_LOCAL)
		put(buf, size, " lookup local");
	else if (r->action == FR_ACT_TO_TBL && r->table == RT_TABLE_MAIN)
		put(buf, size, " lookup main");
	else if (r->action == FR_ACT_TO_TBL && r->table == RT_TABLE_DEFAULT)
		put(buf, size, " lookup default");
	else if (r->action == FR_ACT_TO_TBL)
		put(buf, size, " lookup %u", r->table);
	else if (r->action == FR_ACT_GOTO)
		put(buf, size, " goto %u", r->target);
	else if (r->action < sizeof(words) / sizeof(*words) && words[r->action])
		put(buf, size, " %s", words[r->action]);
}

/* As `ip rule` writes it. */
static void rule_text(const struct host_rule *r, char *buf, size_t size)
{
	char a[NET_ADDR_STRLEN];

	*buf = '\0';
	put(buf, size, "%s%u: %sfrom %s", r->family == AF_INET6 ? "-6 " : "", r->priority,
	    r->invert ? "not " : "",
	    is_any(&r->from, r->family) ? "all" : net_prefix_format(&r->from, a));
	if (!is_any(&r->to, r->family))
		put(buf, size, " to %s", net_prefix_format(&r->to, a));
	if (r->fwmask == UINT32_MAX)
		put(buf, size, " fwmark 0x%x", r->fwmark);
	else if (r->fwmask)
		put(buf, size, " fwmark 0x%x/0x%x", r->fwmark, r->fwmask);
	if (*r->iif)
		put(buf, size, " iif %s", r->iif);
	if (*r->oif)
		put(buf, size, " oif %s", r->oif);
	if (r->ipproto)
		put(buf, size, " ipproto %u", r->ipproto);
	put_ports(buf, size, "sport", r->sport_lo, r->sport_hi);
	put_ports(buf, size, "dport", r->dport_lo, r->dport_hi);
	put_action(r, buf, size);
	if (r->suppress_prefixlen >= 0)
		put(buf, size, " suppress_prefixlength %d", r->suppress_prefixlen);
}

static struct finding *about_rule(struct check *x, const char *code, const struct host_rule *r)
{
	struct finding *f = finding_add(x->fs, code);
	char buf[256];

	rule_text(r, buf, sizeof(buf));
	finding_set(x->fs, &f->where, "ip%s rule, preference %u",
		    r->family == AF_INET6 ? " -6" : "", r->priority);
	finding_set(x->fs, &f->text, "%s", buf);
	return f;
}

static bool is_local(const struct host_rule *r)
{
	return r->action == FR_ACT_TO_TBL && r->table == RT_TABLE_LOCAL;
}

static bool is_own(const struct host_rule *r)
{
	return r->action == FR_ACT_TO_TBL && hairpin_owns_table(r->table);
}

/* As hairpin/state.c sees it: the copy of the local rule needs a place, and so do the rules. */
static void check_room(struct check *x, const struct host_rule *r)
{
	struct finding *f;

	if (!x->conf->n_hairpin_ifs || is_local(r) || is_own(r) || r->priority > 1 ||
	    (r->family == AF_INET6 && !x->conf->ipv6))
		return;
	f = about_rule(x, "local-rule", r);
	finding_set(x->fs, &f->what,
		    "this rule leaves no room before the local routing rule, so hairpin cannot be "
		    "set up");
	finding_set(x->fs, &f->mend, "# give it a larger preference, or run without --hairpin-if");
}

static bool mark_matches(const struct host_rule *r, uint32_t mark)
{
	return ((mark & r->fwmask) == r->fwmark) != r->invert;
}

/* The mark alone must make the difference: what matches anyway is not einat's doing. */
static void check_mark(struct check *x, const struct host_rule *r)
{
	const struct conf_mark *in = &x->conf->inbound_mark;
	struct finding *f;

	if (!in->mask || !r->fwmask || is_own(r) ||
	    mark_matches(r, in->value & in->mask) == mark_matches(r, 0))
		return;
	f = about_rule(x, "mark-routed", r);
	finding_set(x->fs, &f->what,
		    "packets that einat marks with 0x%x/0x%x are routed by this rule", in->value,
		    in->mask);
	finding_set(x->fs, &f->mend, "--inbound-mark with bits that 0x%x leaves free", r->fwmask);
}

/* The interface of the default route that a table holds; 0: it has none. */
static int default_of(const struct host *h, const struct host_rule *r)
{
	for (size_t i = 0; i < h->n_routes; i++) {
		const struct host_route *t = &h->routes[i];

		if (t->family == r->family && t->table == r->table && is_any(&t->dst, t->family) &&
		    t->type == RTN_UNICAST)
			return t->oif;
	}
	return 0;
}

static bool is_uplink(const struct host *h, const char *name)
{
	const struct host_link *l = host_link_named(h, name);

	for (size_t i = 0; l && i < h->n_routes; i++)
		if (is_any(&h->routes[i].dst, h->routes[i].family) &&
		    h->routes[i].oif == l->ifindex)
			return true;
	return false;
}

static void check_ways_out(struct check *x, const struct host_rule *r)
{
	const struct host_link *l;
	struct finding *f;
	int oif;

	if (r->action != FR_ACT_TO_TBL || is_local(r) || is_own(r) || r->l3mdev ||
	    r->table == RT_TABLE_MAIN || r->table == RT_TABLE_DEFAULT ||
	    (r->family == AF_INET6 && !x->conf->ipv6) || (*r->iif && is_uplink(x->host, r->iif)) ||
	    !strcmp(r->iif, "lo"))
		return;
	oif = default_of(x->host, r);
	if (!oif || (x->link && oif == x->link->ifindex))
		return;
	l = host_link(x->host, oif);
	f = about_rule(x, "rule-diverts", r);
	f->will = false;
	finding_set(x->fs, &f->what, "what matches this rule leaves on %s, not on %s",
		    l ? l->name : "another interface", x->conf->name);
}

int check_routing(struct check *x)
{
	for (size_t i = 0; i < x->host->n_rules; i++) {
		const struct host_rule *r = &x->host->rules[i];

		check_room(x, r);
		check_mark(x, r);
		check_ways_out(x, r);
	}
	return 0;
}
