// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Hosts that a change takes out of the slices keep their bindings as long as they use them. To
 * conntrack their connections are claimed for ever: one that is silent until its binding has
 * expired would go on with its internal source.
 */
#include "src/flows.h"
#include "src/instance_impl.h"
#include "src/log.h"

#define LEFT_MAX 4096 /* hosts */

static int note(const struct binding *b, void *data)
{
	const struct net_prefix host = { b->internal, 128 };
	struct instance *inst = data;

	if (b->is_static || inst->left.n == LEFT_MAX ||
	    flows_in_slices(inst->plan, b->proto, &b->internal))
		return 0;
	return net_list_add(&inst->left, &host);
}

void instance_note_left(struct instance *inst)
{
	if (inst->engine && dataplane_foreach(engine_dataplane(inst->engine), note, inst))
		log_error("%s: no memory for the hosts that have left the slices", inst->cif->name);
}

void instance_purge_left(struct instance *inst)
{
	struct err err;

	if (inst->engine && inst->plan && inst->left.n &&
	    flows_purge_left(inst->ct, engine_dataplane(inst->engine), &inst->left, inst->plan,
			     &inst->link, &err) < 0)
		log_error("%s: flows of hosts that have left the slices: %s", inst->cif->name,
			  err.text);
}
