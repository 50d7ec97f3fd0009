// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the data plane costs a packet: the time that BPF_PROG_RUN tells, less that of an empty
 * program, which stands for the measuring. Each packet is run once, since a second run on the same
 * bytes would meet a translated packet. Kinds of packets take turns and medians are compared, so
 * that other work on the machine meets all of them alike; the last column says it as a ratio.
 */
#include <linux/filter.h>

#include "tests/bpf/harness.h"

#define ROUNDS 20001 /* runs of each kind; EINAT_ROUNDS chooses others */

struct kind {
	const char *name;
	bool ip6; /* the packet is of IPv6 */
	bool both; /* the programs translate IPv6 too */
	bool fresh; /* each packet is of a new endpoint */
	enum einat_dir dir;
	struct spec spec;
	int reason;
};

#define OUT_UDP	 UDP(LAN_A, 25000, REMOTE, 53)
#define IN_UDP	 UDP(REMOTE, 53, EXT, 25000)
#define OUT_TCP	 TCP(F_ACK, LAN_A, 25000, REMOTE, 443, .len = 32)
#define OUT_PING PING(LAN_A, REMOTE, 25000)

static const struct kind kinds[] = {
	{ "out, udp", .dir = EINAT_OUT, .spec = OUT_UDP, .reason = REASON_TRANSLATED },
	{ "in, udp", .dir = EINAT_IN, .spec = IN_UDP, .reason = REASON_TRANSLATED },
	{ "out, tcp data", .dir = EINAT_OUT, .spec = OUT_TCP, .reason = REASON_TRANSLATED },
	{ "out, ping", .dir = EINAT_OUT, .spec = OUT_PING, .reason = REASON_TRANSLATED },
	{ "out, a new binding", .dir = EINAT_OUT, .spec = OUT_UDP, .reason = REASON_TRANSLATED,
	  .fresh = true },
	{ "out, not in the slice", .dir = EINAT_OUT, .spec = UDP(LAN_OUTSIDE, 9, REMOTE, 53),
	  .reason = REASON_NOT_IN_SLICE },
	{ "out, masqueraded or own", .dir = EINAT_OUT, .spec = UDP(EXT, 9, REMOTE, 53),
	  .reason = REASON_EXTERNAL_SOURCE },
	{ "in, no binding", .dir = EINAT_IN, .spec = UDP(REMOTE, 53, EXT, 9),
	  .reason = REASON_NO_BINDING },
	{ "out, udp, IPv6 on", .both = true, .dir = EINAT_OUT, .spec = OUT_UDP,
	  .reason = REASON_TRANSLATED },
	{ "in, udp, IPv6 on", .both = true, .dir = EINAT_IN, .spec = IN_UDP,
	  .reason = REASON_TRANSLATED },
	{ "out, udp over IPv6", true, true, .dir = EINAT_OUT, .spec = OUT_UDP,
	  .reason = REASON_TRANSLATED },
	{ "in, udp over IPv6", true, true, .dir = EINAT_IN, .spec = IN_UDP,
	  .reason = REASON_TRANSLATED },
};

#define KINDS COUNT_OF(kinds)

static void die(const char *what)
{
	fprintf(stderr, "bench_packet: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int empty_program(void)
{
	const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = -1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "empty", "GPL", code, COUNT_OF(code), NULL);

	if (fd < 0)
		die("cannot load the empty program");
	return fd;
}

static uint32_t run_ns(int fd, const struct frame *f)
{
	struct __sk_buff ctx = { .ifindex = 1 };
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = f->b, .data_size_in = f->n, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx));

	if (bpf_prog_test_run_opts(fd, &o))
		die("BPF_PROG_RUN");
	return o.duration;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static double median(uint32_t *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_value);
	return v[n / 2];
}

static struct lab *lab_of(const struct kind *k)
{
	return k->both ? &the_lab6 : &the_lab;
}

