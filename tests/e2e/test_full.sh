#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A full slice, under a flood: --when-full refuse tells the sender, within limits; masquerade, the
# default, takes what the slice cannot, and gives it back when there is room. Bindings that exist
# are served either way, and nothing leaves with a private source.
set -u
. "$(dirname "$0")/lab.sh"
lab_up
RANGE=20000-20063

flood() { at "$1" "$PY" "$LAB_DIR/fullslice.py" flood "$A1" "$2" "$3"; }

# ---- refuse
must_start --proto udp --ports $RANGE --when-full refuse --udp-timeout 120
hold held h2 25000 $A1:7000
held=$PID to=$ENDPOINT
stream live h1 20010 $A1:7000
live=$PID
wait_for 5 eval '[ -n "$(binding_of udp 192.168.1.2:20010)" ]'
start icmp h1 tcpdump -i eth0 -nn -v -l "icmp[0] = 3"
dump=$PID
wait_for 5 logged icmp "listening on"
out=$(flood h1 200 3)
check_match "refuse: hosts are told: EHOSTUNREACH, ICMP 3/13, from the router's LAN address ($out)" \
	"$out" "^[1-9][0-9]* told 113 3/13 192.168.1.1;"
told=${out%% *}
check_num "refuse: at most 2 a second for one host" "$told" -le 9
check_match "refuse: what fits is translated ($out)" "$out" "; 6[0-2] answered"
check_num "refuse: the data plane counts them" "$(stat_of out refused)" -ge $((1000 / SLOW))
check_eq "refuse: and none as merely full" "$(stat_of out full)" 0
finish "$dump"
check_match "refuse: the message quotes the datagram as the host sent it" \
	"$(grep -A3 'host 203.0.113.10 unreachable - admin prohibited' "$T/icmp" | grep -m1 -A1 'ttl 64')" \
	"192.168.1.2.30[0-9]+ > $A1.7000: \[?"
check "refuse: the messages are marked as internetwork control" \
	eval "grep -B1 'unreachable - admin prohibited' '$T/icmp' | grep -q 'tos 0xc0'"
check_eq "refuse: nothing is masqueraded" "$(conntrack_of udp 192.168.1.2)" untouched
start flood2 h2 "$PY" "$LAB_DIR/fullslice.py" flood $A1 100 2
second=$PID
flood h1 100 2 >"$T/flood1"
wait "$second"
sum=$(($(sed 's/ .*//' "$T/flood1") + $(sed 's/ .*//' "$T/flood2")))
check_num "refuse: two hosts at once, at most 2 a second for each" "$sum" -le 18
check_match "refuse: the second host is told, too ($(cat "$T/flood2"))" "$(cat "$T/flood2")" \
	"^[1-9][0-9]* told 113 3/13 192.168.1.1;"
check_eq "refuse: a binding is served through it all" "$(send far 7777 "$to")" "$FAR 7777"
result=$(stream_end live "$live")
check_eq "refuse: a stream lost" "$(json "d['lost']" <<<"$result")" 0
check_eq "refuse: no packet left with a private source" "$(leaks)" 0
finish "$held"
check "refuse: stop" stop_einat

# ---- masquerade
at router conntrack -F 2>/dev/null
must_start --proto udp --ports $RANGE --udp-timeout 120
hold held h2 25000 $A1:7000
held=$PID to=$ENDPOINT
stream live h1 20010 $A1:7000
live=$PID
wait_for 5 eval '[ -n "$(binding_of udp 192.168.1.2:20010)" ]'
# all at once: the slice fills before anybody can look
out=$(at h1 "$PY" "$LAB_DIR/fullslice.py" burst $A1 200)
check_match "masquerade: nobody is cut off ($out)" "$out" "^200 of 200 answered"
ms=${out##*after }
check_num "masquerade: those that met the full slice get through soon ($out)" "${ms% ms}" -lt $((3000 * SLOW))
check_match "masquerade: new flows are masqueraded" "$(seen h2 26000 $A1:7000)" "^$EXT:"
check_eq "masquerade: conntrack says so" "$(conntrack_of udp 192.168.1.3:26000)" masquerade
check_not "masquerade: on a port that is not the slice's" \
	eval 'p=$(at router conntrack -L -p udp --orig-src 192.168.1.3 --orig-port-src 26000 2>/dev/null |
	sed "s/.*dport=//; s/ .*//"); [ "$p" -ge 20000 ] && [ "$p" -le 20063 ]'
check_match "masquerade: it is said" "$(cat "$T/einat")" "new flows go to masquerade until"
check_eq "masquerade: the claim is suspended" \
	"$(einat status -i wan --json | json "d[0]['claim'] if isinstance(d, list) else d.get('interfaces', [d])[0]['claim']")" suspended
check_eq "masquerade: a binding is served on" "$(send far 7777 "$to")" "$FAR 7777"
flood h1 300 2 >"$T/flood"
check_match "masquerade: a flood is answered ($(cat "$T/flood"))" "$(cat "$T/flood")" \
	"^0 told ; 300 answered"
full=$(stat_of out full)
seen h2 26001 $A1:7000 >/dev/null
check_eq "masquerade: suspended, no new flow meets the full slice" "$(stat_of out full)" "$full"
result=$(stream_end live "$live")
check_eq "masquerade: a stream lost" "$(json "d['lost']" <<<"$result")" 0
check_eq "masquerade: a stream's endpoints" "$(json "len(d['seen'])" <<<"$result")" 1
check_eq "masquerade: no packet left with a private source" "$(leaks)" 0
finish "$held"
check "masquerade: stop" stop_einat

# ---- below the low-water mark: what is idle expires, and the slice takes new flows again
# later SECONDS: the data plane's clock is set forward, by the switch that it has for tests
later() { ctl_word 8 $(($(cut -d. -f1 /proc/uptime) + $1)); }
at router conntrack -F 2>/dev/null
must_start --proto icmp --ports $RANGE
for i in $(seq 64); do
	at h1 ping -q -c 1 -W 1 -e $((21000 + i)) $A1 >/dev/null &
	[ $((i % 16)) != 0 ] || wait -n
done
wait_for 5 logged einat "new flows go to masquerade"
check "low water: suspended first" logged einat "new flows go to masquerade"
check "low water: ping from h2 works meanwhile" at h2 ping -q -c 1 -W $((2 * SLOW)) -e 22000 $A1
check "low water: a minute later, and two more for the ports to rest" later 183
check "low water: bindings expire, the slice takes flows again" \
	wait_for 5 logged einat "takes new icmp flows again"
at router conntrack -F 2>/dev/null
check "low water: ping works" at h1 ping -q -c 1 -W $((2 * SLOW)) -e 20001 $A1
check_eq "low water: by a binding" "$(binding_of icmp 192.168.1.2:20001)" "$EXT:20001"
check_eq "no packet left with a private source" "$(leaks)" 0
check "stop" stop_einat

# ---- nobody takes what the slice cannot
at router conntrack -F 2>/dev/null
at router nft delete table ip home
before=$(leaks)
must_start --proto udp --ports $RANGE --rest none
out=$(flood h1 100 2)
check_match "no rest: the slice is used to its last port ($out)" "$out" "; 6[0-4] answered"
check_num "no rest: what it cannot take is dropped" "$(stat_of out full)" -ge $((100 / SLOW))
check_eq "no rest: none of it left with a private source" "$(leaks)" "$before"
check "no rest: stop" stop_einat
finish_tests
