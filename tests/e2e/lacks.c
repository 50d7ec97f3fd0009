// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An older kernel, as far as bpf(2) tells: a library for LD_PRELOAD that answers what a kernel
 * without a feature answers. EINAT_LACKS names what it is without, one of
 *
 *   bpf         bpf(2) itself (CONFIG_BPF_SYSCALL)
 *   ringbuf     the ring buffer and its helpers (5.8)
 *   tcx         attaching by TCX (6.6)
 *   permission  to use bpf(2)
 *   memory      for maps
 *   verifier    one that accepts the programs
 *   update      memory to replace the program on egress, after that on ingress (TCX or clsact)
 *
 * libbpf calls bpf(2) through syscall(3), which is what is replaced here, and of libbpf itself
 * what puts a program into clsact.
 */
#include <bpf/libbpf.h>
#include <dlfcn.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#define TCX_INGRESS 46
#define TCX_EGRESS  47
#define PROBE_INSNS 100 /* programs that only probe are shorter, the data plane's longer */

static int lacks(const char *what)
{
	const char *e = getenv("EINAT_LACKS");

	return e && !strcmp(e, what);
}

static int calls(const union bpf_attr *a, int first, int last)
{
	const struct bpf_insn *insn = (const void *)(unsigned long)a->insns;

	for (unsigned int i = 0; i < a->insn_cnt; i++)
		if (insn[i].code == (BPF_JMP | BPF_CALL) && !insn[i].src_reg &&
		    insn[i].imm >= first && insn[i].imm <= last)
			return 1;
	return 0;
}

static int refuse_load(const union bpf_attr *a)
{
	if (lacks("ringbuf") && calls(a, BPF_FUNC_ringbuf_output, BPF_FUNC_ringbuf_query))
		return EINVAL;
	if (lacks("verifier") && a->insn_cnt > PROBE_INSNS) {
		if (a->log_buf && a->log_size)
			snprintf((char *)(unsigned long)a->log_buf, a->log_size,
				 "0: (bf) r6 = r1\nR2 unbounded memory access\n");
		return EACCES;
	}
	return 0;
}

static int updates;

static int refuse(int cmd, const union bpf_attr *a)
{
	int tcx = a->link_create.attach_type == TCX_INGRESS ||
		  a->link_create.attach_type == TCX_EGRESS;

	if (lacks("bpf"))
		return ENOSYS;
	if (lacks("permission"))
		return EPERM;
	if (cmd == BPF_MAP_CREATE && lacks("memory"))
		return ENOMEM;
	if (cmd == BPF_MAP_CREATE && lacks("ringbuf") && a->map_type == BPF_MAP_TYPE_RINGBUF)
		return EINVAL;
	if (cmd == BPF_LINK_CREATE && lacks("tcx") && tcx)
		return EINVAL;
	if (cmd == BPF_PROG_QUERY && lacks("tcx"))
		return EINVAL;
	if (cmd == BPF_LINK_UPDATE && lacks("update") && ++updates == 2)
		return ENOMEM;
	return cmd == BPF_PROG_LOAD ? refuse_load(a) : 0;
}

long syscall(long number, ...)
{
	long (*real)(long, ...) = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	long a[6];
	va_list ap;

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (number == SYS_bpf) {
		int err = refuse((int)a[0], (const void *)a[1]);

		if (err) {
			errno = err;
			return -1;
		}
	}
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int bpf_tc_attach(const struct bpf_tc_hook *hook, struct bpf_tc_opts *opts)
{
	int (*real)(const struct bpf_tc_hook *, struct bpf_tc_opts *) =
		(int (*)(const struct bpf_tc_hook *, struct bpf_tc_opts *))dlsym(RTLD_NEXT,
										 "bpf_tc_attach");

	if (lacks("update") && hook->attach_point == BPF_TC_EGRESS &&
	    opts->flags & BPF_TC_F_REPLACE)
		return -ENOMEM;
	return real(hook, opts);
}
