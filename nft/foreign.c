// SPDX-License-Identifier: GPL-2.0-or-later
/* The three questions asked of other programs' rules: who NATs out, who NATs in, who drops. */
#include <errno.h>
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <net/if.h>
#include <linux/netfilter.h>

#include "foreign_report.h"
#include "table.h"

#define MAX_MS 10000 /* without an answer einat does not start */

struct query {
	const struct fw_snapshot *snap;
	const char *ifname;
	uint32_t mark, mask;
	struct net_addr *local; /* this host's addresses */
	size_t n_local;
	struct report report;
	struct foreign *found;
};

static bool ours(const struct walk *w, const struct fw_chain *c)
{
	(void)w;
	return !c->table->legacy && nft_table_is_own(c->table->name);
}

static int limit_error(const struct walk *w)
{
	return w->limit == WALK_LIMIT_DEPTH ? -ELOOP : -E2BIG;
}

static int snat_meet(struct walk *w, const struct walk_meeting *m)
{
	struct query *q = w->data;

	if (m->what == WALK_LIMIT)
		return limit_error(w);
	if (m->what == WALK_SNAT || (m->what == WALK_UNKNOWN && m->base->nat))
		return report_nat(&q->report, &q->report.snat, m);
	return 0;
}

static int dnat_meet(struct walk *w, const struct walk_meeting *m)
{
	struct query *q = w->data;

	if (m->what == WALK_LIMIT)
		return limit_error(w);
	if (m->what == WALK_DNAT || m->what == WALK_REDIRECT || m->what == WALK_TPROXY ||
	    (m->what == WALK_UNKNOWN && m->base->nat))
		return report_nat(&q->report, &q->report.dnat, m);
	return 0;
}

static bool is_drop(const struct walk_meeting *m)
{
	switch (m->what) {
	case WALK_DROP:
	case WALK_REJECT:
	case WALK_QUEUE:
	case WALK_POLICY:
	case WALK_FWD:
	case WALK_UNKNOWN:
		return m->hook != FW_INPUT;
	default:
		return false;
	}
}

/* Drops are for a warning: rules that are too much to follow are no reason to do without NAT. */
static int drop_meet(struct walk *w, const struct walk_meeting *m)
{
	struct query *q = w->data;

	return is_drop(m) ? report_drop(&q->report, m) : 0;
}

static int marked_meet(struct walk *w, const struct walk_meeting *m)
{
	struct query *q = w->data;

	if (is_drop(m))
		report_mark(&q->report, m);
	return 0;
}

/* UDP, TCP and ICMP of both families. */
static void all_packets(struct space *s, struct region *r)
{
	static const uint8_t icmp[] = { IPPROTO_ICMP, IPPROTO_ICMPV6 };

	for (int i = 0; i < 2; i++) {
		struct num_range protos[] = { { num32(IPPROTO_UDP), num32(IPPROTO_UDP) },
					      { num32(IPPROTO_TCP), num32(IPPROTO_TCP) },
					      { num32(icmp[i]), num32(icmp[i]) } };
		struct region one = { 0 };

		region_all(s, &one, i ? NFPROTO_IPV6 : NFPROTO_IPV4);
		region_keep(s, &one, DIM_PROTO, protos, 3);
		region_move(s, r, &one);
	}
	region_keep_u32(s, r, DIM_SPORT, 1, 65535);
	region_keep_u32(s, r, DIM_DPORT, 1, 65535);
}

static int prefix(struct net_list *l, const char *text)
{
	struct net_prefix p;
	int ret = net_prefix_parse(text, &p);

	return ret ? ret : net_list_add(l, &p);
}

/* No packet on a wire is sent there (RFC 1122 3.2.1.3, RFC 4291 2.5.3). */
static int not_loopback(struct space *s, struct region *r)
{
	struct net_list l = { 0 };
	int ret = prefix(&l, "127.0.0.0/8");

	if (!ret)
		ret = prefix(&l, "::1/128");
	if (!ret)
		region_drop_nets(s, r, DIM_DADDR, &l);
	net_list_free(&l);
	return ret;
}

