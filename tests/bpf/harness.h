/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs the data plane packet by packet with BPF_PROG_RUN. What comes out is compared
 * byte by byte with a packet that was built anew, so equal bytes also prove the checksums right.
 */
#ifndef EINAT_TESTS_BPF_HARNESS_H
#define EINAT_TESTS_BPF_HARNESS_H

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "bpf/abi.h"
#include "src/probe.h"
#include "tests/bpf/packet.h"
#include "bpf/einat.skel.h"

#define PORT_LO 20000
#define PORT_HI 29999
#define T0	1000 /* the clock at the start of a case */

enum {
	T_UDP = 300,
	T_ICMP = 60,
	T_TCP_OPEN = 7440,
	T_TCP_SYN = 270,
	T_TCP_CLOSE = 240,
	T_FRAG = 30,
	T_REST = 120
};
struct lab {
	struct einat_bpf *sk;
	struct einat_slot *slots;
	uint64_t *used;
	uint64_t *held;
	uint64_t *avail;
	struct einat_ctl *ctl;
	struct einat_cfg cfg; /* as last written by lab_apply() */
	struct einat_stat before[EINAT_DIR_COUNT * EINAT_REASON_COUNT];
};

#define LAB_PLANES   6 /* EXT: UDP, TCP, ICMP; EXT2 the same */
#define LAB_SLICES   3
#define LAB_BINDINGS 4096

/* In the family that is tested. */
static inline struct einat_addr addr6(uint32_t a)
{
	struct einat_addr r;

	if (as_ip6) {
		role6(a, (uint8_t *)r.w);
		return r;
	}
	return (struct einat_addr){ .w = { 0, 0, htonl(0xffff), htonl(a) } };
}

static inline uint32_t slot_no(unsigned ext, unsigned proto, uint16_t port)
{
	return (ext * EINAT_PROTO_COUNT + proto) * EINAT_PORTS + port;
}

static inline void *lab_map(struct bpf_map *map, size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	assert_ptr_not_equal(p, MAP_FAILED);
	return p;
}

static inline int lab_quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, fmt, ap) : 0;
}

static bool lab_nptv6; /* what is loaded from here on translates prefixes */

/* EINAT_PREEMPTIBLE=1: the programs as a PREEMPT_RT kernel gets them, on any; 0: not even there. */
static inline bool lab_preemptible(void)
{
	const char *e = getenv("EINAT_PREEMPTIBLE");

	return e ? atoi(e) : probe_preempt_rt();
}

/* Load into a network namespace of its own, so that only a case's sockets are met. */
static inline void lab_open_as(struct lab *lab, size_t bindings, size_t sessions, uint8_t l2,
			       bool ipv6)
{
	memset(lab, 0, sizeof(*lab));
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	libbpf_set_print(lab_quiet);
	lab->sk = einat_bpf__open();
	assert_non_null(lab->sk);
	lab->sk->rodata->n_planes = LAB_PLANES;
	lab->sk->rodata->l2_len = l2;
	lab->sk->rodata->ipv6 = ipv6;
	lab->sk->rodata->nptv6 = lab_nptv6;
	lab->sk->rodata->have_coarse_clock =
		libbpf_probe_bpf_helper(BPF_PROG_TYPE_SCHED_CLS, BPF_FUNC_ktime_get_coarse_ns,
					NULL) == 1;
	lab->sk->rodata->preemptible = lab_preemptible();
	bpf_map__set_max_entries(lab->sk->maps.slots, LAB_PLANES * EINAT_PORTS);
	bpf_map__set_max_entries(lab->sk->maps.used, LAB_PLANES * EINAT_PORT_WORDS);
	bpf_map__set_max_entries(lab->sk->maps.held, LAB_PLANES * EINAT_PORT_WORDS);
	bpf_map__set_max_entries(lab->sk->maps.avail,
				 LAB_SLICES * EINAT_PROTO_COUNT * EINAT_PORT_WORDS);
	bpf_map__set_max_entries(lab->sk->maps.by_internal, bindings);
	bpf_map__set_max_entries(lab->sk->maps.sessions, sessions);
	assert_int_equal(einat_bpf__load(lab->sk), 0);
	lab->slots = lab_map(lab->sk->maps.slots, (size_t)LAB_PLANES * EINAT_PORTS * 32);
	lab->used = lab_map(lab->sk->maps.used, (size_t)LAB_PLANES * EINAT_PORT_WORDS * 8);
	lab->held = lab_map(lab->sk->maps.held, (size_t)LAB_PLANES * EINAT_PORT_WORDS * 8);
	lab->avail = lab_map(lab->sk->maps.avail,
			     (size_t)LAB_SLICES * EINAT_PROTO_COUNT * EINAT_PORT_WORDS * 8);
	lab->ctl = lab_map(lab->sk->maps.ctl, 4096);
}

