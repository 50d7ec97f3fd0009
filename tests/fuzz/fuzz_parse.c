// SPDX-License-Identifier: GPL-2.0-or-later
/* libFuzzer's entry point: `make fuzz-parse`. What must hold is in parse.h. */
#include "tests/fuzz/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_run(data, size);
	return 0;
}
