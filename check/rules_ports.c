// SPDX-License-Identifier: GPL-2.0-or-later
/* Ports of what meets a rule: is it about some ports, and which of them are left? */
#include <string.h>

#include "check/rules_fw.h"

/*
 * Boxes that were joined forget which of their sets a rule named, so the ports themselves are
 * looked at: what is left of all of them once a few went elsewhere is no choice of ports.
 */
bool fw_hit_few_ports(const struct hit *h, const struct port_set *of)
{
	bool few = false;

	for (unsigned p = 0; p < PROTO_COUNT; p++) {
		unsigned all = of ? port_set_count(&of[p]) : 65535;

		if (!h->ports[p].n)
			continue;
		if (4 * port_set_count(&h->ports[p]) >= all)
			return false;
		few = true;
	}
	return few;
}

bool box_picks_ports(struct fwx *fw, const struct box *b)
{
	struct port_set ports = { 0 };
	bool few;

	if (!(b->named & 1u << DIM_DPORT))
		return false;
	if (box_ports(b, DIM_DPORT, &ports))
		fw->failed = true;
	few = 4 * port_set_count(&ports) < 65535;
	port_set_free(&ports);
	return few;
}

bool fw_hit_owns_ports(const struct fwx *fw, const struct hit *h)
{
	return (h->named & 1u << DIM_DPORT) || fw_hit_few_ports(h, fw->x->slice);
}

int port_set_longest(const struct port_set *s, uint16_t *ret_lo, uint16_t *ret_hi)
{
	int best = 0;

	for (size_t i = 0; i < s->n; i++) {
		int n = s->r[i].hi - s->r[i].lo + 1;

		if (n <= best)
			continue;
		best = n;
		*ret_lo = s->r[i].lo;
		*ret_hi = s->r[i].hi;
	}
	return best;
}
