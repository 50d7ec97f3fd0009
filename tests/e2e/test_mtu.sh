#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A LAN with MTU 1500 behind a WAN with 1492 (PPPoE) and 1480 (a tunnel): what the kernel fragments on
# the way out is all translated, what must not be fragmented is answered, and path MTU discovery works
# through the NAT, in both directions, for TCP and UDP.
set -u
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/mtu.sh"
TO=$FAR IP=-4
lab_up
must_start --proto all --ports 20000-29999

iperf_up

port=25000
for mtu in 1492 1480; do
	wan_mtu $mtu
	forget
	for size in 1452 1453 1464 1465 1472 1473 2000 8000 60000; do
		port=$((port + 1))
		# with the UDP header, in fragments of what is left of the MTU, rounded down to 8
		room=$(((mtu - 20) / 8 * 8))
		later=$(((size + 8 + room - 1) / room - 1))
		[ $((size + 28)) -gt $mtu ] || later=0
		before=$(stat_of out fragment)
		check_eq "wan $mtu: a datagram of $size bytes out is answered" \
			"$(send h1 $port $FAR:7000 --nodf --size $size)" "$EXT $port"
		check_eq "wan $mtu: later fragments of $size bytes that were translated" \
			$(($(stat_of out fragment) - before)) $later
	done
	port=$((port + 1))
	check_eq "wan $mtu: a datagram of 20000 bytes in" \
		"$(at h1 "$PEER" send -b $port $FAR:7000 "big 20000")" "20000 bytes"
	port=$((port + 1))
	check_eq "wan $mtu: DF and too large: the host is told" \
		"$(send h1 $port $FAR:7000 --df --size 1472)" EMSGSIZE
	check_eq "wan $mtu: and has learnt it" "$(learnt h1 $FAR)" $mtu
	forget
	transfer "wan $mtu: TCP out"
	transfer "wan $mtu: TCP in" -R
done
wan_mtu 1500

# ---- a smaller MTU beyond the ISP's box: its errors come through the NAT
at isp ip link set core mtu 1400
at far ip link set eth0 mtu 1400
forget
errors=$(stat_of in icmp-error)
check_eq "path 1400: UDP out, DF: the host is told" "$(send h1 25101 $FAR:7000 --df --size 1450)" EMSGSIZE
check_eq "path 1400: the host has learnt it" "$(learnt h1 $FAR)" 1400
check_eq "path 1400: what fits, DF, is answered" "$(send h1 25102 $FAR:7000 --df --size 1372)" "$EXT 25102"
at far ip link set eth0 mtu 1500 # its SYN ACK must not tell of the small MTU
forget
transfer "path 1400: TCP out" --set-mss 1460
check_eq "path 1400: TCP has learnt it" "$(learnt h1 $FAR)" 1400
check_num "path 1400: the data plane translated the errors" "$(stat_of in icmp-error)" -ge $((errors + 2))

# ---- the other way: the LAN's link has a smaller MTU than the remote host knows
at isp ip link set core mtu 1500
at router ip link set p-h1 mtu 1500
at router ip route add 192.168.1.2 dev lan mtu lock 1300
forget
errors=$(stat_of out icmp-error)
hold held h1 25201 $FAR:7000
held=$PID to=$ENDPOINT
check_eq "lan 1300: UDP in, DF: the remote host is told" "$(send far 7777 "$to" --df --size 1450)" EMSGSIZE
check_eq "lan 1300: it has learnt the path to the external address" "$(learnt far $EXT)" 1300
check_num "lan 1300: the router's own error was translated" "$(stat_of out icmp-error)" -ge $((errors + 1))
check_eq "lan 1300: what fits, DF, arrives" "$(send far 7778 "$to" --df --size 1272)" "$FAR 7778"
forget
finish "$held"
transfer "lan 1300: TCP in" -R --set-mss 1460
check_eq "lan 1300: TCP has learnt it" "$(learnt far $EXT)" 1300

no_drops
check_eq "no packet left with a private source" "$(leaks)" 0
check "stop" stop_einat
finish_tests
