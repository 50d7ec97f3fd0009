// SPDX-License-Identifier: GPL-2.0-or-later
/* host_capture() and host_parse() on real objects of every kind. */
#include "host_lab.h"

#include <arpa/inet.h>
#include <bpf/libbpf.h>
#include <linux/fib_rules.h>
#include <linux/pkt_sched.h>
#include <linux/if_ether.h>
#include <linux/rtnetlink.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define TCX_INGRESS ((enum bpf_attach_type)46) /* Linux 6.6 */

static const struct host_rule *rule_at(const struct host *h, int family, uint32_t priority)
{
	for (size_t i = 0; i < h->n_rules; i++)
		if (h->rules[i].family == family && h->rules[i].priority == priority)
			return &h->rules[i];
	fail_msg("no rule %u", priority);
	return NULL;
}

static void test_rules(void **state)
{
	const struct host_rule *r;
	struct lab_host l;

	(void)state;
	lab_open();
	sh("ip link add wan type veth peer name out && ip link set wan up");
	sh("ip rule add pref 100 iif wan to 192.0.2.7 ipproto udp dport 20000-29999 lookup 77");
	sh("ip rule add pref 200 not fwmark 0x51/0xff from 10.0.0.0/8 tos 0x10 lookup 51820 "
	   "suppress_prefixlength 0 protocol 99");
	sh("ip rule add pref 300 oif wan uidrange 1000-2000 sport 5 ipproto tcp goto 32766");
	sh("ip rule add pref 400 to 198.51.100.0/24 prohibit");
	sh("ip rule add pref 500 fwmark 7 lookup main");
	sh("ip rule add pref 600 tun_id 9 lookup main");
	sh("ip rule add pref 1000 l3mdev protocol kernel");
	sh("ip -6 rule add pref 100 from 2001:db8::/32 lookup 88");
	l = host_take();
	r = rule_at(l.host, AF_INET, 100);
	assert_string_equal(r->iif, "wan");
	assert_string_equal(r->oif, "");
	assert_prefix(&r->to, "192.0.2.7/32");
	assert_prefix(&r->from, "0.0.0.0/0");
	assert_int_equal(r->ipproto, IPPROTO_UDP);
	assert_int_equal(r->dport_lo, 20000);
	assert_int_equal(r->dport_hi, 29999);
	assert_int_equal(r->sport_hi, 0);
	assert_int_equal(r->action, FR_ACT_TO_TBL);
	assert_int_equal(r->table, 77);
	assert_int_equal(r->fwmask, 0);
	assert_int_equal(r->suppress_prefixlen, -1);
	assert_int_equal(r->suppress_ifgroup, -1);
	assert_false(r->unknown || r->invert || r->has_uid || r->l3mdev);
	r = rule_at(l.host, AF_INET, 200);
	assert_true(r->invert);
	assert_int_equal(r->fwmark, 0x51);
	assert_int_equal(r->fwmask, 0xff);
	assert_int_equal(r->tos, 0x10);
	assert_int_equal(r->table, 51820);
	assert_int_equal(r->suppress_prefixlen, 0);
	assert_int_equal(r->protocol, 99);
	assert_prefix(&r->from, "10.0.0.0/8");
	r = rule_at(l.host, AF_INET, 300);
	assert_string_equal(r->oif, "wan");
	assert_true(r->has_uid);
	assert_int_equal(r->uid_lo, 1000);
	assert_int_equal(r->uid_hi, 2000);
	assert_int_equal(r->sport_lo, 5);
	assert_int_equal(r->sport_hi, 5);
	assert_int_equal(r->action, FR_ACT_GOTO);
	assert_int_equal(r->target, 32766);
	assert_false(r->unknown); /* newer kernels tell a mask of the port */
	assert_int_equal(rule_at(l.host, AF_INET, 400)->action, FR_ACT_PROHIBIT);
	assert_int_equal(rule_at(l.host, AF_INET, 500)->fwmask, ~0u);
	assert_true(rule_at(l.host, AF_INET, 600)->unknown);
	r = rule_at(l.host, AF_INET, 1000);
	assert_true(r->l3mdev);
	assert_int_equal(r->protocol, RTPROT_KERNEL);
	assert_prefix(&rule_at(l.host, AF_INET6, 100)->from, "2001:db8::/32");
	/* as the kernel tries them */
	for (size_t i = 1; i < l.host->n_rules; i++)
		assert_true(l.host->rules[i].family != l.host->rules[i - 1].family ||
			    l.host->rules[i].priority >= l.host->rules[i - 1].priority);
	host_drop(&l);
}

