#!/usr/bin/python3 -ES
# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab's clients and servers: tell which endpoint a peer sees, and what comes back.

  serve ADDR...                    UDP and TCP on ports 7000 and 7001 of each address
  late  HOST:PORT                  UDP alone: answers "n NUMBER" after 0.3 s, as by a long way, and
                                   five times
  seen  [-b PORT] HOST:PORT...     one UDP socket; prints the endpoint that each peer saw
  tcp   [-b PORT] HOST:PORT...     the same with one TCP connection each, all from one port
  eif   [-b PORT] SERVER VIA       asks SERVER for an answer from VIA; prints yes or no
  hold  [-b PORT] HOST:PORT        opens a binding, prints the endpoint, answers all who call
  tcphold [-b PORT] HOST:PORT      the same with TCP, listening on the port it called from
  send  [-b PORT] HOST:PORT TEXT   one UDP datagram; prints the answer, "none" or the error:
                                   "refused" or its name (--ttl, --df, --size provoke some)
  stream [-b PORT] HOST:PORT       numbered datagrams until SIGTERM; prints counts as JSON
  tcpstream [-b PORT] HOST:PORT    numbered lines on one connection, echoed, until SIGTERM; the same

A UDP server answers "seen" (and anything else) with "IP PORT" of the sender, "via IP PORT" by
the same from another of its sockets, "n NUMBER" with "NUMBER IP PORT", "big SIZE" with SIZE
bytes. -b binds the local port. EINAT_TEST_SLOW makes limits longer and streams thinner.
"""
import signal
import sys

import peer_talk

# option: name, type (None: it takes no value), default. The lab starts this program some dozens of
# times in a test, so it loads little: argparse alone would take as long as all of the rest.
OPTIONS = {
    "-b": ("bind", int, 0),
    "--host": ("host", str, ""),  # seen, hold and send: bind this address
    "--limit": ("limit", float, 1.0),  # seconds to wait for an answer
    "--tries": ("tries", int, 3),
    "--rate": ("rate", float, 1000),  # datagrams a second
    "--ttl": ("ttl", int, 0),
    "--df": ("df", None, False),  # send: do not fragment
    "--nodf": ("nodf", None, False),  # send: whoever wants may fragment
    "--size": ("size", int, 0),  # send: pad to so many bytes
}


class Options:
    """One attribute for each option; the other words in args."""

    def __init__(self, words):
        for name, _, default in OPTIONS.values():
            setattr(self, name, default)
        self.args = []
        words = iter(words)
        for word in words:
            if word not in OPTIONS:
                if word.startswith("-"):
                    sys.exit("peer.py: no option %s\n%s" % (word, __doc__))
                self.args.append(word)
                continue
            name, kind, _ = OPTIONS[word]
            setattr(self, name, True if kind is None else kind(next(words)))


def main():
    command = getattr(peer_talk, "cmd_" + sys.argv[1], None) if sys.argv[1:] else None
    if not command:
        sys.exit(__doc__)
    a = Options(sys.argv[2:])
    a.limit *= peer_talk.SLOW
    a.rate /= peer_talk.SLOW
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.exit(command(a))


main()
