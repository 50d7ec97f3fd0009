// SPDX-License-Identifier: GPL-2.0-or-later
/* Sources and destinations of the slices as the data plane looks them up: by the longest match. */
#include <errno.h>
#include <stdlib.h>

#include "src/plan_impl.h"

static const struct net_prefix any4 = { .addr = { { [10] = 0xff, [11] = 0xff } }, .len = 96 };

bool plan_covers(const struct net_list *l, const struct net_prefix *p)
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
int plan_lpm(struct plan *p, const struct link_info *link)
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
			if (plan_covers(&s->internal, &p->src[j].prefix) &&
			    !plan_covers(&s->not_internal, &p->src[j].prefix))
				p->src[j].slices |= 1u << i;
		for (size_t j = 0; j < p->n_exdst; j++)
			if (plan_covers(&s->exclude_dest, &p->exdst[j].prefix))
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
