// SPDX-License-Identifier: GPL-2.0-or-later
/* What a running einat has written: is it still there? */
#include <string.h>
#include <linux/netfilter.h>

#include "check/check_impl.h"
#include "nft/table_model.h"

static bool has_claim(const struct fw_snapshot *s, const struct fw_table *t)
{
	for (size_t i = 0; i < s->n_chains; i++)
		if (s->chains[i]->table == t && !strcmp(s->chains[i]->name, NAME_CLAIM))
			return s->chains[i]->n_rules > 0;
	return false;
}

int check_own(struct check *x)
{
	char name[NAME_SIZE];
	const struct fw_table *t =
		fw_table_find(x->fw, NFPROTO_INET, table_name(x->conf->name, name));
	bool attached[2] = { false, false }, twice = false;
	struct finding *f;

	for (size_t i = 0; x->link && i < x->host->n_progs; i++)
		if (x->host->progs[i].own && x->host->progs[i].ifindex == x->link->ifindex) {
			twice |= attached[x->host->progs[i].egress];
			attached[x->host->progs[i].egress] = true;
		}
	if (twice) {
		f = finding_add(x->fs, "other-einat");
		finding_set(x->fs, &f->where, "interface %s", x->conf->name);
		finding_set(x->fs, &f->what, "programs of two einats are attached to %s",
			    x->conf->name);
		finding_set(x->fs, &f->mend, "bpftool net show dev %s", x->conf->name);
	}
	x->fs->attached = attached[0] && attached[1];
	if (attached[0] && attached[1] && (!t || t->dormant || !has_claim(x->fw, t))) {
		f = finding_add(x->fs, "table-missing");
		finding_set(x->fs, &f->where, "table inet %s", name);
		finding_set(x->fs, &f->what, "einat's programs are attached to %s, its table is %s",
			    x->conf->name,
			    !t		 ? "gone"
			    : t->dormant ? "dormant"
					 : "not complete");
		finding_set(x->fs, &f->mend,
			    "# einat run writes it again; without one: "
			    "einat stop -i %s",
			    x->conf->name);
	} else if (x->link && t && has_claim(x->fw, t) && !(attached[0] && attached[1])) {
		/* the claim is of an index: without the interface there is nothing that it claims
		 */
		f = finding_add(x->fs, "program-missing");
		finding_set(x->fs, &f->where, "interface %s", x->conf->name);
		finding_set(x->fs, &f->what,
			    "einat's table claims packets of %s, but einat's "
			    "programs are not attached to it",
			    x->conf->name);
		finding_set(x->fs, &f->mend,
			    "# einat run attaches them again; without one: "
			    "einat stop -i %s",
			    x->conf->name);
	}
	return 0;
}
