// SPDX-License-Identifier: GPL-2.0-or-later
/* Who else translates: SNAT before the claim, SNAT onto slice ports, DNAT inside the slice. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/owner.h"
#include "check/rules_fw.h"

/* ---- outwards: the slice must not be taken before the claim --------------------------------- */

static const char *slice_code(struct fwx *fw, const struct walk_meeting *m)
{
	switch (m->what) {
	case WALK_SNAT:
		/* at the claim's own priority the chain that was registered last is first */
		if (m->base->priority <= PRI_CLAIM)
			return "snat-before-claim";
		return fw_gives_other_address(fw, m) ? "snat-address" : NULL;
	case WALK_DNAT:
		return NULL; /* on the LAN side: the operator's wish, einat sees the outcome */
	case WALK_REDIRECT: /* a proxy, too */
	case WALK_TPROXY:
		return "tproxy-slice";
	case WALK_NOTRACK:
		return "notrack-slice";
	case WALK_OFFLOAD:
		return "flow-offload";
	case WALK_UNKNOWN:
		return "not-understood";
	case WALK_LIMIT:
		return "limit";
	case WALK_DROP:
	case WALK_REJECT:
	case WALK_QUEUE:
	case WALK_POLICY:
	case WALK_MARK:
	case WALK_CTSET:
	case WALK_DUP:
	case WALK_FWD:
	case WALK_WHAT_COUNT:
		break;
	}
	return NULL;
}

static void tell_outwards(struct fwx *fw, struct hit *h)
{
	const char *wan = fw->x->conf->name;
	struct finding *f;

	/* some ports, such as DNS: a service of this host, as the operator wishes */
	if (h->what == WALK_REDIRECT && (h->named & 1u << DIM_DPORT || fw_hit_few_ports(h, NULL)))
		return;
	f = fw_hit_finding(fw, h);
	if (!strcmp(h->code, "snat-before-claim")) {
		if (h->base->priority == PRI_CLAIM)
			f->will = false;
		finding_set(fw->x->fs, &f->what,
			    "this rule runs at priority %d, and einat's claim at %d: it translates "
			    "flows of the slice first",
			    h->base->priority, PRI_CLAIM);
		finding_set(
			fw->x->fs, &f->mend,
			"# hook its chain at priority srcnat (100), or confine the rule to sources "
			"that are not in the slice");
	} else if (!strcmp(h->code, "snat-address")) {
		fw_tell_other_address(fw, h, f);
	} else if (!strcmp(h->code, "notrack-slice")) {
		finding_set(fw->x->fs, &f->what,
			    "this rule takes packets that leave on %s out of connection tracking",
			    wan);
		finding_set(fw->x->fs, &f->mend, "# except the hosts of the slice from the rule");
	} else if (!strcmp(h->code, "tproxy-slice")) {
		finding_set(fw->x->fs, &f->what,
			    "this rule hands %s that would leave on %s to a local proxy",
			    h->what == WALK_REDIRECT ? "connections" : "packets", wan);
		finding_set(fw->x->fs, &f->mend, "# except the hosts of the slice from the rule");
	} else if (!strcmp(h->code, "flow-offload")) {
		finding_set(fw->x->fs, &f->what,
			    "this rule puts flows of the slice into a flowtable");
		f->will = false;
	}
}

/* ---- outwards: where others can put the rest --------------------------------------- */

static bool names_slice_port(const struct fwx *fw, const struct fw_op *op, unsigned protos)
{
	if (op && op->nat.port_any)
		return true; /* from a map whose ports are not known */
	for (unsigned p = 0; p < PROTO_COUNT && op && op->nat.port_lo; p++)
		if (protos & 1u << p && 1u << p != PROTO_ICMP &&
		    port_set_overlaps(&fw->x->slice[p], op->nat.port_lo,
				      op->nat.port_hi ? op->nat.port_hi : op->nat.port_lo))
			return true;
	return false;
}

/* Only what shares a protocol with the slice can take a port of it. */
static const char *rest_code(struct fwx *fw, const struct walk_meeting *m)
{
	unsigned protos = 0;

	if (m->what != WALK_SNAT)
		return NULL;
	for (size_t i = 0; i < m->packets->n; i++)
		protos |= box_protos(&m->packets->b[i]);
	for (unsigned p = 0; p < PROTO_COUNT; p++)
		if (!fw->x->slice[p].n)
			protos &= ~(1u << p);
	/* ports that lie elsewhere: what had one of the slice gets another */
	if (m->op && m->op->nat.port_lo && !names_slice_port(fw, m->op, protos))
		return NULL;
	if (protos && (names_slice_port(fw, m->op, protos) || m->base->priority < PRI_CLAIM ||
		       fw->x->conf->rest == REST_NONE))
		return "snat-slice-port";
	return NULL;
}

