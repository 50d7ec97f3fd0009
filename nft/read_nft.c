// SPDX-License-Identifier: GPL-2.0-or-later
/* The snapshot: nf_tables by netlink dumps, then iptables-legacy, then the links' names. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "read.h"
#include "read_attr.h"

#define READ_TRIES 3

struct reader {
	struct mnl_socket *nl;
	struct fw_snapshot *snap;
	struct fw_set *set; /* whose elements are being dumped */
	uint32_t seq;
	int err; /* of a callback, positive */
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

const char *attr_str(const struct nlattr *a)
{
	if (!a || !memchr(mnl_attr_get_payload(a), 0, mnl_attr_get_payload_len(a)))
		return NULL;
	return mnl_attr_get_payload(a);
}

static int family_of(const struct nlmsghdr *nlh)
{
	const struct nfgenmsg *g = mnl_nlmsg_get_payload(nlh);

	return g->nfgen_family;
}

static int fail(struct reader *r, int errnum)
{
	r->err = errnum;
	return MNL_CB_ERROR;
}

static int table_cb(const struct nlmsghdr *nlh, void *data)
{
	struct reader *r = data;
	ATTRS(tb, NFTA_TABLE_MAX);
	struct fw_table *t;

	attrs_parse_msg(nlh, &tb);
	if (!attr_str(tb.tb[NFTA_TABLE_NAME]))
		return MNL_CB_OK;
	t = fw_table_add(r->snap, family_of(nlh), attr_str(tb.tb[NFTA_TABLE_NAME]));
	if (!t)
		return fail(r, ENOMEM);
	t->dormant = attr_be32(tb.tb[NFTA_TABLE_FLAGS], 0) & NFT_TABLE_F_DORMANT;
	return MNL_CB_OK;
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

static int dev_add(struct fw_chain *c, const char *name)
{
	if (!name)
		return 0;
	if (fw_grow(&c->dev, c->n_dev, sizeof(*c->dev)))
		return -ENOMEM;
	c->dev[c->n_dev] = strdup(name);
	return c->dev[c->n_dev] ? (c->n_dev++, 0) : -ENOMEM;
}

static int chain_hook(struct fw_chain *c, const struct nlattr *hook)
{
	ATTRS(tb, NFTA_HOOK_MAX);
	const struct nlattr *dev;
	int ret;

	attrs_parse(hook, &tb);
	c->hook = hook_of(c->table->family, attr_be32(tb.tb[NFTA_HOOK_HOOKNUM], ~0u));
	c->priority = (int)attr_be32(tb.tb[NFTA_HOOK_PRIORITY], 0);
	ret = dev_add(c, attr_str(tb.tb[NFTA_HOOK_DEV]));
	if (ret || !tb.tb[NFTA_HOOK_DEVS])
		return ret;
	mnl_attr_for_each_nested (dev, tb.tb[NFTA_HOOK_DEVS]) {
		ret = dev_add(c, attr_str(dev));
		if (ret)
			return ret;
	}
	return 0;
}

static int chain_cb(const struct nlmsghdr *nlh, void *data)
{
	struct reader *r = data;
	ATTRS(tb, NFTA_CHAIN_MAX);
	const char *table, *name, *type;
	const struct fw_table *t;
	struct fw_chain *c;

	attrs_parse_msg(nlh, &tb);
	table = attr_str(tb.tb[NFTA_CHAIN_TABLE]);
	name = attr_str(tb.tb[NFTA_CHAIN_NAME]);
	type = attr_str(tb.tb[NFTA_CHAIN_TYPE]);
	t = table ? fw_table_find(r->snap, family_of(nlh), table) : NULL;
	if (!t || !name)
		return MNL_CB_OK;
	c = fw_chain_add(r->snap, t, name);
	if (!c)
		return fail(r, ENOMEM);
	if (!tb.tb[NFTA_CHAIN_HOOK])
		return MNL_CB_OK;
	c->nat = type && !strcmp(type, "nat");
	c->policy_drop = attr_be32(tb.tb[NFTA_CHAIN_POLICY], NF_ACCEPT) == NF_DROP;
	return chain_hook(c, tb.tb[NFTA_CHAIN_HOOK]) ? fail(r, ENOMEM) : MNL_CB_OK;
}

static int rule_cb(const struct nlmsghdr *nlh, void *data)
{
	struct reader *r = data;
	ATTRS(tb, NFTA_RULE_MAX);
	const char *table, *name;
	const struct fw_table *t;
	struct fw_chain *c;
	struct fw_rule *rule;
	uint64_t handle = 0;

	attrs_parse_msg(nlh, &tb);
	table = attr_str(tb.tb[NFTA_RULE_TABLE]);
	name = attr_str(tb.tb[NFTA_RULE_CHAIN]);
	t = table ? fw_table_find(r->snap, family_of(nlh), table) : NULL;
	c = t && name ? fw_chain_find(r->snap, t, name) : NULL;
	if (!c)
		return MNL_CB_OK;
	if (tb.tb[NFTA_RULE_HANDLE] &&
	    mnl_attr_get_payload_len(tb.tb[NFTA_RULE_HANDLE]) == sizeof(handle))
		memcpy(&handle, mnl_attr_get_payload(tb.tb[NFTA_RULE_HANDLE]), sizeof(handle));
	rule = fw_rule_add(c, be64toh(handle));
	if (!rule)
		return fail(r, ENOMEM);
	if (tb.tb[NFTA_RULE_EXPRESSIONS] &&
	    fw_lower_rule(r->snap, rule, tb.tb[NFTA_RULE_EXPRESSIONS]))
		return fail(r, ENOMEM);
	return MNL_CB_OK;
}

static int set_cb(const struct nlmsghdr *nlh, void *data)
{
	struct reader *r = data;

	return fw_set_parse(r->snap, nlh) ? fail(r, ENOMEM) : MNL_CB_OK;
}

static int elem_cb(const struct nlmsghdr *nlh, void *data)
{
	struct reader *r = data;

	return fw_elems_parse(r->snap, r->set, nlh) ? fail(r, ENOMEM) : MNL_CB_OK;
}

static int gen_cb(const struct nlmsghdr *nlh, void *data)
{
	ATTRS(tb, NFTA_GEN_MAX);

	attrs_parse_msg(nlh, &tb);
	*(uint32_t *)data = attr_be32(tb.tb[NFTA_GEN_ID], 0);
	return MNL_CB_OK;
}

static struct nlmsghdr *message(struct reader *r, char *buf, uint16_t type, int family,
				uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));

	nlh->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8) | type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = ++r->seq;
	g->nfgen_family = (uint8_t)family;
	g->version = NFNETLINK_V0;
	return nlh;
}

