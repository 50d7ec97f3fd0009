#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Fragments in any order (RFC 4787 REQ-14), both directions, and under a flood of fragments whose
# first one never comes, or the others do not. Called as test_fragments_v6.sh: over IPv6.
set -u
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/lab6.sh"
lab_up
S1=$A1 S2=$A2 OUT=$EXT IN=192.168.1.2 LISTED=192.168.1.2:25002 V6=
case $0 in
*_v6*.sh)
	lab6_up
	S1=$B1 S2=$B2 OUT=$EXT6 IN=fd00:1::2 LISTED="[fd00:1::2]:25002" V6=--ipv6
	;;
esac
# on a slow machine the test takes longer than five minutes, and what only listens would be forgotten
must_start $V6 --proto all --ports 20000-29999 --udp-timeout 3600

FRAG=$LAB_DIR/fragments.py
start sink h1 "$FRAG" sink 25001 $S1
sink=$PID
wait_for 5 test -s "$T/sink"
to=$(head -n 1 "$T/sink")
check_eq "the binding" "$to" "$OUT:25001"
# inbound NAME SIZE ORDER ID [OPTION...]: it arrives whole; in how many ms
inbound()
{
	local begun=${EPOCHREALTIME/./} n
	n=$(grep -c " $2 right" "$T/sink")
	at isp "$FRAG" send "${@:5}" "$S2:4444" "$to" "$2" "$3" "$4"
	if wait_for 2 eval '[ "$(grep -c " '"$2"' right" "$T/sink")" -gt '"$n"' ]'; then
		ok "$1: arrives ($((${EPOCHREALTIME/./} - begun)) us, the sender's start included)"
	else
		not_ok "$1: arrives"
		tail -n 3 "$T/sink" | sed 's/^/#   /'
	fi
}
inbound "in order" 4000 0,1,2 100
late=$(stat_of out late-fragment)
check_eq "in order: nothing was late" "$late" 0
inbound "second first" 2500 1,0 101
check_num "second first: it was sent in again" "$(stat_of out late-fragment)" -ge 1
inbound "reverse order" 6000 reverse 102
inbound "last one first" 6001 last 103
inbound "mixed" 8000 3,0,5,1,4,2 104
inbound "reverse order, 100 ms between them" 4001 reverse 105 --gap 100
inbound "64 KB in reverse order" 60000 reverse 106
inbound "a second datagram of that identification" 60001 reverse 106
check_eq "no datagram came with wrong bytes" "$(grep -c wrong "$T/sink")" 0

# what a binding does not want stays netfilter's, also out of order
at router conntrack -F 2>/dev/null
cat >"$T/masq.py" <<'END'
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM)
s.bind(("", 5000))
s.sendto(b"seen", (sys.argv[1], 7000))
print(s.recv(100).decode().replace(" ", ":"), flush=True)
print("got", len(s.recv(65536)), flush=True)
END
whose=c1 # it is masqueraded
[ -z "$V6" ] || whose=router # its own flow
start masq $whose "$PY" "$T/masq.py" $S1
masq=$PID
wait_for 5 test -s "$T/masq"
at isp "$FRAG" send "$S1:7000" "$(head -n 1 "$T/masq")" 5000 reverse 110
check "fragments of a flow that is not einat's arrive in reverse order" wait_for 3 logged masq "got 5000"
finish "$masq"

# outwards: conntrack puts them together, and the kernel sends them in order
unknown=$(stat_of out fragment-guard)
start out isp "$PY" -c "
import socket
s = socket.socket(socket.AF_INET6 if ':' in '$S2' else socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('$S2', 4444))
print('bound', flush=True)
while True:
    d, p = s.recvfrom(65536)
    print(len(d), p[0], p[1], all(b == (d[0] + i * 7) & 255 for i, b in enumerate(d)), flush=True)"
out=$PID
wait_for 5 logged out bound
at h1 "$FRAG" send $IN:25001 "$S2:4444" 6000 reverse 120
at h1 "$FRAG" send $IN:25001 "$S2:4444" 6100 1,3,0,2,4 121
check "outwards in reverse order" wait_for 3 logged out "6000 $OUT 25001 True"
check "outwards mixed" wait_for 3 logged out "6100 $OUT 25001 True"
check_eq "outwards: none came late to the data plane" "$(stat_of out fragment-guard)" "$unknown"
finish "$out"

