// SPDX-License-Identifier: GPL-2.0-or-later
/* Interfaces, addresses and events, in a namespace of its own (root). */
#include "netlab.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "src/link.h"

static struct err err;

static int setup(void **state)
{
	(void)state;
	lab_open();
	sh("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1");
	sh("ip link add wan type veth peer name wan-p");
	return 0;
}

static struct link_info get(const char *name)
{
	struct link_info info;

	if (link_read(name, &info, &err))
		fail_msg("%s", err.text);
	assert_string_equal(info.name, name);
	return info;
}

static void has_addrs(const struct link_info *info, size_t n, const char *const *want)
{
	char buf[NET_ADDR_STRLEN];

	assert_int_equal(info->n_addr, n);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(net_addr_format(&info->addr[i], buf), want[i]);
}
#define HAS_ADDRS(info, ...)                                                                       \
	has_addrs(&(info), sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *),               \
		  (const char *[]){ __VA_ARGS__ })

static void test_veth(void **state)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 9 };
	struct link_info info;

	(void)state;
	info = get("wan");
	assert_int_equal(info.ifindex, if_nametoindex("wan"));
	assert_false(info.up);
	assert_true(info.ether);
	assert_int_equal(info.n_addr, 0);
	sh("ip link set wan address 02:00:00:00:00:09; ip link set wan up");
	info = get("wan");
	assert_true(info.up);
	assert_memory_equal(info.mac, mac, 6);
}

static void test_absent(void **state)
{
	struct link_info info, other;

	(void)state;
	info = get("nowhere");
	assert_int_equal(info.ifindex, 0);
	assert_int_equal(info.n_addr, 0);
	memset(&other, 0x55, sizeof(other));
	info = other;
	assert_int_equal(link_read("a-name-of-16-chr", &info, &err), -EINVAL);
	assert_memory_equal(&info, &other, sizeof(info)); /* untouched */
	assert_int_equal(link_read("", &info, &err), -EINVAL);
}

static void test_addresses(void **state)
{
	struct link_info info;

	(void)state;
	sh("ip link set wan up; ip addr add 203.0.113.2/24 dev wan; ip addr add 203.0.113.3/24 dev "
	   "wan;"
	   "ip addr add 198.51.100.9/32 dev wan; ip addr add 169.254.1.1/16 dev wan scope link;"
	   "ip addr add 127.9.9.9/8 dev wan scope host; ip addr add 203.0.113.2/28 dev wan;"
	   "ip addr add 192.0.2.1/24 dev wan-p");
	info = get("wan");
	HAS_ADDRS(info, "203.0.113.2", "198.51.100.9", "203.0.113.3"); /* .3 is secondary */
	sh("ip addr del 198.51.100.9/32 dev wan");
	info = get("wan");
	HAS_ADDRS(info, "203.0.113.2", "203.0.113.3");
}

/* nftables knows the name alone: what is read must not be called by another one. */
static void test_alternative_name(void **state)
{
	(void)state;
	sh("ip link property add dev wan altname uplink");
	assert_int_equal(get("uplink").ifindex, 0);
	assert_int_not_equal(get("wan").ifindex, 0);
}

static void test_more_addresses_than_fit(void **state)
{
	struct link_info info;
	char buf[NET_ADDR_STRLEN];

	(void)state;
	sh("for i in $(seq 1 20); do ip addr add 10.0.$i.1/24 dev wan; done");
	info = get("wan");
	assert_int_equal(info.n_addr, LINK_MAX_ADDRS);
	assert_string_equal(net_addr_format(&info.addr[0], buf), "10.0.1.1");
	assert_int_equal(info.n_own, 12); /* of this host nevertheless: none is an inside host */
	assert_string_equal(net_addr_format(&info.own[0], buf), "10.0.9.1");
	link_use_ipv6(&info);
	assert_int_equal(info.n_own, 12);
}

static int tun_open(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	strcpy(ifr.ifr_name, name);
	assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), 0);
	return fd;
}

/* As pppd does: the peer's address is IFA_ADDRESS, this host's is IFA_LOCAL. */
static void is_addr(const struct net_addr *a, const char *want)
{
	char buf[NET_ADDR_STRLEN];

	assert_string_equal(net_addr_format(a, buf), want);
}

