// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The data plane attached to a device (clsact) of a forwarding namespace:
 *
 *   test --tun "lan"--> [ router: 192.168.1.1 ] --tun "wan" 198.51.100.1--> test
 *
 * tun devices have no link-layer header (l2_len 0), which BPF_PROG_RUN cannot show. The second lab
 * has veth pairs with all offloads, and real sockets in namespaces at both ends:
 *
 *   [ host 192.168.1.10 ] --veth-- [ router ] --veth "wan" 198.51.100.1-- [ peer 203.0.113.5 ]
 */
#include <fcntl.h>
#include <net/if.h>
#include <linux/ethtool.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "tests/bpf/harness.h"

#define R(x) REASON_##x

static void shell(const char *cmd)
{
	if (system(cmd))
		fail_msg("failed: %s", cmd);
}

static void attach(const struct lab *lab, const char *dev)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = if_nametoindex(dev),
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, out, .prog_fd = prog_fd(lab, EINAT_OUT));
	LIBBPF_OPTS(bpf_tc_opts, in, .prog_fd = prog_fd(lab, EINAT_IN));

	assert_int_equal(bpf_tc_hook_create(&hook), 0);
	hook.attach_point = BPF_TC_EGRESS;
	assert_int_equal(bpf_tc_attach(&hook, &out), 0);
	hook.attach_point = BPF_TC_INGRESS;
	assert_int_equal(bpf_tc_attach(&hook, &in), 0);
}

static int tun_open(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR);

	if (fd < 0)
		return -1;
	strncpy(ifr.ifr_name, name, IFNAMSIZ - 1);
	assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), 0);
	return fd;
}

/* Send @in into @from; what comes out of @to must be @out, one hop further. */
static void through(int from, int to, const struct spec *in, const struct spec *out)
{
	struct frame f = {}, want = {}, got = {};
	struct pollfd p = { .fd = to, .events = POLLIN };
	size_t header;
	ssize_t n;

	f.n = build_ip(in, f.b, &header);
	want.n = build_ip(out, want.b, &header);
	if (as_ip6) {
		want.b[7]--; /* hop limit */
	} else {
		want.b[8]--; /* TTL */
		want.b[10] = want.b[11] = 0;
		put_csum(want.b + 10, sum16(want.b, 20, 0));
	}
	assert_int_equal(write(from, f.b, f.n), f.n);
	do { /* the kernel's own packets pass too: router solicitations, multicast listeners */
		assert_int_equal(poll(&p, 1, 2000), 1);
		n = read(to, got.b, sizeof(got.b));
		assert_true(n > 0);
		got.n = n;
	} while (got.b[0] >> 4 != (as_ip6 ? 6 : 4) ||
		 (as_ip6 && memcmp(got.b + 8, want.b + 8, 16)));
	frame_diff(&got, &want, "through the router");
}

static void without_link_layer(void **state)
{
	struct spec udp = UDP(LAN_A, 5, REMOTE, 53), udp_x = UDP(EXT, 20001, REMOTE, 53);
	struct spec back = UDP(REMOTE2, 7, EXT, 20001), back_x = UDP(REMOTE2, 7, LAN_A, 5);
	struct spec tcp = TCP(F_SYN, LAN_A, 5, REMOTE, 53);
	struct spec tcp_x = TCP(F_SYN, EXT, 20001, REMOTE, 53);
	struct spec ping = PING(LAN_A, REMOTE, 5), ping_x = PING(EXT, REMOTE, 20001);
	struct spec err = ICMP_ERR(3, 3, ROUTER, EXT, &udp_x);
	struct spec err_x = ICMP_ERR(3, 3, ROUTER, LAN_A, &udp);
	struct lab lab;
	int lan, wan;

	(void)state;
	lab_open_as(&lab, 64, 64, 0, as_ip6);
	lab_reset(&lab);
	for (unsigned proto = 0; proto < EINAT_PROTO_COUNT; proto++) {
		lab_ports(&lab, 0, proto, 1, 65535, false);
		lab_ports(&lab, 0, proto, 20001, 20001, true);
	}
	lan = tun_open("lan");
	wan = tun_open("wan");
	if (lan < 0 || wan < 0) {
		lab_close(&lab);
		skip();
	}
	shell("ip addr add 192.168.1.1/24 dev lan && ip link set lan up &&"
	      "ip addr add 198.51.100.1/32 dev wan && ip link set wan up &&"
	      "ip route add default dev wan && echo 1 >/proc/sys/net/ipv4/ip_forward &&"
	      "ip addr add fd12::c0a8:101/64 dev lan nodad &&"
	      "ip addr add 2001:db8::c633:6401/128 dev wan nodad &&"
	      "ip -6 route add default dev wan &&"
	      "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding");
	attach(&lab, "wan");
	through(lan, wan, &udp, &udp_x);
	through(wan, lan, &back, &back_x);
	through(lan, wan, &tcp, &tcp_x);
	through(lan, wan, &ping, &ping_x);
	through(wan, lan, &err, &err_x);
	close(lan);
	close(wan);
	lab_close(&lab);
}

