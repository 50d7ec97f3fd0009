// SPDX-License-Identifier: GPL-2.0-or-later
/* The snapshot from its records: nf_tables, then iptables-legacy, then the links' names. */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/rtnetlink.h>

#include "capture_priv.h"
#include "read.h"
#include "read_attr.h"

#define UDATA_RULE_COMMENT 0 /* libnftnl's NFTNL_UDATA_RULE_COMMENT */

struct reader {
	struct fw_snapshot *snap;
	struct fw_table *table; /* of the last message: most belong to the same */
	struct fw_set *set; /* of the last elements */
};

int attr_validate(const struct nlattr *attr, void *data)
{
	struct attr_table *t = data;

	if (mnl_attr_get_type(attr) <= t->max)
		t->tb[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK;
}

uint32_t attr_be32(const struct nlattr *a, uint32_t absent)
{
	uint32_t v;

	if (!a || mnl_attr_get_payload_len(a) < sizeof(v))
		return absent;
	memcpy(&v, mnl_attr_get_payload(a), sizeof(v));
	return ntohl(v);
}

uint64_t attr_be64(const struct nlattr *a)
{
	uint64_t v;

	if (!a || mnl_attr_get_payload_len(a) < sizeof(v))
		return 0;
	memcpy(&v, mnl_attr_get_payload(a), sizeof(v));
	return be64toh(v);
}

const char *attr_str(const struct nlattr *a)
{
	if (!a || !memchr(mnl_attr_get_payload(a), 0, mnl_attr_get_payload_len(a)))
		return NULL;
	return mnl_attr_get_payload(a);
}

/* The table that an attribute names in a message's family; NULL: none. */
static struct fw_table *table_of(struct reader *r, const struct nlmsghdr *nlh,
				 const struct nlattr *attr)
{
	const struct nfgenmsg *g = mnl_nlmsg_get_payload(nlh);
	const char *name = attr_str(attr);

	if (!name)
		return NULL;
	if (!r->table || r->table->family != g->nfgen_family || strcmp(r->table->name, name))
		r->table = fw_table_find(r->snap, g->nfgen_family, name);
	return r->table;
}

static int on_table(struct reader *r, const struct nlmsghdr *nlh)
{
	const struct nfgenmsg *g = mnl_nlmsg_get_payload(nlh);
	ATTRS(tb, NFTA_TABLE_MAX);
	struct fw_table *t;
	uint32_t flags;

	attrs_parse_msg(nlh, &tb);
	if (!attr_str(tb.tb[NFTA_TABLE_NAME]))
		return 0;
	t = fw_table_add(r->snap, g->nfgen_family, attr_str(tb.tb[NFTA_TABLE_NAME]));
	if (!t)
		return -ENOMEM;
	flags = attr_be32(tb.tb[NFTA_TABLE_FLAGS], 0);
	t->dormant = flags & NFT_TABLE_F_DORMANT;
	t->owned = flags & NFT_TABLE_F_OWNER;
	t->handle = attr_be64(tb.tb[NFTA_TABLE_HANDLE]);
	return 0;
}

/* Hook numbers mean different hooks in different families. */
static enum fw_hook hook_of(int family, uint32_t num)
{
	static const enum fw_hook inet[] = { FW_PREROUTING, FW_INPUT,	    FW_FORWARD,
					     FW_OUTPUT,	    FW_POSTROUTING, FW_INGRESS };

	if (family == NFPROTO_NETDEV)
		return num == 0 ? FW_INGRESS : FW_EGRESS;
	if (family == NFPROTO_ARP || num >= sizeof(inet) / sizeof(*inet))
		return FW_HOOK_NONE;
	return inet[num];
}

static int dev_add(char ***dev, size_t *n, const char *name)
{
	if (!name)
		return 0;
	if (fw_grow(dev, *n, sizeof(**dev)))
		return -ENOMEM;
	(*dev)[*n] = strdup(name);
	return (*dev)[*n] ? (++*n, 0) : -ENOMEM;
}

static int devs_add(char ***dev, size_t *n, const struct nlattr *list)
{
	const struct nlattr *attr;
	int ret = 0;

	if (list)
		mnl_attr_for_each_nested (attr, list)
			if (!ret)
				ret = dev_add(dev, n, attr_str(attr));
	return ret;
}

static int chain_hook(struct fw_chain *c, const struct nlattr *hook)
{
	ATTRS(tb, NFTA_HOOK_MAX);

	attrs_parse(hook, &tb);
	c->hook = hook_of(c->table->family, attr_be32(tb.tb[NFTA_HOOK_HOOKNUM], ~0u));
	c->priority = (int)attr_be32(tb.tb[NFTA_HOOK_PRIORITY], 0);
	if (tb.tb[NFTA_HOOK_DEVS]) /* newer kernels name one device in both attributes */
		return devs_add(&c->dev, &c->n_dev, tb.tb[NFTA_HOOK_DEVS]);
	return dev_add(&c->dev, &c->n_dev, attr_str(tb.tb[NFTA_HOOK_DEV]));
}

static int on_chain(struct reader *r, const struct nlmsghdr *nlh)
{
	ATTRS(tb, NFTA_CHAIN_MAX);
	const char *name, *type;
	const struct fw_table *t;
	struct fw_chain *c;

	attrs_parse_msg(nlh, &tb);
	t = table_of(r, nlh, tb.tb[NFTA_CHAIN_TABLE]);
	name = attr_str(tb.tb[NFTA_CHAIN_NAME]);
	type = attr_str(tb.tb[NFTA_CHAIN_TYPE]);
	if (!t || !name)
		return 0;
	c = fw_chain_add(r->snap, t, name);
	if (!c)
		return -ENOMEM;
	c->handle = attr_be64(tb.tb[NFTA_CHAIN_HANDLE]);
	if (!tb.tb[NFTA_CHAIN_HOOK])
		return 0;
	c->nat = type && !strcmp(type, "nat");
	c->policy_drop = attr_be32(tb.tb[NFTA_CHAIN_POLICY], NF_ACCEPT) == NF_DROP;
	c->offload = attr_be32(tb.tb[NFTA_CHAIN_FLAGS], 0) & NFT_CHAIN_HW_OFFLOAD;
	return chain_hook(c, tb.tb[NFTA_CHAIN_HOOK]);
}

static int on_set(struct reader *r, const struct nlmsghdr *nlh)
{
	return fw_set_parse(r->snap, nlh);
}

static int on_elements(struct reader *r, const struct nlmsghdr *nlh)
{
	ATTRS(tb, NFTA_SET_ELEM_LIST_MAX);
	const struct fw_table *t;
	const char *name;

	attrs_parse_msg(nlh, &tb);
	t = table_of(r, nlh, tb.tb[NFTA_SET_ELEM_LIST_TABLE]);
	name = attr_str(tb.tb[NFTA_SET_ELEM_LIST_SET]);
	if (!t || !name)
		return 0;
	if (!r->set || r->set->table != t || strcmp(r->set->name, name))
		r->set = fw_set_find(r->snap, t, name);
	return r->set ? fw_elems_parse(r->snap, r->set, nlh) : 0;
}

static int on_object(struct reader *r, const struct nlmsghdr *nlh)
{
	ATTRS(tb, NFTA_OBJ_MAX);
	struct fw_object o = { .raw = nlh, .raw_len = nlh->nlmsg_len };
	struct fw_snapshot *s = r->snap;

	attrs_parse_msg(nlh, &tb);
	o.table = table_of(r, nlh, tb.tb[NFTA_OBJ_TABLE]);
	if (!o.table || !attr_str(tb.tb[NFTA_OBJ_NAME]))
		return 0;
	o.type = attr_be32(tb.tb[NFTA_OBJ_TYPE], NFT_OBJECT_UNSPEC);
	o.handle = attr_be64(tb.tb[NFTA_OBJ_HANDLE]);
	if (fw_grow(&s->objects, s->n_objects, sizeof(*s->objects)))
		return -ENOMEM;
	o.name = strdup(attr_str(tb.tb[NFTA_OBJ_NAME]));
	if (!o.name)
		return -ENOMEM;
	s->objects[s->n_objects++] = o;
	return 0;
}

static int on_flowtable(struct reader *r, const struct nlmsghdr *nlh)
{
	ATTRS(tb, NFTA_FLOWTABLE_MAX);
	ATTRS(hook, NFTA_FLOWTABLE_HOOK_MAX);
	struct fw_snapshot *s = r->snap;
	struct fw_flowtable *f;
	const struct fw_table *t;

	attrs_parse_msg(nlh, &tb);
	t = table_of(r, nlh, tb.tb[NFTA_FLOWTABLE_TABLE]);
	if (!t || !attr_str(tb.tb[NFTA_FLOWTABLE_NAME]))
		return 0;
	if (fw_grow(&s->flowtables, s->n_flowtables, sizeof(*f)))
		return -ENOMEM;
	f = &s->flowtables[s->n_flowtables];
	*f = (struct fw_flowtable){ .table = t,
				    .name = strdup(attr_str(tb.tb[NFTA_FLOWTABLE_NAME])),
				    .handle = attr_be64(tb.tb[NFTA_FLOWTABLE_HANDLE]) };
	if (!f->name)
		return -ENOMEM;
	s->n_flowtables++;
	f->offload = attr_be32(tb.tb[NFTA_FLOWTABLE_FLAGS], 0) & NFT_FLOWTABLE_HW_OFFLOAD;
	attrs_parse(tb.tb[NFTA_FLOWTABLE_HOOK], &hook);
	f->priority = (int)attr_be32(hook.tb[NFTA_FLOWTABLE_HOOK_PRIORITY], 0);
	return devs_add(&f->dev, &f->n_dev, hook.tb[NFTA_FLOWTABLE_HOOK_DEVS]);
}

/* Userdata: a byte of type, one of length, so many bytes; again. */
const char *attr_comment(const struct nlattr *attr)
{
	const uint8_t *p = attr ? mnl_attr_get_payload(attr) : NULL;
	size_t left = attr ? mnl_attr_get_payload_len(attr) : 0;

	while (left >= 2 && p[1] <= left - 2) {
		if (p[0] == UDATA_RULE_COMMENT)
			return memchr(p + 2, 0, p[1]) ? (const char *)p + 2 : NULL;
		left -= 2u + p[1];
		p += 2 + p[1];
	}
	return NULL;
}

static int on_rule(struct reader *r, const struct nlmsghdr *nlh)
{
	ATTRS(tb, NFTA_RULE_MAX);
	const char *name;
	const struct fw_table *t;
	struct fw_chain *c;
	struct fw_rule *rule;

	attrs_parse_msg(nlh, &tb);
	t = table_of(r, nlh, tb.tb[NFTA_RULE_TABLE]);
	name = attr_str(tb.tb[NFTA_RULE_CHAIN]);
	c = t && name ? fw_chain_find(r->snap, t, name) : NULL;
	if (!c)
		return 0;
	rule = fw_rule_add(c, attr_be64(tb.tb[NFTA_RULE_HANDLE]));
	if (!rule)
		return -ENOMEM;
	rule->raw = nlh;
	rule->raw_len = nlh->nlmsg_len;
	rule->comment = attr_comment(tb.tb[NFTA_RULE_USERDATA]);
	return tb.tb[NFTA_RULE_EXPRESSIONS]
		       ? fw_lower_rule(r->snap, rule, tb.tb[NFTA_RULE_EXPRESSIONS])
		       : 0;
}

typedef int (*reader_fn)(struct reader *r, const struct nlmsghdr *nlh);

static int read_record(struct reader *r, const struct capture *c, const char *name, uint16_t type,
		       reader_fn fn, struct err *err)
{
	const struct capture_record *rec = capture_find(c, FW_REC_NFT, name);
	const struct nlmsghdr *nlh;
	size_t at = 0;
	int ret;

	if (!rec)
		return err_set(err, EBADMSG, "the record of nftables %s is missing", name);
	while ((nlh = capture_msg(rec, sizeof(struct nfgenmsg), &at))) {
		if (nlh->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | type))
			continue;
		ret = fn(r, nlh);
		if (ret)
			return err_sys(err, -ret, "cannot read the record of nftables %s", name);
	}
	return at >= rec->len ? 0
			      : err_set(err, EBADMSG, "the record of nftables %s is damaged", name);
}

