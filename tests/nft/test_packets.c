// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The nftables table at work: real packets through three network namespaces (root).
 *
 *   lan host                       router                        remote
 *   192.168.1.2 .. .21  lan0 --- lan           wan --- eth0  203.0.113.2, .3
 *                           192.168.1.1   203.0.113.1, .9     routes 192.168.1.0/24 to .1
 *
 * No data plane is attached: what is claimed arrives with its own, private source.
 */
#include "tests/nft/spec.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

#define REMOTE	"203.0.113.2"
#define EXT	"203.0.113.1"
#define EXT2	"203.0.113.9"
#define HOST	"192.168.1.2"
#define HOST2	"192.168.1.3"
#define WAIT_MS 5000

enum place { LAN, ROUTER, REMOTE_NS, PLACES };

struct lab {
	int ns[PLACES];
	int remote; /* UDP socket at REMOTE:7000 */
};

/* ---- the lab --------------------------------------------------------------------------------- */

static void go(const struct lab *l, enum place p)
{
	assert_int_equal(setns(l->ns[p], CLONE_NEWNET), 0);
}

static int new_ns(void)
{
	int fd;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	do_run("ip link set lo up");
	return fd;
}

/* The cable between router and remote, as at the start and after the interface was lost. */
static void make_wan(struct lab *l)
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

static int udp(struct lab *l, enum place p, const char *addr, uint16_t port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd, one = 1;

	go(l, p);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	inet_pton(AF_INET, addr, &sa.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	go(l, ROUTER);
	return fd;
}

static int setup(void **state)
{
	struct lab *l = calloc(1, sizeof(*l));

	*state = l;
	if (geteuid())
		return 0;
	l->ns[LAN] = new_ns();
	l->ns[REMOTE_NS] = new_ns();
	l->ns[ROUTER] = new_ns();
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

static int teardown(void **state)
{
	struct lab *l = *state;

	for (int i = 0; i < PLACES && l->ns[i]; i++)
		close(l->ns[i]);
	if (l->remote)
		close(l->remote);
	free(l);
	return 0;
}

#define need_root()                                                                                \
	do {                                                                                       \
		if (geteuid())                                                                     \
			skip();                                                                    \
	} while (0)

/* ---- traffic -----------------------------------------------------------------------------------
 */

struct peer {
	char addr[INET_ADDRSTRLEN];
	uint16_t port;
};

static void send_to(int fd, const char *addr, uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };

	inet_pton(AF_INET, addr, &to.sin_addr);
	assert_int_equal(sendto(fd, "hello", 5, 0, (struct sockaddr *)&to, sizeof(to)), 5);
}

static struct peer recv_from(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	struct peer peer;
	char buf[256];

	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	assert_true(recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len) >= 0);
	inet_ntop(AF_INET, &from.sin_addr, peer.addr, sizeof(peer.addr));
	peer.port = ntohs(from.sin_port);
	return peer;
}

/* One datagram from addr:port (in @p) to the remote, as the remote sees it; and an answer back. */
static struct peer seen(struct lab *l, enum place p, const char *addr, uint16_t port)
{
	int fd = udp(l, p, addr, port);
	struct peer peer;

	send_to(fd, REMOTE, 7000);
	peer = recv_from(l->remote);
	send_to(l->remote, peer.addr, peer.port);
	assert_string_equal(recv_from(fd).addr, REMOTE);
	close(fd);
	return peer;
}

static void is_peer(struct peer p, const char *addr, uint16_t port)
{
	assert_string_equal(p.addr, addr);
	assert_int_equal(p.port, port);
}

static void keeps_port(struct lab *l, const char *from, uint16_t port, const char *as)
{
	is_peer(seen(l, LAN, from, port), as, port);
}

static void is_outside_slice(struct peer p, const char *addr)
{
	assert_string_equal(p.addr, addr);
	assert_true(p.port < 20000 || p.port > 29999);
}

/* Packets that the rules with this comment (a part of it) in this chain have counted. */
static unsigned counted(const char *chain, const char *comment)
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

static void apply(const struct test_spec *t)
{
	struct err e = { 0 };
	int ret = nft_table_apply(&t->s, &e);

	if (ret)
		print_error("%s\n", e.text);
	assert_int_equal(ret, 0);
}

static void wan_spec(struct test_spec *t, enum nft_rest rest)
{
	spec_init(t, (int)if_nametoindex("wan"), rest);
	spec_external(t, EXT2);
}

