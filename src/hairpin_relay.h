/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ICMP errors about packets that were turned around, and this host's own about translated ones: the
 * kernel delivers them to this host, whose address they are for; here they are received, translated
 * (hairpin_error.h) and sent on.
 */
#ifndef EINAT_HAIRPIN_RELAY_H
#define EINAT_HAIRPIN_RELAY_H

#include "src/dataplane.h"
#include "src/link.h"

/*
 * What a flood may cost: messages read within a window; beyond that they wait in the kernel, and
 * what finds no room there is lost.
 */
#define HAIRPIN_RELAY_WINDOW_MS 20
#define HAIRPIN_RELAY_BURST	64
/* Messages sent on, a second: in all, and to one host (as REFUSE_RATE_ALL, REFUSE_RATE_SOURCE). */
#define HAIRPIN_RELAY_ALL    100
#define HAIRPIN_RELAY_SOURCE 20

struct hairpin_relay;

/**
 * hairpin_relay_open() - for the external addresses of @dp, which must outlive it. Nothing is sent
 * out of the interface of @link; without IPv6 there, ICMPv6 is left alone.
 * Returns 0 or -errno with @err; release it with hairpin_relay_close(), which takes NULL too.
 */
int hairpin_relay_open(const struct dataplane *dp, const struct link_info *link,
		       struct hairpin_relay **ret_relay, struct err *err);
void hairpin_relay_close(struct hairpin_relay *r);
/** hairpin_relay_fd() - readable when hairpin_relay_run() has something to do. */
int hairpin_relay_fd(const struct hairpin_relay *r);
/** hairpin_relay_run() - work off what there is, within the limits, without waiting. */
void hairpin_relay_run(struct hairpin_relay *r);

#endif
