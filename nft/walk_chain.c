// SPDX-License-Identifier: GPL-2.0-or-later
/* Packets through one chain: rules, jumps, verdicts. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "walk_impl.h"

#define MAX_DEPTH 64 /* the kernel's own limit is 16 for nf_tables */
#define MAX_STEPS 2000000
#define MAX_WORK  400000000 /* ranges and boxes looked at in one base chain */

uint64_t walk_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* others' load is no reason to give up */
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Where packets of one rule go. */
struct flow {
	struct walk *w;
	const struct fw_rule *rule;
	const struct fw_op *op;
	struct region miss; /* did not match */
	struct region fall; /* matched and go on to the next rule */
	struct region returned; /* leave the chain */
};

static void touch(struct walk *w, enum walk_what what, const struct fw_op *op,
		  const struct region *r)
{
	struct effects *fx = &w->state->fx;

	switch (what) {
	case WALK_OFFLOAD:
	case WALK_DUP:
		return;
	case WALK_CTSET:
		if (op->ctset.key != FW_CT_MARK)
			return;
		break;
	case WALK_MARK:
		fx->mark |= ~op->setmark.keep | op->setmark.xor | op->setmark.unknown;
		break;
	case WALK_NOTRACK:
		fx->notrack = true;
		break;
	case WALK_QUEUE:
	case WALK_UNKNOWN:
	case WALK_LIMIT:
	case WALK_TPROXY:
		fx->unknown = true;
		break;
	default:
		/* the other chain sees these packets all the same */
		if (w->apart)
			return;
		break;
	}
	region_join(w->space, &fx->touched, r);
}

int walk_meet(struct walk *w, enum walk_what what, const struct fw_rule *rule,
	      const struct fw_op *op, const struct region *r)
{
	struct walk_meeting m = { .what = what,
				  .hook = w->state->hook,
				  .base = w->state->base,
				  .rule = rule,
				  .op = op,
				  .packets = r,
				  .will = region_certain(r) };

	if (region_empty(r))
		return 0;
	if (w->apart && (what == WALK_DROP || what == WALK_REJECT || what == WALK_POLICY))
		region_join(w->space, &w->state->dropped, r);
	if (w->state->fx.on)
		touch(w, what, op, r);
	return w->state->fx.silent || !w->meet ? 0 : w->meet(w, &m);
}

/* Whether the base chain has cost too much; everything then ends as fast as it can. */
static bool too_much(struct walk *w)
{
	struct walk_state *st = w->state;
	size_t max = w->max_steps ? w->max_steps : MAX_STEPS;

	w->steps++;
	if (st->stop)
		return true;
	if (++st->base_steps > max || space_work(w->space) - st->base_work > MAX_WORK)
		w->limit = WALK_LIMIT_STEPS;
	else if (!(st->base_steps & 15) && walk_now_ms() > st->end_ms)
		w->limit = WALK_LIMIT_TIME;
	else
		return false;
	st->stop = true;
	return true;
}

static int jump(struct flow *f, const struct fw_chain *to, struct region *r, struct region *back)
{
	struct walk *w = f->w;

	if (!to) { /* could not be resolved */
		int ret = walk_meet(w, WALK_UNKNOWN, f->rule, f->op, r);

		effect_anything(w->space, r);
		region_join(w->space, &w->state->accepted, r);
		region_move(w->space, back, r);
		return ret;
	}
	return walk_chain(w, to, r, back);
}

/* @r is emptied. */
static int apply_verdict(struct flow *f, const struct fw_verdict *v, struct region *r)
{
	struct walk *w = f->w;
	int ret = 0;

	effect_names(r, true);
	switch (v->code) {
	case FW_ACCEPT:
		region_move(w->space, &w->state->accepted, r);
		return 0;
	case FW_DROP:
		ret = walk_meet(w, WALK_DROP, f->rule, f->op, r);
		region_clear(r);
		return ret;
	case FW_QUEUE: /* a program decides, and can change the packet */
		ret = walk_meet(w, WALK_QUEUE, f->rule, f->op, r);
		effect_anything(w->space, r);
		region_move(w->space, &w->state->accepted, r);
		return ret;
	case FW_CONTINUE:
		region_move(w->space, &f->fall, r);
		return 0;
	case FW_RETURN:
		region_move(w->space, &f->returned, r);
		return 0;
	case FW_JUMP:
		return jump(f, v->chain, r, &f->fall);
	case FW_GOTO:
		return jump(f, v->chain, r, &f->returned);
	}
	return 0;
}

