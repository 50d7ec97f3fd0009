// SPDX-License-Identifier: GPL-2.0-or-later
/* Describing packets: regions made by hand. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <linux/if_packet.h>
#include <linux/netfilter/nf_conntrack_common.h>

#include "space_impl.h"

/* What a connection that conntrack sees for the first time cannot be. */
#define NEW_CLEAR                                                                                  \
	(IPS_EXPECTED | IPS_SEEN_REPLY | IPS_ASSURED | IPS_CONFIRMED | IPS_SRC_NAT | IPS_DST_NAT | \
	 IPS_DYING)

static struct num_set *one(struct space *s, uint32_t v)
{
	return num_set_range(&s->ctx, num32(v), num32(v));
}

void region_all(struct space *s, struct region *r, uint8_t family)
{
	struct box b = { .family = family,
			 .certain = true,
			 .mark = { 0, ~0u, 0 },
			 .status = { 0, NEW_CLEAR, ~(uint32_t)NEW_CLEAR } };

	for (unsigned d = 0; d < DIM_COUNT; d++)
		b.dim[d] = num_set_ref(full_set(s, &b, d));
	box_put(&b, DIM_CTSTATE, one(s, SPACE_NEW));
	box_put(&b, DIM_CTDIR, one(s, 0));
	box_put(&b, DIM_PKTTYPE, one(s, PACKET_HOST));
	region_add(s, r, &b);
}

static void keep(struct space *s, struct region *r, enum dim d, struct num_set *set, uint8_t family)
{
	struct region out = { .widened = r->widened };

	for (size_t i = 0; i < r->n; i++) {
		struct box *b = &r->b[i];

		if (!family || b->family == family) {
			struct num_set *in = num_set_and(&s->ctx, b->dim[d], set);

			if ((b->fuzzy & 1u << d) && !num_set_eq(in, b->dim[d]))
				b->certain = false;
			box_put(b, d, in);
		}
		region_add(s, &out, b);
	}
	free(r->b);
	*r = out;
}

void region_keep(struct space *s, struct region *r, enum dim d, const struct num_range *ranges,
		 size_t n)
{
	struct num_range *copy = malloc((n + 1) * sizeof(*copy));
	struct num_set *set;

	if (!copy) {
		s->ctx.err = -ENOMEM;
		return;
	}
	if (n)
		memcpy(copy, ranges, n * sizeof(*copy));
	set = num_set_make(&s->ctx, copy, n);
	free(copy);
	keep(s, r, d, set, 0);
	num_set_unref(set);
}

void region_keep_u32(struct space *s, struct region *r, enum dim d, uint32_t lo, uint32_t hi)
{
	struct num_range range = { num32(lo), num32(hi) };

	region_keep(s, r, d, &range, 1);
}

static struct num prefix_top(struct num lo, unsigned host_bits)
{
	if (host_bits >= 64) {
		lo.hi |= host_bits == 128 ? ~0ull : (1ull << (host_bits - 64)) - 1;
		lo.lo = ~0ull;
	} else {
		lo.lo |= (1ull << host_bits) - 1;
	}
	return lo;
}

static void nets(struct space *s, struct region *r, enum dim d, const struct net_list *l, bool drop)
{
	struct num_range *v[2] = { malloc((l->n + 1) * sizeof(**v)),
				   malloc((l->n + 1) * sizeof(**v)) };
	size_t n[2] = { 0, 0 };

	if (!v[0] || !v[1])
		s->ctx.err = -ENOMEM;
	for (size_t i = 0; i < l->n && !s->ctx.err; i++) {
		struct num lo = num_of_addr(&l->p[i].addr);
		bool six = !net_addr_is4(&l->p[i].addr);

		v[six][n[six]++] = (struct num_range){ lo, prefix_top(lo, 128u - l->p[i].len) };
	}
	for (int six = 0; six < 2 && !s->ctx.err; six++) {
		struct num_set *set = num_set_make(&s->ctx, v[six], n[six]);

		if (drop) {
			struct num_set *rest =
				num_set_minus(&s->ctx, six ? s->full6 : s->full[d], set);

			num_set_unref(set);
			set = rest;
		}
		keep(s, r, d, set, six ? NFPROTO_IPV6 : NFPROTO_IPV4);
		num_set_unref(set);
	}
	free(v[0]);
	free(v[1]);
}

