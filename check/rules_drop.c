// SPDX-License-Identifier: GPL-2.0-or-later
/* What einat has translated inwards: who drops it, takes it away or changes its mark? */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>

#include "check/owner.h"
#include "check/rules_fw.h"
#include "nft/text.h"

/*
 * Rules that pick ports and rules that take all are two hits of one base chain: what an operator
 * has closed by number is not to be opened together with the rest. Codes of this file alone.
 */
#define INBOUND_PORTS "drop-inbound, ports"
#define REPLIES_PORTS "drop-replies, ports"

static bool concerns(const struct fwx *fw, const struct box *b);

static bool picks_ports(struct fwx *fw, const struct walk_meeting *m)
{
	for (size_t i = 0; i < m->packets->n; i++)
		if (concerns(fw, &m->packets->b[i]) && !box_picks_ports(fw, &m->packets->b[i]))
			return false;
	return true;
}

static void note_unmarking(struct fwx *fw, const struct walk_meeting *m)
{
	const struct conf_mark *mark = &fw->x->conf->inbound_mark;
	uint32_t bits = ~m->op->setmark.keep | m->op->setmark.xor | m->op->setmark.unknown;

	if (fw->unmarks || !(bits & (mark->mask ? mark->mask : FREE_MARK)))
		return;
	fw->unmarks = m->rule;
	fw->unmarks_base = m->base;
}

static const char *both(struct fwx *fw, const struct walk_meeting *m, const char *drop)
{
	const struct conf_mark *mark = &fw->x->conf->inbound_mark;

	/* what a DNAT rule sends to this host is another finding */
	if (m->hook == FW_INPUT)
		return NULL;
	if (walk_drops(m->what))
		return drop;
	switch (m->what) {
	case WALK_DNAT:
	case WALK_REDIRECT:
		return "dnat-translated";
	case WALK_TPROXY:
		return "tproxy-slice";
	case WALK_QUEUE:
		return "queue-slice";
	case WALK_NOTRACK:
		return "notrack-slice";
	case WALK_OFFLOAD:
		return "flow-offload";
	case WALK_UNKNOWN:
		return "not-understood";
	case WALK_LIMIT:
		return "limit";
	case WALK_MARK:
		/* later than any chain that could accept it */
		if (m->hook == FW_POSTROUTING)
			return NULL;
		note_unmarking(fw, m);
		return mark->mask & (~m->op->setmark.keep | m->op->setmark.xor |
				     m->op->setmark.unknown)
			       ? "mark-overwritten"
			       : NULL;
	case WALK_SNAT:
	case WALK_DROP:
	case WALK_REJECT:
	case WALK_POLICY:
	case WALK_CTSET:
	case WALK_DUP:
	case WALK_FWD:
	case WALK_WHAT_COUNT:
		break;
	}
	return NULL;
}

static const char *new_code(struct fwx *fw, const struct walk_meeting *m)
{
	return both(fw, m, picks_ports(fw, m) ? INBOUND_PORTS : "drop-inbound");
}

/* A reply's connection has had its NAT decided when it began. */
static const char *reply_code(struct fwx *fw, const struct walk_meeting *m)
{
	if (!walk_drops(m->what))
		return NULL;
	return both(fw, m, picks_ports(fw, m) ? REPLIES_PORTS : "drop-replies");
}

/*
 * A list of remote addresses that are not wanted is the operator's wish; what a DNAT rule has
 * taken elsewhere is a finding of its own.
 */
static bool concerns(const struct fwx *fw, const struct box *b)
{
	/* DNAT leaves the bit in doubt: it may have been to the same address */
	if (!fw->reply && b->status.fuzzy & IPS_DST_NAT)
		return false;
	return !(b->named & 1u << DIM_SADDR);
}

/* einat can insert its accept rule there: see nft/open.h. */
static bool can_open(const struct fwx *fw, const struct hit *h, const struct finding *f)
{
	int family = h->chain->table->family;

	/* a name that had to be made printable names nothing */
	if (strcmp(f->table, h->chain->table->name) || strcmp(f->chain, h->chain->name))
		return false;
	return !h->chain->table->owned && table_tool(fw->x->fw, h->chain->table) == TEXT_NFT &&
	       !h->base->nat &&
	       (family == NFPROTO_INET || family == NFPROTO_IPV4 || family == NFPROTO_IPV6);
}

