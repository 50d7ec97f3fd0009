// SPDX-License-Identifier: GPL-2.0-or-later
/* foreign_read() on rules made for one question each. The external interface is wan. */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "foreign_lab.h"

struct rules {
	const char *name;
	const char *nft; /* a ruleset for `nft -f`, or NULL */
	const char *xt; /* iptables-restore text, or NULL */
	const char *want;
	uint32_t mark, mask; /* inbound mark */
};

#define PRE(rules)                                                                                 \
	"table ip t {\n chain pre {\n type nat hook prerouting priority -100;\n" rules "\n}\n}\n"
#define POST(rules)                                                                                \
	"table ip t {\n chain post {\n type nat hook postrouting priority 100;\n" rules "\n}\n}\n"
#define FWD(rules)                                                                                 \
	"table inet t {\n chain ff {\n type filter hook forward priority 0; policy drop;\n" rules  \
	"\n}\n}\n"
#define RAW(rules)                                                                                 \
	"table ip t {\n chain raw {\n type filter hook prerouting priority -300;\n" rules "\n}\n}" \
	"\n"
#define FILTER(rules) "*filter\n:FORWARD DROP [0:0]\n" rules "\nCOMMIT\n"
#define NAT(rules)    "*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n" rules "\nCOMMIT\n"

