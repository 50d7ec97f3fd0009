// SPDX-License-Identifier: GPL-2.0-or-later
/* Settings of the kernel, sockets of this host, connection tracking. */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/rtnetlink.h>

#include "check/check_impl.h"
#include "check/routing_way.h"

#define CT_NEARLY 80 /* percent of nf_conntrack_max */

static void check_forwarding(struct check *x)
{
	static const struct {
		const char *name;
		bool v6;
	} settings[] = { { "net.ipv4.ip_forward", false },
			 { "net.ipv6.conf.all.forwarding", true } };

	for (size_t i = 0; i < 2; i++) {
		struct finding *f;

		if ((settings[i].v6 && !conf_uses_ipv6(x->conf)) ||
		    host_sysctl_int(x->host, settings[i].name, 1))
			continue;
		f = finding_add(x->fs, "forwarding-off");
		finding_set(x->fs, &f->where, "sysctl %s", settings[i].name);
		finding_set(x->fs, &f->what, "this host does not forward %s",
			    settings[i].v6 ? "IPv6" : "IPv4");
		finding_set(x->fs, &f->mend, "sysctl -w %s=1", settings[i].name);
	}
}

/* Is a sender that is no neighbour routed back by the external interface? */
static bool default_route_here(const struct check *x, bool *ret_other)
{
	uint32_t best = UINT32_MAX;
	bool here = false;

	*ret_other = false;
	for (size_t i = 0; i < x->host->n_routes; i++) {
		const struct host_route *r = &x->host->routes[i];

		if (r->family != AF_INET || r->table != RT_TABLE_MAIN || r->dst.len != 96 ||
		    r->type != RTN_UNICAST)
			continue;
		if (r->multipath)
			return true; /* one of several: not to be told */
		if (r->metric < best) {
			best = r->metric;
			here = r->oif == x->link->ifindex;
		}
		*ret_other |= r->oif != x->link->ifindex;
	}
	return here;
}

/* The way back is looked up without the mark: can another rule lead it here all the same? */
static bool only_main_way_back(const struct check *x)
{
	for (size_t i = 0; i < x->host->n_rules; i++) {
		const struct host_rule *r = &x->host->rules[i];

		if (r->family == AF_INET && r->table != RT_TABLE_LOCAL &&
		    r->table != RT_TABLE_MAIN && r->table != RT_TABLE_DEFAULT && !r->fwmask &&
		    !rule_is_from_here(x->host, r))
			return false;
	}
	return true;
}

static void check_rp_filter(struct check *x)
{
	long all = host_sysctl_int(x->host, "net.ipv4.conf.all.rp_filter", 0), one;
	char name[96], key[HOST_IFNAME];
	struct finding *f;
	bool other;

	if (!x->link)
		return;
	snprintf(key, sizeof(key), "%s", x->link->name);
	for (char *p = key; *p; p++)
		if (*p == '.')
			*p = '/';
	snprintf(name, sizeof(name), "net.ipv4.conf.%s.rp_filter", key);
	one = host_sysctl_int(x->host, name, 0);
	/* the larger of the two holds: Documentation/networking/ip-sysctl.rst */
	if ((one > all ? one : all) != 1 || default_route_here(x, &other))
		return;
	f = finding_add(x->fs, "rp-filter");
	f->will = other && only_main_way_back(x);
	finding_set(x->fs, &f->where, "sysctl %s",
		    one >= all ? name : "net.ipv4.conf.all.rp_filter");
	finding_set(x->fs, &f->what, "strict reverse-path filtering, and %s",
		    other ? "the default route leads elsewhere" : "there is no default route");
	finding_set(x->fs, &f->mend, "sysctl -w %s=2", name);
}

/* "1,5-9" of a sysctl into a set; what cannot be read is passed over. */
static int parse_reserved(const char *s, struct port_set *ret_set)
{
	int ret = 0;

	while (s && *s && !ret) {
		char *end;
		unsigned long lo = strtoul(s, &end, 10), hi = lo;

		if (end == s)
			break;
		if (*end == '-')
			hi = strtoul(end + 1, &end, 10);
		if (lo && lo <= hi && hi <= 65535)
			ret = port_set_add(ret_set, (uint16_t)lo, (uint16_t)hi);
		s = *end == ',' ? end + 1 : end;
		if (s == end)
			break;
	}
	return ret;
}

#define OWN_PORTS 1000 /* that this host is left with, at least */

