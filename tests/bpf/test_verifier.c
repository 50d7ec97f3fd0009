// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How much of the verifier's patience each program takes. A kernel gives up after a million
 * instructions walked; how many it walks depends on the kernel and on the compiler, and grows by
 * leaps. So a quarter of that is where the programs are to be looked at, not the limit itself.
 * And NAT66 is to make it walk at most half as much again as IPv4 alone: that is what loading
 * takes, of which "make bench" measures the time.
 */
#include "tests/bpf/harness.h"

#define WALKED_MAX 250000
#define LOG_STATS  4 /* BPF_LOG_STATS of the kernel: the sums alone */

static struct mode {
	const char *name;
	bool ipv6, nptv6, preemptible;
	unsigned int walked; /* by all programs together */
} ipv4 = { "IPv4", false, false }, npt = { "NPTv6", false, true }, nat66 = { "NAT66", true, false },
  both = { "NAT66 and NPTv6", true, true }, all = { "all on PREEMPT_RT", true, true, true };

static void test_walked(void **state)
{
	struct mode *mode = *state;
	struct einat_bpf *sk = einat_bpf__open();
	struct bpf_program *prog;
	static char log[8][1 << 16];
	unsigned int most = 0;
	size_t n = 0;

	assert_non_null(sk);
	sk->rodata->n_planes = LAB_PLANES;
	sk->rodata->ipv6 = mode->ipv6;
	sk->rodata->nptv6 = mode->nptv6;
	sk->rodata->preemptible = mode->preemptible;
	bpf_object__for_each_program (prog, sk->obj) {
		assert_true(n < 8);
		assert_int_equal(bpf_program__set_log_level(prog, LOG_STATS), 0);
		assert_int_equal(bpf_program__set_log_buf(prog, log[n++], sizeof(log[0])), 0);
	}
	assert_int_equal(einat_bpf__load(sk), 0);
	n = 0;
	bpf_object__for_each_program (prog, sk->obj) {
		const char *sum = strstr(log[n++], "processed ");
		unsigned int walked;

		assert_non_null(sum);
		assert_int_equal(sscanf(sum, "processed %u insns", &walked), 1);
		print_message("# %s, %s: %u instructions walked\n", mode->name,
			      bpf_program__name(prog), walked);
		most = walked > most ? walked : most;
		mode->walked += walked;
	}
	einat_bpf__destroy(sk);
	assert_in_range(most, 1, WALKED_MAX);
}

static void nat66_beside_ipv4(void **state)
{
	(void)state;
	assert_int_not_equal(ipv4.walked, 0);
	assert_in_range(nat66.walked, ipv4.walked, 1.5 * ipv4.walked);
}

#define WALKED(m)                                                                                  \
	{                                                                                          \
		.name = (m).name, .test_func = test_walked, .initial_state = &(m)                  \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WALKED(ipv4), WALKED(npt), WALKED(nat66),
		WALKED(both), WALKED(all), cmocka_unit_test(nat66_beside_ipv4),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
