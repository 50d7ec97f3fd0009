# SPDX-License-Identifier: GPL-2.0-or-later
"""What peer.py does: a function cmd_NAME for each of its commands, called with its options."""
import errno
import heapq
import os
import select
import signal
import socket
import sys
import time

PORTS = (7000, 7001)
SO_RCVBUFFORCE = 33  # asm-generic/socket.h: beyond net.core.rmem_max
SLOW = int(os.environ.get("EINAT_TEST_SLOW", 1))
IP_RECVERR, IP_MTU_DISCOVER, IP_PMTUDISC_DONT, IP_PMTUDISC_DO = 11, 10, 0, 2  # linux/in.h


def as_json(what):
    import json  # most commands need none, and it takes long to load
    return json.dumps(what)


def endpoint(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


def show(peer):
    return "%s:%d" % (peer[0], peer[1])


def family(*hosts):
    """IPv6 if an address of it is among @hosts; endpoints of it are written without brackets."""
    return socket.AF_INET6 if any(":" in h for h in hosts) else socket.AF_INET


def udp_socket(port, host="", to=None):
    s = socket.socket(family(host, *(to[:1] if to else ())), socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
    s.bind((host, port))
    return s


def tcp_socket(port, host="", to=None):
    s = socket.socket(family(host, *(to[:1] if to else ())), socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind((host, port))
    return s


def receive(s, limit):
    """One datagram within @limit seconds: (text, peer), "refused" or None."""
    if not select.select([s], [], [], limit)[0]:
        return None
    try:
        data, peer = s.recvfrom(2048)
    except ConnectionRefusedError:
        return "refused"
    return data.decode(errors="replace"), peer


def answer_udp(sockets, s, announce=False):
    try:
        data, peer = s.recvfrom(65535)
    except OSError:
        return
    words = data[:200].decode(errors="replace").split()
    if announce:
        print("from", show(peer), *words[:2], flush=True)
    reply, out = "%s %d" % (peer[0], peer[1]), s
    if words[:1] == ["n"] and len(words) >= 2:
        reply = words[1] + " " + reply
    elif words[:1] == ["big"]:
        reply = reply.ljust(int(words[1]))
    elif words[:1] == ["via"]:
        out = sockets.get((words[1], int(words[2])), s)
    try:
        out.sendto(reply.encode(), peer)
    except OSError:
        pass


def serve_sockets(udp, listeners, announce=False):
    conns = []
    while True:
        ready = select.select(list(udp.values()) + listeners + conns, [], [])[0]
        for s in ready:
            if s in listeners:
                c, peer = s.accept()
                if announce:
                    print("from", show(peer), flush=True)
                c.sendall(("%s %d\n" % peer[:2]).encode())
                conns.append(c)
            elif s in conns:
                try:
                    data = s.recv(65536)
                    if data:
                        s.sendall(data)
                except OSError:
                    data = b""
                if not data:
                    conns.remove(s)
                    s.close()
            else:
                answer_udp(udp, s, announce)


def cmd_serve(a):
    udp, listeners = {}, []
    for host in a.args:
        for port in PORTS:
            udp[(host, port)] = udp_socket(port, host)
            t = tcp_socket(port, host)
            t.listen(64)
            listeners.append(t)
    print("serving", flush=True)
    serve_sockets(udp, listeners)


def cmd_late(a):
    s = udp_socket(endpoint(a.args[0])[1], endpoint(a.args[0])[0])
    waiting = []
    print("serving", flush=True)
    while True:
        left = max(0, waiting[0][0] - time.monotonic()) if waiting else None
        try:
            if select.select([s], [], [], left)[0]:
                data, peer = s.recvfrom(2048)
                answer = b"%s %s %d" % (data.split()[1], peer[0].encode(), peer[1])
                for i in range(5):
                    heapq.heappush(waiting, (time.monotonic() + 0.3 + i * 0.01, answer, peer))
            while waiting and waiting[0][0] <= time.monotonic():
                s.sendto(*heapq.heappop(waiting)[1:])
        except OSError:
            pass  # an earlier answer was refused


def ask(s, peer, text="seen", limit=1.0 * SLOW, tries=3):
    """Sends @text until something answers from @peer; the answer's words or None."""
    for _ in range(tries):
        s.sendto(text.encode(), peer)
        end = time.monotonic() + limit
        while True:
            got = receive(s, max(0, end - time.monotonic()))
            if got is None:
                break
            if got != "refused" and got[1][:2] == peer:
                return got[0].split()
    return None


def cmd_seen(a):
    s = udp_socket(a.bind, a.host, endpoint(a.args[0]))
    bad = 0
    for target in a.args:
        words = ask(s, endpoint(target), limit=a.limit, tries=a.tries)
        print("%s:%s" % (words[0], words[1]) if words else "none", flush=True)
        bad |= words is None
    return bad


def tcp_seen(port, target, limit):
    c = tcp_socket(port, to=endpoint(target))
    c.settimeout(limit)
    try:
        c.connect(endpoint(target))
        words = c.makefile().readline().split()
    except OSError as e:
        print("tcp %s: %s" % (target, e), file=sys.stderr)
        return None, c
    return words, c


def cmd_tcp(a):
    bad, keep = 0, []
    for target in a.args:
        words, c = tcp_seen(a.bind, target, a.limit * a.tries)
        keep.append(c)
        print("%s:%s" % (words[0], words[1]) if words else "none", flush=True)
        bad |= not words
    return bad


def cmd_eif(a):
    server, via = endpoint(a.args[0]), endpoint(a.args[1])
    s = udp_socket(a.bind, to=server)
    if not ask(s, server):
        print("none")
        return 1
    words = None
    for _ in range(a.tries):
        s.sendto(("via %s %d" % via).encode(), server)
        end = time.monotonic() + a.limit
        while words is None:
            got = receive(s, max(0, end - time.monotonic()))
            if got is None:
                break
            if got != "refused" and got[1][:2] == via:
                words = got[0].split()
    print("yes" if words else "no")
    return 0


def cmd_hold(a):
    s = udp_socket(a.bind, a.host, endpoint(a.args[0]))
    words = ask(s, endpoint(a.args[0]))
    print("%s:%s" % (words[0], words[1]) if words else "none", flush=True)
    if not words:
        return 1
    serve_sockets({("", a.bind): s}, [], announce=True)
    return 0


def cmd_tcphold(a):
    listener = tcp_socket(a.bind, to=endpoint(a.args[0]))
    words, keep = tcp_seen(listener.getsockname()[1], a.args[0], 3 * SLOW)
    print("%s:%s" % (words[0], words[1]) if words else "none", flush=True)
    if not words:
        return 1
    listener.listen(16)
    serve_sockets({}, [listener], announce=True)
    return keep is None


def cmd_send(a):
    s = udp_socket(a.bind, a.host, endpoint(a.args[0]))
    if s.family == socket.AF_INET:
        s.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
    if a.ttl:
        s.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, a.ttl)
    if a.df:
        s.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
    if a.nodf:
        s.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
    s.connect(endpoint(a.args[0]))
    text = a.args[1].encode()
    try:
        s.send(text + b" " * (a.size - len(text)))
        if not select.select([s], [], [], a.limit)[0]:
            print("none")
        else:
            data = s.recv(65535)
            print("%d bytes" % len(data) if len(data) > 200 else data.decode())
    except OSError as e:
        print("refused" if e.errno == errno.ECONNREFUSED else errno.errorcode[e.errno])
    return 0


def cmd_stream(a):
    peer = endpoint(a.args[0])
    s = udp_socket(a.bind, to=peer)
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    sent, got, seen, first = 0, set(), {}, {}
    start = time.monotonic()

    def drain(limit):
        while (r := receive(s, limit)) is not None:
            limit = 0
            if r != "refused" and r[1][:2] == peer:
                words = r[0].split()
                got.add(int(words[0]))
                where = words[1] + ":" + words[2]
                seen[where] = seen.get(where, 0) + 1
                first.setdefault(where, time.time())

    print("streaming", flush=True)
    while not stop:
        due = start + sent / a.rate
        drain(max(0, due - time.monotonic()))
        if time.monotonic() >= due:
            try:
                s.sendto(b"n %d" % sent, peer)
            except OSError:
                pass  # no route for an instant: counted as lost
            sent += 1
    end = quiet = time.monotonic() + 2 * SLOW
    while len(got) < sent and time.monotonic() < min(end, quiet):
        before = len(got)
        drain(0.05)
        if len(got) > before or quiet == end:
            quiet = time.monotonic() + 0.5 * SLOW
    lost = sorted(set(range(sent)) - got)
    print(as_json({"sent": sent, "lost": len(lost), "first_lost": lost[:5],
                      "seen": seen, "first": first}))
    return 0


def cmd_tcpstream(a):
    c = tcp_socket(a.bind, to=endpoint(a.args[0]))
    c.settimeout(5 * SLOW)
    sent, echoed, why, longest = 0, b"", None, 0
    stop = []
    try:
        c.connect(endpoint(a.args[0]))
        hello = c.recv(100).split()
        where = "%s:%s" % (hello[0].decode(), hello[1].decode())
    except (OSError, IndexError) as e:
        print(as_json({"sent": 1, "lost": 1, "why": str(e), "stall": 0, "seen": {}}))
        return 1
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    c.setblocking(False)
    print("streaming", flush=True)
    start = last = time.monotonic()
    end = None
    while why is None and (end is None or (time.monotonic() < end and echoed.count(b"\n") < sent)):
        now = time.monotonic()
        if stop and end is None:
            end = now + 15 * SLOW
        try:
            if end is None and now >= start + sent / a.rate:
                c.send(b"%d\n" % sent)
                sent += 1
            if select.select([c], [], [], 0.5 / a.rate)[0]:
                data = c.recv(65536)
                if not data:
                    why = "closed"
                echoed += data
                longest = max(longest, time.monotonic() - last)
                last = time.monotonic()
        except BlockingIOError:
            pass
        except OSError as e:
            why = str(e)
    whole = echoed[:echoed.rfind(b"\n") + 1]
    good = whole == b"".join(b"%d\n" % i for i in range(whole.count(b"\n")))
    lost = sent - whole.count(b"\n")
    if sent > whole.count(b"\n"):
        longest = max(longest, time.monotonic() - last)
    print(as_json({"sent": sent, "lost": lost if good else sent, "why": why,
                      "stall": round(longest * 1000), "seen": {where: sent}}))
    return 0
