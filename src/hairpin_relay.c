// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <linux/icmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "src/hairpin_error.h"
#include "src/hairpin_relay.h"
#include "src/log.h"
#include "src/refuse.h"
#include "src/route.h"

/*
 * Hosts quote 576 bytes at most (RFC 1812 section 4.3.2.3), of IPv6 what fits into 1280 (RFC 4443
 * section 2.4 (c)). What is longer than this is not passed on.
 */
#define MESSAGE_MAX 2048
/* Room for what waits, twice of it with the kernel's own data: more is a flood. */
#define RECEIVE_BUFFER (128 * 1024)

struct hairpin_relay {
	const struct dataplane *dp;
	int wan; /* ifindex */
	struct route_query *routes;
	struct refuse_limit sent;
	int epoll_fd, timer_fd; /* the timer ends a pause */
	int fd[2]; /* ICMP; ICMPv6, -1 without IPv6 */
	uint64_t window_ms; /* beginning of the present one */
	unsigned left; /* messages that may be read in it */
	bool paused; /* @fd are not waited for */
};

/* A message as received, from its ICMP header on. */
struct message {
	uint8_t buf[MESSAGE_MAX];
	uint8_t *icmp;
	size_t len;
	struct net_addr dst; /* to whom it was addressed */
	bool own; /* by this host: the kernel takes its address as a source from nobody else */
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* ---- bindings ---------------------------------------------------------------------------- */

static bool find_internal(unsigned proto, struct hairpin_endpoint *ep, void *data)
{
	const struct hairpin_relay *r = data;
	struct binding b;

	if (dataplane_find_external(r->dp, proto, &ep->addr, ep->port, &b))
		return false;
	*ep = (struct hairpin_endpoint){ b.internal, b.iport };
	return true;
}

static bool find_external(unsigned proto, struct hairpin_endpoint *ep, void *data)
{
	const struct hairpin_relay *r = data;
	struct binding b;

	if (dataplane_find(r->dp, proto, &ep->addr, ep->port, &b))
		return false;
	*ep = (struct hairpin_endpoint){ b.external, b.eport };
	return true;
}

/* ---- receive ----------------------------------------------------------------------------- */

/* ICMP comes with its IP header. */
static bool locate4(struct message *m)
{
	struct iphdr ip;

	if (m->len < sizeof(ip))
		return false;
	memcpy(&ip, m->buf, sizeof(ip));
	if (m->len < ip.ihl * 4u)
		return false;
	m->icmp = m->buf + ip.ihl * 4u;
	m->len -= ip.ihl * 4u;
	m->dst = net_addr_from4(ip.daddr);
	m->own = ip.saddr == ip.daddr;
	return true;
}

/*
 * ICMPv6 comes without; its checksum was found right by the kernel, which may let in by any
 * interface what has this host's address as its source.
 */
static bool locate6(struct message *m, int wan, struct msghdr *mh)
{
	const struct sockaddr_in6 *from = mh->msg_name;

	m->icmp = m->buf;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		struct in6_pktinfo info;

		if (c->cmsg_level != IPPROTO_IPV6 || c->cmsg_type != IPV6_PKTINFO)
			continue;
		memcpy(&info, CMSG_DATA(c), sizeof(info));
		memcpy(&m->dst, &info.ipi6_addr, sizeof(m->dst));
		m->own =
			!memcmp(&info.ipi6_addr, &from->sin6_addr, sizeof(m->dst)) &&
			((int)info.ipi6_ifindex == ROUTE_LOOPBACK || (int)info.ipi6_ifindex == wan);
		return !net_addr_is4(&m->dst);
	}
	return false;
}

/* One datagram is read: 1 if it is a whole message in @m, 0 if not; -1: there is none. */
static int receive(const struct hairpin_relay *r, bool ipv6, struct message *m)
{
	struct sockaddr_in6 from = { 0 };
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	} control;
	struct iovec iov = { m->buf, sizeof(m->buf) };
	struct msghdr mh = { .msg_name = &from,
			     .msg_namelen = sizeof(from),
			     .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(r->fd[ipv6], &mh, MSG_DONTWAIT);

	if (n < 0)
		return -1;
	m->len = (size_t)n;
	if (mh.msg_flags & MSG_TRUNC)
		return 0;
	return ipv6 ? locate6(m, r->wan, &mh) : locate4(m);
}