/* Verdicts name chains, rules name sets: hence the order. */
static int read_nft(struct reader *r, const struct capture *c, struct err *err)
{
	int ret = read_record(r, c, FW_REC_TABLES, NFT_MSG_NEWTABLE, on_table, err);

	if (!ret)
		ret = read_record(r, c, FW_REC_CHAINS, NFT_MSG_NEWCHAIN, on_chain, err);
	fw_chains_sort(r->snap);
	if (!ret)
		ret = read_record(r, c, FW_REC_SETS, NFT_MSG_NEWSET, on_set, err);
	fw_sets_sort(r->snap);
	if (!ret)
		ret = read_record(r, c, FW_REC_ELEMENTS, NFT_MSG_NEWSETELEM, on_elements, err);
	for (size_t i = 0; i < r->snap->n_sets && !ret; i++)
		ret = fw_set_finish(r->snap->sets[i]);
	if (!ret)
		ret = read_record(r, c, FW_REC_OBJECTS, NFT_MSG_NEWOBJ, on_object, err);
	if (!ret)
		ret = read_record(r, c, FW_REC_FLOWTABLES, NFT_MSG_NEWFLOWTABLE, on_flowtable, err);
	return ret ? ret : read_record(r, c, FW_REC_RULES, NFT_MSG_NEWRULE, on_rule, err);
}

