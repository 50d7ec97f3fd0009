#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# NAT66: the slice over IPv6, the rest beside it, and IPv4 meanwhile.
set -u
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/lab6.sh"

rules6() { at router ip -6 rule; at router ip -6 route show table all; at router ip -6 neigh show nud permanent; }

udp_rule_there() { at router ip -6 rule | grep -q "to $EXT6 iif lan ipproto udp"; }

lab_up
lab6_up

# ---- without --ipv6 nothing of IPv6 is touched
snapshot before
rules6 >"$T/rules6.before"
must_start --proto all --ports 20000-29999
check_eq "off: no rule and no set of IPv6" "$(einat_rules | grep -c 'ip6\|ipv6')" 0
check_eq "off: a global host is itself outside" \
	"$(at h1 "$PEER" seen -b 25001 --host 2001:db8:1::2 $B1:7000)" "2001:db8:1::2:25001"
check "off: einat stops" stop_einat
snapshot off
check "off: all is as before" same before off

# ---- the slice
must_start --proto all --ports 20000-29999 --ipv6
check_eq "status: no warning about IPv6" "$(grep -c 'no global IPv6' "$T/einat")" 0
e1=$(seen h1 25001 $B1:7000 $B1:7001 $B2:7000)
e2=$(seen h2 25001 $B2:7001 $B1:7000)
check "udp: h1 has one endpoint for all peers ($e1)" same_endpoint "$e1"
check "udp: h2, same source port, too ($e2)" same_endpoint "$e2"
check_eq "udp: a free port inside the slice is kept" "${e1%% *}" "$EXT6:25001"
check_not "udp: h2 has another port than h1" test "$(port_of "$e1")" = "$(port_of "$e2")"
check "udp: h2 is in the slice" in_slice "$e2"
check_match "udp: h1's binding is listed" "$(bindings)" "fd00:1::2.*25001.*2001:db8::2"
check_eq "udp: another address may send to the binding (EIF)" "$(eif h1 25002 $B1:7000 $B2:7001)" yes
e=$(tcp_seen h1 25101 $B1:7000 $B2:7000)
check "tcp: one endpoint for all peers ($e)" same_endpoint "$e"
check_eq "tcp: the port is kept" "${e%% *}" "$EXT6:25101"
hold tcpheld h1 25103 $B1:7000 tcphold
check_match "tcp: a host never called may connect to the binding" \
	"$(at isp "$PEER" tcp -b 7778 "$ENDPOINT")" ":7778$"
finish "$PID"
check "echo: ping from h1" at h1 ping -6 -q -c 2 -i 0.01 -W $((2 * SLOW)) -e 25201 $B1
check "echo: from h2 with the same identifier" at h2 ping -6 -q -c 2 -i 0.01 -W $((2 * SLOW)) -e 25201 $B1
check_match "echo: is bound" "$(bindings)" "icmp .*fd00:1::2"

# ---- what the slice leaves alone
check_eq "a global host is itself outside" \
	"$(at h1 "$PEER" seen -b 25001 --host 2001:db8:1::2 $B1:7000)" "2001:db8:1::2:25001"
at router ip -6 neigh flush dev wan
at router ip -6 neigh flush dev lan
check "neighbours are found anew" at h1 ping -6 -q -c 1 -W $((2 * SLOW)) $B2
check_eq "the router's own flow keeps its port outside the slice" \
	"$(seen router 5000 $B1:7000)" "$EXT6:5000"
check_not "and is kept out of the slice" in_slice "$(seen router 25010 $B1:7000)"
check_eq "IPv4 as ever" "$(seen h1 25003 $A1:7000 $A2:7000)" "$EXT:25003 $EXT:25003"
einat_rules >"$T/rules"
finish "$EINAT_PID" KILL

# ---- a daemon that was killed: the bindings go on, the next one takes over
check "take-over: still translated" same_endpoint "${e1%% *} $(seen h1 25001 $B2:7001)"
must_start --proto all --ports 20000-29999 --ipv6
check_eq "take-over: the binding is the same" "$(seen h1 25001 $B1:7001)" "$EXT6:25001"
check "stop" stop_einat
snapshot after
rules6 >"$T/rules6.after"
check "stop: all is as before" same before after
check "stop: rules and routes of IPv6 too" same rules6.before rules6.after

# ---- hairpin: h2 reaches h1 by the external address, and sees h1's outside endpoint
must_start --proto all --ports 20000-29999 --ipv6 --hairpin-if lan
check_match "hairpin: the local rule of IPv6 is moved" "$(at router ip -6 rule | head -n 2)" \
	"to 2001:db8::2 iif lan .*dport 20000-29999"
check_match "hairpin: that of IPv4, too" "$(at router ip rule | head -n 2)" "to $EXT iif lan"
hold held h1 25003 $B1:7000
e=$(seen h2 25004 $B1:7000)
check_eq "hairpin: h2 reaches h1" "$(send h2 25004 "$ENDPOINT")" "${e%:*} ${e##*:}"
check "hairpin: the host itself stays in reach" at h1 ping -6 -q -c 1 -W $((2 * SLOW)) $EXT6
check "hairpin: someone deletes a rule" at router ip -6 rule del pref 100 to $EXT6 iif lan ipproto udp
check "hairpin: what is deleted comes back" wait_for 5 udp_rule_there
finish "$PID"
check "stop" stop_einat
rules6 >"$T/rules6.hairpin"
check "stop: rules and routes are as before" same rules6.before rules6.hairpin

# ---- the rest: protocols outside the slice
must_start --proto udp --ports 20000-29999 --ipv6
e=$(tcp_seen h1 5001 $B1:7000)
check_eq "rest: TCP of unique local sources is masqueraded" "$e" "$EXT6:5001"
# a port of its own: a flow on 25001 may have been handed back to masquerade
check_eq "rest: UDP is einat's" "$(port_of "$(seen h1 25041 $B1:7000)")" 25041
check "stop" stop_einat
check_eq "no packet left with a unique local source" "$(leaks6)" 0
check_eq "nor with a private one" "$(leaks)" 0
finish_tests
