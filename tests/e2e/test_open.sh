#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# --open on a live router: what it opens and what it does not, a crash, another mark, chains that cannot
# be opened, a firewall that reloads in a loop. And when einat refuses to start.
set -u
. "$(dirname "$0")/lab.sh"
lab_up firewall

nft() { at router nft "$@"; }
opened() { nft -a list ruleset | grep -c 'einat --open on wan'; }
is_open() { [ "$(opened)" = "$1" ]; }
with_mark() { nft list ruleset | grep -q "meta mark & $1 == $1 counter .*einat --open on wan"; }
firewall()
{
	nft -f - <<-'END'
		flush chain inet firewall forward
		add rule inet firewall forward ct state established,related accept
		add rule inet firewall forward iifname "lan" accept
		add rule inet firewall forward ip daddr 192.168.1.0/24 drop
	END
}
# order: the forward chain's rules: E(stablished) L(an) D(rop) O(pen)
order()
{
	nft list chain inet firewall forward | sed -n \
		's/.*ct state.*/E/p;s/.*iifname "lan".*/L/p;s/.*daddr.*/D/p;s/.*--open.*/O/p' | tr -d '\n'
}

# ---- what it opens -----------------------------------------------------------------------------
firewall
must_start --proto udp --ports 20000-29999 --open
check "the rule is there" wait_for 5 is_open 1
check_eq "directly before the one that drops" "$(order)" ELOD
check_not "which no warning tells to do by hand" logged einat "endpoint-independent"
check_eq "a stranger gets through to a binding" "$(eif h1 25011 $A1:7000 $A2:7001)" yes
at isp ip route add 192.168.1.0/24 via $EXT
check_eq "a LAN host without a binding is not reached" "$(send isp 7202 192.168.1.3:25012 --limit 0.3)" none
check_eq "nor another port of the one with a binding" "$(send isp 7203 192.168.1.2:25013 --limit 0.3)" none
nft add chain inet firewall input '{ type filter hook input priority 0; policy accept; }'
nft add rule inet firewall input iifname wan udp dport 25555 counter drop
send isp 7204 $EXT:25555 --limit 0.3 >/dev/null
check_match "nor a service of the router: its own rule decides" \
	"$(nft list chain inet firewall input)" "dport 25555 counter packets [1-9]"
check_eq "whose rules stay as they were" "$(nft list chain inet firewall input | grep -c 'einat')" 0

# ---- it goes with einat, and with what it was for -------------------------------------------------
kill -KILL "$EINAT_PID"
wait "$EINAT_PID" 2>/dev/null
check_eq "after a crash it stays" "$(opened)" 1
must_start --proto udp --ports 20000-29999 --open --inbound-mark 0x4/0x4
check "with another mark" wait_for 5 with_mark 0x00000004
check_not "the old one is gone" with_mark 0x10000000
kill -KILL "$EINAT_PID"
wait "$EINAT_PID" 2>/dev/null
must_start --proto udp --ports 20000-29999
check "a start without --open removes it" wait_for 5 is_open 0
check "stop" stop_einat

# ---- chains that do not open ------------------------------------------------------------------------
nft insert rule inet firewall forward iifname wan meta mark set 0
must_start --proto udp --ports 20000-29999 --open
check "a chain that takes the mark away first is told" wait_for 5 logged einat "although the rule of --open is there"
firewall_touch() { nft add table inet other$1; }
for i in 1 2 3; do firewall_touch $i; sleep 0.3; done
check_eq "and one rule is enough to find out" "$(opened)" 1
check_eq "which is told once" "$(grep -c "although the rule" "$T/einat")" 1
check "stop" stop_einat

# ---- a firewall that reloads without end ------------------------------------------------------------
firewall
must_start --proto udp --ports 20000-29999 --open
wait_for 5 is_open 1
contested() { einat status --json | json "' '.join(c['what'] for c in d['interfaces'][0]['contested'])"; }
is_contested() { [ "$(contested)" = "rules of --open" ]; }
open_or_contested() { is_open 1 || is_contested; }
begun=$SECONDS
for i in $(seq 1 13); do
	firewall
	wait_for 5 open_or_contested
done
if [ $((SECONDS - begun)) -lt 55 ]; then
	check_eq "is not fought" "$(contested)" "rules of --open"
	check "but told of" logged einat "einat's rules of --open: undone"
else
	ok "is not fought # SKIP 10 times in 60 seconds are more than this machine can"
fi
firewall
check "after a pause it is tried again" wait_for 10 is_open 1
check "stop" stop_einat
check_eq "nothing is left" "$(opened)" 0

# ---- when einat refuses ------------------------------------------------------------------------------
nft -f - <<'END'
table ip early {
	chain post {
		type nat hook postrouting priority 50; policy accept;
		oifname "wan" masquerade
	}
}
END
cat >"$T/two.conf" <<'END'
interfaces = (
	{ interface = "br-c"; slices = ({ proto = "udp"; ports = "30000-30999"; }); },
	{ interface = "wan"; slices = ({ proto = "udp"; ports = "20000-29999"; }); }
);
END
einat run --config "$T/two.conf" >"$T/refused" 2>&1
check_eq "one of two interfaces conflicts: neither is started" $? 2
check_match "it is said of that one" "$(grep 'not started' "$T/refused")" "wan: not started"
check_not "and of it alone" grep -q "br-c: not started" "$T/refused"
check_not "nothing was written" has_traces
must_start --force
check "a conflict is logged" wait_for 5 logged einat "conflict snat-before-claim"
check_eq "once" "$(grep -c "conflict snat-before-claim" "$T/einat")" 1
kill -KILL "$EINAT_PID"
wait "$EINAT_PID" 2>/dev/null
must_start
check "over a data plane that is in force it starts without --force" logged einat ready
stop_einat USR2
must_start
check "after a hand-over as well" logged einat ready
check "stop" stop_einat
nft delete table ip early
finish_tests
