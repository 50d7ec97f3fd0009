/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EINAT_BPF_CLOCK_H
#define EINAT_BPF_CLOCK_H

#include "bpf/maps.h"

/*
 * Nanoseconds to seconds by a multiplication, since a division costs more than the rest of the
 * clock: good to 5e-10, and to 64 bits for 30 years of uptime.
 */
static __always_inline __u32 clock_seconds(__u64 ns)
{
	return (ns >> 24) * 72057594 >> 32;
}

/*
 * Seconds of CLOCK_MONOTONIC. The coarse clock costs a memory read; where the kernel lacks it,
 * the constant switch lets the verifier remove the call.
 */
static __always_inline __u32 clock_now(const struct einat_ctl *c)
{
	__u32 override = READ_ONCE(c->now_override);

	if (override)
		return override;
	return clock_seconds(have_coarse_clock ? bpf_ktime_get_coarse_ns() : bpf_ktime_get_ns());
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