/* Send and run @cb on each answer. -EINTR: the kernel says that the dump is inconsistent. */
static int talk(struct reader *r, struct nlmsghdr *nlh, mnl_cb_t cb, void *data)
{
	unsigned portid = mnl_socket_get_portid(r->nl);
	static const size_t size = 1 << 16;
	ssize_t n;
	char *buf;
	int ret = 0;

	if (mnl_socket_sendto(r->nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	buf = malloc(size);
	if (!buf)
		return -ENOMEM;
	do {
		n = mnl_socket_recvfrom(r->nl, buf, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			ret = -errno;
			break;
		}
		r->err = 0;
		ret = mnl_cb_run(buf, (size_t)n, nlh->nlmsg_seq, portid, cb, data);
		if (ret < 0)
			ret = r->err ? -r->err : -errno;
	} while (n < 0 || (ret > 0 && (nlh->nlmsg_flags & NLM_F_DUMP)));
	free(buf);
	return ret < 0 ? ret : 0;
}

static int dump(struct reader *r, uint16_t type, mnl_cb_t cb)
{
	char buf[256];

	return talk(r, message(r, buf, type, AF_UNSPEC, NLM_F_DUMP), cb, r);
}

static int generation(struct reader *r, uint32_t *ret_gen)
{
	char buf[256];

	return talk(r, message(r, buf, NFT_MSG_GETGEN, AF_UNSPEC, 0), gen_cb, ret_gen);
}

static int dump_elems(struct reader *r)
{
	int ret = 0;

	for (size_t i = 0; i < r->snap->n_sets && !ret; i++) {
		char buf[1024];
		struct nlmsghdr *nlh;

		r->set = r->snap->sets[i];
		nlh = message(r, buf, NFT_MSG_GETSETELEM, r->set->table->family, NLM_F_DUMP);
		mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, r->set->table->name);
		mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, r->set->name);
		ret = talk(r, nlh, elem_cb, r);
		if (!ret)
			ret = fw_set_finish(r->set);
	}
	return ret;
}

