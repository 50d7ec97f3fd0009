// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "src/flows.h"
#include "src/way.h"

struct collected {
	struct ct_flow *flow;
	size_t n;
};

static int collect(const struct ct_flow *flow, void *data)
{
	struct collected *c = data;
	struct ct_flow *grown;

	/* only what conntrack left un-NATed can be a claimed flow */
	if (flow->dying || !net_addr_eq(&flow->src, &flow->rdst) ||
	    !net_addr_eq(&flow->dst, &flow->rsrc) || flow->sport != flow->rdport)
		return 0;
	grown = array_room(c->flow, c->n, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	c->flow = grown;
	c->flow[c->n++] = *flow;
	return 0;
}

/* A flow begun by the remote side (endpoint-independent filtering), seen from inside. */
static struct ct_flow turned(const struct ct_flow *f)
{
	struct ct_flow t = *f;

	t.src = f->rsrc;
	t.sport = f->rsport;
	t.dst = f->rdst;
	t.dport = f->rdport;
	t.rsrc = t.dst;
	t.rsport = t.dport;
	t.rdst = t.src;
	t.rdport = t.sport;
	return t;
}

/* What is never claimed, directly connected networks, may have been before it was there. */
static bool is_kept(const struct net_list *onlink, const struct net_list *fresh,
		    const struct net_addr *far)
{
	return net_list_contains(onlink, far) && !(fresh && net_list_contains(fresh, far));
}

static bool has_binding(const struct dataplane *dp, const struct ct_flow *f,
			const struct net_list *onlink, const struct ways *w, struct binding *ret_b)
{
	if (is_kept(onlink, w->fresh, &f->dst) || link_is_external(w->link, &f->src))
		return false;
	return ret_b ? !dataplane_find(dp, f->proto, &f->src, f->sport, ret_b)
		     : dataplane_knows(dp, f->proto, &f->src, f->sport);
}

/*
 * Whether @f passes through a binding; without @ret_b one that was will do. @f is turned so that
 * its source is the internal side.
 */
static bool find_bound(const struct dataplane *dp, struct ct_flow *f, const struct net_list *onlink,
		       const struct ways *w, struct binding *ret_b)
{
	struct ct_flow t;

	if (has_binding(dp, f, onlink, w, ret_b))
		return true;
	t = turned(f);
	if (f->proto == PROTO_ICMP || !has_binding(dp, &t, onlink, w, ret_b))
		return false;
	*f = t;
	return true;
}

/* A flow that passes through a binding. */
struct bound {
	const struct ct_flow *flow; /* as conntrack has it */
	struct ct_flow inside; /* seen from inside */
	struct binding binding; /* if one in force is asked for */
	struct ways *ways;
};

/* Returns 0 if it has changed the flow's entry. */
typedef int (*bound_fn)(struct ct *ct, const struct bound *f);

/*
 * Calls @fn for those of @c; @live: only if their binding is in force now. @fresh: see struct
 * ways. How many gave 0.
 */
static int each_bound_of(struct ct *ct, const struct collected *c, const struct dataplane *dp,
			 const struct net_list *fresh, const struct link_info *link, bool live,
			 bound_fn fn, struct err *err)
{
	struct net_list onlink = { 0 };
	struct ways ways;
	int n = 0;
	int ret = ways_open(&ways, link, fresh, err);

	if (!ret)
		ret = link_onlink(link->ifindex, &onlink, err);
	if (!ret && link->ipv6)
		ret = link_onlink6(link->ifindex, &onlink, err);
	for (size_t i = 0; i < c->n && !ret; i++) {
		struct bound f = { .flow = &c->flow[i], .inside = c->flow[i], .ways = &ways };

		if (find_bound(dp, &f.inside, &onlink, &ways, live ? &f.binding : NULL) &&
		    !fn(ct, &f))
			n++;
	}
	ways_close(&ways);
	net_list_free(&onlink);
	return ret ? ret : n;
}

static int each_bound(struct ct *ct, const struct flows_scope *of, const struct link_info *link,
		      bool live, bound_fn fn, struct err *err)
{
	struct collected c = { 0 };
	int ret = ct_dump(ct, collect, &c, err);

	if (!ret)
		ret = each_bound_of(ct, &c, of->dp, of->fresh, link, live, fn, err);
	free(c.flow);
	return ret;
}

/*
 * A host may use one port towards the Internet and towards a network that is routed without NAT: a
 * flow that leaves elsewhere is not ours to change.
 */
static int purge(struct ct *ct, const struct bound *f)
{
	return way_of(f->ways, &f->inside) == WAY_OTHERS || ct_del(ct, f->flow, NULL);
}

int flows_purge_bound(struct ct *ct, const struct flows_scope *of, const struct link_info *link,
		      struct err *err)
{
	return each_bound(ct, of, link, false, purge, err);
}

static int purge_moved(struct ct *ct, const struct bound *f)
{
	return f->flow->mark || way_of(f->ways, &f->inside) != WAY_MOVED ||
	       ct_del(ct, f->flow, NULL);
}

static int purge_answered(struct ct *ct, const struct bound *f)
{
	bool out = net_addr_eq(&f->flow->src, &f->inside.src) && f->flow->sport == f->inside.sport;

	return out ? 1 : purge_moved(ct, f);
}

struct prefix_flows {
	const struct flows_scope *of;
	struct net_list onlink;
	struct ways ways;
};

/*
 * Is an un-NATed flow to be deleted whose internal side is in a prefix? @inside: seen from there;
 * @out: and begun there.
 */
typedef bool (*prefix_fn)(struct prefix_flows *p, const struct ct_flow *inside, bool out);

static int each_of_prefixes(struct ct *ct, const struct collected *c, const struct flows_scope *of,
			    const struct link_info *link, prefix_fn pick, struct err *err)
{
	struct prefix_flows p = { .of = of };
	int n = 0;
	int ret = ways_open(&p.ways, link, of->fresh, err);

	if (!ret && link->ifindex)
		ret = link_onlink6(link->ifindex, &p.onlink, err);
	for (size_t i = 0; i < c->n && !ret; i++) {
		const struct ct_flow *f = &c->flow[i], t = turned(f);
		bool out = net_list_contains(of->prefixes, &f->src);

		if ((out || net_list_contains(of->prefixes, &f->dst)) &&
		    pick(&p, out ? f : &t, out) && !ct_del(ct, f, NULL))
			n++;
	}
	ways_close(&p.ways);
	net_list_free(&p.onlink);
	return ret ? ret : n;
}

/* What leads nowhere now may lead to the link again when that is up and has its address back. */
static bool may_leave(enum way way)
{
	return way == WAY_LINK || way == WAY_NONE;
}

static bool prefix_leaves(struct prefix_flows *p, const struct ct_flow *inside, bool out)
{
	(void)out;
	return may_leave(way_of(&p->ways, inside));
}

/*
 * What is inside, be it behind another router, and what was never claimed, has not left the link,
 * whatever other interface leads there.
 */
static bool prefix_moved(struct prefix_flows *p, const struct ct_flow *inside, bool out)
{
	const struct net_addr *far = &inside->dst;

	(void)out;
	return !inside->mark && !net_list_contains(p->of->prefixes, far) &&
	       !(p->of->keep && net_list_contains(p->of->keep, far)) &&
	       !is_kept(&p->onlink, p->of->fresh, far) && !link_is_own(p->ways.link, far) &&
	       way_of(&p->ways, inside) == WAY_MOVED;
}

static bool prefix_answered(struct prefix_flows *p, const struct ct_flow *inside, bool out)
{
	return !out && prefix_moved(p, inside, out);
}

static bool prefix_gone(struct prefix_flows *p, const struct ct_flow *inside, bool out)
{
	return prefix_leaves(p, inside, out) || prefix_moved(p, inside, out);
}

static int purge_scope(struct ct *ct, const struct flows_scope *of, const struct link_info *link,
		       bound_fn fn, prefix_fn pick, struct err *err)
{
	struct collected c = { 0 };
	bool prefixes = of->prefixes && of->prefixes->n;
	int n = 0, m = 0;
	int ret = of->dp || prefixes ? ct_dump(ct, collect, &c, err) : 0;

	if (!ret && c.n && of->dp)
		n = each_bound_of(ct, &c, of->dp, of->fresh, link, false, fn, err);
	if (!ret && c.n && n >= 0 && prefixes)
		m = each_of_prefixes(ct, &c, of, link, pick, err);
	free(c.flow);
	return ret ? ret : n < 0 ? n : m < 0 ? m : n + m;
}

int flows_purge_moved(struct ct *ct, const struct flows_scope *of, const struct link_info *link,
		      struct err *err)
{
	return purge_scope(ct, of, link, purge_moved, prefix_moved, err);
}

int flows_purge_answered(struct ct *ct, const struct flows_scope *of, const struct link_info *link,
			 struct err *err)
{
	return purge_scope(ct, of, link, purge_answered, prefix_answered, err);
}

/* What has moved begins anew, by the rules of the interface by which it leaves. */
static int hand_back(struct ct *ct, const struct bound *f)
{
	enum way way = way_of(f->ways, &f->inside);

	if (way == WAY_OTHERS)
		return 1;
	if (way != WAY_LINK)
		return ct_del(ct, f->flow, NULL) ? -1 : 1;
	return ct_replace_snat(ct, &f->inside, &f->binding.external, f->binding.eport, NULL);
}

int flows_hand_back(struct ct *ct, const struct flows_scope *of, const struct link_info *link,
		    struct err *err)
{
	return each_bound(ct, of, link, true, hand_back, err);
}

static int hand_back6(struct ct *ct, const struct bound *f)
{
	return net_addr_is4(&f->binding.internal) ? -1 : hand_back(ct, f);
}

static int purge6(struct ct *ct, const struct bound *f)
{
	return net_addr_is4(&f->binding.internal) ? -1 : purge(ct, f);
}

int flows_end_ipv6(struct ct *ct, const struct dataplane *dp, const struct link_info *link,
		   bool masquerade, struct err *err)
{
	const struct flows_scope of = { .dp = dp };

	return each_bound(ct, &of, link, true, masquerade ? hand_back6 : purge6, err);
}

static bool in_slice(const struct plan *plan, size_t i, unsigned proto, const struct net_addr *src)
{
	return plan->cfg.slices[i].protos & proto &&
	       net_list_contains(&plan->nft.slices[i].internal, src) &&
	       !net_list_contains(&plan->nft.slices[i].not_internal, src);
}

static bool in_slices(const struct plan *plan, unsigned proto, const struct net_addr *src)
{
	for (size_t i = 0; i < plan->cfg.n_slices; i++)
		if (in_slice(plan, i, proto, src))
			return true;
	return false;
}

static bool takes(const struct plan *plan, size_t i, const struct ct_flow *f)
{
	return in_slice(plan, i, f->proto, &f->src) &&
	       !net_list_contains(&plan->nft.slices[i].exclude_dest, &f->dst);
}

/* Whatever mark a later packet of @f carries. */
static bool surely_in_slices(const struct plan *plan, const struct ct_flow *f)
{
	for (size_t i = 0; i < plan->cfg.n_slices; i++)
		if (takes(plan, i, f) && !plan->cfg.slices[i].mark_mask)
			return true;
	return false;
}

/* Of the family of @a; what stays on its link (fe80::/10, ff00::/8) is no destination here. */
static bool excludes_some(const struct net_list *dest, const struct net_addr *a)
{
	for (size_t i = 0; i < dest->n; i++)
		if (net_addr_is4(&dest->p[i].addr) == net_addr_is4(a) &&
		    dest->p[i].addr.b[0] < 0xfe)
			return true;
	return false;
}

int flow_end_cmp(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct flow_end));
}

