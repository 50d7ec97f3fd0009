#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# --rest auto over IPv6: beside another program's masquerade einat guards, without one its own table
# masquerades; each family for itself, and changed while it runs. Packets of both directions.
set -u
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/lab6.sh"
lab_up
lab6_up

home6() { at router nft 'table ip6 home { chain postrouting { type nat hook postrouting priority srcnat; oifname "wan" ip6 saddr fc00::/7 counter masquerade; }; }'; }
no_home6() { at router nft delete table ip6 home; }
home6_took() { at router nft list chain ip6 home postrouting | sed -n 's/.*counter packets \([0-9]*\) .*/\1/p'; }
# who masquerades the rest of IPv6, as einat's table has it
own6() { einat_rules | grep -q 'chain rest6'; }
guards6() { ! own6; }

# tcp_both_ways BOX PORT TARGET: lines to and fro on one TCP connection; what was lost, and whose address was seen
tcp_both_ways()
{
	start both "$1" "$PEER" tcpstream -b "$2" "$3"
	local pid=$PID
	wait_for 5 logged both streaming
	wait_for 5 flowing "$1" "$2"
	stream_end both "$pid" >"$T/both.end"
	json "'lost %d, %s, many %s' % (d['lost'], ' '.join(d['seen']), d['sent'] > 20)" <"$T/both.end"
}
# flowing BOX PORT: its connection has sent 40 segments, each of a line at least; twice as many as
# are wanted, since some may have been sent again
flowing() { at "$1" ss -Htin "sport = :$2" | sed -n 's/.*data_segs_out:\([0-9]*\).*/\1/p' | grep -qE '[4-9][0-9]|[0-9]{3}'; }

# the_slice NAME PORT: what is einat's, in both directions
the_slice()
{
	check_eq "$1: UDP of the slice has one endpoint" "$(seen h1 "$2" $B1:7000 $B1:7001)" "$EXT6:$2 $EXT6:$2"
	check_eq "$1: no masquerade has part in it" "$(conntrack6_of udp fd00:1::2 "$2")" untouched
	check_eq "$1: a stranger gets through to it" "$(eif h1 "$2" $B1:7001 $B2:7001)" yes
}
# the_rest NAME PORT: what is not, in both directions: TCP (not of the slice), UDP to an excluded
# destination, a query
the_rest()
{
	local e
	check_eq "$1: TCP, both ways" "$(tcp_both_ways h1 "$2" $B1:7000)" "lost 0, $EXT6:$2, many True"
	check_eq "$1: masqueraded" "$(conntrack6_of tcp fd00:1::2 "$2")" masquerade
	check "$1: ping" at h1 ping -6 -q -c 2 -i 0.1 -W $((2 * SLOW)) $B1
	e=$(seen h2 $(($2 + 1)) $B2:7000)
	check_match "$1: UDP to an excluded destination" "$e" "^$EXT6:"
	check_not "$1: on no port of the slice ($e)" in_slice "$e"
	check_eq "$1: masqueraded as well" "$(conntrack6_of udp fd00:1::3 $(($2 + 1)))" masquerade
	check_not "$1: no binding is made for it" grep -qE "(tcp|icmp) |:$(($2 + 1)) " <(bindings)
}

# ---- others masquerade: guard
home6
must_start --proto udp --ports 20000-29999 --ipv6 --exclude-dest 2001:db8:f::11/128
check "others masquerade IPv6: einat does not" guards6
taken=$(home6_took)
the_slice guard 25100
the_rest guard 25101
check_num "guard: the other program's rule took part of it" "$(home6_took)" -gt "$taken"
check_eq "guard: a global host is itself outside" \
	"$(at h1 "$PEER" seen -b 25103 --host 2001:db8:1::2 $B1:7001)" "2001:db8:1::2:25103"

# ---- the other masquerade goes, and comes back, while einat runs
stream steady h1 25110 $B1:7000
steady=$PID
wait_for 5 eval '[ -n "$(binding_of udp "[fd00:1::2]:25110")" ]'
no_home6
check "it goes: einat's own table masquerades" wait_for 5 own6
the_slice "it goes" 25111
the_rest "it goes" 25112
home6
check "it comes back: einat guards again" wait_for 5 guards6
the_slice "it comes back" 25121
the_rest "it comes back" 25122
result=$(stream_end steady "$steady")
check_eq "a flow of the slice through all of that: lost" "$(json "d['lost']" <<<"$result")" 0
check_eq "a flow of the slice through all of that: endpoints" "$(json "len(d['seen'])" <<<"$result")" 1
check "stop" stop_einat
no_home6
at router conntrack -F -f ipv6 2>/dev/null

# ---- nobody masquerades IPv6, somebody IPv4
must_start --proto udp --ports 20000-29999 --ipv6 --exclude-dest 2001:db8:f::11/128
check "IPv6 is einat's own" own6
check_eq "while it guards IPv4" "$(einat status --json | json "d['interfaces'][0]['rest']")" guard
check_eq "status says both" "$(einat status | sed -n 's/^  rest//p' | tr -s ' ' | paste -sd,)" " guard, of IPv6 own"
the_slice own 25130
the_rest own 25131
check_eq "own: a global host is itself outside" \
	"$(at h1 "$PEER" seen -b 25133 --host 2001:db8:1::2 $B1:7001)" "2001:db8:1::2:25133"
check_eq "IPv4: TCP is the other's" "$(tcp_seen h1 25134 $A1:7000 >/dev/null
	conntrack_of tcp 192.168.1.2:25134)" masquerade
check "stop" stop_einat

# ---- the other way round: nobody masquerades IPv4, somebody IPv6
at router nft delete table ip home
home6
must_start --proto udp --ports 20000-29999 --ipv6 --exclude-dest 2001:db8:f::11/128
check "the other way round: einat guards IPv6" guards6
check_eq "and masquerades IPv4" "$(einat status --json | json "d['interfaces'][0]['rest']")" own
check_eq "status says so" "$(einat status --json | json "d['interfaces'][0]['rest6']")" guard
the_slice "the other way round" 25140
the_rest "the other way round" 25141
check "stop" stop_einat
check_eq "no packet left with a unique local source" "$(leaks6)" 0
check_eq "nor with a private one" "$(leaks)" 0
finish_tests
