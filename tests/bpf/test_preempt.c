// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PREEMPT_RT: a packet interrupts another one on the same CPU, within the program. A thread of high
 * priority sends one packet whenever it wakes, into the run of another thread. Where softirqs
 * exclude one another, which is everywhere but on PREEMPT_RT kernels from 6.18, this proves nothing
 * and takes a second or two.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/utsname.h>
#include <time.h>
#include <linux/pkt_cls.h>

#include "tests/bpf/harness.h"

#define PAUSE	 20000 /* ns between the packets that interrupt */
#define ENOUGH	 20000 /* of these */
#define MOST_SEC 20 /* on a slow machine fewer have to do */

struct side {
	struct lab *lab;
	struct spec in, out;
	atomic_uint runs;
	unsigned int wrong;
	atomic_bool *end;
	bool urgent;
};

/* No assertions in threads: what is wrong is counted. */
static void *play(void *arg)
{
	const struct timespec pause = { .tv_nsec = PAUSE };
	const struct sched_param fifo = { .sched_priority = 10 };
	struct side *s = arg;
	struct frame in = build(&s->in), want = build(&s->out), got;
	cpu_set_t cpu;

	CPU_ZERO(&cpu);
	CPU_SET(0, &cpu);
	if (pthread_setaffinity_np(pthread_self(), sizeof(cpu), &cpu) ||
	    (s->urgent && pthread_setschedparam(pthread_self(), SCHED_FIFO, &fifo)))
		s->wrong = ~0u;
	while (!atomic_load(s->end)) {
		LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = in.b, .data_size_in = in.n,
			    .data_out = got.b, .data_size_out = sizeof(got.b));

		if (bpf_prog_test_run_opts(prog_fd(s->lab, EINAT_OUT), &o) ||
		    o.retval != (uint32_t)TC_ACT_UNSPEC || o.data_size_out != want.n ||
		    memcmp(got.b, want.b, want.n))
			s->wrong++;
		s->runs++;
		if (s->urgent)
			nanosleep(&pause, NULL);
	}
	return NULL;
}

/* From 6.11 on BPF_PROG_RUN keeps softirqs and other tasks out, as the kernel does around a packet.
 */
static bool run_is_like_a_packet(void)
{
	int major = 0, minor = 0;
	struct utsname u;

	return !uname(&u) && sscanf(u.release, "%d.%d", &major, &minor) == 2 &&
	       (major > 6 || (major == 6 && minor >= 11));
}

/* struct place of bpf/work.h */
static unsigned int places_claimed(const struct lab *lab)
{
	struct bpf_map *places = lab->sk->maps.places;
	uint32_t v[64], n = 0;

	assert_in_range(bpf_map__value_size(places), 8, sizeof(v));
	for (uint32_t i = 0; i < bpf_map__max_entries(places); i++) {
		assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(places), &i, v), 0);
		n += v[1];
	}
	return n;
}

static void a_packet_interrupts_another(void **state)
{
	struct einat_stat st[EINAT_DIR_COUNT * EINAT_REASON_COUNT];
	const struct timespec look = { .tv_nsec = 1000000 };
	atomic_bool end = false;
	struct lab lab;
	struct side side[] = {
		{ .in = UDP(LAN_A, 20001, REMOTE, 53), .out = UDP(EXT, 20001, REMOTE, 53) },
		{ .in = TCP(F_SYN, LAN_B, 20002, REMOTE2, 80, .options = 8),
		  .out = TCP(F_SYN, EXT, 20002, REMOTE2, 80, .options = 8),
		  .urgent = true },
	};
	pthread_t thread[2];

	(void)state;
	if (!probe_preempt_rt() && !run_is_like_a_packet()) {
		print_message(
			"# this kernel's BPF_PROG_RUN may be preempted where packets are not\n");
		skip();
	}
	lab_open_sized(&lab, 64, 64);
	lab_reset(&lab);
	for (int i = 0; i < 2; i++) {
		side[i].lab = &lab;
		side[i].end = &end;
		assert_int_equal(pthread_create(&thread[i], NULL, play, &side[i]), 0);
	}
	for (time_t last = time(NULL) + MOST_SEC;
	     atomic_load(&side[1].runs) < ENOUGH && time(NULL) < last;)
		nanosleep(&look, NULL);
	atomic_store(&end, true);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	print_message("# %u packets, %u between them, %u and %u wrong\n", side[0].runs,
		      side[1].runs, side[0].wrong, side[1].wrong);
	assert_int_equal(side[0].wrong, 0);
	assert_int_equal(side[1].wrong, 0);
	assert_true(side[0].runs > 100 && side[1].runs > 100);
	stats_read(&lab, st);
	assert_int_equal(st[REASON_TRANSLATED].packets, side[0].runs + side[1].runs);
	assert_int_equal(places_claimed(&lab), 0);
	check_consistent(&lab);
	lab_close(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_packet_interrupts_another) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("preempt", tests, NULL, NULL);
}
