#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Hairpin: one LAN host reaches another by the external address and port; nothing else is bent.
set -u
. "$(dirname "$0")/lab.sh"
lab_up
start echoer c1 "$PEER" hold -b 5000 $A1:7000
start service router "$PEER" hold --host $EXT -b 9100 $A1:7000
start inside router "$PEER" hold --host $EXT -b 25003 $A1:7000
wait_for 5 test -s "$T/echoer" -a -s "$T/service" -a -s "$T/inside"

must_start --proto udp,tcp --ports 20000-29999
hold target h2 25009 $A1:7000
target=$PID to=$ENDPOINT
check_match "without --hairpin-if no answer comes from the external address" \
	"$(send h1 25011 "$to" --limit 0.3)" "^(none|refused)$"
finish "$target"
check "stop" stop_einat

must_start --ports 20000-29999 --hairpin-if lan,lo
hold target h2 25010 $A1:7000
target=$PID to=$ENDPOINT
hairpins=$(stat_of out hairpin)
answer=$(send h1 25011 "$to")
check_eq "h1 reaches h2, who sees the external address and port" "$answer" "$EXT 25011"
check_num "einat turned it around" "$(stat_of out hairpin)" -gt "$hairpins"
check_eq "h2 reaches itself" "$(send h2 25012 "$to")" "$EXT 25012"
check_eq "h1's port is the same towards a remote" "$(seen h1 25011 $A1:7000)" "$EXT:25011"
check_match "the router itself reaches h2" "$(send router 26001 "$to")" "^[0-9.]+ [0-9]+$"
check_eq "a remote host reaches h2 as before" "$(send far 7300 "$to")" "$FAR 7300"

hold tcptarget h2 25020 $A1:7000 tcphold
tcptarget=$PID tcpto=$ENDPOINT
check_eq "tcp: h1 reaches h2, who sees the external address and port" \
	"$(tcp_seen h1 25021 "$tcpto")" "$EXT:25021"
check_eq "tcp: four connections in a row" "$(for i in 1 2 3 4; do
	tcp_seen h1 $((25030 + i)) "$tcpto"; done | grep -c "^$EXT:2503")" 4

for f in 1 2 0; do
	at router sysctl -qw net.ipv4.conf.all.rp_filter=$f net.ipv4.conf.wan.rp_filter=$f \
		net.ipv4.conf.lan.rp_filter=$f
	check_eq "with rp_filter $f" "$(send h1 25013 "$to")" "$EXT 25013"
done

check_eq "a published port inside the slice, from the LAN" "$(send h1 25014 $EXT:25000)" \
	"192.168.1.2 25014"
check_eq "a local service outside the slice, from the LAN" "$(send h1 25015 $EXT:9100)" \
	"192.168.1.2 25015"
check_match "a local socket inside the slice, from the LAN" "$(send h1 25016 $EXT:25003)" \
	"^[0-9.]+ 25016$"
check_match "a slice port without a binding is refused or silent, not looped" \
	"$(send h1 25017 $EXT:29002 --limit 0.3)" "^(none|refused|E[A-Z]+)$"
check_eq "no loop was cut" "$(stat_of out ttl)" 0
at h2 ping -q -c 1 -W $((2 * SLOW)) -e 25040 $A1 >/dev/null
check_eq "h2 has an identifier" "$(binding_of icmp 192.168.1.3:25040)" "$EXT:25040"
check "the router answers a ping to its address, whoever has bound the identifier" \
	at h1 ping -q -c 1 -W $((2 * SLOW)) -e 25040 $EXT
check "and h2 goes on with its own" at h2 ping -q -c 1 -W $((2 * SLOW)) -e 25040 $A1
check_match "ip rules are scoped to the LAN interface" "$(at router ip rule)" "iif lan.*$EXT"
finish "$target"
finish "$tcptarget"
check "stop" stop_einat
check_eq "no rule is left" "$(at router ip rule | grep -c "$EXT")" 0
check_eq "the local rule is at its place" "$(at router ip rule | head -n 1 | tr -s '\t ' ' ')" \
	"0: from all lookup local"
check_eq "no packet left with a private source" "$(leaks)" 0
finish_tests
