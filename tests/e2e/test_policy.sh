#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Policy routing: rules choose the uplink by a flow's source or by the interface by which it enters,
# and routes to networks come. Whose a flow is, is asked as it is forwarded, not of its destination.
set -u
. "$(dirname "$0")/two_uplinks.sh"

# by_source SELECTOR: hosts of SELECTOR leave by wan2
by_source()
{
	at router ip route add default via 192.0.2.1 table 200
	at router ip rule add "$@" lookup 200
}
no_source()
{
	at router ip rule del "$@" lookup 200
	at router ip route flush table 200
}
# inside_by_wan: what enters by lan leaves by wan, all else by wan2
inside_by_wan()
{
	at router ip route add default via 203.0.113.1 table 100
	at router ip -6 route add default via 2001:db8::1 table 100
	at router ip rule add pref 3000 iif lan lookup 100
	at router ip -6 rule add pref 3000 iif lan lookup 100
	at router ip route replace default via 192.0.2.1
	at router ip -6 route replace default via 2001:db8:2::1
}
as_before()
{
	at router ip rule del pref 3000
	at router ip -6 rule del pref 3000
	at router ip route flush table 100
	at router ip -6 route flush table 100
	at router ip route replace default via 203.0.113.1
	at router ip -6 route replace default via 2001:db8::1
}
# kept NAME RESULT: a stream lost nothing, and had one endpoint
kept()
{
	check_eq "$1: lost" "$(json "d['lost']" <<<"$2")" 0
	check_eq "$1: endpoints" "$(json "len(d['seen'])" <<<"$2")" 1
}

# ---- one host, or all of them, go over to the other uplink, by a rule
port=26600
for rule in "from 192.168.1.2" "iif lan"; do
	port=$((port + 1))
	must_start "${slice[@]}"
	stream four h1 $port $FAR:7000 --rate $((THIN / 10))
	four=$PID
	check "$rule: a flow of the slice" wait_for 5 entry_by $port 192.168.1.2
	# shellcheck disable=SC2086 # words of a rule
	by_source $rule
	check "$rule: the second uplink serves it" wait_for 5 entry_by $port $EXT2
	no_more_leaks "$rule"
	check_match "$rule: both ways have served it" "$(stream_end four "$four")" "$EXT:$port.*$EXT2:$port"
	# shellcheck disable=SC2086
	no_source $rule
	clean "$rule"
done

# ---- pings, by a rule for them alone
must_start --proto icmp
start pings h1 ping -q -i 0.1 $FAR
pings=$PID
pinged() { at router conntrack -L -p icmp 2>/dev/null | grep -q "src=192.168.1.2 dst=$FAR .*src=$FAR dst=$1 "; }
check "pings: claimed" wait_for 5 pinged 192.168.1.2
by_source ipproto icmp
check "pings: the second uplink serves them" wait_for 5 pinged $EXT2
no_more_leaks "pings"
finish "$pings"
no_source ipproto icmp
clean "pings"

# ---- a mark of conntrack's that is not the packets', though a rule knows it
must_start --proto tcp --ports 20000-29999
at router nft 'table ip counting { chain forward { type filter hook forward priority filter; ct mark set 7; }; }'
by_source fwmark 7
start tcp h1 "$PEER" tcpstream -b 25660 $FAR:7000
tcp=$PID
check "another's mark: a flow of TCP" wait_for 5 logged tcp streaming
check "another's mark: stop" stop_einat
check "another's mark: it is handed back" logged einat " 1 flow handed back"
kept "another's mark: TCP" "$(stream_end tcp "$tcp")"
no_source fwmark 7
at router nft delete table ip counting
at router conntrack -F 2>/dev/null

# ---- a route to the network of the far side comes: by a gateway, or without one as wg-quick writes it
mac=$(at isp ip -o link show home2 | sed 's,.*link/ether \([^ ]*\).*,\1,')
at router ip neigh add $FAR lladdr "$mac" dev wan2
at router ip -6 neigh add $B1 lladdr "$mac" dev wan2
others6
at router nft add rule ip6 others postrouting oifname wan2 masquerade
port=26610
for via in "via 192.0.2.1 dev wan2" "dev wan2"; do
	port=$((port + 2))
	must_start "${slice[@]}" --nptv6 fd00:1::/48=2001:db8:77::/48
	stream four h1 $port $FAR:7000 --rate $((THIN / 10))
	four=$PID
	stream six h1 $((port + 1)) $B1:7000 --rate $((THIN / 10))
	six=$PID
	check "route $via: a flow of the slice" wait_for 5 entry_by $port 192.168.1.2
	check "route $via: and one of the prefix" wait_for 5 entry_by $((port + 1)) fd00:1::2
	# shellcheck disable=SC2086 # words of a route
	at router ip route add 198.51.100.0/24 $via
	at router ip -6 route add 2001:db8:f::/64 dev wan2
	check "route $via: the second uplink serves the slice's flow" wait_for 5 entry_by $port $EXT2
	check "route $via: and that of the prefix" wait_for 5 entry_by $((port + 1)) 2001:db8:2::2
	no_more_leaks "route $via"
	check_match "route $via: both ways have served it" "$(stream_end four "$four")" "$EXT:$port.*$EXT2:$port"
	check_match "route $via: of the prefix, too" "$(stream_end six "$six")" \
		"2001:db8:77:ced1::2:$((port + 1)).*2001:db8:2::2:$((port + 1))"
	at router ip route del 198.51.100.0/24
	at router ip -6 route del 2001:db8:f::/64
	clean "route $via"
done

