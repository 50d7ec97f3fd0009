// SPDX-License-Identifier: GPL-2.0-or-later
/* A loop with another program is recognised by its rate, and left with growing pauses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "src/backoff.h"

#define START 1000000u

/* As fast as @step lets it, until a loop is recognised; gives the time of that, 0 if never. */
static uint64_t provoke(struct backoff *b, uint64_t now, uint64_t step, unsigned tries)
{
	for (unsigned i = 0; i < tries; i++, now += step)
		if (backoff_ask(b, now) == BACKOFF_BEGINS)
			return now;
	return 0;
}

static void test_some_restores_are_no_loop(void **state)
{
	struct backoff b = { 0 };

	(void)state;
	for (unsigned i = 0; i < BACKOFF_TIMES; i++)
		assert_int_equal(backoff_ask(&b, START + i), BACKOFF_GO);
	assert_int_equal(b.times, BACKOFF_TIMES);
	assert_false(backoff_waits(&b, START + BACKOFF_TIMES));
}

static void test_slow_ones_never_are(void **state)
{
	struct backoff b = { 0 };

	(void)state;
	assert_int_equal(provoke(&b, START, BACKOFF_WINDOW_MS / BACKOFF_TIMES + 1, 1000), 0);
	assert_int_equal(b.times, 1000);
}

static void test_a_loop_begins_once(void **state)
{
	struct backoff b = { 0 };
	uint64_t now = provoke(&b, START, 10, 1000);

	(void)state;
	assert_int_equal(now, START + 10 * BACKOFF_TIMES);
	assert_true(backoff_waits(&b, now));
	assert_int_equal(backoff_ask(&b, now + BACKOFF_FIRST_MS - 1), BACKOFF_WAIT);
	assert_false(backoff_due(&b, now + BACKOFF_FIRST_MS - 1));
	assert_true(backoff_due(&b, now + BACKOFF_FIRST_MS));
	assert_false(backoff_waits(&b, now + BACKOFF_FIRST_MS));
}

static void test_pauses_grow_to_a_limit(void **state)
{
	struct backoff b = { 0 };
	uint64_t now = provoke(&b, START, 10, 1000), pause = BACKOFF_FIRST_MS;
	unsigned tries = 0;

	(void)state;
	/* undone again at once, each time: for an hour */
	for (uint64_t end = now + 3600000; now < end; tries++) {
		now += pause;
		assert_int_equal(backoff_ask(&b, now), BACKOFF_GO);
		assert_int_equal(backoff_ask(&b, ++now), BACKOFF_WAIT);
		pause = pause * 2 > BACKOFF_LAST_MS ? BACKOFF_LAST_MS : pause * 2;
		assert_int_equal(b.pause_ms, pause);
	}
	assert_in_range(tries, 15, 25);
}

static void test_calm_counts_anew(void **state)
{
	struct backoff b = { 0 };
	uint64_t now = provoke(&b, START, 10, 1000) + BACKOFF_FIRST_MS, calm;

	(void)state;
	assert_false(backoff_calm(&b, now + 100000000)); /* nobody has tried since the pause */
	assert_int_equal(backoff_ask(&b, now), BACKOFF_GO);
	calm = now + BACKOFF_WINDOW_MS + 2 * BACKOFF_FIRST_MS;
	assert_false(backoff_calm(&b, now - 5)); /* a time that was read before the restore */
	assert_false(backoff_calm(&b, calm - 1));
	assert_true(backoff_calm(&b, calm));
	assert_false(backoff_calm(&b, calm)); /* told once */
	for (unsigned i = 0; i < BACKOFF_TIMES; i++)
		assert_int_equal(backoff_ask(&b, calm + i), BACKOFF_GO);
	assert_int_equal(backoff_ask(&b, calm + BACKOFF_TIMES), BACKOFF_BEGINS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_some_restores_are_no_loop),
		cmocka_unit_test(test_slow_ones_never_are),
		cmocka_unit_test(test_a_loop_begins_once),
		cmocka_unit_test(test_pauses_grow_to_a_limit),
		cmocka_unit_test(test_calm_counts_anew),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
