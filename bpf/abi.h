/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the data plane (bpf/) and the program (src/) share: map keys, map values, reasons.
 * Included by both sides, so it includes no other header of the project; every pad is
 * explicit and every size is asserted. Bump EINAT_ABI when a layout or a meaning changes:
 * pinned maps of another version are never reused.
 */
#ifndef EINAT_ABI_H
#define EINAT_ABI_H

#include <linux/types.h>

#define EINAT_ABI 9
/*
 * The oldest version whose bindings can be copied: ctl is laid out as now, slots as now since
 * EINAT_ABI_SLOTS, before it as struct einat_slot_2, and cfg as now up to max_per_host, which
 * begins what version 6 added.
 */
#define EINAT_ABI_COPY	 1
#define EINAT_ABI_SLOTS	 3
#define EINAT_ABI_CLOSED 5 /* einat_slot.closed: another field before */
#define EINAT_ABI_SYN	 6 /* einat_cfg.t_tcp_syn: that time was t_tcp_close before */

/* Order is that of the PROTO_ bits of lib/net.h. For ICMP the query identifier is the port. */
enum einat_proto {
	EINAT_PROTO_UDP,
	EINAT_PROTO_TCP,
	EINAT_PROTO_ICMP,
	EINAT_PROTO_COUNT,
};

#define EINAT_PORTS	 65536u
#define EINAT_PORT_WORDS (EINAT_PORTS / 64) /* 64-bit words of a port bitmap */
#define EINAT_MAX_EXT	 8 /* external addresses of one interface */
#define EINAT_MAX_SLICES 16 /* slices of one interface */
#define EINAT_NO_PLANE	 0xffffu
#define EINAT_LOCKS	 256

/* IPv6, or IPv4 as ::ffff:a.b.c.d, network byte order. */
struct einat_addr {
	__be32 w[4];
};

/*
 * Map "by_internal" (hash, preallocated): internal endpoint -> slot number (__u32).
 * An entry exists exactly as long as its slot is not free; only the CPU that wins the
 * slot's transition to SLOT_FREEING deletes it.
 */
struct einat_endpoint {
	struct einat_addr addr;
	__be16 port; /* or ICMP query identifier, as on the wire */
	__u8 proto; /* enum einat_proto */
	__u8 pad;
};

/*
 * Map "slots" (array, mmap-able): slot number = plane * EINAT_PORTS + external port (host
 * byte order). A plane is one (external address, protocol); einat_cfg.ext[].plane maps to it.
 * Times are seconds of the clock that the program uses (see einat_ctl.now_override).
 */
enum einat_slot_state {
	SLOT_FREE, /* zero: a new map is all free */
	SLOT_RESERVED, /* being filled by the CPU that took the port's bit in "used" */
	SLOT_LIVE,
	SLOT_FREEING, /* its by_internal entry is being deleted */
};

#define SLOT_F_STATIC	(1u << 0) /* static binding: never expires */
#define SLOT_F_TCP_OPEN (1u << 1) /* TCP: tcp_open > 0 was seen or sessions are untracked */
#define SLOT_F_TCP_RST	(1u << 2) /* TCP: a session was put into RST grace (RFC 6146 TRANS) */
#define SLOT_F_TCP_SYN	(1u << 3) /* TCP: a session was begun, and none is established since */

struct einat_slot {
	__u8 state; /* enum einat_slot_state; changed only under the slot's lock */
	__u8 flags; /* SLOT_F_ */
	__u16 seq; /* counts the uses of the slot: a reader compares it afterwards */
	__u32 last_out; /* last outbound packet; written at most once a second */
	struct einat_addr addr; /* internal address; 8-byte aligned */
	__be16 port; /* internal port */
	__u16 gen; /* einat_ext.gen at creation: another value means absent */
	__u16 tcp_open; /* established TCP sessions of the binding */
	__u16 closed; /* TCP: low half of when the last open session ended (never 0); 0: none has */
};

struct einat_slot_2 { /* version 2 and before */
	__u8 state;
	__u8 flags;
	__u16 seq;
	struct einat_addr addr;
	__be16 port;
	__u16 gen;
	__u32 last_out;
	__u16 tcp_open;
	__u16 tcp_trans;
};

