#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Pins are found again by whoever stops or takes over, though only the first start named the folder.
set -u
. "$(dirname "$0")/lab.sh"
lab_up
snapshot before
pins() { find /sys/fs/bpf -name 'link_*' | sort; }

must_start --proto udp --pin /sys/fs/bpf/else/where
if [ "$(einat status -i wan --json | json "d['interfaces'][0]['attach']")" != tcx ]; then
	stop_einat
	echo "ok 1 - pins # SKIP this kernel has no TCX"
	exit 0
fi
check_match "pinned where the start says" "$(pins)" "^/sys/fs/bpf/else/where/.*/wan/link_in"
check "einat stop" einat stop -i wan
wait_for 10 gone "$EINAT_PID"
wait "$EINAT_PID" 2>/dev/null
snapshot after
check "stopped without --pin: nothing is left" same before after

killed()
{
	kill -KILL "$EINAT_PID"
	wait "$EINAT_PID" 2>/dev/null
}
must_start --proto udp --pin /sys/fs/bpf/else/where
killed
check "killed, einat stop" einat stop -i wan
snapshot after
check "killed, stopped without --pin: nothing is left" same before after

must_start --proto udp --pin /sys/fs/bpf/else/where
check_eq "h1 has a binding" "$(seen h1 25001 $A1:7000)" "$EXT:25001"
killed
must_start --proto udp
check_eq "taken over without --pin: h1 keeps it" "$(seen h1 25001 $A2:7000)" "$EXT:25001"
check_eq "the links stay where they were" "$(pins | grep -c else/where)" 2
check "stop" stop_einat
snapshot after
check "taken over, stopped: nothing is left" same before after

# another file system, a blank in its name, another interface's pins in it, and a program's own
mkdir "$T/a b"
mount -t bpf bpf "$T/a b" || die "bpf file system"
must_start --proto udp --pin "$T/a b/x"
at far ip link add wan type veth peer name wan-x
at far ip addr add 203.0.113.77/24 dev wan
start other far "$EINAT" run -i wan --proto udp --rest none --pin "$T/a b/x"
other=$PID
wait_for 15 logged other ready || die "einat in far: $(cat "$T/other")"
mkdir "$T/a b/wan"
links() { find "$T/a b" -name 'link_*' | wc -l; }
check_eq "two interfaces of one name: four pins" "$(links)" 4
killed
check "killed, einat stop" einat stop -i wan
check_eq "those of the other namespace's interface stay" "$(links)" 2
check "a folder of that name that is not einat's stays" test -d "$T/a b/wan"
check_match "the other einat goes on" "$(at far "$EINAT" status -i wan --json | json "d['interfaces'][0]['running']")" True

# ---- the interface goes after einat
kill -KILL "$other"
wait "$other" 2>/dev/null
must_start --proto udp --pin "$T/a b/y"
killed
at far ip link del wan
check_eq "far's interface is gone, its pins are not" "$(find "$T/a b/x" -name 'link_*' | wc -l)" 2
check "stop in the router" einat stop -i wan
check_eq "does not touch far's" "$(links)" 2
check "stop in far" at far "$EINAT" stop -i wan
check_eq "no pin is left" "$(links)" 0
check_eq "no packet left with a private source" "$(leaks)" 0
finish_tests
