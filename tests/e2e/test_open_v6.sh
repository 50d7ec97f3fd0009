#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# --open over IPv6, with real packets: a chain of family ip6 that drops, then one of family inet that
# drops both families. What arrives for a binding is let in, and nothing else.
set -u
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/lab6.sh"
lab_up
lab6_up

nft() { at router nft "$@"; }
opened() { nft -a list ruleset 2>/dev/null | grep -c 'einat --open on wan'; }
is_open() { [ "$(opened)" = "$1" ]; }
opened_in() { nft list chain "$1" firewall forward | grep -c 'einat --open on wan'; }

# firewall FAMILY: what a firewall loads, at its start and at each reload
firewall()
{
	nft -f - <<-END
		table $1 firewall
		delete table $1 firewall
		table $1 firewall {
			chain input {
				type filter hook input priority filter; policy accept;
				iifname "wan" udp dport { 9000, 25555 } counter drop
			}
			chain forward {
				type filter hook forward priority filter; policy drop;
				ct state established,related accept
				iifname "lan" accept
			}
		}
	END
}
# refused_by_input FAMILY: packets that the router's own rule has dropped
refused_by_input() { nft list chain "$1" firewall input | sed -n 's/.*counter packets \([0-9]*\) .*/\1/p'; }

# stranger PORT ENDPOINT: what an unknown remote hears from there
stranger() { send isp "$1" "$2" --limit 0.3; }

# nothing_else FAMILY: what is not a binding stays closed; all three hosts answer on port 7000
nothing_else()
{
	local n
	check_eq "$1: a host without a binding, routed to from outside, is not reached" \
		"$(stranger 7202 fd00:1::3:7000)" none
	check_eq "$1: nor another port of the one with a binding" "$(stranger 7203 fd00:1::2:7000)" none
	check_eq "$1: nor the binding's own, at the internal address" "$(stranger 7204 fd00:1::2:25012)" none
	check_eq "$1: nor a global address" "$(stranger 7205 2001:db8:1::2:7000)" none
	check_eq "$1: nor a port of the slice without a binding" "$(stranger 7206 $EXT6:25030)" refused
	n=$(refused_by_input "$1")
	stranger 7207 $EXT6:9000 >/dev/null
	stranger 7208 $EXT6:25555 >/dev/null
	check_eq "$1: a service of the router stays with the router's own rule" \
		"$(refused_by_input "$1")" $((n + 2))
	check_not "$1: which stays as it was" grep -q einat <(nft list chain "$1" firewall input)
}

# Routed from outside, so that only the firewall is in the way; without one they answer.
at isp ip -6 route add fd00:1::/64 via $EXT6
start lan1 h1 "$PEER" serve fd00:1::2 2001:db8:1::2
start lan2 h2 "$PEER" serve fd00:1::3
wait_for 5 logged lan1 serving
wait_for 5 logged lan2 serving
for to in fd00:1::3 fd00:1::2 2001:db8:1::2; do
	check_eq "without a firewall $to is reached" "$(stranger 7201 $to:7000)" "2001:db8::1 7201"
done
leaked=$(leaks6) # their answers
at router conntrack -F -f ipv6 2>/dev/null
for family in ip6 inet; do
	firewall $family
	must_start --proto all --ports 20000-29999 --ipv6
	check_eq "$family: dropped without --open, UDP" "$(eif h1 25010 $B1:7000 $B2:7001)" no
	hold closed h1 25101 $B1:7000 tcphold
	check_match "$family: and TCP" "$(at isp "$PEER" tcp -b 7778 --limit 0.3 "$ENDPOINT" 2>&1)" none
	finish "$PID"
	check "$family: stop" stop_einat

	must_start --proto all --ports 20000-29999 --ipv6 --open
	check "$family: --open inserts its rule" wait_for 5 is_open 1
	check_eq "$family: into that chain" "$(opened_in $family)" 1
	hold held h1 25012 $B1:7000
	held=$PID to=$ENDPOINT
	check_eq "$family: an external port over IPv6" "$to" "$EXT6:25012"
	check_eq "$family: a stranger gets through to it" "$(send isp 7201 "$to")" "2001:db8::1 7201"
	check_eq "$family: as does another address" "$(eif h1 25011 $B1:7000 $B2:7001)" yes
	hold held.tcp h1 25102 $B1:7000 tcphold
	check_match "$family: and TCP" "$(at isp "$PEER" tcp -b 7779 "$ENDPOINT")" ":7779$"
	finish "$PID"
	nothing_else $family
	firewall $family
	check "$family: after a reload of the ruleset it is back" wait_for 5 is_open 1
	check_eq "$family: a new stranger gets through" "$(send isp 7211 "$to")" "2001:db8::1 7211"
	nothing_else $family
	check "$family: stop" stop_einat
	check_eq "$family: the rule is gone after the stop" "$(opened)" 0
	check_eq "$family: and what comes in is the router's own" "$(stranger 7212 "$to")" refused
	finish "$held"
	nft delete table $family firewall
	at router conntrack -F -f ipv6 2>/dev/null
done

# ---- both families in one chain: IPv4 is let in by the same rule
firewall inet
must_start --proto all --ports 20000-29999 --ipv6 --open
check "both: one rule" wait_for 5 is_open 1
check_eq "both: IPv4" "$(eif h1 25021 $A1:7000 $A2:7001)" yes
check_eq "both: IPv6" "$(eif h1 25022 $B1:7000 $B2:7001)" yes
check_eq "both: one rule is enough" "$(opened)" 1
check "stop" stop_einat

# ---- each family in a chain of its own: both are opened
nft delete table inet firewall
firewall ip
firewall ip6
must_start --proto all --ports 20000-29999 --ipv6 --open
check "two chains: two rules" wait_for 5 is_open 2
check_eq "two chains: IPv4" "$(eif h1 25023 $A1:7000 $A2:7001)" yes
check_eq "two chains: IPv6" "$(eif h1 25024 $B1:7000 $B2:7001)" yes
check "stop" stop_einat
check_eq "two chains: both are gone" "$(opened)" 0

# ---- without --ipv6, a chain that concerns IPv6 alone is none of einat's business
must_start --proto all --ports 20000-29999 --open
check "IPv4 alone: its chain is opened" wait_for 5 is_open 1
check_eq "IPv4 alone: IPv6's is not" "$(opened_in ip6)" 0
check "stop" stop_einat
check_eq "no packet left with a unique local source" "$(leaks6)" "$leaked"
finish_tests
