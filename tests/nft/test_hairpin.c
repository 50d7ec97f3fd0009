// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Hairpin routing in a namespace of its own (root):
 *
 *   lan-p ---- lan  [ this host ]  wan ---- wan-p
 *              192.168.1.1         203.0.113.1, 203.0.113.2
 *   lan2-p --- lan2                wan2 --- wan2-p
 *              192.168.2.1         198.51.100.1
 */
#include "netlab.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hairpin/hairpin.h"
#include "lib/rtnl.h"
#include "src/link.h"

#define EXT  "203.0.113.1"
#define EXT2 "203.0.113.2"

/* Everything that hairpin may touch, as ip shows it. */
static const char *const DUMP = "ip -d rule; ip -d -6 rule; ip -d route show table all | grep -v "
				"'^multicast\\|fe80\\|ff00'; ip -d neigh";

struct lab {
	struct hairpin_spec spec;
	struct net_addr ext[4];
	char *in_ifs[4];
	struct link_info link;
	struct err err;
	char *before;
};

static struct net_addr addr(const char *s)
{
	struct net_addr a;

	assert_int_equal(net_addr_parse(s, &a), 0);
	return a;
}

static void ports(struct hairpin_spec *spec, const char *udp, const char *tcp)
{
	port_set_free(&spec->ports[0]);
	port_set_free(&spec->ports[1]);
	if (udp)
		assert_int_equal(port_set_parse(udp, &spec->ports[0]), 0);
	if (tcp)
		assert_int_equal(port_set_parse(tcp, &spec->ports[1]), 0);
}

static void spec_read(struct lab *l, const char *ifname)
{
	assert_int_equal(link_read(ifname, &l->link, &l->err), 0);
	l->spec.ifname = l->link.name;
	l->spec.ifindex = l->link.ifindex;
	l->spec.has_mac = l->link.ether;
	memcpy(l->spec.mac, l->link.mac, 6);
	l->spec.external = l->ext;
	l->spec.in_ifs = l->in_ifs;
}

static struct lab *spec_new(const char *ifname, const char *ext, char *in_if)
{
	struct lab *l = calloc(1, sizeof(*l));

	assert_non_null(l);
	spec_read(l, ifname);
	l->ext[0] = addr(ext);
	l->spec.n_external = 1;
	l->in_ifs[0] = in_if;
	l->spec.n_in_ifs = 1;
	l->spec.protos = PROTO_ALL;
	ports(&l->spec, "20000-29999", "20000-29999");
	return l;
}

static void spec_free(struct lab *l)
{
	ports(&l->spec, NULL, NULL);
	free(l->before);
	free(l);
}

static void veth(const char *name, const char *address)
{
	sh("ip link add %s type veth peer name %s-p; ip link set %s up; ip link set %s-p up", name,
	   name, name, name);
	sh("ip addr add %s dev %s", address, name);
}

static int setup(void **state)
{
	struct lab *l;

	lab_open();
	sh("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 "
	   "net.ipv4.ip_forward=1");
	veth("wan", EXT "/24");
	sh("ip addr add " EXT2 "/24 dev wan");
	veth("lan", "192.168.1.1/24");
	veth("wan2", "198.51.100.1/24");
	veth("lan2", "192.168.2.1/24");
	l = spec_new("wan", EXT, "lan");
	l->before = sh_out(DUMP);
	*state = l;
	return 0;
}

static int teardown(void **state)
{
	spec_free(*state);
	return 0;
}

static void same(const char *before)
{
	char *now = sh_out(DUMP);

	assert_string_equal(before, now);
	free(now);
}

static void has(const char *cmd, const char *text)
{
	char *out = sh_out(cmd);

	if (!strstr(out, text))
		fail_msg("`%s` does not show `%s` but:\n%s", cmd, text, out);
	free(out);
}

static void hasnt(const char *cmd, const char *text)
{
	char *out = sh_out(cmd);

	if (strstr(out, text))
		fail_msg("`%s` shows `%s`:\n%s", cmd, text, out);
	free(out);
}

