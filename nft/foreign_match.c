// SPDX-License-Identifier: GPL-2.0-or-later
/* How a match narrows a region. Not understood: NARROW_OTHER, the region stays as it is. */
#include <errno.h>
#include <string.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/rtnetlink.h>

#include "foreign_region.h"

/* More ranges than this are not followed: the region stays wide. */
#define RANGES_MAX 8192

static uint32_t be(const uint8_t *p, size_t len)
{
	uint32_t v = 0;

	for (size_t i = 0; i < len; i++)
		v = v << 8 | p[i];
	return v;
}

/* Whether one concrete value (canonical bytes) matches. */
static bool value_matches(const struct fw_match *m, const uint8_t *value)
{
	size_t len = fw_field_len(m->field);
	uint8_t v[FW_FIELD_MAX];

	for (size_t i = 0; i < len; i++)
		v[i] = value[i] & m->mask[i];
	for (size_t i = 0; i < m->n; i++)
		if (memcmp(v, m->r[i].lo, len) >= 0 && memcmp(v, m->r[i].hi, len) <= 0)
			return !m->neg;
	return m->neg;
}

static bool number_matches(const struct fw_match *m, uint32_t number)
{
	size_t len = fw_field_len(m->field);
	uint8_t v[4];

	for (size_t i = 0; i < len; i++)
		v[i] = (uint8_t)(number >> (8 * (len - 1 - i)));
	return value_matches(m, v);
}

static int certain(bool matches)
{
	return matches ? 0 : MATCH_NEVER;
}

static bool name_matches(const struct fw_match *m, const char *name)
{
	uint8_t v[IFNAMSIZ] = { 0 };

	memcpy(v, name, strnlen(name, IFNAMSIZ - 1));
	return value_matches(m, v);
}

/* An index that no interface has cannot be met. */
static const char *link_name(const struct packets *p, uint32_t ifindex)
{
	for (size_t i = 0; i < p->snap->n_links; i++)
		if ((uint32_t)p->snap->links[i].ifindex == ifindex)
			return p->snap->links[i].name;
	return NULL;
}

static int link_index(const struct packets *p, const char *name)
{
	for (size_t i = 0; i < p->snap->n_links; i++)
		if (!strncmp(p->snap->links[i].name, name, IFNAMSIZ))
			return p->snap->links[i].ifindex;
	return 0;
}

/* Our own interface, by name or by index. */
static int match_ours(const struct packets *p, const struct fw_match *m)
{
	if (m->field == FW_F_IIFNAME || m->field == FW_F_OIFNAME)
		return certain(name_matches(m, p->ifname));
	return p->ifindex ? certain(number_matches(m, (uint32_t)p->ifindex)) : NARROW_OTHER;
}

/* The names that a positive output match gives, if it is a finite list. */
static bool listed_names(const struct packets *p, const struct fw_match *m, struct ifset *ret)
{
	size_t len = fw_field_len(m->field);

	ret->except = false;
	ret->n = 0;
	for (size_t i = 0; i < m->n; i++) {
		char name[IFNAMSIZ] = { 0 };
		const char *link;

		if (ret->n == IFSET_MAX || memcmp(m->r[i].lo, m->r[i].hi, len))
			return false;
		if (m->field == FW_F_OIF) {
			if (be(m->mask, 4) != ~0u)
				return false;
			link = link_name(p, be(m->r[i].lo, 4));
			if (!link)
				continue;
			memcpy(name, link, IFNAMSIZ);
		} else {
			/* a name must be compared with its end, else it is a wildcard */
			memcpy(name, m->r[i].lo, IFNAMSIZ - 1);
			for (size_t j = 0; j <= strlen(name); j++)
				if (m->mask[j] != 0xff)
					return false;
		}
		memcpy(ret->name[ret->n++], name, IFNAMSIZ);
	}
	return true;
}

static int match_oif_known(const struct packets *p, struct region *r, const struct fw_match *m)
{
	struct ifset listed, left = { .except = false };

	if (!r->oif.except) {
		for (size_t i = 0; i < r->oif.n; i++) {
			int index = link_index(p, r->oif.name[i]);

			if (m->field == FW_F_OIF && !index)
				return NARROW_OTHER;
			if (m->field == FW_F_OIF ? number_matches(m, (uint32_t)index)
						 : name_matches(m, r->oif.name[i]))
				memcpy(left.name[left.n++], r->oif.name[i], IFNAMSIZ);
		}
		if (!left.n)
			return MATCH_NEVER;
		if (left.n == r->oif.n)
			return 0;
		r->oif = left;
		return NARROW_OIF;
	}
	if (!listed_names(p, m, &listed))
		return NARROW_OTHER;
	/* of the listed names, those that are possible here */
	for (size_t i = 0; i < listed.n; i++)
		if (ifset_matches(&r->oif, listed.name[i]))
			memcpy(left.name[left.n++], listed.name[i], IFNAMSIZ);
	if (!left.n)
		return m->neg ? 0 : MATCH_NEVER;
	if (!m->neg) {
		r->oif = left;
		return NARROW_OIF;
	}
	if (r->oif.n + left.n > IFSET_MAX)
		return NARROW_OTHER;
	for (size_t i = 0; i < left.n; i++)
		memcpy(r->oif.name[r->oif.n++], left.name[i], IFNAMSIZ);
	return NARROW_OIF;
}

