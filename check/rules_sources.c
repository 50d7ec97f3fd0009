// SPDX-License-Identifier: GPL-2.0-or-later
/* Hosts that others' rules translate in a way of their own: left to them, or taken by the slice. */
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "check/rules_fw.h"
#include "nft/table_model.h"

/* ---- subnets that stay with masquerade ----------------------------------------------- */

/* Every subnet that a rule names is told once: a set can hold several. */
static void tell_left_out_by(struct fwx *fw, const struct foreign_snat *s, struct net_list *told)
{
	struct hit h = {
		.code = "subnet-left-out", .chain = s->rule->chain, .rule = s->rule, .will = true
	};
	struct findings *fs = fw->x->fs;
	char buf[NET_ADDR_STRLEN];
	struct finding *f = NULL;
	size_t n_new = 0;

	for (size_t i = 0; i < s->src.n; i++) {
		size_t n = told->n;

		if (net_list_add(told, &s->src.p[i]))
			fw->failed = true;
		if (told->n == n)
			continue;
		if (!f)
			f = fw_hit_finding(fw, &h);
		net_prefix_format(&s->src.p[i], buf);
		finding_set(fs, &f->what, "%s%s%s", n_new ? f->what : "", n_new ? "," : "", buf);
		n_new++;
	}
	if (!f || !f->what)
		return;
	finding_set(fs, &f->mend,
		    "# to move %s hosts to einat, name all internal networks:\n"
		    "--internal LAN,%s",
		    n_new == 1 ? "its" : "their", f->what);
	finding_set(fs, &f->what, "%s stay%s with masquerade, since this rule names %s", f->what,
		    n_new == 1 ? "s" : "", n_new == 1 ? "it" : "them");
}

/* libvirt has a rule for each protocol: a subnet is told once. */
void fw_tell_left_out(struct fwx *fw)
{
	const struct foreign *o = fw->foreign;
	struct net_list told = { 0 };

	for (size_t i = 0; i < fw->x->conf->n_slices; i++)
		if (fw->x->conf->slices[i].internal.n)
			return;
	for (size_t i = 0; o && i < o->n_snat; i++)
		if (foreign_owns_subnet(&o->snat[i]) && (!o->snat[i].ipv6 || fw->x->conf->ipv6))
			tell_left_out_by(fw, &o->snat[i], &told);
	net_list_free(&told);
}

/* ---- hosts with an external address of their own ----------------------------------------- */

static const struct fw_nat *snat_of(const struct fw_op *op)
{
	return op && op->kind == FW_SNAT && op->nat.family && !op->nat.masquerade ? &op->nat : NULL;
}

/* The default route on the external interface, of the lowest metric; NULL: there is none. */
static const struct host_route *default_route(const struct check *x, int family)
{
	const struct host_route *best = NULL;

	for (size_t i = 0; x->link && i < x->host->n_routes; i++) {
		const struct host_route *r = &x->host->routes[i];

		if (r->family == family && r->table == RT_TABLE_MAIN && r->type == RTN_UNICAST &&
		    r->oif == x->link->ifindex && r->dst.len == (family == AF_INET ? 96 : 0) &&
		    (!best || r->metric < best->metric))
			best = r;
	}
	return best;
}

/* What einat gives: the route's source address alone, or any of the interface's. */
static size_t given(const struct check *x, int family, struct net_addr *ret_one)
{
	static const struct net_addr none;
	const struct host_route *way = default_route(x, family);
	size_t n = 0;

	if (way && !net_addr_eq(&way->prefsrc, &none)) {
		*ret_one = way->prefsrc;
		return 1;
	}
	for (size_t i = 0; i < x->external.n; i++)
		if (net_addr_is4(&x->external.p[i].addr) == (family == AF_INET)) {
			*ret_one = x->external.p[i].addr;
			n++;
		}
	return n;
}

bool fw_gives_other_address(const struct fwx *fw, const struct walk_meeting *m)
{
	const struct fw_nat *nat = snat_of(m->op);
	struct net_addr lo, hi, ours;
	size_t n;

	if (!nat || nat->same)
		return false;
	lo = fw_nat_address(nat, false);
	hi = fw_nat_address(nat, true);
	n = given(fw->x, nat->family, &ours);
	return n && !(n == 1 && net_addr_eq(&lo, &ours) && net_addr_eq(&hi, &ours));
}

