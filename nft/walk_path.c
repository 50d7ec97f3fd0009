// SPDX-License-Identifier: GPL-2.0-or-later
/* The hooks of a path, one after the other. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/netfilter.h>
#include <linux/rtnetlink.h>

#include "walk_impl.h"

#define MAX_MS 2000

static struct num if_top(const struct walk *w)
{
	return num32((uint32_t)w->space->n_atoms - 1);
}

/* Dimension @to becomes what @from is. */
static void take_dim(struct walk *w, struct region *r, enum dim to, enum dim from)
{
	struct region out = { .widened = r->widened };

	for (size_t i = 0; i < r->n; i++) {
		struct box *b = &r->b[i];
		unsigned fuzzy = b->fuzzy >> from & 1, named = b->named >> from & 1;

		box_put(b, to, num_set_ref(b->dim[from]));
		b->fuzzy = (uint16_t)((b->fuzzy & ~(1u << to)) | fuzzy << to);
		b->named = (uint16_t)((b->named & ~(1u << to)) | named << to);
		region_add(w->space, &out, b);
	}
	free(r->b);
	*r = out;
}

/* A frame on a bridge's port: the port is not known, and most frames are never on one. */
static int on_bridge(struct walk *w, enum fw_hook hook, struct region *r)
{
	struct effects *fx = &w->state->fx;
	struct region frames = { 0 };
	int ret;

	if (!w->bridged)
		return 0;
	region_copy(w->space, &frames, r);
	region_doubt(&frames);
	region_set(w->space, &frames, DIM_IIF, num32(0), if_top(w), true);
	region_set(w->space, &frames, DIM_OIF, num32(0), if_top(w), true);
	*fx = (struct effects){ .on = true };
	ret = walk_run_hook(w, hook, true, &frames);
	if (fx->unknown)
		effect_anything(w->space, &frames);
	if (fx->mark || fx->notrack || fx->unknown) {
		/* as routed: where it came from and goes to is not changed by a bridge's rules */
		region_copy(w->space, &frames, r);
		effect_scramble(w->space, &frames, fx->mark, fx->notrack);
		if (fx->unknown)
			effect_anything(w->space, &frames);
		region_join(w->space, r, &frames);
	}
	region_clear(&fx->touched);
	region_clear(&frames);
	*fx = (struct effects){ 0 };
	return ret;
}

/* Packets that a DNAT has sent elsewhere: to this host, or to another. */
static void split_rerouted(struct walk *w, struct region *r, struct region *local)
{
	static const uint8_t type[4] = { 0, 0, 0, RTN_LOCAL };
	struct region moved = { 0 }, out = { .widened = r->widened };
	struct fw_range range;
	struct fw_match m = { .field = FW_F_DADDRTYPE, .r = &range, .n = 1 };

	memset(&range, 0, sizeof(range));
	memcpy(range.lo, type, sizeof(type));
	memcpy(range.hi, type, sizeof(type));
	memset(m.mask, 0xff, sizeof(m.mask));
	for (size_t i = 0; i < r->n; i++)
		region_push(w->space, r->b[i].fuzzy & 1u << DIM_OIF_LATER ? &moved : &out,
			    &r->b[i]);
	free(r->b);
	*r = out;
	region_split(w->space, &moved, &m, local, r);
}

/* A device's egress hook is not told where the packet came from. */
static int leave(struct walk *w, struct region *r)
{
	region_set(w->space, r, DIM_IIF, num32(SPACE_IF_NONE), num32(SPACE_IF_NONE), false);
	return walk_run_hook(w, FW_EGRESS, false, r);
}

static int forward(struct walk *w, struct region *r)
{
	int ret;

	take_dim(w, r, DIM_OIF, DIM_OIF_LATER);
	ret = walk_run_hook(w, FW_FORWARD, false, r);
	if (!ret)
		ret = walk_run_hook(w, FW_POSTROUTING, false, r);
	if (!ret)
		ret = on_bridge(w, FW_OUTPUT, r);
	if (!ret)
		ret = on_bridge(w, FW_POSTROUTING, r);
	return ret ? ret : leave(w, r);
}

static int enter_host(struct walk *w, struct region *r)
{
	int ret;

	take_dim(w, r, DIM_OIF_LATER, DIM_OIF);
	take_dim(w, r, DIM_CTSTATE_LATER, DIM_CTSTATE);
	region_set(w->space, r, DIM_OIF, num32(0), num32(0), false);
	region_set(w->space, r, DIM_CTSTATE, num32(SPACE_INVALID), num32(SPACE_INVALID), false);
	ret = walk_run_hook(w, FW_INGRESS, false, r);
	if (!ret)
		ret = on_bridge(w, FW_PREROUTING, r);
	if (!ret)
		ret = on_bridge(w, FW_INPUT, r);
	return ret ? ret : walk_run_hook(w, FW_PREROUTING, false, r);
}

