// SPDX-License-Identifier: GPL-2.0-or-later
/* The maps of stateless prefix translation. */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "src/engine_impl.h"

struct table {
	enum dp_map map;
	const struct plan_npt_entry *v;
	size_t n;
};

static void tables(const struct plan *plan, struct table t[2])
{
	t[0] = (struct table){ DP_NPT_OUT, plan->npt.out, plan->npt.n_out };
	t[1] = (struct table){ DP_NPT_IN, plan->npt.in, plan->npt.n_in };
}

static struct einat_lpm_key npt_key(const struct net_prefix *p)
{
	struct einat_lpm_key key = { .prefixlen = p->len };

	memcpy(&key.addr, &p->addr, sizeof(key.addr));
	return key;
}

static bool is_wanted(const struct table *t, const struct einat_lpm_key *key)
{
	for (size_t i = 0; i < t->n; i++) {
		struct einat_lpm_key k = npt_key(&t->v[i].prefix);

		if (!memcmp(&k, key, sizeof(k)))
			return true;
	}
	return false;
}

/*
 * From the top again after each deletion: the order of the keys is that of the tree, which a
 * deletion changes.
 */
static void delete_others(int fd, const struct table *t)
{
	struct einat_lpm_key key, *prev = NULL, next;

	while (!bpf_map_get_next_key(fd, prev, &next)) {
		key = next;
		prev = &key;
		if (!is_wanted(t, &key) && !bpf_map_delete_elem(fd, &key))
			prev = NULL;
	}
}

/* An address may stand there twice, with the later entry in force: it is the narrower rule. */
int engine_write_npt(struct engine *e, const struct plan *plan, struct err *err)
{
	struct table t[2];

	tables(plan, t);
	for (int i = 0; i < 2; i++) {
		int fd = dataplane_fd(e->dp, t[i].map);

		for (size_t j = 0; j < t[i].n; j++) {
			struct einat_lpm_key key = npt_key(&t[i].v[j].prefix);

			if (bpf_map_update_elem(fd, &key, &t[i].v[j].npt, BPF_ANY))
				return err_sys(err, errno, "cannot write the list \"%s\"",
					       dp_map_name(t[i].map));
		}
		delete_others(fd, &t[i]);
	}
	return 0;
}

/* The entry of @key that is in force: the last one. */
static const struct einat_npt *entry_of(const struct table *t, const struct einat_lpm_key *key)
{
	const struct einat_npt *found = NULL;

	for (size_t i = 0; i < t->n; i++) {
		struct einat_lpm_key k = npt_key(&t->v[i].prefix);

		if (!memcmp(&k, key, sizeof(k)))
			found = &t->v[i].npt;
	}
	return found;
}

static bool same(const struct dataplane *dp, const struct table *t)
{
	int fd = dataplane_fd(dp, t->map);
	struct einat_lpm_key key;
	size_t have = 0, want = 0;

	if (fd < 0)
		return !t->n;
	for (bool more = !bpf_map_get_next_key(fd, NULL, &key); more; have++) {
		if (!entry_of(t, &key))
			return false; /* a look-up might find it in place of what it covers */
		more = !bpf_map_get_next_key(fd, &key, &key);
	}
	for (size_t i = 0; i < t->n; i++) {
		struct einat_lpm_key k = npt_key(&t->v[i].prefix);
		const struct einat_npt *entry = entry_of(t, &k);
		struct einat_npt npt;

		want += entry == &t->v[i].npt;
		if (bpf_map_lookup_elem(fd, &k, &npt) || memcmp(&npt, entry, sizeof(npt)))
			return false;
	}
	return have == want;
}

bool engine_npt_same(const struct dataplane *dp, const struct plan *plan)
{
	struct table t[2];

	tables(plan, t);
	return same(dp, &t[0]) && same(dp, &t[1]);
}
