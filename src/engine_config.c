// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writes the plan into the maps: external addresses, ports, prefixes; engine_static.c has the
 * static bindings.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/einat.skel.h"
#include "src/engine_impl.h"

/*
 * An address that went away keeps its bindings for so long (seconds) in case it returns, or until
 * room is needed: as long as a UDP binding lives by default (RFC 4787 REQ-5).
 */
#define PARKED_S 300

int engine_run_sweep(struct engine *e, struct einat_sweep *sweep)
{
	uint8_t in[64] = { 0 }, out[64] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in, .data_size_in = sizeof(in),
		    .data_out = out, .data_size_out = sizeof(out), .repeat = 1);

	_Static_assert(sizeof(*sweep) <= sizeof(in), "sweep");
	memcpy(in, sweep, sizeof(*sweep));
	if (bpf_prog_test_run_opts(bpf_program__fd(e->skel->progs.einat_sweep), &opts))
		return -errno;
	memcpy(sweep, out, sizeof(*sweep));
	return sweep->error;
}

static int sweep_plane(struct engine *e, unsigned plane, enum einat_sweep_op op, unsigned *live)
{
	const uint64_t *used = dataplane_used(e->dp, plane);

	for (unsigned at = 0; used && at < EINAT_PORTS; at += SWEEP_MAX) {
		struct einat_sweep s = { .op = op,
					 .first = plane * EINAT_PORTS + at,
					 .count = SWEEP_MAX };
		uint64_t any = 0;
		int ret;

		for (unsigned w = at / 64; w < (at + SWEEP_MAX) / 64; w++)
			any |= used[w];
		if (!any)
			continue;
		ret = engine_run_sweep(e, &s);
		if (ret)
			return ret;
		*live += s.live;
	}
	return 0;
}

/* A parked address gives up its planes: all of its bindings end. */
static void unpark(struct engine *e, unsigned i)
{
	unsigned live = 0;

	for (unsigned p = 0; p < EINAT_PROTO_COUNT; p++)
		sweep_plane(e, e->ext[i].plane[p], SWEEP_FORCE, &live);
	e->ext[i].gen = 0;
}

static bool is_parked(const struct engine *e, unsigned i)
{
	return e->ext[i].gen && !e->active[i];
}

/* To the data plane a plane without an address holds nothing but what has expired. */
static bool plane_parked(const struct engine *e, unsigned plane)
{
	for (unsigned i = 0; i < EINAT_MAX_EXT; i++)
		for (unsigned p = 0; is_parked(e, i) && p < EINAT_PROTO_COUNT; p++)
			if (e->ext[i].plane[p] == plane)
				return true;
	return false;
}

int engine_sweep(struct engine *e, unsigned *ret_live, struct err *err)
{
	uint32_t now = dataplane_now(e->dp);
	unsigned live = 0;

	for (unsigned i = 0; i < EINAT_MAX_EXT; i++)
		if (is_parked(e, i) && now - e->parked_at[i] > PARKED_S)
			unpark(e, i);
	for (unsigned plane = 0; plane < e->n_planes; plane++) {
		int ret = plane_parked(e, plane) ? 0 : sweep_plane(e, plane, SWEEP_EXPIRED, &live);

		if (ret)
			return err_sys(err, -ret, "cannot sweep the data plane");
	}
	if (ret_live)
		*ret_live = live;
	return 0;
}

int engine_free_slot(struct engine *e, uint32_t slot, struct err *err)
{
	struct einat_sweep s = { .op = SWEEP_FORCE, .first = slot, .count = 1 };
	int ret = engine_run_sweep(e, &s);

	return ret ? err_sys(err, -ret, "cannot end a binding") : 0;
}

static int find_ext(const struct engine *e, const struct einat_addr *addr)
{
	for (int i = 0; i < EINAT_MAX_EXT; i++)
		if (e->ext[i].gen && !memcmp(&e->ext[i].addr, addr, sizeof(*addr)))
			return i;
	return -1;
}

