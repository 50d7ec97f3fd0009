// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/plan_impl.h"

static const struct net_prefix any6 = { .len = 0 };
static const struct net_prefix any4 = { .addr = { { [10] = 0xff, [11] = 0xff } }, .len = 96 };

/* RFC 4193: hosts with such an address need NAT, hosts with a global one do not. */
static const struct net_prefix unique_local = { .addr = { { 0xfc } }, .len = 7 };
/* What no router passes on (RFC 4291 2.5.2, 2.5.6, 2.7): never a source, a destination of a slice.
 */
static const struct net_prefix unspecified = { .len = 128 };
static const struct net_prefix link_local = { .addr = { { 0xfe, 0x80 } }, .len = 10 };
static const struct net_prefix multicast = { .addr = { { 0xff } }, .len = 8 };

/* A rule that takes any source towards the Internet; its protocols count for the rest. */
static bool covers(const struct foreign_snat *s)
{
	return !s->names_dest && (!s->src.n || s->names_iface);
}

/* Rules for a family that is not translated are none of einat's business. */
bool plan_concerns(const struct plan *p, bool ipv6)
{
	return p->ipv6 || !ipv6;
}

/* Its hosts are left to the rest. */
bool plan_leaves(const struct plan *p, const struct foreign_snat *s)
{
	return plan_concerns(p, s->ipv6) && foreign_owns_subnet(s);
}

static int list_copy(struct net_list *dst, const struct net_list *src)
{
	int ret = 0;

	for (size_t i = 0; i < src->n && !ret; i++)
		ret = net_list_add(dst, &src->p[i]);
	return ret;
}

static int find_foreign_subnets(struct plan *p, const struct foreign *f)
{
	int ret = 0;

	for (size_t i = 0; i < f->n_snat && !ret; i++)
		if (plan_leaves(p, &f->snat[i]))
			ret = list_copy(&p->foreign_subnets, &f->snat[i].src);
	return ret;
}

/* Others may masquerade one family and not the other. */
static enum nft_rest choose_rest(const struct conf_if *c, const struct foreign *f, bool ipv6)
{
	switch (c->rest) {
	case REST_OWN:
		return NFT_REST_OWN;
	case REST_GUARD:
		return NFT_REST_GUARD;
	case REST_NONE:
		return NFT_REST_NONE;
	case REST_AUTO:
		break;
	}
	for (size_t i = 0; i < f->n_snat; i++)
		if (f->snat[i].ipv6 == ipv6 && covers(&f->snat[i]))
			return NFT_REST_GUARD;
	return NFT_REST_OWN;
}

/* Guard masquerades, to the first address of the interface: a rule may say another one. */
static bool says_other_address(const struct foreign_snat *s, const struct link_info *link)
{
	for (size_t i = 0; i < link->n_addr && s->own_address; i++)
		if (net_addr_is4(&link->addr[i]) == !s->ipv6)
			return !net_addr_eq(&link->addr[i], &s->to);
	return false;
}

static int unguard(struct net_list *guarded, const struct foreign_snat *s)
{
	int ret = 0;

	if (!s->src.n)
		return net_list_subtract(guarded, s->ipv6 ? &any6 : &any4);
	for (size_t i = 0; i < s->src.n && !ret; i++)
		ret = net_list_subtract(guarded, &s->src.p[i]);
	return ret;
}

/*
 * Guard touches only what others masquerade: some networks are routed without NAT on purpose, and
 * some hosts have an address of their own.
 */
static int plan_guarded(struct plan *p, const struct foreign *f, const struct link_info *link)
{
	int ret = 0;

	for (size_t i = 0; i < f->n_snat && !ret; i++) {
		const struct foreign_snat *s = &f->snat[i];

		if (s->names_dest || !plan_concerns(p, s->ipv6))
			continue;
		ret = s->src.n ? list_copy(&p->nft.guarded, &s->src)
			       : net_list_add(&p->nft.guarded, s->ipv6 ? &any6 : &any4);
	}
	for (size_t i = 0; i < f->n_snat && !ret; i++)
		if (!f->snat[i].names_dest && says_other_address(&f->snat[i], link))
			ret = unguard(&p->nft.guarded, &f->snat[i]);
	return ret;
}

