/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands that look at, or end, what runs on an interface. */
#ifndef EINAT_SHOW_H
#define EINAT_SHOW_H

#include "lib/err.h"
#include "src/config.h"

/** show() - status, bindings or stats: asks the einat that runs, else reads its data plane. */
int show(const struct conf *conf, struct err *err);
/** show_stop() - end the einat that runs on @ifname; removes what is left of one that does not. */
int show_stop(const struct conf *conf, const char *ifname, struct err *err);

#endif
