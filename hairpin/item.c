// SPDX-License-Identifier: GPL-2.0-or-later
/* Objects: lists, comparison, text, and the requests that make them. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <linux/fib_rules.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "state.h"

bool hairpin_owns_table(uint32_t table)
{
	return (table & 0xffff0000u) == HAIRPIN_TABLE_BASE;
}

/* FNV-1a, folded to 16 bits. */
uint32_t hairpin_table(const char *ifname)
{
	uint32_t h = 2166136261u;

	for (; *ifname; ifname++)
		h = (h ^ (uint8_t)*ifname) * 16777619u;
	return HAIRPIN_TABLE_BASE | ((h >> 16) ^ (h & 0xffff));
}

int hp_list_add(struct hp_list *l, const struct hp_key *key, const struct nlmsghdr *msg)
{
	struct hp_item *v = realloc(l->v, (l->n + 1) * sizeof(*v));
	struct nlmsghdr *copy = malloc(msg->nlmsg_len);

	if (v)
		l->v = v;
	if (!v || !copy) {
		free(copy);
		return -ENOMEM;
	}
	memcpy(copy, msg, msg->nlmsg_len);
	v[l->n].key = *key;
	v[l->n].msg = copy;
	l->n++;
	return 0;
}

void hp_list_free(struct hp_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].msg);
	free(l->v);
	memset(l, 0, sizeof(*l));
}

bool hp_key_eq(const struct hp_key *a, const struct hp_key *b)
{
	return a->kind == b->kind && a->family == b->family && a->odd == b->odd &&
	       a->ipproto == b->ipproto && a->lo == b->lo && a->hi == b->hi && a->pref == b->pref &&
	       a->table == b->table && a->oif == b->oif && !strcmp(a->iif, b->iif) &&
	       !memcmp(a->mac, b->mac, 6) && net_addr_eq(&a->addr, &b->addr);
}

bool hp_key_same_place(const struct hp_key *a, const struct hp_key *b)
{
	if (a->kind != b->kind || a->family != b->family || !net_addr_eq(&a->addr, &b->addr))
		return false;
	switch (a->kind) {
	case HP_RULE:
		return false;
	case HP_ROUTE:
		return a->table == b->table && a->pref == b->pref;
	case HP_NEIGH:
		return a->oif == b->oif;
	}
	return false;
}

static void format_rule(const struct hp_key *k, const char *addr, char *buf)
{
	unsigned bit = proto_bit(k->ipproto);
	int n;

	if (k->table == RT_TABLE_LOCAL) {
		n = snprintf(buf, HP_TEXT_LEN, "rule pref %u lookup local", k->pref);
		if (k->marked)
			snprintf(buf + n, HP_TEXT_LEN - (size_t)n,
				 " suppress_ifgroup %u protocol kernel", HAIRPIN_LOCAL_MARK);
		return;
	}
	n = snprintf(buf, HP_TEXT_LEN, "rule pref %u iif %s to %s ipproto %s dport %u", k->pref,
		     k->iif, addr, proto_name(bit), k->lo);
	if (k->hi != k->lo)
		n += snprintf(buf + n, HP_TEXT_LEN - (size_t)n, "-%u", k->hi);
	snprintf(buf + n, HP_TEXT_LEN - (size_t)n, " lookup %u protocol kernel", k->table);
}

char *hp_key_format(const struct hp_key *k, const char *ifname, char *buf)
{
	char addr[NET_ADDR_STRLEN];

	net_addr_format(&k->addr, addr);
	switch (k->kind) {
	case HP_RULE:
		format_rule(k, addr, buf);
		break;
	case HP_ROUTE:
		snprintf(buf, HP_TEXT_LEN, "route %s dev %s table %u%s src %s protocol kernel",
			 addr, ifname, k->table, k->family == AF_INET ? " scope link" : "", addr);
		break;
	case HP_NEIGH:
		snprintf(buf, HP_TEXT_LEN,
			 "neigh %s dev %s lladdr %02x:%02x:%02x:%02x:%02x:%02x nud permanent "
			 "protocol %u",
			 addr, ifname, k->mac[0], k->mac[1], k->mac[2], k->mac[3], k->mac[4],
			 k->mac[5], HAIRPIN_NEIGH_PROTO);
		break;
	}
	return buf;
}

uint8_t hp_family(const struct net_addr *a)
{
	return net_addr_is4(a) ? AF_INET : AF_INET6;
}

uint8_t hp_bits(uint8_t family)
{
	return family == AF_INET ? 32 : 128;
}

