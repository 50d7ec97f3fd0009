#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A connection in RST grace (RFC 7857 section 2.2) while another start makes larger maps: the grace
# neither ends nor begins anew, and data still shows that the RST was forged.
set -u
. "$(dirname "$0")/lab.sh"
lab_up

cat >"$T/client.py" <<'END'
import os, socket, sys, time
s = socket.create_connection((sys.argv[1], 7000), source_address=("192.168.1.2", int(sys.argv[2])))
print("up", flush=True)
while not os.path.exists(sys.argv[3]):
    time.sleep(0.05)
s.sendall(b"x\n")
time.sleep(60)
END
# connect PORT: a connection from h1 that is silent until $T/go.PORT is there
connect()
{
	start "client.$1" h1 "$PY" "$T/client.py" $A1 "$1" "$T/go.$1"
	wait_for 5 logged "client.$1" up || die "client $1: $(cat "$T/client.$1")"
}
# forged_rst PORT: not of the connection's sequence, so that h1 pays no heed
forged_rst()
{
	at isp "$PY" - "$A1" "$EXT" "$1" <<-'END' >/dev/null 2>&1
	import sys
	from scapy.all import IP, TCP, send
	send(IP(src=sys.argv[1], dst=sys.argv[2]) / TCP(sport=7000, dport=int(sys.argv[3]), flags="R", seq=1))
	END
}
# expires PORT: seconds; 0: no binding
expires()
{
	einat bindings -i wan --json | json "sum(b.get('expires', 0) for b in d['bindings'] \
		if b['internal'] == '192.168.1.2:$1')"
}
within() { local n; n=$(expires "$1"); [ "$n" -ge "$2" ] && [ "$n" -le "$3" ]; }
later() { ctl_word 8 $(($(cut -d. -f1 /proc/uptime) + $1)); }

must_start --proto tcp --tcp-close-timeout 300s
connect 26100
connect 26101
check "two connections: established" within 26100 7000 7440
later 3000 >/dev/null
forged_rst 26100
check "an RST after 50 minutes: its grace begins" wait_for 5 within 26100 200 300
check "the other one is established" within 26101 4000 4440
kill -KILL "$EINAT_PID"
wait "$EINAT_PID" 2>/dev/null
must_start --proto all --tcp-close-timeout 300s
check "larger maps: the grace goes on ($(expires 26100) s)" within 26100 150 300
check "larger maps: the other one is as it was ($(expires 26101) s)" within 26101 4000 4440
: >"$T/go.26100"
check "data from h1: the RST was forged, the connection goes on" wait_for 5 within 26100 7000 7440
check_eq "no packet left with a private source" "$(leaks)" 0
check "stop" stop_einat
finish_tests