/* Not twice within the ports of the slice: a host for each few thousand rounds. */
static struct frame frame_of(const struct kind *k, size_t round)
{
	struct spec s = k->spec;

	as_ip6 = k->ip6;
	if (k->fresh) {
		s.src = IP4(192, 168, 1, 100 + round / 4096);
		s.sport = 20000 + round % 4096;
	}
	return build(&s);
}

/* What is measured is what the name says: the reason is counted for each of @n runs. */
static void check_kind(const struct kind *k, const struct einat_stat *before, size_t n)
{
	struct einat_stat now[EINAT_DIR_COUNT * EINAT_REASON_COUNT];
	unsigned i = k->dir * EINAT_REASON_COUNT + k->reason;

	stats_read(lab_of(k), now);
	if (now[i].packets - before[i].packets < n) {
		fprintf(stderr, "bench_packet: %s: not all ended by \"%s\"\n", k->name,
			reason_name(k->reason));
		exit(1);
	}
}

/* One family's slice in each lab; in the second one IPv4's beside it. */
static void lab_start(struct lab *lab, bool both)
{
	lab_open_as(lab, 1 << 16, 1024, 14, both);
	as_ip6 = both;
	lab_reset(lab);
	if (both) {
		as_ip6 = false;
		lab->cfg.n_ext = 2;
		lab->cfg.ext[1].addr = addr6(EXT);
		lab_prefix(lab->sk->maps.src, IP4(192, 168, 1, 0), 24, 1);
		lab_apply(lab);
	}
	for (unsigned proto = 0; proto < EINAT_PROTO_COUNT; proto++)
		lab_ports(lab, 0, proto, 1024, 65535, true);
	lab->ctl->now_override = 0; /* the real clock, which costs time too */
}

int main(void)
{
	const char *rounds = getenv("EINAT_ROUNDS");
	size_t n = rounds ? strtoul(rounds, NULL, 0) : ROUNDS;
	struct einat_stat before[2][EINAT_DIR_COUNT * EINAT_REASON_COUNT];
	uint32_t *ns[KINDS + 1];
	double base, udp = 0;
	int empty;

	if (geteuid()) {
		printf("what a packet costs: not measured, needs root\n");
		return 0;
	}
	if (!n || n > 100000) /* 24 hosts: the /24 and the slice end there */
		n = ROUNDS;
	empty = empty_program();
	for (size_t k = 0; k <= KINDS; k++) {
		ns[k] = calloc(n, sizeof(*ns[k]));
		if (!ns[k])
			die("memory");
	}
	lab_start(&the_lab, false);
	lab_start(&the_lab6, true);
	for (size_t k = 0; k < KINDS; k++) { /* the bindings that the others use */
		struct frame f = frame_of(&kinds[k], 0);

		if (kinds[k].dir == EINAT_OUT && !kinds[k].fresh)
			run_ns(prog_fd(lab_of(&kinds[k]), EINAT_OUT), &f);
	}
	stats_read(&the_lab, before[0]);
	stats_read(&the_lab6, before[1]);
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k <= KINDS; k++) {
			struct frame f = frame_of(&kinds[k % KINDS], i);
			int fd = k == KINDS ? empty : prog_fd(lab_of(&kinds[k]), kinds[k].dir);

			ns[k][i] = run_ns(fd, &f);
		}
	}
	base = median(ns[KINDS], n);
	printf("%-28s %5.0f ns, taken off below; medians of %zu\n", "the measuring itself", base,
	       n);
	for (size_t k = 0; k < KINDS; k++) {
		double t = median(ns[k], n) - base;

		check_kind(&kinds[k], before[kinds[k].both], n);
		if (!k)
			udp = t;
		printf("%-28s %5.0f ns  %4.2f\n", kinds[k].name, t, t / udp);
		free(ns[k]);
	}
	free(ns[KINDS]);
	close(empty);
	lab_close(&the_lab);
	lab_close(&the_lab6);
	return 0;
}
