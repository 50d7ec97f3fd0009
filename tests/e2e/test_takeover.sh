#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# After kill -9 the data plane goes on; a new start takes it over with every binding and loses no
# packet. Proven by two streams of numbered datagrams, one each side of the start.
# shellcheck disable=SC2034 # first and second are used as ${!name}
set -u
. "$(dirname "$0")/lab.sh"
lab_up
# a slow machine takes minutes for this: no binding may expire on the way
args=(--proto all --ports 20000-29999 --hairpin-if lan --forward udp:25050=192.168.1.2:6000
	--icmp-timeout 1h --udp-timeout 1h --tcp-close-timeout 1h)

must_start "${args[@]}"
for p in 25001 25002 25003 25004; do
	seen h1 $p $A1:7000 >/dev/null
	seen h2 $p $A1:7000 $A2:7000 >/dev/null
	tcp_seen h2 $p $A1:7000 >/dev/null
done
at h1 ping -q -c 1 -W $((2 * SLOW)) -e 25200 $A1 >/dev/null
stream first h1 25100 $A1:7000
first=$PID
stream second h2 25100 $FAR:7000
second=$PID
hold held h2 25101 $A1:7000
held=$PID to=$ENDPOINT
wait_for 5 eval '[ -n "$(binding_of udp 192.168.1.3:25100)" ]'
# those of the loop below come and go with it
old_bindings() { bindings | grep -v '192.168.1..:253'; }
old_bindings >"$T/bindings.before"
check_num "bindings to take over" "$(wc -l <"$T/bindings.before")" -ge 14

for round in 1 2 3; do
	kill -KILL "$EINAT_PID"
	wait "$EINAT_PID" 2>/dev/null
	check_eq "killed ($round): the data plane goes on" "$(seen h1 25001 $A2:7000)" "$EXT:25001"
	check_eq "killed ($round): a new binding can be made" "$(seen h1 $((25300 + round)) $A1:7000)" \
		"$EXT:$((25300 + round))"
	check_eq "killed ($round): strangers are let in" "$(send far 7777 "$to")" "$FAR 7777"
	must_start "${args[@]}"
	old_bindings >"$T/bindings.after"
	check "taken over ($round): bindings identical" same bindings.before bindings.after
	check_match "taken over ($round): one made meanwhile too" "$(bindings)" \
		"udp 192.168.1.2:$((25300 + round)) $EXT:$((25300 + round)) False"
	check_eq "taken over ($round): a new one works" "$(seen h2 $((25310 + round)) $A1:7000 $A2:7000)" \
		"$EXT:$((25310 + round)) $EXT:$((25310 + round))"
done
# a start that fails leaves the data plane of the killed einat in charge
for step in load attach nft hairpin; do
	kill -KILL "$EINAT_PID"
	wait "$EINAT_PID" 2>/dev/null
	at router env EINAT_FAIL_AT=$step timeout $((20 * SLOW)) "$EINAT" run -i wan "${args[@]}" >"$T/einat" 2>&1
	check_num "step $step fails at the take-over: exit status" $? -gt 0
	check_eq "step $step fails at the take-over: bindings serve" "$(send far 7777 "$to")" "$FAR 7777"
	check_match "step $step fails at the take-over: h1 is online" \
		"$(seen h1 25004 $A1:7000)" "^$EXT:"
	must_start "${args[@]}"
	old_bindings >"$T/bindings.after"
	check "step $step fails at the take-over: the next start has all bindings" \
		same bindings.before bindings.after
done
for name in first second; do
	result=$(stream_end $name "${!name}")
	check_num "$name stream: datagrams" "$(json "d['sent']" <<<"$result")" -gt $((1000 / SLOW))
	check_eq "$name stream: lost" "$(json "d['lost']" <<<"$result")" 0
	check_eq "$name stream: external endpoints" "$(json "len(d['seen'])" <<<"$result")" 1
done

# taken over with another plan: a binding that exists is served though the slice has shrunk
kill -KILL "$EINAT_PID"
wait "$EINAT_PID" 2>/dev/null
must_start --proto all --ports 20000-24999
check_eq "a binding outside the shrunk slice is still served" "$(send far 7778 "$to")" "$FAR 7778"
e=$(seen h1 25400 $A1:7000)
check "a new one is made inside ($e)" test "$(port_of "$e")" -le 24999
finish "$held"
check "stop" stop_einat

# taken over with more protocols, then with fewer: what exists is served on
must_start --proto udp --ports 20000-29999
hold held h2 26001 $A1:7000
held=$PID to=$ENDPOINT
stream moved h1 26002 $A1:7000
moved=$PID
wait_for 5 eval '[ -n "$(binding_of udp 192.168.1.2:26002)" ]'
bindings >"$T/bindings.before"
kill -KILL "$EINAT_PID"
wait "$EINAT_PID" 2>/dev/null
must_start --proto all --ports 20000-29999
bindings >"$T/bindings.after"
check "more protocols: bindings identical" same bindings.before bindings.after
check_eq "more protocols: strangers are let in" "$(send far 7777 "$to")" "$FAR 7777"
check_eq "more protocols: tcp is translated" "$(tcp_seen h1 26003 $A1:7000 $A2:7000)" \
	"$EXT:26003 $EXT:26003"
bindings >"$T/bindings.before"
kill -KILL "$EINAT_PID"
wait "$EINAT_PID" 2>/dev/null
must_start --proto udp --ports 20000-29999
bindings >"$T/bindings.after"
check "fewer protocols: bindings identical" same bindings.before bindings.after
tcp_seen h1 26004 $A1:7000 >/dev/null
check_eq "fewer protocols: new tcp is masqueraded" "$(conntrack_of tcp 192.168.1.2:26004)" masquerade
result=$(stream_end moved "$moved")
check_eq "a stream over both: lost" "$(json "d['lost']" <<<"$result")" 0
check_eq "a stream over both: external endpoints" "$(json "len(d['seen'])" <<<"$result")" 1
# a narrower one that fails half-way: the old claim must not outlive what served it
for step in attach nft; do
	must_start --proto udp,tcp
	kill -KILL "$EINAT_PID"
	wait "$EINAT_PID" 2>/dev/null
	at router env EINAT_FAIL_AT=$step timeout $((20 * SLOW)) "$EINAT" run -i wan --proto udp >"$T/einat" 2>&1
	check_match "narrower, fails at $step: tcp is online" "$(tcp_seen h1 28001 $A1:7000)" "^$EXT:"
	check_match "narrower, fails at $step: udp too" "$(seen h1 28002 $A1:7000)" "^$EXT:"
	check_eq "narrower, fails at $step: no packet left with a private source" "$(leaks)" 0
	einat stop -i wan --purge
done
must_start --proto udp
finish "$held"
check_eq "no packet left with a private source" "$(leaks)" 0
check "stop" stop_einat
check_not "nothing is left" has_traces
finish_tests
