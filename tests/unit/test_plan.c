// SPDX-License-Identifier: GPL-2.0-or-later
/* From configuration and observation to the plan: pure, no kernel. */
#include "tests/unit/plan_lab.h"

static void own_without_foreign_masquerade(void **state)
{
	struct plan *p = build(*state);

	assert_int_equal(p->nft.rest, NFT_REST_OWN);
	assert_true(has_prefix(&p->nft.slices[0].internal, "0.0.0.0/0"));
	assert_int_equal(p->nft.slices[0].not_internal.n, 0);
	assert_int_equal(p->nft.slices[0].protos, PROTO_UDP);
	assert_int_equal(port_set_count(&p->avail[0][EINAT_PROTO_UDP]), 10000);
	assert_int_equal(p->avail[0][EINAT_PROTO_TCP].n, 0);
	assert_int_equal(p->n_warnings, 0);
}

static void container_subnet_stays_in_the_rest(void **state)
{
	struct fixture *f = *state;
	struct plan *p;

	container_masquerade(f);
	p = build(f);
	/* it covers nobody else, so the rest of the hosts need a masquerade */
	assert_int_equal(p->nft.rest, NFT_REST_OWN);
	assert_true(has_prefix(&p->nft.slices[0].not_internal, CONTAINER));
	assert_true(warned(p, "--internal LAN," CONTAINER));
}

static void internal_names_the_container_subnet(void **state)
{
	struct fixture *f = *state;
	struct plan *p;

	container_masquerade(f);
	add_prefix(&f->slice[0].internal, CONTAINER);
	p = build(f);
	assert_true(has_prefix(&p->nft.slices[0].internal, CONTAINER));
	assert_int_equal(p->nft.slices[0].not_internal.n, 0);
	assert_int_equal(p->n_warnings, 0);
}

static void routers_own_masquerade_is_guarded_and_owns_nothing(void **state)
{
	struct fixture *f = *state;
	struct plan *p;

	router_masquerade(f, LAN);
	container_masquerade(f);
	p = build(f);
	assert_int_equal(p->nft.rest, NFT_REST_GUARD);
	assert_true(has_prefix(&p->nft.guarded, LAN));
	assert_true(has_prefix(&p->nft.guarded, CONTAINER));
	assert_int_equal(p->nft.guarded.n, 2);
	assert_false(has_prefix(&p->nft.slices[0].not_internal, LAN));
	assert_true(has_prefix(&p->nft.slices[0].not_internal, CONTAINER));
}

/* One-to-one NAT beside a masquerade, and SNAT instead of one. */
static void hosts_with_an_address_of_their_own_are_not_guarded(void **state)
{
	struct fixture *f = *state;
	struct foreign_snat *own;
	struct plan *p;

	router_masquerade(f, LAN);
	router_masquerade(f, HOST);
	own = &f->foreign.snat[f->foreign.n_snat - 1];
	own->own_address = true;
	own->to = net_addr_from4(htonl(0xcb007163));
	p = build(f);
	for (size_t i = 0; i < p->nft.guarded.n; i++) {
		struct net_prefix host;

		assert_int_equal(net_prefix_parse(HOST, &host), 0);
		assert_false(net_prefix_contains(&p->nft.guarded.p[i], &host.addr));
	}
	assert_true(p->nft.guarded.n > 4);
	own->to = f->link.addr[0]; /* what masquerade would give, too */
	p = build(f);
	assert_true(has_prefix(&p->nft.guarded, LAN));
	assert_true(has_prefix(&p->nft.guarded, HOST));
	own->to = (struct net_addr){ 0 }; /* of a map: not known which */
	p = build(f);
	assert_false(has_prefix(&p->nft.guarded, LAN));
}

static void hairpin_masquerade_of_docker_covers_nothing(void **state)
{
	struct fixture *f = *state;

	f->snat[0] = (struct foreign_snat){ .where = "x", .names_dest = true, .protos = PROTO_ALL };
	add_prefix(&f->snat[0].src, "172.17.0.2/32");
	f->foreign.n_snat = 1;
	assert_int_equal(build(f)->nft.rest, NFT_REST_OWN);
	assert_int_equal(f->plan->nft.slices[0].not_internal.n, 0);
}

