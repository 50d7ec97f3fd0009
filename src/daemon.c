// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "src/control.h"
#include "src/daemon.h"
#include "src/instance.h"
#include "src/link.h"
#include "src/log.h"
#include "src/nft_events.h"

struct served {
	struct instance *inst; /* NULL once stopped */
	struct control *control; /* NULL: none could be opened */
};

struct daemon {
	struct served *served;
	size_t n;
	struct link_monitor *links;
	struct nft_events *rules;
	int epoll_fd, signal_fd, timer_fd;
	bool quit, leave, reload;
	bool failed; /* at the start: what was taken over is left as it was found */
	struct conf *conf;
	int argc;
	char **argv;
};

static int watch(struct daemon *d, int fd, struct err *err)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(d->epoll_fd, EPOLL_CTL_ADD, fd, &ev))
		return err_sys(err, errno, "cannot watch a descriptor");
	return 0;
}

static int open_signals(struct daemon *d, struct err *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	d->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return d->signal_fd < 0 ? err_sys(err, errno, "cannot wait for signals") : 0;
}

static int open_timer(struct daemon *d, struct err *err)
{
	const struct timespec tick = { .tv_nsec = INSTANCE_TICK_MS * 1000000L };
	const struct itimerspec its = { tick, tick };

	d->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (d->timer_fd < 0 || timerfd_settime(d->timer_fd, 0, &its, NULL))
		return err_sys(err, errno, "cannot make a timer");
	return 0;
}

static int open_all(struct daemon *d, struct err *err)
{
	int ret;

	d->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (d->epoll_fd < 0)
		return err_sys(err, errno, "cannot make an event loop");
	ret = open_signals(d, err);
	if (!ret)
		ret = open_timer(d, err);
	if (!ret)
		ret = link_monitor_open(&d->links, err);
	if (!ret)
		ret = nft_events_open(&d->rules, err);
	if (!ret)
		ret = watch(d, d->signal_fd, err);
	if (!ret)
		ret = watch(d, d->timer_fd, err);
	if (!ret)
		ret = watch(d, link_monitor_fd(d->links), err);
	if (!ret)
		ret = watch(d, nft_events_fd(d->rules), err);
	return ret;
}

static void close_control(struct served *s)
{
	control_close(s->control);
	s->control = NULL;
}

static int start_one(struct daemon *d, const struct conf *conf, const struct conf_if *cif,
		     struct err *err)
{
	struct served *s = realloc(d->served, (d->n + 1) * sizeof(*s));
	int ret;

	if (!s)
		return err_sys(err, ENOMEM, "cannot start on %s", cif->name);
	d->served = s;
	s += d->n;
	*s = (struct served){ 0 };
	ret = control_open(cif->name, &s->control, err);
	if (ret == -EPERM)
		log_warn("%s", err->text); /* no reason to be offline */
	else if (ret)
		return ret;
	ret = instance_start(conf, cif, &s->inst, err);
	if (ret) {
		close_control(s);
		return ret;
	}
	d->n++;
	if (s->control)
		ret = watch(d, control_fd(s->control), err);
	if (!ret)
		ret = watch(d, instance_events_fd(s->inst), err);
	if (!ret)
		ret = watch(d, instance_slow_fd(s->inst), err);
	if (!ret)
		ret = watch(d, instance_check_fd(s->inst), err);
	return ret;
}

/* To systemd, if it started einat with Type=notify; see sd_notify(3). */
static void notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;
	int fd;

	if (!len || len >= sizeof(sa.sun_path))
		return;
	memcpy(sa.sun_path, path, len);
	if (sa.sun_path[0] == '@')
		sa.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&sa,
	       (socklen_t)(sizeof(sa.sun_family) + len));
	close(fd);
}

