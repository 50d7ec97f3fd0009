#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# SIGHUP: port ranges, excluded ports, protocols and slices change while running; no binding that
# exists is touched, no packet of a running stream is lost.
set -u
. "$(dirname "$0")/lab.sh"
lab_up

# conf SLICES [MORE]: the file that einat was started with, written anew
conf()
{
	echo "interfaces = ( { interface = \"wan\"; ${2-} slices = ( $1 ); } );" >"$T/einat.conf"
}
# reload TEXT: ends when einat has logged that often that it read the file
reloads=0
reload()
{
	conf "$@"
	reloads=$((reloads + 1))
	kill -HUP "$EINAT_PID"
	wait_for 5 reloaded
}
reloaded() { [ "$(grep -c 'read anew' "$T/einat")" -ge $reloads ]; }
without_new() { bindings | grep -vE '192.168.1..:(26|30|40)'; }

conf '{ proto = "udp"; ports = "20000-29999"; }'
start einat router "$EINAT" run --config "$T/einat.conf"
EINAT_PID=$PID
wait_for 15 einat_settled
check "starts from a file" logged einat ready
logged einat ready || finish_tests

hold held h2 25001 $A1:7000
held=$PID to=$ENDPOINT
stream running h1 25100 $A1:7000
running=$PID
wait_for 5 eval '[ -n "$(binding_of udp 192.168.1.2:25100)" ]'
without_new >"$T/before"

reload '{ proto = "udp"; ports = [ "40000-40099", "41000-41099" ]; exclude-ports = "40000-40049"; }'
check "other ranges: read" reloaded
e=$(seen h1 26001 $A1:7000 $A2:7000)
check "a new binding is in one of them ($e)" same_endpoint "$e"
p=$(port_of "$e")
check "and not on an excluded port" test "$p" -ge 40050 -a "$p" -le 41099
p=$(port_of "$(seen h1 40010 $A1:7000)")
check "not even one that asks for it ($p)" test "$p" -ge 40050 -a "$p" -le 41099
hold mine h2 40060 $A1:7000
mine=$PID
check_eq "what is not excluded is given to who asks for it" "$ENDPOINT" "$EXT:40060"
without_new >"$T/after"
check "other ranges: old bindings are as before" same before after
check_eq "and strangers still reach them" "$(send far 7777 "$to")" "$FAR 7777"
reload '{ proto = "udp"; ports = [ "40000-40099", "41000-41099" ]; exclude-ports = "40000-40079"; }'
check_eq "a port that is excluded now stays with its binding" "$(binding_of udp 192.168.1.3:40060)" "$EXT:40060"
check_eq "which strangers still reach" "$(send far 7778 $EXT:40060)" "$FAR 7778"
p=$(port_of "$(seen h1 40070 $A1:7000)")
check "and no new one gets such a port ($p)" test "$p" -ge 40080 -a "$p" -le 41099
finish "$mine"

sets=
for i in $(seq 0 62); do sets+="\"$((1040 + i * 1024))-$((1055 + i * 1024))\", "; done
reload "{ proto = \"udp\"; ports = [ ${sets%, } ]; }"
check "63 port sets, as MAP-E hands out: read" reloaded
e=$(seen h1 26002 $A1:7000 $A2:7000)
check "63 port sets: one endpoint ($e)" same_endpoint "$e"
check_eq "63 port sets: the port is of one of them" $(($(port_of "$e") % 1024 / 16)) 1
without_new >"$T/after"
check "63 port sets: old bindings are as before" same before after

reload '{ proto = "udp"; ports = "20000-29999"; }, { proto = "tcp"; ports = "30000-30099"; }' \
	'hairpin-if = "lan";'
check "a second slice, for tcp: read" reloaded
check_eq "tcp is translated now" "$(tcp_seen h1 30010 $A1:7000 $A2:7000)" "$EXT:30010 $EXT:30010"
check_match "hairpin works now" "$(send h1 26003 "$to")" "^$EXT [0-9]+$"
without_new >"$T/after"
check "a second slice: old bindings are as before" same before after

# as many protocols as before, but not the same: udp keeps its planes for what is bound to it
reload '{ proto = "tcp"; ports = "30000-30099"; }, { proto = "icmp"; ports = "20000-29999"; }' \
	'hairpin-if = "lan";'
