// SPDX-License-Identifier: GPL-2.0-or-later
/* Packets through one hook, and through the hooks of a path. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/netfilter.h>

#include "walk_impl.h"

#define PRI_CONNTRACK (-200) /* NF_IP_PRI_CONNTRACK: earlier chains see no connection */

const char *walk_what_name(enum walk_what what)
{
	static const char *const names[WALK_WHAT_COUNT] = {
		"snat",	 "dnat",	"redirect",	     "tproxy", "drop",	       "reject",
		"queue", "policy drop", "notrack",	     "mark",   "flow offload", "ct",
		"dup",	 "fwd",		"unknown statement", "limit"
	};

	return names[what];
}

/* The packets of @r that @base can see; the others stay. */
static void seen_by(struct walk *w, const struct fw_chain *base, struct region *r,
		    struct region *ret_in)
{
	int family = base->table->family;
	size_t kept = 0;

	for (size_t i = 0; i < r->n; i++) {
		bool six = is6(&r->b[i]);

		if ((family == NFPROTO_IPV4 && six) || (family == NFPROTO_IPV6 && !six))
			r->b[kept++] = r->b[i];
		else
			region_push(w->space, ret_in, &r->b[i]);
	}
	r->n = kept;
}

/* Only what enters (leaves) on one of the chain's devices. */
static void on_device(struct walk *w, const struct fw_chain *base, struct region *in,
		      struct region *past)
{
	struct fw_range *ranges;
	struct region left = { 0 }, yes = { 0 };

	if (!base->n_dev)
		return;
	ranges = calloc(base->n_dev, sizeof(*ranges));
	if (!ranges) {
		w->space->ctx.err = -ENOMEM;
		return;
	}
	region_move(w->space, &left, in);
	for (size_t i = 0; i < base->n_dev; i++) {
		struct fw_match m = { .field =
					      base->hook == FW_EGRESS ? FW_F_OIFNAME : FW_F_IIFNAME,
				      .r = &ranges[i],
				      .n = 1 };
		size_t len = strnlen(base->dev[i], IFNAMSIZ - 1);
		bool prefix = len && base->dev[i][len - 1] == '*';
		struct region no = { 0 };

		len -= prefix;
		memcpy(ranges[i].lo, base->dev[i], len);
		memcpy(ranges[i].hi, base->dev[i], len);
		memset(m.mask, 0xff, prefix ? len : IFNAMSIZ);
		region_split(w->space, &left, &m, &yes, &no);
		left = no;
	}
	free(ranges);
	region_move(w->space, past, &left);
	*in = yes;
}

/* NAT chains are asked about the first packets of connections alone (nf_nat_inet_fn()). */
static void of_new_connections(struct walk *w, struct region *in, struct region *past)
{
	struct space *s = w->space;
	struct num_range r[] = { { num32(SPACE_RELATED), num32(SPACE_NEW) } };
	struct num_set *first = num_set_make(&s->ctx, r, 1);
	struct region out = { .widened = in->widened };

	for (size_t i = 0; i < in->n; i++) {
		struct box *b = &in->b[i], c;

		if (!s->tracked[is6(b)]) { /* perhaps another namespace's need has turned it on */
			b->certain = false;
			region_add_copy(s, past, b, false);
		}
		if (num_set_covers(&s->ctx, first, b->dim[DIM_CTSTATE])) {
			region_push(s, &out, b);
			continue;
		}
		if (b->fuzzy & 1u << DIM_CTSTATE)
			b->certain = false;
		box_copy(&c, b);
		box_put(&c, DIM_CTSTATE, num_set_and(&s->ctx, b->dim[DIM_CTSTATE], first));
		region_add(s, &out, &c);
		num_set_cut(&s->ctx, &b->dim[DIM_CTSTATE], first);
		region_add(s, past, b);
	}
	num_set_unref(first);
	free(in->b);
	*in = out;
}