static void rest_as_asked(void **state)
{
	struct fixture *f = *state;

	router_masquerade(f, NULL);
	f->cif.rest = REST_OWN;
	assert_int_equal(build(f)->nft.rest, NFT_REST_OWN);
	f->cif.rest = REST_NONE;
	assert_int_equal(build(f)->nft.rest, NFT_REST_NONE);
	f->cif.rest = REST_GUARD;
	assert_int_equal(build(f)->nft.rest, NFT_REST_GUARD);
}

static void set_owner(struct fixture *f, enum owner_kind kind, const char *ports)
{
	struct port_set s = { 0 };

	assert_int_equal(port_set_parse(ports, &s), 0);
	assert_int_equal(owners_set(f->owners, kind, EINAT_PROTO_UDP, &s), 0);
	port_set_free(&s);
}

static void ports_of_others_are_not_given(void **state)
{
	struct fixture *f = *state;
	struct plan *p;

	set_owner(f, OWNER_SOCKET, "25000");
	set_owner(f, OWNER_DNAT, "26000-26010,80");
	assert_int_equal(port_set_parse("27000-27001", &f->slice[0].exclude_ports[0]), 0);
	p = build(f);
	assert_false(port_set_contains(&p->avail[0][0], 25000));
	assert_false(port_set_overlaps(&p->avail[0][0], 26000, 26010));
	assert_false(port_set_overlaps(&p->avail[0][0], 27000, 27001));
	assert_int_equal(port_set_count(&p->avail[0][0]), 10000 - 1 - 11 - 2);
	/* masquerade stays out of what others own, but may have what the operator excluded */
	assert_true(port_set_contains(&p->nft.kept[0], 26000));
	assert_false(port_set_contains(&p->nft.kept[0], 27000));
	/* a local socket's port is neither moved nor turned around */
	assert_true(port_set_contains(&p->nft.local[0], 25000));
	assert_int_equal(port_set_count(&p->nft.local[0]), 1);
	assert_false(port_set_contains(&p->hairpin.ports[0], 25000));
	assert_true(port_set_contains(&p->hairpin.ports[0], 26000));
}

static void nothing_is_claimed_without_a_free_port(void **state)
{
	struct fixture *f = *state;
	struct plan *p;

	set_owner(f, OWNER_DNAT, "20000-29999");
	p = build(f);
	assert_int_equal(p->nft.slices[0].protos, 0);
	assert_true(warned(p, "no udp port of the slice is free"));
}

static void suspended_protocol_is_not_claimed_but_served(void **state)
{
	struct fixture *f = *state;
	struct plan *p;

	f->slice[0].protos = PROTO_UDP | PROTO_TCP;
	f->suspended[0] = PROTO_UDP;
	p = build(f);
	assert_int_equal(p->nft.slices[0].protos, PROTO_TCP);
	assert_int_equal(p->cfg.slices[0].protos, PROTO_UDP | PROTO_TCP);
}

static void full_slice_suspends_alone_unless_another_overlaps(void **state)
{
	struct fixture *f = *state;
	struct plan *p;

	f->cif.n_slices = 2;
	f->slice[1].protos = PROTO_UDP | PROTO_TCP;
	assert_int_equal(port_set_parse("30000-30999", &f->slice[1].ports), 0);
	add_prefix(&f->slice[0].internal, LAN);
	add_prefix(&f->slice[1].internal, "10.0.0.0/8");
	f->suspended[0] = PROTO_UDP | PROTO_TCP;
	p = build(f);
	assert_int_equal(p->nft.slices[0].protos, 0);
	assert_int_equal(p->nft.slices[1].protos, PROTO_UDP | PROTO_TCP);
	/* now a flow of 192.168.1.9 would be looked for in the full slice: not claimed */
	add_prefix(&f->slice[1].internal, "192.168.1.9/32");
	p = build(f);
	assert_int_equal(p->nft.slices[1].protos, PROTO_TCP);
	/* the other way round the data plane never comes to the full one */
	f->suspended[0] = 0;
	f->suspended[1] = PROTO_UDP;
	p = build(f);
	assert_int_equal(p->nft.slices[0].protos, PROTO_UDP);
	assert_int_equal(p->nft.slices[1].protos, PROTO_TCP);
}

