#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# ICMP errors about hairpinned packets reach the host that sent them (RFC 5508 REQ-7), over IPv4 and
# IPv6, and nothing of it is seen outside.
set -u
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/lab6.sh"
lab_up
lab6_up
# a slow machine takes longer from a packet to an error about it: still related for a careful router
at router sysctl -qw net.netfilter.nf_conntrack_udp_timeout=600

# What h1 is told, how it is marked, and what of that leaves by wan.
watch()
{
	at h1 nft -f - <<-END
	table inet watch {
		counter told { }
		counter marked { }
		chain in {
			type filter hook input priority raw;
			ip saddr $EXT icmp type { 3, 11, 12 } counter name told
			ip saddr $EXT icmp type { 3, 11, 12 } ip dscp cs6 counter name marked
			ip6 saddr $EXT6 icmpv6 type { 1, 2, 3, 4 } counter name told
			ip6 saddr $EXT6 icmpv6 type { 1, 2, 3, 4 } ip6 dscp cs6 counter name marked
		}
	}
	END
	at isp nft -f - <<-'END'
	table inet outside {
		counter errors { }
		chain pre {
			type filter hook prerouting priority raw;
			iifname "home" icmp type { 3, 11, 12 } counter name errors
			iifname "home" icmpv6 type { 1, 2, 3, 4 } counter name errors
		}
	}
	END
}
count() { at "$1" nft list counter inet "$2" "$3" | sed -n 's/.*packets \([0-9]*\) .*/\1/p'; }
sockets() { at router ss -Hwanp | grep -c '"einat"'; }
forget() { local b; for b in h1 h2 router; do at "$b" ip route flush cache; at "$b" ip -6 route flush cache; done; }
learnt() { at h1 ip route get "$1" | sed -n 's/.* mtu \([0-9]*\).*/\1/p'; }
# the way to h2 becomes narrower than the LAN: narrow MTU; wide
narrow()
{
	at router ip route replace 192.168.1.3/32 dev lan mtu lock "$1"
	at router ip -6 route replace fd00:1::3/128 dev lan mtu "$1"
	forget
}
wide()
{
	at router ip route del 192.168.1.3/32 dev lan
	at router ip -6 route del fd00:1::3/128 dev lan
	forget
}
# transfer CLIENT-ARGUMENTS...: 20 MB from h1; what is under way at the end does not count
transfer()
{
	at h1 timeout $((20 * SLOW)) iperf3 -n 20M -J "$@" >"$T/json"
	json "d.get('error') or min(d['end']['sum_received']['bytes'], 5000000)" <"$T/json"
}

watch || die "nft"
by_wan="dev wan"
[ -n "$LAB_TUN" ] || by_wan="via 203.0.113.1"
# a careful router
rp_filter()
{
	at router sysctl -qw net.ipv4.conf.all.rp_filter="$1" net.ipv4.conf.wan.rp_filter="$1" \
		net.ipv4.conf.lan.rp_filter="$1"
}
rp_filter 1
at router nft -f - <<-'END' || die "nft"
	table inet careful {
		chain input { type filter hook input priority filter; ct state invalid drop; }
		chain output { type filter hook output priority filter; ct state invalid drop; }
	}
END
start iperf h2 iperf3 -s
wait_for 5 eval 'at h2 ss -Hltn src :5201 | grep -q .' || die "iperf3: $(cat "$T/iperf")"

# ---- UDP
must_start --proto all --ports 20000-29999 --ipv6 --hairpin-if lan \
	--forward tcp:25100=192.168.1.3:5201 --forward udp:25101=192.168.1.3:5101
hold target h2 25010 $A1:7000
target=$PID to=$ENDPOINT
check_eq "udp: h1 reaches h2" "$(send h1 25011 "$to")" "$EXT 25011"
narrow 1300
check_eq "udp: fragmentation needed, by the router: h1 is told" \
	"$(send h1 25012 "$to" --size 1400 --df --limit 0.5)" EMSGSIZE
check_eq "udp: h1 has learnt the MTU of the path to the external address" "$(learnt $EXT)" 1300
check_eq "udp: what fits, DF, arrives" "$(send h1 25012 "$to" --size 1272 --df)" "$EXT 25012"
wide
check_eq "udp: time exceeded, by the router: h1 is told" \
	"$(send h1 25013 "$to" --ttl 2 --limit 0.5)" EHOSTUNREACH
finish "$target"
check_eq "udp: port unreachable, by h2: h1 is told" "$(send h1 25014 "$to" --limit 0.5)" refused
live=$(bindings)
check_eq "udp: so it is by a static binding, whose port is another inside" \
	"$(send h1 25015 $EXT:25101 --limit 0.5)" refused
check_eq "an error ends no binding" "$(comm -23 <(echo "$live") <(bindings))" ""
hold same h2 25020 $A1:7000
other=$(seen h1 25020 $A1:7000)
check_not "udp: h1's port is another one outside ($other)" test "$(port_of "$other")" = 25020
check_eq "udp: and the error names the one that h1 knows" \
	"$(send h1 25020 $EXT:25101 --limit 0.5)" refused
