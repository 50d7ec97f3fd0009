/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A configuration and what was observed, to build a plan of: for the tests of plan.h. */
#ifndef EINAT_TESTS_PLAN_LAB_H
#define EINAT_TESTS_PLAN_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/plan.h"

#define EXTERNAL  "203.0.113.2"
#define CONTAINER "172.17.0.0/16"
#define LAN	  "192.168.1.0/24"
#define HOST	  "192.168.1.77/32"

struct fixture {
	struct conf_if cif;
	struct conf_slice slice[2];
	struct link_info link;
	struct foreign foreign;
	struct foreign_snat snat[2];
	struct foreign_drop drop[1];
	struct owners *owners;
	unsigned suspended[2];
	struct observed obs;
	struct plan *plan;
};

static inline struct net_addr addr(const char *s)
{
	struct net_addr a;

	assert_int_equal(net_addr_parse(s, &a), 0);
	return a;
}

static inline void add_prefix(struct net_list *l, const char *s)
{
	struct net_prefix p;

	assert_int_equal(net_prefix_parse(s, &p), 0);
	assert_int_equal(net_list_add(l, &p), 0);
}

static inline bool has_prefix(const struct net_list *l, const char *s)
{
	struct net_prefix p;

	assert_int_equal(net_prefix_parse(s, &p), 0);
	for (size_t i = 0; i < l->n; i++)
		if (l->p[i].len == p.len && net_addr_eq(&l->p[i].addr, &p.addr))
			return true;
	return false;
}

static inline int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->cif = (struct conf_if){ .name = "wan",
				   .slices = f->slice,
				   .n_slices = 1,
				   .t_udp = 300,
				   .t_icmp = 60,
				   .t_tcp_open = 7440,
				   .t_tcp_close = 240 };
	f->slice[0].protos = PROTO_UDP;
	assert_int_equal(port_set_parse("20000-29999", &f->slice[0].ports), 0);
	f->link = (struct link_info){ .name = "wan", .ifindex = 7, .up = true, .ether = true };
	f->link.addr[0] = addr(EXTERNAL);
	f->link.n_addr = 1;
	f->foreign = (struct foreign){ .snat = f->snat, .drop = f->drop };
	f->owners = owners_new(NULL, NULL);
	f->obs = (struct observed){ .link = &f->link,
				    .foreign = &f->foreign,
				    .owners = f->owners,
				    .suspended = f->suspended };
	*state = f;
	return 0;
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;

	plan_free(f->plan);
	owners_free(f->owners);
	for (int i = 0; i < 2; i++) {
		port_set_free(&f->slice[i].ports);
		for (unsigned p = 0; p < PROTO_COUNT; p++)
			port_set_free(&f->slice[i].exclude_ports[p]);
		net_list_free(&f->slice[i].internal);
		net_list_free(&f->slice[i].exclude_dest);
		net_list_free(&f->snat[i].src);
	}
	free(f);
	return 0;
}

static inline struct plan *build(struct fixture *f)
{
	struct err err = { "" };

	plan_free(f->plan);
	f->plan = NULL;
	if (plan_build(&f->cif, &f->obs, &f->plan, &err))
		fail_msg("%s", err.text);
	return f->plan;
}

static inline bool warned(const struct plan *p, const char *part)
{
	for (size_t i = 0; i < p->n_warnings; i++)
		if (strstr(p->warnings[i], part))
			return true;
	return false;
}

/* Docker's way: `-s 172.17.0.0/16 ! -o docker0 -j MASQUERADE`. */
static inline void container_masquerade(struct fixture *f)
{
	f->snat[f->foreign.n_snat] = (struct foreign_snat){ .where = "ip nat POSTROUTING handle 7",
							    .protos = PROTO_ALL };
	add_prefix(&f->snat[f->foreign.n_snat++].src, CONTAINER);
}

static inline void router_masquerade(struct fixture *f, const char *src)
{
	f->snat[f->foreign.n_snat] = (struct foreign_snat){ .where = "ip nat post handle 3",
							    .protos = PROTO_ALL,
							    .names_iface = true };
	if (src)
		add_prefix(&f->snat[f->foreign.n_snat].src, src);
	f->foreign.n_snat++;
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
