// SPDX-License-Identifier: GPL-2.0-or-later
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/attach.h"
#include "src/log.h"
#include "src/pin.h"
#include "src/tc.h"

/* Kernel 6.6 and later; the headers of Debian 12 do not have them. */
#define TCX_INGRESS 46
#define TCX_EGRESS  47
#define LINK_TCX    11

#define PROG_OUT "einat_out"
#define PROG_IN	 "einat_in"

/* With clsact: after other programs' usual places on neither hook, so a free one. */
#define TC_PRIO	  50
#define TC_HANDLE 1

const char *attach_mode_name(enum attach_mode mode)
{
	switch (mode) {
	case ATTACHED_NONE:
		return "none";
	case ATTACHED_TCX:
		return "tcx";
	case ATTACHED_CLSACT:
		return "clsact";
	}
	return "?";
}

static bool prog_is(uint32_t id, const char *name)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(id);
	bool same;

	if (fd < 0)
		return false;
	same = !bpf_obj_get_info_by_fd(fd, &info, &len) && !strcmp(info.name, name);
	close(fd);
	return same;
}

static uint32_t tcx_find(int ifindex, int hook, const char *name)
{
	uint32_t ids[64], n = 64, flags = 0;

	if (bpf_prog_query(ifindex, (enum bpf_attach_type)hook, 0, &flags, ids, &n))
		return 0;
	for (uint32_t i = 0; i < n; i++)
		if (prog_is(ids[i], name))
			return ids[i];
	return 0;
}

/* Program ids are unique on a host, interface indexes only in a network namespace. */
static int link_of_prog(uint32_t prog_id)
{
	uint32_t id = 0;

	while (!bpf_link_get_next_id(id, &id)) {
		struct bpf_link_info info = { 0 };
		uint32_t len = sizeof(info);
		int fd = bpf_link_get_fd_by_id(id);

		if (fd < 0)
			continue;
		if (!bpf_obj_get_info_by_fd(fd, &info, &len) && info.type == LINK_TCX &&
		    info.prog_id == prog_id)
			return fd;
		close(fd);
	}
	return -1;
}

static struct bpf_tc_hook tc_hook(int ifindex, enum bpf_tc_attach_point point)
{
	return (struct bpf_tc_hook){ .sz = sizeof(struct bpf_tc_hook),
				     .ifindex = ifindex,
				     .attach_point = point };
}

static uint32_t clsact_find(int ifindex, enum bpf_tc_attach_point point, const char *name)
{
	struct bpf_tc_hook hook = tc_hook(ifindex, point);
	struct bpf_tc_opts opts = { .sz = sizeof(opts), .handle = TC_HANDLE, .priority = TC_PRIO };

	if (bpf_tc_query(&hook, &opts) || !prog_is(opts.prog_id, name))
		return 0;
	return opts.prog_id;
}

int attach_find(int ifindex, struct attachment *ret_at, struct err *err)
{
	struct attachment at = { .mode = ATTACHED_NONE, .out_link = -1, .in_link = -1 };
	int has = tc_clsact(ifindex, err);

	if (has < 0 && has != -EBUSY)
		return has;
	at.out_prog = tcx_find(ifindex, TCX_EGRESS, PROG_OUT);
	at.in_prog = tcx_find(ifindex, TCX_INGRESS, PROG_IN);
	if (at.out_prog || at.in_prog) {
		at.mode = ATTACHED_TCX;
		at.out_link = at.out_prog ? link_of_prog(at.out_prog) : -1;
		at.in_link = at.in_prog ? link_of_prog(at.in_prog) : -1;
	} else if (has == 1) {
		at.out_prog = clsact_find(ifindex, BPF_TC_EGRESS, PROG_OUT);
		at.in_prog = clsact_find(ifindex, BPF_TC_INGRESS, PROG_IN);
		if (at.out_prog || at.in_prog)
			at.mode = ATTACHED_CLSACT;
	}
	*ret_at = at;
	return 0;
}

void attachment_close(struct attachment *at)
{
	if (at->out_link >= 0)
		close(at->out_link);
	if (at->in_link >= 0)
		close(at->in_link);
	at->out_link = at->in_link = -1;
}

