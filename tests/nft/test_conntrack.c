// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Conntrack for real, in three namespaces:
 *
 *   lan host 192.168.1.10 -- 192.168.1.1 [lan] router [wan] 198.51.100.1 -- 198.51.100.9 peer
 *
 * The peer routes 192.168.1.0/24 back to the router, so that un-NATed flows work too. The forward
 * chain drops what conntrack calls invalid: what window tracking refuses would not arrive.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
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

static void go(enum place where)
{
	assert_int_equal(setns(lab.ns[where], CLONE_NEWNET), 0);
}

static int sh(const char *fmt, ...)
{
	char cmd[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	return system(cmd);
}

/* One nat chain without rules: the NAT hooks are there, and nothing is NATed. */
static int rules(const char *nat_rule)
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

static int setup(void **state)
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

static int teardown(void **state)
{
	(void)state;
	ct_close(lab.ct);
	return 0;
}

/* ---- sockets in a place, and what arrives ----------------------------------------------- */

static struct sockaddr_in sin4(const char *addr, uint16_t port)
{
	struct sockaddr_in s = { .sin_family = AF_INET, .sin_port = htons(port) };

	assert_int_equal(inet_pton(AF_INET, addr, &s.sin_addr), 1);
	return s;
}

static int sock(enum place where, int type, int proto, const char *addr, uint16_t port)
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

static bool readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

static void udp_send(int fd, const char *addr, uint16_t port)
{
	struct sockaddr_in s = sin4(addr, port);

	assert_int_equal(sendto(fd, "hi", 2, 0, (void *)&s, sizeof(s)), 2);
}

/* The next datagram comes from @addr:@port. */
static void udp_expect(int fd, const char *addr, uint16_t port)
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

static int match(const struct ct_flow *f, void *data)
{
	struct want *w = data;

	if (f->proto == w->proto && net_addr_eq(&f->src, &w->src) && f->sport == w->sport) {
		w->flow = *f;
		w->n++;
	}
	return 0;
}

static unsigned find(unsigned proto, const char *src, uint16_t sport, struct ct_flow *ret)
{
	struct want w = { .proto = proto, .sport = sport };
	struct err err;

	assert_int_equal(net_addr_parse(src, &w.src), 0);
	assert_int_equal(ct_dump(lab.ct, match, &w, &err), 0);
	if (w.n)
		*ret = w.flow;
	return w.n;
}

static struct net_addr addr(const char *s)
{
	struct net_addr a;

	assert_int_equal(net_addr_parse(s, &a), 0);
	return a;
}

static void assert_addr(const struct net_addr *a, const char *want)
{
	char buf[NET_ADDR_STRLEN];

	assert_string_equal(net_addr_format(a, buf), want);
}

/* ---- UDP ------------------------------------------------------------------------------------ */

static void test_udp(void **state)
{
	int host = sock(LAN, SOCK_DGRAM, 0, HOST, 5000), peer = sock(WAN, SOCK_DGRAM, 0, PEER, 53);
	struct net_addr ext = addr(EXT);
	struct ct_flow f, g;
	struct err err;

	(void)state;
	assert_int_equal(rules("ip saddr 192.168.1.0/24 counter snat to ip saddr"), 0);
	udp_send(host, PEER, 53);
	udp_expect(peer, HOST, 5000);
	udp_send(peer, HOST, 5000);
	udp_expect(host, PEER, 53);
	udp_send(host, PEER, 53);
	udp_expect(peer, HOST, 5000);
	assert_int_equal(find(PROTO_UDP, HOST, 5000, &f), 1);
	assert_addr(&f.dst, PEER);
	assert_addr(&f.rsrc, PEER);
	assert_addr(&f.rdst, HOST);
	assert_int_equal(f.dport, 53);
	assert_int_equal(f.rsport, 53);
	assert_int_equal(f.rdport, 5000);
	assert_true(f.seen_reply && f.id && f.timeout > 0 && f.timeout <= 180);

	f.timeout = 77;
	f.mark = 0xabcd;
	f.assured = true;
	g = f;
	g.id ^= 1;
	assert_int_equal(ct_del(lab.ct, &g, &err), -ENOENT); /* another flow's id */
	assert_int_equal(ct_add_snat(lab.ct, &f, &ext, 20123, &err), -EEXIST);
	assert_int_equal(ct_del(lab.ct, &f, &err), 0);
	assert_int_equal(ct_del(lab.ct, &f, &err), -ENOENT);
	assert_int_equal(find(PROTO_UDP, HOST, 5000, &g), 0);
	assert_int_equal(ct_add_snat(lab.ct, &f, &ext, 20123, &err), 0);

	assert_int_equal(find(PROTO_UDP, HOST, 5000, &g), 1);
	assert_addr(&g.rdst, EXT);
	assert_int_equal(g.rdport, 20123);
	assert_int_equal(g.mark, 0xabcd);
	assert_true(g.timeout > 60 && g.timeout <= 77);
	assert_true(g.seen_reply && g.assured);
	udp_send(peer, EXT, 20123); /* inbound first */
	udp_expect(host, PEER, 53);
	udp_send(host, PEER, 53);
	udp_expect(peer, EXT, 20123);
	assert_int_equal(find(PROTO_UDP, HOST, 5000, &g), 1);
	assert_int_equal(ct_del(lab.ct, &g, &err), 0);
	close(host);
	close(peer);
}

/* A destination that is translated stays so. */
static void test_udp_dnat(void **state)
{
	int host = sock(LAN, SOCK_DGRAM, 0, HOST, 5001), peer = sock(WAN, SOCK_DGRAM, 0, PEER, 54);
	struct net_addr ext = addr(EXT);
	struct ct_flow f;
	struct err err;

	(void)state;
	assert_int_equal(rules("}\nchain pre { type nat hook prerouting priority -100;"
			       " ip daddr 203.0.113.53 udp dport 53 dnat to " PEER ":54"),
			 0);
	udp_send(host, "203.0.113.53", 53);
	udp_expect(peer, HOST, 5001);
	assert_int_equal(rules(""), 0);
	assert_int_equal(find(PROTO_UDP, HOST, 5001, &f), 1);
	assert_addr(&f.rsrc, PEER);
	assert_int_equal(ct_replace_snat(lab.ct, &f, &ext, 20124, &err), 0);
	udp_send(host, "203.0.113.53", 53);
	udp_expect(peer, EXT, 20124);
	udp_send(peer, EXT, 20124);
	udp_expect(host, "203.0.113.53", 53);
	close(host);
	close(peer);
}

/* Sends without a pause for at most 20 s; the caller ends it by its process id. */
static pid_t blast(int fd)
{
	struct sockaddr_in to = sin4(PEER, 53);
	pid_t pid = fork();

	if (pid)
		return pid;
	alarm(20);
	for (;;)
		sendto(fd, "hi", 2, 0, (void *)&to, sizeof(to));
}

/* Packets of the flow come all the time, and make entries of their own whenever there is none. */
static void test_replace_live(void **state)
{
	int host = sock(LAN, SOCK_DGRAM, 0, HOST, 5005), peer = sock(WAN, SOCK_DGRAM, 0, PEER, 53);
	struct net_addr ext = addr(EXT);
	struct ct_flow f, g;
	struct err err;
	pid_t pid;

	(void)state;
	assert_int_equal(rules("ip protocol udp masquerade to :30000-65535"), 0);
	pid = blast(host);
	assert_true(pid > 0);
	assert_true(readable(peer, 3000));
	assert_int_equal(find(PROTO_UDP, HOST, 5005, &f), 1);
	for (unsigned i = 0; i < 150; i++) {
		int ret = ct_replace_snat(lab.ct, &f, &ext, 20200 + i, &err);

		if (ret || find(PROTO_UDP, HOST, 5005, &g) != 1 || g.rdport != 20200 + i) {
			kill(pid, SIGKILL);
			fail_msg("round %u: %d, port %u", i, ret, g.rdport);
		}
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(rules(""), 0);
	close(host);
	close(peer);
}

/* Two hosts, one external port: fine towards two peers' ports, refused towards the same. */
static void test_port_clash(void **state)
{
	struct ct_flow f = { .proto = PROTO_UDP,
			     .src = addr(HOST),
			     .dst = addr(PEER),
			     .sport = 5002,
			     .dport = 60,
			     .timeout = 30 };
	struct net_addr ext = addr(EXT), six = addr("2001:db8::1");
	struct ct_flow g;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(ct_add_snat(lab.ct, &f, &ext, 20125, &err), 0);
	f.src = addr(HOST2);
	assert_int_equal(ct_add_snat(lab.ct, &f, &ext, 20125, &err), -EEXIST);
	assert_non_null(strstr(err.text, "udp " HOST2 ":5002 -> " PEER ":60"));
	assert_int_equal(ct_replace_snat(lab.ct, &f, &ext, 20125, &err), -EADDRINUSE);
	assert_int_equal(find(PROTO_UDP, HOST2, 5002, &g), 0);
	f.dport = 61;
	assert_int_equal(ct_replace_snat(lab.ct, &f, &ext, 20125, &err), 0);
	assert_int_equal(find(PROTO_UDP, HOST2, 5002, &g), 1);
	assert_int_equal(g.rdport, 20125);
	assert_int_equal(ct_replace_snat(lab.ct, &f, &ext, 20126, &err), 0); /* repeatable */
	assert_int_equal(find(PROTO_UDP, HOST2, 5002, &g), 1);
	assert_int_equal(g.rdport, 20126);
	assert_int_equal(ct_add_snat(lab.ct, &f, &six, 20125, &err), -EINVAL);
	f.src = six;
	assert_int_equal(ct_del(lab.ct, &f, &err), -EINVAL);
}

/* A flow in a conntrack zone is another flow than its twin outside. */
static void test_zone(void **state)
{
	struct ct_flow f = { .proto = PROTO_UDP,
			     .src = addr(HOST),
			     .dst = addr(PEER),
			     .sport = 5003,
			     .dport = 60,
			     .timeout = 30,
			     .zone = 7 };
	struct net_addr ext = addr(EXT);
	struct ct_flow g;
	struct err err;

	(void)state;
	assert_int_equal(ct_add_snat(lab.ct, &f, &ext, 20127, &err), 0);
	f.zone = 0;
	assert_int_equal(ct_del(lab.ct, &f, &err), -ENOENT);
	assert_int_equal(find(PROTO_UDP, HOST, 5003, &g), 1);
	assert_int_equal(g.zone, 7);
	assert_int_equal(ct_del(lab.ct, &g, &err), 0);
	assert_int_equal(find(PROTO_UDP, HOST, 5003, &g), 0);
}

/* ---- ICMP ----------------------------------------------------------------------------------- */

static void icmp_send(int fd, const char *to, uint8_t type, uint16_t id)
{
	struct sockaddr_in s = sin4(to, 0);
	struct icmphdr h = { .type = type, .un.echo = { .id = htons(id) } };
	uint32_t sum = htons(type << 8) + h.un.echo.id;

	h.checksum = ~((sum & 0xffff) + (sum >> 16));
	assert_int_equal(sendto(fd, &h, sizeof(h), 0, (void *)&s, sizeof(s)), sizeof(h));
}

/* Skips other types: the kernel answers pings too, and raw sockets see everything. */
static void icmp_expect(int fd, const char *from, uint8_t type, uint16_t id)
{
	char text[INET_ADDRSTRLEN], buf[256];

	for (;;) {
		struct icmphdr *h = (void *)(buf + 20);

		assert_true(readable(fd, 3000));
		assert_true(recv(fd, buf, sizeof(buf), 0) >= 28);
		if (h->type != type)
			continue;
		assert_int_equal(ntohs(h->un.echo.id), id);
		inet_ntop(AF_INET, buf + 12, text, sizeof(text));
		assert_string_equal(text, from);
		return;
	}
}

static void test_icmp(void **state)
{
	int host = sock(LAN, SOCK_RAW, IPPROTO_ICMP, HOST, 0);
	int peer = sock(WAN, SOCK_RAW, IPPROTO_ICMP, PEER, 0);
	struct net_addr ext = addr(EXT);
	struct ct_flow f, g;
	struct err err;

	(void)state;
	icmp_send(host, PEER, ICMP_ECHO, 700);
	icmp_expect(peer, HOST, ICMP_ECHO, 700);
	icmp_expect(host, PEER, ICMP_ECHOREPLY, 700);
	assert_int_equal(find(PROTO_ICMP, HOST, 700, &f), 1);
	assert_int_equal(f.dport, ICMP_ECHO << 8);
	assert_int_equal(f.rsport, ICMP_ECHOREPLY << 8);
	assert_int_equal(f.rdport, 700);
	f.dport = f.rsport = 0; /* made from a binding, which knows no types */
	f.id = 0;
	assert_int_equal(ct_del(lab.ct, &f, &err), 0);
	assert_int_equal(ct_add_snat(lab.ct, &f, &ext, 20777, &err), 0);
	assert_int_equal(find(PROTO_ICMP, HOST, 700, &g), 1);
	assert_addr(&g.rdst, EXT);
	assert_int_equal(g.rdport, 20777); /* the external identifier */
	icmp_send(host, PEER, ICMP_ECHO, 700);
	icmp_expect(peer, EXT, ICMP_ECHO, 20777);
	icmp_expect(host, PEER, ICMP_ECHOREPLY, 700);
	close(host);
	close(peer);
}

/* ---- TCP ------------------------------------------------------------------------------------ */

/* @bytes or some more from @a to @b, read as they come; windows open wide on the way. */
static void tcp_stream(int a, int b, size_t bytes)
{
	static char buf[65536];
	size_t sent = 0, got = 0;

	while (sent < bytes || got < sent) {
		ssize_t n = sent < bytes ? send(a, buf, sizeof(buf), MSG_DONTWAIT) : 0;

		if (n > 0)
			sent += n;
		/* read only when the sender has to wait: buffers, and windows, are full then */
		if (n > 0 && sent < bytes)
			continue;
		assert_true(readable(b, 5000));
		n = recv(b, buf, sizeof(buf), MSG_DONTWAIT);
		assert_true(n > 0);
		got += n;
	}
}

static void test_tcp(void **state)
{
	int server = sock(WAN, SOCK_STREAM, 0, PEER, 80), host, peer;
	struct sockaddr_in to = sin4(PEER, 80), from;
	socklen_t len = sizeof(from);
	struct net_addr ext = addr(EXT);
	struct ct_flow f, g;
	struct err err;

	(void)state;
	assert_int_equal(listen(server, 1), 0);
	host = sock(LAN, SOCK_STREAM, 0, HOST, 6000);
	assert_int_equal(rules("ip protocol tcp snat to " EXT ":20080"), 0);
	assert_int_equal(connect(host, (void *)&to, sizeof(to)), 0);
	peer = accept(server, (void *)&from, &len);
	assert_true(peer >= 0);
	assert_int_equal(ntohs(from.sin_port), 20080);
	/* without NAT now: conntrack would let the packets out with the host's address */
	assert_int_equal(rules("ip protocol tcp snat to ip saddr"), 0);
	tcp_stream(host, peer, 1 << 20); /* windows scaled beyond 64 KiB */
	tcp_stream(peer, host, 1 << 20);
	assert_int_equal(find(PROTO_TCP, HOST, 6000, &f), 1);
	assert_int_equal(f.rdport, 20080);
	assert_int_equal(f.tcp_state, 3); /* ESTABLISHED */
	assert_true(f.assured);

	f.timeout = 4321;
	f.mark = 55;
	assert_int_equal(ct_del(lab.ct, &f, &err), 0);
	assert_int_equal(ct_add_snat(lab.ct, &f, &ext, 20080, &err), 0);
	assert_int_equal(find(PROTO_TCP, HOST, 6000, &g), 1);
	/* the id may be the old one: it is a hash of the tuple and the entry's memory */
	assert_int_equal(g.mark, 55);
	assert_true(g.timeout > 4300 && g.timeout <= 4321);
	assert_true(g.assured && g.seen_reply);
	assert_int_equal(g.tcp_state, 3);
	assert_int_equal(g.rdport, 20080);
	tcp_stream(peer, host, 8 << 20); /* inbound first */
	tcp_stream(host, peer, 8 << 20);

	/* once more in one step, made from a binding: neither state nor reply tuple known */
	memset(&f.rsrc, 0, sizeof(f.rsrc));
	memset(&f.rdst, 0, sizeof(f.rdst));
	f.tcp_state = 0;
	assert_int_equal(ct_replace_snat(lab.ct, &f, &ext, 20080, &err), 0);
	tcp_stream(host, peer, 8 << 20);
	tcp_stream(peer, host, 8 << 20);
	assert_int_equal(find(PROTO_TCP, HOST, 6000, &g), 1);
	assert_int_equal(g.tcp_state, 3);
	assert_int_equal(g.rdport, 20080);
	assert_int_equal(sh("nft list chain ip t forward | grep -q 'packets 0 '"), 0);
	close(host);
	assert_true(readable(peer, 3000));
	assert_int_equal(recv(peer, &len, 1, 0), 0); /* an orderly end, no reset */
	close(peer);
	close(server);
	assert_int_equal(rules(""), 0);
}

/* ---- dump and events ------------------------------------------------------------------------ */

static int stop_at_third(const struct ct_flow *f, void *data)
{
	unsigned *n = data;

	(void)f;
	return ++*n == 3 ? 42 : 0;
}

/* A dump may be used for changes, and ended early without harm to the next. */
static int delete_it(const struct ct_flow *f, void *data)
{
	struct err err;
	int ret = ct_del(lab.ct, f, &err);

	(void)data;
	return ret == -ENOENT ? 0 : ret;
}

static int count(const struct ct_flow *f, void *data)
{
	(void)f;
	++*(unsigned *)data;
	return 0;
}

static void add_many(unsigned n)
{
	struct ct_flow f = {
		.proto = PROTO_UDP, .src = addr(HOST), .dst = addr(PEER), .dport = 9, .timeout = 300
	};
	struct net_addr ext = addr(EXT);
	struct err err;

	for (unsigned i = 0; i < n; i++) {
		f.sport = 10000 + i;
		assert_int_equal(ct_add_snat(lab.ct, &f, &ext, 10000 + i, &err), 0);
	}
}

static unsigned clear(void)
{
	unsigned n = 0;
	struct err err;

	assert_int_equal(ct_dump(lab.ct, delete_it, NULL, &err), 0);
	assert_int_equal(ct_dump(lab.ct, delete_it, NULL, &err), 0);
	assert_int_equal(ct_dump(lab.ct, count, &n, &err), 0);
	return n;
}

static void test_dump(void **state)
{
	unsigned n = 0;
	struct err err;

	(void)state;
	add_many(3000);
	assert_int_equal(ct_dump(lab.ct, stop_at_third, &n, &err), 42);
	assert_int_equal(n, 3);
	n = 0;
	assert_int_equal(ct_dump(lab.ct, count, &n, &err), 0);
	assert_true(n >= 3000);
	assert_int_equal(clear(), 0);
}

struct seen {
	unsigned n[2];
	struct ct_flow last[2];
};

static void note(enum ct_event ev, const struct ct_flow *flow, void *data)
{
	struct seen *s = data;

	s->n[ev]++;
	s->last[ev] = *flow;
}

/* Drain until @n events of kind @ev were seen, or nothing comes for long. */
static void drain(struct ct *ct, struct seen *s, enum ct_event ev, unsigned n)
{
	while (s->n[ev] < n && readable(ct_events_fd(ct), 3000))
		assert_int_equal(ct_events_drain(ct), 0);
	assert_int_equal(s->n[ev], n);
}

static void test_events(void **state)
{
	int host = sock(LAN, SOCK_DGRAM, 0, HOST, 5004), peer = sock(WAN, SOCK_DGRAM, 0, PEER, 53);
	struct seen s = { 0 };
	struct ct_flow f;
	struct err err;
	struct ct *ct;

	(void)state;
	assert_int_equal(ct_open(&ct, &err), 0);
	assert_int_equal(ct_events_fd(ct), -1);
	assert_int_equal(ct_events_drain(ct), -EBADF);
	assert_int_equal(clear(), 0);
	assert_int_equal(ct_events_start(ct, note, &s, &err), 0);
	assert_int_equal(ct_events_start(ct, note, &s, &err), -EBUSY);
	assert_int_equal(ct_events_drain(ct), 0); /* nothing there: returns at once */
	assert_int_equal(rules("ip protocol udp masquerade to :20500-20500"), 0);
	udp_send(host, PEER, 53);
	udp_expect(peer, EXT, 20500);
	drain(ct, &s, CT_NEW, 1);
	assert_addr(&s.last[CT_NEW].src, HOST);
	assert_int_equal(s.last[CT_NEW].sport, 5004);
	assert_addr(&s.last[CT_NEW].rdst, EXT);
	assert_int_equal(s.last[CT_NEW].rdport, 20500); /* NATed already */
	assert_int_equal(find(PROTO_UDP, HOST, 5004, &f), 1);
	assert_int_equal(f.id, s.last[CT_NEW].id);
	assert_int_equal(s.n[CT_DESTROY], 0);
	assert_int_equal(ct_del(ct, &f, &err), 0);
	drain(ct, &s, CT_DESTROY, 1);
	assert_int_equal(s.last[CT_DESTROY].id, f.id);
	assert_int_equal(s.last[CT_DESTROY].rdport, 20500);
	assert_int_equal(rules(""), 0);
	/* IPv6 is filtered out, what comes after it is not */
	assert_int_equal(sh("conntrack -I -p udp -s 2001:db8::1 -d 2001:db8::2 --sport 1"
			    " --dport 2 -t 9 >/dev/null 2>&1"),
			 0);
	add_many(1);
	drain(ct, &s, CT_NEW, 2);
	assert_int_equal(s.last[CT_NEW].rdport, 10000);
	assert_int_equal(clear(), 0);
	ct_close(ct);
	close(host);
	close(peer);
}

/* What overruns the buffer is reported once; then events are whole again. */
static void test_overrun(void **state)
{
	struct seen s = { 0 };
	unsigned n = 0;
	struct err err;
	struct ct *ct;
	int size = 1;

	(void)state;
	assert_int_equal(ct_open(&ct, &err), 0);
	assert_int_equal(ct_events_start(ct, note, &s, &err), 0);
	assert_int_equal(setsockopt(ct_events_fd(ct), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)),
			 0);
	add_many(500);
	assert_int_equal(ct_events_drain(ct), -ENOBUFS);
	assert_true(s.n[CT_NEW] < 500);
	assert_int_equal(ct_events_drain(ct), 0);
	assert_int_equal(s.n[CT_NEW],
			 0); /* queued ones, older than the dump to come, are dropped */
	assert_int_equal(ct_dump(ct, count, &n, &err), 0);
	assert_int_equal(n, 500);
	size = 1 << 20;
	assert_int_equal(setsockopt(ct_events_fd(ct), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)),
			 0);
	s = (struct seen){ 0 };
	assert_int_equal(clear(), 0);
	drain(ct, &s, CT_DESTROY, 500);
	ct_close(ct);
}

/* A burst that the daemon sleeps through fits the buffer. */
static void test_burst(void **state)
{
	struct seen s = { 0 };
	struct err err;
	struct ct *ct;

	(void)state;
	assert_int_equal(ct_open(&ct, &err), 0);
	assert_int_equal(ct_events_start(ct, note, &s, &err), 0);
	add_many(10000);
	drain(ct, &s, CT_NEW, 10000);
	assert_int_equal(clear(), 0);
	drain(ct, &s, CT_DESTROY, 10000);
	ct_close(ct);
	ct_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_udp),	     cmocka_unit_test(test_udp_dnat),
		cmocka_unit_test(test_replace_live), cmocka_unit_test(test_icmp),
		cmocka_unit_test(test_tcp),	     cmocka_unit_test(test_zone),
		cmocka_unit_test(test_port_clash),   cmocka_unit_test(test_dump),
		cmocka_unit_test(test_events),	     cmocka_unit_test(test_overrun),
		cmocka_unit_test(test_burst),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("conntrack", tests, setup, teardown);
}
