#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# `nft flush ruleset`, as nftables.service does at each reload: einat's table is back at once, a
# running flow goes on, and what others lost is not einat's to restore.
set -u
. "$(dirname "$0")/lab.sh"
lab_up
must_start --proto udp --ports 20000-29999
at router nft -s list ruleset >"$T/rules.before"
stream running h1 25100 $A1:7000
running=$PID
wait_for 5 eval '[ -n "$(binding_of udp 192.168.1.2:25100)" ]'

table_back() { at router nft list table inet einat_wan; }
for round in 1 2 3; do
	at router nft flush ruleset
	check "flush $round: the table is back" wait_for 2 table_back
done
check "a reload that flushes and restores in one go" at router nft -f - <<END
flush ruleset
$(sed '/^table inet einat_wan {/,/^}/d' "$T/rules.before")
END
check "the table is back after that too" wait_for 2 table_back
rules_as_before() { at router nft -s list ruleset | sed 's/^}$/}\n/' | sort >"$T/now"
	sed 's/^}$/}\n/' "$T/rules.before" | sort | diff - "$T/now"; }
check "all rules are as before the first flush" wait_for 3 rules_as_before
e=$(seen h2 25101 $A1:7000 $A2:7000)
check_eq "a new flow is claimed and translated" "$e" "$EXT:25101 $EXT:25101"
tcp_seen h1 26000 $A1:7000 >/dev/null
check_eq "tcp is masqueraded" "$(conntrack_of tcp 192.168.1.2:26000)" masquerade

# not the table, but what is in it
claims() { at router nft list chain inet einat_wan claim | grep -q 'claim of slice 0'; }
at router nft flush table inet einat_wan
check "a table that was emptied is filled again" wait_for 3 claims
at router nft flush chain inet einat_wan claim
check "so is a chain" wait_for 3 claims
# whoever read the log has ended
kill -PIPE "$EINAT_PID"
at router nft flush ruleset
check "einat outlives the reader of its log, and mends" wait_for 3 table_back
at router nft -f - <<END
$(sed '/^table inet einat_wan {/,/^}/d' "$T/rules.before")
END

result=$(stream_end running "$running")
check_num "stream: datagrams" "$(json "d['sent']" <<<"$result")" -gt $((100 / SLOW))
check_eq "stream: lost" "$(json "d['lost']" <<<"$result")" 0
check_eq "stream: external endpoints" "$(json "len(d['seen'])" <<<"$result")" 1
check_eq "no packet left with a private source" "$(leaks)" 0
check "stop" stop_einat
finish_tests
