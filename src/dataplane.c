// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "src/dataplane.h"
#include "src/slot_life.h"

static const char *const map_names[DP_MAP_COUNT] = {
	[DP_CFG] = "cfg",
	[DP_CTL] = "ctl",
	[DP_SLOTS] = "slots",
	[DP_USED] = "used",
	[DP_AVAIL] = "avail",
	[DP_BY_INTERNAL] = "by_internal",
	[DP_SESSIONS] = "sessions",
	[DP_FRAGS] = "frags",
	[DP_SRC] = "src",
	[DP_EXDST] = "exdst",
	[DP_LOCKS] = "locks",
	[DP_STATS] = "stats",
	[DP_COUNTS] = "counts",
	[DP_EVENTS] = "events",
	[DP_HOSTS] = "hosts",
	[DP_HELD] = "held",
	[DP_HOST_PORTS] = "host_ports",
	[DP_NPT_OUT] = "npt_out",
	[DP_NPT_IN] = "npt_in",
};

struct mapping {
	void *at;
	size_t len;
};

struct dataplane {
	int fd[DP_MAP_COUNT];
	uint32_t max_entries[DP_MAP_COUNT];
	struct mapping ctl, slots, used, held, avail;
};

const char *dp_map_name(enum dp_map map)
{
	return map_names[map];
}

/* What bindings can be copied without: a version before EINAT_ABI may not have it. */
static bool map_optional(int map)
{
	return map == DP_EVENTS || map == DP_HOSTS || map == DP_HELD || map == DP_HOST_PORTS ||
	       map == DP_NPT_OUT || map == DP_NPT_IN;
}

int dataplane_fd(const struct dataplane *dp, enum dp_map map)
{
	return dp->fd[map];
}

uint32_t dataplane_max_entries(const struct dataplane *dp, enum dp_map map)
{
	return dp->max_entries[map];
}

static int map_mmap(struct dataplane *dp, enum dp_map map, size_t value_size,
		    struct mapping *ret_mapping, struct err *err)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t len = (dp->max_entries[map] * value_size + page - 1) / page * page;
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, dp->fd[map], 0);

	if (at == MAP_FAILED)
		return err_sys(err, errno, "cannot map the data plane's \"%s\" into memory",
			       map_names[map]);
	*ret_mapping = (struct mapping){ at, len };
	return 0;
}

static int map_all(struct dataplane *dp, struct err *err)
{
	int ret;

	for (int i = 0; i < DP_MAP_COUNT; i++) {
		struct bpf_map_info info = { 0 };
		uint32_t len = sizeof(info);

		if (dp->fd[i] < 0)
			continue;
		if (bpf_obj_get_info_by_fd(dp->fd[i], &info, &len))
			return err_sys(err, errno, "cannot read about the map \"%s\"",
				       map_names[i]);
		dp->max_entries[i] = info.max_entries;
	}
	ret = map_mmap(dp, DP_CTL, sizeof(struct einat_ctl), &dp->ctl, err);
	if (!ret)
		ret = map_mmap(dp, DP_SLOTS, sizeof(struct einat_slot), &dp->slots, err);
	if (!ret)
		ret = map_mmap(dp, DP_USED, sizeof(uint64_t), &dp->used, err);
	if (!ret && dp->fd[DP_HELD] >= 0)
		ret = map_mmap(dp, DP_HELD, sizeof(uint64_t), &dp->held, err);
	if (!ret)
		ret = map_mmap(dp, DP_AVAIL, sizeof(uint64_t), &dp->avail, err);
	return ret;
}

static struct dataplane *dataplane_alloc(void)
{
	struct dataplane *dp = calloc(1, sizeof(*dp));

	for (int i = 0; dp && i < DP_MAP_COUNT; i++)
		dp->fd[i] = -1;
	return dp;
}

