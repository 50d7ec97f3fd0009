// SPDX-License-Identifier: GPL-2.0-or-later
/* Conntrack entries: what of each is kept, and how many. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "check/host_priv.h"

#define FLOWS_MAX 100000

/* No counters, time stamps, labels, helpers: those say more of people than of rules. */
static bool wanted(unsigned type)
{
	switch (type) {
	case CTA_TUPLE_ORIG:
	case CTA_TUPLE_REPLY:
	case CTA_STATUS:
	case CTA_PROTOINFO:
	case CTA_TIMEOUT:
	case CTA_MARK:
	case CTA_ID:
	case CTA_ZONE:
		return true;
	}
	return false;
}

static int keep_flow(struct capture_record *r, const struct nlmsghdr *nlh, void *arg)
{
	char buf[2048] __attribute__((aligned(8)));
	struct nlmsghdr *out = mnl_nlmsg_put_header(buf);
	const struct nlattr *a;

	(void)arg;
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(struct nfgenmsg))
		return 0;
	out->nlmsg_type = nlh->nlmsg_type;
	memcpy(mnl_nlmsg_put_extra_header(out, sizeof(struct nfgenmsg)), mnl_nlmsg_get_payload(nlh),
	       sizeof(struct nfgenmsg));
	mnl_attr_for_each (a, nlh, sizeof(struct nfgenmsg)) {
		if (!wanted(mnl_attr_get_type(a)) || out->nlmsg_len + a->nla_len + 4u > sizeof(buf))
			continue;
		memcpy(buf + out->nlmsg_len, a, a->nla_len);
		out->nlmsg_len += MNL_ALIGN(a->nla_len);
	}
	return capture_put_msg(r, out);
}

/* How many entries this network namespace has; 0: not known. */
static uint64_t count(void)
{
	int fd = open("/proc/sys/net/netfilter/nf_conntrack_count", O_RDONLY | O_CLOEXEC);
	char text[32] = "";

	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	return strtoull(text, NULL, 10);
}

int host_capture_flows(struct capture *c, struct err *err)
{
	static const struct capture_nl how = { .max = FLOWS_MAX, .keep = keep_flow };
	char req[CT_MSG_MAX] __attribute__((aligned(8)));
	struct capture_record *r = capture_add(c, REC_FLOW, "");
	struct rtnl *nl;
	uint64_t all;
	int ret;

	if (!r)
		return err_sys(err, ENOMEM, "cannot read the connections");
	ret = rtnl_open_other(NETLINK_NETFILTER, "netfilter", &nl, err);
	if (ret)
		return ret;
	ret = capture_dump(r, nl, ct_msg_dump(req, AF_UNSPEC), &how);
	if (ret > 0) {
		all = count();
		ret = host_gap_add(c, REC_FLOW, all > FLOWS_MAX ? all - FLOWS_MAX : 0,
				   "only %d connections are read", FLOWS_MAX);
	} else if (ret < 0 && ret != -ENOMEM) {
		ret = host_gap_add(c, REC_FLOW, 0, "cannot read the connections: %s",
				   rtnl_reason(nl));
	}
	rtnl_close(nl);
	return ret ? err_sys(err, -ret, "cannot read the connections") : 0;
}
