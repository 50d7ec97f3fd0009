// SPDX-License-Identifier: GPL-2.0-or-later
/* Marks: who else looks at einat's, and does anyone set the one that chooses the slice? */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check/owner.h"
#include "check/rules_fw.h"

static const char *shared_code(struct fwx *fw, const struct walk_meeting *m)
{
	(void)fw;
	if (m->hook == FW_INPUT)
		return NULL;
	if (walk_drops(m->what))
		return "mark-shared";
	switch (m->what) {
	case WALK_SNAT:
	case WALK_DNAT:
	case WALK_REDIRECT:
	case WALK_TPROXY:
	case WALK_QUEUE:
	case WALK_NOTRACK:
		return "mark-shared";
	case WALK_DROP:
	case WALK_REJECT:
	case WALK_POLICY:
	case WALK_MARK:
	case WALK_OFFLOAD:
	case WALK_CTSET:
	case WALK_DUP:
	case WALK_FWD:
	case WALK_UNKNOWN:
	case WALK_LIMIT:
	case WALK_WHAT_COUNT:
		break;
	}
	return NULL;
}

static const char *done_to(enum walk_what what)
{
	switch (what) {
	case WALK_SNAT:
		return "gives another source to";
	case WALK_DNAT:
	case WALK_REDIRECT:
	case WALK_TPROXY:
		return "redirects";
	case WALK_QUEUE:
		return "hands to a program";
	case WALK_NOTRACK:
		return "exempts from connection tracking";
	default:
		return "drops";
	}
}

static void tell_shared(struct fwx *fw, const struct hit *h)
{
	const struct conf_mark *in = &fw->x->conf->inbound_mark;
	struct finding *f = fw_hit_finding(fw, h);

	finding_set(fw->x->fs, &f->what,
		    "this rule %s%s what einat marks with 0x%x/0x%x, and not what has no mark",
		    h->will ? "" : "perhaps ", done_to(h->what), in->value, in->mask);
	finding_set(fw->x->fs, &f->mend, "--inbound-mark 0x10000000/0x10000000");
}

static int meet_marked(struct fwx *fw, bool marked)
{
	struct region r = { 0 };
	int ret;

	fw_region_inwards(fw, &r, false);
	if (!marked)
		region_set_mark(&r, 0, UINT32_MAX);
	ret = fw_walk(fw, WALK_INWARDS, &r, true);
	region_clear(&r);
	return ret;
}

/* Rules that packets with the mark meet, and the same packets without it do not. */
static int check_shared(struct fwx *fw)
{
	struct hit *with;
	size_t n_with;
	int ret;

	fw->code_of = shared_code;
	fw->box_counts = NULL;
	fw->by_chain = fw->reply = false;
	ret = meet_marked(fw, true);
	with = fw->hit;
	n_with = fw->n_hit;
	fw->hit = NULL;
	fw->n_hit = 0;
	if (!ret && n_with)
		ret = meet_marked(fw, false);
	for (size_t i = 0; i < n_with && !ret; i++) {
		bool anyway = false;

		for (size_t j = 0; j < fw->n_hit; j++)
			anyway |=
				fw->hit[j].rule == with[i].rule && fw->hit[j].base == with[i].base;
		if (!anyway)
			tell_shared(fw, &with[i]);
	}
	fw_clear_hits(fw);
	fw->hit = with;
	fw->n_hit = n_with;
	fw_clear_hits(fw);
	return ret;
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
	int ret = fw->x->conf->inbound_mark.mask ? check_shared(fw) : 0;

	check_slice_marks(fw);
	return !ret && fw->failed ? -ENOMEM : ret;
}