# ---- hosts leave by wan by a rule: what is theirs is left when routing changes, and handed back
inside_by_wan
must_start --proto tcp,udp --ports 20000-29999 --nptv6 fd00:1::/48=2001:db8:77::/48
start tcp h1 "$PEER" tcpstream -b 25620 $FAR:7000
tcp=$PID
stream udp h1 26620 $FAR:7000 --rate $((THIN / 10))
udp=$PID
stream six h1 26621 $B1:7000 --rate $((THIN / 10))
six=$PID
check "hosts by a rule: a flow of TCP" wait_for 5 logged tcp streaming
check "hosts by a rule: one of UDP" wait_for 5 entry_by 26620 192.168.1.2
check "hosts by a rule: one of the prefix" wait_for 5 entry_by 26621 fd00:1::2
watch_entries
at router ip rule add pref 5210 fwmark 0x80000/0xff0000 lookup main
settle
at router ip rule del pref 5210
check_not "hosts by a rule: another rule comes and goes, entries are left" \
	logged ended "src=192.168.1.2 dst=$FAR \|src=fd00:1::2 "
finish "$ended"
before="$(leaks) $(leaks6)"
check "hosts by a rule: stop" stop_einat
check "hosts by a rule: two flows are handed back" logged einat " 2 flows handed back"
check "hosts by a rule: that of the prefix is the others'" wait_for 5 entry_by 26621 2001:db8::2
kept "hosts by a rule: TCP through all of that" "$(stream_end tcp "$tcp")"
kept "hosts by a rule: UDP" "$(stream_end udp "$udp")"
stream_end six "$six" >/dev/null
check_eq "hosts by a rule: nothing has left with an internal source" "$(leaks) $(leaks6)" "$before"
as_before
at router conntrack -F 2>/dev/null

# ---- two einats, and a rule has moved a host from the first to the second: the first stops
must_start "${slice[@]}"
start_second "${slice[@]}"
stream four h1 26630 $FAR:7000 --rate $((THIN / 10))
four=$PID
check "two einats: a flow of the first" wait_for 5 entry_by 26630 192.168.1.2
by_source from 192.168.1.2
bound_there() { at router "$EINAT" bindings -i wan2 | grep -q "192.168.1.2:26630 "; }
check "two einats: the second has it" wait_for 5 bound_there
watch_entries
check "two einats: the first stops" stop_einat
check_not "two einats: the second's entry is left" logged ended "src=192.168.1.2 dst=$FAR "
finish "$ended"
result=$(stream_end four "$four")
check_eq "two einats: one endpoint by each" \
	"$(json "' '.join(sorted(d['seen']))" <<<"$result")" "$EXT2:26630 $EXT:26630"
finish "$second"
no_source from 192.168.1.2
at router conntrack -F 2>/dev/null

# ---- NAT66, and a default route for the site's source alone, as OpenWrt has it
at router ip -6 route del default
at router ip -6 route add default from fd00:1::/48 via 2001:db8::1 dev wan
must_start --proto tcp,udp --ports 20000-29999 --ipv6
start tcp h1 "$PEER" tcpstream -b 25640 $B1:7000
tcp=$PID
check "a route by source: a flow of TCP" wait_for 5 logged tcp streaming
check "a route by source: stop" stop_einat
check "a route by source: it is handed back" logged einat " 1 flow handed back"
kept "a route by source: TCP" "$(stream_end tcp "$tcp")"
at router ip -6 route del default from fd00:1::/48
at router ip -6 route add default via 2001:db8::1
at router conntrack -F -f ipv6 2>/dev/null

# ---- a killed einat has left a prefix, which leaves by the other uplink since: `einat stop`
must_start --proto udp --nptv6 fd00:1::/48=2001:db8:77::/48
stream six h1 26650 $B1:7000 --rate $((THIN / 10))
six=$PID
check "after a crash: a flow of the prefix" wait_for 5 entry_by 26650 fd00:1::2
finish "$EINAT_PID" KILL
at router ip -6 route replace default via 2001:db8:2::1
check "after a crash: stop" at router "$EINAT" stop -i wan
check "after a crash: the second uplink serves it" wait_for 5 entry_by 26650 2001:db8:2::2
no_more_leaks "after a crash"
stream_end six "$six" >/dev/null
at router ip -6 route replace default via 2001:db8::1

# ---- such a route that was there goes, and comes back; one of wan goes, of which wan2 has one, too; wan goes
floating()
{
	at router ip route add 198.51.100.0/24 via 203.0.113.1 dev wan metric 10
	at router ip route add 198.51.100.0/24 via 192.0.2.1 dev wan2 metric 100
}
no_floating() { at router ip route del 198.51.100.0/24 via 203.0.113.1 dev wan; }
there() { at router ip route add 198.51.100.0/24 via 192.0.2.1 dev wan2; }
not_there() { at router ip route del 198.51.100.0/24 via 192.0.2.1 dev wan2; }
port=26660
for how in there:not_there:there floating:true:no_floating floating:true:wan_down; do
	IFS=: read -r first then last <<<"$how"
	name="route, $last"
	port=$((port + 1))
	$first
	must_start "${slice[@]}"
	$then
	stream four h1 $port $FAR:7000 --rate $((THIN / 10))
	four=$PID
	check "$name: a flow of the slice" wait_for 5 entry_by $port 192.168.1.2
	pause 1 # a look at what has gone
	$last
	check "$name: the second uplink serves it" wait_for 5 entry_by $port $EXT2
	no_more_leaks "$name"
	stream_end four "$four" >/dev/null
	clean "$name"
	at router ip route flush 198.51.100.0/24
done
finish_tests
