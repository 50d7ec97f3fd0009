#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The way to the Internet leaves the external interface: a second uplink, with masquerade alone, takes
# over; or einat is stopped while the interface is down, without addresses, deleted or named
# otherwise, and it comes back later. To conntrack claimed flows are never translated, so none may
# live on: it would leave with its private source for as long as its host sends.
set -u
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/lab6.sh"
lab_up
lab6_up
second_uplink
at router nft add rule ip home postrouting oifname wan2 masquerade
others6
args=(--proto all --ports 20000-29999 --ipv6 --hairpin-if lan)
port=26000

v6_back()
{
	at router ip addr replace $EXT6/64 dev wan nodad
	at router ip -6 route replace default via 2001:db8::1
	at isp ip addr replace 2001:db8::1/64 dev home nodad
}
# flows: of both families, in ports of the slice and not; endless ones of UDP, one of TCP that waits
flows()
{
	port=$((port + 10))
	must_start "${args[@]}"
	stream four h1 $port $FAR:7000 --rate $THIN
	four=$PID
	stream high h1 $((port + 20000)) $FAR:7000 --rate $THIN
	high=$PID
	stream six h1 $((port + 1)) $B1:7000 --rate $THIN
	six=$PID
	hold idle h2 $((port + 2)) $FAR:7000
	idle=$PID
	check_eq "$1: bound" "$ENDPOINT" "$EXT:$((port + 2))"
}
end_flows()
{
	finish "$idle"
	kill "$six" "$high" "$four"
	stream_end six "$six" >"$T/six.end"
	stream_end high "$high" >"$T/high.end"
	stream_end four "$four" >"$T/four.end"
}
# answers have come by the second uplink to PORT of h1, or of ADDR
over_there()
{
	at router conntrack -L -p udp --orig-src "${2-192.168.1.2}" --orig-port-src "$1" 2>/dev/null |
		grep "dst=$EXT2 " | grep -vq UNREPLIED
}
# what leaks while the change is being noticed is the kernel's; after a second nothing may
no_leaks() # WHEN
{
	local before
	wait_for 1 over_there $port
	wait_for 1 over_there $((port + 20000))
	pause 1
	before="$(leaks) $(leaks6)"
	pause 2
	check_eq "$1: nothing leaves with a private source" "$(leaks) $(leaks6)" "$before"
}

