#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# As test_takeover.sh, over IPv6: after kill -9 the data plane goes on, and a new start takes over its
# bindings and the conntrack entries of their flows, which are neither masqueraded nor deleted.
# shellcheck disable=SC2034 # the names of flows are used as ${!name}
set -u
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/lab6.sh"
lab_up
lab6_up
# another masquerade, which would take a flow that is not claimed any more
at router nft 'table ip6 home { chain postrouting { type nat hook postrouting priority srcnat; oifname "wan" ip6 saddr fc00::/7 masquerade; }; }'
args=(--proto all --ports 20000-29999 --ipv6 --icmp-timeout 1h --udp-timeout 1h --tcp-close-timeout 1h)
# entries PROTO PORT: conntrack's record of that flow of h1, without what time or traffic changes
entries()
{
	at router conntrack -L -f ipv6 -p "$1" --orig-src fd00:1::2 --orig-port-src "$2" -o id 2>/dev/null |
		grep -o 'src=.*' | sed 's/\[ASSURED\] //; s/ use=[0-9]*//'
}

must_start "${args[@]}"
for p in 25001 25002; do
	seen h1 $p $B1:7000 >/dev/null
	seen h2 $p $B1:7000 $B2:7000 >/dev/null
	tcp_seen h2 $p $B1:7000 >/dev/null
done
at h1 ping -6 -q -c 1 -W $((2 * SLOW)) -e 25200 $B1 >/dev/null
# thin: an emulated machine would be answering still when the stream has ended
stream udp h1 25100 $B1:7000 --rate $THIN
udp=$PID
start tcp h1 "$PEER" tcpstream -b 25101 $B1:7000
tcp=$PID
wait_for 5 logged tcp streaming
start echo h1 ping -6 -i 0.05 -e 25102 $B1
echo=$PID
wait_for 5 logged echo 'icmp_seq=1 '
hold held h2 25103 $B1:7000
held=$PID to=$ENDPOINT
bound() { [[ $(binding_of "$1" "[fd00:1::2]:$2") == *:$2 ]]; }
wait_for 5 bound udp 25100
wait_for 5 bound tcp 25101
old_bindings() { bindings | grep -v ']:253'; }
old_bindings >"$T/bindings.before"
check_num "bindings to take over" "$(wc -l <"$T/bindings.before")" -ge 10
udp_entry=$(entries udp 25100) tcp_entry=$(entries tcp 25101)
check_match "their flows are known to conntrack" "$udp_entry $tcp_entry" "id=.*id="
claimed()
{
	check_eq "$1: the UDP flow's entry is the same" "$(entries udp 25100)" "$udp_entry"
	check_eq "$1: the TCP flow's, too" "$(entries tcp 25101)" "$tcp_entry"
	check_eq "$1: no masquerade has taken part" "$(conntrack6_of udp fd00:1::2 25100)" untouched
}

for round in 1 2; do
	finish "$EINAT_PID" KILL
	check_eq "killed ($round): the data plane goes on" "$(seen h1 25001 $B2:7000)" "$EXT6:25001"
	check_eq "killed ($round): a new binding can be made" "$(seen h1 $((25300 + round)) $B1:7000)" \
		"$EXT6:$((25300 + round))"
	check_eq "killed ($round): strangers are let in" "$(send isp 7777 "$to")" "2001:db8::1 7777"
	must_start "${args[@]}"
	old_bindings >"$T/bindings.after"
	check "taken over ($round): bindings identical" same bindings.before bindings.after
	check_match "taken over ($round): one made meanwhile too" "$(bindings)" \
		"udp \[fd00:1::2\]:$((25300 + round)) \[$EXT6\]:$((25300 + round)) False"
	claimed "taken over ($round)"
	check_eq "taken over ($round): strangers are let in" "$(send isp 7778 "$to")" "2001:db8::1 7778"
done
# a start that fails leaves the data plane of the killed einat in charge
for step in attach nft; do
	finish "$EINAT_PID" KILL
	at router env EINAT_FAIL_AT=$step timeout $((20 * SLOW)) "$EINAT" run -i wan "${args[@]}" >"$T/einat" 2>&1
	check_num "step $step fails at the take-over: exit status" $? -gt 0
	check_eq "step $step fails at the take-over: bindings serve" "$(send isp 7779 "$to")" "2001:db8::1 7779"
	must_start "${args[@]}"
	claimed "step $step fails at the take-over"
done
stop_einat USR2
must_start "${args[@]}"
old_bindings >"$T/bindings.after"
check "handed over by SIGUSR2: bindings identical" same bindings.before bindings.after
claimed "handed over by SIGUSR2"

result=$(stream_end udp "$udp")
echo "# $result"
check_eq "UDP: lost of $(json "d['sent']" <<<"$result")" "$(json "d['lost']" <<<"$result")" 0
check_eq "UDP: external endpoints" "$(json "' '.join(d['seen'])" <<<"$result")" "$EXT6:25100"
result=$(stream_end tcp "$tcp")
check_eq "TCP: lost of $(json "d['sent']" <<<"$result")" "$(json "d['lost'], d['why']" <<<"$result")" "(0, None)"
check_eq "TCP: external endpoint" "$(json "' '.join(d['seen'])" <<<"$result")" "$EXT6:25101"
finish "$echo" INT
check_match "queries: lost" "$(tail -n 3 "$T/echo")" " 0% packet loss"
finish "$held"
check_eq "no packet left with a unique local source" "$(leaks6)" 0
check "stop" stop_einat
check_not "nothing is left" has_traces
finish_tests