static void apply(struct lab *l)
{
	if (hairpin_apply(&l->spec, &l->err))
		fail_msg("apply: %s", l->err.text);
	assert_int_equal(hairpin_check(&l->spec, &l->err), 1);
}

static void del(struct lab *l)
{
	if (hairpin_remove(l->spec.ifname, &l->err))
		fail_msg("remove: %s", l->err.text);
}

static void refused(struct lab *l, int errnum, const char *text)
{
	char *before = sh_out(DUMP);

	assert_int_equal(hairpin_apply(&l->spec, &l->err), -errnum);
	if (!strstr(l->err.text, text))
		fail_msg("`%s` does not say `%s`", l->err.text, text);
	same(before);
	free(before);
}

static void test_apply_and_remove(void **state)
{
	struct lab *l = *state;
	char text[256];

	assert_int_equal(hairpin_check(&l->spec, &l->err), 0);
	apply(l);
	snprintf(text, sizeof(text), "lookup %u", hairpin_table("wan"));
	has("ip rule", text);
	has("ip rule", "100:	from all to " EXT " iif lan ipproto udp dport 20000-29999");
	has("ip rule", "100:	from all to " EXT " iif lan ipproto tcp dport 20000-29999");
	hasnt("ip rule", "icmp");
	has("ip rule", "200:	from all lookup local");
	hasnt("ip rule", "\n0:");
	snprintf(text, sizeof(text), "ip route show table %u", hairpin_table("wan"));
	has(text, EXT " dev wan proto kernel scope link src " EXT);
	snprintf(text, sizeof(text),
		 EXT " lladdr %02x:%02x:%02x:%02x:%02x:%02x PERMANENT proto 101", l->spec.mac[0],
		 l->spec.mac[1], l->spec.mac[2], l->spec.mac[3], l->spec.mac[4], l->spec.mac[5]);
	has("ip neigh show dev wan", text);
	del(l);
	same(l->before);
	del(l); /* nothing left is fine too */
	same(l->before);
}

static void test_route_lookup(void **state)
{
	static const char *const get = "ip route get " EXT " from 192.168.1.9 iif lan ";
	char cmd[256];

	apply(*state);
	for (int tcp = 0; tcp < 2; tcp++) {
		const char *p = tcp ? "tcp" : "udp";

		snprintf(cmd, sizeof(cmd), "%s ipproto %s sport 5 dport 25000", get, p);
		has(cmd, "dev wan");
		snprintf(cmd, sizeof(cmd), "%s ipproto %s sport 5 dport 9999", get, p);
		has(cmd, "local " EXT);
		snprintf(cmd, sizeof(cmd), "%s ipproto %s sport 5 dport 30000", get, p);
		has(cmd, "local " EXT);
	}
	has("ip route get " EXT " from 192.168.1.9 iif lan ipproto icmp", "local " EXT);
	has("ip route get " EXT2 " from 192.168.1.9 iif lan ipproto udp dport 25000",
	    "local " EXT2);
	has("ip route get " EXT " from 192.168.2.9 iif lan2 ipproto udp dport 25000", "local " EXT);
	has("ip route get " EXT " ipproto udp dport 25000", "local " EXT);
	has("ip route get 192.168.1.1 from 192.168.1.9 iif lan ipproto udp dport 25000",
	    "local 192.168.1.1");
}

static void test_this_host(void **state)
{
	struct lab *l = *state;

	l->in_ifs[0] = "lo";
	apply(l);
	has("ip route get " EXT " ipproto udp dport 25000", EXT " dev wan");
	has("ip route get " EXT " ipproto udp dport 9999", "local " EXT);
	del(l);
	same(l->before);
}

static int events_open(void)
{
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK,
				  .nl_groups = RTMGRP_NEIGH | RTMGRP_IPV4_ROUTE |
					       (1 << (RTNLGRP_IPV4_RULE - 1)) };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

/*
 * Reads all events, follows the number of rules that look table local up from @locals on, and fails
 * when it is ever 0. Returns how many events there were.
 */
