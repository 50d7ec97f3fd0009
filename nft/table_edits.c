// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What others have added to the sets of einat's table, and taken from them: read back as the
 * difference between what was written and what is there, and put in whenever it is written anew.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>

#include "nft/table_model.h"

/* A set of this many elements that someone has made is not kept. */
#define EDITS_MAX 65536

struct edit {
	struct set added, removed; /* both of the set's name and type */
};

struct nft_edits {
	struct edit *p;
	size_t n;
};

struct nft_edits *nft_edits_new(void)
{
	return calloc(1, sizeof(struct nft_edits));
}

static void edit_free(struct edit *e)
{
	free(e->added.elem);
	free(e->removed.elem);
}

void nft_edits_free(struct nft_edits *e)
{
	for (size_t i = 0; e && i < e->n; i++)
		edit_free(&e->p[i]);
	if (e)
		free(e->p);
	free(e);
}

size_t nft_edits_count(const struct nft_edits *e)
{
	size_t n = 0;

	for (size_t i = 0; i < e->n; i++)
		n += e->p[i].added.n + e->p[i].removed.n;
	return n;
}

static struct edit *find(const struct nft_edits *e, const struct set *s)
{
	for (size_t i = 0; i < e->n; i++)
		if (!strcmp(e->p[i].added.name, s->name))
			return &e->p[i];
	return NULL;
}

/* The added elements win over written ones of the same key, a forward's say. */
void table_apply_edits(struct table *t, const struct nft_edits *edits)
{
	for (size_t i = 0; edits && i < t->n_sets; i++) {
		struct set *s = &t->set[i];
		const struct edit *e = find(edits, s);

		if (e && !(set_subtract(s, &e->removed, true) && set_subtract(s, &e->added, true) &&
			   set_add_all(s, &e->added)))
			t->failed = true;
	}
}

/* ---- reading the sets back ----------------------------------------------------------- */
struct reading {
	struct set *set;
	bool failed;
};

/* In ports.lo while ends of intervals are elements of their own: an end sorts before a start. */
enum { IS_END, IS_START };

static void take_addr(struct net_addr *a, const struct set *s, const void *key)
{
	uint32_t be;

	if (s->ipv6) {
		memcpy(a->b, key, sizeof(a->b));
		return;
	}
	memcpy(&be, key, sizeof(be));
	*a = net_addr_from4(be);
}

static void take_target(struct set_elem *e, const struct set *s, const void *data, uint32_t len)
{
	uint32_t size = s->ipv6 ? 16 : 4;
	uint16_t be;

	if (len < size + sizeof(be))
		return;
	take_addr(&e->to, s, data);
	memcpy(&be, (const uint8_t *)data + size, sizeof(be));
	e->to_port = ntohs(be);
}

static bool take_key(struct set_elem *e, const struct set *s, const void *key, uint32_t len)
{
	const uint8_t *b = key;

	switch (s->type) {
	case SET_ADDR:
	case SET_ADDR_RANGES:
		if (len != (s->ipv6 ? 16 : 4))
			return false;
		take_addr(&e->lo, s, key);
		e->hi = e->lo;
		return true;
	case SET_PROTO:
		e->ipproto = b[0];
		return len == 1;
	case SET_PROTO_PORT:
	case MAP_PROTO_PORT_TO:
		if (len != 8)
			return false;
		e->ipproto = b[0];
		e->ports.lo = e->ports.hi = (uint16_t)(b[4] << 8 | b[5]);
		return true;
	case SET_PORT_RANGES:
		break; /* none that is edited */
	}
	return false;
}

/* Ends of intervals come as elements of their own: kept as such, joined when all are there. */
static int take_elem(struct nftnl_set_elem *ne, void *data)
{
	struct reading *r = data;
	struct set_elem e = { 0 };
	uint32_t len, flags = 0;
	const void *key = nftnl_set_elem_get(ne, NFTNL_SET_ELEM_KEY, &len), *to;

	if (nftnl_set_elem_is_set(ne, NFTNL_SET_ELEM_FLAGS))
		flags = nftnl_set_elem_get_u32(ne, NFTNL_SET_ELEM_FLAGS);
	if (!key || flags & NFT_SET_ELEM_CATCHALL || !take_key(&e, r->set, key, len)) {
		r->failed = true;
		return 0;
	}
	to = nftnl_set_elem_get(ne, NFTNL_SET_ELEM_DATA, &len);
	if (r->set->type == MAP_PROTO_PORT_TO && to)
		take_target(&e, r->set, to, len);
	if (r->set->type == SET_ADDR_RANGES)
		e.ports.lo = flags & NFT_SET_ELEM_INTERVAL_END ? IS_END : IS_START;
	if (r->set->n >= EDITS_MAX || !set_add(r->set, &e))
		r->failed = true;
	return 0;
}

