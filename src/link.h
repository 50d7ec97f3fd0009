/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The external interface: its index, kind, addresses, and events about them (rtnetlink). */
#ifndef EINAT_LINK_H
#define EINAT_LINK_H

#include "lib/err.h"
#include "lib/net.h"

#define LINK_MAX_ADDRS 8
#define LINK_MAX_OWN   248 /* beside those: all of a /24 */

/* Global IPv6 addresses. */
struct link_addr6 {
	/*
	 * What may be external, in an order that does not depend on when they came: global ones
	 * that are preferred, deprecated ones, by value. Unique local ones only if there is no
	 * other.
	 */
	struct net_addr ext[LINK_MAX_ADDRS];
	struct net_addr own[LINK_MAX_OWN]; /* all others that this host sends from: temporary ... */
	size_t n_ext, n_own;
	size_t n_preferred; /* the first ones of ext[]; the others are deprecated */
	/* of the first of ext[] that has one of /64 or shorter, and is global; len 0: none has */
	struct net_prefix prefix;
};

struct link_info {
	char name[16];
	int ifindex; /* 0: absent */
	bool up; /* IFF_UP */
	bool running; /* IFF_RUNNING: without, routing may pass it by (ignore_routes_with_linkdown)
		       */
	bool ether; /* ARPHRD_ETHER: packets have a 14 byte header */
	uint8_t mac[6];
	/*
	 * External addresses. As read, IPv4 alone: local side (IFA_LOCAL), global scope, primary
	 * ones first; what is above the limit is in own[].
	 */
	struct net_addr addr[LINK_MAX_ADDRS];
	size_t n_addr;
	bool deprecated[LINK_MAX_ADDRS]; /* of addr[]: RFC 4862 section 5.5.4 */
	bool ipv6; /* link_use_ipv6() was called */
	struct net_addr own[LINK_MAX_OWN]; /* addresses of this host that are not external */
	size_t n_own;
	bool nptv6; /* prefixes are translated: six[] counts */
	struct link_addr6 six; /* read always */
	/* "src" of the best default route over it in table main: for all that is new */
	struct net_addr prefsrc, prefsrc6;
	bool has_prefsrc; /* and it is one of addr[] */
	bool has_prefsrc6; /* and it is one of six.ext[] */
};

/** link_read() - the state of @name now, which is no alternative name; 0 also when it is absent
 * (ifindex 0). */
int link_read(const char *name, struct link_info *ret_info, struct err *err);
/**
 * link_use_ipv6() - IPv6 addresses become external ones too, behind those of IPv4. Each family has
 * half of the room if both need it. What is not external is in own[].
 */
void link_use_ipv6(struct link_info *info);
/**
 * link_serves_new() - do new bindings get addr[@i]? The others serve what is bound to them. It is
 * the one address of its family that routing has chosen; or any that is neither deprecated nor,
 * beside a public one, of a network that is not routed in the Internet (towards a modem, say).
 */
bool link_serves_new(const struct link_info *info, size_t i);
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
	LINK_EV_LINK = 1 << 0, /* link, address or directly connected prefix, came or went */
	LINK_EV_RULE = 1 << 1, /* what hairpin_check() should look at */
	LINK_EV_TC = 1 << 2, /* qdisc or filter removed */
	LINK_EV_ROUTE = 1 << 3, /* a way to the Internet, or a rule, came or went */
	LINK_EV_NETWORK = 1 << 4, /* a route to a network came or went */
	LINK_EV_ALL = LINK_EV_LINK | LINK_EV_RULE | LINK_EV_TC | LINK_EV_ROUTE | LINK_EV_NETWORK,
};

/** link_is_external() - is @a an external address? */
bool link_is_external(const struct link_info *link, const struct net_addr *a);
/** link_is_own() - or any other one of this host? */
bool link_is_own(const struct link_info *link, const struct net_addr *a);

/**
 * link_onlink() - prefixes directly connected on interfaces other than @ifindex: the scope link
 * routes of table main, host routes too, a way to the Internet not. @ret_list must be empty.
 */
int link_onlink(int ifindex, struct net_list *ret_list, struct err *err);
/** link_onlink6() - the same of IPv6 (routes without a gateway), added to @list. */
int link_onlink6(int ifindex, struct net_list *list, struct err *err);

#endif