static bool behind_routing(const struct hit *h)
{
	return h->base->hook == FW_FORWARD || h->base->hook == FW_POSTROUTING;
}

static struct mend_ask mend_ask(const struct fwx *fw, const struct hit *h, const char *text)
{
	const struct conf_if *conf = fw->x->conf;

	return (struct mend_ask){ .snap = fw->x->fw,
				  .chain = h->chain,
				  .base = h->base,
				  .more = h->more,
				  .owner = owner_of(fw->x->fw, h->chain, h->rule, text),
				  .ifname = conf->name,
				  .behind_routing = behind_routing(h),
				  .handle = h->rule ? h->rule->handle : 0,
				  .mark = conf->inbound_mark.value,
				  .mask = conf->inbound_mark.mask };
}

#define MORE_SIZE 64

static void more_text(const struct hit *h, char *buf)
{
	*buf = '\0';
	if (h->more)
		snprintf(buf, MORE_SIZE, " (and %u more rule%s under %s)", h->more,
			 h->more == 1 ? "" : "s", h->base->name);
}

static bool is_destination(enum fw_field f)
{
	return f == FW_F_DADDR4 || f == FW_F_DADDR6 || f == FW_F_DADDRTYPE;
}

/* Does the rule ask where the packet goes, which einat has changed by then? */
static bool looks_at_destination(const struct hit *h)
{
	for (size_t i = 0; h->rule && i < h->rule->n_ops; i++) {
		const struct fw_op *op = &h->rule->ops[i];

		if (op->kind == FW_MATCH && is_destination(op->match.field))
			return true;
		for (size_t j = 0; op->kind == FW_LOOKUP && j < op->lookup.n_sel; j++)
			if (is_destination(op->lookup.sel[j].field))
				return true;
	}
	return !h->rule || (h->named & 1u << DIM_DADDR);
}

/*
 * A masqueraded connection's reply looks the same behind the routing decision; and to a rule that
 * may drop whatever comes in, such as a limit, it does so anywhere.
 */
static bool like_masqueraded(const struct hit *h)
{
	return behind_routing(h) || (!h->will && !looks_at_destination(h));
}

/* An accept rule that looks for the mark is no use where the mark is gone by then. */
static void add_unmarking(struct fwx *fw, const struct hit *h, struct finding *f)
{
	const struct fw_chain *before = fw->unmarks_base;
	char *place;

	if (!f->mend || !fw->unmarks || !strstr(f->mend, "mark") || before->hook > h->base->hook ||
	    (before->hook == h->base->hook && before->priority >= h->base->priority))
		return;
	place = chain_place(fw->x->fw, fw->unmarks->chain, fw->unmarks);
	if (place)
		finding_set(fw->x->fs, &f->mend,
			    "# first confine %s to packets that do not enter on %s: it overwrites "
			    "the mark\n%s",
			    place, fw->x->conf->name, f->mend);
	free(place);
}

static void tell_drop(struct fwx *fw, const struct hit *h, bool reply)
{
	struct finding *f = fw_hit_finding(fw, h);
	struct mend_ask ask = mend_ask(fw, h, f->text);
	const char *some = fw_hit_few_ports(h, NULL) ? ", for some internal ports" : "";
	char more[MORE_SIZE];

	more_text(h, more);
	finding_set(fw->x->fs, &f->what, "%s %s %s%s%s",
		    h->rule ? "this rule" : "the policy of this chain",
		    h->will ? "drops" : "can drop",
		    reply ? "replies to flows of the slice"
			  : "new connections to bindings of the slice",
		    some, more);
	/* behind the routing decision a masqueraded connection's reply looks the same */
	if (reply && like_masqueraded(h)) {
		f->severity = SEV_WARNING;
		finding_set(
			fw->x->fs, &f->what,
			"%s %s what comes back to internal hosts, masqueraded connections too%s%s",
			h->rule ? "this rule" : "the policy of this chain",
			h->will ? "drops" : "can drop", some, more);
	}
	/* some ports of the inside that are not to be reached: the operator knows */
	if (*some)
		f->severity = SEV_NOTE;
	ask.can_open = f->severity != SEV_NOTE && f->table && f->chain && can_open(fw, h, f);
	f->can_open = !reply && ask.can_open;
	f->mend = reply ? mend_replies(&ask) : mend_accept(&ask);
	add_unmarking(fw, h, f);
	if (f->mend && f->severity == SEV_NOTE)
		finding_set(fw->x->fs, &f->mend,
			    "# nothing, if these ports are meant to be closed; else:\n%s", f->mend);
}

