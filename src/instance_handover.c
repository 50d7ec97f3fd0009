// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of a stop, see nft/handover.h: there while flows go over to masquerade. */
#include "nft/handover.h"
#include "src/flows.h"
#include "src/instance_impl.h"
#include "src/log.h"

static int add_hosts(struct instance *inst, enum handover_of which)
{
	if (which == HANDOVER_PREFIXES || !inst->engine)
		return 0;
	return flows_hosts(engine_dataplane(inst->engine), which == HANDOVER_IPV6, &inst->handover);
}

static int add_prefixes(struct instance *inst, const struct net_list *prefixes)
{
	int ret = 0;

	for (size_t i = 0; prefixes && i < prefixes->n && !ret; i++)
		ret = net_list_add(&inst->handover, &prefixes->p[i]);
	return ret;
}

void instance_handover_begin(struct instance *inst, enum handover_of which,
			     const struct net_list *prefixes)
{
	struct err err = { "out of memory" };
	int ret = add_hosts(inst, which);

	if (!ret)
		ret = add_prefixes(inst, prefixes);
	if (!ret && inst->handover.n)
		ret = nft_handover_begin(inst->cif->name, &inst->handover, &err);
	/* without it a late segment may end a connection; all else goes on */
	if (ret)
		log_debug("%s: %s", inst->cif->name, err.text);
}

int instance_handover_end(struct instance *inst, struct err *err)
{
	int ret = inst->handover.n ? nft_handover_end(inst->cif->name, err) : 0;

	if (!ret) /* else the next attempt is to try again */
		net_list_free(&inst->handover);
	return ret;
}
