// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two CPUs allocate, expire, revive and sweep the same few ports at once. Time goes in phases:
 * while the clock stands still nothing that was used in the phase can expire, so within a phase
 * each external port must belong to one internal endpoint.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "tests/bpf/harness.h"

#define THREADS	  2
#define PHASES	  40
#define PACKETS	  2500 /* of each thread in each phase */
#define ENDPOINTS 400 /* more than there are ports */
#define FIRST	  20000
#define PORTS	  256

struct shared {
	struct lab lab;
	pthread_barrier_t barrier;
	atomic_int owner[65536]; /* endpoint + 1 that used the port in this phase */
	atomic_uint translated, full, other, wrong_port, shared_port, moved;
	atomic_int port_of[ENDPOINTS]; /* of this phase */
};

struct worker {
	struct shared *sh;
	unsigned seed, number;
	pthread_t thread;
};

/* No assertions in threads: what is wrong is counted. */
static int run_raw(int fd, const void *in, size_t n, uint8_t *out, size_t out_size,
		   int *ret_verdict)
{
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = in, .data_size_in = n, .data_out = out,
		    .data_size_out = out_size);
	int err = bpf_prog_test_run_opts(fd, &o);

	*ret_verdict = o.retval;
	return err;
}

static void send_one(struct worker *w)
{
	struct shared *sh = w->sh;
	unsigned id = rand_r(&w->seed) % ENDPOINTS;
	/* half of them ask for a port of the slice, two hosts for each */
	struct spec s = UDP(id & 1 ? LAN_A : LAN_B, FIRST + (id >> 1) % PORTS, REMOTE, 53);
	struct frame f;
	uint8_t out[2048];
	int verdict, was = 0;
	unsigned port;

	if (id >= ENDPOINTS / 2)
		s.sport = 40000 + id;
	f = build(&s);
	if (run_raw(prog_fd(&sh->lab, EINAT_OUT), f.b, f.n, out, sizeof(out), &verdict) ||
	    verdict == 2) {
		atomic_fetch_add(&sh->full, 1);
		return;
	}
	port = out[34] << 8 | out[35];
	if (verdict != -1 || out[26] != 198)
		atomic_fetch_add(&sh->other, 1);
	else if (port < FIRST || port >= FIRST + PORTS)
		atomic_fetch_add(&sh->wrong_port, 1);
	else if (!atomic_compare_exchange_strong(&sh->owner[port], &was, (int)id + 1) &&
		 was != (int)id + 1)
		atomic_fetch_add(&sh->shared_port, 1);
	else
		atomic_fetch_add(&sh->translated, 1);
	was = 0;
	if (!atomic_compare_exchange_strong(&sh->port_of[id], &was, (int)port) && was != (int)port)
		atomic_fetch_add(&sh->moved, 1);
}

static void sweep_all(struct shared *sh, uint32_t op)
{
	uint8_t in[64] = {}, out[64];
	struct einat_sweep w = { .op = op, .first = FIRST, .count = PORTS };
	int verdict;

	memcpy(in, &w, sizeof(w));
	run_raw(bpf_program__fd(sh->lab.sk->progs.einat_sweep), in, sizeof(in), out, sizeof(out),
		&verdict);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct shared *sh = w->sh;

	for (unsigned phase = 0; phase < PHASES; phase++) {
		if (!w->number) {
			sh->lab.ctl->now_override = T0 + phase * (T_UDP + 1);
			for (unsigned i = 0; i < 65536; i++)
				atomic_store(&sh->owner[i], 0);
			for (unsigned i = 0; i < ENDPOINTS; i++)
				atomic_store(&sh->port_of[i], 0);
		}
		pthread_barrier_wait(&sh->barrier);
		for (unsigned i = 0; i < PACKETS; i++) {
			send_one(w);
			if (rand_r(&w->seed) % 512 == 0)
				sweep_all(sh, SWEEP_EXPIRED);
		}
		pthread_barrier_wait(&sh->barrier);
	}
	return NULL;
}

