// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <jansson.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "src/attach.h"
#include "src/control.h"
#include "src/instance.h"
#include "src/link.h"
#include "src/log.h"
#include "src/report.h"
#include "src/show.h"

static const char *request_of(enum conf_command c)
{
	return c == CMD_STATUS ? "status" : c == CMD_BINDINGS ? "bindings" : "stats";
}

static int count_one(const struct binding *b, void *data)
{
	(void)b;
	++*(int *)data;
	return 0;
}

/* Without a process: what the attached data plane itself can tell. */
static json_t *offline_status(const char *ifname, const struct attachment *at,
			      const struct dataplane *dp)
{
	json_t *ext = json_array();
	struct einat_cfg cfg;
	int n = 0;

	if (!dataplane_cfg(dp, &cfg))
		for (unsigned i = 0; i < EINAT_MAX_EXT; i++) {
			char buf[NET_ADDR_STRLEN];
			struct net_addr a;

			memcpy(&a, &cfg.ext[i].addr, sizeof(a));
			if (cfg.ext[i].gen)
				json_array_append_new(ext, json_string(net_addr_format(&a, buf)));
		}
	dataplane_foreach(dp, count_one, &n);
	return json_pack("{s:s, s:b, s:s, s:o, s:i}", "interface", ifname, "running", 0, "attach",
			 attach_mode_name(at->mode), "external", ext, "bindings", n);
}

static json_t *offline(const char *ifname, enum conf_command c, struct err *err)
{
	int ifindex = (int)if_nametoindex(ifname);
	struct dataplane *dp = NULL;
	struct attachment at;
	json_t *json = NULL;

	if (!ifindex) {
		err_set(err, ENODEV, "there is no interface \"%s\" and no einat runs for it",
			ifname);
		return NULL;
	}
	if (attach_find(ifindex, &at, err))
		return NULL;
	if (at.mode == ATTACHED_NONE) {
		err_set(err, ENOENT, "no einat runs on %s", ifname);
	} else if (!dataplane_open_prog(at.out_prog ? at.out_prog : at.in_prog, &dp, err)) {
		json = c == CMD_STATUS	   ? offline_status(ifname, &at, dp)
		       : c == CMD_BINDINGS ? report_bindings(ifname, dp)
					   : report_stats(ifname, dp);
		dataplane_close(dp);
	}
	attachment_close(&at);
	return json;
}

static json_t *ask(const char *ifname, enum conf_command c, struct err *err)
{
	char *answer = NULL;
	json_t *json;
	int ret = control_ask(ifname, request_of(c), &answer, err);

	if (ret == -ENOENT)
		return offline(ifname, c, err);
	if (ret)
		return NULL;
	json = json_loads(answer, 0, NULL);
	free(answer);
	if (!json)
		err_set(err, EPROTO, "the einat on %s gave no valid answer", ifname);
	return json;
}

static void print_one(const json_t *json, enum conf_command c)
{
	if (c == CMD_STATUS)
		report_print_status(json, stdout);
	else if (c == CMD_BINDINGS)
		report_print_bindings(json, stdout);
	else
		report_print_stats(json, stdout);
}

/*
 * Every interface that has a running einat, which may wait for it, or its data plane; one without
 * either is no error.
 */
static json_t *ask_all(enum conf_command c)
{
	struct control_names names = { 0 };
	json_t *list = json_array();
	struct err err;

	if (control_names(&names, &err))
		log_error("%s", err.text);
	for (size_t i = 0; i < names.n; i++) {
		json_t *one = ask(names.name[i], c, &err);

		if (one)
			json_array_append_new(list, one);
	}
	control_names_clear(&names);
	return list;
}

static json_t *ask_named(const struct conf *conf, struct err *err)
{
	json_t *list = json_array();

	for (size_t i = 0; i < conf->n_ifs; i++) {
		json_t *one = ask(conf->ifs[i].name, conf->command, err);

		if (!one) {
			json_decref(list);
			return NULL;
		}
		json_array_append_new(list, one);
	}
	return list;
}

/* status is a list of interfaces; bindings and stats of one named interface are that one's. */
static void print_json(json_t *list, const struct conf *conf)
{
	json_t *out;

	if (conf->command != CMD_STATUS && conf->n_ifs == 1)
		out = json_incref(json_array_get(list, 0));
	else
		out = json_pack("{s:O}", "interfaces", list);
	json_dumpf(out, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(out);
}

int show(const struct conf *conf, struct err *err)
{
	json_t *list = conf->n_ifs ? ask_named(conf, err) : ask_all(conf->command);
	size_t i;
	json_t *one;

	if (!list)
		return -ENOENT;
	if (conf->json) {
		print_json(list, conf);
	} else {
		json_array_foreach (list, i, one)
			print_one(one, conf->command);
		if (!json_array_size(list))
			puts("no einat runs here");
	}
	json_decref(list);
	return 0;
}

static int stop_running(const char *ifname, char *answer, struct err *err)
{
	json_t *json = json_loads(answer, 0, NULL);
	const char *why = json_string_value(json_object_get(json, "error"));
	int ret = 0;

	if (!json_is_true(json_object_get(json, "stopped")))
		ret = err_set(err, EIO, "%s: %s", ifname, why && *why ? why : "not stopped");
	json_decref(json);
	return ret;
}

int show_stop(const struct conf *conf, const char *ifname, struct err *err)
{
	char *answer = NULL;
	int ret = control_ask(ifname, "stop", &answer, err);

	if (!ret)
		ret = stop_running(ifname, answer, err);
	free(answer);
	if (ret && ret != -ENOENT)
		return ret;
	if (ret && !if_nametoindex(ifname))
		log_warn("there is no interface \"%s\" (ip link shows those there are), and no "
			 "einat "
			 "runs for it; only what one has left behind is removed",
			 ifname);
	/* also after a stop: leftovers of an einat that was killed earlier */
	if (ret == -ENOENT || conf->purge)
		ret = instance_remove(conf, ifname, err);
	control_purge(ifname);
	return ret;
}