static unsigned events_count(int fd, int *locals)
{
	char buf[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
	unsigned events = 0;
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
		struct nlmsghdr *nlh = (struct nlmsghdr *)buf;
		int left = (int)n;

		for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
			struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);

			events++;
			if (rtm->rtm_table != RT_TABLE_LOCAL)
				continue;
			if (nlh->nlmsg_type == RTM_NEWRULE)
				++*locals;
			else if (nlh->nlmsg_type == RTM_DELRULE)
				assert_true(--*locals > 0);
		}
	}
	return events;
}

static void test_idempotent(void **state)
{
	struct lab *l = *state;
	int locals = 1, fd;

	apply(l);
	fd = events_open();
	apply(l);
	apply(l);
	assert_int_equal(events_count(fd, &locals), 0);
	close(fd);
}

static void test_local_rule_never_absent(void **state)
{
	struct lab *l = *state;
	int locals = 1, fd = events_open();

	for (int i = 0; i < 5; i++) {
		apply(l);
		assert_true(events_count(fd, &locals) >= 6);
		assert_int_equal(locals, 1);
		sh("ip rule add pref 50 fwmark 1 lookup main"); /* the `local` rule must go below it
								 */
		apply(l);
		has("ip rule", "49:	from all lookup local");
		sh("ip rule del pref 50");
		del(l);
		assert_true(events_count(fd, &locals) >= 10);
		assert_int_equal(locals, 1);
	}
	close(fd);
	same(l->before);
}

static void test_incremental(void **state)
{
	struct lab *l = *state;
	int locals = 1, fd;

	apply(l);
	fd = events_open();
	l->in_ifs[1] = "lan2";
	l->spec.n_in_ifs = 2;
	apply(l);
	assert_int_equal(events_count(fd, &locals), 2); /* two rules, nothing else */
	ports(&l->spec, "20000-24999,40000", "20000-29999");
	apply(l);
	assert_int_equal(events_count(fd, &locals), 6); /* udp: 2 x 2 new, 2 x 1 old */
	has("ip rule", "ipproto udp dport 40000 ");
	l->ext[1] = addr(EXT2);
	l->spec.n_external = 2;
	apply(l);
	assert_int_equal(events_count(fd, &locals), 8); /* neighbour, route, 6 rules */
	l->ext[0] = addr(EXT2);
	l->spec.n_external = 1;
	apply(l);
	hasnt("ip rule; ip neigh show dev wan; ip route show table all type unicast | grep '^" EXT
	      " '",
	      EXT " ");
	l->spec.protos = PROTO_TCP | PROTO_ICMP;
	apply(l);
	hasnt("ip rule", "udp");
	l->spec.n_in_ifs = 0; /* nothing to turn around */
	apply(l);
	close(fd);
	same(l->before);
}

static void test_many_ranges(void **state)
{
	struct lab *l = *state;
	char *p = calloc(1, 64 * 16);
	size_t at = 0;

	assert_non_null(p);
	for (unsigned i = 0; i < 63; i++) /* MAP-E */
		at += (size_t)sprintf(p + at, "%s%u-%u", i ? "," : "", 1024 * (i + 1) + 16,
				      1024 * (i + 1) + 31);
	ports(&l->spec, p, p);
	free(p);
	apply(l);
	has("ip rule | grep -c iif", "126\n");
	del(l);
	same(l->before);
}

static void test_mac_changes(void **state)
{
	struct lab *l = *state;

	apply(l);
	sh("ip link set wan address 02:00:00:00:00:07");
	spec_read(l, "wan");
	assert_int_equal(hairpin_check(&l->spec, &l->err), 0);
	apply(l);
	has("ip neigh show dev wan", EXT " lladdr 02:00:00:00:00:07 PERMANENT");
	del(l);
	same(l->before);
}

static void test_learnt_neighbour_is_replaced(void **state)
{
	struct lab *l = *state;

	sh("ip neigh add " EXT " dev wan lladdr 02:00:00:00:00:99 nud stale");
	apply(l);
	hasnt("ip neigh", "02:00:00:00:00:99");
	del(l);
	same(l->before);
}

