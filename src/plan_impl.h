/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the plan share; for plan*.c alone. */
#ifndef EINAT_PLAN_IMPL_H
#define EINAT_PLAN_IMPL_H

#include "src/plan.h"

/** plan_warn() - a warning for people, at the end of the plan's. 0 or -ENOMEM. */
int plan_warn(struct plan *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** plan_warn_all() - the warnings about a plan that is complete otherwise. */
int plan_warn_all(struct plan *p, const struct conf_if *c, const struct observed *obs);
/** plan_concerns() - whether a rule for that family matters to the plan. */
bool plan_concerns(const struct plan *p, bool ipv6);
/** plan_leaves() - whether what the rule @s translates is left to it. */
bool plan_leaves(const struct plan *p, const struct foreign_snat *s);
/** plan_covers() - whether some prefix of @l contains all of @p. */
bool plan_covers(const struct net_list *l, const struct net_prefix *p);
/** plan_lpm() - p->src and p->exdst, from the slices of the table. */
int plan_lpm(struct plan *p, const struct link_info *link);

/** plan_npt() - all that is about prefixes; 0 or -ENOMEM. */
int plan_npt(struct plan *p, const struct conf_if *c, const struct observed *obs);
int plan_npt_not_slice(const struct conf_if *c, struct net_list *not_internal);
bool plan_npt_uses(const struct plan *p, const struct net_prefix *prefix);
void plan_npt_clear(struct plan *p);

#endif
