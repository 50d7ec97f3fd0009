// SPDX-License-Identifier: GPL-2.0-or-later
/* Matches: which packets of a box a match is true for, which it is not, and which it may be. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <stdlib.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/rtnetlink.h>

#include "space_impl.h"

static uint32_t be(const uint8_t *p, size_t len)
{
	uint32_t v = 0;

	for (size_t i = 0; i < len; i++)
		v = v << 8 | p[i];
	return v;
}

static struct num be128(const uint8_t *p, size_t len)
{
	struct num v = { 0, 0 };

	for (size_t i = 0; i < len; i++)
		v = (struct num){ v.hi << 8 | v.lo >> 56, v.lo << 8 | p[i] };
	return v;
}

/* Whether one concrete value (canonical bytes) lies in one of the ranges. */
static bool in_ranges(const struct fw_match *m, const uint8_t *value)
{
	size_t len = fw_field_len(m->field);
	uint8_t v[FW_FIELD_MAX];

	for (size_t i = 0; i < len; i++)
		v[i] = value[i] & m->mask[i];
	for (size_t i = 0; i < m->n; i++)
		if (memcmp(v, m->r[i].lo, len) >= 0 && memcmp(v, m->r[i].hi, len) <= 0)
			return true;
	return false;
}

static bool number_in(const struct fw_match *m, uint32_t number)
{
	size_t len = fw_field_len(m->field);
	uint8_t v[FW_FIELD_MAX] = { 0 };

	for (size_t i = 0; i < len; i++)
		v[i] = (uint8_t)(number >> (8 * (len - 1 - i)));
	return in_ranges(m, v);
}

static bool is_zero(const struct fw_match *m)
{
	return m->n == 1 && be(m->mask, 4) == ~0u && !be(m->r->lo, 4) && !be(m->r->hi, 4);
}

static void all_or_none(struct ready *ret, bool all)
{
	ret->kind = all ? READY_ALL : READY_NONE;
}

/* Small dimensions: try every value. */
static void ready_small(struct space *s, struct ready *ret, enum dim d, unsigned top)
{
	struct num_range r[256];
	size_t n = 0;

	for (unsigned v = 0; v <= top; v++)
		if (number_in(ret->match, v))
			r[n++] = (struct num_range){ num32(v), num32(v) };
	ret->kind = READY_DIM;
	ret->dim = d;
	ret->yes = num_set_make(&s->ctx, r, n);
}

/* Bits that are not compared: they must be the last ones, else the ranges are not contiguous. */
static bool open_bits(const struct fw_match *m, struct num *ret_open)
{
	size_t len = fw_field_len(m->field);
	struct num mask = be128(m->mask, len), open;
	unsigned width = 8 * (unsigned)len;

	open.hi = width > 64 ? ~mask.hi & (~0ull >> (128 - width)) : 0;
	open.lo = ~mask.lo & (width >= 64 ? ~0ull : (1ull << width) - 1);
	*ret_open = open;
	if (open.hi)
		return open.lo == UINT64_MAX && !(open.hi & (open.hi + 1));
	return !(open.lo & (open.lo + 1));
}

/* Addresses and ports. */
static void ready_wide(struct space *s, struct ready *ret, enum dim d)
{
	const struct fw_match *m = ret->match;
	size_t len = fw_field_len(m->field), n = 0;
	struct num_range *r;
	struct num open;

	ret->kind = READY_MAYBE;
	if (!open_bits(m, &open))
		return;
	r = malloc((m->n ? m->n : 1) * sizeof(*r));
	if (!r) {
		s->ctx.err = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < m->n; i++) {
		struct num lo = be128(m->r[i].lo, len), hi = be128(m->r[i].hi, len);

		/* compared values end in zeros: round the range to what they can be */
		if ((lo.lo & open.lo) || (lo.hi & open.hi)) {
			lo = (struct num){ lo.hi | open.hi, lo.lo | open.lo };
			if (num_cmp(lo, hi) >= 0)
				continue;
			lo = num_next(lo);
		}
		if (num_cmp(lo, hi) > 0)
			continue;
		hi = (struct num){ hi.hi | open.hi, hi.lo | open.lo };
		r[n++] = (struct num_range){ lo, hi };
	}
	ret->kind = READY_DIM;
	ret->dim = d;
	ret->yes = num_set_make(&s->ctx, r, n);
	free(r);
}

