/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text of a rule: what its parts share. For nft/text*.c only. */
#ifndef EINAT_NFT_TEXT_INT_H
#define EINAT_NFT_TEXT_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "read.h"
#include "read_attr.h"

/* ---- text_buf.c: a growing string with a limit ----------------------------------------- */

struct tbuf {
	char *s; /* terminated, NULL while empty */
	size_t n, max;
	bool cut; /* more was written than @max */
	bool nomem;
};

void tb_add(struct tbuf *b, const char *s, size_t n);
void tb_str(struct tbuf *b, const char *s);
void tb_fmt(struct tbuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** tb_name() - a name from a capture: at most @n bytes, until a zero; \xNN for what no text is. */
void tb_name(struct tbuf *b, const char *s, size_t n);
/** tb_quoted() - the same in quotes; quotes and backslashes within get a backslash if @esc. */
void tb_quoted(struct tbuf *b, const char *s, size_t n, bool esc);
/** tb_addr() - an IPv4 (@len 4) or IPv6 (@len 16) address. */
void tb_addr(struct tbuf *b, const void *addr, size_t len);
/** prefix_len() - number of leading one bits, -1 if ones follow a zero. */
int prefix_len(const uint8_t *mask, size_t len);

/* ---- text_value.c: types and their values ---------------------------------------------- */

enum dtype {
	DT_RAW, /* 0x5 */
	DT_NUM, /* 5 */
	DT_IP4,
	DT_IP6,
	DT_ETHER,
	DT_ETHERTYPE,
	DT_ARPOP,
	DT_INETPROTO,
	DT_PORT,
	DT_ICMPTYPE,
	DT_ICMPCODE,
	DT_ICMP6TYPE,
	DT_ICMP6CODE,
	DT_ICMPXCODE,
	DT_TCPFLAG,
	DT_DCCPTYPE,
	DT_IGMPTYPE,
	DT_DSCP,
	DT_ECN,
	DT_MHTYPE,
	DT_HOSTNUM, /* from here on the register is in host byte order */
	DT_MARK,
	DT_IFINDEX,
	DT_ARPHRD,
	DT_UID,
	DT_DEVGROUP,
	DT_CLASSID,
	DT_REALM,
	DT_CTSTATE,
	DT_CTSTATUS,
	DT_CTEVENT,
	DT_CTLABEL,
	DT_ADDRTYPE,
	DT_TIME, /* relative, milliseconds */
	DT_HOUR,
	DT_DATE,
	DT_HOSTEND, /* no type: end of those in host byte order */
	DT_NFPROTO,
	DT_CTDIR,
	DT_PKTTYPE,
	DT_BOOL, /* exists, missing */
	DT_DAY,
	DT_IFNAME,
	DT_STRING,
};

#define VAL_LEN 64 /* NFT_DATA_VALUE_MAXLEN */

bool dtype_host(enum dtype t);
bool dtype_bitmask(enum dtype t);
bool dtype_prefix(enum dtype t); /* a mask of leading ones is written as /LENGTH */
bool dtype_string(enum dtype t);
/** dtype_of_set() - type of an NFTA_SET_KEY_TYPE or NFTA_SET_DATA_TYPE number (one component). */
enum dtype dtype_of_set(uint32_t num);
/**
 * value_text() - @len bytes of @v, in host byte order if @host. @sep joins flags; NULL: a range's
 * end, which nft writes without names. */
void value_text(struct tbuf *b, const struct fw_snapshot *s, enum dtype t, const uint8_t *v,
		size_t len, bool host, const char *sep);
/** range_text() - @lo to @hi inclusive: a value, a prefix, a range, a name's beginning. */
void range_text(struct tbuf *b, const struct fw_snapshot *s, enum dtype t, const uint8_t *lo,
		const uint8_t *hi, size_t len, bool host);
/** time_text() - milliseconds as 1d2h3m4s5ms. */
void time_text(struct tbuf *b, uint64_t ms);
const char *l4proto_name(unsigned proto); /* NULL: no name */
const char *loglevel_name(unsigned level);

/* ---- text_symbol.c: names of values ----------------------------------------------------- */

struct symbol {
	uint32_t value;
	const char *name;
};

/** dtype_symbols() - the names of a type's values, ended by a NULL name; NULL if it has none. */
const struct symbol *dtype_symbols(enum dtype t);

/* ---- text_proto.c: header fields as data ------------------------------------------------ */

enum header {
	HDR_NONE,
	HDR_ETHER,
	HDR_VLAN,
	HDR_ARP,
	HDR_IP,
	HDR_IP6,
	HDR_TH,
	HDR_TCP,
	HDR_UDP,
	HDR_UDPLITE,
	HDR_SCTP,
	HDR_DCCP,
	HDR_ICMP,
	HDR_ICMP_MTU, /* by the message's type: what the second word holds */
	HDR_ICMP_GATEWAY,
	HDR_ICMP6,
	HDR_ICMP6_MTU,
	HDR_FRAG, /* IPv6 fragment header */
	HDR_IGMP,
	HDR_AH,
	HDR_ESP,
	HDR_COMP,
};

struct hdr_field {
	enum header hdr;
	uint16_t bit, bits; /* first bit from the start of the header's base, width */
	enum dtype type;
	const char *name; /* with the header's word: "tcp dport" */
};

/** hdr_field_at() - the field of @h that starts at @bit and has @bits, or all if @bits is 0. */
const struct hdr_field *hdr_field_at(enum header h, unsigned bit, unsigned bits);
enum header hdr_of_l4proto(unsigned proto);
enum header hdr_of_ethertype(unsigned type);
/** exthdr_text() - a field of an IPv6 extension header or an option; false if unknown. */
bool exthdr_text(struct tbuf *b, uint32_t op, uint32_t type, uint32_t off, uint32_t len,
		 enum dtype *ret_type);

/* ---- text_nft.c: the state of one rule --------------------------------------------------- */

#define TREG_WORDS 16

enum src_kind { SRC_OTHER, SRC_META, SRC_PAYLOAD, SRC_CT, SRC_MAP, SRC_FRAG };

/* What a register holds. */
struct treg {
	enum { TR_NONE, TR_EXPR, TR_CONST } kind;
	uint8_t len; /* bytes */
	enum dtype type;
	enum src_kind src;
	uint32_t key; /* SRC_META, SRC_CT; NFT_PAYLOAD_ base of SRC_PAYLOAD */
	uint32_t off; /* SRC_PAYLOAD, SRC_FRAG: bytes */
	bool swapped; /* in network byte order though its type is not */
	bool binop; /* @text is an operation */
	bool masked; /* @mask and @xor are still to be applied to @text */
	const char *text; /* NULL for SRC_PAYLOAD: its name depends on what is known by then */
	uint8_t mask[VAL_LEN], xor[VAL_LEN];
	uint8_t data[VAL_LEN]; /* TR_CONST */
};

struct item {
	const char *text;
	bool hidden;
};

enum dep_slot { DEP_LL, DEP_NET, DEP_TRANS, DEP_ICMP, DEP_COUNT };

struct tx {
	const struct fw_snapshot *snap;
	const struct fw_table *table;
	size_t max;
	struct treg reg[TREG_WORDS];
	/* what the rule has said of the packet's protocols so far */
	enum header ll, net, trans;
	int icmp_type; /* -1 unknown */
	/* an item that a field of the layer makes superfluous */
	struct dep {
		size_t item; /* number + 1 */
		bool payload; /* "ip protocol", not "meta l4proto" */
	} dep[DEP_COUNT];
	struct item *items;
	size_t n_items;
	/* strings that live as long as this */
	char **strings;
	size_t n_strings, budget;
	/* a range may be written as two comparisons: the first one, NULL if none */
	struct {
		size_t item;
		uint32_t reg;
		uint8_t lo[VAL_LEN];
		size_t len;
	} gte;
	bool nested; /* inside of a set's element */
	bool nomem;
};

/** tx_keep() - take over the buffer's string; "" if there is none. */
const char *tx_keep(struct tx *t, struct tbuf *b);
struct tbuf tx_buf(const struct tx *t);
void tx_emit(struct tx *t, const char *text);
#define TX_EMIT(t, b) tx_emit((t), tx_keep((t), (b)))
/** tx_reg() - slot of an NFT_REG_ number, NULL if there is none. */
struct treg *tx_reg(struct tx *t, uint32_t nft_reg);
/** tx_load() - make room for a value of @len bytes; NULL if there is no such register. */
struct treg *tx_load(struct tx *t, uint32_t nft_reg, size_t len);
void tx_forget(struct tx *t);
/** tx_words() - 4-byte registers that @len bytes take. */
size_t tx_words(size_t len);

/* ---- text_load.c, text_payload.c: expressions that write registers -------------------------- */

typedef void tx_fn(struct tx *t, const struct nlattr *data);

tx_fn text_meta, text_ct, text_fib, text_rt, text_socket, text_exthdr, text_numgen, text_hash,
	text_osf, text_xfrm, text_tunnel, text_payload, text_bitwise, text_byteorder;

/** treg_text() - the expression as text, masks applied. "?" for a register without a value. */
const char *treg_text(struct tx *t, struct treg *r);
/** treg_value() - what is written somewhere: a constant of @type or an expression. */
const char *treg_value(struct tx *t, struct treg *r, enum dtype type);
/** treg_type() - the type, of a header field too. */
enum dtype treg_type(struct tx *t, const struct treg *r);
/** payload_field() - the header field that is all of @r, NULL if there is none. */
const struct hdr_field *payload_field(struct tx *t, const struct treg *r);
/**
 * field_bits() - the bits of field @f of a value @v of @r, moved to the right: @be is big endian,
 * VAL_LEN bytes large. Returns the bytes used.
 */
size_t field_bits(const struct treg *r, const struct hdr_field *f, const uint8_t *v, uint8_t *be);
/** payload_header() - the header of a NFT_PAYLOAD_ base at byte @off, as far as it is known. */
enum header payload_header(const struct tx *t, uint32_t base, uint32_t off);
/** payload_used() - a field of base @base was named: hide what it implies. */
void payload_used(struct tx *t, uint32_t base, enum header h);
void dep_hide(struct tx *t, enum dep_slot slot);
/** mask_text() - " & MASK ^ XOR | OR" of a bitwise expression. */
void mask_text(struct tbuf *b, const struct tx *t, enum dtype type, const uint8_t *mask,
	       const uint8_t * xor, size_t len, bool host);

/* ---- text_match.c, text_set.c ------------------------------------------------------ */

tx_fn text_cmp, text_range, text_lookup, text_dynset;
/** set_text() - "{ ... }" of an anonymous set, or "@name". */
void set_text(struct tbuf *b, struct tx *t, const struct fw_set *set, struct treg **key,
	      size_t n_key);
/** tx_keys() - the registers that a key of @len bytes from @sreg covers; their number. */
size_t tx_keys(struct tx *t, uint32_t sreg, size_t len, struct treg **key, size_t max);
const char *keys_text(struct tx *t, struct treg **key, size_t n);
/** data_text() - a map's data of the set's data type. */
void data_text(struct tbuf *b, const struct tx *t, const struct fw_set *set, const uint8_t *data);
void verdict_text(struct tbuf *b, const struct fw_verdict *v);

/* ---- text_stmt.c, text_stmt_nat.c -------------------------------------------------- */

tx_fn text_immediate, text_counter, text_limit, text_quota, text_connlimit, text_log, text_reject,
	text_queue, text_notrack, text_objref, text_dup, text_fwd, text_flow, text_synproxy,
	text_last, text_compat_match, text_compat_target;
tx_fn text_nat, text_masq, text_redir, text_tproxy;
/** text_expr() - one NFTA_LIST_ELEM, by its name. */
void text_expr(struct tx *t, const struct nlattr *expr);

/* ---- text_nft.c, text_ipt.c: a whole rule ------------------------------------------ */

/** rule_exprs() - NFTA_RULE_EXPRESSIONS of an nf_tables rule, NULL if there are none. */
const struct nlattr *rule_exprs(const struct fw_rule *r);
/** nft_rule_text() - the rule in nft syntax. */
void nft_rule_text(struct tbuf *b, const struct fw_snapshot *s, const struct fw_rule *r);
/**
 * ipt_nft_text() - the same in iptables-save syntax; false if iptables could not have written it.
 * @b may be NULL: only asked. @ret_xt: whether the rule has x_tables extensions; may be NULL.
 */
bool ipt_nft_text(struct tbuf *b, const struct fw_snapshot *s, const struct fw_rule *r,
		  bool *ret_xt);
/** ipt_entry_text() - an ipt_entry or ip6t_entry in iptables-save syntax. */
void ipt_entry_text(struct tbuf *b, const struct fw_rule *r);

/* ---- text_xt_*.c: x_tables extensions, from their raw kernel structures ------------ */

struct xt_view {
	const char *name;
	unsigned rev;
	const uint8_t *info;
	size_t len;
	bool v6;
};

/** xt_match_text() - " -m name --options"; what is unknown: " -m name [N bytes]". */
void xt_match_text(struct tbuf *b, const struct xt_view *x);
/** xt_target_text() - " -j NAME --options". */
void xt_target_text(struct tbuf *b, const struct xt_view *x);

#endif
