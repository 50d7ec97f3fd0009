/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EINAT_NETNS_H
#define EINAT_NETNS_H

#include <stdbool.h>
#include <stddef.h>

/** netns_same() - is this process's namespace @what ("net", "mnt") that of process 1? */
bool netns_same(const char *what);
/**
 * netns_path() - BASE/NAME in the network namespace of process 1, else BASE/netns-N/NAME with its
 * inode number, so that interfaces of one name in several namespaces have each their own.
 */
void netns_path(const char *base, const char *name, char *ret_path, size_t size);

#endif
