// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two CPUs, each with a thread of its own, translate what comes for the same few ports: both
 * families and all protocols, of two slices that are full, outwards and inwards, first fragments
 * and sweeps. While the clock stands still, each external port belongs to one internal endpoint and
 * each endpoint has one port; afterwards slots, bitmaps and look-ups agree, and no slot is lost.
 *
 * EINAT_SEED: where to begin (printed; default: the time).
 */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "tests/bpf/harness.h"

#define THREADS	  2
#define PHASES	  24
#define PACKETS	  4000 /* of each thread in each phase */
#define ENDPOINTS 200 /* of a host, for each protocol and family; more than there are ports */
#define PORTS	  128 /* of each slice, less those of another owner */
#define HOLE	  50 /* the first of them */
#define HOLE_END  60
#define USABLE	  (PORTS - (HOLE_END - HOLE))

static const uint32_t hosts[] = { LAN_A, LAN_B }; /* of slice 0 and of slice 1 */
static const uint16_t first[] = { 20000, 21000 };
static const uint8_t ip_proto[] = { IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMP };

/* What was seen in this phase. */
struct shared {
	struct lab lab;
	atomic_uint owner[2][EINAT_PROTO_COUNT][65536]; /* endpoint + 1 */
	atomic_uint port_of[2][EINAT_PROTO_COUNT][2 * ENDPOINTS];
	atomic_uint translated, full, contended, other, wrong_source, wrong_port, shared_port,
		moved;
};

struct worker {
	struct shared *sh;
	unsigned seed, cpu;
	pthread_t thread;
};

static bool usable(unsigned slice, unsigned port)
{
	unsigned at = port - first[slice];

	return port >= first[slice] && at < PORTS && (at < HOLE || at >= HOLE_END);
}

/* No assertions in threads: what is wrong is counted. */
static int run_raw(const struct shared *sh, enum einat_dir dir, const struct frame *f, uint8_t *out)
{
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = f->b, .data_size_in = f->n, .data_out = out,
		    .data_size_out = 2048);

	return bpf_prog_test_run_opts(prog_fd(&sh->lab, dir), &o) ? -99 : (int)o.retval;
}

static void note(struct shared *sh, unsigned slice, unsigned proto, unsigned id,
		 const struct frame *f, const uint8_t *out)
{
	bool frag = as_ip6 && f->b[14 + 6] == IPPROTO_FRAGMENT;
	const uint8_t *ip = out + 14, *l4 = ip + (as_ip6 ? 40 : 20) + (frag ? 8 : 0);
	unsigned was = 0, port;
	uint8_t ext[16];

	l4 += proto == EINAT_PROTO_ICMP ? 4 : 0;
	port = l4[0] << 8 | l4[1];
	role6(EXT, ext);
	if (!as_ip6)
		put_addr(ext, EXT);
	if (memcmp(ip + (as_ip6 ? 8 : 12), ext, as_ip6 ? 16 : 4))
		atomic_fetch_add(&sh->wrong_source, 1);
	if (!usable(slice, port))
		atomic_fetch_add(&sh->wrong_port, 1);
	if (!atomic_compare_exchange_strong(&sh->owner[as_ip6][proto][port], &was, id + 1) &&
	    was != id + 1)
		atomic_fetch_add(&sh->shared_port, 1);
	was = 0;
	if (!atomic_compare_exchange_strong(&sh->port_of[as_ip6][proto][id], &was, port) &&
	    was != port)
		atomic_fetch_add(&sh->moved, 1);
	atomic_fetch_add(&sh->translated, 1);
}

static void send_out(struct worker *w)
{
	struct shared *sh = w->sh;
	unsigned slice = rand_r(&w->seed) % 2, proto = rand_r(&w->seed) % EINAT_PROTO_COUNT;
	unsigned id = rand_r(&w->seed) % ENDPOINTS;
	struct spec s = { .proto = ip_proto[proto],
			  .flags = F_SYN,
			  .type = 8,
			  .src = hosts[slice],
			  .dst = REMOTE,
			  .dport = proto == EINAT_PROTO_ICMP ? 0 : 53,
			  .len = 8 };
	struct frame f;
	uint8_t out[2048];
	int verdict;

	/* some ask for a port of the slice, some for the other owner's, some for one outside */
	s.sport = id % 3 ? first[slice] + id : 40000 + id;
	if (rand_r(&w->seed) % 8 == 0) {
		s.frag = 0x2000;
		s.id = id;
	}
	f = build(&s);
	verdict = run_raw(sh, EINAT_OUT, &f, out);
	if (verdict == 2)
		atomic_fetch_add(&sh->full, 1);
	else if (verdict != -1)
		atomic_fetch_add(&sh->other, 1);
	else
		note(sh, slice, proto, slice * ENDPOINTS + id, &f, out);
}

static void send_in(struct worker *w)
{
	unsigned proto = rand_r(&w->seed) % EINAT_PROTO_COUNT, slice = rand_r(&w->seed) % 2;
	unsigned port = first[slice] + rand_r(&w->seed) % PORTS;
	struct spec s = { .proto = ip_proto[proto],
			  .flags = F_SYN | F_ACK,
			  .src = REMOTE,
			  .dst = EXT,
			  .sport = proto == EINAT_PROTO_ICMP ? 0 : 53,
			  .dport = port,
			  .len = 8 };
	struct frame f = build(&s);
	uint8_t out[2048];

	if (run_raw(w->sh, EINAT_IN, &f, out) != -1)
		atomic_fetch_add(&w->sh->other, 1);
}

