#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# firewalld beside einat: zones, a policy, forwarded ports; reload, complete reload, runtime changes, flushed rules.
set -u
. "$(dirname "$0")/lab.sh"
needs firewalld dbus-daemon
lab_up
at router nft delete table ip home # firewalld masquerades

cat >"$T/bus.conf" <<'END'
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/lab/bus.sock</listen>
  <policy context="default">
    <allow user="*"/> <allow own="*"/> <allow send_type="method_call"/>
    <allow send_destination="*"/> <allow receive_sender="*"/>
  </policy>
</busconfig>
END
export DBUS_SYSTEM_BUS_ADDRESS=unix:path=/run/lab/bus.sock
start bus router dbus-daemon --config-file="$T/bus.conf" --nofork --nopidfile
wait_for 10 test -S /run/lab/bus.sock || die "dbus-daemon: $(cat "$T/bus")"
fw() { at router firewall-cmd "$@"; }
running() { [ "$(fw --state 2>&1)" = running ]; }
start firewalld router firewalld --nofork --nopid
wait_for 30 running || die "firewalld: $(cat "$T/firewalld")"
{
	fw --permanent --zone=external --add-interface=wan
	fw --permanent --zone=internal --add-interface=lan
	fw --permanent --zone=internal --add-interface=br-c
	fw --permanent --zone=external --add-forward-port=port=8080:proto=tcp:toport=7000:toaddr=192.168.1.3
	fw --permanent --zone=external --add-forward-port=port=25000:proto=udp:toport=7000:toaddr=192.168.1.3
	fw --permanent --new-policy lan-out
	fw --permanent --policy lan-out --add-ingress-zone internal
	fw --permanent --policy lan-out --add-egress-zone external
	fw --permanent --policy lan-out --set-target ACCEPT
} >"$T/fw" 2>&1
check "firewalld is set up" fw --reload
echo "# firewalld $(fw --version)"
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

reload() { fw --reload; }
complete() { fw --complete-reload; }
runtime() { fw --zone=external --add-port=9999/tcp && fw --zone=external --remove-port=9999/tcp; }
# the first reload fails, since the table that it wants to replace is gone, and leaves a drop policy; so for a repair
fw_again() { fw --reload >/dev/null 2>&1 || fw --reload; }
flush() { at router nft flush ruleset && sleep 0.3 && fw_again; }
as_ever()
{
	check_eq "$1: firewall-cmd --state" "$(fw --state)" running
	check_match "$1: its zones" "$(fw --get-active-zones | tr -s '\n ' ' ')" "external interfaces: wan internal interfaces: (lan br-c|br-c lan)"
	check_match "$1: --list-all" "$(fw --zone=external --list-all)" "masquerade: yes.*port=8080:proto=tcp:toport=7000"
	check_eq "$1: forwarded UDP" "$(seen far 7210 $EXT:25000)" "$FAR:7210"
	check_eq "$1: forwarded TCP" "$(tcp_seen far 7211 $EXT:8080)" "$FAR:7211"
	check_eq "$1: the container to the Internet" "$(seen c1 7213 $A1:7001)" "$EXT:7213"
}
round()
{
	act "$1" reload reload
	act "$1" runtime runtime
	act "$1" complete-reload complete
	as_ever "$1: after a complete reload"
	act "$1" flush flush
	as_ever "$1: after a flush"
}

lan_flows 25100
round plain

must_start --proto udp,tcp --ports 20000-29999 --inbound-mark 0x1/0x1 --exclude-dest $A2/32
check_eq "einat guards: firewalld masquerades" "$(einat status -i wan --json | json "d['interfaces'][0]['rest']")" guard
check "it says that firewalld drops what comes in from unknown remotes" logged einat "will not be endpoint-independent: inet firewalld filter_FORWARD"
check_eq "and so it is" "$(eif h1 25003 $A1:7000 $A2:7001)" no
check "stop" stop_einat