bool hp_addr_attr(const struct nlattr *attr, uint8_t family, struct net_addr *ret_addr)
{
	if (mnl_attr_get_payload_len(attr) * 8 != hp_bits(family))
		return false;
	if (family == AF_INET)
		*ret_addr = net_addr_from4(mnl_attr_get_u32(attr));
	else
		memcpy(ret_addr, mnl_attr_get_payload(attr), sizeof(*ret_addr));
	return true;
}

static void put_addr(struct nlmsghdr *nlh, uint16_t type, const struct net_addr *a)
{
	size_t len = hp_bits(hp_family(a)) / 8;

	mnl_attr_put(nlh, type, len, a->b + sizeof(a->b) - len);
}

static void put_rule(struct nlmsghdr *nlh, const struct hp_key *k)
{
	struct fib_rule_port_range ports = { k->lo, k->hi };
	struct fib_rule_hdr *frh = mnl_nlmsg_put_extra_header(nlh, sizeof(*frh));

	nlh->nlmsg_type = RTM_NEWRULE;
	frh->family = k->family;
	frh->action = FR_ACT_TO_TBL;
	frh->dst_len = hp_bits(k->family);
	put_addr(nlh, FRA_DST, &k->addr);
	mnl_attr_put_strz(nlh, FRA_IIFNAME, k->iif);
	mnl_attr_put_u32(nlh, FRA_PRIORITY, k->pref);
	mnl_attr_put_u32(nlh, FRA_TABLE, k->table);
	mnl_attr_put_u8(nlh, FRA_PROTOCOL, RTPROT_KERNEL);
	mnl_attr_put_u8(nlh, FRA_IP_PROTO, k->ipproto);
	mnl_attr_put(nlh, FRA_DPORT_RANGE, sizeof(ports), &ports);
}

static void put_route(struct nlmsghdr *nlh, const struct hp_key *k)
{
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));

	nlh->nlmsg_type = RTM_NEWROUTE;
	rtm->rtm_family = k->family;
	rtm->rtm_dst_len = hp_bits(k->family);
	rtm->rtm_type = RTN_UNICAST;
	rtm->rtm_scope = k->family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	rtm->rtm_protocol = RTPROT_KERNEL;
	mnl_attr_put_u32(nlh, RTA_TABLE, k->table);
	if (k->pref)
		mnl_attr_put_u32(nlh, RTA_PRIORITY, k->pref);
	put_addr(nlh, RTA_DST, &k->addr);
	mnl_attr_put_u32(nlh, RTA_OIF, (uint32_t)k->oif);
	put_addr(nlh, RTA_PREFSRC, &k->addr);
}

static void put_neigh(struct nlmsghdr *nlh, const struct hp_key *k)
{
	struct ndmsg *ndm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ndm));

	nlh->nlmsg_type = RTM_NEWNEIGH;
	ndm->ndm_family = k->family;
	ndm->ndm_ifindex = k->oif;
	ndm->ndm_state = NUD_PERMANENT;
	put_addr(nlh, NDA_DST, &k->addr);
	mnl_attr_put(nlh, NDA_LLADDR, sizeof(k->mac), k->mac);
	mnl_attr_put_u8(nlh, NDA_PROTOCOL, HAIRPIN_NEIGH_PROTO);
}

struct nlmsghdr *hp_msg_put(void *buf, const struct hp_key *key)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	switch (key->kind) {
	case HP_RULE:
		put_rule(nlh, key);
		break;
	case HP_ROUTE:
		put_route(nlh, key);
		break;
	case HP_NEIGH:
		put_neigh(nlh, key);
		break;
	}
	return nlh;
}

/*
 * The priority is always given, 0 too: a deletion without it would meet the first `local` rule of
 * any preference. The mark suppresses routes out of devices of a group that no device has.
 */
struct nlmsghdr *hp_msg_local(void *buf, uint8_t family, uint32_t pref, bool marked,
			      uint8_t protocol)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct fib_rule_hdr *frh = mnl_nlmsg_put_extra_header(nlh, sizeof(*frh));

	nlh->nlmsg_type = RTM_NEWRULE;
	frh->family = family;
	frh->action = FR_ACT_TO_TBL;
	frh->table = RT_TABLE_LOCAL;
	mnl_attr_put_u32(nlh, FRA_TABLE, RT_TABLE_LOCAL);
	mnl_attr_put_u32(nlh, FRA_PRIORITY, pref);
	mnl_attr_put_u8(nlh, FRA_PROTOCOL, protocol);
	if (marked)
		mnl_attr_put_u32(nlh, FRA_SUPPRESS_IFGROUP, HAIRPIN_LOCAL_MARK);
	return nlh;
}