/* ---- interfaces ------------------------------------------------------------------------- */

enum answer { NO, YES, MAYBE };

/* One range of names against a name. */
static bool name_in(const struct fw_match *m, const struct fw_range *r, const char *name)
{
	uint8_t v[IFNAMSIZ] = { 0 };

	memcpy(v, name, strnlen(name, IFNAMSIZ - 1));
	for (size_t i = 0; i < IFNAMSIZ; i++)
		v[i] &= m->mask[i];
	return memcmp(v, r->lo, IFNAMSIZ) >= 0 && memcmp(v, r->hi, IFNAMSIZ) <= 0;
}

/* A range is a wildcard of @n letters if it holds every name that begins with them. */
static bool is_wildcard(const struct fw_match *m, const struct fw_range *r, size_t *ret_n)
{
	size_t n = 0;
	bool masked, to_end = true;

	while (n < IFNAMSIZ && m->mask[n] == 0xff && r->lo[n] == r->hi[n] && r->lo[n])
		n++;
	masked = true;
	for (size_t i = n; i < IFNAMSIZ; i++) {
		masked = masked && !m->mask[i];
		to_end = to_end && m->mask[i] == 0xff && !r->lo[i] && r->hi[i] == 0xff;
	}
	*ret_n = n;
	return masked || to_end;
}

static bool is_name(const struct fw_match *m, const struct fw_range *r)
{
	size_t n = 0;

	while (n < IFNAMSIZ - 1 && m->mask[n] == 0xff && r->lo[n] == r->hi[n] && r->lo[n])
		n++;
	return m->mask[n] == 0xff && !r->lo[n] && !r->hi[n];
}

/*
 * Whether a range of names holds the names of a class: those that begin with its prefix and
 * with no longer one that a rule names.
 */
static enum answer class_in(const struct fw_match *m, const struct fw_range *r,
			    const struct atom *a)
{
	size_t n, len = strlen(a->name);

	if (is_name(m, r))
		return NO; /* such names are listed */
	if (!is_wildcard(m, r, &n))
		return MAYBE;
	if (n > len)
		return NO;
	return memcmp(r->lo, a->name, n) ? NO : YES;
}

static bool is_link(const struct space *s, uint32_t ifindex)
{
	for (size_t i = 0; s->snap && i < s->snap->n_links; i++)
		if ((uint32_t)s->snap->links[i].ifindex == ifindex)
			return true;
	return false;
}

/* An index that no interface has can be met only by one that does not exist yet. */
static enum answer index_in(const struct space *s, const struct fw_match *m,
			    const struct fw_range *r, const struct atom *a)
{
	uint32_t lo = be(r->lo, 4), hi = be(r->hi, 4), mask = be(m->mask, 4);
	bool single = lo == hi && mask == ~0u;

	if (!*a->name && !a->class) /* no interface: 0 */
		return lo ? NO : YES;
	if (a->ifindex) {
		uint32_t v = (uint32_t)a->ifindex & mask;

		return v >= lo && v <= hi ? YES : NO;
	}
	if (!single)
		return MAYBE;
	return !lo || is_link(s, lo) || a->class ? NO : MAYBE;
}

static enum answer atom_in(const struct space *s, const struct fw_match *m, const struct atom *a)
{
	bool names = m->field == FW_F_IIFNAME || m->field == FW_F_OIFNAME;
	enum answer sum = NO;

