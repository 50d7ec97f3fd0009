// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/icmp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/ip.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

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
	struct refuse_limit refused;
	struct sockaddr_ll wan;
	int epoll_fd, timer_fd, packet_fd, icmp_fd;
	bool ticking;
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static struct net_addr addr4(uint32_t be)
{
	return net_addr_from4(be);
}

/* ---- full slice -------------------------------------------------------------------------- */

static void on_full(struct slowpath *sp, const uint8_t *packet, uint32_t len)
{
	struct ct_flow f = { 0 };
	uint16_t l4[4];
	struct iphdr ip;

	if (len < sizeof(ip))
		return;
	memcpy(&ip, packet, sizeof(ip));
	if (len < ip.ihl * 4u + sizeof(l4))
		return;
	memcpy(l4, packet + ip.ihl * 4u, sizeof(l4));
	f.proto = ip.protocol == IPPROTO_UDP   ? PROTO_UDP
		  : ip.protocol == IPPROTO_TCP ? PROTO_TCP
					       : PROTO_ICMP;
	f.src = f.rdst = addr4(ip.saddr);
	f.dst = f.rsrc = addr4(ip.daddr);
	if (f.proto == PROTO_ICMP) {
		f.sport = f.rdport = ntohs(l4[2]);
		f.dport = ntohs(l4[0]); /* type and code */
	} else {
		f.sport = f.rdport = ntohs(l4[0]);
		f.dport = f.rsport = ntohs(l4[1]);
	}
	sp->full(&f, sp->data);
}

static void on_refused(struct slowpath *sp, const struct einat_event *e, const uint8_t *packet)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	uint8_t msg[REFUSE_MAX];
	size_t n = refuse_build(packet, e->len, e->ingress_ifindex, msg, &to.sin_addr.s_addr);

	if (!n || !refuse_allowed(&sp->refused, to.sin_addr.s_addr, now_ms()))
		return;
	if (sendto(sp->icmp_fd, msg, n, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to)) < 0)
		log_debug("cannot tell a host that the slice is full: %s", strerror(errno));
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
		on_full(sp, packet, e->len);
		break;
	case EVENT_REFUSED:
		on_refused(sp, e, packet);
		break;
	case EVENT_LATE_FRAGMENT:
		on_late(sp, e, packet);
		break;
	case EINAT_EVENT_COUNT:
		break;
	}
	return 0;
}

static int open_sockets(struct slowpath *sp, const struct link_info *link, struct err *err)
{
	const struct icmp_filter nothing = { .data = ~0u };
	int tos = 0xc0; /* as the kernel's own ICMP errors: internetwork control */

	sp->wan = (struct sockaddr_ll){ .sll_family = AF_PACKET,
					.sll_ifindex = link->ifindex,
					.sll_halen = link->ether ? sizeof(link->mac) : 0 };
	memcpy(sp->wan.sll_addr, link->mac, sizeof(link->mac));
	/* protocol 0: it sends only */
	sp->packet_fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sp->packet_fd < 0)
		return err_sys(err, errno, "cannot make a packet socket");
	sp->icmp_fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	if (sp->icmp_fd < 0)
		return err_sys(err, errno, "cannot make a raw socket");
	setsockopt(sp->icmp_fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	/* nothing is ever read from it */
	setsockopt(sp->icmp_fd, SOL_RAW, ICMP_FILTER, &nothing, sizeof(nothing));
	return 0;
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
	    epoll_ctl(sp->epoll_fd, EPOLL_CTL_ADD, ring_buffer__epoll_fd(sp->ring), &ev))
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
	sp->epoll_fd = sp->timer_fd = sp->packet_fd = sp->icmp_fd = -1;
	sp->late = late_new();
	ret = sp->late ? open_sockets(sp, link, err) : err_sys(err, ENOMEM, "slow path");
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
	for (int i = 0; i < 4; i++) {
		int fd = (int[]){ sp->epoll_fd, sp->timer_fd, sp->packet_fd, sp->icmp_fd }[i];

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
}
