#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A static forward that is added while running stands on the first external address: a binding of
# another host on the same port of another address is not in its way. And what else its own host sends
# has the same address (RFC 4787 REQ-2).
set -u
. "$(dirname "$0")/lab.sh"
lab_up
E2=203.0.113.3
at router ip addr add $E2/24 dev wan
for i in $(seq 10 25); do at h1 ip addr add 192.168.1.$i/24 dev eth0; done
conf() { echo "interfaces = ( { interface = \"wan\"; $1 slices = ( { proto = \"all\"; ports = \"20000-29999\"; } ); } );" >"$T/einat.conf"; }
conf ""
start_einat --config "$T/einat.conf" || die "einat: $(cat "$T/einat")"
src=
for i in $(seq 10 25); do
	[[ $(at h1 "$PEER" send --host 192.168.1.$i -b 21001 $A1:7000 seen) == $E2* ]] && src=192.168.1.$i
done
start two h1 "$PEER" hold --host "$src" -b 22002 $A1:7000
wait_for 6 test -s "$T/two"
check_eq "a host on the second address keeps its port" "$(head -n 1 "$T/two")" "$E2:22002"
check_eq "before: reached from outside" "$(send far 7701 $E2:22002)" "$FAR 7701"
conf 'forward = ( "udp:22002=192.168.1.3:9" );'
kill -HUP "$EINAT_PID"
wait_for 5 logged einat "read anew"
check_match "the forward is there, on the first address" "$(bindings)" "192.168.1.3:9 $EXT:22002 True"
check_eq "a forward on the first address: still reached from outside" "$(send far 7702 $E2:22002)" "$FAR 7702"
for i in 30 31 32 33 34 35; do at h1 ip addr add 192.168.1.$i/24 dev eth0; done
conf "forward = ( $(for i in 30 31 32 33 34 35; do printf '"udp:230%s=192.168.1.%s:9", ' $i $i; done) \"udp:22002=192.168.1.3:9\" );"
kill -HUP "$EINAT_PID"
forwards() { [ "$(bindings | grep -c True)" = 7 ]; }
check "a forward to each of six more hosts" wait_for 5 forwards
others=$(for i in 30 31 32 33 34 35; do at h1 "$PEER" send --host 192.168.1.$i -b 21001 $A1:7000 seen; done | sed 's/ .*//' | sort | uniq -c)
check_eq "all else that they send has the forward's address" "$(echo $others)" "6 $EXT"
finish_tests
