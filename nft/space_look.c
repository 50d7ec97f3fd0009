// SPDX-License-Identifier: GPL-2.0-or-later
/* Looking into regions: examples of packets, prefixes, ports. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <linux/netfilter.h>

#include "space_impl.h"

bool box_full(const struct space *s, const struct box *b, enum dim d)
{
	return num_set_eq(b->dim[d], full_set(s, b, d));
}

/* The greatest aligned block that begins at @lo and does not pass @hi: its free bits. */
static unsigned block_bits(struct num lo, struct num hi, unsigned width, struct num *ret_end)
{
	unsigned bits = 0;
	struct num end = lo;

	while (bits < width) {
		struct num bit = bits < 64 ? (struct num){ 0, 1ull << bits }
					   : (struct num){ 1ull << (bits - 64), 0 };
		struct num next = { end.hi | bit.hi, end.lo | bit.lo };

		if ((lo.hi & bit.hi) || (lo.lo & bit.lo) || num_cmp(next, hi) > 0)
			break;
		end = next;
		bits++;
	}
	*ret_end = end;
	return bits;
}

int box_nets(const struct box *b, enum dim d, struct net_list *ret_list)
{
	unsigned width = is6(b) ? 128 : 32;

	for (size_t i = 0; i < b->dim[d]->n; i++) {
		struct num lo = b->dim[d]->r[i].lo, hi = b->dim[d]->r[i].hi, end;

		for (;;) {
			unsigned bits = block_bits(lo, hi, width, &end);
			struct net_prefix p = { .addr = num_to_addr(lo, b->family),
						.len = (uint8_t)(128 - bits) };
			int ret = net_list_add(ret_list, &p);

			if (ret)
				return ret;
			if (!num_cmp(end, hi))
				break;
			lo = num_next(end);
		}
	}
	return 0;
}

int box_ports(const struct box *b, enum dim d, struct port_set *ret_ports)
{
	int ret = 0;

	for (size_t i = 0; i < b->dim[d]->n && !ret; i++)
		ret = port_set_add(ret_ports, (uint16_t)b->dim[d]->r[i].lo.lo,
				   (uint16_t)b->dim[d]->r[i].hi.lo);
	return ret;
}

unsigned box_protos(const struct box *b)
{
	unsigned mask = 0;

	if (num_set_has(b->dim[DIM_PROTO], num32(IPPROTO_UDP)))
		mask |= PROTO_UDP;
	if (num_set_has(b->dim[DIM_PROTO], num32(IPPROTO_TCP)))
		mask |= PROTO_TCP;
	if (num_set_has(b->dim[DIM_PROTO], num32(is6(b) ? IPPROTO_ICMPV6 : IPPROTO_ICMP)))
		mask |= PROTO_ICMP;
	return mask;
}

/* ---- examples --------------------------------------------------------------------------- */

static uint32_t pick(const struct num_set *set, const uint32_t *liked, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (num_set_has(set, num32(liked[i])))
			return liked[i];
	return (uint32_t)set->r[0].lo.lo;
}

