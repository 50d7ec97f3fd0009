/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stateless prefix translation, RFC 6296 (NPTv6). Every address of an internal prefix has one
 * counterpart in the external prefix and the other way round, whose 16-bit words sum up to the
 * same: so no checksum changes, whichever protocol it is of, and layer 4 is not looked at. That
 * holds for a quoted header inside an ICMPv6 error too.
 */
#ifndef EINAT_BPF_NPT_H
#define EINAT_BPF_NPT_H

#include "bpf/event.h"
#include "bpf/rewrite.h"

union npt_addr {
	union ip ip;
	__be16 h[8];
};

/* RFC 6296 section 3.4: what would become 0xffff becomes zero, which is the same in a sum. */
static __always_inline __be16 npt_add(__be16 word, __u16 adjust)
{
	__u32 sum = (__u32)word + adjust;

	sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff ? 0 : sum;
}

/*
 * The prefix is replaced, and a word behind it makes up for the change of the sum: the subnet
 * number (section 3.4), or the first word of the interface identifier that is not 0xffff (3.5),
 * which it is afterwards too. False: there is no counterpart: subnet 0xffff, and interface
 * identifiers (3.7) that are or would become all zeros (subnet-router anycast) or are all ones.
 */
static __always_inline bool npt_map(union npt_addr *a, const struct einat_npt *m)
{
	__u16 adjust = m->adjust;

	if (m->flags & NPT_F_SUBNET) {
		if (a->h[3] == 0xffff)
			return false;
		a->ip.d[0] = (a->ip.d[0] & ~m->mask) | m->prefix;
		a->h[3] = npt_add(a->h[3], adjust);
		return true;
	}
	if (!a->ip.d[1])
		return false;
	a->ip.d[0] = (a->ip.d[0] & ~m->mask) | m->prefix;
	if (a->h[4] != 0xffff)
		a->h[4] = npt_add(a->h[4], adjust);
	else if (a->h[5] != 0xffff)
		a->h[5] = npt_add(a->h[5], adjust);
	else if (a->h[6] != 0xffff)
		a->h[6] = npt_add(a->h[6], adjust);
	else if (a->h[7] != 0xffff)
		a->h[7] = npt_add(a->h[7], adjust);
	else
		return false;
	return a->ip.d[1] != 0;
}

static __always_inline const struct einat_npt *npt_find(void *map, const union ip *addr)
{
	struct einat_lpm_key key = { .prefixlen = 128, .addr = addr->a };

	return bpf_map_lookup_elem(map, &key);
}

/* What npt_quoted() answers besides an offset. */
#define NPT_NO_QUOTE  0
#define NPT_NEIGHBOUR 1 /* neighbour discovery, which is never forwarded (RFC 4861 7.1) */
#define NPT_ERROR     2 /* an error, or a redirect, of which nothing is to be translated */
#define NPT_SHORT     3 /* an error that quotes less than a header */

/*
 * Where the IPv6 header begins that an ICMPv6 error quotes. In later fragments there is none, and
 * behind headers that cannot be followed none is looked for.
 */
static __noinline __u32 npt_quoted(struct __sk_buff *skb)
{
	struct ip6_head h;
	__u32 end, l4;
	__u8 type;
	__u64 w;

	if (bpf_skb_load_bytes(skb, l2_len, &h, sizeof(h)))
		return NPT_NO_QUOTE;
	end = l2_len + IP6_HLEN + bpf_ntohs(h.len);
	if (end > skb->len)
		end = skb->len;
	w = unknown(ip6_walk(skb, l2_len + IP6_HLEN, end, h.next));
	l4 = IP6_OFFSET(w);
	if (w & (IP6_BAD | IP6_LATER) || IP6_PROTO(w) != IPPROTO_ICMPV6 ||
	    bpf_skb_load_bytes(skb, l4, &type, sizeof(type)))
		return NPT_NO_QUOTE;
	if (type >= 133 && type <= 137 && h.hop_limit == HOP_LIMIT_MAX)
		return NPT_NEIGHBOUR;
	if (type >= 128)
		return type == 137 ? NPT_ERROR : NPT_NO_QUOTE;
	if (icmp6_classify(type) != ICMP_ERROR)
		return NPT_ERROR;
	l4 += ICMP_ERR_HLEN;
	return l4 + IP6_HLEN > end ? NPT_SHORT : l4;
}

