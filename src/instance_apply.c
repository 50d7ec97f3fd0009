// SPDX-License-Identifier: GPL-2.0-or-later
/* From what is known of one interface to the plan, and the plan to the system. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/instance_impl.h"
#include "src/log.h"

int fail_at(const char *step, struct err *err)
{
	const char *at = getenv("EINAT_FAIL_AT");

	if (!at || strcmp(at, step))
		return 0;
	return err_set(err, EIO, "step \"%s\" fails because EINAT_FAIL_AT says so", step);
}

void instance_suspend(struct instance *inst, bool suspended)
{
	for (unsigned s = 0; s < EINAT_MAX_SLICES; s++)
		inst->suspended[s] = suspended ? PROTO_ALL : 0;
	inst->npt_suspended = suspended;
}

static int make_plan(struct instance *inst, struct plan **ret_plan, struct err *err)
{
	struct port_set bound[PROTO_COUNT] = { 0 };
	struct observed obs = { .read_link = link_read,
				.link = &inst->link,
				.foreign = inst->foreign,
				.owners = inst->owners,
				.no_forwarding = !observe_forwarding(),
				.no_forwarding6 = !observe_forwarding6(),
				.bound = bound,
				.npt_suspended = inst->npt_suspended,
				.suspended = inst->suspended };
	int ret = 0;

	inst->owners_seen = owners_generation(inst->owners);
	if (inst->engine)
		ret = observe_bound(engine_dataplane(inst->engine), bound);
	if (ret)
		ret = err_sys(err, -ret, "cannot list the bindings of %s", inst->cif->name);
	else
		ret = plan_build(inst->cif, &obs, ret_plan, err);
	if (!ret)
		(*ret_plan)->nft.edits = inst->edits;
	for (unsigned p = 0; p < PROTO_COUNT; p++)
		port_set_free(&bound[p]);
	return ret;
}

/* A rule that a reload has made again has another handle. */
static bool same_warning(const char *a, const char *b)
{
	static const char handle[] = "handle ";
	const size_t len = sizeof(handle) - 1;

	for (;;) {
		if (!strncmp(a, handle, len) && !strncmp(b, handle, len)) {
			a += len + strspn(a + len, "0123456789");
			b += len + strspn(b + len, "0123456789");
		}
		if (*a != *b || !*a)
			return *a == *b;
		a++;
		b++;
	}
}

/* Each warning is told once, also when its cause goes and comes back with a reload. */
bool instance_told(struct instance *inst, const char *text)
{
	char **slot = &inst->told[inst->n_told % MAX_TOLD];

	for (size_t i = 0; i < MAX_TOLD && i < inst->n_told; i++)
		if (inst->told[i] && same_warning(inst->told[i], text))
			return true;
	free(*slot); /* the oldest makes room */
	*slot = strdup(text);
	inst->n_told += *slot != NULL;
	return false;
}

static void take_plan(struct instance *inst, struct plan *plan)
{
	for (size_t i = 0; i < plan->n_warnings; i++)
		if (!instance_told(inst, plan->warnings[i]))
			log_warn("%s: %s", inst->cif->name, plan->warnings[i]);
	plan_free(inst->plan);
	inst->plan = plan;
}

static int list_union(struct net_list *dst, const struct net_list *src)
{
	int ret = 0;

	for (size_t i = 0; i < src->n && !ret; i++)
		ret = net_list_add(dst, &src->p[i]);
	return ret;
}

/*
 * Claims nothing that either the old or the new plan does not: in force while the data plane
 * changes from one to the other, so that nothing is ever claimed that it would not take.
 */
static int claim_less(struct plan *both, const struct plan *old)
{
	int ret = 0;

	for (size_t i = 0; i < both->nft.n_slices && !ret; i++) {
		struct nft_slice *s = &both->nft.slices[i];
		const struct nft_slice *o = &old->nft.slices[i];

		s->protos &= o->protos;
		ret = list_union(&s->not_internal, &o->not_internal);
		if (!ret)
			ret = list_union(&s->exclude_dest, &o->exclude_dest);
	}
	instance_claim_less_prefixes(both, old);
	return ret;
}

static int apply_between(struct instance *inst, struct err *err)
{
	struct plan *both = NULL;
	int ret;

	/* without a table nothing is claimed: there is no state in between */
	if (!inst->plan || nft_table_exists(inst->cif->name, NULL) != 1)
		return 0;
	/* after a reload: unclaimed already */
	if (inst->plan->nft.n_slices != inst->cif->n_slices)
		return 0;
	ret = make_plan(inst, &both, err);
	if (!ret && claim_less(both, inst->plan))
		ret = err_sys(err, ENOMEM, "plan");
	if (!ret)
		ret = nft_table_update(&inst->plan->nft, &both->nft, err);
	if (ret) {
		plan_free(both);
		return ret;
	}
	instance_forget_dropped(inst, both);
	plan_free(inst->plan);
	inst->plan = both;
	return 0;
}

static int apply_nft(struct instance *inst, const struct plan *plan, struct err *err)
{
	int ret = fail_at("nft", err);

	if (ret)
		return ret;
	if (inst->plan && nft_table_exists(inst->cif->name, NULL) == 1)
		return nft_table_update(&inst->plan->nft, &plan->nft, err);
	if (instance_restore_waits(inst, RESTORE_TABLE))
		return 0; /* someone else keeps deleting it */
	return nft_table_apply(&plan->nft, err);
}

