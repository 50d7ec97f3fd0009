// SPDX-License-Identifier: GPL-2.0-or-later
/* The sweep program, static bindings, local sockets, several addresses, pooling. */
#include "tests/bpf/lab_sweep.h"

#define R(x) REASON_##x

static int setup(void **state)
{
	(void)state;
	lab_open_sized(&the_lab, LAB_BINDINGS, LAB_BINDINGS);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	lab_close(&the_lab);
	return 0;
}

static void out_udp(struct lab *lab, uint32_t src, uint16_t sport, uint16_t ext_port)
{
	struct spec s = UDP(src, sport, REMOTE, 53), x = UDP(EXT, ext_port, REMOTE, 53);

	expect(lab, EINAT_OUT, &s, R(TRANSLATED), &x, "out");
}

static void expired_and_forced(void **state)
{
	struct lab *lab = &the_lab;
	struct einat_sweep w;

	(void)state;
	lab_reset(lab);
	for (uint16_t i = 0; i < 200; i++)
		out_udp(lab, LAN_A, 20030 + i, 20030 + i);
	w = lab_sweep(lab,
		      (struct einat_sweep){ .op = SWEEP_EXPIRED, .first = 20000, .count = 1000 });
	assert_int_equal(w.freed, 0);
	assert_int_equal(w.live, 200);
	assert_int_equal(w.error, 0);
	assert_int_equal(lab->ctl->now, T0);

	/* absent, and their ports rest */
	lab->ctl->now_override = T0 + T_UDP + T_REST;
	w = lab_sweep(lab,
		      (struct einat_sweep){ .op = SWEEP_EXPIRED, .first = 20000, .count = 1000 });
	assert_int_equal(w.freed, 0);
	for (unsigned port = 20000; port < 21000; port++)
		assert_int_equal(lab->held[port / 64] >> port % 64 & 1,
				 port >= 20030 && port < 20230);
	check_consistent(lab);

	lab->ctl->now_override = T0 + T_UDP + T_REST + 1;
	/* neither end of the range is a multiple of 64 */
	w = lab_sweep(lab,
		      (struct einat_sweep){ .op = SWEEP_EXPIRED, .first = 20031, .count = 102 });
	assert_int_equal(w.freed, 102);
	assert_int_equal(w.live, 0);
	assert_int_equal(lab->slots[20030].state, SLOT_LIVE);
	assert_int_equal(lab->slots[20031].state, SLOT_FREE);
	assert_int_equal(lab->slots[20132].state, SLOT_FREE);
	assert_int_equal(lab->slots[20133].state, SLOT_LIVE);
	check_consistent(lab);
	w = lab_sweep(lab, (struct einat_sweep){ .op = SWEEP_EXPIRED, .first = 20000, .count = 1 });
	assert_int_equal(w.freed + w.live, 0);

	lab->ctl->now_override = T0;
	w = lab_sweep(lab,
		      (struct einat_sweep){ .op = SWEEP_FORCE, .first = 20000, .count = 4096 });
	assert_int_equal(w.freed, 98);
	check_consistent(lab);
	w = lab_sweep(lab, (struct einat_sweep){ .op = SWEEP_FORCE, .count = SWEEP_MAX + 1 });
	assert_int_equal(w.error, -EINVAL);
	w = lab_sweep(lab, (struct einat_sweep){ .op = 77, .count = 1 });
	assert_int_equal(w.error, -EINVAL);
	/* behind the last slot: nothing there, nothing wrong */
	w = lab_sweep(lab, (struct einat_sweep){ .op = SWEEP_FORCE,
						 .first = LAB_PLANES * EINAT_PORTS - 10,
						 .count = 100 });
	assert_int_equal(w.freed + w.live, 0);
}

/* The address is gone, its entry of the configuration unused: what was bound to it is freed. */
static void lost_address(void **state)
{
	struct lab *lab = &the_lab;
	struct einat_sweep w;

	(void)state;
	lab_reset(lab);
	out_udp(lab, LAN_A, 20030, 20030);
	lab->cfg.n_ext = 0;
	memset(lab->cfg.ext, 0, sizeof(lab->cfg.ext));
	lab_apply(lab);
	w = lab_sweep(lab,
		      (struct einat_sweep){ .op = SWEEP_EXPIRED, .first = 20000, .count = 64 });
	assert_int_equal(w.freed, 1);
	check_consistent(lab);
}

/*
 * The one address has changed: the entry of the old one is not in use, that of the new one has got
 * its planes. Bindings live on for every protocol.
 */