/* Its packet leaves on the external interface: not so if it is for a network at another one. */
static bool leaves_here(const struct fwx *fw, const struct box *b)
{
	struct net_list to = { 0 };
	bool inside = !box_nets(b, DIM_DADDR, &to);

	for (size_t i = 0; i < to.n && inside; i++) {
		bool in = false;

		for (size_t j = 0; j < fw->attached.n && !in; j++)
			in = fw->attached.p[j].len <= to.p[i].len &&
			     net_prefix_contains(&fw->attached.p[j], &to.p[i].addr);
		inside = in;
	}
	net_list_free(&to);
	return !inside;
}

static const char *any_snat(struct fwx *fw, const struct walk_meeting *m)
{
	(void)fw;
	return m->what == WALK_SNAT ? "rest-unnatted" : NULL;
}

/* What of the ports that @op gives out is in the slice, and the longest range that is not. */
static void mend_given(struct fwx *fw, const struct hit *h, struct finding *f)
{
	struct port_set left = { 0 };
	uint16_t lo = h->op->nat.port_lo, hi = h->op->nat.port_hi ? h->op->nat.port_hi : lo;
	char ports[32], other[16];
	bool failed = port_set_add(&left, lo, hi);

	for (unsigned p = 0; p < PROTO_COUNT && !failed; p++)
		if (h->protos & 1u << p && 1u << p != PROTO_ICMP)
			failed = port_set_subtract(&left, &fw->x->slice[p]);
	snprintf(ports, sizeof(ports), lo == hi ? "%s:%u" : "%s:%u-%u",
		 proto_name(h->protos & PROTO_UDP ? PROTO_UDP : PROTO_TCP), lo, hi);
	if (port_set_longest(&left, &lo, &hi) > 1)
		snprintf(other, sizeof(other), "%u-%u", lo, hi);
	else
		*other = '\0';
	f->mend = mend_ports(owner_of(fw->x->fw, h->chain, h->rule, f->text), ports,
			     *other ? other : NULL);
	fw->failed |= failed;
	port_set_free(&left);
}

static void tell_rest(struct fwx *fw, const struct hit *h)
{
	struct finding *f = fw_hit_finding(fw, h);

	if (h->op && h->op->nat.port_any)
		finding_set(fw->x->fs, &f->what,
			    "this rule gives out ports that a map names, perhaps of the slice");
	else if (names_slice_port(fw, h->op, h->protos) &&
		 (!h->op->nat.port_hi || h->op->nat.port_hi == h->op->nat.port_lo))
		finding_set(fw->x->fs, &f->what, "this rule gives out port %u of the slice",
			    h->op->nat.port_lo);
	else if (names_slice_port(fw, h->op, h->protos))
		finding_set(fw->x->fs, &f->what, "this rule gives out ports of the slice (%u-%u)",
			    h->op->nat.port_lo, h->op->nat.port_hi);
	else if (h->base->priority < PRI_CLAIM)
		finding_set(fw->x->fs, &f->what,
			    "this rule keeps source ports, those of the slice too, and runs before "
			    "einat can move them (priority %d)",
			    h->base->priority);
	else
		finding_set(fw->x->fs, &f->what,
			    "this rule keeps source ports, those of the slice too, and with --rest "
			    "none nothing moves them");
	f->will = false;
	/* nearly all ports: source ports are kept, and a port is drawn only where two flows clash
	 */
	if (h->op && h->op->nat.port_lo && h->op->nat.port_lo <= 1024 &&
	    h->op->nat.port_hi == 65535 && h->base->priority >= PRI_CLAIM)
		f->severity = SEV_NOTE;
	if (h->op && h->op->nat.port_any)
		finding_set(fw->x->fs, &f->mend, "# keep the ports of the slice out of the map");
	else if (names_slice_port(fw, h->op, h->protos))
		mend_given(fw, h, f);
	else if (h->base->priority < PRI_CLAIM)
		finding_set(fw->x->fs, &f->mend, "# hook its chain at priority srcnat (100)");
	else
		finding_set(fw->x->fs, &f->mend, "--rest auto");
}

/* ---- inbound: whose port is it? ---------------------------------------------------- */

