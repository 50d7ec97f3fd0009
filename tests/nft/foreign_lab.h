/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What foreign_read() found, as sorted text lines that do not depend on rule handles. */
#ifndef EINAT_TEST_FOREIGN_LAB_H
#define EINAT_TEST_FOREIGN_LAB_H

#include "netlab.h"
#include "nft/foreign_json.h"

struct lines {
	char *line[512];
	size_t n;
};

static inline void line_add(struct lines *l, const char *s)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->line[i], s))
			return;
	assert_true(l->n < 512);
	l->line[l->n++] = strdup(s);
}

static inline int line_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline void put_prefixes(FILE *f, const struct net_list *l)
{
	char buf[NET_ADDR_STRLEN];

	for (size_t i = 0; i < l->n; i++)
		fprintf(f, "%s%s", i ? "," : "", net_prefix_format(&l->p[i], buf));
}

static inline void put_protos(FILE *f, unsigned protos)
{
	const char *sep = "";

	if (protos == PROTO_ALL) {
		fputs("all", f);
		return;
	}
	for (unsigned i = 0; i < PROTO_COUNT; i++)
		if (protos & 1u << i) {
			fprintf(f, "%s%s", sep, proto_name(1u << i));
			sep = ",";
		}
}

/* snat SOURCES PROTOCOLS [iface] [dest] [ports A-B] */
static inline void put_snats(struct lines *l, const struct foreign *f, bool ipv6)
{
	for (size_t i = 0; i < f->n_snat; i++) {
		const struct foreign_snat *s = &f->snat[i];
		char buf[1024] = "";
		FILE *o;

		if (s->ipv6 != ipv6)
			continue;
		o = fmemopen(buf, sizeof(buf), "w");
		fputs("snat ", o);
		put_prefixes(o, &s->src);
		fputs(s->src.n ? " " : "any ", o);
		put_protos(o, s->protos);
		fputs(s->names_iface ? " iface" : "", o);
		fputs(s->names_dest ? " dest" : "", o);
		if (s->port_lo)
			fprintf(o, " ports %u-%u", s->port_lo, s->port_hi);
		fclose(o);
		line_add(l, buf);
	}
}

static inline bool same_dst(const struct foreign_dnat *a, const struct foreign_dnat *b)
{
	return a->dst.n == b->dst.n &&
	       (!a->dst.n || !memcmp(a->dst.p, b->dst.p, a->dst.n * sizeof(*a->dst.p)));
}

/* dnat PROTOCOL PORTS [to DESTINATIONS], the ports of all rules together */
static inline void put_dnats(struct lines *l, const struct foreign *f, bool ipv6)
{
	for (size_t i = 0; i < f->n_dnat; i++)
		for (unsigned p = 0; p < PROTO_COUNT; p++) {
			const struct foreign_dnat *d = &f->dnat[i];
			struct port_set ports = { 0 };
			char buf[1024] = "", *text;
			FILE *o = fmemopen(buf, sizeof(buf), "w");

			for (size_t j = 0; j < f->n_dnat; j++)
				if (f->dnat[j].ipv6 == ipv6 && (f->dnat[j].protos & 1u << p) &&
				    same_dst(d, &f->dnat[j]))
					assert_int_equal(port_set_union(&ports, &f->dnat[j].ports),
							 0);
			text = port_set_format(&ports);
			fprintf(o, "dnat %s %s%s", proto_name(1u << p), text,
				d->dst.n ? " to " : "");
			put_prefixes(o, &d->dst);
			fclose(o);
			if (d->ipv6 == ipv6 && d->protos & 1u << p)
				line_add(l, buf);
			free(text);
			port_set_free(&ports);
		}
}

/* drop CHAIN [to DESTINATIONS] [oif NAMES | not oif NAMES] [src] [mark] [policy] */
static inline void put_drops(struct lines *l, const struct foreign *f, bool ipv6)
{
	for (size_t i = 0; i < f->n_drop; i++) {
		const struct foreign_drop *d = &f->drop[i];
		char buf[1024] = "";
		FILE *o;

		if (d->ipv6 != ipv6)
			continue;
		o = fmemopen(buf, sizeof(buf), "w");
		fprintf(o, "drop %s%s", d->where, d->dst.n ? " to " : "");
		put_prefixes(o, &d->dst);
		if (d->n_oif)
			fputs(d->oif_except ? " not oif" : " oif", o);
		for (size_t j = 0; j < d->n_oif; j++)
			fprintf(o, " %s", d->oif[j]);
		fputs(d->names_src ? " src" : "", o);
		fputs(d->mark_accepts ? " mark" : "", o);
		fputs(strcmp(d->cause, "policy drop") ? "" : " policy", o);
		fclose(o);
		line_add(l, buf);
	}
}

/* As the process that reads the rules hands them to einat. */
static inline struct foreign *handed_over(struct foreign *f)
{
	json_t *json = foreign_to_json(f);
	struct foreign *g;

	assert_int_equal(foreign_from_json(json, &g), 0);
	json_decref(json);
	foreign_free(f);
	return g;
}

static inline char *foreign_text(const char *ifname, uint32_t mark, uint32_t mask, bool ipv6)
{
	struct lines l = { .n = 0 };
	struct foreign *f;
	struct err err = { "" };
	size_t len;
	char *text;
	FILE *o;

	if (foreign_read(ifname, mark, mask, &f, &err))
		fail_msg("foreign_read: %s", err.text);
	f = handed_over(f);
	put_snats(&l, f, ipv6);
	put_dnats(&l, f, ipv6);
	put_drops(&l, f, ipv6);
	foreign_free(f);
	qsort(l.line, l.n, sizeof(*l.line), line_order);
	o = open_memstream(&text, &len);
	for (size_t i = 0; i < l.n; i++) {
		fprintf(o, "%s\n", l.line[i]);
		free(l.line[i]);
	}
	fclose(o);
	return text;
}

static inline void expect_family(const char *ifname, uint32_t mark, uint32_t mask, bool ipv6,
				 const char *want)
{
	char *got = foreign_text(ifname, mark, mask, ipv6);

	assert_string_equal(got, want);
	free(got);
}

/* What is found of IPv4. */
static inline void expect_foreign(const char *ifname, uint32_t mark, uint32_t mask,
				  const char *want)
{
	expect_family(ifname, mark, mask, false, want);
}

#endif
