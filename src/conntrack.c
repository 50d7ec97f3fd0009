// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "lib/ct_msg.h"
#include "src/ct_priv.h"

#define ACK_SECONDS   5 /* the kernel acknowledges within the send call; this only ends a defect */
#define REPLACE_TRIES 8

struct mnl_socket *ct_socket(int flags, unsigned groups, struct err *err)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | flags);
	int saved;

	if (nl && mnl_socket_bind(nl, groups, MNL_SOCKET_AUTOPID) == 0)
		return nl;
	saved = errno;
	if (nl)
		mnl_socket_close(nl);
	err_sys(err, saved, "conntrack: cannot open a netfilter netlink socket");
	if (saved == EPERM || saved == EACCES)
		err_hint(err, saved, "run as root, or with CAP_NET_ADMIN");
	else if (saved == EPROTONOSUPPORT)
		err_hint(err, saved, "the kernel needs CONFIG_NETFILTER_NETLINK");
	errno = saved;
	return NULL;
}

/**
 * ct_open() - a handle for dumps, deletion and creation in the caller's network namespace.
 * Events need ct_events_start() besides. Released by ct_close().
 */
int ct_open(struct ct **ret_ct, struct err *err)
{
	struct timeval patience = { .tv_sec = ACK_SECONDS };
	struct ct *ct = calloc(1, sizeof(*ct));
	int ret;

	if (!ct)
		return err_set(err, ENOMEM, "conntrack: out of memory");
	ct->query = ct_socket(0, 0, err);
	if (!ct->query) {
		ret = -errno;
		free(ct);
		return ret;
	}
	setsockopt(mnl_socket_get_fd(ct->query), SOL_SOCKET, SO_RCVTIMEO, &patience,
		   sizeof(patience));
	*ret_ct = ct;
	return 0;
}

void ct_close(struct ct *ct)
{
	if (!ct)
		return;
	if (ct->events)
		mnl_socket_close(ct->events);
	mnl_socket_close(ct->query);
	free(ct);
}

void ct_set_ipv6(struct ct *ct, bool ipv6)
{
	ct->ipv6 = ipv6;
	if (ct->events)
		ct_events_filter(ct);
}

/* ---- dump ------------------------------------------------------------------------------ */

struct dump {
	ct_flow_fn fn;
	void *data;
	int ret; /* of fn */
};

static int dump_one(const struct nlmsghdr *nlh, void *data)
{
	struct dump *d = data;
	struct ct_flow flow;

	if (ct_msg_parse(nlh, &flow) <= 0)
		return MNL_CB_OK;
	d->ret = d->fn(&flow, d->data);
	return d->ret ? MNL_CB_STOP : MNL_CB_OK;
}

/* 0 when the dump is complete or fn ended it; -EINTR: the table changed under it. */
static int dump_once(struct mnl_socket *nl, uint8_t family, unsigned seq, struct dump *d)
{
	/* the kernel fills pages of up to 32 KiB when the reader offers that much */
	static const size_t size = 32768;
	char req[CT_MSG_MAX] NL_ALIGNED, *buf;
	struct nlmsghdr *nlh = ct_msg_dump(req, family);
	int ret = MNL_CB_OK;

	buf = malloc(size);
	if (!buf)
		return -ENOMEM;
	nlh->nlmsg_seq = seq;
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		ret = -errno;
	while (ret == MNL_CB_OK) {
		ssize_t n = mnl_socket_recvfrom(nl, buf, size);

		if (n < 0 && errno == EINTR)
			continue; /* a signal */
		ret = n < 0 ? -1 : mnl_cb_run(buf, n, seq, mnl_socket_get_portid(nl), dump_one, d);
		if (ret < 0)
			ret = -errno;
	}
	free(buf);
	return ret < 0 ? ret : 0;
}

/**
 * ct_dump() - call @fn for each flow of the table.
 *
 * A flow may be given more than once: the table is read while it changes, and a dump that the
 * kernel calls inconsistent is started again. @fn may use the other calls on @ct. A non-zero
 * return of @fn ends the dump and is returned. Negative -errno otherwise, with @err.
 */
