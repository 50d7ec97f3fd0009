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

# mean DIRECTION: bytes of a packet that einat translated since mean_of_now
mean_of_now() { einat stats -i wan --json >"$T/stats"; }
mean()
{
	local before
	before=$(cat "$T/stats")
	mean_of_now
	"$PY" -c "
import json, sys
was, now = (json.loads(x)['$1'].get('translated', {'bytes': 0, 'packets': 0}) for x in sys.argv[1:])
print((now['bytes'] - was['bytes']) // max(now['packets'] - was['packets'], 1))" "$before" "$(cat "$T/stats")"
}
mean_of_now
runs "tcp out with GSO" -t 1
check_num "einat translated packets larger than the MTU (GSO), out" "$(mean out)" -gt 2000
runs "tcp in with GSO" -t 1 -R
check_num "einat translated packets larger than the MTU (GSO), in" "$(mean in)" -gt 2000

# ---- BIG TCP over IPv4 (Linux 6.3): super-packets longer than 64 KB, whose IP header has no length.
# IPv6's hardly get through a Linux router, with or without einat (6.18: 3 and 5 MB in two seconds, for
# it finds most of them too big for the link). tests/bpf/test_big.c has these.
# gso_ipv4 BOX DEV: as "ip link set DEV gso_ipv4_max_size" of a newer iproute2
gso_ipv4()
{
	at "$1" "$PY" -c "
import socket, struct, sys
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
attrs = struct.pack('HHIHHI', 8, 63, 180000, 8, 64, 180000)
link = struct.pack('BxHiII', 0, 0, socket.if_nametoindex('$2'), 0, 0) + attrs
s.send(struct.pack('IHHII', 16 + len(link), 16, 5, 1, 0) + link)
sys.exit(struct.unpack('i', s.recv(999)[16:20])[0] != 0)"
}
big_tcp() { gso_ipv4 h1 eth0 && gso_ipv4 router p-h1 && gso_ipv4 router lan && gso_ipv4 router wan && gso_ipv4 isp home; }
mean_of_now
# an older kernel takes the settings and ignores them
if [ "$(printf '6.3\n%s\n' "$(uname -r)" | sort -V | head -n 1)" = 6.3 ]; then
	check "BIG TCP: is switched on" big_tcp
	runs "BIG TCP out" -t 1
	check_num "BIG TCP: einat translated packets of more than 64 KB, out" "$(mean out)" -gt 65536
	runs "BIG TCP in" -t 1 -R
	check_num "BIG TCP: einat translated packets of more than 64 KB, in" "$(mean in)" -gt 65536
else
	ok "BIG TCP # SKIP this kernel has none over IPv4"
fi

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
