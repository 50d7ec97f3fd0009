// SPDX-License-Identifier: GPL-2.0-or-later
/* Marks: who else looks at einat's, and does anyone set the one that chooses the slice? */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check/owner.h"
#include "check/rules_fw.h"

static uint32_t be32(const uint8_t *b)
{
	uint32_t v;

	memcpy(&v, b, sizeof(v));
	return ntohl(v);
}

static bool mark_matches(const struct fw_match *m, uint32_t mark)
{
	uint32_t v = mark & be32(m->mask);

	for (size_t i = 0; i < m->n; i++)
		if (v >= be32(m->r[i].lo) && v <= be32(m->r[i].hi))
			return !m->neg;
	return m->neg;
}

static bool only_accepts(const struct fw_rule *r)
{
	for (size_t i = 0; i < r->n_ops; i++) {
		const struct fw_op *op = &r->ops[i];

		if (op->kind == FW_VERDICT)
			return op->verdict.code == FW_ACCEPT || op->verdict.code == FW_RETURN ||
			       op->verdict.code == FW_CONTINUE;
		if (op->kind != FW_MATCH && op->kind != FW_LOOKUP && op->kind != FW_MAYBE)
			return false;
	}
	return true; /* a counter, a log */
}

/* The mark alone must make the difference. */
static bool looks_at(const struct fw_rule *r, const struct conf_mark *in)
{
	for (size_t i = 0; i < r->n_ops; i++) {
		const struct fw_op *op = &r->ops[i];

		if (op->kind == FW_MATCH && op->match.field == FW_F_MARK &&
		    mark_matches(&op->match, in->value & in->mask) && !mark_matches(&op->match, 0))
			return true;
	}
	return false;
}

static void tell_shared(struct fwx *fw, const struct fw_rule *r)
{
	const struct conf_mark *in = &fw->x->conf->inbound_mark;
	struct hit h = { .code = "mark-shared", .base = r->chain, .chain = r->chain, .rule = r };
	struct finding *f = fw_hit_finding(fw, &h);

	f->will = false;
	finding_set(fw->x->fs, &f->what, "this rule takes packets with mark 0x%x for its own",
		    in->value & in->mask);
	finding_set(fw->x->fs, &f->mend, "--inbound-mark 0x10000000/0x10000000");
}

/* Can @op leave a mark that has a bit of the wanted one, or one that is not known? */
static bool may_set(const struct fw_op *op, const struct conf_mark *want)
{
	if (op->kind == FW_UNKNOWN)
		return true;
	return op->kind == FW_SETMARK &&
	       ((~op->setmark.keep | op->setmark.xor | op->setmark.unknown) & want->mask);
}

static bool is_set_somewhere(const struct fwx *fw, const struct conf_mark *want)
{
	const struct fw_snapshot *s = fw->x->fw;

	for (size_t i = 0; i < s->n_chains; i++)
		for (size_t j = 0; j < s->chains[i]->n_rules; j++)
			for (size_t k = 0; k < s->chains[i]->rules[j].n_ops; k++)
				if (!fw_is_own(s->chains[i]->table) &&
				    may_set(&s->chains[i]->rules[j].ops[k], want))
					return true;
	/* a TC or XDP program may do it as well */
	for (size_t i = 0; i < fw->x->host->n_progs; i++)
		if (!fw->x->host->progs[i].own)
			return true;
	return false;
}

static void check_slice_marks(struct fwx *fw)
{
	for (size_t i = 0; i < fw->x->conf->n_slices; i++) {
		const struct conf_mark *want = &fw->x->conf->slices[i].mark;
		struct finding *f;

		if (!want->mask || !(want->value & want->mask) || is_set_somewhere(fw, want))
			continue;
		f = finding_add(fw->x->fs, "mark-never-set");
		finding_set(fw->x->fs, &f->where, "slice %zu of %s", i + 1, fw->x->conf->name);
		finding_set(fw->x->fs, &f->what, "no rule sets the mark 0x%x/0x%x", want->value,
			    want->mask);
		finding_set(fw->x->fs, &f->mend,
			    "nft add rule inet filter forward ip saddr ADDRESS meta mark set meta "
			    "mark or 0x%x",
			    want->value & want->mask);
	}
}

int fw_check_marks(struct fwx *fw)
{
	const struct fw_snapshot *s = fw->x->fw;
	const struct conf_mark *in = &fw->x->conf->inbound_mark;

	for (size_t i = 0; in->mask && i < s->n_chains; i++)
		for (size_t j = 0; j < s->chains[i]->n_rules; j++) {
			const struct fw_rule *r = &s->chains[i]->rules[j];

			if (!fw_is_own(s->chains[i]->table) && looks_at(r, in) && !only_accepts(r))
				tell_shared(fw, r);
		}
	check_slice_marks(fw);
	return fw->failed ? -ENOMEM : 0;
}