bool flows_may_leave(const struct plan *plan, unsigned proto, const struct net_addr *src)
{
	for (size_t i = 0; i < plan->cfg.n_slices; i++)
		if (in_slice(plan, i, proto, src) && !plan->cfg.slices[i].mark_mask &&
		    !excludes_some(&plan->nft.slices[i].exclude_dest, src))
			return false;
	return true;
}

/* Is an un-NATed flow without a binding, seen from inside, to be deleted? */
typedef bool (*stray_fn)(const struct ct_flow *f, const void *data);

static bool is_stray(const struct ct_flow *f, const struct dataplane *dp, struct ways *w,
		     stray_fn stray, const void *data)
{
	struct binding b;

	return stray(f, data) && !link_is_own(w->link, &f->src) &&
	       dataplane_find(dp, f->proto, &f->src, f->sport, &b) && may_leave(way_of(w, f));
}

static int each_stray(struct ct *ct, const struct dataplane *dp, const struct link_info *link,
		      stray_fn stray, const void *data, struct err *err)
{
	struct collected c = { 0 };
	struct ways ways = { 0 };
	int n = 0;
	int ret = ct_dump(ct, collect, &c, err);

	if (!ret)
		ret = ways_open(&ways, link, NULL, err);
	for (size_t i = 0; i < c.n && !ret; i++) {
		const struct ct_flow *f = &c.flow[i], t = turned(f);

		if ((is_stray(f, dp, &ways, stray, data) ||
		     (f->proto != PROTO_ICMP && is_stray(&t, dp, &ways, stray, data))) &&
		    !ct_del(ct, f, NULL))
			n++;
	}
	ways_close(&ways);
	free(c.flow);
	return ret ? ret : n;
}

