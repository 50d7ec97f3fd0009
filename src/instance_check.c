// SPDX-License-Identifier: GPL-2.0-or-later
/* Conflicts with others while einat runs: looked for after every change, told once. */
#include <errno.h>
#include <string.h>
#include <linux/netfilter.h>

#include "nft/open.h"
#include "src/instance_impl.h"
#include "src/log.h"
#include "src/recheck.h"

/* Sockets, settings and iptables-legacy rules send no events: ticks between two looks. */
#define CHECK_TICKS (30 * 1000 / INSTANCE_TICK_MS)

void instance_check_open(struct instance *inst)
{
	struct err err = { "" };

	if (recheck_open(&inst->recheck, &err))
		log_warn("%s: %s", inst->cif->name, err.text);
	else
		recheck_want(inst->recheck);
}

int instance_check_fd(const struct instance *inst)
{
	return inst->recheck ? recheck_fd(inst->recheck) : -1;
}

void instance_check_want(struct instance *inst)
{
	recheck_want(inst->recheck);
}

void instance_check_tick(struct instance *inst)
{
	if (inst->ticks % CHECK_TICKS == 0)
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
	return inst->recheck ? json_object_get(recheck_findings(inst->recheck), "findings") : NULL;
}

/* ---- --open ------------------------------------------------------------------------------- */

/* Chains that drop in several places are opened one by one; beyond this something is wrong. */
#define OPEN_MAX 16

static int family_of(const char *word)
{
	return !strcmp(word, "inet")  ? NFPROTO_INET
	       : !strcmp(word, "ip6") ? NFPROTO_IPV6
				      : NFPROTO_IPV4;
}

static void open_one(struct instance *inst, const json_t *f)
{
	const json_t *rule = json_object_get(f, "rule");
	struct open_place place = { .family = family_of(text(rule, "family")),
				    .table = text(rule, "table"),
				    .chain = text(rule, "chain"),
				    .handle = (uint64_t)json_integer_value(
					    json_object_get(rule, "handle")) };
	const struct conf_mark *mark = &inst->cif->inbound_mark;
	struct err err = { "" };
	char line[320];
	int n = nft_open_count(inst->cif->name, &err), ret = n < 0 ? n : 0;

	if (!ret && n >= OPEN_MAX)
		ret = err_set(&err, E2BIG, "--open has inserted %d rules already; no more", n);
	if (!ret)
		ret = nft_open_add(inst->cif->name, &place, mark->value, mark->mask, &err);
	if (ret == -ENOENT)
		return; /* the rules have changed meanwhile: the next check sees them */
	if (ret)
		snprintf(line, sizeof(line), "%s", err.text);
	else
		snprintf(line, sizeof(line), "opened %s for what carries mark 0x%x/0x%x",
			 text(f, "where"), mark->value, mark->mask);
	if (ret && !instance_told(inst, line))
		log_warn("%s: %s", inst->cif->name, line);
	else if (!ret)
		log_info("%s: %s", inst->cif->name, line);
}

/* One rule a chain and check; the event of our own rule asks for the next one. */
static void open_drops(struct instance *inst)
{
	const json_t *f;
	size_t i;

	if (!inst->cif->open || !inst->engine)
		return;
	json_array_foreach (list_of(inst), i, f)
		if (!strcmp(text(f, "code"), "drop-inbound") &&
		    json_is_true(json_object_get(json_object_get(f, "rule"), "can_open")))
			open_one(inst, f);
}

/* ---- what was found ---------------------------------------------------------------------------
 */

void instance_on_check(struct instance *inst)
{
	const json_t *f;
	char line[512];
	size_t i;

	if (!recheck_ready(inst->recheck, inst->cif))
		return;
	open_drops(inst);
	json_array_foreach (list_of(inst), i, f) {
		if (!is_conflict(f))
			continue;
		snprintf(line, sizeof(line),
			 "conflict %s: %s (%s%s%s); einat check -i %s tells more", text(f, "code"),
			 text(f, "what"), text(f, "where"), *text(f, "text") ? ": " : "",
			 text(f, "text"), inst->cif->name);
		if (!instance_told(inst, line))
			log_warn("%s: %s", inst->cif->name, line);
	}
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
