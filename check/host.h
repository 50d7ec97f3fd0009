/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A host as einat's checks see it, apart from its packet filter rules (nft/read.h): routing,
 * links, programs, sockets, settings, flows. host_capture() asks the kernel, host_parse() turns
 * what it said into plain arrays; strings are terminated, numbers in host byte order.
 */
#ifndef EINAT_CHECK_HOST_H
#define EINAT_CHECK_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/capture.h"
#include "lib/ct_msg.h"
#include "lib/net.h"

#define HOST_IFNAME 16

struct host_rule {
	int family; /* AF_INET, AF_INET6 */
	uint32_t priority;
	bool invert; /* "not": the selectors below are to fail */
	char iif[HOST_IFNAME], oif[HOST_IFNAME]; /* empty: any */
	struct net_prefix from, to; /* of @family; length 0 (IPv4: 96): any */
	uint32_t fwmark, fwmask; /* fwmask 0: any mark */
	uint8_t ipproto; /* 0: any */
	uint8_t tos; /* 0: any */
	uint16_t sport_lo, sport_hi, dport_lo, dport_hi; /* hi 0: any */
	bool has_uid;
	uint32_t uid_lo, uid_hi;
	int suppress_prefixlen; /* -1: not set */
	int suppress_ifgroup; /* -1: not set */
	bool l3mdev; /* "lookup [l3mdev-table]" */
	bool unknown; /* it has selectors that are not listed here (tunnel id, ...) */
	uint8_t action; /* FR_ACT_TO_TBL, FR_ACT_GOTO, FR_ACT_UNREACHABLE, ... */
	uint32_t table; /* FR_ACT_TO_TBL */
	uint32_t target; /* FR_ACT_GOTO: priority */
	uint8_t protocol; /* RTPROT_: who made it */
};

struct host_route {
	int family;
	uint32_t table;
	struct net_prefix dst, src;
	uint8_t type; /* RTN_ */
	uint8_t protocol; /* RTPROT_ */
	uint8_t scope; /* RT_SCOPE_ */
	uint32_t metric;
	int oif; /* 0: none, or several next hops */
	struct net_addr gateway; /* all zero: none */
	struct net_addr prefsrc; /* all zero: none */
	bool multipath; /* several next hops, or one named by its id: not listed */
};

enum host_xdp { HOST_XDP_NONE, HOST_XDP_SKB, HOST_XDP_DRV, HOST_XDP_HW };
enum host_qdisc { HOST_QDISC_NONE, HOST_QDISC_CLSACT, HOST_QDISC_INGRESS };

struct host_link {
	int ifindex;
	char name[HOST_IFNAME];
	char kind[16]; /* "bridge", "vrf", "veth", ...; empty: a device of its own (eth0, lo) */
	char port_kind[16]; /* kind of the master as its ports see it: "bridge", "vrf", "bond" */
	int master; /* 0: none */
	int lower; /* IFLA_LINK: the device below, 0: none or elsewhere */
	uint32_t mtu;
	uint32_t flags; /* IFF_ */
	uint16_t type; /* ARPHRD_ */
	uint32_t vrf_table; /* of a vrf */
	enum host_xdp xdp; /* the program itself is among the programs */
	enum host_qdisc qdisc;
};

struct host_addr {
	int ifindex;
	struct net_addr addr; /* its own (IFA_LOCAL) */
	uint8_t len; /* as in struct net_prefix */
	struct net_addr peer; /* all zero: none */
	uint8_t scope; /* RT_SCOPE_ */
	uint32_t flags; /* IFA_F_ */
};

enum host_prog_kind { HOST_PROG_XDP, HOST_PROG_TCX, HOST_PROG_CLSACT };

/* A program or filter that sees packets of an interface, in the order in which they see them:
 * XDP, TCX, clsact of a direction. */
struct host_prog {
	int ifindex;
	enum host_prog_kind kind;
	bool egress;
	unsigned order; /* among those of this interface and direction, from 0 */
	uint32_t id; /* BPF program, 0: a filter without one */
	char name[64]; /* of the program, or of the filter if that is not known */
	char classifier[16]; /* HOST_PROG_CLSACT: "bpf", "flower", "matchall", ... */
	uint16_t protocol; /* HOST_PROG_CLSACT: ETH_P_ */
	uint32_t priority; /* HOST_PROG_CLSACT */
	uint32_t handle; /* HOST_PROG_CLSACT */
	bool direct_action; /* HOST_PROG_CLSACT, bpf: its return value is the verdict */
	bool named; /* @name is the program's own */
	bool own; /* einat's, by its name */
};

struct host_socket {
	int family;
	uint8_t proto; /* IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMP (ping), IPPROTO_RAW (raw) */
	uint8_t raw_proto; /* IPPROTO_RAW: the protocol it takes */
	uint8_t state; /* TCP_LISTEN, TCP_ESTABLISHED, TCP_CLOSE (unconnected UDP), ... */
	bool v6only; /* takes no IPv4; false for IPv4 sockets and where it is not known */
	bool connected;
	struct net_addr local, remote; /* all zero or 0.0.0.0 mapped: any */
	uint16_t lport, rport; /* a ping's lport is its identifier */
	int ifindex; /* bound to this device, 0: to none */
	uint32_t uid;
	uint64_t inode;
	int pid; /* 0: not found */
	char process[16];
};

struct host_sysctl {
	char name[96]; /* "net.ipv4.conf.wan.rp_filter"; a dot in an interface's name is '/' */
	char *value; /* words separated by one space */
};

/* An einat of this network namespace: one that runs, or what is pinned of one. */
struct host_einat {
	char ifname[HOST_IFNAME]; /* its external interface */
	bool running; /* it holds the control socket */
	bool pins;
};

/* What the snapshot does not hold, so that nothing is called clean that was not seen. */
struct host_gap {
	char what[32]; /* "conntrack", "tcx", ... */
	uint64_t left_out; /* entries beyond the limit; 0: not counted */
	char why[160];
};

struct host {
	struct host_rule *rules; /* by family, then as the kernel tries them */
	size_t n_rules;
	struct host_route *routes;
	size_t n_routes;
	struct host_link *links; /* by ifindex */
	size_t n_links;
	struct host_addr *addrs;
	size_t n_addrs;
	struct host_prog *progs; /* by ifindex, direction, order */
	size_t n_progs;
	struct host_socket *sockets;
	size_t n_sockets;
	struct host_sysctl *sysctls; /* by name */
	size_t n_sysctls;
	struct ct_flow *flows;
	size_t n_flows;
	struct host_einat *einats;
	size_t n_einats;
	struct host_gap *gaps;
	size_t n_gaps;
};

/**
 * host_capture() - add records of this network namespace to @c.
 * What cannot be read for want of a kernel feature or a permission, and what is left out because
 * there is too much of it, becomes a host_gap; links, addresses, rules and routes must be there.
 * Returns 0 or -errno with @err.
 */
int host_capture(struct capture *c, struct err *err);

/**
 * host_parse() - from records to arrays; asks nobody, and takes the records for hostile bytes.
 * Returns 0, -ENOMEM, or -EBADMSG with @err if a record is damaged.
 */
int host_parse(const struct capture *c, struct host **ret_host, struct err *err);
void host_free(struct host *h);

const struct host_link *host_link(const struct host *h, int ifindex);
const struct host_link *host_link_named(const struct host *h, const char *name);
/** host_sysctl() - the value, NULL if this kernel has no such setting. */
const char *host_sysctl(const struct host *h, const char *name);
/** host_sysctl_int() - its first number, @absent if there is none. */
long host_sysctl_int(const struct host *h, const char *name, long absent);

#endif
