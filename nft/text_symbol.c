// SPDX-License-Identifier: GPL-2.0-or-later
/* The text of a rule: names of values, as nft writes them. */
#include <linux/netfilter.h>

#include "text_int.h"

static const struct symbol ethertypes[] = {
	{ 0x0800, "ip" },    { 0x0806, "arp" },	   { 0x86dd, "ip6" },
	{ 0x8100, "8021q" }, { 0x88a8, "8021ad" }, { 0 },
};

static const struct symbol arpops[] = {
	{ 1, "request" },   { 2, "reply" },   { 3, "rrequest" }, { 4, "rreply" },
	{ 8, "inrequest" }, { 9, "inreply" }, { 10, "nak" },	 { 0 },
};

static const struct symbol l4protos[] = {
	{ 0, "ip" },
	{ 1, "icmp" },
	{ 2, "igmp" },
	{ 3, "ggp" },
	{ 4, "ipencap" },
	{ 5, "st" },
	{ 6, "tcp" },
	{ 8, "egp" },
	{ 9, "igp" },
	{ 12, "pup" },
	{ 17, "udp" },
	{ 20, "hmp" },
	{ 22, "xns-idp" },
	{ 27, "rdp" },
	{ 29, "iso-tp4" },
	{ 33, "dccp" },
	{ 36, "xtp" },
	{ 37, "ddp" },
	{ 38, "idpr-cmtp" },
	{ 41, "ipv6" },
	{ 43, "ipv6-route" },
	{ 44, "ipv6-frag" },
	{ 45, "idrp" },
	{ 46, "rsvp" },
	{ 47, "gre" },
	{ 50, "esp" },
	{ 51, "ah" },
	{ 57, "skip" },
	{ 58, "ipv6-icmp" },
	{ 59, "ipv6-nonxt" },
	{ 60, "ipv6-opts" },
	{ 73, "rspf" },
	{ 81, "vmtp" },
	{ 88, "eigrp" },
	{ 89, "ospf" },
	{ 93, "ax.25" },
	{ 94, "ipip" },
	{ 97, "etherip" },
	{ 98, "encap" },
	{ 103, "pim" },
	{ 108, "ipcomp" },
	{ 112, "vrrp" },
	{ 115, "l2tp" },
	{ 124, "isis" },
	{ 132, "sctp" },
	{ 133, "fc" },
	{ 135, "mobility-header" },
	{ 136, "udplite" },
	{ 137, "mpls-in-ip" },
	{ 138, "manet" },
	{ 139, "hip" },
	{ 140, "shim6" },
	{ 141, "wesp" },
	{ 142, "rohc" },
	{ 143, "ethernet" },
	{ 0 },
};

static const struct symbol icmp_types[] = {
	{ 0, "echo-reply" },	       { 3, "destination-unreachable" },
	{ 4, "source-quench" },	       { 5, "redirect" },
	{ 8, "echo-request" },	       { 9, "router-advertisement" },
	{ 10, "router-solicitation" }, { 11, "time-exceeded" },
	{ 12, "parameter-problem" },   { 13, "timestamp-request" },
	{ 14, "timestamp-reply" },     { 15, "info-request" },
	{ 16, "info-reply" },	       { 17, "address-mask-request" },
	{ 18, "address-mask-reply" },  { 0 },
};

static const struct symbol icmp_codes[] = {
	{ 0, "net-unreachable" },  { 1, "host-unreachable" },  { 2, "prot-unreachable" },
	{ 3, "port-unreachable" }, { 4, "frag-needed" },       { 9, "net-prohibited" },
	{ 10, "host-prohibited" }, { 13, "admin-prohibited" }, { 0 },
};

static const struct symbol icmp6_types[] = {
	{ 1, "destination-unreachable" },
	{ 2, "packet-too-big" },
	{ 3, "time-exceeded" },
	{ 4, "parameter-problem" },
	{ 128, "echo-request" },
	{ 129, "echo-reply" },
	{ 130, "mld-listener-query" },
	{ 131, "mld-listener-report" },
	{ 132, "mld-listener-done" },
	{ 133, "nd-router-solicit" },
	{ 134, "nd-router-advert" },
	{ 135, "nd-neighbor-solicit" },
	{ 136, "nd-neighbor-advert" },
	{ 137, "nd-redirect" },
	{ 138, "router-renumbering" },
	{ 141, "ind-neighbor-solicit" },
	{ 142, "ind-neighbor-advert" },
	{ 143, "mld2-listener-report" },
	{ 0 },
};

static const struct symbol icmp6_codes[] = {
	{ 0, "no-route" },
	{ 1, "admin-prohibited" },
	{ 3, "addr-unreachable" },
	{ 4, "port-unreachable" },
	{ 5, "policy-fail" },
	{ 6, "reject-route" },
	{ 0 },
};

static const struct symbol icmpx_codes[] = {
	{ 0, "no-route" },
	{ 1, "port-unreachable" },
	{ 2, "host-unreachable" },
	{ 3, "admin-prohibited" },
	{ 0 },
};

static const struct symbol tcp_flags[] = {
	{ 0x01, "fin" }, { 0x02, "syn" }, { 0x04, "rst" }, { 0x08, "psh" }, { 0x10, "ack" },
	{ 0x20, "urg" }, { 0x40, "ecn" }, { 0x80, "cwr" }, { 0 },
};

static const struct symbol dccp_types[] = {
	{ 0, "request" }, { 1, "response" }, { 2, "data" },  { 3, "ack" },
	{ 4, "dataack" }, { 5, "closereq" }, { 6, "close" }, { 7, "reset" },
	{ 8, "sync" },	  { 9, "syncack" },  { 0 },
};

