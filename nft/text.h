/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text of a rule for people, in the words of the tool that owns it: nft syntax as
 * `nft -s list ruleset` prints it, or iptables-save syntax for rules of iptables-nft and
 * iptables-legacy. Made from the raw bytes of the snapshot alone, so that a saved capture
 * reads the same on another machine; the bytes may be hostile.
 *
 * What is not known is shown, as nft shows it (xt match "foo", [foo]), never left out.
 * Bytes that are not printable text are shown as \xNN.
 */
#ifndef EINAT_NFT_TEXT_H
#define EINAT_NFT_TEXT_H

#include <stddef.h>

#include "read.h"

enum text_tool {
	TEXT_NFT, /* nft */
	TEXT_IPTABLES, /* iptables or ip6tables, the variant that writes nf_tables */
	TEXT_LEGACY, /* iptables-legacy or ip6tables-legacy */
};

/**
 * rule_text() - the text of @r, in one line, at most @max bytes (0: 4096) and then " ...".
 * Returns a string to be freed by the caller, or NULL without memory.
 */
char *rule_text(const struct fw_snapshot *s, const struct fw_rule *r, size_t max);

/**
 * table_tool() - the tool that can change a table. iptables refuses a table that holds a rule
 * which it could not have written; such a table is nft's, even if extensions in it are not.
 */
enum text_tool table_tool(const struct fw_snapshot *s, const struct fw_table *t);

/**
 * chain_place() - where a rule stands, in the words of that tool: "inet fw4 forward handle 7",
 * "ip6tables -t nat POSTROUTING, rule 3", "iptables-legacy -t filter FORWARD, rule 1".
 * @r may be NULL: the chain alone. Returns a string to be freed by the caller, or NULL without
 * memory.
 */
char *chain_place(const struct fw_snapshot *s, const struct fw_chain *c, const struct fw_rule *r);

/**
 * text_clean() - @s as it may be shown: \xNN for what is no printable UTF-8, as escape sequences of
 * terminals are; with @lines, newlines stay. To be freed by the caller; NULL without memory.
 */
char *text_clean(const char *s, bool lines);

/** family_text() - NFPROTO_ number as nft's word ("ip", "inet"), "?" if unknown. */
const char *family_text(int family);

#endif
