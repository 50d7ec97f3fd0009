// SPDX-License-Identifier: GPL-2.0-or-later
/* Conntrack of IPv6: dump, events, hand-back of UDP, TCP and ICMPv6, with real packets (root). */
#include "tests/nft/wanlab.h"

#include <netinet/icmp6.h>

#include "src/conntrack.h"

struct seen_flows {
	struct ct_flow flow; /* the last one of IPv6 */
	unsigned n, four, ended;
};

static int note(const struct ct_flow *f, void *data)
{
	struct seen_flows *s = data;

	if (net_addr_is4(&f->src)) {
		s->four++;
		return 0;
	}
	s->flow = *f;
	s->n++;
	return 0;
}

static struct seen_flows dump(struct ct *ct)
{
	struct seen_flows s = { 0 };
	struct err e;

	assert_int_equal(ct_dump(ct, note, &s, &e), 0);
	return s;
}

static struct net_addr addr(const char *text)
{
	struct net_addr a;

	assert_int_equal(net_addr_parse(text, &a), 0);
	return a;
}

static void is_addr(const struct net_addr *a, const char *want)
{
	char buf[NET_ADDR_STRLEN];

	assert_string_equal(net_addr_format(a, buf), want);
}

/* NAT hooks without a rule, connection tracking, and a handle that knows IPv6. */
static struct ct *open_ct(bool ipv6)
{
	struct ct *ct;
	struct err e;

	do_run("nft 'table inet t { chain post { type nat hook postrouting priority 100; }; "
	       "chain f { type filter hook forward priority 0; ct state invalid drop; }; }'");
	assert_int_equal(ct_open(&ct, &e), 0);
	ct_set_ipv6(ct, ipv6);
	return ct;
}

static void test_udp(void **state)
{
	struct lab *l = *state;
	struct net_addr ext, ext4 = addr(EXT);
	struct ct *ct, *four;
	struct ct_flow f;
	struct err e;
	int fd;

	need_root();
	ct = open_ct(true);
	four = open_ct(false);
	ext = addr(EXT6);
	fd = udp(l, LAN, HOST6, 5000);
	send_to(fd, REMOTE6, 7000);
	is_peer(recv_from(l->remote6), HOST6, 5000);
	assert_int_equal(dump(four).n, 0);
	assert_int_equal(dump(ct).n, 1);
	f = dump(ct).flow;
	assert_int_equal(f.proto, PROTO_UDP);
	is_addr(&f.src, HOST6);
	is_addr(&f.dst, REMOTE6);
	is_addr(&f.rsrc, REMOTE6);
	is_addr(&f.rdst, HOST6);
	assert_int_equal(f.sport, 5000);
	assert_int_equal(f.dport, 7000);
	assert_int_equal(f.rdport, 5000);

	assert_int_equal(ct_replace_snat(ct, &f, &ext4, 20123, &e), -EINVAL);
	assert_non_null(strstr(e.text, "family"));
	assert_int_equal(ct_add_snat(ct, &f, &ext, 20123, &e), -EEXIST);
	assert_non_null(strstr(e.text, "[" HOST6 "]:5000"));
	assert_int_equal(ct_replace_snat(ct, &f, &ext, 20123, &e), 0);
	send_to(l->remote6, EXT6, 20123);
	is_peer(recv_from(fd), REMOTE6, 7000);
	send_to(fd, REMOTE6, 7000);
	is_peer(recv_from(l->remote6), EXT6, 20123);
	f = dump(ct).flow;
	is_addr(&f.rdst, EXT6);
	assert_int_equal(f.rdport, 20123);
	assert_int_equal(ct_del(ct, &f, &e), 0);
	assert_int_equal(ct_del(ct, &f, &e), -ENOENT);
	send_to(fd, REMOTE6, 7000);
	is_peer(recv_from(l->remote6), HOST6, 5000);
	close(fd);
	ct_close(ct);
	ct_close(four);
}