static void changed_address(void **state)
{
	static const struct spec out[] = { UDP(LAN_A, 5000, REMOTE, 53),
					   TCP(F_SYN, LAN_A, 5000, REMOTE, 80),
					   PING(LAN_A, REMOTE, 5000) };
	struct lab *lab = &the_lab;

	(void)state;
	lab_reset(lab);
	lab->cfg.n_ext = 2;
	lab->cfg.ext[1] = lab->cfg.ext[0];
	lab->cfg.ext[1].addr = addr6(EXT2);
	lab->cfg.ext[1].gen = 2;
	lab->cfg.ext[0] = (struct einat_ext){
		.plane = { EINAT_NO_PLANE, EINAT_NO_PLANE, EINAT_NO_PLANE },
	};
	lab_apply(lab);
	for (unsigned i = 0; i < 3; i++) {
		unsigned proto = 2 - i, at = 34 + (proto == EINAT_PROTO_ICMP ? 4 : 0);
		struct frame f = build(&out[proto]);
		struct run r = run_frame(lab, EINAT_OUT, &f, 0, 0);
		unsigned port = r.out.b[at] << 8 | r.out.b[at + 1];
		struct einat_sweep w;

		assert_int_equal(r.verdict, -1);
		w = lab_sweep(lab, (struct einat_sweep){ .op = SWEEP_EXPIRED,
							 .first = proto * EINAT_PORTS + port,
							 .count = 1 });
		r = run_frame(lab, EINAT_OUT, &f, 0, 0);
		print_message("# protocol %u: the sweep frees %u fresh binding, port %u, then %u\n",
			      proto, w.freed, port, r.out.b[at] << 8 | r.out.b[at + 1]);
		assert_int_equal(w.freed, 0);
		assert_int_equal(r.out.b[at] << 8 | r.out.b[at + 1], port);
	}
}

static struct einat_sweep add(uint32_t slot, uint32_t addr, uint16_t port, unsigned proto,
			      uint32_t flags, uint32_t age)
{
	return (struct einat_sweep){
		.op = SWEEP_ADD,
		.first = slot,
		.count = 1,
		.flags = flags,
		.ep = { .addr = addr6(addr), .port = htons(port), .proto = proto },
		.age = age
	};
}

static void add_static(void **state)
{
	struct lab *lab = &the_lab;
	struct spec in = TCP(F_SYN, REMOTE, 99, EXT, 22222);
	struct spec in_x = TCP(F_SYN, REMOTE, 99, LAN_B, 22);
	struct spec out = TCP(F_SYN | F_ACK, LAN_B, 22, REMOTE, 99);
	struct spec out_x = TCP(F_SYN | F_ACK, EXT, 22222, REMOTE, 99);
	uint32_t slot = slot_no(0, EINAT_PROTO_TCP, 22222);
	struct einat_sweep w;

	(void)state;
	lab_reset(lab);
	w = lab_sweep(lab, add(slot, LAN_B, 22, EINAT_PROTO_TCP, SLOT_F_STATIC, 0));
	assert_int_equal(w.error, 0);
	expect(lab, EINAT_IN, &in, R(TRANSLATED), &in_x, "static in");
	expect(lab, EINAT_OUT, &out, R(TRANSLATED), &out_x, "static out");
	lab->ctl->now_override = T0 + 1000000;
	expect(lab, EINAT_IN, &in, R(TRANSLATED), &in_x, "never expires");
	w = lab_sweep(lab, (struct einat_sweep){ .op = SWEEP_EXPIRED, .first = slot, .count = 1 });
	assert_int_equal(w.live, 1);

	w = lab_sweep(lab, add(slot, LAN_A, 22, EINAT_PROTO_TCP, SLOT_F_STATIC, 0));
	assert_int_equal(w.error, -EEXIST); /* port */
	w = lab_sweep(lab, add(slot + 1, LAN_B, 22, EINAT_PROTO_TCP, SLOT_F_STATIC, 0));
	assert_int_equal(w.error, -EEXIST); /* endpoint */
	w = lab_sweep(lab, add(slot, LAN_B, 22, EINAT_PROTO_UDP, SLOT_F_STATIC, 0));
	assert_int_equal(w.error, -EINVAL); /* slot of another protocol */
	check_consistent(lab);
	w = lab_sweep(lab, (struct einat_sweep){ .op = SWEEP_FORCE, .first = slot, .count = 1 });
	assert_int_equal(w.freed, 1);
	expect(lab, EINAT_IN, &in, R(NO_BINDING), NULL, "removed");
	check_consistent(lab);
}

