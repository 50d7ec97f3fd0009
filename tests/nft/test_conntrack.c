// SPDX-License-Identifier: GPL-2.0-or-later
/* Hand-back: live UDP, TCP and ICMP flows get another conntrack entry and go on. */
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack_tcp.h>
#include <netinet/ip_icmp.h>
#include <signal.h>
#include <sys/wait.h>

#include "tests/nft/ct_lab.h"

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

/* A flow that the peer began is handed back the other way round, as if the host had begun it. */
static void test_udp_inbound(void **state)
{
	int host = sock(LAN, SOCK_DGRAM, 0, HOST, 5006), peer = sock(WAN, SOCK_DGRAM, 0, PEER, 55);
	struct net_addr ext = addr(EXT);
	struct ct_flow f, g;
	struct err err;

	(void)state;
	assert_int_equal(rules(""), 0);
	udp_send(peer, HOST, 5006);
	udp_expect(host, PEER, 55);
	udp_send(host, PEER, 55);
	udp_expect(peer, HOST, 5006);
	assert_int_equal(find(PROTO_UDP, PEER, 55, &f), 1);
	g = f;
	g.src = f.rsrc;
	g.sport = f.rsport;
	g.dst = f.rdst;
	g.dport = f.rdport;
	g.rsrc = g.dst;
	g.rsport = g.dport;
	assert_int_equal(ct_replace_snat(lab.ct, &g, &ext, 20128, &err), 0);
	assert_int_equal(find(PROTO_UDP, PEER, 55, &f), 0);
	udp_send(peer, EXT, 20128);
	udp_expect(host, PEER, 55);
	udp_send(host, PEER, 55);
	udp_expect(peer, EXT, 20128);
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

static int note_flags(enum nf_conntrack_msg_type type, struct nf_conntrack *ct, void *data)
{
	uint8_t *flags = data;

	(void)type;
	if (nfct_get_attr_u8(ct, ATTR_L4PROTO) == IPPROTO_TCP &&
	    ntohs(nfct_get_attr_u16(ct, ATTR_ORIG_PORT_SRC)) == 6000) {
		flags[0] = nfct_get_attr_u8(ct, ATTR_TCP_FLAGS_ORIG);
		flags[1] = nfct_get_attr_u8(ct, ATTR_TCP_FLAGS_REPL);
	}
	return NFCT_CB_CONTINUE;
}

/* By another library: whether a packet is out of the guessed window depends on timing. */
static void assert_liberal(void)
{
	struct nfct_handle *h = nfct_open(CONNTRACK, 0);
	uint32_t family = AF_INET;
	uint8_t flags[2] = { 0 };

	assert_non_null(h);
	nfct_callback_register(h, NFCT_T_ALL, note_flags, flags);
	assert_int_equal(nfct_query(h, NFCT_Q_DUMP, &family), 0);
	nfct_close(h);
	assert_true(flags[0] & IP_CT_TCP_FLAG_BE_LIBERAL);
	assert_true(flags[1] & IP_CT_TCP_FLAG_BE_LIBERAL);
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
	assert_liberal();
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_udp),	 cmocka_unit_test(test_udp_inbound),
		cmocka_unit_test(test_udp_dnat), cmocka_unit_test(test_replace_live),
		cmocka_unit_test(test_icmp),	 cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_zone),	 cmocka_unit_test(test_port_clash),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("conntrack", tests, setup, teardown);
}
