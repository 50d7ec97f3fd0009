#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Taking over the data plane of another version of einat: from one that is known, every binding is
# copied; one that is not known is replaced, and flows go on with bindings made anew. The map "ctl"
# says which version it is, so here the maps are of this one and only say otherwise.
set -u
. "$(dirname "$0")/lab.sh"
lab_up
args=(--proto all --ports 20000-29999 --forward udp:25050=192.168.1.2:6000)

must_start "${args[@]}"
abi=$(ctl_word 0)
seen h1 5001 $A1:7000 $A2:7000 >/dev/null
tcp_seen h2 25002 $A1:7000 >/dev/null
stream steady h1 25100 $A1:7000
steady=$PID
hold held h2 25101 $A1:7000
held=$PID to=$ENDPOINT
wait_for 5 eval '[ -n "$(binding_of udp 192.168.1.2:25100)" ]'
bindings >"$T/bindings.before"
check_num "bindings to take over" "$(wc -l <"$T/bindings.before")" -ge 5

kill -KILL "$EINAT_PID"
wait "$EINAT_PID" 2>/dev/null
check_eq "the data plane says: the version before" "$(ctl_word 0 $((abi - 1)))" $((abi - 1))
must_start "${args[@]}"
bindings >"$T/bindings.after"
check "known version: bindings identical" same bindings.before bindings.after
check_eq "known version: the data plane is of the new one" "$(ctl_word 0)" "$abi"
check_eq "known version: strangers are let in" "$(send far 7777 "$to")" "$FAR 7777"
check_not "known version: nothing is said of loss" logged einat "bindings are lost"
result=$(stream_end steady "$steady")
check_eq "known version: a stream lost" "$(json "d['lost']" <<<"$result")" 0
check_eq "known version: its endpoints" "$(json "len(d['seen'])" <<<"$result")" 1

stream steady h1 25100 $A1:7000
steady=$PID
wait_for 5 eval '[ "$(wc -l <"$T/steady")" -ge 1 ]'
kill -KILL "$EINAT_PID"
wait "$EINAT_PID" 2>/dev/null
check_eq "the data plane says: version 4711" "$(ctl_word 0 4711)" 4711
must_start "${args[@]}"
check "unknown version: the loss of bindings is said" logged einat "bindings are lost"
check_eq "unknown version: h1 is online" "$(seen h1 25001 $A1:7000 $A2:7000)" "$EXT:25001 $EXT:25001"
check_eq "unknown version: h2's binding is made anew" "$(seen h2 25102 $A1:7000)" "$EXT:25102"
wait_for 3 eval '[ -n "$(binding_of udp 192.168.1.2:25100)" ]'
result=$(stream_end steady "$steady")
check_num "unknown version: a stream goes on, of $(json "d['sent']" <<<"$result") datagrams lost" \
	"$(json "d['lost']" <<<"$result")" -le $(($(json "d['sent']" <<<"$result") / 10))
check_eq "no packet left with a private source" "$(leaks)" 0
finish "$held"
check "stop" stop_einat
check_not "nothing is left" has_traces
finish_tests
