#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# einat check on a live router: exit statuses, findings about the host, a snapshot analysed
# elsewhere, the refusal to start, the check while einat runs, --open.
set -u
. "$(dirname "$0")/lab.sh"
lab_up firewall

# codes ARGUMENTS...: "code/certainty" of every finding, sorted, in one line
codes()
{
	einat check "$@" --json |
		json "' '.join(sorted({f['code'] + '/' + f['certainty'] for f in d['interfaces'][0]['findings']}))"
}
# field CODE KEY ARGUMENTS...
field()
{
	einat check "${@:3}" --json |
		json "'|'.join(f.get('$2', '') for f in d['interfaces'][0]['findings'] if f['code'] == '$1')"
}
# status_of ARGUMENTS...: the exit status
status_of()
{
	einat check "$@" >"$T/said" 2>&1
	echo $?
}
has() { codes "${@:2}" | tr ' ' '\n' | grep -qx "$1"; }
conflicts() { einat status --json | json "' '.join(c['code'] for c in d['interfaces'][0]['conflicts'])"; }
no_conflict() { [ -z "$(conflicts)" ]; }
has_conflict() { [[ " $(conflicts) " == *" $1 "* ]]; }
nft() { at router nft "$@"; }

# ---- the host ------------------------------------------------------------------------------
check_eq "a firewall that drops new connections: a warning" "$(status_of -i wan)" 1
check "it is named" has drop-inbound/will -i wan
check_match "with the command that mends it, where the mark is accepted" "$(field drop-inbound mend -i wan)" \
	"nft .* rule inet firewall forward .*meta mark and 0x10000000 == 0x10000000 accept"
check_match "text for people ends in a sum" "$(tail -n 2 "$T/said")" "wan: 0 conflicts"
check_not "no colours in a file" grep -q $'\033' "$T/said"
check_eq "an interface that is not there: a warning" "$(codes -i nowhere | grep -o interface-missing/will)" \
	interface-missing/will
at router sysctl -qw net.ipv4.ip_forward=0
check "forwarding that is off" has forwarding-off/will -i wan
at router sysctl -qw net.ipv4.ip_forward=1
at router sysctl -qw net.ipv4.ip_local_port_range="25000 40000"
check "ports that the host picks from the slice" has local-port-range/may -i wan
check_eq "the command for it" "$(field local-port-range mend -i wan)" \
	"sysctl -w net.ipv4.ip_local_reserved_ports=25000-29999"
at router sysctl -qw net.ipv4.ip_local_reserved_ports=25000-29999
check_not "mends it" has local-port-range/may -i wan
start listener router $PY -c 'import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 25123))
print("bound", flush=True)
time.sleep(60)'
wait_for 5 logged listener bound
check_match "a local program on a port of the slice" "$(field socket-slice-port what -i wan)" "udp port 25123"
check_match "which one" "$(field socket-slice-port text -i wan)" "python3, process $PID"
check_not "no port of a slice elsewhere" has socket-slice-port/will -i wan --ports 30000-30999
finish "$PID"
at router tc qdisc add dev wan clsact
at router tc filter add dev wan ingress pref 7 bpf bytecode '1,6 0 0 0,'
check_match "a TC filter of someone else" "$(field tc-program text -i wan)" "filter bpf.*priority 7"
at router tc qdisc del dev wan clsact
at router ip rule add pref 1 from 10.9.9.9 lookup main
check "no room for hairpin" has local-rule/will -i wan --hairpin-if lan
check_not "which nobody asked for" has local-rule/will -i wan
at router ip rule del pref 1
at router ip rule add pref 500 fwmark 0x10000/0xff0000 lookup 500
at router ip route add default dev wan table 500
check "a routing rule that looks at the inbound mark" has mark-routed/will -i wan --inbound-mark 0x10000/0x10000
check_not "but not at this one" has mark-routed/will -i wan --inbound-mark 0x1/0x1
at router ip route flush table 500
check_not "nor if it sends nothing another way" has mark-routed/will -i wan --inbound-mark 0x10000/0x10000
at router ip rule del pref 500
check_eq "--mark that nobody sets" "$(codes -i wan --mark 0x100/0x100 | grep -o mark-never-set/will)" mark-never-set/will

# ---- the rules -----------------------------------------------------------------------------
nft -f - <<'END'
table ip early {
	chain post {
		type nat hook postrouting priority 50; policy accept;
		oifname "wan" ip saddr 192.168.1.3 masquerade
	}
}
END
check_eq "a masquerade before the claim: a conflict" "$(status_of -i wan)" 2
check "it is certain" has snat-before-claim/will -i wan
check_match "with the rule" "$(field snat-before-claim text -i wan)" 'oifname "wan" ip saddr 192.168.1.3 masquerade'
check_not "other hosts are not concerned" has snat-before-claim/will -i wan --internal 192.168.1.2/32
einat run -i wan >"$T/refused" 2>&1
check_eq "einat refuses to start over it" $? 2
check_match "and says what to do" "$(cat "$T/refused")" "einat check -i wan.*--force"
check_not "nothing was written" has_traces
must_start --force
check "--force starts all the same" wait_for 5 has_conflict snat-before-claim
check "stop" stop_einat
nft delete table ip early

