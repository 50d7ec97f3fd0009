// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <string.h>

#include "lib/checksum.h"

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

uint16_t checksum_sum(const void *data, size_t n)
{
	const uint8_t *p = data;
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	return fold(sum);
}

uint16_t checksum_of(const void *data, size_t n)
{
	return htons((uint16_t)~checksum_sum(data, n));
}

void checksum_update(void *field, const void *before, const void *after, size_t n)
{
	uint16_t check;

	memcpy(&check, field, sizeof(check));
	check = (uint16_t)~ntohs(check);
	check = fold((uint64_t)check + (uint16_t)~checksum_sum(before, n) + checksum_sum(after, n));
	check = htons((uint16_t)~check);
	memcpy(field, &check, sizeof(check));
}
