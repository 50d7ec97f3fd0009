// SPDX-License-Identifier: GPL-2.0-or-later
/* Setters of what an interface or the program has; those of a slice are in option_slice.c. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/abi.h"
#include "src/option_set.h"

int opt_nomem(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}

static int set_string(char **field, const char *s, struct err *err)
{
	char *copy = strdup(s);

	if (!copy)
		return opt_nomem(err);
	free(*field);
	*field = copy;
	return 0;
}

/* What the kernel takes as a name (dev_valid_name()), and no control characters. */
static int check_ifname(const char *s, struct err *err)
{
	if (!*s)
		return err_set(err, EINVAL, "an interface name is empty");
	if (strlen(s) >= IFNAMSIZ)
		return err_set(err, EINVAL,
			       "'%s' is too long for an interface name; the kernel takes at most "
			       "%d characters",
			       s, IFNAMSIZ - 1);
	if (!strcmp(s, ".") || !strcmp(s, ".."))
		return err_set(err, EINVAL, "'%s' is not an interface name", s);
	for (const char *p = s; *p; p++)
		if (*p == '/' || *p == ':' || isspace((unsigned char)*p) ||
		    iscntrl((unsigned char)*p))
			return err_set(err, EINVAL,
				       "'%s' is not an interface name; no '/', ':' or blank may be "
				       "in it",
				       s);
	return 0;
}

OPT_SETTER(set_interface)
{
	int ret = check_ifname(arg, err);

	(void)o;
	return ret ? ret : set_string(&x->cif->name, arg, err);
}

static int add_hairpin(void *data, char *item, struct err *err)
{
	struct conf_if *cif = data;
	int ret = check_ifname(item, err);
	char **n;

	if (ret)
		return ret;
	for (size_t i = 0; i < cif->n_hairpin_ifs; i++)
		if (!strcmp(cif->hairpin_ifs[i], item))
			return err_set(err, EINVAL, "%s is given twice; give it once", item);
	n = realloc(cif->hairpin_ifs, (cif->n_hairpin_ifs + 1) * sizeof(*n));
	if (!n)
		return opt_nomem(err);
	cif->hairpin_ifs = n;
	n[cif->n_hairpin_ifs] = strdup(item);
	if (!n[cif->n_hairpin_ifs])
		return opt_nomem(err);
	cif->n_hairpin_ifs++;
	return 0;
}

OPT_SETTER(set_hairpin_if)
{
	(void)o;
	return opt_each_item(arg, add_hairpin, x->cif, err);
}

/* The position of @arg among the words of "a|b|c", or -EINVAL. */
static int choose(const struct opt *o, const char *arg, struct err *err)
{
	const char *word = o->arg, *near = NULL;
	size_t near_len = 0;
	unsigned best = 99;

	for (int i = 0;; i++) {
		size_t n = strcspn(word, "|");
		char copy[32];
		unsigned d;

		if (strlen(arg) == n && !memcmp(word, arg, n))
			return i;
		snprintf(copy, sizeof(copy), "%.*s", (int)n, word);
		d = edit_distance(arg, copy);
		if (d < best && edit_is_near(arg, d)) {
			best = d;
			near = word;
			near_len = n;
		}
		if (!word[n])
			break;
		word += n + 1;
	}
	if (near)
		return err_set(err, EINVAL, "'%s' is not one of %s; did you mean %.*s?", arg,
			       o->arg, (int)near_len, near);
	return err_set(err, EINVAL, "'%s' is not one of %s", arg, o->arg);
}

/* The words in the table stand in the order of the enums. */
OPT_SETTER(set_rest)
{
	int v = choose(o, arg, err);

	if (v < 0)
		return v;
	x->cif->rest = (enum conf_rest)v;
	return 0;
}

OPT_SETTER(set_attach)
{
	int v = choose(o, arg, err);

	if (v < 0)
		return v;
	x->cif->attach = (enum conf_attach)v;
	return 0;
}

OPT_SETTER(set_guard)
{
	int v = choose(o, arg, err);

	if (v < 0)
		return v;
	x->cif->guard_strict = v == 1;
	return 0;
}

OPT_SETTER(set_when_full)
{
	int v = choose(o, arg, err);

	if (v < 0)
		return v;
	x->cif->refuse_when_full = v == 1;
	return 0;
}