int engine_add_binding(struct engine *e, const struct binding *b, uint8_t flags)
{
	unsigned p = (unsigned)__builtin_ctz(b->proto);
	struct einat_sweep s = {
		.op = SWEEP_ADD, .count = 1, .flags = flags, .age = b->idle, .ended = b->ended
	};
	struct einat_addr ext;
	uint32_t gen;
	int i, ret;

	memcpy(&ext, &b->external, sizeof(ext));
	i = find_ext(e, &ext);
	if (i < 0 || e->ext[i].plane[p] == EINAT_NO_PLANE)
		return -EADDRNOTAVAIL;
	s.first = e->ext[i].plane[p] * EINAT_PORTS + b->eport;
	memcpy(&s.ep.addr, &b->internal, sizeof(s.ep.addr));
	s.ep.port = htons(b->iport);
	s.ep.proto = (uint8_t)p;
	ret = engine_run_sweep(e, &s);
	if (ret)
		return ret;
	/* what else the host sends has the same address; without this it may have another one */
	gen = e->ext[i].gen;
	bpf_map_update_elem(dataplane_fd(e->dp, DP_HOSTS), &s.ep.addr, &gen,
			    flags & SLOT_F_STATIC ? BPF_ANY : BPF_NOEXIST);
	return 0;
}

static bool plane_taken(const struct engine *e, unsigned plane)
{
	for (unsigned i = 0; i < EINAT_MAX_EXT; i++)
		for (unsigned p = 0; e->ext[i].gen && p < EINAT_PROTO_COUNT; p++)
			if (e->ext[i].plane[p] == plane)
				return true;
	return false;
}

static unsigned free_plane(struct engine *e)
{
	unsigned plane = 0;

	while (plane < e->n_planes && plane_taken(e, plane))
		plane++;
	return plane < e->n_planes ? plane : EINAT_NO_PLANE;
}

static bool drop_parked(struct engine *e)
{
	for (unsigned i = 0; i < EINAT_MAX_EXT; i++)
		if (is_parked(e, i)) {
			unpark(e, i);
			return true;
		}
	return false;
}

/* An address without a plane is known as external and gets no bindings, see engine_fits(). */
static void give_planes(struct engine *e, struct einat_ext *x, unsigned protos)
{
	for (unsigned p = 0; p < EINAT_PROTO_COUNT; p++) {
		if (!(protos & 1u << p) || x->plane[p] != EINAT_NO_PLANE)
			continue;
		do
			x->plane[p] = (uint16_t)free_plane(e);
		while (x->plane[p] == EINAT_NO_PLANE && drop_parked(e));
	}
}

/* At most EINAT_MAX_EXT, as link_read() gives; an entry is free once the parked ones are. */
static int new_ext(struct engine *e, const struct einat_addr *addr)
{
	do {
		for (int i = 0; i < EINAT_MAX_EXT; i++) {
			if (e->ext[i].gen)
				continue;
			e->ext[i] = (struct einat_ext){ .addr = *addr };
			for (unsigned p = 0; p < EINAT_PROTO_COUNT; p++)
				e->ext[i].plane[p] = EINAT_NO_PLANE;
			if (!++e->last_gen)
				e->last_gen = 1;
			e->ext[i].gen = e->last_gen;
			return i;
		}
	} while (drop_parked(e));
	return -1;
}

