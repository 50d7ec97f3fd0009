/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `einat check`: from what the user asked for and a capture of the host to findings. Nothing
 * here asks the kernel, so a capture of another host gives what it would give there.
 */
#ifndef EINAT_CHECK_H
#define EINAT_CHECK_H

#include "check/finding.h"
#include "lib/capture.h"
#include "lib/err.h"
#include "nft/read.h"
#include "src/config.h"

/** check_capture() - a capture of all that check_run() looks at, in this network namespace. */
int check_capture(const char *version, struct capture **ret_capture, struct err *err);

/**
 * check_run() - what would go wrong, or has gone wrong, with @conf on the host of @capture.
 * @ret_findings: filled and sorted; to be cleared by the caller, also if it was empty before
 * Returns 0, -ENOMEM or -EBADMSG (the capture is damaged) with @err.
 */
int check_run(const struct conf_if *conf, const struct capture *capture,
	      struct findings *ret_findings, struct err *err);
/** check_run_parsed() - the same, where @fw is what fw_snapshot_parse() made of @capture. */
int check_run_parsed(const struct conf_if *conf, const struct capture *capture,
		     const struct fw_snapshot *fw, struct findings *ret_findings, struct err *err);

#endif
