// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "check/check.h"
#include "nft/open.h"
#include "src/log.h"
#include "src/recheck.h"

#define QUIET_MS    50
#define PATIENCE_MS 120 /* from the first change of a burst */
#define CHILD_S	    60 /* no analysis takes that long: its own limits are far lower */
#define OUTPUT_MAX  (16u << 20)

struct recheck {
	int epoll_fd, timer_fd, pipe_fd; /* pipe_fd: from the child; -1: none runs */
	bool wanted; /* and not begun */
	int64_t first_ms; /* of the burst */
	int64_t begun_ms, took_ms; /* of the last run */
	bool failing; /* the last run gave nothing: told once */
	char *text; /* what the child has written so far */
	size_t n;
	json_t *findings;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int recheck_open(struct recheck **ret_r, struct err *err)
{
	struct recheck *r = calloc(1, sizeof(*r));
	struct epoll_event ev = { .events = EPOLLIN };

	if (!r)
		return err_sys(err, ENOMEM, "cannot follow conflicts");
	r->pipe_fd = -1;
	r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	ev.data.fd = r->timer_fd;
	if (r->epoll_fd < 0 || r->timer_fd < 0 ||
	    epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, r->timer_fd, &ev)) {
		int e = errno;

		recheck_close(r);
		return err_sys(err, e, "cannot follow conflicts");
	}
	*ret_r = r;
	return 0;
}

static void end_child(struct recheck *r)
{
	if (r->pipe_fd >= 0)
		close(r->pipe_fd); /* a child that still writes ends by SIGPIPE */
	r->pipe_fd = -1;
	free(r->text);
	r->text = NULL;
	r->n = 0;
}

void recheck_close(struct recheck *r)
{
	if (!r)
		return;
	end_child(r);
	if (r->timer_fd >= 0)
		close(r->timer_fd);
	if (r->epoll_fd >= 0)
		close(r->epoll_fd);
	json_decref(r->findings);
	free(r);
}

int recheck_fd(const struct recheck *r)
{
	return r->epoll_fd;
}

const json_t *recheck_findings(const struct recheck *r)
{
	return r->findings;
}

static void arm(struct recheck *r, int64_t ms)
{
	struct itimerspec its = { 0 };

	if (ms < 1)
		ms = 1;
	its.it_value.tv_sec = ms / 1000;
	its.it_value.tv_nsec = ms % 1000 * 1000000;
	timerfd_settime(r->timer_fd, 0, &its, NULL);
}

/* After a check that took long the machine gets as much time for other things. */
static int64_t due_in(const struct recheck *r)
{
	int64_t now = now_ms(), wait = QUIET_MS, rest = r->begun_ms + 2 * r->took_ms - now;

	if (r->first_ms + PATIENCE_MS - now < wait)
		wait = r->first_ms + PATIENCE_MS - now;
	return rest > wait ? rest : wait;
}

void recheck_want(struct recheck *r)
{
	if (!r)
		return;
	if (!r->wanted)
		r->first_ms = now_ms();
	r->wanted = true;
	if (r->pipe_fd < 0)
		arm(r, due_in(r));
}

void recheck_anew(struct recheck *r)
{
	if (!r)
		return;
	end_child(r); /* what it looks at is not what is wanted now */
	recheck_want(r);
}

/* ---- the child --------------------------------------------------------------------------- */

static void write_all(int fd, const char *s)
{
	size_t left = strlen(s);

	while (left) {
		ssize_t n = write(fd, s, left);

		if (n < 0 && errno != EINTR)
			return;
		if (n > 0) {
			s += n;
			left -= (size_t)n;
		}
	}
}

static char *check_now(const struct conf_if *cif)
{
	struct capture *c = NULL;
	struct findings fs = { 0 };
	struct err err = { "" };
	uint32_t before = 0, after = 0;
	json_t *json = NULL;
	char *text;
	int ret = nft_generation(&before, &err);

	if (!ret)
		ret = check_capture(EINAT_VERSION, &c, &err);
	if (!ret)
		ret = nft_generation(&after, &err);
	if (!ret)
		ret = check_run(cif, c, &fs, &err);
	json = ret ? json_pack("{s:s}", "error", err.text) : findings_json(&fs, cif->name);
	/* whoever acts upon a rule must know that it is still the one that was looked at */
	if (!ret && before == after)
		json_object_set_new(json, "generation", json_integer(after));
	findings_clear(&fs);
	capture_free(c);
	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	return text;
}

