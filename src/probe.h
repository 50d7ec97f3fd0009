/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this process and this kernel can do. */
#ifndef EINAT_PROBE_H
#define EINAT_PROBE_H

#include <stdbool.h>

#include "lib/err.h"

/** probe_caps() - -EPERM naming the capabilities that are missing. */
int probe_caps(struct err *err);
/** probe_coarse_clock() - whether BPF has bpf_ktime_get_coarse_ns (kernel 5.11). */
bool probe_coarse_clock(void);
/** probe_preempt_rt() - whether the kernel is a PREEMPT_RT one, where softirqs can be preempted. */
bool probe_preempt_rt(void);
/** probe_explain() - why loading failed with @errnum: names what the kernel lacks. Returns -errno.
 */
int probe_explain(int errnum, struct err *err);

#endif
