// SPDX-License-Identifier: GPL-2.0-or-later
/* The packets that matter to einat, described as regions. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/netfilter.h>
#include <linux/rtnetlink.h>

#include "check/routing_way.h"
#include "check/rules_fw.h"

/* fc00::/7: without --internal, NAT66 is for these alone */
static const struct net_prefix unique_local = { { { 0xfc } }, 7 };

static void local_addresses(struct fwx *fw, struct net_list *l)
{
	for (size_t i = 0; i < fw->x->host->n_addrs; i++)
		if (net_list_add(l, &(struct net_prefix){ fw->x->host->addrs[i].addr, 128 }))
			fw->failed = true;
}

static int num_cmp(struct num a, struct num b)
{
	if (a.hi != b.hi)
		return a.hi < b.hi ? -1 : 1;
	return a.lo < b.lo ? -1 : a.lo > b.lo;
}

static int by_lo(const void *a, const void *b)
{
	const struct num_range *x = a, *y = b;

	return num_cmp(x->lo, y->lo);
}

static struct num num_next(struct num v)
{
	v.hi += !++v.lo;
	return v;
}

static struct num num_prev(struct num v)
{
	v.hi -= !v.lo--;
	return v;
}

/* First and last address of @p. */
static struct num_range range_of(const struct net_prefix *p)
{
	struct net_addr last = p->addr;