	for (size_t i = 0; i < m->n && sum != YES; i++) {
		enum answer one;

		if (!names)
			one = index_in(s, m, &m->r[i], a);
		else if (a->class)
			one = class_in(m, &m->r[i], a);
		else
			one = name_in(m, &m->r[i], a->name) ? YES : NO;
		if (one != NO)
			sum = one;
	}
	return sum;
}

/* Only whole names: no need to look at all that are listed. */
static bool ready_names(struct space *s, struct ready *ret, enum dim d)
{
	const struct fw_match *m = ret->match;
	struct num_range *yes;
	size_t n = 0;

	if (m->field != FW_F_IIFNAME && m->field != FW_F_OIFNAME)
		return false;
	for (size_t i = 0; i < m->n; i++)
		if (!is_name(m, &m->r[i]))
			return false;
	yes = malloc((m->n + 1) * sizeof(*yes));
	if (!yes) {
		s->ctx.err = -ENOMEM;
		return true;
	}
	for (size_t i = 0; i < m->n; i++) {
		uint32_t at = (uint32_t)space_name(s, (const char *)m->r[i].lo);

		if (at < s->n_atoms)
			yes[n++] = (struct num_range){ num32(at), num32(at) };
	}
	ret->kind = READY_DIM;
	ret->dim = d;
	ret->yes = num_set_make(&s->ctx, yes, n);
	free(yes);
	return true;
}

static void ready_iface(struct space *s, struct ready *ret, enum dim d)
{
	struct num_range *yes, *maybe;
	size_t n_yes = 0, n_maybe = 0;

	if (ready_names(s, ret, d))
		return;
	yes = malloc(2 * s->n_atoms * sizeof(*yes));
	if (!yes) {
		s->ctx.err = -ENOMEM;
		return;
	}
	maybe = yes + s->n_atoms;
	for (uint32_t i = 0; i < s->n_atoms; i++) {
		enum answer a = atom_in(s, ret->match, &s->atoms[i]);

		if (a == YES)
			yes[n_yes++] = (struct num_range){ num32(i), num32(i) };
		else if (a == MAYBE)
			maybe[n_maybe++] = (struct num_range){ num32(i), num32(i) };
	}
	s->ctx.work += s->n_atoms * (ret->match->n + 1);
	ret->kind = READY_DIM;
	ret->dim = d;
	ret->yes = num_set_make(&s->ctx, yes, n_yes);
	ret->maybe = num_set_make(&s->ctx, maybe, n_maybe);
	free(yes);
}

/* ---- connections, address types ----------------------------------------------------------- */

/* A new connection whose NAT is known so far: that answers for iptables' bits, too. */
bool state_of_new(const struct box *b, const struct fw_match *m, bool *ret_yes)
{
	const uint32_t nat = IPS_SRC_NAT | IPS_DST_NAT;
	const struct num_set *state = b->dim[DIM_CTSTATE];
	uint32_t bits = 1u << SPACE_NEW;

	if (state->n != 1 || state->r[0].lo.lo != SPACE_NEW || state->r[0].hi.lo != SPACE_NEW ||
	    (b->status.known & nat) != nat)
		return false;
	bits |= b->status.val & IPS_SRC_NAT ? FW_STATE_SNAT : 0;
	bits |= b->status.val & IPS_DST_NAT ? FW_STATE_DNAT : 0;
	*ret_yes = number_in(m, bits);
	return true;
}