static void test_foreign_neighbour(void **state)
{
	struct lab *l = *state;
	char *before;

	sh("ip neigh add " EXT " dev wan lladdr 02:00:00:00:00:99 nud permanent");
	refused(l, EEXIST, "permanent neighbour entry for " EXT " on wan");
	sh("ip neigh replace " EXT
	   " dev wan lladdr $(ip -o link show wan | sed 's/.*ether //;s/ .*//') nud permanent");
	hasnt("ip neigh", "02:00:00:00:00:99");
	before = sh_out(DUMP);
	apply(l); /* one that says the same serves, and stays */
	hasnt("ip neigh", "proto");
	del(l);
	same(before);
	free(before);
}

static void test_interface_made_anew(void **state)
{
	struct lab *l = *state;

	apply(l);
	sh("ip link del wan");
	assert_int_equal(hairpin_check(&l->spec, &l->err), -ENODEV);
	refused(l, ENODEV, "no interface wan");
	veth("wan", EXT "/24");
	refused(l, ENODEV, "made anew");
	spec_read(l, "wan");
	assert_int_equal(hairpin_check(&l->spec, &l->err), 0);
	apply(l);
	sh("ip link del wan");
	del(l); /* its name is enough */
	hasnt("ip rule", "iif");
	has("ip -d rule", "0:	from all lookup local proto kernel");
}

static void test_interface_renamed(void **state)
{
	struct lab *l = *state;
	int was = l->spec.ifindex;

	apply(l);
	sh("ip link set wan down; ip link set wan name old; ip link set old up; "
	   "ip link set wan-p name old-p");
	sh("ip route add " EXT " dev old table %u scope link src " EXT, hairpin_table("wan"));
	sh("ip neigh add " EXT " dev old lladdr 02:00:00:00:00:01 nud permanent protocol 101");
	veth("wan", "203.0.113.9/24");
	spec_read(l, "wan");
	assert_int_not_equal(was, l->spec.ifindex);
	l->ext[0] = addr("203.0.113.9");
	apply(l);
	hasnt("ip neigh show dev old", "PERMANENT");
	hasnt("ip route show table all dev old", "table 17");
	del(l);
	hasnt("ip neigh", "PERMANENT");
}

static void test_tun_without_mac(void **state)
{
	struct lab *l = spec_new("lan", "192.0.2.7", "lan"), *outer = *state;

	sh("ip tuntap add dev ppp0 mode tun && ip addr add 192.0.2.7 peer 192.0.2.1 dev ppp0 && "
	   "ip link set ppp0 up");
	spec_read(l, "ppp0");
	assert_false(l->spec.has_mac);
	assert_true(net_addr_eq(&l->link.addr[0], &l->ext[0]));
	apply(l);
	hasnt("ip neigh", "192.0.2.7");
	has("ip route get 192.0.2.7 from 192.168.1.9 iif lan ipproto udp dport 25000", "dev ppp0");
	del(l);
	sh("ip link del ppp0");
	same(outer->before);
	spec_free(l);
}

static void test_two_interfaces(void **state)
{
	struct lab *l = *state, *l2 = spec_new("wan2", "198.51.100.1", "lan");
	char *one;

	apply(l);
	one = sh_out(DUMP);
	apply(l2);
	assert_int_equal(hairpin_check(&l->spec, &l->err), 1);
	has("ip route get 198.51.100.1 from 192.168.1.9 iif lan ipproto tcp dport 25000",
	    "dev wan2");
	has("ip route get " EXT " from 192.168.1.9 iif lan ipproto tcp dport 25000", "dev wan ");
	del(l2);
	same(one);
	assert_int_equal(hairpin_check(&l->spec, &l->err), 1);
	apply(l2);
	del(l);
	has("ip rule", "200:	from all lookup local");
	assert_int_equal(hairpin_check(&l2->spec, &l2->err), 1);
	del(l2);
	same(l->before);
	free(one);
	spec_free(l2);
}

