// SPDX-License-Identifier: GPL-2.0-or-later
/* Reads rules, routes and neighbours. */
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include <linux/fib_rules.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "state.h"

/* Since Linux 6.15; dumped as 0xffff for a single port. */
#define HP_FRA_DPORT_MASK 29
#define HP_FRA_LAST	  63

struct reader {
	struct hp_state *s;
	uint32_t table;
	const char *ifname;
	int ifindex;
};

/* What a rule asks beyond what einat's rules ask: then it is not "plain". */
static bool rule_is_odd(const struct fib_rule_hdr *frh, const struct nlattr **tb)
{
	static const bool known[HP_FRA_LAST + 1] = {
		[FRA_DST] = true,
		[FRA_IIFNAME] = true,
		[FRA_PRIORITY] = true,
		[FRA_TABLE] = true,
		[FRA_PROTOCOL] = true,
		[FRA_IP_PROTO] = true,
		[FRA_DPORT_RANGE] = true,
		[FRA_PAD] = true,
		[FRA_SUPPRESS_PREFIXLEN] = true,
		[FRA_SUPPRESS_IFGROUP] = true,
	};

	if (frh->action != FR_ACT_TO_TBL || frh->src_len || frh->tos ||
	    (frh->flags & FIB_RULE_INVERT))
		return true;
	if (tb[FRA_SUPPRESS_PREFIXLEN] &&
	    mnl_attr_get_u32(tb[FRA_SUPPRESS_PREFIXLEN]) != UINT32_MAX)
		return true;
	for (unsigned i = 0; i <= HP_FRA_LAST; i++) {
		if (!tb[i] || known[i])
			continue;
		if (i == HP_FRA_DPORT_MASK && mnl_attr_get_u16(tb[i]) == 0xffff)
			continue;
		return true;
	}
	return false;
}

static void rule_key(const struct fib_rule_hdr *frh, const struct nlattr **tb, struct hp_key *k)
{
	memset(k, 0, sizeof(*k));
	k->kind = HP_RULE;
	k->odd = rule_is_odd(frh, tb);
	k->table = tb[FRA_TABLE] ? mnl_attr_get_u32(tb[FRA_TABLE]) : frh->table;
	k->pref = tb[FRA_PRIORITY] ? mnl_attr_get_u32(tb[FRA_PRIORITY]) : 0;
	k->ipproto = tb[FRA_IP_PROTO] ? mnl_attr_get_u8(tb[FRA_IP_PROTO]) : 0;
	if (tb[FRA_IIFNAME])
		strncpy(k->iif, mnl_attr_get_str(tb[FRA_IIFNAME]), sizeof(k->iif) - 1);
	k->family = frh->family;
	if (tb[FRA_DST] && !hp_addr_attr(tb[FRA_DST], k->family, &k->addr))
		k->odd = true;
	if (tb[FRA_DPORT_RANGE]) {
		const struct fib_rule_port_range *p = mnl_attr_get_payload(tb[FRA_DPORT_RANGE]);

		k->lo = p->start;
		k->hi = p->end;
	}
}

static uint32_t rule_group(const struct nlattr **tb)
{
	return tb[FRA_SUPPRESS_IFGROUP] ? mnl_attr_get_u32(tb[FRA_SUPPRESS_IFGROUP]) : UINT32_MAX;
}

static int add_local(struct hp_list *l, const struct hp_key *key, bool marked,
		     const struct nlattr *protocol)
{
	char buf[HP_MSG_LEN] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct hp_key k = *key;

	k.marked = marked;
	return hp_list_add(l, &k,
			   hp_msg_local(buf, k.family, k.pref, marked,
					protocol ? mnl_attr_get_u8(protocol) : RTPROT_UNSPEC));
}

/* A rule of our table, as a request that deletes it, or adds it again. */
static int add_own(struct hp_list *l, struct hp_key *key, const struct nlmsghdr *nlh,
		   uint32_t group)
{
	char buf[4096] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *copy = (struct nlmsghdr *)buf;
	struct fib_rule_hdr *frh;

	if (nlh->nlmsg_len + 16 > sizeof(buf))
		return -EMSGSIZE;
	memcpy(buf, nlh, nlh->nlmsg_len);
	frh = mnl_nlmsg_get_payload(copy);
	frh->flags &= FIB_RULE_INVERT;
	if (!key->pref) /* the kernel leaves 0 out, but a request without it means any */
		mnl_attr_put_u32(copy, FRA_PRIORITY, 0);
	if (frh->dst_len != hp_bits(frh->family) || group != UINT32_MAX)
		key->odd = true;
	return hp_list_add(l, key, copy);
}

static void lower(uint32_t *min, uint32_t v)
{
	if (v < *min)
		*min = v;
}