static const struct rules cases[] = {
	/* ---- who NATs out */
	{ "a masquerade for another interface does not apply", POST("oifname lan masquerade"), NULL,
	  "" },
	{ "negated: all but another interface applies, unnamed", POST("oifname != lan masquerade"),
	  NULL, "snat any all\n" },
	{ "negated: all but ours does not apply", POST("oifname != wan masquerade"), NULL, "" },
	{ "a wildcard that ours fits", POST("oifname \"wa*\" masquerade"), NULL,
	  "snat any all iface\n" },
	{ "a wildcard that ours does not fit", POST("oifname \"wan1*\" masquerade"), NULL, "" },
	{ "wildcards in a set", POST("oifname { \"ppp*\", \"w*\" } masquerade"), NULL,
	  "snat any all iface\n" },
	{ "a set of names without ours", POST("oifname { lan, dmz } masquerade"), NULL, "" },
	{ "a set of names, negated", POST("oifname != { lan, dmz } masquerade"), NULL,
	  "snat any all\n" },
	{ "by interface index", POST("oif wan masquerade\n oif lan snat to 192.0.2.1"), NULL,
	  "snat any all iface\n" },
	{ "a set of indices", POST("oif { wan, lan } masquerade"), NULL, "snat any all iface\n" },
	{ "source and destination in one load",
	  POST("ip saddr 10.1.2.3 ip daddr 192.0.2.9 masquerade"), NULL,
	  "snat 10.1.2.3/32 all dest\n" },
	{ "prefixes that do not end at a byte",
	  POST("ip saddr 10.64.0.0/10 masquerade\n ip saddr & 255.0.0.255 == 10.0.0.1 snat to "
	       "192.0.2.1"),
	  NULL, "snat 10.64.0.0/10 all\nsnat any all\n" },
	{ "source intervals become prefixes",
	  "table ip t {\n set s { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, "
	  "192.168.1.128-192.168.2.127 } ;}\n chain post {\n type nat hook postrouting priority "
	  "100;\n ip saddr @s masquerade\n}\n}\n",
	  NULL, "snat 10.0.0.0/8,192.168.1.128/25,192.168.2.0/25 all\n" },
	{ "a negated source names none", POST("ip saddr != 10.0.0.0/8 masquerade"), NULL,
	  "snat any all\n" },
	{ "a source out of the jump's",
	  POST("ip saddr 10.0.0.0/8 jump {\n ip saddr 10.1.0.0/16 masquerade\n ip saddr "
	       "172.16.0.0/12 masquerade\n}"),
	  NULL, "snat 10.1.0.0/16 all\n" },
	{ "a negated destination does not count", POST("ip daddr != 10.0.0.0/8 masquerade"), NULL,
	  "snat any all\n" },
	{ "a mark or a state may apply",
	  POST("meta mark 0x4000 masquerade\n ct state new tcp dport 80 snat to 192.0.2.1"), NULL,
	  "snat any all\nsnat any tcp dest\n" },
	{ "what an earlier rule takes for certain", POST("oifname wan return\n masquerade"), NULL,
	  "" },
	{ "an earlier accept that may not match", POST("ip daddr 10.0.0.0/8 accept\n masquerade"),
	  NULL, "snat any all\n" },
	{ "goto does not come back",
	  "table ip t {\n chain a { return; }\n chain post {\n type nat hook postrouting "
	  "priority 100;\n goto a\n masquerade\n}\n}\n",
	  NULL, "" },
	{ "jump comes back",
	  "table ip t {\n chain a { return; }\n chain post {\n type nat hook postrouting "
	  "priority 100;\n jump a\n meta l4proto udp masquerade to :30000-40000\n}\n}\n",
	  NULL, "snat any udp ports 30000-40000\n" },
	{ "einat's own tables and dormant ones are left out",
	  "table inet einat_wan {\n chain post {\n type nat hook postrouting priority 100;\n "
	  "masquerade\n}\n}\ntable ip d {\n flags dormant;\n chain post {\n type nat hook "
	  "postrouting priority 100;\n masquerade\n}\n}\n",
	  NULL, "" },
	{ "IPv6 only is left out",
	  "table inet t {\n chain post {\n type nat hook postrouting priority 100;\n meta "
	  "nfproto ipv6 masquerade\n ip6 saddr fd00::/8 masquerade\n}\n}\n",
	  NULL, "" },
	{ "a verdict map on the input interface",
	  POST("iifname vmap { lan : jump a, dmz : accept }\n}\n chain a {\n ip saddr "
	       "10.0.0.0/8 masquerade"),
	  NULL, "snat 10.0.0.0/8 all\n" },

	/* ---- who NATs in */
	{ "ports: single, range, set, interval set",
	  PRE("tcp dport 80 dnat to 10.0.0.1\n udp dport 1000-1999 redirect to :53\n udp dport { "
	      "5, 7, 9 } dnat to 10.0.0.1\n tcp dport { 90-99, 200-300 } dnat to 10.0.0.1"),
	  NULL, "dnat tcp 80,90-99,200-300\ndnat udp 5,7,9,1000-1999\n" },
	{ "negated ports", PRE("tcp dport != 22 dnat to 10.0.0.1"), NULL, "dnat tcp 1-65535\n" },
	{ "comparisons",
	  PRE("tcp dport >= 60000 dnat to 10.0.0.1\n udp dport < 10 dnat to 10.0.0.1"), NULL,
	  "dnat tcp 60000-65535\ndnat udp 1-9\n" },
	{ "both protocols at once", PRE("meta l4proto { tcp, udp } th dport 53 dnat to 10.0.0.1"),
	  NULL, "dnat tcp 53\ndnat udp 53\n" },
	{ "a map on the port",
	  PRE("dnat ip to tcp dport map { 80 : 10.0.0.1 . 8080, 443 : 10.0.0.2 . 443 }"), NULL,
	  "dnat tcp 80,443\n" },
	{ "a map on address and port",
	  PRE("dnat to ip daddr . tcp dport map { 192.0.2.1 . 80 : 10.0.0.1, 192.0.2.2 . 90 : "
	      "10.0.0.2 }"),
	  NULL, "dnat tcp 80,90 to 192.0.2.1/32,192.0.2.2/32\n" },
	{ "a concatenation with intervals",
	  PRE("ip daddr . udp dport { 192.0.2.0/24 . 100-199, 198.51.100.7 . 5 } dnat to 10.0.0.1"),
	  NULL, "dnat udp 5,100-199 to 192.0.2.0/24,198.51.100.7/32\n" },
	{ "a verdict map on protocol and port",
	  PRE("meta l4proto . th dport vmap { tcp . 80 : jump a, udp . 90 : jump a }\n}\n chain "
	      "a {\n dnat to 10.0.0.1"),
	  NULL, "dnat tcp 80\ndnat udp 90\n" },
	{ "a verdict map with intervals",
	  PRE("tcp dport vmap { 1-9 : accept, 10-19 : jump a }\n}\n chain a {\n dnat to 10.0.0.1"),
	  NULL, "dnat tcp 10-19\n" },
	{ "one verdict map element sends what others keep",
	  PRE("tcp dport vmap { 22 : accept }\n tcp dport 20-30 dnat to 10.0.0.1"), NULL,
	  "dnat tcp 20-21,23-30\n" },
	{ "entering elsewhere",
	  PRE("iifname lan tcp dport 80 dnat to 10.0.0.1\n iif lan dnat to 10.0.0.1\n iifname != "
	      "wan dnat to 10.0.0.1"),
	  NULL, "" },
	{ "to a loopback address only",
	  PRE("ip daddr 127.0.0.1 tcp dport 80 dnat to 10.0.0.1\n ip daddr { 127.0.0.1, 192.0.2.1 "
	      "} "
	      "tcp dport 81 dnat to 10.0.0.1"),
	  NULL, "dnat tcp 81 to 192.0.2.1/32\n" },
	{ "to local addresses",
	  PRE("fib daddr type local tcp dport 80 dnat to 10.0.0.1\n fib daddr "
	      "type != local tcp dport 81 dnat to 10.0.0.1"),
	  NULL, "dnat tcp 80\n" },
	{ "a catch-all stays one behind other rules",
	  PRE("tcp dport 80 dnat to 10.0.0.1\n dnat to 10.0.0.2"), NULL,
	  "dnat icmp 1-65535\ndnat tcp 1-65535\ndnat udp 1-65535\n" },
	{ "transparent proxies take ports too",
	  "table ip t {\n chain p {\n type filter hook prerouting priority -150;\n tcp dport 81 "
	  "tproxy to :9000 meta mark set 1\n}\n}\n",
	  NULL, "dnat tcp 81\n" },

	/* ---- iptables, both back ends */
	{ "iptables: multiport, ranges, negations", NULL,
	  NAT("-A PREROUTING -p tcp -m multiport --dports 80,443,8000:8010 -j DNAT --to 10.0.0.1\n"
	      "-A PREROUTING ! -i wan -p udp -j DNAT --to 10.0.0.1\n"
	      "-A PREROUTING -i wa+ -p udp --dport 53 -j REDIRECT --to-ports 5353\n"
	      "-A PREROUTING ! -i lan+ -d 192.0.2.0/24 -p udp --dport 70 -j NETMAP --to "
	      "10.0.0.0/24\n"
	      "-A PREROUTING -m iprange --dst-range 192.0.2.4-192.0.2.7 -p tcp --dport 9 -j DNAT "
	      "--to 10.0.0.1"),
	  "dnat tcp 80,443,8000-8010\ndnat tcp 9 to 192.0.2.4/30\ndnat udp 53\ndnat udp 70 to "
	  "192.0.2.0/24\n" },
	{ "iptables: SNAT, ranges of ports, marks, addrtype", NULL,
	  NAT("-A POSTROUTING -o lan -j MASQUERADE\n"
	      "-A POSTROUTING -s 10.1.0.0/16 ! -o docker0 -j MASQUERADE\n"
	      "-A POSTROUTING -o wan -p udp -j MASQUERADE --to-ports 40000-50000\n"
	      "-A POSTROUTING -o wan -p tcp -s 10.2.0.0/16 -j SNAT --to 192.0.2.1:1024-2000\n"
	      "-A POSTROUTING -m mark --mark 0x1/0x1 -m addrtype --src-type LOCAL -j SNAT --to "
	      "192.0.2.1"),
	  "snat 10.1.0.0/16 all\nsnat 10.2.0.0/16 tcp iface ports 1024-2000\nsnat any tcp,icmp\n"
	  "snat any udp iface ports 40000-50000\n" },
	{ "iptables: user chains, goto, return", NULL,
	  "*nat\n:PREROUTING ACCEPT [0:0]\n:A - [0:0]\n:B - [0:0]\n-A PREROUTING -p tcp -j A\n"
	  "-A PREROUTING -p udp -g B\n-A PREROUTING -p udp --dport 7 -j DNAT --to 10.0.0.9\n"
	  "-A A -p tcp --dport 22 -j RETURN\n-A A -p tcp --dport 20:25 -j DNAT --to 10.0.0.1\n"
	  "-A B -p udp --dport 5 -j DNAT --to 10.0.0.1\nCOMMIT\n",
	  "dnat tcp 20-21,23-25\ndnat udp 5\n" },
	{ "iptables: policy drop, states, interfaces", NULL,
	  FILTER("-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT\n"
		 "-A FORWARD -i lan -j ACCEPT"),
	  "drop %s filter FORWARD policy\n" },
	{ "iptables: new connections are let in", NULL,
	  FILTER("-A FORWARD -i wan -m conntrack --ctstate NEW -j ACCEPT"), "" },
	{ "iptables: the state match", NULL, FILTER("-A FORWARD -m state --state NEW -j ACCEPT"),
	  "" },
	{ "iptables: the mark is let in", NULL,
	  FILTER("-A FORWARD -m mark --mark 0x100/0xf00 -j ACCEPT"),
	  "drop %s filter FORWARD mark policy\n", 0x100, 0xf00 },
	{ "iptables: another mark is let in", NULL,
	  FILTER("-A FORWARD -m mark --mark 0x200/0xf00 -j ACCEPT"),
	  "drop %s filter FORWARD policy\n", 0x100, 0xf00 },
	{ "iptables: MARK changes the mark before", NULL,
	  "*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -i wan -j MARK --set-xmark 0x0/0xff\n"
	  "COMMIT\n" FILTER("-A FORWARD -m mark --mark 0x1/0x1 -j ACCEPT"),
	  "drop %s filter FORWARD policy\n", 0x1, 0x1 },
	{ "iptables: other bits may be marked", NULL,
	  "*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -i wan -j MARK --set-xmark "
	  "0x4000/0x4000\nCOMMIT\n" FILTER("-A FORWARD -m mark --mark 0x1/0x1 -j ACCEPT"),
	  "drop %s filter FORWARD mark policy\n", 0x1, 0x1 },
	{ "iptables: what is not understood may drop", NULL,
	  "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -m length --length 100 -j DROP\nCOMMIT\n",
	  "drop %s filter FORWARD\n" },

	/* ---- who drops */
	{ "policy drop behind established only", FWD("ct state established,related accept"), NULL,
	  "drop inet t ff policy\n" },
	{ "the same as a verdict map",
	  FWD("ct state vmap { established : accept, related : accept, invalid : drop }"), NULL,
	  "drop inet t ff policy\n" },
	{ "new is in the verdict map", FWD("ct state vmap { established : accept, new : accept }"),
	  NULL, "" },
	{ "all that enters here is let in", FWD("iifname wan accept"), NULL, "" },
	{ "only to one interface", FWD("iifname wan oifname lan accept"), NULL,
	  "drop inet t ff not oif lan policy\n" },
	{ "a reply's direction is not new", FWD("ct direction reply accept"), NULL,
	  "drop inet t ff policy\n" },
	{ "only what a DNAT rule made", FWD("ct status dnat accept"), NULL,
	  "drop inet t ff policy\n" },
	{ "without an inbound mark no mark accepts", FWD("meta mark & 0x1 == 0x1 accept"), NULL,
	  "drop inet t ff policy\n" },
	{ "the inbound mark accepts", FWD("meta mark & 0x1 == 0x1 accept"), NULL,
	  "drop inet t ff mark policy\n", 0x1, 0x1 },
	{ "the whole mark is compared", FWD("meta mark 0x100 accept"), NULL,
	  "drop inet t ff mark policy\n", 0x100, 0xf00 },
	{ "a set of marks", FWD("meta mark { 0x1, 0x2 } accept"), NULL,
	  "drop inet t ff mark policy\n", 0x2, 0x2 },
	{ "the mark accepts UDP only", FWD("meta l4proto udp meta mark 0x1 accept"), NULL,
	  "drop inet t ff policy\n", 0x1, 0x1 },
	{ "the drop comes before the mark", FWD("iifname wan drop\n meta mark 0x1 accept"), NULL,
	  "drop inet t ff\n", 0x1, 0x1 },
	{ "the mark is restored from conntrack's before",
	  RAW("meta mark set ct mark") FWD("meta mark 0x1 accept"), NULL, "drop inet t ff policy\n",
	  0x1, 0x1 },
	{ "each chain for itself",
	  FWD("meta mark 0x1 accept") "table inet u {\n chain g {\n type filter hook forward "
				      "priority 10;\n iifname wan reject\n}\n}\n",
	  NULL, "drop inet t ff mark policy\ndrop inet u g\n", 0x1, 0x1 },
	{ "invalid ones only",
	  RAW("ip protocol icmp accept") "table ip u {\n chain f {\n type filter "
					 "hook forward priority 0;\n ct state invalid drop\n}\n}\n",
	  NULL, "" },
	{ "before conntrack all is invalid", RAW("ct state invalid drop"), NULL,
	  "drop ip t raw\n" },
	{ "untracked is not new", RAW("notrack") FWD("ct state new accept"), NULL,
	  "drop inet t ff policy\n" },
	{ "new and untracked together are all",
	  RAW("notrack") FWD("ct state new accept\n ct state untracked accept"), NULL, "" },
	{ "a wildcard output is no name", FWD("oifname \"la*\" accept"), NULL,
	  "drop inet t ff policy\n" },
	{ "towards containers only",
	  RAW("ip daddr { 172.17.0.2, 172.17.0.3 } iifname != docker0 drop"), NULL,
	  "drop ip t raw to 172.17.0.2/31\n" },
	{ "to this host's own addresses, multicast, loopback",
	  RAW("ip daddr { 192.0.2.1, 127.0.0.0/8, 224.0.0.0/4 } drop"), NULL, "" },
	{ "a block list of remote addresses", RAW("ip saddr { 198.51.100.0/24, 203.0.113.9 } drop"),
	  NULL, "drop ip t raw src\n" },
	{ "impossible TCP flags",
	  RAW("tcp flags & (fin|syn) == fin|syn drop\n tcp flags & (fin|syn|rst|psh|ack|urg) == "
	      "0x0 "
	      "drop"),
	  NULL, "" },
	{ "TCP that begins without SYN", RAW("tcp flags & (fin|syn|rst|ack) != syn drop"), NULL,
	  "drop ip t raw\n" },
	{ "back out of the external interface",
	  "table inet t {\n chain f {\n type filter hook "
	  "forward priority 0;\n oifname wan drop\n oifname lo drop\n}\n}\n",
	  NULL, "" },
	{ "a rate limit may drop", RAW("limit rate over 5/second drop"), NULL, "drop ip t raw\n" },
	{ "statements that drop nothing",
	  RAW("counter log prefix \"x\"\n ip dscp set cs1\n ip ttl set 64\n tcp flags syn tcp "
	      "option "
	      "maxseg size set 1400\n meta priority set 1:1\n ct mark set 7"),
	  NULL, "" },
	{ "ingress of the device",
	  "table netdev t {\n chain i {\n type filter hook ingress device wan priority 0;\n meta "
	  "protocol ip udp dport 99 drop\n}\n chain j {\n type filter hook ingress device lan "
	  "priority 0;\n drop\n}\n}\n",
	  NULL, "drop netdev t i\n" },
	{ "IPv6 only drops", FWD("meta nfproto ipv4 accept"), NULL, "" },
};

