// SPDX-License-Identifier: GPL-2.0-or-later
/* Setters of a slice: protocols, ports, prefixes and marks; and the lists they are made of. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/option_set.h"

int opt_each_item(const char *text, opt_item_fn fn, void *data, struct err *err)
{
	char *copy = strdup(text), *item = copy;
	int ret = 0;

	if (!copy)
		return opt_nomem(err);
	while (item && !ret) {
		char *next = strchr(item, ','), *end;

		if (next)
			*next++ = '\0';
		item += strspn(item, " \t");
		end = item + strlen(item);
		while (end > item && strchr(" \t", end[-1]))
			*--end = '\0';
		if (*item)
			ret = fn(data, item, err);
		else
			ret = err_set(err, EINVAL,
				      "'%s' has an empty item; write single commas between items",
				      text);
		item = next;
	}
	free(copy);
	return ret;
}

/* A number in decimal digits, capped so that it cannot overflow. */
static int parse_number(const char *s, size_t len, unsigned long *ret_number)
{
	unsigned long v = 0;

	if (!len)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -EINVAL;
		if (v < 1000000)
			v = v * 10 + (unsigned long)(s[i] - '0');
	}
	*ret_number = v;
	return 0;
}

static int check_port(unsigned long v, const char *s, size_t len, struct err *err)
{
	if (!v)
		return err_set(err, EINVAL, "port 0 cannot be used; ports are 1 to 65535");
	if (v > 65535)
		return err_set(err, EINVAL, "port %.*s is too large; ports are 1 to 65535",
			       (int)len, s);
	return 0;
}

int opt_port(const char *s, uint16_t *ret_port, struct err *err)
{
	size_t len = strlen(s);
	unsigned long v;
	int ret;

	if (parse_number(s, len, &v))
		return err_set(err, EINVAL, "'%s' is not a port; give one number, 1 to 65535", s);
	ret = check_port(v, s, len, err);
	if (!ret)
		*ret_port = (uint16_t)v;
	return ret;
}

static int report_twice(const struct port_set *set, const char *item, uint16_t lo, uint16_t hi,
			const char *what, struct err *err)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct port_range *r = &set->r[i];

		if (r->lo > hi || r->hi < lo)
			continue;
		if (r->lo == r->hi)
			return err_set(err, EINVAL, "port %u is given twice%s; give it once", r->lo,
				       what);
		return err_set(err, EINVAL, "%s %s%s: %u-%u has been given before; give it once",
			       item, r->lo <= lo && r->hi >= hi ? "is given twice" : "overlaps",
			       what, r->lo, r->hi);
	}
	return 0;
}

int opt_add_range(struct port_set *set, const char *item, const char *what, struct err *err)
{
	size_t n = strcspn(item, "-");
	const char *second = item[n] ? item + n + 1 : item;
	unsigned long lo, hi;
	int ret;

	if (parse_number(item, n, &lo) || parse_number(second, strlen(second), &hi))
		return err_set(err, EINVAL,
			       "'%s' is neither a port nor a range; write 20000 or 20000-29999",
			       item);
	ret = check_port(lo, item, n, err);
	if (!ret)
		ret = check_port(hi, second, strlen(second), err);
	if (ret)
		return ret;
	if (lo > hi)
		return err_set(err, EINVAL, "the range %s is reversed; write %lu-%lu", item, hi,
			       lo);
	ret = report_twice(set, item, (uint16_t)lo, (uint16_t)hi, what, err);
	if (!ret && port_set_add(set, (uint16_t)lo, (uint16_t)hi))
		ret = opt_nomem(err);
	return ret;
}

static int add_proto(void *data, char *item, struct err *err)
{
	unsigned *mask = data, bits;

	if (proto_parse(item, &bits))
		return err_set(err, EINVAL,
			       "'%s' is not a protocol that einat knows: udp, tcp, icmp or all",
			       item);
	*mask |= bits;
	return 0;
}

int opt_protos(const char *text, unsigned *ret_mask, struct err *err)
{
	unsigned mask = 0;
	int ret = opt_each_item(text, add_proto, &mask, err);

	if (!ret)
		*ret_mask = mask;
	return ret;
}

struct host_limits {
	uint32_t *max; /* of each protocol */
	unsigned given; /* PROTO_ mask */
};

/* N or PROTO:N */
static int add_host_limit(void *data, char *item, struct err *err)
{
	struct host_limits *l = data;
	char *colon = strchr(item, ':'), *number = colon ? colon + 1 : item;
	unsigned protos = PROTO_ALL;
	unsigned long v;
	int ret = 0;

	if (colon) {
		*colon = '\0';
		ret = opt_protos(item, &protos, err);
	}
	if (ret)
		return ret;
	if (parse_number(number, strlen(number), &v) || v > 65535)
		return err_set(err, EINVAL, "'%s' is not a number of ports; give 0 to 65535",
			       number);
	if (l->given & protos)
		return err_set(err, EINVAL, "%s has a number already; give one for each protocol",
			       proto_name(l->given & protos & -(l->given & protos)));
	l->given |= protos;
	for (unsigned p = 0; p < PROTO_COUNT; p++)
		if (protos & 1u << p)
			l->max[p] = (uint32_t)v;
	return 0;
}

OPT_SETTER(set_max_ports_per_host)
{
	struct host_limits l = { .max = x->cif->max_per_host };

	(void)o;
	for (unsigned p = 0; p < PROTO_COUNT; p++)
		l.given |= (l.max[p] != 0) << p;
	return opt_each_item(arg, add_host_limit, &l, err);
}