static const struct host_route *route_to(const struct host *h, uint32_t table, const char *dst)
{
	char buf[NET_ADDR_STRLEN];

	for (size_t i = 0; i < h->n_routes; i++)
		if (h->routes[i].table == table &&
		    !strcmp(net_prefix_format(&h->routes[i].dst, buf), dst))
			return &h->routes[i];
	fail_msg("no route to %s", dst);
	return NULL;
}

static void test_routes(void **state)
{
	const struct host_route *r;
	struct lab_host l;
	int wan;

	(void)state;
	lab_open();
	sh("ip link add wan type veth peer name out && ip link set wan up && ip link set out up");
	sh("ip addr add 192.0.2.2/24 dev wan && ip addr add 2001:db8::2/64 dev wan nodad");
	sh("ip route add default via 192.0.2.1 src 192.0.2.2 metric 50");
	sh("ip route add 198.51.100.0/24 via inet6 fe80::9 dev wan table 51820");
	sh("ip route add blackhole 203.0.113.0/24 table 52");
	sh("ip route add 10.0.0.0/8 nexthop via 192.0.2.3 nexthop via 192.0.2.4");
	sh("ip -6 route add 2001:db8:5::/48 from 2001:db8::/64 via 2001:db8::1");
	wan = (int)if_nametoindex("wan");
	l = host_take();
	r = route_to(l.host, RT_TABLE_MAIN, "0.0.0.0/0");
	assert_int_equal(r->oif, wan);
	assert_int_equal(r->metric, 50);
	assert_int_equal(r->type, RTN_UNICAST);
	assert_addr(&r->gateway, "192.0.2.1");
	assert_addr(&r->prefsrc, "192.0.2.2");
	r = route_to(l.host, 51820, "198.51.100.0/24");
	assert_addr(&r->gateway, "fe80::9");
	assert_int_equal(route_to(l.host, 52, "203.0.113.0/24")->type, RTN_BLACKHOLE);
	r = route_to(l.host, RT_TABLE_MAIN, "10.0.0.0/8");
	assert_true(r->multipath);
	assert_int_equal(r->oif, 0);
	r = route_to(l.host, RT_TABLE_MAIN, "2001:db8:5::/48");
	assert_prefix(&r->src, "2001:db8::/64");
	assert_addr(&r->gateway, "2001:db8::1");
	assert_int_equal(route_to(l.host, RT_TABLE_LOCAL, "192.0.2.2/32")->type, RTN_LOCAL);
	assert_int_equal(route_to(l.host, RT_TABLE_MAIN, "192.0.2.0/24")->protocol, RTPROT_KERNEL);
	host_drop(&l);
}

static const struct host_addr *addr_on(const struct host *h, const char *text)
{
	struct net_addr a = addr_of(text);

	for (size_t i = 0; i < h->n_addrs; i++)
		if (net_addr_eq(&h->addrs[i].addr, &a))
			return &h->addrs[i];
	fail_msg("no address %s", text);
	return NULL;
}

