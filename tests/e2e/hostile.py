#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Malformed packets for a router, from one side of it, and what must hold of those that arrive.

  hostile.py inside|outside DEVICE ROUTER-MAC PACKETS SEED

inside: from the LAN's hosts to the Internet; outside: from there to the router's external addresses,
where bindings are. Headers are cut short, lengths and header lengths wrong, fragments overlap, ICMP
errors nest, all protocol numbers and chains of extension headers come by, over IPv4 and IPv6. Each
packet carries a mark that tells whether its checksums were right when it was sent.

What arrives on DEVICE meanwhile must have right checksums if it had them, and outside neither its
source nor what an ICMP error quotes may be an internal address. Prints what was sent and received;
the status is 1 if something was wrong, which is printed too.
"""
import ipaddress
import logging
import random
import select
import socket
import sys
import time

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP  # noqa: E402
from scapy.layers.inet6 import (IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,  # noqa: E402
                                IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, PadN)
from scapy.packet import Raw  # noqa: E402

RIGHT, WRONG = b"EINATFZR", b"EINATFZW"
PORTS = range(20100, 20108)  # inside the slice, so that bindings keep them
INTERNAL = [ipaddress.ip_network(n) for n in
            ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")]
HOSTS = {4: ["192.168.1.2", "192.168.1.3", "192.168.1.77"],
         6: ["fd00:1::2", "fd00:1::3", "fd00:1::77"]}
PEERS = {4: ["203.0.113.10", "203.0.113.11"], 6: ["2001:db8:f::10", "2001:db8:f::11"]}
EXTERNAL = {4: "203.0.113.2", 6: "2001:db8::2"}
ICMPV6 = 58


# ---- checksums, reckoned from the bytes ---------------------------------------------------
def sum16(b):
    b += b"\0" * (len(b) & 1)
    s = sum(int.from_bytes(b[i:i + 2], "big") for i in range(0, len(b), 2))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return s


def walk6(p):
    """Protocol, offset and whether it is a fragment; None: cut short."""
    proto, at, frag = p[6], 40, False
    while proto in (0, 43, 44, 60):
        if at + 8 > len(p):
            return None
        frag |= proto == 44
        proto, at = p[at], at + (8 if proto == 44 else 8 + p[at + 1] * 8)
    return proto, at, frag


def parse(p):
    """(source, destination, protocol, layer 4) of a whole packet that is no fragment, or None."""
    if len(p) >= 20 and p[0] >> 4 == 4:
        hlen, end = (p[0] & 15) * 4, int.from_bytes(p[2:4], "big")
        if int.from_bytes(p[6:8], "big") & 0x3fff or not 20 <= hlen <= end <= len(p):
            return None
        return p[12:16], p[16:20], p[9], p[hlen:end]
    if len(p) >= 40 and p[0] >> 4 == 6:
        found, end = walk6(p), 40 + int.from_bytes(p[4:6], "big")
        if not found or found[2] or not found[1] <= end <= len(p):
            return None
        return p[8:24], p[24:40], found[0], p[found[1]:end]
    return None


def checksum_right(p):
    found = parse(p)
    if p[0] >> 4 == 4 and sum16(p[:(p[0] & 15) * 4]) != 0xffff:
        return False
    if not found:
        return True
    src, dst, proto, l4 = found
    pseudo = src + dst + len(l4).to_bytes(4, "big") + proto.to_bytes(4, "big")
    if proto == 1:
        return sum16(l4) == 0xffff
    if proto == 17 and l4[6:8] == b"\0\0":
        return len(src) == 4
    return proto not in (6, 17, ICMPV6) or sum16(pseudo + l4) == 0xffff


# ---- packets as they should be ------------------------------------------------------------
class Maker:
    def __init__(self, side, seed):
        self.rnd = random.Random(seed)
        self.side = side

    def ends(self, v):
        r = self.rnd
        far, port = r.choice(PEERS[v]), r.choice(PORTS)
        if self.side == "inside":
            return r.choice(HOSTS[v]), far, port, r.choice([7000, 7001, 9, 53])
        return far, EXTERNAL[v], r.choice([7000, 53, 9]), port

    def layer4(self, v, sport, dport):
        r = self.rnd
        data = Raw(RIGHT + r.randbytes(r.randrange(0, 200)))
        kind = r.randrange(5)
        if kind < 2:
            return UDP(sport=sport, dport=dport) / data
        if kind < 4:
            return TCP(sport=sport, dport=dport, flags=r.choice(["S", "SA", "A", "FA", "R", "PA"]),
                       seq=r.getrandbits(32)) / data
        ident = sport if self.side == "inside" else dport
        if v == 4:
            return ICMP(type=8 if self.side == "inside" else 0, id=ident) / data
        # scapy's own classes differ for each type; a raw message does
        return Raw(self.icmp6(128 if self.side == "inside" else 129,
                              ident.to_bytes(2, "big") + b"\0\1" + bytes(data)))

    @staticmethod
    def icmp6(type_, rest, code=0):
        return bytes([type_, code, 0, 0]) + rest

    def chain(self):
        """Extension headers in any order and number."""
        r, head = self.rnd, IPv6()
        for _ in range(r.choice([0, 0, 0, 1, 1, 2, 3, 9])):
            head = head / r.choice([
                lambda: IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0" * 4)]),
                lambda: IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * r.choice([4, 12, 28]))]),
                lambda: IPv6ExtHdrRouting(type=r.choice([0, 2, 4]), segleft=r.choice([0, 1]),
                                          addresses=["2001:db8::7"]),
                lambda: IPv6ExtHdrFragment(offset=0, m=0, id=r.getrandbits(32))])()
        return head

    def header(self, v, src, dst):
        r = self.rnd
        if v == 4:
            options = [IPOption_NOP()] * r.choice([0, 0, 0, 4, 12, 40])
            return IP(src=src, dst=dst, id=r.randrange(65536), ttl=r.choice([64, 64, 64, 2, 255]),
                      options=options)
        head = self.chain()
        head[IPv6].src, head[IPv6].dst, head[IPv6].hlim = src, dst, r.choice([64, 64, 2, 255])
        return head

    def plain(self, v):
        src, dst, sport, dport = self.ends(v)
        head, l4 = self.header(v, src, dst), self.layer4(v, sport, dport)
        if v == 6 and isinstance(l4, Raw):
            return self.raw6(head, bytes(l4))
        return bytes(head / l4)

    @staticmethod
    def raw6(head, message):
        """ICMPv6 behind @head, with its checksum."""
        last = head.lastlayer()
        last.nh = ICMPV6
        p = bytearray(bytes(head / Raw(message)))
        at = len(p) - len(message)
        pseudo = bytes(p[8:40]) + len(message).to_bytes(4, "big") + ICMPV6.to_bytes(4, "big")
        p[at + 2:at + 4] = (~sum16(pseudo + message) & 0xffff).to_bytes(2, "big")
        return bytes(p)

    def error(self, v, depth):
        """An ICMP error about a packet that went the other way; or about an error."""
        r = self.rnd
        back = Maker("outside" if self.side == "inside" else "inside", r.getrandbits(32))
        quoted = back.plain(v) if depth == 0 else back.error(v, depth - 1)
        if self.side == "outside":  # what the router sent: from its external address
            quoted = self.readdress(v, quoted)
        quoted = quoted[:r.choice([len(quoted), 28, 48, 60, 20, 8])]
        src, dst, _, _ = self.ends(v)
        if v == 4:
            return bytes(IP(src=src, dst=dst) / ICMP(type=r.choice([3, 3, 11, 12, 4, 5]),
                                                     code=r.randrange(5)) / Raw(quoted + RIGHT))
        return self.raw6(IPv6(src=src, dst=dst),
                         self.icmp6(r.choice([1, 2, 3, 4]), b"\0\0\5\0" + quoted + RIGHT,
                                    r.randrange(4)))

    @staticmethod
    def readdress(v, p):
        addr = ipaddress.ip_address(EXTERNAL[v]).packed
        at = 12 if v == 4 else 8
        return p[:at] + addr + p[at + len(addr):]

    def fragments(self, v):
        """Of one datagram; in any order, and now and then overlapping or with holes."""
        r = self.rnd
        # reassembled, the mark would be whole again: it goes before the cut
        whole = self.plain(v).replace(RIGHT, WRONG)
        src, dst, _, _ = self.ends(v)
        ident, part = r.randrange(4), r.choice([8, 16, 64])
        l4 = whole[20:] if v == 4 else whole[40:]
        out = []
        for at in range(0, len(l4), part):
            at = max(0, at + r.choice([0, 0, 0, 0, -8, 8]))
            more = at + part < len(l4)
            if v == 4:
                head = IP(src=src, dst=dst, id=ident, proto=r.choice([6, 17, 17, 1]),
                          flags="MF" if more else 0, frag=at // 8)
            else:
                head = IPv6(src=src, dst=dst) / IPv6ExtHdrFragment(
                    nh=r.choice([6, 17, 17, ICMPV6]), id=ident, m=int(more), offset=at // 8)
            out.append(bytes(head / Raw(l4[at:at + part])))
        r.shuffle(out)
        return out[:12]

    # ---- and what is wrong with them
    def break_one(self, p):
        r, p = self.rnd, bytearray(p)
        v = 6 if p[0] >> 4 == 6 else 4
        kind = r.randrange(9)
        if len(p) < 44:
            return p
        if kind == 0:  # cut short
            return p[:r.randrange(1, len(p))]
        if kind == 1:  # length
            at = 2 if v == 4 else 4
            p[at:at + 2] = r.choice([r.randrange(65536), r.randrange(len(p) + 20), 0]) \
                .to_bytes(2, "big")
        elif kind == 2:  # header length and version
            p[0] = r.choice([v << 4 | r.randrange(16), r.randrange(256)])
        elif kind == 3:  # every protocol number
            p[9 if v == 4 else 6] = r.randrange(256)
        elif kind == 4:  # fragment bits of IPv4, the first bytes behind the header of IPv6
            at = 6 if v == 4 else 40
            p[at:at + 2] = r.randbytes(2)
        elif kind == 5:  # an address from anywhere
            size, at = (4, 12) if v == 4 else (16, 8)
            at += r.choice([0, size])
            p[at:at + size] = r.choice([r.randbytes(size), b"\xff" * size, b"\0" * size,
                                        b"\x7f" + b"\0" * (size - 2) + b"\1"])
        elif kind == 6:  # behind the header
            at = r.randrange(20, len(p)) if len(p) > 20 else 0
            p[at] = r.randrange(256)
        elif kind == 7:
            at = r.randrange(len(p))
            p[at] ^= 1 << r.randrange(8)
        else:  # padding
            p += r.randbytes(r.randrange(1, 60))
        return p

    def mend(self, p):
        """The checksum of IPv4's header: else the kernel looks at nothing behind it."""
        hlen = (p[0] & 15) * 4
        if p[0] >> 4 == 4 and 20 <= hlen <= len(p) and self.rnd.random() < 0.8:
            p[10:12] = b"\0\0"
            p[10:12] = (~sum16(bytes(p[:hlen])) & 0xffff).to_bytes(2, "big")
        return p

    def packets(self):
        r = self.rnd
        v = r.choice([4, 6])
        kind = r.randrange(10)
        if kind == 0:
            return self.fragments(v)
        p = self.error(v, r.choice([0, 0, 1, 2])) if kind < 3 else self.plain(v)
        if not checksum_right(p):  # that of a routing header's last destination
            p = p.replace(RIGHT, WRONG)
        if r.random() < 0.4:
            return [p]
        p = bytearray(p.replace(RIGHT, WRONG))
        for _ in range(r.randrange(1, 4)):
            p = self.break_one(p) or p
        p = bytes(self.mend(p))
        return [] if not p or RIGHT in p else [p]