/* What others write: a masquerade of everything, in nftables and in iptables. */
static void foreign_masquerade(void)
{
	do_run("nft 'table ip other { chain post { type nat hook postrouting priority srcnat; "
	       "oifname wan counter masquerade; }; }'");
	do_run("iptables-nft -t nat -A POSTROUTING -o wan -j MASQUERADE");
}

/* ---- claim -------------------------------------------------------------------------------------
 */

static void test_claim_precedes_masquerade(void **state)
{
	struct lab *l = *state;
	struct test_spec t;

	need_root();
	foreign_masquerade();
	is_peer(seen(l, LAN, HOST, 5001), EXT, 5001); /* without a claim */
	for (int rest = NFT_REST_OWN; rest <= NFT_REST_NONE; rest++) {
		wan_spec(&t, (enum nft_rest)rest);
		apply(&t);
		is_peer(seen(l, LAN, HOST, (uint16_t)(5002 + rest)), HOST, (uint16_t)(5002 + rest));
		is_peer(seen(l, LAN, HOST, (uint16_t)(25000 + rest)), HOST,
			(uint16_t)(25000 + rest));
		assert_int_equal(counted("claim", "claim of slice 0"), 2);
		spec_free(&t);
	}
}

/* Each condition of a claim, one after the other. */
static void test_claim_conditions(void **state)
{
	struct lab *l = *state;
	struct nft_slice *s;
	struct test_spec t;
	uint16_t port = 5000;

	need_root();
	wan_spec(&t, NFT_REST_OWN);
	s = &t.slices[0];
	apply(&t);
	keeps_port(l, HOST, ++port, HOST);

	s->protos = PROTO_TCP | PROTO_ICMP;
	apply(&t);
	keeps_port(l, HOST, ++port, EXT);
	s->protos = 0; /* suspended */
	apply(&t);
	keeps_port(l, HOST, ++port, EXT);
	s->protos = PROTO_UDP;

	spec_prefix(&s->not_internal, HOST "/32");
	apply(&t);
	keeps_port(l, HOST, ++port, EXT);
	keeps_port(l, HOST2, port, HOST2);
	net_list_free(&s->not_internal);

	net_list_free(&s->internal);
	spec_prefix(&s->internal, HOST2 "/32");
	apply(&t);
	keeps_port(l, HOST, ++port, EXT);
	keeps_port(l, HOST2, port, HOST2);

	spec_prefix(&s->exclude_dest, REMOTE "/32");
	apply(&t);
	keeps_port(l, HOST2, ++port, EXT);
	net_list_free(&s->exclude_dest);

	s->mark = 0x30;
	s->mark_mask = 0xf0;
	apply(&t);
	keeps_port(l, HOST2, ++port, EXT);
	do_run("nft 'table ip marker { chain f { type filter hook forward priority 0; "
	       "mark set 0x35; }; }'");
	keeps_port(l, HOST2, ++port, HOST2);
	spec_free(&t);
}

/* ---- rest ---------------------------------------------------------------------------------------
 */

/* Nobody is claimed: all is rest. */
static void rest_spec(struct test_spec *t, enum nft_rest rest)
{
	wan_spec(t, rest);
	t->slices[0].protos = 0;
}

static void test_own_keeps_out_of_slice(void **state)
{
	struct lab *l = *state;
	struct test_spec t;
	uint16_t used[21];

	need_root();
	rest_spec(&t, NFT_REST_OWN);
	apply(&t);
	is_peer(seen(l, LAN, HOST, 500), EXT, 500);
	is_peer(seen(l, LAN, HOST, 19999), EXT, 19999);
	is_peer(seen(l, LAN, HOST, 30000), EXT, 30000);
	is_peer(seen(l, LAN, HOST, 65535), EXT, 65535);
	is_outside_slice(seen(l, LAN, HOST, 20000), EXT);
	is_outside_slice(seen(l, LAN, HOST, 29999), EXT);

	/* twenty hosts on one source port to one remote: the clashes stay outside as well */
	for (int i = 2; i <= 21; i++) {
		char addr[32];
		struct peer p;

		snprintf(addr, sizeof(addr), "192.168.1.%d", i);
		p = seen(l, LAN, addr, 19998);
		is_outside_slice(p, EXT);
		if (i == 2)
			assert_int_equal(p.port, 19998);
		used[i - 2] = p.port;
		for (int j = 2; j < i; j++)
			assert_int_not_equal(p.port, used[j - 2]);
	}
	spec_free(&t);
}