static int map_verdict(void *data, const struct fw_verdict *v, struct region *part)
{
	return apply_verdict(data, v, part);
}

/* Destination or source? The hook tells for those that can be both. */
static bool is_dst(const struct walk *w, const struct fw_op *op)
{
	if (op->kind == FW_NETMAP)
		return w->state->hook == FW_PREROUTING || w->state->hook == FW_OUTPUT;
	return op->kind != FW_SNAT;
}

static int apply_nat(struct flow *f, struct region *r)
{
	struct walk *w = f->w;
	bool dst = is_dst(w, f->op);
	enum walk_what what = f->op->kind == FW_REDIRECT ? WALK_REDIRECT
			      : dst			 ? WALK_DNAT
							 : WALK_SNAT;
	int ret = walk_meet(w, what, f->rule, f->op, r);

	effect_nat(w->space, r, f->op, dst,
		   dst && (w->state->hook == FW_PREROUTING || w->state->hook == FW_OUTPUT));
	region_move(w->space, &w->state->natted, r);
	return ret;
}

/* The packet may be dropped, accepted, or go on. */
static int apply_tproxy(struct flow *f, struct region *r)
{
	int ret = walk_meet(f->w, WALK_TPROXY, f->rule, f->op, r);

	region_doubt(r);
	region_join(f->w->space, &f->w->state->accepted, r);
	region_join(f->w->space, &f->miss, r);
	return ret;
}

static int apply_unknown(struct flow *f, struct region *r)
{
	struct walk *w = f->w;
	int ret = walk_meet(w, WALK_UNKNOWN, f->rule, f->op, r);

	region_doubt(r);
	region_join(w->space, &f->miss, r);
	effect_anything(w->space, r);
	region_join(w->space, &w->state->accepted, r);
	return ret;
}

static int apply_ctset(struct flow *f, struct region *r)
{
	int ret = walk_meet(f->w, WALK_CTSET, f->rule, f->op, r);

	if (f->op->ctset.key == FW_CT_MARK)
		effect_ctmark(f->w->space, r);
	else if (f->op->ctset.key != FW_CT_OTHER)
		effect_zone(f->w->space, r);
	return ret;
}

/* A rule that only counts or logs changes nothing, however unsure it is whom it matches. */
static bool has_effect(const struct fw_rule *r)
{
	for (size_t i = 0; i < r->n_ops; i++) {
		const struct fw_op *op = &r->ops[i];

		if (op->kind == FW_VERDICT && op->verdict.code == FW_CONTINUE)
			return false;
		if (op->kind != FW_MATCH && op->kind != FW_MAYBE &&
		    (op->kind != FW_LOOKUP || op->lookup.vmap))
			return true;
	}
	return false;
}

#define DROP_CHAIN 8 /* rules of a chain that is there to log and drop */
#define DROP_DEPTH 2

/* A rule after which there is nothing left to happen but a drop: at once, or in a chain for it. */
static bool only_drops(const struct fw_rule *r, unsigned depth)
{
	const struct fw_op *last = r->n_ops ? &r->ops[r->n_ops - 1] : NULL;
	const struct fw_chain *to = NULL;
	bool always = false;

	for (size_t i = 0; i + 1 < r->n_ops; i++)
		if (r->ops[i].kind != FW_MATCH && r->ops[i].kind != FW_MAYBE &&
		    (r->ops[i].kind != FW_LOOKUP || r->ops[i].lookup.vmap))
			return false;
	if (!last || last->kind != FW_VERDICT)
		return last && last->kind == FW_REJECT;
	if (last->verdict.code == FW_JUMP || last->verdict.code == FW_GOTO)
		to = last->verdict.chain;
	if (to && (!depth || to->n_rules > DROP_CHAIN))
		return false;
	for (size_t i = 0; to && i < to->n_rules && !always; i++) {
		if (!has_effect(&to->rules[i]))
			continue;
		if (!only_drops(&to->rules[i], depth - 1))
			return false;
		always = to->rules[i].n_ops == 1;
	}
	return always || last->verdict.code == FW_DROP;
}

