/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lowering of one nf_tables rule: what each register holds, and the expressions that match. */
#ifndef EINAT_NFT_READ_LOWER_H
#define EINAT_NFT_READ_LOWER_H

#include <libmnl/libmnl.h>

#include "read.h"

#define REG_WORDS 20 /* 4-byte registers: the verdict's place is never used */
#define VAL_MAX	  64

/* What a register holds, from its first word on. */
struct val {
	enum {
		VAL_NONE,
		VAL_PAYLOAD,
		VAL_FIELD,
		VAL_CONST,
		VAL_CHANCE, /* any number of @chance_lo..@chance_hi: numgen, hash */
		VAL_MAPPED, /* 4 bytes at @off of the data of some element of @map */
	} kind;
	enum fw_field field; /* VAL_FIELD */
	uint8_t base, off; /* VAL_PAYLOAD: NFT_PAYLOAD_, offset in that header */
	uint8_t len; /* bytes */
	bool host; /* host byte order */
	uint8_t mask[VAL_MAX], xor[VAL_MAX]; /* in register order */
	uint8_t data[VAL_MAX]; /* VAL_CONST */
	uint32_t chance_lo, chance_hi; /* VAL_CHANCE */
	const struct fw_set *map; /* VAL_MAPPED */
};

struct lower {
	const struct fw_snapshot *snap;
	struct fw_rule *rule;
	uint8_t nfproto; /* what the rule so far has established, or NFPROTO_UNSPEC */
	uint8_t l4proto; /* the same, IPPROTO_; 0: not known */
	struct val reg[REG_WORDS];
};

/* One part of a value that is (part of) a field. */
struct piece {
	enum fw_field field;
	uint8_t off; /* first byte of the field */
	uint8_t at; /* first byte of the value */
	uint8_t len;
};

/** lower_reg() - slot of an NFT_REG_ number, NULL if there is none. */
struct val *lower_reg(struct lower *l, uint32_t nft_reg);
/** lower_load() - put a value into a register: all that overlaps becomes VAL_NONE. */
struct val *lower_load(struct lower *l, uint32_t nft_reg, size_t len);
/**
 * lower_pieces() - the fields that bytes [0, @len) of @v hold, at most @max.
 * @ret_all is set if they cover all of it. Returns their number.
 */
size_t lower_pieces(const struct lower *l, const struct val *v, size_t len, struct piece *p,
		    size_t max, bool *ret_all);
/** lower_canonical() - copy @len bytes, swapped if @host. */
void lower_canonical(uint8_t *dst, const void *src, size_t len, bool host);

/** lower_forget() - nothing is known of any register. */
void lower_forget(struct lower *l);
/** lower_forget_from() - nor of what a value of unknown length, put into @nft_reg, covers. */
void lower_forget_from(struct lower *l, uint32_t nft_reg);
/** lower_bytes() - the value of a data attribute; its length, 0 if none or above @max. */
size_t lower_bytes(const struct nlattr *attr, uint8_t *buf, size_t max);

/* Expressions that write registers; 0 or -ENOMEM. */
int lower_payload(struct lower *l, const struct nlattr *data);
int lower_meta(struct lower *l, const struct nlattr *data);
int lower_ct(struct lower *l, const struct nlattr *data);
int lower_fib(struct lower *l, const struct nlattr *data);
int lower_bitwise(struct lower *l, const struct nlattr *data);
int lower_byteorder(struct lower *l, const struct nlattr *data);
int lower_exthdr(struct lower *l, const struct nlattr *data);
int lower_load_any(struct lower *l, const struct nlattr *data);
int lower_numgen(struct lower *l, const struct nlattr *data);
int lower_hash(struct lower *l, const struct nlattr *data);

/* Matching expressions; 0 or -ENOMEM. */
int lower_cmp(struct lower *l, const struct nlattr *data);
int lower_range(struct lower *l, const struct nlattr *data);
int lower_lookup(struct lower *l, const struct nlattr *data);

#endif
