/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Orders to the program "einat_sweep", as the daemon gives them (bpf/abi.h). */
#ifndef EINAT_TESTS_BPF_LAB_SWEEP_H
#define EINAT_TESTS_BPF_LAB_SWEEP_H

#include "tests/bpf/harness.h"

/** lab_sweep() - @w as it is answered. */
static inline struct einat_sweep lab_sweep(const struct lab *lab, struct einat_sweep w)
{
	uint8_t in[64] = {}, out[64] = {};
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = in, .data_size_in = sizeof(in),
		    .data_out = out, .data_size_out = sizeof(out));

	memcpy(in, &w, sizeof(w));
	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(lab->sk->progs.einat_sweep), &o),
			 0);
	assert_int_equal(o.retval, 0);
	memcpy(&w, out, sizeof(w));
	return w;
}

#endif