/*
 * Map "sessions" (LRU hash): one TCP connection under a binding, RFC 6146 3.5.2. Nobody deletes the
 * sessions of bindings that have ended: they are the ones to be evicted. If a living one is, its
 * binding keeps the long time-out, which is safe; nothing else hangs on a session.
 */
struct einat_session_key {
	__u32 slot;
	__u16 seq; /* that of the slot: sessions of an earlier use do not match */
	__be16 rport;
	struct einat_addr raddr;
};

enum einat_tcp_state { /* RFC 6146 3.5.2.2; "out" is our inside (its V6 side) */
		       TCP_S_OUT_SYN, /* V6 INIT */
		       TCP_S_IN_SYN, /* V4 INIT; never stored, see bpf/tcp.h */
		       TCP_S_ESTABLISHED,
		       TCP_S_OUT_FIN,
		       TCP_S_IN_FIN,
		       TCP_S_BOTH_FIN, /* never stored: the session is deleted */
		       TCP_S_TRANS,
};

struct einat_session {
	__u8 state; /* enum einat_tcp_state */
	__u8 pad[3];
};

/*
 * Map "hosts" (LRU hash): internal address -> einat_ext.gen (__u32) of the external address that
 * its new bindings get (paired pooling). A host that is forgotten may be given another one.
 */

/* Map "frags" (LRU hash): what the first fragment of a datagram told. */
struct einat_frag_key {
	struct einat_addr saddr;
	struct einat_addr daddr;
	__be32 id;
	__u8 proto; /* IPPROTO_; 0 for IPv6, where it does not belong to the identification */
	__u8 dir; /* enum einat_dir */
	__u16 pad;
};

struct einat_frag {
	__u32 slot;
	__u16 seq;
	__u16 rslot_seq; /* hairpin target, see rslot */
	__u32 rslot; /* ~0u: none */
	__u32 at; /* seconds */
};

/*
 * Maps "src" and "exdst" (LPM tries): which slices a source may use, and which slices a
 * destination is excluded from, as bit masks of slice numbers. User space computes the
 * closure: the longest match alone decides.
 */
struct einat_lpm_key {
	__u32 prefixlen; /* 0..128 */
	struct einat_addr addr;
};

/*
 * Maps "npt_out" and "npt_in" (LPM tries, keys as above): stateless prefix translation (RFC 6296).
 * What goes out is looked up in "npt_out" by its source, what comes in in "npt_in" by its
 * destination; the longest match alone decides.
 */
#define NPT_F_KEEP   (1u << 0) /* an address of this host: left as it is */
#define NPT_F_NONE   (1u << 1) /* nothing to translate it to: dropped */
#define NPT_F_SUBNET (1u << 2) /* prefix of /48 or shorter: the subnet number is adjusted */
#define NPT_F_NO_ULA (1u << 3) /* "npt_out": unique local destinations are left as they are */

struct einat_npt {
	__be64 prefix; /* first half of what the address becomes; zero behind the prefix */
	__be64 mask; /* first half: ones where the prefix is */
	__u16 adjust; /* one's complement, added to a 16-bit word as it lies in the packet */
	__u16 flags; /* NPT_F_ */
	__u32 pad;
};

struct einat_cfg_slice {
	__u32 mark; /* fwmark & mark_mask must equal it; mask 0: any */
	__u32 mark_mask;
	__u8 protos; /* mask of 1 << enum einat_proto that may make new bindings */
	__u8 pad[3];
};

struct einat_ext {
	struct einat_addr addr;
	__u16 gen; /* 0: entry not in use; changed when the address comes back after a loss */
	/* EINAT_NO_PLANE: the protocol has none here; so do all of an entry that is not in use */
	__u16 plane[EINAT_PROTO_COUNT];
};

#define CFG_F_GUARD_STRICT     (1u << 0) /* drop every private source that is not translated */
#define CFG_F_WHEN_FULL_REFUSE (1u << 1) /* no port: EVENT_REFUSED, so that the sender is told */
/* From this bit on: cfg.ext[0..7] that new bindings do not use. */
#define CFG_NOT_NEW_SHIFT 8

