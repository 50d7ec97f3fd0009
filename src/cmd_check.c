// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <jansson.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "src/cmd_check.h"
#include "src/control.h"
#include "src/log.h"
#include "src/options.h"
#include "src/probe.h"

#define EXIT_USAGE 64

static int explain(const char *name)
{
	const struct code *c = code_find(name), *near = NULL;
	unsigned best = 99;

	if (!strcmp(name, "all")) {
		codes_markdown(stdout);
		return 0;
	}
	if (c) {
		code_explain(c, stdout);
		return 0;
	}
	for (size_t i = 0; i < n_codes; i++) {
		unsigned d = edit_distance(name, codes[i].name);

		if (d < best && edit_is_near(name, d)) {
			best = d;
			near = &codes[i];
		}
	}
	if (near)
		log_error("--explain: there is no code '%s'; did you mean %s?", name, near->name);
	else
		log_error("--explain: there is no code '%s'; see 'einat check --list'", name);
	return EXIT_USAGE;
}

/*
 * What the einat that runs on @ifname has found, with the configuration that it runs with; -ENOENT:
 * none runs there.
 */
static int ask_running(const char *ifname, json_t **ret_json, struct err *err)
{
	char *answer = NULL;
	const char *why;
	json_t *json;
	int ret = control_ask(ifname, "check", &answer, err);

	if (ret)
		return ret;
	json = json_loads(answer, 0, NULL);
	free(answer);
	if (json_is_array(json_object_get(json, "findings"))) {
		json_object_del(json, "generation"); /* for itself */
		if (!if_nametoindex(ifname))
			log_info("einat runs for %s and waits: there is no such interface now",
				 ifname);
		*ret_json = json;
		return 0;
	}
	why = json_string_value(json_object_get(json, "error"));
	ret = err_set(err, EPROTO, "the einat on %s gave no findings%s%s", ifname, why ? ": " : "",
		      why ? why : "");
	json_decref(json);
	return ret;
}

static int all_running(json_t *list)
{
	struct control_names names = { 0 };
	struct err err;
	int ret = control_names(&names, &err);

	if (ret)
		log_error("%s", err.text);
	for (size_t i = 0; i < names.n; i++) {
		json_t *one;
		int step = ask_running(names.name[i], &one, &err);

		if (!step) {
			json_array_append_new(list, one);
		} else if (step != -ENOENT) {
			log_error("%s", err.text);
			ret = step;
		}
	}
	control_names_clear(&names);
	if (ret)
		return ret;
	if (json_array_size(list))
		return 0;
	log_error("no einat runs here; name what is to be checked: einat check -i IF [slice "
		  "options]");
	return -ENOENT;
}

static int take_capture(const struct conf *conf, struct capture **ret_capture, struct err *err)
{
	int ret;

	if (conf->from_path)
		return capture_load(conf->from_path, ret_capture, err);
	ret = probe_caps(err);
	if (!ret)
		ret = check_capture(EINAT_VERSION, ret_capture, err);
	if (!ret && conf->save_path) {
		ret = capture_save(*ret_capture, conf->save_path, err);
		if (ret) {
			capture_free(*ret_capture);
			*ret_capture = NULL;
		}
	}
	return ret;
}

static int analyse(const struct conf *conf, json_t *list, struct err *err)
{
	struct capture *c = NULL;
	int ret = take_capture(conf, &c, err);

	for (size_t i = 0; i < conf->n_ifs && !ret; i++) {
		struct findings fs = { 0 };

		ret = check_run(&conf->ifs[i], c, &fs, err);
		if (!ret && json_array_append_new(list, findings_json(&fs, conf->ifs[i].name)))
			ret = err_sys(err, ENOMEM, "cannot print the findings");
		findings_clear(&fs);
	}
	capture_free(c);
	return ret;
}

/* With -i alone the running einat is asked, if there is one; else the defaults are checked. */
static int gather(const struct conf *conf, json_t *list)
{
	struct err err = { "" };
	json_t *one;
	int ret = -ENOENT;

	if (conf->bare && !conf->n_ifs && !conf->save_path)
		return all_running(list);
	if (conf->bare && conf->n_ifs == 1 && !conf->save_path)
		ret = ask_running(conf->ifs[0].name, &one, &err);
	if (!ret)
		return json_array_append_new(list, one);
	/* one that runs and cannot tell is no reason to check the defaults in its stead */
	if (ret == -ENOENT)
		ret = analyse(conf, list, &err);
	if (ret)
		log_error("%s", err.text);
	return ret;
}

static int exit_code(const json_t *list)
{
	int code = CHECK_CLEAN;
	const json_t *one;
	size_t i;

	json_array_foreach (list, i, one) {
		const char *worst = json_string_value(json_object_get(one, "worst"));

		if (worst && !strcmp(worst, "conflict"))
			code = CHECK_CONFLICTS;
		else if (worst && !strcmp(worst, "warning") && code == CHECK_CLEAN)
			code = CHECK_WARNINGS;
	}
	return code;
}