OPT_SETTER(set_log_level)
{
	int v = choose(o, arg, err);

	if (v < 0)
		return v;
	x->conf->log_level = v;
	return 0;
}

#define TIME_MAX (30u * 24 * 3600)

/* Seconds, or a number with s, m or h; at least @min, which @source demands. */
static int parse_time(const char *arg, uint32_t min, const char *source, uint32_t *ret_seconds,
		      struct err *err)
{
	size_t digits = strspn(arg, "0123456789");
	const char *suffix = arg + digits;
	unsigned long long v, unit;

	unit = !strcmp(suffix, "") || !strcmp(suffix, "s") ? 1
	       : !strcmp(suffix, "m")			   ? 60
	       : !strcmp(suffix, "h")			   ? 3600
							   : 0;
	if (!digits || !unit)
		return err_set(err, EINVAL,
			       "'%s' is not a time; write seconds, or a number with s, m or h",
			       arg);
	v = digits > 9 ? TIME_MAX + 1ull : strtoull(arg, NULL, 10) * unit;
	if (v > TIME_MAX)
		return err_set(err, EINVAL, "%s is too long; at most 720h", arg);
	if (v < min)
		return err_set(err, EINVAL, "%s is too short; %s demands at least %us", arg, source,
			       min);
	*ret_seconds = (uint32_t)v;
	return 0;
}

OPT_SETTER(set_udp_timeout)
{
	(void)o;
	return parse_time(arg, 120, "RFC 4787 REQ-5", &x->cif->t_udp, err);
}

OPT_SETTER(set_icmp_timeout)
{
	(void)o;
	return parse_time(arg, 60, "RFC 5508 REQ-2", &x->cif->t_icmp, err);
}

OPT_SETTER(set_tcp_open_timeout)
{
	(void)o;
	return parse_time(arg, 7440, "RFC 5382 REQ-5", &x->cif->t_tcp_open, err);
}

OPT_SETTER(set_tcp_syn_timeout)
{
	(void)o;
	return parse_time(arg, 240, "RFC 5382 REQ-5", &x->cif->t_tcp_syn, err);
}

OPT_SETTER(set_tcp_close_timeout)
{
	(void)o;
	return parse_time(arg, 240, "RFC 5382 REQ-5", &x->cif->t_tcp_close, err);
}

OPT_SETTER(set_reuse_after)
{
	uint32_t seconds;
	int ret = parse_time(arg, EINAT_REST_MIN, "RFC 6888 REQ-8", &seconds, err);

	(void)o;
	if (ret)
		return ret;
	if (seconds > EINAT_REST_MAX)
		return err_set(err, EINVAL, "%s is too long; at most 1h", arg);
	x->cif->t_rest = seconds;
	return 0;
}

/* ADDR6, or [ADDR6]:PORT: splits @text, and gives where the port begins (NULL: nowhere). */
static char *split_target6(char **text)
{
	char *close = **text == '[' ? strchr(*text, ']') : NULL;

	if (!close)
		return NULL;
	*close = '\0';
	++*text;
	return close[1] == ':' ? close + 2 : NULL;
}

static bool is_host6(const struct net_addr *a)
{
	static const struct net_addr any, loopback = { { [15] = 1 } };

	return !net_addr_eq(a, &any) && !net_addr_eq(a, &loopback) && a->b[0] != 0xff &&
	       !(a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80);
}

static int forward_target(char *text, struct conf_forward *f, struct err *err)
{
	char *colon = strrchr(text, ':'), *port = NULL;
	uint32_t ip;
	int ret;

	f->to_port = f->port;
	if (strchr(text, '/'))
		return err_set(err, EINVAL,
			       "'%s' is a prefix; a forward goes to one address, without '/'",
			       text);
	if (*text == '[') {
		port = split_target6(&text);
	} else if (colon && strchr(text, ':') == colon) {
		*colon = '\0';
		port = colon + 1;
	}
	ret = port ? opt_port(port, &f->to_port, err) : 0;
	if (ret)
		return ret;
	if (net_addr_parse(text, &f->to))
		return err_set(err, EINVAL,
			       "'%s' is not an address; write 192.168.1.9 or [fd00::9], and :PORT "
			       "if it is another one",
			       text);
	if (!net_addr_is4(&f->to) && !is_host6(&f->to))
		return err_set(err, EINVAL, "%s is not the address of an internal host", text);
	if (!net_addr_is4(&f->to))
		return 0;
	ip = ntohl(net_addr_to4(&f->to));
	if (ip >> 24 == 0 || ip >> 24 == 127 || ip >= 0xe0000000)
		return err_set(err, EINVAL, "%s is not the address of an internal host", text);
	return 0;
}

