#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Fragments in any order (RFC 4787 REQ-14), both directions, and under a flood of fragments whose
# first one never comes.
set -u
. "$(dirname "$0")/lab.sh"
lab_up
must_start --proto all --ports 20000-29999

# frag.py SOURCE:PORT DESTINATION:PORT SIZE ORDER ID [GAP-MS]: one UDP datagram of SIZE bytes as fragments
# of 1480 bytes, sent in that order: a list of numbers, "reverse" or "-last" (the last one first)
cat >"$T/frag.py" <<'END'
import socket, struct, sys, time
def sum16(b):
    b += b"\0" * (len(b) & 1)
    s = sum(struct.unpack("!%dH" % (len(b) // 2), b))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff
def end(t):
    h, p = t.rsplit(":", 1)
    return socket.inet_aton(h), int(p), h
(src, sport, _), (dst, dport, host) = end(sys.argv[1]), end(sys.argv[2])
size, order, ident = int(sys.argv[3]), sys.argv[4], int(sys.argv[5])
gap = float(sys.argv[6]) / 1000 if len(sys.argv) > 6 else 0
data = bytes((i * 7 + ident) & 0xff for i in range(size))
udp = struct.pack("!HHHH", sport, dport, size + 8, 0)
csum = sum16(src + dst + struct.pack("!BBH", 0, 17, size + 8) + udp + data) or 0xffff
payload = udp[:6] + struct.pack("!H", csum) + data
parts = [(at, payload[at:at + 1480]) for at in range(0, len(payload), 1480)]
n = len(parts)
numbers = {"reverse": list(range(n))[::-1], "-last": [n - 1] + list(range(n - 1))}.get(order)
if numbers is None:
    numbers = [int(x) for x in order.split(",")]
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
for k in numbers:
    at, part = parts[k]
    more = 0x2000 if at + len(part) < len(payload) else 0
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(part), ident, more | at // 8, 64, 17, 0, src, dst)
    raw.sendto(ip + part, (host, 0))
    if gap:
        time.sleep(gap)
END
# sink.py PORT SERVER: opens a binding, prints its endpoint, then each datagram's size and whether its
# bytes are right
cat >"$T/sink.py" <<'END'
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
s.bind(("", int(sys.argv[1])))
s.sendto(b"seen", (sys.argv[2], 7000))
print(s.recv(100).decode().replace(" ", ":"), flush=True)
while True:
    data, peer = s.recvfrom(65536)
    ok = all(b == (data[0] + i * 7) & 0xff for i, b in enumerate(data))
    print(peer[0], len(data), "right" if ok else "wrong", flush=True)
END
start sink h1 "$PY" "$T/sink.py" 25001 $A1
sink=$PID
wait_for 5 test -s "$T/sink"
to=$(head -n 1 "$T/sink")
check_eq "the binding" "$to" "$EXT:25001"
# inbound NAME SIZE ORDER ID [GAP]: it arrives whole; in how many ms
inbound()
{
	local begun=${EPOCHREALTIME/./} n
	n=$(grep -c " $2 right" "$T/sink")
	at isp "$PY" "$T/frag.py" "$A2:4444" "$to" "$2" "$3" "$4" ${5-}
	if wait_for 2 eval '[ "$(grep -c " '"$2"' right" "$T/sink")" -gt '"$n"' ]'; then
		ok "$1: arrives ($((${EPOCHREALTIME/./} - begun)) us, the sender's start included)"
	else
		not_ok "$1: arrives"
		tail -n 3 "$T/sink" | sed 's/^/#   /'
	fi
}
inbound "in order" 4000 0,1,2 100
late=$(stat_of out late-fragment)
check_eq "in order: nothing was late" "$late" 0
inbound "second first" 2500 1,0 101
check_num "second first: it was sent in again" "$(stat_of out late-fragment)" -ge 1
inbound "reverse order" 6000 reverse 102
inbound "last one first" 6001 -last 103
inbound "mixed" 8000 3,0,5,1,4,2 104
inbound "reverse order, 100 ms between them" 4001 reverse 105 100
inbound "64 KB in reverse order" 60000 reverse 106
inbound "a second datagram of that identification" 60001 reverse 106
check_eq "no datagram came with wrong bytes" "$(grep -c wrong "$T/sink")" 0

# what a binding does not want stays netfilter's, also out of order
at router conntrack -F 2>/dev/null
cat >"$T/masq.py" <<'END'
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 5000))
s.sendto(b"seen", (sys.argv[1], 7000))
print(s.recv(100).decode().replace(" ", ":"), flush=True)
print("got", len(s.recv(65536)), flush=True)
END
start masq c1 "$PY" "$T/masq.py" $A1 # the container is masqueraded
masq=$PID
wait_for 5 test -s "$T/masq"
at isp "$PY" "$T/frag.py" "$A1:7000" "$(head -n 1 "$T/masq")" 5000 reverse 110
check "a masqueraded flow's fragments in reverse order arrive" wait_for 3 logged masq "got 5000"
finish "$masq"

# outwards: conntrack puts them together, and the kernel sends them in order
unknown=$(stat_of out fragment-guard)
start out isp "$PY" -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('$A2', 4444))
print('bound', flush=True)
while True:
    d, p = s.recvfrom(65536)
    print(len(d), p[0], p[1], all(b == (d[0] + i * 7) & 255 for i, b in enumerate(d)), flush=True)"
