// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "lib/rtnl.h"
#include "src/tc.h"

typedef void (*tc_fn)(const struct tcmsg *tcm, const char *kind, int *count);

struct tc_dump {
	int ifindex;
	tc_fn fn;
	int count;
};

static int on_tc(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *tb[TCA_KIND + 1];
	const struct tcmsg *tcm;
	struct tc_dump *d = data;

	if (!nlh) { /* the dump begins, perhaps again */
		d->count = 0;
		return 0;
	}
	tcm = mnl_nlmsg_get_payload(nlh);
	if (tcm->tcm_ifindex != d->ifindex)
		return 0;
	rtnl_attrs(nlh, sizeof(*tcm), tb, TCA_KIND);
	d->fn(tcm, tb[TCA_KIND] ? mnl_attr_get_str(tb[TCA_KIND]) : "", &d->count);
	return 0;
}

/* Adds to @ret_count what @fn counts. */
static int tc_dump(uint16_t type, int ifindex, uint32_t parent, tc_fn fn, int *ret_count,
		   struct err *err)
{
	struct tc_dump d = { ifindex, fn, 0 };
	char buf[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct tcmsg *tcm;
	struct rtnl *r;
	int ret = rtnl_open(&r, err);

	if (ret)
		return ret;
	nlh->nlmsg_type = type;
	tcm = mnl_nlmsg_put_extra_header(nlh, sizeof(*tcm));
	tcm->tcm_family = AF_UNSPEC;
	tcm->tcm_ifindex = ifindex;
	tcm->tcm_parent = parent;
	ret = rtnl_dump(r, nlh, on_tc, &d);
	if (ret)
		err_set(err, -ret, "cannot read the TC objects of interface %d: %s", ifindex,
			rtnl_reason(r));
	else
		*ret_count += d.count;
	rtnl_close(r);
	return ret;
}

static void note_qdisc(const struct tcmsg *tcm, const char *kind, int *count)
{
	if (tcm->tcm_parent == TC_H_CLSACT)
		*count = strcmp(kind, "clsact") ? -EBUSY : 1;
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

static void count_filter(const struct tcmsg *tcm, const char *kind, int *count)
{
	(void)kind;
	if (tcm->tcm_handle)
		++*count;
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