int dataplane_open_fds(const int fds[DP_MAP_COUNT], struct dataplane **ret_dp, struct err *err)
{
	struct dataplane *dp = dataplane_alloc();
	int ret = 0;

	if (!dp)
		return err_sys(err, ENOMEM, "data plane");
	for (int i = 0; i < DP_MAP_COUNT && !ret; i++) {
		if (fds[i] < 0 && map_optional(i))
			continue;
		dp->fd[i] = dup(fds[i]);
		if (dp->fd[i] < 0)
			ret = err_sys(err, errno, "cannot duplicate the map \"%s\"", map_names[i]);
	}
	if (!ret)
		ret = map_all(dp, err);
	if (ret) {
		dataplane_close(dp);
		return ret;
	}
	*ret_dp = dp;
	return 0;
}

/* What cannot be opened is not missing: no descriptor may be left, say. */
static int take_map(int fds[DP_MAP_COUNT], uint32_t map_id, struct err *err)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);
	int fd = bpf_map_get_fd_by_id(map_id);
	int ret = 0;

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
		ret = err_sys(err, errno, "cannot open the map %u of the attached program", map_id);
	for (int i = 0; i < DP_MAP_COUNT && !ret; i++)
		if (fds[i] < 0 && !strcmp(info.name, map_names[i])) {
			fds[i] = fd;
			return 0;
		}
	if (fd >= 0)
		close(fd);
	return ret;
}

static int prog_maps(uint32_t prog_id, int fds[DP_MAP_COUNT], struct err *err)
{
	uint32_t ids[64];
	struct bpf_prog_info info = { .nr_map_ids = 64, .map_ids = (uintptr_t)ids };
	uint32_t len = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(prog_id);
	int ret = 0;

	if (fd < 0)
		return err_sys(err, errno, "cannot open the attached program %u", prog_id);
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		ret = err_sys(err, errno, "cannot read about the attached program %u", prog_id);
	close(fd);
	for (uint32_t i = 0; !ret && i < info.nr_map_ids && i < 64; i++)
		ret = take_map(fds, ids[i], err);
	return ret;
}

