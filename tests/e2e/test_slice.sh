#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The slice: UDP, TCP and ICMP queries by eBPF, endpoint-independent; ICMP errors and fragments.
set -u
. "$(dirname "$0")/lab.sh"
lab_up
must_start --proto all --ports 20000-29999

# ---- UDP
e1=$(seen h1 25001 $A1:7000 $A1:7001 $A2:7000 $FAR:7001)
e2=$(seen h2 25001 $FAR:7000 $A2:7001 $A1:7000 $A1:7001)
check "udp: h1 has one endpoint for all peers ($e1)" same_endpoint "$e1"
check "udp: h2, same source port, too ($e2)" same_endpoint "$e2"
check_eq "udp: a free port inside the slice is kept" "${e1%% *}" "$EXT:25001"
check "udp: h2 is in the slice" in_slice "$e2"
check_not "udp: h2 has another port than h1" test "$(port_of "$e1")" = "$(port_of "$e2")"
check_eq "udp: h1's binding is listed" "$(binding_of udp 192.168.1.2:25001)" "$EXT:25001"
check_eq "udp: conntrack saw no NAT" "$(conntrack_of udp 192.168.1.2:25001)" untouched
check_num "udp: einat counts what went out" "$(stat_of out translated)" -ge 8
check_num "udp: and what came in" "$(stat_of in translated)" -ge 8
check_num "the kept port is counted" "$(count_of port-kept)" -ge 1
e=$(seen h1 5001 $A1:7000 $A2:7000)
check "udp: a port outside the slice gets one inside ($e)" in_slice "$e"
check_eq "udp: of the same parity" $(($(port_of "$e") % 2)) 1
check_eq "udp: another address may send to the binding (EIF)" "$(eif h1 25002 $A1:7000 $A2:7001)" yes
hold held h1 25003 $A1:7000
check_eq "udp: a host never called may, too" "$(send far 7777 "$ENDPOINT")" "$FAR 7777"
check_eq "udp: a port without a binding answers nobody" \
	"$(send far 7777 $EXT:29000 --limit 0.3 | grep -c "$FAR")" 0
finish "$PID"

# ---- TCP
e1=$(tcp_seen h1 25101 $A1:7000 $A2:7000 $FAR:7001)
e2=$(tcp_seen h2 25101 $FAR:7000 $A1:7000)
check "tcp: h1 has one endpoint for all peers ($e1)" same_endpoint "$e1"
check "tcp: h2, same source port, too ($e2)" same_endpoint "$e2"
check_eq "tcp: the port is kept" "${e1%% *}" "$EXT:25101"
check "tcp: h2 is in the slice" in_slice "$e2"
check_eq "tcp: conntrack saw no NAT" "$(conntrack_of tcp 192.168.1.2:25101)" untouched
check_num "tcp: sessions are counted" "$(count_of session-new)" -ge 5
hold tcpheld h1 25103 $A1:7000 tcphold
check_match "tcp: a host never called may connect to the binding" "$(tcp_seen far 7778 "$ENDPOINT")" \
	"^$FAR:7778$"
finish "$PID"

# simultaneous open: h1's SYN has left, the far host's own is its only answer
cat >"$T/open.py" <<'END'
import socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.settimeout(float(sys.argv[4]))
s.bind(("", int(sys.argv[1])))
s.connect((sys.argv[2], int(sys.argv[3])))
s.send(b"from %s" % sys.argv[1].encode())
print("got", s.recv(100).decode(), flush=True)
END
at far nft -f - <<'END'
table ip crossing {
	chain input {
		type filter hook input priority 0;
		tcp dport 7900 tcp flags & (syn | ack) == syn counter drop
	}
}
END
crossed() { ! at far nft list table ip crossing | grep -q "packets 0 "; }
start opening h1 "$PY" "$T/open.py" 25105 $FAR 7900 $((10 * SLOW))
opening=$PID
wait_for 5 crossed
check_eq "tcp: simultaneous open: the far host is connected" \
	"$(at far "$PY" "$T/open.py" 7900 $EXT 25105 $((10 * SLOW)) 2>&1)" "got from 25105"
wait "$opening"
check_eq "tcp: simultaneous open: h1, too" "$(cat "$T/opening")" "got from 7900"
at far nft delete table ip crossing

# ---- ICMP queries
out=$(stat_of out translated)
check "icmp: ping from h1" at h1 ping -q -c 2 -i 0.01 -W $((2 * SLOW)) -e 25201 $A1
check "icmp: from h2 with the same identifier" at h2 ping -q -c 2 -i 0.01 -W $((2 * SLOW)) -e 25201 $A1
check "icmp: to another host" at h1 ping -q -c 2 -i 0.01 -W $((2 * SLOW)) -e 25201 $FAR
check_num "icmp: translated by einat" "$(stat_of out translated)" -ge $((out + 6))
check_match "icmp: conntrack saw no NAT" \
	"$(at router conntrack -L -p icmp --orig-src 192.168.1.2 --icmp-id 25201 2>/dev/null)" \
	"src=192.168.1.2 dst=$A1 .* src=$A1 dst=192.168.1.2"
check_eq "icmp: the identifier is kept" "$(binding_of icmp 192.168.1.2:25201)" "$EXT:25201"

# ---- ICMP errors: the kernels of both ends look into the embedded packet
errors=$(stat_of in icmp-error)
check_eq "icmp error in: port unreachable reaches h1's socket" "$(send h1 25301 $A1:9)" refused
check_eq "icmp error in: time exceeded" "$(send h1 25302 $FAR:9 --ttl 2)" EHOSTUNREACH
at isp ip link set core mtu 1300
check_eq "icmp error in: fragmentation needed" "$(send h1 25303 $FAR:7000 --df --size 1350)" EMSGSIZE
check_match "icmp error in: h1 learnt the path's MTU" "$(at h1 ip route get $FAR)" "mtu 1300"
at isp ip link set core mtu 1500
check_num "icmp error in: einat translated them" "$(stat_of in icmp-error)" -ge $((errors + 3))
e=$(seen h1 25304 $A1:7000) # its socket is closed now, the binding stays
errors=$(stat_of out icmp-error)
check_eq "icmp error out: h1's port unreachable reaches the far host's socket" \
	"$(send far 7779 "$e")" refused
check_num "icmp error out: einat translated it" "$(stat_of out icmp-error)" -ge $((errors + 1))

# ---- fragments
fragments=$(stat_of out fragment)
check_eq "a fragmented datagram out is answered" "$(send h1 25401 $FAR:7000 --size 4000)" "$EXT 25401"
check_num "later fragments were translated" "$(stat_of out fragment)" -ge $((fragments + 2))
at h1 "$PEER" send -b 25402 $A1:7000 "big 4000" >"$T/big"
check_eq "a fragmented answer comes in" "$(cat "$T/big")" "4000 bytes"

# ---- what the slice leaves alone
check_eq "no packet was dropped by einat" "$(einat stats -i wan --json | json \
	"sum(d[x].get(r,{}).get('packets',0) for x in ('out','in') for r in ('full','refused',
	'table-full','no-address','guard','fragment-guard','rewrite-failed','malformed-drop','ttl',
	'internal-error'))")" 0
check_eq "no packet left with a private source" "$(leaks)" 0
check "einat stops cleanly" stop_einat
check_not "the log names no host" grep -qF -e $A1 -e $A2 -e $FAR -e 192.168.1. "$T/einat"
finish_tests