/* What a start puts right by itself. */
static bool mended_by_start(const struct finding *f)
{
	return !strcmp(f->code->name, "table-missing") || !strcmp(f->code->name, "program-missing");
}

static void log_conflicts(const struct conf_if *cif, const struct findings *fs)
{
	for (size_t i = 0; i < fs->n; i++) {
		const struct finding *f = &fs->f[i];

		if (f->severity == SEV_CONFLICT && !mended_by_start(f))
			log_warn("%s: conflict %s: %s (%s%s%s)", cif->name, f->code->name,
				 f->what ? f->what : f->code->title, f->where, f->text ? ": " : "",
				 f->text ? f->text : "");
	}
}

static bool conflicts(const struct findings *fs)
{
	for (size_t i = 0; i < fs->n; i++)
		if (fs->f[i].severity == SEV_CONFLICT && fs->f[i].will &&
		    !mended_by_start(&fs->f[i]))
			return true;
	return false;
}

/* All interfaces or none, as with any other failure of the start. */
static bool refuses(const struct conf *conf, const struct findings fs[])
{
	bool refuse = false;

	for (size_t i = 0; i < conf->n_ifs; i++) {
		if (fs[i].attached)
			return false; /* its NAT is in force, and needs its control plane */
		refuse |= conflicts(&fs[i]);
	}
	return refuse;
}

static void tell_refusal(const struct conf *conf, const struct findings fs[])
{
	for (size_t i = 0; i < conf->n_ifs; i++) {
		const char *name = conf->ifs[i].name;

		if (!conflicts(&fs[i]))
			continue;
		log_conflicts(&conf->ifs[i], &fs[i]);
		log_error("%s: not started, since it would conflict; einat check -i %s tells what "
			  "mends it, --force starts all the same",
			  name, name);
	}
}

/* What does not keep it from starting is logged by the check that the running einat makes. */
int check_before_run(const struct conf *conf)
{
	struct findings *fs;
	struct capture *c = NULL;
	struct err err = { "" };
	int ret, code = 0;

	if (conf->force)
		return 0;
	fs = calloc(conf->n_ifs + 1, sizeof(*fs));
	ret = fs ? check_capture(EINAT_VERSION, &c, &err)
		 : err_sys(&err, ENOMEM, "cannot look for conflicts");
	for (size_t i = 0; i < conf->n_ifs && !ret; i++)
		ret = check_run(&conf->ifs[i], c, &fs[i], &err);
	if (ret) {
		log_warn("conflicts could not be looked for: %s", err.text);
	} else if (refuses(conf, fs)) {
		tell_refusal(conf, fs);
		code = CHECK_CONFLICTS;
	}
	for (size_t i = 0; fs && i < conf->n_ifs; i++)
		findings_clear(&fs[i]);
	free(fs);
	capture_free(c);
	return code;
}

/* Names of chains may be any bytes: what is more than text between single quotes is shown as '?'.
 */
static void print_name(const char *name)
{
	for (; *name; name++)
		putchar(*name > ' ' && *name <= '~' && *name != '\'' ? *name : '?');
}

/* The mend of a finding is in the words of the rule's owner; this is what einat itself does. */
static void print_open(const struct conf_if *cif, const struct finding *f)
{
	printf("nft '%s rule ", f->handle ? "insert" : "add");
	print_name(f->family);
	putchar(' ');
	print_name(f->table);
	putchar(' ');
	print_name(f->chain);
	if (f->handle)
		printf(" position %llu", f->handle);
	printf(" iifname \"%s\" meta mark and 0x%x == 0x%x counter accept comment "
	       "\"einat --open on %s\"'\n",
	       cif->name, cif->inbound_mark.mask, cif->inbound_mark.value, cif->name);
}

int check_plan_open(const struct conf_if *cif, struct err *err)
{
	struct findings fs = { 0 };
	struct capture *c = NULL;
	int ret = check_capture(EINAT_VERSION, &c, err);

	if (!ret)
		ret = check_run(cif, c, &fs, err);
	for (size_t i = 0; i < fs.n && !ret; i++)
		if (fs.f[i].can_open)
			print_open(cif, &fs.f[i]);
	findings_clear(&fs);
	capture_free(c);
	return ret;
}

int cmd_check(const struct conf *conf)
{
	json_t *list, *out;
	const json_t *one;
	size_t i;
	int code = CHECK_FAILED;

	if (conf->explain)
		return explain(conf->explain);
	if (conf->list) {
		codes_list(stdout);
		return 0;
	}
	list = json_array();
	if (list && !gather(conf, list)) {
		code = exit_code(list);
		out = json_pack("{s:i, s:O}", "version", 1, "interfaces", list);
		if (conf->save_path && !strcmp(conf->save_path, "-"))
			; /* standard output has the snapshot */
		else if (conf->json && out)
			json_dumpf(out, stdout, JSON_INDENT(2)), putchar('\n');
		else
			json_array_foreach (list, i, one)
				findings_print(one, stdout);
		json_decref(out);
	}
	json_decref(list);
	return code;
}
