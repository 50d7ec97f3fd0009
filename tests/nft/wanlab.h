/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A lab for the nftables table at work: real packets through three network namespaces (root).
 *
 *   lan host                       router                        remote
 *   192.168.1.2 .. .21  lan0 --- lan           wan --- eth0  203.0.113.2, .3
 *                           192.168.1.1   203.0.113.1, .9     routes 192.168.1.0/24 to .1
 *
 * and with lab6_test() IPv6 as well, unique local and global addresses inside:
 *
 *   fd00:1::2, ::3            fd00:1::1     2001:db8::1, ::9    2001:db8::2
 *   2001:db8:1::2             2001:db8:1::1                     routes both inside nets to ::1
 *
 * No data plane is attached: what is claimed arrives with its own, private source.
 */
#ifndef TESTS_NFT_WANLAB_H
#define TESTS_NFT_WANLAB_H

#include "tests/nft/spec.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

#define REMOTE	"203.0.113.2"
#define EXT	"203.0.113.1"
#define EXT2	"203.0.113.9"
#define HOST	"192.168.1.2"
#define HOST2	"192.168.1.3"
#define REMOTE6 "2001:db8::2"
#define EXT6	"2001:db8::1"
#define EXT6_2	"2001:db8::9"
#define HOST6	"fd00:1::2"
#define HOST6_2 "fd00:1::3"
#define GLOBAL6 "2001:db8:1::2"
#define WAIT_MS 5000

enum place { LAN, ROUTER, REMOTE_NS, PLACES };

struct lab {
	int ns[PLACES];
	int remote, remote6; /* UDP sockets at REMOTE:7000, REMOTE6:7000 */
};

/* ---- the lab ----------------------------------------------------------------------------- */

static inline void go(const struct lab *l, enum place p)
{
	assert_int_equal(setns(l->ns[p], CLONE_NEWNET), 0);
}

static inline int new_ns(void)
{
	int fd;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	do_run("ip link set lo up");
	return fd;
}

/* The cable between router and remote, as at the start and after the interface was lost. */
static inline void make_wan(struct lab *l)
{
	pid_t pid = getpid();

	go(l, ROUTER);
	do_run("ip link add wan type veth peer name eth0 netns /proc/%d/fd/%d", pid,
	       l->ns[REMOTE_NS]);
	do_run("ip addr add " EXT "/24 dev wan && ip addr add " EXT2 "/24 dev wan && "
	       "ip link set wan up");
	go(l, REMOTE_NS);
	do_run("ip addr add " REMOTE "/24 dev eth0 && ip addr add 203.0.113.3/24 dev eth0 && "
	       "ip link set eth0 up && ip route add 192.168.1.0/24 via " EXT);
	go(l, ROUTER);
}

/* An address of either family; returns its length. */
static inline socklen_t sock_addr(const char *addr, uint16_t port, struct sockaddr_storage *ret)
{
	struct sockaddr_in6 *six = (void *)ret;
	struct sockaddr_in *four = (void *)ret;

	memset(ret, 0, sizeof(*ret));
	if (strchr(addr, ':')) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons(port);
		assert_int_equal(inet_pton(AF_INET6, addr, &six->sin6_addr), 1);
		return sizeof(*six);
	}
	four->sin_family = AF_INET;
	four->sin_port = htons(port);
	assert_int_equal(inet_pton(AF_INET, addr, &four->sin_addr), 1);
	return sizeof(*four);
}

static inline int udp(struct lab *l, enum place p, const char *addr, uint16_t port)
{
	struct sockaddr_storage sa;
	socklen_t len = sock_addr(addr, port, &sa);
	int fd, one = 1;

	go(l, p);
	fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
	go(l, ROUTER);
	return fd;
}

static inline int setup(void **state)
{
	struct lab *l = calloc(1, sizeof(*l));

	*state = l;
	if (geteuid())
		return 0;
	l->ns[LAN] = new_ns();
	l->ns[REMOTE_NS] = new_ns();
	l->ns[ROUTER] = new_ns();
	/* neighbour discovery does not wait until link-local addresses are known to be unique */
	for (int p = 0; p < PLACES; p++) {
		go(l, (enum place)p);
		do_run("sysctl -qw net.ipv6.conf.default.accept_dad=0");
	}
	go(l, ROUTER);
	do_run("sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0");
	do_run("ip link add lan type veth peer name lan0 netns /proc/%d/fd/%d", getpid(),
	       l->ns[LAN]);
	do_run("ip addr add 192.168.1.1/24 dev lan && ip link set lan up");
	go(l, LAN);
	do_run("for i in $(seq 2 21); do ip addr add 192.168.1.$i/24 dev lan0; done; "
	       "ip link set lan0 up && ip route add default via 192.168.1.1");
	make_wan(l);
	l->remote = udp(l, REMOTE_NS, REMOTE, 7000);
	return 0;
}

/* IPv6 on a wan that make_wan() has made. */
static inline void make_wan6(struct lab *l)
{
	go(l, REMOTE_NS);
	do_run("ip addr add " REMOTE6 "/64 dev eth0 nodad && "
	       "ip route add fd00:1::/64 via " EXT6 " && ip route add 2001:db8:1::/64 via " EXT6);
	go(l, ROUTER);
	do_run("ip addr add " EXT6_2 "/64 dev wan nodad && ip addr add " EXT6 "/64 dev wan nodad");
}

