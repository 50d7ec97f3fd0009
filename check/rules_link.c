// SPDX-License-Identifier: GPL-2.0-or-later
/* The external interface: is it there, has it an address, who else works on its packets? */
#include <string.h>
#include <net/if.h>

#include "check/check_impl.h"

static void address_not_public(struct check *x, const struct net_addr *a)
{
	struct finding *f = finding_add(x->fs, "address-private");
	char buf[NET_ADDR_STRLEN];

	finding_set(x->fs, &f->where, "address %s of %s", net_addr_format(a, buf), x->conf->name);
	finding_set(x->fs, &f->what,
		    "the external address %s is not a public one (%s): another NAT stands between "
		    "this host and the Internet",
		    buf, net_addr_inner(a));
}

static void no_address(struct check *x, const char *family)
{
	struct finding *f = finding_add(x->fs, "no-address");

	finding_set(x->fs, &f->where, "interface %s", x->conf->name);
	finding_set(x->fs, &f->what, "%s has no %s address that others can reach", x->conf->name,
		    family);
}

static void check_addresses(struct check *x)
{
	bool v4 = false, v6 = false, public = false;

	for (size_t i = 0; i < x->external.n; i++) {
		const struct net_addr *a = &x->external.p[i].addr;

		if (net_addr_is4(a)) {
			v4 = true;
			public |= !net_addr_inner(a);
		} else {
			v6 |= (a->b[0] & 0xfe) != 0xfc;
		}
	}
	/* beside a public one they get no new bindings */
	for (size_t i = 0; i < x->external.n && !public; i++)
		if (net_addr_is4(&x->external.p[i].addr))
			address_not_public(x, &x->external.p[i].addr);
	if (!v4)
		no_address(x, "IPv4");
	if (!v6 && x->conf->ipv6)
		no_address(x, "global IPv6");
}

static void check_state(struct check *x)
{
	const struct host_link *l = x->link;
	struct finding *f;

	if (!(l->flags & IFF_UP)) {
		f = finding_add(x->fs, "interface-down");
		finding_set(x->fs, &f->where, "interface %s", l->name);
		finding_set(x->fs, &f->mend, "ip link set dev %s up", l->name);
	}
	/* a VRF's member keeps its own addresses and packets */
	if (l->master && (!strcmp(l->port_kind, "bridge") || !strcmp(l->port_kind, "bond") ||
			  !strcmp(l->port_kind, "team") || !strcmp(l->port_kind, "openvswitch"))) {
		const struct host_link *m = host_link(x->host, l->master);

		f = finding_add(x->fs, "interface-enslaved");
		finding_set(x->fs, &f->where, "interface %s", l->name);
		finding_set(x->fs, &f->what, "%s is a port of the %s %s", l->name, l->port_kind,
			    m ? m->name : "?");
		if (m)
			finding_set(x->fs, &f->mend, "einat run -i %s",
				    m->name[strcspn(m->name, " '\"\\$`;&|<>()*?!#~")] ? "MASTER"
										      : m->name);
	}
}

/* einat-ebpf's names of its two programs; the kernel keeps 15 characters of a name. */
static bool is_einat_ebpf(const char *name)
{
	return !strncmp(name, "ingress_rev_snat", 15) || !strncmp(name, "egress_snat", 15);
}

static const char *kind_word(const struct host_prog *p)
{
	switch (p->kind) {
	case HOST_PROG_XDP:
		return "XDP";
	case HOST_PROG_TCX:
		return p->egress ? "TCX egress" : "TCX ingress";
	case HOST_PROG_CLSACT:
		return p->egress ? "TC egress" : "TC ingress";
	}
	return "TC";
}

static bool before_own(const struct check *x, const struct host_prog *p)
{
	for (size_t i = 0; i < x->host->n_progs; i++) {
		const struct host_prog *o = &x->host->progs[i];

		if (o->own && o->ifindex == p->ifindex && o->kind != HOST_PROG_XDP &&
		    o->egress == p->egress)
			return p->order < o->order;
	}
	return false;
}

static void other_program(struct check *x, const struct host_prog *p)
{
	const char *code = is_einat_ebpf(p->name)     ? "other-einat"
			   : p->kind == HOST_PROG_XDP ? "xdp-program"
						      : "tc-program";
	struct finding *f = finding_add(x->fs, code);
	const char *ifname = x->link->name;

	finding_set(x->fs, &f->where, "%s of %s", kind_word(p), ifname);
	if (p->kind == HOST_PROG_CLSACT)
		finding_set(x->fs, &f->text, "filter %s %s, priority %u", p->classifier,
			    p->name[0] ? p->name : "(no name)", p->priority);
	else
		finding_set(x->fs, &f->text, "program %s, id %u",
			    p->name[0] ? p->name : "(no name)", p->id);
	if (!strcmp(code, "other-einat"))
		finding_set(x->fs, &f->what, "einat-ebpf translates packets of %s", ifname);
	else
		finding_set(x->fs, &f->what, "%s works on packets of %s at %s%s",
			    p->name[0] ? p->name : p->classifier, ifname, kind_word(p),
			    p->kind != HOST_PROG_XDP && before_own(x, p) ? ", before einat" : "");
	f->will = !strcmp(code, "other-einat");
	if (p->kind == HOST_PROG_CLSACT)
		finding_set(x->fs, &f->mend, "tc filter show dev %s %s", ifname,
			    p->egress ? "egress" : "ingress");
	else
		finding_set(x->fs, &f->mend, "bpftool net show dev %s", ifname);
}

int check_link(struct check *x)
{
	if (!x->link) {
		struct finding *f = finding_add(x->fs, "interface-missing");

		finding_set(x->fs, &f->where, "interface %s", x->conf->name);
		finding_set(x->fs, &f->what, "there is no interface \"%s\"", x->conf->name);
		return 0;
	}
	check_state(x);
	check_addresses(x);
	for (size_t i = 0; i < x->host->n_progs; i++)
		if (x->host->progs[i].ifindex == x->link->ifindex && !x->host->progs[i].own)
			other_program(x, &x->host->progs[i]);
	return 0;
}
