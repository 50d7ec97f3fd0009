// SPDX-License-Identifier: GPL-2.0-or-later
/* Takes along what the maps of an earlier data plane hold, where larger or newer ones are made. */
#include <bpf/bpf.h>
#include <errno.h>

#include "src/engine_impl.h"
#include "src/log.h"

/*
 * Sessions are not copied, and end unseen: a binding that has open ones counts as open from now on,
 * and so does one that has any that may open.
 */
struct copy {
	struct engine *e;
	unsigned done, failed;
};

static int copy_binding(const struct binding *b, void *data)
{
	struct copy *c = data;
	uint8_t flags = b->flags | (b->tcp_open || b->flags & SLOT_F_TCP_SYN ? SLOT_F_TCP_OPEN : 0);
	int ret = engine_add_binding(c->e, b, flags);

	if (!ret)
		c->done++;
	else if (ret != -EEXIST)
		c->failed++;
	return 0;
}

void engine_copy_bindings(struct engine *e)
{
	struct copy c = { .e = e };

	if (!e->old_dp || e->reuse)
		return;
	dataplane_foreach(e->old_dp, copy_binding, &c);
	if (c.failed)
		log_warn("%s: %u bindings could not be taken over", e->ifname, c.failed);
	log_debug("%s: %u bindings copied to new maps", e->ifname, c.done);
}

/* The session of a binding that was copied: its new slot and use. */
static bool new_key(const struct engine *e, const struct einat_session_key *old,
		    struct einat_session_key *ret_key)
{
	struct binding was, is;

	if (dataplane_at(e->old_dp, old->slot, &was) || was.seq != old->seq ||
	    dataplane_find(e->dp, was.proto, &was.internal, was.iport, &is) ||
	    is.eport != was.eport || !net_addr_eq(&is.external, &was.external))
		return false;
	*ret_key = *old;
	ret_key->slot = is.slot;
	ret_key->seq = is.seq;
	return true;
}

void engine_copy_sessions(struct engine *e)
{
	struct einat_session_key key, to;
	struct einat_session s;
	int from_fd, to_fd;

	if (!e->old_dp || e->reuse || dataplane_ctl(e->old_dp)->abi < EINAT_ABI_CLOSED)
		return;
	from_fd = dataplane_fd(e->old_dp, DP_SESSIONS);
	to_fd = dataplane_fd(e->dp, DP_SESSIONS);
	for (bool more = !bpf_map_get_next_key(from_fd, NULL, &key); more;
	     more = !bpf_map_get_next_key(from_fd, &key, &key))
		if (!bpf_map_lookup_elem(from_fd, &key, &s) && s.state == TCP_S_TRANS &&
		    new_key(e, &key, &to))
			bpf_map_update_elem(to_fd, &to, &s, BPF_NOEXIST);
}
