/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EINAT_LIB_ARRAY_H
#define EINAT_LIB_ARRAY_H

#include <stddef.h>

/**
 * array_room() - room for one element more than @n, of @size bytes each, in an array that grows at
 * powers of two and by this alone. The array, which may have moved; NULL: no memory, and @array is
 * as it was.
 */
void *array_room(void *array, size_t n, size_t size);

#endif