finish "$PID"

# ---- a rule for what this host sends from the external address does not lead astray
rp_filter 0 # with such a rule a strict one drops what LAN hosts send to the external address
at router ip rule add pref 1000 iif lo from $EXT lookup 99
at router ip route add default $by_wan table 99
check_match "the host's own packets from there leave by wan" \
	"$(at router ip route get 192.168.1.2 from $EXT)" "dev wan"
check_eq "but what is meant for h1 goes to h1" \
	"$(send h1 25016 $EXT:25101 --limit 0.5)" refused
at router ip rule del pref 1000
rp_filter 1

# ---- TCP
narrow 1300
check_eq "tcp: a transfer over a narrow path" "$(transfer -c $EXT -p 25100)" 5000000
check_eq "tcp: h1 has learnt its MTU" "$(learnt $EXT)" 1300
wide

# ---- IPv6
hold target6 h2 25030 $B1:7000
target=$PID to=$ENDPOINT
check_eq "udp6: h1 reaches h2" "$(send h1 25031 "$to")" "$EXT6 25031"
narrow 1300
check_match "udp6: the first large datagram is lost" \
	"$(send h1 25032 "$to" --size 1400 --limit 0.3)" "^(none|EMSGSIZE)$"
check_eq "udp6: packet too big, by the router: h1 has learnt it" "$(learnt $EXT6)" 1300
wide
finish "$target"
check_eq "udp6: port unreachable, by h2: h1 is told" "$(send h1 25033 "$to" --limit 0.5)" refused
hold tcptarget6 h2 5202 $B1:7000 tcphold
finish "$PID"
to=$ENDPOINT
start iperf6 h2 iperf3 -s -6 -p 5202
wait_for 5 eval 'at h2 ss -Hltn src :5202 | grep -q .' || die "iperf3: $(cat "$T/iperf6")"
narrow 1300
check_eq "tcp6: a transfer over a narrow path" "$(transfer -6 -c $EXT6 -p "${to##*:}")" 5000000
check_eq "tcp6: h1 has learnt its MTU" "$(learnt $EXT6)" 1300
wide

check_num "h1 was told of all that" "$(count h1 watch told)" -ge 9
check_eq "the messages are marked as internetwork control" "$(count h1 watch marked)" \
	"$(count h1 watch told)"

# ---- a flood: as many errors as a program can make, about one flow of h1
check_eq "flood: h1 has a binding" "$(binding_of udp 192.168.1.2:25015)" "$EXT:25015"
sent=$(count h1 watch told)
ticks() { awk '{ print $14 + $15 }' "/proc/$EINAT_PID/stat"; }
before=$(ticks)
at h2 "$PY" "$LAB_DIR/icmp_flood.py" $EXT 25015 192.168.1.3 5101 $((2 * SLOW)) >"$T/flood"
told=$(($(count h1 watch told) - sent))
made=$(cat "$T/flood")
percent=$((($(ticks) - before) * 100 / (2 * SLOW * $(getconf CLK_TCK))))
check_num "flood: $made messages within $((2 * SLOW)) s" "$made" -gt 1000
check_num "flood: some reach h1 ($told)" $told -gt 0
check_num "flood: einat takes little time ($percent %)" "$percent" -lt $((8 * SLOW))
check_num "flood: at most 20 a second, and 20 at once" $told -le $((20 * (2 * SLOW + 2)))
check_eq "flood: einat goes on" "$(einat status -i wan --json >/dev/null && echo yes)" yes
check_eq "flood: and so do errors" "$(sleep 0.2; send h1 25017 $EXT:25101 --limit 0.5)" refused

# ---- the way to h1 is lost: what names it does not go to the Internet instead
at router ip route add 192.168.1.2/32 $by_wan
at h2 "$PY" "$LAB_DIR/icmp_flood.py" $EXT 25015 192.168.1.3 5101 0.2 >"$T/flood"
at router ip route del 192.168.1.2/32
check_num "no way: errors came meanwhile" "$(cat "$T/flood")" -gt 0
check_eq "no error left by wan" "$(count isp outside errors)" 0
check "stop" stop_einat

# ---- a slice of UDP alone
must_start --proto udp --ports 20000-29999 --hairpin-if lan
hold target h2 25040 $A1:7000
target=$PID to=$ENDPOINT
check_eq "udp alone: h1 reaches h2" "$(send h1 25041 "$to")" "$EXT 25041"
finish "$target"
check_eq "udp alone: port unreachable: h1 is told" "$(send h1 25042 "$to" --limit 0.5)" refused
check_eq "udp alone: the router answers a ping to its address" \
	"$(at h1 ping -q -c 1 -W $((2 * SLOW)) $EXT >/dev/null && echo yes)" yes
check_eq "udp alone: one raw socket sends, another receives errors" "$(sockets)" 2
check "udp alone: stop" stop_einat

check_eq "no packet left with a private source" "$(leaks)" 0
check_eq "no packet left with a unique local source" "$(leaks6)" 0
finish_tests
