#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Several uplinks at once. Which of them a flow leaves by is for routing to say: by rules, by a prefix
# that is another provider's, by half of a default route. What another uplink serves, with or without
# an einat of its own, is left alone; what einat has claimed and nobody translates any longer is not.
# test_away.sh has an uplink that takes over from another.
set -u
. "$(dirname "$0")/two_uplinks.sh"

# ---- rules choose: one endpoint of a host has bindings of two einats, and one of them stops
must_start "${slice[@]}"
start_second "${slice[@]}"
at router ip route del default metric 0
at router ip route add default via 192.0.2.1
at router ip route add default via 203.0.113.1 dev wan table 100
at router ip rule add ipproto udp dport 7001 lookup 100
start both h1 "$PY" -c "
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('', 26500))
while True:
    for port in 7000, 7001:
        s.sendto(b'seen', ('$FAR', port))
    time.sleep(0.05)"
both=$PID
bound_at() { at router "$EINAT" bindings -i "$1" | grep -q "192.168.1.2:26500 .*$2:26500"; }
check "rules: a binding of each einat" wait_for 5 eval "bound_at wan $EXT && bound_at wan2 $EXT2"
check "rules: the one stops" stop_einat
check "rules: what it has served is masqueraded" wait_for 5 entry_by 26500 $EXT
no_more_leaks "rules"
check "rules: the other one serves the other flow" bound_at wan2 $EXT2
finish "$both"
finish "$second"
at router ip rule del ipproto udp dport 7001 lookup 100
at router ip route flush table 100
at router ip route del default
at router ip route add default via 203.0.113.1
at router conntrack -F 2>/dev/null

# ---- one prefix, translated on both uplinks: what has moved is served there
must_start --proto udp --nptv6 fd00:1::/48=2001:db8:77::/48
start_second --proto udp --nptv6 fd00:1::/48=2001:db8:78::/48
watch_entries
stream live h1 27301 $B1:7000 --rate $((THIN / 10))
live=$PID
check "a prefix on both: a flow by the first" wait_for 5 entry_by 27301 fd00:1::2
at router ip -6 route add default via 2001:db8:2::1 metric 100
settle
at router ip route add default via 192.0.2.1 metric 900
settle
no_more_leaks "a prefix on both"
check_match "a prefix on both: each has served it" "$(stream_end live "$live")" "2001:db8:77:ced1::2:27301.*2001:db8:78:[0-9a-f]*::2:27301"
check_not "a prefix on both: the entry was left" logged ended "src=fd00:1::2 dst=$B1 "
finish "$second"
finish "$ended"
clean "a prefix on both"
at router ip route del default metric 900

# ---- a prefix that is another provider's, who is preferred; it is translated on wan alone
at router ip addr add 2001:db8:5::1/64 dev lan nodad
at h1 ip addr add 2001:db8:5::2/64 dev eth0 nodad
at isp ip -6 route add 2001:db8:5::/64 via 2001:db8:2::2 dev home2
must_start --proto udp --nptv6 2001:db8:5::/48=2001:db8:77::/48
watch_entries
start native h1 "$PY" -c "
import socket, time
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(('2001:db8:5::2', 27302))
while True:
    s.sendto(b'seen', ('$B1', 7000))
    time.sleep(0.1)"
native=$PID
check "another's prefix: a flow by its own way" wait_for 5 entry_by 27302 2001:db8:5::2
for metric in 900 901; do
	at router ip route add default via 192.0.2.1 metric $metric
	at router ip -6 route add default via 2001:db8:2::1 metric $metric
	settle
done
check_not "another's prefix: its entry is left when routes change" logged ended "src=2001:db8:5::2 dst=$B1 "
# by wan from now on, and back
at router ip -6 route del default metric 100
at router ip -6 route del default metric 900
at router ip -6 route del default metric 901
translated() { [ "$(stat_of out npt)" -gt 0 ]; }
check "another's prefix: by the other way it is translated" wait_for 5 translated
at router ip -6 route add default via 2001:db8:2::1 metric 100
check "another's prefix: back, what was claimed is looked at anew" \
	wait_for 5 logged ended "src=2001:db8:5::2 dst=$B1 "