/*
 * Map "cfg" (array of 2): einat_ctl.active tells which one is in force, so that a change is
 * atomic: the idle one is written, then `active` is switched.
 */
struct einat_cfg {
	__u32 flags; /* CFG_F_ */
	__u32 inbound_mark;
	__u32 inbound_mask; /* 0: no mark is set on what is translated inwards */
	__u32 n_ext;
	__u32 n_slices;
	/* time-outs, seconds */
	__u32 t_udp;
	__u32 t_icmp;
	__u32 t_tcp_open;
	__u32 t_tcp_close; /* after the last session has ended; and what began without a SYN */
	__u32 t_frag;
	struct einat_ext ext[EINAT_MAX_EXT];
	struct einat_cfg_slice slices[EINAT_MAX_SLICES];
	__u32 max_per_host[EINAT_PROTO_COUNT]; /* ports of one internal address; 0: any number */
	__u32 t_tcp_syn; /* a session is opening, none is established */
	__u32 t_rest; /* how long a port rests; at most EINAT_REST_MAX */
};

/* Map "ctl" (array of 1, mmap-able). */
struct einat_ctl {
	__u32 abi; /* EINAT_ABI; 0 in a new map */
	__u32 active; /* index of the einat_cfg in force */
	__u32 now_override; /* tests only: the clock, if not 0 */
	__u32 hand; /* clock hand of the incremental sweep; written by BPF */
	__u32 now; /* written by the sweep program: the data plane's clock, seconds */
	__u32 n_planes; /* planes in "slots" and "used" */
	__u32 n_slices; /* slices in "avail" */
	__u32 ifindex; /* external interface that this data plane was made for */
	__u32 flags; /* CTL_F_, user space only */
	__u32 pad[7];
};

#define CTL_F_MADE_CLSACT (1u << 0) /* the clsact qdisc is einat's: to be removed with it */

/*
 * An expired binding's port rests (RFC 6888 REQ-8): its slot stays LIVE, though absent, for
 * einat_cfg.t_rest seconds. Its endpoint gets it back; another one only if the slice has no other
 * port. The bounds of that time; einat_slot.closed, which has 16 bits, tells no longer ones.
 */
#define EINAT_REST_MIN 120
#define EINAT_REST_MAX 3600

/*
 * Map "avail" (array of __u64, mmap-able, written by user space): bit set = the port may be
 * given to a new binding of that slice: it is in the slice and its owner is einat.
 * Index: (slice * EINAT_PROTO_COUNT + proto) * EINAT_PORT_WORDS + port / 64.
 *
 * Map "used" (array of __u64, mmap-able, written by BPF under the slot's lock): bit set = the
 * slot is not free. Index: plane * EINAT_PORT_WORDS + port / 64.
 *
 * Map "held" (as "used"): bit set = a sweep has found the slot's binding expired, and its port
 * rests.
 */

/* Map "locks" (array of EINAT_LOCKS of struct { struct bpf_spin_lock }): number slot / 64. */

/*
 * Program "einat_sweep" (tc, run by the daemon with BPF_PROG_RUN, data_in of at least 64 bytes
 * whose first bytes are this struct; data_out returns it filled in): frees expired slots.
 */
#define SWEEP_MAX 4096 /* slots looked at in one run, at most */

enum einat_sweep_op {
	SWEEP_EXPIRED, /* free what expired in [first, first + count) and has rested */
	SWEEP_FORCE, /* free every slot in the range, static ones too */
	SWEEP_ADD, /* make the binding @ep <-> slot @first (static with flag); count is 1 */
};

struct einat_sweep {
	__u32 op; /* enum einat_sweep_op */
	__u32 first; /* slot number */
	__u32 count; /* at most SWEEP_MAX */
	__u32 freed; /* out */
	__u32 live; /* out */
	__s32 error; /* out: SWEEP_ADD: 0 or -errno (-EEXIST: port or endpoint in use) */
	__u32 flags; /* SWEEP_ADD: SLOT_F_ */
	struct einat_endpoint ep; /* SWEEP_ADD */
	__u32 age; /* SWEEP_ADD: seconds since the last outbound packet */
	__u16 ended; /* SWEEP_ADD: one more than the seconds since the last open session ended; 0:
			none */
	__u16 pad;
};