static void test_crash_leftovers(void **state)
{
	struct lab *l = *state;
	unsigned t = hairpin_table("wan");

	/* an older address, a range that is no longer wanted, a copy, and both `local` rules */
	apply(l);
	sh("ip rule add pref 0 lookup local protocol kernel");
	sh("ip rule add pref 100 iif lan to " EXT2 " ipproto udp dport 1-5 lookup %u", t);
	sh("ip rule add pref 90 iif lan to " EXT " ipproto udp dport 20000-29999 lookup %u", t);
	sh("ip rule add pref 90 from 10.0.0.0/8 lookup %u", t);
	sh("ip route add " EXT2 " dev wan table %u scope link", t);
	sh("ip route add default dev wan table %u metric 5", t);
	sh("ip neigh add " EXT2 " dev wan lladdr 02:00:00:00:00:01 nud permanent protocol 101");
	assert_int_equal(hairpin_check(&l->spec, &l->err), 0);
	apply(l);
	has("ip rule | grep -c .", "5\n");
	hasnt("ip neigh", EXT2 " dev wan lladdr");
	hasnt("ip route show table all", "metric 5");
	del(l);
	same(l->before);

	/* only the moved `local` rule is left */
	apply(l);
	sh("ip rule del pref 100; ip rule del pref 100; ip route flush table %u; ip neigh del " EXT
	   " dev wan",
	   t);
	del(l);
	same(l->before);

	/* it stopped between adding the new `local` rule and deleting the old one */
	apply(l);
	sh("ip rule add pref 0 lookup local protocol kernel");
	del(l);
	same(l->before);
}

static void test_flushed_by_others(void **state)
{
	struct lab *l = *state;
	static const char *const breakage[] = {
		"ip rule del pref 100",
		"ip rule add pref 0 lookup local",
		"ip neigh del " EXT " dev wan",
		"ip link set wan down; ip link set wan up",
		"ip rule add pref 7 lookup main",
		"ip neigh replace " EXT " dev wan lladdr 02:00:00:00:00:05 nud reachable",
	};

	for (size_t i = 0; i < sizeof(breakage) / sizeof(breakage[0]); i++) {
		apply(l);
		sh("%s", breakage[i]);
		if (hairpin_check(&l->spec, &l->err))
			fail_msg("not noticed: %s", breakage[i]);
	}
	sh("ip rule del pref 7");
	apply(l);
	del(l);
	same(l->before);
}

static void test_local_rule_moved_by_others(void **state)
{
	static const unsigned prefs[] = { 32765, 200, 101, 100, 50, 1 };
	struct lab *l = *state;
	char text[64];

	for (size_t i = 0; i < sizeof(prefs) / sizeof(prefs[0]); i++) {
		unsigned p = prefs[i], want = p > 100 ? 100 : p - 1;
		/* einat-ebpf's is at 200 with protocol kernel, iproute2's has protocol boot */
		const char *proto = i % 2 ? "kernel" : "boot";
		char *before;

		sh("ip rule add pref %u lookup local protocol %s; ip rule del pref 0 lookup local",
		   p, proto);
		before = sh_out(DUMP);
		apply(l);
		snprintf(text, sizeof(text), "%u:	from all to " EXT, want);
		has("ip rule", text);
		snprintf(text, sizeof(text), "%u:	from all lookup local", p);
		has("ip rule", text);
		has("ip route get " EXT " from 192.168.1.9 iif lan ipproto udp dport 25000",
		    "dev wan");
		has("ip rule | grep -c 'lookup local'", "1\n");
		del(l);
		same(before);
		free(before);
		sh("ip rule add pref 0 lookup local protocol kernel; ip rule del pref %u", p);
	}
	same(l->before);
}

