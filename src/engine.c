// SPDX-License-Identifier: GPL-2.0-or-later
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/einat.skel.h"
#include "src/engine.h"
#include "src/engine_impl.h"
#include "src/log.h"
#include "src/pin.h"
#include "src/probe.h"

static unsigned count_bits(unsigned mask)
{
	return (unsigned)__builtin_popcount(mask);
}

/* What the maps must hold for a plan. */
struct sizes {
	uint32_t planes, slices, bindings, sessions;
};

/* Bindings that are copied to new maps, also those of protocols that have left the slices. */
struct live {
	unsigned protos, n;
};

static int count_live(const struct binding *b, void *data)
{
	struct live *l = data;

	l->protos |= b->proto;
	l->n++;
	return 0;
}

static struct sizes sizes_of(const struct plan *plan, const struct link_info *link,
			     const struct live *live)
{
	unsigned n_ext = link->n_addr ? (unsigned)link->n_addr : 1;
	unsigned protos = plan->nft.kept_protos | live->protos;
	struct sizes s = { .planes = count_bits(protos) * n_ext,
			   .slices = (uint32_t)plan->nft.n_slices,
			   .bindings = live->n };

	for (unsigned p = 0; p < PROTO_COUNT; p++)
		s.bindings += port_set_count(&plan->nft.kept[p]) * n_ext;
	/* room for bindings that outlive a shrunk slice, and for the freelists of each CPU */
	s.bindings += 1024 + 64 * (uint32_t)libbpf_num_possible_cpus();
	s.sessions = 1;
	if (protos & PROTO_TCP)
		s.sessions = 4 * port_set_count(&plan->nft.kept[EINAT_PROTO_TCP]) * n_ext + 1024;
	if (s.sessions > 262144)
		s.sessions = 262144;
	return s;
}

/* A protocol that has left the slices keeps the planes that the addresses in @ext have of it. */
static uint32_t planes_of(const struct einat_ext ext[EINAT_MAX_EXT], const struct plan *plan,
			  const struct link_info *link)
{
	uint32_t n = 0;

	for (size_t a = 0; a < link->n_addr; a++) {
		unsigned protos = plan->nft.kept_protos;

		for (unsigned i = 0; i < EINAT_MAX_EXT; i++)
			for (unsigned p = 0; p < EINAT_PROTO_COUNT; p++)
				if (ext[i].gen && ext[i].plane[p] != EINAT_NO_PLANE &&
				    !memcmp(&ext[i].addr, &link->addr[a], sizeof(ext[i].addr)))
					protos |= 1u << p;
		n += count_bits(protos);
	}
	return n;
}

static bool fits(const struct dataplane *dp, const struct einat_ext ext[EINAT_MAX_EXT],
		 const struct plan *plan, const struct link_info *link)
{
	struct sizes want = sizes_of(plan, link, &(struct live){ 0 });

	return dataplane_reusable(dp) && dataplane_ctl(dp)->n_planes >= want.planes &&
	       dataplane_ctl(dp)->n_planes >= planes_of(ext, plan, link) &&
	       dataplane_ctl(dp)->n_slices >= want.slices &&
	       dataplane_max_entries(dp, DP_BY_INTERNAL) >= want.bindings &&
	       dataplane_max_entries(dp, DP_SESSIONS) >= want.sessions;
}

static bool old_fits(const struct dataplane *old, const struct plan *plan,
		     const struct link_info *link)
{
	struct einat_cfg cfg;

	return !dataplane_cfg(old, &cfg) && fits(old, cfg.ext, plan, link);
}

bool engine_fits(const struct engine *e, const struct plan *plan, const struct link_info *link)
{
	return fits(e->dp, e->ext, plan, link);
}

bool engine_can(const struct engine *e, const struct plan *plan)
{
	return (e->ipv6 || !plan->ipv6) && (e->nptv6 || !plan->npt.on);
}

static struct bpf_map *skel_map(struct engine *e, enum dp_map map)
{
	return bpf_object__find_map_by_name(e->skel->obj, dp_map_name(map));
}

static int reuse_maps(struct engine *e, struct err *err)
{
	for (int i = 0; i < DP_MAP_COUNT; i++) {
		int ret = bpf_map__reuse_fd(skel_map(e, i), dataplane_fd(e->old_dp, i));

		if (ret)
			return err_sys(err, -ret, "cannot take over the map \"%s\"",
				       dp_map_name(i));
	}
	e->n_planes = dataplane_ctl(e->old_dp)->n_planes;
	e->n_slices = dataplane_ctl(e->old_dp)->n_slices;
	return 0;
}

