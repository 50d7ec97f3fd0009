// SPDX-License-Identifier: GPL-2.0-or-later
/* Whether the table in the kernel still has what was written: someone may have emptied it. */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "nft/table_model.h"

struct seen {
	const char *table;
	size_t rules;
	bool table_seen, dormant;
};

static int on_table(const struct nlmsghdr *nlh, void *data)
{
	struct seen *s = data;
	struct nlattr *attr;

	s->table_seen = true;
	mnl_attr_for_each (attr, nlh, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(attr) == NFTA_TABLE_FLAGS &&
		    mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
			s->dormant = be32toh(mnl_attr_get_u32(attr)) & NFT_TABLE_F_DORMANT;
	return MNL_CB_OK;
}

/* Kernels before 4.11 do not filter a dump by table, so look at the name. */
static int on_rule(const struct nlmsghdr *nlh, void *data)
{
	struct seen *s = data;
	struct nlattr *attr;

	mnl_attr_for_each (attr, nlh, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(attr) == NFTA_RULE_TABLE &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0 &&
		    !strcmp(mnl_attr_get_str(attr), s->table))
			s->rules++;
	return MNL_CB_OK;
}

static int ask(struct mnl_socket *nl, int type, uint16_t flags, uint16_t name_attr, mnl_cb_t cb,
	       struct seen *s)
{
	char buf[MNL_SOCKET_BUFFER_SIZE * 2];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *nfg;
	ssize_t n;

	nlh->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = (uint32_t)type;
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->nfgen_family = NFPROTO_INET;
	nfg->version = NFNETLINK_V0;
	mnl_attr_put_strz(nlh, name_attr, s->table);
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	do {
		n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		if (n > 0)
			n = mnl_cb_run(buf, (size_t)n, (uint32_t)type, 0, cb, s);
	} while (n > 0);
	return n < 0 ? -errno : 0;
}

int nft_table_intact(const struct nft_spec *spec, struct err *err)
{
	struct table *t;
	struct seen s = { 0 };
	struct mnl_socket *nl;
	size_t want = 0;
	int ret = table_build(spec, &t, err);

	if (ret)
		return ret;
	s.table = t->name;
	for (size_t i = 0; i < t->n_chains; i++)
		want += t->chain[i].n;
	nl = mnl_socket_open(NETLINK_NETFILTER);
	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID))
		ret = -errno;
	if (!ret)
		ret = ask(nl, NFT_MSG_GETTABLE, NLM_F_ACK, NFTA_TABLE_NAME, on_table, &s);
	if (!ret)
		ret = ask(nl, NFT_MSG_GETRULE, NLM_F_DUMP, NFTA_RULE_TABLE, on_rule, &s);
	if (ret == -ENOENT)
		ret = 0; /* no such table: nothing was seen */
	if (ret)
		err_sys(err, -ret, "cannot look at nftables table inet %s", t->name);
	else
		ret = s.table_seen && !s.dormant && s.rules == want;
	if (nl)
		mnl_socket_close(nl);
	table_free(t);
	return ret;
}
