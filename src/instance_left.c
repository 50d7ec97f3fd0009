// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * To conntrack a connection is claimed for ever, and its binding expires. The packet that comes
 * next makes another one, if a slice takes it; else it would leave with its internal source. Slices
 * do not take what a change has taken out of them, what goes to an excluded destination (an answer
 * to a call from there, or a flow that is older than the exclusion), or what has no mark where only
 * a connection's first packet is marked.
 */
#include <stdlib.h>

#include "lib/array.h"
#include "src/instance_impl.h"
#include "src/log.h"

static int note(const struct binding *b, void *data)
{
	struct instance *inst = data;
	struct flow_ends *left = &inst->left;
	struct flow_end *grown;

	if (!flows_may_leave(inst->plan, b->proto, &b->internal))
		return 0;
	grown = array_room(left->p, left->n, sizeof(*grown));
	if (!grown)
		return -1;
	left->p = grown;
	left->p[left->n++] = (struct flow_end){ .addr = b->internal,
						.port = b->iport,
						.proto = (uint8_t)b->proto };
	return 0;
}

/* Ascending, and each one once. The memory stays, which note() relies on. */
static void tidy(struct flow_ends *left)
{
	size_t n = 0;

	if (left->n)
		qsort(left->p, left->n, sizeof(*left->p), flow_end_cmp);
	for (size_t i = 0; i < left->n; i++)
		if (!n || flow_end_cmp(&left->p[n - 1], &left->p[i]))
			left->p[n++] = left->p[i];
	left->n = n;
}

void instance_note_left(struct instance *inst)
{
	if (inst->engine && inst->plan &&
	    dataplane_foreach(engine_dataplane(inst->engine), note, inst))
		log_error("%s: no memory for the flows that may leave the slices", inst->cif->name);
	tidy(&inst->left);
}

void instance_purge_left(struct instance *inst)
{
	struct err err;

	if (!inst->engine || !inst->plan)
		return;
	if (inst->left.n && flows_purge_left(inst->ct, engine_dataplane(inst->engine), &inst->left,
					     inst->plan, &inst->link, &err) < 0) {
		log_error("%s: flows that have left the slices: %s", inst->cif->name, err.text);
		return;
	}
	inst->left.n = 0;
	instance_note_left(inst);
}

static bool same_list(const struct net_list *a, const struct net_list *b)
{
	bool same = a->n == b->n;

	for (size_t i = 0; i < a->n && same; i++)
		same = a->p[i].len == b->p[i].len && net_addr_eq(&a->p[i].addr, &b->p[i].addr);
	return same;
}

/* Do both plans' slices take the same flows? Their ports do not matter. */
static bool same_slices(const struct plan *a, const struct plan *b)
{
	bool same = a->cfg.n_slices == b->cfg.n_slices;

	for (size_t i = 0; i < a->cfg.n_slices && same; i++) {
		const struct einat_cfg_slice *x = &a->cfg.slices[i], *y = &b->cfg.slices[i];
		const struct nft_slice *v = &a->nft.slices[i], *w = &b->nft.slices[i];

		same = x->protos == y->protos && x->mark == y->mark &&
		       x->mark_mask == y->mark_mask && same_list(&v->internal, &w->internal) &&
		       same_list(&v->not_internal, &w->not_internal) &&
		       same_list(&v->exclude_dest, &w->exclude_dest);
	}
	return same;
}

void instance_forget_dropped(struct instance *inst, const struct plan *plan)
{
	const struct plan *old = inst->plan;
	const struct dataplane *dp;
	bool off = old && old->ipv6 && !plan->ipv6;
	struct err err;
	int ret = 0;

	if (!old || !inst->engine || same_slices(old, plan))
		return;
	dp = engine_dataplane(inst->engine);
	if (off) {
		ct_set_ipv6(inst->ct, true); /* this change has turned it off */
		if (old->nft.rest6 == NFT_REST_GUARD)
			instance_handover_begin(inst, HANDOVER_IPV6, NULL);
		ret = flows_end_ipv6(inst->ct, dp, &inst->link, old->nft.rest6 == NFT_REST_GUARD,
				     &err);
	}
	if (ret >= 0)
		ret = flows_purge_dropped(inst->ct, dp, old, plan, &inst->link, &err);
	if (off)
		ct_set_ipv6(inst->ct, conf_uses_ipv6(inst->cif));
	if (ret < 0)
		log_error("%s: flows that the slices take no more: %s", inst->cif->name, err.text);
}

void instance_forget_unknown(struct instance *inst, const struct plan *plan)
{
	struct err err;

	ct_set_ipv6(inst->ct, true); /* the earlier einat may have translated it */
	if (flows_purge_dropped(inst->ct, engine_dataplane(inst->engine), NULL, plan, &inst->link,
				&err) < 0)
		log_error("%s: flows of the earlier einat's slices: %s", inst->cif->name, err.text);
	ct_set_ipv6(inst->ct, conf_uses_ipv6(inst->cif));
}