/* A match whose answer cannot be told: both. */
static void apply_maybe(struct flow *f, struct region *r)
{
	const struct fw_perhaps *p = &f->op->perhaps;
	struct region missed = { 0 };

	region_copy(f->w->space, &missed, r);
	if (!p->both && p->usual != FW_MISSES)
		region_doubt(&missed);
	if (!p->both && p->usual != FW_HITS)
		region_doubt(r);
	region_move(f->w->space, &f->miss, &missed);
	/* a list of senders who are not wanted; whose masquerade it is, a list does not tell */
	if ((p->field == FW_F_SADDR4 || p->field == FW_F_SADDR6) && only_drops(f->rule, DROP_DEPTH))
		for (size_t i = 0; i < r->n; i++)
			r->b[i].naming |= 1u << DIM_SADDR;
}

/* What one operation does to the packets @r that reach it; @ret_end: the rule is done. */
static int apply_op(struct flow *f, struct region *r, bool *ret_end)
{
	struct space *s = f->w->space;
	const struct fw_op *op = f->op;
	struct region yes = { 0 };
	int ret = 0;

	if (op->kind != FW_MATCH && op->kind != FW_LOOKUP && op->kind != FW_MAYBE)
		effect_names(r, true);
	switch (op->kind) {
	case FW_MATCH:
		region_split(s, r, &op->match, &yes, &f->miss);
		*r = yes;
		return 0;
	case FW_LOOKUP:
		if (op->lookup.vmap) {
			*ret_end = true;
			return region_split_map(s, r, &op->lookup, map_verdict, f, &f->miss);
		}
		region_split_set(s, r, &op->lookup, &yes, &f->miss);
		*r = yes;
		return 0;
	case FW_MAYBE:
		apply_maybe(f, r);
		return 0;
	case FW_VERDICT:
		*ret_end = true;
		return apply_verdict(f, &op->verdict, r);
	case FW_SNAT:
	case FW_DNAT:
	case FW_REDIRECT:
	case FW_NETMAP:
		*ret_end = true;
		return apply_nat(f, r);
	case FW_TPROXY:
		return apply_tproxy(f, r);
	case FW_REJECT:
	case FW_FWD:
		*ret_end = true;
		ret = walk_meet(f->w, op->kind == FW_FWD ? WALK_FWD : WALK_REJECT, f->rule, op, r);
		region_clear(r);
		return ret;
	case FW_SETMARK:
		ret = walk_meet(f->w, WALK_MARK, f->rule, op, r);
		effect_mark(s, r, &op->setmark);
		return ret;
	case FW_CTSET:
		return apply_ctset(f, r);
	case FW_NOTRACK:
		ret = walk_meet(f->w, WALK_NOTRACK, f->rule, op, r);
		effect_notrack(s, r);
		return ret;
	case FW_OFFLOAD:
		return walk_meet(f->w, WALK_OFFLOAD, f->rule, op, r);
	case FW_DUP:
		return walk_meet(f->w, WALK_DUP, f->rule, op, r);
	case FW_UNKNOWN:
		return apply_unknown(f, r);
	}
	return 0;
}

/* Whether the rule's first matches are false for all of the box: most rules concern few. */
static bool passes_by(struct space *s, const struct fw_rule *rule, const struct box *b,
		      struct ready (*ready)[2], bool (*have)[2], size_t n)
{
	bool six = is6(b);

	for (size_t i = 0; i < n; i++) {
		const struct fw_op *op = &rule->ops[i];

		if (op->kind == FW_LOOKUP && box_misses_set(s, b, &op->lookup))
			return true;
		if (op->kind != FW_MATCH)
			continue;
		if (!have[i][six])
			ready_match(s, &op->match, b->family, &ready[i][six]);
		have[i][six] = true;
		if (box_misses(s, b, &ready[i][six], op->match.neg))
			return true;
	}
	return false;
}

#define QUICK_MAX 8

