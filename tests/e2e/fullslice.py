#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients that fill a slice; ADDRESS is a peer.py server's, IPv4 or IPv6, port 7000.

  flood ADDRESS SOCKETS SECONDS  one datagram from each socket, round and round; prints how often a
                                 socket was told by ICMP: errno, type and code, from where
  burst ADDRESS SOCKETS          each socket repeats its datagram every 10 ms until it is answered;
                                 prints how long the last one took
"""
import os
import select
import socket
import struct
import sys
import time

SLOW = int(os.environ.get("EINAT_TEST_SLOW", 1))
MSG_ERRQUEUE = 0x2000
# level, IP_RECVERR or IPV6_RECVERR, where the offender's address is in what comes with it
ERRORS = {socket.AF_INET: (0, 11, 20, 24), socket.AF_INET6: (41, 25, 24, 40)}
FAMILY = socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET
TO = (sys.argv[2], 7000)


def sockets(n, first):
    level, recverr = ERRORS[FAMILY][:2]
    found = {}
    for i in range(n):
        s = socket.socket(FAMILY, socket.SOCK_DGRAM)
        s.setsockopt(level, recverr, 1)
        s.setblocking(False)
        s.bind(("", first + i))
        found[s.fileno()] = s
    poll = select.poll()
    for fd in found:
        poll.register(fd, select.POLLIN)
    return found, poll


def told_by(s):
    """What the socket was told by ICMP, or None."""
    level, recverr, begin, end = ERRORS[FAMILY]
    try:
        anc = s.recvmsg(2048, 1024, MSG_ERRQUEUE)[1]
    except OSError:
        return None
    for of, kind, data in anc:
        if (of, kind) == (level, recverr):
            errno, _, type_, code = struct.unpack("=IBBB", data[:7])
            offender = socket.inet_ntop(FAMILY, data[begin:end])
            return "%d %d/%d %s" % (errno, type_, code, offender)
    return None


def send(s):
    try:
        s.sendto(b"seen", TO)
    except OSError:
        pass


def flood(n, seconds):
    socks, poll = sockets(n, 30000)
    told, answered, rounds = [], set(), 0

    def drain(s):
        try:
            s.recv(2048)
            answered.add(s)
        except OSError:
            pass
        what = told_by(s)
        if what:
            told.append(what)

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for s in socks.values():
            send(s)
        for fd, _ in poll.poll(10):
            drain(socks[fd])
        rounds += 1
        time.sleep(0.05 * SLOW)
    for s in socks.values():
        drain(s)
    print("%d told %s; %d answered; %d rounds" %
          (len(told), ",".join(sorted(set(told))), len(answered), rounds))


def burst(n):
    socks, poll = sockets(n, 31000)
    start, took = time.monotonic(), {}
    while len(took) < n and time.monotonic() - start < 10 * SLOW:
        begun = time.monotonic()
        for fd, s in socks.items():
            if fd not in took:
                send(s)
        # the answers are looked for in each round, also when sending alone took the time of one
        while True:
            left = max(0, begun + 0.01 * SLOW - time.monotonic())
            for fd, _ in poll.poll(left * 1000):
                try:
                    socks[fd].recv(100)
                    took.setdefault(fd, time.monotonic() - start)
                except OSError:
                    pass
            if not left:
                break
    print("%d of %d answered, the last after %d ms" %
          (len(took), n, max(took.values(), default=0) * 1000))


if __name__ == "__main__":
    if sys.argv[1] == "flood":
        flood(int(sys.argv[3]), float(sys.argv[4]))
    else:
        burst(int(sys.argv[3]))
