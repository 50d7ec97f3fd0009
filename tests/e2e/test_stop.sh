#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Clean stop: whatever ends einat, the router is what it was before.
set -u
. "$(dirname "$0")/lab.sh"
lab_up
at router sysctl -qw net.ipv4.conf.wan.rp_filter=1
port=26000

# used: all that einat writes when needed has been used
used()
{
	port=$((port + 10))
	[ "$(seen h1 $port $A1:7000)" = "$EXT:$port" ] || return
	hold target h2 $((port + 1)) $A1:7000
	local target=$PID
	[ "$(send h1 $((port + 2)) "$ENDPOINT")" = "$EXT $((port + 2))" ]
	local status=$?
	finish "$target"
	return $status
}

# round NAME ENDING ARGUMENTS...: start, use, end by the command ENDING, compare
round()
{
	local name=$1 ending=$2
	shift 2
	snapshot before
	must_start --proto udp --hairpin-if lan,lo "$@"
	check "$name: works" used
	snapshot during
	check_not "$name: the snapshot sees einat" same before during
	$ending
	check_eq "$name: exit status" $? 0
	snapshot after
	check "$name: all is as before" same before after
	check_match "$name: h1 is online" "$(seen h1 $((port + 3)) $A1:7000)" "^$EXT:"
}

stop_command()
{
	einat stop -i wan && wait_for 10 gone "$EINAT_PID"
}
purge_command()
{
	einat stop -i wan --purge && wait_for 10 gone "$EINAT_PID"
}
# crash_then COMMAND: what kill -9 leaves is removed too
crashed()
{
	kill -KILL "$EINAT_PID"
	wait "$EINAT_PID" 2>/dev/null
	# a port of this round: a flow of the last one, handed back to masquerade, may still have its own
	[ "$(seen h1 $((port + 4)) $A1:7000)" = "$EXT:$((port + 4))" ] && has_traces >/dev/null
}
crash_stop() { crashed && einat stop -i wan; }
crash_purge() { crashed && einat stop -i wan --purge; }
int() { stop_einat INT; }
term() { stop_einat TERM; }

round SIGINT int
round SIGTERM term
round "einat stop" stop_command
round "einat stop --purge" purge_command
round "kill -9, einat stop" crash_stop
round "kill -9, einat stop --purge" crash_purge
round "an inbound mark, a forward and own masquerade" int --inbound-mark 0x1/0x1 --rest own \
	--forward udp:25050=192.168.1.2:6000,tcp:8081=192.168.1.2:80
round "clsact" int --attach clsact
round "clsact, kill -9, purge" crash_purge --attach clsact
at router tc qdisc add dev wan clsact
for hook in ingress egress; do # a program that matches nothing
	at router tc filter add dev wan $hook prio 7 protocol ip bpf bytecode "1,6 0 0 0," flowid 1:1 ||
		die "tc filter"
done
round "a clsact qdisc with filters that was there" term --attach clsact
round "the same with the default attachment" term
at router tc qdisc del dev wan clsact

# an einat rule set that somebody flushed is no reason to fail
must_start --proto udp --hairpin-if lan
stop_einat INT
check_eq "start and stop at once" $? 0
snapshot before
einat stop -i wan >"$T/einat" 2>&1
status=$?
snapshot after
check "stop without a running einat changes nothing (status $status)" same before after
check_eq "no packet left with a private source" "$(leaks)" 0
finish_tests
