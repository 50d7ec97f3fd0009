#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Several external addresses on one interface: each internal host keeps to one of them for all its
# endpoints and protocols (RFC 4787 REQ-2), also when addresses come and go.
set -u
. "$(dirname "$0")/lab.sh"
lab_up
E2=203.0.113.3 E3=203.0.113.4
at router ip addr add $E2/24 dev wan

# more hosts behind h1's port: addresses of its own, told apart by their source alone
hosts=
for i in $(seq 10 25); do
	at h1 ip addr add 192.168.1.$i/24 dev eth0
	hosts+=" 192.168.1.$i"
done

# address_of SOURCE PORT: the external address that a server sees
address_of()
{
	local e
	e=$(at h1 "$PEER" send --host "$1" -b "$2" $A1:7000 seen)
	echo "${e% *}"
}
# addresses PORT: one line "SOURCE EXTERNAL" for each host
addresses() { local h; for h in $hosts; do echo "$h $(address_of "$h" "$1")"; done; }
spread() { cut -d' ' -f2 "$T/$1" | sort | uniq -c | tr -s ' \n' ' '; }
bound_to() { einat bindings -i wan --json | json "sum(b['external'].startswith('$1:') for b in d['bindings'])"; }

must_start --proto all --ports 20000-29999
addresses 21001 >"$T/first"
addresses 21002 >"$T/second"
check "two addresses: a host has one for all its endpoints" same first second
check_eq "both are used ($(spread first))" "$(cut -d' ' -f2 "$T/first" | sort -u | paste -sd' ')" "$EXT $E2"
for h in h1 h2; do
	udp=$(seen $h 21101 $A1:7000 $A2:7000 $FAR:7001)
	tcp=$(tcp_seen $h 21102 $A1:7000 $A2:7000)
	check "$h: udp by one address ($udp)" same_endpoint "$udp"
	check_eq "$h: tcp by the same" "${tcp%%:*}" "${udp%%:*}"
	at $h ping -q -c 1 -W $((2 * SLOW)) -e 21103 $A1 >/dev/null
	ip=192.168.1.2
	[ $h = h1 ] || ip=192.168.1.3
	check_match "$h: ping by the same" "$(binding_of icmp $ip:21103)" "^${udp%%:*}:"
done

# one host of each address, for what follows
s1=$(awk -v e=$EXT '$2 == e { print $1; exit }' "$T/first")
s2=$(awk -v e=$E2 '$2 == e { print $1; exit }' "$T/first")
hold_on() # NAME SOURCE PORT: as hold, from that source
{
	start "$1" h1 "$PEER" hold --host "$2" -b "$3" $A1:7000
	wait_for 6 test -s "$T/$1"
	ENDPOINT=$(head -n 1 "$T/$1")
}
hold_on one "$s1" 22001
one=$ENDPOINT
hold_on two "$s2" 22002
two=$ENDPOINT
check_match "a binding on the first address" "$one" "^$EXT:"
check_match "a binding on the second" "$two" "^$E2:"
check_eq "a host never called reaches the first" "$(send far 7701 "$one")" "$FAR 7701"
check_eq "and the second" "$(send far 7702 "$two")" "$FAR 7702"
c=$(seen c1 23001 $A1:7000)
check_eq "the masqueraded rest is on the interface's first address" "${c%%:*}" $EXT
check_not "on no port of the slice" in_slice "$c"

# ---- a third address comes
at router ip addr add $E3/24 dev wan
new_host() { at h1 ip addr add 192.168.1.$1/24 dev eth0; hosts_new+=" 192.168.1.$1"; }
hosts_new=
for i in $(seq 40 63); do new_host "$i"; done
third_used()
{
	local h
	for h in $hosts_new; do address_of "$h" $((RANDOM % 500 + 24000)); done >"$T/new"
	grep -qx $E3 "$T/new"
}
check "a third address, while running: new hosts use it" wait_for 10 third_used
addresses 21003 >"$T/third"
check "hosts keep the address that they have" same first third
check_eq "the first binding serves on" "$(send far 7703 "$one")" "$FAR 7703"
check_eq "the second, too" "$(send far 7704 "$two")" "$FAR 7704"

# ---- the second one goes
at router ip addr del $E2/24 dev wan
second_gone() { [ "$(bound_to $E2)" = 0 ]; }
check "the second address goes: its bindings end" wait_for 10 second_gone
check_eq "the first binding serves on" "$(send far 7705 "$one")" "$FAR 7705"
moved() { [[ $(address_of "$s2" 21004) =~ ^($EXT|$E3)$ ]]; }
check "a host of it gets another address" wait_for 10 moved
e=$(address_of "$s2" 21005)
check_eq "one for all endpoints again" "$(address_of "$s2" 21006)" "$e"
addresses 21007 >"$T/fourth"
check_eq "hosts of the first keep it" "$(grep " $EXT$" "$T/first")" \
	"$(grep -F "$(grep " $EXT$" "$T/first" | cut -d' ' -f1 | sed 's/$/ /')" "$T/fourth")"
