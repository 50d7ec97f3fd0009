#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# NAT66 and path MTU discovery, on which IPv6 depends since no router fragments: a WAN with MTU 1480
# behind a LAN with 1500, a smaller MTU beyond the ISP, and one of the LAN, which a far host has to
# learn. For UDP (whose sender then fragments itself) and TCP.
set -u
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/lab6.sh"
. "$(dirname "$0")/mtu.sh"
lab_up
lab6_up
TO=2001:db8:e1::9 IP=-6
# Where br_netfilter is loaded, a bridge puts fragments together and the router has forgotten by then how
# large they were: what fits its own link leaves whole, with or without NAT, and IPv6 stops there.
at router sysctl -qw net.bridge.bridge-nf-call-ip6tables=0 2>/dev/null
ipv6_on far
at isp ip addr add 2001:db8:e1::1/64 dev core nodad
at far ip addr add $TO/64 dev eth0 nodad
at far ip -6 route add default via 2001:db8:e1::1
start far6 far "$PEER" serve $TO
wait_for 5 logged far6 serving
iperf_up
must_start --proto all --ports 20000-29999 --ipv6

# udp NAME PORT MTU: too large is told and learnt, then the host fragments; what fits is whole
udp()
{
	local before
	forget
	check_eq "$1: UDP, too large: the host is told" "$(send h1 "$2" $TO:7000 --size 1450)" EMSGSIZE
	check_eq "$1: the host has learnt it" "$(learnt h1 $TO)" "$3"
	before=$(stat_of out fragment)
	check_eq "$1: UDP, then in fragments: is answered" "$(send h1 "$2" $TO:7000 --size 1450)" "$EXT6 $2"
	check_eq "$1: later fragments that were translated" $(($(stat_of out fragment) - before)) 1
	check_eq "$1: UDP, what just fits is answered" "$(send h1 "$2" $TO:7000 --size $(($3 - 48)))" "$EXT6 $2"
	check_eq "$1: and was no fragment" $(($(stat_of out fragment) - before)) 1
}

# ---- this router is the one that tells
wan_mtu 1480
udp "wan 1480" 25001 1480
forget
transfer "wan 1480: TCP out" --set-mss 1440
check_eq "wan 1480: TCP has learnt it" "$(learnt h1 $TO)" 1480
forget
transfer "wan 1480: TCP in" -R
wan_mtu 1500

# ---- a smaller MTU beyond the ISP's box: its errors come through the NAT
at isp ip link set core mtu 1400
errors=$(stat_of in icmp-error)
udp "path 1400" 25002 1400
forget
transfer "path 1400: TCP out" --set-mss 1440
check_eq "path 1400: TCP has learnt it" "$(learnt h1 $TO)" 1400
check_num "path 1400: the data plane translated the errors" "$(stat_of in icmp-error)" -ge $((errors + 2))
at isp ip link set core mtu 1500

# ---- the other way: the LAN's link has a smaller MTU than the far host knows
at router ip -6 route add fd00:1::2/128 dev lan mtu lock 1300
forget
errors=$(stat_of out icmp-error)
hold held h1 25201 $TO:7000
held=$PID to=$ENDPOINT
check_eq "lan 1300: held" "$to" "$EXT6:25201"
check_eq "lan 1300: UDP in, too large: the far host is told" "$(send far 7777 "$to" --size 1450)" EMSGSIZE
check_eq "lan 1300: it has learnt the path to the external address" "$(learnt far $EXT6)" 1300
check_num "lan 1300: the router's own error was translated" "$(stat_of out icmp-error)" -ge $((errors + 1))
before=$(stat_of in fragment)
check_eq "lan 1300: UDP in, then in fragments: arrives" "$(send far 7778 "$to" --size 1450)" "$TO 7778"
check_num "lan 1300: its later fragment was translated" "$(stat_of in fragment)" -ge $((before + 1))
forget
finish "$held"
transfer "lan 1300: TCP in" -R --set-mss 1440
check_eq "lan 1300: TCP has learnt it" "$(learnt far $EXT6)" 1300

no_drops
check_eq "no packet left with a unique local source" "$(leaks6)" 0
check "stop" stop_einat
finish_tests