/* Multicast, broadcast and this host's own addresses are no inside hosts. */
static int not_inside(const struct query *q, struct space *s, struct region *r)
{
	static const char *const never[] = { "224.0.0.0/4", "255.255.255.255/32", "ff00::/8",
					     "fe80::/10" };
	struct net_list l = { 0 };
	int ret = 0;

	for (size_t i = 0; i < sizeof(never) / sizeof(*never) && !ret; i++)
		ret = prefix(&l, never[i]);
	for (size_t i = 0; i < q->n_local && !ret; i++)
		ret = net_list_add(&l, &(struct net_prefix){ q->local[i], 128 });
	if (!ret)
		region_drop_nets(s, r, DIM_DADDR, &l);
	net_list_free(&l);
	return ret;
}

static struct space *space_for(const struct query *q, bool all_local)
{
	struct space_host host = {
		.local = q->local, .n_local = q->n_local, .known = true, .all = all_local
	};
	struct space *s = space_new(q->snap, &host);

	if (s) {
		space_ifid(s, q->ifname);
		space_ifid(s, "lo");
	}
	return s;
}

/* Every chain is asked with all packets: who is first changes with the next reload. */
static struct walk walk_for(struct query *q, bool all_local,
			    int (*meet)(struct walk *w, const struct walk_meeting *m))
{
	q->report.space = space_for(q, all_local);
	return (struct walk){ .space = q->report.space,
			      .snap = q->snap,
			      .skip = ours,
			      .meet = meet,
			      .data = q,
			      .apart = true,
			      .max_ms = MAX_MS };
}

/*
 * Who could NAT what leaves on the interface, or what enters there (@inwards): all of that is to
 * this host. Which mark the packets carry by then is not known.
 */
static int ask_nat(struct query *q, bool inwards)
{
	struct walk w = walk_for(q, inwards, inwards ? dnat_meet : snat_meet);
	struct space *s = w.space;
	struct region r = { 0 };
	int ret;

	if (!s)
		return -ENOMEM;
	all_packets(s, &r);
	region_keep_ifs(s, &r, inwards ? DIM_IIF : DIM_OIF, &q->ifname, 1, false);
	if (inwards)
		region_set(s, &r, DIM_OIF, num32(0), num32(0), false);
	region_set_mark(&r, 0, 0);
	ret = not_loopback(s, &r);
	if (!ret)
		ret = walk_hook(&w, inwards ? FW_PREROUTING : FW_POSTROUTING, &r);
	region_clear(&r);
	if (!ret)
		ret = inwards ? report_finish_dnat(&q->report, q->found)
			      : report_finish_snat(&q->report, q->found);
	report_clear(&q->report);
	space_free(s);
	return ret;
}

/*
 * A packet of a new flow, translated inwards: to an inside host, neither back out nor to this
 * host itself, with flags that begin a connection or go on with one that conntrack did not see.
 */
static int translated(struct query *q, struct space *s, struct region *r)
{
	/* SYN, SYN with ECN, SYN ACK, ACK, PSH ACK, FIN ACK, RST, RST ACK */
	static const uint8_t usual[] = { 0x02, 0xc2, 0x12, 0x10, 0x18, 0x11, 0x04, 0x14 };
	const char *outside[] = { q->ifname, "lo" };
	struct num_range flags[8];
	int ret;

	for (size_t i = 0; i < 8; i++)
		flags[i] = (struct num_range){ num32(usual[i]), num32(usual[i]) };
	all_packets(s, r);
	region_keep_ifs(s, r, DIM_IIF, &q->ifname, 1, false);
	region_keep_ifs(s, r, DIM_OIF, outside, 2, true);
	region_keep(s, r, DIM_TCPFLAGS, flags, 8);
	ret = not_loopback(s, r);
	return ret ? ret : not_inside(q, s, r);
}