check_eq "no host is without an address" "$(grep -cE " ($EXT|$E3)$" "$T/fourth")" 16
check "stop" stop_einat

# ---- hairpin between hosts of two addresses
at router ip addr add $E2/24 dev wan
must_start --proto udp,tcp --ports 20000-29999 --hairpin-if lan
addresses 21010 >"$T/fifth"
s1=$(awk -v e=$EXT '$2 == e { print $1; exit }' "$T/fifth")
s2=$(awk -v e=$E2 '$2 == e { print $1; exit }' "$T/fifth")
hold_on hair "$s2" 25010
e=$(at h1 "$PEER" send --host "$s1" -b 25011 "$ENDPOINT" hello)
check_eq "hairpin from a host of the first address to one of the second" "$e" "$EXT 25011"
check_eq "h2, whichever address it has, reaches it" "$(send h2 25012 "$ENDPOINT" | cut -d' ' -f2)" 25012
check "stop" stop_einat

# ---- a source address chosen by routing
at router ip route replace default via 203.0.113.1 src $E2
must_start --proto all --ports 20000-29999
all_on() { addresses "$2" >"$T/all"; ! grep -vE " $1$" "$T/all"; }
check "a default route with src: new bindings have that address alone" all_on $E2 27001
hold_on kept 192.168.1.10 27002
at router ip route replace default via 203.0.113.1 src $E3
# each look by other ports: a binding that was made before einat knew keeps its address
follows() { port=$((${port-27002} + 1)) && all_on $E3 $port; }
check "another src, while running: what is new follows" wait_for 10 follows
check_eq "a binding on the former address serves on" "$(send far 7710 "$ENDPOINT")" "$FAR 7710"
at router ip route replace default via 203.0.113.1
pooled() { addresses $((RANDOM % 500 + 28000)) >"$T/all"; ! grep -q "none" "$T/all"; }
check "without src again: hosts are served" wait_for 10 pooled
check "stop" stop_einat

# ---- a SNAT rule has an address for one host, and one for all others
at router nft 'insert rule ip home postrouting oifname "wan" ip saddr 192.168.1.0/24 snat to '$E2
at router nft 'insert rule ip home postrouting oifname "wan" ip saddr 192.168.1.10 snat to '$E3
# mend SOURCES: the command that check gives for the rule of these
mend()
{
	einat check -i wan --proto udp --ports 20000-29999 --json | json \
		"''.join(f['mend'] for f in d['interfaces'][0]['findings'] if f['code'] == 'snat-address' and ' $1 ' in f['text'])" |
		grep -v '^#'
}
eval "at router $(mend 192.168.1.0/24)"
single=$(mend 192.168.1.10)
check_eq "the mend for all" "$(mend 192.168.1.0/24)" ""
must_start --proto udp --ports 20000-29999
check_eq "all have the address that the rule names" "$(address_of 192.168.1.11 27101)" $E2
check_eq "the one host does not have its own" "$(address_of 192.168.1.10 27101)" $E2
eval "at router $single"
check_eq "the mend for one host: it has its own" "$(address_of 192.168.1.10 27102)" $E3
check_eq "the others stay in the slice" "$(address_of 192.168.1.11 27102)" $E2
check_eq "no packet left with a private source" "$(leaks)" 0
check "stop" stop_einat

# ---- an address towards the modem, which the interface got first
at router ip addr flush dev wan
at router ip addr add 192.168.100.2/24 dev wan
at router ip addr add $EXT/24 dev wan
wan_route
must_start --proto all --ports 20000-29999 --forward udp:26100=192.168.1.10:9000
check "beside a public address a private one gets no bindings" all_on $EXT 27101
check_eq "nor a static one" "$(binding_of udp 192.168.1.10:9000)" "$EXT:26100"
at router ip addr del $EXT/24 dev wan
at router ip route replace default via 203.0.113.1 dev wan onlink
at isp ip route add 192.168.100.2/32 dev home
check "without a public one it serves all" wait_for 10 all_on 192.168.100.2 27102
check "stop" stop_einat

# ---- more addresses than einat serves
for i in $(seq 20 31); do at router ip addr add "203.0.113.$i/24" dev wan; done
must_start --proto all --ports 20000-29999
reply=$(at router socat -T 2 - "UDP4-SENDTO:$A1:7000,bind=203.0.113.31:25300" <<<hello)
check_eq "a flow of this host from one beyond the eighth keeps it" "${reply%% *}" 203.0.113.31
check_eq "no binding was made of it" "$(bindings | grep -c '203.0.113.31')" 0
check "stop" stop_einat
finish_tests