/* @r becomes what @base lets through; what it NATs goes to the state's natted. */
static int walk_base(struct walk *w, const struct fw_chain *base, struct region *r)
{
	struct walk_state *st = w->state;
	struct region in = { 0 }, past = { 0 }, whole = { 0 }, end = { 0 };
	int ret = 0;

	seen_by(w, base, r, &in);
	if (base->hook == FW_INGRESS || base->hook == FW_EGRESS)
		on_device(w, base, &in, &past);
	if (base->nat)
		of_new_connections(w, &in, &past);
	if (region_empty(&in))
		goto out;
	st->base = base;
	st->base_steps = 0;
	st->base_work = space_work(w->space);
	st->stop = false;
	if (w->enter && !st->fx.silent)
		ret = w->enter(w, base, &in);
	region_copy(w->space, &whole, &in);
	if (!ret)
		ret = walk_chain(w, base, &in, &end);
	if (!ret && st->stop) {
		region_doubt(&whole);
		ret = walk_meet(w, WALK_LIMIT, NULL, NULL, &whole);
		effect_anything(w->space, &whole);
		region_move(w->space, &past, &whole);
	} else if (!ret && base->policy_drop) {
		ret = walk_meet(w, WALK_POLICY, NULL, NULL, &end);
	} else {
		region_move(w->space, &past, &end);
	}
	region_move(w->space, &past, &st->accepted);
	region_doubt(&st->dropped);
	region_move(w->space, &past, &st->dropped);
out:
	region_clear(&whole);
	region_clear(&end);
	region_clear(&in);
	region_clear(&st->accepted);
	region_clear(&st->dropped);
	region_move(w->space, r, &past);
	return ret ? ret : space_error(w->space);
}

/* ---- chains whose order is not known ----------------------------------------------------- */

struct trial {
	struct effects fx;
	struct region out; /* with what it NATed */
};

static int try_alone(struct walk *w, const struct fw_chain *base, const struct region *in,
		     struct trial *t)
{
	struct walk_state *st = w->state, saved = *st;
	int ret;

	st->natted = (struct region){ 0 };
	st->fx = (struct effects){ .on = true, .silent = true };
	region_copy(w->space, &t->out, in);
	ret = walk_base(w, base, &t->out);
	region_move(w->space, &t->out, &st->natted);
	t->fx = st->fx;
	*st = saved;
	return ret;
}

/* What the others of its group may have made of packets before @c sees them. */
static void add_others(struct walk *w, const struct trial *t, size_t n, size_t c,
		       const struct region *group, struct region *r)
{
	struct region others = { 0 };
	uint32_t mark = 0;
	bool any = false, notrack = false, unknown = false;

	for (size_t i = 0; i < n; i++) {
		if (i == c || !t[i].fx.touched.n)
			continue;
		any = true;
		mark |= t[i].fx.mark;
		notrack |= t[i].fx.notrack;
		unknown |= t[i].fx.unknown;
		region_join(w->space, &others, &t[i].out);
	}
	if (any) {
		region_join(w->space, &others, group);
		effect_scramble(w->space, &others, mark, notrack);
		if (unknown)
			effect_anything(w->space, &others);
		region_move(w->space, r, &others);
	}
	region_clear(&others);
}

/*
 * What reaches @c of the group: for certain what no other chain of it touches, perhaps what
 * those before it let through (@r), or what the others made of it.
 */
static void input_of(struct walk *w, const struct trial *t, size_t n, size_t c,
		     const struct region *group, struct region *r)
{
	struct region sure = { 0 };

	region_copy(w->space, &sure, group);
	for (size_t i = 0; i < n; i++)
		if (i != c && t[i].fx.touched.n)
			region_subtract(w->space, &sure, &t[i].fx.touched);
	region_doubt(r);
	region_move(w->space, r, &sure);
	add_others(w, t, n, c, group, r);
}

/* A chain of the other family is asked about none of them, and changes none. */
static bool sees(const struct fw_chain *c, const struct region *r)
{
	int family = c->table->family;

	if (family != NFPROTO_IPV4 && family != NFPROTO_IPV6)
		return r->n;
	for (size_t i = 0; i < r->n; i++)
		if (r->b[i].family == family)
			return true;
	return false;
}

static int walk_group(struct walk *w, const struct fw_chain *const *list, size_t n,
		      struct region *r)
{
	struct trial *t = calloc(n, sizeof(*t));
	struct region group = { 0 };
	int ret = t ? 0 : -ENOMEM;

