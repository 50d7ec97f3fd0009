/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the engine share; for engine*.c alone. */
#ifndef EINAT_ENGINE_IMPL_H
#define EINAT_ENGINE_IMPL_H

#include <limits.h>

#include "src/engine.h"

struct einat_bpf;

struct engine {
	struct einat_bpf *skel;
	struct dataplane *dp;
	struct dataplane *old_dp; /* until attached: the data plane that is taken over */
	struct attachment old;
	bool reuse; /* old_dp's maps are used as they are */
	bool taken_over, attached;
	bool ipv6, nptv6; /* its programs translate IPv6, prefixes */
	int ifindex;
	char ifname[16];
	char pin[PATH_MAX];
	enum conf_attach attach;
	enum attach_mode mode;
	uint32_t n_planes, n_slices;
	unsigned live_protos; /* of the bindings that are copied to new maps */
	/* Every address that still has planes; parked ones (not on the link now) included. */
	struct einat_ext ext[EINAT_MAX_EXT];
	bool active[EINAT_MAX_EXT];
	uint32_t parked_at[EINAT_MAX_EXT]; /* data plane's clock; of those that are parked */
	uint16_t last_gen;
};

extern const struct einat_ext engine_no_ext; /* an entry without an address */
/** engine_add_binding() - make binding @b in the data plane; its slot is found by its external
 * address. -EEXIST if the port or the internal endpoint has a binding already. */
int engine_add_binding(struct engine *e, const struct binding *b, uint8_t flags);
/**
 * engine_write_statics() - bring the static bindings in line with @plan; they have the first of
 * @link's addresses that serves new flows. -EEXIST if new flows were in the way each time.
 */
int engine_write_statics(struct engine *e, const struct plan *plan, const struct link_info *link,
			 struct err *err);
/** engine_write_npt() - bring the prefix translation in line with @plan. */
int engine_write_npt(struct engine *e, const struct plan *plan, struct err *err);
/** engine_npt_same() - whether @dp translates the prefixes of @plan and no others. */
bool engine_npt_same(const struct dataplane *dp, const struct plan *plan);
/**
 * engine_copy_bindings() - from e->old_dp, if its maps are not reused: before the programs are
 * switched, and once more after it for what was made meanwhile.
 */
void engine_copy_bindings(struct engine *e);
/** engine_copy_sessions() - those in RST grace: data must still show that the RST was forged. */
void engine_copy_sessions(struct engine *e);
int engine_run_sweep(struct engine *e, struct einat_sweep *sweep);

#endif
