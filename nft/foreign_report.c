// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>

#include "foreign_report.h"

#define IPV6 1 /* position in a report_entry */

/* Packets that someone's DNAT has taken are his. */
static bool dnated(const struct box *b)
{
	return b->status.fuzzy & IPS_DST_NAT;
}

static void add_packets(struct report *rep, struct report_entry *e, const struct region *r,
			bool with_dnated)
{
	for (size_t i = 0; i < r->n; i++) {
		struct region one = { &r->b[i], 1, false };

		if (with_dnated || !dnated(&r->b[i]))
			region_join(rep->space, &e->sum[r->b[i].family == NFPROTO_IPV6], &one);
	}
}

static bool matters(const struct region *r, bool with_dnated)
{
	for (size_t i = 0; i < r->n; i++)
		if (with_dnated || !dnated(&r->b[i]))
			return true;
	return false;
}

int report_nat(struct report *rep, struct report_list *l, const struct walk_meeting *m)
{
	/* walks meet the same rule several times in a row: look from the end */
	for (size_t i = l->n; i-- > 0;)
		if (l->e[i].rule == m->rule) {
			add_packets(rep, &l->e[i], m->packets, true);
			return 0;
		}
	if (fw_grow(&l->e, l->n, sizeof(*l->e)))
		return -ENOMEM;
	l->e[l->n] = (struct report_entry){ .rule = m->rule, .op = m->op };
	add_packets(rep, &l->e[l->n++], m->packets, true);
	return 0;
}

static struct report_entry *drop_entry(struct report *rep, const struct fw_chain *base)
{
	for (size_t i = rep->drop.n; i-- > 0;)
		if (rep->drop.e[i].base == base)
			return &rep->drop.e[i];
	return NULL;
}

int report_drop(struct report *rep, const struct walk_meeting *m)
{
	struct report_entry *e = drop_entry(rep, m->base);

	if (!matters(m->packets, false))
		return 0;
	if (!e) {
		if (fw_grow(&rep->drop.e, rep->drop.n, sizeof(*rep->drop.e)))
			return -ENOMEM;
		e = &rep->drop.e[rep->drop.n++];
		*e = (struct report_entry){ .rule = m->rule, .base = m->base };
	}
	if (!m->rule) /* the policy says more than a rule among others */
		e->rule = NULL;
	add_packets(rep, e, m->packets, false);
	return 0;
}

void report_assume_mark(struct report *rep)
{
	for (size_t i = 0; i < rep->drop.n; i++)
		rep->drop.e[i].mark_accepts[0] = rep->drop.e[i].mark_accepts[IPV6] = true;
}

void report_mark(struct report *rep, const struct walk_meeting *m)
{
	struct report_entry *e = drop_entry(rep, m->base);

	for (size_t i = 0; e && i < m->packets->n; i++)
		if (!dnated(&m->packets->b[i]))
			e->mark_accepts[m->packets->b[i].family == NFPROTO_IPV6] = false;
}

static void list_clear(struct report_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		region_clear(&l->e[i].sum[0]);
		region_clear(&l->e[i].sum[1]);
	}
	free(l->e);
}

void report_clear(struct report *rep)
{
	list_clear(&rep->snat);
	list_clear(&rep->dnat);
	list_clear(&rep->drop);
	memset(rep, 0, sizeof(*rep));
}

static const char *family_name(const struct fw_table *t)
{
	switch (t->family) {
	case NFPROTO_IPV4:
		return t->legacy ? "iptables-legacy" : "ip";
	case NFPROTO_IPV6:
		return t->legacy ? "ip6tables-legacy" : "ip6";
	case NFPROTO_INET:
		return "inet";
	case NFPROTO_NETDEV:
		return "netdev";
	}
	return "?";
}

static char *chain_text(const struct fw_chain *c)
{
	char *s;

	return asprintf(&s, "%s %s %s", family_name(c->table), c->table->name, c->name) < 0 ? NULL
											    : s;
}

static char *rule_name(const struct fw_rule *r)
{
	const struct fw_table *t = r->chain->table;
	char *s;

	return asprintf(&s, "%s %s %s %s%llu", family_name(t), t->name, r->chain->name,
			t->legacy ? "#" : "handle ", (unsigned long long)r->handle) < 0
		       ? NULL
		       : s;
}

/* Whether a match named the dimension on every way to the rule. */
static bool names(const struct region *r, unsigned dims)
{
	for (size_t i = 0; i < r->n; i++)
		if (!(r->b[i].named & dims))
			return false;
	return r->n;
}

