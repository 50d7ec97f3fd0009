// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whole rule sets of real programs: each is loaded into a network namespace of its own, in each
 * way that it can be loaded, and read. Captured ones stand in tests/rulesets; those that were
 * written down from other projects' sources are looked for in ../shared/rulesets, else skipped.
 */
#include <unistd.h>

#include "foreign_lab.h"

enum loader { NFT, NATIVE, XNFT, LEGACY };

struct ruleset {
	const char *name;
	enum loader loader;
	const char *ifname;
	const char *want;
};

#define DOCKER                                                                                     \
	"dnat tcp 8080\n"                                                                          \
	"dnat udp 21000-21010,25000\n"
/* its hairpin rules come later and see nothing of what leaves here */
#define DOCKER_SNAT                                                                                \
	"snat 172.17.0.0/16 all\n"                                                                 \
	"snat 172.28.0.0/24 all\n"
#define UFW                                                                                        \
	"dnat tcp 80\n"                                                                            \
	"dnat udp 28000-28010\n"                                                                   \
	"drop ip filter FORWARD policy\n"                                                          \
	"snat 192.168.50.0/24 all iface\n"
#define LIBVIRT_SNAT                                                                               \
	"snat 192.168.122.0/24 icmp\n"                                                             \
	"snat 192.168.122.0/24 tcp ports 1024-65535\n"                                             \
	"snat 192.168.122.0/24 udp ports 1024-65535\n"
#define MWAN                                                                                       \
	"dnat tcp 443\n"                                                                           \
	"snat any all iface\n"
#define COMBO                                                                                      \
	"dnat tcp 80,8080\n"                                                                       \
	"dnat udp 21000-21010,25000,28000-28010\n"                                                 \
	"drop ip filter FORWARD policy\n" DOCKER_SNAT "snat 192.168.50.0/24 all iface\n"           \
	"snat any all\n"
#define KUBE                                                                                       \
	"dnat tcp 80 to 172.30.0.41/32\n"                                                          \
	"dnat tcp 80,3003\n"                                                                       \
	"snat any all\n"

static const struct ruleset rulesets[] = {
	{ "docker-20.10-iptables-nft", XNFT, "wan0",
	  DOCKER "drop ip filter FORWARD policy\n" DOCKER_SNAT },
	{ "docker-20.10-iptables-nft", NATIVE, "wan0",
	  DOCKER "drop ip filter FORWARD policy\n" DOCKER_SNAT },
	{ "docker-20.10-iptables-legacy", LEGACY, "wan0",
	  DOCKER "drop iptables-legacy filter FORWARD policy\n" DOCKER_SNAT },
	{ "docker-29-iptables", XNFT, "wan0",
	  DOCKER "drop ip filter FORWARD policy\n"
		 "drop ip raw PREROUTING to 172.17.0.2/32,172.28.0.2/32\n" DOCKER_SNAT },
	{ "docker-29-nftables", NFT, "wan0",
	  DOCKER
	  "drop ip docker-bridges filter-FORWARD oif br-3f1c0a9d7e52 docker0\n"
	  "drop ip docker-bridges raw-PREROUTING to 172.17.0.2/32,172.28.0.2/32\n" DOCKER_SNAT },
	{ "firewalld-1.3-zones", NFT, "wan0",
	  "dnat tcp 8443\n"
	  "dnat udp 27000-27010\n"
	  "drop inet firewalld filter_FORWARD\n"
	  "snat any all iface\n" },
	/* seen from the inside: another zone, no forward-ports, no masquerade */
	{ "firewalld-1.3-zones", NFT, "lan0", "drop inet firewalld filter_FORWARD\n" },
	{ "home-router-nftables-conf", NFT, "wan0",
	  "dnat tcp 80,2222,8443\n"
	  "dnat udp 3478-3479,27000-27100\n"
	  "drop inet filter forward policy\n"
	  "snat 192.168.50.0/24 tcp dest\n"
	  "snat 192.168.50.0/24,192.168.60.0/24 all iface\n" },
	{ "kube-proxy-iptables", XNFT, "eth0", KUBE },
	{ "kube-proxy-iptables", NATIVE, "eth0", KUBE },
	{ "kube-proxy-iptables-legacy", LEGACY, "eth0", KUBE },
	{ "kube-proxy-nftables", NFT, "eth0",
	  "dnat tcp 80 to 172.30.0.41/32\n"
	  "dnat tcp 80,3003 to 172.30.0.43/32,192.168.0.2/32\n"
	  "drop ip kube-proxy filter-forward to 172.30.0.0/16\n"
	  "snat any all\n" },
	{ "libvirt-9.0-iptables", XNFT, "wan0",
	  "drop ip filter FORWARD oif virbr0\n" LIBVIRT_SNAT },
	{ "libvirt-9.0-iptables", NATIVE, "wan0",
	  "drop ip filter FORWARD oif virbr0\n" LIBVIRT_SNAT },
	{ "libvirt-nftables", NFT, "wan0",
	  "drop ip libvirt_network forward oif virbr0\n" LIBVIRT_SNAT },
	{ "mwan3-like-iptables", XNFT, "wan0", MWAN },
	{ "mwan3-like-iptables", NATIVE, "wan1", MWAN },
	{ "mwan3-like-iptables", XNFT, "lan0", "" },
	{ "netavark-nftables", NFT, "wan0",
	  "dnat tcp 8080\n"
	  "dnat udp 21000-21002,25000\n"
	  "snat 10.88.0.0/16 all\n"
	  "snat 10.89.5.0/24 all\n"
	  "snat any all\n" },
	{ "openwrt-fw4-default", NFT, "pppoe-wan",
	  "drop inet fw4 forward\n"
	  "snat any all iface\n" },
	{ "openwrt-fw4-redirect", NFT, "pppoe-wan",
	  "dnat tcp 22-23,26\n"
	  "drop inet fw4 forward policy\n"
	  "snat any all iface\n" },
	{ "openwrt-fw4-redirect", NFT, "wwan0",
	  "dnat tcp 24\n"
	  "drop inet fw4 forward policy\n"
	  "snat any all iface\n" },
	{ "openwrt-fw4-zones-masq", NFT, "zone1",
	  "drop inet fw4 forward policy\n"
	  "snat any all iface\n" },
	/* IPv6 only */
	{ "openwrt-fw4-zones-masq", NFT, "zone2", "drop inet fw4 forward policy\n" },
	{ "tailscale-nft", NFT, "wan0",
	  "drop ip filter FORWARD oif tailscale0 src\n"
	  "snat any all\n" },
	{ "tailscale-nft-stateful", NFT, "wan0",
	  "drop ip filter FORWARD oif tailscale0\n"
	  "snat any all\n" },
	{ "tailscale-iptables", XNFT, "wan0",
	  "drop ip filter FORWARD oif tailscale0 src\n"
	  "snat any all\n" },
	{ "tailscale-iptables-stateful", XNFT, "wan0",
	  "drop ip filter FORWARD oif tailscale0\n"
	  "snat any all\n" },
	{ "tailscale-iptables-legacy-stateful", LEGACY, "wan0",
	  "drop iptables-legacy filter FORWARD oif tailscale0\n"
	  "snat any all\n" },
	{ "ufw-0.36-nat", XNFT, "wan0", UFW },
	{ "ufw-0.36-nat", NATIVE, "wan0", UFW },
	{ "ufw-0.36-nat-reloaded", XNFT, "wan0", UFW "snat any all iface\n" },
	{ "wg-quick-iptables", XNFT, "wan0", "" },
	{ "wg-quick-iptables", NATIVE, "wan0", "" },
	{ "wg-quick-nft", NFT, "wan0", "" },
	{ "combo-docker-ufw-tailscale", XNFT, "wan0", COMBO },
	{ "combo-docker-ufw-tailscale", NATIVE, "wan0", COMBO },
};

