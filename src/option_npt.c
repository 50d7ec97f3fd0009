// SPDX-License-Identifier: GPL-2.0-or-later
/* The option nptv6, and what its pairs must not contradict. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/npt.h"
#include "src/option_set.h"

#define NPT_MAX 256 /* pairs; the maps have room for four entries each */

/* Holds ::, ::1 and what reads as IPv4; the others stay on the link. */
static const struct net_prefix special[] = {
	{ .len = 64 },
	{ .addr = { { 0xfe, 0x80 } }, .len = 10 },
	{ .addr = { { 0xff } }, .len = 8 },
};

static int parse_prefix(const char *text, struct net_prefix *ret_prefix, struct err *err)
{
	struct net_prefix p;
	int ret = net_prefix_parse(text, &p);

	if (ret == -ERANGE)
		return err_set(err, EINVAL, "'%s' has bits set behind its length; leave them out",
			       text);
	if (ret || !strchr(text, ':') || !strchr(text, '/'))
		return err_set(err, EINVAL, "'%s' is not an IPv6 prefix; write fd00:1::/48", text);
	if (!p.len || p.len > 64)
		return err_set(err, EINVAL, "%s: a prefix to be translated has a length of 1 to 64",
			       text);
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		if (npt_overlap(&p, &special[i]))
			return err_set(err, EINVAL, "%s is not a prefix of unicast addresses",
				       text);
	*ret_prefix = p;
	return 0;
}

static int parse_pair(char *item, struct conf_npt *n, struct err *err)
{
	char *eq = strchr(item, '=');
	int ret;

	if (!eq)
		return err_set(err, EINVAL,
			       "'%s' is not a pair of prefixes; write INTERNAL/LEN=EXTERNAL/LEN, "
			       "such as fd00:1::/48=2001:db8:1::/48, or INTERNAL/LEN=auto",
			       item);
	*eq = '\0';
	ret = parse_prefix(item, &n->internal, err);
	if (ret || !strcmp(eq + 1, "auto"))
		return ret;
	return parse_prefix(eq + 1, &n->external, err);
}

static int check_disjoint(const struct net_prefix *a, const struct net_prefix *b, struct err *err)
{
	char x[NET_ADDR_STRLEN], y[NET_ADDR_STRLEN];

	if (!npt_overlap(a, b))
		return 0;
	return err_set(err, EINVAL, "%s and %s overlap; each address can have one counterpart only",
		       net_prefix_format(a, x), net_prefix_format(b, y));
}

/* An internal prefix counts as it is written, an external one as far as it is used. */
static int check_pair(const struct conf_npt *n, const struct conf_npt *old, struct err *err)
{
	struct net_prefix ext[2] = { n->external, old->external };
	int ret = n == old ? 0 : check_disjoint(&n->internal, &old->internal, err);

	if (ext[0].len)
		ext[0] = npt_pair(&n->internal, &n->external).external;
	if (ext[1].len)
		ext[1] = npt_pair(&old->internal, &old->external).external;
	if (!ret && n != old && !ext[0].len && !ext[1].len)
		ret = err_set(err, EINVAL,
			      "auto is given twice; the prefix of the interface can "
			      "be the counterpart of one prefix only");
	if (!ret && n != old && ext[0].len && ext[1].len)
		ret = check_disjoint(&ext[0], &ext[1], err);
	if (!ret && ext[0].len)
		ret = check_disjoint(&ext[0], &old->internal, err);
	if (!ret && ext[1].len)
		ret = check_disjoint(&ext[1], &n->internal, err);
	return ret;
}

static int add_pair(void *data, char *item, struct err *err)
{
	struct conf_if *cif = data;
	struct conf_npt n = { 0 }, *grown;
	int ret = parse_pair(item, &n, err);

	if (!ret)
		ret = check_pair(&n, &n, err);
	for (size_t i = 0; i < cif->n_npts && !ret; i++)
		ret = check_pair(&n, &cif->npts[i], err);
	if (!ret && cif->n_npts == NPT_MAX)
		ret = err_set(err, EINVAL, "more than %d pairs", NPT_MAX);
	if (ret)
		return ret;
	grown = realloc(cif->npts, (cif->n_npts + 1) * sizeof(*grown));
	if (!grown)
		return opt_nomem(err);
	cif->npts = grown;
	grown[cif->n_npts++] = n;
	return 0;
}

OPT_SETTER(set_nptv6)
{
	(void)o;
	return opt_each_item(arg, add_pair, x->cif, err);
}

static bool is_static(const struct conf_if *cif, const struct conf_forward *f)
{
	for (size_t i = 0; i < cif->n_slices; i++)
		if (cif->slices[i].protos & f->proto &&
		    port_set_contains(&cif->slices[i].ports, f->port))
			return true;
	return false;
}

int conf_check_npt(const struct conf_if *cif, struct err *err)
{
	char a[NET_ADDR_STRLEN], p[NET_ADDR_STRLEN];

	for (size_t i = 0; i < cif->n_forwards; i++)
		for (size_t j = 0; j < cif->n_npts; j++)
			if (net_prefix_contains(&cif->npts[j].internal, &cif->forwards[i].to) &&
			    is_static(cif, &cif->forwards[i]))
				return err_set(
					err, EINVAL,
					"forward: %s is in %s, which nptv6 translates: it is "
					"reached by its own external address; leave the "
					"forward out, or give it a port outside the slice",
					net_addr_format(&cif->forwards[i].to, a),
					net_prefix_format(&cif->npts[j].internal, p));
	return 0;
}
