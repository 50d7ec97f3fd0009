// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Thousands of random steps, each played on the data plane and on the reference NAT of model.h:
 * verdict, translated packet and the state afterwards must agree.
 *
 * EINAT_SEED: where to begin (printed when a step fails; default: the time). EINAT_STEPS: how many.
 */
#include <time.h>

#include "tests/bpf/model_error.h"
#include "tests/bpf/model_flow.h"
#include "tests/bpf/model_frag.h"
#include "tests/bpf/model_world.h"

#define EPISODE	      3000 /* steps with one set of slices to begin with */
#define STEPS_DEFAULT 24000

static void one_step(struct play *p)
{
	uint32_t what = rnd(p, 1000);

	as_ip6 = p->v6 && (!p->v4 || rnd(p, 2));
	if (what < 380)
		step_out(p);
	else if (what < 600)
		step_in(p);
	else if (what < 720)
		step_fragment(p);
	else if (what < 800)
		step_error(p);
	else if (what < 900)
		step_clock(p);
	else if (what < 940)
		step_ports(p);
	else if (what < 970)
		step_sweep(p);
	else if (what < 990)
		step_add(p);
	else
		step_config(p);
}

/* A family that was played at length has met all that there is to meet. */
static void check_seen(const struct play *p)
{
	static const int out[] = { R(TRANSLATED), R(HAIRPIN),	   R(HAIRPIN_LOCAL),
				   R(ICMP_ERROR), R(FULL),	   R(NOT_IN_SLICE),
				   R(GUARD),	  R(FRAGMENT),	   R(LATE_FRAGMENT),
				   R(FRAG_GUARD), R(FRAG_UNKNOWN), R(EXTERNAL_SOURCE) };
	static const int in[] = { R(TRANSLATED), R(ICMP_ERROR),	  R(ICMP_UNKNOWN), R(NO_BINDING),
				  R(FRAGMENT),	 R(FRAG_UNKNOWN), R(OTHER_DEST) };

	for (int six = 0; six < 2; six++) {
		unsigned long sum = 0;

		for (int i = 0; i < EINAT_REASON_COUNT; i++)
			sum += p->seen[six][EINAT_OUT][i] + p->seen[six][EINAT_IN][i];
		print_message("# IPv%d: %lu packets\n", six ? 6 : 4, sum);
		for (unsigned i = 0; i < COUNT_OF(out) && sum > 6000; i++)
			if (!p->seen[six][EINAT_OUT][out[i]])
				fail_msg("never met: out, %s", reason_name(out[i]));
		for (unsigned i = 0; i < COUNT_OF(in) && sum > 6000; i++)
			if (!p->seen[six][EINAT_IN][in[i]])
				fail_msg("never met: in, %s", reason_name(in[i]));
	}
}

static void model(void **state)
{
	const char *seed = getenv("EINAT_SEED"), *steps = getenv("EINAT_STEPS");
	struct play p = { .m = calloc(1, sizeof(struct model)) };
	unsigned long n = steps ? strtoul(steps, NULL, 0) : STEPS_DEFAULT;

	(void)state;
	assert_non_null(p.m);
	p.rng = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
	for (p.step = 0; p.step < n; p.step++) {
		if (p.step % EPISODE == 0) {
			print_message("# EINAT_SEED=%#llx EINAT_STEPS=%lu\n",
				      (unsigned long long)p.rng, n - p.step);
			begin_episode(&p);
		}
		one_step(&p);
		check_state(&p);
		if (p.step % 500 == 499)
			check_consistent(p.lab);
	}
	check_seen(&p);
	free(p.m);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(model) };

	return run_table("model", NULL, 0, tests, 1);
}
