// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>

#include "lib/checksum.h"
#include "src/hairpin_error.h"

#define ERROR_HLEN 8 /* header of an ICMP error, of either version */
#define PORTS_LEN  4 /* source and destination port begin UDP and TCP */
#define L4_QUOTED  8 /* bytes of layer 4 that each error quotes (RFC 792, RFC 4443) */
#define EXT_MAX	   8 /* extension headers that are followed, as in bpf/parse6.h */

/* Offsets from the start of the message. 0: not there. */
struct quoted {
	unsigned proto; /* one PROTO_ bit */
	size_t addr, addr_len; /* source address, the destination follows */
	size_t ip_csum;
	size_t l4;
	size_t csum; /* not quoted, or UDP without one: 0 */
};

static bool is_error(const uint8_t *msg, bool ipv6)
{
	if (ipv6)
		return msg[0] >= ICMP6_DST_UNREACH && msg[0] <= ICMP6_PARAM_PROB;
	return msg[0] == ICMP_DEST_UNREACH || msg[0] == ICMP_TIME_EXCEEDED ||
	       msg[0] == ICMP_PARAMETERPROB;
}

static bool quoted_ip4(const uint8_t *msg, size_t len, struct quoted *q)
{
	struct iphdr ip;

	if (len < ERROR_HLEN + sizeof(ip))
		return false;
	memcpy(&ip, msg + ERROR_HLEN, sizeof(ip));
	*q = (struct quoted){ .proto = proto_bit(ip.protocol),
			      .addr = ERROR_HLEN + offsetof(struct iphdr, saddr),
			      .addr_len = sizeof(ip.saddr),
			      .ip_csum = ERROR_HLEN + offsetof(struct iphdr, check),
			      .l4 = ERROR_HLEN + ip.ihl * 4u };
	return ip.version == 4 && ip.ihl >= 5 && !(ip.frag_off & htons(IP_OFFMASK));
}

/*
 * Behind the extension headers that any packet may have; false for others, and for a packet whose
 * destination is not the one that its checksum speaks of: a routing header with segments left.
 */
static bool quoted_ext(const uint8_t *msg, size_t len, uint8_t next, struct quoted *q)
{
	for (unsigned i = 0; i <= EXT_MAX; i++) {
		uint8_t h[8];

		if (next != IPPROTO_HOPOPTS && next != IPPROTO_DSTOPTS && next != IPPROTO_ROUTING &&
		    next != IPPROTO_FRAGMENT) {
			q->proto = proto_bit(next);
			return true;
		}
		if (q->l4 > len - sizeof(h))
			return false;
		memcpy(h, msg + q->l4, sizeof(h));
		if (next == IPPROTO_ROUTING && (!h[2] || h[3]))
			return false;
		if (next == IPPROTO_FRAGMENT && (h[2] || h[3] & 0xf8))
			return false;
		q->l4 += next == IPPROTO_FRAGMENT ? sizeof(h) : 8 + h[1] * 8u;
		next = h[0];
	}
	return false;
}

static bool quoted_ip6(const uint8_t *msg, size_t len, struct quoted *q)
{
	struct ip6_hdr ip;

	if (len < ERROR_HLEN + sizeof(ip))
		return false;
	memcpy(&ip, msg + ERROR_HLEN, sizeof(ip));
	*q = (struct quoted){ .addr = ERROR_HLEN + offsetof(struct ip6_hdr, ip6_src),
			      .addr_len = sizeof(ip.ip6_src),
			      .l4 = ERROR_HLEN + sizeof(ip) };
	return ip.ip6_vfc >> 4 == 6 && quoted_ext(msg, len, ip.ip6_nxt, q);
}

