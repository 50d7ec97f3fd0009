// SPDX-License-Identifier: GPL-2.0-or-later
/* The whole host: the parts in their order, what they share, look-ups, release. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/netfilter/nfnetlink.h>

#include "check/host_priv.h"
#include "nft/read.h"

int host_gap_add(struct capture *c, const char *what, uint64_t left_out, const char *fmt, ...)
{
	struct capture_record *r = capture_add(c, REC_GAP, what);
	char why[160];
	va_list ap;

	if (!r)
		return -ENOMEM;
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return capture_printf(r, "%llu %s\n", (unsigned long long)left_out, why);
}

int host_capture(struct capture *c, struct err *err)
{
	int ret = host_capture_net(c, err);

	if (!ret)
		ret = host_capture_programs(c, err);
	if (!ret)
		ret = host_capture_sockets(c, err);
	if (!ret)
		ret = host_capture_settings(c, err);
	return ret ? ret : host_capture_flows(c, err);
}

void *host_add(void *arr, size_t *n, size_t size)
{
	uint8_t *base;

	if (fw_grow(arr, *n, size))
		return NULL;
	memcpy(&base, arr, sizeof(base));
	return memset(base + size * (*n)++, 0, size);
}

static int record_error(struct err *err, const struct capture_record *r, int ret)
{
	return err_set(err, -ret, "the record of %s%s%s %s", r->kind, *r->name ? " " : "", r->name,
		       ret == -EBADMSG ? "is damaged" : "does not fit into memory");
}

int host_each_msg(struct host *h, const struct capture *c, const char *kind, size_t hdr,
		  host_msg_fn fn, struct err *err)
{
	return host_each_named(h, c, kind, NULL, hdr, fn, err);
}

int host_each_named(struct host *h, const struct capture *c, const char *kind, const char *name,
		    size_t hdr, host_msg_fn fn, struct err *err)
{
	const struct capture_record *r = NULL;

	while ((r = capture_next(c, kind, r))) {
		const struct nlmsghdr *nlh;
		size_t at = 0;
		int ret = 0;

		if (name && strcmp(r->name, name))
			continue;

		while (!ret && (nlh = capture_msg(r, hdr, &at)))
			ret = fn(h, nlh);
		if (!ret && at < r->len)
			ret = -EBADMSG;
		if (ret)
			return record_error(err, r, ret);
	}
	return 0;
}

int host_each_line(struct host *h, const struct capture *c, const char *kind, host_line_fn fn,
		   struct err *err)
{
	const struct capture_record *r = NULL;
	char line[HOST_LINE_MAX];

	while ((r = capture_next(c, kind, r))) {
		size_t at = 0;
		int ret = 0;

		while (!ret && capture_line(r, &at, line, sizeof(line)))
			ret = fn(h, r->name, line);
		if (ret)
			return record_error(err, r, ret);
	}
	return 0;
}

static int on_flow(struct host *h, const struct nlmsghdr *nlh)
{
	struct ct_flow flow, *f;

	if (ct_msg_parse(nlh, &flow) <= 0)
		return 0; /* another protocol */
	f = HOST_ADD(&h->flows, &h->n_flows);
	if (!f)
		return -ENOMEM;
	*f = flow;
	return 0;
}

static int on_gap(struct host *h, const char *record, const char *line)
{
	struct host_gap *g = HOST_ADD(&h->gaps, &h->n_gaps);
	unsigned long long n;

	if (!g)
		return -ENOMEM;
	snprintf(g->what, sizeof(g->what), "%s", record);
	if (sscanf(line, "%llu %159[^\n]", &n, g->why) < 1)
		return -EBADMSG;
	g->left_out = n;
	return 0;
}

static int check_complete(const struct capture *c, struct err *err)
{
	static const char *const must[] = { REC_LINK, REC_ADDR, REC_RULE, REC_ROUTE };

	for (size_t i = 0; i < sizeof(must) / sizeof(*must); i++)
		if (!capture_next(c, must[i], NULL))
			return err_set(err, EBADMSG, "the record of %s is missing", must[i]);
	return 0;
}

/* A record that is not there, because somebody took it out or an older einat had none, is a gap. */
static int note_absent(struct host *h, const struct capture *c)
{
	static const char *const may[] = { REC_QDISC, REC_FILTER, REC_TCX,   REC_SOCKET,
					   REC_OWNER, REC_SYSCTL, REC_EINAT, REC_FLOW };

	for (size_t i = 0; i < sizeof(may) / sizeof(*may); i++) {
		struct host_gap *g;

		if (capture_next(c, may[i], NULL))
			continue;
		g = HOST_ADD(&h->gaps, &h->n_gaps);
		if (!g)
			return -ENOMEM;
		snprintf(g->what, sizeof(g->what), "%s", may[i]);
		snprintf(g->why, sizeof(g->why), "the capture has no such record");
	}
	return 0;
}

