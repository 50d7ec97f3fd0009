#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Nothing is stolen: masqueraded flows, published ports and local sockets inside the slice go on
# and their ports are given to no binding.
set -u
. "$(dirname "$0")/lab.sh"
lab_up

# Without TCX einat uses a clsact qdisc, and the kernel stops a device for some milliseconds when it
# gets one: what is sent then is lost, whoever adds it. So it is there before the stream begins.
at router "$PY" "$LAB_DIR/tcx.py" wan | grep -q 'ingress [0-9]' || at router tc qdisc add dev wan clsact

# A flow that masquerade put on a slice port, a TCP one too, and two sockets of the router.
stream masked h1 25001 $A1:7000
masked=$PID
start early router "$PEER" hold -b 25003 $A1:7000
early=$PID
wait_for 5 test -s "$T/early"
start listener router socat TCP-LISTEN:25005,fork,reuseaddr SYSTEM:'echo router'
start echoer c1 "$PEER" hold -b 5000 $A1:7000
wait_for 5 test -s "$T/echoer"
wait_for 5 eval 'at router ss -Hltn src :25005 | grep -q .'

must_start --proto all --ports 20000-29999
start late router "$PEER" hold -b 25004 $FAR:7001
late=$PID
wait_for 5 test -s "$T/late"

no_binding=$(stat_of in no-binding)
e=$(seen h2 25001 $A1:7000 $A2:7000 $FAR:7000)
check "h2 from the masqueraded flow's port gets one endpoint ($e)" same_endpoint "$e"
check "in the slice" in_slice "$e"
check_not "but not that port" test "$(port_of "$e")" = 25001

e=$(seen h1 25000 $A1:7000)
check_eq "a published port inside the slice answers" "$(send far 7100 $EXT:25000)" "$FAR 7100"
check "a host that uses its number is in the slice ($e)" in_slice "$e"
check_not "but not on it" test "$(port_of "$e")" = 25000
e=$(seen h1 25003 $A1:7000 $A2:7000)
check_eq "a local socket inside the slice answers" "$(send far 7101 $EXT:25003)" "$FAR 7101"
check "a host that uses its number has one endpoint ($e)" same_endpoint "$e"
check "in the slice" in_slice "$e"
check_not "but not on it" test "$(port_of "$e")" = 25003
e=$(seen h1 25004 $A1:7000)
check_eq "a socket that was opened after the start answers" "$(send far 7102 $EXT:25004)" "$FAR 7102"
check "a host that uses its number is in the slice ($e)" in_slice "$e"
check_not "but not on it" test "$(port_of "$e")" = 25004
check_eq "a local TCP service inside the slice answers" \
	"$(at far socat -t 5 -T 5 - TCP:$EXT:25005 </dev/null)" router
e=$(tcp_seen h1 25005 $A1:7000)
check "a host that uses its number is in the slice ($e)" in_slice "$e"
check_not "but not on it" test "$(port_of "$e")" = 25005

check_num "packets without a binding were passed on" "$(stat_of in no-binding)" -gt "$no_binding"
check_eq "the router's own socket keeps its port outwards" "$(head -n 1 "$T/early")" "$EXT:25003"
result=$(stream_end masked "$masked")
check_eq "the masqueraded flow lost none of $(json "d['sent']" <<<"$result") packets" "$(json "d['first_lost']" <<<"$result")" "[]"
check_eq "and kept its external endpoint" "$(json "' '.join(d['seen'])" <<<"$result")" "$EXT:25001"
check_num "it was a stream" "$(json "d['sent']" <<<"$result")" -gt $((500 / SLOW))
check_eq "it stayed with masquerade" \
	"$(conntrack_of udp 192.168.1.2:25001 | grep -c masquerade)" 1
finish "$early"
finish "$late"
check_eq "no packet left with a private source" "$(leaks)" 0
check "stop" stop_einat
check_eq "the published port answers after the stop" "$(send far 7103 $EXT:25000)" "$FAR 7103"
finish_tests
