# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# IPv6 in the lab, beside IPv4: source it after lab.sh and call lab6_up after lab_up.
#
#   h1 fd00:1::2, 2001:db8:1::2 --+
#                                 lan  router  wan ------------- home  isp
#   h2 fd00:1::3 -----------------+   fd00:1::1   2001:db8::2   2001:db8::1, lo ::10 and ::11

EXT6=2001:db8::2
B1=2001:db8:f::10
# shellcheck disable=SC2034 # for callers
B2=2001:db8:f::11

# No duplicate address detection, no addresses by themselves but link-local ones; tests provoke many
# ICMPv6 errors on purpose.
ipv6_on()
{
	local dev
	at "$1" sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0 \
		net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 net.ipv6.icmp.ratelimit=0
	for dev in $(at "$1" ls /proc/sys/net/ipv6/conf); do
		at "$1" sysctl -qw "net.ipv6.conf.${dev//.//}.accept_dad=0"
	done
}

# wan and the ISP's end of it; a tun device has no neighbours
wan6_up()
{
	if [ -n "$LAB_TUN" ]; then
		at router ip addr add $EXT6/128 dev wan nodad
		at router ip -6 route replace default dev wan
		at isp ip addr add 2001:db8::1/128 dev home nodad
		at isp ip -6 route replace 2001:db8::/64 dev home
		at isp ip -6 route replace 2001:db8:1::/64 dev home
	else
		at router ip addr add $EXT6/64 dev wan nodad
		at router ip -6 route replace default via 2001:db8::1
		at isp ip addr add 2001:db8::1/64 dev home nodad
		at isp ip -6 route replace 2001:db8:1::/64 via $EXT6
	fi
}

lab6_up()
{
	local word
	for word in router isp h1 h2; do
		ipv6_on "$word"
	done
	at router sysctl -qw net.ipv6.conf.all.forwarding=1
	at isp sysctl -qw net.ipv6.conf.all.forwarding=1
	at router ip addr add fd00:1::1/64 dev lan nodad
	at router ip addr add 2001:db8:1::1/64 dev lan nodad
	at h1 ip addr add fd00:1::2/64 dev eth0 nodad
	# a host with a global address is reached without NAT
	at h1 ip addr add 2001:db8:1::2/64 dev eth0 nodad
	at h2 ip addr add fd00:1::3/64 dev eth0 nodad
	at h1 ip -6 route add default via fd00:1::1 src fd00:1::2
	at h2 ip -6 route add default via fd00:1::1
	at isp ip addr add $B1/128 dev lo nodad
	at isp ip addr add $B2/128 dev lo nodad
	wan6_up
	at isp nft -f - <<-'END' || die "nft in isp"
	table ip6 watch {
		counter leaks { }
		chain pre {
			type filter hook prerouting priority raw; policy accept;
			iifname "home" ip6 saddr fc00::/7 counter name leaks
		}
	}
	END
	# link-local addresses come by themselves, a moment later
	wait_for 5 all_link_local || die "router has no link-local addresses"
	start servers6 isp "$PEER" serve $B1 $B2
	wait_for 5 logged servers6 serving || die "servers6: $(cat "$T/servers6")"
	wait_for 5 at router ping -6 -c 1 -W 1 -q $B1 || die "the router has no way out"
}

# others6: someone masquerades IPv6 on wan
others6()
{
	at router nft -f - <<-'END' || die "nft in router"
	table ip6 others {
		chain postrouting {
			type nat hook postrouting priority srcnat;
			oifname wan masquerade
		}
	}
	END
}

# second_uplink6: the same of IPv6 for second_uplink(): 2001:db8:2::2, the ISP's end is ::1
second_uplink6()
{
	at router ip addr add 2001:db8:2::2/64 dev wan2 nodad
	at isp ip addr add 2001:db8:2::1/64 dev home2 nodad
	at isp nft add rule ip6 watch pre iifname home2 ip6 saddr fc00::/7 counter name leaks
}

all_link_local()
{
	local dev
	for dev in lan br-c p-h1 p-h2 p-c1 wan; do
		at router ip -6 route show table local dev "$dev" | grep -q '^local fe80' || return 1
	done
}

# packets that left with a unique local source, as leaks() for IPv4
leaks6() { at isp nft list counter ip6 watch leaks | sed -n 's/.*packets \([0-9]*\) .*/\1/p'; }

# conntrack6_of PROTO SOURCE [PORT]: as conntrack_of; conntrack prints addresses as given here
conntrack6_of()
{
	at router conntrack -L -f ipv6 -p "$1" --orig-src "$2" ${3:+--orig-port-src "$3"} 2>/dev/null |
		awk -v ext="dst=$EXT6" -v src="dst=$2" '{
			n = 0
			for (i = 1; i <= NF; i++) {
				if ($i !~ /^dst=/ || ++n != 2)
					continue
				print $i == ext ? "masquerade" : $i == src ? "untouched" : "other " $i
			}
		}' | sort -u
}
