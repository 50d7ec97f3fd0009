// SPDX-License-Identifier: GPL-2.0-or-later
/* Restores what others remove of einat's own, unless they do it over and over. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "src/instance_impl.h"
#include "src/log.h"
#include "src/nft_events.h"

static const char *const what[RESTORE_COUNT] = {
	[RESTORE_TABLE] = "nftables table",
	[RESTORE_HAIRPIN] = "hairpin rules",
	[RESTORE_ATTACH] = "attachment to the interface",
	[RESTORE_OPEN] = "rules of --open",
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

bool instance_may_restore(struct instance *inst, enum restore_kind kind)
{
	struct restore *r = &inst->restore[kind];
	struct err err;

	switch (backoff_ask(&r->backoff, now_ms())) {
	case BACKOFF_GO:
		return true;
	case BACKOFF_WAIT:
		return false;
	case BACKOFF_BEGINS:
		break;
	}
	log_error(
		"%s: einat's %s: undone %d times in less than %d s%s%s%s: another program "
		"restores its own over and over; einat stops for %d s, and longer each time (einat "
		"status shows it), until that program is stopped or told to leave it alone",
		inst->cif->name, what[kind], BACKOFF_TIMES + 1, BACKOFF_WINDOW_MS / 1000,
		*r->by ? ", the last time by \"" : "", r->by, *r->by ? "\"" : "",
		BACKOFF_FIRST_MS / 1000);
	/* a part of it alone might be worse than none: the local rule, say */
	if (kind == RESTORE_HAIRPIN && hairpin_remove(inst->cif->name, &err))
		log_error("%s: %s", inst->cif->name, err.text);
	return false;
}

bool instance_restore_waits(const struct instance *inst, enum restore_kind kind)
{
	return backoff_waits(&inst->restore[kind].backoff, now_ms());
}

/* `nft flush ruleset`, a firewall's reload: without the claim, bindings would be masqueraded. */
static void check_table(struct instance *inst, bool foreign)
{
	struct restore *r = &inst->restore[RESTORE_TABLE];
	struct err err;

	if (!inst->engine || !inst->plan ||
	    (!foreign && nft_table_intact(&inst->plan->nft, NULL) != 0))
		return;
	if (!instance_may_restore(inst, RESTORE_TABLE))
		return;
	/* first mend, then tell */
	if (nft_table_apply(&inst->plan->nft, &err)) {
		log_error("%s: einat's nftables table was changed and cannot be mended: %s",
			  inst->cif->name, err.text);
		inst->retry = true;
	} else if (!r->backoff.pause_ms) {
		log_warn("%s: einat's nftables table was %s%s%s%s; written again", inst->cif->name,
			 foreign ? "replaced" : "deleted or emptied", *r->by ? " by \"" : "", r->by,
			 *r->by ? "\"" : "");
	}
}

/* A table that is gone, or is of another's making, tells nothing of what users want. */
static void read_edits(struct instance *inst)
{
	struct err err;
	int ret;

	if (!inst->engine || !inst->plan || instance_restore_waits(inst, RESTORE_TABLE))
		return;
	ret = nft_edits_read(inst->edits, &inst->plan->nft, &err);
	if (ret && ret != -ENOENT)
		log_warn("%s: %s; edits of its sets may be lost when it is written anew",
			 inst->cif->name, err.text);
	else
		log_debug("%s: %zu elements of its sets are users' edits", inst->cif->name,
			  nft_edits_count(inst->edits));
}

/* The table is mended at once; others' rules may come in a burst, so these are read later. */
void instance_on_rules(struct instance *inst, int events, const char *by)
{
	instance_check_want(inst);
	if (events & NFT_EV_EDITED && !(events & NFT_EV_REPLACED))
		read_edits(inst);
	if (!(events & NFT_EV_OURS))
		return;
	snprintf(inst->restore[RESTORE_TABLE].by, sizeof(inst->restore[RESTORE_TABLE].by), "%s",
		 by);
	check_table(inst, events & NFT_EV_REPLACED);
}

void instance_check_hairpin(struct instance *inst)
{
	if (!inst->plan || !inst->engine || !inst->cif->n_hairpin_ifs || !inst->link.n_addr ||
	    instance_restore_waits(inst, RESTORE_HAIRPIN) ||
	    hairpin_check(&inst->plan->hairpin, NULL) != 0)
		return;
	if (instance_may_restore(inst, RESTORE_HAIRPIN))
		instance_try_apply(inst, "the removal of hairpin rules");
}

/* What waited for the end of a pause; the attachment is looked after every second anyway. */
void instance_restore_tick(struct instance *inst)
{
	uint64_t now = now_ms();

	if (backoff_due(&inst->restore[RESTORE_TABLE].backoff, now))
		check_table(inst, false);
	if (backoff_due(&inst->restore[RESTORE_HAIRPIN].backoff, now))
		instance_check_hairpin(inst);
	if (backoff_due(&inst->restore[RESTORE_OPEN].backoff, now))
		instance_check_want(inst);
	for (unsigned k = 0; k < RESTORE_COUNT; k++)
		if (backoff_calm(&inst->restore[k].backoff, now))
			log_info("%s: einat's %s: nobody undoes it any more", inst->cif->name,
				 what[k]);
}

json_t *instance_contested(const struct instance *inst)
{
	json_t *list = json_array();
	uint64_t now = now_ms();

	for (unsigned k = 0; k < RESTORE_COUNT; k++) {
		const struct restore *r = &inst->restore[k];
		const struct backoff *b = &r->backoff;

		if (b->pause_ms)
			json_array_append_new(
				list, json_pack("{s:s, s:s, s:I, s:i}", "what", what[k], "by",
						r->by, "restored", (json_int_t)b->times, "next",
						backoff_waits(b, now)
							? (int)((b->until - now + 999) / 1000)
							: 0));
	}
	return list;
}
