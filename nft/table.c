// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nft/table_model.h"

/* FNV-1a */
static uint32_t hash(const char *s)
{
	uint32_t h = 2166136261u;

	while (*s)
		h = (h ^ (uint8_t)*s++) * 16777619u;
	return h;
}

static bool plain(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '_';
}

bool nft_table_is_own(const char *name)
{
	return !strncmp(name, NAME_TABLE_PREFIX, strlen(NAME_TABLE_PREFIX));
}

char *table_name(const char *ifname, char *buf)
{
	size_t n = (size_t)sprintf(buf, NAME_TABLE_PREFIX);
	bool replaced = false;

	for (const char *c = ifname; *c && n + 10 < NAME_SIZE; c++) {
		replaced |= !plain(*c);
		buf[n++] = plain(*c) ? *c : '_';
	}
	buf[n] = '\0';
	/* names that differ only in what was replaced stay distinct */
	if (replaced)
		sprintf(buf + n, "_%08x", hash(ifname));
	return buf;
}

static int check_forward(const struct nft_spec *spec, size_t i, struct err *err)
{
	const struct nft_forward *f = &spec->forwards[i];

	if ((f->proto != PROTO_UDP && f->proto != PROTO_TCP) || !f->port || !f->to_port)
		return err_set(err, EINVAL, "forward %zu of %s needs udp or tcp and ports from 1",
			       i + 1, spec->ifname);
	if (!spec->ipv6 && !net_addr_is4(&f->to))
		return err_set(err, EINVAL, "forward of %s port %u: the target is not IPv4",
			       proto_name(f->proto), f->port);
	for (size_t j = 0; j < i; j++)
		if (spec->forwards[j].proto == f->proto && spec->forwards[j].port == f->port &&
		    net_addr_is4(&spec->forwards[j].to) == net_addr_is4(&f->to))
			return err_set(err, EINVAL, "two forwards for %s port %u",
				       proto_name(f->proto), f->port);
	return 0;
}

static int check_kept(const struct nft_spec *spec, int proto, struct err *err)
{
	struct port_set gaps = { 0 };
	int ret = port_set_gaps(&spec->kept[proto], &gaps);
	bool none = !gaps.n;

	port_set_free(&gaps);
	if (ret)
		return err_sys(err, -ret, "ports of %s", spec->ifname);
	if (none)
		return err_set(err, EINVAL,
			       "the slice of %s has every %s port: masquerade needs some of them",
			       spec->ifname, proto_name(1u << proto));
	return 0;
}

static int check(const struct nft_spec *spec, struct err *err)
{
	unsigned protos = spec->kept_protos;
	int ret = 0;

	if (!spec->ifname || !*spec->ifname || strlen(spec->ifname) >= IFNAMSIZ)
		return err_set(err, EINVAL, "\"%s\" is no name of an interface",
			       spec->ifname ? spec->ifname : "");
	if (spec->ifindex <= 0)
		return err_set(err, EINVAL, "%s: %d is no interface index", spec->ifname,
			       spec->ifindex);
	for (size_t i = 0; i < spec->n_slices; i++)
		protos |= spec->slices[i].protos;
	if (protos & ~(unsigned)PROTO_ALL)
		return err_set(err, EINVAL, "%s: unknown protocols 0x%x", spec->ifname, protos);
	for (size_t i = 0; i < spec->n_forwards && !ret; i++)
		ret = check_forward(spec, i, err);
	for (int p = 0; p < PROTO_COUNT && !ret; p++)
		if (table_has_rest(spec) && spec->kept_protos & 1u << p)
			ret = check_kept(spec, p, err);
	return ret;
}

int table_build(const struct nft_spec *spec, struct table **ret_table, struct err *err)
{
	int ret = check(spec, err);
	struct table *t;

	if (ret)
		return ret;
	t = calloc(1, sizeof(*t));
	if (t) {
		table_name(spec->ifname, t->name);
		table_add_sets(t, spec);
		table_apply_edits(t, spec->edits);
		table_add_chains(t, spec);
	}
	if (!t || t->failed) {
		table_free(t);
		return err_sys(err, ENOMEM, "nftables table for %s", spec->ifname);
	}
	*ret_table = t;
	return 0;
}

void table_clear_sets(struct table *t)
{
	for (size_t i = 0; i < t->n_sets; i++)
		free(t->set[i].elem);
	free(t->set);
	t->set = NULL;
	t->n_sets = 0;
}

