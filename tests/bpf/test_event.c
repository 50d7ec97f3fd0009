// SPDX-License-Identifier: GPL-2.0-or-later
/* What the data plane hands to the daemon: content, limits, and late fragments sent in again. */
#include <time.h>

#include "tests/bpf/harness.h"

#define R(x)	REASON_##x
#define MF	0x2000
#define AT(off) ((off) / 8)
#define UDP_OF(l, s, sp, d, dp, ...)                                                               \
	{                                                                                          \
		.proto = IPPROTO_UDP, .src = s, .sport = sp, .dst = d, .dport = dp, .len = l,      \
		__VA_ARGS__                                                                        \
	}

struct events {
	struct ring_buffer *ring;
	unsigned n, bytes;
	struct einat_event last;
	uint8_t packet[EVENT_PACKET_MAX];
};

static int on_event(void *data, void *record, size_t size)
{
	struct events *ev = data;
	const struct einat_event *e = record;

	assert_true(size >= sizeof(*e) && e->len <= size - sizeof(*e));
	assert_true(e->len <= sizeof(ev->packet));
	ev->n++;
	ev->bytes += e->len;
	ev->last = *e;
	memcpy(ev->packet, e + 1, e->len);
	return 0;
}

static struct lab *lab_now(void)
{
	return as_ip6 ? &the_lab6 : &the_lab;
}

static struct events events_open(const struct lab *lab)
{
	struct events ev = { 0 };

	/* what an earlier case left is read, too */
	ev.ring = ring_buffer__new(bpf_map__fd(lab->sk->maps.events), on_event, &ev, NULL);
	assert_non_null(ev.ring);
	ring_buffer__consume(ev.ring);
	ring_buffer__free(ev.ring);
	return (struct events){ 0 };
}

static void events_read(const struct lab *lab, struct events *ev)
{
	ev->ring = ring_buffer__new(bpf_map__fd(lab->sk->maps.events), on_event, ev, NULL);
	assert_non_null(ev->ring);
	assert_true(ring_buffer__consume(ev->ring) >= 0);
	ring_buffer__free(ev->ring);
}

/* A new window of the limit begins. */
static void next_window(void)
{
	const struct timespec t = { .tv_nsec = 2 << EVENT_WINDOW_SHIFT };

	nanosleep(&t, NULL);
}

static void one_port(struct lab *lab, bool refuse)
{
	struct spec first = UDP(LAN_A, 5, REMOTE, 53), out = UDP(EXT, 20000, REMOTE, 53);

	lab_reset(lab);
	for (unsigned proto = 0; proto < EINAT_PROTO_COUNT; proto++) {
		lab_ports(lab, 0, proto, PORT_LO, PORT_HI, false);
		lab_ports(lab, 0, proto, 20000, 20000, true);
	}
	lab->cfg.flags = refuse ? CFG_F_WHEN_FULL_REFUSE : 0;
	lab_apply(lab);
	expect(lab, EINAT_OUT, &first, R(TRANSLATED), &out, "the only port");
}

/* @header: bytes of the packet before layer 4 */
static void check_full(struct lab *lab, const struct spec *s, unsigned header, bool refuse)
{
	struct events ev = events_open(lab);
	struct frame f = build(s);
	int reason = refuse ? R(REFUSED) : R(FULL);
	unsigned len = header + 8;

	if (as_ip6)
		len = f.n - 14 < EVENT_HEAD6_MAX ? f.n - 14 : EVENT_HEAD6_MAX;

	next_window();
	expect(lab, EINAT_OUT, s, reason, NULL, "full");
	events_read(lab, &ev);
	assert_int_equal(ev.n, 1);
	assert_int_equal(ev.last.kind, refuse ? EVENT_REFUSED : EVENT_FULL);
	assert_int_equal(ev.last.ingress_ifindex, 0);
	assert_int_equal(ev.last.l4, header);
	assert_int_equal(ev.last.proto, EINAT_PROTO_UDP);
	assert_int_equal(ev.last.len, len);
	assert_memory_equal(ev.packet, f.b + 14, ev.last.len);
}

static void full_slice_tells(void **state)
{
	struct spec udp = UDP(LAN_B, 5, REMOTE, 53), big = UDP_OF(1400, LAN_B, 5, REMOTE, 53);
	struct spec options = UDP(LAN_B, 5, REMOTE, 53, .options = 40);

	(void)state;
	for (int refuse = 0; refuse < 2; refuse++) {
		one_port(&the_lab, refuse);
		check_full(&the_lab, &udp, 20, refuse);
		check_full(&the_lab, &big, 20, refuse);
		check_full(&the_lab, &options, 60, refuse);
	}
}