/* A child in a network namespace of its own; returns when it is there. */
static pid_t namespace(void)
{
	int ready[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		/* with the test, however that ends */
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) || unshare(CLONE_NEWNET) ||
		    write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void enter(pid_t pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	fd = open(path, O_RDONLY);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		_exit(1);
	close(fd);
}

/* Whatever a namespace has, a child does with it; its exit status is the answer. */
static pid_t in_namespace(pid_t ns, int (*fn)(int fd), int fd)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		enter(ns);
		alarm(20);
		_exit(fn(fd));
	}
	return pid;
}

#define BULK 20000000

struct address {
	struct sockaddr_storage ss;
	socklen_t len;
};

/* In the family that is tested. */
static struct address at(uint32_t addr, uint16_t port)
{
	struct address a = {};
	struct sockaddr_in *s4 = (struct sockaddr_in *)&a.ss;
	struct sockaddr_in6 *s6 = (struct sockaddr_in6 *)&a.ss;

	if (as_ip6) {
		s6->sin6_family = AF_INET6;
		s6->sin6_port = htons(port);
		role6(addr, s6->sin6_addr.s6_addr);
	} else {
		s4->sin_family = AF_INET;
		s4->sin_port = htons(port);
		s4->sin_addr.s_addr = htonl(addr);
	}
	a.len = as_ip6 ? sizeof(*s6) : sizeof(*s4);
	return a;
}

/* Is it @addr with a port of the slice? The port is at the same place in both families. */
static bool is_of_slice(const struct address *a, uint32_t addr)
{
	uint16_t port = ntohs(((const struct sockaddr_in *)&a->ss)->sin_port);
	struct address want = at(addr, port);

	return port >= PORT_LO && port <= PORT_HI && !memcmp(&a->ss, &want.ss, want.len);
}

static int family(void)
{
	return as_ip6 ? AF_INET6 : AF_INET;
}

/* Count @fd's bytes until its end, checking the pattern. */
static size_t drain(int fd)
{
	static uint8_t buf[65536];
	size_t sum = 0;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < n; i++)
			if (buf[i] != (uint8_t)(sum++ * 3))
				return 0;
	return n ? 0 : sum;
}

static int pour(int fd)
{
	static uint8_t buf[BULK];
	size_t done = 0;

	for (size_t i = 0; i < BULK; i++)
		buf[i] = i * 3;
	while (done < BULK) {
		ssize_t n = write(fd, buf + done, BULK - done);

		if (n <= 0)
			return 1;
		done += n;
	}
	return shutdown(fd, SHUT_WR) ? 1 : 0;
}

/* Peer: TCP bulk in both directions, then a UDP datagram in fragments, from the slice's ports. */
static int peer_side(int ready)
{
	struct address me = at(REMOTE, 5001), from = me;
	static uint8_t big[9000];
	int l = socket(family(), SOCK_STREAM, 0), u = socket(family(), SOCK_DGRAM, 0), c;
	ssize_t n;

	if (bind(l, (void *)&me.ss, me.len) || listen(l, 1) || bind(u, (void *)&me.ss, me.len) ||
	    write(ready, "x", 1) != 1)
		return 2;
	c = accept(l, (void *)&from.ss, &from.len);
	if (c < 0 || !is_of_slice(&from, EXT))
		return 3;
	if (drain(c) != BULK || pour(c))
		return 4;
	n = recvfrom(u, big, sizeof(big), 0, (void *)&from.ss, &from.len);
	if (n != 5000 || !is_of_slice(&from, EXT))
		return 5;
	return sendto(u, big, n, 0, (void *)&from.ss, from.len) == n ? 0 : 6;
}

static int host_side(int unused)
{
	struct address peer = at(REMOTE, 5001);
	static uint8_t big[9000];
	int c = socket(family(), SOCK_STREAM, 0), u = socket(family(), SOCK_DGRAM, 0);

	(void)unused;
	if (connect(c, (void *)&peer.ss, peer.len) || pour(c) || drain(c) != BULK)
		return 2;
	if (connect(u, (void *)&peer.ss, peer.len) || send(u, big, 5000, 0) != 5000)
		return 3;
	return recv(u, big, sizeof(big), 0) == 5000 ? 0 : 4;
}

