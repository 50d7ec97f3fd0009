/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A snapshot of every packet filter rule of a network namespace: nf_tables of all families
 * (iptables-nft included) and iptables-legacy of IPv4 and IPv6, lowered to one small language.
 *
 * A rule is a list of operations. Matches test one field against ranges; what could not be
 * understood is FW_MAYBE (a match) or FW_UNKNOWN (a statement), never silently left out.
 * Values are kept in canonical form: big endian, field width, whatever the kernel's register
 * byte order was. Nothing here knows of einat, so any analysis can be built on it.
 */
#ifndef EINAT_NFT_READ_H
#define EINAT_NFT_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/capture.h"
#include "lib/err.h"
#include "lib/net.h"

enum fw_field {
	FW_F_UNKNOWN,
	FW_F_NFPROTO, /* 1 byte, NFPROTO_ */
	FW_F_ETHERTYPE, /* 2 */
	FW_F_IIFNAME, /* 16, padded with zeros */
	FW_F_OIFNAME,
	FW_F_IIF, /* 4, interface index */
	FW_F_OIF,
	FW_F_SADDR4, /* 4 */
	FW_F_DADDR4,
	FW_F_SADDR6, /* 16 */
	FW_F_DADDR6,
	FW_F_L4PROTO, /* 1 */
	FW_F_SPORT, /* 2 */
	FW_F_DPORT,
	FW_F_TCPFLAGS, /* 1 */
	FW_F_MARK, /* 4 */
	FW_F_CTSTATE, /* 4, NF_CT_STATE_BIT()s; FW_STATE_ bits below for iptables */
	FW_F_CTSTATUS, /* 4, IPS_ */
	FW_F_CTDIR, /* 1 */
	FW_F_SADDRTYPE, /* 4, RTN_ */
	FW_F_DADDRTYPE,
	FW_F_ICMPTYPE, /* 1, of ICMP or ICMPv6, whichever the packet is */
	FW_F_ICMPCODE,
	FW_F_PKTTYPE, /* 1, PACKET_ */
	FW_F_CTMARK, /* 4 */
	FW_F_IPHEAD, /* 1, first byte of the IP header: its upper half is the version */
	FW_F_FRAG4, /* 2, the IPv4 header's flags and fragment offset */
	FW_F_MSS, /* 2, what a SYN states */
	FW_F_BACK, /* 4, 1 or 0: whether a route to the sender leads back by the input interface */
	FW_F_BACKIF, /* 4, the index of the interface of that route, 0: there is none */
	FW_F_COUNT,
};

/* ct state bits; the last two exist in iptables' --ctstate only. */
enum {
	FW_STATE_INVALID = 1 << 0,
	FW_STATE_ESTABLISHED = 1 << 1,
	FW_STATE_RELATED = 1 << 2,
	FW_STATE_NEW = 1 << 3,
	FW_STATE_UNTRACKED = 1 << 6,
	FW_STATE_SNAT = 1 << 30,
	FW_STATE_DNAT = 1u << 31,
};

#define FW_FIELD_MAX 16

/* Inclusive, compared as big-endian numbers of the field's width. */
struct fw_range {
	uint8_t lo[FW_FIELD_MAX], hi[FW_FIELD_MAX];
};

/* True for a packet iff (field & mask) lies in one of the ranges, xor neg. */
struct fw_match {
	enum fw_field field;
	bool neg;
	uint8_t mask[FW_FIELD_MAX];
	struct fw_range *r;
	size_t n;
};

enum fw_code { FW_ACCEPT, FW_DROP, FW_CONTINUE, FW_RETURN, FW_JUMP, FW_GOTO, FW_QUEUE };

struct fw_verdict {
	enum fw_code code;
	const struct fw_chain *chain; /* FW_JUMP, FW_GOTO; NULL if it could not be resolved */
};

/* One component of a set look-up: where in the key it is, which field it is compared with. */
struct fw_sel {
	enum fw_field field;
	bool host; /* key bytes are in host byte order: exact elements only */
	uint8_t key_off; /* in the set's key */
	uint8_t len; /* bytes of the key, padded to 4 there */
	uint8_t off; /* first byte of the field it is compared with */
	uint8_t mask[FW_FIELD_MAX];
};

