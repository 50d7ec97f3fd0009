/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part of the plan that is about stateless prefix translation; for plan*.c and engine*.c. */
#ifndef EINAT_PLAN_NPT_H
#define EINAT_PLAN_NPT_H

#include <stdio.h>

#include "src/npt.h"

/* A pair as it is in force. */
struct plan_pair {
	struct npt_pair pair; /* of one length once the external prefix is known */
	bool known; /* false: "auto", and the interface has no prefix now */
	bool is_auto;
};

struct plan_npt_entry {
	struct net_prefix prefix;
	struct einat_npt npt;
};

struct plan_npt {
	bool on; /* the data plane translates prefixes */
	struct plan_pair *pairs;
	size_t n_pairs;
	struct plan_npt_entry *out, *in; /* of "npt_out" and "npt_in" */
	size_t n_out, n_in;
};

/** plan_npt_print() - the pairs, a line each, as comments of the plan that is printed. */
void plan_npt_print(const struct plan_npt *n, FILE *out);

#endif