/* Can one flow be of both? Then the data plane takes it for the one with the lower number. */
static bool slices_overlap(const struct conf_slice *a, const struct conf_slice *b)
{
	if ((a->mark.value ^ b->mark.value) & a->mark.mask & b->mark.mask)
		return false;
	if (!a->internal.n || !b->internal.n)
		return true;
	for (size_t i = 0; i < a->internal.n; i++)
		for (size_t j = 0; j < b->internal.n; j++)
			if (net_prefix_contains(&a->internal.p[i], &b->internal.p[j].addr) ||
			    net_prefix_contains(&b->internal.p[j], &a->internal.p[i].addr))
				return true;
	return false;
}

/* What slice @i claims now: nothing that the data plane would look for in a full slice. */
static unsigned live_protos(const struct conf_if *c, unsigned i, const struct observed *obs)
{
	unsigned mask = c->slices[i].protos;

	for (unsigned j = 0; j <= i && obs->suspended; j++)
		if (slices_overlap(&c->slices[i], &c->slices[j]))
			mask &= ~(obs->suspended[j] & c->slices[j].protos);
	return mask;
}

static int plan_slice_sources(struct nft_slice *ns, const struct conf_slice *s, struct plan *p)
{
	int ret;

	if (s->internal.n)
		return list_copy(&ns->internal, &s->internal);
	ret = net_list_add(&ns->internal, &any4);
	if (!ret && p->ipv6)
		ret = net_list_add(&ns->internal, &unique_local);
	return ret ? ret : list_copy(&ns->not_internal, &p->foreign_subnets);
}

/* Neighbour discovery and the like stay out of everything, also with `--internal ::/0`. */
static int plan_never(struct nft_slice *ns)
{
	int ret = net_list_add(&ns->not_internal, &unspecified);

	if (!ret)
		ret = net_list_add(&ns->not_internal, &link_local);
	if (!ret)
		ret = net_list_add(&ns->exclude_dest, &link_local);
	return ret ? ret : net_list_add(&ns->exclude_dest, &multicast);
}

/* The ports that a slice may give away: no operator's, no other owner's. */
static int plan_avail(struct plan *p, unsigned i, const struct conf_if *c, struct owners *o)
{
	const struct conf_slice *s = &c->slices[i];
	int ret = 0;

	for (unsigned proto = 0; proto < PROTO_COUNT && !ret; proto++) {
		struct port_set *avail = &p->avail[i][proto];
		struct port_set foreign = { 0 };

		if (!(s->protos & 1u << proto))
			continue;
		ret = conf_slice_ports(s, proto, avail);
		if (!ret)
			ret = port_set_union(&p->nft.kept[proto], avail);
		if (!ret)
			ret = owners_foreign_ports(o, proto, &foreign);
		if (!ret)
			ret = port_set_subtract(avail, &foreign);
		port_set_free(&foreign);
	}
	return ret;
}

/* Nothing is claimed that the data plane could only drop. */
static int unclaim_without_ports(struct plan *p, unsigned i, const struct conf_if *c)
{
	int ret = 0;

	for (unsigned proto = 0; proto < PROTO_COUNT && !ret; proto++) {
		if (!(c->slices[i].protos & 1u << proto) || p->avail[i][proto].n)
			continue;
		p->nft.slices[i].protos &= ~(1u << proto);
		ret = plan_warn(
			p,
			"no %s port of the slice is free: all belong to local sockets, DNAT "
			"rules or masqueraded flows; masquerade goes on serving %s",
			proto_name(1u << proto), proto_name(1u << proto));
	}
	return ret;
}

static int plan_slices(struct plan *p, const struct conf_if *c, const struct observed *obs)
{
	int ret = 0;

	p->nft.slices = calloc(c->n_slices, sizeof(*p->nft.slices));
	if (!p->nft.slices)
		return -ENOMEM;
	p->nft.n_slices = c->n_slices;
	p->cfg.n_slices = (uint32_t)c->n_slices;
	for (unsigned i = 0; i < c->n_slices && !ret; i++) {
		const struct conf_slice *s = &c->slices[i];
		struct nft_slice *ns = &p->nft.slices[i];

		ns->protos = live_protos(c, i, obs);
		ns->mark = s->mark.value;
		ns->mark_mask = s->mark.mask;
		p->cfg.slices[i] = (struct einat_cfg_slice){ .mark = s->mark.value,
							     .mark_mask = s->mark.mask,
							     .protos = (uint8_t)s->protos };
		ret = plan_slice_sources(ns, s, p);
		if (!ret)
			ret = list_copy(&ns->exclude_dest, &s->exclude_dest);
		if (!ret && p->ipv6)
			ret = plan_never(ns);
		if (!ret && p->ipv6)
			ret = plan_npt_not_slice(c, &ns->not_internal);
		if (!ret)
			ret = plan_avail(p, i, c, obs->owners);
		if (!ret)
			ret = unclaim_without_ports(p, i, c);
		p->nft.kept_protos |= s->protos;
	}
	/* also of a protocol that has left the slices: masquerade must not meet what is served */
	for (unsigned proto = 0; proto < PROTO_COUNT && obs->bound && !ret; proto++) {
		if (obs->bound[proto].n)
			p->nft.kept_protos |= 1u << proto;
		ret = port_set_union(&p->nft.kept[proto], &obs->bound[proto]);
	}
	return ret;
}

