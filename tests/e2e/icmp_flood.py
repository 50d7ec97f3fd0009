#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Port unreachable about one UDP packet, over and over, and what is no such message in between.

  icmp_flood.py EXTERNAL PORT INTERNAL PORT SECONDS

To EXTERNAL, about a packet from EXTERNAL:PORT to INTERNAL:PORT, for so many seconds. Prints how many
were sent.
"""
import socket
import struct
import sys
import time


def checksum(b):
    s = sum(struct.unpack("!%dH" % (len(b) // 2), b))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return s ^ 0xffff


def error(src, sport, dst, dport):
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 36, 1, 0, 63, 17, 0,
                     socket.inet_aton(src), socket.inet_aton(dst))
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    body = ip + struct.pack("!HHHH", sport, dport, 16, 0) + b"flooding"
    head = struct.pack("!BBHI", 3, 3, 0, 0)
    return struct.pack("!BBHI", 3, 3, checksum(head + body), 0) + body


def main():
    ext, sport, internal, dport = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    good = error(ext, sport, internal, dport)
    messages = [good, good[:20], good, good[:2] + b"\0\0" + good[4:], good[:35],
                error(ext, 1, internal, dport), error(ext, sport, internal, 1)]
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    end = time.monotonic() + float(sys.argv[5])
    n = 0
    while time.monotonic() < end:
        for m in messages:
            s.sendto(m, (ext, 0))
        n += len(messages)
    print(n)


main()
