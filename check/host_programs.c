// SPDX-License-Identifier: GPL-2.0-or-later
/* What sees packets of an interface beside netfilter: XDP, TCX, filters of clsact or ingress. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "check/host_priv.h"

/* Kernel 6.6 and later; the headers of Debian 12 do not have them. */
#define TCX_INGRESS 46
#define TCX_EGRESS  47

#define FILTERS_MAX 20000 /* of an interface and direction */
#define TCX_MAX	    64 /* BPF_MPROG_MAX */

/* ---- capture ---------------------------------------------------------------------------- */

static int keep_qdisc(struct capture_record *r, const struct nlmsghdr *nlh, void *arg)
{
	const struct tcmsg *tcm = mnl_nlmsg_get_payload(nlh);

	(void)arg;
	return tcm->tcm_parent == TC_H_CLSACT ? capture_put_msg(r, nlh) : 0;
}

/* A filter without a handle is the head of its priority, no filter. */
static int keep_filter(struct capture_record *r, const struct nlmsghdr *nlh, void *arg)
{
	const struct tcmsg *tcm = mnl_nlmsg_get_payload(nlh);

	(void)arg;
	return tcm->tcm_handle ? capture_put_msg(r, nlh) : 0;
}

static int tc_dump(struct capture_record *r, uint16_t type, int ifindex, uint32_t parent,
		   const struct capture_nl *how, struct err *err)
{
	char buf[128];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct tcmsg *tcm = mnl_nlmsg_put_extra_header(nlh, sizeof(*tcm));
	struct rtnl *nl;
	int ret = rtnl_open(&nl, err);

	if (ret)
		return ret;
	nlh->nlmsg_type = type;
	tcm->tcm_family = AF_UNSPEC;
	tcm->tcm_ifindex = ifindex;
	tcm->tcm_parent = parent;
	ret = capture_dump(r, nl, nlh, how);
	if (ret == -ENODEV || ret == -EOPNOTSUPP) /* gone meanwhile; a kernel without TC */
		ret = 0;
	else if (ret < 0)
		err_set(err, -ret, "cannot read the TC objects: %s", rtnl_reason(nl));
	rtnl_close(nl);
	return ret;
}

static int capture_filters(struct capture *c, const struct capture_record *qdiscs, struct err *err)
{
	static const uint32_t side[] = { TC_H_MIN_INGRESS, TC_H_MIN_EGRESS };
	static const struct capture_nl how = { .max = FILTERS_MAX, .keep = keep_filter };
	struct capture_record *r = capture_add(c, REC_FILTER, "");
	const struct nlmsghdr *nlh;
	size_t at = 0;

	if (!r)
		return err_sys(err, ENOMEM, "cannot read the TC filters");
	while ((nlh = capture_msg(qdiscs, sizeof(struct tcmsg), &at))) {
		int ifindex = ((const struct tcmsg *)mnl_nlmsg_get_payload(nlh))->tcm_ifindex;
		const struct nlattr *tb[TCA_KIND + 1];
		char kind[16];

		rtnl_attrs(nlh, sizeof(struct tcmsg), tb, TCA_KIND);
		nl_string(tb[TCA_KIND], kind, sizeof(kind));
		for (unsigned i = 0; i < (strcmp(kind, "clsact") ? 1 : 2); i++) {
			int ret = tc_dump(r, RTM_GETTFILTER, ifindex,
					  TC_H_MAKE(TC_H_CLSACT, side[i]), &how, err);

			if (ret > 0)
				ret = host_gap_add(c, REC_FILTER, 0,
						   "only %d are read of each side", FILTERS_MAX);
			if (ret)
				return ret;
		}
	}
	return 0;
}

/* 0, or -errno of the kernel: -EINVAL if it has no TCX. */
static int capture_tcx(struct capture_record *r, int ifindex, bool egress)
{
	uint32_t ids[TCX_MAX], n = TCX_MAX, flags = 0;
	int ret;

	if (bpf_prog_query(ifindex, (enum bpf_attach_type)(egress ? TCX_EGRESS : TCX_INGRESS), 0,
			   &flags, ids, &n))
		return -errno;
	ret = 0;
	for (uint32_t i = 0; i < n && i < TCX_MAX && !ret; i++)
		ret = capture_printf(r, "%d %s %u\n", ifindex, egress ? "out" : "in", ids[i]);
	return ret;
}

