#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Nothing is stolen, over IPv6: flows that masquerade has when einat starts, published ports and local
# sockets inside the slice go on, and their ports are given to no binding until they are free.
set -u
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/lab6.sh"
lab_up
lab6_up
# the end of flows that are older than einat is told at once, not with the next look after 60 s
at router sysctl -qw net.netfilter.nf_conntrack_events=1
# see test_stolen.sh
at router "$PY" "$LAB_DIR/tcx.py" wan | grep -q 'ingress [0-9]' || at router tc qdisc add dev wan clsact
at router nft -f - <<'END'
table ip6 home {
	chain prerouting {
		type nat hook prerouting priority dstnat;
		iifname "wan" udp dport 25000 dnat to [fd00:1::3]:7000
	}
	chain postrouting {
		type nat hook postrouting priority srcnat;
		oifname "wan" ip6 saddr fc00::/7 masquerade
	}
}
END
start served h2 "$PEER" serve fd00:1::3
wait_for 5 logged served serving
other_port() { in_slice "$1" && same_endpoint "$1" && [ "$(port_of "$1")" != "$2" ]; }

# ---- before einat: UDP, TCP and a query by masquerade on slice ports, a socket of the router
stream masked h1 25001 $B1:7000
masked=$PID
start masked.tcp h1 "$PEER" tcpstream -b 25002 $B1:7000
masked_tcp=$PID
wait_for 5 logged masked.tcp streaming
start early router "$PEER" hold -b 25003 $B1:7000
early=$PID
wait_for 5 test -s "$T/early"
start listener router socat TCP6-LISTEN:25005,fork,reuseaddr SYSTEM:'echo router'
listener=$PID
wait_for 5 eval 'at router ss -Hltn src :25005 | grep -q .'
start pinged h1 ping -6 -i 0.1 -e 25006 $B1
pinged=$PID
wait_for 5 logged pinged 'icmp_seq=1 '
check_eq "UDP is masqueraded" "$(conntrack6_of udp fd00:1::2 25001)" masquerade
check_eq "TCP too" "$(conntrack6_of tcp fd00:1::2 25002)" masquerade
check_match "einat check tells of them" "$(einat check -i wan --proto all --ipv6 --ports 20000-29999 --json |
	json "' '.join(f['code'] for f in d['interfaces'][0]['findings'])")" conntrack-slice-flow

# ---- einat starts
must_start --proto all --ports 20000-29999 --ipv6
e=$(seen h2 25001 $B1:7000 $B2:7000)
check "UDP from the masqueraded flow's port: another port of the slice ($e)" other_port "$e" 25001
e=$(tcp_seen h2 25002 $B1:7000 $B2:7000)
check "TCP from the masqueraded flow's port: another port of the slice ($e)" other_port "$e" 25002
check "a query with the masqueraded one's identifier" at h2 ping -6 -q -c 2 -i 0.1 -W $((2 * SLOW)) -e 25006 $B1
check_match "is bound" "$(bindings)" "icmp \[fd00:1::3\]:25006"
check_not "by another identifier" grep -q "icmp .*\[$EXT6\]:25006" <(bindings)
e=$(seen h1 25000 $B1:7000)
check_eq "a published port inside the slice answers" "$(send isp 7100 $EXT6:25000)" "2001:db8::1 7100"
check "its number is given to no host ($e)" other_port "$e" 25000
e=$(seen h1 25003 $B1:7000 $B2:7000)
check_eq "a local socket inside the slice answers" "$(send isp 7101 $EXT6:25003)" "2001:db8::1 7101"
check "its number is given to no host ($e)" other_port "$e" 25003
check_eq "a local TCP service inside the slice answers" \
	"$(at isp socat -t 5 -T 5 - "TCP6:[$EXT6]:25005" </dev/null)" router
e=$(tcp_seen h1 25005 $B1:7000)
check "its number is given to no host ($e)" other_port "$e" 25005

# ---- what the flows say
finish "$pinged" INT
check_match "the masqueraded query lost nothing" "$(tail -n 3 "$T/pinged")" " 0% packet loss"
result=$(stream_end masked.tcp "$masked_tcp")
check_eq "the TCP connection lost nothing of $(json "d['sent']" <<<"$result") lines" "$(json "d['lost'], d['why']" <<<"$result")" "(0, None)"
check_eq "it stayed with masquerade" "$(conntrack6_of tcp fd00:1::2 25002)" masquerade
# a port is given out once nobody has it any more; nothing but that flow's entry goes
result=$(stream_end masked "$masked")
check_eq "the UDP flow lost none of $(json "d['sent']" <<<"$result") packets" "$(json "d['first_lost']" <<<"$result")" "[]"
check_eq "and kept its external endpoint" "$(json "' '.join(d['seen'])" <<<"$result")" "$EXT6:25001"
check_eq "it stayed with masquerade" "$(conntrack6_of udp fd00:1::2 25001)" masquerade
at router conntrack -D -f ipv6 -p udp --orig-src fd00:1::2 --orig-port-src 25001 >/dev/null 2>&1
# a host that was refused it keeps the port that it got: each try is a new host's
gets_it()
{
	n=$((${n:-10} + 1))
	at h1 ip addr add fd00:1::$n/64 dev eth0 nodad
	[ "$(at h1 "$PEER" seen -b 25001 --host fd00:1::$n $B2:7000)" = "$EXT6:25001" ]
}
check "the entry goes: the port is the slice's" wait_for 5 gets_it
check_eq "by a binding" "$(conntrack6_of udp fd00:1::$n 25001)" untouched
finish "$early"
finish "$listener"
check_eq "no packet left with a unique local source" "$(leaks6)" 0
check "stop" stop_einat
check_eq "the published port answers after the stop" "$(send isp 7103 $EXT6:25000)" "2001:db8::1 7103"
check_not "nothing is left" has_traces
finish_tests
