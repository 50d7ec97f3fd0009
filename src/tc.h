/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads about qdiscs and TC filters of one interface (rtnetlink). */
#ifndef EINAT_TC_H
#define EINAT_TC_H

#include "lib/err.h"

/** tc_clsact() - 1 if @ifindex has a clsact qdisc, 0 if not, -EBUSY with an ingress qdisc. */
int tc_clsact(int ifindex, struct err *err);
/** tc_filters() - how many filters hang on clsact's two hooks. */
int tc_filters(int ifindex, struct err *err);

#endif
