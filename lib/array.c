// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>

#include "lib/array.h"

void *array_room(void *array, size_t n, size_t size)
{
	return n & (n - 1) ? array : realloc(array, (n ? 2 * n : 1) * size);
}
