/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hostile captures for what parses them. An input is a capture's file (byte 0: 'J', then the text)
 * or its records (byte 0: 'R'), each a byte that names it, two of length (little endian), and the
 * bytes; a record that is named again goes on. Whatever comes: no crash, no leak, no answer but
 * those documented, and what is made of it can be walked and released.
 */
#ifndef EINAT_TESTS_FUZZ_PARSE_H
#define EINAT_TESTS_FUZZ_PARSE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "check/host.h"
#include "nft/read.h"
#include "tests/check/snapshot_text.h"

static const struct {
	const char *kind, *name;
} fuzz_records[] = {
	/* those that must be there come first */
	{ "nft", "tables" },
	{ "nft", "chains" },
	{ "nft", "sets" },
	{ "nft", "elements" },
	{ "nft", "objects" },
	{ "nft", "flowtables" },
	{ "nft", "rules" },
	{ "link", "" },
	{ "address", "" },
	{ "rule", "ipv4" },
	{ "route", "ipv4" },
#define FUZZ_MUST 11
	{ "rule", "ipv6" },
	{ "route", "ipv6" },
	{ "iptables-legacy", "filter" },
	{ "iptables-legacy", "nat" },
	{ "iptables-legacy", "mangle" },
	{ "iptables-legacy", "raw" },
	{ "ip6tables-legacy", "filter" },
	{ "ip6tables-legacy", "nat" },
	{ "ip6tables-legacy", "mangle" },
	{ "qdisc", "" },
	{ "filter", "" },
	{ "tcx", "" },
	{ "program", "" },
	{ "socket", "udp" },
	{ "socket", "tcp" },
	{ "socket-text", "raw" },
	{ "socket-text", "icmp" },
	{ "socket-text", "udp6" },
	{ "owner", "" },
	{ "sysctl", "" },
	{ "einat", "" },
	{ "conntrack", "" },
	{ "gap", "tcx" },
};

#define FUZZ_RECORDS (sizeof(fuzz_records) / sizeof(*fuzz_records))

static inline void fuzz_assert(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "# not so: %s\n", what);
		abort();
	}
}

#define FUZZ_ASSERT(cond) fuzz_assert((cond), #cond)

/* malloc'd; records that are of no kind above are left out */
static inline uint8_t *fuzz_input(const struct capture *c, size_t *ret_len)
{
	char *out;
	FILE *f = open_memstream(&out, ret_len);

	fputc('R', f);
	for (size_t i = 0; i < FUZZ_RECORDS; i++) {
		const struct capture_record *r = NULL;

		while ((r = capture_next(c, fuzz_records[i].kind, r)))
			for (size_t at = 0;
			     at < r->len && !strcmp(r->name, fuzz_records[i].name);) {
				size_t n = r->len - at < 0xffff ? r->len - at : 0xffff;

				fputc((int)i, f);
				fputc((int)(n & 0xff), f);
				fputc((int)(n >> 8), f);
				fwrite(r->data + at, 1, n, f);
				at += n;
			}
	}
	fclose(f);
	return (uint8_t *)out;
}

static inline struct capture *fuzz_capture(const uint8_t *data, size_t size)
{
	struct capture *c = capture_new("fuzz");
	struct capture_record *rec[FUZZ_RECORDS] = { NULL };

	for (size_t i = 0; i < FUZZ_MUST; i++)
		rec[i] = capture_add(c, fuzz_records[i].kind, fuzz_records[i].name);
	while (size >= 3) {
		size_t n = data[1] | (size_t)data[2] << 8, i = data[0] % FUZZ_RECORDS;

		n = n < size - 3 ? n : size - 3;
		if (!rec[i])
			rec[i] = capture_add(c, fuzz_records[i].kind, fuzz_records[i].name);
		FUZZ_ASSERT(!capture_put(rec[i], data + 3, n));
		data += 3 + n;
		size -= 3 + n;
	}
	return c;
}

/* Every rule's bytes and comment lie in the capture. */
static inline bool fuzz_inside(const struct capture *c, const void *p, size_t len)
{
	for (size_t i = 0; i < FUZZ_RECORDS; i++) {
		const struct capture_record *r = NULL;

		while ((r = capture_next(c, fuzz_records[i].kind, r)))
			if ((uintptr_t)p >= (uintptr_t)r->data &&
			    (uintptr_t)p + len <= (uintptr_t)r->data + r->len)
				return true;
	}
	return false;
}

static inline void fuzz_rules(const struct capture *c)
{
	struct fw_snapshot *s;
	struct err err = { 0 };
	int ret = fw_snapshot_parse(c, &s, &err);

	FUZZ_ASSERT(!ret || ret == -EBADMSG);
	FUZZ_ASSERT(!ret == !*err.text);
	if (ret)
		return;
	free(snapshot_text(s));
	for (size_t i = 0; i < s->n_chains; i++)
		for (size_t j = 0; j < s->chains[i]->n_rules; j++) {
			const struct fw_rule *r = &s->chains[i]->rules[j];

			FUZZ_ASSERT(r->chain == s->chains[i]);
			FUZZ_ASSERT(fuzz_inside(c, r->raw, r->raw_len));
			FUZZ_ASSERT(!r->comment ||
				    fuzz_inside(c, r->comment, strlen(r->comment) + 1));
		}
	for (size_t i = 1; i < s->n_chains; i++)
		FUZZ_ASSERT(s->chains[i]->table->index >= s->chains[i - 1]->table->index);
	fw_snapshot_free(s);
}

