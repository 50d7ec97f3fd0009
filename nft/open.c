// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <libmnl/libmnl.h>
#include <libnftnl/batch.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/udata.h>

#include "nft/expr.h"
#include "nft/open.h"

#define COMMENT_SIZE 64
#define MSG_SIZE     8192

static char *comment_of(const char *ifname, char buf[COMMENT_SIZE])
{
	snprintf(buf, COMMENT_SIZE, "einat --open on %s", ifname);
	return buf;
}

/* iifname "wan" meta mark & MASK == MARK counter accept */
static void accept_rule(struct rule *r, const char *ifname, uint32_t mark, uint32_t mask)
{
	char comment[COMMENT_SIZE];

	rule_init(r, comment_of(ifname, comment));
	match_iifname(r, ifname);
	match_mark(r, mark & mask, mask);
	do_counter(r);
	do_accept(r);
	rule_finish(r, comment);
}

/* ---- one command, acknowledged -------------------------------------------------------------- */

static int on_answer(const struct nlmsghdr *nlh, void *data)
{
	(void)nlh, (void)data;
	return MNL_CB_OK;
}

/* The kernel refuses the batch with -ERESTART if the rules are of another generation; 0: of any. */
static void put_begin(struct mnl_nlmsg_batch *b, uint32_t generation)
{
	struct nlmsghdr *nlh = nftnl_batch_begin(mnl_nlmsg_batch_current(b), 1);

	if (generation)
		mnl_attr_put_u32(nlh, NFNL_BATCH_GENID, htonl(generation));
	mnl_nlmsg_batch_next(b);
}

/* A batch with one command about @rule. */
static int send_rule(struct mnl_socket *nl, uint16_t type, uint16_t flags, uint32_t generation,
		     const struct nftnl_rule *rule)
{
	struct mnl_nlmsg_batch *b;
	char buf[MSG_SIZE * 2];
	struct nlmsghdr *nlh;
	ssize_t n;

	b = mnl_nlmsg_batch_start(buf, MSG_SIZE);
	if (!b)
		return -ENOMEM;
	put_begin(b, generation);
	nlh = nftnl_nlmsg_build_hdr(mnl_nlmsg_batch_current(b), type,
				    (uint16_t)nftnl_rule_get_u32(rule, NFTNL_RULE_FAMILY),
				    flags | NLM_F_ACK, 2);
	nftnl_rule_nlmsg_build_payload(nlh, (struct nftnl_rule *)rule);
	mnl_nlmsg_batch_next(b);
	nftnl_batch_end(mnl_nlmsg_batch_current(b), 3);
	mnl_nlmsg_batch_next(b);
	n = mnl_socket_sendto(nl, mnl_nlmsg_batch_head(b), mnl_nlmsg_batch_size(b));
	mnl_nlmsg_batch_stop(b);
	if (n < 0)
		return -errno;
	n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
	if (n > 0)
		n = mnl_cb_run(buf, (size_t)n, 0, 0, on_answer, NULL);
	return n < 0 ? -errno : 0;
}

static int open_socket(struct mnl_socket **ret_nl, struct err *err)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	int e;

	if (nl && !mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID)) {
		*ret_nl = nl;
		return 0;
	}
	e = errno;
	if (nl)
		mnl_socket_close(nl);
	return err_sys(err, e, "cannot open a netlink socket");
}

static void put_place(struct nftnl_rule *r, uint32_t family, const char *table, const char *chain)
{
	nftnl_rule_set_u32(r, NFTNL_RULE_FAMILY, family);
	nftnl_rule_set_str(r, NFTNL_RULE_TABLE, table);
	nftnl_rule_set_str(r, NFTNL_RULE_CHAIN, chain);
}

/* ---- what is there ----------------------------------------------------------------- */

struct found {
	char comment[COMMENT_SIZE];
	const struct open_place *place; /* NULL: every chain */
	bool seen, before; /* of @place: its rule; one of ours before it */
	struct nftnl_rule **r;
	size_t n;
	bool failed;
};

static int udata_cb(const struct nftnl_udata *attr, void *data)
{
	const char **comment = data;

	if (nftnl_udata_type(attr) == NFTNL_UDATA_RULE_COMMENT && nftnl_udata_len(attr)) {
		const char *s = nftnl_udata_get(attr);

		if (!s[nftnl_udata_len(attr) - 1])
			*comment = s;
	}
	return 0;
}

static bool is_ours(const struct found *f, const struct nftnl_rule *r)
{
	const char *comment = NULL;
	uint32_t len;
	const void *ud = nftnl_rule_get_data(r, NFTNL_RULE_USERDATA, &len);

	return ud && nftnl_udata_parse(ud, len, udata_cb, &comment) >= 0 && comment &&
	       !strcmp(comment, f->comment);
}