/* Elsewhere than in the slice, or, if that leaves no room, in a part that the slice gives up. */
static int mend_port_range(struct check *x, struct finding *f, const struct port_set *reserved)
{
	struct port_set used = { 0 }, left = { 0 };
	uint16_t lo = 0, hi = 0;
	int ret = port_set_copy(&used, &x->slice[0]);

	if (!ret)
		ret = port_set_union(&used, &x->slice[1]);
	if (!ret)
		ret = port_set_union(&used, reserved);
	if (!ret)
		ret = port_set_add(&used, 1, 1023);
	if (!ret)
		ret = port_set_gaps(&used, &left);
	if (!ret && port_set_longest(&left, &lo, &hi) >= OWN_PORTS)
		/* the lower ones are where services listen */
		finding_set(x->fs, &f->mend, "sysctl -w net.ipv4.ip_local_port_range='%u %u'",
			    lo < 10000 && hi >= 10000 + OWN_PORTS ? 10000 : lo, hi);
	else if (!ret)
		finding_set(x->fs, &f->mend,
			    "# this host needs ports of its own:\n"
			    "--exclude-ports udp:49152-65535,tcp:49152-65535\n"
			    "sysctl -w net.ipv4.ip_local_port_range='49152 65535'");
	port_set_free(&used);
	port_set_free(&left);
	return ret;
}

/* @met: what of the range @lo to @hi is in the slice. */
static int tell_port_range(struct check *x, const struct port_set *met, struct port_set *reserved,
			   uint16_t lo, uint16_t hi)
{
	struct finding *f = finding_add(x->fs, "local-port-range");
	char *which = port_set_format(met), *list;
	struct port_set left = { 0 };
	int ret = port_set_add(&left, lo, hi);

	f->will = false;
	finding_set(x->fs, &f->where, "sysctl net.ipv4.ip_local_port_range");
	finding_set(x->fs, &f->text, "net.ipv4.ip_local_port_range = %s",
		    host_sysctl(x->host, "net.ipv4.ip_local_port_range"));
	finding_set(x->fs, &f->what, "this host picks source ports of its own from %s of the slice",
		    which ? which : "ports");
	free(which);
	if (!ret)
		ret = port_set_subtract(&left, reserved);
	if (!ret)
		ret = port_set_subtract(&left, met);
	if (!ret && port_set_count(&left) < OWN_PORTS) {
		ret = mend_port_range(x, f, reserved);
	} else if (!ret) {
		ret = port_set_union(reserved, met);
		list = port_set_format(reserved);
		if (list)
			finding_set(x->fs, &f->mend,
				    "sysctl -w net.ipv4.ip_local_reserved_ports=%s", list);
		free(list);
	}
	port_set_free(&left);
	return ret;
}

static int check_port_range(struct check *x)
{
	const char *range = host_sysctl(x->host, "net.ipv4.ip_local_port_range");
	struct port_set met = { 0 }, reserved = { 0 };
	unsigned lo, hi;
	int ret;

	if (!range || sscanf(range, "%u %u", &lo, &hi) != 2 || !lo || lo > hi || hi > 65535)
		return 0;
	ret = port_set_copy(&met, &x->slice[0]);
	if (!ret)
		ret = port_set_union(&met, &x->slice[1]);
	if (!ret && lo > 1)
		ret = port_set_del(&met, 1, (uint16_t)(lo - 1));
	if (!ret && hi < 65535)
		ret = port_set_del(&met, (uint16_t)(hi + 1), 65535);
	if (!ret)
		ret = parse_reserved(host_sysctl(x->host, "net.ipv4.ip_local_reserved_ports"),
				     &reserved);
	if (!ret)
		ret = port_set_subtract(&met, &reserved);
	if (!ret && met.n)
		ret = tell_port_range(x, &met, &reserved, (uint16_t)lo, (uint16_t)hi);
	port_set_free(&met);
	port_set_free(&reserved);
	return ret;
}

static bool addr_is_any(const struct net_addr *a)
{
	static const struct net_addr zero;
	struct net_addr any4 = net_addr_from4(0);

	return net_addr_eq(a, &zero) || net_addr_eq(a, &any4);
}

