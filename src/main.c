// SPDX-License-Identifier: GPL-2.0-or-later
#include <bpf/libbpf.h>
#include <errno.h>
#include <jansson.h>
#include <net/if.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/cmd_check.h"
#include "src/config.h"
#include "src/daemon.h"
#include "src/instance.h"
#include "src/log.h"
#include "src/probe.h"
#include "src/show.h"

#define EXIT_USAGE 64

static int libbpf_log(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char *text = NULL, *save = NULL;

	/* what fails is said by the caller, in the words of people; this is for the curious */
	(void)level;
	if (vasprintf(&text, fmt, ap) < 0)
		return 0;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		log_debug("%s", line);
	free(text);
	return 0;
}

static int fail(const struct err *err)
{
	log_error("%s", err->text);
	return 1;
}

static int cmd_plan(const struct conf *conf)
{
	struct err err = { "" };

	for (size_t i = 0; i < conf->n_ifs; i++) {
		const struct conf_if *c = &conf->ifs[i];

		if (conf->n_ifs > 1 && !if_nametoindex(c->name))
			printf("# %s: there is no such interface now; run waits for it\n", c->name);
		else if (instance_plan(c, &err) || (c->open && check_plan_open(c, &err)))
			return fail(&err);
	}
	return 0;
}

static int cmd_stop(const struct conf *conf)
{
	struct err err = { "" };
	int code = 0;

	for (size_t i = 0; i < conf->n_ifs; i++)
		if (show_stop(conf, conf->ifs[i].name, &err))
			code = fail(&err);
	return code;
}

static int dispatch(struct conf *conf, int argc, char **argv)
{
	struct err err = { "" };
	int code;

	switch (conf->command) {
	case CMD_HELP:
		return 0;
	case CMD_RUN:
	case CMD_PLAN:
	case CMD_STOP:
	case CMD_STATUS:
	case CMD_BINDINGS:
	case CMD_STATS:
		if (probe_caps(&err)) {
			if (conf->command == CMD_RUN)
				conf_free(conf);
			return fail(&err);
		}
		break;
	case CMD_CHECK: /* may be about another host, or none */
		break;
	}
	switch (conf->command) {
	case CMD_RUN:
		code = check_before_run(conf);
		if (code) {
			conf_free(conf);
			return code;
		}
		return daemon_run(conf, argc, argv);
	case CMD_PLAN:
		return cmd_plan(conf);
	case CMD_STOP:
		return cmd_stop(conf);
	case CMD_STATUS:
	case CMD_BINDINGS:
	case CMD_STATS:
		return show(conf, &err) ? fail(&err) : 0;
	case CMD_CHECK:
		return cmd_check(conf);
	case CMD_HELP:
		break;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct conf *conf = NULL;
	struct err err = { "" };
	int ret = conf_parse(argc, argv, &conf, &err);
	bool run;
	int code;

	if (ret) {
		log_error("%s", err.text);
		return ret == -EINVAL ? EXIT_USAGE : 1;
	}
	signal(SIGPIPE, SIG_IGN); /* a reader of the log that ends must not end the NAT */
	log_set_level((enum log_level)conf->log_level);
	libbpf_set_print(libbpf_log);
	run = conf->command == CMD_RUN;
	code = dispatch(conf, argc, argv);
	if (!run)
		conf_free(conf);
	return code;
}
