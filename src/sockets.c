// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "src/sock_priv.h"

#define DUMP_TRIES 5

bool sock_owns_state(unsigned proto, unsigned state)
{
	return state == (proto == 1 ? SOCK_STATE_LISTEN : SOCK_STATE_CLOSE);
}

void sock_note(struct sock_scan *scan, unsigned proto, const struct net_addr *addr, bool v6only,
	       uint16_t port)
{
	static const struct net_addr any6;
	struct net_addr any4 = net_addr_from4(htonl(INADDR_ANY));
	bool ours =
		scan->has4 && (net_addr_eq(addr, &any4) || (net_addr_eq(addr, &any6) && !v6only));

	ours |= scan->has6 && net_addr_eq(addr, &any6);
	for (size_t i = 0; i < scan->n_ext && !ours; i++)
		ours = net_addr_eq(addr, &scan->ext[i]);
	if (ours && port)
		port_bits_add(&scan->bits[proto], port);
}

struct sock_scan *sock_scan_new(const struct net_addr *ext, size_t n_ext)
{
	struct sock_scan *scan = calloc(1, sizeof(*scan));

	if (scan) {
		scan->ext = ext;
		scan->n_ext = n_ext;
		for (size_t i = 0; i < n_ext; i++)
			*(net_addr_is4(&ext[i]) ? &scan->has4 : &scan->has6) = true;
	}
	return scan;
}

int sock_scan_take(const struct sock_scan *scan, struct port_set ret_ports[PROTO_COUNT])
{
	struct port_set set[PROTO_COUNT] = { 0 };
	int ret = 0;

	for (unsigned i = 0; i < PROTO_COUNT && !ret; i++)
		ret = port_bits_to_set(&scan->bits[i], &set[i]);
	for (unsigned i = 0; i < PROTO_COUNT; i++) {
		port_set_free(ret ? &set[i] : &ret_ports[i]);
		if (!ret)
			ret_ports[i] = set[i];
	}
	return ret;
}

/* ---- sock_diag --------------------------------------------------------------------------- */

struct diag {
	struct sock_scan *scan;
	unsigned proto;
};

/* The kernel sends it for every IPv6 socket in the states asked for (inet_diag_msg_attrs_fill). */
static int find_v6only(const struct nlattr *attr, void *data)
{
	bool *v6only = data;

	if (mnl_attr_get_type(attr) == INET_DIAG_SKV6ONLY && mnl_attr_get_payload_len(attr) >= 1)
		*v6only = mnl_attr_get_u8(attr);
	return MNL_CB_OK;
}

static int diag_one(const struct nlmsghdr *nlh, void *data)
{
	const struct inet_diag_msg *msg = mnl_nlmsg_get_payload(nlh);
	struct diag *d = data;
	bool v6only = false;
	struct net_addr addr;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*msg) ||
	    !sock_owns_state(d->proto, msg->idiag_state))
		return MNL_CB_OK;
	mnl_attr_parse(nlh, sizeof(*msg), find_v6only, &v6only);
	if (msg->idiag_family == AF_INET)
		addr = net_addr_from4(msg->id.idiag_src[0]);
	else
		memcpy(addr.b, msg->id.idiag_src, sizeof(addr.b));
	sock_note(d->scan, d->proto, &addr, v6only, ntohs(msg->id.idiag_sport));
	return MNL_CB_OK;
}

static int diag_dump(struct mnl_socket *nl, unsigned seq, unsigned family, struct diag *d)
{
	char buf[32768] __attribute__((aligned(8)));
	struct inet_diag_req_v2 *req;
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	int ret = MNL_CB_OK;

	nlh->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = seq;
	req = mnl_nlmsg_put_extra_header(nlh, sizeof(*req));
	req->sdiag_family = family;
	req->sdiag_protocol = d->proto == 1 ? IPPROTO_TCP : IPPROTO_UDP;
	req->idiag_states = 1u << (d->proto == 1 ? SOCK_STATE_LISTEN : SOCK_STATE_CLOSE);
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	while (ret == MNL_CB_OK) {
		ssize_t n = mnl_socket_recvfrom(nl, buf, sizeof(buf));

		if (n < 0 && errno == EINTR)
			continue;
		ret = n < 0 ? -1 : mnl_cb_run(buf, n, seq, mnl_socket_get_portid(nl), diag_one, d);
		if (ret < 0)
			ret = -errno;
	}
	return ret < 0 ? ret : 0;
}

/* Both families, both protocols. A repeated dump only adds what appeared meanwhile. */
static int diag_all(struct sock_scan *scan)
{
	static const unsigned families[] = { AF_INET, AF_INET6 };
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	unsigned seq = 0;
	int ret;

	if (!nl)
		return -errno;
	ret = mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) ? -errno : 0;
	for (unsigned i = 0; i < 4 && !ret; i++) {
		struct diag d = { .scan = scan, .proto = i / 2 };

		ret = -EINTR;
		for (int try = 0; try < DUMP_TRIES && ret == -EINTR; try++)
			ret = diag_dump(nl, ++seq, families[i % 2], &d);
	}
	mnl_socket_close(nl);
	return ret;
}

int sockets_read(const struct net_addr *ext, size_t n_ext, struct port_set ret_ports[PROTO_COUNT],
		 struct err *err)
{
	struct sock_scan *scan = sock_scan_new(ext, n_ext);
	int ret;

	if (!scan)
		return err_set(err, ENOMEM, "sockets: out of memory");
	ret = diag_all(scan);
	if (!ret)
		ret = sock_scan_take(scan, ret_ports);
	free(scan);
	if (ret == -ENOENT || ret == -EPROTONOSUPPORT)
		return sockets_read_proc(ext, n_ext, ret_ports, err);
	return ret ? err_sys(err, -ret, "sockets: cannot list the local sockets") : 0;
}
