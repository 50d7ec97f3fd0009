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

#include "foreign.h"
#include "foreign_report.h"
#include "foreign_walk.h"

#define PRI_CONNTRACK (-200) /* NF_IP_PRI_CONNTRACK: earlier chains see no connection */

struct query {
	struct packets packets;
	uint32_t mark, mask;
	struct report report;
};

static bool ours(const struct fw_table *t)
{
	return !t->legacy && !strncmp(t->name, "einat_", 6);
}

static bool listens_on(const struct fw_chain *c, const char *ifname)
{
	for (size_t i = 0; i < c->n_dev; i++) {
		size_t n = strlen(c->dev[i]);

		/* newer kernels bind to prefixes, shown with an asterisk */
		if (n && c->dev[i][n - 1] == '*' ? !strncmp(c->dev[i], ifname, n - 1)
						 : !strcmp(c->dev[i], ifname))
			return true;
	}
	return false;
}

/* Whether the base chain sees routed IPv4 of the interface at @hook. */
static bool concerns(const struct query *q, const struct fw_chain *c, enum fw_hook hook)
{
	const struct fw_table *t = c->table;

	if (c->hook != hook || t->dormant || ours(t))
		return false;
	if (hook == FW_INGRESS)
		return listens_on(c, q->packets.ifname);
	return t->family == NFPROTO_IPV4 || t->family == NFPROTO_INET;
}

static int by_priority(const void *a, const void *b)
{
	const struct fw_chain *const *x = a, *const *y = b;

	return (*x)->priority < (*y)->priority ? -1 : (*x)->priority > (*y)->priority;
}

/* The base chains of @hook in the order in which packets meet them. */
static int base_chains(const struct query *q, enum fw_hook hook,
		       const struct fw_chain ***ret_chains, size_t *ret_n)
{
	const struct fw_snapshot *s = q->packets.snap;
	const struct fw_chain **list = calloc(s->n_chains + 1, sizeof(*list));
	size_t n = 0;

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_chains; i++)
		if (concerns(q, s->chains[i], hook))
			list[n++] = s->chains[i];
	qsort(list, n, sizeof(*list), by_priority);
	*ret_chains = list;
	*ret_n = n;
	return 0;
}

static int snat_hit(struct walk *w, enum hit hit, const struct fw_rule *rule,
		    const struct fw_op *op, const struct region *r)
{
	struct query *q = w->data;

	return hit == HIT_SNAT ? report_snat(&q->report, rule, op, r) : 0;
}

static int dnat_hit(struct walk *w, enum hit hit, const struct fw_rule *rule,
		    const struct fw_op *op, const struct region *r)
{
	struct query *q = w->data;

	(void)op;
	return hit == HIT_DNAT ? report_dnat(&q->report, rule, r) : 0;
}

/* Every base chain of @hook, each with all packets: who is first depends on more than is known. */
static int ask_nat(struct query *q, enum purpose purpose, enum fw_hook hook)
{
	struct walk w = { .packets = &q->packets,
			  .hit = purpose == FOR_SNAT ? snat_hit : dnat_hit,
			  .data = q };
	const struct fw_chain **chains;
	struct region in = { 0 };
	size_t n;
	int ret;

	q->packets.purpose = purpose;
	q->packets.oif_known = false;
	ret = base_chains(q, hook, &chains, &n);
	if (ret)
		return ret;
	ret = region_init(&in);
	for (size_t i = 0; i < n && !ret; i++)
		ret = walk_base(&w, chains[i], &in);
	walk_clear(&w);
	region_clear(&in);
	free(chains);
	return ret;
}

struct drop_walk {
	struct query *q;
	bool marked; /* second pass: the packets carry the inbound mark */
	bool hit;
};

static int drop_hit(struct walk *w, enum hit hit, const struct fw_rule *rule,
		    const struct fw_op *op, const struct region *r)
{
	struct drop_walk *d = w->data;

	(void)op;
	if (hit != HIT_DROP && hit != HIT_POLICY)
		return 0;
	d->hit = true;
	return d->marked ? 0 : report_drop(&d->q->report, w->base, rule, r);
}

/* What a packet of a new flow, translated inwards, looks like where @c meets it. */
static void describe(const struct query *q, const struct fw_chain *c, bool notrack,
		     struct region *in)
{
	bool early =
		c->hook == FW_INGRESS || (c->hook == FW_PREROUTING && c->priority <= PRI_CONNTRACK);

