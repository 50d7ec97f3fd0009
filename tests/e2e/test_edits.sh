#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a user has put into the sets of einat's table stays there: over a flush, over einat's own changes, and
# over a saved ruleset that holds an older state of that table.
set -u
. "$(dirname "$0")/lab.sh"
lab_up
must_start --proto udp,tcp --ports 20000-29999 --forward udp:9000=192.168.1.2:9000
at router nft -s list ruleset >"$T/saved" # as an operator saves it: einat's table and all

elements() { at router nft -j list set inet einat_wan "$1" |
	json "' '.join(sorted(str(e['prefix']['addr']) + '/' + str(e['prefix']['len']) if 'prefix' in e else
		'-'.join(e['range']) if 'range' in e else '.'.join(map(str, e['concat'])) if 'concat' in e else str(e)
		for s in d['nftables'] if 'set' in s for e in s['set'].get('elem', [])))"; }
forwards() { at router nft list map inet einat_wan forwards | grep -oE '(udp|tcp) \. [0-9]+ : [0-9.]+ \. [0-9]+' | sort | paste -sd,; }
edit() { at router nft "$1" element inet einat_wan "$2" "{ $3 }" || die "nft $*"; }
table_back() { at router nft list table inet einat_wan; }
rule_count() { at router nft list table inet einat_wan | grep -c comment; }
own=$(elements s0_not_internal)

check_eq "before: h2 is in the slice" "$(seen h2 25010 $A1:7000)" "$EXT:25010"
edit add s0_not_internal 192.168.1.3
edit add s0_not_internal 10.1.0.0-10.1.0.9
edit add s0_exclude_dest $A2
edit delete s0_protos tcp
edit add local_ports "udp . 25555"
edit add forwards "tcp . 9443 : 192.168.1.3 . 443"
edit delete forwards "udp . 9000"
at router nft flush ruleset
check "the table is back after a flush" wait_for 2 table_back

edited()
{
	check_match "$1: a source that was added" " $(elements s0_not_internal) " " 192.168.1.3 "
	check_match "$1: a range" " $(elements s0_not_internal) " " 10.1.0.0-10.1.0.9 "
	check_eq "$1: a destination" "$(elements s0_exclude_dest)" $A2
	check_eq "$1: a protocol that was removed" "$(elements s0_protos)" udp
	check_match "$1: a port" " $(elements local_ports) " " udp.25555 "
	check_eq "$1: a forward, and one that was removed" "$(forwards)" "tcp . 9443 : 192.168.1.3 . 443"
}
edited "after a flush"
# without others' masquerade einat's own serves the rest, since the flush
wait_for 3 eval 'einat status -i wan | grep -q "rest  *own"'
check_eq "h2 is not claimed" "$(seen h2 25001 $A1:7000 >/dev/null; conntrack_of udp 192.168.1.3:25001)" masquerade
check_eq "nor is h1 towards that destination" "$(seen h1 25002 $A2:7000 >/dev/null; conntrack_of udp 192.168.1.2:25002)" masquerade
check_eq "towards others it is" "$(seen h1 25003 $A1:7000 >/dev/null; conntrack_of udp 192.168.1.2:25003)" untouched

# einat's own change of the same sets: a foreign rule that names a subnet, ports of a socket
at router iptables-nft -t nat -A POSTROUTING -s 10.9.0.0/16 -j MASQUERADE
start sock router socat -u UDP4-RECV:25777 /dev/null
changed() { [[ " $(elements s0_not_internal) " == *" 10.9.0.0/16 "* && " $(elements local_ports) " == *" udp.25777 "* ]]; }
check "einat writes the same sets anew" wait_for 5 changed
edited "after that"

# a firewall's reload that brings back einat's table too, as it was when that was saved
{
	echo flush ruleset
	cat "$T/saved"
} >"$T/reload"
check "a saved ruleset is loaded, einat's table among it" at router nft -f "$T/reload"
check "einat notices that its table is another's" wait_for 2 logged einat 'table was replaced by "nft"'
edited "after that reload"

# edits taken back are no edits any more
edit delete s0_not_internal 192.168.1.3
edit delete s0_not_internal 10.1.0.0-10.1.0.9
edit delete s0_exclude_dest $A2
edit add s0_protos tcp
edit delete local_ports "udp . 25555"
edit delete forwards "tcp . 9443"
edit add forwards "udp . 9000 : 192.168.1.2 . 9000"
# an edit of the last milliseconds before a flush can be lost: two answers later all events are read
einat status >/dev/null
einat status >/dev/null
at router nft -f "$T/saved" 2>/dev/null
at router nft delete table inet einat_wan
check "deleted once more" wait_for 2 table_back
# the rule that named a subnet went with the reload; others' rules are read when they have come to rest
wait_for 5 eval '[[ $(elements s0_not_internal) != *10.9* ]]'
check_eq "taken back: sources" "$(elements s0_not_internal)" "$own"
check_eq "taken back: destinations" "$(elements s0_exclude_dest)" ""
check_eq "taken back: protocols" "$(elements s0_protos)" "tcp udp"
check_eq "taken back: forwards" "$(forwards)" "udp . 9000 : 192.168.1.2 . 9000"
check_eq "h2 is in the slice again" "$(seen h2 25004 $A1:7000 >/dev/null; conntrack_of udp 192.168.1.3:25004)" untouched
check_eq "no packet left with a private source" "$(leaks)" 0
check "stop" stop_einat
finish_tests
