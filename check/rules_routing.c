// SPDX-License-Identifier: GPL-2.0-or-later
/* Routing rules: room for hairpin, marks, ways out that avoid the external interface. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "check/check_impl.h"
#include "check/owner.h"
#include "check/routing_way.h"
#include "hairpin/hairpin.h"

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
	    prefix_is_any(&r->from, r->family) ? "all" : net_prefix_format(&r->from, a));
	if (!prefix_is_any(&r->to, r->family))
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

static const char *name_of(const struct host *h, int oif)
{
	const struct host_link *l = host_link(h, oif);

	if (l && !strcmp(l->name, "lo"))
		return "lo (to this host itself)";
	return l ? l->name : "no interface";
}

static bool is_internal(const struct check *x, const struct net_prefix *p)
{
	for (size_t i = 0; i < x->conf->n_slices; i++) {
		const struct net_list *l = &x->conf->slices[i].internal;

		if (!l->n)
			return true;
		for (size_t j = 0; j < l->n; j++)
			if (net_prefix_contains(&l->p[j], &p->addr) ||
			    net_prefix_contains(p, &l->p[j].addr))
				return true;
	}
	return false;
}

/* What goes to @to with einat's mark: does @r send it, and where would it go without? */
static void check_mark_to(struct check *x, const struct host_rule *r, const struct net_prefix *to)
{
	const struct conf_mark *in = &x->conf->inbound_mark;
	struct packet_way p = { r->family, *to, in->value & in->mask, x->conf->name };
	const struct host_rule *by, *without;
	char buf[NET_ADDR_STRLEN];
	struct finding *f;
	int oif, other;
	bool here;

	by = packet_way(x->host, &p, &oif);
	p.mark = 0;
	without = packet_way(x->host, &p, &other);
	if ((by != r && without != r) || by == without || oif == other)
		return;
	here = !strcmp(name_of(x->host, oif), "lo");
	f = about_rule(x, "mark-routed", r);
	f->will = rule_is_plain(r);
	finding_set(
		x->fs, &f->what,
		"what einat marks with 0x%x/0x%x for %s %s%s, and without the mark it leaves on "
		"%s",
		in->value, in->mask, net_prefix_format(to, buf),
		here ? "ends at this host" : "leaves on ", here ? "" : name_of(x->host, oif),
		name_of(x->host, other));
	if (rule_takes_mark(r, FREE_MARK) == rule_takes_mark(r, 0))
		finding_set(x->fs, &f->mend, "--inbound-mark 0x%x/0x%x", FREE_MARK, FREE_MARK);
	else
		finding_set(x->fs, &f->mend, "--inbound-mark with bits that 0x%x leaves free",
			    r->fwmask);
}

/* The mark alone must make the difference: what matches anyway is not einat's doing. */
static void check_mark(struct check *x, const struct host_rule *r)
{
	const struct conf_mark *in = &x->conf->inbound_mark;

	if (!in->mask || !r->fwmask || is_own(r) || (r->family == AF_INET6 && !x->conf->ipv6) ||
	    rule_takes_mark(r, in->value & in->mask) == rule_takes_mark(r, 0))
		return;
	for (size_t i = 0; i < x->host->n_routes; i++)
		if (x->host->routes[i].family == r->family &&
		    route_leads_inside(x, &x->host->routes[i]) &&
		    is_internal(x, &x->host->routes[i].dst))
			check_mark_to(x, r, &x->host->routes[i].dst);
}

/* The interface of the default route that a table holds; 0: it has none. */
static int default_of(const struct host *h, const struct host_rule *r)
{
	for (size_t i = 0; i < h->n_routes; i++) {
		const struct host_route *t = &h->routes[i];

		if (t->family == r->family && t->table == r->table &&
		    prefix_is_any(&t->dst, t->family) && t->type == RTN_UNICAST)
			return t->oif;
	}
	return 0;
}

static bool is_uplink(const struct host *h, const char *name)
{
	const struct host_link *l = host_link_named(h, name);

	for (size_t i = 0; l && i < h->n_routes; i++)
		if (prefix_is_any(&h->routes[i].dst, h->routes[i].family) &&
		    h->routes[i].oif == l->ifindex)
			return true;
	return false;
}

/* Whose packets does the rule look at: those of internal hosts, or of this host alone? */
static bool from_inside(const struct check *x, const struct host_rule *r)
{
	if (prefix_is_any(&r->from, r->family) || r->invert)
		return true;
	return !rule_is_from_here(x->host, r) && is_internal(x, &r->from);
}

void mend_interface(struct check *x, struct finding *f, const struct host_link *l)
{
	if (!l->name[strcspn(l->name, " '\"\\$`;&|<>()*?!#~")])
		finding_set(x->fs, &f->mend,
			    "# if that is the way out that is meant: einat run -i %s", l->name);
}

static void check_ways_out(struct check *x, const struct host_rule *r)
{
	struct packet_way any = { .family = r->family,
				  .dst = { .len = r->family == AF_INET ? 96 : 0 } };
	const struct host_link *l;
	struct finding *f;
	int oif, by_default;

	if (r->action != FR_ACT_TO_TBL || is_local(r) || is_own(r) || r->l3mdev ||
	    r->table == RT_TABLE_MAIN || r->table == RT_TABLE_DEFAULT ||
	    (r->family == AF_INET6 && !conf_uses_ipv6(x->conf)) ||
	    (*r->iif && is_uplink(x->host, r->iif)) || !strcmp(r->iif, "lo") || !from_inside(x, r))
		return;
	oif = default_of(x->host, r);
	if (!oif || (x->link && oif == x->link->ifindex))
		return;
	l = host_link(x->host, oif);
	f = about_rule(x, "rule-diverts", r);
	f->will = packet_way(x->host, &any, &by_default) == r;
	if (!f->will)
		f->severity = SEV_NOTE;
	finding_set(x->fs, &f->what, "%s leaves on %s, not on %s",
		    f->will ? "what has no mark of its own and no route but the default"
			    : "what matches this rule",
		    l ? l->name : "another interface", x->conf->name);
	if (f->will && l)
		mend_interface(x, f, l);
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