static int stop_one(struct served *s, struct err *err)
{
	const char *name = instance_name(s->inst);
	int ret = instance_stop(s->inst, err);

	if (ret)
		log_error("%s: not all could be removed: %s", name, err->text);
	else
		log_info("%s: stopped, all that einat wrote is removed", name);
	instance_free(s->inst);
	s->inst = NULL;
	close_control(s);
	return ret;
}

static char *to_text(json_t *json)
{
	char *s = json ? json_dumps(json, JSON_COMPACT) : NULL;

	json_decref(json);
	return s;
}

static void on_control(struct daemon *d, struct served *s)
{
	char request[64];
	struct err err = { "" };
	int fd = control_accept(s->control, request, sizeof(request));
	char *answer;

	if (fd < 0)
		return;
	if (!strcmp(request, "status")) {
		answer = to_text(instance_status(s->inst));
	} else if (!strcmp(request, "bindings")) {
		answer = to_text(instance_bindings(s->inst));
	} else if (!strcmp(request, "stats")) {
		answer = to_text(instance_stats(s->inst));
	} else if (!strcmp(request, "check")) {
		instance_check_answer(s->inst, fd);
		return;
	} else if (!strcmp(request, "stop")) {
		int ret = stop_one(s, &err);

		answer = to_text(json_pack("{s:b, s:s}", "stopped", ret == 0, "error", err.text));
		d->quit = true;
		for (size_t i = 0; i < d->n; i++)
			d->quit &= !d->served[i].inst;
	} else {
		answer = to_text(json_pack("{s:s}", "error", "unknown request"));
	}
	control_reply(fd, answer ? answer : "{}");
	free(answer);
}

static void on_signal(struct daemon *d)
{
	struct signalfd_siginfo si;

	while (read(d->signal_fd, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGHUP) {
			d->reload = true;
			continue;
		}
		d->quit = true;
		d->leave = si.ssi_signo == SIGUSR2;
	}
}

static void for_each_link(struct daemon *d)
{
	int events = link_monitor_drain(d->links);

	if (events < 0)
		events = LINK_EV_ALL;
	for (size_t i = 0; i < d->n && events; i++)
		if (d->served[i].inst)
			instance_on_link(d->served[i].inst, events);
}

static void on_readable(struct daemon *d, int fd)
{
	uint64_t ticks;

	if (fd == d->signal_fd) {
		on_signal(d);
	} else if (fd == link_monitor_fd(d->links)) {
		for_each_link(d);
	} else if (fd == d->timer_fd) {
		if (read(fd, &ticks, sizeof(ticks)) == sizeof(ticks))
			for (size_t i = 0; i < d->n; i++)
				if (d->served[i].inst)
					instance_tick(d->served[i].inst);
	} else if (fd == nft_events_fd(d->rules)) {
		int events = nft_events_drain(d->rules);

		for (size_t i = 0; i < d->n && events; i++)
			if (d->served[i].inst)
				instance_on_rules(d->served[i].inst, events,
						  nft_events_by(d->rules));
	} else {
		for (size_t i = 0; i < d->n; i++) {
			struct served *s = &d->served[i];

			if (s->inst && fd == instance_events_fd(s->inst))
				instance_on_conntrack(s->inst);
			else if (s->inst && fd == instance_slow_fd(s->inst))
				instance_on_slow(s->inst);
			else if (s->inst && fd == instance_check_fd(s->inst))
				instance_on_check(s->inst);
			else if (s->inst && s->control && fd == control_fd(s->control))
				on_control(d, s);
		}
	}
}

static const struct conf_if *find_if(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->n_ifs; i++)
		if (!strcmp(conf->ifs[i].name, name))
			return &conf->ifs[i];
	return NULL;
}

static bool serves(const struct daemon *d, const char *name)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->served[i].inst && !strcmp(instance_name(d->served[i].inst), name))
			return true;
	return false;
}

/* One interface alone must be there, as at a start: a slip of the pen would stop the NAT. */
static bool names_nothing(const struct daemon *d, const struct conf *conf)
{
	struct link_info link;

	return conf->n_ifs == 1 && !serves(d, conf->ifs[0].name) &&
	       !link_read(conf->ifs[0].name, &link, NULL) && !link.ifindex;
}

