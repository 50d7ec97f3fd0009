#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""tunrelay.py NETNS1 DEV1 NETNS2 DEV2: a wire between two tun devices, made here, in two network
namespaces given as paths. Devices without an Ethernet header are so tested with real packets."""
import ctypes
import fcntl
import os
import select
import struct
import sys

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def tun(netns, name):
    ns = os.open(netns, os.O_RDONLY)
    if libc.setns(ns, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns " + netns)
    os.close(ns)
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return fd


def main():
    a, b = tun(sys.argv[1], sys.argv[2]), tun(sys.argv[3], sys.argv[4])
    other = {a: b, b: a}
    print("wired", flush=True)
    while True:
        for fd in select.select([a, b], [], [])[0]:
            for _ in range(64):
                try:
                    os.write(other[fd], os.read(fd, 65536))
                except BlockingIOError:
                    break
                except OSError as e:
                    if e.errno == 77:  # EBADFD: the device was deleted
                        return
                    break  # EIO: the far device is down, the packet is lost


main()
