/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A struct nft_spec with room of its own, and running commands; for the tests of nft/table.h. */
#ifndef TESTS_NFT_SPEC_H
#define TESTS_NFT_SPEC_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "nft/table.h"

struct test_spec {
	struct nft_spec s;
	struct net_addr external[4];
	struct nft_slice slices[3];
	struct nft_forward forwards[4];
};

static inline void spec_external(struct test_spec *t, const char *addr)
{
	assert_int_equal(net_addr_parse(addr, &t->external[t->s.n_external]), 0);
	t->s.external = t->external;
	t->s.n_external++;
}

static inline void spec_prefix(struct net_list *l, const char *prefix)
{
	struct net_prefix p;

	assert_int_equal(net_prefix_parse(prefix, &p), 0);
	assert_int_equal(net_list_add(l, &p), 0);
}

static inline void spec_ports(struct port_set *ports, const char *text)
{
	port_set_free(ports);
	assert_int_equal(port_set_parse(text, ports), 0);
}

static inline struct nft_slice *spec_slice(struct test_spec *t, unsigned protos)
{
	struct nft_slice *slice = &t->slices[t->s.n_slices++];

	t->s.slices = t->slices;
	slice->protos = protos;
	return slice;
}

static inline void spec_forward(struct test_spec *t, unsigned proto, uint16_t port, const char *to,
				uint16_t to_port)
{
	struct nft_forward *f = &t->forwards[t->s.n_forwards++];

	t->s.forwards = t->forwards;
	*f = (struct nft_forward){ .proto = proto, .port = port, .to_port = to_port };
	assert_int_equal(net_addr_parse(to, &f->to), 0);
}

/* All sources, all protocols, ports 20000-29999: what `einat -i wan` asks for. */
static inline void spec_init(struct test_spec *t, int ifindex, enum nft_rest rest)
{
	memset(t, 0, sizeof(*t));
	t->s.ifname = "wan";
	t->s.ifindex = ifindex;
	t->s.rest = rest;
	t->s.kept_protos = PROTO_ALL;
	spec_external(t, "203.0.113.1");
	if (rest == NFT_REST_GUARD)
		spec_prefix(&t->s.guarded, "0.0.0.0/0");
	spec_prefix(&spec_slice(t, PROTO_ALL)->internal, "0.0.0.0/0");
	for (int i = 0; i < PROTO_COUNT; i++)
		spec_ports(&t->s.kept[i], "20000-29999");
}

/* Everything that a table can hold at once. */
static inline void spec_full(struct test_spec *t, enum nft_rest rest)
{
	struct nft_slice *s;

	spec_init(t, 7, rest);
	spec_external(t, "203.0.113.9");
	spec_prefix(&t->slices[0].not_internal, "172.17.0.0/16");
	spec_prefix(&t->slices[0].not_internal, "172.17.5.0/24");
	spec_prefix(&t->slices[0].not_internal, "172.18.0.0/16");
	spec_prefix(&t->slices[0].not_internal, "240.0.0.0/4");
	spec_prefix(&t->slices[0].exclude_dest, "10.0.0.0/8");
	s = spec_slice(t, PROTO_UDP | PROTO_TCP);
	s->mark = 0x30;
	s->mark_mask = 0xff;
	spec_prefix(&s->internal, "192.168.1.0/24");
	spec_prefix(&s->internal, "192.168.3.77/32");
	spec_prefix(&s->internal, "2001:db8::/32");
	for (int i = 0; i < PROTO_COUNT; i++)
		spec_ports(&t->s.kept[i], "20000-29999,40000");
	spec_ports(&t->s.local[0], "25000-25001");
	spec_ports(&t->s.local[1], "25000");
	spec_forward(t, PROTO_TCP, 443, "192.168.1.5", 8443);
	spec_forward(t, PROTO_UDP, 443, "192.168.1.5", 8443);
}

/* IPv6 as well: unique local sources behind the same interface. */
static inline void spec_ipv6(struct test_spec *t, enum nft_rest rest6)
{
	t->s.ipv6 = true;
	t->s.rest6 = rest6;
	spec_external(t, "2001:db8::1");
	spec_prefix(&t->slices[0].internal, "fc00::/7");
	spec_prefix(&t->slices[0].not_internal, "fe80::/10");
	if (rest6 == NFT_REST_GUARD)
		spec_prefix(&t->s.guarded, "::/0");
}

/* Everything that a table can hold at once, of both families. */
static inline void spec_full6(struct test_spec *t, enum nft_rest rest, enum nft_rest rest6)
{
	spec_full(t, rest);
	spec_ipv6(t, rest6);
	spec_prefix(&t->slices[0].not_internal, "fd00:d0c::/64");
	spec_prefix(&t->slices[0].not_internal, "::/128");
	spec_prefix(&t->slices[0].exclude_dest, "ff00::/8");
	spec_prefix(&t->slices[0].exclude_dest, "fd00::/8");
	spec_prefix(&t->slices[1].internal, "fd00:1::77/128");
	spec_prefix(&t->slices[1].exclude_dest, "::/0");
	spec_forward(t, PROTO_TCP, 443, "fd00:1::5", 8443);
}

/* Stateless prefix translation of @internal. */
static inline void spec_nptv6(struct test_spec *t, const char *internal)
{
	t->s.nptv6 = true;
	spec_prefix(&t->s.npt_claim, internal);
	spec_prefix(&t->s.npt_internal, internal);
	spec_prefix(&t->s.npt_keep, "fe80::/10");
	spec_prefix(&t->s.npt_keep, "ff00::/8");
	spec_prefix(&t->s.npt_keep, "fc00::/7");
}

static inline void spec_free(struct test_spec *t)
{
	net_list_free(&t->s.guarded);
	net_list_free(&t->s.npt_claim);
	net_list_free(&t->s.npt_internal);
	net_list_free(&t->s.npt_keep);
	for (size_t i = 0; i < t->s.n_slices; i++) {
		net_list_free(&t->slices[i].internal);
		net_list_free(&t->slices[i].not_internal);
		net_list_free(&t->slices[i].exclude_dest);
	}
	for (int i = 0; i < PROTO_COUNT; i++) {
		port_set_free(&t->s.kept[i]);
		port_set_free(&t->s.local[i]);
	}
}

/* What a shell command prints, malloc'd; the test fails if the command does. */
static inline __attribute__((format(printf, 1, 2))) char *run(const char *fmt, ...)
{
	char cmd[1024], *out = NULL;
	size_t size = 0;
	va_list ap;
	FILE *pipe, *mem;
	int c;

	va_start(ap, fmt);
	assert_true(vsnprintf(cmd, sizeof(cmd), fmt, ap) < (int)sizeof(cmd));
	va_end(ap);
	pipe = popen(cmd, "r");
	mem = open_memstream(&out, &size);
	assert_non_null(pipe);
	assert_non_null(mem);
	while ((c = fgetc(pipe)) != EOF)
		fputc(c, mem);
	fclose(mem);
	c = pclose(pipe);
	if (c) {
		print_error("%s: status %d\n%s", cmd, WEXITSTATUS(c), out);
		fail();
	}
	return out;
}

#define do_run(...) free(run(__VA_ARGS__))

#endif