static int on_rule(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[HP_FRA_LAST + 1];
	const struct fib_rule_hdr *frh;
	struct reader *rd = arg;
	struct hp_state *s = rd->s;
	struct hp_key k;
	uint32_t group;

	if (!nlh) {
		hp_list_free(&s->items);
		hp_list_free(&s->zero);
		hp_list_free(&s->moved);
		s->foreign = s->foreign_local = HP_NO_PREF;
		s->beside_zero = s->shared = false;
		return 0;
	}
	frh = mnl_nlmsg_get_payload(nlh);
	if (nlh->nlmsg_type != RTM_NEWRULE || frh->family != s->family)
		return 0;
	rtnl_attrs(nlh, sizeof(*frh), tb, HP_FRA_LAST);
	rule_key(frh, tb, &k);
	group = rule_group(tb);
	if (frh->action == FR_ACT_TO_TBL && k.table == rd->table)
		return add_own(&s->items, &k, nlh, group);
	if (frh->action == FR_ACT_TO_TBL && hairpin_owns_table(k.table)) {
		s->shared = true;
		return 0;
	}
	if (k.table == RT_TABLE_LOCAL && !k.odd && !frh->dst_len && !k.iif[0] && !k.ipproto &&
	    !tb[FRA_DPORT_RANGE]) {
		if (group == HAIRPIN_LOCAL_MARK)
			return add_local(&s->moved, &k, true, tb[FRA_PROTOCOL]);
		if (group == UINT32_MAX && !k.pref)
			return add_local(&s->zero, &k, false, tb[FRA_PROTOCOL]);
		if (group == UINT32_MAX)
			lower(&s->foreign_local, k.pref);
	}
	if (k.pref)
		lower(&s->foreign, k.pref);
	else
		s->beside_zero = true;
	return 0;
}

static int on_route(const struct nlmsghdr *nlh, void *arg)
{
	struct reader *rd = arg;
	char buf[4096] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct hp_key k = { .kind = HP_ROUTE, .family = rd->s->family, .table = rd->table };
	const struct nlattr *tb[RTA_MAX + 1];
	struct nlmsghdr *copy = (struct nlmsghdr *)buf;
	struct net_addr src;
	struct rtmsg *rtm;

	if (!nlh) { /* on_rule() has emptied the list; what an interrupted dump added stays out */
		struct hp_list *l = &rd->s->items;

		while (l->n && l->v[l->n - 1].key.kind == HP_ROUTE)
			free(l->v[--l->n].msg);
		return 0;
	}
	rtm = mnl_nlmsg_get_payload(nlh);
	if (nlh->nlmsg_type != RTM_NEWROUTE || rtm->rtm_family != k.family)
		return 0;
	rtnl_attrs(nlh, sizeof(*rtm), tb, RTA_MAX);
	if (!tb[RTA_TABLE] || mnl_attr_get_u32(tb[RTA_TABLE]) != rd->table)
		return 0;
	if (nlh->nlmsg_len > sizeof(buf))
		return -EMSGSIZE;
	if (tb[RTA_DST])
		hp_addr_attr(tb[RTA_DST], k.family, &k.addr);
	if (tb[RTA_OIF])
		k.oif = (int)mnl_attr_get_u32(tb[RTA_OIF]);
	if (tb[RTA_PRIORITY])
		k.pref = mnl_attr_get_u32(tb[RTA_PRIORITY]);
	k.odd = rtm->rtm_type != RTN_UNICAST || rtm->rtm_dst_len != hp_bits(k.family) ||
		rtm->rtm_tos || (k.family == AF_INET && rtm->rtm_scope != RT_SCOPE_LINK) ||
		!tb[RTA_OIF] || tb[RTA_GATEWAY] || tb[RTA_VIA] || !tb[RTA_PREFSRC] ||
		!tb[RTA_DST] || !hp_addr_attr(tb[RTA_PREFSRC], k.family, &src) ||
		!net_addr_eq(&src, &k.addr);
	memcpy(buf, nlh, nlh->nlmsg_len);
	rtm = mnl_nlmsg_get_payload(copy);
	rtm->rtm_flags = 0; /* "dead" and "linkdown" are refused in a request */
	return hp_list_add(&rd->s->items, &k, copy);
}

/* On the interface now, or on one that a route of our table leads to (it was renamed). */
static bool neigh_is_near(const struct reader *rd, int ifindex)
{
	if (ifindex == rd->ifindex)
		return true;
	for (size_t i = 0; i < rd->s->items.n; i++)
		if (rd->s->items.v[i].key.kind == HP_ROUTE && rd->s->items.v[i].key.oif == ifindex)
			return true;
	return false;
}