static void test_links(void **state)
{
	const struct host_link *l, *br;
	struct lab_host lab;

	(void)state;
	lab_open();
	sh("ip link add br-c type bridge && ip link add port type veth peer name far");
	sh("ip link set port master br-c && ip link set port mtu 1400 up && ip link set far up");
	sh("ip link add link far name mac type macvlan mode bridge");
	sh("ip addr add 192.0.2.2 peer 192.0.2.9/32 dev far && ip addr add 10.1.0.1/16 dev br-c");
	sh("ip addr add 2001:db8::1/64 dev br-c nodad");
	sh("tc qdisc add dev far clsact && tc qdisc add dev br-c ingress");
	lab = host_take();
	br = host_link_named(lab.host, "br-c");
	assert_string_equal(br->kind, "bridge");
	assert_int_equal(br->qdisc, HOST_QDISC_INGRESS);
	assert_int_equal(br->type, 1); /* ARPHRD_ETHER */
	assert_false(br->flags & IFF_UP);
	l = host_link_named(lab.host, "port");
	assert_string_equal(l->kind, "veth");
	assert_string_equal(l->port_kind, "bridge");
	assert_int_equal(l->master, br->ifindex);
	assert_int_equal(l->mtu, 1400);
	assert_true(l->flags & IFF_UP);
	assert_int_equal(l->qdisc, HOST_QDISC_NONE);
	l = host_link_named(lab.host, "far");
	assert_int_equal(l->qdisc, HOST_QDISC_CLSACT);
	assert_int_equal(host_link_named(lab.host, "mac")->lower, l->ifindex);
	assert_string_equal(host_link_named(lab.host, "lo")->kind, "");
	assert_ptr_equal(host_link(lab.host, l->ifindex), l);
	assert_null(host_link(lab.host, 9999));
	assert_null(host_link_named(lab.host, "none"));
	assert_addr(&addr_on(lab.host, "192.0.2.2")->peer, "192.0.2.9");
	assert_int_equal(addr_on(lab.host, "192.0.2.2")->len, 128);
	assert_int_equal(addr_on(lab.host, "10.1.0.1")->len, 96 + 16);
	assert_addr(&addr_on(lab.host, "10.1.0.1")->peer, "::");
	assert_int_equal(addr_on(lab.host, "2001:db8::1")->len, 64);
	assert_int_equal(addr_on(lab.host, "2001:db8::1")->ifindex, br->ifindex);
	host_drop(&lab);
}

/* VRFs need a kernel with CONFIG_NET_VRF. */
static void test_vrf(void **state)
{
	const struct host_link *vrf;
	struct lab_host l;

	(void)state;
	lab_open();
	if (sh_try("ip link add red type vrf table 1066 2>/dev/null")) {
		print_message("# this kernel has no VRF\n");
		skip();
	}
	sh("ip link add wan type veth peer name out && ip link set wan master red");
	l = host_take();
	vrf = host_link_named(l.host, "red");
	assert_string_equal(vrf->kind, "vrf");
	assert_int_equal(vrf->vrf_table, 1066);
	assert_int_equal(host_link_named(l.host, "wan")->master, vrf->ifindex);
	assert_string_equal(host_link_named(l.host, "wan")->port_kind, "vrf");
	host_drop(&l);
}

static void tc_attach(int ifindex, enum bpf_tc_attach_point point, int fd, unsigned prio)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = point);
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = fd, .priority = prio, .handle = 1);

	assert_int_equal(bpf_tc_attach(&hook, &opts), 0);
}