/* ---- send -------------------------------------------------------------------------------- */

/* Out of one interface, from one address, whatever rules there are for that address. */
static int send_by(int fd, int oif, const struct message *m, const struct net_addr *from,
		   struct sockaddr *to, socklen_t to_len)
{
	const bool ipv6 = to->sa_family == AF_INET6;
	struct in_pktinfo info = { .ipi_ifindex = oif };
	struct in6_pktinfo info6 = { .ipi6_ifindex = (unsigned)oif };
	const size_t size = ipv6 ? sizeof(info6) : sizeof(info);
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(info6))];
	} control = { 0 };
	struct iovec iov = { m->icmp, m->len };
	struct msghdr mh = { .msg_name = to,
			     .msg_namelen = to_len,
			     .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = CMSG_SPACE(size) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&mh);

	info.ipi_spec_dst.s_addr = ipv6 ? 0 : net_addr_to4(from);
	memcpy(&info6.ipi6_addr, from, sizeof(info6.ipi6_addr));
	c->cmsg_level = ipv6 ? IPPROTO_IPV6 : IPPROTO_IP;
	c->cmsg_type = ipv6 ? IPV6_PKTINFO : IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(c), ipv6 ? (void *)&info6 : (void *)&info, size);
	return sendmsg(fd, &mh, MSG_DONTWAIT) < 0 ? -errno : 0;
}

static int send_to(const struct hairpin_relay *r, int oif, const struct message *m,
		   const struct net_addr *from, const struct net_addr *to)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };

	if (net_addr_is4(to)) {
		sin.sin_addr.s_addr = net_addr_to4(to);
		return send_by(r->fd[0], oif, m, from, (struct sockaddr *)&sin, sizeof(sin));
	}
	memcpy(&sin6.sin6_addr, to, sizeof(*to));
	return send_by(r->fd[1], oif, m, from, (struct sockaddr *)&sin6, sizeof(sin6));
}

/*
 * What is sent names an internal endpoint, so it never leaves by the external interface. Nor is it
 * ever sent to this host itself, where it would be received again.
 */
static void pass_on(struct hairpin_relay *r, struct message *m)
{
	const struct hairpin_lookup lookup = { find_internal, find_external, r };
	struct net_addr from, to;
	int oif, ret;

	if (!hairpin_error_translate(m->icmp, m->len, &m->dst, m->own, &lookup, &from, &to) ||
	    !refuse_allowed(&r->sent, &to, now_ms()))
		return;
	oif = route_to_host(r->routes, &to);
	if (!oif || oif == r->wan)
		return;
	ret = send_to(r, oif, m, &from, &to);
	if (ret)
		log_debug("cannot pass on an ICMP error about a translated packet: %s",
			  strerror(-ret));
}

/* ---- limits ------------------------------------------------------------------------------ */

/* Until the present window is over the sockets are not waited for, or begin to be again. */
static void pause_reading(struct hairpin_relay *r, bool paused)
{
	const struct itimerspec its = { .it_value.tv_nsec = HAIRPIN_RELAY_WINDOW_MS * 1000000L };

	if (paused == r->paused || (paused && timerfd_settime(r->timer_fd, 0, &its, NULL)))
		return;
	for (int i = 0; i < 2; i++) {
		struct epoll_event ev = { .events = EPOLLIN };

		if (r->fd[i] >= 0)
			epoll_ctl(r->epoll_fd, paused ? EPOLL_CTL_DEL : EPOLL_CTL_ADD, r->fd[i],
				  &ev);
	}
	r->paused = paused;
}

