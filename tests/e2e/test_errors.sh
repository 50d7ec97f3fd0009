#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Errors: one clear line each, the exit code of a usage error is 64, nothing is changed.
set -u
. "$(dirname "$0")/lab.sh"
lab_up
snapshot before

# usage NAME PATTERN ARGUMENTS...: exit 64, one line on standard error that matches
usage()
{
	local name=$1 pattern=$2
	shift 2
	at router timeout $((10 * SLOW)) "$EINAT" "$@" >"$T/out" 2>"$T/err" </dev/null
	check_eq "$name: exit status 64" $? 64
	check_match "$name: names the culprit" "$(cat "$T/err")" "$pattern"
	check_eq "$name: one line" "$(wc -l <"$T/err")" 1
}

usage "no interface" "interface" run
usage "unknown option" "--prots" run -i wan --prots 20000
usage "unknown command" "frobnicate" frobnicate -i wan
usage "reversed range" "29999-20000" run -i wan --ports 29999-20000
usage "no range" "abc" run -i wan --ports abc
usage "port too large" "70000" run -i wan --ports 20000-70000
usage "port 0" "0" run -i wan --ports 0-100
usage "range twice" "20000-29999" run -i wan --ports 20000-29999,20000-29999
usage "overlapping ranges" "25000-35000" run -i wan --ports 20000-29999,25000-35000
usage "unknown protocol" "sctp" run -i wan --proto udp,sctp
usage "bad CIDR" "192.168.1.0/33" run -i wan --internal 192.168.1.0/33
usage "host bits" "192.168.1.1/24" run -i wan --internal 192.168.1.1/24
usage "bad mark" "0x1/zz" run -i wan --mark 0x1/zz
usage "bad forward" "--forward.*99999" run -i wan --forward udp:99999=1.2.3.4
usage "bad rest" "maybe" run -i wan --rest maybe
usage "bad interface name" "a/b" run -i a/b
usage "stray argument" "stray" run -i wan stray

cat >"$T/syntax.conf" <<'END'
interfaces = (
	{ interface = "wan"; slices = ( { proto = "udp" ports: ); }
);
END
usage "file with a syntax error: file, line, column" "syntax.conf:2:[0-9]+: " run --config "$T/syntax.conf"
cat >"$T/value.conf" <<'END'
interfaces = (
	{
		interface = "wan";
		slices = ( { proto = "udp"; ports = "29999-20000"; } );
	}
);
END
usage "file with a bad value: file, line, column" "value.conf:4:[0-9]+: .*29999-20000" run --config "$T/value.conf"
sed 's/29999-20000/20000-29999/; s/proto =/porto =/' "$T/value.conf" >"$T/name.conf"
usage "file with an unknown name: file, line, column" "name.conf:4:[0-9]+: .*porto" run --config "$T/name.conf"

# failure NAME PATTERN COMMAND...: not 0, one line with the reason
failure()
{
	local name=$1 pattern=$2 status
	shift 2
	at router timeout $((15 * SLOW)) "$@" >"$T/out" 2>"$T/err" </dev/null
	status=$?
	check_num "$name: exit status ($status)" $status -gt 0
	check_not "$name: ends by itself" test $status -ge 124
	check_match "$name: says why" "$(cat "$T/err")" "$pattern"
	check_eq "$name: one line of error" "$(grep -ci 'error\|cannot\|no \|not ' "$T/err")" 1
}
failure "no such file" "nowhere.conf" "$EINAT" run --config "$T/nowhere.conf"
failure "missing interface" "ppp7" "$EINAT" run -i ppp7
failure "an ordinary user" "root|CAP_" setpriv --reuid 65534 --clear-groups "$EINAT" run -i wan
failure "without CAP_BPF" "CAP_BPF|CAP_SYS_ADMIN|root" setpriv --bounding-set=-bpf,-sys_admin \
	--inh-caps=-bpf,-sys_admin "$EINAT" run -i wan
failure "bindings where no einat runs" "wan" "$EINAT" bindings -i wan
failure "stats where no einat runs" "wan" "$EINAT" stats -i wan --json

at router "$EINAT" --help >"$T/help"
check_eq "--help: exit status 0" $? 0
for word in --interface --proto --ports --internal --exclude-dest --mark --inbound-mark --forward \
	--hairpin-if --rest --config --pin --guard; do
	check "--help tells of $word" grep -q -- "$word" "$T/help"
done
snapshot after
check "after all that nothing is changed" same before after
finish_tests
