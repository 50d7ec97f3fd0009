/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text of x_tables extensions: what their printers share. For nft/text_xt*.c only. */
#ifndef EINAT_NFT_TEXT_XT_H
#define EINAT_NFT_TEXT_XT_H

#include "text_int.h"

#define XT_ANY 0xff /* any revision */

/* One printer; @x->len is at least @size. False: the bytes say something it has no words for. */
struct xt_printer {
	const char *name;
	uint8_t rev;
	uint16_t size;
	bool (*print)(struct tbuf *b, const struct xt_view *x);
};

/* text_xt_proto.c, _state.c, _rate.c, _misc.c: matches; ended by a NULL name */
extern const struct xt_printer xt_proto_matches[], xt_state_matches[], xt_rate_matches[],
	xt_misc_matches[];
/* text_xt_nat.c, text_xt_target.c */
extern const struct xt_printer xt_nat_targets[], xt_targets[];

/** xt_get() - copy the structure; what is beyond its end (a pointer of the kernel's) is zero. */
void xt_get(const struct xt_view *x, void *to, size_t size);
/** xt_string() - " word", in quotes and escaped as iptables-save does where it must be. */
void xt_string(struct tbuf *b, const char *s, size_t n);
/** xt_mark() - " 0x1" or " 0x1/0x3" */
void xt_mark(struct tbuf *b, uint32_t mark, uint32_t mask);
/** xt_is_notrack() - a CT target that was asked for as NOTRACK. */
bool xt_is_notrack(const struct xt_view *x);
/** xt_inv() - " !" if @inv. */
void xt_inv(struct tbuf *b, bool inv);
/** xt_range() - "1" or "1:2" */
void xt_range(struct tbuf *b, unsigned lo, unsigned hi);
/** xt_bits() - names of set bits joined by commas; what has no name as 0x.. */
void xt_bits(struct tbuf *b, uint32_t bits, const struct symbol *names);
/** xt_mask() - "/24", "/255.0.255.0", or nothing for a full mask. */
void xt_mask(struct tbuf *b, const void *mask, size_t len);
/** xt_rate() - " 3/min" of xt_limit; @scale ticks are a second. Returns the unit in ms. */
uint32_t xt_rate(struct tbuf *b, uint64_t period, uint64_t scale);

#endif