static int keep(struct found *f, struct nftnl_rule *r)
{
	struct nftnl_rule **grown = realloc(f->r, (f->n + 1) * sizeof(*grown));

	if (!grown) {
		nftnl_rule_free(r);
		f->failed = true;
		return MNL_CB_OK;
	}
	f->r = grown;
	f->r[f->n++] = r;
	return MNL_CB_OK;
}

/* Rules of a chain come in its order. */
static int on_rule(const struct nlmsghdr *nlh, void *data)
{
	struct nftnl_rule *r = nftnl_rule_alloc();
	struct found *f = data;
	bool parsed;

	if (!r) {
		f->failed = true;
		return MNL_CB_OK;
	}
	/* a rule with an expression that libnftnl does not know is none of ours */
	parsed = nftnl_rule_nlmsg_parse(nlh, r) >= 0;
	if (f->place && f->place->handle &&
	    nftnl_rule_get_u64(r, NFTNL_RULE_HANDLE) == f->place->handle)
		f->seen = true;
	if (parsed && is_ours(f, r)) {
		f->before |= !f->seen;
		return keep(f, r);
	}
	nftnl_rule_free(r);
	return MNL_CB_OK;
}

static void found_clear(struct found *f)
{
	for (size_t i = 0; i < f->n; i++)
		nftnl_rule_free(f->r[i]);
	free(f->r);
	f->r = NULL;
	f->n = 0;
	f->seen = f->before = false;
}

static int dump(struct mnl_socket *nl, struct found *f)
{
	char buf[32768];
	struct nlmsghdr *nlh = nftnl_nlmsg_build_hdr(
		buf, NFT_MSG_GETRULE, f->place ? (uint16_t)f->place->family : NFPROTO_UNSPEC,
		NLM_F_DUMP, 7);
	ssize_t n;

	if (f->place) {
		mnl_attr_put_strz(nlh, NFTA_RULE_TABLE, f->place->table);
		mnl_attr_put_strz(nlh, NFTA_RULE_CHAIN, f->place->chain);
	}
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	do {
		n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		if (n > 0)
			n = mnl_cb_run(buf, (size_t)n, 7, 0, on_rule, f);
	} while (n > 0);
	if (n < 0)
		return -errno;
	return f->failed ? -ENOMEM : 0;
}

/* The rules may change under the dump: then it begins again. */
static int find(const char *ifname, struct mnl_socket **ret_nl, struct found *f, struct err *err)
{
	int ret = 0;

	comment_of(ifname, f->comment);
	for (int tries = 0; tries < 16; tries++) {
		ret = open_socket(ret_nl, err);
		if (ret)
			return ret;
		ret = dump(*ret_nl, f);
		if (ret != -EINTR)
			break;
		found_clear(f);
		mnl_socket_close(*ret_nl);
		*ret_nl = NULL;
	}
	if (!ret)
		return 0;
	found_clear(f);
	if (*ret_nl)
		mnl_socket_close(*ret_nl);
	return err_sys(err, -ret, "cannot look for the rules that --open has added");
}

static int delete_one(struct mnl_socket *nl, const struct nftnl_rule *r)
{
	struct nftnl_rule *del = nftnl_rule_alloc();
	int ret;

	if (!del)
		return -ENOMEM;
	put_place(del, nftnl_rule_get_u32(r, NFTNL_RULE_FAMILY),
		  nftnl_rule_get_str(r, NFTNL_RULE_TABLE), nftnl_rule_get_str(r, NFTNL_RULE_CHAIN));
	nftnl_rule_set_u64(del, NFTNL_RULE_HANDLE, nftnl_rule_get_u64(r, NFTNL_RULE_HANDLE));
	ret = send_rule(nl, NFT_MSG_DELRULE, 0, 0, del);
	nftnl_rule_free(del);
	return ret == -ENOENT ? 0 : ret;
}