static void test_rules_of_others_keep_their_place(void **state)
{
	struct lab *l = *state;
	char *before;

	/* a policy route, as netplan writes it: the host itself must stay in reach */
	sh("ip route add default dev wan2 table 77");
	sh("ip rule add pref 100 from 192.168.1.0/24 lookup 77");
	before = sh_out(DUMP);
	apply(l);
	has("ip rule", "99:	from all lookup local");
	has("ip rule", "98:	from all to " EXT " iif lan");
	has("ip route get 192.168.1.1 from 192.168.1.9 iif lan", "local 192.168.1.1");
	has("ip route get " EXT " from 192.168.1.9 iif lan ipproto udp dport 25000", "dev wan ");
	del(l);
	same(before);
	sh("ip rule del pref 100");
	sh("ip rule add pref 1 from 192.168.1.0/24 lookup 77");
	refused(l, EBUSY, "preference 1");
	sh("ip rule del pref 1");
	sh("ip rule add pref 2 from 192.168.1.0/24 lookup 77");
	apply(l);
	has("ip rule", "0:	from all to " EXT " iif lan");
	has("ip rule", "1:	from all lookup local");
	has("ip route get " EXT " from 192.168.1.9 iif lan ipproto udp dport 25000", "dev wan ");
	assert_int_equal(hairpin_apply(&l->spec, &l->err), 0);
	del(l);
	sh("ip rule del pref 2");
	sh("ip rule add pref 0 from 192.168.1.0/24 lookup 77");
	refused(l, EBUSY, "preference 0");
	sh("ip rule del pref 0 from 192.168.1.0/24; ip route flush table 77");
	same(l->before);
	free(before);
}

static void test_local_rule_of_protocol_boot(void **state)
{
	struct lab *l = *state;

	sh("ip rule add pref 0 lookup local protocol boot; ip rule del pref 0 lookup local "
	   "protocol "
	   "kernel");
	apply(l);
	hasnt("ip rule", "\n0:");
	del(l);
	same(l->before);
}

static void test_no_local_rule_at_all(void **state)
{
	struct lab *l = *state;

	sh("ip rule del pref 0");
	refused(l, ENOENT, "no ip rule \"from all lookup local\"");
	sh("ip rule add pref 0 lookup local protocol kernel");
}

static void test_refusals(void **state)
{
	struct lab *l = *state;

	l->spec.n_external = 0;
	refused(l, EADDRNOTAVAIL, "no IPv4 address");
	l->spec.n_external = 2;
	l->ext[1] = addr("203.0.113.77"); /* the first is added, then undone */
	refused(l, EINVAL, "203.0.113.77 dev wan");
	l->spec.n_external = 1;
	l->in_ifs[0] = "wan";
	refused(l, EINVAL, "wan is the external interface");
	l->in_ifs[0] = "a-name-of-16-chr";
	refused(l, EINVAL, "a-name-of-16-chr");
	l->in_ifs[0] = "";
	refused(l, EINVAL, "cannot be an interface");
	l->in_ifs[0] = "not-there-yet";
	apply(l);
	has("ip rule", "iif not-there-yet [detached]");
	del(l);
	same(l->before);
	l->in_ifs[0] = "lan";
	sh("ip link set wan down");
	refused(l, ENETDOWN, "set wan up first");
}

/* A failed change leaves what was there before it, changed objects included. */
static void test_failed_change_is_undone(void **state)
{
	struct lab *l = *state;

	apply(l);
	l->ext[1] = addr("203.0.113.77");
	l->spec.n_external = 2;
	ports(&l->spec, "21000-22000", "23000");
	l->spec.mac[5] ^= 1;
	refused(l, EINVAL, "203.0.113.77");
	l->spec.n_external = 1;
	l->spec.mac[5] ^= 1;
	ports(&l->spec, "20000-29999", "20000-29999");
	assert_int_equal(hairpin_check(&l->spec, &l->err), 1);
}