static const struct symbol igmp_types[] = {
	{ 0x11, "membership-query" },	  { 0x12, "membership-report-v1" },
	{ 0x16, "membership-report-v2" }, { 0x17, "leave-group" },
	{ 0x22, "membership-report-v3" }, { 0 },
};

static const struct symbol dscps[] = {
	{ 0x00, "cs0" },   { 0x08, "cs1" },  { 0x10, "cs2" },  { 0x18, "cs3" },
	{ 0x20, "cs4" },   { 0x28, "cs5" },  { 0x30, "cs6" },  { 0x38, "cs7" },
	{ 0x01, "lephb" }, { 0x0a, "af11" }, { 0x0c, "af12" }, { 0x0e, "af13" },
	{ 0x12, "af21" },  { 0x14, "af22" }, { 0x16, "af23" }, { 0x1a, "af31" },
	{ 0x1c, "af32" },  { 0x1e, "af33" }, { 0x22, "af41" }, { 0x24, "af42" },
	{ 0x26, "af43" },  { 0x2c, "va" },   { 0x2e, "ef" },   { 0 },
};

static const struct symbol ecns[] = {
	{ 0, "not-ect" }, { 1, "ect1" }, { 2, "ect0" }, { 3, "ce" }, { 0 },
};

static const struct symbol mh_types[] = {
	{ 0, "binding-refresh-request" },
	{ 1, "home-test-init" },
	{ 2, "careof-test-init" },
	{ 3, "home-test" },
	{ 4, "careof-test" },
	{ 5, "binding-update" },
	{ 6, "binding-acknowledgement" },
	{ 7, "binding-error" },
	{ 8, "fast-binding-update" },
	{ 9, "fast-binding-acknowledgement" },
	{ 10, "fast-binding-advertisement" },
	{ 11, "experimental-mobility-header" },
	{ 12, "home-agent-switch-message" },
	{ 0 },
};

static const struct symbol arphrds[] = {
	{ 1, "ether" },	     { 512, "ppp" }, { 65534, "none" }, { 768, "ipip" }, { 769, "ipip6" },
	{ 772, "loopback" }, { 776, "sit" }, { 778, "ipgre" },	{ 0 },
};

static const struct symbol devgroups[] = { { 0, "default" }, { 0 } };
static const struct symbol realms[] = { { 0, "cosmos" }, { 0 } };

static const struct symbol ct_states[] = {
	{ 1, "invalid" }, { 2, "established" }, { 4, "related" },
	{ 8, "new" },	  { 64, "untracked" },	{ 0 },
};

static const struct symbol ct_status[] = {
	{ 0x1, "expected" }, { 0x2, "seen-reply" }, { 0x4, "assured" }, { 0x8, "confirmed" },
	{ 0x10, "snat" },    { 0x20, "dnat" },	    { 0x200, "dying" }, { 0 },
};

static const struct symbol ct_events[] = {
	{ 0x1, "new" },	     { 0x2, "related" },    { 0x4, "destroy" }, { 0x8, "reply" },
	{ 0x10, "assured" }, { 0x20, "protoinfo" }, { 0x40, "helper" }, { 0x80, "mark" },
	{ 0x100, "seqadj" }, { 0x200, "secmark" },  { 0x400, "label" }, { 0 },
};

static const struct symbol ct_dirs[] = { { 0, "original" }, { 1, "reply" }, { 0 } };

static const struct symbol addrtypes[] = {
	{ 0, "unspec" },
	{ 1, "unicast" },
	{ 2, "local" },
	{ 3, "broadcast" },
	{ 4, "anycast" },
	{ 5, "multicast" },
	{ 6, "blackhole" },
	{ 7, "unreachable" },
	{ 8, "prohibit" },
	{ 9, "throw" },
	{ 10, "nat" },
	{ 11, "xresolve" },
	{ 0 },
};

static const struct symbol nfprotos[] = {
	{ NFPROTO_IPV4, "ipv4" },
	{ NFPROTO_IPV6, "ipv6" },
	{ 0 },
};

static const struct symbol pkttypes[] = {
	{ 0, "host" }, { 1, "broadcast" }, { 2, "multicast" }, { 3, "other" }, { 0 },
};

static const struct symbol bools[] = { { 0, "missing" }, { 1, "exists" }, { 0 } };

const struct symbol *dtype_symbols(enum dtype t)
{
	static const struct symbol *const tables[] = {
		[DT_ETHERTYPE] = ethertypes,
		[DT_ARPOP] = arpops,
		[DT_INETPROTO] = l4protos,
		[DT_ICMPTYPE] = icmp_types,
		[DT_ICMPCODE] = icmp_codes,
		[DT_ICMP6TYPE] = icmp6_types,
		[DT_ICMP6CODE] = icmp6_codes,
		[DT_ICMPXCODE] = icmpx_codes,
		[DT_TCPFLAG] = tcp_flags,
		[DT_DCCPTYPE] = dccp_types,
		[DT_IGMPTYPE] = igmp_types,
		[DT_DSCP] = dscps,
		[DT_ECN] = ecns,
		[DT_MHTYPE] = mh_types,
		[DT_ARPHRD] = arphrds,
		[DT_DEVGROUP] = devgroups,
		[DT_REALM] = realms,
		[DT_CTSTATE] = ct_states,
		[DT_CTSTATUS] = ct_status,
		[DT_CTEVENT] = ct_events,
		[DT_CTDIR] = ct_dirs,
		[DT_ADDRTYPE] = addrtypes,
		[DT_NFPROTO] = nfprotos,
		[DT_PKTTYPE] = pkttypes,
		[DT_BOOL] = bools,
	};

	return (size_t)t < sizeof(tables) / sizeof(*tables) ? tables[t] : NULL;
}
