// SPDX-License-Identifier: GPL-2.0-or-later
/* What statements make of packets. */
#include <stdlib.h>
#include <string.h>
#include <linux/netfilter/nf_conntrack_common.h>

#include "walk_impl.h"

/* Put every box in again: some may have become the same. */
static void again(struct space *s, struct region *r)
{
	struct region out = { .widened = r->widened };

	for (size_t i = 0; i < r->n; i++)
		region_add(s, &out, &r->b[i]);
	free(r->b);
	*r = out;
}

static void put(struct box *b, enum dim d, struct num_set *set, bool fuzzy)
{
	box_put(b, d, set);
	b->fuzzy = (uint16_t)((b->fuzzy & ~(1u << d)) | (unsigned)fuzzy << d);
	b->named &= (uint16_t) ~(1u << d);
	b->naming &= (uint16_t) ~(1u << d);
}

static void put_any(struct space *s, struct box *b, enum dim d)
{
	put(b, d, num_set_ref(full_set(s, b, d)), true);
}

void effect_names(struct region *r, bool matched)
{
	for (size_t i = 0; i < r->n; i++) {
		if (matched)
			r->b[i].named |= r->b[i].naming;
		r->b[i].naming = 0;
	}
}

static void set_mark(struct bits *b, const struct fw_setmark *m, uint32_t unknown)
{
	uint32_t kept = m->keep & ~unknown;

	b->known = (b->known & kept) | (~m->keep & ~unknown);
	b->val = ((b->val & kept) ^ m->xor) & b->known;
	b->fuzzy = (b->fuzzy & kept) | unknown;
}

void effect_mark(struct space *s, struct region *r, const struct fw_setmark *m)
{
	struct region first = { 0 };

	for (size_t i = 0; i < r->n; i++) {
		struct box *b = &r->b[i], c;

		if (m->ct && num_set_eq(b->dim[DIM_CTSTATE], s->is_new) &&
		    !(b->fuzzy & 1u << DIM_CTSTATE)) {
			if (!b->ctmarked) {
				set_mark(&b->mark, m, m->unknown & ~m->ct);
				continue;
			}
			box_copy(&c, b);
			set_mark(&c.mark, m, m->unknown & ~m->ct);
			region_add(s, &first, &c);
			b->certain = false;
		}
		set_mark(&b->mark, m, m->unknown);
	}
	region_move(s, r, &first);
}

void effect_ctmark(struct space *s, struct region *r)
{
	for (size_t i = 0; i < r->n; i++)
		r->b[i].ctmarked = true;
	again(s, r);
}

/* Only packets without a connection: later ones are past conntrack. */
void effect_notrack(struct space *s, struct region *r)
{
	struct num_set *invalid =
		num_set_range(&s->ctx, num32(SPACE_INVALID), num32(SPACE_INVALID));
	struct num_set *untracked =
		num_set_range(&s->ctx, num32(SPACE_UNTRACKED), num32(SPACE_UNTRACKED));
	struct region out = { .widened = r->widened };

	for (size_t i = 0; i < r->n; i++) {
		struct box *b = &r->b[i], c;

		if (num_set_meets(b->dim[DIM_CTSTATE], invalid)) {
			bool all = num_set_eq(b->dim[DIM_CTSTATE], invalid);

			if ((b->fuzzy & 1u << DIM_CTSTATE) && !all)
				b->certain = false;
			box_copy(&c, b);
			put(&c, DIM_CTSTATE, num_set_ref(untracked), false);
			region_add(s, &out, &c);
			num_set_cut(&s->ctx, &b->dim[DIM_CTSTATE], invalid);
		}
		region_add(s, &out, b);
	}
	num_set_unref(invalid);
	num_set_unref(untracked);
	free(r->b);
	*r = out;
}

/* A zone or a helper set in front of conntrack gives the packet a template: it looks new. */
void effect_zone(struct space *s, struct region *r)
{
	struct num_set *invalid =
		num_set_range(&s->ctx, num32(SPACE_INVALID), num32(SPACE_INVALID));

	for (size_t i = 0; i < r->n; i++) {
		struct box *b = &r->b[i];

		if (num_set_meets(b->dim[DIM_CTSTATE], invalid))
			put(b, DIM_CTSTATE, num_set_or(&s->ctx, b->dim[DIM_CTSTATE], s->is_new),
			    true);
	}
	num_set_unref(invalid);
	again(s, r);
}

static struct num addr_num(const uint8_t *a, uint8_t family)
{
	struct num v = { 0, 0 };

	for (int i = 0; i < (family == NFPROTO_IPV6 ? 16 : 4); i++)
		v = (struct num){ v.hi << 8 | v.lo >> 56, v.lo << 8 | a[i] };
	return v;
}