#define PICK(set, ...)                                                                             \
	pick(set, (const uint32_t[]){ __VA_ARGS__ },                                               \
	     sizeof((uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

void space_outside(struct space *s, const char *name)
{
	s->outside = space_ifid(s, name);
}

/* Addresses of outside are liked better than those of inside? */
static bool likes_outside(const struct space *s, const struct box *b, enum dim d)
{
	const struct num_set *in = b->dim[DIM_IIF];

	return d == DIM_DADDR || (s->outside && in->n == 1 && in->r[0].lo.lo == s->outside &&
				  in->r[0].hi.lo == s->outside);
}

/* A host of the range: not the first address of a network if there is a choice. */
static struct num pick_addr(const struct space *s, const struct box *b, enum dim d)
{
	static const char *const liked[2][2][5] = {
		{ { "192.168.1.10", "198.51.100.7", "10.0.0.10", "172.16.0.10", "8.8.8.8" },
		  { "203.0.113.9", "198.51.100.7", "192.168.1.10", "10.0.0.10", "1.1.1.1" } },
		{ { "fd00::10", "2001:db8::10", "2001:db8:1::10", "fd00:1::10", "fe80::10" },
		  { "2001:db8:ffff::9", "2001:db8::9", "fd00::10", "fd00:1::10", "ff02::1" } },
	};
	const struct num_set *set = b->dim[d];
	struct num_range first = set->r[0];

	for (size_t i = 0; i < 5; i++) {
		struct net_addr a;

		if (!net_addr_parse(liked[is6(b)][likes_outside(s, b, d)][i], &a) &&
		    num_set_has(set, num_of_addr(&a)))
			return num_of_addr(&a);
	}
	/* not 0.0.0.0/8 and not ::/64 if anything else is left */
	for (size_t i = 0; i < set->n; i++) {
		struct num low = is6(b) ? (struct num){ 1ull << 61, 1 } : num32(0x01000001);

		if (num_cmp(set->r[i].hi, low) < 0)
			continue;
		first = set->r[i];
		if (num_cmp(first.lo, low) < 0)
			first.lo = low;
		break;
	}
	/* the address of a network, left over where the host's own was taken out */
	for (size_t i = 1; i < set->n && !(first.lo.lo & 0xff) && !num_cmp(first.lo, first.hi); i++)
		first = set->r[i];
	if (!(first.lo.lo & 0xff) && num_cmp(num_next(first.lo), first.hi) < 0)
		return num_next(first.lo);
	return first.lo;
}

static const char *pick_if(const struct space *s, const struct num_set *set)
{
	/* a name rather than a class, a class rather than none */
	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < set->n; i++)
			for (uint64_t v = set->r[i].lo.lo; v <= set->r[i].hi.lo; v++)
				if (v < s->n_atoms &&
				    (round == 2 || (round == 1 && v) ||
				     (!s->atoms[v].class && s->atoms[v].ifindex && v)))
					return s->atoms[v].example;
	return "";
}

/* Where it leaves, or will leave once it is routed, if that is known. */
static const struct num_set *leaves(const struct space *s, const struct box *b)
{
	bool later = !b->dim[DIM_OIF]->r[0].hi.lo && !box_full(s, b, DIM_OIF_LATER);

	return b->dim[later ? DIM_OIF_LATER : DIM_OIF];
}

bool region_example(const struct space *s, const struct region *r,
		    struct packet_example *ret_example)
{
	const struct box *b = NULL;
	struct packet_example p;

	for (size_t i = 0; i < r->n; i++)
		if (!b || (r->b[i].certain && !b->certain))
			b = &r->b[i];
	if (!b)
		return false;
	p = (struct packet_example){
		.family = b->family,
		.certain = b->certain,
		.proto = (uint8_t)PICK(b->dim[DIM_PROTO], IPPROTO_UDP, IPPROTO_TCP,
				       is6(b) ? IPPROTO_ICMPV6 : IPPROTO_ICMP),
		.icmp_type = (uint8_t)PICK(b->dim[DIM_ICMPTYPE], is6(b) ? 128 : 8),
		.icmp_code = (uint8_t)PICK(b->dim[DIM_ICMPCODE], 0),
		.tcp_flags = (uint8_t)PICK(b->dim[DIM_TCPFLAGS], 0x02, 0x10, 0x12),
		.iif = pick_if(s, b->dim[DIM_IIF]),
		.oif = pick_if(s, leaves(s, b)),
		.saddr = num_to_addr(pick_addr(s, b, DIM_SADDR), b->family),
		.daddr = num_to_addr(pick_addr(s, b, DIM_DADDR), b->family),
		.sport = (uint16_t)PICK(b->dim[DIM_SPORT], 40000, 50000, 30000, 1024, 443, 53),
		.dport = (uint16_t)PICK(b->dim[DIM_DPORT], 443, 53, 80, 20000, 3478, 51820),
		.mark = b->mark.val & b->mark.known,
		.ctstate = PICK(b->dim[DIM_CTSTATE], SPACE_NEW, SPACE_ESTABLISHED),
	};
	p.icmp = num_set_has(s->icmp, num32(p.proto));
	p.ports = num_set_has(s->with_ports, num32(p.proto));
	*ret_example = p;
	return true;
}

static bool in_if(const struct space *s, const struct num_set *set, const char *name)
{
	size_t at = space_name(s, name);

	return num_set_has(set, num32((uint32_t)(at < s->n_atoms ? at : space_class(s, name))));
}

static bool box_has(const struct space *s, const struct box *b, const struct packet_example *p)
{
	if (b->family != p->family || !num_set_has(b->dim[DIM_PROTO], num32(p->proto)) ||
	    !num_set_has(b->dim[DIM_SADDR], num_of_addr(&p->saddr)) ||
	    !num_set_has(b->dim[DIM_DADDR], num_of_addr(&p->daddr)))
		return false;
	if (num_set_has(s->with_ports, num32(p->proto)) &&
	    (!num_set_has(b->dim[DIM_SPORT], num32(p->sport)) ||
	     !num_set_has(b->dim[DIM_DPORT], num32(p->dport))))
		return false;
	if (num_set_has(s->icmp, num32(p->proto)) &&
	    (!num_set_has(b->dim[DIM_ICMPTYPE], num32(p->icmp_type)) ||
	     !num_set_has(b->dim[DIM_ICMPCODE], num32(p->icmp_code))))
		return false;
	if (num_set_has(s->tcp, num32(p->proto)) &&
	    !num_set_has(b->dim[DIM_TCPFLAGS], num32(p->tcp_flags)))
		return false;
	return in_if(s, b->dim[DIM_IIF], p->iif) && in_if(s, b->dim[DIM_OIF], p->oif) &&
	       num_set_has(b->dim[DIM_CTSTATE], num32(p->ctstate)) &&
	       !((b->mark.val ^ p->mark) & b->mark.known);
}

bool region_has(const struct space *s, const struct region *r, const struct packet_example *p)
{
	for (size_t i = 0; i < r->n; i++)
		if (box_has(s, &r->b[i], p))
			return true;
	return false;
}

static const char *proto_text(const struct packet_example *p, char *buf, size_t size)
{
	switch (p->proto) {
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_ICMP:
		return "icmp";
	case IPPROTO_ICMPV6:
		return "icmpv6";
	}
	snprintf(buf, size, "protocol %u", p->proto);
	return buf;
}

static void end_text(const struct packet_example *p, const struct net_addr *a, uint16_t port,
		     char *buf, size_t size)
{
	char addr[NET_ADDR_STRLEN];

	net_addr_format(a, addr);
	if (!p->ports)
		snprintf(buf, size, "%s", addr);
	else
		snprintf(buf, size, p->family == NFPROTO_IPV6 ? "[%s]:%u" : "%s:%u", addr, port);
}

char *packet_text(const struct packet_example *p, char *buf, size_t size)
{
	char proto[16], from[80], to[80], extra[64] = "";
	size_t n = 0;

	end_text(p, &p->saddr, p->sport, from, sizeof(from));
	end_text(p, &p->daddr, p->dport, to, sizeof(to));
	if (p->icmp)
		n = (size_t)snprintf(extra, sizeof(extra), " type %u code %u", p->icmp_type,
				     p->icmp_code);
	if (p->mark)
		snprintf(extra + n, sizeof(extra) - n, " mark 0x%x", p->mark);
	snprintf(buf, size, "%s %s -> %s%s%s%s%s%s", proto_text(p, proto, sizeof(proto)), from, to,
		 *p->iif ? " in " : "", p->iif, *p->oif ? " out " : "", p->oif, extra);
	return buf;
}
