// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How long loading the programs takes: processor time, with the verifier's walk and the compiler of
 * the kernel. IPv4 alone, with NAT66, and with all take turns, and the shortest of each counts, so
 * that other work on the machine meets all of them alike; the last column says it as a ratio.
 */
#include <time.h>

#include "tests/bpf/harness.h"

#define ROUNDS 15

static const struct kind {
	const char *name;
	bool ipv6, nptv6;
} kinds[] = {
	{ "load, IPv4", false, false },
	{ "load, NAT66 too", true, false },
	{ "load, NAT66 and NPTv6 too", true, true },
};

#define KINDS COUNT_OF(kinds)

static double cpu_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static double load_ms(const struct kind *k)
{
	struct einat_bpf *sk = einat_bpf__open();
	double begun;

	if (!sk) {
		fprintf(stderr, "bench_load: cannot open the programs: %s\n", strerror(errno));
		exit(1);
	}
	sk->rodata->n_planes = LAB_PLANES;
	sk->rodata->ipv6 = k->ipv6;
	sk->rodata->nptv6 = k->nptv6;
	begun = cpu_ms();
	if (einat_bpf__load(sk)) {
		fprintf(stderr, "bench_load: %s: the kernel does not load it\n", k->name);
		exit(1);
	}
	begun = cpu_ms() - begun;
	einat_bpf__destroy(sk);
	return begun;
}

int main(void)
{
	double least[KINDS] = { 0 };

	if (geteuid()) {
		printf("how long loading takes: not measured, needs root\n");
		return 0;
	}
	for (size_t i = 0; i < ROUNDS * KINDS; i++) {
		size_t k = i % KINDS;
		double ms = load_ms(&kinds[k]);

		least[k] = i < KINDS || ms < least[k] ? ms : least[k];
	}
	for (size_t k = 0; k < KINDS; k++)
		printf("%-28s %5.0f ms  %4.2f\n", kinds[k].name, least[k], least[k] / least[0]);
	return 0;
}