	in->states = early ? FW_STATE_INVALID : FW_STATE_NEW;
	if (notrack)
		in->states |= FW_STATE_UNTRACKED;
	/* to an inside host: neither back out nor to this host itself */
	in->oif = (struct ifset){ .except = true, .n = 2 };
	strncpy(in->oif.name[0], q->packets.ifname, IFNAMSIZ - 1);
	strncpy(in->oif.name[1], "lo", IFNAMSIZ - 1);
}

/* One hook's base chains in order; the mark that one chain leaves is what the next one sees. */
static int drops_at(struct drop_walk *d, struct walk *w, enum fw_hook hook, struct region *in)
{
	struct query *q = d->q;
	const struct fw_chain **chains;
	size_t n;
	int ret = base_chains(q, hook, &chains, &n);

	if (ret)
		return ret;
	q->packets.oif_known = hook == FW_FORWARD || hook == FW_POSTROUTING;
	for (size_t i = 0; i < n && !ret; i++) {
		describe(q, chains[i], w->notrack, in);
		d->hit = false;
		ret = walk_base(w, chains[i], in);
		if (!ret && d->marked && !d->hit)
			report_mark_accepts(&q->report, chains[i]);
		if (!region_empty(&w->accepted)) {
			in->mark = w->accepted.mark;
			in->mark_known = w->accepted.mark_known;
		}
	}
	free(chains);
	return ret;
}

static int ask_drops(struct query *q, bool marked)
{
	static const enum fw_hook way[] = { FW_INGRESS, FW_PREROUTING, FW_FORWARD, FW_POSTROUTING };
	struct drop_walk d = { .q = q, .marked = marked };
	struct walk w = { .packets = &q->packets, .hit = drop_hit, .data = &d };
	struct region in = { 0 };
	int ret = region_init(&in);

	q->packets.purpose = FOR_DROP;
	if (marked) {
		in.mark = q->mark & q->mask;
		in.mark_known = ~0u;
	}
	for (size_t i = 0; i < sizeof(way) / sizeof(*way) && !ret; i++)
		ret = drops_at(&d, &w, way[i], &in);
	walk_clear(&w);
	region_clear(&in);
	return ret;
}

/* Loopback, multicast, broadcast and this host's own addresses are no inside hosts. */
static int not_inside(struct rset *ret_set)
{
	struct ifaddrs *list;
	int ret;

	ret = rset_push(ret_set, 0xe0000000, 0xefffffff);
	if (!ret)
		ret = rset_push(ret_set, ADDR_TOP, ADDR_TOP);
	if (ret || getifaddrs(&list))
		return ret ? ret : -errno;
	for (const struct ifaddrs *i = list; i && !ret; i = i->ifa_next) {
		uint32_t a;

		if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET)
			continue;
		a = ntohl(((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr.s_addr);
		ret = rset_push(ret_set, a, a);
	}
	freeifaddrs(list);
	return ret;
}

static int ask(struct query *q)
{
	struct rset *never = &q->packets.never_dst;
	int ret;

	/* RFC 1122 3.2.1.3: 127.0.0.0/8 is never seen outside of a host */
	ret = rset_push(never, 0x7f000000, 0x7fffffff);
	if (!ret)
		ret = ask_nat(q, FOR_SNAT, FW_POSTROUTING);
	if (!ret)
		ret = ask_nat(q, FOR_DNAT, FW_PREROUTING);
	if (!ret)
		ret = not_inside(never);
	rset_sort(never);
	if (!ret)
		ret = ask_drops(q, false);
	if (!ret && q->mask)
		ret = ask_drops(q, true);
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
	struct query q = { .packets = { .snap = snap, .ifname = ifname },
			   .mark = inbound_mark,
			   .mask = inbound_mask };
	int ret;

	q.packets.ifindex = (int)if_nametoindex(ifname);
	ret = ask(&q);
	if (!ret)
		ret = report_finish(&q.report, ret_foreign);
	if (ret)
		explain(ret, err);
	report_clear(&q.report);
	rset_free(&q.packets.never_dst);
	return ret;
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
	fw_snapshot_free(snap);
	return ret;
}
