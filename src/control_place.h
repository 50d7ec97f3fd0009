/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where control sockets are: for control.c alone. */
#ifndef EINAT_CONTROL_PLACE_H
#define EINAT_CONTROL_PLACE_H

#include <limits.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/err.h"

struct place {
	char dir[PATH_MAX];
	struct sockaddr_un path, name; /* in the folder; abstract */
	socklen_t path_len, name_len;
};

void place_of(const char *ifname, struct place *ret_place);
/**
 * place_lock() - make the folder and lock it. A descriptor that holds the lock; -EADDRINUSE if
 * another process does; else -errno: no folder can be made here.
 */
int place_lock(const struct place *p, struct err *err);
/** place_remove() - remove socket and folder, by who holds the lock; and folders above, if empty.
 */
void place_remove(const struct place *p);

#endif
