// SPDX-License-Identifier: GPL-2.0-or-later
/* What should be there, and at which preferences. */
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "state.h"

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/*
 * A rule that stood after `local` must not stand before it now, or it would take packets to this
 * host elsewhere: the moved `local` rule goes below the lowest of them, ours below that.
 */
int hp_place_find(const struct hp_state *s, struct hp_place *ret_place, struct err *err)
{
	struct hp_place p = { .local = HP_NO_PREF };

	if (!s->zero.n && !s->moved.n && s->foreign_local != HP_NO_PREF) {
		p.pref = min_u32(HP_RULE_PREF, s->foreign_local - 1);
		*ret_place = p;
		return 0;
	}
	/* none at all: `ip rule flush`, which spares the one at 0 alone, has taken the moved one */
	if (s->beside_zero && !s->moved.n)
		return err_set(err, EBUSY,
			       "hairpin needs the ip rule \"from all lookup local\" moved from "
			       "preference 0, but another rule has preference 0 too and would then "
			       "come first (give that rule a preference above 2)");
	if (s->moved.n && s->moved.v[0].key.pref < s->foreign)
		p.local = s->moved.v[0].key.pref;
	else
		p.local = min_u32(HP_LOCAL_PREF, s->foreign - 1);
	if (p.local < 1)
		return err_set(
			err, EBUSY,
			"hairpin needs two ip rules before all others except \"from all lookup "
			"local\", but a rule has preference 1 (give it one above 2)");
	p.pref = min_u32(HP_RULE_PREF, p.local - 1);
	*ret_place = p;
	return 0;
}

static int add(struct hp_list *l, const struct hp_key *key)
{
	char buf[HP_MSG_LEN] __attribute__((aligned(NLMSG_ALIGNTO)));

	for (size_t i = 0; i < l->n; i++)
		if (hp_key_eq(&l->v[i].key, key))
			return 0;
	return hp_list_add(l, key, hp_msg_put(buf, key));
}

static int want_rules(const struct hairpin_spec *spec, const struct net_addr *ext, uint32_t pref,
		      struct hp_list *l)
{
	struct hp_key k = { .kind = HP_RULE,
			    .family = hp_family(ext),
			    .pref = pref,
			    .table = hairpin_table(spec->ifname),
			    .addr = *ext };
	int ret = 0;

	for (size_t i = 0; i < spec->n_in_ifs; i++) {
		strcpy(k.iif, spec->in_ifs[i]);
		for (unsigned p = 0; p < PROTO_COUNT; p++) {
			if (!(spec->protos & (1u << p) & (PROTO_UDP | PROTO_TCP)))
				continue;
			k.ipproto = proto_number(1u << p);
			for (size_t j = 0; j < spec->ports[p].n && !ret; j++) {
				k.lo = spec->ports[p].r[j].lo;
				k.hi = spec->ports[p].r[j].hi;
				ret = add(l, &k);
			}
		}
	}
	return ret;
}

static int want_path(const struct hairpin_spec *spec, const struct net_addr *ext, struct hp_list *l)
{
	struct hp_key route = { .kind = HP_ROUTE,
				.family = hp_family(ext),
				.pref = net_addr_is4(ext) ? 0 : HP_ROUTE6_METRIC,
				.table = hairpin_table(spec->ifname),
				.oif = spec->ifindex,
				.addr = *ext };
	struct hp_key neigh = {
		.kind = HP_NEIGH, .family = hp_family(ext), .oif = spec->ifindex, .addr = *ext
	};
	int ret = 0;

	memcpy(neigh.mac, spec->mac, sizeof(neigh.mac));
	if (spec->has_mac)
		ret = add(l, &neigh);
	return ret ? ret : add(l, &route);
}

static bool want_anything(const struct hairpin_spec *spec)
{
	if (!spec->n_in_ifs)
		return false;
	for (unsigned p = 0; p < PROTO_COUNT; p++)
		if (spec->protos & (1u << p) & (PROTO_UDP | PROTO_TCP) && spec->ports[p].n)
			return true;
	return false;
}

static int check_names(const struct hairpin_spec *spec, struct err *err)
{
	for (size_t i = 0; i < spec->n_in_ifs; i++) {
		size_t n = strlen(spec->in_ifs[i]);

		if (!n || n >= HP_IFNAMSIZ)
			return err_set(err, EINVAL,
				       "hairpin: \"%s\" cannot be an interface: 1 to 15 characters",
				       spec->in_ifs[i]);
		if (!strcmp(spec->in_ifs[i], spec->ifname))
			return err_set(
				err, EINVAL,
				"hairpin: %s is the external interface; name the interfaces that "
				"internal hosts are behind",
				spec->ifname);
	}
	return 0;
}

int hp_want(const struct hairpin_spec *spec, uint8_t family, uint32_t pref,
	    struct hp_list *ret_list, struct err *err)
{
	struct hp_list l = { 0 };
	int ret = check_names(spec, err);

	if (ret)
		return ret;
	if (!want_anything(spec)) {
		*ret_list = l;
		return 0;
	}
	for (size_t i = 0; i < spec->n_external && !ret; i++) {
		if (hp_family(&spec->external[i]) != family)
			continue;
		ret = want_path(spec, &spec->external[i], &l);
		if (!ret)
			ret = want_rules(spec, &spec->external[i], pref, &l);
	}
	if (ret) {
		hp_list_free(&l);
		return err_sys(err, -ret, "hairpin on %s", spec->ifname);
	}
	if (!spec->n_external)
		return err_set(err, EADDRNOTAVAIL,
			       "hairpin on %s: the interface has no address yet", spec->ifname);
	*ret_list = l;
	return 0;
}
