#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# ufw beside einat, set up as ufw-framework(8) says for a router: reload, rules, disable and enable, flushed rules.
set -u
. "$(dirname "$0")/lab.sh"
needs ufw iptables
lab_up
at router nft delete table ip home # ufw masquerades
sed -i 's/^IPT_SYSCTL=.*/IPT_SYSCTL=/' /etc/default/ufw # what it holds is set for every test by the lab

# the snippet of ufw-framework(8), with -F as most guides have it: else each reload adds it again
sed -i '1i\
*nat\
:PREROUTING ACCEPT [0:0]\
:POSTROUTING ACCEPT [0:0]\
-F\
-A PREROUTING -i wan -p tcp --dport 8080 -j DNAT --to-destination 192.168.1.3:7000\
-A PREROUTING -i wan -p udp --dport 25000 -j DNAT --to-destination 192.168.1.3:7000\
-A POSTROUTING -s 192.168.1.0/24 -o wan -j MASQUERADE\
-A POSTROUTING -s 172.17.0.0/16 -o wan -j MASQUERADE\
COMMIT' /etc/ufw/before.rules
# what einat has translated inwards (--inbound-mark 0x1/0x1)
sed -i '/^# quickly process packets for which/i\
-A ufw-before-forward -i wan -m mark --mark 0x1/0x1 -j ACCEPT' /etc/ufw/before.rules
ufw() { at router /usr/sbin/ufw --force "$@"; }
{
	ufw route allow in on lan out on wan
	ufw route allow in on br-c out on wan
	ufw route allow in on wan out on lan to 192.168.1.3 port 7000
	ufw allow in on lan
} >"$T/ufw" 2>&1
check "ufw enable" ufw enable
echo "# $(/usr/sbin/ufw version | head -n 1), FORWARD $(at router iptables -S FORWARD | head -n 1)"
start served h2 "$PEER" serve 0.0.0.0
wait_for 5 logged served serving

lan_flows()
{
	flow lan-udp h1 udp "$1" $A1:7000
	flow lan-tcp h1 tcp "$1" $A1:7000
}
flow forwarded-udp far udp 7100 $EXT:25000
flow forwarded-tcp far tcp 7101 $EXT:8080
WITNESSES="lan-rest forwarded-udp container-out"
flow lan-rest h2 udp 7105 $A2:7000 # not the slice's: --exclude-dest
flow container-out c1 udp 7103 $A2:7000

reload() { ufw reload; }
rule() { ufw route allow in on wan out on lan to 192.168.1.2 port 99 && ufw route delete allow in on wan out on lan to 192.168.1.2 port 99; }
off_and_on() { ufw disable && sleep 0.3 && ufw enable; }
flush() { at router nft flush ruleset && sleep 0.3 && ufw reload; }
# only then are the jumps to ufw's chains put back; a reload alone leaves FORWARD empty
iptables_flush() { at router iptables -F && sleep 0.3 && at router /lib/ufw/ufw-init flush-all && ufw reload; }
as_ever()
{
	check_match "$1: ufw status" "$(ufw status)" "^Status: active"
	check_match "$1: its rules" "$(ufw status)" "192.168.1.3 7000 on lan +ALLOW FWD +Anywhere on wan"
	check_eq "$1: its masquerade is there once" \
		"$(at router iptables -t nat -S POSTROUTING | grep -c '192.168.1.0/24 -o wan -j MASQUERADE')" 1
	check_eq "$1: forwarded UDP" "$(seen far 7210 $EXT:25000)" "$FAR:7210"
	check_eq "$1: forwarded TCP" "$(tcp_seen far 7211 $EXT:8080)" "$FAR:7211"
	check_eq "$1: the container to the Internet" "$(seen c1 7213 $A1:7001)" "$EXT:7213"
	check_eq "$1: the router's own ports are closed" "$(at far "$PEER" tcp -b 7214 --limit 0.2 $EXT:22 2>/dev/null)" none
}
round()
{
	act "$1" reload reload
	act "$1" rule rule
	as_ever "$1: after a rule"
	act "$1" disable-enable off_and_on
	as_ever "$1: enabled again"
	act "$1" iptables-F iptables_flush
	as_ever "$1: after iptables -F"
	act "$1" flush flush
	as_ever "$1: after a flush"
}

lan_flows 25100
round plain

must_start --proto udp,tcp --ports 20000-29999 --inbound-mark 0x1/0x1 --exclude-dest $A2/32
check_eq "einat guards: ufw masquerades" "$(einat status -i wan --json | json "d['interfaces'][0]['rest']")" guard
check_not "the rule in before.rules is seen: no warning of filtering" logged einat "will not be endpoint"
as_ever "with einat"
claimed "with einat" 25110
hold held h1 25102 $A1:7000
check_eq "a binding for a stranger" "$ENDPOINT" "$EXT:25102"
flow stranger far udp 7104 $EXT:25102
lan_flows 25101
lan_leaks_begin
round einat
no_worse reload 20 # ufw empties its chains and fills them anew
no_worse rule 20
no_worse disable-enable 20
no_worse iptables-F
no_worse flush 20
claimed "after all that" 25111
check_eq "full cone" "$(eif h1 25113 $A1:7000 $A2:7001)" yes
back_within 100 "nft flush ruleset" nft flush ruleset
check "ufw reload" ufw reload
claimed "after one more flush" 25112
back_within 100 "ufw reload" /usr/sbin/ufw --force reload
check_eq "with einat no packet of the slice left with its host's own address" "$(lan_leaks)" 0
check "stop" stop_einat
as_ever "without einat again"
check_eq "ufw's rules are all that is left" "$(at router nft list tables | grep -c einat)" 0
finish_tests