/* TCP: the remote's accept() tells. */
static struct peer seen_tcp(struct lab *l, enum place p, const char *addr, uint16_t port)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(7001) };
	socklen_t len = sizeof(to);
	int listener, fd, got, one = 1;
	struct peer peer;

	inet_pton(AF_INET, addr, &here.sin_addr);
	inet_pton(AF_INET, REMOTE, &to.sin_addr);
	go(l, REMOTE_NS);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(bind(listener, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(listen(listener, 5), 0);
	go(l, p);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&here, sizeof(here)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	go(l, ROUTER);
	got = accept(listener, (struct sockaddr *)&to, &len);
	assert_true(got >= 0);
	inet_ntop(AF_INET, &to.sin_addr, peer.addr, sizeof(peer.addr));
	peer.port = ntohs(to.sin_port);
	close(got);
	close(fd);
	close(listener);
	return peer;
}

static void test_own_tcp(void **state)
{
	struct lab *l = *state;
	struct test_spec t;

	need_root();
	rest_spec(&t, NFT_REST_OWN);
	spec_ports(&t.s.local[1], "25005");
	apply(&t);
	is_peer(seen_tcp(l, LAN, HOST, 5001), EXT, 5001);
	is_outside_slice(seen_tcp(l, LAN, HOST, 25001), EXT);
	is_outside_slice(seen_tcp(l, LAN, HOST2, 25001), EXT);
	is_peer(seen_tcp(l, ROUTER, EXT, 25005), EXT, 25005);
	is_outside_slice(seen_tcp(l, ROUTER, EXT, 25006), EXT);
	spec_free(&t);
}

/* Flows of the router itself, whatever masquerade others have. */
static void own_host_flows(struct lab *l, enum nft_rest rest)
{
	struct test_spec t;

	wan_spec(&t, rest); /* the claim stands: it must leave the host's flows alone */
	spec_ports(&t.s.local[0], "25000");
	apply(&t);
	is_peer(seen(l, ROUTER, EXT, 25000), EXT, 25000);
	assert_int_equal(counted("host", "socket of this host"), 1);
	is_outside_slice(seen(l, ROUTER, EXT, 25001), EXT);
	is_peer(seen(l, ROUTER, EXT, 5000), EXT, 5000);
	/* masquerade would take the first address instead */
	is_outside_slice(seen(l, ROUTER, EXT2, 25001), EXT2);
	if (rest == NFT_REST_OWN)
		is_peer(seen(l, ROUTER, EXT2, 5000), EXT2, 5000);
	assert_int_equal(counted("claim", "claim of slice 0"), 0);
	spec_free(&t);
}

static void test_own_host_flows(void **state)
{
	need_root();
	own_host_flows(*state, NFT_REST_OWN);
}

static void test_guard_host_flows(void **state)
{
	need_root();
	foreign_masquerade();
	own_host_flows(*state, NFT_REST_GUARD);
}

/* A LAN host's flow has the port that a flow of the host, not in local_ports, wants to keep. */
static void test_own_host_clash(void **state)
{
	struct lab *l = *state;
	struct test_spec t;

	need_root();
	rest_spec(&t, NFT_REST_OWN);
	apply(&t);
	is_peer(seen(l, LAN, HOST, 19997), EXT, 19997);
	is_outside_slice(seen(l, ROUTER, EXT, 19997), EXT);
	spec_free(&t);
}

static void test_guard_moves_only_slice_ports(void **state)
{
	struct lab *l = *state;
	struct test_spec t;

	need_root();
	foreign_masquerade();
	rest_spec(&t, NFT_REST_GUARD);
	apply(&t);
	is_peer(seen(l, LAN, HOST, 19999), EXT, 19999);
	is_peer(seen(l, LAN, HOST, 30000), EXT, 30000);
	assert_int_equal(counted("claim", "moved"), 0);
	is_outside_slice(seen(l, LAN, HOST, 20000), EXT);
	is_outside_slice(seen(l, LAN, HOST, 29999), EXT);
	is_outside_slice(seen_tcp(l, LAN, HOST, 29999), EXT);
	assert_int_equal(counted("claim", "moved"), 3);
	spec_free(&t);
}

/* ---- ICMP ---------------------------------------------------------------------------------------
 */

static uint16_t checksum(const void *data, size_t len)
{
	const uint16_t *p = data;
	uint32_t sum = 0;

	for (; len > 1; len -= 2)
		sum += *p++;
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

/* The echo message of that type and sequence number that arrives at a raw socket: its identifier.
 */
static uint16_t echo_id(int fd, uint8_t type, uint16_t seq)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		struct icmphdr *icmp;
		char buf[256];

		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
		assert_true(recv(fd, buf, sizeof(buf), 0) >= (ssize_t)(20 + sizeof(*icmp)));
		icmp = (struct icmphdr *)(buf + 4 * (buf[0] & 15));
		if (icmp->type == type && ntohs(icmp->un.echo.sequence) == seq)
			return ntohs(icmp->un.echo.id);
	}
}