/* iifname, cmp, meta mark, bitwise @mask, cmp @mark: see accept_rule(). */
static bool has_mark(const struct nftnl_rule *r, uint32_t mark, uint32_t mask)
{
	struct nftnl_expr_iter *it = nftnl_expr_iter_create(r);
	uint32_t found_mark = ~mark, found_mask = UINT32_MAX, len;
	struct nftnl_expr *e;

	while (it && (e = nftnl_expr_iter_next(it))) {
		const char *name = nftnl_expr_get_str(e, NFTNL_EXPR_NAME);
		const void *v = NULL;

		if (!strcmp(name, "bitwise"))
			v = nftnl_expr_get(e, NFTNL_EXPR_BITWISE_MASK, &len);
		if (v && len == sizeof(found_mask))
			memcpy(&found_mask, v, sizeof(found_mask));
		v = strcmp(name, "cmp") ? NULL : nftnl_expr_get(e, NFTNL_EXPR_CMP_DATA, &len);
		if (v && len == sizeof(found_mark))
			memcpy(&found_mark, v, sizeof(found_mark));
	}
	if (it)
		nftnl_expr_iter_destroy(it);
	return found_mask == mask && found_mark == (mark & mask);
}

int nft_open_remove(const char *ifname, uint32_t but_mark, uint32_t but_mask, struct err *err)
{
	struct found f = { .n = 0 };
	struct mnl_socket *nl = NULL;
	int ret = find(ifname, &nl, &f, err);

	if (ret)
		return ret;
	for (size_t i = 0; i < f.n; i++) {
		int one = 0;

		if (!but_mask || !has_mark(f.r[i], but_mark, but_mask))
			one = delete_one(nl, f.r[i]);
		if (one)
			ret = err_sys(err, -one,
				      "cannot remove the rule that --open has added to "
				      "chain %s of table %s",
				      nftnl_rule_get_str(f.r[i], NFTNL_RULE_CHAIN),
				      nftnl_rule_get_str(f.r[i], NFTNL_RULE_TABLE));
	}
	found_clear(&f);
	mnl_socket_close(nl);
	return ret;
}

/* ---- a rule more ------------------------------------------------------------------- */

static int on_generation(const struct nlmsghdr *nlh, void *data)
{
	struct nlattr *attr;

	mnl_attr_for_each (attr, nlh, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(attr) == NFTA_GEN_ID &&
		    mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
			*(uint32_t *)data = ntohl(mnl_attr_get_u32(attr));
	return MNL_CB_OK;
}

int nft_generation(uint32_t *ret_generation, struct err *err)
{
	char buf[4096];
	struct nlmsghdr *nlh = nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETGEN, NFPROTO_UNSPEC, 0, 7);
	struct mnl_socket *nl;
	int ret = open_socket(&nl, err);
	ssize_t n;

	if (ret)
		return ret;
	n = mnl_socket_sendto(nl, nlh, nlh->nlmsg_len);
	if (n >= 0)
		n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
	if (n >= 0)
		n = mnl_cb_run(buf, (size_t)n, 7, 0, on_generation, ret_generation);
	if (n < 0)
		ret = err_sys(err, errno, "cannot read the generation of the nftables rules");
	mnl_socket_close(nl);
	return ret;
}

/* Whether one of ours has been tried there, and the packets are dropped all the same. */
static int is_open(const char *ifname, const struct open_place *place, struct err *err)
{
	struct found f = { .place = place };
	struct mnl_socket *nl = NULL;
	int ret = find(ifname, &nl, &f, err);
	bool before = f.before;

	if (ret)
		return ret;
	found_clear(&f);
	mnl_socket_close(nl);
	if (!before)
		return 0;
	return err_set(err, EEXIST,
		       "chain %s of table %s drops new connections although the rule of --open is "
		       "there: another rule takes the inbound mark away, or drops before it",
		       place->chain, place->table);
}

int nft_open_add(const char *ifname, const struct open_place *place, uint32_t mark, uint32_t mask,
		 struct err *err)
{
	struct mnl_socket *nl;
	uint16_t flags = NLM_F_CREATE;
	struct rule r;
	int ret = is_open(ifname, place, err);

	if (!ret)
		ret = open_socket(&nl, err);
	if (ret)
		return ret;
	accept_rule(&r, ifname, mark, mask);
	if (r.failed) {
		ret = err_sys(err, ENOMEM, "cannot open chain %s", place->chain);
		goto out;
	}
	put_place(r.nl, (uint32_t)place->family, place->table, place->chain);
	if (place->handle)
		nftnl_rule_set_u64(r.nl, NFTNL_RULE_POSITION, place->handle);
	else
		flags |= NLM_F_APPEND;
	ret = send_rule(nl, NFT_MSG_NEWRULE, flags, place->generation, r.nl);
	if (ret == -EPERM)
		err_set(err, EPERM,
			"chain %s of table %s cannot be opened: the program that owns the table "
			"keeps it for itself",
			place->chain, place->table);
	else if (ret)
		err_sys(err, -ret, "cannot open chain %s of table %s", place->chain, place->table);
out:
	rule_free(&r);
	mnl_socket_close(nl);
	return ret;
}