#define FW_SEL_MAX 8

struct fw_lookup {
	const struct fw_set *set;
	bool neg;
	bool vmap;
	size_t n_sel;
	struct fw_sel sel[FW_SEL_MAX];
};

struct fw_nat {
	uint16_t port_lo, port_hi; /* new ports, host byte order; 0: none named */
	bool port_any; /* a port is named, but which one is not known here (a map) */
	bool random; /* the port is not kept even if it is free */
	bool masquerade; /* the address is the output interface's */
	bool same; /* to its own address: nothing changes, and no later NAT rule applies */
	uint8_t family; /* NFPROTO_ of @addr_lo; 0: the new address is not known here */
	uint8_t addr_lo[16], addr_hi[16]; /* network byte order */
};

/* mark = (mark & keep) ^ xor; bits of @unknown can be anything afterwards, unless they are of
 * @ct and the connection has no mark yet: then they are those of @xor. */
struct fw_setmark {
	uint32_t keep, xor, unknown;
	uint32_t ct; /* bits of @unknown that come from the connection's mark */
};

/* What a rule sets of the connection. */
struct fw_ctset {
	enum { FW_CT_MARK, FW_CT_ZONE, FW_CT_HELPER, FW_CT_TIMEOUT, FW_CT_OTHER } key;
};

/* A match without an answer: what can be said of it nevertheless. */
struct fw_perhaps {
	enum fw_field field; /* it is about this one, and no negation; FW_F_UNKNOWN: not known */
	bool both; /* some packets match and some do not, whatever they are (a die is cast) */
	/* what it says to a lone packet: a limit is there for the many */
	enum { FW_EITHER, FW_HITS, FW_MISSES } usual;
};

enum fw_kind {
	FW_MATCH,
	FW_LOOKUP,
	FW_MAYBE, /* a match that was not understood, or whose answer cannot be told */
	FW_VERDICT,
	FW_SNAT, /* snat, masquerade: final */
	FW_DNAT, /* final */
	FW_REDIRECT, /* to an address of this host: final */
	FW_NETMAP, /* SNAT or DNAT, as the hook is */
	FW_TPROXY, /* may drop, accept or let pass */
	FW_REJECT, /* final */
	FW_SETMARK,
	FW_CTSET,
	FW_NOTRACK,
	FW_OFFLOAD, /* the rest of the flow passes by the rules */
	FW_DUP,
	FW_FWD, /* out of another interface: final */
	FW_UNKNOWN, /* a statement that was not understood: may do anything */
};

struct fw_op {
	enum fw_kind kind;
	union {
		struct fw_match match;
		struct fw_lookup lookup;
		struct fw_perhaps perhaps;
		struct fw_verdict verdict;
		struct fw_nat nat; /* FW_SNAT, FW_DNAT, FW_REDIRECT, FW_NETMAP, FW_TPROXY */
		struct fw_setmark setmark;
		struct fw_ctset ctset;
	};
};

struct fw_rule {
	const struct fw_chain *chain;
	uint64_t handle; /* nf_tables; or number in its chain, from 1 (iptables-legacy) */
	/* as the kernel gave it: its netlink message, struct nlmsghdr first (nf_tables), or its
	 * struct ipt_entry or ip6t_entry with matches and target (iptables-legacy) */
	const void *raw;
	uint32_t raw_len;
	const char *comment; /* NULL: none; in @raw */
	struct fw_op *ops;
	size_t n_ops;
};

enum fw_hook {
	FW_HOOK_NONE,
	FW_INGRESS,
	FW_PREROUTING,
	FW_INPUT,
	FW_FORWARD,
	FW_OUTPUT,
	FW_POSTROUTING,
	FW_EGRESS
};

struct fw_table {
	int family; /* NFPROTO_ */
	bool legacy;
	bool dormant; /* its chains are not hooked */
	bool owned; /* only the program that made it can change it */
	unsigned index; /* in the snapshot: the kernel's order, iptables-legacy last */
	uint64_t handle; /* ascends in the order of creation, over all tables; 0: not known */
	char *name;
	uint8_t tool; /* table_tool() + 1 once it was asked for: text.c's alone */
};

