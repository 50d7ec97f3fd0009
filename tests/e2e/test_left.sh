#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A host is taken out of the slice: its connection is served on. When its binding has expired, the
# connection must not go on with its private source, though conntrack took it for claimed long ago.
set -u
. "$(dirname "$0")/lab.sh"
lab_up

conf() # SETTINGS of the slice
{
	echo "interfaces = ( { interface = \"wan\"; slices = ( { proto = \"all\"; ports = \"20000-29999\"; $1 } ); } );" >"$T/einat.conf"
}
conf ""
start_einat --config "$T/einat.conf" || die "einat: $(cat "$T/einat")"
cat >"$T/idle.py" <<'P'
import os, socket, sys, time
s = socket.create_connection((sys.argv[1], 7000), source_address=("", 5005))
print("connected", flush=True)
while not os.path.exists(sys.argv[2]):
    time.sleep(0.05)
s.send(b"seen\n")
time.sleep(2)
P
start idle h1 "$PY" "$T/idle.py" $A1 "$T/go"
idle=$PID
check "a connection of h1" wait_for 5 logged idle connected
conf 'internal = "192.168.1.3/32";'
kill -HUP "$EINAT_PID"
check "h1 is taken out of the slice" wait_for 5 logged einat "read anew"
check_match "its binding lives on" "$(bindings)" "192.168.1.2:5005"
check_eq "conntrack: claimed" "$(conntrack_of tcp 192.168.1.2:5005)" untouched

# two hours and five minutes later
ctl_word 8 $(($(cut -d. -f1 /proc/uptime) + 7500)) >"$T/clock"
expired() { ! bindings | grep -q 192.168.1.2:5005; }
check "its binding has expired" wait_for 5 expired
forgotten() { [ "$(conntrack_of tcp 192.168.1.2:5005)" != untouched ]; }
check "within a minute conntrack knows its connection no more" wait_for 65 forgotten
touch "$T/go"
check "it ends" wait_for 5 gone "$idle"
check_eq "no packet left with a private source" "$(leaks)" 0
finish_tests
