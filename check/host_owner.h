/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The processes that hold sockets, from /proc. */
#ifndef EINAT_CHECK_HOST_OWNER_H
#define EINAT_CHECK_HOST_OWNER_H

#include "check/host.h"

/**
 * host_capture_owners() - a record of who holds @h's sockets, as far as /proc lets the caller see
 * it and a bounded number of descriptors shows. Returns 0 or -ENOMEM.
 */
int host_capture_owners(struct capture *c, const struct host *h);

#endif
