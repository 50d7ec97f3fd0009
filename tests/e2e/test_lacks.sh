#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A kernel whose BPF lacks something that einat uses, which lacks.c plays: einat says what in one
# line, without the verifier's words, and changes nothing; or it does without. tests/kernels/
# test_lacks.sh has what modules bring.
set -u
. "$(dirname "$0")/lab.sh"
. "$LAB_DIR/lacks.sh"
lab_up
SHIM=$ROOT/${B:-build}/tests/lacks.so
case ${B-} in /*) SHIM=$B/tests/lacks.so ;; esac
[ -r "$SHIM" ] || die "$SHIM is not built: make tests"

# without WORD COMMAND...
without()
{
	local word=$1
	shift
	LD_PRELOAD=$SHIM EINAT_LACKS=$word "$@"
}

without bpf refuses "no bpf(2)" "kernel .* (has no|cannot load|did not)"
without ringbuf refuses "no ring buffer" "kernel .* has no BPF ring buffer maps.*5\.8"
without permission refuses "no permission" "does not let this process load BPF programs"
without memory refuses "no memory" "not enough memory for the BPF maps"
without verifier refuses "programs not accepted" "kernel .* did not accept the BPF programs"
without verifier at router timeout $((20 * SLOW)) "$EINAT" run -i wan --log-level debug >"$T/out" 2>&1
check_match "programs not accepted: the verifier's words in a debug log" "$(cat "$T/out")" "R2 unbounded memory access"
without tcx refuses "no TCX, though it is asked for" "TCX" --attach tcx

# works NAME PORT: the slice works, and stopping leaves nothing
works()
{
	check_eq "$1: the slice works" "$(seen h1 "$2" $A1:7000 $A2:7000)" "$EXT:$2 $EXT:$2"
	check "$1: stop" stop_einat
	snapshot after
	check "$1: nothing is left" same before after
}
snapshot before
without tcx must_start --proto udp --ports 20000-29999
check_match "no TCX: clsact takes its place" "$(at router tc filter show dev wan egress)" "einat_out"
works "no TCX" 25100

programs()
{
	at router "$PY" "$LAB_DIR/tcx.py" wan ids
	at router tc filter show dev wan ingress
	at router tc filter show dev wan egress
}
# halfway NAME PORT ARGUMENTS...: a new einat gets the place of the old one on ingress, not on egress
halfway()
{
	local name=$1 port=$2 status held to
	shift 2
	must_start --proto udp --ports 20000-29999 "$@"
	hold held h1 "$port" $A1:7000
	held=$PID to=$ENDPOINT
	check_eq "$name: the slice works" "$to" "$EXT:$port"
	kill -KILL "$EINAT_PID"
	wait "$EINAT_PID" 2>/dev/null
	ctl_word 0 $(($(ctl_word 0) - 1)) >/dev/null # of the version before, so that maps are not shared
	programs >"$T/programs.before"
	check_match "$name: the old programs are there" "$(cat "$T/programs.before")" "ingress [0-9]|einat_in.* id "
	without update at router timeout $((20 * SLOW)) "$EINAT" run -i wan --proto udp --ports 20000-29999 "$@" >"$T/out" 2>&1
	status=$?
	check_num "$name: the new one ends, exit status ($status)" "$status" -gt 0
	check_match "$name: and says why" "$(cat "$T/out")" "error: .*cannot (replace|attach).* on egress.*memory"
	programs >"$T/programs.after"
	check "$name: the programs are those that were" same programs.before programs.after
	check_eq "$name: the slice works on" "$(seen h1 $((port + 1)) $A1:7000 $A2:7000)" \
		"$EXT:$((port + 1)) $EXT:$((port + 1))"
	check_eq "$name: strangers are let in" "$(send far 7777 "$to")" "$FAR 7777"
	finish "$held"
	must_start --proto udp --ports 20000-29999 "$@"
	check_match "$name: the next one has its bindings" "$(bindings)" "192.168.1.2:$port"
	check "$name: stop" stop_einat
	snapshot after
	check "$name: nothing is left" same before after
}
halfway "half a takeover" 25300
halfway "half a takeover, clsact" 25400 --attach clsact
check_eq "no packet left with a private source" "$(leaks)" 0
finish_tests
