/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Puts programs on the two TC hooks of an interface, finds them again, and takes them off. */
#ifndef EINAT_ATTACH_H
#define EINAT_ATTACH_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

enum attach_mode { ATTACHED_NONE, ATTACHED_TCX, ATTACHED_CLSACT };

struct attachment {
	enum attach_mode mode;
	uint32_t out_prog, in_prog; /* program ids; 0: that side is missing */
	int out_link, in_link; /* TCX: link descriptors, else -1 */
};

const char *attach_mode_name(enum attach_mode mode);

/** attach_find() - einat's programs on @ifindex now; mode ATTACHED_NONE if there are none. */
int attach_find(int ifindex, struct attachment *ret_at, struct err *err);

/**
 * attach_add() - put @out_fd on egress and @in_fd on ingress of @ifindex, in place of @old.
 * @mode:   ATTACHED_TCX or ATTACHED_CLSACT; the mode of @old wins if it has one
 * @pin:    directory for the TCX links, or NULL for none
 * @ret_made_clsact: set to whether the clsact qdisc was made here
 * A replacement is atomic for each hook: no packet goes by untranslated. On failure what
 * was attached before is, and nothing else. Returns -EOPNOTSUPP when the kernel has no TCX.
 */
int attach_add(int ifindex, enum attach_mode mode, const char *pin, int out_fd, int in_fd,
	       const struct attachment *old, bool *ret_made_clsact, struct err *err);

/**
 * attach_del() - take the programs off, and the clsact qdisc if einat made it and it is empty. Pins
 * of TCX links are removed wherever they are, also those of an interface @ifname that is gone
 * (@ifindex 0).
 */
int attach_del(const char *ifname, int ifindex, bool made_clsact, struct err *err);

void attachment_close(struct attachment *at);

#endif