enum backend { NFT, XNFT, LEGACY };

struct run {
	const struct rules *rules;
	enum backend backend;
};

static void load(const char *text, const char *command)
{
	FILE *p = popen(command, "w");

	assert_non_null(p);
	assert_true(fputs(text, p) >= 0);
	assert_int_equal(pclose(p), 0);
}

static void test_rules(void **state)
{
	static const char *const commands[] = { "nft -f -", "iptables-nft-restore",
						"iptables-legacy-restore" };
	const struct run *run = *state;
	const struct rules *r = run->rules;
	char want[512];

	lab_open();
	sh("mount -t tmpfs none /run");
	sh("ip link add wan type bridge; ip link add lan type bridge; ip addr add 192.0.2.1/24 "
	   "dev wan");
	load(r->nft ? r->nft : r->xt, commands[run->backend]);
	snprintf(want, sizeof(want), r->want, run->backend == LEGACY ? "iptables-legacy" : "ip");
	expect_foreign("wan", r->mark, r->mask, want);
}

/* The families are told apart: what is said of IPv6, where the rest of this file looks at IPv4. */
static void test_ipv6(void **state)
{
	(void)state;
	lab_open();
	sh("ip link add wan type bridge; ip link add lan type bridge; ip link set wan up; "
	   "ip -6 addr add 2001:db8::1/64 dev wan nodad");
	load("table inet t {\n chain post {\n type nat hook postrouting priority 100;\n oifname "
	     "wan "
	     "meta nfproto ipv6 masquerade\n ip saddr 10.0.0.0/8 masquerade\n}\n chain ff {\n type "
	     "filter hook forward priority 0; policy drop;\n meta nfproto ipv4 accept\n}\n}\n"
	     "table ip6 u {\n chain pre {\n type nat hook prerouting priority -100;\n tcp dport 80 "
	     "dnat to [fd00::1]:8080\n ip6 daddr 2001:db8::1 udp dport 100-199 dnat to fd00::2\n "
	     "fib daddr type local icmpv6 type echo-request redirect\n}\n}\n",
	     "nft -f -");
	load("*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -s fd00:1::/64 ! -o docker0 -j "
	     "MASQUERADE\nCOMMIT\n*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -d fd00:1::2 ! -i "
	     "docker0 -j DROP\nCOMMIT\n",
	     "ip6tables-nft-restore");
	expect_family("wan", 0, 0, true,
		      "dnat icmp 1-65535\ndnat tcp 80\ndnat udp 100-199 to 2001:db8::1/128\n"
		      "drop inet t ff policy\ndrop ip6 raw PREROUTING to fd00:1::2/128\n"
		      "snat any all iface\nsnat fd00:1::/64 all\n");
	expect_foreign("wan", 0, 0, "snat 10.0.0.0/8 all\n");
}

