// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>
#include <linux/netfilter.h>

#include "check/owner.h"

/* Names that tell. A pattern that ends in an asterisk is a prefix. */
static const struct sign {
	enum owner owner;
	const char *table, *chain, *text; /* NULL: not looked at; text: anywhere in the rule */
} signs[] = {
	{ OWNER_FIREWALLD, "firewalld", NULL, NULL },
	{ OWNER_FW4, "fw4", NULL, NULL },
	{ OWNER_DOCKER, "docker-bridges", NULL, NULL },
	{ OWNER_PODMAN, "netavark", NULL, NULL },
	{ OWNER_LIBVIRT, "libvirt_network", NULL, NULL },
	{ OWNER_KUBE, "kube-proxy", NULL, NULL },
	{ OWNER_WG_QUICK, "wg-quick-*", NULL, NULL },
	{ OWNER_NETWORKD, "io.systemd.nat", NULL, NULL },
	{ OWNER_UPNP, "upnp*", NULL, NULL },
	{ OWNER_NM, "nm-shared-*", NULL, NULL },
	{ OWNER_INCUS, "incus", NULL, NULL },
	{ OWNER_LXD, "lxd", NULL, NULL },
	{ OWNER_MULLVAD, "mullvad", NULL, NULL },
	{ OWNER_BANIP, "banIP", NULL, NULL },
	{ OWNER_CROWDSEC, "crowdsec*", NULL, NULL },
	{ OWNER_FAIL2BAN, "f2b-table", NULL, NULL },
	{ OWNER_DOCKER, NULL, "DOCKER*", NULL },
	{ OWNER_UFW, NULL, "ufw-*", NULL },
	{ OWNER_UFW, NULL, "ufw6-*", NULL },
	{ OWNER_TAILSCALE, NULL, "ts-*", NULL },
	{ OWNER_KUBE, NULL, "KUBE-*", NULL },
	{ OWNER_LIBVIRT, NULL, "LIBVIRT_*", NULL },
	{ OWNER_PODMAN, NULL, "NETAVARK*", NULL },
	{ OWNER_MWAN3, NULL, "mwan3_*", NULL },
	{ OWNER_PBR, NULL, "pbr_*", NULL },
	{ OWNER_UPNP, NULL, "MINIUPNPD*", NULL },
	{ OWNER_UPNP, NULL, "upnp_*", NULL },
	{ OWNER_CNI, NULL, "CNI-*", NULL },
	{ OWNER_FLANNEL, NULL, "FLANNEL-*", NULL },
	{ OWNER_CALICO, NULL, "cali-*", NULL },
	{ OWNER_CILIUM, NULL, "CILIUM_*", NULL },
	{ OWNER_FAIL2BAN, NULL, "f2b-*", NULL },
	{ OWNER_CROWDSEC, NULL, "CROWDSEC_*", NULL },
	{ OWNER_LXD, NULL, NULL, "generated for LXD " },
	{ OWNER_INCUS, NULL, NULL, "generated for Incus " },
	{ OWNER_WG_QUICK, NULL, NULL, "wg-quick(8)" },
	{ OWNER_KUBE, NULL, NULL, "kubernetes" },
	{ OWNER_DOCKER, NULL, NULL, "-j DOCKER" },
	{ OWNER_DOCKER, NULL, NULL, "docker0" },
	{ OWNER_LIBVIRT, NULL, NULL, "virbr" },
	{ OWNER_PODMAN, NULL, NULL, "podman" },
	{ OWNER_UFW, NULL, NULL, "ufw" },
};

const char *owner_name(enum owner o)
{
	static const char *const names[OWNER_COUNT] = {
		[OWNER_DOCKER] = "Docker",
		[OWNER_UFW] = "ufw",
		[OWNER_FIREWALLD] = "firewalld",
		[OWNER_FW4] = "OpenWrt's firewall (fw4)",
		[OWNER_TAILSCALE] = "Tailscale",
		[OWNER_KUBE] = "kube-proxy",
		[OWNER_LIBVIRT] = "libvirt",
		[OWNER_PODMAN] = "podman (netavark)",
		[OWNER_WG_QUICK] = "wg-quick",
		[OWNER_MWAN3] = "mwan3",
		[OWNER_PBR] = "pbr",
		[OWNER_UPNP] = "miniupnpd",
		[OWNER_NETWORKD] = "systemd-networkd",
		[OWNER_CNI] = "CNI (portmap)",
		[OWNER_FLANNEL] = "flannel",
		[OWNER_CALICO] = "Calico",
		[OWNER_CILIUM] = "Cilium",
		[OWNER_LXD] = "LXD",
		[OWNER_INCUS] = "Incus",
		[OWNER_FAIL2BAN] = "fail2ban",
		[OWNER_CROWDSEC] = "CrowdSec",
		[OWNER_NM] = "NetworkManager",
		[OWNER_MULLVAD] = "Mullvad",
		[OWNER_BANIP] = "banIP",
	};

	return names[o];
}

static bool name_matches(const char *pattern, const char *name)
{
	size_t n = strlen(pattern);

	if (n && pattern[n - 1] == '*')
		return !strncmp(name, pattern, n - 1);
	return !strcmp(name, pattern);
}

/* Docker names the bridge of a network br- and the first twelve digits of its id. */
static bool names_docker_bridge(const char *text)
{
	for (const char *p = text; p && (p = strstr(p, "br-")); p += 3)
		if (strspn(p + 3, "0123456789abcdef") == 12)
			return true;
	return false;
}

static enum owner by_name(const struct fw_chain *c, const char *text)
{
	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++) {
		const struct sign *s = &signs[i];

		if ((!s->table || name_matches(s->table, c->table->name)) &&
		    (!s->chain || name_matches(s->chain, c->name)) &&
		    (!s->text || (text && strstr(text, s->text))))
			return s->owner;
	}
	return names_docker_bridge(text) ? OWNER_DOCKER : OWNER_NOBODY;
}

static bool table_has(const struct fw_snapshot *snap, const struct fw_table *t, const char *chain)
{
	for (size_t i = 0; i < snap->n_chains; i++)
		if (snap->chains[i]->table == t && name_matches(chain, snap->chains[i]->name))
			return true;
	return false;
}

/* A policy of drop in a chain that many share: who is there that sets one? */
static enum owner by_company(const struct fw_snapshot *snap, const struct fw_chain *c)
{
	if (table_has(snap, c->table, "ufw-before-forward"))
		return OWNER_UFW;
	if (table_has(snap, c->table, "DOCKER"))
		return OWNER_DOCKER;
	return OWNER_NOBODY;
}

enum owner owner_of(const struct fw_snapshot *snap, const struct fw_chain *chain,
		    const struct fw_rule *rule, const char *text)
{
	enum owner o = by_name(chain, text);

	return o == OWNER_NOBODY && !rule ? by_company(snap, chain) : o;
}
