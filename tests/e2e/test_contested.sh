#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Another program that undoes what einat restores, over and over: noticed, said once, and left.
set -u
. "$(dirname "$0")/lab.sh"
lab_up
must_start --proto udp --ports 20000-29999 --hairpin-if lan --log-level debug
at router nft -s list table inet einat_wan >"$T/table"
at router ip rule >"$T/rules"
contested() { einat status -i wan --json | json "' '.join(c['what'] + ' by ' + c['by'] for c in d['interfaces'][0]['contested'])"; }
restored() { einat status -i wan --json | json "sum(c['restored'] for c in d['interfaces'][0]['contested'] if c['what'] == '$1')"; }
said() { grep -c "einat's $1: undone" "$T/einat"; }
looks() { grep -c "after a change of the rules" "$T/einat"; }
claims() { at router nft list chain inet einat_wan claim | grep -q 'claim of slice 0'; }
check_eq "nothing is contested" "$(contested)" ""

# ---- the table ------------------------------------------------------------------------
stream running h1 25100 $A1:7000
running=$PID
wait_for 5 eval '[ -n "$(binding_of udp 192.168.1.2:25100)" ]'
# a program of its own that wants the table gone; named in the log
cp "$(command -v nft)" "$T/fighter"
# shellcheck disable=SC2016 # for the inner shell
start fight router sh -c 'while :; do "$0" delete table inet einat_wan; sleep 0.05; done' "$T/fighter"
fight=$PID
check "a loop that deletes the table is noticed" wait_for 10 logged einat "einat's nftables table: undone"
check "with the name of the program" logged einat 'nftables table: undone.* by "fighter"'
check_eq "status shows it" "$(contested)" "nftables table by fighter"
check_match "in words too" "$(einat status -i wan)" "contested: nftables table, restored 1[0-9] times, undone again by fighter; next try in"
first=$(restored "nftables table")
check_num "einat stopped after ten times, a slow machine sees it later" "$first" -le $((9 + SLOW))
# two pauses, of 2 s and 4 s, with one try between them
check "after a pause it tries once" wait_for 5 eval '[ "$(restored "nftables table")" -gt "$first" ]'
# long enough for what follows, which takes longer on a slow machine
check "and waits longer then" wait_for 10 eval 'einat status -i wan --json | json "d[\"interfaces\"][0][\"contested\"][0][\"next\"] > 2 * $SLOW" | grep True'
tried=$(restored "nftables table")
check_num "tries so far" "$tried" -le $((first + SLOW))
# a change that makes einat write its rules for another reason is no way around it
kill -STOP "$fight" # what einat writes now would stay
looks=$(looks)
at router nft 'table ip other { chain pre { type nat hook prerouting priority dstnat; udp dport 25199 dnat to 192.168.1.3; }; }'
looked() { [ "$(looks)" -gt "$looks" ]; }
check "others' rules are read meanwhile" wait_for 5 looked
check_num "a change of others' rules is no reason to try" "$(restored "nftables table")" -eq "$tried"
# (a slow machine may have come to the next try meanwhile)
check "nor is the table written by the way" eval '! claims || [ "$(restored "nftables table")" -gt "$tried" ]'
kill -CONT "$fight"
check_eq "it was said once" "$(said "nftables table")" 1
finish "$fight"
check "when the loop has ended, the table is back" wait_for 10 claims
check_eq "as it was" "$(at router nft -s list table inet einat_wan | diff "$T/table" -)" ""
check_eq "a new flow is claimed" "$(seen h2 25101 $A1:7000 $A2:7000)" "$EXT:25101 $EXT:25101"
result=$(stream_end running "$running")
check_eq "a flow that had its binding lost nothing" "$(json "d['lost']" <<<"$result")" 0
check_eq "and kept its endpoint" "$(json "len(d['seen'])" <<<"$result")" 1

# ---- ip rules -------------------------------------------------------------------------
hairpin_rule() { at router ip rule | grep -q 'iif lan.*dport'; }
pref=$(at router ip rule | sed -n 's/^\([0-9]*\):.*iif lan.*dport.*/\1/p' | head -n 1)
# shellcheck disable=SC2016 # for the inner shell
start fight router sh -c 'while :; do ip rule del pref "$0" 2>/dev/null; sleep 0.05; done' "$pref"
fight=$PID
check "a loop that deletes an ip rule is noticed" wait_for 10 logged einat "einat's hairpin rules: undone"
check_not "einat's rules are taken back altogether" hairpin_rule
check_match "the local rule is where it belongs" "$(at router ip rule)" "^0:.*lookup local"
check_eq "it was said once" "$(said "hairpin rules")" 1
finish "$fight"
check "when the loop has ended, the rules are back" wait_for 10 hairpin_rule
rules_back() { at router ip rule | diff "$T/rules" -; }
check "as they were" wait_for 2 rules_back

check "stop" stop_einat

check_eq "no packet left with a private source" "$(leaks)" 0

# ---- the programs ---------------------------------------------------------------------
must_start --proto udp --ports 20000-20063 --attach clsact
hold held h2 25200 $A1:7000
held=$PID to=$ENDPOINT
stream claimed h1 25202 $A1:7000 --rate $((THIN / 10))
claimed=$PID
wait_for 5 eval '[ "$(conntrack_of udp 192.168.1.2:25202)" = untouched ]'
start fight router sh -c 'while :; do tc qdisc del dev wan clsact 2>/dev/null; sleep 0.05; done'
fight=$PID
check "a loop that detaches einat is noticed" wait_for 20 logged einat \
	"einat's attachment to the interface: undone"
by_masquerade() { [ "$(conntrack_of udp 192.168.1.2:25202)" = masquerade ]; }
check "masquerade serves what was claimed" wait_for 5 by_masquerade
before=$(leaks)
pause 2
check_eq "none of it leaves with its private source" "$(leaks)" "$before"
check_num "it goes on, by another endpoint" "$(json "len(d['seen'])" <<<"$(stream_end claimed "$claimed")")" -ge 2
check_match "masquerade serves what is new" "$(seen h1 25201 $A1:7000)" "^$EXT:"
finish "$fight"
kill -HUP "$EINAT_PID"
check "a reload attaches it" wait_for 10 eval 'logged einat "read anew" && at router tc filter show dev wan egress | grep -q einat_out'
check_eq "a binding is served as before" "$(send far 7777 "$to")" "$FAR 7777"
finish "$held"
at h1 "$PY" "$LAB_DIR/fullslice.py" flood "$A1" 100 1 >"$T/flood"
check "the fill of the slice is looked at again" wait_for 5 logged einat "ports of slice 1 are in use"

# until it is noticed that the programs are gone, nobody translates
check_eq "no packet left with a private source after that" "$(leaks)" "$before"
check "stop" stop_einat
finish_tests