/* The same rules of the old back end, which nft does not see. */
static void test_ipv6_legacy(void **state)
{
	(void)state;
	lab_open();
	sh("mount -t tmpfs none /run; ip link add wan type bridge");
	if (sh_try("ip6tables-legacy -t nat -L -n >/dev/null 2>&1")) {
		skip();
		return;
	}
	load("*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -o wan -j MASQUERADE\nCOMMIT\n"
	     "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -p icmpv6 -m icmp6 --icmpv6-type "
	     "echo-request -j ACCEPT\nCOMMIT\n",
	     "ip6tables-legacy-restore");
	expect_family("wan", 0, 0, true,
		      "drop ip6tables-legacy filter FORWARD policy\nsnat any all iface\n");
	expect_foreign("wan", 0, 0, "");
}

static void test_no_interface(void **state)
{
	(void)state;
	lab_open();
	load(POST("oifname ppp0 masquerade\n oif lo masquerade"), "nft -f -");
	/* an interface that is not there has a name, but no index that could be told apart */
	expect_foreign("ppp0", 0, 0, "snat any all iface\n");
}

/* Depth and breadth: jumps that multiply must end in an error, not in endless work. */
static void test_too_many_paths(void **state)
{
	size_t len;
	char *text;
	FILE *o = open_memstream(&text, &len);
	struct foreign *f;
	struct err err = { "" };

	(void)state;
	lab_open();
	fputs("table ip t {\n", o);
	for (int i = 14; i > 0; i--) {
		fprintf(o, " chain c%d {\n", i);
		for (int j = 0; j < 4 && i < 14; j++)
			fprintf(o, " ip daddr 10.0.0.%d jump c%d\n", j, i + 1);
		fputs(" ip saddr 10.0.0.0/8 counter\n }\n", o);
	}
	fputs(" chain f {\n type filter hook forward priority 0;\n", o);
	fputs(" jump c1\n }\n}\n", o);
	fclose(o);
	load(text, "nft -f -");
	free(text);
	/* the destinations exclude each other, so that the paths do not multiply after all */
	expect_foreign("wan", 0, 0, "");
	assert_int_equal(foreign_read("", 0, 0, &f, &err), -EINVAL);
	assert_int_equal(foreign_read("interface-name-too-long", 0, 0, &f, &err), -EINVAL);
}

