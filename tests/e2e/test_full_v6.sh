#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A full slice of IPv6, as test_full.sh: refuse tells the sender, masquerade takes what the slice
# cannot. IPv4, with ports of its own, notices nothing.
set -u
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/lab6.sh"
lab_up
lab6_up
RANGE=20000-20063

flood() { at "$1" "$PY" "$LAB_DIR/fullslice.py" flood "$B1" "$2" "$3"; }

# begin NAME: a binding that has to be served through it all, and a stream
begin()
{
	hold "held$1" h2 25000 $B1:7000
	held=$PID to=$ENDPOINT
	stream "live$1" h1 20010 $B1:7000
	live=$PID
	wait_for 5 eval '[ -n "$(binding_of udp "[fd00:1::2]:20010")" ]'
}

# served NAME: they were
served()
{
	local result
	check_eq "$1: a binding is served through it all" "$(send isp 7777 "$to")" "2001:db8::1 7777"
	result=$(stream_end "live$1" "$live")
	check_num "$1: a stream, datagrams" "$(json "d['sent']" <<<"$result")" -ge $((1000 / SLOW))
	check_eq "$1: a stream lost" "$(json "d['lost']" <<<"$result")" 0
	check_eq "$1: a stream's endpoints" "$(json "len(d['seen'])" <<<"$result")" 1
	check_eq "$1: no packet left with a unique local source" "$(leaks6)" 0
	finish "$held"
}

# ---- refuse
must_start --ipv6 --proto udp --ports $RANGE --when-full refuse --udp-timeout 120
begin refuse
start icmp h1 tcpdump -i eth0 -nn -v -l "icmp6 and ip6[40] = 1"
dump=$PID
wait_for 5 logged icmp "listening on"
out=$(flood h1 200 3)
check_match "refuse: hosts are told: EACCES, ICMPv6 1/1, from the router's LAN address ($out)" \
	"$out" "^[1-9][0-9]* told 13 1/1 fd00:1::1;"
told=${out%% *}
check_num "refuse: at most 2 a second for one host" "$told" -le 9
check_match "refuse: what fits is translated ($out)" "$out" "; 6[0-2] answered"
check_num "refuse: the data plane counts them" "$(stat_of out refused)" -ge $((1000 / SLOW))
check_eq "refuse: and none as merely full" "$(stat_of out full)" 0
finish "$dump"
check_match "refuse: its checksum is right, it quotes the datagram as the host sent it" "$(cat "$T/icmp")" \
	"icmp6 sum ok\] ICMP6, destination unreachable,  ?unreachable prohibited $B1"
check_eq "refuse: no checksum is wrong" "$(grep -c 'bad icmp6 cksum' "$T/icmp")" 0
check_eq "refuse: nothing is masqueraded" "$(conntrack6_of udp fd00:1::2)" untouched
check_eq "refuse: IPv4 has ports of its own" "$(seen h1 20001 $A1:7000)" "$EXT:20001"
start flood2 h2 "$PY" "$LAB_DIR/fullslice.py" flood $B1 100 2
second=$PID
flood h1 100 2 >"$T/flood1"
wait "$second"
sum=$(($(sed 's/ .*//' "$T/flood1") + $(sed 's/ .*//' "$T/flood2")))
check_num "refuse: two hosts at once, at most 2 a second for each" "$sum" -le 18
check_match "refuse: the second host is told, too ($(cat "$T/flood2"))" "$(cat "$T/flood2")" \
	"^[1-9][0-9]* told 13 1/1 fd00:1::1;"
served refuse
check "refuse: stop" stop_einat

# ---- masquerade
at router conntrack -F 2>/dev/null
at router conntrack -F -f ipv6 2>/dev/null
must_start --ipv6 --proto udp --ports $RANGE --udp-timeout 120
begin masquerade
# all at once: the slice fills before anybody can look
out=$(at h1 "$PY" "$LAB_DIR/fullslice.py" burst $B1 200)
check_match "masquerade: nobody is cut off ($out)" "$out" "^200 of 200 answered"
ms=${out##*after }
check_num "masquerade: those that met the full slice get through soon ($out)" "${ms% ms}" -lt $((3000 * SLOW))
check_match "masquerade: new flows are masqueraded" "$(seen h2 26000 $B1:7000)" "^$EXT6:"
check_eq "masquerade: conntrack says so" "$(conntrack6_of udp fd00:1::3 26000)" masquerade
check_match "masquerade: it is said" "$(cat "$T/einat")" "new flows go to masquerade until"
flood h1 300 2 >"$T/flood"
check_match "masquerade: a flood is answered ($(cat "$T/flood"))" "$(cat "$T/flood")" \
	"^0 told ; 300 answered"
full=$(stat_of out full)
seen h2 26001 $B1:7000 >/dev/null
check_eq "masquerade: suspended, no new flow meets the full slice" "$(stat_of out full)" "$full"
served masquerade
check "masquerade: stop" stop_einat

# ---- below the low-water mark the slice takes new flows again
claims() { [ "$(einat status -i wan --json | json "d['interfaces'][0]['claim']")" = active ]; }
later() { ctl_word 8 $(($(cut -d. -f1 /proc/uptime) + $1)); }
at router conntrack -F -f ipv6 2>/dev/null
must_start --ipv6 --proto icmp --ports $RANGE
for i in $(seq 64); do
	at h1 ping -6 -q -c 1 -W 1 -e $((21000 + i)) $B1 >/dev/null &
	[ $((i % 16)) != 0 ] || wait -n
done
check "low water: suspended first" wait_for 5 logged einat "new flows go to masquerade"
check "low water: ping from h2 works meanwhile" at h2 ping -6 -q -c 1 -W $((2 * SLOW)) -e 22000 $B1
check "low water: a minute later, and two more for the ports to rest" later 183
check "low water: bindings expire, the slice takes flows again" \
	wait_for 5 logged einat "takes new icmp flows again"
check "low water: the claim is back" wait_for 5 claims
at router conntrack -F -f ipv6 2>/dev/null
check "low water: ping works" at h1 ping -6 -q -c 1 -W $((2 * SLOW)) -e 20001 $B1
check_eq "low water: by a binding" "$(binding_of icmp "[fd00:1::2]:20001")" "[$EXT6]:20001"
check "stop" stop_einat
check_eq "IPv4: no packet left with a private source" "$(leaks)" 0
finish_tests
