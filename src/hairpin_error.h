/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ICMP errors about translated packets that the kernel delivers to this host: about those that were
 * turned around (RFC 5508 REQ-7), and of this host about those that it could not send, as a tunnel
 * device tells of a path that is too narrow. Bytes alone; who receives and sends them is
 * hairpin_relay.c.
 *
 * Such a packet went on from the external endpoint of its sender to the internal one of its
 * receiver. Its sender knows it as going from its own internal endpoint to the receiver's external
 * one, and an error about it has to quote that. A tunnel device has a packet as it was translated,
 * and its error goes to the external address.
 */
#ifndef EINAT_HAIRPIN_ERROR_H
#define EINAT_HAIRPIN_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/net.h"

struct hairpin_endpoint {
	struct net_addr addr;
	uint16_t port; /* host byte order */
};

/* Each turns @ep into the other endpoint of its live binding; false: it has none. */
struct hairpin_lookup {
	bool (*internal)(unsigned proto, struct hairpin_endpoint *ep, void *data); /* by external */
	bool (*external)(unsigned proto, struct hairpin_endpoint *ep, void *data); /* by internal */
	void *data;
};

/**
 * hairpin_error_translate() - the message for the host that sent the packet, in place of @msg: @len
 * bytes from the ICMP header on (ICMPv6 if @dst is an address of IPv6), all that came.
 * @dst: to whom the message was addressed
 * @own: this host has made it: it may also be about a packet from the external endpoint of a
 * binding to anywhere; then the quoted source alone is translated
 * @ret_from, @ret_to: who sends it, the receiver's external address (REQ-7a) or @dst, and to whom
 * What is quoted is translated with its checksums, as far as they are quoted; type, code and the
 * word behind the checksum stay. The checksum of ICMP is right, that of ICMPv6 left to the kernel.
 * False, and nothing is changed, for all else than an error about a packet of UDP or TCP, no later
 * fragment, from the external endpoint of a binding, to which @msg is addressed, and one that was
 * turned around unless @own: to the internal endpoint of a binding. A query is never turned around
 * (docs/hairpin.md). An ICMP message whose checksum is wrong is refused too (RFC 5508 REQ-3); the
 * caller has to have that of ICMPv6 checked.
 */
bool hairpin_error_translate(uint8_t *msg, size_t len, const struct net_addr *dst, bool own,
			     const struct hairpin_lookup *lookup, struct net_addr *ret_from,
			     struct net_addr *ret_to);

#endif