static unsigned protos_of(const struct region *r)
{
	unsigned mask = 0;

	for (size_t i = 0; i < r->n; i++)
		mask |= box_protos(&r->b[i]);
	return mask;
}

/* The addresses that matches named; none if some way to the rule has no such match. */
static int addrs(struct report *rep, const struct region *r, enum dim d, struct net_list *ret_list)
{
	struct region sum = { 0 };
	int ret = 0;

	if (!names(r, 1u << d))
		return 0;
	region_copy(rep->space, &sum, r);
	/* all else set alike: what is left are the addresses, joined */
	region_only(rep->space, &sum, d);
	for (size_t i = 0; i < sum.n && !ret; i++)
		ret = box_nets(&sum.b[i], d, ret_list);
	region_clear(&sum);
	return ret;
}

static void own_address(const struct fw_nat *nat, struct foreign_snat *n)
{
	if (nat->masquerade || nat->same ||
	    (nat->family && (nat->family == NFPROTO_IPV6) != n->ipv6))
		return;
	n->own_address = true;
	if (nat->family && !memcmp(nat->addr_lo, nat->addr_hi, sizeof(nat->addr_lo)))
		n->to = fw_nat_address(nat, false);
}

static int finish_snat(struct report *rep, const struct report_entry *e, bool ipv6,
		       struct foreign *f)
{
	const struct region *r = &e->sum[ipv6];
	struct foreign_snat *n;

	if (region_empty(r))
		return 0;
	if (fw_grow(&f->snat, f->n_snat, sizeof(*f->snat)))
		return -ENOMEM;
	n = &f->snat[f->n_snat++];
	*n = (struct foreign_snat){ .where = rule_name(e->rule),
				    .rule = e->rule,
				    .ipv6 = ipv6,
				    .names_iface = names(r, 1u << DIM_OIF),
				    .names_dest = names(r, 1u << DIM_DADDR | 1u << DIM_DPORT),
				    .protos = protos_of(r) };
	if (e->op->kind == FW_SNAT) {
		n->port_lo = e->op->nat.port_lo;
		n->port_hi = e->op->nat.port_hi;
		own_address(&e->op->nat, n);
	}
	return n->where ? addrs(rep, r, DIM_SADDR, &n->src) : -ENOMEM;
}

int report_finish_snat(struct report *rep, struct foreign *f)
{
	int ret = 0;

	for (size_t i = 0; i < 2 * rep->snat.n && !ret; i++)
		ret = finish_snat(rep, &rep->snat.e[i / 2], i % 2, f);
	return ret;
}

/*
 * ICMP has no destination port: any query identifier. A rule that names no ports is reported
 * with all of them, even if earlier rules leave it fewer: it is a catch-all (a "DMZ host").
 */
static int ports_of(const struct region *r, unsigned proto, struct port_set *ret_ports)
{
	int ret = 0;

	if (proto & PROTO_ICMP || !names(r, 1u << DIM_DPORT))
		return port_set_add(ret_ports, 1, 65535);
	for (size_t i = 0; i < r->n && !ret; i++)
		if (box_protos(&r->b[i]) & proto)
			ret = box_ports(&r->b[i], DIM_DPORT, ret_ports);
	return ret;
}

static int dnat_entry(struct report *rep, const struct report_entry *e, bool ipv6, unsigned proto,
		      struct foreign *f, size_t from)
{
	struct port_set ports = { 0 };
	struct foreign_dnat *n;
	int ret = ports_of(&e->sum[ipv6], proto, &ports);

	/* one entry for all protocols that share their ports */
	for (size_t i = from; i < f->n_dnat && !ret; i++)
		if (port_set_eq(&f->dnat[i].ports, &ports)) {
			f->dnat[i].protos |= proto;
			port_set_free(&ports);
			return 0;
		}
	if (ret || fw_grow(&f->dnat, f->n_dnat, sizeof(*f->dnat))) {
		port_set_free(&ports);
		return -ENOMEM;
	}
	n = &f->dnat[f->n_dnat++];
	*n = (struct foreign_dnat){
		.where = rule_name(e->rule), .ipv6 = ipv6, .protos = proto, .ports = ports
	};
	return n->where ? addrs(rep, &e->sum[ipv6], DIM_DADDR, &n->dst) : -ENOMEM;
}

static int finish_dnat(struct report *rep, const struct report_entry *e, bool ipv6,
		       struct foreign *f)
{
	unsigned protos = protos_of(&e->sum[ipv6]);
	size_t from = f->n_dnat;
	int ret = 0;

	for (unsigned i = 0; i < PROTO_COUNT && !ret; i++)
		if (protos & 1u << i)
			ret = dnat_entry(rep, e, ipv6, 1u << i, f, from);
	return ret;
}

