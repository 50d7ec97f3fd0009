// SPDX-License-Identifier: GPL-2.0-or-later
/* In which order packets meet the base chains of a hook. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/netfilter.h>

#include "walk_impl.h"

/*
 * The kernel runs all NAT chains of a hook in one place, NF_IP_PRI_NAT_DST or
 * NF_IP_PRI_NAT_SRC; their own priority orders them among themselves (nf_nat_inet_fn()).
 */
static int place(const struct fw_chain *c)
{
	if (!c->nat || c->table->family == NFPROTO_BRIDGE || c->table->family == NFPROTO_NETDEV)
		return c->priority;
	return c->hook == FW_PREROUTING || c->hook == FW_OUTPUT ? -100 : 100;
}

/* Of equal ones the one that was registered last runs first (nf_hook_entries_grow()). */
static int order(const void *a, const void *b)
{
	const struct fw_chain *const *px = a, *const *py = b;
	const struct fw_chain *x = *px, *y = *py;

	if (place(x) != place(y))
		return place(x) < place(y) ? -1 : 1;
	if (x->nat != y->nat)
		return x->nat ? 1 : -1;
	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	if (x->table->handle != y->table->handle)
		return x->table->handle > y->table->handle ? -1 : 1;
	if (x->table->legacy != y->table->legacy)
		return x->table->legacy ? -1 : 1;
	if (x->handle != y->handle)
		return x->handle > y->handle ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* NAT chains of one priority, or all other chains of one. */
static bool same_place(const struct fw_chain *x, const struct fw_chain *y)
{
	return place(x) == place(y) && x->nat == y->nat && x->priority == y->priority;
}

/*
 * Within one table chains are numbered as they are registered. Between tables they are not: a
 * chain can have been added late to an old table.
 */
static bool unsure(const struct fw_chain *x, const struct fw_chain *y)
{
	return x->table != y->table || !x->handle || x->handle == y->handle;
}

void walk_unsure(const struct fw_chain *const *list, size_t n, bool *ret_same)
{
	for (size_t i = 0, end; i < n; i = end) {
		bool any = false, mixed = false;

		for (end = i + 1; end < n && place(list[i]) == place(list[end]); end++)
			mixed = mixed || list[i]->nat != list[end]->nat;
		/* where NAT and other chains share a place, nothing there is sure */
		for (size_t j = i; j < end; j++)
			ret_same[j] = mixed && j > i;
		for (size_t j = i, k; j < end && !mixed; j = k) {
			for (k = j + 1, any = false; k < end && same_place(list[j], list[k]); k++)
				any = any || unsure(list[j], list[k]);
			for (size_t m = j + 1; m < k; m++)
				ret_same[m] = any;
		}
	}
}

static bool at_hook(const struct fw_chain *c, enum fw_hook hook, bool bridge)
{
	return c->hook == hook && !c->table->dormant &&
	       (c->table->family == NFPROTO_BRIDGE) == bridge;
}

int walk_order(const struct fw_snapshot *snap, enum fw_hook hook, bool bridge,
	       const struct fw_chain ***ret_list, bool **ret_same, size_t *ret_n)
{
	const struct fw_chain **list = malloc((snap->n_chains + 1) * sizeof(*list));
	bool *same = calloc(snap->n_chains + 1, sizeof(*same));
	size_t n = 0;

	if (!list || !same) {
		free(list);
		free(same);
		return -ENOMEM;
	}
	for (size_t i = 0; i < snap->n_chains; i++)
		if (at_hook(snap->chains[i], hook, bridge))
			list[n++] = snap->chains[i];
	qsort(list, n, sizeof(*list), order);
	walk_unsure(list, n, same);
	*ret_list = list;
	*ret_same = same;
	*ret_n = n;
	return 0;
}
