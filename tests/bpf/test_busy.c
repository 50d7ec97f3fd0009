// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A kernel that does not delete an entry now (see slot_free() in bpf/slot.h), played by programs
 * in which every call of bpf_map_delete_elem() has been replaced by its answer, -EBUSY.
 */
#include "tests/bpf/lab_sweep.h"

#define R(x) REASON_##x

static int refuse_deletion(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	size_t n = bpf_program__insn_cnt(prog), refused = 0;
	struct bpf_insn *insns = calloc(n, sizeof(*insns));
	int err;

	(void)opts;
	(void)cookie;
	if (!insns)
		return -ENOMEM;
	memcpy(insns, bpf_program__insns(prog), n * sizeof(*insns));
	for (size_t i = 0; i < n; i++) {
		if (insns[i].code != (BPF_JMP | BPF_CALL) || insns[i].src_reg ||
		    insns[i].imm != BPF_FUNC_map_delete_elem)
			continue;
		insns[i] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = -EBUSY };
		refused++;
	}
	err = bpf_program__set_insns(prog, insns, n);
	free(insns);
	return err ?: refused ? 0 : -ENOENT;
}

static uint32_t freed(const struct lab *lab, enum einat_sweep_op op)
{
	struct einat_sweep w = { .op = op, .first = 20000, .count = 64 };

	return lab_sweep(lab, w).freed;
}

/* The slot is kept for a later sweep, as it was, and its endpoint is served by it until then. */
static void kept_until_later(void **state)
{
	const struct spec a = UDP(LAN_A, 20001, REMOTE, 53), a_x = UDP(EXT, 20001, REMOTE, 53);
	const struct spec b = UDP(LAN_B, 20001, REMOTE, 53), b_x = UDP(EXT, 20003, REMOTE, 53);
	struct lab *lab = &the_lab;

	(void)state;
	lab_reset(lab);
	lab_ports(lab, 0, EINAT_PROTO_UDP, 1, 65535, false);
	lab_ports(lab, 0, EINAT_PROTO_UDP, 20001, 20001, true);
	lab_ports(lab, 0, EINAT_PROTO_UDP, 20003, 20003, true);
	expect(lab, EINAT_OUT, &a, R(TRANSLATED), &a_x, "new");
	lab->ctl->now_override = T0 + T_UDP + T_REST + 1;
	assert_int_equal(freed(lab, SWEEP_EXPIRED), 0);
	assert_int_equal(freed(lab, SWEEP_FORCE), 0);
	check_consistent(lab);
	expect(lab, EINAT_OUT, &b, R(TRANSLATED), &b_x, "another host, which wants that port");
	check_consistent(lab);
	expect(lab, EINAT_OUT, &a, R(TRANSLATED), &a_x, "its own endpoint");
	check_consistent(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(kept_until_later) };
	int handler, failed;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .prog_prepare_load_fn = refuse_deletion);
	handler = libbpf_register_prog_handler("tc", BPF_PROG_TYPE_SCHED_CLS, 0, &opts);
	if (handler < 0)
		return 1;
	lab_open_sized(&the_lab, LAB_BINDINGS, LAB_BINDINGS);
	failed = cmocka_run_group_tests_name("busy", tests, NULL, NULL);
	lab_close(&the_lab);
	libbpf_unregister_prog_handler(handler);
	return failed;
}