static void test_programs(void **state)
{
	int in, out, other, xdp, wan, links[2] = { -1, -1 };
	const struct host_prog *p;
	struct lab_host l;
	unsigned n = 0;

	(void)state;
	lab_open();
	sh("ip link add wan type veth peer name out && ip link set wan up");
	sh("tc qdisc add dev wan clsact");
	wan = (int)if_nametoindex("wan");
	in = program(BPF_PROG_TYPE_SCHED_CLS, "einat_in");
	out = program(BPF_PROG_TYPE_SCHED_CLS, "einat_out");
	other = program(BPF_PROG_TYPE_SCHED_CLS, "qos_mark");
	xdp = program(BPF_PROG_TYPE_XDP, "xdp_filter");
	tc_attach(wan, BPF_TC_INGRESS, other, 7);
	tc_attach(wan, BPF_TC_EGRESS, out, 50);
	sh("tc filter add dev wan ingress prio 3 protocol ip u32 match ip dst 192.0.2.1 "
	   "flowid 1:1");
	assert_int_equal(bpf_xdp_attach(wan, xdp, 1 << 1, NULL), 0); /* XDP_FLAGS_SKB_MODE */
	links[0] = bpf_link_create(other, wan, TCX_INGRESS, NULL);
	if (links[0] >= 0)
		links[1] = bpf_link_create(in, wan, TCX_INGRESS, NULL);
	else
		print_message("# this kernel has no TCX\n");
	l = host_take();
	assert_int_equal(l.host->n_gaps, 0);
	assert_int_equal(host_link(l.host, wan)->xdp, HOST_XDP_SKB);
	p = &l.host->progs[n];
	assert_int_equal(p->kind, HOST_PROG_XDP);
	assert_string_equal(p->name, "xdp_filter");
	assert_int_equal(p->id, program_id(xdp));
	for (int i = 0; i < 2 && links[0] >= 0; i++) {
		p = &l.host->progs[++n];
		assert_int_equal(p->kind, HOST_PROG_TCX);
		assert_false(p->egress);
		assert_string_equal(p->name, i ? "einat_in" : "qos_mark");
		assert_int_equal(p->id, program_id(i ? in : other));
		assert_int_equal(p->own, i);
		assert_int_equal(p->order, n);
	}
	p = &l.host->progs[++n];
	assert_int_equal(p->kind, HOST_PROG_CLSACT);
	assert_string_equal(p->classifier, "u32");
	assert_int_equal(p->priority, 3);
	assert_int_equal(p->protocol, ETH_P_IP);
	assert_int_equal(p->id, 0);
	p = &l.host->progs[++n];
	assert_string_equal(p->classifier, "bpf");
	assert_string_equal(p->name, "qos_mark");
	assert_int_equal(p->priority, 7);
	assert_true(p->direct_action);
	assert_false(p->egress || p->own);
	p = &l.host->progs[++n];
	assert_true(p->egress && p->own);
	assert_int_equal(p->order, 0);
	assert_int_equal(p->priority, 50);
	assert_int_equal(p->id, program_id(out));
	assert_int_equal(l.host->n_progs, n + 1);
	host_drop(&l);
	for (int i = 0; i < 2; i++)
		close(links[i]);
	close(in);
	close(out);
	close(other);
	close(xdp);
}