static void number_addresses(struct engine *e, const struct plan *plan,
			     const struct link_info *link)
{
	bool was[EINAT_MAX_EXT];

	memcpy(was, e->active, sizeof(was));
	memset(e->active, 0, sizeof(e->active));
	for (size_t i = 0; i < link->n_addr; i++) {
		struct einat_addr addr;
		int at;

		memcpy(&addr, &link->addr[i], sizeof(addr));
		at = find_ext(e, &addr);
		if (at >= 0)
			e->active[at] = true;
	}
	for (unsigned i = 0; i < EINAT_MAX_EXT; i++)
		if (was[i] && !e->active[i])
			e->parked_at[i] = dataplane_now(e->dp);
	for (size_t i = 0; i < link->n_addr; i++) {
		struct einat_addr addr;
		int at;

		memcpy(&addr, &link->addr[i], sizeof(addr));
		at = find_ext(e, &addr);
		if (at < 0)
			at = new_ext(e, &addr);
		if (at < 0)
			continue;
		e->active[at] = true;
		give_planes(e, &e->ext[at], plan->nft.kept_protos);
	}
	/* new maps have room for what is copied, whatever the slices say of its protocol */
	for (unsigned i = 0; i < EINAT_MAX_EXT && !e->attached; i++)
		if (e->active[i])
			give_planes(e, &e->ext[i], e->live_protos);
}

const struct einat_ext engine_no_ext = {
	.plane = { EINAT_NO_PLANE, EINAT_NO_PLANE, EINAT_NO_PLANE },
};

/* n_ext bounds the data plane's loop; an entry of no address has no planes, least of all plane 0.
 */
static void fill_ext(const struct engine *e, struct einat_cfg *cfg)
{
	cfg->n_ext = 0;
	for (unsigned i = 0; i < EINAT_MAX_EXT; i++) {
		cfg->ext[i] = engine_no_ext;
		if (e->active[i]) {
			cfg->ext[i] = e->ext[i];
			cfg->n_ext = i + 1;
		}
	}
}

/* Addresses that serve what is bound to them, and get no new bindings. */
static void reserve_ext(const struct link_info *link, struct einat_cfg *cfg)
{
	for (unsigned i = 0; i < cfg->n_ext; i++) {
		struct net_addr a;

		memcpy(&a, &cfg->ext[i].addr, sizeof(a));
		for (size_t l = 0; cfg->ext[i].gen && l < link->n_addr; l++)
			if (net_addr_eq(&link->addr[l], &a) && !link_serves_new(link, l))
				cfg->flags |= 1u << (CFG_NOT_NEW_SHIFT + i);
	}
}

static int write_cfg(struct engine *e, const struct plan *plan, const struct link_info *link,
		     struct err *err)
{
	struct einat_ctl *ctl = dataplane_ctl(e->dp);
	struct einat_cfg cfg = plan->cfg;
	uint32_t idle = !(ctl->active & 1);

	fill_ext(e, &cfg);
	reserve_ext(link, &cfg);
	if (bpf_map_update_elem(dataplane_fd(e->dp, DP_CFG), &idle, &cfg, BPF_ANY))
		return err_sys(err, errno, "cannot write the data plane's configuration");
	__atomic_store_n(&ctl->active, idle, __ATOMIC_RELEASE);
	return 0;
}

static void ports_to_words(const struct port_set *s, uint64_t words[EINAT_PORT_WORDS])
{
	memset(words, 0, EINAT_PORT_WORDS * sizeof(*words));
	for (size_t i = 0; i < s->n; i++)
		for (unsigned p = s->r[i].lo; p <= s->r[i].hi; p++)
			words[p / 64] |= 1ULL << (p % 64);
}

static void write_avail(struct engine *e, const struct plan *plan)
{
	uint64_t words[EINAT_PORT_WORDS];

	for (unsigned s = 0; s < e->n_slices; s++)
		for (unsigned p = 0; p < EINAT_PROTO_COUNT; p++) {
			uint64_t *to = dataplane_avail(e->dp, s, p);
			static const struct port_set none;

			ports_to_words(s < plan->nft.n_slices ? &plan->avail[s][p] : &none, words);
			for (size_t i = 0; i < plan->n_statics; i++)
				if (plan->statics[i].proto == 1u << p)
					words[plan->statics[i].port / 64] &=
						~(1ULL << (plan->statics[i].port % 64));
			for (unsigned w = 0; w < EINAT_PORT_WORDS; w++)
				if (to[w] != words[w])
					__atomic_store_n(&to[w], words[w], __ATOMIC_RELAXED);
		}
}