static int size_maps(struct engine *e, const struct sizes *want, struct err *err)
{
	const struct {
		enum dp_map map;
		uint32_t entries;
	} sized[] = {
		{ DP_SLOTS, want->planes * EINAT_PORTS },
		{ DP_USED, want->planes * EINAT_PORT_WORDS },
		{ DP_HELD, want->planes * EINAT_PORT_WORDS },
		{ DP_AVAIL, want->slices * EINAT_PROTO_COUNT * EINAT_PORT_WORDS },
		{ DP_BY_INTERNAL, want->bindings },
		{ DP_SESSIONS, want->sessions },
	};

	for (size_t i = 0; i < sizeof(sized) / sizeof(*sized); i++) {
		int ret = bpf_map__set_max_entries(skel_map(e, sized[i].map), sized[i].entries);

		if (ret)
			return err_sys(err, -ret, "cannot size the map \"%s\"",
				       dp_map_name(sized[i].map));
	}
	e->n_planes = want->planes;
	e->n_slices = want->slices;
	return 0;
}

static int open_last(struct engine *e, const struct engine *last, struct err *err)
{
	int fds[DP_MAP_COUNT];

	for (int i = 0; i < DP_MAP_COUNT; i++)
		fds[i] = dataplane_fd(last->dp, i);
	return dataplane_open_fds(fds, &e->old_dp, err);
}

static int find_old(struct engine *e, const struct engine *last, struct err *err)
{
	uint32_t id;
	int ret = attach_find(e->ifindex, &e->old, err);

	if (ret)
		return ret;
	if (e->old.mode == ATTACHED_NONE)
		return last ? open_last(e, last, err) : 0;
	id = e->old.out_prog ? e->old.out_prog : e->old.in_prog;
	ret = dataplane_open_prog(id, &e->old_dp, err);
	if (ret == -EPROTO) {
		log_warn("%s: %s; it is replaced and its bindings are lost", e->ifname, err->text);
		return 0;
	}
	return ret;
}

static int load(struct engine *e, const struct link_info *link, const struct plan *plan,
		struct err *err)
{
	struct live live = { 0 };
	struct sizes want;
	int fds[DP_MAP_COUNT];
	int ret;

	e->skel = einat_bpf__open();
	if (!e->skel)
		return err_sys(err, errno, "cannot read the built-in BPF object");
	e->reuse = e->old_dp && old_fits(e->old_dp, plan, link);
	if (e->old_dp && !e->reuse)
		dataplane_foreach(e->old_dp, count_live, &live);
	e->live_protos = live.protos;
	want = sizes_of(plan, link, &live);
	ret = e->reuse ? reuse_maps(e, err) : size_maps(e, &want, err);
	if (ret)
		return ret;
	e->skel->rodata->l2_len = link->ether ? 14 : 0;
	e->skel->rodata->have_coarse_clock = probe_coarse_clock();
	e->skel->rodata->preemptible = probe_preempt_rt();
	e->skel->rodata->n_planes = e->n_planes;
	e->skel->rodata->ipv6 = e->ipv6 = plan->ipv6;
	e->skel->rodata->nptv6 = e->nptv6 = plan->npt.on;
	ret = einat_bpf__load(e->skel);
	if (ret)
		return probe_explain(-ret, err);
	for (int i = 0; i < DP_MAP_COUNT; i++)
		fds[i] = bpf_map__fd(skel_map(e, i));
	ret = dataplane_open_fds(fds, &e->dp, err);
	if (ret || e->reuse)
		return ret;
	*dataplane_ctl(e->dp) = (struct einat_ctl){ .abi = EINAT_ABI,
						    .n_planes = e->n_planes,
						    .n_slices = e->n_slices,
						    .ifindex = (uint32_t)e->ifindex };
	if (e->old_dp)
		dataplane_ctl(e->dp)->flags = dataplane_ctl(e->old_dp)->flags;
	return 0;
}

/*
 * External addresses of a data plane that is taken over keep their number and planes. One that went
 * away while no einat ran is as good as gone just now.
 */
static int inherit_ext(struct engine *e, struct err *err)
{
	struct einat_cfg cfg;
	int ret;

	if (!e->reuse)
		return 0;
	ret = dataplane_cfg(e->dp, &cfg);
	if (ret)
		return err_sys(err, -ret, "cannot read the configuration of the data plane");
	memcpy(e->ext, cfg.ext, sizeof(e->ext));
	for (unsigned i = 0; i < EINAT_MAX_EXT; i++) {
		if (!e->ext[i].gen)
			e->ext[i] = engine_no_ext;
		if (e->ext[i].gen > e->last_gen)
			e->last_gen = e->ext[i].gen;
		e->parked_at[i] = dataplane_now(e->dp);
	}
	return 0;
}

void engine_keep_parked(struct engine *e, const struct engine *old)
{
	if (!e->reuse)
		return;
	for (unsigned i = 0; i < EINAT_MAX_EXT; i++) {
		if (e->ext[i].gen || !old->ext[i].gen || old->active[i])
			continue;
		e->ext[i] = old->ext[i];
		e->parked_at[i] = old->parked_at[i];
	}
	if (old->last_gen > e->last_gen)
		e->last_gen = old->last_gen;
}