static void full_slice6_tells(void **state)
{
	struct spec udp = UDP(LAN_B, 5, REMOTE, 53), big = UDP_OF(1400, LAN_B, 5, REMOTE, 53);
	struct spec ext = UDP(LAN_B, 5, REMOTE, 53, .ext = "hD");
	struct spec first = UDP(LAN_B, 5, REMOTE, 53, .frag = MF);

	(void)state;
	for (int refuse = 0; refuse < 2; refuse++) {
		one_port(&the_lab6, refuse);
		check_full(&the_lab6, &udp, 40, refuse);
		check_full(&the_lab6, &big, 40, refuse);
		check_full(&the_lab6, &ext, 88, refuse);
		check_full(&the_lab6, &first, 48, refuse);
	}
}

/* A host at its limit is told, whatever happens when the slice is full. */
static void host_limit_tells(void **state)
{
	struct spec udp = UDP(LAN_A, 6, REMOTE, 53);
	struct lab *lab = &the_lab;
	struct events ev;

	(void)state;
	for (int refuse = 0; refuse < 2; refuse++) {
		one_port(lab, refuse);
		lab_ports(lab, 0, EINAT_PROTO_UDP, PORT_LO, PORT_HI, true);
		lab->cfg.max_per_host[EINAT_PROTO_UDP] = 1;
		lab_apply(lab);
		ev = events_open(lab);
		next_window();
		expect(lab, EINAT_OUT, &udp, R(HOST_LIMIT), NULL, "limit");
		events_read(lab, &ev);
		assert_int_equal(ev.n, 1);
		assert_int_equal(ev.last.kind, EVENT_REFUSED);
	}
}

/* What is translated, and an error that finds no binding: none is refused one. */
static void what_tells_nothing(void **state)
{
	struct spec unknown = UDP(REMOTE, 53, LAN_B, 5),
		    err = ICMP_ERR(3, 3, LAN_B, REMOTE, &unknown);
	struct spec first = UDP(LAN_A, 5, REMOTE2, 53), out = UDP(EXT, 20000, REMOTE2, 53);
	struct spec in = UDP(REMOTE, 1, EXT, 20000), in_x = UDP(REMOTE, 1, LAN_A, 5);
	struct events ev;

	(void)state;
	one_port(&the_lab, true);
	ev = events_open(&the_lab);
	expect(&the_lab, EINAT_OUT, &first, R(TRANSLATED), &out, "out");
	expect(&the_lab, EINAT_IN, &in, R(TRANSLATED), &in_x, "in");
	expect(&the_lab, EINAT_OUT, &err, R(GUARD), NULL, "error");
	events_read(&the_lab, &ev);
	assert_int_equal(ev.n, 0);
}

static void flood_is_bounded(struct lab *lab, enum einat_dir dir, const struct spec *s, int reason,
			     unsigned burst)
{
	struct events ev = events_open(lab);
	struct timespec a, b;
	double windows;

	next_window();
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < 2000; i++)
		expect(lab, dir, s, reason, NULL, "flood");
	clock_gettime(CLOCK_MONOTONIC, &b);
	events_read(lab, &ev);
	windows = ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) /
			  (1 << EVENT_WINDOW_SHIFT) +
		  2;
	assert_true(ev.n >= burst);
	/* the thread may move between CPUs, each of which has a limit of its own */
	assert_true(ev.n <= windows * burst * libbpf_num_possible_cpus());
	assert_true(ev.n * (sizeof(struct einat_event) + 8) + ev.bytes <= EVENT_RING);
}

static void floods_are_bounded(void **state)
{
	struct spec udp = UDP(LAN_B, 5, REMOTE, 53);
	struct spec frag = UDP_OF(1480, REMOTE, 53, EXT, 20000, .id = 7, .frag = AT(1480));

	(void)state;
	one_port(&the_lab, true);
	flood_is_bounded(&the_lab, EINAT_OUT, &udp, R(REFUSED), EVENT_BURST_FULL);
	flood_is_bounded(&the_lab, EINAT_IN, &frag, R(FRAG_UNKNOWN), EVENT_BURST_LATE);
	/* notes of first fragments are not pushed out by it */
	assert_int_equal(map_count(the_lab.sk->maps.frags), 0);
}

