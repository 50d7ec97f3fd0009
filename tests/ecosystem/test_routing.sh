#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Programs that write ip rules beside einat with hairpin: systemd-networkd, which removes what it does not know; a script
# that empties all rules; marks and rules as Tailscale writes them.
set -u
. "$(dirname "$0")/lab.sh"
NETWORKD=/lib/systemd/systemd-networkd
[ -x $NETWORKD ] || needs systemd-networkd
lab_up

mkdir -p "$T/network" /run/systemd /etc/systemd/network
mount --bind "$T/network" /etc/systemd/network
cat >"$T/network/10-lan.network" <<'END'
[Match]
Name=lan
[Network]
Address=192.168.1.1/24
ConfigureWithoutCarrier=yes
[RoutingPolicyRule]
Priority=4000
From=192.168.1.77
Table=77
END
# a read-only /sys tells networkd that no udev is there to wait for; sysfs of the router's own devices
networkd_up()
{
	start networkd router env container=lxc SYSTEMD_LOG_TARGET=console unshare --mount \
		sh -c "mount -t sysfs -o ro sysfs /sys && exec $NETWORKD"
	NETWORKD_PID=$PID
	wait_for 10 logged networkd "lan: Configuring" || return
	wait_for 10 has_rule "4000:.*192.168.1.77"
}
networkd_restart()
{
	finish "$NETWORKD_PID"
	networkd_up
}
has_rule() { at router ip rule | grep -q "$1"; }
# Tailscale's rules: marks 0x40000 and 0x80000 under 0xff0000, table 52; sources of its own
tailscale()
{
	local p
	box ts
	wire router tailscale0 ts eth0
	at router ip addr add 100.64.0.1/10 dev tailscale0
	at ts ip addr add 100.64.0.2/10 dev eth0
	at ts ip route add default via 100.64.0.1
	at router iptables -N ts-forward
	at router iptables -I FORWARD -j ts-forward
	at router iptables -A ts-forward -i tailscale0 -j MARK --set-xmark 0x40000/0xff0000
	at router iptables -A ts-forward -m mark --mark 0x40000/0xff0000 -j ACCEPT
	at router iptables -A ts-forward -s 100.64.0.0/10 -o tailscale0 -j DROP
	at router iptables -A ts-forward -o tailscale0 -j ACCEPT
	at router iptables -t nat -N ts-postrouting
	at router iptables -t nat -A POSTROUTING -j ts-postrouting
	at router iptables -t nat -A ts-postrouting -m mark --mark 0x40000/0xff0000 -j MASQUERADE
	for p in 5210:main 5230:default; do
		at router ip rule add pref "${p%:*}" fwmark 0x80000/0xff0000 lookup "${p#*:}"
	done
	at router ip rule add pref 5250 fwmark 0x80000/0xff0000 unreachable
	at router ip rule add pref 5270 lookup 52
}
tailscale_works()
{
	check_eq "$1: its rules are in place" "$(at router ip rule | grep -cE '^(5210|5230|5250|5270):')" 4
	check_match "$1: UDP by this exit node" "$(seen ts 7300 $A1:7000)" "^$EXT:"
	check_match "$1: TCP by this exit node" "$(tcp_seen ts 7301 $A1:7000)" "^$EXT:"
}

check "systemd-networkd" networkd_up
echo "# $($NETWORKD --version | head -n 1)"
tailscale
tailscale_works "Tailscale's rules"

must_start --proto udp,tcp --ports 20000-29999 --hairpin-if lan --inbound-mark 0x1/0x1
einat_rules_only() { at router ip rule | grep -E 'iif lan.*dport|lookup local'; }
einat_rules_only >"$T/rules"
rules_back() { einat_rules_only | diff "$T/rules" -; }
hairpins() { [ "$(send h2 "$1" $EXT:25102 --limit 0.5)" != none ]; }
hold held h1 25102 $A1:7000
check "hairpin" hairpins 7400
tailscale_works "with einat"
claimed "with einat" 25110

flow lan-udp h1 udp 25101 $A1:7000
flow hairpin h2 udp 7401 $EXT:25102
act einat networkd-restart networkd_restart
check "networkd left einat's rules alone" rules_back
check "and has its own" has_rule "4000:.*192.168.1.77"
check_eq "networkd's restart: lost of the slice" "${LOST[einat.networkd-restart.lan-udp]}" 0
check_eq "networkd's restart: lost of hairpin" "${LOST[einat.networkd-restart.hairpin]}" 0

# rules_gone: all of einat's that `ip rule` shows; how long they are away is measured, with the commands and the looks in between
rules_gone()
{
	local pref
	for pref in $(at router ip rule | sed -n 's/^\([0-9]*\):.*iif lan.*dport.*/\1/p'); do
		at router ip rule del pref "$pref"
	done
}
rules_gone
begin=${EPOCHREALTIME/./}
wait_for 5 rules_back
ms=$(((${EPOCHREALTIME/./} - begin) / 1000))
check_num "hairpin rules that a script removed are back after $ms ms" "$ms" -le $((500 * SLOW))
check "hairpin" hairpins 7402
# as a script of a VPN does it
begin=${EPOCHREALTIME/./}
at router sh -c 'ip rule flush; ip rule add pref 32766 lookup main; ip rule add pref 32767 lookup default'
wait_for 5 rules_back
ms=$(((${EPOCHREALTIME/./} - begin) / 1000))
check_num "after ip rule flush all of them, the local rule too, are back after $ms ms" "$ms" -le $((500 * SLOW))
check "the router answers" at h1 ping -c 1 -W 2 -q 192.168.1.1
check "and hairpin" wait_for 5 hairpins 7403
claimed "after ip rule flush" 25111
check_eq "no packet left with a private source" "$(leaks)" 0
check "stop" stop_einat
check "the local rule is back in its place" has_rule "^0:.*lookup local"
check_not "no rule of einat's is left" has_rule "iif lan.*dport"
finish_tests