int dataplane_open_prog(uint32_t prog_id, struct dataplane **ret_dp, struct err *err)
{
	struct dataplane *dp = NULL;
	int fds[DP_MAP_COUNT];
	int ret;

	for (int i = 0; i < DP_MAP_COUNT; i++)
		fds[i] = -1;
	ret = prog_maps(prog_id, fds, err);
	for (int i = 0; i < DP_MAP_COUNT && !ret; i++)
		if (fds[i] < 0 && !map_optional(i))
			ret = err_set(err, EPROTO,
				      "the attached program %u has no map \"%s\": it "
				      "is of another version of einat",
				      prog_id, map_names[i]);
	if (!ret)
		ret = dataplane_open_fds(fds, &dp, err);
	if (!ret &&
	    (dataplane_ctl(dp)->abi < EINAT_ABI_COPY || dataplane_ctl(dp)->abi > EINAT_ABI)) {
		ret = err_set(err, EPROTO,
			      "the attached data plane has version %u of the map "
			      "layout, this einat has %u",
			      dataplane_ctl(dp)->abi, EINAT_ABI);
		dataplane_close(dp);
	}
	for (int i = 0; i < DP_MAP_COUNT; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (!ret)
		*ret_dp = dp;
	return ret;
}

bool dataplane_reusable(const struct dataplane *dp)
{
	for (int i = 0; i < DP_MAP_COUNT; i++)
		if (dp->fd[i] < 0)
			return false;
	return dataplane_ctl(dp)->abi == EINAT_ABI;
}

void dataplane_close(struct dataplane *dp)
{
	struct mapping *m;

	if (!dp)
		return;
	m = (struct mapping[]){ dp->ctl, dp->slots, dp->used, dp->held, dp->avail };
	for (int i = 0; i < 5; i++)
		if (m[i].at)
			munmap(m[i].at, m[i].len);
	for (int i = 0; i < DP_MAP_COUNT; i++)
		if (dp->fd[i] >= 0)
			close(dp->fd[i]);
	free(dp);
}

struct einat_ctl *dataplane_ctl(const struct dataplane *dp)
{
	return dp->ctl.at;
}

uint64_t *dataplane_avail(const struct dataplane *dp, unsigned slice, unsigned proto)
{
	return (uint64_t *)dp->avail.at +
	       (size_t)(slice * EINAT_PROTO_COUNT + proto) * EINAT_PORT_WORDS;
}

const uint64_t *dataplane_used(const struct dataplane *dp, unsigned plane)
{
	if (plane == EINAT_NO_PLANE || plane * EINAT_PORTS >= dp->max_entries[DP_SLOTS])
		return NULL;
	return (const uint64_t *)dp->used.at + (size_t)plane * EINAT_PORT_WORDS;
}

const uint64_t *dataplane_held(const struct dataplane *dp, unsigned plane)
{
	if (!dp->held.at || !dataplane_used(dp, plane))
		return NULL;
	return (const uint64_t *)dp->held.at + (size_t)plane * EINAT_PORT_WORDS;
}

int dataplane_cfg(const struct dataplane *dp, struct einat_cfg *ret_cfg)
{
	uint32_t key = dataplane_ctl(dp)->active & 1, abi = dataplane_ctl(dp)->abi;
	struct einat_cfg cfg = { 0 }; /* the map of an earlier version fills its beginning */

	if (bpf_map_lookup_elem(dp->fd[DP_CFG], &key, &cfg))
		return -errno;
	if (abi && abi < EINAT_ABI_SYN)
		cfg.t_tcp_syn = cfg.t_tcp_close;
	*ret_cfg = cfg;
	return 0;
}

int dataplane_npt(const struct dataplane *dp, struct net_list *list, bool *ret_no_ula)
{
	int fd = dp->fd[DP_NPT_OUT], ret = 0;
	struct einat_lpm_key key;
	struct einat_npt npt;
	bool more, no_ula = false;

	if (ret_no_ula)
		*ret_no_ula = false;
	if (fd < 0) /* of an earlier version */
		return 0;
	more = !bpf_map_get_next_key(fd, NULL, &key);
	while (more && !ret) {
		struct net_prefix p = { .len = (uint8_t)key.prefixlen };

		memcpy(&p.addr, &key.addr, sizeof(p.addr));
		if (!bpf_map_lookup_elem(fd, &key, &npt) &&
		    !(npt.flags & (NPT_F_KEEP | NPT_F_NONE))) {
			ret = net_list_add(list, &p);
			no_ula |= npt.flags & NPT_F_NO_ULA;
		}
		more = !bpf_map_get_next_key(fd, &key, &key);
	}
	if (ret_no_ula)
		*ret_no_ula = no_ula;
	return ret;
}

static uint32_t lpm_mask(const struct dataplane *dp, enum dp_map map, const struct net_addr *a)
{
	struct einat_lpm_key key = { .prefixlen = 128 };
	uint32_t mask = 0;

	memcpy(&key.addr, a, sizeof(key.addr));
	return bpf_map_lookup_elem(dp->fd[map], &key, &mask) ? 0 : mask;
}

bool dataplane_takes(const struct dataplane *dp, unsigned proto, const struct net_addr *src,
		     const struct net_addr *dst)
{
	struct einat_cfg cfg;
	uint32_t mask;

	if (dp->fd[DP_SRC] < 0 || dp->fd[DP_EXDST] < 0 || dataplane_cfg(dp, &cfg))
		return true;
	mask = lpm_mask(dp, DP_SRC, src) & ~lpm_mask(dp, DP_EXDST, dst);
	for (unsigned i = 0; i < EINAT_MAX_SLICES && i < cfg.n_slices; i++)
		if (mask & 1u << i && cfg.slices[i].protos & proto)
			return true;
	return false;
}

uint32_t dataplane_now(const struct dataplane *dp)
{
	struct timespec ts;

	if (dataplane_ctl(dp)->now_override)
		return dataplane_ctl(dp)->now_override;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint32_t)ts.tv_sec;
}

/* A slot, whichever version of einat made the map. */
static struct einat_slot slot_read(const struct dataplane *dp, uint32_t n)
{
	const struct einat_slot_2 *old = (const struct einat_slot_2 *)dp->slots.at + n;
	struct einat_slot s = ((const struct einat_slot *)dp->slots.at)[n];
	uint32_t abi = dataplane_ctl(dp)->abi;

