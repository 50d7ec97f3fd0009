// SPDX-License-Identifier: GPL-2.0-or-later
/* Prefix translation before the kernel: arithmetic, options, plan. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "src/config.h"
#include "src/plan.h"

static struct net_addr addr(const char *s)
{
	struct net_addr a;

	assert_int_equal(net_addr_parse(s, &a), 0);
	return a;
}

static struct net_prefix prefix(const char *s)
{
	struct net_prefix p;

	assert_int_equal(net_prefix_parse(s, &p), 0);
	return p;
}

static void is_addr(const struct net_addr *a, const char *s)
{
	char buf[NET_ADDR_STRLEN];

	assert_string_equal(net_addr_format(a, buf), s);
}

static void is_prefix(const struct net_prefix *p, const char *s)
{
	char buf[NET_ADDR_STRLEN];

	assert_string_equal(net_prefix_format(p, buf), s);
}

/* RFC 6296 section 3.6; byte order as in the packet. */
static void adjustment_of_the_example(void **state)
{
	struct net_prefix in = prefix("fd01:203:405::/48"), ex = prefix("2001:db8:1::/48");
	struct net_addr a = addr("fd01:203:405:1::1234"), x;

	(void)state;
	assert_int_equal(ntohs(npt_entry(&in, &ex, 0).adjust), 0xd54f);
	assert_int_equal(npt_entry(&in, &ex, NPT_F_NO_ULA).flags, NPT_F_SUBNET | NPT_F_NO_ULA);
	assert_true(npt_map(&in, &ex, &a, &x));
	is_addr(&x, "2001:db8:1:d550::1234");
	assert_true(npt_map(&ex, &in, &x, &a));
	is_addr(&a, "fd01:203:405:1::1234");
	a = addr("fd01:203:405:ffff::1");
	assert_false(npt_map(&in, &ex, &a, &x));
}

static void lengths_that_differ(void **state)
{
	struct net_prefix in = prefix("fd01::/48"), ex = prefix("2001:db8:1:2::/64");
	struct npt_pair p = npt_pair(&in, &ex);

	(void)state;
	is_prefix(&p.internal, "fd01::/64");
	is_prefix(&p.external, "2001:db8:1:2::/64");
	p = npt_pair(&ex, &in);
	is_prefix(&p.external, "fd01::/64");
	assert_int_equal(npt_entry(&p.internal, &p.external, 0).flags, 0);
}

static int parse(const char *line, struct conf **ret_conf, struct err *err)
{
	char *copy = strdup(line), *save = NULL,
	     *words[40] = { (char *)"einat", (char *)"-i", (char *)"wan" };
	int argc = 3, ret;

	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		words[argc++] = w;
	ret = conf_parse(argc, words, ret_conf, err);
	free(copy);
	return ret;
}

static void options(void **state)
{
	struct err err = { "" };
	struct conf *c = NULL;

	(void)state;
	if (parse("--nptv6 fd00:1::/48=2001:db8:1::/48,fd00:2::/64=auto --nptv6 "
		  "2001:db8:a::/56=2001:db8:b::/60",
		  &c, &err))
		fail_msg("%s", err.text);
	assert_int_equal(c->ifs[0].n_npts, 3);
	is_prefix(&c->ifs[0].npts[0].internal, "fd00:1::/48");
	is_prefix(&c->ifs[0].npts[0].external, "2001:db8:1::/48");
	assert_int_equal(c->ifs[0].npts[1].external.len, 0);
	is_prefix(&c->ifs[0].npts[2].internal, "2001:db8:a::/56");
	is_prefix(&c->ifs[0].npts[2].external, "2001:db8:b::/60");
	assert_false(c->ifs[0].ipv6);
	assert_true(conf_uses_ipv6(&c->ifs[0]));
	conf_free(c);
	/* what is used of the external prefixes does not overlap; a forward outside the slice */
	c = NULL;
	if (parse("--ipv6 --nptv6 fd00:1::/64=2001:db8:1::/48,fd00:2::/64=2001:db8:1:1::/64 "
		  "--forward tcp:443=fd00:1::5",
		  &c, &err))
		fail_msg("%s", err.text);
	conf_free(c);
}