#define N_SETS 60

/* Sets are asked for one by one, and then the rules: in between they may be others. */
static bool one_state(const struct foreign *f, size_t *seen)
{
	unsigned state = f->dnat[0].ports.r->lo - 100u;

	if (f->n_dnat != N_SETS || state > 6)
		return false;
	for (unsigned i = 0; i < N_SETS; i++)
		if (f->dnat[i].ports.r->lo != 100 + 10 * i + state)
			return false;
	seen[state]++;
	return true;
}

/* Rules that are replaced all the time: each answer is one of their states, never a mix. */
static void test_changing(void **state)
{
	size_t seen[7] = { 0 };
	bool good = true;
	pid_t pid;

	(void)state;
	lab_open();
	pid = fork();
	if (!pid) {
		setpgid(0, 0);
		/* one transaction for each line that nft reads */
		execl("/bin/bash", "bash", "-c",
		      "for s in 0 1 2 3 4 5 6; do line[s]='flush ruleset; table ip t { chain pre { "
		      "type nat hook prerouting priority -100; '; for i in {0..59..2}; do "
		      "line[s]+=\"tcp dport { $((100 + 10 * i + s)), 9999 } dnat to 10.0.0.1; tcp "
		      "dport "
		      "$((110 + 10 * i + s)) dnat to 10.0.0.1; \"; done; line[s]+='}; }'; done; "
		      "while :; do for s in 0 1 2 3 4 5 6; do echo \"${line[s]}\" || exit; done; "
		      "done | nft -i >/dev/null 2>&1",
		      (char *)NULL);
		_exit(1);
	}
	setpgid(pid, pid); /* both do it: whoever comes first */
	/* nothing is asserted while the other process runs, so that it is always ended */
	for (int i = 0; i < 20000 && good && (seen[0] < 30 || seen[6] < 30); i++) {
		struct foreign *f;
		struct err err;
		int ret = foreign_read("wan", 0, 0, &f, &err);

		good = !ret || ret == -EAGAIN;
		if (ret)
			continue;
		good = !f->n_dnat || one_state(f, seen); /* no rule: nft has not begun */
		foreign_free(f);
	}
	assert_int_equal(kill(-pid, SIGTERM), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(good);
	assert_true(seen[0] && seen[6]);
}

int main(void)
{
	enum { N = sizeof(cases) / sizeof(*cases) };
	static struct CMUnitTest tests[2 * N + 5];
	static struct run runs[2 * N];
	static char names[2 * N][128];
	size_t n = 0;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	for (size_t i = 0; i < N; i++)
		for (int legacy = 0; legacy < (cases[i].xt ? 2 : 1); legacy++) {
			runs[n] = (struct run){ &cases[i], cases[i].nft ? NFT
							   : legacy	? LEGACY
									: XNFT };
			snprintf(names[n], sizeof(names[n]), "%s%s", cases[i].name,
				 legacy ? " (legacy)" : "");
			tests[n] = (struct CMUnitTest){ .name = names[n],
							.test_func = test_rules,
							.initial_state = &runs[n] };
			n++;
		}
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_ipv6);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_ipv6_legacy);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_no_interface);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_too_many_paths);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_changing);
	return _cmocka_run_group_tests("foreign rules", tests, n, NULL, NULL);
}
