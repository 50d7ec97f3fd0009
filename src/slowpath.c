// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/icmp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "src/hairpin_relay.h"
#include "src/late.h"
#include "src/log.h"
#include "src/refuse.h"
#include "src/slowpath.h"

/* How often held fragments are looked after; the timer runs only while there are any. */
#define LATE_TICK_MS 5

struct slowpath {
	const struct dataplane *dp;
	slowpath_full_fn full;
	void *data;
	struct ring_buffer *ring;
	struct late *late;
	struct hairpin_relay *relay;
	struct refuse_limit refused;
	struct sockaddr_ll wan;
	int epoll_fd, timer_fd, packet_fd, icmp_fd, icmp6_fd; /* icmp6_fd: -1 without IPv6 */
	bool ticking;
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* ---- full slice -------------------------------------------------------------------------- */

/* Addresses of the packet; its IP header is complete (event_copy() in bpf/event.h). */
static void addresses(const uint8_t *packet, struct net_addr *ret_src, struct net_addr *ret_dst)
{
	uint32_t addr[2];

	if (*packet >> 4 == 6) {
		memcpy(ret_src, packet + 8, sizeof(*ret_src));
		memcpy(ret_dst, packet + 24, sizeof(*ret_dst));
		return;
	}
	memcpy(addr, packet + 12, sizeof(addr));
	*ret_src = net_addr_from4(addr[0]);
	*ret_dst = net_addr_from4(addr[1]);
}

/* Whoever hides the ports behind more than EVENT_HEAD6_MAX of extension headers waits. */
static void on_full(struct slowpath *sp, const struct einat_event *e, const uint8_t *packet)
{
	struct ct_flow f = { .proto = 1u << e->proto };
	uint16_t l4[4];

	if (e->proto >= EINAT_PROTO_COUNT || e->len < e->l4 + sizeof(l4))
		return;
	memcpy(l4, packet + e->l4, sizeof(l4));
	addresses(packet, &f.src, &f.dst);
	f.rdst = f.src;
	f.rsrc = f.dst;
	if (f.proto == PROTO_ICMP) {
		f.sport = f.rdport = ntohs(l4[2]);
		f.dport = ntohs(l4[0]); /* type and code */
	} else {
		f.sport = f.rdport = ntohs(l4[0]);
		f.dport = f.rsport = ntohs(l4[1]);
	}
	sp->full(&f, sp->data);
}

/* The kernel chooses the source, and sums up what is ICMPv6. */
static int send_refusal(const struct slowpath *sp, const struct net_addr *to, const uint8_t *msg,
			size_t n)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };

	if (net_addr_is4(to)) {
		sin.sin_addr.s_addr = net_addr_to4(to);
		return sendto(sp->icmp_fd, msg, n, MSG_DONTWAIT, (struct sockaddr *)&sin,
			      sizeof(sin)) < 0;
	}
	memcpy(&sin6.sin6_addr, to, sizeof(*to));
	return sendto(sp->icmp6_fd, msg, n, MSG_DONTWAIT, (struct sockaddr *)&sin6, sizeof(sin6)) <
	       0;
}

static void on_refused(struct slowpath *sp, const struct einat_event *e, const uint8_t *packet)
{
	uint8_t msg[REFUSE_MAX];
	struct net_addr to;
	size_t n = refuse_build(packet, e->len, e->ingress_ifindex, msg, &to);

	if (n && refuse_allowed(&sp->refused, &to, now_ms()) && send_refusal(sp, &to, msg, n))
		log_debug("cannot tell a host that the slice is full: %s", strerror(errno));
}

/*
 * NPTv6: an address without a counterpart, RFC 6296 sections 3.2, 3.3 and 3.7. What came in by the
 * external interface is seen before it is forwarded, and has its hop limit still.
 */
