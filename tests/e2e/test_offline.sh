#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Nobody is offline: a start that fails, at any step, leaves everything as it was, and masquerade
# serves; the external interface goes and comes, its address changes.
set -u
. "$(dirname "$0")/lab.sh"
lab_up
args=(--proto udp --ports 20000-29999 --hairpin-if lan)
at router sysctl -qw net.ipv4.conf.wan.promote_secondaries=1
port=25000

# fails NAME MESSAGE COMMAND...: exit status not 0, a message, all as before, h1 online
fails()
{
	local name=$1 message=$2 status
	shift 2
	port=$((port + 1))
	snapshot before
	at router timeout $((20 * SLOW)) "$@" >"$T/einat" 2>&1
	status=$?
	check_num "$name: exit status ($status)" $status -gt 0
	check_not "$name: ends by itself" test $status -ge 124
	check "$name: says why" logged einat "$message"
	snapshot after
	check "$name: nothing changed" same before after
	same before after >/dev/null || einat stop -i wan --purge >/dev/null 2>&1
	check_match "$name: h1 is online" "$(seen h1 $port $A1:7000)" "^$EXT:"
	check_eq "$name: by masquerade" "$(conntrack_of udp "192.168.1.2:$port")" masquerade
}

for step in load attach nft hairpin; do
	fails "step $step fails" "$step" env EINAT_FAIL_AT=$step "$EINAT" run -i wan "${args[@]}"
done
fails "clsact, step nft fails" nft env EINAT_FAIL_AT=nft "$EINAT" run -i wan --attach clsact "${args[@]}"
mkdir "$T/notbpf"
fails "pins on a foreign file system" "$T/notbpf" "$EINAT" run -i wan "${args[@]}" --pin "$T/notbpf"
fails "without CAP_BPF" "CAP_BPF\|CAP_SYS_ADMIN\|root" setpriv \
	--bounding-set=-bpf,-sys_admin --inh-caps=-bpf,-sys_admin "$EINAT" run -i wan "${args[@]}"
fails "without CAP_NET_ADMIN" "CAP_NET_ADMIN\|root" setpriv \
	--bounding-set=-net_admin --inh-caps=-net_admin "$EINAT" run -i wan "${args[@]}"

# ---- a second einat on the interface
must_start "${args[@]}"
cp "$T/einat" "$T/einat.first"
e=$(seen h1 26001 $A1:7000)
at router timeout $((20 * SLOW)) "$EINAT" run -i wan "${args[@]}" >"$T/second" 2>&1
check_num "a second einat is refused" $? -gt 0
check_match "and names the first" "$(cat "$T/second")" "$EINAT_PID"
check_eq "which goes on" "$(seen h1 26001 $A2:7000)" "$e"

# ---- somebody else removes the table
at router nft delete table inet einat_wan
check "a deleted table is written again" wait_for 2 eval '[ -n "$(einat_table)" ]'
check_eq "and claims" "$(seen h1 26011 $A1:7000; conntrack_of udp 192.168.1.2:26011)" \
	"$EXT:26011
untouched"

# ---- wan is deleted and made again, under traffic
stream streamed h1 26002 $A1:7000
streamed=$PID
wan_down
check_eq "without wan einat goes on running" "$(gone "$EINAT_PID" && echo gone)" ""
# what einat's table claims is of an index that is gone too
check_eq "without wan check says so, and no more" "$(einat check -i wan --json |
	json "' '.join(sorted(f['code'] for f in d['interfaces'][0]['findings'] if f['code'] in ('interface-missing', 'program-missing')))")" \
	interface-missing
wan_up
# a new source port each time: a flow that masquerade took stays with it
fresh_translated()
{
	port=$((port + 1))
	[ "$(seen h1 $port $A1:7000)" = "$EXT:$port" ] &&
		[ "$(conntrack_of udp "192.168.1.2:$port")" = untouched ]
}
remade() { [ "$(einat status --json | json "d['interfaces'][0]['claim']")" = active ] && fresh_translated; }
check "wan made again: the slice is back" wait_for 5 remade
check_match "the others are online" "$(tcp_seen h1 26004 $A1:7000)" "^$EXT:"
result=$(stream_end streamed "$streamed")
check_num "traffic went on all the while" "$(json "d['sent']" <<<"$result")" -gt $((300 / SLOW))
check_eq "no packet left with a private source" "$(leaks)" 0

# ---- the same while einat does not look, as in the moment before it is told
stream streamed h1 26020 $A1:7000
streamed=$PID
wait_for 5 eval '[ "$(conntrack_of udp 192.168.1.2:26020)" = untouched ]'
kill -STOP "$EINAT_PID"
wan_down
wan_up
check_match "wan made again, einat asleep: h1 is online" "$(seen h1 26021 $A1:7000)" "^$EXT:"
check_eq "wan made again, einat asleep: by masquerade" \
	"$(conntrack_of udp 192.168.1.2:26021)" masquerade
check_eq "wan made again, einat asleep: a flow claimed before does not leave un-NATed" "$(leaks)" 0
kill -CONT "$EINAT_PID"
check "einat awake: the slice is back" wait_for 5 fresh_translated
then=$(stat_of in translated)
grown() { [ "$(stat_of in translated)" -gt $((then + 100 / SLOW)) ]; }
wait_for 5 grown
result=$(stream_end streamed "$streamed")
check_num "einat awake: the old flow goes on" "$(json "d['sent'] - d['lost']" <<<"$result")" -gt $((100 / SLOW))
check_eq "no packet left with a private source" "$(leaks)" 0

# ---- the address changes
stream streamed h1 26005 $A1:7000
streamed=$PID
e=$(seen h1 26006 $A1:7000)
check_eq "with the old address" "$e" "$EXT:26006"
wan_address 203.0.113.3
t0=$EPOCHREALTIME
new_seen() { [[ $(seen h1 26006 $A1:7000) == 203.0.113.3:2* ]]; }
check "the new address is used" wait_for 5 new_seen
result=$(stream_end streamed "$streamed")
after=$(json "int(1000 * (min([t for e, t in d['first'].items() if e.startswith('203.0.113.3:2')],
	default=1e12) - $t0))" <<<"$result")
check_num "by a running stream, too, soon (after $after ms)" "$after" -le $((2000 * SLOW))
check_not "old bindings are gone" grep -q "$EXT:" <<<"$(bindings)"
check_match "status shows the new address" "$(einat status --json |
	json "d['interfaces'][0]['external']")" "^\['203.0.113.3'\]$"
check_eq "no packet left with a private source" "$(leaks)" 0

# ---- carrier
at router ip link set wan down
at router ip link set wan up
wan_route
check "wan down and up: the slice works" wait_for 5 new_seen
check "stop" stop_einat
check_eq "no packet left with a private source" "$(leaks)" 0
check_not "nothing is left" has_traces
finish_tests
