/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The maps of a loaded data plane, seen from user space: bindings, counters, configuration. */
#ifndef EINAT_DATAPLANE_H
#define EINAT_DATAPLANE_H

#include "bpf/abi.h"
#include "lib/err.h"
#include "lib/net.h"

enum dp_map {
	DP_CFG,
	DP_CTL,
	DP_SLOTS,
	DP_USED,
	DP_AVAIL,
	DP_BY_INTERNAL,
	DP_SESSIONS,
	DP_FRAGS,
	DP_SRC,
	DP_EXDST,
	DP_LOCKS,
	DP_STATS,
	DP_COUNTS,
	DP_EVENTS,
	DP_HOSTS,
	DP_HELD,
	DP_HOST_PORTS,
	DP_NPT_OUT,
	DP_NPT_IN,
	DP_MAP_COUNT,
};

/** dp_map_name() - the map's name as the kernel knows it. */
const char *dp_map_name(enum dp_map map);

struct dataplane;
/**
 * dataplane_open_prog() - by the id of an attached program. Maps of an earlier version of einat may
 * be good for copying bindings only, see dataplane_reusable(). -EPROTO: not even for that.
 */
int dataplane_open_prog(uint32_t prog_id, struct dataplane **ret_dp, struct err *err);
/** dataplane_open_fds() - by map descriptors, which are duplicated. */
int dataplane_open_fds(const int fds[DP_MAP_COUNT], struct dataplane **ret_dp, struct err *err);
/** dataplane_reusable() - are the maps those of this version, with nothing missing? */
bool dataplane_reusable(const struct dataplane *dp);
void dataplane_close(struct dataplane *dp);

int dataplane_fd(const struct dataplane *dp, enum dp_map map);
struct einat_ctl *dataplane_ctl(const struct dataplane *dp);
/** dataplane_avail() - the words of one (slice, protocol index) in "avail". */
uint64_t *dataplane_avail(const struct dataplane *dp, unsigned slice, unsigned proto);
/** dataplane_used() - the words of one plane in "used"; NULL for EINAT_NO_PLANE. */
const uint64_t *dataplane_used(const struct dataplane *dp, unsigned plane);
/** dataplane_held() - as dataplane_used(), of "held"; NULL too where an earlier version made the
 * maps. */
const uint64_t *dataplane_held(const struct dataplane *dp, unsigned plane);
int dataplane_cfg(const struct dataplane *dp, struct einat_cfg *ret_cfg);
/**
 * dataplane_npt() - the internal prefixes that are translated, added to @list. @ret_no_ula, if not
 * NULL: unique local destinations are not (NPT_F_NO_ULA).
 */
int dataplane_npt(const struct dataplane *dp, struct net_list *list, bool *ret_no_ula);
/**
 * dataplane_takes() - is what @src sends to @dst of a slice, as the maps have it, if its packets
 * have the slice's mark? Also true if the maps do not say.
 */
bool dataplane_takes(const struct dataplane *dp, unsigned proto, const struct net_addr *src,
		     const struct net_addr *dst);
/** dataplane_now() - the data plane's clock, seconds. */
uint32_t dataplane_now(const struct dataplane *dp);
uint32_t dataplane_max_entries(const struct dataplane *dp, enum dp_map map);

struct binding {
	uint32_t slot;
	unsigned proto; /* one PROTO_ bit */
	struct net_addr internal, external;
	uint16_t iport, eport; /* host byte order */
	bool is_static;
	uint32_t idle; /* seconds since the last outbound packet */
	uint32_t expires; /* seconds left; 0 for a static binding */
	unsigned tcp_open;
	uint16_t ended; /* as einat_sweep.ended */
	uint8_t flags; /* SLOT_F_ */
	uint16_t seq; /* of the slot: sessions name it */
};

/* Live bindings in order of slot; a non-zero return of @fn ends the walk and is returned. */
typedef int (*binding_fn)(const struct binding *b, void *data);
int dataplane_foreach(const struct dataplane *dp, binding_fn fn, void *data);
/** dataplane_find() - the live binding of an internal endpoint; -ENOENT if there is none. */
int dataplane_find(const struct dataplane *dp, unsigned proto, const struct net_addr *internal,
		   uint16_t port, struct binding *ret_b);
/**
 * dataplane_knows() - whether an internal endpoint has a binding or had one that is not forgotten
 * yet: it has expired, or its external address is away and may return.
 */
bool dataplane_knows(const struct dataplane *dp, unsigned proto, const struct net_addr *internal,
		     uint16_t port);
/** dataplane_at() - the live binding in slot number @slot; -ENOENT if there is none. */
int dataplane_at(const struct dataplane *dp, uint32_t slot, struct binding *ret_b);
/** dataplane_find_external() - the live binding of an external endpoint; -ENOENT if there is none.
 */
int dataplane_find_external(const struct dataplane *dp, unsigned proto, const struct net_addr *ext,
			    uint16_t port, struct binding *ret_b);

int dataplane_stats(const struct dataplane *dp,
		    struct einat_stat ret_stats[EINAT_DIR_COUNT][EINAT_REASON_COUNT],
		    uint64_t ret_counts[EINAT_COUNT_COUNT]);

#endif