struct fw_chain {
	const struct fw_table *table;
	char *name;
	enum fw_hook hook; /* FW_HOOK_NONE: not a base chain */
	int priority;
	bool nat; /* type nat */
	bool policy_drop;
	bool offload; /* hardware is to do its work (NFT_CHAIN_HW_OFFLOAD) */
	uint64_t handle; /* ascends in the order of creation, in its table; 0: not known */
	char **dev; /* ingress and egress */
	size_t n_dev;
	struct fw_rule *rules;
	size_t n_rules;
};

struct fw_elem {
	uint8_t *lo, *hi; /* key_len bytes each, as in the kernel; the snapshot's memory */
	bool catchall;
	bool maybe; /* may have gone, or is under a condition of its own (a limit) */
	struct fw_verdict verdict;
	uint8_t *data; /* a map's value, data_len bytes; NULL: none, or of another length */
	const void *raw; /* its struct nlattr, in the record; NULL: made by hand */
};

struct fw_set {
	const struct fw_table *table;
	char *name;
	uint32_t flags; /* NFT_SET_ */
	uint32_t key_len, data_len; /* bytes; data_len: of maps that are not verdict maps */
	uint32_t key_type, data_type; /* as nft has them (its datatype numbers); 0: not told */
	uint64_t handle;
	bool vmap;
	struct fw_elem *elems;
	size_t n_elems;
	const void *raw; /* its netlink message; NULL: made by hand */
	uint32_t raw_len;
};

/* A stateful object: named counter, quota, limit, ct helper, ct timeout, synproxy, secmark. */
struct fw_object {
	const struct fw_table *table;
	char *name;
	uint32_t type; /* NFT_OBJECT_ */
	uint64_t handle;
	const void *raw; /* its netlink message */
	uint32_t raw_len;
};

struct fw_flowtable {
	const struct fw_table *table;
	char *name;
	uint64_t handle;
	int priority;
	bool offload; /* to hardware */
	char **dev;
	size_t n_dev;
};

struct fw_link {
	int ifindex;
	char name[16];
};

struct fw_snapshot {
	struct fw_table **tables;
	size_t n_tables;
	struct fw_chain **chains; /* sorted by table (its index) and name once all are read */
	size_t n_chains;
	struct fw_set **sets; /* sorted likewise */
	size_t n_sets;
	struct fw_object *objects;
	size_t n_objects;
	struct fw_flowtable *flowtables;
	size_t n_flowtables;
	struct fw_link *links;
	size_t n_links;
	struct fw_chunk *chunks; /* memory that is freed with the snapshot */
	struct capture *own; /* what the rules' @raw point into, if it is freed with the snapshot */
};

/**
 * fw_capture() - add records of all rules of the current network namespace, and its links.
 * Needs CAP_NET_ADMIN. The nf_tables part is one generation: it is read again (a bounded
 * number of times, at most 0.6 s of waiting) when the rule set changed meanwhile.
 * iptables-legacy is only asked for tables that /proc/net/ip_tables_names and ip6_tables_names
 * list, so that no kernel module of theirs is loaded.
 * Returns 0, -EPERM, -EAGAIN (rules change all the time), -ENOMEM or another -errno.
 */
int fw_capture(struct capture *c, struct err *err);

/**
 * fw_snapshot_parse() - from records to a snapshot; asks nobody, and takes the records for hostile
 * bytes. @c must outlive the snapshot, which points into it.
 * Returns 0, -ENOMEM, or -EBADMSG with @err if a record is missing or damaged.
 */
int fw_snapshot_parse(const struct capture *c, struct fw_snapshot **ret_snap, struct err *err);

/** fw_snapshot_read() - both, for this network namespace, now. */
int fw_snapshot_read(struct fw_snapshot **ret_snap, struct err *err);
void fw_snapshot_free(struct fw_snapshot *s);

/** fw_field_len() - width of a field in bytes, 0 for FW_F_UNKNOWN. */
size_t fw_field_len(enum fw_field f);

/* ---- for the readers ------------------------------------------------------------------ */

