// SPDX-License-Identifier: GPL-2.0-or-later
/* Local sockets: UDP and TCP by sock_diag, raw ones and pings from /proc/net; whose they are. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "check/host_owner.h"
#include "check/host_priv.h"

#define SOCKETS_MAX 65536 /* of a protocol, family and kind */

/* ---- capture ---------------------------------------------------------------------------- */

/* Sockets that own a port first: of the others there can be too many. */
static const struct {
	const char *name;
	uint8_t proto;
	uint32_t states;
} groups[] = {
	{ "udp", IPPROTO_UDP, 1u << TCP_CLOSE },
	{ "udp", IPPROTO_UDP, 1u << TCP_ESTABLISHED },
	{ "tcp", IPPROTO_TCP, 1u << TCP_LISTEN },
	{ "tcp", IPPROTO_TCP,
	  1u << TCP_ESTABLISHED | 1u << TCP_SYN_SENT | 1u << TCP_FIN_WAIT1 | 1u << TCP_FIN_WAIT2 |
		  1u << TCP_CLOSE_WAIT | 1u << TCP_LAST_ACK | 1u << TCP_CLOSING },
};

/* 0, 1 if there are more, or -errno: -ENOENT if the kernel cannot list this protocol so. */
static int diag(struct capture_record *r, unsigned group, uint8_t family, struct err *err)
{
	static const struct capture_nl how = { .max = SOCKETS_MAX };
	char buf[256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct inet_diag_req_v2 *req = mnl_nlmsg_put_extra_header(nlh, sizeof(*req));
	struct rtnl *nl;
	int ret = rtnl_open_other(NETLINK_SOCK_DIAG, "sock_diag", &nl, err);

	if (ret)
		return ret == -EPROTONOSUPPORT ? -ENOENT : ret;
	nlh->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	req->sdiag_family = family;
	req->sdiag_protocol = groups[group].proto;
	req->idiag_states = groups[group].states;
	ret = capture_dump(r, nl, nlh, &how);
	if (ret < 0)
		err_set(err, -ret, "cannot list the %s sockets: %s", groups[group].name,
			rtnl_reason(nl));
	rtnl_close(nl);
	return ret;
}

/* A file of /proc/net as it is; a kernel without it is no error. */
static int copy_file(struct capture *c, const char *name)
{
	struct capture_record *r;
	char path[64], *line = NULL;
	size_t size = 0;
	int ret = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/thread-self/net/%s", name);
	f = fopen(path, "re");
	if (!f)
		return errno == ENOENT ? 0 : -errno;
	r = capture_add(c, REC_SOCKET_TEXT, name);
	if (!r)
		ret = -ENOMEM;
	while (!ret && getline(&line, &size, f) > 0)
		ret = capture_put(r, line, strlen(line));
	free(line);
	fclose(f);
	return ret;
}

static int capture_group(struct capture *c, unsigned group, uint8_t family, struct err *err)
{
	struct capture_record *r = capture_add(c, REC_SOCKET, groups[group].name);
	char file[8];
	int ret = r ? diag(r, group, family, err) : err_sys(err, ENOMEM, "cannot list the sockets");

	if (ret > 0) {
		ret = host_gap_add(c, REC_SOCKET, 0, "only %d %s sockets are read", SOCKETS_MAX,
				   groups[group].name);
	} else if (ret == -ENOENT) {
		snprintf(file, sizeof(file), "%s%s", groups[group].name,
			 family == AF_INET6 ? "6" : "");
		/* the file holds all states */
		ret = capture_find(c, REC_SOCKET_TEXT, file) ? 0 : copy_file(c, file);
	}
	return ret;
}

int host_capture_sockets(struct capture *c, struct err *err)
{
	static const char *const files[] = { "raw", "raw6", "icmp", "icmp6" };
	struct host h = { 0 };
	int ret = 0;

	for (unsigned i = 0; i < 2 * sizeof(groups) / sizeof(*groups) && !ret; i++)
		ret = capture_group(c, i / 2, i % 2 ? AF_INET6 : AF_INET, err);
	for (unsigned i = 0; i < sizeof(files) / sizeof(*files) && !ret; i++) {
		ret = copy_file(c, files[i]);
		if (ret)
			err_sys(err, -ret, "cannot read /proc/net/%s", files[i]);
	}
	if (!ret)
		ret = host_parse_sockets(&h, c, err);
	if (!ret) {
		ret = host_capture_owners(c, &h);
		if (ret)
			err_sys(err, -ret, "cannot look for the owners of sockets");
	}
	host_clear(&h);
	return ret;
}

/* ---- parse ------------------------------------------------------------------------------ */

static struct net_addr diag_addr(int family, const uint32_t *words)
{
	struct net_addr a;

	if (family == AF_INET)
		return net_addr_from4(words[0]);
	memcpy(a.b, words, sizeof(a.b));
	return a;
}

static const struct nlattr *diag_attr(const struct nlmsghdr *nlh, unsigned type)
{
	const struct nlattr *attr;

	mnl_attr_for_each (attr, nlh, sizeof(struct inet_diag_msg))
		if (mnl_attr_get_type(attr) == type)
			return attr;
	return NULL;
}

static int on_diag(struct host *h, const struct nlmsghdr *nlh)
{
	const struct inet_diag_msg *msg = mnl_nlmsg_get_payload(nlh);
	struct host_socket *s;

	if (msg->idiag_family != AF_INET && msg->idiag_family != AF_INET6)
		return 0;
	s = HOST_ADD(&h->sockets, &h->n_sockets);
	if (!s)
		return -ENOMEM;
	s->family = msg->idiag_family;
	s->state = msg->idiag_state;
	s->local = diag_addr(s->family, msg->id.idiag_src);
	s->lport = ntohs(msg->id.idiag_sport);
	s->rport = ntohs(msg->id.idiag_dport);
	s->connected = s->rport != 0;
	if (s->connected)
		s->remote = diag_addr(s->family, msg->id.idiag_dst);
	s->ifindex = (int)msg->id.idiag_if;
	s->uid = msg->idiag_uid;
	s->inode = msg->idiag_inode;
	/* the kernel sends it for every IPv6 socket in the states asked for */
	s->v6only = nl_u8(diag_attr(nlh, INET_DIAG_SKV6ONLY), 0);
	return 0;
}

static int read_diag(struct host *h, const struct capture *c, struct err *err)
{
	int ret = 0;

	/* the messages do not say of which protocol they are: the record's name does */
	for (unsigned i = 0; i < 2 && !ret; i++) {
		const char *name = i ? "tcp" : "udp";

		size_t n = h->n_sockets;

		ret = host_each_named(h, c, REC_SOCKET, name, sizeof(struct inet_diag_msg), on_diag,
				      err);
		for (; n < h->n_sockets; n++)
			h->sockets[n].proto = i ? IPPROTO_TCP : IPPROTO_UDP;
	}
	return ret;
}

/* Addresses are 32-bit words in the machine's byte order, 8 hex digits each, one or four. */
static bool text_addr(const char *hex, struct net_addr *ret_addr)
{
	size_t words = strlen(hex) / 8;
	uint32_t word[4];

	if (strlen(hex) % 8 || (words != 1 && words != 4))
		return false;
	for (size_t i = 0; i < words; i++)
		if (sscanf(hex + 8 * i, "%8x", &word[i]) != 1)
			return false;
	if (words == 1)
		*ret_addr = net_addr_from4(word[0]);
	else
		memcpy(ret_addr->b, word, sizeof(ret_addr->b));
	return true;
}

static const struct {
	const char *file;
	uint8_t proto;
} texts[] = {
	{ "udp", IPPROTO_UDP },	 { "udp6", IPPROTO_UDP },  { "tcp", IPPROTO_TCP },
	{ "tcp6", IPPROTO_TCP }, { "icmp", IPPROTO_ICMP }, { "icmp6", IPPROTO_ICMP },
	{ "raw", IPPROTO_RAW },	 { "raw6", IPPROTO_RAW },
};

/* "  sl  local_address rem_address   st tx_queue:rx_queue tr:when retrnsmt   uid  timeout inode" */
static int on_text(struct host *h, const char *record, const char *line)
{
	struct host_socket s = { 0 }, *to;
	unsigned lport, rport, state, uid;
	unsigned long long inode;
	char local[40], remote[40];

	if (sscanf(line,
		   " %*u: %39[0-9A-Fa-f]:%x %39[0-9A-Fa-f]:%x %x %*x:%*x %*x:%*x %*x %u %*u %llu",
		   local, &lport, remote, &rport, &state, &uid, &inode) != 7)
		return 0; /* the heading */
	if (!text_addr(local, &s.local) || !text_addr(remote, &s.remote) || lport > 65535 ||
	    rport > 65535 || state > 255)
		return -EBADMSG;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (!strcmp(texts[i].file, record))
			s.proto = texts[i].proto;
	if (!s.proto || state == TCP_TIME_WAIT)
		return 0;
	s.family = strlen(local) == 8 ? AF_INET : AF_INET6;
	s.state = (uint8_t)state;
	s.uid = uid;
	s.inode = inode;
	if (s.proto == IPPROTO_RAW)
		s.raw_proto = (uint8_t)lport;
	else
		s.lport = (uint16_t)lport;
	s.rport = (uint16_t)rport;
	s.connected = rport || state == TCP_ESTABLISHED;
	if (!s.connected)
		s.remote = (struct net_addr){ 0 };
	to = HOST_ADD(&h->sockets, &h->n_sockets);
	if (!to)
		return -ENOMEM;
	*to = s;
	return 0;
}

static int inode_order(const void *a, const void *b)
{
	const struct host_socket *x = a, *y = b;

	return x->inode < y->inode ? -1 : x->inode > y->inode;
}

/* The sockets are sorted by inode; several can have none (0). */
static int on_owner(struct host *h, const char *record, const char *line)
{
	struct host_socket key = { 0 }, *s;
	unsigned long long inode;

	(void)record;
	if (sscanf(line, "%llu %d %15[^\n]", &inode, &key.pid, key.process) < 2 || !inode)
		return -EBADMSG;
	key.inode = inode;
	s = h->n_sockets ? bsearch(&key, h->sockets, h->n_sockets, sizeof(key), inode_order) : NULL;
	if (s) {
		s->pid = key.pid;
		memcpy(s->process, key.process, sizeof(s->process));
	}
	return 0;
}

static int socket_order(const void *a, const void *b)
{
	const struct host_socket *x = a, *y = b;
	int c = x->proto != y->proto ? x->proto - y->proto : x->lport - y->lport;

	if (!c)
		c = x->family - y->family;
	if (!c)
		c = memcmp(&x->local, &y->local, sizeof(x->local));
	return c ? c : inode_order(a, b);
}

int host_parse_sockets(struct host *h, const struct capture *c, struct err *err)
{
	int ret = read_diag(h, c, err);

	if (!ret)
		ret = host_each_line(h, c, REC_SOCKET_TEXT, on_text, err);
	if (h->n_sockets)
		qsort(h->sockets, h->n_sockets, sizeof(*h->sockets), inode_order);
	if (!ret)
		ret = host_each_line(h, c, REC_OWNER, on_owner, err);
	if (h->n_sockets)
		qsort(h->sockets, h->n_sockets, sizeof(*h->sockets), socket_order);
	return ret;
}