static const char *inbound_code(struct fwx *fw, const struct walk_meeting *m)
{
	(void)fw;
	if (m->what == WALK_DNAT || m->what == WALK_REDIRECT)
		return "dnat-slice-port";
	if (m->what == WALK_TPROXY)
		return "tproxy-slice";
	if (m->what == WALK_UNKNOWN && m->base->nat)
		return "not-understood";
	return m->what == WALK_LIMIT && m->base->nat ? "limit" : NULL;
}

/* A static forward whose port this rule wants too. */
static void tell_shadowed(struct fwx *fw, const struct hit *h)
{
	for (size_t i = 0; i < fw->x->conf->n_forwards; i++) {
		const struct conf_forward *c = &fw->x->conf->forwards[i];
		unsigned p = c->proto == PROTO_UDP ? 0 : 1;
		struct hit shadow = *h;
		struct finding *f;

		if (!fw_hit_owns_ports(fw, h) || !port_set_contains(&h->ports[p], c->port))
			continue;
		shadow.code = "forward-shadowed";
		f = fw_hit_finding(fw, &shadow);
		finding_set(
			fw->x->fs, &f->what,
			"--forward %s:%u and this rule both want the port; einat's binding wins",
			proto_name(c->proto), c->port);
		finding_set(fw->x->fs, &f->mend, "# remove this rule, or the --forward");
	}
}

/* @list: "udp:25000,tcp:25000-25009", as --exclude-ports takes it; @words: for people. */
struct owned {
	char *list, *words;
	unsigned n;
};

static void owned_free(struct owned *o)
{
	free(o->list);
	free(o->words);
}

static int owned_add(struct owned *o, const char *proto, const struct port_set *s)
{
	char *ports = port_set_format(s), *list = NULL, *words = NULL;
	bool one = port_set_count(s) == 1, more = o->n;

	if (!ports ||
	    asprintf(&list, "%s%s%s:%s", more ? o->list : "", more ? "," : "", proto, ports) < 0)
		list = NULL;
	if (!ports || asprintf(&words, "%s%s%s port%s %s", more ? o->words : "",
			       more ? " and " : "", proto, one ? "" : "s", ports) < 0)
		words = NULL;
	free(ports);
	owned_free(o);
	o->list = list;
	o->words = words;
	o->n += port_set_count(s);
	return list && words ? 0 : -ENOMEM;
}

static int tell_dnat(struct fwx *fw, const struct hit *h)
{
	struct mend_ask ask = { .snap = fw->x->fw, .chain = h->chain, .ifname = fw->x->conf->name };
	struct owned own = { 0 };
	struct finding *f;
	int ret = 0;

	if (!fw_hit_owns_ports(fw, h)) {
		/* a DMZ host: it gets what nobody else takes, and owns no port */
		f = fw_hit_finding(fw, h);
		f->severity = SEV_NOTE;
		finding_set(fw->x->fs, &f->what,
			    "this rule takes whatever comes in without a binding, slice ports too; "
			    "bindings come first");
		return 0;
	}
	for (unsigned p = 0; p < PROTO_COUNT && !ret; p++)
		if (h->ports[p].n)
			ret = owned_add(&own, proto_name(1u << p), &h->ports[p]);
	if (ret || !own.n) {
		owned_free(&own);
		return ret;
	}
	f = fw_hit_finding(fw, h);
	ask.owner = owner_of(fw->x->fw, h->chain, h->rule, f->text);
	finding_set(fw->x->fs, &f->what, "%s of the slice %s to this rule; einat leaves %s alone",
		    own.words,
		    !h->will	 ? "can belong"
		    : own.n == 1 ? "belongs"
				 : "belong",
		    own.n == 1 ? "it" : "them");
	f->mend = mend_dnat(&ask, own.list);
	owned_free(&own);
	/* only those of the slice are taken from it, and only for certain */
	for (unsigned p = 0; p < PROTO_COUNT && !ret && h->will; p++)
		for (size_t i = 0; i < h->ports[p].n && !ret; i++)
			ret = check_take(fw->x, p, h->ports[p].r[i].lo, h->ports[p].r[i].hi);
	tell_shadowed(fw, h);
	return ret;
}

/* What has been said of the rule for packets that leave: the other way is said beside it. */
static struct finding *said_outwards(struct fwx *fw, const struct hit *h)
{
	struct findings *fs = fw->x->fs;

