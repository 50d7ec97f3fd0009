// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/abi.h"
#include "src/config_file.h"
#include "src/config_text.h"
#include "src/option_set.h"
#include "src/options.h"

#define FILE_MAX (1u << 20) /* bytes */

struct reader {
	struct config_text text;
	struct opt_ctx x; /* its seen bits are those of the present group */
	uint64_t global_seen;
	struct err *err;
};

static struct text_pos pos_of(const config_setting_t *s, bool value)
{
	const struct text_entry *e = config_setting_get_hook(s);

	if (!e)
		return (struct text_pos){ config_setting_source_line(s), 1 };
	return value ? e->value.pos : e->name;
}

__attribute__((format(printf, 3, 4))) static int fail(struct reader *r, struct text_pos pos,
						      const char *fmt, ...)
{
	struct err what;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what.text, sizeof(what.text), fmt, ap);
	va_end(ap);
	return err_set(r->err, EINVAL, "%s:%u:%u: %s", r->text.name, pos.line, pos.column,
		       what.text);
}

static const char *const scope_names[] = {
	[OPT_CLI] = "on the command line",
	[OPT_GLOBAL] = "at the top of the file",
	[OPT_IFACE] = "into an interface: interfaces = ( { interface = \"wan\"; ... } )",
	[OPT_SLICE] = "into a slice: slices = ( { ... } )",
};

static int unknown_key(struct reader *r, const config_setting_t *s, enum opt_scope scope)
{
	const char *name = config_setting_name(s), *near = NULL, *group;
	const struct opt *o = opt_find(name, strlen(name));
	unsigned best = 99;

	if (o && (o->flags & OPT_LATER))
		return fail(r, pos_of(s, false), "%s: not available in this version", name);
	if (o)
		return fail(r, pos_of(s, false), "%s: does not belong here; write it %s", name,
			    scope_names[o->scope]);
	group = scope == OPT_GLOBAL ? "interfaces" : scope == OPT_IFACE ? "slices" : NULL;
	if (group && edit_is_near(name, edit_distance(name, group))) {
		near = group;
		best = edit_distance(name, group);
	}
	for (size_t i = 0; i < n_options; i++) {
		unsigned d = edit_distance(name, options[i].name);

		o = &options[i];
		if (o->scope == scope && !(o->flags & OPT_LATER) && d < best &&
		    edit_is_near(name, d)) {
			best = d;
			near = o->name;
		}
	}
	if (near)
		return fail(r, pos_of(s, false), "unknown name '%s'; did you mean '%s'?", name,
			    near);
	return fail(r, pos_of(s, false), "unknown name '%s'; docs/config.md and einat(8) list them",
		    name);
}

/* One string or whole number as text for the setter. @s is @name or an element of its list. */
static int apply_value(struct reader *r, const struct opt *o, const config_setting_t *s,
		       const char *name)
{
	const struct text_entry *e = config_setting_get_hook(s);
	char number[32];
	struct err what;
	const char *arg;
	size_t n;
	int ret;

	if (!o->arg && config_setting_type(s) != CONFIG_TYPE_BOOL)
		return fail(r, pos_of(s, true), "%s: is true or false, without quotes", name);
	switch (config_setting_type(s)) {
	case CONFIG_TYPE_BOOL:
		if (o->arg)
			return fail(r, pos_of(s, true), "%s: needs %s in quotes", name, o->arg);
		if (!config_setting_get_bool(s))
			return 0;
		arg = NULL;
		break;
	case CONFIG_TYPE_STRING:
		arg = config_setting_get_string(s);
		break;
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		/* as it is written: hexadecimal stays so, and nothing overflows */
		n = e ? strspn(e->value.at, "+-0123456789abcdefABCDEFxX") : 0;
		n = n < e->value.len ? n : e->value.len;
		if (!n || n >= sizeof(number))
			return fail(r, pos_of(s, true), "%s: the number is too long", name);
		memcpy(number, e->value.at, n);
		number[n] = '\0';
		arg = number;
		break;
	default:
		return fail(r, pos_of(s, true), "%s: needs %s in quotes", name, o->arg);
	}
	ret = opt_apply(&r->x, o, arg, &what);
	if (ret == -EINVAL)
		return fail(r, pos_of(s, true), "%s: %s", name, what.text);
	return ret ? err_set(r->err, -ret, "%s: %s", r->text.name, what.text) : 0;
}

static int apply_setting(struct reader *r, const struct opt *o, const config_setting_t *s)
{
	const char *name = config_setting_name(s);
	int n, ret = 0;

	if (config_setting_is_group(s))
		return fail(r, pos_of(s, true), "%s: needs %s in quotes, not a group", name,
			    o->arg);
	if (!config_setting_is_aggregate(s))
		return apply_value(r, o, s, name);
	if (!(o->flags & OPT_LIST))
		return fail(r, pos_of(s, true), "%s: takes one value, not a list", name);
	n = config_setting_length(s);
	if (!n)
		return fail(r, pos_of(s, true), "%s: the list is empty; leave %s out instead", name,
			    name);
	for (int i = 0; i < n && !ret; i++)
		ret = apply_value(r, o, config_setting_get_elem(s, (unsigned)i), name);
	return ret;
}

