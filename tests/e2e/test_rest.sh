#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The rest: what is not in the slice is NATed by nftables; --rest, --forward, --internal.
set -u
. "$(dirname "$0")/lab.sh"
lab_up
rest_of() { einat status --json | json "d['interfaces'][0]['rest']"; }

# ---- others masquerade: guard
must_start --proto udp --ports 20000-29999 --exclude-dest $FAR/32
check_eq "auto is guard where others masquerade" "$(rest_of)" guard
translated=$(stat_of out translated)
e=$(tcp_seen h1 25001 $A1:7000)
check_eq "tcp is masqueraded while udp is the slice" "$(conntrack_of tcp 192.168.1.2:25001)" masquerade
check_eq "tcp keeps a port that is a slice port for udp alone" "$e" "$EXT:25001"
check "icmp works" at h1 ping -q -c 1 -W $((2 * SLOW)) $A1
check_eq "einat translated none of it" "$(stat_of out translated)" "$translated"
e=$(seen c1 25002 $A1:7000)
check_eq "the container, named by a foreign rule, is masqueraded" \
	"$(conntrack_of udp 172.17.0.2:25002)" masquerade
check_not "on no port of the slice ($e)" in_slice "$e"
check_match "but online" "$e" "^$EXT:"
e=$(seen h1 25003 $FAR:7000)
check_eq "an excluded destination is masqueraded" "$(conntrack_of udp 192.168.1.2:25003)" masquerade
check_not "on no port of the slice ($e)" in_slice "$e"
check "while another destination of the same socket's port is translated" \
	test "$(seen h1 25003 $A1:7000)" = "$EXT:25003"
check_match "status warns of the subnet that stays with masquerade" \
	"$(einat status --json | json "d['interfaces'][0]['warnings']")" 172.17.0.0/16
check "stop" stop_einat

# ---- the container in the slice, by name
must_start --proto udp --internal 172.17.0.0/16,192.168.1.3
e=$(seen c1 25012 $A1:7000 $FAR:7000)
check "--internal moves the container into the slice ($e)" same_endpoint "$e"
check_eq "its port is kept" "$(port_of "$e")" 25012
check_eq "no masquerade for it" "$(conntrack_of udp 172.17.0.2:25012)" untouched
check_eq "h1, not named, is in the rest" "$(seen h1 25013 $A1:7000 >/dev/null
	conntrack_of udp 192.168.1.2:25013)" masquerade
check_eq "h2, named, is in the slice" "$(seen h2 25014 $A1:7000)" "$EXT:25014"
check "stop" stop_einat

# ---- nobody masquerades: own
at router nft delete table ip home
must_start --proto udp --ports 20000-29999
check_eq "auto is own where nobody masquerades" "$(rest_of)" own
check_eq "tcp is masqueraded by einat's table" "$(tcp_seen h1 25021 $A1:7000 >/dev/null
	conntrack_of tcp 192.168.1.2:25021)" masquerade
check_eq "udp is in the slice" "$(seen h1 25022 $A1:7000)" "$EXT:25022"
check_eq "leaks" "$(leaks)" 0
check "stop" stop_einat
must_start --proto udp --rest own --exclude-dest $FAR
e=$(seen h1 25031 $FAR:7000)
check "own: what is excluded is masqueraded outside the slice ($e)" \
	eval "[[ '$e' == $EXT:* ]] && ! in_slice '$e'"
check "stop" stop_einat
must_start --proto udp --rest guard
check_eq "--rest guard is obeyed" "$(rest_of)" guard
check_match "guard moves what would land on a slice port" "$(einat_rules)" "masquerade to :"
check_not "and masquerades nothing else" eval "einat_rules | grep -E 'masquerade *$'"
check "stop" stop_einat
must_start --proto udp --rest none
check_eq "--rest none is obeyed" "$(rest_of)" none
check_not "none writes no masquerade" eval "einat_rules | grep -q masquerade"
check_eq "the slice works" "$(seen h1 25041 $A1:7000)" "$EXT:25041"
check "stop" stop_einat

# ---- forwards
must_start --proto udp --ports 20000-29999 --forward udp:25050=192.168.1.2:6000 \
	--forward tcp:8081=192.168.1.2:7000,udp:9000=192.168.1.3:6000
check_match "inside the slice a forward is a static binding" "$(bindings)" \
	"udp 192.168.1.2:6000 $EXT:25050 True"
start server h1 "$PEER" serve 192.168.1.2
wait_for 5 logged server serving
start held h1 "$PEER" hold -b 6000 $A1:7000
wait_for 5 test -s "$T/held"
check_eq "and used by the host's own calls" "$(head -n 1 "$T/held")" "$EXT:25050"
check_eq "it is reachable from outside" "$(send far 7500 $EXT:25050)" "$FAR 7500"
check_match "einat translated it inwards, conntrack saw no DNAT" \
	"$(at router conntrack -L -p udp --orig-src $FAR --orig-port-src 7500 2>/dev/null)" \
	"src=$FAR dst=192.168.1.2 sport=7500 dport=6000"
check_match "outside the slice a forward is DNAT" "$(tcp_seen far 7501 $EXT:8081)" "^$FAR:7501$"
start held2 h2 "$PEER" hold -b 6000 $A1:7000
wait_for 5 test -s "$T/held2"
check_eq "for udp too" "$(send far 7502 $EXT:9000)" "$FAR 7502"
check "stop" stop_einat

# ---- no helper program
start straced router strace -f -qq -e trace=execve -o "$T/execs" "$EINAT" run -i wan --proto udp \
	--hairpin-if lan
wait_for 15 logged straced ready
check "einat runs without starting any program" test "$(grep -c execve "$T/execs")" = 1
einat stop -i wan >/dev/null
wait_for 10 gone "$PID"
check_eq "nor to stop" "$(grep -c execve "$T/execs")" 1
check_not "nothing is left" has_traces
check_eq "no packet left with a private source" "$(leaks)" 0
finish_tests