/* The second fragment comes first: passed on, copied; sent in again once the first one is known. */
static void late_fragment(void **state)
{
	struct lab *lab = lab_now();
	struct spec out = UDP(LAN_A, 20100, REMOTE, 53), out_x = UDP(EXT, 20100, REMOTE, 53);
	struct spec first = UDP_OF(1472, REMOTE2, 9, EXT, 20100, .id = 7, .frag = MF);
	struct spec first_x = UDP_OF(1472, REMOTE2, 9, LAN_A, 20100, .id = 7, .frag = MF);
	struct spec late = UDP_OF(777, REMOTE2, 9, EXT, 20100, .id = 7, .frag = AT(1480));
	struct spec late_x = UDP_OF(777, REMOTE2, 9, LAN_A, 20100, .id = 7, .frag = AT(1480));
	struct spec other = UDP_OF(777, REMOTE2, 9, EXT, 20100, .id = 8, .frag = AT(1480));
	struct frame f = build(&late), padded = f;
	struct events ev;

	(void)state;
	lab_reset(lab);
	next_window();
	expect(lab, EINAT_OUT, &out, R(TRANSLATED), &out_x, "binding");
	ev = events_open(lab);
	padded.n += 10; /* what follows the datagram is not of it */
	expect_frame(lab, EINAT_IN, &padded, R(FRAG_UNKNOWN), NULL, 0, 0, "late one");
	events_read(lab, &ev);
	assert_int_equal(ev.n, 1);
	assert_int_equal(ev.last.kind, EVENT_LATE_FRAGMENT);
	assert_int_equal(ev.last.len, f.n - 14);
	assert_memory_equal(ev.packet, f.b + 14, f.n - 14);

	/* no note yet: not turned around */
	expect(lab, EINAT_OUT, &late, R(FRAG_UNKNOWN), NULL, "sent out before the first");
	expect(lab, EINAT_IN, &first, R(TRANSLATED), &first_x, "first one");
	expect(lab, EINAT_OUT, &late, R(LATE_FRAGMENT), NULL, "sent out again");
	expect(lab, EINAT_IN, &late, R(FRAGMENT), &late_x, "and in");
	expect(lab, EINAT_OUT, &other, R(FRAG_UNKNOWN), NULL, "another datagram's");
	/* an old note counts no more */
	lab->ctl->now_override = T0 + T_FRAG + 1;
	expect(lab, EINAT_OUT, &late, R(FRAG_UNKNOWN), NULL, "after its time");
}

/* Only what this host sends, as the daemon does, is sent in again; not what somebody forwards. */
static void forwarded_is_not_late(void **state)
{
	struct lab *lab = lab_now();
	struct spec out = UDP(LAN_A, 20100, REMOTE, 53), out_x = UDP(EXT, 20100, REMOTE, 53);
	struct spec first = UDP_OF(1472, REMOTE2, 9, EXT, 20100, .id = 7, .frag = MF);
	struct spec first_x = UDP_OF(1472, REMOTE2, 9, LAN_A, 20100, .id = 7, .frag = MF);
	struct spec late = UDP_OF(777, REMOTE2, 9, EXT, 20100, .id = 7, .frag = AT(1480));
	struct frame f = build(&late);

	(void)state;
	lab_reset(lab);
	expect(lab, EINAT_OUT, &out, R(TRANSLATED), &out_x, "binding");
	expect(lab, EINAT_IN, &first, R(TRANSLATED), &first_x, "first one");
	expect_frame(lab, EINAT_OUT, &f, R(FRAG_UNKNOWN), NULL, 0, 2, "forwarded");
	expect_frame(lab, EINAT_OUT, &f, R(LATE_FRAGMENT), NULL, 0, 0, "sent out again");
}

/* A first fragment that no binding wants leaves no note: its later ones stay masquerade's. */
static void foreign_fragments_stay(void **state)
{
	struct lab *lab = lab_now();
	struct spec first = UDP_OF(1472, REMOTE2, 9, EXT, 33333, .id = 7, .frag = MF);
	struct spec late = UDP_OF(777, REMOTE2, 9, EXT, 33333, .id = 7, .frag = AT(1480));

	(void)state;
	lab_reset(lab);
	expect(lab, EINAT_IN, &late, R(FRAG_UNKNOWN), NULL, "late one");
	expect(lab, EINAT_IN, &first, R(NO_BINDING), NULL, "first one");
	expect(lab, EINAT_OUT, &late, R(FRAG_UNKNOWN), NULL, "sent out again");
	assert_int_equal(map_count(lab->sk->maps.frags), 0);
}

