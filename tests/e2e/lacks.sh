# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# For tests of a kernel that lacks something; sourced after lab.sh.

# refuses NAME PATTERN ARGUMENTS...: einat ends with one line of error that has PATTERN, and leaves
# everything as it was: a LAN host is masqueraded after it as before.
refuses()
{
	local name=$1 pattern=$2 status errors
	shift 2
	snapshot before
	at router timeout $((20 * SLOW)) "$EINAT" run -i wan "$@" >"$T/out" 2>&1
	status=$?
	check_num "$name: exit status ($status)" "$status" -gt 0
	check_not "$name: it did not hang" test "$status" = 124
	errors=$(grep -v '^einat: warn' "$T/out")
	check_match "$name: named" "$errors" "$pattern"
	check_eq "$name: in one line" "$(wc -l <<<"$errors")" 1
	snapshot after
	check "$name: nothing is changed" same before after
	check_match "$name: the host goes on with masquerade" "$(seen h1 25199 $A1:7000)" "^$EXT:"
}
