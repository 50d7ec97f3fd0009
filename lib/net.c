// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net.h"

static const uint8_t v4_mapped[12] = { [10] = 0xff, [11] = 0xff };

struct net_addr net_addr_from4(uint32_t be_addr)
{
	struct net_addr a;

	memcpy(a.b, v4_mapped, 12);
	memcpy(a.b + 12, &be_addr, 4);
	return a;
}

bool net_addr_is4(const struct net_addr *a)
{
	return memcmp(a->b, v4_mapped, 12) == 0;
}

uint32_t net_addr_to4(const struct net_addr *a)
{
	uint32_t v;

	memcpy(&v, a->b + 12, 4);
	return v;
}

bool net_addr_eq(const struct net_addr *a, const struct net_addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

const char *net_addr_inner(const struct net_addr *a)
{
	static const struct {
		uint32_t net, mask;
		const char *what;
	} inner[] = {
		{ 0x0a000000, 0xff000000, "private, RFC 1918" },
		{ 0xac100000, 0xfff00000, "private, RFC 1918" },
		{ 0xc0a80000, 0xffff0000, "private, RFC 1918" },
		{ 0x64400000, 0xffc00000, "carrier-grade NAT, RFC 6598" },
		{ 0xc0000000, 0xfffffff8, "DS-Lite, RFC 6333" },
	};

	for (size_t i = 0; net_addr_is4(a) && i < sizeof(inner) / sizeof(*inner); i++)
		if ((ntohl(net_addr_to4(a)) & inner[i].mask) == inner[i].net)
			return inner[i].what;
	return NULL;
}

int net_addr_parse(const char *s, struct net_addr *ret_addr)
{
	struct in_addr in;
	struct in6_addr in6;

	if (inet_pton(AF_INET, s, &in) == 1) {
		*ret_addr = net_addr_from4(in.s_addr);
		return 0;
	}
	if (inet_pton(AF_INET6, s, &in6) == 1) {
		memcpy(ret_addr->b, &in6, 16);
		return 0;
	}
	return -EINVAL;
}

char *net_addr_format(const struct net_addr *a, char *buf)
{
	if (net_addr_is4(a))
		inet_ntop(AF_INET, a->b + 12, buf, NET_ADDR_STRLEN);
	else
		inet_ntop(AF_INET6, a->b, buf, NET_ADDR_STRLEN);
	return buf;
}

static void addr_mask(struct net_addr *a, unsigned len)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned bits = len > i * 8 ? len - i * 8 : 0;

		if (bits < 8)
			a->b[i] &= (uint8_t)(0xff00 >> bits);
	}
}

int net_prefix_parse(const char *s, struct net_prefix *ret_prefix)
{
	struct net_prefix p;
	struct net_addr masked;
	char host[NET_ADDR_STRLEN];
	const char *slash = strchr(s, '/');
	size_t n = slash ? (size_t)(slash - s) : strlen(s);
	unsigned long len = 0;
	unsigned max;
	char *end;

	if (n >= sizeof(host))
		return -EINVAL;
	memcpy(host, s, n);
	host[n] = '\0';
	if (net_addr_parse(host, &p.addr))
		return -EINVAL;
	max = strchr(host, ':') ? 128 : 32; /* ::ffff:10.0.0.0/104 is 10.0.0.0/8 */
	if (slash) {
		if (slash[1] < '0' || slash[1] > '9')
			return -EINVAL;
		len = strtoul(slash + 1, &end, 10);
		if (*end || len > max)
			return -EINVAL;
	} else {
		len = max;
	}
	p.len = (uint8_t)(max == 32 ? 96 + len : len);
	masked = p.addr;
	addr_mask(&masked, p.len);
	if (!net_addr_eq(&masked, &p.addr))
		return -ERANGE;
	*ret_prefix = p;
	return 0;
}

struct net_prefix net_prefix_of(const struct net_addr *a, uint8_t len)
{
	struct net_prefix p = { *a, len };

	addr_mask(&p.addr, len);
	return p;
}