	for (unsigned bit = p->len; bit < 128; bit++)
		last.b[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return (struct num_range){ num_of_addr(&p->addr), num_of_addr(&last) };
}

/* The addresses of @family that are in none of @l; @out has room for one more than @l has. */
static size_t complement(const struct net_list *l, uint8_t family, struct num_range *out)
{
	const struct num top =
		family == NFPROTO_IPV4 ? num32(UINT32_MAX) : (struct num){ UINT64_MAX, UINT64_MAX };
	struct num from = { 0 };
	size_t n = 0, gaps = 0;
	bool ended = false;

	for (size_t i = 0; i < l->n; i++)
		if (net_addr_is4(&l->p[i].addr) == (family == NFPROTO_IPV4))
			out[n++] = range_of(&l->p[i]);
	qsort(out, n, sizeof(*out), by_lo);
	for (size_t i = 0; i < n && !ended; i++) {
		struct num_range r = out[i]; /* gaps are never more than were read */

		if (num_cmp(from, r.lo) < 0)
			out[gaps++] = (struct num_range){ from, num_prev(r.lo) };
		ended = !num_cmp(r.hi, top);
		if (num_cmp(from, r.hi) <= 0)
			from = num_next(r.hi);
	}
	if (!ended)
		out[gaps++] = (struct num_range){ from, top };
	return gaps;
}

/* All of @r but what lies in @l in dimension @d. */
static void remove_nets(struct fwx *fw, struct region *r, enum dim d, const struct net_list *l)
{
	struct num_range *keep = calloc(l->n + 1, sizeof(*keep));
	struct region out = { 0 };

	if (!keep) {
		fw->failed = true;
		return;
	}
	for (size_t i = 0; i < r->n; i++) {
		struct region view = { &r->b[i], 1, false }, one = { 0 };

		region_copy(fw->space, &one, &view);
		region_keep(fw->space, &one, d, keep, complement(l, r->b[i].family, keep));
		region_move(fw->space, &out, &one);
	}
	region_clear(r);
	*r = out;
	free(keep);
}

/* What no router lets in as a sender: the kernel drops it behind prerouting. */
static void remove_martians(struct fwx *fw, struct region *r)
{
	static const char *const martians[] = { "0.0.0.0/8",	      "127.0.0.0/8", "224.0.0.0/4",
						"255.255.255.255/32", "::/127",	     "ff00::/8" };
	struct net_list l = { 0 };

	for (size_t i = 0; i < sizeof(martians) / sizeof(*martians); i++) {
		struct net_prefix p;

		if (net_prefix_parse(martians[i], &p) || net_list_add(&l, &p))
			fw->failed = true;
	}
	remove_nets(fw, r, DIM_SADDR, &l);
	net_list_free(&l);
}

static void all_families(struct fwx *fw, struct region *r, bool ipv6)
{
	region_all(fw->space, r, NFPROTO_IPV4);
	if (ipv6)
		region_all(fw->space, r, NFPROTO_IPV6);
}

static void outwards(struct fwx *fw, struct region *r, bool ipv6)
{
	const char *wan = fw->x->conf->name, *not_in[] = { wan, "lo" };
	struct net_list local = { 0 };

	local_addresses(fw, &local);
	all_families(fw, r, ipv6);
	region_keep_ifs(fw->space, r, DIM_IIF, not_in, 2, true);
	region_keep_ifs(fw->space, r, DIM_OIF, &wan, 1, false);
	remove_nets(fw, r, DIM_SADDR, &local);
	remove_nets(fw, r, DIM_DADDR, &local);
	remove_nets(fw, r, DIM_DADDR, &fw->attached);
	net_list_free(&local);
}

void fw_region_outwards(struct fwx *fw, struct region *r)
{
	outwards(fw, r, fw->x->conf->ipv6);
}

/* ICMP is another protocol in each family. */
static void keep_protos(struct fwx *fw, struct region *r, unsigned protos)
{
	struct region out = { 0 };

	for (size_t i = 0; i < r->n; i++) {
		struct region view = { &r->b[i], 1, false }, one = { 0 };
		struct num_range n[PROTO_COUNT];
		size_t count = 0;

		for (unsigned p = 0; p < PROTO_COUNT; p++) {
			bool icmp6 = 1u << p == PROTO_ICMP && r->b[i].family == NFPROTO_IPV6;
			struct num v = num32(icmp6 ? IPPROTO_ICMPV6 : proto_number(1u << p));

			if (protos & 1u << p)
				n[count++] = (struct num_range){ v, v };
		}
		region_copy(fw->space, &one, &view);
		region_keep(fw->space, &one, DIM_PROTO, n, count);
		region_move(fw->space, &out, &one);
	}
	region_clear(r);
	*r = out;
}

/* Sources of a slice; the subnets that foreign rules own are not among those of "any". */
static void keep_internal(struct fwx *fw, struct region *r, enum dim d, const struct conf_slice *s)
{
	static const struct net_prefix any4 = { { { [10] = 0xff, [11] = 0xff } }, 96 };
	struct net_list l = { 0 };

	if (s->internal.n) {
		region_keep_nets(fw->space, r, d, &s->internal);
		return;
	}
	if (net_list_add(&l, &any4) || (fw->x->conf->ipv6 && net_list_add(&l, &unique_local)))
		fw->failed = true;
	region_keep_nets(fw->space, r, d, &l);
	remove_nets(fw, r, d, &fw->left_out);
	net_list_free(&l);
}

/* Addresses that --nptv6 translates: whatever the protocol, there are no ports to look at. */
static void keep_prefixes(struct fwx *fw, struct region *r, enum dim d)
{
	struct net_list l = { 0 };

	for (size_t i = 0; i < fw->x->conf->n_npts; i++)
		if (net_list_add(&l, &fw->x->conf->npts[i].internal))
			fw->failed = true;
	if (l.n)
		region_keep_nets(fw->space, r, d, &l);
	else
		region_clear(r);
	net_list_free(&l);
}

void fw_region_slice(struct fwx *fw, struct region *r)
{
	struct region one = { 0 }, all = { 0 };

	outwards(fw, r, conf_uses_ipv6(fw->x->conf));
	region_copy(fw->space, &all, r);
	keep_prefixes(fw, &all, DIM_SADDR);
	for (size_t i = 0; i < fw->x->conf->n_slices; i++) {
		const struct conf_slice *s = &fw->x->conf->slices[i];

		region_copy(fw->space, &one, r);
		keep_protos(fw, &one, s->protos);
		keep_internal(fw, &one, DIM_SADDR, s);
		remove_nets(fw, &one, DIM_DADDR, &s->exclude_dest);
		region_move(fw->space, &all, &one);
	}
	region_clear(&one);
	region_clear(r);
	*r = all;
}

void fw_region_inbound(struct fwx *fw, struct region *r)
{
	const char *wan = fw->x->conf->name;
	struct region from = { 0 }, one = { 0 };
	struct net_list local = { 0 };

	local_addresses(fw, &local);
	all_families(fw, &from, fw->x->conf->ipv6);
	region_keep_ifs(fw->space, &from, DIM_IIF, &wan, 1, false);
	remove_nets(fw, &from, DIM_SADDR, &local);
	remove_martians(fw, &from);
	if (fw->x->external.n)
		region_keep_nets(fw->space, &from, DIM_DADDR, &fw->x->external);
	for (unsigned p = 0; p < PROTO_COUNT; p++) {
		if (!fw->x->slice[p].n)
			continue;
		region_copy(fw->space, &one, &from);
		keep_protos(fw, &one, 1u << p);
		if (1u << p != PROTO_ICMP)
			region_keep_ports(fw->space, &one, DIM_DPORT, &fw->x->slice[p]);
		region_move(fw->space, r, &one);
	}
	region_clear(&one);
	region_clear(&from);
	net_list_free(&local);
}

/* fe80::/10: hosts that no packet is forwarded to */
static bool is_link_local(const struct host_route *t)
{
	return t->family == AF_INET6 && t->dst.len >= 10 && t->dst.addr.b[0] == 0xfe &&
	       (t->dst.addr.b[1] & 0xc0) == 0x80;
}

/*
 * Where internal hosts of one family are: each routed network with the interface to it. Without
 * such a network there are none, unless they are @named.
 */
static void add_inside_of(struct fwx *fw, struct region *r, const struct region *any, int family,
			  bool named)
{
	const char *not_out[] = { fw->x->conf->name, "lo" };
	struct region one = { 0 };
	bool found = false, unclear = false;

	for (size_t i = 0; i < fw->x->host->n_routes; i++) {
		const struct host_route *t = &fw->x->host->routes[i];
		struct net_list l = { (struct net_prefix *)&t->dst, 1 };
		const char *oif;

		if (t->family != family || is_link_local(t))
			continue;
		unclear |= t->multipath && t->type == RTN_UNICAST;
		if (!route_leads_inside(fw->x, t))
			continue;
		oif = host_link(fw->x->host, t->oif)->name;
		region_copy(fw->space, &one, any);
		region_keep_nets(fw->space, &one, DIM_DADDR, &l);
		region_keep_ifs(fw->space, &one, DIM_OIF, &oif, 1, false);
		region_move(fw->space, r, &one);
		found = true;
	}
	if ((!found && named) || unclear) {
		region_copy(fw->space, &one, any);
		region_keep_ifs(fw->space, &one, DIM_OIF, not_out, 2, true);
		if (found)
			region_doubt(&one);
		region_move(fw->space, r, &one);
	}
	region_clear(&one);
}

static void add_inside(struct fwx *fw, struct region *r, const struct region *any, bool named)
{
	for (size_t i = 0; i < any->n; i++) {
		const struct region view = { &any->b[i], 1, false };

		add_inside_of(fw, r, &view, any->b[i].family == NFPROTO_IPV6 ? AF_INET6 : AF_INET,
			      named);
	}
}

/*
 * What a TCP connection is made of: rules against scans and the like, which drop flags that no
 * host sends, drop nothing of it.
 */
static void keep_tcp_flags(struct fwx *fw, struct region *r, bool reply)
{
	/* SYN, and with ECN */
	static const uint8_t first[] = { 0x02, 0xc2 };
	/* SYN ACK (with ECE), ACK, FIN ACK, RST ACK, PSH ACK, FIN PSH ACK, RST */
	static const uint8_t later[] = { 0x12, 0x52, 0x10, 0x11, 0x14, 0x18, 0x19, 0x04 };
	struct num_range flags[sizeof(later)];
	size_t n = reply ? sizeof(later) : sizeof(first);

	for (size_t i = 0; i < n; i++) {
		struct num v = num32(reply ? later[i] : first[i]);

		flags[i] = (struct num_range){ v, v };
	}
	region_keep(fw->space, r, DIM_TCPFLAGS, flags, n);
}

void fw_region_inwards(struct fwx *fw, struct region *r, bool reply)
{
	const struct conf_mark *mark = &fw->x->conf->inbound_mark;
	const char *wan = fw->x->conf->name;
	struct region from = { 0 }, one = { 0 };
	struct net_list local = { 0 };

	local_addresses(fw, &local);
	all_families(fw, &from, conf_uses_ipv6(fw->x->conf));
	region_keep_ifs(fw->space, &from, DIM_IIF, &wan, 1, false);
	remove_nets(fw, &from, DIM_SADDR, &local);
	remove_nets(fw, &from, DIM_DADDR, &local);
	remove_martians(fw, &from);
	region_keep_u32(fw->space, &from, DIM_SPORT, 1, 65535);
	region_keep_u32(fw->space, &from, DIM_DPORT, 1, 65535);
	keep_tcp_flags(fw, &from, reply);
	if (mark->mask)
		region_set_mark(&from, mark->value & mark->mask, UINT32_MAX);
	if (reply) {
		region_set(fw->space, &from, DIM_CTSTATE, num32(SPACE_ESTABLISHED),
			   num32(SPACE_ESTABLISHED), false);
		region_set(fw->space, &from, DIM_CTDIR, num32(1), num32(1), false);
		for (size_t i = 0; i < from.n; i++)
			from.b[i].status = (struct bits){ .fuzzy = UINT32_MAX };
	}
	for (size_t i = 0; i < fw->x->conf->n_slices; i++) {
		const struct conf_slice *s = &fw->x->conf->slices[i];

		region_copy(fw->space, &one, &from);
		/* of ICMP only answers are translated inwards: no connection begins with them */
		keep_protos(fw, &one, reply ? s->protos : s->protos & ~(unsigned)PROTO_ICMP);
		keep_internal(fw, &one, DIM_DADDR, s);
		add_inside(fw, r, &one, s->internal.n);
	}
	region_copy(fw->space, &one, &from);
	keep_prefixes(fw, &one, DIM_DADDR);
	add_inside(fw, r, &one, true);
	region_clear(&one);
	region_clear(&from);
	net_list_free(&local);
}
