/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an analyser could get wrong, done to the rules that it is shown. */
#ifndef EINAT_TEST_SOUND_DAMAGE_H
#define EINAT_TEST_SOUND_DAMAGE_H

#include "nft/read.h"

static inline void each_op(struct fw_snapshot *s, void (*change)(struct fw_op *op))
{
	for (size_t i = 0; i < s->n_chains; i++)
		for (size_t j = 0; j < s->chains[i]->n_rules; j++)
			for (size_t k = 0; k < s->chains[i]->rules[j].n_ops; k++)
				change(&s->chains[i]->rules[j].ops[k]);
}

/* Verdict maps send nobody anywhere. */
static inline void forget_map(struct fw_op *op)
{
	if (op->kind == FW_LOOKUP && op->lookup.vmap)
		op->kind = FW_OFFLOAD;
}

static inline void no_maps(struct fw_snapshot *s)
{
	each_op(s, forget_map);
}

/* Priorities the wrong way round. */
static inline void wrong_order(struct fw_snapshot *s)
{
	for (size_t i = 0; i < s->n_chains; i++)
		s->chains[i]->priority = -s->chains[i]->priority;
}

static inline void turn_match(struct fw_op *op)
{
	if (op->kind == FW_MATCH)
		op->match.neg = false;
}

/* "!=" is read as "=". */
static inline void no_negation(struct fw_snapshot *s)
{
	each_op(s, turn_match);
}

static inline void as_jump(struct fw_op *op)
{
	if (op->kind == FW_VERDICT && op->verdict.code == FW_GOTO)
		op->verdict.code = FW_JUMP;
	else if (op->kind == FW_VERDICT && op->verdict.code == FW_RETURN)
		op->verdict.code = FW_ACCEPT;
}

/* goto comes back, return is final. */
static inline void wrong_returns(struct fw_snapshot *s)
{
	each_op(s, as_jump);
}

static inline void forget_mark(struct fw_op *op)
{
	if (op->kind == FW_SETMARK)
		op->kind = FW_OFFLOAD;
}

static inline void no_marks(struct fw_snapshot *s)
{
	each_op(s, forget_mark);
}

static inline void forget_nat(struct fw_op *op)
{
	if (op->kind == FW_SNAT || op->kind == FW_DNAT || op->kind == FW_REDIRECT)
		op->kind = FW_OFFLOAD;
}

static inline void no_nat(struct fw_snapshot *s)
{
	each_op(s, forget_nat);
}

/* Sets that have lost their last element. */
static inline void short_sets(struct fw_snapshot *s)
{
	for (size_t i = 0; i < s->n_sets; i++)
		if (!s->sets[i]->vmap && s->sets[i]->n_elems)
			s->sets[i]->n_elems--;
}

static inline void no_policy(struct fw_snapshot *s)
{
	for (size_t i = 0; i < s->n_chains; i++)
		s->chains[i]->policy_drop = false;
}

#endif
