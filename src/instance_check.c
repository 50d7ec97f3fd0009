// SPDX-License-Identifier: GPL-2.0-or-later
/* Conflicts with others while einat runs: looked for after every change, told once. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/netfilter.h>

#include "nft/open.h"
#include "src/instance_impl.h"
#include "src/log.h"
#include "src/recheck.h"

/* Sockets, settings and iptables-legacy rules send no events: ticks between two looks. */
#define CHECK_TICKS  (30 * 1000 / INSTANCE_TICK_MS)
#define LEGACY_TICKS (10 * 1000 / INSTANCE_TICK_MS)

/* Without --open, and with another mark, rules of earlier are of no use. */
static void close_others(const struct conf_if *cif)
{
	struct err err = { "" };

	if (nft_open_remove(cif->name, cif->open ? cif->inbound_mark.value : 0,
			    cif->open ? cif->inbound_mark.mask : 0, &err))
		log_warn("%s: %s", cif->name, err.text);
}

static void forget_opened(struct instance *inst)
{
	while (inst->n_opened)
		free(inst->opened[--inst->n_opened]);
}

void instance_check_begin(struct instance *inst)
{
	close_others(inst->cif);
	recheck_want(inst->recheck);
}

void instance_check_reload(struct instance *inst, const struct conf_if *now)
{
	close_others(now);
	forget_opened(inst);
	recheck_anew(inst->recheck);
}

void instance_check_free(struct instance *inst)
{
	forget_opened(inst);
	recheck_close(inst->recheck);
}

int instance_check_fd(const struct instance *inst)
{
	return recheck_fd(inst->recheck);
}

void instance_check_want(struct instance *inst)
{
	recheck_want(inst->recheck);
}

void instance_check_tick(struct instance *inst)
{
	if (inst->ticks % CHECK_TICKS == 0 || (inst->ticks % LEGACY_TICKS == 0 && observe_legacy()))
		recheck_want(inst->recheck);
}

static const char *text(const json_t *f, const char *key)
{
	const char *s = json_string_value(json_object_get(f, key));

	return s ? s : "";
}

static bool is_conflict(const json_t *f)
{
	return !strcmp(text(f, "severity"), "conflict");
}

static const json_t *list_of(const struct instance *inst)
{
	return json_object_get(recheck_findings(inst->recheck), "findings");
}

/* ---- --open ------------------------------------------------------------------------------- */

static int family_of(const char *word)
{
	return !strcmp(word, "inet")  ? NFPROTO_INET
	       : !strcmp(word, "ip6") ? NFPROTO_IPV6
				      : NFPROTO_IPV4;
}

static void tell_once(struct instance *inst, const char *line)
{
	if (!instance_told(inst, line))
		log_warn("%s: %s", inst->cif->name, line);
}

/*
 * Whether the chain may be opened now. To do that again is to undo what someone has done: not
 * without end.
 */
static bool may_open(struct instance *inst, const char *chain)
{
	char line[96];

	for (size_t i = 0; i < inst->n_opened; i++)
		if (!strcmp(inst->opened[i], chain))
			return instance_may_restore(inst, RESTORE_OPEN);
	if (inst->n_opened < MAX_OPENED)
		return !instance_restore_waits(inst, RESTORE_OPEN);
	snprintf(line, sizeof(line), "--open has opened %d chains; no more are", MAX_OPENED);
	tell_once(inst, line);
	return false;
}

static void note_opened(struct instance *inst, const char *chain)
{
	for (size_t i = 0; i < inst->n_opened; i++)
		if (!strcmp(inst->opened[i], chain))
			return;
	inst->opened[inst->n_opened] = strdup(chain);
	inst->n_opened += inst->opened[inst->n_opened] != NULL;
}

