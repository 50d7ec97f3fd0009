// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "src/npt.h"

/* Up to here the subnet number is adjusted, behind it the interface identifier. */
#define SUBNET_LEN 48

struct npt_pair npt_pair(const struct net_prefix *internal, const struct net_prefix *external)
{
	struct npt_pair p = { *internal, *external };
	uint8_t len = internal->len > external->len ? internal->len : external->len;

	p.internal.len = p.external.len = len;
	return p;
}

/* A 16-bit word as it lies in memory: one's complement sums do not care for the byte order. */
static uint16_t word(const struct net_addr *a, unsigned i)
{
	uint16_t w;

	memcpy(&w, &a->b[2 * i], sizeof(w));
	return w;
}

static uint16_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static uint32_t sum_half(const struct net_addr *a)
{
	return (uint32_t)word(a, 0) + word(a, 1) + word(a, 2) + word(a, 3);
}

/* RFC 6296 section 3.1: the sum of the one less that of the other. */
static uint16_t adjustment(const struct net_prefix *from, const struct net_prefix *to)
{
	return fold((uint32_t)fold(sum_half(&from->addr)) + (uint16_t)~fold(sum_half(&to->addr)));
}

struct einat_npt npt_entry(const struct net_prefix *from, const struct net_prefix *to,
			   unsigned flags)
{
	static const struct net_addr ones = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
	struct net_prefix mask = net_prefix_of(&ones, from->len);
	struct einat_npt n = { .adjust = adjustment(from, to) };

	memcpy(&n.prefix, &to->addr, sizeof(n.prefix));
	memcpy(&n.mask, &mask.addr, sizeof(n.mask));
	n.flags = (uint16_t)(flags | (from->len <= SUBNET_LEN ? NPT_F_SUBNET : 0));
	return n;
}

static bool iid_zero(const struct net_addr *a)
{
	static const uint8_t zero[8];

	return !memcmp(a->b + 8, zero, sizeof(zero));
}

bool npt_map(const struct net_prefix *from, const struct net_prefix *to, const struct net_addr *a,
	     struct net_addr *ret_addr)
{
	bool subnet = from->len <= SUBNET_LEN;
	struct net_addr r = *a;
	unsigned i = subnet ? 3 : 4, last = subnet ? 3 : 7;
	uint16_t w;

	while (i < last && word(a, i) == 0xffff)
		i++;
	if (word(a, i) == 0xffff || (!subnet && iid_zero(a)))
		return false;
	for (unsigned bit = 0; bit < from->len; bit++) {
		r.b[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
		r.b[bit / 8] |= to->addr.b[bit / 8] & (0x80 >> bit % 8);
	}
	w = fold((uint32_t)word(a, i) + adjustment(from, to));
	if (w == 0xffff)
		w = 0;
	memcpy(&r.b[2 * i], &w, sizeof(w));
	if (!subnet && iid_zero(&r))
		return false;
	*ret_addr = r;
	return true;
}

bool npt_overlap(const struct net_prefix *a, const struct net_prefix *b)
{
	return net_prefix_contains(a, &b->addr) || net_prefix_contains(b, &a->addr);
}

bool npt_is_ula(const struct net_prefix *p)
{
	return p->len >= 7 && (p->addr.b[0] & 0xfe) == 0xfc;
}

int npt_keep(struct net_list *list, bool ula)
{
	static const struct net_prefix keep[] = {
		{ .addr = { { 0xfe, 0x80 } }, .len = 10 },
		{ .addr = { { 0xff } }, .len = 8 },
		{ .addr = { { 0xfc } }, .len = 7 },
	};
	int ret = 0;

	for (size_t i = 0; i < (ula ? 3 : 2) && !ret; i++)
		ret = net_list_add(list, &keep[i]);
	return ret;
}
