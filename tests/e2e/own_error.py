#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
own_error.py SOURCE EXTERNAL PORT FAR FPORT MTU: an ICMP error to the external address, about a datagram
that was translated: a path is too narrow. A tunnel device tells its host so, from that address itself.
"""
import ipaddress
import socket
import struct
import sys


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    total = (total & 0xffff) + (total >> 16)
    return ~((total & 0xffff) + (total >> 16)) & 0xffff


def main():
    ext, far = (ipaddress.ip_address(sys.argv[i]) for i in (2, 4))
    port, fport, mtu = (int(sys.argv[i]) for i in (3, 5, 6))
    udp = struct.pack("!HHHHQ", port, fport, 1440, 0x1234, 0)
    if ext.version == 6:
        quoted = struct.pack("!IHBB", 6 << 28, 1440, 17, 63) + ext.packed + far.packed + udp
        family, proto, message = socket.AF_INET6, socket.IPPROTO_ICMPV6, struct.pack("!BBHI", 2, 0, 0, mtu)
        message += quoted  # its checksum is the kernel's work
    else:
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 1460, 7, 0x4000, 63, 17, 0) + ext.packed + far.packed
        ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
        family, proto, message = socket.AF_INET, socket.IPPROTO_ICMP, struct.pack("!BBHHH", 3, 4, 0, 0, mtu) + ip + udp
        message = message[:2] + struct.pack("!H", checksum(message)) + message[4:]
    s = socket.socket(family, socket.SOCK_RAW, proto)
    s.bind((sys.argv[1], 0))
    s.sendto(message, (str(ext), 0))


if __name__ == "__main__":
    main()