static int parse_forward(char *item, struct conf_forward *f, struct err *err)
{
	char *colon = strchr(item, ':'), *eq = strchr(item, '=');
	int ret;

	if (!colon || !eq || colon > eq)
		return err_set(err, EINVAL,
			       "'%s' is not a forward; write PROTO:PORT=ADDR[:PORT], such as "
			       "udp:3478=192.168.1.9",
			       item);
	*colon = *eq = '\0';
	if (proto_parse(item, &f->proto) || (f->proto != PROTO_UDP && f->proto != PROTO_TCP))
		return err_set(err, EINVAL, "'%s' cannot be forwarded; the protocol is udp or tcp",
			       item);
	ret = opt_port(colon + 1, &f->port, err);
	return ret ? ret : forward_target(eq + 1, f, err);
}

static int add_forward(void *data, char *item, struct err *err)
{
	struct conf_if *cif = data;
	struct conf_forward f = { 0 }, *n;
	char to[NET_ADDR_STRLEN];
	int ret = parse_forward(item, &f, err);

	if (ret)
		return ret;
	for (size_t i = 0; i < cif->n_forwards; i++) {
		const struct conf_forward *g = &cif->forwards[i];

		if (g->proto == f.proto && g->port == f.port &&
		    net_addr_is4(&g->to) == net_addr_is4(&f.to))
			return err_set(err, EINVAL,
				       "%s:%u is forwarded twice, already to %s:%u; remove one",
				       proto_name(f.proto), f.port, net_addr_format(&g->to, to),
				       g->to_port);
	}
	n = realloc(cif->forwards, (cif->n_forwards + 1) * sizeof(*n));
	if (!n)
		return opt_nomem(err);
	cif->forwards = n;
	n[cif->n_forwards++] = f;
	return 0;
}

OPT_SETTER(set_forward)
{
	(void)o;
	return opt_each_item(arg, add_forward, x->cif, err);
}

OPT_SETTER(set_pin)
{
	(void)o;
	if (*arg != '/')
		return err_set(err, EINVAL,
			       "'%s' is not an absolute path; give one below /sys/fs/bpf", arg);
	return set_string(&x->conf->pin_dir, arg, err);
}

OPT_SETTER(set_config)
{
	(void)o;
	return set_string(&x->conf->config_path, arg, err);
}

OPT_SETTER(set_dry_run)
{
	(void)o, (void)arg, (void)err;
	x->conf->dry_run = true;
	return 0;
}

OPT_SETTER(set_ipv6)
{
	(void)o, (void)arg, (void)err;
	x->cif->ipv6 = true;
	return 0;
}

OPT_SETTER(set_json)
{
	(void)o, (void)arg, (void)err;
	x->conf->json = true;
	return 0;
}

OPT_SETTER(set_purge)
{
	(void)o, (void)arg, (void)err;
	x->conf->purge = true;
	return 0;
}

OPT_SETTER(set_open)
{
	(void)o, (void)arg, (void)err;
	x->cif->open = true;
	/* --inbound-mark, before or after, replaces it */
	if (!x->cif->inbound_mark.mask)
		x->cif->inbound_mark = (struct conf_mark){ CONF_OPEN_MARK, CONF_OPEN_MARK };
	return 0;
}

OPT_SETTER(set_force)
{
	(void)o, (void)arg, (void)err;
	x->conf->force = true;
	return 0;
}

OPT_SETTER(set_save)
{
	(void)o;
	return set_string(&x->conf->save_path, arg, err);
}

OPT_SETTER(set_from)
{
	(void)o;
	return set_string(&x->conf->from_path, arg, err);
}

OPT_SETTER(set_list)
{
	(void)o, (void)arg, (void)err;
	x->conf->list = true;
	return 0;
}

OPT_SETTER(set_explain)
{
	(void)o;
	return set_string(&x->conf->explain, arg, err);
}

OPT_SETTER(set_help)
{
	(void)o, (void)arg, (void)err;
	x->help = true;
	return 0;
}

OPT_SETTER(set_version)
{
	(void)o, (void)arg, (void)err;
	x->version = true;
	return 0;
}