void hairpin_relay_run(struct hairpin_relay *r)
{
	uint64_t now = now_ms(), ticks;
	struct message m;
	bool more = true;

	if (read(r->timer_fd, &ticks, sizeof(ticks)) == sizeof(ticks))
		pause_reading(r, false);
	if (now - r->window_ms >= HAIRPIN_RELAY_WINDOW_MS) {
		r->window_ms = now;
		r->left = HAIRPIN_RELAY_BURST;
	}
	while (more && !r->paused) {
		more = false;
		for (int i = 0; i < 2 && r->left; i++) { /* in turn: neither keeps the other out */
			int got = r->fd[i] < 0 ? -1 : receive(r, i == 1, &m);

			if (got > 0)
				pass_on(r, &m);
			r->left -= got >= 0;
			more |= got >= 0;
		}
	}
	if (!r->left)
		pause_reading(r, true);
}

/* ---- open and close ---------------------------------------------------------------------- */

/* Marked as the kernel's own ICMP errors, internetwork control; a router may fragment them. */
static int open_icmp(struct hairpin_relay *r, struct err *err)
{
	const struct icmp_filter others = { .data = ~(1u << ICMP_DEST_UNREACH |
						      1u << ICMP_TIME_EXCEEDED |
						      1u << ICMP_PARAMETERPROB) };
	const int tos = 0xc0, room = RECEIVE_BUFFER, dont = IP_PMTUDISC_DONT;
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);

	r->fd[0] = fd;
	if (fd < 0 || setsockopt(fd, SOL_RAW, ICMP_FILTER, &others, sizeof(others)))
		return err_sys(err, errno, "cannot make a raw socket for ICMP errors");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &dont, sizeof(dont));
	return 0;
}

static int open_icmp6(struct hairpin_relay *r, struct err *err)
{
	const int tos = 0xc0, room = RECEIVE_BUFFER, on = 1;
	int fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);
	struct icmp6_filter errors;

	ICMP6_FILTER_SETBLOCKALL(&errors);
	for (int type = ICMP6_DST_UNREACH; type <= ICMP6_PARAM_PROB; type++)
		ICMP6_FILTER_SETPASS(type, &errors);
	r->fd[1] = fd;
	if (fd < 0 || setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &errors, sizeof(errors)) ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)))
		return err_sys(err, errno, "cannot make a raw socket for ICMPv6 errors");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
	return 0;
}

static int open_waiting(struct hairpin_relay *r, struct err *err)
{
	struct epoll_event ev = { .events = EPOLLIN };

	r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (r->epoll_fd < 0 || r->timer_fd < 0 ||
	    epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, r->timer_fd, &ev) ||
	    epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, r->fd[0], &ev) ||
	    (r->fd[1] >= 0 && epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, r->fd[1], &ev)))
		return err_sys(err, errno, "cannot wait for ICMP errors");
	return 0;
}

int hairpin_relay_open(const struct dataplane *dp, const struct link_info *link,
		       struct hairpin_relay **ret_relay, struct err *err)
{
	struct hairpin_relay *r = calloc(1, sizeof(*r));
	int ret;

	if (!r)
		return err_sys(err, ENOMEM, "hairpin");
	*r = (struct hairpin_relay){ .dp = dp, .wan = link->ifindex };
	r->sent.rate_all = HAIRPIN_RELAY_ALL;
	r->sent.rate_source = HAIRPIN_RELAY_SOURCE;
	r->epoll_fd = r->timer_fd = r->fd[0] = r->fd[1] = -1;
	ret = route_query_open(&r->routes, err);
	if (!ret)
		ret = open_icmp(r, err);
	if (!ret && link->ipv6)
		ret = open_icmp6(r, err);
	if (!ret)
		ret = open_waiting(r, err);
	if (ret) {
		hairpin_relay_close(r);
		return ret;
	}
	*ret_relay = r;
	return 0;
}

void hairpin_relay_close(struct hairpin_relay *r)
{
	if (!r)
		return;
	route_query_close(r->routes);
	for (int i = 0; i < 4; i++) {
		int fd = (int[]){ r->epoll_fd, r->timer_fd, r->fd[0], r->fd[1] }[i];

		if (fd >= 0)
			close(fd);
	}
	free(r);
}

int hairpin_relay_fd(const struct hairpin_relay *r)
{
	return r->epoll_fd;
}
