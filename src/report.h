/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `einat status`, `bindings` and `stats` show: one JSON form, from which text is made. */
#ifndef EINAT_REPORT_H
#define EINAT_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "src/dataplane.h"

json_t *report_bindings(const char *ifname, const struct dataplane *dp);
json_t *report_stats(const char *ifname, const struct dataplane *dp);

/* Text for people, from one interface's JSON. */
void report_print_status(const json_t *status, FILE *out);
void report_print_bindings(const json_t *bindings, FILE *out);
void report_print_stats(const json_t *stats, FILE *out);

#endif
