// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>

#include "foreign_walk.h"

#define DEPTH_MAX 64 /* the kernel's own limit is 16 for nf_tables */
#define STEPS_MAX 5000000 /* rules met: beyond this the paths have multiplied */

static int walk_chain(struct walk *w, const struct fw_chain *c, const struct region *in,
		      struct region *ret_out);

/* Where packets of one rule go. */
struct flow {
	struct region rest; /* did not match, or not for certain */
	struct region fall; /* matched and go on to the next rule */
	struct region returned; /* leave the chain */
};

static int jump(struct walk *w, const struct fw_chain *to, const struct region *r,
		struct region *join)
{
	struct region out = { 0 };
	int ret;

	if (!to) /* unresolved: may do nothing */
		return region_join(join, r);
	ret = walk_chain(w, to, r, &out);
	if (!ret)
		ret = region_join(join, &out);
	region_clear(&out);
	return ret;
}

static int apply_verdict(struct walk *w, const struct fw_rule *rule, const struct fw_op *op,
			 const struct fw_verdict *v, const struct region *r, struct flow *f)
{
	int ret;

	switch (v->code) {
	case FW_ACCEPT:
		return region_join(&w->accepted, r);
	case FW_DROP:
		return w->hit(w, HIT_DROP, rule, op, r);
	case FW_QUEUE: /* a program decides */
		ret = w->hit(w, HIT_DROP, rule, op, r);
		return ret ? ret : region_join(&w->accepted, r);
	case FW_CONTINUE:
		return region_join(&f->fall, r);
	case FW_RETURN:
		return region_join(&f->returned, r);
	case FW_JUMP:
		return jump(w, v->chain, r, &f->fall);
	case FW_GOTO:
		return jump(w, v->chain, r, &f->returned);
	}
	return 0;
}

/* Each element is a branch of its own; what matches none goes on. */
static int apply_vmap(struct walk *w, const struct fw_rule *rule, const struct fw_op *op,
		      const struct region *m, unsigned narrowed, struct flow *f)
{
	const struct fw_set *set = op->lookup.set;
	struct region one = { 0 };
	int ret = 0;

	for (size_t i = 0; i < set->n_elems && ret >= 0; i++) {
		ret = region_copy(&one, m);
		if (!ret)
			ret = region_match_elem(w->packets, &one, &op->lookup, &set->elems[i]);
		if (ret == MATCH_NEVER)
			ret = 0;
		else if (ret >= 0) {
			unsigned all = narrowed | (unsigned)ret;

			ret = region_subtract(&f->rest, &one, all);
			if (!ret)
				ret = apply_verdict(w, rule, op, &set->elems[i].verdict, &one, f);
		}
	}
	region_clear(&one);
	return ret < 0 ? ret : 0;
}

static int apply_nat(struct walk *w, enum hit hit, const struct fw_rule *rule,
		     const struct fw_op *op, const struct region *m)
{
	int ret = w->hit(w, hit, rule, op, m);

	return ret ? ret : region_join(&w->accepted, m);
}

static void set_mark(struct region *r, const struct fw_setmark *s)
{
	r->mark_known = (r->mark_known | ~s->keep) & ~s->unknown;
	r->mark = ((r->mark & s->keep) ^ s->xor) & r->mark_known;
}

/* A statement that is not understood may do any of these, or nothing. */
static int apply_unknown(struct walk *w, const struct fw_rule *rule, const struct fw_op *op,
			 struct region *m)
{
	int ret = 0;

	if (w->base->nat)
		ret = w->hit(w, w->base->hook == FW_POSTROUTING ? HIT_SNAT : HIT_DNAT, rule, op, m);
	if (!ret)
		ret = w->hit(w, HIT_DROP, rule, op, m);
	if (!ret)
		ret = region_join(&w->accepted, m);
	m->mark_known = m->mark = 0;
	return ret;
}

/* What one operation does to the packets @m that reach it; @ret_end: the rule is done. */
static int apply_op(struct walk *w, const struct fw_rule *rule, const struct fw_op *op,
		    struct region *m, unsigned *narrowed, struct flow *f, bool *ret_end)
{
	bool post = w->base->hook == FW_POSTROUTING;
	int ret = 0;