static int read_legacy(struct fw_snapshot *s, const struct capture *c, int family, struct err *err)
{
	const char *kind = family == NFPROTO_IPV4 ? FW_REC_LEGACY4 : FW_REC_LEGACY6;
	const struct capture_record *r = NULL;
	struct ipt_getinfo info;
	int ret = 0;

	while (!ret && (r = capture_next(c, kind, r))) {
		ret = -EBADMSG;
		if (r->len >= FW_LEGACY_HEAD) {
			memcpy(&info, r->data, sizeof(info));
			ret = legacy_parse(s, family, &info, r->data + FW_LEGACY_HEAD,
					   r->len - FW_LEGACY_HEAD);
		}
		if (ret)
			err_set(err, -ret, "the record of the %s table %s %s", kind, r->name,
				ret == -EBADMSG ? "is damaged" : "does not fit into memory");
	}
	return ret;
}

static int read_links(struct fw_snapshot *s, const struct capture *c, struct err *err)
{
	const struct capture_record *r = capture_find(c, "link", "");
	const struct nlmsghdr *nlh;
	size_t at = 0;

	while (r && (nlh = capture_msg(r, sizeof(struct ifinfomsg), &at))) {
		const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
		const struct nlattr *tb[IFLA_IFNAME + 1];
		struct fw_link *l;

		rtnl_attrs(nlh, sizeof(*ifi), tb, IFLA_IFNAME);
		if (!attr_str(tb[IFLA_IFNAME]))
			continue;
		if (fw_grow(&s->links, s->n_links, sizeof(*l)))
			return err_sys(err, ENOMEM, "cannot read the record of links");
		l = &s->links[s->n_links++];
		*l = (struct fw_link){ .ifindex = ifi->ifi_index };
		strncpy(l->name, attr_str(tb[IFLA_IFNAME]), sizeof(l->name) - 1);
	}
	if (!r || at < r->len)
		return err_set(err, EBADMSG, "the record of links is %s",
			       r ? "damaged" : "missing");
	return 0;
}

int fw_snapshot_parse(const struct capture *c, struct fw_snapshot **ret_snap, struct err *err)
{
	struct reader r = { .snap = calloc(1, sizeof(*r.snap)) };
	int ret = r.snap ? read_nft(&r, c, err) : err_sys(err, ENOMEM, "cannot read the rules");

	if (!ret)
		ret = read_legacy(r.snap, c, NFPROTO_IPV4, err);
	if (!ret)
		ret = read_legacy(r.snap, c, NFPROTO_IPV6, err);
	if (!ret)
		ret = read_links(r.snap, c, err);
	if (ret) {
		fw_snapshot_free(r.snap);
		return ret;
	}
	fw_chains_sort(r.snap);
	*ret_snap = r.snap;
	return 0;
}

int fw_snapshot_read(struct fw_snapshot **ret_snap, struct err *err)
{
	struct capture *c = capture_new("");
	int ret = c ? fw_capture(c, err) : err_sys(err, ENOMEM, "cannot read the rules");

	if (!ret)
		ret = fw_snapshot_parse(c, ret_snap, err);
	if (ret)
		capture_free(c);
	else
		(*ret_snap)->own = c;
	return ret;
}
