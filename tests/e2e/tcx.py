#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""tcx.py DEV [ids]: how many programs TCX has on DEV, or which, by BPF_PROG_QUERY (older tools do not
show it)."""
import ctypes
import errno
import platform
import socket
import struct
import sys

NR_BPF = {"x86_64": 321, "aarch64": 280, "riscv64": 280}[platform.machine()]
BPF_PROG_QUERY = 16
libc = ctypes.CDLL(None, use_errno=True)
ids = (ctypes.c_uint32 * 64)()
ifindex = socket.if_nametoindex(sys.argv[1])
for attach, word in ((46, "ingress"), (47, "egress")):
    # target_ifindex, attach_type, query_flags, attach_flags, prog_ids, count, pads
    attr = bytearray(struct.pack("IIIIQII", ifindex, attach, 0, 0, ctypes.addressof(ids), 64, 0)
                     + bytes(32))
    buf = (ctypes.c_char * len(attr)).from_buffer(attr)
    if libc.syscall(NR_BPF, BPF_PROG_QUERY, buf, len(attr)) < 0:
        e = ctypes.get_errno()
        print("tcx", word, "none" if e == errno.EINVAL else errno.errorcode[e])
    else:
        n = struct.unpack_from("I", attr, 24)[0]
        print("tcx", word, *(ids[:n] if sys.argv[2:] == ["ids"] else [n]))