/* Does it wait for packets from anyone on a port of the slice at an external address? */
static bool socket_concerns(const struct check *x, const struct host_socket *s, unsigned *ret_proto)
{
	unsigned bit = proto_bit(s->proto);

	if (bit != PROTO_UDP && bit != PROTO_TCP)
		return false;
	*ret_proto = bit == PROTO_UDP ? 0 : 1;
	if (s->connected || (bit == PROTO_TCP && s->state != TCP_LISTEN) ||
	    !port_set_contains(&x->slice[*ret_proto], s->lport))
		return false;
	if (s->ifindex && x->link && s->ifindex != x->link->ifindex)
		return false;
	return addr_is_any(&s->local) || net_list_contains(&x->external, &s->local);
}

static int check_sockets(struct check *x)
{
	int ret = 0;

	for (size_t i = 0; i < x->host->n_sockets && !ret; i++) {
		const struct host_socket *s = &x->host->sockets[i];
		char buf[NET_ADDR_STRLEN];
		struct finding *f;
		unsigned proto;

		if (!socket_concerns(x, s, &proto))
			continue;
		f = finding_add(x->fs, "socket-slice-port");
		finding_set(x->fs, &f->where, "socket %s %s port %u", proto_name(1u << proto),
			    addr_is_any(&s->local) ? "*" : net_addr_format(&s->local, buf),
			    s->lport);
		if (s->pid)
			finding_set(x->fs, &f->text, "%s, process %d", s->process, s->pid);
		finding_set(x->fs, &f->what, "%s %s %s port %u of the slice",
			    s->pid ? s->process : "a program of this host",
			    proto ? "listens on" : "receives on", proto_name(1u << proto),
			    s->lport);
		finding_set(x->fs, &f->mend, "--exclude-ports %s:%u", proto_name(1u << proto),
			    s->lport);
		ret = check_take(x, proto, s->lport, s->lport);
	}
	return ret;
}

static void check_conntrack(struct check *x)
{
	long count = host_sysctl_int(x->host, "net.netfilter.nf_conntrack_count", 0);
	long max = host_sysctl_int(x->host, "net.netfilter.nf_conntrack_max", 0);
	struct finding *f;

	if (max <= 0 || count < max / 100 * CT_NEARLY)
		return;
	f = finding_add(x->fs, "conntrack-full");
	finding_set(x->fs, &f->where, "sysctl net.netfilter.nf_conntrack_max");
	finding_set(x->fs, &f->what, "%ld of %ld entries of connection tracking are in use", count,
		    max);
	finding_set(x->fs, &f->mend, "sysctl -w net.netfilter.nf_conntrack_max=%ld",
		    max > LONG_MAX / 2 ? max : max * 2);
}

/* Translated to an external address, onto a port of the slice. */
static bool flow_concerns(const struct check *x, const struct ct_flow *c, unsigned *ret_proto)
{
	unsigned proto = 0;

	while (proto < PROTO_COUNT && c->proto != 1u << proto)
		proto++;
	*ret_proto = proto;
	return proto < PROTO_COUNT && !net_addr_eq(&c->src, &c->rdst) &&
	       net_list_contains(&x->external, &c->rdst) &&
	       port_set_contains(&x->slice[proto], c->rdport);
}

static void check_flows(struct check *x)
{
	const struct ct_flow *first = NULL;
	char src[NET_ADDR_STRLEN], dst[NET_ADDR_STRLEN];
	unsigned proto, first_proto = 0;
	struct finding *f;
	size_t n = 0;

	for (size_t i = 0; i < x->host->n_flows; i++) {
		if (!flow_concerns(x, &x->host->flows[i], &proto))
			continue;
		if (!n++) {
			first = &x->host->flows[i];
			first_proto = proto;
		}
	}
	if (!n)
		return;
	f = finding_add(x->fs, "conntrack-slice-flow");
	finding_set(x->fs, &f->where, "connection tracking");
	finding_set(x->fs, &f->what, "%zu masqueraded flow%s use%s ports of the slice", n,
		    n == 1 ? "" : "s", n == 1 ? "s" : "");
	finding_set(x->fs, &f->example, "%s %s:%u to %s:%u, from external port %u",
		    proto_name(1u << first_proto), net_addr_format(&first->src, src), first->sport,
		    net_addr_format(&first->dst, dst), first->dport, first->rdport);
}

int check_system(struct check *x)
{
	int ret;

	check_forwarding(x);
	check_rp_filter(x);
	check_conntrack(x);
	check_flows(x);
	ret = check_port_range(x);
	return ret ? ret : check_sockets(x);
}
