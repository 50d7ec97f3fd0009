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
	CMD_HELP, /* conf_parse() printed help or version already: exit 0 */
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

/* INTERNAL/LEN=EXTERNAL/LEN */
struct conf_npt {
	struct net_prefix internal;
	struct net_prefix external; /* len 0: that of the interface ("auto") */
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
	struct conf_slice *slices; /* at least one */
	size_t n_slices;
	struct conf_forward *forwards;
	size_t n_forwards;
	struct conf_npt *npts;
	size_t n_npts;
	char **hairpin_ifs;
	size_t n_hairpin_ifs;
	struct conf_mark inbound_mark;
	enum conf_rest rest;
	enum conf_attach attach;
	bool guard_strict, refuse_when_full;
	bool ipv6; /* NAT66 */
	bool open; /* insert the accept rule where others drop; an inbound mark is set then */
	uint32_t t_udp, t_icmp, t_tcp_open, t_tcp_close; /* seconds */
	uint32_t t_tcp_syn; /* 0: as t_tcp_close */
	uint32_t t_rest; /* of a port after its binding, seconds */
	uint32_t max_per_host[PROTO_COUNT]; /* ports of one internal host; 0: any number */
};

struct conf {
	enum conf_command command;
	struct conf_if *ifs;
	size_t n_ifs;
	char *config_path; /* NULL: none was given */
	char *pin_dir; /* never NULL after conf_parse() */
	int log_level; /* enum log_level of src/log.h */
	bool dry_run, json, purge; /* dry_run: set exactly for CMD_PLAN */
	bool force; /* run in spite of conflicts */
	/* check: */
	bool list; /* only list the codes */
	bool bare; /* nothing but the interface was named, or not even that */
	char *explain, *save_path, *from_path; /* NULL: not given */
};

/* The inbound mark of --open: a bit that no program known to einat uses, docs/findings.md. */
#define CONF_OPEN_MARK 0x10000000u

#define EINAT_VERSION "0.1.0"

/**
 * conf_parse() - argv (and the file that --config names) to @ret_conf, to be freed by conf_free().
 * 0, or -errno with @err; the caller exits 64 for -EINVAL (usage, or an error inside the file).
 * Help and version go to standard output. `run --dry-run` comes back as CMD_PLAN.
 * With no interface named, status, bindings and stats have n_ifs 0: they mean all.
 */
int conf_parse(int argc, char **argv, struct conf **ret_conf, struct err *err);
void conf_free(struct conf *c);

/** conf_uses_ipv6() - whether IPv6 is translated, by bindings or by prefixes. */
static inline bool conf_uses_ipv6(const struct conf_if *cif)
{
	return cif->ipv6 || cif->n_npts;
}

/* For the readers of the command line and of the file: grow an array by one zeroed element. */
struct conf_if *conf_add_if(struct conf *c);
struct conf_slice *conf_add_slice(struct conf_if *cif);
void conf_if_clear(struct conf_if *cif);
/** conf_slice_ports() - external ports of @s for protocol number @proto (not a PROTO_ bit), without
 * the excluded ones, into @ret_ports, which is replaced; untouched if the slice has not that
 * protocol. */
int conf_slice_ports(const struct conf_slice *s, unsigned proto, struct port_set *ret_ports);
/** conf_check_slice() - does it leave any port? conf_check_if() - what contradicts. */
int conf_check_slice(const struct conf_slice *s, struct err *err);
/** conf_check_npt() - forwards that nptv6 makes void. */
int conf_check_npt(const struct conf_if *cif, struct err *err);
int conf_check_if(const struct conf_if *cif, struct err *err);

#endif