static struct einat_lpm_key lpm_key(const struct net_prefix *p)
{
	struct einat_lpm_key key = { .prefixlen = p->len };

	memcpy(&key.addr, &p->addr, sizeof(key.addr));
	return key;
}

static bool lpm_wanted(const struct einat_lpm_key *key, const struct plan_lpm *lpm, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct einat_lpm_key k = lpm_key(&lpm[i].prefix);

		if (!memcmp(&k, key, sizeof(k)))
			return true;
	}
	return false;
}

static int add_entries(int fd, const struct plan_lpm *lpm, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct einat_lpm_key key = lpm_key(&lpm[i].prefix);

		if (bpf_map_update_elem(fd, &key, &lpm[i].slices, BPF_ANY))
			return -errno;
	}
	return 0;
}

static void delete_others(int fd, const struct plan_lpm *lpm, size_t n)
{
	struct einat_lpm_key key, next;
	bool more = !bpf_map_get_next_key(fd, NULL, &next);

	while (more) {
		key = next;
		more = !bpf_map_get_next_key(fd, &key, &next);
		if (!lpm_wanted(&key, lpm, n))
			bpf_map_delete_elem(fd, &key);
	}
}

/* Old and new entries side by side, unless there is room for one of them alone. */
static int write_lpm(struct engine *e, enum dp_map map, const struct plan_lpm *lpm, size_t n,
		     struct err *err)
{
	int fd = dataplane_fd(e->dp, map);
	int ret = add_entries(fd, lpm, n);

	delete_others(fd, lpm, n);
	if (ret == -ENOSPC)
		ret = add_entries(fd, lpm, n);
	return ret ? err_sys(err, -ret, "cannot write the list \"%s\"", dp_map_name(map)) : 0;
}

static bool lpm_same(const struct dataplane *dp, enum dp_map map, const struct plan_lpm *lpm,
		     size_t n)
{
	int fd = dataplane_fd(dp, map);
	struct einat_lpm_key key;
	size_t have = 0;

	for (bool more = !bpf_map_get_next_key(fd, NULL, &key); more; have++) {
		if (!lpm_wanted(&key, lpm, n))
			return false; /* a look-up might find it in place of what it covers */
		more = !bpf_map_get_next_key(fd, &key, &key);
	}
	for (size_t i = 0; i < n; i++) {
		struct einat_lpm_key want = lpm_key(&lpm[i].prefix);
		uint32_t slices;

		if (bpf_map_lookup_elem(fd, &want, &slices) || slices != lpm[i].slices)
			return false;
	}
	return have == n;
}

bool engine_differs(const struct engine *e, const struct plan *plan)
{
	const struct dataplane *dp = e->old_dp ? e->old_dp : e->dp;
	struct einat_cfg cfg;

	return dataplane_cfg(dp, &cfg) || cfg.n_slices != plan->cfg.n_slices ||
	       memcmp(cfg.slices, plan->cfg.slices, sizeof(cfg.slices)) ||
	       !lpm_same(dp, DP_SRC, plan->src, plan->n_src) ||
	       !lpm_same(dp, DP_EXDST, plan->exdst, plan->n_exdst) || !engine_npt_same(dp, plan);
}

int engine_configure(struct engine *e, const struct plan *plan, const struct link_info *link,
		     struct err *err)
{
	int ret;

	number_addresses(e, plan, link);
	ret = write_lpm(e, DP_SRC, plan->src, plan->n_src, err);
	if (!ret)
		ret = write_lpm(e, DP_EXDST, plan->exdst, plan->n_exdst, err);
	if (!ret)
		ret = engine_write_npt(e, plan, err);
	if (ret)
		return ret;
	write_avail(e, plan);
	ret = write_cfg(e, plan, link, err);
	return ret ? ret : engine_write_statics(e, plan, link, err);
}
