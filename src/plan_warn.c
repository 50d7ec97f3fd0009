// SPDX-License-Identifier: GPL-2.0-or-later
/* What people are told about the plan. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/plan_impl.h"

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

static int warn_subnets(struct plan *p, const struct conf_if *c, const struct foreign *f)
{
	char buf[NET_ADDR_STRLEN];
	bool all_named = true;
	int ret = 0;

	for (size_t i = 0; i < c->n_slices; i++)
		all_named &= c->slices[i].internal.n > 0;
	for (size_t i = 0; i < f->n_snat && !ret && !all_named; i++)
		for (size_t j = 0; plan_leaves(p, &f->snat[i]) && j < f->snat[i].src.n && !ret;
		     j++) {
			net_prefix_format(&f->snat[i].src.p[j], buf);
			ret = plan_warn(p,
					"%s stays with masquerade, since a rule names it (%s); to "
					"move its hosts, name all internal networks: --internal "
					"LAN,%s",
					buf, f->snat[i].where, buf);
		}
	return ret;
}

/* Whether some slice or pair of prefixes takes sources within @prefix. */
static bool slices_use(const struct plan *p, const struct net_prefix *prefix)
{
	if (plan_npt_uses(p, prefix))
		return true;
	for (size_t i = 0; i < p->nft.n_slices; i++) {
		const struct nft_slice *s = &p->nft.slices[i];

		if (plan_covers(&s->not_internal, prefix))
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
	return (plan_concerns(p, d->ipv6) || p->npt.on) && !d->mark_accepts && !d->names_src &&
	       drop_meets_dst(p, d) && drop_meets_oif(p, d, obs);
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
		if (c->open && !d->xtables)
			continue; /* it is opened, or the check that follows says why not */
		ret = plan_warn(
			p,
			"filtering will not be endpoint-independent: %s drops new connections "
			"from outside (%s); to open exactly the bindings, %s%sput in front of "
			"that: %s 0x%x%s0x%x%s",
			d->where, d->cause, d->xtables ? "" : "start with --open, or ",
			c->inbound_mark.mask ? ""
			: d->xtables	     ? "start with --inbound-mark 0x1/0x1 and "
					     : "with --inbound-mark 0x1/0x1 and ",
			d->xtables ? "-m mark --mark" : "meta mark and", d->xtables ? value : mask,
			d->xtables ? "/" : " == ", d->xtables ? mask : value,
			d->xtables ? " -j ACCEPT" : " accept");
	}
	return ret;
}

/* It may come later (a USB stick, a bridge of a container), or be a slip of the pen. */
static int warn_hairpin(struct plan *p, const struct conf_if *c, const struct observed *obs)
{
	struct link_info link;
	int ret = 0;

	for (size_t i = 0; i < c->n_hairpin_ifs && !ret && obs->read_link; i++)
		if (!obs->read_link(c->hairpin_ifs[i], &link, NULL) && !link.ifindex)
			ret = plan_warn(p,
					"hairpin-if: there is no interface \"%s\" now; there is no "
					"hairpin for its hosts until it comes",
					c->hairpin_ifs[i]);
	return ret;
}

static bool dnat_wants(const struct foreign_dnat *d, const struct nft_forward *f,
		       const struct link_info *link)
{
	if (d->ipv6 == net_addr_is4(&f->to) || !(d->protos & f->proto) ||
	    !port_set_contains(&d->ports, f->port) || port_set_count(&d->ports) >= 65535)
		return false; /* a rule without ports takes what nobody else wants */
	for (size_t i = 0; i < link->n_addr && d->dst.n; i++)
		if (net_list_contains(&d->dst, &link->addr[i]))
			return true;
	return !d->dst.n;
}

/* Of those in the slice the check that follows says more. */
static int warn_forwards(struct plan *p, const struct observed *obs)
{
	int ret = 0;

	for (size_t i = 0; i < p->nft.n_forwards && !ret; i++)
		for (size_t j = 0; j < obs->foreign->n_dnat && !ret; j++) {
			const struct nft_forward *f = &p->nft.forwards[i];
			const struct foreign_dnat *d = &obs->foreign->dnat[j];

			if (dnat_wants(d, f, obs->link))
				ret = plan_warn(
					p,
					"forward: %s:%u is wanted by another rule too (%s), "
					"and only one of them gets it; remove this rule, or the "
					"forward",
					proto_name(f->proto), f->port, d->where);
		}
	return ret;
}

static bool in_slices(const struct plan *p, unsigned proto, const struct net_addr *host)
{
	for (size_t i = 0; i < p->nft.n_slices; i++)
		if (p->cfg.slices[i].protos & proto &&
		    net_list_contains(&p->nft.slices[i].internal, host) &&
		    !net_list_contains(&p->nft.slices[i].not_internal, host))
			return true;
	return false;
}

/*
 * What is translated to an external address is not delivered here. What a host begins that no slice
 * names is never claimed, its forward or not.
 */
static int warn_own_forwards(struct plan *p, const struct link_info *link)
{
	char to[NET_ADDR_STRLEN];
	int ret = 0;

	for (size_t i = 0; i < p->n_statics && !ret; i++) {
		const struct plan_static *s = &p->statics[i];

		if (link_is_external(link, &s->to))
			ret = plan_warn(
				p,
				"forward: %s:%u leads to this host itself, which no forward "
				"does; for a program of this host leave the port to it: "
				"--exclude-ports %s:%u",
				proto_name(s->proto), s->port, proto_name(s->proto), s->port);
		else if (!in_slices(p, s->proto, &s->to))
			ret = plan_warn(
				p,
				"forward: %s:%u leads to %s, which no slice names: it is reached "
				"there, but what it begins from that port itself is masqueraded; "
				"to have one endpoint for both, name its network with --internal",
				proto_name(s->proto), s->port, net_addr_format(&s->to, to));
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

int plan_warn_all(struct plan *p, const struct conf_if *c, const struct observed *obs)
{
	int ret = warn_subnets(p, c, obs->foreign);

	if (!ret)
		ret = warn_drops(p, c, obs);
	if (!ret)
		ret = warn_hairpin(p, c, obs);
	if (!ret)
		ret = warn_forwards(p, obs);
	if (!ret)
		ret = warn_own_forwards(p, obs->link);
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