/* What may be external, in which order, and what is not to be taken for an inside host. */
static void test_ipv6(void **state)
{
	struct link_info info, again;

	(void)state;
	sh("sysctl -qw net.ipv6.conf.wan.disable_ipv6=0 net.ipv6.conf.wan.addr_gen_mode=1;"
	   "ip link set wan up; ip link set wan-p up; ip addr add 203.0.113.2/24 dev wan;"
	   "ip addr add fd00::5/64 dev wan nodad; ip addr add fe80::5/64 dev wan nodad");
	info = get("wan");
	HAS_ADDRS(info, "203.0.113.2"); /* only when asked for */
	assert_int_equal(info.n_own, 0);
	again = info;
	link_use_ipv6(&info);
	HAS_ADDRS(info, "203.0.113.2", "fd00::5"); /* if there is no other */
	assert_int_equal(info.n_own, 0);
	assert_false(link_info_eq(&info, &again));

	sh("ip addr add 2001:db8::9/64 dev wan nodad; ip addr add 2001:db8::3/64 dev wan nodad;"
	   "ip addr add 2001:db8::1/64 dev wan nodad preferred_lft 0;"
	   "ip addr add 2001:db8::7/64 dev wan nodad mngtmpaddr");
	info = get("wan");
	link_use_ipv6(&info);
	/* by value, what is deprecated last, whenever it came */
	HAS_ADDRS(info, "203.0.113.2", "2001:db8::3", "2001:db8::7", "2001:db8::9", "2001:db8::1");
	assert_int_equal(info.n_own, 1);
	is_addr(&info.own[0], "fd00::5");

	/* temporary: this host sends from it, and no binding may */
	sh("sysctl -qw net.ipv6.conf.wan.accept_dad=0 net.ipv6.conf.wan.use_tempaddr=2;"
	   "ip addr add 2001:db8:5::7/64 dev wan nodad mngtmpaddr valid_lft 9000 preferred_lft "
	   "9000;"
	   "for i in $(seq 100); do ip -6 addr show dev wan temporary -tentative | grep -q inet6 "
	   "&& break;"
	   " sleep 0.05; done");
	again = get("wan");
	link_use_ipv6(&again);
	assert_int_equal(again.n_addr, info.n_addr + 1);
	assert_int_equal(again.n_own, 2);
	sh("ip addr del 2001:db8:5::7/64 dev wan; ip -6 addr flush dev wan temporary;"
	   "sysctl -qw net.ipv6.conf.wan.use_tempaddr=0 net.ipv6.conf.wan.accept_dad=1");

	/* an address that is still being tested, and one that failed */
	sh("sysctl -qw net.ipv6.conf.wan.dad_transmits=100; ip addr add 2001:db8::4/64 dev wan");
	again = get("wan");
	link_use_ipv6(&again);
	assert_true(link_info_eq(&info, &again));
}

static void test_ipv6_and_many_of_ipv4(void **state)
{
	struct link_info info;

	(void)state;
	sh("sysctl -qw net.ipv6.conf.wan.disable_ipv6=0 net.ipv6.conf.wan.addr_gen_mode=1;"
	   "ip link set wan up; ip link set wan-p up;"
	   "for i in $(seq 1 7); do ip addr add 10.0.$i.1/24 dev wan;"
	   " ip addr add 2001:db8::$i/64 dev wan nodad; done");
	info = get("wan");
	assert_int_equal(info.n_addr, 7);
	link_use_ipv6(&info);
	HAS_ADDRS(info, "10.0.1.1", "10.0.2.1", "10.0.3.1", "10.0.4.1", "2001:db8::1",
		  "2001:db8::2", "2001:db8::3", "2001:db8::4");
	assert_int_equal(info.n_own, 6); /* none of them is an inside host */
}

