// SPDX-License-Identifier: GPL-2.0-or-later
/* Stateless prefix translation: what is claimed, and flows that must not outlive it. */
#include <string.h>

#include "src/flows.h"
#include "src/instance_impl.h"
#include "src/log.h"
#include "src/route.h"

static bool has(const struct net_list *l, const struct net_prefix *p)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->p[i].len == p->len && net_addr_eq(&l->p[i].addr, &p->addr))
			return true;
	return false;
}

void instance_claim_less_prefixes(struct plan *both, const struct plan *old)
{
	const struct net_list *o = &old->nft.npt_claim;
	bool same = both->nft.npt_claim.n == o->n;

	for (size_t i = 0; i < o->n && same; i++)
		same = has(&both->nft.npt_claim, &o->p[i]);
	if (!same)
		net_list_free(&both->nft.npt_claim);
}

static int find_gone(const struct instance *inst, const struct net_list *now, struct net_list *gone)
{
	int ret = 0;

	for (size_t i = 0; i < inst->npt_claimed.n && !ret; i++)
		if (!has(now, &inst->npt_claimed.p[i]))
			ret = net_list_add(gone, &inst->npt_claimed.p[i]);
	return ret;
}

static int note_claimed(struct instance *inst, const struct net_list *now)
{
	int ret = 0;

	net_list_free(&inst->npt_claimed);
	for (size_t i = 0; i < now->n && !ret; i++)
		ret = net_list_add(&inst->npt_claimed, &now->p[i]);
	return ret;
}

/* An address in @p that a host may have, hardly this one; of a network that is here if there is
 * any. */
static struct net_addr host_of(const struct net_prefix *p, const struct net_list *onlink)
{
	struct net_addr host = p->addr;

	for (size_t i = 0; i < onlink->n; i++)
		if (onlink->p[i].len >= p->len && net_prefix_contains(p, &onlink->p[i].addr))
			host = onlink->p[i].addr;
	host.b[8] |= 2;
	return host;
}

bool instance_npt_elsewhere(struct instance *inst)
{
	struct ct_flow far = { .proto = PROTO_UDP,
			       .dst = { .b = { 0x20, [15] = 1 } } }; /* nobody's: 2000::/16 */
	bool here = false, elsewhere = false;
	struct net_list onlink = { 0 };
	struct route_query *rq;
	struct err err;

	if (!inst->npt_claimed.n)
		return false;
	if (link_onlink6(inst->link.ifindex, &onlink, &err) || route_query_open(&rq, &err)) {
		log_error("%s: %s", inst->cif->name, err.text);
		net_list_free(&onlink);
		return false;
	}
	for (size_t i = 0; i < inst->npt_claimed.n; i++) {
		int oif;

		far.src = host_of(&inst->npt_claimed.p[i], &onlink);
		oif = route_flow(rq, &far);
		here |= oif && oif == inst->link.ifindex;
		elsewhere |= oif && oif != inst->link.ifindex;
	}
	route_query_close(rq);
	net_list_free(&onlink);
	if (here)
		inst->npt_elsewhere = inst->npt_looked = false;
	/* no way: it may have been by the link, and soon be by another interface */
	return elsewhere && !here;
}

const struct net_list *instance_npt_keep(const struct instance *inst)
{
	return inst->plan && !inst->npt_elsewhere ? &inst->plan->nft.npt_keep : NULL;
}

void instance_forget_prefixes(struct instance *inst, const struct plan *plan, bool done)
{
	struct net_list gone = { 0 };
	struct err err = { "out of memory" };
	bool first = !inst->npt_claimed.n;
	int ret = find_gone(inst, &plan->nft.npt_internal, &gone);

	if (!ret && gone.n) {
		ct_set_ipv6(inst->ct, true); /* this change may have turned it off */
		if (!done)
			instance_handover_begin(inst, HANDOVER_PREFIXES, &gone);
		ret = flows_purge_prefixes(inst->ct,
					   &(struct flows_scope){ .prefixes = &gone,
								  .keep = instance_npt_keep(inst),
								  .fresh = &inst->networks.fresh },
					   &inst->link, &err);
		ct_set_ipv6(inst->ct, conf_uses_ipv6(inst->cif));
	}
	if (ret >= 0 && done)
		ret = note_claimed(inst, &plan->nft.npt_internal);
	if (done && first && instance_npt_elsewhere(inst))
		inst->npt_elsewhere = true; /* nothing was claimed before */
	if (ret < 0)
		log_error("%s: flows of prefixes that are translated no more: %s", inst->cif->name,
			  err.text);
	net_list_free(&gone);
}
