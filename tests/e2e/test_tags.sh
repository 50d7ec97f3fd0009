#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# VLAN tags on the external interface. What is tagged belongs to another network, which einat leaves
# alone, whether the tag lies in the packet or beside it; a priority tag (VLAN 0) makes no difference.
# Then a VLAN interface with a dot in its name as the external one.
set -u
. "$(dirname "$0")/lab.sh"
lab_up
must_start --proto all --ports 20000-29999

# frames to a bound port, tagged by the sender: VLAN 0 is wan's own, VLAN 10 is not
cat >"$T/tag.py" <<'END'
import socket, struct, sys
dev, mac, vlan, src, dst, sport, dport = sys.argv[1:8]
def sum16(b):
    s = sum(struct.unpack("!%dH" % (len(b) // 2), b))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff
udp = struct.pack("!HHHH", int(sport), int(dport), 12, 0) + b"tag" + b"%d" % (int(vlan) % 10)
ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, socket.inet_aton(src), socket.inet_aton(dst))
ip = ip[:10] + struct.pack("!H", sum16(ip)) + ip[12:]
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((dev, 0))
s.send(bytes.fromhex(mac.replace(":", "")) + s.getsockname()[4] + struct.pack("!HHH", 0x8100, 0x6000 | int(vlan), 0x0800) + ip + udp)
END
hold held h1 25002 $A1:7000
held=$PID
check_eq "the binding" "$ENDPOINT" "$EXT:25002"
mac=$(at router cat /sys/class/net/wan/address 2>/dev/null)
mac=$(at router ip -o link show wan | sed 's/.*ether \([0-9a-f:]*\).*/\1/')
start icmp h1 tcpdump -i eth0 -nn -l "udp dst port 25002"
dump=$PID
wait_for 5 logged icmp "listening on"
before=$(stat_of in not-ip)
at isp "$PY" "$T/tag.py" home "$mac" 10 $A2 $EXT 4444 25002
check "a frame of VLAN 10 to a bound port is not wan's" wait_for 3 eval '[ "$(stat_of in not-ip)" -gt '"$before"' ]'
at isp "$PY" "$T/tag.py" home "$mac" 0 $A2 $EXT 4445 25002
check "a priority-tagged one (VLAN 0) is, and arrives" wait_for 3 logged icmp "$A2.4445 > 192.168.1.2.25002"
check_not "the other one never did" logged icmp "$A2.4444"
finish "$dump"
finish "$held"
# and outwards: what is tagged in the packet passes as it is, whatever its source
cat >"$T/sniff.py" <<'END'
import socket, struct, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.setsockopt(263, 8, 1)  # PACKET_AUXDATA: the kernel takes tags out of packets
s.bind(("home", 0))
print("sniffing", flush=True)
while True:
    data, aux, _, _ = s.recvmsg(2048, 256)
    tci = next((struct.unpack_from("=H", d, 16)[0] & 0xfff for l, t, d in aux if struct.unpack_from("=I", d)[0] & 16), -1)
    if data[12:14] == b"\x08\x00":
        print("vlan", tci, socket.inet_ntoa(data[26:30]), flush=True)
END
start sniff isp "$PY" "$T/sniff.py"
sniff=$PID
wait_for 5 logged sniff sniffing
before=$(stat_of out not-ip)
at router "$PY" "$T/tag.py" wan "$mac" 10 192.168.1.2 $A1 25002 7000
check "a tagged frame out passes as it is" wait_for 3 logged sniff "vlan 10 192.168.1.2"
check_num "and is counted as not wan's own" "$(stat_of out not-ip)" -gt "$before"
finish "$sniff"
check_eq "wan itself is translated as ever" "$(seen h1 25003 $A1:7000 $A2:7000)" "$EXT:25003 $EXT:25003"

have_vlan=
if at far ip link add link eth0 name probe type vlan id 9 2>/dev/null; then
	at far ip link del probe
	have_vlan=1
else
	ok "VLAN interfaces # SKIP this kernel has none (8021q); wan.12 is a veth below"
fi

# A second network on the same wire, where nobody does NAT: VLAN 10, the tag beside the packet, and
# VLAN 11, the tag in the packet when it passes wan (a device without reordered headers).
tagged() # ID REORDER NET
{
	if [ -n "$have_vlan" ]; then
		at router ip link add link wan name "wan.$1" type vlan id "$1" reorder_hdr "$2"
		at isp ip link add link home name "home.$1" type vlan id "$1"
	else
		wire router "wan.$1" isp "home.$1"
	fi
	at router ip addr add "$3.2/24" dev "wan.$1"
	at isp ip addr add "$3.1/24" dev "home.$1"
	at router ip link set "wan.$1" up
	at isp ip link set "home.$1" up
	at isp ip route add 192.168.1.0/24 via "$3.2"
}
untagged() # ID
{
	at router ip link del "wan.$1"
	at isp ip link del "home.$1"
}
# seen by a server on the tagged network: the host's own address and port
seen_at() { at h1 "$PEER" seen -b "$1" "$2:7000"; }
at isp nft delete table ip watch # private sources are right there
for how in ${have_vlan:+10-on 11-off}; do
	id=${how%-*}
	for offload in on off; do
		at router ethtool -K wan tx-vlan-hw-insert $offload rx-vlan-hw-parse $offload >/dev/null 2>&1
		tagged "${id}" "${how#*-}" 10.9.$id
		start "serve$id" isp "$PEER" serve 10.9.$id.1
		serve=$PID
		wait_for 5 logged "serve$id" serving
		before=$(stat_of out not-ip) before_in=$(stat_of in not-ip)
		check_eq "VLAN $id, offload $offload: not translated" "$(seen_at 25001 10.9.$id.1)" "192.168.1.2:25001"
		check_num "VLAN $id, offload $offload: counted at egress as not wan's own" \
			"$(stat_of out not-ip)" -gt "$before"
		check_num "VLAN $id, offload $offload: and at ingress" "$(stat_of in not-ip)" -gt "$before_in"
		check_eq "VLAN $id, offload $offload: no binding" "$(binding_of udp 192.168.1.2:25001)" ""
		finish "$serve"
		untagged "$id"
	done
done
at router ethtool -K wan tx-vlan-hw-insert on rx-vlan-hw-parse on >/dev/null 2>&1

check "stop" stop_einat

# ---- a VLAN interface as the external one
tagged 12 on 10.9.12
start serve12 isp "$PEER" serve 10.9.12.1
wait_for 5 logged serve12 serving
at router nft add rule ip home postrouting oifname wan.12 masquerade
start einat router "$EINAT" run -i wan.12 --proto all --ports 20000-29999
EINAT_PID=$PID
check "einat runs on wan.12" wait_for 15 logged einat ready
check_eq "wan.12: translated" "$(at h1 "$PEER" seen -b 25004 10.9.12.1:7000 10.9.12.1:7001 | paste -sd' ')" \
	"10.9.12.2:25004 10.9.12.2:25004"
check_eq "wan.12: TCP" "$(at h1 "$PEER" tcp -b 25005 10.9.12.1:7000)" "10.9.12.2:25005"
check "wan.12: ping" at h1 ping -q -c 1 -W $((2 * SLOW)) -e 25006 10.9.12.1
check_eq "wan.12: fragments" "$(send h1 25007 10.9.12.1:7000 --nodf --size 4000)" "10.9.12.2 25007"
check_num "wan.12: einat did it" "$(einat stats -i wan.12 --json | json "d['out']['translated']['packets']")" -ge 4
check_match "wan: masqueraded, as einat is not there" "$(seen h1 25008 $A1:7000; conntrack_of udp 192.168.1.2:25008)" \
	"masquerade"
check "wan.12: stop" stop_einat
check_not "nothing is left" has_traces
finish_tests