/* iptables' bits for NAT depend on more than the state: they make the answer a perhaps. */
static void ready_ctstate(struct space *s, struct ready *ret)
{
	static const uint32_t with_nat[] = { 0, FW_STATE_SNAT, FW_STATE_DNAT,
					     FW_STATE_SNAT | FW_STATE_DNAT };
	static const unsigned states[] = { SPACE_INVALID, SPACE_ESTABLISHED, SPACE_RELATED,
					   SPACE_NEW, SPACE_UNTRACKED };
	struct num_range yes[5], maybe[5];
	size_t n_yes = 0, n_maybe = 0;
	uint32_t mask = be(ret->match->mask, 4);
	/* nf_tables compares whole states, which never have these bits */
	bool nat = mask != ~0u && (mask & (FW_STATE_SNAT | FW_STATE_DNAT));

	for (size_t i = 0; i < 5; i++) {
		bool conn = states[i] != SPACE_INVALID && states[i] != SPACE_UNTRACKED;
		unsigned hits = 0, of = nat && conn ? 4 : 1;

		for (unsigned j = 0; j < of; j++)
			hits += number_in(ret->match, 1u << states[i] | with_nat[j]);
		if (hits == of)
			yes[n_yes++] = (struct num_range){ num32(states[i]), num32(states[i]) };
		else if (hits)
			maybe[n_maybe++] = (struct num_range){ num32(states[i]), num32(states[i]) };
	}
	ret->kind = READY_DIM;
	ret->dim = DIM_CTSTATE;
	ret->yes = num_set_make(&s->ctx, yes, n_yes);
	ret->maybe = num_set_make(&s->ctx, maybe, n_maybe);
}

/* The addresses whose type is one of those that match, of those whose type can be told. */
static void ready_addrtype(struct space *s, struct ready *ret, enum dim d, bool six)
{
	const struct fw_match *m = ret->match;
	struct num_set *yes = num_set_empty(), *rest, *t;
	bool all = true, any = false;

	static const uint32_t others[] = { RTN_UNICAST,	  RTN_BROADCAST,   RTN_ANYCAST,
					   RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT,
					   RTN_THROW,	  RTN_NAT };
	struct num_set *named[] = { s->local[six], s->multicast[six],
				    six ? num_set_empty() : s->broadcast4 };
	static const uint32_t type[] = { RTN_LOCAL, RTN_MULTICAST, RTN_BROADCAST };

	rest = num_set_ref(six ? s->full6 : s->full[d]);
	for (size_t i = 0; i < 3; i++) {
		if (number_in(m, type[i])) {
			t = num_set_or(&s->ctx, yes, named[i]);
			num_set_unref(yes);
			yes = t;
		}
		num_set_cut(&s->ctx, &rest, named[i]);
	}
	for (size_t i = 0; i < (s->routed ? 1 : sizeof(others) / sizeof(*others)); i++) {
		bool in = number_in(m, others[i]);

		all = all && in;
		any = any || in;
	}
	if (!s->local_known) {
		all = all && number_in(m, RTN_LOCAL);
		any = any || number_in(m, RTN_LOCAL);
	}
	ret->kind = READY_DIM;
	ret->dim = d;
	if (all) {
		ret->yes = num_set_or(&s->ctx, yes, rest);
		num_set_unref(yes);
		num_set_unref(rest);
	} else {
		ret->yes = yes;
		ret->maybe = any ? rest : NULL;
		if (!any)
			num_set_unref(rest);
	}
}

/* Nobody states less than the default: RFC 9293 3.7.1. */
static void ready_mss(struct ready *ret)
{
	const struct fw_match *m = ret->match;
	const uint32_t least = 536;
	bool none = true;

	if (be(m->mask, 2) != 0xffff)
		return;
	for (size_t i = 0; i < m->n; i++) {
		uint32_t lo = be(m->r[i].lo, 2), hi = be(m->r[i].hi, 2);

		if (lo <= least && hi == UINT16_MAX) {
			all_or_none(ret, true);
			return;
		}
		none = none && hi < least;
	}
	if (none)
		all_or_none(ret, false);
}

/* ---- all fields ------------------------------------------------------------------------- */

static void ready_addr(struct space *s, struct ready *ret, enum dim d, uint8_t family,
		       uint8_t of_family)
{
	if (family == of_family)
		ready_wide(s, ret, d);
	else
		ret->kind = READY_MAYBE; /* bytes of another header */
}