# ---- the oracle ---------------------------------------------------------------------------
def internal(packed):
    addr = ipaddress.ip_address(packed)
    return any(addr in n for n in INTERNAL if n.version == addr.version)


def addresses(p):
    if len(p) >= 20 and p[0] >> 4 == 4:
        return p[12:16], p[16:20]
    return (p[8:24], p[24:40]) if len(p) >= 40 and p[0] >> 4 == 6 else None


def quoted(p):
    found = parse(p)
    if not found:
        return None
    error = found[2] == 1 and found[3][:1] and found[3][0] in (3, 11, 12) or \
        found[2] == ICMPV6 and found[3][:1] and 1 <= found[3][0] <= 4
    return found[3][8:] if error else None


def verdict(side, p):
    """What is wrong with a packet that arrived, or None."""
    if RIGHT in p and not checksum_right(p):
        return "a checksum was right and is wrong"
    ends = addresses(p)
    if side == "inside" or not ends:
        return None
    if internal(ends[0]):
        return "internal source %s" % ipaddress.ip_address(ends[0])
    # a host inside that does not exist has a binding: what comes back for it goes out again by
    # the default route, addressed to it. That is no error from inside.
    if internal(ends[1]):
        return None
    about = quoted(p)
    ends = about and addresses(about)
    if ends and (internal(ends[0]) or internal(ends[1])) and WRONG not in p:
        return "an internal address is quoted"
    return None