/* Sources that the rule names; NULL: none. */
static const struct net_list *named_sources(const struct fwx *fw, const struct fw_rule *rule)
{
	for (size_t i = 0; fw->foreign && i < fw->foreign->n_snat; i++)
		if (fw->foreign->snat[i].rule == rule && fw->foreign->snat[i].src.n)
			return &fw->foreign->snat[i].src;
	return NULL;
}

#define SHOWN 4 /* prefixes of one rule */

static void list_sources(const struct net_list *src, char *buf, size_t size)
{
	char one[NET_ADDR_STRLEN];
	size_t n = 0;

	*buf = '\0';
	for (size_t i = 0; i < src->n; i++) {
		if (src->p[i].len == 128)
			net_addr_format(&src->p[i].addr, one);
		else
			net_prefix_format(&src->p[i], one);
		n += (size_t)snprintf(buf + n, size - n, "%s%s", i ? ", " : "", one);
	}
}

/* Single hosts stay out of the slice; for all others einat can be given that address. */
static void mend_other_address(struct fwx *fw, struct finding *f, const struct fw_nat *nat,
			       const struct net_list *src, const char *hosts, const char *addr)
{
	const struct host_route *way = default_route(fw->x, nat->family);
	const struct net_addr lo = fw_nat_address(nat, false);
	const char *wan = fw->x->conf->name;
	bool all_single = src && src->n <= SHOWN, ours = false;
	char table[NAME_SIZE], via[NET_ADDR_STRLEN] = "", metric[24] = "";

	for (size_t i = 0; all_single && i < src->n; i++)
		all_single = src->p[i].len == 128;
	for (size_t i = 0; i < fw->x->external.n; i++)
		ours |= net_addr_eq(&fw->x->external.p[i].addr, &lo);
	if (!all_single && ours && way && !way->multipath &&
	    !memcmp(nat->addr_lo, nat->addr_hi, sizeof(nat->addr_lo))) {
		if (memcmp(&way->gateway, &(struct net_addr){ 0 }, sizeof(way->gateway)))
			net_addr_format(&way->gateway, via);
		if (way->metric)
			snprintf(metric, sizeof(metric), " metric %u", way->metric);
		finding_set(fw->x->fs, &f->mend,
			    "# einat takes that address alone if the route names it:\n"
			    "ip %sroute change default %s%s dev %s src %s%s",
			    nat->family == AF_INET ? "" : "-6 ", *via ? "via " : "", via, wan, addr,
			    metric);
	} else if (*hosts) {
		finding_set(
			fw->x->fs, &f->mend,
			"# keeps them out of the slice while einat runs; to last, name all other "
			"networks with --internal\n"
			"nft add element inet %s s0_not_internal%s { %s }",
			table_name(wan, table), nat->family == AF_INET ? "" : "6", hosts);
	} else {
		finding_set(fw->x->fs, &f->mend, "# name the hosts of the slice with --internal");
	}
}

void fw_tell_other_address(struct fwx *fw, const struct hit *h, struct finding *f)
{
	const struct net_list *src = named_sources(fw, h->rule);
	const struct fw_nat *nat = snat_of(h->op);
	char hosts[SHOWN * (NET_ADDR_STRLEN + 2)] = "", lo[NET_ADDR_STRLEN], hi[NET_ADDR_STRLEN];
	char one[NET_ADDR_STRLEN];
	struct net_addr ours, first = fw_nat_address(nat, false), last = fw_nat_address(nat, true);
	size_t n = given(fw->x, nat->family, &ours);
	bool range = !net_addr_eq(&first, &last);

	net_addr_format(&first, lo);
	net_addr_format(&last, hi);
	net_addr_format(&ours, one);
	if (src && src->n <= SHOWN) /* else they are what other rules leave of some network */
		list_sources(src, hosts, sizeof(hosts));
	finding_set(fw->x->fs, &f->what,
		    "this rule gives %s the external address %s%s%s; flows of the slice get %s%s",
		    *hosts ? hosts : "its hosts", lo, range ? " to " : "", range ? hi : "",
		    n > 1 ? "any of " : one, n > 1 ? "the interface's" : "");
	mend_other_address(fw, f, nat, src, hosts, lo);
}