static const char *const pin_names[] = { "link_in", "link_out" };

static void link_pin(char buf[PATH_MAX], const char *dir, int i)
{
	snprintf(buf, PATH_MAX, "%s/%s", dir, pin_names[i]);
}

static int tcx_attach(int ifindex, const char *pin, int out_fd, int in_fd,
		      const struct attachment *old, struct err *err)
{
	const int hooks[2] = { TCX_INGRESS, TCX_EGRESS };
	const int progs[2] = { in_fd, out_fd };
	const int olds[2] = { old->in_link, old->out_link };
	int fds[2] = { -1, -1 };
	char path[PATH_MAX];
	int ret = 0;

	for (int i = 0; i < 2 && !ret; i++) {
		if (olds[i] >= 0) {
			if (bpf_link_update(olds[i], progs[i], NULL))
				ret = err_sys(err, errno, "cannot replace the TCX program on %s",
					      i ? "egress" : "ingress");
			continue;
		}
		fds[i] = bpf_link_create(progs[i], ifindex, (enum bpf_attach_type)hooks[i], NULL);
		if (fds[i] < 0) {
			/* EINVAL: kernel before 6.6 does not know the attach type */
			ret = err_sys(err, errno == EINVAL ? EOPNOTSUPP : errno,
				      "cannot attach by TCX on %s", i ? "egress" : "ingress");
			continue;
		}
		if (!pin)
			continue;
		link_pin(path, pin, i);
		unlink(path);
		if (bpf_obj_pin(fds[i], path))
			ret = err_sys(err, errno, "cannot pin the TCX link at %s", path);
	}
	if (ret && fds[0] >= 0 && pin) {
		link_pin(path, pin, 0);
		unlink(path);
	}
	if (ret && fds[1] >= 0 && pin) {
		link_pin(path, pin, 1);
		unlink(path);
	}
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return ret;
}

static int clsact_add(int ifindex, bool *ret_made, struct err *err)
{
	struct bpf_tc_hook hook = tc_hook(ifindex, BPF_TC_INGRESS | BPF_TC_EGRESS);
	int has = tc_clsact(ifindex, err);
	int ret;

	if (has < 0)
		return has;
	if (has)
		return 0;
	ret = bpf_tc_hook_create(&hook);
	if (ret == -ENOENT)
		return err_set(err, EOPNOTSUPP,
			       "the kernel lacks the clsact qdisc (CONFIG_NET_SCH_INGRESS, module "
			       "sch_ingress), needed where TCX (kernel 6.6) is not used");
	if (ret)
		return err_sys(err, -ret, "cannot add a clsact qdisc");
	*ret_made = true;
	return 0;
}

static void clsact_detach_one(int ifindex, enum bpf_tc_attach_point point)
{
	struct bpf_tc_hook hook = tc_hook(ifindex, point);
	struct bpf_tc_opts opts = { .sz = sizeof(opts), .handle = TC_HANDLE, .priority = TC_PRIO };

	bpf_tc_detach(&hook, &opts);
}

static int clsact_attach_one(int ifindex, enum bpf_tc_attach_point point, int fd, bool replace,
			     struct err *err)
{
	struct bpf_tc_hook hook = tc_hook(ifindex, point);
	struct bpf_tc_opts opts = { .sz = sizeof(opts),
				    .prog_fd = fd,
				    .flags = replace ? BPF_TC_F_REPLACE : 0,
				    .handle = TC_HANDLE,
				    .priority = TC_PRIO };
	int ret = bpf_tc_attach(&hook, &opts);

	if (ret == -EEXIST)
		return err_set(err, EEXIST, "another TC filter holds priority %d handle %d on %s",
			       TC_PRIO, TC_HANDLE, point == BPF_TC_INGRESS ? "ingress" : "egress");
	if (ret == -ENOENT && !replace)
		return err_set(err, EOPNOTSUPP,
			       "the kernel lacks BPF filters of TC (CONFIG_NET_CLS_BPF, module "
			       "cls_bpf)");
	if (ret)
		return err_sys(err, -ret, "cannot attach by clsact on %s",
			       point == BPF_TC_INGRESS ? "ingress" : "egress");
	return 0;
}

