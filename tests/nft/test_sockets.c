// SPDX-License-Identifier: GPL-2.0-or-later
/* Which local sockets own a port: each kind of socket, by sock_diag and by /proc/net. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "src/sockets.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

#define EXT    "198.51.100.1"
#define LAN    "192.168.1.1"
#define REMOTE "198.51.100.77" /* on-link, nobody there */
#define EXT6   "2001:db8::1"

enum {
	V6ONLY = 1 << 0,
	CONNECT = 1 << 1,
	LISTEN = 1 << 2,
	AUTOBIND = 1 << 3, /* no bind: the port comes with the first datagram */
};

struct sock_case {
	const char *name;
	int type;
	const char *addr; /* IPv6 if it holds a colon */
	unsigned flags;
	bool owns, owns_by_proc;
};

static const struct sock_case cases[] = {
	{ "udp wildcard", SOCK_DGRAM, "0.0.0.0", 0, true, true },
	{ "udp external", SOCK_DGRAM, EXT, 0, true, true },
	{ "udp loopback", SOCK_DGRAM, "127.0.0.1", 0, false, false },
	{ "udp lan", SOCK_DGRAM, LAN, 0, false, false },
	{ "udp connected", SOCK_DGRAM, EXT, CONNECT, false, false },
	{ "udp autobound", SOCK_DGRAM, "0.0.0.0", AUTOBIND, true, true },
	{ "udp6 wildcard", SOCK_DGRAM, "::", 0, true, true },
	{ "udp6 wildcard v6only", SOCK_DGRAM, "::", V6ONLY, false, true },
	{ "udp6 mapped external", SOCK_DGRAM, "::ffff:" EXT, 0, true, true },
	{ "udp6 mapped lan", SOCK_DGRAM, "::ffff:" LAN, 0, false, false },
	{ "udp6 loopback", SOCK_DGRAM, "::1", 0, false, false },
	{ "tcp wildcard", SOCK_STREAM, "0.0.0.0", LISTEN, true, true },
	{ "tcp external", SOCK_STREAM, EXT, LISTEN, true, true },
	{ "tcp loopback", SOCK_STREAM, "127.0.0.1", LISTEN, false, false },
	{ "tcp bound, not listening", SOCK_STREAM, EXT, 0, false, false },
	{ "tcp6 wildcard", SOCK_STREAM, "::", LISTEN, true, true },
	{ "tcp6 wildcard v6only", SOCK_STREAM, "::", LISTEN | V6ONLY, false, true },
	{ "tcp6 mapped external", SOCK_STREAM, "::ffff:" EXT, LISTEN, true, true },
};

static int setup(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET | CLONE_NEWNS)) {
		print_message("needs root\n");
		return -1;
	}
	return system("ip link set lo up && ip link add wan type veth peer name isp && ip link set "
		      "wan up && "
		      "ip link set isp up && ip addr add " EXT "/24 dev wan && ip addr add " LAN
		      "/32 dev wan");
}

static socklen_t fill(struct sockaddr_storage *ss, const char *addr, uint16_t port)
{
	struct sockaddr_in6 *s6 = (void *)ss;
	struct sockaddr_in *s4 = (void *)ss;

	memset(ss, 0, sizeof(*ss));
	if (strchr(addr, ':')) {
		s6->sin6_family = AF_INET6;
		s6->sin6_port = htons(port);
		assert_int_equal(inet_pton(AF_INET6, addr, &s6->sin6_addr), 1);
		return sizeof(*s6);
	}
	s4->sin_family = AF_INET;
	s4->sin_port = htons(port);
	assert_int_equal(inet_pton(AF_INET, addr, &s4->sin_addr), 1);
	return sizeof(*s4);
}

static int make_socket(const struct sock_case *c, uint16_t *ret_port)
{
	int fd = socket(strchr(c->addr, ':') ? AF_INET6 : AF_INET, c->type, 0);
	int only = !!(c->flags & V6ONLY);
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	assert_true(fd >= 0);
	if (strchr(c->addr, ':'))
		assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)), 0);
	if (c->flags & AUTOBIND) {
		len = fill(&ss, REMOTE, 9);
		assert_int_equal(sendto(fd, "x", 1, 0, (void *)&ss, len), 1);
	} else {
		len = fill(&ss, c->addr, 0);
		assert_int_equal(bind(fd, (void *)&ss, len), 0);
	}
	if (c->flags & CONNECT) {
		len = fill(&ss, REMOTE, 9);
		assert_int_equal(connect(fd, (void *)&ss, len), 0);
	}
	if (c->flags & LISTEN)
		assert_int_equal(listen(fd, 1), 0);
	len = sizeof(ss);
	assert_int_equal(getsockname(fd, (void *)&ss, &len), 0);
	*ret_port = ntohs(((struct sockaddr_in *)&ss)->sin_port); /* same place in sockaddr_in6 */
	assert_int_not_equal(*ret_port, 0);
	return fd;
}