/* A destination that is translated stays so. */
static void test_dnat(void **state)
{
	struct lab *l = *state;
	struct net_addr ext;
	struct ct_flow f;
	struct ct *ct;
	struct err e;
	int fd;

	need_root();
	ct = open_ct(true);
	ext = addr(EXT6);
	do_run("nft 'table ip6 d { chain pre { type nat hook prerouting priority -100; "
	       "ip6 daddr fd00:99::1 udp dport 53 dnat to [" REMOTE6 "]:7000; }; }'");
	fd = udp(l, LAN, HOST6, 5001);
	send_to(fd, "fd00:99::1", 53);
	is_peer(recv_from(l->remote6), HOST6, 5001);
	do_run("nft delete table ip6 d");
	f = dump(ct).flow;
	is_addr(&f.rsrc, REMOTE6);
	assert_int_equal(ct_replace_snat(ct, &f, &ext, 20124, &e), 0);
	send_to(fd, "fd00:99::1", 53);
	is_peer(recv_from(l->remote6), EXT6, 20124);
	send_to(l->remote6, EXT6, 20124);
	is_peer(recv_from(fd), "fd00:99::1", 53);
	close(fd);
	ct_close(ct);
}

static int icmp_socket(struct lab *l, enum place p, const char *address, int type)
{
	struct sockaddr_storage sa;
	struct icmp6_filter only;
	int fd;

	ICMP6_FILTER_SETBLOCKALL(&only);
	ICMP6_FILTER_SETPASS(type, &only);
	go(l, p);
	fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);
	assert_true(fd >= 0);
	setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &only, sizeof(only));
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sock_addr(address, 0, &sa)), 0);
	go(l, ROUTER);
	return fd;
}

static unsigned echo_id(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct icmp6_hdr echo;

	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	assert_int_equal(read(fd, &echo, sizeof(echo)), sizeof(echo));
	return ntohs(echo.icmp6_id);
}

static void ping(int fd, unsigned id)
{
	struct icmp6_hdr echo = { .icmp6_type = ICMP6_ECHO_REQUEST };
	struct sockaddr_storage to;
	socklen_t len = sock_addr(REMOTE6, 0, &to);

	echo.icmp6_id = htons((uint16_t)id);
	assert_int_equal(sendto(fd, &echo, sizeof(echo), 0, (struct sockaddr *)&to, len),
			 sizeof(echo));
}

static void test_echo(void **state)
{
	struct lab *l = *state;
	int host, requests;
	struct net_addr ext;
	struct ct_flow f;
	struct ct *ct;
	struct err e;

	need_root();
	ct = open_ct(true);
	ext = addr(EXT6);
	host = icmp_socket(l, LAN, HOST6, ICMP6_ECHO_REPLY);
	requests = icmp_socket(l, REMOTE_NS, REMOTE6, ICMP6_ECHO_REQUEST);
	ping(host, 4242);
	assert_int_equal(echo_id(requests), 4242);
	assert_int_equal(echo_id(host), 4242);
	assert_int_equal(dump(ct).n, 1);
	f = dump(ct).flow;
	assert_int_equal(f.proto, PROTO_ICMP);
	assert_int_equal(f.sport, 4242);
	assert_int_equal(f.rdport, 4242);
	assert_int_equal(f.dport, ICMP6_ECHO_REQUEST << 8);
	assert_int_equal(ct_replace_snat(ct, &f, &ext, 20200, &e), 0);
	ping(host, 4242);
	assert_int_equal(echo_id(requests), 20200);
	assert_int_equal(echo_id(host), 4242);
	f = dump(ct).flow;
	is_addr(&f.rdst, EXT6);
	assert_int_equal(f.rdport, 20200);
	/* a flow made up from a binding: no reply tuple, no type */
	assert_int_equal(ct_del(ct, &f, &e), 0);
	f = (struct ct_flow){ .proto = PROTO_ICMP, .src = f.src, .dst = f.dst, .sport = 4243 };
	f.timeout = 30;
	assert_int_equal(ct_add_snat(ct, &f, &ext, 20201, &e), 0);
	ping(host, 4243);
	assert_int_equal(echo_id(requests), 20201);
	assert_int_equal(echo_id(host), 4243);
	close(host);
	close(requests);
	ct_close(ct);
}

