#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# To conntrack a connection is claimed for ever, and its binding expires: no connection that no slice
# takes any more goes on with its private source then. A change has taken its host out, or excluded
# its destination; or it was its first packet alone that had the slice's mark; or the other side began
# it.
set -u
. "$(dirname "$0")/lab.sh"
lab_up

conf() # SETTINGS of the first slice; the second one is chosen by a mark
{
	cat >"$T/einat.conf" <<-END
	interfaces = ( { interface = "wan"; slices = (
		{ proto = "all"; ports = "20000-24999"; $1 },
		{ proto = "all"; ports = "25000-29999"; internal = "172.17.0.2/32"; mark = "0x100/0x100"; } ); } );
	END
}
LAN='internal = "192.168.1.0/24";'
start_conf()
{
	conf "$LAN"
	start_einat --config "$T/einat.conf" || die "einat: $(cat "$T/einat")"
}
reload()
{
	conf "$1"
	kill -HUP "$EINAT_PID"
	wait_for 5 logged einat "read anew"
}
# later SECONDS; expired ENDPOINT...; forgotten ENDPOINT...: conntrack has none of them as claimed
later() { ctl_word 8 $(($(cut -d. -f1 /proc/uptime) + $1)) >"$T/clock"; }
expired()
{
	local e
	for e in "$@"; do ! bindings | grep -q " $e " || return 1; done
}
forgotten()
{
	local e
	for e in "$@"; do [ "$(conntrack_of tcp "$e")" != untouched ] || return 1; done
}
cat >"$T/idle.py" <<'P'
import os, socket, sys, time
s = socket.create_connection((sys.argv[1], 7000), source_address=("", int(sys.argv[2])))
print("connected", flush=True)
while not os.path.exists(sys.argv[3]):
    time.sleep(0.05)
s.send(b"seen\n")
time.sleep(2)
P
# idle HOST TARGET PORT: a connection that says something when $T/go is there
idle()
{
	start "idle$3" "$1" "$PY" "$T/idle.py" "$2" "$3" "$T/go"
	check "a connection of $1 to $2" wait_for 5 logged "idle$3" connected
}
go()
{
	touch "$T/go"
	wait_for 5 gone "$1"
	rm "$T/go"
}

# ---- the binding expires after the change
at router nft -f - <<'END'
table inet chosen {
	chain forward {
		type filter hook forward priority mangle
		ct state new iifname "br-c" meta mark set 0x100
	}
}
END
start_conf
idle h1 $A1 5005
idle h2 $A1 5006
idle c1 $A1 5007
last=$PID
reload "internal = \"192.168.1.3/32\"; exclude-dest = \"$A1/32\";"
check_match "h1 is taken out of the slice: its binding lives on" "$(bindings)" "192.168.1.2:5005"
check_match "h2's destination is excluded: likewise" "$(bindings)" "192.168.1.3:5006"
all=(192.168.1.2:5005 192.168.1.3:5006 172.17.0.2:5007)
for e in "${all[@]}"; do
	check_eq "conntrack: claimed ($e)" "$(conntrack_of tcp "$e")" untouched
done
later 7500 # two hours and five minutes
check "their bindings have expired" wait_for 5 expired "${all[@]}"
check "within a minute conntrack knows their connections no more" wait_for 65 forgotten "${all[@]}"
go "$last"
check_eq "no packet left with a private source" "$(leaks)" 0
check "stop" stop_einat

# ---- the binding has expired before the change
start_conf
idle h1 $A1 5015
last=$PID
later 7500
check "a binding has expired" wait_for 5 expired 192.168.1.2:5015
check_eq "conntrack: claimed" "$(conntrack_of tcp 192.168.1.2:5015)" untouched
reload 'internal = "192.168.1.3/32";'
check "then its host is taken out: conntrack knows the connection no more" wait_for 2 forgotten 192.168.1.2:5015
go "$last"
check_eq "no packet left with a private source" "$(leaks)" 0
check "stop" stop_einat

# ---- likewise, and the change comes with another start
start_conf
idle h1 $A1 5016
last=$PID
later 7500
check "a binding has expired" wait_for 5 expired 192.168.1.2:5016
stream used h1 5017 $A1:7000
used=$PID
check "another is in use" wait_for 5 eval '[ -n "$(binding_of udp 192.168.1.2:5017)" ]'
stop_einat USR2
conf 'internal = "192.168.1.3/32";'
start_einat --config "$T/einat.conf" || die "einat: $(cat "$T/einat")"
check "the next einat does not serve its host: conntrack knows the connection no more" forgotten 192.168.1.2:5016
check_eq "but that in use" "$(conntrack_of udp 192.168.1.2:5017)" untouched
go "$last"
result=$(stream_end used "$used")
check_eq "which goes on: lost" "$(json "d['lost']" <<<"$result")" 0
check_eq "which goes on: endpoints" "$(json "len(d['seen'])" <<<"$result")" 1
check_eq "no packet left with a private source" "$(leaks)" 0
check "stop" stop_einat

# ---- the other side has begun the connection
cat >"$T/called.py" <<'P'
import os, socket, sys, time
def at(port):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind(("", port))
    return s
l, c = at(5025), at(5025)
l.listen(1)
c.connect((sys.argv[1], 7000))
print(c.recv(100).split()[1].decode(), flush=True)
s = l.accept()[0]
c.close()
print("connected", flush=True)
while not os.path.exists(sys.argv[2]):
    time.sleep(0.05)
s.send(b"seen\n")
time.sleep(2)
P
start_conf
start called h1 "$PY" "$T/called.py" $A1 "$T/go"
last=$PID
wait_for 5 test -s "$T/called"
start caller far "$PY" -c "import socket, time
s = socket.create_connection(('$EXT', $(head -n 1 "$T/called")))
time.sleep(600)"
caller=$PID
check "a connection to h1's binding" wait_for 5 logged called connected
later 7500
check "the binding has expired" wait_for 5 expired 192.168.1.2:5025
check_eq "conntrack: claimed" "$(conntrack_of tcp $FAR)" untouched
check "stop" stop_einat
check_eq "after the stop conntrack knows the connection no more" "$(conntrack_of tcp $FAR)" ""
go "$last"
finish "$caller"
check_eq "no packet left with a private source" "$(leaks)" 0
finish_tests