typedef int (*read_fn)(const struct net_addr *ext, size_t n_ext, struct port_set *ret_ports,
		       struct err *err);

static void check(read_fn read_ports, bool by_proc)
{
	struct port_set got[PROTO_COUNT] = { 0 };
	struct net_addr ext[2];
	struct err err;

	assert_int_equal(net_addr_parse("203.0.113.1", &ext[0]), 0);
	assert_int_equal(net_addr_parse(EXT, &ext[1]), 0);
	assert_int_equal(port_set_add(&got[0], 1, 65535), 0); /* must be replaced */
	assert_int_equal(port_set_add(&got[2], 1, 65535), 0);
	assert_int_equal(read_ports(ext, 2, got, &err), 0);
	for (unsigned i = 0; i < PROTO_COUNT; i++)
		assert_int_equal(got[i].n, 0); /* a namespace of our own: no sockets yet */
	for (size_t i = 0; i < LEN(cases); i++) {
		const struct sock_case *c = &cases[i];
		bool owns = by_proc ? c->owns_by_proc : c->owns;
		unsigned proto = c->type == SOCK_STREAM;
		uint16_t port;
		int fd = make_socket(c, &port);

		assert_int_equal(read_ports(ext, 2, got, &err), 0);
		if (port_set_contains(&got[proto], port) != owns ||
		    port_set_count(&got[proto]) != owns)
			fail_msg("%s: port is %scounted", c->name, owns ? "not " : "");
		assert_int_equal(got[!proto].n, 0);
		assert_int_equal(got[2].n, 0);
		close(fd);
	}
	for (unsigned i = 0; i < PROTO_COUNT; i++)
		port_set_free(&got[i]);
}

static void test_diag(void **state)
{
	(void)state;
	check(sockets_read, false);
}

static void test_proc(void **state)
{
	(void)state;
	check(sockets_read_proc, true);
}

/* More sockets than one datagram of the dump holds. */
static void test_many(void **state)
{
	struct port_set got[PROTO_COUNT] = { 0 };
	static const struct sock_case c = { .type = SOCK_DGRAM, .addr = "0.0.0.0" };
	struct net_addr ext;
	uint16_t port[900];
	int fd[900];
	struct err err;

	(void)state;
	assert_int_equal(net_addr_parse(EXT, &ext), 0);
	for (size_t i = 0; i < LEN(fd); i++)
		fd[i] = make_socket(&c, &port[i]);
	assert_int_equal(sockets_read(&ext, 1, got, &err), 0);
	assert_int_equal(port_set_count(&got[0]), LEN(fd));
	for (size_t i = 0; i < LEN(fd); i++)
		assert_true(port_set_contains(&got[0], port[i]));
	assert_int_equal(sockets_read_proc(&ext, 1, got, &err), 0);
	assert_int_equal(port_set_count(&got[0]), LEN(fd));
	for (size_t i = 0; i < LEN(fd); i++)
		close(fd[i]);
	for (unsigned i = 0; i < PROTO_COUNT; i++)
		port_set_free(&got[i]);
}

/* Which family has an external address decides which wildcard sockets count. */
static void test_families(void **state)
{
	static const struct sock_case four = { .type = SOCK_DGRAM, .addr = "0.0.0.0" },
				      six = { .type = SOCK_DGRAM, .addr = "::" },
				      only = { .type = SOCK_DGRAM, .addr = "::", .flags = V6ONLY },
				      own = { .type = SOCK_DGRAM, .addr = EXT6, .flags = V6ONLY };
	static const struct {
		const struct sock_case *sock;
		bool by4, by6, by_both;
	} want[] = {
		{ &four, true, false, true },
		{ &six, true, true, true },
		{ &only, false, true, true },
		{ &own, false, true, true },
	};
	struct port_set got[PROTO_COUNT] = { 0 };
	struct net_addr ext[2];
	struct err err;

	(void)state;
	assert_int_equal(system("ip addr add " EXT6 "/64 dev wan nodad"), 0);
	assert_int_equal(net_addr_parse(EXT, &ext[0]), 0);
	assert_int_equal(net_addr_parse(EXT6, &ext[1]), 0);
	for (size_t i = 0; i < LEN(want); i++) {
		uint16_t port;
		int fd = make_socket(want[i].sock, &port);

		assert_int_equal(sockets_read(&ext[0], 1, got, &err), 0);
		assert_int_equal(port_set_contains(&got[0], port), want[i].by4);
		assert_int_equal(sockets_read(&ext[1], 1, got, &err), 0);
		assert_int_equal(port_set_contains(&got[0], port), want[i].by6);
		assert_int_equal(sockets_read(ext, 2, got, &err), 0);
		assert_int_equal(port_set_contains(&got[0], port), want[i].by_both);
		close(fd);
	}
	port_set_free(&got[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_diag),
		cmocka_unit_test(test_proc),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_families),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("sockets", tests, setup, NULL);
}