/* Take out of @rest the boxes that @rule may concern. */
static void concerned(struct space *s, const struct fw_rule *rule, struct region *rest,
		      struct region *ret_in)
{
	struct ready ready[QUICK_MAX][2];
	bool have[QUICK_MAX][2] = { { false } };
	size_t n = 0, kept = 0;

	while (n < rule->n_ops && n < QUICK_MAX &&
	       (rule->ops[n].kind == FW_MATCH || rule->ops[n].kind == FW_MAYBE ||
		(rule->ops[n].kind == FW_LOOKUP && !rule->ops[n].lookup.vmap)))
		n++;
	s->ctx.work += rest->n;
	for (size_t i = 0; i < rest->n; i++)
		if (passes_by(s, rule, &rest->b[i], ready, have, n)) {
			if (kept != i)
				rest->b[kept] = rest->b[i];
			kept++;
		} else {
			region_push(s, ret_in, &rest->b[i]);
		}
	rest->n = kept;
	for (size_t i = 0; i < n; i++)
		for (int six = 0; six < 2; six++)
			if (have[i][six])
				ready_clear(&ready[i][six]);
}

static void drop_doubtful(struct region *r)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->n; i++)
		if (r->b[i].certain)
			r->b[kept++] = r->b[i];
		else
			box_clear(&r->b[i]);
	r->n = kept;
}

/*
 * What is dropped is gone without a trace. So where every chain is shown what others drop, the
 * packets of @all that @gone does not hold for certain are as certain behind the rule as before.
 */
static void stay_certain(struct flow *f, struct region *all, struct region *gone)
{
	bool doubtful = false;

	for (size_t i = 0; i < f->miss.n; i++)
		doubtful |= !f->miss.b[i].certain;
	if (doubtful) {
		drop_doubtful(gone);
		region_subtract(f->w->space, all, gone);
		region_clear(&f->miss);
		region_move(f->w->space, &f->miss, all);
	}
}

static int walk_rule(struct flow *f, struct region *rest)
{
	struct space *s = f->w->space;
	struct region in = { 0 }, all = { 0 }, gone = { 0 };
	bool end = false, drops;
	int ret = 0;

	if (too_much(f->w) || !has_effect(f->rule))
		return 0;
	concerned(s, f->rule, rest, &in);
	drops = f->w->apart && region_certain(&in) && only_drops(f->rule, DROP_DEPTH);
	if (drops)
		region_copy(s, &all, &in);
	for (size_t i = 0; i < f->rule->n_ops && !ret && !end && in.n; i++) {
		f->op = &f->rule->ops[i];
		if (drops && i + 1 == f->rule->n_ops)
			region_copy(s, &gone, &in);
		ret = apply_op(f, &in, &end);
	}
	if (drops && !ret)
		stay_certain(f, &all, &gone);
	region_clear(&all);
	region_clear(&gone);
	effect_names(&in, false);
	effect_names(&f->miss, false);
	if (!ret && !end) /* no verdict: what matched goes on too, perhaps with another mark */
		region_move(s, &f->fall, &in);
	region_clear(&in);
	if (f->miss.n)
		region_move(s, rest, &f->miss);
	if (f->fall.n)
		region_move(s, rest, &f->fall);
	return ret;
}

int walk_chain(struct walk *w, const struct fw_chain *c, struct region *in, struct region *ret_out)
{
	struct flow f = { .w = w };
	struct region rest = { 0 };
	int ret = 0;

	region_move(w->space, &rest, in);
	if (++w->state->depth > (w->max_depth ? w->max_depth : MAX_DEPTH) && !w->state->stop) {
		w->limit = WALK_LIMIT_DEPTH;
		w->state->stop = true;
	}
	for (size_t i = 0; i < c->n_rules && !ret && rest.n && !w->state->stop; i++) {
		f.rule = &c->rules[i];
		ret = walk_rule(&f, &rest);
		if (!ret)
			ret = space_error(w->space);
	}
	w->state->depth--;
	region_clear(&f.miss);
	region_clear(&f.fall);
	region_move(w->space, &rest, &f.returned);
	region_move(w->space, ret_out, &rest);
	return ret;
}