OPT_SETTER(set_proto)
{
	unsigned mask;
	int ret = opt_protos(arg, &mask, err);

	(void)o;
	if (!ret)
		x->slice->protos |= mask;
	return ret;
}

static int add_ports(void *data, char *item, struct err *err)
{
	return opt_add_range(data, item, "", err);
}

OPT_SETTER(set_ports)
{
	(void)o;
	return opt_each_item(arg, add_ports, &x->slice->ports, err);
}

struct exclude {
	struct conf_slice *slice;
	unsigned protos; /* that the next range is for */
};

/* A "PROTO:" holds for its range and those that follow it in the same list. */
static int add_exclude(void *data, char *item, struct err *err)
{
	struct exclude *e = data;
	char *colon = strchr(item, ':'), what[32];
	int ret;

	if (colon) {
		*colon = '\0';
		ret = opt_protos(item, &e->protos, err);
		if (ret)
			return ret;
		item = colon + 1;
	}
	for (unsigned i = 0; i < PROTO_COUNT; i++) {
		if (!(e->protos & 1u << i))
			continue;
		snprintf(what, sizeof(what), " for %s", proto_name(1u << i));
		ret = opt_add_range(&e->slice->exclude_ports[i], item, what, err);
		if (ret)
			return ret;
	}
	return 0;
}

OPT_SETTER(set_exclude_ports)
{
	struct exclude e = { x->slice, PROTO_ALL };

	(void)o;
	return opt_each_item(arg, add_exclude, &e, err);
}

/* @item has host bits: name the prefix that was probably meant. */
static int report_host_bits(const char *item, struct err *err)
{
	const char *slash = strchr(item, '/');
	char host[NET_ADDR_STRLEN], good[NET_ADDR_STRLEN];
	struct net_prefix p;
	unsigned long len;

	snprintf(host, sizeof(host), "%.*s", (int)(slash - item), item);
	if (net_addr_parse(host, &p.addr) || !net_addr_is4(&p.addr))
		return err_set(err, EINVAL, "'%s' has bits set beyond its length", item);
	len = strtoul(slash + 1, NULL, 10);
	p.addr = net_addr_from4(net_addr_to4(&p.addr) & htonl(len ? ~0u << (32 - len) : 0));
	p.len = (uint8_t)(96 + len);
	return err_set(err, EINVAL,
		       "%s has bits set beyond its length; write %s for the network, or %s for the "
		       "one host",
		       item, net_prefix_format(&p, good), host);
}

static int add_prefix(void *data, char *item, struct err *err)
{
	static const struct net_addr zero;
	struct net_prefix p;
	int ret = net_prefix_parse(item, &p);

	if (ret == -ERANGE)
		return report_host_bits(item, err);
	if (ret)
		return err_set(err, EINVAL,
			       "'%s' is not a prefix; write it like 192.168.1.0/24 or fd00:1::/64",
			       item);
	if (p.len && p.len < 96 && !memcmp(&p.addr, &zero, 10))
		return err_set(err, EINVAL, "'%s' spans IPv4; write that as an IPv4 prefix", item);
	return net_list_add(data, &p) ? opt_nomem(err) : 0;
}

OPT_SETTER(set_internal)
{
	(void)o;
	return opt_each_item(arg, add_prefix, &x->slice->internal, err);
}

OPT_SETTER(set_exclude_dest)
{
	(void)o;
	return opt_each_item(arg, add_prefix, &x->slice->exclude_dest, err);
}

/* Decimal or 0x: a leading zero alone does not mean octal. */
static int parse_u32(const char *s, size_t len, uint32_t *ret_value)
{
	bool hex = len > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
	const char *digits = hex ? "0123456789abcdefABCDEF" : "0123456789";
	size_t skip = hex ? 2 : 0;
	unsigned long long v;

	if (len <= skip || strspn(s + skip, digits) < len - skip || len - skip > 18)
		return -EINVAL;
	v = strtoull(s + skip, NULL, hex ? 16 : 10);
	if (v > UINT32_MAX)
		return -ERANGE;
	*ret_value = (uint32_t)v;
	return 0;
}

static int parse_mark(const char *arg, struct conf_mark *ret_mark, struct err *err)
{
	size_t n = strcspn(arg, "/");
	struct conf_mark m = { .mask = UINT32_MAX };

	if (parse_u32(arg, n, &m.value) ||
	    (arg[n] && parse_u32(arg + n + 1, strlen(arg + n + 1), &m.mask)))
		return err_set(err, EINVAL,
			       "'%s' is not a mark; write VALUE/MASK of 32 bits, such as "
			       "0x1000/0x1000",
			       arg);
	if (!m.mask)
		return err_set(err, EINVAL,
			       "the mask of %s is 0 and would match everything; give the bits that "
			       "count",
			       arg);
	if (m.value & ~m.mask)
		return err_set(err, EINVAL,
			       "%s has value bits outside the mask; write 0x%x/0x%x or widen the "
			       "mask",
			       arg, m.value & m.mask, m.mask);
	*ret_mark = m;
	return 0;
}

OPT_SETTER(set_mark)
{
	(void)o;
	return parse_mark(arg, &x->slice->mark, err);
}

OPT_SETTER(set_inbound_mark)
{
	struct conf_mark m;
	int ret = parse_mark(arg, &m, err);

	(void)o;
	if (ret)
		return ret;
	if (!m.value)
		return err_set(err, EINVAL,
			       "the value of %s is 0, as on packets without a mark; choose another",
			       arg);
	x->cif->inbound_mark = m;
	return 0;
}