static int path_forward(struct walk *w, struct region *r)
{
	struct region local = { 0 };
	int ret = enter_host(w, r);

	if (!ret) {
		split_rerouted(w, r, &local);
		ret = walk_run_hook(w, FW_INPUT, false, &local);
	}
	if (!ret)
		ret = forward(w, r);
	region_move(w->space, r, &local);
	return ret;
}

static int path_inbound(struct walk *w, struct region *r)
{
	struct region moved = { 0 }, local = { 0 };
	size_t kept = 0;
	int ret = enter_host(w, r);

	for (size_t i = 0; !ret && i < r->n; i++)
		if (r->b[i].fuzzy & 1u << DIM_OIF_LATER)
			region_push(w->space, &moved, &r->b[i]);
		else
			r->b[kept++] = r->b[i];
	if (!ret)
		r->n = kept;
	split_rerouted(w, &moved, &local);
	region_move(w->space, r, &local);
	if (!ret)
		ret = walk_run_hook(w, FW_INPUT, false, r);
	if (!ret)
		ret = forward(w, &moved);
	region_move(w->space, r, &moved);
	return ret;
}

/* To this host itself: out of lo and in again, with the connection that it has got. */
static int by_loopback(struct walk *w, struct region *r)
{
	struct num lo = num32(space_ifid(w->space, "lo"));
	int ret;

	region_doubt(r);
	region_set(w->space, r, DIM_OIF, lo, lo, false);
	ret = walk_run_hook(w, FW_POSTROUTING, false, r);
	if (!ret)
		ret = leave(w, r);
	w->state->nat_done = true;
	/* it has been confirmed by now, and may have been NATed */
	for (size_t i = 0; i < r->n; i++)
		r->b[i].status = (struct bits){ 0, 0, ~0u };
	effect_ctmark(w->space, r);
	region_set(w->space, r, DIM_IIF, lo, lo, false);
	region_set(w->space, r, DIM_OIF, num32(0), num32(0), false);
	region_set(w->space, r, DIM_PKTTYPE, num32(0), num32(7), true);
	if (!ret)
		ret = walk_run_hook(w, FW_INGRESS, false, r);
	if (!ret)
		ret = walk_run_hook(w, FW_PREROUTING, false, r);
	return ret ? ret : walk_run_hook(w, FW_INPUT, false, r);
}

static int path_output(struct walk *w, struct region *r)
{
	struct region local = { 0 };
	int ret;

	region_set(w->space, r, DIM_IIF, num32(0), num32(0), false);
	take_dim(w, r, DIM_OIF_LATER, DIM_OIF);
	take_dim(w, r, DIM_CTSTATE_LATER, DIM_CTSTATE);
	region_set(w->space, r, DIM_CTSTATE, num32(SPACE_INVALID), num32(SPACE_INVALID), false);
	w->state->fx = (struct effects){ .on = true };
	ret = walk_run_hook(w, FW_OUTPUT, false, r);
	/* a mark that was set there makes the kernel look up the route again */
	if (w->state->fx.mark || w->state->fx.unknown)
		region_set(w->space, r, DIM_OIF_LATER, num32(0), if_top(w), true);
	region_clear(&w->state->fx.touched);
	w->state->fx = (struct effects){ 0 };
	split_rerouted(w, r, &local);
	take_dim(w, r, DIM_OIF, DIM_OIF_LATER);
	if (!ret)
		ret = walk_run_hook(w, FW_POSTROUTING, false, r);
	if (!ret)
		ret = on_bridge(w, FW_OUTPUT, r);
	if (!ret)
		ret = on_bridge(w, FW_POSTROUTING, r);
	if (!ret)
		ret = leave(w, r);
	if (!ret)
		ret = by_loopback(w, &local);
	region_move(w->space, r, &local);
	return ret;
}

static int one_path(struct walk *w, int path, struct region *r)
{
	switch ((enum walk_path)path) {
	case WALK_INWARDS:
	case WALK_OUTWARDS:
		return path_forward(w, r);
	case WALK_INBOUND:
		return path_inbound(w, r);
	case WALK_OUTPUT:
		return path_output(w, r);
	}
	return -EINVAL;
}

static int one_hook(struct walk *w, int hook, struct region *r)
{
	return walk_run_hook(w, (enum fw_hook)hook, false, r);
}

static int with_state(struct walk *w, int (*run)(struct walk *w, int arg, struct region *r),
		      int arg, struct region *r)
{
	struct walk_state st = { .end_ms = walk_now_ms() + (w->max_ms ? w->max_ms : MAX_MS) };
	int ret;

	w->state = &st;
	w->limit = WALK_LIMIT_NONE;
	w->steps = 0;
	ret = run(w, arg, r);
	region_clear(&st.accepted);
	region_clear(&st.dropped);
	region_clear(&st.natted);
	region_clear(&st.fx.touched);
	w->state = NULL;
	return ret ? ret : space_error(w->space);
}

int walk_hook(struct walk *w, enum fw_hook hook, struct region *packets)
{
	return with_state(w, one_hook, hook, packets);
}

int walk_path(struct walk *w, enum walk_path path, struct region *packets)
{
	return with_state(w, one_path, path, packets);
}
