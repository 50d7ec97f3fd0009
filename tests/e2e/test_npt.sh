#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Stateless prefix translation (NPTv6): the lab of lab6.sh, whose internal prefix fd00:1::/48 is
# 2001:db8:77::/48 outside, routed to the router. Others masquerade IPv6 and drop what comes in.
set -u
. "$(dirname "$0")/lab.sh"
. "$LAB_DIR/lab6.sh"

PAIR=fd00:1::/48=2001:db8:77::/48
# fd00 + 1 - (2001 + db8 + 77) is ced1 in one's complement: the subnet number of fd00:1:0:0
X1=2001:db8:77:ced1::2
X2=2001:db8:77:ced1::3
MARK=0x4000

# The ISP's ways: to the external prefix, and to networks behind it that answer with errors.
isp_routes()
{
	local via=(via $EXT6)
	[ -z "$LAB_TUN" ] || via=()
	at isp ip -6 route add 2001:db8:77::/48 "${via[@]}" dev home
	at isp ip -6 route add unreachable 2001:db8:e0::/48
	at isp ip addr add 2001:db8:e1::1/64 dev core nodad
	at isp ip link set core mtu 1400
}

# A masquerade and a firewall that know nothing of einat but its mark.
foreign_rules()
{
	at router nft -f - <<-END
	table ip6 other {
		chain post {
			type nat hook postrouting priority srcnat; policy accept;
			oifname "wan" masquerade
		}
		chain inwards {
			type filter hook forward priority filter; policy drop;
			ct state established,related accept
			iifname "lan" accept
			meta mark & $MARK == $MARK counter accept
		}
	}
	END
}

# echo BOX SOURCE TARGET [OPTIONS]: three pings, what ping printed
echo6() { at "$1" timeout $((20 * SLOW)) ping -6 -n -I "$2" -c 3 -i 0.01 -W $((2 * SLOW)) "${@:4}" "$3" 2>&1; }
answers() { [[ $(echo6 "$@") == *" 0% packet loss"* ]]; }

# refused BOX TARGET PORT: a UDP datagram that nobody wants; what its sender is told
refused() { at "$1" "$PEER" send -b 4009 "$2:$3" hello; }

pmtu_of() { at "$1" ip -6 route get "$2" | sed -n 's/.* mtu \([0-9]*\).*/\1/p'; }
listens() { at "$1" ss -Hltn "sport = $2" | grep -q .; }
waits_for_prefix() { [[ $(status_prefix) == *"none now"* ]]; }
told() { [ "$(send h1 4012 $B1:7000 --host fd00:1:0:ffff::2)" = EACCES ]; }
# anew ADDRESS: of a new flow, since one that began earlier stays with masquerade
PORT=4100
anew() { PORT=$((PORT + 1)) && mapped $PORT "$1"; }
mapped() { [ "$(at h1 "$PEER" seen -b "$1" $B1:7000)" = "$2:$1" ]; }
status_prefix() { einat status -i wan | sed -n 's/^  prefix *//p'; }
accepted() { at router nft list chain ip6 other inwards | sed -n 's/.*counter packets \([0-9]*\) .*/\1/p'; }

lab_up
lab6_up
isp_routes
at router ip -6 route add fd00:1:0:ffff::/64 dev lan
foreign_rules || die "nft in router"
snapshot before
check_eq "without einat, others masquerade" "$(seen h1 4001 $B1:7000)" "$EXT6:4001"
must_start --proto udp --nptv6 $PAIR --inbound-mark $MARK/$MARK

# ---- out and in, of every protocol
e=$(seen h1 4002 $B1:7000 $B1:7001 $B2:7000)
check_eq "udp: h1 has its external address, and its port, for all peers" "$e" \
	"$X1:4002 $X1:4002 $X1:4002"
check_eq "udp: h2 has its own" "$(seen h2 4002 $B1:7000)" "$X2:4002"
check_eq "tcp" "$(tcp_seen h1 4003 $B1:7000 $B2:7000)" "$X1:4003 $X1:4003"
check "ping out" answers h1 fd00:1::2 $B1
check "ping out: fragments" answers h1 fd00:1::2 $B1 -s 5000
check "ping in" answers isp $B1 $X1
check "ping in: fragments" answers isp $B1 $X1 -s 5000
hold held h1 4004 $B1:7000
check_eq "udp in, from a port that was never called" "$(send isp 7777 "$X1:4004" --host $B2)" "$B2 7777"
finish "$PID"
start web h1 socat "TCP6-LISTEN:8080,fork,reuseaddr" "EXEC:head -c 30000000 /dev/zero"
wait_for 5 listens h1 8080
check_eq "tcp in: 30 MB from an internal server" \
	"$(at isp timeout $((30 * SLOW)) socat -u "TCP6:[$X1]:8080" - | wc -c)" 30000000