static bool in_slice(const struct conf_if *c, unsigned proto, uint16_t port)
{
	for (size_t i = 0; i < c->n_slices; i++)
		if (c->slices[i].protos & proto && port_set_contains(&c->slices[i].ports, port) &&
		    !port_set_contains(&c->slices[i].exclude_ports[__builtin_ctz(proto)], port))
			return true;
	return false;
}

static int plan_forwards(struct plan *p, const struct conf_if *c)
{
	p->nft.forwards = calloc(c->n_forwards + 1, sizeof(*p->nft.forwards));
	p->statics = calloc(c->n_forwards + 1, sizeof(*p->statics));
	if (!p->nft.forwards || !p->statics)
		return -ENOMEM;
	for (size_t i = 0; i < c->n_forwards; i++) {
		const struct conf_forward *f = &c->forwards[i];

		if (in_slice(c, f->proto, f->port))
			p->statics[p->n_statics++] =
				(struct plan_static){ f->proto, f->to, f->port, f->to_port };
		else
			p->nft.forwards[p->nft.n_forwards++] =
				(struct nft_forward){ f->proto, f->port, f->to, f->to_port };
	}
	return 0;
}

/* A port that is bound leads to its binding: a socket that has come to it since is moved too. */
static bool is_local(const struct observed *obs, unsigned proto, uint16_t port)
{
	return owners_taken(obs->owners, proto, port) & 1u << OWNER_SOCKET &&
	       !(obs->bound && port_set_contains(&obs->bound[proto], port));
}

static int plan_local_ports(struct plan *p, const struct observed *obs)
{
	int ret = 0;

	for (unsigned proto = 0; proto < PROTO_COUNT && !ret; proto++)
		for (size_t i = 0; i < p->nft.kept[proto].n && !ret; i++) {
			const struct port_range *r = &p->nft.kept[proto].r[i];

			for (unsigned port = r->lo; port <= r->hi && !ret; port++)
				if (is_local(obs, proto, (uint16_t)port))
					ret = port_set_add(&p->nft.local[proto], (uint16_t)port,
							   (uint16_t)port);
		}
	return ret;
}

static int plan_hairpin_ifs(struct hairpin_spec *h, const struct conf_if *c)
{
	h->in_ifs = calloc(c->n_hairpin_ifs + 1, sizeof(*h->in_ifs));
	for (size_t i = 0; h->in_ifs && i < c->n_hairpin_ifs; i++) {
		h->in_ifs[i] = strdup(c->hairpin_ifs[i]);
		if (!h->in_ifs[i])
			return -ENOMEM;
		h->n_in_ifs++;
	}
	return h->in_ifs ? 0 : -ENOMEM;
}

static int plan_hairpin(struct plan *p, const struct conf_if *c, const struct link_info *link)
{
	struct hairpin_spec *h = &p->hairpin;
	int ret = plan_hairpin_ifs(h, c);

	h->ifname = p->ifname;
	h->ifindex = link->ifindex;
	h->has_mac = link->ether;
	memcpy(h->mac, link->mac, sizeof(h->mac));
	h->external = p->nft.external;
	h->n_external = link->n_addr;
	h->protos = p->nft.kept_protos & ~(unsigned)PROTO_ICMP;
	for (unsigned proto = 0; proto < PROTO_COUNT && !ret; proto++) {
		ret = port_set_copy(&h->ports[proto], &p->nft.kept[proto]);
		if (!ret)
			ret = port_set_subtract(&h->ports[proto], &p->nft.local[proto]);
	}
	return ret;
}

static int plan_external(struct plan *p, const struct link_info *link)
{
	/* those that are served come first */
	p->nft.external = calloc(link->n_addr + link->n_own + 1, sizeof(*p->nft.external));
	if (!p->nft.external)
		return -ENOMEM;
	memcpy(p->nft.external, link->addr, link->n_addr * sizeof(*link->addr));
	memcpy(p->nft.external + link->n_addr, link->own, link->n_own * sizeof(*link->own));
	p->nft.n_external = link->n_addr + link->n_own;
	return 0;
}

