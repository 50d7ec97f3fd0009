/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two hosts with bindings, and errors about what one of them sends to the other; included once. */
#ifndef HAIRPIN_LAB_H
#define HAIRPIN_LAB_H

#include <arpa/inet.h>
#include <string.h>

#include "lib/checksum.h"
#include "src/hairpin_error.h"

#define MAX 512

struct binding {
	const char *internal, *external;
	uint16_t iport, eport;
};

/* h1 and h2, whose external addresses differ; of whichever protocol has bindings at all. */
static const struct binding bindings[] = {
	{ "192.168.1.2", "203.0.113.2", 5013, 25013 },
	{ "192.168.1.3", "203.0.113.9", 4010, 25010 },
	{ "fd00:1::2", "2001:db8::2", 5013, 25013 },
	{ "fd00:1::3", "2001:db8::9", 4010, 25010 },
};

static struct net_addr addr(const char *s)
{
	struct net_addr a;

	assert_int_equal(net_addr_parse(s, &a), 0);
	return a;
}

static bool find(struct hairpin_endpoint *ep, bool by_external)
{
	for (size_t i = 0; i < sizeof(bindings) / sizeof(*bindings); i++) {
		const struct binding *b = &bindings[i];
		const struct net_addr in = addr(b->internal), ext = addr(b->external);

		if (!net_addr_eq(&ep->addr, by_external ? &ext : &in) ||
		    ep->port != (by_external ? b->eport : b->iport))
			continue;
		*ep = by_external ? (struct hairpin_endpoint){ in, b->iport }
				  : (struct hairpin_endpoint){ ext, b->eport };
		return true;
	}
	return false;
}

/* @data: the protocols that have bindings */
static bool internal(unsigned proto, struct hairpin_endpoint *ep, void *data)
{
	return *(const unsigned *)data & proto && find(ep, true);
}

static bool external(unsigned proto, struct hairpin_endpoint *ep, void *data)
{
	return *(const unsigned *)data & proto && find(ep, false);
}

static unsigned bound = PROTO_UDP | PROTO_TCP;
static const struct hairpin_lookup lookup = { internal, external, &bound };

/* ---- messages ---------------------------------------------------------------------------- */

enum { UDP = 17, TCP = 6, ICMP = 1, ICMPV6 = 58 };

/* What goes on in the network (EXT:25013 to h2), and what h1 sent for it. */
static const struct flow {
	const char *src, *dst;
	uint16_t sport, dport;
} inside4 = { "203.0.113.2", "192.168.1.3", 25013, 4010 },
  sent4 = { "192.168.1.2", "203.0.113.9", 5013, 25010 },
  inside6 = { "2001:db8::2", "fd00:1::3", 25013, 4010 },
  sent6 = { "fd00:1::2", "2001:db8::9", 5013, 25010 };

struct layout {
	uint8_t proto; /* of layer 4 */
	size_t options; /* bytes between the IP header and layer 4 */
	const uint8_t *ext; /* IPv6: they are this; next: the first one's protocol */
	uint8_t next;
	uint16_t word; /* of the payload */
	bool no_csum;
};

static void put16(uint8_t *p, size_t at, unsigned v)
{
	p[at] = (uint8_t)(v >> 8);
	p[at + 1] = (uint8_t)v;
}

/* Addresses, layer 4 and its length and number, summed up from nothing. */
static void l4_checksum(uint8_t *l4, size_t n, size_t at, uint8_t proto, const struct flow *f)
{
	uint8_t all[40 + MAX] = { 0 };
	const struct net_addr src = addr(f->src), dst = addr(f->dst);
	uint16_t csum;

	memcpy(all, &src, 16);
	memcpy(all + 16, &dst, 16);
	if (net_addr_is4(&src)) /* without the ffff of mapped ones */
		memset(all, 0, 12), memset(all + 16, 0, 12);
	put16(all, 34, (unsigned)n);
	all[39] = proto;
	memcpy(all + 40, l4, n);
	csum = checksum_of(all, 40 + n);
	if (proto == UDP && !csum)
		csum = 0xffff;
	memcpy(l4 + at, &csum, 2);
}

static size_t put_l4(uint8_t *p, const struct flow *f, const struct layout *l)
{
	const size_t n = l->proto == TCP ? 32 : 20, at = l->proto == TCP ? 16 : 6;

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(i * 37 + 5);
	put16(p, 0, f->sport);
	put16(p, 2, f->dport);
	put16(p, n - 2, l->word);
	put16(p, at, 0);
	if (l->proto == UDP)
		put16(p, 4, (unsigned)n);
	if (!l->no_csum)
		l4_checksum(p, n, at, l->proto, f);
	return n;
}

static size_t put_ip4(uint8_t *p, const struct flow *f, const struct layout *l)
{
	const uint32_t src = inet_addr(f->src), dst = inet_addr(f->dst);
	const size_t hlen = 20 + l->options;
	uint16_t csum;
	size_t n;

	memset(p, 0, hlen);
	p[0] = (uint8_t)(0x40 | hlen / 4);
	put16(p, 4, 0x1234);
	p[6] = 0x40; /* DF */
	p[8] = 62;
	p[9] = l->proto;
	memcpy(p + 12, &src, 4);
	memcpy(p + 16, &dst, 4);
	memset(p + 20, 1, l->options); /* NOP */
	n = hlen + put_l4(p + hlen, f, l);
	put16(p, 2, (unsigned)n);
	csum = checksum_of(p, hlen);
	memcpy(p + 10, &csum, 2);
	return n;
}

static size_t put_ip6(uint8_t *p, const struct flow *f, const struct layout *l)
{
	const struct net_addr src = addr(f->src), dst = addr(f->dst);
	size_t n;

	memset(p, 0, 40);
	p[0] = 0x60;
	p[6] = l->options ? l->next : l->proto;
	p[7] = 62;
	memcpy(p + 8, &src, 16);
	memcpy(p + 24, &dst, 16);
	if (l->options)
		memcpy(p + 40, l->ext, l->options);
	n = 40 + l->options + put_l4(p + 40 + l->options, f, l);
	put16(p, 4, (unsigned)n - 40);
	return n;
}

static void outer_checksum(uint8_t *msg, size_t n)
{
	uint16_t csum;

	put16(msg, 2, 0);
	csum = checksum_of(msg, n);
	memcpy(msg + 2, &csum, 2);
}

/* "Too big", with 1300 as the MTU. The checksum of ICMPv6 is left out. */
static size_t put_error(uint8_t *msg, bool ipv6, const struct flow *f, const struct layout *l)
{
	size_t n;

	memset(msg, 0, 8);
	msg[0] = ipv6 ? 2 : 3;
	msg[1] = ipv6 ? 0 : 4;
	put16(msg, 6, 1300);
	n = 8 + (ipv6 ? put_ip6(msg + 8, f, l) : put_ip4(msg + 8, f, l));
	if (!ipv6)
		outer_checksum(msg, n);
	return n;
}

#endif