out=$PID
wait_for 5 logged out bound
at h1 "$PY" "$T/frag.py" 192.168.1.2:25001 "$A2:4444" 6000 reverse 120
at h1 "$PY" "$T/frag.py" 192.168.1.2:25001 "$A2:4444" 6100 1,3,0,2,4 121
check "outwards in reverse order" wait_for 3 logged out "6000 $EXT 25001 True"
check "outwards mixed" wait_for 3 logged out "6100 $EXT 25001 True"
check_eq "outwards: none came late to the data plane" "$(stat_of out fragment-guard)" "$unknown"
finish "$out"

# ---- a flood of later fragments from many sources, each of a datagram of its own
cat >"$T/flood.py" <<'END'
import os, random, socket, struct, sys, time
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
dst = socket.inet_aton(sys.argv[1])
many = sys.argv[3] == "many"
begun, n = time.monotonic(), 0
while time.monotonic() - begun < float(sys.argv[2]):
    for _ in range(20):
        src = bytes([9, *random.randbytes(3)]) if many else bytes([9, 9, 9, 9])
        raw.sendto(struct.pack("!BBHHHBBH4s4s", 0x45, 0, 1500, n & 0xffff, 0x2000 | 185, 64, 17, 0,
                               src, dst) + bytes(1480), (sys.argv[1], 0))
        n += 1
    time.sleep(0.004)
print(n)
END
# The router's kernel holds what it cannot reassemble, 4 MB of it unless told otherwise; then it takes
# no new datagram of anybody. Not einat's doing: out of the way here.
at router sysctl -qw net.ipv4.ipfrag_high_thresh=134217728
rss() { awk '/VmRSS/ { print $2 }' "/proc/$EINAT_PID/status"; }
before=$(rss)
for kind in many one; do
	stream live h1 25002 $A1:7000
	live=$PID
	wait_for 5 eval '[ -n "$(binding_of udp 192.168.1.2:25002)" ]'
	start flood isp "$PY" "$T/flood.py" $EXT 3 $kind
	flood=$PID
	got=0
	for i in $(seq 20); do
		n=$(grep -c " 2600 right" "$T/sink")
		at isp "$PY" "$T/frag.py" "$A2:4444" "$to" 2600 0,1 $((200 + i))
		wait_for 1 eval '[ "$(grep -c " 2600 right" "$T/sink")" -gt '"$n"' ]' && got=$((got + 1))
	done
	late=0
	for i in $(seq 10); do
		n=$(grep -c " 2700 right" "$T/sink")
		at isp "$PY" "$T/frag.py" "$A2:4444" "$to" 2700 1,0 $((300 + i))
		wait_for 1 eval '[ "$(grep -c " 2700 right" "$T/sink")" -gt '"$n"' ]' && late=$((late + 1))
	done
	wait "$flood"
	check_num "flood from $kind: fragments sent: $(cat "$T/flood")" "$(cat "$T/flood")" -ge $((1000 / SLOW))
	result=$(stream_end live "$live")
	check_num "flood from $kind: a stream, datagrams" "$(json "d['sent']" <<<"$result")" -ge $((1000 / SLOW))
	check_eq "flood from $kind: a stream lost" "$(json "d['lost']" <<<"$result")" 0
	check_eq "flood from $kind: fragmented datagrams in order arrive" "$got" 20
	check_num "flood from $kind: of those out of order, too ($late of 10)" "$late" -ge 5
done
check_num "the daemon's memory grew by less than 2 MB ($before to $(rss) kB)" $(($(rss) - before)) -lt 2048
check_eq "what was held is let go: the daemon rests" \
	"$(a=$(awk '{print $14 + $15}' "/proc/$EINAT_PID/stat"); sleep 3; b=$(awk '{print $14 + $15}' "/proc/$EINAT_PID/stat"); [ $((b - a)) -le 15 ] && echo yes || echo "$((b - a)) ticks")" yes
finish "$sink"
check_eq "no packet left with a private source" "$(leaks)" 0
check "stop" stop_einat
finish_tests
