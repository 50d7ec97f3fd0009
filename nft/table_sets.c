// SPDX-License-Identifier: GPL-2.0-or-later
/* The sets of a table: what of a spec can change without touching a rule. */
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nft/table_rules.h"

static __attribute__((format(printf, 4, 5))) struct set *
add_set(struct table *t, enum set_type type, const char *comment, const char *fmt, ...)
{
	struct set *s = realloc(t->set, (t->n_sets + 1) * sizeof(*s));
	va_list ap;

	if (!s) {
		t->failed = true;
		return NULL;
	}
	t->set = s;
	s += t->n_sets++;
	*s = (struct set){ .type = type, .comment = comment };
	va_start(ap, fmt);
	vsnprintf(s->name, sizeof(s->name), fmt, ap);
	va_end(ap);
	return s;
}

static void add_elem(struct table *t, struct set *s, const struct set_elem *e)
{
	if (s && !set_add(s, e))
		t->failed = true;
}

/* What a user's edits may do to it, see docs/nftables.md. */
static void may(struct set *s, unsigned edits)
{
	if (s)
		s->edits = edits;
}

static void sort(struct set *s)
{
	if (s)
		set_sort(s);
}

/* A set of addresses of one family; that of IPv6 has a 6 at the end of its name. */
static __attribute__((format(printf, 5, 6))) struct set *add_addr_set(struct table *t,
								      enum set_type type, bool ipv6,
								      const char *comment,
								      const char *fmt, ...)
{
	char name[NAME_SIZE];
	struct set *s;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(name, sizeof(name) - 1, fmt, ap);
	va_end(ap);
	s = add_set(t, type, comment, "%s%s", name, ipv6 ? "6" : "");
	if (s)
		s->ipv6 = ipv6;
	return s;
}

static bool prefix_is4(const struct net_prefix *p)
{
	return p->len >= 96 && net_addr_is4(&p->addr);
}

static struct set_elem prefix_elem(const struct net_prefix *p)
{
	struct set_elem e = { .lo = p->addr, .hi = p->addr };

