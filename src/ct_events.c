// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_compat.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stddef.h>
#include <sys/socket.h>

#include "lib/ct_msg.h"
#include "src/ct_priv.h"

#define EVENT_BUFFER (8 << 20) /* bytes of socket buffer; the kernel doubles it */
#define DRAIN_MAX    4096 /* events of one ct_events_drain() */
#define DISCARD_MAX  (1 << 20) /* events thrown away after an overrun, at most */

/*
 * IPv6 flows that nobody asked for are dropped before they cost room in the buffer. A multicast
 * datagram of ctnetlink holds one message: struct nlmsghdr, then struct nfgenmsg whose first byte
 * is the family.
 */
static void attach_filter(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS,
			 sizeof(struct nlmsghdr) + offsetof(struct nfgenmsg, nfgen_family)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog prog = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
}

void ct_events_filter(const struct ct *ct)
{
	int none = 0;

	if (ct->ipv6)
		setsockopt(ct_events_fd(ct), SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof(none));
	else
		attach_filter(ct_events_fd(ct));
}

/**
 * ct_events_start() - have @fn called by ct_events_drain() for each flow that begins or ends.
 *
 * Events carry tuples, id, zone and status; timeout and tcp_state only where the kernel sends them.
 * Start events first and dump then: what happens meanwhile waits in the buffer, so nothing
 * is missed, though some flows are told of twice.
 *
 * With net.netfilter.nf_conntrack_events = 2, the default since Linux 5.19, a flow that was made
 * while nobody listened ends without an event: whoever keeps a ledger of flows must dump again
 * from time to time. With 0 there are no events at all.
 *
 * -EBUSY: started already.
 */
int ct_events_start(struct ct *ct, ct_event_fn fn, void *data, struct err *err)
{
	int size = EVENT_BUFFER, fd;
	struct mnl_socket *nl;

	if (ct->events)
		return err_set(err, EBUSY, "conntrack: events are being listened to already");
	nl = ct_socket(SOCK_NONBLOCK, NF_NETLINK_CONNTRACK_NEW | NF_NETLINK_CONNTRACK_DESTROY, err);
	if (!nl)
		return -errno;
	fd = mnl_socket_get_fd(nl);
	/* neither is vital: a small buffer means more resyncs, no filter more wake-ups */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	ct->events = nl;
	ct_events_filter(ct);
	ct->fn = fn;
	ct->data = data;
	return 0;
}

/** ct_events_fd() - readable when ct_events_drain() has work to do; -1 before the start. */
int ct_events_fd(const struct ct *ct)
{
	return ct->events ? mnl_socket_get_fd(ct->events) : -1;
}

static void handle(struct ct *ct, const struct nlmsghdr *nlh)
{
	struct ct_flow flow;

	if (nlh->nlmsg_type >> 8 != NFNL_SUBSYS_CTNETLINK || ct_msg_parse(nlh, &flow) <= 0)
		return;
	switch (nlh->nlmsg_type & 0xff) {
	case IPCTNL_MSG_CT_NEW:
		ct->fn(CT_NEW, &flow, ct->data);
		break;
	case IPCTNL_MSG_CT_DELETE:
		ct->fn(CT_DESTROY, &flow, ct->data);
		break;
	}
}

/*
 * What is still queued is older than the dump that the caller will make now; applied after it, a
 * NEW whose DESTROY was lost would stay for ever.
 */
static void discard(int fd)
{
	char byte;

	for (int i = 0; i < DISCARD_MAX; i++)
		if (recv(fd, &byte, 1, MSG_TRUNC) < 0 && errno != EINTR && errno != ENOBUFS)
			return;
}

/**
 * ct_events_drain() - deliver what is pending; never blocks.
 * Returns 0 (after DRAIN_MAX events too: the descriptor is still readable then) or -errno.
 * -ENOBUFS: events were lost, those that were queued are dropped, and the caller has to
 * dump. Further events are those that came after.
 */
int ct_events_drain(struct ct *ct)
{
	char buf[8192] NL_ALIGNED;
	int fd = ct_events_fd(ct);

	if (fd < 0)
		return -EBADF;
	for (int i = 0; i < DRAIN_MAX; i++) {
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)buf;
		ssize_t n = recv(fd, buf, sizeof(buf), 0);
		int left = n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == ENOBUFS) {
			discard(fd);
			return -ENOBUFS;
		}
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
			handle(ct, nlh);
	}
	return 0;
}