static int capture_all_tcx(struct capture *c, const struct host *h)
{
	struct capture_record *r = capture_add(c, REC_TCX, "");
	int ret = r ? 0 : -ENOMEM;

	for (size_t i = 0; i < h->n_links && !ret; i++) {
		ret = capture_tcx(r, h->links[i].ifindex, false);
		if (!ret)
			ret = capture_tcx(r, h->links[i].ifindex, true);
		if (ret == -ENODEV) /* gone meanwhile */
			ret = 0;
	}
	if (ret == -EINVAL) /* a kernel without TCX has no such programs */
		return 0;
	if (ret && ret != -ENOMEM)
		return host_gap_add(c, REC_TCX, 0, "cannot ask for TCX programs: %s",
				    strerror(-ret));
	return ret;
}

/* Whether an earlier one is the same program. */
static bool named(const struct host *h, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (h->progs[i].id == h->progs[n].id)
			return true;
	return false;
}

static int capture_names(struct capture *c, const struct host *h)
{
	struct capture_record *r = capture_add(c, REC_PROGRAM, "");
	int ret = r ? 0 : -ENOMEM;

	for (size_t i = 0; i < h->n_progs && !ret; i++) {
		struct bpf_prog_info info = { 0 };
		uint32_t len = sizeof(info);
		int fd;

		if (!h->progs[i].id || named(h, i))
			continue;
		fd = bpf_prog_get_fd_by_id(h->progs[i].id);
		if (fd < 0)
			continue;
		if (!bpf_obj_get_info_by_fd(fd, &info, &len) && *info.name)
			ret = capture_printf(r, "%u %s\n", info.id, info.name);
		close(fd);
	}
	return ret;
}

int host_capture_programs(struct capture *c, struct err *err)
{
	static const struct capture_nl keep = { .keep = keep_qdisc };
	struct capture_record *qdiscs = capture_add(c, REC_QDISC, "");
	libbpf_print_fn_t print = libbpf_set_print(NULL);
	struct host h = { 0 };
	int ret = qdiscs ? 0 : err_sys(err, ENOMEM, "cannot read the programs");

	if (!ret)
		ret = tc_dump(qdiscs, RTM_GETQDISC, 0, 0, &keep, err);
	if (!ret)
		ret = capture_filters(c, qdiscs, err);
	if (!ret)
		ret = host_parse_net(&h, c, err);
	if (!ret) {
		ret = capture_all_tcx(c, &h);
		if (ret)
			err_sys(err, -ret, "cannot read the TCX programs");
	}
	if (!ret)
		ret = host_parse_programs(&h, c, err);
	if (!ret) {
		ret = capture_names(c, &h);
		if (ret)
			err_sys(err, -ret, "cannot read the names of programs");
	}
	libbpf_set_print(print);
	host_clear(&h);
	return ret;
}

/* ---- parse ------------------------------------------------------------------------------ */

static int on_qdisc(struct host *h, const struct nlmsghdr *nlh)
{
	const struct tcmsg *tcm = mnl_nlmsg_get_payload(nlh);
	struct host_link *l = (struct host_link *)host_link(h, tcm->tcm_ifindex);
	const struct nlattr *tb[TCA_KIND + 1];
	char kind[16];

	rtnl_attrs(nlh, sizeof(*tcm), tb, TCA_KIND);
	nl_string(tb[TCA_KIND], kind, sizeof(kind));
	if (l && tcm->tcm_parent == TC_H_CLSACT)
		l->qdisc = strcmp(kind, "clsact") ? HOST_QDISC_INGRESS : HOST_QDISC_CLSACT;
	return 0;
}

/* Until the end host_prog.order is the place in the list. */
static struct host_prog *prog_add(struct host *h, enum host_prog_kind kind, int ifindex,
				  bool egress, uint32_t id)
{
	struct host_prog *p = HOST_ADD(&h->progs, &h->n_progs);

	if (!p)
		return NULL;
	p->ifindex = ifindex;
	p->kind = kind;
	p->egress = egress;
	p->id = id;
	p->order = (unsigned)h->n_progs;
	return p;
}

/* The kernel runs the one in hardware, then the driver's, then the generic one. */
static int on_xdp(struct host *h, const struct nlmsghdr *nlh)
{
	static const unsigned modes[] = { IFLA_XDP_HW_PROG_ID, IFLA_XDP_DRV_PROG_ID,
					  IFLA_XDP_SKB_PROG_ID };
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[IFLA_XDP + 1], *xdp[IFLA_XDP_HW_PROG_ID + 1];

	rtnl_attrs(nlh, sizeof(*ifi), tb, IFLA_XDP);
	nl_nested(tb[IFLA_XDP], xdp, IFLA_XDP_HW_PROG_ID);
	for (unsigned i = 0; i < 3; i++) {
		uint32_t id = nl_u32(xdp[modes[i]], 0);

		if (id && !prog_add(h, HOST_PROG_XDP, ifi->ifi_index, false, id))
			return -ENOMEM;
	}
	return 0;
}