static int choose_mode(struct engine *e, const char *pin_dir, enum conf_attach attach,
		       struct err *err)
{
	int ret = pin_prepare(pin_dir, e->ifname, e->pin, sizeof(e->pin), err);

	if (attach == ATTACH_CLSACT) {
		e->mode = ATTACHED_CLSACT;
		return 0;
	}
	e->mode = ATTACHED_TCX;
	if (!ret)
		return 0;
	/* A TCX link that is not pinned dies with the daemon, and the NAT with it. */
	if (attach == ATTACH_TCX || (pin_dir && strcmp(pin_dir, PIN_DEFAULT_DIR)))
		return ret;
	if (e->old.mode == ATTACHED_TCX)
		log_warn("%s: %s; pins of the data plane that is taken over lie in another mount "
			 "namespace and will be left there",
			 e->ifname, err->text);
	else
		log_info("%s: %s; attaching by clsact, which needs no pins", e->ifname, err->text);
	e->mode = ATTACHED_CLSACT;
	return 0;
}

int engine_open(const struct link_info *link, const struct plan *plan, const struct engine *last,
		const char *pin_dir, enum conf_attach attach, struct engine **ret_engine,
		struct err *err)
{
	struct engine *e = calloc(1, sizeof(*e));
	int ret;

	if (!e)
		return err_sys(err, ENOMEM, "engine");
	e->old.out_link = e->old.in_link = -1;
	e->ifindex = link->ifindex;
	snprintf(e->ifname, sizeof(e->ifname), "%s", link->name);
	e->attach = attach;
	ret = find_old(e, last, err);
	if (!ret)
		ret = choose_mode(e, pin_dir, attach, err);
	if (!ret)
		ret = load(e, link, plan, err);
	if (!ret)
		ret = inherit_ext(e, err);
	if (ret) {
		engine_close(e);
		return ret;
	}
	*ret_engine = e;
	return 0;
}

void engine_close(struct engine *e)
{
	if (!e)
		return;
	/* pins of a data plane that was never attached would be empty folders */
	if (!e->attached && e->old.mode == ATTACHED_NONE && *e->pin)
		pin_remove(e->pin);
	attachment_close(&e->old);
	dataplane_close(e->old_dp);
	dataplane_close(e->dp);
	einat_bpf__destroy(e->skel);
	free(e);
}

int engine_attach(struct engine *e, struct err *err)
{
	int out_fd = bpf_program__fd(e->skel->progs.einat_out);
	int in_fd = bpf_program__fd(e->skel->progs.einat_in);
	const char *pin = e->mode == ATTACHED_TCX ? e->pin : NULL;
	bool made = false;
	int ret = 0;

	engine_copy_bindings(e);
	if (e->attached) { /* again: one of the programs may still be in place */
		attachment_close(&e->old); /* of an attempt that failed */
		ret = attach_find(e->ifindex, &e->old, err);
	}
	if (ret)
		return ret;
	ret = attach_add(e->ifindex, e->mode, pin, out_fd, in_fd, &e->old, &made, err);
	if (ret == -EOPNOTSUPP && e->attach == ATTACH_AUTO && e->old.mode == ATTACHED_NONE) {
		log_debug("%s: no TCX in this kernel, attaching by clsact", e->ifname);
		e->mode = ATTACHED_CLSACT;
		ret = attach_add(e->ifindex, e->mode, NULL, out_fd, in_fd, &e->old, &made, err);
	}
	if (ret)
		return ret;
	e->attached = true;
	if (e->old.mode != ATTACHED_NONE)
		e->mode = e->old.mode;
	if (e->mode == ATTACHED_CLSACT)
		pin_remove(e->pin);
	if (made)
		dataplane_ctl(e->dp)->flags |= CTL_F_MADE_CLSACT;
	engine_copy_bindings(e);
	engine_copy_sessions(e);
	e->taken_over = e->old_dp != NULL;
	dataplane_close(e->old_dp);
	e->old_dp = NULL;
	attachment_close(&e->old);
	return 0;
}

int engine_detach(struct engine *e, struct err *err)
{
	bool made = dataplane_ctl(e->dp)->flags & CTL_F_MADE_CLSACT;
	int ret = attach_del(e->ifname, e->ifindex, made, err);

	pin_remove(e->pin);
	return ret;
}

int engine_attached(struct engine *e)
{
	struct attachment at;
	int ret = attach_find(e->ifindex, &at, NULL);

	if (ret)
		return ret;
	ret = at.mode != ATTACHED_NONE && at.out_prog && at.in_prog;
	attachment_close(&at);
	return ret;
}

const struct dataplane *engine_dataplane(const struct engine *e)
{
	return e->dp;
}

enum attach_mode engine_mode(const struct engine *e)
{
	return e->mode;
}

bool engine_takes_over(const struct engine *e)
{
	return e->old_dp != NULL;
}

bool engine_taken_over(const struct engine *e)
{
	return e->taken_over;
}
