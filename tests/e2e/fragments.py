#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""UDP datagrams in fragments of any order, over IPv4 or IPv6; endpoints are written HOST:PORT.

  send [--gap MS] [--part BYTES] FROM TO SIZE ORDER ID
        one datagram of SIZE bytes as fragments for an MTU of 1500 (--part: of so many bytes), sent
        in that order: a list of numbers, "reverse" or "last" (the last one first)
  sink PORT SERVER    opens a binding, prints its endpoint, then each datagram's sender, its size
                      and whether its bytes are right
  flood TO SECONDS many|one|first MAX   later fragments whose first one never comes, of many
                      sources or one, or first ones that stay alone, of many; at most so many;
                      prints how many
"""
import argparse
import os
import random
import socket
import struct
import sys
import time

FRAGMENT_HEADER = 44


def endpoint(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


def family(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def packed(host):
    return socket.inet_pton(family(host), host)


def sum16(b):
    b += b"\0" * (len(b) & 1)
    s = sum(struct.unpack("!%dH" % (len(b) // 2), b))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff


def datagram(src, dst, sport, dport, size, ident):
    """UDP header and payload; the payload tells its own bytes by the first one."""
    data = bytes((i * 7 + ident) & 0xff for i in range(size))
    head = struct.pack("!HHHH", sport, dport, size + 8, 0)
    pseudo = src + dst + struct.pack("!II", size + 8, 17)
    csum = sum16(pseudo + head + data) or 0xffff
    return head[:6] + struct.pack("!H", csum) + data


def fragment(src, dst, ident, at, part, more):
    """One packet: @part of the datagram, @at bytes from its start."""
    if len(src) == 4:
        return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(part), ident & 0xffff,
                           more << 13 | at // 8, 64, 17, 0, src, dst) + part
    return (struct.pack("!IHBB16s16s", 6 << 28, 8 + len(part), FRAGMENT_HEADER, 64, src, dst) +
            struct.pack("!BBHI", 17, 0, at | more, ident) + part)


def raw_socket(host):
    return socket.socket(family(host), socket.SOCK_RAW, socket.IPPROTO_RAW)


def send(args):
    (src, sport), (dst, dport) = endpoint(args.source), endpoint(args.to)
    whole = datagram(packed(src), packed(dst), sport, dport, args.size, args.id)
    part = args.part or (1448 if ":" in dst else 1480)
    parts = [(at, whole[at:at + part]) for at in range(0, len(whole), part)]
    n = len(parts)
    numbers = {"reverse": list(range(n))[::-1], "last": [n - 1] + list(range(n - 1))}
    raw = raw_socket(dst)
    for k in numbers.get(args.order) or [int(x) for x in args.order.split(",")]:
        at, part = parts[k]
        raw.sendto(fragment(packed(src), packed(dst), args.id, at, part, k < n - 1), (dst, 0))
        time.sleep(args.gap / 1000)


def sink(args):
    s = socket.socket(family(args.server), socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    s.bind(("", args.port))
    s.sendto(b"seen", (args.server, 7000))
    print(s.recv(100).decode().replace(" ", ":"), flush=True)
    while True:
        data, peer = s.recvfrom(65536)
        ok = all(b == (data[0] + i * 7) & 0xff for i, b in enumerate(data))
        print(peer[0], len(data), "right" if ok else "wrong", flush=True)


def flood(args):
    host, port = endpoint(args.to)
    raw, dst = raw_socket(host), packed(host)
    begun, n = time.monotonic(), 0
    while time.monotonic() - begun < args.seconds:
        for _ in range(min(20, args.max - n)):
            src = bytes([9, 9, 9, 9])
            if len(dst) == 16:
                src = packed("2001:db8:9::9")
            if args.kind != "one":
                src = src[:-3] + random.randbytes(3)
            at, part = 1480, bytes(1448)
            if args.kind == "first":
                at, part = 0, struct.pack("!HHHH", 9, port, 3000, 0) + bytes(1440)
            raw.sendto(fragment(src, dst, n, at, part, 1), (host, 0))
            n += 1
        time.sleep(0.004 * int(os.environ.get("EINAT_TEST_SLOW", 1)))
    print(n)


def main():
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = p.add_subparsers(required=True)
    c = sub.add_parser("send")
    c.add_argument("--gap", type=float, default=0)
    c.add_argument("--part", type=int)
    c.add_argument("source")
    c.add_argument("to")
    c.add_argument("size", type=int)
    c.add_argument("order")
    c.add_argument("id", type=int)
    c.set_defaults(run=send)
    c = sub.add_parser("sink")
    c.add_argument("port", type=int)
    c.add_argument("server")
    c.set_defaults(run=sink)
    c = sub.add_parser("flood")
    c.add_argument("to")
    c.add_argument("seconds", type=float)
    c.add_argument("kind")
    c.add_argument("max", type=int)
    c.set_defaults(run=flood)
    args = p.parse_args()
    args.run(args)


if __name__ == "__main__":
    sys.exit(main())
