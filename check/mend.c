// SPDX-License-Identifier: GPL-2.0-or-later
/* What mends a finding, in the words of the program that owns the rule. */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/netfilter.h>

#include "check/owner.h"
#include "nft/text.h"

static char *text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static char *text(const char *fmt, ...)
{
	char *out = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&out, fmt, ap) < 0)
		out = NULL;
	va_end(ap);
	return out;
}

/* Names of tables and chains may be any bytes, and what mends is pasted into a shell. */
struct word {
	char s[4 * NAME_MAX + 4];
};

static const char *word(const char *name, struct word *w)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-./:@%+,=";
	size_t n = 0;

	if (*name && *name != '-' && !name[strspn(name, plain)])
		return name;
	w->s[n++] = '\'';
	for (; *name && n + 6 < sizeof(w->s); name++) {
		if (*name == '\'')
			n += (size_t)sprintf(w->s + n, "'\\''");
		else
			w->s[n++] = (char)(*name < ' ' || *name > '~' ? '?' : *name);
	}
	w->s[n++] = '\'';
	w->s[n] = '\0';
	return w->s;
}

/* Where both back ends hold rules, the bare name may be either. */
static const char *iptables_of(const struct fw_snapshot *snap, const struct fw_table *t)
{
	bool both = false;

	if (t->legacy)
		return t->family == NFPROTO_IPV6 ? "ip6tables-legacy" : "iptables-legacy";
	for (size_t i = 0; i < snap->n_tables; i++)
		both |= snap->tables[i]->legacy;
	if (both)
		return t->family == NFPROTO_IPV6 ? "ip6tables-nft" : "iptables-nft";
	return t->family == NFPROTO_IPV6 ? "ip6tables" : "iptables";
}

/* Its configuration is read from above, and the first line that fits decides. */
#define UPNP_DENY                                                                                  \
	"\n# or keep miniupnpd out of the slice: in miniupnpd.conf, before any allow: "            \
	"deny LOW-HIGH 0.0.0.0/0 0-65535"

/* ufw-docker's rules stand in Docker's chain, in front of ufw's own. */
static bool of_ufw_docker(const struct mend_ask *a)
{
	return !strncmp(a->chain->name, "ufw-docker-", 11);
}

/* The chain of the program in @table in which users may put rules. */
static const char *user_chain(const struct mend_ask *a)
{
	bool v6 = a->chain->table->family == NFPROTO_IPV6;
	const char *name = NULL;

	if (a->owner == OWNER_DOCKER)
		name = "DOCKER-USER";
	else if (of_ufw_docker(a))
		name = "DOCKER-USER";
	else if (a->owner == OWNER_UFW)
		name = v6 ? "ufw6-before-forward" : "ufw-before-forward";
	else if (a->owner == OWNER_LIBVIRT)
		name = "FORWARD"; /* its own chains are written anew when it starts */
	for (size_t i = 0; name && i < a->snap->n_chains; i++)
		if (a->snap->chains[i]->table == a->chain->table &&
		    !strcmp(a->snap->chains[i]->name, name))
			return name;
	return NULL;
}

/* In front of all that drops, and not in a chain that its program writes anew. */
static const char *place_of(const struct mend_ask *a)
{
	const char *user = user_chain(a);

	if (user)
		return user;
	return a->base && (a->more || a->owner != OWNER_NOBODY) ? a->base->name : a->chain->name;
}

static char *accept_iptables(const struct mend_ask *a, uint32_t mark, uint32_t mask)
{
	const struct fw_table *t = a->chain->table;
	const char *user = user_chain(a), *tool = iptables_of(a->snap, t);
	struct word table, chain;

	if (of_ufw_docker(a) && user)
		return text("# in /etc/ufw/%s, first of ufw-docker's rules, then: ufw reload\n"
			    "-A DOCKER-USER -m mark --mark 0x%x/0x%x -j ACCEPT",
			    t->family == NFPROTO_IPV6 ? "after6.rules" : "after.rules", mark, mask);

	if (a->owner == OWNER_UFW && user)
		return text("# in /etc/ufw/%s, before its COMMIT, then: ufw reload\n"
			    "-A %s -m mark --mark 0x%x/0x%x -j ACCEPT",
			    t->family == NFPROTO_IPV6 ? "before6.rules" : "before.rules", user,
			    mark, mask);
	return text("%s -t %s -I %s -m mark --mark 0x%x/0x%x -j ACCEPT", tool,
		    word(t->name, &table), word(place_of(a), &chain), mark, mask);
}

