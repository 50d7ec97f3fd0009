// SPDX-License-Identifier: GPL-2.0-or-later
/* Follows what changes while einat runs: the link, port owners, others' rules. */
#include <errno.h>
#include <string.h>

#include "src/flows.h"
#include "src/instance_impl.h"
#include "src/log.h"

#define SECOND (1000 / INSTANCE_TICK_MS) /* in ticks */

int instance_events_fd(const struct instance *inst)
{
	return ct_events_fd(inst->ct);
}

void instance_on_conntrack(struct instance *inst)
{
	if (ct_events_drain(inst->ct) == -ENOBUFS)
		inst->ct_lost = true;
}

/*
 * Whether the link is not the known one any more, as in the midst of a change of addresses: an
 * event that is still to be read tells of it.
 */
static bool is_overtaken(const struct instance *inst)
{
	struct link_info now;

	return !observe_link(inst->cif, &now, NULL) && !link_info_eq(&now, &inst->link);
}

void instance_try_apply(struct instance *inst, const char *why)
{
	struct err err;

	if (!inst->engine)
		return;
	inst->retry = instance_apply(inst, &err);
	if (inst->retry && is_overtaken(inst))
		log_debug("%s: after %s: %s; the link has changed again meanwhile", inst->cif->name,
			  why, err.text);
	else if (inst->retry)
		log_error("%s: after %s: %s; trying again", inst->cif->name, why, err.text);
	else
		log_debug("%s: applied after %s", inst->cif->name, why);
}

/*
 * The interface is gone, or has another name now: then it is as after a stop. A new one of this
 * name falls to masquerade; entries of claimed flows must not live on, they would leave un-NATed.
 */
static void link_gone(struct instance *inst)
{
	struct err err;

	instance_close_engine(inst);
	if (inst->cif->n_hairpin_ifs && hairpin_remove(inst->cif->name, &err))
		log_error("%s: %s", inst->cif->name, err.text);
	log_warn("%s: the interface is gone; masquerade serves a new one of this name until einat "
		 "is attached to it",
		 inst->cif->name);
}

static void log_addresses(const struct instance *inst)
{
	char buf[NET_ADDR_STRLEN];

	for (size_t i = 0; i < inst->link.n_addr; i++)
		log_info("%s: external address %s", inst->cif->name,
			 net_addr_format(&inst->link.addr[i], buf));
}

static void link_back(struct instance *inst)
{
	struct err err = { "" };
	int ret = instance_reopen(inst, &err);

	inst->retry = ret != 0;
	if (ret)
		log_error("%s: cannot attach to the new interface: %s; masquerade serves all, "
			  "trying again",
			  inst->cif->name, err.text);
	else
		log_info("%s: attached to the new interface, index %d", inst->cif->name,
			 inst->link.ifindex);
}

static bool same_addresses(const struct link_info *a, const struct link_info *b)
{
	return a->n_addr == b->n_addr && !memcmp(a->addr, b->addr, a->n_addr * sizeof(*a->addr));
}

/* Prefixes whose flows have left by this interface. */
static const struct net_list *npt_left(const struct instance *inst)
{
	static const struct net_list none;

	return inst->npt_elsewhere ? &none : &inst->npt_claimed;
}

static struct flows_scope scope(const struct instance *inst, const struct dataplane *dp)
{
	return (struct flows_scope){ .dp = dp,
				     .prefixes = npt_left(inst),
				     .keep = instance_npt_keep(inst),
				     .fresh = &inst->networks.fresh };
}

/*
 * The way to the Internet may lead over another interface now, or that to a network. To conntrack
 * claimed flows are never translated: they would go on there with their internal source.
 */
static void purge_moved(struct instance *inst, const struct dataplane *dp)
{
	bool elsewhere = instance_npt_elsewhere(inst);
	struct flows_scope of = scope(inst, dp);
	struct err err;
	int n = flows_purge_moved(inst->ct, &of, &inst->link, &err);

	if (n < 0)
		log_error("%s: %s", inst->cif->name, err.text);
	if (n > 0) {
		inst->moved = true;
		inst->moved_tick = inst->answered_tick = inst->ticks;
	}
	inst->npt_looked = elsewhere && n >= 0;
	if (inst->npt_looked && !inst->moved)
		inst->npt_elsewhere = true;
	if (dp && n >= 0 && !inst->moved)
		networks_seen(&inst->networks);
}

/*
 * Until the host's next packet comes, which makes the entry anew by the rules of the other
 * interface, what is still on its way by this one makes one without NAT: a few answers, or a
 * stream that the remote side does not end at once. First at each tick, then each second, then
 * every five, for a minute; over when for two seconds (or at a look, then) there was none.
 */
static void purge_answered(struct instance *inst)
{
	const unsigned age = inst->ticks - inst->moved_tick;
	const unsigned pace = age <= SECOND ? 1 : age <= 10 * SECOND ? SECOND : 5 * SECOND;
	struct flows_scope of;
	struct err err;
	int n;

	if (!inst->moved || age % pace)
		return;
	of = scope(inst, engine_dataplane(inst->engine));
	n = flows_purge_answered(inst->ct, &of, &inst->link, &err);
	if (n < 0)
		log_error("%s: %s", inst->cif->name, err.text);
	if (n > 0)
		inst->answered_tick = inst->ticks;
	inst->moved = n >= 0 && age < 60 * SECOND && inst->ticks - inst->answered_tick < 2 * SECOND;
	if (inst->moved)
		return;
	networks_seen(&inst->networks);
	if (inst->npt_looked)
		inst->npt_elsewhere = true;
}

/*
 * A network that another interface leads to takes claimed flows with it. Routing daemons write many
 * routes: a look each second.
 */