# ---- --open: a rule of einat's in firewalld's own chain, put back whenever firewalld writes it anew
at isp ip route add 192.168.1.0/24 via $EXT
rules_of() { at router nft -a list chain inet firewalld filter_FWD_external; }
opened() { rules_of 2>/dev/null | grep -c 'einat --open on wan'; }
is_open() { [ "$(opened)" = 1 ]; }
# opened_after NAME PORT COMMAND...: it is open again, and how long after the command
opened_after()
{
	local name=$1 port=$2 t
	shift 2
	check "--open: $name" "$@"
	t=${EPOCHREALTIME/./}
	check "--open: $name: the rule is there" wait_for 5 is_open
	echo "# the rule of --open was there at most $(((${EPOCHREALTIME/./} - t) / 1000)) ms after the end of it"
	check_eq "--open: $name: full cone" "$(eif h1 "$port" $A1:7000 $A2:7001)" yes
	check_eq "--open: $name: a LAN host's own address stays closed" \
		"$(send isp $((port - 17000)) 192.168.1.3:7000 --limit 0.3)" EHOSTUNREACH
	check_eq "--open: $name: and the router's own services" \
		"$(send isp $((port - 17100)) $EXT:9000 --limit 0.3)" EHOSTUNREACH
}
start own router "$PEER" hold -b 9000 $A1:7000
own=$PID
wait_for 5 test -s "$T/own"
must_start --proto udp,tcp --ports 20000-29999 --exclude-dest $A2/32 --open
opened_after "a start" 25201 true
check_match "--open: it stands before firewalld's reject" "$(rules_of | grep -A1 -e --open)" "accept.*reject with"
check "--open: no warning of filtering is left" \
	test "$(einat check -i wan --json | json "[f for f in d['interfaces'][0]['findings'] if f['code'] == 'drop-inbound']")" = "[]"
opened_after "firewall-cmd --reload" 25202 reload
opened_after "a change at run time" 25203 runtime
opened_after "firewall-cmd --complete-reload" 25204 complete
opened_after "nft flush ruleset, and two reloads" 25205 flush
as_ever "with --open"
check "--open: stop" stop_einat
check_eq "--open: the rule is gone" "$(opened)" 0
check "firewalld goes on without it" reload
finish "$own"

# ---- without it: an accept elsewhere does not help, rules in firewalld's table go with each reload: a policy lets in what
# comes, and a table of one's own drops what einat has not marked.
{
	fw --permanent --new-policy einat-in
	fw --permanent --policy einat-in --add-ingress-zone external
	fw --permanent --policy einat-in --add-egress-zone internal
	fw --permanent --policy einat-in --set-target ACCEPT
} >"$T/fw" 2>&1
at router nft -f - <<'END'
table inet einat-in {
	chain forward {
		type filter hook forward priority filter; policy accept;
		iifname "wan" ct state new ct status ! dnat meta mark & 0x1 == 0 drop
	}
}
END
check "a policy for what einat translates inwards" fw --reload
must_start --proto udp,tcp --ports 20000-29999 --inbound-mark 0x1/0x1 --exclude-dest $A2/32
check_eq "full cone" "$(eif h1 25004 $A1:7000 $A2:7001)" yes
check_eq "a LAN host's own address, routed to the router, stays closed" "$(send isp 7202 192.168.1.3:7000 --limit 0.3)" none
as_ever "with einat"
claimed "with einat" 25110
hold held h1 25102 $A1:7000
check_eq "a binding for a stranger" "$ENDPOINT" "$EXT:25102"
flow stranger far udp 7104 $EXT:25102
lan_flows 25101
lan_leaks_begin
round einat
no_worse reload 10
no_worse runtime
no_worse complete-reload 10
no_worse flush 20
claimed "after all that" 25111
check_eq "full cone still" "$(eif h1 25113 $A1:7000 $A2:7001)" yes
back_within 100 "nft flush ruleset" nft flush ruleset
check "firewall-cmd --reload, twice" fw_again
claimed "after one more flush" 25112
back_within 100 "firewall-cmd --reload" firewall-cmd --reload
back_within 100 "firewall-cmd --complete-reload" firewall-cmd --complete-reload
check_eq "with einat no packet of the slice left with its host's own address" "$(lan_leaks)" 0
check "stop" stop_einat
as_ever "without einat again"
check_eq "nothing of einat's is left" "$(at router nft list tables | grep -c einat_)" 0
finish_tests
