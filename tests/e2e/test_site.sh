#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What is routed without NAT is none of einat's, and its conntrack entries are left, since a firewall may
# let in nothing but what it knows: a network behind another interface (a VPN site), hosts that no
# slice names, destinations that are excluded.
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
watch_entries()
{
	start ended router conntrack -E -e DESTROY -p udp
	ended=$PID
	pause 0.5
}
# on a slow machine the entries would end by themselves
at router sysctl -qw net.netfilter.nf_conntrack_udp_timeout=600
start server site "$PEER" serve 10.9.0.5
wait_for 5 logged server serving || die "server"
must_start --proto udp --ports 20000-29999
both="192.168.1.2:25555 $EXT:25555"
check_eq "one socket to the site and to the Internet" "$(seen h1 25555 10.9.0.5:7000 $A1:7000)" "$both"
watch_entries
at router ip rule add pref 5210 fwmark 0x80000/0xff0000 lookup main # as tailscaled
at router ip route add 10.7.0.0/16 via 10.8.0.2
at router ip route add 10.9.0.0/24 via 10.8.0.2 # part of what was there
pause 1 # einat looks at what has changed, and is to find nothing
check "stop" stop_einat
check "the flow to the Internet was handed back" logged einat "1 flow handed back"
check_eq "both see the same after the stop" "$(seen h1 25555 10.9.0.5:7000 $A1:7000)" "$both"
check "conntrack tells what is deleted" logged ended "src=192.168.1.2 dst=$A1 "
check_not "the entry of the flow to the site was left" logged ended "src=192.168.1.2 dst=10.9.0.5 "
finish "$ended"
check_eq "no packet left with a private source" "$(leaks)" 0

# ---- hosts of other addresses, and an excluded destination, by the external interface and without NAT
box dmz
wire router dmz0 dmz eth0
at router ip addr add 198.18.7.1/29 dev dmz0
at dmz ip addr add 198.18.7.2/29 dev eth0
at dmz ip route add default via 198.18.7.1
at isp ip route add 198.18.7.0/29 via $EXT
at isp ip route add 192.168.1.0/24 via $EXT
at router nft flush chain ip home postrouting
at router nft add rule ip home postrouting ip saddr 192.168.1.0/24 ip daddr != $A2 oifname wan masquerade
begin() # PORT: both flows have entries, and one more by which the end of what is told is known
{
	watch_entries # an entry that is made while nobody listens ends without an event
	check_eq "another one" "$(seen dmz 25600 $A1:7000)" "198.18.7.2:25600"
	check_eq "a host of the DMZ" "$(seen dmz "$1" $A1:7000)" "198.18.7.2:$1"
	check_eq "the excluded destination" "$(seen h1 25601 $A2:7000)" "192.168.1.2:25601"
}
left() # WHAT
{
	at router conntrack -D -p udp --orig-src 198.18.7.2 --orig-port-src 25600 >/dev/null 2>&1
	check "$1: conntrack tells what is deleted" wait_for 5 logged ended "sport=25600 "
	check_not "$1: the entry of the DMZ was left" logged ended "src=198.18.7.2 dst=$A1 sport=2560[1-9] "
	check_not "$1: that to the excluded destination, too" logged ended "src=192.168.1.2 dst=$A2 "
	finish "$ended"
}
slice=(--proto udp --ports 20000-29999 --internal 192.168.1.0/24 --exclude-dest $A2)
begin 25601
must_start "${slice[@]}"
left "start"
begin 25602
check "stop" stop_einat
left "stop"
begin 25603
must_start "${slice[@]}"
finish "$EINAT_PID" KILL
check "einat stop, after a crash" at router "$EINAT" stop -i wan
left "einat stop, after a crash"
finish_tests