/* One attempt. Verdicts name chains, rules name sets: hence the order. */
static int read_once(struct reader *r)
{
	uint32_t before = 0, after = 0;
	int ret = generation(r, &before);

	if (!ret)
		ret = dump(r, NFT_MSG_GETTABLE, table_cb);
	if (!ret)
		ret = dump(r, NFT_MSG_GETCHAIN, chain_cb);
	fw_chains_sort(r->snap);
	if (!ret)
		ret = dump(r, NFT_MSG_GETSET, set_cb);
	if (!ret)
		ret = dump_elems(r);
	if (!ret)
		ret = dump(r, NFT_MSG_GETRULE, rule_cb);
	if (!ret)
		ret = generation(r, &after);
	if (!ret && before != after)
		ret = -EINTR;
	return ret;
}

static int read_nft(struct fw_snapshot **ret_snap, struct err *err)
{
	/* ENOENT: an object was deleted between two dumps */
	int ret = -EINTR;

	for (int i = 0; i < READ_TRIES && (ret == -EINTR || ret == -ENOENT); i++) {
		struct reader r = { .nl = mnl_socket_open(NETLINK_NETFILTER) };

		if (!r.nl)
			return err_sys(err, errno, "cannot open a netfilter netlink socket");
		r.snap = calloc(1, sizeof(*r.snap));
		ret = r.snap ? 0 : -ENOMEM;
		if (!ret && mnl_socket_bind(r.nl, 0, MNL_SOCKET_AUTOPID) < 0)
			ret = -errno;
		if (!ret)
			ret = read_once(&r);
		mnl_socket_close(r.nl);
		if (!ret) {
			*ret_snap = r.snap;
			return 0;
		}
		fw_snapshot_free(r.snap);
	}
	if (ret == -EINTR || ret == -ENOENT)
		return err_set(err, EAGAIN,
			       "cannot read the nftables rules: they changed at every attempt (%d)",
			       READ_TRIES);
	err_sys(err, -ret, "cannot read the nftables rules");
	if (ret == -EPERM)
		err_hint(err, EPERM, "run as root or with CAP_NET_ADMIN");
	return ret;
}

static int read_links(struct fw_snapshot *s)
{
	struct if_nameindex *names = if_nameindex();
	int ret = 0;

	if (!names)
		return -errno;
	for (struct if_nameindex *n = names; n->if_index && !ret; n++) {
		ret = fw_grow(&s->links, s->n_links, sizeof(*s->links));
		if (ret)
			break;
		memset(&s->links[s->n_links], 0, sizeof(*s->links));
		s->links[s->n_links].ifindex = (int)n->if_index;
		strncpy(s->links[s->n_links].name, n->if_name, IFNAMSIZ - 1);
		s->n_links++;
	}
	if_freenameindex(names);
	return ret;
}

int fw_snapshot_read(struct fw_snapshot **ret_snap, struct err *err)
{
	struct fw_snapshot *s = NULL;
	int ret = read_nft(&s, err);

	if (ret)
		return ret;
	ret = read_links(s);
	if (ret)
		err_sys(err, -ret, "cannot list the network interfaces");
	else
		ret = legacy_read(s, err);
	if (ret) {
		fw_snapshot_free(s);
		return ret;
	}
	*ret_snap = s;
	return 0;
}