static int status_of(pid_t pid)
{
	int st;

	assert_int_equal(waitpid(pid, &st, 0), pid);
	return WIFEXITED(st) ? WEXITSTATUS(st) : 100 + WTERMSIG(st);
}

/* The kernel sums up what leaves by @dev, instead of leaving that to the other end, which trusts
 * it. */
static void sum_up(const char *dev)
{
	struct ethtool_value v = { .cmd = ETHTOOL_STXCSUM, .data = 0 };
	struct ifreq ifr = { .ifr_data = (void *)&v };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	strncpy(ifr.ifr_name, dev, IFNAMSIZ - 1);
	assert_int_equal(ioctl(fd, SIOCETHTOOL, &ifr), 0);
	close(fd);
}

static void bulk(bool sums)
{
	struct einat_stat st[EINAT_DIR_COUNT * EINAT_REASON_COUNT];
	pid_t host, peer, server;
	struct lab lab;
	char cmd[2048], c;
	int ready[2];
	uint64_t packets, bytes;

	lab_open_as(&lab, 64, 64, 14, as_ip6);
	lab_reset(&lab);
	lab.ctl->now_override = 0;
	host = namespace();
	peer = namespace();
	snprintf(cmd, sizeof(cmd),
		 "set -e; h='nsenter -t %d -n'; p='nsenter -t %d -n';"
		 "ip link add lan type veth peer name eth0 netns %d;"
		 "ip link add wan type veth peer name eth0 netns %d;"
		 "ip addr add 192.168.1.1/24 dev lan; ip addr add 198.51.100.1/24 dev wan;"
		 "ip link set lan up; ip link set wan up;"
		 "ip route add 203.0.113.0/24 via 198.51.100.9;"
		 "$h ip addr add 192.168.1.10/24 dev eth0; $h ip link set eth0 up;"
		 "$h ip route add default via 192.168.1.1;"
		 "$p ip addr add 198.51.100.9/24 dev eth0; $p ip link set lo up;"
		 "$p ip addr add 203.0.113.5/32 dev lo; $p ip link set eth0 up;"
		 "echo 1 >/proc/sys/net/ipv4/ip_forward;"
		 "ip addr add fd12::c0a8:101/64 dev lan nodad;"
		 "ip addr add 2001:db8::c633:6401/128 dev wan nodad;"
		 "ip route add 2001:db8::cb00:7105/128 dev wan;"
		 "$h ip addr add fd12::c0a8:10a/64 dev eth0 nodad;"
		 "$h ip route add default via fd12::c0a8:101;"
		 "$p ip addr add 2001:db8::cb00:7105/128 dev eth0 nodad;"
		 "$p ip route add 2001:db8::c633:6401/128 dev eth0;"
		 "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding",
		 host, peer, host, peer);
	shell(cmd);
	attach(&lab, "wan");
	if (sums) {
		sum_up("wan");
		sum_up("lan");
	}
	assert_int_equal(pipe(ready), 0);
	server = in_namespace(peer, peer_side, ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(status_of(in_namespace(host, host_side, -1)), 0);
	assert_int_equal(status_of(server), 0);
	kill(host, SIGKILL);
	kill(peer, SIGKILL);
	status_of(host);
	status_of(peer);

	/* The bulk really came in large packets, with checksums left to the device. */
	stats_read(&lab, st);
	packets = st[R(TRANSLATED)].packets;
	bytes = st[R(TRANSLATED)].bytes;
	print_message("# out: %d packets, %d bytes each\n", (int)packets, (int)(bytes / packets));
	assert_true(bytes >= BULK && bytes / packets > 1500);
	assert_true(st[R(FRAGMENT)].packets >= 3);
	assert_true(st[EINAT_REASON_COUNT + R(FRAGMENT)].packets >= 3);
	check_consistent(&lab);
	lab_close(&lab);
}

static void offloads(void **state)
{
	(void)state;
	bulk(false);
}

/* What the translation left for the device to sum up comes out right. */
static void sums(void **state)
{
	(void)state;
	bulk(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_link_layer),
		{ "without a link layer over IPv6", without_link_layer, begin_ip6, end_ip6, NULL },
		cmocka_unit_test(offloads),
		{ "offloads over IPv6", offloads, begin_ip6, end_ip6, NULL },
		cmocka_unit_test(sums),
		{ "sums over IPv6", sums, begin_ip6, end_ip6, NULL },
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("live", tests, NULL, NULL);
}
