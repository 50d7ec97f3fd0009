/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The records of a host: what writes them and what reads them agree on this. */
#ifndef EINAT_CHECK_HOST_PRIV_H
#define EINAT_CHECK_HOST_PRIV_H

#include "check/host.h"
#include "lib/capture_nl.h"

/* Netlink messages. Of the first two: records "ipv4" and "ipv6". */
#define REC_RULE   "rule"
#define REC_ROUTE  "route"
#define REC_LINK   "link" /* made by capture_links() */
#define REC_ADDR   "address"
#define REC_QDISC  "qdisc" /* clsact and ingress alone */
#define REC_FILTER "filter" /* of those */
#define REC_FLOW   "conntrack"
#define REC_SOCKET "socket" /* by protocol: "udp", "tcp" */
/* Text, one line for each. */
#define REC_SOCKET_TEXT "socket-text" /* a file of /proc/net: "raw", "icmp6", ... */
#define REC_OWNER	"owner" /* of a socket: INODE PID COMMAND */
#define REC_TCX		"tcx" /* IFINDEX in|out PROGRAM_ID, in the order in which they run */
#define REC_PROGRAM	"program" /* ID NAME */
#define REC_SYSCTL	"sysctl" /* NAME=VALUE */
#define REC_EINAT	"einat" /* socket|pins INTERFACE */
#define REC_GAP		"gap" /* by what is missing: HOW_MANY WHY, the number 0 if not known */

#define HOST_LINE_MAX 16384 /* bytes of a line of the above that are read */

/** host_gap_add() - note in @c what is not in it. 0 or -ENOMEM. */
int host_gap_add(struct capture *c, const char *what, uint64_t left_out, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Each adds records to @c: 0 or -errno with @err. */
int host_capture_net(struct capture *c, struct err *err); /* rules, routes, links, addresses */
int host_capture_programs(struct capture *c, struct err *err); /* after the links */
int host_capture_sockets(struct capture *c, struct err *err);
int host_capture_settings(struct capture *c, struct err *err); /* sysctls, other einats */
int host_capture_flows(struct capture *c, struct err *err);

/* Each reads its records into @h: 0, -ENOMEM, or -EBADMSG with @err. Without a record there is
 * nothing to read; host_parse() sees to those that must be there. */
int host_parse_net(struct host *h, const struct capture *c, struct err *err);
int host_parse_programs(struct host *h, const struct capture *c, struct err *err);
int host_parse_sockets(struct host *h, const struct capture *c, struct err *err);
int host_parse_settings(struct host *h, const struct capture *c, struct err *err);

/** host_clear() - release what is in @h, not @h itself. */
void host_clear(struct host *h);

/** host_each_msg() - @fn for each message (with at least @hdr bytes) of the records of @kind. */
typedef int (*host_msg_fn)(struct host *h, const struct nlmsghdr *nlh);
int host_each_msg(struct host *h, const struct capture *c, const char *kind, size_t hdr,
		  host_msg_fn fn, struct err *err);
/** host_each_named() - the same of the records that have the name @name. */
int host_each_named(struct host *h, const struct capture *c, const char *kind, const char *name,
		    size_t hdr, host_msg_fn fn, struct err *err);
typedef int (*host_line_fn)(struct host *h, const char *record, const char *line);
int host_each_line(struct host *h, const struct capture *c, const char *kind, host_line_fn fn,
		   struct err *err);

/** host_add() - room for one more, zeroed: HOST_ADD(&h->rules, &h->n_rules). NULL: no memory. */
void *host_add(void *arr, size_t *n, size_t size);
#define HOST_ADD(arr, n) ((__typeof__(*(arr)))host_add((arr), (n), sizeof(**(arr))))

/* Values of attributes, in host byte order; 0 or @absent if there is none or it is too short. */
uint8_t nl_u8(const struct nlattr *a, uint8_t absent);
uint16_t nl_u16(const struct nlattr *a, uint16_t absent);
uint32_t nl_u32(const struct nlattr *a, uint32_t absent);
/** nl_string() - cut to @size - 1 bytes; empty if there is none. */
void nl_string(const struct nlattr *a, char *ret, size_t size);
/** nl_addr() - an address of @family; all zero if there is none. */
struct net_addr nl_addr(const struct nlattr *a, int family);
/** nl_prefix() - @len as in the message's header; above the family's width: cut. */
struct net_prefix nl_prefix(const struct nlattr *a, int family, unsigned len);
/** nl_nested() - the attributes in @a by type into @tb[0..@max]; @a may be NULL. */
void nl_nested(const struct nlattr *a, const struct nlattr **tb, unsigned max);

#endif