static inline int setup6(void **state)
{
	struct lab *l;

	if (setup(state) || geteuid())
		return 0;
	l = *state;
	do_run("sysctl -qw net.ipv6.conf.all.forwarding=1");
	do_run("ip addr add fd00:1::1/64 dev lan nodad && "
	       "ip addr add 2001:db8:1::1/64 dev lan nodad");
	go(l, LAN);
	do_run("for i in 2 3; do ip addr add fd00:1::$i/64 dev lan0 nodad; done; "
	       "ip addr add " GLOBAL6 "/64 dev lan0 nodad && ip route add default via fd00:1::1");
	make_wan6(l);
	l->remote6 = udp(l, REMOTE_NS, REMOTE6, 7000);
	return 0;
}

static inline int teardown(void **state)
{
	struct lab *l = *state;

	for (int i = 0; i < PLACES && l->ns[i]; i++)
		close(l->ns[i]);
	if (l->remote)
		close(l->remote);
	if (l->remote6)
		close(l->remote6);
	free(l);
	return 0;
}

#define need_root()                                                                                \
	do {                                                                                       \
		if (geteuid())                                                                     \
			skip();                                                                    \
	} while (0)

/* ---- traffic ----------------------------------------------------------------------------- */

struct peer {
	char addr[INET6_ADDRSTRLEN];
	uint16_t port;
};

static inline void send_to(int fd, const char *addr, uint16_t port)
{
	struct sockaddr_storage to;
	socklen_t len = sock_addr(addr, port, &to);

	assert_int_equal(sendto(fd, "hello", 5, 0, (struct sockaddr *)&to, len), 5);
}

static inline struct peer recv_from(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct sockaddr_storage from;
	const struct sockaddr_in6 *six = (const void *)&from;
	const struct sockaddr_in *four = (const void *)&from;
	socklen_t len = sizeof(from);
	struct peer peer;
	char buf[256];

	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	assert_true(recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len) >= 0);
	inet_ntop(from.ss_family,
		  from.ss_family == AF_INET6 ? (const void *)&six->sin6_addr : &four->sin_addr,
		  peer.addr, sizeof(peer.addr));
	peer.port = ntohs(four->sin_port); /* at the same place in both */
	return peer;
}

/* One datagram from addr:port (in @p) to the remote, as the remote sees it; and an answer back. */
static inline struct peer seen(struct lab *l, enum place p, const char *addr, uint16_t port)
{
	const char *remote_addr = strchr(addr, ':') ? REMOTE6 : REMOTE;
	int remote = strchr(addr, ':') ? l->remote6 : l->remote;
	int fd = udp(l, p, addr, port);
	struct peer peer;

	send_to(fd, remote_addr, 7000);
	peer = recv_from(remote);
	send_to(remote, peer.addr, peer.port);
	assert_string_equal(recv_from(fd).addr, remote_addr);
	close(fd);
	return peer;
}

static inline void is_peer(struct peer p, const char *addr, uint16_t port)
{
	assert_string_equal(p.addr, addr);
	assert_int_equal(p.port, port);
}

static inline void keeps_port(struct lab *l, const char *from, uint16_t port, const char *as)
{
	is_peer(seen(l, LAN, from, port), as, port);
}

static inline void is_outside_slice(struct peer p, const char *addr)
{
	assert_string_equal(p.addr, addr);
	assert_true(p.port < 20000 || p.port > 29999);
}

/* Packets that the rules with this comment (a part of it) in this chain have counted. */
static inline unsigned counted(const char *chain, const char *comment)
{
	char *text = run("nft list chain inet einat_wan %s | sed -n '/comment.*%s/s/.*packets "
			 "\\([0-9]*\\) bytes.*/\\1/p'",
			 chain, comment);
	unsigned sum = 0;

	assert_true(*text);
	for (char *c = text; *c; c = strchr(c, '\n') + 1)
		sum += (unsigned)atoi(c);
	free(text);
	return sum;
}

static inline void apply(const struct test_spec *t)
{
	struct err e = { 0 };
	int ret = nft_table_apply(&t->s, &e);

	if (ret)
		print_error("%s\n", e.text);
	assert_int_equal(ret, 0);
}

static inline void wan_spec(struct test_spec *t, enum nft_rest rest)
{
	spec_init(t, (int)if_nametoindex("wan"), rest);
	spec_external(t, EXT2);
}

/* What others write: a masquerade of everything, in nftables and in iptables. */
static inline void foreign_masquerade(void)
{
	do_run("nft 'table ip other { chain post { type nat hook postrouting priority srcnat; "
	       "oifname wan counter masquerade; }; }'");
	do_run("iptables-nft -t nat -A POSTROUTING -o wan -j MASQUERADE");
}

#define lab_test(f)  cmocka_unit_test_setup_teardown(f, setup, teardown)
#define lab6_test(f) cmocka_unit_test_setup_teardown(f, setup6, teardown)

#endif