static int match_iface(const struct packets *p, struct region *r, const struct fw_match *m)
{
	bool input = m->field == FW_F_IIFNAME || m->field == FW_F_IIF;
	int ret;

	if (input)
		return p->purpose == FOR_SNAT ? NARROW_OTHER : match_ours(p, m);
	if (p->purpose == FOR_SNAT) {
		ret = match_ours(p, m);
		if (!ret && !m->neg)
			r->names_iface = true;
		return ret;
	}
	return p->oif_known ? match_oif_known(p, r, m) : NARROW_OTHER;
}

/* The ranges of a numeric match as a set; false if they are too many or not contiguous. */
static bool numeric_set(const struct fw_match *m, struct rset *ret_set, int *ret_err)
{
	size_t len = fw_field_len(m->field);
	uint32_t top = len == 4 ? ~0u : (1u << (8 * len)) - 1;
	uint32_t mask = be(m->mask, len), rest = top & ~mask;

	if ((rest & (rest + 1)) || m->n > RANGES_MAX)
		return false;
	for (size_t i = 0; i < m->n; i++) {
		uint32_t lo = be(m->r[i].lo, len), hi = be(m->r[i].hi, len);

		/* compared bits are multiples of rest + 1: round into the range */
		if (lo & rest) {
			if (lo > top - rest)
				continue;
			lo = (lo | rest) + 1;
		}
		hi |= rest;
		if (be(m->r[i].hi, len) < lo)
			continue;
		if (rset_push(ret_set, lo, hi)) {
			*ret_err = -ENOMEM;
			return false;
		}
	}
	rset_sort(ret_set);
	return true;
}

/* Narrow one dimension. @ret_any: whether anything is left. */
static int narrow(struct rset *dim, const struct rset *by, bool neg)
{
	struct rset was = { 0 };
	int ret = rset_copy(&was, dim);

	if (!ret)
		ret = neg ? rset_subtract(dim, by) : rset_intersect(dim, by);
	if (!ret && !dim->n)
		ret = MATCH_NEVER;
	else if (!ret && !rset_eq(dim, &was))
		ret = 1;
	rset_free(&was);
	return ret;
}

static int match_addr(const struct packets *p, struct region *r, const struct fw_match *m)
{
	bool src = m->field == FW_F_SADDR4;
	struct rset *dim = src ? &r->src : &r->dst, set = { 0 };
	int err = 0, ret;

	if (!numeric_set(m, &set, &err)) {
		ret = err ? err : NARROW_OTHER;
	} else if (rset_is(&set, 0, ADDR_TOP)) {
		ret = certain(!m->neg);
	} else if (!src && rset_subtract(&set, &p->never_dst)) {
		ret = -ENOMEM;
	} else if (m->neg && rset_is(dim, 0, ADDR_TOP)) {
		/* "all but" is not kept: the rest of the addresses stays "any" */
		ret = set.n ? NARROW_OTHER : 0;
	} else {
		ret = narrow(dim, &set, m->neg);
		if (ret > 0)
			ret = NARROW_OTHER;
	}
	if (ret > 0 && !m->neg) {
		r->names_src = r->names_src || src;
		r->names_dest = r->names_dest || !src;
	}
	rset_free(&set);
	return ret;
}

static int match_ports(struct region *r, const struct fw_match *m)
{
	struct rset set = { 0 };
	int err = 0, ret = 0;

	if (!numeric_set(m, &set, &err)) {
		rset_free(&set);
		return err ? err : NARROW_OTHER;
	}
	for (unsigned i = 0; i < 2; i++) {
		int n;

		if (!(r->protos & 1u << i))
			continue;
		n = narrow(&r->ports[i], &set, m->neg);
		if (n == -ENOMEM) {
			rset_free(&set);
			return n;
		}
		if (n == MATCH_NEVER)
			r->protos &= ~(1u << i);
		if (n)
			ret |= NARROW_PORTS;
	}
	rset_free(&set);
	if (!r->protos)
		return MATCH_NEVER;
	/* ICMP has no ports: what is found there instead is not known */
	if (r->protos & PROTO_ICMP)
		ret |= NARROW_OTHER;
	if (ret && !m->neg)
		r->names_dest = r->names_ports = true;
	return ret;
}

