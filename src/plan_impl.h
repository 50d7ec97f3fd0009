/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the plan share; for plan*.c alone. */
#ifndef EINAT_PLAN_IMPL_H
#define EINAT_PLAN_IMPL_H

#include "src/plan.h"

/** plan_warn() - a warning for people, at the end of the plan's. 0 or -ENOMEM. */
int plan_warn(struct plan *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** plan_npt() - all that is about prefixes; 0 or -ENOMEM. */
int plan_npt(struct plan *p, const struct conf_if *c, const struct observed *obs);
int plan_npt_not_slice(const struct conf_if *c, struct net_list *not_internal);
void plan_npt_clear(struct plan *p);

#endif