/** fw_grow() - make room for one more of @size bytes after @n in *@arr. 0 or -ENOMEM. */
int fw_grow(void *arr, size_t n, size_t size);

struct fw_table *fw_table_add(struct fw_snapshot *s, int family, const char *name);
struct fw_chain *fw_chain_add(struct fw_snapshot *s, const struct fw_table *t, const char *name);
struct fw_rule *fw_rule_add(struct fw_chain *c, uint64_t handle);
struct fw_op *fw_op_add(struct fw_rule *r, enum fw_kind kind); /* NULL: no memory */
/** fw_match_add() - add a match of whole field @f without ranges; fw_match_range() adds them. */
struct fw_match *fw_match_add(struct fw_rule *r, enum fw_field f, bool neg);
int fw_match_range(struct fw_match *m, const void *lo, const void *hi);
/** fw_match_u32() - field @f (at most 4 bytes wide) & @mask lies in @lo..@hi; host order. */
int fw_match_u32(struct fw_rule *r, enum fw_field f, bool neg, uint32_t mask, uint32_t lo,
		 uint32_t hi);
int fw_maybe(struct fw_rule *r);
/** fw_perhaps() - the same, with what can be said of it. */
int fw_perhaps(struct fw_rule *r, enum fw_field f, bool both);
/** fw_perhaps_usually() - the same: FW_HITS or FW_MISSES for a lone packet. */
int fw_perhaps_usually(struct fw_rule *r, int usual);
/** fw_nat_address() - the first (or with @last the last) new address; @n->family is not 0. */
struct net_addr fw_nat_address(const struct fw_nat *n, bool last);
struct fw_table *fw_table_find(const struct fw_snapshot *s, int family, const char *name);
/** fw_chains_sort(), fw_sets_sort() - so that the look-ups by name find what was added. */
void fw_chains_sort(struct fw_snapshot *s);
void fw_sets_sort(struct fw_snapshot *s);
/** fw_alloc() - zeroed memory that is freed with the snapshot; NULL: none left. */
void *fw_alloc(struct fw_snapshot *s, size_t len);
struct fw_chain *fw_chain_find(const struct fw_snapshot *s, const struct fw_table *t,
			       const char *name);
struct fw_set *fw_set_find(const struct fw_snapshot *s, const struct fw_table *t, const char *name);

struct nlattr;
struct nlmsghdr;
/** fw_lower_rule() - expressions (NFTA_RULE_EXPRESSIONS) into @r. 0 or -ENOMEM. */
int fw_lower_rule(const struct fw_snapshot *s, struct fw_rule *r, const struct nlattr *exprs);
/** fw_verdict_parse() - an NFTA_DATA_VERDICT attribute; unknown codes become FW_QUEUE. */
void fw_verdict_parse(const struct fw_snapshot *s, const struct fw_table *t,
		      const struct nlattr *attr, struct fw_verdict *ret_verdict);
int fw_set_parse(struct fw_snapshot *s, const struct nlmsghdr *nlh);
int fw_elems_parse(struct fw_snapshot *s, struct fw_set *set, const struct nlmsghdr *nlh);
int fw_set_finish(struct fw_set *set); /* pair the starts and ends of intervals */

/**
 * xt_match() / xt_target() - lower one x_tables extension from its raw kernel structure.
 * @info may be hostile: nothing beyond @len is read; a wrong length or an unknown revision
 * gives FW_MAYBE or FW_UNKNOWN. Returns 0 or -ENOMEM.
 */
int xt_match(struct fw_rule *r, const char *name, unsigned rev, const void *info, size_t len);
int xt_target(struct fw_rule *r, const char *name, unsigned rev, const void *info, size_t len);

struct ipt_getinfo;
/**
 * legacy_parse() - one table of @family (NFPROTO_IPV4, NFPROTO_IPV6) from the @size bytes of
 * IPT_SO_GET_ENTRIES or IP6T_SO_GET_ENTRIES; the rules point into @blob.
 * Returns 0, -ENOMEM, or -EBADMSG if lengths or offsets do not fit.
 */
int legacy_parse(struct fw_snapshot *s, int family, const struct ipt_getinfo *info,
		 const void *blob, size_t size);

#endif
