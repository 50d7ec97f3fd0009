// SPDX-License-Identifier: GPL-2.0-or-later
/* A table as nf_tables commands. */
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>
#include <string.h>

#include <libnftnl/udata.h>

#include "nft/table_model.h"

/* nft's numbers of data types (its datatype.h): without them it lists plain numbers. */
#define TYPE_IPADDR	  7u
#define TYPE_IP6ADDR	  8u
#define TYPE_INET_PROTO	  12u
#define TYPE_INET_SERVICE 13u
#define TYPE_CONCAT(a, b) ((a) << 6 | (b))

/* Fields of a concatenation are padded to 32 bits. */
struct proto_port {
	uint8_t ipproto, pad[3];
	uint16_t be_port, pad2;
};

struct addr_port {
	uint32_t be_addr;
	uint16_t be_port, pad;
};

struct addr6_port {
	struct net_addr addr;
	uint16_t be_port, pad;
};

static uint32_t set_flags(enum set_type type)
{
	switch (type) {
	case SET_ADDR_RANGES:
	case SET_PORT_RANGES:
		return NFT_SET_INTERVAL;
	case MAP_PROTO_PORT_TO:
		return NFT_SET_MAP;
	case SET_ADDR:
	case SET_PROTO:
	case SET_PROTO_PORT:
		break;
	}
	return 0;
}

static void set_key(struct nftnl_set *ns, const struct set *s)
{
	uint32_t addr = s->ipv6 ? TYPE_IP6ADDR : TYPE_IPADDR;
	uint32_t key = 0, len = 0;

	switch (s->type) {
	case SET_ADDR:
	case SET_ADDR_RANGES:
		key = addr;
		len = s->ipv6 ? 16 : 4;
		break;
	case SET_PROTO:
		key = TYPE_INET_PROTO;
		len = 1;
		break;
	case SET_PORT_RANGES:
		key = TYPE_INET_SERVICE;
		len = 2;
		break;
	case SET_PROTO_PORT:
	case MAP_PROTO_PORT_TO:
		key = TYPE_CONCAT(TYPE_INET_PROTO, TYPE_INET_SERVICE);
		len = sizeof(struct proto_port);
		break;
	}
	nftnl_set_set_u32(ns, NFTNL_SET_KEY_TYPE, key);
	nftnl_set_set_u32(ns, NFTNL_SET_KEY_LEN, len);
	if (s->type != MAP_PROTO_PORT_TO)
		return;
	nftnl_set_set_u32(ns, NFTNL_SET_DATA_TYPE, TYPE_CONCAT(addr, TYPE_INET_SERVICE));
	nftnl_set_set_u32(ns, NFTNL_SET_DATA_LEN,
			  s->ipv6 ? sizeof(struct addr6_port) : sizeof(struct addr_port));
}

/* What nft keeps in user data: the comment, and that it shall merge what a user adds. */
static bool set_udata(struct nftnl_set *ns, const struct set *s)
{
	struct nftnl_udata_buf *ud = nftnl_udata_buf_alloc(256);
	bool ok = ud;

	if (ok && s->type == SET_ADDR_RANGES)
		ok = nftnl_udata_put_u32(ud, NFTNL_UDATA_SET_MERGE_ELEMENTS, 1);
	if (ok)
		ok = nftnl_udata_put_strz(ud, NFTNL_UDATA_SET_COMMENT, s->comment);
	if (ok)
		ok = !nftnl_set_set_data(ns, NFTNL_SET_USERDATA, nftnl_udata_buf_data(ud),
					 nftnl_udata_buf_len(ud));
	if (ud)
		nftnl_udata_buf_free(ud);
	return ok;
}

static struct nftnl_set *set_new(const struct table *t, const struct set *s)
{
	struct nftnl_set *ns = nftnl_set_alloc();

	if (!ns)
		return NULL;
	nftnl_set_set_u32(ns, NFTNL_SET_FAMILY, NFPROTO_INET);
	if (nftnl_set_set_str(ns, NFTNL_SET_TABLE, t->name) ||
	    nftnl_set_set_str(ns, NFTNL_SET_NAME, s->name)) {
		nftnl_set_free(ns);
		return NULL;
	}
	return ns;
}

void set_write(const struct table *t, const struct set *s, uint32_t id, struct batch *b)
{
	struct nftnl_set *ns = set_new(t, s);

	if (ns) {
		nftnl_set_set_u32(ns, NFTNL_SET_FLAGS, set_flags(s->type));
		nftnl_set_set_u32(ns, NFTNL_SET_ID, id);
		set_key(ns, s);
		if (!set_udata(ns, s)) {
			nftnl_set_free(ns);
			ns = NULL;
		}
	}
	batch_add_set(b, ns); /* NULL: the batch remembers that memory ran out */
	if (ns)
		nftnl_set_free(ns);
}

static bool add_elem(struct nftnl_set *ns, const void *key, uint32_t len, const void *data,
		     uint32_t data_len, uint32_t flags)
{
	struct nftnl_set_elem *e = nftnl_set_elem_alloc();

	if (!e)
		return false;
	nftnl_set_elem_add(ns, e);
	if (flags)
		nftnl_set_elem_set_u32(e, NFTNL_SET_ELEM_FLAGS, flags);
	return !nftnl_set_elem_set(e, NFTNL_SET_ELEM_KEY, key, len) &&
	       (!data || !nftnl_set_elem_set(e, NFTNL_SET_ELEM_DATA, data, data_len));
}

/*
 * An interval is its first key and, flagged, the first key after it; one that reaches the last
 * key has no end. The space before the first interval is closed by a flagged zero key, as nft does.
 */
