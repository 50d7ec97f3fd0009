/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of the ledger of port owners share. */
#ifndef EINAT_TESTS_OWNERS_LAB_H
#define EINAT_TESTS_OWNERS_LAB_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "src/owners.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static inline struct net_addr addr(const char *s)
{
	struct net_addr a;

	assert_int_equal(net_addr_parse(s, &a), 0);
	return a;
}

/* Addresses by role. */
#define EXT    "198.51.100.1"
#define EXT2   "198.51.100.2"
#define REMOTE "203.0.113.9"
#define HOST_A "192.168.1.10"
#define HOST_B "192.168.1.20"

static inline unsigned index_of(unsigned bit)
{
	return bit == PROTO_UDP ? 0 : bit == PROTO_TCP ? 1 : 2;
}

#endif