# ---- a flood of later fragments from many sources, each of a datagram of its own, from one, and of
# first ones to the binding, each of which is noted (there is room for 4,096 notes)
# The router's kernel holds what it cannot reassemble, 4 MB of it unless told otherwise; then it takes
# no new datagram of anybody. Not einat's doing: out of the way here. 5.10 lets no namespace raise the
# limit of IPv6: there the flood stays below it.
most=1000000
at router sysctl -qw net.ipv4.ipfrag_high_thresh=134217728
at router sysctl -qw net.netfilter.nf_conntrack_frag6_high_thresh=134217728 2>/dev/null || [ -z "$V6" ] || most=600
rss() { awk '/VmRSS/ { print $2 }' "/proc/$EINAT_PID/status"; }
before=$(rss)
rounds=20 id=200 # of each datagram its own: a note of an earlier one would do
[ "$SLOW" = 1 ] || rounds=10 # each takes long there
for kind in many one first; do
	stream live h1 25002 $S1:7000
	live=$PID
	wait_for 5 eval '[ -n "$(binding_of udp "$LISTED")" ]'
	start flood isp "$FRAG" flood "$to" 3 $kind $most
	flood=$PID
	got=0
	for i in $(seq $rounds); do
		n=$(grep -c " 2600 right" "$T/sink")
		at isp "$FRAG" send "$S2:4444" "$to" 2600 0,1 $((id += 1))
		wait_for 1 eval '[ "$(grep -c " 2600 right" "$T/sink")" -gt '"$n"' ]' && got=$((got + 1))
	done
	late=0
	for i in $(seq 10); do
		n=$(grep -c " 2700 right" "$T/sink")
		at isp "$FRAG" send "$S2:4444" "$to" 2700 1,0 $((id += 1))
		wait_for 1 eval '[ "$(grep -c " 2700 right" "$T/sink")" -gt '"$n"' ]' && late=$((late + 1))
	done
	wait "$flood"
	check_num "flood, $kind: fragments sent: $(cat "$T/flood")" "$(cat "$T/flood")" -ge $((most < 1000 / SLOW ? most : 1000 / SLOW))
	result=$(stream_end live "$live")
	check_num "flood, $kind: a stream, datagrams" "$(json "d['sent']" <<<"$result")" -ge $((1000 / SLOW))
	check_eq "flood, $kind: a stream lost" "$(json "d['lost']" <<<"$result")" 0
	check_eq "flood, $kind: fragmented datagrams in order arrive" "$got" $rounds
	check_num "flood, $kind: of those out of order, too ($late of 10)" "$late" -ge 5
done
check_num "the daemon's memory grew by less than 2 MB ($before to $(rss) kB)" $(($(rss) - before)) -lt 2048
# of the 300 hundredths of a second that a busy one would take
ticks() { awk '{ print $14 + $15 }' "/proc/$EINAT_PID/stat"; }
begun=$(ticks)
sleep 3
check_num "what was held is let go: the daemon rests" $(($(ticks) - begun)) -le $((SLOW < 6 ? 15 * SLOW : 90))

# ---- fragments that are larger than most links': on a device of its own, whose MTU can be set
mtu()
{
	at router ip link set "wan${LAB_VLAN:+0}" mtu "$1" && at isp ip link set "home${LAB_VLAN:+0}" mtu "$1" &&
		at router ip link set wan mtu "$1" && at isp ip link set home mtu "$1" &&
		at router ip link set p-h1 mtu "$1" && at h1 ip link set eth0 mtu "$1" &&
		at router ip link set lan mtu "$1"
}
if [ -z "$LAB_TUN" ]; then
	check "MTU 65535" mtu 65535
	inbound "fragments of 9 KB in reverse order" 60002 reverse 400 --part 8960
	inbound "fragments of 30 KB in reverse order" 60003 reverse 401 --part 30000
	check_eq "no datagram came with wrong bytes" "$(grep -c wrong "$T/sink")" 0
fi
finish "$sink"
[ -z "$V6" ] || check_eq "no packet left with a unique local source" "$(leaks6)" 0
check_eq "no packet left with a private source" "$(leaks)" 0
check "stop" stop_einat
finish_tests
