// SPDX-License-Identifier: GPL-2.0-or-later
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "src/probe.h"

static bool has_cap(const struct __user_cap_data_struct data[2], int cap)
{
	return data[cap / 32].effective & 1u << (cap % 32);
}

int probe_caps(struct err *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	bool net, sys;

	if (syscall(SYS_capget, &head, data))
		return err_sys(err, errno, "cannot read the capabilities of this process");
	net = has_cap(data, CAP_NET_ADMIN);
	sys = has_cap(data, CAP_SYS_ADMIN);
	if (net && sys)
		return 0;
	return err_set(err, EPERM, "missing the capability %s%s%s (run as root: sudo einat ...)",
		       net ? "" : "CAP_NET_ADMIN", !net && !sys ? " and " : "",
		       sys ? "" : "CAP_SYS_ADMIN");
}

bool probe_coarse_clock(void)
{
	return libbpf_probe_bpf_helper(BPF_PROG_TYPE_SCHED_CLS, BPF_FUNC_ktime_get_coarse_ns,
				       NULL) == 1;
}

bool probe_preempt_rt(void)
{
	struct utsname u;

	/* "#1 SMP PREEMPT_RT ...": from UTS_VERSION of the kernel's scripts/mkcompile_h */
	return !uname(&u) && strstr(u.version, "PREEMPT_RT");
}

static const struct {
	enum bpf_func_id id;
	const char *name, *since;
} helpers[] = {
	{ BPF_FUNC_ringbuf_reserve, "bpf_ringbuf_reserve", "5.8" },
	{ BPF_FUNC_redirect, "bpf_redirect", "4.2" },
	{ BPF_FUNC_l4_csum_replace, "bpf_l4_csum_replace", "4.1" },
	{ BPF_FUNC_sk_lookup_udp, "bpf_sk_lookup_udp", "4.20" },
	{ BPF_FUNC_sk_release, "bpf_sk_release", "4.20" },
	{ BPF_FUNC_skc_lookup_tcp, "bpf_skc_lookup_tcp", "5.2" },
	{ BPF_FUNC_spin_lock, "bpf_spin_lock", "5.1" },
};

static const struct {
	enum bpf_map_type type;
	const char *name, *since;
} maps[] = {
	{ BPF_MAP_TYPE_ARRAY, "array", "3.19" },
	{ BPF_MAP_TYPE_PERCPU_ARRAY, "per-CPU array", "4.6" },
	{ BPF_MAP_TYPE_HASH, "hash", "3.19" },
	{ BPF_MAP_TYPE_LRU_HASH, "LRU hash", "4.10" },
	{ BPF_MAP_TYPE_LPM_TRIE, "LPM trie", "4.11" },
	{ BPF_MAP_TYPE_RINGBUF, "ring buffer", "5.8" },
};

int probe_explain(int errnum, struct err *err)
{
	struct utsname u = { 0 };

	uname(&u);
	if (errnum == EPERM)
		return err_set(err, EPERM,
			       "the kernel does not let this process load BPF programs "
			       "(capabilities, lockdown or a seccomp filter)");
	if (errnum == ENOMEM)
		return err_set(err, ENOMEM, "not enough memory for the BPF maps");
	if (libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_SCHED_CLS, NULL) == 0)
		return err_set(err, EOPNOTSUPP,
			       "kernel %s cannot load TC programs (it needs "
			       "CONFIG_BPF_SYSCALL and CONFIG_NET_CLS_BPF)",
			       u.release);
	for (size_t i = 0; i < sizeof(maps) / sizeof(*maps); i++)
		if (libbpf_probe_bpf_map_type(maps[i].type, NULL) == 0)
			return err_set(err, EOPNOTSUPP,
				       "kernel %s has no BPF %s maps, which einat needs "
				       "(kernel %s or later has them)",
				       u.release, maps[i].name, maps[i].since);
	for (size_t i = 0; i < sizeof(helpers) / sizeof(*helpers); i++)
		if (libbpf_probe_bpf_helper(BPF_PROG_TYPE_SCHED_CLS, helpers[i].id, NULL) == 0)
			return err_set(err, EOPNOTSUPP,
				       "kernel %s lacks the BPF helper %s, which "
				       "einat needs (kernel %s or later has it)",
				       u.release, helpers[i].name, helpers[i].since);
	return err_sys(err, errnum,
		       "kernel %s did not accept the BPF programs (--log-level debug "
		       "shows what it said)",
		       u.release);
}
