// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/flow_table.h"
#include "src/owners.h"
#include "src/port_bits.h"

struct owners {
	owners_bound_fn bound;
	void *bound_data;
	struct port_set set[OWNER_KIND_COUNT][PROTO_COUNT]; /* OWNER_NETFILTER: not used */
	struct flow_table flows;
	uint32_t refs[PROTO_COUNT][65536]; /* flows that use the port */
	uint64_t generation;
	uint16_t epoch; /* of the last resync */
};

/** owner_kind_name() - the word for it in messages and in `einat status`. */
const char *owner_kind_name(enum owner_kind kind)
{
	switch (kind) {
	case OWNER_NETFILTER:
		return "netfilter";
	case OWNER_SOCKET:
		return "socket";
	case OWNER_DNAT:
		return "dnat";
	case OWNER_OPERATOR:
		return "operator";
	case OWNER_KIND_COUNT:
		break;
	}
	return "unknown";
}

/**
 * owners_new() - an empty ledger; NULL: out of memory. Released by owners_free().
 * @bound: tells einat's own hairpin flows from the host's, see flow_use(); NULL: nothing is bound.
 *         Called with @data from within owners_flow_add().
 */
struct owners *owners_new(owners_bound_fn bound, void *data)
{
	struct owners *o = calloc(1, sizeof(*o));

	if (o) {
		o->bound = bound;
		o->bound_data = data;
		flow_table_init(&o->flows);
	}
	return o;
}

void owners_free(struct owners *o)
{
	if (!o)
		return;
	for (unsigned kind = 0; kind < OWNER_KIND_COUNT; kind++)
		for (unsigned proto = 0; proto < PROTO_COUNT; proto++)
			port_set_free(&o->set[kind][proto]);
	flow_table_fini(&o->flows);
	free(o);
}

/**
 * owners_set() - @ports (copied) are from now on all that owners of @kind hold of @proto.
 * -EINVAL for OWNER_NETFILTER, which is counted by flows; -ENOMEM.
 */
int owners_set(struct owners *o, enum owner_kind kind, unsigned proto, const struct port_set *ports)
{
	int ret;

	if (kind == OWNER_NETFILTER || kind >= OWNER_KIND_COUNT || proto >= PROTO_COUNT)
		return -EINVAL;
	if (port_set_eq(&o->set[kind][proto], ports))
		return 0;
	ret = port_set_copy(&o->set[kind][proto], ports);
	if (!ret)
		o->generation++;
	return ret;
}

/* ---- flows ------------------------------------------------------------------------------- */

static bool is_ext(const struct net_addr *a, const struct net_addr *ext, size_t n_ext)
{
	for (size_t i = 0; i < n_ext; i++)
		if (net_addr_eq(a, &ext[i]))
			return true;
	return false;
}

static unsigned proto_index(unsigned bit)
{
	return bit == PROTO_UDP ? 0 : bit == PROTO_TCP ? 1 : 2;
}

static struct flow_key flow_key(const struct ct_flow *f)
{
	return (struct flow_key){ .src = f->src,
				  .dst = f->dst,
				  .id = f->id,
				  .sport = f->sport,
				  .dport = f->dport,
				  .zone = f->zone,
				  .proto = proto_index(f->proto) };
}

/*
 * Which external ports (ICMP: identifiers) a flow uses:
 *
 * - the reply's destination port, if replies go to an external address: the flow was
 *   masqueraded or source-NATed, or it is this host's own. A port that einat would bind takes the
 *   replies away from it in both cases.
 * - the original destination port, if that is an external address and the destination was
 *   translated: a DNATed inbound flow, which goes on even when its rule is gone. Not for ICMP: an
 *   inbound query's identifier is the remote's, and einat translates no inbound queries.
 *
 * An inbound flow that was not DNATed uses none: its port is a local socket's, which sock_diag
 * shows, or nobody's; anyone on the Internet could take ports away by scanning them otherwise.
 *
 * What einat itself translates shows in conntrack as internal <-> remote, without an external
 * address, and uses none by these rules. Only hairpin shows one, twice (each pass through the
 * stack is a flow of its own), for A's binding ext:a, B's binding ext:b:
 *
 * - A -> ext:b, replies ext:b -> A: not DNATed, replies not to ext: uses none;
 * - ext:a -> B, replies B -> ext:a: looks like the host's own flow from port a. It is told
 *   from that by the live binding at ext:a; only einat's translation can have made it. Were it
 *   counted, hairpin would take ports out of the slice as long as conntrack remembers.
 *
 * Should the host itself send from a port that is bound, the binding has the replies anyway; once
 * it has expired the next resync counts the flow. Should a binding expire before its hairpin flow,
 * the port is kept back until that ends: too careful, not unsafe.
 */
static struct flow_use flow_use(const struct owners *o, const struct ct_flow *f,
				const struct net_addr *ext, size_t n_ext)
{
	bool own = net_addr_eq(&f->src, &f->rdst) && f->sport == f->rdport;
	bool dnat = f->proto != PROTO_ICMP &&
		    (!net_addr_eq(&f->dst, &f->rsrc) || f->dport != f->rsport);
	struct flow_use use = { 0 };

	if (is_ext(&f->rdst, ext, n_ext) &&
	    !(own && o->bound &&
	      o->bound(proto_index(f->proto), &f->rdst, f->rdport, o->bound_data)))
		use.port[use.n++] = f->rdport;
	if (dnat && is_ext(&f->dst, ext, n_ext) && !(use.n && use.port[0] == f->dport))
		use.port[use.n++] = f->dport;
	return use;
}