static void on_unmapped(struct slowpath *sp, const struct einat_event *e, const uint8_t *packet)
{
	bool inwards = e->ingress_ifindex == (uint32_t)sp->wan.sll_ifindex;
	uint8_t msg[REFUSE_MAX];
	struct net_addr to;
	size_t n = refuse_build(packet, e->len, e->ingress_ifindex && !inwards, msg, &to);

	if (!n || sp->icmp6_fd < 0 || !refuse_allowed(&sp->refused, &to, now_ms()))
		return;
	refuse_unmapped(msg, inwards);
	if (send_refusal(sp, &to, msg, n))
		log_debug("cannot tell a host of an address without a counterpart: %s",
			  strerror(errno));
}

/* ---- late fragments ---------------------------------------------------------------------- */

/* The data plane translates what is sent in again by its own note of the first fragment. */
static bool first_seen(const struct einat_frag_key *key, void *data)
{
	const struct slowpath *sp = data;
	struct einat_frag f;
	struct einat_cfg cfg;

	return !bpf_map_lookup_elem(dataplane_fd(sp->dp, DP_FRAGS), key, &f) &&
	       !dataplane_cfg(sp->dp, &cfg) && dataplane_now(sp->dp) - f.at < cfg.t_frag;
}

static void send_in(const void *packet, size_t len, void *data)
{
	struct slowpath *sp = data;

	if (!len)
		return;
	sp->wan.sll_protocol = htons(*(const uint8_t *)packet >> 4 == 6 ? ETH_P_IPV6 : ETH_P_IP);
	if (sendto(sp->packet_fd, packet, len, MSG_DONTWAIT, (struct sockaddr *)&sp->wan,
		   sizeof(sp->wan)) < 0)
		log_debug("cannot send a late fragment in again: %s", strerror(errno));
}

static void tick(struct slowpath *sp, bool on)
{
	const struct timespec t = { .tv_nsec = on ? LATE_TICK_MS * 1000000L : 0 };
	const struct itimerspec its = { t, t };

	if (on != sp->ticking && !timerfd_settime(sp->timer_fd, 0, &its, NULL))
		sp->ticking = on;
}

static void on_late(struct slowpath *sp, const struct einat_event *e, const uint8_t *packet)
{
	if (first_seen(&e->key, sp)) /* it came between the two */
		send_in(packet, e->len, sp);
	else
		late_add(sp->late, &e->key, packet, e->len, now_ms());
}

/* ---- the ring ---------------------------------------------------------------------------- */

static int on_event(void *data, void *record, size_t size)
{
	struct slowpath *sp = data;
	const struct einat_event *e = record;
	const uint8_t *packet = (const uint8_t *)(e + 1);

	if (size < sizeof(*e) || e->len > size - sizeof(*e))
		return 0;
	switch ((enum einat_event_kind)e->kind) {
	case EVENT_FULL:
		on_full(sp, e, packet);
		break;
	case EVENT_REFUSED:
		on_refused(sp, e, packet);
		break;
	case EVENT_UNMAPPED:
		on_unmapped(sp, e, packet);
		break;
	case EVENT_LATE_FRAGMENT:
		on_late(sp, e, packet);
		break;
	case EINAT_EVENT_COUNT:
		break;
	}
	return 0;
}

/* Nothing is ever read from either; marked as the kernel's own ICMP errors: internetwork control.
 */
