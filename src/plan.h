/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plan: from what the user asked for and what was observed to what is to be written. */
#ifndef EINAT_PLAN_H
#define EINAT_PLAN_H

#include "bpf/abi.h"
#include "hairpin/hairpin.h"
#include "nft/foreign.h"
#include "nft/table.h"
#include "src/config.h"
#include "src/link.h"
#include "src/owners.h"
#include "src/plan_npt.h"

/* The address of another interface, to tell whose hosts are behind it: as link_read(). */
typedef int (*plan_read_link_fn)(const char *name, struct link_info *ret_info, struct err *err);

/* What the plan is made from; all borrowed. */
struct observed {
	plan_read_link_fn read_link;
	const struct link_info *link;
	const struct foreign *foreign;
	struct owners *owners;
	const struct port_set *bound; /* [PROTO_COUNT]: ports with live bindings */
	bool no_forwarding; /* net.ipv4.ip_forward is 0 */
	bool no_forwarding6; /* net.ipv6.conf.all.forwarding is 0 */
	bool npt_suspended; /* prefixes are not claimed now */
	const unsigned *suspended; /* [slice]: PROTO_ mask that is full and not claimed now */
};

struct plan_lpm {
	struct net_prefix prefix;
	uint32_t slices;
};

struct plan_static {
	unsigned proto;
	struct net_addr to;
	uint16_t port, to_port;
};

struct plan {
	char ifname[16];
	struct nft_spec nft;
	struct hairpin_spec hairpin;
	struct einat_cfg cfg; /* all but ext[], which the engine numbers */
	bool ipv6; /* the data plane translates IPv6 too */
	struct plan_npt npt;
	struct port_set avail[EINAT_MAX_SLICES][PROTO_COUNT];
	struct plan_lpm *src, *exdst;
	size_t n_src, n_exdst;
	struct plan_static *statics;
	size_t n_statics;
	struct net_list foreign_subnets; /* left to the rest since a foreign rule names them */
	char **warnings;
	size_t n_warnings;
};

/** plan_build() - nothing of @conf is needed any more afterwards: a reload may replace it. */
int plan_build(const struct conf_if *conf, const struct observed *obs, struct plan **ret_plan,
	       struct err *err);
void plan_free(struct plan *p);

#endif