	region_copy(w->space, &group, r);
	for (size_t i = 0; i < n && !ret; i++)
		ret = try_alone(w, list[i], &group, &t[i]);
	for (size_t i = 0; i < n && !ret; i++) {
		if (!sees(list[i], &group))
			continue;
		input_of(w, t, n, i, &group, r);
		ret = walk_base(w, list[i], r);
	}
	for (size_t i = 0; t && i < n; i++) {
		region_clear(&t[i].fx.touched);
		region_clear(&t[i].out);
	}
	free(t);
	region_clear(&group);
	return ret;
}

/* Every NAT chain with all packets. */
static int walk_apart(struct walk *w, const struct fw_chain *base, struct region *r)
{
	struct region copy = { 0 };
	int ret;

	region_copy(w->space, &copy, r);
	ret = walk_base(w, base, &copy);
	region_doubt(&copy);
	region_move(w->space, r, &copy);
	return ret;
}

/* ---- hooks ------------------------------------------------------------------------------- */

static bool tracks(enum fw_hook hook)
{
	return hook == FW_PREROUTING || hook == FW_OUTPUT;
}

/* In front of @next: has the connection been looked up? At equal priority nobody knows. */
static void pass_conntrack(struct walk *w, enum fw_hook hook, const struct fw_chain *next,
			   struct region *r)
{
	struct region before = { 0 };

	if (!tracks(hook) || (next && next->priority < PRI_CONNTRACK && !next->nat))
		return;
	if (next && next->priority == PRI_CONNTRACK && !next->nat) {
		region_copy(w->space, &before, r);
		region_doubt(&before);
	}
	effect_conntrack(w->space, r);
	if (before.n) {
		region_doubt(r);
		region_move(w->space, r, &before);
	}
}

static bool other_place(const struct fw_chain *nat, const struct fw_chain *next)
{
	return !next || !next->nat || nat->hook != next->hook;
}

/* Chains that never see packets of @family: their order with those that do means nothing. */
static bool sees_family(const struct fw_chain *c, uint8_t family)
{
	int f = c->table->family;

	return f == family || (f != NFPROTO_IPV4 && f != NFPROTO_IPV6);
}

static int run_hook(struct walk *w, enum fw_hook hook, bool bridge, struct region *r)
{
	const struct fw_chain **list;
	bool *same;
	size_t n, of;
	int ret = walk_order(w->snap, hook, bridge, &list, &same, &n), kept = 0;

	if (ret)
		return ret;
	/* chains that are left out take part in nothing */
	for (size_t i = 0; i < n; i++) {
		if ((w->skip && w->skip(w, list[i])) || (list[i]->nat && w->state->nat_done) ||
		    (r->n && !sees_family(list[i], r->b[0].family)))
			continue;
		list[kept++] = list[i];
	}
	n = (size_t)kept;
	walk_unsure(list, n, same);
	for (size_t i = 0; i < n && w->apart; i++)
		same[i] = same[i] && !list[i]->nat;
	w->state->hook = hook;
	for (size_t i = 0; i < n && !ret && (r->n || w->state->natted.n); i += of) {
		for (of = 1; i + of < n && same[i + of]; of++)
			;
		pass_conntrack(w, hook, list[i], r);
		if (w->apart && list[i]->nat && of == 1)
			ret = walk_apart(w, list[i], r);
		else if (of == 1)
			ret = walk_base(w, list[i], r);
		else
			ret = walk_group(w, &list[i], of, r);
		if (!ret && other_place(list[i + of - 1], i + of < n ? list[i + of] : NULL))
			region_move(w->space, r, &w->state->natted);
	}
	region_move(w->space, r, &w->state->natted);
	pass_conntrack(w, hook, NULL, r);
	free(list);
	free(same);
	return ret;
}

/* Each family by itself. */
int walk_run_hook(struct walk *w, enum fw_hook hook, bool bridge, struct region *r)
{
	struct region six = { .widened = r->widened };
	size_t kept = 0;
	int ret;

	for (size_t i = 0; i < r->n; i++)
		if (is6(&r->b[i]))
			region_push(w->space, &six, &r->b[i]);
		else
			r->b[kept++] = r->b[i];
	r->n = kept;
	ret = run_hook(w, hook, bridge, r);
	if (!ret && six.n)
		ret = run_hook(w, hook, bridge, &six);
	region_move(w->space, r, &six);
	return ret;
}
