#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# When einat stops, or translates a prefix or IPv6 no more, answers are on their way: much of a download, or
# what a far host says late. Until the programs are off they are translated, and conntrack would
# take them for flows of their own, without NAT or with another port. The host's next packet may not be
# part of such a flow, and the host must not reset a connection for it. test_away.sh has another
# interface that takes over.
set -u
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/lab6.sh"
lab_up
lab6_up
at isp ip -6 route add 2001:db8:77::/48 via $EXT6 dev home
others6
# Without TCX einat uses a clsact qdisc, and the kernel stops a device for some milliseconds when that
# is removed: so there is one before, which stays.
at router "$PY" "$LAB_DIR/tcx.py" wan | grep -q 'ingress [0-9]' || at router tc qdisc add dev wan clsact
start web far socat "TCP4-LISTEN:8080,fork,reuseaddr" OPEN:/dev/zero
listens() { at "$1" ss -Hltn "sport = $2" | grep -q .; }
wait_for 5 listens far 8080
start late far "$PEER" late $FAR:7005
start late6 isp "$PEER" late $B1:7005
pair=fd00:1::/48=2001:db8:77::/48
port=20000

# packets that found a processor's backlog full, of the whole machine
overrun() { local n=0 word; while read -r _ word _; do n=$((n + 16#$word)); done </proc/net/softnet_stat; echo $n; }
# all streams have begun, and the download
all_begun()
{
	local n
	for n in 1 2 3; do
		logged long$n streaming && logged six$n streaming || return 1
	done
	[ "$(received)" -ge 1000000 ]
}
# flows: three of each family to a host that is far away, by one einat
flows()
{
	port=$((port + 10))
	overrun=$(overrun)
	for n in 1 2 3; do
		start long$n h$((n % 2 + 1)) "$PEER" stream --rate $LATE_RATE -b $((port + n)) $FAR:7005
		pids[n]=$PID
		start six$n h$((n % 2 + 1)) "$PEER" stream --rate $LATE_RATE -b $((port + 5 + n)) $B1:7005
		pids6[n]=$PID
	done
	start download h1 socat -u "TCP4:$FAR:8080,sourceport=$((port + 9))" OPEN:/dev/null
	download=$PID
	wait_for 5 all_begun
	pause 2 # answers come after 0.3 s
	check_num "a download has begun" "$(received)" -ge 1000000
	leaked="$(leaks) $(leaks6)"
}
received() { at h1 ss -Htni "sport = $((port + 9))" | sed -n 's/.*bytes_received:\([0-9]*\).*/\1/p' | grep . || echo 0; }
# judge NAME: masquerade serves what was of the prefix; what was of the slice keeps its endpoint
judge()
{
	local n before result
	before=$(received)
	pause 1
	check_num "$1: a download goes on" "$(received)" -gt $((before + 1000000))
	finish "$download"
	echo "# $1: packets dropped by overloaded processors: $(($(overrun) - overrun))"
	pause 2
	check_eq "$1: nothing leaves with an internal source" "$(leaks) $(leaks6)" "$leaked"
	for n in 1 2 3; do
		result=$(stream_end long$n "${pids[n]}")
		echo "# $1, flow $n: $result"
		check_eq "$1, flow $n: datagrams lost" "$(json "d['lost']" <<<"$result")" 0
		check_eq "$1, flow $n: endpoints" "$(json "len(d['seen'])" <<<"$result")" 1
		result=$(stream_end six$n "${pids6[n]}")
		check_match "$1, flow $n of the prefix: masquerade serves it" "$result" "2001:db8:77:ced1::.*$EXT6:$((port + 5 + n))"
	done
	at router conntrack -F 2>/dev/null
}

must_start --proto tcp,udp --ports 20000-29999 --nptv6 $pair
flows
check "stop" stop_einat
judge "stop"
check_not "nothing is left" has_traces

must_start --proto tcp,udp --ports 20000-29999 --nptv6 $pair
flows
kill -KILL "$EINAT_PID"
wait "$EINAT_PID" 2>/dev/null
check "einat stop, after a crash" at router "$EINAT" stop -i wan
judge "einat stop, after a crash"
check_not "nothing is left" has_traces

# one that was killed just while it handed flows back
leftover() { at router nft 'table inet einat_handover_wan { chain answers { type filter hook prerouting priority raw; iifname wan fib daddr type unicast notrack; }; }'; }
no_handover() { ! at router nft list tables | grep -q handover; }
leftover
check_not "a table of a stop is there" no_handover
must_start --proto tcp,udp --ports 20000-29999
check "the next start removes it" no_handover
stop_einat
leftover
at router "$EINAT" stop -i wan
check "einat stop removes it" no_handover

conf() { echo "interfaces = ( { interface = \"wan\"; $1 slices = ( { proto = [ \"tcp\", \"udp\" ]; ports = \"20000-29999\"; } ); } );" >"$T/einat.conf"; }
conf "nptv6 = \"$pair\";"
start einat router "$EINAT" run --config "$T/einat.conf"
EINAT_PID=$PID
wait_for 15 einat_settled
check "starts from a file" logged einat ready
flows
# Its answers come without pause; not of TCP: what a connection that breaks sends may be invalid to
# conntrack, and then leaves as it is with any masquerade. And so many flows of others that looking
# for the prefix's takes long: what its answers begin meanwhile is what would leak.
stream busy h1 20040 $B1:7000 --rate $((SLOW > 1 ? THIN : 3000))
busy=$PID
others=$((SLOW > 1 ? 3000 : 100000))
for ((i = 0; i < others; i++)); do
	echo "-A -p udp -s 2001:db8:5:$((i >> 8))::$((i & 255)) -d 2001:db8:6::1 --sport 9 --dport 9 -t 600"
done >"$T/others"
at router conntrack -R "$T/others" 2>/dev/null
check_num "a prefix is translated no more: there are many flows" "$(at router conntrack -C)" -ge $others
pause 0.5
conf ""
kill -HUP "$EINAT_PID"
begun=${EPOCHREALTIME/./}
check "a prefix is translated no more" wait_for 10 logged einat "read anew"
echo "# the reload took $(((${EPOCHREALTIME/./} - begun) / 1000)) ms"
stream_end busy "$busy" >/dev/null
judge "a prefix is translated no more"
check "stop" stop_einat

# ---- NAT66 ends by a reload, and masquerade goes on
start web6 isp socat "TCP6-LISTEN:8080,fork,reuseaddr" OPEN:/dev/zero
wait_for 5 listens isp 8080
conf "ipv6 = true;"
start einat router "$EINAT" run --config "$T/einat.conf"
EINAT_PID=$PID
wait_for 15 einat_settled
port=20100
start download h1 socat -u "TCP6:[$B1]:8080,sourceport=$((port + 9))" OPEN:/dev/null
download=$PID
pause 2
check_num "NAT66: a download has begun" "$(received)" -ge 1000000
conf ""
kill -HUP "$EINAT_PID"
check "NAT66 ends" wait_for 5 logged einat "read anew"
pause 1
before=$(received)
pause 1
check_num "NAT66 ends: a download goes on" "$(received)" -gt $((before + 1000000))
finish "$download"
check "NAT66 ends: the table of the handover is gone" no_handover
check "stop" stop_einat
check_not "nothing is left" has_traces
finish_tests