/* An echo with that identifier, there and back: the identifier that the remote has seen. */
static uint16_t ping(struct lab *l, enum place place, uint16_t id)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct icmphdr icmp = { .type = ICMP_ECHO };
	uint16_t got, seq = id ^ 0x5555;
	int here, there;

	go(l, REMOTE_NS);
	there = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	go(l, place);
	here = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	go(l, ROUTER);
	inet_pton(AF_INET, REMOTE, &to.sin_addr);
	icmp.un.echo.id = htons(id);
	icmp.un.echo.sequence = htons(seq);
	icmp.checksum = checksum(&icmp, sizeof(icmp));
	assert_int_equal(sendto(here, &icmp, sizeof(icmp), 0, (struct sockaddr *)&to, sizeof(to)),
			 sizeof(icmp));
	got = echo_id(there, ICMP_ECHO, seq);
	assert_int_equal(echo_id(here, ICMP_ECHOREPLY, seq), id);
	close(here);
	close(there);
	return got;
}

static void icmp_outside(struct lab *l, enum nft_rest rest)
{
	struct test_spec t;

	rest_spec(&t, rest);
	apply(&t);
	for (uint16_t id = 20000; id < 30000; id += 3333) {
		uint16_t got = ping(l, LAN, id);

		assert_true(got < 20000 || got > 29999);
		got = ping(l, ROUTER, id ^ 1);
		assert_true(got < 20000 || got > 29999);
	}
	if (rest == NFT_REST_GUARD) {
		assert_int_equal(counted("claim", "moved"), 4);
		assert_int_equal(counted("host", "moved"), 4);
		ping(l, LAN, 19999);
		ping(l, LAN, 30000);
		assert_int_equal(counted("claim", "moved"), 4);
	}
	/* claimed, the identifier is that of the sender */
	t.slices[0].protos = PROTO_ICMP;
	apply(&t);
	assert_int_equal(ping(l, LAN, 25555), 25555);
	spec_free(&t);
}

static void test_own_icmp(void **state)
{
	need_root();
	icmp_outside(*state, NFT_REST_OWN);
}

static void test_guard_icmp(void **state)
{
	need_root();
	foreign_masquerade();
	icmp_outside(*state, NFT_REST_GUARD);
}

/* ---- forwards
 * ------------------------------------------------------------------------------------ */

static void test_forwards(void **state)
{
	struct lab *l = *state;
	struct test_spec t;
	int server, client;
	struct peer p;

	need_root();
	wan_spec(&t, NFT_REST_OWN);
	spec_forward(&t, PROTO_UDP, 500, HOST, 6000);
	spec_forward(&t, PROTO_TCP, 501, HOST, 6001);
	apply(&t);
	server = udp(l, LAN, HOST, 6000);
	client = udp(l, REMOTE_NS, REMOTE, 7100);
	send_to(client, EXT, 500);
	p = recv_from(server);
	is_peer(p, REMOTE, 7100);
	send_to(server, p.addr, p.port);
	is_peer(recv_from(client), EXT, 500);
	assert_int_equal(counted("forward_in", "static forwards"), 1);
	/* the second external address, and a port that is not forwarded */
	close(client);
	client = udp(l, REMOTE_NS, REMOTE, 7101);
	send_to(client, EXT2, 500);
	is_peer(recv_from(server), REMOTE, 7101);
	close(server);
	server = udp(l, ROUTER, EXT, 501);
	send_to(client, EXT, 501);
	is_peer(recv_from(server), REMOTE, 7101);
	close(server);
	close(client);
	spec_free(&t);
}

/* ---- an interface that is made again
 * -------------------------------------------------------------- */

static void wait_counted(const char *comment, unsigned want)
{
	for (int i = 0; i < WAIT_MS / 10 && counted("leak", comment) != want; i++)
		usleep(10000);
	assert_int_equal(counted("leak", comment), want);
}

static void remake_wan(struct lab *l)
{
	unsigned before = if_nametoindex("wan");

	close(l->remote);
	do_run("ip link del wan");
	make_wan(l);
	assert_int_not_equal(if_nametoindex("wan"), before);
	l->remote = udp(l, REMOTE_NS, REMOTE, 7000);
}