static inline void lab_open_l2(struct lab *lab, size_t bindings, size_t sessions, uint8_t l2)
{
	lab_open_as(lab, bindings, sessions, l2, false);
}

static inline void lab_open_sized(struct lab *lab, size_t bindings, size_t sessions)
{
	lab_open_l2(lab, bindings, sessions, 14);
}

static inline void lab_close(struct lab *lab)
{
	einat_bpf__destroy(lab->sk);
	lab->sk = NULL;
}

static inline void lab_apply(struct lab *lab)
{
	uint32_t idle = !lab->ctl->active;

	assert_int_equal(bpf_map_update_elem(bpf_map__fd(lab->sk->maps.cfg), &idle, &lab->cfg, 0),
			 0);
	lab->ctl->active = idle;
}

static inline void lab_ports(struct lab *lab, unsigned slice, unsigned proto, unsigned lo,
			     unsigned hi, bool on)
{
	uint64_t *w = lab->avail + (slice * EINAT_PROTO_COUNT + proto) * EINAT_PORT_WORDS;

	for (unsigned port = lo; port <= hi; port++) {
		if (on)
			w[port / 64] |= 1ull << (port % 64);
		else
			w[port / 64] &= ~(1ull << (port % 64));
	}
}

/* The slice is port 20101 alone: internal and external port differ. */
static inline void lab_one_port(struct lab *lab)
{
	for (unsigned proto = 0; proto < EINAT_PROTO_COUNT; proto++) {
		lab_ports(lab, 0, proto, 1, 65535, false);
		lab_ports(lab, 0, proto, 20101, 20101, true);
	}
}

static inline void lab_prefix(struct bpf_map *map, uint32_t addr, unsigned len, uint32_t mask)
{
	struct einat_lpm_key key = { .prefixlen = 96 + len, .addr = addr6(addr) };

	assert_int_equal(bpf_map_update_elem(bpf_map__fd(map), &key, &mask, BPF_ANY), 0);
}

static inline void map_clear(struct bpf_map *map)
{
	uint8_t key[64];

	while (!bpf_map_get_next_key(bpf_map__fd(map), NULL, key))
		assert_int_equal(bpf_map_delete_elem(bpf_map__fd(map), key), 0);
}

static inline size_t map_count(struct bpf_map *map)
{
	uint8_t key[64];
	void *prev = NULL;
	size_t n = 0;

	while (!bpf_map_get_next_key(bpf_map__fd(map), prev, key)) {
		prev = key;
		n++;
	}
	return n;
}

#include "tests/bpf/consistent.h"

/* One slice of all protocols with the default ports for 192.168.1.0/24, behind EXT. */
static inline void lab_reset(struct lab *lab)
{
	memset(lab->slots, 0, (size_t)LAB_PLANES * EINAT_PORTS * 32);
	memset(lab->used, 0, (size_t)LAB_PLANES * EINAT_PORT_WORDS * 8);
	memset(lab->held, 0, (size_t)LAB_PLANES * EINAT_PORT_WORDS * 8);
	host_ports_clear(lab);
	memset(lab->avail, 0, (size_t)LAB_SLICES * EINAT_PROTO_COUNT * EINAT_PORT_WORDS * 8);
	map_clear(lab->sk->maps.by_internal);
	map_clear(lab->sk->maps.sessions);
	map_clear(lab->sk->maps.frags);
	map_clear(lab->sk->maps.hosts);
	map_clear(lab->sk->maps.src);
	map_clear(lab->sk->maps.exdst);
	lab->ctl->abi = EINAT_ABI;
	lab->ctl->now_override = T0;
	lab->cfg = (struct einat_cfg){
		.n_ext = 1,
		.n_slices = 1,
		.t_udp = T_UDP,
		.t_icmp = T_ICMP,
		.t_tcp_open = T_TCP_OPEN,
		.t_tcp_close = T_TCP_CLOSE,
		.t_tcp_syn = T_TCP_SYN,
		.t_frag = T_FRAG,
		.t_rest = T_REST,
		.ext = { { .addr = addr6(EXT), .gen = 1, .plane = { 0, 1, 2 } },
			 { .addr = addr6(EXT2), .gen = 101, .plane = { 3, 4, 5 } } },
		.slices = { { .protos = 7 }, { .protos = 7 }, { .protos = 7 } },
	};
	for (unsigned proto = 0; proto < EINAT_PROTO_COUNT; proto++)
		lab_ports(lab, 0, proto, PORT_LO, PORT_HI, true);
	lab_prefix(lab->sk->maps.src, IP4(192, 168, 1, 0), 24, 1);
	lab_prefix(lab->sk->maps.exdst, IP4(203, 0, 114, 0), 24, ~0u);
	lab_apply(lab);
}