/* Each interface on its own: what one of them cannot do is no reason to disturb the others. */
static void reload(struct daemon *d)
{
	struct conf *conf = NULL;
	struct err err = { "" };

	d->reload = false;
	if (conf_parse(d->argc, d->argv, &conf, &err)) {
		log_error("%s", err.text);
		log_error("the old configuration stays in force");
		return;
	}
	if (names_nothing(d, conf)) {
		log_error("there is no interface \"%s\" (ip link shows those there are); the old "
			  "configuration stays in force",
			  conf->ifs[0].name);
		conf_free(conf);
		return;
	}
	for (size_t i = 0; i < d->n; i++) {
		struct served *s = &d->served[i];
		const struct conf_if *cif = s->inst ? find_if(conf, instance_name(s->inst)) : NULL;

		if (s->inst && !cif)
			stop_one(s, &err);
		else if (s->inst && instance_reload(s->inst, conf, cif, &err))
			log_error("%s: %s; trying again", instance_name(s->inst), err.text);
	}
	for (size_t i = 0; i < conf->n_ifs; i++)
		if (!serves(d, conf->ifs[i].name) && start_one(d, conf, &conf->ifs[i], &err))
			log_error("%s", err.text);
	conf_free(d->conf);
	d->conf = conf;
	log_set_level((enum log_level)conf->log_level);
	log_info("configuration read anew");
}

static int serve(struct daemon *d)
{
	struct epoll_event ev[16];

	while (!d->quit) {
		int n = epoll_wait(d->epoll_fd, ev, 16, -1);

		if (n < 0 && errno != EINTR) {
			log_error("event loop: %s", strerror(errno));
			return 1;
		}
		for (int i = 0; i < n; i++)
			on_readable(d, ev[i].data.fd);
		if (d->reload && !d->quit)
			reload(d);
	}
	return 0;
}

static int stop_all(struct daemon *d)
{
	struct err err;
	int code = 0;

	notify("STOPPING=1");
	for (size_t i = d->n; i-- > 0;) {
		struct served *s = &d->served[i];

		if (!s->inst)
			continue;
		if (d->leave || (d->failed && instance_taken_over(s->inst))) {
			log_info("%s: leaving; the data plane goes on translating",
				 instance_name(s->inst));
			instance_free(s->inst);
			close_control(s);
		} else if (stop_one(s, &err)) {
			code = 1;
		}
	}
	return code;
}

static void close_all(struct daemon *d)
{
	link_monitor_close(d->links);
	nft_events_close(d->rules);
	if (d->timer_fd >= 0)
		close(d->timer_fd);
	if (d->signal_fd >= 0)
		close(d->signal_fd);
	if (d->epoll_fd >= 0)
		close(d->epoll_fd);
	free(d->served);
	conf_free(d->conf);
}

int daemon_run(struct conf *conf, int argc, char **argv)
{
	struct daemon d = { .epoll_fd = -1,
			    .signal_fd = -1,
			    .timer_fd = -1,
			    .conf = conf,
			    .argc = argc,
			    .argv = argv };
	struct err err = { "" };
	int ret = open_all(&d, &err);
	int code;

	for (size_t i = 0; i < conf->n_ifs && !ret; i++)
		ret = start_one(&d, conf, &conf->ifs[i], &err);
	if (ret) {
		log_error("%s", err.text);
		d.failed = true;
		stop_all(&d);
		close_all(&d);
		return 1;
	}
	for (size_t i = 0; i < d.n; i++)
		if (instance_attached(d.served[i].inst))
			log_info("%s: ready", instance_name(d.served[i].inst));
	notify("READY=1");
	code = serve(&d);
	if (stop_all(&d))
		code = 1;
	close_all(&d);
	return code;
}