	*ret_end = false;
	switch (op->kind) {
	case FW_MATCH:
		ret = region_match(w->packets, m, &op->match);
		break;
	case FW_LOOKUP:
		if (op->lookup.vmap) {
			*ret_end = true;
			return apply_vmap(w, rule, op, m, *narrowed, f);
		}
		ret = region_lookup(w->packets, m, &op->lookup);
		break;
	case FW_MAYBE:
		ret = NARROW_OTHER;
		break;
	case FW_VERDICT:
	case FW_SNAT:
	case FW_DNAT:
	case FW_REDIRECT:
	case FW_TPROXY:
	case FW_REJECT:
	case FW_FWD:
	case FW_NETMAP:
		*ret_end = true;
		ret = region_subtract(&f->rest, m, *narrowed);
		if (ret)
			return ret;
		if (op->kind == FW_VERDICT)
			return apply_verdict(w, rule, op, &op->verdict, m, f);
		if (op->kind == FW_REJECT || op->kind == FW_FWD)
			return w->hit(w, HIT_DROP, rule, op, m);
		if (op->kind == FW_NETMAP)
			return apply_nat(w, post ? HIT_SNAT : HIT_DNAT, rule, op, m);
		return apply_nat(w, op->kind == FW_SNAT ? HIT_SNAT : HIT_DNAT, rule, op, m);
	case FW_SETMARK:
		set_mark(m, &op->setmark);
		return 0;
	case FW_CTSET:
	case FW_OFFLOAD:
	case FW_DUP:
		return 0;
	case FW_NOTRACK:
		w->notrack = true;
		return 0;
	case FW_UNKNOWN:
		*narrowed |= NARROW_OTHER;
		return apply_unknown(w, rule, op, m);
	}
	if (ret == MATCH_NEVER) {
		*ret_end = true;
		return 0;
	}
	if (ret > 0) {
		*narrowed |= (unsigned)ret;
		ret = 0;
	}
	return ret;
}

static int walk_rule(struct walk *w, const struct fw_rule *rule, struct flow *f)
{
	struct region m = { 0 };
	unsigned narrowed = 0;
	bool end = false;
	int ret = region_copy(&m, &f->rest);

	if (++w->steps > STEPS_MAX)
		ret = -E2BIG;
	for (size_t i = 0; i < rule->n_ops && !ret && !end; i++)
		ret = apply_op(w, rule, &rule->ops[i], &m, &narrowed, f, &end);
	if (!ret && !end) {
		/* no verdict: what matched goes on too, perhaps with another mark */
		ret = region_subtract(&f->rest, &m, narrowed);
		if (!ret)
			ret = region_join(&f->fall, &m);
	}
	region_clear(&m);
	return ret;
}

static int walk_chain(struct walk *w, const struct fw_chain *c, const struct region *in,
		      struct region *ret_out)
{
	struct flow f = { 0 };
	int ret = region_copy(&f.rest, in);

	if (++w->depth > DEPTH_MAX)
		ret = -ELOOP;
	for (size_t i = 0; i < c->n_rules && !ret && !region_empty(&f.rest); i++) {
		ret = walk_rule(w, &c->rules[i], &f);
		if (!ret)
			ret = region_join(&f.rest, &f.fall);
		region_clear(&f.fall);
	}
	w->depth--;
	if (!ret)
		ret = region_join(&f.returned, &f.rest);
	region_clear(&f.rest);
	region_clear(&f.fall);
	if (ret)
		region_clear(&f.returned);
	else
		*ret_out = f.returned;
	return ret;
}

int walk_base(struct walk *w, const struct fw_chain *base, const struct region *in)
{
	struct region left = { 0 };
	int ret;

	w->base = base;
	region_clear(&w->accepted);
	ret = walk_chain(w, base, in, &left);
	if (!ret && !region_empty(&left))
		ret = base->policy_drop ? w->hit(w, HIT_POLICY, NULL, NULL, &left)
					: region_join(&w->accepted, &left);
	region_clear(&left);
	return ret;
}

void walk_clear(struct walk *w)
{
	region_clear(&w->accepted);
}
