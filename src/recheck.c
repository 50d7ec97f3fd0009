// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "nft/foreign_json.h"
#include "src/log.h"
#include "src/recheck.h"
#include "src/recheck_child.h"

#define QUIET_MS    50
#define PATIENCE_MS 120 /* from the first change of a burst */
#define OUTPUT_MAX  (64u << 20)

struct recheck {
	int epoll_fd, timer_fd, pipe_fd; /* pipe_fd: from the child; -1: none runs */
	bool wanted; /* and not begun */
	int64_t first_ms; /* of the burst */
	int64_t begun_ms, took_ms; /* of the last run */
	bool failing; /* the last run gave nothing: told once */
	bool told; /* findings of this run, or why there are none */
	char *text; /* what the child has written so far */
	size_t n, seen; /* seen: complete lines that were taken */
	char *rules; /* the line of the last analysis of rules that succeeded */
	struct foreign *fresh; /* that, until someone takes it */
	bool rules_failing;
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
	r->n = r->seen = 0;
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
	foreign_free(r->fresh);
	free(r->rules);
	free(r);
}

int recheck_fd(const struct recheck *r)
{
	return r->epoll_fd;
}

bool recheck_wanted(const struct recheck *r)
{
	return r->wanted;
}

bool recheck_settled(const struct recheck *r)
{
	return !r->wanted && r->pipe_fd < 0;
}

struct foreign *recheck_take_rules(struct recheck *r)
{
	struct foreign *f = r->fresh;

	r->fresh = NULL;
	return f;
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
	free(r->rules); /* another mark, another answer */
	r->rules = NULL;
	recheck_want(r);
}

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
	if (epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, fds[0], &ev) ||
	    recheck_child(cif, RECHECK_ALL, fds[1]) < 0) {
		fails(r, cif, strerror(errno));
		close(fds[0]);
	} else {
		r->pipe_fd = fds[0];
		r->begun_ms = now_ms();
		r->told = false;
	}
	close(fds[1]);
}

/* Others' rules, if they are not what they were. True: recheck_take_rules() has something. */
static bool take_rules(struct recheck *r, const struct conf_if *cif, const json_t *json,
		       const char *line)
{
	const char *why = json_string_value(json_object_get(json, "error"));
	struct foreign *f = NULL;

	if (!why && r->rules && !strcmp(r->rules, line))
		return false;
	if (why || foreign_from_json(json, &f)) {
		if (!r->rules_failing)
			log_error("%s: others' rules are taken to be what they were: %s", cif->name,
				  why ? why : "their analysis cannot be read");
		r->rules_failing = true;
		return false;
	}
	r->rules_failing = false;
	free(r->rules);
	r->rules = strdup(line); /* without memory: it is taken again the next time */
	foreign_free(r->fresh);
	r->fresh = f;
	return true;
}

static unsigned take_line(struct recheck *r, const struct conf_if *cif, const char *line)
{
	json_t *json = json_loads(line, 0, NULL);
	const json_t *rules = json_object_get(json, "rules");
	const char *why = json_string_value(json_object_get(json, "error"));
	unsigned news = 0;

	if (json_is_true(json_object_get(json, "again"))) {
		recheck_want(r);
		r->told = true;
	} else if (!json || why) {
		fails(r, cif, why ? why : "what was found cannot be read");
		r->told = true;
	} else if (rules) {
		news = take_rules(r, cif, rules, line) ? RECHECK_RULES_NEW : 0;
	} else {
		r->failing = false;
		r->told = true;
		json_decref(r->findings);
		r->findings = json_incref(json);
		news = RECHECK_FINDINGS_NEW;
	}
	json_decref(json);
	return news;
}

/* 1: it has said all, 0: there is more to come, -1: no memory for it. */
static int read_some(struct recheck *r)
{
	for (;;) {
		char *grown = realloc(r->text, r->n + 65536);
		ssize_t n;

		if (!grown)
			return -1;
		r->text = grown;
		n = read(r->pipe_fd, r->text + r->n, 65535);
		if (n < 0)
			return errno != EAGAIN && errno != EINTR;
		r->n += (size_t)n;
		r->text[r->n] = '\0';
		if (!n)
			return 1;
		if (r->n > OUTPUT_MAX)
			return -1;
	}
}

static unsigned take_lines(struct recheck *r, const struct conf_if *cif)
{
	unsigned news = 0;
	char *end;

	while (r->text && (end = memchr(r->text + r->seen, '\n', r->n - r->seen))) {
		*end = '\0';
		news |= take_line(r, cif, r->text + r->seen);
		r->seen = (size_t)(end - r->text) + 1;
	}
	return news;
}

unsigned recheck_ready(struct recheck *r, const struct conf_if *cif)
{
	uint64_t n;
	unsigned news;
	int end;

	if (read(r->timer_fd, &n, sizeof(n)) == sizeof(n) && r->wanted && r->pipe_fd < 0)
		begin(r, cif);
	if (r->pipe_fd < 0)
		return 0;
	end = read_some(r);
	news = take_lines(r, cif);
	if (!end)
		return news;
	if (!r->told)
		fails(r, cif,
		      end < 0 ? "there is too much to tell" : "the process that does it ended");
	end_child(r);
	r->took_ms = now_ms() - r->begun_ms;
	if (r->wanted)
		arm(r, due_in(r));
	return news;
}

void recheck_answer(const struct conf_if *cif, int fd)
{
	static const char failed[] = "{\"error\":\"cannot start a process\"}";

	if (recheck_child(cif, RECHECK_FINDINGS, fd) < 0 &&
	    send(fd, failed, sizeof(failed) - 1, MSG_NOSIGNAL) < 0)
		log_debug("a client of `einat check` is gone");
	close(fd);
}
