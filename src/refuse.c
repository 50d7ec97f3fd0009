// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#include "src/refuse.h"

static void refill(struct refuse_bucket *b, uint32_t rate, uint64_t now_ms)
{
	uint64_t milli = b->milli + (now_ms - b->at_ms) * rate;

	b->milli = milli > rate * 1000 ? rate * 1000 : (uint32_t)milli;
	b->at_ms = now_ms;
}

static struct refuse_bucket *source_of(struct refuse_limit *r, uint32_t addr)
{
	struct refuse_bucket *b = &r->source[0];

	for (size_t i = 0; i < REFUSE_SOURCES; i++) {
		if (r->source[i].addr == addr && r->source[i].at_ms)
			return &r->source[i];
		if (r->source[i].at_ms < b->at_ms)
			b = &r->source[i];
	}
	*b = (struct refuse_bucket){ .addr = addr };
	return b;
}

bool refuse_allowed(struct refuse_limit *r, uint32_t addr, uint64_t now_ms)
{
	struct refuse_bucket *b = source_of(r, addr);

	if (!b->at_ms) /* not heard of lately */
		b->milli = REFUSE_RATE_SOURCE * 1000;
	if (!r->all.at_ms)
		r->all.milli = REFUSE_RATE_ALL * 1000;
	refill(b, REFUSE_RATE_SOURCE, now_ms);
	refill(&r->all, REFUSE_RATE_ALL, now_ms);
	if (b->milli < 1000 || r->all.milli < 1000)
		return false;
	b->milli -= 1000;
	r->all.milli -= 1000;
	return true;
}

static uint16_t checksum(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

size_t refuse_build(const void *packet, size_t len, bool forwarded, uint8_t ret_msg[REFUSE_MAX],
		    uint32_t *ret_to)
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
	memcpy(ret_msg + sizeof(icmp), packet, hlen + 8);
	ip.check = 0;
	memcpy(ret_msg + sizeof(icmp), &ip, sizeof(ip));
	ip.check = checksum(ret_msg + sizeof(icmp), hlen);
	memcpy(ret_msg + sizeof(icmp), &ip, sizeof(ip));
	memcpy(ret_msg, &icmp, sizeof(icmp));
	icmp.checksum = checksum(ret_msg, n);
	memcpy(ret_msg, &icmp, sizeof(icmp));
	*ret_to = ip.saddr;
	return n;
}