/* A later fragment of @n bytes from its IP header on, as BPF_PROG_RUN takes it, or false. */
static bool run_large(struct lab *lab, unsigned n)
{
	static uint8_t b[14 + EVENT_PACKET_MAX], out[sizeof(b)];
	struct spec late = UDP_OF(0, REMOTE2, 9, EXT, 20100, .id = 9, .frag = AT(1480));
	struct frame f = build(&late);
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = b, .data_size_in = 14 + n, .data_out = out,
		    .data_size_out = sizeof(out));

	memcpy(b, f.b, f.n);
	for (unsigned i = f.n; i < 14 + n; i++)
		b[i] = i * 7;
	if (as_ip6)
		put16(b + 14 + 4, n - 40);
	else
		put16(b + 14 + 2, n);
	if (bpf_prog_test_run_opts(prog_fd(lab, EINAT_IN), &o))
		return false;
	assert_int_equal((int)o.retval, -1);
	assert_memory_equal(out, b, 14 + n);
	return true;
}

static void check_large(struct lab *lab, unsigned n)
{
	struct events ev = events_open(lab);

	next_window();
	if (!run_large(lab, n)) {
		print_message("# this kernel's BPF_PROG_RUN takes no packet of %u bytes\n", n);
		return;
	}
	events_read(lab, &ev);
	assert_int_equal(ev.n, 1);
	assert_int_equal(ev.last.len, n);
	for (unsigned i = 100; i < n; i++)
		assert_int_equal(ev.packet[i], (uint8_t)((i + 14) * 7));
}

/* On both sides of each step of the room that is reserved. */
static void large_fragments(void **state)
{
	static const unsigned sizes[] = { EVENT_PACKET_SMALL, EVENT_PACKET_SMALL + 1, 3000,
					  EVENT_PACKET_JUMBO, EVENT_PACKET_JUMBO + 1, 65535 };

	(void)state;
	for (int six = 0; six < 2; six++) {
		struct lab *lab = six ? &the_lab6 : &the_lab;

		as_ip6 = six;
		lab_reset(lab);
		for (unsigned i = 0; i < COUNT_OF(sizes); i++)
			check_large(lab, sizes[i]);
	}
	as_ip6 = false;
}

/* Larger ones count as several. On one CPU, whose limit it is. */
static void large_fragments_are_fewer(void **state)
{
	const unsigned max = EVENT_BURST_LATE / EVENT_COST_JUMBO;
	struct events ev = events_open(&the_lab);
	struct timespec a, b;
	cpu_set_t was, one;
	double windows;

	(void)state;
	lab_reset(&the_lab);
	assert_int_equal(sched_getaffinity(0, sizeof(was), &was), 0);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	next_window();
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (unsigned i = 0; i < 20 * max; i++)
		assert_true(run_large(&the_lab, 3000));
	clock_gettime(CLOCK_MONOTONIC, &b);
	assert_int_equal(sched_setaffinity(0, sizeof(was), &was), 0);
	events_read(&the_lab, &ev);
	windows = ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) /
			  (1 << EVENT_WINDOW_SHIFT) +
		  2;
	assert_true(ev.n >= max);
	assert_true(ev.n <= windows * max);
}

#define OVER_IP6(f)                                                                                \
	{                                                                                          \
#f " (over IPv6)", f, begin_ip6, end_ip6, NULL                                     \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_slice_tells),
		OVER_IP6(full_slice6_tells),
		cmocka_unit_test(host_limit_tells),
		cmocka_unit_test(what_tells_nothing),
		cmocka_unit_test(late_fragment),
		cmocka_unit_test(forwarded_is_not_late),
		cmocka_unit_test(foreign_fragments_stay),
		OVER_IP6(late_fragment),
		OVER_IP6(foreign_fragments_stay),
		cmocka_unit_test(large_fragments),
		cmocka_unit_test(large_fragments_are_fewer),
		cmocka_unit_test(floods_are_bounded),
	};

	return run_table("event", NULL, 0, tests, COUNT_OF(tests));
}