/* The address at @off, if @map has a counterpart for it. 1: translated, 0: left, or -errno. */
static __always_inline int npt_rewrite(struct __sk_buff *skb, __u32 off, void *map)
{
	const struct einat_npt *m;
	union npt_addr a;

	if (bpf_skb_load_bytes(skb, off, &a, sizeof(a)))
		return 0;
	m = npt_find(map, &a.ip);
	if (!m || m->flags & (NPT_F_KEEP | NPT_F_NONE) || !npt_map(&a, m))
		return 0;
	return bpf_skb_store_bytes(skb, off, &a, sizeof(a), 0) ?: 1;
}

static __always_inline bool npt_is_ula(const union ip *ip)
{
	return (ip->w[0] & bpf_htonl(0xfe000000)) == bpf_htonl(0xfc000000);
}

/* Dropped; the sender is told, unless it is an error itself (RFC 4443 section 2.4 (e)). */
static __noinline int npt_unmapped(struct __sk_buff *skb, struct pkt *p, __u32 quoted)
{
	__be16 payload;
	__u32 len;

	if (quoted != NPT_NO_QUOTE || !event_allowed(EVENT_UNMAPPED, EVENT_BURST_FULL, 1) ||
	    bpf_skb_load_bytes(skb, l2_len + 4, &payload, sizeof(payload)))
		return REASON_NPT_UNMAPPED;
	p->l3 = p->l4 = l2_len;
	p->proto = EINAT_PROTO_COUNT;
	len = IP6_HLEN + bpf_ntohs(payload);
	event_put(skb, p, EVENT_UNMAPPED, len < EVENT_HEAD6_MAX ? len : EVENT_HEAD6_MAX, NULL,
		  EVENT_HEAD6_MAX);
	return REASON_NPT_UNMAPPED;
}

/*
 * Turned around, to be addressed to this interface itself: routing knows nothing of it and has
 * chosen a gateway's hardware address.
 */
static __noinline int npt_hairpin(struct __sk_buff *skb)
{
	__u8 mac[ETH_ALEN];

	if (l2_len >= ETH_HLEN && (bpf_skb_load_bytes(skb, ETH_ALEN, mac, sizeof(mac)) ||
				   bpf_skb_store_bytes(skb, 0, mac, sizeof(mac), 0)))
		return REASON_REWRITE_FAILED;
	return REASON_HAIRPIN;
}

/*
 * Out: the source (section 3.2), and in an error, also one that this router made, the destination
 * that is quoted. What goes to an external prefix is turned around (section 4.3); at ingress its
 * destination is translated as that of any other packet.
 */
static __noinline int npt_packet_out(struct __sk_buff *skb, struct pkt *p,
				     const struct einat_cfg *c, __u32 quoted)
{
	const struct einat_npt *to = npt_find(&npt_in, &p->daddr);
	const struct einat_npt *m = npt_find(&npt_out, &p->saddr);
	union npt_addr a = { .ip = p->saddr };
	int changed = 0;

	if (m && m->flags & NPT_F_NO_ULA && npt_is_ula(&p->daddr))
		return GO_ON;
	if (quoted > NPT_SHORT)
		changed = npt_rewrite(skb, quoted + IP6_DADDR, &npt_out);
	if (changed < 0)
		return REASON_REWRITE_FAILED;
	if (m && !(m->flags & NPT_F_KEEP)) {
		if (m->flags & NPT_F_NONE || !npt_map(&a, m))
			return npt_unmapped(skb, p, quoted);
		if (quoted == NPT_SHORT) /* a part of the quoted host's address would leave */
			return REASON_MALFORMED_DROP;
		if (bpf_skb_store_bytes(skb, l2_len + IP6_SADDR, &a, sizeof(a), 0))
			return REASON_REWRITE_FAILED;
	} else if (!changed) {
		return GO_ON;
	} else if (!to && c->flags & CFG_F_GUARD_STRICT && npt_is_ula(&p->saddr)) {
		return REASON_GUARD; /* an error of a router inside whose address is of no prefix */
	}
	if (!to)
		return REASON_NPT;
	/* What came in here and would go out to ourselves goes round in circles. */
	return skb->ingress_ifindex == skb->ifindex ? REASON_TTL : npt_hairpin(skb);
}