/* ---- running ---- */

static inline int prog_fd(const struct lab *lab, enum einat_dir dir)
{
	return bpf_program__fd(dir == EINAT_OUT ? lab->sk->progs.einat_out
						: lab->sk->progs.einat_in);
}

static inline void stats_read(const struct lab *lab, struct einat_stat *st)
{
	int cpus = libbpf_num_possible_cpus();
	struct einat_stat v[cpus];

	for (uint32_t i = 0; i < EINAT_DIR_COUNT * EINAT_REASON_COUNT; i++) {
		memset(&st[i], 0, sizeof(st[i]));
		assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(lab->sk->maps.stats), &i, v), 0);
		for (int c = 0; c < cpus; c++) {
			st[i].packets += v[c].packets;
			st[i].bytes += v[c].bytes;
		}
	}
}

static inline uint64_t count_read(const struct lab *lab, uint32_t what)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t v[cpus], sum = 0;

	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(lab->sk->maps.counts), &what, v), 0);
	for (int c = 0; c < cpus; c++)
		sum += v[c];
	return sum;
}

static inline const char *reason_name(int reason)
{
#define NAME(name, word, class, text) word,
	static const char *const names[] = { EINAT_REASONS(NAME) };
#undef NAME
	return reason < 0 || reason >= EINAT_REASON_COUNT ? "none" : names[reason];
}

static inline int reason_verdict(int reason)
{
#define CLASS(name, word, class, text) class,
	static const char classes[] = { EINAT_REASONS(CLASS) };
#undef CLASS
	if (reason == REASON_HAIRPIN || reason == REASON_HAIRPIN_LOCAL ||
	    reason == REASON_LATE_FRAGMENT)
		return 7; /* TC_ACT_REDIRECT */
	return classes[reason] == 'D' ? 2 /* TC_ACT_SHOT */ : -1 /* TC_ACT_UNSPEC */;
}

struct run {
	struct frame out;
	uint32_t mark;
	int verdict;
};

/* @in: what the kernel knows of the frame besides its bytes. */
static inline struct run run_frame_as(const struct lab *lab, enum einat_dir dir,
				      const struct frame *f, struct __sk_buff in)
{
	struct __sk_buff out = {};
	struct run r = {};
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = f->b, .data_size_in = f->n,
		    .data_out = r.out.b, .data_size_out = sizeof(r.out.b), .ctx_in = &in,
		    .ctx_size_in = sizeof(in), .ctx_out = &out, .ctx_size_out = sizeof(out));
	int err;

	in.ifindex = 1;
	err = bpf_prog_test_run_opts(prog_fd(lab, dir), &o);
	if (err == -EINVAL && in.ingress_ifindex) {
		print_message("# this kernel's BPF_PROG_RUN takes no ingress_ifindex\n");
		skip();
	}
	assert_int_equal(err, 0);
	r.out.n = o.data_size_out;
	r.mark = out.mark;
	r.verdict = o.retval;
	return r;
}

static inline struct run run_frame(const struct lab *lab, enum einat_dir dir, const struct frame *f,
				   uint32_t mark, uint32_t iif)
{
	return run_frame_as(lab, dir, f,
			    (struct __sk_buff){ .mark = mark, .ingress_ifindex = iif });
}