void table_free(struct table *t)
{
	if (!t)
		return;
	table_clear_sets(t);
	for (size_t i = 0; i < t->n_chains; i++) {
		for (size_t j = 0; j < t->chain[i].n; j++)
			rule_free(&t->chain[i].rule[j]);
		free(t->chain[i].rule);
	}
	free(t->chain);
	free(t);
}

/* Rules and sets are the same, whatever the sets hold; the text of a rule tells all of it. */
static bool same_structure(const struct table *a, const struct table *b)
{
	if (strcmp(a->name, b->name) || a->n_sets != b->n_sets || a->n_chains != b->n_chains)
		return false;
	for (size_t i = 0; i < a->n_sets; i++) /* a name tells the family */
		if (strcmp(a->set[i].name, b->set[i].name) || a->set[i].type != b->set[i].type)
			return false;
	for (size_t i = 0; i < a->n_chains; i++) {
		const struct chain *x = &a->chain[i], *y = &b->chain[i];

		if (strcmp(x->name, y->name) || x->n != y->n)
			return false;
		for (size_t j = 0; j < x->n; j++)
			if (strcmp(x->rule[j].text, y->rule[j].text))
				return false;
	}
	return true;
}

int table_send(const struct table *t, struct err *err)
{
	struct batch *b = batch_new(t->name);
	int ret;

	if (!b)
		return err_sys(err, ENOMEM, "nftables table %s", t->name);
	table_write(t, b);
	ret = batch_send(b, err);
	batch_free(b);
	return ret;
}

/* Sets that are the same are left alone, and with them what a user has put there. */
static int write_changes(const struct table *from, const struct table *to, struct err *err)
{
	struct batch *b = batch_new(to->name);
	int ret = 0;
	bool any = false;

	if (!b)
		return err_sys(err, ENOMEM, "nftables table %s", to->name);
	for (size_t i = 0; i < to->n_sets; i++) {
		if (set_eq(&from->set[i], &to->set[i]))
			continue;
		any = true;
		batch_flush_set(b, to->set[i].name);
		set_write_elems(to, &to->set[i], b);
	}
	if (any)
		ret = batch_send(b, err);
	batch_free(b);
	return ret;
}

int nft_table_apply(const struct nft_spec *spec, struct err *err)
{
	struct table *t;
	int ret = table_build(spec, &t, err);

	if (ret)
		return ret;
	ret = table_send(t, err);
	table_free(t);
	return ret;
}

int nft_table_update(const struct nft_spec *from, const struct nft_spec *to, struct err *err)
{
	struct table *old, *new;
	int ret = table_build(to, &new, err);

	if (ret)
		return ret;
	ret = table_build(from, &old, err);
	if (ret) {
		table_free(new);
		return ret;
	}
	/* -ENOENT: someone has removed the table or a set, write it anew */
	ret = same_structure(old, new) ? write_changes(old, new, err) : -ENOENT;
	if (ret == -ENOENT)
		ret = table_send(new, err);
	table_free(old);
	table_free(new);
	return ret;
}

int table_delete(const char *name, struct err *err)
{
	struct batch *b = batch_new(name);
	struct err why = { 0 };
	int ret;

	if (!b)
		return err_sys(err, ENOMEM, "nftables table %s", name);
	batch_del_table(b);
	ret = batch_send(b, &why);
	batch_free(b);
	if (ret == -ENOENT)
		return 0;
	return ret ? err_set(err, -ret, "%s", why.text) : 0;
}

int nft_table_remove(const char *ifname, struct err *err)
{
	char name[NAME_SIZE];

	return table_delete(table_name(ifname, name), err);
}

int nft_table_exists(const char *ifname, struct err *err)
{
	char name[NAME_SIZE];

	return batch_table_exists(table_name(ifname, name), err);
}

int nft_table_print(const struct nft_spec *spec, FILE *out)
{
	char quoted[IFNAMSIZ + 1];
	struct table *t;
	int ret = table_build(spec, &t, NULL);

	if (ret)
		return ret;
	ret = ifname_text(spec->ifname, quoted, sizeof(quoted));
	if (!ret) {
		table_print(t, out);
		ret = ferror(out) ? -EIO : 0;
	}
	table_free(t);
	return ret;
}