int ct_dump(struct ct *ct, ct_flow_fn fn, void *data, struct err *err)
{
	struct dump d = { .fn = fn, .data = data };
	struct mnl_socket *nl;
	int ret = -EINTR;

	for (int i = 0; i < 5 && ret == -EINTR; i++) {
		/* a socket of its own: what an ended dump leaves unread goes with it */
		nl = ct_socket(0, 0, err);
		if (!nl)
			return -errno;
		ret = dump_once(nl, ct->ipv6 ? AF_UNSPEC : AF_INET, ++ct->seq, &d);
		mnl_socket_close(nl);
	}
	if (d.ret < 0)
		return err_sys(err, -d.ret, "conntrack: reading the table");
	if (d.ret)
		return d.ret;
	if (!ret)
		return 0;
	err_sys(err, -ret, "conntrack: cannot read the table");
	if (ret == -EPERM)
		err_hint(err, EPERM, "run as root, or with CAP_NET_ADMIN");
	if (ret == -EINVAL || ret == -EOPNOTSUPP)
		err_hint(err, -ret, "is the module nf_conntrack_netlink there?");
	return ret;
}

/* ---- requests --------------------------------------------------------------------------- */

/* One reply datagram: puts the result of each request [first, first + n) it answers into ret. */
static unsigned note_acks(const char *buf, ssize_t len, unsigned first, unsigned n, int *ret)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)buf;
	unsigned seen = 0;
	int left = len;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

		if (nlh->nlmsg_type != NLMSG_ERROR || nlh->nlmsg_seq - first >= n ||
		    mnl_nlmsg_get_payload_len(nlh) < sizeof(*e))
			continue; /* late answer to an earlier request */
		ret[nlh->nlmsg_seq - first] = e->error;
		seen++;
	}
	return seen;
}

/*
 * Send @n messages that lie one behind the other as one datagram: the kernel works them off
 * within one system call. @ret gets the result of each. Returns 0, or -errno if they were
 * not sent or not answered.
 */
static int talk(struct ct *ct, void *msgs, unsigned n, int *ret)
{
	char buf[8192] NL_ALIGNED;
	struct nlmsghdr *nlh = msgs;
	unsigned first = ct->seq + 1, seen = 0;
	size_t len = 0;
	ssize_t got;

	for (unsigned i = 0; i < n; i++) {
		nlh->nlmsg_seq = ++ct->seq;
		len += nlh->nlmsg_len;
		nlh = (struct nlmsghdr *)((char *)msgs + len);
	}
	if (mnl_socket_sendto(ct->query, msgs, len) < 0)
		return -errno;
	while (seen < n) {
		got = mnl_socket_recvfrom(ct->query, buf, sizeof(buf));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		seen += note_acks(buf, got, first, n, ret);
	}
	return 0;
}

struct flow_text {
	char s[192];
};

static struct flow_text flow_text(const struct ct_flow *f)
{
	char src[NET_ADDR_STRLEN], dst[NET_ADDR_STRLEN];
	struct flow_text t;

	net_addr_format(&f->src, src);
	net_addr_format(&f->dst, dst);
	if (f->proto == PROTO_ICMP)
		snprintf(t.s, sizeof(t.s), "icmp %s -> %s id %u", src, dst, f->sport);
	else if (!net_addr_is4(&f->src))
		snprintf(t.s, sizeof(t.s), "%s [%s]:%u -> [%s]:%u", proto_name(f->proto), src,
			 f->sport, dst, f->dport);
	else
		snprintf(t.s, sizeof(t.s), "%s %s:%u -> %s:%u", proto_name(f->proto), src, f->sport,
			 dst, f->dport);
	return t;
}

static int check_flow(const struct ct_flow *f, struct err *err)
{
	bool one = f->proto == PROTO_UDP || f->proto == PROTO_TCP || f->proto == PROTO_ICMP;

	if (one && net_addr_is4(&f->src) == net_addr_is4(&f->dst))
		return 0;
	return err_set(err, EINVAL, "conntrack: not a flow of UDP, TCP or ICMP, of one family");
}

static int check_snat(const struct ct_flow *f, const struct net_addr *ext, struct err *err)
{
	int ret = check_flow(f, err);

	if (ret || net_addr_is4(&f->src) == net_addr_is4(ext))
		return ret;
	return err_set(err, EINVAL, "conntrack: the external address is of another family");
}

/**
 * ct_del() - delete exactly that flow: the entry with its original tuple, zone and, unless 0, id.
 * -ENOENT: there is none (any more). The id tells two flows of one tuple apart only if the kernel
 * did not reuse the memory of the first: it is a hash of tuple and address (nf_ct_get_id).
 */