static void test_onlink6(void **state)
{
	struct net_list l = { 0 };

	(void)state;
	sh("sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.wan.disable_ipv6=0;"
	   "ip link add lan type veth peer name lan-p; ip link set lan-p up; sysctl -qw "
	   "net.ipv6.conf.lan.disable_ipv6=0;"
	   "ip link set lan up; ip link set wan up;"
	   "ip addr add fd00:1::1/64 dev lan nodad; ip addr add 2001:db8::2/64 dev wan nodad;"
	   "ip -6 route add fd00:9::/48 via fd00:1::7 dev lan;"
	   "ip -6 route add 2000::/3 dev lan; ip -6 route add fc00::/8 dev lan");
	assert_int_equal(link_onlink6((int)if_nametoindex("wan"), &l, &err), 0);
	assert_true(net_list_contains(&l, &(struct net_addr){ { 0xfd, 0, 0, 1, [15] = 9 } }));
	assert_false(net_list_contains(&l, &(struct net_addr){ { 0xfd, 0, 0, 9, [15] = 9 } }));
	assert_true(net_list_contains(&l, &(struct net_addr){ { 0xfc, 0, 0, 9, [15] = 9 } }));
	/* a way to the Internet is no network */
	assert_false(net_list_contains(&l, &(struct net_addr){ { 0x20, 0x02, [15] = 9 } }));
	assert_false(
		net_list_contains(&l, &(struct net_addr){ { 0x20, 0x01, 0x0d, 0xb8, [15] = 9 } }));
	net_list_free(&l);
}

static void test_point_to_point(void **state)
{
	static const uint8_t none[6];
	int fd = tun_open("ppp0");
	struct link_info info;

	(void)state;
	sh("ip addr add 100.64.0.7 peer 100.64.0.1 dev ppp0; ip link set ppp0 up");
	info = get("ppp0");
	assert_false(info.ether);
	assert_true(info.up);
	assert_memory_equal(info.mac, none, 6);
	HAS_ADDRS(info, "100.64.0.7");
	close(fd);
	info = get("ppp0");
	assert_int_equal(info.ifindex, 0);
}

static void test_info_eq(void **state)
{
	struct link_info a, b;

	(void)state;
	sh("ip link set wan up; ip addr add 203.0.113.2/24 dev wan");
	a = get("wan");
	b = get("wan");
	assert_true(link_info_eq(&a, &b));
	sh("ip link set wan down");
	b = get("wan");
	assert_false(link_info_eq(&a, &b));
	sh("ip link set wan up");
	b = get("wan");
	assert_true(link_info_eq(&a, &b));
	sh("ip link set wan address 02:00:00:00:00:01");
	b = get("wan");
	assert_false(link_info_eq(&a, &b));
	a = b;
	sh("ip addr add 203.0.113.3/24 dev wan");
	b = get("wan");
	assert_false(link_info_eq(&a, &b));
	a = b;
	sh("ip addr del 203.0.113.3/24 dev wan; ip addr add 203.0.113.4/24 dev wan");
	b = get("wan");
	assert_int_equal(a.n_addr, b.n_addr);
	assert_false(link_info_eq(&a, &b));
	a = b;
	sh("ip link del wan; ip link add wan type veth peer name wan-p");
	b = get("wan");
	assert_int_not_equal(a.ifindex, b.ifindex);
	assert_false(link_info_eq(&a, &b));
}

/* All events of @cmd: it runs to its end first, and the kernel queues events before it answers. */
static int events_of(struct link_monitor *mon, const char *cmd)
{
	struct pollfd p = { .fd = link_monitor_fd(mon), .events = POLLIN };
	int mask = 0;

	sh("%s", cmd);
	while (poll(&p, 1, mask ? 0 : 200) > 0) {
		int one = link_monitor_drain(mon);

		assert_true(one >= 0);
		mask |= one;
		if (!one)
			break;
	}
	return mask;
}