void ready_match(struct space *s, const struct fw_match *m, uint8_t family, struct ready *ret)
{
	bool six = family == NFPROTO_IPV6;

	*ret = (struct ready){ .kind = READY_MAYBE, .match = m };
	switch (m->field) {
	case FW_F_UNKNOWN:
	case FW_F_COUNT:
		break;
	case FW_F_NFPROTO:
		all_or_none(ret, number_in(m, family));
		break;
	case FW_F_ETHERTYPE:
		all_or_none(ret, number_in(m, six ? 0x86dd : 0x0800));
		break;
	case FW_F_IIFNAME:
	case FW_F_IIF:
		ready_iface(s, ret, DIM_IIF);
		break;
	case FW_F_OIFNAME:
	case FW_F_OIF:
		ready_iface(s, ret, DIM_OIF);
		break;
	case FW_F_SADDR4:
	case FW_F_DADDR4:
		ready_addr(s, ret, m->field == FW_F_SADDR4 ? DIM_SADDR : DIM_DADDR, family,
			   NFPROTO_IPV4);
		break;
	case FW_F_SADDR6:
	case FW_F_DADDR6:
		ready_addr(s, ret, m->field == FW_F_SADDR6 ? DIM_SADDR : DIM_DADDR, family,
			   NFPROTO_IPV6);
		break;
	case FW_F_L4PROTO:
		ready_small(s, ret, DIM_PROTO, 255);
		break;
	case FW_F_SPORT:
	case FW_F_DPORT:
		ready_wide(s, ret, m->field == FW_F_SPORT ? DIM_SPORT : DIM_DPORT);
		ret->only = s->with_ports;
		break;
	case FW_F_ICMPTYPE:
	case FW_F_ICMPCODE:
		ready_small(s, ret, m->field == FW_F_ICMPTYPE ? DIM_ICMPTYPE : DIM_ICMPCODE, 255);
		ret->only = s->icmp;
		break;
	case FW_F_TCPFLAGS:
		ready_small(s, ret, DIM_TCPFLAGS, 255);
		ret->only = s->tcp;
		break;
	case FW_F_MARK:
		ret->kind = READY_MARK;
		ret->mask = be(m->mask, 4);
		break;
	case FW_F_CTSTATE:
		ready_ctstate(s, ret);
		break;
	case FW_F_CTSTATUS:
		ret->kind = READY_STATUS;
		ret->mask = be(m->mask, 4);
		break;
	case FW_F_CTDIR:
		ready_small(s, ret, DIM_CTDIR, 1);
		break;
	case FW_F_SADDRTYPE:
	case FW_F_DADDRTYPE:
		ready_addrtype(s, ret, m->field == FW_F_SADDRTYPE ? DIM_SADDR : DIM_DADDR, six);
		break;
	case FW_F_PKTTYPE:
		ready_small(s, ret, DIM_PKTTYPE, 7);
		break;
	case FW_F_CTMARK:
		ret->kind = READY_CTMARK;
		break;
	case FW_F_IPHEAD:
		if (!(m->mask[0] & 0x0f)) /* the rest depends on options, or is a traffic class */
			all_or_none(ret, number_in(m, six ? 0x60 : 0x40));
		break;
	case FW_F_FRAG4:
		if (!six && !(m->mask[0] & 0xc0)) /* packets are whole; they may forbid fragments */
			all_or_none(ret, number_in(m, 0));
		break;
	case FW_F_MSS:
		ready_mss(ret);
		break;
	case FW_F_BACK:
		if (s->back[six])
			all_or_none(ret, number_in(m, 1));
		break;
	case FW_F_BACKIF:
		if (s->back[six] && is_zero(m))
			all_or_none(ret, false);
		break;
	}
}

void ready_clear(struct ready *m)
{
	num_set_unref(m->yes);
	num_set_unref(m->maybe);
	m->yes = m->maybe = NULL;
}
