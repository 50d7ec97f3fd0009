// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/netfilter.h>

#include "foreign_report.h"

static int list_add(struct report_list *l, const struct fw_chain *base, const struct fw_rule *rule,
		    const struct fw_op *op, const struct region *r)
{
	/* walks meet the same rule several times in a row: look from the end */
	for (size_t i = l->n; i-- > 0;)
		if (base ? l->e[i].base == base : l->e[i].rule == rule) {
			if (!rule) /* the policy says more than a rule among others */
				l->e[i].rule = NULL;
			return region_join(&l->e[i].sum, r);
		}
	if (fw_grow(&l->e, l->n, sizeof(*l->e)))
		return -ENOMEM;
	l->e[l->n] = (struct report_entry){ .rule = rule, .op = op, .base = base };
	return region_copy(&l->e[l->n++].sum, r);
}

int report_snat(struct report *rep, const struct fw_rule *rule, const struct fw_op *op,
		const struct region *r)
{
	return list_add(&rep->snat, NULL, rule, op, r);
}

int report_dnat(struct report *rep, const struct fw_rule *rule, const struct region *r)
{
	return list_add(&rep->dnat, NULL, rule, NULL, r);
}

int report_drop(struct report *rep, const struct fw_chain *base, const struct fw_rule *rule,
		const struct region *r)
{
	return list_add(&rep->drop, base, rule, NULL, r);
}

void report_mark_accepts(struct report *rep, const struct fw_chain *base)
{
	for (size_t i = 0; i < rep->drop.n; i++)
		if (rep->drop.e[i].base == base)
			rep->drop.e[i].mark_accepts = true;
}

static void list_clear(struct report_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		region_clear(&l->e[i].sum);
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
		return "ip6";
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

static char *rule_text(const struct fw_rule *r)
{
	const struct fw_table *t = r->chain->table;
	char *s;

	return asprintf(&s, "%s %s %s %s%llu", family_name(t), t->name, r->chain->name,
			t->legacy ? "#" : "handle ", (unsigned long long)r->handle) < 0
		       ? NULL
		       : s;
}

static int addrs(const struct rset *s, struct net_list *ret_list)
{
	return rset_is(s, 0, ADDR_TOP) ? 0 : rset_to_prefixes(s, ret_list);
}

static int finish_snat(const struct report_entry *e, struct foreign *f)
{
	struct foreign_snat *n;

	if (fw_grow(&f->snat, f->n_snat, sizeof(*f->snat)))
		return -ENOMEM;
	n = &f->snat[f->n_snat++];
	*n = (struct foreign_snat){ .names_iface = e->sum.names_iface,
				    .names_dest = e->sum.names_dest,
				    .protos = e->sum.protos };
	if (e->op->kind == FW_SNAT) {
		n->port_lo = e->op->nat.port_lo;
		n->port_hi = e->op->nat.port_hi;
	}
	n->where = rule_text(e->rule);
	return n->where ? addrs(&e->sum.src, &n->src) : -ENOMEM;
}

static const struct rset all_ports = { &(struct rrange){ PORTS_LO, PORTS_HI }, 1 };

/*
 * ICMP has no destination port: any query identifier. A rule that names no ports is reported
 * with all of them, even if earlier rules leave it fewer: it is a catch-all (a "DMZ host").
 */
static const struct rset *ports_of(const struct region *r, unsigned proto)
{
	return proto < 2 && r->names_ports ? &r->ports[proto] : &all_ports;
}

/* One entry for all protocols that share their ports. */
static int finish_dnat(const struct report_entry *e, struct foreign *f)
{
	unsigned left = e->sum.protos;

	for (unsigned i = 0; i < PROTO_COUNT; i++) {
		struct foreign_dnat *n;

		if (!(left & 1u << i))
			continue;
		if (fw_grow(&f->dnat, f->n_dnat, sizeof(*f->dnat)))
			return -ENOMEM;
		n = &f->dnat[f->n_dnat++];
		*n = (struct foreign_dnat){ .where = rule_text(e->rule) };
		if (!n->where || rset_to_ports(ports_of(&e->sum, i), &n->ports) ||
		    addrs(&e->sum.dst, &n->dst))
			return -ENOMEM;
		for (unsigned j = i; j < PROTO_COUNT; j++)
			if ((left & 1u << j) && rset_eq(ports_of(&e->sum, i), ports_of(&e->sum, j)))
				n->protos |= 1u << j;
		left &= ~n->protos;
	}
	return 0;
}

/* iptables refuses to touch a table in which it finds rules that it did not make. */
static bool is_xtables(const struct fw_chain *c)
{
	static const char *const tables[] = { "filter", "nat", "mangle", "raw", "security" };
	static const char *const names[] = { "PREROUTING", "INPUT", "FORWARD", "OUTPUT",
					     "POSTROUTING" };
	bool table = c->table->legacy, name = c->table->legacy;

	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		table = table ||
			(c->table->family == NFPROTO_IPV4 && !strcmp(c->table->name, tables[i]));
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		name = name || !strcmp(c->name, names[i]);
	return table && name;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int finish_drop(const struct report_entry *e, struct foreign *f)
{
	const struct ifset *oif = &e->sum.oif;
	struct foreign_drop *n;

	if (fw_grow(&f->drop, f->n_drop, sizeof(*f->drop)))
		return -ENOMEM;
	n = &f->drop[f->n_drop++];
	*n = (struct foreign_drop){ .family = e->base->table->family,
				    .xtables = is_xtables(e->base),
				    .mark_accepts = e->mark_accepts,
				    .names_src = e->sum.names_src,
				    .where = chain_text(e->base),
				    .cause = e->rule ? rule_text(e->rule) : strdup("policy drop"),
				    .table = strdup(e->base->table->name),
				    .chain = strdup(e->base->name) };
	if (!n->where || !n->cause || !n->table || !n->chain || addrs(&e->sum.dst, &n->dst))
		return -ENOMEM;
	/* the first two exceptions are the external interface and lo, which every packet has */
	n->oif_except = oif->except;
	n->oif = calloc(oif->n + 1, sizeof(*n->oif));
	if (!n->oif)
		return -ENOMEM;
	for (size_t i = 0; i < oif->n; i++) {
		if (oif->except && i < 2)
			continue;
		n->oif[n->n_oif] = strndup(oif->name[i], IFNAMSIZ);
		if (!n->oif[n->n_oif++])
			return -ENOMEM;
	}
	qsort(n->oif, n->n_oif, sizeof(*n->oif), by_name);
	return 0;
}

int report_finish(const struct report *rep, struct foreign **ret_foreign)
{
	struct foreign *f = calloc(1, sizeof(*f));
	int ret = f ? 0 : -ENOMEM;

	for (size_t i = 0; i < rep->snat.n && !ret; i++)
		ret = finish_snat(&rep->snat.e[i], f);
	for (size_t i = 0; i < rep->dnat.n && !ret; i++)
		ret = finish_dnat(&rep->dnat.e[i], f);
	for (size_t i = 0; i < rep->drop.n && !ret; i++)
		ret = finish_drop(&rep->drop.e[i], f);
	if (ret) {
		foreign_free(f);
		return ret;
	}
	*ret_foreign = f;
	return 0;
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
		free(d->table);
		free(d->chain);
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