	if (abi && abi < EINAT_ABI_CLOSED)
		s.closed = 0;
	if (abi >= EINAT_ABI_SLOTS || !abi)
		return s;
	return (struct einat_slot){ .state = old->state,
				    .flags = old->flags,
				    .seq = old->seq,
				    .last_out = old->last_out,
				    .addr = old->addr,
				    .port = old->port,
				    .gen = old->gen,
				    .tcp_open = old->tcp_open };
}

/* The slot as a binding; false if it is free, expired or of an earlier address. */
static bool slot_binding(const struct dataplane *dp, const struct einat_cfg *cfg, unsigned ext,
			 unsigned proto, uint16_t port, struct binding *ret_b)
{
	uint32_t n = cfg->ext[ext].plane[proto] * EINAT_PORTS + port;
	const struct einat_slot slot = slot_read(dp, n), *s = &slot;
	uint32_t now = dataplane_now(dp), idle, limit;

	if (s->state != SLOT_LIVE || s->gen != cfg->ext[ext].gen)
		return false;
	idle = now - s->last_out;
	if ((int32_t)idle < 0)
		idle = 0;
	limit = slot_lifetime(s, proto, cfg, now, idle);
	if (!(s->flags & SLOT_F_STATIC) && idle > limit)
		return false;
	*ret_b = (struct binding){
		.slot = n,
		.proto = 1u << proto,
		.iport = ntohs(s->port),
		.eport = port,
		.is_static = s->flags & SLOT_F_STATIC,
		.idle = idle,
		.expires = s->flags & SLOT_F_STATIC ? 0 : limit - idle,
		.tcp_open = s->tcp_open,
		.ended = s->closed ? (uint16_t)(now - s->closed) + 1 : 0,
		.flags = s->flags,
		.seq = s->seq,
	};
	memcpy(&ret_b->internal, &s->addr, sizeof(ret_b->internal));
	memcpy(&ret_b->external, &cfg->ext[ext].addr, sizeof(ret_b->external));
	return true;
}

static int foreach_plane(const struct dataplane *dp, const struct einat_cfg *cfg, unsigned ext,
			 unsigned proto, binding_fn fn, void *data)
{
	const uint64_t *used = dataplane_used(dp, cfg->ext[ext].plane[proto]);
	struct binding b;
	int ret = 0;

	for (unsigned w = 0; used && w < EINAT_PORT_WORDS; w++)
		for (uint64_t bits = used[w]; bits && !ret; bits &= bits - 1) {
			unsigned port = w * 64 + (unsigned)__builtin_ctzll(bits);

			if (slot_binding(dp, cfg, ext, proto, (uint16_t)port, &b))
				ret = fn(&b, data);
		}
	return ret;
}

int dataplane_foreach(const struct dataplane *dp, binding_fn fn, void *data)
{
	struct einat_cfg cfg;
	int ret = dataplane_cfg(dp, &cfg);

	for (unsigned e = 0; e < EINAT_MAX_EXT && !ret; e++)
		for (unsigned p = 0; p < EINAT_PROTO_COUNT && !ret && cfg.ext[e].gen; p++)
			ret = foreach_plane(dp, &cfg, e, p, fn, data);
	return ret;
}

static bool slot_ext(const struct einat_cfg *cfg, uint32_t slot, unsigned proto, unsigned *ret_ext)
{
	for (unsigned e = 0; e < EINAT_MAX_EXT; e++)
		if (cfg->ext[e].gen && cfg->ext[e].plane[proto] == slot / EINAT_PORTS) {
			*ret_ext = e;
			return true;
		}
	return false;
}

static unsigned proto_index(unsigned bit)
{
	return (unsigned)__builtin_ctz(bit);
}

