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
finish_tests