static int match_proto(struct region *r, const struct fw_match *m)
{
	unsigned left = 0;

	for (unsigned i = 0; i < PROTO_COUNT; i++)
		if ((r->protos & 1u << i) && number_matches(m, proto_number(1u << i)))
			left |= 1u << i;
	if (!left)
		return MATCH_NEVER;
	if (left == r->protos)
		return 0;
	r->protos = left;
	return NARROW_PORTS;
}

/* Try each value that is possible; @ret_left is the mask of those that match. */
static int match_states(struct region *r, const struct fw_match *m)
{
	uint32_t left = 0;

	if (!r->states)
		return NARROW_OTHER;
	for (unsigned i = 0; i < 32; i++)
		if ((r->states & 1u << i) && number_matches(m, 1u << i))
			left |= 1u << i;
	if (!left)
		return MATCH_NEVER;
	if (left == r->states)
		return 0;
	r->states = left;
	return NARROW_STATE;
}

/*
 * A connection that einat translated and that conntrack sees for the first time: nothing has
 * been confirmed, answered or NATed. The "NAT done" bits may be set already.
 */
static int match_status(const struct packets *p, const struct fw_match *m)
{
	uint32_t clear = IPS_EXPECTED | IPS_SEEN_REPLY | IPS_ASSURED | IPS_CONFIRMED | IPS_SRC_NAT |
			 IPS_DST_NAT | IPS_DYING;

	if (p->purpose != FOR_DROP || (be(m->mask, 4) & ~clear))
		return NARROW_OTHER;
	return certain(number_matches(m, 0));
}

static int match_mark(const struct region *r, const struct fw_match *m)
{
	uint32_t mask = be(m->mask, 4), known = r->mark_known & mask;
	bool sure = known == mask, possible = false;

	if (sure)
		return certain(number_matches(m, r->mark));
	for (size_t i = 0; i < m->n; i++) {
		uint32_t lo = be(m->r[i].lo, 4);

		/* a single value can be excluded by the bits that are known */
		if (lo != be(m->r[i].hi, 4) || (!((lo ^ r->mark) & known) && !(lo & ~mask)))
			possible = true;
	}
	if (possible)
		return NARROW_OTHER;
	return certain(m->neg);
}

/* Flags of a TCP packet that begins a flow, or goes on with one that conntrack did not see. */
static int match_tcpflags(const struct packets *p, const struct fw_match *m)
{
	/* SYN, SYN with ECN, SYN ACK, ACK, PSH ACK, FIN ACK, RST, RST ACK */
	static const uint8_t usual[] = { 0x02, 0xc2, 0x12, 0x10, 0x18, 0x11, 0x04, 0x14 };
	size_t hits = 0;

	if (p->purpose != FOR_DROP)
		return NARROW_OTHER;
	for (size_t i = 0; i < sizeof(usual); i++)
		hits += value_matches(m, &usual[i]);
	return hits ? NARROW_OTHER : MATCH_NEVER;
}

int region_match(const struct packets *p, struct region *r, const struct fw_match *m)
{
	switch (m->field) {
	case FW_F_UNKNOWN:
	case FW_F_COUNT:
	case FW_F_SPORT:
	case FW_F_SADDRTYPE:
	case FW_F_ICMPTYPE:
	case FW_F_ICMPCODE:
	case FW_F_PKTTYPE:
		return NARROW_OTHER;
	case FW_F_NFPROTO:
		return certain(number_matches(m, NFPROTO_IPV4));
	case FW_F_ETHERTYPE:
		return certain(number_matches(m, 0x0800));
	case FW_F_IIFNAME:
	case FW_F_OIFNAME:
	case FW_F_IIF:
	case FW_F_OIF:
		return match_iface(p, r, m);
	case FW_F_SADDR4:
	case FW_F_DADDR4:
		return match_addr(p, r, m);
	case FW_F_SADDR6:
	case FW_F_DADDR6:
		return MATCH_NEVER;
	case FW_F_L4PROTO:
		return match_proto(r, m);
	case FW_F_DPORT:
		return match_ports(r, m);
	case FW_F_TCPFLAGS:
		return match_tcpflags(p, m);
	case FW_F_MARK:
		return match_mark(r, m);
	case FW_F_CTSTATE:
		return match_states(r, m);
	case FW_F_CTSTATUS:
		return match_status(p, m);
	case FW_F_CTDIR:
		return p->purpose == FOR_DROP ? certain(number_matches(m, 0)) : NARROW_OTHER;
	case FW_F_DADDRTYPE:
		/* DNAT is about our own addresses, a drop about an inside host's */
		if (p->purpose == FOR_SNAT)
			return NARROW_OTHER;
		return certain(number_matches(m, p->purpose == FOR_DNAT ? RTN_LOCAL : RTN_UNICAST));
	}
	return NARROW_OTHER;
}
