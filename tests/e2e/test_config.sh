#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# --config: one interface with two slices, each with sources, protocols and ports of its own.
set -u
. "$(dirname "$0")/lab.sh"
lab_up
cat >"$T/einat.conf" <<'END'
# two slices on one address
interfaces = (
	{
		interface = "wan";
		hairpin-if = "lan";
		rest = "auto";
		slices = (
			{ proto = "udp"; ports = "20000-24999"; },
			{ proto = [ "tcp", "udp" ]; ports = "30000-30999"; internal = "192.168.1.3/32"; }
		);
	}
);
END
start einat router "$EINAT" run --config "$T/einat.conf"
# shellcheck disable=SC2034 # used by lab.sh
EINAT_PID=$PID
wait_for 15 einat_settled
check "starts from a file" logged einat ready
logged einat ready || finish_tests
e=$(seen h1 22001 $A1:7000 $A2:7000)
check_eq "first slice: h1's udp" "$e" "$EXT:22001 $EXT:22001"
e=$(seen h1 30001 $A1:7000)
check "h1 gets no port of the second slice ($e)" test "$(port_of "$e")" -le 24999
e=$(tcp_seen h2 30002 $A1:7000 $A2:7000)
check_eq "second slice: h2's tcp" "$e" "$EXT:30002 $EXT:30002"
check_eq "translated by einat" "$(conntrack_of tcp 192.168.1.3:30002)" untouched
tcp_seen h1 30003 $A1:7000 >/dev/null
check_eq "h1's tcp is in no slice" "$(conntrack_of tcp 192.168.1.2:30003)" masquerade
check_match "status names both slices" "$(einat status --json |
	json "sorted(s['ports'] for s in d['interfaces'][0]['slices'])")" \
	"^\['20000-24999', '30000-30999'\]$"
hold target h2 30010 $A1:7000
check_match "hairpin covers the second slice" "$(send h1 22010 "$ENDPOINT")" "^$EXT [0-9]+$"
check_eq "no packet left with a private source" "$(leaks)" 0
check "stop" stop_einat
sed 's/^);/, { interface = "wwan0"; } );/' "$T/einat.conf" >"$T/two.conf"
check "plan of a file with an interface that is not there yet" eval \
	'einat plan --config "$T/two.conf" | grep -x "# wwan0: there is no such interface now; run waits for it"'
check_not "nothing is left" has_traces

# rules know an interface by its name alone: all that is not in the slice would leave as it is
at router ip link property add dev wan altname uplink
at router "$EINAT" run -i uplink >"$T/uplink" 2>&1
check_eq "an alternative name is refused" $? 1
check "with the name to give" logged uplink '-i wan'
finish_tests
