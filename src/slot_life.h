/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long a binding lives, reckoned as bpf/slot.h does. */
#ifndef EINAT_SLOT_LIFE_H
#define EINAT_SLOT_LIFE_H

#include <stdint.h>

#include "bpf/abi.h"

/** slot_lifetime() - seconds after its last outbound packet, which was @idle seconds ago. */
uint32_t slot_lifetime(const struct einat_slot *s, unsigned proto, const struct einat_cfg *cfg,
		       uint32_t now, uint32_t idle);

#endif
