// SPDX-License-Identifier: GPL-2.0-or-later
/* A table in the syntax of `nft -f`. */
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <stdio.h>
#include <string.h>

#include "nft/table_model.h"

static const char *type_text(enum set_type type)
{
	switch (type) {
	case SET_ADDR:
		return "type ipv4_addr";
	case SET_ADDR_RANGES:
		return "type ipv4_addr; flags interval; auto-merge";
	case SET_PROTO:
		return "type inet_proto";
	case SET_PORT_RANGES:
		return "type inet_service; flags interval";
	case SET_PROTO_PORT:
		return "type inet_proto . inet_service";
	case MAP_PROTO_PORT_TO:
		return "type inet_proto . inet_service : ipv4_addr . inet_service";
	}
	return "";
}

static const char *proto_text(uint8_t ipproto)
{
	return proto_name(proto_bit(ipproto));
}

/* The length of the prefix that is exactly lo..hi, or -1; net_prefix_format() wants v4 in v6. */
static int prefix_len(const struct set_elem *e)
{
	uint32_t lo = ntohl(net_addr_to4(&e->lo)), diff = lo ^ ntohl(net_addr_to4(&e->hi));

	if (diff & (diff + 1) || lo & diff)
		return -1;
	return diff ? __builtin_clz(diff) : 32;
}

static void print_range(const struct set_elem *e, FILE *out)
{
	char lo[NET_ADDR_STRLEN], hi[NET_ADDR_STRLEN];
	int len = prefix_len(e);

	net_addr_format(&e->lo, lo);
	if (len == 32)
		fprintf(out, "%s", lo);
	else if (len >= 0)
		fprintf(out, "%s/%d", lo, len);
	else
		fprintf(out, "%s-%s", lo, net_addr_format(&e->hi, hi));
}

static void print_elem(enum set_type type, const struct set_elem *e, FILE *out)
{
	char buf[NET_ADDR_STRLEN];

	switch (type) {
	case SET_ADDR:
	case SET_ADDR_RANGES:
		print_range(e, out);
		break;
	case SET_PROTO:
		fprintf(out, "%s", proto_text(e->ipproto));
		break;
	case SET_PORT_RANGES:
		fprintf(out, e->ports.lo == e->ports.hi ? "%u" : "%u-%u", e->ports.lo, e->ports.hi);
		break;
	case SET_PROTO_PORT:
		fprintf(out, "%s . %u", proto_text(e->ipproto), e->ports.lo);
		break;
	case MAP_PROTO_PORT_TO:
		fprintf(out, "%s . %u : %s . %u", proto_text(e->ipproto), e->ports.lo,
			net_addr_format(&e->to, buf), e->to_port);
		break;
	}
}

static void print_set(const struct set *s, FILE *out)
{
	fprintf(out, "\t%s %s {\n\t\t%s\n\t\tcomment \"%s\"\n",
		s->type == MAP_PROTO_PORT_TO ? "map" : "set", s->name, type_text(s->type),
		s->comment);
	for (size_t i = 0; i < s->n; i++) {
		fputs(i ? ",\n\t\t\t     " : "\t\telements = { ", out);
		print_elem(s->type, &s->elem[i], out);
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
