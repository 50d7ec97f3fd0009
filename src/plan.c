// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdarg.h>
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

int plan_warn(struct plan *p, const char *fmt, ...)
{
	char **w = realloc(p->warnings, (p->n_warnings + 1) * sizeof(*w));
	va_list ap;
	int n;

	if (!w)
		return -ENOMEM;
	p->warnings = w;
	va_start(ap, fmt);
	n = vasprintf(&w[p->n_warnings], fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	p->n_warnings++;
	return 0;
}

/* A rule that takes any source towards the Internet; its protocols count for the rest. */
static bool covers(const struct foreign_snat *s)
{
	return !s->names_dest && (!s->src.n || s->names_iface);
}

/* Rules for a family that is not translated are none of einat's business. */
static bool concerns(const struct plan *p, bool ipv6)
{
	return p->ipv6 || !ipv6;
}

/* Its hosts are left to the rest. */
static bool stays(const struct plan *p, const struct foreign_snat *s)
{
	return concerns(p, s->ipv6) && foreign_owns_subnet(s);
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
		if (stays(p, &f->snat[i]))
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

/* Guard touches only what others masquerade: some networks are routed without NAT on purpose. */
static int plan_guarded(struct plan *p, const struct foreign *f)
{
	int ret = 0;

	for (size_t i = 0; i < f->n_snat && !ret; i++) {
		const struct foreign_snat *s = &f->snat[i];

		if (s->names_dest || !concerns(p, s->ipv6))
			continue;
		ret = s->src.n ? list_copy(&p->nft.guarded, &s->src)
			       : net_list_add(&p->nft.guarded, s->ipv6 ? &any6 : &any4);
	}
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
		ret = port_set_copy(avail, &s->ports);
		if (!ret)
			ret = port_set_subtract(avail, &s->exclude_ports[proto]);
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
	for (unsigned proto = 0; proto < PROTO_COUNT && !ret; proto++)
		if (obs->bound && p->nft.kept_protos & 1u << proto)
			ret = port_set_union(&p->nft.kept[proto], &obs->bound[proto]);
	return ret;
}

static bool list_covers(const struct net_list *l, const struct net_prefix *p)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->p[i].len <= p->len && net_prefix_contains(&l->p[i], &p->addr))
			return true;
	return false;
}