static bool networks_came(struct instance *inst)
{
	struct err err;

	inst->networks_due = inst->networks_tick && inst->ticks - inst->networks_tick < SECOND;
	if (inst->networks_due)
		return false;
	inst->networks_tick = inst->ticks ?: 1;
	if (networks_look(&inst->networks, inst->link.ifindex, &err))
		log_error("%s: %s", inst->cif->name, err.text);
	return inst->networks.fresh.n;
}

static void link_changed(struct instance *inst, const struct link_info *now)
{
	bool same = now->ifindex == inst->link.ifindex;
	bool moved = !same || !same_addresses(now, &inst->link);
	struct err err;

	if (!same && inst->link.ifindex)
		link_gone(inst);
	inst->link = *now;
	if (!now->ifindex)
		return;
	if (moved)
		log_addresses(inst);
	if (inst->foreign && observe_dnat(inst->foreign, inst->cif->ipv6, now, inst->owners, &err))
		log_error("%s: %s", inst->cif->name, err.text);
	if (!same) {
		link_back(inst);
		return;
	}
	/* the new address first: reading a large conntrack takes longer than may pass */
	inst->ct_lost = true;
	inst->link_tick = inst->ticks;
	if (inst->engine)
		instance_slow_open(inst); /* it knows the link's MAC address */
	instance_try_apply(inst, "a change of the link");
}

/* Nobody translates what was claimed: masquerade takes its next packets. */
static void attach_later(struct instance *inst)
{
	struct err err;

	if (inst->detached)
		return;
	if (instance_unclaim(inst, &err))
		log_error("%s: %s", inst->cif->name, err.text);
	instance_purge_claimed(inst);
	inst->detached = true;
}

static void check_attached(struct instance *inst)
{
	struct err err = { "" };

	if (!inst->engine || engine_attached(inst->engine))
		return;
	if (!instance_may_restore(inst, RESTORE_ATTACH)) {
		attach_later(inst);
		return;
	}
	log_warn("%s: einat is off the interface: another program detached it, or the interface "
		 "was made again; attaching",
		 inst->cif->name);
	if (instance_unclaim(inst, &err) || engine_attach(inst->engine, &err)) {
		log_error("%s: %s; masquerade serves new flows, trying again", inst->cif->name,
			  err.text);
		attach_later(inst); /* claims stay suspended; tried again at the next look */
		return;
	}
	inst->detached = false;
	instance_resume(inst);
	instance_try_apply(inst, "attaching again");
}

void instance_on_link(struct instance *inst, int events)
{
	bool changed = false;
	struct link_info now;
	struct err err;

	instance_check_want(inst);
	if (events & LINK_EV_LINK) {
		if (observe_link(inst->cif, &now, &err))
			log_error("%s: %s", inst->cif->name, err.text);
		else
			changed = !link_info_eq(&now, &inst->link);
	}
	/* with its addresses the link may lose its prefixes, too: these flows must be known yet */
	if (changed && inst->engine && inst->npt_claimed.n)
		purge_moved(inst, NULL);
	if (changed)
		link_changed(inst, &now);
	if (events & LINK_EV_NETWORK && networks_came(inst))
		events |= LINK_EV_ROUTE;
	/* an interface that goes down takes its routes with it, and no event tells of them */
	if (inst->engine && (changed || events & LINK_EV_ROUTE))
		purge_moved(inst, engine_dataplane(inst->engine));
	else if (inst->engine && events & LINK_EV_LINK) /* or another one has */
		instance_npt_elsewhere(inst);
	if (events & (LINK_EV_TC | LINK_EV_LINK))
		check_attached(inst);
	if (events & LINK_EV_RULE)
		instance_check_hairpin(inst);
}

void instance_rules_changed(struct instance *inst, struct foreign *now)
{
	struct err err;

	foreign_free(inst->foreign);
	inst->foreign = now;
	if (!observe_dnat(now, inst->cif->ipv6, &inst->link, inst->owners, &err))
		instance_try_apply(inst, "a change of the rules");
	else
		log_error("%s: %s", inst->cif->name, err.text);
}

static void resync_flows(struct instance *inst)
{
	struct err err;

	if (observe_flows(&inst->link, inst->ct, inst->owners, &err))
		log_error("%s: %s", inst->cif->name, err.text);
	else
		inst->ct_lost = false;
	instance_purge_left(inst);
}

void instance_tick(struct instance *inst)
{
	struct err err;

	inst->ticks++;
	instance_check_tick(inst);
	if (inst->retry && inst->ticks % SECOND == 0 && inst->link.ifindex) {
		if (inst->engine)
			instance_try_apply(inst, "an earlier failure");
		else
			link_back(inst);
	}
	if (!inst->engine)
		return;
	instance_restore_tick(inst);
	if (inst->networks_due && networks_came(inst))
		purge_moved(inst, engine_dataplane(inst->engine));
	purge_answered(inst);
	/* an address comes as several events: not between them */
	if ((inst->ct_lost && inst->ticks - inst->link_tick >= SECOND) ||
	    inst->ticks % (60 * SECOND) == 0)
		resync_flows(inst);
	if (inst->ticks % (2 * SECOND) == 0 && observe_sockets(&inst->link, inst->owners, &err))
		log_error("%s: %s", inst->cif->name, err.text);
	/* clsact tells of changes, TCX does not */
	if (inst->ticks % SECOND == 0)
		check_attached(inst);
	if (inst->ticks % SECOND == 0 && engine_sweep(inst->engine, NULL, &err))
		log_error("%s: %s", inst->cif->name, err.text);
	if (!instance_watermarks(inst) && inst->owners_seen != owners_generation(inst->owners))
		instance_try_apply(inst, "a change of port owners");
}