int report_finish_dnat(struct report *rep, struct foreign *f)
{
	int ret = 0;

	for (size_t i = 0; i < 2 * rep->dnat.n && !ret; i++)
		ret = finish_dnat(rep, &rep->dnat.e[i / 2], i % 2, f);
	return ret;
}

/* iptables refuses to touch a table in which it finds rules that it did not make. */
static bool is_xtables(const struct fw_chain *c)
{
	static const char *const tables[] = { "filter", "nat", "mangle", "raw", "security" };
	static const char *const chains[] = { "PREROUTING", "INPUT", "FORWARD", "OUTPUT",
					      "POSTROUTING" };
	bool table = c->table->legacy, chain = c->table->legacy;
	bool family = c->table->family == NFPROTO_IPV4 || c->table->family == NFPROTO_IPV6;

	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		table = table || (family && !strcmp(c->table->name, tables[i]));
	for (size_t i = 0; i < sizeof(chains) / sizeof(*chains); i++)
		chain = chain || !strcmp(c->name, chains[i]);
	return table && chain;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool leaves_on(const struct region *r, uint32_t id)
{
	for (size_t i = 0; i < r->n; i++)
		if (num_set_has(r->b[i].dim[DIM_OIF], num32(id)))
			return true;
	return false;
}

/*
 * The interfaces on which packets are dropped: those, or if those that no rule names are among
 * them, all but the named ones on which none is. The external interface and lo have none anyway.
 */
static int finish_oif(struct report *rep, const struct report_entry *e, const struct region *r,
		      const char *ifname, struct foreign_drop *n)
{
	uint32_t top = space_ifid_top(rep->space);
	bool known = e->base->hook == FW_FORWARD || e->base->hook == FW_POSTROUTING;

	n->oif_except = leaves_on(r, SPACE_IF_OTHER);
	n->oif = calloc(top + 1, sizeof(*n->oif));
	if (!n->oif)
		return -ENOMEM;
	for (uint32_t id = SPACE_IF_OTHER + 1; known && id <= top; id++) {
		const char *name = space_ifname(rep->space, id);

		if (leaves_on(r, id) == n->oif_except ||
		    (n->oif_except && (space_ifclass(rep->space, id) || !strcmp(name, ifname) ||
				       !strcmp(name, "lo"))))
			continue;
		n->oif[n->n_oif] = strdup(name);
		if (!n->oif[n->n_oif++])
			return -ENOMEM;
	}
	qsort(n->oif, n->n_oif, sizeof(*n->oif), by_name);
	return 0;
}

static int finish_drop(struct report *rep, const struct report_entry *e, bool ipv6,
		       const char *ifname, struct foreign *f)
{
	const struct region *r = &e->sum[ipv6];
	struct foreign_drop *n;

	if (region_empty(r))
		return 0;
	if (fw_grow(&f->drop, f->n_drop, sizeof(*f->drop)))
		return -ENOMEM;
	n = &f->drop[f->n_drop++];
	*n = (struct foreign_drop){ .ipv6 = ipv6,
				    .xtables = is_xtables(e->base),
				    .mark_accepts = e->mark_accepts[ipv6],
				    .names_src = names(r, 1u << DIM_SADDR),
				    .where = chain_text(e->base),
				    .cause = e->rule ? rule_name(e->rule) : strdup("policy drop") };
	if (!n->where || !n->cause || addrs(rep, r, DIM_DADDR, &n->dst))
		return -ENOMEM;
	return finish_oif(rep, e, r, ifname, n);
}

int report_finish_drops(struct report *rep, const char *ifname, struct foreign *f)
{
	int ret = 0;

	for (size_t i = 0; i < 2 * rep->drop.n && !ret; i++)
		ret = finish_drop(rep, &rep->drop.e[i / 2], i % 2, ifname, f);
	return ret;
}

void foreign_free(struct foreign *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n_snat; i++) {
		free(f->snat[i].where);
		net_list_free(&f->snat[i].src);
	}
	for (size_t i = 0; i < f->n_dnat; i++) {
		free(f->dnat[i].where);
		port_set_free(&f->dnat[i].ports);
		net_list_free(&f->dnat[i].dst);
	}
	for (size_t i = 0; i < f->n_drop; i++) {
		struct foreign_drop *d = &f->drop[i];

		free(d->where);
		free(d->cause);
		net_list_free(&d->dst);
		for (size_t j = 0; j < d->n_oif; j++)
			free(d->oif[j]);
		free(d->oif);
	}
	free(f->snat);
	free(f->dnat);
	free(f->drop);
	free(f);
}