/* In: the destination (section 3.3), and in an error the source that is quoted. */
static __noinline int npt_packet_in(struct __sk_buff *skb, struct pkt *p, const struct einat_cfg *c,
				    __u32 quoted)
{
	const struct einat_npt *m = npt_find(&npt_in, &p->daddr);
	union npt_addr a = { .ip = p->daddr };

	if (!m || m->flags & NPT_F_KEEP)
		return GO_ON;
	if (!npt_map(&a, m))
		return npt_unmapped(skb, p, quoted);
	if (quoted > NPT_SHORT && npt_rewrite(skb, quoted + IP6_SADDR, &npt_in) < 0)
		return REASON_REWRITE_FAILED;
	if (bpf_skb_store_bytes(skb, l2_len + IP6_DADDR, &a, sizeof(a), 0))
		return REASON_REWRITE_FAILED;
	mark_inbound(skb, c);
	return REASON_NPT;
}

/* Not inlined: the stack of a program's first function is in use during every call below it. */
static __noinline int npt_packet(struct __sk_buff *skb, struct pkt *p, const struct einat_cfg *c,
				 enum einat_dir dir)
{
	__u8 version;
	__u32 quoted;

	if (skb->vlan_present && skb->vlan_tci & 0x0fff)
		return GO_ON;
	if (bpf_skb_load_bytes(skb, l2_len, &version, sizeof(version)) || version >> 4 != 6 ||
	    bpf_skb_load_bytes(skb, l2_len + IP6_SADDR, &p->saddr, 2 * sizeof(p->saddr)) ||
	    ip6_stays(p))
		return GO_ON;
	quoted = npt_quoted(skb);
	if (quoted == NPT_NEIGHBOUR)
		return GO_ON;
	return dir == EINAT_OUT ? npt_packet_out(skb, p, c, quoted)
				: npt_packet_in(skb, p, c, quoted);
}

/**
 * npt_step() - before all else: prefixes come first, bindings serve what is left. GO_ON: the
 * packet is none of theirs, or is never translated (see ip6_stays()).
 */
static __always_inline int npt_step(struct __sk_buff *skb, struct pkt *p, const struct einat_cfg *c,
				    enum einat_dir dir)
{
	if (!nptv6 || skb->protocol != bpf_htons(ETH_P_IPV6))
		return GO_ON;
	return npt_packet(skb, p, c, dir);
}

/* Is a translated packet addressed to an external prefix? Not inlined, as npt_packet(). */
static __noinline bool npt_is_external(__u32 work)
{
	const struct pkt *p = work_pkt(work);
	const struct einat_npt *to = p && is6(p) ? npt_find(&npt_in, &p->daddr) : NULL;

	return to && !(to->flags & NPT_F_KEEP);
}

/**
 * npt_turn() - at egress, the last step: what a binding has translated may be addressed to an
 * external prefix, and is turned around as well. @work: of work_begin(). Returns the reason.
 */
static __always_inline int npt_turn(struct __sk_buff *skb, __u32 work, int reason)
{
	if (!nptv6 || !ipv6 ||
	    (reason != REASON_TRANSLATED && reason != REASON_ICMP_ERROR &&
	     reason != REASON_FRAGMENT) ||
	    !npt_is_external(work))
		return reason;
	return npt_hairpin(skb);
}

#endif