static void test_without_privilege(void **state)
{
	struct lab *l = *state;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		if (setuid(65534))
			_exit(1);
		_exit(hairpin_apply(&l->spec, &l->err) == -EPERM &&
				      strstr(l->err.text, "CAP_NET_ADMIN")
			      ? 0
			      : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	same(l->before);
}

/* Two processes that come and go at once: the `local` rule is never absent, nothing is left. */
static void test_two_processes_at_once(void **state)
{
	struct lab *l = *state, *l2 = spec_new("wan2", "198.51.100.1", "lan2");
	int locals = 1, fd = events_open(), status, size = 8 << 20;
	pid_t pid[2];

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)), 0);
	for (int i = 0; i < 2; i++) {
		struct lab *mine = i ? l2 : l;

		pid[i] = fork();
		assert_true(pid[i] >= 0);
		if (pid[i])
			continue;
		for (int n = 0; n < 40; n++)
			if (hairpin_apply(&mine->spec, &mine->err) ||
			    hairpin_check(&mine->spec, &mine->err) != 1 ||
			    hairpin_remove(mine->spec.ifname, &mine->err))
				_exit(1);
		_exit(0);
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_int_equal(status, 0);
	}
	assert_true(events_count(fd, &locals) > 80 * 8);
	assert_int_equal(locals, 1);
	close(fd);
	same(l->before);
	spec_free(l2);
}

/* What print shows is what apply does: the shell runs it, and check finds nothing to do. */
static void test_print(void **state)
{
	struct lab *l = *state;
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	ports(&l->spec, "20000-29999,40000", "443");
	assert_int_equal(hairpin_print(&l->spec, f), 0);
	fclose(f);
	same(l->before);
	assert_non_null(strstr(text, "ip rule add pref 100 iif lan to " EXT
				     " ipproto udp dport 20000-29999 lookup 1701"));
	sh("set -e\n%s", text);
	assert_int_equal(hairpin_check(&l->spec, &l->err), 1);
	free(text);
	del(l);
	same(l->before);
}

static int packet_socket(const char *ifname)
{
	struct sockaddr_ll sa = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_IP),
				  .sll_ifindex = (int)if_nametoindex(ifname) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_IP));

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

/* An Ethernet frame with a UDP packet (checksum 0: none), from source to destination. */
static void send_udp(int fd, const uint8_t *mac, const char *src, uint16_t sport, const char *dst,
		     uint16_t dport)
{
	uint8_t f[14 + 20 + 8 + 4] = { [12] = 0x08, [14] = 0x45, [17] = 32, [22] = 64, [23] = 17 };
	uint16_t be[3] = { htons(sport), htons(dport), htons(12) };
	uint32_t sum = 0;

	memcpy(f, mac, 6);
	inet_pton(AF_INET, src, f + 26);
	inet_pton(AF_INET, dst, f + 30);
	memcpy(f + 34, be, sizeof(be));
	for (int i = 14; i < 34; i += 2)
		sum += (uint32_t)f[i] << 8 | f[i + 1];
	sum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
	f[24] = (uint8_t)(sum >> 8);
	f[25] = (uint8_t)sum;
	assert_int_equal(write(fd, f, sizeof(f)), sizeof(f));
}

/* Whether a UDP packet from @sport to @dport leaves on @fd's interface within @ms. */
static bool comes_out(int fd, uint16_t sport, uint16_t dport, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint16_t want[2] = { htons(sport), htons(dport) };
	uint8_t f[256];

	while (poll(&p, 1, ms) > 0) {
		ssize_t n = read(fd, f, sizeof(f));

		if (n >= 42 && f[23] == 17 && !memcmp(f + 34, want, 4))
			return true;
	}
	return false;
}

/*
 * Both halves of a hairpinned packet's way: from lan out of wan, and, translated, with the external
 * address as its source, in at wan and on to lan. accept_local is 0.
 */
