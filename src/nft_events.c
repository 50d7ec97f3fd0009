// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "nft/table.h"
#include "src/nft_events.h"

struct nft_events {
	struct mnl_socket *nl;
	int mask; /* of the messages read so far */
	int open; /* of the transaction whose end was not read yet, einat's tables alone */
	char self[16], by[16];
};

int nft_events_open(struct nft_events **ret_ev, struct err *err)
{
	struct nft_events *ev = calloc(1, sizeof(*ev));
	int group = NFNLGRP_NFTABLES, e;

	if (!ev)
		return err_sys(err, ENOMEM, "nftables events");
	prctl(PR_GET_NAME, ev->self);
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

static const char *string_attr(const struct nlmsghdr *nlh, unsigned type)
{
	const char *s = NULL;
	struct nlattr *attr;

	mnl_attr_for_each (attr, nlh, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(attr) == type &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			s = mnl_attr_get_str(attr);
	return s;
}

static int ours(unsigned type)
{
	switch (type) {
	case NFT_MSG_NEWTABLE:
		return NFT_EV_OURS | NFT_EV_REPLACED;
	case NFT_MSG_DELTABLE:
	case NFT_MSG_DELCHAIN:
	case NFT_MSG_DELRULE:
		return NFT_EV_OURS;
	case NFT_MSG_NEWSETELEM:
	case NFT_MSG_DELSETELEM:
		return NFT_EV_EDITED;
	default:
		return 0;
	}
}

/*
 * The last message of a transaction tells who made it. A kernel that does not tell leaves open what
 * only another process can have done.
 */
static void end_of_transaction(struct nft_events *ev, const struct nlmsghdr *nlh)
{
	const char *by = string_attr(nlh, NFTA_GEN_PROC_NAME);
	bool other = by && strcmp(by, ev->self) != 0;

	if (other)
		ev->mask |= ev->open;
	else
		ev->mask |= ev->open & (by ? NFT_EV_OURS : NFT_EV_OURS | NFT_EV_EDITED);
	if (ev->open && other)
		snprintf(ev->by, sizeof(ev->by), "%s", by);
	ev->open = 0;
}

static int on_event(const struct nlmsghdr *nlh, void *data)
{
	unsigned type = NFNL_MSG_TYPE(nlh->nlmsg_type);
	struct nft_events *ev = data;
	const char *table;

	if (type == NFT_MSG_NEWGEN) {
		end_of_transaction(ev, nlh);
		return MNL_CB_OK;
	}
	table = string_attr(nlh, TABLE_ATTR);
	if (!table || !nft_table_is_own(table))
		ev->mask |= NFT_EV_FOREIGN;
	else
		ev->open |= ours(type);
	return MNL_CB_OK;
}

int nft_events_drain(struct nft_events *ev)
{
	char buf[65536];

	ev->mask = 0;
	for (;;) {
		ssize_t n = mnl_socket_recvfrom(ev->nl, buf, sizeof(buf));

		if (n > 0) {
			mnl_cb_run(buf, (size_t)n, 0, 0, on_event, ev);
		} else if (n < 0 && (errno == ENOBUFS || errno == ENOSPC)) {
			/* events were lost: all may have happened */
			ev->mask |= NFT_EV_FOREIGN | NFT_EV_OURS | NFT_EV_EDITED;
			ev->open = 0;
			ev->by[0] = '\0';
		} else {
			return ev->mask;
		}
	}
}

const char *nft_events_by(const struct nft_events *ev)
{
	return ev->by;
}

void nft_events_close(struct nft_events *ev)
{
	if (!ev)
		return;
	if (ev->nl)
		mnl_socket_close(ev->nl);
	free(ev);
}
