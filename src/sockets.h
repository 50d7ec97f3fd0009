/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Local sockets that own a port (sock_diag): TCP listeners, UDP sockets bound and unconnected. */
#ifndef EINAT_SOCKETS_H
#define EINAT_SOCKETS_H

#include "lib/err.h"
#include "lib/net.h"
#include "lib/ports.h"

/**
 * sockets_read() - ports on which a local socket would take a packet to one of @ext.
 * Sockets bound to another local address (127.0.0.1, a LAN address) do not count; IPv6 wildcard
 * sockets count unless IPV6_V6ONLY. @ret_ports is indexed by protocol number 0 UDP, 1 TCP.
 */
int sockets_read(const struct net_addr *ext, size_t n_ext, struct port_set ret_ports[PROTO_COUNT],
		 struct err *err);

#endif
