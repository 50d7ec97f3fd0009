# SPDX-License-Identifier: GPL-2.0-or-later
# For tests of two uplinks, wan and wan2: the lab with both, of either family, and what these ask.
# shellcheck shell=bash
. "$(dirname "${BASH_SOURCE[0]}")/lab.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lab6.sh"
lab_up
lab6_up
second_uplink
second_uplink6
at isp sysctl -qw net.ipv4.conf.home2.proxy_arp=1
at router nft add rule ip home postrouting oifname wan2 masquerade
at isp ip -6 route add 2001:db8:77::/48 via $EXT6 dev home
at isp ip -6 route add 2001:db8:78::/48 via 2001:db8:2::2 dev home2
# shellcheck disable=SC2034 # used by tests
slice=(--proto udp --ports 20000-29999)

start_second() # OPTIONS: an einat on wan2
{
	start einat2 router "$EINAT" run -i wan2 "$@"
	second=$PID
	wait_for 15 logged einat2 ready || die "einat2: $(cat "$T/einat2")"
}
watch_entries()
{
	start ended router conntrack -E -e DESTROY -p udp
	ended=$PID
	pause 0.5
}
# einat looks at what has changed, and is to find nothing: no event tells of that
settle() { pause 1; }
no_more_leaks() # NAME
{
	local before
	pause 1 # what leaves while the change is being noticed is the kernel's
	before="$(leaks) $(leaks6)"
	pause 2
	check_eq "$1: nothing leaves with an internal source" "$(leaks) $(leaks6)" "$before"
}
clean()
{
	check "$1: stop" stop_einat
	at router conntrack -F 2>/dev/null
}
entry_by() # PORT ADDRESS: answers to the flow from PORT come to ADDRESS
{
	{
		at router conntrack -L -p udp --orig-port-src "$1"
		at router conntrack -L -f ipv6 -p udp --orig-port-src "$1"
	} 2>/dev/null | grep -q "src=.* dst=$2 sport=[0-9]* dport=[0-9]* "
}
