/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What capture.c and capture_file.c share. */
#ifndef EINAT_CAPTURE_PRIV_H
#define EINAT_CAPTURE_PRIV_H

#include "lib/capture.h"

struct capture {
	struct capture_source source;
	struct capture_record **rec;
	size_t n;
};

#endif