static inline void frame_diff(const struct frame *got, const struct frame *want, const char *what)
{
	if (got->n == want->n && !memcmp(got->b, want->b, got->n))
		return;
	print_message("# %s: length %zu, expected %zu\n", what, got->n, want->n);
	for (size_t i = 0; i < got->n && i < want->n; i++)
		if (got->b[i] != want->b[i])
			print_message("#   byte %zu (IP %+d): %02x, expected %02x\n", i,
				      (int)i - 14, got->b[i], want->b[i]);
	fail_msg("%s: bytes differ", what);
}

/* Exactly one reason was counted, with the frame's bytes. */
static inline void check_reason(struct lab *lab, enum einat_dir dir, int reason, size_t bytes,
				const char *what)
{
	struct einat_stat now[EINAT_DIR_COUNT * EINAT_REASON_COUNT];
	uint64_t sum = 0;
	int got = -1;

	stats_read(lab, now);
	for (int i = 0; i < EINAT_DIR_COUNT * EINAT_REASON_COUNT; i++) {
		uint64_t d = now[i].packets - lab->before[i].packets;

		sum += d;
		if (d)
			got = i;
	}
	if (sum != 1 || got != (int)(dir * EINAT_REASON_COUNT + reason))
		fail_msg("%s: reason %s (%d counted), expected %s", what,
			 reason_name(got % EINAT_REASON_COUNT), (int)sum, reason_name(reason));
	if (now[got].bytes - lab->before[got].bytes != bytes)
		fail_msg("%s: %d bytes counted, expected %zu", what,
			 (int)(now[got].bytes - lab->before[got].bytes), bytes);
}

/* Run @f; it must end for @reason, and leave as @want (NULL: unchanged). */
static inline struct run expect_frame(struct lab *lab, enum einat_dir dir, const struct frame *f,
				      int reason, const struct frame *want, uint32_t mark,
				      uint32_t iif, const char *what)
{
	struct run r;

	stats_read(lab, lab->before);
	r = run_frame(lab, dir, f, mark, iif);
	check_reason(lab, dir, reason, f->n, what);
	if (r.verdict != reason_verdict(reason))
		fail_msg("%s: verdict %d, expected %d", what, r.verdict, reason_verdict(reason));
	if (r.verdict != 2)
		frame_diff(&r.out, want ? want : f, what);
	return r;
}

static inline struct run expect(struct lab *lab, enum einat_dir dir, const struct spec *in,
				int reason, const struct spec *out, const char *what)
{
	struct frame f = build(in), want;

	if (out)
		want = build(out);
	return expect_frame(lab, dir, &f, reason, out ? &want : NULL, 0, 0, what);
}

/* ---- cases as tables ---- */

enum op {
	END,
	OUT_, /* packet at egress */
	IN_, /* packet at ingress */
	CLOCK, /* arg: seconds since the start of the case */
	AVAIL, /* arg: port of slice 0, all protocols; arg2: 0 takes it away, 1 gives it */
	BINDINGS, /* arg: entries in by_internal */
	SESSIONS, /* arg: entries in sessions */
	GEN, /* arg: new generation of EXT */
	FRAGS, /* arg: entries in frags */
};

struct step {
	enum op op;
	struct spec in;
	int reason;
	struct spec out; /* proto 0: unchanged */
	uint32_t mark, iif;
	uint32_t mark_out; /* of the packet afterwards; 0: as before */
	uint32_t arg, arg2;
};

struct test_case {
	const char *name;
	void (*setup)(struct lab *lab);
	struct step steps[24];
	bool ip4_only;
};

static inline void run_step(struct lab *lab, const struct step *s, const char *what)
{
	enum einat_dir dir = s->op == OUT_ ? EINAT_OUT : EINAT_IN;
	struct frame f, want;
	struct run r;

	switch (s->op) {
	case END:
		break;
	case OUT_:
	case IN_:
		f = build(&s->in);
		want = build(s->out.proto ? &s->out : &s->in);
		r = expect_frame(lab, dir, &f, s->reason, &want, s->mark, s->iif, what);
		if (r.mark != (s->mark_out ?: s->mark))
			fail_msg("%s: mark %#x", what, r.mark);
		break;
	case CLOCK:
		lab->ctl->now_override = T0 + s->arg;
		break;
	case AVAIL:
		for (unsigned proto = 0; proto < EINAT_PROTO_COUNT; proto++)
			lab_ports(lab, 0, proto, s->arg, s->arg, s->arg2);
		break;
	case BINDINGS:
		if (map_count(lab->sk->maps.by_internal) != s->arg)
			fail_msg("%s: %zu bindings", what, map_count(lab->sk->maps.by_internal));
		break;
	case SESSIONS:
		if (map_count(lab->sk->maps.sessions) != s->arg)
			fail_msg("%s: %zu sessions", what, map_count(lab->sk->maps.sessions));
		break;
	case GEN:
		lab->cfg.ext[0].gen = s->arg;
		lab_apply(lab);
		break;
	case FRAGS:
		if (map_count(lab->sk->maps.frags) != s->arg)
			fail_msg("%s: %zu fragment notes", what, map_count(lab->sk->maps.frags));
		break;
	}
}

