#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What befalls einat while a check of its own runs, with rules so many that a check takes its time: SIGHUP, an
# interface that goes down, goes away and comes back, a client that gives up, a stop, a hand-over.
set -u
. "$(dirname "$0")/lab.sh"
lab_up

nft() { at router nft "$@"; }
codes() { einat status --json | json "' '.join(c['code'] for c in d['interfaces'][0]['conflicts'])"; }
finds() { [[ " $(codes) " == *" $1 "* ]]; }
finds_nothing() { [ -z "$(codes)" ]; }

# checks: the process ids of the checks that run
checks() { pgrep -P "$EINAT_PID"; }
no_checks() { ! checks; }
descriptors() { find "/proc/${1-$EINAT_PID}/fd" -mindepth 1 -maxdepth 1 | wc -l; }
as_many() { [ "$(descriptors)" = "$1" ]; }
# idle: no check runs, and none is due
idle() { no_checks && einat status --json | json "d['interfaces'][0]['checking']" | grep -q False; }
# begin_check: a check runs and is held; its process in $CHECK
begin_check()
{
	wait_for 60 idle
	nft 'add table ip busy; delete table ip busy'
	wait_for 60 held_check || die "no check began"
}
# not before it has let go of what is einat's
held_check()
{
	CHECK=$(checks | head -n 1)
	[ -n "$CHECK" ] && [ "$(descriptors "$CHECK")" -lt $(($(descriptors) / 2)) ] && kill -STOP "$CHECK"
}
held_ends() { kill -CONT "$CHECK"; wait_for 60 gone "$CHECK"; }

# Rules by the thousand that lead to no finding; a masquerade before the claim, for h2 alone, that does.
"$PY" - $((2000 / SLOW)) $((20000 / SLOW)) >"$T/big" <<'END'
import sys
rules, elements = map(int, sys.argv[1:])
print("table inet big {\nset block { type ipv4_addr; flags interval; elements = {")
print(",\n".join("%d.%d.%d.%d" % (11 + i // 2**22, i // 2**14 & 255, i // 64 & 255, (i & 63) * 4 + 1)
                 for i in range(elements)))
print("} }\nchain forward { type filter hook forward priority 0; policy accept;\nip saddr @block drop")
for i in range(rules):
    print("ip saddr 198.18.%d.%d tcp dport %d drop" % (i >> 8 & 255, i & 255, i % 60000 + 1))
print("}\n}")
END
nft -f "$T/big" || die "nft"
early='table ip early {
	chain post {
		type nat hook postrouting priority 50;
		oifname "wan" ip saddr 192.168.1.3 masquerade
	}
}'
# write_conf INTERNAL: hosts of the slice
write_conf()
{
	cat >"$T/einat.conf" <<-END
	interfaces = ( { interface = "wan";
		udp-timeout = "3600s"; # a slow machine takes long
		slices = ( { proto = "udp"; ports = "20000-29999"; internal = "$1"; } ); } );
	END
}
start_conf()
{
	start einat router "$EINAT" run --config "$T/einat.conf" "$@"
	EINAT_PID=$PID
	wait_for 15 logged einat ready || die "einat: $(cat "$T/einat")"
}
reloads() { grep -c "read anew" "$T/einat"; }
reloaded() { [ "$(reloads)" -gt "$1" ]; }
reload()
{
	local n
	n=$(reloads)
	write_conf "$1"
	kill -HUP "$EINAT_PID"
	wait_for 5 reloaded "$n"
}

write_conf 192.168.1.2/32
start_conf
wait_for 60 idle
fds=$(descriptors)
stream steady h1 25100 $A1:7000
steady=$PID
hold held h1 25101 $A1:7000
held=$PID to=$ENDPOINT

# ---- SIGHUP: what a check says of the configuration before counts for nothing
nft "$early"
wait_for 60 idle
check "h1 alone: no conflict" finds_nothing
begin_check
check "SIGHUP while a check is held: h2 too" reload 192.168.1.2/31
check "its conflict is found, by another process" wait_for 60 finds snat-before-claim
check "the held one is still there" kill -0 "$CHECK"
check "and ends when it goes on" held_ends
wait_for 60 idle
check "what it would have said does not count" finds snat-before-claim
begin_check
check "SIGHUP while a check is held: h1 alone" reload 192.168.1.2/32
check "the conflict is gone" wait_for 60 finds_nothing
check "the held one ends" held_ends
wait_for 60 idle
check "no stale conflict" finds_nothing
for i in 1 2 3 4 5 6; do
	nft 'add table ip busy; delete table ip busy'
	wait_for 2 checks
	reload 192.168.1.$((2 + i % 2))/32
