/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The setters of the option table: text to values, with a message for every way to be wrong. */
#ifndef EINAT_OPTION_SET_H
#define EINAT_OPTION_SET_H

#include "src/options.h"

#define OPT_SETTER(name)                                                                           \
	int name(struct opt_ctx *x, const struct opt *o, const char *arg, struct err *err)

/** opt_each_item() - call @fn for each item of a comma list, blanks around it removed. */
typedef int (*opt_item_fn)(void *data, char *item, struct err *err);
int opt_each_item(const char *text, opt_item_fn fn, void *data, struct err *err);
/** opt_port() - "1".."65535" into @ret_port. */
int opt_port(const char *s, uint16_t *ret_port, struct err *err);
/** opt_add_range() - one "A" or "A-B" into @set; @what (may be "") ends "given twice" messages. */
int opt_add_range(struct port_set *set, const char *item, const char *what, struct err *err);
int opt_protos(const char *text, unsigned *ret_mask, struct err *err);
int opt_nomem(struct err *err);

OPT_SETTER(set_interface);
OPT_SETTER(set_proto);
OPT_SETTER(set_ports);
OPT_SETTER(set_internal);
OPT_SETTER(set_exclude_dest);
OPT_SETTER(set_exclude_ports);
OPT_SETTER(set_mark);
OPT_SETTER(set_inbound_mark);
OPT_SETTER(set_forward);
OPT_SETTER(set_hairpin_if);
OPT_SETTER(set_rest);
OPT_SETTER(set_guard);
OPT_SETTER(set_when_full);
OPT_SETTER(set_attach);
OPT_SETTER(set_log_level);
OPT_SETTER(set_udp_timeout);
OPT_SETTER(set_icmp_timeout);
OPT_SETTER(set_tcp_open_timeout);
OPT_SETTER(set_tcp_syn_timeout);
OPT_SETTER(set_reuse_after);
OPT_SETTER(set_max_ports_per_host);
OPT_SETTER(set_tcp_close_timeout);
OPT_SETTER(set_pin);
OPT_SETTER(set_config);
OPT_SETTER(set_dry_run);
OPT_SETTER(set_ipv6);
OPT_SETTER(set_nptv6);
OPT_SETTER(set_json);
OPT_SETTER(set_purge);
OPT_SETTER(set_open);
OPT_SETTER(set_force);
OPT_SETTER(set_save);
OPT_SETTER(set_from);
OPT_SETTER(set_list);
OPT_SETTER(set_explain);
OPT_SETTER(set_help);
OPT_SETTER(set_version);

#endif