/* Hosts with other addresses of IPv6 are reached without NAT. */
static bool needs_nat(const struct net_addr *src)
{
	return net_addr_is4(src) || (src->b[0] & 0xfe) == 0xfc;
}

struct of_slices {
	const struct plan *plan;
	unsigned protos;
};

static bool of_slices(const struct ct_flow *f, const void *data)
{
	const struct of_slices *s = data;

	for (size_t i = 0; i < s->plan->cfg.n_slices && f->proto & s->protos; i++)
		if (takes(s->plan, i, f))
			return true;
	return false;
}

int flows_purge_stray(struct ct *ct, const struct dataplane *dp, const struct plan *plan,
		      const struct link_info *link, unsigned protos, struct err *err)
{
	const struct of_slices s = { plan, protos };

	return each_stray(ct, dp, link, of_slices, &s, err);
}

static bool of_maps(const struct ct_flow *f, const void *data)
{
	return needs_nat(&f->src) && dataplane_takes(data, f->proto, &f->src, &f->dst);
}

int flows_purge_unplanned(struct ct *ct, const struct dataplane *dp, const struct link_info *link,
			  struct err *err)
{
	return each_stray(ct, dp, link, of_maps, dp, err);
}

struct left {
	const struct flow_ends *ends;
	const struct plan *plan;
};

