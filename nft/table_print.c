// SPDX-License-Identifier: GPL-2.0-or-later
/* A table in the syntax of `nft -f`. */
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <stdio.h>
#include <string.h>

#include "nft/table_model.h"

static const char *type_text(const struct set *s)
{
	switch (s->type) {
	case SET_ADDR:
		return s->ipv6 ? "type ipv6_addr" : "type ipv4_addr";
	case SET_ADDR_RANGES:
		return s->ipv6 ? "type ipv6_addr; flags interval; auto-merge"
			       : "type ipv4_addr; flags interval; auto-merge";
	case SET_PROTO:
		return "type inet_proto";
	case SET_PORT_RANGES:
		return "type inet_service; flags interval";
	case SET_PROTO_PORT:
		return "type inet_proto . inet_service";
	case MAP_PROTO_PORT_TO:
		return s->ipv6 ? "type inet_proto . inet_service : ipv6_addr . inet_service"
			       : "type inet_proto . inet_service : ipv4_addr . inet_service";
	}
	return "";
}

/* The length of the prefix that is exactly lo..hi, in 0..128, or -1. */
static int prefix_len(const struct set_elem *e)
{
	int len = 0;

	while (len < 128 && !((e->lo.b[len / 8] ^ e->hi.b[len / 8]) & 0x80 >> len % 8))
		len++;
	for (int bit = len; bit < 128; bit++)
		if (e->lo.b[bit / 8] & 0x80 >> bit % 8 || !(e->hi.b[bit / 8] & 0x80 >> bit % 8))
			return -1;
	return len;
}

static void print_range(const struct set *s, const struct set_elem *e, FILE *out)
{
	char lo[NET_ADDR_STRLEN], hi[NET_ADDR_STRLEN];
	int len = prefix_len(e), first = s->ipv6 ? 0 : 96;

	net_addr_format(&e->lo, lo);
	if (len == 128)
		fprintf(out, "%s", lo);
	else if (len >= 0)
		fprintf(out, "%s/%d", lo, len - first);
	else
		fprintf(out, "%s-%s", lo, net_addr_format(&e->hi, hi));
}

static void print_elem(const struct set *s, const struct set_elem *e, FILE *out)
{
	char buf[NET_ADDR_STRLEN];

	switch (s->type) {
	case SET_ADDR:
	case SET_ADDR_RANGES:
		print_range(s, e, out);
		break;
	case SET_PROTO:
		fprintf(out, "%s", l4proto_text(e->ipproto));
		break;
	case SET_PORT_RANGES:
		fprintf(out, e->ports.lo == e->ports.hi ? "%u" : "%u-%u", e->ports.lo, e->ports.hi);
		break;
	case SET_PROTO_PORT:
		fprintf(out, "%s . %u", l4proto_text(e->ipproto), e->ports.lo);
		break;
	case MAP_PROTO_PORT_TO:
		fprintf(out, "%s . %u : %s . %u", l4proto_text(e->ipproto), e->ports.lo,
			net_addr_format(&e->to, buf), e->to_port);
		break;
	}
}

static void print_set(const struct set *s, FILE *out)
{
	fprintf(out, "\t%s %s {\n\t\t%s\n\t\tcomment \"%s\"\n",
		s->type == MAP_PROTO_PORT_TO ? "map" : "set", s->name, type_text(s), s->comment);
	for (size_t i = 0; i < s->n; i++) {
		fputs(i ? ",\n\t\t\t     " : "\t\telements = { ", out);
		print_elem(s, &s->elem[i], out);
	}
	fputs(s->n ? " }\n\t}\n\n" : "\t}\n\n", out);
}

static void print_chain(const struct chain *c, FILE *out)
{
	if (c->comment)
		fprintf(out, "\t# %s\n", c->comment);
	fprintf(out, "\tchain %s {\n", c->name);
	if (c->type)
		fprintf(out, "\t\ttype %s hook %s priority %s; policy accept;\n", c->type,
			c->hook == NF_INET_PRE_ROUTING ? "prerouting" : "postrouting",
			c->prio_text);
	for (size_t i = 0; i < c->n; i++)
		fprintf(out, "\t\t%s\n", c->rule[i].text);
	fputs("\t}\n", out);
}

void table_print(const struct table *t, FILE *out)
{
	fprintf(out, "# any older version is replaced in one step\n");
	fprintf(out, "table inet %s\ndelete table inet %s\ntable inet %s {\n", t->name, t->name,
		t->name);
	for (size_t i = 0; i < t->n_sets; i++)
		print_set(&t->set[i], out);
	for (size_t i = 0; i < t->n_chains; i++) {
		fputs(i ? "\n" : "", out);
		print_chain(&t->chain[i], out);
	}
	fputs("}\n", out);
}