static struct lab the_lab, the_lab6; /* one load each for all cases of a test program */

static inline void run_case_in(struct lab *lab, const struct test_case *c)
{
	char what[128];

	lab_reset(lab);
	if (c->setup)
		c->setup(lab);
	for (size_t i = 0; i < 24 && c->steps[i].op != END; i++) {
		snprintf(what, sizeof(what), "%s, step %zu", c->name, i + 1);
		run_step(lab, &c->steps[i], what);
	}
	check_consistent(lab);
}

static inline void run_case(void **state)
{
	run_case_in(&the_lab, *state);
}

/* IPv4 while IPv6 is translated too. */
static inline void run_case_both(void **state)
{
	run_case_in(&the_lab6, *state);
}

static inline int begin_ip6(void **state)
{
	(void)state;
	as_ip6 = true;
	return 0;
}

static inline int end_ip6(void **state)
{
	(void)state;
	as_ip6 = false;
	return 0;
}

static inline struct CMUnitTest case_test(const struct test_case *c, const char *suffix,
					  CMUnitTestFunction fn, bool ip6)
{
	char *name = NULL;

	assert_true(asprintf(&name, "%s%s", c->name, suffix) > 0);
	return (struct CMUnitTest){ .name = name,
				    .test_func = fn,
				    .setup_func = ip6 ? begin_ip6 : NULL,
				    .teardown_func = ip6 ? end_ip6 : NULL,
				    .initial_state = (void *)c };
}

/*
 * Run the cases of a table as cmocka tests, each under its name: IPv4 alone, IPv4 beside IPv6, and
 * over IPv6; then @more, in the lab of IPv4 alone.
 */
static inline int run_table(const char *group, const struct test_case *cases, size_t n,
			    const struct CMUnitTest *more, size_t n_more)
{
	struct CMUnitTest *tests = calloc(3 * n + n_more, sizeof(*tests));
	size_t k = 0;
	int failed;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	lab_open_sized(&the_lab, LAB_BINDINGS, LAB_BINDINGS);
	lab_open_as(&the_lab6, LAB_BINDINGS, LAB_BINDINGS, 14, true);
	for (size_t i = 0; i < n; i++)
		tests[k++] = case_test(&cases[i], "", run_case, false);
	for (size_t i = 0; i < n; i++)
		tests[k++] = case_test(&cases[i], " (IPv6 on)", run_case_both, false);
	for (size_t i = 0; i < n; i++)
		if (!cases[i].ip4_only)
			tests[k++] = case_test(&cases[i], " (over IPv6)", run_case_both, true);
	for (size_t i = 0; i < n_more; i++)
		tests[k++] = more[i];
	failed = _cmocka_run_group_tests(group, tests, k, NULL, NULL);
	lab_close(&the_lab);
	lab_close(&the_lab6);
	free(tests);
	return failed;
}

/* As run_table(), cases of IPv6 alone; @more too are run with as_ip6 set. */
static inline int run_table6(const char *group, const struct test_case *cases, size_t n,
			     const struct CMUnitTest *more, size_t n_more)
{
	struct CMUnitTest *tests = calloc(n + n_more, sizeof(*tests));
	int failed;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	lab_open_as(&the_lab6, LAB_BINDINGS, LAB_BINDINGS, 14, true);
	for (size_t i = 0; i < n; i++)
		tests[i] = case_test(&cases[i], "", run_case_both, true);
	for (size_t i = 0; i < n_more; i++) {
		tests[n + i] = more[i];
		tests[n + i].setup_func = begin_ip6;
		tests[n + i].teardown_func = end_ip6;
	}
	failed = _cmocka_run_group_tests(group, tests, n + n_more, NULL, NULL);
	lab_close(&the_lab6);
	free(tests);
	return failed;
}

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

#endif