char *net_prefix_format(const struct net_prefix *p, char *buf)
{
	bool is4 = p->len >= 96 && net_addr_is4(&p->addr);
	size_t n;

	net_addr_format(&p->addr, buf);
	n = strlen(buf);
	snprintf(buf + n, NET_ADDR_STRLEN - n, "/%u", is4 ? p->len - 96u : p->len);
	return buf;
}

bool net_prefix_contains(const struct net_prefix *p, const struct net_addr *a)
{
	struct net_addr m = *a;

	if (p->len < 96 && net_addr_is4(a))
		return false;
	addr_mask(&m, p->len);
	return net_addr_eq(&m, &p->addr);
}

int net_list_add(struct net_list *l, const struct net_prefix *p)
{
	struct net_prefix *n;

	for (size_t i = 0; i < l->n; i++)
		if (l->p[i].len == p->len && net_addr_eq(&l->p[i].addr, &p->addr))
			return 0;
	n = realloc(l->p, (l->n + 1) * sizeof(*n));
	if (!n)
		return -ENOMEM;
	l->p = n;
	l->p[l->n++] = *p;
	return 0;
}

bool net_list_contains(const struct net_list *l, const struct net_addr *a)
{
	for (size_t i = 0; i < l->n; i++)
		if (net_prefix_contains(&l->p[i], a))
			return true;
	return false;
}

/* The parts of @from that @out, which lies in it, leaves: one for each bit that it is longer. */
static int add_rest(struct net_list *l, const struct net_prefix *from, const struct net_prefix *out)
{
	int ret = 0;

	for (uint8_t len = from->len; len < out->len && !ret; len++) {
		struct net_prefix half = net_prefix_of(&out->addr, (uint8_t)(len + 1));

		half.addr.b[len / 8] ^= (uint8_t)(0x80 >> len % 8);
		ret = net_list_add(l, &half);
	}
	return ret;
}

int net_list_subtract(struct net_list *l, const struct net_prefix *p)
{
	struct net_list left = { 0 };
	int ret = 0;

	for (size_t i = 0; i < l->n && !ret; i++) {
		const struct net_prefix *q = &l->p[i];

		if (q->len <= p->len && net_prefix_contains(q, &p->addr))
			ret = add_rest(&left, q, p);
		else if (!net_prefix_contains(p, &q->addr))
			ret = net_list_add(&left, q);
	}
	if (ret) {
		net_list_free(&left);
		return ret;
	}
	net_list_free(l);
	*l = left;
	return 0;
}

void net_list_free(struct net_list *l)
{
	free(l->p);
	l->p = NULL;
	l->n = 0;
}

static const struct {
	const char *name;
	uint8_t number;
} protos[PROTO_COUNT] = {
	{ "udp", IPPROTO_UDP },
	{ "tcp", IPPROTO_TCP },
	{ "icmp", IPPROTO_ICMP },
};

const char *proto_name(unsigned bit)
{
	for (unsigned i = 0; i < PROTO_COUNT; i++)
		if (bit == 1u << i)
			return protos[i].name;
	return "?";
}

uint8_t proto_number(unsigned bit)
{
	for (unsigned i = 0; i < PROTO_COUNT; i++)
		if (bit == 1u << i)
			return protos[i].number;
	return 0;
}

unsigned proto_bit(uint8_t ipproto)
{
	for (unsigned i = 0; i < PROTO_COUNT; i++)
		if (protos[i].number == ipproto)
			return 1u << i;
	return 0;
}

int proto_parse(const char *s, unsigned *ret_mask)
{
	unsigned mask = 0;

	for (;;) {
		size_t n = strcspn(s, ",");
		unsigned bit = n == 3 && !strncmp(s, "all", 3) ? PROTO_ALL : 0;

		for (unsigned i = 0; i < PROTO_COUNT && !bit; i++)
			if (strlen(protos[i].name) == n && !strncmp(s, protos[i].name, n))
				bit = 1u << i;
		if (!bit)
			return -EINVAL;
		mask |= bit;
		if (!s[n])
			break;
		s += n + 1;
	}
	*ret_mask = mask;
	return 0;
}
