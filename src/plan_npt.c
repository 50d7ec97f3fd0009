// SPDX-License-Identifier: GPL-2.0-or-later
/* Stateless prefix translation: pairs of prefixes to what the data plane and nftables are told. */
#include <errno.h>
#include <stdlib.h>

#include "src/npt.h"
#include "src/plan_impl.h"

static int add_entry(struct plan_npt_entry **v, size_t *n, const struct net_prefix *prefix,
		     const struct einat_npt *npt)
{
	struct plan_npt_entry *grown = realloc(*v, (*n + 1) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	*v = grown;
	grown[(*n)++] = (struct plan_npt_entry){ *prefix, *npt };
	return 0;
}

static int add_flag(struct plan_npt_entry **v, size_t *n, const struct net_prefix *prefix,
		    unsigned flag)
{
	return add_entry(v, n, prefix, &(struct einat_npt){ .flags = (uint16_t)flag });
}

/* "auto" may come to mean what another pair has; then it has to wait. */
static bool is_taken(const struct conf_if *c, const struct net_prefix *ext)
{
	for (size_t i = 0; i < c->n_npts; i++)
		if (npt_overlap(&c->npts[i].internal, ext) ||
		    (c->npts[i].external.len && npt_overlap(&c->npts[i].external, ext)))
			return true;
	return false;
}

static void find_pairs(struct plan *p, const struct conf_if *c, const struct link_info *link)
{
	for (size_t i = 0; i < c->n_npts; i++) {
		const struct conf_npt *n = &c->npts[i];
		struct plan_pair *pair = &p->npt.pairs[p->npt.n_pairs++];
		struct net_prefix ext = n->external;

		pair->is_auto = !ext.len;
		if (pair->is_auto)
			ext = link->six.prefix;
		pair->known = ext.len && !(pair->is_auto && is_taken(c, &ext));
		pair->pair.internal = n->internal;
		if (pair->known)
			pair->pair = npt_pair(&n->internal, &ext);
	}
}

/* Unique local networks behind the interface are reached as they are, unless a prefix becomes one.
 */
static bool keeps_ula(const struct plan_npt *n)
{
	for (size_t i = 0; i < n->n_pairs; i++)
		if (n->pairs[i].known && npt_is_ula(&n->pairs[i].pair.external))
			return false;
	return true;
}

static int add_pair(struct plan *p, const struct conf_npt *conf, const struct plan_pair *pair)
{
	struct plan_npt *n = &p->npt;
	const struct net_prefix *in = &pair->pair.internal, *ext = &pair->pair.external;
	unsigned no_ula = keeps_ula(n) ? NPT_F_NO_ULA : 0;
	struct einat_npt npt;
	int ret = 0;

	/* what of the prefix has no counterpart does not leave */
	if (!pair->known || in->len != conf->internal.len)
		ret = add_flag(&n->out, &n->n_out, &conf->internal, NPT_F_NONE | no_ula);
	if (ret || !pair->known)
		return ret;
	npt = npt_entry(in, ext, no_ula);
	ret = add_entry(&n->out, &n->n_out, in, &npt);
	npt = npt_entry(ext, in, 0);
	if (!ret)
		ret = add_entry(&n->in, &n->n_in, ext, &npt);
	return ret ? ret : net_list_add(&p->nft.npt_internal, in);
}

/* An address of the interface stays, and the host whose counterpart it would be has none. */
static int add_own(struct plan_npt *n, const struct net_addr *own)
{
	struct net_prefix host = { *own, 128 };
	int ret = add_flag(&n->in, &n->n_in, &host, NPT_F_KEEP);

	for (size_t i = 0; i < n->n_pairs && !ret; i++) {
		const struct npt_pair *pair = &n->pairs[i].pair;
		struct net_prefix twin = { .len = 128 };

		if (net_prefix_contains(&pair->internal, own))
			ret = add_flag(&n->out, &n->n_out, &host, NPT_F_KEEP);
		if (!ret && n->pairs[i].known && net_prefix_contains(&pair->external, own) &&
		    npt_map(&pair->external, &pair->internal, own, &twin.addr))
			ret = add_flag(&n->out, &n->n_out, &twin, NPT_F_NONE);
	}
	return ret;
}

static int warn_pair(struct plan *p, const struct conf_npt *conf, const struct plan_pair *pair,
		     const struct link_info *link)
{
	char buf[NET_ADDR_STRLEN];

	if (!pair->known)
		return plan_warn(p,
				 "nptv6: %s is not translated and dropped: the interface has no "
				 "global address with a prefix of /64 or shorter that is free",
				 net_prefix_format(&conf->internal, buf));
	for (size_t i = 0; i < link->six.n_ext; i++)
		if (net_prefix_contains(&pair->pair.external, &link->six.ext[i]))
			return plan_warn(
				p,
				"nptv6: %s is the interface's own network: unless it is "
				"routed to this host, neighbours need a proxy for neighbour "
				"discovery, see einat(8)",
				net_prefix_format(&pair->pair.external, buf));
	return 0;
}

static int list_copy(struct net_list *dst, const struct net_list *src)
{
	int ret = 0;

	for (size_t i = 0; i < src->n && !ret; i++)
		ret = net_list_add(dst, &src->p[i]);
	return ret;
}

static int plan_nft(struct plan *p, bool suspended)
{
	int ret = npt_keep(&p->nft.npt_keep, keeps_ula(&p->npt));

	p->nft.nptv6 = true;
	if (!ret && !suspended)
		ret = list_copy(&p->nft.npt_claim, &p->nft.npt_internal);
	return ret;
}

int plan_npt(struct plan *p, const struct conf_if *c, const struct observed *obs)
{
	const struct link_info *link = obs->link;
	struct plan_npt *n = &p->npt;
	int ret = 0;

	if (!c->n_npts)
		return 0;
	n->on = true;
	n->pairs = calloc(c->n_npts, sizeof(*n->pairs));
	if (!n->pairs)
		return -ENOMEM;
	find_pairs(p, c, link);
	for (size_t i = 0; i < n->n_pairs && !ret; i++)
		ret = add_pair(p, &c->npts[i], &n->pairs[i]);
	for (size_t i = 0; i < link->six.n_ext && !ret; i++)
		ret = add_own(n, &link->six.ext[i]);
	for (size_t i = 0; i < link->six.n_own && !ret; i++)
		ret = add_own(n, &link->six.own[i]);
	if (!ret)
		ret = plan_nft(p, obs->npt_suspended);
	for (size_t i = 0; i < n->n_pairs && !ret; i++)
		ret = warn_pair(p, &c->npts[i], &n->pairs[i], link);
	return ret;
}

/* Prefixes come first: a slice takes what they leave. */
int plan_npt_not_slice(const struct conf_if *c, struct net_list *not_internal)
{
	int ret = 0;

	for (size_t i = 0; i < c->n_npts && !ret; i++)
		ret = net_list_add(not_internal, &c->npts[i].internal);
	return ret;
}

/* Whether a host in @prefix may be translated. */
bool plan_npt_uses(const struct plan *p, const struct net_prefix *prefix)
{
	for (size_t i = 0; i < p->nft.npt_internal.n; i++)
		if (npt_overlap(&p->nft.npt_internal.p[i], prefix))
			return true;
	return false;
}

void plan_npt_print(const struct plan_npt *n, FILE *out)
{
	char in[NET_ADDR_STRLEN], ext[NET_ADDR_STRLEN];

	for (size_t i = 0; i < n->n_pairs; i++) {
		const struct plan_pair *p = &n->pairs[i];

		if (p->known)
			net_prefix_format(&p->pair.external, ext);
		fprintf(out, "# nptv6: %s <-> %s%s\n", net_prefix_format(&p->pair.internal, in),
			p->known ? ext : "none now", p->is_auto ? " (auto)" : "");
	}
}

void plan_npt_clear(struct plan *p)
{
	free(p->npt.pairs);
	free(p->npt.out);
	free(p->npt.in);
	net_list_free(&p->nft.npt_claim);
	net_list_free(&p->nft.npt_internal);
	net_list_free(&p->nft.npt_keep);
}