void region_keep_nets(struct space *s, struct region *r, enum dim d, const struct net_list *l)
{
	nets(s, r, d, l, false);
}

void region_drop_nets(struct space *s, struct region *r, enum dim d, const struct net_list *l)
{
	nets(s, r, d, l, true);
}

void region_only(struct space *s, struct region *r, enum dim d)
{
	struct region out = { .widened = r->widened };

	for (size_t i = 0; i < r->n; i++) {
		struct box *b = &r->b[i];

		for (unsigned o = 0; o < DIM_COUNT; o++)
			if (o != d)
				box_put(b, o, num_set_ref(full_set(s, b, o)));
		b->certain = false;
		b->fuzzy = b->named = b->naming = 0;
		b->ctmarked = true;
		b->mark = b->status = (struct bits){ 0, 0, 0 };
		region_add(s, &out, b);
	}
	free(r->b);
	*r = out;
}

void region_keep_ports(struct space *s, struct region *r, enum dim d, const struct port_set *p)
{
	struct num_range *v = malloc((p->n + 1) * sizeof(*v));
	struct region out = { .widened = r->widened };
	struct num_set *set;

	if (!v) {
		s->ctx.err = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < p->n; i++)
		v[i] = (struct num_range){ num32(p->r[i].lo), num32(p->r[i].hi) };
	set = num_set_make(&s->ctx, v, p->n);
	free(v);
	for (size_t i = 0; i < r->n; i++) {
		struct box *b = &r->b[i], c;

		box_copy(&c, b);
		box_put(&c, DIM_PROTO, num_set_minus(&s->ctx, b->dim[DIM_PROTO], s->with_ports));
		region_add(s, &out, &c);
		box_put(b, DIM_PROTO, num_set_and(&s->ctx, b->dim[DIM_PROTO], s->with_ports));
		box_put(b, d, num_set_and(&s->ctx, b->dim[d], set));
		region_add(s, &out, b);
	}
	num_set_unref(set);
	free(r->b);
	*r = out;
}

void region_keep_ifs(struct space *s, struct region *r, enum dim d, const char *const *names,
		     size_t n, bool except)
{
	struct num_range *v = malloc((n + 1) * sizeof(*v));
	struct num_set *set, *inverse;

	if (!v) {
		s->ctx.err = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		size_t at = space_name(s, names[i]);
		/* a name that no rule knows is one of its class; all others of it go with it */
		uint32_t id = (uint32_t)(at < s->n_atoms ? at : space_class(s, names[i]));

		if (except && at == s->n_atoms)
			id = UINT32_MAX; /* the class stays */

		v[i] = (struct num_range){ num32(id), num32(id) };
	}
	set = num_set_make(&s->ctx, v, n);
	free(v);
	if (except) {
		inverse = num_set_minus(&s->ctx, s->full[d], set);
		num_set_unref(set);
		set = inverse;
		/* some interface it is */
		inverse = one(s, 0);
		num_set_cut(&s->ctx, &set, inverse);
		num_set_unref(inverse);
	}
	keep(s, r, d, set, 0);
	num_set_unref(set);
}

void region_set(struct space *s, struct region *r, enum dim d, struct num lo, struct num hi,
		bool fuzzy)
{
	struct num_set *set = num_set_range(&s->ctx, lo, hi);
	struct region out = { .widened = r->widened };

	for (size_t i = 0; i < r->n; i++) {
		struct box *b = &r->b[i];

		box_put(b, d, num_set_ref(set));
		b->named &= (uint16_t) ~(1u << d);
		b->naming &= (uint16_t) ~(1u << d);
		b->fuzzy = (uint16_t)((b->fuzzy & ~(1u << d)) | (unsigned)fuzzy << d);
		region_add(s, &out, b);
	}
	num_set_unref(set);
	free(r->b);
	*r = out;
}

void region_set_mark(struct region *r, uint32_t val, uint32_t known)
{
	for (size_t i = 0; i < r->n; i++)
		r->b[i].mark = (struct bits){ val & known, known, 0 };
}