static void test_packets(void **state)
{
	struct lab *l = *state;
	struct link_info lan;
	int lan_p = packet_socket("lan-p"), wan_p = packet_socket("wan-p");

	sh("ip neigh add 192.168.1.9 dev lan lladdr 02:00:00:00:00:09 nud permanent");
	sh("ip neigh add 192.168.2.9 dev lan2 lladdr 02:00:00:00:00:09 nud permanent");
	assert_int_equal(link_read("lan", &lan, &l->err), 0);
	apply(l);
	for (int rp = 0; rp < 3; rp++) {
		sh("for i in all wan lan; do sysctl -qw net.ipv4.conf.$i.rp_filter=%d; done", rp);
		send_udp(lan_p, lan.mac, "192.168.1.9", 5000, EXT, 25000);
		assert_true(comes_out(wan_p, 5000, 25000, 2000));
		send_udp(wan_p, l->link.mac, EXT, 25001, "192.168.1.9", 5001);
		assert_true(comes_out(lan_p, 25001, 5001, 2000));
	}
	/* a source port outside the range is this host's own address: refused, as without hairpin
	 */
	send_udp(wan_p, l->link.mac, EXT, 9999, "192.168.1.9", 5002);
	assert_false(comes_out(lan_p, 9999, 5002, 200));
	close(lan_p);
	close(wan_p);

	/* the way back is looked up with the outgoing interface: it must be listed too */
	lan_p = packet_socket("lan2-p");
	wan_p = packet_socket("wan-p");
	send_udp(wan_p, l->link.mac, EXT, 25001, "192.168.2.9", 5001);
	assert_false(comes_out(lan_p, 25001, 5001, 200));
	l->in_ifs[1] = "lan2";
	l->spec.n_in_ifs = 2;
	apply(l);
	send_udp(wan_p, l->link.mac, EXT, 25001, "192.168.2.9", 5001);
	assert_true(comes_out(lan_p, 25001, 5001, 2000));
	close(lan_p);
	close(wan_p);
}

static void test_lock_is_honoured(void **state)
{
	struct lab *l = *state;
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	char *before = sh_out(DUMP);

	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(hairpin_apply(&l->spec, &l->err), -EBUSY);
	same(before);
	close(fd);
	apply(l);
	free(before);
}

static void test_tables(void **state)
{
	char name[16];

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		sprintf(name, "eth%u", i);
		assert_true(hairpin_owns_table(hairpin_table(name)));
	}
	assert_false(hairpin_owns_table(RT_TABLE_MAIN));
	assert_false(hairpin_owns_table(RT_TABLE_LOCAL));
	assert_false(hairpin_owns_table(HAIRPIN_TABLE_BASE - 1));
	assert_false(hairpin_owns_table(HAIRPIN_TABLE_BASE + 0x10000));
	assert_int_not_equal(hairpin_table("wan"), hairpin_table("wan2"));
}

/* Two names that give one table: the second is refused, and its removal spares the first. */
static void test_colliding_names(void **state)
{
	struct lab *l = *state, *l2;
	char name[16];
	unsigned i = 0;

	do
		sprintf(name, "x%u", i++);
	while (hairpin_table(name) != hairpin_table("wan"));
	sh("ip link set wan2 down; ip link set wan2 name %s; ip link set %s up", name, name);
	l2 = spec_new(name, "198.51.100.1", "lan");
	apply(l);
	refused(l2, EEXIST, "same routing table");
	del(l2);
	assert_int_equal(hairpin_check(&l->spec, &l->err), 1);
	spec_free(l2);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		T(test_apply_and_remove),
		T(test_route_lookup),
		T(test_this_host),
		T(test_idempotent),
		T(test_local_rule_never_absent),
		T(test_incremental),
		T(test_many_ranges),
		T(test_mac_changes),
		T(test_learnt_neighbour_is_replaced),
		T(test_foreign_neighbour),
		T(test_interface_made_anew),
		T(test_interface_renamed),
		T(test_tun_without_mac),
		T(test_two_interfaces),
		T(test_crash_leftovers),
		T(test_flushed_by_others),
		T(test_local_rule_moved_by_others),
		T(test_rules_of_others_keep_their_place),
		T(test_local_rule_of_protocol_boot),
		T(test_no_local_rule_at_all),
		T(test_refusals),
		T(test_failed_change_is_undone),
		T(test_without_privilege),
		T(test_two_processes_at_once),
		T(test_print),
		T(test_packets),
		T(test_colliding_names),
		T(test_lock_is_honoured),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("hairpin", tests, NULL, NULL);
}