/* A connection goes on under the port that it had outside. */
static void test_tcp(void **state)
{
	struct sockaddr_storage here, there;
	socklen_t here_len = sock_addr(HOST6, 5002, &here);
	socklen_t len = sock_addr(REMOTE6, 7002, &there);
	struct lab *l = *state;
	int listener, fd, got;
	struct net_addr ext;
	struct ct_flow f;
	struct ct *ct;
	struct err e;
	struct timeval wait = { .tv_sec = WAIT_MS / 1000 };
	char buf[8];

	need_root();
	ct = open_ct(true);
	ext = addr(EXT6);
	/* as the claim of einat and its data plane leave it: outside, the host is ext:20300 */
	do_run("nft 'table ip6 n { chain post { type nat hook postrouting priority 99; "
	       "ip6 saddr fd00:1::/64 tcp sport 5002 snat to [" EXT6 "]:20300; }; }'");
	go(l, REMOTE_NS);
	listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&there, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	go(l, LAN);
	fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&here, here_len), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&there, len), 0);
	go(l, ROUTER);
	got = accept(listener, NULL, NULL);
	assert_true(got >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(got, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	do_run("nft delete table ip6 n");
	f = dump(ct).flow;
	assert_int_equal(f.proto, PROTO_TCP);
	f.rdst = f.src;
	f.rdport = f.sport;
	assert_int_equal(ct_replace_snat(ct, &f, &ext, 20300, &e), 0);
	assert_int_equal(write(fd, "out", 3), 3);
	assert_int_equal(read(got, buf, sizeof(buf)), 3);
	assert_int_equal(write(got, "in", 2), 2);
	assert_int_equal(read(fd, buf, sizeof(buf)), 2);
	assert_int_equal(dump(ct).flow.rdport, 20300);
	close(fd);
	close(got);
	close(listener);
	ct_close(ct);
}

static void on_event(enum ct_event ev, const struct ct_flow *f, void *data)
{
	struct seen_flows *s = data;

	if (ev == CT_DESTROY)
		s->ended += !net_addr_is4(&f->src);
	else
		note(f, s);
}

static void test_events(void **state)
{
	struct lab *l = *state;
	struct seen_flows both = { 0 }, four = { 0 };
	struct ct *ct, *ct4;
	struct err e;

	need_root();
	ct = open_ct(true);
	ct4 = open_ct(false);
	assert_int_equal(ct_events_start(ct, on_event, &both, &e), 0);
	assert_int_equal(ct_events_start(ct4, on_event, &four, &e), 0);
	seen(l, LAN, HOST6, 5003);
	seen(l, LAN, HOST, 5003);
	assert_int_equal(ct_del(ct,
				&(struct ct_flow){ .proto = PROTO_UDP,
						   .src = addr(HOST6),
						   .dst = addr(REMOTE6),
						   .sport = 5003,
						   .dport = 7000 },
				&e),
			 0);
	for (int i = 0; i < WAIT_MS / 10 && !both.ended; i++) {
		assert_int_equal(ct_events_drain(ct), 0);
		usleep(10000);
	}
	assert_int_equal(ct_events_drain(ct4), 0);
	assert_true(both.n >= 1);
	assert_true(both.four >= 1);
	assert_int_equal(both.ended, 1);
	is_addr(&both.flow.src, HOST6);
	assert_int_equal(four.n, 0);
	assert_int_equal(four.ended, 0);
	assert_true(four.four >= 1);
	ct_close(ct);
	ct_close(ct4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab6_test(test_udp), lab6_test(test_dnat),   lab6_test(test_echo),
		lab6_test(test_tcp), lab6_test(test_events),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
