# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# For tests of path MTU discovery: source it after lab.sh and set TO, a far host's address, and IP, the
# options that make ip look at its family.

wan_mtu() { at router ip link set wan mtu "$1"; at isp ip link set home mtu "$1"; }
# forget what hosts and the router have learnt of paths
forget() { local b; for b in h1 isp far router; do at "$b" ip $IP route flush cache; done; }
# learnt BOX DESTINATION: the MTU that the box has learnt for the path
learnt() { at "$1" ip $IP route get "$2" | sed -n 's/.* mtu \([0-9]*\).*/\1/p'; }
iperf_up()
{
	start iperf far iperf3 -s -B $TO
	wait_for 5 eval 'at far iperf3 -v >/dev/null; at far ss -Hltn src :5201 | grep -q .'
}
# transfer NAME IPERF-ARGUMENTS...: 20 MB are sent; what is still under way at the end does not count
transfer()
{
	local name=$1
	shift
	at h1 timeout $((20 * SLOW)) iperf3 -c $TO -n 20M -J "$@" >"$T/json"
	check_match "$name" "$(json "d.get('error') or d['end']['sum_received']['bytes'] >= 5000000" <"$T/json")" True
}
# no_drops: einat has dropped no packet
no_drops()
{
	check_eq "no packet was dropped by einat" "$(einat stats -i wan --json | json \
		"sum(d[x].get(r,{}).get('packets',0) for x in ('out','in') for r in ('full','guard',
		'fragment-guard','rewrite-failed','malformed-drop','internal-error'))")" 0
}
