/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One helper per nftables expression. A helper appends the expression to the libnftnl rule and
 * the same thing in nft syntax to its text, so that what is printed is what is written.
 * A failure is remembered in the rule; the caller asks once, at the end.
 */
#ifndef EINAT_NFT_EXPR_H
#define EINAT_NFT_EXPR_H

#include <stdbool.h>
#include <stdint.h>

#include <libnftnl/rule.h>

#include "lib/ports.h"

struct rule {
	struct nftnl_rule *nl;
	char text[512]; /* nft syntax, comment included */
	uint8_t nfproto; /* of the packets: match_nfproto() sets it, helpers go by it */
	bool failed; /* out of memory, or the text does not fit */
};

enum match_side { MATCH_SRC, MATCH_DST };

/* Statements that pick an address: masquerade, or SNAT of an external source to itself. */
enum nat_kind { NAT_MASQUERADE, NAT_KEEP_ADDRESS };

/** rule_init() - @comment (at most 127 bytes, no '"') is stored in the rule and listed by nft. */
void rule_init(struct rule *r, const char *comment);
/** rule_finish() - close the text; call it after the last helper. */
void rule_finish(struct rule *r, const char *comment);
void rule_free(struct rule *r);

/** match_nfproto() - NFPROTO_IPV4 or NFPROTO_IPV6; comes first in a rule. */
void match_nfproto(struct rule *r, uint8_t nfproto);
void match_oif(struct rule *r, int ifindex, bool negate);
void match_oifname(struct rule *r, const char *ifname);
void match_iifname(struct rule *r, const char *ifname);
void match_mark(struct rule *r, uint32_t value, uint32_t mask);
/** match_l4proto() - IPPROTO_ICMP stands for ICMPv6 in a rule about IPv6. */
void match_l4proto(struct rule *r, uint8_t ipproto);
void match_l4proto_set(struct rule *r, const char *set);
void match_ip_set(struct rule *r, enum match_side side, const char *set, bool negate);
/** match_sport() - @ipproto is TCP or UDP and has been matched; ports in host byte order. */
void match_sport(struct rule *r, uint8_t ipproto, struct port_range ports);
void match_sport_set(struct rule *r, uint8_t ipproto, const char *set);
/** match_proto_sport_set() - protocol and source port as one key: inet_proto . inet_service. */
void match_proto_sport_set(struct rule *r, const char *set);
/** match_echo_id() - echo request whose identifier is in @ids (host byte order). */
void match_echo_id(struct rule *r, struct port_range ids);
/** match_no_source_nat() - the connection's source is not rewritten (nor NATed to itself). */
void match_no_source_nat(struct rule *r);
/** match_no_connection() - the packet belongs to no connection: invalid, or notrack. */
void match_no_connection(struct rule *r);
void match_saddr_not_local(struct rule *r);

void do_counter(struct rule *r);
/** do_snat_identity() - source NAT to the packet's own source: later NAT chains are skipped. */
void do_snat_identity(struct rule *r);
/** do_nat() - @to NULL: any port. A port already within @to is kept unless the tuple is taken. */
void do_nat(struct rule *r, enum nat_kind kind, const struct port_range *to);
/** do_dnat_map() - @map: inet_proto . inet_service : address . inet_service. */
void do_dnat_map(struct rule *r, const char *map);
void do_goto(struct rule *r, const char *chain);
void do_return(struct rule *r);
void do_drop(struct rule *r);
void do_accept(struct rule *r);
void do_notrack(struct rule *r);

/** l4proto_text() - as nft spells it. */
const char *l4proto_text(uint8_t ipproto);
/** ifname_text() - @ifname as nft syntax wants it inside quotes; -EINVAL if that is impossible. */
int ifname_text(const char *ifname, char *buf, size_t size);

#endif
