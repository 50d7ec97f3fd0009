// SPDX-License-Identifier: GPL-2.0-or-later
/* The check while einat runs: one child at a time, of the configuration that is in force. */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../nft/netlab.h"
#include "src/recheck.h"

static struct conf_if confs[2] = { { .name = "one" }, { .name = "two" } };

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int setup(void **state)
{
	struct recheck *r;
	struct err err;

	signal(SIGCHLD, SIG_DFL); /* system() waits for its own */
	lab_open();
	sh("ip link add one type veth peer name two");
	assert_int_equal(recheck_open(&r, &err), 0);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	recheck_close(*state);
	return 0;
}

static bool step(struct recheck *r, const struct conf_if *cif, int ms)
{
	struct pollfd p = { .fd = recheck_fd(r), .events = POLLIN };

	return poll(&p, 1, ms) == 1 && recheck_ready(r, cif) & RECHECK_FINDINGS_NEW;
}

/* Until a check has ended; what it has brought. */
static unsigned whole_check(struct recheck *r)
{
	struct pollfd p = { .fd = recheck_fd(r), .events = POLLIN };
	unsigned news = 0;

	for (long end = now_ms() + 20000; now_ms() < end && !(news & RECHECK_FINDINGS_NEW);)
		if (poll(&p, 1, 100) == 1)
			news |= recheck_ready(r, &confs[0]);
	return news;
}

/* Until findings have come; false if none do. */
static bool wait_findings(struct recheck *r, const struct conf_if *cif)
{
	for (long end = now_ms() + 20000; now_ms() < end;)
		if (step(r, cif, 100))
			return true;
	return false;
}

static const char *about(const struct recheck *r)
{
	return json_string_value(json_object_get(recheck_findings(r), "interface"));
}

static void test_findings(void **state)
{
	struct recheck *r = *state;

	assert_null(recheck_findings(r));
	recheck_want(r);
	assert_true(wait_findings(r, &confs[0]));
	assert_string_equal(about(r), "one");
	assert_true(json_is_integer(json_object_get(recheck_findings(r), "generation")));
	assert_false(step(r, &confs[0], 400)); /* and no second one */
}

static size_t dnats(struct recheck *r)
{
	struct foreign *f = recheck_take_rules(r);
	size_t n;

	assert_non_null(f);
	assert_null(recheck_take_rules(r));
	n = f->n_dnat;
	foreign_free(f);
	return n;
}

/* Others' rules come with the check, if they are not what they were. */
static void test_rules(void **state)
{
	struct recheck *r = *state;

	assert_null(recheck_take_rules(r));
	recheck_want(r);
	assert_int_equal(whole_check(r), RECHECK_RULES_NEW | RECHECK_FINDINGS_NEW);
	assert_int_equal(dnats(r), 0);
	signal(SIGCHLD, SIG_DFL);
	sh("nft 'add table ip t; add chain ip t p { type nat hook prerouting priority -100; }; "
	   "add rule ip t p udp dport 20001 dnat to 10.0.0.2'");
	recheck_want(r);
	assert_int_equal(whole_check(r), RECHECK_RULES_NEW | RECHECK_FINDINGS_NEW);
	assert_int_equal(dnats(r), 1);
	signal(SIGCHLD, SIG_DFL);
	sh("ip link set two mtu 1400");
	recheck_want(r);
	assert_int_equal(whole_check(r), RECHECK_FINDINGS_NEW);
	assert_null(recheck_take_rules(r));
	recheck_anew(r); /* another mark may make another answer of the same rules */
	assert_int_equal(whole_check(r), RECHECK_RULES_NEW | RECHECK_FINDINGS_NEW);
	assert_int_equal(dnats(r), 1);
}

/* A reload while a check is under way: what that finds is of the old configuration. */
static void test_anew(void **state)
{
	struct recheck *r = *state;
	struct pollfd p = { .fd = recheck_fd(r), .events = POLLIN };

	recheck_want(r);
	assert_int_equal(poll(&p, 1, 5000), 1); /* the timer */
	assert_false(recheck_ready(r, &confs[0])); /* the child has begun */
	recheck_anew(r);
	assert_true(wait_findings(r, &confs[1]));
	assert_string_equal(about(r), "two");
}

static unsigned open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void test_nothing_left(void **state)
{
	struct recheck *r = *state;
	unsigned fds = open_fds();
	struct pollfd p = { .fd = recheck_fd(r), .events = POLLIN };

	for (int i = 0; i < 11; i++) {
		recheck_want(r);
		if (i % 2) {
			assert_true(wait_findings(r, &confs[0]));
		} else {
			assert_int_equal(poll(&p, 1, 5000), 1);
			recheck_ready(r, &confs[0]);
			recheck_anew(r);
		}
	}
	assert_true(wait_findings(r, &confs[0]));
	for (long end = now_ms() + 5000; now_ms() < end && open_fds() != fds;)
		step(r, &confs[0], 10); /* the child ends */
	assert_int_equal(open_fds(), fds);
	for (long end = now_ms() + 5000; now_ms() < end && waitpid(-1, NULL, WNOHANG) >= 0;)
		usleep(10000);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* No child can be made: the findings there are stay, and the next change is looked at again. */
static void test_no_child(void **state)
{
	struct recheck *r = *state;
	struct epoll_event ev;
	struct rlimit was, none;

	recheck_want(r);
	assert_true(wait_findings(r, &confs[0]));
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = was;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	recheck_want(r);
	assert_int_equal(epoll_wait(recheck_fd(r), &ev, 1, 5000), 1); /* poll() obeys that limit */
	assert_false(recheck_ready(r, &confs[1]));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_string_equal(about(r), "one");
	assert_false(step(r, &confs[1], 300)); /* it is not tried without end */
	recheck_want(r);
	assert_true(wait_findings(r, &confs[1]));
	assert_string_equal(about(r), "two");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_findings, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rules, setup, teardown),
		cmocka_unit_test_setup_teardown(test_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_left, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_child, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