start sink isp socat -u "TCP6-LISTEN:8081,reuseaddr" "SYSTEM:wc -c >$T/sunk"
wait_for 5 listens isp 8081
head -c 30000000 /dev/zero | at h1 timeout $((30 * SLOW)) socat -u - "TCP6:[$B1]:8081"
wait_for 5 test -s "$T/sunk"
check_eq "tcp out: 30 MB to a server outside" "$(cat "$T/sunk")" 30000000
check_num "the firewall opened for the mark" "$(accepted)" -ge 3

# ---- errors, with what they quote
check_match "error from outside, about a ping" "$(echo6 h1 fd00:1::2 2001:db8:e0::1)" "No route"
check_match "error from a router on the way" "$(echo6 h1 fd00:1::2 2001:db8:e1::9 -t 2)" \
	"Time exceeded: Hop limit"
check_match "error of the inside host, told outside" "$(refused isp $X1 4100)" refused
check_match "error of this router, told outside" "$(echo6 isp $B1 $X1 -t 1)" \
	"From $EXT6.*Time exceeded: Hop limit"
echo6 h1 fd00:1::2 2001:db8:e1::9 -s 1400 -M do >/dev/null
check_eq "path MTU: what is outside reaches the inside host" "$(pmtu_of h1 2001:db8:e1::9)" 1400
at router ip link set lan mtu 1320
echo6 isp $B1 $X1 -s 1400 -M do >/dev/null
check_eq "path MTU: what is inside reaches the peer" "$(pmtu_of isp $X1)" 1320
at router ip link set lan mtu 1500

# ---- hairpin: by the external address of another host, and of one's own
hold held h1 4004 $B1:7000
check_eq "hairpin: h2 reaches h1, who sees its external address" "$(send h2 4005 "$X1:4004")" \
	"$X2 4005"
finish "$PID"
check "hairpin: ping" answers h2 fd00:1::3 $X1
check "hairpin: ping to oneself" answers h1 fd00:1::2 $X1
check_match "hairpin: error" "$(refused h2 $X1 4100)" refused

# ---- what has no counterpart, and what is not in a pair
at h1 ip addr add fd00:1:0:ffff::2/128 dev eth0 nodad
check_not "subnet 0xffff: no way out" answers h1 fd00:1:0:ffff::2 $B1 -W 1
check_num "subnet 0xffff: counted" "$(stat_of out npt-unmapped)" -ge 3
check "subnet 0xffff: the host is told, ICMPv6 1/5, two a second" wait_for 5 told
check_not "subnet 0xffff: no way in" answers isp $B1 2001:db8:77:ffff::2 -W 1
check_num "subnet 0xffff: counted, in" "$(stat_of in npt-unmapped)" -ge 3
check_match "subnet 0xffff: the peer is told, ICMPv6 1/0" \
	"$(echo6 isp $B2 2001:db8:77:ffff::2)" "From $EXT6.*No route"
check_eq "the router itself" "$(seen router 4006 $B1:7000)" "$EXT6:4006"
check_match "status names the pair" "$(status_prefix)" "^fd00:1::/48 <-> 2001:db8:77::/48$"
check_eq "statistics: out" "$(($(stat_of out npt) > 100))" 1
check_eq "statistics: hairpin" "$(($(stat_of out hairpin) >= 8))" 1
check_eq "nothing left with an internal address" "$(leaks6)" 0

# ---- killed, started anew, reloaded, stopped
finish "$EINAT_PID" KILL
check "a killed daemon: translated all the same" mapped 4007 $X1
must_start --proto udp --nptv6 $PAIR --inbound-mark $MARK/$MARK
check "take-over" mapped 4007 $X1
start_flow=$(at router conntrack -L -f ipv6 -s fd00:1::2 2>/dev/null | grep -c fd00:1::2)
check_num "conntrack knows the flows" "$start_flow" -ge 1
check "stop" stop_einat
check_eq "stop: its flows are forgotten" \
	"$(at router conntrack -L -f ipv6 -p udp -s fd00:1::2 2>/dev/null | grep -c dst=fd00:1::2)" 0
check "stop: masquerade has taken over" mapped 4007 $EXT6
snapshot after
check "stop: all is as before" same before after