static const char *const files[] = { [NFT] = "ruleset.nft",
				     [NATIVE] = "ruleset-native.nft",
				     [XNFT] = "iptables-save.txt",
				     [LEGACY] = "iptables-save.txt" };
static const char *const commands[] = { [NFT] = "nft -f",
					[NATIVE] = "nft -f",
					[XNFT] = "iptables-nft-restore",
					[LEGACY] = "iptables-legacy-restore" };

/* The interfaces and addresses of ip-addr.txt: links first, an empty line, then addresses. */
static void make_links(const char *dir)
{
	char path[320], line[512], *words, *name, *addr;
	bool addresses = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/ip-addr.txt", dir);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		name = strtok_r(line, " \n", &words);
		if (!name) {
			addresses = true;
			continue;
		}
		name[strcspn(name, "@")] = '\0';
		if (!strcmp(name, "lo"))
			continue;
		strtok_r(NULL, " \n", &words); /* the state */
		if (!addresses)
			sh("ip link add %s type bridge", name);
		while (addresses && (addr = strtok_r(NULL, " \n", &words)))
			if (!strchr(addr, ':'))
				sh("ip addr add %s dev %s", addr, name);
	}
	fclose(f);
}

static void test_ruleset(void **state)
{
	const struct ruleset *r = *state;
	static const char *const places[] = { "tests/rulesets", "../shared/rulesets" };
	char dir[256], file[320];

	for (size_t i = 0; i < 2; i++) {
		snprintf(dir, sizeof(dir), "%s/%s", places[i], r->name);
		snprintf(file, sizeof(file), "%s/%s", dir, files[r->loader]);
		if (!access(file, R_OK))
			break;
		file[0] = '\0';
	}
	if (!file[0]) {
		skip();
		return;
	}
	lab_open();
	sh("mount -t tmpfs none /run"); /* the lock of iptables-legacy */
	make_links(dir);
	sh("%s %s%s", commands[r->loader], r->loader == XNFT || r->loader == LEGACY ? "< " : "",
	   file);
	snprintf(file, sizeof(file), "%s/ip6tables-save.txt", dir);
	if (r->loader == XNFT && !access(file, R_OK))
		sh("ip6tables-nft-restore < %s", file);
	expect_foreign(r->ifname, 0, 0, r->want);
	/* no rule of any of these programs knows the inbound mark */
	expect_foreign(r->ifname, 0x1, 0x1, r->want);
}

int main(void)
{
	static const char *const how[] = { "nft", "native", "iptables-nft", "iptables-legacy" };
	enum { N = sizeof(rulesets) / sizeof(*rulesets) };
	struct CMUnitTest tests[N];
	char names[N][96];

	cmocka_set_message_output(CM_OUTPUT_TAP);
	for (size_t i = 0; i < N; i++) {
		snprintf(names[i], sizeof(names[i]), "%s, loaded by %s, seen from %s",
			 rulesets[i].name, how[rulesets[i].loader], rulesets[i].ifname);
		tests[i] = (struct CMUnitTest){ .name = names[i],
						.test_func = test_ruleset,
						.initial_state = (void *)&rulesets[i] };
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
