/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Malformed packets for both programs, and what must hold whatever comes. An input is
 *
 *   byte 0   bit 0: ingress; bit 1: strict guard; bits 2 and 3: IPv4, IPv4, IPv6, ARP; bit 4: by
 *            programs that translate a prefix, too
 *   byte 1   0xf0 and above: the clock goes on by 40 s for each of the low bits
 *   then     the packet from its IP header on
 *
 * State lives on from run to run: bindings, sessions and notes about fragments.
 */
#ifndef EINAT_TESTS_FUZZ_H
#define EINAT_TESTS_FUZZ_H

#include "tests/bpf/npt_packet.h"
#include "tests/fuzz/check.h"

#define FUZZ_HEAD  2
#define FUZZ_MAX   (FUZZ_HEAD + 512)
#define FUZZ_PORT  20100 /* and the next seven: kept by the hosts that use them */
#define FUZZ_SCAN  8192 /* runs between two looks at every slot */
#define FUZZ_CODES 512
#define FUZZ_LABS  2 /* the second one has the prefix */

struct fuzz {
	struct lab lab[FUZZ_LABS];
	unsigned long runs, translated, translated6, of_prefix, dropped;
	unsigned code; /* kind of the last run, for the fuzzer's feedback */
};

static inline void fuzz_open_lab(struct lab *lab, bool nptv6)
{
	const struct net_prefix in = prefix(FUZZ_INTERNAL), ex = prefix(FUZZ_EXTERNAL);

	lab_nptv6 = nptv6;
	lab_open_as(lab, LAB_BINDINGS, LAB_BINDINGS, 14, true);
	as_ip6 = false;
	lab_reset(lab);
	as_ip6 = true;
	lab->cfg.n_ext = 2;
	lab->cfg.ext[1].addr = addr6(EXT);
	lab_prefix(lab->sk->maps.src, IP4(192, 168, 1, 0), 24, 1);
	lab_prefix(lab->sk->maps.exdst, IP4(203, 0, 114, 0), 24, ~0u);
	as_ip6 = false;
	lab_apply(lab);
	if (nptv6)
		put_pair(lab, &in, &ex);
}

static inline void fuzz_open(struct fuzz *z)
{
	memset(z, 0, sizeof(*z));
	for (int i = 0; i < FUZZ_LABS; i++)
		fuzz_open_lab(&z->lab[i], i == 1);
}

static inline void fuzz_check(struct fuzz *z)
{
	for (int i = 0; i < FUZZ_LABS; i++)
		check_consistent(&z->lab[i]);
}

static inline void fuzz_close(struct fuzz *z)
{
	for (int i = 0; i < FUZZ_LABS; i++)
		lab_close(&z->lab[i]);
}

/* The kind of what became of a packet, below FUZZ_CODES. */
static inline unsigned fuzz_code(const struct frame *f, bool ingress, int verdict, bool changed)
{
	unsigned code = ingress | (verdict == 2) << 1 | (verdict == 7) << 2 | changed << 3;
	struct view v;

	if (view(f->b + 14, f->n - 14, &v)) {
		code |= (v.proto & 3) << 4 | v.frag << 7 | v.six << 8;
		code |= (v.l4 > (v.six ? 40 : 20)) << 6;
	}
	return code;
}

/* One input through its program; a violation is a failed assertion of cmocka's. */
static inline void fuzz_run(struct fuzz *z, const uint8_t *data, size_t size)
{
	static const uint16_t types[] = { 0x0800, 0x0800, 0x86dd, 0x0806 };
	bool egress, strict, changed;
	struct lab *lab;
	struct frame f = { .n = 14 };
	uint16_t type;
	struct run r;
	size_t n;

	if (size < FUZZ_HEAD)
		return;
	if (size > FUZZ_MAX)
		size = FUZZ_MAX;
	n = size - FUZZ_HEAD;
	lab = &z->lab[data[0] >> 4 & 1];
	egress = !(data[0] & 1);
	strict = data[0] & 2;
	type = types[data[0] >> 2 & 3];
	put16(f.b + 12, type);
	memcpy(f.b + 14, data + FUZZ_HEAD, n);
	f.n += n;
	/* newer kernels' BPF_PROG_RUN refuses less than an IP header */
	if ((type == 0x0800 && n < 20) || (type == 0x86dd && n < 40))
		return;
	if (data[1] >= 0xf0)
		lab->ctl->now_override += (data[1] & 15) * 40;
	if (strict != !!(lab->cfg.flags & CFG_F_GUARD_STRICT)) {
		lab->cfg.flags ^= CFG_F_GUARD_STRICT;
		lab_apply(lab);
	}
	r = run_frame(lab, egress ? EINAT_OUT : EINAT_IN, &f, 0, 0);
	if (r.verdict != -1 && r.verdict != 2 && r.verdict != 7)
		fail_msg("verdict %d", r.verdict);
	if (r.verdict == 7 && !egress)
		fail_msg("ingress redirects");
	changed = r.out.n != f.n || memcmp(r.out.b, f.b, f.n);
	if (r.verdict != 2 && r.out.n != f.n)
		fail_msg("%zu bytes became %zu", f.n, r.out.n);
	if (type != 0x0806 && r.verdict != 2 && changed)
		check_translated(f.b + 14, r.out.b + 14, n, egress, strict);
	if (type == (f.b[14] >> 4 == 6 ? 0x86dd : 0x0800) && r.verdict == -1 && !changed && egress)
		check_passed(f.b + 14, n, strict);
	z->code = fuzz_code(&f, data[0] & 1, r.verdict, changed);
	z->translated6 += type == 0x86dd && r.verdict != 2 && changed;
	z->of_prefix += r.verdict != 2 && changed && type == 0x86dd &&
			of_prefix(f.b + 14, r.out.b + 14, egress);
	z->translated += r.verdict != 2 && changed;
	z->dropped += r.verdict == 2;
	if (++z->runs % FUZZ_SCAN == 0)
		fuzz_check(z);
}

#endif