/* What the owner of the table offers instead; empty: nothing. */
static char *accept_remark(const struct mend_ask *a, uint32_t mark, uint32_t mask)
{
	if (a->owner == OWNER_DOCKER && a->behind_routing && !user_chain(a))
		return text("\n# Docker writes its table anew; for good, in "
			    "/etc/docker/daemon.json: \"bridge-accept-fwmark\": \"0x%x/0x%x\"",
			    mark, mask);
	if (a->owner == OWNER_LIBVIRT)
		return text("\n# or without any filter of libvirt's: virsh net-edit NAME, <forward "
			    "mode='open'/>");
	return text("%s", "");
}

static char *accept_firewalld(const struct mend_ask *a)
{
	return text("firewall-cmd --permanent --new-policy einat-in\n"
		    "firewall-cmd --permanent --policy einat-in --add-ingress-zone "
		    "\"$(firewall-cmd --get-zone-of-interface=%s)\"\n"
		    "firewall-cmd --permanent --policy einat-in --add-egress-zone ZONE-OF-THE-LAN\n"
		    "firewall-cmd --permanent --policy einat-in --set-target ACCEPT\n"
		    "firewall-cmd --reload\n"
		    "# firewalld cannot match a mark: this lets in whatever is addressed to a LAN "
		    "host from outside; --open lets in the live bindings alone",
		    a->ifname);
}

static char *accept_fw4(uint32_t mark, uint32_t mask)
{
	return text("uci add firewall rule\n"
		    "uci set firewall.@rule[-1].name=einat\n"
		    "uci set firewall.@rule[-1].src=wan\n"
		    "uci set firewall.@rule[-1].dest='*'\n"
		    "uci set firewall.@rule[-1].proto=all\n"
		    "uci set firewall.@rule[-1].mark=0x%x/0x%x\n"
		    "uci set firewall.@rule[-1].target=ACCEPT\n"
		    "uci commit firewall && service firewall reload",
		    mark, mask);
}

/* In front of the rule that drops, or at the end, where only the policy is left. */
static char *accept_nft(const struct mend_ask *a, uint32_t mark, uint32_t mask)
{
	const struct fw_table *t = a->chain->table;
	struct word table, chain;
	char at[40] = "";

	if (t->owned)
		return text("# the program that made the table keeps it for itself: let it accept "
			    "mark 0x%x/0x%x in front of this",
			    mark, mask);
	if (a->handle)
		snprintf(at, sizeof(at), " position %llu", (unsigned long long)a->handle);
	return text("nft %s rule %s %s %s%s meta mark and 0x%x == 0x%x accept%s",
		    a->handle ? "insert" : "add", family_text(t->family), word(t->name, &table),
		    word(a->chain->name, &chain), at, mask, mark,
		    a->can_open
			    ? "\n# --open does this, keeps it over reloads and removes it on stop"
			    : "");
}

char *mend_accept(const struct mend_ask *a)
{
	uint32_t mark = a->mask ? a->mark : FREE_MARK, mask = a->mask ? a->mask : FREE_MARK;
	char *rule, *remark, *whole = NULL;

	if (a->owner == OWNER_FIREWALLD)
		return accept_firewalld(a);
	/* its own option for that rule */
	if (a->owner == OWNER_TAILSCALE)
		return text("tailscale set --stateful-filtering=false");
	if (a->owner == OWNER_FW4)
		rule = accept_fw4(mark, mask);
	else if (table_tool(a->snap, a->chain->table) != TEXT_NFT)
		rule = accept_iptables(a, mark, mask);
	else
		rule = accept_nft(a, mark, mask);
	remark = accept_remark(a, mark, mask);
	if (rule && remark && a->mask)
		whole = text("%s%s", rule, remark);
	else if (rule && remark)
		whole = text("# start einat with --inbound-mark 0x%x/0x%x, then:\n%s%s", mark, mask,
			     rule, remark);
	free(remark);
	free(rule);
	return whole;
}

/* What belongs to a known connection: einat's own and what is masqueraded. */
static char *accept_known(const struct mend_ask *a)
{
	const struct fw_table *t = a->chain->table;
	char at[40] = "";

	if (table_tool(a->snap, t) != TEXT_NFT)
		return text("%s -t %s -I %s -i %s -m conntrack --ctstate RELATED,ESTABLISHED -j "
			    "ACCEPT",
			    iptables_of(a->snap, t), t->name, place_of(a), a->ifname);
	if (a->handle)
		snprintf(at, sizeof(at), " position %llu", (unsigned long long)a->handle);
	return text("nft %s rule %s %s %s%s iifname \"%s\" ct state established,related accept",
		    a->handle ? "insert" : "add", family_text(t->family), t->name, a->chain->name,
		    at, a->ifname);
}

