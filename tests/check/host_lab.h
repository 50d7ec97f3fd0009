/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A host of real objects in a network namespace, captured and parsed. */
#ifndef EINAT_TEST_HOST_LAB_H
#define EINAT_TEST_HOST_LAB_H

#include <errno.h>
#include <net/if.h>
#include <unistd.h>
#include <bpf/bpf.h>

#include "../nft/netlab.h"
#include "check/host.h"
#include "nft/read.h"

struct lab_host {
	struct capture *capture;
	struct host *host;
};

static inline struct lab_host host_take(void)
{
	struct lab_host l = { .capture = capture_new("test") };
	struct err err = { 0 };

	if (host_capture(l.capture, &err) || host_parse(l.capture, &l.host, &err))
		fail_msg("%s", err.text);
	return l;
}

static inline void host_drop(struct lab_host *l)
{
	host_free(l->host);
	capture_free(l->capture);
}

/* What a file makes of a capture: saved, loaded, the original released. */
static inline struct capture *through_file(struct capture *c)
{
	char path[] = "/tmp/einat-test-XXXXXX";
	struct capture *again = NULL;
	struct err err = { 0 };

	close(mkstemp(path));
	if (capture_save(c, path, &err) || capture_load(path, &again, &err))
		fail_msg("%s", err.text);
	unlink(path);
	capture_free(c);
	return again;
}

/* A program that lets all packets pass (its value: -1 of TC and TCX, 2 of XDP). */
static inline int program(enum bpf_prog_type type, const char *name)
{
	const struct bpf_insn insns[] = {
		{ .code = 0xb7, .imm = type == BPF_PROG_TYPE_XDP ? 2 : -1 }, /* r0 = */
		{ .code = 0x95 }, /* exit */
	};
	int fd = bpf_prog_load(type, name, "GPL", insns, 2, NULL);

	assert_true(fd >= 0);
	return fd;
}

static inline uint32_t program_id(int fd)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);

	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	return info.id;
}

static inline struct net_addr addr_of(const char *text)
{
	struct net_addr a;

	assert_int_equal(net_addr_parse(text, &a), 0);
	return a;
}

static inline void assert_addr(const struct net_addr *a, const char *text)
{
	char buf[NET_ADDR_STRLEN];

	assert_string_equal(net_addr_format(a, buf), text);
}

static inline void assert_prefix(const struct net_prefix *p, const char *text)
{
	char buf[NET_ADDR_STRLEN];

	assert_string_equal(net_prefix_format(p, buf), text);
}

#endif