/*
 * Nothing of the parent's must live on in the child: the control socket's name is the lock
 * against a second einat. Returns the new number of @fd.
 */
static int keep_only(int fd)
{
	if (dup2(fd, 3) < 0)
		_exit(1);
	if (close_range(4, ~0U, 0)) /* before Linux 5.9 */
		for (int i = 4; i < 1024; i++)
			close(i);
	return 3;
}

/* If memory runs out, the check is to end, never the NAT. */
static void offer_to_oom_killer(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "900", 3) < 0)
		log_debug("oom_score_adj: %s", strerror(errno));
	close(fd);
}

/* Never returns. The parent's signals are no business of the child; it ends with the parent. */
static void child(const struct conf_if *cif, int fd)
{
	sigset_t none;
	char *text;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = keep_only(fd);
	sigemptyset(&none);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	alarm(CHILD_S);
	offer_to_oom_killer();
	if (nice(5) == -1)
		log_debug("nice: %s", strerror(errno));
	text = check_now(cif);
	if (text)
		write_all(fd, text);
	_exit(0);
}

static pid_t start_child(const struct conf_if *cif, int fd)
{
	pid_t pid;

	/* nobody waits for children: the kernel is to reap them */
	signal(SIGCHLD, SIG_IGN);
	pid = fork();
	if (!pid)
		child(cif, fd);
	return pid;
}

void recheck_answer(const struct conf_if *cif, int fd)
{
	static const char failed[] = "{\"error\":\"cannot start a process\"}";

	if (start_child(cif, fd) < 0 && send(fd, failed, sizeof(failed) - 1, MSG_NOSIGNAL) < 0)
		log_debug("a client of `einat check` is gone");
	close(fd);
}

/* ---- the parent --------------------------------------------------------------------------- */

static void fails(struct recheck *r, const struct conf_if *cif, const char *why)
{
	if (!r->failing)
		log_warn("%s: conflicts cannot be looked for: %s; trying again with the next "
			 "change",
			 cif->name, why);
	r->failing = true;
}

static void begin(struct recheck *r, const struct conf_if *cif)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int fds[2];

	r->wanted = false;
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK)) {
		fails(r, cif, strerror(errno));
		return;
	}
	fcntl(fds[1], F_SETFL, 0); /* the child may wait for us */
	ev.data.fd = fds[0];
	if (epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, fds[0], &ev) || start_child(cif, fds[1]) < 0) {
		fails(r, cif, strerror(errno));
		close(fds[0]);
	} else {
		r->pipe_fd = fds[0];
		r->begun_ms = now_ms();
	}
	close(fds[1]);
}

/* True once the child has said all. */
static bool read_some(struct recheck *r)
{
	for (;;) {
		char *grown = realloc(r->text, r->n + 65536);
		ssize_t n;

		if (!grown)
			return true;
		r->text = grown;
		n = read(r->pipe_fd, r->text + r->n, 65535);
		if (n < 0)
			return errno != EAGAIN && errno != EINTR;
		r->n += (size_t)n;
		r->text[r->n] = '\0';
		if (!n || r->n > OUTPUT_MAX)
			return true;
	}
}

static bool take(struct recheck *r, const struct conf_if *cif)
{
	json_t *json = r->n ? json_loads(r->text, 0, NULL) : NULL;
	const char *why = json_string_value(json_object_get(json, "error"));

	end_child(r);
	r->took_ms = now_ms() - r->begun_ms;
	if (r->wanted)
		arm(r, due_in(r));
	if (!json || why) {
		fails(r, cif, why ? why : "the process that does it ended");
		json_decref(json);
		return false;
	}
	r->failing = false;
	json_decref(r->findings);
	r->findings = json;
	return true;
}

bool recheck_ready(struct recheck *r, const struct conf_if *cif)
{
	uint64_t n;

	if (read(r->timer_fd, &n, sizeof(n)) == sizeof(n) && r->wanted && r->pipe_fd < 0)
		begin(r, cif);
	return r->pipe_fd >= 0 && read_some(r) && take(r, cif);
}
