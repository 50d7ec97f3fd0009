/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EINAT_DAEMON_H
#define EINAT_DAEMON_H

#include "src/config.h"

/**
 * daemon_run() - start on every interface of @conf and serve until SIGINT or SIGTERM (stop and
 * clean up) or SIGUSR2 (leave the NAT in place for the next einat). SIGHUP reads the command line
 * and the configuration file anew. Takes @conf over. Returns an exit code.
 */
int daemon_run(struct conf *conf, int argc, char **argv);

#endif