/* All settings of a group but @skip, which the caller reads. */
static int read_group(struct reader *r, const config_setting_t *group, enum opt_scope scope,
		      const char *skip)
{
	int n = config_setting_length(group), ret = 0;

	for (int i = 0; i < n && !ret; i++) {
		const config_setting_t *s = config_setting_get_elem(group, (unsigned)i);
		const char *name = config_setting_name(s);
		const struct opt *o = opt_find(name, strlen(name));

		if (skip && !strcmp(name, skip))
			continue;
		if (!o || o->scope != scope || (o->flags & OPT_LATER))
			return unknown_key(r, s, scope);
		if (scope == OPT_GLOBAL && (r->global_seen & opt_bit(o))) {
			/* the command line has the last word, but errors are still errors */
			struct conf scratch = { 0 };
			struct opt_ctx keep = r->x;

			r->x = (struct opt_ctx){ .conf = &scratch };
			ret = apply_setting(r, o, s);
			free(scratch.pin_dir);
			r->x = keep;
		} else {
			ret = apply_setting(r, o, s);
		}
	}
	return ret;
}

/* A list of groups, at least one: slices or interfaces. */
static int check_list(struct reader *r, const config_setting_t *list)
{
	const char *name = config_setting_name(list);

	if (!config_setting_is_list(list))
		return fail(r, pos_of(list, true), "%s: needs a list of groups: %s = ( { ... } )",
			    name, name);
	if (!config_setting_length(list))
		return fail(r, pos_of(list, true), "%s: the list is empty", name);
	for (int i = 0; i < config_setting_length(list); i++) {
		const config_setting_t *s = config_setting_get_elem(list, (unsigned)i);

		if (!config_setting_is_group(s))
			return fail(r, pos_of(s, true), "%s: needs groups in braces: ( { ... } )",
				    name);
	}
	return 0;
}

/* 1 with the first port range that both have, in @ret_both; 0 if there is none. */
static int slices_overlap(const struct conf_slice *a, const struct conf_slice *b,
			  struct port_range *ret_both, unsigned *ret_proto)
{
	int ret = 0;

	for (unsigned i = 0; i < PROTO_COUNT && !ret; i++) {
		struct port_set pa = { 0 }, pb = { 0 };

		ret = conf_slice_ports(a, i, &pa);
		if (!ret)
			ret = conf_slice_ports(b, i, &pb);
		for (size_t j = 0; j < pa.n && !ret; j++) {
			for (size_t k = 0; k < pb.n && !ret; k++) {
				const struct port_range *x = &pa.r[j], *y = &pb.r[k];

				if (x->lo > y->hi || y->lo > x->hi)
					continue;
				ret_both->lo = x->lo > y->lo ? x->lo : y->lo;
				ret_both->hi = x->hi < y->hi ? x->hi : y->hi;
				*ret_proto = 1u << i;
				ret = 1;
			}
		}
		port_set_free(&pa);
		port_set_free(&pb);
	}
	return ret;
}

static int check_overlap(struct reader *r, const struct conf_if *cif, const config_setting_t *list)
{
	size_t last = cif->n_slices - 1;

	for (size_t i = 0; i < last; i++) {
		struct text_pos pos = pos_of(config_setting_get_elem(list, (unsigned)last), false),
				first = pos_of(config_setting_get_elem(list, (unsigned)i), false);
		struct port_range both = { 0 };
		unsigned proto = 0;
		char ports[16];
		int ret = slices_overlap(&cif->slices[i], &cif->slices[last], &both, &proto);

		if (ret < 0)
			return opt_nomem(r->err);
		if (!ret)
			continue;
		snprintf(ports, sizeof(ports), both.lo == both.hi ? "%u" : "%u-%u", both.lo,
			 both.hi);
		return fail(r, pos,
			    "slice %zu of %s overlaps slice %zu (line %u, column %u): both have %s "
			    "%s; give each port to one slice",
			    last + 1, cif->name, i + 1, first.line, first.column, proto_name(proto),
			    ports);
	}
	return 0;
}

static int read_slice(struct reader *r, const config_setting_t *group)
{
	struct text_pos pos = pos_of(group, false);
	struct err what;
	int ret;

	r->x.slice = conf_add_slice(r->x.cif);
	r->x.seen = 0;
	if (!r->x.slice)
		return opt_nomem(r->err);
	ret = read_group(r, group, OPT_SLICE, NULL);
	if (ret)
		return ret;
	ret = opt_defaults(&r->x, OPT_SLICE, r->err);
	if (ret)
		return ret;
	if (conf_check_slice(r->x.slice, &what))
		return fail(r, pos, "%s", what.text);
	return 0;
}