static int bound(int family, int type, const char *addr, uint16_t port, bool v6only)
{
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in a4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(family, type, 0), on = v6only;

	assert_true(fd >= 0);
	assert_int_equal(
		inet_pton(family, addr, family == AF_INET ? (void *)&a4.sin_addr : &a6.sin6_addr),
		1);
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	assert_int_equal(bind(fd, family == AF_INET ? (void *)&a4 : (void *)&a6,
			      family == AF_INET ? sizeof(a4) : sizeof(a6)),
			 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static const struct host_socket *socket_on(const struct host *h, int family, uint8_t proto,
					   uint16_t port)
{
	const struct host_socket *found = NULL;

	for (size_t i = 0; i < h->n_sockets; i++) {
		const struct host_socket *s = &h->sockets[i];

		if (s->family == family && s->proto == proto && s->lport == port) {
			assert_null(found);
			found = s;
		}
	}
	if (!found)
		fail_msg("no socket on %u", port);
	return found;
}

static void test_sockets(void **state)
{
	struct sockaddr_in peer = { .sin_family = AF_INET, .sin_port = htons(53) };
	const struct host_socket *s;
	char comm[32] = "";
	struct lab_host l;
	int fd[8], n = 0;
	FILE *f;

	(void)state;
	lab_open();
	sh("ip link add wan type veth peer name out && ip link set wan up");
	sh("sysctl -qw net.ipv4.ping_group_range='0 0'");
	f = fopen("/proc/self/comm", "r");
	assert_non_null(fgets(comm, sizeof(comm), f));
	comm[strcspn(comm, "\n")] = '\0';
	comm[15] = '\0';
	fclose(f);
	fd[n++] = bound(AF_INET, SOCK_DGRAM, "127.0.0.1", 20001, false);
	fd[n++] = bound(AF_INET6, SOCK_DGRAM, "::", 20002, true);
	fd[n++] = bound(AF_INET6, SOCK_STREAM, "::", 20003, false);
	fd[n++] = bound(AF_INET, SOCK_STREAM, "0.0.0.0", 20004, false);
	fd[n++] = bound(AF_INET, SOCK_DGRAM, "0.0.0.0", 20005, false);
	inet_pton(AF_INET, "127.0.0.7", &peer.sin_addr);
	assert_int_equal(connect(fd[4], (void *)&peer, sizeof(peer)), 0);
	fd[n++] = socket(AF_INET, SOCK_RAW, 47);
	fd[n++] = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
	peer.sin_port = htons(4711);
	peer.sin_addr.s_addr = htonl(INADDR_ANY);
	assert_int_equal(bind(fd[6], (void *)&peer, sizeof(peer)), 0);
	assert_int_equal(setsockopt(fd[0], SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), 0);
	l = host_take();
	s = socket_on(l.host, AF_INET, IPPROTO_UDP, 20001);
	assert_addr(&s->local, "127.0.0.1");
	assert_int_equal(s->state, TCP_CLOSE);
	assert_int_equal(s->ifindex, 1);
	assert_int_equal(s->pid, getpid());
	assert_string_equal(s->process, comm);
	assert_int_equal(s->uid, 0);
	assert_false(s->connected);
	s = socket_on(l.host, AF_INET6, IPPROTO_UDP, 20002);
	assert_true(s->v6only);
	assert_addr(&s->local, "::");
	s = socket_on(l.host, AF_INET6, IPPROTO_TCP, 20003);
	assert_int_equal(s->state, TCP_LISTEN);
	assert_false(s->v6only);
	assert_int_equal(s->pid, getpid());
	s = socket_on(l.host, AF_INET, IPPROTO_TCP, 20004);
	assert_addr(&s->local, "0.0.0.0");
	s = socket_on(l.host, AF_INET, IPPROTO_UDP, 20005);
	assert_true(s->connected);
	assert_int_equal(s->state, TCP_ESTABLISHED);
	assert_addr(&s->remote, "127.0.0.7");
	assert_int_equal(s->rport, 53);
	s = socket_on(l.host, AF_INET, IPPROTO_RAW, 0);
	assert_int_equal(s->raw_proto, 47);
	assert_int_equal(s->pid, getpid());
	socket_on(l.host, AF_INET, IPPROTO_ICMP, 4711);
	host_drop(&l);
	while (n)
		close(fd[--n]);
}

static void test_settings(void **state)
{
	struct lab_host l;

	(void)state;
	lab_open();
	sh("ip link add wan.5 type veth peer name out");
	sh("sysctl -qw net.ipv4.ip_forward=1 net.ipv4.ip_local_port_range='21000 22000'");
	sh("echo 2 >/proc/sys/net/ipv4/conf/wan.5/rp_filter");
	sh("sysctl -qw net.ipv4.ip_local_reserved_ports=%s",
	   "20000-20009,20020-20029,20040-20049,20060-20069,20080-20089,20100-20109,20120-20129,"
	   "20140-20149,20160-20169,20180-20189,20200-20209,20220-20229,20240-20249,20260-20269,"
	   "20280-20289,20300-20309,20320-20329,20340-20349,20360-20369,20380-20389,20400-20409");
	l = host_take();
	assert_string_equal(host_sysctl(l.host, "net.ipv4.ip_local_port_range"), "21000 22000");
	assert_int_equal(host_sysctl_int(l.host, "net.ipv4.ip_local_port_range", 0), 21000);
	assert_int_equal(host_sysctl_int(l.host, "net.ipv4.ip_forward", 0), 1);
	assert_int_equal(host_sysctl_int(l.host, "net.ipv4.conf.wan/5.rp_filter", 0), 2);
	assert_int_equal(host_sysctl_int(l.host, "net.ipv4.conf.all.forwarding", 0), 1);
	assert_int_equal(host_sysctl_int(l.host, "net.ipv6.conf.all.forwarding", 9), 0);
	assert_true(host_sysctl_int(l.host, "net.netfilter.nf_conntrack_max", 0) > 0);
	assert_int_equal(host_sysctl_int(l.host, "net.ipv4.no_such", -7), -7);
	assert_null(host_sysctl(l.host, "net.ipv4.no_such"));
	assert_non_null(
		strstr(host_sysctl(l.host, "net.ipv4.ip_local_reserved_ports"), "20400-20409"));
	host_drop(&l);
}

static void test_flows(void **state)
{
	const struct ct_flow *f = NULL;
	struct lab_host l;

	(void)state;
	lab_open();
	sh("nft add table ip n && nft 'add chain ip n c { type nat hook postrouting priority 0; "
	   "}'");
	sh("conntrack -I -p udp -s 10.0.0.1 -d 198.51.100.1 --sport 1000 --dport 53 -t 99 "
	   "--src-nat 192.0.2.1:20007 -m 5 2>/dev/null");
	sh("conntrack -I -p tcp -s 2001:db8::1 -d 2001:db8::2 --sport 7 --dport 8 -t 99 "
	   "--state ESTABLISHED 2>/dev/null");
	l = host_take();
	assert_int_equal(l.host->n_flows, 2);
	for (size_t i = 0; i < 2; i++)
		if (l.host->flows[i].proto == PROTO_UDP)
			f = &l.host->flows[i];
	assert_non_null(f);
	assert_addr(&f->src, "10.0.0.1");
	assert_addr(&f->rdst, "192.0.2.1");
	assert_int_equal(f->rdport, 20007);
	assert_int_equal(f->mark, 5);
	assert_true(f->timeout > 90);
	host_drop(&l);
}

/* Another einat is known by its control socket; a client's end, or another name, is none. */
static void test_einats(void **state)
{
	static const char name[] = "\0einat:ppp0", other[] = "\0einatd";
	struct sockaddr_un_ {
		sa_family_t family;
		char path[108];
	} a = { .family = AF_UNIX }, b = { .family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), fd2 = socket(AF_UNIX, SOCK_STREAM, 0);
	struct lab_host l;

	(void)state;
	lab_open();
	close(fd);
	close(fd2);
	fd = socket(AF_UNIX, SOCK_STREAM, 0); /* of the new namespace */
	fd2 = socket(AF_UNIX, SOCK_STREAM, 0);
	memcpy(a.path, name, sizeof(name));
	memcpy(b.path, other, sizeof(other));
	assert_int_equal(bind(fd, (void *)&a, sizeof(a.family) + sizeof(name) - 1), 0);
	assert_int_equal(bind(fd2, (void *)&b, sizeof(b.family) + sizeof(other) - 1), 0);
	assert_int_equal(listen(fd2, 1), 0);
	l = host_take();
	assert_int_equal(l.host->n_einats, 0); /* bound, but nobody would answer */
	host_drop(&l);
	assert_int_equal(listen(fd, 1), 0);
	l = host_take();
	assert_int_equal(l.host->n_einats, 1);
	assert_string_equal(l.host->einats[0].ifname, "ppp0");
	assert_true(l.host->einats[0].running);
	assert_false(l.host->einats[0].pins);
	host_drop(&l);
	close(fd);
	close(fd2);
}

/* A file holds all of it; what somebody took out of one is said, and links must be there. */
static void test_file(void **state)
{
	struct lab_host l;
	struct host *h;
	struct err err = { 0 };
	size_t rules, socks;
	int fd;

	(void)state;
	lab_open();
	fd = bound(AF_INET, SOCK_DGRAM, "127.0.0.1", 20001, false);
	l = host_take();
	rules = l.host->n_rules;
	socks = l.host->n_sockets;
	l.capture = through_file(l.capture);
	host_free(l.host);
	assert_int_equal(host_parse(l.capture, &l.host, &err), 0);
	assert_int_equal(l.host->n_rules, rules);
	assert_int_equal(l.host->n_sockets, socks);
	assert_int_equal(socket_on(l.host, AF_INET, IPPROTO_UDP, 20001)->pid, getpid());
	assert_int_equal(l.host->n_gaps, 0);
	capture_drop(l.capture, "conntrack");
	assert_int_equal(host_parse(l.capture, &h, &err), 0);
	assert_int_equal(h->n_gaps, 1);
	assert_string_equal(h->gaps[0].what, "conntrack");
	assert_string_equal(h->gaps[0].why, "the capture has no such record");
	host_free(h);
	capture_drop(l.capture, "link");
	assert_int_equal(host_parse(l.capture, &h, &err), -EBADMSG);
	assert_string_equal(err.text, "the record of link is missing");
	host_drop(&l);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),	 cmocka_unit_test(test_routes),
		cmocka_unit_test(test_links),	 cmocka_unit_test(test_vrf),
		cmocka_unit_test(test_programs), cmocka_unit_test(test_sockets),
		cmocka_unit_test(test_settings), cmocka_unit_test(test_flows),
		cmocka_unit_test(test_einats),	 cmocka_unit_test(test_file),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