static int clsact_remove(int ifindex, bool made_clsact, struct err *err)
{
	struct bpf_tc_hook hook = tc_hook(ifindex, BPF_TC_INGRESS | BPF_TC_EGRESS);
	int left;

	if (!made_clsact)
		return 0;
	left = tc_filters(ifindex, err);
	if (left < 0)
		return left;
	if (left == 0)
		bpf_tc_hook_destroy(&hook);
	return 0;
}

static int clsact_attach(int ifindex, int out_fd, int in_fd, const struct attachment *old,
			 bool *ret_made, struct err *err)
{
	bool made = false;
	int ret = clsact_add(ifindex, &made, err);

	if (!ret)
		ret = clsact_attach_one(ifindex, BPF_TC_INGRESS, in_fd, old->in_prog, err);
	if (ret)
		goto out;
	ret = clsact_attach_one(ifindex, BPF_TC_EGRESS, out_fd, old->out_prog, err);
	if (ret && !old->in_prog)
		clsact_detach_one(ifindex, BPF_TC_INGRESS);
out:
	if (ret)
		clsact_remove(ifindex, made, NULL);
	else
		*ret_made = made;
	return ret;
}

/* Ingress is replaced first: without egress the two directions would have different bindings. */
static void put_back(int ifindex, const struct attachment *old, int prog)
{
	int ret = 0;

	if (old->mode == ATTACHED_CLSACT)
		ret = clsact_attach_one(ifindex, BPF_TC_INGRESS, prog, true, NULL);
	else if (old->in_link >= 0)
		ret = bpf_link_update(old->in_link, prog, NULL);
	if (ret)
		log_warn("the program that was on ingress cannot be put back: einat's flows do not "
			 "work until it is started anew");
}

int attach_add(int ifindex, enum attach_mode mode, const char *pin, int out_fd, int in_fd,
	       const struct attachment *old, bool *ret_made_clsact, struct err *err)
{
	/* held, since the kernel frees what is replaced */
	int was = old->in_prog ? bpf_prog_get_fd_by_id(old->in_prog) : -1;
	int ret;

	if (old->mode != ATTACHED_NONE)
		mode = old->mode;
	*ret_made_clsact = false;
	ret = mode == ATTACHED_TCX
		      ? tcx_attach(ifindex, pin, out_fd, in_fd, old, err)
		      : clsact_attach(ifindex, out_fd, in_fd, old, ret_made_clsact, err);
	if (ret && was >= 0)
		put_back(ifindex, old, was);
	if (was >= 0)
		close(was);
	return ret;
}

static int tcx_detach(int link, struct err *err)
{
	if (link >= 0 && bpf_link_detach(link) && errno != ENOLINK)
		return err_sys(err, errno, "cannot detach the TCX link");
	return 0;
}

static uint32_t link_id(int link)
{
	struct bpf_link_info info = { 0 };
	uint32_t len = sizeof(info);

	return link < 0 || bpf_obj_get_info_by_fd(link, &info, &len) ? 0 : info.id;
}

int attach_del(const char *ifname, int ifindex, bool made_clsact, struct err *err)
{
	struct attachment at = { .mode = ATTACHED_NONE, .out_link = -1, .in_link = -1 };
	int ret = ifindex ? attach_find(ifindex, &at, err) : 0;

	pin_forget(ifname, (uint32_t[]){ link_id(at.out_link), link_id(at.in_link) });
	if (ret || !ifindex)
		return ret;
	switch (at.mode) {
	case ATTACHED_NONE:
		break;
	case ATTACHED_TCX:
		ret = tcx_detach(at.out_link, err);
		if (!ret)
			ret = tcx_detach(at.in_link, err);
		break;
	case ATTACHED_CLSACT:
		if (at.out_prog)
			clsact_detach_one(ifindex, BPF_TC_EGRESS);
		if (at.in_prog)
			clsact_detach_one(ifindex, BPF_TC_INGRESS);
		break;
	}
	attachment_close(&at);
	return ret ? ret : clsact_remove(ifindex, made_clsact, err);
}
