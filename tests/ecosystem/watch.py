#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a command and tells how long einat's table was away: watch.py TABLE COMMAND...

Prints the milliseconds between the kernel's message that the inet table TABLE is deleted and the one
that it is made again, the longest if that came several times; "not deleted" or, after 5 s,
"not back". The messages are those that `nft monitor` shows.
"""
import select
import socket
import struct
import subprocess
import sys
import time

NETLINK_NETFILTER, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP = 12, 270, 1
NFNLGRP_NFTABLES, NFNL_SUBSYS_NFTABLES = 7, 10
NEWTABLE, DELTABLE = 0, 2
SO_RCVBUFFORCE = 33
NFTA_TABLE_NAME = 1


def events(data):
    """(type, name) of each message about a table"""
    while len(data) >= 16:
        length, kind = struct.unpack_from("=IH", data)
        if kind >> 8 == NFNL_SUBSYS_NFTABLES and kind & 0xFF in (NEWTABLE, DELTABLE):
            at = 20
            while at + 4 <= length:
                size, attr = struct.unpack_from("=HH", data, at)
                if attr & 0x3FFF == NFTA_TABLE_NAME:
                    yield kind & 0xFF, data[at + 4:at + size - 1].decode()
                at += max(4, (size + 3) & ~3)
        data = data[(length + 3) & ~3:]


def main():
    table = sys.argv[1]
    s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
    s.bind((0, 0))
    s.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NFNLGRP_NFTABLES)
    child = subprocess.Popen(sys.argv[2:], stdout=subprocess.DEVNULL)
    gone, longest, ended = None, None, None
    while True:
        if ended is None and child.poll() is not None:
            ended = time.monotonic()
        if ended and time.monotonic() > ended + (0.2 if gone is None else 5):
            break
        if not select.select([s], [], [], 0.01)[0]:
            continue
        data, now = s.recv(1 << 20), time.monotonic()
        for kind, name in events(data):
            if name != table:
                continue
            if kind == DELTABLE:
                gone = gone or now
            elif gone is not None:
                longest = max(longest or 0, now - gone)
                gone = None
    if gone is not None:
        print("not back")
    elif longest is None:
        print("not deleted")
    else:
        print(round(longest * 1000 + 0.5))
    return child.returncode


sys.exit(main())
