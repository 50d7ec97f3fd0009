/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What sockets.c and sock_proc.c share. */
#ifndef EINAT_SOCK_PRIV_H
#define EINAT_SOCK_PRIV_H

#include "src/port_bits.h"
#include "src/sockets.h"

/* States as in the kernel's net/tcp_states.h; an unconnected UDP socket is in TCP_CLOSE. */
enum { SOCK_STATE_CLOSE = 7, SOCK_STATE_LISTEN = 10 };

/* Ports found so far; a bitmap, since sockets come in no order. */
struct sock_scan {
	const struct net_addr *ext;
	size_t n_ext;
	bool has4, has6; /* some of @ext is of that family */
	struct port_bits bits[PROTO_COUNT];
};

/** sock_owns_state() - whether @state makes a socket of protocol @proto (0 UDP, 1 TCP) an owner. */
bool sock_owns_state(unsigned proto, unsigned state);
/** sock_note() - count a socket bound to @addr (unspecified: wildcard) and @port, if it matters. */
void sock_note(struct sock_scan *scan, unsigned proto, const struct net_addr *addr, bool v6only,
	       uint16_t port);
struct sock_scan *sock_scan_new(const struct net_addr *ext, size_t n_ext);
/** sock_scan_take() - the sets into @ret_ports, whose content is released. 0 or -ENOMEM. */
int sock_scan_take(const struct sock_scan *scan, struct port_set ret_ports[PROTO_COUNT]);

#endif