int host_parse(const struct capture *c, struct host **ret_host, struct err *err)
{
	struct host *h;
	int ret = check_complete(c, err);

	if (ret)
		return ret;
	h = calloc(1, sizeof(*h));
	ret = h ? host_parse_net(h, c, err) : err_sys(err, ENOMEM, "cannot read the capture");
	if (!ret)
		ret = host_parse_programs(h, c, err);
	if (!ret)
		ret = host_parse_sockets(h, c, err);
	if (!ret)
		ret = host_parse_settings(h, c, err);
	if (!ret)
		ret = host_each_msg(h, c, REC_FLOW, sizeof(struct nfgenmsg), on_flow, err);
	if (!ret)
		ret = host_each_line(h, c, REC_GAP, on_gap, err);
	if (!ret && note_absent(h, c))
		ret = err_sys(err, ENOMEM, "cannot read the capture");
	if (ret) {
		host_free(h);
		return ret;
	}
	*ret_host = h;
	return 0;
}

void host_clear(struct host *h)
{
	free(h->rules);
	free(h->routes);
	free(h->links);
	free(h->addrs);
	free(h->progs);
	free(h->sockets);
	for (size_t i = 0; i < h->n_sysctls; i++)
		free(h->sysctls[i].value);
	free(h->sysctls);
	free(h->flows);
	free(h->einats);
	free(h->gaps);
}

void host_free(struct host *h)
{
	if (!h)
		return;
	host_clear(h);
	free(h);
}

/* ---- look-ups --------------------------------------------------------------------------- */

static int link_is(const void *key, const void *link)
{
	int index = *(const int *)key, other = ((const struct host_link *)link)->ifindex;

	return index < other ? -1 : index > other;
}

const struct host_link *host_link(const struct host *h, int ifindex)
{
	return h->n_links ? bsearch(&ifindex, h->links, h->n_links, sizeof(*h->links), link_is)
			  : NULL;
}

const struct host_link *host_link_named(const struct host *h, const char *name)
{
	for (size_t i = 0; i < h->n_links; i++)
		if (!strcmp(h->links[i].name, name))
			return &h->links[i];
	return NULL;
}

static int sysctl_is(const void *key, const void *sysctl)
{
	return strcmp(key, ((const struct host_sysctl *)sysctl)->name);
}

const char *host_sysctl(const struct host *h, const char *name)
{
	const struct host_sysctl *s = NULL;

	if (h->n_sysctls)
		s = bsearch(name, h->sysctls, h->n_sysctls, sizeof(*s), sysctl_is);
	return s ? s->value : NULL;
}

long host_sysctl_int(const struct host *h, const char *name, long absent)
{
	const char *value = host_sysctl(h, name);
	char *end;
	long v;

	if (!value)
		return absent;
	v = strtol(value, &end, 10);
	return end == value ? absent : v;
}

/* ---- attributes ------------------------------------------------------------------------- */

uint8_t nl_u8(const struct nlattr *a, uint8_t absent)
{
	return a && mnl_attr_get_payload_len(a) >= 1 ? mnl_attr_get_u8(a) : absent;
}

uint16_t nl_u16(const struct nlattr *a, uint16_t absent)
{
	return a && mnl_attr_get_payload_len(a) >= 2 ? mnl_attr_get_u16(a) : absent;
}

uint32_t nl_u32(const struct nlattr *a, uint32_t absent)
{
	return a && mnl_attr_get_payload_len(a) >= 4 ? mnl_attr_get_u32(a) : absent;
}

void nl_string(const struct nlattr *a, char *ret, size_t size)
{
	size_t len = a ? strnlen(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a)) : 0;

	if (len >= size)
		len = size - 1;
	if (len)
		memcpy(ret, mnl_attr_get_payload(a), len);
	ret[len] = '\0';
}

struct net_addr nl_addr(const struct nlattr *a, int family)
{
	size_t want = family == AF_INET ? 4 : 16;
	struct net_addr addr = { 0 };
	uint32_t v4;

	if (!a || mnl_attr_get_payload_len(a) < want)
		return addr;
	if (family == AF_INET) {
		memcpy(&v4, mnl_attr_get_payload(a), sizeof(v4));
		return net_addr_from4(v4);
	}
	memcpy(addr.b, mnl_attr_get_payload(a), sizeof(addr.b));
	return addr;
}

struct net_prefix nl_prefix(const struct nlattr *a, int family, unsigned len)
{
	struct net_prefix p = { .addr = nl_addr(a, family) };
	unsigned width = family == AF_INET ? 32 : 128;

	if (family == AF_INET && (!a || mnl_attr_get_payload_len(a) < 4))
		p.addr = net_addr_from4(0);
	p.len = (uint8_t)((len < width ? len : width) + (128 - width));
	for (unsigned i = p.len; i < 128; i++)
		p.addr.b[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	return p;
}

void nl_nested(const struct nlattr *a, const struct nlattr **tb, unsigned max)
{
	const struct nlattr *attr;

	memset(tb, 0, (max + 1) * sizeof(*tb));
	if (a)
		mnl_attr_for_each_nested (attr, a)
			if (mnl_attr_get_type(attr) <= max)
				tb[mnl_attr_get_type(attr)] = attr;
}