static int on_tcx(struct host *h, const char *record, const char *line)
{
	char side[8];
	int ifindex;
	unsigned id;

	(void)record;
	if (sscanf(line, "%d %7s %u", &ifindex, side, &id) != 3)
		return -EBADMSG;
	return prog_add(h, HOST_PROG_TCX, ifindex, !strcmp(side, "out"), id) ? 0 : -ENOMEM;
}

static int on_filter(struct host *h, const struct nlmsghdr *nlh)
{
	const struct tcmsg *tcm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[TCA_OPTIONS + 1], *bpf[TCA_BPF_MAX + 1];
	struct host_prog *p;
	char kind[16];

	rtnl_attrs(nlh, sizeof(*tcm), tb, TCA_OPTIONS);
	nl_string(tb[TCA_KIND], kind, sizeof(kind));
	if (!strcmp(kind, "u32") && !TC_U32_NODE(tcm->tcm_handle))
		return 0; /* a hash table */
	p = prog_add(h, HOST_PROG_CLSACT, tcm->tcm_ifindex,
		     TC_H_MIN(tcm->tcm_parent) == TC_H_MIN_EGRESS, 0);
	if (!p)
		return -ENOMEM;
	p->priority = tcm->tcm_info >> 16;
	p->protocol = ntohs(tcm->tcm_info & 0xffff);
	p->handle = tcm->tcm_handle;
	memcpy(p->classifier, kind, sizeof(kind));
	if (strcmp(kind, "bpf"))
		return 0;
	nl_nested(tb[TCA_OPTIONS], bpf, TCA_BPF_MAX);
	p->id = nl_u32(bpf[TCA_BPF_ID], 0);
	nl_string(bpf[TCA_BPF_NAME], p->name, sizeof(p->name));
	p->direct_action = nl_u32(bpf[TCA_BPF_FLAGS], 0) & TCA_BPF_FLAG_ACT_DIRECT;
	return 0;
}

static int id_order(const void *a, const void *b)
{
	const struct host_prog *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

/* Programs are sorted by id while names are read. */
static int on_name(struct host *h, const char *record, const char *line)
{
	struct host_prog key = { 0 }, *p;

	(void)record;
	if (sscanf(line, "%u %63s", &key.id, key.name) != 2)
		return -EBADMSG;
	p = h->n_progs ? bsearch(&key, h->progs, h->n_progs, sizeof(key), id_order) : NULL;
	while (p && p > h->progs && p[-1].id == key.id)
		p--;
	for (; p && p < h->progs + h->n_progs && p->id == key.id && !p->named; p++) {
		memcpy(p->name, key.name, sizeof(p->name));
		p->own = !strcmp(p->name, "einat_in") || !strcmp(p->name, "einat_out");
		p->named = true;
	}
	return 0;
}

static int prog_order(const void *a, const void *b)
{
	const struct host_prog *x = a, *y = b;

	if (x->ifindex != y->ifindex)
		return x->ifindex < y->ifindex ? -1 : 1;
	if (x->egress != y->egress)
		return x->egress - y->egress;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

int host_parse_programs(struct host *h, const struct capture *c, struct err *err)
{
	int ret = host_each_msg(h, c, REC_QDISC, sizeof(struct tcmsg), on_qdisc, err);

	if (!ret)
		ret = host_each_msg(h, c, REC_LINK, sizeof(struct ifinfomsg), on_xdp, err);
	if (!ret)
		ret = host_each_line(h, c, REC_TCX, on_tcx, err);
	if (!ret)
		ret = host_each_msg(h, c, REC_FILTER, sizeof(struct tcmsg), on_filter, err);
	if (ret)
		return ret;
	if (h->n_progs)
		qsort(h->progs, h->n_progs, sizeof(*h->progs), id_order);
	ret = host_each_line(h, c, REC_PROGRAM, on_name, err);
	if (h->n_progs)
		qsort(h->progs, h->n_progs, sizeof(*h->progs), prog_order);
	for (size_t i = 0; i < h->n_progs; i++) {
		struct host_prog *p = &h->progs[i];
		bool same = i && p[-1].ifindex == p->ifindex && p[-1].egress == p->egress;

		p->order = same ? p[-1].order + 1 : 0;
	}
	return ret;
}