static int lpm_add(struct plan_lpm **lpm, size_t *n, const struct net_list *prefixes)
{
	for (size_t i = 0; i < prefixes->n; i++) {
		const struct net_prefix *p = &prefixes->p[i];
		struct plan_lpm *grown;
		size_t at = 0;

		while (at < *n && ((*lpm)[at].prefix.len != p->len ||
				   !net_addr_eq(&(*lpm)[at].prefix.addr, &p->addr)))
			at++;
		if (at < *n)
			continue;
		grown = realloc(*lpm, (*n + 1) * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		*lpm = grown;
		grown[(*n)++] = (struct plan_lpm){ *p, 0 };
	}
	return 0;
}

/* In the trie ::/0 would also answer for IPv4, which the trie holds as ::ffff:0:0/96. */
static int lpm_part(struct plan_lpm **lpm, size_t *n)
{
	struct net_list four = { (struct net_prefix *)&any4, 1 };

	for (size_t i = 0; i < *n; i++)
		if (!(*lpm)[i].prefix.len)
			return lpm_add(lpm, n, &four);
	return 0;
}

/* The longest match alone decides in the trie, so each entry carries the whole answer. */
static int plan_lpm(struct plan *p, const struct link_info *link)
{
	struct net_list own = { 0 };
	int ret = 0;

	for (size_t i = 0; i < p->nft.n_slices && !ret; i++) {
		const struct nft_slice *s = &p->nft.slices[i];

		ret = lpm_add(&p->src, &p->n_src, &s->internal);
		if (!ret)
			ret = lpm_add(&p->src, &p->n_src, &s->not_internal);
		if (!ret)
			ret = lpm_add(&p->exdst, &p->n_exdst, &s->exclude_dest);
	}
	if (!ret)
		ret = lpm_part(&p->src, &p->n_src);
	if (!ret)
		ret = lpm_part(&p->exdst, &p->n_exdst);
	for (size_t i = 0; i < p->nft.n_slices && !ret; i++) {
		const struct nft_slice *s = &p->nft.slices[i];

		for (size_t j = 0; j < p->n_src; j++)
			if (list_covers(&s->internal, &p->src[j].prefix) &&
			    !list_covers(&s->not_internal, &p->src[j].prefix))
				p->src[j].slices |= 1u << i;
		for (size_t j = 0; j < p->n_exdst; j++)
			if (list_covers(&s->exclude_dest, &p->exdst[j].prefix))
				p->exdst[j].slices |= 1u << i;
	}
	/* addresses of this host that are not external: sources that no slice takes */
	for (size_t i = 0; i < link->n_own && !ret; i++)
		ret = net_list_add(&own, &(struct net_prefix){ link->own[i], 128 });
	if (!ret)
		ret = lpm_add(&p->src, &p->n_src, &own);
	for (size_t j = 0; j < p->n_src && !ret; j++)
		if (p->src[j].prefix.len == 128 && net_list_contains(&own, &p->src[j].prefix.addr))
			p->src[j].slices = 0;
	net_list_free(&own);
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

static int plan_local_ports(struct plan *p, struct owners *o)
{
	int ret = 0;

	for (unsigned proto = 0; proto < PROTO_COUNT && !ret; proto++)
		for (size_t i = 0; i < p->nft.kept[proto].n && !ret; i++) {
			const struct port_range *r = &p->nft.kept[proto].r[i];

			for (unsigned port = r->lo; port <= r->hi && !ret; port++)
				if (owners_taken(o, proto, (uint16_t)port) & 1u << OWNER_SOCKET)
					ret = port_set_add(&p->nft.local[proto], (uint16_t)port,
							   (uint16_t)port);
		}
	return ret;
}

static int plan_hairpin(struct plan *p, const struct conf_if *c, const struct link_info *link)
{
	struct hairpin_spec *h = &p->hairpin;
	int ret = 0;

	h->ifname = c->name;
	h->ifindex = link->ifindex;
	h->has_mac = link->ether;
	memcpy(h->mac, link->mac, sizeof(h->mac));
	h->external = p->nft.external;
	h->n_external = link->n_addr;
	h->in_ifs = c->hairpin_ifs;
	h->n_in_ifs = c->n_hairpin_ifs;
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
	p->cfg.t_frag = 30; /* the kernel's own ipfrag_time */
}

static int warn_subnets(struct plan *p, const struct conf_if *c, const struct foreign *f)
{
	char buf[NET_ADDR_STRLEN];
	bool all_named = true;
	int ret = 0;

	for (size_t i = 0; i < c->n_slices; i++)
		all_named &= c->slices[i].internal.n > 0;
	for (size_t i = 0; i < f->n_snat && !ret && !all_named; i++)
		for (size_t j = 0; stays(p, &f->snat[i]) && j < f->snat[i].src.n && !ret; j++) {
			net_prefix_format(&f->snat[i].src.p[j], buf);
			ret = plan_warn(p,
					"%s stays with masquerade, since a rule names it (%s); to "
					"move its hosts: --internal %s",
					buf, f->snat[i].where, buf);
		}
	return ret;
}

/* Whether some slice takes sources within @prefix. */
static bool slices_use(const struct plan *p, const struct net_prefix *prefix)
{
	for (size_t i = 0; i < p->nft.n_slices; i++) {
		const struct nft_slice *s = &p->nft.slices[i];

		if (list_covers(&s->not_internal, prefix))
			continue;
		for (size_t j = 0; j < s->internal.n; j++)
			if (net_prefix_contains(&s->internal.p[j], &prefix->addr) ||
			    net_prefix_contains(prefix, &s->internal.p[j].addr))
				return true;
	}
	return false;
}

static bool drop_meets_dst(const struct plan *p, const struct foreign_drop *d)
{
	for (size_t i = 0; i < d->dst.n; i++)
		if (slices_use(p, &d->dst.p[i]))
			return true;
	return !d->dst.n;
}

/* Docker, podman and libvirt drop what goes out to their own bridges. */
static bool drop_meets_oif(const struct plan *p, const struct foreign_drop *d,
			   const struct observed *obs)
{
	struct link_info link;

	if (!d->n_oif || d->oif_except)
		return true;
	for (size_t i = 0; i < d->n_oif; i++) {
		struct net_prefix host = { .len = 128 };

		if (obs->read_link(d->oif[i], &link, NULL) || !link.n_addr)
			return true;
		host.addr = link.addr[0];
		if (slices_use(p, &host))
			return true;
	}
	return false;
}

/* A block list of remote addresses is the operator's wish. */
static bool drop_matters(const struct plan *p, const struct foreign_drop *d,
			 const struct observed *obs)
{
	return concerns(p, d->ipv6) && !d->mark_accepts && !d->names_src && drop_meets_dst(p, d) &&
	       drop_meets_oif(p, d, obs);
}

/* A chain that drops both families is told of once. */
static bool told(const struct plan *p, const struct foreign *f, size_t i,
		 const struct observed *obs)
{
	for (size_t j = 0; j < i; j++)
		if (!strcmp(f->drop[j].where, f->drop[i].where) &&
		    drop_matters(p, &f->drop[j], obs))
			return true;
	return false;
}

static int warn_drops(struct plan *p, const struct conf_if *c, const struct observed *obs)
{
	const struct foreign *f = obs->foreign;
	int ret = 0;

	for (size_t i = 0; i < f->n_drop && !ret; i++) {
		const struct foreign_drop *d = &f->drop[i];
		uint32_t value = c->inbound_mark.mask ? c->inbound_mark.value : 1;
		uint32_t mask = c->inbound_mark.mask ? c->inbound_mark.mask : 1;

		if (!drop_matters(p, d, obs) || told(p, f, i, obs))
			continue;
		ret = plan_warn(
			p,
			"filtering will not be endpoint-independent: %s drops new connections "
			"from outside (%s); to open exactly the bindings, %sput in front of "
			"that: %s 0x%x%s0x%x%s",
			d->where, d->cause,
			c->inbound_mark.mask ? "" : "start with --inbound-mark 0x1/0x1 and ",
			d->xtables ? "-m mark --mark" : "meta mark and", d->xtables ? value : mask,
			d->xtables ? "/" : " == ", d->xtables ? mask : value,
			d->xtables ? " -j ACCEPT" : " accept");
	}
	return ret;
}

static bool has_family(const struct link_info *link, bool is4)
{
	for (size_t i = 0; i < link->n_addr; i++)
		if (net_addr_is4(&link->addr[i]) == is4)
			return true;
	return false;
}

static int warn_all(struct plan *p, const struct conf_if *c, const struct observed *obs)
{
	int ret = warn_subnets(p, c, obs->foreign);

	if (!ret)
		ret = warn_drops(p, c, obs);
	if (!ret && !has_family(obs->link, true))
		ret = plan_warn(p, "no IPv4 address yet: %s is translated until there is one",
				p->ipv6 ? "no IPv4" : "nothing");
	if (!ret && p->ipv6 && !has_family(obs->link, false))
		ret = plan_warn(
			p, "no global IPv6 address yet: no IPv6 is translated until there is one");
	if (!ret && obs->no_forwarding)
		ret = plan_warn(
			p, "this host does not forward packets: sysctl -w net.ipv4.ip_forward=1");
	if (!ret && (p->ipv6 || p->npt.on) && obs->no_forwarding6)
		ret = plan_warn(p, "this host does not forward IPv6: sysctl -w "
				   "net.ipv6.conf.all.forwarding=1");
	return ret;
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
	p->nft.ifname = conf->name;
	p->nft.ifindex = obs->link->ifindex;
	p->ipv6 = p->nft.ipv6 = conf->ipv6;
	p->nft.rest = choose_rest(conf, obs->foreign, false);
	p->nft.rest6 = choose_rest(conf, obs->foreign, true);
	plan_settings(p, conf);
	ret = plan_external(p, obs->link);
	if (!ret)
		ret = find_foreign_subnets(p, obs->foreign);
	if (!ret)
		ret = plan_guarded(p, obs->foreign);
	if (!ret)
		ret = plan_slices(p, conf, obs);
	if (!ret)
		ret = plan_npt(p, conf, obs);
	if (!ret)
		ret = plan_lpm(p, obs->link);
	if (!ret)
		ret = plan_forwards(p, conf);
	if (!ret)
		ret = plan_local_ports(p, obs->owners);
	if (!ret)
		ret = plan_hairpin(p, conf, obs->link);
	if (!ret)
		ret = warn_all(p, conf, obs);
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
