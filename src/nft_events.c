// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>
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

/* The name of the table is the first attribute of every kind of message that has one. */
#define TABLE_ATTR 1
#define OUR_PREFIX "einat_"

static int on_event(const struct nlmsghdr *nlh, void *data)
{
	unsigned type = NFNL_MSG_TYPE(nlh->nlmsg_type);
	const char *table = NULL;
	struct nlattr *attr;
	int *mask = data;

	if (type == NFT_MSG_NEWGEN)
		return MNL_CB_OK;
	mnl_attr_for_each (attr, nlh, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(attr) == TABLE_ATTR &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			table = mnl_attr_get_str(attr);
	if (!table || strncmp(table, OUR_PREFIX, strlen(OUR_PREFIX)))
		*mask |= NFT_EV_FOREIGN;
	else if (type == NFT_MSG_DELTABLE || type == NFT_MSG_DELCHAIN || type == NFT_MSG_DELRULE ||
		 type == NFT_MSG_NEWTABLE)
		*mask |= NFT_EV_OURS;
	return MNL_CB_OK;
}

int nft_events_drain(struct nft_events *ev)
{
	char buf[65536];
	int mask = 0;

	for (;;) {
		ssize_t n = mnl_socket_recvfrom(ev->nl, buf, sizeof(buf));

		if (n > 0)
			mnl_cb_run(buf, (size_t)n, 0, 0, on_event, &mask);
		else if (n < 0 && (errno == ENOBUFS || errno == ENOSPC))
			mask |= NFT_EV_FOREIGN | NFT_EV_OURS; /* events were lost */
		else
			return mask;
	}
}

void nft_events_close(struct nft_events *ev)
{
	if (!ev)
		return;
	if (ev->nl)
		mnl_socket_close(ev->nl);
	free(ev);
}
