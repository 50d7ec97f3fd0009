// SPDX-License-Identifier: GPL-2.0-or-later
/* struct conf itself: growing, releasing, and the checks that need more than one option. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/config.h"

struct conf_if *conf_add_if(struct conf *c)
{
	struct conf_if *n = realloc(c->ifs, (c->n_ifs + 1) * sizeof(*n));

	if (!n)
		return NULL;
	c->ifs = n;
	n += c->n_ifs++;
	memset(n, 0, sizeof(*n));
	return n;
}

struct conf_slice *conf_add_slice(struct conf_if *cif)
{
	struct conf_slice *n = realloc(cif->slices, (cif->n_slices + 1) * sizeof(*n));

	if (!n)
		return NULL;
	cif->slices = n;
	n += cif->n_slices++;
	memset(n, 0, sizeof(*n));
	return n;
}

static void slice_clear(struct conf_slice *s)
{
	port_set_free(&s->ports);
	net_list_free(&s->internal);
	net_list_free(&s->exclude_dest);
	for (unsigned i = 0; i < PROTO_COUNT; i++)
		port_set_free(&s->exclude_ports[i]);
}

void conf_if_clear(struct conf_if *cif)
{
	for (size_t i = 0; i < cif->n_slices; i++)
		slice_clear(&cif->slices[i]);
	for (size_t i = 0; i < cif->n_hairpin_ifs; i++)
		free(cif->hairpin_ifs[i]);
	free(cif->slices);
	free(cif->forwards);
	free(cif->npts);
	free(cif->hairpin_ifs);
	free(cif->name);
	memset(cif, 0, sizeof(*cif));
}

void conf_free(struct conf *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n_ifs; i++)
		conf_if_clear(&c->ifs[i]);
	free(c->ifs);
	free(c->config_path);
	free(c->pin_dir);
	free(c->explain);
	free(c->save_path);
	free(c->from_path);
	free(c);
}

int conf_slice_ports(const struct conf_slice *s, unsigned proto, struct port_set *ret_ports)
{
	int ret;

	if (!(s->protos & 1u << proto))
		return 0;
	ret = port_set_copy(ret_ports, &s->ports);
	return ret ? ret : port_set_subtract(ret_ports, &s->exclude_ports[proto]);
}

int conf_check_slice(const struct conf_slice *s, struct err *err)
{
	unsigned left = 0;

	for (unsigned i = 0; i < PROTO_COUNT; i++) {
		struct port_set p = { 0 };
		int ret = conf_slice_ports(s, i, &p);

		left += port_set_count(&p);
		port_set_free(&p);
		if (ret)
			return err_set(err, -ret, "out of memory");
	}
	if (!left)
		return err_set(err, EINVAL,
			       "exclude-ports leaves no port in the slice; give more ports, or "
			       "exclude fewer");
	return 0;
}

static int check_list(const struct net_list *l, const char *option, struct err *err)
{
	char buf[NET_ADDR_STRLEN];

	for (size_t i = 0; i < l->n; i++)
		if (l->p[i].len < 96 || !net_addr_is4(&l->p[i].addr))
			return err_set(err, EINVAL,
				       "%s: %s is an IPv6 prefix, and IPv6 is not translated; turn "
				       "that on with ipv6, or leave the prefix out",
				       option, net_prefix_format(&l->p[i], buf));
	return 0;
}

static int check_no_ipv6(const struct conf_if *cif, struct err *err)
{
	char buf[NET_ADDR_STRLEN];
	int ret = 0;

	for (size_t i = 0; i < cif->n_slices && !ret; i++) {
		ret = check_list(&cif->slices[i].internal, "internal", err);
		if (!ret)
			ret = check_list(&cif->slices[i].exclude_dest, "exclude-dest", err);
	}
	for (size_t i = 0; i < cif->n_forwards && !ret; i++)
		if (!net_addr_is4(&cif->forwards[i].to))
			ret = err_set(err, EINVAL,
				      "forward: %s is an IPv6 address, and IPv6 is not translated; "
				      "turn that on with ipv6, or leave the forward out",
				      net_addr_format(&cif->forwards[i].to, buf));
	return ret;
}

int conf_check_if(const struct conf_if *cif, struct err *err)
{
	for (size_t i = 0; i < cif->n_hairpin_ifs; i++)
		if (!strcmp(cif->hairpin_ifs[i], cif->name))
			return err_set(err, EINVAL,
				       "hairpin-if: %s is the external interface itself; name the "
				       "interfaces of the internal hosts",
				       cif->name);
	return cif->ipv6 ? conf_check_npt(cif, err) : check_no_ipv6(cif, err);
}