static void ref(struct owners *o, unsigned proto, const struct flow_use *use)
{
	for (unsigned i = 0; i < use->n; i++)
		if (o->refs[proto][use->port[i]]++ == 0)
			o->generation++;
}

static void unref(struct owners *o, unsigned proto, const struct flow_use *use)
{
	for (unsigned i = 0; i < use->n; i++)
		if (--o->refs[proto][use->port[i]] == 0)
			o->generation++;
}

static void drop(struct owners *o, const struct flow_key *key, const struct flow_use *use)
{
	struct flow_use old = *use;
	struct flow_key k = *key; /* both may lie in the entry that goes */

	flow_table_del(&o->flows, &k);
	unref(o, k.proto, &old);
}

/**
 * owners_flow_add() - @flow exists: from a dump or a CT_NEW event, in any order and more than once.
 * What it uses is computed anew each time, from the external addresses @ext.
 * Returns 1 if it uses a port, 0 if not, -ENOMEM (the ledger lacks it then: resync later).
 */
int owners_flow_add(struct owners *o, const struct ct_flow *flow, const struct net_addr *ext,
		    size_t n_ext)
{
	struct flow_use use = flow_use(o, flow, ext, n_ext), old;
	struct flow_key key = flow_key(flow);
	struct flow_entry *e = flow_table_find(&o->flows, &key);

	if (!use.n) {
		if (e)
			drop(o, &e->key, &e->use);
		return 0;
	}
	if (!e) {
		e = flow_table_add(&o->flows, &key);
		if (!e)
			return -ENOMEM;
		e->use.n = 0;
	}
	old = e->use;
	e->use = use;
	e->epoch = o->epoch;
	if (old.n == use.n && !memcmp(old.port, use.port, use.n * sizeof(use.port[0])))
		return 1;
	ref(o, key.proto, &use);
	unref(o, key.proto, &old);
	return 1;
}

/** owners_flow_del() - @flow has ended: a CT_DESTROY event. Unknown flows are ignored. */
void owners_flow_del(struct owners *o, const struct ct_flow *flow)
{
	struct flow_key key = flow_key(flow);
	struct flow_entry *e = flow_table_find(&o->flows, &key);

	if (e)
		drop(o, &e->key, &e->use);
}

/** owners_flow_reset() - forget all flows. */
void owners_flow_reset(struct owners *o)
{
	owners_resync_begin(o);
	owners_resync_end(o);
}

/**
 * owners_resync_begin(), owners_resync_end() - around a dump that adds every flow there is: at the
 * end, flows that were not added since the begin are forgotten. Unlike a reset this never shows
 * a port in use as free, and the generation stays if nothing has changed. A dump that failed is
 * given up by not calling the end: nothing is forgotten then.
 */
void owners_resync_begin(struct owners *o)
{
	o->epoch++;
}

void owners_resync_end(struct owners *o)
{
	for (uint32_t i = 0; i < o->flows.n_alloc; i++) {
		struct flow_entry *e = flow_table_at(&o->flows, i);

		if (e && e->epoch != o->epoch)
			drop(o, &e->key, &e->use);
	}
}

/** owners_flow_count() - flows that use a port. */
size_t owners_flow_count(const struct owners *o)
{
	return o->flows.n_used;
}

/* ---- answers ----------------------------------------------------------------------------- */

/** owners_taken() - who holds @port: a mask of 1 << enum owner_kind; 0: it is einat's to use. */
unsigned owners_taken(const struct owners *o, unsigned proto, uint16_t port)
{
	unsigned mask;

	if (proto >= PROTO_COUNT)
		return 0;
	mask = o->refs[proto][port] ? 1u << OWNER_NETFILTER : 0;
	for (unsigned kind = 0; kind < OWNER_KIND_COUNT; kind++)
		if (port_set_contains(&o->set[kind][proto], port))
			mask |= 1u << kind;
	return mask;
}

/** owners_generation() - another number whenever an answer may have changed. */
uint64_t owners_generation(const struct owners *o)
{
	return o->generation;
}

static void flow_ports(const struct owners *o, unsigned proto, struct port_bits *bits)
{
	for (unsigned port = 0; port < 65536; port++)
		if (o->refs[proto][port])
			port_bits_add(bits, port);
}

/**
 * owners_ports() - the ports of @proto that @kind holds. What @ret_ports held is released.
 * 0, -EINVAL or -ENOMEM.
 */
int owners_ports(const struct owners *o, enum owner_kind kind, unsigned proto,
		 struct port_set *ret_ports)
{
	struct port_bits bits = { 0 };

	if (proto >= PROTO_COUNT || kind >= OWNER_KIND_COUNT)
		return -EINVAL;
	if (kind != OWNER_NETFILTER)
		return port_set_copy(ret_ports, &o->set[kind][proto]);
	flow_ports(o, proto, &bits);
	return port_bits_to_set(&bits, ret_ports);
}

/**
 * owners_foreign_ports() - all ports of @proto that are held by anyone else.
 * What @ret_ports held is released. 0, -EINVAL or -ENOMEM.
 */
int owners_foreign_ports(const struct owners *o, unsigned proto, struct port_set *ret_ports)
{
	struct port_bits bits = { 0 };

	if (proto >= PROTO_COUNT)
		return -EINVAL;
	flow_ports(o, proto, &bits);
	for (unsigned kind = 0; kind < OWNER_KIND_COUNT; kind++) {
		const struct port_set *s = &o->set[kind][proto];

		for (size_t i = 0; i < s->n; i++)
			for (unsigned port = s->r[i].lo; port <= s->r[i].hi; port++)
				port_bits_add(&bits, port);
	}
	return port_bits_to_set(&bits, ret_ports);
}
