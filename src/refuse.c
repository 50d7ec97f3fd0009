// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <stddef.h>
#include <string.h>

#include "lib/checksum.h"
#include "src/refuse.h"

static void refill(struct refuse_bucket *b, uint32_t rate, uint64_t now_ms)
{
	uint64_t milli = b->milli + (now_ms - b->at_ms) * rate;

	b->milli = milli > rate * 1000 ? rate * 1000 : (uint32_t)milli;
	b->at_ms = now_ms;
}

static struct refuse_bucket *source_of(struct refuse_limit *r, const struct net_addr *addr)
{
	struct refuse_bucket *b = &r->source[0];

	for (size_t i = 0; i < REFUSE_SOURCES; i++) {
		if (r->source[i].at_ms && net_addr_eq(&r->source[i].addr, addr))
			return &r->source[i];
		if (r->source[i].at_ms < b->at_ms)
			b = &r->source[i];
	}
	*b = (struct refuse_bucket){ .addr = *addr };
	return b;
}

bool refuse_allowed(struct refuse_limit *r, const struct net_addr *addr, uint64_t now_ms)
{
	const uint32_t rate = r->rate_source ? r->rate_source : REFUSE_RATE_SOURCE;
	const uint32_t rate_all = r->rate_all ? r->rate_all : REFUSE_RATE_ALL;
	struct refuse_bucket *b = source_of(r, addr);

	if (!b->at_ms) /* not heard of lately */
		b->milli = rate * 1000;
	if (!r->all.at_ms)
		r->all.milli = rate_all * 1000;
	refill(b, rate, now_ms);
	refill(&r->all, rate_all, now_ms);
	if (b->milli < 1000 || r->all.milli < 1000)
		return false;
	b->milli -= 1000;
	r->all.milli -= 1000;
	return true;
}

static size_t build4(const uint8_t *packet, size_t len, bool forwarded, uint8_t *msg,
		     struct net_addr *ret_to)
{
	struct icmphdr icmp = { .type = ICMP_DEST_UNREACH, .code = ICMP_PKT_FILTERED };
	struct iphdr ip;
	size_t hlen, n;

	if (len < sizeof(ip))
		return 0;
	memcpy(&ip, packet, sizeof(ip));
	hlen = ip.ihl * 4u;
	if (ip.version != 4 || hlen < sizeof(ip) || len < hlen + 8 ||
	    IN_MULTICAST(ntohl(ip.daddr)) || ip.daddr == htonl(INADDR_BROADCAST) ||
	    IN_MULTICAST(ntohl(ip.saddr)) || ip.frag_off & htons(IP_OFFMASK) || !ip.saddr)
		return 0;
	if (forwarded && ip.ttl < 255)
		ip.ttl++;
	n = sizeof(icmp) + hlen + 8;
	memcpy(msg + sizeof(icmp), packet, hlen + 8);
	ip.check = 0;
	memcpy(msg + sizeof(icmp), &ip, sizeof(ip));
	ip.check = checksum_of(msg + sizeof(icmp), hlen);
	memcpy(msg + sizeof(icmp), &ip, sizeof(ip));
	memcpy(msg, &icmp, sizeof(icmp));
	icmp.checksum = checksum_of(msg, n);
	memcpy(msg, &icmp, sizeof(icmp));
	*ret_to = net_addr_from4(ip.saddr);
	return n;
}

/* The checksum is left to the kernel, which knows the source that it chooses. */
static size_t build6(const uint8_t *packet, size_t len, bool forwarded, uint8_t *msg,
		     struct net_addr *ret_to)
{
	const struct icmp6_hdr icmp = { .icmp6_type = ICMP6_DST_UNREACH,
					.icmp6_code = ICMP6_DST_UNREACH_ADMIN };
	struct ip6_hdr ip;

	if (len < sizeof(ip))
		return 0;
	memcpy(&ip, packet, sizeof(ip));
	if (ip.ip6_vfc >> 4 != 6 || IN6_IS_ADDR_MULTICAST(&ip.ip6_dst) ||
	    IN6_IS_ADDR_MULTICAST(&ip.ip6_src) || IN6_IS_ADDR_UNSPECIFIED(&ip.ip6_src))
		return 0;
	if (len > REFUSE_MAX - sizeof(icmp))
		len = REFUSE_MAX - sizeof(icmp);
	if (forwarded && ip.ip6_hlim < 255)
		ip.ip6_hlim++;
	memcpy(msg, &icmp, sizeof(icmp));
	memcpy(msg + sizeof(icmp), packet, len);
	memcpy(msg + sizeof(icmp), &ip, sizeof(ip));
	memcpy(ret_to, &ip.ip6_src, sizeof(*ret_to));
	return sizeof(icmp) + len;
}

size_t refuse_build(const void *packet, size_t len, bool forwarded, uint8_t ret_msg[REFUSE_MAX],
		    struct net_addr *ret_to)
{
	const uint8_t *first = packet;

	return len && *first >> 4 == 6 ? build6(packet, len, forwarded, ret_msg, ret_to)
				       : build4(packet, len, forwarded, ret_msg, ret_to);
}

static bool all_bytes(const uint8_t *p, size_t n, uint8_t value)
{
	while (n && *p == value)
		p++, n--;
	return !n;
}

void refuse_unmapped(uint8_t *msg, bool inwards)
{
	const size_t at =
		inwards ? offsetof(struct ip6_hdr, ip6_dst) : offsetof(struct ip6_hdr, ip6_src);
	const uint8_t *addr = msg + sizeof(struct icmp6_hdr) + at;
	/* 5: "source address failed ingress/egress policy", RFC 4443 section 3.1 */
	struct icmp6_hdr icmp = { .icmp6_type = ICMP6_DST_UNREACH,
				  .icmp6_code = inwards ? ICMP6_DST_UNREACH_NOROUTE : 5 };

	/* subnet 0xffff has no counterpart, whatever the interface identifier */
	if ((all_bytes(addr + 8, 8, 0) || all_bytes(addr + 8, 8, 0xff)) &&
	    !all_bytes(addr + 6, 2, 0xff)) {
		icmp = (struct icmp6_hdr){ .icmp6_type = ICMP6_PARAM_PROB,
					   .icmp6_code = ICMP6_PARAMPROB_HEADER };
		icmp.icmp6_pptr = htonl((uint32_t)at);
	}
	memcpy(msg, &icmp, sizeof(icmp));
}
