// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A short, repeatable run of what `make fuzz` does at length: the inputs of tests/fuzz/corpus, then
 * made ones. EINAT_SEED and EINAT_RUNS choose others; a failed input is printed.
 */
#include <dirent.h>

#include "tests/fuzz/make.h"

#define R(x) REASON_##x

static struct fuzz the_fuzz;
static uint8_t input[FUZZ_MAX];
static size_t input_size;

static int setup(void **state)
{
	(void)state;
	fuzz_open(&the_fuzz);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fuzz_close(&the_fuzz);
	return 0;
}

static int show_input(void **state)
{
	(void)state;
	if (input_size) {
		print_message("# the last input:");
		for (size_t i = 0; i < input_size; i++)
			print_message(" %02x", input[i]);
		print_message("\n");
	}
	return 0;
}

static void corpus(void **state)
{
	DIR *d = opendir("tests/fuzz/corpus");
	struct dirent *e;
	char path[512];
	size_t n = 0;

	(void)state;
	assert_non_null(d);
	while ((e = readdir(d))) {
		FILE *f;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "tests/fuzz/corpus/%s", e->d_name);
		f = fopen(path, "r");
		assert_non_null(f);
		input_size = fread(input, 1, sizeof(input), f);
		fclose(f);
		fuzz_run(&the_fuzz, input, input_size);
		n++;
	}
	closedir(d);
	assert_true(n > 20);
	fuzz_check(&the_fuzz);
	input_size = 0;
}

static void made(void **state)
{
	const char *seed = getenv("EINAT_SEED"), *runs = getenv("EINAT_RUNS");
	unsigned long n = runs ? strtoul(runs, NULL, 0) : 400000;
	struct fuzz_rng g = { seed ? strtoull(seed, NULL, 0) : 1 };
	struct fuzz *z = &the_fuzz;

	(void)state;
	print_message("# EINAT_SEED=%#llx EINAT_RUNS=%lu\n", (unsigned long long)g.s, n);
	for (unsigned long i = 0; i < n; i++) {
		input_size = fuzz_make(&g, input);
		fuzz_run(z, input, input_size);
	}
	input_size = 0;
	fuzz_check(z);
	print_message("# %lu runs: %lu translated (%lu of IPv6, %lu by the prefix), %lu dropped\n",
		      z->runs, z->translated, z->translated6, z->of_prefix, z->dropped);
	/* the inputs are worth something: many get far */
	assert_true(z->translated - z->translated6 > n / 16);
	assert_true(z->translated6 > n / 24);
	assert_true(z->of_prefix > n / 60);
	assert_true(z->dropped > n / 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(corpus, show_input),
		cmocka_unit_test_teardown(made, show_input),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("fuzz", tests, setup, teardown);
}