/* @list NULL: one slice, all defaults. */
static int read_slices(struct reader *r, const config_setting_t *list)
{
	int ret;

	if (!list) {
		r->x.slice = conf_add_slice(r->x.cif);
		r->x.seen = 0;
		return r->x.slice ? opt_defaults(&r->x, OPT_SLICE, r->err) : opt_nomem(r->err);
	}
	ret = check_list(r, list);
	if (ret)
		return ret;
	for (int i = 0; i < config_setting_length(list) && !ret; i++) {
		const config_setting_t *group = config_setting_get_elem(list, (unsigned)i);

		if (i == EINAT_MAX_SLICES)
			return fail(r, pos_of(group, false), "slices: an interface has at most %d",
				    EINAT_MAX_SLICES);
		ret = read_slice(r, group);
		if (!ret)
			ret = check_overlap(r, r->x.cif, list);
	}
	return ret;
}

static int read_interface(struct reader *r, config_setting_t *group)
{
	struct text_pos pos = pos_of(group, false);
	struct err what;
	int ret;

	r->x.cif = conf_add_if(r->x.conf);
	r->x.seen = 0;
	if (!r->x.cif)
		return opt_nomem(r->err);
	ret = read_group(r, group, OPT_IFACE, "slices");
	if (ret)
		return ret;
	if (!r->x.cif->name)
		return fail(r, pos, "an interface without a name; add interface = \"...\"");
	for (size_t i = 0; i + 1 < r->x.conf->n_ifs; i++)
		if (!strcmp(r->x.conf->ifs[i].name, r->x.cif->name))
			return fail(r, pos,
				    "interface %s stands here for the second time; give it all its "
				    "slices in one place",
				    r->x.cif->name);
	ret = opt_defaults(&r->x, OPT_IFACE, r->err);
	if (ret)
		return ret;
	if (conf_check_if(r->x.cif, &what))
		return fail(r, pos, "%s", what.text);
	return read_slices(r, config_setting_get_member(group, "slices"));
}

static int read_root(struct reader *r, config_setting_t *root)
{
	config_setting_t *list = config_setting_get_member(root, "interfaces");
	int ret = read_group(r, root, OPT_GLOBAL, "interfaces");

	r->global_seen |= r->x.seen;
	if (ret)
		return ret;
	if (!list)
		return fail(r, (struct text_pos){ 1, 1 },
			    "no interfaces; add interfaces = ( { interface = \"wan\"; } )");
	ret = check_list(r, list);
	for (int i = 0; !ret && i < config_setting_length(list); i++)
		ret = read_interface(r, config_setting_get_elem(list, (unsigned)i));
	return ret;
}

int config_text_read(const char *name, const char *text, size_t len, struct conf *c, uint64_t *seen,
		     struct err *err)
{
	struct reader r = { .x = { .conf = c }, .global_seen = *seen, .err = err };
	char *copy = malloc(len + 1);
	config_t cfg;
	int ret;

	if (!copy)
		return opt_nomem(err);
	memcpy(copy, text, len);
	copy[len] = '\0';
	ret = config_text_scan(&r.text, name, copy, len, err);
	if (ret) {
		free(copy);
		return ret;
	}
	config_init(&cfg);
	if (!config_read_string(&cfg, copy)) {
		ret = config_text_syntax(&r.text, &cfg, copy, err);
	} else {
		config_text_bind(&r.text, config_root_setting(&cfg));
		ret = read_root(&r, config_root_setting(&cfg));
	}
	config_destroy(&cfg);
	config_text_clear(&r.text);
	free(copy);
	if (!ret)
		*seen = r.global_seen;
	return ret;
}

static int read_all(int fd, char *buf, size_t size, size_t *ret_len)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, buf + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		len += (size_t)n;
	}
	*ret_len = len;
	return 0;
}

int config_file_read(const char *path, struct conf *c, uint64_t *seen, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *buf;
	size_t len = 0;
	int ret;

	if (fd < 0) {
		ret = errno;
		return err_sys(err, ret, "--config: cannot open %s", path);
	}
	buf = malloc(FILE_MAX + 1);
	ret = buf ? read_all(fd, buf, FILE_MAX + 1, &len) : -ENOMEM;
	close(fd);
	if (ret)
		err_sys(err, -ret, "--config: cannot read %s", path);
	else if (len > FILE_MAX)
		ret = err_set(err, EINVAL, "--config: %s is larger than 1 MiB", path);
	else
		ret = config_text_read(path, buf, len, c, seen, err);
	free(buf);
	return ret;
}