static int slot_of(const struct dataplane *dp, unsigned proto, const struct net_addr *internal,
		   uint16_t port, uint32_t *ret_slot)
{
	struct einat_endpoint ep = { .port = htons(port), .proto = (uint8_t)proto_index(proto) };

	memcpy(&ep.addr, internal, sizeof(ep.addr));
	return bpf_map_lookup_elem(dp->fd[DP_BY_INTERNAL], &ep, ret_slot) ? -errno : 0;
}

bool dataplane_knows(const struct dataplane *dp, unsigned proto, const struct net_addr *internal,
		     uint16_t port)
{
	uint32_t slot;

	return !slot_of(dp, proto, internal, port, &slot);
}

int dataplane_find(const struct dataplane *dp, unsigned proto, const struct net_addr *internal,
		   uint16_t port, struct binding *ret_b)
{
	unsigned p = proto_index(proto), ext;
	struct einat_cfg cfg;
	struct binding b;
	uint32_t slot;
	int ret = dataplane_cfg(dp, &cfg);

	if (!ret)
		ret = slot_of(dp, proto, internal, port, &slot);
	if (ret)
		return ret;
	if (slot >= dp->max_entries[DP_SLOTS] || !slot_ext(&cfg, slot, p, &ext) ||
	    !slot_binding(dp, &cfg, ext, p, (uint16_t)(slot % EINAT_PORTS), &b))
		return -ENOENT;
	*ret_b = b;
	return 0;
}

int dataplane_at(const struct dataplane *dp, uint32_t slot, struct binding *ret_b)
{
	struct einat_cfg cfg;
	int ret = dataplane_cfg(dp, &cfg);

	for (unsigned p = 0; p < EINAT_PROTO_COUNT && !ret; p++) {
		unsigned ext;

		if (slot < dp->max_entries[DP_SLOTS] && slot_ext(&cfg, slot, p, &ext) &&
		    slot_binding(dp, &cfg, ext, p, (uint16_t)(slot % EINAT_PORTS), ret_b))
			return 0;
	}
	return ret ? ret : -ENOENT;
}

int dataplane_find_external(const struct dataplane *dp, unsigned proto, const struct net_addr *ext,
			    uint16_t port, struct binding *ret_b)
{
	unsigned p = proto_index(proto);
	struct einat_cfg cfg;
	int ret = dataplane_cfg(dp, &cfg);

	for (unsigned e = 0; e < EINAT_MAX_EXT && !ret; e++)
		if (cfg.ext[e].gen && !memcmp(&cfg.ext[e].addr, ext, sizeof(*ext)) &&
		    dataplane_used(dp, cfg.ext[e].plane[p]))
			return slot_binding(dp, &cfg, e, p, port, ret_b) ? 0 : -ENOENT;
	return ret ? ret : -ENOENT;
}

int dataplane_stats(const struct dataplane *dp,
		    struct einat_stat ret_stats[EINAT_DIR_COUNT][EINAT_REASON_COUNT],
		    uint64_t ret_counts[EINAT_COUNT_COUNT])
{
	int cpus = libbpf_num_possible_cpus();
	struct einat_stat *st;
	uint64_t *n;
	int ret = 0;

	if (cpus < 0)
		return cpus;
	st = calloc((size_t)cpus, sizeof(*st));
	if (!st)
		return -ENOMEM;
	n = (uint64_t *)st;
	for (uint32_t i = 0; i < EINAT_DIR_COUNT * EINAT_REASON_COUNT && !ret; i++) {
		struct einat_stat sum = { 0 };

		if (bpf_map_lookup_elem(dp->fd[DP_STATS], &i, st))
			ret = -errno;
		for (int c = 0; c < cpus; c++) {
			sum.packets += st[c].packets;
			sum.bytes += st[c].bytes;
		}
		ret_stats[i / EINAT_REASON_COUNT][i % EINAT_REASON_COUNT] = sum;
	}
	for (uint32_t i = 0; i < EINAT_COUNT_COUNT && !ret; i++) {
		if (bpf_map_lookup_elem(dp->fd[DP_COUNTS], &i, n))
			ret = -errno;
		ret_counts[i] = 0;
		for (int c = 0; c < cpus; c++)
			ret_counts[i] += n[c];
	}
	free(st);
	return ret;
}
