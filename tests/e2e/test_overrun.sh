#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# More events than the kernel keeps for einat: what was lost is found out. einat is stopped meanwhile, so that all sockets
# overrun for sure; what matters comes last, when nothing more is kept.
set -u
. "$(dirname "$0")/lab.sh"
lab_up
must_start --proto udp --ports 20000-29999 --hairpin-if lan
at router ip rule >"$T/rules"
at router nft list table inet einat_wan >"$T/table"

# overruns PROTOCOL: messages dropped at einat's netlink sockets of it (proc(5): the column before the last)
overruns()
{
	at router awk -v p="$1" -v pid="$EINAT_PID" '$2 == p && ($3 == pid || $3 > 1000000) { n += $9 } END { print n + 0 }' /proc/net/netlink
}
NETLINK_ROUTE=0 NETLINK_NETFILTER=12

table_back() { at router nft list table inet einat_wan; }
rules_back() { at router ip rule | diff "$T/rules" -; }
hairpin() { [ "$(send h2 7100 $EXT:25100 --limit 0.5)" != none ]; }
not_given() { local e; e=$(seen h1 "$1" $A1:7001); [[ $e == $EXT:* && $e != "$EXT:$1" ]]; }
hold held h1 25100 $A1:7000
# The floods are of messages that einat has no use for: what was kept of them tells it nothing.

# ---- nftables: rules of others, einat's own table
kill -STOP "$EINAT_PID"
{
	echo 'table inet einat_flood { chain c {'
	for ((i = 0; i < 8000; i++)); do echo "ip saddr 10.0.0.1 counter"; done
	echo '}'
	echo '}'
} >"$T/flood.nft"
at router nft -f "$T/flood.nft"
at router nft delete table inet einat_flood
at router iptables-nft -t nat -A DOCKER ! -i br-c -p udp --dport 25200 -j DNAT --to-destination 172.17.0.2:5000
at router nft delete table inet einat_wan
lost_nft=$(overruns $NETLINK_NETFILTER)
check_num "nftables events were lost" "$lost_nft" -gt 0
kill -CONT "$EINAT_PID"
check "the table is back" wait_for 5 table_back
pause $((2 * SLOW)) # others' rules are read when the burst is over
check "a port that was published meanwhile is not given" not_given 25200

# ---- conntrack: a masqueraded flow on a port of the slice
kill -STOP "$EINAT_PID"
at h2 "$PY" - $A2 <<'END'
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for port in range(2000, 62000):
    try:
        s.sendto(b"x", (sys.argv[1], port))
    except OSError:
        pass
END
at router conntrack -I -p udp -s 192.168.1.3 -d $A1 --sport 25300 --dport 7000 --src-nat $EXT:25300 -t 300 >/dev/null 2>&1
check_num "conntrack events were lost" $(($(overruns $NETLINK_NETFILTER) - lost_nft)) -gt 0
kill -CONT "$EINAT_PID"
pause $((2 * SLOW))
check "a port that masquerade took meanwhile is not given" not_given 25300
check_eq "one of nobody's is" "$(seen h1 25400 $A1:7001)" "$EXT:25400"

# ---- routing: hairpin's rules
kill -STOP "$EINAT_PID"
for ((i = 0; i < 12000; i++)); do
	echo "route add 10.9.0.0/16 dev lan table 999"
	echo "route del 10.9.0.0/16 dev lan table 999"
done >"$T/flood.ip"
at router ip -batch "$T/flood.ip"
while at router ip rule | grep -q 'iif lan.*dport'; do
	at router ip rule del pref "$(at router ip rule | sed -n 's/^\([0-9]*\):.*iif lan.*dport.*/\1/p' | head -n 1)"
done
check_num "events of routing were lost" "$(overruns $NETLINK_ROUTE)" -gt 0
kill -CONT "$EINAT_PID"
check "the ip rules are back" wait_for 5 rules_back
check "hairpin works" wait_for 5 hairpin
check_eq "no packet left with a private source" "$(leaks)" 0
check "stop" stop_einat
finish_tests
