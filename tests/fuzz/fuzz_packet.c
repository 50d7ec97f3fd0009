// SPDX-License-Identifier: GPL-2.0-or-later
/* libFuzzer's entry points: `make fuzz`. The checks are in check.h; a failed one ends the process.
 */
#include "tests/fuzz/make.h"

/* The data plane is not instrumented: what became of a packet is the feedback. */
__attribute__((section("__libfuzzer_extra_counters"))) static uint8_t fuzz_codes[FUZZ_CODES];

static struct fuzz the_fuzz;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);

static void at_end(void)
{
	fprintf(stderr, "%lu runs: %lu translated (%lu of IPv6), %lu dropped\n", the_fuzz.runs,
		the_fuzz.translated, the_fuzz.translated6, the_fuzz.dropped);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_open(&the_fuzz);
	atexit(at_end);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_run(&the_fuzz, data, size);
	fuzz_codes[the_fuzz.code] = 1;
	return 0;
}

/* Half of the inputs are built anew; the others are broken once more, by kind or at random. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	struct fuzz_rng g = { seed };
	uint8_t made[FUZZ_MAX];
	size_t n;

	if (size >= FUZZ_HEAD && size <= FUZZ_MAX && max >= FUZZ_MAX && fuzz_rnd(&g, 2)) {
		if (!fuzz_rnd(&g, 3))
			return LLVMFuzzerMutate(data, size, max);
		n = fuzz_break(&g, data + FUZZ_HEAD, size - FUZZ_HEAD, max - FUZZ_HEAD);
		return FUZZ_HEAD + n;
	}
	n = fuzz_make(&g, made);
	n = n < max ? n : max;
	memcpy(data, made, n);
	return n;
}