static void forwards_inside_are_bindings_outside_dnat(void **state)
{
	struct fixture *f = *state;
	struct conf_forward fw[] = {
		{ .proto = PROTO_UDP, .port = 20001, .to = addr("192.168.1.9"), .to_port = 5000 },
		{ .proto = PROTO_TCP, .port = 20001, .to = addr("192.168.1.9"), .to_port = 80 },
		{ .proto = PROTO_UDP, .port = 53, .to = addr("192.168.1.9"), .to_port = 53 },
	};
	struct foreign_dnat dnat[] = { { .where = "nat DOCKER", .protos = PROTO_UDP },
				       { .where = "DMZ", .protos = PROTO_ALL } };
	struct plan *p;

	f->cif.forwards = fw;
	f->cif.n_forwards = 3;
	p = build(f);
	assert_int_equal(p->n_statics, 1);
	assert_int_equal(p->statics[0].to_port, 5000);
	assert_int_equal(p->nft.n_forwards, 2);
	assert_int_equal(p->nft.forwards[0].proto, PROTO_TCP);
	assert_int_equal(p->nft.forwards[1].port, 53);
	assert_false(warned(p, "forward: "));

	/* a container's published port is one of those outside, a DMZ rule has no port */
	f->foreign.dnat = dnat;
	f->foreign.n_dnat = 2;
	assert_int_equal(port_set_add(&dnat[0].ports, 53, 53), 0);
	assert_int_equal(port_set_add(&dnat[1].ports, 1, 65535), 0);
	p = build(f);
	assert_true(warned(p, "forward: udp:53 is wanted by another rule too (nat DOCKER)"));
	assert_false(warned(p, "DMZ"));
	port_set_free(&dnat[0].ports);
	port_set_free(&dnat[1].ports);

	/* the router's own address is no inside host */
	f->foreign.n_dnat = 0;
	assert_false(warned(build(f), "leads to this host itself"));
	fw[0].to = addr(EXTERNAL);
	assert_true(warned(build(f), "leads to this host itself"));

	/* what a host begins that no slice names is not claimed */
	fw[0].to = addr("192.168.1.9");
	assert_false(warned(build(f), "no slice names"));
	for (unsigned i = 0; i < f->cif.n_slices; i++)
		add_prefix(&f->slice[i].internal, CONTAINER);
	assert_true(warned(build(f), "udp:20001 leads to 192.168.1.9, which no slice names"));
}

static void firewall_that_drops_is_warned_of(void **state)
{
	struct fixture *f = *state;

	f->drop[0] = (struct foreign_drop){ .where = "ip filter FORWARD",
					    .cause = "policy drop",
					    .xtables = true };
	f->foreign.n_drop = 1;
	assert_true(warned(build(f), "filtering will not be endpoint-independent"));
	assert_true(warned(f->plan, "--inbound-mark"));
	f->drop[0].mark_accepts = true;
	assert_int_equal(build(f)->n_warnings, 0);
}

static int container_bridge(const char *name, struct link_info *ret_info, struct err *err)
{
	(void)err;
	*ret_info = (struct link_info){ .ifindex = 3, .n_addr = 1 };
	ret_info->addr[0] = addr(strcmp(name, "docker0") ? "192.168.1.1" : "172.17.0.1");
	return 0;
}

static void drops_that_do_not_concern_the_slice_are_not_warned_of(void **state)
{
	struct fixture *f = *state;
	char *docker0[] = { "docker0" }, *lan[] = { "lan" };

	container_masquerade(f);
	f->obs.read_link = container_bridge;
	f->foreign.n_drop = 1;
	/* Docker 28: raw PREROUTING -d 172.17.0.2 ! -i docker0 -j DROP */
	f->drop[0] = (struct foreign_drop){ .where = "ip raw PREROUTING", .cause = "#1" };
	add_prefix(&f->drop[0].dst, "172.17.0.2/32");
	assert_false(warned(build(f), "filtering will not"));
	net_list_free(&f->drop[0].dst);
	add_prefix(&f->drop[0].dst, "192.168.1.9/32");
	assert_true(warned(build(f), "filtering will not"));
	net_list_free(&f->drop[0].dst);

	f->drop[0].oif = docker0;
	f->drop[0].n_oif = 1;
	assert_false(warned(build(f), "filtering will not"));
	f->drop[0].oif = lan;
	assert_true(warned(build(f), "filtering will not"));
	f->drop[0].oif_except = true;
	assert_true(warned(build(f), "filtering will not"));

	f->drop[0] = (struct foreign_drop){ .where = "x", .cause = "y", .names_src = true };
	assert_false(warned(build(f), "filtering will not"));
}

