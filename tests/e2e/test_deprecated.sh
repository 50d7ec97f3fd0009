#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The ISP renumbers: the old IPv6 address of the external interface is deprecated (preferred
# lifetime 0) for the hours that it is still valid. New bindings do not use it (RFC 6724 rule 3).
set -u
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/lab6.sh"
lab_up
lab6_up
for i in $(seq 10 25); do at h1 ip addr add fd00:1::$i/64 dev eth0 nodad; done
must_start --proto udp --ports 20000-29999 --ipv6
check_eq "before: h1's address" "$(seen h1 25001 $B1:7000)" "$EXT6:25001"
at router ip addr add 2001:db8::7/64 dev wan nodad
at router ip addr change $EXT6/64 dev wan preferred_lft 0 valid_lft 3600
port=25010
noticed() { port=$((port + 1)); [[ $(seen h1 $port $B1:7000) == 2001:db8::7:* ]]; }
check "it is noticed" wait_for 2 noticed
new() { local i n=0; for i in $(seq 10 25); do
	[[ $(at h1 "$PEER" send --host fd00:1::$i -b 25100 $B1:7000 seen --limit 0.5) == *2001:db8::7* ]] && n=$((n + 1))
done; echo $n; }
check_eq "after: new hosts on the preferred address" "$(new)" 16
check_match "after: a new endpoint of h1" "$(seen h1 25002 $B1:7000)" "^2001:db8::7:"
bindings | awk '{print $3}' | sed 's/:[0-9]*$//' | sort | uniq -c | sed 's/^/# /'
finish_tests
