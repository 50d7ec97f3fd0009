// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/attach.h"
#include "src/flows.h"
#include "src/route.h"

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
	if ((c->n & (c->n - 1)) == 0) { /* at powers of two */
		grown = realloc(c->flow, (c->n ? c->n * 2 : 1) * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		c->flow = grown;
	}
	c->flow[c->n++] = *flow;
	return 0;
}

static bool is_external(const struct link_info *link, const struct net_addr *a)
{
	for (size_t i = 0; i < link->n_addr; i++)
		if (net_addr_eq(&link->addr[i], a))
			return true;
	return false;
}

static bool is_own(const struct link_info *link, const struct net_addr *a)
{
	for (size_t i = 0; i < link->n_own; i++)
		if (net_addr_eq(&link->own[i], a))
			return true;
	return is_external(link, a);
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

static bool has_binding(const struct dataplane *dp, const struct ct_flow *f,
			const struct net_list *onlink, const struct link_info *link,
			struct binding *ret_b)
{
	if (net_list_contains(onlink, &f->dst) || is_external(link, &f->src))
		return false;
	return ret_b ? !dataplane_find(dp, f->proto, &f->src, f->sport, ret_b)
		     : dataplane_knows(dp, f->proto, &f->src, f->sport);
}

/*
 * Whether @f passes through a binding; without @ret_b one that was will do. @f is turned so that
 * its source is the internal side.
 */
static bool find_bound(const struct dataplane *dp, struct ct_flow *f, const struct net_list *onlink,
		       const struct link_info *link, struct binding *ret_b)
{
	struct ct_flow t;

	if (has_binding(dp, f, onlink, link, ret_b))
		return true;
	t = turned(f);
	if (f->proto == PROTO_ICMP || !has_binding(dp, &t, onlink, link, ret_b))
		return false;
	*f = t;
	return true;
}

/*
 * Where a flow leaves as routing has it now; WAY_SELF: nowhere, for it is to this host, or to an
 * external address, as hairpin does.
 */
enum way { WAY_LINK, WAY_SELF, WAY_OTHER, WAY_NONE };

static enum way way_to(int oif, const struct net_addr *dst, const struct link_info *link)
{
	if (oif == ROUTE_LOOPBACK || is_external(link, dst))
		return WAY_SELF;
	return !oif ? WAY_NONE : oif == link->ifindex ? WAY_LINK : WAY_OTHER;
}

static enum way way_of(struct route_query *rq, const struct net_addr *dst,
		       const struct link_info *link)
{
	return way_to(route_oif(rq, dst), dst, link);
}

/* The data plane of another external interface, if einat runs on @oif, too. */
struct other {
	int oif;
	struct dataplane *dp;
};

static void other_open(struct other *o, int oif)
{
	struct attachment at;

	dataplane_close(o->dp);
	*o = (struct other){ .oif = oif };
	if (attach_find(oif, &at, NULL))
		return;
	if (at.out_prog)
		dataplane_open_prog(at.out_prog, &o->dp, NULL);
	attachment_close(&at);
}

/* It leaves by @oif through a binding there: that is its business now, un-NATed as it must be. */
static bool is_served(struct other *o, int oif, const struct ct_flow *inside)
{
	struct binding b;

	if (o->oif != oif)
		other_open(o, oif);
	return o->dp && !dataplane_find(o->dp, inside->proto, &inside->src, inside->sport, &b);
}

/* @flow as conntrack has it, @inside the same seen from inside. */
typedef int (*bound_fn)(struct ct *ct, const struct ct_flow *flow, const struct ct_flow *inside,
			const struct binding *b, enum way way);

/*
 * Calls @fn for each flow that passes through a binding, and not through one of another external
 * interface by now; @live: through one that is in force now, which @fn is told. Returns how many
 * times that gave 0.
 */
static int each_bound(struct ct *ct, const struct dataplane *dp, const struct link_info *link,
		      bool live, bound_fn fn, struct err *err)
{
	struct collected c = { 0 };
	struct net_list onlink = { 0 };
	struct route_query *rq = NULL;
	struct other other = { 0 };
	struct binding b;
	int n = 0;
	int ret = ct_dump(ct, collect, &c, err);

	if (!ret)
		ret = link_onlink(link->ifindex, &onlink, err);
	if (!ret && link->ipv6)
		ret = link_onlink6(link->ifindex, &onlink, err);
	if (!ret)
		ret = route_query_open(&rq, err);
	for (size_t i = 0; i < c.n && !ret; i++) {
		struct ct_flow inside = c.flow[i];
		enum way way;
		int oif;

		if (!find_bound(dp, &inside, &onlink, link, live ? &b : NULL))
			continue;
		oif = route_oif(rq, &inside.dst);
		way = way_to(oif, &inside.dst, link);
		if (way == WAY_OTHER && is_served(&other, oif, &inside))
			continue;
		if (!fn(ct, &c.flow[i], &inside, live ? &b : NULL, way))
			n++;
	}
	dataplane_close(other.dp);
	route_query_close(rq);
	free(c.flow);
	net_list_free(&onlink);
	return ret ? ret : n;
}

static int purge(struct ct *ct, const struct ct_flow *flow, const struct ct_flow *inside,
		 const struct binding *b, enum way way)
{
	(void)inside;
	(void)b;
	(void)way;
	return ct_del(ct, flow, NULL);
}

int flows_purge_bound(struct ct *ct, const struct dataplane *dp, const struct link_info *link,
		      struct err *err)
{
	return each_bound(ct, dp, link, false, purge, err);
}

static int purge_moved(struct ct *ct, const struct ct_flow *flow, const struct ct_flow *inside,
		       const struct binding *b, enum way way)
{
	(void)inside;
	(void)b;
	return way != WAY_OTHER || flow->mark || ct_del(ct, flow, NULL);
}

static int purge_answered(struct ct *ct, const struct ct_flow *flow, const struct ct_flow *inside,
			  const struct binding *b, enum way way)
{
	if (net_addr_eq(&flow->src, &inside->src) && flow->sport == inside->sport)
		return 1;
	return purge_moved(ct, flow, inside, b, way);
}

/* Is an un-NATed flow to be deleted whose internal side (@out: its source) is in a prefix? */
typedef bool (*prefix_fn)(const struct ct_flow *f, bool out, enum way way);

struct prefix_flows {
	const struct net_list *prefixes;
	const struct net_list *keep; /* destinations towards which nothing is claimed */
	struct net_list onlink;
	const struct link_info *link;
	struct route_query *rq;
};

/*
 * The way of a flow whose far side is @far. What is inside, and what was never claimed, has not
 * left the link, whatever other interface leads there.
 */
static enum way prefix_way(const struct prefix_flows *p, const struct net_addr *far)
{
	enum way way = way_of(p->rq, far, p->link);

	if (way == WAY_OTHER &&
	    (net_list_contains(p->prefixes, far) || net_list_contains(p->keep, far) ||
	     net_list_contains(&p->onlink, far) || is_own(p->link, far)))
		return WAY_SELF;
	return way;
}

static int each_of_prefixes(struct ct *ct, const struct net_list *prefixes,
			    const struct net_list *keep, const struct link_info *link,
			    prefix_fn pick, struct err *err)
{
	struct prefix_flows p = { .prefixes = prefixes, .keep = keep, .link = link };
	struct collected c = { 0 };
	int n = 0;
	int ret = prefixes->n ? ct_dump(ct, collect, &c, err) : 0;

	if (!ret && c.n)
		ret = route_query_open(&p.rq, err);
	if (!ret && c.n && link->ifindex)
		ret = link_onlink6(link->ifindex, &p.onlink, err);
	for (size_t i = 0; i < c.n && !ret; i++) {
		const struct ct_flow *f = &c.flow[i];
		bool out = net_list_contains(prefixes, &f->src);

		if ((out || net_list_contains(prefixes, &f->dst)) &&
		    pick(f, out, prefix_way(&p, out ? &f->dst : &f->src)) && !ct_del(ct, f, NULL))
			n++;
	}
	route_query_close(p.rq);
	net_list_free(&p.onlink);
	free(c.flow);
	return ret ? ret : n;
}

/* What leads nowhere now may lead to the link again when that is up and has its address back. */
static bool may_leave(enum way way)
{
	return way == WAY_LINK || way == WAY_NONE;
}

static bool prefix_leaves(const struct ct_flow *f, bool out, enum way way)
{
	(void)f;
	(void)out;
	return may_leave(way);
}

static bool prefix_moved(const struct ct_flow *f, bool out, enum way way)
{
	(void)out;
	return way == WAY_OTHER && !f->mark;
}

static bool prefix_answered(const struct ct_flow *f, bool out, enum way way)
{
	return !out && prefix_moved(f, out, way);
}

static bool prefix_gone(const struct ct_flow *f, bool out, enum way way)
{
	return may_leave(way) || prefix_moved(f, out, way);
}

int flows_purge_moved(struct ct *ct, const struct dataplane *dp, const struct net_list *prefixes,
		      const struct net_list *keep, const struct link_info *link, struct err *err)
{
	int n = each_bound(ct, dp, link, false, purge_moved, err);
	int m = n < 0 ? n : each_of_prefixes(ct, prefixes, keep, link, prefix_moved, err);

	return m < 0 ? m : n + m;
}

int flows_purge_answered(struct ct *ct, const struct dataplane *dp, const struct net_list *prefixes,
			 const struct net_list *keep, const struct link_info *link, struct err *err)
{
	int n = each_bound(ct, dp, link, false, purge_answered, err);
	int m = n < 0 ? n : each_of_prefixes(ct, prefixes, keep, link, prefix_answered, err);

	return m < 0 ? m : n + m;
}

/*
 * A host may use one port towards the Internet and towards a network that is routed without NAT: a
 * flow that leaves elsewhere is not ours to change. Routing by marks is not seen here, so its
 * entry goes too: the next packet makes a new one by the rules.
 */
static int hand_back(struct ct *ct, const struct ct_flow *flow, const struct ct_flow *inside,
		     const struct binding *b, enum way way)
{
	if (way != WAY_LINK)
		return ct_del(ct, flow, NULL) ? -1 : 1;
	return ct_replace_snat(ct, inside, &b->external, b->eport, NULL);
}

int flows_hand_back(struct ct *ct, const struct dataplane *dp, const struct link_info *link,
		    struct err *err)
{
	return each_bound(ct, dp, link, true, hand_back, err);
}

static int hand_back6(struct ct *ct, const struct ct_flow *flow, const struct ct_flow *inside,
		      const struct binding *b, enum way way)
{
	return net_addr_is4(&b->internal) ? -1 : hand_back(ct, flow, inside, b, way);
}

static int purge6(struct ct *ct, const struct ct_flow *flow, const struct ct_flow *inside,
		  const struct binding *b, enum way way)
{
	return net_addr_is4(&b->internal) ? -1 : purge(ct, flow, inside, b, way);
}

int flows_end_ipv6(struct ct *ct, const struct dataplane *dp, const struct link_info *link,
		   bool masquerade, struct err *err)
{
	return each_bound(ct, dp, link, true, masquerade ? hand_back6 : purge6, err);
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

/* Whatever mark a later packet of @f carries. */
static bool surely_in_slices(const struct plan *plan, const struct ct_flow *f)
{
	for (size_t i = 0; i < plan->cfg.n_slices; i++)
		if (in_slice(plan, i, f->proto, &f->src) && !plan->cfg.slices[i].mark_mask &&
		    !net_list_contains(&plan->nft.slices[i].exclude_dest, &f->dst))
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

static bool is_stray(const struct ct_flow *f, const struct dataplane *dp, struct route_query *rq,
		     const struct link_info *link, stray_fn stray, const void *data)
{
	struct binding b;

	return stray(f, data) && !is_own(link, &f->src) &&
	       dataplane_find(dp, f->proto, &f->src, f->sport, &b) &&
	       may_leave(way_of(rq, &f->dst, link));
}

static int each_stray(struct ct *ct, const struct dataplane *dp, const struct link_info *link,
		      stray_fn stray, const void *data, struct err *err)
{
	struct collected c = { 0 };
	struct route_query *rq = NULL;
	int n = 0;
	int ret = ct_dump(ct, collect, &c, err);

	if (!ret)
		ret = route_query_open(&rq, err);
	for (size_t i = 0; i < c.n && !ret; i++) {
		const struct ct_flow *f = &c.flow[i], t = turned(f);

		if ((is_stray(f, dp, rq, link, stray, data) ||
		     (f->proto != PROTO_ICMP && is_stray(&t, dp, rq, link, stray, data))) &&
		    !ct_del(ct, f, NULL))
			n++;
	}
	route_query_close(rq);
	free(c.flow);
	return ret ? ret : n;
}

struct of_slices {
	const struct plan *plan;
	unsigned protos;
};

static bool of_slices(const struct ct_flow *f, const void *data)
{
	const struct of_slices *s = data;

	return f->proto & s->protos && in_slices(s->plan, f->proto, &f->src);
}

int flows_purge_stray(struct ct *ct, const struct dataplane *dp, const struct plan *plan,
		      const struct link_info *link, unsigned protos, struct err *err)
{
	const struct of_slices s = { plan, protos };

	return each_stray(ct, dp, link, of_slices, &s, err);
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

/* Hosts with other addresses of IPv6 are reached without NAT. */
static bool needs_nat(const struct net_addr *src)
{
	return net_addr_is4(src) || (src->b[0] & 0xfe) == 0xfc;
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

int flows_purge_prefixes(struct ct *ct, const struct net_list *prefixes,
			 const struct net_list *keep, const struct link_info *link, struct err *err)
{
	static const struct net_list none;

	return each_of_prefixes(ct, prefixes, keep ? keep : &none, link,
				keep ? prefix_gone : prefix_leaves, err);
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
	if ((h->n & (h->n - 1)) == 0) { /* at powers of two */
		grown = realloc(h->addr, (h->n ? h->n * 2 : 1) * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		h->addr = grown;
	}
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
	struct net_prefix p = { .len = 128 };
	int ret = dataplane_foreach(dp, note_host, &h);

	if (h.n)
		qsort(h.addr, h.n, sizeof(*h.addr), addr_cmp);
	for (size_t i = 0; i < h.n && !ret; i++) {
		if (i && net_addr_eq(&h.addr[i], &h.addr[i - 1]))
			continue;
		p.addr = h.addr[i];
		ret = net_list_add(list, &p);
	}
	free(h.addr);
	return ret;
}
