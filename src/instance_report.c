// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <unistd.h>

#include "src/instance_impl.h"
#include "src/report.h"

static const struct dataplane *dataplane_of(const struct instance *inst)
{
	return inst->engine ? engine_dataplane(inst->engine) : NULL;
}

json_t *instance_bindings(const struct instance *inst)
{
	return report_bindings(inst->cif->name, dataplane_of(inst));
}

json_t *instance_stats(const struct instance *inst)
{
	return report_stats(inst->cif->name, dataplane_of(inst));
}

static json_t *addresses(const struct link_info *link)
{
	json_t *list = json_array();
	char buf[NET_ADDR_STRLEN];

	for (size_t i = 0; i < link->n_addr; i++)
		json_array_append_new(list, json_string(net_addr_format(&link->addr[i], buf)));
	return list;
}

/* Ports of @slice that @kind holds now, as text; NULL: none, or no memory. */
static char *held_ports(const struct owners *o, enum owner_kind kind, unsigned proto,
			const struct conf_slice *slice)
{
	struct port_set held = { 0 }, outside = { 0 };
	char *text = NULL;

	if (!owners_ports(o, kind, proto, &held) && !port_set_copy(&outside, &held) &&
	    !port_set_subtract(&outside, &slice->ports) && !port_set_subtract(&held, &outside) &&
	    held.n)
		text = port_set_format(&held);
	port_set_free(&held);
	port_set_free(&outside);
	return text;
}

/* Whom einat leaves ports of the slice to; what the operator excludes is in the configuration. */
static json_t *yielded(const struct owners *o, const struct conf_slice *slice)
{
	static const enum owner_kind kinds[] = { OWNER_DNAT, OWNER_SOCKET, OWNER_NETFILTER };
	json_t *list = json_array();

	for (unsigned p = 0; p < PROTO_COUNT; p++)
		for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
			char *ports =
				slice->protos & 1u << p ? held_ports(o, kinds[i], p, slice) : NULL;

			if (ports)
				json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "to",
								      owner_kind_name(kinds[i]),
								      "proto", proto_name(1u << p),
								      "ports", ports));
			free(ports);
		}
	return list;
}

static json_t *slices(const struct instance *inst)
{
	const struct conf_if *cif = inst->cif;
	json_t *list = json_array();

	for (size_t i = 0; i < cif->n_slices; i++) {
		json_t *protos = json_array();
		char *ports = port_set_format(&cif->slices[i].ports);

		for (unsigned p = 0; p < PROTO_COUNT; p++)
			if (cif->slices[i].protos & 1u << p)
				json_array_append_new(protos, json_string(proto_name(1u << p)));
		json_array_append_new(list, json_pack("{s:o, s:s, s:o}", "proto", protos, "ports",
						      ports ? ports : "", "yielded",
						      yielded(inst->owners, &cif->slices[i])));
		free(ports);
	}
	return list;
}

static json_t *prefixes(const struct plan *plan)
{
	json_t *list = json_array();

	for (size_t i = 0; plan && i < plan->npt.n_pairs; i++) {
		const struct plan_pair *p = &plan->npt.pairs[i];
		char in[NET_ADDR_STRLEN], ext[NET_ADDR_STRLEN];

		json_array_append_new(
			list, json_pack("{s:s, s:s?, s:b}", "internal",
					net_prefix_format(&p->pair.internal, in), "external",
					p->known ? net_prefix_format(&p->pair.external, ext) : NULL,
					"auto", p->is_auto));
	}
	return list;
}

static json_t *strings(char *const *s, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_string(s[i]));
	return list;
}

static const char *rest_name(enum nft_rest rest)
{
	switch (rest) {
	case NFT_REST_OWN:
		return "own";
	case NFT_REST_GUARD:
		return "guard";
	case NFT_REST_NONE:
		return "none";
	}
	return "?";
}

/* active: every protocol of the slices; absent: no interface or no table of ours. */
static const char *claim_state(const struct instance *inst)
{
	unsigned wanted = 0, claimed = 0;

	if (!inst->engine || !inst->plan)
		return "absent";
	for (size_t i = 0; i < inst->cif->n_slices; i++) {
		wanted |= inst->cif->slices[i].protos;
		claimed |= inst->plan->nft.slices[i].protos;
	}
	return claimed == wanted ? "active" : claimed ? "partly suspended" : "suspended";
}

static int count_binding(const struct binding *b, void *data)
{
	(void)b;
	++*(unsigned *)data;
	return 0;
}

json_t *instance_status(const struct instance *inst)
{
	const struct plan *plan = inst->plan;
	const struct engine *e = inst->engine;
	unsigned n = 0;
	json_t *json;

	if (e)
		dataplane_foreach(engine_dataplane(e), count_binding, &n);
	json = json_pack(
		"{s:s, s:b, s:i, s:i, s:s, s:o, s:s, s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:b, s:o}",
		"interface", inst->cif->name, "running", 1, "pid", (int)getpid(), "ifindex",
		inst->link.ifindex, "attach", attach_mode_name(e ? engine_mode(e) : 0), "external",
		addresses(&inst->link), "rest", plan ? rest_name(plan->nft.rest) : "?", "claim",
		claim_state(inst), "bindings", (int)n, "slices", slices(inst), "nptv6",
		prefixes(plan), "hairpin",
		strings(inst->cif->hairpin_ifs, inst->cif->n_hairpin_ifs), "warnings",
		plan ? strings(plan->warnings, plan->n_warnings) : json_array(), "contested",
		instance_contested(inst), "checking", !recheck_settled(inst->recheck), "conflicts",
		instance_conflicts(inst));
	if (plan && plan->ipv6)
		json_object_set_new(json, "rest6", json_string(rest_name(plan->nft.rest6)));
	return json;
}
