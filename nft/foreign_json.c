// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "foreign_json.h"
#include "read.h"
#include "text.h"

/* ---- out ------------------------------------------------------------------------------ */

static json_t *name_out(const char *name)
{
	char *clean = text_clean(name, false);
	json_t *s = clean ? json_string(clean) : NULL;

	free(clean);
	return s;
}

/* [["10.0.0.0", 104], ...]: lengths as struct net_prefix has them */
static json_t *nets_out(const struct net_list *l)
{
	json_t *list = json_array();
	char buf[NET_ADDR_STRLEN];

	for (size_t i = 0; i < l->n; i++)
		if (json_array_append_new(list,
					  json_pack("[s, i]", net_addr_format(&l->p[i].addr, buf),
						    l->p[i].len))) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static json_t *ports_out(const struct port_set *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->n; i++)
		if (json_array_append_new(list, json_pack("[i, i]", s->r[i].lo, s->r[i].hi))) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static json_t *names_out(char *const *name, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		if (json_array_append_new(list, name_out(name[i]))) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static json_t *snat_out(const struct foreign_snat *s)
{
	char to[NET_ADDR_STRLEN];

	return json_pack("{s:b, s:o, s:o, s:b, s:b, s:i, s:i, s:i, s:b, s:s}", "ipv6", s->ipv6,
			 "where", name_out(s->where), "src", nets_out(&s->src), "names_iface",
			 s->names_iface, "names_dest", s->names_dest, "protos", (int)s->protos,
			 "port_lo", s->port_lo, "port_hi", s->port_hi, "own_address",
			 s->own_address, "to", net_addr_format(&s->to, to));
}

static json_t *dnat_out(const struct foreign_dnat *d)
{
	return json_pack("{s:b, s:o, s:i, s:o, s:o}", "ipv6", d->ipv6, "where", name_out(d->where),
			 "protos", (int)d->protos, "ports", ports_out(&d->ports), "dst",
			 nets_out(&d->dst));
}

static json_t *drop_out(const struct foreign_drop *d)
{
	return json_pack("{s:b, s:o, s:o, s:b, s:b, s:b, s:o, s:o, s:b}", "ipv6", d->ipv6, "where",
			 name_out(d->where), "cause", name_out(d->cause), "xtables", d->xtables,
			 "mark_accepts", d->mark_accepts, "names_src", d->names_src, "dst",
			 nets_out(&d->dst), "oif", names_out(d->oif, d->n_oif), "oif_except",
			 d->oif_except);
}

json_t *foreign_to_json(const struct foreign *f)
{
	json_t *snat = json_array(), *dnat = json_array(), *drop = json_array();
	int ret = 0;

	for (size_t i = 0; i < f->n_snat && !ret; i++)
		ret = json_array_append_new(snat, snat_out(&f->snat[i]));
	for (size_t i = 0; i < f->n_dnat && !ret; i++)
		ret = json_array_append_new(dnat, dnat_out(&f->dnat[i]));
	for (size_t i = 0; i < f->n_drop && !ret; i++)
		ret = json_array_append_new(drop, drop_out(&f->drop[i]));
	if (ret) {
		json_decref(snat);
		json_decref(dnat);
		json_decref(drop);
		return NULL;
	}
	return json_pack("{s:o, s:o, s:o}", "snat", snat, "dnat", dnat, "drop", drop);
}

/* ---- in ------------------------------------------------------------------------------- */

/* The first thing that is wrong stays in @ret. */
struct in {
	const json_t *o; /* the object that is read */
	int ret;
};

static void bad(struct in *in, int ret)
{
	if (!in->ret)
		in->ret = ret;
}

static const json_t *member(struct in *in, const char *key, json_type type)
{
	const json_t *v = json_object_get(in->o, key);

	if (v && json_typeof(v) == type)
		return v;
	bad(in, -EBADMSG);
	return NULL;
}

static bool bool_in(struct in *in, const char *key)
{
	const json_t *v = json_object_get(in->o, key);

	if (!json_is_boolean(v))
		bad(in, -EBADMSG);
	return json_is_true(v);
}

static uint16_t number(struct in *in, const json_t *v, json_int_t max)
{
	json_int_t n = json_integer_value(v);

	if (json_is_integer(v) && n >= 0 && n <= max)
		return (uint16_t)n;
	bad(in, -EBADMSG);
	return 0;
}

static uint16_t number_in(struct in *in, const char *key, json_int_t max)
{
	return number(in, json_object_get(in->o, key), max);
}

static char *text_in(struct in *in, const json_t *v)
{
	const char *s = json_string_value(v);
	char *copy = s ? strdup(s) : NULL;

	if (!copy)
		bad(in, s ? -ENOMEM : -EBADMSG);
	return copy;
}

static char *name_in(struct in *in, const char *key)
{
	return text_in(in, json_object_get(in->o, key));
}

static void nets_in(struct in *in, const char *key, struct net_list *l)
{
	const json_t *list = member(in, key, JSON_ARRAY), *v;
	size_t i;

	json_array_foreach (list, i, v) {
		struct net_prefix p;
		const char *s = json_string_value(json_array_get(v, 0));

		if (!s || net_addr_parse(s, &p.addr))
			return bad(in, -EBADMSG);
		p.len = (uint8_t)number(in, json_array_get(v, 1), 128);
		if (in->ret)
			return;
		if (net_list_add(l, &p))
			return bad(in, -ENOMEM);
	}
}

static void ports_in(struct in *in, const char *key, struct port_set *s)
{
	const json_t *list = member(in, key, JSON_ARRAY), *v;
	size_t i;

	json_array_foreach (list, i, v) {
		uint16_t lo = number(in, json_array_get(v, 0), 65535);
		uint16_t hi = number(in, json_array_get(v, 1), 65535);

		if (lo > hi)
			bad(in, -EBADMSG);
		if (in->ret)
			return;
		if (port_set_add(s, lo, hi))
			return bad(in, -ENOMEM);
	}
}

static void oif_in(struct in *in, struct foreign_drop *d)
{
	const json_t *list = member(in, "oif", JSON_ARRAY), *v;
	size_t i;

	d->oif = calloc(json_array_size(list) + 1, sizeof(*d->oif));
	if (!d->oif)
		return bad(in, -ENOMEM);
	json_array_foreach (list, i, v) {
		d->oif[d->n_oif] = text_in(in, v);
		if (!d->oif[d->n_oif])
			return;
		d->n_oif++;
	}
}

static void snat_in(struct in *in, struct foreign_snat *s)
{
	const char *to;

	s->ipv6 = bool_in(in, "ipv6");
	s->where = name_in(in, "where");
	nets_in(in, "src", &s->src);
	s->names_iface = bool_in(in, "names_iface");
	s->names_dest = bool_in(in, "names_dest");
	s->protos = number_in(in, "protos", PROTO_ALL);
	s->port_lo = number_in(in, "port_lo", 65535);
	s->port_hi = number_in(in, "port_hi", 65535);
	s->own_address = bool_in(in, "own_address");
	to = json_string_value(json_object_get(in->o, "to"));
	if (!to || net_addr_parse(to, &s->to))
		bad(in, -EBADMSG);
}

static void dnat_in(struct in *in, struct foreign_dnat *d)
{
	d->ipv6 = bool_in(in, "ipv6");
	d->where = name_in(in, "where");
	d->protos = number_in(in, "protos", PROTO_ALL);
	ports_in(in, "ports", &d->ports);
	nets_in(in, "dst", &d->dst);
}

static void drop_in(struct in *in, struct foreign_drop *d)
{
	d->ipv6 = bool_in(in, "ipv6");
	d->where = name_in(in, "where");
	d->cause = name_in(in, "cause");
	d->xtables = bool_in(in, "xtables");
	d->mark_accepts = bool_in(in, "mark_accepts");
	d->names_src = bool_in(in, "names_src");
	nets_in(in, "dst", &d->dst);
	oif_in(in, d);
	d->oif_except = bool_in(in, "oif_except");
}

int foreign_from_json(const json_t *json, struct foreign **ret_foreign)
{
	struct foreign *f = calloc(1, sizeof(*f));
	struct in in = { .o = json };
	const json_t *snat = member(&in, "snat", JSON_ARRAY);
	const json_t *dnat = member(&in, "dnat", JSON_ARRAY);
	const json_t *drop = member(&in, "drop", JSON_ARRAY);
	size_t i;

	if (f) {
		f->snat = calloc(json_array_size(snat) + 1, sizeof(*f->snat));
		f->dnat = calloc(json_array_size(dnat) + 1, sizeof(*f->dnat));
		f->drop = calloc(json_array_size(drop) + 1, sizeof(*f->drop));
	}
	if (!f || !f->snat || !f->dnat || !f->drop)
		bad(&in, -ENOMEM);
	for (i = 0; !in.ret && i < json_array_size(snat); i++) {
		in.o = json_array_get(snat, i);
		snat_in(&in, &f->snat[f->n_snat++]);
	}
	for (i = 0; !in.ret && i < json_array_size(dnat); i++) {
		in.o = json_array_get(dnat, i);
		dnat_in(&in, &f->dnat[f->n_dnat++]);
	}
	for (i = 0; !in.ret && i < json_array_size(drop); i++) {
		in.o = json_array_get(drop, i);
		drop_in(&in, &f->drop[f->n_drop++]);
	}
	if (in.ret) {
		foreign_free(f);
		return in.ret;
	}
	*ret_foreign = f;
	return 0;
}
