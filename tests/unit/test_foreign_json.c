// SPDX-License-Identifier: GPL-2.0-or-later
/* What one process says of others' rules is what the other one hears; anything else is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>

#include "nft/foreign_json.h"

static struct net_list nets(const char *a, const char *b)
{
	struct net_list l = { 0 };
	struct net_prefix p;

	assert_int_equal(net_prefix_parse(a, &p), 0);
	assert_int_equal(net_list_add(&l, &p), 0);
	if (b) {
		assert_int_equal(net_prefix_parse(b, &p), 0);
		assert_int_equal(net_list_add(&l, &p), 0);
	}
	return l;
}

static struct foreign *sample(void)
{
	struct foreign *f = calloc(1, sizeof(*f));

	f->snat = calloc(2, sizeof(*f->snat));
	f->dnat = calloc(1, sizeof(*f->dnat));
	f->drop = calloc(2, sizeof(*f->drop));
	f->n_snat = f->n_drop = 2;
	f->n_dnat = 1;
	f->snat[0] = (struct foreign_snat){ .where = strdup("ip nat POSTROUTING handle 7"),
					    .src = nets("172.17.0.0/16", "0.0.0.0/0"),
					    .names_dest = true,
					    .protos = PROTO_ALL,
					    .port_lo = 1024,
					    .port_hi = 65535,
					    .own_address = true,
					    .to = net_addr_from4(htonl(0xcb007109)) };
	f->snat[1] = (struct foreign_snat){
		.where = strdup("w"), .ipv6 = true, .names_iface = true, .protos = PROTO_UDP
	};
	f->dnat[0] = (struct foreign_dnat){ .where = strdup("ip t p handle 1"),
					    .ipv6 = true,
					    .protos = PROTO_TCP,
					    .dst = nets("2001:db8::1", "::/0") };
	assert_int_equal(port_set_parse("80,20000-29999,65535", &f->dnat[0].ports), 0);
	f->drop[0] = (struct foreign_drop){ .where = strdup("inet fw forward"),
					    .cause = strdup("policy drop"),
					    .mark_accepts = true,
					    .names_src = true };
	f->drop[1] = (struct foreign_drop){ .where = strdup("ip filter FORWARD"),
					    .cause = strdup("ip filter \xff\"\n handle 3"),
					    .ipv6 = true,
					    .xtables = true,
					    .dst = nets("10.0.0.0/8", NULL),
					    .oif = calloc(2, sizeof(char *)),
					    .n_oif = 2,
					    .oif_except = true };
	f->drop[1].oif[0] = strdup("docker0");
	f->drop[1].oif[1] = strdup("br-c");
	return f;
}

static void assert_nets(const struct net_list *a, const struct net_list *b)
{
	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < a->n; i++) {
		assert_true(net_addr_eq(&a->p[i].addr, &b->p[i].addr));
		assert_int_equal(a->p[i].len, b->p[i].len);
	}
}

static void test_round_trip(void **state)
{
	struct foreign *f = sample(), *g;
	json_t *json = foreign_to_json(f), *again;
	char *text = json_dumps(json, JSON_COMPACT);

	(void)state;
	assert_non_null(text);
	assert_null(strchr(text, '\n')); /* it is a line of a protocol */
	json_decref(json);
	json = json_loads(text, 0, NULL);
	assert_int_equal(foreign_from_json(json, &g), 0);

	assert_int_equal(g->n_snat, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct foreign_snat *a = &f->snat[i], *b = &g->snat[i];

		assert_string_equal(a->where, b->where);
		assert_nets(&a->src, &b->src);
		assert_true(a->ipv6 == b->ipv6 && a->names_iface == b->names_iface &&
			    a->names_dest == b->names_dest && a->protos == b->protos &&
			    a->port_lo == b->port_lo && a->port_hi == b->port_hi &&
			    a->own_address == b->own_address && net_addr_eq(&a->to, &b->to) &&
			    !b->rule);
	}
	assert_int_equal(g->n_dnat, 1);
	assert_string_equal(f->dnat[0].where, g->dnat[0].where);
	assert_true(g->dnat[0].ipv6 && g->dnat[0].protos == PROTO_TCP);
	assert_true(port_set_eq(&f->dnat[0].ports, &g->dnat[0].ports));
	assert_nets(&f->dnat[0].dst, &g->dnat[0].dst);
	assert_int_equal(g->n_drop, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct foreign_drop *a = &f->drop[i], *b = &g->drop[i];

		assert_string_equal(a->where, b->where);
		assert_nets(&a->dst, &b->dst);
		assert_true(a->ipv6 == b->ipv6 && a->xtables == b->xtables &&
			    a->mark_accepts == b->mark_accepts && a->names_src == b->names_src &&
			    a->n_oif == b->n_oif && a->oif_except == b->oif_except);
	}
	assert_string_equal(g->drop[1].cause, "ip filter \\xff\"\\x0a handle 3");
	assert_string_equal(g->drop[1].oif[0], "docker0");
	assert_string_equal(g->drop[1].oif[1], "br-c");

	again = foreign_to_json(g);
	assert_true(json_equal(json, again)); /* what was made printable stays so */
	json_decref(again);
	json_decref(json);
	free(text);
	foreign_free(f);
	foreign_free(g);
}

/* Each value in turn becomes something else. */
static void damage(json_t *root, json_t *at, unsigned *tried)
{
	static const char *const others[] = { "null", "-1", "65536", "\"x\"", "{}", "[[1]]" };
	struct foreign *f;
	const char *key;
	json_t *v;
	size_t i;

	json_array_foreach (at, i, v)
		damage(root, v, tried);
	json_object_foreach (at, key, v) {
		damage(root, v, tried);
		json_incref(v);
		for (i = 0; i < sizeof(others) / sizeof(*others); i++) {
			json_t *w = json_loads(others[i], JSON_DECODE_ANY, NULL);

			assert_int_equal(json_object_set_new(at, key, w), 0);
			if (json_is_string(v) && json_is_string(w) && strcmp(key, "to") != 0)
				continue; /* that is no damage */
			assert_int_equal(foreign_from_json(root, &f), -EBADMSG);
			++*tried;
		}
		json_object_set_new(at, key, v);
	}
}

static void test_damage(void **state)
{
	struct foreign *f = sample();
	json_t *json = foreign_to_json(f);
	unsigned tried = 0;

	(void)state;
	damage(json, json, &tried);
	assert_true(tried > 200);
	assert_int_equal(foreign_from_json(NULL, &f), -EBADMSG);
	json_decref(json);
	foreign_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_damage),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