static void bad_options(void **state)
{
	static const struct {
		const char *line, *text;
	} bad[] = {
		{ "--nptv6 fd00::/48", "is not a pair of prefixes" },
		{ "--nptv6 fd00::/48=", "is not an IPv6 prefix" },
		{ "--nptv6 =auto", "is not an IPv6 prefix" },
		{ "--nptv6 fd00::1=auto", "is not an IPv6 prefix" },
		{ "--nptv6 fd00::1/48=auto", "bits set behind its length" },
		{ "--nptv6 10.0.0.0/8=auto", "is not an IPv6 prefix" },
		{ "--nptv6 fd00::/65=auto", "a length of 1 to 64" },
		{ "--nptv6 ::/0=auto", "a length of 1 to 64" },
		{ "--nptv6 ::/3=auto", "not a prefix of unicast addresses" },
		{ "--nptv6 fe80::/64=auto", "not a prefix of unicast addresses" },
		{ "--nptv6 fd00::/48=ff00::/48", "not a prefix of unicast addresses" },
		{ "--nptv6 fd00::/48=fd00::/64", "overlap" },
		{ "--nptv6 fd00::/48=auto,fd00::/64=2001:db8::/64", "overlap" },
		{ "--nptv6 fd00::/48=2001:db8::/48 --nptv6 fd01::/64=2001:db8::/48", "overlap" },
		{ "--nptv6 fd00::/48=fd01::/48,fd01::/64=2001:db8::/64", "overlap" },
		{ "--nptv6 fd00::/48=auto,fd01::/64=auto", "auto is given twice" },
		{ "--nptv6 fd00::/48=auto --ipv6 --forward udp:20100=fd00::5", "nptv6 translates" },
		{ "status --nptv6 fd00::/48=auto", "unexpected argument" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = { "" };
		struct conf *c = NULL;

		if (!parse(bad[i].line, &c, &err))
			fail_msg("%s: not refused", bad[i].line);
		if (!strstr(err.text, bad[i].text))
			fail_msg("%s: %s", bad[i].line, err.text);
	}
}

/* ---- the plan ---- */

struct fixture {
	struct conf *conf;
	struct link_info link;
	struct foreign foreign;
	struct owners *owners;
	struct observed obs;
	struct plan *plan;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->link = (struct link_info){ .name = "wan", .ifindex = 7, .up = true, .nptv6 = true };
	f->owners = owners_new(NULL, NULL);
	f->obs = (struct observed){ .link = &f->link, .foreign = &f->foreign, .owners = f->owners };
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	plan_free(f->plan);
	conf_free(f->conf);
	owners_free(f->owners);
	free(f);
	return 0;
}

static struct plan *plan(struct fixture *f, const char *line)
{
	struct err err = { "" };

	plan_free(f->plan);
	f->plan = NULL;
	if (line) {
		conf_free(f->conf);
		f->conf = NULL;
		if (parse(line, &f->conf, &err))
			fail_msg("%s", err.text);
	}
	if (plan_build(&f->conf->ifs[0], &f->obs, &f->plan, &err))
		fail_msg("%s", err.text);
	return f->plan;
}

/* The flags of the entry of @p, which must be there; -1 if it is not. */
static int flags_of(const struct plan_npt_entry *v, size_t n, const char *p)
{
	struct net_prefix want = prefix(p);

	for (size_t i = 0; i < n; i++)
		if (v[i].prefix.len == want.len && net_addr_eq(&v[i].prefix.addr, &want.addr))
			return v[i].npt.flags;
	return -1;
}

#define OUT_FLAGS(p, prefix) flags_of((p)->npt.out, (p)->npt.n_out, prefix)
#define IN_FLAGS(p, prefix)  flags_of((p)->npt.in, (p)->npt.n_in, prefix)

static bool holds(const struct net_list *l, const char *p)
{
	char buf[NET_ADDR_STRLEN];

	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(net_prefix_format(&l->p[i], buf), p))
			return true;
	return false;
}

static bool warns(const struct plan *p, const char *text)
{
	for (size_t i = 0; i < p->n_warnings; i++)
		if (strstr(p->warnings[i], text))
			return true;
	return false;
}

static void off(void **state)
{
	struct plan *p = plan(*state, "--ipv6");

	assert_false(p->npt.on || p->nft.nptv6);
	assert_int_equal(p->npt.n_out + p->npt.n_in + p->nft.npt_claim.n + p->nft.npt_keep.n, 0);
}

