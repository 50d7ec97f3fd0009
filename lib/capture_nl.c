// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>
#include <linux/rtnetlink.h>

#include "lib/capture_nl.h"

struct dump {
	const struct capture_nl *how;
	struct capture_record *rec;
	size_t start, n;
};

int capture_put_msg(struct capture_record *r, const struct nlmsghdr *nlh)
{
	static const uint8_t zero[NLMSG_ALIGNTO];
	struct nlmsghdr head = *nlh;
	int ret;

	head.nlmsg_seq = 0;
	head.nlmsg_pid = 0;
	ret = capture_put(r, &head, sizeof(head));
	if (!ret)
		ret = capture_put(r, nlh + 1, nlh->nlmsg_len - sizeof(head));
	if (!ret)
		ret = capture_put(r, zero, NLMSG_ALIGN(nlh->nlmsg_len) - nlh->nlmsg_len);
	return ret;
}

static int on_msg(const struct nlmsghdr *nlh, void *arg)
{
	struct dump *d = arg;

	if (!nlh) { /* the dump begins, perhaps again */
		d->rec->len = d->start;
		d->n = 0;
		return 0;
	}
	if (d->how->max && d->n == d->how->max)
		return -ECANCELED;
	d->n++;
	return d->how->keep ? d->how->keep(d->rec, nlh, d->how->arg) : capture_put_msg(d->rec, nlh);
}

int capture_dump(struct capture_record *r, struct rtnl *nl, struct nlmsghdr *nlh,
		 const struct capture_nl *how)
{
	static const struct capture_nl all;
	struct dump d = { .how = how ? how : &all, .rec = r, .start = r->len };
	int ret =
		d.how->once ? rtnl_dump_once(nl, nlh, on_msg, &d) : rtnl_dump(nl, nlh, on_msg, &d);

	if (ret == -ECANCELED)
		return 1;
	if (ret)
		r->len = d.start;
	return ret;
}

int capture_links(struct capture *c, struct err *err)
{
	char buf[256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	struct capture_record *r;
	struct rtnl *nl;
	int ret;

	if (capture_find(c, "link", ""))
		return 0;
	ret = rtnl_open(&nl, err);
	if (ret)
		return ret;
	nlh->nlmsg_type = RTM_GETLINK;
	ifi->ifi_family = AF_UNSPEC;
	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	r = capture_add(c, "link", "");
	ret = r ? capture_dump(r, nl, nlh, NULL) : -ENOMEM;
	if (ret) {
		err_set(err, -ret, "cannot list the network interfaces: %s",
			r ? rtnl_reason(nl) : "out of memory");
		capture_drop(c, "link");
	}
	rtnl_close(nl);
	return ret;
}

const struct nlmsghdr *capture_msg(const struct capture_record *r, size_t hdr, size_t *at)
{
	const struct nlmsghdr *nlh;

	if (*at >= r->len || r->len - *at < sizeof(*nlh))
		return NULL;
	nlh = (const struct nlmsghdr *)(r->data + *at);
	if (nlh->nlmsg_len < sizeof(*nlh) + NLMSG_ALIGN(hdr) || nlh->nlmsg_len > r->len - *at)
		return NULL;
	/* libmnl takes a message to go on to the next multiple of 4 */
	if (NLMSG_ALIGN(nlh->nlmsg_len) > r->len - *at)
		return NULL;
	*at += NLMSG_ALIGN(nlh->nlmsg_len);
	return nlh;
}
