/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hairpin routing in a namespace of its own (root), shared by the test_hairpin*.c:
 *
 *   lan-p ---- lan  [ this host ]  wan ---- wan-p
 *              192.168.1.1         203.0.113.1, 203.0.113.2
 *   lan2-p --- lan2                wan2 --- wan2-p
 *              192.168.2.1         198.51.100.1
 */
#ifndef EINAT_TEST_HAIRPIN_LAB_H
#define EINAT_TEST_HAIRPIN_LAB_H

#include "netlab.h"

#include <errno.h>
#include <unistd.h>

#include "hairpin/hairpin.h"
#include "src/link.h"

#define EXT  "203.0.113.1"
#define EXT2 "203.0.113.2"

/* Everything that hairpin may touch, as ip shows it. */
static const char *const DUMP = "ip -d rule; ip -d -6 rule; ip -d route show table all | grep -v "
				"'^multicast\\|fe80\\|ff00'; ip -d neigh";

struct lab {
	struct hairpin_spec spec;
	struct net_addr ext[4];
	char *in_ifs[4];
	struct link_info link;
	struct err err;
	char *before;
};

static inline struct net_addr addr(const char *s)
{
	struct net_addr a;

	assert_int_equal(net_addr_parse(s, &a), 0);
	return a;
}

static inline void ports(struct hairpin_spec *spec, const char *udp, const char *tcp)
{
	port_set_free(&spec->ports[0]);
	port_set_free(&spec->ports[1]);
	if (udp)
		assert_int_equal(port_set_parse(udp, &spec->ports[0]), 0);
	if (tcp)
		assert_int_equal(port_set_parse(tcp, &spec->ports[1]), 0);
}

static inline void spec_read(struct lab *l, const char *ifname)
{
	assert_int_equal(link_read(ifname, &l->link, &l->err), 0);
	l->spec.ifname = l->link.name;
	l->spec.ifindex = l->link.ifindex;
	l->spec.has_mac = l->link.ether;
	memcpy(l->spec.mac, l->link.mac, 6);
	l->spec.external = l->ext;
	l->spec.in_ifs = l->in_ifs;
}

static inline struct lab *spec_new(const char *ifname, const char *ext, char *in_if)
{
	struct lab *l = calloc(1, sizeof(*l));

	assert_non_null(l);
	spec_read(l, ifname);
	l->ext[0] = addr(ext);
	l->spec.n_external = 1;
	l->in_ifs[0] = in_if;
	l->spec.n_in_ifs = 1;
	l->spec.protos = PROTO_ALL;
	ports(&l->spec, "20000-29999", "20000-29999");
	return l;
}

static inline void spec_free(struct lab *l)
{
	ports(&l->spec, NULL, NULL);
	free(l->before);
	free(l);
}

static inline void veth(const char *name, const char *address)
{
	sh("ip link add %s type veth peer name %s-p; ip link set %s up; ip link set %s-p up", name,
	   name, name, name);
	sh("ip addr add %s dev %s", address, name);
}

static inline int setup(void **state)
{
	struct lab *l;

	lab_open();
	sh("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 "
	   "net.ipv4.ip_forward=1");
	veth("wan", EXT "/24");
	sh("ip addr add " EXT2 "/24 dev wan");
	veth("lan", "192.168.1.1/24");
	veth("wan2", "198.51.100.1/24");
	veth("lan2", "192.168.2.1/24");
	l = spec_new("wan", EXT, "lan");
	l->before = sh_out(DUMP);
	*state = l;
	return 0;
}

static inline int teardown(void **state)
{
	spec_free(*state);
	return 0;
}

static inline void same(const char *before)
{
	char *now = sh_out(DUMP);

	assert_string_equal(before, now);
	free(now);
}

static inline void has(const char *cmd, const char *text)
{
	char *out = sh_out(cmd);

	if (!strstr(out, text))
		fail_msg("`%s` does not show `%s` but:\n%s", cmd, text, out);
	free(out);
}

static inline void hasnt(const char *cmd, const char *text)
{
	char *out = sh_out(cmd);

	if (strstr(out, text))
		fail_msg("`%s` shows `%s`:\n%s", cmd, text, out);
	free(out);
}

static inline void apply(struct lab *l)
{
	if (hairpin_apply(&l->spec, &l->err))
		fail_msg("apply: %s", l->err.text);
	assert_int_equal(hairpin_check(&l->spec, &l->err), 1);
}

static inline void del(struct lab *l)
{
	if (hairpin_remove(l->spec.ifname, &l->err))
		fail_msg("remove: %s", l->err.text);
}

static inline void refused(struct lab *l, int errnum, const char *text)
{
	char *before = sh_out(DUMP);

	assert_int_equal(hairpin_apply(&l->spec, &l->err), -errnum);
	if (!strstr(l->err.text, text))
		fail_msg("`%s` does not say `%s`", l->err.text, text);
	same(before);
	free(before);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