static int open_icmp(struct slowpath *sp, bool ipv6, struct err *err)
{
	const struct icmp_filter nothing = { .data = ~0u };
	struct icmp6_filter nothing6;
	const int tos = 0xc0;

	sp->icmp_fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	if (sp->icmp_fd < 0)
		return err_sys(err, errno, "cannot make a raw socket");
	setsockopt(sp->icmp_fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	setsockopt(sp->icmp_fd, SOL_RAW, ICMP_FILTER, &nothing, sizeof(nothing));
	if (!ipv6)
		return 0;
	sp->icmp6_fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);
	if (sp->icmp6_fd < 0)
		return err_sys(err, errno, "cannot make a raw socket of IPv6");
	setsockopt(sp->icmp6_fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
	ICMP6_FILTER_SETBLOCKALL(&nothing6);
	setsockopt(sp->icmp6_fd, IPPROTO_ICMPV6, ICMP6_FILTER, &nothing6, sizeof(nothing6));
	return 0;
}

static int open_sockets(struct slowpath *sp, const struct link_info *link, struct err *err)
{
	sp->wan = (struct sockaddr_ll){ .sll_family = AF_PACKET,
					.sll_ifindex = link->ifindex,
					.sll_halen = link->ether ? sizeof(link->mac) : 0 };
	memcpy(sp->wan.sll_addr, link->mac, sizeof(link->mac));
	/* protocol 0: it sends only */
	sp->packet_fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sp->packet_fd < 0)
		return err_sys(err, errno, "cannot make a packet socket");
	return open_icmp(sp, link->ipv6 || link->nptv6, err);
}

static int open_waiting(struct slowpath *sp, struct err *err)
{
	struct epoll_event ev = { .events = EPOLLIN };

	sp->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	sp->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	sp->ring = ring_buffer__new(dataplane_fd(sp->dp, DP_EVENTS), on_event, sp, NULL);
	if (!sp->ring)
		return err_sys(err, errno, "cannot read the data plane's \"events\"");
	if (sp->epoll_fd < 0 || sp->timer_fd < 0 ||
	    epoll_ctl(sp->epoll_fd, EPOLL_CTL_ADD, sp->timer_fd, &ev) ||
	    epoll_ctl(sp->epoll_fd, EPOLL_CTL_ADD, ring_buffer__epoll_fd(sp->ring), &ev) ||
	    epoll_ctl(sp->epoll_fd, EPOLL_CTL_ADD, hairpin_relay_fd(sp->relay), &ev))
		return err_sys(err, errno, "cannot wait for the data plane's events");
	return 0;
}

int slowpath_open(const struct dataplane *dp, const struct link_info *link, slowpath_full_fn full,
		  void *data, struct slowpath **ret_sp, struct err *err)
{
	struct slowpath *sp = calloc(1, sizeof(*sp));
	int ret;

	if (!sp)
		return err_sys(err, ENOMEM, "slow path");
	*sp = (struct slowpath){ .dp = dp, .full = full, .data = data };
	sp->epoll_fd = sp->timer_fd = sp->packet_fd = sp->icmp_fd = sp->icmp6_fd = -1;
	sp->late = late_new();
	ret = sp->late ? open_sockets(sp, link, err) : err_sys(err, ENOMEM, "slow path");
	if (!ret)
		ret = hairpin_relay_open(dp, link, &sp->relay, err);
	if (!ret)
		ret = open_waiting(sp, err);
	if (ret) {
		slowpath_close(sp);
		return ret;
	}
	*ret_sp = sp;
	return 0;
}

void slowpath_close(struct slowpath *sp)
{
	if (!sp)
		return;
	ring_buffer__free(sp->ring);
	late_free(sp->late);
	hairpin_relay_close(sp->relay);
	for (int i = 0; i < 5; i++) {
		int fd = (int[]){ sp->epoll_fd, sp->timer_fd, sp->packet_fd, sp->icmp_fd,
				  sp->icmp6_fd }[i];

		if (fd >= 0)
			close(fd);
	}
	free(sp);
}

int slowpath_fd(const struct slowpath *sp)
{
	return sp->epoll_fd;
}

void slowpath_run(struct slowpath *sp)
{
	uint64_t ticks;

	ring_buffer__consume(sp->ring);
	if (read(sp->timer_fd, &ticks, sizeof(ticks)) == sizeof(ticks))
		late_release(sp->late, now_ms(), first_seen, send_in, sp);
	tick(sp, late_count(sp->late) != 0);
	hairpin_relay_run(sp->relay);
}
