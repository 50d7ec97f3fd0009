#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A network behind another interface that is routed without NAT (a VPN site): einat leaves it alone,
# also when it hands flows back at its stop.
set -u
. "$(dirname "$0")/lab.sh"
lab_up
box site
wire router s0 site eth0
at router ip addr add 10.8.0.1/30 dev s0
at site ip addr add 10.8.0.2/30 dev eth0
at site ip addr add 10.9.0.5/32 dev lo
at site ip route add default via 10.8.0.1
at router ip route add 10.9.0.0/16 via 10.8.0.2
start server site "$PEER" serve 10.9.0.5
wait_for 5 logged server serving || die "server"
must_start --proto udp --ports 20000-29999
both="192.168.1.2:25555 $EXT:25555"
check_eq "one socket to the site and to the Internet" "$(seen h1 25555 10.9.0.5:7000 $A1:7000)" "$both"
check "stop" stop_einat
check "the flow to the Internet was handed back" logged einat "1 flow handed back"
check_eq "both see the same after the stop" "$(seen h1 25555 10.9.0.5:7000 $A1:7000)" "$both"
check_eq "no packet left with a private source" "$(leaks)" 0
finish_tests