static void test_events(void **state)
{
	static const struct {
		const char *cmd;
		int mask;
	} t[] = {
		{ "ip link set wan up; ip link set wan-p up",
		  LINK_EV_LINK | LINK_EV_RULE | LINK_EV_NETWORK },
		{ "ip link set wan down; ip link set wan up",
		  LINK_EV_LINK | LINK_EV_RULE | LINK_EV_NETWORK },
		{ "ip addr add 203.0.113.2/24 dev wan", LINK_EV_LINK | LINK_EV_NETWORK },
		{ "ip addr del 203.0.113.2/24 dev wan", LINK_EV_LINK | LINK_EV_NETWORK },
		{ "ip rule add pref 7 lookup main", LINK_EV_RULE | LINK_EV_ROUTE },
		{ "ip rule del pref 7", LINK_EV_RULE | LINK_EV_ROUTE },
		/* directly connected */
		{ "ip route add 10.1.0.0/16 dev wan", LINK_EV_LINK | LINK_EV_NETWORK },
		{ "ip route del 10.1.0.0/16", LINK_EV_LINK | LINK_EV_NETWORK },
		{ "ip route add 10.1.0.0/16 dev wan table 77", LINK_EV_NETWORK },
		{ "ip route flush table 77", LINK_EV_NETWORK },
		{ "ip route add 10.1.0.0/16 via 192.0.2.9 dev wan onlink; ip route del 10.1.0.0/16",
		  LINK_EV_NETWORK },
		{ "ip route add unreachable 10.1.0.0/16; ip route del unreachable 10.1.0.0/16", 0 },
		{ "ip route add default via 192.0.2.9 dev wan onlink",
		  LINK_EV_LINK | LINK_EV_ROUTE },
		{ "ip route del default", LINK_EV_LINK | LINK_EV_ROUTE },
		{ "ip route add default dev wan table 77; ip route flush table 77", LINK_EV_ROUTE },
		{ "ip route add 128.0.0.0/1 dev wan; ip route del 128.0.0.0/1",
		  LINK_EV_LINK | LINK_EV_ROUTE },
		{ "ip route add 224.0.0.0/4 dev wan table 77; ip route flush table 77",
		  LINK_EV_NETWORK },
		{ "ip route add 10.1.0.0/16 dev wan table 1701380096", LINK_EV_RULE },
		{ "ip route flush table 1701380096", LINK_EV_RULE },
		{ "ip neigh add 10.0.0.1 dev wan lladdr 02:00:00:00:00:01 nud permanent", 0 },
		{ "ip neigh del 10.0.0.1 dev wan", 0 },
		{ "ip neigh add 10.0.0.2 dev wan lladdr 02:00:00:00:00:01 nud permanent protocol "
		  "101",
		  LINK_EV_RULE },
		{ "ip neigh del 10.0.0.2 dev wan", LINK_EV_RULE },
		{ "tc qdisc add dev wan clsact", 0 },
		{ "tc filter add dev wan egress protocol all u32 match u32 0 0", 0 },
		{ "tc filter del dev wan egress", LINK_EV_TC },
		{ "tc qdisc del dev wan clsact", LINK_EV_TC },
		{ "ip link set wan address 02:00:00:00:00:05", LINK_EV_LINK },
		{ "true", 0 },
	};
	struct link_monitor *mon;
	int mask;

	(void)state;
	assert_int_equal(link_monitor_open(&mon, &err), 0);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		mask = events_of(mon, t[i].cmd);
		/* filters of a new clsact may be announced with the qdisc itself */
		if (mask != t[i].mask)
			fail_msg("`%s`: events %d, not %d", t[i].cmd, mask, t[i].mask);
	}
	mask = events_of(mon, "ip link del wan; ip link add wan type veth peer name wan-p");
	assert_true(mask & LINK_EV_LINK);
	assert_int_equal(link_monitor_drain(mon), 0); /* empty: returns at once */
	link_monitor_close(mon);
	link_monitor_close(NULL);
}

/* A redial: the interface goes, another comes under its name. */
static void test_made_anew(void **state)
{
	struct link_monitor *mon;
	struct link_info a, b;
	int fd = tun_open("ppp0");

	(void)state;
	sh("ip addr add 100.64.0.7 peer 100.64.0.1 dev ppp0; ip link set ppp0 up");
	a = get("ppp0");
	assert_int_equal(link_monitor_open(&mon, &err), 0);
	close(fd);
	assert_true(events_of(mon, "true") & LINK_EV_LINK);
	b = get("ppp0");
	assert_int_equal(b.ifindex, 0);
	fd = tun_open("ppp0");
	assert_true(events_of(mon, "ip addr add 100.64.9.9 peer 100.64.0.1 dev ppp0") &
		    LINK_EV_LINK);
	b = get("ppp0");
	assert_int_not_equal(a.ifindex, b.ifindex);
	HAS_ADDRS(b, "100.64.9.9");
	close(fd);
	link_monitor_close(mon);
}