static bool quoted_parse(const uint8_t *msg, size_t len, bool ipv6, struct quoted *q)
{
	size_t csum;

	if (!(ipv6 ? quoted_ip6(msg, len, q) : quoted_ip4(msg, len, q)) || q->l4 > len - L4_QUOTED)
		return false;
	if (q->proto == PROTO_UDP) {
		csum = q->l4 + offsetof(struct udphdr, check);
		q->csum = msg[csum] | msg[csum + 1] ? csum : 0;
		return true;
	}
	csum = q->l4 + offsetof(struct tcphdr, check);
	q->csum = csum + 2 <= len ? csum : 0;
	return q->proto == PROTO_TCP;
}

static struct net_addr addr_at(const uint8_t *p, bool ipv6)
{
	struct net_addr a;
	uint32_t a4;

	if (ipv6) {
		memcpy(&a, p, sizeof(a));
		return a;
	}
	memcpy(&a4, p, sizeof(a4));
	return net_addr_from4(a4);
}

/* The last bytes of a mapped address are the one of IPv4. */
static void addr_put(uint8_t *p, const struct net_addr *a, size_t len)
{
	memcpy(p, a->b + sizeof(a->b) - len, len);
}

static void rewrite(uint8_t *msg, const struct quoted *q, const struct hairpin_endpoint *src,
		    const struct hairpin_endpoint *dst)
{
	const uint16_t ports[] = { htons(src->port), htons(dst->port) };
	const size_t n = 2 * q->addr_len;
	uint8_t addrs[2 * sizeof(struct net_addr)], *csum = msg + q->csum;

	addr_put(addrs, &src->addr, q->addr_len);
	addr_put(addrs + q->addr_len, &dst->addr, q->addr_len);
	if (q->ip_csum)
		checksum_update(msg + q->ip_csum, msg + q->addr, addrs, n);
	if (q->csum) {
		checksum_update(csum, msg + q->addr, addrs, n);
		checksum_update(csum, msg + q->l4, ports, sizeof(ports));
		if (q->proto == PROTO_UDP && !(csum[0] | csum[1]))
			csum[0] = csum[1] = 0xff; /* 0 would say that there is none */
	}
	memcpy(msg + q->addr, addrs, n);
	memcpy(msg + q->l4, ports, sizeof(ports));
}

/* Both versions have the checksum at the same place. */
static void checksum_outer(uint8_t *msg, size_t len, bool ipv6)
{
	const size_t at = offsetof(struct icmphdr, checksum);
	uint16_t csum = 0;

	memcpy(msg + at, &csum, sizeof(csum));
	if (ipv6)
		return;
	csum = checksum_of(msg, len);
	memcpy(msg + at, &csum, sizeof(csum));
}

bool hairpin_error_translate(uint8_t *msg, size_t len, const struct net_addr *dst, bool own,
			     const struct hairpin_lookup *lookup, struct net_addr *ret_from,
			     struct net_addr *ret_to)
{
	const bool ipv6 = !net_addr_is4(dst);
	struct hairpin_endpoint from, to;
	bool turned;
	struct quoted q;
	uint16_t ports[2];

	if (len < ERROR_HLEN || !is_error(msg, ipv6) ||
	    (!ipv6 && checksum_sum(msg, len) != 0xffff) || !quoted_parse(msg, len, ipv6, &q))
		return false;
	memcpy(ports, msg + q.l4, PORTS_LEN);
	from.addr = addr_at(msg + q.addr, ipv6);
	from.port = ntohs(ports[0]);
	to.addr = addr_at(msg + q.addr + q.addr_len, ipv6);
	to.port = ntohs(ports[1]);
	/* a quoted address of IPv6 that reads as one of IPv4 must never meet the bindings of that
	 */
	if (!net_addr_eq(&from.addr, dst) || (ipv6 && net_addr_is4(&to.addr)) ||
	    !lookup->internal(q.proto, &from, lookup->data))
		return false;
	turned = lookup->external(q.proto, &to, lookup->data);
	if (!turned && !own)
		return false;
	rewrite(msg, &q, &from, &to);
	checksum_outer(msg, len, ipv6);
	*ret_from = turned ? to.addr : *dst;
	*ret_to = from.addr;
	return true;
}
