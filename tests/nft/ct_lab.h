/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Conntrack for real, in three namespaces:
 *
 *   lan host 192.168.1.10 -- 192.168.1.1 [lan] router [wan] 198.51.100.1 -- 198.51.100.9 peer
 *
 * The peer routes 192.168.1.0/24 back to the router, so that un-NATed flows work too. The forward
 * chain drops what conntrack calls invalid: what window tracking refuses does not arrive.
 */
#ifndef TESTS_NFT_CT_LAB_H
#define TESTS_NFT_CT_LAB_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "src/conntrack.h"

#define HOST  "192.168.1.10"
#define HOST2 "192.168.1.11"
#define EXT   "198.51.100.1"
#define PEER  "198.51.100.9"

enum place { ROUTER, LAN, WAN, PLACES };

struct lab {
	int ns[PLACES];
	struct ct *ct;
};

static struct lab lab;

static inline void go(enum place where)
{
	assert_int_equal(setns(lab.ns[where], CLONE_NEWNET), 0);
}

static inline int sh(const char *fmt, ...)
{
	char cmd[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	return system(cmd);
}

/* One nat chain without rules: the NAT hooks are there, and nothing is NATed. */
static inline int rules(const char *nat_rule)
{
	return sh("nft -f - <<'EOF'\n"
		  "table ip t\nflush table ip t\n"
		  "table ip t {\n"
		  "chain post { type nat hook postrouting priority 100; %s\n}\n"
		  "chain forward { type filter hook forward priority 0; ct state invalid counter "
		  "drop\n}\n"
		  "}\nEOF",
		  nat_rule);
}

static inline int setup(void **state)
{
	struct err err;
	int pid = getpid();

	(void)state;
	for (int i = ROUTER; i < PLACES; i++) {
		if (unshare(CLONE_NEWNET | (i == ROUTER ? CLONE_NEWNS : 0))) {
			print_message("needs root\n");
			return -1;
		}
		lab.ns[i] = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	}
	go(ROUTER);
	if (sh("set -e\n"
	       "ip link set lo up\n"
	       "ip link add lan type veth peer name eth0 netns /proc/%d/fd/%d\n"
	       "ip link add wan type veth peer name eth0 netns /proc/%d/fd/%d\n"
	       "ip addr add 192.168.1.1/24 dev lan; ip link set lan up\n"
	       "ip addr add " EXT "/24 dev wan; ip link set wan up\n"
	       "echo 1 > /proc/sys/net/ipv4/ip_forward\n"
	       "nsenter --net=/proc/%d/fd/%d sh -ec 'ip addr add " HOST "/24 dev eth0;"
	       " ip addr add " HOST2 "/24 dev eth0; ip link set eth0 up; ip link set lo up;"
	       " ip route add default via 192.168.1.1'\n"
	       "nsenter --net=/proc/%d/fd/%d sh -ec 'ip addr add " PEER "/24 dev eth0;"
	       " ip link set eth0 up; ip link set lo up; ip route add 192.168.1.0/24 via " EXT
	       "'\n",
	       pid, lab.ns[LAN], pid, lab.ns[WAN], pid, lab.ns[LAN], pid, lab.ns[WAN]))
		return -1;
	return rules("") || ct_open(&lab.ct, &err);
}

static inline int teardown(void **state)
{
	(void)state;
	ct_close(lab.ct);
	return 0;
}

/* ---- sockets in a place, and what arrives ----------------------------------------------- */

static inline struct sockaddr_in sin4(const char *addr, uint16_t port)
{
	struct sockaddr_in s = { .sin_family = AF_INET, .sin_port = htons(port) };

	assert_int_equal(inet_pton(AF_INET, addr, &s.sin_addr), 1);
	return s;
}

static inline int sock(enum place where, int type, int proto, const char *addr, uint16_t port)
{
	struct sockaddr_in s = sin4(addr, port);
	int fd, one = 1;

	go(where);
	fd = socket(AF_INET, type | SOCK_CLOEXEC, proto);
	go(ROUTER);
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
	assert_int_equal(bind(fd, (void *)&s, sizeof(s)), 0);
	return fd;
}

static inline bool readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

static inline void udp_send(int fd, const char *addr, uint16_t port)
{
	struct sockaddr_in s = sin4(addr, port);

	assert_int_equal(sendto(fd, "hi", 2, 0, (void *)&s, sizeof(s)), 2);
}

/* The next datagram comes from @addr:@port. */
static inline void udp_expect(int fd, const char *addr, uint16_t port)
{
	struct sockaddr_in s;
	socklen_t len = sizeof(s);
	char buf[64], text[INET_ADDRSTRLEN];

	assert_true(readable(fd, 3000));
	assert_int_equal(recvfrom(fd, buf, sizeof(buf), 0, (void *)&s, &len), 2);
	assert_string_equal(inet_ntop(AF_INET, &s.sin_addr, text, sizeof(text)), addr);
	assert_int_equal(ntohs(s.sin_port), port);
}

/* ---- looking flows up ---------------------------------------------------------------------- */

struct want {
	unsigned proto;
	struct net_addr src;
	uint16_t sport;
	unsigned n;
	struct ct_flow flow;
};

static inline int match(const struct ct_flow *f, void *data)
{
	struct want *w = data;

	if (f->proto == w->proto && net_addr_eq(&f->src, &w->src) && f->sport == w->sport) {
		w->flow = *f;
		w->n++;
	}
	return 0;
}

static inline unsigned find(unsigned proto, const char *src, uint16_t sport, struct ct_flow *ret)
{
	struct want w = { .proto = proto, .sport = sport };
	struct err err;

	assert_int_equal(net_addr_parse(src, &w.src), 0);
	assert_int_equal(ct_dump(lab.ct, match, &w, &err), 0);
	*ret = w.flow; /* all zero if there is none */
	return w.n;
}

static inline struct net_addr addr(const char *s)
{
	struct net_addr a;

	assert_int_equal(net_addr_parse(s, &a), 0);
	return a;
}

static inline void assert_addr(const struct net_addr *a, const char *want)
{
	char buf[NET_ADDR_STRLEN];

	assert_string_equal(net_addr_format(a, buf), want);
}

#endif
