// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "src/nft_events.h"

struct nft_events {
	struct mnl_socket *nl;
};

int nft_events_open(struct nft_events **ret_ev, struct err *err)
{
	struct nft_events *ev = calloc(1, sizeof(*ev));
	int group = NFNLGRP_NFTABLES, e;

	if (!ev)
		return err_sys(err, ENOMEM, "nftables events");
	ev->nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (ev->nl && !mnl_socket_bind(ev->nl, 0, MNL_SOCKET_AUTOPID) &&
	    !mnl_socket_setsockopt(ev->nl, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group))) {
		*ret_ev = ev;
		return 0;
	}
	e = errno;
	nft_events_close(ev);
	return err_sys(err, e, "cannot follow nftables events");
}

int nft_events_fd(const struct nft_events *ev)
{
	return mnl_socket_get_fd(ev->nl);
}

int nft_events_drain(struct nft_events *ev)
{
	char buf[16384];
	int any = 0;

	/* a lost event (ENOBUFS) is a change too */
	while (mnl_socket_recvfrom(ev->nl, buf, sizeof(buf)) > 0 || errno == ENOBUFS ||
	       errno == ENOSPC)
		any = 1;
	return any;
}

void nft_events_close(struct nft_events *ev)
{
	if (!ev)
		return;
	if (ev->nl)
		mnl_socket_close(ev->nl);
	free(ev);
}