	for (unsigned bit = p->len; bit < 128; bit++)
		e.hi.b[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return e;
}

/* The part of the list that is of the set's family. */
static void add_prefixes(struct table *t, struct set *s, const struct net_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (s && prefix_is4(&l->p[i]) == !s->ipv6) {
			struct set_elem e = prefix_elem(&l->p[i]);

			add_elem(t, s, &e);
		}
	if (s)
		set_merge(s);
}

static void add_protos(struct table *t, struct set *s, unsigned protos, bool ipv6)
{
	struct set_elem icmp6 = { .ipproto = IPPROTO_ICMPV6 };

	if (ipv6 && protos & PROTO_ICMP)
		add_elem(t, s, &icmp6);
	for (int i = 0; i < PROTO_COUNT; i++)
		if (protos & 1u << i) {
			struct set_elem e = { .ipproto = proto_number(1u << i) };

			add_elem(t, s, &e);
		}
	sort(s);
}

static void add_external(struct table *t, const struct nft_spec *spec, bool ipv6)
{
	struct set *s = add_addr_set(t, SET_ADDR, ipv6, "addresses of the external interface",
				     NAME_EXTERNAL);

	for (size_t i = 0; i < spec->n_external; i++)
		if (net_addr_is4(&spec->external[i]) == !ipv6) {
			struct set_elem e = { .lo = spec->external[i], .hi = spec->external[i] };

			add_elem(t, s, &e);
		}
	sort(s);
	for (size_t i = 1; s && i < s->n;)
		if (!set_elem_cmp(&s->elem[i - 1], &s->elem[i]))
			memmove(&s->elem[i], &s->elem[i + 1], (--s->n - i) * sizeof(*s->elem));
		else
			i++;
}

static void add_slice_addrs(struct table *t, const struct nft_slice *slice, size_t i, bool ipv6)
{
	struct set *s = add_addr_set(t, SET_ADDR_RANGES, ipv6, "sources that einat serves",
				     NAME_S_INTERNAL, i);
	may(s, SET_MAY_SHRINK);

	add_prefixes(t, s, &slice->internal);
	s = add_addr_set(t, SET_ADDR_RANGES, ipv6, "sources that stay with masquerade",
			 NAME_S_NOT_INTERNAL, i);
	may(s, SET_MAY_GROW);
	add_prefixes(t, s, &slice->not_internal);
	s = add_addr_set(t, SET_ADDR_RANGES, ipv6, "destinations that stay with masquerade",
			 NAME_S_EXCLUDE_DEST, i);
	may(s, SET_MAY_GROW);
	add_prefixes(t, s, &slice->exclude_dest);
}

static void add_slice(struct table *t, const struct nft_spec *spec, size_t i)
{
	const struct nft_slice *slice = &spec->slices[i];
	struct set *s = add_set(t, SET_PROTO, "claimed protocols; empty: claim suspended",
				NAME_S_PROTOS, i);

	may(s, SET_MAY_SHRINK);
	add_protos(t, s, slice->protos, spec->ipv6);
	add_slice_addrs(t, slice, i, false);
	if (spec->ipv6)
		add_slice_addrs(t, slice, i, true);
}

/* An ICMP socket has no source port: only UDP and TCP. */
static void add_local_ports(struct table *t, const struct nft_spec *spec)
{
	struct set *s = add_set(t, SET_PROTO_PORT, "ports of this host's sockets: not moved",
				NAME_LOCAL_PORTS);

	may(s, SET_MAY_GROW | SET_MAY_SHRINK);
	for (int i = 0; i < PROTO_COUNT; i++) {
		const struct port_set *ports = &spec->local[i];

		if (1u << i == PROTO_ICMP)
			continue;
		for (size_t j = 0; j < ports->n; j++)
			for (unsigned p = ports->r[j].lo; p <= ports->r[j].hi; p++) {
				struct set_elem e = { .ipproto = proto_number(1u << i),
						      .ports = { (uint16_t)p, (uint16_t)p } };

				add_elem(t, s, &e);
			}
	}
	sort(s);
}

/* Ports of the slice that are to be moved aside, for guard mode. */
static void add_kept_ports(struct table *t, const struct nft_spec *spec)
{
	for (int i = 0; i < PROTO_COUNT; i++) {
		const struct port_set *ports = &spec->kept[i];
		struct set *s;

		if (1u << i == PROTO_ICMP || !(spec->kept_protos & 1u << i))
			continue;
		s = add_set(t, SET_PORT_RANGES, "ports of the slice", NAME_KEPT_PORTS,
			    proto_name(1u << i));
		for (size_t j = 0; j < ports->n; j++) {
			struct set_elem e = { .ports = ports->r[j] };

			add_elem(t, s, &e);
		}
	}
}

static void add_forwards(struct table *t, const struct nft_spec *spec, bool ipv6)
{
	struct set *s;

	if (!table_has_forwards(spec, ipv6))
		return;
	s = add_addr_set(t, MAP_PROTO_PORT_TO, ipv6, "static forwards outside the slice",
			 NAME_FORWARDS);
	may(s, SET_MAY_GROW | SET_MAY_SHRINK);
	for (size_t i = 0; i < spec->n_forwards; i++) {
		const struct nft_forward *f = &spec->forwards[i];
		struct set_elem e = { .ipproto = proto_number(f->proto),
				      .ports = { f->port, f->port },
				      .to = f->to,
				      .to_port = f->to_port };

		if (net_addr_is4(&f->to) == !ipv6)
			add_elem(t, s, &e);
	}
	sort(s);
}

static void add_guarded(struct table *t, const struct nft_spec *spec, bool ipv6)
{
	struct set *s = add_addr_set(t, SET_ADDR_RANGES, ipv6, "sources that others masquerade",
				     NAME_GUARDED);

	add_prefixes(t, s, &spec->guarded);
}

bool table_has_forwards(const struct nft_spec *spec, bool ipv6)
{
	for (size_t i = 0; i < spec->n_forwards; i++)
		if (net_addr_is4(&spec->forwards[i].to) == !ipv6)
			return true;
	return false;
}

void table_add_ranges(struct table *t, const char *name, bool ipv6, const char *comment,
		      const struct net_list *list)
{
	struct set *s = add_set(t, SET_ADDR_RANGES, comment, "%s", name);

	if (s)
		s->ipv6 = ipv6;
	add_prefixes(t, s, list);
}

void table_add_sets(struct table *t, const struct nft_spec *spec)
{
	unsigned protos = spec->kept_protos;
	struct set *s;

	add_external(t, spec, false);
	if (spec->ipv6)
		add_external(t, spec, true);
	for (size_t i = 0; i < spec->n_slices; i++) {
		add_slice(t, spec, i);
		protos |= spec->slices[i].protos;
	}
	/* not s<i>_protos: a suspended slice has flows that were claimed before */
	s = add_set(t, SET_PROTO, "protocols that have a slice", NAME_KEPT_PROTOS);
	add_protos(t, s, protos, spec->ipv6);
	if (table_has_rest(spec))
		add_local_ports(t, spec);
	if (spec->rest == NFT_REST_GUARD)
		add_guarded(t, spec, false);
	if (spec->ipv6 && spec->rest6 == NFT_REST_GUARD)
		add_guarded(t, spec, true);
	if (table_has_guard(spec))
		add_kept_ports(t, spec);
	if (spec->nptv6)
		table_npt_sets(t, spec);
	add_forwards(t, spec, false);
	if (spec->ipv6)
		add_forwards(t, spec, true);
}