done
check "six in a row, each while one runs: the last counts" wait_for 60 finds_nothing
wait_for 60 idle
check "and goes on to count" finds_nothing
check "no process is left" no_checks
check "no descriptor is left" wait_for 5 as_many "$fds"
result=$(stream_end steady "$steady")
check_eq "a stream through all of that lost nothing" "$(json "d['lost']" <<<"$result")" 0
check_eq "and kept its endpoint" "$(json "len(d['seen'])" <<<"$result")" 1

# ---- einat check, while one runs, and a client that gives up
begin_check
check_eq "einat check is answered while another check is held" \
	"$(einat check --json | json "d['interfaces'][0]['worst'] != 'conflict'")" True
start client router "$EINAT" check
client=$PID
two_checks() { [ "$(checks | wc -l)" -ge 2 ]; }
check "its own process answers" wait_for 5 two_checks
finish "$client" KILL
check "the held one ends" held_ends
wait_for 60 idle
check "no process is left of either" no_checks
check "no descriptor" wait_for 5 as_many "$fds"

# ---- the interface
begin_check
at router ip link set wan down
at router ip link set wan up
wan_route
check "the held check ends" held_ends
online() { port=$((${port:-25200} + 1)); [ "$(seen h1 $port $A1:7000 $A2:7000)" = "$EXT:$port $EXT:$port" ]; }
check "down and up during a check: h1 is online" wait_for 10 online
check_eq "down and up during a check: a binding serves" "$(send far 7777 "$to")" "$FAR 7777"
check "down and up during a check: no finding" wait_for 60 finds_nothing
wait_for 60 idle

found_missing() { einat check --json | json "[f['code'] for f in d['interfaces'][0]['findings']]" | grep -q interface-missing; }
begin_check
wan_down
check "deleted during a check: it is noticed" wait_for 5 logged einat "the interface is gone"
check "the held check ends" held_ends
wait_for 60 idle
check "einat goes on" kill -0 "$EINAT_PID"
begin_check
nft delete table ip early
reload 192.168.1.2/31
wan_up
check "made again during a check: attached" wait_for 10 logged einat "attached to the new interface"
check "the held check ends" held_ends
check "made again during a check: h1 is online" wait_for 10 online
wait_for 60 idle
check "made again during a check: no finding" wait_for 60 finds_nothing
check_not "nor in einat check" found_missing
nft "$early"
check "a conflict is found there" wait_for 60 finds snat-before-claim
nft delete table ip early
check "and its end" wait_for 60 finds_nothing

# the same without a hold, while checks come and go
for i in 1 2 3; do
	nft 'add table ip busy; delete table ip busy'
	wait_for 5 checks
	wan_down
	nft 'add table ip busy; delete table ip busy'
	wan_up
	wait_for 10 online || break
done
check "three times more, while checks run: h1 is online" wait_for 10 online
check "no finding" wait_for 60 finds_nothing
wait_for 60 idle
check "no process is left" no_checks
check "no descriptor is left" wait_for 5 as_many "$fds"
finish "$held"

# ---- the end, while a check runs: nothing of it stays
hold held h1 25102 $A1:7000
held=$PID to=$ENDPOINT
stream steady h1 25103 $A1:7000
steady=$PID
begin_check
start client router "$EINAT" check
client=$PID
wait_for 5 two_checks
others=$(checks)
# shellcheck disable=SC2086 # one word each
kill -STOP $others # else the client's may be through before einat is
stop_einat USR2
check_eq "SIGUSR2 while checks run: the exit status" $? 0
for one in $others; do
	check "the process of a check ends with einat" wait_for 5 gone "$one"
done
wait "$client"
check_eq "who asked is told that it could not be checked" $? 3
check_match "and why" "$(cat "$T/client")" "the einat on wan"
check_eq "the data plane goes on" "$(send far 7778 "$to")" "$FAR 7778"
start_conf
check "the next einat starts at once" logged einat ready
check_eq "with the binding" "$(send far 7779 "$to")" "$FAR 7779"
result=$(stream_end steady "$steady")
check_eq "a stream over the hand-over lost nothing" "$(json "d['lost']" <<<"$result")" 0
check_eq "and kept its endpoint" "$(json "len(d['seen'])" <<<"$result")" 1
for how in TERM KILL; do
	begin_check
	stop_einat $how
	check "SIG$how while a check runs: it ends as well" wait_for 5 gone "$CHECK"
	start_conf
	check "SIG$how: the next einat starts at once" logged einat ready
done
begin_check
check "einat stop while a check runs" einat stop -i wan
check "einat ends" wait_for 10 gone "$EINAT_PID"
check "the check as well" wait_for 5 gone "$CHECK"
finish "$held"
check_not "nothing is left" has_traces
check_eq "no packet left with a private source" "$(leaks)" 0
finish_tests
