// SPDX-License-Identifier: GPL-2.0-or-later
/* Meetings of packets with rules, gathered by rule and turned into findings. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check/owner.h"
#include "check/rules_fw.h"
#include "nft/table.h"
#include "nft/text.h"

bool fw_is_own(const struct fw_table *t)
{
	return !t->legacy && nft_table_is_own(t->name);
}

static bool skip_own(const struct walk *w, const struct fw_chain *base)
{
	(void)w;
	return fw_is_own(base->table);
}

bool walk_drops(enum walk_what what)
{
	return what == WALK_DROP || what == WALK_REJECT || what == WALK_POLICY;
}

static void add_other(struct hit *h, const struct fw_rule *r)
{
	for (unsigned i = 0; i < h->more; i++)
		if (h->others[i] == r)
			return;
	if (h->more < sizeof(h->others) / sizeof(*h->others))
		h->others[h->more++] = r;
}

static struct hit *hit_for(struct fwx *fw, const char *code, const struct walk_meeting *m)
{
	struct hit *grown;

	for (size_t i = 0; i < fw->n_hit; i++) {
		struct hit *h = &fw->hit[i];

		if (strcmp(h->code, code) || h->base != m->base)
			continue;
		if (h->rule == m->rule)
			return h;
		if (fw->by_chain && (walk_drops(m->what) || m->what == WALK_MARK)) {
			add_other(h, m->rule);
			return h;
		}
	}
	grown = realloc(fw->hit, (fw->n_hit + 1) * sizeof(*grown));
	if (!grown)
		return NULL;
	fw->hit = grown;
	grown[fw->n_hit] = (struct hit){ .code = code,
					 .what = m->what,
					 .base = m->base,
					 .chain = m->rule ? m->rule->chain : m->base,
					 .rule = m->rule,
					 .op = m->op,
					 .named = UINT16_MAX };
	return &grown[fw->n_hit++];
}

void fw_clear_hits(struct fwx *fw)
{
	for (size_t i = 0; i < fw->n_hit; i++)
		for (unsigned p = 0; p < PROTO_COUNT; p++)
			port_set_free(&fw->hit[i].ports[p]);
	free(fw->hit);
	fw->hit = NULL;
	fw->n_hit = 0;
}

static int add_ports(struct hit *h, const struct box *b)
{
	unsigned protos = box_protos(b);
	int ret = 0;

	h->protos |= protos;
	for (unsigned p = 0; p < PROTO_COUNT && !ret; p++)
		if (protos & 1u << p && 1u << p != PROTO_ICMP)
			ret = box_ports(b, DIM_DPORT, &h->ports[p]);
	return ret;
}

/* A certain meeting shows better what happens than one that may be. */
static void take_example(struct fwx *fw, struct hit *h, const struct walk_meeting *m,
			 const struct box *b)
{
	const struct region one = { (struct box *)b, 1, false };
	struct packet_example ex;

	if (h->example[0] && (h->will || !b->certain))
		return;
	if (b->certain && !h->will) {
		for (unsigned i = 0; i < h->more; i++)
			if (h->others[i] == m->rule)
				h->others[i] = h->rule;
		h->rule = m->rule;
		h->op = m->op;
		h->what = m->what;
		h->chain = m->rule ? m->rule->chain : m->base;
	}
	if (region_example(fw->space, &one, &ex))
		packet_text(&ex, h->example, sizeof(h->example));
}

static int meet(struct walk *w, const struct walk_meeting *m)
{
	struct fwx *fw = w->data;
	const char *code = fw->code_of(fw, m);
	struct hit *h = NULL;
	int ret = 0;

	if (!code)
		return 0;
	for (size_t i = 0; i < m->packets->n && !ret; i++) {
		const struct box *b = &m->packets->b[i];

		if (fw->box_counts && !fw->box_counts(fw, b))
			continue;
		if (!h)
			h = hit_for(fw, code, m);
		if (!h)
			return -ENOMEM;
		take_example(fw, h, m, b);
		h->will |= b->certain && m->what != WALK_UNKNOWN && m->what != WALK_LIMIT;
		h->named &= b->named;
		ret = add_ports(h, b);
	}
	return ret;
}

int fw_walk(struct fwx *fw, enum walk_path path, struct region *r, bool apart)
{
	struct walk w = { .space = fw->space,
			  .snap = fw->x->fw,
			  .skip = skip_own,
			  .meet = meet,
			  .data = fw,
			  .apart = apart };
	int ret = walk_path(&w, path, r);

	if (!ret)
		ret = space_error(fw->space);
	return !ret && fw->failed ? -ENOMEM : ret;
}

struct finding *fw_hit_finding(struct fwx *fw, const struct hit *h)
{
	const struct fw_snapshot *snap = fw->x->fw;
	struct findings *fs = fw->x->fs;
	struct finding *f = finding_add(fs, h->code);
	const char *owner;

	f->will = h->will;
	f->where = chain_place(snap, h->chain, h->rule);
	if (h->rule)
		f->text = rule_text(snap, h->rule, 0);
	else if (h->what == WALK_POLICY)
		finding_set(fs, &f->text, "policy drop");
	if (!f->where || (h->rule && !f->text))
		fs->failed = true;
	owner = owner_name(owner_of(snap, h->chain, h->rule, f->text));
	if (owner)
		finding_set(fs, &f->owner, "%s", owner);
	if (h->example[0])
		finding_set(fs, &f->example, "%s", h->example);
	finding_set(fs, &f->family, "%s", family_text(h->chain->table->family));
	finding_set(fs, &f->table, "%s", h->chain->table->name);
	finding_set(fs, &f->chain, "%s", h->chain->name);
	f->handle = h->rule ? h->rule->handle : 0;
	f->rule = h->rule;
	return f;
}