check "icmp in place of udp: read" reloaded
check "a new query is translated" at h1 ping -q -c 1 -W $((2 * SLOW)) -e 26004 $A1
check_eq "by a binding" "$(binding_of icmp 192.168.1.2:26004)" "$EXT:26004"
check_eq "and tcp still is" "$(tcp_seen h1 30012 $A1:7000)" "$EXT:30012"
without_new >"$T/after"
check "icmp in place of udp: old bindings are as before" same before after
check_eq "and strangers still reach them" "$(send far 7777 "$to")" "$FAR 7777"
check_eq "nothing was without an address" "$(stat_of out no-address)" 0
reload '{ proto = "icmp"; ports = "20000-29999"; }'
check "icmp alone: strangers still reach old udp bindings" test "$(send far 7777 "$to")" = "$FAR 7777"
e=$(seen h1 25001 $A1:7000)
check_match "a socket on the port of such a binding is masqueraded" "$e" "^$EXT:"
check_not "on another port ($e)" test "$(port_of "$e")" = "$(port_of "$to")"
# lists that the data plane has no room for side by side
nets() { for i in "$@"; do seq -f "10.%g.$i.0/24" 0 255; done | paste -sd,; }
excludes() { reload "{ proto = \"udp\"; ports = \"20000-29999\"; exclude-dest = \"$(nets "$@")\"; }, { proto = \"tcp\"; ports = \"30000-30099\"; }"; }
excludes 1 2 3
check "768 prefixes are excluded: read" reloaded
excludes 4 5 6
check "768 others: read" reloaded
check_not "and in force" logged einat "cannot write the list"
reload '{ proto = "udp"; ports = "20000-29999"; }, { proto = "tcp"; ports = "30000-30099"; }' \
	'hairpin-if = "lan";'
without_new >"$T/after"
check "udp again: old bindings are as before" same before after

cp "$T/einat.conf" "$T/good.conf"
echo 'interfaces = ( { interface = "wan"; ports = "9-1"; } );' >"$T/einat.conf"
kill -HUP "$EINAT_PID"
check "a file with an error is refused" wait_for 5 logged einat "the old configuration stays in force"
check_eq "and the old one serves" "$(tcp_seen h1 30011 $A1:7000)" "$EXT:30011"
sed 's/"wan"/"wann"/' "$T/good.conf" >"$T/einat.conf"
kill -HUP "$EINAT_PID"
check "an interface that is not there is refused" wait_for 5 logged einat 'there is no interface "wann"'
check_eq "and wan is served as before" "$(tcp_seen h1 30013 $A1:7000)" "$EXT:30013"
sed 's/"lan"/"lan,lann"/' "$T/good.conf" >"$T/einat.conf"
kill -HUP "$EINAT_PID"
check "of a hairpin interface that is not there it warns" wait_for 5 logged einat \
	'hairpin-if: there is no interface "lann" now'
reloads=$((reloads + 1))

result=$(stream_end running "$running")
check_num "stream: datagrams" "$(json "d['sent']" <<<"$result")" -gt $((300 / SLOW))
check_eq "stream: lost" "$(json "d['lost']" <<<"$result")" 0
check_eq "stream: external endpoints" "$(json "len(d['seen'])" <<<"$result")" 1
finish "$held"

# a flow that was claimed and has lost its binding since is masqueraded after the stop, not leaked
reload '{ proto = "udp"; ports = "20000-29999"; }'
seen h1 27001 $A1:7000 >/dev/null
check_eq "a claimed flow" "$(conntrack_of udp 192.168.1.2:27001)" untouched
reload '{ proto = "udp"; ports = "20000-29999"; }' 'forward = "udp:27001=192.168.1.3:9";'
check_eq "a static forward takes its port" "$(binding_of udp 192.168.1.3:9)" "$EXT:27001"
check_eq "it has no binding now" "$(binding_of udp 192.168.1.2:27001)" ""
check_eq "no packet left with a private source" "$(leaks)" 0
check "stop" stop_einat
check_match "after the stop that flow is online" "$(seen h1 27001 $A1:7000)" "^$EXT:"
check_eq "by masquerade" "$(conntrack_of udp 192.168.1.2:27001)" masquerade
check_eq "and no packet left with a private source" "$(leaks)" 0
check_not "nothing is left" has_traces
finish_tests