/*
 * Map "events" (ring buffer): packets that the daemon has to deal with, each a struct
 * einat_event. If there is no room, or a CPU would make more than EVENT_BURST_ of them within one
 * window of 2^EVENT_WINDOW_SHIFT ns (17 ms), the packet ends as it would without a daemon.
 */
enum einat_event_kind {
	EVENT_FULL, /* no free port in the slice: dropped, for masquerade to take the flow */
	EVENT_REFUSED, /* for the sender to be told: CFG_F_WHEN_FULL_REFUSE, or max_per_host is met
			*/
	EVENT_LATE_FRAGMENT, /* inbound, its first one not seen yet: passed on, this is a copy */
	EVENT_UNMAPPED, /* NPTv6: dropped, for the sender to be told; of ingress too */
	EINAT_EVENT_COUNT,
};

#define EVENT_RING	   (256 * 1024)
#define EVENT_WINDOW_SHIFT 24
#define EVENT_BURST_FULL   16
#define EVENT_BURST_LATE   64
/* EVENT_FULL, EVENT_REFUSED, EVENT_UNMAPPED: at most so many bytes; what an ICMP message about them
 * quotes. */
#define EVENT_HEAD_MAX	68 /* IPv4: the largest header and 8 bytes */
#define EVENT_HEAD6_MAX 1232 /* IPv6: the least MTU without the message's headers */
/*
 * EVENT_LATE_FRAGMENT: the room that is reserved in the ring, by the size of the packet; and as how
 * many of EVENT_BURST_LATE it counts.
 */
#define EVENT_PACKET_SMALL 1984
#define EVENT_PACKET_JUMBO 9216
#define EVENT_PACKET_MAX   65575 /* IPv6: the fixed header and what its length can say */
#define EVENT_COST_JUMBO   4
#define EVENT_COST_MAX	   32

struct einat_event {
	__u32 kind; /* enum einat_event_kind */
	__u32 len; /* bytes of the packet that follow this struct, from its IP header on */
	__u32 ingress_ifindex; /* interface that the packet came in by; 0: made by this host */
	__u16 l4; /* offset of the layer 4 header from the IP header; it may be beyond len */
	__u8 proto; /* enum einat_proto; EINAT_PROTO_COUNT: a later fragment with another header */
	__u8 pad;
	struct einat_frag_key key; /* EVENT_LATE_FRAGMENT: of its note in "frags" */
};

enum einat_dir {
	EINAT_OUT, /* TC egress of the external interface */
	EINAT_IN, /* TC ingress */
	EINAT_DIR_COUNT,
};

/*
 * Why the data plane left a packet as it did: exactly one for each packet. Map "stats" (per-CPU
 * array of struct einat_stat), index dir * EINAT_REASON_COUNT + reason.
 * X(name, word in `einat stats`, class, explanation); class: T translated, P passed, D dropped.
 */