int ct_del(struct ct *ct, const struct ct_flow *flow, struct err *err)
{
	char buf[CT_MSG_MAX] NL_ALIGNED;
	int ret, res = 0;

	ret = check_flow(flow, err);
	if (ret)
		return ret;
	ct_msg_del(buf, flow, true);
	ret = talk(ct, buf, 1, &res);
	if (!ret)
		ret = res;
	return ret ? err_sys(err, -ret, "conntrack: cannot delete %s", flow_text(flow).s) : 0;
}

static int snat_error(int ret, const struct ct_flow *flow, const struct net_addr *ext,
		      uint16_t ext_port, struct err *err)
{
	char addr[NET_ADDR_STRLEN];

	if (!ret)
		return 0;
	err_sys(err, -ret, "conntrack: cannot hand %s over to netfilter as %s:%u",
		flow_text(flow).s, net_addr_format(ext, addr), ext_port);
	if (ret == -EADDRINUSE)
		err_hint(err, -ret, "another flow to the same peer uses that port");
	if (ret == -EEXIST)
		err_hint(err, -ret,
			 "there is an entry for the flow, or one to the same peer "
			 "that uses that port");
	if (ret == -EOPNOTSUPP)
		err_hint(err, -ret, "the kernel has no NAT: is the module nf_nat there?");
	if (ret == -ENOMEM)
		err_hint(err, -ret, "the table may be full: see net.netfilter.nf_conntrack_max");
	return ret;
}

/**
 * ct_add_snat() - create the entry of @flow with its source translated to @ext:@ext_port.
 *
 * Of @flow the original tuple, zone, mark, timeout (0 counts as 1 s), seen_reply and assured are
 * kept, and a translated destination (reply source other than the destination); id and the reply
 * destination are not looked at. ICMP: @ext_port is the external identifier. TCP: state is kept,
 * 0 means ESTABLISHED; both directions are made liberal, as their windows are not known.
 *
 * The kernel applies it from the next packet on, if the namespace has a nat chain at all (without
 * one its NAT hooks are not registered). Labels, helpers and sequence adjustment are not made.
 *
 * -EEXIST: the original tuple has an entry already (ct_replace_snat() is for that), or
 * @ext:@ext_port is in use towards the same peer.
 */
int ct_add_snat(struct ct *ct, const struct ct_flow *flow, const struct net_addr *ext,
		uint16_t ext_port, struct err *err)
{
	char buf[CT_MSG_MAX] NL_ALIGNED;
	int ret, res = 0;

	ret = check_snat(flow, ext, err);
	if (ret)
		return ret;
	ct_msg_add_snat(buf, flow, ext, ext_port);
	ret = talk(ct, buf, 1, &res);
	return snat_error(ret ? ret : res, flow, ext, ext_port, err);
}

/**
 * ct_replace_snat() - hand-back of a live flow: ct_del() and ct_add_snat() as one request.
 *
 * A packet of the flow that passes between the two makes an entry of its own, NATed as the rules
 * of the moment say; that one is deleted too and the attempt repeated. It is no error if @flow has
 * no entry. A flow that the peer began is given with its directions swapped: a tuple finds the
 * entry by either direction. -EADDRINUSE: @ext:@ext_port is in use towards the same peer; the flow
 * has no entry then. -EEXIST: its packets came faster than REPLACE_TRIES attempts.
 */
int ct_replace_snat(struct ct *ct, const struct ct_flow *flow, const struct net_addr *ext,
		    uint16_t ext_port, struct err *err)
{
	char buf[2 * CT_MSG_MAX] NL_ALIGNED;
	struct nlmsghdr *del;
	int ret, res[2];

	ret = check_snat(flow, ext, err);
	if (ret)
		return ret;
	for (int i = 0; i < REPLACE_TRIES; i++) {
		del = ct_msg_del(buf, flow, false);
		ct_msg_add_snat(buf + del->nlmsg_len, flow, ext, ext_port);
		memset(res, 0, sizeof(res));
		ret = talk(ct, buf, 2, res);
		if (!ret && res[0] && res[0] != -ENOENT)
			ret = res[0];
		if (ret || res[1] != -EEXIST) {
			ret = ret ? ret : res[1];
			break;
		}
		/* nothing was there to delete twice: it is the reply tuple that is taken */
		ret = res[0] == -ENOENT && i > 0 ? -EADDRINUSE : -EEXIST;
		if (ret == -EADDRINUSE)
			break;
	}
	return snat_error(ret, flow, ext, ext_port, err);
}
