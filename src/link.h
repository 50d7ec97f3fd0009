/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The external interface: its index, kind, addresses, and events about them (rtnetlink). */
#ifndef EINAT_LINK_H
#define EINAT_LINK_H

#include "lib/err.h"
#include "lib/net.h"

#define LINK_MAX_ADDRS 8

struct link_info {
	char name[16];
	int ifindex; /* 0: absent */
	bool up; /* IFF_UP */
	bool ether; /* ARPHRD_ETHER: packets have a 14 byte header */
	uint8_t mac[6];
	struct net_addr addr[LINK_MAX_ADDRS]; /* IPv4, local side (IFA_LOCAL), global scope */
	size_t n_addr; /* primary addresses first; what is above the limit is left out */
	/* "src" of the best default route over it in table main: for all that is new */
	struct net_addr prefsrc;
	bool has_prefsrc; /* and it is one of addr[] */
};

/** link_read() - the state of @name now; 0 also when it is absent (ifindex 0). */
int link_read(const char *name, struct link_info *ret_info, struct err *err);
bool link_info_eq(const struct link_info *a, const struct link_info *b);

struct link_monitor;
int link_monitor_open(struct link_monitor **ret_mon, struct err *err);
int link_monitor_fd(const struct link_monitor *mon);
/**
 * link_monitor_drain() - read all pending events without waiting; returns a mask of LINK_EV_ or
 * -errno. Events that the kernel had to drop (ENOBUFS) are not an error: then all bits are set.
 */
int link_monitor_drain(struct link_monitor *mon);
void link_monitor_close(struct link_monitor *mon);

enum {
	LINK_EV_LINK = 1 << 0, /* link, IPv4 address or directly connected prefix, came or went */
	LINK_EV_RULE = 1 << 1, /* what hairpin_check() should look at */
	LINK_EV_TC = 1 << 2, /* qdisc or filter removed */
	LINK_EV_ALL = LINK_EV_LINK | LINK_EV_RULE | LINK_EV_TC,
};

/**
 * link_onlink() - prefixes directly connected on interfaces other than @ifindex: the scope link
 * routes of table main, host routes too, a default route not. @ret_list must be empty.
 */
int link_onlink(int ifindex, struct net_list *ret_list, struct err *err);

#endif
