// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <time.h>

#include "src/tc.h"

typedef int (*tc_fn)(const struct tcmsg *tcm, const char *kind, void *data);

struct tc_dump {
	int ifindex;
	tc_fn fn;
	void *data;
};

static int on_tc(const struct nlmsghdr *nlh, void *data)
{
	const struct tc_dump *d = data;
	const struct tcmsg *tcm = mnl_nlmsg_get_payload(nlh);
	const char *kind = "";
	struct nlattr *attr;

	if (tcm->tcm_ifindex != d->ifindex)
		return MNL_CB_OK;
	mnl_attr_for_each (attr, nlh, sizeof(*tcm))
		if (mnl_attr_get_type(attr) == TCA_KIND)
			kind = mnl_attr_get_str(attr);
	d->fn(tcm, kind, d->data);
	return MNL_CB_OK;
}

static int tc_dump(int type, int ifindex, uint32_t parent, tc_fn fn, void *data, struct err *err)
{
	struct tc_dump d = { ifindex, fn, data };
	char buf[MNL_SOCKET_BUFFER_SIZE * 4];
	struct mnl_socket *nl = mnl_socket_open(NETLINK_ROUTE);
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct tcmsg *tcm;
	unsigned seq = (unsigned)time(NULL);
	ssize_t n;
	int ret = 0;

	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID)) {
		ret = err_sys(err, errno, "cannot open a netlink socket");
		goto out;
	}
	nlh->nlmsg_type = (uint16_t)type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = seq;
	tcm = mnl_nlmsg_put_extra_header(nlh, sizeof(*tcm));
	tcm->tcm_family = AF_UNSPEC;
	tcm->tcm_ifindex = ifindex;
	tcm->tcm_parent = parent;
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0) {
		ret = err_sys(err, errno, "cannot ask for TC objects");
		goto out;
	}
	do {
		n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		if (n > 0)
			n = mnl_cb_run(buf, (size_t)n, seq, mnl_socket_get_portid(nl), on_tc, &d);
	} while (n > 0);
	if (n < 0)
		ret = err_sys(err, errno, "cannot read TC objects");
out:
	if (nl)
		mnl_socket_close(nl);
	return ret;
}

static int note_qdisc(const struct tcmsg *tcm, const char *kind, void *data)
{
	int *found = data;

	if (tcm->tcm_parent == TC_H_CLSACT)
		*found = strcmp(kind, "clsact") ? -EBUSY : 1;
	return 0;
}

int tc_clsact(int ifindex, struct err *err)
{
	int found = 0;
	int ret = tc_dump(RTM_GETQDISC, ifindex, 0, note_qdisc, &found, err);

	if (ret)
		return ret;
	if (found < 0)
		return err_set(err, EBUSY,
			       "the interface has an \"ingress\" qdisc, which leaves no "
			       "room for clsact (replace it: tc qdisc replace dev IF clsact)");
	return found;
}

static int count_filter(const struct tcmsg *tcm, const char *kind, void *data)
{
	(void)kind;
	if (tcm->tcm_handle)
		++*(int *)data;
	return 0;
}

int tc_filters(int ifindex, struct err *err)
{
	int n = 0;
	int ret = tc_dump(RTM_GETTFILTER, ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
			  count_filter, &n, err);

	if (!ret)
		ret = tc_dump(RTM_GETTFILTER, ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS),
			      count_filter, &n, err);
	return ret ? ret : n;
}
