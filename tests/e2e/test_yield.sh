#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Ports of the slice that someone else begins to use while einat runs are left to them, and taken
# back afterwards; `einat status` names them.
set -u
. "$(dirname "$0")/lab.sh"
lab_up
must_start --proto udp,tcp --ports 20000-29999 --exclude-ports 20050 --log-level debug

# yielded: "WHOM PROTOCOL PORTS;..." of the slice
yielded()
{
	einat status --json | json "';'.join('%s %s %s' % (y['to'], y['proto'], y['ports']) for y in d['interfaces'][0]['slices'][0]['yielded'])"
}
holds() { [[ ";$(yielded);" == *";$1;"* ]]; }
holds_not() { ! holds "$1"; }
# the port that a new flow of HOST from source port PORT gets
given() { port_of "$(seen "$1" "$2" $A1:7001)"; }

# the lab's own published port, there before einat
check_eq "a port published before the start" "$(yielded)" "dnat udp 25000"

# ---- a port is published
at router nft 'add table ip pub; add chain ip pub pre { type nat hook prerouting priority -100; }'
at router nft 'add rule ip pub pre iifname "wan" udp dport 25200-25201 dnat to 172.17.0.2:5000'
check "a newly published port is left to its rule" wait_for 5 holds "dnat udp 25000,25200-25201"
check_match "status says it" "$(einat status)" "but not +udp 25000,25200-25201: of DNAT rules"
check_not "a new flow does not get it" [ "$(given h1 25200)" = 25200 ]
check_eq "TCP is not concerned" "$(port_of "$(tcp_seen h1 25200 $A1:7001)")" 25200
at router nft delete table ip pub
check "when the rule goes, the port comes back" wait_for 5 holds "dnat udp 25000"
check_eq "a new flow gets it" "$(given h2 25200)" 25200

# ---- a program of the router listens
start listener router "$PY" -c 'import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
s.bind(("", 25300))
s.listen()
print("bound", flush=True)
time.sleep(600)'
listener=$PID
wait_for 5 logged listener bound
check "a new listener's port is left to it" wait_for 10 holds "socket tcp 25300"
check_not "a new flow does not get it" [ "$(port_of "$(tcp_seen h1 25300 $A1:7001)")" = 25300 ]
finish "$listener"
check "when it ends, the port comes back" wait_for 10 holds_not "socket tcp 25300"
check_eq "a new flow gets it" "$(port_of "$(tcp_seen h2 25300 $A1:7001)")" 25300

# ---- a program of the router binds the port of a live binding: that leads to its host
hold held h1 25310 $A1:7000
held=$PID
check_eq "a binding" "$ENDPOINT" "$EXT:25310"
start latecomer router "$PY" -c "import select, socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('', 25310))
print('bound', flush=True)
time.sleep(5 * $SLOW)
for to in ('$A1', '$A2'):
    s.sendto(b'seen', (to, 7000))
    print(s.recv(100).decode() if select.select([s], [], [], 2 * $SLOW)[0] else 'none', flush=True)"
latecomer=$PID
wait_for 5 logged latecomer bound
check "a program on its port: status says so" wait_for 4 holds "socket udp 25310"
check "the program ends" wait_for 15 gone "$latecomer"
check_eq "it was answered, on another port" "$(grep -c "^$EXT " "$T/latecomer")" 2
check_not "not on that of the binding" grep -q " 25310$" "$T/latecomer"
check_eq "the binding is served" "$(send far 7700 "$EXT:25310")" "$FAR 7700"
finish "$held"

# ---- conntrack has a flow on a port of the slice
# applied_since COUNT: owners known to the ledger are the data plane's a tick later
applied() { grep -c "applied after a change of port owners" "$T/einat"; }
applied_since() { [ "$(applied)" -gt "$1" ]; }
before=$(applied)
at router conntrack -I -p udp -s 192.168.1.3 -d $A1 --sport 25400 --dport 7000 --src-nat $EXT:25400 -t 60 >/dev/null 2>&1
check "a masqueraded flow keeps its port" wait_for 5 holds "netfilter udp 25400"
wait_for 5 applied_since "$before"
check_not "a new flow does not get it" [ "$(given h1 25400)" = 25400 ]
at router conntrack -D -p udp --orig-port-src 25400 >/dev/null 2>&1
check "when it ends, the port comes back" wait_for 5 holds_not "netfilter udp 25400"

check_not "what the operator excludes is no news" grep -q 20050 <(yielded)
check "stop" stop_einat
finish_tests