/* An adopted flow brings its age; an expired binding in its way is no hindrance. */
static void add_adopted(void **state)
{
	struct lab *lab = &the_lab;
	struct spec in = UDP(REMOTE, 53, EXT, 20500), in_x = UDP(REMOTE, 53, LAN_A, 7);
	struct einat_sweep w;

	(void)state;
	lab_reset(lab);
	w = lab_sweep(lab, add(slot_no(0, 0, 20500), LAN_A, 7, EINAT_PROTO_UDP, 0, T_UDP - 5));
	assert_int_equal(w.error, 0);
	lab->ctl->now_override = T0 + 5;
	expect(lab, EINAT_IN, &in, R(TRANSLATED), &in_x, "young enough");
	lab->ctl->now_override = T0 + 6;
	expect(lab, EINAT_IN, &in, R(NO_BINDING), NULL, "too old");
	w = lab_sweep(lab, add(slot_no(0, 0, 20500), LAN_B, 7, EINAT_PROTO_UDP, 0, 0));
	assert_int_equal(w.error, 0);
	w = lab_sweep(lab, add(slot_no(0, 0, 20501), LAN_A, 7, EINAT_PROTO_UDP, 0, 0));
	assert_int_equal(w.error, 0);
	check_consistent(lab);
}

static int bound_socket(int type, uint32_t addr, uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_port = htons(port),
				   .sin_addr.s_addr = htonl(addr) };
	int fd = socket(AF_INET, type, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 1), 0);
	return fd;
}

/* Ports of local sockets are not given: candidates are the socket's port and one other. */
static void local_sockets(void **state)
{
	struct lab *lab = &the_lab;
	struct spec udp = UDP(LAN_A, 20000, REMOTE, 53), udp_x = UDP(EXT, 20002, REMOTE, 53);
	struct spec tcp = TCP(F_SYN, LAN_A, 20000, REMOTE, 53);
	struct spec tcp_x = TCP(F_SYN, EXT, 20002, REMOTE, 53);
	struct spec in = UDP(REMOTE, 53, EXT, 20000);
	uint64_t met = count_read(lab, COUNT_SOCKET_MET);
	int u, t, l;

	(void)state;
	lab_reset(lab);
	for (unsigned proto = 0; proto < EINAT_PROTO_COUNT; proto++) {
		lab_ports(lab, 0, proto, 1, 65535, false);
		lab_ports(lab, 0, proto, 20000, 20000, true);
	}
	u = bound_socket(SOCK_DGRAM, INADDR_ANY, 20000);
	t = bound_socket(SOCK_STREAM, INADDR_ANY, 20000);
	expect(lab, EINAT_OUT, &udp, R(FULL), NULL, "the socket's port is the only one");
	assert_true(count_read(lab, COUNT_SOCKET_MET) > met);
	lab_ports(lab, 0, EINAT_PROTO_UDP, 20002, 20002, true);
	lab_ports(lab, 0, EINAT_PROTO_TCP, 20002, 20002, true);
	expect(lab, EINAT_OUT, &udp, R(TRANSLATED), &udp_x, "another port");
	expect(lab, EINAT_OUT, &tcp, R(TRANSLATED), &tcp_x, "another port");
	expect(lab, EINAT_IN, &in, R(NO_BINDING), NULL, "left to the socket");
	check_consistent(lab);
	close(t);

	/* A socket that came while the binding was expired: no revival on its port. */
	l = bound_socket(SOCK_DGRAM, INADDR_ANY, 20002);
	close(u);
	lab->ctl->now_override = T0 + T_UDP + 1;
	udp_x.sport = 20000;
	expect(lab, EINAT_OUT, &udp, R(TRANSLATED), &udp_x, "moved to the port that is free now");
	check_consistent(lab);
	close(l);
}

/* Own port kept wherever possible, all ports used exactly once until the slice is full. */
static void fill_up(void **state)
{
	struct lab *lab = &the_lab;
	static uint8_t seen[65536];
	struct spec s = UDP(LAN_A, 0, REMOTE, 53);
	unsigned same_parity = 0;

	(void)state;
	lab_reset(lab);
	memset(seen, 0, sizeof(seen));
	lab_ports(lab, 0, EINAT_PROTO_UDP, 1, 65535, false);
	lab_ports(lab, 0, EINAT_PROTO_UDP, 1000, 1127, true); /* both classes, 128 ports */
	lab_ports(lab, 0, EINAT_PROTO_UDP, 65500, 65535, true);
	for (unsigned i = 0; i < 164; i++) {
		struct frame f;
		uint16_t port;
		struct run r;

		s.sport = 30000 + i;
		f = build(&s);
		r = run_frame(lab, EINAT_OUT, &f, 0, 0);
		assert_int_equal(r.verdict, -1);
		port = r.out.b[34] << 8 | r.out.b[35];
		assert_true((port >= 1000 && port <= 1127) || port >= 65500);
		assert_int_equal(seen[port]++, 0);
		if (i < 140) /* as long as the class has ports: 140 of it */
			assert_true(port >= 1024);
		same_parity += port % 2 == s.sport % 2;
	}
	assert_true(same_parity >= 140);
	s.sport = 1;
	expect(lab, EINAT_OUT, &s, R(FULL), NULL, "full");
	check_consistent(lab);
	assert_int_equal(map_count(lab->sk->maps.by_internal), 164);
}

