/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A router with three interfaces, packets made by hand, and eyes on where they come out.
 *
 *   lan 10.0.0.1/24 fd00::1/64 --+          +-- wan 192.0.2.1/24 2001:db8:f::1/64
 *                                |  router  |      (198.51.100.0/24, 2001:db8::/64 behind it)
 *   dmz 10.1.0.1/24 -------------+          |
 *
 * The far ends of the veth pairs are raw sockets alone. What leaves is seen by packet sockets on
 * the router's interfaces (behind every hook, with its mark), what is delivered by raw sockets.
 */
#ifndef EINAT_TEST_SOUND_NET_H
#define EINAT_TEST_SOUND_NET_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>
#include <linux/netfilter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "netlab.h"
#include "nft/walk.h"

#ifndef SO_RCVMARK
#define SO_RCVMARK 75
#endif

enum { WAN, LAN, DMZ, LINKS };
static const char *const link_names[LINKS] = { "wan", "lan", "dmz" };

struct net {
	int send[LINKS]; /* far ends */
	int out[LINKS]; /* what leaves the router there */
	int local4[3], local6[3]; /* what is delivered: UDP, TCP, ICMP */
	int own4, own6; /* what the router sends by itself */
	struct mnl_socket *ct;
	uint32_t id; /* of the last packet */
};

/* A packet as it is sent, or as it was seen. */
struct flight {
	uint8_t family, proto; /* NFPROTO_, IPPROTO_ */
	int in, out; /* WAN ...; in -1: the router's own; out -1: delivered */
	struct net_addr src, dst;
	uint16_t sport, dport;
	uint32_t mark;
	bool seen;
};

static inline uint16_t csum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static inline uint32_t csum_add(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		sum += (uint32_t)p[i] << (i % 2 ? 0 : 8);
	return sum;
}

/* Layer 4 and the identity of the packet behind it; returns the length. */
static inline size_t build_l4(const struct flight *f, uint32_t id, uint8_t *p)
{
	size_t head = f->proto == IPPROTO_TCP ? 20 : 8, len = head + 4;
	size_t sum_at = f->proto == IPPROTO_TCP ? 16 : f->proto == IPPROTO_UDP ? 6 : 2;
	uint16_t sport = htons(f->sport), dport = htons(f->dport), sum;
	uint32_t s = 0;

	memset(p, 0, len);
	memcpy(p + head, &id, 4);
	if (f->proto == IPPROTO_UDP || f->proto == IPPROTO_TCP) {
		memcpy(p, &sport, 2);
		memcpy(p + 2, &dport, 2);
	}
	if (f->proto == IPPROTO_UDP) {
		p[5] = (uint8_t)len;
	} else if (f->proto == IPPROTO_TCP) {
		p[12] = 0x50;
		p[13] = 0x02;
		p[15] = 0xff;
	} else {
		p[0] = f->proto == IPPROTO_ICMP ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
		memcpy(p + 4, &sport, 2);
	}
	if (f->proto != IPPROTO_ICMP) {
		size_t n = f->family == NFPROTO_IPV4 ? 4 : 16;

		s = csum_add(s, f->src.b + 16 - n, n);
		s = csum_add(s, f->dst.b + 16 - n, n);
		s += f->proto + (uint32_t)len;
	}
	sum = htons(csum_fold(csum_add(s, p, len)));
	memcpy(p + sum_at, &sum, 2);
	return len;
}

static inline size_t build_ip(const struct flight *f, uint32_t id, uint8_t *p)
{
	size_t len;

	if (f->family == NFPROTO_IPV4) {
		struct iphdr ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = f->proto };

		len = build_l4(f, id, p + 20);
		ip.tot_len = htons((uint16_t)(20 + len));
		ip.saddr = net_addr_to4(&f->src);
		ip.daddr = net_addr_to4(&f->dst);
		ip.check = htons(csum_fold(csum_add(0, &ip, 20)));
		memcpy(p, &ip, 20);
		return len + 20;
	}
	len = build_l4(f, id, p + 40);
	memset(p, 0, 40);
	p[0] = 0x60;
	p[5] = (uint8_t)len;
	p[6] = f->proto;
	p[7] = 64;
	memcpy(p + 8, &f->src, 16);
	memcpy(p + 24, &f->dst, 16);
	return len + 40;
}

