// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every finding that `einat check` can make. --list, --explain and docs/findings.md are printed
 * from this table; the test of the documents compares them. A code is never renamed.
 * In a story, paragraphs are parted by an empty line, and a line that starts with four blanks
 * is a command.
 */
#include "check/finding.h"

const struct code codes[] = {
	/* ---- who translates ------------------------------------------------------------- */
	{ "snat-before-claim", SEV_CONFLICT,
	  "a SNAT or masquerade rule takes flows of the slice before einat's claim",
	  "Those flows are translated by netfilter, per connection, and never get a full cone.",
	  "The kernel decides on source NAT once for a connection: the first rule that sets it up "
	  "wins "
	  "and all later ones are skipped. einat's claim stands at priority srcnat - 1 (99), "
	  "before "
	  "every ordinary masquerade. This rule stands in a chain that runs earlier.\n\n"
	  "Nothing is lost: such a flow has an external address as its source when it reaches "
	  "einat, "
	  "and is passed on unchanged. But it is not in the slice, whatever the slice says.\n\n"
	  "Give the chain of that rule a priority of srcnat (100) or later, or confine the rule to "
	  "the "
	  "sources that are not in the slice." },
	{ "snat-slice-port", SEV_WARNING,
	  "a SNAT or masquerade rule can put other flows onto ports of the slice",
	  "A port that netfilter uses for a flow cannot be used by einat, so the slice loses "
	  "ports.",
	  "Masquerade keeps the source port where it can, and any port may be a source port: one "
	  "of "
	  "einat's too. einat sees such a flow in connection tracking and does not give its port "
	  "to a "
	  "binding, and replies to it find no binding and go to netfilter, so no packet is mixed "
	  "up. But the port is not available while the flow lives.\n\n"
	  "With --rest own and --rest guard einat moves those flows to ports outside of the slice. "
	  "This "
	  "rule is not reached by that, since it runs earlier, or it names ports of the slice "
	  "itself "
	  "(to :20000-29999).\n\n"
	  "Let the rule use other ports, or start einat with --rest auto." },
	{ "snat-address", SEV_WARNING,
	  "a rule gives hosts of the slice another external address than einat does",
	  "Their flows of the slice leave with einat's address, all others with that of the rule.",
	  "Some hosts have a public address of their own (one-to-one NAT), or the interface has "
	  "several and a SNAT rule picks one of them. einat knows nothing of such a rule: it takes "
	  "the slice's flows before it and gives them an address of the interface, the one that "
	  "the default route names as its source if it names one. Peers see two addresses of one "
	  "host then, and a server that expects the other address refuses. What is not in the "
	  "slice "
	  "keeps the rule's address, and its source port: einat moves such flows to no other port, "
	  "but gives none that they use.\n\n"
	  "Leave such hosts to the rule:\n\n"
	  "    nft add element inet einat_wan s0_not_internal { 192.168.1.10 }\n\n"
	  "This lasts while einat runs. To make it last, name the other internal networks with "
	  "--internal. If it is the address for all, let the route name it:\n\n"
	  "    ip route change default via 203.0.113.1 dev wan src 203.0.113.9" },
	{ "rest-unnatted", SEV_WARNING, "nothing translates what is not in the slice",
	  "Packets of the rest leave with their private source and no answer ever comes back.",
	  "einat runs with --rest none and no masquerade or SNAT rule covers the interface. "
	  "Everything "
	  "outside of the slice (other protocols, hosts that --internal does not name) then leaves "
	  "as it is, and new flows of a full slice are dropped. Some providers block a customer "
	  "who "
	  "sends such packets.\n\n"
	  "Start with --rest auto, or add a masquerade rule:\n\n"
	  "    nft add rule ip nat postrouting oifname \"wan\" masquerade" },
	{ "subnet-left-out", SEV_NOTE,
	  "hosts of a subnet stay with masquerade, since a rule names the subnet",
	  "Those hosts get no full cone unless --internal names them.",
	  "Docker, podman and libvirt masquerade their own subnets by name. What such a rule names "
	  "belongs to that program: its containers are reached through the program's own rules, "
	  "and "
	  "Docker 28 and later drop every packet to a container that comes straight from another "
	  "interface. So einat leaves the subnet in the rest.\n\n"
	  "To move its hosts to einat all the same, name every internal source, these included, "
	  "with "
	  "--internal." },
	{ "dnat-slice-port", SEV_WARNING, "a DNAT or redirect rule owns ports of the slice",
	  "The port stays with that rule: einat gives it to no binding.",
	  "A published container port, a port forward of the firewall, a UPnP mapping: all are "
	  "DNAT "
	  "rules. Where they lie inside the slice, einat takes their ports out of what it gives to "
	  "new "
	  "bindings, and gives them back when the rule goes. A packet that comes in to such a port "
	  "finds no binding and goes on to netfilter, so the forward works as before.\n\n"
	  "A binding that existed before the rule keeps its port as long as it is used. To keep "
	  "the two "
	  "apart for good, publish a port outside of the slice or leave the port out with "
	  "--exclude-ports." },
	{ "dnat-translated", SEV_CONFLICT,
	  "a DNAT or redirect rule takes what einat has translated inwards",
	  "Packets meant for an internal host of the slice end somewhere else.",
	  "What einat has translated at TC ingress has the internal host as its destination when "
	  "netfilter sees it. A rule that matches this address or port and not the external "
	  "address "
	  "(a transparent proxy, a redirect of all DNS) then takes it away.\n\n"
	  "Confine the rule to the interface that it is meant for, such as iifname \"lan\", or to "
	  "the "
	  "external address." },
	{ "tproxy-slice", SEV_WARNING, "a transparent proxy takes packets of the slice",
	  "What the proxy takes is answered by this host, and never reaches einat.",
	  "A TPROXY rule hands packets to a local socket; a REDIRECT rule for all ports does the "
	  "same with connections. Outgoing packets of the slice that it takes become connections "
	  "of the proxy, which are this host's own and are not translated "
	  "by einat. Incoming ones never reach the internal host.\n\n"
	  "This may be what is wanted. If not, confine the rule, or exclude the slice's hosts from "
	  "it." },
	{ "forward-shadowed", SEV_CONFLICT,
	  "a static forward of einat and a DNAT rule want the same port",
	  "Only one of them gets the packets.",
	  "A static forward inside the slice is a binding: einat translates what comes in before "
	  "any "
	  "nftables rule sees it, so the DNAT rule never matches. Outside of the slice it is "
	  "a DNAT rule of einat's own table, and which of two DNAT rules is first depends on the "
	  "order in which their chains were registered.\n\n"
	  "Remove one of the two." },

	/* ---- who drops ------------------------------------------------------------------ */
	{ "drop-replies", SEV_CONFLICT, "a rule drops replies to flows of the slice",
	  "Connections of the slice are cut: what comes back does not reach the internal host.",
	  "A reply that einat has translated at TC ingress reaches netfilter with the internal "
	  "host "
	  "as its destination, on the external interface. Rules that drop packets addressed "
	  "straight "
	  "to an internal address from outside take it for an intruder. Docker 28 and later have "
	  "such "
	  "a rule in the raw table for every published container.\n\n"
	  "Leave those hosts to masquerade (do not name them with --internal), or let the rule "
	  "pass the "
	  "external interface. With Docker, for one network:\n\n"
	  "    docker network create -o "
	  "com.docker.network.bridge.trusted_host_interfaces=wan NAME" },
	{ "drop-inbound", SEV_WARNING, "a rule drops new connections that einat translates inwards",
	  "Filtering is not endpoint-independent: unknown remote hosts cannot reach a binding.",
	  "With \"ct state established,related accept\" and a policy of drop, replies pass and "
	  "nothing "
	  "else. Mapping is still endpoint-independent, but the first packet of a remote host that "
	  "the "
	  "internal host has not written to is dropped. Games and WebRTC then see a restricted "
	  "cone "
	  "instead of a full cone.\n\n"
	  "An accept in another chain does not help: every base chain of a hook can drop. The "
	  "narrow way "
	  "is a mark. --inbound-mark sets it on what einat has translated inwards, and nothing "
	  "else; "
	  "one rule accepts it, in the chain that would drop:\n\n"
	  "    meta mark and 0x10000000 == 0x10000000 accept\n\n"
	  "--open inserts that rule by itself into nftables chains that no program owns "
	  "exclusively, "
	  "keeps it there over reloads and removes it on stop. It opens nothing but the live "
	  "bindings, "
	  "and never this host's own services." },
	{ "queue-slice", SEV_NOTE, "a program in user space decides about packets of the slice",
	  "What it does with them cannot be told from the rules.",
	  "A rule hands packets to NFQUEUE. Intrusion prevention, parental control and the like "
	  "work "
	  "this way. Such a program may drop what einat has translated inwards." },
	{ "notrack-slice", SEV_WARNING, "packets of the slice are exempt from connection tracking",
	  "Rules that ask for an established connection do not know them, and masquerade does not "
	  "touch them.",
	  "einat itself needs no connection tracking: untracked packets of the slice are "
	  "translated. But "
	  "a firewall that accepts established connections sees them as untracked and may drop "
	  "them, and untracked packets of the rest leave un-NATed." },

	/* ---- marks and routing rules ------------------------------------------------------ */
	{ "mark-overwritten", SEV_WARNING,
	  "a rule overwrites einat's inbound mark before it can be accepted",
	  "The accept rule that looks for the mark does not find it.",
	  "--inbound-mark is set at TC ingress, before any nftables rule. A rule in prerouting or "
	  "forward sets bits of the same mask. Save-and-restore of connection marks (CONNMARK, ct "
	  "mark) "
	  "does this with the whole mark.\n\n"
	  "Choose bits that nobody uses. Known users: Tailscale 0xff0000, kube-proxy 0x4000 and "
	  "0x8000, "
	  "mwan3 0x3f00, pbr 0xff0000, podman 0x2000, wg-quick the whole mark. 0x10000000 is free "
	  "beside all of them but wg-quick." },
	{ "mark-shared", SEV_WARNING, "another rule gives a meaning to einat's inbound mark",
	  "Packets that einat marks are treated as that rule treats its own.",
	  "A rule tests bits that --inbound-mark sets, so what einat translates inwards is taken "
	  "for something else: masqueraded, so that the internal host sees this host instead of "
	  "the sender, redirected or dropped.\n\n"
	  "Choose other bits for --inbound-mark; 0x10000000/0x10000000 is free beside most "
	  "programs." },
	{ "mark-routed", SEV_CONFLICT, "a routing rule looks at einat's inbound mark",
	  "Packets that einat has translated inwards are routed by that rule, perhaps out again.",
	  "An ip rule with fwmark matches the mark that --inbound-mark sets. The routing decision "
	  "comes "
	  "after TC ingress, so the mark takes part in it. It is found by looking up every "
	  "internal network, with the mark and without.\n\n"
	  "Choose other bits for --inbound-mark." },
	{ "mark-never-set", SEV_WARNING, "no rule sets the mark that chooses the slice",
	  "The slice stays empty: no packet is ever in it.",
	  "With --mark only packets that carry this mark are in the slice. No nftables or iptables "
	  "rule "
	  "here sets it. A rule that does, in prerouting or forward:\n\n"
	  "    nft add rule inet filter forward ip saddr 192.168.1.7 meta mark set meta mark or "
	  "0x100" },
	{ "local-rule", SEV_CONFLICT, "there is no room to move the local routing rule",
	  "Hairpin cannot be set up.",
	  "For hairpin the rule that looks up the table local must come after einat's own rules. "
	  "Routing rules of one preference are kept in the order of adding, so nothing can be put "
	  "before a rule at 0, and a rule of someone else at 1, or a second one at 0, leaves no "
	  "place.\n\n"
	  "Give that rule a larger preference, or run without --hairpin-if." },
	{ "rule-diverts", SEV_WARNING, "a routing rule can send hosts of the slice another way",
	  "What leaves on another interface is not in the slice.",
	  "Policy routing (several uplinks, a VPN, an exit node) chooses the way out for some "
	  "packets. "
	  "einat translates what leaves on its external interface, and nothing else. A flow that "
	  "changes its way in the middle changes its address, with or without einat.\n\n"
	  "It will happen where a rule takes all that has no route but a default one (a full "
	  "tunnel of wg-quick, an exit node): then the slice gets what carries the mark of that "
	  "rule, and little else. Otherwise it is a note." },
	{ "route-diverts", SEV_WARNING, "the Internet is not behind the external interface",
	  "What leaves on another interface is not in the slice, so little or nothing is.",
	  "einat translates what leaves on its external interface, and nothing else. The main "
	  "routing table sends at least half of the public addresses out by another one: a VPN "
	  "that "
	  "has set two halves of the address space (0.0.0.0/1 and 128.0.0.0/1, OpenVPN's "
	  "redirect-gateway def1), or the default route is elsewhere: on the PPP device, say, when "
	  "the network card below it was named.\n\n"
	  "If another table has a default route by the external interface, or if its default "
	  "route in the main table loses by its metric alone, this is a note: the interface is "
	  "an uplink for some hosts, or takes over one day.\n\n"
	  "Run einat on the interface that is the way out, or on both by a configuration file. "
	  "What goes into a VPN is translated there, if at all." },

	/* ---- this host --------------------------------------------------------------------- */
	{ "socket-slice-port", SEV_WARNING, "a local program listens on a port of the slice",
	  "The port stays with that program: einat gives it to no binding.",
	  "einat looks for local sockets before it gives out a port, and again whenever sockets "
	  "are "
	  "looked through. A packet to a port without a binding goes up to the local program, as "
	  "without einat. A binding that had the port before the program came keeps it as long as "
	  "it "
	  "is used, and the program then hears nothing from outside.\n\n"
	  "Move the program to a port outside of the slice, or leave the port out with "
	  "--exclude-ports." },
	{ "local-port-range", SEV_WARNING, "this host picks its own source ports from the slice",
	  "A connection of this host and a binding can come to want the same port.",
	  "net.ipv4.ip_local_port_range is where the kernel picks ports for the sockets of this "
	  "host. "
	  "einat moves such connections out of the slice by masquerade, and does not give out a "
	  "port "
	  "with a socket. Still each of them costs a translation, and a UDP socket without a "
	  "connection may wait for packets on a port that a binding gets later.\n\n"
	  "Where the slice leaves none of the range, move the range out of the slice, or give "
	  "ports of the slice back: with all of them reserved this host could not connect to "
	  "anything. Otherwise reserve the slice's ports: programs that ask for one of them by "
	  "number still get it, "
	  "the kernel just does not pick them.\n\n"
	  "    sysctl -w net.ipv4.ip_local_reserved_ports=20000-29999" },
	{ "forwarding-off", SEV_WARNING, "this host does not forward packets",
	  "No internal host can reach the Internet through it, with or without einat.",
	  "net.ipv4.ip_forward (for IPv6 net.ipv6.conf.all.forwarding) is 0.\n\n"
	  "    sysctl -w net.ipv4.ip_forward=1\n\n"
	  "To keep it over a restart of the machine, put it into a file in /etc/sysctl.d. dockerd "
	  "sets "
	  "FORWARD to policy drop if it has to turn forwarding on by itself." },
	{ "rp-filter", SEV_WARNING, "reverse-path filtering can drop what comes in",
	  "Packets to bindings are dropped before einat's work shows, since their sender is not "
	  "routed back by this interface.",
	  "net.ipv4.conf.IF.rp_filter is 1 (strict) and the main routing table has no default "
	  "route "
	  "by the external interface, or a better one by another. The kernel then takes a packet "
	  "from "
	  "any other sender for a forged one. Uplinks used beside the default one need loose "
	  "filtering.\n\n"
	  "    sysctl -w net.ipv4.conf.wan.rp_filter=2" },
	{ "conntrack-full", SEV_WARNING, "the connection tracking table is nearly full",
	  "When it is full, new connections of every kind are dropped.",
	  "Every flow of the slice has an entry there too, since packets pass connection tracking "
	  "before einat.\n\n"
	  "    sysctl -w net.netfilter.nf_conntrack_max=262144" },
	{ "conntrack-slice-flow", SEV_NOTE, "masqueraded flows use ports of the slice now",
	  "Such a port is given to no binding until the flow has ended.",
	  "A NAT is chosen once, by a flow's first packet: masqueraded flows stay with masquerade "
	  "when einat starts, and keep their ports. What their host begins anew is a binding. A "
	  "flow "
	  "that was there before einat began to look may have ended up to a minute before its port "
	  "is given out (at once with net.netfilter.nf_conntrack_events=1)." },
	{ "tc-program", SEV_WARNING, "another program works on the packets of the interface at TC",
	  "What it changes, redirects or drops is not known, and its order with einat's matters.",
	  "TC programs and filters run one after another on the same packets. einat's return "
	  "\"next\", "
	  "so that later ones run. One that runs before einat on the way in may take packets away; "
	  "one that runs after einat on the way out sees translated packets.\n\n"
	  "    bpftool net show dev wan\n"
	  "    tc filter show dev wan ingress" },
	{ "xdp-program", SEV_WARNING, "an XDP program works on the packets of the interface",
	  "It sees packets before einat and may drop, answer or redirect them.",
	  "XDP runs in the driver, before TC ingress. Load balancers and packet filters such as "
	  "CrowdSec's or Cilium's work there. What they pass reaches einat unchanged.\n\n"
	  "    bpftool net show dev wan" },
	{ "other-einat", SEV_CONFLICT, "another NAT in eBPF works on the interface",
	  "Two of them translate the same packets, and neither knows of the other's ports.",
	  "Programs of einat-ebpf, or of another einat under another control directory, are "
	  "attached. "
	  "Stop that one first; what it left behind may have to be detached by hand.\n\n"
	  "    bpftool net show dev wan\n"
	  "    tc qdisc del dev wan clsact" },
	{ "flow-offload", SEV_WARNING, "a flowtable takes established flows of the interface",
	  "With hardware offload their packets never reach einat, and they are not translated.",
	  "A software flowtable still sends packets through TC on the output device, where einat "
	  "works, "
	  "and TC ingress runs before it. A flowtable with hardware offload moves flows into the "
	  "network card: no BPF program sees them again. Over PPPoE a software flowtable may use "
	  "the "
	  "device below instead of the external interface.\n\n"
	  "Leave the hosts of the slice out of the flow add rule, or turn hardware offload off "
	  "(OpenWrt: option flow_offloading_hw 0)." },
	{ "interface-missing", SEV_WARNING, "the external interface does not exist",
	  "Nothing is translated, and nothing of the interface can be checked, until it is there.",
	  "einat run does not start for an interface alone that is not there, and systemd tries "
	  "again every 2 seconds. One of several in a file, and one that goes away while einat "
	  "runs "
	  "(PPPoE, a USB modem), is waited for: einat attaches when it comes. Check its name with "
	  "ip link." },
	{ "interface-down", SEV_WARNING, "the external interface is down",
	  "No packet leaves or enters, with or without einat.",
	  "einat attaches to an interface that is down, and hairpin waits until it is up.\n\n"
	  "    ip link set dev wan up" },
	{ "interface-enslaved", SEV_CONFLICT,
	  "the external interface is a port of a bridge or bond",
	  "Addresses, routes and packets of the host are on its master, not on it.",
	  "Name the bridge or the bond itself as the external interface." },
	{ "no-address", SEV_WARNING, "the external interface has no usable address",
	  "Nothing is translated until it gets one.",
	  "einat follows the addresses of the interface and starts translating when one appears." },
	{ "address-private", SEV_NOTE, "the external address is not a public one",
	  "There is another NAT between this host and the Internet; full cone ends there.",
	  "The address lies in a private (RFC 1918) or shared (RFC 6598, carrier-grade NAT) range. "
	  "einat "
	  "gives a full cone up to that next router. What the next router does decides about the "
	  "rest: "
	  "put it into bridge mode, or forward the ports of the slice there to this host." },
	{ "slice-empty", SEV_CONFLICT, "no port of the slice can be given out",
	  "Everything stays with masquerade.",
	  "Every port of the slice belongs to a local socket, a DNAT rule or the operator's "
	  "--exclude-ports. Choose other --ports." },

	/* ---- einat's own ------------------------------------------------------------------- */
	{ "table-missing", SEV_CONFLICT, "einat runs, but its nftables table is gone or incomplete",
	  "New flows of the slice are masqueraded until it is back.",
	  "Another program deleted or changed it (nft flush ruleset, the reload of a firewall). "
	  "einat "
	  "writes it again at once. If this stays, einat fights with another program over it: "
	  "einat status tells, and einat then waits longer and longer." },
	{ "program-missing", SEV_CONFLICT, "einat runs, but its programs are not attached",
	  "Nothing is translated; masquerade serves all.",
	  "Another program removed the clsact qdisc or the TCX links. einat attaches again and "
	  "claims "
	  "nothing until then." },

	/* ---- the analysis itself ---------------------------------------------------------------
	 */
	{ "not-understood", SEV_NOTE, "rules that could not be read in full",
	  "They are taken to be able to do anything that a rule at their place can do.",
	  "An expression, a match or a target that this version does not know. Where it stands in "
	  "a rule "
	  "as a condition, the rule may match or not; where it is a statement, it may accept, drop "
	  "or "
	  "translate. Findings that follow from it say \"may\". Please report such a rule: einat "
	  "check "
	  "--save FILE writes what is needed." },
	{ "limit", SEV_WARNING, "the rules are too many or too deep to be followed to the end",
	  "What lies behind the limit is taken to be able to do anything.",
	  "The analysis is bounded in steps, depth and memory. Where a bound was met, the rest of "
	  "that "
	  "chain counts as not understood." },
};

const size_t n_codes = sizeof(codes) / sizeof(codes[0]);
