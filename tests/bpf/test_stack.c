// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How much stack the programs take, as kernels before 6.10 count: the frame of each function is
 * rounded up to 32 bytes, and no chain of calls may take more than 512 (check_max_stack_depth() in
 * kernel/bpf/verifier.c). Later kernels round to 16, so what loads there may not load on 5.10 and
 * 6.1; this is seen on any kernel. All code counts, also what a setting switches off.
 */
#include "tests/bpf/harness.h"

#define STACK_MAX  512 /* MAX_BPF_STACK */
#define FRAMES_MAX 8 /* MAX_CALL_FRAMES */
#define FUNCS_MAX  128

struct func {
	size_t first, end;
	unsigned int frame;
};

struct object {
	const struct bpf_insn *insns;
	struct func f[FUNCS_MAX];
	size_t n;
};

static bool is_call(const struct bpf_insn *i)
{
	return i->code == (BPF_JMP | BPF_CALL) && i->src_reg == BPF_PSEUDO_CALL;
}

static struct func *func_at(struct object *o, size_t first)
{
	for (size_t i = 0; i < o->n; i++)
		if (o->f[i].first == first)
			return &o->f[i];
	return NULL;
}

static void func_add(struct object *o, size_t first)
{
	if (func_at(o, first))
		return;
	assert_true(o->n < FUNCS_MAX);
	o->f[o->n++].first = first;
}

/* How far below the frame's start @i reaches: by itself, or by the address that it makes of r10. */
static unsigned int reach(const struct bpf_insn *i)
{
	unsigned int class = BPF_CLASS(i->code);
	int off = 0;

	if ((class == BPF_LDX && i->src_reg == BPF_REG_10) ||
	    ((class == BPF_STX || class == BPF_ST) && i->dst_reg == BPF_REG_10))
		off = i->off;
	else if (i->code == (BPF_ALU64 | BPF_ADD | BPF_K) && i[-1].dst_reg == i->dst_reg &&
		 i[-1].code == (BPF_ALU64 | BPF_MOV | BPF_X) && i[-1].src_reg == BPF_REG_10)
		off = i->imm;
	return off < 0 ? -off : 0;
}

static void object_read(struct object *o, const struct bpf_insn *insns, size_t n)
{
	*o = (struct object){ .insns = insns };
	func_add(o, 0);
	for (size_t i = 0; i < n; i++)
		if (is_call(&insns[i]))
			func_add(o, i + insns[i].imm + 1);
	for (size_t k = 0; k < o->n; k++) {
		struct func *f = &o->f[k];

		f->end = n;
		for (size_t j = 0; j < o->n; j++)
			if (o->f[j].first > f->first && o->f[j].first < f->end)
				f->end = o->f[j].first;
		for (size_t i = f->first + 1; i < f->end; i++)
			if (reach(&insns[i]) > f->frame)
				f->frame = reach(&insns[i]);
		f->frame = (f->frame ? f->frame + 31 : 32) / 32 * 32;
	}
}

/* The deepest chain of calls from @f on; functions do not call themselves. */
static unsigned int deepest(struct object *o, const struct func *f, unsigned int frames,
			    unsigned int *most_frames)
{
	unsigned int most = 0;

	if (frames > *most_frames)
		*most_frames = frames;
	assert_true(frames <= FRAMES_MAX);
	for (size_t i = f->first; i < f->end; i++) {
		unsigned int d;

		if (!is_call(&o->insns[i]))
			continue;
		d = deepest(o, func_at(o, i + o->insns[i].imm + 1), frames + 1, most_frames);
		most = d > most ? d : most;
	}
	return f->frame + most;
}

static void test_stack(void **state)
{
	struct einat_bpf *sk = einat_bpf__open();
	static struct object o;
	struct bpf_program *prog;

	(void)state;
	assert_non_null(sk);
	sk->rodata->n_planes = LAB_PLANES;
	assert_int_equal(einat_bpf__load(sk), 0); /* then a program has its functions behind it */
	bpf_object__for_each_program (prog, sk->obj) {
		unsigned int frames = 0, depth;

		object_read(&o, bpf_program__insns(prog), bpf_program__insn_cnt(prog));
		depth = deepest(&o, &o.f[0], 1, &frames);
		print_message("# %s: %u bytes, %u frames\n", bpf_program__name(prog), depth,
			      frames);
		assert_true(depth <= STACK_MAX);
	}
	einat_bpf__destroy(sk);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_stack) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("stack", tests, NULL, NULL);
}