static int on_neigh(const struct nlmsghdr *nlh, void *arg)
{
	char buf[HP_MSG_LEN] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct reader *rd = arg;
	struct hp_key k = { .kind = HP_NEIGH, .family = rd->s->family };
	const struct nlattr *tb[NDA_PROTOCOL + 1];
	const struct ndmsg *ndm;
	bool ours;

	if (!nlh) {
		struct hp_list *l = &rd->s->items;

		while (l->n && l->v[l->n - 1].key.kind == HP_NEIGH)
			free(l->v[--l->n].msg);
		hp_list_free(&rd->s->fixed);
		return 0;
	}
	ndm = mnl_nlmsg_get_payload(nlh);
	if (nlh->nlmsg_type != RTM_NEWNEIGH || ndm->ndm_family != k.family ||
	    !neigh_is_near(rd, ndm->ndm_ifindex))
		return 0;
	rtnl_attrs(nlh, sizeof(*ndm), tb, NDA_PROTOCOL);
	ours = tb[NDA_PROTOCOL] && mnl_attr_get_u8(tb[NDA_PROTOCOL]) == HAIRPIN_NEIGH_PROTO;
	if (!tb[NDA_DST] || !hp_addr_attr(tb[NDA_DST], k.family, &k.addr))
		return 0;
	k.oif = ndm->ndm_ifindex;
	k.odd = !(ndm->ndm_state & NUD_PERMANENT) || ndm->ndm_flags || !tb[NDA_LLADDR] ||
		mnl_attr_get_payload_len(tb[NDA_LLADDR]) != sizeof(k.mac);
	if (tb[NDA_LLADDR] && mnl_attr_get_payload_len(tb[NDA_LLADDR]) == sizeof(k.mac))
		memcpy(k.mac, mnl_attr_get_payload(tb[NDA_LLADDR]), sizeof(k.mac));
	if (!ours && k.odd) /* learnt: a permanent one may replace it */
		return 0;
	return hp_list_add(ours ? &rd->s->items : &rd->s->fixed, &k, hp_msg_put(buf, &k));
}

static int read_rules(struct rtnl *r, struct reader *rd)
{
	char buf[HP_MSG_LEN] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct fib_rule_hdr *frh = mnl_nlmsg_put_extra_header(nlh, sizeof(*frh));

	nlh->nlmsg_type = RTM_GETRULE;
	frh->family = rd->s->family;
	return rtnl_dump(r, nlh, on_rule, rd);
}

/* Asks for one table only: table main may hold a million routes. */
static int read_routes(struct rtnl *r, struct reader *rd)
{
	char buf[HP_MSG_LEN] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	int ret;

	nlh->nlmsg_type = RTM_GETROUTE;
	rtm->rtm_family = rd->s->family;
	mnl_attr_put_u32(nlh, RTA_TABLE, rd->table);
	ret = rtnl_dump(r, nlh, on_route, rd);
	return ret == -ENOENT ? 0 : ret; /* there is no such table */
}

static int read_neighs(struct rtnl *r, struct reader *rd)
{
	char buf[HP_MSG_LEN] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ndmsg *ndm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ndm));

	nlh->nlmsg_type = RTM_GETNEIGH;
	ndm->ndm_family = rd->s->family;
	return rtnl_dump(r, nlh, on_neigh, rd);
}

/* Two names can give one table (1 in 65,536): a route tells whose it is. */
static void find_owner(const struct reader *rd)
{
	char name[IF_NAMESIZE];

	for (size_t i = 0; i < rd->s->items.n; i++) {
		const struct hp_key *k = &rd->s->items.v[i].key;

		if (k->kind == HP_ROUTE && if_indextoname((unsigned)k->oif, name) &&
		    strcmp(name, rd->ifname) && hairpin_table(name) == rd->table)
			strcpy(rd->s->owner, name);
	}
}

int hp_state_read(struct rtnl *r, uint8_t family, const char *ifname, int ifindex,
		  struct hp_state *s, struct err *err)
{
	struct reader rd = { s, hairpin_table(ifname), ifname, ifindex };
	int ret;

	memset(s, 0, sizeof(*s));
	s->family = family;
	ret = read_rules(r, &rd);
	if (ret)
		return err_set(err, -ret, "could not read the ip rules: %s", rtnl_reason(r));
	ret = read_routes(r, &rd);
	if (ret)
		return err_set(err, -ret, "could not read the routes of table %u: %s", rd.table,
			       rtnl_reason(r));
	ret = read_neighs(r, &rd);
	if (ret)
		return err_set(err, -ret, "could not read the neighbours: %s", rtnl_reason(r));
	find_owner(&rd);
	return 0;
}

void hp_state_free(struct hp_state *s)
{
	hp_list_free(&s->items);
	hp_list_free(&s->fixed);
	hp_list_free(&s->zero);
	hp_list_free(&s->moved);
}