static bool add_interval(struct nftnl_set *ns, const uint8_t *lo, const uint8_t *hi, uint32_t len,
			 bool first)
{
	static const uint8_t zero[16];
	uint8_t end[16];
	uint32_t i = len;

	if (first && memcmp(lo, zero, len) &&
	    !add_elem(ns, zero, len, NULL, 0, NFT_SET_ELEM_INTERVAL_END))
		return false;
	if (!add_elem(ns, lo, len, NULL, 0, 0))
		return false;
	memcpy(end, hi, len);
	while (i && !++end[i - 1])
		i--;
	return !i || add_elem(ns, end, len, NULL, 0, NFT_SET_ELEM_INTERVAL_END);
}

/* An address as it stands in a key: its last 4 bytes are those of IPv4. */
static const uint8_t *addr_key(const struct set *s, const struct net_addr *a, uint32_t *ret_len)
{
	*ret_len = s->ipv6 ? 16 : 4;
	return a->b + sizeof(a->b) - *ret_len;
}

static bool encode_forward(struct nftnl_set *ns, const struct set *s, const struct set_elem *e)
{
	struct proto_port key = { .ipproto = e->ipproto, .be_port = htons(e->ports.lo) };
	struct addr_port to = { .be_port = htons(e->to_port) };
	struct addr6_port to6 = { .addr = e->to, .be_port = htons(e->to_port) };

	if (s->ipv6)
		return add_elem(ns, &key, sizeof(key), &to6, sizeof(to6), 0);
	to.be_addr = net_addr_to4(&e->to);
	return add_elem(ns, &key, sizeof(key), &to, sizeof(to), 0);
}

static bool encode(struct nftnl_set *ns, const struct set *s, const struct set_elem *e, bool first)
{
	struct proto_port key = { .ipproto = e->ipproto, .be_port = htons(e->ports.lo) };
	uint16_t lo = htons(e->ports.lo), hi = htons(e->ports.hi);
	const uint8_t *addr;
	uint32_t len;

	switch (s->type) {
	case SET_ADDR:
		addr = addr_key(s, &e->lo, &len);
		return add_elem(ns, addr, len, NULL, 0, 0);
	case SET_ADDR_RANGES:
		addr = addr_key(s, &e->lo, &len);
		return add_interval(ns, addr, addr_key(s, &e->hi, &len), len, first);
	case SET_PROTO:
		return add_elem(ns, &e->ipproto, sizeof(e->ipproto), NULL, 0, 0);
	case SET_PORT_RANGES:
		return add_interval(ns, (const uint8_t *)&lo, (const uint8_t *)&hi, 2, first);
	case SET_PROTO_PORT:
		return add_elem(ns, &key, sizeof(key), NULL, 0, 0);
	case MAP_PROTO_PORT_TO:
		return encode_forward(ns, s, e);
	}
	return false;
}

void set_write_elems(const struct table *t, const struct set *s, struct batch *b)
{
	struct nftnl_set *ns;
	bool ok;

	if (!s->n)
		return;
	ns = set_new(t, s);
	ok = ns;
	for (size_t i = 0; ok && i < s->n; i++)
		ok = encode(ns, s, &s->elem[i], !i);
	batch_add_elems(b, ok ? ns : NULL);
	if (ns)
		nftnl_set_free(ns);
}

static struct nftnl_chain *chain_new(const struct table *t, const struct chain *c)
{
	struct nftnl_chain *nc = nftnl_chain_alloc();

	if (!nc)
		return NULL;
	nftnl_chain_set_u32(nc, NFTNL_CHAIN_FAMILY, NFPROTO_INET);
	nftnl_chain_set_str(nc, NFTNL_CHAIN_TABLE, t->name);
	nftnl_chain_set_str(nc, NFTNL_CHAIN_NAME, c->name);
	if (c->type) {
		nftnl_chain_set_str(nc, NFTNL_CHAIN_TYPE, c->type);
		nftnl_chain_set_u32(nc, NFTNL_CHAIN_HOOKNUM, c->hook);
		nftnl_chain_set_s32(nc, NFTNL_CHAIN_PRIO, c->prio);
		nftnl_chain_set_u32(nc, NFTNL_CHAIN_POLICY, NF_ACCEPT);
	}
	return nc;
}

static void chain_write(const struct table *t, const struct chain *c, struct batch *b)
{
	struct nftnl_chain *nc = chain_new(t, c);

	batch_add_chain(b, nc);
	if (nc)
		nftnl_chain_free(nc);
}

static void rule_write(const struct table *t, const struct chain *c, const struct rule *r,
		       struct batch *b)
{
	nftnl_rule_set_u32(r->nl, NFTNL_RULE_FAMILY, NFPROTO_INET);
	nftnl_rule_set_str(r->nl, NFTNL_RULE_TABLE, t->name);
	nftnl_rule_set_str(r->nl, NFTNL_RULE_CHAIN, c->name);
	batch_add_rule(b, r->nl, r->text);
}

/* Deleting a table that is not there fails, so it is made first: any older one is replaced. */
void table_write(const struct table *t, struct batch *b)
{
	batch_add_table(b);
	batch_del_table(b);
	batch_add_table(b);
	for (size_t i = 0; i < t->n_sets; i++) {
		set_write(t, &t->set[i], (uint32_t)i + 1, b);
		set_write_elems(t, &t->set[i], b);
	}
	for (size_t i = 0; i < t->n_chains; i++)
		chain_write(t, &t->chain[i], b);
	for (size_t i = 0; i < t->n_chains; i++)
		for (size_t j = 0; j < t->chain[i].n; j++)
			rule_write(t, &t->chain[i], &t->chain[i].rule[j], b);
}