static void nat_addr(struct space *s, struct box *b, const struct fw_op *op, enum dim d)
{
	struct num lo, hi;

	/* what was written into the header before, conntrack does not know: it may leave it so */
	if (b->fuzzy & 1u << d) {
		put_any(s, b, d);
		return;
	}
	if (op->kind == FW_REDIRECT && s->local_known) {
		put(b, d, num_set_ref(s->local[is6(b)]), true);
		return;
	}
	if (op->kind == FW_NETMAP || op->nat.family != b->family) {
		put_any(s, b, d);
		return;
	}
	lo = addr_num(op->nat.addr_lo, b->family);
	hi = addr_num(op->nat.addr_hi, b->family);
	if (num_cmp(lo, hi) > 0)
		put_any(s, b, d);
	else
		put(b, d, num_set_range(&s->ctx, lo, hi), num_cmp(lo, hi) != 0);
}

static void nat_port(struct space *s, struct box *b, const struct fw_op *op, bool dst)
{
	enum dim d = dst ? DIM_DPORT : DIM_SPORT;
	const struct fw_nat *n = &op->nat;

	if (b->fuzzy & 1u << d)
		put_any(s, b, d);
	else if (n->port_lo)
		put(b, d, num_set_range(&s->ctx, num32(n->port_lo), num32(n->port_hi)), true);
	else if (n->port_any || !dst || n->random)
		put_any(s, b, d); /* a source port is kept only if it is free */
}

void effect_nat(struct space *s, struct region *r, const struct fw_op *op, bool dst, bool rerouted)
{
	uint32_t bit = dst ? IPS_DST_NAT : IPS_SRC_NAT;

	for (size_t i = 0; i < r->n; i++) {
		struct box *b = &r->b[i];

		/* even to its own address the port can change if the tuple is taken */
		if (!op->nat.same || op->kind == FW_REDIRECT || op->kind == FW_NETMAP)
			nat_addr(s, b, op, dst ? DIM_DADDR : DIM_SADDR);
		nat_port(s, b, op, dst);
		b->status.known &= ~bit;
		b->status.val &= ~bit;
		b->status.fuzzy |= bit;
		if (rerouted)
			put_any(s, b, DIM_OIF_LATER);
	}
	again(s, r);
}

void effect_anything(struct space *s, struct region *r)
{
	static const enum dim dims[] = {
		DIM_SADDR,    DIM_DADDR,    DIM_SPORT, DIM_DPORT,   DIM_PROTO,	       DIM_ICMPTYPE,
		DIM_ICMPCODE, DIM_TCPFLAGS, DIM_CTDIR, DIM_CTSTATE, DIM_CTSTATE_LATER, DIM_OIF_LATER
	};

	for (size_t i = 0; i < r->n; i++) {
		struct box *b = &r->b[i];

		b->certain = false;
		b->ctmarked = true;
		b->mark = b->status = (struct bits){ 0, 0, ~0u };
		for (size_t j = 0; j < sizeof(dims) / sizeof(*dims); j++)
			put_any(s, b, dims[j]);
	}
	again(s, r);
}

void effect_scramble(struct space *s, struct region *r, uint32_t mark, bool notrack)
{
	struct num_set *untracked;

	region_doubt(r);
	untracked = num_set_range(&s->ctx, num32(SPACE_UNTRACKED), num32(SPACE_UNTRACKED));
	for (size_t i = 0; i < r->n; i++) {
		struct box *b = &r->b[i];

		b->ctmarked = true;
		b->mark.known &= ~mark;
		b->mark.val &= ~mark;
		b->mark.fuzzy |= mark;
		if (notrack)
			put(b, DIM_CTSTATE, num_set_or(&s->ctx, b->dim[DIM_CTSTATE], untracked),
			    true);
	}
	num_set_unref(untracked);
	again(s, r);
}

void effect_conntrack(struct space *s, struct region *r)
{
	struct num_set *untracked =
		num_set_range(&s->ctx, num32(SPACE_UNTRACKED), num32(SPACE_UNTRACKED));

	for (size_t i = 0; i < r->n; i++) {
		struct box *b = &r->b[i];
		bool some = num_set_meets(b->dim[DIM_CTSTATE], untracked);

		if (num_set_eq(b->dim[DIM_CTSTATE], untracked))
			continue;
		if (some) {
			b->certain = false;
			put(b, DIM_CTSTATE,
			    num_set_or(&s->ctx, b->dim[DIM_CTSTATE_LATER], untracked), true);
		} else {
			put(b, DIM_CTSTATE, num_set_ref(b->dim[DIM_CTSTATE_LATER]),
			    b->fuzzy & 1u << DIM_CTSTATE_LATER);
		}
	}
	num_set_unref(untracked);
	again(s, r);
}
