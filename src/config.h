/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the user asked for: command line and configuration file. Nothing here asks the kernel. */
#ifndef EINAT_CONFIG_H
#define EINAT_CONFIG_H

#include <stdio.h>

#include "lib/err.h"
#include "lib/net.h"
#include "lib/ports.h"

enum conf_command {
	CMD_RUN,
	CMD_CHECK,
	CMD_PLAN,
	CMD_STATUS,
	CMD_BINDINGS,
	CMD_STATS,
	CMD_STOP,
	CMD_HELP,    /* conf_parse() printed help or version already: exit 0 */
};

enum conf_rest { REST_AUTO, REST_OWN, REST_GUARD, REST_NONE };
enum conf_attach { ATTACH_AUTO, ATTACH_TCX, ATTACH_CLSACT };

struct conf_mark {
	uint32_t value, mask; /* mask 0: not set */
};

/* PROTO:PORT=ADDR[:PORT] */
struct conf_forward {
	unsigned proto; /* one PROTO_ bit: UDP or TCP */
	uint16_t port, to_port;
	struct net_addr to;
};

struct conf_slice {
	unsigned protos;
	struct port_set ports;
	struct net_list internal; /* empty: every source, see DESIGN vocabulary */
	struct net_list exclude_dest;
	struct port_set exclude_ports[PROTO_COUNT];
	struct conf_mark mark;
};

struct conf_if {
	char *name;
	struct conf_slice *slices;
	size_t n_slices;
	struct conf_forward *forwards;
	size_t n_forwards;
	char **hairpin_ifs;
	size_t n_hairpin_ifs;
	struct conf_mark inbound_mark;
	enum conf_rest rest;
	enum conf_attach attach;
	bool guard_strict, refuse_when_full;
	uint32_t t_udp, t_icmp, t_tcp_open, t_tcp_trans; /* seconds */
};

struct conf {
	enum conf_command command;
	struct conf_if *ifs;
	size_t n_ifs;
	char *pin_dir; /* NULL: the default */
	int log_level; /* enum log_level of src/log.h */
	bool dry_run, json, purge;
};

/** conf_parse() - argv to @ret_conf. 0, or -errno with @err; the caller exits 64 for -EINVAL. */
int conf_parse(int argc, char **argv, struct conf **ret_conf, struct err *err);
void conf_free(struct conf *c);

#endif
