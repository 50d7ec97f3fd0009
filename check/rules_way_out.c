// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Does the Internet begin at the external interface? The routes of the main table can say
 * otherwise: a VPN's two halves, 0.0.0.0/1 and 128.0.0.0/1, the default route of a PPP device on
 * top of the one that was named, another uplink of a lower metric.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "check/check_impl.h"
#include "check/routing_way.h"
#include "hairpin/hairpin.h"

#define BLOCK_BITS 8 /* the Internet is looked at in blocks of this length */

struct outlook {
	unsigned n_blocks, n_elsewhere;
	struct packet_way way; /* of the first block elsewhere */
	const struct host_rule *rule; /* that decides about it */
	int oif;
};

static unsigned family_bits(int family)
{
	return family == AF_INET ? 96 : 0;
}

/* Only what is about whole blocks: a full table of the Internet has a million routes. */
static int coarse_routes(const struct host *h, struct host *ret_coarse)
{
	*ret_coarse = *h;
	ret_coarse->n_routes = 0;
	ret_coarse->routes = calloc(h->n_routes ?: 1, sizeof(*h->routes));
	if (!ret_coarse->routes)
		return -ENOMEM;
	for (size_t i = 0; i < h->n_routes; i++)
		if (h->routes[i].dst.len <= family_bits(h->routes[i].family) + BLOCK_BITS)
			ret_coarse->routes[ret_coarse->n_routes++] = h->routes[i];
	return 0;
}

/* Unicast addresses of the Internet: 1/8 to 223/8 without 10/8 and 127/8; 2000::/3. */
static bool is_public_block(int family, unsigned first)
{
	if (family == AF_INET6)
		return first >> 5 == 1;
	return first >= 1 && first <= 223 && first != 10 && first != 127;
}

static struct net_prefix block(int family, unsigned first)
{
	struct net_prefix p = { .len = (uint8_t)(family_bits(family) + BLOCK_BITS) };

	if (family == AF_INET)
		p.addr = net_addr_from4(0);
	((uint8_t *)&p.addr)[family_bits(family) / 8] = (uint8_t)first;
	return p;
}

/* By the main table alone: what other tables do is a finding about the rule (rule-diverts). */
static void look_out(const struct check *x, const struct host *coarse, int family,
		     struct outlook *o)
{
	for (unsigned first = 0; first < 256; first++) {
		struct packet_way way = { .family = family, .dst = block(family, first) };
		const struct host_rule *r;
		int oif;

		if (!is_public_block(family, first))
			continue;
		o->n_blocks++;
		r = packet_way(coarse, &way, &oif);
		if (!r || r->table != RT_TABLE_MAIN || !oif || oif == x->link->ifindex)
			continue;
		if (!o->n_elsewhere++) {
			o->way = way;
			o->rule = r;
			o->oif = oif;
		}
	}
}

static bool is_looked_up(const struct host *h, int family, uint32_t table)
{
	for (size_t i = 0; i < h->n_rules; i++)
		if (h->rules[i].family == family && h->rules[i].action == FR_ACT_TO_TBL &&
		    h->rules[i].table == table)
			return true;
	return false;
}

/*
 * The interface is there for more than nothing: a routing rule sends some packets out by it, or it
 * is to take over when the route of lower metric is gone.
 */
static bool is_other_uplink(const struct check *x, const struct host_route *taken)
{
	for (size_t i = 0; i < x->host->n_routes; i++) {
		const struct host_route *t = &x->host->routes[i];

		if (t->family == taken->family && prefix_is_any(&t->dst, t->family) &&
		    t->type == RTN_UNICAST && t->oif == x->link->ifindex &&
		    !hairpin_owns_table(t->table) &&
		    (t->table == RT_TABLE_MAIN ? prefix_is_any(&taken->dst, taken->family)
					       : is_looked_up(x->host, t->family, t->table)))
			return true;
	}
	return false;
}

/* As `ip route` writes it. */
static void route_text(const struct host *h, const struct host_route *t, char *buf, size_t size)
{
	char dst[NET_ADDR_STRLEN] = "default", via[NET_ADDR_STRLEN + 5] = "", metric[24] = "";
	const struct host_link *l = host_link(h, t->oif);

	if (!prefix_is_any(&t->dst, t->family))
		net_prefix_format(&t->dst, dst);
	if (memcmp(&t->gateway, &(struct net_addr){ 0 }, sizeof(t->gateway))) {
		strcpy(via, " via ");
		net_addr_format(&t->gateway, via + 5);
	}
	if (t->metric)
		snprintf(metric, sizeof(metric), " metric %u", t->metric);
	snprintf(buf, size, "%s%s dev %s%s", dst, via, l ? l->name : "?", metric);
}

static void check_family(struct check *x, const struct host *coarse, int family)
{
	struct outlook o = { 0 };
	const struct host_route *t;
	const struct host_link *l;
	struct finding *f;
	char buf[256];

	look_out(x, coarse, family, &o);
	if (o.n_elsewhere * 2 < o.n_blocks)
		return;
	t = packet_route(coarse, o.rule, &o.way);
	l = host_link(x->host, o.oif);
	route_text(x->host, t, buf, sizeof(buf));
	f = finding_add(x->fs, "route-diverts");
	f->will = true;
	if (is_other_uplink(x, t))
		f->severity = SEV_NOTE;
	finding_set(x->fs, &f->where, "ip%s route", family == AF_INET6 ? " -6" : "");
	finding_set(x->fs, &f->text, "%s", buf);
	finding_set(x->fs, &f->what, "%s the %sInternet is behind %s, not behind %s",
		    o.n_elsewhere == o.n_blocks ? "by the main routing table"
						: "by the main routing table most of",
		    family == AF_INET6 ? "IPv6 " : "", l ? l->name : "another interface",
		    x->conf->name);
	if (l)
		mend_interface(x, f, l);
}

int check_way_out(struct check *x)
{
	struct host coarse;
	int ret;

	if (!x->link || !x->conf->n_slices)
		return 0;
	ret = coarse_routes(x->host, &coarse);
	if (ret)
		return ret;
	check_family(x, &coarse, AF_INET);
	if (conf_uses_ipv6(x->conf))
		check_family(x, &coarse, AF_INET6);
	free(coarse.routes);
	return 0;
}
