// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>

#include "src/port_bits.h"

/* Whether a run of ports starts (or, @last, ends) at @port. */
static bool is_edge(const struct port_bits *b, unsigned port, bool last)
{
	if (!port_bits_has(b, port))
		return false;
	if (last)
		return port == 65535 || !port_bits_has(b, port + 1);
	return port == 0 || !port_bits_has(b, port - 1);
}

int port_bits_to_set(const struct port_bits *b, struct port_set *ret_set)
{
	struct port_range *r = NULL;
	size_t n = 0, i = 0;

	for (unsigned port = 0; port < 65536; port++)
		n += is_edge(b, port, false);
	if (n) {
		r = calloc(n, sizeof(*r));
		if (!r)
			return -ENOMEM;
	}
	for (unsigned port = 0; port < 65536; port++) {
		if (is_edge(b, port, false))
			r[i].lo = port;
		if (is_edge(b, port, true))
			r[i++].hi = port;
	}
	port_set_free(ret_set);
	ret_set->r = r;
	ret_set->n = n;
	return 0;
}