static bool silent(int fd)
{
	char buf[16];

	return recv(fd, buf, sizeof(buf), MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static void test_leak_guard(void **state)
{
	struct lab *l = *state;
	struct test_spec t;
	int fd;

	need_root();
	wan_spec(&t, NFT_REST_OWN);
	apply(&t);
	fd = udp(l, LAN, HOST, 5000);
	send_to(fd, REMOTE, 7000);
	is_peer(recv_from(l->remote), HOST, 5000); /* claimed */
	remake_wan(l);

	/* the old flow is dropped, by the rule; a suspended claim makes no difference */
	send_to(fd, REMOTE, 7000);
	wait_counted("claimed before", 1);
	t.slices[0].protos = 0;
	apply(&t);
	send_to(fd, REMOTE, 7000);
	wait_counted("claimed before", 1);
	assert_true(silent(l->remote));
	t.slices[0].protos = PROTO_ALL;
	apply(&t);

	/* new flows are masqueraded, the host's own ones untouched */
	is_peer(seen(l, LAN, HOST, 5001), EXT, 5001);
	is_outside_slice(seen(l, LAN, HOST, 25001), EXT);
	is_peer(seen(l, ROUTER, EXT, 5002), EXT, 5002);
	do_run("ip addr add 203.0.113.77/24 dev wan"); /* not in @external */
	is_outside_slice(seen(l, ROUTER, "203.0.113.77", 5003), EXT);
	assert_int_equal(counted("leak", "slice 0"), 0);
	assert_int_equal(counted("claim", "claim of slice 0"), 0);

	/* untracked packets know no NAT */
	do_run("nft 'table ip raw { chain pre { type filter hook prerouting priority raw; "
	       "udp sport 5009 notrack; }; }'");
	close(fd);
	fd = udp(l, LAN, HOST, 5009);
	send_to(fd, REMOTE, 7000);
	wait_counted("no connection", 1);
	assert_true(silent(l->remote));
	close(fd);

	/* the claim follows to the new interface, and the guard has nothing to do there */
	t.s.ifindex = (int)if_nametoindex("wan");
	apply(&t);
	is_peer(seen(l, LAN, HOST, 5004), HOST, 5004);
	spec_free(&t);
}

/* What is not a claimed flow passes the guard, even if nothing of ours has NATed it. */
static void test_leak_guard_spares(void **state)
{
	struct lab *l = *state;
	struct test_spec t;
	int fd;

	need_root();
	wan_spec(&t, NFT_REST_NONE);
	apply(&t);
	remake_wan(l);
	/* an address of this host that @external does not hold */
	do_run("ip addr add 203.0.113.77/24 dev wan");
	is_peer(seen(l, ROUTER, "203.0.113.77", 5003), "203.0.113.77", 5003);
	/* SNAT by others to an address that is not this host's */
	do_run("nft 'table ip other { chain post { type nat hook postrouting priority srcnat; "
	       "oifname wan snat to 203.0.113.50; }; }'");
	fd = udp(l, LAN, HOST, 5004);
	send_to(fd, REMOTE, 7000);
	is_peer(recv_from(l->remote), "203.0.113.50", 5004);
	close(fd);
	spec_free(&t);
}

/* The control: without the guard's rules such a packet does leave with its private source. */
static void test_leak_without_guard(void **state)
{
	struct lab *l = *state;
	struct test_spec t;
	int fd;

	need_root();
	wan_spec(&t, NFT_REST_OWN);
	apply(&t);
	fd = udp(l, LAN, HOST, 5000);
	send_to(fd, REMOTE, 7000);
	is_peer(recv_from(l->remote), HOST, 5000);
	remake_wan(l);
	do_run("nft flush chain inet einat_wan leak");
	send_to(fd, REMOTE, 7000);
	is_peer(recv_from(l->remote), HOST, 5000);
	close(fd);
	spec_free(&t);
}

int main(void)
{
#define lab_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		lab_test(test_claim_precedes_masquerade),
		lab_test(test_claim_conditions),
		lab_test(test_own_keeps_out_of_slice),
		lab_test(test_own_tcp),
		lab_test(test_own_host_flows),
		lab_test(test_guard_host_flows),
		lab_test(test_own_host_clash),
		lab_test(test_guard_moves_only_slice_ports),
		lab_test(test_own_icmp),
		lab_test(test_guard_icmp),
		lab_test(test_forwards),
		lab_test(test_leak_guard),
		lab_test(test_leak_guard_spares),
		lab_test(test_leak_without_guard),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
