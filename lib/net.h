/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses, prefixes and protocols: the types that every module shares. */
#ifndef EINAT_NET_H
#define EINAT_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Protocols of a slice, as a mask; the order is that of enum einat_proto in bpf/abi.h. */
enum {
	PROTO_UDP = 1 << 0,
	PROTO_TCP = 1 << 1,
	PROTO_ICMP = 1 << 2,
	PROTO_ALL = PROTO_UDP | PROTO_TCP | PROTO_ICMP,
};
#define PROTO_COUNT 3

/* Network byte order; IPv4 as v4-mapped IPv6 (::ffff:a.b.c.d). */
struct net_addr {
	uint8_t b[16];
};

/* len is 0..128; an IPv4 prefix a.b.c.d/n has len 96 + n. Host bits are zero. */
struct net_prefix {
	struct net_addr addr;
	uint8_t len;
};

/* A growable list of prefixes; zero-initialised is empty, net_list_free() releases it. */
struct net_list {
	struct net_prefix *p;
	size_t n;
};

struct net_addr net_addr_from4(uint32_t be_addr);
bool net_addr_is4(const struct net_addr *a);
/** net_addr_to4() - the IPv4 address in network byte order; only valid if net_addr_is4(). */
uint32_t net_addr_to4(const struct net_addr *a);
bool net_addr_eq(const struct net_addr *a, const struct net_addr *b);
/** net_addr_inner() - the network that is not routed in the Internet which @a is in, or NULL. */
const char *net_addr_inner(const struct net_addr *a);
int net_addr_parse(const char *s, struct net_addr *ret_addr); /* 0 or -EINVAL */
#define NET_ADDR_STRLEN 64
/** net_addr_format() - text of @a into @buf (NET_ADDR_STRLEN); returns @buf. */
char *net_addr_format(const struct net_addr *a, char *buf);

/** net_prefix_parse() - "a.b.c.d[/n]" or "v6[/n]"; -EINVAL malformed, -ERANGE host bits set. */
int net_prefix_parse(const char *s, struct net_prefix *ret_prefix);
/** net_prefix_of() - the prefix of @len bits that @a is in. */
struct net_prefix net_prefix_of(const struct net_addr *a, uint8_t len);
char *net_prefix_format(const struct net_prefix *p, char *buf); /* IPv4 printed as a.b.c.d/n */
/** net_prefix_contains() - an IPv6 prefix, ::/0 too, contains no IPv4 address. */
bool net_prefix_contains(const struct net_prefix *p, const struct net_addr *a);

int net_list_add(struct net_list *l, const struct net_prefix *p); /* duplicates are ignored */
bool net_list_contains(const struct net_list *l, const struct net_addr *a);
/** net_list_subtract() - the same addresses without those of @p. 0, or -ENOMEM: @l is as it was. */
int net_list_subtract(struct net_list *l, const struct net_prefix *p);
void net_list_free(struct net_list *l);

/** proto_name() - "udp", "tcp" or "icmp" for one PROTO_ bit. */
const char *proto_name(unsigned proto_bit);
/** proto_number() - IPPROTO_ value of one PROTO_ bit; proto_bit() the reverse, 0 if none. */
uint8_t proto_number(unsigned proto_bit);
unsigned proto_bit(uint8_t ipproto);
/** proto_parse() - "udp,tcp", "all" ... into a mask; -EINVAL on an unknown word. */
int proto_parse(const char *s, unsigned *ret_mask);

#endif
