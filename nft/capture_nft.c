// SPDX-License-Identifier: GPL-2.0-or-later
/* The capture of nf_tables: dumps that all are of one generation of the rule set. */
#include <errno.h>
#include <time.h>
#include <linux/netfilter/nf_tables.h>

#include "capture_priv.h"
#include "read_attr.h"

#define TRIES	 8
#define PAUSE_MS 5 /* after the first try; doubled each time, so at most 0.6 s in all */

static struct nlmsghdr *request(char *buf, uint16_t type, int family)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));

	nlh->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8) | type;
	g->nfgen_family = (uint8_t)family;
	g->version = NFNETLINK_V0;
	return nlh;
}

static int note_generation(const struct nlmsghdr *nlh, void *arg)
{
	ATTRS(tb, NFTA_GEN_MAX);

	attrs_parse_msg(nlh, &tb);
	*(uint32_t *)arg = attr_be32(tb.tb[NFTA_GEN_ID], 0);
	return 0;
}

static int generation(struct rtnl *nl, uint32_t *ret_gen)
{
	char buf[256];

	return rtnl_talk(nl, request(buf, NFT_MSG_GETGEN, AF_UNSPEC), note_generation, ret_gen);
}

static int dump(struct capture *c, struct rtnl *nl, const char *name, uint16_t type)
{
	static const struct capture_nl once = { .once = true };
	struct capture_record *r = capture_add(c, FW_REC_NFT, name);
	char buf[256];

	return r ? capture_dump(r, nl, request(buf, type, AF_UNSPEC), &once) : -ENOMEM;
}

/* One request for each set: the kernel has none for the elements of all. */
static int dump_elements(struct capture *c, struct rtnl *nl)
{
	static const struct capture_nl once = { .once = true };
	const struct capture_record *sets = capture_find(c, FW_REC_NFT, FW_REC_SETS);
	struct capture_record *r = capture_add(c, FW_REC_NFT, FW_REC_ELEMENTS);
	const struct nlmsghdr *set;
	size_t at = 0;
	int ret = r ? 0 : -ENOMEM;

	while (!ret && (set = capture_msg(sets, sizeof(struct nfgenmsg), &at))) {
		const struct nfgenmsg *g = mnl_nlmsg_get_payload(set);
		char buf[1024];
		struct nlmsghdr *nlh = request(buf, NFT_MSG_GETSETELEM, g->nfgen_family);
		ATTRS(tb, NFTA_SET_MAX);

		attrs_parse_msg(set, &tb);
		if (!attr_str(tb.tb[NFTA_SET_TABLE]) || !attr_str(tb.tb[NFTA_SET_NAME]))
			continue;
		if (!mnl_attr_put_strz_check(nlh, sizeof(buf), NFTA_SET_ELEM_LIST_TABLE,
					     attr_str(tb.tb[NFTA_SET_TABLE])) ||
		    !mnl_attr_put_strz_check(nlh, sizeof(buf), NFTA_SET_ELEM_LIST_SET,
					     attr_str(tb.tb[NFTA_SET_NAME])))
			return -ENAMETOOLONG;
		ret = capture_dump(r, nl, nlh, &once);
	}
	return ret;
}

/* -EINTR: the rules changed meanwhile. -ENOENT: an object was deleted between two dumps. */
static int capture_once(struct capture *c, struct rtnl *nl)
{
	uint32_t before = 0, after = 0;
	int ret = generation(nl, &before);

	if (!ret)
		ret = dump(c, nl, FW_REC_TABLES, NFT_MSG_GETTABLE);
	if (!ret)
		ret = dump(c, nl, FW_REC_CHAINS, NFT_MSG_GETCHAIN);
	if (!ret)
		ret = dump(c, nl, FW_REC_SETS, NFT_MSG_GETSET);
	if (!ret)
		ret = dump_elements(c, nl);
	if (!ret)
		ret = dump(c, nl, FW_REC_OBJECTS, NFT_MSG_GETOBJ);
	if (!ret)
		ret = dump(c, nl, FW_REC_FLOWTABLES, NFT_MSG_GETFLOWTABLE);
	if (!ret)
		ret = dump(c, nl, FW_REC_RULES, NFT_MSG_GETRULE);
	if (!ret)
		ret = generation(nl, &after);
	if (!ret && before != after)
		ret = -EINTR;
	return ret;
}

static void pause_ms(unsigned ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

static int capture_nft(struct capture *c, struct err *err)
{
	struct rtnl *nl;
	int ret = rtnl_open_other(NETLINK_NETFILTER, "netfilter", &nl, err);

	if (ret)
		return ret;
	for (unsigned i = 0; i < TRIES; i++) {
		if (i)
			pause_ms(PAUSE_MS << (i - 1));
		capture_drop(c, FW_REC_NFT);
		ret = capture_once(c, nl);
		if (ret != -EINTR && ret != -ENOENT)
			break;
	}
	if (ret == -EINTR || ret == -ENOENT)
		ret = err_set(err, EAGAIN,
			      "cannot read the nftables rules: they changed at every attempt (%d)",
			      TRIES);
	else if (ret == -EINVAL || ret == -EOPNOTSUPP) /* nfnetlink knows no such subsystem */
		ret = err_set(err, EOPNOTSUPP,
			      "cannot read the nftables rules: the kernel lacks nf_tables "
			      "(CONFIG_NF_TABLES, module nf_tables)");
	else if (ret)
		err_set(err, -ret, "cannot read the nftables rules: %s",
			ret == -ENOMEM ? "out of memory" : rtnl_reason(nl));
	if (ret == -EPERM)
		err_hint(err, EPERM, "run as root or with CAP_NET_ADMIN");
	rtnl_close(nl);
	return ret;
}

int fw_capture(struct capture *c, struct err *err)
{
	int ret = capture_nft(c, err);

	if (!ret)
		ret = legacy_capture(c, NFPROTO_IPV4, err);
	if (!ret)
		ret = legacy_capture(c, NFPROTO_IPV6, err);
	return ret ? ret : capture_links(c, err);
}
