// SPDX-License-Identifier: GPL-2.0-or-later
/* The text of x_tables targets: NAT. */
#include <string.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>

#include "text_xt.h"

/* The revisions' common form. */
struct range {
	uint32_t flags;
	union nf_inet_addr min, max;
	uint16_t lo, hi, base; /* network byte order; ICMP ids too */
	bool base_known;
};

/* IPv4 up to revision 1 of DNAT and SNAT; the others have struct nf_nat_range(2). */
static bool range_of(const struct xt_view *x, struct range *r)
{
	struct nf_nat_range2 r2;
	struct nf_nat_ipv4_multi_range_compat v4;

	memset(r, 0, sizeof(*r));
	if (!x->v6 && x->rev == 0) {
		if (x->len < sizeof(v4))
			return false;
		xt_get(x, &v4, sizeof(v4));
		if (v4.rangesize != 1)
			return false;
		r->flags = v4.range[0].flags;
		r->min.ip = v4.range[0].min_ip;
		r->max.ip = v4.range[0].max_ip;
		r->lo = v4.range[0].min.all;
		r->hi = v4.range[0].max.all;
		return true;
	}
	if (x->len < sizeof(struct nf_nat_range))
		return false;
	xt_get(x, &r2, sizeof(r2));
	r->flags = r2.flags;
	r->min = r2.min_addr;
	r->max = r2.max_addr;
	r->lo = r2.min_proto.all;
	r->hi = r2.max_proto.all;
	r->base_known = x->len >= sizeof(r2) && x->rev >= 2;
	r->base = r2.base_proto.all;
	return true;
}

static void ports(struct tbuf *b, const struct range *r)
{
	tb_fmt(b, "%u", ntohs(r->lo));
	if (r->hi != r->lo)
		tb_fmt(b, "-%u", ntohs(r->hi));
	if (r->base_known && (r->flags & NF_NAT_RANGE_PROTO_OFFSET))
		tb_fmt(b, "/%u", ntohs(r->base));
}

static void flags(struct tbuf *b, const struct range *r)
{
	if (r->flags & NF_NAT_RANGE_PROTO_RANDOM)
		tb_str(b, " --random");
	if (r->flags & NF_NAT_RANGE_PROTO_RANDOM_FULLY)
		tb_str(b, " --random-fully");
	if (r->flags & NF_NAT_RANGE_PERSISTENT)
		tb_str(b, " --persistent");
}

static bool to(struct tbuf *b, const struct xt_view *x, const char *opt)
{
	size_t len = x->v6 ? 16 : 4;
	struct range r;
	bool brackets;

	if (!range_of(x, &r))
		return false;
	brackets = x->v6 && (r.flags & NF_NAT_RANGE_PROTO_SPECIFIED);
	if (r.flags & (NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED))
		tb_fmt(b, " --%s ", opt);
	if (r.flags & NF_NAT_RANGE_MAP_IPS) {
		tb_str(b, brackets ? "[" : "");
		tb_addr(b, &r.min, len);
		if (memcmp(&r.min, &r.max, len)) { /* both in one pair of brackets */
			tb_str(b, "-");
			tb_addr(b, &r.max, len);
		}
		tb_str(b, brackets ? "]" : "");
	}
	if (r.flags & NF_NAT_RANGE_PROTO_SPECIFIED) {
		tb_str(b, ":");
		ports(b, &r);
	}
	flags(b, &r);
	return true;
}

static bool target_dnat(struct tbuf *b, const struct xt_view *x)
{
	return to(b, x, "to-destination");
}

static bool target_snat(struct tbuf *b, const struct xt_view *x)
{
	return to(b, x, "to-source");
}

static bool target_ports(struct tbuf *b, const struct xt_view *x)
{
	struct range r;

	if (!range_of(x, &r))
		return false;
	if (r.flags & NF_NAT_RANGE_PROTO_SPECIFIED) {
		tb_str(b, " --to-ports ");
		ports(b, &r);
	}
	flags(b, &r);
	return true;
}

static bool target_netmap(struct tbuf *b, const struct xt_view *x)
{
	size_t len = x->v6 ? 16 : 4;
	struct range r;
	uint8_t mask[16];

	if (!range_of(x, &r))
		return false;
	for (size_t i = 0; i < len; i++)
		mask[i] = (uint8_t) ~(((const uint8_t *)&r.min)[i] ^ ((const uint8_t *)&r.max)[i]);
	tb_str(b, " --to ");
	tb_addr(b, &r.min, len);
	xt_mask(b, mask, len);
	return true;
}

const struct xt_printer xt_nat_targets[] = {
	{ "DNAT", XT_ANY, 1, target_dnat },	   { "SNAT", XT_ANY, 1, target_snat },
	{ "MASQUERADE", XT_ANY, 1, target_ports }, { "REDIRECT", XT_ANY, 1, target_ports },
	{ "NETMAP", XT_ANY, 1, target_netmap },	   { 0 },
};
