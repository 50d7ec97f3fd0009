// SPDX-License-Identifier: GPL-2.0-or-later
/* The process that looks at the host: reads, analyses, writes what it has found, and ends. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "check/check.h"
#include "nft/foreign_json.h"
#include "nft/open.h"
#include "nft/text.h"
#include "src/log.h"
#include "src/recheck_child.h"

#define CHILD_S 60 /* no analysis takes that long: its own limits are far lower */

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

/* One line; @json is used up. Whoever reads has a NULL for what memory did not suffice for. */
static void write_line(int fd, json_t *json)
{
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	json_decref(json);
	if (!text)
		return;
	write_all(fd, text);
	write_all(fd, "\n");
	free(text);
}

static json_t *failure(const struct err *err)
{
	char *clean = text_clean(err->text, false);
	json_t *json = json_pack("{s:s}", "error", clean ? clean : "out of memory");

	free(clean);
	return json;
}

static json_t *rules_now(const struct conf_if *cif, const struct fw_snapshot *snap)
{
	struct foreign *f = NULL;
	struct err err = { "" };
	json_t *json;

	if (foreign_analyse(snap, cif->name, cif->inbound_mark.value, cif->inbound_mark.mask, &f,
			    &err))
		return json_pack("{s:o}", "rules", failure(&err));
	json = foreign_to_json(f);
	foreign_free(f);
	return json ? json_pack("{s:o}", "rules", json) : NULL;
}

static json_t *findings_now(const struct conf_if *cif, const struct capture *c,
			    const struct fw_snapshot *snap, size_t keep, uint32_t generation)
{
	struct findings fs = { 0 };
	struct err err = { "" };
	json_t *json;

	if (check_run_parsed(cif, c, snap, &fs, &err))
		return failure(&err);
	findings_keep(&fs, keep);
	json = findings_json(&fs, cif->name);
	/* whoever acts upon a rule must know that it is still the one that was looked at */
	if (generation)
		json_object_set_new(json, "generation", json_integer(generation));
	findings_clear(&fs);
	return json;
}

/* The generation of the rules in @ret_c; 0 if they did not stand still while they were read. */
static int capture_now(struct capture **ret_c, uint32_t *ret_generation, struct err *err)
{
	uint32_t before = 0, after = 0;
	int ret = nft_generation(&before, err);

	if (!ret)
		ret = check_capture(EINAT_VERSION, ret_c, err);
	if (!ret)
		ret = nft_generation(&after, err);
	*ret_generation = before == after ? after : 0;
	return ret;
}

static void look(const struct conf_if *cif, enum recheck_task task, int fd)
{
	struct fw_snapshot *snap = NULL;
	struct capture *c = NULL;
	struct err err = { "" };
	uint32_t generation;
	int ret = capture_now(&c, &generation, &err);

	if (!ret)
		ret = fw_snapshot_parse(c, &snap, &err);
	if (ret == -EAGAIN && task == RECHECK_ALL) {
		write_line(fd, json_pack("{s:b}", "again", 1));
		return;
	}
	if (ret) {
		write_line(fd, failure(&err));
		return;
	}
	/* port owners wait for the rules; findings are for people */
	if (task == RECHECK_ALL)
		write_line(fd, rules_now(cif, snap));
	if (nice(5) == -1)
		log_debug("nice: %s", strerror(errno));
	write_line(fd, findings_now(cif, c, snap, task == RECHECK_ALL ? RECHECK_KEEP : SIZE_MAX,
				    generation));
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
static void child(pid_t parent, const struct conf_if *cif, enum recheck_task task, int fd)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* it ended before that */
		_exit(0);
	fd = keep_only(fd);
	sigemptyset(&none);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	alarm(CHILD_S);
	offer_to_oom_killer();
	look(cif, task, fd);
	_exit(0);
}

pid_t recheck_child(const struct conf_if *cif, enum recheck_task task, int fd)
{
	pid_t parent = getpid(), pid;

	/* nobody waits for children: the kernel is to reap them */
	signal(SIGCHLD, SIG_IGN);
	pid = fork();
	if (!pid)
		child(parent, cif, task, fd);
	return pid;
}
