/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control socket: abstract, "@einat:IF", one per external interface and network namespace. It
 * is also the lock against a second einat on the interface, and goes away with the process.
 * A request is one word; the answer is one JSON document.
 */
#ifndef EINAT_CONTROL_H
#define EINAT_CONTROL_H

#include "lib/err.h"

/**
 * control_listen() - descriptor, or -EADDRINUSE naming the einat that holds the interface, or
 * -EPERM if a process of another user holds the name: that is no einat.
 */
int control_listen(const char *ifname, struct err *err);
/** control_accept() - a client and its request; -EPERM for a user other than root. */
int control_accept(int listen_fd, char *request, int size);
void control_reply(int client_fd, const char *json); /* closes @client_fd */
/** control_ask() - malloc'd answer of the einat that runs on @ifname; -ENOENT: none runs. */
int control_ask(const char *ifname, const char *request, char **ret_answer, struct err *err);

#endif