/* 0, or -errno; -EAGAIN: nothing more is to be opened before the next check. */
static int open_one(struct instance *inst, const json_t *f, uint32_t generation)
{
	const json_t *rule = json_object_get(f, "rule");
	struct open_place place = { .family = family_of(text(rule, "family")),
				    .table = text(rule, "table"),
				    .chain = text(rule, "chain"),
				    .handle = (uint64_t)json_integer_value(
					    json_object_get(rule, "handle")),
				    .generation = generation };
	const struct conf_mark *mark = &inst->cif->inbound_mark;
	struct err err = { "" };
	char chain[640];
	int ret;

	snprintf(chain, sizeof(chain), "%s %s %s", text(rule, "family"), place.table, place.chain);
	if (!may_open(inst, chain))
		return -EAGAIN;
	ret = nft_open_add(inst->cif->name, &place, mark->value, mark->mask, &err);
	if (ret == -ENOENT || ret == -ERESTART)
		return -EAGAIN; /* the rules have changed meanwhile: the next check sees them */
	if (ret) {
		tell_once(inst, err.text);
		return ret;
	}
	note_opened(inst, chain);
	log_info("%s: opened %s for what carries mark 0x%x/0x%x", inst->cif->name, text(f, "where"),
		 mark->value, mark->mask);
	return 0;
}

static bool is_iptables(const json_t *f)
{
	return !strncmp(text(f, "where"), "iptables", 8) ||
	       !strncmp(text(f, "where"), "ip6tables", 9);
}

/* Why it stays closed; for chains of iptables the plan says it, with the command. */
static void tell_closed(struct instance *inst, const json_t *f)
{
	char line[512];

	if (is_iptables(f) || !strcmp(text(f, "severity"), "note"))
		return;
	snprintf(line, sizeof(line),
		 "--open cannot open %s, which drops new connections: a program keeps it for "
		 "itself; einat check -i %s has the command",
		 text(f, "where"), inst->cif->name);
	tell_once(inst, line);
}

/* One rule a check: our own rule is a change, and the event of it asks for the next one. */
static void open_drops(struct instance *inst)
{
	const json_t *all = recheck_findings(inst->recheck), *f;
	uint32_t generation = (uint32_t)json_integer_value(json_object_get(all, "generation"));
	bool go_on = true;
	size_t i;

	if (!inst->cif->open || !inst->engine)
		return;
	if (!generation) /* the rules changed under the check */
		recheck_want(inst->recheck);
	json_array_foreach (list_of(inst), i, f) {
		if (strcmp(text(f, "code"), "drop-inbound"))
			continue;
		if (!json_is_true(json_object_get(json_object_get(f, "rule"), "can_open"))) {
			tell_closed(inst, f);
			continue;
		}
		if (generation && go_on) {
			int ret = open_one(inst, f, generation);

			go_on = ret && ret != -EAGAIN;
		}
	}
}

/* ---- what was found ---------------------------------------------------------------- */

/* A thousand conflicts are told by `einat check`, not by the log. */
#define LOG_MAX 16
/* Changes may never end: what was found meanwhile is told after so many checks. */
#define MAX_UNTOLD 3

static void tell_conflicts(struct instance *inst)
{
	const json_t *f;
	char line[512];
	size_t i, n = 0;

	json_array_foreach (list_of(inst), i, f) {
		if (!is_conflict(f))
			continue;
		if (n++ == LOG_MAX) {
			snprintf(line, sizeof(line),
				 "more than %d conflicts; einat check -i %s lists them", LOG_MAX,
				 inst->cif->name);
			tell_once(inst, line);
			break;
		}
		snprintf(line, sizeof(line),
			 "conflict %s: %s (%s%s%s); einat check -i %s tells more", text(f, "code"),
			 text(f, "what"), text(f, "where"), *text(f, "text") ? ": " : "",
			 text(f, "text"), inst->cif->name);
		tell_once(inst, line);
	}
}

void instance_on_check(struct instance *inst)
{
	unsigned news = recheck_ready(inst->recheck, inst->cif);

	if (news & RECHECK_RULES_NEW)
		instance_rules_changed(inst, recheck_take_rules(inst->recheck));
	if (!(news & RECHECK_FINDINGS_NEW))
		return;
	open_drops(inst);
	/* seen in the middle of a change, an interface without einat's programs is no news */
	if (recheck_wanted(inst->recheck) && inst->untold++ < MAX_UNTOLD)
		return;
	inst->untold = 0;
	tell_conflicts(inst);
}

json_t *instance_conflicts(const struct instance *inst)
{
	json_t *list = json_array();
	const json_t *f;
	size_t i;

	json_array_foreach (list_of(inst), i, f)
		if (is_conflict(f))
			json_array_append_new(
				list, json_pack("{s:s, s:s, s:s}", "code", text(f, "code"), "what",
						text(f, "what"), "where", text(f, "where")));
	return list;
}

void instance_check_answer(const struct instance *inst, int fd)
{
	recheck_answer(inst->cif, fd);
}
