// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/observe.h"

/*
 * A DNAT rule that names no port at all (a "DMZ host") takes what nobody else wants: replies to
 * masqueraded flows come before it, and so do bindings. Any other owns its ports.
 */
static bool names_ports(const struct foreign_dnat *d)
{
	return port_set_count(&d->ports) < 65535;
}

/* One for other addresses only (127.0.0.1, a second uplink's) takes nothing away here. */
static bool meets_external(const struct foreign_dnat *d, const struct link_info *link)
{
	for (size_t i = 0; i < link->n_addr; i++)
		if (net_list_contains(&d->dst, &link->addr[i]))
			return true;
	return !d->dst.n;
}

int observe_dnat(const struct foreign *f, bool ipv6, const struct link_info *link,
		 struct owners *owners, struct err *err)
{
	int ret = 0;

	for (unsigned proto = 0; proto < PROTO_COUNT && !ret; proto++) {
		struct port_set ports = { 0 };

		for (size_t i = 0; i < f->n_dnat && !ret; i++)
			if ((ipv6 || !f->dnat[i].ipv6) && f->dnat[i].protos & 1u << proto &&
			    names_ports(&f->dnat[i]) && meets_external(&f->dnat[i], link))
				ret = port_set_union(&ports, &f->dnat[i].ports);
		if (!ret)
			ret = owners_set(owners, OWNER_DNAT, proto, &ports);
		port_set_free(&ports);
	}
	return ret ? err_sys(err, -ret, "cannot note the ports of DNAT rules") : 0;
}

int observe_foreign(const struct conf_if *cif, const struct link_info *link, struct owners *owners,
		    struct foreign **ret_foreign, struct err *err)
{
	struct foreign *f = NULL;
	int ret = foreign_read(cif->name, cif->inbound_mark.value, cif->inbound_mark.mask, &f, err);

	if (ret)
		return ret;
	ret = observe_dnat(f, cif->ipv6, link, owners, err);
	if (ret) {
		foreign_free(f);
		return ret;
	}
	*ret_foreign = f;
	return 0;
}

/* The first character of a file; EOF if it has none or cannot be read. */
static int first_char(const char *path)
{
	FILE *f = fopen(path, "re");
	int c = f ? fgetc(f) : EOF;

	if (f)
		fclose(f);
	return c;
}

bool observe_legacy(void)
{
	return first_char("/proc/net/ip_tables_names") != EOF;
}

bool observe_forwarding(void)
{
	return first_char("/proc/sys/net/ipv4/ip_forward") != '0';
}

bool observe_forwarding6(void)
{
	return first_char("/proc/sys/net/ipv6/conf/all/forwarding") != '0';
}

int observe_link(const struct conf_if *cif, struct link_info *ret_link, struct err *err)
{
	int ret = link_read(cif->name, ret_link, err);

	if (!ret && cif->ipv6)
		link_use_ipv6(ret_link);
	if (!ret)
		ret_link->nptv6 = cif->n_npts;
	return ret;
}

int observe_absent(const struct conf_if *cif, struct err *err)
{
	char name[IF_NAMESIZE];
	unsigned index = if_nametoindex(cif->name);

	if (index && if_indextoname(index, name) && strcmp(name, cif->name))
		return err_set(err, ENODEV,
			       "\"%s\" is an alternative name of \"%s\", which firewall rules do "
			       "not know; nothing was changed; give the name itself: -i %s",
			       cif->name, name, name);
	return err_set(err, ENODEV,
		       "there is no interface \"%s\" (ip link shows those there are); nothing was "
		       "changed",
		       cif->name);
}

int observe_sockets(const struct link_info *link, struct owners *owners, struct err *err)
{
	struct port_set ports[PROTO_COUNT] = { 0 };
	int ret = sockets_read(link->addr, link->n_addr, ports, err);

	for (unsigned proto = 0; proto < PROTO_COUNT; proto++) {
		if (!ret && owners_set(owners, OWNER_SOCKET, proto, &ports[proto]))
			ret = err_sys(err, ENOMEM, "cannot note the ports of local sockets");
		port_set_free(&ports[proto]);
	}
	return ret;
}

struct flows {
	const struct link_info *link;
	struct owners *owners;
};

static int note_flow(const struct ct_flow *flow, void *data)
{
	const struct flows *f = data;
	int ret =
		flow->dying ? 0 : owners_flow_add(f->owners, flow, f->link->addr, f->link->n_addr);

	return ret < 0 ? ret : 0;
}

int observe_flows(const struct link_info *link, struct ct *ct, struct owners *owners,
		  struct err *err)
{
	struct flows f = { link, owners };
	int ret;

	owners_resync_begin(owners);
	ret = ct_dump(ct, note_flow, &f, err);
	if (!ret)
		owners_resync_end(owners);
	return ret;
}

static int note_bound(const struct binding *b, void *data)
{
	struct port_set *bound = data;

	return port_set_add(&bound[__builtin_ctz(b->proto)], b->eport, b->eport);
}

int observe_bound(const struct dataplane *dp, struct port_set ret_bound[PROTO_COUNT])
{
	return dataplane_foreach(dp, note_bound, ret_bound);
}
