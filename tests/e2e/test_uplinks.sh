#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Two external interfaces in one configuration file, one process: each with its own slices, its own
# bindings and its own rest; ending one leaves the other as it is.
set -u
. "$(dirname "$0")/lab.sh"
lab_up
second_uplink
at router ip route add 198.51.100.0/24 via 192.0.2.1
cat >"$T/einat.conf" <<'END'
interfaces = (
	{ interface = "wan"; hairpin-if = "lan"; slices = ( { proto = "udp"; ports = "20000-24999"; } ); },
	{ interface = "wan2"; hairpin-if = "lan"; slices = ( { proto = "udp,tcp"; ports = "30000-34999"; } ); }
);
END
start einat router "$EINAT" run --config "$T/einat.conf"
EINAT_PID=$PID
both_ready() { logged einat "wan: ready" && logged einat "wan2: ready"; }
check "both start" wait_for 15 both_ready
check_eq "through wan" "$(seen h1 22001 $A1:7000 $A2:7000)" "$EXT:22001 $EXT:22001"
check_eq "through wan2, from another port" "$(seen h1 32001 $FAR:7000)" "$EXT2:32001"
check_eq "tcp through wan2" "$(tcp_seen h1 32002 $FAR:7000)" "$EXT2:32002"
check_eq "is einat's" "$(conntrack_of tcp 192.168.1.2:32002)" untouched
tcp_seen h1 22003 $A1:7000 >/dev/null
check_eq "tcp through wan is masqueraded" "$(conntrack_of tcp 192.168.1.2:22003)" masquerade
check_eq "status shows the rest of each" "$(einat status --json |
	json "' '.join(i['interface'] + ':' + i['rest'] for i in d['interfaces'])")" "wan:guard wan2:own"
hold held h2 32010 $FAR:7000
check_eq "an endpoint on wan2" "$ENDPOINT" "$EXT2:32010"
check_match "hairpin over wan2" "$(send h1 32011 "$ENDPOINT")" "^$EXT2 [0-9]+$"
held=$PID to=$ENDPOINT
hold other h2 22010 $A1:7000
check_match "hairpin over wan" "$(send h1 22011 "$ENDPOINT")" "^$EXT [0-9]+$"

check "einat stop -i wan2" einat stop -i wan2
check_eq "wan goes on" "$(seen h1 22020 $A1:7000 $A2:7000)" "$EXT:22020 $EXT:22020"
check_match "and its hairpin" "$(send h1 22012 "$ENDPOINT")" "^$EXT [0-9]+$"
check_eq "status shows wan alone" "$(einat status --json |
	json "' '.join(i['interface'] for i in d['interfaces'])")" wan
check_not "no table of wan2 is left" at router nft list table inet einat_wan2
finish "$held"
kill -HUP "$EINAT_PID"
wan2_again() { [ "$(einat status -i wan2 --json | json "d['interfaces'][0]['claim']")" = active ]; }
check "SIGHUP starts it again, as the file says" wait_for 5 wan2_again
check_eq "through wan2 again" "$(seen h1 32021 $FAR:7000)" "$EXT2:32021"
# restarted while one of them is away, as during an upgrade with one line down
hold kept h1 22030 $A1:7000
kill -USR2 "$EINAT_PID"
wait_for 5 gone "$EINAT_PID"
at router ip link del wan2
start einat router "$EINAT" run --config "$T/einat.conf"
EINAT_PID=$PID
check "starts without wan2" wait_for 10 logged einat "wan: ready"
check "and says that it waits for it" logged einat "wan2: there is no such interface yet"
check_eq "wan's bindings are kept" "$(binding_of udp 192.168.1.2:22030)" "$EXT:22030"
wire router wan2 isp home2
at router ip addr add $EXT2/24 dev wan2
at isp ip addr add 192.0.2.1/24 dev home2
at router ip route add 198.51.100.0/24 via 192.0.2.1
check "wan2 is served once it is there" wait_for 5 wan2_again
check_eq "through wan2 again" "$(seen h1 32031 $FAR:7000)" "$EXT2:32031"
check_eq "no packet left with a private source" "$(leaks)" 0
check "stop" stop_einat
check_not "nothing is left" has_traces
finish_tests
