#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Checksums: iperf3 through GSO and checksum offload. On veth a packet's checksum is normally left
# to a device that never computes it, so a wrong partial sum would not be seen: here the sending
# device past the router's TC hook has offload switched off and software must finish what einat
# left. tcpdump then verifies each checksum.
set -u
. "$(dirname "$0")/lab.sh"
lab_up
must_start --proto all --ports 20000-29999
start iperf isp iperf3 -s -B $A1
wait_for 5 eval 'at isp ss -Hltn src :5201 | grep -q .'

no_offload() { at "$1" ethtool -K "$2" tx off tso off gso off >/dev/null 2>&1; }
offload() { at "$1" ethtool -K "$2" tx on tso on gso on >/dev/null 2>&1; }

# capture BOX DEV: tcpdump until capture_end, of at most 400 packets of each test
capture()
{
	start "tcpdump" "$1" tcpdump -i "$2" -n -U -s 0 -Z root -w "$T/pcap" "$3"
	CAPTURE=$PID
	wait_for 5 logged tcpdump "listening on"
}
# capture_end NAME MINIMUM: all checksums right, at least MINIMUM packets looked at
capture_end()
{
	finish "$CAPTURE"
	tcpdump -nn -vv -r "$T/pcap" -c 3000 >"$T/dump" 2>/dev/null
	local good bad
	good=$(grep -cE 'cksum 0x[0-9a-f]+ \(correct\)|udp sum ok' "$T/dump")
	bad=$(grep -E 'incorrect|bad udp cksum|bad cksum|no cksum' "$T/dump")
	check_num "$1: packets looked at ($good)" "$good" -ge "$2"
	check_eq "$1: wrong checksums" "$(head -n 3 <<<"$bad")" ""
}
# runs NAME IPERF-ARGUMENTS...: it carried data
runs()
{
	local name=$1
	shift
	at h1 timeout $((20 * SLOW)) iperf3 -c $A1 -J "$@" >"$T/json"
	check_match "$name: data flowed" "$(json "d.get('error') or d['end'].get('sum_received',
		d['end'].get('sum'))['bytes'] > 500000" <"$T/json")" True
}

translated=$(stat_of out translated)
runs "tcp out with GSO" -t 1
runs "tcp in with GSO" -t 1 -R
check_num "einat translated them" "$(stat_of out translated)" -gt $((translated + 100))
check "in packets larger than the MTU (GSO)" eval "einat stats -i wan --json |
	json \"d['out']['translated']['bytes'] / d['out']['translated']['packets'] > 2000 or
	d['in']['translated']['bytes'] / d['in']['translated']['packets'] > 2000\" | grep -q True"

no_offload router wan
capture isp home "src host $EXT"
runs "tcp out" -n 3M
capture_end "tcp out" 50
capture isp home "src host $EXT and udp"
runs "udp out" -u -b 50M -l 1400 -n 1M
capture_end "udp out" 200
offload router wan

no_offload router p-h1
capture h1 eth0 "src host $A1"
runs "tcp in" -n 3M -R
capture_end "tcp in" 50
capture h1 eth0 "src host $A1 and udp"
runs "udp in" -u -b 50M -l 1400 -n 1M -R
capture_end "udp in" 200
offload router p-h1

# UDP GSO (UDP_SEGMENT): one packet of many datagrams passes the TC hook
gso="import socket,time
s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.bind(('',25301))
s.setsockopt(17,103,1000)
for i in range(20): s.sendto(bytes(30000),('$A1',7999))"
no_offload router wan
capture isp home "src host $EXT and udp dst port 7999"
at h1 "$PY" -c "$gso"
wait_for 3 eval "[ \$(tcpdump -nn -r $T/pcap 2>/dev/null | wc -l) -ge 600 ]"
capture_end "udp with GSO" 600
offload router wan
check_eq "no packet left with a private source" "$(leaks)" 0
check "stop" stop_einat
finish_tests
