/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EINAT_BPF_CLOCK_H
#define EINAT_BPF_CLOCK_H

#include "bpf/maps.h"

/*
 * Seconds of CLOCK_MONOTONIC. The coarse clock costs a memory read; where the kernel lacks it,
 * the constant switch lets the verifier remove the call.
 */
static __always_inline __u32 clock_now(const struct einat_ctl *c)
{
	__u32 override = READ_ONCE(c->now_override);

	if (override)
		return override;
	if (have_coarse_clock)
		return bpf_ktime_get_coarse_ns() / 1000000000;
	return bpf_ktime_get_ns() / 1000000000;
}

/*
 * More than @timeout seconds since @then? Signed, since clocks of two CPUs may differ by a tick
 * and @then may lie in the future.
 */
static __always_inline bool clock_expired(__u32 now, __u32 then, __u32 timeout)
{
	__s32 age = now - then;

	return age > 0 && (__u32)age > timeout;
}

#endif