static void entries_and_claim(void **state)
{
	struct fixture *f = *state;
	struct plan *p =
		plan(f, "--nptv6 fd00:1::/48=2001:db8:1::/48,fd00:2::/48=2001:db8:2:3::/64");

	assert_true(p->npt.on && p->nft.nptv6 && !p->ipv6 && !p->nft.ipv6);
	assert_int_equal(OUT_FLAGS(p, "fd00:1::/48"), NPT_F_SUBNET | NPT_F_NO_ULA);
	assert_int_equal(IN_FLAGS(p, "2001:db8:1::/48"), NPT_F_SUBNET);
	assert_int_equal(OUT_FLAGS(p, "fd00:2::/48"), NPT_F_NONE | NPT_F_NO_ULA);
	assert_int_equal(OUT_FLAGS(p, "fd00:2::/64"), NPT_F_NO_ULA);
	assert_int_equal(IN_FLAGS(p, "2001:db8:2:3::/64"), 0);
	assert_int_equal(p->npt.n_out + p->npt.n_in, 5);
	assert_int_equal(p->nft.npt_claim.n, 2);
	assert_true(holds(&p->nft.npt_claim, "fd00:1::/48"));
	assert_true(holds(&p->nft.npt_claim, "fd00:2::/64"));
	assert_true(holds(&p->nft.npt_keep, "fc00::/7") && holds(&p->nft.npt_keep, "fe80::/10") &&
		    holds(&p->nft.npt_keep, "ff00::/8"));
	assert_false(warns(p, "nptv6"));
	f->obs.npt_suspended = true;
	p = plan(f, NULL);
	assert_int_equal(p->nft.npt_claim.n, 0);
	assert_int_equal(p->nft.npt_internal.n, 2);
}

/* An external prefix that is unique local: such destinations are translated for. */
static void into_unique_local(void **state)
{
	struct plan *p = plan(*state, "--nptv6 fd00:1::/48=fd00:2::/48");

	assert_int_equal(OUT_FLAGS(p, "fd00:1::/48"), NPT_F_SUBNET);
	assert_false(holds(&p->nft.npt_keep, "fc00::/7"));
}

static void own_addresses(void **state)
{
	struct fixture *f = *state;
	struct plan *p;

	f->link.six.ext[0] = addr("2001:db8:3:7::2");
	f->link.six.own[0] = addr("fd03:0:0:1::99");
	f->link.six.n_ext = f->link.six.n_own = 1;
	p = plan(f, "--nptv6 fd03:0:0:1::/64=2001:db8:3:7::/64");
	assert_int_equal(IN_FLAGS(p, "2001:db8:3:7::2/128"), NPT_F_KEEP);
	assert_int_equal(IN_FLAGS(p, "fd03:0:0:1::99/128"), NPT_F_KEEP);
	assert_int_equal(OUT_FLAGS(p, "fd03:0:0:1::99/128"), NPT_F_KEEP);
	assert_int_equal(OUT_FLAGS(p, "fd03:0:0:1:30be::2/128"), NPT_F_NONE);
	assert_true(warns(p, "2001:db8:3:7::/64 is the interface's own network"));
}

static void auto_prefix(void **state)
{
	struct fixture *f = *state;
	struct plan *p = plan(f, "--nptv6 fd00:1::/64=auto,fd00:2::/64=2001:db8:2::/64");

	assert_int_equal(OUT_FLAGS(p, "fd00:1::/64"), NPT_F_NONE | NPT_F_NO_ULA);
	assert_false(holds(&p->nft.npt_claim, "fd00:1::/64"));
	assert_true(warns(p, "fd00:1::/64 is not translated"));
	f->link.six.prefix = prefix("2001:db8:9::/64");
	p = plan(f, NULL);
	assert_int_equal(OUT_FLAGS(p, "fd00:1::/64"), NPT_F_NO_ULA);
	assert_int_equal(IN_FLAGS(p, "2001:db8:9::/64"), 0);
	assert_true(holds(&p->nft.npt_claim, "fd00:1::/64"));
	assert_false(warns(p, "is not translated"));
	/* that of another pair */
	f->link.six.prefix = prefix("2001:db8:2::/56");
	p = plan(f, NULL);
	assert_false(p->npt.pairs[0].known);
}

static void before_slices(void **state)
{
	struct plan *p = plan(*state, "--ipv6 --nptv6 fd00:1::/48=2001:db8:1:2::/64");

	assert_true(holds(&p->nft.slices[0].not_internal, "fd00:1::/48"));
	assert_true(holds(&p->nft.slices[0].internal, "fc00::/7"));
	p = plan(*state, "--nptv6 fd00:1::/48=2001:db8:1:2::/64");
	assert_int_equal(p->nft.slices[0].not_internal.n, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adjustment_of_the_example),
		cmocka_unit_test(lengths_that_differ),
		cmocka_unit_test(options),
		cmocka_unit_test(bad_options),
		T(off),
		T(entries_and_claim),
		T(into_unique_local),
		T(own_addresses),
		T(auto_prefix),
		T(before_slices),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