static inline void fuzz_host(const struct capture *c)
{
	struct host *h;
	struct err err = { 0 };
	size_t all = 0;
	int ret = host_parse(c, &h, &err);

	FUZZ_ASSERT(!ret || ret == -EBADMSG);
	FUZZ_ASSERT(!ret == !*err.text);
	if (ret)
		return;
	for (size_t i = 0; i < h->n_links; i++)
		all += strlen(h->links[i].name) + strlen(h->links[i].kind) +
		       strlen(h->links[i].port_kind);
	for (size_t i = 0; i < h->n_rules; i++) {
		all += strlen(h->rules[i].iif) + strlen(h->rules[i].oif);
		FUZZ_ASSERT(h->rules[i].from.len <= 128 && h->rules[i].to.len <= 128);
	}
	for (size_t i = 0; i < h->n_routes; i++)
		FUZZ_ASSERT(h->routes[i].dst.len <= 128 && h->routes[i].src.len <= 128);
	for (size_t i = 0; i < h->n_progs; i++)
		all += strlen(h->progs[i].name) + strlen(h->progs[i].classifier);
	for (size_t i = 0; i < h->n_sockets; i++)
		all += strlen(h->sockets[i].process);
	for (size_t i = 0; i < h->n_sysctls; i++) {
		all += strlen(h->sysctls[i].name);
		FUZZ_ASSERT(host_sysctl(h, h->sysctls[i].name) != NULL);
	}
	for (size_t i = 0; i < h->n_flows; i++)
		FUZZ_ASSERT(h->flows[i].proto & PROTO_ALL);
	for (size_t i = 0; i < h->n_gaps; i++)
		all += strlen(h->gaps[i].what) + strlen(h->gaps[i].why);
	FUZZ_ASSERT(all < SIZE_MAX / 2);
	host_free(h);
}

/* JSON is UTF-8, and what is shown has no control characters but newlines. */
static inline void fuzz_shown(const struct findings *fs, const char *ifname)
{
	json_t *root = findings_json(fs, ifname);
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	FUZZ_ASSERT(root != NULL);
	FUZZ_ASSERT(json_array_size(json_object_get(root, "findings")) == fs->n);
	findings_print(root, f);
	fclose(f);
	for (size_t i = 0; i < len; i++)
		FUZZ_ASSERT(text[i] == '\n' || ((uint8_t)text[i] >= ' ' && text[i] != 0x7f));
	free(text);
	json_decref(root);
}

/* Everything that `einat check` looks at: both families, prefixes, marks, hairpin. */
static inline void fuzz_check(const struct capture *c)
{
	char name[] = "wan", *hairpin[] = { (char[]){ "lan" } };
	struct conf_slice slice = { .protos = PROTO_ALL };
	struct conf_npt npt = { .internal = { { { 0xfd, 0, 0, 1 } }, 48 } };
	struct conf_forward forward = { .proto = PROTO_UDP, .port = 20009, .to_port = 9 };
	struct conf_if conf = { .name = name,
				.slices = &slice,
				.n_slices = 1,
				.forwards = &forward,
				.n_forwards = 1,
				.npts = &npt,
				.n_npts = 1,
				.hairpin_ifs = hairpin,
				.n_hairpin_ifs = 1,
				.ipv6 = true,
				.inbound_mark = { 0x10000000, 0x10000000 } };
	struct findings fs = { 0 };
	struct err err = { 0 };
	int ret;

	FUZZ_ASSERT(!port_set_add(&slice.ports, 20000, 29999));
	ret = check_run(&conf, c, &fs, &err);
	FUZZ_ASSERT(!ret || ret == -EBADMSG);
	FUZZ_ASSERT(!ret == !*err.text);
	if (!ret)
		fuzz_shown(&fs, name);
	findings_clear(&fs);
	port_set_free(&slice.ports);
}

static inline void fuzz_run(const uint8_t *data, size_t size)
{
	struct capture *c = NULL;
	struct err err = { 0 };
	int ret = 0;

	if (!size)
		return;
	if (*data == 'J')
		ret = capture_load_text((const char *)data + 1, size - 1, "F", &c, &err);
	else
		c = fuzz_capture(data + 1, size - 1);
	FUZZ_ASSERT(!ret || ret == -EBADMSG || ret == -EPROTO);
	if (ret)
		return;
	fuzz_rules(c);
	fuzz_host(c);
	fuzz_check(c);
	capture_free(c);
}

#endif
