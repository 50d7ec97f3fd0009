/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Local sockets that own a port (sock_diag): TCP listeners, UDP sockets bound and unconnected. */
#ifndef EINAT_SOCKETS_H
#define EINAT_SOCKETS_H

#include "lib/err.h"
#include "lib/net.h"
#include "lib/ports.h"

/**
 * sockets_read() - ports on which a local socket would take a packet to one of @ext, in the
 * caller's network namespace.
 *
 * Sockets bound to another local address (127.0.0.1, a LAN address) do not count, wildcard sockets
 * if @ext has an address of a family that they serve: an IPv6 one serves both unless IPV6_V6ONLY.
 * v4-mapped ones count by their IPv4 address. A UDP socket that got its
 * port by sending counts; a connected one owns only its 4-tuple and does not. Sockets bound to a
 * device count whichever it is. @ret_ports is indexed by protocol number 0 UDP, 1 TCP;
 * 2 becomes empty, since identifiers of local pings show in conntrack only. What it held is
 * released. Returns 0 or -errno with @err.
 *
 * A kernel without CONFIG_INET_UDP_DIAG or INET_TCP_DIAG (ENOENT) or without sock_diag is asked by
 * sockets_read_proc() instead.
 */
int sockets_read(const struct net_addr *ext, size_t n_ext, struct port_set ret_ports[PROTO_COUNT],
		 struct err *err);

/**
 * sockets_read_proc() - the same from /proc/thread-self/net. There IPV6_V6ONLY does not show, so
 * each IPv6 wildcard socket counts; no IPv6 (no file) is no error.
 */
int sockets_read_proc(const struct net_addr *ext, size_t n_ext,
		      struct port_set ret_ports[PROTO_COUNT], struct err *err);

#endif
