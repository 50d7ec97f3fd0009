#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The external address changes while einat runs, as by DHCP, and one goes and comes back. Time
# passes in between, since bindings are looked through each second.
set -u
. "$(dirname "$0")/lab.sh"
lab_up
must_start --proto all --ports 20000-29999 --forward udp:26100=192.168.1.3:9000

hold_on() # NAME PORT: the external endpoint of a socket of h1 in $ENDPOINT
{
	start "$1" h1 "$PEER" hold -b "$2" $A1:7000
	wait_for 6 test -s "$T/$1"
	ENDPOINT=$(head -n 1 "$T/$1")
}
# two PORT: how many endpoints one socket has, packet after packet
two() { at h1 "$PEER" seen -b "$1" $A1:7000 $A2:7000 $A1:7000 $A2:7000 | sort -u | wc -l; }

all_of() # WHEN NUMBER: what holds with any address, on ports that are not kept
{
	check_eq "$1: a port outside the slice has one endpoint" "$(two "500$2")" 1
	hold_on "hold$2" "510$2"
	check_eq "$1: so has TCP" "$(tcp_seen h1 "520$2" $A1:7000)" "$(tcp_seen h1 "520$2" $A2:7000)"
	sleep 3
	check_eq "$1: reached from outside after 3 s" "$(send far "770$2" "$ENDPOINT")" "$FAR 770$2"
}
new_seen() { [[ $(seen h1 26006 $A1:7000) == "$1":* ]]; }

all_of "before" 1
wan_address 203.0.113.3
check "the new address is used" wait_for 5 new_seen 203.0.113.3
all_of "after" 2
check_eq "the static binding has moved" "$(binding_of udp 192.168.1.3:9000)" 203.0.113.3:26100
stop_einat USR2 >"$T/left"
must_start --proto all --ports 20000-29999 --forward udp:26100=192.168.1.3:9000
check_eq "taken over: still reached" "$(send far 7704 "$ENDPOINT")" "$FAR 7704"
all_of "taken over" 3
at router ip addr del 203.0.113.3/24 dev wan
at router ip addr add "$EXT/24" dev wan
wan_route
check "back to the first one" wait_for 5 new_seen "$EXT"
all_of "back" 4

held=$ENDPOINT
reached() { [ "$(send far 7705 "$held" --limit 0.3)" = "$FAR 7705" ]; }
away() # HOW COMMAND...: the address goes, the command follows, the address is back after 2 s
{
	local how=$1
	shift
	at router ip addr del "$EXT/24" dev wan
	"$@" || not_ok "$how: $*"
	sleep 2.2
	at router ip addr add "$EXT/24" dev wan
	wan_route
	check "$how: two seconds later reached by the same endpoint" wait_for 5 reached
}
no_address() { [ "$(einat status -i wan --json | json "d['interfaces'][0]['external']")" = "[]" ]; }
without() { wait_for 5 logged einat "no IPv4 address"; }
reload_without()
{
	wait_for 5 no_address && kill -HUP "$EINAT_PID" && wait_for 5 logged einat "read anew"
}
away "no address" without
away "no address, and a reload" reload_without
kill -KILL "$EINAT_PID"
wait "$EINAT_PID" 2>/dev/null
away "no address at the start" must_start --proto all --ports 20000-29999 \
	--forward udp:26100=192.168.1.3:9000
check_eq "no packet left with a private source" "$(leaks)" 0
check "stop" stop_einat

# A change as networkd makes it: the old address goes a moment after the new one has come. With
# hairpin, routes name the addresses, and the kernel takes none of one that has gone.
must_start --proto udp --ports 20000-29999 --hairpin-if lan
turned() { [ "$(at router ip rule | grep -c "to $1 iif lan ipproto udp dport 20000-29999")" = 1 ]; }
alone() { [ "$(einat status -i wan --json | json "d['interfaces'][0]['external']")" = "['$1']" ]; }
old=$EXT
for new in 203.0.113.3 203.0.113.4 203.0.113.5 "$EXT"; do
	at router sh -c "ip addr add $new/24 dev wan; ip addr del $old/24 dev wan
		ip addr add $new/24 dev wan 2>/dev/null" # the second of a network goes with the first
	check "from $old to $new: einat follows" wait_for 5 alone "$new"
	check "from $old to $new: so does hairpin" wait_for 5 turned "$new"
	old=$new
done
check_not "no error was reported of what lasts a moment" logged einat "error:"
check "stop after that" stop_einat
finish_tests