char *mend_replies(const struct mend_ask *a)
{
	if (a->behind_routing)
		return accept_known(a);
	if (a->owner == OWNER_DOCKER)
		return text("# make the network anew with\n"
			    "docker network create -o "
			    "com.docker.network.bridge.trusted_host_interfaces=%s NAME\n"
			    "# or in /etc/docker/daemon.json: \"allow-direct-routing\": true\n"
			    "# or leave its subnet out of --internal",
			    a->ifname);
	if (a->owner == OWNER_LIBVIRT)
		return text("# leave the subnet out of --internal, or make the network routed:\n"
			    "virsh net-edit NAME    # <forward mode='open'/>");
	return mend_accept(a);
}

char *mend_ports(enum owner owner, const char *ports, const char *other)
{
	if (owner == OWNER_LIBVIRT)
		return text("# nothing has to be done; to keep it out of the slice:\n"
			    "# virsh net-edit NAME, <forward mode='nat'><nat>"
			    "<port start='LOW' end='HIGH'/></nat></forward>");
	if (owner == OWNER_UPNP)
		return text("--exclude-ports %s" UPNP_DENY, ports);
	if (other)
		return text("# let it give out ports that are not in the slice, such as %s", other);
	return text("# let it give out ports that are not in the slice");
}

char *mend_confine(const struct mend_ask *a, const char *addr)
{
	bool nft = table_tool(a->snap, a->chain->table) == TEXT_NFT;
	const char *to = nft ? "ip daddr" : "-d";
	const char *local = nft ? "fib daddr type local" : "-m addrtype --dst-type LOCAL";
	const char *not_in = nft ? "iifname != \"%s\"" : "! -i %s";
	char in[40];

	snprintf(in, sizeof(in), not_in, a->ifname);
	if (a->owner == OWNER_FIREWALLD)
		return text("# in place of the forward port, a rich rule with the external "
			    "address:\n"
			    "# firewall-cmd --permanent --zone ZONE --add-rich-rule 'rule "
			    "family=ipv4 destination address=%s forward-port ...'",
			    addr);
	if (a->owner == OWNER_FW4)
		return text("uci set firewall.@redirect[N].src_dip=%s\n"
			    "uci commit firewall && service firewall reload",
			    addr);
	if (a->owner == OWNER_UPNP)
		return text("# miniupnpd writes this rule; confine the rule that jumps to its "
			    "chain, by adding: %s",
			    local);
	if (a->redirect && a->any_iif)
		return text("# confine it to what does not enter on %s, by adding: %s", a->ifname,
			    in);
	if (a->any_iif)
		return text("# confine it to the external address, by adding: %s %s (where "
			    "that changes: %s)\n"
			    "# or, if it is for what internal hosts send, by adding: %s",
			    to, addr, local, in);
	return text("# confine it to the external address, by adding: %s %s (where that "
		    "changes: %s)",
		    to, addr, local);
}

char *mend_dnat(const struct mend_ask *a, const char *ports)
{
	const char *move = NULL;
	char *keep;

	switch (a->owner) {
	case OWNER_DOCKER:
		move = "# or publish another port: docker run -p PORT:...";
		break;
	case OWNER_PODMAN:
		move = "# or publish another port: podman run -p PORT:...";
		break;
	case OWNER_FIREWALLD:
		move = "# or move it: firewall-cmd --permanent --remove-forward-port=...";
		break;
	case OWNER_FW4:
		move = "# or move it: uci set firewall.@redirect[N].src_dport=PORT";
		break;
	case OWNER_UPNP:
		move = &UPNP_DENY[1];
		break;
	case OWNER_KUBE:
		move = "# or choose another nodePort for the service";
		break;
	case OWNER_CNI:
		move = "# or choose another hostPort for the pod";
		break;
	case OWNER_LXD:
		move = "# or move it: lxc network forward port remove NETWORK ADDRESS ...";
		break;
	case OWNER_INCUS:
		move = "# or move it: incus network forward port remove NETWORK ADDRESS ...";
		break;
	case OWNER_FLANNEL:
	case OWNER_CALICO:
	case OWNER_CILIUM:
	case OWNER_FAIL2BAN:
	case OWNER_CROWDSEC:
	case OWNER_NM:
	case OWNER_MULLVAD:
	case OWNER_BANIP:
	case OWNER_NOBODY:
	case OWNER_UFW:
	case OWNER_TAILSCALE:
	case OWNER_LIBVIRT:
	case OWNER_WG_QUICK:
	case OWNER_MWAN3:
	case OWNER_PBR:
	case OWNER_NETWORKD:
	case OWNER_COUNT:
		break;
	}
	keep = text("--exclude-ports %s%s%s", ports, move ? "\n" : "", move ? move : "");
	return keep;
}
