/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the data plane hands to the daemon ("events" in bpf/abi.h), or the kernel does
 * (hairpin_relay.h), and the daemon does about it.
 */
#ifndef EINAT_SLOWPATH_H
#define EINAT_SLOWPATH_H

#include "src/conntrack.h"
#include "src/dataplane.h"
#include "src/link.h"

struct slowpath;

/* A flow was dropped since its slice is full. Original direction as the data plane saw it. */
typedef void (*slowpath_full_fn)(const struct ct_flow *flow, void *data);

/**
 * slowpath_open() - @dp and what @data points to must outlive it. @link tells where late
 * fragments are sent in again.
 */
int slowpath_open(const struct dataplane *dp, const struct link_info *link, slowpath_full_fn full,
		  void *data, struct slowpath **ret_sp, struct err *err);
void slowpath_close(struct slowpath *sp);
/** slowpath_fd() - readable when slowpath_run() has something to do. */
int slowpath_fd(const struct slowpath *sp);
/** slowpath_run() - work off what there is, without waiting. */
void slowpath_run(struct slowpath *sp);

#endif
