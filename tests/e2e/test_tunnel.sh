#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A tunnel as the external interface (DS-Lite, MAP-E and GRE have one). Its device sees packets as they
# were translated, and tells of a path that is too narrow by an ICMP error to the external address, of
# this host and to itself: the host inside has to be told (RFC 4787 REQ-13). First the message alone,
# then real devices, where the kernel has them.
set -u
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/lab6.sh"
lab_up
lab6_up
learnt() { at h1 ip "${@:2}" route get "$1" | sed -n 's/.* mtu \([0-9]*\).*/\1/p'; }
told() { [ "$(learnt "$1" "${@:3}")" = "$2" ]; }

# too_narrow BOX SOURCE EXTERNAL PORT FAR MTU
too_narrow() { at "$1" "$PY" "$LAB_DIR/own_error.py" "$2" "$3" "$4" "$5" 7000 "$6"; }

# ---- the message, without --hairpin-if
must_start --proto udp --ports 20000-29999 --ipv6
hold held h1 25001 $FAR:7000
held=$PID
check_eq "udp: a binding" "$ENDPOINT" "$EXT:25001"
hold held6 h1 25002 $B1:7000
held6=$PID
check_eq "udp6: a binding" "$ENDPOINT" "$EXT6:25002"
start watch h1 tcpdump -i eth0 -nn -l "icmp[0] = 3 or icmp6[0] = 2"
watch=$PID
wait_for 5 logged watch "listening on"
too_narrow router $EXT $EXT 25003 $FAR 1300
too_narrow h2 192.168.1.3 $EXT 25001 $FAR 1300
too_narrow h2 fd00:1::3 $EXT6 25002 $B1 1300
too_narrow router $EXT $EXT 25001 $FAR 1380
check "udp: the host inside has learnt the path's MTU" wait_for 5 told $FAR 1380
check_eq "udp: a larger datagram is refused" "$(send h1 25004 $FAR:7000 --df --size 1440)" EMSGSIZE
too_narrow router $EXT6 $EXT6 25002 $B1 1380
check "udp6: the host inside has learnt it" wait_for 5 told $B1 1380 -6
check "both were told" wait_for 5 eval '[ "$(grep -c "mtu 1380" "$T/watch")" = 2 ]'
check_not "of no binding, and by another host: not passed on" logged watch "mtu 1300"
finish "$watch"
finish "$held"
finish "$held6"
check "stop" stop_einat
check_eq "no packet left with a private source" "$(leaks)" 0

# ---- devices: the path to the tunnel's far end is narrower than the device knows
start sink far socat -u TCP4-LISTEN:8081,fork,reuseaddr "OPEN:$T/got,creat,trunc"
listens() { at far ss -Hltn "sport = :8081" | grep -q .; }
wait_for 5 listens
got_all() { [ "$(stat -c %s "$T/got" 2>/dev/null)" = 3000000 ]; }
tunnel() # KIND LOCAL REMOTE OPTIONS...
{
	local kind=$1
	at router ip link add t0 type "$kind" local "$2" remote "$3" "${@:4}" 2>/dev/null || return 1
	at isp ip link add t0 type "$kind" local "$3" remote "$2" "${@:4}"
	at router ip link set t0 up mtu 1480
	at isp ip link set t0 up mtu 1480
	at router ip addr add 192.0.2.2/32 dev t0
	at isp ip route add 192.0.2.2/32 dev t0
	at router ip route replace default dev t0
}
at router nft add rule ip home postrouting oifname t0 masquerade
at router ip route add 203.0.113.1 dev wan mtu 1400
at router ip -6 route add 2001:db8::1 dev wan mtu 1400
port=25100
for kind in ipip gre ip6tnl; do
	case $kind in
	ip6tnl) set -- $EXT6 2001:db8::1 mode ipip6 encaplimit none ;;
	*) set -- $EXT 203.0.113.1 ;;
	esac
	if ! tunnel $kind "$@"; then
		ok "$kind # SKIP this kernel has no such device"
		continue
	fi
	at h1 ip route flush cache
	port=$((port + 10))
	start einat router "$EINAT" run -i t0 --proto all --ports 20000-29999
	EINAT_PID=$PID
	wait_for 15 einat_settled
	check_eq "$kind: a binding" "$(seen h1 $port $FAR:7000)" "192.0.2.2:$port"
	send h1 $port $FAR:7000 --df --size 1440 --limit 0.5 >/dev/null
	refused() { [ "$(send h1 $port $FAR:7000 --df --size 1440 --limit 0.5)" = EMSGSIZE ]; }
	check "$kind: udp: the host inside is told" wait_for 5 refused
	check_eq "$kind: what it has learnt fits" "$(send h1 $port $FAR:7000 --df --size $(($(learnt $FAR) - 28)))" "192.0.2.2 $port"
	at h1 ip route flush cache
	rm -f "$T/got"
	start push h1 socat -u "SYSTEM:head -c 3000000 /dev/zero" "TCP4:$FAR:8081,sourceport=$((port + 1))"
	check "$kind: tcp: a transfer arrives" wait_for 20 got_all
	check_num "$kind: tcp: the host has learnt a smaller MTU" "$(learnt $FAR)" -lt 1480
	finish "$PID"
	at router "$EINAT" stop -i t0 >/dev/null
	wait_for 10 gone "$EINAT_PID"
	at router ip link del t0
	at isp ip link del t0
done
finish_tests
