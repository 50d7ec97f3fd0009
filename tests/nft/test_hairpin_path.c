// SPDX-License-Identifier: GPL-2.0-or-later
/* Hairpin: where packets go (root). */
#include "hairpin_lab.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_route_lookup),
		T(test_this_host),
		T(test_tun_without_mac),
		T(test_packets),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("hairpin_path", tests, NULL, NULL);
}
