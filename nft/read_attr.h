/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Netlink attributes into a table, by type. For the snapshot's readers only. */
#ifndef EINAT_NFT_READ_ATTR_H
#define EINAT_NFT_READ_ATTR_H

#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdint.h>

struct attr_table {
	const struct nlattr **tb;
	uint16_t max;
};

/* ATTRS(tb, MAX): declares an empty table @tb; tb.tb[TYPE] is the attribute or NULL. */
#define ATTRS(name, maxtype)                                                                       \
	const struct nlattr *name##_storage[(maxtype) + 1] = { NULL };                             \
	struct attr_table name = { name##_storage, (maxtype) }

int attr_validate(const struct nlattr *attr, void *data);
/** attr_be32() - value of a __be32 attribute in host order, @absent if there is none. */
uint32_t attr_be32(const struct nlattr *a, uint32_t absent);
/** attr_be64() - the same for __be64; 0 if there is none. */
uint64_t attr_be64(const struct nlattr *a);
/** attr_str() - a terminated string, or NULL. */
const char *attr_str(const struct nlattr *a);

/** attr_comment() - the comment in the userdata of a rule or a set's element; NULL: none. */
const char *attr_comment(const struct nlattr *a);

static inline void attrs_parse_msg(const struct nlmsghdr *nlh, struct attr_table *t)
{
	mnl_attr_parse(nlh, sizeof(struct nfgenmsg), attr_validate, t);
}

/* @nest may be NULL: the table stays empty. */
static inline void attrs_parse(const struct nlattr *nest, struct attr_table *t)
{
	if (nest)
		mnl_attr_parse_nested(nest, attr_validate, t);
}

#endif