pause 4 # until no answer of then can come by wan any more
deleted() { grep -c "src=2001:db8:5::2 dst=$B1 " "$T/ended"; }
before=$(deleted)
at router ip route add default via 192.0.2.1 metric 902
settle
check_eq "another's prefix: and left from then on" "$(deleted)" "$before"
finish "$native"
finish "$ended"
clean "another's prefix"
at router ip -6 route del default metric 100
at router ip route del default metric 900
at router ip route del default metric 901
at router ip route del default metric 902

# ---- an internal network behind a router of its own: a route to it is no way to the Internet
at router ip addr add fd00:9::1/64 dev wan2 nodad
at isp ip addr add fd00:9::2/64 dev home2 nodad
at isp ip addr add 2001:db8:9::9/64 dev lo nodad
at isp ip -6 route add fd00:1::/48 via fd00:9::1 dev home2
at router ip -6 route add 2001:db8:9::/64 via fd00:9::2
start site isp "$PEER" serve 2001:db8:9::9
must_start --proto udp --nptv6 fd00:1::/48=2001:db8:77::/48
watch_entries
seen h1 27304 2001:db8:9::9:7000 >/dev/null
check "a network inside: a flow without NAT" entry_by 27304 fd00:1::2
at router ip -6 route add default via 2001:db8:2::1 metric 100
settle
check_not "a network inside: its entry is left when the default route moves" \
	logged ended "src=fd00:1::2 dst=2001:db8:9::9 "
finish "$ended"
clean "a network inside"
at router ip -6 route del default metric 100
at router ip -6 route del 2001:db8:9::/64 via fd00:9::2
at isp ip -6 route del fd00:1::/48 via fd00:9::1 dev home2

# ---- the way moves: by rules and a table of their own as a VPN's; while einat is not there; in parts,
# without a gateway, none of which is a network of this site
others6
at router nft add rule ip6 others postrouting oifname wan2 masquerade
mac=$(at isp ip -o link show home2 | sed 's,.*link/ether \([^ ]*\).*,\1,')
at router ip -6 neigh add $B1 lladdr "$mac" dev wan2
by_rules()
{
	at router ip route add default via 192.0.2.1 table 200
	at router ip -6 route add default via 2001:db8:2::1 table 200
	for family in -4 -6; do # as wg-quick does it
		at router ip $family rule add pref 100 lookup main suppress_prefixlength 0
		at router ip $family rule add pref 101 lookup 200
	done
}
by_main()
{
	for family in -4 -6; do
		at router ip $family rule del pref 101
		at router ip $family rule del pref 100
		at router ip $family route flush table 200
	done
}
killed()
{
	finish "$EINAT_PID" KILL
	at router ip route replace default via 192.0.2.1 metric 0
	at router ip -6 route add default via 2001:db8:2::1 metric 100
	must_start "${slice[@]}" --nptv6 fd00:1::/48=2001:db8:77::/48
}
as_before()
{
	at router ip route replace default via 203.0.113.1 metric 0
	at router ip -6 route del default via 2001:db8:2::1 metric 100
}
in_parts()
{
	at router ip route add 0.0.0.0/1 dev wan2
	at router ip route add 128.0.0.0/1 dev wan2
	at router ip -6 route add 2000::/3 dev wan2
}
port=26600
for how in by_rules:by_main killed:as_before in_parts:true; do
	name=${how%:*}
	port=$((port + 10))
	must_start "${slice[@]}" --nptv6 fd00:1::/48=2001:db8:77::/48
	stream four h1 $port $FAR:7000 --rate $((THIN / 10))
	four=$PID
	stream six h1 $((port + 1)) $B1:7000 --rate $((THIN / 10))
	six=$PID
	check "$name: a flow of the slice" wait_for 5 entry_by $port 192.168.1.2
	check "$name: and one of the prefix" wait_for 5 entry_by $((port + 1)) fd00:1::2
	${how%:*}
	check "$name: the second uplink serves the slice's flow" wait_for 5 entry_by $port $EXT2
	check "$name: and that of the prefix" wait_for 5 entry_by $((port + 1)) 2001:db8:2::2
	no_more_leaks "$name"
	check_match "$name: both ways have served it" "$(stream_end four "$four")" "$EXT:$port.*$EXT2:$port"
	check_match "$name: of the prefix, too" "$(stream_end six "$six")" \
		"2001:db8:77:ced1::2:$((port + 1)).*2001:db8:2::2:$((port + 1))"
	${how#*:}
	clean "$name"
done
finish_tests