/* RFC 7857 section 9: a port that has to change is hard to guess, and keeps class and parity. */
static void changed_ports_are_random(void **state)
{
	struct lab *lab = &the_lab;
	struct spec s = UDP(LAN_A, 0, REMOTE, 53);
	unsigned next = 0, before = 0, upper = 0;

	(void)state;
	lab_reset(lab);
	for (unsigned i = 0; i < 200; i++) {
		unsigned port;
		struct frame f;

		s.sport = 5000 + 2 * i;
		f = build(&s);
		assert_int_equal(run_frame(lab, EINAT_OUT, &f, 0, 0).verdict, -1);
		f = run_frame(lab, EINAT_OUT, &f, 0, 0).out;
		port = f.b[34] << 8 | f.b[35];
		assert_true(port >= PORT_LO && port <= PORT_HI && port % 2 == 0);
		next += port - before <= 4;
		upper += port >= (PORT_LO + PORT_HI) / 2;
		before = port;
	}
	assert_true(next < 10);
	assert_true(upper > 50 && upper < 150);
	check_consistent(lab);
}

/* Two external addresses: a host keeps to one of them, both are used. */
static void pooling(void **state)
{
	struct lab *lab = &the_lab;
	unsigned used[2] = {};

	(void)state;
	lab_reset(lab);
	lab->cfg.n_ext = 2;
	lab_apply(lab);
	for (unsigned host = 1; host < 60; host++) {
		uint8_t first[4];

		for (unsigned i = 0; i < 3; i++) {
			struct spec s = UDP(IP4(192, 168, 1, host), 100 + i, REMOTE, 53);
			struct frame f = build(&s);
			struct run r = run_frame(lab, EINAT_OUT, &f, 0, 0);

			assert_int_equal(r.verdict, -1);
			if (!i)
				memcpy(first, r.out.b + 26, 4);
			assert_memory_equal(first, r.out.b + 26, 4);
		}
		assert_true(first[3] == 1 || first[3] == 2);
		used[first[3] - 1]++;
	}
	assert_true(used[0] > 10 && used[1] > 10);
	check_consistent(lab);
}

/* RFC 7857 section 4: no port left at its host's address: refused, not given another address. */
static void paired_address_full(void **state)
{
	struct lab *lab = &the_lab;
	struct spec s = UDP(LAN_A, 100, REMOTE, 53);
	struct frame f = build(&s);
	unsigned others = 0;
	uint8_t last = 0;

	(void)state;
	lab_reset(lab);
	lab->cfg.n_ext = 2;
	lab_ports(lab, 0, EINAT_PROTO_UDP, 1, 65535, false);
	lab_ports(lab, 0, EINAT_PROTO_UDP, 20000, 20003, true);
	lab_apply(lab);
	for (s.sport = 100; s.sport < 104; s.sport++) {
		struct run r;

		f = build(&s);
		r = run_frame(lab, EINAT_OUT, &f, 0, 0);
		assert_int_equal(r.verdict, -1);
		assert_true(!last || r.out.b[29] == last);
		last = r.out.b[29];
	}
	expect(lab, EINAT_OUT, &s, R(FULL), NULL, "the address is full");
	for (unsigned host = 100; host < 120; host++) {
		struct run r;

		s.src = IP4(192, 168, 1, host);
		f = build(&s);
		r = run_frame(lab, EINAT_OUT, &f, 0, 0);
		others += r.verdict == -1;
		assert_true(r.verdict != -1 || r.out.b[29] != last);
	}
	assert_int_equal(others, 4); /* the other address has ports all the while */
	check_consistent(lab);
}

/* Allocation alone clears the slots of expired bindings away: no sweep is run here. */
static void incremental(void **state)
{
	struct lab *lab = &the_lab;

	(void)state;
	lab_reset(lab);
	for (uint16_t i = 0; i < 1000; i++)
		out_udp(lab, LAN_A, 20000 + i, 20000 + i);
	lab->ctl->now_override = T0 + T_UDP + T_REST + 1;
	lab->ctl->hand = 20000 / 16 - 1;
	for (uint16_t i = 0; i < 70; i++)
		out_udp(lab, LAN_B, 25000 + i, 25000 + i);
	check_consistent(lab);
	assert_int_equal(map_count(lab->sk->maps.by_internal), 70);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expired_and_forced),
		cmocka_unit_test(lost_address),
		cmocka_unit_test(changed_address),
		cmocka_unit_test(add_static),
		cmocka_unit_test(add_adopted),
		cmocka_unit_test(local_sockets),
		cmocka_unit_test(fill_up),
		cmocka_unit_test(changed_ports_are_random),
		cmocka_unit_test(pooling),
		cmocka_unit_test(paired_address_full),
		cmocka_unit_test(incremental),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("sweep", tests, setup, teardown);
}