/* A forward that matches the port alone takes bindings with that internal port: only those. */
static void tell_dnat(struct fwx *fw, const struct hit *h, struct finding *f)
{
	bool some = (h->named & 1u << DIM_DPORT) || fw_hit_few_ports(h, NULL);
	char buf[NET_ADDR_STRLEN];
	struct mend_ask ask;

	if (some)
		f->severity = SEV_WARNING;
	finding_set(fw->x->fs, &f->what, "this rule sends %s somewhere else",
		    some ? "new connections to bindings whose internal port it names"
			 : "what einat has translated inwards");
	if (!fw->x->external.n)
		return;
	net_addr_format(&fw->x->external.p[0].addr, buf);
	ask = mend_ask(fw, h, f->text);
	ask.redirect = h->what == WALK_REDIRECT;
	ask.any_iif = !(h->named & 1u << DIM_IIF);
	f->mend = mend_confine(&ask, buf);
}

static void tell_overwritten(struct fwx *fw, const struct hit *h, struct finding *f)
{
	const struct conf_mark *in = &fw->x->conf->inbound_mark;
	const struct fw_setmark *m = &h->op->setmark;
	char more[MORE_SIZE];

	more_text(h, more);
	finding_set(fw->x->fs, &f->what,
		    "this rule changes bits of einat's inbound mark 0x%x/0x%x%s", in->value,
		    in->mask, more);
	if ((m->keep & ~m->xor &~m->unknown) & FREE_MARK)
		finding_set(fw->x->fs, &f->mend, "--inbound-mark 0x%x/0x%x", FREE_MARK, FREE_MARK);
	else
		finding_set(
			fw->x->fs, &f->mend,
			"# this rule writes the whole mark: no bits are left for einat; confine "
			"it to packets that do not enter on %s",
			fw->x->conf->name);
}

/* The mark alone brings packets to this rule: that has been said, and other bits mend it. */
static bool told_as_shared(const struct fwx *fw, const struct hit *h)
{
	const struct findings *fs = fw->x->fs;
	bool told = false;

	for (size_t i = 0; i < fs->n && h->rule; i++)
		told |= !strcmp(fs->f[i].code->name, "mark-shared") && fs->f[i].rule == h->rule;
	return told && !h->more;
}

static void tell(struct fwx *fw, const struct hit *h)
{
	struct finding *f;

	if (told_as_shared(fw, h))
		return;
	if (!strcmp(h->code, "drop-inbound") || !strcmp(h->code, "drop-replies")) {
		tell_drop(fw, h, !strcmp(h->code, "drop-replies"));
		return;
	}
	f = fw_hit_finding(fw, h);
	if (!strcmp(h->code, "dnat-translated"))
		tell_dnat(fw, h, f);
	else if (!strcmp(h->code, "mark-overwritten"))
		tell_overwritten(fw, h, f);
	else if (!strcmp(h->code, "tproxy-slice") || !strcmp(h->code, "notrack-slice"))
		finding_set(fw->x->fs, &f->mend, "# confine it to packets that do not enter on %s",
			    fw->x->conf->name);
}

static int ask(struct fwx *fw, bool reply,
	       const char *(*code_of)(struct fwx *, const struct walk_meeting *))
{
	struct region r = { 0 };
	int ret;

	fw->code_of = code_of;
	fw->box_counts = concerns;
	fw->by_chain = true;
	fw->reply = reply;
	fw->unmarks = NULL;
	fw_region_inwards(fw, &r, reply);
	ret = fw_walk(fw, WALK_INWARDS, &r, true);
	region_clear(&r);
	for (size_t i = 0; i < fw->n_hit && !ret; i++) {
		if (!strcmp(fw->hit[i].code, INBOUND_PORTS))
			fw->hit[i].code = "drop-inbound";
		else if (!strcmp(fw->hit[i].code, REPLIES_PORTS))
			fw->hit[i].code = "drop-replies";
		tell(fw, &fw->hit[i]);
	}
	fw_clear_hits(fw);
	return ret;
}

int fw_check_drops(struct fwx *fw)
{
	int ret = ask(fw, false, new_code);

	return ret ? ret : ask(fw, true, reply_code);
}