/* Does what is at @p look like one of ours? Its identity, headers into @f. */
static inline bool parse_l4(struct flight *f, const uint8_t *p, size_t len, uint32_t *ret_id)
{
	size_t head = f->proto == IPPROTO_TCP ? 20 : 8;
	uint16_t v;

	if (len < head + 4)
		return false;
	memcpy(ret_id, p + head, 4);
	if (f->proto == IPPROTO_ICMP || f->proto == IPPROTO_ICMPV6) {
		memcpy(&v, p + 4, 2);
		f->sport = ntohs(v);
		f->dport = 0;
		return p[0] == (f->proto == IPPROTO_ICMP ? ICMP_ECHO : ICMP6_ECHO_REQUEST);
	}
	memcpy(&v, p, 2);
	f->sport = ntohs(v);
	memcpy(&v, p + 2, 2);
	f->dport = ntohs(v);
	return true;
}

static inline bool parse_ip(struct flight *f, const uint8_t *p, size_t len, uint32_t *ret_id)
{
	if (len >= 40 && p[0] >> 4 == 6) {
		f->family = NFPROTO_IPV6;
		f->proto = p[6];
		memcpy(&f->src, p + 8, 16);
		memcpy(&f->dst, p + 24, 16);
		return parse_l4(f, p + 40, len - 40, ret_id);
	}
	if (len >= 20 && p[0] == 0x45) {
		uint32_t a;

		f->family = NFPROTO_IPV4;
		f->proto = p[9];
		memcpy(&a, p + 12, 4);
		f->src = net_addr_from4(a);
		memcpy(&a, p + 16, 4);
		f->dst = net_addr_from4(a);
		return parse_l4(f, p + 20, len - 20, ret_id);
	}
	return false;
}

static inline void net_send(struct net *n, const struct flight *f)
{
	uint8_t frame[128] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 };
	uint32_t id = ++n->id;
	size_t len = build_ip(f, id, frame + 14);

	if (f->in < 0) {
		struct sockaddr_in to4 = { .sin_family = AF_INET };
		struct sockaddr_in6 to6 = { .sin6_family = AF_INET6 };

		/* what a hook drops may be told as an error */
		if (f->family == NFPROTO_IPV4) {
			to4.sin_addr.s_addr = net_addr_to4(&f->dst);
			sendto(n->own4, frame + 14, len, 0, (void *)&to4, sizeof(to4));
		} else {
			memcpy(&to6.sin6_addr, &f->dst, 16);
			sendto(n->own6, frame + 14, len, 0, (void *)&to6, sizeof(to6));
		}
		return;
	}
	frame[12] = f->family == NFPROTO_IPV4 ? 0x08 : 0x86;
	frame[13] = f->family == NFPROTO_IPV4 ? 0x00 : 0xdd;
	assert_int_equal(send(n->send[f->in], frame, len + 14, 0), (ssize_t)(len + 14));
}

struct received {
	uint8_t data[512];
	ssize_t len;
	uint32_t mark;
	struct net_addr src, dst;
	struct sockaddr_storage from;
};

static inline bool receive(int fd, struct received *r)
{
	char control[256];
	struct iovec iov = { r->data, sizeof(r->data) };
	struct msghdr m = { .msg_name = &r->from,
			    .msg_namelen = sizeof(r->from),
			    .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };

	r->len = recvmsg(fd, &m, MSG_DONTWAIT);
	r->mark = 0;
	if (r->len < 0)
		return false;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_level == SOL_SOCKET)
			memcpy(&r->mark, CMSG_DATA(c), 4);
		else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
			memcpy(&r->dst, CMSG_DATA(c), 16);
	}
	return true;
}

/* Everything that has come: into @seen by identity, counted from @first. */
static inline void net_collect(struct net *n, struct flight *seen, uint32_t first, size_t count)
{
	static const uint8_t protos6[] = { IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMPV6 };
	struct received r;

	for (int i = 0; i < LINKS + 6; i++) {
		int fd = i < LINKS	 ? n->out[i]
			 : i < LINKS + 3 ? n->local4[i - LINKS]
					 : n->local6[i - LINKS - 3];

		while (receive(fd, &r)) {
			struct flight f = { .out = i < LINKS ? i : -1,
					    .mark = r.mark,
					    .seen = true };
			uint32_t id;
			bool ok;

			if (i < LINKS) {
				const struct sockaddr_ll *ll = (const void *)&r.from;

				ok = ll->sll_pkttype == PACKET_OUTGOING && r.len > 14 &&
				     parse_ip(&f, r.data + 14, (size_t)r.len - 14, &id);
			} else if (i < LINKS + 3) {
				ok = parse_ip(&f, r.data, (size_t)r.len, &id);
			} else {
				f.family = NFPROTO_IPV6;
				f.proto = protos6[i - LINKS - 3];
				memcpy(&f.src, &((struct sockaddr_in6 *)(void *)&r.from)->sin6_addr,
				       16);
				f.dst = r.dst;
				ok = parse_l4(&f, r.data, (size_t)r.len, &id);
			}
			if (ok && id - first < count)
				seen[id - first] = f;
		}
	}
}