static void ports_are_exclusive(void **state)
{
	struct shared *sh = calloc(1, sizeof(*sh));
	struct worker w[THREADS];

	(void)state;
	lab_open_sized(&sh->lab, 512, 64);
	lab_reset(&sh->lab);
	lab_ports(&sh->lab, 0, EINAT_PROTO_UDP, 1, 65535, false);
	lab_ports(&sh->lab, 0, EINAT_PROTO_UDP, FIRST, FIRST + PORTS - 1, true);
	pthread_barrier_init(&sh->barrier, NULL, THREADS);
	for (unsigned i = 0; i < THREADS; i++) {
		w[i] = (struct worker){ .sh = sh, .seed = 1 + i, .number = i };
		assert_int_equal(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(w[i].thread, NULL);
	print_message("# %u translated, %u dropped since full\n", sh->translated, sh->full);
	assert_int_equal(sh->shared_port, 0);
	assert_int_equal(sh->wrong_port, 0);
	assert_int_equal(sh->other, 0);
	assert_int_equal(sh->moved, 0);
	assert_true(sh->translated > THREADS * PHASES * PACKETS / 4);
	assert_true(sh->full > 0);
	check_consistent(&sh->lab);
	assert_int_equal(map_count(sh->lab.sk->maps.by_internal), PORTS);
	/* nothing leaks: all expire, all are freed */
	sh->lab.ctl->now_override += T_UDP + T_REST + 1;
	sweep_all(sh, SWEEP_EXPIRED);
	check_consistent(&sh->lab);
	assert_int_equal(map_count(sh->lab.sk->maps.by_internal), 0);
	lab_close(&sh->lab);
	free(sh);
}

/* All threads send the first packet of the same endpoint at once: they agree on one binding. */
static void *same_endpoint(void *arg)
{
	struct worker *w = arg;
	struct shared *sh = w->sh;

	for (unsigned i = 0; i < 3000; i++) {
		struct spec s = UDP(LAN_A, 30000 + i, REMOTE, 53);
		struct frame f = build(&s);
		uint8_t out[2048];
		int verdict = -9, was = 0;

		pthread_barrier_wait(&sh->barrier);
		if (run_raw(prog_fd(&sh->lab, EINAT_OUT), f.b, f.n, out, sizeof(out), &verdict) ||
		    verdict != -1)
			atomic_fetch_add(&sh->other, 1);
		else if (!atomic_compare_exchange_strong(&sh->owner[i], &was,
							 out[34] << 8 | out[35]) &&
			 was != (out[34] << 8 | out[35]))
			atomic_fetch_add(&sh->moved, 1);
	}
	return NULL;
}

static void one_binding_for_one_endpoint(void **state)
{
	struct shared *sh = calloc(1, sizeof(*sh));
	struct worker w[THREADS];

	(void)state;
	lab_open_sized(&sh->lab, LAB_BINDINGS, 64);
	lab_reset(&sh->lab);
	pthread_barrier_init(&sh->barrier, NULL, THREADS);
	for (unsigned i = 0; i < THREADS; i++) {
		w[i] = (struct worker){ .sh = sh, .number = i };
		assert_int_equal(pthread_create(&w[i].thread, NULL, same_endpoint, &w[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(w[i].thread, NULL);
	assert_int_equal(sh->moved, 0);
	/* contention may drop a packet, but not many */
	print_message("# %u dropped by contention\n", sh->other);
	assert_true(sh->other < 100);
	check_consistent(&sh->lab);
	assert_int_equal(map_count(sh->lab.sk->maps.by_internal), 3000);
	lab_close(&sh->lab);
	free(sh);
}

#define LIMIT 50

/* Both CPUs open ports for one host as fast as they can: it gets as many as it may, exactly. */
static void *one_host(void *arg)
{
	struct worker *w = arg;
	struct shared *sh = w->sh;

	for (unsigned i = 0; i < 4000; i++) {
		struct spec s = UDP(LAN_A, 1 + rand_r(&w->seed) % 60000, REMOTE, 53);
		struct frame f = build(&s);
		uint8_t out[2048];
		int verdict = -9;

		run_raw(prog_fd(&sh->lab, EINAT_OUT), f.b, f.n, out, sizeof(out), &verdict);
		atomic_fetch_add(verdict == -1 ? &sh->translated : &sh->full, 1);
	}
	return NULL;
}

static void limit_is_exact(void **state)
{
	struct shared *sh = calloc(1, sizeof(*sh));
	struct worker w[THREADS];

	(void)state;
	lab_open_sized(&sh->lab, LAB_BINDINGS, 64);
	for (unsigned round = 0; round < 10; round++) {
		lab_reset(&sh->lab);
		sh->lab.cfg.max_per_host[EINAT_PROTO_UDP] = LIMIT;
		lab_apply(&sh->lab);
		for (unsigned i = 0; i < THREADS; i++) {
			w[i] = (struct worker){ .sh = sh, .seed = 7 * round + i };
			assert_int_equal(pthread_create(&w[i].thread, NULL, one_host, &w[i]), 0);
		}
		for (unsigned i = 0; i < THREADS; i++)
			pthread_join(w[i].thread, NULL);
		assert_int_equal(map_count(sh->lab.sk->maps.by_internal), LIMIT);
		check_consistent(&sh->lab);
	}
	lab_close(&sh->lab);
	free(sh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_are_exclusive),
		cmocka_unit_test(one_binding_for_one_endpoint),
		cmocka_unit_test(limit_is_exact),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("race", tests, NULL, NULL);
}