#define EINAT_REASONS(X)                                                                           \
	X(TRANSLATED, "translated", 'T', "translated by a binding")                                \
	X(HAIRPIN, "hairpin", 'T', "turned around to another internal host")                       \
	X(ICMP_ERROR, "icmp-error", 'T', "ICMP error about slice traffic, translated")             \
	X(FRAGMENT, "fragment", 'T', "later fragment, translated")                                 \
	X(LATE_FRAGMENT, "late-fragment", 'T',                                                     \
	  "came before its first one: sent in again by einat")                                     \
	X(NOT_IP, "not-ip", 'P', "neither IPv4 nor IPv6 (ARP and the like)")                       \
	X(IPV6, "ipv6", 'P', "IPv6: off, or link-local, multicast, ND")                            \
	X(OTHER_PROTO, "other-protocol", 'P', "a protocol that einat does not translate")          \
	X(EXTERNAL_SOURCE, "external-source", 'P', "from this host or already masqueraded")        \
	X(NOT_IN_SLICE, "not-in-slice", 'P', "the slice does not take this flow")                  \
	X(OTHER_DEST, "other-destination", 'P', "not addressed to an external address")            \
	X(NO_BINDING, "no-binding", 'P', "no binding for this port: left to netfilter")            \
	X(FRAG_UNKNOWN, "fragment-unknown", 'P', "later fragment of a datagram not seen here")     \
	X(ICMP_UNKNOWN, "icmp-unknown", 'P', "ICMP error that concerns no binding")                \
	X(ICMP_OTHER, "icmp-other", 'P', "ICMP message that is neither query reply nor error")     \
	X(HAIRPIN_LOCAL, "hairpin-local", 'T', "hairpin to a port without a binding: handed back") \
	X(MALFORMED, "malformed", 'P', "headers cut short or inconsistent")                        \
	X(MALFORMED_DROP, "malformed-drop", 'D', "malformed and from inside: would leak")          \
	X(FULL, "full", 'D', "no free port in the slice")                                          \
	X(HOST_LIMIT, "host-limit", 'D', "the host has as many ports as it may: sender told")      \
	X(REFUSED, "refused", 'D', "no free port: sender told by ICMP, within limits")             \
	X(TABLE_FULL, "table-full", 'D', "no room for the binding in memory")                      \
	X(NO_ADDRESS, "no-address", 'D', "no external address to translate to")                    \
	X(CONTENTION, "contention", 'D', "another CPU changed the same binding; sender repeats")   \
	X(GUARD, "guard", 'D', "leak guard: a private source that could not be translated")        \
	X(FRAG_GUARD, "fragment-guard", 'D', "later fragment from inside, first one not seen")     \
	X(REWRITE_FAILED, "rewrite-failed", 'D', "the kernel refused to change the packet")        \
	X(TTL, "ttl", 'D', "hairpin loop stopped")                                                 \
	X(NPT, "npt", 'T', "prefix translated (NPTv6)")                                            \
	X(NPT_UNMAPPED, "npt-unmapped", 'D', "NPTv6: the address has no counterpart")              \
	X(INTERNAL, "internal-error", 'P', "a map of einat is missing: a defect, please report")

enum einat_reason {
#define EINAT_REASON_ENUM(name, word, class, text) REASON_##name,
	EINAT_REASONS(EINAT_REASON_ENUM)
#undef EINAT_REASON_ENUM
		EINAT_REASON_COUNT,
};

struct einat_stat {
	__u64 packets;
	__u64 bytes;
};

/* Events that are not per packet. Map "counts" (per-CPU array of __u64). */
enum einat_count {
	COUNT_BINDING_NEW,
	COUNT_BINDING_FREED,
	COUNT_PORT_KEPT, /* new bindings that kept the internal port */
	COUNT_SOCKET_MET, /* candidate ports refused since a local socket holds them */
	COUNT_SESSION_NEW,
	COUNT_SESSION_FULL, /* no room: the binding is treated as established */
	EINAT_COUNT_COUNT,
};

_Static_assert(sizeof(struct einat_addr) == 16, "abi");
_Static_assert(sizeof(struct einat_endpoint) == 20, "abi");
_Static_assert(sizeof(struct einat_slot) == 32, "abi");
_Static_assert(sizeof(struct einat_slot_2) == sizeof(struct einat_slot), "abi");
_Static_assert(sizeof(struct einat_session_key) == 24, "abi");
_Static_assert(sizeof(struct einat_session) == 4, "abi");
_Static_assert(sizeof(struct einat_frag_key) == 40, "abi");
_Static_assert(sizeof(struct einat_frag) == 16, "abi");
_Static_assert(sizeof(struct einat_lpm_key) == 20, "abi");
_Static_assert(sizeof(struct einat_npt) == 24, "abi");
_Static_assert(sizeof(struct einat_cfg_slice) == 12, "abi");
_Static_assert(sizeof(struct einat_ext) == 24, "abi");
_Static_assert(sizeof(struct einat_cfg) == 40 + 24 * 8 + 12 * 16 + 20, "abi");
_Static_assert(sizeof(struct einat_ctl) == 64, "abi");
_Static_assert(sizeof(struct einat_sweep) == 56, "abi");
_Static_assert(sizeof(struct einat_event) == 56, "abi");

#endif