static void ports_of_live_bindings_are_kept_from_masquerade(void **state)
{
	struct fixture *f = *state;
	struct port_set bound[PROTO_COUNT] = { 0 };

	assert_int_equal(port_set_add(&bound[0], 15000, 15000), 0);
	f->obs.bound = bound;
	assert_true(port_set_contains(&build(f)->nft.kept[0], 15000));
	assert_false(port_set_contains(&f->plan->avail[0][0], 15000));
	/* a protocol that has left the slices: what is bound is kept, and nothing is claimed */
	assert_int_equal(port_set_add(&bound[1], 25000, 25000), 0);
	assert_int_equal(build(f)->nft.kept_protos, PROTO_UDP | PROTO_TCP);
	assert_true(port_set_contains(&f->plan->nft.kept[1], 25000));
	assert_int_equal(f->plan->nft.slices[0].protos, PROTO_UDP);
	assert_int_equal(f->plan->avail[0][1].n, 0);
	/* a socket that comes to a port that is bound already is moved like any other */
	set_owner(f, OWNER_SOCKET, "25000-25001");
	f->slice[0].protos = PROTO_UDP | PROTO_TCP;
	assert_int_equal(port_set_add(&bound[0], 25000, 25000), 0);
	assert_false(port_set_contains(&build(f)->nft.local[0], 25000));
	assert_true(port_set_contains(&f->plan->nft.local[0], 25001));
	port_set_free(&bound[0]);
	port_set_free(&bound[1]);
}

/* What --tcp-close-timeout said of opening sessions still holds where nothing else is said. */
static void tcp_time_outs(void **state)
{
	struct fixture *f = *state;

	f->cif.t_tcp_close = 600;
	assert_int_equal(build(f)->cfg.t_tcp_close, 600);
	assert_int_equal(f->plan->cfg.t_tcp_syn, 600);
	f->cif.t_tcp_syn = 250;
	assert_int_equal(build(f)->cfg.t_tcp_syn, 250);
	assert_int_equal(f->plan->cfg.t_tcp_close, 600);
}

static void limits_of_hosts(void **state)
{
	struct fixture *f = *state;

	f->cif.t_rest = 900;
	assert_int_equal(build(f)->cfg.t_rest, 900);
	f->cif.max_per_host[EINAT_PROTO_TCP] = 77;
	assert_int_equal(build(f)->cfg.max_per_host[EINAT_PROTO_TCP], 77);
	assert_int_equal(f->plan->cfg.max_per_host[EINAT_PROTO_UDP], 0);
}

/* While the interface is absent a reload replaces the configuration, and the plan stays. */
static void outlives_the_configuration(void **state)
{
	char name[] = "wan", lan[] = "lan", *ifs[] = { lan };
	struct fixture *f = *state;

	f->cif.name = name;
	f->cif.hairpin_ifs = ifs;
	f->cif.n_hairpin_ifs = 1;
	build(f);
	memset(name, '?', sizeof(name) - 1);
	memset(lan, '?', sizeof(lan) - 1);
	ifs[0] = NULL;
	assert_string_equal(f->plan->nft.ifname, "wan");
	assert_string_equal(f->plan->hairpin.ifname, "wan");
	assert_int_equal(f->plan->hairpin.n_in_ifs, 1);
	assert_string_equal(f->plan->hairpin.in_ifs[0], "lan");
	f->cif.n_hairpin_ifs = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(own_without_foreign_masquerade),
		T(container_subnet_stays_in_the_rest),
		T(internal_names_the_container_subnet),
		T(routers_own_masquerade_is_guarded_and_owns_nothing),
		T(hosts_with_an_address_of_their_own_are_not_guarded),
		T(hairpin_masquerade_of_docker_covers_nothing),
		T(rest_as_asked),
		T(ports_of_others_are_not_given),
		T(nothing_is_claimed_without_a_free_port),
		T(suspended_protocol_is_not_claimed_but_served),
		T(full_slice_suspends_alone_unless_another_overlaps),
		T(forwards_inside_are_bindings_outside_dnat),
		T(firewall_that_drops_is_warned_of),
		T(drops_that_do_not_concern_the_slice_are_not_warned_of),
		T(ports_of_live_bindings_are_kept_from_masquerade),
		T(tcp_time_outs),
		T(limits_of_hosts),
		T(outlives_the_configuration),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