static void plan_settings(struct plan *p, const struct conf_if *c)
{
	p->cfg.flags = (c->guard_strict ? CFG_F_GUARD_STRICT : 0) |
		       (c->refuse_when_full ? CFG_F_WHEN_FULL_REFUSE : 0);
	p->cfg.inbound_mark = c->inbound_mark.value;
	p->cfg.inbound_mask = c->inbound_mark.mask;
	p->cfg.t_udp = c->t_udp;
	p->cfg.t_icmp = c->t_icmp;
	p->cfg.t_tcp_open = c->t_tcp_open;
	p->cfg.t_tcp_close = c->t_tcp_close;
	p->cfg.t_tcp_syn = c->t_tcp_syn ? c->t_tcp_syn : c->t_tcp_close;
	for (unsigned i = 0; i < PROTO_COUNT; i++)
		p->cfg.max_per_host[i] = c->max_per_host[i];
	p->cfg.t_rest = c->t_rest;
	/* Fragments come within moments, and identifications are used again: 65,536 of them last
	 * 7 s at 10,000 datagrams a second. The daemon holds late ones for 2 s. */
	p->cfg.t_frag = 5;
}
int plan_build(const struct conf_if *conf, const struct observed *obs, struct plan **ret_plan,
	       struct err *err)
{
	struct plan *p = calloc(1, sizeof(*p));
	int ret;

	if (!p)
		return err_sys(err, ENOMEM, "plan");
	if (conf->n_slices > EINAT_MAX_SLICES) {
		ret = err_set(err, EINVAL, "%s: %zu slices, at most %d are possible", conf->name,
			      conf->n_slices, EINAT_MAX_SLICES);
		goto fail;
	}
	snprintf(p->ifname, sizeof(p->ifname), "%s", conf->name);
	p->nft.ifname = p->ifname;
	p->nft.ifindex = obs->link->ifindex;
	p->ipv6 = p->nft.ipv6 = conf->ipv6;
	p->nft.rest = choose_rest(conf, obs->foreign, false);
	p->nft.rest6 = choose_rest(conf, obs->foreign, true);
	plan_settings(p, conf);
	ret = plan_external(p, obs->link);
	if (!ret)
		ret = find_foreign_subnets(p, obs->foreign);
	if (!ret)
		ret = plan_guarded(p, obs->foreign, obs->link);
	if (!ret)
		ret = plan_slices(p, conf, obs);
	if (!ret)
		ret = plan_npt(p, conf, obs);
	if (!ret)
		ret = plan_lpm(p, obs->link);
	if (!ret)
		ret = plan_forwards(p, conf);
	if (!ret)
		ret = plan_local_ports(p, obs);
	if (!ret)
		ret = plan_hairpin(p, conf, obs->link);
	if (!ret)
		ret = plan_warn_all(p, conf, obs);
	if (ret) {
		err_sys(err, -ret, "cannot make a plan for %s", conf->name);
		goto fail;
	}
	*ret_plan = p;
	return 0;
fail:
	plan_free(p);
	return ret;
}

void plan_free(struct plan *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->nft.n_slices; i++) {
		net_list_free(&p->nft.slices[i].internal);
		net_list_free(&p->nft.slices[i].not_internal);
		net_list_free(&p->nft.slices[i].exclude_dest);
	}
	for (unsigned proto = 0; proto < PROTO_COUNT; proto++) {
		port_set_free(&p->nft.kept[proto]);
		port_set_free(&p->nft.local[proto]);
		port_set_free(&p->hairpin.ports[proto]);
		for (unsigned i = 0; i < EINAT_MAX_SLICES; i++)
			port_set_free(&p->avail[i][proto]);
	}
	for (size_t i = 0; i < p->n_warnings; i++)
		free(p->warnings[i]);
	for (size_t i = 0; i < p->hairpin.n_in_ifs; i++)
		free(p->hairpin.in_ifs[i]);
	free(p->hairpin.in_ifs);
	free(p->warnings);
	free(p->nft.slices);
	free(p->nft.external);
	free(p->nft.forwards);
	free(p->src);
	free(p->exdst);
	free(p->statics);
	plan_npt_clear(p);
	net_list_free(&p->nft.guarded);
	net_list_free(&p->foreign_subnets);
	free(p);
}
