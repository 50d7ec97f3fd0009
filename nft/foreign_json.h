/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A struct foreign as JSON, from the process that has read the rules to the one that needs it. */
#ifndef EINAT_NFT_FOREIGN_JSON_H
#define EINAT_NFT_FOREIGN_JSON_H

#include <jansson.h>

#include "foreign.h"

/**
 * foreign_to_json() - all of @f but the rules; NULL: out of memory. Names that are no printable
 * UTF-8 become \xNN.
 */
json_t *foreign_to_json(const struct foreign *f);
/** foreign_from_json() - the reverse: 0, -ENOMEM, or -EBADMSG if @json is not what that makes. */
int foreign_from_json(const json_t *json, struct foreign **ret_foreign);

#endif
