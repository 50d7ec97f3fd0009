// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The fill of the slices: above the high-water mark new flows are not claimed, so that masquerade
 * takes them, below the low-water mark they are again. Looked at in every tick, and at once when
 * the data plane tells of a flow that found no port.
 */
#include <errno.h>
#include <sys/epoll.h>

#include "src/flows.h"
#include "src/instance_impl.h"
#include "src/log.h"

/* Fill of a slice, in percent, at which its claim is suspended and resumed. */
#define HIGH_WATER 90
#define LOW_WATER  80

/*
 * Percent of the slice's ports that are in use. Ports that rest are not: they are given once there
 * is no other. An internal host has one external address ("paired"), so the fullest one counts.
 */
static unsigned fill_of(const struct dataplane *dp, const struct einat_cfg *cfg, unsigned slice,
			unsigned proto)
{
	const uint64_t *avail = dataplane_avail(dp, slice, proto);
	unsigned fill = 0;

	for (unsigned e = 0; e < EINAT_MAX_EXT; e++) {
		const uint64_t *bits =
			cfg->ext[e].gen ? dataplane_used(dp, cfg->ext[e].plane[proto]) : NULL;
		const uint64_t *held = bits ? dataplane_held(dp, cfg->ext[e].plane[proto]) : NULL;
		unsigned used = 0, room = 0;

		for (unsigned w = 0; bits && w < EINAT_PORT_WORDS; w++) {
			used += (unsigned)__builtin_popcountll(avail[w] & bits[w] &
							       ~(held ? held[w] : 0));
			room += (unsigned)__builtin_popcountll(avail[w]);
		}
		if (room && used * 100 / room > fill)
			fill = used * 100 / room;
	}
	return fill;
}

/* True if the claim of that slice and protocol is to change. */
static bool watermark(struct instance *inst, const struct einat_cfg *cfg, unsigned slice,
		      unsigned proto)
{
	unsigned fill = fill_of(engine_dataplane(inst->engine), cfg, slice, proto);
	unsigned *suspended = &inst->suspended[slice];

	if (*suspended & 1u << proto ? fill >= LOW_WATER : fill < HIGH_WATER)
		return false;
	*suspended ^= 1u << proto;
	if (*suspended & 1u << proto)
		log_warn("%s: %u%% of the %s ports of slice %u are in use; new flows go to "
			 "masquerade until it is below %d%%",
			 inst->cif->name, fill, proto_name(1u << proto), slice + 1, LOW_WATER);
	else
		log_info("%s: slice %u takes new %s flows again", inst->cif->name, slice + 1,
			 proto_name(1u << proto));
	return true;
}

static unsigned suspended_protos(const struct instance *inst)
{
	unsigned protos = 0;

	for (unsigned s = 0; s < EINAT_MAX_SLICES; s++)
		protos |= inst->suspended[s];
	return protos;
}

/* Flows that were claimed while the slice filled up have no binding: masquerade them now. */
static void purge_suspended(struct instance *inst)
{
	unsigned protos = suspended_protos(inst);
	struct err err;

	if (protos && flows_purge_stray(inst->ct, engine_dataplane(inst->engine), inst->plan,
					&inst->link, protos, &err) < 0)
		log_error("%s: %s", inst->cif->name, err.text);
}

bool instance_watermarks(struct instance *inst)
{
	struct einat_cfg cfg;
	bool changed = false;

	if (inst->detached || inst->cif->refuse_when_full ||
	    dataplane_cfg(engine_dataplane(inst->engine), &cfg))
		return false;
	for (unsigned s = 0; s < inst->cif->n_slices && s < cfg.n_slices; s++)
		for (unsigned p = 0; p < PROTO_COUNT; p++)
			if (inst->cif->slices[s].protos & 1u << p)
				changed |= watermark(inst, &cfg, s, p);
	if (!changed)
		return false;
	instance_try_apply(inst, "a change of the fill level");
	purge_suspended(inst);
	return true;
}

/* The conntrack entry says "claimed": without it, masquerade takes the flow's next packet. */
static void on_full(const struct ct_flow *flow, void *data)
{
	struct instance *inst = data;

	if (!inst->full_seen)
		instance_watermarks(inst);
	inst->full_seen = true;
	if (suspended_protos(inst) & flow->proto)
		ct_del(inst->ct, flow, NULL);
}

void instance_slow_open(struct instance *inst)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct err err = { "" };

	instance_slow_close(inst);
	if (slowpath_open(engine_dataplane(inst->engine), &inst->link, on_full, inst, &inst->slow,
			  &err))
		log_warn(
			"%s: %s; fragments out of order are not translated, nobody is told of a "
			"full slice, nor of errors about hairpinned packets and of this host's own",
			inst->cif->name, err.text);
	else if (epoll_ctl(inst->slow_fd, EPOLL_CTL_ADD, slowpath_fd(inst->slow), &ev))
		log_warn("%s: cannot wait for the data plane's events", inst->cif->name);
}

void instance_slow_close(struct instance *inst)
{
	slowpath_close(inst->slow);
	inst->slow = NULL;
}

int instance_slow_fd(const struct instance *inst)
{
	return inst->slow_fd;
}

void instance_on_slow(struct instance *inst)
{
	inst->full_seen = false;
	if (inst->slow && inst->engine && inst->plan)
		slowpath_run(inst->slow);
}
