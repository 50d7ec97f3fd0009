#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Larger maps while a TCP connection is being opened: it is known to be established afterwards.
set -u
. "$(dirname "$0")/lab.sh"
lab_up
conf() { echo "interfaces = ( { interface = \"wan\"; slices = ( { proto = \"tcp\"; ports = \"$1\"; } ); } );" >"$T/einat.conf"; }
conf 20000-20099
start_einat --config "$T/einat.conf" || die "einat: $(cat "$T/einat")"
# a server that answers the first SYN when told to
at isp nft 'table ip hold { chain in { type filter hook input priority 0; tcp dport 7055 drop; }; }'
cat >"$T/server.py" <<'P'
import os, socket, struct, sys, time
def csum(b):
    t = sum(struct.unpack("!%dH" % (len(b) // 2), b))
    while t >> 16: t = (t & 0xffff) + (t >> 16)
    return ~t & 0xffff
p = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
print("ready", flush=True)
while True:
    d = p.recv(2000)
    if d[9] == 6 and d[22:24] == struct.pack("!H", 7055) and d[33] == 2: break
src, dst, sport, seq = d[16:20], d[12:16], d[20:22], struct.unpack("!I", d[24:28])[0]
t0 = time.time()
print("syn", flush=True)
while not os.path.exists(sys.argv[1]): time.sleep(0.002)
h = struct.pack("!H2sIIBBHHH", 7055, sport, 1000, seq + 1, 0x50, 0x12, 65000, 0, 0)
c = csum(src + dst + struct.pack("!HH", 6, 20) + h)
out.bind((socket.inet_ntoa(src), 0))
out.sendto(h[:16] + struct.pack("!H", c) + h[18:], (socket.inet_ntoa(dst), 0))
print("answered after %d ms" % (1000 * (time.time() - t0)), flush=True)
time.sleep(9)
P
start server isp $PY "$T/server.py" "$T/answer"
wait_for 5 logged server ready
cat >"$T/c.py" <<'P'
import socket, sys, time
s = socket.create_connection((sys.argv[1], 7055), source_address=("", 20005))
print("connected", flush=True); time.sleep(20)
P
expires() { einat bindings -i wan --json | json "[b['expires'] for b in d['bindings'] if b['internal'].endswith(':$1')][0]"; }
start c h1 $PY "$T/c.py" $A1
conf 20000-29999
wait_for 2 logged server syn
kill -HUP "$EINAT_PID"
wait_for 5 logged einat "read anew"
touch "$T/answer"
check "connected" wait_for 5 logged c connected
sed 's/^/# /' "$T/server"
check_num "its binding is that of an open connection" "$(expires 20005)" -gt 7000
finish_tests