/* More events than the buffer holds: not an error, and everything counts as changed. */
static void test_overrun(void **state)
{
	struct link_monitor *mon;
	int size = 4096;

	(void)state;
	assert_int_equal(link_monitor_open(&mon, &err), 0);
	assert_int_equal(
		setsockopt(link_monitor_fd(mon), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)),
		0);
	sh("for i in $(seq 1 40); do ip addr add 10.0.$i.1/24 dev wan; done");
	assert_int_equal(link_monitor_drain(mon), LINK_EV_ALL);
	assert_int_equal(link_monitor_drain(mon), 0);
	assert_int_equal(events_of(mon, "ip addr del 10.0.1.1/24 dev wan"), LINK_EV_LINK);
	link_monitor_close(mon);
}

static void test_big_buffer(void **state)
{
	struct link_monitor *mon;

	(void)state;
	sh("ip link set wan up");
	assert_int_equal(link_monitor_open(&mon, &err), 0);
	sh("i=0; while [ $i -lt 1000 ]; do echo route add 10.7.$((i / 250)).$((i %% 250)) dev wan "
	   "table "
	   "1701380096; i=$((i + 1)); done | ip -batch -");
	/* on a slow machine wan's being up is told only now; had messages been lost, all were set
	 */
	assert_int_equal(link_monitor_drain(mon) & ~LINK_EV_LINK, LINK_EV_RULE);
	link_monitor_close(mon);
}

static bool lists(const struct net_list *l, const char *prefix)
{
	struct net_prefix p;

	assert_int_equal(net_prefix_parse(prefix, &p), 0);
	for (size_t i = 0; i < l->n; i++)
		if (l->p[i].len == p.len && net_addr_eq(&l->p[i].addr, &p.addr))
			return true;
	return false;
}

static void test_onlink(void **state)
{
	struct net_list l = { 0 };

	(void)state;
	sh("ip link add lan type veth peer name lan-p; ip link add br-c type bridge");
	sh("for i in wan wan-p lan lan-p br-c; do ip link set $i up; done");
	sh("ip addr add 203.0.113.2/24 dev wan; ip addr add 192.168.1.1/24 dev lan");
	sh("ip addr add 172.17.0.1/16 dev br-c; ip addr add 10.9.0.1 peer 10.9.0.2 dev lan");
	sh("ip route add 10.5.0.7/32 dev lan; ip route add 10.6.0.0/16 via 192.168.1.5");
	sh("ip route add default via 203.0.113.1; ip route add default dev lan metric 9");
	sh("ip route add 10.7.0.0/16 dev lan table 77");
	sh("ip route add 10.8.0.0/16 scope link nexthop dev lan nexthop dev br-c");
	sh("ip route add blackhole 10.10.0.0/16");
	sh("ip route add 0.0.0.0/1 dev lan; ip route add 128.0.0.0/1 dev lan");
	assert_int_equal(link_onlink((int)if_nametoindex("wan"), &l, &err), 0);
	assert_true(lists(&l, "192.168.1.0/24"));
	assert_true(lists(&l, "172.17.0.0/16"));
	assert_true(lists(&l, "10.9.0.2/32"));
	assert_true(lists(&l, "10.5.0.7/32"));
	assert_true(lists(&l, "10.8.0.0/16"));
	assert_int_equal(l.n, 5);
	net_list_free(&l);
	assert_int_equal(link_onlink((int)if_nametoindex("lan"), &l, &err), 0);
	assert_true(lists(&l, "203.0.113.0/24"));
	assert_true(lists(&l, "172.17.0.0/16"));
	assert_true(lists(&l, "10.8.0.0/16")); /* by br-c */
	assert_int_equal(l.n, 3);
	net_list_free(&l);
}

static void test_onlink_of_nothing(void **state)
{
	struct net_list l = { 0 };

	(void)state;
	assert_int_equal(link_onlink(0, &l, &err), 0);
	assert_int_equal(l.n, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		T(test_veth),
		T(test_absent),
		T(test_addresses),
		T(test_alternative_name),
		T(test_more_addresses_than_fit),
		T(test_ipv6),
		T(test_ipv6_and_many_of_ipv4),
		T(test_onlink6),
		T(test_point_to_point),
		T(test_info_eq),
		T(test_events),
		T(test_made_anew),
		T(test_overrun),
		T(test_big_buffer),
		T(test_onlink),
		T(test_onlink_of_nothing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