static int on_elems(const struct nlmsghdr *nlh, void *data)
{
	struct reading *r = data;
	struct nftnl_set *part = nftnl_set_alloc();

	if (!part || nftnl_set_elems_nlmsg_parse(nlh, part) < 0 ||
	    nftnl_set_elem_foreach(part, take_elem, r) < 0)
		r->failed = true;
	if (part)
		nftnl_set_free(part);
	return MNL_CB_OK;
}

static int dump(struct mnl_socket *nl, const struct table *t, struct reading *r)
{
	size_t size = (size_t)MNL_SOCKET_BUFFER_SIZE * 8;
	char *buf = malloc(size);
	struct nlmsghdr *nlh;
	ssize_t n;

	if (!buf)
		return -ENOMEM;
	nlh = nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETSETELEM, NFPROTO_INET, NLM_F_DUMP, 1);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, t->name);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, r->set->name);
	n = mnl_socket_sendto(nl, nlh, nlh->nlmsg_len);
	while (n > 0) {
		n = mnl_socket_recvfrom(nl, buf, size);
		if (n > 0)
			n = mnl_cb_run(buf, (size_t)n, 1, 0, on_elems, r);
	}
	n = n < 0 ? -errno : 0;
	free(buf);
	return r->failed ? -EINVAL : (int)n;
}

/* An end is the first address after an interval; the last interval may have none. */
static void join_ends(struct set *s)
{
	struct set_elem *open = NULL;
	size_t n = 0;

	set_sort(s);
	for (size_t i = 0; i < s->n; i++) {
		struct set_elem e = s->elem[i];

		if (e.ports.lo == IS_START) {
			e.ports.lo = 0;
			memset(e.hi.b + (s->ipv6 ? 0 : 12), 0xff, s->ipv6 ? 16 : 4);
			s->elem[n] = e;
			open = &s->elem[n++];
		} else if (open) {
			open->hi = e.lo;
			set_addr_previous(&open->hi);
			open = NULL;
		}
	}
	s->n = n;
	set_merge(s);
}

/* @base: the set as it was written; @ret_live: what the kernel has. */
static int read_live(struct mnl_socket *nl, const struct table *t, const struct set *base,
		     struct set *ret_live)
{
	struct set raw = *base;
	struct reading r = { .set = &raw };
	int ret;

	raw.elem = NULL;
	raw.n = 0;
	ret = dump(nl, t, &r);
	if (ret) {
		free(raw.elem);
		return ret;
	}
	if (raw.type == SET_ADDR_RANGES)
		join_ends(&raw);
	else
		set_sort(&raw);
	*ret_live = raw;
	return 0;
}

static bool copy(struct set *dst, const struct set *src)
{
	*dst = *src;
	dst->elem = NULL;
	dst->n = 0;
	return set_add_all(dst, src);
}

/* What @live has and @base has not, and the reverse, as far as the set's kind lets it be kept. */
static int compare(const struct set *base, const struct set *live, struct edit *ret_edit)
{
	struct edit e = { 0 };
	bool ok = copy(&e.added, live) && copy(&e.removed, base);

	ok = ok && set_subtract(&e.added, base, false) && set_subtract(&e.removed, live, false);
	if (!ok) {
		edit_free(&e);
		return -ENOMEM;
	}
	if (!(base->edits & SET_MAY_GROW))
		e.added.n = 0;
	if (!(base->edits & SET_MAY_SHRINK))
		e.removed.n = 0;
	*ret_edit = e;
	return 0;
}

static int remember(struct nft_edits *edits, const struct edit *e)
{
	struct edit *old = find(edits, &e->added), *n;

	if (old) {
		edit_free(old);
		*old = *e;
		return 0;
	}
	n = realloc(edits->p, (edits->n + 1) * sizeof(*n));
	if (!n)
		return -ENOMEM;
	edits->p = n;
	edits->p[edits->n++] = *e;
	return 0;
}

static int read_set(struct nft_edits *edits, struct mnl_socket *nl, const struct table *t,
		    const struct set *base)
{
	struct set live = { .elem = NULL };
	struct edit e;
	int ret = read_live(nl, t, base, &live);

	if (ret)
		return ret;
	ret = compare(base, &live, &e);
	free(live.elem);
	if (ret)
		return ret;
	ret = remember(edits, &e);
	if (ret)
		edit_free(&e);
	return ret;
}

int nft_edits_read(struct nft_edits *edits, const struct nft_spec *written, struct err *err)
{
	struct nft_spec plain = *written;
	struct mnl_socket *nl;
	struct table *t;
	int ret;

	plain.edits = NULL;
	ret = table_build(&plain, &t, err);
	if (ret)
		return ret;
	nl = mnl_socket_open(NETLINK_NETFILTER);
	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID))
		ret = -errno;
	for (size_t i = 0; !ret && i < t->n_sets; i++)
		if (t->set[i].edits)
			ret = read_set(edits, nl, t, &t->set[i]);
	if (ret)
		err_sys(err, -ret, "cannot read the sets of nftables table inet %s", t->name);
	if (nl)
		mnl_socket_close(nl);
	table_free(t);
	return ret;
}