static void sweep_some(struct worker *w, uint32_t op)
{
	unsigned plane = rand_r(&w->seed) % LAB_PLANES;
	struct einat_sweep order = { .op = op,
				     .first = plane * EINAT_PORTS + 19968,
				     .count = SWEEP_MAX };
	uint8_t in[64] = {}, out[64];
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = in, .data_size_in = sizeof(in),
		    .data_out = out, .data_size_out = sizeof(out));

	memcpy(in, &order, sizeof(order));
	bpf_prog_test_run_opts(bpf_program__fd(w->sh->lab.sk->progs.einat_sweep), &o);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(w->cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		atomic_fetch_add(&w->sh->other, 1);
	for (unsigned i = 0; i < PACKETS; i++) {
		unsigned what = rand_r(&w->seed) % 256;

		as_ip6 = rand_r(&w->seed) & 1;
		if (!what)
			sweep_some(w, SWEEP_EXPIRED);
		else if (what < 40)
			send_in(w);
		else
			send_out(w);
	}
	return NULL;
}

static void begin(struct shared *sh)
{
	struct lab *lab = &sh->lab;

	lab_open_as(lab, 4 * USABLE * EINAT_PROTO_COUNT, 512, 14, true);
	lab_reset(lab);
	map_clear(lab->sk->maps.src);
	lab->cfg.n_ext = lab->cfg.n_slices = 2;
	for (int six = 0; six < 2; six++) {
		as_ip6 = six;
		lab->cfg.ext[six].addr = addr6(EXT);
		for (unsigned s = 0; s < 2; s++)
			lab_prefix(lab->sk->maps.src, hosts[s], 32, 1u << s);
	}
	as_ip6 = false;
	for (unsigned p = 0; p < EINAT_PROTO_COUNT; p++) {
		lab_ports(lab, 0, p, PORT_LO, PORT_HI, false);
		for (unsigned s = 0; s < 2; s++) {
			lab_ports(lab, s, p, first[s], first[s] + PORTS - 1, true);
			lab_ports(lab, s, p, first[s] + HOLE, first[s] + HOLE_END - 1, false);
		}
	}
	lab_apply(lab);
}

static void one_phase(struct shared *sh, unsigned seed, bool same)
{
	struct worker w[THREADS];

	memset(sh->owner, 0, sizeof(sh->owner));
	memset(sh->port_of, 0, sizeof(sh->port_of));
	for (unsigned i = 0; i < THREADS; i++) {
		/* the same packets on both at once: all that is new, both make */
		w[i] = (struct worker){ .sh = sh, .seed = seed + (same ? 0 : i), .cpu = i };
		assert_int_equal(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(w[i].thread, NULL);
}

/* Each slot is a binding of the slice that its port belongs to; how many there are. */
static unsigned check_slots(const struct shared *sh)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < LAB_PLANES * EINAT_PORTS; i++) {
		const struct einat_slot *s = &sh->lab.slots[i];
		unsigned slice = ntohl(s->addr.w[3]) == LAN_B;
		struct einat_addr addr;

		if (s->state != SLOT_LIVE)
			continue;
		n++;
		as_ip6 = i / EINAT_PORTS >= EINAT_PROTO_COUNT;
		addr = addr6(hosts[slice]);
		if (memcmp(&addr, &s->addr, sizeof(addr)) || !usable(slice, i % EINAT_PORTS))
			fail_msg("slot %u: a port that is not this host's", i);
	}
	as_ip6 = false;
	return n;
}

static void two_cpus(void **state)
{
	const char *env = getenv("EINAT_SEED");
	unsigned seed = env ? strtoul(env, NULL, 0) : (unsigned)time(NULL);
	struct shared *sh = calloc(1, sizeof(*sh));
	struct worker w = { .sh = sh };
	unsigned n = 0;

	(void)state;
	if (sysconf(_SC_NPROCESSORS_ONLN) < THREADS) {
		print_message("# this machine has one processor\n");
		skip();
	}
	assert_non_null(sh);
	print_message("# EINAT_SEED=%u\n", seed);
	begin(sh);
	for (unsigned i = 0; i < PHASES; i++) {
		one_phase(sh, seed + i * THREADS, i % 2);
		check_consistent(&sh->lab);
		n = check_slots(sh);
		assert_int_equal(sh->shared_port, 0);
		assert_int_equal(sh->moved, 0);
		/* a little, or for long enough that all expires */
		sh->lab.ctl->now_override += i % 3 ? 70 : T_TCP_OPEN + T_REST + 1;
	}
	print_message("# %u translated, %u dropped, %u slots in use at the end\n", sh->translated,
		      sh->full, n);
	assert_int_equal(sh->wrong_source, 0);
	assert_int_equal(sh->wrong_port, 0);
	assert_int_equal(sh->other, 0);
	assert_true(sh->full > PHASES);
	assert_int_equal(n, 2 * 2 * EINAT_PROTO_COUNT * USABLE); /* each port was in use */
	for (unsigned i = 0; i < 200; i++)
		sweep_some(&w, SWEEP_FORCE);
	check_consistent(&sh->lab);
	assert_int_equal(map_count(sh->lab.sk->maps.by_internal), 0);
	lab_close(&sh->lab);
	free(sh);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(two_cpus) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("cpus", tests, NULL, NULL);
}