static int apply_hairpin(const struct instance *inst, const struct plan *plan, struct err *err)
{
	int ret = fail_at("hairpin", err);

	if (ret || !plan->hairpin.n_in_ifs)
		return ret;
	if (!plan->hairpin.n_external || !inst->link.up)
		return hairpin_remove(plan->hairpin.ifname, err);
	if (instance_restore_waits(inst, RESTORE_HAIRPIN))
		return 0;
	return hairpin_apply(&plan->hairpin, err);
}

void instance_resume(struct instance *inst)
{
	instance_suspend(inst, false);
}

static int write_unclaimed(struct plan *plan, struct err *err)
{
	for (size_t i = 0; i < plan->nft.n_slices; i++)
		plan->nft.slices[i].protos = 0;
	net_list_free(&plan->nft.npt_claim);
	return nft_table_apply(&plan->nft, err);
}

static void end_handover(struct instance *inst)
{
	struct err why;

	if (instance_handover_end(inst, &why))
		log_warn("%s: %s", inst->cif->name, why.text);
}

/* The programs are those of @plan now. Until then answers were translated that were on their way.
 */
static void translated_no_more(struct instance *inst, const struct plan *plan)
{
	instance_forget_prefixes(inst, plan, true);
	end_handover(inst);
}

/* The data plane comes first: nothing is claimed before it works. */
int instance_start_engine(struct instance *inst, struct err *err)
{
	struct plan *plan = NULL;
	struct engine *e = NULL;
	bool others = false;
	int ret = make_plan(inst, &plan, err);

	if (!ret)
		ret = fail_at("load", err);
	if (!ret)
		ret = engine_open(&inst->link, plan, inst->engine, inst->conf->pin_dir,
				  inst->cif->attach, &e, err);
	if (!ret && inst->engine)
		engine_keep_parked(e, inst->engine);
	/* an earlier einat's table must not claim what the data plane takes no more */
	if (!ret)
		others = !inst->plan && engine_takes_over(e) && engine_differs(e, plan);
	if (others)
		ret = write_unclaimed(plan, err);
	if (!ret)
		instance_forget_prefixes(inst, plan, false);
	if (!ret)
		instance_forget_dropped(inst, plan);
	if (!ret)
		ret = engine_configure(e, plan, &inst->link, err);
	if (!ret)
		ret = fail_at("attach", err);
	if (!ret)
		ret = engine_attach(e, err);
	if (ret) {
		plan_free(plan);
		engine_close(e);
		return ret;
	}
	translated_no_more(inst, plan);
	inst->engine = e;
	inst->detached = false;
	if (engine_taken_over(e))
		inst->npt_elsewhere = false; /* an earlier einat has claimed what may have moved */
	if (others)
		instance_forget_unknown(inst, plan);
	plan_free(plan);
	instance_slow_open(inst);
	return 0;
}

/*
 * More addresses than the maps were made for: larger ones, bindings come along. After a reload that
 * could not load its programs: these, for nothing may be claimed that those in place let pass.
 */
static int enlarge(struct instance *inst, const struct plan *plan, struct err *err)
{
	struct engine *old = inst->engine;
	bool can = engine_can(old, plan);
	struct err why = { "" };
	int ret;

	if (can && engine_fits(old, plan, &inst->link))
		return 0;
	ret = instance_start_engine(inst, &why);
	if (!ret)
		engine_close(old);
	else if (!can)
		return err_set(err, -ret, "%s", why.text);
	else
		log_error("%s: not all external addresses can be served: %s", inst->cif->name,
			  why.text);
	return 0;
}

static int apply(struct instance *inst, struct err *err)
{
	struct plan *plan = NULL;
	int ret = apply_between(inst, err);

	if (!ret)
		ret = make_plan(inst, &plan, err);
	if (!ret)
		ret = enlarge(inst, plan, err);
	if (!ret)
		instance_forget_prefixes(inst, plan, false);
	if (!ret)
		ret = engine_configure(inst->engine, plan, &inst->link, err);
	if (!ret)
		translated_no_more(inst, plan);
	if (!ret)
		ret = apply_nft(inst, plan, err);
	if (ret) {
		plan_free(plan);
		return ret;
	}
	take_plan(inst, plan); /* it is what the table holds now, whatever comes after */
	instance_note_left(inst);
	return apply_hairpin(inst, plan, err);
}

int instance_apply(struct instance *inst, struct err *err)
{
	int ret = apply(inst, err);

	end_handover(inst); /* of one that was not completed */
	return ret;
}

/* From here on new flows go to masquerade; bindings that exist are served. */
int instance_unclaim(struct instance *inst, struct err *err)
{
	struct plan *plan = NULL;
	int ret;

	if (!inst->plan)
		return 0; /* nothing was written yet */
	instance_suspend(inst, true);
	ret = make_plan(inst, &plan, err);
	if (!ret && nft_table_exists(inst->cif->name, err) == 1)
		ret = nft_table_update(&inst->plan->nft, &plan->nft, err);
	if (ret) {
		plan_free(plan);
		return ret;
	}
	plan_free(inst->plan);
	inst->plan = plan;
	return 0;
}