# ---- a second uplink takes over
down() { at router ip link set wan down; }
up() { at router ip link set wan up; }
route_gone() { at router ip route del default metric 0; }
address_gone() { at router ip addr del $EXT/24 dev wan; }
address_back() { at router ip addr add $EXT/24 dev wan; }
deleted_bare()
{
	at router ip addr flush dev wan scope global
	pause 1
	at router ip link del wan
}
back() { wan_up; }
at router ip route add default via 192.0.2.1 metric 500
for how in route_gone:true down:up address_gone:address_back deleted_bare:back; do
	name="a second uplink, ${how%:*}"
	flows "$name"
	${how%:*}
	no_leaks "$name"
	${how#*:}
	wan_route
	v6_back
	end_flows
	check_match "$name: the second uplink serves the flow" "$(cat "$T/four.end")" "$EXT2:$port"
	check_match "$name: and one of a port that is not the slice's" "$(cat "$T/high.end")" "$EXT2:"
	way_back() { [[ $(seen h1 $((port + 3)) $FAR:7000) == "$EXT":* ]]; }
	check "$name: back on wan" wait_for 10 way_back
	# until einat is attached to the new interface masquerade serves new flows: another one each time
	asked=$((port + 400))
	claimed()
	{
		asked=$((asked + 1))
		seen h1 $asked $FAR:7000 >/dev/null
		[ "$(conntrack_of udp 192.168.1.2:$asked)" = untouched ]
	}
	check "$name: by a binding" wait_for 10 claimed
	check "$name: stop" stop_einat
	check_not "$name: nothing is left" has_traces
	at router conntrack -F 2>/dev/null
done

# ---- a second uplink that has an einat of its own: flows that it serves are not the first one's
must_start --proto udp --ports 20000-29999
start einat2 router "$EINAT" run -i wan2 --proto udp --ports 20000-29999
second=$PID
wait_for 15 logged einat2 ready
stream live h1 26500 $FAR:7000 --rate $((THIN / 10))
live=$PID
hold idle h2 26501 $FAR:7000
idle=$PID
start ended router conntrack -E -e DESTROY -p udp
ended=$PID
pause 1
route_gone
bound2() { at router "$EINAT" bindings -i wan2 | grep -q "192.168.1.2:26500 .*$EXT2:26500"; }
check "two einats: the second one has a binding" wait_for 5 bound2
for n in 1 2 3 4 5 6 7 8; do
	send far 7777 $EXT2:26500 --limit 0.1 >/dev/null
	pause 0.2
done
check "two einats: the entry of a flow that waits was deleted" logged ended "src=192.168.1.3 dst=$FAR "
check_not "two einats: that of a call to the second one was not" \
	logged ended "src=$FAR dst=192.168.1.2 sport=7777"
check_match "two einats: both have served it" "$(stream_end live "$live")" "$EXT:26500.*$EXT2:26500"
finish "$idle"
wan_route
check "two einats: stop" stop_einat
finish "$second"
finish "$ended"
at router conntrack -F 2>/dev/null

# ---- answers that are on their way come in by wan when the flow has been told to go elsewhere
start late far "$PEER" late $FAR:7005
must_start "${args[@]}"
for n in 1 2 3; do
	start long$n h$((n % 2 + 1)) "$PEER" stream --rate $LATE_RATE -b 2710$n $FAR:7005
	pids[n]=$PID
done
for n in 1 2 3; do
	wait_for 5 logged long$n streaming
done
pause 2
route_gone
for n in 1 2 3; do
	check "a long way, flow $n: the second uplink serves it" wait_for 5 over_there 2710$n "192.168.1.$((n % 2 + 2))"
done
before="$(leaks) $(leaks6)"
pause 1
check_eq "a long way: nothing leaves with a private source" "$(leaks) $(leaks6)" "$before"
for n in 1 2 3; do
	result=$(stream_end long$n "${pids[n]}")
	check_match "a long way, flow $n: both ways have served it" "$result" "$EXT:2710$n.*$EXT2:2710$n"
	echo "# lost: $(json "d['lost']" <<<"$result") of $(json "d['sent']" <<<"$result")"
done
wan_route
check "a long way: stop" stop_einat
at router conntrack -F 2>/dev/null
at router ip route del default metric 500

# ---- the same of prefixes that are translated
second_uplink6
at isp ip -6 route add 2001:db8:77::/48 via $EXT6 dev home
at router nft add rule ip6 others postrouting oifname wan2 masquerade
at router ip -6 route add default via 2001:db8:2::1 metric 2000
start late6 isp "$PEER" late $B1:7005
# another network of this site, whose flows are none of einat's
wire router dmz isp inner
at router ip addr add fd00:9::1/64 dev dmz nodad
at isp ip addr add fd00:9::2/64 dev inner nodad
at isp ip -6 route add fd00:1::2/128 via fd00:9::1
start inner isp "$PEER" serve fd00:9::2
start ended router conntrack -E -e DESTROY -f ipv6 -p udp
ended=$PID
ended() { logged ended "src=$1 dst=$2 "; }
args=(--proto udp --nptv6 fd00:1::/48=2001:db8:77::/48)
must_start "${args[@]}"
stream within h1 27203 fd00:9::2:7000 --rate $((THIN / 10))
within=$PID
# none has an answer on its way: it is deleted at once
start near h1 "$PEER" stream --rate 100 -b 27201 $B1:7000
near=$PID
start long h2 "$PEER" stream --rate $LATE_RATE -b 27202 $B1:7005
long=$PID
wait_for 5 logged near streaming
wait_for 5 logged long streaming
pause 2
at router ip -6 route del default via 2001:db8::1
moved6() { at router conntrack -L -f ipv6 -p udp --orig-port-src "$1" 2>/dev/null | grep -q "dst=2001:db8:2::2 "; }
check "a prefix, a near host: the second uplink serves it" wait_for 5 moved6 27201
check "a prefix, a long way: the second uplink serves it" wait_for 5 moved6 27202
before="$(leaks6)"
pause 1
check_eq "a prefix: nothing leaves with an internal source" "$(leaks6)" "$before"
result=$(stream_end near "$near")
check_match "a prefix, a near host: both ways have served it" "$result" "2001:db8:77:ced1::2:27201.*2001:db8:2::2:27201"
result=$(stream_end long "$long")
check_match "a prefix, a long way: both ways have served it" "$result" "2001:db8:77:ced1::3:27202.*2001:db8:2::2:27202"
v6_back
check "a prefix: the flow's entry was deleted" wait_for 2 ended fd00:1::2 $B1
check "a prefix: stop" stop_einat
check_not "a prefix: the entry of a flow to another network of the site was not" ended fd00:1::2 fd00:9::2
stream_end within "$within" >/dev/null
at isp ip -6 route del fd00:1::2/128 via fd00:9::1
finish "$ended"
at router conntrack -F 2>/dev/null

# its link goes down, or is deleted, and with it its addresses
for how in down:up deleted_bare:back; do
	name="a prefix, ${how%:*}"
	port=$((port + 10))
	must_start "${args[@]}"
	stream near h1 $port $B1:7000 --rate $((THIN / 10))
	near=$PID
	pause 0.5
	${how%:*}
	check "$name: the second uplink serves it" wait_for 5 moved6 $port
	before="$(leaks6)"
	pause 1
	check_eq "$name: nothing leaves with an internal source" "$(leaks6)" "$before"
	result=$(stream_end near "$near")
	check_match "$name: both ways have served it" "$result" "2001:db8:77:ced1::2:$port.*2001:db8:2::2:$port"
	${how#*:}
	wan_route
	v6_back
	check "$name: stop" stop_einat
	at router conntrack -F 2>/dev/null
done
at router ip -6 route del default metric 2000
at router ip addr del 2001:db8:2::2/64 dev wan2
at router conntrack -F 2>/dev/null

# ---- stopped meanwhile
addresses_gone() { at router ip addr flush dev wan scope global; }
named() { at router ip link set wan down && at router ip link set wan name aside; }
named_back() { at router ip link set aside name wan && up; }
for how in addresses_gone:address_back down:up deleted_bare:back named:named_back; do
	name="stopped, ${how%:*}"
	flows "$name"
	${how%:*}
	pause 1
	check "$name: stop" stop_einat
	check_not "$name: nothing is left" has_traces
	! at router ip link show aside >/dev/null 2>&1 ||
		check_not "$name: no program either" eval 'at router "$PY" "$LAB_DIR/tcx.py" aside | grep "[1-9]"'
	before="$(leaks) $(leaks6)"
	${how#*:}
	wan_route
	v6_back
	pause 2
	check_eq "$name: nothing leaves with a private source" "$(leaks) $(leaks6)" "$before"
	end_flows
	at router conntrack -F 2>/dev/null
done
finish_tests