# ---- reload: a prefix that is translated no more goes to masquerade, its flows at once
conf() { echo "interfaces = ( { interface = \"wan\"; $1 slices = ( { proto = \"udp\"; } ); } );" >"$T/conf"; }
conf "nptv6 = \"$PAIR\";"
check_match "plan: the pair" "$(einat plan --config "$T/conf")" "# nptv6: fd00:1::/48 <-> 2001:db8:77::/48"
start einat router "$EINAT" run --config "$T/conf"
EINAT_PID=$PID
wait_for 15 logged einat ready || die "einat did not start by file"
check "the firewall that is in the way is named" logged einat "ip6 other inwards .*--inbound-mark"
check "reload: translated" mapped 4013 $X1
conf ""
kill -HUP "$EINAT_PID"
check "reload: masquerade has taken over" wait_for 5 mapped 4013 $EXT6
check_eq "reload: nothing left with an internal address" "$(leaks6)" 0
conf "nptv6 = \"fd00:1::/48=2001:db8:77:8000::/49\";"
kill -HUP "$EINAT_PID"
check "reload: another pair" wait_for 5 anew 2001:db8:77:8000:4ed1::2
check "stop" stop_einat

# ---- a longer prefix: the interface identifier is adjusted, and may not be all zeros
# fd00 + 1 - (2001 + db8 + 77 + 5) is cecc
must_start --proto udp --nptv6 fd00:1::/64=2001:db8:77:5::/64 --inbound-mark $MARK/$MARK
check_eq "/64: h1" "$(seen h1 4014 $B1:7000)" "2001:db8:77:5:cecc::2:4014"
check_match "/64: all zeros: the peer is told, ICMPv6 4/0" "$(echo6 isp $B2 2001:db8:77:5::)" \
	"From $EXT6.*Parameter problem"
check "stop" stop_einat

# ---- prefixes first, bindings for the rest
at h2 ip addr add fd00:2::3/64 dev eth0 nodad
at router ip -6 route add fd00:2::/64 dev lan
must_start --proto udp --nptv6 $PAIR --ipv6 --inbound-mark $MARK/$MARK
check_eq "with --ipv6: a host of a prefix" "$(seen h1 25008 $B1:7000)" "$X1:25008"
check_eq "with --ipv6: another host has a binding" \
	"$(at h2 "$PEER" seen -b 25008 --host fd00:2::3 $B1:7000)" "$EXT6:25008"
check_match "with --ipv6: the binding" "$(bindings)" "fd00:2::3.*25008"
check_not "with --ipv6: no binding for a host of a prefix" grep -q fd00:1:: <<<"$(bindings)"
hold held h1 4004 $B1:7000
e=$(at h2 "$PEER" send --host fd00:2::3 -b 25009 --limit 0.2 "$X1:4004" hello)
check_match "with --ipv6: h1 saw the binding's host by its external address" "$(cat "$T/held")" \
	"from $EXT6:25009"
finish "$PID"
check_eq "nothing left with an internal address" "$(leaks6)" 0
check "stop" stop_einat

# ---- auto: the prefix of the interface, followed; neighbours need a proxy
if [ -z "$LAB_TUN" ]; then
	# fd00 + 1 - (2001 + db8) is cf48; - (2001 + db8 + 9) is cf3f
	x=2001:db8::cf48:0:0:2 y=2001:db8:0:9:cf3f::2
	at router sysctl -qw net.ipv6.conf.wan.proxy_ndp=1
	at router ip -6 neigh add proxy $x dev wan
	at router ip -6 neigh add proxy $y dev wan
	must_start --proto udp --nptv6 fd00:1::/64=auto --inbound-mark $MARK/$MARK
	check_match "auto: status" "$(status_prefix)" "^fd00:1::/64 <-> 2001:db8::/64 .auto.$"
	check "auto: translated" mapped 4009 $x
	at isp ip addr add 2001:db8:0:9::1/64 dev home nodad
	at router ip addr add 2001:db8:0:9::2/64 dev wan nodad
	at router ip addr change $EXT6/64 dev wan preferred_lft 0
	check "auto: a new prefix is followed" wait_for 5 anew $y
	at router ip addr del 2001:db8:0:9::2/64 dev wan
	at router ip addr del $EXT6/64 dev wan
	check "auto: without a prefix" wait_for 5 waits_for_prefix
	check_eq "nothing left with an internal address" "$(leaks6)" 0
	at router ip addr add $EXT6/64 dev wan nodad
	at router ip -6 route replace default via 2001:db8::1
	check "auto: it comes back" wait_for 5 anew $x
	check "stop" stop_einat
fi
finish_tests