# ---- prefix translation, without NAT66 -------------------------------------------------------------
npt=(-i wan --nptv6 fd00:1::/48=2001:db8:77::/48)
check "forwarding of IPv6 that is off" has forwarding-off/will "${npt[@]}"
check_not "which nobody needs without it" has forwarding-off/will -i wan
nft -f - <<'END'
table ip6 six {
	chain post {
		type nat hook postrouting priority 50;
		oifname "wan" ip6 saddr fd00:1::/48 masquerade
		oifname "wan" ip6 saddr fd00:2::/48 masquerade
	}
	chain inwards {
		type filter hook forward priority 0; policy drop;
		iifname "lan" accept
	}
}
END
check_match "IPv6 masquerade before the claim of a prefix" "$(field snat-before-claim text "${npt[@]}")" \
	'^oifname "wan" ip6 saddr fd00:1::/48 masquerade$'
check_match "and an IPv6 chain that drops what comes in for it" "$(field drop-inbound where "${npt[@]}")" \
	'ip6 six inwards'
check_not "which concerns no slice of IPv4" grep -q 'ip6 six' <(einat check -i wan)
nft delete table ip6 six

# ---- a snapshot, analysed elsewhere -----------------------------------------------------------
check_eq "--save" "$(status_of -i wan --save "$T/host.json")" 1
check_eq "the file is nobody else's" "$(stat -c %a "$T/host.json")" 600
here=$(einat check -i wan --udp-timeout 300s --json)
check_eq "--from, in another namespace, as another user: the same findings" \
	"$(at far setpriv --reuid 65534 --clear-groups "$EINAT" check --from - -i wan --json <"$T/host.json")" "$here"
head -c 2000 "$T/host.json" >"$T/cut.json"
check_eq "half a file cannot be checked" "$(status_of --from "$T/cut.json" -i wan)" 3
check_eq "usage errors are 64" "$(status_of --from "$T/host.json")$(status_of --explain nosuchcode)" 6464
check_eq "--list has a line for each code" "$(einat check --list | wc -l)" "$(grep -c '^## ' "$ROOT/docs/findings.md")"
check_match "--explain" "$(einat check --explain drop-inbound)" "Filtering is not endpoint-independent"

# ---- while it runs ------------------------------------------------------------------------------
must_start --proto udp --ports 20000-29999
check_eq "the running einat is asked, with its own slice" \
	"$(einat check --json | json "d['interfaces'][0]['interface']")" wan
check_eq "no conflict at first" "$(conflicts)" ""
t0=$(date +%s%N)
nft 'add table ip late; add chain ip late post { type nat hook postrouting priority 90; }; add rule ip late post oifname "wan" masquerade'
check "a new conflict is seen" wait_for 5 has_conflict snat-before-claim
echo "# seen after at most $((($(date +%s%N) - t0) / 1000000)) ms, by asking again and again"
check "and logged" wait_for 5 logged einat "conflict snat-before-claim"
nft delete table ip late
check "its end is seen as well" wait_for 5 no_conflict
nft 'add table ip late; add chain ip late post { type nat hook postrouting priority 90; }; add rule ip late post oifname "wan" masquerade'
wait_for 5 has_conflict snat-before-claim
check_eq "but it is logged once" "$(grep -c "conflict snat-before-claim" "$T/einat")" 1
nft delete table ip late
check "stop" stop_einat

# ---- --open -----------------------------------------------------------------------------------
opened() { nft -a list ruleset | grep -c 'einat --open on wan'; }
is_open() { [ "$(opened)" = "$1" ]; }
check_match "plan shows where --open would insert its rule" "$(einat plan -i wan --open)" \
	"nft 'add rule inet firewall forward iifname \"wan\" meta mark and 0x10000000 == 0x10000000 counter accept"
check_eq "and changes nothing" "$(opened)" 0
# what it shows is what it does
einat plan -i wan --open --proto udp --ports 20000-29999 | sed -n '/^nft /p' >"$T/commands"
at router sh -e "$T/commands"
nft -s list chain inet firewall forward >"$T/by.hand"
check_eq "its command can be typed" "$(opened)" 1
nft delete rule inet firewall forward handle "$(nft -a list chain inet firewall forward |
	sed -n 's/.*einat --open.*handle //p')"
must_start --proto udp --ports 20000-29999 --open
check "--open inserts its rule" wait_for 5 is_open 1
check_eq "as the plan shows" "$(nft -s list chain inet firewall forward)" "$(cat "$T/by.hand")"
check_eq "a stranger gets through" "$(eif h1 25011 $A1:7000 $A2:7001)" yes
at isp ip route add 192.168.1.0/24 via $EXT 2>/dev/null
check_eq "not without a binding" "$(send isp 7202 192.168.1.2:25012 --limit 0.3)" none
nft -f - <<'END'
flush chain inet firewall forward
add rule inet firewall forward ct state established,related accept
add rule inet firewall forward iifname "lan" accept
END
check "after a reload of the firewall it is back" wait_for 5 is_open 1
check "stop" stop_einat
check_eq "and it is gone after the stop" "$(opened)" 0
finish_tests