static bool of_left(const struct ct_flow *f, const void *data)
{
	const struct flow_end end = { .addr = f->src,
				      .port = f->sport,
				      .proto = (uint8_t)f->proto };
	const struct left *l = data;

	return bsearch(&end, l->ends->p, l->ends->n, sizeof(end), flow_end_cmp) &&
	       !surely_in_slices(l->plan, f);
}

int flows_purge_left(struct ct *ct, const struct dataplane *dp, const struct flow_ends *ends,
		     const struct plan *plan, const struct link_info *link, struct err *err)
{
	const struct left l = { ends, plan };

	return each_stray(ct, dp, link, of_left, &l, err);
}

struct dropped {
	const struct plan *old, *now;
};

static bool of_dropped(const struct ct_flow *f, const void *data)
{
	const struct dropped *d = data;

	if (surely_in_slices(d->now, f))
		return false;
	return d->old ? in_slices(d->old, f->proto, &f->src) : needs_nat(&f->src);
}

int flows_purge_dropped(struct ct *ct, const struct dataplane *dp, const struct plan *old,
			const struct plan *now, const struct link_info *link, struct err *err)
{
	const struct dropped d = { old, now };

	return each_stray(ct, dp, link, of_dropped, &d, err);
}

int flows_purge_prefixes(struct ct *ct, const struct flows_scope *of, const struct link_info *link,
			 struct err *err)
{
	const struct flows_scope prefixes = { .prefixes = of->prefixes,
					      .keep = of->keep,
					      .fresh = of->fresh };

	return purge_scope(ct, &prefixes, link, NULL, of->keep ? prefix_gone : prefix_leaves, err);
}

struct hosts {
	struct net_addr *addr;
	size_t n;
	bool ipv6_only;
};

static int note_host(const struct binding *b, void *data)
{
	struct hosts *h = data;
	struct net_addr *grown;

	if (h->ipv6_only && net_addr_is4(&b->internal))
		return 0;
	grown = array_room(h->addr, h->n, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	h->addr = grown;
	h->addr[h->n++] = b->internal;
	return 0;
}

static int addr_cmp(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct net_addr));
}

int flows_hosts(const struct dataplane *dp, bool ipv6_only, struct net_list *list)
{
	struct hosts h = { .ipv6_only = ipv6_only };
	struct net_prefix *p;
	int ret = dataplane_foreach(dp, note_host, &h);

	if (h.n)
		qsort(h.addr, h.n, sizeof(*h.addr), addr_cmp);
	p = ret || !h.n ? NULL : realloc(list->p, (list->n + h.n) * sizeof(*p));
	if (p)
		list->p = p;
	else if (h.n && !ret)
		ret = -ENOMEM;
	for (size_t i = 0; i < h.n && p; i++)
		if (!i || !net_addr_eq(&h.addr[i], &h.addr[i - 1]))
			list->p[list->n++] = (struct net_prefix){ .addr = h.addr[i], .len = 128 };
	free(h.addr);
	return ret;
}
