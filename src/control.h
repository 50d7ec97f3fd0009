/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control socket of one external interface, by which `einat status` and the like ask the einat
 * that runs there. A request is one word; the answer is one JSON document.
 *
 * Its place is a folder, /run/einat/IF or /run/einat/netns-N/IF (src/netns.h), which only root may
 * enter, and whose lock keeps a second einat off the interface. Beside that there is an abstract
 * name, "@einat:IF": it is the network namespace's own, so it tells of an einat that sees another
 * /run. Anyone can take such a name, so only root's processes behind it are believed, and whoever
 * else holds it keeps nobody from anything.
 */
#ifndef EINAT_CONTROL_H
#define EINAT_CONTROL_H

#include <net/if.h>
#include <stddef.h>

#include "lib/err.h"

struct control;

/**
 * control_open() - hold the interface. -EADDRINUSE naming the einat that does; -EPERM if there is
 * neither a folder nor the name to be had.
 */
int control_open(const char *ifname, struct control **ret_control, struct err *err);
/** control_close() - what control_open() made is removed; NULL is fine. */
void control_close(struct control *c);
/** control_purge() - remove the folder that an einat which was killed left behind. */
void control_purge(const char *ifname);

/** control_fd() - readable when control_accept() has something to do. */
int control_fd(const struct control *c);
/** control_accept() - a client and its request; -EPERM for a user other than root. */
int control_accept(struct control *c, char *request, int size);
void control_reply(int client_fd, const char *json); /* closes @client_fd */
/** control_ask() - malloc'd answer of the einat that runs on @ifname; -ENOENT: none runs. */
int control_ask(const char *ifname, const char *request, char **ret_answer, struct err *err);

struct control_names {
	char (*name)[IF_NAMESIZE];
	size_t n;
};

/**
 * control_names() - each interface on which an einat may run in this network namespace: those that
 * exist, and those of a control socket, whoever has it, since an einat may wait for its interface.
 * control_ask() tells. Returns 0 or -ENOMEM; to be released by control_names_clear().
 */
int control_names(struct control_names *ret_names, struct err *err);
void control_names_clear(struct control_names *names);

#endif