	for (size_t i = 0; i < fs->n; i++)
		if (!strcmp(fs->f[i].code->name, h->code) && fs->f[i].rule == h->rule && h->rule)
			return &fs->f[i];
	return NULL;
}

static void tell_inbound(struct fwx *fw, const struct hit *h)
{
	struct finding *f = said_outwards(fw, h);

	if (f && !strcmp(h->code, "tproxy-slice")) {
		f->will |= h->will;
		finding_set(fw->x->fs, &f->what,
			    "this rule hands what would leave on %s, and what comes in to ports of "
			    "the slice, to a local proxy",
			    fw->x->conf->name);
		finding_set(fw->x->fs, &f->mend,
			    "# except the hosts of the slice from the rule, and confine it to "
			    "packets that do not enter on %s",
			    fw->x->conf->name);
		return;
	}
	f = fw_hit_finding(fw, h);
	if (strcmp(h->code, "tproxy-slice"))
		return;
	finding_set(fw->x->fs, &f->what,
		    "this rule hands what comes in to ports of the slice to a local proxy");
	finding_set(fw->x->fs, &f->mend, "# confine it to packets that do not enter on %s",
		    fw->x->conf->name);
}

/* ---- all of it --------------------------------------------------------------------- */

static int ask(struct fwx *fw, enum walk_path path, void (*describe)(struct fwx *, struct region *),
	       const char *(*code_of)(struct fwx *, const struct walk_meeting *))
{
	struct region r = { 0 };
	int ret;

	fw_clear_hits(fw);
	fw->code_of = code_of;
	fw->box_counts = path == WALK_OUTWARDS ? leaves_here : NULL;
	fw->by_chain = false;
	describe(fw, &r);
	ret = fw_walk(fw, path, &r, true);
	region_clear(&r);
	return ret;
}

/* Following all packets through all rules is work: is there a rule that could put them there? */
static bool rest_matters(const struct fwx *fw)
{
	const struct fw_snapshot *s = fw->x->fw;

	if (fw->x->conf->rest == REST_NONE)
		return true;
	for (size_t i = 0; i < s->n_chains; i++) {
		const struct fw_chain *c = s->chains[i];

		if (fw_is_own(c->table))
			continue;
		if (c->nat && c->hook == FW_POSTROUTING && c->priority < PRI_CLAIM)
			return true;
		for (size_t j = 0; j < c->n_rules; j++)
			for (size_t k = 0; k < c->rules[j].n_ops; k++)
				if ((c->rules[j].ops[k].kind == FW_SNAT ||
				     c->rules[j].ops[k].kind == FW_NETMAP) &&
				    names_slice_port(fw, &c->rules[j].ops[k], PROTO_ALL))
					return true;
	}
	return false;
}

static int check_rest(struct fwx *fw)
{
	struct finding *f;
	int ret;

	if (!rest_matters(fw))
		return 0;
	ret = ask(fw, WALK_OUTWARDS, fw_region_outwards, rest_code);
	for (size_t i = 0; i < fw->n_hit && !ret; i++)
		tell_rest(fw, &fw->hit[i]);
	if (ret || fw->x->conf->rest != REST_NONE)
		return ret;
	ret = ask(fw, WALK_OUTWARDS, fw_region_outwards, any_snat);
	if (ret || fw->n_hit)
		return ret;
	f = finding_add(fw->x->fs, "rest-unnatted");
	finding_set(fw->x->fs, &f->where, "interface %s", fw->x->conf->name);
	finding_set(fw->x->fs, &f->what,
		    "--rest none, and no masquerade or SNAT rule for what leaves on %s",
		    fw->x->conf->name);
	finding_set(fw->x->fs, &f->mend, "--rest auto");
	return 0;
}

int fw_check_nat(struct fwx *fw)
{
	int ret = ask(fw, WALK_OUTWARDS, fw_region_slice, slice_code);

	for (size_t i = 0; i < fw->n_hit && !ret; i++)
		tell_outwards(fw, &fw->hit[i]);
	if (!ret)
		ret = check_rest(fw);
	if (!ret)
		ret = ask(fw, WALK_INBOUND, fw_region_inbound, inbound_code);
	for (size_t i = 0; i < fw->n_hit && !ret; i++) {
		if (!strcmp(fw->hit[i].code, "dnat-slice-port"))
			ret = tell_dnat(fw, &fw->hit[i]);
		else
			tell_inbound(fw, &fw->hit[i]);
	}
	if (!ret)
		fw_tell_left_out(fw);
	fw_clear_hits(fw);
	return ret;
}