/* Who drops it; every base chain with all packets, since each has to let them through. */
static int ask_drops(struct query *q)
{
	struct walk w = walk_for(q, false, drop_meet);
	struct space *s = w.space;
	struct region r = { 0 };
	int ret = s ? translated(q, s, &r) : -ENOMEM;

	region_set_mark(&r, 0, 0);
	if (!ret)
		ret = walk_path(&w, WALK_INWARDS, &r);
	region_clear(&r);
	if (!ret && q->mask) {
		w.meet = marked_meet;
		report_assume_mark(&q->report);
		ret = translated(q, s, &r);
		region_set_mark(&r, q->mark & q->mask, ~0u);
		if (!ret)
			ret = walk_path(&w, WALK_INWARDS, &r);
		region_clear(&r);
	}
	if (!ret)
		ret = report_finish_drops(&q->report, q->ifname, q->found);
	report_clear(&q->report);
	space_free(s);
	return ret;
}

static int add_local(struct query *q, const struct sockaddr *sa)
{
	if (!sa || (sa->sa_family != AF_INET && sa->sa_family != AF_INET6))
		return 0;
	if (fw_grow(&q->local, q->n_local, sizeof(*q->local)))
		return -ENOMEM;
	if (sa->sa_family == AF_INET)
		q->local[q->n_local++] = net_addr_from4(
			((const struct sockaddr_in *)(const void *)sa)->sin_addr.s_addr);
	else
		memcpy(&q->local[q->n_local++],
		       &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
	return 0;
}

static int read_local(struct query *q)
{
	struct ifaddrs *list;
	int ret = 0;

	if (getifaddrs(&list))
		return -errno;
	for (const struct ifaddrs *i = list; i && !ret; i = i->ifa_next)
		ret = add_local(q, i->ifa_addr);
	freeifaddrs(list);
	return ret;
}

static int explain(int ret, struct err *err)
{
	if (ret == -E2BIG)
		return err_set(err, E2BIG,
			       "the packet filter rules have too many paths to follow them all");
	if (ret == -ELOOP)
		return err_set(err, ELOOP, "the packet filter chains call each other too deeply");
	return err_sys(err, -ret, "cannot analyse the packet filter rules");
}

int foreign_analyse(const struct fw_snapshot *snap, const char *ifname, uint32_t inbound_mark,
		    uint32_t inbound_mask, struct foreign **ret_foreign, struct err *err)
{
	struct query q = { .snap = snap,
			   .ifname = ifname,
			   .mark = inbound_mark,
			   .mask = inbound_mask,
			   .found = calloc(1, sizeof(*q.found)) };
	int ret = q.found ? read_local(&q) : -ENOMEM;

	if (!ret)
		ret = ask_nat(&q, false);
	if (!ret)
		ret = ask_nat(&q, true);
	if (!ret)
		ret = ask_drops(&q);
	free(q.local);
	if (ret) {
		foreign_free(q.found);
		return explain(ret, err);
	}
	*ret_foreign = q.found;
	return 0;
}

int foreign_snats(const struct fw_snapshot *snap, const char *ifname, const struct net_addr *local,
		  size_t n_local, struct foreign **ret_foreign, struct err *err)
{
	struct query q = { .snap = snap,
			   .ifname = ifname,
			   .local = (struct net_addr *)local,
			   .n_local = n_local,
			   .found = calloc(1, sizeof(*q.found)) };
	int ret = q.found ? ask_nat(&q, false) : -ENOMEM;

	if (ret) {
		foreign_free(q.found);
		return explain(ret, err);
	}
	*ret_foreign = q.found;
	return 0;
}

bool foreign_nats(const struct foreign *f, bool ipv6)
{
	for (size_t i = 0; i < f->n_snat; i++)
		if (ipv6 || !f->snat[i].ipv6)
			return true;
	return false;
}

int foreign_read(const char *ifname, uint32_t inbound_mark, uint32_t inbound_mask,
		 struct foreign **ret_foreign, struct err *err)
{
	struct fw_snapshot *snap;
	int ret;

	if (!*ifname || strlen(ifname) >= IFNAMSIZ)
		return err_set(err, EINVAL, "\"%s\" is no interface name", ifname);
	ret = fw_snapshot_read(&snap, err);
	if (ret)
		return ret;
	ret = foreign_analyse(snap, ifname, inbound_mark, inbound_mask, ret_foreign, err);
	for (size_t i = 0; !ret && i < (*ret_foreign)->n_snat; i++)
		(*ret_foreign)->snat[i].rule = NULL;
	fw_snapshot_free(snap);
	return ret;
}