def receive(sock, side, seen, wrong):
    while select.select([sock], [], [], 0)[0]:
        frame, info = sock.recvfrom(65536)
        if info[2] == socket.PACKET_OUTGOING or info[1] not in (0x0800, 0x86dd):
            continue
        p = frame[14:]
        seen["all"] += 1
        seen["marked"] += RIGHT in p
        what = verdict(side, p)
        if what:
            wrong.append(what + ": " + p.hex())


def main():
    side, device, mac, n, seed = sys.argv[1:3] + [sys.argv[3]] + [int(x) for x in sys.argv[4:6]]
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    sock.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE
    sock.bind((device, 0))
    own = sock.getsockname()[4]
    to = bytes.fromhex(mac.replace(":", "")) + own
    maker, sent, seen, wrong = Maker(side, seed), 0, {"all": 0, "marked": 0}, []
    while sent < n:
        for p in maker.packets():
            kind = b"\x86\xdd" if p[0] >> 4 == 6 else b"\x08\0"
            try:
                sock.send(to + kind + p)
                sent += 1
            except OSError:  # longer than the device's MTU
                pass
        receive(sock, side, seen, wrong)
    end = time.monotonic() + 1
    while (left := end - time.monotonic()) > 0:
        select.select([sock], [], [], left)
        receive(sock, side, seen, wrong)
    print("%s: seed %d, %d sent, %d received, %d of them marked right" %
          (side, seed, sent, seen["all"], seen["marked"]))
    for w in wrong[:10]:
        print("WRONG", w)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