/* The connections that packets before have left would decide for those to come. */
static inline void net_forget(struct net *n)
{
	char buf[256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));

	nlh->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	g->nfgen_family = AF_UNSPEC;
	assert_true(mnl_socket_sendto(n->ct, nlh, nlh->nlmsg_len) > 0);
	assert_true(mnl_socket_recvfrom(n->ct, buf, sizeof(buf)) > 0);
}

static inline int packet_socket(const char *ifname, bool marks)
{
	struct sockaddr_ll ll = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = (int)if_nametoindex(ifname) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, marks ? htons(ETH_P_ALL) : 0), on = 1;

	assert_true(fd >= 0 && ll.sll_ifindex);
	if (!marks)
		ll.sll_protocol = 0;
	assert_int_equal(bind(fd, (struct sockaddr *)&ll, sizeof(ll)), 0);
	if (marks)
		assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVMARK, &on, sizeof(on)), 0);
	return fd;
}

static inline int raw_socket(int family, int proto)
{
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, proto), on = 1;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVMARK, &on, sizeof(on)), 0);
	if (family == AF_INET6)
		assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)),
				 0);
	return fd;
}

static inline void net_sockets(struct net *n)
{
	static const int p4[] = { IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMP };
	static const int p6[] = { IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMPV6 };

	for (int i = 0; i < LINKS; i++)
		n->out[i] = packet_socket(link_names[i], true);
	for (int i = 0; i < 3; i++) {
		n->local4[i] = raw_socket(AF_INET, p4[i]);
		n->local6[i] = raw_socket(AF_INET6, p6[i]);
	}
	n->own4 = raw_socket(AF_INET, IPPROTO_RAW);
	n->own6 = raw_socket(AF_INET6, IPPROTO_RAW);
	n->ct = mnl_socket_open(NETLINK_NETFILTER);
	assert_non_null(n->ct);
	assert_int_equal(mnl_socket_bind(n->ct, 0, MNL_SOCKET_AUTOPID), 0);
}

/* A namespace for the far ends, known to `ip` as far; returns the router's. */
static inline int net_namespaces(int *ret_far)
{
	int far, router;
	char path[64];

	lab_open();
	sh("mount -t tmpfs none /run; mkdir /run/netns; touch /run/netns/far; "
	   "sysctl -qw net.ipv6.conf.default.disable_ipv6=1 net.ipv6.conf.all.disable_ipv6=1");
	far = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", far);
	assert_int_equal(mount(path, "/run/netns/far", NULL, MS_BIND, NULL), 0);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	router = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_true(far >= 0 && router >= 0);
	*ret_far = far;
	return router;
}

static inline void net_open(struct net *n)
{
	int far, router = net_namespaces(&far);

	memset(n, 0, sizeof(*n));
	sh("ip link set lo up; "
	   "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 "
	   "net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 "
	   "net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0 "
	   "net.ipv6.conf.default.accept_dad=0");
	for (int i = 0; i < LINKS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "far%d", i);
		sh("ip link add %s address 02:00:00:00:00:01 type veth peer name %s netns far; "
		   "ip link set %s up; ip -n far link set %s up",
		   link_names[i], name, link_names[i], name);
		assert_int_equal(setns(far, CLONE_NEWNET), 0);
		n->send[i] = packet_socket(name, false);
		assert_int_equal(setns(router, CLONE_NEWNET), 0);
	}
	close(far);
	close(router);
	sh("ip addr add 10.0.0.1/24 dev lan; ip addr add 10.1.0.1/24 dev dmz; "
	   "ip addr add 192.0.2.1/24 dev wan; ip -6 addr add fd00::1/64 dev lan nodad; "
	   "ip -6 addr add 2001:db8:f::1/64 dev wan nodad; "
	   "ip neigh add 192.0.2.254 lladdr 02:00:00:00:00:02 dev wan nud permanent; "
	   "ip route add 198.51.100.0/24 via 192.0.2.254; "
	   "ip -6 neigh add 2001:db8:f::fe lladdr 02:00:00:00:00:02 dev wan nud permanent; "
	   "ip -6 route add 2001:db8::/64 via 2001:db8:f::fe; "
	   "ip -6 route add 2001:db8:1::/64 via 2001:db8:f::fe");
	for (int i = 2; i < 7; i++)
		sh("ip neigh add 10.0.0.%d lladdr 02:00:00:00:00:02 dev lan nud permanent; "
		   "ip neigh add 10.1.0.%d lladdr 02:00:00:00:00:02 dev dmz nud permanent; "
		   "ip -6 neigh add fd00::%d lladdr 02:00:00:00:00:02 dev lan nud permanent",
		   i, i, i);
	net_sockets(n);
}

#endif
